use std::collections::BTreeSet;

use serde_json::json;
use usher_directory::{
    Kind, ObjectId, Version,
    feed::Op,
    object::{self, Cause, Draft, MemberOp, PutError},
};

use crate::{
    House, add, at_once, both, change_members, later, now,
    objects::{feed_since, head},
    put, read, write,
};

#[test]
fn members_are_changed_and_only_changes_count() {
    both("standard", |house| {
        let group = house.group("g");
        let users: Vec<_> = ["a", "b", "c"].iter().map(|name| house.user(name)).collect();
        let [a, b, c] = [users[0].id, users[1].id, users[2].id];
        let change = |ops| {
            let put = house.members(&group, ops).expect("stored");
            (put.added, put.removed, put.version.0)
        };
        assert_eq!(change(vec![MemberOp::Add(vec![a, b, a])]), (2, 0, 2));
        assert_eq!(house.fresh(&group).version, Version(2));
        let before = head(house);
        assert_eq!(change(vec![MemberOp::Add(vec![b])]), (0, 0, 2), "checklist N-16");
        assert_eq!(change(vec![MemberOp::Replace(vec![b, a])]), (0, 0, 2));
        assert_eq!(change(vec![MemberOp::Remove(vec![c])]), (0, 0, 2));
        assert_eq!(change(vec![MemberOp::Add(vec![c]), MemberOp::Remove(vec![c])]), (0, 0, 2));
        assert!(feed_since(house, before).is_empty());
        assert_eq!(change(vec![MemberOp::Replace(vec![b, c])]), (1, 1, 3));
        assert_eq!(house.member_ids(&group), [b, c]);
        let mut said = feed_since(house, before);
        said.sort_by_key(|(_, member, _)| *member);
        let keys: Vec<i64> = users.iter().map(|user| user.key.0).collect();
        assert_eq!(
            said,
            [(group.key.0, Some(keys[0]), Op::Removed), (group.key.0, Some(keys[2]), Op::Created)]
        );
        assert_eq!(change(vec![MemberOp::Clear, MemberOp::Add(vec![a])]), (1, 2, 4));
        assert_eq!(change(vec![MemberOp::Clear]), (0, 1, 5));
        assert!(house.member_ids(&group).is_empty());
    });
}

#[test]
fn ids_that_name_nobody_here_are_told() {
    both("standard", |house| {
        let (group, user) = (house.group("g"), house.user("a"));
        let qa = crate::config(house.store, house.account.qa);
        let foreign = add(house.store, &qa, Kind::User, json!({"userName": "a"})).expect("stored");
        let nobody = ObjectId::new(now());
        let put = house
            .members(
                &group,
                vec![
                    MemberOp::Add(vec![user.id, nobody, foreign.id, group.id]),
                    MemberOp::Remove(vec![nobody]),
                ],
            )
            .expect("stored");
        let unknown: BTreeSet<ObjectId> = put.unknown.into_iter().collect();
        assert_eq!(unknown, BTreeSet::from([foreign.id, group.id]), "to remove nobody is no mistake");
        assert_eq!(house.member_ids(&group), [user.id]);
    });
}

#[test]
fn a_version_given_must_be_the_groups() {
    both("standard", |house| {
        let (group, user) = (house.group("g"), house.user("a"));
        let (directory, key, id) = (house.id(), group.key, user.id);
        let with = |key, was| {
            write(house.store, move |tx| {
                object::members(
                    tx,
                    directory,
                    key,
                    Some(Version(was)),
                    &[MemberOp::Add(vec![id])],
                    Cause::default(),
                    now(),
                )
            })
        };
        assert!(matches!(with(key, 7), Err(PutError::Stale)));
        assert_eq!(with(key, 1).expect("stored").version, Version(2));
        assert!(matches!(with(user.key, 1), Err(PutError::Gone)), "a user has no members");
    });
}

#[test]
fn parallel_adds_are_all_kept() {
    both("standard", |house| {
        let group = house.group("g");
        let users: Vec<ObjectId> = (0..60).map(|n| house.user(&n.to_string()).id).collect();
        at_once(house, 6, |number, store| {
            for user in users.iter().skip(number).step_by(6) {
                change_members(store, &house.config, &group, vec![MemberOp::Add(vec![*user])])
                    .expect("added");
            }
        });
        assert_eq!(house.member_ids(&group), users);
        assert_eq!(house.fresh(&group).version, Version(61));
        let (directory, key) = (house.id(), group.key);
        assert_eq!(read(house.store, move |on| object::member_count(on, directory, key)), 60);
    });
}

