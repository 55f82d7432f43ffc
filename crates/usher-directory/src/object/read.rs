//! Reading objects, members and groups.

use std::collections::{BTreeSet, HashMap};

use usher_scim::prepare;
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, args, list, with_keys};

use super::{Stored, columns};
use crate::{DirectoryId, Key, Kind, ObjectId, config, index};

/// The most objects that may share an external id or an address and still all be found.
const SHARED: usize = 100;

/// By SCIM id (soft-deleted ones too).
pub fn get(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    id: ObjectId,
) -> Result<Option<Stored>, StoreError> {
    const GET: Sql =
        Sql::same(concat!("select ", columns!(), " from object o where o.directory = $1 and o.id = $2"));
    on.one(&GET, args![directory, id])
}

pub(crate) const BY_KEYS: Sql = with_keys!(
    concat!("select ", columns!(), " from object o where +o.directory = $1 and o.key"),
    "$2",
    " order by o.key"
);

/// By keys of this directory, in key order; missing ones are left out.
pub fn by_keys(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    keys: &[Key],
) -> Result<Vec<Stored>, StoreError> {
    match keys {
        [] => Ok(Vec::new()),
        keys => on.all(&BY_KEYS, args![directory, list::numbers(keys.iter().copied())], keys.len()),
    }
}

pub(crate) const BY_IDS: Sql = Sql::each(
    concat!(
        "select ",
        columns!(),
        " from json_each($2) j cross join object o on o.directory = $1 and o.id = unhex(j.value)"
    ),
    concat!(
        "select ",
        columns!(),
        " from object o where o.directory = $1
          and o.id = any(array(select decode(value, 'hex') from json_array_elements_text($2::text::json)))"
    ),
);

/// By SCIM ids (soft-deleted ones too), in no order; missing ones are left out.
pub fn by_ids(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    ids: &BTreeSet<ObjectId>,
) -> Result<Vec<Stored>, StoreError> {
    match ids.len() {
        0 => Ok(Vec::new()),
        most => on.all(&BY_IDS, args![directory, list::bytes(ids)], most),
    }
}

/// The keys of these SCIM ids (soft-deleted ones too); missing ones are left out.
pub fn keys<'i>(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    ids: impl ExactSizeIterator<Item = &'i ObjectId>,
) -> Result<HashMap<ObjectId, Key>, StoreError> {
    const KEYS: Sql = Sql::each(
        "select o.id, o.key from json_each($2) j cross join object o on o.directory = $1 and o.id = unhex(j.value)",
        "select o.id, o.key from json_array_elements_text($2::text::json) j(value)
         join object o on o.directory = $1 and o.id = decode(j.value, 'hex')",
    );
    match ids.len() {
        0 => Ok(HashMap::new()),
        most => {
            let rows: Vec<(ObjectId, Key)> = on.all(&KEYS, args![directory, list::bytes(ids)], most)?;
            Ok(rows.into_iter().collect())
        }
    }
}

/// An object without its document: whether it counts, and who provisions it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Head {
    pub key: Key,
    pub id: ObjectId,
    pub kind: Kind,
    pub active: bool,
    /// Soft-deleted.
    pub deleted: bool,
    /// The integration whose token wrote it last, as `okta`; `None`: no token did, or a walk was asked.
    pub integration: Option<String>,
}

impl Head {
    /// Active, and not soft-deleted.
    pub fn counts(&self) -> bool {
        self.active && !self.deleted
    }
}

impl FromRow for Head {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            id: row.get(1)?,
            kind: row.get(2)?,
            active: row.get(3)?,
            deleted: row.get(4)?,
            integration: row.get(5)?,
        })
    }
}

pub(crate) const HEADS: Sql = with_keys!(
    "select o.key, o.id, o.kind, o.active, o.deleted is not null, t.provider
     from object o left join token t on t.id = o.token where +o.directory = $1 and o.key",
    "$2",
    " order by o.key"
);

