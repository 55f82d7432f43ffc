//! The client against servers of this machine that behave, and that misbehave.

mod app;
mod calls;
mod diagnosis;
mod faults;
