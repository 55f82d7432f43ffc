//! Reading by path.

use serde_json::Value;

use crate::{
    AttributePath, Object, ResourceType, ScimError, Tolerance,
    error::{ScimType, invalid_path},
    filter::compile::{Compiler, Node, Subject},
    prepare::same_name,
    schema::Resolved,
};

/// A path made ready for one resource type, for reading many objects.
#[derive(Debug, Clone)]
pub struct Place {
    /// The extension's container.
    container: Option<String>,
    /// The attribute's key; `None`: the container itself.
    name: Option<String>,
    filter: Option<Box<Node>>,
    sub: Option<String>,
    /// Keys of open schemas keep their client's spelling.
    open: bool,
}

impl Place {
    /// `invalidPath` for a path the type does not have, `invalidFilter` for a filter that does not fit.
    pub fn new(of: &ResourceType, path: &AttributePath) -> Result<Self, ScimError> {
        let resolved = resolve(of, path)?;
        let filter = filter(path, &resolved, &mut Compiler { how: Tolerance::Tolerant, notes: Vec::new() })?;
        Ok(Self::of(path, &resolved, filter))
    }
    /// A path already resolved, with its filter compiled.
    pub(crate) fn of(path: &AttributePath, resolved: &Resolved<'_>, filter: Option<Node>) -> Self {
        let (name, sub) = match resolved.open {
            true => (Some(path.name.clone()), path.sub.clone()),
            false => (resolved.attribute.map(|a| a.name.clone()), resolved.sub.map(|s| s.name.clone())),
        };
        let container = resolved.schema.filter(|_| resolved.extension).map(|s| s.id.clone());
        Self { container, name, filter: filter.map(Box::new), sub, open: resolved.open }
    }
    /// As [`super::read`].
    pub fn read<'o>(&self, object: &'o Object) -> Vec<&'o Value> {
        let mut values = Vec::new();
        self.any(object, &mut |v| {
            values.push(v);
            false
        });
        values
    }
    /// Whether a value here satisfies `f`; it is asked of each in turn until one does.
    pub(crate) fn any<'o>(&self, object: &'o Object, f: &mut dyn FnMut(&'o Value) -> bool) -> bool {
        let holder = match &self.container {
            None => object,
            Some(urn) => match (object.get(urn), &self.name) {
                (Some(container), None) => return f(container),
                (Some(Value::Object(container)), _) => container,
                _ => return false,
            },
        };
        let Some(value) = self.name.as_deref().and_then(|name| get(holder, name, self.open)) else {
            return false;
        };
        each(value, &mut |element| {
            if self.filter.as_ref().is_some_and(|node| !node.holds(Subject::Element(element))) {
                return false;
            }
            match &self.sub {
                None => f(element),
                Some(sub) => part(element, sub, self.open, f),
            }
        })
    }
}

/// What a path names, or `invalidPath`.
pub(crate) fn resolve<'s>(of: &'s ResourceType, path: &AttributePath) -> Result<Resolved<'s>, ScimError> {
    let resolved = of.resolve(path).filter(|r| r.attribute.is_some() || r.extension);
    resolved.ok_or_else(|| invalid_path(format!("{} has no attribute \"{path}\"", of.name)))
}

/// The compiled filter of a path; one on a single-valued attribute is `invalidPath` (checklist P-13).
pub(crate) fn filter(
    path: &AttributePath,
    at: &Resolved<'_>,
    with: &mut Compiler,
) -> Result<Option<Node>, ScimError> {
    let Some(inner) = path.filter.as_deref() else {
        return Ok(None);
    };
    if at.attribute.is_some_and(|a| !a.multi_valued) {
        let detail = format!("\"{}\" has one value, a filter in brackets does not fit it", path.name);
        return Err(ScimError::bad(ScimType::InvalidPath, detail));
    }
    with.element(path, at, inner).map(Some)
}

/// A member of an object; `loose`: ignoring case.
pub(crate) fn get<'o>(object: &'o Object, name: &str, loose: bool) -> Option<&'o Value> {
    object.get(name).or_else(|| {
        let mut members = object.iter().filter(|_| loose);
        members.find(|(key, _)| same_name(key, name)).map(|(_, value)| value)
    })
}

/// Each value of an attribute, be it single or multi-valued.
fn each<'o>(value: &'o Value, f: &mut dyn FnMut(&'o Value) -> bool) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => elements.iter().any(|e| !e.is_null() && f(e)),
        one => f(one),
    }
}

/// A sub-attribute of an element; `value` of an element that is not complex is the element.
pub(crate) fn part<'o>(
    element: &'o Value,
    name: &str,
    loose: bool,
    f: &mut dyn FnMut(&'o Value) -> bool,
) -> bool {
    match element {
        Value::Object(object) => get(object, name, loose).is_some_and(|v| each(v, f)),
        simple => same_name(name, "value") && f(simple),
    }
}
