//! Expressions tried out: no store, no network.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_mapping::{
    Context, EvalError, Expression, Known, Lookup, Value, alias::ALIASES, expression::Trace, functions,
};
use usher_scim::{AttributePath, ResourceType, schema};

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

/// A name that stands for a SCIM path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Name {
    /// Microsoft Graph's or LDAP's.
    pub name: String,
    /// The path.
    pub path: String,
}

/// What an expression is tried out with.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// What `DefaultDomain()` gives.
    pub default_domain: Option<String>,
    /// Values that the app has, for `SelectUniqueValue`.
    pub taken: Vec<String>,
    /// Whether the calls are shown.
    pub trace: bool,
}

/// The world of a trial: nobody to be found, and the values said to be taken.
struct Tried<'t>(&'t Trial);

impl Lookup for Tried<'_> {
    fn find(&mut self, _: &str, _: &str) -> Result<Value, EvalError> {
        Ok(Value::Null)
    }
    fn person_of(&mut self, _: &str) -> Result<Value, EvalError> {
        Ok(Value::Null)
    }
    fn table(&mut self, _: &str, _: &str) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }
    fn default_domain(&mut self) -> Result<Option<String>, EvalError> {
        match &self.0.default_domain {
            Some(domain) => Ok(Some(domain.clone())),
            None => Err(EvalError::new("no default domain is known; give one with --default-domain")),
        }
    }
    fn is_taken(&mut self, _: Option<&AttributePath>, value: &str) -> Result<bool, EvalError> {
        Ok(self.0.taken.iter().any(|taken| taken.to_lowercase() == value.to_lowercase()))
    }
}

/// What an app's mapping finds beside the attributes of the directory; here null where the object does not have it.
const NAMED: &[&str] = &["IsSoftDeleted", "appRoleAssignments"];

/// Evaluates `expression` over `object`; names are found as keys of the object, aliases, or SCIM paths.
///
/// # Errors
/// An expression that can't be read or uses an unknown name, and one that fails on this object, is drawn with a caret
/// under the part at fault.
pub fn eval(
    expression: &str,
    object: &usher_scim::Object,
    now: Timestamp,
    trial: &Trial,
) -> Result<(Evaluated, String), AdminError> {
    let trace = trial.trace;
    let refuse = |error: &usher_mapping::ExpressionError| {
        AdminError::new("invalid_expression", error.caret(expression))
    };
    let parsed = Expression::parse(expression).map_err(|e| refuse(&e))?;
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    let user = ResourceType::user(
        schema::user(),
        vec![schema::enterprise_user(), schema::directory_user(Vec::new())],
    );
    let known = Known { types: &[&user], keys: &keys, named: NAMED, ..Known::default() };
    parsed.check(&known).map_err(|e| refuse(&e))?;
    let mut calls = Vec::new();
    let mut lookup = Tried(trial);
    let mut cx = Context::new(object, &mut lookup, now);
    if trace {
        cx.trace = Some(&mut calls);
    }
    let failed = |error: EvalError| {
        let drawn = error.span.map(|span| {
            let hint = None;
            usher_mapping::ExpressionError { span, message: error.message.clone(), hint }.caret(expression)
        });
        AdminError::new("evaluation_failed", drawn.unwrap_or(error.message))
    };
    let value = parsed.eval(&mut cx).map_err(failed)?;
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

/// The names of Microsoft Graph and LDAP that stand for SCIM paths.
#[must_use]
pub fn names() -> Vec<Name> {
    ALIASES.iter().map(|alias| Name { name: alias.name.into(), path: alias.path.into() }).collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tried(expression: &str, trial: &Trial) -> Result<(Evaluated, String), AdminError> {
        let object = json!({"givenName": "Ann", "surname": "Lee"});
        eval(expression, object.as_object().unwrap(), Timestamp::UNIX_EPOCH, trial)
    }

    #[test]
    fn a_trial_knows_what_it_was_told_to() {
        let rules = r#"SelectUniqueValue([givenName], Join("@", [givenName], DefaultDomain()))"#;
        let trial =
            Trial { default_domain: Some("contoso.com".into()), taken: vec!["ANN".into()], trace: false };
        assert_eq!(tried(rules, &trial).unwrap().1, "Ann@contoso.com");
        assert_eq!(tried(rules, &Trial::default()).unwrap().1, "Ann");
        let said = tried("DefaultDomain()", &Trial::default()).unwrap_err().to_string();
        assert!(said.contains("--default-domain"), "{said}");
        // What the engine gives beside the attributes is known and null.
        assert_eq!(tried("Not([IsSoftDeleted])", &Trial::default()).unwrap().0.value, json!(true));
        assert_eq!(
            tried("SingleAppRoleAssignment([appRoleAssignments])", &Trial::default()).unwrap().0.value,
            json!(null)
        );
    }

    #[test]
    fn what_fails_on_an_object_is_drawn_too() {
        let said = tried(r#"Join(" ", [givenName], Error("no number"))"#, &Trial::default()).unwrap_err();
        let said = said.to_string();
        assert!(said.contains("no number") && said.contains(&format!("\n{}^^^^^", " ".repeat(25))), "{said}");
    }

    #[test]
    fn a_trace_is_a_tree_that_hides_what_is_redacted() {
        let trial = Trial { trace: true, ..Trial::default() };
        let (evaluated, printed) =
            tried(r#"Append(ToUpper([givenName]), Redact([surname]))"#, &trial).unwrap();
        assert_eq!(printed, "ANNLee");
        let trace = evaluated.trace.unwrap();
        let lines: Vec<&str> = trace.lines().collect();
        assert_eq!(lines[0], r#"Append(ToUpper([givenName]), Redact([surname])) = "[Redact]""#);
        assert_eq!(lines[1], r#"  ToUpper([givenName]) = "ANN""#);
        assert_eq!(lines[2], r#"    [givenName] = "Ann""#);
        assert_eq!(lines[3], r#"  Redact([surname]) = "[Redact]""#);
        assert!(!trace.contains("Lee"), "{trace}");
    }
}
