//! Storing a draft: at most six statements on PostgreSQL, each a constant.

use usher_store::{Column, Sql, StoreError, Tx, args};

use super::{
    PutError, Stored,
    draft::{Act, Draft, Rows},
    read, user_name_path,
};
use crate::{
    DirectoryId, Key, Version,
    feed::{self, Left, Op},
    index::Unique,
};

/// Stores a draft and leaves a feed row. An unchanged document bumps nothing and answers the version it has. Answers the object
/// as it stands now (a removed one as it was).
///
/// A creation run again after an unknown commit recognises its own row by the id.
pub fn put(tx: &mut Tx<'_>, directory: DirectoryId, draft: &Draft) -> Result<Stored, PutError> {
    let stored = match draft.act {
        Act::Create => return create(tx, directory, draft),
        Act::Nothing { was } => return unmoved(tx, directory, draft.next.key, was),
        Act::Replace { was } => {
            replace(tx, directory, draft, was)?;
            leave(tx, directory, draft, draft.next.key, Op::Updated, 0)?;
            draft.next.clone()
        }
        Act::Mark { was, delta } => {
            mark(tx, directory, &draft.next, was)?;
            leave(tx, directory, draft, draft.next.key, Op::Updated, delta)?;
            draft.next.clone()
        }
        Act::Remove { was, delta } => {
            remove(tx, directory, draft, was)?;
            leave(tx, directory, draft, draft.next.key, Op::Removed, delta)?;
            draft.next.clone()
        }
    };
    Ok(stored)
}

fn leave(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    draft: &Draft,
    key: Key,
    op: Op,
    delta: i64,
) -> Result<(), StoreError> {
    let row = Left { object: key, member: None, kind: draft.next.kind, op, delta };
    feed::leave(tx, directory, &[row], draft.cause)
}

fn create(tx: &mut Tx<'_>, directory: DirectoryId, draft: &Draft) -> Result<Stored, PutError> {
    const INSERT: Sql = Sql::same(
        "insert into object (directory, kind, id, version, active, created, modified, name, label, external, doc, token)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing returning key",
    );
    let Draft { next, rows, .. } = draft;
    let inserted = tx.one::<(Key,)>(
        &INSERT,
        args![
            directory,
            next.kind,
            next.id,
            next.version,
            next.active,
            next.created,
            next.modified,
            &rows.name,
            &next.label,
            &rows.external,
            &next.doc,
            draft.cause.token
        ],
    )?;
    let Some((key,)) = inserted else {
        return match read::get(tx, directory, next.id)? {
            Some(ours) => Ok(ours),
            None => Err(PutError::Taken { attribute: user_name_path(), value: next.label.clone() }),
        };
    };
    write_rows(tx, directory, key, rows)?;
    leave(tx, directory, draft, key, Op::Created, 1)?;
    Ok(Stored { key, ..next.clone() })
}

fn replace(tx: &mut Tx<'_>, directory: DirectoryId, draft: &Draft, was: Version) -> Result<(), PutError> {
    const UPDATE: Sql = Sql::same(
        "update object set version = $4, active = $5, modified = $6, deactivated = $7, name = $8, label = $9, external = $10,
         doc = $11, token = coalesce($12, token) where directory = $1 and key = $2 and version = $3",
    );
    let Draft { next, rows, .. } = draft;
    let arguments = args![
        directory,
        next.key,
        was,
        next.version,
        next.active,
        next.modified,
        next.deactivated,
        &rows.name,
        &next.label,
        &rows.external,
        &next.doc,
        draft.cause.token
    ];
    match tx.exec(&UPDATE, arguments) {
        Ok(0) => Err(stale(tx, directory, next.key)?),
        Ok(_) => Ok(write_rows(tx, directory, next.key, rows)?),
        Err(error) => Err(name_taken(error, next)),
    }
}

fn mark(tx: &mut Tx<'_>, directory: DirectoryId, next: &Stored, was: Version) -> Result<(), PutError> {
    const UPDATE: Sql = Sql::same(
        "update object set version = $4, active = $5, modified = $6, deleted = $7
         where directory = $1 and key = $2 and version = $3",
    );
    let arguments = args![directory, next.key, was, next.version, next.active, next.modified, next.deleted];
    match tx.exec(&UPDATE, arguments) {
        Ok(0) => Err(stale(tx, directory, next.key)?),
        Ok(_) => Ok(()),
        Err(error) => Err(name_taken(error, next)),
    }
}

