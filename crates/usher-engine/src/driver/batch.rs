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
use usher_directory::Kind;
use usher_jobs::{lease::Lease, work};
use usher_scim::{Object, resource};
use usher_store::{Lane, StoreError, Tx};
use uuid::Uuid;

use super::{
    Engine, endpoint,
    failure::{self, At, Trouble, sort},
    outcome,
};
use crate::{
    app::App,
    cycle::run::Counted,
    decide::Cause,
    diff::{self, Difference},
    error::EngineError,
    link::{self, Link, State},
    log::{self, Failure, Status, Step, StepType},
    task::{Create, Find, Task, Todo, Verb, Write, take_over},
};

/// A task under way.
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) item: work::Item,
    /// The log's id of this change, made before anything is written.
    pub(super) change: Uuid,
    pub(super) began: Timestamp,
    pub(super) end: Option<End>,
}

/// How a task ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// Done.
    Done(Done),
    /// It failed and goes to escrow.
    Failed(Failure),
    /// It could not be tried; its row stays as it is.
    Untouched,
    /// Its state changed in a way that is to be looked at again at once.
    Again,
    /// Perhaps it failed, perhaps the app is at fault.
    Suspect(Failure),
}

/// What was done.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) counted: Counted,
    pub(super) action: log::Action,
    pub(super) status: Status,
    pub(super) logged: bool,
    pub(super) differences: Vec<Difference>,
    pub(super) link: Links,
    pub(super) note: Option<(&'static str, String)>,
    /// It left: the threshold's count is told.
    pub(super) left: bool,
    /// A leaver to be counted first.
    pub(super) uncounted: Option<Cause>,
}

/// What becomes of the link.
#[derive(Debug, Clone)]
pub(super) enum Links {
    Keep,
    Save {
        link: Box<Link>,
        /// It has a target that others may wait for.
        heals: bool,
        /// Its memberships are to be sent again.
        returned: bool,
    },
    Forget,
}

