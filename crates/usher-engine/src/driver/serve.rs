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
    cycle::{run, walk},
    error::EngineError,
    leaver, quarantine,
};

/// Between two cycles of an app.
const GAP: SignedDuration = SignedDuration::from_secs(10);
/// The same where somebody left: access ends at once.
const LEAVERS_GAP: SignedDuration = SignedDuration::from_millis(250);
/// How long nothing is looked at when nothing was announced (another instance or a command may have written).
const LOOK: Duration = Duration::from_secs(1);

impl Engine {
    /// Runs cycles of all started apps until `stop` says true: when the feed moves (10 s apart at least, unless somebody left), when
    /// something is due, and by each app's interval. Ends after the batches under way; leases are given back.
    pub async fn serve(&self, mut stop: watch::Receiver<bool>) -> Result<(), EngineError> {
        let mut announced = self.store.announced();
        let mut running: JoinSet<(AppId, Result<(), EngineError>)> = JoinSet::new();
        let mut busy: HashSet<AppId> = HashSet::new();
        let mut tried: HashMap<AppId, Timestamp> = HashMap::new();
        while !*stop.borrow() {
            match self.due().await {
                Ok(due) => {
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
                            (id, result)
                        });
                    }
                }
                Err(error) => tracing::warn!(%error, "apps can't be looked at; tried again"),
            }
            tokio::select! {
                _ = stop.changed() => {}
                Some(ended) = running.join_next() => {
                    match ended {
                        Ok((id, result)) => {
                            busy.remove(&id);
                            tried.insert(id, self.clock.now());
                            told(id, &result);
                        }
                        // It panicked; which one is not said. Leases keep two from running one app.
                        Err(error) => {
                            tracing::error!(%error, "a cycle broke off");
                            busy.clear();
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

    /// Apps that a cycle is due for.
    async fn due(&self) -> Result<Vec<Due>, EngineError> {
        let now = self.clock.now();
        self.read(move |on| {
            let mut due = Vec::new();
            for app in app::list(on)?.into_iter().filter(|a| a.enabled) {
                due.extend(due_of(on, &app, now)?);
            }
            Ok(due)
        })
        .await
    }
}

/// A cycle to run, if the last one began so long ago at least.
struct Due {
    app: AppId,
    gap: SignedDuration,
    /// The app is in quarantine, and only leavers are tried.
    leavers: bool,
}

fn due_of(on: &mut usher_store::Snapshot<'_>, app: &App, now: Timestamp) -> Result<Option<Due>, EngineError> {
    let due = |gap| Some(Due { app: app.id, gap, leavers: false });

    let run = run::get(on, app.id)?;
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
    if walk::first(on, app.id)?.is_some() || leaver::open(on, app.id)? {
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
