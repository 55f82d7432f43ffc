//! Changing what stands at a path: for [`super::write`] and for PATCH.

use serde_json::Value;

use super::{
    compare, one_primary, place,
    take::{From, Taker, drop_repeated},
};
use crate::{
    Attribute, AttributePath, Deviation, Filter, Note, Object, ResourceType, ScimError, ScimType, Tolerance,
    error::{invalid_path, invalid_value},
    filter::{
        Operator,
        compile::{Compiler, Node, Subject},
    },
    schema::{Resolved, Type},
};

mod open;

/// What is done at a path.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// The value stands here from now on, whatever stood here.
    Write(Value),
    /// PATCH `add`.
    Add(Value),
    /// PATCH `replace`.
    Replace(Value),
    Remove,
    /// Just these elements of a multi-valued attribute go (checklist C-04).
    RemoveValues(Value),
}

/// A path resolved, with its filter compiled.
pub(crate) struct Target<'t> {
    of: &'t ResourceType,
    path: &'t AttributePath,
    pub(crate) at: Resolved<'t>,
    filter: Option<Node>,
    taker: Taker,
}

/// Changes an extension's container, which is made where it isn't there and goes when nothing is left in it (checklist S-08).
pub(crate) fn in_container(object: &mut Object, urn: &str, change: impl FnOnce(&mut Object)) {
    let mut container = into_object(object.remove(urn));
    change(&mut container);
    if !container.is_empty() {
        object.insert(urn.to_owned(), Value::Object(container));
    }
}

impl<'t> Target<'t> {
    /// For Usher's own writing.
    pub(crate) fn new(
        of: &'t ResourceType,
        path: &'t AttributePath,
        how: Tolerance,
    ) -> Result<Self, ScimError> {
        Self::from(of, path, Taker::new(how, From::Inside))
    }
    /// For a PATCH operation.
    pub(crate) fn patched(
        of: &'t ResourceType,
        path: &'t AttributePath,
        how: Tolerance,
    ) -> Result<Self, ScimError> {
        let mut taker = Taker::new(how, From::Patch);
        let at = place::resolve(of, path)?;
        if at.extension && path.schema.is_none() {
            let urn = at.schema.map_or("", |s| s.id.as_str());
            let refused = invalid_path(format!("\"{path}\" must be named with its schema: {urn}:{path}"));
            taker.tolerate(
                Deviation::UrnLeftOut,
                format!("the path \"{path}\" was read as {urn}:{path}"),
                refused,
            )?;
        }
        Self::from(of, path, taker)
    }
    fn from(of: &'t ResourceType, path: &'t AttributePath, taker: Taker) -> Result<Self, ScimError> {
        let at = place::resolve(of, path)?;
        let mut compiler = Compiler { how: taker.how, notes: Vec::new() };
        let filter = place::filter(path, &at, &mut compiler)?;
        let mut target = Self { of, path, at, filter, taker };
        target.taker.notes.append(&mut compiler.notes);
        Ok(target)
    }
    /// Tolerances applied so far.
    pub(crate) fn into_notes(self) -> Vec<Note> {
        self.taker.notes
    }

    /// Makes the change; `false`: nothing changed. On an error the object is as it was.
    pub(crate) fn apply(&mut self, object: &mut Object, change: Change) -> Result<bool, ScimError> {
        if self.at.attribute.is_none() && !self.at.open {
            return self.extension(object, change);
        }
        let urn = self.at.schema.filter(|_| self.at.extension).map(|s| s.id.as_str());
        let holder = match urn {
            None => Some(&*object),
            Some(urn) => object.get(urn).and_then(Value::as_object),
        };
        let key = self.key(holder);
        let before = holder.and_then(|h| h.get(&key)).cloned();
        let after = match self.at.attribute {
            Some(attribute) => self.edit(attribute, before.clone(), change)?,
            None => self.edit_open(before.clone(), change)?,
        };
        if before == after {
            return Ok(false);
        }
        match (urn, after) {
            (None, Some(value)) => _ = object.insert(key, value),
            (None, None) => _ = object.remove(&key),
            (Some(urn), Some(value)) => in_container(object, urn, |c| _ = c.insert(key, value)),
            (Some(urn), None) => in_container(object, urn, |c| _ = c.remove(&key)),
        }
        Ok(true)
    }

    /// The attribute's key in its holder: schema spelling, or in an open schema the spelling that is there.
    fn key(&self, holder: Option<&Object>) -> String {
        let name = self.at.attribute.map_or(&self.path.name, |a| &a.name);
        let there = holder.filter(|h| self.at.open && !h.contains_key(name));
        let spelled = there.and_then(|h| h.keys().find(|k| crate::prepare::same_name(k, name)));
        spelled.unwrap_or(name).clone()
    }

