use std::time::Duration;

use usher_jobs::{Lease, Leases, TABLES};
use usher_store::{Lane, Sql, Store, Tables, args, testing};

use crate::{clock, wait};

const STANDSTILL: Duration = Duration::from_secs(90);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn take(leases: &Leases) -> Option<Lease> {
    wait(leases.take("app/7")).unwrap()
}

fn holds(store: &Store, lease: &Lease) -> bool {
    let lease = lease.clone();
    store.block_write(Lane::Now, move |tx| lease.check(tx)).unwrap()
}

#[test]
fn one_holds_it_until_it_gives_it_back() {
    testing::both(&[TABLES], |store| {
        let (first, second) = (Leases::new(store.instance()), Leases::new(store.instance()));
        let lease = take(&first).unwrap();
        assert!(take(&second).is_none());
        assert!(take(&first).is_none(), "the same process is another holder, too");
        assert!(wait(second.take("app/8")).unwrap().is_some(), "another lease is free");

        wait(first.give_back(lease.clone())).unwrap();
        assert!(!holds(store, &lease));
        assert!(!wait(first.beat(&lease)).unwrap());
        let next = take(&second).unwrap();
        assert!(next.fence > lease.fence);
        // Late, from somebody who does not know yet: the successor is not disturbed.
        wait(first.give_back(lease)).unwrap();
        assert!(holds(store, &next));
    });
}

#[test]
fn a_beat_that_stands_still_is_taken_over_and_the_old_fence_writes_nothing() {
    testing::both(&[TABLES], |store| {
        let clock = clock();
        let dead = Leases::with_clock(store.instance(), clock.clone());
        let heir = Leases::with_clock(store.instance(), clock.clone());
        let lease = take(&dead).unwrap();
        assert!(take(&heir).is_none());
        clock.advance(seconds(89));
        assert!(take(&heir).is_none(), "seen for 89 s only");
        assert!(wait(dead.beat(&lease)).unwrap());
        clock.advance(seconds(2));
        assert!(take(&heir).is_none(), "it has moved");
        clock.advance(seconds(89));
        assert!(take(&heir).is_none(), "the new beat was seen for 89 s only");
        clock.advance(seconds(1));
        let next = take(&heir).unwrap();
        assert!(holds(store, &next));
        assert!(!holds(store, &lease));
        assert!(!wait(dead.beat(&lease)).unwrap());
    });
}

#[test]
fn whoever_never_looked_waits_from_its_first_look() {
    testing::both(&[TABLES], |store| {
        let clock = clock();
        let lease = take(&Leases::with_clock(store.instance(), clock.clone())).unwrap();
        clock.advance(seconds(3600));
        let late = Leases::with_clock(store.instance(), clock.clone());
        assert!(take(&late).is_none(), "it may have beaten a moment ago");
        assert!(holds(store, &lease));
        clock.advance(STANDSTILL);
        assert!(take(&late).is_some());
    });
}

#[test]
fn of_many_that_may_take_it_over_one_does() {
    testing::both(&[TABLES], |store| {
        let clock = clock();
        drop(take(&Leases::with_clock(store.instance(), clock.clone())).unwrap());
        let instance = store.instance();
        let many: Vec<_> = (0..8).map(|_| Leases::with_clock(instance.clone(), clock.clone())).collect();
        assert!(many.iter().all(|leases| take(leases).is_none()));
        clock.advance(STANDSTILL);
        let taken = std::thread::scope(|threads| {
            let threads: Vec<_> =
                many.iter().map(|leases| threads.spawn(|| take(leases).is_some())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|taken| *taken).count()
        });
        assert_eq!(taken, 1);
    });
}

#[test]
fn a_request_never_outlives_the_lease() {
    let clock = clock();
    let leases = Leases::with_clock(Store::inline(&[TABLES]), clock.clone());
    let lease = take(&leases).unwrap();
    assert_eq!(lease.request_limit(seconds(60)), seconds(60));
    clock.advance(seconds(50));
    assert_eq!(lease.left(), seconds(40));
    assert_eq!(lease.request_limit(seconds(60)), seconds(30));
    clock.advance(seconds(35));
    assert_eq!(lease.request_limit(seconds(60)), Duration::ZERO);
    assert!(wait(leases.beat(&lease)).unwrap());
    assert_eq!(lease.clone().request_limit(seconds(60)), seconds(60));
}

#[test]
fn a_successor_waits_for_what_the_holder_is_writing() {
    const NOTES: Tables =
        Tables { owner: "test", migrations: &["create table note (fence bigint not null);"] };
    const NOTE: Sql = Sql::same("insert into note (fence) values ($1)");
    const NOTED: Sql = Sql::same("select count(*) from note where fence = $1");
    const WAITING: Sql = Sql::same(
        "select count(*) from pg_locks w where not w.granted and exists
         (select 1 from pg_locks l where l.pid = w.pid and l.relation = to_regclass('lease')::oid)",
    );
    // On SQLite there is one writer, and nothing to see.
    let store = testing::postgres(&[TABLES, NOTES]);
    let clock = clock();
    let leases = Leases::with_clock(store.instance(), clock.clone());
    let heir = Leases::with_clock(store.instance(), clock.clone());
    let lease = take(&leases).unwrap();
    assert!(take(&heir).is_none());
    clock.advance(STANDSTILL);

    let (checked, proceed) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
    let proceed_in = proceed.1;
    let fence = lease.fence;
    let writer = std::thread::spawn({
        let store = store.instance();
        move || {
            store.block_write(Lane::Now, move |tx| {
                assert!(lease.check(tx)?);
                checked.0.send(()).unwrap();
                proceed_in.recv().unwrap();
                tx.exec(&NOTE, args![fence])
            })
        }
    });
    checked.1.recv().unwrap();
    let successor = std::thread::spawn(move || take(&heir).unwrap());
    // It waits in the database, not in us: seen there.
    let watching = store.instance();
    while watching.block_read(seconds(5), |on| on.one::<(i64,)>(&WAITING, &[])).unwrap() == Some((0,)) {
        std::thread::yield_now();
    }
    assert!(!successor.is_finished());
    proceed.0.send(()).unwrap();
    writer.join().unwrap().unwrap();
    let next = successor.join().unwrap();
    assert!(next.fence > fence);
    let noted = store.block_read(seconds(5), move |on| on.one::<(i64,)>(&NOTED, args![fence])).unwrap();
    assert_eq!(noted, Some((1,)));
}
