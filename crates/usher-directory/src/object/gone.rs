//! Objects that are soft-deleted: found again to be restored, and removed for good after a time.

use jiff::Timestamp;
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, args};

use super::{Stored, columns};
use crate::{DirectoryId, Key, Kind, index};

/// The most soft-deleted objects of one name that are found: they may have been made and deleted again and again.
const SAME_NAME: usize = 100;

/// Soft-deleted objects of a kind in key order, a block.
pub fn gone(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: Kind,
    after: Option<Key>,
    most: usize,
) -> Result<Vec<Stored>, StoreError> {
    const GONE: Sql = Sql::same(concat!(
        "select ",
        columns!(),
        " from object o where o.directory = $1 and o.kind = $2 and o.key > $3 and o.deleted is not null order by o.key limit $4"
    ));
    on.all(&GONE, args![directory, kind, after.unwrap_or(Key(0)), most as i64], most)
}

/// Soft-deleted objects of this userName or displayName, the one that went last first, at most 100.
pub fn gone_by_name(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: Kind,
    name: &str,
) -> Result<Vec<Stored>, StoreError> {
    const BY_NAME: Sql = Sql::same(concat!(
        "select ",
        columns!(),
        " from object o where o.directory = $1 and o.kind = $2 and o.name = $3 and o.deleted is not null
          order by o.deleted desc, o.key desc limit $4"
    ));
    // A text that is no userName is nobody's.
    let Ok(prepared) = index::name(kind, name) else { return Ok(Vec::new()) };
    on.all(&BY_NAME, args![directory, kind, prepared, SAME_NAME as i64], SAME_NAME)
}

/// An object with the directory it is in.
struct Located(DirectoryId, Stored);

impl FromRow for Located {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self(row.get(11)?, Stored::from_row(row)?))
    }
}

/// Objects that were soft-deleted before a moment, the oldest first, of one directory or of all; at most `most`.
pub fn expired(
    on: &mut Snapshot<'_>,
    directory: Option<DirectoryId>,
    before: Timestamp,
    most: usize,
) -> Result<Vec<(DirectoryId, Stored)>, StoreError> {
    const EXPIRED: Sql = Sql::same(concat!(
        "select ",
        columns!(),
        ", o.directory from object o where o.deleted is not null and o.deleted < $1
          and (o.directory = $2 or $2 = 0) order by o.deleted, o.key limit $3"
    ));
    let directory = directory.map_or(0, |directory| directory.0);
    let found: Vec<Located> = on.all(&EXPIRED, args![before, directory, most as i64], most)?;
    Ok(found.into_iter().map(|Located(directory, stored)| (directory, stored)).collect())
}
