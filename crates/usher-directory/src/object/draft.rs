//! A change, prepared on the caller's thread: everything that needs parsing, checking, folding or hashing.

use std::collections::BTreeSet;

use jiff::Timestamp;
use usher_scim::{Object, ScimError, ScimType, resource};

use super::{Cause, Stored};
use crate::{
    Key, Kind, ObjectId, Version,
    config::DirectoryConfig,
    index::{self, Unique},
};

/// A change, prepared: parsed, checked, keys and index rows computed.
#[derive(Debug, Clone)]
pub struct Draft {
    pub(super) act: Act,
    /// The object as it will be; of a new one, without a key.
    pub(super) next: Stored,
    pub(super) rows: Rows,
    pub(super) cause: Cause,
}

/// What a draft does; each names the version it was prepared from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Create,
    /// Writes all columns. `visible`: what a client sees changes, so the version rises.
    Replace {
        was: Version,
    },
    /// Moves `deleted` alone; by so many the count of the kind changes.
    Mark {
        was: Version,
        delta: i64,
    },
    Remove {
        was: Version,
        delta: i64,
    },
    Nothing {
        was: Version,
    },
}

/// Index rows to write and to take away.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) name: Vec<u8>,
    pub(super) external: Option<Vec<u8>>,
    pub(super) search: Difference<(i64, Vec<u8>)>,
    pub(super) unique: Difference<Unique>,
}

#[derive(Debug, Clone)]
pub(super) struct Difference<T> {
    pub(super) add: Vec<T>,
    pub(super) drop: Vec<T>,
}

impl<T> Default for Difference<T> {
    fn default() -> Self {
        Self { add: Vec::new(), drop: Vec::new() }
    }
}

/// Not of the document: computed, kept elsewhere, or kept nowhere.
const OUTSIDE: [&str; 6] = ["id", "meta", "schemas", "members", "groups", "password"];

impl Draft {
    /// A new object. `doc` is canonical ([`resource::accept`]); a user without `active` is active (checklist S-58).
    /// Errors with `invalidValue` where userName or displayName is missing or unfit.
    pub fn create(
        config: &DirectoryConfig,
        kind: Kind,
        id: ObjectId,
        doc: &Object,
        now: Timestamp,
    ) -> Result<Self, ScimError> {
        let mut doc = inside(doc);
        if kind == Kind::User && !doc.contains_key("active") {
            doc.insert("active".to_owned(), true.into());
        }
        let next = Stored {
            key: Key(0),
            id,
            kind,
            version: Version(1),
            active: active(&doc).unwrap_or(true),
            created: now,
            modified: now,
            deleted: None,
            deactivated: None,
            label: label(kind, &doc)?,
            doc: bytes(&doc)?,
        };
        let rows = Rows::between(config, &next, None, Some(&doc))?;
        Ok(Self { act: Act::Create, next, rows, cause: Cause::default() })
    }

    /// A new document for an object as it was read. The same document in another order changes nothing (checklist E-28).
    /// A user's `active` left out stays as it was (E-24).
    pub fn replace(
        config: &DirectoryConfig,
        was: &Stored,
        doc: &Object,
        now: Timestamp,
    ) -> Result<Self, ScimError> {
        let mut doc = doc.clone();
        if was.kind == Kind::User && !doc.contains_key("active") {
            doc.insert("active".to_owned(), active(&parsed(was)?).unwrap_or(was.active).into());
        }
        Self::change(config, was, &doc, None, now)
    }

    /// As [`Draft::replace`], of a document that says all: an `active` it hasn't was taken away (RFC 7644 §3.5.2.2). The
    /// user stays as active or inactive as it was: nobody gets or loses access by it.
    pub fn patch(
        config: &DirectoryConfig,
        was: &Stored,
        doc: &Object,
        now: Timestamp,
    ) -> Result<Self, ScimError> {
        Self::change(config, was, doc, None, now)
    }

    /// `DELETE` under a profile that deactivates: `active` false in document and row, and [`Stored::deactivated`] set.
    /// A second one changes nothing.
    pub fn deactivate(config: &DirectoryConfig, was: &Stored, now: Timestamp) -> Result<Self, ScimError> {
        let mut doc = parsed(was)?;
        doc.insert("active".to_owned(), false.into());
        Self::change(config, was, &doc, Some(now), now)
    }

