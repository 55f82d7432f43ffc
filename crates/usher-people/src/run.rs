//! Running rules over one record: expressions are evaluated in order, then the condition, then the actions one after
//! another; what an action means is its target's business ([`crate::user`], [`crate::group`]).
//!
//! A rule is carried out whole or not at all: where an action fails, the rule's others are undone. What rules before it did
//! stands; those after it, which may build on it, do not run.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, json};
use usher_mapping::{Context, Expression, Value};
use usher_scim::Object;

use crate::{
    asked::Question,
    rules::{Action, Rule},
    world::World,
};

/// What a run leaves behind even when its effects are undone.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memo {
    /// What it asked the world.
    pub(crate) asked: BTreeSet<Question>,
    /// One object a rule, for the execution.
    pub(crate) trace: Vec<serde_json::Value>,
    /// Why the record is incomplete.
    pub(crate) left_out: Vec<String>,
    /// Why a rule could not be carried out.
    pub(crate) refused: Option<String>,
}

/// A rule can't be carried out for this record; the text says why.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

/// What gives a value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By<'r> {
    pub(crate) rule: &'r str,
    pub(crate) expression: &'r str,
}

/// What rules act on.
pub(crate) trait Target {
    /// `person`, `organization`, `site`, `account`, `IsNew`: as of now.
    fn named(&self, world: &World<'_>) -> Vec<(String, Value)>;
    /// Carries out one action. `true`: what [`Target::named`] says may have changed.
    fn act(
        &mut self,
        world: &mut World<'_>,
        by: By<'_>,
        action: &Action,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<bool, Fault>;
    /// A rule's actions are all done: they stand.
    fn finish(&mut self, world: &mut World<'_>, left_out: &mut Vec<String>) -> Result<(), Fault>;
    /// Back to where the rule began.
    fn undo(&mut self);
}

/// A rule's part of an execution.
#[derive(Default)]
struct Shown {
    condition: Option<bool>,
    expressions: Map<String, serde_json::Value>,
    actions: Vec<serde_json::Value>,
}

/// One record's run.
pub(crate) struct Run<'r> {
    pub(crate) world: World<'r>,
    pub(crate) object: &'r Object,
    pub(crate) now: Timestamp,
    /// For functions of chance: the same for the same record.
    pub(crate) seed: &'r [u8],
    pub(crate) trace: &'r mut Vec<serde_json::Value>,
    pub(crate) left_out: &'r mut Vec<String>,
}

impl Run<'_> {
    /// Runs the rules in order; why one could not be carried out.
    pub(crate) fn rules(&mut self, rules: &[Rule], target: &mut dyn Target) -> Option<String> {
        for rule in rules.iter().filter(|rule| !rule.disabled) {
            let mut shown = Shown::default();
            let result = self.rule(rule, target, &mut shown);
            self.trace.push(json!({
                "rule": rule.name,
                "condition": shown.condition,
                "expressions": shown.expressions,
                "actions": shown.actions,
            }));
            if let Err(Fault(reason)) = result {
                target.undo();
                return Some(reason);
            }
        }
        None
    }

    fn rule(&mut self, rule: &Rule, target: &mut dyn Target, shown: &mut Shown) -> Result<(), Fault> {
        let mut named = target.named(&self.world);
        let given = named.len();
        for (name, expression) in &rule.expressions {
            let value = self.eval(rule, expression, &named, name)?;
            shown.expressions.insert(name.clone(), trace(expression, &value));
            named.push((name.clone(), value));
        }
        let holds = self.eval(rule, &rule.condition, &named, "condition")?.truth();
        shown.condition = Some(holds);
        if !holds {
            if let Some(otherwise) = &rule.otherwise
                && let Some(reason) = self.eval(rule, otherwise, &named, "otherwise")?.text()
            {
                self.left_out.push(reason);
            }
            return Ok(());
        }
        for action in &rule.actions {
            if let Some(when) = &action.when
                && !self.eval(rule, when, &named, &action.spelled)?.truth()
            {
                continue;
            }
            let value = match &action.to {
                Some(to) => self.eval(rule, to, &named, &action.spelled)?,
                None => Value::Null,
            };
            let value_shown = action.to.as_ref().map_or(serde_json::Value::Null, |to| trace(to, &value));
            shown.actions.push(json!({"action": action.spelled, "value": value_shown}));
            let by = By { rule: &rule.name, expression: action.to.as_ref().map_or("", Expression::text) };
            if target.act(&mut self.world, by, action, &value, self.left_out)? {
                named.splice(..given, target.named(&self.world));
            }
        }
        target.finish(&mut self.world, self.left_out)
    }

    fn eval(
        &mut self,
        rule: &Rule,
        expression: &Expression,
        named: &[(String, Value)],
        what: &str,
    ) -> Result<Value, Fault> {
        let mut context = Context {
            object: self.object,
            named,
            ignore_case: false,
            lookup: &mut self.world,
            now: self.now,
            seed: self.seed,
            target: None,
            trace: None,
        };
        expression
            .eval(&mut context)
            .map_err(|error| Fault(format!("rule \"{}\", {what}: {error}", rule.name)))
    }
}

/// A value as an execution keeps it: people, organizations and sites by id and name alone.
fn trace(expression: &Expression, value: &Value) -> serde_json::Value {
    if expression.redacted() {
        return "[Redact]".into();
    }
    match value {
        Value::Object(object) if object.contains_key("id") && object.contains_key("name") => {
            json!({"id": object["id"], "name": object["name"]})
        }
        other => other.to_json(),
    }
}
