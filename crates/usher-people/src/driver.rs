//! Keeps people in step with their directories: the one async module.
//!
//! One worker a directory at a time, in this process by a mutex, among instances by a lease whose fence every write checks.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, MutexGuard, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use usher_directory::{DirectoryId, account, feed, loss};
use usher_jobs::{
    clock::Clock,
    lease::{Lease, Leases},
    work::{self, Item, Queue},
};
use usher_store::{Backend, Lane, Store, StoreError, Tx};

use crate::{
    CONSUMER, PeopleError, commit,
    execute::{Batch, Job},
    guard, intake, rule,
    rules::Rules,
    setting, walk,
};

/// How often an instance looks for changes that others committed.
const POLL: Duration = Duration::from_millis(20);
/// The shortest time between two looks: under load, commits come faster than there is anything new to see.
const GAP: Duration = Duration::from_millis(5);
/// How often it looks for everything else: work that has become due, a directory never read, a lease no longer needed.
const SWEEP: Duration = Duration::from_secs(1);
/// How often a lease's beat is raised while it is held.
const BEAT: Duration = Duration::from_secs(10);
/// How long a lease is kept without work.
const IDLE: Duration = Duration::from_secs(5);
/// Executions in one transaction: few enough that it takes some 20 ms, since on SQLite everybody else waits for it.
const BATCH: usize = 200;
/// How often a batch is run again when something was changed meanwhile, before it is halved.
const TRIES: usize = 3;
/// The longest a read may take.
const READ: Duration = Duration::from_secs(1);

/// The app side of a store: its clock, leases and compiled rules. One a process; cheap to clone.
#[derive(Clone)]
pub struct People(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    leases: Leases,
    /// By directory: the rules and their revision.
    rules: Mutex<HashMap<DirectoryId, (i64, Arc<Rules>)>>,
    desks: Mutex<HashMap<DirectoryId, Arc<AsyncMutex<Desk>>>>,
}

/// A directory's worker in this process.
#[derive(Default)]
struct Desk {
    lease: Option<Lease>,
    beaten: Option<Instant>,
    queue: Option<Queue>,
    /// When it last had something to do.
    busy: Option<Instant>,
}

impl People {
    /// Over a store that was opened with [`crate::TABLES`] and those that they build on.
    pub fn new(store: Store, clock: Clock) -> Self {
        let leases = Leases::with_clock(store.clone(), clock.clone());
        Self(Arc::new(Inner { store, clock, leases, rules: Mutex::default(), desks: Mutex::default() }))
    }

    /// The store it works on.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    fn desk(&self, directory: DirectoryId) -> Arc<AsyncMutex<Desk>> {
        let mut desks = self.0.desks.lock().unwrap_or_else(PoisonError::into_inner);
        desks.entry(directory).or_default().clone()
    }
}

/// Runs the rules of every account's environments until `shutdown` turns true (or its sender is gone): woken by commits of
/// this process, and every 20 ms by a look for changes of others. Leases say which instance serves which directory. Errors
/// are logged and tried again.
pub async fn run(people: People, mut shutdown: watch::Receiver<bool>) {
    let mut announced = people.0.store.announced();
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let polls = people.0.store.backend() == Backend::Postgres;
    let mut serving = Serving::default();
    loop {
        let found = tokio::select! {
            () = told(&mut shutdown) => break,
            Ok(()) = announced.changed() => waiting(&people).await,
            () = sleep(POLL), if polls => waiting(&people).await,
            _ = sweep.tick() => every(&people).await,
            Some(ended) = serving.tasks.join_next() => {
                serving.ended(&people, ended);
                continue;
            }
        };
        match found {
            Ok(directories) => {
                serving.begin(&people, directories);
                sleep(GAP).await;
            }
            Err(error) => {
                tracing::warn!("people: looking for changes failed: {error}");
                sleep(SWEEP).await;
            }
        }
    }
    serving.stop(&people).await;
}

/// Waits until it is true, or nobody is left to say so.
async fn told(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}

/// Directories under way, and those that changed again meanwhile.
#[derive(Default)]
struct Serving {
    tasks: JoinSet<DirectoryId>,
    under_way: BTreeSet<DirectoryId>,
    again: BTreeSet<DirectoryId>,
    stop: Option<watch::Sender<bool>>,
}

