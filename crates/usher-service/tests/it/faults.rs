//! What a client is told when the database is busy, or breaks off in the middle.

use serde_json::json;
use tokio::task::JoinSet;
use usher_directory::TABLES;
use usher_store::{
    Backend, Lane, Store, StoreError,
    testing::{self, Cut},
};

use crate::world::{World, unlimited, with};

/// Connections of a test store.
const CONNECTIONS: usize = 4;

/// Keeps every thread that writes until the sender is dropped.
fn hold(store: &Store) -> std::sync::mpsc::Sender<()> {
    let (let_go, go) = std::sync::mpsc::channel::<()>();
    let go = std::sync::Arc::new(std::sync::Mutex::new(go));
    let threads = if store.backend() == Backend::Postgres { CONNECTIONS } else { 1 };
    for _ in 0..threads {
        let (store, go) = (store.clone(), go.clone());
        let (begun, begins) = std::sync::mpsc::channel();
        tokio::spawn(async move {
            let held = store.write(Lane::Now, move |_| {
                // Nobody hears it the second time, when it was let go.
                let _ = begun.send(());
                let _ = go.lock().unwrap().recv();
                Ok::<_, StoreError>(())
            });
            held.await.unwrap();
        });
        begins.recv().unwrap();
    }
    let_go
}

#[test]
fn a_full_queue_is_503_with_retry_after() {
    with("standard", async |w| {
        w.user("ann").await;
        let held = hold(&w.store);
        let mut clients = JoinSet::new();
        let busy = loop {
            // More than may wait, but not while they have not yet come to wait.
            if clients.len() < 4_300 {
                let (w, n) = (w.clone(), clients.len());
                clients
                    .spawn(async move { w.post("/Users", json!({"userName": format!("waits-{n}")})).await });
            }
            tokio::task::yield_now().await;
            if let Some(reply) = clients.try_join_next() {
                break reply.unwrap();
            }
        };
        let busy = busy.refused(503, None);
        assert!(busy.header("retry-after").parse::<u64>().unwrap() >= 1);
        clients.abort_all();
        drop(held);
        // It becomes shorter, and then there is room.
        loop {
            let reply = w.post("/Users", json!({"userName": "bob"})).await;
            if reply.status != 503 {
                reply.expect(201);
                break;
            }
            tokio::task::yield_now().await;
        }
    });
}

/// An account on PostgreSQL as seen over a wire that can be cut, and as it is.
async fn over_wire(store: &testing::TestStore, profile: &str) -> (World, World, testing::Wire) {
    let near = World::new(Store::clone(store), profile, unlimited()).await;
    let (far, wire) = store.over_wire();
    let far = near.over(far, unlimited());
    // The token's last use is written now, and not when a commit is to be cut.
    far.get("/Users?count=0").await.expect(200);
    while far.store.figures().writes == 0 {
        tokio::task::yield_now().await;
    }
    (near, far, wire)
}

#[test]
fn a_creation_whose_commit_is_cut_is_made_once_and_acknowledged() {
    let store = testing::postgres(&[TABLES]);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (near, far, wire) = over_wire(&store, "standard").await;
        for (n, cut) in [Cut::Before, Cut::After, Cut::Before, Cut::After].into_iter().enumerate() {
            wire.cut_next(cut);
            let ann = far.user(&format!("ann-{n}")).await;
            assert!(wire.was_cut());
            wire.cut_next(cut);
            let group = far.group(&format!("group {n}"), &[&ann]).await;
            assert!(wire.was_cut());
            assert_eq!(near.members(&group).await, [ann], "{cut:?}");
        }
        for kind in ["Users", "Groups"] {
            let all = near.get(&format!("/{kind}")).await.expect(200);
            assert_eq!(all.body["totalResults"], json!(4), "{kind}");
            assert_eq!(all.body["Resources"].as_array().unwrap().len(), 4, "{kind}");
        }
    });
}

/// The number in a resource's entity tag.
async fn version(w: &World, path: &str) -> u64 {
    let reply = w.get(path).await.expect(200);
    reply.header("etag").trim_matches(['W', '/', '"']).parse().unwrap()
}

#[test]
fn a_change_whose_commit_is_cut_is_told_as_unknown_and_can_be_sent_again() {
    let store = testing::postgres(&[TABLES]);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (near, far, wire) = over_wire(&store, "standard").await;
        let (ann, bob) = (near.user("ann").await, near.user("bob").await);
        let group = near.group("Sales", &[&ann]).await;
        let path = format!("/Groups/{group}");
        let add = json!([{"op": "add", "path": "members", "value": [{"value": bob}]}]);
        let remove = json!([{"op": "remove", "path": format!("members[value eq \"{bob}\"]")}]);
        for cut in [Cut::Before, Cut::After] {
            let before = version(&near, &path).await;
            wire.cut_next(cut);
            let unknown = far.patch(&path, add.clone()).await.refused(503, None);
            assert!(unknown.body["detail"].as_str().unwrap().contains("may have been carried out"));
            assert_eq!(unknown.header("retry-after"), "1");
            assert_eq!(near.members(&group).await.contains(&bob), cut == Cut::After);
            far.patch(&path, add.clone()).await.expect(204);
            assert_eq!(near.members(&group).await.len(), 2);
            assert_eq!(version(&near, &path).await, before + 1, "once, however often it was sent");
            far.patch(&path, remove.clone()).await.expect(204);

            let user = format!("/Users/{ann}");
            let title = json!([{"op": "add", "path": "title", "value": format!("{cut:?}")}]);
            let before = version(&near, &user).await;
            wire.cut_next(cut);
            far.patch(&user, title.clone()).await.refused(503, None);
            far.patch(&user, title).await.expect(200);
            assert_eq!(version(&near, &user).await, before + 1, "once, however often it was sent");
        }
        wire.cut_next(Cut::After);
        far.delete(&format!("/Users/{ann}")).await.refused(503, None);
        far.delete(&format!("/Users/{ann}")).await.refused(404, None);
    });
}
