//! People made and changed by hand, or by the app at sign-in. Provisioning finds them by their e-mail address and governs them
//! from then on.

use jiff::Timestamp;
use serde_json::Value;
use usher_directory::{DirectoryId, Key};
use usher_store::{Snapshot, StoreError, Tx};
use uuid::Uuid;

use crate::{
    PeopleError, asked, dry_run, fields,
    known::Known,
    origin::{self, Origin},
    person::Person,
    row::{self, Change, Loaded, PersonRow, Saved},
    rules::{Field, TextField},
    setting,
    unit::{self, UnitKind},
    user,
    walk::{self, Walk},
};

/// What a person made by hand is to have: fields as rules spell them, the organization and site by name, the manager by
/// e-mail address. Blank values are none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewPerson {
    /// `name` and `primary_email` must be among them.
    pub fields: Vec<(String, String)>,
}

/// Fields that a hand may write.
pub const FIELDS: [&str; 12] = [
    "name",
    "primary_email",
    "job_title",
    "organization",
    "site",
    "location",
    "employee_id",
    "support_id",
    "manager",
    "locale",
    "time_zone",
    "vip",
];

/// What came of making somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// A new person.
    New(Uuid),
    /// Somebody has this address already; nothing was changed.
    There(Uuid),
}

/// Makes a person. `id` is a new UUIDv7; the same call again finds its own row.
///
/// # Errors
/// [`PeopleError::Field`] names the field and says what it takes.
pub fn create(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    new: &NewPerson,
    id: Uuid,
    actor: &str,
    now: Timestamp,
) -> Result<Made, PeopleError> {
    setting::moved(tx, directory)?;
    let mut row = PersonRow::empty(id, now);
    let mut written = Vec::new();
    for (name, value) in &new.fields {
        if value.trim().is_empty() {
            continue;
        }
        write(tx, directory, &mut row, name, value.trim())?;
        written.push((name.clone(), Some(Origin::hand(actor, now))));
    }
    for (name, text) in [("name", &row.name), ("primary_email", &row.email)] {
        if text.is_empty() {
            return Err(wrong(name, "is needed"));
        }
    }
    if !row.email.contains('@') || row.email.contains(char::is_whitespace) {
        return Err(wrong("primary_email", "is no e-mail address"));
    }
    row.origins = origin::changed(None, written);
    if let Some(there) = row::by_email(tx, directory, &row.email)? {
        return Ok(if there.row.id == id { Made::New(id) } else { Made::There(there.row.id) });
    }
    save(tx, directory, None, row, now)?;
    Ok(Made::New(id))
}

fn wrong(field: &str, what: impl std::fmt::Display) -> PeopleError {
    PeopleError::Field { field: field.to_owned(), what: what.to_string() }
}

fn write(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    row: &mut PersonRow,
    name: &str,
    text: &str,
) -> Result<(), PeopleError> {
    let Some(field) = Field::from_word(name).filter(|field| *field != Field::Disabled) else {
        return Err(wrong(
            name,
            format!("is no field; there are {} and custom_fields.NAME", FIELDS.join(", ")),
        ));
    };
    let unit = |on: &mut Snapshot<'_>, kind: UnitKind| {
        let found = unit::find(on, directory, kind, text)?;
        let unknown = || PeopleError::UnknownUnit { kind, name: text.to_owned() };
        found.map(|row| row.unit.id).ok_or_else(unknown)
    };
    match field {
        Field::Text(field) => {
            let length = text.chars().count();
            if length > field.limit() {
                return Err(wrong(name, format!("has {length} characters, more than {}", field.limit())));
            }
            match field {
                TextField::PrimaryEmail => row.email = text.to_owned(),
                field => drop(fields::write(row, field, Some(text.to_owned()))),
            }
        }
        Field::Organization => row.organization = Some(unit(on, UnitKind::Organization)?),
        Field::Site => row.site = Some(unit(on, UnitKind::Site)?),
        Field::Manager => {
            let found = row::by_email(on, directory, text)?;
            row.manager = Some(found.ok_or_else(|| PeopleError::UnknownPerson(text.to_owned()))?.row.id);
        }
        Field::Vip => {
            row.vip = match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => true,
                "false" | "no" | "0" => false,
                _ => return Err(wrong(name, format!("is true or false, not {text}"))),
            }
        }
        Field::Disabled => {}
        Field::Custom(field) => {
            let mut left_out = Vec::new();
            let value = fields::custom(&field, &usher_mapping::Value::Text(text.to_owned()), &mut left_out);
            if let Some(reason) = left_out.pop() {
                return Err(wrong(name, reason));
            }
            row.custom.insert(field, value.unwrap_or_default());
        }
    }
    Ok(())
}

