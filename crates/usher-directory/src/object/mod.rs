//! Objects: users and groups with their members as rows. The only door to them.
//!
//! *Prepared outside, committed inside*: read an object, make a [`Draft`] on your own thread, and [`put`] it; a version that
//! moved meanwhile answers [`PutError::Stale`], and you prepare again.

mod block;
mod draft;
mod gone;
mod groups;
mod members;
mod put;
mod read;

use jiff::Timestamp;
use usher_scim::{AttributePath, Object, ResourceType, prepare, resource};
use usher_store::{FromRow, Row, StoreError};

use crate::{Key, Kind, ObjectId, Version};

#[cfg(test)]
pub(crate) use groups::{ALL_OF_ONE, GROUPS_BELOW, GROUPS_OF, GROUPS_OF_ONE, WITH_GROUPS};
#[cfg(test)]
pub(crate) use members::RESOLVE;
#[cfg(test)]
pub(crate) use read::{BY_GROUP_NAME, BY_IDS, BY_KEYS, HEADS, MEMBERS_OF, WALK_ALL, WALK_LIVE};

pub use block::put_all;
pub use draft::Draft;
pub use gone::{expired, gone, gone_by_name};
pub use groups::{WithGroups, all_groups_of, get_with_groups, groups_below, groups_of};
pub use members::{MemberOp, MembersPut, members, weighed_members};
pub use put::put;
pub use read::{
    Head, Link, by_email, by_ids, by_keys, by_name, count, get, heads, keys, links, member_count, members_of,
    objects_with_external, walk, walk_heads,
};

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
        serde_json::from_slice(&self.doc).map_err(|error| {
            StoreError::Bug(format!("the document of object {} is broken: {error}", self.key.0))
        })
    }
    /// userName or displayName.
    pub fn name(&self) -> &str {
        &self.label
    }
    /// Active, and not soft-deleted.
    pub fn counts(&self) -> bool {
        self.active && self.deleted.is_none()
    }
    /// The entity tag of this version (RFC 7644 §3.14), also `meta.version`.
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version.0)
    }
    /// The whole resource for evaluating filters and mappings: `doc` with `id`, `schemas` and `meta` (without `location`);
    /// no `members`, no `groups`.
    pub fn resource(&self, of: &ResourceType) -> Result<Object, StoreError> {
        let mut object = self.object()?;
        let schemas = resource::schemas(of, &object);
        object.insert("schemas".to_owned(), schemas.into());
        object.insert("id".to_owned(), self.id.to_string().into());
        let meta = [
            ("resourceType", of.name.clone()),
            ("created", prepare::print_time(self.created.as_millisecond())),
            ("lastModified", prepare::print_time(self.modified.as_millisecond())),
            ("version", self.etag()),
        ];
        let meta: Object = meta.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        object.insert("meta".to_owned(), meta.into());
        if self.kind == Kind::User && !object.contains_key("active") {
            // It was taken away by a PATCH; what is asked of it agrees with the column.
            object.insert("active".to_owned(), self.active.into());
        }
        Ok(object)
    }
}

/// The columns of a [`Stored`], of a table `o`.
macro_rules! columns {
    () => {
        "o.key, o.id, o.kind, o.version, o.active, o.created, o.modified, o.deleted, o.deactivated, o.label, o.doc"
    };
}
pub(crate) use columns;

impl FromRow for Stored {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.get(0)?,
            id: row.get(1)?,
            kind: row.get(2)?,
            version: row.get(3)?,
            active: row.get(4)?,
            created: row.get(5)?,
            modified: row.get(6)?,
            deleted: row.get(7)?,
            deactivated: row.get(8)?,
            label: row.get(9)?,
            doc: row.get(10)?,
        })
    }
}

/// What caused a change: an import run, a request. Ties a feed row to the log and the trail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cause {
    /// The run of a source.
    pub run: Option<i64>,
    /// The request's id.
    pub request: Option<uuid::Uuid>,
    /// The token that the request came with. It is kept with the object, not in the feed.
    pub token: Option<uuid::Uuid>,
}

/// Why a change was not stored. Give it back from the closure (or savepoint), so that what was written is undone.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum PutError {
    /// Read and prepare again.
    #[error("changed meanwhile")]
    Stale,
    #[error("gone meanwhile")]
    Gone,
    #[error("{attribute} \"{value}\" is already in use")]
    Taken { attribute: AttributePath, value: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// `userName`, for [`PutError::Taken`].
fn user_name_path() -> AttributePath {
    AttributePath { schema: None, name: "userName".to_owned(), filter: None, sub: None }
}
