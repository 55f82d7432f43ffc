//! What a change of mapping, filter or scope would do to accounts, before it is saved: two plans, and what differs between them.

use std::collections::HashMap;

use usher_directory::Key;
use usher_store::Snapshot;

use crate::{
    app::App,
    cycle::{Counts, run},
    error::EngineError,
    link,
    plan::{Action, Item, Plan},
};

/// Whom a change touches.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Impact {
    /// Users and groups by what would happen to them; `in_sync`: taken over as they are.
    pub counts: Counts,
    /// Each of them.
    pub items: Vec<Item>,
}

impl Impact {
    /// What the plan `after` the change has and the one `before` it has not.
    pub(crate) fn between(before: Plan, after: Plan) -> Self {
        let before: HashMap<Key, Item> = before.items.into_iter().map(|item| (item.key, item)).collect();
        let mut impact = Self::default();
        for item in after.items {
            let same = before.get(&item.key).is_some_and(|was| {
                (was.action, &was.changes, was.members) == (item.action, &item.changes, item.members)
                    && was.reason.0 == item.reason.0
            });
            if same {
                continue;
            }
            let counts = &mut impact.counts;
            *match item.action {
                Action::Create => &mut counts.create,
                Action::Update => &mut counts.update,
                Action::Disable => &mut counts.disable,
                Action::Enable => &mut counts.enable,
                Action::Delete => &mut counts.delete,
                Action::Link => &mut counts.in_sync,
                // Only failures tell what to do; who is left as it is is not touched.
                Action::None if !item.warnings.is_empty() => &mut counts.failed,
                Action::None => continue,
            } += 1;
            impact.items.push(item);
        }
        impact
    }

    /// Whether anybody is touched.
    pub fn touches_anybody(&self) -> bool {
        !self.items.is_empty()
    }
}

/// Whether an app was ever started or synchronized: before that a change touches nobody.
///
/// # Errors
/// [`EngineError::Store`].
pub fn has_begun(on: &mut Snapshot<'_>, app: &App) -> Result<bool, EngineError> {
    let run = run::get(on, app.id)?;
    Ok(app.enabled || run.last.is_some() || run.cycle.is_some() || link::any(on, app.id)?)
}
