//! Members as rows: changed without reading the others.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use usher_store::{Column, Sql, StoreError, Tx, args, list};

use super::{Cause, PutError};
use crate::{
    DirectoryId, Key, Kind, ObjectId, Version,
    feed::{self, Left, Op},
    loss::Scale,
};

/// A member to add, remove, or set.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum MemberOp {
    Add(Vec<ObjectId>),
    Remove(Vec<ObjectId>),
    Replace(Vec<ObjectId>),
    Clear,
}

/// What a change of members did.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct MembersPut {
    pub version: Version,
    pub added: u64,
    pub removed: u64,
    /// Ids that name no object of this directory (or the group itself): nothing was stored for them.
    pub unknown: Vec<ObjectId>,
}

/// What all operations come to.
#[derive(Debug, Default)]
struct Wish {
    /// All members not named below go.
    emptied: bool,
    /// Whether each of these is to be a member.
    named: BTreeMap<ObjectId, bool>,
}

impl Wish {
    fn of(ops: &[MemberOp]) -> Self {
        let mut wish = Self::default();
        for op in ops {
            if matches!(op, MemberOp::Replace(_) | MemberOp::Clear) {
                wish = Self { emptied: true, named: BTreeMap::new() };
            }
            match op {
                MemberOp::Add(ids) | MemberOp::Replace(ids) => {
                    wish.named.extend(ids.iter().map(|&id| (id, true)));
                }
                MemberOp::Remove(ids) => wish.named.extend(ids.iter().map(|&id| (id, false))),
                MemberOp::Clear => {}
            }
        }
        wish
    }
}

/// An object named by an operation.
#[derive(Debug, Clone, Copy)]
struct Named {
    key: Key,
    kind: Kind,
    is_member: bool,
}

/// Changes members without reading the others; bumps the group's version and leaves a feed row a membership only where something
/// changed. `was`: refuse with `Stale` unless the group has this version. Unknown ids are reported; the caller decides whether to err.
///
/// A member removed for good at the same moment answers `Stale`: try again, and it is unknown.
pub fn members(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    group: Key,
    was: Option<Version>,
    ops: &[MemberOp],
    cause: Cause,
    now: Timestamp,
) -> Result<MembersPut, PutError> {
    weighed_members(tx, directory, group, was, ops, cause, now, None)
}

/// As [`members`]; the guard against mass loss is told of the users who go. It was opened before anything else was locked.
#[allow(clippy::too_many_arguments)]
pub fn weighed_members(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    group: Key,
    was: Option<Version>,
    ops: &[MemberOp],
    cause: Cause,
    now: Timestamp,
    scale: Option<&mut Scale>,
) -> Result<MembersPut, PutError> {
    // Whoever changes members locks the group first: its version serialises them anyway, and what is read below holds.
    const LOCK: Sql = Sql::each(
        "select version from object where directory = $1 and key = $2 and kind = 2",
        "select version from object where directory = $1 and key = $2 and kind = 2 for no key update",
    );
    const BUMP: Sql =
        Sql::same("update object set version = version + 1, modified = $3 where directory = $1 and key = $2");
    let (version,) = tx.one::<(Version,)>(&LOCK, args![directory, group])?.ok_or(PutError::Gone)?;
    if was.is_some_and(|was| was != version) {
        return Err(PutError::Stale);
    }
    let wish = Wish::of(ops);
    let found = resolve(tx, directory, group, &wish)?;
    let unknown = wish
        .named
        .iter()
        .filter(|(id, wanted)| **wanted && !found.contains_key(*id))
        .map(|(id, _)| *id)
        .collect();

    let (mut keep, mut add, mut remove) = (Vec::new(), Vec::new(), Vec::new());
    for (id, named) in &found {
        match (wish.named[id], named.is_member) {
            (true, true) => keep.push(named.key),
            (true, false) => add.push(*named),
            (false, true) => remove.push(*named),
            (false, false) => {}
        }
    }
    add.sort_by_key(|named| named.key);
    remove.sort_by_key(|named| named.key);

    if let Some(scale) = scale {
        if wish.emptied {
            scale.emptied(tx, group, &keep)?;
        } else {
            let users: Vec<Key> =
                remove.iter().filter(|named| named.kind == Kind::User).map(|named| named.key).collect();
            scale.members(tx, group, &users)?;
        }
    }
    let mut removed = remove.len() as u64;
    if wish.emptied {
        removed = feed::clear_members(tx, directory, group, &keep, cause)?;
        remove.clear();
    }
    delete(tx, group, &remove)?;
    insert(tx, group, &add, now)?;
    let row =
        |named: &Named, op| Left { object: group, member: Some(named.key), kind: named.kind, op, delta: 0 };
    let rows: Vec<Left> = add
        .iter()
        .map(|named| row(named, Op::Created))
        .chain(remove.iter().map(|named| row(named, Op::Removed)))
        .collect();
    feed::leave(tx, directory, &rows, cause)?;
    let added = add.len() as u64;
    if added + removed == 0 {
        return Ok(MembersPut { version, added, removed, unknown });
    }
    tx.exec(&BUMP, args![directory, group, now])?;
    Ok(MembersPut { version: Version(version.0 + 1), added, removed, unknown })
}