/// By keys of this directory, in key order, without their documents; missing ones are left out.
pub fn heads(on: &mut Snapshot<'_>, directory: DirectoryId, keys: &[Key]) -> Result<Vec<Head>, StoreError> {
    match keys {
        [] => Ok(Vec::new()),
        keys => on.all(&HEADS, args![directory, list::numbers(keys.iter().copied())], keys.len()),
    }
}

/// A block of a walk over a kind in key order, soft-deleted ones too, without their documents.
pub fn walk_heads(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: Kind,
    after: Option<Key>,
    most: usize,
) -> Result<Vec<Head>, StoreError> {
    const WALK: Sql = Sql::same(
        "select o.key, o.id, o.kind, o.active, o.deleted is not null, cast(null as text) from object o
         where o.directory = $1 and o.kind = $2 and o.key > $3 order by o.key limit $4",
    );
    on.all(&WALK, args![directory, kind, after.unwrap_or(Key(0)), most as i64], most)
}

pub(crate) const BY_GROUP_NAME: Sql = Sql::same(concat!(
    "select ",
    columns!(),
    " from object o where o.directory = $1 and o.kind = 2 and o.name = $2 and o.deleted is null order by o.key limit $3"
));

/// By prepared userName (unique) or displayName (first by key), soft-deleted ones left out.
pub fn by_name(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: Kind,
    name: &str,
) -> Result<Option<Stored>, StoreError> {
    const USER: Sql = Sql::same(concat!(
        "select ",
        columns!(),
        " from object o where o.directory = $1 and o.kind = 1 and o.name = $2 and o.deleted is null"
    ));
    // A text that is no userName is nobody's.
    let Ok(prepared) = index::name(kind, name) else { return Ok(None) };
    if kind == Kind::User {
        return on.one(&USER, args![directory, prepared]);
    }
    let cut = prepared.len() >= index::CUT;
    let groups: Vec<Stored> = on.all(&BY_GROUP_NAME, args![directory, prepared, SHARED as i64], SHARED)?;
    let wanted = prepare::fold(name);
    Ok(groups.into_iter().find(|group| !cut || prepare::fold(&group.label) == wanted))
}

/// Objects of a kind with this externalId (case-exact; soft-deleted ones too), oldest first, at most 100.
pub fn objects_with_external(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: Kind,
    external_id: &str,
) -> Result<Vec<Stored>, StoreError> {
    const READ: Sql = Sql::same(concat!(
        "select ",
        columns!(),
        " from object o where o.directory = $1 and o.kind = $2 and o.external = $3 and o.external is not null
          order by o.key limit $4"
    ));
    let value = index::cut(external_id.as_bytes().to_vec());
    let cut = value.len() >= index::CUT;
    let mut found: Vec<Stored> = on.all(&READ, args![directory, kind, value, SHARED as i64], SHARED)?;
    if cut {
        let mut same = Vec::new();
        for stored in found {
            if stored.object()?.get("externalId").and_then(|value| value.as_str()) == Some(external_id) {
                same.push(stored);
            }
        }
        found = same;
    }
    Ok(found)
}

/// Users (not soft-deleted) with this address among `emails`, ignoring case, oldest first, at most 100.
pub fn by_email(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    email: &str,
) -> Result<Vec<Stored>, StoreError> {
    const READ: Sql = Sql::same(concat!(
        "select ",
        columns!(),
        " from search s join object o on o.key = s.key
          where s.directory = $1 and s.attribute = $2 and s.value = $3 and o.directory = $1 and o.deleted is null
          order by o.key limit $4"
    ));
    let wanted = prepare::fold(email);
    let value = index::cut(wanted.clone().into_bytes());
    let cut = value.len() >= index::CUT;
    let mut found: Vec<Stored> =
        on.all(&READ, args![directory, config::EMAILS, value, SHARED as i64], SHARED)?;
    if cut {
        found.retain(|stored| has_email(stored, &wanted));
    }
    Ok(found)
}

fn has_email(stored: &Stored, wanted: &str) -> bool {
    let Ok(doc) = stored.object() else { return false };
    let emails = doc.get("emails").and_then(|emails| emails.as_array()).into_iter().flatten();
    emails.filter_map(|email| email.get("value")?.as_str()).any(|value| prepare::fold(value) == wanted)
}

