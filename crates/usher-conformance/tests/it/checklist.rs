//! The whole checklist.

use std::collections::BTreeMap;

use usher_conformance::{Choice, Format, Report, Verdict, cases, page};

use crate::service::on_both;

/// How many requirements each section has.
const SECTIONS: &[(&str, usize)] = &[
    ("S", 58),
    ("E", 35),
    ("Q", 66),
    ("P", 44),
    ("C", 31),
    ("B", 21),
    ("R", 45),
    ("D", 14),
    ("M", 5),
    ("X", 21),
    ("N", 30),
];

#[test]
fn every_requirement_is_in_the_table_once() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases() {
        *seen.entry(case.id).or_default() += 1;
    }
    let expected: Vec<String> = SECTIONS
        .iter()
        .flat_map(|(letter, count)| (1..=*count).map(move |n| format!("{letter}-{n:02}")))
        .collect();
    let missing: Vec<_> = expected.iter().filter(|id| !seen.contains_key(id.as_str())).collect();
    let unknown: Vec<_> = seen.keys().filter(|id| !expected.iter().any(|known| known == *id)).collect();
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(
        missing.is_empty() && unknown.is_empty() && twice.is_empty(),
        "missing {missing:?}, unknown {unknown:?}, twice {twice:?}"
    );
}

#[test]
fn what_is_stated_again_is_stated_once() {
    for case in cases() {
        for again in case.restates {
            let stated = cases().find(|other| other.id == *again);
            let stated =
                stated.unwrap_or_else(|| panic!("{} restates {again}, which is no requirement", case.id));
            assert!(stated.restates.is_empty(), "{} restates {again}, which restates others itself", case.id);
        }
    }
}

/// What is skipped against our own service, with the beginning of the reason.
const SKIPPED: &[(&str, &str)] = &[
    ("S-09", "no extension of User is announced as required"),
    ("S-24", "User has no whole number"),
    ("M-02", "/Me is not served"),
    ("B-19", "needs a token that may read and not write"),
    ("R-18", "cursors live longer than a check may wait"),
    ("R-21", "nothing is redirected"),
    ("X-01", "the server is on this machine"),
];

#[test]
fn usher_passes_the_whole_checklist() {
    let reports = on_both(&Choice::default(), |app| app);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        written(&reports[0]);
    }
    for report in &reports {
        let text = report.print(Format::Text);
        assert!(report.failed().next().is_none(), "{text}");
        for outcome in report.skipped() {
            let Verdict::Skipped { why } = &outcome.verdict else { unreachable!() };
            let known = cases().any(|case| case.id == outcome.id && case.not_over_http().is_some())
                || SKIPPED.iter().any(|(id, reason)| *id == outcome.id && why.starts_with(reason));
            assert!(known, "{} was not tried: {why}", outcome.id);
        }
        let left: Vec<_> = report.outcomes.iter().filter(|outcome| !outcome.left.is_empty()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
    written(&reports[0]);
}

/// The page of the documentation is what the run says; `UPDATE_DOCS=1` writes it.
fn written(report: &Report) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance-cases.md");
    let text = page(report);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        there == text,
        "docs/conformance-cases.md is not what the run gave; write it anew: UPDATE_DOCS=1 cargo nextest run \
         -p usher-conformance usher_passes"
    );
}
