//! Cycles when all goes well.

use serde_json::json;
use usher_engine::{
    app::{App, Scope},
    cycle::CycleKind,
};

use crate::rig::{Rig, both, both_as, managed_by};

#[test]
fn an_initial_cycle_creates_users_with_managers_and_groups_with_members() {
    for (template, profile) in [("scim", "standard"), ("4me", "4me")] {
        both_as(template, profile, |rig| async move {
            // The boss comes last, so that those who name her wait for her.
            rig.scope(Scope::All);
            let staff: Vec<_> = (0..120).map(|n| rig.user(&format!("u{n:03}"), json!({}))).collect();
            let boss = rig.user("boss", json!({"title": "CEO"}));
            for user in &staff {
                rig.edit(user, managed_by(&boss));
            }
            rig.group("All", &staff.iter().collect::<Vec<_>>());
            rig.group("Board", &[&boss, &staff[0]]);
            let cycle = rig.sync().await;
            assert_eq!(cycle.kind, CycleKind::Initial);
            assert_eq!((cycle.counts.create, cycle.counts.failed), (123, 0));
            let name =
                |user: &str| if template == "4me" { format!("{user}@example.com") } else { user.to_owned() };
            let there = rig.users_there();
            assert_eq!(there.len(), 121);
            let (_, active, doc) = &there[&name("boss")];
            assert!(active);
            assert_eq!(doc["title"], "CEO");
            assert_eq!(doc["externalId"], boss.id.0.to_string());
            assert_eq!(doc["name"]["formatted"], "boss Test");
            for user in ["u000", "u119"] {
                assert_eq!(rig.manager_there(&name(user)), Some(name("boss")));
            }
            let groups = rig.groups_there();
            assert_eq!(groups["All"].len(), 120);
            assert_eq!(groups["Board"], [name("boss"), name("u000")]);

            rig.wire.take();
            let again = rig.sync().await;
            assert_eq!(rig.wire.take(), (0, 0), "nothing changed, so nothing is sent");
            assert_eq!((again.kind, again.counts), (CycleKind::Incremental, Default::default()));
        });
    }
}

#[test]
fn joiner_mover_leaver_returner() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let team = rig.group("Team", &[&ann, &bob]);
        rig.sync().await;
        let (id, ..) = rig.user_there("bob");
        rig.wire.take();

        let joiner = rig.user("joe", json!({}));
        rig.edit(&ann, json!({"title": "Head"}));
        rig.edit(&bob, json!({"active": false}));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.update, counts.disable, counts.failed), (1, 1, 1, 0));
        assert_eq!(rig.active_there(), ["ann", "joe"]);
        assert_eq!(rig.user_there("ann").2["title"], "Head");
        let _ = joiner;

        rig.edit(&bob, json!({"active": true, "title": "Back"}));
        // The app dropped his membership when he left, as many do.
        let counts = rig.sync().await.counts;
        assert_eq!((counts.enable, counts.create), (1, 0));
        let (again, active, doc) = rig.user_there("bob");
        assert_eq!((again, active, &doc["title"]), (id, true, &json!("Back")), "the same record");
        assert_eq!(rig.groups_there()["Team"], ["ann", "bob"]);
        let _ = team;

        rig.wire.take();
        rig.sync().await;
        assert_eq!(rig.wire.take(), (0, 0));
    });
}

#[test]
fn a_returners_memberships_are_sent_again() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.group("Team", &[&ann]);
        rig.sync().await;
        rig.mark_deleted(&ann, true);
        rig.sync().await;
        assert!(rig.active_there().is_empty());
        rig.wire.take();
        rig.mark_deleted(&ann, false);
        rig.sync().await;
        let sent = rig.wire.seen();
        assert!(sent.iter().any(|(m, url)| m == "PATCH" && url.contains("/Groups/")), "{sent:?}");
        assert_eq!(rig.active_there(), ["ann"]);
    });
}

#[test]
fn a_purged_user_is_deleted_where_the_app_can_and_else_disabled() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let (ann, _) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        rig.sync().await;
        rig.purge(&ann);
        let counts = rig.sync().await.counts;
        assert_eq!((counts.delete, counts.disable), (1, 0));
        assert_eq!(rig.users_there().into_keys().collect::<Vec<_>>(), ["bob"]);
    });
    both_as("4me", "4me", |rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.sync().await;
        rig.purge(&ann);
        let counts = rig.sync().await.counts;
        assert_eq!((counts.delete, counts.disable), (0, 1));
        assert!(!rig.user_there("ann@example.com").1);
        // Hired again as a new entry of the directory: the same record, not a second one.
        rig.user("ann", json!({}));
        assert_eq!(rig.sync().await.counts.failed, 0);
        assert_eq!(rig.active_there(), ["ann@example.com"]);
        assert_eq!(rig.users_there().len(), 1);
    });
}

#[test]
fn an_account_that_is_there_already_is_taken_over_and_only_differences_are_sent() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let there = rig.account_there(
            json!({"userName": "ANN", "active": true, "displayName": "Old", "nickName": "kept"}),
        );
        let same = rig.user("bob", json!({}));
        let bob = json!({
            "userName": "bob", "active": true, "displayName": "BOB", "externalId": same.id.0.to_string(),
            "name": {"givenName": "bob", "familyName": "Test", "formatted": "bob Test"},
            "emails": [{"type": "work", "value": "bob@example.com"}],
        });
        rig.account_there(bob);
        rig.user("ann", json!({}));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.update, counts.in_sync, counts.failed), (0, 1, 1, 0));
        assert_eq!(rig.wire.take().1, 1, "one PATCH; what is equal is not written");
        let users = rig.users_there();
        assert_eq!(users.len(), 2);
        let (id, _, doc) = users.into_iter().find(|(_, (id, ..))| *id == there).unwrap().1;
        assert_eq!((id, &doc["displayName"], &doc["nickName"]), (there, &json!("ANN"), &json!("kept")));
    });
}

