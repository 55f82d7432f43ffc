//! Time passes too: whoever comes into scope, leaves it or gets another value because of the date is looked at when that turns.
//!
//! Only mappings that read the time are concerned ([`ObjectMapping::reads_time`]): an expression with `Now()`, a scoping filter with a
//! date counted from now. For each object the next moment is kept at which it would be judged otherwise than now.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use usher_directory::{Key, Kind};
use usher_mapping::{ObjectMapping, Value, date, mapping::Moment};
use usher_store::{Snapshot, Sql, StoreError, Tx, list, with_keys};

use crate::{
    app::{App, AppId},
    decide::{Entitled, Source},
    scope::{self, Judged},
    task,
};

/// How far ahead is looked; whoever does not turn until then is looked at again then.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);
/// So many hours, and then so many days, are looked at one by one; after that the steps double.
const STEPS: i64 = 8;
const SECOND: SignedDuration = SignedDuration::from_secs(1);

const PUT: Sql = Sql::same(
    "insert into turn (app, object, at) values ($1, $2, $3) on conflict (app, object) do update set at = excluded.at",
);
const ALSO: Sql = Sql::each(
    "insert into turn (app, object, at) values ($1, $2, $3) on conflict (app, object) do update set at = min(at, excluded.at)",
    "insert into turn (app, object, at) values ($1, $2, $3) on conflict (app, object) do update set at = least(turn.at, excluded.at)",
);
const END: Sql = Sql::same("delete from turn where app = $1 and object = $2");
const DUE: Sql =
    Sql::same("select object from turn where app = $1 and at <= $2 order by at, object limit $3");
const TAKE: Sql = with_keys!("delete from turn where app = $1 and object", "$2", "");

/// What decides about an object: whether it is in scope, and the values that read the time.
#[derive(PartialEq)]
struct Outcome {
    entitled: Entitled,
    values: Result<Vec<(usize, Value)>, String>,
}

/// A mapping's rows that read the time.
pub(crate) struct Clock {
    kind: Kind,
    rows: ObjectMapping,
}

impl Clock {
    /// `None`: the mapping of that kind does not read the time.
    pub(crate) fn of(app: &App, kind: Kind) -> Option<Self> {
        let mapping = app.mapping(kind);
        if !mapping.reads_time() {
            return None;
        }
        let rows = mapping.rows.iter().filter(|row| row.reads_time()).cloned().collect();
        Some(Self { kind, rows: ObjectMapping { rows, cases: Vec::new(), ..mapping.clone() } })
    }

    fn outcome(&self, app: &App, judged: &Judged, at: Timestamp, with_values: bool) -> Outcome {
        let then = scope::at(app, judged, self.kind, at);
        let values = match then.entitled {
            Entitled::Yes if with_values => task::mapped(app, &then, &self.rows, Moment::Update, at)
                .map(|rows| rows.into_iter().map(|row| (row.row, row.value)).collect())
                .map_err(|failure| failure.reason),
            _ => Ok(Vec::new()),
        };
        Outcome { entitled: then.entitled, values }
    }

    /// The first moment, to the second, at which an object is judged otherwise than now.
    fn next(&self, app: &App, judged: &Judged, now: Timestamp) -> Option<Timestamp> {
        // What is not active leaves or stays away whatever the time.
        if judged.source != Source::Active {
            return None;
        }
        let after = |away: SignedDuration| now.saturating_add(away).unwrap_or(Timestamp::MAX);
        let of = |at, with_values| self.outcome(app, judged, at, with_values);
        // A value that is another one each second is the time itself: nobody is written to for that.
        let with_values = of(now, true).values == of(after(SECOND), true).values;
        let present = of(now, with_values);
        let mut before = now;
        for at in moments(&judged.doc, now) {
            if of(at, with_values) != present {
                return Some(between(before, at, |at| of(at, with_values) != present));
            }
            before = at;
        }
        Some(after(HORIZON))
    }
}

/// The first second after `same` at which it `differs`, which it does at `other`.
fn between(mut same: Timestamp, mut other: Timestamp, differs: impl Fn(Timestamp) -> bool) -> Timestamp {
    while other.duration_since(same) > SECOND {
        let half = other.duration_since(same) / 2;
        let middle = same.saturating_add(half).unwrap_or(other);
        if differs(middle) {
            other = middle;
        } else {
            same = middle;
        }
    }
    other
}

/// The moments at which is looked: hour by hour, day by day, then at doubling steps, and about each date that the object has.
fn moments(doc: &usher_scim::Object, now: Timestamp) -> BTreeSet<Timestamp> {
    let end = now.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
    let mut moments: BTreeSet<Timestamp> = (1..=STEPS)
        .map(SignedDuration::from_hours)
        .chain((1..=STEPS).map(|day| SignedDuration::from_hours(24 * day)))
        .chain((4..=8).map(|power| SignedDuration::from_hours(24 << power)))
        .filter_map(|away| now.checked_add(away).ok())
        .collect();
    let mut dates = Vec::new();
    doc.values().for_each(|value| collect(value, &mut dates));
    let around = |at: Timestamp| [at.checked_sub(SECOND).ok(), Some(at), at.checked_add(SECOND).ok()];
    moments.extend(dates.into_iter().flat_map(around).flatten());
    moments.insert(end);
    moments.into_iter().filter(|at| *at > now && *at <= end).collect()
}

fn collect(value: &Json, dates: &mut Vec<Timestamp>) {
    match value {
        Json::String(text) if text.starts_with(|c: char| c.is_ascii_digit()) => {
            dates.extend(date::parse(text))
        }
        Json::Array(values) => values.iter().for_each(|value| collect(value, dates)),
        Json::Object(values) => values.values().for_each(|value| collect(value, dates)),
        _ => {}
    }
}

/// Keeps that an object is to be looked at then, if it is not anyway before. Whoever looks asks again when the next time is.
pub(crate) fn at(tx: &mut Tx<'_>, app: AppId, object: Key, at: Timestamp) -> Result<(), StoreError> {
    tx.exec(&ALSO, &[app.0.into(), object.0.into(), at.into()]).map(drop)
}

/// Keeps when this object turns, if it does.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    app: &App,
    clock: &Clock,
    judged: &Judged,
    now: Timestamp,
) -> Result<(), StoreError> {
    match clock.next(app, judged, now) {
        Some(at) => tx.exec(&PUT, &[app.id.0.into(), judged.key.0.into(), at.into()])?,
        None => tx.exec(&END, &[app.id.0.into(), judged.key.0.into()])?,
    };
    Ok(())
}

/// Takes a block of those who have turned; the caller looks at them in this transaction.
pub(crate) fn take(tx: &mut Tx<'_>, app: AppId, now: Timestamp, most: usize) -> Result<Vec<Key>, StoreError> {
    let keys = due(tx, app, now, most)?;
    if !keys.is_empty() {
        tx.exec(&TAKE, &[app.0.into(), list::numbers(keys.iter().copied())])?;
    }
    Ok(keys)
}

fn due(on: &mut Snapshot<'_>, app: AppId, now: Timestamp, most: usize) -> Result<Vec<Key>, StoreError> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<(i64,)> = on.all(&DUE, &[app.0.into(), now.into(), limit.into()], most)?;
    Ok(rows.into_iter().map(|(key,)| Key(key)).collect())
}

/// Whether somebody has turned.
pub(crate) fn is_due(on: &mut Snapshot<'_>, app: AppId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(!due(on, app, now, 1)?.is_empty())
}
