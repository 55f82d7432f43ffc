use serde_json::json;
use usher_directory::{
    DirectoryId, Kind, ObjectId, Seq, Version,
    feed::{self, Op},
    object::{self, Draft, MemberOp, PutError, Stored},
};
use usher_store::{Lane, Store};

use crate::{House, add, at_once, both, doc, is_taken, later, now, put, read, write};

/// What the feed says since `after`, as (key, member, operation), in order.
pub(crate) fn feed_since(house: &House, after: Seq) -> Vec<(i64, Option<i64>, Op)> {
    let directory = house.id();
    let changes = house
        .store
        .block_write(Lane::Now, move |tx| feed::changes(tx, directory, after, 1000))
        .expect("the feed");
    changes.rows.into_iter().map(|row| (row.object.0, row.member.map(|key| key.0), row.op)).collect()
}

pub(crate) fn head(house: &House) -> Seq {
    let directory = house.id();
    house.store.block_write(Lane::Now, move |tx| feed::head(tx, directory)).expect("the head")
}

#[test]
fn an_object_is_stored_as_written_and_found_by_all_its_keys() {
    both("standard", |house| {
        let stored = house
            .add(
                Kind::User,
                json!({"userName": "Anna.Ångström", "externalId": "E-1", "password": "secret", "id": "mine", "groups": [],
                       "emails": [{"value": "Anna@Example.com", "type": "work"}, {"value": "a@b", "type": "home"}]}),
            )
            .expect("stored");
        let directory = house.id();
        assert_eq!(house.get(stored.id).as_ref(), Some(&stored));
        let object = stored.object().expect("a document");
        let names: Vec<&String> = object.keys().collect();
        assert!(
            ["id", "password", "groups"].iter().all(|outside| !object.contains_key(*outside)),
            "{names:?}"
        );
        assert_eq!(object["active"], json!(true), "checklist S-58");
        let by_name =
            read(house.store, move |on| object::by_name(on, directory, Kind::User, "ANNA.ÅNGSTRÖM"));
        assert_eq!(by_name.as_ref(), Some(&stored));
        for email in ["anna@example.com", "A@B"] {
            let found = read(house.store, move |on| object::by_email(on, directory, email));
            assert_eq!(found.first(), Some(&stored), "{email}");
        }
        let external = |id: &'static str| {
            read(house.store, move |on| object::objects_with_external(on, directory, Kind::User, id))
        };
        assert_eq!(external("E-1").first(), Some(&stored));
        assert!(external("e-1").is_empty(), "externalId is case-exact");
        let resource = stored.resource(&house.config.user).expect("a resource");
        assert_eq!(resource["id"], json!(stored.id.to_string()));
        assert_eq!(resource["meta"]["resourceType"], json!("User"));
    });
}

#[test]
fn long_values_are_told_apart_beyond_where_they_are_cut() {
    both("standard", |house| {
        let directory = house.id();
        let long = |end: &str| format!("{}{end}", "x".repeat(200));
        let user = |name: &str, end: &str| {
            let value = json!({"userName": name, "externalId": long(end), "emails": [{"value": long(end)}]});
            house.add(Kind::User, value).expect("stored")
        };
        let (a, _b) = (user("a", "A"), user("b", "B"));
        let (wanted, address) = (long("A"), long("a"));
        let found =
            read(house.store, move |on| object::objects_with_external(on, directory, Kind::User, &wanted));
        assert_eq!((found.len(), found.first()), (1, Some(&a)));
        assert_eq!(read(house.store, move |on| object::by_email(on, directory, &address)), [a]);
        let group = house.group(&long("A"));
        house.group(&long("B"));
        let wanted = long("a");
        let found = read(house.store, move |on| object::by_name(on, directory, Kind::Group, &wanted));
        assert_eq!(found, Some(group));
    });
}

