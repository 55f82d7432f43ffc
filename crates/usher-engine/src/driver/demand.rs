//! One object by name: explained, or provisioned now on the same path as everybody else, without a cycle.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use usher_client::Client;
use usher_directory::{Key, Kind};
use usher_jobs::{
    lease::Lease,
    work::{self, Put},
};
use usher_store::Lane;

use super::{
    Engine,
    batch::{Batch, NotChosen, choose},
    failure::{self, At, Trouble, sort},
    job::{Done, End, Job},
    outcome::maps_members,
    plan::{FindError, Hit, count_members, search},
    under,
    way::{Way, ended_way, explanation, failed_way, held_verdict, matching, refused_way, untested, verdict},
};
use crate::{
    app::{self, App, AppId},
    cycle::{
        Counts, Cycle, CycleKind,
        pump::{self, lane, reason},
    },
    decide::Cause,
    error::EngineError,
    explain::{self, Detail, Explanation, Seen},
    leaver, link,
    log::{self, Status},
    plan::Action,
    task::{self, For, Task, Todo, Verb, take_over},
    unique::Reserved,
};

/// How long a cycle that is under way is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
pub(super) const LOOK: Duration = Duration::from_millis(250);
/// As often as an object is taken up again in one go: looked for, counted, sent.
const ROUNDS: usize = 5;

impl Engine {
    /// Why this user or group is in or out of the app, and what a cycle would do about it now, by which rule. Reads from the app
    /// where it has to be looked for there; writes nothing anywhere.
    ///
    /// # Errors
    /// [`EngineError::NoObject`]: neither in the directory nor linked. An app that can't be asked is a step that failed.
    pub async fn explain(&self, app: AppId, object: Key) -> Result<Explanation, EngineError> {
        let app = self.app(app).await?;
        let seen = self.see(&app, object).await?;
        let client = self.client(&app, None).await;
        self.looked_at(&app, seen, client).await
    }

    /// Provisions one user or group now, whatever else waits and whether the app is on or off; `by` asked for it, as the log says.
    /// The watermark stays: the next cycle finds the object in sync. A leaver is counted as always, and held back beyond the
    /// threshold. A cycle under way in this process lets it in between two batches; one elsewhere is waited for, 30 s at most.
    ///
    /// # Errors
    /// [`EngineError::Busy`]: a cycle is under way elsewhere and takes longer. A failure at the app is a step that failed; the object is then
    /// tried again by later cycles.
    pub async fn provision(&self, app: AppId, object: Key, by: &str) -> Result<Explanation, EngineError> {
        let app = self.app(app).await?;
        let client = self.client(&app, None).await?;
        let seen = self.see(&app, object).await?;
        let diagnosis = self.probe(&app, &client).await;
        if let Some(step) = diagnosis.steps.iter().rfind(|step| !step.ok) {
            return Ok(untested(seen, self.clock.now(), format!("{}: {}", step.name, step.text)));
        }
        let lease = self.patiently(&app).await?;
        let result = tokio::select! {
            result = self.demand(&app, &client, seen, object, by, &lease) => result,
            () = self.leases.keep(&lease) => Err(EngineError::LeaseLost),
        };
        self.leases.give_back(lease).await?;
        result
    }

    async fn see(&self, app: &Arc<App>, object: Key) -> Result<Seen, EngineError> {
        let (app, now) = (app.clone(), self.clock.now());
        self.read(move |on| explain::see(on, &app, object, now)).await
    }

