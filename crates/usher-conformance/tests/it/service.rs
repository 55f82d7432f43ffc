//! Usher's SCIM service on a socket, with everything beside it that a case may ask for.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tower::ServiceExt;
use usher_client::{AddressPolicy, HttpTransport};
use usher_conformance::{Choice, Fixture, Report, Target, run};
use usher_directory::{
    AccountId, Environment, TABLES, account,
    config::Configs,
    token::{self, SecretToken},
};
use usher_service::{Clock, Listening, Service, Settings, router};
use usher_store::{Lane, Store, testing::stores};

/// The body limit of the service under test.
const BODY: usize = 256 * 1024;

/// Serves a router on a free port until the runtime ends.
pub(crate) async fn on_a_socket(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(usher_service::serve(listener, app, None, Listening::default(), std::future::pending()));
    address
}

/// A way to servers of this machine.
pub(crate) fn transport() -> Arc<HttpTransport> {
    Arc::new(HttpTransport::new(AddressPolicy { private: true }, Duration::from_secs(5)).unwrap())
}

async fn account(store: &Store, name: &'static str, strict: bool) -> AccountId {
    let now = Timestamp::now();
    let made = store.write(Lane::Now, move |tx| account::create(tx, name, "standard", now)).await.unwrap();
    let id = made.id;
    store.write(Lane::Now, move |tx| account::set_strict(tx, id, strict)).await.unwrap();
    id
}

async fn token(store: &Store, account: AccountId, expires: Option<Timestamp>) -> String {
    let (secret, now) = (SecretToken::generate(), Timestamp::now());
    let kept = secret.clone();
    store
        .write(Lane::Now, move |tx| {
            token::issue(tx, account, Environment::Production, "other", expires, &kept, now)
        })
        .await
        .unwrap();
    secret.reveal().to_owned()
}

/// Makes a user with a title.
async fn made(service: &Router, token: &str, name: &str) {
    let body =
        serde_json::json!({"schemas": [usher_scim::schema::USER], "userName": name, "title": "Engineer"});
    let request = http::Request::post("/scim/v2/Users")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from(body.to_string()))
        .unwrap();
    assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 201);
}

/// The service over a store; `wrap` may stand before it.
pub(crate) async fn target(store: &Store, wrap: impl Fn(Router) -> Router) -> Target {
    let fast = Settings { rate: 0, bad_tokens: 0, body_bytes: BODY, ..Settings::default() };
    let slow = Settings { rate: 1, burst: 2, ..fast.clone() };
    let service = |settings: &Settings, configs| {
        wrap(router(Service::new(store.clone(), configs, Clock::system(), settings.clone())))
    };
    let address = on_a_socket(service(&fast, Configs::default())).await;
    let slow = on_a_socket(service(&slow, Configs::default())).await;
    // Looks at one document at most, and has two.
    let narrow = service(&fast, Configs::scanning(1));
    let crowd = token(store, account(store, "crowd", false).await, None).await;
    for name in ["ann", "bob"] {
        made(&narrow, &crowd, name).await;
    }
    let narrow = on_a_socket(narrow).await;

    let acme = account(store, "acme", false).await;
    let other = account(store, "other", false).await;
    let strict = account(store, "strict", true).await;
    let ended = Timestamp::now() - SignedDuration::from_hours(1);
    let fixture = Fixture {
        other_token: Some(token(store, other, None).await),
        dead_token: Some(token(store, acme, Some(ended)).await),
        strict_token: Some(token(store, strict, None).await),
        slow: Some((format!("http://{slow}/scim/v2"), token(store, other, None).await)),
        broad: Some((format!("http://{narrow}/scim/v2"), crowd, "title co \"e\"".to_owned())),
        // The service has no tokens that may do less than others.
        reader_token: None,
        body_bytes: Some(BODY),
    };
    let own = token(store, acme, None).await;
    Target::new(&format!("http://{address}/scim/v2"), &own, transport()).unwrap().with(fixture)
}

/// Runs cases against the service on each database; `wrap` may stand before it.
pub(crate) fn on_both(choice: &Choice, wrap: impl Fn(Router) -> Router) -> Vec<Report> {
    let one = |store: &Store| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let target = target(store, &wrap).await;
            run(&target, choice, |_| ()).await.unwrap()
        })
    };
    stores(&[TABLES]).iter().map(|store| one(store)).collect()
}
