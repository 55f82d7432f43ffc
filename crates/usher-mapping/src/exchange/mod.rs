//! Mappings to and from other forms: Microsoft Entra ID's synchronization schema (JSON), both ways, with a report of what was
//! taken, what had to be changed, and what stayed behind.
//!
//! Credentials are not part of a synchronization schema, and nothing here reads or writes any.

mod export;
mod import;
mod names;
mod scope;
mod source;

use usher_scim::ResourceType;

use crate::Known;

pub use export::export;
pub use import::{Import, Imported, ScopeTaken, import};

/// The largest document that is read, in bytes. Entra's own are some hundred thousand.
pub const MAX_DOCUMENT: usize = 8 * 1024 * 1024;

/// What the mappings of one kind are between.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What expressions may name.
    pub source: Known<'a>,
    /// The app's type, without attributes that a mapping adds.
    pub target: &'a ResourceType,
}

/// One thing of a document, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where it stands: a path into the JSON document, or the place in the mapping.
    pub at: String,
    /// What it is: a target attribute, a clause.
    pub what: String,
    /// Why it was changed or left out, in words.
    pub why: Option<String>,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Taken as it means.
    pub taken: Vec<Note>,
    /// Taken, but not as it was.
    pub changed: Vec<Note>,
    /// Left out: not understood by an import, not expressible by an export.
    pub left_out: Vec<Note>,
}

/// Why a document can't be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// It is longer than [`MAX_DOCUMENT`].
    #[error("the document is larger than {} MiB; a mapping is far smaller", MAX_DOCUMENT >> 20)]
    TooLarge,
    /// It is no JSON.
    #[error("this is no JSON document: {0}")]
    Json(String),
    /// It is JSON, but another document.
    #[error("this is no synchronization schema: {0}")]
    Other(String),
}

/// How a mapping is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Usher's own.
    Toml,
    /// Entra's synchronization schema.
    Entra,
}

impl Format {
    /// By what a text begins with: JSON with a brace, or with the bracket of an array that is no TOML table's header.
    pub fn of(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let array = text.strip_prefix('[').map(str::trim_start);
        let json_array = array.is_some_and(|rest| rest.starts_with(['{', '"', ']']));
        if text.starts_with('{') || json_array { Self::Entra } else { Self::Toml }
    }
}

impl Report {
    fn took(&mut self, at: &str, what: impl Into<String>) {
        self.taken.push(Note { at: at.to_owned(), what: what.into(), why: None });
    }
    fn change(&mut self, at: &str, what: impl Into<String>, why: impl Into<String>) {
        self.changed.push(Note { at: at.to_owned(), what: what.into(), why: Some(why.into()) });
    }
    fn leave_out(&mut self, at: &str, what: impl Into<String>, why: impl Into<String>) {
        self.left_out.push(Note { at: at.to_owned(), what: what.into(), why: Some(why.into()) });
    }
}
