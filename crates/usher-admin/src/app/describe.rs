//! Apps, cycles and plans in the shapes that are printed, and what the audit log says of a change.

use jiff::Timestamp;
use serde_json::json;
use usher_api::{
    app::{self as shape, Assignment},
    plan as plan_shape,
};
use usher_directory::{Kind, account as accounts, object};
use usher_engine::{
    App, assignment,
    cycle::{Counts, Cycle, CycleKind},
    heart::Heart,
    plan::{Item, Plan},
    quarantine::{Reset, Restarted},
    status,
};
use usher_store::Snapshot;

use crate::{AdminError, request};

/// The app's name, the audit log's word for a change, and its details (never a secret).
pub(super) fn noted(request: &request::App) -> (&str, &'static str, serde_json::Value) {
    use request::App as R;
    match request {
        R::Remove { name } => (name, "app.remove", json!({})),
        R::Set { name, key, value } => (name, "app.set", json!({"key": key, "value": value})),
        R::Assign { name, kind, who, role, terms } => {
            (name, "app.assign", json!({"kind": kind, "who": who, "role": role, "terms": terms}))
        }
        R::Group { name, group, act } => (name, "app.group", json!({"group": group, "act": act})),
        R::Link { name, kind, who, delete: true } => {
            (name, "app.link.delete", json!({"kind": kind, "who": who}))
        }
        R::Protect { name, user, off } => (name, "app.protect", json!({"user": user, "off": off})),
        R::Unassign { name, kind, who } => (name, "app.unassign", json!({"kind": kind, "who": who})),
        R::Scope { name, scope, .. } => (name, "app.scope", json!({"scope": scope})),
        R::Start { name, first } => (name, "app.start", json!({"first": first})),
        R::Stop { name } => (name, "app.stop", json!({})),
        R::Restart { name, reset } => (name, "app.restart", json!({"reset": reset})),
        R::AllowDeletes { name, only } => (name, "app.allow_deletes", json!({"only": only})),
        R::AllowCreates { name } => (name, "app.allow_creates", json!({})),
        R::FilterAdd { name, kind, title, clauses, .. } => {
            (name, "app.filter.add", json!({"kind": kind, "title": title, "clauses": clauses}))
        }
        R::FilterRemove { name, kind, title, .. } => {
            (name, "app.filter.remove", json!({"kind": kind, "title": title}))
        }
        R::AttributeAdd { name, kind, attribute } => {
            (name, "app.attribute.add", json!({"kind": kind, "attribute": attribute}))
        }
        R::AttributeRemove { name, kind, attribute } => {
            (name, "app.attribute.remove", json!({"kind": kind, "attribute": attribute}))
        }
        R::MappingSet { name, kind, target, change, force, .. } => {
            let details = json!({"kind": kind, "target": target, "change": change, "force": force});
            (name, "app.mapping.set", details)
        }
        R::MappingReset { name, kind, .. } => (name, "app.mapping.reset", json!({"kind": kind})),
        R::Add { name, .. }
        | R::Show { name }
        | R::Link { name, .. }
        | R::Test { name }
        | R::Credentials { name, .. }
        | R::Move { name, .. }
        | R::FilterList { name }
        | R::AttributeList { name }
        | R::AttributeDiscover { name }
        | R::Plan { name, .. }
        | R::Sync { name }
        | R::Provision { name, .. }
        | R::Explain { name: Some(name), .. }
        | R::Status { name }
        | R::Logs { name, .. }
        | R::MappingShow { name, .. }
        | R::MappingImport { name, .. }
        | R::MappingExport { name, .. }
        | R::MappingTest { name } => (name, "app.read", json!({})),
        R::List | R::Explain { name: None, .. } => ("", "app.read", json!({})),
    }
}

/// What a restart did, in a sentence.
pub(super) fn restarted(name: &str, enabled: bool, what: &[Reset], done: &Restarted) -> String {
    let names: Vec<&str> = what.iter().map(|reset| reset.as_str()).collect();
    let mut text = format!("{name} begins anew: {} forgotten", names.join(", "));
    for (n, said) in [
        (done.escrows, "failures are not tried again by themselves"),
        (done.leavers, "leavers are tried again at once"),
        (done.links, "links are forgotten; their accounts are looked for again"),
    ] {
        if n > 0 {
            text.push_str(&format!("; {n} {said}"));
        }
    }
    if !enabled && !what.contains(&Reset::Quarantine) {
        text.push_str(&format!("; it is off: `usher app sync {name}` or `usher app start {name}`"));
    }
    text
}

/// An app as shown.
pub(crate) fn describe(on: &mut Snapshot<'_>, app: &App) -> Result<shape::App, AdminError> {
    let directory = accounts::list_directories(on)?
        .into_iter()
        .find(|(id, _, _)| *id == app.directory)
        .map_or_else(String::new, |(_, name, _)| name);
    // A screenful; the whole list is a page of its own once there is an API for it.
    let assigned = assignment::page(on, app.id, None, crate::PAGE)?;
    let keys: Vec<_> = assigned.iter().map(|assignment| assignment.object).collect();
    let objects = object::by_keys(on, app.directory, &keys)?;
    let assignments = assigned
        .into_iter()
        .filter_map(|assignment| {
            let object = objects.iter().find(|object| object.key == assignment.object)?;
            Some(Assignment {
                kind: word(assignment.kind).into(),
                id: object.id.0.to_string(),
                name: object.name().to_owned(),
                role: assignment.role,
                nested: assignment.nested,
                priority: assignment.priority,
                overrides: assignment.overrides,
                values: assignment.values,
            })
        })
        .collect();
    Ok(shape::App {
        name: app.name.clone(),
        template: app.template.name.clone(),
        directory,
        tenant_url: app.tenant_url.to_string(),
        has_token: app.has_secret,
        scope: app.scope.to_string(),
        state: if app.enabled { "on" } else { "off" }.into(),
        assignments,
        settings: serde_json::to_value(&app.settings).unwrap_or_default(),
    })
}