#[test]
fn two_accounts_that_match_are_a_failure_and_nobody_is_guessed() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let mut app = rig.app();
        app.users.rows.iter_mut().for_each(|r| {
            r.matching = (r.target.to_string() == "displayName").then_some(1);
        });
        let (configs, directory, users) = (rig.configs.clone(), rig.directory, app.users.clone());
        rig.write(move |tx| {
            let config = configs.get(tx, directory).unwrap().unwrap();
            usher_engine::app::set_mapping(tx, &app, &config, usher_directory::Kind::User, &users).unwrap();
        });
        rig.account_there(json!({"userName": "x1", "active": true, "displayName": "ANN"}));
        rig.account_there(json!({"userName": "x2", "active": true, "displayName": "ANN"}));
        rig.user("ann", json!({}));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.failed, counts.create), (1, 0));
        let logged = rig.logged();
        assert_eq!(logged.last().unwrap().3, "DuplicateTargetEntries", "{logged:?}");
    });
}

#[test]
fn a_manager_who_comes_into_scope_later_is_linked_then() {
    both(|rig| async move {
        let boss = rig.user("boss", json!({}));
        let ann = rig.user("ann", managed_by(&boss));
        rig.assign(&ann);
        rig.sync().await;
        assert_eq!(rig.manager_there("ann"), None);
        rig.assign(&boss);
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.update), (1, 1));
        assert_eq!(rig.manager_there("ann"), Some("boss".into()));
    });
}

#[test]
fn unassigned_users_and_members_of_unassigned_groups_leave() {
    both(|rig| async move {
        let (ann, bob, cid) =
            (rig.user("ann", json!({})), rig.user("bob", json!({})), rig.user("cid", json!({})));
        let team = rig.group("Team", &[&bob, &cid]);
        rig.user("out", json!({}));
        rig.assign(&ann);
        rig.assign(&cid);
        rig.assign(&team);
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.out_of_scope), (4, 1));
        assert_eq!(rig.active_there(), ["ann", "bob", "cid"]);

        rig.unassign(&ann);
        rig.unassign(&team);
        let counts = rig.sync().await.counts;
        // Leaving one of two paths is no leaving: cid is assigned himself.
        assert_eq!(counts.disable, 2);
        assert_eq!(rig.active_there(), ["cid"]);
        assert_eq!(rig.groups_there()["Team"], ["bob", "cid"], "an unassigned group is left as it is");
    });
}

#[test]
fn holders_of_default_access_alone_are_left_out_where_the_template_says_so() {
    both_as("4me", "4me", |rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        rig.assign(&ann);
        rig.assign_as(&bob, Some("Default Access"));
        rig.sync().await;
        assert_eq!(rig.active_there(), ["ann@example.com"]);
        rig.set("exclude_default_access", "false");
        rig.sync().await;
        assert_eq!(rig.active_there(), ["ann@example.com", "bob@example.com"]);
    });
}

#[test]
fn a_scoping_filter_keeps_out_and_lets_go() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({"title": "Staff"}));
        rig.user("bob", json!({"title": "Guest"}));
        let mut app = rig.app();
        scope_by(&rig, &mut app, "EQUALS", "Staff");
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.out_of_scope), (1, 1));
        rig.edit(&ann, json!({"title": "Guest"}));
        assert_eq!(rig.sync().await.counts.disable, 1);
        assert!(rig.active_there().is_empty());
    });
}

/// A regular expression that gives up on somebody's value decides nothing: who has an account keeps it.
#[test]
fn a_scoping_filter_that_cannot_be_judged_takes_nothing_away() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({"title": "aac"}));
        let mut app = rig.app();
        scope_by(&rig, &mut app, "REGEX MATCH", r"(?=.*)(?:(?:a|aa)+)+c");
        assert_eq!(rig.sync().await.counts.create, 1);
        rig.edit(&ann, json!({"title": "a".repeat(60)}));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.disable, counts.delete), (0, 0));
        assert_eq!(rig.active_there().len(), 1);
        rig.edit(&ann, json!({"title": "b"}));
        assert_eq!(rig.sync().await.counts.disable, 1);
    });
}

/// Gives the app's users a scoping filter of one clause over their title.
pub(crate) fn scope_by(rig: &Rig, app: &mut App, operator: &str, value: &str) {
    let clause = toml::Table::from_iter([
        ("attribute".to_owned(), "title".into()),
        ("operator".to_owned(), operator.into()),
        ("value".to_owned(), value.into()),
    ]);
    let group = toml::Table::from_iter([
        ("title".to_owned(), "staff".into()),
        ("clause".to_owned(), toml::Value::Array(vec![clause.into()])),
    ]);
    app.users.scoping = usher_mapping::ScopingFilter::from_toml(&[group.into()]).unwrap();
    let (configs, directory, users) = (rig.configs.clone(), rig.directory, app.users.clone());
    let app = app.clone();
    rig.write(move |tx| {
        let config = configs.get(tx, directory).unwrap().unwrap();
        usher_engine::app::set_mapping(tx, &app, &config, usher_directory::Kind::User, &users).unwrap();
    });
}
