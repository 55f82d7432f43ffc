//! A run under way: reads, judges who leaves, writes.
use std::{
    collections::{BTreeSet, HashSet},
    ops::ControlFlow,
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use usher_directory::{Kind, ObjectId, config::DirectoryConfig, object};
use usher_jobs::lease::Lease;
use usher_store::{Lane, StoreError, Tx};

use super::{
    Sources, SyncError, Watcher, WriteError, checked,
    ldap::{Mode, uuid_in},
};
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
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Entries handed over by the reading thread at once, and staged in one transaction.
const BATCH: usize = 500;
/// How long leavers are counted together whom a server told of one by one.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

/// A run under way.
pub(super) struct Run<'s> {
    pub(super) of: &'s Sources,
    pub(super) lease: &'s Lease,
    pub(super) config: Arc<DirectoryConfig>,
    pub(super) source: Source,
    pub(super) number: i64,
    pub(super) started: Timestamp,
    pub(super) ledger: Ledger,
    /// The objects of leavers that are held: references to them stay.
    pub(super) held: HashSet<ObjectId>,
    pub(super) findings: Findings,
    pub(super) counts: Counts,
    /// The files as they were when the run began to read them.
    pub(super) files: Option<FileState>,
    /// Entries of a server that could not be taken, by entryUUID.
    pub(super) pending: BTreeSet<uuid::Uuid>,
    /// How far the source will have been read when the run has ended well.
    pub(super) state: state::State,
}

impl<'s> Run<'s> {
    /// One that has read nothing yet.
    pub(super) fn new(
        of: &'s Sources,
        lease: &'s Lease,
        config: Arc<DirectoryConfig>,
        source: Source,
        number: i64,
        started: Timestamp,
    ) -> Self {
        Self {
            of,
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
        }
    }
}

impl Run<'_> {
    /// What the safeguard has to say, at the end.
    pub(super) async fn all(
        &mut self,
        mode: Mode,
        progress: Watcher<'_>,
    ) -> Result<Option<String>, SyncError> {
        self.unstage().await?;
        if self.source.kind == SourceKind::Ldap {
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
        Ok(self.of.read(move |on| run::leavers(on, id, number, since)).await?)
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
    pub(super) async fn write<T: Send + 'static>(
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
    pub(super) async fn know(&mut self) -> Result<(), SyncError> {
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
    pub(super) fn take(
        &mut self,
        batch: Vec<Found>,
        staged: &mut Vec<(i64, Vec<u8>)>,
    ) -> Result<(), SyncError> {
        for found in batch {
            let same = if let Found::Same { n, .. } = &found { Some(*n) } else { None };
            let id = match &found {
                Found::Refused { who: Some((_, anchor)), .. } => uuid_in(&anchor.key()),
                Found::Entry(entry) => uuid_in(&entry.anchor.key()),
                _ => None,
            };
            match self.ledger.take(found, ObjectId(self.of.clock.id())) {
                Taken::Nothing => {}
                Taken::Refused(error) => {
                    self.pending.extend(id.or_else(|| self.ledger.uuid_of(same?)));
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

    pub(super) async fn stage(&self, staged: Vec<(i64, Vec<u8>)>) -> Result<(), SyncError> {
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
        let whole = self.state.full == Some(self.started) && !self.ledger.remembered;
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
    pub(super) async fn end(
        mut self,
        result: Result<Option<String>, SyncError>,
    ) -> Result<RunReport, SyncError> {
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
        let beside = &self.ledger.beside;
        let fine = items.iter().filter(|item| matches!(item.seen, Seen::Fine | Seen::Aside) && item.stands());
        let untouched = fine.filter(|item| !item.touched && !item.held).count() as u64;
        let groups = items.iter().filter(|item| item.kind == Kind::Group && item.stands()).count() as u64;
        self.counts.read = self.ledger.read;
        self.counts.unchanged = untouched + beside.people + beside.groups;
        self.counts.groups = groups + beside.groups;
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
