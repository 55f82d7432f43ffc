//! The audit log: who changed what, when, in the transaction that changes it. Secrets are never in it.

use jiff::Timestamp;
use usher_store::{Sql, StoreError, Tables, Tx};

use crate::Actor;

/// Who, when, what, with which details (JSON); and the roles of people.
pub const TABLES: Tables = Tables {
    owner: "admin",
    migrations: &[
        "create table audit (id {key}, at bigint not null, actor text not null, operation text not null, \
        name text not null, details text not null);
        create index audit_at on audit (at);",
        crate::role::TABLE,
    ],
};

const NOTE: Sql =
    Sql::same("insert into audit (at, actor, operation, name, details) values ($1, $2, $3, $4, $5)");

/// Notes a change.
///
/// # Errors
/// What the store says; the change is undone with it.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    actor: &Actor,
    operation: &str,
    name: &str,
    details: &serde_json::Value,
    now: Timestamp,
) -> Result<(), StoreError> {
    let args =
        [now.into(), actor.name.as_str().into(), operation.into(), name.into(), details.to_string().into()];
    tx.exec(&NOTE, &args).map(drop)
}
