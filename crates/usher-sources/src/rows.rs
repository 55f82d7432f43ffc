//! The rows of `entry` and `staged`: what of a source stands in the directory, and what a run is about to write.
use jiff::Timestamp;
use usher_directory::{Key, Kind, ObjectId};
use usher_store::{Column, FromRow, Row, Snapshot, Sql, StoreError, Tx, args};

use crate::{
    entry::{Digest, Kept, Refs, Values},
    source::SourceId,
};

/// How an entry's object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// As the source says.
    Present,
    /// A leaver whom the safeguard holds: as the source said before.
    Held,
    /// A leaver who was held and may go now.
    Allowed,
    /// Soft-deleted.
    Vanished,
}

impl State {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Present => 1,
            Self::Held => 2,
            Self::Allowed => 3,
            Self::Vanished => 4,
        }
    }
}

/// A row of `entry`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EntryRow {
    pub(crate) object: Key,
    pub(crate) kind: Kind,
    pub(crate) anchor: String,
    pub(crate) id: ObjectId,
    /// Of the userName.
    pub(crate) name: Option<Digest>,
    pub(crate) hash: Digest,
    pub(crate) state: State,
    /// Vanished since.
    pub(crate) since: Option<Timestamp>,
    pub(crate) active: bool,
    pub(crate) manager: Option<ObjectId>,
    pub(crate) members: Option<Digest>,
    /// How it was read, where the source's runs may read changes alone.
    pub(crate) kept: Option<Kept>,
}

impl FromRow for EntryRow {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let state = match row.get::<i64>(6)? {
            1 => State::Present,
            2 => State::Held,
            3 => State::Allowed,
            4 => State::Vanished,
            other => return Err(StoreError::Bug(format!("an entry in state {other}"))),
        };
        Ok(Self {
            object: row.get(0)?,
            kind: row.get(1)?,
            anchor: row.get(2)?,
            id: row.get(3)?,
            name: row.get(4)?,
            hash: row.get(5)?,
            state,
            since: row.get(7)?,
            active: row.get(8)?,
            manager: row.get(9)?,
            members: row.get(10)?,
            kept: match (row.get::<Option<Vec<u8>>>(11)?, row.get::<Option<Vec<u8>>>(12)?) {
                (Some(names), Some(refs)) => Kept::read(&names, &refs, row.get(13)?, row.get(14)?),
                _ => None,
            },
        })
    }
}

/// Rows read at once.
const BLOCK: usize = 5000;

macro_rules! columns {
    () => {
        "object, kind, anchor, id, name, hash, state, since, active, manager, members, names, refs, stamp, mark"
    };
}

/// A block of a source's entries in the order of their objects; an empty one is the end.
pub(crate) fn entries(
    on: &mut Snapshot<'_>,
    source: SourceId,
    after: Option<Key>,
) -> Result<Vec<EntryRow>, StoreError> {
    const READ: Sql = Sql::same(concat!(
        "select ",
        columns!(),
        " from entry where source = $1 and object > $2 order by object limit $3"
    ));
    on.all(&READ, args![source.0, after.map_or(0, |key| key.0), BLOCK as i64], BLOCK)
}

/// A source's entries by their anchors, in no order; those that are not known are left out.
pub(crate) fn by_anchors(
    on: &mut Snapshot<'_>,
    source: SourceId,
    anchors: &[String],
) -> Result<Vec<EntryRow>, StoreError> {
    const READ: Sql = Sql::each(
        concat!(
            "select ",
            columns!(),
            " from entry where source = $1 and kind in (1, 2) and anchor in (select value from json_each($2))"
        ),
        concat!(
            "select ",
            columns!(),
            " from entry where source = $1 and kind in (1, 2)
              and anchor in (select value from json_array_elements_text($2::text::json))"
        ),
    );
    let list = serde_json::to_string(anchors).map_err(|error| StoreError::Bug(error.to_string()))?;
    on.all(&READ, args![source.0, list], 2 * anchors.len())
}

