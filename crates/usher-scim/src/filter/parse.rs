//! The grammar of filters and paths (RFC 7644 figure 1 with errata 7319 and 7322; checklist §3.2).

use serde_json::Value;
use winnow::{
    Parser, Stateful,
    ascii::Caseless,
    combinator::{not, opt},
    error::ParserError,
    stream::{LocatingSlice, Location, Stream},
    token::{one_of, take_while},
};

use super::{Filter, FilterError, Operator};
use crate::{AttributePath, Deviation, Note, Tolerance, path::shorten, prepare::same_name, schema::is_name};

/// The longest filter or path, in characters.
const LENGTH: usize = 10_000;
/// How deep parentheses and brackets may nest.
const DEPTH: usize = 64;
/// The most comparisons in one filter.
const COMPARISONS: usize = 200;

type Input<'a> = Stateful<LocatingSlice<&'a str>, Reading>;
type Parsed<T> = Result<T, FilterError>;

/// What is counted and noted while a text is read.
#[derive(Debug)]
struct Reading {
    how: Tolerance,
    comparisons: usize,
    notes: Vec<Note>,
}

/// Where in the nesting a term stands.
#[derive(Clone, Copy)]
struct Level {
    depth: usize,
    in_brackets: bool,
}

impl<'a> ParserError<Input<'a>> for FilterError {
    type Inner = Self;
    fn from_input(input: &Input<'a>) -> Self {
        let start = input.current_token_start();
        Self { span: start..start, message: "this is not understood".into() }
    }
    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

/// A whole filter.
pub(super) fn filter(text: &str, how: Tolerance) -> Parsed<(Filter, Vec<Note>)> {
    let mut input = begin(text, how)?;
    spaces(&mut input)?;
    let filter = or_term(&mut input, Level { depth: 0, in_brackets: false })?;
    spaces(&mut input)?;
    let rest = rest(&input);
    if !rest.is_empty() {
        return Err(wrong(&input, rest.len(), "expected \"and\", \"or\" or the end"));
    }
    Ok((filter, input.state.notes))
}

/// A whole path: an attribute, maybe with a filter in brackets and a sub-attribute behind it.
pub(crate) fn path(text: &str) -> Parsed<AttributePath> {
    let mut input = begin(text, Tolerance::Strict)?;
    let mut path = attribute(&mut input)?;
    if rest(&input).starts_with('[') {
        path.filter = Some(Box::new(brackets(&mut input, &path, Level { depth: 0, in_brackets: false })?));
        path.sub = sub_attribute(&mut input)?;
    }
    let rest = rest(&input);
    if !rest.is_empty() {
        return Err(wrong(&input, rest.len(), "expected the end of the path"));
    }
    Ok(path)
}

fn begin(text: &str, how: Tolerance) -> Parsed<Input<'_>> {
    if text.chars().count() > LENGTH {
        return Err(FilterError { span: 0..text.len(), message: format!("more than {LENGTH} characters") });
    }
    let state = Reading { how, comparisons: 0, notes: Vec::new() };
    Ok(Stateful { input: LocatingSlice::new(text), state })
}

fn rest<'a>(input: &Input<'a>) -> &'a str {
    input.input.peek_finish()
}
/// An error about the next `length` bytes.
fn wrong(input: &Input<'_>, length: usize, message: impl Into<String>) -> FilterError {
    let start = input.current_token_start();
    FilterError { span: start..start + length, message: message.into() }
}
fn spaces(input: &mut Input<'_>) -> Parsed<usize> {
    take_while(0.., ' ').map(str::len).parse_next(input)
}
fn expect(input: &mut Input<'_>, c: char, message: &str) -> Parsed<()> {
    if rest(input).starts_with(c) {
        return one_of(c).void().parse_next(input);
    }
    Err(wrong(input, rest(input).chars().next().map_or(0, char::len_utf8), message))
}
/// Text up to something that ends a name or bare value.
fn word<'a>(input: &mut Input<'a>) -> Parsed<&'a str> {
    take_while(0.., |c: char| !" ()[]\",".contains(c)).parse_next(input)
}