pub(crate) const RESOLVE: Sql = Sql::each(
    "select o.id, o.key, o.kind, m.member is not null from json_each($3) j
     cross join object o on o.directory = $1 and o.id = unhex(j.value)
     left join member m on m.grp = $2 and m.member = o.key where o.key <> $2",
    // An array and a look at each, as `with_keys` says: a join may read a directory or a group whole.
    "select o.id, o.key, o.kind, coalesce((select true from member m where m.grp = $2 and m.member = o.key), false)
     from object o
     where o.directory = $1 and o.key <> $2
     and o.id = any(array(select decode(value, 'hex') from json_array_elements_text($3::text::json)))",
);

/// The named objects of this directory, the group itself left out.
fn resolve(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    group: Key,
    wish: &Wish,
) -> Result<HashMap<ObjectId, Named>, StoreError> {
    if wish.named.is_empty() {
        return Ok(HashMap::new());
    }
    let arguments = args![directory, group, list::bytes(wish.named.keys())];
    let rows: Vec<(ObjectId, Key, Kind, bool)> = tx.all(&RESOLVE, arguments, wish.named.len())?;
    Ok(rows.into_iter().map(|(id, key, kind, is_member)| (id, Named { key, kind, is_member })).collect())
}

fn insert(tx: &mut Tx<'_>, group: Key, members: &[Named], now: Timestamp) -> Result<(), PutError> {
    const INSERT: Sql = Sql::each(
        "insert into member (grp, member, kind, since) values ($1, $2, $3, $4)",
        "insert into member (grp, member, kind, since)
         select $1::bigint, member, kind, $4::bigint from unnest($2::bigint[], $3::bigint[]) as r(member, kind)",
    );
    if members.is_empty() {
        return Ok(());
    }
    let columns = [
        Column::Same(group.into()),
        members.iter().map(|named| named.key.0).collect(),
        members.iter().map(|named| named.kind.number()).collect(),
        Column::Same(now.into()),
    ];
    match tx.exec_many(&INSERT, &columns) {
        Ok(_) => Ok(()),
        // The foreign key: one of them was removed since it was looked up.
        Err(StoreError::Conflict { .. }) => Err(PutError::Stale),
        Err(error) => Err(error.into()),
    }
}

fn delete(tx: &mut Tx<'_>, group: Key, members: &[Named]) -> Result<(), StoreError> {
    const DELETE: Sql = Sql::each(
        "delete from member where grp = $1 and member = $2",
        "delete from member m using unnest($2::bigint[]) as r(member) where m.grp = $1 and m.member = r.member",
    );
    if members.is_empty() {
        return Ok(());
    }
    let columns = [Column::Same(group.into()), members.iter().map(|named| named.key.0).collect()];
    tx.exec_many(&DELETE, &columns).map(drop)
}
