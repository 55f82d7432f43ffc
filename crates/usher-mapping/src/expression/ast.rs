//! The tree of an expression.

use std::ops::Range;

use fancy_regex::Regex;

use crate::descend::Path;
use crate::functions::Function;
use crate::{AttributeName, Value};

/// A part of an expression and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
    /// It holds a `Redact(…)`, or is within one: its value is hidden in traces.
    pub(crate) redacted: bool,
}

/// What a part is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A positional argument left empty.
    Empty,
    Constant(Value, Option<Prepared>),
    Attribute(AttributeName),
    Call(&'static Function, Vec<Node>),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    /// `&`
    Join(Vec<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
}

/// What a constant argument means to its function, made once.
#[derive(Debug, Clone)]
pub(crate) enum Prepared {
    Path(Path),
    Regex(Box<Regex>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "<>",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl Node {
    pub(crate) fn new(span: Range<usize>, kind: Kind) -> Self {
        Self { span, kind, redacted: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.kind, Kind::Empty)
    }

    pub(crate) fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Empty | Kind::Constant(..) | Kind::Attribute(_) => Vec::new(),
            Kind::Call(_, nodes) | Kind::And(nodes) | Kind::Or(nodes) | Kind::Join(nodes) => {
                nodes.iter().collect()
            }
            Kind::Not(node) => vec![node],
            Kind::Compare(_, a, b) => vec![a, b],
        }
    }

    pub(crate) fn children_mut(&mut self) -> Vec<&mut Node> {
        match &mut self.kind {
            Kind::Empty | Kind::Constant(..) | Kind::Attribute(_) => Vec::new(),
            Kind::Call(_, nodes) | Kind::And(nodes) | Kind::Or(nodes) | Kind::Join(nodes) => {
                nodes.iter_mut().collect()
            }
            Kind::Not(node) => vec![node],
            Kind::Compare(_, a, b) => vec![a, b],
        }
    }

    /// This part and all below it, in the order of the text.
    pub(crate) fn visit<'n>(&'n self, see: &mut impl FnMut(&'n Node)) {
        see(self);
        for child in self.children() {
            child.visit(see);
        }
    }
}
