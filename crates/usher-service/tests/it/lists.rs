//! Lists: filters, pages, order, walks.

use serde_json::json;

use crate::world::{World, filter, with};

async fn names(w: &World, query: &str) -> Vec<String> {
    let list = w.get(&format!("/Users?{query}")).await.expect(200);
    let all = list.body["Resources"].as_array().cloned().unwrap_or_default();
    all.iter().map(|u| u["userName"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_empty_list_is_a_list() {
    with("standard", async |w| {
        for query in
            ["", "?", &format!("?{}", filter("userName eq \"0192f0c1\"")), "?count=0", "?startIndex=9"]
        {
            let list = w.get(&format!("/Users{query}")).await.expect(200);
            assert_eq!(list.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
            assert_eq!((&list.body["totalResults"], &list.body["Resources"]), (&json!(0), &json!([])));
            assert_eq!(list.body["itemsPerPage"], json!(0));
        }
    });
}

#[test]
fn filters_find_who_they_name() {
    with("standard", async |w| {
        for (name, family, external) in
            [("Ann@x", "Lee", "e1"), ("bob@x", "OR", "e2"), ("a+b@x", "say \"hi\" \\ bye", "e3")]
        {
            let body = json!({
                "userName": name, "externalId": external, "name": {"familyName": family},
                "emails": [{"type": "work", "value": format!("w-{name}")}, {"type": "home", "value": format!("h-{name}")}],
            });
            w.post("/Users", body).await.expect(201);
        }
        let found = async |text: &str| names(w, &filter(text)).await;
        assert_eq!(found("userName eq \"ANN@X\"").await, ["Ann@x"]);
        assert_eq!(found("userName eq \"a+b@x\"").await, ["a+b@x"]);
        assert_eq!(found("externalId eq \"e2\"").await, ["bob@x"]);
        assert_eq!(found("name.familyName eq \"OR\"").await, ["bob@x"]);
        assert_eq!(found("name.familyName eq \"say \\\"hi\\\" \\\\ bye\"").await, ["a+b@x"]);
        assert_eq!(found("emails[type eq \"work\"].value eq \"w-bob@x\"").await, ["bob@x"]);
        assert!(found("emails[type eq \"work\"].value eq \"h-bob@x\"").await.is_empty());
        assert_eq!(found("userName sw \"a\" and not (externalId eq \"e3\")").await, ["Ann@x"]);
        assert_eq!(found("userName eq \"bob@x\" or externalId eq \"e3\"").await, ["bob@x", "a+b@x"]);
        assert!(found("userName sw \"%\"").await.is_empty());
        for bad in
            ["", "userName", "userName eq", "nope eq \"x\"", "userName regex \"x\"", "(userName eq \"x\""]
        {
            w.get(&format!("/Users?{}", filter(bad))).await.refused(400, Some("invalidFilter"));
        }
        let plus = names(w, "filter=userName+eq+%22bob%40x%22&").await;
        assert_eq!(plus, ["bob@x"]);
    });
}

#[test]
fn references_are_checked_as_entra_does() {
    with("standard", async |w| {
        let (boss, ann) = (w.user("boss").await, w.user("ann").await);
        let set = json!([{"op": "Add", "path": "manager", "value": boss}]);
        w.patch(&format!("/Users/{ann}"), set).await.expect(200);
        let group = w.group("Sales", &[&ann]).await;
        let hits = async |kind: &str, text: String| {
            w.get(&format!("/{kind}?{}&attributes=id", filter(&text))).await.expect(200).body["totalResults"]
                .clone()
        };
        assert_eq!(hits("Users", format!("id eq \"{ann}\" and manager eq \"{boss}\"")).await, json!(1));
        assert_eq!(hits("Users", format!("manager eq \"{ann}\" and id eq \"{ann}\"")).await, json!(0));
        assert_eq!(hits("Groups", format!("id eq \"{group}\" and members eq \"{ann}\"")).await, json!(1));
        assert_eq!(hits("Groups", format!("id eq \"{group}\" and members eq \"{boss}\"")).await, json!(0));
        assert_eq!(hits("Groups", "displayName eq \"sales\"".into()).await, json!(1));
    });
}

#[test]
fn pages_are_bounded_in_order_and_numbers_are_numbers() {
    with("standard", async |w| {
        for n in 0..5 {
            w.user(&format!("u{n}")).await;
        }
        let page = w.get("/Users?startIndex=2&count=2").await.expect(200);
        let of = |name: &str| page.body[name].as_u64();
        assert_eq!((of("totalResults"), of("startIndex"), of("itemsPerPage")), (Some(5), Some(2), Some(2)));
        assert_eq!(names(w, "startIndex=2&count=2").await, ["u1", "u2"]);
        assert_eq!(names(w, "startIndex=-3&count=1").await, ["u0"]);
        assert!(names(w, "count=-1").await.is_empty());
        assert_eq!(names(w, "count=100000").await.len(), 5);
        for bad in ["startIndex=abc", "count=1.5", "count=99999999999999999999999"] {
            w.get(&format!("/Users?{bad}")).await.refused(400, Some("invalidValue"));
        }
        assert_eq!(names(w, "sortBy=userName&sortOrder=descending&count=2").await, ["u4", "u3"]);
    });
}

#[test]
fn a_walk_loses_and_repeats_nobody_when_others_delete() {
    with("standard", async |w| {
        let mut ids = Vec::new();
        for n in 0..10 {
            ids.push(w.user(&format!("u{n}")).await);
        }
        assert_eq!(names(w, "startIndex=1&count=4").await, ["u0", "u1", "u2", "u3"]);
        for gone in &ids[..2] {
            w.delete(&format!("/Users/{gone}")).await.expect(204);
        }
        w.user("late").await;
        assert_eq!(names(w, "startIndex=5&count=4").await, ["u4", "u5", "u6", "u7"]);
        assert_eq!(names(w, "startIndex=9&count=4").await, ["u8", "u9", "late"]);
        // The negative control: five minutes later the walk is forgotten, and a position is a position.
        w.advance(301);
        assert_eq!(names(w, "startIndex=5&count=2").await, ["u6", "u7"]);
    });
}
