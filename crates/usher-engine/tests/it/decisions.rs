//! What is decided of whom: the field's table for SCIM (Microsoft's, as its pages describe it), row by row through the engine. Each row says
//! what `explain` answers beforehand, what a cycle then writes to the app, and what the log calls it.
//!
//! Where Usher does otherwise, on purpose, the row says so in its name.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use usher_directory::{Kind, object::Stored};
use usher_engine::{app::Scope, plan::Action};

use crate::rig::{Rig, both};

/// What was said, written and logged of somebody.
#[derive(Debug, PartialEq)]
struct Decided {
    action: Action,
    code: String,
    /// Method and operations (of a PATCH).
    wrote: Vec<(String, Value)>,
    /// Action and status of each entry.
    logged: Vec<(String, String)>,
}

impl Decided {
    fn new(action: Action, code: &str, wrote: &[(&str, Value)], logged: &[(&str, &str)]) -> Self {
        Self {
            action,
            code: code.to_owned(),
            wrote: wrote.iter().map(|(method, body)| ((*method).to_owned(), body.clone())).collect(),
            logged: logged.iter().map(|(action, status)| ((*action).into(), (*status).into())).collect(),
        }
    }

    fn skipped(code: &str) -> Self {
        Self::new(Action::None, code, &[], &[])
    }

    fn disabled() -> Self {
        Self::new(
            Action::Disable,
            "EntryExportUpdate",
            &[("PATCH", active(false))],
            &[("disable", "success")],
        )
    }

    fn deleted() -> Self {
        Self::new(Action::Delete, "EntryExportDelete", &[("DELETE", Value::Null)], &[("delete", "success")])
    }
}

fn active(is: bool) -> Value {
    json!([{"op": "replace", "path": "active", "value": is}])
}

/// What `explain` says of somebody, and what a cycle then does.
async fn decided(rig: &Rig, who: &Stored) -> Decided {
    let said = rig.engine.explain(rig.app, who.key).await.unwrap().verdict;
    let wrote = Arc::new(Mutex::new(Vec::new()));
    let writing = Arc::clone(&wrote);
    rig.wire.rule(move |request| {
        if request.method() != "GET" {
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            writing.lock().unwrap().push((request.method().to_string(), body["Operations"].clone()));
        }
        None
    });
    let before = rig.logged().len();
    rig.sync().await;
    rig.wire.heal();
    let logged = rig.logged().split_off(before).into_iter().map(|(action, status, ..)| (action, status));
    let wrote = std::mem::take(&mut *wrote.lock().unwrap());
    Decided { action: said.action, code: said.code, wrote, logged: logged.collect() }
}

/// Ann, in step, by her own assignment.
async fn linked(rig: &Rig) -> Stored {
    let ann = rig.user("ann", json!({"title": "Staff"}));
    rig.assign(&ann);
    rig.sync().await;
    assert_eq!(rig.active_there(), ["ann"]);
    ann
}

#[test]
fn row_1_not_linked_active_in_scope_and_there_already_is_taken_over_and_updated() {
    both(|rig| async move {
        let there = rig.account_there(json!({"userName": "ANN", "active": true, "displayName": "ANN"}));
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        let found = decided(&rig, &ann).await;
        assert_eq!((found.action, found.code.as_str()), (Action::Update, "EntryExportUpdate"));
        assert_eq!((found.wrote.len(), found.wrote[0].0.as_str()), (1, "PATCH"), "{found:?}");
        assert_eq!(found.logged, [("update".to_owned(), "success".to_owned())]);
        let (id, _, doc) = rig.users_there().into_values().next().unwrap();
        assert_eq!(
            (id, &doc["externalId"], rig.users_there().len()),
            (there, &json!(ann.id.0.to_string()), 1)
        );
    });
}

#[test]
fn row_1_not_linked_active_in_scope_and_not_there_is_created() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        let created = Decided::new(
            Action::Create,
            "EntryExportAdd",
            &[("POST", Value::Null)],
            &[("create", "success")],
        );
        assert_eq!(decided(&rig, &ann).await, created);
        assert_eq!(rig.active_there(), ["ann"]);
    });
}

#[test]
fn row_2_not_linked_and_disabled_is_skipped_also_where_an_account_is_there() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.account_there(json!({"userName": "ann", "active": true}));
        let ann = rig.user("ann", json!({"active": false}));
        assert_eq!(decided(&rig, &ann).await, Decided::skipped("NotEffectivelyEntitled"));
        assert_eq!(rig.active_there(), ["ann"], "what was never Usher's is not touched");
    });
}

#[test]
fn row_2_not_linked_and_soft_deleted_is_skipped() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.mark_deleted(&ann, true);
        assert_eq!(decided(&rig, &ann).await, Decided::skipped("NotEffectivelyEntitled"));
        assert!(rig.users_there().is_empty());
    });
}

#[test]
fn row_3_not_linked_active_and_not_in_scope_is_skipped() {
    both(|rig| async move {
        let ann = rig.user("ann", json!({}));
        assert_eq!(decided(&rig, &ann).await, Decided::skipped("NotEffectivelyEntitled"));
        assert!(rig.users_there().is_empty());
    });
}

