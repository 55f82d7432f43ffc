//! Request bodies: bytes to a JSON object, strictly (RFC 7644 §3.8; checklist S-18, N-29, R-39).

use crate::{Object, ScimError};

/// Reads a body: a JSON object in UTF-8 without a byte order mark, at most 64 deep, no key twice in one object (ignoring
/// case). Anything else is `invalidSyntax`.
pub fn parse(_bytes: &[u8]) -> Result<Object, ScimError> {
    todo!()
}
