//! SCIM errors: status, scimType and detail (RFC 7644 §3.12).

use serde_json::Value;

/// RFC 7644 table 9 and RFC 9865 §2.1.
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
    InvalidCursor,
    ExpiredCursor,
    InvalidCount,
}

impl ScimType {
    /// The keyword as it stands in an error body.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
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
        let mut body = crate::Object::new();
        body.insert("schemas".into(), Value::Array(vec![crate::message::ERROR.into()]));
        body.insert("status".into(), self.status.to_string().into());
        if let Some(scim_type) = self.scim_type {
            body.insert("scimType".into(), scim_type.as_str().into());
        }
        body.insert("detail".into(), self.detail.as_str().into());
        body
    }
}

/// 400 `invalidValue`: the most frequent error here.
pub(crate) fn invalid_value(detail: impl Into<String>) -> ScimError {
    ScimError::bad(ScimType::InvalidValue, detail)
}
/// 400 `invalidSyntax`.
pub(crate) fn invalid_syntax(detail: impl Into<String>) -> ScimError {
    ScimError::bad(ScimType::InvalidSyntax, detail)
}
/// 400 `invalidPath`.
pub(crate) fn invalid_path(detail: impl Into<String>) -> ScimError {
    ScimError::bad(ScimType::InvalidPath, detail)
}
/// 400 `invalidFilter`.
pub(crate) fn invalid_filter(detail: impl Into<String>) -> ScimError {
    ScimError::bad(ScimType::InvalidFilter, detail)
}
/// 400 `mutability`.
pub(crate) fn mutability(detail: impl Into<String>) -> ScimError {
    ScimError::bad(ScimType::Mutability, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_01_status_is_text() {
        let body = ScimError::taken("userName", "ann").body();
        assert_eq!(
            Value::Object(body),
            serde_json::json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": "409",
                "scimType": "uniqueness",
                "detail": "userName \"ann\" is already in use"
            })
        );
    }

    #[test]
    fn r_02_no_scim_type_where_none_is_named() {
        assert!(!ScimError::status(404, "no such user").body().contains_key("scimType"));
    }
}
