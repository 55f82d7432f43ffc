//! Bulk (RFC 7644 §3.7).

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use usher_service::Settings;

use crate::world::{BULK, ENTERPRISE, PATCH, Reply, World, with, with_settings};

const BASE: &str = "http://scim.example.com/scim/v2";

async fn bulk(w: &World, operations: Value) -> Vec<Value> {
    let reply = w.post("/Bulk", json!({"schemas": [BULK], "Operations": operations})).await;
    done(reply)
}

fn done(reply: Reply) -> Vec<Value> {
    let reply = reply.expect(200);
    assert_eq!(reply.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    assert_eq!(reply.header("content-type"), "application/scim+json");
    let all = reply.body["Operations"].as_array().unwrap().clone();
    for one in &all {
        let status = one["status"].as_str().unwrap();
        if status.starts_with('2') {
            assert!(one["location"].as_str().is_some_and(|at| at.starts_with(BASE)), "{one}");
            assert!(one.get("response").is_none(), "{one}");
        } else {
            assert_eq!(one["response"]["status"], one["status"], "{one}");
            assert_eq!(one["response"]["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
            assert!(one["response"]["detail"].as_str().is_some_and(|d| d.len() > 10), "{one}");
        }
    }
    all
}

fn statuses(done: &[Value]) -> Vec<&str> {
    done.iter().map(|one| one["status"].as_str().unwrap()).collect()
}

fn id(one: &Value) -> String {
    one["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn user(bulk_id: &str, name: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": {"userName": name}})
}

fn group(bulk_id: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": format!("bulkId:{id}")})).collect();
    let data = json!({"displayName": bulk_id, "members": members});
    json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data})
}

#[test]
fn operations_do_what_they_would_alone_and_see_each_other() {
    with("standard", async |w| {
        let old = w.user("old").await;
        let all = bulk(
            w,
            json!([
                user("a", "ann"),
                {"method": "PATCH", "path": "/Users/bulkId:a", "data": {"schemas": [PATCH],
                    "Operations": [{"op": "add", "path": "title", "value": "T"}]}},
                {"method": "put", "path": format!("/Users/{old}"), "bulkId": "p", "data": {"userName": "new"}},
                {"method": "DELETE", "path": "/Users/bulkId:a"},
                user("b", "ann"),
                {"method": "DELETE", "path": "/Users/bulkId:a"},
            ]),
        )
        .await;
        assert_eq!(statuses(&all), ["201", "200", "200", "204", "201", "404"]);
        assert_eq!(all[1]["location"], all[0]["location"]);
        assert_eq!((&all[0]["bulkId"], &all[0]["version"]), (&json!("a"), &json!("W/\"1\"")));
        assert_eq!((&all[1]["version"], &all[1]["method"]), (&json!("W/\"2\""), &json!("PATCH")));
        assert_eq!((&all[2]["bulkId"], &all[2]["method"]), (&json!("p"), &json!("PUT")));
        assert!(all[3].get("version").is_none());
        assert_ne!(id(&all[4]), id(&all[0]));
        assert_eq!(w.get(&format!("/Users/{old}")).await.body["userName"], json!("new"));
        assert_eq!(w.get(&format!("/Users/{}", id(&all[4]))).await.header("location"), all[4]["location"]);
    });
}