fn or_term(input: &mut Input<'_>, level: Level) -> Parsed<Filter> {
    chain(input, level, "or", and_term, Filter::Or)
}
fn and_term(input: &mut Input<'_>, level: Level) -> Parsed<Filter> {
    chain(input, level, "and", factor, Filter::And)
}
fn chain(
    input: &mut Input<'_>,
    level: Level,
    by: &'static str,
    term: fn(&mut Input<'_>, Level) -> Parsed<Filter>,
    make: fn(Vec<Filter>) -> Filter,
) -> Parsed<Filter> {
    let first = term(input, level)?;
    let mut more = Vec::new();
    let ends = |c: char| c.is_alphanumeric();
    while opt((take_while(1.., ' '), Caseless(by), not(one_of(ends)))).parse_next(input)?.is_some() {
        spaces(input)?;
        more.push(term(input, level)?);
    }
    if more.is_empty() {
        return Ok(first);
    }
    more.insert(0, first);
    Ok(make(more))
}

fn factor(input: &mut Input<'_>, level: Level) -> Parsed<Filter> {
    if rest(input).starts_with('(') {
        return group(input, level);
    }
    let in_name = |c: char| c.is_alphanumeric() || "-_$:.[".contains(c);
    if opt((Caseless("not"), not(one_of(in_name)))).parse_next(input)?.is_some() {
        spaces(input)?;
        if !rest(input).starts_with('(') {
            return Err(wrong(input, 0, "\"not\" must be followed by a filter in parentheses"));
        }
        return Ok(Filter::Not(Box::new(group(input, level)?)));
    }
    let mut path = attribute(input)?;
    if rest(input).starts_with('[') {
        let inner = brackets(input, &path, level)?;
        match sub_attribute(input)? {
            None => return Ok(Filter::Value(path, Box::new(inner))),
            sub => {
                path.filter = Some(Box::new(inner));
                path.sub = sub;
            }
        }
    }
    comparison(input, path)
}

fn group(input: &mut Input<'_>, level: Level) -> Parsed<Filter> {
    let level = deeper(input, level)?;
    expect(input, '(', "expected \"(\"")?;
    spaces(input)?;
    let filter = or_term(input, level)?;
    spaces(input)?;
    expect(input, ')', "expected \"and\", \"or\" or \")\"")?;
    Ok(filter)
}

fn brackets(input: &mut Input<'_>, path: &AttributePath, level: Level) -> Parsed<Filter> {
    if level.in_brackets {
        return Err(wrong(input, 1, "brackets do not stand within brackets"));
    }
    if path.sub.is_some() || path.name.is_empty() {
        return Err(wrong(input, 1, "brackets stand directly behind an attribute"));
    }
    let level = Level { in_brackets: true, ..deeper(input, level)? };
    expect(input, '[', "expected \"[\"")?;
    spaces(input)?;
    let filter = or_term(input, level)?;
    spaces(input)?;
    expect(input, ']', "expected \"and\", \"or\" or \"]\"")?;
    Ok(filter)
}

fn deeper(input: &Input<'_>, level: Level) -> Parsed<Level> {
    if level.depth == DEPTH {
        return Err(wrong(input, 1, format!("parentheses nest deeper than {DEPTH}")));
    }
    Ok(Level { depth: level.depth + 1, ..level })
}

/// `[schema ":"] name ["." sub]`, or a schema alone.
fn attribute(input: &mut Input<'_>) -> Parsed<AttributePath> {
    let at = input.checkpoint();
    let text = word(input)?;
    if let Some(path) = split(text) {
        return Ok(path);
    }
    input.reset(&at);
    let message = if text.is_empty() {
        "expected an attribute".to_owned()
    } else {
        format!("\"{}\" is no attribute path", shorten(text))
    };
    Err(wrong(input, text.len(), message))
}

/// A URN has dots and colons of its own, so what stands behind its last colon decides: a name, or a part of the URN.
fn split(text: &str) -> Option<AttributePath> {
    let (schema, names) = match text.rsplit_once(':') {
        Some((schema, names)) => (Some(schema), names),
        None => (None, text),
    };
    if schema.is_some_and(|s| !is_urn(s)) {
        return None;
    }
    let (name, sub) = match names.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (names, None),
    };
    let path = |schema: Option<&str>, name: &str, sub: Option<&str>| AttributePath {
        schema: schema.map(str::to_owned),
        name: name.to_owned(),
        filter: None,
        sub: sub.map(str::to_owned),
    };
    if is_name(name) && sub.is_none_or(is_name) {
        return Some(path(schema, name, sub));
    }
    // `urn:example:hr:2.0` names a schema, `emails.0` and `urn:example:User:emails.0` name nothing.
    (schema.is_some() && names.starts_with(|c: char| c.is_ascii_digit()) && is_urn(text))
        .then(|| path(Some(text), "", None))
}

