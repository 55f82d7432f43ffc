//! Filters and paths of every form, and texts that are nearly some.

use proptest::prelude::*;
use serde_json::Value;
use usher_scim::{AttributePath, Filter, filter::Operator, schema};

const OPERATORS: [Operator; 9] = [
    Operator::Eq,
    Operator::Ne,
    Operator::Co,
    Operator::Sw,
    Operator::Ew,
    Operator::Gt,
    Operator::Ge,
    Operator::Lt,
    Operator::Le,
];

/// Words that mean something else in some places.
const KEYWORDS: [&str; 15] =
    ["not", "and", "or", "pr", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "true", "false"];

/// Names as RFC 7643 §2.1 allows them; `plain`: without `$`.
pub(crate) fn name(plain: bool) -> BoxedStrategy<String> {
    let any = if plain { "[a-zA-Z][a-zA-Z0-9_-]{0,6}" } else { "[a-zA-Z][a-zA-Z0-9_$-]{0,6}" };
    let free = |n: &String| n != "null" && !KEYWORDS.iter().any(|k| k.eq_ignore_ascii_case(n));
    let special = if plain { "value" } else { "$ref" };
    prop_oneof![9 => any.prop_filter("a keyword", free), 1 => Just(special.to_owned())].boxed()
}

fn urn(plain: bool) -> BoxedStrategy<Option<String>> {
    let urns = prop_oneof![
        3 => Just(None),
        1 => Just(Some(schema::ENTERPRISE.to_owned())),
        1 => Just(Some(schema::USER.to_uppercase())),
        1 => "urn(:[a-z][a-z0-9.]{0,3}){1,3}(:2\\.0)?".prop_map(Some),
    ];
    if plain {
        return urns.boxed();
    }
    prop_oneof![5 => urns, 1 => "https://[a-z]{1,4}\\.example/[a-z]{1,3}".prop_map(Some)].boxed()
}

fn plain_path(plain: bool) -> impl Strategy<Value = AttributePath> {
    (urn(plain), name(plain), prop::option::of(name(plain))).prop_map(|(schema, name, sub)| AttributePath {
        schema,
        name,
        filter: None,
        sub,
    })
}

