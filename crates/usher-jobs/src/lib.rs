//! Clock and chance, leases, work rows, back-off, the outbox of mails: what every job stands on, and nothing of what a job does.

pub mod backoff;
pub mod clock;
pub mod lease;
pub mod mail;
mod tables;
pub mod work;

pub use backoff::Backoff;
pub use clock::Clock;
pub use lease::{Lease, Leases};
pub use tables::TABLES;