/// The groups first, in key order, then the object: as [`super::members`] does, which locks the group and then, through the
/// foreign key, the member. A membership that came in between refuses the deletion, and the caller reads again.
fn remove(tx: &mut Tx<'_>, directory: DirectoryId, draft: &Draft, was: Version) -> Result<(), PutError> {
    const DELETE: Sql = Sql::same("delete from object where directory = $1 and key = $2 and version = $3");
    let Draft { next, rows, .. } = draft;
    feed::leave_groups(tx, directory, next.key, next.modified, draft.cause)?;
    write_rows(tx, directory, next.key, rows)?;
    match tx.exec(&DELETE, args![directory, next.key, was]) {
        Ok(0) => Err(stale(tx, directory, next.key)?),
        Ok(_) => Ok(()),
        Err(StoreError::Conflict { .. }) => Err(PutError::Stale),
        Err(error) => Err(error.into()),
    }
}

/// The version a draft without a change was prepared from must still stand: else somebody's change would be answered as ours.
fn unmoved(tx: &mut Tx<'_>, directory: DirectoryId, key: Key, was: Version) -> Result<Stored, PutError> {
    match read::by_keys(tx, directory, &[key])?.pop() {
        Some(stored) if stored.version == was => Ok(stored),
        Some(_) => Err(PutError::Stale),
        None => Err(PutError::Gone),
    }
}

pub(super) fn stale(tx: &mut Tx<'_>, directory: DirectoryId, key: Key) -> Result<PutError, StoreError> {
    const THERE: Sql = Sql::same("select 1 from object where directory = $1 and key = $2");
    let there = tx.one::<(i64,)>(&THERE, args![directory, key])?;
    Ok(if there.is_some() { PutError::Stale } else { PutError::Gone })
}

/// The one unique index that an update of an object can meet is that of the name.
fn name_taken(error: StoreError, next: &Stored) -> PutError {
    match error {
        StoreError::Conflict { .. } => {
            PutError::Taken { attribute: user_name_path(), value: next.label.clone() }
        }
        error => error.into(),
    }
}

fn write_rows(tx: &mut Tx<'_>, directory: DirectoryId, key: Key, rows: &Rows) -> Result<(), PutError> {
    const SEARCH: Sql = Sql::each(
        "insert into search (directory, attribute, value, key) values ($1, $2, $3, $4)",
        "insert into search (directory, attribute, value, key)
         select $1::bigint, attribute, value, $4::bigint from unnest($2::bigint[], $3::bytea[]) as r(attribute, value)",
    );
    const UNSEARCH: Sql = Sql::each(
        "delete from search where directory = $1 and attribute = $2 and value = $3 and key = $4",
        "delete from search s using unnest($2::bigint[], $3::bytea[]) as r(attribute, value)
         where s.directory = $1 and s.attribute = r.attribute and s.value = r.value and s.key = $4",
    );
    const TAKE: Sql = Sql::each(
        "insert into taken (directory, attribute, value, key) values ($1, $2, $3, $4) on conflict do nothing",
        "insert into taken (directory, attribute, value, key)
         select $1::bigint, attribute, value, $4::bigint from unnest($2::bigint[], $3::bytea[]) as r(attribute, value)
         on conflict do nothing",
    );
    const GIVE: Sql = Sql::each(
        "delete from taken where directory = $1 and attribute = $2 and value = $3 and key = $4",
        "delete from taken s using unnest($2::bigint[], $3::bytea[]) as r(attribute, value)
         where s.directory = $1 and s.attribute = r.attribute and s.value = r.value and s.key = $4",
    );
    let mut each = |sql: &Sql, pairs: Vec<(i64, Vec<u8>)>| -> Result<bool, StoreError> {
        if pairs.is_empty() {
            return Ok(true);
        }
        let wanted = pairs.len() as u64;
        let (attributes, values): (Vec<i64>, Vec<Vec<u8>>) = pairs.into_iter().unzip();
        let columns = [
            Column::Same(directory.into()),
            attributes.into_iter().collect(),
            values.into_iter().collect(),
            Column::Same(key.into()),
        ];
        Ok(tx.exec_many(sql, &columns)? == wanted)
    };
    let pairs = |unique: &[Unique]| unique.iter().map(|it| (it.attribute, it.value.clone())).collect();
    each(&UNSEARCH, rows.search.drop.clone())?;
    each(&SEARCH, rows.search.add.clone())?;
    each(&GIVE, pairs(&rows.unique.drop))?;
    if each(&TAKE, pairs(&rows.unique.add))? {
        return Ok(());
    }
    Err(holder(tx, directory, key, &rows.unique.add)?)
}

/// Which of the values somebody else has.
fn holder(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    key: Key,
    wanted: &[Unique],
) -> Result<PutError, StoreError> {
    const HOLDER: Sql =
        Sql::same("select key from taken where directory = $1 and attribute = $2 and value = $3");
    for unique in wanted {
        let holder = tx.one::<(Key,)>(&HOLDER, args![directory, unique.attribute, &unique.value])?;
        if holder != Some((key,)) {
            return Ok(PutError::Taken { attribute: unique.path.clone(), value: unique.shown.clone() });
        }
    }
    Ok(PutError::Stale)
}
