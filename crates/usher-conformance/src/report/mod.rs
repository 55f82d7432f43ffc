//! A report as text, JSON and JUnit, and the checklist as a page.

mod junit;
mod markdown;
mod text;

pub use markdown::page;

use crate::verdict::{Report, Verdict};

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people: what failed and what to do, what to fix first.
    Text,
    /// Everything, transcripts included.
    Json,
    /// For build servers.
    Junit,
}

impl Format {
    /// By name: `text`, `json`, `junit`.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            "junit" => Some(Self::Junit),
            _ => None,
        }
    }
}

impl Report {
    /// The whole report in a format.
    pub fn print(&self, format: Format) -> String {
        match format {
            Format::Text => text::print(self),
            Format::Json => serde_json::json!({"ok": self.ok(), "report": self}).to_string(),
            Format::Junit => junit::print(self),
        }
    }

    /// Everything that went over the wire, a text for each case that sent something: file name, text.
    pub fn transcripts(&self) -> Vec<(String, String)> {
        let sent = self.outcomes.iter().filter(|outcome| !outcome.transcript.is_empty());
        sent.map(|outcome| (format!("{}.txt", outcome.id), text::transcript(outcome))).collect()
    }
}

/// `pass`, `fail`, `skipped`.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail(_) => "fail",
        Verdict::Skipped { .. } => "skipped",
    }
}
