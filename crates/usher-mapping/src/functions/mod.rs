//! The functions: one table, one entry a function, with parameters, doc line, vectors and implementation;
//! `docs/functions.md` is generated from it.

mod convert;
mod date;
mod document;
mod list;
mod logic;
mod regex;
mod replace;
mod roles;
mod text;
mod transliterate;
mod world;

use std::sync::LazyLock;

use crate::expression::ast::Node;
use crate::expression::eval::{Call, Eval, Text};
use crate::{EvalError, ExpressionError, Value};

pub use document::{SAMPLE, markdown};
pub(crate) use regex::{Patience, regex};

/// The function whose argument and result are hidden in traces and logs.
pub(crate) const REDACT: &str = "Redact";

/// The function whose value is asked for in the target, and which stands at the top only.
pub(crate) const SELECT_UNIQUE_VALUE: &str = "SelectUniqueValue";

/// A function as documented.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// E.g. `Coalesce`. Case-sensitive.
    pub name: &'static str,
    /// E.g. `(source1, source2, …)`; a `?` marks what may be left out.
    pub parameters: &'static str,
    /// One line.
    pub doc: &'static str,
    /// (expression, printed result) pairs, tested; attributes are those of [`SAMPLE`].
    pub vectors: &'static [(&'static str, &'static str)],
    /// The fewest and the most arguments; `None`: any number.
    pub(crate) least: usize,
    pub(crate) most: Option<usize>,
    /// Which of the needed arguments may be left empty.
    pub(crate) blank: &'static [usize],
    /// From this argument on they come in pairs.
    pub(crate) pairs_after: Option<usize>,
    /// Exempt from the null rule (a null first argument gives null).
    pub(crate) sees_null: bool,
    /// Given a list first, it works on each of its values.
    pub(crate) each: bool,
    /// Which argument is an attribute path, and which a regular expression: made ready when parsed.
    pub(crate) path: Option<usize>,
    pub(crate) regex: Option<usize>,
    /// Looks at constant arguments when parsed.
    pub(crate) check: Option<Check>,
    pub(crate) run: Run,
}

/// Says what is wrong with constant arguments.
pub(crate) type Check = fn(&Function, &[Node]) -> Result<(), ExpressionError>;

/// How a function is run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    /// With all arguments evaluated.
    Eager(fn(&mut Call<'_, '_, '_>) -> Result<Value, EvalError>),
    /// Choosing which to evaluate. Exempt from the null rule.
    Lazy(fn(&mut Eval<'_, '_>, &[Node]) -> Result<Value, EvalError>),
}

impl Function {
    const fn new(
        name: &'static str,
        parameters: &'static str,
        takes: (usize, Option<usize>),
        run: Run,
    ) -> Self {
        Self {
            name,
            parameters,
            doc: "",
            vectors: &[],
            least: takes.0,
            most: takes.1,
            blank: &[],
            pairs_after: None,
            sees_null: false,
            each: false,
            path: None,
            regex: None,
            check: None,
            run,
        }
    }
    const fn doc(self, doc: &'static str, vectors: &'static [(&'static str, &'static str)]) -> Self {
        Self { doc, vectors, ..self }
    }
    const fn sees_null(self) -> Self {
        Self { sees_null: true, ..self }
    }
    const fn each(self) -> Self {
        Self { each: true, ..self }
    }
    const fn may_be_empty(self, blank: &'static [usize]) -> Self {
        Self { blank, ..self }
    }

    /// Whether an argument must be there.
    pub(crate) fn needs(&self, argument: usize) -> bool {
        argument < self.least && !self.blank.contains(&argument)
    }
}

static TABLE: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let mut table = [
        logic::TABLE,
        text::TABLE,
        list::TABLE,
        convert::TABLE,
        date::TABLE,
        replace::TABLE,
        roles::TABLE,
        world::TABLE,
    ]
    .concat();
    table.sort_by_key(|function| function.name);
    table
});

/// All functions, by name.
pub fn all() -> &'static [Function] {
    &TABLE
}

/// A function by its name, exactly.
pub fn named(name: &str) -> Option<&'static Function> {
    TABLE.binary_search_by_key(&name, |function| function.name).ok().map(|i| &TABLE[i])
}

/// Values as one text with a separator between: null and `""` are nothing, a list gives each of its values. Null when
/// every value is null.
pub(crate) fn joined(separator: &str, values: &[Value]) -> Result<Value, EvalError> {
    let mut text = Text::default();
    let mut first = true;
    for value in values.iter().flat_map(Value::items) {
        let part = value.as_text().ok_or_else(|| EvalError::new("an object cannot be joined to a text"))?;
        if part.is_empty() {
            continue;
        }
        if !first {
            text.push(separator)?;
        }
        text.push(&part)?;
        first = false;
    }
    if first && values.iter().all(Value::is_null) { Ok(Value::Null) } else { Ok(text.done()) }
}
