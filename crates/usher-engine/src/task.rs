//! What is to be sent for an object, prepared from one snapshot: the decision, the mapped values, the differences.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;
use usher_directory::{Key, Kind, ObjectId};
use usher_mapping::{
    AttributeMapping, Context, ObjectMapping,
    mapping::{From, Mapped, Moment, document},
};
use usher_scim::{AttributePath, Object, ResourceType, resource};
use usher_store::Snapshot;
use uuid::Uuid;

use crate::{
    app::App,
    cycle::pump::rules,
    decide::{Act, Cause, Entitled, Linked, Reason, Source, decide},
    diff::{self, Difference},
    error::EngineError,
    given, leaver,
    link::{self, Link, State},
    log::{Failure, Status, Step, StepType},
    protected, pushed, reference,
    scope::{self, Judged, seed},
    settings::Leaving,
    unique::{self, Unique, World},
};

/// An object with what is to be done.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) key: Key,
    pub(crate) kind: Kind,
    pub(crate) source: ObjectId,
    pub(crate) name: String,
    /// Soft-deleted or gone.
    pub(crate) gone: bool,
    pub(crate) link: Option<Link>,
    pub(crate) todo: Todo,
    pub(crate) steps: Vec<Step>,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) enum Todo {
    /// Nothing at all.
    Nothing(Reason),
    /// No matching property has a value: it is left out until it has.
    NoMatcher,
    /// Look for it in the app.
    Find(Box<Find>),
    /// Write what differs (perhaps nothing).
    Write(Write),
    /// DELETE.
    Delete(Cause),
    /// It leaves and the app is not told.
    LetGo(Cause),
    /// Only the link goes.
    Forget,
    /// It leaves, but wasn't counted yet: it is noted, and sent when it was.
    Uncounted(Cause),
    /// It can't even be prepared.
    Failed(Failure),
}

/// An account to look for, and to create where there is none.
#[derive(Debug, Clone)]
pub(crate) struct Find {
    /// Matching properties by precedence, with the mapped value.
    pub(crate) matchers: Vec<(AttributePath, String)>,
    /// The values on create; `None`: creating is switched off, or it is only looked for in order to leave.
    pub(crate) create: Option<Create>,
    /// Mapped for an update: what is compared when one is found.
    pub(crate) update: Vec<Mapped>,
    /// References that can't be written yet.
    pub(crate) pending: reference::Resolved,
    /// A noted create whose source left meanwhile: found, it is linked and leaves; not found, forgotten.
    pub(crate) leaving: bool,
}

/// What a create sends.
#[derive(Debug, Clone)]
pub(crate) struct Create {
    /// The mapped values as a document: what is kept as last written.
    pub(crate) document: Object,
    /// As differences from nothing, for log and plan.
    pub(crate) differences: Vec<Difference>,
    /// Values to choose by what the app has: the first of each stands in the document until then.
    pub(crate) unique: Vec<Unique>,
}

/// Why a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Update,
    Enable,
    Disable(Cause),
}

/// Differences to write to a known target.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) verb: Verb,
    pub(crate) differences: Vec<Difference>,
    pub(crate) pending: reference::Resolved,
}

/// How tasks are prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// To be sent: leavers only when they were counted.
    Sending,
    /// To be shown.
    Plan,
}

/// Prepares these objects, in their order. Objects that are neither in the directory nor linked come with an empty name.
pub(crate) fn prepare(
    on: &mut Snapshot<'_>,
    app: &App,
    keys: &[Key],
    how: For,
    now: Timestamp,
) -> Result<Vec<Task>, EngineError> {
    let mut links: HashMap<Key, Link> =
        link::of(on, app.id, keys)?.into_iter().map(|l| (l.object, l)).collect();
    let protected = protected::of(on, app, keys)?;
    let mut tasks = Vec::with_capacity(keys.len());
    for judged in scope::judge(on, app, keys, now)? {
        let link = links.remove(&judged.key);
        // A leaver that is protected was not counted, and is not to be.
        let is_protected = protected.contains(&judged.key);
        let how = if is_protected { For::Plan } else { how };
        let mut task = one(on, app, judged, link, how, now)?;
        if is_protected {
            protect(&mut task);
        }
        tasks.push(task);
    }
    Ok(tasks)
}

