//! Filters made ready for a resource type, and their evaluation (checklist §3.3).

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{Filter, Operator, Unknown};
use crate::{
    Attribute, AttributePath, Deviation, Note, Object, ResourceType, ScimError, Tolerance,
    error::invalid_filter,
    prepare::{self, Form},
    resource::{Place, place},
    schema::{Resolved, Returned, Schema, Type},
};

/// A filter made ready for one resource type; owns all it needs.
#[derive(Debug, Clone)]
pub struct Compiled {
    node: Node,
    notes: Vec<Note>,
}

impl Compiled {
    pub(super) fn new(
        filter: &Filter,
        of: &ResourceType,
        unknown: Unknown,
        how: Tolerance,
    ) -> Result<Self, ScimError> {
        let mut compiler = Compiler { how, notes: Vec::new() };
        let node = compiler.node(filter, Scope::Resource(of, unknown))?;
        Ok(Self { node, notes: compiler.notes })
    }
    /// Whether a resource in schema spelling matches.
    pub fn matches(&self, resource: &Object) -> bool {
        self.node.holds(Subject::Resource(resource))
    }
    /// Tolerances applied (texts read as booleans, attributes of extensions named without their URN).
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }
}

/// What a term is asked of: a resource, or one value of a multi-valued attribute.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'o> {
    Resource(&'o Object),
    Element(&'o Value),
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    All(Vec<Node>),
    One(Vec<Node>),
    Not(Box<Node>),
    Test(Source, Test),
    /// One value at the place fulfils all of it.
    Within(Place, Box<Node>),
}

/// Where a term's values come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Place(Place),
    /// A sub-attribute of the element; `true`: its name ignores case (open schemas).
    Part(String, bool),
    /// An attribute the type does not have.
    Nothing,
}

#[derive(Debug, Clone)]
pub(crate) enum Test {
    Present,
    Absent,
    Is(Operator, Literal),
}

/// The value compared with, prepared.
#[derive(Debug, Clone)]
pub(crate) enum Literal {
    Text(Form, String),
    Boolean(bool),
    Number(Number),
    /// Milliseconds since 1970.
    Instant(i64),
}

impl Node {
    pub(crate) fn holds(&self, subject: Subject<'_>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|n| n.holds(subject)),
            Self::One(nodes) => nodes.iter().any(|n| n.holds(subject)),
            Self::Not(node) => !node.holds(subject),
            Self::Test(source, test) => test.holds(source, subject),
            Self::Within(place, node) => match subject {
                Subject::Resource(object) => place.any(object, &mut |v| node.holds(Subject::Element(v))),
                Subject::Element(_) => false,
            },
        }
    }
}

impl Source {
    /// Whether a value satisfies `f`.
    fn any<'o>(&self, subject: Subject<'o>, f: &mut dyn FnMut(&'o Value) -> bool) -> bool {
        match (self, subject) {
            (Self::Place(place), Subject::Resource(object)) => place.any(object, f),
            (Self::Part(name, loose), Subject::Element(element)) => place::part(element, name, *loose, f),
            _ => false,
        }
    }
}

impl Test {
    fn holds(&self, source: &Source, subject: Subject<'_>) -> bool {
        match self {
            Self::Present => source.any(subject, &mut is_assigned),
            Self::Absent => !source.any(subject, &mut is_assigned),
            // Checklist: any value that differs, or no value at all.
            Self::Is(Operator::Ne, literal) => {
                let mut seen = false;
                let differs = source.any(subject, &mut |v| {
                    seen = true;
                    !literal.holds(Operator::Eq, v)
                });
                differs || !seen
            }
            Self::Is(operator, literal) => source.any(subject, &mut |v| literal.holds(*operator, v)),
        }
    }
}

impl Literal {
    fn holds(&self, operator: Operator, value: &Value) -> bool {
        let order = match (self, value) {
            (Self::Text(form, wanted), Value::String(text)) => {
                let text = form.apply(text);
                match operator {
                    Operator::Co => return text.contains(wanted.as_str()),
                    Operator::Sw => return text.starts_with(wanted.as_str()),
                    Operator::Ew => return text.ends_with(wanted.as_str()),
                    _ => text.as_ref().cmp(wanted),
                }
            }
            (Self::Boolean(wanted), Value::Bool(flag)) => flag.cmp(wanted),
            (Self::Number(wanted), Value::Number(number)) => compare_numbers(number, wanted),
            (Self::Instant(wanted), Value::String(text)) => match prepare::date_time(text) {
                Some(at) => at.cmp(wanted),
                None => return false,
            },
            _ => return false,
        };
        match operator {
            Operator::Eq => order.is_eq(),
            Operator::Ne => order.is_ne(),
            Operator::Gt => order.is_gt(),
            Operator::Ge => order.is_ge(),
            Operator::Lt => order.is_lt(),
            Operator::Le => order.is_le(),
            Operator::Co | Operator::Sw | Operator::Ew => false,
        }
    }
}

