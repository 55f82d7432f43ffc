//! Storing a block of drafts: for all that create as many statements as for one.

use std::collections::HashMap;

use usher_store::{Column, Sql, StoreError, Tx};

use super::{PutError, Stored, draft::Draft, put::put, read};
use crate::{
    DirectoryId, Key, ObjectId,
    feed::{self, Left, Op},
};

/// Stores drafts of different objects, each as [`put`] does: first those of objects that are there, in their order, then those that
/// create, at once. Answers in the order of the drafts.
///
/// # Errors
/// As [`put`]. Of a creation that is refused [`PutError::Stale`] tells no more than that: put each by itself, which says which it was.
pub fn put_all(tx: &mut Tx<'_>, directory: DirectoryId, drafts: &[&Draft]) -> Result<Vec<Stored>, PutError> {
    let new: Vec<&Draft> = drafts.iter().copied().filter(|draft| draft.creates()).collect();
    // Rows of the feed that are left together have one cause.
    let together = new.len() > 1 && new.iter().all(|draft| draft.cause == new[0].cause);
    let mut stored: Vec<Option<Stored>> = vec![None; drafts.len()];
    for (place, draft) in stored.iter_mut().zip(drafts) {
        if !(together && draft.creates()) {
            *place = Some(put(tx, directory, draft)?);
        }
    }
    let mut made = if together { create(tx, directory, &new)? } else { Vec::new() }.into_iter();
    Ok(stored.into_iter().filter_map(|one| one.or_else(|| made.next())).collect())
}

fn create(tx: &mut Tx<'_>, directory: DirectoryId, drafts: &[&Draft]) -> Result<Vec<Stored>, PutError> {
    const INSERT: Sql = Sql::each(
        "insert into object (directory, kind, id, version, active, created, modified, name, label, external, doc, token)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing",
        "insert into object (directory, kind, id, version, active, created, modified, name, label, external, doc, token)
         select $1::bigint, kind, id, version, active, created, modified, name, label, external, doc, $12::bytea
         from unnest($2::smallint[], $3::bytea[], $4::bigint[], $5::boolean[], $6::bigint[], $7::bigint[], $8::bytea[],
                     $9::text[], $10::bytea[], $11::bytea[])
              as r(kind, id, version, active, created, modified, name, label, external, doc)
         on conflict do nothing",
    );
    let next = || drafts.iter().map(|draft| &draft.next);
    let columns = [
        Column::Same(directory.into()),
        next().map(|next| next.kind.number()).collect(),
        next().map(|next| next.id.0).collect(),
        next().map(|next| next.version.0).collect(),
        next().map(|next| next.active).collect(),
        next().map(|next| next.created).collect(),
        next().map(|next| next.modified).collect(),
        drafts.iter().map(|draft| draft.rows.name.clone()).collect(),
        next().map(|next| next.label.clone()).collect(),
        drafts.iter().map(|draft| draft.rows.external.clone()).collect(),
        next().map(|next| next.doc.clone()).collect(),
        Column::Same(drafts[0].cause.token.into()),
    ];
    if tx.exec_many(&INSERT, &columns)? != drafts.len() as u64 {
        // A name is somebody's, or this is run again and they are ours.
        return Err(PutError::Stale);
    }
    let keys = keys(tx, directory, drafts)?;
    let made: Vec<Stored> = next().map(|next| Stored { key: keys[&next.id], ..next.clone() }).collect();
    index(tx, directory, drafts, &made)?;
    let row = |stored: &Stored| Left {
        object: stored.key,
        member: None,
        kind: stored.kind,
        op: Op::Created,
        delta: 1,
    };
    feed::leave(tx, directory, &made.iter().map(row).collect::<Vec<_>>(), drafts[0].cause)?;
    Ok(made)
}

/// The keys they were given.
fn keys(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    drafts: &[&Draft],
) -> Result<HashMap<ObjectId, Key>, StoreError> {
    let keys = read::keys(tx, directory, drafts.iter().map(|draft| &draft.next.id))?;
    if keys.len() != drafts.len() {
        return Err(StoreError::Bug("objects that were just made are not there".to_owned()));
    }
    Ok(keys)
}

/// Search rows, and values that only one may have.
fn index(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    drafts: &[&Draft],
    made: &[Stored],
) -> Result<(), PutError> {
    const SEARCH: Sql = Sql::each(
        "insert into search (directory, attribute, value, key) values ($1, $2, $3, $4)",
        "insert into search (directory, attribute, value, key)
         select $1::bigint, attribute, value, key from unnest($2::bigint[], $3::bytea[], $4::bigint[]) as r(attribute, value, key)",
    );
    const TAKE: Sql = Sql::each(
        "insert into taken (directory, attribute, value, key) values ($1, $2, $3, $4) on conflict do nothing",
        "insert into taken (directory, attribute, value, key)
         select $1::bigint, attribute, value, key from unnest($2::bigint[], $3::bytea[], $4::bigint[]) as r(attribute, value, key)
         on conflict do nothing",
    );
    let (mut search, mut taken) = (Vec::new(), Vec::new());
    for (draft, stored) in drafts.iter().zip(made) {
        let rows = &draft.rows;
        search.extend(rows.search.add.iter().map(|(attribute, value)| (*attribute, value, stored.key)));
        taken.extend(rows.unique.add.iter().map(|unique| (unique.attribute, &unique.value, stored.key)));
    }
    let mut insert = |sql: &Sql, rows: &[(i64, &Vec<u8>, Key)]| {
        let columns = [
            Column::Same(directory.into()),
            rows.iter().map(|(attribute, ..)| *attribute).collect(),
            rows.iter().map(|(_, value, _)| (*value).clone()).collect(),
            rows.iter().map(|(.., key)| key.0).collect(),
        ];
        tx.exec_many(sql, &columns)
    };
    insert(&SEARCH, &search)?;
    if insert(&TAKE, &taken)? != taken.len() as u64 {
        return Err(PutError::Stale);
    }
    Ok(())
}