#[test]
fn a_user_name_is_one_persons_whatever_its_case() {
    both("standard", |house| {
        let anna = house.user("Anna");
        assert!(is_taken(&house.add(Kind::User, json!({"userName": "ANNA"})), "userName"));
        let bob = house.user("bob");
        let rename = |was, name: &str| {
            house.put(
                Draft::replace(&house.config, was, &doc(json!({"userName": name})), later(1)).expect("fit"),
            )
        };
        assert!(is_taken(&rename(&bob, "aNNa"), "userName"));
        // Its own name in another spelling is no conflict (checklist N-11).
        let renamed = rename(&anna, "ANNA").expect("stored");
        assert_eq!((renamed.name(), renamed.version), ("ANNA", Version(2)));
        assert_eq!(house.fresh(&anna), renamed);
        house.group("x");
        house.group("X");
    });
}

#[test]
fn of_racing_creators_of_one_name_one_wins() {
    both("standard", |house| {
        for name in ["anna", "bob", "carl"] {
            let made = at_once(house, 6, |_, store| {
                add(store, &house.config, Kind::User, json!({"userName": name}))
            });
            assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
            assert_eq!(made.iter().filter(|made| is_taken(made, "userName")).count(), 5);
        }
        assert_eq!(house.count(Kind::User), 3);
    });
}

#[test]
fn a_profile_makes_group_names_unique() {
    both("4me", |house| {
        let made = at_once(house, 6, |number, store| {
            let name = if number % 2 == 0 { "Sales" } else { "sALES" };
            add(store, &house.config, Kind::Group, json!({"displayName": name}))
        });
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
        assert_eq!(made.iter().filter(|made| is_taken(made, "displayName")).count(), 5);
        let sales = made.into_iter().find_map(Result::ok).expect("one");
        let other = house.group("Other");
        let name = |was, name: &str| {
            Draft::replace(&house.config, was, &doc(json!({"displayName": name})), later(1)).expect("fit")
        };
        assert!(is_taken(&house.put(name(&other, "SALES")), "displayName"));
        let sales = house.put(name(&sales, "SALES")).expect("its own name");
        house.put(name(&sales, "Marketing")).expect("renamed");
        let other = house.put(name(&other, &"long ".repeat(100))).expect("longer than is kept whole");
        assert!(is_taken(
            &house.add(Kind::Group, json!({"displayName": "LONG ".repeat(100)})),
            "displayName"
        ));
        house.group("sales");
        house.put(Draft::remove(&house.config, &other, now()).expect("fit")).expect("removed");
        house.group(&"long ".repeat(100));
    });
}

#[test]
fn who_prepared_from_an_old_version_is_told() {
    both("standard", |house| {
        let anna = house.user("anna");
        let titled = |title: &str| {
            let value = doc(json!({"userName": "anna", "title": title}));
            Draft::replace(&house.config, &anna, &value, later(1)).expect("fit")
        };
        let results =
            at_once(house, 6, |number, store| put(store, &house.config, titled(&number.to_string())));
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert_eq!(results.iter().filter(|result| matches!(result, Err(PutError::Stale))).count(), 5);
        let same = Draft::replace(&house.config, &anna, &anna.object().expect("doc"), later(2)).expect("fit");
        assert!(!same.changes());
        assert!(matches!(house.put(same), Err(PutError::Stale)), "no change, but from an old version");
        let anna = house.fresh(&anna);
        house.put(Draft::remove(&house.config, &anna, now()).expect("fit")).expect("removed");
        assert!(matches!(house.put(titled("x")), Err(PutError::Gone)));
    });
}

