//! Scoping filters: groups of clauses; clauses of a group all hold, one group is enough; no group: everything passes.
//!
//! ```toml
//! [[users.scoping]]
//! title = "Sales in Germany"
//! [[users.scoping.clause]]
//! attribute = "department"     # as in an expression's brackets
//! operator = "EQUALS"
//! value = "Sales"
//! [[users.scoping.clause]]
//! title = "has a number"       # optional
//! attribute = "employeeId"
//! operator = "REGEX MATCH"     # the operators: ScopeOperator
//! value = "[1-9][0-9]*"
//! anchor = "part"              # of REGEX MATCH; without it the whole value must match
//! [[users.scoping.clause]]
//! attribute = "country"
//! operator = "IN"
//! value = ["Germany", "Austria"]
//! [[users.scoping.clause]]
//! attribute = "employeeHireDate"
//! operator = "BEFORE"
//! value = "now+7d"             # a date, or a time counted from now
//! [[users.scoping.clause]]
//! operator = "IsMemberOf"      # without an attribute: the groups the object is directly in
//! value = "Sales"              # a group's name or id
//! ```

mod operator;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

pub use operator::{Anchor, ScopeOperator};

use crate::mapping::MappingError;
use crate::{AttributeName, Context, Known, Value};
use operator::Test;

/// What `IsMemberOf` looks at where a clause names no attribute: named values or a key of the object, each an object with `value`
/// (an id) and `display` (a name).
pub const GROUPS: &str = "groups";

/// What an LDAP entry has instead: distinguished names.
static MEMBER_OF: LazyLock<Option<AttributeName>> = LazyLock::new(|| AttributeName::parse("memberOf").ok());

/// A clause over a source attribute, made by [`Clause::new`].
#[derive(Debug, Clone)]
pub struct Clause {
    /// What people call it; without one it is shown as `attribute operator value`.
    pub title: Option<String>,
    /// As in an expression's brackets.
    pub attribute: AttributeName,
    /// How it judges.
    pub operator: ScopeOperator,
    /// None for `IS NULL`, `IS NOT NULL`, `IS TRUE` and `IS FALSE`, one or more for `IN`, else one.
    pub values: Vec<String>,
    /// How much of a value `REGEX MATCH` has to match.
    pub anchor: Anchor,
    test: Test,
}

impl PartialEq for Clause {
    /// What it was made of; `test` follows from that.
    fn eq(&self, other: &Self) -> bool {
        (&self.title, &self.attribute, self.operator, &self.values, self.anchor)
            == (&other.title, &other.attribute, other.operator, &other.values, other.anchor)
    }
}

/// A group: all its clauses must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What people call it.
    pub title: String,
    /// At least one.
    pub clauses: Vec<Clause>,
}

/// A whole filter: one of its groups must hold; without a group everything passes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScopingFilter {
    /// The alternatives.
    pub groups: Vec<Group>,
}

/// One clause as judged: shapes.md's scope detail.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The group's title.
    pub group: String,
    /// The clause's title, or what it says.
    pub title: String,
    /// The attribute as written.
    pub attribute: String,
    /// The operator.
    pub operator: ScopeOperator,
    /// What it was compared with; `""` for `IS NULL` and `IS NOT NULL`.
    pub value: String,
    /// What the object has; `None` for null.
    pub seen: Option<String>,
    /// Whether the clause holds.
    pub holds: bool,
    /// Why it could not be judged: a regular expression that gave up on this value.
    pub problem: Option<String>,
}

/// The decision with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Whether the object passes. Worth nothing when [`Decision::problem`] is there.
    pub holds: bool,
    /// Why it cannot be said whether the object passes: a clause that could not be judged would have decided. Nobody may
    /// get or lose anything by that.
    pub problem: Option<String>,
    /// Every clause of every group, judged.
    pub clauses: Vec<Judged>,
}

impl Clause {
    /// Checks the values and makes them ready. Errors: too few or too many values, or values the operator cannot use, in
    /// words.
    pub fn new(
        title: Option<String>,
        attribute: AttributeName,
        operator: ScopeOperator,
        values: Vec<String>,
        anchor: Anchor,
    ) -> Result<Self, String> {
        let test = Test::new(operator, &values, anchor)?;
        Ok(Self { title, attribute, operator, values, anchor, test })
    }

