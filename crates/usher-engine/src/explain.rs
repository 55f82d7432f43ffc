//! Why somebody is in or out of an app, and what would be done about it and by which rule: the steps of a cycle for one object,
//! with the values that decided. The same decisions, mappings and differences as everywhere; nothing here writes.

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use usher_directory::{Key, Kind, ObjectId, object};
use usher_mapping::{
    AttributeName, Context, NoLookup, ObjectMapping,
    expression::Trace,
    mapping::{From, Mapped, Moment},
    scoping::GROUPS,
};
use usher_scim::AttributePath;
use usher_store::Snapshot;

use crate::{
    app::{App, Scope},
    assignment::{self, DEFAULT_ACCESS},
    decide::{Entitled, Source},
    diff::Difference,
    error::EngineError,
    given, leaver,
    log::Status,
    plan::Action,
    reference,
    scope::{self, Judged, seed},
    task::{self, For, Task, Todo, Verb},
    unique::World,
};

/// A step of the way from directory to app, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepName {
    /// The connection test; shown only where it fails.
    Test,
    /// What was read of the object.
    Import,
    /// Whether it is in scope.
    Scope,
    /// Which account at the app it is.
    Match,
    /// What the mapping makes of it.
    Map,
    /// What differs from what is there.
    Difference,
    /// What is done.
    Action,
}

impl StepName {
    /// As printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Import => "import",
            Self::Scope => "scope",
            Self::Match => "match",
            Self::Map => "map",
            Self::Difference => "difference",
            Self::Action => "action",
        }
    }
}

/// A value or condition behind a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Detail {
    /// An attribute that was read, or that was written.
    Attribute {
        /// As the mapping names it.
        name: String,
        /// Its value; `[Redact]` where a mapping hides it.
        value: Json,
    },
    /// A condition of the scope.
    Condition {
        /// What people call it.
        title: String,
        /// The attribute it looks at, of a scoping filter's clause.
        attribute: Option<String>,
        /// Its operator, likewise.
        operator: Option<String>,
        /// What it compares with.
        value: Option<String>,
        /// What the object has.
        seen: Option<String>,
        /// Whether it holds.
        holds: bool,
    },
    /// A matching property, in the order they are tried.
    Matching {
        /// The target attribute.
        attribute: String,
        /// The value looked for.
        value: String,
        /// Accounts found.
        hits: usize,
    },
    /// A row of the mapping.
    Mapped {
        /// The target attribute.
        target: String,
        /// Its expression; a constant as text in quotes.
        expression: String,
        /// Its value.
        value: Json,
        /// How the expression came to it, as an indented tree.
        trace: Option<String>,
    },
    /// An attribute that differs.
    Changed {
        /// The target attribute.
        attribute: String,
        /// What was last written, or was found there.
        old: Json,
        /// What is to be there.
        new: Json,
        /// The rule that says so: the mapping's expression.
        rule: String,
    },
    /// A user or group who has no account in the app yet: the reference follows when they have.
    Awaited {
        /// The target attribute.
        attribute: String,
        /// Who.
        name: String,
    },
}

/// One step and how it came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Which.
    pub step: StepName,
    /// How it came out.
    pub result: Status,
    /// A sentence.
    pub text: String,
    /// The values and conditions behind it.
    pub details: Vec<Detail>,
}

/// What comes of it all.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What would be (or was) done.
    pub action: Action,
    /// The field's code (facts of the log: `NotEffectivelyEntitled`, `EntryExportAdd`, …).
    pub code: String,
    /// A sentence.
    pub text: String,
}

/// The whole way of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// When it was looked at.
    pub at: Timestamp,
    /// User or group.
    pub kind: Kind,
    /// Its id in the directory.
    pub id: ObjectId,
    /// userName or displayName.
    pub name: String,
    /// Its id at the app, where it is known.
    pub target: Option<String>,
    /// What comes of it.
    pub verdict: Verdict,
    /// The steps, as far as they go.
    pub steps: Vec<Stage>,
    /// Whether it was done, or only looked at.
    pub sent: bool,
}

impl Explanation {
    /// Whether a step failed.
    pub fn failed(&self) -> bool {
        self.steps.iter().any(|step| step.result == Status::Failure)
    }
}

