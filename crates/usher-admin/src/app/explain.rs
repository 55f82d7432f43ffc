//! One user or group: provisioned on demand, or explained.

use usher_api::{explain as shape, plan::Object};
use usher_engine::{
    App, EngineError, app as apps, assignment,
    explain::{Detail, Explanation, Stage},
};

use super::{describe::word, find};
use crate::{Actor, Admin, AdminError, Outcome, Work, audit, record};

/// Finds who is meant; for real it is noted in the audit log.
pub(super) fn provision(
    admin: &Admin,
    actor: &Actor,
    name: String,
    kind: String,
    who: String,
    dry_run: bool,
) -> Result<Outcome, AdminError> {
    if dry_run {
        return asked(admin, Some(name), kind, who);
    }
    let (kind, actor, now) = (record::kind(&kind)?, actor.clone(), admin.clock.now());
    admin.write(move |tx| {
        let app = Box::new(find(tx, &name)?);
        let object = assignment::find(tx, app.directory, kind, &who)?.key;
        let details = serde_json::json!({"kind": word(kind), "who": who});
        audit::note(tx, &actor, "app.provision", &app.name, &details, now)?;
        Ok(Outcome::Work(Work::AppProvision { app, object, actor: actor.clone() }))
    })
}

/// Of one app, or of every app whose directory has somebody of that name.
pub(super) fn asked(
    admin: &Admin,
    name: Option<String>,
    kind: String,
    who: String,
) -> Result<Outcome, AdminError> {
    let kind = record::kind(&kind)?;
    admin.read(move |on| {
        if let Some(name) = &name {
            let app = Box::new(find(on, name)?);
            let object = assignment::find(on, app.directory, kind, &who)?.key;
            return Ok(Outcome::Work(Work::AppExplain { app, object }));
        }
        let mut of = Vec::new();
        for app in apps::list(on)? {
            match assignment::find(on, app.directory, kind, &who) {
                Ok(object) => of.push((app, object.key)),
                Err(EngineError::NoObject(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if of.is_empty() {
            return Err(AdminError::new("object_not_found", format!("no app's directory has {who}")));
        }
        Ok(Outcome::Work(Work::AppsExplain { of }))
    })
}

/// The way of one user or group in the shape that is printed.
#[must_use]
pub fn describe_explanation(app: &App, found: Explanation) -> shape::Explanation {
    shape::Explanation {
        object: Object { kind: word(found.kind).into(), id: found.id.0.to_string(), name: found.name },
        app: app.name.clone(),
        at: found.at.into(),
        target_id: found.target,
        verdict: shape::Verdict {
            action: found.verdict.action.as_str().into(),
            code: found.verdict.code,
            text: found.verdict.text,
        },
        steps: found.steps.into_iter().map(step).collect(),
        sent: found.sent,
    }
}

fn step(stage: Stage) -> shape::Step {
    shape::Step {
        step: stage.step.as_str().into(),
        result: stage.result.as_str().into(),
        text: stage.text,
        details: stage.details.into_iter().map(detail).collect(),
    }
}

fn detail(detail: Detail) -> shape::Detail {
    use shape::Detail as S;
    match detail {
        Detail::Attribute { name, value } => S::Attribute { attribute: name, value },
        Detail::Condition { title, attribute, operator, value, seen, holds } => {
            S::Condition { title, attribute, operator, value, seen, holds }
        }
        Detail::Matching { attribute, value, hits } => S::Matching { attribute, value, hits: hits as u64 },
        Detail::Mapped { target, expression, value, trace } => S::Mapped { target, expression, value, trace },
        Detail::Changed { attribute, old, new, rule } => S::Changed { attribute, old, new, rule },
        Detail::Awaited { attribute, name } => S::Awaited { attribute, awaits: name },
    }
}
