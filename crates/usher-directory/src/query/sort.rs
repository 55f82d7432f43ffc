//! Sorting (RFC 7644 §3.4.2.3): by a column where one holds the value, else by what the documents say.

use std::cmp::Ordering;

use serde_json::Value;
use usher_scim::{AttributePath, Object, ScimError, ScimType, prepare, resource::Place, schema::Type};

use crate::{Key, Kind, config::DirectoryConfig, index::Named};

/// What a result is sorted by.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Sort {
    pub by: AttributePath,
    pub descending: bool,
}

const EXTERNAL: &str = "o.external";

/// The order of a plan.
#[derive(Debug, Clone)]
pub(super) enum Order {
    /// By key.
    Created,
    Column {
        name: &'static str,
        descending: bool,
    },
    Attribute {
        attribute: Place,
        name: Named,
        descending: bool,
    },
}

/// A value as it sorts; values of one attribute are all of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sorted {
    Text(Vec<u8>),
    Number(f64),
}

impl Order {
    pub(super) fn new(config: &DirectoryConfig, kind: Kind, sort: &Sort) -> Result<Self, ScimError> {
        let of = config.resource_type(kind);
        let refused =
            || ScimError::bad(ScimType::InvalidValue, format!("there is no sorting by {}", sort.by));
        let path = AttributePath { filter: None, ..sort.by.clone() };
        let resolved = of.resolve(&path).ok_or_else(refused)?;
        let attribute = resolved.attribute.ok_or_else(refused)?;
        let name = Named::of(of, &path).ok_or_else(refused)?;
        // A complex attribute needs a sub-attribute, unless its `value` is meant (checklist ).
        let is_meant = resolved.sub.is_some() || attribute.multi_valued || attribute.kind != Type::Complex;
        if !is_meant || name.kind == Type::Complex {
            return Err(refused());
        }
        let descending = sort.descending;
        let column = match (kind, name.attribute.as_str(), name.sub.as_deref()) {
            _ if name.extension.is_some() => None,
            (Kind::User, "userName", None) | (Kind::Group, "displayName", None) => Some("o.name"),
            (_, "externalId", None) => Some(EXTERNAL),
            (_, "id", None) => Some("o.id"),
            (_, "meta", Some("created")) => Some("o.created"),
            (_, "meta", Some("lastModified")) => Some("o.modified"),
            _ => None,
        };
        Ok(match column {
            Some(name) => Self::Column { name, descending },
            None => {
                let whole = AttributePath { sub: None, ..path };
                Self::Attribute { attribute: Place::new(of, &whole)?, name, descending }
            }
        })
    }

    /// Whether the database can't do it.
    pub(super) fn in_memory(&self) -> bool {
        matches!(self, Self::Attribute { .. })
    }

    /// For `order by`. Values that are not there come last ascending and first descending (checklist Q-40).
    pub(super) fn columns(&self, key: &str) -> String {
        match self {
            Self::Column { name, descending } => {
                let direction = if *descending { "desc" } else { "asc" };
                // The one column that may be null; the others' indexes are of use as they are.
                let null =
                    if *name == EXTERNAL { format!("({name} is null) {direction}, ") } else { String::new() };
                format!("{null}{name} {direction}, o.key")
            }
            _ => key.to_owned(),
        }
    }

    /// What a resource sorts by: of a multi-valued attribute the primary element's value, else the first one's.
    pub(super) fn of(&self, resource: &Object) -> Option<Sorted> {
        let Self::Attribute { attribute, name, .. } = self else { return None };
        let elements = attribute.read(resource);
        let is_primary = |element: &&Value| element.get("primary").and_then(Value::as_bool) == Some(true);
        let element = elements.iter().copied().find(is_primary).or_else(|| elements.first().copied())?;
        let value = match (&name.sub, element) {
            (Some(sub), Value::Object(_)) => element.get(sub)?,
            _ => element,
        };
        match (value, name.kind) {
            (Value::String(text), Type::DateTime) => {
                prepare::date_time(text).map(|at| Sorted::Number(at as f64))
            }
            (Value::String(text), _) => Some(Sorted::Text(name.prepared(text))),
            (Value::Number(number), _) => number.as_f64().map(Sorted::Number),
            (Value::Bool(flag), _) => Some(Sorted::Number(f64::from(u8::from(*flag)))),
            _ => None,
        }
    }

    /// Ties go by creation.
    pub(super) fn sort(&self, found: &mut [(Option<Sorted>, Key)]) {
        let descending = matches!(self, Self::Attribute { descending: true, .. });
        found.sort_by(|(a, a_key), (b, b_key)| {
            let order = match (a, b) {
                (Some(a), Some(b)) => compare(a, b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            let order = if descending { order.reverse() } else { order };
            order.then(a_key.cmp(b_key))
        });
    }
}

fn compare(a: &Sorted, b: &Sorted) -> Ordering {
    match (a, b) {
        (Sorted::Text(a), Sorted::Text(b)) => a.cmp(b),
        (Sorted::Number(a), Sorted::Number(b)) => a.total_cmp(b),
        (Sorted::Text(_), Sorted::Number(_)) => Ordering::Less,
        (Sorted::Number(_), Sorted::Text(_)) => Ordering::Greater,
    }
}
