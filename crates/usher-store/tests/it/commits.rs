//! What is committed together, what fails alone, which lane goes first.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use usher_store::{Lane, Sql, Store, StoreError, args, testing};

use crate::{ADD, COUNT, Held, TABLES, add, count, names, wait};

/// Begins a write without waiting for it.
fn begin<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Connections of a test store.
const CONNECTIONS: usize = 4;

fn hold(store: &testing::TestStore) -> Held {
    Held::all(store, if store.is_postgres() { CONNECTIONS } else { 1 })
}

#[test]
fn what_waits_together_shares_a_commit_and_fails_alone() {
    testing::both(&[TABLES], |store| {
        add(store, "taken").unwrap();
        let before = store.figures();
        let held = hold(store);
        let mut writes: Vec<_> = (0..60)
            .map(|n| {
                let name = if n % 10 == 1 { "taken".to_owned() } else { format!("n{n:02}") };
                Box::pin(store.write(Lane::Now, move |tx| {
                    tx.exec(&ADD, args![&name])?;
                    match n % 10 {
                        3 => Err(StoreError::Bug("refused".to_owned())),
                        5 => panic!("a closure of the test"),
                        _ => Ok(n),
                    }
                }))
            })
            .collect();
        for write in &mut writes {
            assert!(begin(write.as_mut()).is_pending());
        }
        assert_eq!(store.figures().waiting, 60);
        held.let_go();
        for (n, write) in (0..60).zip(writes) {
            let result = wait(write);
            match n % 10 {
                1 => assert!(result.unwrap_err().is_conflict("note_name")),
                3 => assert_eq!(result, Err(StoreError::Bug("refused".to_owned()))),
                5 => {
                    let error = result.unwrap_err().to_string();
                    assert!(error.contains("a closure of the test"), "{error}");
                }
                _ => assert_eq!(result, Ok(n)),
            }
        }
        let expected: Vec<_> =
            (0..60).filter(|n| ![1, 3, 5].contains(&(n % 10))).map(|n| format!("n{n:02}")).collect();
        assert_eq!(names(store), [&expected[..], &["taken".to_owned()]].concat());

        let figures = store.figures();
        let (commits, writes) = (figures.commits - before.commits, figures.writes - before.writes);
        if store.is_postgres() {
            assert_eq!((commits, writes), (42 + 4, 42 + 4));
        } else {
            assert_eq!(writes, 42 + 1);
            assert!(commits < 20, "{commits} commits");
        }
    });
}

#[test]
fn nobody_is_told_of_what_is_not_committed() {
    // A closure sees what others of its batch wrote; if that can't be committed, its own answer is worth nothing.
    let store = testing::sqlite(&[TABLES]);
    let held = hold(&store);
    let broken = store.write(Lane::Now, |tx| {
        tx.one::<(i64,)>(&Sql::same("pragma defer_foreign_keys = on"), &[])?;
        tx.exec(&Sql::same("insert into note (name, of) values ('orphan', 999)"), &[])
    });
    let sees = store.write(Lane::Now, |tx| {
        let orphans = tx.one::<(i64,)>(&COUNT, &[])?;
        if orphans == Some((1,)) { Err(StoreError::Bug("there is one already".to_owned())) } else { Ok(0) }
    });
    let (mut broken, mut sees) = (pin!(broken), pin!(sees));
    assert!(begin(broken.as_mut()).is_pending() && begin(sees.as_mut()).is_pending());
    held.go.iter().for_each(|go| go.send(()).unwrap());
    let held_too: Vec<_> = held.ended.into_iter().map(std::thread::JoinHandle::join).collect();
    let error = wait(broken).unwrap_err();
    assert!(error.is_conflict("foreign_key"), "{error}");
    if held_too.iter().any(Result::is_err) {
        // All three were one transaction.
        assert_eq!(wait(sees).unwrap_err(), error);
    }
    assert_eq!(count(&store), 0);
    add(&store, "after").unwrap();
    assert_eq!(names(&store), ["after"]);
}

