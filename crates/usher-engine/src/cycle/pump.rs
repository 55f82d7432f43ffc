//! From the feed and from walks to work: who is affected, judged block by block.
//!
//! Everything found here is either put into the work table, noted as a leaver to be counted, or counted as out of scope. The
//! feed's place moves in the same transaction.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use usher_directory::{
    Key, Kind, feed,
    feed::{Change, FeedError, Op},
    object,
};
use usher_jobs::work::{self, Put};
use usher_store::{Sql, StoreError, Tx};
use uuid::Uuid;

use super::{
    run,
    walk::{self, Step, Walk},
};
use crate::{
    app::App,
    assignment,
    decide::{Act, Cause, Linked, Reason, Rules, Source, decide, leaving},
    error::EngineError,
    leaver, link, log, notify, protected, pushed, scope,
    settings::{Leaving, days_long},
    turn,
};

/// Objects a step looks at.
const BLOCK: usize = 200;

/// Lanes of an app's queue; a smaller number is worked on first.
pub(crate) mod lane {
    /// Leavers that were counted and may go.
    pub(crate) const LEAVERS: i16 = 0;
    /// Users that changed.
    pub(crate) const USERS: i16 = 1;
    /// Groups that changed, after the users who are in them.
    pub(crate) const GROUPS: i16 = 2;
    /// Users of a walk.
    pub(crate) const WALKED_USERS: i16 = 3;
    /// Groups of a walk.
    pub(crate) const WALKED_GROUPS: i16 = 4;
    /// References that became possible.
    pub(crate) const REFERENCES: i16 = 5;
}

/// Why a row of work was put. Numbers are stored.
pub(crate) mod reason {
    /// It changed, or something that it depends on.
    pub(crate) const CHANGED: i16 = 1;
    /// A walk came by.
    pub(crate) const WALKED: i16 = 2;
    /// It leaves.
    pub(crate) const LEAVER: i16 = 3;
    /// Somebody it refers to has a target now.
    pub(crate) const REFERENCE: i16 = 4;
}

/// How what changed is put.
const CHANGED: (i16, i16, i16) = (lane::USERS, lane::GROUPS, reason::CHANGED);

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pumped {
    /// Whether another step may find more.
    pub(crate) more: bool,
    /// Whether everything that may hold leavers of this batch has been looked at.
    pub(crate) countable: bool,
    /// A walk over everybody began.
    pub(crate) initial: bool,
    /// Rows put.
    pub(crate) put: u64,
    /// Objects looked at that are not in scope.
    pub(crate) out_of_scope: u64,
}

/// What an app's configuration allows for a kind.
pub(crate) fn rules(app: &App, kind: Kind) -> Rules {
    let mapping = app.mapping(kind);
    let can_delete = match kind {
        Kind::User => app.template.limits.delete_users && app.settings.wire().deletes_users(),
        Kind::Group => app.template.limits.delete_groups,
    };
    Rules {
        kind,
        enabled: mapping.enabled,
        create: mapping.create,
        update: mapping.update,
        delete: mapping.delete && can_delete,
        policy: app.settings.leaver,
    }
}

/// The same for one who may have left: when a policy's days are over, it says delete.
pub(crate) fn rules_of(app: &App, kind: Kind, link: Option<&link::Link>, now: Timestamp) -> Rules {
    let mut rules = rules(app, kind);
    if let Some(link) = link.filter(|link| link.state == link::State::Left) {
        rules.policy = rules.policy.after(now.duration_since(link.changed));
    }
    rules
}

/// When the account of a user who left for this cause is deleted, if that waits.
pub(crate) fn deletion(app: &App, cause: Cause, since: Timestamp) -> Option<Timestamp> {
    let rules = rules(app, Kind::User);
    match rules.policy.of(cause) {
        Leaving::DeleteAfter(days) if rules.delete && rules.update => since.checked_add(days_long(days)).ok(),
        _ => None,
    }
}

