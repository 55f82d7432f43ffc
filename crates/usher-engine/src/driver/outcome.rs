//! What came of a batch, written in one transaction: links, waiting, the log, the count of leavers, the rows of work.

use std::sync::Arc;

use jiff::Timestamp;
use usher_directory::{Key, Kind, object};
use usher_jobs::{
    backoff::Backoff,
    clock::Clock,
    lease::Lease,
    work::{self, Item, Put},
};
use usher_store::{Lane, Tx};
use uuid::Uuid;

use super::{
    Engine,
    batch::save,
    failure,
    job::{Done, End, FOUND, Job, Links},
};
use crate::{
    app::App,
    cycle::{
        Cycle, CycleKind,
        pump::{delta, lane, reason},
        run::{self, Counted},
    },
    error::EngineError,
    flaw::{self, Flaw},
    leaver, limit,
    link::{self, State},
    log::{self, Failure, Status},
    notify, protected, reference,
    task::Todo,
    turn,
};

impl Engine {
    /// Writes down what came of a batch; the groups whose memberships are to be looked at now. `answered`: the app did.
    pub(super) async fn write_down(
        &self,
        lane: Lane,
        app: &Arc<App>,
        lease: &Lease,
        jobs: &[Job],
        answered: bool,
        cycle: &mut Cycle,
    ) -> Result<Vec<Key>, EngineError> {
        let written: Vec<Written> =
            jobs.iter().filter_map(|job| Written::of(job, cycle.id, &self.clock)).collect();
        let (app, lease, now, before) = (app.clone(), lease.clone(), self.clock.now(), cycle.clone());
        let (groups, after) = self
            .write(lane, move |tx| {
                let mut cycle = before.clone();
                let groups = write(tx, &app, &lease, &mut cycle, &written, now)?;
                if answered {
                    run::reached(tx, app.id, now)?;
                }
                Ok((groups, cycle))
            })
            .await?;
        *cycle = after;
        Ok(groups)
    }
}

/// When a failed row is tried again; leavers never wait long.
pub(super) fn again(item: &Item, clock: &Clock) -> Timestamp {
    let backoff = if item.lane == lane::LEAVERS { Backoff::Leaver } else { Backoff::Escrow };
    if backoff.is_over(item.tries + 1) {
        return work::PARKED;
    }
    backoff.next(item.tries + 1, clock)
}

/// Everything to write down that is not decided inside the transaction.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) item: Item,
    pub(super) key: Key,
    pub(super) kind: Kind,
    pub(super) end: End,
    pub(super) awaited: Vec<Key>,
    pub(super) due_if_failed: Timestamp,
    pub(super) entry: log::Entry,
    /// Its link before this batch: what the cycle counted it as, and whether a noted create is to be forgotten on failure.
    pub(super) before: Option<link::Link>,
    pub(super) refused_create: bool,
}

impl Written {
    pub(super) fn of(job: &Job, cycle: Uuid, clock: &Clock) -> Option<Self> {
        let now = clock.now();
        let end = job.end.clone()?;
        let pending = match &job.task.todo {
            Todo::Find(find) => find.pending.clone(),
            Todo::Write(write) => write.pending.clone(),
            _ => reference::Resolved::default(),
        };
        let milliseconds = now.duration_since(job.began).as_millis();
        let mut entry = log::Entry {
            at: now,
            cycle,
            change: job.change,
            kind: job.task.kind,
            source: job.task.source,
            name: job.task.name.clone(),
            target: job.task.link.as_ref().and_then(|l| l.target.clone()),
            action: log::Action::Other,
            status: Status::Success,
            steps: job.task.steps.clone(),
            modified: Vec::new(),
            failure: None,
            note: None,
            milliseconds: u64::try_from(milliseconds).unwrap_or_default(),
            attempt: job.item.tries + 1,
            by: job.by.clone(),
        };
        match &end {
            End::Done(done) => done_entry(&mut entry, done, &pending),
            End::Failed(failure) | End::Suspect(failure) => {
                entry.action = attempted(&job.task.todo);
                entry.status = Status::Failure;
                entry.failure = Some(failure.clone());
            }
            End::Untouched | End::Again | End::Held => {}
        }
        // A create that was refused for certain is no longer noted; one whose answer was lost stays noted.
        let refused_create = matches!((&end, &job.task.todo), (End::Failed(_), Todo::Find(_)));
        Some(Self {
            item: job.item.clone(),
            key: job.task.key,
            kind: job.task.kind,
            awaited: pending.awaited.iter().map(|(_, key, _)| *key).collect(),
            due_if_failed: again(&job.item, clock),
            entry,
            before: job.task.link.clone(),
            refused_create,
            end,
        })
    }
}