pub(super) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "user",
        Kind::Group => "group",
    }
}

/// Where an app stands, as shown.
pub(crate) fn status(on: &mut Snapshot<'_>, app: &App, now: Timestamp) -> Result<shape::Status, AdminError> {
    let status = status::get(on, app, now)?;
    Ok(shape::Status {
        app: app.name.clone(),
        state: status.state.as_str().into(),
        cycle: status.cycle.as_ref().map(|cycle| shape::Cycle {
            phase: status.phase.map(str::to_owned),
            eta_seconds: status.eta.and_then(|eta| u64::try_from(eta.as_secs()).ok()),
            ..describe_cycle(cycle)
        }),
        last_cycle: status.last_cycle.as_ref().map(describe_cycle),
        counts: counts(&status.counts),
        steady_since: status.steady_since.map(Into::into),
        next_run_at: status.next_run.map(Into::into),
        last_reachable_at: status.reachable.map(Into::into),
        paused_until: status.paused.map(Into::into),
        unreachable: unreachable(status.heart),
        credential_expires_at: status.expires.map(Into::into),
        held: status.held.map(|(since, text)| shape::HeldCreates {
            waiting: status.counts.held,
            since: since.into(),
            text,
        }),
        quarantine: status.stopped.map(|stop| shape::Quarantine {
            reason: stop.code,
            text: stop.text,
            since: stop.since.into(),
            tries: stop.tries,
            next_try_at: stop.ended.is_none().then(|| stop.next.into()),
            request: stop.request,
            answer: stop.answer,
        }),
        escrows: status.escrows,
        parked: status.parked,
        linked_users: status.linked.0,
        linked_groups: status.linked.1,
        notification: (status.mail.count > 0)
            .then_some(shape::Notification { waiting: status.mail.count, error: status.mail.error }),
    })
}

/// Probes that fail.
fn unreachable(heart: Heart) -> Option<shape::Unreachable> {
    let (at, text) = heart.tried.zip(heart.text)?;
    (heart.failed > 0).then(|| shape::Unreachable { at: at.into(), failed: heart.failed, text })
}

pub(super) fn counts(counts: &Counts) -> shape::Counts {
    shape::Counts {
        create: counts.create,
        update: counts.update,
        disable: counts.disable,
        enable: counts.enable,
        delete: counts.delete,
        in_sync: counts.in_sync,
        out_of_scope: counts.out_of_scope,
        failed: counts.failed,
        staged: counts.staged,
        held: counts.held,
    }
}

/// A cycle in the shape that is printed.
#[must_use]
pub fn describe_cycle(cycle: &Cycle) -> shape::Cycle {
    shape::Cycle {
        id: cycle.id.to_string(),
        kind: match cycle.kind {
            CycleKind::Initial => "initial",
            CycleKind::Incremental => "incremental",
            CycleKind::OnDemand => "on_demand",
        }
        .into(),
        phase: None,
        began_at: cycle.began.into(),
        ended_at: cycle.ended.map(Into::into),
        done: cycle.done,
        planned: cycle.planned,
        eta_seconds: None,
        counts: counts(&cycle.counts),
        requests: cycle.requests,
        writes: cycle.writes,
    }
}

/// A plan in the shape that is printed.
#[must_use]
pub fn describe_plan(app: &App, plan: &Plan) -> plan_shape::Plan {
    plan_shape::Plan {
        app: app.name.clone(),
        created_at: plan.at.into(),
        counts: counts(&plan.counts),
        items: plan.items.iter().map(item).collect(),
    }
}

/// What would happen to one object, as shown.
pub(super) fn item(item: &Item) -> plan_shape::Item {
    let shown = |value: &serde_json::Value, redacted: bool| match value {
        serde_json::Value::Null => serde_json::Value::Null,
        _ if redacted => "[Redact]".into(),
        value => value.clone(),
    };
    plan_shape::Item {
        object: plan_shape::Object {
            kind: word(item.kind).into(),
            id: item.id.0.to_string(),
            name: item.name.clone(),
        },
        action: item.action.as_str().into(),
        reason: plan_shape::Reason { code: item.reason.0.clone(), text: item.reason.1.clone() },
        target_id: item.target.clone(),
        changes: item
            .changes
            .iter()
            .map(|change| plan_shape::Change {
                attribute: change.path.to_string(),
                old: shown(&change.old, change.redacted),
                new: shown(&change.new, change.redacted),
                redacted: change.redacted,
            })
            .collect(),
        members: plan_shape::Members { add: item.members.0, remove: item.members.1 },
        warnings: item.warnings.clone(),
    }
}
