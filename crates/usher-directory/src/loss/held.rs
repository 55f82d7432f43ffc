//! What the guard holds, and how it ends: released, rejected, cancelled by the client, or let go when its time is over.
//!
//! A row for each user and thing lost; `grp` 0 is access. Its `due` is when the next thing happens to it by itself: the owner is
//! told at once, told again at half time, and at the end it is let go. Whoever decides only sets `due`; [`due`] does the rest
//! in blocks.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use usher_store::{Column, FromRow, Row, Snapshot, Sql, StoreError, Tx, args, list, with_keys};
use uuid::Uuid;

use crate::{DirectoryId, Key, Kind, ObjectId, object::Link};

/// Whether it waits or was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldState {
    /// It waits for somebody to decide, or for its time to be over.
    Held = 1,
    /// Somebody said no: the person keeps what it has, and the record differs from it.
    Diverged = 2,
}

impl HeldState {
    fn from_number(number: i64) -> Result<Self, StoreError> {
        match number {
            1 => Ok(Self::Held),
            2 => Ok(Self::Diverged),
            other => Err(StoreError::Bug(format!("a column holds {other}, which is no state of a loss"))),
        }
    }
}

/// What a user is to lose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// Set inactive or deleted.
    Access,
    /// Taken out of a group; its id and name, `None`: the group is gone.
    Group(Option<(ObjectId, String)>),
}

/// Who said no, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Decision {
    pub who: String,
    pub at: Timestamp,
    pub why: Option<String>,
}

/// One loss that waits or was rejected.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Held {
    pub object: Key,
    /// The user's SCIM id.
    pub id: ObjectId,
    /// Its userName when it was held.
    pub name: String,
    pub loss: Loss,
    pub state: HeldState,
    /// The token that the request came with, and the request's id.
    pub token: Uuid,
    pub request: Uuid,
    pub at: Timestamp,
    /// When it is let go by itself; `None`: never.
    pub until: Option<Timestamp>,
    /// Of a rejected one.
    pub decision: Option<Decision>,
    group: i64,
}

impl FromRow for Held {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let group: i64 = row.get(1)?;
        let named = row.get::<Option<ObjectId>>(12)?.zip(row.get(13)?);
        let decided = row.get::<Option<String>>(9)?.zip(row.get::<Option<Timestamp>>(10)?);
        let why = row.get(11)?;
        Ok(Self {
            object: row.get(0)?,
            group,
            id: row.get(2)?,
            name: row.get(3)?,
            loss: if group == 0 { Loss::Access } else { Loss::Group(named) },
            token: row.get(4)?,
            request: row.get(5)?,
            at: row.get(6)?,
            until: row.get(7)?,
            state: HeldState::from_number(row.get(8)?)?,
            decision: decided.map(|(who, at)| Decision { who, at, why }),
        })
    }
}

/// Where a page of [`list`] ends.
pub type Place = (Timestamp, Key, i64);

/// A page, the oldest first, and where the next one begins.
pub fn list(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    after: Option<Place>,
    most: usize,
) -> Result<(Vec<Held>, Option<Place>), StoreError> {
    const LIST: Sql = Sql::same(
        "select h.object, h.grp, h.id, h.name, h.token, h.request, h.at, h.until, h.state, h.who, h.decided, h.why, g.id, g.label
         from held h left join object g on g.key = h.grp
         where h.directory = $1 and (h.at, h.object, h.grp) > ($2, $3, $4) order by h.at, h.object, h.grp limit $5",
    );
    let (at, object, group) = after.unwrap_or((Timestamp::UNIX_EPOCH, Key(0), -1));
    let mut rows: Vec<Held> =
        on.all(&LIST, args![directory, at, object, group, most as i64 + 1], most + 1)?;
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(|last| (last.at, last.object, last.group));
    Ok((rows, next))
}

/// How many users have something held, and how many something that was rejected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Figures {
    pub held: i64,
    pub diverged: i64,
}

/// Counts users.
pub fn figures(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<Figures, StoreError> {
    const COUNT: Sql = Sql::same(
        "select state, count(distinct object) from held where directory = $1 group by state order by state",
    );
    let mut figures = Figures::default();
    for (state, n) in on.all::<(i64, i64)>(&COUNT, args![directory], 2)? {
        match HeldState::from_number(state)? {
            HeldState::Held => figures.held = n,
            HeldState::Diverged => figures.diverged = n,
        }
    }
    Ok(figures)
}

/// What is held of one user.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Holding {
    /// It keeps access.
    pub access: bool,
    /// It is seen as a member of these.
    pub groups: Vec<Key>,
    /// Whether anything waits; else all was rejected.
    pub state: HeldState,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
    pub decision: Option<Decision>,
    /// Its userName when it was held.
    pub name: String,
}

