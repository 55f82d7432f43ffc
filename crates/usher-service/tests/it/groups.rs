//! Groups and their members.

use serde_json::{Value, json};

use crate::world::with;

#[test]
fn members_are_shown_with_their_kind_and_name() {
    with("standard", async |w| {
        let (ann, inner) = (w.user("Ann").await, w.group("Inner", &[]).await);
        let made = w
            .post(
                "/Groups",
                json!({"displayName": "Outer", "members": [{"value": ann, "$ref": null}, {"value": inner}]}),
            )
            .await
            .expect(201);
        let base = "http://scim.example.com/scim/v2";
        assert_eq!(
            made.body["members"],
            json!([
                {"value": ann, "type": "User", "$ref": format!("{base}/Users/{ann}")},
                {"value": inner, "type": "Group", "$ref": format!("{base}/Groups/{inner}")},
            ])
        );
        let named = w.get(&format!("/Groups/{}?attributes=members.value,members.display", made.id())).await;
        assert_eq!(
            named.expect(200).body["members"],
            json!([{"value": ann, "display": "Ann"}, {"value": inner, "display": "Inner"}])
        );
        let path = format!("/Groups/{}", made.id());
        assert_eq!(w.get(&path).await.body, made.body);
        for without in ["excludedAttributes=members", "attributes=displayName"] {
            let read = w.get(&format!("{path}?{without}")).await.expect(200);
            assert!(read.body.get("members").is_none() && read.body["displayName"] == json!("Outer"));
        }
        let ids = w.get(&format!("{path}?attributes=members.value")).await.expect(200);
        assert_eq!(ids.body["members"], json!([{"value": ann}, {"value": inner}]));
        w.delete(&format!("/Users/{ann}")).await.expect(204);
        assert_eq!(w.members(&made.id()).await, [inner]);
        w.delete(&path).await.expect(204);
        w.get(&path).await.refused(404, None);
    });
}

#[test]
fn okta_renames_without_touching_members_and_pushes_deltas() {
    with("standard", async |w| {
        let (a, b, c) = (w.user("a").await, w.user("b").await, w.user("c").await);
        let id = w.group("Sales", &[&a, &b]).await;
        let path = format!("/Groups/{id}");
        let rename = json!([{"op": "replace", "value": {"id": id, "displayName": "Sales 2"}}]);
        let reply = w.patch(&path, rename).await.expect(204);
        assert_eq!((&reply.body, reply.header("etag")), (&Value::Null, "W/\"3\""));
        assert_eq!(w.members(&id).await, [a.clone(), b.clone()]);
        assert_eq!(w.get(&path).await.body["displayName"], json!("Sales 2"));

        let delta = json!([
            {"op": "remove", "path": format!("members[value eq \"{a}\"]")},
            {"op": "add", "path": "members", "value": [{"value": c, "display": "c"}]},
        ]);
        w.patch(&path, delta).await.expect(204);
        assert_eq!(w.members(&id).await, [b.clone(), c.clone()]);
        w.patch(&path, json!([{"op": "replace", "path": "members", "value": [{"value": a}]}]))
            .await
            .expect(204);
        assert_eq!(w.members(&id).await, [a]);
        w.patch(&path, json!([{"op": "replace", "path": "members", "value": []}])).await.expect(204);
        assert!(w.members(&id).await.is_empty());
        let wrong = json!([{"op": "replace", "value": {"id": b, "displayName": "x"}}]);
        w.patch(&path, wrong).await.refused(400, Some("mutability"));
    });
}