fn save(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    before: Option<PersonRow>,
    after: PersonRow,
    now: Timestamp,
) -> Result<(), PeopleError> {
    let questions = user::answers(before.as_ref(), &after);
    let email = after.email.clone();
    match tx.savepoint(|tx| row::save_all(tx, directory, &[Change { before, after }], now)) {
        Ok(Saved::Done) => {}
        Ok(Saved::Stale) => return Err(PeopleError::Stale),
        Err(StoreError::Conflict { .. }) => {
            return Err(wrong("primary_email", format!("{email} is another person's")));
        }
        Err(error) => return Err(error.into()),
    }
    for question in questions {
        asked::changed(tx, directory, &question)?;
    }
    Ok(())
}

fn load(on: &mut Snapshot<'_>, directory: DirectoryId, email_or_id: &str) -> Result<Loaded, PeopleError> {
    let found = match Uuid::try_parse(email_or_id) {
        Ok(id) => row::by_id(on, directory, id)?,
        Err(_) => row::by_email(on, directory, email_or_id)?,
    };
    found.ok_or_else(|| PeopleError::UnknownPerson(email_or_id.to_owned()))
}

/// Ends a person's access, or gives it back. Whoever was disabled so stays it, whatever a record says, until a hand enables the
/// person, or the client itself ends the access and gives it back. Whoever was enabled has access until the record's next run.
///
/// # Errors
/// [`PeopleError::Protected`] where somebody who is protected is to lose access.
pub fn set_disabled(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    email_or_id: &str,
    disabled: bool,
    actor: &str,
    now: Timestamp,
) -> Result<Uuid, PeopleError> {
    let id = change(tx, directory, email_or_id, "disabled", actor, now, |row| {
        if disabled && row.protected {
            return Err(PeopleError::Protected(row.name.clone()));
        }
        Ok(user::changes(&mut row.disabled, disabled))
    })?;
    run_again(tx, directory, id)?;
    Ok(id)
}

/// The record of a person says anew how it stands.
fn run_again(tx: &mut Tx<'_>, directory: DirectoryId, person: Uuid) -> Result<(), StoreError> {
    match row::by_id(tx, directory, person)?.and_then(|loaded| loaded.row.record) {
        Some(record) => walk::begin(tx, directory, &Walk::Record(Key(record))),
        None => Ok(()),
    }
}

/// Protects a person: provisioning no longer ends its access, whatever its record says; or ends that.
///
/// # Errors
/// [`PeopleError::UnknownPerson`].
pub fn set_protected(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    email_or_id: &str,
    protected: bool,
    actor: &str,
    now: Timestamp,
) -> Result<Uuid, PeopleError> {
    let id = change(tx, directory, email_or_id, "protected", actor, now, |row| {
        Ok(user::changes(&mut row.protected, protected))
    })?;
    // What was held off from somebody protected is carried out now.
    run_again(tx, directory, id)?;
    Ok(id)
}

fn change(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    email_or_id: &str,
    field: &str,
    actor: &str,
    now: Timestamp,
    change: impl FnOnce(&mut PersonRow) -> Result<bool, PeopleError>,
) -> Result<Uuid, PeopleError> {
    setting::moved(tx, directory)?;
    let before = load(tx, directory, email_or_id)?.row;
    let mut after = before.clone();
    if change(&mut after)? {
        let origin = (field.to_owned(), Some(Origin::hand(actor, now)));
        after.origins = origin::changed(before.origins.as_deref(), vec![origin]);
        save(tx, directory, Some(before), after.clone(), now)?;
    }
    Ok(after.id)
}

/// A person with each field's value and where it is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The person.
    pub person: Person,
    /// Field, value, origin (none: from before origins were kept, or a default).
    pub fields: Vec<(String, Value, Option<Origin>)>,
}

/// By id or primary e-mail address.
///
/// # Errors
/// [`PeopleError::UnknownPerson`].
pub fn explain(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    email_or_id: &str,
) -> Result<Explained, PeopleError> {
    let loaded = load(on, directory, email_or_id)?;
    let row = loaded.row.clone();
    let mut origins = origin::read(row.origins.as_deref())?;
    let mut known = Known::default();
    known.learn(loaded);
    let values = dry_run::fields(&row, &known);
    let fields = values
        .into_iter()
        .map(|(field, value)| {
            let origin = origins.remove(&field);
            (field, value, origin)
        })
        .collect();
    let person = crate::person::show(on, directory, &row.id.to_string())?;
    let person = person.ok_or_else(|| PeopleError::UnknownPerson(email_or_id.to_owned()))?;
    Ok(Explained { person, fields })
}
