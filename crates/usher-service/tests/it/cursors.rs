//! Walks by cursor (RFC 9865).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{Reply, SEARCH, World, filter, with};

fn ids(list: &Reply) -> Vec<String> {
    let all = list.body["Resources"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Walks to the end, doing something between pages; all ids in order.
async fn walk(w: &World, path: &str, between: impl AsyncFn(usize)) -> Vec<String> {
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    for page in 0..1_000 {
        let list = w.get(&format!("{path}&cursor={cursor}")).await.expect(200);
        assert!(list.body.get("startIndex").is_none() && list.body.get("previousCursor").is_none());
        seen.extend(ids(&list));
        let Some(next) = list.body["nextCursor"].as_str() else { return seen };
        assert!(next.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{next}");
        cursor = next.to_owned();
        between(page).await;
    }
    panic!("a walk without end");
}

async fn users(w: &World, number: usize) -> Vec<String> {
    let mut all = Vec::new();
    for n in 0..number {
        // Names fall as users come, so that an order by name is another than that of creation; every third has no title.
        let mut body = json!({"userName": format!("u{:03}", number - n), "nickName": format!("n{}", n % 2)});
        if n % 3 > 0 {
            body["title"] = json!(format!("T{}", n % 4));
            body["externalId"] = json!(format!("e{}", n % 5));
        }
        all.push(w.post("/Users", body).await.expect(201).id());
    }
    all
}

#[test]
fn a_walk_sees_everybody_once_and_its_last_page_has_no_cursor() {
    with("standard", async |w| {
        let all = users(w, 12).await;
        for count in [1, 3, 4, 5, 12, 13] {
            assert_eq!(
                walk(w, &format!("/Users?count={count}"), async |_| ()).await,
                all,
                "pages of {count}"
            );
        }
        let found = walk(w, &format!("/Users?count=2&{}", filter("nickName eq \"n1\"")), async |_| ()).await;
        assert_eq!(found.len(), 6);
        // By exactly as many as are left.
        let first = w.get("/Users?count=6&cursor").await.expect(200);
        assert_eq!((&first.body["totalResults"], &first.body["itemsPerPage"]), (&json!(12), &json!(6)));
        let next = first.body["nextCursor"].as_str().unwrap();
        let last = w.get(&format!("/Users?cursor={next}")).await.expect(200);
        assert_eq!((ids(&last), last.body.get("nextCursor")), (all[6..].to_vec(), None));
        let none = w.get("/Users?count=0&cursor").await.expect(200);
        assert_eq!((&none.body["totalResults"], none.body.get("nextCursor")), (&json!(12), None));
    });
}

#[test]
fn a_sorted_walk_keeps_its_order_and_loses_nobody() {
    with("standard", async |w| {
        let all = users(w, 14).await;
        for by in ["userName", "title", "externalId", "id", "meta.created", "meta.lastModified", "nickName"] {
            for order in ["ascending", "descending"] {
                for narrowed in ["", "&filter=nickName%20pr"] {
                    let query = format!("/Users?sortBy={by}&sortOrder={order}{narrowed}");
                    let whole = ids(&w.get(&query).await.expect(200));
                    assert_eq!(walk(w, &format!("{query}&count=3"), async |_| ()).await, whole, "{query}");
                    let mut each = whole;
                    each.sort();
                    let mut there = all.clone();
                    there.sort();
                    assert_eq!(each, there, "{query}");
                }
            }
        }
        let named = w.get("/Users?sortBy=userName&count=2&filter=nickName%20pr").await.expect(200);
        assert_eq!(
            named.body["Resources"][0]["userName"],
            json!("u001"),
            "sorted where a filter is evaluated too"
        );
        let groups = [w.group("Two", &[]).await, w.group("One", &[]).await];
        let both = walk(w, "/?sortBy=displayName&count=3", async |_| ()).await;
        assert_eq!(both[..2], [groups[1].clone(), groups[0].clone()]);
        assert_eq!(both.len(), 16);
    });
}

#[test]
fn who_is_there_throughout_is_seen_once_whoever_comes_and_goes() {
    with("standard", async |w| {
        for query in [
            "/Users?count=3",
            "/Users?count=3&sortBy=userName",
            "/Users?count=3&sortBy=title&sortOrder=descending",
            "/?count=3",
            "/Users?count=3&filter=not%20(nickName%20eq%20%22x%22)",
        ] {
            let before = users(w, 20).await;
            let stay: Vec<&String> =
                before.iter().enumerate().filter(|(n, _)| n % 4 != 0).map(|(_, id)| id).collect();
            let seen = walk(w, query, async |page| {
                // One of each page goes, before or behind the walker; one comes, at either end of the order.
                if let Some(gone) = before.get(page * 4) {
                    w.delete(&format!("/Users/{gone}")).await.expect(204);
                }
                if page < 5 {
                    w.user(&format!("{}{page}", if page % 2 == 0 { "a" } else { "z" })).await;
                }
            })
            .await;
            let mut times: BTreeMap<&String, u32> = BTreeMap::new();
            seen.iter().for_each(|id| *times.entry(id).or_default() += 1);
            assert!(times.values().all(|n| *n == 1), "{query}: {times:?}");
            assert!(stay.iter().all(|id| times.contains_key(id)), "{query}: {} seen", seen.len());
            for rest in ids(&w.get("/Users?count=1000").await) {
                w.delete(&format!("/Users/{rest}")).await.expect(204);
            }
        }
    });
}

#[test]
fn a_cursor_is_of_one_walk_for_a_time() {
    with("standard", async |w| {
        users(w, 6).await;
        let first = w.get("/Users?count=2&cursor=").await.expect(200);
        let cursor = first.body["nextCursor"].as_str().unwrap().to_owned();
        let refused = async |path: &str| w.get(path).await.refused(400, Some("invalidCursor"));
        refused("/Users?cursor=abc").await;
        refused("/Users?cursor=%ff%00".replace("%ff", "x").as_str()).await;
        for at in [0, 10, cursor.len() - 2] {
            let changed: String = cursor
                .char_indices()
                .map(|(n, c)| {
                    if n != at {
                        c
                    } else if c == 'A' {
                        'B'
                    } else {
                        'A'
                    }
                })
                .collect();
            refused(&format!("/Users?cursor={changed}")).await;
        }
        for other in ["/Groups?", "/?", "/Users?sortBy=userName&", "/Users?filter=title%20pr&"] {
            refused(&format!("{other}cursor={cursor}")).await;
        }
        let stranger = w.issue("okta", None).await;
        let request = http::Request::get(format!("/scim/v2/Users?cursor={cursor}"))
            .header("authorization", format!("Bearer {stranger}"));
        w.raw(request.body(axum::body::Body::empty()).unwrap()).await.refused(400, Some("invalidCursor"));

        w.get(&format!("/Users?count=3&cursor={cursor}")).await.refused(400, Some("invalidCount"));
        w.get("/Users?count=x&cursor").await.refused(400, Some("invalidCount"));
        w.get(&format!("/Users?startIndex=1&cursor={cursor}")).await.refused(400, Some("invalidValue"));
        // The same walk by message, under another address of the service.
        let by_message = json!({"schemas": [SEARCH], "cursor": cursor, "count": 2});
        let found = w.post("/Users/.search", by_message).await.expect(200);
        w.advance(600);
        assert_eq!(ids(&w.get(&format!("/Users?cursor={cursor}")).await.expect(200)), ids(&found));
        w.advance(1);
        w.get(&format!("/Users?cursor={cursor}")).await.refused(400, Some("expiredCursor"));
    });
}

#[test]
fn each_profile_keeps_its_largest_page() {
    with("4me", async |w| {
        for n in 0..27 {
            w.user(&format!("u{n}")).await;
        }
        let page = w.get("/Users?count=1000&cursor").await.expect(200);
        assert_eq!(page.body["itemsPerPage"], json!(25));
        let next = page.body["nextCursor"].as_str().unwrap();
        let rest = w.get(&format!("/Users?count=1000&cursor={next}")).await.expect(200);
        assert_eq!((ids(&rest).len(), rest.body.get("nextCursor")), (2, None::<&Value>));
    });
}
