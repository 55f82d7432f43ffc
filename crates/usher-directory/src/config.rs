//! A directory's compiled configuration, cached by (directory, epoch): changing configuration bumps the epoch.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use usher_scim::{ResourceType, ScimError, Tolerance, schema};
use usher_store::{Snapshot, Sql, StoreError, Tx, args};

pub use crate::index::Indexed;
use crate::{
    DirectoryId, Kind, extension, indexing,
    loss::{self, LossSettings},
    profile::{self, Profile},
};

/// Everything about a directory that requests need, ready to use.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct DirectoryConfig {
    pub id: DirectoryId,
    pub epoch: i64,
    pub profile: &'static Profile,
    pub tolerance: Tolerance,
    pub user: ResourceType,
    pub group: ResourceType,
    /// Attributes with rows in the search index.
    pub indexed: Vec<Indexed>,
    /// Attributes, beside userName, of which no two objects may have one value.
    pub unique: Vec<Indexed>,
    /// The most documents (and members) a query may look at; 100,000.
    pub scan_limit: usize,
    /// The guard against mass loss; `None`: it is off, as in directories of the provisioning side.
    pub loss: Option<LossSettings>,
}

impl DirectoryConfig {
    /// Compiles it.
    pub fn new(
        id: DirectoryId,
        epoch: i64,
        profile: &'static Profile,
        tolerance: Tolerance,
    ) -> Result<Self, ScimError> {
        let mut extensions = vec![schema::enterprise_user()];
        let mut group = schema::group();
        if profile.four_me_schema {
            extensions = vec![schema::enterprise_user_4me(), schema::custom_fields_4me()];
            group = schema::group_4me();
        }
        if profile.open_extension {
            extensions.push(schema::directory_user(Vec::new()));
        }
        let user = ResourceType::user(schema::user(), extensions);
        let group = ResourceType::group(group);
        let mut unique = Vec::new();
        if profile.group_name_unique {
            unique.push(Indexed::new(GROUP_DISPLAY_NAME, Kind::Group, &group, "displayName")?);
        }
        let indexed = vec![Indexed::new(EMAILS, Kind::User, &user, "emails.value")?];
        Ok(Self {
            id,
            epoch,
            profile,
            tolerance,
            user,
            group,
            indexed,
            unique,
            scan_limit: SCAN_LIMIT,
            loss: None,
        })
    }

    /// The resource type of a kind.
    pub fn resource_type(&self, kind: Kind) -> &ResourceType {
        match kind {
            Kind::User => &self.user,
            Kind::Group => &self.group,
        }
    }
}

/// `emails.value` in `search`.
pub(crate) const EMAILS: i64 = 1;
/// A group's `displayName` in `taken`.
const GROUP_DISPLAY_NAME: i64 = 2;

/// The most documents that a query looks at, unless said otherwise.
const SCAN_LIMIT: usize = 100_000;

/// The cache; one a process, cheap to clone.
#[derive(Debug, Clone)]
pub struct Configs {
    cache: Arc<Mutex<HashMap<DirectoryId, Arc<DirectoryConfig>>>>,
    scan_limit: usize,
}

impl Default for Configs {
    fn default() -> Self {
        Self::scanning(SCAN_LIMIT)
    }
}

impl Configs {
    /// A cache of configurations whose queries look at so many documents at most.
    pub fn scanning(most: usize) -> Self {
        Self { cache: Arc::default(), scan_limit: most }
    }

    /// The configuration of this epoch (from [`crate::token::authenticate`]), if it is cached; else [`Configs::get`] reads it.
    pub fn known(&self, id: DirectoryId, epoch: i64) -> Option<Arc<DirectoryConfig>> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(&id).filter(|config| config.epoch == epoch).map(Arc::clone)
    }

    /// The configuration as of this snapshot; `None`: no such directory.
    pub fn get(
        &self,
        on: &mut Snapshot<'_>,
        id: DirectoryId,
    ) -> Result<Option<Arc<DirectoryConfig>>, StoreError> {
        const READ: Sql = Sql::same(
            "select d.epoch, d.profile, a.strict from directory d left join account a on a.id = d.account where d.id = $1",
        );
        let Some((epoch, profile, strict)) = on.one::<(i64, String, Option<bool>)>(&READ, args![id])? else {
            return Ok(None);
        };
        if let Some(config) = self.known(id, epoch) {
            return Ok(Some(config));
        }
        let profile = profile::by_name(&profile).ok_or_else(|| {
            StoreError::Bug(format!("directory {} has the unknown profile {profile}", id.0))
        })?;
        let tolerance = if strict == Some(true) { Tolerance::Strict } else { Tolerance::Tolerant };
        let mut config = DirectoryConfig::new(id, epoch, profile, tolerance)
            .map_err(|error| StoreError::Bug(format!("profile {}: {error}", profile.name)))?;
        config.scan_limit = self.scan_limit;
        for extension in extension::of_directory(on, id)? {
            let of = match extension.kind {
                Kind::User => &mut config.user,
                Kind::Group => &mut config.group,
            };
            of.extensions.push((Arc::new(extension.schema), false));
        }
        indexing::compile(on, &mut config)?;
        if strict.is_some() {
            config.loss = Some(loss::settings(on, id)?).filter(|settings| settings.hold);
        }
        let config = Arc::new(config);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = cache.entry(id).or_insert_with(|| Arc::clone(&config));
        if newest.epoch < epoch {
            *newest = Arc::clone(&config);
        }
        Ok(Some(config))
    }
}

/// Says that the directory's configuration is another from this commit on.
pub(crate) fn bump(tx: &mut Tx<'_>, id: DirectoryId) -> Result<(), StoreError> {
    const BUMP: Sql = Sql::same("update directory set epoch = epoch + 1 where id = $1");
    tx.exec(&BUMP, args![id]).map(drop)
}
