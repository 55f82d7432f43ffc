//! The commands, one file a noun: what clap reads becomes a typed request, what comes back is printed.

pub(crate) mod account;
pub(crate) mod admin;
pub(crate) mod app;
pub(crate) mod check;
pub(crate) mod directory;
pub(crate) mod gallery;
pub(crate) mod group;
pub(crate) mod guard;
pub(crate) mod key;
pub(crate) mod mapping;
pub(crate) mod people;
pub(crate) mod records;
pub(crate) mod rule;
pub(crate) mod source;
pub(crate) mod token;
pub(crate) mod trail;
pub(crate) mod unit;
pub(crate) mod user;

use std::io::{BufRead, IsTerminal, Read, Write};

use anyhow::Context;

/// How a list is paged.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Paging {
    /// Go on after the last item of the page before (its `next`).
    #[arg(long)]
    pub(crate) after: Option<String>,
    /// How many items at most.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: Option<u32>,
}

impl Paging {
    pub(crate) fn limit(&self) -> Option<usize> {
        self.limit.map(|limit| limit as usize)
    }
}

/// Which environment of an account.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Environment {
    /// `production` or `qa`.
    #[arg(long, default_value = "production")]
    pub(crate) environment: String,
}

/// A file's text, or standard input for `-`.
pub(crate) fn read(file: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text).context("standard input can't be read")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("{file} can't be read"))?;
    }
    Ok(text)
}

/// Asks on the terminal; where there is none, nobody agrees.
pub(crate) fn agreed(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        crate::print::news("nothing is changed; --yes does it");
        return Ok(false);
    }
    let mut stderr = std::io::stderr();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// `30d`, `12h`, `90m`, `45s`; `never` is `None`.
pub(crate) fn duration(text: &str) -> Result<Option<jiff::SignedDuration>, String> {
    if text == "never" {
        return Ok(None);
    }
    if text == "0" {
        return Ok(Some(jiff::SignedDuration::ZERO));
    }
    let wrong = || format!("{text:?} is no time like 30d, 12h, 90m, 45s or never");
    usher_admin::span(text).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("30d").unwrap(), Some(jiff::SignedDuration::from_hours(720)));
        assert_eq!(duration("0").unwrap(), Some(jiff::SignedDuration::ZERO));
        assert_eq!(duration("never").unwrap(), None);
        for wrong in ["", "d", "30", "3 d", "-1d", "99999999999999999d", "3ä"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