    pub(super) async fn patiently(&self, app: &App) -> Result<Lease, EngineError> {
        let began = self.clock.monotonic();
        let _awaiting = self.awaiting(app.id);
        loop {
            if let Some(lease) = self.leases.take(&app::consumer(app.id)).await? {
                return Ok(lease);
            }
            if self.clock.monotonic().saturating_sub(began) > PATIENCE {
                return Err(EngineError::Busy);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The way as a cycle would go it.
    async fn looked_at(
        &self,
        app: &Arc<App>,
        seen: Seen,
        client: Result<Client, EngineError>,
    ) -> Result<Explanation, EngineError> {
        let way = match (&seen.task.todo, client) {
            (Todo::Find(_), Ok(client)) => self.found_way(app, &seen.task, &client).await?,
            (Todo::Find(_), Err(error)) => refused_way(Vec::new(), "NotReachable", error.to_string()),
            _ => self.known_way(app, &seen).await?,
        };
        Ok(explanation(seen, way, self.clock.now(), false))
    }

    /// Of one that is not linked yet: what the app has.
    async fn found_way(&self, app: &Arc<App>, task: &Task, client: &Client) -> Result<Way, EngineError> {
        let Todo::Find(find) = &task.todo else { return Ok(Way::none()) };
        let mut hits = Vec::new();
        let found = match search(client, task.kind, find, &mut hits).await {
            Ok(found) => found,
            Err(FindError::Object(failure)) => return Ok(failed_way(hits, &failure)),
            Err(FindError::App(error)) => return Ok(refused_way(hits, "NotReachable", error.to_string())),
        };
        let awaited = explain::awaited(&find.pending);
        let id = found.as_ref().and_then(|o| o.get("id")).and_then(|v| v.as_str()).map(str::to_owned);
        let Some((there, id)) = found.zip(id) else {
            return self.create_way(app, task, client, hits, awaited).await;
        };
        let (reads, kind, target) = (app.clone(), task.kind, id.clone());
        let holder = self.read(move |on| Ok(link::by_target(on, reads.id, kind, &target)?)).await?;
        if holder.is_some_and(|link| link.object != task.key) {
            return Ok(failed_way(hits, &failure::claimed(&id)));
        }
        let (_, differences) = match take_over(app, task.kind, &find.update, &there) {
            Ok(taken) => taken,
            Err(failure) => return Ok(failed_way(hits, &failure)),
        };
        let (action, text) = if find.leaving {
            (Action::Disable, "has an account that was left behind; it is taken over and disabled")
        } else if differences.is_empty() {
            (Action::Link, "has an account with its matching property, which is taken over as it is")
        } else {
            (Action::Update, "has an account with its matching property, which is taken over")
        };
        Ok(Way {
            matching: Some(matching(hits, Status::Success, format!("the account {id} matches"))),
            differences: explain::changed(app, task.kind, &differences),
            awaited,
            result: Status::Success,
            verdict: verdict(action, "EntryExportUpdate", text),
            target: Some(id),
        })
    }

    async fn create_way(
        &self,
        app: &Arc<App>,
        task: &Task,
        client: &Client,
        hits: Vec<Hit>,
        awaited: Vec<Detail>,
    ) -> Result<Way, EngineError> {
        let Todo::Find(find) = &task.todo else { return Ok(Way::none()) };
        let none = |hits| Some(matching(hits, Status::Success, "no account of the app matches".to_owned()));
        let Some(create) = &find.create else {
            let text = if find.leaving {
                "left, and has no account in the app"
            } else {
                "has no account in the app, and creating is switched off"
            };
            let verdict = verdict(Action::None, "EntrySynchronizationSkipped", text);
            return Ok(Way { matching: none(hits), result: Status::Skipped, verdict, ..Way::none() });
        };
        let (mut create, of) = (create.clone(), app.target.of(task.kind));
        match choose(client, of, task.kind, &mut create, &mut Reserved::new()).await {
            Ok(()) => {}
            Err(NotChosen::Object(failure)) => return Ok(failed_way(hits, &failure)),
            Err(NotChosen::App(error)) => {
                return Ok(match sort(error.clone(), At::Collection) {
                    Trouble::Object(failure) => failed_way(hits, &failure),
                    _ => refused_way(hits, "NotReachable", error.to_string()),
                });
            }
        }
        let mut differences = explain::changed(app, task.kind, &create.differences);
        differences.extend(self.members(app, task).await?);
        Ok(Way {
            matching: none(hits),
            differences,
            awaited,
            result: Status::Success,
            verdict: verdict(Action::Create, "EntryExportAdd", "is in scope and has no account in the app"),
            target: None,
        })
    }

    /// Of one whose account is known, or who gets none.
    async fn known_way(&self, app: &Arc<App>, seen: &Seen) -> Result<Way, EngineError> {
        let task = &seen.task;
        let target = task.link.as_ref().and_then(|l| l.target.clone());
        let matching = target
            .as_ref()
            .map(|id| matching(Vec::new(), Status::Success, format!("it is linked to the account {id}")));
        let mut way = Way { matching, target, ..Way::none() };
        way.verdict = match &task.todo {
            Todo::Nothing(reason) => {
                way.result = Status::Skipped;
                verdict(Action::None, reason.code(), reason.text())
            }
            Todo::NoMatcher => {
                way.result = Status::Skipped;
                verdict(Action::None, "ImportSkipped", "has no value for any matching property")
            }
            Todo::Write(write) => {
                way.differences = explain::changed(app, task.kind, &write.differences);
                way.differences.extend(self.members(app, task).await?);
                way.awaited = explain::awaited(&write.pending);
                match write.verb {
                    Verb::Disable(cause) => verdict(Action::Disable, "EntryExportUpdate", cause.text()),
                    Verb::Enable => {
                        verdict(Action::Enable, "EntryExportUpdate", "is in scope and active again")
                    }
                    Verb::Update if way.differences.is_empty() => {
                        verdict(Action::None, "RedundantExport", "is in sync")
                    }
                    Verb::Update => {
                        verdict(Action::Update, "EntryExportUpdate", "differs from what was last written")
                    }
                }
            }
            Todo::Delete(cause) => verdict(Action::Delete, "EntryExportDelete", cause.text()),
            Todo::LetGo(cause) => {
                let text = format!("{}; by the leaver policy the account stays as it is", cause.text());
                verdict(Action::None, "SkipOutOfScopeDeletions", &text)
            }
            Todo::Forget => {
                verdict(Action::None, "EntrySynchronizationSkipped", "is gone; only its link is forgotten")
            }
            Todo::Failed(failure) => return Ok(failed_way(Vec::new(), failure)),
            Todo::Find(_) | Todo::Uncounted(_) => return Ok(Way::none()),
        };
        if seen.held {
            way.result = Status::Warning;
            way.verdict = held_verdict(&way.verdict.text);
        }
        Ok(way)
    }

    /// A group's memberships to be written.
    async fn members(&self, app: &Arc<App>, task: &Task) -> Result<Option<Detail>, EngineError> {
        if task.kind != Kind::Group || !task.stays() || !maps_members(app) {
            return Ok(None);
        }
        let (reads, key, now) = (app.clone(), task.key, self.clock.now());
        let (add, remove) = self.read(move |on| count_members(on, &reads, key, now)).await?;
        let change = || Detail::Changed {
            attribute: "members".to_owned(),
            old: serde_json::Value::Null,
            new: json!(format!("{add} to add, {remove} to remove")),
            rule: "the group's members who have an account in the app".to_owned(),
        };
        Ok((add + remove > 0).then(change))
    }

    /// Under the lease: the object's row of work to its end.
    async fn demand(
        &self,
        app: &Arc<App>,
        client: &Client,
        seen: Seen,
        object: Key,
        by: &str,
        lease: &Lease,
    ) -> Result<Explanation, EngineError> {
        if matches!(seen.task.todo, Todo::Nothing(_) | Todo::NoMatcher) {
            return self.looked_at(app, seen, Ok(client.clone())).await;
        }
        let mut cycle = self.on_demand();
        let mut lane = if seen.task.kind == Kind::User { lane::USERS } else { lane::GROUPS };
        let mut last = None;
        for _ in 0..ROUNDS {
            let item = self.put_row(app, lease, object, lane).await?;
            let job = self.prepared(app, object, item, by).await?;
            let batch = Batch {
                engine: self,
                app: app.clone(),
                client: under(client, app, lease),
                lease: lease.clone(),
            };
            let (mut jobs, health) = batch.run(vec![job]).await?;
            let groups = self.write_down(Lane::Now, app, lease, &jobs, health.answered, &mut cycle).await?;
            let Some(job) = jobs.pop() else { break };
            let mut trouble = None;
            if groups.contains(&job.task.key) {
                trouble = batch.memberships(&job, &mut cycle).await?;
            }
            if let Some(End::Done(Done { uncounted: Some(cause), .. })) = &job.end {
                if !self.counted(app, lease, &job, *cause, &cycle).await? {
                    let way = Way {
                        result: Status::Warning,
                        verdict: held_verdict(cause.text()),
                        ..self.known_way(app, &seen).await?
                    };
                    return Ok(explanation(seen, way, self.clock.now(), true));
                }
                lane = lane::LEAVERS;
                continue;
            }
            let (reads, queue) = (app.clone(), app.queue);
            let row = self.read(move |on| Ok(work::get(on, queue, object.0)?)).await?;
            let untouched = matches!(job.end, Some(End::Untouched));
            let ended = untouched || trouble.is_some() || row.is_none_or(|row| row.tries > 0);
            let way = ended_way(&reads, &job, &health, trouble, &cycle);
            last = Some(way);
            if ended {
                break;
            }
        }
        let way = last.unwrap_or_else(Way::none);
        Ok(explanation(seen, way, self.clock.now(), true))
    }

    fn on_demand(&self) -> Cycle {
        Cycle {
            id: self.clock.id(),
            kind: CycleKind::OnDemand,
            began: self.clock.now(),
            ended: None,
            done: 0,
            planned: 1,
            counts: Counts::default(),
            requests: 0,
            writes: 0,
        }
    }

    async fn put_row(
        &self,
        app: &Arc<App>,
        lease: &Lease,
        object: Key,
        lane: i16,
    ) -> Result<work::Item, EngineError> {
        let (queue, lease, now) = (app.queue, lease.clone(), self.clock.now());
        self.write(Lane::Now, move |tx| {
            if !lease.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            work::put(tx, queue, &[Put { object: object.0, lane, due: now, reason: reason::CHANGED }])?;
            let gone = || usher_store::StoreError::Bug("a row of work vanished while it was put".into());
            Ok(work::get(tx, queue, object.0)?.ok_or_else(gone)?)
        })
        .await
    }

    async fn prepared(
        &self,
        app: &Arc<App>,
        object: Key,
        item: work::Item,
        by: &str,
    ) -> Result<Job, EngineError> {
        let (reads, now) = (app.clone(), self.clock.now());
        let mut tasks = self.read(move |on| task::prepare(on, &reads, &[object], For::Sending, now)).await?;
        let task = tasks.pop().ok_or_else(|| EngineError::NoObject(format!("object {}", object.0)))?;
        Ok(Job { task, item, change: self.clock.id(), began: now, by: Some(by.into()), end: None })
    }

    /// Counts a leaver; `false`: it is held back, and logged so.
    async fn counted(
        &self,
        app: &Arc<App>,
        lease: &Lease,
        job: &Job,
        cause: Cause,
        cycle: &Cycle,
    ) -> Result<bool, EngineError> {
        let (app, lease, now, key, kind) =
            (app.clone(), lease.clone(), self.clock.now(), job.task.key, job.task.kind);
        let (link, cycle, change, by) = (job.task.link.clone(), cycle.id, self.clock.id(), job.by.clone());
        self.write(Lane::Now, move |tx| {
            if !lease.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            let goes = leaver::settle_one(tx, &app, key, now)?;
            if let (false, Some(link)) = (goes, &link) {
                let leaver = leaver::Leaver { object: key, kind, cause, since: now };
                let mut entry = pump::staged_entry(link, &leaver, cycle, change, now);
                entry.by.clone_from(&by);
                log::write(tx, &app, &[entry])?;
            }
            Ok(goes)
        })
        .await
    }
}
