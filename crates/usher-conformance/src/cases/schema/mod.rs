//! Section S: schemas, attributes, values.

pub(super) mod attributes;
mod certificate;
pub(super) mod envelope;
pub(super) mod meaning;
pub(super) mod values;
