//! The table of profiles, row by row, each on all three (docs/conformance.md, *Profiles*).

use axum::body::Body;
use base64::Engine;
use http::Request;
use serde_json::{Value, json};
use usher_directory::{Kind, ObjectId, config::Configs, object, object::Draft, trail::Query};
use usher_store::{Lane, StoreError};

use crate::world::{BULK, ENTERPRISE, Reply, World, filter, with};

/// What a row says of each profile.
struct Row<T> {
    standard: T,
    four_me: T,
    elium: T,
}

/// Runs a test on each profile with what the row says of it.
fn each<T>(row: Row<T>, test: impl AsyncFn(&World, &T)) {
    for (profile, says) in [("standard", row.standard), ("4me", row.four_me), ("elium", row.elium)] {
        with(profile, async |w| test(w, &says).await);
    }
}

/// Many users at once, without a request each.
async fn users(w: &World, number: usize) -> Vec<String> {
    let (directory, now) = (w.account.production, w.now());
    let ids: Vec<ObjectId> = (0..number).map(|_| ObjectId::new(now)).collect();
    let made = ids.clone();
    let written = w.store.write(Lane::Now, move |tx| {
        let config = Configs::default().get(tx, directory)?.expect("a directory");
        for (n, id) in made.iter().enumerate() {
            let doc = json!({"userName": format!("u{n}")});
            let draft = Draft::create(&config, Kind::User, *id, doc.as_object().unwrap(), now).unwrap();
            object::put(tx, directory, &draft).unwrap();
        }
        Ok::<_, StoreError>(())
    });
    written.await.unwrap();
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn row_page_default_and_most() {
    let row = Row { standard: (1_010, 100, 1_000), four_me: (30, 25, 25), elium: (210, 100, 200) };
    each(row, async |w, &(there, default, most)| {
        users(w, there).await;
        let page = async |query: &str| {
            let page = w.get(&format!("/Users?attributes=id{query}")).await.expect(200).body;
            assert_eq!(page["totalResults"], json!(there));
            assert_eq!(page["itemsPerPage"], json!(page["Resources"].as_array().unwrap().len()));
            page["itemsPerPage"].clone()
        };
        assert_eq!(page("").await, json!(default));
        assert_eq!(page(&format!("&count={most}")).await, json!(most));
        assert_eq!(page(&format!("&count={}", most + 1)).await, json!(most));
        assert_eq!(
            page(&format!("&startIndex={}&count={most}", most + 1)).await,
            json!((there - most).min(most))
        );
        let config = w.get("/ServiceProviderConfig").await.expect(200).body;
        assert_eq!(config["filter"]["maxResults"], json!(most));
    });
}

#[test]
fn row_put() {
    each(Row { standard: false, four_me: true, elium: false }, async |w, &merges| {
        let body = json!({"userName": "ann", "title": "T", "nickName": "N"});
        let id = w.post("/Users", body).await.expect(201).id();
        let put = json!({"userName": "ann", "nickName": ""});
        let after = w.put(&format!("/Users/{id}"), put).await.expect(200).body;
        assert_eq!(after.get("title"), merges.then(|| json!("T")).as_ref());
        assert!(after.get("nickName").is_none_or(|name| !merges && name == ""), "{after}");
        let group = w.group("Sales", &[&id]).await;
        w.put(&format!("/Groups/{group}"), json!({"displayName": "Sales"})).await.expect(200);
        assert_eq!(w.members(&group).await.is_empty(), !merges);
    });
}

#[test]
fn row_patch_of_a_user() {
    each(Row { standard: (), four_me: (), elium: () }, async |w, ()| {
        let id = w.user("ann").await;
        let patched =
            w.patch(&format!("/Users/{id}"), json!([{"op": "add", "path": "title", "value": "T"}])).await;
        let body = patched.expect(200).body;
        assert_eq!(
            (&body["id"], &body["title"], &body["userName"]),
            (&json!(id), &json!("T"), &json!("ann"))
        );
    });
}

#[test]
fn row_patch_of_a_group() {
    each(Row { standard: 204, four_me: 200, elium: 204 }, async |w, &status| {
        let all = users(w, 1_001).await;
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let (small, large) = (w.group("Small", &all[..2]).await, w.group("Large", &all).await);
        let rename = |name: &str| json!([{"op": "replace", "path": "displayName", "value": name}]);
        let reply = w.patch(&format!("/Groups/{small}"), rename("Few")).await.expect(status);
        if status == 200 {
            assert_eq!(reply.body["members"].as_array().unwrap().len(), 2);
            let many = w.patch(&format!("/Groups/{large}"), rename("Many")).await.expect(200).body;
            assert_eq!((&many["displayName"], many.get("members")), (&json!("Many"), None));
        } else {
            assert_eq!(reply.body, Value::Null);
        }
        for (query, has, has_not) in [
            ("attributes=displayName", "displayName", "members"),
            ("excludedAttributes=members", "id", "members"),
        ] {
            let reply = w.patch(&format!("/Groups/{small}?{query}"), rename(query)).await.expect(200).body;
            assert!(reply.get(has).is_some() && reply.get(has_not).is_none(), "{reply}");
        }
    });
}

#[test]
fn row_four_mes_own_patch_body() {
    each(Row { standard: 400, four_me: 200, elium: 400 }, async |w, &status| {
        let (a, b) = (w.user("a").await, w.user("b").await);
        let group = w.group("Sales", &[&a]).await;
        let own = json!({"members": [{"value": a, "operation": "delete"}, {"value": b}]});
        let reply = w.send("PATCH", &format!("/Groups/{group}"), &[], Some(own)).await;
        let left = w.members(&group).await;
        if status == 200 {
            assert_eq!((reply.expect(200).status, left), (200, vec![b]));
        } else {
            reply.refused(400, Some("invalidSyntax"));
            assert_eq!(left, [a]);
        }
    });
}

#[test]
fn row_delete_of_a_user() {
    each(Row { standard: false, four_me: true, elium: true }, async |w, &stays| {
        let path = format!("/Users/{}", w.user("ann").await);
        w.delete(&path).await.expect(204);
        if stays {
            w.delete(&path).await.expect(204);
            assert_eq!(w.get(&path).await.expect(200).body["active"], json!(false));
        } else {
            w.delete(&path).await.refused(404, None);
            w.get(&path).await.refused(404, None);
        }
    });
}

#[test]
fn row_hard() {
    each(Row { standard: 404, four_me: 404, elium: 200 }, async |w, &after| {
        let path = format!("/Users/{}", w.user("ann").await);
        w.delete(&format!("{path}?hard=true")).await.expect(204);
        assert_eq!(w.get(&path).await.status, after);
    });
}

#[test]
fn row_a_name_whose_record_is_inactive_by_delete() {
    each(Row { standard: false, four_me: true, elium: true }, async |w, &revived| {
        let id = w.post("/Users", json!({"userName": "ann", "title": "Old"})).await.expect(201).id();
        w.delete(&format!("/Users/{id}")).await.expect(204);
        let again = w.post("/Users", json!({"userName": "ann", "nickName": "New"})).await.expect(201);
        assert_eq!(again.id() == id, revived);
        assert_eq!((again.body.get("title"), &again.body["active"]), (None, &json!(true)));
    });
}

#[test]
fn row_a_name_whose_record_is_inactive_by_active() {
    each(Row { standard: (), four_me: (), elium: () }, async |w, ()| {
        w.post("/Users", json!({"userName": "ann", "active": false})).await.expect(201);
        w.post("/Users", json!({"userName": "Ann"})).await.refused(409, Some("uniqueness"));
    });
}

#[test]
fn row_delete_of_a_group() {
    each(Row { standard: (), four_me: (), elium: () }, async |w, ()| {
        let ann = w.user("ann").await;
        let path = format!("/Groups/{}", w.group("Sales", &[&ann]).await);
        w.delete(&path).await.expect(204);
        w.get(&path).await.refused(404, None);
        assert!(w.get(&format!("/Users/{ann}")).await.expect(200).body.get("groups").is_none());
    });
}

#[test]
fn row_a_groups_name_is_one() {
    each(Row { standard: 201, four_me: 409, elium: 409 }, async |w, &status| {
        w.group("Sales", &[]).await;
        assert_eq!(w.post("/Groups", json!({"displayName": "SALES"})).await.status, status);
    });
}

#[test]
fn row_sort_bulk_and_versions_are_what_is_announced() {
    each(Row { standard: true, four_me: false, elium: false }, async |w, &has| {
        let config = w.get("/ServiceProviderConfig").await.expect(200).body;
        for feature in ["sort", "bulk", "etag"] {
            assert_eq!(config[feature]["supported"], json!(has), "{feature}");
        }
        for name in ["ben", "ann"] {
            w.user(name).await;
        }
        let first = w.get("/Users?sortBy=userName&count=1").await.expect(200);
        let (name, id) =
            (first.body["Resources"][0]["userName"].clone(), first.body["Resources"][0]["id"].clone());
        assert_eq!(name, json!(if has { "ann" } else { "ben" }));
        let bulk = json!({"schemas": [BULK], "Operations": [{"method": "DELETE", "path": format!("/Users/{}", id.as_str().unwrap())}]});
        let bulk = w.post("/Bulk", bulk).await;
        if has {
            bulk.expect(200)
        } else {
            bulk.refused(501, None)
        };
        let made = w.post("/Users", json!({"userName": "cem"})).await.expect(201);
        assert_eq!(made.headers.contains_key("etag"), has);
        assert_eq!(made.body["meta"].get("version").is_some(), has);
        let stale =
            w.send("DELETE", &format!("/Users/{}", made.id()), &[("if-match", "W/\"99\"")], None).await;
        assert_eq!(stale.status, if has { 412 } else { 204 });
    });
}

#[test]
fn row_filters() {
    each(Row { standard: 0, four_me: 1, elium: 0 }, async |w, &noted| {
        let body = json!({"userName": "ann", "emails": [{"type": "work", "value": "a@x"}]});
        w.post("/Users", body).await.expect(201);
        for plain in ["userName eq \"ann\"", "userName ne \"b\" and (userName gt \"a\" or userName lt \"z\")"]
        {
            assert_eq!(found(w, plain).await, (1, 0), "{plain}");
        }
        for more in [
            "userName co \"n\"",
            "userName sw \"a\"",
            "userName ew \"n\"",
            "userName pr",
            "userName ge \"ann\"",
            "userName le \"ann\"",
            "not (userName eq \"b\")",
            "emails[type eq \"work\" and value eq \"a@x\"]",
            "emails[type eq \"work\"].value eq \"a@x\"",
        ] {
            assert_eq!(found(w, more).await, (1, noted), "{more}");
        }
    });
}

/// How many a filter finds, and how many deviations the trail has of it.
async fn found(w: &World, text: &str) -> (u64, usize) {
    let reply = w.get(&format!("/Users?{}", filter(text))).await.expect(200);
    let request = reply.header("x-request-id").parse().ok();
    let entries = w.trail(&Query { request, ..Query::default() }).await;
    (reply.body["totalResults"].as_u64().unwrap(), entries[0].deviations.len())
}

#[test]
fn row_unknown_attributes() {
    each(Row { standard: "standard", four_me: "4me", elium: "elium" }, async |w, profile| {
        let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann", "shoeSize": 9});
        let made = w.post("/Users", body.clone()).await.expect(201).body;
        assert!(made.get("shoeSize").is_none());
        let strict = w.tenant("strict", profile, true).await;
        strict.post("/Users", body).await.refused(400, Some("invalidSyntax"));
    });
}

#[test]
fn row_site_location_support_id_custom_fields_and_group_type() {
    const FIELDS: &str = "urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields";
    each(Row { standard: false, four_me: true, elium: false }, async |w, &known| {
        let of = |value: &str| known.then(|| json!(value));
        let body = json!({
            "userName": "ann", ENTERPRISE: {"department": "D", "site": "Berlin", "location": "Desk 7", "supportID": "7"},
            FIELDS: {"payroll_id": "P7"},
        });
        let made = w.post("/Users", body).await.expect(201).body;
        let has = |key: &str| made[ENTERPRISE].get(key).cloned();
        assert_eq!(has("department"), Some(json!("D")));
        assert_eq!((has("site"), has("location"), has("supportID")), (of("Berlin"), of("Desk 7"), of("7")));
        assert_eq!(made.get(FIELDS), known.then(|| json!({"payroll_id": "P7"})).as_ref());
        let listed =
            json!({"userName": "ben", FIELDS: {"custom_fields": [{"id": "payroll_id", "value": "P8"}]}});
        let made = w.post("/Users", listed).await.expect(201).body;
        assert_eq!(made.get(FIELDS), known.then(|| json!({"payroll_id": "P8"})).as_ref());
        let group =
            w.post("/Groups", json!({"displayName": "Berlin", "groupType": "Site"})).await.expect(201).body;
        assert_eq!(group.get("groupType").cloned(), of("Site"));
        let schemas = w.get("/Schemas").await.expect(200).body.to_string();
        for announced in ["\"site\"", "\"supportID\"", "\"groupType\""] {
            assert_eq!(schemas.contains(announced), known, "{announced}");
        }
    });
}

#[test]
fn row_unknown_members() {
    each(Row { standard: false, four_me: true, elium: true }, async |w, &skipped| {
        let ann = w.user("ann").await;
        let body = json!({"displayName": "Sales", "members": [{"value": ann}, {"value": "0192f0c1-2345-7abc-8def-0123456789ab"}]});
        let reply = w.post("/Groups", body).await;
        if skipped {
            assert_eq!(w.members(&reply.expect(201).id()).await, [ann]);
        } else {
            let refused = reply.refused(400, Some("invalidValue"));
            assert!(refused.body["detail"].as_str().unwrap().contains("0192f0c1"));
            assert_eq!(w.get("/Groups").await.expect(200).body["totalResults"], json!(0));
        }
    });
}

#[test]
fn row_password() {
    each(Row { standard: (), four_me: (), elium: () }, async |w, ()| {
        let made = w.post("/Users", json!({"userName": "ann", "password": "x7k2"})).await.expect(201);
        assert!(!made.body.to_string().contains("x7k2"));
        let [entry] = &w.trail(&Query::default()).await[..] else { panic!("one request") };
        assert!(entry.deviations.iter().any(|met| met.name == "password_dropped"));
        assert!(!entry.body.as_ref().unwrap().contains("x7k2"));
        let config = w.get("/ServiceProviderConfig").await.expect(200).body;
        assert_eq!(config["changePassword"]["supported"], json!(false));
    });
}

async fn basic(w: &World) -> Reply {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("anybody:{}", w.token));
    let request = Request::get("/scim/v2/Users").header("authorization", format!("Basic {pair}"));
    w.raw(request.body(Body::empty()).unwrap()).await
}

