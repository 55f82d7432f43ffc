//! Reading and writing by .NET's formats. The service's own time zone is UTC, as Entra's is.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, Weekday};

use super::format::{Assume, Format, Styles, Token};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// What .NET calls the kind of a date-time: what `K` writes follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    Unspecified,
    Utc,
    /// The service's own, which is UTC too.
    Local,
}

/// A date and time as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) at: DateTime,
    pub(crate) zone: Zone,
}

/// What the parts of a text say.
#[derive(Default)]
struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    weekday: Option<Weekday>,
    hour: Option<i8>,
    twelve: bool,
    afternoon: Option<bool>,
    minute: Option<i8>,
    second: Option<i8>,
    nanoseconds: Option<i32>,
    /// Seconds east of UTC.
    offset: Option<i32>,
    /// It was a `Z`.
    zulu: bool,
}

struct Cursor<'t> {
    rest: &'t str,
}

impl Cursor<'_> {
    fn skip_white(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, c: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(c)?;
        Some(())
    }

    fn take_any(&mut self, text: &str) -> Option<()> {
        let head = self.rest.get(..text.len())?;
        if !head.eq_ignore_ascii_case(text) {
            return None;
        }
        self.rest = &self.rest[text.len()..];
        Some(())
    }

    /// Between `least` and `most` digits.
    fn digits(&mut self, least: usize, most: usize) -> Option<&str> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        Some(digits)
    }

    /// A number in exactly that many digits; of width 1 in one or two.
    fn number(&mut self, width: usize) -> Option<i32> {
        let (least, most) = if width == 1 { (1, 2) } else { (width, width) };
        self.digits(least, most)?.parse().ok()
    }

    /// One of some names, in full or its first three letters.
    fn name(&mut self, names: &[&str], full: bool) -> Option<usize> {
        let length = |name: &str| if full { name.len() } else { 3 };
        names.iter().position(|name| self.take_any(&name[..length(name)]).is_some())
    }

    /// `+2`, `+02`, `+02:00` or `+0200`.
    fn offset(&mut self, width: usize) -> Option<i32> {
        let sign = if self.take('+').is_some() { 1 } else { self.take('-').map(|()| -1)? };
        let hours = self.number(width.min(2))?;
        let mut minutes = 0;
        if width == 3 {
            let _ = self.take(':');
            minutes = self.number(2)?;
        }
        (hours <= 14 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// Says a part; saying it twice differently is wrong.
fn say<T: PartialEq>(part: &mut Option<T>, value: T) -> Option<()> {
    match part {
        Some(said) if *said != value => None,
        _ => {
            *part = Some(value);
            Some(())
        }
    }
}

/// Reads a text by a format; `None`: it is not written so. What the format does not speak of is the first of its kind,
/// the whole date `today`.
pub(crate) fn read(format: &Format, text: &str, styles: Styles, today: Date) -> Option<Stamp> {
    let text = if styles.leading_white { text.trim_start() } else { text };
    let mut cursor = Cursor { rest: if styles.trailing_white { text.trim_end() } else { text } };
    let mut parts = Parts::default();
    let mut tokens = format.tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        if styles.inner_white {
            cursor.skip_white();
        }
        match token {
            Token::Literal(c) if styles.inner_white && c.is_whitespace() => {}
            // A point before an optional fraction goes with it.
            Token::Literal('.') if cursor.take('.').is_none() => match tokens.next() {
                Some(Token::Fraction { optional: true, .. }) => {}
                _ => return None,
            },
            Token::Literal('.') => {}
            Token::Literal(c) => cursor.take(*c)?,
            other => part(*other, &mut cursor, &mut parts)?,
        }
    }
    if styles.inner_white {
        cursor.skip_white();
    }
    if !cursor.rest.is_empty() {
        return None;
    }
    if format.universal {
        parts.offset.get_or_insert(0);
        parts.zulu = true;
    }
    whole(&parts, styles, today)
}

fn part(token: Token, cursor: &mut Cursor<'_>, parts: &mut Parts) -> Option<()> {
    let small = |number: i32| i8::try_from(number).ok();
    match token {
        Token::Literal(c) => cursor.take(c),
        Token::Day(width) => say(&mut parts.day, small(cursor.number(width)?)?),
        Token::WeekDay { full } => {
            let day = i8::try_from(cursor.name(&DAYS, full)?).ok()?;
            say(&mut parts.weekday, Weekday::from_sunday_zero_offset(day).ok()?)
        }
        Token::Fraction { digits, optional } => {
            let found = cursor.digits(if optional { 0 } else { digits }, digits)?;
            let fraction = format!("{found:0<9}").parse().ok()?;
            say(&mut parts.nanoseconds, fraction)
        }
        Token::Era => cursor.take_any("A.D.").or_else(|| cursor.take_any("AD")),
        Token::Hour12(width) => {
            parts.twelve = true;
            say(&mut parts.hour, small(cursor.number(width)?)?)
        }
        Token::Hour24(width) => say(&mut parts.hour, small(cursor.number(width)?)?),
        Token::Zone => {
            if cursor.take('Z').is_some() {
                parts.zulu = true;
                say(&mut parts.offset, 0)
            } else if cursor.rest.starts_with(['+', '-']) {
                say(&mut parts.offset, cursor.offset(3)?)
            } else {
                Some(())
            }
        }
        Token::Minute(width) => say(&mut parts.minute, small(cursor.number(width)?)?),
        Token::Month(width) => say(&mut parts.month, small(cursor.number(width)?)?),
        Token::MonthName { full } => {
            let month = i8::try_from(cursor.name(&MONTHS, full)?).ok()?;
            say(&mut parts.month, month + 1)
        }
        Token::Second(width) => say(&mut parts.second, small(cursor.number(width)?)?),
        Token::HalfDay { full } => {
            let afternoon = match (cursor.take_any("A"), cursor.take_any("P")) {
                (Some(()), _) => false,
                (None, Some(())) => true,
                _ => return None,
            };
            if full {
                cursor.take_any("M")?;
            }
            say(&mut parts.afternoon, afternoon)
        }
        Token::Year(width) => {
            let year = cursor.number(width)?;
            let year = match year {
                0..=49 if width < 3 => 2000 + year,
                50..=99 if width < 3 => 1900 + year,
                year => year,
            };
            say(&mut parts.year, i16::try_from(year).ok().filter(|year| (1..=9999).contains(year))?)
        }
        Token::Offset(width) => say(&mut parts.offset, cursor.offset(width)?),
    }
}

/// The parts as a date and time.
fn whole(parts: &Parts, styles: Styles, today: Date) -> Option<Stamp> {
    let dateless = parts.year.is_none() && parts.month.is_none() && parts.day.is_none();
    let date = match dateless {
        true if styles.no_current_date => Date::new(1, 1, 1).ok()?,
        true => today,
        false => Date::new(
            parts.year.unwrap_or_else(|| today.year()),
            parts.month.unwrap_or(1),
            parts.day.unwrap_or(1),
        )
        .ok()?,
    };
    if parts.weekday.is_some_and(|day| day != date.weekday()) {
        return None;
    }
    let said = parts.hour.unwrap_or(0);
    let hour = match (parts.twelve, parts.afternoon) {
        (true, _) if !(0..=12).contains(&said) => return None,
        (true, afternoon) => said % 12 + if afternoon == Some(true) { 12 } else { 0 },
        (false, Some(afternoon)) if (said >= 12) != afternoon => return None,
        (false, _) => said,
    };
    let (minute, second) = (parts.minute.unwrap_or(0), parts.second.unwrap_or(0));
    // Out of range is no time; 60 seconds are none either.
    let time = Time::new(hour, minute, second, parts.nanoseconds.unwrap_or(0)).ok()?;
    let at = date.to_datetime(time);
    let (offset, zone) = match (parts.offset, styles.assume) {
        (None, None) => return Some(Stamp { at, zone: Zone::Unspecified }),
        (None, Some(Assume::Local | Assume::Universal)) => (0, Zone::Local),
        (Some(offset), _) if styles.roundtrip && parts.zulu => (offset, Zone::Utc),
        (Some(offset), _) => (offset, Zone::Local),
    };
    let zone = if styles.to_universal { Zone::Utc } else { zone };
    let at = at.checked_sub(SignedDuration::from_secs(i64::from(offset))).ok()?;
    (1..=9999).contains(&at.year()).then_some(Stamp { at, zone })
}

/// Writes by a format.
pub(crate) fn write(format: &Format, stamp: Stamp) -> String {
    let at = stamp.at;
    let mut out = String::new();
    for token in &format.tokens {
        match *token {
            Token::Literal(c) => out.push(c),
            Token::Day(width) => number(&mut out, i32::from(at.day()), width),
            Token::WeekDay { full } => {
                let day = usize::try_from(at.weekday().to_sunday_zero_offset()).unwrap_or_default();
                name(&mut out, DAYS[day % 7], full);
            }
            Token::Fraction { digits, optional } => {
                fraction(&mut out, at.subsec_nanosecond(), digits, optional)
            }
            Token::Era => out.push_str("A.D."),
            Token::Hour12(width) => number(&mut out, (i32::from(at.hour()) + 11) % 12 + 1, width),
            Token::Hour24(width) => number(&mut out, i32::from(at.hour()), width),
            Token::Zone => out.push_str(match stamp.zone {
                Zone::Unspecified => "",
                Zone::Utc => "Z",
                Zone::Local => "+00:00",
            }),
            Token::Minute(width) => number(&mut out, i32::from(at.minute()), width),
            Token::Month(width) => number(&mut out, i32::from(at.month()), width),
            Token::MonthName { full } => {
                let month = usize::try_from(at.month() - 1).unwrap_or_default();
                name(&mut out, MONTHS[month % 12], full);
            }
            Token::Second(width) => number(&mut out, i32::from(at.second()), width),
            Token::HalfDay { full } => {
                out.push(if at.hour() < 12 { 'A' } else { 'P' });
                if full {
                    out.push('M');
                }
            }
            Token::Year(width @ 1..=2) => number(&mut out, i32::from(at.year()) % 100, width),
            Token::Year(width) => number(&mut out, i32::from(at.year()), width),
            Token::Offset(width) => out.push_str(["+0", "+00", "+00:00"][(width - 1) % 3]),
        }
    }
    out
}

fn number(out: &mut String, number: i32, width: usize) {
    out.push_str(&format!("{number:0width$}"));
}

fn name(out: &mut String, name: &str, full: bool) {
    out.push_str(if full { name } else { &name[..3] });
}

fn fraction(out: &mut String, nanoseconds: i32, digits: usize, optional: bool) {
    let all = format!("{nanoseconds:09}");
    let mut shown = &all[..digits];
    if optional {
        shown = shown.trim_end_matches('0');
        if shown.is_empty() && out.ends_with('.') {
            out.pop();
        }
    }
    out.push_str(shown);
}
