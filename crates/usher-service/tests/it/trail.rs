//! The trail of requests: what is noted, of whom, and what is not.

use axum::body::Body;
use http::Request;
use jiff::SignedDuration;
use serde_json::json;
use usher_directory::{
    ObjectId,
    trail::{Entry, Query},
};
use usher_service::{Connection, Settings};

use crate::world::{BULK, PATCH, World, filter, with, with_settings};

async fn last(w: &World) -> Entry {
    w.trail(&Query::default()).await.into_iter().next().unwrap()
}

fn object(id: &str) -> ObjectId {
    ObjectId::parse(id).unwrap()
}

#[test]
fn a_write_is_noted_with_who_what_and_how_it_was_read() {
    with("standard", async |w| {
        let ann = w.user("ann").await;
        let body = json!({"schemas": [PATCH], "Operations": [
            {"op": "Replace", "path": "active", "value": "False"},
            {"op": "add", "path": "password", "value": "x7k2"},
        ]});
        let mut request = Request::patch(format!("/scim/v2/Users/{ann}?attributes=id"))
            .header("authorization", format!("Bearer {}", w.token))
            .header("user-agent", "Tester/1")
            .body(Body::from(body.to_string()))
            .unwrap();
        let peer = "192.0.2.7:1".parse().unwrap();
        request.extensions_mut().insert(Connection { peer, tls: true });
        let reply = w.raw(request).await.expect(200);

        let entry = last(w).await;
        assert_eq!(entry.request.to_string(), reply.header("x-request-id"));
        assert_eq!((entry.at, entry.directory), (w.now(), w.account.production));
        assert_eq!((&*entry.method, entry.status), ("PATCH", 200));
        assert_eq!(entry.path, format!("/scim/v2/Users/{ann}?attributes=id"));
        assert_eq!((&*entry.address, &*entry.agent), ("192.0.2.7", "Tester/1"));
        assert_eq!((entry.objects, entry.detail), (vec![object(&ann)], None));
        let read: Vec<(&str, &str)> =
            entry.deviations.iter().map(|met| (met.id.as_str(), met.text.as_str())).collect();
        assert_eq!(read[0], ("P-04", "the operation Replace was read as replace"));
        assert_eq!(read[1], ("C-01", "\"active\" came as the text \"False\" and was read as false"));
        assert_eq!(read.len(), 3, "{read:?}");
        let kept = entry.body.unwrap();
        assert!(!kept.contains("x7k2") && kept.contains("\"False\""), "{kept}");
        assert_eq!((entry.size, entry.cut), (Some(body.to_string().len() as u64), false));
    });
}

#[test]
fn a_read_is_one_line_and_a_search_too() {
    with("standard", async |w| {
        w.user("ann").await;
        w.get(&format!("/Users?{}", filter("userName eq \"ann\""))).await.expect(200);
        let entry = last(w).await;
        assert!(entry.path.starts_with("/scim/v2/Users?filter=userName%20eq"), "{entry:?}");
        assert_eq!((entry.body, entry.size, entry.objects.len()), (None, None, 0));
        let search = json!({"schemas": [crate::world::SEARCH], "filter": "userName eq \"ann\""});
        w.post("/Users/.search", search).await.expect(200);
        let entry = last(w).await;
        assert_eq!((entry.body, entry.size.is_some()), (None, true));
    });
}

#[test]
fn refusals_are_noted_with_what_the_client_was_told() {
    with("standard", async |w| {
        let ann = w.user("ann").await;
        let broken = Request::post("/scim/v2/Users")
            .header("authorization", format!("Bearer {}", w.token))
            .body(Body::from("{\"userName\": \"secret-ish\""))
            .unwrap();
        w.raw(broken).await.refused(400, Some("invalidSyntax"));
        let entry = last(w).await;
        assert_eq!((entry.status, entry.body, entry.size), (400, None, Some(25)));
        assert!(entry.detail.unwrap().contains("not valid JSON"));

        w.patch(&format!("/Users/{ann}"), json!([{"op": "replace", "path": "active", "value": 7}]))
            .await
            .refused(400, Some("invalidValue"));
        let failed = Query { failed: true, object: Some(object(&ann)), ..Query::default() };
        let [entry] = &w.trail(&failed).await[..] else { panic!("found by the record it was refused for") };
        assert!(entry.body.as_ref().unwrap().contains("active"));
    });
}

#[test]
fn a_token_that_is_over_is_noted_and_one_that_nobody_knows_is_not() {
    let off = Settings { bad_tokens: 0, ..Settings::default() };
    with_settings("standard", &off, async |w| {
        let short = w.issue("okta", Some(w.now() + SignedDuration::from_secs(60))).await;
        w.advance(61);
        for (token, noted) in [(short.as_str(), true), ("usher_00", false)] {
            let request = Request::get("/scim/v2/Users").header("authorization", format!("Bearer {token}"));
            let reply = w.raw(request.body(Body::empty()).unwrap()).await.refused(401, None);
            let id = reply.header("x-request-id").parse().unwrap();
            let found = w.trail(&Query { request: Some(id), ..Query::default() }).await;
            assert_eq!(!found.is_empty(), noted, "{found:?}");
        }
    });
}

#[test]
fn a_bulk_request_is_found_by_each_record_it_made() {
    with("standard", async |w| {
        let post = |name: &str| {
            json!({"method": "POST", "path": "/Users", "bulkId": name, "data": {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "password": "x7k2"}})
        };
        let reply =
            w.post("/Bulk", json!({"schemas": [BULK], "Operations": [post("ann"), post("ben")]})).await;
        let operations = reply.expect(200).body["Operations"].clone();
        for operation in operations.as_array().unwrap() {
            let id = operation["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            let found = w.trail(&Query { object: Some(object(&id)), ..Query::default() }).await;
            assert_eq!(
                (found.len(), found[0].path.as_str(), found[0].objects.len()),
                (1, "/scim/v2/Bulk", 2)
            );
            assert!(!found[0].body.as_ref().unwrap().contains("x7k2"));
        }
    });
}

#[test]
fn each_environment_has_its_own_trail() {
    with("standard", async |w| {
        w.user("ann").await;
        let other = w.tenant("other", "standard", false).await;
        assert!(other.trail(&Query::default()).await.is_empty());
        let request = last(w).await.request;
        let foreign = other.trail(&Query { request: Some(request), ..Query::default() }).await;
        assert!(foreign.is_empty(), "{foreign:?}");
        other.get("/Users").await.expect(200);
        assert_eq!(other.trail(&Query::default()).await.len(), 1);
    });
}
