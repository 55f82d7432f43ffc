//! The app's own people, organizations and sites.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Named, Time};

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// The id.
    pub id: String,
    /// Full name.
    pub name: String,
    /// The login; unique in the environment.
    pub primary_email: String,
    /// Job title.
    pub job_title: Option<String>,
    /// The organization.
    pub organization: Option<Named>,
    /// The site.
    pub site: Option<Named>,
    /// Where in the site.
    pub location: Option<String>,
    /// Employee number.
    pub employee_id: Option<String>,
    /// Support id.
    pub support_id: Option<String>,
    /// The manager.
    pub manager: Option<PersonRef>,
    /// Locale, set when the person was new.
    pub locale: Option<String>,
    /// Time zone, set when the person was new.
    pub time_zone: Option<String>,
    /// Very important person.
    pub vip: bool,
    /// Disabled by a rule or by hand.
    pub disabled: bool,
    /// Whether this person may sign in now: not disabled, and its SCIM user there and active.
    pub access: bool,
    /// Whether a change is held back by the guard.
    pub held: bool,
    /// Whether nobody may disable this person.
    pub protected: bool,
    /// E-mail addresses and telephone numbers.
    pub contacts: Vec<Contact>,
    /// Addresses.
    pub addresses: Vec<Address>,
    /// Fields of the app's own.
    #[schema(value_type = Object)]
    pub custom_fields: serde_json::Map<String, serde_json::Value>,
    /// `SCIM` where provisioning made or found this person.
    pub source: Option<String>,
    /// The SCIM user's id.
    pub source_id: Option<String>,
    /// Since when.
    pub created_at: Time,
    /// Last change.
    pub updated_at: Time,
}

/// A person, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PersonRef {
    /// The id.
    pub id: String,
    /// Full name.
    pub name: String,
    /// The login.
    pub primary_email: String,
}

/// An e-mail address or telephone number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Contact {
    /// `email` or `phone`.
    pub kind: String,
    /// `work`, `home`, `mobile`, `fax`, ….
    pub label: Option<String>,
    /// The address or number.
    pub value: String,
    /// Written by provisioning, replaced by each run; else by hand.
    pub integration: bool,
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Address {
    /// `home` or `mailing`.
    pub label: String,
    /// Street and number.
    pub address: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or region.
    pub state: Option<String>,
    /// Postal code.
    pub zip: Option<String>,
    /// Country, two letters.
    pub country: Option<String>,
    /// Written by provisioning.
    pub integration: bool,
}

/// An organization or a site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unit {
    /// The id.
    pub id: String,
    /// The name, unique among its kind ignoring case.
    pub name: String,
    /// Disabled ones are never chosen for a person.
    pub disabled: bool,
    /// The account's default organization for new people.
    pub default: bool,
    /// The SCIM group that governs its name.
    pub source_id: Option<String>,
    /// Since when.
    pub created_at: Time,
    /// Last change.
    pub updated_at: Time,
}

/// Where the values of a person's fields are from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonExplanation {
    /// The person.
    pub person: Person,
    /// The SCIM user that governs it now; `null`: none does.
    pub record_id: Option<String>,
    /// Field by field.
    pub fields: Vec<FieldOrigin>,
}

/// Where a field's value is from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldOrigin {
    /// As rules spell it.
    pub field: String,
    /// Its value.
    pub value: serde_json::Value,
    /// The rule that gave it; `null`: a hand, or nobody knows.
    pub rule: Option<String>,
    /// The expression in that rule.
    pub expression: Option<String>,
    /// The SCIM id of the record.
    pub record_id: Option<String>,
    /// Who, where it was a hand.
    pub actor: Option<String>,
    /// Since when it has this value.
    pub at: Option<Time>,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeopleImport {
    /// People made.
    pub created: u64,
    /// Lines whose address somebody has already; they were left alone.
    pub there: u64,
}

/// What an import of organizations or sites did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitImport {
    /// `organization` or `site`.
    pub kind: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// How many are new.
    pub created: u64,
    /// How many were enabled.
    pub enabled: u64,
    /// How many were disabled.
    pub disabled: u64,
    /// How many were there as the file has them.
    pub unchanged: u64,
    /// Those that are not as they were, in the order of the file.
    pub changes: Vec<UnitChange>,
}

/// One row of an import that changes something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitChange {
    /// The line of the file.
    pub line: u64,
    /// The name.
    pub name: String,
    /// `create`, `create_disabled`, `enable` or `disable`.
    pub action: String,
}
