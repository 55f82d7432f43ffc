//! The statements of a SCIM write on SQLite in a bare loop, as many in a transaction as the server's writer had: what the
//! database alone can do, with nothing of Usher around it.
//!
//! The statements are those of `usher-directory` (`object/put.rs`, `feed/write.rs`) and the settings those of `usher-store`
//! (`sqlite/connection.rs`), written down here once more: this is a measure, so it must not run through what it measures.

use std::{
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rusqlite::{Connection, params};
use serde::Serialize;
use uuid::Uuid;

use crate::made_up::{self, Shape};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Write {
    /// What a POST of a user writes.
    Create,
    /// What a PATCH of a user writes.
    Patch,
}

/// What it took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Writes in a transaction.
    pub batch: usize,
    /// Writes a second.
    pub rate: f64,
    /// Microseconds of processor time a write, of this thread.
    pub cpu_us: f64,
    /// Bytes of write-ahead log a write.
    pub wal_bytes: f64,
}

const PRAGMAS: &str = "
    pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma wal_autocheckpoint = 1000;
    pragma journal_size_limit = 67108864; pragma cache_size = -16384; pragma mmap_size = 0; pragma temp_store = memory;
    pragma busy_timeout = 5000; pragma trusted_schema = off; pragma recursive_triggers = on; pragma cell_size_check = on;";

const INSERT: &str = "
    insert into object (directory, kind, id, version, active, created, modified, name, label, external, doc)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) on conflict do nothing returning key";
const SEARCH: &str = "insert into search (directory, attribute, value, key) values (?1, ?2, ?3, ?4)";
const RESERVE: &str = "update directory set seq = seq + ?2 where id = ?1 returning seq";
const COUNT: &str = "update amount set n = n + ?3 where directory = ?1 and kind = ?2";
const LEAVE: &str = "
    insert into change (directory, run, request, object, member, kind, op, delta, seq)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)
    on conflict (directory, object, member) do update set kind = excluded.kind, op = excluded.op, run = excluded.run,
    request = excluded.request, seq = excluded.seq,
    delta = excluded.delta + case when change.seq is null then change.delta else 0 end";
const UPDATE: &str = "
    update object set version = ?4, active = ?5, modified = ?6, deactivated = ?7, name = ?8, label = ?9, external = ?10,
    doc = ?11 where directory = ?1 and key = ?2 and version = ?3";
/// What a PATCH has read before it writes.
const READ: &str = "select version, active, created, name, label, external, doc from object where directory = ?1 and key = ?2";

/// A database that no server has open, written to.
struct Loop {
    db: Connection,
    directory: i64,
    last_key: i64,
    random: StdRng,
    prefix: String,
    made: usize,
    moved: Moved,
}

/// Numbers of the present transaction: as the server does, they are written when first moved, and once more before the commit.
#[derive(Default)]
struct Moved {
    seq: Option<i64>,
    seq_behind: i64,
    counted: bool,
    count_behind: i64,
}

/// Writes into the database of a data folder, which no server may have open, for as long as told. What is written is of the
/// made-up kind and stays.
///
/// # Errors
/// When there is no such database, or no account in it.
pub fn measure(folder: &Path, write: Write, batch: usize, length: Duration) -> anyhow::Result<Measured> {
    ensure!(batch > 0, "a batch has one write at least");
    let mut it = Loop::open(folder)?;
    let (began, cpu) = (Instant::now(), cpu_time());
    let mut done = 0;
    while began.elapsed() < length {
        it.batch(write, batch)?;
        done += batch;
    }
    let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu_time().saturating_sub(cpu));
    let wal_bytes = it.wal_bytes(folder, write, batch)?;
    let cpu_us = cpu.as_secs_f64() * 1e6 / done as f64;
    Ok(Measured { batch, rate: done as f64 / wall, cpu_us, wal_bytes })
}

