//! After parsing: numbers of arguments, constants made ready (paths, regular expressions), what is redacted.

use super::ExpressionError;
use super::ast::{Kind, Node, Prepared};
use crate::Value;
use crate::descend::Path;
use crate::functions::{self, Function};

/// Makes a tree ready.
pub(super) fn prepare(node: &mut Node) -> Result<(), ExpressionError> {
    let mut below = false;
    for child in node.children_mut() {
        prepare(child)?;
        below |= child.redacted;
    }
    node.redacted = below;
    let span = node.span.clone();
    if let Kind::Call(function, arguments) = &mut node.kind {
        // What is missing is missing before the closing parenthesis.
        count(function, arguments, span.end.saturating_sub(1)..span.end)?;
        if let Some(at) = function.path {
            constant(arguments, at, |text| Ok(Path::parse(text)?.map(Prepared::Path)))?;
        }
        if let Some(at) = function.regex {
            constant(arguments, at, |text| match functions::regex(text) {
                Ok(regex) => Ok(Some(Prepared::Regex(Box::new(regex)))),
                Err(why) => Err(ExpressionError::new(0..0, why.message)),
            })?;
        }
        if let Some(check) = function.check {
            check(function, arguments)?;
        }
        if function.name == functions::REDACT {
            hide(node);
        }
    }
    Ok(())
}

/// `SelectUniqueValue` stands at the top or nowhere: what is made of a value that is free need not be free.
pub(super) fn top_only(root: &Node) -> Result<(), ExpressionError> {
    let mut inner = None;
    for child in root.children() {
        child.visit(&mut |node| match &node.kind {
            Kind::Call(function, _) if function.name == functions::SELECT_UNIQUE_VALUE => {
                inner = inner.take().or(Some(node.span.clone()));
            }
            _ => {}
        });
    }
    match inner {
        None => Ok(()),
        Some(span) => {
            Err(ExpressionError::new(span, "SelectUniqueValue stands at the top of an expression only")
                .hint("put the other functions into its rules"))
        }
    }
}

/// Everything within a `Redact`.
fn hide(node: &mut Node) {
    node.redacted = true;
    node.children_mut().into_iter().for_each(hide);
}

fn count(
    function: &Function,
    arguments: &mut Vec<Node>,
    end: std::ops::Range<usize>,
) -> Result<(), ExpressionError> {
    let usage = || format!("{}{}", function.name, function.parameters);
    // Positions left empty at the end are no arguments, but Entra's people write them.
    while arguments.last().is_some_and(Node::is_empty)
        && function.most.is_some_and(|most| arguments.len() > most)
    {
        arguments.pop();
    }
    if let Some(most) = function.most
        && let Some(extra) = arguments.get(most)
    {
        let message =
            format!("{} takes at most {most} argument{}", function.name, if most == 1 { "" } else { "s" });
        return Err(ExpressionError::new(extra.span.clone(), message).hint(usage()));
    }
    if arguments.len() < function.least {
        let (least, plural) = (function.least, if function.least == 1 { "" } else { "s" });
        let message = format!("{} needs {least} argument{plural}, found {}", function.name, arguments.len());
        return Err(ExpressionError::new(end, message).hint(usage()));
    }
    let empty = arguments.iter().enumerate().find(|(i, node)| node.is_empty() && function.needs(*i));
    if let Some((i, node)) = empty {
        let message = format!("argument {} of {} is missing", i + 1, function.name);
        let span =
            if node.span.is_empty() { node.span.start..node.span.start + 1 } else { node.span.clone() };
        return Err(ExpressionError::new(span, message).hint(usage()));
    }
    if function.pairs_after.is_some_and(|first| !arguments.len().saturating_sub(first).is_multiple_of(2)) {
        let message = format!("{} takes keys and values in pairs; the last key has no value", function.name);
        return Err(ExpressionError::new(end, message).hint(usage()));
    }
    Ok(())
}

/// Makes a constant argument ready; what is computed is made ready when evaluated.
fn constant(
    arguments: &mut [Node],
    at: usize,
    make: impl FnOnce(&str) -> Result<Option<Prepared>, ExpressionError>,
) -> Result<(), ExpressionError> {
    if let Some(Node { span, kind: Kind::Constant(Value::Text(text), prepared), .. }) = arguments.get_mut(at)
    {
        *prepared = make(text).map_err(|e| ExpressionError { span: span.clone(), ..e })?;
    }
    Ok(())
}
