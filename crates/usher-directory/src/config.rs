//! A directory's compiled configuration, cached by (directory, epoch): changing configuration bumps the epoch.
use std::sync::Arc;

use usher_scim::{ResourceType, Tolerance};
use usher_store::{Snapshot, StoreError};

use crate::{DirectoryId, Kind, profile::Profile};

/// Everything about a directory that requests need, ready to use.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct DirectoryConfig {
    pub id: DirectoryId,
    pub epoch: i64,
    pub profile: &'static Profile,
    pub tolerance: Tolerance,
    pub user: ResourceType,
    pub group: ResourceType,
}

impl DirectoryConfig {
    /// The resource type of a kind.
    pub fn resource_type(&self, kind: Kind) -> &ResourceType {
        match kind {
            Kind::User => &self.user,
            Kind::Group => &self.group,
        }
    }
}

/// The cache; one a process, cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Configs(());

impl Configs {
    /// As [`Configs::get`], without a read where this epoch (from [`crate::token::authenticate`]) is cached.
    pub fn at(
        &self,
        _on: &mut Snapshot<'_>,
        _id: DirectoryId,
        _epoch: i64,
    ) -> Result<Option<Arc<DirectoryConfig>>, StoreError> {
        todo!()
    }
    /// The configuration as of this snapshot; `None`: no such directory.
    pub fn get(
        &self,
        _on: &mut Snapshot<'_>,
        _id: DirectoryId,
    ) -> Result<Option<Arc<DirectoryConfig>>, StoreError> {
        todo!()
    }
}
