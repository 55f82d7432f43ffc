//! What `4me` and `elium` do otherwise, row by row.

use base64::Engine;
use serde_json::json;

use crate::world::{ENTERPRISE, filter, with};

#[test]
fn four_me_deactivates_and_gives_the_record_back() {
    with("4me", async |w| {
        let id = w.post("/Users", json!({"userName": "ann@x", "title": "Old"})).await.expect(201).id();
        let path = format!("/Users/{id}");
        for _ in 0..2 {
            w.delete(&path).await.expect(204);
            assert_eq!(w.get(&path).await.expect(200).body["active"], json!(false));
        }
        let back = w.post("/Users", json!({"userName": "Ann@x", "nickName": "New"})).await.expect(201);
        assert_eq!(back.id(), id);
        assert_eq!(back.body["active"], json!(true));
        assert_eq!(back.body["nickName"], json!("New"));
        assert!(back.body.get("title").is_none(), "the values are the new ones");
        w.post("/Users", json!({"userName": "ann@x"})).await.refused(409, Some("uniqueness"));
    });
}

#[test]
fn inactive_by_patch_is_taken_not_given_back() {
    with("4me", async |w| {
        let id = w.user("ann@x").await;
        let path = format!("/Users/{id}");
        w.patch(&path, json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
        w.post("/Users", json!({"userName": "ann@x"})).await.refused(409, Some("uniqueness"));
        w.delete(&path).await.expect(204);
        assert_eq!(w.post("/Users", json!({"userName": "ann@x"})).await.expect(201).id(), id);
    });
}

#[test]
fn four_me_removes_for_good_only_when_told() {
    with("4me", async |w| {
        let id = w.user("ann@x").await;
        w.delete(&format!("/Users/{id}?hard=true")).await.expect(204);
        w.get(&format!("/Users/{id}")).await.refused(404, None);
        assert_ne!(w.user("ann@x").await, id);
    });
    for profile in ["standard", "elium"] {
        with(profile, async |w| {
            let id = w.user("ann@x").await;
            w.delete(&format!("/Users/{id}?hard=true")).await.expect(204);
            let after = w.get(&format!("/Users/{id}")).await.status;
            assert_eq!(after, if profile == "elium" { 200 } else { 404 });
        });
    }
}

#[test]
fn four_me_merges_a_put() {
    with("4me", async |w| {
        let body = json!({
            "userName": "ann@x", "title": "T", "nickName": "N", "locale": "nl",
            "emails": [{"type": "work", "value": "ann@x"}], ENTERPRISE: {"department": "D", "site": "Berlin", "supportID": "7"},
        });
        let made = w.post("/Users", body).await.expect(201);
        assert_eq!(made.body[ENTERPRISE]["site"], json!("Berlin"));
        let path = format!("/Users/{}", made.id());
        let put = json!({"title": "", "nickName": null, "emails": [], "displayName": "Ann"});
        let put = w.put(&path, put).await.expect(200);
        for cleared in ["title", "nickName", "emails"] {
            assert!(put.body.get(cleared).is_none(), "{cleared}: {put:?}");
        }
        assert_eq!((&put.body["locale"], &put.body["displayName"]), (&json!("nl"), &json!("Ann")));
        assert_eq!(put.body[ENTERPRISE], made.body[ENTERPRISE]);

        let (a, b) = (made.id(), w.user("b@x").await);
        let group = w.group("Site A", &[&a]).await;
        let path = format!("/Groups/{group}");
        w.put(&path, json!({"displayName": "Site B", "groupType": "Site"})).await.expect(200);
        assert_eq!(w.members(&group).await, [a]);
        w.put(&path, json!({"members": [{"value": b}]})).await.expect(200);
        assert_eq!(w.members(&group).await, [b]);
        let cleared = w.put(&path, json!({"members": []})).await.expect(200);
        assert_eq!(
            (&cleared.body["displayName"], &cleared.body["groupType"]),
            (&json!("Site B"), &json!("Site"))
        );
        assert!(w.members(&group).await.is_empty());
    });
}

#[test]
fn four_me_takes_its_own_patch_body_and_answers_groups() {
    with("4me", async |w| {
        let (a, b) = (w.user("a@x").await, w.user("b@x").await);
        let group = w.group("Sales", &[&a]).await;
        let path = format!("/Groups/{group}");
        let own = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "members": [{"value": a, "operation": "delete"}, {"value": b}],
        });
        let answered = w.send("PATCH", &path, &[], Some(own.clone())).await.expect(200);
        assert_eq!(answered.body["members"][0]["value"], json!(b));
        assert_eq!(w.members(&group).await, [b]);
        let user = format!("/Users/{a}");
        w.send("PATCH", &user, &[], Some(json!({"title": "T"}))).await.expect(200);
        assert_eq!(w.get(&user).await.body["title"], json!("T"));
        let rfc = json!([{"op": "Add", "path": "members", "value": [{"value": a}]}]);
        let answered = w.patch(&format!("{path}?excludedAttributes=members"), rfc).await.expect(200);
        assert!(answered.body.get("members").is_none(), "{answered:?}");
    });
    with("standard", async |w| {
        let (a, group) = (w.user("a").await, w.group("Sales", &[]).await);
        let own = json!({"members": [{"value": a, "operation": "delete"}]});
        w.send("PATCH", &format!("/Groups/{group}"), &[], Some(own))
            .await
            .refused(400, Some("invalidSyntax"));
    });
}

