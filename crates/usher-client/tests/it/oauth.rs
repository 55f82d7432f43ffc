//! OAuth 2 client credentials against a token endpoint of the same small server.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use usher_client::{Client, Endpoint, OAuth, Tokens};

use crate::app::{App, Seen, answer, list, path, scim, settings, transport};

fn tokens(app: &App) -> Arc<Tokens> {
    let oauth = OAuth {
        token_url: app.url("/token"),
        client_id: "usher:1".into(),
        client_secret: "s3 cret\n".into(),
        scope: Some("scim write".into()),
    };
    Arc::new(Tokens::new(oauth, transport()))
}

fn client(app: &App, tokens: &Arc<Tokens>) -> Client {
    Client::with_oauth(settings(app.url("/scim/v2")), transport(), tokens.clone())
}

fn is_token(seen: &Seen) -> bool {
    seen.target == "/token"
}

fn asked(app: &App) -> usize {
    app.seen().iter().filter(|seen| is_token(seen)).count()
}

/// Tokens are numbered: `t1`, `t2`, …; `lives` is their `expires_in`.
async fn numbered(lives: Value, takes: impl Fn(&str) -> bool + Send + Sync + 'static) -> App {
    let count = AtomicUsize::new(0);
    App::start(move |seen| {
        if is_token(seen) {
            let n = count.fetch_add(1, Ordering::SeqCst) + 1;
            let body = json!({"access_token": format!("t{n}"), "token_type": "bearer", "expires_in": lives});
            return answer(200, "application/json", body.to_string());
        }
        match takes(seen.authorization.as_deref().unwrap_or_default()) {
            true => list(&[]),
            false => scim(401, &json!({"status": "401", "detail": "no"})),
        }
    })
    .await
}

async fn look(client: &Client) -> Result<usize, String> {
    let found = client.find(Endpoint::Users, &path("userName"), "ann").await;
    found.map(|found| found.len()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_token_is_fetched_once_and_kept() {
    let app = numbered(json!(3600), |authorization| authorization == "Bearer t1").await;
    let tokens = tokens(&app);
    for _ in 0..3 {
        // Another client of the same app, as the next cycle has it.
        assert_eq!(look(&client(&app, &tokens)).await, Ok(0));
    }
    assert_eq!(asked(&app), 1);
    let first = &app.seen()[0];
    // usher%3A1:s3+cret, as RFC 6749 §2.3.1 has it.
    assert_eq!(first.authorization.as_deref(), Some("Basic dXNoZXIlM0ExOnMzK2NyZXQ="));
    assert_eq!(first.method, "POST");
}

#[tokio::test]
async fn one_that_has_expired_is_fetched_anew_before_it_is_sent() {
    let app = numbered(json!("0"), |_| true).await;
    let client = client(&app, &tokens(&app));
    look(&client).await.unwrap();
    look(&client).await.unwrap();
    let sent: Vec<_> =
        app.seen().into_iter().filter(|s| !is_token(s)).map(|s| s.authorization.unwrap()).collect();
    assert_eq!(sent, ["Bearer t1", "Bearer t2"]);
}

#[tokio::test]
async fn one_that_the_app_refuses_is_renewed_once() {
    let app = numbered(Value::Null, |authorization| authorization == "Bearer t2").await;
    let client = client(&app, &tokens(&app));
    assert_eq!(look(&client).await, Ok(0));
    assert_eq!(look(&client).await, Ok(0));
    assert_eq!(asked(&app), 2, "t1 was refused, t2 holds");

    let app = numbered(Value::Null, |_| false).await;
    let client = self::client(&app, &tokens(&app));
    let refused = look(&client).await.unwrap_err();
    assert!(refused.contains("refused the credentials (401)"), "{refused}");
    assert_eq!(asked(&app), 2, "it is not tried for ever");
}

#[tokio::test]
async fn a_server_that_wants_the_secret_in_the_body_gets_it_there() {
    let app = App::start(|seen| match (is_token(seen), &seen.authorization) {
        (true, Some(_)) => answer(401, "application/json", r#"{"error": "invalid_client"}"#),
        (true, None) => answer(200, "application/json", r#"{"access_token": "t"}"#),
        (false, _) => list(&[]),
    })
    .await;
    assert_eq!(look(&client(&app, &tokens(&app))).await, Ok(0));
    assert_eq!(app.seen().last().unwrap().authorization.as_deref(), Some("Bearer t"));
}

#[tokio::test]
async fn what_a_token_endpoint_refuses_is_explained_and_nothing_goes_to_the_app() {
    let cases: [(u16, &str, &str); 6] = [
        (401, r#"{"error": "invalid_client"}"#, "check both"),
        (400, r#"{"error": "invalid_scope", "error_description": "no such scope"}"#, "check --oauth-scope"),
        (400, r#"{"error": "unauthorized_client"}"#, "allow that grant"),
        (404, "", "check --oauth-token-url"),
        (200, "<html>sign in</html>", "answered no JSON"),
        (200, r#"{"access_token": "t", "token_type": "mac"}"#, "only Bearer"),
    ];
    for (status, body, says) in cases {
        let app = App::start(move |_| answer(status, "application/json", body)).await;
        let client = client(&app, &tokens(&app));
        let diagnosis = client.test(&path("userName"), None).await;
        let last = diagnosis.steps.last().unwrap();
        assert_eq!((last.name, last.ok), ("token", false), "{diagnosis:?}");
        assert!(last.text.contains(says) && last.text.contains("127.0.0.1"), "{}", last.text);
        assert!(!last.text.contains("s3"), "no secret in an error: {}", last.text);
        assert!(app.seen().iter().all(is_token));
    }
}

#[tokio::test]
async fn a_token_endpoint_that_cannot_be_reached_is_named() {
    let app = numbered(Value::Null, |_| true).await;
    let oauth = OAuth {
        token_url: url::Url::parse("http://127.0.0.1:1/token").unwrap(),
        client_id: "usher".into(),
        client_secret: "secret".into(),
        scope: None,
    };
    let tokens = Arc::new(Tokens::new(oauth, transport()));
    let diagnosis = client(&app, &tokens).test(&path("userName"), None).await;
    assert_eq!(diagnosis.steps.len(), 1);
    assert!(diagnosis.steps[0].text.contains("no token from 127.0.0.1"), "{diagnosis:?}");
}
