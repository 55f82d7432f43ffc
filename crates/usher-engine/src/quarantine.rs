//! Quarantine: an app that can't be worked with, or at which too much fails, is left alone for longer and longer, and says why.
//!
//! | enters | at once | when |
//! | --- | --- | --- |
//! | [`EXCEPTION`] | yes | bad credentials, no SCIM at the tenant URL, no connection |
//! | [`PROPORTION`] | yes | above 40 % of at least 50 attempts failed |
//! | [`MISSING`] | yes | of the linked accounts touched more than ten and more than 5 % are gone |
//! | [`BASE`], [`TOTAL`] | at a cycle's end | above 40,000 objects in escrow; above 60,000 with those whose references wait |
//!
//! It is tried after 5, 15 and 60 minutes, then hourly for a day, then every six hours; after 28 days the app is switched off. What
//! leaves it: a try that goes well (of [`EXCEPTION`]: a connection test), `app start`, new credentials, `app restart`. Who is to lose
//! access is tried by the schedule of leavers all the while, and goes first when the app is back.

use jiff::{SignedDuration, Timestamp};
use usher_directory::feed;
use usher_jobs::{Backoff, clock::Clock, work};
use usher_store::{Snapshot, Sql, StoreError, Tx};

use crate::{
    app::{self, App, AppId},
    cycle::{
        pump::lane,
        run::{self, Leavers, Stop},
    },
    error::EngineError,
    leaver, notify,
};

/// Credentials or connection.
pub const EXCEPTION: &str = "EncounteredQuarantineException";
/// Too large a share fails.
pub const PROPORTION: &str = "EncounteredEscrowProportionThreshold";
/// Too many objects are in escrow.
pub const BASE: &str = "EncounteredBaseEscrowThreshold";
/// Too many objects are in escrow or wait for a reference.
pub const TOTAL: &str = "EncounteredTotalEscrowThreshold";

/// Too many linked accounts are gone from the app.
pub const MISSING: &str = "TargetMissing";

/// So many attempts make a share.
const LEAST: u64 = 50;
/// The share in percent.
const SHARE: u64 = 40;
const BASE_MOST: i64 = 40_000;
const TOTAL_MOST: i64 = 60_000;
/// How long an app is tried before it is switched off.
const LASTS: SignedDuration = SignedDuration::from_hours(24 * 28);

/// What a run of a cycle attempted, and how much of it failed. An object that was in sync is no attempt; neither is one that an app's
/// request to wait left untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tried {
    pub(crate) attempts: u64,
    pub(crate) failed: u64,
}

impl Tried {
    /// Whether too much failed, however little was tried.
    pub(crate) fn mostly_failed(self) -> bool {
        self.failed * 100 > self.attempts * SHARE
    }

    /// Whether it is to be left alone.
    pub(crate) fn is_beyond(self) -> bool {
        self.attempts >= LEAST && self.mostly_failed()
    }
}

/// Why an app goes into quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    pub(crate) code: String,
    /// What happened and what to do.
    pub(crate) text: String,
    /// The request that says so, and its answer.
    pub(crate) exchange: Option<(String, String)>,
}

impl Why {
    /// Too much fails; `last` is the last failure's code and reason.
    pub(crate) fn share(tried: Tried, last: Option<&str>, exchange: Option<(String, String)>) -> Self {
        let last = last.map(|last| format!("; the last failure: {last}")).unwrap_or_default();
        let text = format!(
            "{} of {} attempts failed{last}. `usher app logs --status failure` shows them",
            tried.failed, tried.attempts
        );
        Self { code: PROPORTION.to_owned(), text, exchange }
    }

    /// The same as before.
    pub(crate) fn still(stop: &Stop) -> Self {
        let exchange = stop.request.clone().zip(stop.answer.clone());
        Self { code: stop.code.clone(), text: stop.text.clone(), exchange }
    }
}

/// When it is tried next, after so many tries before.
fn next(since: Timestamp, tries: u32, now: Timestamp) -> Timestamp {
    let day = now.duration_since(since) < SignedDuration::from_hours(24);
    let minutes = match tries {
        0 => 5,
        1 => 15,
        2 => 60,
        _ if day => 60,
        _ => 360,
    };
    now.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(now)
}

const SWITCH_OFF: Sql = Sql::same("update app set enabled = $2, version = version + 1 where id = $1");