    fn change(
        config: &DirectoryConfig,
        was: &Stored,
        doc: &Object,
        mark: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, ScimError> {
        let before = parsed(was)?;
        let doc = inside(doc);
        let active = active(&doc).unwrap_or(was.active);
        let deactivated = if active { None } else { was.deactivated.or(mark) };
        let seen = !resource::unchanged(&before, &doc);
        if !seen && deactivated == was.deactivated {
            return Ok(Self::nothing(was));
        }
        let mut next = Stored {
            active: active && was.deleted.is_none(),
            deactivated,
            label: label(was.kind, &doc)?,
            ..was.clone()
        };
        if seen {
            // What a client sees decides about version and time (checklist E-34); the mark alone it does not see.
            next.version = Version(was.version.0 + 1);
            next.modified = now;
            next.doc = bytes(&doc)?;
        }
        let rows = Rows::between(config, &next, Some(&before), Some(&doc))?;
        Ok(Self { act: Act::Replace { was: was.version }, next, rows, cause: Cause::default() })
    }

    /// Soft-deletes (keeps row and memberships; `active` false; the name becomes free) or restores (may find the name taken).
    pub fn mark_deleted(was: &Stored, deleted: Option<Timestamp>, now: Timestamp) -> Self {
        if was.deleted.is_some() == deleted.is_some() {
            return Self::nothing(was);
        }
        let active = deleted.is_none() && was.object().is_ok_and(|doc| active(&doc) == Some(true));
        let next =
            Stored { version: Version(was.version.0 + 1), modified: now, deleted, active, ..was.clone() };
        let delta = if deleted.is_some() { -1 } else { 1 };
        Self {
            act: Act::Mark { was: was.version, delta },
            next,
            rows: Rows::default(),
            cause: Cause::default(),
        }
    }

    /// Removes for good; its memberships go, the groups it was in get a new version and a feed row a membership.
    pub fn remove(config: &DirectoryConfig, was: &Stored, now: Timestamp) -> Result<Self, ScimError> {
        let before = parsed(was)?;
        let rows = Rows::between(config, was, Some(&before), None)?;
        let next = Stored { modified: now, active: false, ..was.clone() };
        let delta = if was.deleted.is_some() { 0 } else { -1 };
        Ok(Self { act: Act::Remove { was: was.version, delta }, next, rows, cause: Cause::default() })
    }

    fn nothing(was: &Stored) -> Self {
        Self {
            act: Act::Nothing { was: was.version },
            next: was.clone(),
            rows: Rows::default(),
            cause: Cause::default(),
        }
    }

    /// What caused it, noted in the feed.
    pub fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }

    /// Whether it would change anything.
    pub fn changes(&self) -> bool {
        !matches!(self.act, Act::Nothing { .. })
    }

    /// Whether it makes a new object.
    pub fn creates(&self) -> bool {
        self.act == Act::Create
    }

    /// Whether it removes the object for good.
    pub fn removes(&self) -> bool {
        matches!(self.act, Act::Remove { .. })
    }

    /// The object as it will be (a new one has no key yet).
    pub fn next(&self) -> &Stored {
        &self.next
    }
}

impl Rows {
    fn between(
        config: &DirectoryConfig,
        next: &Stored,
        before: Option<&Object>,
        after: Option<&Object>,
    ) -> Result<Self, ScimError> {
        let kind = next.kind;
        let searched = |doc: Option<&Object>| -> BTreeSet<(i64, Vec<u8>)> {
            let of_kind = config.indexed.iter().filter(|indexed| indexed.kind == kind);
            doc.map(|doc| of_kind.flat_map(|indexed| indexed.searched(doc)).collect()).unwrap_or_default()
        };
        let unique = |doc: Option<&Object>| -> Vec<Unique> {
            let of_kind = config.unique.iter().filter(|unique| unique.kind == kind);
            doc.map(|doc| of_kind.flat_map(|unique| unique.unique(doc)).collect()).unwrap_or_default()
        };
        let (old, new) = (searched(before), searched(after));
        let search = Difference {
            add: new.difference(&old).cloned().collect(),
            drop: old.difference(&new).cloned().collect(),
        };
        let (old, new) = (unique(before), unique(after));
        let not_in = |these: &[Unique], those: &[Unique]| -> Vec<Unique> {
            let same = |a: &Unique, b: &Unique| a.attribute == b.attribute && a.value == b.value;
            these.iter().filter(|a| !those.iter().any(|b| same(a, b))).cloned().collect()
        };
        let external = after.and_then(|doc| doc.get("externalId")).and_then(|value| value.as_str());
        Ok(Self {
            name: index::name(kind, &next.label)?,
            external: external.map(|text| index::cut(text.as_bytes().to_vec())),
            search,
            unique: Difference { add: not_in(&new, &old), drop: not_in(&old, &new) },
        })
    }
}

/// What of a document is stored.
fn inside(doc: &Object) -> Object {
    doc.iter()
        .filter(|(name, value)| !OUTSIDE.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether a document calls its user active; `None`: it says nothing, and the column knows.
fn active(doc: &Object) -> Option<bool> {
    doc.get("active").and_then(serde_json::Value::as_bool)
}

fn label(kind: Kind, doc: &Object) -> Result<String, ScimError> {
    let attribute = match kind {
        Kind::User => "userName",
        Kind::Group => "displayName",
    };
    match doc.get(attribute).and_then(|value| value.as_str()) {
        // PostgreSQL's text takes no U+0000 (checklist X-18).
        Some(text) if !text.trim().is_empty() && !text.contains('\0') => Ok(text.to_owned()),
        Some(_) => {
            Err(ScimError::bad(ScimType::InvalidValue, format!("{attribute} must hold a visible text")))
        }
        None => Err(ScimError::bad(ScimType::InvalidValue, format!("{attribute} is required"))),
    }
}

fn parsed(was: &Stored) -> Result<Object, ScimError> {
    was.object().map_err(|error| ScimError::status(500, error.to_string()))
}

fn bytes(doc: &Object) -> Result<Vec<u8>, ScimError> {
    serde_json::to_vec(doc).map_err(|error| ScimError::status(500, error.to_string()))
}
