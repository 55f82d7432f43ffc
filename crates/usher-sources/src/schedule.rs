//! When a server reads a source by itself.
use std::{str::FromStr, time::Duration};

use jiff::{Timestamp, civil::Time, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    source::{Settings, SourceKind},
    state::State,
};

/// Seconds between two runs that read changes of an LDAP server that does not tell of them.
const EVERY: u64 = 300;
/// When everything is read where nothing else is set: at night.
const NIGHT: Time = Time::constant(2, 0, 0, 0);

/// When a server reads a source by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Seconds between two runs that read what changed (all of it, where that can't be told); 0: never. 300; files: never, unless it
    /// is set.
    pub every: Option<u64>,
    /// Seconds between two runs that read everything; 0: never. Where it is set there is no time of day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_every: Option<u64>,
    /// The time of day at which everything is read; 02:00.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_at: Option<TimeOfDay>,
}

impl Schedule {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A time of day: `02:30` where the server stands, or `02:30 Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    time: Time,
    /// A name of the IANA time zone database; none: the server's own zone.
    zone: Option<String>,
}

impl TimeOfDay {
    /// The first such moment after another one. One that a clock skips in spring comes an hour later.
    fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let zone = match &self.zone {
            Some(name) => TimeZone::get(name).ok()?,
            None => TimeZone::system(),
        };
        let mut date = moment.to_zoned(zone.clone()).date();
        loop {
            let at = date.to_datetime(self.time).to_zoned(zone.clone()).ok()?.timestamp();
            if at > moment {
                return Some(at);
            }
            date = date.tomorrow().ok()?;
        }
    }
}

impl FromStr for TimeOfDay {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (time, zone) =
            text.trim().split_once(' ').map_or((text.trim(), None), |(t, z)| (t, Some(z.trim())));
        let wrong = || format!("{text:?} is no time of day such as 02:30 or \"02:30 Europe/Berlin\"");
        let digits = time.len() == 5 && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
        let time = time.parse::<Time>().ok().filter(|_| digits).ok_or_else(wrong)?;
        if let Some(zone) = zone {
            TimeZone::get(zone).map_err(|_| format!("there is no time zone {zone:?} (as Europe/Berlin)"))?;
        }
        Ok(Self { time, zone: zone.map(str::to_owned) })
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(at: TimeOfDay) -> Self {
        at.to_string()
    }
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.time.hour(), self.time.minute())?;
        self.zone.iter().try_for_each(|zone| write!(f, " {zone}"))
    }
}

/// What is to be done next for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Read everything, now.
    Full,
    /// Read what changed, now.
    Changes,
    /// Nothing for so long.
    In(Duration),
    /// Never.
    Never,
}

/// What is to be done next for a source of this kind that was read so far.
pub(crate) fn next(kind: SourceKind, settings: &Settings, state: &State, now: Timestamp) -> Next {
    let full = until_full(kind, settings, state, now);
    let changes = left(state.last, every(kind, settings), now);
    match (full, changes) {
        (Some(Duration::ZERO), _) => Next::Full,
        (_, Some(Duration::ZERO)) if state.full.is_none() => Next::Full,
        (_, Some(Duration::ZERO)) => Next::Changes,
        (Some(full), Some(changes)) => Next::In(full.min(changes)),
        (Some(wait), None) | (None, Some(wait)) => Next::In(wait),
        (None, None) => Next::Never,
    }
}

/// How long until everything is to be read; `None`: never.
pub(crate) fn until_full(
    kind: SourceKind,
    settings: &Settings,
    state: &State,
    now: Timestamp,
) -> Option<Duration> {
    // Files are read whole each time.
    if kind != SourceKind::Ldap {
        return None;
    }
    if let Some(seconds) = settings.schedule.full_every {
        return left(state.full, seconds, now);
    }
    let Some(last) = state.full.filter(|last| *last <= now) else { return Some(Duration::ZERO) };
    let night = TimeOfDay { time: NIGHT, zone: None };
    let at = settings.schedule.full_at.as_ref().unwrap_or(&night).after(last)?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn every(kind: SourceKind, settings: &Settings) -> u64 {
    settings.schedule.every.unwrap_or(if kind == SourceKind::Ldap { EVERY } else { 0 })
}

/// How long until `seconds` after a moment; never having been is now. `None`: `seconds` is 0, never.
fn left(since: Option<Timestamp>, seconds: u64, now: Timestamp) -> Option<Duration> {
    if seconds == 0 {
        return None;
    }
    let Some(since) = since else { return Some(Duration::ZERO) };
    // A clock that was set back does not make it wait longer than that.
    let gone = u64::try_from(now.duration_since(since).as_secs()).unwrap_or(seconds);
    Some(Duration::from_secs(seconds.saturating_sub(gone)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LdapSettings, source::Reads};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
    fn minutes(minutes: u64) -> Next {
        Next::In(Duration::from_secs(60 * minutes))
    }
    fn ldap(schedule: Schedule) -> impl Fn(&State, &str) -> Next {
        let mut settings = Settings::of(Reads::Ldap(Box::new(LdapSettings::of("ldaps://x", "dc=x"))));
        settings.schedule = schedule;
        move |state, now| next(SourceKind::Ldap, &settings, state, at(now))
    }
    fn read(full: &str, last: &str) -> State {
        State { full: Some(at(full)), last: Some(at(last)), ..State::default() }
    }

    #[test]
    fn an_ldap_source_is_read_whole_at_first_then_its_changes_and_whole_each_night() {
        let full_at = Some("02:00 UTC".parse().unwrap());
        let next = ldap(Schedule { full_at, ..Schedule::default() });
        assert_eq!(next(&State::default(), "2026-11-02T09:00:00Z"), Next::Full);
        let state = read("2026-11-02T08:00:00Z", "2026-11-02T08:58:00Z");
        assert_eq!(next(&state, "2026-11-02T09:00:00Z"), minutes(3));
        assert_eq!(next(&state, "2026-11-02T09:03:00Z"), Next::Changes);
        let late = read("2026-11-02T08:00:00Z", "2026-11-03T01:58:00Z");
        assert_eq!(
            next(&late, "2026-11-03T01:59:00Z"),
            minutes(1),
            "the night is nearer than the next changes"
        );
        assert_eq!(next(&late, "2026-11-03T02:00:00Z"), Next::Full);
        // Nobody was there at two: it is made up for.
        assert_eq!(next(&late, "2026-11-05T11:00:00Z"), Next::Full);
        // Read in this night, it is not read again before the next.
        let done = read("2026-11-03T02:00:01Z", "2026-11-03T08:00:00Z");
        assert_eq!(next(&done, "2026-11-03T08:00:00Z"), minutes(5));
        assert_eq!(
            next(&read("2026-11-03T02:00:01Z", "2026-11-04T01:59:59Z"), "2026-11-04T02:00:00Z"),
            Next::Full
        );
        // The clock was set back by a day: it is read rather now than in a day.
        assert_eq!(next(&state, "2026-11-01T09:00:00Z"), Next::Full);
    }

    #[test]
    fn a_night_is_where_it_is_said_and_comes_once_also_when_clocks_change() {
        let full_at: TimeOfDay = "02:30 Europe/Berlin".parse().unwrap();
        let after = |moment: &str| full_at.after(at(moment)).unwrap().to_string();
        assert_eq!(after("2026-11-02T09:00:00Z"), "2026-11-03T01:30:00Z");
        assert_eq!(after("2026-07-01T00:30:00Z"), "2026-07-02T00:30:00Z");
        // 02:30 is skipped on 29 March, and there twice on 25 October: the first of the two.
        assert_eq!(after("2026-03-28T12:00:00Z"), "2026-03-29T01:30:00Z");
        assert_eq!(after("2026-03-29T01:30:00Z"), "2026-03-30T00:30:00Z");
        assert_eq!(after("2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
        assert_eq!(after("2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
    }

    #[test]
    fn an_interval_goes_instead_of_a_time_of_day() {
        let next = ldap(Schedule { every: Some(0), full_every: Some(86_400), full_at: None });
        let state = read("2026-11-02T08:00:00Z", "2026-11-02T08:58:00Z");
        assert_eq!(next(&state, "2026-11-03T07:59:00Z"), minutes(1));
        assert_eq!(next(&state, "2026-11-03T08:00:00Z"), Next::Full);
        assert_eq!(next(&state, "2026-11-01T09:00:00Z"), Next::Full);
        let never = ldap(Schedule { every: Some(0), full_every: Some(0), full_at: None });
        assert_eq!(never(&State::default(), "2026-11-02T09:00:00Z"), Next::Never);
    }

    #[test]
    fn files_are_read_by_themselves_only_where_that_is_set() {
        let now = at("2026-11-02T09:00:00Z");
        let mut files = Settings::of_file("x");
        assert_eq!(next(SourceKind::Ldif, &files, &State::default(), now), Next::Never);
        files.schedule.every = Some(60);
        assert_eq!(next(SourceKind::Csv, &files, &State::default(), now), Next::Full);
    }

    #[test]
    fn times_of_day_as_they_are_written() {
        for good in ["02:30", "23:59 America/New_York", "00:00 UTC"] {
            assert_eq!(good.parse::<TimeOfDay>().unwrap().to_string(), good);
        }
        for bad in ["", "2", "24:00", "02:30:15", "2am", "02:30 Nowhere/Town", "T02:3"] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
        }
        let kept = r#"{"every":60,"full_at":"02:30 Europe/Berlin"}"#;
        let schedule: Schedule = serde_json::from_str(kept).unwrap();
        assert_eq!(serde_json::to_string(&schedule).unwrap(), kept);
        assert!(serde_json::from_str::<Schedule>(r#"{"full_at":"noon"}"#).is_err());
    }
}
