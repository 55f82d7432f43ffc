//! Tables are brought up to date, or refused.

use usher_store::{Lane, SealingKey, Sql, Store, StoreError, StoreUrl, Tables, args, testing};

use crate::{LIMIT, TABLES, add, count};

const fn tables(migrations: &'static [&'static str]) -> Tables {
    Tables { owner: "a", migrations }
}

const ONE: &str = "create table one (id {key}, words {text} not null, bytes {bytes});";
const TWO: &str = "alter table one add column more bigint; create table two (id bigint primary key);";

fn open(at: &StoreUrl, tables: &[Tables]) -> Result<Store, StoreError> {
    Store::open(at, tables, SealingKey::generate().0)
}

fn refusal(at: &StoreUrl, tables: &[Tables]) -> String {
    match open(at, tables) {
        Err(StoreError::Unavailable(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn has_two(store: &Store) -> bool {
    store.block_read(LIMIT, |on| on.one::<(i64,)>(&Sql::same("select count(*) from two"), &[])).is_ok()
}

#[test]
fn what_is_new_is_applied_and_what_was_applied_is_not() {
    testing::both(&[tables(&[ONE])], |store| {
        const ADD: Sql = Sql::same("insert into one (words) values ($1) returning id");
        let id = store.block_write(Lane::Now, |tx| tx.one::<(i64,)>(&ADD, args!["kept"])).unwrap();
        assert_eq!(id, Some((1,)));
        let at = store.url();
        Store::clone(store).close();
        for _ in 0..2 {
            let later = open(&at, &[tables(&[ONE, TWO]), TABLES]).unwrap();
            let words = later
                .block_read(LIMIT, |on| {
                    on.one::<(String, Option<i64>)>(&Sql::same("select words, more from one"), &[])
                })
                .unwrap();
            assert_eq!(words, Some(("kept".to_owned(), None)));
            assert!(has_two(&later));
            later.close();
        }
    });
}

#[test]
fn a_newer_database_and_a_changed_text_are_refused() {
    testing::both(&[tables(&[ONE, TWO])], |store| {
        let at = store.url();
        Store::clone(store).close();
        let newer = refusal(&at, &[tables(&[ONE])]);
        assert!(newer.contains("newer") && newer.contains("a 2"), "{newer}");
        let unknown = refusal(&at, &[TABLES]);
        assert!(unknown.contains("newer"), "{unknown}");
        let changed = refusal(&at, &[tables(&[ONE, "create table two (id {key});"])]);
        assert!(changed.contains("another text"), "{changed}");
        open(&at, &[tables(&[ONE, TWO])]).unwrap().close();
    });
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    testing::both(&[tables(&[ONE])], |store| {
        let at = store.url();
        Store::clone(store).close();
        let failed = refusal(
            &at,
            &[tables(&[ONE, TWO, "create table three (id {key}); insert into nowhere values (1);"])],
        );
        assert!(failed.contains("a 3") && failed.contains("nowhere"), "{failed}");
        let store = open(&at, &[tables(&[ONE])]).unwrap();
        assert!(!has_two(&store), "not even what came before it");
        store.close();
    });
}

#[test]
fn instances_that_start_together_migrate_once() {
    let store = testing::postgres(&[]);
    let at = store.url();
    store.block_write(Lane::Now, |tx| tx.exec(&Sql::same("drop table migration"), &[])).unwrap();
    std::thread::scope(|threads| {
        let threads: Vec<_> =
            (0..6).map(|_| threads.spawn(|| open(&at, &[tables(&[ONE, TWO]), TABLES]))).collect();
        for (n, thread) in threads.into_iter().enumerate() {
            let store = thread.join().unwrap().unwrap();
            add(&store, &n.to_string()).unwrap();
            store.close();
        }
    });
    let store = open(&at, &[tables(&[ONE, TWO]), TABLES]).unwrap();
    assert_eq!(count(&store), 6);
    store.close();
}

#[test]
fn a_folder_has_one_owner_at_a_time() {
    let store = testing::sqlite(&[TABLES]);
    let refused = refusal(&store.url(), &[TABLES]);
    assert!(refused.contains("another Usher"), "{refused}");
    add(&store, "undisturbed").unwrap();
}
