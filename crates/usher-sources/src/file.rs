//! A file being read: errors with their lines, and how many bytes are done.
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Why a file can't be read. Nothing of it is imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct FileError {
    /// The line, from 1, where one is to blame and the message does not name it.
    pub line: Option<u64>,
    /// What is wrong and what to do.
    pub message: String,
}

impl FileError {
    /// At a line.
    pub(crate) fn at(line: u64, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }
    /// Of the file as a whole.
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }
    /// The operating system's.
    pub(crate) fn io(error: &io::Error) -> Self {
        Self::whole(match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "the file may not be read by this user".to_owned(),
            _ => format!("the file can't be read: {error}"),
        })
    }
}

/// How many bytes of a file are read; shared with whoever shows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Bytes so far.
    pub(crate) fn done(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts what goes through.
pub(crate) struct Metered<R> {
    inner: R,
    meter: Meter,
}

impl<R: Read> Metered<R> {
    pub(crate) fn new(inner: R, meter: Meter) -> Self {
        Self { inner, meter }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.meter.0.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Opens a regular file; its size.
pub(crate) fn open(path: &Path) -> Result<(std::fs::File, u64), FileError> {
    let file = std::fs::File::open(path).map_err(|error| FileError::io(&error))?;
    let about = file.metadata().map_err(|error| FileError::io(&error))?;
    if about.is_dir() {
        return Err(FileError::whole("this is a folder, not a file"));
    }
    Ok((file, about.len()))
}

/// The CSV files of a folder, in the order of their names; those that begin with a dot (somebody is still writing them, perhaps) are
/// left out, as are folders within.
pub(crate) fn csv_files(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut files = Vec::new();
    for item in std::fs::read_dir(folder).map_err(|error| FileError::io(&error))? {
        let path = item.map_err(|error| FileError::io(&error))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if !name.starts_with('.') && name.ends_with(".csv") && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
