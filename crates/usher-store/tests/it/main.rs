//! The store through its door, on both databases.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod backup;
mod commits;
mod faults;
mod lost;
mod migrations;
mod races;
mod reads;
mod statements;

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread::JoinHandle,
    time::Duration,
};

use usher_store::{Lane, Sql, Store, StoreError, Tables, args};

const TABLES: Tables = Tables {
    owner: "test",
    migrations: &["
        create table note (
          id {key},
          name {text} not null,
          version bigint not null default 0,
          of bigint references note (id)
        );
        create unique index note_name on note (name);
        create table pair (a bigint not null, b smallint not null, text {text} unique, primary key (a, b));
        create table everything (
          id bigint primary key, big bigint, small smallint, whole int, yes boolean, words {text}, bytes {bytes}
        );
    "],
};

const ADD: Sql = Sql::same("insert into note (name) values ($1)");
const COUNT: Sql = Sql::same("select count(*) from note");
const NAMES: Sql = Sql::same("select name from note order by name limit 1000");

const LIMIT: Duration = Duration::from_secs(20);

fn add(store: &Store, name: &str) -> Result<u64, StoreError> {
    let name = name.to_owned();
    store.block_write(Lane::Now, move |tx| tx.exec(&ADD, args![&name]))
}

fn names(store: &Store) -> Vec<String> {
    let rows = store.block_read(LIMIT, |on| on.all::<(String,)>(&NAMES, &[], 1000)).unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

fn count(store: &Store) -> i64 {
    store.block_read(LIMIT, |on| on.one::<(i64,)>(&COUNT, &[])).unwrap().unwrap().0
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Holds every thread that writes until it is let go, so that what is queued meanwhile waits together.
struct Held {
    go: Vec<Sender<()>>,
    ended: Vec<JoinHandle<()>>,
}

impl Held {
    fn all(store: &Store, threads: usize) -> Self {
        let (mut go, mut ended) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (say, hear): (Sender<()>, Receiver<()>) = channel();
            let (begun, begins) = channel();
            let store = store.clone();
            go.push(say);
            ended.push(std::thread::spawn(move || {
                store
                    .block_write(Lane::Now, move |_| {
                        // Both fail when the closure is run again, after it was let go.
                        let _ = begun.send(());
                        let _ = hear.recv();
                        Ok::<_, StoreError>(())
                    })
                    .unwrap();
            }));
            begins.recv().unwrap();
        }
        Self { go, ended }
    }

    fn let_go(self) {
        drop(self.go);
        for thread in self.ended {
            thread.join().unwrap();
        }
    }
}
