//! Running sources: the one part of this crate that is async.
//!
//! A run reads the whole file first (on a thread of its own; what changed is staged), judges who leaves, and only then writes:
//! leavers, people and groups by blocks, then managers and members. Each block is one transaction with the rows of `entry`
//! that say what it wrote, so a run that is cut off anywhere is simply run again.
mod ldap;
mod link;
mod preview;
mod running;
mod serve;
mod write;

use std::time::Duration;

use usher_client::AddressPolicy;
use usher_directory::{config::Configs, object::PutError};
use usher_jobs::{
    clock::Clock,
    lease::{Lease, Leases},
};
use usher_store::{Lane, Snapshot, Store, StoreError, Tx};

pub use self::preview::{Preview, Previewed};
use self::{ldap::Mode, running::Run};
use crate::{
    rows,
    run::{self, Progress, RunReport},
    source::{self, Source},
};

/// One short read.
const READ: Duration = Duration::from_secs(10);

/// Runs sources. Cheap to clone.
#[derive(Clone)]
pub struct Sources {
    store: Store,
    configs: Configs,
    clock: Clock,
    leases: Leases,
    addresses: AddressPolicy,
}

/// Why a run did not come to its end.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SyncError {
    /// The file or server can't be read or is not what it should be; nothing was changed.
    #[error("{0}; nothing was imported")]
    File(String),
    /// Another run of this source is under way, here or on another instance.
    #[error(
        "another run of source {0} is under way (one that was killed frees the source within two minutes)"
    )]
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

/// Who is told how far a run is.
pub type Watcher<'w> = &'w mut (dyn FnMut(Progress) + Send);

impl Sources {
    /// Over a store; `leases` are the process's own.
    pub fn new(store: Store, configs: Configs, clock: Clock, leases: Leases) -> Self {
        Self { store, configs, clock, leases, addresses: AddressPolicy { private: true } }
    }

    /// Which addresses servers may have; loopback and private ones too, unless it is said otherwise.
    #[must_use]
    pub fn with_addresses(self, addresses: AddressPolicy) -> Self {
        Self { addresses, ..self }
    }

    /// Imports all of a source. `Ok` also when single entries failed or leavers are held: the report says so. A run that failed
    /// stands in the log of runs as well.
    ///
    /// # Errors
    /// [`SyncError`]; after a failed run the next one begins anew and loses nothing.
    pub async fn sync(&self, source: &Source, progress: Watcher<'_>) -> Result<RunReport, SyncError> {
        self.run(source, Mode::Full, progress).await
    }

    /// Imports what changed since the last run, where the source can tell; else all of it.
    ///
    /// # Errors
    /// As [`Sources::sync`].
    pub async fn update(&self, source: &Source, progress: Watcher<'_>) -> Result<RunReport, SyncError> {
        self.run(source, Mode::Changes, progress).await
    }

    async fn run(&self, source: &Source, mode: Mode, progress: Watcher<'_>) -> Result<RunReport, SyncError> {
        let Some(lease) = self.leases.take(&format!("source/{}", source.id.0)).await? else {
            return Err(SyncError::Running(source.name.clone()));
        };
        self.leased(source, lease, mode, progress).await
    }

    /// A run with its lease, which is given back.
    async fn leased(
        &self,
        source: &Source,
        lease: Lease,
        mode: Mode,
        progress: Watcher<'_>,
    ) -> Result<RunReport, SyncError> {
        let result = tokio::select! {
            () = self.leases.keep(&lease) => Err(SyncError::TakenOver(source.name.clone())),
            result = self.held(source, &lease, mode, progress) => result,
        };
        if let Err(error) = self.leases.give_back(lease).await {
            tracing::warn!(source = source.name, %error, "the lease of a source could not be given back");
        }
        result
    }

    /// Lets the leavers go whom the last run held, and imports again. Others that vanished since are judged anew.
    ///
    /// # Errors
    /// As [`Sources::sync`]; those who were allowed to go then go with the next run.
    pub async fn allow(&self, source: &Source, progress: Watcher<'_>) -> Result<RunReport, SyncError> {
        let id = source.id;
        self.store.write(Lane::Now, move |tx| rows::allow(tx, id)).await?;
        self.sync(source, progress).await
    }

    /// A run while the lease is held.
    async fn held(
        &self,
        source: &Source,
        lease: &Lease,
        mode: Mode,
        progress: Watcher<'_>,
    ) -> Result<RunReport, SyncError> {
        let started = self.clock.now();
        let (id, configs, name) = (source.id, self.configs.clone(), source.name.clone());
        let found = self
            .read(move |on| {
                let Some(source) = source::get(on, id)? else { return Ok(None) };
                Ok(configs.get(on, source.directory)?.map(|config| (source, config)))
            })
            .await?;
        let (source, config) = found.ok_or(SyncError::Gone(name))?;
        let held = lease.clone();
        let begun =
            self.store.write(Lane::Now, move |tx| checked(&held, tx, |tx| run::begin(tx, id, started))).await;
        let number = begun.map_err(|error| error.of(&source))?;
        let mut run = Run::new(self, lease, config, source, number, started);
        let result = run.all(mode, progress).await;
        run.end(result).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Snapshot<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.store.read(READ, work).await
    }
}

/// Why a block was not written.
#[derive(Debug)]
enum WriteError {
    /// The lease is another's.
    Lost,
    /// The directory refused one of its drafts.
    Put(PutError),
    Store(StoreError),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl WriteError {
    fn of(self, source: &Source) -> SyncError {
        match self {
            Self::Lost => SyncError::TakenOver(source.name.clone()),
            Self::Put(error) => SyncError::Store(StoreError::Bug(error.to_string())),
            Self::Store(error) => SyncError::Store(error),
        }
    }
}

/// A write of the lease's holder.
fn checked<T>(
    lease: &Lease,
    tx: &mut Tx<'_>,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
) -> Result<T, WriteError> {
    if !lease.check(tx)? {
        return Err(WriteError::Lost);
    }
    Ok(work(tx)?)
}
