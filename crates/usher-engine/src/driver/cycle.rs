//! A cycle: pump what changed, count leavers, work the due rows in batches, until nothing is due.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use usher_client::Client;
use usher_directory::Key;
use usher_jobs::{lease::Lease, work};
use usher_store::Lane;
use uuid::Uuid;

use super::{
    Engine,
    batch::{Batch, Health},
    demand::LOOK,
    failure::Trouble,
    job::{End, Job},
    missing::Missing,
    probe::exchange,
};
use crate::{
    app::{self, App, AppId},
    cycle::{Counts, Cycle, CycleKind, pump, run},
    error::EngineError,
    limit,
    quarantine::{self, Tried, Why},
    task::{self, For, Todo},
};

/// Rows worked on together: looked at in one read, their outcomes written in one transaction.
const BATCH: usize = 50;
/// Rows that walks put ahead of the workers.
const AHEAD: i64 = 2_000;

/// How often a cycle is told of.
pub(super) type Progress<'p> = &'p (dyn Fn(&Cycle) + Send + Sync);

impl Engine {
    /// Runs a cycle under the app's lease.
    /// `stop`: the run loop's, which is not kept waiting: when it says true, and when the app asks for a pause, the cycle is left as
    /// it stands and a later call goes on with it. Somebody who wants one object provisioned now is let in between two batches.
    pub(super) async fn leased(
        &self,
        id: AppId,
        progress: Progress<'_>,
        stop: Option<watch::Receiver<bool>>,
    ) -> Result<Cycle, EngineError> {
        let mut taken = self.leases.take(&app::consumer(id)).await?;
        loop {
            let Some(lease) = taken else { return Err(EngineError::Busy) };
            // A lost lease ends the cycle between two requests: another instance may have begun.
            let result = tokio::select! {
                result = self.cycle(id, &lease, progress, stop.clone()) => result,
                () = self.leases.keep(&lease) => Err(EngineError::LeaseLost),
            };
            self.leases.give_back(lease).await?;
            match result? {
                Ran::Yielded(_) if stop.is_none() => {}
                Ran::Ended(cycle) | Ran::Yielded(cycle) => return Ok(cycle),
            }
            taken = Some(self.after_the_awaited(id).await?);
        }
    }

    /// The lease again, when those who waited for it are done.
    async fn after_the_awaited(&self, id: AppId) -> Result<Lease, EngineError> {
        loop {
            tokio::time::sleep(LOOK).await;
            if !self.is_awaited(id)
                && let Some(lease) = self.leases.take(&app::consumer(id)).await?
            {
                return Ok(lease);
            }
        }
    }

    /// Tries the leavers of an app in quarantine, before its own time has come. If it can be worked with again, a cycle runs.
    pub(super) async fn leavers(
        &self,
        id: AppId,
        stop: Option<watch::Receiver<bool>>,
    ) -> Result<(), EngineError> {
        let Some(lease) = self.leases.take(&app::consumer(id)).await? else { return Err(EngineError::Busy) };
        let result = tokio::select! {
            result = self.leavers_alone(id, &lease, stop) => result,
            () = self.leases.keep(&lease) => Err(EngineError::LeaseLost),
        };
        self.leases.give_back(lease).await?;
        result
    }

    async fn leavers_alone(
        &self,
        id: AppId,
        lease: &Lease,
        stop: Option<watch::Receiver<bool>>,
    ) -> Result<(), EngineError> {
        let app = self.app(id).await?;
        // One without a secret token can't be reached either.
        let client = self.client_under(&app, lease).await.ok();
        let run = self.read(move |on| Ok(run::get(on, id)?)).await?;
        let Some(rests) = &run.stopped else { return Ok(()) };
        let reached = match &client {
            Some(client) => self.probe(&app, client).await.ok(),
            None => false,
        };
        if reached && rests.code == quarantine::EXCEPTION {
            return self.cycle(id, lease, &|_| {}, stop).await.map(drop);
        }
        let (held, clock) = (lease.clone(), self.clock.clone());
        self.write(Lane::Now, move |tx| {
            if !held.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            match reached {
                true => quarantine::leavers_reached(tx, id)?,
                false => quarantine::leavers_later(tx, id, &clock)?,
            }
            Ok(())
        })
        .await?;
        let Some(client) = client.filter(|_| reached) else { return Ok(()) };
        let mut cycle = match run.cycle {
            Some(cycle) => cycle,
            None => self.begin(id, lease).await?,
        };
        let mut worker = Worker::new(self, app, client, lease, stop);
        worker.leavers_alone = true;
        while let Round::More = worker.round(&mut cycle, &|_| {}).await? {}
        Ok(())
    }