/// A source's entries by their objects, in no order.
pub(crate) fn by_objects(
    on: &mut Snapshot<'_>,
    source: SourceId,
    objects: &[Key],
) -> Result<Vec<EntryRow>, StoreError> {
    const READ: Sql = Sql::each(
        concat!(
            "select ",
            columns!(),
            " from entry where source = $1 and object in (select value from json_each($2))"
        ),
        concat!(
            "select ",
            columns!(),
            " from entry where source = $1
              and object in (select value::bigint from json_array_elements_text($2::text::json))"
        ),
    );
    let keys: Vec<i64> = objects.iter().map(|key| key.0).collect();
    let list = serde_json::to_string(&keys).map_err(|error| StoreError::Bug(error.to_string()))?;
    on.all(&READ, args![source.0, list], objects.len())
}

/// Of an entry that stands only what finds it: how it is named and whom it names.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) object: Key,
    pub(crate) anchor: String,
    names: Vec<u8>,
    refs: Vec<u8>,
    pub(crate) stamp: Option<Digest>,
}

impl Link {
    /// How others name it.
    pub(crate) fn names(&self) -> impl Iterator<Item = Digest> {
        Kept::names_in(&self.names).map(|name| name.digest)
    }
    /// Whom it names.
    pub(crate) fn refs(&self) -> Refs<'_> {
        Kept::refs_in(&self.refs).unwrap_or_default()
    }
}

impl FromRow for Link {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            object: row.get(0)?,
            anchor: row.get(1)?,
            names: row.get::<Option<Vec<u8>>>(2)?.unwrap_or_default(),
            refs: row.get::<Option<Vec<u8>>>(3)?.unwrap_or_default(),
            stamp: row.get(4)?,
        })
    }
}

/// A block of those that stand, in the order of their objects; an empty one is the end.
pub(crate) fn links(
    on: &mut Snapshot<'_>,
    source: SourceId,
    after: Option<Key>,
) -> Result<Vec<Link>, StoreError> {
    const READ: Sql = Sql::same(
        "select object, anchor, names, refs, stamp from entry
         where source = $1 and object > $2 and state <> 4 order by object limit $3",
    );
    on.all(&READ, args![source.0, after.map_or(0, |key| key.0), BLOCK as i64], BLOCK)
}

/// How many stand, of each kind: all of them, and the active ones.
pub(crate) fn standing(on: &mut Snapshot<'_>, source: SourceId) -> Result<Vec<(Kind, u64, u64)>, StoreError> {
    const COUNT: Sql = Sql::same(
        "select kind, count(*), count(case when active then 1 end) from entry where source = $1 and state <> 4 group by kind",
    );
    let rows: Vec<(Kind, i64, i64)> = on.all(&COUNT, args![source.0], 2)?;
    let count = |n: i64| u64::try_from(n).unwrap_or_default();
    Ok(rows.into_iter().map(|(kind, all, active)| (kind, count(all), count(active))).collect())
}

