//! `.search` on every door, and queries over all types at the root.

use serde_json::{Value, json};

use crate::world::{Reply, SEARCH, World, filter, with};

fn request(members: Value) -> Value {
    let mut body = members;
    body["schemas"] = json!([SEARCH]);
    body
}

fn shown(list: &Reply, name: &str) -> Vec<String> {
    let all = list.body["Resources"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one[name].as_str().unwrap_or("-").to_owned()).collect()
}

/// Three users and two groups, made in turns.
async fn five(w: &World) -> Vec<String> {
    let cleo = w.post("/Users", json!({"userName": "cleo", "displayName": "Cleo"})).await.expect(201).id();
    let sales = w.group("Bureau", &[&cleo]).await;
    let ann = w.post("/Users", json!({"userName": "ann", "displayName": "Ann"})).await.expect(201).id();
    let all = w.group("Depot", &[&sales]).await;
    let bob = w.user("bob").await;
    vec![cleo, ann, bob, sales, all]
}

#[test]
fn a_search_finds_what_the_same_query_by_get_finds() {
    with("standard", async |w| {
        five(w).await;
        let text = "userName sw \"a\" or userName eq \"bob\"";
        let body = request(json!({"filter": text, "sortBy": "userName", "sortOrder": "descending",
            "attributes": ["userName", "name.givenName"], "startIndex": 1, "count": 1}));
        let found = w.post("/Users/.search", body).await.expect(200);
        let query = format!(
            "{}&sortBy=userName&sortOrder=descending&attributes=userName,name.givenName&startIndex=1&count=1",
            filter(text)
        );
        assert_eq!(found.body, w.get(&format!("/Users?{query}")).await.expect(200).body);
        assert_eq!((shown(&found, "userName"), &found.body["totalResults"]), (vec!["bob".into()], &json!(2)));
        let groups =
            request(json!({"filter": "displayName eq \"depot\"", "excludedAttributes": ["members"]}));
        let found = w.post("/Groups/.search?count=0", groups).await.expect(200);
        assert_eq!(shown(&found, "displayName"), ["Depot"], "what stands in the URL does not count");
        assert!(found.body["Resources"][0].get("members").is_none());
    });
}

#[test]
fn a_search_that_is_none_is_refused() {
    with("standard", async |w| {
        for (body, kind) in [
            (json!({}), "invalidSyntax"),
            (json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}), "invalidSyntax"),
            (request(json!({"filter": 5})), "invalidValue"),
            (request(json!({"attributes": "userName"})), "invalidValue"),
            (request(json!({"count": "5"})), "invalidValue"),
            (request(json!({"startIndex": 1.5})), "invalidValue"),
            (request(json!({"attributes": ["userName"], "excludedAttributes": ["title"]})), "invalidValue"),
            (request(json!({"filter": "userName%20eq%20%22a%22"})), "invalidFilter"),
            (request(json!({"cursor": "", "startIndex": 1})), "invalidValue"),
        ] {
            w.post("/Users/.search", body).await.refused(400, Some(kind));
        }
        w.post("/.search", request(json!({"filter": null, "COUNT": 0}))).await.expect(200);
    });
}

#[test]
fn the_root_answers_for_all_types() {
    with("standard", async |w| {
        let ids = five(w).await;
        for list in [w.get("").await.expect(200), w.post("/.search", request(json!({}))).await.expect(200)] {
            assert_eq!(shown(&list, "id"), ids);
            assert_eq!((&list.body["totalResults"], &list.body["itemsPerPage"]), (&json!(5), &json!(5)));
        }
        let found = async |text: &str| {
            let list = w.get(&format!("/?{}", filter(text))).await.expect(200);
            assert_eq!(list.body["totalResults"], json!(shown(&list, "id").len()));
            shown(&list, "id")
        };
        assert_eq!(found("meta.resourceType eq \"User\"").await, ids[..3]);
        assert_eq!(found("meta.resourceType eq \"Group\"").await, ids[3..]);
        assert_eq!(found("not (meta.resourceType eq \"Group\")").await, ids[..3]);
        assert_eq!(found("displayName sw \"d\" or displayName eq \"ann\"").await, [&*ids[1], &*ids[4]]);
        // What a type does not have is absent in it, and so unequal to anything.
        assert_eq!(found("userName eq \"ann\"").await, ids[1..2]);
        assert_eq!(found("userName pr").await, ids[..3]);
        assert_eq!(found("not (userName pr)").await, ids[3..]);
        assert_eq!(found("userName ne \"ann\"").await, [&ids[..1], &ids[2..]].concat());
        assert_eq!(found("members eq null and userName eq null").await, Vec::<String>::new());
        assert_eq!(found(&format!("members eq \"{}\" or userName eq \"bob\"", ids[0])).await, ids[2..4]);
        assert!(found("nothing eq \"x\"").await.is_empty());
        w.get(&format!("/?{}", filter("active gt true"))).await.refused(400, Some("invalidFilter"));
    });
}

#[test]
fn the_root_is_paged_and_sorted_across_types() {
    with("standard", async |w| {
        let ids = five(w).await;
        let page = async |query: &str| {
            let list = w.get(&format!("/?{query}")).await.expect(200);
            assert_eq!(list.body["totalResults"], json!(5), "{query}");
            shown(&list, "id")
        };
        for count in 1..=6 {
            let mut walked = Vec::new();
            for start in (1..=5).step_by(count) {
                walked.extend(page(&format!("startIndex={start}&count={count}")).await);
            }
            assert_eq!(walked, ids, "pages of {count}");
        }
        // Jumps, which no walk has prepared.
        assert_eq!(page("startIndex=4&count=1&attributes=id").await, ids[3..4]);
        assert_eq!(page("startIndex=3&count=2&excludedAttributes=members").await, ids[2..4]);
        assert!(page("startIndex=6").await.is_empty() && page("count=0").await.is_empty());
        let [cleo, ann, bob, bureau, depot] = &ids[..] else { panic!("{ids:?}") };
        assert_eq!(page("sortBy=displayName").await, [ann, bureau, cleo, depot, bob].map(Clone::clone));
        assert_eq!(
            page("sortBy=displayName&sortOrder=descending").await,
            [bob, depot, cleo, bureau, ann].map(Clone::clone)
        );
        assert_eq!(
            page("sortBy=userName&count=4&startIndex=2").await,
            [bob, cleo, bureau, depot].map(Clone::clone)
        );
        for bad in ["sortBy=nothing", "sortBy=name", "sortBy=userName&sortOrder=up"] {
            w.get(&format!("/?{bad}")).await.refused(400, Some("invalidValue"));
        }
    });
}

#[test]
fn where_sorting_is_not_announced_it_is_ignored_at_the_root_too() {
    with("4me", async |w| {
        let ids = five(w).await;
        assert_eq!(shown(&w.get("/?sortBy=displayName").await.expect(200), "id"), ids);
    });
}
