//! What rules do for a SCIM user: it governs a person.

use jiff::Timestamp;
use usher_directory::{
    DirectoryId, Key, ObjectId, loss,
    object::{self, Stored},
};
use usher_mapping::Value;
use usher_store::{StoreError, Tx};
use uuid::Uuid;

use crate::{
    asked::{self, Question, email_folded},
    fields, lane,
    row::{self, Loaded, PersonRow, Saved},
    rules::{Act, Action, Field, TextField},
    run::{Fault, Target},
    unit::{self, UnitKind},
    walk::{self, Walk},
    world::{self, World, person_value},
};

/// A SCIM user and its person.
pub(crate) struct UserTarget {
    pub(crate) record: Key,
    pub(crate) record_id: ObjectId,
    pub(crate) account: Value,
    /// For a person that a rule makes.
    pub(crate) fresh: Uuid,
    pub(crate) now: Timestamp,
    /// As stored; none: not linked, or new.
    before: Option<Loaded>,
    /// As it is to be.
    row: Option<PersonRow>,
    new: bool,
}

impl UserTarget {
    /// With the person that the record governs.
    pub(crate) fn new(
        stored: &Stored,
        person: Option<Loaded>,
        fresh: Uuid,
        account: Value,
        now: Timestamp,
    ) -> Self {
        let row = person.as_ref().map(|loaded| loaded.row.clone());
        Self {
            record: stored.key,
            record_id: stored.id,
            account,
            fresh,
            now,
            before: person,
            row,
            new: false,
        }
    }

    /// Links the record to a person that is there, unless another active record governs it.
    fn link(&mut self, world: &mut World<'_, '_>, value: &Value) -> Result<(), Fault> {
        let Some(id) = world::id_of(value) else { return Ok(()) };
        if let Some(row) = &self.row {
            if row.id == id {
                return Ok(());
            }
            return Err(Fault::Refused(format!("the record governs {} already, not person {id}", row.name)));
        }
        let Some(loaded) = row::by_id(world.tx, world.directory, id)? else {
            return Err(Fault::Refused(format!("there is no person {id}")));
        };
        if let Some(holder) = loaded.row.record {
            let holder = object::by_keys(world.tx, world.directory, &[Key(holder)])?.pop();
            if let Some(holder) = holder.filter(lane::active) {
                return Err(Fault::Refused(provisioned(&loaded.row.name, &holder)));
            }
            // The client made the user anew: what was to be lost with the old one is not, and the old record is no more.
            if let Some(old) = loaded.row.record
                && loss::forget(world.tx, world.directory, Key(old))? > 0
            {
                walk::begin(world.tx, world.directory, &Walk::One(Key(old)))?;
            }
        }
        self.row = Some(self.govern(loaded.row.clone()));
        self.before = Some(loaded);
        Ok(())
    }

    fn govern(&self, row: PersonRow) -> PersonRow {
        PersonRow {
            record: Some(self.record.0),
            source: Some("SCIM".into()),
            source_id: Some(self.record_id.0.to_string()),
            ..row
        }
    }

    fn create(&mut self) -> Result<(), Fault> {
        if let Some(row) = &self.row {
            return Err(Fault::Refused(format!("the record governs {} already", row.name)));
        }
        self.row = Some(self.govern(PersonRow::empty(self.fresh, self.now)));
        self.new = true;
        Ok(())
    }

    fn set(
        &mut self,
        world: &mut World<'_, '_>,
        field: Field,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<(), Fault> {
        let row = self.row.as_mut().ok_or_else(no_person)?;
        match field {
            Field::Text(TextField::PrimaryEmail) => {
                if let Some(email) = fields::text(TextField::PrimaryEmail, value, left_out)? {
                    free(world, row, &email)?;
                    row.email = email;
                }
            }
            Field::Text(field) => {
                if let Some(text) = fields::text(field, value, left_out)? {
                    fields::write(row, field, Some(text));
                }
            }
            Field::Organization => {
                row.organization = unit_key(world, UnitKind::Organization, value)?.or(row.organization);
            }
            Field::Site => row.site = unit_key(world, UnitKind::Site, value)?.or(row.site),
            Field::Manager => {
                if let Some(id) = world::id_of(value) {
                    row.manager = row::key_of(world.tx, world.directory, id)?.or(row.manager);
                }
            }
            Field::Vip if *value != Value::Null => row.vip = value.truth(),
            Field::Disabled if *value != Value::Null => row.disabled = value.truth(),
            Field::Vip | Field::Disabled => {}
        }
        Ok(())
    }
}

fn no_person() -> Fault {
    Fault::Refused("the record is linked to no person".into())
}

fn provisioned(name: &str, by: &Stored) -> String {
    format!("{name} is already provisioned by record {}", by.id.0)
}

/// Refuses the address of another person, and asks for it, so that the record runs again when it is free.
fn free(world: &mut World<'_, '_>, row: &PersonRow, email: &str) -> Result<(), Fault> {
    if row.key != 0 && email_folded(email) == email_folded(&row.email) {
        return Ok(());
    }
    world.asked.insert(Question::person(email));
    let other = row::by_email(world.tx, world.directory, email)?;
    let Some(other) = other.filter(|other| other.row.id != row.id) else { return Ok(()) };
    let holder = match other.row.record {
        Some(key) => object::by_keys(world.tx, world.directory, &[Key(key)])?.pop(),
        None => None,
    };
    Err(Fault::Refused(match holder {
        Some(holder) => format!("{email}: {}", provisioned(&other.row.name, &holder)),
        None => format!("{email} is the primary e-mail address of another person, {}", other.row.name),
    }))
}

/// The key of the organization or site that an expression gave; null: none.
fn unit_key(world: &mut World<'_, '_>, kind: UnitKind, value: &Value) -> Result<Option<i64>, Fault> {
    let Some(id) = world::id_of(value) else { return Ok(None) };
    let row = unit::by_id(world.tx, world.directory, id)?.filter(|row| row.unit.kind == kind);
    Ok(row.map(|row| row.key))
}

impl Target for UserTarget {
    fn named(&self) -> Vec<(String, Value)> {
        vec![
            ("person".into(), self.before.as_ref().map_or(Value::Null, person_value)),
            ("account".into(), self.account.clone()),
            ("IsNew".into(), Value::Boolean(self.new)),
        ]
    }