#[test]
fn references_lead_forward_and_backward() {
    with("standard", async |w| {
        let all = bulk(
            w,
            json!([
                group("Outer", &["u1", "Inner"]),
                {"method": "PATCH", "path": "/Groups/bulkId:Inner", "data": {"schemas": [PATCH], "Operations": [
                    {"op": "add", "path": "members", "value": [{"value": "bulkId:u2"}, {"value": "bulkId:u1"}]},
                    {"op": "remove", "path": "members[value eq \"bulkId:u1\"]"},
                ]}},
                user("u1", "ann"),
                group("Inner", &[]),
                {"method": "POST", "path": "/Users", "bulkId": "u2", "data": {"userName": "bob", "displayName": "bulkId:u1",
                    ENTERPRISE: {"manager": {"value": "bulkId:u1"}}}},
                {"method": "PUT", "path": "/Users/bulkId:u1", "data": {"userName": "ann", ENTERPRISE: {"manager": {"value": "bulkId:u2"}}}},
            ]),
        )
        .await;
        assert_eq!(statuses(&all), ["201", "204", "201", "201", "201", "200"]);
        let [outer, _, ann, inner, bob, _] = &all.iter().map(id).collect::<Vec<_>>()[..] else {
            panic!("{all:?}")
        };
        let mut both = [ann.clone(), inner.clone()];
        both.sort();
        assert_eq!(w.members(outer).await, both);
        assert_eq!(w.members(inner).await, std::slice::from_ref(bob));
        let read = w.get(&format!("/Users/{bob}")).await;
        assert_eq!(read.body[ENTERPRISE]["manager"]["value"], json!(ann));
        assert_eq!(read.body["displayName"], json!("bulkId:u1"), "a text is a text");
        assert_eq!(w.get(&format!("/Users/{ann}")).await.body[ENTERPRISE]["manager"]["value"], json!(bob));
        // In the inner group directly, in the outer one through it.
        let groups = read.body["groups"].as_array().unwrap();
        let kinds: Vec<_> = groups.iter().map(|g| (g["value"].clone(), g["type"].clone())).collect();
        assert_eq!(kinds, [(json!(inner), json!("direct")), (json!(outer), json!("indirect"))]);
    });
}

#[test]
fn circles_are_made_and_then_closed() {
    with("standard", async |w| {
        let manager = |of: &str| json!({"userName": of, ENTERPRISE: {"manager": {"value": format!("bulkId:{}", if of == "x" { "y" } else { "x" })}}});
        let all = bulk(
            w,
            json!([
                group("A", &["B", "u"]),
                group("B", &["C"]),
                group("C", &["A", "u"]),
                user("u", "ann"),
                {"method": "POST", "path": "/Users", "bulkId": "x", "data": manager("x")},
                {"method": "POST", "path": "/Users", "bulkId": "y", "data": manager("y")},
            ]),
        )
        .await;
        assert_eq!(statuses(&all), ["201"; 6]);
        let [a, b, c, u, x, y] = &all.iter().map(id).collect::<Vec<_>>()[..] else { panic!("{all:?}") };
        let sorted = |mut ids: Vec<String>| {
            ids.sort();
            ids
        };
        assert_eq!(w.members(a).await, sorted(vec![b.clone(), u.clone()]));
        assert_eq!(w.members(b).await, std::slice::from_ref(c));
        assert_eq!(w.members(c).await, sorted(vec![a.clone(), u.clone()]));
        for (of, is) in [(x, y), (y, x)] {
            assert_eq!(w.get(&format!("/Users/{of}")).await.body[ENTERPRISE]["manager"]["value"], json!(is));
        }
        for (n, path) in ["Groups", "Groups", "Groups", "Users", "Users", "Users"].iter().enumerate() {
            let read = w.get(&format!("/{path}/{}", id(&all[n]))).await;
            assert_eq!(read.header("etag"), all[n]["version"], "the version is the last one");
        }
        let seen: Vec<Value> = w.get(&format!("/Users/{u}")).await.body["groups"].as_array().unwrap().clone();
        assert_eq!(seen.len(), 3, "a circle ends: {seen:?}");
    });
}

#[test]
fn what_names_a_failure_fails_and_nothing_of_it_stands() {
    with("standard", async |w| {
        let taken = w.user("ann").await;
        let all = bulk(
            w,
            json!([
                user("u", "ANN"),
                group("A", &["u"]),
                group("B", &["nobody"]),
                // A circle that can't be closed: C would hold itself.
                group("C", &["C"]),
                group("D", &["E"]),
                group("E", &["D", "u"]),
                {"method": "DELETE", "path": "/Users/bulkId:u"},
                {"method": "PATCH", "path": format!("/Users/{taken}"), "data": {"schemas": [PATCH],
                    "Operations": [{"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": "bulkId:u"}]}},
                user("v", "bob"),
            ]),
        )
        .await;
        assert_eq!(statuses(&all), ["409", "409", "400", "400", "409", "409", "409", "409", "201"]);
        assert_eq!(all[0]["response"]["scimType"], json!("uniqueness"));
        assert_eq!(all[2]["response"]["scimType"], json!("invalidValue"));
        for (n, names) in [(1, "\"u\""), (2, "\"nobody\""), (5, "\"u\""), (4, "\"E\"")] {
            assert!(all[n]["response"]["detail"].as_str().unwrap().contains(names), "{}", all[n]);
        }
        assert!(all[0].get("location").is_none(), "a POST that failed is nowhere");
        assert!(all[7]["location"].as_str().unwrap().ends_with(&taken));
        assert_eq!(w.get("/Groups").await.body["totalResults"], json!(0));
        assert_eq!(w.get("/Users").await.body["totalResults"], json!(2));
    });
}