/// Puts an app into quarantine, or keeps it there after one more try; tells whoever is to be told.
pub(crate) fn enter(tx: &mut Tx<'_>, app: &App, why: &Why, now: Timestamp) -> Result<(), EngineError> {
    let before = run::get(tx, app.id)?.stopped;
    let tries = before.as_ref().map_or(0, |stop| stop.tries.saturating_add(1));
    let since = before.as_ref().map_or(now, |stop| stop.since);
    let same = before.as_ref().filter(|stop| stop.code == why.code);
    let over = now.duration_since(since) >= LASTS;
    let stop = Stop {
        code: why.code.clone(),
        text: why.text.clone(),
        since,
        began: Some(same.and_then(|stop| stop.began).unwrap_or(now)),
        tries,
        next: next(since, tries, now),
        request: why.exchange.as_ref().map(|(request, _)| request.clone()),
        answer: why.exchange.as_ref().map(|(_, answer)| answer.clone()),
        leavers: leavers(before.as_ref(), &why.code, now),
        ended: over.then_some(now),
    };
    run::stop(tx, app.id, &stop)?;
    if over && app.enabled {
        tx.exec(&SWITCH_OFF, &[app.id.0.into(), false.into()])?;
    }
    let event = match (&before, same) {
        _ if over => Some(notify::Event::Ended),
        (None, _) => Some(notify::Event::Began),
        (Some(_), None) => Some(notify::Event::Changed),
        (Some(_), Some(_)) => None,
    };
    if let Some(event) = event {
        notify::quarantine(tx, app, &stop, event, now)?;
    }
    Ok(())
}

/// Going into quarantine because the app can't be worked with is a try in vain for leavers, too.
fn leavers(before: Option<&Stop>, code: &str, now: Timestamp) -> Leavers {
    let before = before.map(|stop| stop.leavers).unwrap_or_default();
    if code != EXCEPTION {
        return before;
    }
    let tries = before.tries.saturating_add(1);
    let pause = Backoff::Leaver.pause(i64::from(tries));
    Leavers { tries, next: now.checked_add(pause).ok() }
}

/// It goes well again: takes the app out of quarantine, and says so.
pub(crate) fn leave(tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<(), EngineError> {
    if run::get(tx, app.id)?.stopped.is_some() {
        run::lift(tx, app.id)?;
        notify::lifted(tx, app, now)?;
    }
    Ok(())
}

const WAITING: Sql = Sql::same("select count(*) from (select distinct object from waiting where app = $1) w");

/// Whether so many objects failed in all that the app is left alone.
pub(crate) fn too_many(on: &mut Snapshot<'_>, app: &App, now: Timestamp) -> Result<Option<Why>, StoreError> {
    let (_, _, escrows) = work::count(on, app.queue, now)?;
    let why = |code: &str, text| Ok(Some(Why { code: code.to_owned(), text, exchange: None }));
    if escrows > BASE_MOST {
        return why(BASE, format!("{escrows} users and groups failed and wait for another try"));
    }
    let waiting = on.one::<(i64,)>(&WAITING, &[app.id.0.into()])?.map_or(0, |(n,)| n);
    if escrows + waiting > TOTAL_MOST {
        return why(
            TOTAL,
            format!("{escrows} users and groups failed, and {waiting} wait for somebody they refer to"),
        );
    }
    Ok(None)
}

/// How a cycle ends that began in quarantine for what failed: `true`, it leaves.
pub(crate) fn recovered(
    on: &mut Snapshot<'_>,
    app: &App,
    tried: Tried,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if tried.attempts > 0 {
        return Ok(!tried.mostly_failed());
    }
    // Nothing was due: only an empty escrow says that it is over.
    let (_, _, escrows) = work::count(on, app.queue, now)?;
    Ok(escrows == 0)
}

/// Whether somebody is to lose access whose time to be tried has come, although the app rests.
pub(crate) fn leavers_due(
    on: &mut Snapshot<'_>,
    app: &App,
    stop: &Stop,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if stop.leavers.next.is_some_and(|next| next > now) {
        return Ok(false);
    }
    Ok(work::is_due(on, app.queue, lane::LEAVERS, now)?
        || leaver::open(on, app.id)?
        || feed::leaver_waits(on, app.directory, &app.consumer())?)
}

/// The app could not be reached for its leavers: they are tried again soon, for ever.
pub(crate) fn leavers_later(tx: &mut Tx<'_>, app: AppId, clock: &Clock) -> Result<(), StoreError> {
    let Some(mut stop) = run::get(tx, app)?.stopped else { return Ok(()) };
    let tries = stop.leavers.tries.saturating_add(1);
    stop.leavers = Leavers { tries, next: Some(Backoff::Leaver.next(i64::from(tries), clock)) };
    run::stop(tx, app, &stop)
}

/// The app could be reached for its leavers; each goes by its own schedule.
pub(crate) fn leavers_reached(tx: &mut Tx<'_>, app: AppId) -> Result<(), StoreError> {
    let Some(mut stop) = run::get(tx, app)?.stopped else { return Ok(()) };
    stop.leavers = Leavers::default();
    run::stop(tx, app, &stop)
}

/// What `app restart` forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The place in the directory's feed: everybody is looked at again.
    Watermark,
    /// Failures that wait for another try. Leavers' are never forgotten: they are tried at once.
    Escrows,
    /// The quarantine.
    Quarantine,
    /// Which account is whose: everybody in step is matched again. Who left keeps the link, and who is gone from the directory too.
    Links,
}

