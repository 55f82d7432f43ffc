//! People of one environment: what the app at the end sees.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_directory::{
    DirectoryId, Key, ObjectId,
    loss::{self, HeldState, Holding},
    object::{self, Head},
};
use usher_scim::Object;
use usher_store::{Snapshot, Sql, StoreError};
use uuid::Uuid;

use crate::{
    Page, PeopleError, cursor,
    row::{self, Loaded, UnitRef},
};

/// An organization or site as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: Uuid,
    /// Its present name.
    pub name: String,
}

/// A manager as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// The manager's person id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Primary e-mail address.
    pub primary_email: String,
}

/// What a contact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactKind {
    /// An e-mail address other than the primary one.
    Email,
    /// A telephone number.
    Phone,
}

/// A further way to reach a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// E-mail or telephone.
    pub kind: ContactKind,
    /// `work`, `home`, `mobile`, `fax`, …: as the record's `type` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The address or number.
    pub value: String,
    /// From provisioning: replaced each run, not edited by hand.
    pub integration: bool,
}

/// `home` or `mailing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressLabel {
    /// SCIM type `home`.
    Home,
    /// Every other type.
    Mailing,
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Which one.
    pub label: AddressLabel,
    /// Street and number, at most 1,024 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// At most 128 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State or region, at most 30 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Postal code, at most 20 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// From provisioning: replaced each run, not edited by hand.
    pub integration: bool,
}

/// A person, as shapes.md gives it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Person {
    pub id: Uuid,
    pub name: String,
    /// Unique in the environment ignoring case; the login.
    pub primary_email: String,
    pub job_title: Option<String>,
    pub organization: Option<Named>,
    pub site: Option<Named>,
    pub location: Option<String>,
    pub employee_id: Option<String>,
    pub support_id: Option<String>,
    pub manager: Option<Manager>,
    pub locale: Option<String>,
    pub time_zone: Option<String>,
    pub vip: bool,
    pub disabled: bool,
    /// May this person use the app now? Computed at reading: false if disabled, or if its SCIM user is inactive or gone
    /// (unless it is protected, or the guard against mass loss holds that).
    pub access: bool,
    /// Whether the guard holds something that this person would lose, and nobody has decided yet.
    pub held: bool,
    /// Provisioning does not end its access.
    pub protected: bool,
    pub contacts: Vec<Contact>,
    pub addresses: Vec<Address>,
    /// Fields of the app's own.
    pub custom_fields: Object,
    /// `SCIM` when a record governs (or last governed) it.
    pub source: Option<String>,
    /// The SCIM id of that record.
    pub source_id: Option<String>,
    /// The record that governs it now, if it still does.
    pub record: Option<ObjectId>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// How many people there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Figures {
    pub total: i64,
    pub disabled: i64,
    pub with_organization: i64,
    pub with_manager: i64,
}

const FIGURES: Sql = Sql::same(
    "select count(*), count(case when disabled then 1 end), count(organization), count(manager) \
     from person where directory = $1",
);

/// A page in the order of creation (disabled ones too).
pub fn list(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    after: Option<&str>,
    most: usize,
) -> Result<Page<Person>, PeopleError> {
    let after = cursor::key(after)?;
    let mut rows = row::page(on, directory, after, most)?;
    let next = cursor::cut(&mut rows, most, |loaded| loaded.row.key.to_string());
    Ok(Page { items: people(on, directory, rows)?, next })
}

/// A page of people whom provisioning made or found, and whom no record governs any more.
pub fn ungoverned(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    after: Option<&str>,
    most: usize,
) -> Result<Page<Person>, PeopleError> {
    let after = cursor::key(after)?;
    let mut rows = row::ungoverned(on, directory, after, most)?;
    let next = cursor::cut(&mut rows, most, |loaded| loaded.row.key.to_string());
    Ok(Page { items: people(on, directory, rows)?, next })
}

/// One by id or primary e-mail address (ignoring case).
pub fn show(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    email_or_id: &str,
) -> Result<Option<Person>, PeopleError> {
    let found = match Uuid::try_parse(email_or_id) {
        Ok(id) => row::by_id(on, directory, id)?,
        Err(_) => row::by_email(on, directory, email_or_id)?,
    };
    Ok(people(on, directory, found.into_iter().collect())?.pop())
}

/// Counts.
pub fn figures(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<Figures, PeopleError> {
    let row: Option<(i64, i64, i64, i64)> = on.one(&FIGURES, &[directory.0.into()])?;
    let (total, disabled, with_organization, with_manager) = row.unwrap_or_default();
    Ok(Figures { total, disabled, with_organization, with_manager })
}

/// Rows as people: *access* is what the records say at this moment, whatever the rules have not yet done.
pub(crate) fn people(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    rows: Vec<Loaded>,
) -> Result<Vec<Person>, StoreError> {
    let keys: Vec<Key> = rows.iter().filter_map(|loaded| loaded.row.record).map(Key).collect();
    let records = object::heads(on, directory, &keys)?;
    let records: HashMap<i64, Head> = records.into_iter().map(|head| (head.key.0, head)).collect();
    let held = loss::of_objects(on, directory, &keys)?;
    Ok(rows.into_iter().map(|loaded| person(loaded, &records, &held)).collect())
}

fn person(loaded: Loaded, records: &HashMap<i64, Head>, held: &HashMap<Key, Holding>) -> Person {
    let Loaded { row, organization, site, manager } = loaded;
    let record = row.record.and_then(|key| records.get(&key));
    // A record that is gone, or inactive, ends the access of whoever it governs, whatever the rules have not yet done; unless
    // the guard holds that.
    let governed = row.record.is_some() && !row.protected;
    let holding = row.record.and_then(|key| held.get(&Key(key)));
    let kept = holding.is_some_and(|holding| holding.access);
    let named = |unit: Option<UnitRef>| unit.map(|unit| Named { id: unit.id, name: unit.name });
    Person {
        id: row.id,
        name: row.name,
        primary_email: row.email,
        job_title: row.job_title,
        organization: named(organization),
        site: named(site),
        location: row.location,
        employee_id: row.employee_id,
        support_id: row.support_id,
        manager: manager.map(|manager| Manager {
            id: manager.id,
            name: manager.name,
            primary_email: manager.email,
        }),
        locale: row.locale,
        time_zone: row.time_zone,
        vip: row.vip,
        disabled: row.disabled,
        access: !row.disabled && (!governed || kept || record.is_some_and(Head::counts)),
        held: holding.is_some_and(|holding| holding.state == HeldState::Held),
        protected: row.protected,
        contacts: row.contacts,
        addresses: row.addresses,
        custom_fields: row.custom,
        source: row.source,
        source_id: row.source_id,
        record: record.map(|head| head.id),
        created: row.created,
        updated: row.updated,
    }
}
