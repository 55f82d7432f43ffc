//! Paths through plain JSON, without a schema: names ignoring case, value filters with text ignoring case.
//!
//! Brackets read SCIM documents, named objects (a person, an organization) and source entries alike, so no schema
//! can be asked. Reading for SCIM's own purposes is `usher_scim::resource::read`.

use std::cmp::Ordering;

use serde_json::Value as Json;
use usher_scim::filter::Operator;
use usher_scim::{AttributePath, Filter, Object};

use crate::{ExpressionError, Value};

/// Bare SCIM names of the core schemas may carry the schema's URN: their values stand at the root.
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:";

/// The most names in a path; deeper data is not read by paths.
const DEPTH: usize = 16;

/// `schema:name[filter].name…`, any number of names.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    pub(crate) schema: Option<String>,
    pub(crate) steps: Vec<Step>,
}

/// One name, with the filter behind it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) filter: Option<Filter>,
}

/// What a path found: its values, and whether it went through a multi-valued attribute without choosing.
#[derive(Default)]
pub(crate) struct Found<'o> {
    first: Option<&'o Json>,
    others: Vec<&'o Json>,
    many: bool,
}

impl Path {
    /// Reads a path. `None`: a text without value filter that is no path either (`cn;lang-de`, `First name`).
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, ExpressionError> {
        let head_end = text.find('[').unwrap_or(text.len());
        let schema_end = match text.get(..4) {
            Some(urn) if urn.eq_ignore_ascii_case("urn:") => text[..head_end].rfind(':'),
            _ => None,
        };
        let mut steps = Vec::new();
        let mut at = schema_end.map_or(0, |end| end + 1);
        loop {
            let rest = &text[at..];
            let name_end = rest.find(['.', '[']).unwrap_or(rest.len());
            let name = &rest[..name_end];
            if !is_name(name) || steps.len() == DEPTH {
                return if head_end == text.len() { Ok(None) } else { Err(bad_name(at, name)) };
            }
            at += name_end;
            let mut filter = None;
            if text[at..].starts_with('[') {
                let end = closing(text, at).ok_or_else(|| unclosed(at, text))?;
                filter = Some(value_filter(&text[at + 1..end], at + 1)?);
                at = end + 1;
            }
            steps.push(Step { name: name.to_owned(), filter });
            match text.as_bytes().get(at) {
                None => {
                    return Ok(Some(Self { schema: schema_end.map(|end| text[..end].to_owned()), steps }));
                }
                Some(b'.') => at += 1,
                Some(_) => return Err(bad_name(at, &text[at..])),
            }
        }
    }

    /// The first name, where no schema stands before it.
    pub(crate) fn head(&self) -> Option<&str> {
        if self.schema.is_some() { None } else { self.steps.first().map(|step| step.name.as_str()) }
    }

    /// As SCIM's own path, for asking a schema; `None` where SCIM has no path that deep.
    pub(crate) fn scim(&self) -> Option<AttributePath> {
        let [first, rest @ ..] = self.steps.as_slice() else { return None };
        let sub = match rest {
            [] => None,
            [sub] => Some(sub.name.clone()),
            _ => return None,
        };
        Some(AttributePath { schema: self.schema.clone(), name: first.name.clone(), filter: None, sub })
    }

    /// Reads an object. A bare name is looked for at the root, then in the extensions.
    pub(crate) fn read(&self, object: &Object) -> Value {
        self.find(object).into_value()
    }

