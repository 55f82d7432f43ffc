//! What goes wrong below: a full disk, locks that others hold, readers that never leave, a server that fails.

use std::{
    path::Path,
    process::Command,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use usher_store::{Lane, SealingKey, Sql, Store, StoreError, StoreUrl, testing};

use crate::{LIMIT, TABLES, add, count, names};

/// Set in the run of [`a_disk_that_is_full_at_commit_acknowledges_nothing_that_is_not_there`] that has a small disk.
const SMALL_DISK: &str = "USHER_TEST_SMALL_DISK";

/// A disk of 8 MB, in a namespace of our own; where that is not allowed, files of at most 2 MB. Either ends with the process.
const ON_A_SMALL_DISK: &str = r#"
    if unshare -rm true 2>/dev/null; then
      exec unshare -rm sh -c 'mount -t tmpfs -o size=8m small "$1" && shift && exec "$@"' sh "$@"
    fi
    trap '' XFSZ
    ulimit -S -f 4096
    shift
    exec "$@"
"#;

#[test]
fn a_disk_that_is_full_at_commit_acknowledges_nothing_that_is_not_there() {
    if let Some(folder) = std::env::var_os(SMALL_DISK) {
        return fill(folder.as_ref());
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "faults::a_disk_that_is_full_at_commit_acknowledges_nothing_that_is_not_there";
    let run = Command::new("sh")
        .args(["-c", ON_A_SMALL_DISK, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(SMALL_DISK, folder.path())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

/// Eight writers until the disk is full, and then once more when there is room again.
fn fill(folder: &Path) {
    let at = StoreUrl::Sqlite(folder.join("data"));
    let store = Store::open(&at, &[TABLES], SealingKey::generate().0).unwrap();
    // Something to remove later: administrators make room by removing something else.
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let refused = AtomicU64::new(0);
    let text = "x".repeat(20_000);
    let kept: Vec<String> = std::thread::scope(|threads| {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (store, refused, text) = (&store, &refused, &text);
                threads.spawn(move || {
                    let mut kept = Vec::new();
                    for n in 0..1000 {
                        let name = format!("{writer}/{n} {text}");
                        match add(store, &name) {
                            Ok(_) => kept.push(name),
                            Err(StoreError::Full | StoreError::Unavailable(_)) => {
                                refused.fetch_add(1, Ordering::SeqCst);
                            }
                            Err(error) => panic!("{error}"),
                        }
                        if refused.load(Ordering::SeqCst) > 40 {
                            break;
                        }
                    }
                    kept
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    assert!(refused.into_inner() > 40 && kept.len() > 8, "{} were kept", kept.len());
    same(&store, &kept);
    std::fs::remove_file(ballast).unwrap();
    let unlimited = rustix::process::Rlimit { current: None, maximum: None };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Fsize, unlimited);
    add(&store, "there is room again").unwrap();
    store.close();
    let store = Store::open(&at, &[TABLES], SealingKey::generate().0).unwrap();
    same(&store, &[&kept[..], &["there is room again".to_owned()]].concat());
    store.close();
}

fn same(store: &Store, kept: &[String]) {
    let mut kept = kept.to_vec();
    kept.sort();
    assert!(names(store) == kept, "{} are there, {} were acknowledged", names(store).len(), kept.len());
    const CHECK: Sql = Sql::same("select integrity_check from pragma_integrity_check");
    let whole = store.block_read(LIMIT, |on| on.one::<(String,)>(&CHECK, &[])).unwrap();
    assert_eq!(whole, Some(("ok".to_owned(),)));
}

#[test]
fn a_full_disk_of_the_server_is_told_as_one() {
    let store = testing::postgres(&[TABLES]);
    let run = |text: &'static str| store.block_write(Lane::Now, move |tx| tx.exec(&Sql::same(text), &[]));
    run("create function no_room() returns trigger language plpgsql as
         $$ begin raise exception 'no space left on device' using errcode = 'disk_full'; end $$")
    .unwrap();
    run("create trigger no_room before insert on note for each row when (new.name = 'now') execute function no_room()")
        .unwrap();
    run("create constraint trigger no_room_at_commit after insert on note deferrable initially deferred
         for each row when (new.name = 'at commit') execute function no_room()")
    .unwrap();
    assert_eq!(add(&store, "now"), Err(StoreError::Full));
    assert_eq!(add(&store, "at commit"), Err(StoreError::Full));
    add(&store, "there is room again").unwrap();
    assert_eq!(names(&store), ["there is room again"]);
}

#[test]
fn a_lock_that_others_keep_is_waited_for_and_then_given_up() {
    testing::both(&[TABLES], |store| {
        add(store, "a").unwrap();
        be_impatient(store);
        let (holds, held) = channel();
        let (let_go, go) = channel();
        let at = store.url();
        std::thread::scope(|threads| {
            threads.spawn(move || hold(&at, &holds, &go));
            held.recv().unwrap();
            let busy = touch(store, 50);
            assert!(matches!(busy, Err(StoreError::Busy { .. })), "{busy:?}");
            // Who waits longer gets through when it is let go.
            let waits = threads.spawn(|| touch(store, 20_000));
            let_go.send(()).unwrap();
            assert_eq!(waits.join().unwrap(), Ok(1));
        });
        add(store, "b").unwrap();
        assert_eq!(names(store), ["a", "b"]);
    });
}

/// Another program with the row's (on SQLite the database's) lock.
fn hold(at: &StoreUrl, holds: &Sender<()>, go: &Receiver<()>) {
    match at {
        StoreUrl::Sqlite(folder) => {
            let other = rusqlite::Connection::open(folder.join("usher.db")).unwrap();
            other.execute_batch("begin immediate").unwrap();
            holds.send(()).unwrap();
            go.recv().unwrap();
            other.execute_batch("rollback").unwrap();
        }
        StoreUrl::Postgres(url) => {
            let mut other = postgres::Client::connect(url, postgres::NoTls).unwrap();
            other.batch_execute("begin; select 1 from note where name = 'a' for update").unwrap();
            holds.send(()).unwrap();
            go.recv().unwrap();
            other.batch_execute("rollback").unwrap();
        }
    }
}

/// SQLite waits where a transaction begins, so its patience is the connection's: 50 ms for the next wait, after which the connection
/// is another.
fn be_impatient(store: &testing::TestStore) {
    if !store.is_postgres() {
        const PATIENCE: Sql = Sql::same("pragma busy_timeout = 50");
        store.block_write(Lane::Now, |tx| tx.one::<(i64,)>(&PATIENCE, &[])).unwrap();
    }
}

/// Changes the row `a`, on PostgreSQL with so much patience.
fn touch(store: &testing::TestStore, milliseconds: u32) -> Result<u64, StoreError> {
    const TOUCH: Sql = Sql::same("update note set version = version + 1 where name = 'a'");
    let postgres = store.is_postgres();
    store.block_write(Lane::Now, move |tx| {
        if postgres {
            tx.exec(&Sql::built(format!("set local lock_timeout = {milliseconds}")), &[])?;
        }
        tx.exec(&TOUCH, &[])
    })
}

#[test]
fn the_log_stays_bounded_under_readers_that_leave_no_gap() {
    const ENDLESS: Sql = Sql::same(
        "with recursive n(x) as (select count(*) from note union all select x + 1 from n) select max(x) from n",
    );
    let store = testing::sqlite(&[TABLES]);
    let done = AtomicBool::new(false);
    let largest = std::thread::scope(|threads| {
        for reader in 0..2 {
            let (store, done) = (&store, &done);
            threads.spawn(move || {
                // They overlap: when one begins anew, the other is in the middle.
                std::thread::sleep(Duration::from_millis(75 * reader));
                while !done.load(Ordering::SeqCst) {
                    let read = store
                        .block_read(Duration::from_millis(150), |on| on.one::<(Option<i64>,)>(&ENDLESS, &[]));
                    assert_eq!(read, Err(StoreError::TooSlow));
                }
            });
        }
        let text = "x".repeat(1 << 20);
        let mut largest = 0;
        for n in 0..80 {
            let written = add(&store, &format!("{n} {text}"));
            largest = largest.max(store.figures().wal.unwrap_or(0));
            if written.is_err() {
                done.store(true, Ordering::SeqCst);
            }
            written.unwrap();
        }
        done.store(true, Ordering::SeqCst);
        largest
    });
    // 160 MB were written: a text of 1 MB is in the table and in the index of names. It is folded at 64 MB, with reads shut out for
    // that moment, and where one takes too long (on a machine with much else to do), at each 16 MB more.
    assert!(largest < 104 << 20, "the log grew to {largest} bytes");
    assert_eq!(count(&store), 80);
}
