//! A plan writes nothing, and says what the cycle then does.

use serde_json::json;
use usher_directory::object::MemberOp;
use usher_engine::{
    app::Scope,
    cycle::Counts,
    plan::{Action, Plan},
};

use crate::rig::{Rig, both, managed_by};

/// What would be written, without the counts that a cycle over changes alone can't have.
fn writes(c: &Counts) -> (u64, u64, u64, u64, u64, u64, u64) {
    (c.create, c.update, c.disable, c.enable, c.delete, c.failed, c.staged)
}

async fn as_planned(rig: &Rig) -> Plan {
    let before = rig.users_there();
    rig.wire.take();
    let plan = rig.plan().await;
    assert_eq!(rig.wire.take().1, 0, "a plan writes nothing");
    assert_eq!(rig.users_there(), before);
    let cycle = rig.sync().await;
    assert_eq!(writes(&plan.counts), writes(&cycle.counts), "{plan:#?}");
    plan
}

#[test]
fn what_a_plan_says_is_what_a_cycle_does() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        let boss = rig.user("boss", json!({}));
        let bob = rig.user("bob", managed_by(&boss));
        rig.account_there(json!({"userName": "ann", "active": true, "displayName": "Old Ann"}));
        let team = rig.group("Team", &[&ann, &bob]);
        let plan = as_planned(&rig).await;
        let of = |name: &str| plan.items.iter().find(|i| i.name == name).unwrap();
        assert_eq!((of("ann").action, of("bob").action), (Action::Update, Action::Create));
        let change = of("ann").changes.iter().find(|c| c.path.to_string() == "displayName").unwrap();
        assert_eq!((&change.old, &change.new), (&json!("Old Ann"), &json!("ANN")));
        assert_eq!((of("Team").action, of("Team").members), (Action::Create, (2, 0)));

        // Joiner, mover, leaver, membership.
        let cid = rig.user("cid", managed_by(&boss));
        rig.edit(&ann, json!({"title": "Head"}));
        rig.edit(&bob, json!({"active": false}));
        rig.members(&team, MemberOp::Remove(vec![ann.id]));
        rig.members(&team, MemberOp::Add(vec![cid.id]));
        let plan = as_planned(&rig).await;
        assert_eq!(writes(&plan.counts), (1, 2, 1, 0, 0, 0, 0));
        let of = |name: &str| plan.items.iter().find(|i| i.name == name).unwrap();
        assert_eq!(of("Team").members, (1, 1));
        assert_eq!(of("bob").target, Some(rig.user_there("bob").0.0.to_string()));

        // Returner and purge.
        rig.edit(&bob, json!({"active": true}));
        rig.purge(&cid);
        as_planned(&rig).await;

        let plan = as_planned(&rig).await;
        assert!(!plan.changes_anything() && plan.items.is_empty());
    });
}

#[test]
fn a_plan_can_look_at_a_few_only() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.user("bob", json!({}));
        let plan = rig.engine.plan(rig.app, Some(&rig.keys(&[&ann]))).await.unwrap();
        assert_eq!(plan.items.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["ann"]);
    });
}