/// An object as one snapshot shows it: the first three steps, the mapping, and the task that a cycle would make of it.
pub(crate) struct Seen {
    pub(crate) task: Task,
    pub(crate) import: Stage,
    pub(crate) scope: Stage,
    pub(crate) map: Option<Stage>,
    /// It leaves and is held back, or would be.
    pub(crate) held: bool,
}

/// Looks at one object.
pub(crate) fn see(on: &mut Snapshot<'_>, app: &App, key: Key, now: Timestamp) -> Result<Seen, EngineError> {
    let gone = || EngineError::NoObject(format!("object {}", key.0));
    let task = task::prepare(on, app, &[key], For::Plan, now)?.pop().ok_or_else(gone)?;
    let judged = scope::judge(on, app, &[key], now)?.pop().ok_or_else(gone)?;
    if judged.stored.is_none() && task.link.is_none() {
        return Err(gone());
    }
    let by = assigned_by(on, app, &judged)?;
    let leaves =
        matches!(task.todo, Todo::Delete(_) | Todo::Write(task::Write { verb: Verb::Disable(_), .. }));
    let held = leaves && leaver::would_be_held(on, app, key, now)?;
    Ok(Seen {
        import: imported(app, &task, &judged, now),
        scope: scoped(app, &task, &judged, &by, now),
        map: mapped(app, &task, &judged, now),
        held,
        task,
    })
}

/// How it is assigned: with which role, itself or through which group.
fn assigned_by(on: &mut Snapshot<'_>, app: &App, judged: &Judged) -> Result<Vec<String>, EngineError> {
    let mut ways: Vec<String> = assignment::of(on, app.id, &[judged.key])?
        .into_iter()
        .map(|a| format!("itself as {}", a.role))
        .collect();
    if judged.stored.as_ref().is_some_and(|o| o.kind == Kind::User) {
        let groups = object::groups_of(on, app.directory, &[judged.key])?;
        let keys: Vec<Key> = groups.iter().map(|(_, group)| group.key).collect();
        let mut ways_up = groups;
        if assignment::any_nested(on, app.id)? {
            let all = object::all_groups_of(on, app.directory, &[judged.key])?;
            ways_up = all.into_iter().map(|(member, group, _)| (member, group)).collect();
        }
        let above: Vec<Key> = ways_up.iter().map(|(_, group)| group.key).collect();
        for a in
            assignment::of(on, app.id, &above)?.into_iter().filter(|a| a.nested || keys.contains(&a.object))
        {
            let name = ways_up.iter().find(|(_, g)| g.key == a.object).map_or("", |(_, g)| g.name.as_str());
            ways.push(format!("by the group {name} as {}", a.role));
        }
    }
    if let Some(pushed) = judged.pushed.filter(|p| p.state != crate::pushed::State::Off) {
        ways.push(format!("its push is {}", pushed.state.as_str()));
    }
    Ok(ways)
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "user",
        Kind::Group => "group",
    }
}

const HIDDEN: &str = "[Redact]";

/// Whether a row hides that source attribute.
fn hides(mapping: &ObjectMapping, attribute: &str) -> bool {
    mapping.rows.iter().any(|row| match &row.from {
        From::Expression(e) => e.redacted() && e.mentions(attribute),
        _ => false,
    })
}

fn imported(app: &App, task: &Task, judged: &Judged, now: Timestamp) -> Stage {
    let mapping = app.mapping(task.kind);
    let mut names: Vec<String> = Vec::new();
    let read = mapping.rows.iter().filter_map(|row| match &row.from {
        From::Expression(e) => Some(e.attributes()),
        _ => None,
    });
    let clauses = mapping.scoping.clauses().map(|clause| clause.attribute.text());
    for name in read.flatten().chain(clauses) {
        let computed =
            ["IsSoftDeleted", "appRoleAssignments", GROUPS].iter().any(|c| name.eq_ignore_ascii_case(c));
        if !computed && !names.iter().any(|n| n == name) {
            names.push(name.to_owned());
        }
    }
    let (named, seed) = (judged.named(), seed(app, judged.key));
    let mut lookup = NoLookup;
    let cx = Context { named: &named, seed: &seed, ..Context::new(&judged.doc, &mut lookup, now) };
    let details = names
        .into_iter()
        .map(|name| {
            let value = AttributeName::parse(&name).map(|a| a.read(&cx).to_json()).unwrap_or_default();
            let value = if !value.is_null() && hides(mapping, &name) { json!(HIDDEN) } else { value };
            Detail::Attribute { name, value }
        })
        .collect();
    let text = match judged.stored {
        Some(_) => format!("the {} {} was read from the directory", word(task.kind), task.name),
        None => format!("the {} {} is gone from the directory", word(task.kind), task.name),
    };
    Stage { step: StepName::Import, result: Status::Success, text, details }
}

