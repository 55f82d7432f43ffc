//! Expressions: Entra's grammar and Usher's additions, parsed with spans, compiled, evaluated, traced.

use std::ops::Range;

use crate::{Context, Value};

/// A compiled expression. `Display` prints the text it was parsed from.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
}

/// Why a text is no expression. Offsets are bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// The wrong part.
    pub span: Range<usize>,
    /// What was expected, or what is unknown.
    pub message: String,
    /// E.g. the nearest known name.
    pub hint: Option<String>,
}

impl ExpressionError {
    /// Message, the text, a caret line under the wrong part, and the hint.
    pub fn caret(&self, _text: &str) -> String {
        todo!()
    }
}

/// Why an evaluation failed (`Error("…")`, a regex over its limit, an index out of range, …).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// The part of the expression that failed, where known.
    pub span: Option<Range<usize>>,
    /// Why.
    pub message: String,
}

/// A call with its arguments and result, as a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The text of the node.
    pub text: String,
    /// Its value; `[Redact]` where redacted.
    pub value: Value,
    /// Arguments.
    pub parts: Vec<Trace>,
}

impl Expression {
    /// Parses and compiles; at most 10,000 characters, depth 64. Never panics, linear.
    pub fn parse(_text: &str) -> Result<Self, ExpressionError> {
        todo!()
    }
    /// The text it came from.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// Checks that every bracketed name is known; errors name the nearest.
    pub fn check(&self, _known: &crate::Known<'_>) -> Result<(), ExpressionError> {
        todo!()
    }
    /// Evaluates.
    pub fn eval(&self, _cx: &mut Context<'_>) -> Result<Value, EvalError> {
        todo!()
    }
    /// Whether the result must be hidden in logs (`Redact(…)`).
    pub fn redacted(&self) -> bool {
        todo!()
    }
    /// Whether it is just `[IsSoftDeleted]`-like: names an attribute anywhere in it (ignoring case).
    pub fn mentions(&self, _attribute: &str) -> bool {
        todo!()
    }
}
