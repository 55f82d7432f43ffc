//! Walks: pending passes over many objects, one row each with how far it came. [`crate::cycle::pump`] takes them block by block.

use usher_directory::{Key, object};
use usher_store::{Snapshot, Sql, StoreError, Tx};

use crate::app::{App, AppId};

/// What a walk goes over. The number is the order in which walks are taken: leavers are found first, groups last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// One object.
    One = 0,
    /// Everything linked.
    Links = 1,
    /// The members of a group.
    Members = 2,
    /// All users of the directory.
    Users = 3,
    /// All groups of the directory.
    Groups = 4,
}

/// A walk and how far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) step: Step,
    pub(crate) object: Key,
    pub(crate) after: Key,
}

const PUT: Sql = Sql::same(
    "insert into walk (app, step, object, after) values ($1, $2, $3, -1) \
     on conflict (app, step, object) do update set after = -1",
);
const FIRST: Sql =
    Sql::same("select step, object, after from walk where app = $1 order by step, object limit 1");
const MOVE: Sql = Sql::same("update walk set after = $4 where app = $1 and step = $2 and object = $3");
const END: Sql = Sql::same("delete from walk where app = $1 and step = $2 and object = $3");

fn put(tx: &mut Tx<'_>, app: AppId, step: Step, object: i64) -> Result<(), StoreError> {
    tx.exec(&PUT, &[app.0.into(), (step as i64).into(), object.into()]).map(drop)
}

/// Everything linked and everybody in the directory: an initial cycle, a changed mapping, filter or scope.
pub(crate) fn everything(tx: &mut Tx<'_>, app: AppId) -> Result<(), StoreError> {
    for step in [Step::Links, Step::Users, Step::Groups] {
        put(tx, app, step, 0)?;
    }
    Ok(())
}

const FORGET: Sql = Sql::same("delete from walk where app = $1");

/// No walk goes on.
pub(crate) fn forget(tx: &mut Tx<'_>, app: AppId) -> Result<(), StoreError> {
    tx.exec(&FORGET, &[app.0.into()]).map(drop)
}

/// Everything linked (a relevant group is gone and who was in it is no longer known).
pub(crate) fn links(tx: &mut Tx<'_>, app: AppId) -> Result<(), StoreError> {
    put(tx, app, Step::Links, 0)
}

/// One object.
pub(crate) fn one(tx: &mut Tx<'_>, app: AppId, object: Key) -> Result<(), StoreError> {
    put(tx, app, Step::One, object.0)
}

/// The members of a group.
pub(crate) fn members(tx: &mut Tx<'_>, app: AppId, group: Key) -> Result<(), StoreError> {
    put(tx, app, Step::Members, group.0)
}

/// The members of a group and of all groups in it, at any depth; groups that contain each other are each walked once.
pub(crate) fn below(tx: &mut Tx<'_>, app: &App, group: Key) -> Result<(), StoreError> {
    for group in object::groups_below(tx, app.directory, &[group])? {
        members(tx, app.id, group)?;
    }
    Ok(())
}

/// The walk to go on with.
pub(crate) fn first(on: &mut Snapshot<'_>, app: AppId) -> Result<Option<Walk>, StoreError> {
    let row = on.one::<(i64, i64, i64)>(&FIRST, &[app.0.into()])?;
    Ok(row.map(|(step, object, after)| Walk {
        step: match step {
            0 => Step::One,
            1 => Step::Links,
            2 => Step::Members,
            3 => Step::Users,
            _ => Step::Groups,
        },
        object: Key(object),
        after: Key(after),
    }))
}

/// Keeps how far a walk came; `None`: it is done.
pub(crate) fn advance(tx: &mut Tx<'_>, app: AppId, walk: &Walk, to: Option<Key>) -> Result<(), StoreError> {
    let (step, object) = ((walk.step as i64).into(), walk.object.0.into());
    match to {
        Some(to) => tx.exec(&MOVE, &[app.0.into(), step, object, to.0.into()])?,
        None => tx.exec(&END, &[app.0.into(), step, object])?,
    };
    Ok(())
}
