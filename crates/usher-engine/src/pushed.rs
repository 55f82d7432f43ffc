//! Groups that are pushed: the object and its membership, whether or not its members get accounts.
//!
//! An app's group has three switches that know nothing of each other: an assignment gives its *members accounts*; *push* keeps the
//! group object and its membership in step; what it is *pushed as* is a group made or matched in the app, or one linked by its id,
//! whose name is the app's unless the link renames. An assigned group is pushed as long as nobody says otherwise here.

use std::collections::HashMap;

use usher_directory::{Key, Kind, object};
use usher_scim::AttributePath;
use usher_store::{Snapshot, Sql, StoreError, Tx, list};

use crate::{
    app::{App, AppId},
    cycle::walk,
    error::EngineError,
    link,
};

/// What is said of a group's push. Numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is kept in step, assigned or not.
    On = 1,
    /// Nothing of it is sent until it is resumed; what changes meanwhile is sent then.
    Paused = 2,
    /// It is not, although it may be assigned.
    Off = 3,
}

impl State {
    /// As printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Paused => "paused",
            Self::Off => "off",
        }
    }
}

/// A group's push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// Its state.
    pub state: State,
    /// Whether the group in the app gets the directory's name.
    pub renames: bool,
}

const OF: Sql = Sql::each(
    "select object, state, renames from pushed where app = $1 and object in (select value from json_each($2))",
    "select object, state, renames from pushed where app = $1 and object in \
     (select value::bigint from json_array_elements_text($2::text::json))",
);
const SET: Sql = Sql::same(
    "insert into pushed (app, object, state, renames) values ($1, $2, $3, $4) \
     on conflict (app, object) do update set state = excluded.state, renames = excluded.renames",
);
const FORGET: Sql = Sql::same("delete from pushed where app = $1 and object = $2");

/// What is said of these groups, as far as anything is.
pub(crate) fn of(
    on: &mut Snapshot<'_>,
    app: AppId,
    groups: &[Key],
) -> Result<HashMap<Key, Pushed>, StoreError> {
    if groups.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, i64, bool)> =
        on.all(&OF, &[app.0.into(), list::numbers(groups.iter().copied())], groups.len())?;
    let read = |(object, state, renames)| {
        let state = match state {
            1 => State::On,
            2 => State::Paused,
            _ => State::Off,
        };
        (Key(object), Pushed { state, renames })
    };
    Ok(rows.into_iter().map(read).collect())
}

/// What is said of a group.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn get(on: &mut Snapshot<'_>, app: AppId, group: Key) -> Result<Option<Pushed>, StoreError> {
    Ok(of(on, app, &[group])?.remove(&group))
}

fn set(tx: &mut Tx<'_>, app: &App, group: Key, to: Pushed) -> Result<(), EngineError> {
    let args = [app.id.0.into(), group.0.into(), (to.state as i64).into(), to.renames.into()];
    tx.exec(&SET, &args)?;
    walk::one(tx, app.id, group)?;
    tx.announce();
    Ok(())
}

/// Pushes a group, also one that was paused, unlinked or never assigned: it is looked for in the app by its matching properties, and
/// made where there is none.
///
/// # Errors
/// [`EngineError::Setting`]: the app's group mapping is switched off, so nothing would be sent.
pub fn push(tx: &mut Tx<'_>, app: &App, group: Key) -> Result<(), EngineError> {
    if !app.groups.enabled {
        return Err(EngineError::Setting(format!(
            "the group mapping of {} is switched off; import one with enabled = true, or reset it, to push groups",
            app.name
        )));
    }
    let renames = get(tx, app.id, group)?.is_none_or(|p| p.renames);
    set(tx, app, group, Pushed { state: State::On, renames })
}

/// Pauses a push: nothing of the group is sent. `false`: it is not pushed.
///
/// # Errors
/// [`EngineError::Store`].
pub fn pause(tx: &mut Tx<'_>, app: &App, group: Key) -> Result<bool, EngineError> {
    let said = get(tx, app.id, group)?;
    let assigned = !crate::assignment::of(tx, app.id, &[group])?.is_empty();
    let is_pushed = match said {
        Some(p) => p.state != State::Off,
        None => assigned || app.scope == crate::app::Scope::All,
    };
    if is_pushed {
        let renames = said.is_none_or(|p| p.renames);
        set(tx, app, group, Pushed { state: State::Paused, renames })?;
    }
    Ok(is_pushed)
}

/// Resumes a paused push; what changed meanwhile is sent. `false`: it is not paused.
///
/// # Errors
/// [`EngineError::Store`].
pub fn resume(tx: &mut Tx<'_>, app: &App, group: Key) -> Result<bool, EngineError> {
    let Some(said) = get(tx, app.id, group)?.filter(|p| p.state == State::Paused) else { return Ok(false) };
    set(tx, app, group, Pushed { state: State::On, ..said })?;
    Ok(true)
}

/// Whether the group in the app is to get the directory's name.
///
/// # Errors
/// [`EngineError::Store`].
pub fn rename(tx: &mut Tx<'_>, app: &App, group: Key, renames: bool) -> Result<(), EngineError> {
    let state = get(tx, app.id, group)?.map_or(State::On, |p| p.state);
    set(tx, app, group, Pushed { state, renames })
}

/// The push ends, and the group in the app is nobody's any longer. Its members keep their accounts.
pub(crate) fn unlink(tx: &mut Tx<'_>, app: &App, group: Key) -> Result<(), EngineError> {
    let renames = get(tx, app.id, group)?.is_none_or(|p| p.renames);
    link::forget(tx, app.id, group)?;
    set(tx, app, group, Pushed { state: State::Off, renames })
}

/// Links a group to one that is in the app, of which `sent` is what the mapping writes.
///
/// # Errors
/// [`StoreError::Conflict`]: another group of the directory holds it.
pub(crate) fn link_to(
    tx: &mut Tx<'_>,
    app: &App,
    group: &object::Stored,
    target: &str,
    sent: usher_scim::Object,
    renames: bool,
    now: jiff::Timestamp,
) -> Result<(), EngineError> {
    // What was written to the group it stood for before is not in this one.
    link::forget(tx, app.id, group.key)?;
    let link = link::Link {
        object: group.key,
        kind: Kind::Group,
        state: link::State::Active,
        target: Some(target.to_owned()),
        sent,
        source: group.id,
        name: group.name().to_owned(),
        whole: true,
        unsure: false,
        counted: (None, crate::cycle::run::Counted::Nothing),
        version: 0,
        changed: now,
    };
    link::save(tx, app.id, &link, now)?;
    set(tx, app, group.key, Pushed { state: State::On, renames })
}

/// Nothing is said of it any longer: it is gone.
pub(crate) fn forget(tx: &mut Tx<'_>, app: AppId, group: Key) -> Result<(), StoreError> {
    tx.exec(&FORGET, &[app.0.into(), group.0.into()]).map(drop)
}

/// Whether a target attribute is the group's name, which a push without renaming leaves alone.
pub(crate) fn is_name(path: &AttributePath) -> bool {
    path.schema.as_deref().is_none_or(|s| s.eq_ignore_ascii_case(usher_scim::schema::GROUP))
        && path.name.eq_ignore_ascii_case("displayName")
        && path.sub.is_none()
}