#[test]
fn a_user_removed_while_others_add_it_is_no_member() {
    both("standard", |house| {
        let groups = [house.group("g"), house.group("h")];
        let users: Vec<_> = (0..30).map(|n| house.user(&n.to_string())).collect();
        at_once(house, 4, |number, store| {
            for user in &users {
                if number == 0 {
                    remove_for_sure(house, store, user);
                    continue;
                }
                let group = &groups[number % 2];
                while let Err(error) =
                    change_members(store, &house.config, group, vec![MemberOp::Add(vec![user.id])])
                {
                    assert!(matches!(error, PutError::Stale), "{error:?}");
                }
            }
        });
        for group in &groups {
            assert!(house.member_ids(group).is_empty());
        }
        assert_eq!(house.count(Kind::User), 0);
    });
}

fn remove_for_sure(house: &House, store: &usher_store::Store, user: &object::Stored) {
    loop {
        let draft = Draft::remove(&house.config, user, now()).expect("fit");
        match put(store, &house.config, draft) {
            Ok(_) => return,
            Err(error) => assert!(matches!(error, PutError::Stale), "{error:?}"),
        }
    }
}

#[test]
fn groups_of_somebody_come_by_age_of_membership_and_cycles_end() {
    both("standard", |house| {
        let (anna, bob) = (house.user("anna"), house.user("bob"));
        let [young, old, above, top] = ["young", "old", "above", "top"].map(|name| house.group(name));
        let directory = house.id();
        let join = |group: &object::Stored, member: ObjectId, at| {
            let key = group.key;
            write(house.store, move |tx| {
                object::members(
                    tx,
                    directory,
                    key,
                    None,
                    &[MemberOp::Add(vec![member])],
                    Cause::default(),
                    at,
                )
            })
            .expect("added");
        };
        join(&old, anna.id, now());
        join(&young, anna.id, later(5));
        join(&young, bob.id, later(6));
        join(&above, old.id, later(7));
        join(&top, above.id, later(8));
        join(&old, top.id, later(9));
        let keys = [anna.key, bob.key];
        let direct = read(house.store, move |on| object::groups_of(on, directory, &keys));
        let named: Vec<(i64, &str)> =
            direct.iter().map(|(key, group)| (key.0, group.name.as_str())).collect();
        assert_eq!(named, [(anna.key.0, "old"), (anna.key.0, "young"), (bob.key.0, "young")]);
        let all = read(house.store, move |on| object::all_groups_of(on, directory, &keys));
        let named: Vec<(i64, &str, bool)> =
            all.iter().map(|(key, group, direct)| (key.0, group.name.as_str(), *direct)).collect();
        assert_eq!(
            named,
            [
                (anna.key.0, "old", true),
                (anna.key.0, "young", true),
                (anna.key.0, "above", false),
                (anna.key.0, "top", false),
                (bob.key.0, "young", true),
            ]
        );
        for of in [&anna, &bob, &above, &top] {
            let id = of.id;
            let shown = read(house.store, move |on| object::get_with_groups(on, directory, id));
            let (stored, shown) = shown.expect("it is there");
            assert_eq!(stored.key, of.key);
            let key = of.key;
            let known = read(house.store, move |on| object::all_groups_of(on, directory, &[key]));
            let known: Vec<_> = known.into_iter().map(|(_, group, direct)| (group, direct)).collect();
            assert_eq!(shown, known);
        }
    });
}

#[test]
fn a_large_group_is_set_and_read_in_blocks() {
    both("standard", |house| {
        let group = house.group("g");
        let directory = house.id();
        let drafts: Vec<Draft> = (0..1200)
            .map(|n| {
                let value = crate::doc(json!({"userName": n.to_string()}));
                Draft::create(&house.config, Kind::User, ObjectId::new(now()), &value, now()).expect("fit")
            })
            .collect();
        let ids: Vec<ObjectId> = drafts.iter().map(|draft| draft.next().id).collect();
        for block in drafts.chunks(400) {
            let block = block.to_vec();
            write(house.store, move |tx| {
                block.iter().try_for_each(|draft| object::put(tx, directory, draft).map(drop))
            })
            .expect("stored");
        }
        house.members(&group, vec![MemberOp::Replace(ids.clone())]).expect("set");
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let key = group.key;
            let block = read(house.store, move |on| object::members_of(on, directory, key, after, 500));
            let Some(last) = block.last() else { break };
            after = Some(last.key);
            seen.extend(block.iter().map(|member| member.id));
        }
        assert_eq!(seen, ids);
        let put = house.members(&group, vec![MemberOp::Replace(ids[..10].to_vec())]).expect("set");
        assert_eq!((put.added, put.removed), (0, 1190));
        assert_eq!(house.member_ids(&group), ids[..10]);
    });
}