    async fn cycle(
        &self,
        id: AppId,
        lease: &Lease,
        progress: Progress<'_>,
        stop: Option<watch::Receiver<bool>>,
    ) -> Result<Ran, EngineError> {
        let app = self.app(id).await?;
        let client = self.client_under(&app, lease).await?;
        let run = self.read(move |on| Ok(run::get(on, id)?)).await?;
        let mut cycle = match run.cycle.clone() {
            Some(cycle) => cycle,
            None => self.begin(id, lease).await?,
        };
        let mut worker = Worker::new(self, app.clone(), client.clone(), lease, stop);
        worker.stops = run.limits.stops();
        if let Some(until) = run.pause
            && !worker.wait_until(until).await
        {
            return Ok(Ran::Ended(cycle));
        }
        while let Some(wait) = self.probe_first(&app, &client, &run, lease).await? {
            if !worker.heed(Health { wait: Some(wait), ..Health::default() }).await? {
                return Ok(Ran::Ended(cycle));
            }
        }
        loop {
            match worker.round(&mut cycle, progress).await? {
                Round::More => {}
                Round::Nothing => break,
                Round::Left => return Ok(Ran::Ended(cycle)),
                Round::Awaited => return Ok(Ran::Yielded(cycle)),
            }
        }
        worker.end(cycle).await.map(Ran::Ended)
    }

    async fn begin(&self, id: AppId, lease: &Lease) -> Result<Cycle, EngineError> {
        let cycle = Cycle {
            id: self.clock.id(),
            kind: CycleKind::Incremental,
            began: self.clock.now(),
            ended: None,
            done: 0,
            planned: 0,
            counts: Counts::default(),
            requests: 0,
            writes: 0,
        };
        let (begun, lease) = (cycle.clone(), lease.clone());
        self.write(Lane::Now, move |tx| {
            if !lease.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            Ok(run::begin(tx, id, &begun)?)
        })
        .await?;
        Ok(cycle)
    }
}

pub(super) struct Worker<'e> {
    pub(super) engine: &'e Engine,
    pub(super) app: Arc<App>,
    pub(super) client: Client,
    pub(super) lease: &'e Lease,
    pub(super) stop: Option<watch::Receiver<bool>>,
    /// Pauses in a row that the app asked for without saying how long.
    pub(super) pauses: u32,
    /// What this run attempted.
    pub(super) tried: Tried,
    /// The last failure.
    pub(super) last: Option<String>,
    /// Only leavers are worked on: the app is in quarantine.
    leavers_alone: bool,
    /// What of the linked is gone from the app.
    pub(super) missing: Missing,
    /// The app stops when what is under way has ended: nobody new is looked for.
    stops: bool,
}

/// How a cycle was run.
enum Ran {
    /// To its end, or it is left as it stands.
    Ended(Cycle),
    /// It makes room for somebody who waits, and is to go on.
    Yielded(Cycle),
}

/// What a round came to.
enum Round {
    More,
    /// Nothing is due and nothing is left to look at.
    Nothing,
    /// The cycle is left as it stands.
    Left,
    /// Somebody waits for the app.
    Awaited,
}

impl<'e> Worker<'e> {
    fn new(
        engine: &'e Engine,
        app: Arc<App>,
        client: Client,
        lease: &'e Lease,
        stop: Option<watch::Receiver<bool>>,
    ) -> Self {
        let tried = Tried::default();
        Self {
            engine,
            app,
            client,
            lease,
            stop,
            pauses: 0,
            tried,
            last: None,
            leavers_alone: false,
            missing: Missing::default(),
            stops: false,
        }
    }

    fn told_to_stop(&self) -> bool {
        self.stop.as_ref().is_some_and(|s| *s.borrow())
    }