    /// A whole extension (checklist P-10).
    fn extension(&mut self, object: &mut Object, change: Change) -> Result<bool, ScimError> {
        let Some(schema) = self.at.schema.filter(|_| self.at.extension) else {
            return Err(invalid_path(format!("\"{}\" is no attribute", self.path)));
        };
        let urn = schema.id.as_str();
        let mut changed = object.clone();
        let value = match &change {
            Change::Remove | Change::RemoveValues(_) => return Ok(object.remove(urn).is_some()),
            Change::Write(value) | Change::Add(value) | Change::Replace(value) => value,
        };
        let Value::Object(members) = value else {
            return match (value, &change) {
                (Value::Null, Change::Add(_)) => Ok(false),
                (Value::Null, _) => Ok(object.remove(urn).is_some()),
                _ => Err(invalid_value(format!("\"{urn}\" must be an object"))),
            };
        };
        crate::body::no_key_twice(members)?;
        if matches!(change, Change::Write(_)) {
            changed.remove(urn);
        }
        let listed = super::accept::custom_fields(schema, members)?;
        for (key, value) in listed.as_ref().unwrap_or(members) {
            if schema.attribute(key).is_none() && !(schema.open && self.taker.open_name(key)?) {
                if !schema.open {
                    self.taker.unknown(&format!("{urn}:{key}"))?;
                }
                continue;
            }
            let path = AttributePath::attribute(key).within(urn);
            let taker = Taker::new(self.taker.how, self.taker.from);
            let mut inner = Target::from(self.of, &path, taker)?;
            if inner.at.attribute.is_some_and(|a| a.mutability == crate::schema::Mutability::ReadOnly)
                && self.taker.from != From::Inside
            {
                continue;
            }
            inner.apply(&mut changed, change.with(value.clone()))?;
            self.taker.notes.append(&mut inner.taker.notes);
        }
        let differs = *object != changed;
        *object = changed;
        Ok(differs)
    }

    fn edit(
        &mut self,
        attribute: &Attribute,
        now: Option<Value>,
        change: Change,
    ) -> Result<Option<Value>, ScimError> {
        if attribute.multi_valued {
            let elements = match now {
                None => Vec::new(),
                Some(Value::Array(elements)) => elements,
                Some(one) => vec![one],
            };
            let mut elements = self.edit_elements(attribute, elements, change)?;
            // Elements chosen by one filter may have become the same (checklist S-30).
            drop_repeated(&mut elements);
            self.taker.few_enough(attribute, &elements)?;
            return Ok((!elements.is_empty()).then_some(Value::Array(elements)));
        }
        if let Some(sub) = self.at.sub {
            let mut object = into_object(now);
            self.edit_sub(attribute, sub, &mut object, change)?;
            return Ok(finished(attribute, object));
        }
        match change {
            Change::Remove | Change::RemoveValues(_) => Ok(None),
            Change::Write(value) => self.taker.attribute(attribute, &value),
            Change::Add(value) if value.is_null() => Ok(now),
            Change::Add(value) if attribute.kind == Type::Complex => {
                self.merge_complex(attribute, now, &value, true)
            }
            Change::Replace(value) if attribute.kind == Type::Complex => {
                self.merge_complex(attribute, now, &value, false)
            }
            Change::Add(value) | Change::Replace(value) => self.taker.attribute(attribute, &value),
        }
    }

    /// Named sub-attributes are set, others stay; `null` ones go, unless it is `add`, which adds nothing then (checklist
    /// P-18, P-23, P-34).
    fn merge_complex(
        &mut self,
        attribute: &Attribute,
        now: Option<Value>,
        value: &Value,
        added: bool,
    ) -> Result<Option<Value>, ScimError> {
        let taken = self.taker.attribute(attribute, value)?;
        let given = match value {
            Value::Array(elements) => elements.first().unwrap_or(value),
            value => value,
        };
        let Value::Object(given) = given else {
            return Ok(taken);
        };
        let mut object = into_object(now);
        for (key, value) in given {
            let link = attribute.is_link() && crate::prepare::same_name(key, "value");
            if let Some(sub) = attribute
                .sub(key)
                .filter(|_| (value.is_null() && !added) || (link && value.as_str() == Some("")))
            {
                object.remove(&sub.name);
            }
        }
        object.extend(into_object(taken));
        Ok(finished(attribute, object))
    }

