//! Notification e-mail: to the app's `notify_email`, put into the outbox in the transaction of what it tells of.
//!
//! - With the check box (`notify_on_failure`): quarantine begun, its reason changed, left again.
//! - Always, where an address is set, since somebody has to act: leavers held back by the deletion threshold, creates held back by a
//!   limit, protected users, an app switched off after 28 days of quarantine, a heartbeat that fails twice, no cycle that ends,
//!   credentials that expire.
//! - Where it is asked for (`notify_digest`): once a day what failed, if anything did.
//!
//! Never at once for single objects that fail. The outbox sees to it that a topic comes once an hour at most, with the newest state
//! ([`usher_jobs::mail`]).

use jiff::Timestamp;
use usher_jobs::mail::{self, Mail};
use usher_store::{StoreError, Tx};

use crate::{
    app::App,
    cycle::run::{Run, Stop},
};

/// What happened to a quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Began,
    Changed,
    /// Its 28 days are over.
    Ended,
}

/// The topics of an app begin so.
pub(crate) fn topics(app: &App) -> String {
    format!("{}/", app.consumer())
}

fn put(
    tx: &mut Tx<'_>,
    app: &App,
    topic: &str,
    (subject, text): (String, String),
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(to) = app.settings.notify_email.clone() else { return Ok(()) };
    let topic = format!("{}{topic}", topics(app));
    let subject = format!("[Usher] {}: {subject}", app.name);
    let text = format!(
        "{text}\n\nApp: {}\nTenant URL: {}\nAt: {now}\n\nWhere it stands: usher app status {}\nWhat happened: usher app logs {}\n",
        app.name, app.tenant_url, app.name, app.name
    );
    mail::put(tx, &Mail { topic, to, subject, text }, now)
}

/// About a quarantine that begins, changes or ends.
pub(crate) fn quarantine(
    tx: &mut Tx<'_>,
    app: &App,
    stop: &Stop,
    event: Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    if event != Event::Ended && !app.settings.notify_on_failure {
        return Ok(());
    }
    let name = &app.name;
    let (subject, head) = match event {
        Event::Began => {
            ("in quarantine", format!("{name} is in quarantine: nothing but leavers is sent to it."))
        }
        Event::Changed => (
            "in quarantine for another reason",
            format!("{name} is still in quarantine, for another reason."),
        ),
        Event::Ended => (
            "switched off after 28 days of quarantine",
            format!(
                "{name} was in quarantine for 28 days and is switched off. `usher app start {name}` begins again."
            ),
        ),
    };
    let mut text = format!("{head}\n\n{}\n({}, since {})", stop.text, stop.code, stop.since);
    if let (Some(request), Some(answer)) = (&stop.request, &stop.answer) {
        text.push_str(&format!("\n\nRequest: {request}\nAnswer: {answer}"));
    }
    if event != Event::Ended {
        text.push_str(&format!("\n\nIt is tried again by itself, next at {}.", stop.next));
    }
    put(tx, app, "quarantine", (subject.to_owned(), text), now)
}

/// About a quarantine that is over.
pub(crate) fn lifted(tx: &mut Tx<'_>, app: &App, now: Timestamp) -> Result<(), StoreError> {
    if !app.settings.notify_on_failure {
        return Ok(());
    }
    let text = format!("{} works again. What waited is being provisioned, leavers first.", app.name);
    put(tx, app, "quarantine", ("out of quarantine".to_owned(), text), now)
}

/// About a protected user who would have lost something. Whoever is to act is told, with or without the check box.
pub(crate) fn protected(tx: &mut Tx<'_>, app: &App, what: &str, now: Timestamp) -> Result<(), StoreError> {
    put(tx, app, "protected", ("a protected user would have been harmed".to_owned(), what.to_owned()), now)
}

/// About leavers held back.
pub(crate) fn staged(tx: &mut Tx<'_>, app: &App, count: u64, now: Timestamp) -> Result<(), StoreError> {
    let name = &app.name;
    let text = format!(
        "{count} users or groups are to be disabled or deleted in {name}: with those of the last 24 hours more than the deletion \
         threshold allows. They wait and keep their access; everything else goes on.\n\nIf it is right, `usher app allow-deletes {name}` lets \
         them go. If it is not, correct the directory, the assignments or the scoping filter: who does not leave any longer is no \
         longer held."
    );
    put(tx, app, "staged", (format!("{count} leavers are held back"), text), now)
}

/// About creates held back by a limit, or an app that stopped after its first; `why` says what lets them go on.
pub(crate) fn held(tx: &mut Tx<'_>, app: &App, why: &str, now: Timestamp) -> Result<(), StoreError> {
    let text = format!("Users or groups wait to be made in {}: {why}.", app.name);
    put(tx, app, "held", ("creates are held back".to_owned(), text), now)
}

/// About a heartbeat that failed twice.
pub(crate) fn unreachable(
    tx: &mut Tx<'_>,
    app: &App,
    why: &str,
    reachable: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let name = &app.name;
    let since = reachable.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let text = format!(
        "There is nothing to send to {name} now, but two probes in a row failed:\n\n{why}\n\nLast proven reachable: {since}. Leavers could \
         not be disabled. `usher app test {name}` shows each step."
    );
    put(tx, app, "heartbeat", ("can't be reached".to_owned(), text), now)
}

/// About a started app of which no cycle has ended for long.
pub(crate) fn silent(tx: &mut Tx<'_>, app: &App, run: &Run, now: Timestamp) -> Result<(), StoreError> {
    let name = &app.name;
    let last =
        run.ended.map_or_else(|| "none has ended yet".to_owned(), |at| format!("the last ended at {at}"));
    let under_way = match &run.cycle {
        Some(cycle) => format!(
            "A cycle is under way since {}: {} of {} users and groups are done.",
            cycle.began, cycle.done, cycle.planned
        ),
        None => "None is under way; the server's log says why.".to_owned(),
    };
    let text = format!(
        "{name} has a cycle every {} minutes, and no cycle has ended for three times as long: {last}. {under_way}",
        app.settings.interval
    );
    put(tx, app, "silence", ("no cycle ends".to_owned(), text), now)
}

/// About credentials that expire or have expired.
pub(crate) fn expires(tx: &mut Tx<'_>, app: &App, at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let name = &app.name;
    let (subject, when) = match at <= now {
        true => ("the credentials have expired", "expired"),
        false => ("the credentials expire soon", "expire"),
    };
    let text = format!(
        "The credentials of {name} {when} at {at}. Make new ones in the app, then `usher app credentials {name} --secret-token-file FILE`: they \
         are tested before they replace the old ones."
    );
    put(tx, app, "credentials", (subject.to_owned(), text), now)
}

/// What failed in a day.
pub(crate) fn digest(
    tx: &mut Tx<'_>,
    app: &App,
    lines: &str,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let name = &app.name;
    let text =
        format!("Since {since} failed in {name}:\n\n{lines}\n\nEach: usher app logs {name} --status failure");
    put(tx, app, "digest", ("what failed today".to_owned(), text), now)
}