impl Written {
    /// Whether it was made or taken over.
    fn is_new(&self) -> bool {
        let linked = matches!(&self.end, End::Done(Done { link: Links::Save { link, .. }, .. }) if link.state == State::Active);
        let noted = self.before.as_ref().is_none_or(|link| link.state == State::Noted);
        linked && (noted || self.item.reason == FOUND)
    }
}

fn done_entry(entry: &mut log::Entry, done: &Done, pending: &reference::Resolved) {
    entry.action = done.action;
    entry.status = done.status;
    entry.modified.clone_from(&done.differences);
    entry.note.clone_from(&done.note);
    if let Links::Save { link, .. } = &done.link {
        entry.target.clone_from(&link.target);
    }
    let missing: Vec<&str> = pending
        .awaited
        .iter()
        .map(|(_, _, name)| name.as_str())
        .chain(pending.unknown.iter().map(String::as_str))
        .collect();
    if !missing.is_empty() && done.logged {
        entry.status = Status::Warning;
        entry.note = Some((
            "UnableToResolveReferenceAttributeValue",
            format!(
                "{} has no account in the app yet; the reference follows when it has",
                missing.join(", ")
            ),
        ));
    }
}

fn attempted(todo: &Todo) -> log::Action {
    use crate::task::{Verb, Write};
    match todo {
        Todo::Find(_) => log::Action::Create,
        Todo::Write(Write { verb: Verb::Disable(_), .. }) => log::Action::Disable,
        Todo::Write(_) => log::Action::Update,
        Todo::Delete(_) => log::Action::Delete,
        _ => log::Action::Other,
    }
}

/// Writes a batch down. Groups whose memberships are to follow keep their row; their keys are the answer.
pub(super) fn write(
    tx: &mut Tx<'_>,
    app: &App,
    lease: &Lease,
    cycle: &mut Cycle,
    batch: &[Written],
    now: Timestamp,
) -> Result<Vec<Key>, EngineError> {
    if !lease.check(tx)? {
        return Err(EngineError::LeaseLost);
    }
    let (mut members, mut healed) = (Vec::new(), Vec::new());
    if cycle.kind != CycleKind::OnDemand {
        limit::spend(tx, app.id, batch.iter().filter(|written| written.is_new()).count() as u64)?;
    }
    for written in batch {
        match &written.end {
            End::Untouched if flaw::is_on(Flaw::UntriedIsDone) => {
                work::done(tx, app.queue, &written.item)?;
            }
            End::Untouched | End::Again => {}
            End::Held => {
                work::hold(tx, app.queue, &written.item)?;
                limit::hold(tx, app, now)?;
                cycle.counts.held += 1;
                cycle.done += 1;
            }
            End::Done(done) => {
                if finish(tx, app, cycle, written, done, &mut healed, now)? {
                    members.push(written.key);
                }
            }
            End::Failed(failure) | End::Suspect(failure) => {
                fail(tx, app, cycle, written, failure)?;
            }
        }
    }
    heal(tx, app, &healed, now)?;
    run::progress(tx, app.id, cycle)?;
    Ok(members)
}

