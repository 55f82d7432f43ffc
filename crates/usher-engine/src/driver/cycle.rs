//! A cycle: pump what changed, count leavers, work the due rows in batches, until nothing is due.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use usher_client::Client;
use usher_directory::Key;
use usher_jobs::{lease::Lease, work};
use usher_store::Lane;
use uuid::Uuid;

use super::{
    Engine,
    batch::{Batch, Health},
    failure::Trouble,
    job::{End, Job},
    missing::Missing,
};
use crate::{
    app::{self, App, AppId},
    cycle::{
        Counts, Cycle, CycleKind, pump,
        run::{self, Run},
    },
    error::EngineError,
    log::Status,
    quarantine::{self, Tried, Why},
    task::{self, For},
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
    /// it stands and a later call goes on with it.
    pub(super) async fn leased(
        &self,
        id: AppId,
        progress: Progress<'_>,
        stop: Option<watch::Receiver<bool>>,
    ) -> Result<Cycle, EngineError> {
        let Some(lease) = self.leases.take(&app::consumer(id)).await? else { return Err(EngineError::Busy) };
        // A lost lease ends the cycle between two requests: another instance may have begun.
        let result = tokio::select! {
            result = self.cycle(id, &lease, progress, stop) => result,
            () = self.leases.keep(&lease) => Err(EngineError::LeaseLost),
        };
        self.leases.give_back(lease).await?;
        result
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
    ) -> Result<Cycle, EngineError> {
        let app = self.app(id).await?;
        let client = self.client_under(&app, lease).await?;
        let run = self.read(move |on| Ok(run::get(on, id)?)).await?;
        let mut cycle = match run.cycle.clone() {
            Some(cycle) => cycle,
            None => self.begin(id, lease).await?,
        };
        self.probe_first(&app, &client, &run, lease).await?;
        let mut worker = Worker::new(self, app, client, lease, stop);
        if let Some(until) = run.pause
            && !worker.wait_until(until).await
        {
            return Ok(cycle);
        }
        loop {
            match worker.round(&mut cycle, progress).await? {
                Round::More => {}
                Round::Nothing => break,
                Round::Left => return Ok(cycle),
            }
        }
        worker.end(cycle).await
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

    /// Before an app's first cycle, and while it rests, a probe says whether it can be worked with at all. One that rested because it
    /// could not be is out of quarantine then; one at which too much failed, when its cycle went better.
    async fn probe_first(
        &self,
        app: &Arc<App>,
        client: &Client,
        run: &Run,
        lease: &Lease,
    ) -> Result<(), EngineError> {
        let first = run.last.is_none() && run.reachable.is_none();
        if !first && run.stopped.is_none() {
            return Ok(());
        }
        self.probe_or_stop(app, client, lease).await?;
        if run.stopped.as_ref().is_none_or(|stop| stop.code != quarantine::EXCEPTION) {
            return Ok(());
        }
        let (app, lease, now) = (app.clone(), lease.clone(), self.clock.now());
        self.write(Lane::Now, move |tx| {
            if !lease.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            quarantine::leave(tx, &app, now)
        })
        .await
    }

    /// Probes; an app that can't be worked with goes into quarantine, with the reason.
    async fn probe_or_stop(&self, app: &Arc<App>, client: &Client, lease: &Lease) -> Result<(), EngineError> {
        let diagnosis = self.probe(app, client).await;
        if diagnosis.ok() {
            return Ok(());
        }
        let failed = diagnosis.steps.iter().rfind(|s| !s.ok);
        let mut text = failed.map_or_else(
            || "the connection test found nothing that works".to_owned(),
            |s| format!("{}: {}", s.name, s.text),
        );
        if let Some(url) = &diagnosis.works_instead {
            text.push_str(&format!("; {url} works"));
        }
        Err(self.stop(app, client, lease, text).await?)
    }

    /// It can't be worked with: writes down why and when it is tried again; the error to answer with.
    async fn stop(
        &self,
        app: &Arc<App>,
        client: &Client,
        lease: &Lease,
        text: String,
    ) -> Result<EngineError, EngineError> {
        let why = Why { code: quarantine::EXCEPTION.to_owned(), text, exchange: exchange(client) };
        self.rest(app, lease, why).await
    }

    async fn rest(&self, app: &Arc<App>, lease: &Lease, why: Why) -> Result<EngineError, EngineError> {
        let error = EngineError::Stopped { code: why.code.clone(), text: why.text.clone() };
        let (app, now, lease) = (app.clone(), self.clock.now(), lease.clone());
        self.write(Lane::Now, move |tx| {
            if !lease.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            quarantine::enter(tx, &app, &why, now)
        })
        .await?;
        Ok(error)
    }
}

/// The last request that failed, and its answer.
fn exchange(client: &Client) -> Option<(String, String)> {
    client.refused().map(|exchange| (exchange.request, exchange.answer))
}

struct Worker<'e> {
    engine: &'e Engine,
    app: Arc<App>,
    client: Client,
    lease: &'e Lease,
    stop: Option<watch::Receiver<bool>>,
    /// Pauses in a row that the app asked for without saying how long.
    pauses: u32,
    /// What this run attempted.
    tried: Tried,
    /// The last failure.
    last: Option<String>,
    /// Only leavers are worked on: the app is in quarantine.
    leavers_alone: bool,
    /// What of the linked is gone from the app.
    missing: Missing,
}

