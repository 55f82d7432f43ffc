//! Okta's tests of an app, driven by our client as Okta's catalogue speaks: the server checks of its CRUD suite, and its manual plan as far
//! as it speaks of the client. A test a line; the case numbers are Okta's.
//!
//! Not here: what Usher has no counterpart for (suspension, password sync, imports, groups pushed by rule, OAuth's redirect); credentials on
//! save, which are the command line's (`a_secret_token_is_replaced_when_the_app_accepts_it`); the guides.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use usher_directory::{
    Kind,
    object::{self, MemberOp, Stored},
};
use usher_engine::{app, assignment::Terms, pushed};
use usher_scim::schema::ENTERPRISE;

use crate::{
    pushed::{group_there, push},
    rig::{Rig, both, managed_by, until},
    there::There,
};

/// Runs a line on both databases against Usher's own service.
fn line<F: Future<Output = ()>>(test: impl Fn(Rig) -> F) {
    both(|rig| {
        rig.set("wire_profile", "okta");
        test(rig)
    });
}

async fn synced(rig: &Rig) {
    let cycle = rig.sync().await;
    assert_eq!(cycle.counts.failed, 0, "{:?}", rig.logged().last());
}

async fn is_active(rig: &Rig, id: &str) -> Value {
    There::of(rig).get(&format!("Users/{id}")).await["active"].clone()
}

/// The CRUD suite up to a step; the id that the app gave. What Okta's own API answers is not asked here.
async fn crud(rig: &Rig, step: u32) -> String {
    let there = There::of(rig);
    // 2, 3: somebody is made and assigned.
    let ann = rig.user(
        "ann@example.com",
        json!({"title": "Engineer", "phoneNumbers": [{"type": "work", "value": "+49 30 1"}],
            "emails": [{"type": "work", "value": "ann@example.com"}]}),
    );
    rig.assign(&ann);
    synced(rig).await;
    let id = there.id("ann@example.com").await;
    if step > 4 {
        // 5: the first name changes.
        rig.edit(&ann, json!({"name": {"givenName": "annupdate"}}));
        synced(rig).await;
    }
    if step > 6 {
        // 7: deactivated.
        rig.edit(&ann, json!({"active": false}));
        synced(rig).await;
    }
    if step > 8 {
        // 9, 10: activated and assigned again.
        rig.unassign(&ann);
        rig.edit(&ann, json!({"active": true}));
        rig.assign(&ann);
        synced(rig).await;
    }
    if step > 11 {
        // 12: the assignment ends.
        rig.unassign(&ann);
        synced(rig).await;
    }
    id
}

#[test]
fn crud_4_who_is_assigned_is_found_by_user_name_with_names_and_mail() {
    line(|rig| async move {
        crud(&rig, 4).await;
        let user = There::of(&rig).user("ann@example.com").await.unwrap();
        assert_eq!(
            (&user["userName"], &user["emails"][0]["value"]),
            (&json!("ann@example.com"), &json!("ann@example.com"))
        );
        assert_eq!(
            user["name"],
            json!({"givenName": "ann@example.com", "familyName": "Test",
            "formatted": "ann@example.com Test"})
        );
    });
}

#[test]
fn crud_6_a_changed_first_name_is_there() {
    line(|rig| async move {
        let id = crud(&rig, 6).await;
        assert_eq!(There::of(&rig).get(&format!("Users/{id}")).await["name"]["givenName"], "annupdate");
    });
}

#[test]
fn crud_8_who_is_deactivated_can_still_be_read_and_is_not_active() {
    line(|rig| async move {
        let id = crud(&rig, 8).await;
        assert_eq!(is_active(&rig, &id).await, json!(false));
    });
}

#[test]
fn crud_11_who_is_activated_and_assigned_again_is_active_under_the_same_id() {
    line(|rig| async move {
        let id = crud(&rig, 11).await;
        assert_eq!(is_active(&rig, &id).await, json!(true));
        assert_eq!(There::of(&rig).total("Users").await, 1);
    });
}

#[test]
fn crud_13_who_is_unassigned_can_still_be_read_and_is_not_active() {
    line(|rig| async move {
        let id = crud(&rig, 13).await;
        assert_eq!(is_active(&rig, &id).await, json!(false));
    });
}

