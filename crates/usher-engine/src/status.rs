//! Where an app stands, as far as it is known.

use jiff::{SignedDuration, Timestamp};
use usher_directory::{Kind, object};
use usher_jobs::{
    mail::{self, Waiting},
    work,
};
use usher_store::Snapshot;

use crate::{
    app::App,
    cycle::{
        pump::lane,
        run::{self, Counts, Cycle, CycleKind, Stop},
    },
    error::EngineError,
    heart::Heart,
    leaver, limit, link, notify,
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
    /// The cycle under way; of an initial one `planned` counts with those whom it has not come to yet.
    pub cycle: Option<Cycle>,
    /// What it works on: `reading`, `leavers`, `users`, `groups` or `references`.
    pub phase: Option<&'static str>,
    /// How long it takes on, if it goes on as it did.
    pub eta: Option<SignedDuration>,
    /// The last one that ended.
    pub last_cycle: Option<Cycle>,
    /// Linked objects: `in_sync` active ones, `failed` in escrow, `staged` leavers, `held` creates; what was written counts to date,
    /// `out_of_scope` as the last cycle saw it.
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
    /// How probes of it came out while nothing was to be sent.
    pub heart: Heart,
    /// When its credentials expire.
    pub expires: Option<Timestamp>,
    /// Who waits to be made since no more may be made now; since when, and what lets them.
    pub held: Option<(Timestamp, String)>,
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
    let held = limit::count(on, app)?;
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
    let mut cycle = run.cycle;
    if let Some(cycle) = cycle.as_mut().filter(|cycle| cycle.kind == CycleKind::Initial) {
        cycle.planned = ahead(on, app, cycle)?;
    }
    let phase = cycle.as_ref().map(|_| phase(on, app, now)).transpose()?;
    Ok(Status {
        state,
        phase,
        eta: cycle.as_ref().and_then(|cycle| eta(cycle, now)),
        cycle,
        last_cycle: run.last,
        counts: Counts {
            in_sync: (linked.0 + linked.1).saturating_sub(escrows),
            failed: escrows,
            staged,
            held,
            ..run.total
        },
        held: run.limits.held.map(|since| (since, run.limits.why(app))),
        heart: run.heart,
        expires: app.expires,
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

/// What a cycle works on next.
fn phase(on: &mut Snapshot<'_>, app: &App, now: Timestamp) -> Result<&'static str, EngineError> {
    Ok(match work::take(on, app.queue, now, 1)?.first().map(|item| item.lane) {
        None => "reading",
        Some(lane::LEAVERS) => "leavers",
        Some(lane::USERS | lane::WALKED_USERS) => "users",
        Some(lane::GROUPS | lane::WALKED_GROUPS) => "groups",
        Some(_) => "references",
    })
}

/// How many an initial cycle comes to, if of those whom it has not looked at as many are in scope as of the others.
fn ahead(on: &mut Snapshot<'_>, app: &App, cycle: &Cycle) -> Result<u64, EngineError> {
    let all = object::count(on, app.directory, Kind::User)? + object::count(on, app.directory, Kind::Group)?;
    let looked_at = cycle.planned + cycle.counts.out_of_scope;
    let left = u64::try_from(all).unwrap_or_default().saturating_sub(looked_at);
    Ok(cycle.planned + (left * cycle.planned).checked_div(looked_at).unwrap_or(left))
}

fn eta(cycle: &Cycle, now: Timestamp) -> Option<SignedDuration> {
    let left = i32::try_from(cycle.planned.saturating_sub(cycle.done)).ok()?;
    let done = i32::try_from(cycle.done).ok().filter(|done| *done > 0)?;
    Some(now.duration_since(cycle.began).checked_mul(left)? / done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_is_done() {
        let began: Timestamp = "2026-11-02T08:00:00Z".parse().unwrap();
        let cycle = |done, planned| Cycle {
            id: uuid::Uuid::nil(),
            kind: CycleKind::Initial,
            began,
            ended: None,
            done,
            planned,
            counts: Counts::default(),
            requests: 0,
            writes: 0,
        };
        let after = |done, planned, seconds| {
            eta(&cycle(done, planned), began + SignedDuration::from_secs(seconds)).map(|eta| eta.as_secs())
        };
        assert_eq!(after(100, 400, 10), Some(30));
        assert_eq!(after(400, 400, 10), Some(0));
        assert_eq!(after(0, 400, 10), None, "nobody knows yet");
    }
}
