//! What Usher promises about speed, measured: a load driver for any SCIM server, and what its figures are held against.
//!
//! - [`drive`]: a closed loop of so many clients, each answer checked; [`load`]: filling a server; [`walk`]: through a list by pages.
//! - [`limit`]: a bare server of Usher's own HTTP stack; [`disk`]: how long the disk takes to make a write durable;
//!   [`bare`]: the statements of a request on SQLite without anything around them.
//!
//! The binary `usher-bench` has a command for each; `benches/service` and `benches/compare` call it. See `docs/benchmarks.md`.

pub mod bare;
pub mod caller;
pub mod disk;
pub mod drive;
pub mod figures;
pub mod limit;
pub mod load;
pub mod made_up;
pub mod walk;
pub mod work;