fn one(
    on: &mut Snapshot<'_>,
    app: &App,
    judged: Judged,
    link: Option<Link>,
    how: For,
    now: Timestamp,
) -> Result<Task, EngineError> {
    let stored = judged.stored.as_ref();
    let kind = stored.map(|o| o.kind).or(link.as_ref().map(|l| l.kind)).unwrap_or(Kind::User);
    let source = stored.map(|o| o.id).or(link.as_ref().map(|l| l.source)).unwrap_or(ObjectId(Uuid::nil()));
    let name =
        stored.map(|o| o.name().to_owned()).or(link.as_ref().map(|l| l.name.clone())).unwrap_or_default();
    let linked = link.as_ref().map_or(Linked::No, |l| l.state.linked());
    let act = decide(linked, judged.source, judged.entitled, &rules(app, kind));
    let gone = matches!(judged.source, Source::Deleted | Source::Purged);
    let mut task =
        Task { key: judged.key, kind, source, name, gone, link, todo: Todo::Forget, steps: Vec::new() };
    task.steps.push(imported(&task, app));
    task.steps.push(scoped(&judged));
    task.todo = match act {
        Act::Skip(reason) => Todo::Nothing(reason),
        Act::Provision { create } => find(on, app, &judged, &task, create, false, now)?,
        Act::Update => update(on, app, &judged, &task, Verb::Update, now)?,
        Act::Enable => update(on, app, &judged, &task, Verb::Enable, now)?,
        Act::Forget => Todo::Forget,
        Act::Leave(cause, Leaving::Nothing) if linked != Linked::Noted => Todo::LetGo(cause),
        Act::Leave(cause, _) if how == For::Sending && !leaver::may_go(on, app.id, task.key)? => {
            Todo::Uncounted(cause)
        }
        Act::Leave(..) if linked == Linked::Noted => find(on, app, &judged, &task, false, true, now)?,
        Act::Leave(cause, Leaving::Delete) => Todo::Delete(cause),
        Act::Leave(cause, _) => disable(app, &judged, &task, cause, now),
    };
    Ok(task)
}

/// What would harm a protected user is a failure instead.
fn protect(task: &mut Task) {
    let what = match &task.todo {
        Todo::Delete(cause) | Todo::Write(Write { verb: Verb::Disable(cause), .. }) => {
            format!("would lose the account: {} {}", task.name, cause.text())
        }
        Todo::Write(write) => match protected::harmed_by(&write.differences) {
            Some(d) => format!("{} would be taken away or the account disabled", d.path),
            None => return,
        },
        _ => return,
    };
    task.todo = Todo::Failed(protected::failure(&task.name, &what));
}

fn imported(task: &Task, app: &App) -> Step {
    let what = match task.kind {
        Kind::User => "User",
        Kind::Group => "Group",
    };
    Step {
        name: "EntryImport",
        kind: StepType::Import,
        status: Status::Success,
        description: format!("{what} '{}' was read from the directory for {}", task.name, app.name),
        details: json!({}),
    }
}

fn scoped(judged: &Judged) -> Step {
    let yes_no = |b: bool| if b { "True" } else { "False" };
    let active = judged.source == Source::Active;
    let entitled = judged.entitled == Entitled::Yes;
    let filters: serde_json::Map<String, serde_json::Value> =
        judged.clauses.iter().map(|c| (format!("{}.{}", c.group, c.title), json!(yes_no(c.holds)))).collect();
    Step {
        name: "EntrySynchronizationScoping",
        kind: StepType::Scoping,
        status: Status::Success,
        description: format!("in scope: {}", yes_no(active && entitled)),
        details: json!({
            "IsActive": yes_no(active),
            "Assigned": yes_no(!judged.roles.is_empty()),
            "IsEffectivelyEntitledForProvisioning": yes_no(entitled),
            "ScopeEvaluationResult": filters,
        }),
    }
}

