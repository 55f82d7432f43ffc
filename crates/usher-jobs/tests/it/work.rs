use jiff::Timestamp;
use usher_jobs::{
    TABLES,
    work::{self, Item, Put, Queue},
};
use usher_store::{Lane, Store, StoreError, testing};

use crate::at;

const READ: std::time::Duration = std::time::Duration::from_secs(5);

fn row(object: i64, lane: i16, due: i64) -> Put {
    Put { object, lane, due: at(due), reason: 1 }
}

fn queue(store: &Store, name: &'static str) -> Queue {
    store.block_write(Lane::Now, move |tx| work::queue(tx, name)).unwrap()
}

fn put(store: &Store, queue: Queue, rows: &[Put]) {
    let rows = rows.to_vec();
    store.block_write(Lane::Now, move |tx| work::put(tx, queue, &rows)).unwrap();
}

fn take(store: &Store, queue: Queue, now: Timestamp, most: usize) -> Vec<Item> {
    store.block_read(READ, move |on| work::take(on, queue, now, most)).unwrap()
}

fn objects(items: &[Item]) -> Vec<i64> {
    items.iter().map(|item| item.object).collect()
}

fn done(store: &Store, queue: Queue, item: &Item) -> bool {
    let item = item.clone();
    store.block_write(Lane::Now, move |tx| work::done(tx, queue, &item)).unwrap()
}

fn failed(store: &Store, queue: Queue, item: &Item, due: i64) {
    let item = item.clone();
    store.block_write(Lane::Now, move |tx| work::failed(tx, queue, &item, at(due), "503")).unwrap();
}

fn count(store: &Store, queue: Queue, now: i64) -> (i64, i64, i64) {
    store.block_read(READ, move |on| work::count(on, queue, at(now))).unwrap()
}

fn next_due(store: &Store, queues: &[Queue]) -> Option<Timestamp> {
    let queues = queues.to_vec();
    store.block_read(READ, move |on| work::next_due(on, &queues)).unwrap()
}

#[test]
fn a_queue_has_one_number() {
    testing::both(&[TABLES], |store| {
        let (a, b) = (queue(store, "app/a"), queue(store, "app/b"));
        assert_ne!(a, b);
        assert_eq!(queue(store, "app/a"), a);
        assert_eq!(store.block_read(READ, |on| work::find_queue(on, "app/b")).unwrap(), Some(b));
        assert_eq!(store.block_read(READ, |on| work::find_queue(on, "app/c")).unwrap(), None);
    });
}

#[test]
fn work_is_taken_by_lane_then_time_then_object_and_not_before_it_is_due() {
    testing::both(&[TABLES], |store| {
        let (queue, other) = (queue(store, "a"), queue(store, "b"));
        put(
            store,
            queue,
            &[row(5, 1, 0), row(4, 0, 9), row(3, 0, 1), row(2, 0, 1), row(1, 0, 11), row(6, 2, 0)],
        );
        put(store, other, &[row(9, 0, 0)]);
        assert_eq!(objects(&take(store, queue, at(10), 10)), [2, 3, 4, 5, 6]);
        assert_eq!(objects(&take(store, queue, at(10), 4)), [2, 3, 4, 5]);
        assert_eq!(objects(&take(store, queue, at(10), 0)), []);
        assert_eq!(objects(&take(store, queue, at(-1), 10)), []);
        assert_eq!(count(store, queue, 10), (6, 5, 0));
    });
}

#[test]
fn putting_twice_is_once_with_the_earlier_time_and_the_smaller_lane() {
    testing::both(&[TABLES], |store| {
        let queue = queue(store, "a");
        put(store, queue, &[row(1, 2, 5), row(1, 1, 9)]);
        put(store, queue, &[Put { reason: 4, ..row(1, 3, 7) }]);
        let items = take(store, queue, at(5), 10);
        assert_eq!(items.len(), 1);
        assert_eq!((items[0].lane, items[0].due, items[0].reason), (1, at(5), 4));
        assert_eq!(count(store, queue, 5), (1, 1, 0));
    });
}

#[test]
fn what_is_put_again_while_it_is_worked_on_stays() {
    testing::both(&[TABLES], |store| {
        let queue = queue(store, "a");
        put(store, queue, &[row(1, 0, 0)]);
        let first = take(store, queue, at(0), 1).remove(0);
        put(store, queue, &[row(1, 0, 0)]);
        assert!(!done(store, queue, &first), "it changed after it was read");
        let second = take(store, queue, at(0), 1).remove(0);
        assert!(done(store, queue, &second));
        assert!(!done(store, queue, &second));
        // Removed and put anew is another row.
        put(store, queue, &[row(1, 0, 0)]);
        assert!(!done(store, queue, &first) && !done(store, queue, &second));
        assert_eq!(count(store, queue, 0), (1, 1, 0));
    });
}