pub(crate) const WALK_LIVE: Sql = Sql::same(concat!(
    "select ",
    columns!(),
    " from object o where o.directory = $1 and o.kind = $2 and o.key > $3 and o.deleted is null order by o.key limit $4"
));
pub(crate) const WALK_ALL: Sql = Sql::same(concat!(
    "select ",
    columns!(),
    " from object o where o.directory = $1 and o.kind = $2 and o.key > $3 order by o.key limit $4"
));

/// A block of a walk over a kind in key order (soft-deleted ones too if asked).
pub fn walk(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: Kind,
    after: Option<Key>,
    most: usize,
    deleted_too: bool,
) -> Result<Vec<Stored>, StoreError> {
    let after = after.unwrap_or(Key(0));
    let sql = if deleted_too { &WALK_ALL } else { &WALK_LIVE };
    on.all(sql, args![directory, kind, after, most as i64], most)
}

/// A member or a group of somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Its key.
    pub key: Key,
    /// Its SCIM id.
    pub id: ObjectId,
    /// User or group.
    pub kind: Kind,
    /// userName or displayName, as written.
    pub name: String,
}

impl FromRow for Link {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self { key: row.get(0)?, id: row.get(1)?, kind: row.get(2)?, name: row.get(3)? })
    }
}

/// Objects by keys without their documents, in key order; missing ones are left out.
pub fn links(on: &mut Snapshot<'_>, directory: DirectoryId, keys: &[Key]) -> Result<Vec<Link>, StoreError> {
    const READ: Sql = with_keys!(
        "select o.key, o.id, o.kind, o.label from object o where +o.directory = $1 and o.key",
        "$2",
        " order by o.key"
    );
    match keys {
        [] => Ok(Vec::new()),
        keys => on.all(&READ, args![directory, list::numbers(keys.iter().copied())], keys.len()),
    }
}

pub(crate) const MEMBERS_OF: Sql = Sql::each(
    "select o.key, o.id, o.kind, o.label from object g join member m on m.grp = g.key join object o on o.key = m.member
     where g.directory = $1 and g.key = $2 and m.member > $3 order by m.member limit $4",
    "select o.key, o.id, o.kind, o.label
     from (select m.member from member m
           where m.grp = (select g.key from object g where g.key = $2 and g.directory = $1) and m.member > $3
           order by m.member limit $4) m
     cross join lateral (select o.key, o.id, o.kind, o.label from object o where o.key = m.member offset 0) o
     order by o.key",
);

/// A group's members in key order, a block.
pub fn members_of(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    group: Key,
    after: Option<Key>,
    most: usize,
) -> Result<Vec<Link>, StoreError> {
    on.all(&MEMBERS_OF, args![directory, group, after.unwrap_or(Key(0)), most as i64], most)
}

/// How many members a group has.
pub fn member_count(on: &mut Snapshot<'_>, directory: DirectoryId, group: Key) -> Result<i64, StoreError> {
    const COUNT: Sql = Sql::same(
        "select count(*) from member m where m.grp = (select key from object where directory = $1 and key = $2)",
    );
    Ok(on.one::<(i64,)>(&COUNT, args![directory, group])?.map_or(0, |(n,)| n))
}

/// Objects of a kind (not soft-deleted): exact, one read.
pub fn count(on: &mut Snapshot<'_>, directory: DirectoryId, kind: Kind) -> Result<i64, StoreError> {
    const COUNT: Sql = Sql::each(
        "select n from amount where directory = $1 and kind = $2",
        "select a.n + coalesce((select sum(c.delta) from change c
                                where c.directory = $1 and c.seq is null and c.kind = $2), 0)::bigint
         from amount a where a.directory = $1 and a.kind = $2",
    );
    on.settle()?;
    Ok(on.one::<(i64,)>(&COUNT, args![directory, kind])?.map_or(0, |(n,)| n))
}
