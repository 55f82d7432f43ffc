//! Every refusal is a SCIM error, in the order of checklist E-08.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use usher_service::Settings;

use crate::world::{with, with_settings};

#[test]
fn routes_methods_and_versions() {
    with("standard", async |w| {
        w.get("/nope").await.refused(404, None);
        w.get("/users").await.refused(404, None);
        w.get("/Users/1/2").await.refused(404, None);
        w.get("/Users/not-an-id").await.refused(404, None);
        let refused = w.delete("/Users").await.refused(405, None);
        assert_eq!(refused.header("allow"), "GET, HEAD, POST");
        let refused = w.post("/Users/x", json!({})).await.refused(405, None);
        assert_eq!(refused.header("allow"), "GET, HEAD, PUT, PATCH, DELETE");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            w.send(method, "/Me", &[], Some(json!({}))).await.refused(501, None);
        }
        w.get("/Me/x").await.refused(404, None);
        for posted in ["/.search", "/Users/.search", "/Groups/.search", "/Bulk"] {
            let refused = w.get(posted).await.refused(405, None);
            assert_eq!(refused.header("allow"), "POST");
        }
        let plain = |path: &str| {
            let request = Request::get(path).header("authorization", format!("Bearer {}", w.token));
            w.raw(request.body(Body::empty()).unwrap())
        };
        plain("/scim/v1/Users").await.refused(400, Some("invalidVers"));
        for mount in ["/scim/v2/Users/", "/scim/Users", "/t/acme/scim/v2/Users?", "/t/ACME/scim/Users"] {
            plain(mount).await.expect(200);
        }
    });
}

#[test]
fn bodies_and_media_types() {
    with("standard", async |w| {
        let send = async |kind: Option<&str>, body: &str| {
            let mut request =
                Request::post("/scim/v2/Users").header("authorization", format!("Bearer {}", w.token));
            if let Some(kind) = kind {
                request = request.header("content-type", kind);
            }
            w.raw(request.body(Body::from(body.to_owned())).unwrap()).await
        };
        let deep = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
        for bad in [
            "",
            "{",
            "[]",
            "\"x\"",
            "\u{feff}{}",
            "{\"userName\":\"a\",\"userName\":\"b\"}",
            "{\"userName\":\"\\ud800\"}",
            &deep,
        ] {
            send(Some("application/json"), bad).await.refused(400, Some("invalidSyntax"));
        }
        send(Some("text/xml"), "{}").await.refused(415, None);
        send(Some("application/json; charset=latin1"), "{}").await.refused(415, None);
        send(Some("application/json"), "{}").await.refused(400, Some("invalidValue"));
        send(None, "{\"userName\":\"a\"}").await.expect(201);
        send(Some("Application/JSON; charset=UTF-8"), "{\"userName\":\"b\"}").await.expect(201);
        let json = w.send("GET", "/Users", &[("accept", "application/json")], None).await.expect(200);
        assert_eq!(json.header("content-type"), "application/json");
        w.send("GET", "/Users", &[("accept", "text/html")], None).await.refused(406, None);
        assert_eq!(w.get("/Users").await.body["totalResults"], json!(2));
    });
}

#[test]
fn the_token_comes_before_everything_but_size() {
    let small = Settings { body_bytes: 100, ..Settings::default() };
    with_settings("standard", &small, async |w| {
        let anonymous = |method: &str, path: &str, length: usize| {
            let request = Request::builder().method(method).uri(path).header("content-length", length);
            w.raw(request.body(Body::from("x".repeat(length))).unwrap())
        };
        anonymous("POST", "/scim/v2/Users", 101).await.refused(413, None);
        anonymous("POST", "/scim/v2/Users", 100).await.refused(401, None);
        anonymous("GET", "/scim/v2/nope", 0).await.refused(401, None);
        anonymous("DELETE", "/scim/v2/Users", 0).await.refused(401, None);
        // Without a length it is found out while reading.
        let chunks = futures_util::stream::iter(
            (0..20).map(|_| Ok::<_, std::io::Error>(bytes::Bytes::from_static(b"          "))),
        );
        let request = Request::post("/scim/v2/Users").header("authorization", format!("Bearer {}", w.token));
        w.raw(request.body(Body::from_stream(chunks)).unwrap()).await.refused(413, None);
    });
}

#[test]
fn too_many_operations_or_members_are_said() {
    let small = Settings { patch_operations: 2, members: 2, ..Settings::default() };
    with_settings("4me", &small, async |w| {
        let id = w.group("Sales", &[]).await;
        let path = format!("/Groups/{id}");
        let op = json!({"op": "add", "path": "displayName", "value": "x"});
        w.patch(&path, json!([op, op, op])).await.refused(413, None);
        let three = json!([{"value": "a"}, {"value": "b"}, {"value": "c"}]);
        w.patch(&path, json!([{"op": "add", "path": "members", "value": three}])).await.refused(413, None);
        w.put(&path, json!({"displayName": "x", "members": three})).await.refused(413, None);
    });
}

#[test]
fn a_request_over_its_time_is_answered() {
    let none = Settings { request: Duration::ZERO, ..Settings::default() };
    with_settings("standard", &none, async |w| {
        let late = Request::post("/scim/v2/Users").header("authorization", format!("Bearer {}", w.token));
        let body = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
        let reply = w.raw(late.body(body).unwrap()).await.refused(503, None);
        assert_eq!(reply.header("retry-after"), "5");
    });
}

#[test]
fn a_strict_account_refuses_dialects() {
    with("standard", async |w| {
        let id = w.user("ann").await;
        let account = w.account.id;
        w.store
            .write(usher_store::Lane::Now, move |tx| usher_directory::account::set_strict(tx, account, true))
            .await
            .unwrap();
        let path = format!("/Users/{id}");
        w.patch(&path, json!([{"op": "replace", "path": "active", "value": "False"}]))
            .await
            .refused(400, Some("invalidValue"));
        w.put(&path, json!({"id": "other", "userName": "ann"})).await.refused(400, Some("mutability"));
        w.patch(&path, json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
        // P-38: read-only attributes inside a value may be repeated, and not be others.
        let groups = [w.group("Inner", &[&id]).await, w.group("Outer", &[]).await];
        let outer = format!("/Groups/{}", groups[1]);
        let add = json!([{"op": "add", "path": "members", "value": [{"value": groups[0]}]}]);
        w.patch(&outer, add).await.expect(204);
        let said = |groups: Value| json!([{"op": "replace", "value": {"groups": groups, "title": "T"}}]);
        for wrong in [json!([]), json!(null), json!([{"value": groups[0]}]), json!("x"), json!([{}])] {
            w.patch(&path, said(wrong)).await.refused(400, Some("mutability"));
        }
        w.patch("/Users/nobody", said(json!([]))).await.refused(404, None);
        assert!(w.get(&path).await.body.get("title").is_none());
        let read = w.get(&path).await.body;
        w.patch(&path, said(read["groups"].clone())).await.expect(200);
        assert_eq!(w.get(&path).await.body["title"], json!("T"));
    });
}
