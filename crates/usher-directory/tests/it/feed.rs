use std::{
    collections::{BTreeMap, HashSet},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::json;
use usher_directory::{
    DirectoryId, Key, Kind, Seq, Version,
    feed::{self, FeedError, Op},
    object::{self, Cause, Draft, MemberOp},
};
use usher_store::{
    Lane, Sql, Store, StoreError, args,
    testing::{proved, times},
};

use crate::{House, add, at_once, both, change_members, doc, later, now, put, read};

const DAY: i64 = 86_400;

fn changes(
    store: &Store,
    directory: DirectoryId,
    after: Seq,
    most: usize,
) -> Result<feed::Changes, FeedError> {
    store.block_write(Lane::Now, move |tx| feed::changes(tx, directory, after, most))
}

fn move_to(house: &House, consumer: &'static str, to: Seq, at: jiff::Timestamp) {
    let directory = house.id();
    house
        .store
        .block_write(Lane::Now, move |tx| feed::move_to(tx, directory, consumer, to, at))
        .expect("moved");
}

fn waiting(house: &House, consumer: &'static str) -> Vec<DirectoryId> {
    read(house.store, move |on| feed::waiting(on, consumer))
}

/// What a reader knows who reads what the feed says has changed.
#[derive(Default)]
struct Replica {
    at: i64,
    seqs: HashSet<i64>,
    versions: BTreeMap<Key, Version>,
    members: BTreeMap<(Key, Key), ()>,
}

impl Replica {
    /// Reads on; whether there was anything.
    fn follow(&mut self, store: &Store, directory: DirectoryId) -> bool {
        let changes = changes(store, directory, Seq(self.at), 7).expect("never behind");
        let keys: Vec<Key> = changes.rows.iter().map(|row| row.object).collect();
        let rows = changes.rows.clone();
        let (objects, members) = read(store, move |on| {
            let mut members = BTreeMap::new();
            for row in &rows {
                if let Some(member) = row.member {
                    let before = Some(Key(member.0 - 1));
                    let found = object::members_of(on, directory, row.object, before, 1)?;
                    members
                        .insert((row.object, member), found.first().is_some_and(|link| link.key == member));
                }
            }
            Ok((object::by_keys(on, directory, &keys)?, members))
        });
        for row in &changes.rows {
            assert!(row.seq.0 > self.at, "numbers rise");
            assert!(self.seqs.insert(row.seq.0), "no number twice");
            self.at = row.seq.0;
            if row.member.is_none() {
                self.versions.remove(&row.object);
            }
        }
        self.at = changes.upto.0;
        for stored in objects {
            if changes.rows.iter().any(|row| row.member.is_none() && row.object == stored.key) {
                self.versions.insert(stored.key, stored.version);
            }
        }
        for (pair, is_member) in members {
            if is_member {
                self.members.insert(pair, ());
            } else {
                self.members.remove(&pair);
            }
        }
        !changes.rows.is_empty()
    }
}

#[test]
fn a_reader_misses_nothing_while_many_write() {
    both("standard", |house| {
        let directory = house.id();
        let groups = [house.group("g"), house.group("h")];
        let done = AtomicBool::new(false);
        let writers = 5;
        let finished = AtomicUsize::new(0);
        let replicas = at_once(house, writers + 2, |number, store| {
            let mut replica = Replica::default();
            if number >= writers {
                while !done.load(Ordering::Acquire) {
                    house.goes_on();
                    replica.follow(store, directory);
                }
                while replica.follow(store, directory) {}
                return Some(replica);
            }
            for round in 0..8 {
                let name = format!("{number}-{round}");
                let user = add(store, &house.config, Kind::User, json!({"userName": name})).expect("stored");
                let group = &groups[round % 2];
                change_members(store, &house.config, group, vec![MemberOp::Add(vec![user.id])])
                    .expect("added");
                let value = doc(json!({"userName": name, "title": "x"}));
                let draft = Draft::replace(&house.config, &user, &value, now()).expect("fit");
                let user = put(store, &house.config, draft).expect("stored");
                match round % 3 {
                    0 => drop(
                        put(store, &house.config, Draft::remove(&house.config, &user, now()).expect("fit"))
                            .expect("removed"),
                    ),
                    1 => drop(
                        change_members(store, &house.config, group, vec![MemberOp::Remove(vec![user.id])])
                            .expect("taken out"),
                    ),
                    _ => {}
                }
            }
            if finished.fetch_add(1, Ordering::AcqRel) + 1 == writers {
                done.store(true, Ordering::Release);
            }
            None
        });
        let users = read(house.store, move |on| object::walk(on, directory, Kind::User, None, 1000, true));
        let versions: BTreeMap<Key, Version> = users.iter().map(|user| (user.key, user.version)).collect();
        assert!(!versions.is_empty());
        let keys = [groups[0].key, groups[1].key];
        for replica in replicas.into_iter().flatten() {
            let seen: BTreeMap<Key, Version> =
                replica.versions.into_iter().filter(|(key, _)| !keys.contains(key)).collect();
            assert_eq!(seen, versions);
            for group in &groups {
                let seen: Vec<Key> = replica
                    .members
                    .keys()
                    .filter(|(of, _)| *of == group.key)
                    .map(|(_, member)| *member)
                    .collect();
                let key = group.key;
                let there = read(house.store, move |on| object::members_of(on, directory, key, None, 1000));
                assert_eq!(seen, there.iter().map(|link| link.key).collect::<Vec<_>>());
            }
        }
    });
}

/// How the feed and the count of users stand, in one snapshot.
fn standing(store: &Store, directory: DirectoryId) -> (i64, i64) {
    const NUMBERS: Sql = Sql::same(
        "select count(c.seq), count(distinct c.seq), coalesce(max(c.seq), 0), min(d.seq)
         from directory d left join change c on c.directory = d.id and c.seq is not null where d.id = $1",
    );
    const USERS: Sql =
        Sql::same("select count(*) from object where directory = $1 and kind = 1 and deleted is null");
    let (numbers, counted, there) = read(store, move |on| {
        let numbers = on.one::<(i64, i64, i64, i64)>(&NUMBERS, args![directory])?.expect("a directory");
        let counted = object::count(on, directory, Kind::User)?;
        Ok((numbers, counted, on.one::<(i64,)>(&USERS, args![directory])?.map_or(0, |(n,)| n)))
    });
    let (numbered, distinct, last, given) = numbers;
    assert_eq!(numbered, distinct, "no number twice");
    assert!(last <= given, "none that was not given: {last} and {given}");
    assert_eq!(counted, there, "the count is exact at every moment");
    (numbered, given)
}

#[test]
fn two_instances_that_number_at_once_give_each_number_once_and_count_exactly() {
    both("standard", |house| {
        let directory = house.id();
        let (writers, numberers, rounds) = (4, 3, times(40, 1500));
        let (group, finished) = (house.group("g"), AtomicUsize::new(0));
        let done = || finished.load(Ordering::Acquire) == writers;
        let kept = at_once(house, writers + numberers + 1, |number, store| {
            let mut kept = Vec::new();
            if number >= writers + numberers {
                while !done() {
                    house.goes_on();
                    standing(store, directory);
                }
            } else if number >= writers {
                // Both instances: numbers 4, 6 on the one, 5 on the other.
                while !done() {
                    house.goes_on();
                    store.block_write(Lane::Now, move |tx| feed::number(tx, directory)).expect("numbered");
                }
            } else {
                for round in 0..rounds {
                    let value = json!({"userName": format!("{number}-{round}")});
                    let user = add(store, &house.config, Kind::User, value).expect("stored");
                    change_members(store, &house.config, &group, vec![MemberOp::Add(vec![user.id])])
                        .expect("added");
                    if round % 3 == 0 {
                        let draft = Draft::mark_deleted(&user, Some(later(1)), later(1));
                        put(store, &house.config, draft).expect("deleted");
                    }
                    kept.push(user.key);
                }
                finished.fetch_add(1, Ordering::AcqRel);
            }
            kept
        });
        let users: Vec<Key> = kept.into_iter().flatten().collect();
        // Everything that was written has a row, whoever numbered it, and one alone.
        let mut rows = Vec::new();
        let mut at = Seq(0);
        loop {
            let changes = changes(house.store, directory, at, 1000).expect("the feed");
            at = changes.upto;
            if changes.rows.is_empty() {
                break;
            }
            rows.extend(changes.rows);
        }
        let mut things: Vec<(Key, Option<Key>)> = rows.iter().map(|row| (row.object, row.member)).collect();
        things.sort();
        let mut expected: Vec<(Key, Option<Key>)> = users.iter().map(|user| (*user, None)).collect();
        expected.extend(users.iter().map(|user| (group.key, Some(*user))));
        expected.push((group.key, None));
        expected.sort();
        assert_eq!(things, expected);
        assert!(rows.windows(2).all(|pair| pair[0].seq < pair[1].seq), "numbers rise");
        let (numbered, given) = standing(house.store, directory);
        assert_eq!((numbered as usize, Seq(given)), (expected.len(), at));
        assert_eq!(house.count(Kind::User), (writers * (rounds - rounds.div_ceil(3))) as i64);
        let figures = format!("{numbered} rows, each number once, counts exact at every look");
        proved(house.store.backend(), "four writers, three numberers on two instances", &figures);
    });
}

#[test]
fn a_thing_changed_twice_is_one_row_at_the_end() {
    both("standard", |house| {
        let directory = house.id();
        let (a, b) = (house.user("a"), house.user("b"));
        let first = changes(house.store, directory, Seq(0), 1).expect("one");
        assert_eq!((first.rows.len(), first.rows[0].object, first.rows[0].op), (1, a.key, Op::Created));
        let cause = Cause { run: Some(7), request: Some(uuid::Uuid::now_v7()), token: None };
        let draft = Draft::replace(&house.config, &a, &doc(json!({"userName": "c"})), later(1)).expect("fit");
        house.put(draft.because(cause)).expect("stored");
        let rest = changes(house.store, directory, first.upto, 10).expect("the rest");
        let said: Vec<(Key, Op)> = rest.rows.iter().map(|row| (row.object, row.op)).collect();
        assert_eq!(said, [(b.key, Op::Created), (a.key, Op::Updated)]);
        assert_eq!(rest.rows[1].cause, cause);
        assert_eq!(changes(house.store, directory, rest.upto, 10).expect("nothing").rows, []);
    });
}

#[test]
fn consumers_have_places_and_what_all_have_passed_goes() {
    both("standard", |house| {
        let directory = house.id();
        let rows = |after| changes(house.store, directory, Seq(after), 100).map(|changes| changes.rows.len());
        assert!(waiting(house, "people").is_empty());
        house.user("a");
        house.user("b");
        assert_eq!(waiting(house, "people"), [directory]);
        let upto = changes(house.store, directory, Seq(0), 100).expect("both").upto;
        move_to(house, "engine", Seq(0), now());
        move_to(house, "people", upto, now());
        assert!(waiting(house, "people").is_empty());
        assert_eq!(waiting(house, "engine"), [directory]);
        assert_eq!(rows(0).expect("kept for the engine"), 2);
        let place =
            |consumer: &'static str| read(house.store, move |on| feed::place(on, directory, consumer));
        assert_eq!((place("people"), place("engine"), place("x")), (Some(upto), Some(Seq(0)), None));

        move_to(house, "engine", upto, now());
        assert!(matches!(rows(0), Err(FeedError::Behind)));
        assert_eq!(rows(upto.0).expect("nothing new"), 0);
        house.user("c");
        assert_eq!(waiting(house, "people"), [directory]);
        assert_eq!(rows(upto.0).expect("one"), 1);
    });
}

#[test]
fn who_leaves_is_seen_among_what_a_consumer_has_not_read() {
    both("standard", |house| {
        let directory = house.id();
        let waits = || read(house.store, move |on| feed::leaver_waits(on, directory, "engine"));
        let read_all = || {
            let head = house.store.block_write(Lane::Now, move |tx| feed::head(tx, directory));
            move_to(house, "engine", head.expect("a head"), now());
        };
        let ann = house.user("ann");
        assert!(!waits(), "who joins does not");
        read_all();
        house.put(Draft::deactivate(&house.config, &ann, later(1)).expect("fit")).expect("stored");
        assert!(waits());
        read_all();
        assert!(!waits());
        let bob = house.user("bob");
        assert!(!waits());
        house.put(Draft::remove(&house.config, &bob, later(2)).expect("fit")).expect("gone");
        assert!(waits());
    });
}

#[test]
fn who_leaves_changes_unread_for_thirty_days_loses_its_place() {
    both("standard", |house| {
        let directory = house.id();
        let head =
            || house.store.block_write(Lane::Now, move |tx| feed::head(tx, directory)).expect("a head");
        let start = head();
        move_to(house, "engine", start, now());
        // Nothing happens for long: that is no silence.
        house.user("a");
        move_to(house, "people", head(), later(40 * DAY));
        assert_eq!(changes(house.store, directory, start, 10).expect("kept").rows.len(), 1);
        house.user("b");
        move_to(house, "people", head(), later(69 * DAY));
        assert_eq!(changes(house.store, directory, start, 10).expect("kept").rows.len(), 2);
        house.user("c");
        move_to(house, "people", head(), later(71 * DAY));
        assert!(matches!(changes(house.store, directory, start, 10), Err(FeedError::Behind)));

        house.user("d");
        let kept = head();
        house
            .store
            .block_write(Lane::Now, move |tx| feed::forget(tx, directory, "engine"))
            .expect("forgotten");
        move_to(house, "people", kept, later(72 * DAY));
        assert_eq!(read(house.store, move |on| feed::place(on, directory, "engine")), None);
    });
}

#[test]
fn where_nobody_reads_somebody_numbers_all_the_same() {
    both("standard", |house| {
        let directory = house.id();
        house.user("a");
        let unnumbered = || read(house.store, feed::unnumbered);
        let number =
            || house.store.block_write(Lane::Now, move |tx| feed::number(tx, directory)).expect("numbered");
        let pending: &[DirectoryId] = if house.store.is_postgres() { &[directory] } else { &[] };
        assert_eq!(unnumbered(), pending);
        assert_eq!(number(), pending.len() as u64);
        assert!(unnumbered().is_empty());
        assert_eq!((number(), house.count(Kind::User)), (0, 1));
    });
}

#[test]
fn consumers_move_while_others_write_and_nobody_loses_a_change() {
    both("standard", |house| {
        let directory = house.id();
        let names = ["people", "engine", "third"];
        let users: Vec<_> = (0..4).map(|n| house.user(&n.to_string())).collect();
        let last = at_once(house, 5, |number, store| {
            let Some(name) = names.get(number).copied() else {
                let mut user = users[number - 3].clone();
                for round in 0..30 {
                    let value = doc(json!({"userName": user.label, "title": round.to_string()}));
                    let draft = Draft::replace(&house.config, &user, &value, now()).expect("fit");
                    user = put(store, &house.config, draft).expect("stored");
                }
                return BTreeMap::from([(user.key, user.version)]);
            };
            let mut seen = BTreeMap::new();
            while [0, 1].iter().any(|n| seen.get(&users[*n].key) != Some(&Version(31))) {
                house.goes_on();
                // Reading, and moving its place, is one transaction.
                let changed = store.block_write(Lane::Now, move |tx| {
                    let from = feed::place(tx, directory, name)?.unwrap_or(Seq(0));
                    let changes = feed::changes(tx, directory, from, 5)?;
                    feed::move_to(tx, directory, name, changes.upto, now())?;
                    let keys: Vec<Key> = changes.rows.iter().map(|row| row.object).collect();
                    Ok::<_, FeedError>(object::by_keys(tx, directory, &keys)?)
                });
                match changed {
                    Ok(changed) => seen.extend(changed.iter().map(|user| (user.key, user.version))),
                    // A newcomer: what was there before is gone from the feed, so it begins with a full pass.
                    Err(FeedError::Behind) => {
                        let all = store.block_write(Lane::Now, move |tx| {
                            let head = feed::head(tx, directory)?;
                            feed::move_to(tx, directory, name, head, now())?;
                            object::walk(tx, directory, Kind::User, None, 100, true)
                        });
                        seen.extend(all.expect("a pass").iter().map(|user| (user.key, user.version)));
                    }
                    Err(FeedError::Store(StoreError::Busy { .. })) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            seen
        });
        let there: BTreeMap<Key, Version> =
            users.iter().map(|user| house.fresh(user)).map(|user| (user.key, user.version)).collect();
        for seen in &last[..3] {
            assert_eq!(*seen, there);
        }
    });
}