#[test]
fn each_fault_is_its_operations_own() {
    with("standard", async |w| {
        let ann = w.user("ann").await;
        let path = format!("/Users/{ann}");
        let patch = json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "T"}]});
        let faults = json!([
            {"method": "GET", "path": path},
            {"path": path},
            {"method": "POST", "path": "/Users", "data": {"userName": "x"}},
            {"method": "POST", "path": "/Users", "bulkId": "1"},
            {"method": "POST", "path": path, "bulkId": "2", "data": {"userName": "x"}},
            {"method": "POST", "bulkId": "3", "data": {"userName": "x"}},
            {"method": "DELETE", "path": "/Users"},
            {"method": "DELETE", "path": "/Me"},
            {"method": "POST", "path": "/Bulk", "bulkId": "4", "data": {}},
            {"method": "POST", "path": "/Users/.search", "bulkId": "5", "data": {}},
            {"method": "PUT", "path": format!("{BASE}{path}"), "data": {"userName": "x"}},
            {"method": "PATCH", "path": path, "data": [{"op": "add", "path": "title", "value": "T"}]},
            {"method": "PATCH", "path": path, "data": {"Operations": []}},
            {"method": "PATCH", "path": "/Users/bulkId:unknown", "data": patch},
        ]);
        let all = bulk(w, faults.clone()).await;
        assert_eq!(statuses(&all), vec!["400"; faults.as_array().unwrap().len()]);
        let all = bulk(
            w,
            json!([
                {"method": "PATCH", "path": path, "version": "W/\"9\"", "data": patch},
                {"method": "PATCH", "path": path, "version": "W/\"1\"", "data": patch},
                {"method": "DELETE", "path": path, "version": "W/\"1\""},
                {"method": "PUT", "path": path, "data": {"title": "no name"}},
                {"method": "DELETE", "path": "/Groups/0192f0c1-2345-7abc-8def-0123456789ab"},
                {"method": "DELETE", "path": path, "version": "W/\"2\""},
            ]),
        )
        .await;
        assert_eq!(statuses(&all), ["412", "200", "412", "400", "404", "204"]);
        assert!(all[0]["response"].get("scimType").is_none());
        assert!(all[4]["location"].as_str().unwrap().starts_with(BASE));
    });
}

