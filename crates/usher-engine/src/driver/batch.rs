//! A batch of tasks against the app: look for what isn't linked, note creates before they are sent, send.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::json;
use usher_client::{Change, Client, ClientError};
use usher_directory::{Key, Kind};
use usher_jobs::lease::Lease;
use usher_scim::{ResourceType, resource};
use usher_store::{Lane, StoreError, Tx};

use super::{
    Engine, endpoint,
    failure::{self, At, Trouble, sort},
    job::{Done, End, Job, Links, settle_at_once},
    outcome,
};
use crate::{
    app::App,
    cycle::{pump::deletion, run::Counted},
    decide::Cause,
    diff::{self, Difference},
    error::EngineError,
    link::{self, Link, State},
    log::{self, Failure, Status, Step, StepType},
    task::{Create, Todo, Verb, Write},
    unique::Reserved,
};

/// What a batch says about the app as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Health {
    pub(super) credentials: Option<String>,
    pub(super) wait: Option<Option<Duration>>,
    pub(super) suspect: bool,
    pub(super) answered: bool,
}

pub(super) struct Batch<'e> {
    pub(super) engine: &'e Engine,
    pub(super) app: Arc<App>,
    pub(super) client: Client,
    pub(super) lease: Lease,
}

impl Batch<'_> {
    /// Takes all jobs to an end each that have none; nothing of it is in the database yet but links (noted creates, targets taken over).
    pub(super) async fn run(&self, mut jobs: Vec<Job>) -> Result<(Vec<Job>, Health), EngineError> {
        let mut health = Health::default();
        for job in jobs.iter_mut().filter(|job| job.end.is_none()) {
            settle_at_once(&self.app, job);
        }
        jobs = self.each(jobs, &mut health, Stage::Find).await;
        self.choose(&mut jobs, &mut health).await;
        if health.wait.is_none() && health.credentials.is_none() {
            jobs = self.note(jobs).await?;
            jobs = self.each(jobs, &mut health, Stage::Send).await;
        }
        for job in &mut jobs {
            job.end.get_or_insert(End::Untouched);
        }
        Ok((jobs, health))
    }

    async fn each(&self, jobs: Vec<Job>, health: &mut Health, stage: Stage) -> Vec<Job> {
        let width = self.app.settings.concurrency.max(1) as usize;
        let halted = &AtomicBool::new(false);
        let done: Vec<(Job, Option<Result<(), Trouble>>)> = stream::iter(jobs)
            .map(|mut job| async move {
                let result = match (stage, &job.end, &job.task.todo) {
                    (_, Some(_), _) => None,
                    // The app asked for a pause or refused the token: what is not under way yet stays as it is.
                    _ if halted.load(Ordering::Relaxed) => None,
                    (Stage::Find, None, Todo::Find(_)) => Some(self.find(&mut job).await),
                    (Stage::Find, None, _) => None,
                    (Stage::Send, None, _) => Some(self.send(&mut job).await),
                };
                if let Some(Err(Trouble::Wait(_) | Trouble::Credentials(_))) = &result {
                    halted.store(true, Ordering::Relaxed);
                }
                (job, result)
            })
            .buffered(width)
            .collect()
            .await;
        done.into_iter()
            .map(|(mut job, result)| {
                match result {
                    None => {}
                    Some(Ok(())) => {
                        health.answered = true;
                        if stage == Stage::Send {
                            job.end.get_or_insert_with(|| End::Failed(failure::ours("it came to no end")));
                        }
                    }
                    Some(Err(trouble)) => take(&mut job, health, trouble),
                }
                job
            })
            .collect()
    }

    /// Tries the matching properties one after the other and stops at the first hit.
    async fn find(&self, job: &mut Job) -> Result<(), Trouble> {
        let Todo::Find(find) = &job.task.todo else { return Ok(()) };
        let mut hit = None;
        for (path, value) in &find.matchers {
            let mut found = self
                .client
                .find(endpoint(job.task.kind), path, value)
                .await
                .map_err(|e| sort(e, At::Collection))?;
            job.task.steps.push(matched(path, value, found.len()));
            match found.len() {
                0 => {}
                1 => {
                    hit = found.pop();
                    break;
                }
                n => return Err(Trouble::Object(failure::several(&path.to_string(), value, n))),
            }
        }
        let find = find.clone();
        match (hit, find.create.is_some()) {
            (Some(there), _) => job.found(&self.app, &find, &there)?,
            (None, true) => {}
            // Only looked for in order to leave, or creating is off.
            (None, false) => {
                job.end = Some(End::Done(if find.leaving {
                    Done { left: true, ..Done::quiet(Counted::InSync, Links::Forget) }
                } else {
                    Done::quiet(Counted::Nothing, Links::Keep)
                }));
            }
        }
        Ok(())
    }

    /// Chooses values that the app does not have, for one after the other: who comes first gets the first, as in a plan.
    async fn choose(&self, jobs: &mut [Job], health: &mut Health) {
        let mut reserved = Reserved::new();
        for job in jobs.iter_mut().filter(|job| job.end.is_none()) {
            if health.wait.is_some() || health.credentials.is_some() {
                return;
            }
            let kind = job.task.kind;
            let Todo::Find(find) = &mut job.task.todo else { continue };
            let Some(create) = &mut find.create else { continue };
            let of = self.app.target.of(kind);
            match choose(&self.client, of, kind, create, &mut reserved).await {
                Ok(()) => {}
                Err(NotChosen::App(error)) => take(job, health, sort(error, At::Collection)),
                Err(NotChosen::Object(failure)) => take(job, health, Trouble::Object(failure)),
            }
        }
    }

    /// Notes creates and updates and takes targets over, all in one commit, before anything is sent.
    async fn note(&self, mut jobs: Vec<Job>) -> Result<Vec<Job>, EngineError> {
        let links: Vec<(usize, Link)> = jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.end.is_none())
            .filter_map(|(n, job)| job.to_note().map(|link| (n, link)))
            .collect();
        let updates: Vec<(Kind, Vec<Key>)> = [Kind::User, Kind::Group]
            .into_iter()
            .map(|kind| (kind, jobs.iter().filter(|job| job.updates(kind)).map(|job| job.task.key).collect()))
            .collect();
        if links.is_empty() && updates.iter().all(|(_, keys)| keys.is_empty()) {
            return Ok(jobs);
        }
        let (app, lease, now) = (self.app.clone(), self.lease.clone(), self.engine.clock.now());
        let written = links.clone();
        let refused = self
            .engine
            .write(Lane::Bulk, move |tx| {
                if !lease.check(tx)? {
                    return Err(EngineError::LeaseLost);
                }
                let (mut refused, mut healed) = (Vec::new(), Vec::new());
                for (n, link) in &written {
                    if !save(tx, &app, link, now)? {
                        refused.push(*n);
                    } else if link.target.is_some() {
                        healed.push(link.object);
                    }
                }
                for (kind, keys) in &updates {
                    link::being_written(tx, app.id, *kind, keys)?;
                }
                outcome::heal(tx, &app, &healed, now)?;
                Ok(refused)
            })
            .await?;
        for (n, link) in links {
            let Some(job) = jobs.get_mut(n) else { continue };
            if refused.contains(&n) {
                job.end = Some(End::Failed(failure::claimed(link.target.as_deref().unwrap_or_default())));
            }
            job.task.link = Some(link);
        }
        Ok(jobs)
    }

    async fn send(&self, job: &mut Job) -> Result<(), Trouble> {
        match job.task.todo.clone() {
            Todo::Find(find) => match find.create {
                Some(create) => self.create(job, create).await,
                None => Ok(()),
            },
            Todo::Write(write) => self.write(job, write).await,
            Todo::Delete(_) => self.delete(job).await,
            _ => Ok(()),
        }
    }

    async fn create(&self, job: &mut Job, create: Create) -> Result<(), Trouble> {
        let target = self.app.target.of(job.task.kind);
        let mut body = create.document.clone();
        body.insert("schemas".into(), json!(resource::schemas(target, &create.document)));
        let answer = self.client.create(endpoint(job.task.kind), &body).await;
        let link = job.task.link.clone();
        match (answer, link) {
            (Ok(made), Some(mut link)) => {
                job.task.steps.push(exported("EntryExportAdd", &job.task.name, &self.app.name));
                link.target = made.get("id").and_then(|v| v.as_str()).map(str::to_owned);
                link.state = State::Active;
                link.sent = create.document;
                link.whole = job.task.kind == Kind::Group;
                let links = Links::Save { link: Box::new(link), heals: true, returned: false };
                job.end = Some(End::Done(Done::sent(
                    Counted::Create,
                    log::Action::Create,
                    create.differences,
                    links,
                )));
                Ok(())
            }
            (Ok(_), None) => Ok(()),
            // Somebody else made it, or we did before a crash: what matches now is ours to take over.
            (Err(ClientError::Conflict { detail }), _) => {
                let Todo::Find(find) = &job.task.todo else { return Ok(()) };
                for (path, value) in &find.matchers {
                    let found = self.client.find(endpoint(job.task.kind), path, value).await;
                    if found.map_err(|e| sort(e, At::Collection))?.len() == 1 {
                        job.end = Some(End::Again);
                        return Ok(());
                    }
                }
                Err(Trouble::Object(failure::conflict(detail)))
            }
            (Err(error), _) => Err(sort(error, At::Collection)),
        }
    }

    async fn write(&self, job: &mut Job, write: Write) -> Result<(), Trouble> {
        let Some(mut link) = job.task.link.clone() else { return Ok(()) };
        let Some(id) = link.target.clone() else { return Ok(()) };
        link.name.clone_from(&job.task.name);
        let changes: Vec<Change> = write.differences.iter().map(Difference::change).collect();
        if !changes.is_empty() {
            self.client
                .update(endpoint(job.task.kind), &id, &changes)
                .await
                .map_err(|e| sort(e, At::Resource))?;
            job.task.steps.push(exported("EntryExportUpdate", &job.task.name, &self.app.name));
        }
        let target = self.app.target.of(job.task.kind);
        link.sent = diff::applied(target, &link.sent, &write.differences)
            .map_err(|e| Trouble::Object(failure::ours(&e.detail)))?;
        let nothing = changes.is_empty();
        let counted = match write.verb {
            _ if nothing => Counted::InSync,
            Verb::Update => Counted::Update,
            Verb::Enable => Counted::Enable,
            Verb::Disable(_) => Counted::Disable,
        };
        let returned = write.verb == Verb::Enable;
        let fresh = job.fresh();
        let deletion = match write.verb {
            Verb::Disable(cause) => deletion(&self.app, cause, self.engine.clock.now()),
            _ => None,
        };
        let forgotten = write.verb == Verb::Disable(Cause::Purged) && deletion.is_none();
        if job.task.kind == Kind::User && !nothing && !matches!(write.verb, Verb::Disable(_)) {
            link.whole = false;
        }
        link.state = if matches!(write.verb, Verb::Disable(_)) { State::Left } else { State::Active };
        if returned && job.task.kind == Kind::Group {
            link.whole = true;
        }
        let links = if forgotten {
            Links::Forget
        } else if nothing && !returned && !fresh && link.state == State::Active {
            Links::Keep
        } else {
            Links::Save { link: Box::new(link), heals: false, returned }
        };
        let action = match write.verb {
            Verb::Disable(_) => log::Action::Disable,
            _ => log::Action::Update,
        };
        let left = matches!(write.verb, Verb::Disable(_));
        let mut done = if nothing {
            Done::quiet(counted, links)
        } else {
            Done::sent(counted, action, write.differences, links)
        };
        done.left = left;
        done.deletion = deletion;
        job.end = Some(End::Done(done));
        Ok(())
    }

    async fn delete(&self, job: &mut Job) -> Result<(), Trouble> {
        if let Some(id) = job.task.link.as_ref().and_then(|l| l.target.clone()) {
            let deleted = self.client.delete(endpoint(job.task.kind), &id).await;
            let was_there = deleted.map_err(|e| sort(e, At::Resource))?;
            // An app that answers 404 to everything has deleted nobody.
            if !was_there && !self.engine.probe(&self.app, &self.client).await.ok() {
                return Err(sort(ClientError::Gone, At::Collection));
            }
            job.task.steps.push(exported("EntryExportDelete", &job.task.name, &self.app.name));
        }
        let done = Done::sent(Counted::Delete, log::Action::Delete, Vec::new(), Links::Forget);
        job.end = Some(End::Done(Done { left: true, ..done }));
        Ok(())
    }
}