#[test]
fn what_changes_nothing_bumps_nothing() {
    both("standard", |house| {
        let value = json!({"userName": "anna", "emails": [{"value": "a@x"}, {"value": "b@x"}]});
        let anna = house.add(Kind::User, value).expect("stored");
        let before = head(house);
        // Read and put back, in another order, with what was only computed (checklist E-28, N-12).
        let mut back = anna.resource(&house.config.user).expect("a resource");
        back.insert("emails".to_owned(), json!([{"value": "b@x"}, {"value": "a@x"}]));
        back.insert("groups".to_owned(), json!([]));
        let draft = Draft::replace(&house.config, &anna, &back, later(9)).expect("fit");
        assert_eq!(house.put(draft).expect("stored"), anna);
        assert!(feed_since(house, before).is_empty());
    });
}

#[test]
fn a_creation_run_again_after_an_unknown_commit_finds_its_own() {
    both("4me", |house| {
        for (kind, value) in
            [(Kind::User, json!({"userName": "anna"})), (Kind::Group, json!({"displayName": "g"}))]
        {
            let draft =
                Draft::create(&house.config, kind, ObjectId::new(now()), &doc(value), now()).expect("fit");
            let first = house.put(draft.clone()).expect("stored");
            assert_eq!(house.put(draft).expect("found"), first);
            assert_eq!(house.count(kind), 1);
        }
    });
}

#[test]
fn a_removed_object_leaves_its_groups_and_its_name() {
    both("standard", |house| {
        let (anna, bob) = (house.user("anna"), house.user("bob"));
        let (inner, outer) = (house.group("inner"), house.group("outer"));
        house.members(&inner, vec![MemberOp::Add(vec![anna.id, bob.id])]).expect("added");
        house.members(&outer, vec![MemberOp::Add(vec![inner.id, anna.id])]).expect("added");
        let before = head(house);
        house.put(Draft::remove(&house.config, &anna, later(1)).expect("fit")).expect("removed");
        assert_eq!(house.get(anna.id), None);
        assert_eq!(house.member_ids(&inner), [bob.id]);
        for group in [&inner, &outer] {
            let fresh = house.fresh(group);
            assert_eq!((fresh.version, fresh.modified), (Version(3), later(1)), "checklist S-55, E-34");
        }
        let mut said = feed_since(house, before);
        said.sort_by_key(|(object, member, _)| (*object, *member));
        let expected = [
            (anna.key.0, None, Op::Removed),
            (inner.key.0, Some(anna.key.0), Op::Removed),
            (outer.key.0, Some(anna.key.0), Op::Removed),
        ];
        assert_eq!(said, expected);
        house
            .put(Draft::remove(&house.config, &house.fresh(&inner), later(2)).expect("fit"))
            .expect("removed");
        assert!(house.member_ids(&outer).is_empty());
        assert_eq!((house.count(Kind::User), house.count(Kind::Group)), (1, 1));
        let again = house.user("anna");
        assert_ne!(again.id, anna.id, "checklist E-30");
        assert!(again.key > house.fresh(&outer).key, "keys are never used twice");
    });
}

#[test]
fn a_soft_deleted_object_keeps_what_it_has_but_its_name() {
    both("standard", |house| {
        let anna = house.user("anna");
        let group = house.group("g");
        house.members(&group, vec![MemberOp::Add(vec![anna.id])]).expect("added");
        let gone = house.put(Draft::mark_deleted(&anna, Some(later(1)), later(1))).expect("deleted");
        assert_eq!((gone.active, gone.deleted, house.count(Kind::User)), (false, Some(later(1)), 0));
        assert_eq!(house.member_ids(&group), [anna.id]);
        let directory = house.id();
        let walk = |deleted_too| {
            read(house.store, move |on| object::walk(on, directory, Kind::User, None, 10, deleted_too))
        };
        assert!(walk(false).is_empty());
        assert_eq!(walk(true).first(), Some(&gone));
        let other = house.user("anna");
        let restore = || house.put(Draft::mark_deleted(&gone, None, later(2)));
        assert!(is_taken(&restore(), "userName"));
        house.put(Draft::remove(&house.config, &other, now()).expect("fit")).expect("removed");
        let back = restore().expect("restored");
        assert_eq!((back.active, back.deleted, house.count(Kind::User)), (true, None, 1));
        assert!(!Draft::mark_deleted(&back, None, later(3)).changes());
    });
}

