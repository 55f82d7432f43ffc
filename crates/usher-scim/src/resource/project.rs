//! `attributes` and `excludedAttributes` (RFC 7644 §3.9).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    Attribute, AttributePath, Object, ResourceType, ScimError,
    error::invalid_value,
    prepare::same_name,
    schema::{Returned, Schema, common},
};

/// Which attributes a client asked for (RFC 7644 §3.9).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// `attributes`; empty = the default set.
    pub attributes: Vec<AttributePath>,
    /// `excludedAttributes`.
    pub excluded: Vec<AttributePath>,
}

impl Selection {
    /// From query parameters (comma-separated). Both at once: `invalidValue` (checklist Q-56). Names that are no
    /// paths are left out, as unknown names are.
    pub fn parse(attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, ScimError> {
        let selection = Self { attributes: paths(attributes), excluded: paths(excluded) };
        if !selection.attributes.is_empty() && !selection.excluded.is_empty() {
            return Err(invalid_value(
                "\"attributes\" and \"excludedAttributes\" exclude each other; send one of them",
            ));
        }
        Ok(selection)
    }
    /// Whether nothing was asked for: the default set.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.excluded.is_empty()
    }
}

/// Splits at commas outside of quotes.
fn paths(text: Option<&str>) -> Vec<AttributePath> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.unwrap_or_default().split(|c| {
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        c == ',' && !quoted
    });
    parts.filter_map(|part| AttributePath::parse(part.trim()).ok()).collect()
}

/// What of one attribute is named: all of it, or some sub-attributes.
#[derive(Debug, Clone)]
enum Named {
    Whole,
    Subs(BTreeSet<String>),
}

/// Attributes named by their keys, of the base schema (`""`) and of extensions.
#[derive(Debug, Clone, Default)]
struct Names(BTreeMap<String, BTreeMap<String, Named>>);

/// A selection made ready for one resource type.
#[derive(Debug, Clone)]
pub struct Projection {
    of: ResourceType,
    /// `None`: the default set.
    only: Option<Names>,
    without: Names,
    /// Whole extensions.
    only_schemas: BTreeSet<String>,
    without_schemas: BTreeSet<String>,
}

