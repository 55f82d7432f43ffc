//! Organizations or sites from a table: all of its rows or none.

use std::collections::HashMap;

use jiff::Timestamp;
use usher_api::people::{UnitChange, UnitImport};
use usher_directory::DirectoryId;
use usher_people::unit::{self, UnitKind};
use usher_scim::prepare::fold;
use usher_sources::sheet::{Sheet, boolean};
use usher_store::Tx;
use uuid::Uuid;

use crate::AdminError;

/// The code of a table that can't be imported.
const INVALID: &str = "invalid_file";
/// The most rows: they are written in one transaction, for which all other writers wait.
const ROWS: usize = 10_000;
/// How many faults are named.
const NAMED: usize = 10;
/// The longest name of an organization or site.
const NAME: usize = 128;

/// A row that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    line: u64,
    name: String,
    /// `None`: as it is.
    disabled: Option<bool>,
    /// For a new one.
    id: Uuid,
}

/// Reads the columns `name` and `disabled`; every fault of the table is in one error.
///
/// # Errors
/// No column `name`; rows without a name, with a name of another row or too long, or with a `disabled` that is neither yes nor no.
pub(super) fn read(sheet: &Sheet, mut id: impl FnMut() -> Uuid) -> Result<Vec<Wanted>, AdminError> {
    let Some(name_at) = sheet.column("name") else {
        let has = sheet.header.join(", ");
        return Err(AdminError::new(INVALID, format!("the file has no column name; it has: {has}"))
            .hint("The first line names the columns: name, and disabled where some are to be disabled."));
    };
    if sheet.rows.len() > ROWS {
        return Err(AdminError::new(
            INVALID,
            format!("the file has {} rows, more than {ROWS}", sheet.rows.len()),
        )
        .hint("Make several files of it."));
    }
    let disabled_at = sheet.column("disabled");
    let known = |at: usize| at == name_at || Some(at) == disabled_at;
    if let Some((_, other)) =
        sheet.header.iter().enumerate().find(|(at, name)| !known(*at) && !name.is_empty())
    {
        return Err(AdminError::new(INVALID, format!("the column {other} means nothing here"))
            .hint("There are the columns name and disabled; take the others out of the file."));
    }
    let (mut wanted, mut faults) = (Vec::with_capacity(sheet.rows.len()), Vec::new());
    let mut seen: HashMap<String, u64> = HashMap::new();
    for row in &sheet.rows {
        let mut fault = |what: String| faults.push(format!("line {}: {what}", row.line));
        let Some(name) = row.cell(name_at) else {
            fault("there is no name".into());
            continue;
        };
        let length = name.chars().count();
        if length > NAME {
            fault(format!("the name has {length} characters, more than {NAME}"));
        }
        if let Some(first) = seen.insert(fold(name), row.line) {
            fault(format!("\"{name}\" is in line {first} already"));
        }
        let disabled = match disabled_at.and_then(|at| row.cell(at)) {
            None => None,
            Some(text) => {
                let read = boolean(text);
                if read.is_none() {
                    fault(format!("disabled is true or false, not \"{text}\""));
                }
                read
            }
        };
        wanted.push(Wanted { line: row.line, name: name.to_owned(), disabled, id: id() });
    }
    if faults.is_empty() {
        return Ok(wanted);
    }
    let more = faults.len().saturating_sub(NAMED);
    let mut text = faults.iter().take(NAMED).cloned().collect::<Vec<_>>().join("\n");
    if more > 0 {
        text.push_str(&format!("\nand {more} more"));
    }
    Err(AdminError::new(INVALID, text).hint("Nothing was imported. Correct the file and import it again."))
}

/// Makes and switches what the rows ask for.
pub(super) fn carry_out(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    wanted: &[Wanted],
    dry_run: bool,
    now: Timestamp,
) -> Result<UnitImport, AdminError> {
    let mut done = UnitImport {
        kind: kind.word().into(),
        dry_run,
        created: 0,
        enabled: 0,
        disabled: 0,
        unchanged: 0,
        changes: Vec::new(),
    };
    for row in wanted {
        let found = unit::by_its_name(tx, directory, kind, &row.name)?;
        // A run again after a commit of unknown outcome meets its own rows as what they are: new.
        let action = match (&found, row.disabled) {
            (Some(found), _) if found.id == row.id => new(&mut done, row.disabled),
            (None, disabled) => new(&mut done, disabled),
            (Some(found), Some(disabled)) if found.disabled != disabled => {
                let (count, action) = match disabled {
                    true => (&mut done.disabled, "disable"),
                    false => (&mut done.enabled, "enable"),
                };
                *count += 1;
                action
            }
            (Some(_), _) => {
                done.unchanged += 1;
                continue;
            }
        };
        done.changes.push(UnitChange { line: row.line, name: row.name.clone(), action: action.into() });
        if dry_run {
            continue;
        }
        if found.is_none() {
            unit::create(tx, directory, kind, &row.name, row.id, now)?;
        }
        if let Some(disabled) = row.disabled {
            let id = found.map_or(row.id, |found| found.id).to_string();
            unit::set_disabled(tx, directory, kind, &id, disabled, now)?;
        }
    }
    Ok(done)
}

fn new(done: &mut UnitImport, disabled: Option<bool>) -> &'static str {
    done.created += 1;
    if disabled == Some(true) { "create_disabled" } else { "create" }
}
