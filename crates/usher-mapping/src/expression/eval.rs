//! Evaluation of a tree over a context, and its trace.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use fancy_regex::Regex;

use super::ast::{Comparison, Kind, Node, Prepared};
use super::{EvalError, Trace};
use crate::descend::Path;
use crate::functions::{self, Function, Patience, Run};
use crate::{Context, Value};

/// The longest text, in bytes, and the most values that an expression may make: a few nested calls could otherwise
/// multiply a short text into gigabytes.
const MAX_TEXT: usize = 1 << 20;
const MAX_ITEMS: usize = 100_000;

static NULL: Value = Value::Null;

/// An evaluation under way.
pub(crate) struct Eval<'e, 'c> {
    pub(crate) cx: &'e mut Context<'c>,
    text: &'e str,
    /// What has been evaluated at the present level of the trace.
    parts: Option<Vec<Trace>>,
}

pub(super) fn run(root: &Node, text: &str, cx: &mut Context<'_>) -> Result<Value, EvalError> {
    let parts = cx.trace.is_some().then(Vec::new);
    let mut eval = Eval { cx, text, parts };
    let result = eval.value(root);
    if let (Some(parts), Some(trace)) = (eval.parts, cx.trace.as_deref_mut()) {
        trace.extend(parts);
    }
    result
}

impl Eval<'_, '_> {
    /// The value of a part.
    pub(crate) fn value(&mut self, node: &Node) -> Result<Value, EvalError> {
        if self.parts.is_none() || matches!(node.kind, Kind::Empty | Kind::Constant(..)) {
            return self.compute(node);
        }
        let before = self.parts.replace(Vec::new());
        let result = self.compute(node);
        let parts = std::mem::replace(&mut self.parts, before).unwrap_or_default();
        let value = match &result {
            Ok(_) if node.redacted => Value::from("[Redact]"),
            Ok(value) => value.clone(),
            Err(_) => Value::Null,
        };
        let text = self.text.get(node.span.clone()).unwrap_or_default().to_owned();
        self.parts.get_or_insert_default().push(Trace { text, value, parts });
        result
    }

    fn compute(&mut self, node: &Node) -> Result<Value, EvalError> {
        let result = match &node.kind {
            Kind::Empty => Ok(Value::Null),
            Kind::Constant(value, _) => Ok(value.clone()),
            Kind::Attribute(name) => Ok(name.read(self.cx)),
            Kind::Call(function, arguments) => self.call(function, arguments, &node.span),
            Kind::Not(operand) => Ok(Value::Boolean(!self.value(operand)?.truth())),
            Kind::And(operands) => self.all(operands).map(Value::Boolean),
            Kind::Or(operands) => self.any(operands).map(Value::Boolean),
            Kind::Join(operands) => self.join(operands),
            Kind::Compare(comparison, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                Ok(Value::Boolean(compare(*comparison, &left, &right)))
            }
        };
        result.map_err(|e| EvalError { span: e.span.or_else(|| Some(node.span.clone())), ..e })
    }

    /// Whether all hold; stops at the first that doesn't.
    pub(crate) fn all(&mut self, operands: &[Node]) -> Result<bool, EvalError> {
        for operand in operands {
            if !self.value(operand)?.truth() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether one holds; stops at the first that does.
    pub(crate) fn any(&mut self, operands: &[Node]) -> Result<bool, EvalError> {
        for operand in operands {
            if self.value(operand)?.truth() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn join(&mut self, operands: &[Node]) -> Result<Value, EvalError> {
        let mut values = Vec::with_capacity(operands.len());
        for operand in operands {
            values.push(self.value(operand)?);
        }
        functions::joined("", &values)
    }

    fn call(
        &mut self,
        function: &'static Function,
        nodes: &[Node],
        span: &Range<usize>,
    ) -> Result<Value, EvalError> {
        let run = match function.run {
            Run::Lazy(run) => return run(self, nodes).and_then(bounded),
            Run::Eager(run) => run,
        };
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            let value = self.value(node)?;
            // The null rule, for all functions but those that say otherwise.
            if values.is_empty() && value.is_null() && !function.sees_null {
                return Ok(Value::Null);
            }
            values.push(value);
        }
        let mut call = Call { eval: self, function, nodes, values, span };
        if function.each && matches!(call.values.first(), Some(Value::List(_))) {
            let mut results = Vec::new();
            let patience = function.regex.map(|_| Patience::new());
            for item in call.take(0).into_items() {
                patience.as_ref().map_or(Ok(()), Patience::left)?;
                call.values[0] = item;
                results.push(run(&mut call)?);
            }
            return bounded(Value::list(results));
        }
        run(&mut call).and_then(bounded)
    }
}

/// A result within bounds; an empty list is null.
fn bounded(value: Value) -> Result<Value, EvalError> {
    match value {
        Value::Text(text) if text.len() > MAX_TEXT => Err(too_long()),
        Value::List(items) if items.len() > MAX_ITEMS => {
            Err(EvalError::new(format!("the result has more than {MAX_ITEMS} values")))
        }
        Value::List(items) if items.is_empty() => Ok(Value::Null),
        other => Ok(other),
    }
}

fn too_long() -> EvalError {
    EvalError::new("the result is longer than 1 MiB")
}

fn compare(comparison: Comparison, left: &Value, right: &Value) -> bool {
    let ordered = |holds: fn(Ordering) -> bool| {
        left.items().iter().any(|l| right.items().iter().any(|r| l.compare(r).is_some_and(holds)))
    };
    match comparison {
        Comparison::Equal => left.equals(right),
        Comparison::Unequal => !left.equals(right),
        Comparison::Less => ordered(Ordering::is_lt),
        Comparison::AtMost => ordered(Ordering::is_le),
        Comparison::Greater => ordered(Ordering::is_gt),
        Comparison::AtLeast => ordered(Ordering::is_ge),
    }
}

/// Text under construction, bounded.
#[derive(Default)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn push(&mut self, text: &str) -> Result<(), EvalError> {
        if self.0.len() + text.len() > MAX_TEXT {
            return Err(too_long());
        }
        self.0.push_str(text);
        Ok(())
    }

    pub(crate) fn done(self) -> Value {
        Value::Text(self.0)
    }
}

/// A call with its evaluated arguments, as a function sees it.
pub(crate) struct Call<'a, 'e, 'c> {
    pub(crate) eval: &'a mut Eval<'e, 'c>,
    function: &'static Function,
    nodes: &'a [Node],
    values: Vec<Value>,
    span: &'a Range<usize>,
}

