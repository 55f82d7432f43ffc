//! Prepared values for columns, search rows and unique values; one place for writing and for planning.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use usher_scim::{AttributePath, Object, ResourceType, ScimError, prepare, resource::Place, schema::Type};

use crate::Kind;

/// Stored values are cut to so many bytes: order and prefix hold, equality of a cut one is checked on the document.
pub(crate) const CUT: usize = 128;
/// A unique value longer than this is stored as its SHA-256.
const WHOLE: usize = 256;

/// An attribute with rows of its own, in `search` (indexed) or `taken` (unique).
#[derive(Debug, Clone)]
pub struct Indexed {
    /// Its number in the tables; never used for another.
    pub number: i64,
    /// Of users or groups.
    pub kind: Kind,
    /// E.g. `emails.value`.
    pub path: AttributePath,
    /// Whether queries may use it; else its rows are still being made.
    pub ready: bool,
    pub(crate) name: Named,
    place: Place,
}

/// What a path names, whatever its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The extension's URN.
    pub(crate) extension: Option<String>,
    pub(crate) attribute: String,
    pub(crate) sub: Option<String>,
    pub(crate) kind: Type,
    pub(crate) case_exact: bool,
}

impl Named {
    /// Resolves it; a multi-valued or complex attribute with a `value` and no sub-attribute named means its `value`
    /// (checklist Q-29). `None`: unknown or open.
    pub(crate) fn of(of: &ResourceType, path: &AttributePath) -> Option<Self> {
        let found = of.resolve(path)?;
        let attribute = found.attribute?;
        let sub = found.sub.or_else(|| attribute.sub_attributes.iter().find(|sub| sub.name == "value"));
        let leaf = sub.unwrap_or(attribute);
        Some(Self {
            extension: found.schema.filter(|_| found.extension).map(|schema| schema.id.clone()),
            attribute: attribute.name.clone(),
            sub: sub.map(|sub| sub.name.clone()),
            kind: leaf.kind,
            case_exact: leaf.case_exact,
        })
    }
    /// Whether it is this base attribute.
    pub(crate) fn is(&self, attribute: &str, sub: Option<&str>) -> bool {
        self.extension.is_none() && self.attribute == attribute && self.sub.as_deref() == sub
    }
    /// A text as it is compared.
    pub(crate) fn prepared(&self, text: &str) -> Vec<u8> {
        if self.case_exact { text.as_bytes().to_vec() } else { prepare::fold(text).into_bytes() }
    }
}

impl Indexed {
    /// `invalidPath` for a path the type does not have; `invalidValue` for one that holds no text.
    pub fn new(number: i64, kind: Kind, of: &ResourceType, path: &str) -> Result<Self, ScimError> {
        let path = AttributePath::parse(path)?;
        let name = Named::of(of, &path)
            .filter(|name| matches!(name.kind, Type::String | Type::Reference | Type::Binary))
            .ok_or_else(|| {
                ScimError::bad(usher_scim::ScimType::InvalidValue, format!("{path} holds no text to index"))
            })?;
        Ok(Self { number, kind, place: Place::new(of, &path)?, path, ready: true, name })
    }

    /// The texts of a document, as written.
    fn texts<'o>(&self, doc: &'o Object) -> impl Iterator<Item = &'o str> {
        self.place.read(doc).into_iter().filter_map(serde_json::Value::as_str)
    }

    /// The rows in `search` that a document has.
    pub(crate) fn searched(&self, doc: &Object) -> BTreeSet<(i64, Vec<u8>)> {
        self.texts(doc).map(|text| (self.number, cut(self.name.prepared(text)))).collect()
    }

    /// The rows in `taken` that a document has, with what is shown to whom it refuses.
    pub(crate) fn unique(&self, doc: &Object) -> Vec<Unique> {
        let mut values: Vec<Unique> = self
            .texts(doc)
            .map(|text| Unique {
                attribute: self.number,
                value: whole(self.name.prepared(text)),
                path: self.path.clone(),
                shown: text.to_owned(),
            })
            .collect();
        values.sort_by(|a, b| a.value.cmp(&b.value));
        values.dedup_by(|a, b| a.value == b.value);
        values
    }
}

/// A value that no other object of the directory may have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unique {
    pub(crate) attribute: i64,
    pub(crate) value: Vec<u8>,
    pub(crate) path: AttributePath,
    pub(crate) shown: String,
}

/// The first [`CUT`] bytes.
pub(crate) fn cut(mut value: Vec<u8>) -> Vec<u8> {
    value.truncate(CUT);
    value
}

/// The value, or its SHA-256 (which no value of that length can be taken for, since those have another length).
fn whole(value: Vec<u8>) -> Vec<u8> {
    if value.len() > WHOLE { [&[0xff][..], &Sha256::digest(&value)[..]].concat() } else { value }
}

/// The `name` column: a user's whole prepared userName (at most 512 bytes), a group's folded displayName, cut.
pub(crate) fn name(kind: Kind, text: &str) -> Result<Vec<u8>, ScimError> {
    Ok(match kind {
        Kind::User => prepare::user_name(text)?.into_bytes(),
        Kind::Group => cut(prepare::fold(text).into_bytes()),
    })
}

/// The least value above all that begin with `prefix`; `None` for an empty one (no text holds byte 0xff).
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let (last, rest) = prefix.split_last()?;
    let mut end = rest.to_vec();
    end.push(last.saturating_add(1));
    Some(end)
}
