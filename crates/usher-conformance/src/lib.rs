//! The checklist of SCIM as cases over HTTP.
