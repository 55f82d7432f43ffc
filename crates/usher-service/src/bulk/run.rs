//! The operations of a bulk request, carried out one after the other.

use std::collections::{HashMap, HashSet};

use http::{HeaderMap, HeaderValue, header};
use jiff::SignedDuration;
use serde_json::{Value, json};
use usher_directory::{Kind, object::Stored};
use usher_scim::{Object, ScimError, ScimType, message};

use super::{
    operation::{Action, Named, Operation, Verb},
    order::Step,
    reference::{self, References},
};
use crate::{
    change,
    problem::Problem,
    request::{Context, Query},
};

/// What became of an operation.
#[derive(Debug)]
struct Outcome {
    status: u16,
    location: Option<String>,
    version: Option<String>,
    error: Option<ScimError>,
}

/// What is known of a bulkId.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Made {
    Id(String),
    Failed,
}

/// A resource that was made without some of its references.
#[derive(Debug)]
struct Unfinished {
    at: usize,
    missing: Vec<(String, Value)>,
}

pub(super) struct Run<'c> {
    cx: &'c Context,
    operations: Vec<Operation>,
    outcomes: Vec<Option<Outcome>>,
    made: HashMap<String, Made>,
    /// The bulkIds that POSTs of this request have.
    known: HashSet<String>,
    /// The type each operation is about, and the bulkIds it names.
    about: Vec<(Option<Kind>, Vec<String>)>,
    unfinished: Vec<Unfinished>,
    failures: usize,
    fail_on: Option<usize>,
    /// What has not begun after this time is left to another request, so that there is an answer in time.
    time: SignedDuration,
}

impl<'c> Run<'c> {
    pub(super) fn new(cx: &'c Context, operations: Vec<Operation>, fail_on: Option<usize>) -> Self {
        let makers = operations.iter().filter(|operation| operation.method == "POST");
        let known = makers.filter_map(|operation| operation.bulk_id.clone()).collect();
        let about = |operation: &Operation| {
            let kind = operation.action.as_ref().ok().map(|action| action.kind);
            (kind, operation.names().cloned().collect())
        };
        Self {
            cx,
            about: operations.iter().map(about).collect(),
            outcomes: operations.iter().map(|_| None).collect(),
            operations,
            made: HashMap::new(),
            known,
            unfinished: Vec::new(),
            failures: 0,
            fail_on,
            time: SignedDuration::try_from(cx.settings().request.mul_f64(0.8)).unwrap_or(SignedDuration::MAX),
        }
    }

    /// What became of each operation that was begun, in the order of the request.
    pub(super) async fn go(mut self, steps: Vec<Step>) -> Vec<Value> {
        for step in steps {
            match step {
                // What was made without its references is not left like that.
                Step::Link(circle) => self.link(&circle).await,
                Step::Do { .. } if self.fail_on.is_some_and(|most| self.failures >= most) => {}
                Step::Do { at, without } => self.step(at, &without).await,
            }
        }
        let all = self.operations.iter().zip(&self.outcomes);
        all.filter_map(|(operation, outcome)| Some(answer(operation, outcome.as_ref()?))).collect()
    }

    async fn step(&mut self, at: usize, without: &[usize]) {
        let action = std::mem::replace(&mut self.operations[at].action, Err(ScimError::status(500, "done")));
        let location = action.as_ref().ok().and_then(|action| self.addressed(action));
        let kind_and_verb = action.as_ref().ok().map(|action| (action.kind, action.verb));
        let result = match action {
            Ok(_) if self.is_late() => Err(Problem::later(
                1,
                "the request's time was used up before this operation; send it again in another request",
            )),
            Ok(action) => self.act(at, action, without).await,
            Err(error) => Err(error.into()),
        };
        match (result, kind_and_verb) {
            (Ok((status, stored)), Some((kind, verb))) => {
                if let (Some(stored), Verb::Post) = (&stored, verb) {
                    self.know(at, Made::Id(stored.id.to_string()));
                }
                let location =
                    stored.as_ref().map(|stored| self.location(kind, &stored.id.to_string())).or(location);
                let version = stored.as_ref().and_then(|stored| self.version(stored));
                self.outcomes[at] = Some(Outcome { status, location, version, error: None });
            }
            (Err(problem), _) => self.failed(at, location, problem.error),
            // An action that can't be told is an error.
            (Ok(_), None) => {}
        }
    }