    /// As [`Path::read`], without a copy.
    pub(crate) fn find<'o>(&self, object: &'o Object) -> Found<'o> {
        let mut found = Found::default();
        let Some((step, rest)) = self.steps.split_first() else { return found };
        let value = match &self.schema {
            Some(urn) => match member(object, urn) {
                Some(Json::Object(container)) => member(container, &step.name),
                Some(_) => None,
                None if urn.get(..CORE.len()).is_some_and(|core| core.eq_ignore_ascii_case(CORE)) => {
                    member(object, &step.name)
                }
                None => None,
            },
            None => member(object, &step.name).or_else(|| {
                let extensions = object.iter().filter(|(key, _)| key.contains(':'));
                extensions
                    .filter_map(|(_, value)| value.as_object())
                    .find_map(|container| member(container, &step.name))
            }),
        };
        if let Some(value) = value {
            enter(value, step, rest, &mut found);
        }
        found
    }

    /// Reads a value that stands for the path's first name: chooses by its filter, then goes down the rest.
    pub(crate) fn read_below(&self, value: &Value) -> Value {
        let Some((first, rest)) = self.steps.split_first() else { return value.clone() };
        let mut found =
            Found { many: first.filter.is_none() && matches!(value, Value::List(_)), ..Found::default() };
        let mut scalars = Vec::new();
        for item in value.items() {
            match item {
                Value::Object(object) if first.filter.as_ref().is_none_or(|f| object_matches(f, object)) => {
                    if rest.is_empty() {
                        scalars.push(item.clone());
                    } else {
                        walk(object, rest, &mut found);
                    }
                }
                Value::Object(_) => {}
                other
                    if rest.is_empty()
                        && first.filter.as_ref().is_none_or(|f| matches(f, &other.to_json())) =>
                {
                    scalars.push(other.clone());
                }
                _ => {}
            }
        }
        if rest.is_empty() {
            return if found.many || scalars.len() > 1 { Value::list(scalars) } else { only(scalars) };
        }
        found.into_value()
    }
}

fn only(mut values: Vec<Value>) -> Value {
    values.pop().unwrap_or_default()
}

impl<'o> Found<'o> {
    fn push(&mut self, value: &'o Json) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.others.push(value),
        }
    }

    fn into_value(self) -> Value {
        let Some(first) = self.first else { return Value::Null };
        if !self.many && self.others.is_empty() {
            return Value::from_json(first);
        }
        Value::list(std::iter::once(first).chain(self.others).map(Value::from_json))
    }

    /// The one text that was found.
    pub(crate) fn as_text(&self) -> Option<&'o str> {
        if self.many || !self.others.is_empty() { None } else { self.first?.as_str() }
    }
}

/// SCIM's ATTRNAME (RFC 7643 §2.1) with `$ref`, and any letters: custom attributes of other systems have them.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '$' || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '$' | '_' | '-'))
}

/// The offset of the bracket that closes the one at `open`; brackets in quoted text don't count.
pub(crate) fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut quoted = false;
    let mut escaped = false;
    for (i, byte) in text.bytes().enumerate().skip(open) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' => depth += 1,
            b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

fn value_filter(text: &str, at: usize) -> Result<Filter, ExpressionError> {
    Filter::parse(text).map_err(|e| ExpressionError {
        span: at + e.span.start..at + e.span.end,
        message: e.message,
        hint: Some(r#"a value filter looks like [type eq "work"]"#.to_owned()),
    })
}

fn bad_name(at: usize, name: &str) -> ExpressionError {
    ExpressionError {
        span: at..at + name.len(),
        message: if name.is_empty() {
            "an attribute name is missing".into()
        } else {
            format!("“{name}” is no attribute name")
        },
        hint: None,
    }
}

fn unclosed(at: usize, text: &str) -> ExpressionError {
    ExpressionError {
        span: at..text.len(),
        message: "the bracket is not closed".into(),
        hint: Some("add ]".into()),
    }
}

/// A member by name: as spelled, else ignoring case.
pub(crate) fn member<'o>(object: &'o Object, name: &str) -> Option<&'o Json> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn walk<'o>(object: &'o Object, steps: &[Step], found: &mut Found<'o>) {
    let Some((step, rest)) = steps.split_first() else { return };
    if let Some(value) = member(object, &step.name) {
        enter(value, step, rest, found);
    }
}

/// Goes on from a step's own value.
fn enter<'o>(value: &'o Json, step: &Step, rest: &[Step], found: &mut Found<'o>) {
    match (value, &step.filter) {
        (Json::Array(items), filter) => {
            found.many |= filter.is_none();
            for item in items {
                if filter.as_ref().is_none_or(|f| matches(f, item)) {
                    below(item, rest, found);
                }
            }
        }
        (one, Some(filter)) if !matches(filter, one) => {}
        (one, _) => below(one, rest, found),
    }
}

