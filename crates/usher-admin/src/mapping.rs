//! Expressions tried out: no store, no network.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_mapping::{Context, Expression, Known, NoLookup, expression::Trace, functions};
use usher_scim::{ResourceType, schema};

use crate::AdminError;

/// An expression's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// In JSON's own types.
    pub value: serde_json::Value,
    /// The calls, as an indented tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// A function of the mapping language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its parameters.
    pub parameters: String,
    /// One line.
    pub doc: String,
}

/// Evaluates `expression` over `object`; names are found as keys of the object, aliases, or SCIM paths.
///
/// # Errors
/// An expression that can't be read or uses an unknown name is drawn with a caret under the wrong part.
pub fn eval(
    expression: &str,
    object: &usher_scim::Object,
    now: Timestamp,
    trace: bool,
) -> Result<(Evaluated, String), AdminError> {
    let refuse = |error: &usher_mapping::ExpressionError| {
        AdminError::new("invalid_expression", error.caret(expression))
    };
    let parsed = Expression::parse(expression).map_err(|e| refuse(&e))?;
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    let user = ResourceType::user(
        schema::user(),
        vec![schema::enterprise_user(), schema::directory_user(Vec::new())],
    );
    let known = Known { types: &[&user], keys: &keys, ..Known::default() };
    parsed.check(&known).map_err(|e| refuse(&e))?;
    let mut calls = Vec::new();
    let mut lookup = NoLookup;
    let mut cx = Context::new(object, &mut lookup, now);
    if trace {
        cx.trace = Some(&mut calls);
    }
    let value = parsed.eval(&mut cx).map_err(|e| AdminError::new("evaluation_failed", e.to_string()))?;
    let printed = value.text().unwrap_or_else(|| value.to_json().to_string());
    let trace = trace.then(|| calls.iter().map(|call| tree(call, 0)).collect());
    Ok((Evaluated { value: value.to_json(), trace }, printed))
}

/// A call, its value, and its arguments below it.
fn tree(call: &Trace, depth: usize) -> String {
    let value = call.value.to_json();
    let mut text = format!("{}{} = {value}\n", "  ".repeat(depth), call.text);
    for part in &call.parts {
        text.push_str(&tree(part, depth + 1));
    }
    text
}

/// All functions of the language.
#[must_use]
pub fn functions() -> Vec<Function> {
    functions::all()
        .iter()
        .map(|function| Function {
            name: function.name.into(),
            parameters: function.parameters.into(),
            doc: function.doc.into(),
        })
        .collect()
}
