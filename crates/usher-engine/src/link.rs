//! Links: which target stands for which source object, and what was last written to it.
//!
//! One target for one source: the unique index `link_target` holds it.

use jiff::Timestamp;
use usher_directory::{Key, Kind, ObjectId, object};
use usher_scim::Object;
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, Value, list};
use uuid::Uuid;

use crate::{
    app::{App, AppId},
    cycle::{run::Counted, walk},
    decide::Linked,
};

/// A link's state. Numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A create was noted; no target is known yet.
    Noted = 1,
    /// In step.
    Active = 2,
    /// Left: disabled at the app.
    Left = 3,
    /// Left: as it was at the app.
    Loose = 4,
}

impl State {
    /// As [`crate::decide::decide`] sees it.
    pub fn linked(self) -> Linked {
        match self {
            Self::Noted => Linked::Noted,
            Self::Active => Linked::Active,
            Self::Left => Linked::Left,
            Self::Loose => Linked::Loose,
        }
    }
}

/// A link.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The source object.
    pub object: Key,
    /// User or group.
    pub kind: Kind,
    /// Its state.
    pub state: State,
    /// The target's id; `None` only while noted.
    pub target: Option<String>,
    /// The mapped values as last written (or found there when it was taken over).
    pub sent: Object,
    /// The source object's SCIM id, kept for when it is gone.
    pub source: ObjectId,
    /// Its userName or displayName, likewise.
    pub name: String,
    /// All members are to be looked at (groups); a write was begun and may have been done or not, so all values are to be written
    /// again (users).
    pub whole: bool,
    /// The same of a group's own values: a write of them was begun and its answer never came. [`save`] ends it.
    pub unsure: bool,
    /// The cycle that counted it last, and as what.
    pub(crate) counted: (Option<Uuid>, Counted),
    /// Rises with each change.
    pub version: i64,
    /// When it was changed last: of one that left, since when.
    pub changed: Timestamp,
}

impl FromRow for Link {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let kind: i64 = row.get(1)?;
        let state: i64 = row.get(2)?;
        let sent: Option<Vec<u8>> = row.get(4)?;
        let sent = match sent {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| StoreError::Bug(format!("a link's last written values can't be read: {e}")))?,
            None => Object::new(),
        };
        Ok(Self {
            object: Key(row.get(0)?),
            kind: if kind == Kind::Group as i64 { Kind::Group } else { Kind::User },
            state: match state {
                1 => State::Noted,
                2 => State::Active,
                3 => State::Left,
                _ => State::Loose,
            },
            target: row.get(3)?,
            sent,
            source: ObjectId(row.get(5)?),
            name: row.get(6)?,
            whole: row.get(7)?,
            counted: (row.get(8)?, Counted::from_number(row.get(9)?)),
            version: row.get(10)?,
            unsure: row.get(11)?,
            changed: row.get(12)?,
        })
    }
}

const OF: Sql = Sql::each(
    "select object, kind, state, target, sent, source, name, whole, cycle, counted, version, unsure, changed from link \
     where app = $1 and object in (select value from json_each($2))",
    "select object, kind, state, target, sent, source, name, whole, cycle, counted, version, unsure, changed from link \
     where app = $1 and object in (select value::bigint from json_array_elements_text($2::text::json))",
);
const BY_TARGET: Sql = Sql::same(
    "select object, kind, state, target, sent, source, name, whole, cycle, counted, version, unsure, changed from link \
     where app = $1 and kind = $2 and target = $3",
);
const AFTER: Sql =
    Sql::same("select object from link where app = $1 and object > $2 order by object limit $3");
const SAVE: Sql = Sql::same(
    "insert into link (app, object, kind, state, target, sent, source, name, whole, cycle, counted, version, changed) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12) on conflict (app, object) do update set \
     state = excluded.state, target = excluded.target, sent = excluded.sent, name = excluded.name, \
     whole = excluded.whole, unsure = excluded.unsure, cycle = excluded.cycle, counted = excluded.counted, version = link.version + 1, \
     changed = excluded.changed",
);
const COUNTED: Sql = Sql::same("update link set cycle = $3, counted = $4 where app = $1 and object = $2");
const ALL_WHOLE: Sql = Sql::same("update link set whole = $3 where app = $1 and kind = $2 and state = 2");
const WHOLE: Sql = Sql::same("update link set whole = $3 where app = $1 and object = $2");
const DELETE: Sql = Sql::same("delete from link where app = $1 and object = $2");
const DELETE_WAITING: Sql = Sql::same("delete from waiting where app = $1 and object = $2");
const DELETE_DELTA: Sql = Sql::same("delete from delta where app = $1 and grp = $2");
const DELETE_WRITTEN: Sql = Sql::same("delete from link_member where app = $1 and grp = $2");
const DELETE_WRITTEN_OF: Sql = Sql::same("delete from link_member where app = $1 and member = $2");
const COUNT: Sql = Sql::same("select count(*) from link where app = $1 and kind = $2 and state = 2");

