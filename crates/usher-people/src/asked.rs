//! What each record's last run asked the world (a name, an e-mail address, a SCIM id), so that it runs again when the
//! answer changes: a manager who comes later, an organization that is made, enabled or renamed, an address set free.

use std::collections::{BTreeSet, HashMap};

use usher_directory::{DirectoryId, ObjectId};
use usher_scim::prepare::fold;
use usher_store::{Column, Snapshot, Sql, StoreError, Tx, list, with_bytes, with_keys};

use uuid::Uuid;

use crate::{
    execute::Executed,
    known::Ask,
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
    /// The same as a question to the database, where the value is whole.
    pub(crate) fn ask(&self) -> Option<Ask> {
        if self.value.len() >= LONGEST {
            return None;
        }
        Some(match self.kind {
            1 => Ask::Name(UnitKind::Organization, self.value.clone()),
            2 => Ask::Name(UnitKind::Site, self.value.clone()),
            3 => Ask::Email(self.value.clone()),
            _ => Ask::Scim(Uuid::from_slice(&self.value).ok()?),
        })
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

/// Records ask a handful of questions; more than this in a batch is a rule gone wild.
const MOST: usize = 1_000_000;
/// More who ask than this are put on work by a walk, block by block.
const AT_ONCE: usize = 2_000;

const OF: Sql =
    with_keys!("select object, kind, value from rule_asked where directory = $1 and object", "$2", "");
const ADD: Sql = Sql::each(
    "insert into rule_asked (directory, kind, value, object) values ($1, $2, $3, $4) on conflict do nothing",
    "insert into rule_asked (directory, kind, value, object) \
     select $1, * from unnest($2::bigint[], $3::bytea[], $4::bigint[]) on conflict do nothing",
);
const REMOVE: Sql = Sql::each(
    "delete from rule_asked where directory = $1 and kind = $2 and value = $3 and object = $4",
    "delete from rule_asked a using unnest($2::bigint[], $3::bytea[], $4::bigint[]) as d (kind, value, object) \
     where a.directory = $1 and a.kind = d.kind and a.value = d.value and a.object = d.object",
);
const FORGET: Sql = with_keys!("delete from rule_asked where directory = $1 and object", "$2", "");
const ANY: Sql =
    Sql::same("select object from rule_asked where directory = $1 and kind = $2 and value = $3 limit 1");
const ASKERS: Sql = with_bytes!(
    "select kind, value, object from rule_asked where directory = $1 and kind = $2 and value",
    "$3",
    " limit 2000"
);
const BLOCK: Sql = Sql::same(
    "select object from rule_asked where directory = $1 and kind = $2 and value = $3 and object > $4 \
     order by object limit $5",
);

/// What the last runs of these records asked.
pub(crate) fn of(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    objects: &[i64],
) -> Result<HashMap<i64, BTreeSet<Question>>, StoreError> {
    let rows: Vec<(i64, i64, Vec<u8>)> =
        on.all(&OF, &[directory.0.into(), list::numbers(objects.iter().copied())], MOST)?;
    let mut of: HashMap<i64, BTreeSet<Question>> = HashMap::new();
    for (object, kind, value) in rows {
        of.entry(object).or_default().insert(Question { kind, value });
    }
    Ok(of)
}

/// Remembers what these runs asked in place of what the last ones did.
pub(crate) fn remember(tx: &mut Tx<'_>, directory: DirectoryId, runs: &[Executed]) -> Result<(), StoreError> {
    let mut old: Vec<(&Question, i64)> = Vec::new();
    let mut new: Vec<(&Question, i64)> = Vec::new();
    for run in runs {
        old.extend(run.asked_before.difference(&run.asked).map(|question| (question, run.key)));
        new.extend(run.asked.difference(&run.asked_before).map(|question| (question, run.key)));
    }
    for (sql, mut rows) in [(&REMOVE, old), (&ADD, new)] {
        rows.sort_unstable();
        let columns = [
            Column::Same(directory.0.into()),
            rows.iter().map(|(question, _)| question.kind).collect(),
            rows.iter().map(|(question, _)| question.value.clone()).collect(),
            rows.iter().map(|(_, object)| *object).collect(),
        ];
        tx.exec_many(sql, &columns)?;
    }
    Ok(())
}

/// Who asked these questions; `None`: too many at once.
pub(crate) fn askers(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    questions: &[&Question],
) -> Result<Option<Vec<(Question, i64)>>, StoreError> {
    let mut found = Vec::new();
    let kinds: BTreeSet<i64> = questions.iter().map(|question| question.kind).collect();
    for kind in kinds {
        let values: Vec<&[u8]> = questions
            .iter()
            .filter(|question| question.kind == kind)
            .map(|question| question.value.as_slice())
            .collect();
        let args = [directory.0.into(), kind.into(), list::bytes(values)];
        let rows: Vec<(i64, Vec<u8>, i64)> = on.all(&ASKERS, &args, AT_ONCE)?;
        if rows.len() == AT_ONCE {
            return Ok(None);
        }
        found.extend(rows.into_iter().map(|(kind, value, object)| (Question { kind, value }, object)));
    }
    Ok(Some(found))
}

/// These records are gone.
pub(crate) fn forget(tx: &mut Tx<'_>, directory: DirectoryId, objects: &[i64]) -> Result<(), StoreError> {
    tx.exec(&FORGET, &[directory.0.into(), list::numbers(objects.iter().copied())]).map(drop)
}

/// The answer changed: whoever asked runs again.
pub(crate) fn changed(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    question: &Question,
) -> Result<(), StoreError> {
    let args = [directory.0.into(), question.kind.into(), question.value.clone().into()];
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
