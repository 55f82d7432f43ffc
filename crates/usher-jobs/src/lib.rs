//! Clock and chance, leases, work rows, back-off: what every job stands on, and nothing of what a job does.

pub mod clock;
pub mod lease;
pub mod work;

/// This crate's tables.
pub const TABLES: usher_store::Tables = usher_store::Tables { owner: "jobs", migrations: &[] };
