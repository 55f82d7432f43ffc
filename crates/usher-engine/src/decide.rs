//! What is to be done with an object: one pure function over its link, the source's state and its scope.
//!
//! The table is facts §1.6 (Entra's, for SCIM), with Usher's leaver policy in its lower half.

use usher_directory::Kind;

use crate::{
    flaw::{self, Flaw},
    settings::{LeaverPolicy, Leaving},
};

/// What is known of the object at the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// Nothing.
    No,
    /// A create was noted and perhaps sent; its answer never came.
    Noted,
    /// A target is linked and kept in step.
    Active,
    /// It left; the target is linked and disabled.
    Left,
    /// It left; the target is linked and was left as it is.
    Loose,
}

/// The source's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// There, and active.
    Active,
    /// There, not active.
    Disabled,
    /// Soft-deleted.
    Deleted,
    /// Gone for good.
    Purged,
}

/// Whether it is to have an account (a group: to be there).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entitled {
    /// Yes.
    Yes,
    /// No assignment leads to it.
    Unassigned,
    /// Only *Default Access*, which this app leaves out.
    OnlyDefaultAccess,
    /// The scoping filter does not hold.
    FilteredOut,
    /// The scoping filter could not be judged: a regular expression gave up on a value.
    Undecided,
    /// A group whose push is paused.
    Paused,
}

/// Why somebody leaves. Numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Cause {
    Unassigned = 1,
    FilteredOut = 2,
    Disabled = 3,
    Deleted = 4,
    Purged = 5,
}

impl Cause {
    /// A sentence for logs and plans.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unassigned => "is not assigned any longer",
            Self::FilteredOut => "does not pass the scoping filter any longer",
            Self::Disabled => "is disabled in the directory",
            Self::Deleted => "is deleted in the directory",
            Self::Purged => "is gone from the directory",
        }
    }
}

/// Why nothing is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Not in scope, never was (`NotEffectivelyEntitled`).
    NotEntitled(Entitled),
    /// Not active in the directory: disabled users are not provisioned (`NotEffectivelyEntitled`).
    Inactive,
    /// It left before and nothing more is to follow (`EntrySynchronizationSkipped`).
    LeftBefore,
    /// The mapping of its kind or the object action is switched off (`EntrySynchronizationSkipped`).
    SwitchedOff,
    /// Nobody can say whether it is in scope, so it neither gets nor loses anything (`EntrySynchronizationSkipped`).
    Undecided,
    /// Its push is paused: nothing of it is sent (`EntrySynchronizationSkipped`).
    Paused,
    /// Neither in the directory nor linked.
    Unknown,
}

impl Reason {
    /// The field's code (facts §5.3).
    pub fn code(self) -> &'static str {
        match self {
            Self::NotEntitled(_) | Self::Inactive => "NotEffectivelyEntitled",
            Self::LeftBefore | Self::SwitchedOff | Self::Undecided | Self::Paused | Self::Unknown => {
                "EntrySynchronizationSkipped"
            }
        }
    }
    /// A sentence for logs and plans.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotEntitled(Entitled::OnlyDefaultAccess) => {
                "holds only Default Access; an app role would include it"
            }
            Self::NotEntitled(Entitled::FilteredOut) => "does not pass the scoping filter",
            Self::NotEntitled(_) => "is not assigned to the application",
            Self::Inactive => "is not active in the directory",
            Self::LeftBefore => "left before; the account is disabled or let go",
            Self::SwitchedOff => "is not provisioned: its mapping or action is switched off",
            Self::Undecided => {
                "is left as it is: a regular expression of the scoping filter takes too long on a value; make it simpler"
            }
            Self::Paused => "is left as it is: its push is paused",
            Self::Unknown => "is not in the directory",
        }
    }
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Skip(Reason),
    /// Look for it in the app; take over what is found, else create (if `create`).
    Provision {
        /// Whether the create action is on.
        create: bool,
    },
    /// Send what differs.
    Update,
    /// Back again: the same record is enabled and its memberships are sent again.
    Enable,
    /// It leaves.
    Leave(Cause, Leaving),
    /// Nothing is to follow at the app; the link goes.
    Forget,
}

