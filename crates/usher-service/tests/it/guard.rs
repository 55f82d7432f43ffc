//! The guard against mass loss, from the side of clients: the answer stays true, and what is too much is held.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;
use tokio::{sync::Barrier, task::JoinSet};
use usher_directory::{
    loss::{self, Held, HeldState, Loss, LossSettings},
    trail::Query,
};
use usher_store::{Lane, StoreError};

use crate::world::{BULK, PATCH, World, unlimited, with, with_two};

async fn set(w: &World, settings: LossSettings) {
    let directory = w.account.production;
    w.store.write(Lane::Now, move |tx| loss::set(tx, directory, settings)).await.unwrap();
}

/// A guard that holds above so many people, whatever their share.
fn above(count: u32) -> LossSettings {
    LossSettings { count, percent: 0, ..LossSettings::default() }
}

async fn held(w: &World) -> Vec<Held> {
    let directory = w.account.production;
    let limit = std::time::Duration::from_secs(5);
    let found: Result<_, StoreError> =
        w.store.read(limit, move |on| loss::list(on, directory, None, 10_000)).await;
    found.unwrap().0
}

/// Who is held, by userName, with what it would lose.
async fn names(w: &World) -> Vec<String> {
    let held = held(w).await;
    let mut names: Vec<String> = held
        .iter()
        .map(|held| match &held.loss {
            Loss::Access => held.name.clone(),
            Loss::Group(Some((_, group))) => format!("{} of {group}", held.name),
            Loss::Group(None) => format!("{} of a group that is gone", held.name),
        })
        .collect();
    names.sort();
    names
}

async fn users(w: &World, number: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..number {
        ids.push(w.user(&format!("u{n:03}@example.com")).await);
    }
    ids
}

async fn off(w: &World, id: &str) {
    let replace = json!([{"op": "replace", "path": "active", "value": false}]);
    let answer = w.patch(&format!("/Users/{id}"), replace).await.expect(200);
    assert_eq!(answer.body["active"], false, "the answer stays true");
}

async fn on(w: &World, id: &str) {
    w.patch(&format!("/Users/{id}"), json!([{"op": "replace", "path": "active", "value": true}]))
        .await
        .expect(200);
}

#[test]
fn by_count_the_hundred_and_first_is_held() {
    with("standard", async |w| {
        set(w, LossSettings { percent: 0, ..LossSettings::default() }).await;
        let ids = users(w, 103).await;
        for id in &ids[..99] {
            off(w, id).await;
        }
        assert_eq!(names(w).await, [""; 0], "99");
        off(w, &ids[99]).await;
        assert_eq!(names(w).await, [""; 0], "100");
        off(w, &ids[100]).await;
        assert_eq!(names(w).await, ["u100@example.com"], "101");
        w.delete(&format!("/Users/{}", ids[101])).await.expect(204);
        w.get(&format!("/Users/{}", ids[101])).await.expect(404);
        assert_eq!(names(w).await, ["u100@example.com", "u101@example.com"]);
        // An hour after the last of those who passed, it begins anew.
        w.advance(3601);
        off(w, &ids[102]).await;
        assert_eq!(names(w).await.len(), 2, "{:?}", held(w).await);
    });
}

#[test]
fn by_percent_it_takes_ten_people_and_more_than_ten_of_a_hundred() {
    with("standard", async |w| {
        let ids = users(w, 30).await;
        for id in &ids[..9] {
            off(w, id).await;
        }
        assert_eq!(names(w).await, [""; 0], "nine are few, be they a third");
        off(w, &ids[9]).await;
        assert_eq!(names(w).await, ["u009@example.com"], "the tenth of thirty is too many");
    });
    with("standard", async |w| {
        let ids = users(w, 100).await;
        for id in &ids[..10] {
            off(w, id).await;
        }
        assert_eq!(names(w).await, [""; 0], "ten of a hundred are ten percent, not more");
        off(w, &ids[10]).await;
        assert_eq!(names(w).await, ["u010@example.com"]);
    });
}

