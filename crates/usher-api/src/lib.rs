//! The JSON that Usher speaks outside SCIM: plain types.
