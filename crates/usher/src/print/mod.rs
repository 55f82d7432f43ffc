//! Results on stdout: tables for people, one documented JSON shape with `--json`. Everything else goes to stderr.

pub(crate) mod answer;
mod app;
mod explain;
pub(crate) mod log;
mod mapping;
mod rule;
mod trail;
mod unit;

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use usher_admin::{AdminError, Answer};
use usher_api::{Failure, FailureBody};

/// How results are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    pub(crate) json: bool,
}

impl Printer {
    /// An answer.
    pub(crate) fn answer(self, answer: &Answer) -> anyhow::Result<()> {
        if self.json { self.json(&answer.to_json()?) } else { self.text(&answer::text(answer)) }
    }

    /// JSON, or text for people.
    pub(crate) fn either(self, json: &serde_json::Value, text: &str) -> anyhow::Result<()> {
        if self.json { self.json(json) } else { self.text(text) }
    }

    /// One JSON value on a line of its own.
    pub(crate) fn json(self, value: &serde_json::Value) -> anyhow::Result<()> {
        self.text(&value.to_string())
    }

    /// Text, ended by a newline. A reader that has gone away (`| head`) is no error.
    pub(crate) fn text(self, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    /// An error on stderr: one line and what to do, or the documented shape.
    pub(crate) fn failure(self, error: &anyhow::Error) {
        let body = match error.downcast_ref::<AdminError>() {
            Some(AdminError(body)) => body.clone(),
            None => FailureBody {
                code: "failed".into(),
                message: format!("{error:#}"),
                hint: None,
                details: serde_json::Map::new(),
            },
        };
        let text = if self.json {
            serde_json::to_string(&Failure { error: body }).unwrap_or_default()
        } else {
            let hint = body.hint.map(|hint| format!("\n{hint}")).unwrap_or_default();
            format!("usher: {}{hint}", body.message)
        };
        // If even stderr is gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

/// A line of news on stderr.
pub(crate) fn news(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A table as wide as the terminal.
pub(crate) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.iter().map(|cell| cell.to_uppercase()));
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    let mut empty = true;
    for row in rows {
        empty = false;
        table.add_row(row);
    }
    if empty { "nothing yet".into() } else { table.to_string() }
}
