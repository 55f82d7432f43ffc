//! Objects: users and groups with their members as rows. The only door to them.
//!
//! *Prepared outside, committed inside*: read an object, make a [`Draft`] on your own thread, and [`put`] it; a version that
//! moved meanwhile answers [`PutError::Stale`], and you prepare again.
use jiff::Timestamp;
use usher_scim::{AttributePath, Object, ResourceType, ScimError};
use usher_store::{Snapshot, StoreError, Tx};

use crate::{DirectoryId, Key, Kind, ObjectId, Version, config::DirectoryConfig};

/// An object as stored. `doc` is what the client wrote, canonical, without id, meta, members, groups and secrets.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Stored {
    pub key: Key,
    pub id: ObjectId,
    pub kind: Kind,
    pub version: Version,
    pub active: bool,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// Soft-deleted since (directories of the provisioning side); no query finds it.
    pub deleted: Option<Timestamp>,
    /// Inactive by `DELETE` under a deactivating profile, since; cleared when it becomes active again. Queries find it.
    pub deactivated: Option<Timestamp>,
    /// userName or displayName, as written.
    pub label: String,
    pub doc: Vec<u8>,
}

impl Stored {
    /// `doc` parsed.
    pub fn object(&self) -> Result<Object, StoreError> {
        todo!()
    }
    /// userName or displayName.
    pub fn name(&self) -> &str {
        &self.label
    }
    /// The whole resource for evaluating filters and mappings: `doc` with `id`, `schemas` and `meta` (without `location`);
    /// no `members`, no `groups`.
    pub fn resource(&self, _of: &ResourceType) -> Result<Object, StoreError> {
        todo!()
    }
}

/// A change, prepared: parsed, checked, keys and index rows computed.
#[derive(Debug, Clone)]
pub struct Draft(());

impl Draft {
    /// A new object.
    pub fn create(
        _config: &DirectoryConfig,
        _kind: Kind,
        _id: ObjectId,
        _doc: &Object,
        _now: Timestamp,
    ) -> Result<Self, ScimError> {
        todo!()
    }
    /// A new document for an object as it was read.
    pub fn replace(
        _config: &DirectoryConfig,
        _was: &Stored,
        _doc: &Object,
        _now: Timestamp,
    ) -> Result<Self, ScimError> {
        todo!()
    }
    /// `DELETE` under a profile that deactivates: `active` false in document and row, and [`Stored::deactivated`] set.
    /// A second one changes nothing.
    pub fn deactivate(_config: &DirectoryConfig, _was: &Stored, _now: Timestamp) -> Result<Self, ScimError> {
        todo!()
    }
    /// Soft-deletes (keeps row and memberships; `active` false; the name becomes free) or restores (may find the name taken).
    pub fn mark_deleted(_was: &Stored, _deleted: Option<Timestamp>, _now: Timestamp) -> Self {
        todo!()
    }
    /// Removes for good; its memberships go, groups it was in get a feed row.
    pub fn remove(_was: &Stored, _now: Timestamp) -> Self {
        todo!()
    }
    /// What caused it, noted in the feed.
    pub fn because(self, _cause: Cause) -> Self {
        todo!()
    }
    /// Whether it would change anything.
    pub fn changes(&self) -> bool {
        todo!()
    }
}

/// What caused a change: an import run, a request. Ties a feed row to the log and the trail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cause {
    /// The run of a source.
    pub run: Option<i64>,
    /// The request's id.
    pub request: Option<uuid::Uuid>,
}

/// Why a change was not stored.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum PutError {
    #[error("changed meanwhile")]
    Stale,
    #[error("gone meanwhile")]
    Gone,
    #[error("{attribute} \"{value}\" is already in use")]
    Taken { attribute: AttributePath, value: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores a draft and leaves a feed row. An unchanged document bumps nothing and answers the version it has.
pub fn put(_tx: &mut Tx<'_>, _directory: DirectoryId, _draft: &Draft) -> Result<Stored, PutError> {
    todo!()
}

/// A member to add, remove, or set.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum MemberOp {
    Add(Vec<ObjectId>),
    Remove(Vec<ObjectId>),
    Replace(Vec<ObjectId>),
    Clear,
}

/// What a change of members did.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct MembersPut {
    pub version: Version,
    pub added: u64,
    pub removed: u64,
    /// Ids that name no object of this directory (or the group itself): nothing was stored for them.
    pub unknown: Vec<ObjectId>,
}

/// Changes members without reading the others; bumps the group's version and leaves a feed row a membership only where something
/// changed. `was`: refuse with `Stale` unless the group has this version. Unknown ids are reported; the caller decides whether to err.
pub fn members(
    _tx: &mut Tx<'_>,
    _directory: DirectoryId,
    _group: Key,
    _was: Option<Version>,
    _ops: &[MemberOp],
    _cause: Cause,
    _now: Timestamp,
) -> Result<MembersPut, PutError> {
    todo!()
}

/// By SCIM id (soft-deleted ones too).
pub fn get(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _id: ObjectId,
) -> Result<Option<Stored>, StoreError> {
    todo!()
}
/// By keys of this directory, in key order; missing ones are left out.
pub fn by_keys(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _keys: &[Key],
) -> Result<Vec<Stored>, StoreError> {
    todo!()
}
/// By prepared userName (unique) or displayName (first by key).
pub fn by_name(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _kind: Kind,
    _name: &str,
) -> Result<Option<Stored>, StoreError> {
    todo!()
}
/// Objects of a kind with this externalId (case-exact; soft-deleted ones too), oldest first, at most 100.
pub fn objects_with_external(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _kind: Kind,
    _external_id: &str,
) -> Result<Vec<Stored>, StoreError> {
    todo!()
}
/// Users (not soft-deleted) with this address among `emails`, ignoring case, oldest first, at most 100.
pub fn by_email(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _email: &str,
) -> Result<Vec<Stored>, StoreError> {
    todo!()
}
/// A block of a walk over a kind in key order (soft-deleted ones too if asked).
pub fn walk(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _kind: Kind,
    _after: Option<Key>,
    _most: usize,
    _deleted_too: bool,
) -> Result<Vec<Stored>, StoreError> {
    todo!()
}
/// A member or a group of somebody.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Link {
    pub key: Key,
    pub id: ObjectId,
    pub kind: Kind,
    /// userName or displayName.
    pub name: String,
}
/// A group's members in key order, a block.
pub fn members_of(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _group: Key,
    _after: Option<Key>,
    _most: usize,
) -> Result<Vec<Link>, StoreError> {
    todo!()
}
/// How many members a group has.
pub fn member_count(_on: &mut Snapshot<'_>, _directory: DirectoryId, _group: Key) -> Result<i64, StoreError> {
    todo!()
}
/// Direct groups of each of these objects, oldest membership first: one join for a whole page.
pub fn groups_of(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _objects: &[Key],
) -> Result<Vec<(Key, Link)>, StoreError> {
    todo!()
}
/// Direct and indirect groups (through groups in groups; cycles end) of each of these objects; `true` = direct. Direct ones
/// come first, oldest membership first.
pub fn all_groups_of(
    _on: &mut Snapshot<'_>,
    _directory: DirectoryId,
    _objects: &[Key],
) -> Result<Vec<(Key, Link, bool)>, StoreError> {
    todo!()
}
/// Objects of a kind (not soft-deleted): exact, one read.
pub fn count(_on: &mut Snapshot<'_>, _directory: DirectoryId, _kind: Kind) -> Result<i64, StoreError> {
    todo!()
}
