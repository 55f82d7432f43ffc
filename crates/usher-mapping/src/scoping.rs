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
//! operator = "IS NOT NULL"
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::mapping::MappingError;
use crate::{AttributeName, Context, Known, Value};

/// An operator. The null rule: any clause but `IS NULL` is false on a null or empty attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopeOperator {
    /// The value exactly, case-sensitive; a boolean is the text True or False. A multi-valued attribute has it among its values.
    #[serde(rename = "EQUALS")]
    Equals,
    /// Absent or empty.
    #[serde(rename = "IS NULL")]
    IsNull,
    /// Neither absent nor empty.
    #[serde(rename = "IS NOT NULL")]
    IsNotNull,
}

impl ScopeOperator {
    /// As Entra shows it: `EQUALS`, `IS NULL`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equals => "EQUALS",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
        }
    }

    /// How many values a clause with it has.
    fn operands(self) -> usize {
        match self {
            Self::Equals => 1,
            Self::IsNull | Self::IsNotNull => 0,
        }
    }

    /// Judges a value.
    fn holds(self, seen: &Value, operands: &[String]) -> bool {
        match self {
            Self::IsNull => seen.is_empty(),
            _ if seen.is_empty() => false,
            Self::IsNotNull => true,
            Self::Equals => operands.first().is_some_and(|wanted| {
                seen.items().iter().any(|value| value.is_text(&Value::from(wanted.as_str())))
            }),
        }
    }
}

impl fmt::Display for ScopeOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A clause over a source attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// What people call it; without one it is shown as `attribute operator value`.
    pub title: Option<String>,
    /// As in an expression's brackets.
    pub attribute: AttributeName,
    /// How it judges.
    pub operator: ScopeOperator,
    /// None for `IS NULL` and `IS NOT NULL`, one for `EQUALS`.
    pub values: Vec<String>,
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
}

/// The decision with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Whether the object passes.
    pub holds: bool,
    /// Every clause of every group, judged.
    pub clauses: Vec<Judged>,
}

impl Clause {
    fn value_text(&self) -> String {
        self.values.join(", ")
    }

    fn judge(&self, group: &Group, cx: &Context<'_>) -> Judged {
        let seen = self.attribute.read(cx);
        let title =
            || format!("{} {} {}", self.attribute, self.operator, self.value_text()).trim_end().to_owned();
        Judged {
            group: group.title.clone(),
            title: self.title.clone().unwrap_or_else(title),
            attribute: self.attribute.text().to_owned(),
            operator: self.operator,
            value: self.value_text(),
            holds: self.operator.holds(&seen, &self.values),
            seen: if seen.is_null() { None } else { Some(seen.text().unwrap_or_else(|| seen.to_string())) },
        }
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

    /// Whether an object passes, without the reasons.
    pub fn holds(&self, cx: &Context<'_>) -> bool {
        let all =
            |group: &Group| group.clauses.iter().all(|c| c.operator.holds(&c.attribute.read(cx), &c.values));
        self.groups.is_empty() || self.groups.iter().any(all)
    }

    /// Judges an object, every clause of every group.
    pub fn judge(&self, cx: &Context<'_>) -> Decision {
        let mut holds = self.groups.is_empty();
        let mut clauses = Vec::new();
        for group in &self.groups {
            let judged: Vec<Judged> = group.clauses.iter().map(|clause| clause.judge(group, cx)).collect();
            holds |= judged.iter().all(|clause| clause.holds);
            clauses.extend(judged);
        }
        Decision { holds, clauses }
    }
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
    attribute: String,
    operator: ScopeOperator,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

impl GroupForm {
    fn into_group(self) -> Result<Group, MappingError> {
        let Self { title, clause } = self;
        let wrong = |what: String| MappingError::Other(format!("scoping filter “{title}”: {what}"));
        if clause.is_empty() {
            return Err(wrong("a group has at least one clause".to_owned()));
        }
        let read = |form: ClauseForm| {
            let attribute =
                AttributeName::parse(&form.attribute).map_err(|error| MappingError::Expression {
                    row: format!("scoping filter “{title}”"),
                    text: form.attribute.clone(),
                    error,
                })?;
            let values: Vec<String> = form.value.into_iter().collect();
            match (form.operator.operands(), values.len()) {
                (needs, has) if needs == has => {}
                (0, _) => return Err(wrong(format!("{} takes no value", form.operator))),
                _ => return Err(wrong(format!("{} needs a value", form.operator))),
            }
            Ok(Clause { title: form.title, attribute, operator: form.operator, values })
        };
        let clauses = clause.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Group { title, clauses })
    }

    fn from_group(group: &Group) -> Self {
        let form = |clause: &Clause| ClauseForm {
            title: clause.title.clone(),
            attribute: clause.attribute.text().to_owned(),
            operator: clause.operator,
            value: clause.values.first().cloned(),
        };
        Self { title: group.title.clone(), clause: group.clauses.iter().map(form).collect() }
    }
}
