//! What happens to a leaver: each cause with each policy, through the engine, and back again.

use serde_json::json;
use usher_directory::object::Stored;
use usher_engine::plan::Action;

use crate::rig::{Rig, both};

const CAUSES: [&str; 5] = ["unassigned", "filtered_out", "disabled", "deleted", "purged"];

/// What becomes of the account.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Account {
    Disabled,
    Deleted,
    AsItWas,
}

const POLICIES: [(&str, Account); 3] =
    [("disable", Account::Disabled), ("delete", Account::Deleted), ("nothing", Account::AsItWas)];

fn leaves(rig: &Rig, who: &Stored, cause: &str) {
    match cause {
        "unassigned" => rig.unassign(who),
        "filtered_out" => drop(rig.edit(who, json!({"title": "Guest"}))),
        "disabled" => drop(rig.edit(who, json!({"active": false}))),
        "deleted" => rig.mark_deleted(who, true),
        _ => rig.purge(who),
    }
}

/// `false`: from that nobody returns.
fn returns(rig: &Rig, who: &Stored, cause: &str) -> bool {
    match cause {
        "unassigned" => rig.assign(who),
        "filtered_out" => drop(rig.edit(who, json!({"title": "Staff"}))),
        "disabled" => drop(rig.edit(who, json!({"active": true}))),
        "deleted" => rig.mark_deleted(who, false),
        _ => return false,
    }
    true
}

/// One cell of the table.
async fn cell(rig: &Rig, cause: &str, policy: &str, account: Account) {
    let name = format!("{cause}-{policy}");
    rig.set(&format!("leaver.{cause}"), policy);
    let who = rig.user(&name, json!({"title": "Staff"}));
    rig.assign(&who);
    rig.sync().await;
    let (id, active, _) = rig.user_there(&name);
    assert!(active, "{name}");

    leaves(rig, &who, cause);
    let said = rig.engine.explain(rig.app, who.key).await.unwrap().verdict;
    let (action, log) = match account {
        Account::Disabled => (Action::Disable, ("disable", "success")),
        Account::Deleted => (Action::Delete, ("delete", "success")),
        Account::AsItWas => (Action::None, ("other", "skipped")),
    };
    assert_eq!(said.action, action, "{name}: {said:?}");
    let before = rig.logged().len();
    rig.wire.take();
    let counts = rig.sync().await.counts;
    let (disabled, deleted) = (u64::from(action == Action::Disable), u64::from(action == Action::Delete));
    assert_eq!((counts.disable, counts.delete, counts.failed), (disabled, deleted, 0), "{name}");
    assert_eq!(rig.wire.take().1, usize::from(action != Action::None), "{name}: requests that write");
    let logged = rig.logged().split_off(before);
    assert_eq!(logged.len(), 1, "{name}: {logged:?}");
    assert_eq!((logged[0].0.as_str(), logged[0].1.as_str(), &logged[0].2), (log.0, log.1, &name));
    let there = rig.users_there().get(&name).map(|(id, active, _)| (*id, *active));
    let expected = match account {
        Account::Disabled => Some((id, false)),
        Account::Deleted => None,
        Account::AsItWas => Some((id, true)),
    };
    assert_eq!(there, expected, "{name}");

    // Nothing more follows of itself.
    rig.wire.take();
    rig.sync().await;
    assert_eq!(rig.wire.take().1, 0, "{name}");
    if returns(rig, &who, cause) {
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.failed), (deleted, 0), "{name}: back again");
        let (again, active, _) = rig.user_there(&name);
        assert_eq!((again == id, active), (account != Account::Deleted, true), "{name}: back again");
    }
}

#[test]
fn each_cause_with_each_policy_and_back_again() {
    both(|rig| async move {
        rig.set("deletion_threshold", "off");
        rig.set("deletion_threshold_percent", "off");
        crate::cycles::scope_by(&rig, &mut rig.app(), "EQUALS", "Staff");
        for cause in CAUSES {
            for (policy, account) in POLICIES {
                cell(&rig, cause, policy, account).await;
            }
        }
    });
}