fn condition(title: &str, seen: String, holds: bool) -> Detail {
    Detail::Condition {
        title: title.to_owned(),
        attribute: None,
        operator: None,
        value: None,
        seen: Some(seen),
        holds,
    }
}

fn scoped(app: &App, task: &Task, judged: &Judged, by: &[String], now: Timestamp) -> Stage {
    let source = match judged.source {
        Source::Active => "active",
        Source::Disabled => "disabled",
        Source::Deleted => "deleted",
        Source::Purged => "gone",
    };
    let mut details = vec![condition("Active in source", source.to_owned(), judged.source == Source::Active)];
    match app.scope {
        Scope::All => details.push(condition("Scope sync all", "everybody".into(), true)),
        Scope::Assigned => {
            let seen = if by.is_empty() { "not assigned".to_owned() } else { by.join("; ") };
            details.push(condition("Assigned to application", seen, !by.is_empty()));
        }
    }
    let roles = &app.template.roles;
    let asks = app.scope == Scope::Assigned && task.kind == Kind::User && app.settings.exclude_default_access;
    if asks && !roles.is_empty() {
        let holds = judged.roles.iter().any(|role| role != DEFAULT_ACCESS);
        let seen = if judged.roles.is_empty() { "no role".to_owned() } else { judged.roles.join(", ") };
        details.push(condition("User has required role", seen, holds));
    }
    // All of them, also where something before has decided.
    let mapping = app.mapping(task.kind);
    let (named, seed) = (judged.named(), seed(app, judged.key));
    let mut lookup = NoLookup;
    let cx = Context { named: &named, seed: &seed, ..Context::new(&judged.doc, &mut lookup, now) };
    let decision = mapping.scoping.judge(&cx);
    details.extend(decision.clauses.into_iter().map(|clause| Detail::Condition {
        title: format!("{}: {}", clause.group, clause.title),
        attribute: Some(clause.attribute),
        operator: Some(clause.operator.to_string()),
        value: Some(clause.value),
        seen: clause.seen,
        holds: clause.holds,
    }));
    let (result, text) = in_scope(app, task, judged, decision.problem);
    Stage { step: StepName::Scope, result, text, details }
}

fn in_scope(app: &App, task: &Task, judged: &Judged, problem: Option<String>) -> (Status, String) {
    let name = &task.name;
    match (judged.source, judged.entitled) {
        (Source::Active, Entitled::Yes) => (Status::Success, format!("{name} is in scope of {}", app.name)),
        (Source::Active, Entitled::Undecided) => (
            Status::Warning,
            format!("nobody can say whether {name} is in scope: {}", problem.unwrap_or_default()),
        ),
        (_, Entitled::Paused) => (Status::Skipped, format!("the push of {name} is paused")),
        (Source::Active, Entitled::Unassigned) => {
            (Status::Skipped, format!("{name} is not assigned to {}", app.name))
        }
        (Source::Active, Entitled::OnlyDefaultAccess) => (
            Status::Skipped,
            format!(
                "{name} holds only {DEFAULT_ACCESS}; the role {} would include it",
                app.template.roles.join(" or ")
            ),
        ),
        (Source::Active, Entitled::FilteredOut) => {
            (Status::Skipped, format!("{name} does not pass the scoping filter"))
        }
        (Source::Disabled, _) => (Status::Skipped, format!("{name} is disabled in the directory")),
        (Source::Deleted, _) => (Status::Skipped, format!("{name} is deleted in the directory")),
        (Source::Purged, _) => (Status::Skipped, format!("{name} is gone from the directory")),
    }
}

