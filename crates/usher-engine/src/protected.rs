//! Protected users: never disabled, deleted or emptied in an app, whatever directory, assignments and filters say. The attempt is a
//! failure of the object, in log and mail; lifted or caught up, it is tried again by the schedule of failures.

use std::collections::HashSet;

use jiff::Timestamp;
use usher_directory::Key;
use usher_store::{Snapshot, Sql, StoreError, Tx};

use crate::{
    app::{App, AppId},
    assignment::keys_json,
    cycle::walk,
    diff::Difference,
    log::Failure,
};

/// The code of the failure.
pub const CODE: &str = "ProtectedUser";

const SET: Sql = Sql::same(
    "insert into protected (app, object, since) values ($1, $2, $3) on conflict (app, object) do nothing",
);
const UNSET: Sql = Sql::same("delete from protected where app = $1 and object = $2");
const OF: Sql = Sql::each(
    "select object from protected where app = $1 and object in (select value from json_each($2))",
    "select object from protected where app = $1 and object in \
     (select value::bigint from json_array_elements_text($2::text::json))",
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

/// Which of these are protected.
pub(crate) fn of(on: &mut Snapshot<'_>, app: AppId, users: &[Key]) -> Result<HashSet<Key>, StoreError> {
    if users.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<(i64,)> = on.all(&OF, &[app.0.into(), keys_json(users)], users.len())?;
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
        reason: format!("{name} is protected in this app, and {what}; nothing was sent"),
        action: "Correct the directory, the assignment or the mapping, or lift the protection with `usher app protect --off`.",
        passing: false,
    }
}