#[test]
fn row_4_linked_and_changed_writes_what_differs_alone() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        rig.edit(&ann, json!({"title": "Head"}));
        let patch = json!([{"op": "replace", "path": "title", "value": "Head"}]);
        let updated =
            Decided::new(Action::Update, "EntryExportUpdate", &[("PATCH", patch)], &[("update", "success")]);
        assert_eq!(decided(&rig, &ann).await, updated);
    });
}

#[test]
fn row_5_linked_and_nothing_differs_writes_nothing() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        rig.edit(&ann, json!({"nickName": "Annie"}));
        assert_eq!(decided(&rig, &ann).await, Decided::skipped("RedundantExport"));
    });
}

#[test]
fn row_6_linked_and_unassigned_is_disabled() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        rig.unassign(&ann);
        assert_eq!(decided(&rig, &ann).await, Decided::disabled());
    });
}

#[test]
fn row_6_linked_and_filtered_out_is_disabled() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        crate::cycles::scope_by(&rig, &mut rig.app(), "EQUALS", "Staff");
        rig.edit(&ann, json!({"title": "Guest"}));
        assert_eq!(decided(&rig, &ann).await, Decided::disabled());
    });
}

#[test]
fn row_6_where_leaving_scope_is_skipped_the_account_is_left_as_it_is() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        rig.set("leaver.unassigned", "nothing");
        rig.unassign(&ann);
        let found = decided(&rig, &ann).await;
        assert_eq!((found.action, found.wrote.len()), (Action::None, 0), "{found:?}");
        assert_eq!(found.logged, [("other".to_owned(), "skipped".to_owned())]);
        assert_eq!(rig.active_there(), ["ann"]);
    });
}

#[test]
fn row_6_otherwise_than_entra_whoever_left_is_still_managed_and_deleted_when_gone_for_good() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        rig.unassign(&ann);
        rig.sync().await;
        rig.purge(&ann);
        assert_eq!(decided(&rig, &ann).await, Decided::deleted());
        assert!(rig.users_there().is_empty());
    });
}

#[test]
fn row_7_linked_and_disabled_in_the_directory_is_disabled() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        rig.edit(&ann, json!({"active": false, "title": "Gone"}));
        assert_eq!(decided(&rig, &ann).await, Decided::disabled(), "and nothing else is written");
    });
}

#[test]
fn row_7_linked_and_soft_deleted_is_disabled() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        rig.mark_deleted(&ann, true);
        assert_eq!(decided(&rig, &ann).await, Decided::disabled());
    });
}

#[test]
fn row_8_restored_is_enabled() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        rig.mark_deleted(&ann, true);
        rig.sync().await;
        rig.mark_deleted(&ann, false);
        let enabled = Decided::new(
            Action::Enable,
            "EntryExportUpdate",
            &[("PATCH", active(true))],
            &[("update", "success")],
        );
        assert_eq!(decided(&rig, &ann).await, enabled);
    });
}

#[test]
fn row_8_otherwise_than_entra_the_memberships_of_a_returner_are_sent_again() {
    both(|rig| async move {
        let ann = rig.user("ann", json!({}));
        let team = rig.group("Team", &[&ann]);
        rig.assign(&team);
        rig.sync().await;
        rig.mark_deleted(&ann, true);
        rig.sync().await;
        rig.mark_deleted(&ann, false);
        let found = decided(&rig, &ann).await;
        let member = json!([{"op": "add", "path": "members", "value": [{"value": rig.user_there("ann").0.0.to_string()}]}]);
        assert_eq!(found.wrote, [("PATCH".to_owned(), active(true)), ("PATCH".to_owned(), member)]);
        assert_eq!(rig.groups_there()["Team"], ["ann"]);
    });
}

#[test]
fn row_9_gone_for_good_is_deleted() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        rig.purge(&ann);
        assert_eq!(decided(&rig, &ann).await, Decided::deleted());
        assert!(rig.users_there().is_empty());
    });
}

#[test]
fn row_9_otherwise_than_entra_where_deleting_is_off_nobody_keeps_access() {
    both(|rig| async move {
        let ann = linked(&rig).await;
        rig.mapping(Kind::User, |mapping| {
            let actions = ["create", "update"].map(toml::Value::from);
            mapping.insert("actions".into(), toml::Value::Array(actions.to_vec()));
        });
        rig.sync().await;
        rig.purge(&ann);
        assert_eq!(decided(&rig, &ann).await, Decided::disabled());
        assert!(rig.active_there().is_empty());
    });
}

#[test]
fn row_10_where_the_app_has_no_soft_delete_every_leaver_is_deleted() {
    both(|rig| async move {
        for cause in ["unassigned", "filtered_out", "disabled", "deleted"] {
            rig.set(&format!("leaver.{cause}"), "delete");
        }
        let ann = linked(&rig).await;
        rig.unassign(&ann);
        assert_eq!(decided(&rig, &ann).await, Decided::deleted());
        assert!(rig.users_there().is_empty());
    });
}