    fn edit_sub(
        &mut self,
        attribute: &Attribute,
        sub: &Attribute,
        object: &mut Object,
        change: Change,
    ) -> Result<(), ScimError> {
        let (value, added) = match change {
            Change::Remove | Change::RemoveValues(_) => (None, false),
            Change::Add(value) => (self.taker.sub(attribute, sub, &value)?, true),
            Change::Write(value) | Change::Replace(value) => (self.taker.sub(attribute, sub, &value)?, false),
        };
        match value {
            Some(Value::Array(mut new)) if added => {
                if let Some(Value::Array(old)) = object.get(&sub.name) {
                    new.retain(|v| !old.contains(v));
                    new.splice(0..0, old.iter().cloned());
                }
                object.insert(sub.name.clone(), Value::Array(new));
            }
            Some(value) => _ = object.insert(sub.name.clone(), value),
            None if added => {}
            None => _ = object.remove(&sub.name),
        }
        Ok(())
    }

    fn edit_elements(
        &mut self,
        attribute: &Attribute,
        mut elements: Vec<Value>,
        change: Change,
    ) -> Result<Vec<Value>, ScimError> {
        if self.filter.is_none() && self.at.sub.is_none() {
            return self.edit_all(attribute, elements, change);
        }
        let adding = matches!(change, Change::Add(_));
        if adding && matches!(&change, Change::Add(value) if value.is_null()) {
            return Ok(elements);
        }
        let mut hit: Vec<bool> = elements.iter().map(|e| self.selects(e)).collect();
        let removes = matches!(&change, Change::Remove | Change::RemoveValues(_))
            || matches!(&change, Change::Write(value) | Change::Replace(value) if value.is_null());
        if !hit.contains(&true) {
            if removes {
                return Ok(elements);
            }
            elements.push(self.made(attribute, change)?);
            hit.push(true);
            demote(attribute, &mut elements, &hit)?;
            return Ok(elements);
        }
        let mut kept = Vec::with_capacity(elements.len());
        let mut touched = Vec::with_capacity(elements.len());
        for (element, hit) in elements.into_iter().zip(hit) {
            let element = if hit { self.edit_element(attribute, element, &change)? } else { Some(element) };
            if let Some(element) = element {
                kept.push(element);
                touched.push(hit);
            }
        }
        demote(attribute, &mut kept, &touched)?;
        Ok(kept)
    }

    fn selects(&self, element: &Value) -> bool {
        self.filter.as_ref().is_none_or(|node| node.holds(Subject::Element(element)))
    }

    /// One element that the path selects; `None`: it goes.
    fn edit_element(
        &mut self,
        attribute: &Attribute,
        element: Value,
        change: &Change,
    ) -> Result<Option<Value>, ScimError> {
        if let Some(sub) = self.at.sub {
            let mut object = into_object(Some(element));
            let had = object.contains_key(&sub.name);
            self.edit_sub(attribute, sub, &mut object, change.clone())?;
            let emptied = had && !object.contains_key(&sub.name);
            // What is left says only what kind of value there was (checklist P-27).
            let content = object.keys().any(|k| !["type", "primary", "display"].contains(&k.as_str()));
            return Ok((content || !emptied).then_some(Value::Object(object)));
        }
        match change {
            Change::Remove | Change::RemoveValues(_) => Ok(None),
            Change::Write(value) | Change::Replace(value) => self.taker.element(attribute, single(value)),
            Change::Add(value) => match (element, self.taker.element(attribute, single(value))?) {
                (Value::Object(mut old), Some(Value::Object(new))) => {
                    old.extend(new);
                    Ok(Some(Value::Object(old)))
                }
                (old, new) => Ok(new.or(Some(old))),
            },
        }
    }

    /// The element that a filter without a match speaks of (checklist P-22, P-36, C-03).
    fn made(&mut self, attribute: &Attribute, change: Change) -> Result<Value, ScimError> {
        let no_target = || ScimError::bad(ScimType::NoTarget, format!("nothing matches \"{}\"", self.path));
        let mut terms = Object::new();
        let described = match self.path.filter.as_deref() {
            None => true,
            Some(filter) => attribute.kind == Type::Complex && equalities(filter, &mut terms),
        };
        if !described {
            return Err(no_target());
        }
        if matches!(change, Change::Replace(_)) && self.path.filter.is_some() {
            let refused = no_target();
            self.taker.tolerate(
                Deviation::MissingValueMade,
                format!("nothing matched \"{}\", so it was made", self.path),
                refused,
            )?;
        }
        let mut terms_taker = Taker::new(self.taker.how, From::Inside);
        let mut element = into_object(terms_taker.element(attribute, &terms.into())?);
        match (self.at.sub, change) {
            (Some(sub), change) => self.edit_sub(attribute, sub, &mut element, change)?,
            (None, Change::Write(value) | Change::Add(value) | Change::Replace(value)) => {
                element.extend(into_object(self.taker.element(attribute, single(&value))?));
            }
            (None, Change::Remove | Change::RemoveValues(_)) => {}
        }
        Ok(Value::Object(element))
    }

