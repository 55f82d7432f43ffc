//! Groups that are pushed: Okta's manual plan, as far as it speaks of groups.

use serde_json::json;
use usher_directory::{
    Kind, ObjectId,
    object::{self, Draft, MemberOp, Stored},
};
use usher_engine::{EngineError, pushed};
use usher_scim::Object;

use crate::rig::{Fault, Rig, both};

pub(crate) fn push(rig: &Rig, group: &Stored) {
    let (app, key) = (rig.app(), group.key);
    rig.write(move |tx| pushed::push(tx, &app, key).unwrap());
}

/// A group in the app, made behind the engine's back, with these of its users.
pub(crate) fn group_there(rig: &Rig, name: &str, members: &[ObjectId]) -> ObjectId {
    let (there, configs, now) = (rig.there, rig.configs.clone(), rig.clock.now());
    let (id, name, members) = (ObjectId(uuid::Uuid::now_v7()), name.to_owned(), members.to_vec());
    rig.write(move |tx| {
        let config = configs.get(tx, there).unwrap().unwrap();
        let doc: Object = [("displayName".to_owned(), json!(name))].into_iter().collect();
        let draft = Draft::create(&config, Kind::Group, id, &doc, now).unwrap();
        let stored = object::put(tx, there, &draft).unwrap();
        let op = MemberOp::Add(members.clone());
        object::members(tx, there, stored.key, None, &[op], object::Cause::default(), now).unwrap();
    });
    id
}

#[test]
fn a_group_is_pushed_with_members_or_empty_without_giving_accounts() {
    both(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        rig.assign(&ann);
        let (team, empty) = (rig.group("Team", &[&ann, &bob]), rig.group("Empty", &[]));
        push(&rig, &team);
        push(&rig, &empty);
        rig.sync().await;
        let groups = rig.groups_there();
        assert_eq!((groups["Team"].clone(), groups["Empty"].len()), (vec!["ann".to_owned()], 0));
        assert_eq!(rig.active_there(), ["ann"], "a push gives nobody an account");
        rig.assign(&bob);
        rig.members(&empty, MemberOp::Add(vec![ann.id]));
        rig.sync().await;
        let groups = rig.groups_there();
        assert_eq!((groups["Team"].len(), groups["Empty"].clone()), (2, vec!["ann".to_owned()]));
    });
}

#[test]
fn a_paused_push_sends_nothing_and_catches_up_when_it_is_resumed() {
    both(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let team = rig.group("Team", &[&ann]);
        rig.assign(&team);
        rig.assign(&bob);
        rig.sync().await;
        let (app, key) = (rig.app(), team.key);
        assert!(rig.write(move |tx| pushed::pause(tx, &app, key).unwrap()));
        rig.members(&team, MemberOp::Add(vec![bob.id]));
        rig.edit(&team, json!({"displayName": "Crew"}));
        rig.wire.take();
        rig.sync().await;
        assert_eq!(rig.wire.take().1, 0);
        assert_eq!(rig.groups_there()["Team"], ["ann"]);
        assert_eq!(rig.active_there(), ["ann", "bob"], "its members keep their accounts");

        let app = rig.app();
        assert!(rig.write(move |tx| pushed::resume(tx, &app, key).unwrap()));
        rig.sync().await;
        assert_eq!(rig.groups_there()["Crew"], ["ann", "bob"]);
        let app = rig.app();
        assert!(!rig.write(move |tx| pushed::resume(tx, &app, key).unwrap()), "it is not paused any longer");
    });
}

#[test]
fn a_group_is_linked_to_one_that_is_there_with_its_members_renamed_or_not() {
    both(|rig| async move {
        let ann = rig.user("ann", json!({}));
        rig.assign(&ann);
        rig.sync().await;
        let local = rig.account_there(json!({"userName": "local", "active": true}));
        for (ours, theirs, renames, expected) in
            [("Team", "Their team", false, "Their team"), ("Crew", "Their crew", true, "Crew")]
        {
            let group = rig.group(ours, &[&ann]);
            let id = group_there(&rig, theirs, &[local]);
            let name = rig.engine.link_group(rig.app, group.key, &id.0.to_string(), renames).await.unwrap();
            assert_eq!(name, theirs);
            rig.sync().await;
            let groups = rig.groups_there();
            assert_eq!(
                groups[expected],
                ["ann", "local"],
                "who was there stays, and no second group is made"
            );
            // A change of the name later is treated alike.
            rig.edit(&group, json!({"displayName": format!("{ours} 2")}));
            rig.sync().await;
            let name = if renames { format!("{ours} 2") } else { theirs.to_owned() };
            assert!(rig.groups_there().contains_key(&name));
            // One group of the app stands for one of the directory.
            let second = rig.group(&format!("{ours} again"), &[]);
            let refused = rig.engine.link_group(rig.app, second.key, &id.0.to_string(), renames).await;
            assert!(refused.unwrap_err().to_string().contains("linked to another group"));
        }
        assert_eq!(rig.groups_there().len(), 2);
        let group = rig.group("Nobody's", &[]);
        let refused = rig.engine.link_group(rig.app, group.key, "0000", true).await.unwrap_err();
        assert!(refused.to_string().contains("has no group with the id 0000"), "{refused}");
    });
}

