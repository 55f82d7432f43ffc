//! The TOML form of a mapping.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use usher_scim::AttributePath;

use super::{AttributeMapping, From, MappingError, Nulls, ObjectMapping, When, added, case};
use crate::{Expression, ScopingFilter, Value};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default = "all_actions")]
    actions: Vec<Action>,
    #[serde(default)]
    mapping: Vec<Row>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scoping: toml::value::Array,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attribute: Vec<added::Form>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    table: BTreeMap<String, toml::Table>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    case: Vec<case::Form>,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Action {
    Create,
    Update,
    Delete,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constant: Option<toml::Value>,
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    matching: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    when: When,
    #[serde(default, skip_serializing_if = "is_default")]
    nulls: Nulls,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<toml::Value>,
}

fn yes() -> bool {
    true
}

fn all_actions() -> Vec<Action> {
    vec![Action::Create, Action::Update, Action::Delete]
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(super) fn read(table: &toml::Table) -> Result<ObjectMapping, MappingError> {
    let form: Form = table.clone().try_into().map_err(|e| MappingError::Toml(e.to_string()))?;
    Ok(ObjectMapping {
        enabled: form.enabled,
        create: form.actions.contains(&Action::Create),
        update: form.actions.contains(&Action::Update),
        delete: form.actions.contains(&Action::Delete),
        rows: form.mapping.into_iter().map(Row::read).collect::<Result<_, _>>()?,
        scoping: ScopingFilter::from_toml(&form.scoping)?,
        attributes: form.attribute.into_iter().map(added::Form::read).collect::<Result<_, _>>()?,
        tables: form
            .table
            .iter()
            .map(|(name, table)| Ok((name.clone(), read_table(name, table)?)))
            .collect::<Result<_, MappingError>>()?,
        cases: form.case.into_iter().map(case::Form::read).collect::<Result<_, _>>()?,
    })
}

fn read_table(name: &str, table: &toml::Table) -> Result<BTreeMap<String, Value>, MappingError> {
    let value = |(key, value): (&String, &toml::Value)| {
        let simple = !matches!(value, toml::Value::Table(_));
        let value = value_of(value).filter(|_| simple).ok_or_else(|| {
            MappingError::Other(format!("table {name}: {key} needs a text, a number, true, false or a list"))
        })?;
        Ok((key.clone(), value))
    };
    table.iter().map(value).collect()
}

pub(super) fn write(mapping: &ObjectMapping) -> toml::Table {
    let actions = [
        (mapping.create, Action::Create),
        (mapping.update, Action::Update),
        (mapping.delete, Action::Delete),
    ];
    let form = Form {
        enabled: mapping.enabled,
        actions: actions.into_iter().filter(|(may, _)| *may).map(|(_, action)| action).collect(),
        mapping: mapping.rows.iter().map(Row::of).collect(),
        scoping: mapping.scoping.to_toml(),
        attribute: mapping.attributes.iter().map(added::Form::of).collect(),
        table: mapping
            .tables
            .iter()
            .map(|(name, table)| {
                (name.clone(), table.iter().filter_map(|(k, v)| Some((k.clone(), toml_of(v)?))).collect())
            })
            .collect(),
        case: mapping.cases.iter().map(case::Form::of).collect(),
    };
    // Every field of the form has a TOML type, so this cannot fail.
    toml::Table::try_from(form).unwrap_or_default()
}

impl Row {
    fn read(self) -> Result<AttributeMapping, MappingError> {
        let wrong = |what: &str| MappingError::Other(format!("{}: {what}", self.target));
        let target = AttributePath::parse(&self.target).map_err(|e| wrong(&e.detail))?;
        let value = |value: &toml::Value| value_of(value).ok_or_else(|| wrong("a date needs an offset"));
        let from = match (&self.source, &self.constant) {
            (Some(_), Some(_)) => return Err(wrong("source and constant exclude each other")),
            (Some(text), None) => {
                let error =
                    |error| MappingError::Expression { row: self.target.clone(), text: text.clone(), error };
                From::Expression(Expression::parse(text).map_err(error)?)
            }
            (None, Some(constant)) => From::Constant(value(constant)?),
            (None, None) if self.default.is_none() => {
                return Err(wrong("needs a source, a constant or a default"));
            }
            (None, None) => From::None,
        };
        let default = self.default.as_ref().map(value).transpose()?;
        Ok(AttributeMapping {
            target,
            from,
            default,
            matching: self.matching,
            when: self.when,
            nulls: self.nulls,
        })
    }

    fn of(row: &AttributeMapping) -> Self {
        Self {
            target: row.target.to_string(),
            source: match &row.from {
                From::Expression(expression) => Some(expression.text().to_owned()),
                From::Constant(_) | From::None => None,
            },
            constant: match &row.from {
                From::Constant(value) => toml_of(value),
                From::Expression(_) | From::None => None,
            },
            matching: row.matching,
            when: row.when,
            nulls: row.nulls,
            default: row.default.as_ref().and_then(toml_of),
        }
    }
}

/// `None`: a date or time that names no moment.
pub(super) fn value_of(value: &toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(i) => Value::Integer(*i),
        toml::Value::Float(d) => Value::Decimal(*d),
        toml::Value::Boolean(b) => Value::Boolean(*b),
        toml::Value::Datetime(at) => Value::DateTime(at.to_string().parse().ok()?),
        toml::Value::Array(items) => Value::List(items.iter().map(value_of).collect::<Option<_>>()?),
        toml::Value::Table(table) => Value::Object(
            table.iter().map(|(k, v)| Some((k.clone(), value_of(v)?.to_json()))).collect::<Option<_>>()?,
        ),
    })
}

/// `None` for null, which TOML has not.
pub(super) fn toml_of(value: &Value) -> Option<toml::Value> {
    match value {
        Value::DateTime(_) => value.to_json().as_str()?.parse().ok().map(toml::Value::Datetime),
        other => toml::Value::try_from(other.to_json()).ok(),
    }
}
