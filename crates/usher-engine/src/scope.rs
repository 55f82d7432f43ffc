//! Who is in scope, and why: source state, assignments through groups, roles, the scoping filter.

use std::collections::HashMap;

use jiff::Timestamp;
use usher_directory::{
    Key, Kind,
    object::{self, Link},
};
use usher_mapping::{
    Context, NoLookup, Value,
    scoping::{self, GROUPS},
};
use usher_scim::Object;
use usher_store::Snapshot;

use crate::{
    app::{App, ORIGINAL_NAME, Scope},
    assignment::{self, Assignment, DEFAULT_ACCESS},
    decide::{Entitled, Source},
    error::EngineError,
    given::{self, Given},
    pushed::{self, Pushed},
};

/// An object as judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its key.
    pub key: Key,
    /// As stored; `None`: gone for good.
    pub stored: Option<object::Stored>,
    /// Its document; empty when gone.
    pub doc: Object,
    /// The source's state.
    pub source: Source,
    /// Whether it is to have an account.
    pub entitled: Entitled,
    /// Its app roles, by name.
    pub roles: Vec<String>,
    /// Values that its assignments give it (users).
    pub given: Vec<Given>,
    /// What is said of its push (groups).
    pub pushed: Option<Pushed>,
    /// The groups it is directly in, id and name; only where a mapping reads them.
    pub groups: Vec<(String, String)>,
    /// The scoping filter's clauses as judged.
    pub clauses: Vec<scoping::Judged>,
}

impl Judged {
    /// Facts §1.8: unassigned, filtered out, deleted or disabled.
    pub fn is_soft_deleted(&self) -> bool {
        self.source != Source::Active || self.entitled != Entitled::Yes
    }

    /// What brackets find beside the document: `objectId`, `IsSoftDeleted`, `appRoleAssignments`, `originalUserPrincipalName`, `groups`;
    /// of a guest ([`guest`]) also `userPrincipalName` and `userName`.
    pub fn named(&self) -> Vec<(String, Value)> {
        let id = self.stored.as_ref().map_or(Value::Null, |s| Value::Text(s.id.0.to_string()));
        let name = self.doc.get("userName").and_then(|name| name.as_str());
        let mut named = vec![
            ("objectId".to_owned(), id),
            ("IsSoftDeleted".to_owned(), Value::Boolean(self.is_soft_deleted())),
            (
                "appRoleAssignments".to_owned(),
                Value::List(self.roles.iter().map(|r| role_value(r)).collect()),
            ),
            (ORIGINAL_NAME.to_owned(), name.map_or(Value::Null, Value::from)),
            (GROUPS.to_owned(), Value::list(self.groups.iter().map(|(id, name)| group_value(id, name)))),
        ];
        if let Some(name) = name.and_then(guest) {
            named.extend(
                ["userPrincipalName", "userName"].map(|of| (of.to_owned(), Value::Text(name.clone()))),
            );
        }
        named
    }
}

/// The name by which a guest is known at home, `ann@contoso.com` of `ann_contoso.com#EXT#@fabrikam.onmicrosoft.com` (facts §1.7); `None`:
/// it is no guest's name.
pub fn guest(name: &str) -> Option<String> {
    let at = name.to_ascii_uppercase().find("#EXT#@")?;
    // A domain has no underscore, an alias may have some.
    let (alias, domain) = name[..at].rsplit_once('_')?;
    (!alias.is_empty() && domain.contains('.')).then(|| format!("{alias}@{domain}"))
}

/// As RFC 7643 has it in a user's `groups`.
fn group_value(id: &str, name: &str) -> Value {
    let mut object = Object::new();
    object.insert("value".into(), id.into());
    object.insert("display".into(), name.into());
    Value::Object(object)
}

fn role_value(role: &str) -> Value {
    let mut object = Object::new();
    object.insert("value".into(), role.into());
    object.insert("displayName".into(), role.into());
    Value::Object(object)
}

