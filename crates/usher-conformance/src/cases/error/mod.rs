//! Section R: errors, media types, authentication.

pub(super) mod media;
pub(super) mod status;
