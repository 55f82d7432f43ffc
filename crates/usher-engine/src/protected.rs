//! Protected users: never disabled, deleted or emptied, in one app or in every app of their directory, whatever directory, assignments and filters say. The attempt is a
//! failure of the object, in log and mail; lifted or caught up, it is tried again by the schedule of failures.

use std::collections::HashSet;

use jiff::Timestamp;
use usher_directory::{DirectoryId, Key};
use usher_store::{Snapshot, Sql, StoreError, Tx, list};

use crate::{
    app::{self, App},
    cycle::walk,
    diff::Difference,
    error::EngineError,
    log::Failure,
};

/// The code of the failure.
pub const CODE: &str = "ProtectedUser";

const SET: Sql = Sql::same(
    "insert into protected (app, object, since) values ($1, $2, $3) on conflict (app, object) do nothing",
);
const UNSET: Sql = Sql::same("delete from protected where app = $1 and object = $2");
const SET_EVERYWHERE: Sql = Sql::same(
    "insert into protected_everywhere (directory, object, since) values ($1, $2, $3) \
     on conflict (directory, object) do nothing",
);
const UNSET_EVERYWHERE: Sql =
    Sql::same("delete from protected_everywhere where directory = $1 and object = $2");
const IS_EVERYWHERE: Sql =
    Sql::same("select count(*) from protected_everywhere where directory = $1 and object = $2");
const OF: Sql = Sql::each(
    "select object from protected where app = $1 and object in (select value from json_each($3)) \
     union select object from protected_everywhere where directory = $2 and object in (select value from json_each($3))",
    "select object from protected where app = $1 and object in \
     (select value::bigint from json_array_elements_text($3::text::json)) \
     union select object from protected_everywhere where directory = $2 and object in \
     (select value::bigint from json_array_elements_text($3::text::json))",
);

/// Protects a user in an app, or no longer; it is looked at again.
///
/// # Errors
/// [`StoreError`] of the statements.
pub fn set(tx: &mut Tx<'_>, app: &App, user: Key, on: bool, now: Timestamp) -> Result<(), StoreError> {
    match on {
        true => tx.exec(&SET, &[app.id.0.into(), user.0.into(), now.into()])?,
        false => tx.exec(&UNSET, &[app.id.0.into(), user.0.into()])?,
    };
    walk::one(tx, app.id, user)?;
    tx.announce();
    Ok(())
}

/// Protects a user in every app of the directory, those that are added later too, or no longer; in each it is looked at again.
///
/// # Errors
/// [`StoreError`] of the statements.
pub fn set_everywhere(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    user: Key,
    on: bool,
    now: Timestamp,
) -> Result<(), EngineError> {
    match on {
        true => tx.exec(&SET_EVERYWHERE, &[directory.0.into(), user.0.into(), now.into()])?,
        false => tx.exec(&UNSET_EVERYWHERE, &[directory.0.into(), user.0.into()])?,
    };
    for app in app::list(tx)?.into_iter().filter(|app| app.directory == directory) {
        walk::one(tx, app.id, user)?;
    }
    tx.announce();
    Ok(())
}

/// Whether a user is protected in every app of the directory.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn is_everywhere(on: &mut Snapshot<'_>, directory: DirectoryId, user: Key) -> Result<bool, StoreError> {
    let found = on.one::<(i64,)>(&IS_EVERYWHERE, &[directory.0.into(), user.0.into()])?;
    Ok(found.is_some_and(|(n,)| n > 0))
}

/// Which of these are protected in the app.
pub(crate) fn of(on: &mut Snapshot<'_>, app: &App, users: &[Key]) -> Result<HashSet<Key>, StoreError> {
    if users.is_empty() {
        return Ok(HashSet::new());
    }
    let args = [app.id.0.into(), app.directory.0.into(), list::numbers(users.iter().copied())];
    let rows: Vec<(i64,)> = on.all(&OF, &args, users.len())?;
    Ok(rows.into_iter().map(|(key,)| Key(key)).collect())
}

/// The first difference that would disable the account or take a value away.
pub(crate) fn harmed_by(differences: &[Difference]) -> Option<&Difference> {
    differences.iter().find(|d| {
        let disables = d.path.name.eq_ignore_ascii_case("active") && d.new == serde_json::Value::Bool(false);
        disables || (d.new.is_null() && !d.old.is_null())
    })
}

pub(crate) fn failure(name: &str, what: &str) -> Failure {
    Failure {
        code: CODE,
        reason: format!("{name} is protected, and {what}; nothing was sent"),
        action: "Correct the directory, the assignment or the mapping, or lift the protection: `usher app protect --off`, `usher user protect --off`.",
        passing: false,
    }
}