/// Evaluates a mapping for an object, without `members`.
pub(crate) fn mapped(
    app: &App,
    judged: &Judged,
    mapping: &ObjectMapping,
    moment: Moment,
    now: Timestamp,
) -> Result<Vec<Mapped>, Failure> {
    let named = judged.named();
    let seed = seed(app, judged.key);
    let mut lookup = World::new(app);
    let mut cx = Context { named: &named, seed: &seed, ..Context::new(&judged.doc, &mut lookup, now) };
    let mut rows = mapping.apply(&mut cx, moment).map_err(|(row, error)| {
        let target = mapping.rows.get(row).map(|r| r.target.to_string()).unwrap_or_default();
        Failure {
            code: "AttributeMappingFailed",
            reason: format!("the mapping of {target} failed: {error}"),
            action: "Correct the expression or the value that it can't take.",
            passing: false,
        }
    })?;
    rows.retain(|r| !reference::is_members(&r.target));
    // A leaver keeps its other values; whoever is to be there gets what its assignments give.
    if judged.entitled == Entitled::Yes && judged.source == Source::Active {
        given::apply(&judged.given, &mut rows);
    }
    if moment == Moment::Update && judged.pushed.is_some_and(|p| !p.renames) {
        rows.retain(|r| !pushed::is_name(&r.target));
    }
    Ok(rows)
}

fn invalid(error: &usher_scim::ScimError) -> Failure {
    Failure {
        code: "MissingValues",
        reason: error.detail.clone(),
        action: "Give the object the value in its source, or map one that it has.",
        passing: false,
    }
}

fn find(
    on: &mut Snapshot<'_>,
    app: &App,
    judged: &Judged,
    task: &Task,
    create: bool,
    leaving: bool,
    now: Timestamp,
) -> Result<Todo, EngineError> {
    let (mapping, target) = (app.mapping(task.kind), app.target.of(task.kind));
    let prepared = (|| {
        let created = mapped(app, judged, mapping, Moment::Create, now)?;
        let updated = mapped(app, judged, mapping, Moment::Update, now)?;
        Ok::<_, Failure>((created, updated))
    })();
    let (mut created, mut updated) = match prepared {
        Ok(p) => p,
        Err(failure) => return Ok(Todo::Failed(failure)),
    };
    let pending = reference::resolve(on, app, target, &mut created)?;
    reference::resolve(on, app, target, &mut updated)?;
    let wanted = match (&judged.stored, &task.link) {
        // Gone from the directory: it is looked for by what was (to be) written last.
        (None, Some(link)) => link.sent.clone(),
        _ => match app.document(task.kind, &created) {
            Ok(wanted) => wanted,
            Err(e) => return Ok(Todo::Failed(invalid(&e))),
        },
    };
    let values = |of: &Object| -> Vec<(AttributePath, String)> {
        let rows = mapping.matchers().into_iter();
        rows.filter_map(|m| text(&diff::at(target, of, &m.target)).map(|v| (m.target.clone(), v))).collect()
    };
    let mut matchers = values(&wanted);
    if let Some(link) = task.link.as_ref().filter(|link| link.state == State::Noted) {
        // A create whose answer was lost may have been done under the names of then.
        let before: Vec<_> = values(&link.sent).into_iter().filter(|m| !matchers.contains(m)).collect();
        matchers.extend(before);
    }
    if matchers.is_empty() {
        return Ok(Todo::NoMatcher);
    }
    let create = if create {
        if let Err(e) = resource::check(target, &wanted) {
            return Ok(Todo::Failed(invalid(&e)));
        }
        let differences = diff::against(target, &created, &wanted, &Object::new());
        let unique = unique::of(app, judged, mapping, now);
        Some(Create { document: wanted, differences, unique })
    } else {
        None
    };
    Ok(Todo::Find(Box::new(Find { matchers, create, update: updated, pending, leaving })))
}

