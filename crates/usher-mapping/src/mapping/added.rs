//! Attributes that an app has beyond its gallery entry: its own extensions, attributes of its own in RFC 7643's schemas.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use usher_scim::schema::{Attribute, Mutability, Type};
use usher_scim::{AttributePath, ResourceType, Schema};

use super::MappingError;

/// A target attribute added by hand or by an import.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetAttribute {
    /// Its schema (a URN; absent: the core schema) and name, e.g. `urn:example:hr:2.0:User:badge`.
    pub path: AttributePath,
    /// What its values are.
    pub kind: Type,
    /// What a [`Type::Complex`] one is made of; of any other none.
    pub sub_attributes: Vec<Attribute>,
    /// Whether it has several values.
    pub multi_valued: bool,
    /// Whether the app refuses an object without it.
    pub required: bool,
    /// Whether texts that differ in case alone differ.
    pub case_exact: bool,
    /// Who may write it, and when; a read-only one is mapped by nobody.
    pub mutability: Mutability,
}

/// As TOML has it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    name: String,
    #[serde(rename = "type", default = "string")]
    kind: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    multi_valued: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    required: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    case_exact: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mutability: Option<String>,
    /// What a complex one is made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sub: Vec<Form>,
}

fn string() -> String {
    Type::String.as_str().to_owned()
}

/// What an added attribute may be.
const KINDS: [Type; 8] = [
    Type::String,
    Type::Boolean,
    Type::Integer,
    Type::Decimal,
    Type::DateTime,
    Type::Reference,
    Type::Binary,
    Type::Complex,
];

const MUTABILITIES: [Mutability; 4] =
    [Mutability::ReadWrite, Mutability::Immutable, Mutability::WriteOnly, Mutability::ReadOnly];

impl Form {
    pub(super) fn read(self) -> Result<TargetAttribute, MappingError> {
        let wrong = |what: String| MappingError::Other(format!("attribute {}: {what}", self.name));
        let path = AttributePath::parse(&self.name).map_err(|e| wrong(e.detail))?;
        if path.name.is_empty() || path.filter.is_some() || path.sub.is_some() {
            return Err(wrong("an attribute's name has neither filter nor sub-attribute".to_owned()));
        }
        let kind = KINDS.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(&self.kind));
        let names = || KINDS.map(Type::as_str).join(", ");
        let kind = kind.ok_or_else(|| wrong(format!("the type {} is none of {}", self.kind, names())))?;
        let mutability = match &self.mutability {
            None => Mutability::ReadWrite,
            Some(name) => {
                MUTABILITIES.into_iter().find(|m| m.as_str().eq_ignore_ascii_case(name)).ok_or_else(|| {
                    let known = MUTABILITIES.map(Mutability::as_str).join(", ");
                    wrong(format!("the mutability {name} is none of {known}"))
                })?
            }
        };
        if (kind == Type::Complex) == self.sub.is_empty() {
            return Err(wrong(match kind {
                Type::Complex => "a complex attribute says what it is made of, in sub".to_owned(),
                _ => "only a complex attribute has sub".to_owned(),
            }));
        }
        let sub_attributes = self.sub.iter().map(|sub| sub.read_sub(&wrong)).collect::<Result<_, _>>()?;
        Ok(TargetAttribute {
            mutability,
            sub_attributes,
            path,
            kind,
            multi_valued: self.multi_valued,
            required: self.required,
            case_exact: self.case_exact,
        })
    }

    /// One that a complex attribute is made of.
    fn read_sub(&self, wrong: &impl Fn(String) -> MappingError) -> Result<Attribute, MappingError> {
        let read = self.clone().read()?;
        if read.path.schema.is_some() || read.kind == Type::Complex {
            return Err(wrong(format!("{} can't be a sub-attribute", self.name)));
        }
        Ok(read.attribute())
    }

    pub(super) fn of(attribute: &TargetAttribute) -> Self {
        let sub = |sub: &Attribute| Self {
            name: sub.name.clone(),
            kind: sub.kind.as_str().to_owned(),
            multi_valued: sub.multi_valued,
            required: sub.required,
            case_exact: sub.case_exact,
            mutability: unusual(sub.mutability),
            sub: Vec::new(),
        };
        Self {
            sub: attribute.sub_attributes.iter().map(sub).collect(),
            name: attribute.path.to_string(),
            kind: attribute.kind.as_str().to_owned(),
            multi_valued: attribute.multi_valued,
            required: attribute.required,
            case_exact: attribute.case_exact,
            mutability: unusual(attribute.mutability),
        }
    }
}

fn unusual(mutability: Mutability) -> Option<String> {
    (mutability != Mutability::ReadWrite).then(|| mutability.as_str().to_owned())
}

impl TargetAttribute {
    /// Reads one from words, as TOML has them: a name (a URN before it, where it is not of the core schema), a type, a mutability
    /// (`None`: readWrite), and of a complex one the names and types of what it is made of.
    ///
    /// # Errors
    /// [`MappingError::Other`]: a name that is none, or a word that is not known; it names what there is.
    pub fn read(
        name: &str,
        kind: &str,
        (required, multi_valued, case_exact): (bool, bool, bool),
        mutability: Option<&str>,
        sub: &[(String, String)],
    ) -> Result<Self, MappingError> {
        let form = |name: &str, kind: &str| Form {
            name: name.to_owned(),
            kind: kind.to_owned(),
            multi_valued: false,
            required: false,
            case_exact: false,
            mutability: None,
            sub: Vec::new(),
        };
        let sub = sub.iter().map(|(name, kind)| form(name, kind)).collect();
        let mutability = mutability.map(str::to_owned);
        Form { multi_valued, required, case_exact, mutability, sub, ..form(name, kind) }.read()
    }

    pub(super) fn check(&self, target: &ResourceType) -> Result<(), MappingError> {
        if target.resolve(&self.path).is_some_and(|resolved| !resolved.open) {
            return Err(MappingError::Other(format!(
                "attribute {}: the app has it already; leave it out",
                self.path
            )));
        }
        Ok(())
    }

    fn attribute(&self) -> Attribute {
        Attribute {
            multi_valued: self.multi_valued,
            required: self.required,
            case_exact: self.case_exact,
            mutability: self.mutability,
            sub_attributes: self.sub_attributes.clone(),
            ..Attribute::new(&self.path.name, self.kind)
        }
    }
}

/// A type with these attributes added; those it has already stay as they are.
pub fn extended(target: &ResourceType, added: &[TargetAttribute]) -> ResourceType {
    let mut target = target.clone();
    for attribute in added {
        if target.resolve(&attribute.path).is_some() {
            continue;
        }
        let urn = attribute.path.schema.as_deref().unwrap_or(&target.schema.id).to_owned();
        if target.schema.id.eq_ignore_ascii_case(&urn) {
            Arc::make_mut(&mut target.schema).attributes.push(attribute.attribute());
            continue;
        }
        let there = target.extensions.iter_mut().find(|(schema, _)| schema.id.eq_ignore_ascii_case(&urn));
        match there {
            Some((schema, _)) => Arc::make_mut(schema).attributes.push(attribute.attribute()),
            None => target.extensions.push((
                Arc::new(Schema {
                    name: urn.clone(),
                    id: urn,
                    description: String::new(),
                    attributes: vec![attribute.attribute()],
                    open: false,
                }),
                false,
            )),
        }
    }
    target
}
