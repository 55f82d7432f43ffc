//! The operators of scoping clauses: their names, what they need, how they judge a value.

use std::fmt;

use fancy_regex::Regex;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::functions::{Patience, regex};
use crate::{Value, date};

/// An operator.
///
/// The null rule: any clause but `IS NULL` is false on a null or empty attribute, the negated ones too. A multi-valued
/// attribute holds when any of its values does; with a negated operator, when none of them does what is negated. A value
/// that an operator cannot judge (text where it compares numbers, say) holds neither way. Who is in no group at all is not a
/// member, so `NOT IsMemberOf` holds for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum ScopeOperator {
    /// The value exactly, case-sensitive; a boolean is the text True or False in any case.
    Equals,
    /// Another value.
    NotEquals,
    /// Absent or empty.
    IsNull,
    /// Neither absent nor empty.
    IsNotNull,
    /// A boolean, or the text True or False, that is true.
    IsTrue,
    /// A boolean, or the text True or False, that is false.
    IsFalse,
    /// Matches a .NET regular expression, case-sensitive; the whole value, or a part of it ([`Anchor`]).
    RegexMatch,
    /// Does not match one.
    NotRegexMatch,
    /// Contains the text, case-sensitive.
    Includes,
    /// Does not contain it.
    NotIncludes,
    /// Begins with the text, case-sensitive.
    StartsWith,
    /// Does not begin with it.
    NotStartsWith,
    /// Ends with the text, case-sensitive.
    EndsWith,
    /// Does not end with it.
    NotEndsWith,
    /// Both are whole numbers, and the value is the greater.
    GreaterThan,
    /// Both are whole numbers, and the value is not the greater.
    NotGreaterThan,
    /// Both are whole numbers, and the value is not the smaller.
    GreaterThanOrEquals,
    /// Both are whole numbers, and the value is the smaller.
    NotGreaterThanOrEquals,
    /// One of several values, as `EQUALS` compares.
    In,
    /// None of them.
    NotIn,
    /// A date earlier than the given one: a date, or a time counted from the moment of judging, `now`, `now+7d`, `now-12h`.
    Before,
    /// A date, the given one or later.
    NotBefore,
    /// A date later than the given one.
    After,
    /// A date, the given one or earlier.
    NotAfter,
    /// Directly in one of these groups, by name or id, exactly; of distinguished names the whole or the first part.
    IsMemberOf,
    /// In none of them.
    NotIsMemberOf,
}

/// How they are written: Entra's first, in its own spelling, then Usher's.
const NAMES: [(ScopeOperator, &str); 26] = [
    (ScopeOperator::Equals, "EQUALS"),
    (ScopeOperator::NotEquals, "NOT EQUALS"),
    (ScopeOperator::IsNull, "IS NULL"),
    (ScopeOperator::IsNotNull, "IS NOT NULL"),
    (ScopeOperator::IsTrue, "IS TRUE"),
    (ScopeOperator::IsFalse, "IS FALSE"),
    (ScopeOperator::RegexMatch, "REGEX MATCH"),
    (ScopeOperator::NotRegexMatch, "NOT REGEX MATCH"),
    (ScopeOperator::Includes, "Includes"),
    (ScopeOperator::EndsWith, "ENDS_WITH"),
    (ScopeOperator::GreaterThan, "Greater_Than"),
    (ScopeOperator::GreaterThanOrEquals, "Greater_Than_OR_EQUALS"),
    (ScopeOperator::NotIncludes, "NOT Includes"),
    (ScopeOperator::NotEndsWith, "NOT ENDS_WITH"),
    (ScopeOperator::NotGreaterThan, "NOT Greater_Than"),
    (ScopeOperator::NotGreaterThanOrEquals, "NOT Greater_Than_OR_EQUALS"),
    (ScopeOperator::StartsWith, "STARTS_WITH"),
    (ScopeOperator::NotStartsWith, "NOT STARTS_WITH"),
    (ScopeOperator::In, "IN"),
    (ScopeOperator::NotIn, "NOT IN"),
    (ScopeOperator::Before, "BEFORE"),
    (ScopeOperator::NotBefore, "NOT BEFORE"),
    (ScopeOperator::After, "AFTER"),
    (ScopeOperator::NotAfter, "NOT AFTER"),
    (ScopeOperator::IsMemberOf, "IsMemberOf"),
    (ScopeOperator::NotIsMemberOf, "NOT IsMemberOf"),
];