#[test]
fn four_me_pages_of_25_and_unique_group_names() {
    with("4me", async |w| {
        for n in 0..30 {
            w.user(&format!("u{n}@x")).await;
        }
        for query in ["", "?count=100"] {
            let page = w.get(&format!("/Users{query}")).await.expect(200);
            assert_eq!((&page.body["itemsPerPage"], &page.body["totalResults"]), (&json!(25), &json!(30)));
        }
        let rest = w.get("/Users?startIndex=26&count=100").await.expect(200);
        assert_eq!(rest.body["Resources"].as_array().unwrap().len(), 5);
        let quoted = w.get(&format!("/Users?{}", filter("active eq \"true\""))).await.expect(200);
        assert_eq!(quoted.body["totalResults"], json!(30));
        // Unsorted, and no error either.
        assert_eq!(
            w.get("/Users?sortBy=userName&count=1").await.expect(200).body["Resources"][0]["userName"],
            json!("u0@x")
        );

        let group = w.group("Sales", &[]).await;
        w.post("/Groups", json!({"displayName": "SALES"})).await.refused(409, Some("uniqueness"));
        w.delete(&format!("/Groups/{group}")).await.expect(204);
        w.group("SALES", &[]).await;
    });
    with("standard", async |w| {
        w.group("Sales", &[]).await;
        w.group("Sales", &[]).await;
    });
}

#[test]
fn unknown_members_are_skipped_where_the_profile_says_so() {
    for profile in ["4me", "elium"] {
        with(profile, async |w| {
            let a = w.user("a@x").await;
            let group = w.group("Sales", &[&a, "nobody", "0192f0c1-2345-7abc-8def-0123456789ab"]).await;
            assert_eq!(w.members(&group).await, [a]);
        });
    }
}

#[test]
fn basic_is_taken_where_it_is_announced() {
    let basic = |token: &str| {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("anybody:{token}"));
        http::Request::get("/scim/v2/Users").header("authorization", format!("Basic {pair}"))
    };
    with("4me", async |w| {
        w.raw(basic(&w.token).body(axum::body::Body::empty()).unwrap()).await.expect(200);
        let types = w.get("/ServiceProviderConfig").await.body["authenticationSchemes"].to_string();
        assert!(types.contains("httpbasic"));
    });
    with("standard", async |w| {
        w.raw(basic(&w.token).body(axum::body::Body::empty()).unwrap()).await.refused(401, None);
        let types = w.get("/ServiceProviderConfig").await.body["authenticationSchemes"].to_string();
        assert!(!types.contains("httpbasic"));
    });
}

#[test]
fn versions_are_announced_where_they_hold() {
    for profile in ["4me", "elium"] {
        with(profile, async |w| {
            let made = w.post("/Users", json!({"userName": "a@x"})).await.expect(201);
            assert!(
                made.headers.get("etag").is_none() && made.body["meta"].get("version").is_none(),
                "{made:?}"
            );
            let path = format!("/Users/{}", made.id());
            w.send("DELETE", &path, &[("if-match", "W/\"99\"")], None).await.expect(204);
        });
    }
}