impl Serving {
    fn begin(&mut self, people: &People, directories: BTreeSet<DirectoryId>) {
        for directory in directories {
            if !self.under_way.insert(directory) {
                self.again.insert(directory);
                continue;
            }
            let stop = self.stop.get_or_insert_with(|| watch::channel(false).0).subscribe();
            let people = people.clone();
            self.tasks.spawn(async move {
                serve(&people, directory, &stop).await;
                directory
            });
        }
    }

    fn ended(&mut self, people: &People, ended: Result<DirectoryId, tokio::task::JoinError>) {
        match ended {
            Ok(directory) => {
                self.under_way.remove(&directory);
                if self.again.remove(&directory) {
                    self.begin(people, BTreeSet::from([directory]));
                }
            }
            Err(error) => {
                tracing::error!("people: a worker died: {error}");
                // Which one is unknown: all may begin again, the mutexes keep them apart.
                self.under_way.clear();
            }
        }
    }

    /// Lets what is under way end its present transaction, and gives the leases back.
    async fn stop(mut self, people: &People) {
        if let Some(stop) = &self.stop {
            stop.send_replace(true);
        }
        while self.tasks.join_next().await.is_some() {}
        give_back(people, Duration::ZERO).await;
    }
}

/// Directories of accounts with changes that were not taken in, or with a walk under way.
async fn waiting(people: &People) -> Result<BTreeSet<DirectoryId>, PeopleError> {
    people
        .0
        .store
        .read(READ, |on| {
            let mut found: BTreeSet<DirectoryId> = feed::waiting(on, CONSUMER)?.into_iter().collect();
            found.extend(walk::waiting(on)?);
            let mut ours = BTreeSet::new();
            for directory in found {
                if account::of_directory(on, directory)?.is_some() {
                    ours.insert(directory);
                }
            }
            Ok(ours)
        })
        .await
}

/// All those with anything to do: also work that was put off and is due. Gives back leases that nobody needs.
async fn every(people: &People) -> Result<BTreeSet<DirectoryId>, PeopleError> {
    give_back(people, IDLE).await;
    let mut found = waiting(people).await?;
    let now = people.0.clock.now();
    let due = people.0.store.read(READ, move |on| work::with_due(on, QUEUES, now)).await?;
    found.extend(people.0.store.read(READ, move |on| loss::due_directories(on, now)).await?);
    let directory = |name: String| name.strip_prefix(QUEUES)?.parse().ok().map(DirectoryId);
    found.extend(due.into_iter().filter_map(directory));
    Ok(found)
}

async fn give_back(people: &People, idle: Duration) {
    let desks: Vec<_> = {
        let desks = people.0.desks.lock().unwrap_or_else(PoisonError::into_inner);
        desks.values().cloned().collect()
    };
    for desk in desks {
        let Ok(mut desk) = desk.try_lock() else { continue };
        if desk.busy.is_none_or(|busy| busy.elapsed() >= idle)
            && let Some(lease) = desk.lease.clone()
        {
            match people.0.leases.give_back(lease).await {
                Ok(()) => desk.lease = None,
                Err(error) => tracing::warn!("people: a lease was not given back yet: {error}"),
            }
        }
    }
}

/// Serves a directory until nothing is left to do, or another instance does.
async fn serve(people: &People, directory: DirectoryId, stop: &watch::Receiver<bool>) {
    let desk = people.desk(directory);
    let mut desk = desk.lock().await;
    let worked = match take(people, directory, &mut desk).await {
        Ok(true) => drain(people, directory, &mut desk, stop).await,
        Ok(false) => return,
        Err(error) => Err(error),
    };
    match worked {
        Ok(_) => {}
        Err(PeopleError::Lost) => {
            desk.lease = None;
            tracing::info!(directory = directory.0, "another instance took the rules over");
        }
        Err(error) => {
            tracing::warn!(directory = directory.0, "automation rules stopped, tried again soon: {error}")
        }
    }
}

/// What [`catch_up`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaughtUp {
    /// Executions by this call.
    pub executions: u64,
}

