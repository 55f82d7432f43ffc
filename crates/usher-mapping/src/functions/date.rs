//! Dates.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Unit};

use super::{Check, Function, Run};
use crate::date::{Format, Styles, net};
use crate::expression::ast::{Kind, Node};
use crate::expression::eval::Call;
use crate::{EvalError, ExpressionError, Value};

type Answer = Result<Value, EvalError>;

/// 1601-01-01 UTC, the start of Windows' FILETIME, in seconds since 1970.
const FILETIME_START: i64 = -11_644_473_600;

pub(super) const TABLE: &[Function] = &[
    Function::new("CDate", "(source)", (1, Some(1)), Run::Eager(|c| c.moment(0).map(Value::DateTime))).each().doc(
        "A date from a text, in UTC; a date alone is its midnight. Dates with points or without any separator are refused: nobody can say which part is the month.",
        &[
            (r#"CDate("2020-03-16-07:00")"#, "3/16/2020 7:00:00 AM"),
            (r#"CDate("2021-06-30+08:00")"#, "6/29/2021 4:00:00 PM"),
            (r#"CDate("2009-06-15T01:45:30-07:00")"#, "6/15/2009 8:45:30 AM"),
            (r#"CDate("June 15, 2009 8:45 PM")"#, "6/15/2009 8:45:00 PM"),
        ],
    ),
    Function::new("DateAdd", "(interval, value, date)", (3, Some(3)), Run::Eager(date_add)).doc(
        "A date moved by a number of yyyy, m, d, ww, h, n (minutes) or s; the end of a month stays in its month.",
        &[
            (r#"DateAdd("d", 7, CDate("2012-03-16-07:00"))"#, "3/23/2012 7:00:00 AM"),
            (r#"DateAdd("d", -10, CDate("2012-03-16-07:00"))"#, "3/6/2012 7:00:00 AM"),
            (r#"DateAdd("ww", 2, CDate("2012-03-16-07:00"))"#, "3/30/2012 7:00:00 AM"),
            (r#"DateAdd("m", 10, CDate("2012-03-16-07:00"))"#, "1/16/2013 7:00:00 AM"),
            (r#"DateAdd("yyyy", 2, CDate("2012-03-16-07:00"))"#, "3/16/2014 7:00:00 AM"),
            (r#"DateAdd("m", 1, "2021-01-31")"#, "2/28/2021 12:00:00 AM"),
        ],
    ),
    Function::new("DateDiff", "(interval, date1, date2)", (3, Some(3)), Run::Eager(date_diff)).doc(
        "From the first date to the second, in whole d, h, n or s, in Sundays crossed (ww), or by the calendar (m, yyyy).",
        &[
            (r#"DateDiff("d", "2021-08-18+08:00", "2021-08-31+08:00")"#, "13"),
            (r#"DateDiff("d", "8/25/2021 5:41:18 PM", "2012-03-16-07:00")"#, "-3449"),
            (r#"DateDiff("ww", "8/25/2021 5:41:18 PM", "2012-03-16-07:00")"#, "-493"),
            (r#"DateDiff("m", "8/25/2021 5:41:18 PM", "2012-03-16-07:00")"#, "-113"),
            (r#"DateDiff("yyyy", "8/25/2021 5:41:18 PM", "2012-03-16-07:00")"#, "-9"),
            (r#"DateDiff("h", "2021-08-24", "2021-08-25")"#, "24"),
            (r#"DateDiff("n", "2021-08-24", "2021-08-25")"#, "1440"),
            (r#"DateDiff("s", "2021-08-24", "2021-08-25")"#, "86400"),
            (r#"DateDiff("d", "2021-08-24", "2021-08-24")"#, "0"),
        ],
    ),
    Function::new("FormatDateTime", "(source, dateTimeStyles?, inputFormat, outputFormat)", (3, Some(4)), Run::Eager(format_date_time))
        .may_be_empty(&[1])
        .each()
        .checked(check_formats)
        .doc(
            "A date written in another of .NET's formats (see *Formats of dates*); with three arguments the styles are left out.",
            &[
                (r#"FormatDateTime("20150123105347.1Z", , "yyyyMMddHHmmss.fZ", "yyyy-MM-dd")"#, r#""2015-01-23""#),
                (r#"FormatDateTime("20150123105347.1Z", "yyyyMMddHHmmss.fZ", "yyyy-MM-dd")"#, r#""2015-01-23""#),
                (r#"FormatDateTime("5.6.2009", , "d.M.yyyy", "dddd, d MMMM yyyy")"#, r#""Friday, 5 June 2009""#),
                (r#"FormatDateTime("2009-06-15T13:45:30-07:00", "AdjustToUniversal", "yyyy-MM-ddTHH:mm:sszzz", "u")"#, r#""2009-06-15 20:45:30Z""#),
            ],
        ),
    Function::new("DateFromNum", "(number)", (1, Some(1)), Run::Eager(date_from_num)).each().doc(
        "A date from a Windows FILETIME (100 ns since 1601).",
        &[("DateFromNum(129699324000000000)", "1/1/2012 11:00:00 PM")],
    ),
    Function::new("NumFromDate", "(source)", (1, Some(1)), Run::Eager(num_from_date)).each().doc(
        "A date as Windows FILETIME.",
        &[(r#"NumFromDate("2020-12-31 23:59:59-08:00")"#, "132539615990000000")],
    ),
];

impl Function {
    const fn checked(self, check: Check) -> Self {
        Self { check: Some(check), ..self }
    }
}

/// Where styles, input format and output format stand.
fn places(arguments: usize) -> (Option<usize>, usize, usize) {
    if arguments == 3 { (None, 1, 2) } else { (Some(1), 2, 3) }
}

fn check_formats(function: &Function, nodes: &[Node]) -> Result<(), ExpressionError> {
    let (styles, input, output) = places(nodes.len());
    let constant = |at: usize| match nodes.get(at).map(|node| &node.kind) {
        Some(Kind::Constant(value, _)) => value.as_text(),
        _ => None,
    };
    let wrong = |at: usize, what: String| ExpressionError {
        span: nodes.get(at).map(|node| node.span.clone()).unwrap_or_default(),
        message: format!("argument {} of {}: {what}", at + 1, function.name),
        hint: None,
    };
    if let Some(at) = styles
        && let Some(text) = constant(at)
    {
        Styles::parse(&text).map_err(|what| wrong(at, what))?;
    }
    for at in [input, output] {
        if let Some(text) = constant(at) {
            Format::parse(&text).map_err(|what| wrong(at, what))?;
        }
    }
    Ok(())
}

fn format_date_time(call: &mut Call<'_, '_, '_>) -> Answer {
    let (styles, input, output) = places(call.count());
    let format = |at: usize| {
        Format::parse(&call.text(at)?).map_err(|what| call.wrong(at, &format!("is no format: {what}")))
    };
    let (input, output) = (format(input)?, format(output)?);
    let styles = match styles {
        Some(at) => {
            Styles::parse(&call.text(at)?).map_err(|what| call.wrong(at, &format!("is wrong: {what}")))?
        }
        None => Styles::parse("").map_err(EvalError::new)?,
    };
    let source = call.text(0)?;
    if source.is_empty() {
        return Ok(Value::Null);
    }
    let today = call.eval.cx.now.to_zoned(TimeZone::UTC).date();
    let stamp = net::read(&input, &source, styles, today)
        .ok_or_else(|| call.wrong(0, "is not written as its inputFormat says"))?;
    Ok(net::write(&output, stamp).into())
}

fn out_of_range<E>(_: E) -> EvalError {
    EvalError::new("the date is out of range")
}

fn date_add(call: &mut Call<'_, '_, '_>) -> Answer {
    let (interval, value, date) = (call.text(0)?, call.whole(1)?, call.moment(2)?);
    let span = match interval.as_ref() {
        "yyyy" => Span::new().try_years(value),
        "m" => Span::new().try_months(value),
        "d" => Span::new().try_days(value),
        "ww" => Span::new().try_weeks(value),
        "h" => Span::new().try_hours(value),
        "n" => Span::new().try_minutes(value),
        "s" => Span::new().try_seconds(value),
        _ => return Err(call.wrong(0, "is none of yyyy, m, d, ww, h, n, s")),
    };
    let moved = span.and_then(|span| date.to_zoned(TimeZone::UTC).checked_add(span)).map_err(out_of_range)?;
    Ok(Value::DateTime(moved.timestamp()))
}

/// Visual Basic's DateDiff, which the documented results agree with.
fn date_diff(call: &mut Call<'_, '_, '_>) -> Answer {
    let (from, to) = (call.moment(1)?, call.moment(2)?);
    let [first, second] = [from, to].map(|at| at.to_zoned(TimeZone::UTC).date());
    // Days since some Sunday, so that dividing by seven counts Sundays.
    let week = |at: Timestamp| (at.as_second().div_euclid(86_400) + 4).div_euclid(7);
    let seconds = || (to.as_millisecond() - from.as_millisecond()) / 1000;
    let difference = match call.text(0)?.as_ref() {
        "yyyy" => i64::from(second.year()) - i64::from(first.year()),
        "m" => {
            (i64::from(second.year()) - i64::from(first.year())) * 12 + i64::from(second.month())
                - i64::from(first.month())
        }
        "ww" => week(to) - week(from),
        "d" => seconds() / 86_400,
        "h" => seconds() / 3600,
        "n" => seconds() / 60,
        "s" => seconds(),
        _ => return Err(call.wrong(0, "is none of yyyy, m, d, ww, h, n, s")),
    };
    Ok(Value::Integer(difference))
}

fn date_from_num(call: &mut Call<'_, '_, '_>) -> Answer {
    let ticks = call.whole(0)?;
    let seconds = ticks.div_euclid(10_000_000) + FILETIME_START;
    let nanoseconds = (ticks.rem_euclid(10_000_000) * 100) as i32;
    let at = Timestamp::new(seconds, nanoseconds)
        .and_then(|at| at.round(Unit::Millisecond))
        .map_err(out_of_range)?;
    Ok(Value::DateTime(at))
}

fn num_from_date(call: &mut Call<'_, '_, '_>) -> Answer {
    let at = call.moment(0)?;
    let ticks =
        (i128::from(at.as_second() - FILETIME_START)) * 10_000_000 + i128::from(at.subsec_nanosecond() / 100);
    i64::try_from(ticks).map(Value::Integer).map_err(out_of_range)
}
