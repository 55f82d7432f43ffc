//! A block of drafts put at once comes to the same as each put by itself.

use serde_json::{Value, json};
use usher_directory::{
    Kind, ObjectId,
    feed::Op,
    object::{self, Cause, Draft, PutError, Stored},
};
use usher_store::{Sql, args};

use crate::{
    House, both, doc, later, now,
    objects::{feed_since, head},
    read, write,
};

/// Users with and without what is indexed, a group, changes of some who are there, a returner.
fn drafts(house: &House) -> Vec<Draft> {
    let there: Vec<Stored> = (0..3).map(|n| house.user(&format!("there-{n}"))).collect();
    let gone = house.put(Draft::mark_deleted(&there[2], Some(later(1)), later(1))).expect("deleted");
    let make = |kind, value: Value| {
        Draft::create(&house.config, kind, ObjectId::new(now()), &doc(value), later(2)).expect("fit")
    };
    let rename = doc(json!({"userName": "renamed", "emails": [{"value": "r@x"}]}));
    vec![
        make(
            Kind::User,
            json!({"userName": "a", "externalId": "E-1", "emails": [{"value": "a@x"}, {"value": "b@x"}]}),
        ),
        Draft::replace(&house.config, &there[0], &rename, later(2)).expect("fit"),
        make(Kind::User, json!({"userName": "Ä", "active": false})),
        make(Kind::Group, json!({"displayName": "g"})),
        Draft::mark_deleted(&gone, None, later(2)),
        // The name is given up by another of the block.
        make(Kind::User, json!({"userName": "there-0", "emails": [{"value": "a@x"}]})),
    ]
}

/// What there is, without what differs between two directories.
fn contents(house: &House) -> Vec<Value> {
    const SEARCH: Sql = Sql::same("select count(*) from search where directory = $1 and key = $2");
    const TAKEN: Sql = Sql::same("select count(*) from taken where directory = $1 and key = $2");
    let directory = house.id();
    read(house.store, move |on| {
        let mut all = Vec::new();
        for kind in [Kind::User, Kind::Group] {
            for stored in object::walk(on, directory, kind, None, 100, true)? {
                let rows = [&SEARCH, &TAKEN].map(|sql| on.one::<(i64,)>(sql, args![directory, stored.key]));
                let [search, taken] = rows.map(|row| row.map(|row| row.map_or(0, |(n,)| n)));
                let document: Value = stored.object()?.into();
                let times = [Some(stored.created), Some(stored.modified), stored.deleted]
                    .map(|time| time.map(|it| it.to_string()));
                all.push(json!([
                    stored.label,
                    stored.version.0,
                    stored.active,
                    document,
                    times,
                    search?,
                    taken?
                ]));
            }
            all.push(json!(object::count(on, directory, kind)?));
        }
        Ok(all)
    })
}

#[test]
fn a_block_put_at_once_is_what_each_by_itself_comes_to() {
    both("4me", |house| {
        let (one, other) = (house.another_of("one", "4me"), house.another_of("other", "4me"));
        let cause = Cause { run: Some(7), ..Cause::default() };
        // Those of what is there first, as a block does it.
        let mut singly: Vec<Draft> = drafts(&one).into_iter().map(|draft| draft.because(cause)).collect();
        let before = head(&one);
        singly.sort_by_key(Draft::creates);
        for draft in singly {
            one.put(draft).expect("stored");
        }
        let together: Vec<Draft> = drafts(&other).into_iter().map(|draft| draft.because(cause)).collect();
        let ids: Vec<ObjectId> = together.iter().map(|draft| draft.next().id).collect();
        let (from, directory) = (head(&other), other.id());
        let stored = write(other.store, move |tx| {
            let all: Vec<&Draft> = together.iter().collect();
            object::put_all(tx, directory, &all)
        })
        .expect("stored");
        assert_eq!(
            stored.iter().map(|stored| stored.id).collect::<Vec<_>>(),
            ids,
            "in the order of the drafts"
        );
        for stored in &stored {
            assert_eq!(other.get(stored.id).as_ref(), Some(stored));
        }
        assert_eq!(contents(&other), contents(&one));
        let said = |house: &House, since| -> Vec<Op> {
            feed_since(house, since).into_iter().map(|(.., op)| op).collect()
        };
        assert_eq!(said(&other, from), said(&one, before));
    });
}

#[test]
fn a_block_with_a_name_that_is_somebodys_is_refused_as_a_whole() {
    both("4me", |house| {
        house.user("taken");
        house.group("Taken");
        let directory = house.id();
        let make = |kind, value: Value| {
            Draft::create(&house.config, kind, ObjectId::new(now()), &doc(value), now()).expect("fit")
        };
        for bad in [
            make(Kind::User, json!({"userName": "TAKEN"})),
            make(Kind::Group, json!({"displayName": "TAKEN"})),
            make(Kind::User, json!({"userName": "FREE"})),
        ] {
            let block = [make(Kind::User, json!({"userName": "free"})), bad];
            let refused =
                write(house.store, move |tx| object::put_all(tx, directory, &[&block[0], &block[1]]));
            assert!(matches!(refused, Err(PutError::Stale)), "{refused:?}");
            assert_eq!((house.count(Kind::User), house.count(Kind::Group)), (1, 1));
        }
    });
}

#[test]
fn a_block_of_a_hundred_is_six_statements_at_most() {
    both("4me", |house| {
        if !house.store.is_postgres() {
            return;
        }
        let directory = house.id();
        let drafts: Vec<Draft> = (0..100)
            .map(|n| {
                let value = json!({"userName": format!("u{n}"), "emails": [{"value": format!("{n}@x")}]});
                Draft::create(&house.config, Kind::User, ObjectId::new(now()), &doc(value), now())
                    .expect("fit")
            })
            .collect();
        let statements = write(house.store, move |tx| {
            let before = tx.statements();
            object::put_all(tx, directory, &drafts.iter().collect::<Vec<_>>())?;
            Ok(tx.statements() - before)
        });
        assert!(statements.expect("stored") <= 6);
        let keys = read(house.store, move |on| object::walk(on, directory, Kind::User, None, 1000, false));
        let labels: Vec<&str> = keys.iter().map(|user| user.label.as_str()).collect();
        assert_eq!(labels, (0..100).map(|n| format!("u{n}")).collect::<Vec<_>>(), "in their order");
    });
}
