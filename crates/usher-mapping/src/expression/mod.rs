//! Expressions: Entra's grammar and Usher's additions, parsed with spans, compiled, evaluated, traced.
//!
//! ```text
//! or         = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | comparison
//! comparison = join [ ("=" | "<>" | "<" | "<=" | ">" | ">=") join ]
//! join       = value { "&" value }
//! value      = Function "(" [ [or] { "," [or] } ] ")" | "[" attribute "]" | text | number | "&H" hex
//!            | "(" or ")" | "true" | "false" | "null"
//! ```
//!
//! Every expression of Entra's is one of these and means the same. `#` begins a comment that ends with its line.

pub(crate) mod ast;
mod compile;
pub(crate) mod eval;
mod lexer;
mod parser;
mod print;

use std::fmt;
use std::ops::Range;

use crate::{Context, Known, Value, functions};
use ast::{Kind, Node};

/// The longest text of an expression, in characters (Entra's own bound).
pub const MAX_LENGTH: usize = 10_000;
/// The deepest nesting of calls, parentheses and `not`.
pub const MAX_DEPTH: usize = 64;

/// A compiled expression. `Display` prints the text it was parsed from.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    root: Node,
    /// It calls `Guid` or `RandomString`.
    random: bool,
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
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The error of a part of a text, as one of the whole: its offsets moved.
    fn moved(self, by: usize) -> Self {
        Self { span: self.span.start + by..self.span.end + by, ..self }
    }

    /// Message, the line of the text, a caret line under the wrong part, and the hint.
    pub fn caret(&self, text: &str) -> String {
        let at = floor(text, self.span.start);
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        let end = floor(text, self.span.end).clamp(at, line_end);
        // A tab stays a tab, so that the caret stands below what it means.
        let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
        let indent: String = text[line_start..at].chars().map(blank).collect();
        let carets = "^".repeat(text[at..end].chars().count().max(1));
        let line = text[line_start..line_end].trim_end_matches('\r');
        let hint = self.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        format!("{}\n  {line}\n  {indent}{carets}{hint}", self.message)
    }
}

/// The nearest character boundary at or before an offset.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
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

impl EvalError {
    /// An error whose place the evaluation adds.
    pub fn new(message: impl Into<String>) -> Self {
        Self { span: None, message: message.into() }
    }
}

/// A part of an expression with its value, as a tree: calls, operators and attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The text of the node.
    pub text: String,
    /// Its value; the text `[Redact]` where redacted; null where evaluating it failed.
    pub value: Value,
    /// What it was made from; arguments that were not needed (the other branch of an `IIF`) are missing.
    pub parts: Vec<Trace>,
}

impl Expression {
    /// Parses and compiles; at most [`MAX_LENGTH`] characters, depth [`MAX_DEPTH`]. Never panics, linear.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let mut root = parser::parse(text)?;
        compile::prepare(&mut root)?;
        compile::top_only(&root)?;
        let mut random = false;
        root.visit(&mut |n| {
            random |= matches!(&n.kind, Kind::Call(f, _) if matches!(f.name, "Guid" | "RandomString"))
        });
        Ok(Self { text: text.to_owned(), root, random })
    }

    /// An attribute, as `[name]`.
    pub fn attribute(name: &str) -> Result<Self, ExpressionError> {
        Self::parse(&format!("[{name}]"))
    }

    /// The text it came from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same expression in one spelling: no comments, one blank where one belongs. Parses to an equal one.
    pub fn canonical(&self) -> String {
        print::canonical(&self.root)
    }

    /// Checks that every bracketed name is known; errors name the nearest.
    pub fn check(&self, known: &Known<'_>) -> Result<(), ExpressionError> {
        let mut result = Ok(());
        self.root.visit(&mut |node| {
            if let (Ok(()), Kind::Attribute(name)) = (&result, &node.kind) {
                // The name stands inside brackets, and maybe parentheses and blanks.
                let inside =
                    self.text.get(node.span.clone()).and_then(|text| text.find(name.text())).unwrap_or(0);
                result = name.check(known).map_err(|e| e.moved(node.span.start + inside));
            }
        });
        result
    }

    /// Evaluates.
    pub fn eval(&self, cx: &mut Context<'_>) -> Result<Value, EvalError> {
        eval::run(&self.root, &self.text, cx)
    }

    /// Whether the result must be hidden in logs (`Redact(…)`).
    pub fn redacted(&self) -> bool {
        self.root.redacted
    }

    /// Whether it names an attribute anywhere in it, ignoring case: as `[attribute]`, with a path below it, or by an alias of it.
    pub fn mentions(&self, attribute: &str) -> bool {
        let mut found = false;
        self.root
            .visit(&mut |node| found |= matches!(&node.kind, Kind::Attribute(name) if name.is(attribute)));
        found
    }

    /// The names in its brackets as written, each once, in order of appearance.
    pub fn attributes(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.root.visit(&mut |node| {
            if let Kind::Attribute(name) = &node.kind
                && !names.contains(&name.text())
            {
                names.push(name.text());
            }
        });
        names
    }

    /// The name, where the expression is nothing but `[name]`: Entra's mapping type *Direct*.
    pub fn direct(&self) -> Option<&str> {
        match &self.root.kind {
            Kind::Attribute(name) => Some(name.text()),
            _ => None,
        }
    }

    /// Its tree.
    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    /// Whether it is a `SelectUniqueValue`: its row acts on create only, is no matcher, and needs a look-up that can ask the
    /// target ([`crate::Lookup::is_taken`]).
    pub fn is_unique_value(&self) -> bool {
        self.is_call_of(functions::SELECT_UNIQUE_VALUE)
    }

    /// Whether its value depends on [`Context::seed`].
    pub(crate) fn is_random(&self) -> bool {
        self.random
    }

    /// Whether the call at its top is of that function.
    pub(crate) fn is_call_of(&self, name: &str) -> bool {
        matches!(&self.root.kind, Kind::Call(function, _) if function.name == name)
    }

    /// Whether a function of that name is called anywhere in it.
    pub fn calls(&self, name: &str) -> bool {
        let mut found = false;
        self.root.visit(&mut |node| {
            found |= matches!(&node.kind, Kind::Call(function, _) if function.name == name)
        });
        found
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Expression {
    type Err = ExpressionError;
    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::parse(text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
