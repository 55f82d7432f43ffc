//! Leavers: counted before any is sent. Within the threshold they go at once; beyond it the whole batch is staged.

use jiff::{SignedDuration, Timestamp};
use usher_directory::{Key, Kind};
use usher_store::{Snapshot, Sql, StoreError, Tx, list};
use uuid::Uuid;

use crate::{
    app::{App, AppId},
    assignment,
    decide::Cause,
    error::EngineError,
    link,
};

/// Where a leaver stands. Numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Found, not counted yet.
    Pending = 0,
    /// May go; a work row is to be put.
    Released = 1,
    /// Its work row is put.
    Sending = 2,
    /// It went; kept for a day, since the threshold counts it.
    Done = 3,
    /// Held back; a log entry is to be written.
    Staging = 4,
    /// Held back.
    Staged = 5,
}

/// A leaver as listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaver {
    /// Who.
    pub object: Key,
    /// User or group.
    pub kind: Kind,
    /// Why.
    pub cause: Cause,
    /// Since when.
    pub since: Timestamp,
}

/// What settling a batch decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settled {
    /// May go.
    pub released: u64,
    /// Held back.
    pub staged: u64,
}

const NOTE: Sql = Sql::same(
    "insert into leaver (app, object, kind, cause, state, cycle, since) values ($1, $2, $3, $4, 0, $5, $6) \
     on conflict (app, object) do update set cause = excluded.cause, cycle = excluded.cycle, since = excluded.since, \
     state = 0 where leaver.state = 3",
);
const CLEAR: Sql = Sql::each(
    "delete from leaver where app = $1 and state <> 3 and object in (select value from json_each($2))",
    "delete from leaver where app = $1 and state <> 3 and object in \
     (select value::bigint from json_array_elements_text($2::text::json))",
);
const COUNT_STATE: Sql = Sql::same("select count(*) from leaver where app = $1 and state = $2");
const COUNT_RECENT: Sql =
    Sql::same("select count(*) from leaver where app = $1 and state in (1, 2, 3) and since > $2");
const PRUNE: Sql = Sql::same("delete from leaver where app = $1 and state = 3 and since <= $2");
const SETTLE: Sql = Sql::same("update leaver set state = $2 where app = $1 and state = 0");
const IN_STATE: Sql = Sql::same(
    "select object, kind, cause, since from leaver where app = $1 and state = $2 and object > $3 order by object limit $4",
);
const MOVE: Sql = Sql::each(
    "update leaver set state = $3 where app = $1 and object in (select value from json_each($2))",
    "update leaver set state = $3 where app = $1 and object in \
     (select value::bigint from json_array_elements_text($2::text::json))",
);
const ALLOW: Sql = Sql::same("update leaver set state = 1 where app = $1 and state in (4, 5)");
const ALLOW_ONE: Sql =
    Sql::same("update leaver set state = 1 where app = $1 and object = $2 and state in (4, 5)");
const MAY_GO: Sql =
    Sql::same("select count(*) from leaver where app = $1 and object = $2 and state in (1, 2)");
const DONE: Sql = Sql::same("update leaver set state = $3, since = $4 where app = $1 and object = $2");

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or_default()
}

/// Notes a leaver; one that is noted already stays as it stands.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    app: AppId,
    object: Key,
    kind: Kind,
    cause: Cause,
    cycle: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    let args = [
        app.0.into(),
        object.0.into(),
        (kind as i64).into(),
        (cause as i64).into(),
        cycle.into(),
        now.into(),
    ];
    tx.exec(&NOTE, &args).map(drop)
}

/// These don't leave (any longer).
pub(crate) fn clear(tx: &mut Tx<'_>, app: AppId, objects: &[Key]) -> Result<(), StoreError> {
    if objects.is_empty() {
        return Ok(());
    }
    tx.exec(&CLEAR, &[app.0.into(), list::numbers(objects.iter().copied())]).map(drop)
}

/// Whether so many leavers are beyond the app's threshold: `count` of them, with those of the last day among them.
pub(crate) fn beyond(app: &App, count: u64, active: u64) -> bool {
    let by_count = app.settings.deletion_threshold.is_some_and(|most| count > u64::from(most));
    let by_percent = app
        .settings
        .deletion_threshold_percent
        .is_some_and(|percent| count >= 10 && count * 100 > active * u64::from(percent));
    by_count || by_percent
}

