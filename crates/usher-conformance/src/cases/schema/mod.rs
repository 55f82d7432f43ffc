//! Section S: schemas, attributes, values.

pub(super) mod attributes;
pub(super) mod envelope;
pub(super) mod meaning;
pub(super) mod values;