/// Returns when nothing is left to do for this directory: the feed is read to its end and no work is due. Where another
/// holds the directory's lease, waits until that one has done it.
pub async fn catch_up(people: &People, directory: DirectoryId) -> Result<CaughtUp, PeopleError> {
    let (_keep, never) = watch::channel(false);
    let mut done = CaughtUp::default();
    loop {
        if let Some(executions) = catch_up_ourselves(people, directory, &never).await? {
            done.executions += executions;
            return Ok(done);
        }
        // Another does it. It may end before all is done: then we go on.
        let asked = Instant::now();
        while asked.elapsed() < SWEEP {
            if !left(people, directory).await? {
                return Ok(done);
            }
            sleep(POLL).await;
        }
    }
}

/// `None`: another has the lease, or took it over.
async fn catch_up_ourselves(
    people: &People,
    directory: DirectoryId,
    stop: &watch::Receiver<bool>,
) -> Result<Option<u64>, PeopleError> {
    let desk = people.desk(directory);
    let mut desk = desk.lock().await;
    if !take(people, directory, &mut desk).await? {
        return Ok(None);
    }
    let executions = drain(people, directory, &mut desk, stop).await;
    let lease = desk.lease.take();
    if matches!(executions, Err(PeopleError::Lost)) {
        return Ok(None);
    }
    if let Some(lease) = lease {
        people.0.leases.give_back(lease).await?;
    }
    executions.map(Some)
}

/// Whether anything is left to do for a directory that another instance serves.
async fn left(people: &People, directory: DirectoryId) -> Result<bool, PeopleError> {
    if waiting(people).await?.contains(&directory) {
        return Ok(true);
    }
    let now = people.0.clock.now();
    let due = people.0.store.read(READ, move |on| {
        let queue = work::find_queue(on, &queue_name(directory))?;
        work::next_due(on, queue.as_slice())
    });
    Ok(due.await?.is_some_and(|due| due <= now))
}

/// Queues of rules are named by this and the directory.
const QUEUES: &str = "rules/";

pub(crate) fn queue_name(directory: DirectoryId) -> String {
    format!("{QUEUES}{}", directory.0)
}

/// Takes the directory's lease, or keeps it. `false`: another instance has it.
async fn take(
    people: &People,
    directory: DirectoryId,
    desk: &mut MutexGuard<'_, Desk>,
) -> Result<bool, PeopleError> {
    if let Some(lease) = &desk.lease {
        if desk.beaten.is_some_and(|beaten| beaten.elapsed() < BEAT) {
            return Ok(true);
        }
        if people.0.leases.beat(lease).await? {
            desk.beaten = Some(Instant::now());
            return Ok(true);
        }
        desk.lease = None;
    }
    desk.lease = people.0.leases.take(&queue_name(directory)).await?;
    desk.beaten = Some(Instant::now());
    Ok(desk.lease.is_some())
}

/// Feed → work → executions, until nothing is left or `stop` turns true. How many executions.
async fn drain(
    people: &People,
    directory: DirectoryId,
    desk: &mut MutexGuard<'_, Desk>,
    stop: &watch::Receiver<bool>,
) -> Result<u64, PeopleError> {
    let mut executions = 0;
    // Walks wait while there is a full batch on work already, so that what is urgent is looked for more often.
    let mut hungry = true;
    while !*stop.borrow() {
        if !take(people, directory, desk).await? {
            return Err(PeopleError::Lost);
        }
        desk.busy = Some(Instant::now());
        let Some(lease) = desk.lease.clone() else { return Err(PeopleError::Lost) };
        let worker = Worker { people, directory, lease };
        let (queue, taken_in) = worker.take_in(desk.queue, hungry).await?;
        desk.queue = Some(queue);
        let done = worker.execute(queue).await?;
        executions += done.as_ref().map_or(0, |done| done.executions);
        if !taken_in && done.is_none() {
            break;
        }
        hungry = done.is_none_or(|done| done.items < BATCH);
    }
    Ok(executions)
}

/// What [`Worker::execute`] did.
#[derive(Debug, Default)]
struct Done {
    items: usize,
    executions: u64,
}

/// A holder of a directory's lease.
struct Worker<'p> {
    people: &'p People,
    directory: DirectoryId,
    lease: Lease,
}