#[test]
fn it_stops_after_as_many_failures_as_were_said() {
    with("standard", async |w| {
        let send = async |fail_on: Value| {
            let run = w.store.backend();
            let operations = json!([
                user("a", "ann"),
                user("b", "ann"),
                user("c", "cid"),
                user("d", "cid"),
                user("e", "eve")
            ]);
            let reply = w
                .post("/Bulk", json!({"schemas": [BULK], "failOnErrors": fail_on, "Operations": operations}))
                .await;
            for one in w.get("/Users").await.body["Resources"].as_array().unwrap() {
                w.delete(&format!("/Users/{}", one["id"].as_str().unwrap())).await.expect(204);
            }
            (reply, run)
        };
        for (fail_on, wanted) in [
            (json!(1), vec!["201", "409"]),
            (json!(2), vec!["201", "409", "201", "409"]),
            (json!(3), vec!["201", "409", "201", "409", "201"]),
            (Value::Null, vec!["201", "409", "201", "409", "201"]),
        ] {
            let (reply, run) = send(fail_on.clone()).await;
            assert!(reply.body.get("failOnErrors").is_none());
            assert_eq!(statuses(&done(reply)), wanted, "{fail_on} on {run:?}");
        }
        for bad in [json!(0), json!(-1), json!(1.5), json!("1")] {
            send(bad).await.0.refused(400, Some("invalidValue"));
        }
        // What a circle had made so far does not stay behind when the rest is left out.
        let operations =
            json!([group("A", &["B"]), group("B", &["A", "u"]), user("c", "cid"), user("u", "")]);
        let reply =
            w.post("/Bulk", json!({"schemas": [BULK], "failOnErrors": 1, "Operations": operations})).await;
        assert_eq!(statuses(&done(reply)), ["201", "400"], "the circle waits for u, and is not begun");
        let mut nameless = group("B", &["A"]);
        nameless["data"]["displayName"] = json!("");
        let operations = json!([group("A", &["B"]), nameless, user("d", "dan")]);
        let reply =
            w.post("/Bulk", json!({"schemas": [BULK], "failOnErrors": 1, "Operations": operations})).await;
        assert_eq!(statuses(&done(reply)), ["409", "400"]);
        assert_eq!(w.get("/Groups").await.body["totalResults"], json!(0));
    });
}

#[test]
fn an_envelope_that_is_none_is_refused_whole() {
    let small =
        Settings { bulk_operations: 3, bulk_bytes: 4_000, body_bytes: 1_000, rate: 0, ..Settings::default() };
    with_settings("standard", &small, async |w| {
        for (body, kind) in [
            (json!({"Operations": [user("a", "ann")]}), "invalidSyntax"),
            (json!({"schemas": [BULK]}), "invalidSyntax"),
            (json!({"schemas": [BULK], "Operations": []}), "invalidSyntax"),
            (json!({"schemas": [BULK], "Operations": {}}), "invalidSyntax"),
            (json!({"schemas": [BULK], "Operations": [user("a", "ann"), 5]}), "invalidSyntax"),
            (json!({"schemas": [BULK], "Operations": [user("a", "ann"), user("a", "bob")]}), "invalidValue"),
        ] {
            w.post("/Bulk", body).await.refused(400, Some(kind));
        }
        let four = json!({"schemas": [BULK], "Operations": [user("a", "a"), user("b", "b"), user("c", "c"), user("d", "d")]});
        let refused = w.post("/Bulk", four).await.refused(413, None);
        assert!(refused.body["detail"].as_str().unwrap().contains("at most 3"));
        let long = |bytes: usize| {
            json!({"schemas": [BULK], "Operations": [user("a", "ann")], "x": "y".repeat(bytes)}).to_string()
        };
        w.raw(post(w, Body::from(long(4_000)))).await.refused(413, None);
        let chunks = long(4_000)
            .into_bytes()
            .chunks(100)
            .map(|c| Ok::<_, std::io::Error>(c.to_vec()))
            .collect::<Vec<_>>();
        w.raw(post(w, Body::from_stream(futures_util::stream::iter(chunks)))).await.refused(413, None);
        assert_eq!(w.get("/Users").await.body["totalResults"], json!(0), "nothing was carried out");
        // Larger than a body elsewhere may be, and no larger than announced.
        w.raw(post(w, Body::from(long(3_000)))).await.expect(200);
        w.post("/Users", json!({"userName": "x".repeat(1_000)})).await.refused(413, None);
    });
}

fn post(w: &World, body: Body) -> Request<Body> {
    let request = Request::post("/scim/v2/Bulk").header("authorization", format!("Bearer {}", w.token));
    request.header("host", "scim.example.com").body(body).unwrap()
}

#[test]
fn profiles_without_bulk_say_so() {
    for profile in ["4me", "elium"] {
        with(profile, async |w| {
            w.post("/Bulk", json!({"schemas": [BULK], "Operations": [user("a", "ann")]}))
                .await
                .refused(501, None);
            assert_eq!(w.get("/Users").await.body["totalResults"], json!(0));
        });
    }
}

