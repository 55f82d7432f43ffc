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
    /// Exact number of matches at this moment; of a walk that goes on, the larger of the first and the present one, as far as that is cheap.
    pub total: u64,
    /// Where to go on, for [`From::After`]: the last key handed out (or looked at, where a scan ended early).
    pub last: Option<Key>,
    /// Whether more may follow; `false`: this was the last page.
    pub more: bool,
}

/// What a result is sorted by (RFC 7644 §3.4.2.3).
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Sort {
    pub by: usher_scim::AttributePath,
    pub descending: bool,
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
    /// Sorted, ties by creation; `400 invalidValue` for a complex or unknown attribute. A sorted page takes [`From::Index`] only.
    pub fn sorted(self, _config: &DirectoryConfig, _sort: &Sort) -> Result<Self, ScimError> {
        todo!()
    }
    /// The error for a query that ran over the scan limit or its time: `400 tooMany` naming the attribute to index.
    pub fn too_many(&self) -> ScimError {
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