impl Worker<'_> {
    /// A write that stands only while the lease is ours.
    async fn write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T, PeopleError> + Send + 'static,
    ) -> Result<T, PeopleError> {
        let lease = self.lease.clone();
        let store = &self.people.0.store;
        store
            .write(Lane::Bulk, move |tx| {
                if !lease.check(tx)? {
                    return Err(PeopleError::Lost);
                }
                work(tx)
            })
            .await
    }

    /// A block of the feed, and (if `walks`) a block of the walks, become work. `true`: there was something.
    async fn take_in(&self, queue: Option<Queue>, walks: bool) -> Result<(Queue, bool), PeopleError> {
        let directory = self.directory;
        let now = self.people.0.clock.now();
        self.write(move |tx| {
            let queue = match queue {
                Some(queue) => queue,
                None => {
                    setting::make(tx, directory)?;
                    work::queue(tx, &queue_name(directory))?
                }
            };
            let fed = intake::take_in(tx, directory, queue, now)?;
            let walked = walks && walk::expand(tx, directory, queue, now)?;
            let ended = guard::step(tx, directory, queue, now)?;
            Ok((queue, fed || walked || ended))
        })
        .await
    }

    /// The directory's rules, compiled once for each revision.
    async fn rules(&self) -> Result<(i64, Arc<Rules>), PeopleError> {
        let directory = self.directory;
        let inner = &self.people.0;
        let known = {
            let rules = inner.rules.lock().unwrap_or_else(PoisonError::into_inner);
            rules.get(&directory).cloned()
        };
        let have = known.as_ref().map(|(revision, _)| *revision);
        let read = inner.store.read(READ, move |on| {
            if have == Some(setting::read(on, directory)?.rules) {
                return Ok(None);
            }
            rule::current(on, directory).map(Some)
        });
        match (read.await?, known) {
            (None, Some(known)) => Ok(known),
            (None, None) => Err(PeopleError::Rules("there are none".into())),
            (Some(current), _) => {
                let compiled = (current.revision(), Arc::new(current.compile()?));
                let mut rules = inner.rules.lock().unwrap_or_else(PoisonError::into_inner);
                rules.insert(directory, compiled.clone());
                Ok(compiled)
            }
        }
    }

    /// A batch of what is due. `None`: nothing is.
    async fn execute(&self, queue: Queue) -> Result<Option<Done>, PeopleError> {
        let inner = &self.people.0;
        let now = inner.clock.now();
        let items: Vec<Item> = inner.store.read(READ, move |on| work::take(on, queue, now, BATCH)).await?;
        if items.is_empty() {
            return Ok(None);
        }
        let mut done = Done { items: items.len(), executions: 0 };
        let job = |item| Job { item, fresh: inner.clock.id(), execution: inner.clock.id() };
        let jobs: Vec<Job> = items.into_iter().map(job).collect();
        // A batch that can't be written, and is not outrun by others, is halved until it is one record.
        let mut todo = vec![jobs];
        while let Some(jobs) = todo.pop() {
            let batch = Arc::new(Batch { directory: self.directory, jobs, now });
            if let Some(executions) = self.batch(queue, &batch).await? {
                done.executions += executions;
                continue;
            }
            match batch.jobs.as_slice() {
                [] => {}
                [job] => {
                    let item = job.item.clone();
                    self.write(move |tx| Ok(commit::again(tx, queue, &item, now)?)).await?;
                }
                jobs => {
                    let (first, second) = jobs.split_at(jobs.len() / 2);
                    todo.extend([second.to_vec(), first.to_vec()]);
                }
            }
        }
        Ok(Some(done))
    }

    /// Runs a batch and writes its two steps. `None`: something was changed meanwhile, each time, or it takes too long.
    async fn batch(&self, queue: Queue, batch: &Arc<Batch>) -> Result<Option<u64>, PeopleError> {
        for _ in 0..TRIES {
            let (revision, rules) = self.rules().await?;
            let reading = batch.clone();
            let run = self.people.0.store.read(READ, move |on| reading.run(on, &rules, revision));
            let outcome = match run.await {
                Ok(Some(outcome)) => Arc::new(outcome),
                Ok(None) => continue,
                // Half as many take half as long.
                Err(StoreError::TooSlow) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let written = async {
                if !outcome.access.is_empty() {
                    let (batch, outcome) = (batch.clone(), outcome.clone());
                    self.write(move |tx| commit::access(tx, &batch, queue, &outcome)).await?;
                }
                let batch = batch.clone();
                self.write(move |tx| commit::profile(tx, &batch, queue, &outcome)).await
            };
            match written.await {
                Err(PeopleError::Stale) => {}
                other => return other.map(Some),
            }
        }
        Ok(None)
    }
}