/// Takes a block of the feed, or else of the first walk.
pub(crate) fn step(tx: &mut Tx<'_>, app: &App, cycle: Uuid, now: Timestamp) -> Result<Pumped, EngineError> {
    let consumer = app.consumer();
    let Some(place) = feed::place(tx, app.directory, &consumer)? else {
        return begin(tx, app, now);
    };
    let changes = match feed::changes(tx, app.directory, place, BLOCK) {
        Ok(changes) => changes,
        Err(FeedError::Behind) => return begin(tx, app, now),
        Err(FeedError::Store(e)) => return Err(e.into()),
    };
    if changes.upto != place {
        let mut pumped = from_feed(tx, app, cycle, &changes.rows, now)?;
        feed::move_to(tx, app.directory, &consumer, changes.upto, now)?;
        pumped.more = true;
        return Ok(pumped);
    }
    let turned = turn::take(tx, app.id, now, BLOCK)?;
    if !turned.is_empty() {
        let mut pumped = affect(tx, app, cycle, &turned, CHANGED, now)?;
        pumped.more = true;
        return Ok(pumped);
    }
    let Some(walk) = walk::first(tx, app.id)? else {
        return Ok(Pumped { countable: true, ..Pumped::default() });
    };
    let mut pumped = from_walk(tx, app, cycle, &walk, now)?;
    pumped.more = true;
    pumped.countable = walk.step as i64 >= Step::Users as i64;
    Ok(pumped)
}

