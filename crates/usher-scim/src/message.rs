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

/// What stands around the resources of a page; what is `None` is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// `totalResults`
    pub total: Option<u64>,
    /// `startIndex`, for index paging.
    pub start_index: Option<u64>,
    /// `nextCursor` (RFC 9865).
    pub next_cursor: Option<String>,
    /// `previousCursor` (RFC 9865).
    pub previous_cursor: Option<String>,
}

/// A ListResponse with index or cursor paging; `itemsPerPage` is the number of resources.
pub fn page<'r>(_page: &Page, _resources: impl IntoIterator<Item = &'r [u8]>) -> Vec<u8> {
    todo!()
}
