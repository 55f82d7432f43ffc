//! Prepared forms for comparing and indexing text, computed here and nowhere else (never by SQL `lower()`).

/// userName's key: width mapping, lower case, NFC (PRECIS UsernameCaseMapped's mapping, RFC 8265 §3.3; checklist X-14/15).
/// Refuses control characters, outer white space, an empty name and more than 512 bytes.
pub fn user_name(_text: &str) -> Result<String, crate::ScimError> {
    todo!()
}
/// Other `caseExact: false` text: NFC, then simple case folding (checklist X-16).
pub fn fold(_text: &str) -> String {
    todo!()
}
/// A SCIM dateTime as milliseconds since 1970 (RFC 7643 §2.3.5); any offset, any fraction.
pub fn date_time(_text: &str) -> Option<i64> {
    todo!()
}
/// Milliseconds as `2026-11-22T09:00:00.000Z`.
pub fn print_time(_milliseconds: i64) -> String {
    todo!()
}