#[test]
fn delete_under_a_deactivating_profile_leaves_a_mark() {
    both("4me", |house| {
        let anna = house.user("anna");
        let delete = |was: &Stored, at| house.put(Draft::deactivate(&house.config, was, at).expect("fit"));
        let gone = delete(&anna, later(1)).expect("deactivated");
        assert_eq!((gone.active, gone.deactivated, gone.version), (false, Some(later(1)), Version(2)));
        assert_eq!(house.count(Kind::User), 1);
        assert_eq!(delete(&gone, later(2)).expect("again"), gone, "again 204, nothing changed");
        let set = |was: &Stored, active: bool| {
            let value = doc(json!({"userName": "anna", "active": active}));
            house.put(Draft::replace(&house.config, was, &value, later(3)).expect("fit")).expect("stored")
        };
        let back = set(&gone, true);
        assert_eq!((back.active, back.deactivated), (true, None));
        let off = set(&back, false);
        assert_eq!((off.active, off.deactivated), (false, None), "by active=false is not by DELETE");
        let marked = delete(&off, later(4)).expect("deleted");
        assert_eq!(marked.deactivated, Some(later(4)));
        assert_eq!(marked.version, off.version, "a client sees no change (checklist E-34)");
        assert_eq!(house.fresh(&anna), marked);
    });
}

#[test]
fn unfit_documents_are_refused_before_the_store_sees_them() {
    both("standard", |house| {
        let refused = |kind, value| {
            Draft::create(&house.config, kind, ObjectId::new(now()), &doc(value), now())
                .expect_err("unfit")
                .detail
        };
        assert!(refused(Kind::User, json!({"displayName": "x"})).contains("userName"));
        assert!(refused(Kind::Group, json!({"externalId": "x"})).contains("displayName"));
        refused(Kind::Group, json!({"displayName": " "}));
        refused(Kind::Group, json!({"displayName": "a\u{0}b"}));
        refused(Kind::User, json!({"userName": "a\u{0}b"}));
        refused(Kind::User, json!({"userName": "x".repeat(513)}));
        house
            .add(
                Kind::Group,
                json!({"displayName": "x".repeat(60_000), "externalId": "y\u{0}".repeat(9_000)}),
            )
            .expect("long");
    });
}

#[test]
fn a_write_is_at_most_six_statements() {
    both("4me", |house| {
        if !house.store.is_postgres() {
            return;
        }
        let directory = house.id();
        let config = &house.config;
        let count = |draft: Draft| {
            write(house.store, move |tx| {
                let before = tx.statements();
                let stored = object::put(tx, directory, &draft)?;
                Ok((stored, tx.statements() - before))
            })
            .expect("stored")
        };
        let created = |kind, value| {
            count(Draft::create(config, kind, ObjectId::new(now()), &doc(value), now()).expect("fit"))
        };
        let emails = |a: &str| json!({"userName": a, "emails": [{"value": a}, {"value": format!("{a}2")}]});
        let (anna, n) = created(Kind::User, emails("anna@x"));
        assert!(n <= 4, "POST of a user: {n}");
        let (group, n) = created(Kind::Group, json!({"displayName": "g"}));
        assert!(n <= 4, "POST of a group: {n}");
        let (anna, n) = count(Draft::replace(config, &anna, &doc(emails("bob@x")), now()).expect("fit"));
        assert!(n <= 6, "PUT of a user: {n}");
        let (_, n) =
            count(Draft::replace(config, &group, &doc(json!({"displayName": "h"})), now()).expect("fit"));
        assert!(n <= 6, "PUT of a group: {n}");
        let change = |ops: Vec<MemberOp>| {
            let group = group.key;
            write(house.store, move |tx| {
                let before = tx.statements();
                let put = object::members(tx, directory, group, None, &ops, object::Cause::default(), now())?;
                assert_eq!(put.added + put.removed, 2);
                Ok(tx.statements() - before)
            })
            .expect("stored")
        };
        let (bob, carl) = (house.user("b").id, house.user("c").id);
        for ops in [
            vec![MemberOp::Add(vec![anna.id, bob])],
            vec![MemberOp::Remove(vec![anna.id]), MemberOp::Add(vec![carl])],
            vec![MemberOp::Replace(vec![carl, anna.id])],
            vec![MemberOp::Clear],
        ] {
            let n = change(ops.clone());
            assert!(n <= 6, "{ops:?}: {n}");
        }
        let anna = house.fresh(&anna);
        let (_, n) = count(Draft::remove(config, &anna, now()).expect("fit"));
        assert!(n <= 6, "DELETE of a user: {n}");
        let group = house.fresh(&group);
        let (_, n) = count(Draft::remove(config, &group, now()).expect("fit"));
        assert!(n <= 6, "DELETE of a group: {n}");
    });
}