    /// One round: what changed, the leavers, a batch.
    async fn round(&mut self, cycle: &mut Cycle, progress: Progress<'_>) -> Result<Round, EngineError> {
        if self.told_to_stop() {
            return Ok(Round::Left);
        }
        if self.engine.is_awaited(self.app.id) {
            return Ok(Round::Awaited);
        }
        // A configuration changed meanwhile holds from the next batch on.
        let before = self.app.version;
        self.app = self.engine.app(self.app.id).await?;
        if self.app.version != before {
            self.client = self.engine.client_under(&self.app, self.lease).await?;
        }
        let more = self.pump(cycle).await?;
        let (app, now) = (self.app.clone(), self.engine.clock.now());
        let alone = self.leavers_alone;
        let items = self
            .engine
            .read(move |on| {
                Ok(if alone {
                    work::take_lane(on, app.queue, pump::lane::LEAVERS, now, BATCH)?
                } else {
                    work::take(on, app.queue, now, BATCH)?
                })
            })
            .await?;
        if items.is_empty() {
            return Ok(if more { Round::More } else { Round::Nothing });
        }
        let on = self.batch(items, cycle).await?;
        let (requests, writes) = self.client.sent();
        progress(&Cycle { requests, writes, ..cycle.clone() });
        Ok(if on { Round::More } else { Round::Left })
    }

    /// Looks at what changed until enough is put ahead of the workers, but to the end of what may hold leavers, however much was put:
    /// they are counted when all of the batch are known, and go before everything else.
    async fn pump(&self, cycle: &mut Cycle) -> Result<bool, EngineError> {
        let mut ahead = None;
        loop {
            let (app, lease, id, now) =
                (self.app.clone(), self.lease.clone(), cycle.id, self.engine.clock.now());
            let before = cycle.clone();
            let (pumped, put, after) = self
                .engine
                .write(Lane::Bulk, move |tx| {
                    if !lease.check(tx)? {
                        return Err(EngineError::LeaseLost);
                    }
                    let mut cycle = before.clone();
                    let pumped = pump::step(tx, &app, id, now)?;
                    // Counted once, then added to: a feed may be long.
                    let due = match ahead {
                        None => work::count(tx, app.queue, now)?.1,
                        Some(ahead) => ahead + i64::try_from(pumped.put).unwrap_or_default(),
                    };
                    cycle.planned = cycle.done + u64::try_from(due).unwrap_or_default();
                    cycle.counts.out_of_scope += pumped.out_of_scope;
                    if pumped.initial {
                        cycle.kind = CycleKind::Initial;
                    }
                    if pumped != pump::Pumped::default() {
                        run::progress(tx, app.id, &cycle)?;
                    }
                    Ok((pumped, due, cycle))
                })
                .await?;
            *cycle = after;
            ahead = Some(put);
            if pumped.countable {
                self.settle(cycle).await?;
            }
            if (self.leavers_alone || self.stops) && pumped.countable {
                return Ok(false);
            }
            if !pumped.more || self.told_to_stop() || (pumped.countable && put >= AHEAD) {
                return Ok(pumped.more);
            }
        }
    }

    async fn settle(&self, cycle: &mut Cycle) -> Result<(), EngineError> {
        loop {
            let changes: Vec<Uuid> = (0..100).map(|_| self.engine.clock.id()).collect();
            let (app, lease, id, now) =
                (self.app.clone(), self.lease.clone(), cycle.id, self.engine.clock.now());
            let settled = self
                .engine
                .write(Lane::Bulk, move |tx| {
                    if !lease.check(tx)? {
                        return Err(EngineError::LeaseLost);
                    }
                    pump::settle(tx, &app, id, &changes, now)
                })
                .await?;
            cycle.counts.staged += settled.staged;
            if !settled.more {
                return Ok(());
            }
        }
    }