/// `Guid()` and `RandomString()` give an app the same value for an object each time.
pub(crate) fn seed(app: &App, key: Key) -> Vec<u8> {
    let parts = [app.id.0, app.created.as_millisecond(), key.0];
    parts.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// Judges a block of users or groups of the app's directory; one answer for each key, in their order.
pub fn judge(
    on: &mut Snapshot<'_>,
    app: &App,
    keys: &[Key],
    now: Timestamp,
) -> Result<Vec<Judged>, EngineError> {
    let mut stored: HashMap<Key, object::Stored> =
        object::by_keys(on, app.directory, keys)?.into_iter().map(|o| (o.key, o)).collect();
    let memberships = memberships(on, app, &stored)?;
    let mut assigned = assigned(on, app, &stored, &memberships)?;
    let groups_here: Vec<Key> = stored.values().filter(|o| o.kind == Kind::Group).map(|o| o.key).collect();
    let pushed = pushed::of(on, app.id, &groups_here)?;
    let mut groups: HashMap<Key, Vec<(String, String)>> = HashMap::new();
    let reads = [Kind::User, Kind::Group].map(|kind| app.reads_groups(kind));
    for (member, group) in memberships {
        let kind = stored.get(&member).map_or(Kind::User, |o| o.kind);
        if reads[usize::from(kind == Kind::Group)] {
            groups.entry(member).or_default().push((group.id.0.to_string(), group.name));
        }
    }
    let mut judged = Vec::with_capacity(keys.len());
    for key in keys {
        let by = Assigned {
            by: assigned.remove(key).unwrap_or_default(),
            groups: groups.remove(key).unwrap_or_default(),
            pushed: pushed.get(key).copied(),
        };
        judged.push(one(app, *key, stored.remove(key), by, now)?);
    }
    Ok(judged)
}

/// The groups that users, and where their mapping reads them groups, are directly in.
fn memberships(
    on: &mut Snapshot<'_>,
    app: &App,
    stored: &HashMap<Key, object::Stored>,
) -> Result<Vec<(Key, Link)>, EngineError> {
    let too = app.reads_groups(Kind::Group);
    let mut keys: Vec<Key> = stored.values().filter(|o| o.kind == Kind::User || too).map(|o| o.key).collect();
    keys.sort_unstable();
    Ok(object::groups_of(on, app.directory, &keys)?)
}

/// What is known of an object beside itself.
struct Assigned {
    /// Its assignments by weight.
    by: Vec<Assignment>,
    groups: Vec<(String, String)>,
    pushed: Option<Pushed>,
}

fn one(
    app: &App,
    key: Key,
    stored: Option<object::Stored>,
    Assigned { by, groups, pushed }: Assigned,
    now: Timestamp,
) -> Result<Judged, EngineError> {
    let mut roles: Vec<String> = by.iter().map(|a| a.role.clone()).collect();
    roles.sort_unstable();
    roles.dedup();
    let source = match &stored {
        None => Source::Purged,
        Some(o) if o.deleted.is_some() => Source::Deleted,
        Some(o) if o.kind == Kind::User && !o.active => Source::Disabled,
        Some(_) => Source::Active,
    };
    let doc = stored.as_ref().map(object::Stored::object).transpose()?.unwrap_or_default();
    let default_only = !app.template.roles.is_empty() && roles.iter().all(|r| r == DEFAULT_ACCESS);
    let kind = stored.as_ref().map_or(Kind::User, |o| o.kind);
    let entitled = match app.scope {
        _ if pushed.is_some() => match pushed.map(|p| p.state) {
            Some(pushed::State::Paused) => Entitled::Paused,
            Some(pushed::State::Off) => Entitled::Unassigned,
            _ => Entitled::Yes,
        },
        Scope::All => Entitled::Yes,
        Scope::Assigned if roles.is_empty() => Entitled::Unassigned,
        Scope::Assigned if default_only && app.settings.exclude_default_access && kind == Kind::User => {
            Entitled::OnlyDefaultAccess
        }
        Scope::Assigned => Entitled::Yes,
    };
    let given = if kind == Kind::User { given::first(&by) } else { Vec::new() };
    let mut judged =
        Judged { key, stored, doc, source, entitled, roles, given, pushed, groups, clauses: Vec::new() };
    if judged.source == Source::Active && judged.entitled == Entitled::Yes {
        filter(app, &mut judged, kind, now);
    }
    Ok(judged)
}

/// An object as it would be judged at another time, with nothing else changed.
pub(crate) fn at(app: &App, judged: &Judged, kind: Kind, at: Timestamp) -> Judged {
    let mut then = judged.clone();
    let by_filter = matches!(then.entitled, Entitled::Yes | Entitled::FilteredOut | Entitled::Undecided);
    if then.source == Source::Active && by_filter {
        then.entitled = Entitled::Yes;
        filter(app, &mut then, kind, at);
    }
    then
}

fn filter(app: &App, judged: &mut Judged, kind: Kind, now: Timestamp) {
    let scoping = &app.mapping(kind).scoping;
    if scoping.groups.is_empty() {
        return;
    }
    let named = judged.named();
    let seed = seed(app, judged.key);
    let mut lookup = NoLookup;
    let cx = Context { named: &named, seed: &seed, ..Context::new(&judged.doc, &mut lookup, now) };
    let decision = scoping.judge(&cx);
    if decision.problem.is_some() {
        judged.entitled = Entitled::Undecided;
    } else if !decision.holds {
        judged.entitled = Entitled::FilteredOut;
    }
    judged.clauses = decision.clauses;
}

/// The assignments of each object by their weight: its own and, for users, those of the groups it is in: directly, or at any depth
/// where the assignment counts groups in groups. Its own come first, then by priority, then the older.
fn assigned(
    on: &mut Snapshot<'_>,
    app: &App,
    stored: &HashMap<Key, object::Stored>,
    memberships: &[(Key, Link)],
) -> Result<HashMap<Key, Vec<Assignment>>, EngineError> {
    let mut found: HashMap<Key, Vec<Assignment>> = HashMap::new();
    if stored.is_empty() {
        return Ok(found);
    }
    let mut keys: Vec<Key> = stored.keys().copied().collect();
    keys.sort_unstable();
    for a in assignment::of(on, app.id, &keys)? {
        found.entry(a.object).or_default().push(a);
    }
    for (member, through) in through_groups(on, app, stored, memberships)? {
        found.entry(member).or_default().push(through);
    }
    for (object, by) in &mut found {
        by.sort_by(|a, b| {
            let weight = |a: &Assignment| (a.object != *object, a.priority, a.since, a.object);
            weight(a).cmp(&weight(b)).then_with(|| a.role.cmp(&b.role))
        });
    }
    Ok(found)
}

/// Assignments of groups, each with a user who is in the group. Soft-deleted groups are in no membership.
fn through_groups(
    on: &mut Snapshot<'_>,
    app: &App,
    stored: &HashMap<Key, object::Stored>,
    memberships: &[(Key, Link)],
) -> Result<Vec<(Key, Assignment)>, EngineError> {
    let mut users: Vec<Key> = stored.values().filter(|o| o.kind == Kind::User).map(|o| o.key).collect();
    users.sort_unstable();
    // A group by itself gives nothing to the groups in it.
    let mut ways: Vec<(Key, Key, bool)> = memberships
        .iter()
        .filter(|(member, _)| users.binary_search(member).is_ok())
        .map(|(member, group)| (*member, group.key, true))
        .collect();
    if assignment::any_nested(on, app.id)? {
        let all = object::all_groups_of(on, app.directory, &users)?;
        ways = all.into_iter().map(|(member, group, direct)| (member, group.key, direct)).collect();
    }
    let mut groups: Vec<Key> = ways.iter().map(|(_, group, _)| *group).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut by_group: HashMap<Key, Vec<Assignment>> = HashMap::new();
    for a in assignment::of(on, app.id, &groups)? {
        by_group.entry(a.object).or_default().push(a);
    }
    let mut found = Vec::new();
    for (member, group, direct) in ways {
        let of = by_group.get(&group).into_iter().flatten().filter(|a| direct || a.nested);
        found.extend(of.map(|a| (member, a.clone())));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_known_by_the_name_of_home() {
        let home = |name| guest(name).unwrap_or_default();
        assert_eq!(home("ann_contoso.com#EXT#@fabrikam.onmicrosoft.com"), "ann@contoso.com");
        assert_eq!(home("ann_van_lee_contoso.com#ext#@fabrikam.com"), "ann_van_lee@contoso.com");
        for name in
            ["ann@contoso.com", "ann#EXT#@fabrikam.com", "_contoso.com#EXT#@fabrikam.com", "ann_x#EXT#@f.com"]
        {
            assert_eq!(guest(name), None, "{name}");
        }
    }
}
