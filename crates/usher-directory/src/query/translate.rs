//! From a filter to what the database can tell of it.

use serde_json::Value;
use usher_scim::{AttributePath, Filter, filter::Operator, prepare};

use super::predicate::{Comparison, Predicate};
use crate::{
    Kind, ObjectId,
    config::DirectoryConfig,
    index::{self, CUT, Named},
};

/// What every match fulfils.
pub(super) struct Translated {
    pub(super) predicates: Vec<Predicate>,
    /// Whether all that fulfil it match.
    pub(super) exact: bool,
}

impl Translated {
    fn nothing() -> Self {
        Self { predicates: Vec::new(), exact: false }
    }
    fn exactly(predicate: Predicate) -> Self {
        Self { predicates: vec![predicate], exact: true }
    }
}

pub(super) fn translate(config: &DirectoryConfig, kind: Kind, filter: &Filter) -> Translated {
    match filter {
        Filter::And(parts) => {
            let parts = parts.iter().map(|part| translate(config, kind, part));
            parts.fold(Translated { predicates: Vec::new(), exact: true }, |mut all, part| {
                all.predicates.extend(part.predicates);
                Translated { exact: all.exact && part.exact, ..all }
            })
        }
        Filter::Or(parts) => either(parts.iter().map(|part| translate(config, kind, part)).collect()),
        // Among several types: what this one doesn't have has no value (checklist Q-05).
        Filter::Present(path) | Filter::Value(path, _)
            if config.resource_type(kind).resolve(path).is_none() =>
        {
            Translated::exactly(Predicate::Never)
        }
        Filter::Compare(path, operator, value) => compare(config, kind, path, *operator, value),
        Filter::Value(path, inner) => inside(config, kind, path, inner),
        Filter::Not(_) | Filter::Present(_) => Translated::nothing(),
    }
}

/// Worth something only if every branch says something.
fn either(parts: Vec<Translated>) -> Translated {
    let exact = parts.iter().all(|part| part.exact);
    if !exact && parts.iter().any(|part| !part.predicates.iter().any(Predicate::is_pointed)) {
        return Translated::nothing();
    }
    let ways = parts.into_iter().map(|part| part.predicates).collect();
    Translated { predicates: vec![Predicate::AnyOf(ways)], exact }
}

fn compare(
    config: &DirectoryConfig,
    kind: Kind,
    path: &AttributePath,
    operator: Operator,
    value: &Value,
) -> Translated {
    if let Some(inner) = &path.filter {
        // The same element must fulfil both, which the database can't tell; that there are such elements it can.
        let bare = AttributePath { filter: None, ..path.clone() };
        let mut both = compare(config, kind, &bare, operator, value);
        let around = AttributePath { sub: None, ..bare };
        both.predicates.extend(inside(config, kind, &around, inner).predicates);
        both.exact = false;
        return both;
    }
    let of = config.resource_type(kind);
    if of.resolve(path).is_none() && operator != Operator::Ne && !value.is_null() {
        return Translated::exactly(Predicate::Never);
    }
    let Some(name) = Named::of(of, path) else { return Translated::nothing() };
    if let (true, Operator::Eq, Value::String(text)) =
        (name.is("meta", Some("resourceType")), operator, value)
    {
        let is_ours = name.prepared(text) == name.prepared(kind.name());
        let predicates = if is_ours { Vec::new() } else { vec![Predicate::Never] };
        return Translated { predicates, exact: true };
    }
    if name.is("active", None) {
        return active(kind, operator, value);
    }
    let (Some(how), Value::String(text)) = (comparison(operator), value) else {
        return Translated::nothing();
    };
    // Ids are printed in lower case; whether another spelling is the same one, the schema says.
    let id = || ObjectId::parse(&String::from_utf8_lossy(&name.prepared(text)));
    if name.is("id", None) {
        return match (how, id()) {
            (Comparison::Eq, Some(id)) => Translated::exactly(Predicate::Id(id)),
            (Comparison::Eq, None) => Translated::exactly(Predicate::Never),
            _ => Translated::nothing(),
        };
    }
    if name.is("members", Some("value")) && how == Comparison::Eq {
        let member = id().map_or(Predicate::Never, Predicate::Member);
        return Translated::exactly(member);
    }
    if name.is("meta", Some("created")) {
        return time(how, text, Predicate::Created);
    }
    if name.is("meta", Some("lastModified")) {
        return time(how, text, Predicate::Modified);
    }
    if name.is("userName", None) && kind == Kind::User {
        return user_name(how, text);
    }
    let prepared = name.prepared(text);
    if name.is("displayName", None) && kind == Kind::Group {
        return cut(how, prepared, Predicate::Name);
    }
    if name.is("externalId", None) {
        return cut(how, prepared, Predicate::External);
    }
    let indexed =
        config.indexed.iter().find(|indexed| indexed.ready && indexed.kind == kind && indexed.name == name);
    match indexed {
        Some(indexed) => {
            let number = indexed.number;
            cut(how, prepared, |how, value| Predicate::Search(number, how, value))
        }
        None => Translated::nothing(),
    }
}

