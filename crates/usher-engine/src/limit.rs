//! Limits on how many accounts and groups are made.
//!
//! - `app start --first N`: so many are made or taken over, then the app stops; the next start goes on without a limit.
//! - the setting `creates_max`: beyond so many creates in a cycle all further ones are held back until somebody allows them;
//!   everything else goes on.
//!
//! Who is held back keeps the row of work, due when it is let go ([`work::hold`]).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_jobs::work;
use usher_store::{Snapshot, StoreError, Tx};

use crate::{
    app::{self, App, AppId},
    cycle::run,
    error::EngineError,
    notify,
};

/// How many may be made, and how many were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The app stops after so many; `None`: it does not.
    pub first: Option<u64>,
    /// So many of these were made or taken over.
    pub linked: u64,
    /// Since when further ones are held back.
    pub held: Option<Timestamp>,
    /// `creates_max` does not hold until the cycle ends that makes those who were held back.
    pub allowed: bool,
}

impl Limits {
    /// How many more may be made in a cycle that made `created`; `None`: any number.
    pub(crate) fn room(&self, app: &App, created: u64) -> Option<u64> {
        if self.held.is_some() {
            return Some(0);
        }
        let first = self.first.map(|first| first.saturating_sub(self.linked));
        let most = app.settings.creates_max.filter(|_| !self.allowed);
        let most = most.map(|most| u64::from(most).saturating_sub(created));
        [first, most].into_iter().flatten().min()
    }

    /// Whether the app stops when what is under way has ended.
    pub(crate) fn stops(&self) -> bool {
        self.first.is_some_and(|first| self.linked >= first) && self.held.is_some()
    }

    /// Why who is held back is held back, and what lets them go.
    pub fn why(&self, app: &App) -> String {
        let name = &app.name;
        match (self.first, app.settings.creates_max) {
            (Some(first), _) if self.stops() => {
                format!("the first {first} are provisioned; `usher app start {name}` goes on")
            }
            (_, Some(most)) => format!(
                "more than {most} would be made in a cycle (creates_max); `usher app allow-creates {name}` lets them be made. \
                 Everything else goes on"
            ),
            _ => format!("`usher app allow-creates {name}` lets them be made"),
        }
    }
}

/// So many more were made or taken over.
pub(crate) fn spend(tx: &mut Tx<'_>, app: AppId, linked: u64) -> Result<(), StoreError> {
    let mut limits = run::get(tx, app)?.limits;
    if linked == 0 || limits.first.is_none() {
        return Ok(());
    }
    limits.linked += linked;
    run::set_limits(tx, app, &limits)
}

/// Somebody was held back: so are all who come after, and whoever is to be told is told.
pub(crate) fn hold(tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<(), StoreError> {
    let mut limits = run::get(tx, app.id)?.limits;
    if limits.held.is_some() {
        return Ok(());
    }
    limits.held = Some(now);
    run::set_limits(tx, app.id, &limits)?;
    notify::held(tx, app, &limits.why(app), now)
}

/// A cycle ended. An app that was to stop after its first stops; one that had no more to make has no such limit any longer.
pub(crate) fn ended(tx: &mut Tx<'_>, app: &App) -> Result<(), EngineError> {
    let before = run::get(tx, app.id)?.limits;
    if before.stops() {
        return app::set_enabled(tx, app, false);
    }
    let mut limits = Limits { allowed: false, ..before };
    if limits.first.is_some() {
        (limits.first, limits.linked) = (None, 0);
    }
    if limits != before {
        run::set_limits(tx, app.id, &limits)?;
    }
    Ok(())
}

/// The app starts: a limit of an earlier start is over, and who was held back by it goes on.
pub(crate) fn start(tx: &mut Tx<'_>, app: &App, first: Option<u64>) -> Result<(), EngineError> {
    let before = run::get(tx, app.id)?.limits;
    let held = before.held.filter(|_| before.first.is_none());
    if before.held.is_some() && held.is_none() {
        work::release(tx, app.queue)?;
    }
    run::set_limits(tx, app.id, &Limits { first, linked: 0, held, allowed: before.allowed })?;
    Ok(())
}

/// Lets those be made who are held back; the next cycle makes them. How many wait.
///
/// # Errors
/// [`StoreError`] of the statements.
pub fn allow(tx: &mut Tx<'_>, app: &App) -> Result<u64, StoreError> {
    let before = run::get(tx, app.id)?.limits;
    let kept = if before.stops() { Limits::default() } else { before };
    run::set_limits(tx, app.id, &Limits { held: None, allowed: before.held.is_some(), ..kept })?;
    work::release(tx, app.queue)
}

/// Another `creates_max` holds: who was held back is judged by it.
pub(crate) fn anew(tx: &mut Tx<'_>, app: &App) -> Result<(), StoreError> {
    let limits = run::get(tx, app.id)?.limits;
    if limits.held.is_some() && !limits.stops() {
        run::set_limits(tx, app.id, &Limits { held: None, ..limits })?;
        work::release(tx, app.queue)?;
    }
    Ok(())
}

/// How many are held back.
pub(crate) fn count(on: &mut Snapshot<'_>, app: &App) -> Result<u64, StoreError> {
    Ok(u64::try_from(work::held(on, app.queue)?).unwrap_or_default())
}
