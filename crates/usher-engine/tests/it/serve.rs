//! The run loop.

use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use usher_engine::app::{self, Scope};

use crate::rig::{Rig, both};

async fn until(rig: &Rig, holds: impl Fn(&Rig) -> bool) {
    for _ in 0..3_000 {
        if holds(rig) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to hold");
}

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