/// Leavers of the last day that went or may go.
pub(crate) fn recent(on: &mut Snapshot<'_>, app: AppId, now: Timestamp) -> Result<u64, StoreError> {
    let day_ago = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(now);
    Ok(unsigned(on.one::<(i64,)>(&COUNT_RECENT, &[app.0.into(), day_ago.into()])?.map_or(0, |(n,)| n)))
}

fn count(on: &mut Snapshot<'_>, app: AppId, state: State) -> Result<u64, StoreError> {
    Ok(unsigned(on.one::<(i64,)>(&COUNT_STATE, &[app.0.into(), (state as i64).into()])?.map_or(0, |(n,)| n)))
}

/// Counts the batch of pending ones and lets all of them go, or holds all of them back.
pub(crate) fn settle(tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<Settled, StoreError> {
    let pending = count(tx, app.id, State::Pending)?;
    if pending == 0 {
        return Ok(Settled::default());
    }
    let day_ago = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(now);
    tx.exec(&PRUNE, &[app.id.0.into(), day_ago.into()])?;
    let went = recent(tx, app.id, now)?;
    // The share is taken of all who had an account when the day began.
    let active = link::count_active(tx, app.id, Kind::User)? + went;
    let staged = beyond(app, pending + went, active);
    let to = if staged { State::Staging } else { State::Released };
    tx.exec(&SETTLE, &[app.id.0.into(), (to as i64).into()])?;
    Ok(if staged {
        Settled { released: 0, staged: pending }
    } else {
        Settled { released: pending, staged: 0 }
    })
}

/// Whether one leaver more would be held back now, or is already. One that was counted and may go is not.
pub(crate) fn would_be_held(
    on: &mut Snapshot<'_>,
    app: &App,
    object: Key,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if may_go(on, app.id, object)? {
        return Ok(false);
    }
    if !held(on, app.id, &[object])?.is_empty() {
        return Ok(true);
    }
    let went = recent(on, app.id, now)?;
    let active = link::count_active(on, app.id, Kind::User)? + went;
    Ok(beyond(app, went + 1, active))
}

/// Counts one leaver alone, who was asked for by name, with those who wait to be counted and those of the last day: it may go
/// (`true`; its work row is the caller's), or is held back.
pub(crate) fn settle_one(
    tx: &mut Tx<'_>,
    app: &App,
    object: Key,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if may_go(tx, app.id, object)? {
        move_keys(tx, app.id, &[object], State::Sending)?;
        return Ok(true);
    }
    let others = count(tx, app.id, State::Pending)?;
    let went = recent(tx, app.id, now)?;
    let active = link::count_active(tx, app.id, Kind::User)? + went;
    let goes = held(tx, app.id, &[object])?.is_empty() && !beyond(app, others + went, active);
    move_keys(tx, app.id, &[object], if goes { State::Sending } else { State::Staged })?;
    Ok(goes)
}

fn move_keys(tx: &mut Tx<'_>, app: AppId, keys: &[Key], to: State) -> Result<(), StoreError> {
    tx.exec(&MOVE, &[app.0.into(), list::numbers(keys.iter().copied()), (to as i64).into()]).map(drop)
}

fn block(
    on: &mut Snapshot<'_>,
    app: AppId,
    state: State,
    after: Key,
    most: usize,
) -> Result<Vec<Leaver>, StoreError> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let args = [app.0.into(), (state as i64).into(), after.0.into(), limit.into()];
    let rows: Vec<(i64, i64, i64, Timestamp)> = on.all(&IN_STATE, &args, most)?;
    Ok(rows
        .into_iter()
        .map(|(object, kind, cause, since)| Leaver {
            object: Key(object),
            kind: if kind == Kind::Group as i64 { Kind::Group } else { Kind::User },
            cause: match cause {
                1 => Cause::Unassigned,
                2 => Cause::FilteredOut,
                3 => Cause::Disabled,
                4 => Cause::Deleted,
                _ => Cause::Purged,
            },
            since,
        })
        .collect())
}

fn move_to(tx: &mut Tx<'_>, app: AppId, block: &[Leaver], to: State) -> Result<(), StoreError> {
    let keys: Vec<Key> = block.iter().map(|l| l.object).collect();
    if keys.is_empty() {
        return Ok(());
    }
    move_keys(tx, app, &keys, to)
}

/// Takes a block of those that may go and have no work row yet; the caller puts them in this transaction.
pub(crate) fn take_released(tx: &mut Tx<'_>, app: AppId, most: usize) -> Result<Vec<Leaver>, StoreError> {
    let found = block(tx, app, State::Released, Key(-1), most)?;
    move_to(tx, app, &found, State::Sending)?;
    Ok(found)
}