    /// Reads a clause as one is shown: `department EQUALS Sales`, `country IN Germany, Austria`, `title IS NOT NULL`,
    /// `IsMemberOf Sales`. The value is what comes after the first operator, to the end. Errors: in words.
    pub fn parse(text: &str, anchor: Anchor) -> Result<Self, String> {
        let (attribute, operator, value) = parts(text).ok_or_else(|| {
            let all: Vec<_> = ScopeOperator::all().map(ScopeOperator::as_str).collect();
            format!(
                "a clause is ATTRIBUTE OPERATOR VALUE, not “{text}”; the operators are {}",
                all.join(", ")
            )
        })?;
        let of_groups = matches!(operator, ScopeOperator::IsMemberOf | ScopeOperator::NotIsMemberOf);
        let name = match attribute {
            "" if of_groups => GROUPS,
            "" => {
                return Err(format!(
                    "{operator} needs an attribute before it, as in department {operator} …"
                ));
            }
            name => name,
        };
        let attribute = AttributeName::parse(name).map_err(|error| error.caret(name))?;
        let many = matches!(operator, ScopeOperator::In | ScopeOperator::NotIn);
        let values = match value {
            "" => Vec::new(),
            list if many => list.split(',').map(|value| value.trim().to_owned()).collect(),
            one => vec![one.to_owned()],
        };
        let regex = matches!(operator, ScopeOperator::RegexMatch | ScopeOperator::NotRegexMatch);
        let anchor = if regex { anchor } else { Anchor::default() };
        Self::new(None, attribute, operator, values, anchor)
    }

    /// The same with another anchor. Errors as [`Clause::new`].
    pub fn anchored(&self, anchor: Anchor) -> Result<Self, String> {
        Self::new(self.title.clone(), self.attribute.clone(), self.operator, self.values.clone(), anchor)
    }

    /// Whether it holds for an object. Errors: as [`Decision::problem`].
    pub fn holds(&self, cx: &Context<'_>) -> Result<bool, String> {
        match self.attribute.text_in(cx).filter(|_| !self.is_membership()) {
            Some(text) => self.test.holds_text(text, cx.now),
            None => self.test.holds(&self.seen(cx), cx.now),
        }
    }

    /// Whether what it says of an object depends on when it is asked.
    pub fn reads_time(&self) -> bool {
        self.test.reads_time()
    }

    /// Whether it is of groups rather than of a value.
    fn is_membership(&self) -> bool {
        matches!(self.operator, ScopeOperator::IsMemberOf | ScopeOperator::NotIsMemberOf)
    }

    fn seen(&self, cx: &Context<'_>) -> Value {
        match (self.attribute.read(cx), MEMBER_OF.as_ref()) {
            (Value::Null, Some(other)) if self.is_membership() && self.attribute.text() == GROUPS => {
                other.read(cx)
            }
            (seen, _) => seen,
        }
    }

    fn value_text(&self) -> String {
        self.values.join(", ")
    }

    fn judge(&self, group: &Group, cx: &Context<'_>) -> Judged {
        let seen = self.seen(cx);
        let title =
            || format!("{} {} {}", self.attribute, self.operator, self.value_text()).trim_end().to_owned();
        let (holds, problem) = match self.test.holds(&seen, cx.now) {
            Ok(holds) => (holds, None),
            Err(problem) => (false, Some(problem)),
        };
        Judged {
            group: group.title.clone(),
            title: self.title.clone().unwrap_or_else(title),
            attribute: self.attribute.text().to_owned(),
            operator: self.operator,
            value: self.value_text(),
            holds,
            problem,
            seen: shown(&seen),
        }
    }
}

/// Attribute, operator and value of a clause as text: the first operator that stands as words of its own, the longest one there.
fn parts(text: &str) -> Option<(&str, ScopeOperator, &str)> {
    let text = text.trim();
    // A value filter in the attribute may hold words that are operators elsewhere.
    let from = text.find(['[', ' ']).filter(|at| text[*at..].starts_with('[')).and_then(|_| text.find(']'));
    let starts = text.char_indices().map(|(at, _)| at).filter(|at| *at >= from.unwrap_or(0));
    starts.filter(|at| *at == 0 || text[..*at].ends_with(char::is_whitespace)).find_map(|at| {
        let rest = &text[at..];
        let fits = |name: &&str| {
            rest.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name))
                && rest[name.len()..].chars().next().is_none_or(char::is_whitespace)
        };
        let name = ScopeOperator::all().map(ScopeOperator::as_str).filter(fits).max_by_key(|n| n.len())?;
        Some((text[..at].trim(), ScopeOperator::named(name)?, rest[name.len()..].trim()))
    })
}

