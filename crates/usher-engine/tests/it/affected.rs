//! Who is affected by what: one table of cases. Each begins with the same directory, in step, and changes one thing; what the app
//! has after the next cycle, and whom the log speaks of, says who was looked at.

use std::collections::BTreeMap;

use serde_json::json;
use usher_directory::{
    Key, Kind,
    object::{MemberOp, Stored},
};
use usher_engine::{
    app,
    assignment::{self, Terms},
};

use crate::rig::{Rig, both, managed_by};

/// `outer` holds ann and `inner`, `inner` holds bob and `outer` (a circle); cid is in `other`; dan in nothing. `outer` is assigned with
/// the groups in it.
struct World {
    users: BTreeMap<&'static str, Stored>,
    groups: BTreeMap<&'static str, Stored>,
}

impl World {
    async fn new(rig: &Rig) -> Self {
        let users: BTreeMap<_, _> =
            ["ann", "bob", "cid", "dan"].map(|name| (name, rig.user(name, json!({})))).into();
        let inner = rig.group("inner", &[&users["bob"]]);
        let outer = rig.group("outer", &[&users["ann"], &inner]);
        rig.members(&inner, MemberOp::Add(vec![outer.id]));
        let other = rig.group("other", &[&users["cid"]]);
        rig.grant(&outer, Terms { nested: true, ..Terms::default() });
        rig.sync().await;
        assert_eq!(rig.active_there(), ["ann", "bob"], "a circle of groups ends, and both are in");
        Self { users, groups: [("inner", inner), ("outer", outer), ("other", other)].into() }
    }
}

/// Changes one thing, runs a cycle, and compares who has access then and whom the log speaks of since.
async fn case(rig: &Rig, world: &World, change: impl FnOnce(&Rig, &World), active: &[&str], logged: &[&str]) {
    let before = rig.logged().len();
    change(rig, world);
    rig.sync().await;
    assert_eq!(rig.active_there(), active);
    let mut spoken: Vec<String> = rig.logged().into_iter().skip(before).map(|entry| entry.2).collect();
    spoken.sort();
    spoken.dedup();
    assert_eq!(spoken, logged);
}

macro_rules! cases {
    ($($name:ident: $change:expr => $active:expr, $logged:expr;)*) => {$(
        #[test]
        fn $name() {
            both(|rig| async move {
                let world = World::new(&rig).await;
                case(&rig, &world, $change, &$active, &$logged).await;
            });
        }
    )*};
}

