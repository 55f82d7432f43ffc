//! Users: create, read, replace, patch, delete under `standard`.

use serde_json::json;

use crate::world::{ENTERPRISE, filter, with};

#[test]
fn a_user_is_created_read_and_gone_after_delete() {
    with("standard", async |w| {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "id": "mine", "userName": "Ann@Example.org", "externalId": "e1",
            "name": {"givenName": "Ann", "familyName": "Lee"},
            "emails": [{"primary": true, "value": "ann@example.org", "type": "work"}],
            "groups": [], "password": "x7k2m9q1", "meta": {"resourceType": "User"},
            ENTERPRISE: {"department": "Sales"},
        });
        let made = w.post("/Users", body).await.expect(201);
        let id = made.id();
        assert_ne!(id, "mine");
        let location = format!("http://scim.example.com/scim/v2/Users/{id}");
        assert_eq!(made.header("location"), location);
        assert_eq!(made.header("content-type"), "application/scim+json");
        assert_eq!(made.body["meta"]["location"], json!(location));
        assert_eq!(made.body["meta"]["resourceType"], json!("User"));
        assert_eq!(made.body["meta"]["created"], json!("2026-01-01T00:00:00.000Z"));
        assert_eq!(made.body["meta"]["version"], json!(made.header("etag")));
        assert_eq!(made.body["userName"], json!("Ann@Example.org"));
        assert_eq!(made.body["active"], json!(true));
        assert_eq!(made.body["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]));
        assert_eq!(made.body[ENTERPRISE]["department"], json!("Sales"));
        assert!(made.body.get("password").is_none());

        let read = w.get(&format!("/Users/{id}")).await.expect(200);
        assert_eq!(read.body, made.body);
        w.delete(&format!("/Users/{id}")).await.expect(204);
        for method in ["GET", "DELETE"] {
            w.send(method, &format!("/Users/{id}"), &[], None).await.refused(404, None);
        }
        assert_ne!(w.user("ann@example.org").await, id);
    });
}

#[test]
fn one_user_name_is_one_users_whatever_its_case() {
    with("standard", async |w| {
        let id = w.user("Bjensen").await;
        let taken = w.post("/Users", json!({"userName": "bjensen"})).await.refused(409, Some("uniqueness"));
        assert!(taken.body["detail"].as_str().unwrap().contains("userName"));
        w.put(&format!("/Users/{id}"), json!({"userName": "BJENSEN"})).await.expect(200);
        let other = w.user("other").await;
        let path = format!("/Users/{other}");
        w.put(&path, json!({"userName": "bjensen"})).await.refused(409, Some("uniqueness"));
        let both = json!([
            {"op": "replace", "path": "title", "value": "T"},
            {"op": "replace", "path": "userName", "value": "bjensen"},
        ]);
        w.patch(&path, both).await.refused(409, Some("uniqueness"));
        assert!(w.get(&path).await.body.get("title").is_none(), "a PATCH is all or nothing");
    });
}

#[test]
fn put_replaces_and_what_was_read_changes_nothing() {
    with("standard", async |w| {
        let body = json!({"userName": "ann", "title": "T", "active": false, ENTERPRISE: {"department": "D"}});
        let id = w.post("/Users", body).await.expect(201).id();
        w.group("g", &[&id]).await;
        let path = format!("/Users/{id}");
        let read = w.get(&path).await.expect(200);
        w.advance(60);
        let same = w.put(&path, read.body.clone()).await.expect(200);
        assert_eq!(same.body, read.body);
        let put = w.put(&path, json!({"userName": "ann", "nickName": "N"})).await.expect(200);
        assert!(put.body.get("title").is_none() && put.body.get(ENTERPRISE).is_none(), "{put:?}");
        assert_eq!((&put.body["nickName"], &put.body["active"]), (&json!("N"), &json!(false)));
        assert_ne!(put.header("etag"), read.header("etag"));
        w.put(&path, json!({"nickName": "N"})).await.refused(400, Some("invalidValue"));
        w.put("/Users/0192f0c1-2345-7abc-8def-0123456789ab", json!({"userName": "x"}))
            .await
            .refused(404, None);
    });
}