#[test]
fn entra_adds_and_removes_members_its_own_way() {
    with("standard", async |w| {
        let (a, b, c) = (w.user("a").await, w.user("b").await, w.user("c").await);
        let id = w.group("Sales", &[]).await;
        let path = format!("/Groups/{id}");
        let member = |id: &str| json!({"$ref": null, "value": id});
        let add = json!([{"op": "Add", "path": "members", "value": [member(&a), member(&b), member(&c)]}]);
        w.patch(&path, add.clone()).await.expect(204);
        let version = w.get(&path).await.header("etag").to_owned();
        w.patch(&path, add).await.expect(204);
        assert_eq!(w.get(&path).await.header("etag"), version, "who is there already changes nothing");
        w.patch(&path, json!([{"op": "Remove", "path": "members", "value": [member(&b)]}])).await.expect(204);
        assert_eq!(w.members(&id).await, [a.clone(), c.clone()]);
        w.patch(&path, json!([{"op": "Remove", "path": "members[type eq \"Group\"]"}])).await.expect(204);
        assert_eq!(w.members(&id).await, [a, c]);
        w.patch(&path, json!([{"op": "Remove", "path": "members[type eq \"User\"]"}])).await.expect(204);
        assert!(w.members(&id).await.is_empty());
        let chosen = w
            .patch(
                &format!("{path}?excludedAttributes=members"),
                json!([{"op": "Replace", "path": "displayName", "value": "S"}]),
            )
            .await
            .expect(200);
        assert_eq!(chosen.body["displayName"], json!("S"));
    });
}

#[test]
fn put_sets_the_members_it_names() {
    with("standard", async |w| {
        let (a, b) = (w.user("a").await, w.user("b").await);
        let id = w.group("Sales", &[&a]).await;
        let path = format!("/Groups/{id}");
        let put = w
            .put(&path, json!({"displayName": "Sales", "members": [{"value": b, "display": "x"}]}))
            .await
            .expect(200);
        assert_eq!(put.body["members"][0]["value"], json!(b));
        assert_eq!(w.members(&id).await, [b]);
        let read = w.get(&path).await;
        assert_eq!(w.put(&path, read.body.clone()).await.expect(200).body, read.body);
        w.put(&path, json!({"displayName": "Sales"})).await.expect(200);
        assert!(w.members(&id).await.is_empty());
    });
}

#[test]
fn an_unknown_member_is_refused_and_nothing_stands() {
    with("standard", async |w| {
        let a = w.user("a").await;
        let id = w.group("Sales", &[]).await;
        let path = format!("/Groups/{id}");
        for nobody in ["0192f0c1-2345-7abc-8def-0123456789ab", "ann", &id] {
            let both = json!([
                {"op": "replace", "path": "displayName", "value": "New"},
                {"op": "add", "path": "members", "value": [{"value": a}, {"value": nobody}]},
            ]);
            let refused = w.patch(&path, both).await.refused(400, Some("invalidValue"));
            assert!(refused.body["detail"].as_str().unwrap().contains(nobody));
        }
        let made =
            json!({"displayName": "Other", "members": [{"value": "0192f0c1-2345-7abc-8def-0123456789ab"}]});
        w.post("/Groups", made).await.refused(400, Some("invalidValue"));
        assert!(w.members(&id).await.is_empty());
        assert_eq!(w.get("/Groups").await.body["totalResults"], json!(1));
        assert_eq!(w.get(&path).await.body["displayName"], json!("Sales"));
        // Who is nobody can't be a member, so removing it is done already.
        w.patch(&path, json!([{"op": "remove", "path": "members[value eq \"ann\"]"}])).await.expect(204);
    });
}

#[test]
fn many_members_come_whole_as_a_stream() {
    with("standard", async |w| {
        let mut ids = Vec::new();
        for n in 0..1_050 {
            ids.push(w.user(&format!("u{n}")).await);
        }
        let all: Vec<&str> = ids.iter().map(String::as_str).collect();
        let id = w.group("All", &all).await;
        ids.sort();
        assert_eq!(w.members(&id).await, ids);
        let list = w.get("/Groups").await.expect(200);
        assert_eq!(list.body["Resources"][0]["members"].as_array().unwrap().len(), 1_050);
        let chosen = w.get(&format!("/Groups/{id}?attributes=members.value")).await.expect(200);
        assert_eq!(chosen.body["members"].as_array().unwrap().len(), 1_050);
    });
}
