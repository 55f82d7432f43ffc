//! The run loop.

use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use usher_engine::app::{self, Scope};

use crate::rig::{both, until};

#[test]
fn started_apps_are_kept_in_step_until_they_are_stopped() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.user("ann", json!({}));
        let (stop, stopping) = watch::channel(false);
        let engine = rig.engine.clone();
        let serving = tokio::spawn(async move { engine.serve(stopping).await });
        // Off: nothing is sent.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(rig.wire.take(), (0, 0));

        let app = rig.app();
        rig.write(move |tx| app::set_enabled(tx, &app, true).unwrap());
        until(&rig, |rig| rig.active_there() == ["ann"]).await;
        rig.user("bob", json!({}));
        until(&rig, |rig| {
            // Two cycles of an app are ten seconds apart.
            rig.clock.advance(Duration::from_secs(11));
            rig.active_there() == ["ann", "bob"]
        })
        .await;
        stop.send(true).unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn a_leaver_does_not_wait_for_the_next_cycle() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let app = rig.app();
        rig.write(move |tx| app::set_enabled(tx, &app, true).unwrap());
        let (stop, stopping) = watch::channel(false);
        let engine = rig.engine.clone();
        let serving = tokio::spawn(async move { engine.serve(stopping).await });
        until(&rig, |rig| rig.active_there() == ["ann", "bob"]).await;
        // The clock never moves by the ten seconds that cycles are apart.
        rig.edit(&ann, json!({"active": false}));
        until(&rig, |rig| {
            rig.clock.advance(Duration::from_millis(2));
            !rig.active_there().contains(&"ann".to_owned())
        })
        .await;
        // Deleted for good, too.
        rig.purge(&bob);
        until(&rig, |rig| {
            rig.clock.advance(Duration::from_millis(1));
            !rig.active_there().contains(&"bob".to_owned())
        })
        .await;
        stop.send(true).unwrap();
        serving.await.unwrap().unwrap();
    });
}