/// Takes a block of those newly held back; the caller logs them in this transaction.
pub(crate) fn take_staged(tx: &mut Tx<'_>, app: AppId, most: usize) -> Result<Vec<Leaver>, StoreError> {
    let found = block(tx, app, State::Staging, Key(-1), most)?;
    move_to(tx, app, &found, State::Staged)?;
    Ok(found)
}

const OPEN: Sql = Sql::same("select count(*) from leaver where app = $1 and state in (0, 1)");
const HELD: Sql = Sql::each(
    "select object from leaver where app = $1 and state in (4, 5) and object in (select value from json_each($2))",
    "select object from leaver where app = $1 and state in (4, 5) and object in \
     (select value::bigint from json_array_elements_text($2::text::json))",
);

/// Whether there are some to be counted or to be sent.
pub(crate) fn open(on: &mut Snapshot<'_>, app: AppId) -> Result<bool, StoreError> {
    Ok(on.one::<(i64,)>(&OPEN, &[app.0.into()])?.is_some_and(|(n,)| n > 0))
}

/// Which of these are held back.
pub(crate) fn held(on: &mut Snapshot<'_>, app: AppId, of: &[Key]) -> Result<Vec<Key>, StoreError> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64,)> = on.all(&HELD, &[app.0.into(), list::numbers(of.iter().copied())], of.len())?;
    Ok(rows.into_iter().map(|(k,)| Key(k)).collect())
}

/// Whether this one was counted and may go.
pub(crate) fn may_go(on: &mut Snapshot<'_>, app: AppId, object: Key) -> Result<bool, StoreError> {
    Ok(on.one::<(i64,)>(&MAY_GO, &[app.0.into(), object.0.into()])?.is_some_and(|(n,)| n > 0))
}

/// It went.
pub(crate) fn done(tx: &mut Tx<'_>, app: AppId, object: Key, now: Timestamp) -> Result<(), StoreError> {
    tx.exec(&DONE, &[app.0.into(), object.0.into(), (State::Done as i64).into(), now.into()]).map(drop)
}

/// A block of those held back, by key.
pub fn staged(
    on: &mut Snapshot<'_>,
    app: AppId,
    after: Option<Key>,
    most: usize,
) -> Result<Vec<Leaver>, StoreError> {
    block(on, app, State::Staged, after.unwrap_or(Key(-1)), most)
}

/// How many are held back.
pub fn staged_count(on: &mut Snapshot<'_>, app: AppId) -> Result<u64, StoreError> {
    Ok(count(on, app, State::Staged)? + count(on, app, State::Staging)?)
}

/// Whom `--only` names: a user or group of the directory by name or id, or one that is gone from it, as its link remembers it.
///
/// # Errors
/// [`EngineError::NoObject`]: nobody of that name or id.
pub fn find(on: &mut Snapshot<'_>, app: &App, who: &str) -> Result<Key, EngineError> {
    for kind in [Kind::User, Kind::Group] {
        match assignment::find(on, app.directory, kind, who) {
            Ok(found) => return Ok(found.key),
            Err(EngineError::NoObject(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let mut after = None;
    loop {
        let block = staged(on, app.id, after, 500)?;
        let keys: Vec<Key> = block.iter().map(|l| l.object).collect();
        let named = link::of(on, app.id, &keys)?;
        let is = |l: &link::Link| l.name.eq_ignore_ascii_case(who) || l.source.0.to_string() == who;
        if let Some(link) = named.iter().find(|l| is(l)) {
            return Ok(link.object);
        }
        match block.last() {
            Some(last) if block.len() == 500 => after = Some(last.object),
            _ => return Err(EngineError::NoObject(who.to_owned())),
        }
    }
}

/// Lets those held back go (all, or these); they are sent by the next cycle, which this wakes. How many.
pub fn allow(tx: &mut Tx<'_>, app: AppId, only: Option<&[Key]>) -> Result<u64, StoreError> {
    let mut allowed = 0;
    match only {
        None => allowed += tx.exec(&ALLOW, &[app.0.into()])?,
        Some(keys) => {
            for key in keys {
                allowed += tx.exec(&ALLOW_ONE, &[app.0.into(), key.0.into()])?;
            }
        }
    }
    tx.announce();
    Ok(allowed)
}
