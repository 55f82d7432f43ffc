//! What can go wrong, and what to do about it.

use std::time::Duration;

/// What can go wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A unique index or foreign key refused it. The name is the same on both databases for unique indexes
    /// (`object_name`) and primary keys (`object_pkey`); SQLite does not tell which foreign key failed and
    /// says `foreign_key`.
    #[error("a constraint refused the change ({constraint})")]
    Conflict {
        /// E.g. `object_name`.
        constraint: String,
    },
    /// The queue is full, or others kept this row too long; answer 503 with Retry-After.
    #[error("the database is busy, try again in {retry_after:?}")]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// A read ran over its limit.
    #[error("the query took too long")]
    TooSlow,
    /// The disk is full; nothing of the transaction stands.
    #[error("the disk is full")]
    Full,
    /// The database can't be reached or opened; the text says why and what to do.
    #[error("{0}")]
    Unavailable(String),
    /// The connection was lost during COMMIT: it may or may not stand. Read before writing again.
    #[error("the outcome of the commit is unknown")]
    Unknown,
    /// A mistake of ours: wrong SQL, a wrong type, a panic in a closure.
    #[error("internal storage error: {0}")]
    Bug(String),
}

impl StoreError {
    /// Busy, with the usual pause.
    pub(crate) fn busy() -> Self {
        Self::Busy { retry_after: Duration::from_secs(1) }
    }

    /// Whether this is the refusal by the constraint (or unique index) of that name.
    pub fn is_conflict(&self, name: &str) -> bool {
        matches!(self, Self::Conflict { constraint } if constraint == name)
    }
}
