//! One snapshot a read, bounded by its limit.

use std::{sync::mpsc::channel, time::Duration};

use usher_store::{Sql, StoreError, testing};

use crate::{COUNT, LIMIT, TABLES, add, count};

const NUMBERS: &str =
    "with recursive n(x) as (select 1 union all select x + 1 from n where x < 300000) select count(*) from n";
const ENDLESS: &str =
    "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n";

#[test]
fn a_long_read_is_run_to_its_end_and_an_endless_one_is_ended() {
    testing::both(&[TABLES], |store| {
        let numbers = store.block_read(LIMIT, |on| on.one::<(i64,)>(&Sql::same(NUMBERS), &[])).unwrap();
        assert_eq!(numbers, Some((300_000,)));
        let limit = Duration::from_millis(60);
        for _ in 0..3 {
            let endless = store.block_read(limit, |on| on.one::<(i64,)>(&Sql::same(ENDLESS), &[]));
            assert_eq!(endless, Err(StoreError::TooSlow));
            let second = store.block_read(limit, |on| {
                on.one::<(i64,)>(&COUNT, &[])?;
                on.one::<(i64,)>(&Sql::same(ENDLESS), &[])
            });
            assert_eq!(second, Err(StoreError::TooSlow));
        }
        assert_eq!(count(store), 0, "the connections are as good as before");
    });
}

#[test]
fn a_closure_that_goes_on_after_its_limit_reads_nothing_more() {
    testing::both(&[TABLES], |store| {
        let slow = store.block_read(Duration::from_millis(30), |on| {
            loop {
                on.one::<(i64,)>(&COUNT, &[])?;
                std::thread::sleep(Duration::from_millis(1));
            }
            #[expect(unreachable_code, reason = "tells the type")]
            Ok::<(), StoreError>(())
        });
        assert_eq!(slow, Err(StoreError::TooSlow));
    });
}

#[test]
fn statements_of_a_read_see_one_state_while_others_write() {
    testing::both(&[TABLES], |store| {
        let (ask, asked) = channel::<()>();
        let (tell, told) = channel();
        let writer = store.instance();
        let thread = std::thread::spawn(move || {
            for n in 0.. {
                if asked.recv().is_err() {
                    break;
                }
                add(&writer, &format!("n{n}")).unwrap();
                tell.send(()).unwrap();
            }
        });
        // As often as the closure runs, somebody else's write is committed between its two statements.
        let (before, between) = store
            .block_read(LIMIT, move |on| {
                let before = on.one::<(i64,)>(&COUNT, &[])?;
                ask.send(()).unwrap();
                told.recv().unwrap();
                Ok::<_, StoreError>((before, on.one::<(i64,)>(&COUNT, &[])?))
            })
            .unwrap();
        thread.join().unwrap();
        assert_eq!(before, between);
        assert!(count(store) > before.unwrap().0);
    });
}

#[test]
fn many_readers_at_once_find_what_was_acknowledged() {
    testing::both(&[TABLES], |store| {
        std::thread::scope(|threads| {
            for reader in 0..12 {
                threads.spawn(move || {
                    for n in 0..10 {
                        let before = count(store);
                        add(store, &format!("{reader}/{n}")).unwrap();
                        assert!(count(store) > before);
                    }
                });
            }
        });
        assert_eq!(count(store), 120);
    });
}
