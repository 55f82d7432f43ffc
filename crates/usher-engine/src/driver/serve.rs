//! The run loop of `serve`: cycles of started apps, by need and by interval.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{sync::watch, task::JoinSet};
use usher_directory::feed;
use usher_jobs::work;

use super::Engine;
use crate::{
    app::{self, App, AppId},
    cycle::{
        run::{self, Run},
        walk,
    },
    error::EngineError,
    heart, leaver, quarantine, turn,
};

/// Between two cycles of an app.
const GAP: SignedDuration = SignedDuration::from_secs(10);
/// The same where somebody left: access ends at once.
const LEAVERS_GAP: SignedDuration = SignedDuration::from_millis(250);
/// Between two times that an app is tended.
const TEND_GAP: SignedDuration = SignedDuration::from_secs(10);
/// A run loop that did not come round for so long was not watching: the machine slept, or its clock was set.
const ASLEEP: SignedDuration = SignedDuration::from_mins(5);
/// How long nothing is looked at when nothing was announced (another instance or a command may have written).
const LOOK: Duration = Duration::from_secs(1);

impl Engine {
    /// Runs cycles of all started apps until `stop` says true: when the feed moves (10 s apart at least, unless somebody left), when
    /// something is due, and by each app's interval. Ends after the batches under way; leases are given back.
    pub async fn serve(&self, mut stop: watch::Receiver<bool>) -> Result<(), EngineError> {
        let mut announced = self.store.announced();
        let mut running: JoinSet<(AppId, What, Result<(), EngineError>)> = JoinSet::new();
        let mut busy: HashSet<AppId> = HashSet::new();
        let mut tried: HashMap<AppId, Timestamp> = HashMap::new();
        let mut tended = Tended::default();
        while !*stop.borrow() {
            match self.due(&mut tended).await {
                Ok((due, tend)) => {
                    for (id, watched) in tend {
                        let engine = self.clone();
                        running.spawn(async move {
                            let tended = engine.tend(id, watched).await;
                            (id, What::Tend { done: !matches!(tended, Ok(false)) }, tended.map(drop))
                        });
                    }
                    for Due { app: id, gap, leavers } in due {
                        let now = self.clock.now();
                        let rests = tried.get(&id).is_some_and(|at| now.duration_since(*at) < gap);
                        if rests || busy.contains(&id) {
                            continue;
                        }
                        busy.insert(id);
                        let (engine, stop) = (self.clone(), stop.clone());
                        running.spawn(async move {
                            let result = match leavers {
                                true => engine.leavers(id, Some(stop)).await,
                                false => engine.leased(id, &|_| {}, Some(stop)).await.map(drop),
                            };
                            (id, What::Cycle, result)
                        });
                    }
                }
                Err(error) => tracing::warn!(%error, "apps can't be looked at; tried again"),
            }
            tokio::select! {
                _ = stop.changed() => {}
                Some(ended) = running.join_next() => {
                    match ended {
                        Ok((id, What::Tend { done }, result)) => {
                            tended.ended(id, done);
                            told(id, &result);
                        }
                        Ok((id, What::Cycle, result)) => {
                            busy.remove(&id);
                            tried.insert(id, self.clock.now());
                            told(id, &result);
                        }
                        // It panicked; which one is not said. Leases keep two from running one app.
                        Err(error) => {
                            tracing::error!(%error, "a cycle broke off");
                            busy.clear();
                            tended.under_way.clear();
                        }
                    }
                }
                changed = announced.changed() => {
                    if changed.is_err() {
                        tokio::time::sleep(LOOK).await;
                    }
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        while running.join_next().await.is_some() {}
        Ok(())
    }

    /// Apps that a cycle is due for, and those to be tended with since when they are watched.
    async fn due(&self, tended: &mut Tended) -> Result<(Vec<Due>, Vec<(AppId, Timestamp)>), EngineError> {
        let now = self.clock.now();
        let watched = tended.watched_until(now);
        let (due, alive, wanting) = self
            .read(move |on| {
                let (mut due, mut alive, mut wanting) = (Vec::new(), Vec::new(), Vec::new());
                for app in app::list(on)?.into_iter().filter(|a| a.enabled) {
                    let run = run::get(on, app.id)?;
                    let since = watched.get(&app.id).copied().unwrap_or(now);
                    if heart::due(&app, &run, since, now).any() {
                        wanting.push((app.id, since));
                    }
                    due.extend(due_of(on, &app, &run, now)?);
                    alive.push((app.id, since));
                }
                Ok((due, alive, wanting))
            })
            .await?;
        tended.watched = alive.into_iter().collect();
        Ok((due, tended.take(wanting, now)))
    }
}

/// What was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Cycle,
    Tend {
        /// Nothing is left to be done for now.
        done: bool,
    },
}

/// What this run loop knows of apps that it tends.
#[derive(Default)]
struct Tended {
    /// Since when it could have run their cycles.
    watched: HashMap<AppId, Timestamp>,
    /// When it came round last.
    round: Option<Timestamp>,
    /// Being tended, since when.
    under_way: HashMap<AppId, Timestamp>,
    /// When they were tended last.
    last: HashMap<AppId, Timestamp>,
}

impl Tended {
    /// Since when it could have run their cycles without a break.
    fn watched_until(&mut self, now: Timestamp) -> HashMap<AppId, Timestamp> {
        if self.round.replace(now).is_some_and(|last| now.duration_since(last) > ASLEEP) {
            self.watched.clear();
        }
        self.watched.clone()
    }

    /// Those that are not being tended, and were not a moment ago.
    fn take(&mut self, mut wanting: Vec<(AppId, Timestamp)>, now: Timestamp) -> Vec<(AppId, Timestamp)> {
        let rests = |last: &Timestamp| now.duration_since(*last) < TEND_GAP;
        wanting.retain(|(id, _)| !self.last.get(id).is_some_and(rests) && !self.under_way.contains_key(id));
        self.under_way.extend(wanting.iter().map(|(id, _)| (*id, now)));
        wanting
    }

    /// One was tended; unless it was `done`, it is tended again at once.
    fn ended(&mut self, id: AppId, done: bool) {
        if let Some(began) = self.under_way.remove(&id).filter(|_| done) {
            self.last.insert(id, began);
        }
    }
}

/// A cycle to run, if the last one began so long ago at least.
struct Due {
    app: AppId,
    gap: SignedDuration,
    /// The app is in quarantine, and only leavers are tried.
    leavers: bool,
}

fn due_of(
    on: &mut usher_store::Snapshot<'_>,
    app: &App,
    run: &Run,
    now: Timestamp,
) -> Result<Option<Due>, EngineError> {
    let due = |gap| Some(Due { app: app.id, gap, leavers: false });

    if run.pause.is_some_and(|p| p > now) {
        return Ok(None);
    }
    if let Some(stop) = run.stopped.as_ref().filter(|stop| stop.next > now) {
        let waits = quarantine::leavers_due(on, app, stop, now)?;
        return Ok(waits.then_some(Due { app: app.id, gap: LEAVERS_GAP, leavers: true }));
    }
    let interval = SignedDuration::from_mins(app.settings.interval.into());
    let by_interval = run.ended.is_none_or(|at| now.duration_since(at) >= interval);
    let gap = run.ended.is_none_or(|at| now.duration_since(at) >= GAP);
    if run.cycle.is_some() || by_interval || run.stopped.is_some() {
        return Ok(due(GAP));
    }
    if !gap {
        let left = feed::leaver_waits(on, app.directory, &app.consumer())?;
        return Ok(due(LEAVERS_GAP).filter(|_| left));
    }
    if walk::first(on, app.id)?.is_some() || leaver::open(on, app.id)? || turn::is_due(on, app.id, now)? {
        return Ok(due(GAP));
    }
    let (_, work_due, _) = work::count(on, app.queue, now)?;
    let waits = work_due > 0 || feed::waiting(on, &app.consumer())?.contains(&app.directory);
    Ok(due(GAP).filter(|_| waits))
}

fn told(id: AppId, result: &Result<(), EngineError>) {
    match result {
        Ok(()) | Err(EngineError::Busy) => {}
        Err(error) => tracing::warn!(app = id.0, %error, "the cycle ended early"),
    }
}