/// `true`: a group whose memberships follow; its row stays until they have.
fn finish(
    tx: &mut Tx<'_>,
    app: &App,
    cycle: &mut Cycle,
    written: &Written,
    done: &Done,
    healed: &mut Vec<Key>,
    now: Timestamp,
) -> Result<bool, EngineError> {
    let before = counted(written, cycle);
    let as_what = cycle.counts.count(before, done.counted);
    let mut in_step = written.before.as_ref().is_some_and(|l| l.state == State::Active);
    match &done.link {
        Links::Keep if written.before.is_some() => {
            link::count_as(tx, app.id, written.key, cycle.id, as_what)?;
        }
        Links::Keep => {}
        Links::Forget => {
            link::forget(tx, app.id, written.key)?;
            in_step = false;
        }
        Links::Save { link, heals, returned } => {
            in_step = link.state == State::Active;
            let link = link::Link { counted: (Some(cycle.id), as_what), ..(**link).clone() };
            if !save(tx, app, &link, now)? {
                let failure = failure::claimed(link.target.as_deref().unwrap_or_default());
                fail(tx, app, cycle, written, &failure)?;
                return Ok(false);
            }
            if let Some(at) = done.deletion {
                turn::at(tx, app.id, written.key, at)?;
            }
            if *returned {
                // The app may have dropped them when it left.
                link::forget_memberships(tx, app.id, written.key)?;
            }
            if *heals || *returned {
                healed.push(written.key);
            }
        }
    }
    if !matches!(done.link, Links::Forget) && !matches!(done.counted, Counted::Nothing) {
        reference::wait_for(tx, app.id, written.key, &written.awaited)?;
        // Whoever got a target after this one was prepared is not waited for in vain.
        let there = link::of(tx, app.id, &written.awaited)?;
        healed.extend(there.into_iter().filter(|l| l.target.is_some()).map(|l| l.object));
    }
    if done.left {
        leaver::done(tx, app.id, written.key, now)?;
    }
    if let Some(cause) = done.uncounted {
        leaver::note(tx, app.id, written.key, written.kind, cause, cycle.id, now)?;
    }
    if done.logged {
        log::write(tx, app, std::slice::from_ref(&written.entry))?;
    }
    let members = written.kind == Kind::Group && in_step && !done.rests && maps_members(app);
    let pending_leave =
        matches!(&done.link, Links::Save { .. }) && done.counted == Counted::Nothing && in_step;
    if !members && !pending_leave {
        cycle.done += 1;
        work::done(tx, app.queue, &written.item)?;
    }
    Ok(members && !pending_leave)
}

/// Whether the group mapping writes members at all.
pub(super) fn maps_members(app: &App) -> bool {
    app.groups.rows.iter().any(|r| reference::is_members(&r.target))
}

fn counted(written: &Written, cycle: &Cycle) -> Counted {
    match &written.before {
        Some(link) if link.counted.0 == Some(cycle.id) => link.counted.1,
        _ => Counted::Nothing,
    }
}

fn fail(
    tx: &mut Tx<'_>,
    app: &App,
    cycle: &mut Cycle,
    written: &Written,
    failure: &Failure,
) -> Result<(), EngineError> {
    let as_what = cycle.counts.count(counted(written, cycle), Counted::Failed);
    let noted = written.before.as_ref().is_some_and(|l| l.state == State::Noted);
    if written.refused_create && noted {
        link::forget(tx, app.id, written.key)?;
    } else if written.before.is_some() {
        link::count_as(tx, app.id, written.key, cycle.id, as_what)?;
    }
    if failure.code == protected::CODE {
        notify::protected(tx, app, &failure.reason, written.entry.at)?;
    }
    let mut entry = written.entry.clone();
    entry.status = Status::Failure;
    entry.failure = Some(failure.clone());
    log::write(tx, app, &[entry])?;
    cycle.done += 1;
    let text = format!("{}: {}", failure.code, failure.reason);
    work::failed(tx, app.queue, &written.item, written.due_if_failed, &text)?;
    Ok(())
}

/// These have a target (again): those who waited for them, and the groups they are in, are looked at after everything else.
pub(super) fn heal(tx: &mut Tx<'_>, app: &App, keys: &[Key], now: Timestamp) -> Result<(), EngineError> {
    let put = |tx: &mut Tx<'_>, objects: Vec<Key>| {
        let row = |object: Key| Put {
            object: object.0,
            lane: lane::REFERENCES,
            due: now,
            reason: reason::REFERENCE,
        };
        work::put(tx, app.queue, &objects.into_iter().map(row).collect::<Vec<_>>())
    };
    for key in keys {
        loop {
            let block = reference::healed(tx, app.id, *key, 500)?;
            let full = block.len() == 500;
            put(tx, block)?;
            if !full {
                break;
            }
        }
    }
    if !app.groups.enabled || !maps_members(app) || keys.is_empty() {
        return Ok(());
    }
    let memberships = object::groups_of(tx, app.directory, keys)?;
    let mut groups: Vec<Key> = memberships.iter().map(|(_, g)| g.key).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut linked: Vec<Key> = link::of(tx, app.id, &groups)?
        .into_iter()
        .filter(|l| l.state == State::Active)
        .map(|l| l.object)
        .collect();
    linked.sort_unstable();
    for (member, group) in memberships.iter().filter(|(_, g)| linked.binary_search(&g.key).is_ok()) {
        delta(tx, app, group.key, *member)?;
    }
    Ok(put(tx, linked)?)
}
