//! Who may: tokens of all states, rates, last use.

use axum::body::Body;
use http::Request;
use jiff::SignedDuration;
use usher_directory::token;
use usher_service::{Connection, Settings};
use usher_store::{Lane, StoreError};

use crate::world::{Reply, World, with, with_settings};

async fn call(w: &World, authorization: Option<&str>, path: &str, peer: &str) -> Reply {
    let mut request = Request::get(path).header("user-agent", "tester");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Connection { peer: format!("{peer}:1").parse().unwrap(), tls: true });
    w.raw(request).await
}

#[test]
fn the_401_says_what_is_wrong_and_no_more_than_that() {
    let off = Settings { bad_tokens: 0, ..Settings::default() };
    with_settings("standard", &off, async |w| {
        let get =
            async |authorization: Option<&str>, path: &str| call(w, authorization, path, "192.0.2.1").await;
        let none = get(None, "/scim/v2/Users").await.refused(401, None);
        assert_eq!(none.header("www-authenticate"), "Bearer realm=\"scim\"");
        let unknown = get(Some("Bearer usher_00"), "/scim/v2/Users").await.refused(401, None);
        assert_eq!(unknown.header("www-authenticate"), "Bearer realm=\"scim\", error=\"invalid_token\"");
        let bearer = format!("bearer  {}", w.token);
        get(Some(&bearer), "/scim/v2/Users").await.expect(200);
        let other_tenant = get(Some(&bearer), "/t/other/scim/v2/Users").await.refused(401, None);
        assert_eq!(other_tenant.body, unknown.body);
        for bad in ["non-token", "Digest x", "Basic %%%", "Bearer"] {
            get(Some(bad), "/scim/v2/Users").await.refused(401, None);
        }
        get(None, &format!("/scim/v2/Users?access_token={}", w.token)).await.refused(401, None);
        let twice =
            Request::get("/scim/v2/Users").header("authorization", &bearer).header("authorization", &bearer);
        w.raw(twice.body(Body::empty()).unwrap()).await.refused(400, None);
    });
}

#[test]
fn an_ended_token_is_told_so_at_once() {
    with("standard", async |w| {
        let short = w.issue("okta", Some(w.now() + SignedDuration::from_secs(60))).await;
        let bearer = format!("Bearer {short}");
        call(w, Some(&bearer), "/scim/v2/Users", "192.0.2.1").await.expect(200);
        w.advance(61);
        let over = call(w, Some(&bearer), "/scim/v2/Users", "192.0.2.1").await.refused(401, None);
        assert!(over.body["detail"].as_str().unwrap().contains("expired"), "{over:?}");

        let (account, now) = (w.account.id, w.now());
        let live = w
            .store
            .read(std::time::Duration::from_secs(5), move |on| token::list(on, account, now))
            .await
            .unwrap();
        let id = live.iter().find(|t| t.provider == "other").unwrap().id;
        w.get("/Users").await.expect(200);
        w.store.write(Lane::Now, move |tx| token::revoke(tx, account, id, now)).await.unwrap();
        let over = w.get("/Users").await.refused(401, None);
        assert!(over.body["detail"].as_str().unwrap().contains("revoked"), "{over:?}");
    });
}

#[test]
fn a_token_has_its_rate_and_bad_ones_their_address() {
    let tight = Settings { rate: 1, burst: 2, bad_tokens: 2, ..Settings::default() };
    with_settings("standard", &tight, async |w| {
        let good = format!("Bearer {}", w.token);
        for _ in 0..2 {
            call(w, Some("Bearer bad"), "/scim/v2/Users", "192.0.2.1").await.refused(401, None);
        }
        let slowed = call(w, Some("Bearer bad"), "/scim/v2/Users", "192.0.2.1").await.refused(429, None);
        assert_eq!(slowed.header("retry-after"), "30");
        call(w, Some("Bearer bad"), "/scim/v2/Users", "192.0.2.2").await.refused(401, None);
        for _ in 0..2 {
            call(w, Some(&good), "/scim/v2/Users", "192.0.2.1").await.expect(200);
        }
        let slowed = call(w, Some(&good), "/scim/v2/Users", "192.0.2.1").await.refused(429, None);
        assert_eq!(slowed.header("retry-after"), "1");
        w.advance(1);
        call(w, Some(&good), "/scim/v2/Users", "192.0.2.1").await.expect(200);
    });
}