/// The place is taken before anything is read, so that nothing falls between the walk and the feed.
fn begin(tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<Pumped, EngineError> {
    let head = feed::head(tx, app.directory)?;
    feed::move_to(tx, app.directory, &app.consumer(), head, now)?;
    walk::everything(tx, app.id)?;
    // Who was taken out of a group before is in no part of the feed that is read from here on.
    link::all_whole(tx, app.id)?;
    run::initial(tx, app.id)?;
    Ok(Pumped { more: true, initial: true, ..Pumped::default() })
}

fn from_feed(
    tx: &mut Tx<'_>,
    app: &App,
    cycle: Uuid,
    rows: &[Change],
    now: Timestamp,
) -> Result<Pumped, EngineError> {
    let (mut objects, mut inner) = (BTreeSet::new(), BTreeSet::new());
    let mut memberships = Vec::new();
    for row in rows {
        match row.member {
            None => {
                if row.kind == Kind::Group {
                    group_changed(tx, app, row)?;
                } else if row.op == Op::Removed {
                    forget_assignments(tx, app, row.object)?;
                }
                objects.insert(row.object);
            }
            Some(member) => {
                memberships.push((row.object, member));
                if row.kind == Kind::Group {
                    inner.insert(member);
                }
            }
        }
    }
    let groups: Vec<Key> = memberships.iter().map(|(g, _)| *g).collect::<BTreeSet<_>>().into_iter().collect();
    let giving = assignment::giving(tx, app, &groups)?;
    if assignment::any_nested(tx, app.id)? {
        // A group that came into such a group or left it: everybody below it.
        for (_, member) in memberships.iter().filter(|(group, _)| giving.contains(group)) {
            if inner.contains(member) {
                walk::below(tx, app, *member)?;
            }
        }
    }
    let reads = app.reads_groups(Kind::User) || app.reads_groups(Kind::Group);
    objects.extend(memberships.iter().filter(|(g, _)| reads || giving.contains(g)).map(|(_, m)| *m));
    let objects: Vec<Key> = objects.into_iter().collect();
    let pumped = affect(tx, app, cycle, &objects, CHANGED, now)?;
    member_deltas(tx, app, &groups, &memberships, now)?;
    Ok(pumped)
}

const DELTA: Sql = Sql::same(
    "insert into delta (app, grp, member) values ($1, $2, $3) on conflict (app, grp, member) do nothing",
);

/// Memberships to look at, of groups that have a target.
fn member_deltas(
    tx: &mut Tx<'_>,
    app: &App,
    groups: &[Key],
    memberships: &[(Key, Key)],
    now: Timestamp,
) -> Result<(), EngineError> {
    let linked: BTreeSet<Key> = link::of(tx, app.id, groups)?
        .into_iter()
        .filter(|l| l.state == link::State::Active)
        .map(|l| l.object)
        .collect();
    for (group, member) in memberships.iter().filter(|(g, _)| linked.contains(g)) {
        delta(tx, app, *group, *member)?;
    }
    let rows: Vec<Put> = linked
        .iter()
        .map(|g| Put { object: g.0, lane: lane::GROUPS, due: now, reason: reason::CHANGED })
        .collect();
    Ok(work::put(tx, app.queue, &rows)?)
}

/// This membership is to be looked at when its group is.
pub(crate) fn delta(tx: &mut Tx<'_>, app: &App, group: Key, member: Key) -> Result<(), StoreError> {
    tx.exec(&DELTA, &[app.id.0.into(), group.0.into(), member.0.into()]).map(drop)
}

const FORGET_ASSIGNMENTS: Sql = Sql::same("delete from assignment where app = $1 and object = $2");

fn forget_assignments(tx: &mut Tx<'_>, app: &App, object: Key) -> Result<bool, StoreError> {
    Ok(tx.exec(&FORGET_ASSIGNMENTS, &[app.id.0.into(), object.0.into()])? > 0)
}

/// An assigned group that came, went or came back affects its members; a rename does where a mapping or filter reads the groups
/// somebody is in.
fn group_changed(tx: &mut Tx<'_>, app: &App, row: &Change) -> Result<(), EngineError> {
    if app.reads_groups(Kind::User) || app.reads_groups(Kind::Group) {
        match row.op {
            // Who was in it is no longer known, and without it more may pass than before.
            Op::Removed => walk::everything(tx, app.id)?,
            _ => walk::members(tx, app.id, row.object)?,
        }
    }
    let nested = assignment::any_nested(tx, app.id)?;
    if row.op == Op::Removed {
        pushed::forget(tx, app.id, row.object)?;
        if forget_assignments(tx, app, row.object)? || nested {
            // Who was in it is no longer known; who loses access is found among those who have it.
            walk::links(tx, app.id)?;
        }
        return Ok(());
    }
    if assignment::giving(tx, app, &[row.object])?.is_empty() {
        return Ok(());
    }
    let stored = object::by_keys(tx, app.directory, &[row.object])?.pop();
    let deleted = stored.is_some_and(|o| o.deleted.is_some());
    let in_step = link::get(tx, app.id, row.object)?.is_some_and(|l| l.state == link::State::Active);
    match nested {
        _ if !deleted && in_step => {}
        true => walk::below(tx, app, row.object)?,
        false => walk::members(tx, app.id, row.object)?,
    }
    Ok(())
}

fn from_walk(
    tx: &mut Tx<'_>,
    app: &App,
    cycle: Uuid,
    walk: &Walk,
    now: Timestamp,
) -> Result<Pumped, EngineError> {
    let keys: Vec<Key> = match walk.step {
        Step::One => vec![walk.object],
        Step::Links => link::after(tx, app.id, walk.after, BLOCK)?,
        Step::Members => object::members_of(tx, app.directory, walk.object, Some(walk.after), BLOCK)?
            .into_iter()
            .map(|m| m.key)
            .collect(),
        Step::Users | Step::Groups => {
            let kind = if walk.step == Step::Users { Kind::User } else { Kind::Group };
            object::walk(tx, app.directory, kind, Some(walk.after), BLOCK, false)?
                .into_iter()
                .map(|o| o.key)
                .collect()
        }
    };
    let lanes = match walk.step {
        Step::One | Step::Members => CHANGED,
        _ => (lane::WALKED_USERS, lane::WALKED_GROUPS, reason::WALKED),
    };
    let pumped = affect(tx, app, cycle, &keys, lanes, now)?;
    let ended = walk.step == Step::One || keys.len() < BLOCK;
    let to = if ended { None } else { keys.last().copied() };
    walk::advance(tx, app.id, walk, to)?;
    Ok(pumped)
}

/// Judges these objects and puts what is to be done.
fn affect(
    tx: &mut Tx<'_>,
    app: &App,
    cycle: Uuid,
    keys: &[Key],
    (users, groups, why): (i16, i16, i16),
    now: Timestamp,
) -> Result<Pumped, EngineError> {
    let links: HashMap<Key, link::Link> =
        link::of(tx, app.id, keys)?.into_iter().map(|l| (l.object, l)).collect();
    let protected = protected::of(tx, app, keys)?;
    let mut pumped = Pumped::default();
    let (mut rows, mut staying) = (Vec::new(), Vec::new());
    let clocks = [Kind::User, Kind::Group].map(|kind| turn::Clock::of(app, kind));
    for judged in scope::judge(tx, app, keys, now)? {
        let link = links.get(&judged.key);
        let Some(kind) = judged.stored.as_ref().map(|o| o.kind).or(link.map(|l| l.kind)) else { continue };
        if let Some(clock) = &clocks[usize::from(kind == Kind::Group)] {
            turn::note(tx, app, clock, &judged, now)?;
        }
        let linked = link.map_or(Linked::No, |l| l.state.linked());
        if let (Linked::Left, Some(link), Kind::User) = (linked, link, kind)
            && let Some(cause) = leaving(judged.source, judged.entitled)
            && let Some(at) = deletion(app, cause, link.changed).filter(|at| *at > now)
        {
            turn::at(tx, app.id, judged.key, at)?;
        }
        match decide(linked, judged.source, judged.entitled, &rules_of(app, kind, link, now)) {
            Act::Skip(reason) => {
                let seen = matches!(judged.source, Source::Active | Source::Disabled);
                if linked == Linked::No && seen && reason != Reason::SwitchedOff {
                    pumped.out_of_scope += 1;
                }
                staying.push(judged.key);
            }
            Act::Leave(cause, Leaving::Disable | Leaving::Delete) if !protected.contains(&judged.key) => {
                leaver::note(tx, app.id, judged.key, kind, cause, cycle, now)?;
            }
            _ => {
                let lane = if kind == Kind::User { users } else { groups };
                rows.push(Put { object: judged.key.0, lane, due: now, reason: why });
                staying.push(judged.key);
            }
        }
    }
    leaver::clear(tx, app.id, &staying)?;
    pumped.put = rows.len() as u64;
    work::put(tx, app.queue, &rows)?;
    Ok(pumped)
}

/// Counts the leavers of the batch, puts the rows of those that may go and logs those that are held back, a block of each.
/// `more`: call again.
pub(crate) fn settle(
    tx: &mut Tx<'_>,
    app: &App,
    cycle: Uuid,
    changes: &[Uuid],
    now: Timestamp,
) -> Result<Settling, EngineError> {
    let settled = leaver::settle(tx, app, now)?;
    if settled.staged > 0 {
        let held = leaver::staged_count(tx, app.id)?;
        notify::staged(tx, app, held, now)?;
    }
    let released = leaver::take_released(tx, app.id, changes.len())?;
    let rows: Vec<Put> = released
        .iter()
        .map(|l| Put { object: l.object.0, lane: lane::LEAVERS, due: now, reason: reason::LEAVER })
        .collect();
    work::put(tx, app.queue, &rows)?;
    let staged = leaver::take_staged(tx, app.id, changes.len())?;
    let keys: Vec<Key> = staged.iter().map(|l| l.object).collect();
    let links: HashMap<Key, link::Link> =
        link::of(tx, app.id, &keys)?.into_iter().map(|l| (l.object, l)).collect();
    let entries: Vec<log::Entry> = staged
        .iter()
        .zip(changes)
        .filter_map(|(l, change)| links.get(&l.object).map(|link| staged_entry(link, l, cycle, *change, now)))
        .collect();
    log::write(tx, app, &entries)?;
    let full = released.len() == changes.len() || staged.len() == changes.len();
    Ok(Settling { staged: settled.staged, put: released.len() as u64, more: full })
}

/// What [`settle`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settling {
    pub(crate) staged: u64,
    pub(crate) put: u64,
    pub(crate) more: bool,
}

pub(crate) fn staged_entry(
    link: &link::Link,
    leaver: &leaver::Leaver,
    cycle: Uuid,
    change: Uuid,
    now: Timestamp,
) -> log::Entry {
    let text = format!(
        "{} {}; more leave at once than the deletion threshold allows, so this waits for `usher app allow-deletes`",
        link.name,
        leaver.cause.text()
    );
    log::Entry {
        at: now,
        cycle,
        change,
        kind: link.kind,
        source: link.source,
        name: link.name.clone(),
        target: link.target.clone(),
        action: log::Action::StagedDelete,
        status: log::Status::Warning,
        steps: Vec::new(),
        modified: Vec::new(),
        failure: None,
        note: Some(("TooManyDeletes", text)),
        milliseconds: 0,
        attempt: 0,
        by: None,
    }
}
