//! What has to hold of a mapping before it is saved.

use std::collections::HashSet;

use usher_scim::schema::{Attribute, Mutability, Type};
use usher_scim::{Object, ResourceType, resource};

use super::{AttributeMapping, From, MappingError, ObjectMapping, Tables, When, json_for};
use crate::attribute::{nearest, nearest_few};
use crate::expression::ast::{Kind, Node};
use crate::{Expression, ExpressionError, Known, Value};

impl ObjectMapping {
    /// Every bracketed name known, every table there, every target in `target` (with the attributes that the mapping adds)
    /// and writable, no target twice, precedences distinct.
    pub fn check(&self, source: &Known<'_>, target: &ResourceType) -> Result<(), MappingError> {
        for attribute in &self.attributes {
            attribute.check(target)?;
        }
        let target = &self.target(target);
        let (mut targets, mut precedences) = (HashSet::new(), HashSet::new());
        for row in &self.rows {
            let name = row.target.to_string();
            row.check(source, target, &self.tables)?;
            if !targets.insert(name.to_lowercase()) {
                return Err(MappingError::Other(format!("{name} is mapped twice")));
            }
            match row.matching {
                Some(0) => {
                    return Err(MappingError::Other(format!("{name}: precedences begin with 1")));
                }
                Some(precedence) if !precedences.insert(precedence) => {
                    return Err(MappingError::Other(format!(
                        "{name}: two rows match with precedence {precedence}"
                    )));
                }
                _ => {}
            }
        }
        self.scoping.check(source)
    }
}

impl AttributeMapping {
    /// Whether this row can be saved by itself.
    pub(crate) fn check(
        &self,
        source: &Known<'_>,
        target: &ResourceType,
        tables: &Tables,
    ) -> Result<(), MappingError> {
        let name = self.target.to_string();
        self.check_target(&name, target)?;
        self.check_unique_value(&name)?;
        let From::Expression(expression) = &self.from else { return Ok(()) };
        expression.check(source).and_then(|()| check_tables(expression, tables)).map_err(|error| {
            MappingError::Expression { row: name, text: expression.text().to_owned(), error }
        })
    }

    fn check_target(&self, name: &str, target: &ResourceType) -> Result<(), MappingError> {
        let Some(resolved) = target.resolve(&self.target) else {
            let hint = nearest_few(name, &paths(target));
            return Err(MappingError::UnknownTarget { target: name.to_owned(), hint });
        };
        let wrong = |what: String| Err(MappingError::Other(format!("{name} {what}")));
        let read_only =
            |attribute: Option<&Attribute>| attribute.is_some_and(|a| a.mutability == Mutability::ReadOnly);
        if read_only(resolved.attribute) || read_only(resolved.sub) {
            return wrong("is read-only, the app sets it itself".to_owned());
        }
        let many = resolved.attribute.is_some_and(|a| a.multi_valued);
        if self.target.filter.is_some() && !many && resolved.attribute.is_some() {
            return wrong("has a filter, but the attribute has one value only".to_owned());
        }
        if let (Some(attribute), Some(_)) = (resolved.sub.or(resolved.attribute), &self.target.filter) {
            // The filter's names, and that it says what a new value is to be made of, show when it is written.
            let sample = json_for(target, &self.target, &sample(attribute));
            let written =
                sample.and_then(|json| resource::write(target, &mut Object::new(), &self.target, json));
            if let Err(error) = written {
                return wrong(format!("can't be written: {}", error.detail));
            }
        }
        if self.when == When::AddValues
            && (!many || self.target.filter.is_some() || self.target.sub.is_some())
        {
            return wrong(
                "takes one value; add_values is for a multi-valued attribute as a whole".to_owned(),
            );
        }
        if self.when == When::AddValues && resolved.attribute.is_some_and(|a| a.name == "members") {
            return wrong("are kept in step one by one; add_values is not for them".to_owned());
        }
        Ok(())
    }

    /// A value chosen because it was free is free no longer: it is chosen once, and finds nobody again.
    fn check_unique_value(&self, name: &str) -> Result<(), MappingError> {
        let unique = matches!(&self.from, From::Expression(expression) if expression.is_unique_value());
        let what = match (unique, self.matching, self.when) {
            (false, ..) | (true, None, When::OnCreate) => return Ok(()),
            (true, Some(_), _) => "cannot be a matching property",
            (true, None, _) => "needs when = \"on_create\"",
        };
        Err(MappingError::Other(format!("{name}: a row with SelectUniqueValue {what}")))
    }
}

/// A value that the attribute takes.
fn sample(attribute: &Attribute) -> Value {
    match attribute.kind {
        Type::Boolean => Value::Boolean(true),
        Type::Integer | Type::Decimal => Value::Integer(1),
        Type::DateTime => Value::DateTime(jiff::Timestamp::UNIX_EPOCH),
        Type::String | Type::Reference | Type::Binary => Value::from("eA=="),
        Type::Complex => {
            let subs = attribute.sub_attributes.iter();
            let text = subs.filter(|sub| sub.kind == Type::String && sub.name != "type").take(1);
            Value::Object(text.map(|sub| (sub.name.clone(), "x".into())).collect())
        }
    }
}

/// Whether every table that the expression names outright stands beside the mapping.
fn check_tables(expression: &Expression, tables: &Tables) -> Result<(), ExpressionError> {
    let mut missing = None;
    expression.root().visit(&mut |node| {
        if let Kind::Call(function, arguments) = &node.kind
            && function.name == "Lookup"
            && let Some(Node { span, kind: Kind::Constant(Value::Text(name), _), .. }) = arguments.first()
            && !tables.contains_key(name)
        {
            missing.get_or_insert((span.clone(), name.clone()));
        }
    });
    let Some((span, name)) = missing else { return Ok(()) };
    let names: Vec<&String> = tables.keys().collect();
    let hint = nearest(&name, &names).map_or_else(
        || format!("a table stands beside the rows: [users.table.{name}]"),
        |near| format!("did you mean \"{near}\"?"),
    );
    Err(ExpressionError { span, message: format!("there is no table \"{name}\""), hint: Some(hint) })
}

/// Every path of a type, for hints.
fn paths(of: &ResourceType) -> Vec<String> {
    let mut paths = Vec::new();
    let extensions = of.extensions.iter().map(|(schema, _)| (schema, format!("{}:", schema.id)));
    for (schema, prefix) in std::iter::once((&of.schema, String::new())).chain(extensions) {
        for attribute in &schema.attributes {
            paths.push(format!("{prefix}{}", attribute.name));
            let subs = attribute.sub_attributes.iter();
            paths.extend(subs.map(|sub| format!("{prefix}{}.{}", attribute.name, sub.name)));
        }
    }
    paths
}