/// Every kind of JSON value but arrays and objects. Decimals have so few digits that reading them is exact.
fn literal() -> impl Strategy<Value = Value> {
    let number = |text: String| serde_json::from_str(&text).unwrap();
    prop_oneof![
        any::<String>().prop_map(Value::from),
        "[\"\\\\()\\[\\] \t\nandorét\u{1F600}]{0,12}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,4}".prop_map(number),
        "-?[1-9]\\.[0-9]{1,3}[eE][+-]?[0-9]".prop_map(number),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn grouped(inner: BoxedStrategy<Filter>) -> impl Strategy<Value = Filter> {
    prop_oneof![
        prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
        prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
        inner.prop_map(|f| Filter::Not(Box::new(f))),
    ]
}

/// What stands in brackets, or without any.
fn flat(plain: bool) -> BoxedStrategy<Filter> {
    let operator = prop::sample::select(&OPERATORS[..]);
    let leaf = prop_oneof![
        3 => (plain_path(plain), operator, literal()).prop_map(|(p, o, v)| Filter::Compare(p, o, v)),
        1 => plain_path(plain).prop_map(Filter::Present),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| grouped(inner.boxed())).boxed()
}

/// Filters of the whole grammar; `plain`: without what only RFC 7643's names and Entra's paths have (`$`, URLs,
/// `emails[…].value eq …`).
pub(crate) fn filters(plain: bool) -> BoxedStrategy<Filter> {
    let around = |p: AttributePath, sub, f: Filter| AttributePath { sub, filter: Some(Box::new(f)), ..p };
    let value = (plain_path(plain), flat(plain))
        .prop_map(|(p, f)| Filter::Value(AttributePath { sub: None, ..p }, Box::new(f)));
    let leaf = if plain {
        prop_oneof![1 => value, 2 => flat(plain)].boxed()
    } else {
        let operator = prop::sample::select(&OPERATORS[..]);
        prop_oneof![
            2 => value,
            1 => (plain_path(plain), name(plain), flat(plain))
                .prop_map(move |(p, sub, f)| Filter::Present(around(p, Some(sub), f))),
            1 => (plain_path(plain), name(plain), flat(plain), operator, literal())
                .prop_map(move |(p, sub, f, o, v)| Filter::Compare(around(p, Some(sub), f), o, v)),
            4 => flat(plain),
        ]
        .boxed()
    };
    leaf.prop_recursive(2, 12, 3, |inner| grouped(inner.boxed())).boxed()
}

/// Paths of every form: attributes, parts, values chosen by a filter, schemas as a whole.
pub(crate) fn paths() -> BoxedStrategy<AttributePath> {
    let whole = "urn:[a-z]{1,5}:[0-9]\\.[0-9]".prop_map(|urn| AttributePath::attribute("").within(&urn));
    let filtered = (plain_path(false), prop::option::of(name(false)), flat(false))
        .prop_map(|(p, sub, f)| AttributePath { sub, filter: Some(Box::new(f)), ..p });
    prop_oneof![1 => whole, 3 => plain_path(false), 4 => filtered].boxed()
}

/// A filter's text in another spelling: case of words, spaces, parentheses that change nothing. `seed` chooses.
pub(crate) fn spelled(filter: &Filter, seed: u64) -> String {
    let mut choice = Choice(seed | 1);
    choice.filter(filter, false)
}

struct Choice(u64);

impl Choice {
    fn one_of(&mut self, n: u64) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.is_multiple_of(n)
    }
    fn space(&mut self) -> &'static str {
        if self.one_of(4) { "   " } else { " " }
    }
    fn pad(&mut self) -> &'static str {
        if self.one_of(4) { " " } else { "" }
    }
    fn word(&mut self, word: &str) -> String {
        if self.one_of(3) { word.to_uppercase() } else { word.to_owned() }
    }
    fn path(&mut self, path: &AttributePath) -> String {
        let Some(inner) = path.filter.as_deref() else { return path.to_string() };
        let bare = AttributePath { filter: None, sub: None, ..path.clone() };
        let inner = self.filter(inner, false);
        let sub = path.sub.as_ref().map(|sub| format!(".{sub}")).unwrap_or_default();
        format!("{bare}[{}{inner}{}]{sub}", self.pad(), self.pad())
    }
    /// `and`-joined terms need parentheses around another `and` or `or`, or they would be the same chain.
    fn filter(&mut self, filter: &Filter, within_chain: bool) -> String {
        let chained = |this: &mut Self, terms: &[Filter], by: &str| {
            let mut text = String::new();
            for (at, term) in terms.iter().enumerate() {
                if at > 0 {
                    text += this.space();
                    text += &this.word(by);
                    text += this.space();
                }
                text += &this.filter(term, true);
            }
            text
        };
        let (text, chain) = match filter {
            Filter::And(terms) => (chained(self, terms, "and"), true),
            Filter::Or(terms) => (chained(self, terms, "or"), true),
            Filter::Not(inner) => {
                let inner = self.filter(inner, false);
                (format!("{} ({}{inner}{})", self.word("not"), self.pad(), self.pad()), false)
            }
            Filter::Value(path, inner) => {
                let inner = self.filter(inner, false);
                (format!("{path}[{}{inner}{}]", self.pad(), self.pad()), false)
            }
            Filter::Present(path) => {
                (format!("{}{}{}", self.path(path), self.space(), self.word("pr")), false)
            }
            Filter::Compare(path, operator, value) => {
                let path = self.path(path);
                let operator = self.word(operator.as_str());
                (format!("{path}{}{operator}{}{value}", self.space(), self.space()), false)
            }
        };
        let needed = chain && within_chain;
        if needed || self.one_of(6) { format!("({}{text}{})", self.pad(), self.pad()) } else { text }
    }
}

/// Edits of a text: at which part of it, what.
pub(crate) fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, char)>> {
    let c = prop::sample::select("()[]\"\\. :-_$0a1n,;é\t'{}".chars().collect::<Vec<_>>());
    prop::collection::vec((any::<prop::sample::Index>(), 0..5u8, c), 1..4)
}

/// The text after edits.
pub(crate) fn edited(text: &str, edits: &[(prop::sample::Index, u8, char)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, kind, c) in edits {
        if chars.is_empty() {
            chars.push(*c);
            continue;
        }
        let at = at.index(chars.len());
        match kind {
            0 => _ = chars.remove(at),
            1 => chars.insert(at, *c),
            2 => chars[at] = *c,
            3 => chars.truncate(at),
            _ => {
                let twice = chars[at];
                chars.insert(at, twice);
            }
        }
    }
    chars.into_iter().collect()
}
