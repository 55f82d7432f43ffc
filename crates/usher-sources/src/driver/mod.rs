//! Running sources: the one part of this crate that is async.
use std::sync::Arc;

use usher_directory::config::Configs;
use usher_jobs::{clock::Clock, lease::Leases};
use usher_store::{Store, StoreError};

use crate::{
    run::{Progress, RunReport},
    source::Source,
};

/// Runs sources. Cheap to clone.
#[derive(Clone)]
pub struct Sources {
    #[allow(dead_code)]
    store: Store,
    #[allow(dead_code)]
    configs: Configs,
    #[allow(dead_code)]
    clock: Clock,
    #[allow(dead_code)]
    leases: Arc<Leases>,
}

/// Why a run did not come to its end.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SyncError {
    /// The file can't be read or is not what it should be; nothing was changed.
    #[error("{0}")]
    File(String),
    /// Another run of this source is under way, here or on another instance.
    #[error("another run of source {0} is under way; after a crash it can be run again within two minutes")]
    Running(String),
    /// This run was taken for dead and another instance has taken over; what it wrote so far stands.
    #[error("this run of source {0} was taken over by another")]
    TakenOver(String),
    /// The source or its directory was removed.
    #[error("source {0} is gone")]
    Gone(String),
    /// The database.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for SyncError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Sources {
    /// Over a store; `leases` are the process's own.
    pub fn new(store: Store, configs: Configs, clock: Clock, leases: Arc<Leases>) -> Self {
        Self { store, configs, clock, leases }
    }

    /// Imports a source's file. `Ok` also when single entries failed or leavers are held: the report says so. A run that failed
    /// stands in the log of runs as well.
    pub async fn sync(
        &self,
        _source: &Source,
        _progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<RunReport, SyncError> {
        todo!()
    }

    /// Lets the leavers go that the last run held, and imports again. Others that vanished since are judged anew.
    pub async fn allow(
        &self,
        _source: &Source,
        _progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<RunReport, SyncError> {
        todo!()
    }
}