    fn is_late(&self) -> bool {
        self.cx.service.0.clock.now().duration_since(self.cx.now) >= self.time
    }

    /// Carries one out as the request of its own that it could be; its status, and the resource as it stands.
    async fn act(
        &mut self,
        at: usize,
        mut action: Action,
        without: &[usize],
    ) -> Result<(u16, Option<Stored>), Problem> {
        let later: HashSet<String> =
            without.iter().filter_map(|at| self.operations[*at].bulk_id.clone()).collect();
        let references = References::of(self.cx.caller.config.resource_type(action.kind));
        let missing = if later.is_empty() { Vec::new() } else { references.take(&mut action.data, &later) };
        let mut unresolved = None;
        references.each(action.verb, &mut action.data, &mut |text| {
            if let Err(error) = self.resolve(text) {
                unresolved.get_or_insert(error);
            }
        });
        if let Some(error) = unresolved {
            return Err(error.into());
        }
        let id = match &action.id {
            None => String::new(),
            Some(Named::Id(id)) => id.clone(),
            Some(Named::BulkId(id)) => self.id_of(id)?,
        };
        let cx = self.alone(action.version.as_deref())?;
        let (kind, data) = (action.kind, action.data);
        Ok(match action.verb {
            Verb::Post => {
                let stored = change::created(&cx, kind, data).await?;
                if !missing.is_empty() {
                    self.unfinished.push(Unfinished { at, missing });
                }
                (201, Some(stored))
            }
            Verb::Put => (200, Some(change::replaced(&cx, kind, &id, data).await?)),
            Verb::Patch => {
                let status = if change::patch_answers(&cx, kind) { 200 } else { 204 };
                (status, Some(change::patched(&cx, kind, &id, &data).await?))
            }
            Verb::Delete => (204, change::deleted(&cx, kind, &id).await?),
        })
    }

    /// Adds the references that were left out; where one can't be, what was made goes again, and what names it.
    async fn link(&mut self, circle: &[usize]) {
        for Unfinished { at, missing } in std::mem::take(&mut self.unfinished) {
            let Some((kind, id)) = self.resource(at) else { continue };
            match self.add(kind, &id, missing).await {
                Ok(stored) => {
                    let version = self.version(&stored);
                    if let Some(Some(outcome)) = self.outcomes.get_mut(at) {
                        outcome.version = version;
                    }
                }
                Err(problem) => self.undo(at, kind, &id, problem.error).await,
            }
        }
        while let Some((at, kind, id, gone)) = self.broken(circle) {
            let detail = format!(
                "the resource with the bulkId \"{gone}\", which this one names, could not be made; nothing of either stands"
            );
            self.undo(at, kind, &id, ScimError::status(409, detail)).await;
        }
    }

    async fn add(&self, kind: Kind, id: &str, missing: Vec<(String, Value)>) -> Result<Stored, Problem> {
        let mut operations = Vec::with_capacity(missing.len());
        for (path, mut value) in missing {
            let mut unresolved = None;
            reference::referring(&mut value, &mut |text| {
                if let Err(error) = self.resolve(text) {
                    unresolved.get_or_insert(error);
                }
            });
            if let Some(error) = unresolved {
                return Err(error.into());
            }
            operations.push(json!({"op": "add", "path": path, "value": value}));
        }
        let mut body = Object::new();
        body.insert("schemas".into(), json!([message::PATCH]));
        body.insert("Operations".into(), operations.into());
        change::patched(&self.alone(None)?, kind, id, &body).await
    }

    /// A resource of these operations that stands and names one that doesn't.
    fn broken(&self, circle: &[usize]) -> Option<(usize, Kind, String, String)> {
        circle.iter().find_map(|&at| {
            let (kind, id) = self.resource(at)?;
            let fails = |name: &&String| self.made.get(*name) == Some(&Made::Failed);
            let gone = self.about[at].1.iter().find(fails)?.clone();
            Some((at, kind, id, gone))
        })
    }