cases! {
    a_user_who_changes_affects_itself:
        |rig: &Rig, w: &World| _ = rig.edit(&w.users["ann"], json!({"title": "Head"}))
        => ["ann", "bob"], ["ann"];
    a_user_out_of_scope_who_changes_affects_nobody:
        |rig: &Rig, w: &World| _ = rig.edit(&w.users["dan"], json!({"title": "Head"}))
        => ["ann", "bob"], [];
    a_membership_in_a_relevant_group_affects_the_user_and_the_group:
        |rig: &Rig, w: &World| rig.members(&w.groups["outer"], MemberOp::Add(vec![w.users["dan"].id]))
        => ["ann", "bob", "dan"], ["dan", "outer"];
    a_membership_in_a_group_within_affects_the_user:
        |rig: &Rig, w: &World| rig.members(&w.groups["inner"], MemberOp::Add(vec![w.users["dan"].id]))
        => ["ann", "bob", "dan"], ["dan"];
    a_membership_that_ends_in_a_group_within_affects_the_user:
        |rig: &Rig, w: &World| rig.members(&w.groups["inner"], MemberOp::Remove(vec![w.users["bob"].id]))
        => ["ann"], ["bob"];
    a_membership_in_another_group_affects_nobody:
        |rig: &Rig, w: &World| rig.members(&w.groups["other"], MemberOp::Add(vec![w.users["dan"].id]))
        => ["ann", "bob"], [];
    leaving_one_of_two_ways_is_no_leaving:
        |rig: &Rig, w: &World| {
            rig.members(&w.groups["outer"], MemberOp::Add(vec![w.users["bob"].id]));
            rig.members(&w.groups["inner"], MemberOp::Remove(vec![w.users["bob"].id]));
        }
        => ["ann", "bob"], ["outer"];
    a_group_that_comes_into_a_group_affects_everybody_below_it:
        |rig: &Rig, w: &World| rig.members(&w.groups["inner"], MemberOp::Add(vec![w.groups["other"].id]))
        => ["ann", "bob", "cid"], ["cid"];
    a_group_that_leaves_a_group_affects_everybody_below_it:
        |rig: &Rig, w: &World| rig.members(&w.groups["outer"], MemberOp::Remove(vec![w.groups["inner"].id]))
        => ["ann"], ["bob"];
    a_group_within_that_is_deleted_affects_everybody_below_it:
        |rig: &Rig, w: &World| rig.mark_deleted(&w.groups["inner"], true)
        => ["ann"], ["bob"];
    a_group_within_that_is_gone_affects_everybody_below_it:
        |rig: &Rig, w: &World| rig.purge(&w.groups["inner"])
        => ["ann"], ["bob"];
    an_assigned_user_is_affected:
        |rig: &Rig, w: &World| rig.assign(&w.users["dan"])
        => ["ann", "bob", "dan"], ["dan"];
    an_assigned_group_affects_its_members_and_itself:
        |rig: &Rig, w: &World| rig.assign(&w.groups["other"])
        => ["ann", "bob", "cid"], ["cid", "other"];
    an_assignment_that_ends_affects_everybody_below_the_group:
        |rig: &Rig, w: &World| rig.unassign(&w.groups["outer"])
        => [], ["ann", "bob", "outer"];
    an_assignment_that_counts_groups_within_no_longer_affects_everybody_below:
        |rig: &Rig, w: &World| rig.grant(&w.groups["outer"], Terms::default())
        => ["ann"], ["bob"];
    a_scope_of_all_affects_everybody:
        |rig: &Rig, _: &World| rig.scope(app::Scope::All)
        => ["ann", "bob", "cid", "dan"], ["cid", "dan", "inner", "other", "outer"];
    a_scoping_filter_affects_everybody:
        |rig: &Rig, w: &World| {
            rig.edit(&w.users["ann"], json!({"title": "Head"}));
            rig.mapping(Kind::User, |mapping| {
                let clause = r#"clause = [{attribute = "title", operator = "EQUALS", value = "Head"}]"#;
                let filter = format!("[[scoping]]\ntitle = \"heads\"\n{clause}");
                mapping.extend(toml::from_str::<toml::Table>(&filter).unwrap());
            });
        }
        => ["ann"], ["ann", "bob"];
}

#[test]
fn a_new_link_affects_those_who_wait_for_it() {
    both(|rig| async move {
        let boss = rig.user("boss", json!({}));
        let ann = rig.user("ann", managed_by(&boss));
        rig.assign(&ann);
        rig.sync().await;
        assert_eq!(rig.manager_there("ann"), None);
        rig.assign(&boss);
        rig.sync().await;
        assert_eq!(rig.manager_there("ann").as_deref(), Some("boss"));
    });
}

#[test]
fn a_mapping_that_changes_affects_everybody_in_scope() {
    both(|rig| async move {
        let world = World::new(&rig).await;
        let change = |rig: &Rig, _: &World| {
            rig.mapping(Kind::User, |mapping| {
                let rows = mapping["mapping"].as_array_mut().unwrap();
                let title = rows.iter_mut().find(|row| row["target"].as_str() == Some("title")).unwrap();
                let title = title.as_table_mut().unwrap();
                title.remove("source");
                title.insert("constant".into(), "Staff".into());
            });
        };
        case(&rig, &world, change, &["ann", "bob"], &["ann", "bob"]).await;
        assert_eq!(rig.user_there("bob").2["title"], "Staff");
        assert_eq!(world.users.len(), 4);
    });
}

#[test]
fn a_circle_of_groups_that_is_unassigned_leaves_no_way_in() {
    both(|rig| async move {
        let world = World::new(&rig).await;
        let (app, keys) = (rig.app, rig.keys(&[&world.groups["inner"], &world.groups["outer"]]));
        rig.unassign(&world.groups["outer"]);
        let of: Vec<Key> = keys;
        let left = rig.read(move |on| {
            let found = assignment::page(on, app, None, 100)?;
            Ok::<_, usher_store::StoreError>(found.into_iter().filter(|a| of.contains(&a.object)).count())
        });
        assert_eq!(left, 0);
        rig.sync().await;
        assert!(rig.active_there().is_empty());
    });
}
