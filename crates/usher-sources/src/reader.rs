//! Reading a source's files, whatever its kind.
use std::{io::BufReader, ops::ControlFlow, path::Path, time::SystemTime};

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
        self.paths().map(|path| std::fs::metadata(path).map_or(0, |about| about.len())).sum()
    }

    /// The files as they stand now.
    pub(crate) fn state(&self) -> FileState {
        FileState::of(self.paths())
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.paths()
    }

    /// Reads everything. Errors name the file; what was given out before one must not be used.
    pub(crate) fn read(
        &self,
        meter: &Meter,
        each: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let people = self.files.file.as_path();
        let form = self.files.form();
        whole(people, || match self.kind {
            SourceKind::Ldif => self.ldif(people, meter, each),
            SourceKind::Csv | SourceKind::Ldap => {
                csv::people(people, form, self.bound.as_deref(), meter, each)
            }
        })?;
        match &self.files.memberships {
            Some(path) => whole(path, || csv::memberships(path, form, meter, each)),
            None => Ok(()),
        }
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
