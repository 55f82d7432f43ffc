//! What each record's last run asked the world (a name, an e-mail address, a SCIM id), so that it runs again when the
//! answer changes: a manager who comes later, an organization that is made, enabled or renamed, an address set free.

use std::collections::BTreeSet;

use usher_directory::{DirectoryId, Key, ObjectId};
use usher_scim::prepare::fold;
use usher_store::{Column, Snapshot, Sql, StoreError, Tx};

use crate::{
    unit::{self, UnitKind},
    walk::{self, Walk},
};

/// A question a rule may ask. Values are cut to [`LONGEST`] bytes: two long ones may share a row and cost a run too many.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    pub(crate) kind: i64,
    pub(crate) value: Vec<u8>,
}

const LONGEST: usize = 128;

impl Question {
    /// Which unit has this name?
    pub(crate) fn unit(kind: UnitKind, name: &str) -> Self {
        Self::new(kind as i64, unit::folded(name))
    }
    /// Who has this primary e-mail address, and who governs that person?
    pub(crate) fn person(email: &str) -> Self {
        Self::new(3, email_folded(email))
    }
    /// Which person is that SCIM user's?
    pub(crate) fn scim_user(id: ObjectId) -> Self {
        Self::new(4, id.0.as_bytes().to_vec())
    }
    fn new(kind: i64, mut value: Vec<u8>) -> Self {
        value.truncate(LONGEST);
        Self { kind, value }
    }
}

/// How e-mail addresses are compared: ignoring case and outer blanks.
pub(crate) fn email_folded(email: &str) -> Vec<u8> {
    fold(email.trim()).into_bytes()
}

/// A record asks a handful of questions; more than this is a rule gone wild.
const MOST: usize = 10_000;

const OF: Sql = Sql::same("select kind, value from rule_asked where directory = $1 and object = $2");
const ADD: Sql = Sql::each(
    "insert into rule_asked (directory, kind, value, object) values ($1, $2, $3, $4) on conflict do nothing",
    "insert into rule_asked (directory, kind, value, object) \
     select * from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[]) on conflict do nothing",
);
const REMOVE: Sql =
    Sql::same("delete from rule_asked where directory = $1 and kind = $2 and value = $3 and object = $4");
const FORGET: Sql = Sql::same("delete from rule_asked where directory = $1 and object = $2");
const ANY: Sql = Sql::same(
    "select object from rule_asked where directory = $1 and kind = $2 and value = $3 and object <> $4 limit 1",
);
const BLOCK: Sql = Sql::same(
    "select object from rule_asked where directory = $1 and kind = $2 and value = $3 and object > $4 \
     order by object limit $5",
);

/// Remembers what this run asked in place of what the last one did.
pub(crate) fn remember(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    object: Key,
    asked: &BTreeSet<Question>,
) -> Result<(), StoreError> {
    let rows: Vec<(i64, Vec<u8>)> = tx.all(&OF, &[directory.0.into(), object.0.into()], MOST)?;
    let before: BTreeSet<Question> = rows.into_iter().map(|(kind, value)| Question { kind, value }).collect();
    for old in before.difference(asked) {
        let args = [directory.0.into(), old.kind.into(), old.value.clone().into(), object.0.into()];
        tx.exec(&REMOVE, &args)?;
    }
    let new: Vec<&Question> = asked.difference(&before).collect();
    if !new.is_empty() {
        let columns = [
            Column::Int(vec![Some(directory.0); new.len()]),
            Column::Int(new.iter().map(|question| Some(question.kind)).collect()),
            Column::Bytes(new.iter().map(|question| Some(question.value.clone())).collect()),
            Column::Int(vec![Some(object.0); new.len()]),
        ];
        tx.exec_many(&ADD, &columns)?;
    }
    Ok(())
}

/// The record is gone.
pub(crate) fn forget(tx: &mut Tx<'_>, directory: DirectoryId, object: Key) -> Result<(), StoreError> {
    tx.exec(&FORGET, &[directory.0.into(), object.0.into()])?;
    Ok(())
}

/// The answer changed: whoever asked runs again.
pub(crate) fn changed(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    question: &Question,
) -> Result<(), StoreError> {
    changed_by(tx, directory, question, None)
}

/// The answer was changed by a record's own run, which needs no other.
pub(crate) fn changed_by(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    question: &Question,
    by: Option<Key>,
) -> Result<(), StoreError> {
    let by = by.map_or(0, |key| key.0);
    let args = [directory.0.into(), question.kind.into(), question.value.clone().into(), by.into()];
    if tx.one::<(i64,)>(&ANY, &args)?.is_some() {
        walk::begin(tx, directory, &Walk::Asked(question.clone()))?;
    }
    Ok(())
}

/// A block of those who asked, in key order.
pub(crate) fn block(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    question: &Question,
    after: i64,
    most: usize,
) -> Result<Vec<i64>, StoreError> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let args =
        [directory.0.into(), question.kind.into(), question.value.clone().into(), after.into(), limit.into()];
    let rows: Vec<(i64,)> = on.all(&BLOCK, &args, most)?;
    Ok(rows.into_iter().map(|(object,)| object).collect())
}
