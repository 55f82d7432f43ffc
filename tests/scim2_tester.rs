//! Somebody else's compliance suite against the service: scim2-tester of PyPI, run by scim2-cli.

use std::process::Command;

use crate::place::{Place, given};

/// Checks that pass over a fresh account; fewer would mean that the suite gave up early.
const CHECKS: usize = 120;

#[test]
fn scim2_tester_finds_nothing() {
    for place in Place::both() {
        let token = place.account("tested", "standard");
        let server = place.serve();
        let output = Command::new(given("USHER_TEST_SCIM2_CLI"))
            .args(["--url", &server.base(), "test", "--verbose"])
            .env("SCIM_CLI_HEADERS", format!("Authorization: Bearer {token}"))
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let verdicts = || said.lines().filter_map(|line| line.split_once(' '));
        let passed = verdicts().filter(|(verdict, _)| *verdict == "SUCCESS").count();
        let others: Vec<_> = verdicts()
            .filter(|(verdict, _)| {
                ["COMPLIANT", "ACCEPTABLE", "DEVIATION", "ERROR", "CRITICAL", "SKIPPED"].contains(verdict)
            })
            .collect();
        assert!(others.is_empty() && passed >= CHECKS, "{passed} passed\n{said}\n{errors}");
        assert!(output.status.success(), "{said}\n{errors}");
    }
}
