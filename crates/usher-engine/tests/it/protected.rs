//! Protected users, and failures that are parked.

use std::time::Duration;

use serde_json::json;
use usher_directory::{Kind, object::Stored};
use usher_engine::{app::Scope, protected, status};

use crate::rig::{Fault, Rig, both};

fn protect(rig: &Rig, user: &Stored, on: bool) {
    let (app, key, now) = (rig.app(), user.key, rig.clock.now());
    rig.write(move |tx| protected::set(tx, &app, key, on, now).unwrap());
}

fn mails(rig: &Rig) -> u64 {
    let (app, now) = (rig.app(), rig.clock.now());
    rig.read(move |on| status::get(on, &app, now)).mail.count
}

#[test]
fn a_protected_user_is_not_disabled_deleted_or_emptied_and_somebody_is_told() {
    both(|rig| async move {
        rig.set("notify_email", "ops@example.com");
        rig.mapping(Kind::User, |mapping| {
            for row in mapping["mapping"].as_array_mut().unwrap() {
                if row["target"].as_str() == Some("title") {
                    row.as_table_mut().unwrap().insert("nulls".into(), "clear".into());
                }
            }
        });
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({"title": "Head"}));
        let bob = rig.user("bob", json!({"title": "Staff"}));
        protect(&rig, &ann, true);
        rig.sync().await;
        rig.wire.take();
        let harm: [fn(&Rig, &Stored); 3] = [
            |rig, who| _ = rig.edit(who, json!({"title": null})),
            |rig, who| _ = rig.edit(who, json!({"active": false})),
            Rig::purge,
        ];
        for harm in harm {
            harm(&rig, &ann);
            let plan = rig.plan().await;
            assert_eq!((plan.counts.disable, plan.counts.delete, plan.counts.update), (0, 0, 0), "{plan:?}");
            assert_eq!(rig.sync().await.counts.failed, 1);
            assert_eq!(rig.wire.take().1, 0);
            let last = rig.logged().pop().unwrap();
            assert_eq!(
                (last.1.as_str(), last.2.as_str(), last.3.as_str()),
                ("failure", "ann", "ProtectedUser")
            );
        }
        assert_eq!(rig.user_there("ann").2["title"], "Head");
        assert!(mails(&rig) > 0);
        // Others leave as ever.
        rig.edit(&bob, json!({"active": false}));
        rig.sync().await;
        assert_eq!(rig.active_there(), ["ann"]);
        // Lifted, what waited is done.
        protect(&rig, &ann, false);
        rig.sync().await;
        assert!(rig.active_there().is_empty());
    });
}

#[test]
fn a_protected_user_is_still_kept_in_step() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({"title": "Head"}));
        protect(&rig, &ann, true);
        rig.sync().await;
        rig.edit(&ann, json!({"title": "Chief"}));
        assert_eq!(rig.sync().await.counts.update, 1);
        assert_eq!(rig.user_there("ann").2["title"], "Chief");
    });
}

#[test]
fn a_failure_of_28_days_is_parked_and_tried_again_when_the_object_changes() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.wire.rule(|r| (r.method() == "POST").then(|| Fault::Answer(400, vec![], String::new())));
        let state = |rig: &Rig| {
            let (app, now) = (rig.app(), rig.clock.now());
            let status = rig.read(move |on| status::get(on, &app, now));
            (status.escrows, status.parked, status.state.as_str())
        };
        let mut tries = 0;
        while state(&rig).1 == 0 {
            assert!(tries < 200, "it is tried for ever");
            rig.sync().await;
            tries += 1;
            rig.clock.advance(Duration::from_secs(8 * 3600));
        }
        assert_eq!(state(&rig), (1, 1, "off"), "listed; and the app is as it was");
        assert_eq!(tries, 116);
        rig.wire.take();
        rig.clock.advance(Duration::from_secs(365 * 24 * 3600));
        rig.sync().await;
        assert_eq!(rig.wire.take().1, 0, "it is not tried any longer");
        rig.wire.heal();
        rig.edit(&ann, json!({"title": "Head"}));
        assert_eq!(rig.sync().await.counts.create, 1);
        assert_eq!(state(&rig), (0, 0, "off"));
    });
}
