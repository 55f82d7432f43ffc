//! Messages: list responses spliced from ready bytes (RFC 7644 §3.4.2), discovery documents (RFC 7643 §5, §6).

/// `urn:ietf:params:scim:api:messages:2.0:ListResponse`
pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// `urn:ietf:params:scim:api:messages:2.0:Error`
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// `urn:ietf:params:scim:api:messages:2.0:PatchOp`
pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// `urn:ietf:params:scim:api:messages:2.0:SearchRequest`
pub const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// A ListResponse around resources that are JSON already.
pub fn list<'r>(_total: u64, _start_index: u64, _resources: impl IntoIterator<Item = &'r [u8]>) -> Vec<u8> {
    todo!()
}
