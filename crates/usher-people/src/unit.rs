//! Organizations and sites: to the rules the same thing, a named unit that people belong to.

use jiff::Timestamp;
use usher_directory::{DirectoryId, ObjectId};
use usher_store::{Snapshot, Tx};
use uuid::Uuid;

use crate::{Page, PeopleError};

/// Organization or site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnitKind {
    /// A person has at most one.
    Organization = 1,
    /// A person has at most one.
    Site = 2,
}

impl UnitKind {
    /// `organization`, `site`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Site => "site",
        }
    }
    /// `an organization`, `a site`.
    pub fn a(self) -> &'static str {
        match self {
            Self::Organization => "an organization",
            Self::Site => "a site",
        }
    }
}

/// An organization or site of one environment. Names are unique in it, ignoring case and outer blanks.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Its id.
    pub id: Uuid,
    /// Organization or site.
    pub kind: UnitKind,
    /// At most 128 characters.
    pub name: String,
    /// A disabled one is given to nobody; people who have it keep it.
    pub disabled: bool,
    /// The SCIM group that it is linked to (the oldest link, if several).
    pub group: Option<ObjectId>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// Makes one. `id` is a new UUIDv7. Records that named it in vain run through the rules again.
pub fn create(
    _tx: &mut Tx<'_>,
    _directory: DirectoryId,
    _kind: UnitKind,
    _name: &str,
    _id: Uuid,
    _now: Timestamp,
) -> Result<Unit, PeopleError> {
    todo!()
}

/// A page in the order of creation.
pub fn list(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _kind: UnitKind,
    _after: Option<&str>,
    _most: usize,
) -> Result<Page<Unit>, PeopleError> {
    todo!()
}

/// One by id, or by name (whole, ignoring case and outer blanks).
pub fn show(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _kind: UnitKind,
    _name_or_id: &str,
) -> Result<Option<Unit>, PeopleError> {
    todo!()
}

/// Disables or enables one. Records that refer to it run through the rules again.
pub fn set_disabled(
    _tx: &mut Tx<'_>,
    _directory: DirectoryId,
    _kind: UnitKind,
    _name_or_id: &str,
    _disabled: bool,
    _now: Timestamp,
) -> Result<Unit, PeopleError> {
    todo!()
}