#[test]
fn a_transaction_that_sqlite_gives_up_is_run_again_one_by_one() {
    let store = testing::sqlite(&[TABLES]);
    const PAGES: Sql = Sql::same("select page_count from pragma_page_count");
    let pages = store.block_write(Lane::Now, |tx| tx.one::<(i64,)>(&PAGES, &[])).unwrap().unwrap().0;
    store
        .block_write(Lane::Now, move |tx| {
            // A disk that is nearly full.
            tx.one::<(i64,)>(&Sql::built(format!("pragma max_page_count = {}", pages + 20)), &[])
        })
        .unwrap();
    let held = hold(&store);
    let large = "x".repeat(1 << 20);
    let mut writes: Vec<_> = (0..20)
        .map(|n| {
            let name = if n == 10 { large.clone() } else { format!("n{n:02}") };
            Box::pin(store.write(Lane::Now, move |tx| tx.exec(&ADD, args![&name])))
        })
        .collect();
    for write in &mut writes {
        assert!(begin(write.as_mut()).is_pending());
    }
    held.let_go();
    for (n, write) in (0..20).zip(writes) {
        assert_eq!(wait(write), if n == 10 { Err(StoreError::Full) } else { Ok(1) }, "{n}");
    }
    assert_eq!(count(&store), 19);
}

#[test]
fn requests_go_before_bulk_work() {
    testing::both(&[TABLES], |store| {
        // One thread, so that there is an order.
        let store = match store.url() {
            usher_store::StoreUrl::Sqlite(_) => Store::clone(store),
            usher_store::StoreUrl::Postgres(url) => {
                Store::open_postgres(&url, 1, &[TABLES], usher_store::SealingKey::generate().0).unwrap()
            }
        };
        let held = Held::all(&store, 1);
        let order = Arc::new(Mutex::new(String::new()));
        let mut writes: Vec<_> = [(Lane::Bulk, 'b'), (Lane::Bulk, 'c'), (Lane::Now, '1'), (Lane::Now, '2')]
            .into_iter()
            .map(|(lane, name)| {
                let order = Arc::clone(&order);
                Box::pin(store.write(lane, move |_| {
                    order.lock().unwrap().push(name);
                    Ok::<_, StoreError>(())
                }))
            })
            .collect();
        for write in &mut writes {
            assert!(begin(write.as_mut()).is_pending());
        }
        held.let_go();
        for write in writes {
            wait(write).unwrap();
        }
        assert_eq!(*order.lock().unwrap(), "12bc");
    });
}

#[test]
fn a_full_queue_answers_busy_at_once() {
    testing::both(&[TABLES], |store| {
        let held = hold(store);
        let mut waiting = Vec::new();
        let busy = loop {
            let mut write = Box::pin(store.write(Lane::Now, |tx| tx.one::<(i64,)>(&COUNT, &[])));
            match begin(write.as_mut()) {
                Poll::Pending => waiting.push(write),
                Poll::Ready(result) => break result.unwrap_err(),
            }
            assert!(waiting.len() <= 1 << 16, "the queue has no end");
        };
        assert!(matches!(busy, StoreError::Busy { retry_after } if !retry_after.is_zero()), "{busy}");
        held.let_go();
        for write in waiting {
            wait(write).unwrap();
        }
    });
}

#[test]
fn announcements_come_with_commits_only() {
    testing::both(&[TABLES], |store| {
        let mut announced = store.announced();
        add(store, "silent").unwrap();
        let refused = store.block_write(Lane::Now, |tx| {
            tx.announce();
            Err::<(), _>(StoreError::Full)
        });
        assert_eq!(refused, Err(StoreError::Full));
        store
            .block_write(Lane::Now, |tx| {
                let inner = tx.savepoint(|tx| {
                    tx.announce();
                    Err::<(), _>(StoreError::Full)
                });
                assert_eq!(inner, Err(StoreError::Full));
                Ok::<_, StoreError>(())
            })
            .unwrap();
        assert!(!announced.has_changed().unwrap());
        store
            .block_write(Lane::Now, |tx| {
                tx.announce();
                Ok::<_, StoreError>(())
            })
            .unwrap();
        assert!(announced.has_changed().unwrap());
        announced.mark_unchanged();
    });
}

