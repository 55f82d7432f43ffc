//! Many clients at once: nothing acknowledged is lost, nothing is made twice.

use futures_util::future::join_all;
use serde_json::json;

use crate::world::with;

#[test]
fn of_two_creators_of_one_name_one_wins() {
    with("standard", async |w| {
        for round in 0..5 {
            let body = json!({"userName": format!("Same{round}")});
            let replies = join_all((0..8).map(|_| w.post("/Users", body.clone()))).await;
            let mut statuses: Vec<u16> = replies.iter().map(|r| r.status).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
        }
        assert_eq!(w.get("/Users?count=0").await.body["totalResults"], json!(5));
    });
}

#[test]
fn of_two_creators_of_one_ended_record_both_get_it_or_one_does() {
    with("4me", async |w| {
        let id = w.user("ann@x").await;
        w.delete(&format!("/Users/{id}")).await.expect(204);
        let replies = join_all((0..4).map(|_| w.post("/Users", json!({"userName": "ann@x"})))).await;
        assert!(replies.iter().all(|r| (r.status == 201 && r.id() == id) || r.status == 409), "{replies:?}");
        assert!(replies.iter().any(|r| r.status == 201));
        assert_eq!(w.get("/Users").await.body["totalResults"], json!(1));
    });
}

#[test]
fn member_changes_of_parallel_clients_are_all_kept() {
    with("standard", async |w| {
        let mut users = Vec::new();
        for n in 0..24 {
            users.push(w.user(&format!("u{n}")).await);
        }
        let (stay, go) = users.split_at(12);
        let group = w.group("Sales", &go.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let path = format!("/Groups/{group}");
        let adds = stay.iter().map(|id| json!([{"op": "add", "path": "members", "value": [{"value": id}]}]));
        let removes =
            go.iter().map(|id| json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]));
        for reply in join_all(adds.chain(removes).map(|ops| w.patch(&path, ops))).await {
            reply.expect(204);
        }
        let mut expected = stay.to_vec();
        expected.sort();
        assert_eq!(w.members(&group).await, expected);
    });
}

#[test]
fn of_two_writers_with_one_version_one_wins() {
    with("standard", async |w| {
        let id = w.user("ann").await;
        let (path, version) =
            (format!("/Users/{id}"), w.get(&format!("/Users/{id}")).await.header("etag").to_owned());
        let guarded = |n: i32| {
            let body = json!({"schemas": [crate::world::PATCH], "Operations": [{"op": "add", "path": "title", "value": format!("T{n}")}]});
            let (path, version) = (path.clone(), version.clone());
            async move { w.send("PATCH", &path, &[("if-match", &version)], Some(body)).await.status }
        };
        let mut statuses = join_all((0..4).map(guarded)).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412]);
    });
}