#[test]
fn only_what_has_to_wait_leaves_the_order_of_the_request() {
    with("standard", async |w| {
        let old = w.user("ann").await;
        // The group waits for the new ann, who comes after the old one is gone, and not before.
        let all = bulk(
            w,
            json!([
                group("All", &["new"]),
                {"method": "DELETE", "path": format!("/Users/{old}")},
                user("new", "ann"),
                user("late", "ann"),
            ]),
        )
        .await;
        assert_eq!(statuses(&all), ["201", "204", "201", "409"]);
        assert_eq!(w.members(&id(&all[0])).await, [id(&all[2])]);
        // The same with a rename that frees the name, and with a circle behind it.
        let manager = |bulk_id: &str, name: &str, of: &str| {
            json!({"method": "POST", "path": "/Users", "bulkId": bulk_id,
                "data": {"userName": name, ENTERPRISE: {"manager": {"value": format!("bulkId:{of}")}}}})
        };
        let all = bulk(
            w,
            json!([
                manager("x", "xaver", "y"),
                {"method": "PUT", "path": format!("/Users/{}", id(&all[2])), "data": {"userName": "anna"}},
                manager("y", "ann", "x"),
                user("z", "xaver"),
            ]),
        )
        .await;
        assert_eq!(statuses(&all), ["201", "200", "201", "409"]);
    });
}

#[test]
fn what_has_not_begun_in_time_is_said_so_and_can_be_sent_again() {
    with("standard", async |w| {
        // Each look at the clock takes 10 s, and operations begin within 24 s: at 10 s and 20 s, not at 30 s.
        w.tick(10);
        let operations =
            [user("a", "ann"), user("b", "bob"), user("c", "cid"), group("D", &["a", "c"])].map(Value::from);
        let all = bulk(w, json!(operations)).await;
        assert_eq!(statuses(&all), ["201", "201", "503", "503"]);
        for late in &all[2..] {
            assert!(late["response"]["detail"].as_str().unwrap().contains("send it again"), "{late}");
            assert!(late.get("location").is_none(), "{late}");
        }
        w.tick(0);
        assert_eq!(w.get("/Users").await.body["totalResults"], json!(2));
        let mut rest = json!(operations[2..]);
        rest[1]["data"]["members"][0]["value"] = json!(id(&all[0]));
        let again = bulk(w, rest).await;
        assert_eq!(statuses(&again), ["201", "201"]);
        assert_eq!(w.members(&id(&again[1])).await.len(), 2);
    });
}

#[test]
fn each_operation_counts_for_the_rate() {
    let slow = Settings { rate: 1, burst: 3, ..Settings::default() };
    with_settings("standard", &slow, async |w| {
        let users: Vec<Value> = (0..10).map(|n| user(&format!("u{n}"), &format!("u{n}"))).collect();
        // More than may come at once, and carried out all the same; then ten requests have to be waited for, less the burst.
        assert_eq!(statuses(&bulk(w, json!(users)).await), ["201"; 10]);
        let refused = w.get("/Users").await.refused(429, None);
        assert_eq!(refused.header("retry-after"), "8");
        w.advance(7);
        w.get("/Users").await.refused(429, None);
        w.advance(1);
        assert_eq!(w.get("/Users").await.expect(200).body["totalResults"], json!(10));
        // A message that is none counts as one request.
        w.advance(60);
        w.post("/Bulk", json!({"schemas": [BULK], "Operations": [{}, {}, 5]}))
            .await
            .refused(400, Some("invalidSyntax"));
        w.get("/Users").await.expect(200);
        w.get("/Users").await.expect(200);
        w.get("/Users").await.refused(429, None);
    });
}

#[test]
fn a_thousand_operations_are_one_request() {
    with("standard", async |w| {
        let names: Vec<String> = (0..999).map(|n| format!("u{n}")).collect();
        let mut operations = vec![group("All", &names.iter().map(String::as_str).collect::<Vec<_>>())];
        operations.extend(names.iter().map(|name| user(name, name)));
        let all = bulk(w, json!(operations)).await;
        assert!(all.len() == 1_000 && all.iter().all(|one| one["status"] == json!("201")));
        assert_eq!(w.members(&id(&all[0])).await.len(), 999);
    });
}
