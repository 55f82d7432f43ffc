//! Running rules over one record: expressions are evaluated in order, then the condition, then the actions one after
//! another; what an action means is its target's business ([`crate::user`], [`crate::group`]).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, json};
use usher_mapping::{Context, Expression, Value};
use usher_scim::Object;
use usher_store::StoreError;

use crate::{
    asked::Question,
    rules::{Action, Rule},
    world::World,
};

/// What a run leaves behind even when its effects are undone.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// What it asked the world.
    pub(crate) asked: BTreeSet<Question>,
    /// One object a rule, for the execution.
    pub(crate) trace: Vec<serde_json::Value>,
    /// Why the record is incomplete.
    pub(crate) left_out: Vec<String>,
}

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The rules can't be carried out for this record; the text says why. It is recorded, others go on.
    Refused(String),
    /// Something changed while it ran: run again.
    Stale,
    /// The database.
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            // Another writer was first with a name or address: run again, and find it.
            StoreError::Conflict { .. } => Self::Stale,
            error => Self::Store(error),
        }
    }
}

/// What rules act on.
pub(crate) trait Target {
    /// `person`, `organization`, `site`, `account`, `IsNew`: as of now.
    fn named(&self) -> Vec<(String, Value)>;
    /// Carries out one action. `true`: what [`Target::named`] says may have changed.
    fn act(
        &mut self,
        world: &mut World<'_, '_>,
        action: &Action,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<bool, Fault>;
    /// A rule's actions are all done: store them.
    fn finish(&mut self, world: &mut World<'_, '_>, left_out: &mut Vec<String>) -> Result<(), Fault>;
}

/// A rule's part of an execution.
#[derive(Default)]
struct Shown {
    condition: Option<bool>,
    expressions: Map<String, serde_json::Value>,
    actions: Vec<serde_json::Value>,
}

/// One record's run.
pub(crate) struct Run<'r, 't, 'c> {
    pub(crate) world: World<'t, 'c>,
    pub(crate) object: &'r Object,
    pub(crate) now: Timestamp,
    /// For functions of chance: the same for the same record.
    pub(crate) seed: &'r [u8],
    pub(crate) trace: &'r mut Vec<serde_json::Value>,
    pub(crate) left_out: &'r mut Vec<String>,
}

impl Run<'_, '_, '_> {
    /// Runs the rules in order.
    pub(crate) fn rules(&mut self, rules: &[Rule], target: &mut dyn Target) -> Result<(), Fault> {
        for rule in rules {
            let mut shown = Shown::default();
            let result = self.rule(rule, target, &mut shown);
            self.trace.push(json!({
                "rule": rule.name,
                "condition": shown.condition,
                "expressions": shown.expressions,
                "actions": shown.actions,
            }));
            result?;
        }
        Ok(())
    }

    fn rule(&mut self, rule: &Rule, target: &mut dyn Target, shown: &mut Shown) -> Result<(), Fault> {
        let mut named = target.named();
        let given = named.len();
        for (name, expression) in &rule.expressions {
            let value = self.eval(expression, &named, name)?;
            shown.expressions.insert(name.clone(), trace(expression, &value));
            named.push((name.clone(), value));
        }
        let holds = self.eval(&rule.condition, &named, "condition")?.truth();
        shown.condition = Some(holds);
        if !holds {
            if let Some(otherwise) = &rule.otherwise
                && let Some(reason) = self.eval(otherwise, &named, "otherwise")?.text()
            {
                self.left_out.push(reason);
            }
            return Ok(());
        }
        for action in &rule.actions {
            if let Some(when) = &action.when
                && !self.eval(when, &named, &action.spelled)?.truth()
            {
                continue;
            }
            let value = match &action.to {
                Some(to) => self.eval(to, &named, &action.spelled)?,
                None => Value::Null,
            };
            let value_shown = action.to.as_ref().map_or(serde_json::Value::Null, |to| trace(to, &value));
            shown.actions.push(json!({"action": action.spelled, "value": value_shown}));
            if target.act(&mut self.world, action, &value, self.left_out)? {
                named.splice(..given, target.named());
            }
        }
        target.finish(&mut self.world, self.left_out)
    }

    fn eval(
        &mut self,
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
        let value = expression.eval(&mut context);
        if let Some(error) = self.world.failed.take() {
            return Err(error.into());
        }
        value.map_err(|error| Fault::Refused(format!("{what}: {error}")))
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
