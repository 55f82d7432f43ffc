//! What rules do for a SCIM user: it governs a person.

use jiff::Timestamp;
use usher_directory::{ObjectId, object::Stored};
use usher_mapping::Value;
use uuid::Uuid;

use crate::{
    asked::{Question, email_folded},
    fields,
    known::{Holder, Known},
    origin::{self, Origin},
    row::PersonRow,
    rules::{Act, Action, Field, TextField},
    run::{By, Fault, Target},
    unit::UnitKind,
    world::{self, World, person_value},
};

/// A SCIM user and its person.
pub(crate) struct UserTarget<'a> {
    /// The record's key.
    record: i64,
    record_id: ObjectId,
    account: &'a Value,
    /// For a person that a rule makes.
    fresh: Uuid,
    now: Timestamp,
    /// As the rule that runs found it, and whether a rule before it made it.
    start: (Option<PersonRow>, bool),
    /// `[person]`: whom the record is linked to.
    before: Option<PersonRow>,
    /// As it is to be.
    row: Option<PersonRow>,
    new: bool,
    /// Fields that this rule has written, and the rule and expression that gave the value; none: it was cleared.
    written: Vec<(String, Option<(String, String)>)>,
}

impl<'a> UserTarget<'a> {
    /// With the person that the record governs.
    pub(crate) fn new(
        stored: &Stored,
        person: Option<PersonRow>,
        fresh: Uuid,
        account: &'a Value,
        now: Timestamp,
    ) -> Self {
        Self {
            record: stored.key.0,
            record_id: stored.id,
            account,
            fresh,
            now,
            start: (person.clone(), false),
            before: person.clone(),
            row: person,
            new: false,
            written: Vec::new(),
        }
    }

    /// Links the record to a person that is there, unless another active record governs it. Whether it was not so already.
    fn link(&mut self, world: &mut World<'_>, value: &Value) -> Result<bool, Fault> {
        let Some(id) = world::id_of(value) else { return Ok(false) };
        if let Some(row) = &self.row {
            if row.id == id {
                return Ok(false);
            }
            return Err(Fault(format!("the record governs {} already, not person {id}", row.name)));
        }
        let Some(row) = world.known.person(id).cloned() else {
            return Err(Fault(format!("there is no person {id}")));
        };
        if let Some(holder) = row.record {
            world.asked.insert(Question::person(&row.email));
            if let Some(holder) = world.known.holder(holder).filter(|holder| holder.active) {
                return Err(Fault(provisioned(&row.name, &holder)));
            }
        }
        self.row = Some(self.govern(row.clone()));
        self.before = Some(row);
        Ok(true)
    }

    fn govern(&self, row: PersonRow) -> PersonRow {
        PersonRow {
            record: Some(self.record),
            source: Some("SCIM".into()),
            source_id: Some(self.record_id.0.to_string()),
            ..row
        }
    }

    fn create(&mut self) -> Result<(), Fault> {
        if let Some(row) = &self.row {
            return Err(Fault(format!("the record governs {} already", row.name)));
        }
        self.row = Some(self.govern(PersonRow::empty(self.fresh, self.now)));
        self.new = true;
        Ok(())
    }

