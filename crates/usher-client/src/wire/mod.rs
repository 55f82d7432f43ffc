//! Wire profiles: what is sent, spelled as other provisioning services spell it, so that an app can be tested against each
//! without having it.
//!
//! | profile | a create | an update, a disable | memberships |
//! | --- | --- | --- | --- |
//! | `rfc` | the resource | PATCH, an operation an attribute, each with a path | PATCH: `add`, and `remove` by a value filter |
//! | `entra-legacy` | with `meta.resourceType`, `roles: []`; groups with the vendor's schema | PATCH: `Add`, `Replace`, `Remove`, each with a path; booleans as the texts `True` and `False` | `Add` and `Remove` with a list of values |
//! | `entra-062020` | the same | PATCH: single-valued attributes in one operation without a path, its keys dotted | `add`, and `remove` by a value filter |
//! | `okta` | with `groups: []` (groups: `members: []`), the core schema alone named | PATCH: one `replace` without a path, its value nested | PATCH as `rfc` |
//! | `okta-wizard` | the same | GET, then PUT of the whole | GET, then PUT of the whole group |
//!
//! Microsoft's forms are those of its page on customizing and developing SCIM endpoints, with and without the flag
//! `aadOptscim062020`; Okta's those of its SCIM 2.0 reference. What neither says is as RFC 7644 has it. No profile sends a
//! password, although Okta does.

mod entra;
mod okta;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;
use usher_scim::Object;

pub(crate) use okta::{put_members, put_whole};

use crate::{Change, Endpoint, call::resource_type, patch};

/// How requests are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wire {
    /// RFC 7644 as written.
    #[default]
    Rfc,
    /// Microsoft Entra ID as it speaks without a flag.
    EntraLegacy,
    /// Microsoft Entra ID with the flag `aadOptscim062020` in the tenant URL.
    Entra062020,
    /// An app of Okta's catalogue: PATCH.
    Okta,
    /// An app made with Okta's wizard: PUT of the whole.
    OktaWizard,
}

impl Wire {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Rfc, Self::EntraLegacy, Self::Entra062020, Self::Okta, Self::OktaWizard];

    /// As in the setting `wire_profile`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rfc => "rfc",
            Self::EntraLegacy => "entra-legacy",
            Self::Entra062020 => "entra-062020",
            Self::Okta => "okta",
            Self::OktaWizard => "okta-wizard",
        }
    }

    /// Whether users are ever deleted. Okta deactivates them, whatever happens.
    pub fn deletes_users(self) -> bool {
        !matches!(self, Self::Okta | Self::OktaWizard)
    }

    /// Whether a change is a GET and a PUT of the whole.
    pub(crate) fn puts(self) -> bool {
        self == Self::OktaWizard
    }

    /// Whether a blank in a query is a `+`.
    pub(crate) fn plus_for_blank(self) -> bool {
        matches!(self, Self::EntraLegacy | Self::Entra062020)
    }

    /// The headers of each request, beside Authorization and those of the connection.
    pub(crate) fn headers(self, has_body: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, value: &'static str| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        let okta = matches!(self, Self::Okta | Self::OktaWizard);
        if okta {
            set(header::ACCEPT, "application/scim+json");
            set(header::ACCEPT_CHARSET, "utf-8");
            set(header::USER_AGENT, "Okta SCIM Client 1.0.0");
        } else {
            set(header::ACCEPT, "application/scim+json, application/json;q=0.9");
        }
        match (has_body, okta) {
            (false, _) => {}
            (true, true) => set(header::CONTENT_TYPE, "application/scim+json; charset=utf-8"),
            (true, false) => set(header::CONTENT_TYPE, "application/scim+json"),
        }
        headers
    }

    /// The query of a look by a filter.
    pub(crate) fn look(self, at: Endpoint, filter: &str) -> Vec<(&'static str, String)> {
        let filter = ("filter", filter.to_owned());
        let without_members = ("excludedAttributes", "members".to_owned());
        match (self, at) {
            (Self::Okta | Self::OktaWizard, _) => {
                vec![filter, ("startIndex", "1".to_owned()), ("count", "100".to_owned())]
            }
            (_, Endpoint::Users) => vec![filter],
            (Self::Rfc, Endpoint::Groups) => vec![filter, without_members],
            (_, Endpoint::Groups) => vec![without_members, filter],
        }
    }

    /// The body of a create.
    pub(crate) fn created(self, at: Endpoint, resource: &Object) -> Object {
        match self {
            Self::Rfc => resource.clone(),
            Self::EntraLegacy | Self::Entra062020 => entra::created(at, resource),
            Self::Okta | Self::OktaWizard => okta::created(at, resource),
        }
    }

    /// The body of a PATCH with these changes of the resource `id`; `address` gives that of a user.
    pub(crate) fn changes(
        self,
        at: Endpoint,
        id: &str,
        changes: &[Change],
        address: impl Fn(&str) -> Option<String>,
    ) -> Object {
        match self {
            Self::Rfc => patch::changes(resource_type(at), changes),
            Self::EntraLegacy => entra::legacy(changes, address),
            Self::Entra062020 => entra::changes(changes),
            Self::Okta | Self::OktaWizard => okta::changes(at, id, changes),
        }
    }

    /// The bodies of the PATCHes that bring a group's members in step.
    pub(crate) fn members(self, add: &[String], remove: &[String]) -> Vec<Object> {
        match self {
            Self::EntraLegacy => entra::legacy_members(add, remove),
            Self::Entra062020 => entra::members(add, remove),
            _ => patch::members(add, remove),
        }
    }
}

impl std::fmt::Display for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not one of [`Wire::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a wire profile is rfc, entra-legacy, entra-062020, okta or okta-wizard, not {0}")]
pub struct UnknownWire(String);

impl std::str::FromStr for Wire {
    type Err = UnknownWire;
    fn from_str(text: &str) -> Result<Self, UnknownWire> {
        Self::ALL.into_iter().find(|wire| wire.as_str() == text).ok_or_else(|| UnknownWire(text.to_owned()))
    }
}

/// The id of a reference (`{"value": "7"}`, as a manager is given).
fn reference(change: &Change) -> Option<&str> {
    let object = change.value.as_ref()?.as_object()?;
    object.get("value").filter(|_| object.len() == 1)?.as_str()
}

/// Whether a value is one of its own and no list, object or part of a list.
fn is_single(change: &Change) -> bool {
    let simple = !matches!(change.value, None | Some(Value::Null | Value::Array(_) | Value::Object(_)));
    simple && change.path.filter.is_none()
}