/// What is held of these users.
pub fn of_objects(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    objects: &[Key],
) -> Result<HashMap<Key, Holding>, StoreError> {
    const READ: Sql = with_keys!(
        "select h.object, h.grp, h.id, h.name, h.token, h.request, h.at, h.until, h.state, h.who, h.decided, h.why,
           h.id, h.name from held h where h.directory = $1 and h.object",
        "$2",
        " order by h.object, h.state, h.at, h.grp"
    );
    /// The most groups of all of them together.
    const MOST: usize = 1_000_000;
    if objects.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Held> = on.all(&READ, args![directory, list::numbers(objects.iter().copied())], MOST)?;
    let mut found: HashMap<Key, Holding> = HashMap::new();
    for row in rows {
        let holding = found.entry(row.object).or_insert_with(|| Holding {
            access: false,
            groups: Vec::new(),
            state: row.state,
            since: row.at,
            until: row.until,
            decision: row.decision.clone(),
            name: row.name.clone(),
        });
        match row.group {
            0 => holding.access = true,
            group => holding.groups.push(Key(group)),
        }
    }
    Ok(found)
}

/// The direct groups of each of these users as they were before what is held, oldest membership first. Where a user is a member
/// again, that membership counts.
pub fn as_before(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    users: &[Key],
) -> Result<Vec<(Key, Link)>, StoreError> {
    const READ: Sql = with_keys!(
        "with u as (select key from object where directory = $1 and key",
        "$2",
        ")
         select m.member, g.key, g.id, g.kind, g.label, m.since as since
         from u join member m on m.member = u.key join object g on g.key = m.grp
         where g.directory = $1 and g.deleted is null
         union all select h.object, g.key, g.id, g.kind, g.label, h.since
         from u join held h on h.directory = $1 and h.object = u.key join object g on g.key = h.grp
         where h.grp <> 0 and g.deleted is null
         and not exists (select 1 from member again where again.grp = h.grp and again.member = h.object)
         order by 1, 6, 2"
    );
    /// The most groups of all of them together.
    const MOST: usize = 1_000_000;
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(Key, Key, ObjectId, Kind, String, i64)> =
        on.all(&READ, args![directory, list::numbers(users.iter().copied())], MOST)?;
    Ok(rows.into_iter().map(|(user, key, id, kind, name, _)| (user, Link { key, id, kind, name })).collect())
}

/// The client took it back: the user is active again.
pub fn cancel(tx: &mut Tx<'_>, directory: DirectoryId, user: Key) -> Result<(), StoreError> {
    const CANCEL: Sql = Sql::same("delete from held where directory = $1 and object = $2 and grp = 0");
    tx.exec(&CANCEL, args![directory, user]).map(drop)
}

/// The client took it back: these users are members of these groups again. Whoever was taken out once more meanwhile stays held.
pub fn rejoined(tx: &mut Tx<'_>, directory: DirectoryId, back: &[(Key, Key)]) -> Result<(), StoreError> {
    // On SQLite there is one writer at a time.
    const LOCK: Sql = Sql::each(
        "select object from held where directory = $1 and object in (select value from json_each($2))",
        "select object from held where directory = $1
         and object = any(array(select value::bigint from json_array_elements_text($2::text::json)))
         order by object, grp for update",
    );
    /// The most losses of all of them together.
    const MOST: usize = 1_000_000;
    const CANCEL: Sql = Sql::each(
        "delete from held where directory = $1 and object = $2 and grp = $3
         and exists (select 1 from member m where m.grp = held.grp and m.member = held.object)",
        "delete from held h using unnest($2::bigint[], $3::bigint[]) as d (object, grp)
         where h.directory = $1 and h.object = d.object and h.grp = d.grp
         and exists (select 1 from member m where m.grp = h.grp and m.member = h.object)",
    );
    if back.is_empty() {
        return Ok(());
    }
    // A statement of its own: whether they are members is asked when nobody who takes them out again is under way any more. One
    // statement would judge by what it saw before it waited.
    let users = list::numbers(back.iter().map(|(user, _)| *user));
    tx.all::<(Key,)>(&LOCK, args![directory, users], MOST)?;
    let columns = [
        Column::Same(directory.0.into()),
        back.iter().map(|(user, _)| user.0).collect(),
        back.iter().map(|(_, group)| group.0).collect(),
    ];
    tx.exec_many(&CANCEL, &columns)?;
    Ok(())
}

/// Forgets all that is held of users whose records are gone for good, or were made anew. Those of whom there was anything.
pub fn forget(tx: &mut Tx<'_>, directory: DirectoryId, users: &[Key]) -> Result<BTreeSet<Key>, StoreError> {
    const FORGET: Sql =
        with_keys!("delete from held where directory = $1 and object", "$2", " returning object");
    /// The most losses of all of them together.
    const MOST: usize = 1_000_000;
    if users.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<(Key,)> = tx.all(&FORGET, args![directory, list::numbers(users.iter().copied())], MOST)?;
    Ok(rows.into_iter().map(|(user,)| user).collect())
}

