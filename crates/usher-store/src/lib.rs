//! SQLite and PostgreSQL behind one transaction type.
//!
//! Domain code is plain synchronous Rust over [`Tx`] and [`Snapshot`]; it runs unchanged on both
//! databases. See `docs/architecture.md`, *Storage*.
//!
//! ```
//! use usher_store::{Lane, Sql, Store, StoreError, Tables, args};
//!
//! const TABLES: Tables = Tables { owner: "example", migrations: &["create table note (id {key}, text {text} not null);"] };
//! const ADD: Sql = Sql::same("insert into note (text) values ($1) returning id");
//!
//! let store = Store::inline(&[TABLES]);
//! let id = store.block_write(Lane::Now, |tx| tx.one::<(i64,)>(&ADD, args!["hello"]))?;
//! assert_eq!(id, Some((1,)));
//! # Ok::<(), StoreError>(())
//! ```

mod commits;
mod error;
mod job;
pub mod list;
mod migrate;
mod postgres;
mod row;
mod seal;
mod sql;
mod sqlite;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tx;
mod value;

pub use commits::Figures;
pub use error::StoreError;
pub use job::Lane;
pub use migrate::Tables;
pub use row::{FromRow, Row};
pub use seal::SealingKey;
pub use sql::Sql;
pub use store::{Copied, Store, StoreUrl};
pub use tx::{Snapshot, Tx};
pub use value::{Column, FromValue, Value};

/// Which database a [`Store`] runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite: one writer, group commit.
    Sqlite,
    /// PostgreSQL: a request is a transaction on one of N connections.
    Postgres,
}