/// What people read of a value: groups by their names.
fn shown(seen: &Value) -> Option<String> {
    let one = |value: &Value| match value {
        Value::Object(object) => {
            let name = object.get("display").or(object.get("value")).and_then(|v| v.as_str());
            name.map_or_else(|| value.to_string(), str::to_owned)
        }
        other => other.text().unwrap_or_else(|| other.to_string()),
    };
    match seen {
        Value::Null => None,
        Value::List(items) if items.iter().any(|item| matches!(item, Value::Object(_))) => {
            Some(items.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Value::List(_) => Some(seen.text().unwrap_or_else(|| seen.to_string())),
        other => Some(one(other)),
    }
}

impl ScopingFilter {
    /// Reads the TOML form: an array of tables, each a group.
    pub fn from_toml(groups: &[toml::Value]) -> Result<Self, MappingError> {
        let read = |group: &toml::Value| {
            let form: GroupForm =
                group.clone().try_into().map_err(|e| MappingError::Toml(format!("scoping: {e}")))?;
            form.into_group()
        };
        Ok(Self { groups: groups.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// The same array again.
    pub fn to_toml(&self) -> toml::value::Array {
        let form = |group: &Group| toml::Value::try_from(GroupForm::from_group(group)).ok();
        self.groups.iter().filter_map(form).collect()
    }

    /// Whether a clause is about that attribute (ignoring case, or by an alias of it).
    pub fn mentions(&self, attribute: &str) -> bool {
        self.clauses().any(|clause| clause.attribute.is(attribute))
    }

    /// Whether whom it lets pass depends on when it is asked.
    pub fn reads_time(&self) -> bool {
        self.clauses().any(Clause::reads_time)
    }

    /// The clauses of all groups.
    pub fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.groups.iter().flat_map(|group| &group.clauses)
    }

    /// The same with every regular expression anchored so.
    pub fn anchored(&self, anchor: Anchor) -> Result<Self, MappingError> {
        let mut filter = self.clone();
        for clause in filter.groups.iter_mut().flat_map(|group| &mut group.clauses) {
            if matches!(clause.operator, ScopeOperator::RegexMatch | ScopeOperator::NotRegexMatch) {
                *clause = clause.anchored(anchor).map_err(MappingError::Other)?;
            }
        }
        Ok(filter)
    }

    /// Whether every attribute is known.
    pub fn check(&self, known: &Known<'_>) -> Result<(), MappingError> {
        for group in &self.groups {
            for clause in &group.clauses {
                clause.attribute.check(known).map_err(|error| MappingError::Expression {
                    row: format!("scoping filter “{}”", group.title),
                    text: clause.attribute.text().to_owned(),
                    error,
                })?;
            }
        }
        Ok(())
    }

    /// Whether an object passes, without the reasons. Errors: as [`Decision::problem`].
    pub fn holds(&self, cx: &Context<'_>) -> Result<bool, String> {
        let mut problem = None;
        for group in &self.groups {
            match holds_all(group.clauses.iter().map(|clause| clause.holds(cx))) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(why) => problem = problem.or(Some(why)),
            }
        }
        problem.map_or(Ok(self.groups.is_empty()), Err)
    }

    /// Judges an object, every clause of every group.
    pub fn judge(&self, cx: &Context<'_>) -> Decision {
        let mut decision = Decision { holds: self.groups.is_empty(), problem: None, clauses: Vec::new() };
        for group in &self.groups {
            let judged: Vec<Judged> = group.clauses.iter().map(|clause| clause.judge(group, cx)).collect();
            let outcome = |clause: &Judged| clause.problem.clone().map_or(Ok(clause.holds), Err);
            match holds_all(judged.iter().map(outcome)) {
                Ok(holds) => decision.holds |= holds,
                Err(problem) => {
                    decision.problem =
                        decision.problem.or(Some(format!("scoping filter “{}”: {problem}", group.title)));
                }
            }
            decision.clauses.extend(judged);
        }
        if decision.holds {
            decision.problem = None;
        }
        decision
    }
}

/// Whether all clauses of a group hold. One that does not decides, whatever could not be judged beside it.
fn holds_all(clauses: impl Iterator<Item = Result<bool, String>>) -> Result<bool, String> {
    let mut problem = None;
    for clause in clauses {
        match clause {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(why) => problem = problem.or(Some(why)),
        }
    }
    problem.map_or(Ok(true), Err)
}

/// A group as TOML has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupForm {
    title: String,
    clause: Vec<ClauseForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClauseForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<String>,
    operator: ScopeOperator,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Operands>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anchor: Option<Anchor>,
}

/// What a clause compares with: text, a number, or a list for `IN`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Operands {
    One(String),
    Number(i64),
    Several(Vec<String>),
}

impl Operands {
    fn into_values(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Number(number) => vec![number.to_string()],
            Self::Several(texts) => texts,
        }
    }
}

