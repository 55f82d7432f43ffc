//! What an app is tended for while nothing changes: a probe that proves that it can still be reached, an alert when it can't or when
//! no cycle ends, credentials that expire, a digest of what failed.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use usher_store::{Sql, StoreError, Tx};

use crate::{
    app::{App, AppId},
    cycle::run::{self, Run},
    notify,
};

/// After a probe that failed for the first time the next one comes so soon.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// So long before credentials expire the app is probed.
const BEFORE_EXPIRY: SignedDuration = SignedDuration::from_hours(1);
/// So long before it somebody is told, and once more.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// An alert when no cycle has ended for so many intervals.
const INTERVALS: i64 = 3;
/// How many probes fail in a row before somebody is told.
const TWICE: u32 = 2;

/// What is known of an app while nothing changes, and what was told of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Heart {
    /// When it was probed last.
    pub tried: Option<Timestamp>,
    /// How many probes in a row failed.
    pub failed: u32,
    /// Why the last one did.
    pub text: Option<String>,
    /// When it was told that no cycle ends.
    silence: Option<Timestamp>,
    /// Of which expiry it was told, and how near it was.
    expiry: Option<(Timestamp, Nearness)>,
    /// When the last digest was made.
    digest: Option<Timestamp>,
}

/// How near the end of credentials is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Nearness {
    Week,
    Day,
    Over,
}

/// What an app is to be tended for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Due {
    pub(crate) probe: bool,
    silence: bool,
    expiry: bool,
    digest: bool,
}

impl Due {
    pub(crate) fn any(self) -> bool {
        self != Self::default()
    }
}

fn nearness(expires: Timestamp, now: Timestamp) -> Option<Nearness> {
    match expires.duration_since(now) {
        left if left <= SignedDuration::ZERO => Some(Nearness::Over),
        left if left <= DAY => Some(Nearness::Day),
        left if left <= WEEK => Some(Nearness::Week),
        _ => None,
    }
}

/// What a started app is to be tended for. `watched`: since when its cycles could have been run.
pub(crate) fn due(app: &App, run: &Run, watched: Timestamp, now: Timestamp) -> Due {
    let heart = &run.heart;
    let passed = |since: Timestamp, time: SignedDuration| now.duration_since(since) >= time;
    let told = app.settings.notify_email.is_some();
    // In quarantine it is tried by another schedule, and its mails say so.
    let works = run.stopped.is_none();
    let idle = works && run.cycle.is_none() && run.pause.is_none_or(|until| until <= now);
    let silent = SignedDuration::from_mins(i64::from(app.settings.interval) * INTERVALS);
    let since = run.ended.map_or(watched, |ended| ended.max(watched));
    let news = heart.silence.is_none_or(|told| run.ended.is_some_and(|ended| ended > told));
    let near = app.expires.and_then(|at| nearness(at, now).map(|near| (at, near)));
    Due {
        probe: idle && is_probe_due(app, run, now),
        silence: works && told && news && passed(since, silent),
        expiry: told
            && near.is_some_and(|(at, near)| heart.expiry.is_none_or(|(of, was)| of != at || was < near)),
        digest: told && app.settings.notify_digest && heart.digest.is_none_or(|last| passed(last, DAY)),
    }
}

fn is_probe_due(app: &App, run: &Run, now: Timestamp) -> bool {
    let Some(hours) = app.settings.heartbeat else { return false };
    // An app's first cycle probes it.
    let Some(last) = run.reachable.max(run.heart.tried) else { return false };
    let pause = if run.heart.failed == 1 { AGAIN } else { SignedDuration::from_hours(hours.into()) };
    let expiring = app.expires.and_then(|at| at.checked_sub(BEFORE_EXPIRY).ok());
    now.duration_since(last) >= pause || expiring.is_some_and(|at| now >= at && last < at)
}

/// Tells what is to be told.
pub(crate) fn tell(tx: &mut Tx<'_>, app: &App, watched: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let run = run::get(tx, app.id)?;
    let due = due(app, &run, watched, now);
    let mut heart = run.heart.clone();
    if due.silence {
        notify::silent(tx, app, &run, now)?;
        heart.silence = Some(now);
    }
    if due.expiry
        && let Some(at) = app.expires
    {
        notify::expires(tx, app, at, now)?;
        heart.expiry = nearness(at, now).map(|near| (at, near));
    }
    if due.digest {
        let day_ago = now.saturating_sub(DAY).unwrap_or(now);
        digest(tx, app, heart.digest.unwrap_or(day_ago), now)?;
        heart.digest = Some(now);
    }
    if heart != run.heart {
        run::set_heart(tx, app.id, &heart)?;
    }
    Ok(())
}

/// A probe came to an end; `failure`: why the app can't be worked with.
pub(crate) fn beat(
    tx: &mut Tx<'_>,
    app: &App,
    failure: Option<String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut heart = run::get(tx, app.id)?.heart;
    heart.tried = Some(now);
    heart.failed = if failure.is_some() { heart.failed.saturating_add(1) } else { 0 };
    heart.text.clone_from(&failure);
    run::set_heart(tx, app.id, &heart)?;
    match failure {
        None => run::reached(tx, app.id, now),
        Some(text) if heart.failed == TWICE => {
            let reachable = run::get(tx, app.id)?.reachable;
            notify::unreachable(tx, app, &text, reachable, now)
        }
        Some(_) => Ok(()),
    }
}

/// What was known is of other credentials, or of another time.
pub(crate) fn forget(tx: &mut Tx<'_>, app: AppId) -> Result<(), StoreError> {
    let heart = run::get(tx, app)?.heart;
    let kept = Heart { digest: heart.digest, expiry: heart.expiry, ..Heart::default() };
    run::set_heart(tx, app, &kept)
}

const FAILED: Sql = Sql::same(
    "select code, count(*), count(distinct source) from provisioning
     where app = $1 and at > $2 and status = 'failure' group by code order by 2 desc limit $3",
);
/// So many codes are named.
const CODES: usize = 50;

/// A mail about what failed since then, if anything did.
fn digest(tx: &mut Tx<'_>, app: &App, since: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let most = i64::try_from(CODES).unwrap_or(i64::MAX);
    let rows: Vec<(Option<String>, i64, i64)> =
        tx.all(&FAILED, &[app.id.0.into(), since.into(), most.into()], CODES)?;
    if rows.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = rows
        .into_iter()
        .map(|(code, times, objects)| {
            format!("{}: {times} failures of {objects} users or groups", code.unwrap_or_default())
        })
        .collect();
    notify::digest(tx, app, &lines.join("\n"), since, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_near_a_week_and_a_day_before_it() {
        let now: Timestamp = "2026-11-02T08:00:00Z".parse().unwrap();
        let near = |hours| nearness(now + SignedDuration::from_hours(hours), now);
        assert_eq!(near(7 * 24 + 1), None);
        assert_eq!(near(7 * 24), Some(Nearness::Week));
        assert_eq!(near(24), Some(Nearness::Day));
        assert_eq!(near(0), Some(Nearness::Over));
    }
}
