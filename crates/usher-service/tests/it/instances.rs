//! What one instance changes holds at once on every other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use serde_json::json;
use tokio::task::JoinSet;
use usher_directory::{account, token};
use usher_service::Settings;
use usher_store::Lane;

use crate::world::{PATCH, World, unlimited, with_two};

/// The id of the account's only token.
async fn token_of(w: &World) -> uuid::Uuid {
    let (account, now) = (w.account.id, w.now());
    let limit = std::time::Duration::from_secs(5);
    w.store.read(limit, move |on| token::list(on, account, now)).await.unwrap()[0].id
}

#[test]
fn a_revoked_token_is_refused_by_the_next_request_on_every_instance() {
    let settings = Settings { bad_tokens: 0, ..unlimited() };
    with_two("standard", &settings, async |one, two| {
        let (id, revoked, late) =
            (token_of(one).await, Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let good = Arc::new(AtomicU64::new(0));
        let mut clients = JoinSet::new();
        for w in [one, two, one, two] {
            let (w, revoked, good, late) = (w.clone(), revoked.clone(), good.clone(), late.clone());
            clients.spawn(async move {
                loop {
                    // Said before the request begins: from then on it may not be let in.
                    let is_revoked = revoked.load(Ordering::SeqCst);
                    let reply = w.get("/Users?count=0").await;
                    match (is_revoked, reply.status) {
                        (false, 200) => drop(good.fetch_add(1, Ordering::SeqCst)),
                        (false, 401) => {}
                        (true, 401) => return,
                        (_, 200) => drop(late.fetch_add(1, Ordering::SeqCst)),
                        _ => panic!("{reply:?}"),
                    }
                }
            });
        }
        while good.load(Ordering::SeqCst) < 40 {
            tokio::task::yield_now().await;
        }
        let (account, now) = (one.account.id, one.now());
        one.store.write(Lane::Now, move |tx| token::revoke(tx, account, id, now)).await.unwrap();
        revoked.store(true, Ordering::SeqCst);
        clients.join_all().await;
        assert_eq!(late.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_changed_setting_holds_for_the_next_request_on_every_instance() {
    with_two("standard", &unlimited(), async |one, two| {
        let id = one.user("ann").await;
        let tolerated = json!({"schemas": [PATCH], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]});
        let account = one.account.id;
        for round in 0..20 {
            let strict = round % 2 == 1;
            let from = [one, two][round / 2 % 2];
            from.store.write(Lane::Now, move |tx| account::set_strict(tx, account, strict)).await.unwrap();
            for w in [one, two] {
                let reply = w.send("PATCH", &format!("/Users/{id}"), &[], Some(tolerated.clone())).await;
                assert_eq!(reply.status, if strict { 400 } else { 200 }, "{reply:?}");
            }
        }
    });
}
