//! What shows that the cases can fail: servers that only pretend, and our own service with one rule switched off.

use std::collections::BTreeSet;

use axum::{Router, body::Bytes as Body, http::Method, response::IntoResponse};
use http::{StatusCode, header};
use usher_conformance::{Choice, Level, Report, Target, Verdict, cases, run};
use usher_directory::TABLES;
use usher_store::testing::sqlite;

use crate::{
    rules,
    service::{on_a_socket, target, transport},
};

/// MUST cases that a server passes which only pretends, and why they can't see it.
const PRETENDED: &[(&str, &str)] = &[];

fn against(app: Router) -> Report {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let address = on_a_socket(app).await;
        let target = Target::new(&format!("http://{address}/scim/v2"), "a-token", transport()).unwrap();
        run(&target, &Choice::default(), |_| ()).await.unwrap()
    })
}

fn no_must_passes(report: &Report) {
    let passed: Vec<_> = report
        .passed()
        .filter(|outcome| outcome.level == Level::Must)
        .map(|outcome| outcome.id)
        .filter(|id| !PRETENDED.iter().any(|(known, _)| known == id))
        .collect();
    assert!(passed.is_empty(), "these MUST cases pass against a server that does nothing: {passed:?}");
    assert!(report.failed().count() > 100, "most cases should fail, not be skipped");
    assert!(!report.ok());
}

#[test]
fn a_server_that_answers_an_empty_object_to_everything_passes_no_must() {
    let app = Router::new()
        .fallback(|| async { ([(header::CONTENT_TYPE, "application/scim+json")], "{}").into_response() });
    no_must_passes(&against(app));
}

#[test]
fn a_server_that_echoes_passes_no_must() {
    let app = Router::new().fallback(|method: Method, body: Body| async move {
        let status = if method == Method::POST { StatusCode::CREATED } else { StatusCode::OK };
        (status, [(header::CONTENT_TYPE, "application/scim+json")], body).into_response()
    });
    no_must_passes(&against(app));
}

/// What fails against our service, behind a wrapper.
fn failing(wrap: impl Fn(Router) -> Router) -> BTreeSet<&'static str> {
    let store = sqlite(&[TABLES]);
    let report = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let target = target(&store, wrap).await;
        run(&target, &Choice::default(), |_| ()).await.unwrap()
    });
    report.failed().map(|outcome| outcome.id).collect()
}

/// Asserts that with a rule switched off its case fails, with it those by which the checklist states it again, and no other.
/// (That none fails with every rule in place is `usher_passes_the_whole_checklist`.)
fn only(rule: &str, wrap: impl Fn(Router) -> Router) {
    assert!(cases().any(|case| case.id == rule), "{rule} is no case");
    let stated = cases().filter(|case| case.id == rule || case.restates.contains(&rule));
    let expected: BTreeSet<_> = stated.map(|case| case.id).collect();
    assert_eq!(failing(wrap), expected, "what fails with {rule} off, and what should");
}

#[test]
fn p_06_notices_a_patch_that_is_half_done() {
    only("P-06", rules::patch_one_by_one);
}

#[test]
fn p_30_notices_a_remove_that_empties_the_group() {
    only("P-30", rules::remove_with_value_empties);
}

#[test]
fn s_42_notices_two_creators_who_both_win() {
    only("S-42", rules::both_creators_win);
}

#[test]
fn e_35_notices_a_version_that_is_checked_before_and_not_with_the_write() {
    only("E-35", rules::check_then_write);
}

#[test]
fn x_08_notices_a_tenant_that_reaches_into_another() {
    only("X-08", rules::tenants_are_one);
}

#[test]
fn c_01_notices_a_false_that_is_swallowed() {
    only("C-01", rules::text_booleans_are_swallowed);
}

#[test]
fn c_05_notices_a_path_that_is_not_read_as_one() {
    only("C-05", rules::dotted_keys_are_dropped);
}

#[test]
fn n_08_notices_times_that_are_finer_than_printed() {
    only("N-08", rules::times_are_finer_than_printed);
}

#[test]
fn n_15_notices_a_filtered_removal_that_is_lost() {
    only("N-15", rules::filtered_removals_are_lost);
}

#[test]
fn q_53_notices_a_cursor_that_counts_rows() {
    only("Q-53", rules::cursors_are_row_numbers);
}

#[test]
fn what_is_chosen_is_run() {
    let store = sqlite(&[TABLES]);
    let (read_only, named) = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let target = target(&store, |app| app).await;
        let read_only = Choice { read_only: true, ..Choice::default() };
        let named = Choice { only: vec!["s-43".into(), "D-01".into()], ..Choice::default() };
        (run(&target, &read_only, |_| ()).await.unwrap(), run(&target, &named, |_| ()).await.unwrap())
    });
    let wrote: Vec<_> = read_only
        .outcomes
        .iter()
        .filter(|o| o.transcript.iter().any(|e| !e.request.starts_with("GET ")))
        .map(|o| o.id)
        .collect();
    assert!(wrote.is_empty(), "these write, and only reading was asked for: {wrote:?}");
    assert!(read_only.passed().count() > 30);
    let ids: Vec<_> = named.outcomes.iter().map(|outcome| outcome.id).collect();
    assert_eq!(ids, ["S-43", "D-01"]);
    assert!(named.outcomes.iter().all(|outcome| outcome.verdict == Verdict::Pass));
}