/// How many of them are Entra's.
const ENTRAS: usize = 12;

/// How much of a value a regular expression has to match. Entra does not say which it means; its samples read as the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// All of it.
    #[default]
    Whole,
    /// Any part of it, as .NET's `Regex.IsMatch`.
    Part,
}

impl ScopeOperator {
    /// All of them, Entra's first.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(operator, _)| *operator)
    }

    /// Whether Entra has it too.
    pub fn is_entras(self) -> bool {
        NAMES[..ENTRAS].iter().any(|(operator, _)| *operator == self)
    }

    /// As Entra writes it: `EQUALS`, `IS NULL`, `Greater_Than`, ….
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(operator, _)| *operator == self).map_or("", |(_, name)| name)
    }

    /// By its name, in any case, with blanks or underscores.
    pub fn named(name: &str) -> Option<Self> {
        let plain = |text: &str| text.trim().replace('_', " ").to_uppercase();
        let wanted = plain(name);
        NAMES.iter().find(|(_, name)| plain(name) == wanted).map(|(operator, _)| *operator)
    }

    /// What a negated operator negates.
    fn negates(self) -> Option<Self> {
        Some(match self {
            Self::NotEquals => Self::Equals,
            Self::NotRegexMatch => Self::RegexMatch,
            Self::NotIncludes => Self::Includes,
            Self::NotStartsWith => Self::StartsWith,
            Self::NotEndsWith => Self::EndsWith,
            Self::NotGreaterThan => Self::GreaterThan,
            Self::NotGreaterThanOrEquals => Self::GreaterThanOrEquals,
            Self::NotIn => Self::In,
            Self::NotBefore => Self::Before,
            Self::NotAfter => Self::After,
            Self::NotIsMemberOf => Self::IsMemberOf,
            _ => return None,
        })
    }
}

impl fmt::Display for ScopeOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<ScopeOperator> for &'static str {
    fn from(operator: ScopeOperator) -> Self {
        operator.as_str()
    }
}

impl TryFrom<String> for ScopeOperator {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::named(&name).ok_or_else(|| {
            let all: Vec<_> = NAMES.iter().map(|(_, name)| *name).collect();
            format!("there is no operator {name}; there are {}", all.join(", "))
        })
    }
}

/// An operator with what it compares with, made ready once.
#[derive(Debug, Clone)]
pub(super) struct Test {
    /// `IS NULL` and `IS NOT NULL` judge the attribute, all others its values.
    of: Of,
    negated: bool,
}

#[derive(Debug, Clone)]
enum Of {
    Null,
    NotNull,
    Truth(bool),
    Listed(Vec<Value>),
    Text(fn(&str, &str) -> bool, String),
    Regex(Box<Regex>),
    Greater { than: i64, or_equal: bool },
    Before(Moment),
    After(Moment),
    Member(Vec<String>),
}

/// What a date is compared with.
#[derive(Debug, Clone, Copy)]
enum Moment {
    At(Timestamp),
    /// So long after (before) the moment of judging.
    Now(SignedDuration),
}

impl Moment {
    /// A date, or `now` with a number of d, h or m before or after it.
    fn read(text: &str) -> Option<Self> {
        let plain = text.trim().to_ascii_lowercase().replace("now()", "now");
        let Some(rest) = plain.strip_prefix("now") else { return date::parse(text).map(Self::At) };
        let rest: String = rest.split_whitespace().collect();
        if rest.is_empty() {
            return Some(Self::Now(SignedDuration::ZERO));
        }
        let (number, unit) = rest.split_at_checked(rest.len() - 1)?;
        let number: i32 = number.strip_prefix('+').unwrap_or(number).parse().ok()?;
        let signed = rest.starts_with(['+', '-']);
        let of = i64::from(number);
        let away = match unit {
            "d" => SignedDuration::from_hours(of * 24),
            "h" => SignedDuration::from_hours(of),
            "m" => SignedDuration::from_mins(of),
            _ => return None,
        };
        signed.then_some(Self::Now(away))
    }

    fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Now(away) => now.saturating_add(away).unwrap_or(now),
        }
    }
}

impl Test {
    /// Whether what it says depends on when it is asked.
    pub(super) fn reads_time(&self) -> bool {
        matches!(self.of, Of::Before(Moment::Now(_)) | Of::After(Moment::Now(_)))
    }

    /// Checks the values and makes them ready.
    pub(super) fn new(operator: ScopeOperator, values: &[String], anchor: Anchor) -> Result<Self, String> {
        use ScopeOperator as Is;
        let base = operator.negates();
        let negated = base.is_some();
        let base = base.unwrap_or(operator);
        if let Is::IsNull | Is::IsNotNull | Is::IsTrue | Is::IsFalse = base {
            if !values.is_empty() {
                return Err(format!("{operator} takes no value"));
            }
        } else if values.iter().all(String::is_empty) {
            return Err(format!("{operator} needs a value"));
        } else if !matches!(base, Is::In | Is::IsMemberOf) && values.len() > 1 {
            return Err(format!("{operator} takes one value; IN takes several"));
        }
        let value = values.first().map_or("", String::as_str);
        let moment = || {
            Moment::read(value).ok_or_else(|| {
                format!(
                    "{operator} needs a date such as 2026-01-31 or 2026-01-31T08:00:00Z, or now, now+7d, now-12h; not “{value}”"
                )
            })
        };
        let whole = || {
            value.trim().parse().map_err(|_| format!("{operator} compares whole numbers, “{value}” is none"))
        };
        let of = match base {
            Is::IsNull => Of::Null,
            Is::IsNotNull => Of::NotNull,
            Is::IsTrue | Is::IsFalse => Of::Truth(base == Is::IsTrue),
            Is::IsMemberOf => Of::Member(values.to_vec()),
            Is::Equals | Is::In => Of::Listed(values.iter().map(|v| Value::from(v.as_str())).collect()),
            Is::Includes => Of::Text(|seen, wanted| seen.contains(wanted), value.to_owned()),
            Is::StartsWith => Of::Text(|seen, wanted| seen.starts_with(wanted), value.to_owned()),
            Is::EndsWith => Of::Text(|seen, wanted| seen.ends_with(wanted), value.to_owned()),
            Is::GreaterThan => Of::Greater { than: whole()?, or_equal: false },
            Is::GreaterThanOrEquals => Of::Greater { than: whole()?, or_equal: true },
            Is::Before => Of::Before(moment()?),
            Is::After => Of::After(moment()?),
            _ => Of::Regex(Box::new(pattern(value, anchor)?)),
        };
        Ok(Self { of, negated })
    }

    /// Judges an attribute. Errors: a regular expression that gives up on a value; nothing may be concluded from that.
    pub(super) fn holds(&self, seen: &Value, now: Timestamp) -> Result<bool, String> {
        match &self.of {
            Of::Null => return Ok(seen.is_empty()),
            Of::Member(groups) => {
                let member = seen.items().iter().any(|value| groups.iter().any(|g| is_group(value, g)));
                return Ok(member != self.negated);
            }
            _ if seen.is_empty() => return Ok(false),
            Of::NotNull => return Ok(true),
            _ => {}
        }
        let mut any = false;
        let patience = matches!(self.of, Of::Regex(_)).then(Patience::new);
        for value in seen.items().iter().filter(|value| !value.is_empty()) {
            patience.as_ref().map_or(Ok(()), Patience::left).map_err(|_| gave_up())?;
            match self.one(value, now)? {
                Some(true) if !self.negated => return Ok(true),
                Some(holds) => any |= holds,
                None if self.negated => return Ok(false),
                None => {}
            }
        }
        Ok(any != self.negated)
    }

