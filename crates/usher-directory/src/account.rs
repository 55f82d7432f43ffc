//! Accounts (the app's tenant) with their two environments, and directories of the provisioning side.
use jiff::Timestamp;
use usher_store::{Snapshot, StoreError, Tx};

use crate::{AccountId, DirectoryId, Environment};

/// An account.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    /// `standard`, `4me`, `elium`.
    pub profile: String,
    pub strict: bool,
    pub created: Timestamp,
    pub production: DirectoryId,
    pub qa: DirectoryId,
}

/// Why an account or directory can't be made or found.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum AccountError {
    #[error("there is an account or directory named {0} already")]
    Taken(String),
    #[error("a name is 1 to 64 letters, digits, - and _, beginning with a letter: {0}")]
    Name(String),
    #[error("there is no profile {0}; there are standard, 4me, elium")]
    Profile(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes an account with both environments.
pub fn create(
    _tx: &mut Tx<'_>,
    _name: &str,
    _profile: &str,
    _now: Timestamp,
) -> Result<Account, AccountError> {
    todo!()
}
/// Whether dialects of clients are refused; holds for both environments at once.
pub fn set_strict(_tx: &mut Tx<'_>, _account: AccountId, _strict: bool) -> Result<(), StoreError> {
    todo!()
}
/// By name, ignoring case.
pub fn by_name(_on: &mut Snapshot<'_>, _name: &str) -> Result<Option<Account>, StoreError> {
    todo!()
}
/// All, by name.
pub fn list(_on: &mut Snapshot<'_>) -> Result<Vec<Account>, StoreError> {
    todo!()
}
/// The account and environment a directory belongs to; `None` for a directory of the provisioning side.
pub fn of_directory(
    _on: &mut Snapshot<'_>,
    _id: DirectoryId,
) -> Result<Option<(Account, Environment)>, StoreError> {
    todo!()
}
/// Makes a directory of the provisioning side (profile `directory`: standard plus the open extension).
pub fn create_directory(_tx: &mut Tx<'_>, _name: &str, _now: Timestamp) -> Result<DirectoryId, AccountError> {
    todo!()
}
/// A directory of the provisioning side by name.
pub fn directory_by_name(_on: &mut Snapshot<'_>, _name: &str) -> Result<Option<DirectoryId>, StoreError> {
    todo!()
}
/// Directories of the provisioning side, by name.
pub fn list_directories(_on: &mut Snapshot<'_>) -> Result<Vec<(DirectoryId, String, Timestamp)>, StoreError> {
    todo!()
}