/// Links of these objects, in no particular order.
pub fn of(on: &mut Snapshot<'_>, app: AppId, objects: &[Key]) -> Result<Vec<Link>, StoreError> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    on.all(&OF, &[app.0.into(), list::numbers(objects.iter().copied())], objects.len())
}

/// The link of one object.
pub fn get(on: &mut Snapshot<'_>, app: AppId, object: Key) -> Result<Option<Link>, StoreError> {
    Ok(of(on, app, &[object])?.pop())
}

/// The link that holds a target.
pub fn by_target(
    on: &mut Snapshot<'_>,
    app: AppId,
    kind: Kind,
    target: &str,
) -> Result<Option<Link>, StoreError> {
    on.one(&BY_TARGET, &[app.0.into(), (kind as i64).into(), target.into()])
}

/// Linked objects in key order, a block.
pub fn after(on: &mut Snapshot<'_>, app: AppId, after: Key, most: usize) -> Result<Vec<Key>, StoreError> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<(i64,)> = on.all(&AFTER, &[app.0.into(), after.0.into(), limit.into()], most)?;
    Ok(rows.into_iter().map(|(k,)| Key(k)).collect())
}

/// How many are linked and in step.
pub fn count_active(on: &mut Snapshot<'_>, app: AppId, kind: Kind) -> Result<u64, StoreError> {
    let n = on.one::<(i64,)>(&COUNT, &[app.0.into(), (kind as i64).into()])?.map_or(0, |(n,)| n);
    Ok(u64::try_from(n).unwrap_or_default())
}

/// Writes a link; a target that another source holds is `Conflict { constraint: "link_target" }`.
pub(crate) fn save(tx: &mut Tx<'_>, app: AppId, link: &Link, now: Timestamp) -> Result<(), StoreError> {
    let sent = serde_json::to_vec(&link.sent).map_err(|e| StoreError::Bug(e.to_string()))?;
    let args = [
        app.0.into(),
        link.object.0.into(),
        (link.kind as i64).into(),
        (link.state as i64).into(),
        link.target.clone().into(),
        sent.into(),
        link.source.0.into(),
        link.name.as_str().into(),
        link.whole.into(),
        link.counted.0.map_or(Value::Null, Value::from),
        (link.counted.1 as i64).into(),
        now.into(),
    ];
    tx.exec(&SAVE, &args).map(drop)
}

/// Keeps as what a cycle counted it.
pub(crate) fn count_as(
    tx: &mut Tx<'_>,
    app: AppId,
    object: Key,
    cycle: Uuid,
    what: Counted,
) -> Result<(), StoreError> {
    tx.exec(&COUNTED, &[app.0.into(), object.0.into(), cycle.into(), (what as i64).into()]).map(drop)
}

/// All of a group's members are to be looked at, or have been.
pub(crate) fn whole(tx: &mut Tx<'_>, app: AppId, group: Key, whole: bool) -> Result<(), StoreError> {
    tx.exec(&WHOLE, &[app.0.into(), group.0.into(), whole.into()]).map(drop)
}

const BEING_WRITTEN: Sql = Sql::each(
    "update link set whole = $3 where app = $1 and object in (select value from json_each($2))",
    "update link set whole = $3 where app = $1 and object in \
     (select value::bigint from json_array_elements_text($2::text::json))",
);

const GROUPS_BEING_WRITTEN: Sql = Sql::each(
    "update link set unsure = $3 where app = $1 and object in (select value from json_each($2))",
    "update link set unsure = $3 where app = $1 and object in \
     (select value::bigint from json_array_elements_text($2::text::json))",
);

/// These are about to be written: until one's outcome is known, what the app has of it is not.
pub(crate) fn being_written(
    tx: &mut Tx<'_>,
    app: AppId,
    kind: Kind,
    objects: &[Key],
) -> Result<(), StoreError> {
    if objects.is_empty() {
        return Ok(());
    }
    let sql = match kind {
        Kind::User => &BEING_WRITTEN,
        Kind::Group => &GROUPS_BEING_WRITTEN,
    };
    tx.exec(sql, &[app.0.into(), list::numbers(objects.iter().copied()), true.into()]).map(drop)
}

/// All members of every linked group are to be looked at: what became of them meanwhile was not heard.
pub(crate) fn all_whole(tx: &mut Tx<'_>, app: AppId) -> Result<(), StoreError> {
    tx.exec(&ALL_WHOLE, &[app.0.into(), (Kind::Group as i64).into(), true.into()]).map(drop)
}

/// Forgets the link of an object, which is looked at again; the target stays as it is. `false`: there is none.
///
/// # Errors
/// [`StoreError`] of the statements.
pub fn remove(tx: &mut Tx<'_>, app: &App, object: Key) -> Result<bool, StoreError> {
    let was = get(tx, app.id, object)?.is_some();
    if was {
        forget(tx, app.id, object)?;
        walk::one(tx, app.id, object)?;
        tx.announce();
    }
    Ok(was)
}