/// Writes what stands in the directory now; managers too, members not.
pub(crate) fn save(tx: &mut Tx<'_>, source: SourceId, rows: &[EntryRow]) -> Result<(), StoreError> {
    const SAVE: Sql = Sql::each(
        "insert into entry (source, object, kind, anchor, id, name, hash, state, since, active, manager, names, refs, stamp, mark)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         on conflict (source, kind, anchor) do update set object = excluded.object, id = excluded.id, name = excluded.name,
         hash = excluded.hash, state = excluded.state, since = excluded.since, active = excluded.active, manager = excluded.manager,
         names = excluded.names, refs = excluded.refs, stamp = excluded.stamp, mark = excluded.mark",
        "insert into entry (source, object, kind, anchor, id, name, hash, state, since, active, manager, names, refs, stamp, mark)
         select $1::bigint, * from unnest($2::bigint[], $3::smallint[], $4::text[], $5::bytea[], $6::bytea[], $7::bytea[],
           $8::smallint[], $9::bigint[], $10::boolean[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[], $15::bytea[])
         on conflict (source, kind, anchor) do update set object = excluded.object, id = excluded.id, name = excluded.name,
         hash = excluded.hash, state = excluded.state, since = excluded.since, active = excluded.active, manager = excluded.manager,
         names = excluded.names, refs = excluded.refs, stamp = excluded.stamp, mark = excluded.mark",
    );
    let bytes = |digest: Option<Digest>| digest.map(|digest| digest.to_vec());
    let [names, refs, stamps, marks] = kept_columns(rows.iter().map(|row| row.kept.as_ref()));
    let columns = [
        Column::Same(source.0.into()),
        rows.iter().map(|row| row.object.0).collect(),
        rows.iter().map(|row| row.kind as i64).collect(),
        rows.iter().map(|row| row.anchor.clone()).collect(),
        rows.iter().map(|row| row.id.0).collect(),
        rows.iter().map(|row| bytes(row.name)).collect(),
        rows.iter().map(|row| row.hash.to_vec()).collect(),
        rows.iter().map(|row| row.state.number()).collect(),
        rows.iter().map(|row| row.since).collect(),
        rows.iter().map(|row| row.active).collect(),
        rows.iter().map(|row| row.manager.map(|id| id.0.as_bytes().to_vec())).collect(),
        names,
        refs,
        stamps,
        marks,
    ];
    tx.exec_many(&SAVE, &columns).map(drop)
}

fn kept_columns<'k>(kept: impl Iterator<Item = Option<&'k Kept>>) -> [Column; 4] {
    let (mut names, mut refs) = (Vec::new(), Vec::new());
    let (mut stamps, mut marks) = (Vec::new(), Vec::new());
    for kept in kept {
        let (name, reference) = kept.map(Kept::bytes).unzip();
        names.push(name);
        refs.push(reference);
        stamps.push(kept.and_then(|kept| kept.stamp).map(|stamp| stamp.to_vec()));
        marks.push(kept.and_then(|kept| kept.mark).map(|mark| mark.to_vec()));
    }
    [names, refs, stamps, marks].map(|column| column.into_iter().collect())
}

/// Notes how entries were read whose values are as they were.
pub(crate) fn keep(tx: &mut Tx<'_>, source: SourceId, rows: &[(Key, Kept)]) -> Result<(), StoreError> {
    const KEEP: Sql = Sql::each(
        "update entry set names = $3, refs = $4, stamp = $5, mark = $6 where source = $1 and object = $2",
        "update entry set names = r.names, refs = r.refs, stamp = r.stamp, mark = r.mark
         from unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[]) as r(object, names, refs, stamp, mark)
         where source = $1 and entry.object = r.object",
    );
    let [names, refs, stamps, marks] = kept_columns(rows.iter().map(|(_, kept)| Some(kept)));
    let objects = rows.iter().map(|(object, _)| object.0).collect();
    tx.exec_many(&KEEP, &[Column::Same(source.0.into()), objects, names, refs, stamps, marks]).map(drop)
}

/// Whether leavers are held, or were let go and have not gone yet.
pub(crate) fn any_held(on: &mut Snapshot<'_>, source: SourceId) -> Result<bool, StoreError> {
    const HELD: Sql = Sql::same("select object from entry where source = $1 and state in (2, 3) limit 1");
    Ok(on.one::<(i64,)>(&HELD, args![source.0])?.is_some())
}

/// Notes the members last written of a group; `None`: not all of them were.
pub(crate) fn save_members(
    tx: &mut Tx<'_>,
    source: SourceId,
    group: Key,
    members: Option<Digest>,
) -> Result<(), StoreError> {
    const SAVE: Sql = Sql::same("update entry set members = $3 where source = $1 and object = $2");
    tx.exec(&SAVE, args![source.0, group, members]).map(drop)
}

