//! Writers that meet each other.

use std::sync::{
    Arc, Barrier,
    atomic::{AtomicBool, Ordering},
};

use usher_store::{Lane, Sql, StoreError, args, testing};

use crate::{LIMIT, TABLES, add};

const VERSION: Sql = Sql::same("select version from note where name = $1");
const SWAP: Sql = Sql::same("update note set version = $2 where name = $1 and version = $3");
const TOUCH: Sql = Sql::same("update note set version = version + 1 where name = $1");

#[test]
fn of_eight_that_compare_and_swap_none_is_lost() {
    testing::both(&[TABLES], |store| {
        add(store, "counter").unwrap();
        let instances = [store.instance(), store.instance()];
        std::thread::scope(|threads| {
            for thread in 0..8 {
                let store = &instances[thread % 2];
                threads.spawn(move || {
                    for _ in 0..25 {
                        while !raise(store) {}
                    }
                });
            }
        });
        assert_eq!(read(store), 200);
    });
}

fn read(store: &usher_store::Store) -> i64 {
    store.block_read(LIMIT, |on| on.one::<(i64,)>(&VERSION, args!["counter"])).unwrap().unwrap().0
}

/// Reads outside, compares and swaps inside.
fn raise(store: &usher_store::Store) -> bool {
    let was = read(store);
    store.block_write(Lane::Now, move |tx| tx.exec(&SWAP, args!["counter", was + 1, was])).unwrap() == 1
}

#[test]
fn of_eight_that_want_one_name_one_gets_it() {
    testing::both(&[TABLES], |store| {
        let results: Vec<_> = std::thread::scope(|threads| {
            let threads: Vec<_> = (0..8).map(|_| threads.spawn(|| add(store, "mine"))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for error in results.into_iter().filter_map(Result::err) {
            assert!(error.is_conflict("note_name"), "{error}");
        }
    });
}

#[test]
fn two_that_lock_each_other_out_both_get_through() {
    let store = testing::postgres(&[TABLES]);
    add(&store, "a").unwrap();
    add(&store, "b").unwrap();
    let both = Arc::new(Barrier::new(2));
    std::thread::scope(|threads| {
        for [first, second] in [["a", "b"], ["b", "a"]] {
            let (both, store) = (Arc::clone(&both), &store);
            threads.spawn(move || {
                let met = AtomicBool::new(false);
                store
                    .block_write(Lane::Now, move |tx| {
                        tx.exec(&TOUCH, args![first])?;
                        if !met.swap(true, Ordering::Relaxed) {
                            both.wait();
                        }
                        // Even if a savepoint hides it.
                        let _ = tx.savepoint(|tx| tx.exec(&TOUCH, args![second]));
                        Ok::<_, StoreError>(())
                    })
                    .unwrap();
            });
        }
    });
    for name in ["a", "b"] {
        let version = store.block_read(LIMIT, move |on| on.one::<(i64,)>(&VERSION, args![name])).unwrap();
        assert_eq!(version, Some((2,)), "{name}");
    }
}
