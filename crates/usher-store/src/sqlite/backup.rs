//! A copy of the database to a file, made in steps on the writer's own connection: what is written between two steps is
//! carried over into what was copied already, so that the copy ends however much is written meanwhile.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::mpsc::Sender,
    time::Duration,
};

use rusqlite::backup::{Backup, StepResult};

use super::Connection;
use crate::{Copied, StoreError, job::Waiting};

/// Pages of a step: 1 MB, a few milliseconds.
const PAGES: i32 = 256;
/// Somebody outside holds a lock on the file.
const PAUSE: Duration = Duration::from_millis(5);

/// A backup that was asked for.
pub(crate) struct Order {
    pub(crate) to: PathBuf,
    pub(crate) tell: Sender<News>,
}

/// What whoever waits for a backup hears.
pub(crate) enum News {
    Copied(Copied),
    Ended(Result<(), StoreError>),
}

impl Waiting for Order {
    fn refuse(self, error: StoreError) {
        self.end(Err(error));
    }
}

impl Order {
    /// Copies `source`, doing `between` after each step, which answers whether the copy can go on.
    pub(super) fn copy(
        &self,
        source: &Connection,
        mut between: impl FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let part = Part::make(&self.to)?;
        let mut target = rusqlite::Connection::open(&part.0).map_err(failed)?;
        // Nobody reads it before it is whole, and then it is synced as one.
        target.pragma_update(None, "journal_mode", "off").map_err(failed)?;
        target.pragma_update(None, "synchronous", "off").map_err(failed)?;
        let backup = Backup::new(source.raw(), &mut target).map_err(failed)?;
        loop {
            match backup.step(PAGES).map_err(failed)? {
                StepResult::Done => break,
                StepResult::More => {}
                _ => std::thread::sleep(PAUSE),
            }
            let progress = backup.progress();
            let number = |pages: i32| u64::try_from(pages).unwrap_or_default();
            let (of, left) = (number(progress.pagecount), number(progress.remaining));
            self.say(News::Copied(Copied { pages: of.saturating_sub(left), of }));
            between()?;
        }
        drop(backup);
        target.close().map_err(|(_, error)| failed(error))?;
        part.keep(&self.to)
    }

    pub(super) fn end(self, result: Result<(), StoreError>) {
        self.say(News::Ended(result));
    }

    fn say(&self, news: News) {
        // Where nobody waits any more, the copy is made all the same.
        let _ = self.tell.send(news);
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Unavailable(format!("the backup failed: {error}")),
    }
}

/// A file that is not whole yet; removed unless it is kept.
struct Part(PathBuf);

impl Part {
    fn make(to: &Path) -> Result<Self, StoreError> {
        let unavailable = |what: &str| StoreError::Unavailable(format!("{} {what}", to.display()));
        if to.exists() {
            return Err(unavailable("exists already; name a new file for the backup"));
        }
        let mut name = to.file_name().ok_or_else(|| unavailable("is no name of a file"))?.to_owned();
        name.push(".part");
        let part = to.with_file_name(name);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&part)
            .map_err(|error| StoreError::Unavailable(format!("{} can't be made: {error}", part.display())))?;
        Ok(Self(part))
    }

    /// Makes it durable, and gives it its name.
    fn keep(self, to: &Path) -> Result<(), StoreError> {
        let kept = File::open(&self.0).and_then(|file| file.sync_all()).and_then(|()| {
            std::fs::rename(&self.0, to)?;
            match to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                Some(folder) => File::open(folder)?.sync_all(),
                None => Ok(()),
            }
        });
        kept.map_err(|error| StoreError::Unavailable(format!("{} can't be written: {error}", to.display())))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Gone already where it got its name.
        let _ = std::fs::remove_file(&self.0);
    }
}
