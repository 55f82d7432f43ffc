//! `SelectUniqueValue`: the values a row may take, in its order, and the choice of the first that the app does not have.

use std::collections::HashSet;

use jiff::Timestamp;
use usher_mapping::{
    Context, EvalError, Lookup, ObjectMapping, Value,
    mapping::{From, Moment},
};
use usher_scim::{AttributePath, ResourceType, resource};

use crate::{
    app::App,
    log::Failure,
    scope::{Judged, seed},
    task::Create,
};

/// The most values that a row is asked for.
const MOST: usize = 100;

/// The values one row may take.
#[derive(Debug, Clone)]
pub(crate) struct Unique {
    pub(crate) target: AttributePath,
    pub(crate) values: Vec<String>,
    /// What its expression says when all of them are taken.
    pub(crate) exhausted: String,
}

/// Values given away in this batch or plan, which the app doesn't have yet: target and value, small letters.
pub(crate) type Reserved = HashSet<(String, String)>;

/// What an app's mapping may ask of the world.
pub(crate) struct World<'a> {
    app: &'a App,
    taken: &'a [String],
}

impl<'a> World<'a> {
    /// Nothing counts as taken: the first rule of each `SelectUniqueValue` gives its value.
    pub(crate) fn new(app: &'a App) -> Self {
        Self { app, taken: &[] }
    }
}

impl Lookup for World<'_> {
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
        Ok(self.app.settings.default_domain.clone())
    }
    fn is_taken(&mut self, _: Option<&AttributePath>, value: &str) -> Result<bool, EvalError> {
        Ok(self.taken.iter().any(|taken| taken == value))
    }
}

/// The rows of an object that choose, each evaluated again and again, with one value more taken each time.
pub(crate) fn of(app: &App, judged: &Judged, mapping: &ObjectMapping, now: Timestamp) -> Vec<Unique> {
    let rows = mapping.rows.iter();
    rows.filter(|row| matches!(&row.from, From::Expression(e) if e.is_unique_value()))
        .map(|row| {
            let alone = ObjectMapping { rows: vec![row.clone()], ..mapping.clone() };
            values(app, judged, &alone, now)
        })
        .collect()
}

fn values(app: &App, judged: &Judged, alone: &ObjectMapping, now: Timestamp) -> Unique {
    let named = judged.named();
    let seed = seed(app, judged.key);
    let target = alone.rows[0].target.clone();
    let mut values: Vec<String> = Vec::new();
    let exhausted = loop {
        let mut lookup = World { app, taken: &values };
        let mut cx = Context { named: &named, seed: &seed, ..Context::new(&judged.doc, &mut lookup, now) };
        match alone.apply(&mut cx, Moment::Create) {
            Err((_, error)) => break error.message,
            Ok(mapped) => match mapped.first().and_then(|mapped| mapped.value.text()) {
                Some(value) if !values.contains(&value) && values.len() < MOST => values.push(value),
                _ => break "every value of SelectUniqueValue is taken in the app".to_owned(),
            },
        }
    };
    Unique { target, values, exhausted }
}

impl Unique {
    /// The values to ask the app about, one after the other: those that nobody else was given. Asking reserves.
    pub(crate) fn untaken<'u>(&'u self, reserved: &'u mut Reserved) -> impl Iterator<Item = &'u str> {
        let target = self.target.to_string().to_lowercase();
        let free = move |value: &&String| reserved.insert((target.clone(), value.to_lowercase()));
        self.values.iter().filter(free).map(String::as_str)
    }

    /// All of them are taken.
    pub(crate) fn failure(&self) -> Failure {
        Failure {
            code: "AttributeMappingFailed",
            reason: format!("the mapping of {} failed: {}", self.target, self.exhausted),
            action: "Add a rule to SelectUniqueValue that gives another value.",
            passing: false,
        }
    }
}

impl Create {
    /// Puts the value chosen for a target where the first candidate stands.
    pub(crate) fn choose(
        &mut self,
        of: &ResourceType,
        target: &AttributePath,
        value: &str,
    ) -> Result<(), Failure> {
        let wrong = |error: usher_scim::ScimError| Failure {
            code: "MissingValues",
            reason: error.detail,
            action: "Correct the rules of SelectUniqueValue: the app can't take this value.",
            passing: false,
        };
        resource::write(of, &mut self.document, target, value.into()).map_err(wrong)?;
        for difference in self.differences.iter_mut().filter(|difference| difference.path == *target) {
            difference.new = value.into();
        }
        Ok(())
    }
}
