//! What came of a case, and of all of them.

use crate::case::{Level, Profile};

/// A requirement that is not met.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// What the requirement asks for here.
    pub expected: String,
    /// What came instead.
    pub seen: String,
    /// What to change in the server.
    pub advice: String,
}

/// Why a case ends before its end.
#[derive(Debug)]
pub(crate) enum Halt {
    Fail(Failure),
    Skip(String),
}

pub(crate) type Fallible<T = ()> = Result<T, Halt>;

/// The requirement is not met.
pub(crate) fn fail<T>(
    expected: impl Into<String>,
    seen: impl Into<String>,
    advice: impl Into<String>,
) -> Fallible<T> {
    Err(Halt::Fail(Failure { expected: expected.into(), seen: seen.into(), advice: advice.into() }))
}

/// Fails unless it holds. The expectation reads as the advice too: "answer …", "keep …".
pub(crate) fn ensure(holds: bool, expected: impl Into<String>, seen: impl std::fmt::Display) -> Fallible {
    if holds {
        return Ok(());
    }
    let expected = expected.into();
    let advice = format!("change the server so that it is as expected: {expected}");
    fail(expected, seen.to_string(), advice)
}

/// The case says nothing about this server.
pub(crate) fn skip<T>(why: impl Into<String>) -> Fallible<T> {
    Err(Halt::Skip(why.into()))
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// The requirement is met, as far as the requests show.
    Pass,
    /// It is not.
    Fail(Failure),
    /// It was not tried.
    Skipped {
        /// Why.
        why: String,
    },
}

/// A request and its answer, without tokens.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Exchange {
    /// `POST https://… HTTP/1.1`, headers, body.
    pub request: String,
    /// Status, headers, body; or why nothing came back.
    pub answer: String,
}

/// A case with its verdict and everything that went over the wire.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// Of the case.
    pub id: &'static str,
    /// Of the case.
    pub level: Level,
    /// Of the case.
    pub reference: &'static str,
    /// Of the case.
    pub title: &'static str,
    /// Of the case.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub restates: &'static [&'static str],
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Whether a failure fails the whole run: a MUST, or anything that the chosen client relies on.
    pub required: bool,
    /// Resources that could not be removed again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// All requests, in order.
    pub transcript: Vec<Exchange>,
}

/// All outcomes of a run, in the order of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// The service root that was checked.
    pub server: String,
    /// Whose view counted; `None`: all.
    pub profile: Option<Profile>,
    /// One a case.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// Whether nothing that is required failed.
    pub fn ok(&self) -> bool {
        !self.failed().any(|outcome| outcome.required)
    }

    /// What failed.
    pub fn failed(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Fail(_)))
    }

    /// What passed.
    pub fn passed(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Pass)
    }

    /// What was not tried.
    pub fn skipped(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Skipped { .. }))
    }
}
