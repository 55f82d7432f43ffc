//! What the database can tell, and how it is written in SQL. Only numbers of ours stand in the text; all else is an argument.

use std::fmt;

use usher_store::Value;

use crate::{DirectoryId, Kind, ObjectId, index};

/// How a column compares with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Sw,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A condition on one object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Predicate {
    /// The prepared name.
    Name(Comparison, Vec<u8>),
    External(Comparison, Vec<u8>),
    Id(ObjectId),
    Created(Comparison, i64),
    Modified(Comparison, i64),
    Active(bool),
    /// One value of an indexed attribute.
    Search(i64, Comparison, Vec<u8>),
    /// It has this member.
    Member(ObjectId),
    /// All of one of these.
    AnyOf(Vec<Vec<Predicate>>),
    Never,
}

impl Predicate {
    /// Whether an index leads straight to the objects.
    pub(super) fn is_pointed(&self) -> bool {
        match self {
            Self::Active(_) | Self::Created(..) => false,
            Self::AnyOf(ways) => ways.iter().all(|way| way.iter().any(Self::is_pointed)),
            _ => true,
        }
    }

    /// Whether it holds for few, as a rule for one.
    pub(super) fn finds_few(&self) -> bool {
        match self {
            Self::Name(comparison, _) | Self::External(comparison, _) | Self::Search(_, comparison, _) => {
                *comparison == Comparison::Eq
            }
            Self::Id(_) | Self::Never => true,
            Self::AnyOf(ways) => ways.iter().all(|way| way.iter().any(Self::finds_few)),
            Self::Created(..) | Self::Modified(..) | Self::Active(_) | Self::Member(_) => false,
        }
    }
}

/// The condition of a statement over `object o`, with the arguments so far.
#[derive(Debug)]
pub(super) struct Where {
    text: String,
    pub(super) arguments: Vec<Value>,
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Where {
    pub(super) fn new(directory: DirectoryId, kind: Kind, predicates: &[Predicate]) -> Self {
        let mut condition = Self { text: String::new(), arguments: vec![directory.into()] };
        condition.text = condition.all("o", kind, predicates);
        condition
    }

    /// Adds an argument; its name in the text.
    pub(super) fn argument(&mut self, value: impl Into<Value>) -> String {
        self.arguments.push(value.into());
        format!("${}", self.arguments.len())
    }

    /// The kind is written out, so that partial indexes are seen to fit.
    fn all(&mut self, of: &str, kind: Kind, predicates: &[Predicate]) -> String {
        let mut text =
            format!("{of}.directory = $1 and {of}.kind = {} and {of}.deleted is null", kind.number());
        for predicate in predicates {
            text.push_str(" and ");
            text.push_str(&self.one(of, kind, predicate));
        }
        text
    }

    fn one(&mut self, of: &str, kind: Kind, predicate: &Predicate) -> String {
        match predicate {
            Predicate::Name(how, value) => self.bytes(&format!("{of}.name"), *how, value),
            Predicate::External(how, value) => {
                format!(
                    "{of}.external is not null and {}",
                    self.bytes(&format!("{of}.external"), *how, value)
                )
            }
            Predicate::Id(id) => format!("{of}.id = {}", self.argument(*id)),
            Predicate::Created(how, at) => self.time(&format!("{of}.created"), *how, *at),
            Predicate::Modified(how, at) => self.time(&format!("{of}.modified"), *how, *at),
            Predicate::Active(active) => format!("{of}.active = {}", self.argument(*active)),
            Predicate::Search(attribute, how, value) => {
                let value = self.bytes("s.value", *how, value);
                format!(
                    "{of}.key in (select s.key from search s where s.directory = $1 and s.attribute = {attribute} and {value})"
                )
            }
            Predicate::Member(id) => {
                let id = self.argument(*id);
                format!(
                    "{of}.key in (select m.grp from member m join object u on u.key = m.member where u.directory = $1 and u.id = {id})"
                )
            }
            Predicate::AnyOf(ways) => {
                let ways: Vec<String> = ways
                    .iter()
                    .map(|way| format!("select w.key from object w where {}", self.all("w", kind, way)))
                    .collect();
                format!("{of}.key in ({})", ways.join(" union all "))
            }
            Predicate::Never => "1 = 0".to_owned(),
        }
    }

    fn bytes(&mut self, column: &str, how: Comparison, value: &[u8]) -> String {
        if how == Comparison::Sw {
            let Some(end) = index::after_prefix(value) else { return format!("{column} is not null") };
            let (from, to) = (self.argument(value), self.argument(end));
            return format!("{column} >= {from} and {column} < {to}");
        }
        let value = self.argument(value);
        format!("{column} {} {value}", sign(how))
    }

    fn time(&mut self, column: &str, how: Comparison, at: i64) -> String {
        let at = self.argument(at);
        format!("{column} {} {at}", sign(how))
    }
}

fn sign(how: Comparison) -> &'static str {
    match how {
        Comparison::Eq | Comparison::Sw => "=",
        Comparison::Gt => ">",
        Comparison::Ge => ">=",
        Comparison::Lt => "<",
        Comparison::Le => "<=",
    }
}