impl Loop {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("usher.db");
        ensure!(file.is_file(), "{} is not there", file.display());
        let db = Connection::open(&file)?;
        db.execute_batch(PRAGMAS)?;
        db.set_prepared_statement_cache_capacity(64);
        let directory = db
            .query_row(
                "select max(id) from directory where account is not null and environment = 0",
                [],
                |row| row.get(0),
            )
            .context("there is no account")?;
        let last_key = db.query_row("select coalesce(max(key), 0) from object", [], |row| row.get(0))?;
        let prefix = format!("bare{:x}-", now().as_micros());
        Ok(Self {
            db,
            directory,
            last_key,
            random: StdRng::seed_from_u64(1),
            prefix,
            made: 0,
            moved: Moved::default(),
        })
    }

    fn batch(&mut self, write: Write, batch: usize) -> anyhow::Result<()> {
        self.control("begin immediate")?;
        for _ in 0..batch {
            self.control("savepoint batch")?;
            match write {
                Write::Create => self.create()?,
                Write::Patch => self.patch()?,
            }
            self.control("release savepoint batch")?;
        }
        let moved = std::mem::take(&mut self.moved);
        if moved.seq_behind != 0 {
            self.reserve(moved.seq_behind)?;
        }
        if moved.count_behind != 0 {
            self.count(moved.count_behind)?;
        }
        self.control("commit")
    }

    fn control(&self, text: &str) -> anyhow::Result<()> {
        Ok(self.db.prepare_cached(text)?.raw_execute().map(drop)?)
    }

    fn create(&mut self) -> anyhow::Result<()> {
        let n = self.made;
        self.made += 1;
        let name = made_up::user_name(&self.prefix, n);
        let mut user = made_up::user(&self.prefix, n, Shape::Full);
        if let Some(user) = user.as_object_mut() {
            user.remove("schemas");
        }
        let (now, id) = (i64::try_from(now().as_millis())?, Uuid::now_v7());
        let external = name.replace("@example.com", "");
        let db = &self.db;
        let key: i64 = db.prepare_cached(INSERT)?.query_row(
            params![
                self.directory,
                1,
                id.as_bytes(),
                1,
                true,
                now,
                now,
                name.as_bytes(),
                name,
                external.as_bytes(),
                user.to_string().as_bytes()
            ],
            |row| row.get(0),
        )?;
        db.prepare_cached(SEARCH)?.execute(params![self.directory, 1, name.as_bytes(), key])?;
        self.leave(key, 1, 1)
    }

    fn patch(&mut self) -> anyhow::Result<()> {
        let key = self.random.random_range(1..=self.last_key);
        let db = &self.db;
        type Row = (i64, bool, i64, Vec<u8>, String, Option<Vec<u8>>, Vec<u8>);
        let found: Result<Row, _> = db.prepare_cached(READ)?.query_row(params![self.directory, key], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
        });
        let (version, active, _, name, label, external, doc) = match found {
            Ok(row) => row,
            // A key that is not there, or another directory's.
            Err(rusqlite::Error::QueryReturnedNoRows) => return self.patch(),
            Err(error) => return Err(error.into()),
        };
        let now = i64::try_from(now().as_millis())?;
        db.prepare_cached(UPDATE)?.execute(params![
            self.directory,
            key,
            version,
            version + 1,
            active,
            now,
            None::<i64>,
            name,
            label,
            external,
            doc
        ])?;
        self.leave(key, 2, 0)
    }

    fn reserve(&self, by: i64) -> anyhow::Result<i64> {
        let mut reserve = self.db.prepare_cached(RESERVE)?;
        Ok(reserve.query_row(params![self.directory, by], |row| row.get(0))?)
    }

    fn count(&self, delta: i64) -> anyhow::Result<()> {
        Ok(self.db.prepare_cached(COUNT)?.execute(params![self.directory, 1, delta]).map(drop)?)
    }

    fn leave(&mut self, key: i64, op: i64, delta: i64) -> anyhow::Result<()> {
        let seq = match self.moved.seq {
            None => self.reserve(1)?,
            Some(seq) => {
                self.moved.seq_behind += 1;
                seq + 1
            }
        };
        self.moved.seq = Some(seq);
        if delta != 0 && !std::mem::replace(&mut self.moved.counted, true) {
            self.count(delta)?;
        } else {
            self.moved.count_behind += delta;
        }
        let db = &self.db;
        let request = Uuid::now_v7();
        db.prepare_cached(LEAVE)?.execute(params![
            self.directory,
            None::<i64>,
            request.as_bytes(),
            key,
            0,
            1,
            op,
            seq
        ])?;
        Ok(())
    }

    /// By how much the log grows while nothing folds it into the database.
    fn wal_bytes(&mut self, folder: &Path, write: Write, batch: usize) -> anyhow::Result<f64> {
        self.db.execute_batch("pragma wal_checkpoint(truncate); pragma wal_autocheckpoint = 0;")?;
        let batches = (2_000 / batch).max(1);
        for _ in 0..batches {
            self.batch(write, batch)?;
        }
        let grown = std::fs::metadata(folder.join("usher.db-wal"))?.len();
        self.db.execute_batch("pragma wal_checkpoint(truncate); pragma wal_autocheckpoint = 1000;")?;
        Ok(grown as f64 / (batches * batch) as f64)
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// This thread's, as Linux counts it.
fn cpu_time() -> Duration {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = counted.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or(Duration::ZERO, Duration::from_nanos)
}