impl Done {
    fn quiet(counted: Counted, link: Links) -> Self {
        Self {
            counted,
            action: log::Action::Other,
            status: Status::Skipped,
            logged: false,
            differences: Vec::new(),
            link,
            note: None,
            left: false,
            uncounted: None,
        }
    }
    fn sent(counted: Counted, action: log::Action, differences: Vec<Difference>, link: Links) -> Self {
        Self { action, status: Status::Success, logged: true, differences, ..Self::quiet(counted, link) }
    }
}

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
    /// Takes all jobs to an end each; nothing of it is in the database yet but links (noted creates, targets taken over).
    pub(super) async fn run(&self, mut jobs: Vec<Job>) -> Result<(Vec<Job>, Health), EngineError> {
        let mut health = Health::default();
        for job in &mut jobs {
            settle_at_once(&self.app, job);
        }
        jobs = self.each(jobs, &mut health, Stage::Find).await;
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

    /// Notes creates and takes targets over, all in one commit, before anything is sent.
    async fn note(&self, mut jobs: Vec<Job>) -> Result<Vec<Job>, EngineError> {
        let links: Vec<(usize, Link)> = jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.end.is_none())
            .filter_map(|(n, job)| job.to_note().map(|link| (n, link)))
            .collect();
        if links.is_empty() {
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
        let purged = write.verb == Verb::Disable(Cause::Purged);
        link.state = if matches!(write.verb, Verb::Disable(_)) { State::Left } else { State::Active };
        if returned && job.task.kind == Kind::Group {
            link.whole = true;
        }
        let links = if purged {
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
        job.end = Some(End::Done(done));
        Ok(())
    }

    async fn delete(&self, job: &mut Job) -> Result<(), Trouble> {
        if let Some(id) = job.task.link.as_ref().and_then(|l| l.target.clone()) {
            self.client.delete(endpoint(job.task.kind), &id).await.map_err(|e| sort(e, At::Resource))?;
            job.task.steps.push(exported("EntryExportDelete", &job.task.name, &self.app.name));
        }
        let done = Done::sent(Counted::Delete, log::Action::Delete, Vec::new(), Links::Forget);
        job.end = Some(End::Done(Done { left: true, ..done }));
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Find,
    Send,
}

impl Job {
    /// An account was found: from here on it is a linked one that is written like any other.
    fn found(&mut self, app: &App, find: &Find, there: &Object) -> Result<(), Trouble> {
        let Some(id) = there.get("id").and_then(|v| v.as_str()) else { return Ok(()) };
        let (sent, differences) =
            take_over(app, self.task.kind, &find.update, there).map_err(Trouble::Object)?;
        let mut link = self.blank_link();
        link.target = Some(id.to_owned());
        link.state = State::Active;
        link.sent = sent;
        link.whole = self.task.kind == Kind::Group;
        self.task.link = Some(link.clone());
        if find.leaving {
            // Linked now; it leaves in the next batch, by the same counted row.
            self.end = Some(End::Done(Done {
                ..Done::quiet(
                    Counted::Nothing,
                    Links::Save { link: Box::new(link), heals: false, returned: false },
                )
            }));
        } else {
            let pending = find.pending.clone();
            let write = Write { verb: Verb::Update, differences, pending };
            self.task.todo = Todo::Write(write);
            self.item.reason = FOUND;
        }
        Ok(())
    }

    /// Whether its target was found in this very batch.
    fn fresh(&self) -> bool {
        self.item.reason == FOUND
    }

    /// The link to write before anything is sent: a noted create, or the target just found.
    fn to_note(&self) -> Option<Link> {
        match &self.task.todo {
            Todo::Find(find) if find.create.is_some() => {
                let link = self.blank_link();
                (self.task.link.is_none()).then_some(link)
            }
            Todo::Write(_) if self.fresh() => self.task.link.clone(),
            _ => None,
        }
    }

    fn blank_link(&self) -> Link {
        self.task.link.clone().unwrap_or_else(|| Link {
            object: self.task.key,
            kind: self.task.kind,
            state: State::Noted,
            target: None,
            sent: Object::new(),
            source: self.task.source,
            name: self.task.name.clone(),
            whole: false,
            counted: (None, Counted::Nothing),
            version: 0,
        })
    }
}

/// In a job's row in memory only: its target was found in this batch.
const FOUND: i16 = -1;

/// Ends that need no request.
fn settle_at_once(app: &App, job: &mut Job) {
    let end = match &job.task.todo {
        // A write with nothing to send too: its end is made where all writes' are.
        Todo::Find(_) | Todo::Delete(_) | Todo::Write(_) => None,
        Todo::Nothing(_) => Some(End::Done(Done::quiet(Counted::Nothing, Links::Keep))),
        Todo::NoMatcher => {
            let text = format!("{} has no value for any matching property of {}", job.task.name, app.name);
            let done = Done::quiet(Counted::Nothing, Links::Keep);
            Some(End::Done(Done { logged: true, note: Some(("ImportSkipped", text)), ..done }))
        }
        Todo::Forget => Some(End::Done(Done::quiet(Counted::Nothing, Links::Forget))),
        Todo::LetGo(cause) => Some(End::Done(let_go(app, &job.task, *cause))),
        Todo::Uncounted(cause) => {
            let done = Done::quiet(Counted::Nothing, Links::Keep);
            Some(End::Done(Done { uncounted: Some(*cause), ..done }))
        }
        Todo::Failed(failure) => Some(End::Failed(failure.clone())),
    };
    job.end = end;
}

fn let_go(app: &App, task: &Task, cause: Cause) -> Done {
    let text = format!("{} {}; it is left in {} as it is", task.name, cause.text(), app.name);
    let links = match (&task.link, cause) {
        (Some(_), Cause::Purged) | (None, _) => Links::Forget,
        (Some(link), _) => {
            let link = Link { state: State::Loose, ..link.clone() };
            Links::Save { link: Box::new(link), heals: false, returned: false }
        }
    };
    let done = Done::quiet(Counted::Nothing, links);
    Done { logged: true, note: Some(("SkipOutOfScopeDeletions", text)), ..done }
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
        details: json!({ "MatchingProperty": path.to_string(), "Hits": hits }),
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