#[test]
fn each_way_of_losing_something_counts_and_a_person_counts_once() {
    with("standard", async |w| {
        set(w, above(2)).await;
        let ids = users(w, 6).await;
        let all: Vec<&str> = ids.iter().map(String::as_str).collect();
        let sales = w.group("Sales", &all).await;
        let ops = w.group("Ops", &all).await;
        let path = format!("/Groups/{sales}");
        let out = |id: &str| json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]);
        // One person in three ways is one person.
        w.patch(&path, out(&ids[0])).await.expect(204);
        w.patch(&format!("/Groups/{ops}"), out(&ids[0])).await.expect(204);
        off(w, &ids[0]).await;
        off(w, &ids[1]).await;
        assert_eq!(names(w).await, [""; 0]);
        // Whoever is inactive has nothing to lose.
        w.patch(&path, out(&ids[1])).await.expect(204);
        w.delete(&format!("/Users/{}", ids[1])).await.expect(204);
        assert_eq!(names(w).await, [""; 0]);
        w.patch(&path, out(&ids[2])).await.expect(204);
        assert_eq!(names(w).await, ["u002@example.com of Sales"]);
        assert!(!w.members(&sales).await.contains(&ids[2]), "the answer stays true");
        // Of whom something is held already, the rest is held too.
        off(w, &ids[2]).await;
        // A request is held whole for those it takes something from: a new list of members, all of them, the group.
        let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Sales",
                          "members": [{"value": ids[3]}]});
        w.put(&path, body).await.expect(200);
        w.delete(&format!("/Groups/{ops}")).await.expect(204);
        assert_eq!(
            names(w).await,
            [
                "u002@example.com",
                "u002@example.com of Sales",
                "u002@example.com of a group that is gone",
                "u003@example.com of a group that is gone",
                "u004@example.com of Sales",
                "u004@example.com of a group that is gone",
                "u005@example.com of Sales",
                "u005@example.com of a group that is gone",
            ]
        );
    });
}

#[test]
fn joiners_and_updates_flow_on_and_a_reactivation_cancels() {
    with("4me", async |w| {
        set(w, above(0)).await;
        let ids = users(w, 2).await;
        off(w, &ids[0]).await;
        w.delete(&format!("/Users/{}", ids[1])).await.expect(204);
        assert_eq!(names(w).await, ["u000@example.com", "u001@example.com"]);
        let third = w.user("late@example.com").await;
        w.patch(&format!("/Users/{third}"), json!([{"op": "replace", "path": "title", "value": "Buyer"}]))
            .await
            .expect(200);
        assert_eq!(names(w).await.len(), 2, "nobody loses anything by that");
        on(w, &ids[0]).await;
        assert_eq!(names(w).await, ["u001@example.com"]);
        // Made again: the record is revived.
        let again = w.user("u001@example.com").await;
        assert_eq!(again, ids[1]);
        assert_eq!(names(w).await, [""; 0]);
    });
}

#[test]
fn deleted_while_held_it_stays_held() {
    with("standard", async |w| {
        set(w, above(0)).await;
        let ids = users(w, 1).await;
        off(w, &ids[0]).await;
        w.delete(&format!("/Users/{}", ids[0])).await.expect(204);
        w.get(&format!("/Users/{}", ids[0])).await.expect(404);
        let held = held(w).await;
        assert_eq!((held.len(), held[0].id.to_string(), held[0].state), (1, ids[0].clone(), HeldState::Held));
    });
}

#[test]
fn a_bulk_request_is_weighed_operation_by_operation() {
    with("standard", async |w| {
        set(w, above(1)).await;
        let ids = users(w, 3).await;
        let operations: Vec<_> = ids
            .iter()
            .map(|id| {
                json!({"method": "PATCH", "path": format!("/Users/{id}"), "data": {"schemas": [PATCH],
                     "Operations": [{"op": "replace", "path": "active", "value": false}]}})
            })
            .collect();
        w.post("/Bulk", json!({"schemas": [BULK], "Operations": operations})).await.expect(200);
        assert_eq!(names(w).await, ["u001@example.com", "u002@example.com"]);
    });
}

