//! The groups of a user or a group, those above them too.

use std::collections::{BTreeMap, BTreeSet};

use usher_store::{Backend, FromRow, Row, Snapshot, Sql, StoreError, args, list};
use uuid::Uuid;

use super::{Link, Stored, columns};
use crate::{DirectoryId, Key, Kind, ObjectId};

/// The most groups that a page of objects may be in.
const GROUPS: usize = 1_000_000;

/// On PostgreSQL: all groups of an object `o` as JSON, an array `[key, id, displayName, direct]` each.
///
/// `offset 0` keeps each look by a key a look by a key: of a table that was filled just now PostgreSQL has no statistics, takes the
/// groups for many, and would read all objects for a join with them.
macro_rules! groups_as_json {
    () => {
        "(with recursive above(grp) as (
            select m.grp from member m
            cross join lateral (select from object g where g.key = m.grp and g.directory = o.directory
                                and g.deleted is null offset 0) g
            where m.member = o.key
            union select u.grp from above
                  cross join lateral (select m.grp from member m where m.member = above.grp offset 0) u
                  cross join lateral (select from object g where g.key = u.grp and g.directory = o.directory
                                      and g.deleted is null offset 0) g)
          select coalesce(json_agg(json_build_array(g.key, encode(g.id, 'hex'), g.label, g.since is not null)
                                   order by g.since, g.key), '[]')::text
          from above cross join lateral (
            select g.key, g.id, g.label,
                   (select d.since from member d where d.grp = g.key and d.member = o.key) as since
            from object g
            where g.key = above.grp and g.key <> o.key offset 0) g)"
    };
}

/// `offset 0` as in [`groups_as_json`].
pub(crate) const GROUPS_OF: Sql = Sql::each(
    "select m.member, g.key, g.id, g.kind, g.label from member m join object g on g.key = m.grp
     where +g.directory = $1 and g.deleted is null and m.member in (select value from json_each($2))
     order by m.member, m.since, m.grp",
    "select m.member, g.key, g.id, g.kind, g.label
     from (select member, grp, since from member
           where member = any(array(select value::bigint from json_array_elements_text($2::text::json))) offset 0) m
     cross join lateral (select g.key, g.id, g.kind, g.label from object g
                         where g.key = m.grp and g.directory = $1 and g.deleted is null offset 0) g
     order by m.member, m.since, m.grp",
);
/// Of one object, as each GET of a user asks on SQLite: there a list of one takes more than all the rest.
pub(crate) const GROUPS_OF_ONE: Sql = Sql::same(
    "select m.member, g.key, g.id, g.kind, g.label from member m join object g on g.key = m.grp
     where +g.directory = $1 and g.deleted is null and m.member = $2 order by m.since, m.grp",
);

/// Direct groups of each of these objects, oldest membership first: one join for a whole page.
pub fn groups_of(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    objects: &[Key],
) -> Result<Vec<(Key, Link)>, StoreError> {
    let rows: Vec<(Key, Key, ObjectId, Kind, String)> = match objects {
        [] => Vec::new(),
        [one] if on.backend() == Backend::Sqlite => on.all(&GROUPS_OF_ONE, args![directory, *one], GROUPS)?,
        many => on.all(&GROUPS_OF, args![directory, list::numbers(many.iter().copied())], GROUPS)?,
    };
    Ok(rows.into_iter().map(|(member, key, id, kind, name)| (member, Link { key, id, kind, name })).collect())
}

/// Direct and indirect groups (through groups in groups; cycles end) of each of these objects; `true` = direct. Direct ones
/// come first, oldest membership first, then the others, oldest group first.
pub fn all_groups_of(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    objects: &[Key],
) -> Result<Vec<(Key, Link, bool)>, StoreError> {
    if let (Backend::Postgres, [one]) = (on.backend(), objects) {
        return at_once(on, directory, *one);
    }
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

pub(crate) const GROUPS_BELOW: Sql = Sql::each(
    "select m.member from member m join object g on g.key = m.grp
     where +g.directory = $1 and m.kind = 2 and m.grp in (select value from json_each($2)) order by m.member",
    "select m.member from (select value::bigint as key from json_array_elements_text($2::text::json)) of
     cross join lateral (select g.key from object g where g.key = of.key and g.directory = $1 offset 0) g
     cross join lateral (select m.member from member m where m.grp = g.key and m.kind = 2 offset 0) m order by m.member",
);

/// These groups and all groups in them, at any depth, each once (groups that contain each other too), in key order.
///
/// # Errors
/// [`StoreError`] of the statements, one for each level.
pub fn groups_below(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    groups: &[Key],
) -> Result<Vec<Key>, StoreError> {
    let mut seen: BTreeSet<Key> = groups.iter().copied().collect();
    let mut next: Vec<Key> = seen.iter().copied().collect();
    while !next.is_empty() {
        let keys = list::numbers(next.iter().copied());
        let found: Vec<(Key,)> = on.all(&GROUPS_BELOW, args![directory, keys], GROUPS)?;
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
    found[direct.len()..].sort_by_key(|(_, group, _)| group.key);
    found
}

pub(crate) const ALL_OF_ONE: Sql =
    Sql::same(concat!("select ", groups_as_json!(), " from object o where +o.directory = $1 and o.key = $2"));

/// The same of one object where each statement is a round trip, and several need a transaction round them.
fn at_once(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    object: Key,
) -> Result<Vec<(Key, Link, bool)>, StoreError> {
    let Some((groups,)) = on.one::<(String,)>(&ALL_OF_ONE, args![directory, object])? else {
        return Ok(Vec::new());
    };
    Ok(parse(&groups)?.into_iter().map(|(group, direct)| (object, group, direct)).collect())
}

/// An object, and on PostgreSQL its groups as JSON.
struct Read(Stored, Option<String>);

impl FromRow for Read {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self(Stored::from_row(row)?, row.get(11)?))
    }
}

pub(crate) const WITH_GROUPS: Sql = Sql::each(
    concat!("select ", columns!(), ", null from object o where o.directory = $1 and o.id = $2"),
    concat!(
        "select ",
        columns!(),
        ", ",
        groups_as_json!(),
        " from object o where o.directory = $1 and o.id = $2"
    ),
);

/// An object and its groups; `true` = direct.
pub type WithGroups = (Stored, Vec<(Link, bool)>);

/// By SCIM id (soft-deleted ones too), with the groups as [`all_groups_of`] gives them; on PostgreSQL one statement.
pub fn get_with_groups(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    id: ObjectId,
) -> Result<Option<WithGroups>, StoreError> {
    let Some(Read(stored, groups)) = on.one::<Read>(&WITH_GROUPS, args![directory, id])? else {
        return Ok(None);
    };
    let groups = match groups {
        Some(text) => parse(&text)?,
        None => {
            let found = all_groups_of(on, directory, &[stored.key])?;
            found.into_iter().map(|(_, group, direct)| (group, direct)).collect()
        }
    };
    Ok(Some((stored, groups)))
}

fn parse(text: &str) -> Result<Vec<(Link, bool)>, StoreError> {
    let groups: Vec<(i64, Uuid, String, bool)> = serde_json::from_str(text)
        .map_err(|error| StoreError::Bug(format!("a user's groups can't be read: {error}")))?;
    let link =
        |(key, id, name, direct)| (Link { key: Key(key), id: ObjectId(id), kind: Kind::Group, name }, direct);
    Ok(groups.into_iter().map(link).collect())
}