impl Call<'_, '_, '_> {
    /// Whether an argument was written, even if it is null.
    pub(crate) fn given(&self, i: usize) -> bool {
        self.nodes.get(i).is_some_and(|node| !node.is_empty())
    }

    /// How many arguments were written.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Whether an argument's value is to be hidden.
    pub(crate) fn hidden(&self, i: usize) -> bool {
        self.nodes.get(i).is_some_and(|node| node.redacted)
    }

    /// An argument; null where it is missing.
    pub(crate) fn value(&self, i: usize) -> &Value {
        self.values.get(i).unwrap_or(&NULL)
    }

    /// An argument, taken out.
    pub(crate) fn take(&mut self, i: usize) -> Value {
        self.values.get_mut(i).map(std::mem::take).unwrap_or_default()
    }

    /// The arguments from one on.
    pub(crate) fn from(&self, i: usize) -> &[Value] {
        self.values.get(i..).unwrap_or_default()
    }

    /// An argument as text; null is `""`.
    pub(crate) fn text(&self, i: usize) -> Result<Cow<'_, str>, EvalError> {
        match self.value(i) {
            value if value.is_null() => Ok(Cow::Borrowed("")),
            value => value.as_text().ok_or_else(|| {
                let kind = if matches!(value, Value::Object(_)) { "an object" } else { "a list" };
                self.wrong(i, &format!("is {kind} where a text is expected"))
            }),
        }
    }

    /// An argument as a whole number.
    pub(crate) fn whole(&self, i: usize) -> Result<i64, EvalError> {
        self.value(i).whole().ok_or_else(|| self.wrong(i, "is no whole number"))
    }

    /// An argument as a moment.
    pub(crate) fn moment(&self, i: usize) -> Result<jiff::Timestamp, EvalError> {
        self.value(i).moment().ok_or_else(|| self.wrong(i, "is no date"))
    }

    /// Whether an argument is the text `ignoreCase`.
    pub(crate) fn ignore_case(&self, i: usize) -> Result<bool, EvalError> {
        match self.text(i)?.as_ref() {
            "" => Ok(false),
            "ignoreCase" => Ok(true),
            _ => Err(self.wrong(i, "is neither empty nor \"ignoreCase\"")),
        }
    }

    /// An argument as a path to be read below each value of a list; `None`: the value itself.
    pub(crate) fn path(&self, i: usize) -> Result<Option<Cow<'_, Path>>, EvalError> {
        if let Some(Node { kind: Kind::Constant(_, Some(Prepared::Path(path))), .. }) = self.nodes.get(i) {
            return Ok(Some(Cow::Borrowed(path)));
        }
        let text = self.text(i)?;
        if text.is_empty() {
            return Ok(None);
        }
        match Path::parse(&text) {
            Ok(Some(path)) => Ok(Some(Cow::Owned(path))),
            Ok(None) => Err(self.wrong(i, "is no attribute path")),
            Err(e) => Err(self.wrong(i, &format!("is no attribute path: {}", e.message))),
        }
    }

    /// An argument as a regular expression.
    pub(crate) fn regex(&self, i: usize) -> Result<Cow<'_, Regex>, EvalError> {
        match self.nodes.get(i) {
            Some(Node { kind: Kind::Constant(_, Some(Prepared::Regex(regex))), .. }) => {
                Ok(Cow::Borrowed(regex))
            }
            _ => functions::regex(&self.text(i)?).map(Cow::Owned),
        }
    }

    /// 32 bytes derived from the context's seed and the place of this call.
    pub(crate) fn random(&self) -> [u8; 32] {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(self.eval.cx.seed);
        hash.update((self.span.start as u64).to_le_bytes());
        hash.finalize().into()
    }

    /// An error about an argument. It does not hold the value, which may be one to hide.
    pub(crate) fn wrong(&self, i: usize, what: &str) -> EvalError {
        let span = self.nodes.get(i).filter(|node| !node.is_empty()).map(|node| node.span.clone());
        EvalError { span, message: format!("argument {} of {} {what}", i + 1, self.function.name) }
    }
}
