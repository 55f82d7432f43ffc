//! Running sources: the one part of this crate that is async.
//!
//! A run reads the whole file first (on a thread of its own; what changed is staged), judges who leaves, and only then writes:
//! leavers, people and groups by blocks, then managers and members. Each block is one transaction with the rows of `entry`
//! that say what it wrote, so a run that is cut off anywhere is simply run again.
mod ldap;
mod link;
mod preview;
mod serve;
mod write;

use std::{
    collections::{BTreeSet, HashSet},
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use usher_client::AddressPolicy;
use usher_directory::{
    Kind, ObjectId,
    config::{Configs, DirectoryConfig},
    object::{self, PutError},
};
use usher_jobs::{
    clock::Clock,
    lease::{Lease, Leases},
};
use usher_store::{Lane, Snapshot, Store, StoreError, Tx};

use self::ldap::{Mode, uuid_in};
pub use self::preview::{Preview, Previewed};
use crate::{
    check::usable,
    entry::Found,
    file::Meter,
    held,
    ledger::{Leavers, Ledger, Seen, Taken},
    reader::Job,
    rows::{self, State},
    run::{self, Counts, EntryError, Findings, Progress, RunReport, RunState},
    source::{self, Source, SourceKind},
    state,
    watch::{self, FileState},
};

/// How long a vanished person or group is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Entries handed over by the reading thread at once, and staged in one transaction.
const BATCH: usize = 500;
/// How long leavers are counted together whom a server told of one by one.
const RECENT: SignedDuration = SignedDuration::from_hours(1);
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
        let mut run = Run {
            of: self,
            lease,
            config,
            source,
            number,
            started,
            ledger: Ledger::default(),
            held: HashSet::new(),
            findings: Findings::default(),
            counts: Counts::default(),
            files: None,
            pending: BTreeSet::new(),
            state: state::State::default(),
        };
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

/// A run under way.
struct Run<'s> {
    of: &'s Sources,
    lease: &'s Lease,
    config: Arc<DirectoryConfig>,
    source: Source,
    number: i64,
    started: Timestamp,
    ledger: Ledger,
    /// The objects of leavers that are held: references to them stay.
    held: HashSet<ObjectId>,
    findings: Findings,
    counts: Counts,
    /// The files as they were when the run began to read them.
    files: Option<FileState>,
    /// Entries of a server that could not be taken, by entryUUID.
    pending: BTreeSet<uuid::Uuid>,
    /// How far the source will have been read when the run has ended well.
    state: state::State,
}

