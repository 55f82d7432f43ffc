//! Watching the files of sources: whether they are others than the last import met, and whether nobody is writing to them.
//!
//! A file is looked at by name, size, times and number, not read. One that somebody is still writing to changes from look to look
//! and is left alone until it has stood still; one that is put in place by a rename is whole from the beginning.
use std::{
    collections::HashMap,
    fmt::Write as _,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

use usher_store::{Snapshot, Sql, StoreError, Tx, args};

use crate::source::{self, Source, SourceId};

/// Files as they stand: every name with its size, times and number. Two that are equal are the same files, unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState(String);

impl FileState {
    /// Of these files, now. One that is not there has a state too.
    pub fn of(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        let mut text = String::new();
        for path in paths {
            let path = path.as_ref();
            // Writing to a text can't fail.
            let _ = match std::fs::metadata(path) {
                Ok(about) => writeln!(
                    text,
                    "{} {} {}.{} {}.{} {}",
                    path.display(),
                    about.len(),
                    about.mtime(),
                    about.mtime_nsec(),
                    about.ctime(),
                    about.ctime_nsec(),
                    about.ino()
                ),
                Err(_) => writeln!(text, "{} -", path.display()),
            };
        }
        Self(text)
    }
}

/// What a look at a source's files found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// They are as the last import met them.
    Same,
    /// They are others, and may still be being written.
    Settling,
    /// They are others, and have stood still: an import reads them whole.
    Changed,
}

/// Remembers since when files stand still.
#[derive(Debug)]
pub struct Watch {
    settle: Duration,
    met: HashMap<SourceId, (FileState, Instant)>,
}

impl Watch {
    /// `settle`: how long a file must stand still before it is taken for whole.
    pub fn new(settle: Duration) -> Self {
        Self { settle, met: HashMap::new() }
    }

    /// Looks at a source's files. `imported`: as the last import met them.
    pub fn look(&mut self, id: SourceId, present: FileState, imported: &FileState, now: Instant) -> Look {
        if present == *imported {
            self.met.remove(&id);
            return Look::Same;
        }
        let since = match self.met.get(&id) {
            Some((met, since)) if *met == present => *since,
            _ => now,
        };
        self.met.insert(id, (present, since));
        if now.duration_since(since) >= self.settle { Look::Changed } else { Look::Settling }
    }
}

/// The sources that read files and have been imported once, with their files as the last import met them. The first import is
/// somebody's decision.
pub fn watched(on: &mut Snapshot<'_>) -> Result<Vec<(Source, FileState)>, StoreError> {
    const STATE: Sql = Sql::same("select state from file_state where source = $1");
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let block = source::list(on, &after)?;
        let Some(last) = block.last() else { return Ok(found) };
        after.clone_from(&last.name);
        for source in block {
            if source.settings.files().is_some()
                && let Some((state,)) = on.one::<(String,)>(&STATE, args![source.id.0])?
            {
                found.push((source, FileState(state)));
            }
        }
    }
}

/// Notes the files that an import has met.
pub(crate) fn met(tx: &mut Tx<'_>, source: SourceId, state: &FileState) -> Result<(), StoreError> {
    const MET: Sql = Sql::same(
        "insert into file_state (source, state) values ($1, $2) on conflict (source) do update set state = excluded.state",
    );
    tx.exec(&MET, args![source.0, &state.0]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_left_alone_until_it_stands_still() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        let state = || FileState::of([path.as_path()]);
        let missing = state();
        std::fs::write(&path, "mail\n").unwrap();
        let imported = state();
        assert_ne!(missing, imported);
        let (mut watch, id, start) = (Watch::new(Duration::from_secs(2)), SourceId(1), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(watch.look(id, state(), &imported, at(0)), Look::Same);
        // Written to at each look, then left.
        for second in 1..5 {
            std::fs::write(&path, "mail\n".repeat(second as usize + 1)).unwrap();
            assert_eq!(watch.look(id, state(), &imported, at(second)), Look::Settling);
        }
        assert_eq!(watch.look(id, state(), &imported, at(5)), Look::Settling);
        assert_eq!(watch.look(id, state(), &imported, at(6)), Look::Changed);
        assert_eq!(watch.look(id, state(), &state(), at(7)), Look::Same);
    }

    #[test]
    fn a_file_put_in_place_by_a_rename_is_another_one_even_with_the_same_size() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("people.csv"), folder.path().join("new"));
        std::fs::write(&path, "mail\na@x\n").unwrap();
        let before = FileState::of([path.as_path()]);
        std::fs::write(&new, "mail\nb@x\n").unwrap();
        std::fs::rename(&new, &path).unwrap();
        assert_ne!(FileState::of([path.as_path()]), before);
    }
}