#[test]
fn each_token_has_a_count_of_its_own_and_the_guard_can_be_off() {
    with("standard", async |w| {
        set(w, above(1)).await;
        let ids = users(w, 5).await;
        let mut other = w.clone();
        other.token = w.issue("okta", None).await;
        off(w, &ids[0]).await;
        off(&other, &ids[1]).await;
        assert_eq!(names(w).await, [""; 0]);
        off(&other, &ids[2]).await;
        assert_eq!(names(w).await, ["u002@example.com"]);
        // Off from the next request on; what is held stays until it ends.
        set(w, LossSettings { hold: false, ..above(1) }).await;
        off(&other, &ids[3]).await;
        assert_eq!(names(w).await, ["u002@example.com"]);
    });
}

#[test]
fn the_trail_says_that_something_is_held() {
    with("standard", async |w| {
        set(w, above(0)).await;
        let ids = users(w, 1).await;
        off(w, &ids[0]).await;
        let entry = w.trail(&Query::default()).await.remove(0);
        assert_eq!(entry.deviations.len(), 1, "{entry:?}");
        assert_eq!(entry.deviations[0].name, "held");
        assert!(entry.deviations[0].text.contains("usher guard"), "{entry:?}");
        assert_eq!(held(w).await[0].request, entry.request, "and what is held names the request");
    });
}

/// Two instances that count at once let through no more than one would: under any mixture exactly as many as the limit says pass.
#[test]
fn two_instances_that_count_at_once_let_no_more_through() {
    with_two("standard", &unlimited(), async |one, two| {
        const CLIENTS: usize = 8;
        const EACH: usize = 5;
        const PASS: u32 = 7;
        set(one, above(PASS)).await;
        let ids = users(one, CLIENTS * EACH).await;
        let all: Vec<&str> = ids.iter().map(String::as_str).collect();
        let group = one.group("everybody", &all).await;
        let start = Arc::new(Barrier::new(CLIENTS));
        let mut clients = JoinSet::new();
        for (client, mine) in ids.chunks(EACH).enumerate() {
            let (w, mine, start) = ([one, two][client % 2].clone(), mine.to_vec(), start.clone());
            let path = format!("/Groups/{group}");
            clients.spawn(async move {
                start.wait().await;
                for (n, id) in mine.iter().enumerate() {
                    match (client + n) % 3 {
                        0 => off(&w, id).await,
                        1 => drop(w.delete(&format!("/Users/{id}")).await.expect(204)),
                        _ => {
                            let out = json!([{"op": "remove", "path": "members", "value": [{"value": id}]}]);
                            drop(w.patch(&path, out).await.expect(204));
                        }
                    }
                }
            });
        }
        clients.join_all().await;
        let mut of_whom: BTreeMap<String, usize> = BTreeMap::new();
        for held in held(one).await {
            *of_whom.entry(held.id.to_string()).or_default() += 1;
        }
        assert_eq!(of_whom.len(), ids.len() - PASS as usize, "{of_whom:?}");
    });
}

/// Any sequence of writes: who is held is who a plain count says.
#[test]
fn any_sequence_is_held_as_a_plain_count_says() {
    with("4me", async |w| {
        let ids = users(w, 12).await;
        let mut dice = 0x2545_f491_4f6c_dd1d_u64;
        let mut roll = |n: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % n
        };
        set(w, above(4)).await;
        // What a plain count knows: when each lost something, who is active, who is held.
        let mut lost: Vec<Option<i64>> = vec![None; ids.len()];
        let mut active = vec![true; ids.len()];
        let mut is_held = vec![false; ids.len()];
        let mut clock = 0;
        for _ in 0..120 {
            let at = roll(ids.len() as u64) as usize;
            match roll(5) {
                0 => {
                    let seconds = i64::try_from(roll(1500)).unwrap();
                    w.advance(seconds);
                    clock += seconds;
                }
                1 => {
                    on(w, &ids[at]).await;
                    (active[at], is_held[at]) = (true, false);
                }
                _ => {
                    off(w, &ids[at]).await;
                    if active[at] {
                        lost[at] = Some(clock);
                        let lately = lost.iter().flatten().filter(|then| **then > clock - 3600).count();
                        (active[at], is_held[at]) = (false, lately > 4);
                    }
                }
            }
            let expected: Vec<String> =
                (0..ids.len()).filter(|n| is_held[*n]).map(|n| format!("u{n:03}@example.com")).collect();
            assert_eq!(names(w).await, expected);
        }
    });
}
