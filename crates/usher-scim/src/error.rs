//! SCIM errors: status, scimType and detail (RFC 7644 §3.12).

/// RFC 7644 table 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ScimType {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidVers,
    Sensitive,
    /// RFC 9865 §2.1.
    InvalidCursor,
    /// RFC 9865 §2.1.
    ExpiredCursor,
    /// RFC 9865 §2.1.
    InvalidCount,
}

impl ScimType {
    /// The keyword as it stands in an error body.
    pub fn as_str(self) -> &'static str {
        todo!()
    }
}

/// An error as a SCIM client gets it. `detail` tells the client's administrator what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// HTTP status.
    pub status: u16,
    /// Only for 400 and 409 (and 403 `sensitive`).
    pub scim_type: Option<ScimType>,
    /// Human text.
    pub detail: String,
}

impl ScimError {
    /// 400 with a scimType.
    pub fn bad(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self { status: 400, scim_type: Some(scim_type), detail: detail.into() }
    }
    /// Any other status, without a scimType.
    pub fn status(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }
    /// 409 `uniqueness`.
    pub fn taken(attribute: &str, value: &str) -> Self {
        Self {
            status: 409,
            scim_type: Some(ScimType::Uniqueness),
            detail: format!("{attribute} \"{value}\" is already in use"),
        }
    }
    /// The body of RFC 7644 §3.12 (`status` is text).
    pub fn body(&self) -> crate::Object {
        todo!()
    }
}
