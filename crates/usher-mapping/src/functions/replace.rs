//! `Replace` in its five modes.

use fancy_regex::{Captures, Regex};

use super::regex::{Patience, gave_up};
use super::{Function, Run};
use crate::expression::eval::{Call, Text};
use crate::{EvalError, Value};

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

/// Every match replaced.
fn replace_matches(regex: &Regex, source: &str, replacement: &str) -> Result<Value, EvalError> {
    let mut out = Text::default();
    let mut done = 0;
    let patience = Patience::new();
    for captures in regex.captures_iter(source) {
        patience.left()?;
        let captures = captures.map_err(|_| gave_up())?;
        let Some(whole) = captures.get(0) else { continue };
        out.push(&source[done..whole.start()])?;
        Expansion { regex, source, captures: &captures }.write(replacement, &mut out)?;
        done = whole.end();
    }
    out.push(&source[done..])?;
    Ok(out.done())
}

/// Of every match only the named group replaced.
fn replace_group(regex: &Regex, source: &str, group: &str, replacement: &str) -> Result<Value, EvalError> {
    let mut out = Text::default();
    let mut done = 0;
    let patience = Patience::new();
    for captures in regex.captures_iter(source) {
        patience.left()?;
        let captures = captures.map_err(|_| gave_up())?;
        let Some(found) = captures.name(group).filter(|found| found.start() >= done) else { continue };
        out.push(&source[done..found.start()])?;
        Expansion { regex, source, captures: &captures }.write(replacement, &mut out)?;
        done = found.end();
    }
    out.push(&source[done..])?;
    Ok(out.done())
}

/// The named group of the first match; null without one.
fn named_group(regex: &Regex, group: &str, text: &str) -> Result<Value, EvalError> {
    let captures = regex.captures(text).map_err(|_| gave_up())?;
    Ok(captures.and_then(|c| c.name(group).map(|found| found.as_str().into())).unwrap_or_default())
}

/// A match, to be written into a replacement.
struct Expansion<'m, 't> {
    regex: &'m Regex,
    source: &'t str,
    captures: &'m Captures<'t, str>,
}

impl Expansion<'_, '_> {
    /// `$1`, `${name}`, `$&`, `` $` ``, `$'`, `$+`, `$_` and `$$` as .NET has them; what names no group is text.
    fn write(&self, replacement: &str, out: &mut Text) -> Result<(), EvalError> {
        let mut rest = replacement;
        while let Some(at) = rest.find('$') {
            out.push(&rest[..at])?;
            rest = &rest[at + 1..];
            let (reference, after) = reference(rest);
            match self.meant(reference) {
                Some(text) => {
                    out.push(text)?;
                    rest = after;
                }
                None => out.push("$")?,
            }
        }
        out.push(rest)
    }

    /// What a reference stands for; a group that took no part is nothing.
    fn meant(&self, reference: &str) -> Option<&str> {
        let whole = self.captures.get(0).map_or(0..0, |m| m.start()..m.end());
        match reference {
            "" => None,
            "$" => Some("$"),
            "&" => Some(&self.source[whole]),
            "`" => Some(&self.source[..whole.start]),
            "'" => Some(&self.source[whole.end..]),
            "_" => Some(self.source),
            "+" => self.group(*self.numbered().last()?),
            name => match name.parse::<usize>() {
                Ok(number) => self.group(*self.numbered().get(number)?),
                Err(_) => {
                    self.regex.capture_names().flatten().find(|known| *known == name)?;
                    Some(self.captures.name(name).map_or("", |found| found.as_str()))
                }
            },
        }
    }

    fn group(&self, index: usize) -> Option<&str> {
        Some(self.captures.get(index).map_or("", |found| found.as_str()))
    }

    /// .NET numbers the groups without a name first, then those with one.
    fn numbered(&self) -> Vec<usize> {
        let (named, plain): (Vec<_>, Vec<_>) =
            self.regex.capture_names().enumerate().partition(|(_, name)| name.is_some());
        plain.into_iter().chain(named).map(|(index, _)| index).collect()
    }
}

/// What follows a `$`: the reference (`""`: none), and what is behind it.
fn reference(rest: &str) -> (&str, &str) {
    match rest.as_bytes().first() {
        Some(b'{') => rest[1..].split_once('}').unwrap_or(("", rest)),
        Some(b'0'..=b'9') => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        Some(b'$' | b'&' | b'`' | b'\'' | b'_' | b'+') => rest.split_at(1),
        _ => ("", rest),
    }
}
