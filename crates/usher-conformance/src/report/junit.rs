//! For build servers.

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use crate::verdict::{Report, Verdict};

pub(super) fn print(report: &Report) -> String {
    let mut suite = TestSuite::new(report.server.as_str());
    for outcome in &report.outcomes {
        let status = match &outcome.verdict {
            Verdict::Pass => TestCaseStatus::success(),
            Verdict::Skipped { why } => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(why.as_str());
                status
            }
            Verdict::Fail(failure) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(failure.advice.as_str());
                status.set_type(outcome.level.as_str());
                status.set_description(format!("expected: {}\nseen: {}", failure.expected, failure.seen));
                status
            }
        };
        let mut case = TestCase::new(format!("{} {}", outcome.id, outcome.title), status);
        case.set_classname(format!("scim.{}", &outcome.id[..1]));
        if matches!(outcome.verdict, Verdict::Fail(_)) {
            case.set_system_out(super::text::transcript(outcome));
        }
        suite.add_test_case(case);
    }
    let mut all = Junit::new("usher check");
    all.add_test_suite(suite);
    // Only writing can fail, and it goes to a String.
    all.to_string().unwrap_or_default()
}