#[test]
fn c9339_with_provisioning_off_an_assignment_changes_nothing() {
    line(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        rig.assign(&ann);
        let app = rig.app();
        rig.write(move |tx| app::set_enabled(tx, &app, true).unwrap());
        let (stop, stopping) = watch::channel(false);
        let engine = rig.engine.clone();
        let serving = tokio::spawn(async move { engine.serve(stopping).await });
        until(&rig, |rig| rig.active_there() == ["ann"]).await;
        let app = rig.app();
        rig.write(move |tx| app::set_enabled(tx, &app, false).unwrap());
        // A cycle that was under way comes to its end.
        tokio::time::sleep(Duration::from_millis(200)).await;
        rig.wire.take();
        rig.unassign(&ann);
        rig.assign(&bob);
        for _ in 0..20 {
            rig.clock.advance(Duration::from_secs(11));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(rig.wire.take(), (0, 0));
        assert_eq!(rig.active_there(), ["ann"]);
        stop.send(true).unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn c9290_who_is_assigned_with_four_attributes_is_created() {
    line(|rig| async move {
        let ann = rig.user("ann", json!({"displayName": null}));
        rig.assign(&ann);
        synced(&rig).await;
        let user = There::of(&rig).user("ann").await.unwrap();
        assert_eq!(
            (&user["name"]["givenName"], &user["name"]["familyName"]),
            (&json!("ann"), &json!("Test"))
        );
        assert_eq!(user["emails"][0]["value"], "ann@example.com");
    });
}

#[test]
fn c9334_who_is_assigned_with_all_attributes_is_created_with_all() {
    line(|rig| async move {
        let boss = rig.user("boss", json!({}));
        let mut more = json!({
            "title": "Head", "preferredLanguage": "de-DE",
            "phoneNumbers": [{"type": "work", "value": "+49 30 1"}, {"type": "mobile", "value": "+49 170 1"}],
            "addresses": [{"type": "work", "locality": "Berlin", "country": "DE"}],
        });
        let mut enterprise = managed_by(&boss)[ENTERPRISE].clone();
        enterprise["department"] = json!("Sales");
        enterprise["employeeNumber"] = json!("7019");
        more[ENTERPRISE] = enterprise;
        let ann = rig.user("ann", more);
        rig.assign(&boss);
        rig.assign(&ann);
        synced(&rig).await;
        let there = There::of(&rig);
        let user = there.user("ann").await.unwrap();
        assert_eq!((&user["title"], &user["preferredLanguage"]), (&json!("Head"), &json!("de-DE")));
        let numbers: Vec<&Value> =
            user["phoneNumbers"].as_array().unwrap().iter().map(|p| &p["value"]).collect();
        assert_eq!(numbers, ["+49 30 1", "+49 170 1"]);
        assert_eq!(
            (&user["addresses"][0]["locality"], &user["addresses"][0]["country"]),
            (&json!("Berlin"), &json!("DE"))
        );
        let enterprise = &user[ENTERPRISE];
        assert_eq!(
            (&enterprise["department"], &enterprise["employeeNumber"]),
            (&json!("Sales"), &json!("7019"))
        );
        assert_eq!(enterprise["manager"]["value"], there.id("boss").await);
    });
}

#[test]
fn c9336_who_has_an_unusual_name_and_mail_is_created() {
    line(|rig| async move {
        let name = "o'Brien+test.\u{e9}\u{df}@sub-domain.example.co.uk";
        let ann = rig.user(name, json!({"emails": [{"type": "work", "value": name}]}));
        rig.assign(&ann);
        synced(&rig).await;
        let users = rig.users_there();
        assert_eq!(users.keys().collect::<Vec<_>>(), [name]);
        assert_eq!(users[name].2["emails"][0]["value"], name);
        // And known again by that name.
        let (app, key) = (rig.app(), ann.key);
        rig.write(move |tx| assert!(usher_engine::link::remove(tx, &app, key).unwrap()));
        synced(&rig).await;
        assert_eq!(rig.users_there().len(), 1);
    });
}

#[test]
fn c9335_who_is_there_already_is_linked_and_brought_in_step() {
    line(|rig| async move {
        let there = rig.account_there(json!({"userName": "ann", "active": true, "displayName": "Old Ann"}));
        let ann = rig.user("ann", json!({"title": "Head"}));
        rig.assign(&ann);
        synced(&rig).await;
        let users = rig.users_there();
        let (id, _, doc) = &users["ann"];
        assert_eq!((users.len(), id), (1, &there));
        assert_eq!((&doc["displayName"], &doc["title"]), (&json!("ANN"), &json!("Head")));
    });
}

#[test]
fn c9307_an_assigned_group_creates_every_member() {
    line(|rig| async move {
        let staff: Vec<Stored> = (0..30).map(|n| rig.user(&format!("u{n:02}"), json!({}))).collect();
        let team = rig.group("Team", &staff.iter().collect::<Vec<_>>());
        rig.assign(&team);
        synced(&rig).await;
        assert_eq!(rig.active_there().len(), 30);
    });
}

#[test]
fn c9293_who_is_activated_and_assigned_again_has_the_same_id_and_attributes() {
    line(|rig| async move {
        let ann = rig.user("ann", json!({"title": "Head"}));
        rig.assign(&ann);
        synced(&rig).await;
        let (id, _, before) = rig.user_there("ann");
        rig.edit(&ann, json!({"active": false}));
        rig.unassign(&ann);
        synced(&rig).await;
        assert!(!rig.user_there("ann").1);
        rig.edit(&ann, json!({"active": true}));
        rig.assign(&ann);
        synced(&rig).await;
        assert_eq!(rig.user_there("ann"), (id, true, before));
    });
}

#[test]
fn c9291_c9310_a_changed_assignment_and_a_changed_profile_are_written() {
    line(|rig| async move {
        let ann = rig.user("ann", json!({}));
        let given = |title: &str| Terms {
            values: [("title".to_owned(), title.to_owned())].into(),
            ..Terms::default()
        };
        rig.grant(&ann, given("Staff"));
        synced(&rig).await;
        rig.grant(&ann, given("Lead"));
        rig.edit(&ann, json!({"displayName": "Ann Lee"}));
        synced(&rig).await;
        let doc = rig.user_there("ann").2;
        assert_eq!((&doc["title"], &doc["displayName"]), (&json!("Lead"), &json!("Ann Lee")));
    });
}

#[test]
fn c9309_a_changed_attribute_of_a_group_is_written_for_its_members() {
    line(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let team = rig.group("Team", &[&ann, &bob]);
        for title in ["Staff", "Lead"] {
            rig.grant(&team, Terms { values: [("title".into(), title.into())].into(), ..Terms::default() });
            synced(&rig).await;
            assert_eq!(
                (&rig.user_there("ann").2["title"], &rig.user_there("bob").2["title"]),
                (&json!(title), &json!(title))
            );
        }
    });
}

#[test]
fn c9337_attributes_that_are_emptied_are_emptied_there() {
    line(|rig| async move {
        rig.mapping(Kind::User, |mapping| {
            for row in mapping["mapping"].as_array_mut().unwrap() {
                row.as_table_mut().unwrap().insert("nulls".into(), "clear".into());
            }
        });
        let ann = rig.user("ann", json!({"preferredLanguage": "de-DE"}));
        let team = rig.group("Team", &[&ann]);
        rig.grant(&team, Terms { values: [("title".into(), "Staff".into())].into(), ..Terms::default() });
        synced(&rig).await;
        assert_eq!(rig.user_there("ann").2["title"], "Staff");
        // The group's, and one's own.
        rig.grant(&team, Terms::default());
        rig.edit(&ann, json!({"preferredLanguage": null, "emails": null}));
        synced(&rig).await;
        let doc = rig.user_there("ann").2;
        for gone in ["title", "preferredLanguage", "emails"] {
            assert_eq!(doc.get(gone), None, "{gone}");
        }
    });
}

#[test]
fn c9292_who_is_deactivated_is_deactivated_there() {
    line(|rig| async move {
        let ann = rig.user("ann", json!({}));
        rig.assign(&ann);
        synced(&rig).await;
        rig.edit(&ann, json!({"active": false}));
        synced(&rig).await;
        assert!(!rig.user_there("ann").1);
        // One who is deleted after that is not deleted there: Okta sends nothing.
        rig.wire.take();
        rig.purge(&ann);
        synced(&rig).await;
        assert_eq!(rig.wire.take().1, 0);
    });
}

#[test]
fn c9294_who_is_unassigned_is_deactivated() {
    line(|rig| async move {
        let ann = rig.user("ann", json!({}));
        rig.assign(&ann);
        synced(&rig).await;
        rig.unassign(&ann);
        synced(&rig).await;
        assert!(!rig.user_there("ann").1);
    });
}

#[test]
fn c9311_everybody_of_an_unassigned_group_is_deactivated() {
    line(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let team = rig.group("Team", &[&ann, &bob]);
        rig.assign(&team);
        synced(&rig).await;
        assert_eq!(rig.active_there(), ["ann", "bob"]);
        rig.unassign(&team);
        synced(&rig).await;
        assert_eq!((rig.active_there().len(), rig.users_there().len()), (0, 2));
    });
}

/// Ann and Bob have accounts of their own; nothing is pushed yet.
async fn two(rig: &Rig) -> (Stored, Stored) {
    let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
    rig.assign(&ann);
    rig.assign(&bob);
    synced(rig).await;
    (ann, bob)
}

#[test]
fn c9312_a_pushed_group_is_created_with_its_members() {
    line(|rig| async move {
        let (ann, bob) = two(&rig).await;
        push(&rig, &rig.group("Team", &[&ann, &bob]));
        synced(&rig).await;
        assert_eq!(rig.groups_there()["Team"], ["ann", "bob"]);
    });
}

#[test]
fn c9317_an_empty_group_is_created_empty() {
    line(|rig| async move {
        push(&rig, &rig.group("Empty", &[]));
        synced(&rig).await;
        assert_eq!(rig.groups_there()["Empty"], [""; 0]);
    });
}

async fn linked(rig: Rig, renames: bool, expected: &str) {
    let (ann, _) = two(&rig).await;
    let local = rig.account_there(json!({"userName": "local", "active": true}));
    let id = group_there(&rig, "Theirs", &[local]);
    let team = rig.group("Team", &[&ann]);
    rig.engine.link_group(rig.app, team.key, &id.0.to_string(), renames).await.unwrap();
    synced(&rig).await;
    let groups: Vec<_> = rig.groups_there().into_iter().collect();
    assert_eq!(groups, [(expected.to_owned(), vec!["ann".to_owned(), "local".to_owned()])]);
    assert_eq!(There::of(&rig).group(expected).await.unwrap().0, id.0.to_string());
}

#[test]
fn c9315_a_group_linked_with_renaming_is_renamed_and_keeps_its_members() {
    line(|rig| linked(rig, true, "Team"));
}

#[test]
fn c9330_a_group_linked_without_renaming_keeps_its_name_and_members() {
    line(|rig| linked(rig, false, "Theirs"));
}

#[test]
fn c9316_push_now_overwrites_who_was_added_by_hand_also_in_an_empty_group() {
    line(|rig| async move {
        let (ann, _) = two(&rig).await;
        let local = rig.account_there(json!({"userName": "local", "active": true}));
        let (team, empty) = (rig.group("Team", &[&ann]), rig.group("Empty", &[]));
        push(&rig, &team);
        push(&rig, &empty);
        synced(&rig).await;
        for name in ["Team", "Empty"] {
            let (there, now) = (rig.there, rig.clock.now());
            rig.write(move |tx| {
                let group = object::by_name(tx, there, Kind::Group, name).unwrap().unwrap();
                let ops = [MemberOp::Add(vec![local])];
                object::members(tx, there, group.key, None, &ops, object::Cause::default(), now).unwrap();
            });
        }
        assert_eq!(rig.engine.push_now(rig.app, team.key, "ops").await.unwrap(), (0, 1));
        assert_eq!(rig.engine.push_now(rig.app, empty.key, "ops").await.unwrap(), (0, 1));
        let groups = rig.groups_there();
        assert_eq!((groups["Team"].clone(), groups["Empty"].len()), (vec!["ann".to_owned()], 0));
    });
}

#[test]
fn c9332_an_added_member_is_there() {
    line(|rig| async move {
        let (ann, bob) = two(&rig).await;
        let team = rig.group("Team", &[&ann]);
        push(&rig, &team);
        synced(&rig).await;
        rig.members(&team, MemberOp::Add(vec![bob.id]));
        synced(&rig).await;
        assert_eq!(rig.groups_there()["Team"], ["ann", "bob"]);
    });
}

#[test]
fn c9333_a_removed_member_is_gone_and_deactivated_where_the_group_gave_the_account() {
    line(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let team = rig.group("Team", &[&ann, &bob]);
        rig.assign(&team);
        rig.assign(&ann);
        synced(&rig).await;
        rig.members(&team, MemberOp::Remove(vec![ann.id, bob.id]));
        synced(&rig).await;
        assert!(rig.groups_there()["Team"].is_empty());
        assert_eq!(rig.active_there(), ["ann"], "she is assigned by herself");
    });
}

