//! Walks through a list that never stands still: others create and delete all the while, on other threads and instances.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde_json::json;
use tokio::{sync::Semaphore, task::JoinSet};
use usher_service::Settings;
use usher_store::testing::{proved, times};

use crate::world::{World, filter, unlimited, with_two};

/// Those who stay, by `./usher test` and by `./usher proof`.
const FEW: usize = 40;
const MANY: usize = 400;

/// What goes on beside the walks: one goes and another comes for each page that is read, by whomever. Freely running they would get
/// ahead of a slow walker, whom a delete before him alone disturbs.
struct Bustle {
    pages: Semaphore,
    deleted: AtomicU64,
    over: AtomicBool,
}

/// Those who stay, with others between them who will go, in no order.
async fn people(w: &World, number: usize) -> (Vec<String>, VecDeque<String>) {
    let (mut stay, mut go) = (Vec::new(), VecDeque::new());
    for n in 0..number {
        go.push_back(person(w, &format!("goes-{n}")).await);
        stay.push(person(w, &format!("stays-{n}")).await);
    }
    // An id ends with what is random in it.
    go.make_contiguous().sort_by_key(|id| id[24..].to_owned());
    (stay, go)
}

async fn person(w: &World, name: &str) -> String {
    w.post("/Users", json!({"userName": name, "title": "T"})).await.expect(201).id()
}

/// Deletes one of those who go, and creates another, until it is over.
async fn bustle(w: World, mut go: VecDeque<String>, bustle: Arc<Bustle>) {
    for n in 0.. {
        bustle.pages.acquire().await.unwrap().forget();
        if bustle.over.load(Ordering::SeqCst) {
            break;
        }
        if let Some(id) = go.pop_front() {
            w.delete(&format!("/Users/{id}")).await.expect(204);
            bustle.deleted.fetch_add(1, Ordering::SeqCst);
        }
        go.push_back(person(&w, &format!("goes-again-{n}")).await);
    }
}

/// How a walker asks for its pages.
#[derive(Debug, Clone, Copy)]
enum By {
    Cursor,
    StartIndex,
}

/// How often each was seen. After each page somebody is deleted.
async fn walk(w: &World, by: By, query: &str, bustle: &Bustle) -> BTreeMap<String, u32> {
    let (mut seen, mut cursor, mut start) = (BTreeMap::new(), String::new(), 1);
    loop {
        let page = match by {
            By::Cursor => format!("cursor={cursor}"),
            By::StartIndex => format!("startIndex={start}"),
        };
        let list = w.get(&format!("/Users?count=7&{query}&{page}")).await.expect(200);
        let resources = list.body["Resources"].as_array().cloned().unwrap_or_default();
        for user in &resources {
            *seen.entry(user["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        start += resources.len();
        let ended = match by {
            By::Cursor => list.body.get("nextCursor").is_none(),
            By::StartIndex => resources.is_empty(),
        };
        if ended {
            return seen;
        }
        cursor = list.body["nextCursor"].as_str().unwrap_or_default().to_owned();
        let before = bustle.deleted.load(Ordering::SeqCst);
        bustle.pages.add_permits(1);
        while bustle.deleted.load(Ordering::SeqCst) == before {
            tokio::task::yield_now().await;
        }
    }
}

/// The database alone; the database and the evaluator; the evaluator alone.
fn queries() -> [String; 4] {
    let narrowed = "userName sw \"stays\" and title co \"T\"";
    [String::new(), filter("userName sw \"stays\""), filter(narrowed), filter("title eq \"T\"")]
}

/// Who of those who stayed was not seen exactly once, and who of the others twice, by walk.
async fn faults(one: &World, two: &World, by: By) -> Vec<(String, usize, usize)> {
    let (stay, go) = people(one, times(FEW, MANY)).await;
    let running = Arc::new(Bustle {
        pages: Semaphore::new(0),
        deleted: AtomicU64::new(0),
        over: AtomicBool::new(false),
    });
    let mut others = JoinSet::new();
    others.spawn(bustle(two.clone(), go, running.clone()));
    let mut walkers = JoinSet::new();
    for query in queries() {
        let (w, running) = (one.clone(), running.clone());
        walkers.spawn(async move { (walk(&w, by, &query, &running).await, query) });
    }
    let walks = walkers.join_all().await;
    running.over.store(true, Ordering::SeqCst);
    running.pages.add_permits(1);
    others.join_all().await;
    walks
        .into_iter()
        .map(|(seen, query)| {
            let lost = stay.iter().filter(|id| !seen.contains_key(*id)).count();
            let twice = seen.values().filter(|times| **times > 1).count();
            (query, lost, twice)
        })
        .collect()
}

#[test]
fn a_walk_by_cursor_loses_and_repeats_nobody_whoever_comes_and_goes() {
    with_two("standard", &unlimited(), async |one, two| {
        for (query, lost, twice) in faults(one, two, By::Cursor).await {
            assert_eq!((lost, twice), (0, 0), "{query}");
        }
        let figures = format!("{} stay, as many go and come: none lost, none twice", times(FEW, MANY));
        proved(one.store.backend(), "walks by cursor under creates and deletes", &figures);
    });
}

#[test]
fn a_walk_by_start_index_loses_and_repeats_nobody_whoever_comes_and_goes() {
    with_two("standard", &unlimited(), async |one, two| {
        for (query, lost, twice) in faults(one, two, By::StartIndex).await {
            assert_eq!((lost, twice), (0, 0), "{query}");
        }
        let figures = format!("{} stay, as many go and come: none lost, none twice", times(FEW, MANY));
        proved(one.store.backend(), "walks by startIndex under creates and deletes", &figures);
    });
}

#[test]
fn a_walk_by_start_index_that_nobody_remembers_loses_somebody() {
    // The negative control. Where only those who stay are asked for, nobody goes and so nobody is lost.
    let forgetful = Settings { walks: 0, ..unlimited() };
    with_two("standard", &forgetful, async |one, two| {
        let mut all = 0;
        for (query, lost, _) in faults(one, two, By::StartIndex).await {
            assert_eq!(lost > 0, !query.contains("stays"), "{query}: {lost} were lost");
            all += lost;
        }
        let figures = format!("{all} of {} lost: the negative control", 2 * times(FEW, MANY));
        proved(one.store.backend(), "the same with its memory switched off", &figures);
    });
}
