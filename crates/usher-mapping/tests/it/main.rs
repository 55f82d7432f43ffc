//! The crate through its door.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attributes;
mod corpus;
mod equivalence;
mod exchange;
mod functions;
mod golden;
mod grammar;
mod mappings;
mod paths;
mod properties;
mod published;
mod rules;
mod scoping;
mod writer;

use serde_json::json;
use usher_mapping::{Context, EvalError, Expression, Lookup, Value};
use usher_scim::{AttributePath, Object, ResourceType, schema};

/// 2021-07-02T15:33:38Z
pub(crate) fn now() -> jiff::Timestamp {
    "2021-07-02T15:33:38Z".parse().unwrap()
}

pub(crate) fn object(json: serde_json::Value) -> Object {
    json.as_object().unwrap().clone()
}

/// The user whose attributes the documented results are for.
pub(crate) fn sample() -> Object {
    serde_json::from_str(usher_mapping::functions::SAMPLE).unwrap()
}

/// The documented world: one domain, one value that is taken.
pub(crate) struct World;

impl Lookup for World {
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
        Ok(Some("contoso.com".to_owned()))
    }
    fn is_taken(&mut self, _: Option<&AttributePath>, value: &str) -> Result<bool, EvalError> {
        Ok(value.eq_ignore_ascii_case("John.Smith@contoso.com"))
    }
}

pub(crate) fn eval_in(text: &str, object: &Object, named: &[(String, Value)]) -> Result<Value, EvalError> {
    let expression = Expression::parse(text).unwrap_or_else(|e| panic!("{}", e.caret(text)));
    let mut lookup = World;
    expression.eval(&mut Context { named, seed: b"seed", ..Context::new(object, &mut lookup, now()) })
}

/// The printed value over the sample.
pub(crate) fn shown(text: &str) -> String {
    eval_in(text, &sample(), &[]).map_or_else(|e| format!("error: {e}"), |value| value.to_string())
}

pub(crate) fn user_type() -> ResourceType {
    ResourceType::user(schema::user(), vec![schema::enterprise_user(), schema::directory_user(Vec::new())])
}

/// An LDAP entry as a source gives it.
pub(crate) fn entry() -> Object {
    object(json!({
        "objectClass": ["top", "person", "inetOrgPerson"],
        "uid": ["alee"],
        "cn": ["Ann Lee"],
        "sn": ["Lee"],
        "givenName": "Ann",
        "mail": ["ann.lee@example.org", "ann@example.org"],
        "l": ["Berlin"],
        "cn;lang-de": ["Anne Lee"],
        "departmentNumber": ["42"]
    }))
}