#[test]
fn c9319_c9320_a_deactivated_push_sends_nothing_and_catches_up_when_it_is_activated() {
    line(|rig| async move {
        let (ann, bob) = two(&rig).await;
        let groups = ["One", "Two"].map(|name| rig.group(name, &[&ann]));
        groups.iter().for_each(|group| push(&rig, group));
        synced(&rig).await;
        // One alone or several.
        for group in &groups {
            let (app, key) = (rig.app(), group.key);
            assert!(rig.write(move |tx| pushed::pause(tx, &app, key).unwrap()));
            rig.members(group, MemberOp::Add(vec![bob.id]));
        }
        rig.wire.take();
        synced(&rig).await;
        assert_eq!(rig.wire.take().1, 0);
        for group in &groups {
            let (app, key) = (rig.app(), group.key);
            assert!(rig.write(move |tx| pushed::resume(tx, &app, key).unwrap()));
        }
        synced(&rig).await;
        let found = rig.groups_there();
        assert_eq!(
            (&found["One"][..], &found["Two"][..]),
            (&["ann", "bob"].map(str::to_owned)[..], &["ann", "bob"].map(str::to_owned)[..])
        );
    });
}

#[test]
fn c9318_c9327_a_group_that_is_unlinked_and_deleted_is_gone_and_its_members_stay() {
    line(|rig| async move {
        let (ann, bob) = two(&rig).await;
        let team = rig.group("Team", &[&ann, &bob]);
        push(&rig, &team);
        synced(&rig).await;
        rig.engine.unlink_group(rig.app, team.key, true, "ops").await.unwrap();
        synced(&rig).await;
        assert!(rig.groups_there().is_empty());
        assert_eq!(rig.active_there(), ["ann", "bob"]);
    });
}

