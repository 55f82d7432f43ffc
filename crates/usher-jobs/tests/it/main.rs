//! Leases, work rows and mails through this crate's door, on both databases.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod lease;
mod mail;
mod smtp;
mod work;

use jiff::Timestamp;
use usher_jobs::Clock;

/// A morning.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_334_400 + seconds).unwrap()
}

fn clock() -> Clock {
    Clock::still(at(0), 7)
}

/// Runs a future to its end on a runtime of its own.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