/// What the app and its configuration allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Users or groups.
    pub kind: Kind,
    /// The mapping of this kind is on.
    pub enabled: bool,
    /// The create action.
    pub create: bool,
    /// The update action (a disable is an update).
    pub update: bool,
    /// The delete action, and the app can really delete.
    pub delete: bool,
    /// The leaver policy.
    pub policy: LeaverPolicy,
}

/// Decides.
pub fn decide(linked: Linked, source: Source, entitled: Entitled, rules: &Rules) -> Act {
    if !rules.enabled {
        return Act::Skip(Reason::SwitchedOff);
    }
    if source == Source::Active && entitled == Entitled::Undecided {
        return Act::Skip(Reason::Undecided);
    }
    if entitled == Entitled::Paused {
        return Act::Skip(Reason::Paused);
    }
    let Some(cause) = leaving(source, entitled) else {
        return present(linked, rules);
    };
    if cause == Cause::Disabled && flaw::is_on(Flaw::LeaverLost) {
        return Act::Skip(Reason::LeftBefore);
    }
    match (linked, how(cause, rules)) {
        (Linked::No, _) => Act::Skip(match source {
            Source::Purged => Reason::Unknown,
            Source::Disabled | Source::Deleted => Reason::Inactive,
            Source::Active => Reason::NotEntitled(entitled),
        }),
        // Whether there is anything to leave is found out by looking for it.
        (Linked::Noted | Linked::Active | Linked::Loose, Leaving::DeleteAfter(_)) => {
            Act::Leave(cause, Leaving::Disable)
        }
        // Its day has not come; when it has, the policy says delete.
        (Linked::Left, Leaving::DeleteAfter(_)) => Act::Skip(Reason::LeftBefore),
        (Linked::Noted, how) => Act::Leave(cause, how),
        (Linked::Active, how) | (Linked::Loose, how @ Leaving::Disable) => Act::Leave(cause, how),
        (Linked::Left | Linked::Loose, Leaving::Delete) => Act::Leave(cause, Leaving::Delete),
        (Linked::Left | Linked::Loose, _) if cause == Cause::Purged => Act::Forget,
        (Linked::Left | Linked::Loose, _) => Act::Skip(Reason::LeftBefore),
    }
}

/// In scope and active.
fn present(linked: Linked, rules: &Rules) -> Act {
    match linked {
        Linked::No if !rules.create && !rules.update => Act::Skip(Reason::SwitchedOff),
        Linked::No | Linked::Noted => Act::Provision { create: rules.create },
        _ if !rules.update => Act::Skip(Reason::SwitchedOff),
        Linked::Active => Act::Update,
        Linked::Left | Linked::Loose => Act::Enable,
    }
}

/// The weightiest cause, if it is to leave at all.
pub(crate) fn leaving(source: Source, entitled: Entitled) -> Option<Cause> {
    match (source, entitled) {
        (Source::Purged, _) => Some(Cause::Purged),
        (Source::Deleted, _) => Some(Cause::Deleted),
        (Source::Disabled, _) => Some(Cause::Disabled),
        (Source::Active, Entitled::Unassigned | Entitled::OnlyDefaultAccess) => Some(Cause::Unassigned),
        (Source::Active, Entitled::FilteredOut) => Some(Cause::FilteredOut),
        (Source::Active, Entitled::Yes | Entitled::Undecided | Entitled::Paused) => None,
    }
}