/// By value, exactly where both are whole.
pub(crate) fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().unwrap_or(f64::NAN).total_cmp(&b.as_f64().unwrap_or(f64::NAN)),
    }
}
fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// Checklist Q-24: not null, not empty, something in it.
pub(crate) fn is_assigned(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(is_assigned),
        Value::Object(object) => object.values().any(is_assigned),
    }
}

/// Where names are looked up.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'s> {
    Resource(&'s ResourceType, Unknown),
    /// Within the brackets of this attribute.
    Element(Option<&'s Schema>, &'s Attribute),
    /// Within the brackets of an attribute that an open schema does not list.
    Loose,
}

pub(crate) struct Compiler {
    pub(crate) how: Tolerance,
    pub(crate) notes: Vec<Note>,
}

/// A source with what is known of its values: the attribute (`None` in open schemas) and how its text compares.
struct Found<'s> {
    source: Source,
    attribute: Option<&'s Attribute>,
    form: Form,
}

impl Compiler {
    pub(crate) fn node(&mut self, filter: &Filter, scope: Scope<'_>) -> Result<Node, ScimError> {
        Ok(match filter {
            Filter::And(terms) => Node::All(self.nodes(terms, scope)?),
            Filter::Or(terms) => Node::One(self.nodes(terms, scope)?),
            Filter::Not(inner) => Node::Not(Box::new(self.node(inner, scope)?)),
            Filter::Present(path) => Node::Test(self.find(path, scope, false)?.source, Test::Present),
            Filter::Compare(path, operator, value) => {
                let found = self.find(path, scope, true)?;
                let test = self.test(path, &found, *operator, value)?;
                Node::Test(found.source, test)
            }
            Filter::Value(path, inner) => self.within(path, inner, scope)?,
        })
    }

    fn nodes(&mut self, terms: &[Filter], scope: Scope<'_>) -> Result<Vec<Node>, ScimError> {
        terms.iter().map(|t| self.node(t, scope)).collect()
    }

    fn within(&mut self, path: &AttributePath, inner: &Filter, scope: Scope<'_>) -> Result<Node, ScimError> {
        let Scope::Resource(of, unknown) = scope else {
            return Err(invalid_filter("brackets do not stand within brackets"));
        };
        let Some(resolved) = self.resolve(path, of, unknown)? else {
            return Ok(Node::One(Vec::new()));
        };
        let node = self.element(path, &resolved, inner)?;
        Ok(Node::Within(Place::of(path, &resolved, None), Box::new(node)))
    }

    /// The filter in the brackets behind a resolved attribute.
    pub(crate) fn element(
        &mut self,
        path: &AttributePath,
        at: &Resolved<'_>,
        inner: &Filter,
    ) -> Result<Node, ScimError> {
        match at.attribute {
            None if at.open => self.node(inner, Scope::Loose),
            Some(attribute) if attribute.multi_valued => {
                self.node(inner, Scope::Element(at.schema, attribute))
            }
            _ => Err(invalid_filter(format!(
                "\"{}\" has one value, a filter in brackets does not fit it",
                path.name
            ))),
        }
    }