fn comparison(operator: Operator) -> Option<Comparison> {
    Some(match operator {
        Operator::Eq => Comparison::Eq,
        Operator::Sw => Comparison::Sw,
        Operator::Gt => Comparison::Gt,
        Operator::Ge => Comparison::Ge,
        Operator::Lt => Comparison::Lt,
        Operator::Le => Comparison::Le,
        Operator::Ne | Operator::Co | Operator::Ew => return None,
    })
}

/// `path[inner]`: what must hold of one element holds of some.
fn inside(config: &DirectoryConfig, kind: Kind, path: &AttributePath, inner: &Filter) -> Translated {
    let nested =
        |sub: &AttributePath| AttributePath { sub: Some(sub.name.clone()), filter: None, ..path.clone() };
    match inner {
        Filter::And(parts) => {
            let predicates =
                parts.iter().flat_map(|part| inside(config, kind, path, part).predicates).collect();
            Translated { predicates, exact: false }
        }
        Filter::Or(parts) => {
            let parts = parts.iter().map(|part| inside(config, kind, path, part)).collect();
            Translated { exact: false, ..either(parts) }
        }
        Filter::Compare(sub, operator, value) if sub.sub.is_none() && sub.filter.is_none() => {
            compare(config, kind, &nested(sub), *operator, value)
        }
        _ => Translated::nothing(),
    }
}

/// Text as well as booleans are read, as the evaluator does; what it refuses never comes here.
fn active(kind: Kind, operator: Operator, value: &Value) -> Translated {
    let wanted = match value {
        Value::Bool(wanted) => Some(*wanted),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    match (operator, wanted) {
        _ if kind != Kind::User => Translated::nothing(),
        (Operator::Eq, Some(wanted)) => Translated::exactly(Predicate::Active(wanted)),
        // Every stored user says which (see `Draft`), so "not equal" leaves the other.
        (Operator::Ne, Some(wanted)) => Translated::exactly(Predicate::Active(!wanted)),
        _ => Translated::nothing(),
    }
}

fn time(how: Comparison, text: &str, predicate: fn(Comparison, i64) -> Predicate) -> Translated {
    match prepare::date_time(text) {
        Some(at) if how != Comparison::Sw => Translated::exactly(predicate(how, at)),
        _ => Translated::nothing(),
    }
}

/// The column holds the whole prepared name.
fn user_name(how: Comparison, text: &str) -> Translated {
    Translated::exactly(Predicate::Name(how, prepare::user_name_form(text).into_bytes()))
}

/// Stored values are cut to [`CUT`] bytes: with a shorter value order and prefix are told exactly, a longer one only nearly.
fn cut(
    how: Comparison,
    prepared: Vec<u8>,
    predicate: impl Fn(Comparison, Vec<u8>) -> Predicate,
) -> Translated {
    if how == Comparison::Sw && prepared.is_empty() {
        return Translated::nothing();
    }
    let exact = prepared.len() < CUT;
    let how = match how {
        _ if exact => how,
        Comparison::Gt => Comparison::Ge,
        Comparison::Lt => Comparison::Le,
        Comparison::Sw => Comparison::Eq,
        other => other,
    };
    Translated { predicates: vec![predicate(how, index::cut(prepared))], exact }
}

/// The first attribute of a filter that the database knows nothing of.
pub(super) fn first_unindexed(config: &DirectoryConfig, kind: Kind, filter: &Filter) -> Option<String> {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            parts.iter().find_map(|part| first_unindexed(config, kind, part))
        }
        Filter::Not(part) => {
            first_unindexed(config, kind, part).or_else(|| part.paths().first().map(ToString::to_string))
        }
        Filter::Compare(path, ..) | Filter::Present(path) | Filter::Value(path, _) => {
            let translated = translate(config, kind, filter);
            translated.predicates.is_empty().then(|| path.to_string())
        }
    }
}

/// What can be asked without looking at documents.
pub(super) fn indexed_names(config: &DirectoryConfig, kind: Kind) -> String {
    let own: &[&str] = match kind {
        Kind::User => &["id", "userName", "externalId", "meta.lastModified"],
        Kind::Group => &["id", "displayName", "externalId", "members", "meta.lastModified"],
    };
    let added = config
        .indexed
        .iter()
        .filter(|indexed| indexed.ready && indexed.kind == kind)
        .map(|indexed| indexed.path.to_string());
    own.iter().map(ToString::to_string).chain(added).collect::<Vec<_>>().join(", ")
}
