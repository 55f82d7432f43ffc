//! Requirements of the checklist that no other test meets on its way, each named.

use http::Request;
use serde_json::{Value, json};

use crate::world::{ENTERPRISE, Reply, World, filter, with};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

async fn hits(w: &World, path: &str, text: &str) -> u64 {
    let list = w.get(&format!("{path}?{}", filter(text))).await.expect(200);
    list.body["totalResults"].as_u64().unwrap()
}

fn keys(reply: &Reply) -> Vec<&str> {
    let mut keys: Vec<&str> = reply.body.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn s_schemas_and_values_of_a_resource() {
    with("standard", async |w| {
        w.post("/Users", json!({"schemas": [GROUP], "userName": "x"}))
            .await
            .refused(400, Some("invalidSyntax"));
        // S-05: what an extension holds says that it is there; S-37: what holds nothing is nothing.
        let body = json!({"schemas": [USER], "userName": "ann", "name": {"givenName": null}, "nickName": "",
            "emails": [{}], "title": null, "roles": [], "externalId": "same", ENTERPRISE: {"department": "D"}});
        let made = w.post("/Users", body).await.expect(201);
        assert_eq!(made.body["schemas"], json!([USER, ENTERPRISE]));
        for gone in ["name", "emails", "title", "roles"] {
            assert!(made.body.get(gone).is_none(), "{gone}: {:#?}", made.body);
        }
        assert_eq!(hits(w, "/Users", "nickName pr").await, 0, "S-36");
        assert_eq!(hits(w, "/Users", &format!("schemas eq \"{ENTERPRISE}\"")).await, 1, "S-16");
        let path = format!("/Users/{}", made.id());
        let remove = json!([{"op": "remove", "path": format!("{ENTERPRISE}:department")}]);
        let reply = w.patch(&path, remove).await.expect(200);
        assert_eq!((reply.body.get(ENTERPRISE), &reply.body["schemas"]), (None, &json!([USER])), "S-08");
        w.post("/Users", json!({"userName": "bob", "externalId": "same"})).await.expect(201);
        for bad in [
            json!({"userName": ""}),
            json!({"userName": " bob"}),
            json!({"userName": 5}),
            json!({"userName": "c", "emails": [null]}),
            json!({"userName": "c", "emails": {"value": "x"}}),
            json!({"userName": "c", "emails": [{"value": "x", "primary": true}, {"value": "y", "primary": true}]}),
            json!({"userName": "c", "x509Certificates": [{"value": "§"}]}),
            json!({"userName": "c", "title": "a\u{0}b"}),
        ] {
            w.post("/Users", bad).await.refused(400, Some("invalidValue"));
        }
        w.post("/Groups", json!({"schemas": [GROUP]})).await.refused(400, Some("invalidValue"));
        assert_eq!(hits(w, "/Users", "externalId eq \"same\"").await, 2, "S-11");
        assert_eq!(hits(w, "/Users", "externalId eq \"SAME\"").await, 0, "AC-03");
    });
}

#[test]
fn s_55_who_is_gone_is_in_no_group_and_the_group_says_so() {
    with("standard", async |w| {
        let (ann, bob) = (w.user("ann").await, w.user("bob").await);
        let group = w.group("Sales", &[&ann, &bob]).await;
        let path = format!("/Groups/{group}");
        let before = w.get(&path).await;
        w.advance(1);
        w.delete(&format!("/Users/{ann}")).await.expect(204);
        let after = w.get(&path).await;
        assert_eq!(w.members(&group).await, [bob]);
        assert_ne!(before.header("etag"), after.header("etag"));
        assert_ne!(before.body["meta"]["lastModified"], after.body["meta"]["lastModified"]);
    });
}

#[test]
fn q_projections() {
    with("standard", async |w| {
        let body = json!({"userName": "ann", "name": {"givenName": "A", "familyName": "L"}, "title": "T",
            "emails": [{"value": "a@x", "type": "work"}], ENTERPRISE: {"department": "D", "division": "V"}});
        let id = w.post("/Users", body).await.expect(201).id();
        let path = format!("/Users/{id}");
        let get = async |query: String| w.get(&format!("{path}?{query}")).await.expect(200);
        let chosen = get("attributes=USERNAME,%20name.givenName,emails.value,nothing,password".into()).await;
        assert_eq!(
            keys(&chosen),
            ["emails", "id", "name", "schemas", "userName"],
            "Q-55, Q-57, Q-58, Q-61, Q-62"
        );
        assert_eq!(
            (&chosen.body["name"], &chosen.body["emails"]),
            (&json!({"givenName": "A"}), &json!([{"value": "a@x"}]))
        );
        assert_eq!(chosen.body["schemas"], json!([USER, ENTERPRISE]));
        let whole = get(format!("attributes={ENTERPRISE}")).await;
        assert_eq!(whole.body[ENTERPRISE], json!({"department": "D", "division": "V"}), "Q-60");
        let part = get(format!("attributes={ENTERPRISE}:department")).await;
        assert_eq!(part.body[ENTERPRISE], json!({"department": "D"}));
        let without =
            get("excludedAttributes=id,schemas,meta,name.givenName,name.familyName,emails".into()).await;
        assert!(without.body["id"].is_string() && without.body["schemas"].is_array());
        for gone in ["name", "emails", "meta"] {
            assert!(without.body.get(gone).is_none(), "Q-59: {gone}");
        }
        assert_eq!(keys(&get("attributes=".into()).await), keys(&get(String::new()).await));
        w.get(&format!("{path}?attributes=id&excludedAttributes=title"))
            .await
            .refused(400, Some("invalidValue"));
        // on every operation that answers with a resource.
        let set = json!([{"op": "add", "path": "title", "value": "U"}]);
        let patched = w.patch(&format!("{path}?attributes=title"), set).await.expect(200);
        assert_eq!(keys(&patched), ["id", "schemas", "title"]);
        let put = w.put(&format!("{path}?attributes=userName"), json!({"userName": "ann"})).await.expect(200);
        assert_eq!(keys(&put), ["id", "schemas", "userName"]);
        let post =
            w.post("/Users?excludedAttributes=meta,active", json!({"userName": "bob"})).await.expect(201);
        assert_eq!(keys(&post), ["id", "schemas", "userName"]);
        assert!(post.header("location").ends_with(&post.id()));
    });
}

#[test]
fn q_filters_by_type_and_order() {
    with("standard", async |w| {
        let body = |name: &str, active: bool| {
            json!({"userName": name, "active": active, "title": "Ünï ✓ 你好",
            "emails": [{"value": format!("{name}@x"), "type": "work"}, {"value": "z@x", "type": "home"}]})
        };
        let made = w.post("/Users", body("ann", false)).await.expect(201);
        w.post("/Users", body("bob", true)).await.expect(201);
        let bare = w.user("cid").await;
        for (text, found) in [
            ("userName eq \"ann\" or userName eq \"bob\" and active eq true", 2),
            ("(userName eq \"ann\" or userName eq \"bob\") and active eq true", 1),
            ("active pr", 3),
            ("emails.type ne \"work\"", 3),
            ("not (emails.type eq \"work\")", 1),
            ("emails[type ne \"work\"]", 2),
            ("emails.type eq \"work\" and emails.value eq \"z@x\"", 2),
            ("emails[type eq \"work\" and value eq \"z@x\"]", 0),
            ("emails co \"N@X\"", 1),
            ("title eq null", 1),
            ("title ne null", 2),
            ("title co \"✓ 你\"", 2),
            ("title co \"_\"", 0),
            ("userName eq \"' or 1=1 --\"", 0),
            ("USERNAME Eq \"ANN\"", 1),
        ] {
            assert_eq!(hits(w, "/Users", text).await, found, "{text}");
        }
        let at = made.body["meta"]["lastModified"].as_str().unwrap();
        assert_eq!(hits(w, "/Users", &format!("meta.lastModified ge \"{at}\"")).await, 3, "N-08");
        assert_eq!(hits(w, "/Users", &format!("meta.lastModified gt \"{at}\"")).await, 0);
        assert_eq!(hits(w, "/Users", &format!("id eq \"{}\"", bare.to_uppercase())).await, 0, "AC-02");
        for bad in [
            "not title pr",
            "name eq \"x\"",
            "active gt true",
            "active co \"t\"",
            "meta.created co \"2\"",
            "userName eq 5",
            "active eq \"yes\"",
            "meta.created gt \"soon\"",
            "password eq \"x\"",
            "password pr",
            "title gt null",
            "emails[addresses[type eq \"a\"]]",
            "userName eq 'x'",
            "title eq \"a\" junk",
        ] {
            w.get(&format!("/Users?{}", filter(bad))).await.refused(400, Some("invalidFilter"));
        }
        for bad in ["sortBy=name", "sortBy=nothing", "sortBy=password", "sortBy=title&sortOrder=up"] {
            w.get(&format!("/Users?{bad}")).await.refused(400, Some("invalidValue"));
        }
        // E-06, E-04.
        for harmless in ["?sortOrder=up", "?foo=1&", "?", "/?count=1&", "?sortBy=&count=1"] {
            w.get(&format!("/Users{harmless}")).await.expect(200);
        }
    });
}

#[test]
fn e_conditions_and_r_credentials() {
    with("standard", async |w| {
        let id = w.user("ann").await;
        let path = format!("/Users/{id}");
        let tag = w.get(&path).await.header("etag").to_owned();
        let get = async |tag: &str| w.send("GET", &path, &[("if-none-match", tag)], None).await;
        let hit = get(&tag).await.expect(304);
        assert_eq!((&hit.body, hit.header("etag")), (&Value::Null, tag.as_str()), "E-31");
        get("W/\"99\"").await.expect(200);
        let put = async |tag: &str| {
            w.send("PUT", &path, &[("if-match", tag)], Some(json!({"userName": "ann", "title": tag}))).await
        };
        put("W/\"99\"").await.refused(412, None);
        put("nonsense").await.refused(400, Some("invalidValue"));
        put("\"99\", *").await.expect(200);
        put("\"2\"").await.expect(200);
        w.send("DELETE", &path, &[("if-match", &tag)], None).await.refused(412, None);
        let nobody = "/Users/0192f0c1-2345-7abc-8def-0123456789ab";
        w.send("DELETE", nobody, &[("if-match", "*")], None).await.refused(404, None);
        w.put(nobody, json!({"userName": "new"})).await.refused(404, None);

        let ask = |authorization: Option<String>, query: &str| {
            let mut request = Request::get(format!("/scim/v2/Users{query}"));
            if let Some(value) = authorization {
                request = request.header("authorization", value);
            }
            w.raw(request.body(axum::body::Body::empty()).unwrap())
        };
        ask(Some(format!("bEARER   {}", w.token)), "").await.expect(200);
        let none = ask(None, &format!("?access_token={}", w.token)).await.refused(401, None);
        assert!(!none.header("www-authenticate").contains("error"), "R-41, R-43");
        let bad = ask(Some("Bearer nonsense".into()), "").await.refused(401, None);
        assert!(bad.header("www-authenticate").contains("error=\"invalid_token\""));
    });
}

#[test]
fn x_17_x_21_texts_come_back_as_they_were() {
    with("standard", async |w| {
        for text in ["😀 emoji", "日本語", "שלום", "100% _sure_ \\ 'quoted' \"twice\"", "é e\u{301}"]
        {
            let id = w
                .post("/Users", json!({"userName": format!("u-{}", text.len()), "title": text}))
                .await
                .expect(201)
                .id();
            assert_eq!(w.get(&format!("/Users/{id}")).await.body["title"], json!(text));
            assert_eq!(hits(w, "/Users", &format!("title eq {}", json!(text))).await, 1, "{text}");
            assert_eq!(hits(w, "/Users", &format!("title co {}", json!(text))).await, 1, "{text}");
            w.delete(&format!("/Users/{id}")).await.expect(204);
        }
        for (name, same) in [("ÅSA", "åsa"), ("jose\u{301}", "josé"), ("ｂｏｂ", "bob")] {
            w.user(name).await;
            w.post("/Users", json!({"userName": same})).await.refused(409, Some("uniqueness"));
        }
        w.user("straße").await;
        w.user("strasse").await;
    });
}