impl GroupForm {
    fn into_group(self) -> Result<Group, MappingError> {
        let Self { title, clause } = self;
        let wrong = |what: String| MappingError::Other(format!("scoping filter “{title}”: {what}"));
        if clause.is_empty() {
            return Err(wrong("a group has at least one clause".to_owned()));
        }
        let read = |form: ClauseForm| {
            let of_groups = matches!(form.operator, ScopeOperator::IsMemberOf | ScopeOperator::NotIsMemberOf);
            let name = match form.attribute {
                None if of_groups => GROUPS.to_owned(),
                None => return Err(wrong(format!("{} needs an attribute", form.operator))),
                Some(name) => name,
            };
            let attribute = AttributeName::parse(&name).map_err(|error| MappingError::Expression {
                row: format!("scoping filter “{title}”"),
                text: name.clone(),
                error,
            })?;
            let regex = matches!(form.operator, ScopeOperator::RegexMatch | ScopeOperator::NotRegexMatch);
            if form.anchor.is_some() && !regex {
                return Err(wrong(format!("anchor belongs to REGEX MATCH, not to {}", form.operator)));
            }
            let values = form.value.map(Operands::into_values).unwrap_or_default();
            Clause::new(form.title, attribute, form.operator, values, form.anchor.unwrap_or_default())
                .map_err(wrong)
        };
        let clauses = clause.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Group { title, clauses })
    }

    fn from_group(group: &Group) -> Self {
        let form = |clause: &Clause| ClauseForm {
            title: clause.title.clone(),
            attribute: Some(clause.attribute.text().to_owned())
                .filter(|name| !clause.is_membership() || name != GROUPS),
            operator: clause.operator,
            value: match clause.values.as_slice() {
                [] => None,
                [one] => Some(Operands::One(one.clone())),
                several => Some(Operands::Several(several.to_vec())),
            },
            anchor: (clause.anchor != Anchor::default()).then_some(clause.anchor),
        };
        Self { title: group.title.clone(), clause: group.clauses.iter().map(form).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_is_read_as_it_is_shown() {
        let read = |text: &str| {
            let clause = Clause::parse(text, Anchor::Part).unwrap();
            (clause.attribute.text().to_owned(), clause.operator, clause.values.join("|"))
        };
        let rows = [
            ("department EQUALS Sales", "department", ScopeOperator::Equals, "Sales"),
            (
                "department not equals Sales and more",
                "department",
                ScopeOperator::NotEquals,
                "Sales and more",
            ),
            ("title IS NOT NULL", "title", ScopeOperator::IsNotNull, ""),
            ("country IN Germany, Austria", "country", ScopeOperator::In, "Germany|Austria"),
            ("IsMemberOf Sales", "groups", ScopeOperator::IsMemberOf, "Sales"),
            (
                "emails[type eq \"work\"].value ENDS_WITH @example.com",
                "emails[type eq \"work\"].value",
                ScopeOperator::EndsWith,
                "@example.com",
            ),
            ("employeeHireDate BEFORE now+7d", "employeeHireDate", ScopeOperator::Before, "now+7d"),
        ];
        for (text, attribute, operator, values) in rows {
            assert_eq!(read(text), (attribute.to_owned(), operator, values.to_owned()), "{text}");
        }
        assert_eq!(Clause::parse("title REGEX MATCH Head", Anchor::Part).unwrap().anchor, Anchor::Part);
        for wrong in
            ["department is Sales", "EQUALS Sales", "department EQUALS", "a BEFORE soon", "a BEFORE now7d"]
        {
            assert!(Clause::parse(wrong, Anchor::Whole).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_counted_from_now_moves_with_it() {
        let clause = Clause::parse("startDate BEFORE now+7d", Anchor::Whole).unwrap();
        assert!(
            clause.reads_time() && !Clause::parse("a BEFORE 2026-01-31", Anchor::Whole).unwrap().reads_time()
        );
        let object = serde_json::json!({"startDate": "2026-11-20T00:00:00Z"});
        let holds = |now: &str| {
            let mut lookup = crate::NoLookup;
            let cx = Context::new(object.as_object().unwrap(), &mut lookup, now.parse().unwrap());
            clause.holds(&cx).unwrap()
        };
        assert!(!holds("2026-11-13T00:00:00Z"));
        assert!(holds("2026-11-13T00:00:01Z"));
    }
}