fn is_urn(text: &str) -> bool {
    let scheme = text.get(..4).is_some_and(|s| same_name(s, "urn:")) || text.contains("://");
    scheme
        && text.len() > 4
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?#@!$&*+;=%".contains(c))
}

/// `.sub` behind brackets.
fn sub_attribute(input: &mut Input<'_>) -> Parsed<Option<String>> {
    if !rest(input).starts_with('.') {
        return Ok(None);
    }
    expect(input, '.', "expected \".\"")?;
    let at = input.checkpoint();
    let name = word(input)?;
    if is_name(name) {
        return Ok(Some(name.to_owned()));
    }
    input.reset(&at);
    Err(wrong(input, name.len(), "expected a sub-attribute"))
}

fn comparison(input: &mut Input<'_>, path: AttributePath) -> Parsed<Filter> {
    if path.name.is_empty() {
        return Err(wrong(input, 0, "a schema cannot be compared, name an attribute of it"));
    }
    input.state.comparisons += 1;
    if input.state.comparisons > COMPARISONS {
        return Err(wrong(input, 0, format!("more than {COMPARISONS} comparisons")));
    }
    if spaces(input)? == 0 {
        return Err(wrong(input, rest(input).len().min(1), "expected a space and an operator"));
    }
    let at = input.checkpoint();
    let name: &str = word(input)?;
    if same_name(name, "pr") {
        return Ok(Filter::Present(path));
    }
    let Some(&operator) = Operator::ALL.iter().find(|o| same_name(o.as_str(), name)) else {
        input.reset(&at);
        let there = "there are eq, ne, co, sw, ew, gt, ge, lt, le and pr";
        let message = if name.is_empty() {
            "expected an operator".to_owned()
        } else {
            format!("\"{}\" is no operator", shorten(name))
        };
        return Err(wrong(input, name.len(), format!("{message}; {there}")));
    };
    let spaced = spaces(input)? > 0;
    if !spaced && !rest(input).starts_with('"') {
        return Err(wrong(input, 0, "expected a space and a value"));
    }
    Ok(Filter::Compare(path, operator, value(input)?))
}

/// A JSON string, number, boolean or null; tolerantly also bare text up to a space or closing bracket.
fn value(input: &mut Input<'_>) -> Parsed<Value> {
    if rest(input).starts_with('"') {
        return string(input);
    }
    let at = input.checkpoint();
    let text = word(input)?;
    let json = serde_json::from_str::<Value>(text).ok().filter(|v| !v.is_array() && !v.is_object());
    if let Some(value) = json {
        return Ok(value);
    }
    let bare = !text.is_empty() && !text.starts_with('\'') && !text.chars().any(char::is_control);
    if bare && input.state.how == Tolerance::Tolerant {
        let text_note =
            format!("the filter value {} came without quotes and was read as text", shorten(text));
        input.state.notes.push(Note::new(Deviation::UnquotedText, text_note));
        return Ok(Value::String(text.to_owned()));
    }
    input.reset(&at);
    let message = "expected a value: text in double quotes, a number, true, false or null";
    Err(wrong(input, text.len(), message))
}

fn string(input: &mut Input<'_>) -> Parsed<Value> {
    let text = rest(input);
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|&(_, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let Some((end, _)) = end else {
        return Err(wrong(input, text.len(), "the text has no closing quote"));
    };
    match serde_json::from_str::<String>(&text[..=end]) {
        Ok(value) => {
            input.next_slice(end + 1);
            Ok(Value::String(value))
        }
        Err(_) => Err(wrong(input, end + 1, "the text is not a JSON string")),
    }
}
