//! Imports of organizations and sites, and roles, as text.

use usher_api::{account::RoleGrant, people::UnitImport};

use super::{answer::day, table};

/// What an import did or would do: a line each, and the numbers.
pub(super) fn import(done: &UnitImport) -> String {
    let numbers = format!(
        "{}{} made, {} enabled, {} disabled, {} as they were",
        if done.dry_run { "nothing is written; it would be: " } else { "" },
        done.created,
        done.enabled,
        done.disabled,
        done.unchanged
    );
    if done.changes.is_empty() {
        return numbers;
    }
    let rows = done
        .changes
        .iter()
        .map(|change| vec![change.line.to_string(), change.action.replace('_', " "), change.name.clone()]);
    format!("{}\n{numbers}", table(&["line", "action", done.kind.as_str()], rows))
}

pub(super) fn roles(items: &[RoleGrant]) -> String {
    table(
        &["account", "person", "role", "since"],
        items.iter().map(|it| vec![it.account.clone(), it.who.clone(), it.role.clone(), day(it.granted_at)]),
    )
}