    fn set(
        &mut self,
        world: &mut World<'_>,
        by: By<'_>,
        field: &Field,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<(), Fault> {
        let row = self.row.as_mut().ok_or_else(no_person)?;
        let changed = match field {
            Field::Text(TextField::PrimaryEmail) => {
                let Some(email) = fields::text(TextField::PrimaryEmail, value, left_out)? else {
                    return Ok(());
                };
                free(world, row, &email)?;
                changes(&mut row.email, email)
            }
            Field::Text(text) => match fields::text(*text, value, left_out)? {
                Some(value) => fields::write(row, *text, Some(value)),
                None => false,
            },
            Field::Organization => {
                let unit = unit_of(world.known, UnitKind::Organization, value).or(row.organization);
                changes(&mut row.organization, unit)
            }
            Field::Site => {
                let unit = unit_of(world.known, UnitKind::Site, value).or(row.site);
                changes(&mut row.site, unit)
            }
            Field::Manager => match world::id_of(value) {
                Some(id) if world.known.person(id).is_some() => changes(&mut row.manager, Some(id)),
                _ => false,
            },
            Field::Vip | Field::Disabled if value.is_null() => false,
            Field::Vip => changes(&mut row.vip, value.truth()),
            Field::Disabled if value.truth() && row.protected => {
                left_out.push(format!("{} is protected, so access was not ended", row.name));
                false
            }
            Field::Disabled => {
                // Origins are read of the few who are disabled alone.
                let kept = row.origins.as_deref().filter(|_| row.disabled);
                let by = origin::hand(kept, "disabled");
                match (value.truth(), by) {
                    // A hand has ended it; a hand gives it back, or the client does, once it has ended it too.
                    (false, Some(who)) => {
                        left_out.push(format!(
                            "{} was disabled by hand, by {who}, so access was not given back",
                            row.name
                        ));
                        false
                    }
                    (true, Some(_)) => true,
                    (disabled, None) => changes(&mut row.disabled, disabled),
                }
            }
            Field::Custom(name) => match fields::custom(name, value, left_out) {
                Some(value) if row.custom.get(name) != Some(&value) => {
                    row.custom.insert(name.clone(), value);
                    true
                }
                _ => false,
            },
        };
        if changed {
            let by = Some((by.rule.to_owned(), by.expression.to_owned()));
            self.written.push((field.word(), by));
        }
        Ok(())
    }

    fn clear(&mut self, field: &Field) -> Result<(), Fault> {
        let row = self.row.as_mut().ok_or_else(no_person)?;
        let changed = match field {
            Field::Text(text) => fields::write(row, *text, None),
            Field::Organization => changes(&mut row.organization, None),
            Field::Site => changes(&mut row.site, None),
            Field::Manager => changes(&mut row.manager, None),
            Field::Custom(name) => row.custom.remove(name).is_some(),
            Field::Vip | Field::Disabled => false,
        };
        if changed {
            self.written.push((field.word(), None));
        }
        Ok(())
    }
}

/// Writes a value; whether it is another.
pub(crate) fn changes<T: PartialEq>(place: &mut T, value: T) -> bool {
    let other = *place != value;
    *place = value;
    other
}

fn no_person() -> Fault {
    Fault("the record is linked to no person".into())
}

fn provisioned(name: &str, by: &Holder) -> String {
    let from = by.integration.as_ref().map(|integration| format!(" from {integration}")).unwrap_or_default();
    format!("{name} is already provisioned by record {}{from}", by.id.0)
}

/// Refuses the address of another person, and asks for it, so that the record runs again when it is free.
fn free(world: &mut World<'_>, row: &PersonRow, email: &str) -> Result<(), Fault> {
    if row.key != 0 && email_folded(email) == email_folded(&row.email) {
        return Ok(());
    }
    world.asked.insert(Question::person(email));
    let other = world.known.by_email(email).filter(|other| other.id != row.id);
    let Some((name, record)) = other.map(|other| (other.name.clone(), other.record)) else { return Ok(()) };
    Err(Fault(match record.and_then(|record| world.known.holder(record)) {
        Some(holder) => format!("{email}: {}", provisioned(&name, &holder)),
        None => format!("{email} is the primary e-mail address of another person, {name}"),
    }))
}

/// The organization or site that an expression gave.
fn unit_of(known: &mut Known, kind: UnitKind, value: &Value) -> Option<Uuid> {
    let id = world::id_of(value)?;
    known.unit(id).filter(|unit| unit.kind == kind).map(|unit| unit.id)
}

impl Target for UserTarget<'_> {
    fn named(&self, world: &World<'_>) -> Vec<(String, Value)> {
        vec![
            ("person".into(), self.before.as_ref().map_or(Value::Null, |row| person_value(world.known, row))),
            ("account".into(), self.account.clone()),
            ("IsNew".into(), Value::Boolean(self.new)),
        ]
    }

    fn act(
        &mut self,
        world: &mut World<'_>,
        by: By<'_>,
        action: &Action,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<bool, Fault> {
        match &action.act {
            Act::LinkPerson => return self.link(world, value),
            Act::CreatePerson => {
                self.create()?;
                return Ok(true);
            }
            Act::Set(field) => self.set(world, by, field, value, left_out)?,
            Act::Clear(field) => self.clear(field)?,
            Act::ClearContacts => {
                let row = self.row.as_mut().ok_or_else(no_person)?;
                row.contacts.retain(|contact| !contact.integration);
            }
            Act::AddContacts(kind) => {
                let row = self.row.as_mut().ok_or_else(no_person)?;
                fields::contacts(&mut row.contacts, *kind, value, left_out);
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
                return Err(Fault(format!("{} is no action for a user", action.spelled)));
            }
        }
        Ok(false)
    }

    fn finish(&mut self, world: &mut World<'_>, left_out: &mut Vec<String>) -> Result<(), Fault> {
        let Some(row) = self.row.as_mut() else { return Ok(()) };
        if self.new && (row.name.is_empty() || row.email.is_empty()) {
            left_out.push("so no person was made".into());
            self.undo();
            return Ok(());
        }
        if !self.written.is_empty() {
            let (record, at) = (self.record_id.0.to_string(), self.now.as_millisecond());
            let origin = |(rule, expression)| Origin {
                rule: Some(rule),
                expression: Some(expression),
                record: Some(record.clone()),
                actor: None,
                at,
            };
            let written = std::mem::take(&mut self.written);
            let fields = written.into_iter().map(|(field, by)| (field, by.map(origin))).collect();
            row.origins = origin::changed(row.origins.as_deref(), fields);
        }
        if self.before.as_ref() != Some(row) {
            world.known.put_person(row.clone(), world.run);
            self.before = self.row.clone();
        }
        self.start = (self.row.clone(), self.new);
        Ok(())
    }

    fn undo(&mut self) {
        (self.row, self.new) = self.start.clone();
        self.before = self.row.clone();
        self.written.clear();
    }
}

/// Questions that have another answer now: whose record it is (its reports ask), who has the address (a record that waits for it
/// asks).
pub(crate) fn answers(before: Option<&PersonRow>, after: &PersonRow) -> Vec<Question> {
    let moved =
        before.is_none_or(|before| before.record != after.record || before.disabled != after.disabled);
    let renamed = before.is_none_or(|before| email_folded(&before.email) != email_folded(&after.email));
    let mut questions = Vec::new();
    if moved {
        for row in before.into_iter().chain([after]) {
            let id = row.source_id.as_deref().and_then(|id| Uuid::try_parse(id).ok());
            questions.extend(id.map(|id| Question::scim_user(ObjectId(id))));
        }
    }
    if let Some(before) = before.filter(|_| renamed) {
        questions.push(Question::person(&before.email));
    }
    if moved || renamed {
        questions.push(Question::person(&after.email));
    }
    questions
}
