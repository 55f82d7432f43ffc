//! Moments as text: Entra's `M/d/yyyy h:mm:ss tt` in UTC, and what people write besides.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

const ENTRA: &str = "%-m/%-d/%Y %-I:%M:%S %p";

/// As Entra prints a moment: `7/2/2021 3:33:38 PM`, UTC.
pub(crate) fn print(at: Timestamp) -> String {
    at.strftime(ENTRA).to_string()
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads Entra's form (seconds, AM/PM or the whole time may be missing) and ISO 8601 with or without an offset (a `T` or
/// a blank between date and time; a date alone may have an offset: its local midnight). Without an offset it is UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() < 8 || text.len() > 40 || !text.is_ascii() {
        return None;
    }
    if text.contains('/') {
        return ["%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M"]
            .iter()
            .find_map(|format| DateTime::strptime(format, text).ok())
            .or_else(|| Some(Date::strptime("%m/%d/%Y", text).ok()?.at(0, 0, 0, 0)))
            .and_then(|at| Offset::UTC.to_timestamp(at).ok());
    }
    let (local, offset) = split_offset(text)?;
    let at = if local.len() == 10 {
        local.parse::<Date>().ok()?.at(0, 0, 0, 0)
    } else if local.as_bytes().get(10).is_some_and(|b| matches!(b, b'T' | b't' | b' ')) {
        local.parse::<DateTime>().ok()?
    } else {
        return None;
    };
    offset.to_timestamp(at).ok()
}

/// `2020-03-16-07:00` → `2020-03-16`, −7 h.
fn split_offset(text: &str) -> Option<(&str, Offset)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, Offset::UTC));
    }
    let Some(at) = text.len().checked_sub(6).filter(|at| *at >= 10) else { return Some((text, Offset::UTC)) };
    let (local, tail) = text.split_at(at);
    let sign = match tail.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return Some((text, Offset::UTC)),
    };
    let (hours, minutes) = tail[1..].split_once(':')?;
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    Some((local.trim_end(), Offset::from_seconds(sign * seconds).ok()?))
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
    }
}