#[test]
fn c9321_c9331_a_group_that_is_unlinked_and_left_stays_with_its_members() {
    line(|rig| async move {
        let (ann, bob) = two(&rig).await;
        let team = rig.group("Team", &[&ann, &bob]);
        push(&rig, &team);
        synced(&rig).await;
        rig.engine.unlink_group(rig.app, team.key, false, "ops").await.unwrap();
        rig.members(&team, MemberOp::Remove(vec![ann.id]));
        synced(&rig).await;
        assert_eq!(rig.groups_there()["Team"], ["ann", "bob"], "and nothing of it is sent any longer");
        assert_eq!(rig.active_there(), ["ann", "bob"]);
    });
}

#[test]
fn c9322_a_group_that_was_left_and_is_linked_again_goes_on_with_its_old_members() {
    line(|rig| async move {
        let (ann, bob) = two(&rig).await;
        let team = rig.group("Team", &[&ann]);
        push(&rig, &team);
        synced(&rig).await;
        let id = There::of(&rig).group("Team").await.unwrap().0;
        rig.engine.unlink_group(rig.app, team.key, false, "ops").await.unwrap();
        synced(&rig).await;
        rig.members(&team, MemberOp::Add(vec![bob.id]));
        rig.engine.link_group(rig.app, team.key, &id, true).await.unwrap();
        synced(&rig).await;
        assert_eq!(rig.groups_there()["Team"], ["ann", "bob"]);
        assert_eq!(There::of(&rig).group("Team").await.unwrap().0, id);
    });
}