impl Reset {
    /// What a restart forgets that names nothing.
    pub const DEFAULT: [Self; 3] = [Self::Watermark, Self::Escrows, Self::Quarantine];

    /// As in `--reset`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watermark => "watermark",
            Self::Escrows => "escrows",
            Self::Quarantine => "quarantine",
            Self::Links => "links",
        }
    }

    /// Reads `--reset`'s list: names with commas between them, or `all`; empty: [`Reset::DEFAULT`].
    ///
    /// # Errors
    /// [`EngineError::Setting`] names what there is.
    pub fn list(text: &str) -> Result<Vec<Self>, EngineError> {
        let known = [Self::Watermark, Self::Escrows, Self::Quarantine, Self::Links];
        let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return Ok(Self::DEFAULT.to_vec());
        }
        if names.contains(&"all") {
            return Ok(known.to_vec());
        }
        names
            .into_iter()
            .map(|name| {
                let found = known.into_iter().find(|reset| reset.as_str() == name);
                found.ok_or_else(|| {
                    EngineError::Setting(format!(
                        "a restart resets watermark, escrows, quarantine, links or all, not {name}"
                    ))
                })
            })
            .collect()
    }
}

/// What a restart did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restarted {
    /// Failures that were forgotten.
    pub escrows: u64,
    /// Leavers who are tried at once.
    pub leavers: u64,
    /// Links that were forgotten.
    pub links: u64,
}

/// Begins anew, forgetting what is named. The app stays on or off, but one that was switched off at the end of its quarantine is on
/// again when that is forgotten.
pub fn restart(tx: &mut Tx<'_>, app: &App, what: &[Reset], now: Timestamp) -> Result<Restarted, EngineError> {
    let mut done = Restarted::default();
    if what.contains(&Reset::Quarantine) {
        let ended = run::get(tx, app.id)?.stopped.is_some_and(|stop| stop.ended.is_some());
        run::lift(tx, app.id)?;
        if ended {
            app::set_enabled(tx, app, true)?;
        }
    }
    if what.contains(&Reset::Escrows) {
        done.leavers = work::retry(tx, app.queue, lane::LEAVERS, now)?;
        done.escrows = work::forget_failed(tx, app.queue)?;
    }
    if what.contains(&Reset::Links) {
        done.links = crate::link::unlink(tx, app, now)?;
    }
    if what.contains(&Reset::Watermark) || what.contains(&Reset::Links) {
        feed::forget(tx, app.directory, &app.consumer())?;
    }
    tx.announce();
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_judged_from_fifty_attempts_on() {
        let beyond = |attempts, failed| Tried { attempts, failed }.is_beyond();
        assert!(!beyond(49, 49), "too few");
        assert!(!beyond(50, 20), "forty percent is not above it");
        assert!(beyond(50, 21));
        assert!(!beyond(100_000, 20_000));
    }

    #[test]
    fn tries_come_further_and_further_apart() {
        let start: Timestamp = "2026-11-02T08:00:00Z".parse().unwrap();
        let (mut now, mut pauses) = (start, Vec::new());
        for tries in 0..40 {
            let then = next(start, tries, now);
            pauses.push(then.duration_since(now).as_mins());
            now = then;
        }
        assert_eq!(pauses[..4], [5, 15, 60, 60]);
        // Hourly until a day is over, then four times a day.
        let hours = pauses.iter().filter(|minutes| **minutes == 60).count();
        assert_eq!((hours, pauses[39]), (24, 360));
    }

    #[test]
    fn what_a_restart_forgets_is_read_and_a_typo_is_told() {
        assert_eq!(Reset::list("").unwrap(), Reset::DEFAULT);
        assert_eq!(Reset::list("escrows, links").unwrap(), [Reset::Escrows, Reset::Links]);
        assert_eq!(Reset::list("all").unwrap().len(), 4);
        assert!(Reset::list("escrow").unwrap_err().to_string().contains("escrows"));
    }
}