/// Forgets a link and what was written of its memberships; the target stays as it is.
pub(crate) fn forget(tx: &mut Tx<'_>, app: AppId, object: Key) -> Result<(), StoreError> {
    for sql in [&DELETE, &DELETE_WAITING, &DELETE_DELTA, &DELETE_WRITTEN, &DELETE_WRITTEN_OF] {
        tx.exec(sql, &[app.0.into(), object.0.into()])?;
    }
    Ok(())
}

const UNLINK: Sql = Sql::each(
    "update link set state = 1, target = null, whole = $3, version = version + 1, changed = $4 \
     where app = $1 and state = 2 and object in (select value from json_each($2))",
    "update link set state = 1, target = null, whole = $3, version = version + 1, changed = $4 \
     where app = $1 and state = 2 and object in (select value::bigint from json_array_elements_text($2::text::json))",
);
const LOSE: Sql = Sql::each(
    "update link set state = 1, target = null, sent = null, whole = $3, version = version + 1, changed = $4 \
     where app = $1 and object in (select value from json_each($2))",
    "update link set state = 1, target = null, sent = null, whole = $3, version = version + 1, changed = $4 \
     where app = $1 and object in (select value::bigint from json_array_elements_text($2::text::json))",
);

/// The targets of these are gone: they are looked for as if a create had been noted. What was written of their memberships is forgotten.
pub(crate) fn lose(tx: &mut Tx<'_>, app: AppId, objects: &[Key], now: Timestamp) -> Result<(), StoreError> {
    tx.exec(&LOSE, &[app.0.into(), list::numbers(objects.iter().copied()), true.into(), now.into()])?;
    for object in objects {
        for sql in [&DELETE_DELTA, &DELETE_WRITTEN, &DELETE_WRITTEN_OF] {
            tx.exec(sql, &[app.0.into(), object.0.into()])?;
        }
    }
    Ok(())
}

const UNWRITE: [Sql; 3] = [
    Sql::same("delete from link_member where app = $1"),
    Sql::same("delete from delta where app = $1"),
    Sql::same("delete from waiting where app = $1"),
];

/// Forgets which account is whose, of everybody who is in step and still in the directory: they are looked for again as if a create had
/// been noted, so that who is to leave is found too. What was written of memberships is forgotten. How many.
pub(crate) fn unlink(tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<u64, StoreError> {
    const BLOCK: usize = 500;
    let (mut last, mut count) = (Key(-1), 0);
    loop {
        let keys = after(tx, app.id, last, BLOCK)?;
        let there: Vec<Key> = object::by_keys(tx, app.directory, &keys)?.into_iter().map(|o| o.key).collect();
        if !there.is_empty() {
            count += tx.exec(
                &UNLINK,
                &[app.id.0.into(), list::numbers(there.iter().copied()), true.into(), now.into()],
            )?;
        }
        match keys.last() {
            Some(key) if keys.len() == BLOCK => last = *key,
            _ => break,
        }
    }
    for sql in &UNWRITE {
        tx.exec(sql, &[app.id.0.into()])?;
    }
    Ok(count)
}

const SAMPLE: Sql = Sql::same(
    "select object from link where app = $1 and state = 2 and target is not null order by object limit $2",
);

/// At most `most` of those in step, from all over the directory.
pub(crate) fn sample(on: &mut Snapshot<'_>, app: AppId, most: usize) -> Result<Vec<Link>, StoreError> {
    const LOOKED_AT: usize = 10_000;
    let limit = i64::try_from(LOOKED_AT).unwrap_or(i64::MAX);
    let rows: Vec<(i64,)> = on.all(&SAMPLE, &[app.0.into(), limit.into()], LOOKED_AT)?;
    let step = rows.len().div_ceil(most.max(1)).max(1);
    let keys: Vec<Key> = rows.into_iter().step_by(step).map(|(key,)| Key(key)).collect();
    of(on, app, &keys)
}

const ANY: Sql = Sql::same("select count(*) from (select 1 from link where app = $1 limit 1) l");

/// Whether anybody is linked.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn any(on: &mut Snapshot<'_>, app: AppId) -> Result<bool, StoreError> {
    Ok(on.one::<(i64,)>(&ANY, &[app.0.into()])?.is_some_and(|(n,)| n > 0))
}

const FORGET_ALL: [Sql; 5] = [
    Sql::same("delete from link_member where app = $1"),
    Sql::same("delete from delta where app = $1"),
    Sql::same("delete from waiting where app = $1"),
    Sql::same("delete from leaver where app = $1"),
    Sql::same("delete from link where app = $1"),
];

/// Forgets every link and what was written: what they stood for is another tenant's, and stays as it is.
pub(crate) fn forget_all(tx: &mut Tx<'_>, app: AppId) -> Result<(), StoreError> {
    for sql in &FORGET_ALL {
        tx.exec(sql, &[app.0.into()])?;
    }
    Ok(())
}

/// The target's memberships are to be sent again (a returner: the app may have dropped them).
pub(crate) fn forget_memberships(tx: &mut Tx<'_>, app: AppId, member: Key) -> Result<(), StoreError> {
    tx.exec(&DELETE_WRITTEN_OF, &[app.0.into(), member.0.into()]).map(drop)
}