    fn resolve<'s>(
        &mut self,
        path: &AttributePath,
        of: &'s ResourceType,
        unknown: Unknown,
    ) -> Result<Option<Resolved<'s>>, ScimError> {
        let Some(resolved) = of.resolve(path) else {
            return match unknown {
                Unknown::Absent => Ok(None),
                Unknown::Refused => Err(invalid_filter(format!("{} has no attribute \"{path}\"", of.name))),
            };
        };
        if resolved.attribute.is_none() && !resolved.open {
            return Err(invalid_filter(format!("\"{path}\" is a schema, name an attribute of it")));
        }
        let hidden =
            [resolved.attribute, resolved.sub].into_iter().flatten().any(|a| a.returned == Returned::Never);
        if hidden {
            return Err(invalid_filter(format!("\"{path}\" cannot be searched for")));
        }
        if resolved.extension && path.schema.is_none() {
            let urn = resolved.schema.map_or("", |s| s.id.as_str());
            if self.how == Tolerance::Strict {
                return Err(invalid_filter(format!(
                    "\"{path}\" must be named with its schema: {urn}:{path}"
                )));
            }
            self.notes.push(Note::new(
                Deviation::UrnLeftOutInFilter,
                format!("\"{path}\" was read as {urn}:{path}"),
            ));
        }
        Ok(Some(resolved))
    }

    /// `compared`: a complex attribute stands for its `value` (checklist Q-29).
    fn find<'s>(
        &mut self,
        path: &AttributePath,
        scope: Scope<'s>,
        compared: bool,
    ) -> Result<Found<'s>, ScimError> {
        match scope {
            Scope::Resource(of, unknown) => self.find_in_resource(path, of, unknown, compared),
            Scope::Element(schema, attribute) => find_in_element(path, schema, attribute),
            Scope::Loose if path.schema.is_none() && path.sub.is_none() && path.filter.is_none() => {
                Ok(Found {
                    source: Source::Part(path.name.clone(), true),
                    attribute: None,
                    form: Form::Folded,
                })
            }
            Scope::Loose => Err(invalid_filter(format!("\"{path}\" does not fit within brackets"))),
        }
    }

    fn find_in_resource<'s>(
        &mut self,
        path: &AttributePath,
        of: &'s ResourceType,
        unknown: Unknown,
        compared: bool,
    ) -> Result<Found<'s>, ScimError> {
        let Some(mut resolved) = self.resolve(path, of, unknown)? else {
            return Ok(Found { source: Source::Nothing, attribute: None, form: Form::Folded });
        };
        let filter = path.filter.as_deref().map(|inner| self.element(path, &resolved, inner)).transpose()?;
        let mut last = resolved.sub.or(resolved.attribute);
        if compared && let Some(complex) = last.filter(|a| a.kind == Type::Complex) {
            resolved.sub = complex.sub("value");
            last = resolved.sub;
            if last.is_none() {
                return Err(invalid_filter(format!("\"{path}\" is complex, compare a sub-attribute of it")));
            }
        }
        let form = last.map_or(Form::Folded, |a| Form::of(resolved.schema, a));
        Ok(Found { source: Source::Place(Place::of(path, &resolved, filter)), attribute: last, form })
    }

    fn test(
        &mut self,
        path: &AttributePath,
        found: &Found<'_>,
        operator: Operator,
        value: &Value,
    ) -> Result<Test, ScimError> {
        if value.is_null() {
            return match operator {
                Operator::Eq => Ok(Test::Absent),
                Operator::Ne => Ok(Test::Present),
                _ => Err(invalid_filter(format!("\"{path}\" can only be eq or ne null"))),
            };
        }
        let literal = match found.attribute {
            Some(attribute) => self.literal(path, attribute, found.form, value)?,
            None => loose_literal(path, value)?,
        };
        let fits = match &literal {
            Literal::Boolean(_) => matches!(operator, Operator::Eq | Operator::Ne),
            Literal::Number(_) | Literal::Instant(_) => {
                !matches!(operator, Operator::Co | Operator::Sw | Operator::Ew)
            }
            Literal::Text(..) => {
                let binary = found.attribute.is_some_and(|a| a.kind == Type::Binary);
                !binary || !matches!(operator, Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le)
            }
        };
        match fits {
            true => Ok(Test::Is(operator, literal)),
            false => {
                Err(invalid_filter(format!("the operator {} does not fit \"{path}\"", operator.as_str())))
            }
        }
    }

    fn literal(
        &mut self,
        path: &AttributePath,
        attribute: &Attribute,
        form: Form,
        value: &Value,
    ) -> Result<Literal, ScimError> {
        let literal = match (attribute.kind, value) {
            (Type::String | Type::Reference | Type::Binary, Value::String(text)) => {
                Some(Literal::Text(form, form.apply(text).into_owned()))
            }
            (Type::Boolean, Value::Bool(flag)) => Some(Literal::Boolean(*flag)),
            (Type::Boolean, Value::String(text)) if self.how == Tolerance::Tolerant => {
                boolean(text).map(|flag| {
                    let text = format!("\"{path}\" was compared with the text \"{text}\", read as {flag}");
                    self.notes.push(Note::new(Deviation::BooleanAsTextInFilter, text));
                    Literal::Boolean(flag)
                })
            }
            (Type::Integer | Type::Decimal, Value::Number(number)) => Some(Literal::Number(number.clone())),
            (Type::DateTime, Value::String(text)) => prepare::date_time(text).map(Literal::Instant),
            _ => None,
        };
        literal.ok_or_else(|| {
            invalid_filter(format!(
                "\"{path}\" is of type {}, {value} is no value of it",
                attribute.kind.as_str()
            ))
        })
    }
}

fn find_in_element<'s>(
    path: &AttributePath,
    schema: Option<&'s Schema>,
    attribute: &'s Attribute,
) -> Result<Found<'s>, ScimError> {
    let plain = path.schema.is_none() && path.filter.is_none() && path.sub.is_none();
    let simple = attribute.kind != Type::Complex && prepare::same_name(&path.name, "value");
    let found = if simple { Some(attribute) } else { attribute.sub(&path.name) };
    match found.filter(|a| plain && a.returned != Returned::Never) {
        Some(found) => {
            let name = if simple { "value" } else { &found.name };
            let source = Source::Part(name.to_owned(), false);
            Ok(Found { source, attribute: Some(found), form: Form::of(schema, found) })
        }
        None => Err(invalid_filter(format!("\"{}\" has no sub-attribute \"{path}\"", attribute.name))),
    }
}

/// In an open schema the value's own type decides.
fn loose_literal(path: &AttributePath, value: &Value) -> Result<Literal, ScimError> {
    match value {
        Value::String(text) => Ok(Literal::Text(Form::Folded, Form::Folded.apply(text).into_owned())),
        Value::Bool(flag) => Ok(Literal::Boolean(*flag)),
        Value::Number(number) => Ok(Literal::Number(number.clone())),
        _ => Err(invalid_filter(format!("\"{path}\" cannot be compared with {value}"))),
    }
}

/// The four spellings that clients send for booleans (checklist C-01).
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" => Some(true),
        "false" | "False" => Some(false),
        _ => None,
    }
}
