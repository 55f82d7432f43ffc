//! A change of mapping, filter or scope: whom it touches is shown before it is saved.

use usher_api::plan as shape;
use usher_engine::{App, app::Scope, impact};
use usher_store::Snapshot;

use super::{describe, filter, find, mapping};
use crate::{Actor, Admin, AdminError, Answer, Outcome, Work, record, request};

/// How many of those whom a change touches are shown.
const SHOWN: usize = 20;

/// A change as asked for. One that may touch somebody comes back as work: it is saved if it touches nobody, and shown otherwise. Of an app
/// that never began nobody is touched.
pub(super) fn asked(admin: &Admin, actor: &Actor, asked: request::App) -> Result<Outcome, AdminError> {
    let Some(agreed) = asked.agreed() else {
        return super::change(admin, actor, asked, None).map(Outcome::Done);
    };
    let (configs, change, actor_asking) = (admin.configs.clone(), agreed.clone(), actor.clone());
    let work = admin.read(move |on| {
        let app = find(on, name(&change))?;
        if !impact::has_begun(on, &app)? {
            return Ok(None);
        }
        let changed = Box::new(changed(on, &configs, &app, &change)?);
        let (request, actor) = (Box::new(change.clone()), actor_asking.clone());
        Ok(Some(Outcome::Work(Work::AppChange { changed, request, actor })))
    })?;
    match work {
        Some(work) => Ok(work),
        None => super::change(admin, actor, agreed, None).map(Outcome::Done),
    }
}

fn name(request: &request::App) -> &str {
    describe::noted(request).0
}

/// The app as a change would make it, checked as when it is saved.
fn changed(
    on: &mut Snapshot<'_>,
    configs: &usher_directory::config::Configs,
    app: &App,
    request: &request::App,
) -> Result<App, AdminError> {
    use request::App as R;
    let (kind, to, force) = match request {
        R::Scope { scope, .. } => return Ok(app.with_scope(scope.parse::<Scope>()?)),
        R::MappingSet { kind, target, change, force, .. } => {
            let kind = record::kind(kind)?;
            (kind, mapping::with_row(app.mapping(kind), target, change)?, *force)
        }
        R::MappingReset { kind, force, .. } => {
            let kind = record::kind(kind)?;
            (kind, mapping::of_gallery(app, kind), *force)
        }
        R::FilterAdd { kind, title, clauses, anchor, .. } => {
            let kind = record::kind(kind)?;
            (kind, filter::with_group(app.mapping(kind), title, clauses, anchor.as_deref())?, true)
        }
        R::FilterRemove { kind, title, .. } => {
            let kind = record::kind(kind)?;
            (kind, filter::without_group(app.mapping(kind), title)?, true)
        }
        _ => return Err(AdminError::new("internal", "this request changes neither mapping nor scope")),
    };
    mapping::check(on, configs, app, kind, &to, force)?;
    Ok(app.with_mapping(kind, to))
}

impl Admin {
    /// Saves a change of mapping, filter or scope that was weighed on an app of this version.
    ///
    /// # Errors
    /// [`AdminError`]: the app was changed meanwhile, is gone, or the database.
    pub fn save_change(
        &self,
        actor: &Actor,
        request: request::App,
        version: i64,
    ) -> Result<Answer, AdminError> {
        match request {
            request @ request::App::MappingImport { .. } => {
                mapping::save_import(self, actor, request, version)
            }
            request => super::change(self, actor, request, Some(version)),
        }
    }
}

/// Whom a change touches, in the shape that is printed.
#[must_use]
pub fn describe_impact(app: &App, impact: &impact::Impact) -> shape::Impact {
    let first = impact.items.iter().take(SHOWN).map(describe::item).collect();
    shape::Impact {
        app: app.name.clone(),
        counts: describe::counts(&impact.counts),
        items: first,
        more: impact.items.len().saturating_sub(SHOWN) as u64,
    }
}
