//! The connection test names the step that failed and what to do.

use serde_json::json;
use usher_client::{Client, Diagnosis, Settings};

use crate::app::{App, answer, client, list, path, scim, settings, transport};

async fn test(client: &Client) -> Diagnosis {
    client.test(&path("userName"), Some(&path("displayName"))).await
}

/// The name and text of the step that failed.
fn failed(diagnosis: &Diagnosis) -> (&'static str, String) {
    let last = diagnosis.steps.last().unwrap();
    assert!(!last.ok && !diagnosis.ok(), "{diagnosis:?}");
    assert!(diagnosis.steps.iter().rev().skip(1).all(|s| s.ok), "{diagnosis:?}");
    (last.name, last.text.clone())
}

#[tokio::test]
async fn a_good_app_passes_every_step() {
    let app = App::start(|seen| match seen.target.contains("ServiceProviderConfig") {
        true => scim(200, &json!({"patch": {"supported": true}, "filter": {"maxResults": 25}})),
        false => list(&[]),
    })
    .await;
    let diagnosis = test(&app.client()).await;
    assert!(diagnosis.ok(), "{diagnosis:?}");
    let names: Vec<_> = diagnosis.steps.iter().map(|s| s.name).collect();
    assert_eq!(
        names,
        ["address", "connect", "credentials", "scim", "filter", "groups", "service provider config"]
    );
    assert!(diagnosis.steps[6].text.contains("at most 25"));
    assert_eq!(app.client().sent(), (0, 0));
    assert!(app.seen().iter().all(|s| s.method == "GET"));
}

#[tokio::test]
async fn the_address_that_works_is_named() {
    let app = App::start(|seen| match seen.target.starts_with("/scim/Users") {
        true => list(&[]),
        false => answer(404, "text/html", "<html>"),
    })
    .await;
    for given in ["/", "/scim/v2", "/Users"] {
        let diagnosis = test(&client(app.url(given))).await;
        let (step, text) = failed(&diagnosis);
        assert_eq!(step, "scim");
        assert_eq!(diagnosis.works_instead, Some(app.url("/scim").to_string()), "{given}");
        assert!(text.contains("enter that as tenant URL"), "{text}");
    }
}

#[tokio::test]
async fn each_refusal_has_its_step() {
    for (status, kind, body, step, says) in [
        (401, "application/json", r#"{"detail":"expired"}"#, "credentials", "expired"),
        (403, "text/html", "<html>", "credentials", "firewall"),
        (200, "text/html", "<html>", "scim", "HTML"),
        (200, "application/json", "{}", "scim", "ListResponse"),
        (500, "application/json", r#"{"detail":"oops"}"#, "scim", "oops"),
        (429, "application/json", "{}", "scim", "busy"),
        (400, "application/json", r#"{"detail":"no filter"}"#, "filter", "no filter"),
        (
            200,
            "application/json",
            r#"{"totalResults":2,"Resources":[{"id":"1"},{"id":"2"}]}"#,
            "filter",
            "ignores",
        ),
    ] {
        let app = App::start(move |_| answer(status, kind, body)).await;
        let diagnosis = test(&app.client()).await;
        let (failed, text) = failed(&diagnosis);
        assert_eq!(failed, step, "{status} {body}: {text}");
        assert!(text.contains(says), "{text}");
        assert_eq!(diagnosis.works_instead, None);
    }
}

#[tokio::test]
async fn groups_are_tried_by_their_own_property() {
    let app = App::start(|seen| match seen.target.contains("/Groups") {
        true => scim(200, &json!({"totalResults": 1, "Resources": [{"id": "g"}]})),
        false => list(&[]),
    })
    .await;
    let (step, text) = failed(&test(&app.client()).await);
    assert_eq!(step, "groups");
    assert!(text.contains("displayName"), "{text}");
    assert!(app.client().test(&path("userName"), None).await.ok());
}

#[tokio::test]
async fn what_never_answers_is_named_too() {
    for (url, step) in [
        ("https://no-such-host.invalid/scim", "address"),
        ("https://169.254.169.254/scim", "address"),
        ("http://192.0.2.1/scim", "address"),
        ("http://127.0.0.1:1/scim", "connect"),
    ] {
        let (failed, _) = failed(&test(&client(url.parse().unwrap())).await);
        assert_eq!(failed, step, "{url}");
    }
    let app = App::start(|_| scim(401, &json!({}))).await;
    let blank = Client::new(Settings { token: "".into(), ..settings(app.url("/scim/v2")) }, transport());
    assert!(failed(&test(&blank).await).1.contains("wants a secret token"));
}