#[test]
fn push_now_overwrites_the_membership_also_of_an_empty_group() {
    both(|rig| async move {
        let ann = rig.user("ann", json!({}));
        rig.assign(&ann);
        let (team, empty) = (rig.group("Team", &[&ann]), rig.group("Empty", &[]));
        push(&rig, &team);
        push(&rig, &empty);
        rig.sync().await;
        let local = rig.account_there(json!({"userName": "local", "active": true}));
        for name in ["Team", "Empty"] {
            let (there, now, name) = (rig.there, rig.clock.now(), name.to_owned());
            rig.write(move |tx| {
                let group = object::by_name(tx, there, Kind::Group, &name).unwrap().unwrap();
                let ops = [MemberOp::Replace(vec![local])];
                object::members(tx, there, group.key, None, &ops, object::Cause::default(), now).unwrap();
            });
        }
        rig.sync().await;
        assert_eq!(rig.groups_there()["Team"], ["local"], "a cycle writes what changed here");
        assert_eq!(rig.engine.push_now(rig.app, team.key, "ops").await.unwrap(), (1, 1));
        assert_eq!(rig.engine.push_now(rig.app, empty.key, "ops").await.unwrap(), (0, 1));
        let groups = rig.groups_there();
        assert_eq!((groups["Team"].clone(), groups["Empty"].len()), (vec!["ann".to_owned()], 0));
        // What was written is known: a member who leaves is taken out by the next cycle.
        rig.members(&team, MemberOp::Clear);
        rig.sync().await;
        assert!(rig.groups_there()["Team"].is_empty());
        assert!(rig.users_there().contains_key("local"));
    });
}

#[test]
fn a_push_is_unlinked_leaving_the_group_or_deleting_it_and_begun_again() {
    both(|rig| async move {
        let ann = rig.user("ann", json!({}));
        let (keep, drop) = (rig.group("Keep", &[&ann]), rig.group("Drop", &[&ann]));
        rig.assign(&keep);
        rig.assign(&drop);
        rig.sync().await;
        rig.engine.unlink_group(rig.app, keep.key, false, "ops").await.unwrap();
        rig.engine.unlink_group(rig.app, drop.key, true, "ops").await.unwrap();
        rig.sync().await;
        assert_eq!(rig.groups_there().into_iter().collect::<Vec<_>>(), [("Keep".into(), vec!["ann".into()])]);
        assert_eq!(rig.active_there(), ["ann"], "users are never deleted with a group");

        // Linked again, the old members stay and it is kept in step.
        let bob = rig.user("bob", json!({}));
        rig.members(&keep, MemberOp::Add(vec![bob.id]));
        rig.sync().await;
        assert_eq!(rig.groups_there()["Keep"], ["ann"], "bob gets an account, the group is not pushed");
        push(&rig, &keep);
        rig.sync().await;
        assert_eq!(rig.groups_there()["Keep"], ["ann", "bob"]);
    });
}

#[test]
fn an_app_that_will_not_delete_a_group_keeps_it_linked() {
    both(|rig| async move {
        let team = rig.group("Team", &[]);
        push(&rig, &team);
        rig.sync().await;
        rig.wire.rule(|r| (r.method() == "DELETE").then(|| Fault::Answer(403, vec![], String::new())));
        let refused = rig.engine.unlink_group(rig.app, team.key, true, "ops").await.unwrap_err();
        assert!(matches!(refused, EngineError::Client(_)), "{refused}");
        rig.wire.heal();
        rig.edit(&team, json!({"displayName": "Crew"}));
        rig.sync().await;
        assert_eq!(rig.groups_there().len(), 1);
        assert!(rig.groups_there().contains_key("Crew"));
    });
}

#[test]
fn a_link_that_is_deleted_is_matched_again() {
    both(|rig| async move {
        let ann = rig.user("ann", json!({}));
        rig.assign(&ann);
        rig.sync().await;
        let (app, key, id) = (rig.app(), ann.key, rig.user_there("ann").0);
        assert!(rig.write(move |tx| usher_engine::link::remove(tx, &app, key).unwrap()));
        let (app, no_more) = (rig.app(), rig.app);
        assert!(!rig.write(move |tx| usher_engine::link::remove(tx, &app, key).unwrap()));
        rig.wire.take();
        rig.sync().await;
        assert_eq!(rig.wire.take().1, 0, "the same account is found, as it should be");
        let link = rig.read(move |on| usher_engine::link::get(on, no_more, key)).unwrap();
        assert_eq!(link.target, Some(id.0.to_string()));
    });
}