/// Lets go what is held of these users, rejected or not; of everybody (`None`) what waits. How many losses. The effects follow
/// when [`due`] is asked.
pub fn release(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    users: Option<&[Key]>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const ALL: Sql = Sql::same("update held set until = $2, due = $2 where directory = $1 and state = 1");
    const SOME: Sql = with_keys!(
        "update held set until = $2, due = $2, state = 1 where directory = $1 and object",
        "$3",
        ""
    );
    let n = match users {
        None => tx.exec(&ALL, args![directory, now])?,
        Some(users) => tx.exec(&SOME, args![directory, now, list::numbers(users.iter().copied())])?,
    };
    tx.announce();
    Ok(n)
}

/// Says no to what waits of these users, or of everybody (`None`). How many losses.
pub fn reject(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    users: Option<&[Key]>,
    decision: &Decision,
) -> Result<u64, StoreError> {
    // What was let go this moment is let go: `until` tells.
    const ALL: Sql = Sql::same(
        "update held set state = 2, until = null, due = $2, decided = $2, who = $3, why = $4
         where directory = $1 and state = 1 and (until is null or until > $2)",
    );
    const SOME: Sql = with_keys!(
        "update held set state = 2, until = null, due = $2, decided = $2, who = $3, why = $4
         where directory = $1 and state = 1 and (until is null or until > $2) and object",
        "$5",
        ""
    );
    let Decision { who, at, why } = decision;
    let n = match users {
        None => tx.exec(&ALL, args![directory, at, who, why])?,
        Some(users) => {
            tx.exec(&SOME, args![directory, at, who, why, list::numbers(users.iter().copied())])?
        }
    };
    tx.announce();
    Ok(n)
}

/// The users of whom something is held, by SCIM id or userName (as it was written then).
pub fn find(on: &mut Snapshot<'_>, directory: DirectoryId, name: &str) -> Result<Vec<Key>, StoreError> {
    const BY_ID: Sql = Sql::same("select distinct object from held where directory = $1 and id = $2 limit 2");
    const BY_NAME: Sql = Sql::same(
        "select distinct h.object from held h where h.directory = $1 and h.name = $2 order by h.object limit 100",
    );
    let rows: Vec<(Key,)> = match ObjectId::parse(name) {
        Some(id) => on.all(&BY_ID, args![directory, id], 2)?,
        None => on.all(&BY_NAME, args![directory, name], 100)?,
    };
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// Directories with something due.
pub fn due_directories(on: &mut Snapshot<'_>, now: Timestamp) -> Result<Vec<DirectoryId>, StoreError> {
    const DUE: Sql =
        Sql::same("select distinct directory from held where due is not null and due <= $1 limit $2");
    const MOST: usize = 10_000;
    let rows: Vec<(DirectoryId,)> = on.all(&DUE, args![now, MOST as i64], MOST)?;
    Ok(rows.into_iter().map(|(directory,)| directory).collect())
}

/// A block of users of whom something ended, by time or by somebody's word: what was let go is held no more, and their rules
/// are to run. `most` losses; empty: nothing is due.
pub fn due(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Key>, StoreError> {
    const ENDED: Sql = Sql::same(
        "select object, grp, state from held where directory = $1 and due is not null and due <= $2
         and (state = 2 or until <= $2) order by object, grp limit $3",
    );
    const LET_GO: Sql = Sql::same(
        "delete from held where directory = $1 and object = $2 and grp = $3 and state = 1 and until <= $4",
    );
    const TOLD: Sql = Sql::same(
        "update held set due = null where directory = $1 and object = $2 and grp = $3 and state = 2",
    );
    let rows: Vec<(Key, i64, i64)> = tx.all(&ENDED, args![directory, now, most as i64], most)?;
    let mut users = Vec::with_capacity(rows.len());
    for (object, group, state) in rows {
        match HeldState::from_number(state)? {
            HeldState::Held => tx.exec(&LET_GO, args![directory, object, group, now])?,
            HeldState::Diverged => tx.exec(&TOLD, args![directory, object, group])?,
        };
        if users.last() != Some(&object) {
            users.push(object);
        }
    }
    Ok(users)
}

/// What the owner is to be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Notice {
    /// Half of the time is over, and nobody has decided; else: it has begun.
    pub half_time: bool,
    /// How many users have something held, and until when the first of those told of now.
    pub held: i64,
    pub until: Option<Timestamp>,
}

/// Takes what is to be told now; the rows wait for half time, or for their end. `None`: nothing.
pub fn notices(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    now: Timestamp,
) -> Result<Option<Notice>, StoreError> {
    const READ: Sql = Sql::same(
        "select max(told), min(until) from held where directory = $1 and state = 1 and due is not null and due <= $2
         and told < 2 and (until is null or until > $2)",
    );
    const TELL: Sql = Sql::same(
        "update held set told = told + 1, due = case when until is null then null when told = 0 then (at + until) / 2 else until end
         where directory = $1 and state = 1 and due is not null and due <= $2 and told < 2 and (until is null or until > $2)",
    );
    let found = tx.one::<(Option<i64>, Option<Timestamp>)>(&READ, args![directory, now])?;
    let Some((Some(told), until)) = found else { return Ok(None) };
    tx.exec(&TELL, args![directory, now])?;
    Ok(Some(Notice { half_time: told > 0, held: figures(tx, directory)?.held, until }))
}