    fn act(
        &mut self,
        world: &mut World<'_, '_>,
        action: &Action,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<bool, Fault> {
        match action.act {
            Act::LinkPerson => {
                self.link(world, value)?;
                return Ok(true);
            }
            Act::CreatePerson => {
                self.create()?;
                return Ok(true);
            }
            Act::Set(field) => self.set(world, field, value, left_out)?,
            Act::Clear(field) => {
                let row = self.row.as_mut().ok_or_else(no_person)?;
                match field {
                    Field::Text(text) => fields::write(row, text, None),
                    Field::Organization => row.organization = None,
                    Field::Site => row.site = None,
                    Field::Manager => row.manager = None,
                    Field::Vip | Field::Disabled => {}
                }
            }
            Act::ClearContacts => {
                let row = self.row.as_mut().ok_or_else(no_person)?;
                row.contacts.retain(|contact| !contact.integration);
            }
            Act::AddContacts(kind) => {
                let row = self.row.as_mut().ok_or_else(no_person)?;
                fields::contacts(&mut row.contacts, kind, value, left_out);
            }
            Act::ClearAddresses => {
                let row = self.row.as_mut().ok_or_else(no_person)?;
                row.addresses.retain(|address| !address.integration);
            }
            Act::AddAddresses => {
                let row = self.row.as_mut().ok_or_else(no_person)?;
                fields::addresses(&mut row.addresses, value, left_out);
            }
            Act::LinkUnit(_) | Act::CreateUnit(_) | Act::Classify | Act::Name(_) => {
                return Err(Fault::Refused(format!("{} is no action for a user", action.spelled)));
            }
        }
        Ok(false)
    }

    /// Stores the person, and has those run again whose questions have another answer now.
    fn finish(&mut self, world: &mut World<'_, '_>, left_out: &mut Vec<String>) -> Result<(), Fault> {
        let Some(row) = self.row.as_mut() else { return Ok(()) };
        if self.new && (row.name.is_empty() || row.email.is_empty()) {
            left_out.push("so no person was made".into());
            self.row = None;
            return Ok(());
        }
        let before = self.before.as_ref().map(|loaded| &loaded.row);
        match row::save(world.tx, world.directory, before, row, self.now)? {
            Saved::Unchanged => return Ok(()),
            Saved::Stale => return Err(Fault::Stale),
            Saved::Changed => {}
        }
        tell(world.tx, world.directory, Some(self.record), before, row)?;
        self.new = false;
        self.before = row::by_id(world.tx, world.directory, row.id)?;
        Ok(())
    }
}

/// Puts those on work who asked for this person: by its record (its reports), or by its address (a record that waits for it).
pub(crate) fn tell(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    by: Option<Key>,
    before: Option<&PersonRow>,
    row: &PersonRow,
) -> Result<(), StoreError> {
    let moved = before.is_none_or(|before| before.record != row.record || before.disabled != row.disabled);
    let renamed = before.is_none_or(|before| email_folded(&before.email) != email_folded(&row.email));
    if moved {
        for row in before.into_iter().chain([row]) {
            let id = row.source_id.as_deref().and_then(|id| Uuid::try_parse(id).ok());
            if let Some(id) = id {
                asked::changed_by(tx, directory, &Question::scim_user(ObjectId(id)), by)?;
            }
        }
    }
    if let Some(before) = before.filter(|_| renamed) {
        asked::changed_by(tx, directory, &Question::person(&before.email), by)?;
    }
    if moved || renamed {
        asked::changed_by(tx, directory, &Question::person(&row.email), by)?;
    }
    Ok(())
}
