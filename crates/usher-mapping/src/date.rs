//! Moments as text: Entra's `M/d/yyyy h:mm:ss tt` in UTC, and what people write besides.

mod format;
pub(crate) mod net;

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

pub(crate) use format::{Format, Styles};
pub use format::{SPECIFIERS, STANDARD, STYLES, Specifier};

const ENTRA: &str = "%-m/%-d/%Y %-I:%M:%S %p";

/// As Entra prints a moment: `7/2/2021 3:33:38 PM`, UTC.
pub(crate) fn print(at: Timestamp) -> String {
    at.strftime(ENTRA).to_string()
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads Entra's form (seconds, AM/PM or the whole time may be missing), ISO 8601 with or without an offset (a `T` or a
/// blank between date and time; a date alone may have an offset: its local midnight), and what .NET's invariant culture
/// reads besides: names of months and of days, `2020/3/16`. Without an offset it is UTC.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() < 8 || text.len() > 40 || !text.is_ascii() {
        return None;
    }
    let (local, offset) = split_offset(text)?;
    let at = civil(local)?;
    offset.to_timestamp(at).ok()
}

fn civil(local: &str) -> Option<DateTime> {
    let dashes = local.as_bytes().get(4) == Some(&b'-') && local.as_bytes().get(7) == Some(&b'-');
    if dashes && local.len() == 10 {
        return Some(local.parse::<Date>().ok()?.at(0, 0, 0, 0));
    }
    if dashes {
        return match local.as_bytes().get(10) {
            Some(b'T' | b't' | b' ') => local.parse::<DateTime>().ok(),
            _ => None,
        };
    }
    let styles = Styles::default();
    FORMATS.iter().find_map(|format| Some(net::read(format, local, styles, Date::ZERO)?.at))
}

/// What people write that is not ISO 8601, without and with a time.
static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    const DATES: [&str; 11] = [
        "M/d/yyyy",
        "yyyy/M/d",
        "d MMM yyyy",
        "d MMMM yyyy",
        "d-MMM-yyyy",
        "MMM d, yyyy",
        "MMMM d, yyyy",
        "MMM d yyyy",
        "MMMM d yyyy",
        "ddd, d MMM yyyy",
        "dddd, d MMMM yyyy",
    ];
    const TIMES: [&str; 5] = ["", " h:mm:ss tt", " H:mm:ss", " h:mm tt", " H:mm"];
    let all = DATES.iter().flat_map(|date| TIMES.iter().map(move |time| format!("{date}{time}")));
    // All of them are formats: a test reads each.
    all.filter_map(|format| Format::parse(&format).ok()).collect()
});

/// `2020-03-16-07:00` → `2020-03-16`, −7 h.
fn split_offset(text: &str) -> Option<(&str, Offset)> {
    for utc in ["Z", "z", " GMT", " UTC"] {
        if let Some(local) = text.strip_suffix(utc) {
            return Some((local, Offset::UTC));
        }
    }
    // `+0200` only behind a time: at the end of a date it would be a year.
    let width = |w: usize| text.len().checked_sub(w).filter(|at| *at >= 10 && text.is_char_boundary(*at));
    let tail = |at: usize| text.as_bytes().get(at).is_some_and(|b| matches!(b, b'+' | b'-'));
    let long = width(6).filter(|at| tail(*at) && text.as_bytes().get(at + 3) == Some(&b':'));
    let short = width(5).filter(|at| tail(*at) && text.contains(':'));
    let Some(at) = long.or(short) else { return Some((text, Offset::UTC)) };
    let (local, tail) = text.split_at(at);
    let sign = if tail.starts_with('-') { -1 } else { 1 };
    let digits = tail[1..].replace(':', "");
    let (hours, minutes) = (digits.get(..2)?.parse::<i32>().ok()?, digits.get(2..)?.parse::<i32>().ok()?);
    Some((local.trim_end(), Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_vectors() {
        let cases = [
            ("2020-03-16-07:00", "3/16/2020 7:00:00 AM"),
            ("2021-06-30+08:00", "6/29/2021 4:00:00 PM"),
            ("2009-06-15T01:45:30-07:00", "6/15/2009 8:45:30 AM"),
            ("2020-12-31 23:59:59-08:00", "1/1/2021 7:59:59 AM"),
            ("8/25/2021 5:41:18 PM", "8/25/2021 5:41:18 PM"),
            ("8/25/2021", "8/25/2021 12:00:00 AM"),
            ("2021-08-24", "8/24/2021 12:00:00 AM"),
            ("2021-08-24T10:00:00.5Z", "8/24/2021 10:00:00 AM"),
        ];
        for (text, printed) in cases {
            assert_eq!(parse(text).map(print).as_deref(), Some(printed), "{text}");
        }
        for text in ["", "20210824", "1.2.2021", "2021-13-01", "99/99/2021", "2021-08-24Tx", "employee 4711"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(FORMATS.len(), 55, "every format is one");
    }

    #[test]
    fn every_specifier_and_standard_format_is_what_the_table_says() {
        for (letter, custom) in STANDARD {
            assert!(Format::parse(&letter.to_string()).is_ok(), "{letter}");
            assert!(Format::parse(custom).is_ok(), "{custom}");
        }
        for specifier in SPECIFIERS.iter().filter(|s| s.name.starts_with(|c: char| c.is_ascii_alphabetic())) {
            for name in specifier
                .name
                .split([',', ' ', '…'])
                .filter(|name| !name.is_empty() && *name != "any" && *name != "other")
            {
                // A letter alone would be a standard format.
                let parsed = Format::parse(&format!("%{name}"));
                assert_eq!(parsed.is_err(), specifier.refused.is_some(), "{name}");
            }
        }
        for name in STYLES {
            assert!(Styles::parse(name).is_ok(), "{name}");
        }
    }
}
