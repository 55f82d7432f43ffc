//! Reading a source's files, whatever its kind.
use std::{
    io::BufReader,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;

use crate::{
    csv,
    entry::Found,
    file::{self, FileError, Meter, Metered},
    ldap::Ldap,
    ldif,
    source::{Files, SourceKind},
    watch::FileState,
};

/// What is read, and how.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) kind: SourceKind,
    pub(crate) files: Files,
    /// By what an earlier import told people apart.
    pub(crate) bound: Option<String>,
    /// What `Now()` gives.
    pub(crate) now: Timestamp,
}

impl Job {
    /// The files' sizes together; what can't be opened counts nothing.
    pub(crate) fn size(&self) -> u64 {
        let sizes =
            self.files.paths().into_iter().map(|path| std::fs::metadata(path).map_or(0, |about| about.len()));
        sizes.sum()
    }

    /// The files as they stand now.
    pub(crate) fn state(&self) -> FileState {
        FileState::of(self.files.paths())
    }

    /// Reads everything. Errors name the file; what was given out before one must not be used.
    pub(crate) fn read(
        &self,
        meter: &Meter,
        each: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), String> {
        if self.kind == SourceKind::Ldif {
            let file = self.files.file.as_path();
            return whole(file, || self.ldif(file, meter, each));
        }
        self.csv(meter, each)
    }

    /// People of all files first, then groups, which may have their members in several.
    fn csv(&self, meter: &Meter, each: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), String> {
        let (form, bound) = (self.files.form(), self.bound.as_deref());
        let mut groups = csv::Groups::default();
        let is_folder = self.files.file.is_dir();
        let files = if is_folder { self.folder()? } else { vec![self.files.file.clone()] };
        for path in &files {
            let read = || match is_folder && csv::has_memberships(path, form)? {
                true => groups.read(path, form, meter),
                false => {
                    csv::people(path, form, bound, meter, &mut |found| each(named(found, path, is_folder)))
                }
            };
            whole(path, read)?;
        }
        if let Some(path) = &self.files.memberships {
            whole(path, || groups.read(path, form, meter))?;
        }
        if is_folder && self.folder()? != files {
            return Err(format!("{}: {}", self.files.file.display(), moved()));
        }
        groups.give(each);
        Ok(())
    }

    fn folder(&self) -> Result<Vec<PathBuf>, String> {
        let folder = &self.files.file;
        let files = file::csv_files(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        if files.is_empty() {
            return Err(format!(
                "{}: there is no file in this folder whose name ends in .csv",
                folder.display()
            ));
        }
        Ok(files)
    }

    fn ldif(
        &self,
        path: &Path,
        meter: &Meter,
        each: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), FileError> {
        let ldap = Ldap::new(self.now, None)?;
        let reader = |meter: &Meter| {
            let (file, _) = file::open(path)?;
            Ok(ldif::Reader::new(BufReader::with_capacity(1 << 16, Metered::new(file, meter.clone()))))
        };
        let mut found = |record: &ldif::Record| each(ldap.found(record, self.bound.as_deref()));
        if ldif::contents::has_changes(reader(&Meter::default())?)? {
            // What a later change may still touch can't be given out before the end.
            let _ = ldif::contents::contents(reader(meter)?)?.iter().try_for_each(&mut found);
            return Ok(());
        }
        for item in reader(meter)? {
            let ldif::Item::Entry(record) = item? else { return Err(moved()) };
            if found(&record).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// With the file's name before the entry's, where there are several.
fn named(mut found: Found, path: &Path, several: bool) -> Found {
    let label = match &mut found {
        _ if !several => None,
        Found::Entry(entry) => Some(&mut entry.label),
        Found::Refused { error, .. } => Some(&mut error.entry),
        Found::Same { .. } | Found::Other => None,
    };
    if let (Some(label), Some(name)) = (label, path.file_name()) {
        *label = format!("{}: {label}", name.to_string_lossy());
    }
    found
}

fn moved() -> FileError {
    FileError::whole("the file changed while it was read; try again when it is complete")
}

/// Names the file in errors, and refuses one that was written to while it was read.
fn whole(path: &Path, read: impl FnOnce() -> Result<(), FileError>) -> Result<(), String> {
    let named = |error: FileError| format!("{}: {error}", path.display());
    let before = stamp(path);
    read().map_err(named)?;
    if stamp(path) != before {
        return Err(named(moved()));
    }
    Ok(())
}

fn stamp(path: &Path) -> Option<(u64, Option<SystemTime>)> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.len(), about.modified().ok()))
}