/// Why a value was not chosen.
pub(super) enum NotChosen {
    /// The app could not be asked.
    App(ClientError),
    /// Every value is taken, or can't be written.
    Object(Failure),
}

/// For each row that chooses, the first value that neither the app nor somebody before has.
pub(super) async fn choose(
    client: &Client,
    of: &ResourceType,
    kind: Kind,
    create: &mut Create,
    reserved: &mut Reserved,
) -> Result<(), NotChosen> {
    for unique in std::mem::take(&mut create.unique) {
        let mut chosen = None;
        for value in unique.untaken(reserved) {
            let found = client.find(endpoint(kind), &unique.target, value).await;
            if found.map_err(NotChosen::App)?.is_empty() {
                chosen = Some(value.to_owned());
                break;
            }
        }
        let value = chosen.ok_or_else(|| NotChosen::Object(unique.failure()))?;
        create.choose(of, &unique.target, &value).map_err(NotChosen::Object)?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Find,
    Send,
}

fn take(job: &mut Job, health: &mut Health, trouble: Trouble) {
    match trouble {
        Trouble::Credentials(detail) => {
            health.credentials.get_or_insert(detail);
            job.end = Some(End::Untouched);
        }
        Trouble::Wait(retry_after) => {
            let longest = health.wait.flatten().max(retry_after);
            health.wait = Some(longest);
            job.end = Some(End::Untouched);
        }
        Trouble::Suspect(failure) => {
            health.suspect = true;
            job.end = Some(End::Suspect(failure));
        }
        Trouble::Object(failure) => {
            health.answered = true;
            job.end = Some(End::Failed(failure));
        }
    }
}

/// `false`: another source holds the target.
pub(super) fn save(tx: &mut Tx<'_>, app: &App, link: &Link, now: Timestamp) -> Result<bool, EngineError> {
    match tx.savepoint(|tx| link::save(tx, app.id, link, now)) {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

fn matched(path: &usher_scim::AttributePath, value: &str, hits: usize) -> Step {
    Step {
        name: "EntryImport",
        kind: StepType::Matching,
        status: if hits > 1 { Status::Failure } else { Status::Success },
        description: format!("{hits} found in the app with {path} \"{value}\""),
        details: json!({ "MatchingProperty": path.to_string(), "MatchingValue": value, "Hits": hits }),
    }
}

fn exported(name: &'static str, object: &str, app: &str) -> Step {
    Step {
        name,
        kind: StepType::Export,
        status: Status::Success,
        description: format!("'{object}' was written to {app}"),
        details: json!({}),
    }
}
