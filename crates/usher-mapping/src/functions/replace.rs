//! `Replace` in its five modes, and regular expressions as .NET writes them.

use fancy_regex::{Captures, Regex, RegexBuilder};

use super::{Function, Run};
use crate::expression::eval::{Call, Text};
use crate::{EvalError, Value};

/// Steps after which a regular expression that tries ever more ways is given up.
const BACKTRACK_LIMIT: usize = 200_000;

pub(super) const TABLE: &[Function] = &[
    Function::new("Replace", "(source, oldValue?, regexPattern?, regexGroupName?, replacementValue?, replacementAttributeName?, template?)", (4, Some(7)), Run::Eager(replace))
    .may_be_empty(&[1, 2, 3])
    .sees_null()
    .each()
    .with_regex(2)
    .doc(
        "Replaces a text, what a regular expression matches, or one of its groups; or puts the source into a template.",
        &[
            (r#"Replace([mail], "@contoso.com", , , "", , )"#, r#""John.Doe""#),
            (r#"Replace("jsmith", "<username>", , , , , "<username>@contoso.com")"#, r#""jsmith@contoso.com""#),
            (
                r#"Replace("+91 9998887777", , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", , "${phoneNumber}", , )"#,
                r#""9998887777""#,
            ),
            (r#"Replace("john_doe72", , "[a-zA-Z_]*", , "", , )"#, r#""72""#),
            (r#"Replace("+1 (999) 888-7777", , "[()\\s-]+", , "", , )"#, r#""+19998887777""#),
            (
                r#"Replace("545 Tremont Street", , "(?<streetNumber>^\\d*)", "streetNumber", "888", , )"#,
                r#""888 Tremont Street""#,
            ),
            (r#"Replace("jsmith@contoso.com", , "(?<Suffix>@(.)*)", "Suffix", "", , )"#, r#""jsmith""#),
            (
                r#"Replace("", , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", "phoneNumber", , "+91 8887779999", )"#,
                r#""8887779999""#,
            ),
            (
                r#"Join("", 1000, Replace(ConvertToUTF8Hex("00aa00aa-bb11-cc22-dd33-44ee44ee44ee"), , "[a-zA-Z_]*", , "", , ))"#,
                r#""100030306161303061612626231312636332322646433332343465653434656534346565""#,
            ),
            (r#"Replace(null, "a", , , "b", , )"#, "null"),
        ],
    ),
];

impl Function {
    const fn with_regex(self, argument: usize) -> Self {
        Self { regex: Some(argument), ..self }
    }
}

/// Compiles a regular expression.
pub(crate) fn regex(pattern: &str) -> Result<Regex, EvalError> {
    RegexBuilder::new(pattern)
        .backtrack_limit(BACKTRACK_LIMIT)
        .delegate_size_limit(1 << 20)
        .build()
        .map_err(|e| EvalError::new(format!("the regular expression is wrong: {e}")))
}

fn gave_up(_: fancy_regex::Error) -> EvalError {
    EvalError::new("the regular expression takes too long on this text")
}

fn replace(call: &mut Call<'_, '_, '_>) -> Result<Value, EvalError> {
    let [old, pattern, group, new, other, template] = [1, 2, 3, 4, 5, 6].map(|i| call.given(i));
    // Mode 5 is the one that has something to say to a null source.
    let from_other = pattern && group && other;
    if call.value(0).is_null() && !from_other {
        return Ok(Value::Null);
    }
    let source = call.text(0)?;
    match () {
        () if from_other && !source.is_empty() => Ok(call.value(0).clone()),
        () if from_other => named_group(&*call.regex(2)?, &call.text(3)?, &call.text(5)?),
        () if pattern && group && new => {
            replace_group(&*call.regex(2)?, &source, &call.text(3)?, &call.text(4)?)
        }
        () if pattern && new => replace_matches(&*call.regex(2)?, &source, &call.text(4)?),
        () if old && call.text(1)?.is_empty() => Err(call.wrong(1, "is empty")),
        () if old && template => replace_text(&call.text(6)?, &call.text(1)?, &source),
        () if old && new => replace_text(&source, &call.text(1)?, &call.text(4)?),
        () => Err(EvalError::new(
            "Replace needs oldValue or regexPattern, and with it replacementValue, replacementAttributeName or template",
        )),
    }
}

fn replace_text(source: &str, old: &str, new: &str) -> Result<Value, EvalError> {
    let mut out = Text::default();
    for (i, part) in source.split(old).enumerate() {
        if i > 0 {
            out.push(new)?;
        }
        out.push(part)?;
    }
    Ok(out.done())
}

/// Every match replaced; `$1`, `${name}`, `$&` and `$$` in the replacement as .NET has them.
fn replace_matches(regex: &Regex, source: &str, replacement: &str) -> Result<Value, EvalError> {
    let mut out = Text::default();
    let mut done = 0;
    for captures in regex.captures_iter(source) {
        let captures = captures.map_err(gave_up)?;
        let Some(whole) = captures.get(0) else { continue };
        out.push(&source[done..whole.start()])?;
        expand(&captures, replacement, &mut out)?;
        done = whole.end();
    }
    out.push(&source[done..])?;
    Ok(out.done())
}

/// Of every match only the named group replaced.
fn replace_group(regex: &Regex, source: &str, group: &str, replacement: &str) -> Result<Value, EvalError> {
    let mut out = Text::default();
    let mut done = 0;
    for captures in regex.captures_iter(source) {
        let captures = captures.map_err(gave_up)?;
        let Some(found) = captures.name(group).filter(|found| found.start() >= done) else { continue };
        out.push(&source[done..found.start()])?;
        expand(&captures, replacement, &mut out)?;
        done = found.end();
    }
    out.push(&source[done..])?;
    Ok(out.done())
}

/// The named group of the first match; null without one.
fn named_group(regex: &Regex, group: &str, text: &str) -> Result<Value, EvalError> {
    let captures = regex.captures(text).map_err(gave_up)?;
    Ok(captures.and_then(|c| c.name(group).map(|found| found.as_str().into())).unwrap_or_default())
}

fn expand(captures: &Captures<'_, str>, replacement: &str, out: &mut Text) -> Result<(), EvalError> {
    let mut rest = replacement;
    while let Some(at) = rest.find('$') {
        out.push(&rest[..at])?;
        rest = &rest[at + 1..];
        let (reference, after) = match rest.as_bytes().first() {
            Some(b'{') => match rest[1..].split_once('}') {
                Some((name, after)) => (name, after),
                None => ("", rest),
            },
            Some(b'0'..=b'9') => {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                rest.split_at(end)
            }
            Some(b'&') => ("0", &rest[1..]),
            Some(b'$') => {
                out.push("$")?;
                rest = &rest[1..];
                continue;
            }
            _ => ("", rest),
        };
        let exists = reference.parse::<usize>().is_ok_and(|i| i < captures.len())
            || captures.name(reference).is_some();
        let found = match reference.parse::<usize>() {
            Ok(i) => captures.get(i),
            Err(_) => captures.name(reference),
        };
        match found {
            Some(found) => out.push(found.as_str())?,
            // A group that took no part is nothing; what names no group is text.
            None if exists => {}
            None => {
                out.push("$")?;
                continue;
            }
        }
        rest = after;
    }
    out.push(rest)
}
