//! Applications, gallery, assignments, work, cycles, plan, explain, provisioning log.
//!
//! The domain is synchronous over [`usher_store::Tx`] and [`usher_store::Snapshot`]; [`driver`] is the only async module:
//! it takes due work, talks to the app, and writes down what came of it.

pub mod app;
pub mod assignment;
pub mod attribute;
pub mod cycle;
pub mod decide;
pub mod diff;
pub mod driver;
pub mod error;
pub mod explain;
#[cfg(feature = "flaws")]
pub mod flaw;
#[cfg(not(feature = "flaws"))]
mod flaw;
pub mod gallery;
pub mod given;
pub mod heart;
pub mod impact;
pub mod leaver;
pub mod limit;
pub mod link;
pub mod log;
pub mod mapping;
mod members;
mod notify;
pub mod plan;
pub mod protected;
pub mod pushed;
pub mod quarantine;
pub mod reference;
pub mod scope;
pub mod settings;
pub mod status;
mod tables;
mod task;
mod turn;
mod unique;

pub use app::{App, AppId};
pub use driver::Engine;
pub use error::EngineError;
pub use tables::TABLES;