#[test]
fn row_basic() {
    each(Row { standard: false, four_me: true, elium: false }, async |w, &taken| {
        let reply = basic(w).await;
        if taken {
            reply.expect(200)
        } else {
            reply.refused(401, None)
        };
        let config = w.get("/ServiceProviderConfig").await.expect(200).body;
        let schemes: Vec<&str> = config["authenticationSchemes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|scheme| scheme["type"].as_str().unwrap())
            .collect();
        assert_eq!(schemes.contains(&"httpbasic"), taken);
        assert!(schemes.contains(&"oauthbearertoken"));
    });
}

#[test]
fn each_account_has_an_address_of_its_own() {
    each(Row { standard: "standard", four_me: "4me", elium: "elium" }, async |w, profile| {
        let other = w.tenant("other", profile, false).await;
        let get = async |token: &str, path: &str| {
            let request = Request::get(path).header("authorization", format!("Bearer {token}"));
            w.raw(request.header("host", "app.example.com").body(Body::empty()).unwrap()).await
        };
        w.user("ann").await;
        for path in ["/t/acme/scim/v2/Users", "/t/acme/scim/Users", "/t/ACME/scim/v2/Users/"] {
            let found = get(&w.token, path).await.expect(200).body;
            let location = found["Resources"][0]["meta"]["location"].as_str().unwrap();
            let mount = path.split("/Users").next().unwrap();
            assert!(location.starts_with(&format!("http://app.example.com{mount}/Users/")), "{location}");
            get(&other.token, path).await.refused(401, None);
        }
        assert_eq!(
            get(&other.token, "/t/other/scim/v2/Users").await.expect(200).body["totalResults"],
            json!(0)
        );
        get(&w.token, "/t/nobody/scim/v2/Users").await.refused(401, None);
    });
}
