//! Keeps people in step with their directories: the one async module.

use tokio::sync::watch;
use usher_directory::DirectoryId;

use crate::{People, PeopleError};

/// Runs the rules of every account's environments until `shutdown` turns true: woken by commits of this process, and every
/// 20 ms by a look for changes of others. Leases say which instance serves which directory. Errors are logged and tried again.
pub async fn run(_people: People, _shutdown: watch::Receiver<bool>) {
    todo!()
}

/// What [`catch_up`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaughtUp {
    /// Executions by this call.
    pub executions: u64,
}

/// Returns when nothing is left to do for this directory: the feed is read to its end and no work is due. Where another
/// holds the directory's lease, waits until that one has done it.
pub async fn catch_up(_people: &People, _directory: DirectoryId) -> Result<CaughtUp, PeopleError> {
    todo!()
}
