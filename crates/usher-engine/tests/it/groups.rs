//! Groups and their memberships.

use serde_json::json;
use usher_directory::{
    Kind,
    object::{self, MemberOp},
};
use usher_engine::{app::Scope, quarantine::Reset};

use crate::rig::both;

#[test]
fn memberships_follow_as_deltas_and_a_rename_keeps_the_group() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let users: Vec<_> = (0..30).map(|n| rig.user(&format!("u{n:02}"), json!({}))).collect();
        let team = rig.group("Team", &users[..20].iter().collect::<Vec<_>>());
        rig.sync().await;
        rig.wire.take();

        rig.edit(&team, json!({"displayName": "Crew"}));
        rig.members(&team, MemberOp::Remove(vec![users[0].id]));
        rig.members(&team, MemberOp::Add(vec![users[29].id]));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.update, counts.create, counts.delete), (1, 0, 0));
        let groups = rig.groups_there();
        assert_eq!(groups.keys().collect::<Vec<_>>(), ["Crew"]);
        let expected: Vec<String> = (1..20).chain([29]).map(|n| format!("u{n:02}")).collect();
        assert_eq!(groups["Crew"], expected);
        let (_, writes) = rig.wire.take();
        assert!(writes <= 3, "a rename, an addition and a removal took {writes} requests");
    });
}

#[test]
fn a_member_who_gets_an_account_later_is_added_then() {
    both(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({"active": false})), rig.user("bob", json!({})));
        let team = rig.group("Team", &[&ann, &bob]);
        rig.assign(&team);
        rig.sync().await;
        assert_eq!(rig.groups_there()["Team"], ["bob"]);
        rig.edit(&ann, json!({"active": true}));
        rig.sync().await;
        assert_eq!(rig.groups_there()["Team"], ["ann", "bob"]);
    });
}

#[test]
fn joining_an_assigned_group_gives_an_account_and_leaving_it_takes_it() {
    both(|rig| async move {
        let ann = rig.user("ann", json!({}));
        let team = rig.group("Team", &[]);
        rig.assign(&team);
        rig.sync().await;
        assert!(rig.users_there().is_empty());
        rig.members(&team, MemberOp::Add(vec![ann.id]));
        assert_eq!(rig.sync().await.counts.create, 1);
        assert_eq!(rig.groups_there()["Team"], ["ann"]);
        rig.members(&team, MemberOp::Clear);
        assert_eq!(rig.sync().await.counts.disable, 1);
        assert!(rig.active_there().is_empty());
        assert!(rig.groups_there()["Team"].is_empty());
    });
}

#[test]
fn a_deleted_group_is_deleted_and_its_members_lose_what_it_gave() {
    both(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let team = rig.group("Team", &[&ann]);
        rig.assign(&team);
        rig.assign(&bob);
        rig.sync().await;
        rig.purge(&team);
        let counts = rig.sync().await.counts;
        assert_eq!((counts.delete, counts.disable), (1, 1));
        assert_eq!(rig.active_there(), ["bob"]);
        assert!(rig.groups_there().is_empty());
    });
}

#[test]
fn a_big_group_goes_in_blocks() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let users: Vec<_> = (0..1_100).map(|n| rig.user(&format!("u{n:04}"), json!({}))).collect();
        rig.group("Big", &users.iter().collect::<Vec<_>>());
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.failed), (1_101, 0));
        let app = rig.there;
        let members = rig.read(move |on| {
            let group = object::by_name(on, app, Kind::Group, "Big")?.unwrap();
            object::member_count(on, app, group.key)
        });
        assert_eq!(members, 1_100);
    });
}

/// An app that begins anew reads the feed from its head: what became of memberships before is in no part that it reads.
#[test]
fn who_left_a_group_before_everybody_is_looked_at_again_is_taken_out() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let team = rig.group("Team", &[&ann, &bob]);
        rig.sync().await;
        assert_eq!(rig.groups_there()["Team"], ["ann", "bob"]);
        rig.members(&team, MemberOp::Remove(vec![bob.id]));
        let (app, now) = (rig.app(), rig.clock.now());
        rig.write(move |tx| usher_engine::quarantine::restart(tx, &app, &[Reset::Watermark], now).unwrap());
        rig.sync().await;
        assert_eq!(rig.groups_there()["Team"], ["ann"]);
    });
}
