//! People of one environment: what the app at the end sees.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_directory::{DirectoryId, ObjectId};
use usher_store::Snapshot;
use uuid::Uuid;

use crate::{Page, PeopleError};

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
    /// May this person use the app now? Computed at reading: false if disabled, or if its SCIM user is inactive or gone.
    pub access: bool,
    pub contacts: Vec<Contact>,
    pub addresses: Vec<Address>,
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

/// A page in the order of creation (disabled ones too).
pub fn list(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _after: Option<&str>,
    _most: usize,
) -> Result<Page<Person>, PeopleError> {
    todo!()
}

/// One by id or primary e-mail address (ignoring case).
pub fn show(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _email_or_id: &str,
) -> Result<Option<Person>, PeopleError> {
    todo!()
}

/// Counts.
pub fn figures(_on: &mut Snapshot<'_>, _directory: DirectoryId) -> Result<Figures, PeopleError> {
    todo!()
}