    /// As [`Test::holds`], for an attribute that is one text.
    pub(super) fn holds_text(&self, seen: &str, now: Timestamp) -> Result<bool, String> {
        match self.of {
            Of::Null => Ok(seen.is_empty()),
            _ if seen.is_empty() => Ok(false),
            Of::NotNull => Ok(true),
            _ => Ok(self.text(seen, now)?.is_some_and(|holds| holds != self.negated)),
        }
    }

    /// Judges one value without the negation; `None`: it cannot be judged.
    fn one(&self, value: &Value, now: Timestamp) -> Result<Option<bool>, String> {
        Ok(match &self.of {
            Of::Member(_) => None,
            Of::Listed(wanted) => Some(wanted.iter().any(|wanted| value.is_text(wanted))),
            Of::Greater { than, or_equal } => {
                value.whole().map(|seen| seen > *than || (*or_equal && seen == *than))
            }
            Of::Before(at) => value.moment().map(|seen| seen < at.from(now)),
            Of::After(at) => value.moment().map(|seen| seen > at.from(now)),
            Of::Null | Of::NotNull | Of::Truth(_) | Of::Text(..) | Of::Regex(_) => match value.as_text() {
                Some(seen) => self.text(&seen, now)?,
                None => None,
            },
        })
    }

    /// As [`Test::one`], for a text.
    fn text(&self, seen: &str, now: Timestamp) -> Result<Option<bool>, String> {
        Ok(match &self.of {
            Of::Null | Of::NotNull | Of::Member(_) => None,
            Of::Truth(wanted) => {
                let is = |what: &str| seen.eq_ignore_ascii_case(what);
                (is("true") || is("false")).then(|| is("true") == *wanted)
            }
            Of::Listed(wanted) => Some(wanted.iter().any(|wanted| wanted.as_text().as_deref() == Some(seen))),
            Of::Text(test, wanted) => Some(test(seen, wanted)),
            Of::Regex(regex) => Some(regex.is_match(seen).map_err(|_| gave_up())?),
            Of::Greater { than, or_equal } => {
                crate::value::whole(seen).map(|seen| seen > *than || (*or_equal && seen == *than))
            }
            Of::Before(at) => date::parse(seen).map(|seen| seen < at.from(now)),
            Of::After(at) => date::parse(seen).map(|seen| seen > at.from(now)),
        })
    }
}

fn gave_up() -> String {
    "the regular expression takes too long on this value; make it simpler".to_owned()
}

/// Whether a value names a group: an object with its id or name, or its distinguished name.
fn is_group(value: &Value, group: &str) -> bool {
    if let Value::Object(object) = value {
        return ["value", "display"]
            .iter()
            .any(|key| object.get(*key).and_then(|v| v.as_str()) == Some(group));
    }
    let Some(text) = value.as_text() else { return false };
    text == group || text.contains('=') && (text.eq_ignore_ascii_case(group) || first_part(&text) == group)
}

/// `Sales` of `cn=Sales,ou=groups,dc=example,dc=com`.
fn first_part(dn: &str) -> String {
    let mut part = String::new();
    let mut escaped = false;
    for c in dn.split_once('=').map_or("", |(_, rest)| rest).chars() {
        match c {
            '\\' if !escaped => escaped = true,
            ',' | '+' if !escaped => break,
            _ => {
                escaped = false;
                part.push(c);
            }
        }
    }
    part
}

/// Compiles a pattern. By itself first, so that `a)|(b` cannot pass by the brackets that the anchors need.
fn pattern(text: &str, anchor: Anchor) -> Result<Regex, String> {
    let part = regex(text).map_err(|e| e.to_string())?;
    match anchor {
        Anchor::Part => Ok(part),
        Anchor::Whole => regex(&format!(r"\A(?:{text})\z")).map_err(|e| e.to_string()),
    }
}
