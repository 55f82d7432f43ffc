//! Every limit, at its edge and past it.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use usher_service::Settings;

use crate::world::{BULK, Reply, World, with, with_settings};

fn settings() -> Settings {
    Settings { rate: 0, ..Settings::default() }
}

async fn post(w: &World, path: &str, body: String) -> Reply {
    let request =
        Request::post(format!("/scim/v2{path}")).header("authorization", format!("Bearer {}", w.token));
    w.raw(request.body(Body::from(body)).unwrap()).await
}

/// A user's body of exactly so many bytes.
fn user_of(bytes: usize, name: &str) -> String {
    let empty = json!({"userName": name, "x": ""}).to_string();
    json!({"userName": name, "x": "x".repeat(bytes - empty.len())}).to_string()
}

#[test]
fn a_body() {
    with_settings("standard", &Settings { body_bytes: 2_000, bulk_bytes: 4_000, ..settings() }, async |w| {
        post(w, "/Users", user_of(2_000, "ann")).await.expect(201);
        let refused = post(w, "/Users", user_of(2_001, "ben")).await.refused(413, None);
        assert!(refused.body["detail"].as_str().unwrap().contains("2000 bytes"));
        let bulk = |bytes: usize| {
            let body = |fill: &str| {
                let data: Value = json!({"userName": "cem", "x": fill});
                let operation = json!({"method": "POST", "path": "/Users", "bulkId": "c", "data": data});
                json!({"schemas": [BULK], "Operations": [operation]}).to_string()
            };
            body(&"x".repeat(bytes - body("").len()))
        };
        let carried = post(w, "/Bulk", bulk(4_000)).await.expect(200).body;
        assert_eq!(carried["Operations"][0]["status"], json!("201"));
        post(w, "/Bulk", bulk(4_001)).await.refused(413, None);
        assert_eq!(w.get("/Users").await.expect(200).body["totalResults"], json!(2));
    });
}

#[test]
fn a_body_of_the_default_size() {
    with("standard", async |w| {
        let mebibyte = 1024 * 1024;
        post(w, "/Users", user_of(mebibyte, "ann")).await.expect(201);
        post(w, "/Users", user_of(mebibyte + 1, "ben")).await.refused(413, None);
    });
}

