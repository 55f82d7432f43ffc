//! Section S: schemas, attributes, values.

pub(super) mod envelope;
