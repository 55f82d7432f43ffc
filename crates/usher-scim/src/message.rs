//! Messages: list responses spliced from ready bytes (RFC 7644 §3.4.2, RFC 9865).

use serde_json::Value;

/// `urn:ietf:params:scim:api:messages:2.0:ListResponse`
pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// `urn:ietf:params:scim:api:messages:2.0:Error`
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// `urn:ietf:params:scim:api:messages:2.0:PatchOp`
pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// `urn:ietf:params:scim:api:messages:2.0:SearchRequest`
pub const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// `urn:ietf:params:scim:api:messages:2.0:BulkRequest`
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// `urn:ietf:params:scim:api:messages:2.0:BulkResponse`
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

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

/// A ListResponse around resources that are JSON already.
pub fn list<'r>(total: u64, start_index: u64, resources: impl IntoIterator<Item = &'r [u8]>) -> Vec<u8> {
    page(&Page { total: Some(total), start_index: Some(start_index), ..Page::default() }, resources)
}

/// A ListResponse with index or cursor paging; `itemsPerPage` is the number of resources.
pub fn page<'r>(page: &Page, resources: impl IntoIterator<Item = &'r [u8]>) -> Vec<u8> {
    let mut out = format!("{{\"schemas\":[\"{LIST}\"]").into_bytes();
    let member = |out: &mut Vec<u8>, name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
        }
    };
    member(&mut out, "totalResults", page.total.map(Value::from));
    member(&mut out, "startIndex", page.start_index.map(Value::from));
    member(&mut out, "nextCursor", page.next_cursor.as_deref().map(Value::from));
    member(&mut out, "previousCursor", page.previous_cursor.as_deref().map(Value::from));
    out.extend_from_slice(b",\"Resources\":[");
    let mut items = 0u64;
    for resource in resources {
        if items > 0 {
            out.push(b',');
        }
        out.extend_from_slice(resource);
        items += 1;
    }
    out.extend_from_slice(format!("],\"itemsPerPage\":{items}}}").as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_02_an_empty_page_has_everything() {
        let json: Value = serde_json::from_slice(&list(0, 1, [])).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"schemas": [LIST], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []})
        );
    }

    #[test]
    fn q_48_cursors() {
        let around = Page { total: Some(3), next_cursor: Some("n".into()), ..Page::default() };
        let json: Value =
            serde_json::from_slice(&page(&around, [&br#"{"id":"1"}"#[..], br#"{"id":"2"}"#])).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"schemas": [LIST], "totalResults": 3, "nextCursor": "n", "itemsPerPage": 2,
                "Resources": [{"id": "1"}, {"id": "2"}]})
        );
    }
}