#[test]
fn counts_are_exact_while_others_write() {
    both("standard", |house| {
        at_once(house, 6, |number, store: &Store| {
            for round in 0..10 {
                let user =
                    add(store, &house.config, Kind::User, json!({"userName": format!("{number}-{round}")}));
                let user = user.expect("stored");
                if round % 3 == 0 {
                    put(store, &house.config, Draft::remove(&house.config, &user, now()).expect("fit"))
                        .expect("removed");
                }
                if number == 0 {
                    let directory = house.id();
                    store.block_write(Lane::Now, move |tx| feed::number(tx, directory)).expect("numbered");
                }
                let directory = house.id();
                let (counted, there) = read(store, move |on| {
                    let counted = object::count(on, directory, Kind::User)?;
                    Ok((counted, object::walk(on, directory, Kind::User, None, 1000, false)?.len()))
                });
                assert_eq!(counted, there as i64);
            }
        });
        assert_eq!(house.count(Kind::User), 36);
    });
}

#[test]
fn who_is_soft_deleted_is_found_by_name_and_by_time() {
    both("standard", |house| {
        let mark = |stored: &Stored, seconds: i64| {
            house.put(Draft::mark_deleted(stored, Some(later(seconds)), later(seconds))).expect("deleted")
        };
        let first = house.user("Ann@x");
        mark(&first, 10);
        let second = house.user("ann@x");
        mark(&second, 20);
        house.user("ANN@x");
        let team = house.group("Team");
        mark(&team, 30);
        let directory = house.id();
        let by_name = read(house.store, move |on| object::gone_by_name(on, directory, Kind::User, "aNN@X"));
        assert_eq!(by_name.iter().map(|it| it.id).collect::<Vec<_>>(), [second.id, first.id]);
        assert_eq!(read(house.store, move |on| object::gone_by_name(on, directory, Kind::User, "\u{1}")), []);
        let gone = read(house.store, move |on| object::gone(on, directory, Kind::User, None, 1));
        assert_eq!(gone.iter().map(|it| it.id).collect::<Vec<_>>(), [first.id]);
        let after = Some(gone[0].key);
        let gone = read(house.store, move |on| object::gone(on, directory, Kind::User, after, 9));
        assert_eq!(gone.iter().map(|it| it.id).collect::<Vec<_>>(), [second.id]);

        let expired = |of: Option<DirectoryId>, seconds: i64| {
            let found = read(house.store, move |on| object::expired(on, of, later(seconds), 9));
            found.into_iter().map(|(_, stored)| stored.id).collect::<Vec<_>>()
        };
        assert_eq!(expired(None, 20), [first.id]);
        assert_eq!(expired(Some(directory), 31), [first.id, second.id, team.id]);
        assert_eq!(expired(Some(house.account.qa), 31), []);
    });
}
