//! Where an app stands, as far as it is known.

use jiff::{SignedDuration, Timestamp};
use usher_directory::Kind;
use usher_jobs::{
    mail::{self, Waiting},
    work,
};
use usher_store::Snapshot;

use crate::{
    app::App,
    cycle::run::{self, Counts, Cycle, Stop},
    error::EngineError,
    leaver, link, notify,
};

/// An app's state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No cycles by themselves.
    Off,
    /// Cycles run.
    On,
    /// On, but the app can't be worked with; tried again now and then.
    Quarantine,
    /// Off, since the app could not be worked with for 28 days.
    Stopped,
}

impl State {
    /// As printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Quarantine => "quarantine",
            Self::Stopped => "stopped",
        }
    }
}

/// Where an app stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// In one word.
    pub state: State,
    /// The cycle under way.
    pub cycle: Option<Cycle>,
    /// The last one that ended.
    pub last_cycle: Option<Cycle>,
    /// Linked objects: `in_sync` active ones, `failed` in escrow, `staged` leavers; the last cycle's for the rest.
    pub counts: Counts,
    /// Users and groups linked at present.
    pub linked: (u64, u64),
    /// Since when nothing was left to do.
    pub steady_since: Option<Timestamp>,
    /// When the next cycle begins by itself.
    pub next_run: Option<Timestamp>,
    /// When the app last answered as it should.
    pub reachable: Option<Timestamp>,
    /// It asked for a pause until then.
    pub paused: Option<Timestamp>,
    /// Why it rests.
    pub stopped: Option<Stop>,
    /// Objects that failed and wait for another try.
    pub escrows: u64,
    /// Those of them that are parked: they failed for 28 days, and are tried when they change.
    pub parked: u64,
    /// Leavers held back by the deletion threshold.
    pub staged: u64,
    /// Mails about it that wait to be sent.
    pub mail: Waiting,
}

/// Reads it.
pub fn get(on: &mut Snapshot<'_>, app: &App, now: Timestamp) -> Result<Status, EngineError> {
    let run = run::get(on, app.id)?;
    let (_, _, escrows) = work::count(on, app.queue, now)?;
    let escrows = u64::try_from(escrows).unwrap_or_default();
    let staged = leaver::staged_count(on, app.id)?;
    let linked = (link::count_active(on, app.id, Kind::User)?, link::count_active(on, app.id, Kind::Group)?);
    let last = run.last.as_ref().map(|c| c.counts).unwrap_or_default();
    let state = match (app.enabled, &run.stopped) {
        (false, Some(stop)) if stop.ended.is_some() => State::Stopped,
        (_, Some(_)) => State::Quarantine,
        (true, None) => State::On,
        (false, None) => State::Off,
    };
    let interval = SignedDuration::from_mins(app.settings.interval.into());
    let next_run = match (state, &run.stopped) {
        (State::Off | State::Stopped, _) => None,
        (_, Some(stop)) => app.enabled.then_some(stop.next),
        _ => Some(
            run.ended
                .map_or(now, |at| at.saturating_add(interval).unwrap_or(now))
                .max(run.pause.unwrap_or(now)),
        ),
    };
    Ok(Status {
        state,
        cycle: run.cycle,
        last_cycle: run.last,
        counts: Counts {
            in_sync: (linked.0 + linked.1).saturating_sub(escrows),
            failed: escrows,
            staged,
            ..last
        },
        linked,
        steady_since: run.steady,
        next_run,
        reachable: run.reachable,
        paused: run.pause.filter(|p| *p > now),
        stopped: run.stopped,
        escrows,
        parked: u64::try_from(work::parked(on, app.queue)?).unwrap_or_default(),
        staged,
        mail: mail::waiting(on, &notify::topics(app))?,
    })
}
