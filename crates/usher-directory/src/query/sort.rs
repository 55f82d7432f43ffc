//! Sorting (RFC 7644 §3.4.2.3): by a column where one holds the value, else by what the documents say.

use std::cmp::Ordering;

use serde_json::Value;
use usher_scim::{
    AttributePath, Object, ScimError, ScimType, prepare,
    resource::Place,
    schema::{Returned, Type},
};

use super::predicate::Where;
use crate::{
    Key, Kind, ObjectId,
    config::DirectoryConfig,
    index::{self, Named},
    object::Stored,
};

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

/// A value as it sorts; values of one attribute are all of one kind. Texts sort by their first bytes, as they stand in columns.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Sorted {
    Text(Vec<u8>),
    Number(f64),
}

impl Order {
    pub(super) fn new(config: &DirectoryConfig, kind: Kind, sort: &Sort) -> Result<Self, ScimError> {
        let order = Self::by_documents(config, kind, sort)?.ok_or_else(|| refused(sort))?;
        let Self::Attribute { name, descending, .. } = &order else { return Ok(order) };
        let column = match (kind, name.attribute.as_str(), name.sub.as_deref()) {
            _ if name.extension.is_some() => None,
            (Kind::User, "userName", None) | (Kind::Group, "displayName", None) => Some("o.name"),
            (_, "externalId", None) => Some(EXTERNAL),
            (_, "id", None) => Some("o.id"),
            (_, "meta", Some("created")) => Some("o.created"),
            (_, "meta", Some("lastModified")) => Some("o.modified"),
            _ => None,
        };
        let descending = *descending;
        Ok(column.map_or(order, |name| Self::Column { name, descending }))
    }

    /// By what the documents say, so that objects of several types compare. `None`: the type has no such attribute.
    pub(super) fn by_documents(
        config: &DirectoryConfig,
        kind: Kind,
        sort: &Sort,
    ) -> Result<Option<Self>, ScimError> {
        let of = config.resource_type(kind);
        let path = AttributePath { filter: None, ..sort.by.clone() };
        let Some(resolved) = of.resolve(&path) else { return Ok(None) };
        let attribute = resolved.attribute.ok_or_else(|| refused(sort))?;
        let name = Named::of(of, &path).ok_or_else(|| refused(sort))?;
        // A complex attribute needs a sub-attribute, unless its `value` is meant (checklist ).
        let is_meant = resolved.sub.is_some() || attribute.multi_valued || attribute.kind != Type::Complex;
        if !is_meant || name.kind == Type::Complex || attribute.returned == Returned::Never {
            return Err(refused(sort));
        }
        let whole = AttributePath { sub: None, ..path };
        Ok(Some(Self::Attribute { attribute: Place::new(of, &whole)?, name, descending: sort.descending }))
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
    fn of(&self, resource: &Object) -> Option<Sorted> {
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
            (Value::String(text), _) => Some(Sorted::Text(index::cut(name.prepared(text)))),
            (Value::Number(number), _) => number.as_f64().map(Sorted::Number),
            (Value::Bool(flag), _) => Some(Sorted::Number(f64::from(u8::from(*flag)))),
            _ => None,
        }
    }

    /// What an object sorts by, as it stands in the column or the resource.
    pub(super) fn value(&self, stored: &Stored, resource: &Object) -> Option<Sorted> {
        let number = |at: jiff::Timestamp| Some(Sorted::Number(at.as_millisecond() as f64));
        match self {
            Self::Created => None,
            Self::Attribute { .. } => self.of(resource),
            Self::Column { name: EXTERNAL, .. } => {
                let text = resource.get("externalId").and_then(Value::as_str)?;
                Some(Sorted::Text(index::cut(text.as_bytes().to_vec())))
            }
            Self::Column { name: "o.id", .. } => Some(Sorted::Text(stored.id.0.as_bytes().to_vec())),
            Self::Column { name: "o.created", .. } => number(stored.created),
            Self::Column { name: "o.modified", .. } => number(stored.modified),
            Self::Column { .. } => index::name(stored.kind, &stored.label).ok().map(Sorted::Text),
        }
    }

    /// The condition for what comes after an object in a column's order.
    pub(super) fn after(&self, condition: &mut Where, value: Option<&Sorted>, key: Key) -> String {
        let key = condition.argument(key);
        let Self::Column { name, descending } = self else { return format!("o.key > {key}") };
        let Some(value) = value else {
            let nulls = format!("{name} is null and o.key > {key}");
            return if *descending {
                format!("({nulls} or {name} is not null)")
            } else {
                format!("({nulls})")
            };
        };
        let value = match value {
            Sorted::Number(number) => condition.argument(*number as i64),
            Sorted::Text(bytes) if *name == "o.id" => {
                condition.argument(ObjectId(uuid::Uuid::from_slice(bytes).unwrap_or_default()))
            }
            Sorted::Text(bytes) => condition.argument(bytes.as_slice()),
        };
        let past = if *descending { "<" } else { ">" };
        let after = format!("({name} {past}= {value} and ({name} {past} {value} or o.key > {key}))");
        // Where there is no value stands at the end of an ascending order.
        let nulls_follow = *name == EXTERNAL && !descending;
        if nulls_follow { format!("({after} or {name} is null)") } else { after }
    }

    /// Whether it is another than that of creation.
    pub(super) fn is_chosen(&self) -> bool {
        !matches!(self, Self::Created)
    }

    /// Whether what it sorts by is turned round.
    pub(super) fn descending(&self) -> bool {
        matches!(self, Self::Attribute { descending: true, .. } | Self::Column { descending: true, .. })
    }
}

/// The place of an object in a sorted list; ties go by creation.
pub(super) fn place(descending: bool, a: (&Option<Sorted>, Key), b: (&Option<Sorted>, Key)) -> Ordering {
    let order = match (a.0, b.0) {
        (Some(a), Some(b)) => compare(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    let order = if descending { order.reverse() } else { order };
    order.then(a.1.cmp(&b.1))
}

fn refused(sort: &Sort) -> ScimError {
    ScimError::bad(ScimType::InvalidValue, format!("there is no sorting by {}", sort.by))
}

fn compare(a: &Sorted, b: &Sorted) -> Ordering {
    match (a, b) {
        (Sorted::Text(a), Sorted::Text(b)) => a.cmp(b),
        (Sorted::Number(a), Sorted::Number(b)) => a.total_cmp(b),
        (Sorted::Text(_), Sorted::Number(_)) => Ordering::Less,
        (Sorted::Number(_), Sorted::Text(_)) => Ordering::Greater,
    }
}
