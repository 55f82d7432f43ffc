//! The client against servers of this machine that behave, and that misbehave.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails a test")]

mod app;
mod calls;
mod diagnosis;
mod faults;
mod oauth;
mod wire;
