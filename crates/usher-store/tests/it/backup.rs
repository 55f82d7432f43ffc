//! A copy of the database, made under load.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use usher_store::{SealingKey, Sql, Store, StoreError, StoreUrl, testing};

use crate::{LIMIT, TABLES, add, names};

/// A store of its own on a copy.
fn restored(copy: &Path, test: impl FnOnce(&Store)) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(copy, folder.path().join("usher.db")).unwrap();
    let at = StoreUrl::Sqlite(folder.path().to_owned());
    let store = Store::open(&at, &[TABLES], SealingKey::generate().0).unwrap();
    const CHECK: Sql = Sql::same("select integrity_check from pragma_integrity_check");
    let whole = store.block_read(LIMIT, |on| on.one::<(String,)>(&CHECK, &[])).unwrap();
    assert_eq!(whole, Some(("ok".to_owned(),)));
    test(&store);
    store.close();
}

/// Some megabytes, so that a copy takes many steps.
fn fill(store: &Store) {
    let text = "x".repeat(100_000);
    for n in 0..60 {
        add(store, &format!("a{n:02} {text}")).unwrap();
    }
}

#[test]
fn a_copy_under_load_ends_and_is_one_moments_state() {
    let store = testing::sqlite(&[TABLES]);
    fill(&store);
    let folder = tempfile::tempdir().unwrap();
    let (done, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (first, second) = (folder.path().join("first.db"), folder.path().join("second.db"));
    std::thread::scope(|threads| {
        let mut writers = Vec::new();
        for writer in 0..4 {
            let (store, done, written) = (&store, &done, &written);
            writers.push(threads.spawn(move || {
                let mut n = 0;
                while !done.load(Ordering::SeqCst) && n < 150 {
                    add(store, &format!("n{writer}-{n:04}")).unwrap();
                    written.fetch_add(1, Ordering::SeqCst);
                    // Some are refused, and undone: that must not begin the copy anew.
                    assert!(add(store, &format!("n{writer}-{n:04}")).is_err());
                    n += 1;
                }
                n
            }));
        }
        while written.load(Ordering::SeqCst) < 20 {
            std::thread::yield_now();
        }
        let (before, begun) = (names(&store), written.load(Ordering::SeqCst));
        let (mut steps, mut during) = (0, 0);
        store
            .block_backup(&first, |copied| {
                assert!(copied.pages <= copied.of);
                steps += 1;
                during = written.load(Ordering::SeqCst);
            })
            .unwrap();
        done.store(true, Ordering::SeqCst);
        let ends: Vec<usize> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        assert!(steps > 5, "{steps} steps");
        assert!(during > begun, "nobody wrote meanwhile");
        restored(&first, |copy| {
            let copied = names(copy);
            assert!(before.iter().all(|name| copied.contains(name)), "what was there before is in it");
            // A moment's state: of each writer everything up to some write, and nothing after it.
            for (writer, end) in ends.iter().enumerate() {
                let mine = |name: &&String| name.starts_with(&format!("n{writer}-"));
                let of_it: Vec<&String> = copied.iter().filter(mine).collect();
                let expected: Vec<String> = (0..of_it.len()).map(|n| format!("n{writer}-{n:04}")).collect();
                assert!(of_it.iter().copied().eq(&expected) && of_it.len() <= *end, "{of_it:?}");
            }
        });
    });
    store.block_backup(&second, |_| ()).unwrap();
    restored(&second, |copy| assert!(names(copy) == names(&store)));
}

#[test]
fn a_copy_that_can_not_be_made_says_why_and_leaves_nothing() {
    let store = testing::sqlite(&[TABLES]);
    fill(&store);
    let folder = tempfile::tempdir().unwrap();
    let refused = |store: &Store, to: &Path| match store.block_backup(to, |_| ()) {
        Err(StoreError::Unavailable(text)) => text,
        other => panic!("{other:?}"),
    };
    let there = folder.path().join("there.db");
    std::fs::write(&there, "something").unwrap();
    assert!(refused(&store, &there).contains("exists already"));
    assert_eq!(std::fs::read(&there).unwrap(), b"something");
    assert!(refused(&store, &folder.path().join("no/folder.db")).contains("can't be made"));
    let postgres = testing::postgres(&[TABLES]);
    assert!(refused(&postgres, &folder.path().join("new.db")).contains("SQLite"));

    // Two at a time: the second is told, the first goes on.
    let (first, second) = (folder.path().join("first.db"), folder.path().join("second.db"));
    let mut told = None;
    store
        .block_backup(&first, |_| {
            told.get_or_insert_with(|| refused(&store, &second));
        })
        .unwrap();
    assert!(told.unwrap().contains("already"));

    let mut left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["first.db", "there.db"]);
}