/// Moves entries to another state.
pub(crate) fn mark(
    tx: &mut Tx<'_>,
    source: SourceId,
    objects: &[Key],
    state: State,
) -> Result<(), StoreError> {
    const MARK: Sql = Sql::each(
        "update entry set state = $3 where source = $1 and object = $2",
        "update entry set state = $3::bigint from unnest($2::bigint[]) as r(object) where source = $1 and entry.object = r.object",
    );
    let columns = [
        Column::Same(source.0.into()),
        objects.iter().map(|key| key.0).collect(),
        Column::Same(state.number().into()),
    ];
    tx.exec_many(&MARK, &columns).map(drop)
}

/// Lets all held leavers go at the next run; how many.
pub(crate) fn allow(tx: &mut Tx<'_>, source: SourceId) -> Result<u64, StoreError> {
    const ALLOW: Sql = Sql::same("update entry set state = 3 where source = $1 and state = 2");
    tx.exec(&ALLOW, args![source.0])
}

/// Forgets entries.
pub(crate) fn forget(tx: &mut Tx<'_>, source: SourceId, objects: &[Key]) -> Result<(), StoreError> {
    const FORGET: Sql = Sql::each(
        "delete from entry where source = $1 and object = $2",
        "delete from entry using unnest($2::bigint[]) as r(object) where source = $1 and entry.object = r.object",
    );
    let columns = [Column::Same(source.0.into()), objects.iter().map(|key| key.0).collect()];
    tx.exec_many(&FORGET, &columns).map(drop)
}

/// An entry as read, waiting to be written.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Staged {
    /// Its number in the run's ledger.
    pub(crate) n: usize,
    pub(crate) label: String,
    pub(crate) anchor: String,
    pub(crate) name: Option<Digest>,
    pub(crate) hash: Digest,
    pub(crate) values: Values,
}

/// Keeps entries until they are written.
pub(crate) fn stage(tx: &mut Tx<'_>, source: SourceId, rows: &[(i64, Vec<u8>)]) -> Result<(), StoreError> {
    const STAGE: Sql = Sql::each(
        "insert into staged (source, n, doc) values ($1, $2, $3)",
        "insert into staged (source, n, doc) select $1::bigint, * from unnest($2::bigint[], $3::bytea[])",
    );
    let columns = [
        Column::Same(source.0.into()),
        rows.iter().map(|(n, _)| *n).collect(),
        rows.iter().map(|(_, doc)| doc.clone()).collect(),
    ];
    tx.exec_many(&STAGE, &columns).map(drop)
}

/// A block of them after a number.
pub(crate) fn staged(
    on: &mut Snapshot<'_>,
    source: SourceId,
    after: i64,
    most: usize,
) -> Result<Vec<Staged>, StoreError> {
    const READ: Sql = Sql::same("select doc from staged where source = $1 and n > $2 order by n limit $3");
    let rows: Vec<(Vec<u8>,)> = on.all(&READ, args![source.0, after, most as i64], most)?;
    let parse = |(doc,): (Vec<u8>,)| {
        serde_json::from_slice(&doc).map_err(|error| StoreError::Bug(format!("a staged entry: {error}")))
    };
    rows.into_iter().map(parse).collect()
}

/// Removes up to 500 of them from a number on; where to go on, `None`: there are no more.
pub(crate) fn unstage(tx: &mut Tx<'_>, source: SourceId, from: i64) -> Result<Option<i64>, StoreError> {
    const LAST: Sql = Sql::same(
        "select max(n) from (select n from staged where source = $1 and n >= $2 order by n limit 500) as block",
    );
    const DELETE: Sql = Sql::same("delete from staged where source = $1 and n >= $2 and n <= $3");
    let last: Option<(Option<i64>,)> = tx.one(&LAST, args![source.0, from])?;
    let Some(last) = last.and_then(|(last,)| last) else { return Ok(None) };
    tx.exec(&DELETE, args![source.0, from, last])?;
    Ok(Some(last + 1))
}