fn text(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(s) if !s.is_empty() => Some(s.clone()),
        serde_json::Value::Number(n) => Some(n.to_string()),
        serde_json::Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

fn update(
    on: &mut Snapshot<'_>,
    app: &App,
    judged: &Judged,
    task: &Task,
    verb: Verb,
    now: Timestamp,
) -> Result<Todo, EngineError> {
    let (mapping, target) = (app.mapping(task.kind), app.target.of(task.kind));
    let mut rows = match mapped(app, judged, mapping, Moment::Update, now) {
        Ok(rows) => rows,
        Err(failure) => return Ok(Todo::Failed(failure)),
    };
    let pending = reference::resolve(on, app, target, &mut rows)?;
    let sent = task.link.as_ref().map(|l| l.sent.clone()).unwrap_or_default();
    Ok(match app.document(task.kind, &rows) {
        Ok(wanted) => {
            let differences = differences(task, target, &rows, &wanted, &sent);
            Todo::Write(Write { verb, differences, pending })
        }
        Err(e) => Todo::Failed(invalid(&e)),
    })
}

/// What differs from what was written last; where the last write never came to an end, everything.
fn differences(
    task: &Task,
    target: &ResourceType,
    rows: &[Mapped],
    wanted: &Object,
    sent: &Object,
) -> Vec<Difference> {
    let unsure = task.link.as_ref().is_some_and(|link| match task.kind {
        Kind::User => link.whole,
        Kind::Group => link.unsure,
    });
    if unsure { diff::anew(target, rows, wanted, sent) } else { diff::against(target, rows, wanted, sent) }
}

/// Whether a row says of somebody that they left.
pub(crate) fn speaks_of_leaving(row: &AttributeMapping) -> bool {
    matches!(&row.from, From::Expression(e) if e.mentions("IsSoftDeleted"))
}

/// A disable writes the rows that speak of `IsSoftDeleted` and no others: a leaver's other values are nobody's business now.
fn disable(app: &App, judged: &Judged, task: &Task, cause: Cause, now: Timestamp) -> Todo {
    let target = app.target.of(task.kind);
    let mut mapping = app.mapping(task.kind).clone();
    mapping.rows.retain(speaks_of_leaving);
    if mapping.rows.is_empty() {
        return Todo::LetGo(cause);
    }
    let rows = match mapped(app, judged, &mapping, Moment::Update, now) {
        Ok(rows) => rows,
        Err(failure) => return Todo::Failed(failure),
    };
    let sent = task.link.as_ref().map(|l| l.sent.clone()).unwrap_or_default();
    // The app's writer is of the whole mapping.
    match document(target, &rows) {
        Ok(wanted) => Todo::Write(Write {
            verb: Verb::Disable(cause),
            differences: differences(task, target, &rows, &wanted, &sent),
            pending: reference::Resolved::default(),
        }),
        Err(e) => Todo::Failed(invalid(&e)),
    }
}

/// The differences between an account found in the app and the mapped values, and what is kept as last written.
pub(crate) fn take_over(
    app: &App,
    kind: Kind,
    rows: &[Mapped],
    there: &Object,
) -> Result<(Object, Vec<Difference>), Failure> {
    let target = app.target.of(kind);
    let sent = diff::mapped_part(target, app.mapping(kind), rows, there).map_err(|e| invalid(&e))?;
    let wanted = app.document(kind, rows).map_err(|e| invalid(&e))?;
    let mut differences = diff::against(target, rows, &wanted, &sent);
    // An entry of which only something else is there is not made a second time.
    for difference in &mut differences {
        difference.new_entry = diff::lacks_entry(target, there, &difference.path);
    }
    Ok((sent, differences))
}

impl Task {
    /// Soft-deleted or gone: not counted as out of scope, since no walk looks at it.
    pub(crate) fn deleted(&self) -> bool {
        self.gone
    }

    /// A group that is (to be) there after the cycle.
    pub(crate) fn stays(&self) -> bool {
        match &self.todo {
            Todo::Find(find) => !find.leaving,
            Todo::Write(write) => !matches!(write.verb, Verb::Disable(_)),
            _ => false,
        }
    }
}