#[test]
fn the_last_use_is_written_beside_the_request() {
    with("standard", async |w| {
        let good = format!("Bearer {}", w.token);
        call(w, Some(&good), "/scim/v2/Users", "192.0.2.9").await.expect(200);
        let (account, now) = (w.account.id, w.now());
        loop {
            let all = w
                .store
                .read(std::time::Duration::from_secs(5), move |on| token::list(on, account, now))
                .await;
            let all: Result<Vec<token::Token>, StoreError> = all;
            if let Some((at, address, agent)) = all.unwrap()[0].last_used.clone() {
                assert_eq!((at, &*address, &*agent), (now, "192.0.2.9", "tester"));
                break;
            }
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_directory_has_a_door_of_its_own() {
    let off = Settings { bad_tokens: 0, ..Settings::default() };
    with_settings("standard", &off, async |w| {
        let now = w.now();
        let secret = token::SecretToken::generate();
        let kept = secret.clone();
        w.store
            .write(Lane::Now, move |tx| {
                let firm = usher_directory::account::create_directory(tx, "firm", now).unwrap();
                token::issue_in(tx, firm, "entra", None, &kept, now)
            })
            .await
            .unwrap();
        let (own, account) = (format!("Bearer {}", secret.reveal()), format!("Bearer {}", w.token));
        let get =
            async |authorization: &str, path: &str| call(w, Some(authorization), path, "192.0.2.1").await;
        let unknown = get("Bearer usher_00", "/scim/v2/Users").await.refused(401, None);
        for path in ["/d/firm/scim/v2/Users", "/d/FIRM/scim/Users"] {
            get(&own, path).await.expect(200);
            assert_eq!(get(&account, path).await.refused(401, None).body, unknown.body);
        }
        for path in
            ["/scim/v2/Users", "/t/acme/scim/v2/Users", "/d/acme/scim/v2/Users", "/d/none/scim/v2/Users"]
        {
            assert_eq!(get(&own, path).await.refused(401, None).body, unknown.body, "{path}");
        }
        // Directories have the open extension, and say where they are.
        let mut post = Request::post("/d/firm/scim/v2/Users");
        post = post.header("authorization", &own).header("host", "scim.example.com");
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "ann", "urn:usher:directory:1.0:User": {"badge": "7"},
        });
        let made = w.raw(post.body(Body::from(body.to_string())).unwrap()).await.expect(201);
        assert_eq!(made.body["urn:usher:directory:1.0:User"]["badge"], "7");
        let location = made.header("location");
        assert!(location.starts_with("http://scim.example.com/d/firm/scim/v2/Users/"), "{location}");
        assert_eq!(w.get("/Users").await.expect(200).body["totalResults"], 0);
    });
}

#[test]
fn an_environment_can_have_hosts_of_its_own() {
    let off = Settings { bad_tokens: 0, rate: 0, ..Settings::default() };
    with_settings("standard", &off, async |w| {
        let other = w.tenant("other", "standard", false).await;
        let directory = w.account.production;
        w.store
            .write(Lane::Now, move |tx| {
                usher_directory::account::set_hosts(tx, directory, &["api.example.com".to_owned()])
            })
            .await
            .unwrap();
        let get = async |token: &str, host: &str| {
            let request = Request::get("/scim/v2/Users").header("authorization", format!("Bearer {token}"));
            w.raw(request.header("host", host).body(Body::empty()).unwrap()).await
        };
        let unknown = get("usher_00", "api.example.com").await.refused(401, None);
        for host in ["api.example.com", "API.example.com:8443"] {
            get(&w.token, host).await.expect(200);
            assert_eq!(get(&other.token, host).await.refused(401, None).body, unknown.body);
        }
        for token in [&w.token, &other.token] {
            get(token, "scim.example.com").await.expect(200);
        }
    });
}
