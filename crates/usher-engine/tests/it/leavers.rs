//! Leavers: counted first, held back together, let go on demand, before other work.

use serde_json::json;
use usher_engine::{app::Scope, leaver};

use crate::rig::{Fault, both};

#[test]
fn beyond_the_threshold_all_leavers_wait_and_the_rest_goes_on() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let users: Vec<_> = (0..40).map(|n| rig.user(&format!("u{n:02}"), json!({}))).collect();
        rig.sync().await;
        for user in &users[..12] {
            rig.edit(user, json!({"active": false}));
        }
        rig.user("new", json!({}));
        let plan = rig.plan().await;
        assert_eq!((plan.counts.staged, plan.counts.disable, plan.counts.create), (12, 0, 1));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.staged, counts.disable, counts.create), (12, 0, 1));
        assert_eq!(rig.active_there().len(), 41);
        let staged = rig.logged().iter().filter(|e| e.0 == "stageddelete").count();
        assert_eq!(staged, 12);

        // One comes back by itself, two are allowed, then the others.
        rig.edit(&users[0], json!({"active": true}));
        rig.sync().await;
        let (app, two) = (rig.app, rig.keys(&[&users[1], &users[2]]));
        assert_eq!(rig.write(move |tx| leaver::allow(tx, app, Some(&two)).unwrap()), 2);
        assert_eq!(rig.sync().await.counts.disable, 2);
        assert_eq!(rig.active_there().len(), 39);
        assert_eq!(rig.write(move |tx| leaver::allow(tx, app, None).unwrap()), 9);
        assert_eq!(rig.sync().await.counts.disable, 9);
        assert_eq!(rig.active_there().len(), 30);
    });
}

#[test]
fn few_leavers_go_at_once_and_those_of_the_last_day_are_counted_with_them() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let users: Vec<_> = (0..40).map(|n| rig.user(&format!("u{n:02}"), json!({}))).collect();
        rig.sync().await;
        for (n, user) in users[..9].iter().enumerate() {
            rig.edit(user, json!({"active": false}));
            if n == 4 {
                assert_eq!(rig.sync().await.counts.disable, 5);
            }
        }
        let counts = rig.sync().await.counts;
        assert_eq!((counts.disable, counts.staged), (4, 0), "nine of forty are fewer than ten");
        rig.edit(&users[9], json!({"active": false}));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.disable, counts.staged), (0, 1), "the tenth of forty within a day is too many");
        rig.clock.advance(std::time::Duration::from_secs(25 * 3600));
        rig.edit(&users[10], json!({"active": false}));
        assert_eq!(rig.sync().await.counts.disable, 1);
    });
}

#[test]
fn leavers_go_before_other_work() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.sync().await;
        let (id, ..) = rig.user_there("ann");
        for n in 0..70 {
            rig.user(&format!("u{n}"), json!({}));
        }
        rig.edit(&ann, json!({"active": false}));
        rig.wire.take();
        rig.sync().await;
        let writes: Vec<_> = rig.wire.seen().into_iter().filter(|(m, _)| m != "GET").collect();
        let place = writes.iter().position(|(_, url)| url.contains(&id.0.to_string())).unwrap();
        assert!(place < 50, "in the first batch, not {place}th of {}", writes.len());
    });
}

#[test]
fn a_leaver_who_fails_is_tried_again_within_seconds() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.sync().await;
        rig.edit(&ann, json!({"active": false}));
        rig.wire.rule(|r| (r.method() == "PATCH").then(|| Fault::Answer(500, vec![], String::new())));
        assert_eq!(rig.sync().await.counts.failed, 1);
        rig.wire.heal();
        rig.clock.advance(std::time::Duration::from_secs(19));
        assert_eq!(rig.sync().await.counts.disable, 1);
        assert!(rig.active_there().is_empty());
    });
}
