//! Many clients at one thing, over two instances: as many as `./usher test` has time for, and more by `./usher proof`.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;
use tokio::{sync::Barrier, task::JoinSet};
use usher_directory::{
    Kind, ObjectId, Seq,
    config::Configs,
    feed,
    object::{self, Draft},
};
use usher_store::{
    Backend, Lane,
    testing::{proved, times},
};

use crate::world::{World, unlimited, with_two};

const CLIENTS: usize = 8;

/// Rounds of each client: PostgreSQL's take longer, each statement being a round trip.
fn rounds(w: &World, few: usize) -> usize {
    let few = if w.store.backend() == Backend::Postgres { few / 4 } else { few };
    times(few, 1000)
}

/// All rows of the feed.
async fn feed_of(w: &World) -> Vec<feed::Change> {
    let (directory, mut rows, mut at) = (w.account.production, Vec::new(), Seq(0));
    loop {
        let changes =
            w.store.write(Lane::Now, move |tx| feed::changes(tx, directory, at, 5000)).await.unwrap();
        if changes.rows.is_empty() {
            return rows;
        }
        (at, rows) = (changes.upto, [rows, changes.rows].concat());
    }
}

async fn counted(w: &World, kind: Kind) -> i64 {
    let directory = w.account.production;
    let limit = std::time::Duration::from_secs(20);
    w.store.read(limit, move |on| object::count(on, directory, kind)).await.unwrap()
}

#[test]
fn of_eight_creators_of_one_name_one_wins_a_thousand_times() {
    with_two("standard", &unlimited(), async |one, two| {
        let rounds = rounds(one, 1000);
        let start = Arc::new(Barrier::new(CLIENTS));
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (w, start) = ([one, two][client % 2].clone(), start.clone());
            clients.spawn(async move {
                let mut statuses = Vec::new();
                for round in 0..rounds {
                    // In another case each, which is the same name.
                    let name = format!("same-{round}");
                    let name = if client % 4 < 2 { name } else { name.to_uppercase() };
                    start.wait().await;
                    statuses.push(w.post("/Users", json!({"userName": name})).await.status);
                }
                statuses
            });
        }
        let all = clients.join_all().await;
        for round in 0..rounds {
            let mut statuses: Vec<u16> = all.iter().map(|statuses| statuses[round]).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409], "round {round}");
        }
        assert_eq!(counted(one, Kind::User).await, rounds as i64);
        let rows = feed_of(two).await;
        let objects: BTreeSet<_> = rows.iter().map(|row| row.object).collect();
        assert_eq!((rows.len(), objects.len()), (rounds, rounds), "a change for each who was created");
        let figures = format!("{rounds} names: one 201 and seven 409 each");
        proved(one.store.backend(), "eight creators of one name, two instances", &figures);
    });
}

/// Users made in blocks, not one by one.
async fn users(w: &World, number: usize) -> Vec<ObjectId> {
    let directory = w.account.production;
    let limit = std::time::Duration::from_secs(5);
    let config = w.store.read(limit, move |on| Configs::default().get(on, directory)).await.unwrap().unwrap();
    let drafts: Vec<Draft> = (0..number)
        .map(|n| {
            let value = json!({"userName": format!("u{n}")});
            let id = ObjectId::new(w.now());
            Draft::create(&config, Kind::User, id, value.as_object().unwrap(), w.now()).unwrap()
        })
        .collect();
    for block in drafts.chunks(100) {
        let block = block.to_vec();
        w.store
            .write(Lane::Bulk, move |tx| {
                block.iter().try_for_each(|draft| object::put(tx, directory, draft).map(drop))
            })
            .await
            .unwrap();
    }
    drafts.iter().map(|draft| draft.next().id).collect()
}

#[test]
fn of_eight_clients_that_add_a_thousand_members_each_nobody_is_lost() {
    with_two("standard", &unlimited(), async |one, two| {
        let rounds = rounds(one, 300);
        let people = users(one, CLIENTS * rounds).await;
        let group = one.group("everybody", &[]).await;
        let mut clients = JoinSet::new();
        for (client, mine) in people.chunks(rounds).enumerate() {
            let (w, path, mine) = ([one, two][client % 2].clone(), format!("/Groups/{group}"), mine.to_vec());
            clients.spawn(async move {
                for id in mine {
                    let add = json!([{"op": "add", "path": "members", "value": [{"value": id.to_string()}]}]);
                    w.patch(&path, add).await.expect(204);
                }
            });
        }
        clients.join_all().await;
        let expected: BTreeSet<String> = people.iter().map(ToString::to_string).collect();
        let members: BTreeSet<String> = two.members(&group).await.into_iter().collect();
        assert!(members == expected, "{} of {} are members", members.len(), expected.len());
        let tag = one.get(&format!("/Groups/{group}")).await.header("etag").to_owned();
        assert_eq!(tag, format!("W/\"{}\"", people.len() + 1), "each add is a version");
        let rows = feed_of(one).await;
        let memberships: BTreeSet<_> = rows.iter().filter_map(|row| row.member).collect();
        let rows = rows.iter().filter(|row| row.member.is_some()).count();
        assert_eq!((rows, memberships.len()), (people.len(), people.len()), "a change for each membership");
        let figures = format!("{CLIENTS} × {rounds}, all kept, each a version and a change");
        proved(one.store.backend(), "clients that add members to one group, two instances", &figures);
    });
}
