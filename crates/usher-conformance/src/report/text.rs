//! For people.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    case::Level,
    verdict::{Outcome, Report, Verdict},
};

/// Failures whose advice stands first: what everything else rests on.
const FIRST: &[&str] = &["D", "R", "E", "S", "Q", "P"];
/// How many are named in the summary.
const NAMED: usize = 5;

pub(super) fn print(report: &Report) -> String {
    let mut out = String::new();
    for outcome in report.failed() {
        if let Verdict::Fail(failure) = &outcome.verdict {
            // Writing to a String can't fail.
            let _ = writeln!(
                out,
                "{} {} fails: {} ({}{})\n  expected  {}\n  seen      {}\n  to do     {}\n",
                outcome.level.as_str(),
                outcome.id,
                outcome.title,
                outcome.reference,
                again(outcome.restates),
                failure.expected,
                failure.seen,
                failure.advice
            );
        }
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for outcome in report.skipped() {
        if let Verdict::Skipped { why } = &outcome.verdict {
            reasons.entry(why).or_default().push(outcome.id);
        }
    }
    for (why, ids) in reasons {
        let _ = writeln!(out, "not tried: {} ({why})", ids.join(", "));
    }
    let left: Vec<&str> =
        report.outcomes.iter().flat_map(|outcome| outcome.left.iter().map(String::as_str)).collect();
    if !left.is_empty() {
        let _ = writeln!(out, "left behind, as the server did not remove them: {}", left.join(", "));
    }
    out.push('\n');
    out.push_str(&summary(report));
    out
}

/// `; see P-06, P-30`: where else the same is stated.
pub(super) fn again(restates: &[&str]) -> String {
    if restates.is_empty() { String::new() } else { format!("; see {}", restates.join(", ")) }
}

fn summary(report: &Report) -> String {
    let failed = |level: Level| report.failed().filter(|o| o.level == level).count();
    let mut out = format!(
        "{}: {} passed, {} failed (MUST {}, SHOULD {}, MAY {}, PRACTICE {}), {} not tried\n",
        report.server,
        report.passed().count(),
        report.failed().count(),
        failed(Level::Must),
        failed(Level::Should),
        failed(Level::May),
        failed(Level::Practice),
        report.skipped().count()
    );
    let mut order: Vec<&Outcome> = report.failed().collect();
    order.sort_by_key(|outcome| {
        let section = &outcome.id[..1];
        let place = FIRST.iter().position(|first| *first == section).unwrap_or(FIRST.len());
        (!outcome.required, outcome.level, place)
    });
    if !order.is_empty() {
        out.push_str("To fix first:\n");
    }
    for outcome in order.iter().take(NAMED) {
        if let Verdict::Fail(failure) = &outcome.verdict {
            let _ = writeln!(out, "  {} {}", outcome.id, failure.advice);
        }
    }
    out
}

pub(super) fn transcript(outcome: &Outcome) -> String {
    let mut out = format!(
        "{} {} {} ({})\n{}\n",
        outcome.id,
        outcome.level.as_str(),
        outcome.title,
        outcome.reference,
        super::word(&outcome.verdict)
    );
    match &outcome.verdict {
        Verdict::Pass => {}
        Verdict::Skipped { why } => {
            let _ = writeln!(out, "why: {why}");
        }
        Verdict::Fail(failure) => {
            let _ = writeln!(
                out,
                "expected: {}\nseen: {}\nto do: {}",
                failure.expected, failure.seen, failure.advice
            );
        }
    }
    for exchange in &outcome.transcript {
        let _ = write!(out, "\n>>> {}\n\n<<< {}\n", exchange.request, exchange.answer);
    }
    out
}