#[test]
fn entra_patches_are_read_as_meant() {
    with("standard", async |w| {
        let manager = w.user("boss").await;
        let id = w.user("ann").await;
        let path = format!("/Users/{id}");
        let operations = json!([
            {"op": "Replace", "path": "displayName", "value": "Ann Lee-Roy"},
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ann.lr@example.org"},
            {"op": "Replace", "path": "name.familyName", "value": "Lee-Roy"},
            {"op": "Add", "path": "nickName", "value": "Annie"},
            {"op": "Replace", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7020"},
            {"op": "Add", "path": "manager", "value": [{"$ref": "https://x/Users/M", "value": manager}]},
            {"op": "Replace", "path": "active", "value": "False"},
        ]);
        let patched = w.patch(&path, operations).await.expect(200);
        let body = &patched.body;
        assert_eq!(body["displayName"], json!("Ann Lee-Roy"));
        assert_eq!(body["emails"][0]["value"], json!("ann.lr@example.org"));
        assert_eq!(body["emails"][0]["type"], json!("work"));
        assert_eq!(body["name"]["familyName"], json!("Lee-Roy"));
        assert_eq!(body["nickName"], json!("Annie"));
        assert_eq!(body[ENTERPRISE]["employeeNumber"], json!("7020"));
        assert_eq!(body[ENTERPRISE]["manager"]["value"], json!(manager));
        assert_eq!(body["active"], json!(false));
        assert_eq!(body["meta"]["version"], json!("W/\"2\""), "one change, one version");

        let path_less = json!([{"op": "replace", "value": {
            "displayName": "B", "name.givenName": "K", format!("{ENTERPRISE}:department"): "D"
        }}]);
        let patched = w.patch(&path, path_less).await.expect(200);
        assert_eq!(patched.body["name"], json!({"familyName": "Lee-Roy", "givenName": "K"}));
        assert_eq!(patched.body[ENTERPRISE]["department"], json!("D"));
    });
}

#[test]
fn okta_deactivates_without_a_path_and_nothing_else_changes() {
    with("standard", async |w| {
        let id = w.post("/Users", json!({"userName": "ann", "title": "T"})).await.expect(201).id();
        let path = format!("/Users/{id}");
        let off = w.patch(&path, json!([{"op": "replace", "value": {"active": false}}])).await.expect(200);
        assert_eq!((&off.body["active"], &off.body["title"]), (&json!(false), &json!("T")));
        w.get(&path).await.expect(200);
        let found = w.get(&format!("/Users?{}", filter("userName eq \"ann\""))).await.expect(200);
        assert_eq!(found.body["totalResults"], json!(1));
        let on = w.patch(&path, json!([{"op": "replace", "value": {"active": true}}])).await.expect(200);
        assert_eq!(on.body["active"], json!(true));
        w.patch(&path, json!([{"op": "replace", "path": "active", "value": "no"}]))
            .await
            .refused(400, Some("invalidValue"));
    });
}

#[test]
fn versions_guard_reads_and_writes() {
    with("standard", async |w| {
        let id = w.user("ann").await;
        let path = format!("/Users/{id}");
        let first = w.get(&path).await.header("etag").to_owned();
        w.send("GET", &path, &[("if-none-match", &first)], None).await.expect(304);
        let title = |t: &str| {
            Some(
                json!({"schemas": [crate::world::PATCH], "Operations": [{"op": "add", "path": "title", "value": t}]}),
            )
        };
        w.send("PATCH", &path, &[("if-match", &first)], title("A")).await.expect(200);
        w.send("PATCH", &path, &[("if-match", &first)], title("B")).await.refused(412, None);
        w.send("DELETE", &path, &[("if-match", "W/\"1\"")], None).await.refused(412, None);
        w.send("PATCH", &path, &[("if-match", "nonsense")], title("B"))
            .await
            .refused(400, Some("invalidValue"));
        w.send("PATCH", &path, &[("if-match", "*")], title("C")).await.expect(200);
        let strong = w.get(&path).await.header("etag").trim_start_matches("W/").to_owned();
        w.send("DELETE", &path, &[("if-match", &strong)], None).await.expect(204);
    });
}

#[test]
fn attributes_are_chosen_on_reads_and_writes() {
    with("standard", async |w| {
        let body = json!({"userName": "ann", "title": "T", "name": {"givenName": "A", "familyName": "L"}});
        let made = w.post("/Users?attributes=userName", body).await.expect(201);
        assert!(made.body.get("title").is_none() && made.body["userName"] == json!("ann"));
        let path = format!("/Users/{}", made.id());
        let few = w.get(&format!("{path}?attributes=name.givenName,TITLE")).await.expect(200);
        assert_eq!(few.body["name"], json!({"givenName": "A"}));
        assert_eq!(few.body["title"], json!("T"));
        assert_eq!(few.body["id"], json!(made.id()));
        assert!(few.body.get("userName").is_none() && few.body.get("schemas").is_some(), "{few:?}");
        let rest = w.get(&format!("{path}?excludedAttributes=name,id")).await.expect(200);
        assert!(rest.body.get("name").is_none() && rest.body["id"] == json!(made.id()));
        w.get(&format!("{path}?attributes=a&excludedAttributes=b")).await.refused(400, Some("invalidValue"));
    });
}

#[test]
fn a_user_shows_its_groups() {
    with("standard", async |w| {
        let id = w.user("ann").await;
        let inner = w.group("Inner", &[&id]).await;
        let outer = w.group("Outer", &[&inner]).await;
        let path = format!("/Users/{id}");
        let read = w.get(&path).await.expect(200);
        let shown = |group: &str, name: &str, kind: &str| {
            json!({
                "value": group, "display": name, "type": kind,
                "$ref": format!("http://scim.example.com/scim/v2/Groups/{group}"),
            })
        };
        assert_eq!(
            read.body["groups"],
            json!([shown(&inner, "Inner", "direct"), shown(&outer, "Outer", "indirect")])
        );
        assert_eq!(read.header("etag"), "W/\"1\"", "groups are no change of the user");
        let listed = w.get("/Users").await.expect(200);
        assert_eq!(listed.body["Resources"][0], read.body);
        assert!(w.get(&format!("{path}?excludedAttributes=groups")).await.body.get("groups").is_none());
    });
}

#[test]
fn a_manager_is_shown_with_its_name_and_place() {
    with("standard", async |w| {
        let boss =
            w.post("/Users", json!({"userName": "boss", "displayName": "The Boss"})).await.expect(201).id();
        let body =
            json!({"userName": "ann", ENTERPRISE: {"manager": {"value": boss, "displayName": "Somebody"}}});
        let made = w.post("/Users", body).await.expect(201);
        let path = format!("/Users/{}", made.id());
        let manager = json!({
            "value": boss, "displayName": "The Boss", "$ref": format!("http://scim.example.com/scim/v2/Users/{boss}"),
        });
        assert_eq!(made.body[ENTERPRISE]["manager"], manager);
        let read = w.get(&path).await;
        assert_eq!(read.body, made.body);
        assert_eq!(
            w.put(&path, read.body.clone()).await.expect(200).body,
            read.body,
            "read and written back"
        );
        let set =
            json!([{"op": "replace", "path": format!("{ENTERPRISE}:manager.displayName"), "value": "X"}]);
        w.patch(&path, set).await.refused(400, Some("mutability"));
        w.patch(&format!("/Users/{boss}"), json!([{"op": "replace", "path": "displayName", "value": "New"}]))
            .await
            .expect(200);
        let list = w.get(&format!("/Users?{}", filter("userName eq \"ann\""))).await;
        assert_eq!(list.body["Resources"][0][ENTERPRISE]["manager"]["displayName"], json!("New"));
        let chosen = w.get(&format!("{path}?attributes={ENTERPRISE}:manager.displayName")).await.expect(200);
        assert_eq!(chosen.body[ENTERPRISE], json!({"manager": {"displayName": "New"}}));
        let other = w.get(&format!("{path}?attributes=userName")).await.expect(200);
        assert!(other.body.get(ENTERPRISE).is_none());
        // Who is gone is nobody's manager.
        w.delete(&format!("/Users/{boss}")).await.expect(204);
        assert!(w.get(&path).await.body.get(ENTERPRISE).is_none());
    });
}

#[test]
fn active_taken_away_changes_nobodys_access() {
    with("standard", async |w| {
        let id = w.user("ann").await;
        let take_away = json!([{"op": "remove", "path": "active"}]);
        let taken = w.patch(&format!("/Users/{id}"), take_away.clone()).await.expect(200);
        assert!(taken.body.get("active").is_none(), "{taken:?}");
        let found = async |text: &str| {
            w.get(&format!("/Users?{}", filter(text))).await.expect(200).body["totalResults"].clone()
        };
        assert_eq!(found("active eq true").await, json!(1));
        assert_eq!(found("not (active eq false)").await, json!(1));

        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        w.patch(&format!("/Users/{id}"), off).await.expect(200);
        let taken = w.patch(&format!("/Users/{id}"), take_away).await.expect(200);
        assert!(taken.body.get("active").is_none(), "{taken:?}");
        let rename = json!([{"op": "replace", "path": "displayName", "value": "Ann"}]);
        w.patch(&format!("/Users/{id}"), rename).await.expect(200);
        assert_eq!(found("active eq true").await, json!(0), "nobody gets access back by it");
        assert_eq!(found("active eq false").await, json!(1));
        let put = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann"});
        assert_eq!(w.put(&format!("/Users/{id}"), put).await.expect(200).body["active"], json!(false));
    });
}
