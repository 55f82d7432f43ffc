//! Connectors that fill a directory: LDIF, CSV.
