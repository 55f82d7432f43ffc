//! Filters over a directory: planned as exact, narrowed or scan; the index narrows, the evaluator decides.
use usher_scim::{Filter, ScimError};
use usher_store::{Snapshot, StoreError};

use crate::{Key, Kind, config::DirectoryConfig, object::Stored};

/// How a filter will be answered.
#[derive(Debug, Clone)]
pub struct QueryPlan(());

/// For tests and `docs`: which way a plan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Way {
    Exact,
    Narrowed,
    Scan,
}

/// Where a page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum From {
    /// 1-based position.
    Index(u64),
    /// Right after this key; `total` as the walk began.
    After { key: Key, total: u64 },
}

/// A page.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Page {
    pub objects: Vec<Stored>,
    /// Exact number of matches at this moment.
    pub total: u64,
    /// The last key handed out, to go on from.
    pub last: Option<Key>,
}

/// Why not.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum QueryError {
    #[error(transparent)]
    Scim(#[from] ScimError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QueryPlan {
    /// Plans; `None` = all objects of the kind.
    pub fn new(_config: &DirectoryConfig, _kind: Kind, _filter: Option<&Filter>) -> Result<Self, ScimError> {
        todo!()
    }
    /// Which way it goes.
    pub fn way(&self) -> Way {
        todo!()
    }
}

/// Reads a page in key (creation) order; over the scan limit: `400 tooMany` naming the attribute to index.
pub fn page(
    _on: &mut Snapshot<'_>,
    _config: &DirectoryConfig,
    _plan: &QueryPlan,
    _from: From,
    _count: u32,
) -> Result<Page, QueryError> {
    todo!()
}
