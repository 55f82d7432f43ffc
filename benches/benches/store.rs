//! Group commit against the same statements in a bare loop, on SQLite: users created and replaced by 1, 16 and 64 callers.
//!
//! Each figure of the store is followed by one of `usher_bench::bare` on the same database with as many writes in a transaction
//! as the store's writer had on average, so that both saw the same machine. PostgreSQL's part is `benches/service`, with pgbench.
//!
//! `cargo bench -p usher-bench --bench store [-- PEOPLE]`: so many are there before it is measured (100,000).

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use usher_bench::{
    bare::{self, Write},
    disk,
    figures::Tally,
    made_up::{self, Shape},
};
use usher_directory::{
    DirectoryId, Kind, ObjectId, TABLES,
    account::{self, AccountError},
    config::{Configs, DirectoryConfig},
    object::{self, Draft, PutError, Stored},
};
use usher_store::{Lane, SealingKey, Store, StoreError, StoreUrl};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LENGTH: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
/// Who fill the directory.
const FILLERS: usize = 64;

fn main() {
    // cargo bench passes flags of its own.
    let people = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let disk = disk::measure(folder.path(), 300).unwrap();
    println!("disk: fdatasync of 4 KiB p50 {:.3} ms, p99 {:.3} ms", disk.p50, disk.p99);
    let began = Instant::now();
    run(folder.path(), Write::Create, FILLERS, Until::Done(people));
    println!("{people} users made in {:.1} s", began.elapsed().as_secs_f64());
    println!(
        "{:<8} {:>7} {:>7} {:>10} {:>8} {:>8} {:>10} {:>8} {:>9} {:>8}",
        "write",
        "callers",
        "batch",
        "store/s",
        "p50 ms",
        "p99 ms",
        "bare/s",
        "store/bare",
        "bare µs",
        "WAL KB"
    );
    for write in [Write::Create, Write::Patch] {
        for callers in [1, 16, 64] {
            let mut rounds: Vec<_> = (0..ROUNDS)
                .map(|_| {
                    let (figures, batch) = run(folder.path(), write, callers, Until::Over(LENGTH));
                    let bare = bare::measure(folder.path(), write, batch, LENGTH).unwrap();
                    (figures.rate / bare.rate, figures, bare)
                })
                .collect();
            rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (ratio, store, bare) = &rounds[ROUNDS / 2];
            println!(
                "{:<8} {callers:>7} {:>7} {:>10.0} {:>8.2} {:>8.2} {:>10.0} {ratio:>10.2} {:>9.0} {:>8.1}",
                format!("{write:?}"),
                bare.batch,
                store.rate,
                store.p50,
                store.p99,
                bare.rate,
                bare.cpu_us,
                bare.wal_bytes / 1e3
            );
        }
    }
}

#[derive(Clone, Copy)]
enum Until {
    Done(usize),
    Over(Duration),
}

/// So many callers write, each when its last write stands; the figures, and how many writes a transaction had.
fn run(folder: &Path, write: Write, callers: usize, until: Until) -> (usher_bench::figures::Figures, usize) {
    let key = SealingKey::generate().0;
    let store = Store::open(&StoreUrl::Sqlite(folder.to_owned()), &[TABLES], key).unwrap();
    let (directory, config) = directory(&store);
    let before = store.figures();
    let began = Instant::now();
    let made = Arc::new(AtomicUsize::new(0));
    let prefix = format!("store{:x}-", Timestamp::now().as_microsecond());
    let threads: Vec<_> = (0..callers)
        .map(|caller| {
            let (store, config, made, prefix) = (store.clone(), config.clone(), made.clone(), prefix.clone());
            std::thread::spawn(move || {
                let mut tally = Tally::default();
                let mine = if write == Write::Patch { some(&store, directory, caller) } else { Vec::new() };
                for turn in 0.. {
                    let n = made.fetch_add(1, Ordering::Relaxed);
                    let is_over = match until {
                        Until::Done(most) => n >= most,
                        Until::Over(length) => began.elapsed() >= length,
                    };
                    if is_over {
                        break;
                    }
                    let each = Instant::now();
                    match write {
                        Write::Create => create(&store, directory, &config, &prefix, n),
                        Write::Patch => patch(&store, directory, &config, mine[turn % mine.len()].id, turn),
                    }
                    tally.right(each.elapsed(), 0);
                }
                tally
            })
        })
        .collect();
    let mut tally = Tally::default();
    for thread in threads {
        tally.add(thread.join().unwrap());
    }
    let seconds = began.elapsed().as_secs_f64();
    let after = store.figures();
    let batch = (after.writes - before.writes) as f64 / (after.commits - before.commits).max(1) as f64;
    store.close();
    (tally.figures("store", callers, seconds), (batch.round() as usize).max(1))
}

fn directory(store: &Store) -> (DirectoryId, Arc<DirectoryConfig>) {
    let account = store
        .block_write(Lane::Now, |tx| -> Result<_, AccountError> {
            match account::by_name(tx, "bench")? {
                Some(account) => Ok(account),
                None => account::create(tx, "bench", "standard", Timestamp::now()),
            }
        })
        .unwrap();
    let id = account.production;
    let config = store
        .block_read(Duration::from_secs(5), move |on| -> Result<_, StoreError> {
            Configs::default().get(on, id)
        })
        .unwrap();
    (id, config.unwrap())
}

/// As a POST does: everything but the transaction on the caller's thread.
fn create(store: &Store, directory: DirectoryId, config: &DirectoryConfig, prefix: &str, n: usize) {
    let now = now();
    let user = made_up::user(prefix, n, Shape::Full);
    let draft =
        Draft::create(config, Kind::User, ObjectId::new(now), user.as_object().unwrap(), now).unwrap();
    store
        .block_write(Lane::Now, move |tx| -> Result<_, PutError> { object::put(tx, directory, &draft) })
        .unwrap();
}

/// As a PATCH does, with its read.
fn patch(store: &Store, directory: DirectoryId, config: &DirectoryConfig, id: ObjectId, turn: usize) {
    let was = store
        .block_read(Duration::from_secs(5), move |on| -> Result<_, StoreError> {
            object::get(on, directory, id)
        })
        .unwrap()
        .unwrap();
    let mut doc = was.object().unwrap();
    doc.insert("displayName".into(), format!("Changed {turn} {}", was.version.0).into());
    let draft = Draft::patch(config, &was, &doc, now()).unwrap();
    store
        .block_write(Lane::Now, move |tx| -> Result<_, PutError> { object::put(tx, directory, &draft) })
        .unwrap();
}

/// Users that no other caller changes, from all over the directory.
fn some(store: &Store, directory: DirectoryId, caller: usize) -> Vec<Stored> {
    const EACH: usize = 100;
    let after = usher_directory::Key((caller * EACH) as i64);
    store
        .block_read(Duration::from_secs(20), move |on| -> Result<_, StoreError> {
            object::walk(on, directory, Kind::User, Some(after), EACH, false)
        })
        .unwrap()
}

/// In whole milliseconds.
fn now() -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap()
}
