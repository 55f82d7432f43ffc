//! The numbers that hold where nobody sets others, each at its edge and past it. (Those of bodies, depth, texts and filters: `limits`.)

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use usher_service::{Connection, Settings};

use crate::world::{BULK, World, with, with_settings};

#[test]
fn a_thousand_requests_at_once_and_two_hundred_a_second_after_them() {
    with_settings("standard", &Settings::default(), async |w| {
        for n in 0..1_000 {
            assert_eq!(w.get("/ServiceProviderConfig").await.status, 200, "{n}");
        }
        let over = w.get("/ServiceProviderConfig").await.refused(429, None);
        assert_eq!(over.header("retry-after"), "1");
        w.advance(1);
        for n in 0..200 {
            assert_eq!(w.get("/ServiceProviderConfig").await.status, 200, "{n}");
        }
        w.get("/ServiceProviderConfig").await.refused(429, None);
    });
}

#[test]
fn twenty_bad_tokens_a_minute_from_one_address() {
    with_settings("standard", &Settings::default(), async |w| {
        let bad = async |w: &World, peer: &str| {
            let request = Request::get("/scim/v2/Users").header("authorization", "Bearer bad");
            let mut request = request.body(Body::empty()).unwrap();
            let peer = format!("{peer}:1").parse().unwrap();
            request.extensions_mut().insert(Connection { peer, tls: true });
            w.raw(request).await.status
        };
        for n in 0..20 {
            assert_eq!(bad(w, "192.0.2.1").await, 401, "{n}");
        }
        assert_eq!(bad(w, "192.0.2.1").await, 429);
        assert_eq!(bad(w, "192.0.2.2").await, 401, "another address");
        w.get("/Users").await.expect(200);
    });
}

#[test]
fn ten_thousand_members_of_an_operation() {
    with("4me", async |w| {
        let path = format!("/Groups/{}", w.group("Sales", &[]).await);
        let nobodies = |many: usize| {
            let one = |n: usize| json!({"value": format!("019a0000-0000-7000-8000-{n:012}")});
            json!([{"op": "add", "path": "members", "value": (0..many).map(one).collect::<Vec<_>>()}])
        };
        // Who is nobody is skipped in this profile.
        w.patch(&path, nobodies(10_000)).await.expect(200);
        w.patch(&path, nobodies(10_001)).await.refused(413, None);
    });
}

fn bulk(many: usize, fill: usize) -> Value {
    let one = |n: usize| json!({"method": "DELETE", "path": "/Users/nobody", "bulkId": n.to_string()});
    json!({"schemas": [BULK], "x": "x".repeat(fill), "Operations": (0..many).map(one).collect::<Vec<_>>()})
}

#[test]
fn a_thousand_operations_of_a_bulk_request() {
    with("standard", async |w| {
        let carried = w.post("/Bulk", bulk(1_000, 0)).await.expect(200).body;
        assert_eq!(carried["Operations"].as_array().unwrap().len(), 1_000);
        w.post("/Bulk", bulk(1_001, 0)).await.refused(413, None);
    });
}

#[test]
fn sixteen_mebibytes_of_a_bulk_request() {
    with("standard", async |w| {
        let empty = bulk(1, 0).to_string().len();
        let whole = 16 * 1024 * 1024;
        w.post("/Bulk", bulk(1, whole - empty)).await.expect(200);
        w.post("/Bulk", bulk(1, whole - empty + 1)).await.refused(413, None);
    });
}

#[test]
fn what_the_documentation_says_of_time() {
    let it = Settings::default();
    // How they act is told with shorter ones: `errors`, `cursors`.
    assert_eq!((it.request.as_secs(), it.query.as_secs(), it.cursor.as_secs()), (30, 2, 600));
}
