//! Reading objects, members and groups.

use std::collections::{BTreeMap, BTreeSet};

use usher_scim::prepare;
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, args};

use super::{Stored, columns};
use crate::{
    DirectoryId, Key, Kind, ObjectId, config, index,
    list::{self, with_keys},
};

/// The most objects that may share an external id or an address and still all be found.
const SHARED: usize = 100;
/// The most groups that a page of objects may be in.
const GROUPS: usize = 1_000_000;

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
        keys => on.all(&BY_KEYS, args![directory, list::keys(keys.iter().copied())], keys.len()),
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
        most => on.all(&BY_IDS, args![directory, list::ids(ids)], most),
    }
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
        keys => on.all(&READ, args![directory, list::keys(keys.iter().copied())], keys.len()),
    }
}

/// A group's members in key order, a block.
pub fn members_of(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    group: Key,
    after: Option<Key>,
    most: usize,
) -> Result<Vec<Link>, StoreError> {
    const READ: Sql = Sql::same(
        "select o.key, o.id, o.kind, o.label from object g join member m on m.grp = g.key join object o on o.key = m.member
         where g.directory = $1 and g.key = $2 and m.member > $3 order by m.member limit $4",
    );
    on.all(&READ, args![directory, group, after.unwrap_or(Key(0)), most as i64], most)
}

/// How many members a group has.
pub fn member_count(on: &mut Snapshot<'_>, directory: DirectoryId, group: Key) -> Result<i64, StoreError> {
    const COUNT: Sql = Sql::same(
        "select count(*) from member m where m.grp = (select key from object where directory = $1 and key = $2)",
    );
    Ok(on.one::<(i64,)>(&COUNT, args![directory, group])?.map_or(0, |(n,)| n))
}

/// Direct groups of each of these objects, oldest membership first: one join for a whole page.
pub fn groups_of(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    objects: &[Key],
) -> Result<Vec<(Key, Link)>, StoreError> {
    const READ: Sql = with_keys!(
        "select m.member, g.key, g.id, g.kind, g.label from member m join object g on g.key = m.grp
         where +g.directory = $1 and g.deleted is null and m.member",
        "$2",
        " order by m.member, m.since, m.grp"
    );
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(Key, Key, ObjectId, Kind, String)> =
        on.all(&READ, args![directory, list::keys(objects.iter().copied())], GROUPS)?;
    Ok(rows.into_iter().map(|(member, key, id, kind, name)| (member, Link { key, id, kind, name })).collect())
}

/// Direct and indirect groups (through groups in groups; cycles end) of each of these objects; `true` = direct. Direct ones
/// come first, oldest membership first.
pub fn all_groups_of(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    objects: &[Key],
) -> Result<Vec<(Key, Link, bool)>, StoreError> {
    let direct = groups_of(on, directory, objects)?;
    // Upwards from the groups found, each group once; in a directory without groups in groups that is one read more.
    let mut above: BTreeMap<Key, Vec<Link>> = BTreeMap::new();
    let mut next: BTreeSet<Key> = direct.iter().map(|(_, group)| group.key).collect();
    while !next.is_empty() {
        let asked: Vec<Key> = next.iter().copied().collect();
        above.extend(asked.iter().map(|key| (*key, Vec::new())));
        next.clear();
        for (member, group) in groups_of(on, directory, &asked)? {
            if !above.contains_key(&group.key) {
                next.insert(group.key);
            }
            above.entry(member).or_default().push(group);
        }
    }
    let mut found = Vec::new();
    let mut rest = direct.as_slice();
    while let Some((object, _)) = rest.first() {
        let (mine, others) = rest.split_at(rest.iter().take_while(|(member, _)| member == object).count());
        rest = others;
        found.extend(closure(*object, mine, &above));
    }
    Ok(found)
}

/// These groups and all groups in them, at any depth, each once (groups that contain each other too), in key order.
///
/// # Errors
/// [`StoreError`] of the statements, one for each level.
pub fn groups_below(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    groups: &[Key],
) -> Result<Vec<Key>, StoreError> {
    // A group has far fewer groups in it than members; more than this in one level is a directory gone wrong.
    const MOST: usize = 1_000_000;
    const READ: Sql = with_keys!(
        "select m.member from member m join object g on g.key = m.grp
         where +g.directory = $1 and m.kind = 2 and m.grp",
        "$2",
        " order by m.member"
    );
    let mut seen: BTreeSet<Key> = groups.iter().copied().collect();
    let mut next: Vec<Key> = seen.iter().copied().collect();
    while !next.is_empty() {
        let found: Vec<(Key,)> = on.all(&READ, args![directory, list::keys(next.iter().copied())], MOST)?;
        next = found.into_iter().map(|(key,)| key).filter(|key| seen.insert(*key)).collect();
    }
    Ok(seen.into_iter().collect())
}

/// One object's groups: the direct ones, then what is above them.
fn closure(object: Key, direct: &[(Key, Link)], above: &BTreeMap<Key, Vec<Link>>) -> Vec<(Key, Link, bool)> {
    let mut seen: BTreeSet<Key> = direct.iter().map(|(_, group)| group.key).collect();
    seen.insert(object);
    let mut found: Vec<(Key, Link, bool)> =
        direct.iter().map(|(_, group)| (object, group.clone(), true)).collect();
    let mut at = 0;
    while at < found.len() {
        for group in above.get(&found[at].1.key).into_iter().flatten() {
            if seen.insert(group.key) {
                found.push((object, group.clone(), false));
            }
        }
        at += 1;
    }
    found
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