/// What a round came to.
enum Round {
    More,
    /// Nothing is due and nothing is left to look at.
    Nothing,
    /// The cycle is left as it stands.
    Left,
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
            if self.leavers_alone && pumped.countable {
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
        let tasks = self.engine.read(move |on| task::prepare(on, &app, &keys, For::Sending, now)).await?;
        let jobs: Vec<Job> = tasks
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
        let batch = Batch {
            engine: self.engine,
            app: self.app.clone(),
            client: self.client.clone(),
            lease: self.lease.clone(),
        };
        let (jobs, mut health) = batch.run(jobs).await?;
        let jobs = self.judge_suspects(jobs, &health, &batch).await?;
        let jobs = self.judge_missing(jobs, &health, cycle).await?;
        let groups =
            self.engine.write_down(Lane::Bulk, &self.app, self.lease, &jobs, health.answered, cycle).await?;
        self.note(&jobs);
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

    /// What was attempted, and what of it failed.
    fn note(&mut self, jobs: &[Job]) {
        for job in jobs {
            match &job.end {
                Some(End::Failed(failure) | End::Suspect(failure)) => {
                    self.tried.attempts += 1;
                    self.tried.failed += 1;
                    self.last = Some(format!("{}: {}", failure.code, failure.reason));
                }
                Some(End::Done(done)) if done.status == Status::Success && done.logged => {
                    self.tried.attempts += 1;
                }
                _ => {}
            }
        }
    }

    /// Failures that may be the whole app's: a probe decides. If the app is at fault, nothing of it counts against an object.
    async fn judge_suspects(
        &self,
        jobs: Vec<Job>,
        health: &Health,
        batch: &Batch<'_>,
    ) -> Result<Vec<Job>, EngineError> {
        if !health.suspect || health.credentials.is_some() {
            return Ok(jobs);
        }
        let stopped = self.engine.probe_or_stop(&batch.app, &batch.client, self.lease).await;
        let Err(error) = stopped else { return Ok(jobs) };
        // What went well before it broke is written down all the same.
        let jobs: Vec<Job> = jobs
            .into_iter()
            .map(|mut job| {
                if matches!(job.end, Some(End::Suspect(_))) {
                    job.end = Some(End::Untouched);
                }
                job
            })
            .collect();
        let mut cycle = self.present_cycle().await?;
        if let Some(cycle) = &mut cycle {
            self.engine.write_down(Lane::Bulk, &self.app, self.lease, &jobs, health.answered, cycle).await?;
        }
        Err(error)
    }

    /// What the app says it no longer has, though a probe of it worked, is matched again if few are gone; else the app rests.
    async fn judge_missing(
        &mut self,
        mut jobs: Vec<Job>,
        health: &Health,
        cycle: &mut Cycle,
    ) -> Result<Vec<Job>, EngineError> {
        let gone = self.missing.note(&jobs);
        if gone.is_empty() || health.credentials.is_some() {
            return Ok(jobs);
        }
        if self.missing.few() {
            self.engine.match_again(&self.app, self.lease, &mut jobs, &gone).await?;
            return Ok(jobs);
        }
        for n in gone {
            if let Some(job) = jobs.get_mut(n) {
                job.end = Some(End::Untouched);
            }
        }
        self.engine.write_down(Lane::Bulk, &self.app, self.lease, &jobs, health.answered, cycle).await?;
        let why = self.missing.why(exchange(&self.client));
        Err(self.engine.rest(&self.app, self.lease, why).await?)
    }

    async fn present_cycle(&self) -> Result<Option<Cycle>, EngineError> {
        let id = self.app.id;
        self.engine.read(move |on| Ok(run::get(on, id)?.cycle)).await
    }

    /// Bad credentials end the cycle; a pause is waited for.
    async fn heed(&mut self, health: Health) -> Result<bool, EngineError> {
        if let Some(detail) = health.credentials {
            let text = format!("the app refused the secret token: {detail}; enter a valid one");
            return Err(self.engine.stop(&self.app, &self.client, self.lease, text).await?);
        }
        let Some(asked) = health.wait else {
            self.pauses = 0;
            return Ok(true);
        };
        let pause = asked.unwrap_or_else(|| Duration::from_secs((30 << self.pauses.min(4)).min(300)));
        self.pauses += 1;
        let now = self.engine.clock.now();
        let until = now.saturating_add(SignedDuration::try_from(pause).unwrap_or_default()).unwrap_or(now);
        let (id, lease) = (self.app.id, self.lease.clone());
        self.engine
            .write(Lane::Now, move |tx| {
                if !lease.check(tx)? {
                    return Err(EngineError::LeaseLost);
                }
                Ok(run::pause(tx, id, until)?)
            })
            .await?;
        Ok(self.wait_until(until).await)
    }

    /// Waits; `false`: the run loop does not wait here but comes back.
    async fn wait_until(&self, until: Timestamp) -> bool {
        let left = until.duration_since(self.engine.clock.now());
        let Ok(left) = Duration::try_from(left) else { return true };
        if self.stop.is_some() {
            return false;
        }
        tokio::time::sleep(left).await;
        true
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