#[test]
fn depth() {
    with("standard", async |w| {
        // The body itself is the first level.
        let body = |depth: usize| {
            let (open, close) = ("{\"a\":".repeat(depth - 1), "}".repeat(depth - 1));
            format!("{{\"userName\":\"u{depth}\",\"x\":{open}1{close}}}")
        };
        post(w, "/Users", body(64)).await.expect(201);
        let refused = post(w, "/Users", body(65)).await.refused(400, Some("invalidSyntax"));
        assert!(refused.body["detail"].as_str().unwrap().contains("64"));
        // Far past it is as cheap: nothing recurses.
        post(w, "/Users", body(100_000)).await.refused(400, Some("invalidSyntax"));
        let lists = format!("{{\"userName\":\"u\",\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        post(w, "/Users", lists).await.refused(400, Some("invalidSyntax"));
    });
}

#[test]
fn a_text() {
    with("standard", async |w| {
        let body = |bytes: usize| json!({"userName": format!("u{bytes}"), "title": "x".repeat(bytes)});
        w.post("/Users", body(64 * 1024)).await.expect(201);
        w.post("/Users", body(64 * 1024 + 1)).await.refused(400, Some("invalidValue"));
    });
}

#[test]
fn values_of_an_attribute() {
    with("standard", async |w| {
        let body = |many: usize| {
            let emails: Vec<Value> = (0..many).map(|n| json!({"value": format!("a{n}@x")})).collect();
            json!({"userName": format!("u{many}"), "emails": emails})
        };
        w.post("/Users", body(1_000)).await.expect(201);
        w.post("/Users", body(1_001)).await.refused(400, Some("invalidValue"));
    });
}

#[test]
fn a_user_name() {
    with("standard", async |w| {
        w.post("/Users", json!({"userName": "u".repeat(512)})).await.expect(201);
        w.post("/Users", json!({"userName": "u".repeat(513)})).await.refused(400, Some("invalidValue"));
    });
}

#[test]
fn a_filter() {
    with("standard", async |w| {
        let search = async |text: &str| {
            let body = json!({"schemas": [crate::world::SEARCH], "filter": text});
            w.post("/Users/.search", body).await
        };
        let long = |length: usize| format!("userName eq \"{}\"", "x".repeat(length - 14));
        assert_eq!(long(10_000).len(), 10_000);
        search(&long(10_000)).await.expect(200);
        search(&long(10_001)).await.refused(400, Some("invalidFilter"));
        let deep = |depth: usize| format!("{}userName pr{}", "(".repeat(depth), ")".repeat(depth));
        search(&deep(64)).await.expect(200);
        search(&deep(65)).await.refused(400, Some("invalidFilter"));
        search(&deep(4_000)).await.refused(400, Some("invalidFilter"));
        let wide = |terms: usize| vec!["title pr"; terms].join(" or ");
        search(&wide(200)).await.expect(200);
        search(&wide(201)).await.refused(400, Some("invalidFilter"));
    });
}

#[test]
fn a_url() {
    with_settings("standard", &Settings { url_bytes: 200, ..settings() }, async |w| {
        let path = |bytes: usize| format!("/Users?{}", "x".repeat(bytes - "/scim/v2/Users?".len()));
        w.get(&path(200)).await.expect(200);
        w.get(&path(201)).await.refused(414, None);
    });
}

#[test]
fn operations_of_a_patch() {
    with("standard", async |w| {
        let ann = format!("/Users/{}", w.user("ann").await);
        let operations = |many: usize| {
            let one = |n: usize| json!({"op": "replace", "path": "title", "value": format!("T{n}")});
            Value::Array((1..=many).map(one).collect())
        };
        assert_eq!(w.patch(&ann, operations(1_000)).await.expect(200).body["title"], json!("T1000"));
        w.patch(&ann, operations(1_001)).await.refused(413, None);
        assert_eq!(w.get(&ann).await.body["title"], json!("T1000"));
    });
}

#[test]
fn members_of_a_request() {
    with_settings("4me", &Settings { members: 3, ..settings() }, async |w| {
        let mut all = Vec::new();
        for n in 0..4 {
            all.push(json!({"value": w.user(&format!("u{n}")).await}));
        }
        let group = w.group("Sales", &[]).await;
        let path = format!("/Groups/{group}");
        for (op, three) in [("add", 3), ("remove", 0), ("replace", 3)] {
            let operation = |members: &[Value]| json!([{"op": op, "path": "members", "value": members}]);
            w.patch(&path, operation(&all)).await.refused(413, None);
            w.patch(&path, operation(&all[..3])).await.expect(200);
            assert_eq!(w.members(&group).await.len(), three, "{op}");
        }
        w.put(&path, json!({"members": all})).await.refused(413, None);
        w.post("/Groups", json!({"displayName": "More", "members": all})).await.refused(413, None);
        w.post("/Groups", json!({"displayName": "More", "members": all[..3]})).await.expect(201);
    });
}

#[test]
fn operations_of_a_bulk_request() {
    with_settings("standard", &Settings { bulk_operations: 2, ..settings() }, async |w| {
        let bulk = |many: usize| {
            let one = |n: usize| {
                json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": {
                    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("u{n}")}})
            };
            json!({"schemas": [BULK], "Operations": (0..many).map(one).collect::<Vec<_>>()})
        };
        w.post("/Bulk", bulk(3)).await.refused(413, None);
        assert_eq!(w.get("/Users").await.body["totalResults"], json!(0));
        w.post("/Bulk", bulk(2)).await.expect(200);
        assert_eq!(w.get("/Users").await.body["totalResults"], json!(2));
        let config = w.get("/ServiceProviderConfig").await.expect(200).body;
        assert_eq!(config["bulk"]["maxOperations"], json!(2));
    });
}

#[test]
fn a_rate_is_told_with_every_answer() {
    let tight = Settings { rate: 2, burst: 3, ..Settings::default() };
    with_settings("standard", &tight, async |w| {
        let start = w.now().as_second();
        let told = |reply: &Reply| {
            let number = |name: &str| reply.header(name).parse::<i64>().unwrap_or(-1);
            (number("x-ratelimit-limit"), number("x-ratelimit-remaining"), number("x-ratelimit-reset"))
        };
        // A bucket of three, half a second each to fill again.
        assert_eq!(told(&w.get("/Users").await.expect(200)), (3, 2, start + 1));
        assert_eq!(told(&w.get("/nope").await.refused(404, None)), (3, 1, start + 1));
        assert_eq!(told(&w.get("/Users").await.expect(200)), (3, 0, start + 2));
        let over = w.get("/Users").await.refused(429, None);
        assert_eq!((told(&over), over.header("retry-after")), ((3, 0, start + 2), "1"));
        w.advance(1);
        assert_eq!(told(&w.get("/Users").await.expect(200)), (3, 1, start + 2));
        let anonymous = Request::get("/scim/v2/Users").body(Body::empty()).unwrap();
        assert_eq!(told(&w.raw(anonymous).await.refused(401, None)), (-1, -1, -1));
    });
    with("standard", async |w| {
        assert!(!w.get("/Users").await.expect(200).headers.contains_key("x-ratelimit-limit"));
    });
}