/// What becomes of an attribute.
enum Verdict<'n> {
    Keep,
    Drop,
    Only(&'n BTreeSet<String>),
    Without(&'n BTreeSet<String>),
}

impl Projection {
    /// Resolves the selection's names once.
    pub fn new(of: &ResourceType, selection: &Selection) -> Self {
        let (only, only_schemas) = names(of, &selection.attributes);
        let (without, without_schemas) = names(of, &selection.excluded);
        let only = (!selection.attributes.is_empty()).then_some(only);
        Self { of: of.clone(), only, without, only_schemas, without_schemas }
    }
    /// Whether something of a base attribute would be returned, so that `members` or `groups` need not be read if not.
    pub fn wants(&self, attribute: &str) -> bool {
        match self.of.schema.attribute(attribute) {
            Some(a) => !matches!(self.verdict("", &a.name, Some(a)), Verdict::Drop),
            None => false,
        }
    }
    /// Cuts a complete resource.
    pub fn cut(&self, mut resource: Object) -> Object {
        let base = &self.of.schema;
        resource.retain(|key, value| match self.of.extensions.iter().find(|(e, _)| e.id == *key) {
            Some((schema, _)) => self.container(schema, value),
            None => {
                let attribute = base.attribute(key).or_else(|| common().iter().find(|a| a.name == *key));
                self.keep("", key, attribute, value)
            }
        });
        resource
    }
    /// Cuts an extension; `false`: nothing is left of it.
    fn container(&self, schema: &Schema, value: &mut Value) -> bool {
        let Value::Object(container) = value else {
            return false;
        };
        container.retain(|key, value| self.keep(&schema.id, key, schema.attribute(key), value));
        !container.is_empty()
    }
    /// Cuts an attribute; `false`: it goes as a whole.
    fn keep(&self, schema: &str, key: &str, attribute: Option<&Attribute>, value: &mut Value) -> bool {
        let verdict = self.verdict(schema, key, attribute);
        let (named, only) = match &verdict {
            Verdict::Drop => return false,
            Verdict::Keep => (None, false),
            Verdict::Only(subs) => (Some(*subs), true),
            Verdict::Without(subs) => (Some(*subs), false),
        };
        let Some(attribute) = attribute.filter(|a| !a.sub_attributes.is_empty()) else {
            return true;
        };
        let plain = attribute.sub_attributes.iter().all(|s| s.returned == Returned::Default);
        if named.is_none() && plain {
            return true;
        }
        let stays = |key: &str| match attribute.sub(key).map_or(Returned::Default, |s| s.returned) {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Default => named.is_none_or(|subs| subs.contains(key) == only),
            Returned::Request => only && named.is_some_and(|subs| subs.contains(key)),
        };
        let mut cut = |element: &mut Value| match element {
            Value::Object(object) => {
                object.retain(|key, _| stays(key));
                !object.is_empty()
            }
            _ => true,
        };
        match value {
            Value::Array(elements) => {
                elements.retain_mut(&mut cut);
                !elements.is_empty()
            }
            one => cut(one),
        }
    }

    fn verdict(&self, schema: &str, key: &str, attribute: Option<&Attribute>) -> Verdict<'_> {
        let returned = attribute.map_or(Returned::Default, |a| a.returned);
        match returned {
            Returned::Always => return Verdict::Keep,
            Returned::Never => return Verdict::Drop,
            Returned::Default | Returned::Request => {}
        }
        let Some(only) = &self.only else {
            return match (returned, self.without.of(schema, key)) {
                (Returned::Request, _) | (_, Some(Named::Whole)) => Verdict::Drop,
                _ if self.without_schemas.contains(schema) => Verdict::Drop,
                (_, Some(Named::Subs(subs))) => Verdict::Without(subs),
                (_, None) => Verdict::Keep,
            };
        };
        match only.of(schema, key) {
            Some(Named::Whole) => Verdict::Keep,
            _ if self.only_schemas.contains(schema) => Verdict::Keep,
            Some(Named::Subs(subs)) => Verdict::Only(subs),
            None => Verdict::Drop,
        }
    }
}

impl Names {
    fn of(&self, schema: &str, key: &str) -> Option<&Named> {
        let attributes = self.0.get(schema)?;
        attributes
            .get(key)
            .or_else(|| attributes.iter().find(|(name, _)| same_name(name, key)).map(|(_, named)| named))
    }
}

/// Resolves names; unknown ones are left out. The second: schemas named as a whole (`""`: the base schema).
fn names(of: &ResourceType, paths: &[AttributePath]) -> (Names, BTreeSet<String>) {
    let (mut names, mut schemas) = (Names::default(), BTreeSet::new());
    for path in paths {
        let Some(resolved) = of.resolve(path) else {
            continue;
        };
        let schema = resolved.schema.filter(|_| resolved.extension).map_or(String::new(), |s| s.id.clone());
        let name = match resolved.attribute {
            Some(attribute) => attribute.name.clone(),
            None if resolved.open => path.name.clone(),
            None => {
                schemas.insert(schema);
                continue;
            }
        };
        let named =
            names.0.entry(schema).or_default().entry(name).or_insert_with(|| Named::Subs(BTreeSet::new()));
        match (resolved.sub, &mut *named) {
            (Some(sub), Named::Subs(subs)) => _ = subs.insert(sub.name.clone()),
            _ => *named = Named::Whole,
        }
    }
    (names, schemas)
}

/// Cuts a complete resource (with `schemas`, `id`, `meta`, …) to what is returned: `returned` characteristic, then the selection.
pub fn project(of: &ResourceType, resource: Object, selection: &Selection) -> Object {
    Projection::new(of, selection).cut(resource)
}