fn below<'o>(value: &'o Json, rest: &[Step], found: &mut Found<'o>) {
    match value {
        Json::Null => {}
        _ if rest.is_empty() => found.push(value),
        Json::Object(object) => walk(object, rest, found),
        _ => {}
    }
}

/// Whether one value of a multi-valued attribute fulfils a value filter. A plain value is its own `value`.
fn matches(filter: &Filter, item: &Json) -> bool {
    match item {
        Json::Object(object) => object_matches(filter, object),
        plain => {
            let mut object = Object::new();
            object.insert("value".to_owned(), plain.clone());
            object_matches(filter, &object)
        }
    }
}

fn object_matches(filter: &Filter, object: &Object) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|f| object_matches(f, object)),
        Filter::Or(any) => any.iter().any(|f| object_matches(f, object)),
        Filter::Not(not) => !object_matches(not, object),
        Filter::Present(path) => named(path, object).iter().any(|v| !Value::from_json(v).is_empty()),
        Filter::Value(path, inner) => named(path, object).iter().any(|v| matches(inner, v)),
        // By far the most frequent: [type eq "work"].
        Filter::Compare(
            AttributePath { schema: None, filter: None, sub: None, name },
            Operator::Eq,
            literal @ Json::String(_),
        ) => flat(member(object, name)).any(|value| holds(&[value], Operator::Eq, literal)),
        Filter::Compare(path, operator, literal) => {
            let values = named(path, object);
            match operator {
                Operator::Ne => !holds(&values, Operator::Eq, literal),
                other => holds(&values, *other, literal),
            }
        }
    }
}

/// The values a filter's own path names in one object.
fn named<'o>(path: &AttributePath, object: &'o Object) -> Vec<&'o Json> {
    let holder = match &path.schema {
        Some(urn) => member(object, urn).and_then(Json::as_object).unwrap_or(object),
        None => object,
    };
    let values =
        flat(member(holder, &path.name)).filter(|v| path.filter.as_ref().is_none_or(|f| matches(f, v)));
    match &path.sub {
        None => values.collect(),
        Some(sub) => values.filter_map(Json::as_object).flat_map(|v| flat(member(v, sub))).collect(),
    }
}

/// The values of a member: each of an array's, none of null.
fn flat(value: Option<&Json>) -> impl Iterator<Item = &Json> {
    let values = match value {
        None | Some(Json::Null) => &[],
        Some(Json::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    values.iter()
}

fn holds(values: &[&Json], operator: Operator, literal: &Json) -> bool {
    if literal.is_null() {
        return operator == Operator::Eq && values.is_empty();
    }
    values.iter().any(|value| match (value, literal) {
        (Json::String(a), Json::String(b)) if operator == Operator::Eq => equal_text(a, b),
        _ => one_holds(&Value::from_json(value), operator, &Value::from_json(literal)),
    })
}

fn one_holds(value: &Value, operator: Operator, literal: &Value) -> bool {
    let (Some(a), Some(b)) = (value.as_text(), literal.as_text()) else { return false };
    let order = || value.compare(literal);
    match operator {
        Operator::Eq => equal_text(&a, &b),
        Operator::Ne => !equal_text(&a, &b),
        Operator::Co => folded(&a).contains(&folded(&b)),
        Operator::Sw => folded(&a).starts_with(&folded(&b)),
        Operator::Ew => folded(&a).ends_with(&folded(&b)),
        Operator::Gt => order() == Some(Ordering::Greater),
        Operator::Ge => order().is_some_and(Ordering::is_ge),
        Operator::Lt => order() == Some(Ordering::Less),
        Operator::Le => order().is_some_and(Ordering::is_le),
    }
}

/// Equal ignoring case, as SCIM compares `caseExact: false` text.
pub(crate) fn equal_text(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || !(a.is_ascii() && b.is_ascii()) && folded(a) == folded(b)
}

/// Text for comparing ignoring case.
pub(crate) fn folded(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { usher_scim::prepare::fold(text) }
}
