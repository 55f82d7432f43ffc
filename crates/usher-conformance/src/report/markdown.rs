//! The checklist as a page of the documentation.

use std::fmt::Write;

use crate::{
    cases::{SECTIONS, cases},
    verdict::{Report, Verdict},
};

/// docs/conformance-cases.md: every requirement, and what a run against the service gave.
pub fn page(report: &Report) -> String {
    let mut out = String::from(
        "# The checklist\n\nEvery requirement of RFC 7643, RFC 7644 and RFC 9865 that we test, in our own words, and what the SCIM service of\n\
         Usher makes of it (profile `standard`). Written by the run of all cases over HTTP; [conformance.md](conformance.md) says how\n\
         open questions are decided. *See P-06* names a requirement that is stated there, and here again as one meets it. `usher check URL` runs the same cases against any server.\n",
    );
    for (prefix, name) in SECTIONS {
        // Writing to a String can't fail.
        let _ = writeln!(
            out,
            "\n## {name}\n\n| id | level | requirement | where | Usher |\n| --- | --- | --- | --- | --- |"
        );
        for case in cases().filter(|case| case.id.starts_with(prefix)) {
            let outcome = report.outcomes.iter().find(|outcome| outcome.id == case.id);
            let result = match outcome.map(|outcome| &outcome.verdict) {
                Some(Verdict::Pass) => "yes".to_owned(),
                Some(Verdict::Fail(_)) => "**no**".to_owned(),
                Some(Verdict::Skipped { why }) => why.clone(),
                None => "not run".to_owned(),
            };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {}{} | {} |",
                case.id,
                case.level.as_str(),
                case.title.replace('|', "\\|"),
                case.reference,
                super::text::again(case.restates),
                result.replace('|', "\\|").replace('\n', " ")
            );
        }
    }
    out
}