    /// The attribute as a whole.
    fn edit_all(
        &mut self,
        attribute: &Attribute,
        mut elements: Vec<Value>,
        change: Change,
    ) -> Result<Vec<Value>, ScimError> {
        match change {
            Change::Remove => Ok(Vec::new()),
            Change::Write(value) | Change::Replace(value) => {
                let taken = into_elements(self.taker.attribute(attribute, &value)?);
                one_primary(&attribute.name, &taken)?;
                Ok(taken)
            }
            Change::RemoveValues(value) => {
                let gone = into_elements(self.taker.attribute(attribute, &value)?);
                elements.retain(|e| !gone.iter().any(|g| self.is_one(attribute, e, g)));
                Ok(elements)
            }
            Change::Add(value) => {
                let new = into_elements(self.taker.attribute(attribute, &value)?);
                one_primary(&attribute.name, &new)?;
                let mut touched = vec![false; elements.len()];
                for element in new {
                    match elements.iter().position(|e| self.is_one(attribute, e, &element)) {
                        None => {
                            elements.push(element);
                            touched.push(true);
                        }
                        Some(at) => {
                            if let Some(old) = elements.get_mut(at)
                                && !compare::equal(self.at.schema, attribute, old, &element)
                            {
                                said_again(old, element);
                            }
                            if let Some(touched) = touched.get_mut(at) {
                                *touched = true;
                            }
                        }
                    }
                }
                demote(attribute, &mut elements, &touched)?;
                Ok(elements)
            }
        }
    }

    /// Whether two elements are one: the same `value` and `type`, or without a `value` all the same (checklist P-20).
    fn is_one(&self, attribute: &Attribute, a: &Value, b: &Value) -> bool {
        let by = |key: &str| {
            let null = Value::Null;
            let (a, b) = (a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
            attribute.sub(key).is_none_or(|sub| compare::equal(self.at.schema, sub, a, b))
        };
        match (a.get("value"), b.get("value")) {
            (Some(_), Some(_)) => by("value") && (b.get("type").is_none() || by("type")),
            _ => compare::equal(self.at.schema, attribute, a, b),
        }
    }
}

/// An element that is there already keeps its `value` and `type` as they are spelled, whatever else is said of it.
fn said_again(old: &mut Value, new: Value) {
    if let (Value::Object(old), Value::Object(new)) = (old, new) {
        for (key, value) in new {
            if !(old.contains_key(&key) && ["value", "type"].contains(&key.as_str())) {
                old.insert(key, value);
            }
        }
    }
}

impl Change {
    /// The same kind of change with another value.
    fn with(&self, value: Value) -> Self {
        match self {
            Self::Write(_) => Self::Write(value),
            Self::Add(_) => Self::Add(value),
            Self::Replace(_) => Self::Replace(value),
            Self::RemoveValues(_) => Self::RemoveValues(value),
            Self::Remove => Self::Remove,
        }
    }
}

/// A primary value that was just set makes the others not primary (checklist P-39); two at once are refused (P-40).
fn demote(attribute: &Attribute, elements: &mut [Value], touched: &[bool]) -> Result<(), ScimError> {
    let primary = |e: &Value| e.get("primary") == Some(&Value::Bool(true));
    let set = elements.iter().zip(touched).filter(|&(e, &touched)| touched && primary(e)).count();
    if set > 1 {
        return Err(invalid_value(format!("\"{}\" would have more than one primary value", attribute.name)));
    }
    if set == 1 {
        for (element, _) in elements.iter_mut().zip(touched).filter(|(e, touched)| !**touched && primary(e)) {
            if let Value::Object(object) = element {
                object.insert("primary".into(), false.into());
            }
        }
    }
    Ok(())
}

/// The sub-attributes that an eq-only filter gives; `false`: it is none.
fn equalities(filter: &Filter, terms: &mut Object) -> bool {
    match filter {
        Filter::And(filters) => filters.iter().all(|f| equalities(f, terms)),
        Filter::Compare(path, Operator::Eq, value) => {
            path.sub.is_none()
                && terms.insert(path.name.clone(), value.clone()).is_none_or(|old| old == *value)
        }
        _ => false,
    }
}

fn into_object(value: Option<Value>) -> Object {
    match value {
        Some(Value::Object(object)) => object,
        _ => Object::new(),
    }
}
fn into_elements(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(elements)) => elements,
        Some(one) => vec![one],
        None => Vec::new(),
    }
}
/// One element, which may come in an array.
fn single(value: &Value) -> &Value {
    match value {
        Value::Array(elements) if elements.len() == 1 => elements.first().unwrap_or(value),
        value => value,
    }
}
/// A complex value without anything in it is none, a link without its `value` too.
fn finished(attribute: &Attribute, object: Object) -> Option<Value> {
    let dangling = attribute.is_link() && !object.contains_key("value");
    (!object.is_empty() && !dangling).then_some(Value::Object(object))
}