#[test]
fn a_failure_waits_and_is_remembered_until_it_is_put_again() {
    testing::both(&[TABLES], |store| {
        let queue = queue(store, "a");
        put(store, queue, &[row(1, 0, 0), row(2, 0, 3)]);
        let item = take(store, queue, at(0), 1).remove(0);
        failed(store, queue, &item, 60);
        assert_eq!(objects(&take(store, queue, at(59), 10)), [2]);
        assert_eq!(count(store, queue, 59), (2, 1, 1));
        assert_eq!(next_due(store, &[queue]), Some(at(3)));
        let again = take(store, queue, at(60), 10).remove(1);
        assert_eq!((again.object, again.tries, again.error.as_deref()), (1, 1, Some("503")));
        assert_eq!(again.stamp, item.stamp, "a failure is no new work");
        failed(store, queue, &again, 300);
        put(store, queue, &[row(1, 0, 70)]);
        failed(store, queue, &again, 900);
        let anew = take(store, queue, at(70), 10).remove(1);
        assert_eq!(
            (anew.tries, anew.error, anew.due),
            (0, None, at(70)),
            "as it was put, not as the old try left it"
        );
    });
}

#[test]
fn the_next_due_time_is_over_all_lanes_of_the_queues_asked_for() {
    testing::both(&[TABLES], |store| {
        let (a, b, c) = (queue(store, "a"), queue(store, "b"), queue(store, "c"));
        assert_eq!(next_due(store, &[a, b]), None);
        put(store, a, &[row(1, 0, 50), row(2, 3, 20)]);
        put(store, b, &[row(1, 1, 30)]);
        put(store, c, &[row(1, 0, 1)]);
        assert_eq!(next_due(store, &[a, b]), Some(at(20)));
        assert_eq!(next_due(store, &[b]), Some(at(30)));
        store.block_write(Lane::Now, move |tx| work::clear(tx, a)).unwrap();
        assert_eq!(next_due(store, &[a]), None);
        assert_eq!(count(store, b, 0).0, 1);
    });
}

#[test]
fn a_thousand_rows_of_several_queues_are_one_statement_and_wake_the_workers() {
    testing::both(&[TABLES], |store| {
        let (a, b) = (queue(store, "a"), queue(store, "b"));
        let announced = store.announced();
        let rows: Vec<_> = (0..1000).map(|n| (if n % 2 == 0 { a } else { b }, row(n / 2, 0, 0))).collect();
        let statements = store
            .block_write(Lane::Bulk, move |tx| {
                work::put_many(tx, &rows)?;
                Ok::<_, StoreError>(tx.statements())
            })
            .unwrap();
        assert_eq!(statements, 1);
        assert!(announced.has_changed().unwrap());
        assert_eq!((count(store, a, 0), count(store, b, 0)), ((500, 500, 0), (500, 500, 0)));
    });
}

#[test]
fn writers_of_the_same_rows_in_other_orders_do_not_lock_each_other_out() {
    testing::both(&[TABLES], |store| {
        let queue = queue(store, "a");
        std::thread::scope(|threads| {
            for writer in 0..4 {
                threads.spawn(move || {
                    for round in 0..20 {
                        let mut rows: Vec<_> = (0..50).map(|object| row(object, 0, 100 + round)).collect();
                        if writer % 2 == 0 {
                            rows.reverse();
                        }
                        put(store, queue, &rows);
                    }
                });
            }
        });
        assert_eq!(count(store, queue, 100), (50, 50, 0));
    });
}

#[test]
fn queues_with_something_due_are_told_by_the_beginning_of_their_names() {
    testing::both(&[TABLES], |store| {
        for (name, due) in [("rules/1", 1_000), ("rules/2", 3_000), ("rule/3", 1_000), ("rules0", 1_000)] {
            put(store, queue(store, name), &[row(7, 1, due)]);
        }
        queue(store, "rules/4");
        let due = |now: i64| store.block_read(READ, move |on| work::with_due(on, "rules/", at(now))).unwrap();
        assert_eq!(due(999), Vec::<String>::new());
        assert_eq!(due(1_000), ["rules/1"]);
        assert_eq!(due(3_000), ["rules/1", "rules/2"]);
    });
}