    async fn undo(&mut self, at: usize, kind: Kind, id: &str, mut error: ScimError) {
        let undone = match self.alone(None) {
            Ok(cx) => change::deleted(&cx, kind, id).await.map(drop),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = undone
            && problem.error.status != 404
        {
            error.detail.push_str(&format!(
                "; it was made with the id {id} and could not be removed again: {}",
                problem.error.detail
            ));
        }
        self.failed(at, None, error);
    }

    /// What an operation made, if it stands.
    fn resource(&self, at: usize) -> Option<(Kind, String)> {
        let made = self.made.get(self.operations[at].bulk_id.as_ref()?)?;
        match (self.about[at].0, made) {
            (Some(kind), Made::Id(id)) => Some((kind, id.clone())),
            _ => None,
        }
    }

    fn know(&mut self, at: usize, made: Made) {
        if let Some(id) = &self.operations[at].bulk_id {
            self.made.insert(id.clone(), made);
        }
    }

    fn failed(&mut self, at: usize, location: Option<String>, error: ScimError) {
        if self.operations[at].method == "POST" {
            self.know(at, Made::Failed);
        }
        self.failures += 1;
        self.outcomes[at] =
            Some(Outcome { status: error.status, location, version: None, error: Some(error) });
    }

    /// Puts the id in the place of a reference.
    fn resolve(&self, text: &mut String) -> Result<(), ScimError> {
        if let Some(id) = reference::bulk_id(text) {
            *text = self.id_of(id)?;
        }
        Ok(())
    }

    fn id_of(&self, bulk_id: &str) -> Result<String, ScimError> {
        match self.made.get(bulk_id) {
            Some(Made::Id(id)) => Ok(id.clone()),
            _ if self.known.contains(bulk_id) => Err(ScimError::status(
                409,
                format!("the resource with the bulkId \"{bulk_id}\" was not made; send both again"),
            )),
            _ => Err(ScimError::bad(
                ScimType::InvalidValue,
                format!("no POST of this request has the bulkId \"{bulk_id}\""),
            )),
        }
    }

    /// The request as if this operation had come alone.
    fn alone(&self, version: Option<&str>) -> Result<Context, Problem> {
        let mut headers = HeaderMap::new();
        if let Some(version) = version {
            let value = HeaderValue::from_str(version).map_err(|_| {
                Problem::bad(ScimType::InvalidValue, "\"version\" is no entity tag; send it as it came")
            })?;
            headers.insert(header::IF_MATCH, value);
        }
        Ok(Context { headers, query: Query::default(), ..self.cx.clone() })
    }

    /// Where the resource of a path is.
    fn addressed(&self, action: &Action) -> Option<String> {
        let id = match action.id.as_ref()? {
            Named::Id(id) => id.clone(),
            Named::BulkId(id) => self.id_of(id).ok()?,
        };
        Some(self.location(action.kind, &id))
    }

    fn location(&self, kind: Kind, id: &str) -> String {
        format!("{}{}/{id}", self.cx.base, self.cx.caller.config.resource_type(kind).endpoint)
    }

    fn version(&self, stored: &Stored) -> Option<String> {
        self.cx.caller.config.profile.etag.then(|| stored.etag())
    }
}

fn answer(operation: &Operation, outcome: &Outcome) -> Value {
    let mut answer = Object::new();
    let mut say = |name: &str, text: Option<&String>| {
        if let Some(text) = text {
            answer.insert(name.to_owned(), text.as_str().into());
        }
    };
    say("method", Some(&operation.method));
    say("bulkId", operation.bulk_id.as_ref());
    say("version", outcome.version.as_ref());
    say("location", outcome.location.as_ref());
    say("status", Some(&outcome.status.to_string()));
    if let Some(error) = &outcome.error {
        answer.insert("response".into(), error.body().into());
    }
    answer.into()
}