    /// `false`: the cycle is to be left as it stands.
    async fn batch(&mut self, items: Vec<work::Item>, cycle: &mut Cycle) -> Result<bool, EngineError> {
        // No request is under way when a successor may begin.
        let limit = self.lease.request_limit(Duration::from_secs(self.app.settings.request_timeout.into()));
        if limit.is_zero() {
            return Err(EngineError::LeaseLost);
        }
        let (app, now) = (self.app.clone(), self.engine.clock.now());
        let keys: Vec<Key> = items.iter().map(|i| Key(i.object)).collect();
        let (tasks, limits) = self
            .engine
            .read(move |on| {
                let tasks = task::prepare(on, &app, &keys, For::Sending, now)?;
                Ok((tasks, run::get(on, app.id)?.limits))
            })
            .await?;
        let mut jobs: Vec<Job> = tasks
            .into_iter()
            .zip(items)
            .map(|(task, item)| Job {
                task,
                item,
                change: self.engine.clock.id(),
                began: now,
                by: None,
                end: None,
            })
            .collect();
        if let Some(room) = limits.room(&self.app, cycle.counts.create) {
            hold_back(&mut jobs, room);
        }
        let batch = Batch {
            engine: self.engine,
            app: self.app.clone(),
            client: self.client.clone(),
            lease: self.lease.clone(),
        };
        let (jobs, mut health) = batch.run(jobs).await?;
        let jobs = self.judge_suspects(jobs, &mut health, &batch).await?;
        let jobs = self.judge_missing(jobs, &health, cycle).await?;
        let groups =
            self.engine.write_down(Lane::Bulk, &self.app, self.lease, &jobs, health.answered, cycle).await?;
        self.note(&jobs);
        self.stops = self.stops || self.has_to_stop(&jobs).await?;
        for job in jobs.iter().filter(|j| groups.contains(&j.task.key)) {
            match batch.memberships(job, cycle).await? {
                Some(Trouble::Wait(retry_after)) => {
                    health.wait = Some(health.wait.flatten().max(retry_after));
                    break;
                }
                Some(Trouble::Credentials(detail)) => {
                    health.credentials = Some(detail);
                    break;
                }
                _ => {}
            }
        }
        if self.tried.is_beyond() && !self.leavers_alone && health.credentials.is_none() {
            let why = Why::share(self.tried, self.last.as_deref(), exchange(&self.client));
            return Err(self.engine.rest(&self.app, self.lease, why).await?);
        }
        self.heed(health).await
    }

    /// Whether somebody of a batch was held back since the app was to stop after its first.
    async fn has_to_stop(&self, jobs: &[Job]) -> Result<bool, EngineError> {
        if !jobs.iter().any(|job| matches!(job.end, Some(End::Held))) {
            return Ok(false);
        }
        let id = self.app.id;
        self.engine.read(move |on| Ok(run::get(on, id)?.limits.stops())).await
    }

    /// Ends the cycle. Too many failures in all, or one more time too large a share of them, and the app rests (on).
    async fn end(&self, mut cycle: Cycle) -> Result<Cycle, EngineError> {
        let now = self.engine.clock.now();
        (cycle.requests, cycle.writes) = self.client.sent();
        cycle.ended = Some(now);
        let (app, lease, ended) = (self.app.clone(), self.lease.clone(), cycle.clone());
        let (tried, last, seen) = (self.tried, self.last.clone(), exchange(&self.client));
        let rests = self
            .engine
            .write(Lane::Now, move |tx| {
                if !lease.check(tx)? {
                    return Err(EngineError::LeaseLost);
                }
                let (left, _, _) = work::count(tx, app.queue, now)?;
                run::end(tx, app.id, &ended, left == 0, now)?;
                limit::ended(tx, &app)?;
                let mut why = quarantine::too_many(tx, &app, now)?;
                let rests = run::get(tx, app.id)?.stopped;
                if let (None, Some(stop)) = (&why, &rests)
                    && !quarantine::recovered(tx, &app, tried, now)?
                {
                    why = Some(match tried.attempts {
                        // Nothing was due, so nothing is known to be better.
                        0 => Why::still(stop),
                        _ => Why::share(tried, last.as_deref(), seen.clone()),
                    });
                }
                match &why {
                    Some(why) => quarantine::enter(tx, &app, why, now)?,
                    None => quarantine::leave(tx, &app, now)?,
                }
                Ok(why)
            })
            .await?;
        match rests {
            Some(why) => Err(EngineError::Stopped { code: why.code, text: why.text }),
            None => Ok(cycle),
        }
    }
}

/// Of those who would be looked for, and made where they are not found, so many go on. The others wait: for the next batch, or, when there
/// is no room at all, until somebody lets them go. One whose create was noted before was among those already.
fn hold_back(jobs: &mut [Job], room: u64) {
    let new = |job: &&mut Job| {
        job.task.link.is_none() && matches!(&job.task.todo, Todo::Find(find) if !find.leaving)
    };
    let beyond = usize::try_from(room).unwrap_or(usize::MAX);
    for job in jobs.iter_mut().filter(new).skip(beyond) {
        job.end = Some(if room == 0 { End::Held } else { End::Untouched });
    }
}