impl Run<'_> {
    /// What the safeguard has to say, at the end.
    async fn all(&mut self, mode: Mode, progress: Watcher<'_>) -> Result<Option<String>, SyncError> {
        self.unstage().await?;
        if self.source.kind == SourceKind::Ldap {
            self.ledger = Ledger::keeping();
            if !self.read_ldap(mode, progress).await? {
                return Ok(None);
            }
        } else {
            self.know().await?;
            let job = self.job()?;
            self.files = Some(job.state());
            self.read_file(&job, progress).await?;
            self.state.full = Some(self.started);
        }
        self.ledger.end();
        usable(&self.ledger, &self.source).map_err(SyncError::File)?;
        self.note_written().await?;
        let recent = self.recent_leavers().await?;
        let mut leavers = self.ledger.judge(&self.source.settings.safeguard, recent);
        let message = leavers.message.take();
        self.marks(&leavers).await?;
        self.write_all(&leavers.go, progress).await?;
        self.link_all(progress).await?;
        self.keep().await?;
        self.purge().await?;
        self.unstage().await?;
        self.bind().await?;
        Ok(message)
    }

    /// Who left within the last hour by runs that read changes: a directory that is emptied entry by entry empties nothing here.
    /// What was let go by `allow`, and what went before it, counts no more.
    async fn recent_leavers(&self) -> Result<u64, SyncError> {
        if self.source.kind != SourceKind::Ldap {
            return Ok(0);
        }
        let (id, number, since) = (self.source.id, self.number, self.started - RECENT);
        let runs = self.of.read(move |on| run::list(on, id, 500)).await?;
        let recent = runs.iter().filter(|run| run.run != number).take_while(|run| run.started >= since);
        Ok(recent.take_while(|run| run.counts.allowed == 0).map(|run| run.counts.disabled).sum())
    }

    /// Keeps how entries were read that need no other writing.
    async fn keep(&mut self) -> Result<(), SyncError> {
        let mut rows = Vec::new();
        for item in &mut self.ledger.items {
            let (Some(kept), Some(row)) = (&item.kept, &mut item.stored) else { continue };
            if item.seen != Seen::No && !item.held && row.kept.as_ref() != Some(kept) {
                rows.push((row.object, kept.clone()));
                row.kept.clone_from(&item.kept);
            }
        }
        for block in rows.chunks(BATCH) {
            let (id, block) = (self.source.id, block.to_vec());
            self.write(move |tx| rows::keep(tx, id, &block)).await?;
        }
        Ok(())
    }

    fn job(&self) -> Result<Job, SyncError> {
        let files = self.source.settings.files();
        Ok(Job {
            kind: self.source.kind,
            files: files.ok_or_else(|| SyncError::File("it reads no file".into()))?.clone(),
            bound: self.source.anchor.clone(),
            now: self.started,
        })
    }

    /// A write with the lease checked.
    async fn write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SyncError> {
        let lease = self.lease.clone();
        let written = self.of.store.write(Lane::Bulk, move |tx| checked(&lease, tx, &mut work)).await;
        written.map_err(|error: WriteError| error.of(&self.source))
    }

    /// Removes what an earlier run left staged, or this one.
    async fn unstage(&self) -> Result<(), SyncError> {
        let id = self.source.id;
        let mut from = 0;
        while let Some(next) = self.write(move |tx| rows::unstage(tx, id, from)).await? {
            from = next;
        }
        Ok(())
    }

    /// Reads what stands in the directory of this source.
    async fn know(&mut self) -> Result<(), SyncError> {
        let (id, mut after) = (self.source.id, None);
        loop {
            let block = self.of.read(move |on| rows::entries(on, id, after)).await?;
            let Some(last) = block.last() else { return Ok(()) };
            after = Some(last.object);
            block.into_iter().for_each(|row| self.ledger.know(row));
        }
    }

    /// Reads the file on a thread of its own, and stages what is new or changed.
    async fn read_file(&mut self, job: &Job, progress: Watcher<'_>) -> Result<(), SyncError> {
        let (size, meter) = (job.size(), Meter::default());
        let (sender, mut batches) = mpsc::channel::<Vec<Found>>(2);
        let (job, counting) = (job.clone(), meter.clone());
        let reading = tokio::task::spawn_blocking(move || read_in_batches(&job, &counting, &sender));
        let mut staged = Vec::new();
        while let Some(batch) = batches.recv().await {
            self.take(batch, &mut staged)?;
            if staged.len() >= BATCH {
                self.stage(std::mem::take(&mut staged)).await?;
            }
            progress(Progress::Reading { done: meter.done().min(size), of: size });
        }
        let read = reading.await.unwrap_or_else(|error| Err(format!("reading stopped: {error}")));
        read.map_err(SyncError::File)?;
        self.stage(staged).await
    }

    /// Takes in what was read; what is to be written goes into `staged`.
    fn take(&mut self, batch: Vec<Found>, staged: &mut Vec<(i64, Vec<u8>)>) -> Result<(), SyncError> {
        for found in batch {
            let id = match &found {
                Found::Refused { who: Some((_, anchor)), .. } => uuid_in(&anchor.key()),
                Found::Entry(entry) => uuid_in(&entry.anchor.key()),
                _ => None,
            };
            match self.ledger.take(found, ObjectId(self.of.clock.id())) {
                Taken::Nothing => {}
                Taken::Refused(error) => {
                    self.pending.extend(id);
                    self.findings.error(error);
                }
                Taken::Stage(entry) => {
                    let doc = serde_json::to_vec(&entry)
                        .map_err(|error| StoreError::Bug(format!("an entry can't be staged: {error}")))?;
                    staged.push((i64::try_from(entry.n).unwrap_or(i64::MAX), doc));
                }
            }
        }
        Ok(())
    }

    async fn stage(&self, staged: Vec<(i64, Vec<u8>)>) -> Result<(), SyncError> {
        let id = self.source.id;
        self.write(move |tx| rows::stage(tx, id, &staged)).await
    }

    /// Notes who is held, and who is no leaver any more.
    async fn marks(&mut self, leavers: &Leavers) -> Result<(), SyncError> {
        for (these, state) in [(&leavers.held, State::Held), (&leavers.back, State::Present)] {
            for block in these.chunks(BATCH) {
                let mut keys = Vec::with_capacity(block.len());
                for n in block {
                    let row = self.ledger.items.get_mut(*n).and_then(|item| item.stored.as_mut());
                    if let Some(row) = row.filter(|row| row.state != state) {
                        row.state = state;
                        keys.push(row.object);
                    }
                }
                let id = self.source.id;
                if !keys.is_empty() {
                    self.write(move |tx| rows::mark(tx, id, &keys, state)).await?;
                }
            }
        }
        self.counts.held = leavers.held.len() as u64;
        self.counts.allowed = leavers.allowed;
        self.held = self.ledger.held_ids();
        self.note_held(&leavers.held[..leavers.held.len().min(run::ERRORS_KEPT)]).await
    }

    /// Names those who are held in the run's notes.
    async fn note_held(&mut self, held: &[usize]) -> Result<(), SyncError> {
        for block in held.chunks(BATCH) {
            let row = |n: &usize| self.ledger.items.get(*n)?.stored.as_ref();
            let keys: Vec<_> = block.iter().filter_map(row).map(|row| row.object).collect();
            let directory = self.source.directory;
            for object in self.of.read(move |on| object::by_keys(on, directory, &keys)).await? {
                let message = "held: would leave, but too many do at once".to_owned();
                self.findings.note(EntryError { line: 0, entry: object.label, message });
            }
        }
        Ok(())
    }

    /// Notes which attributes the source writes, before anything of it can be seen: they are nobody else's from now on.
    async fn note_written(&self) -> Result<(), SyncError> {
        let (id, written) = (self.source.id, self.ledger.written().clone());
        let whole = self.state.full == Some(self.started);
        self.write(move |tx| {
            written.iter().try_for_each(|(kind, paths)| held::note(tx, id, *kind, paths, whole))
        })
        .await
    }

    /// The attribute that tells people apart stays the one that did at first.
    async fn bind(&self) -> Result<(), SyncError> {
        let Some(anchor) = self.ledger.anchor().filter(|_| self.source.anchor.is_none()).map(str::to_owned)
        else {
            return Ok(());
        };
        let id = self.source.id;
        self.write(move |tx| source::bind(tx, id, &anchor)).await
    }

    /// Writes the report, whatever came of it.
    async fn end(mut self, result: Result<Option<String>, SyncError>) -> Result<RunReport, SyncError> {
        if let Err(SyncError::TakenOver(_)) = result {
            return Err(SyncError::TakenOver(self.source.name));
        }
        self.tally();
        let report = RunReport {
            run: self.number,
            source: self.source.id,
            started: self.started,
            ended: Some(self.of.clock.now()),
            state: if result.is_ok() { RunState::Done } else { RunState::Failed },
            counts: self.counts.clone(),
            message: match &result {
                Ok(message) => message.clone(),
                Err(error) => Some(error.to_string()),
            },
            first_errors: self.findings.first(),
        };
        let (written, findings) = (report.clone(), std::mem::take(&mut self.findings.kept));
        // A file that can't be read is met as well: it is not read again and again until it changes.
        let judged = matches!(result, Ok(_) | Err(SyncError::File(_)));
        let met = self.files.take().filter(|_| judged);
        let reached = if result.is_ok() { Some(self.reached()?) } else { None };
        let id = self.source.id;
        let noted = self
            .write(move |tx| {
                if let Some((settings, state)) = &reached {
                    state::set(tx, id, settings, state)?;
                }
                run::end(tx, &written, &findings)?;
                met.iter().try_for_each(|files| watch::met(tx, id, files))
            })
            .await;
        match result {
            Err(error) => {
                // The run's own error matters more than that it could not be noted.
                let _ = self.unstage().await;
                Err(error)
            }
            Ok(_) => noted.map(|()| report),
        }
    }

    /// How far the source is read, and by which settings.
    fn reached(&mut self) -> Result<(String, state::State), SyncError> {
        let settings = source::written(&self.source.settings)
            .map_err(|error| StoreError::Bug(format!("settings of a source: {error}")))?;
        let pending = std::mem::take(&mut self.pending).into_iter().collect();
        Ok((settings, state::State { last: Some(self.started), pending, ..std::mem::take(&mut self.state) }))
    }

    fn tally(&mut self) {
        let items = &self.ledger.items;
        let fine = items.iter().filter(|item| item.seen == Seen::Fine && item.stands());
        self.counts.read = self.ledger.read;
        self.counts.unchanged = fine.clone().filter(|item| !item.touched && !item.held).count() as u64;
        self.counts.groups =
            items.iter().filter(|item| item.kind == Kind::Group && item.stands()).count() as u64;
        self.counts.errors = self.findings.errors;
    }
}

/// On the reading thread: hands over batches until the end, an error, or nobody listens any more.
fn read_in_batches(job: &Job, meter: &Meter, to: &mpsc::Sender<Vec<Found>>) -> Result<(), String> {
    let mut batch = Vec::with_capacity(BATCH);
    let result = job.read(meter, &mut |found| {
        batch.push(found);
        if batch.len() == BATCH && to.blocking_send(std::mem::take(&mut batch)).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let _ = to.blocking_send(batch);
    result
}
