//! Each wire profile against Usher's own service: the same people and groups come of it.

use serde_json::json;
use usher_client::Wire;
use usher_directory::object::MemberOp;
use usher_engine::app::Scope;

use crate::rig::{Rig, both, managed_by};

async fn settled(rig: &Rig, wire: Wire) {
    let cycle = rig.sync().await;
    assert_eq!(cycle.counts.failed, 0, "{wire}: {:?}", rig.logged().last());
    // A second run writes nothing.
    rig.wire.take();
    rig.sync().await;
    assert_eq!(rig.wire.take(), (0, 0), "{wire}");
}

#[test]
fn joiner_mover_leaver_and_groups_come_out_the_same_with_each_profile() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.set("deletion_threshold_percent", "off");
        for wire in Wire::ALL {
            rig.set("wire_profile", wire.as_str());
            let n = |name: &str| format!("{name}-{wire}");
            let boss = rig.user(&n("boss"), json!({}));
            let ann = rig.user(&n("ann"), json!({"title": "Head"}));
            let bob = rig.user(&n("bob"), json!({}));
            let sales = rig.group(&n("Sales"), &[&ann, &bob]);
            settled(&rig, wire).await;
            let (id, active, there) = rig.user_there(&n("ann"));
            assert!(active, "{wire}");
            assert_eq!(
                (&there["title"], &there["name"]["givenName"]),
                (&json!("Head"), &json!(n("ann"))),
                "{wire}"
            );
            assert_eq!(there["emails"][0]["value"], json!(format!("{}@example.com", n("ann"))), "{wire}");
            let members = |rig: &Rig, group: &str| {
                let mut members = rig.groups_there().remove(group).unwrap_or_default();
                members.sort();
                members
            };
            assert_eq!(members(&rig, &n("Sales")), [n("ann"), n("bob")], "{wire}");

            // A mover: other values, other address, a manager, out of one group and into another.
            rig.edit(&ann, managed_by(&boss));
            rig.edit(
                &ann,
                json!({"title": "Chief", "name": {"familyName": "Roy"},
                    "emails": [{"type": "work", "value": format!("roy@{wire}.example.com")}]}),
            );
            rig.members(&sales, MemberOp::Remove(vec![ann.id]));
            rig.members(&sales, MemberOp::Add(vec![boss.id]));
            rig.edit(&sales, json!({"displayName": n("Sellers")}));
            settled(&rig, wire).await;
            let (same, _, there) = rig.user_there(&n("ann"));
            assert_eq!(same, id, "{wire}");
            assert_eq!(
                (&there["title"], &there["name"]["familyName"]),
                (&json!("Chief"), &json!("Roy")),
                "{wire}"
            );
            assert_eq!(there["name"]["givenName"], json!(n("ann")), "{wire}: the rest of the name stays");
            assert_eq!(there["emails"][0]["value"], json!(format!("roy@{wire}.example.com")), "{wire}");
            assert_eq!(there["emails"].as_array().map(Vec::len), Some(1), "{wire}");
            assert_eq!(rig.manager_there(&n("ann")), Some(n("boss")), "{wire}");
            assert_eq!(members(&rig, &n("Sellers")), [n("bob"), n("boss")], "{wire}");
            assert!(!rig.groups_there().contains_key(&n("Sales")), "{wire}");

            // A leaver and a returner.
            rig.edit(&bob, json!({"active": false}));
            settled(&rig, wire).await;
            let (bobs, active, there) = rig.user_there(&n("bob"));
            assert!(!active, "{wire}");
            assert_eq!(there["displayName"], json!(n("bob").to_uppercase()), "{wire}: nothing else changes");
            rig.edit(&bob, json!({"active": true}));
            settled(&rig, wire).await;
            assert_eq!((rig.user_there(&n("bob")).0, rig.user_there(&n("bob")).1), (bobs, true), "{wire}");

            // Gone for good: Okta never deletes anybody.
            rig.purge(&bob);
            rig.sync().await;
            match rig.users_there().get(&n("bob")) {
                Some((_, active, _)) => assert!(!wire.deletes_users() && !active, "{wire}"),
                None => assert!(wire.deletes_users(), "{wire}"),
            }
        }
    });
}
