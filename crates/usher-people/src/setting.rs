//! What an environment's rules depend on beside its directory, as one number: whoever changes people, organizations, sites
//! or rules by another way than the rules themselves moves it, first of all in its transaction. The worker reads it before
//! anything else, evaluates outside of any transaction, and commits only where it still stands.

use usher_directory::DirectoryId;
use usher_store::{Snapshot, Sql, StoreError, Tx};

/// The numbers of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Setting {
    /// Moves with every change from elsewhere.
    pub(crate) version: i64,
    /// Moves with every change of rules: what was compiled from them goes by it.
    pub(crate) rules: i64,
}

const MAKE: Sql =
    Sql::same("insert into people_setting (directory) values ($1) on conflict (directory) do nothing");
const READ: Sql = Sql::same("select version, rules from people_setting where directory = $1");
const MOVED: Sql = Sql::same(
    "insert into people_setting (directory, version) values ($1, 1) \
     on conflict (directory) do update set version = people_setting.version + 1",
);
const RULES: Sql = Sql::same("update people_setting set rules = rules + 1 where directory = $1");
const HOLD: Sql = Sql::each(
    "select version from people_setting where directory = $1",
    "select version from people_setting where directory = $1 for share",
);

/// Sees to it that there is a row to hold.
pub(crate) fn make(tx: &mut Tx<'_>, directory: DirectoryId) -> Result<(), StoreError> {
    tx.exec(&MAKE, &[directory.0.into()]).map(drop)
}

/// The numbers now.
pub(crate) fn read(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<Setting, StoreError> {
    let row: Option<(i64, i64)> = on.one(&READ, &[directory.0.into()])?;
    Ok(row.map_or(Setting::default(), |(version, rules)| Setting { version, rules }))
}

/// Something that rules may see is about to be changed by somebody else than their worker: its commits wait for this one.
pub(crate) fn moved(tx: &mut Tx<'_>, directory: DirectoryId) -> Result<(), StoreError> {
    tx.exec(&MOVED, &[directory.0.into()]).map(drop)
}

/// [`moved`], by other rules.
pub(crate) fn rules_moved(tx: &mut Tx<'_>, directory: DirectoryId) -> Result<(), StoreError> {
    moved(tx, directory)?;
    tx.exec(&RULES, &[directory.0.into()]).map(drop)
}

/// Whether it still is as it was read; nobody else moves it before this transaction ends.
pub(crate) fn hold(tx: &mut Tx<'_>, directory: DirectoryId, was: i64) -> Result<bool, StoreError> {
    Ok(tx.one::<(i64,)>(&HOLD, &[directory.0.into()])?.is_some_and(|(version,)| version == was))
}