fn how(cause: Cause, rules: &Rules) -> Leaving {
    if rules.kind == Kind::Group {
        // A group can't be disabled: it is deleted when its source is, and else left as it is.
        return match cause {
            Cause::Deleted | Cause::Purged if rules.delete => Leaving::Delete,
            _ => Leaving::Nothing,
        };
    }
    match rules.policy.of(cause) {
        Leaving::Delete if rules.delete => Leaving::Delete,
        Leaving::DeleteAfter(days) if rules.delete && rules.update => Leaving::DeleteAfter(days),
        // Where an app can't delete, nobody keeps access for it.
        Leaving::Delete | Leaving::DeleteAfter(_) | Leaving::Disable if rules.update => Leaving::Disable,
        _ => Leaving::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            kind: Kind::User,
            enabled: true,
            create: true,
            update: true,
            delete: true,
            policy: LeaverPolicy::default(),
        }
    }

    /// Facts §1.6, row by row.
    #[test]
    fn the_table() {
        use Entitled::{FilteredOut, Unassigned, Undecided, Yes};
        use Leaving::{Delete, Disable};
        use Linked::{Active, Left, No};
        use Source::{Deleted, Disabled, Purged};
        let inactive = Act::Skip(Reason::Inactive);
        let rows = [
            (No, Source::Active, Yes, Act::Provision { create: true }),
            (No, Disabled, Yes, inactive),
            (No, Disabled, Unassigned, inactive),
            (No, Deleted, Yes, inactive),
            (No, Source::Active, Unassigned, Act::Skip(Reason::NotEntitled(Unassigned))),
            (No, Source::Active, FilteredOut, Act::Skip(Reason::NotEntitled(FilteredOut))),
            (Active, Source::Active, Yes, Act::Update),
            (Active, Source::Active, Unassigned, Act::Leave(Cause::Unassigned, Disable)),
            (Active, Source::Active, Entitled::OnlyDefaultAccess, Act::Leave(Cause::Unassigned, Disable)),
            (Active, Source::Active, FilteredOut, Act::Leave(Cause::FilteredOut, Disable)),
            (Active, Disabled, Yes, Act::Leave(Cause::Disabled, Disable)),
            (Active, Deleted, Yes, Act::Leave(Cause::Deleted, Disable)),
            (Active, Purged, Unassigned, Act::Leave(Cause::Purged, Delete)),
            // Restored, re-enabled or assigned again.
            (Left, Source::Active, Yes, Act::Enable),
            // Left before: nothing more until it is purged.
            (Left, Disabled, Yes, Act::Skip(Reason::LeftBefore)),
            (Left, Source::Active, Unassigned, Act::Skip(Reason::LeftBefore)),
            (Left, Purged, Unassigned, Act::Leave(Cause::Purged, Delete)),
            (No, Source::Active, Undecided, Act::Skip(Reason::Undecided)),
            (Active, Source::Active, Undecided, Act::Skip(Reason::Undecided)),
            // Whoever is gone leaves, whatever the filter says.
            (Active, Disabled, Undecided, Act::Leave(Cause::Disabled, Disable)),
            (No, Purged, Unassigned, Act::Skip(Reason::Unknown)),
        ];
        for (linked, source, entitled, expected) in rows {
            assert_eq!(
                decide(linked, source, entitled, &rules()),
                expected,
                "{linked:?} {source:?} {entitled:?}"
            );
        }
    }

    #[test]
    fn where_the_app_cannot_delete_the_purged_are_disabled_and_their_links_go() {
        let rules = Rules { delete: false, ..rules() };
        let purged = |linked| decide(linked, Source::Purged, Entitled::Unassigned, &rules);
        assert_eq!(purged(Linked::Active), Act::Leave(Cause::Purged, Leaving::Disable));
        assert_eq!(purged(Linked::Left), Act::Forget);
    }

    #[test]
    fn object_actions_are_honoured() {
        let no_create = Rules { create: false, ..rules() };
        let present = |linked, rules: &Rules| decide(linked, Source::Active, Entitled::Yes, rules);
        assert_eq!(present(Linked::No, &no_create), Act::Provision { create: false });
        let no_update = Rules { update: false, ..rules() };
        assert_eq!(present(Linked::No, &no_update), Act::Provision { create: true });
        assert_eq!(present(Linked::Active, &no_update), Act::Skip(Reason::SwitchedOff));
        let gone = decide(Linked::Active, Source::Disabled, Entitled::Yes, &no_update);
        assert_eq!(gone, Act::Leave(Cause::Disabled, Leaving::Nothing), "a disable is an update");
        let off = Rules { enabled: false, ..rules() };
        assert_eq!(
            decide(Linked::Active, Source::Purged, Entitled::Yes, &off),
            Act::Skip(Reason::SwitchedOff)
        );
    }

    #[test]
    fn the_policy_decides_by_cause() {
        let mut rules = rules();
        rules.policy.unassigned = Leaving::Nothing;
        rules.policy.disabled = Leaving::Delete;
        let act = |linked, source, entitled| decide(linked, source, entitled, &rules);
        let let_go = act(Linked::Active, Source::Active, Entitled::Unassigned);
        assert_eq!(let_go, Act::Leave(Cause::Unassigned, Leaving::Nothing));
        // Let go as it was, then deleted in the directory: now it is disabled after all.
        let deleted = act(Linked::Loose, Source::Deleted, Entitled::Unassigned);
        assert_eq!(deleted, Act::Leave(Cause::Deleted, Leaving::Disable));
        assert_eq!(
            act(Linked::Left, Source::Disabled, Entitled::Yes),
            Act::Leave(Cause::Disabled, Leaving::Delete),
            "the weightier cause applies to who left before"
        );
        assert_eq!(act(Linked::Loose, Source::Active, Entitled::Yes), Act::Enable);
    }

    #[test]
    fn a_delete_that_waits_is_a_disable_first_and_a_delete_when_its_day_has_come() {
        let days = |days: u16| crate::settings::days_long(days);
        let policy = LeaverPolicy { unassigned: Leaving::DeleteAfter(30), ..LeaverPolicy::default() };
        let act = |linked, policy, delete| {
            decide(linked, Source::Active, Entitled::Unassigned, &Rules { policy, delete, ..rules() })
        };
        let disable = Act::Leave(Cause::Unassigned, Leaving::Disable);
        assert_eq!((act(Linked::Active, policy, true), act(Linked::Loose, policy, true)), (disable, disable));
        let waits = Act::Skip(Reason::LeftBefore);
        assert_eq!(act(Linked::Left, policy.after(days(29)), true), waits);
        let delete = Act::Leave(Cause::Unassigned, Leaving::Delete);
        assert_eq!(act(Linked::Left, policy.after(days(30)), true), delete);
        assert_eq!(act(Linked::Left, policy.after(days(30)), false), waits, "the app can't delete");
        // Whoever is gone meanwhile is not forgotten before that.
        let purged = Rules { policy: LeaverPolicy { purged: Leaving::DeleteAfter(7), ..policy }, ..rules() };
        assert_eq!(decide(Linked::Left, Source::Purged, Entitled::Unassigned, &purged), waits);
    }

    #[test]
    fn groups_are_deleted_with_their_source_and_else_left() {
        let rules = Rules { kind: Kind::Group, ..rules() };
        let act = |source, entitled| decide(Linked::Active, source, entitled, &rules);
        assert_eq!(
            act(Source::Active, Entitled::Unassigned),
            Act::Leave(Cause::Unassigned, Leaving::Nothing)
        );
        assert_eq!(act(Source::Deleted, Entitled::Yes), Act::Leave(Cause::Deleted, Leaving::Delete));
        assert_eq!(act(Source::Purged, Entitled::Yes), Act::Leave(Cause::Purged, Leaving::Delete));
    }

    #[test]
    fn a_noted_create_is_looked_for_before_anything_else() {
        let act = |source| decide(Linked::Noted, source, Entitled::Yes, &rules());
        assert_eq!(act(Source::Active), Act::Provision { create: true });
        assert_eq!(act(Source::Disabled), Act::Leave(Cause::Disabled, Leaving::Disable));
    }
}
