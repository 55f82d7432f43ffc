//! Who may change an object by hand or over SCIM: asked in the transaction that changes it.
//!
//! A directory knows nothing of what fills it. Whoever does (the sources) says here which objects, and which of their attributes,
//! are its own.

use usher_scim::Object;
use usher_store::{Snapshot, StoreError};

use crate::{config::DirectoryConfig, object::Stored};

/// What somebody means to do with an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Intent<'i> {
    /// Give it this document.
    Write(&'i Object),
    /// Change its members.
    Members,
    /// Soft-delete it, or remove it for good.
    Delete,
    /// Take a soft-deletion back.
    Restore,
}

/// Says no.
pub trait Guard: Send + Sync {
    /// `Some`: refused; why, and what to do instead.
    ///
    /// # Errors
    /// What the store says.
    fn refuses(
        &self,
        on: &mut Snapshot<'_>,
        config: &DirectoryConfig,
        was: &Stored,
        intent: Intent<'_>,
    ) -> Result<Option<String>, StoreError>;
}
