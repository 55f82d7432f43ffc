//! Numbers that the closures of a batch move together.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use usher_store::{Lane, Sql, Store, StoreError, args, testing};

use crate::{ADD, Held, LIMIT, TABLES, add, wait};

static NUMBER: Sql = Sql::same("update note set version = version + $1 where id = $2 returning version");
const READ: Sql = Sql::same("select version from note where name = 'number'");

fn begin<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn number(store: &Store) -> i64 {
    store.block_read(LIMIT, |on| on.one::<(i64,)>(&READ, &[])).unwrap().unwrap().0
}

/// One of a batch: moves the number (row 1) by one, and what else is its part.
async fn part(store: &Store, n: i64) -> Result<i64, StoreError> {
    let write = store.write(Lane::Now, move |tx| {
        let now = tx.add(&NUMBER, &[1], 1)?.unwrap_or_default();
        match n % 5 {
            // Refused: as if it had never been.
            1 => Err(StoreError::Full),
            // In a savepoint that is undone, after it was written there too.
            2 => {
                let undone = tx.savepoint(|tx| {
                    tx.add(&NUMBER, &[1], 100)?;
                    tx.settle()?;
                    tx.add(&NUMBER, &[1], 1000)?;
                    Err::<(), _>(StoreError::Full)
                });
                assert_eq!(undone, Err(StoreError::Full));
                Ok(now)
            }
            // In one that stands.
            3 => tx.savepoint(|tx| Ok(tx.add(&NUMBER, &[1], 0)?.unwrap_or_default())),
            // Read by a statement of its own.
            4 => {
                tx.settle()?;
                assert_eq!(tx.one::<(i64,)>(&READ, &[])?, Some((now,)));
                Ok(now)
            }
            _ => Ok(now),
        }
    });
    write.await
}

#[test]
fn a_number_that_many_move_is_exact_whatever_becomes_of_each() {
    testing::both(&[TABLES], |store| {
        add(store, "number").unwrap();
        let held = Held::all(store, if store.is_postgres() { 4 } else { 1 });
        let mut parts: Vec<_> = (0..50).map(|n| Box::pin(part(store, n))).collect();
        for part in &mut parts {
            assert!(begin(part.as_mut()).is_pending());
        }
        held.let_go();
        let mut given = Vec::new();
        for (n, part) in (0..50).zip(parts) {
            match wait(part) {
                Ok(now) => given.push(now),
                Err(error) => assert_eq!((n % 5, error), (1, StoreError::Full)),
            }
        }
        given.sort_unstable();
        assert_eq!(given, (1..=40).collect::<Vec<i64>>(), "each number is given once");
        assert_eq!(number(store), 40);
        let nobody = store.block_write(Lane::Now, |tx| tx.add(&NUMBER, &[99], 1));
        assert_eq!(nobody, Ok(None));
    });
}

#[test]
fn a_number_is_exact_after_sqlite_gave_the_transaction_up() {
    const PAGES: Sql = Sql::same("select page_count from pragma_page_count");
    let store = testing::sqlite(&[TABLES]);
    add(&store, "number").unwrap();
    let pages = store.block_write(Lane::Now, |tx| tx.one::<(i64,)>(&PAGES, &[])).unwrap().unwrap().0;
    let nearly_full = Sql::built(format!("pragma max_page_count = {}", pages + 20));
    store.block_write(Lane::Now, move |tx| tx.one::<(i64,)>(&nearly_full, &[])).unwrap();
    let held = Held::all(&store, 1);
    let mut writes: Vec<_> = (0..20)
        .map(|n| {
            let name = if n == 10 { "x".repeat(1 << 20) } else { format!("n{n}") };
            Box::pin(store.write(Lane::Now, move |tx| {
                tx.add(&NUMBER, &[1], 1)?;
                tx.exec(&ADD, args![&name])
            }))
        })
        .collect();
    for write in &mut writes {
        assert!(begin(write.as_mut()).is_pending());
    }
    held.let_go();
    for (n, write) in writes.into_iter().enumerate() {
        assert_eq!(wait(write), if n == 10 { Err(StoreError::Full) } else { Ok(1) }, "{n}");
    }
    assert_eq!(number(&store), 19);
}