/// The rows that act: all of them, of a leaver those that speak of `IsSoftDeleted`; none where nothing is written.
fn mapped(app: &App, task: &Task, judged: &Judged, now: Timestamp) -> Option<Stage> {
    let moment = match &task.todo {
        Todo::Find(_) | Todo::NoMatcher => Moment::Create,
        Todo::Write(_) => Moment::Update,
        Todo::Failed(_) if task.link.is_none() => Moment::Create,
        Todo::Failed(_) => Moment::Update,
        _ => return None,
    };
    let mut mapping = app.mapping(task.kind).clone();
    if matches!(&task.todo, Todo::Write(w) if matches!(w.verb, Verb::Disable(_))) {
        mapping.rows.retain(task::speaks_of_leaving);
    }
    let (named, seed) = (judged.named(), seed(app, judged.key));
    let mut lookup = World::new(app);
    let mut calls = Vec::new();
    let mut cx = Context { named: &named, seed: &seed, ..Context::new(&judged.doc, &mut lookup, now) };
    cx.trace = Some(&mut calls);
    let stage = |result, text, details| Some(Stage { step: StepName::Map, result, text, details });
    match mapping.apply(&mut cx, moment) {
        Ok(rows) => {
            let mut rows = rows;
            if judged.entitled == Entitled::Yes && judged.source == Source::Active {
                given::apply(&judged.given, &mut rows);
            }
            let details: Vec<Detail> = rows
                .into_iter()
                .filter(|row| !reference::is_members(&row.target))
                .map(|row| row_detail(&mapping, row))
                .collect();
            stage(Status::Success, format!("{} attributes are mapped", details.len()), details)
        }
        Err((row, error)) => {
            let target = mapping.rows.get(row).map(|r| r.target.to_string()).unwrap_or_default();
            stage(Status::Failure, format!("the mapping of {target} failed: {error}"), Vec::new())
        }
    }
}

fn row_detail(mapping: &ObjectMapping, row: Mapped) -> Detail {
    let value = if row.redacted && !row.value.is_null() { json!(HIDDEN) } else { row.value.to_json() };
    let trace: String = row.trace.iter().map(|call| tree(call, 0)).collect();
    Detail::Mapped {
        target: row.target.to_string(),
        expression: match row.row {
            given::NO_ROW => "the value of the assignment".to_owned(),
            n => mapping.rows.get(n).map(|r| rule_text(&r.from)).unwrap_or_default(),
        },
        value,
        // An attribute taken as it is needs no tree.
        trace: row.trace.iter().any(|call| !call.parts.is_empty()).then_some(trace),
    }
}

fn rule_text(from: &From) -> String {
    match from {
        From::Expression(e) => e.text().to_owned(),
        From::Constant(value) => value.to_json().to_string(),
        From::None => "the default, where the app has none".to_owned(),
    }
}

/// A call, its value, and its arguments below it.
fn tree(call: &Trace, depth: usize) -> String {
    let mut text = format!("{}{} = {}\n", "  ".repeat(depth), call.text, call.value.to_json());
    for part in &call.parts {
        text.push_str(&tree(part, depth + 1));
    }
    text
}

/// The differences as details, each with the rule that makes it.
pub(crate) fn changed(app: &App, kind: Kind, differences: &[Difference]) -> Vec<Detail> {
    let rule = |path: &AttributePath| {
        let row = app.mapping(kind).rows.iter().find(|row| row.target == *path);
        row.map(|row| rule_text(&row.from)).unwrap_or_default()
    };
    let shown = |value: &Json, hidden: bool| match value {
        Json::Null => Json::Null,
        _ if hidden => json!(HIDDEN),
        value => value.clone(),
    };
    differences
        .iter()
        .map(|d| Detail::Changed {
            attribute: d.path.to_string(),
            old: shown(&d.old, d.redacted),
            new: shown(&d.new, d.redacted),
            rule: rule(&d.path),
        })
        .collect()
}

/// The references that wait, as details.
pub(crate) fn awaited(pending: &reference::Resolved) -> Vec<Detail> {
    let detail = |(path, _, name): &(AttributePath, Key, String)| Detail::Awaited {
        attribute: path.to_string(),
        name: name.clone(),
    };
    pending.awaited.iter().map(detail).collect()
}