#[test]
fn a_closure_that_calls_the_store_is_told_so() {
    testing::both(&[TABLES], |store| {
        let inner = Store::clone(store);
        let error = store.block_write(Lane::Now, move |_| add(&inner, "x")).unwrap_err();
        assert!(matches!(error, StoreError::Bug(_)), "{error}");
    });
    let store = Store::inline(&[TABLES]);
    let inner = store.clone();
    assert!(matches!(store.block_write(Lane::Now, move |_| add(&inner, "x")), Err(StoreError::Bug(_))));
}

#[test]
fn a_write_whose_caller_went_away_stands() {
    testing::both(&[TABLES], |store| {
        let held = hold(store);
        {
            let mut write = pin!(store.write(Lane::Now, |tx| tx.exec(&ADD, args!["kept"])));
            assert!(begin(write.as_mut()).is_pending());
        }
        held.let_go();
        Store::clone(store).close();
        // What was queued is done, and nothing more is taken.
        assert!(matches!(add(store, "late"), Err(StoreError::Unavailable(_))));
        let again = Store::open(&store.url(), &[TABLES], usher_store::SealingKey::generate().0).unwrap();
        assert_eq!(names(&again), ["kept"]);
        again.close();
    });
}

#[test]
fn inline_runs_at_once() {
    let store = Store::inline(&[TABLES]);
    let mut write = pin!(store.write(Lane::Now, |tx| tx.exec(&ADD, args!["a"])));
    assert_eq!(begin(write.as_mut()), Poll::Ready(Ok(1)));
    let mut read = pin!(store.read(std::time::Duration::ZERO, |on| on.one::<(i64,)>(&COUNT, &[])));
    assert_eq!(begin(read.as_mut()), Poll::Ready(Ok(Some((1,)))));
}

#[test]
fn stepwise_can_be_left_right_after_a_commit() {
    let store = Store::stepwise(&[TABLES]);
    {
        let mut write = pin!(store.write(Lane::Now, |tx| tx.exec(&ADD, args!["a"])));
        assert_eq!(begin(write.as_mut()), Poll::Pending);
    }
    assert_eq!(names(&store), ["a"]);
    let mut write = pin!(store.write(Lane::Now, |tx| tx.exec(&ADD, args!["b"])));
    assert_eq!((begin(write.as_mut()), begin(write.as_mut())), (Poll::Pending, Poll::Ready(Ok(1))));
}

#[test]
fn a_result_that_nobody_wants_does_not_end_the_writer() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a result of the test");
        }
    }
    testing::both(&[TABLES], |store| {
        let held = hold(store);
        for _ in 0..CONNECTIONS {
            let mut write = pin!(store.write(Lane::Bulk, |_| Ok::<_, StoreError>(Bomb)));
            assert!(begin(write.as_mut()).is_pending());
        }
        held.let_go();
        for n in 0..CONNECTIONS {
            add(store, &format!("n{n}")).unwrap();
            store.block_write(Lane::Bulk, |tx| tx.one::<(i64,)>(&COUNT, &[])).unwrap();
        }
        assert_eq!(count(store), 4);
    });
}

#[test]
fn an_idle_writer_gives_the_logs_space_back() {
    let store = testing::sqlite(&[TABLES]);
    add(&store, &"x".repeat(100_000)).unwrap();
    while store.figures().wal != Some(0) {
        std::thread::yield_now();
    }
    assert_eq!(count(&store), 1);
}
