//! `usher check` against `usher serve`, as an administrator would run it.

use serde_json::Value;

use crate::{http, place::Place};

/// Few cases, of which each kind of report has something to say.
const SOME: &str = "S-43,P-05,D-01,R-01,X-02";

#[test]
fn check_says_what_a_server_does_and_does_not() {
    let place = Place::sqlite();
    let token = place.account("acme", "standard");
    let server = place.serve();
    let file = place.file("token", &format!("Bearer {token}\n"));
    let check = |more: &[&str]| {
        let base = server.base();
        let words = ["check", base.as_str(), "--token-file", file.as_str(), "--only", SOME];
        [&words[..], more].concat().iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    let run = |more: &[&str]| {
        let words = check(more);
        place.ok(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };

    let text = run(&[]);
    assert!(text.contains("4 passed, 0 failed") && text.contains("not tried: X-02"), "{text}");

    let json: Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    assert_eq!(json["ok"], true);
    let outcomes = json["report"]["outcomes"].as_array().unwrap();
    let verdicts: Vec<_> =
        outcomes.iter().map(|o| (o["id"].as_str().unwrap(), o["verdict"].as_str().unwrap())).collect();
    let expected =
        [("S-43", "pass"), ("P-05", "pass"), ("R-01", "pass"), ("D-01", "pass"), ("X-02", "skipped")];
    assert_eq!(verdicts, expected);
    assert!(outcomes[0]["transcript"].as_array().is_some_and(|sent| sent.len() > 2));

    let junit = place.folder().join("report.xml");
    run(&["--format", "junit", "--output", junit.to_str().unwrap()]);
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("<testsuite ") && xml.contains("tests=\"5\"") && xml.contains("S-43 "), "{xml}");

    let folder = place.folder().join("wire");
    run(&["--transcripts", folder.to_str().unwrap()]);
    let sent = std::fs::read_to_string(folder.join("S-43.txt")).unwrap();
    assert!(
        sent.contains("POST http://") && sent.contains("409") && sent.contains("Bearer (token)"),
        "{sent}"
    );
    assert!(!sent.contains(&token), "a token in a transcript");

    for list in ["Users", "Groups"] {
        let page = http::send(server.address, "GET", &format!("/scim/v2/{list}"), &token, "").unwrap();
        assert_eq!(page.json()["totalResults"], 0, "check left something behind");
    }
}

#[test]
fn check_fails_where_a_must_does() {
    let place = Place::sqlite();
    // A profile that deactivates where the RFC deletes.
    let token = place.account("acme", "4me");
    let server = place.serve();
    let file = place.file("token", &token);
    let base = server.base();
    let said = place.fails(&["check", &base, "--token-file", &file, "--only", "E-29,R-24"]);
    assert!(said.contains("MUST E-29 fails") && said.contains("To fix first:\n  E-29 "), "{said}");
    // What is only recommended is said, and fails nothing.
    let said = place.ok(&["check", &base, "--token-file", &file, "--only", "E-30"]);
    assert!(said.contains("SHOULD E-30 fails"), "{said}");
}

#[test]
fn check_says_what_is_wrong_with_its_own_arguments() {
    let place = Place::sqlite();
    let file = place.file("token", "a-token");
    let check = |url: &str, more: &[&str]| {
        place.fails(&[&["check", url, "--token-file", file.as_str()], more].concat())
    };
    assert!(check("http://127.0.0.1:9/scim/v2", &["--only", "Z-99"]).contains("no case is called Z-99"));
    assert!(check("nonsense", &[]).contains("write the service root"));
    assert!(check("http://127.0.0.1:9/scim/v2", &[]).contains("does not answer"));
}

#[test]
fn check_uses_up_a_rate_where_it_may() {
    let place = Place::sqlite();
    let token = place.account("acme", "standard");
    let server = place.serve_with(&[("USHER_SCIM_REQUESTS_PER_SECOND", "4")]);
    let file = place.file("token", &format!("Bearer {token}\n"));
    let base = server.base();
    let check = |more: &[&str]| {
        place.ok(&[&["check", &base, "--token-file", &file, "--only", "R-32,R-08,X-05"], more].concat())
    };
    let text = check(&[]);
    assert!(text.contains("R-32 (needs a server with a small request rate"), "{text}");
    assert!(text.contains("R-08 (needs a filter that asks for too much"), "{text}");
    let text = check(&["--rate-limited"]);
    assert!(text.contains("1 passed, 0 failed"), "{text}");
    // That nothing is too much for a server without anybody is said, not passed over.
    let said = place.fails(&[
        "check",
        &base,
        "--token-file",
        &file,
        "--only",
        "R-08",
        "--broad-filter",
        "title co \"e\"",
    ]);
    assert!(said.contains("MUST R-08 fails"), "{said}");
}
