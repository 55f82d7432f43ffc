//! An app's mappings: what holds when one is saved, their golden cases, and what regular expressions decide of people.

use jiff::Timestamp;
use usher_directory::{Key, Kind, config::DirectoryConfig, object};
use usher_mapping::{
    Context, Known, NoLookup, ObjectMapping, Value,
    exchange::Side,
    mapping::{Failed, MappingError},
    scoping::{Anchor, Clause, GROUPS, Group, ScopeOperator},
};
use usher_scim::{AttributePath, ResourceType};
use usher_store::{Snapshot, Sql, Tx};

use crate::{
    app::{App, NAMED, ORIGINAL_NAME},
    cycle::walk,
    error::EngineError,
    gallery::Template,
};

const SET_USERS: Sql = Sql::same("update app set user_map = $2, version = version + 1 where id = $1");
const SET_GROUPS: Sql = Sql::same("update app set group_map = $2, version = version + 1 where id = $1");

/// Objects read at once.
const BLOCK: usize = 200;

/// What a mapping of that kind is between: the directory's type and the app's, the latter without what a mapping adds.
pub fn side<'s>(types: &'s [&'s ResourceType], target: &'s ResourceType) -> Side<'s> {
    Side { source: Known { types, named: NAMED, ..Known::default() }, target }
}

/// Sets the mapping (with its scoping filter) of a kind; everybody is looked at again. `source` is the directory's configuration.
///
/// # Errors
/// A mapping that can't be used, and golden cases that fail, are refused with [`EngineError::Mapping`].
pub fn set_mapping(
    tx: &mut Tx<'_>,
    app: &App,
    source: &DirectoryConfig,
    kind: Kind,
    mapping: &ObjectMapping,
) -> Result<(), EngineError> {
    allowed(app, source, kind, mapping)?;
    save(tx, app, kind, mapping)
}

/// Whether [`set_mapping`] takes a mapping.
///
/// # Errors
/// As it.
pub fn allowed(
    app: &App,
    source: &DirectoryConfig,
    kind: Kind,
    mapping: &ObjectMapping,
) -> Result<(), EngineError> {
    check(&app.template, source, kind, mapping)?;
    let failed = failed_cases(&app.template, source, kind, mapping);
    match failed.is_empty() {
        true => Ok(()),
        false => Err(MappingError::Cases(failed).into()),
    }
}

/// As [`set_mapping`], though golden cases may fail.
pub fn force_mapping(
    tx: &mut Tx<'_>,
    app: &App,
    source: &DirectoryConfig,
    kind: Kind,
    mapping: &ObjectMapping,
) -> Result<(), EngineError> {
    check(&app.template, source, kind, mapping)?;
    save(tx, app, kind, mapping)
}

fn save(tx: &mut Tx<'_>, app: &App, kind: Kind, mapping: &ObjectMapping) -> Result<(), EngineError> {
    let sql = match kind {
        Kind::User => SET_USERS,
        Kind::Group => SET_GROUPS,
    };
    tx.exec(&sql, &[app.id.0.into(), mapping.to_toml().to_string().into()])?;
    walk::everything(tx, app.id)?;
    tx.announce();
    Ok(())
}

/// Whether a mapping can be used: every name known, every target there, and objects can be found again by it.
pub fn check(
    template: &Template,
    source: &DirectoryConfig,
    kind: Kind,
    mapping: &ObjectMapping,
) -> Result<(), EngineError> {
    let (target, types) = (template.target(), [source.resource_type(kind)]);
    let side = side(&types, target.of(kind));
    mapping.check(&side.source, side.target)?;
    let matchers = mapping.matchers();
    let word = if kind == Kind::User { "users" } else { "groups" };
    if mapping.enabled && matchers.is_empty() {
        return Err(MappingError::Other(format!(
            "no row is a matching property, so {word} could not be found again in the app; give one match = 1"
        ))
        .into());
    }
    let filterable = template.limits.filterable(kind);
    let can = |path: &AttributePath| {
        let plain = AttributePath { filter: None, ..path.clone() }.to_string();
        filterable.iter().any(|known| known.eq_ignore_ascii_case(&plain))
    };
    match matchers.iter().find(|row| !filterable.is_empty() && !can(&row.target)) {
        Some(row) => Err(MappingError::Other(format!(
            "{} can't be a matching property: {} does not filter on it; it filters on {}",
            row.target,
            template.display_name,
            filterable.join(", ")
        ))
        .into()),
        None => Ok(()),
    }
}

/// Runs the golden cases of a mapping; gives those that fail.
pub fn failed_cases(
    template: &Template,
    source: &DirectoryConfig,
    kind: Kind,
    mapping: &ObjectMapping,
) -> Vec<Failed> {
    let (target, types) = (template.target(), [source.resource_type(kind)]);
    let side = side(&types, target.of(kind));
    let named = [
        ("IsSoftDeleted".to_owned(), Value::Boolean(false)),
        ("appRoleAssignments".to_owned(), Value::Null),
        (ORIGINAL_NAME.to_owned(), Value::Null),
        (GROUPS.to_owned(), Value::Null),
    ];
    mapping.failed_cases(&side.source, &named, side.target)
}

/// A regular expression of a scoping filter, and whom it matters for whether the whole value or a part of it must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchoring {
    /// The group's title.
    pub group: String,
    /// The clause.
    pub clause: String,
    /// How many objects of the directory were looked at.
    pub looked_at: u64,
    /// For how many of them the two differ.
    pub differ: u64,
    /// The names of the first of them.
    pub names: Vec<String>,
}

/// Looks for whom whole-value and part match differ, among the first `most` objects of the app's directory.
pub fn anchorings(
    on: &mut Snapshot<'_>,
    app: &App,
    kind: Kind,
    mapping: &ObjectMapping,
    most: usize,
    now: Timestamp,
) -> Result<Vec<Anchoring>, EngineError> {
    let mut tried: Vec<Tried> = mapping.scoping.groups.iter().flat_map(Tried::of).collect();
    if tried.is_empty() {
        return Ok(Vec::new());
    }
    let (mut after, mut looked): (Option<Key>, usize) = (None, 0);
    while looked < most {
        let block = object::walk(on, app.directory, kind, after, BLOCK.min(most - looked), false)?;
        let Some(last) = block.last() else { break };
        after = Some(last.key);
        looked += block.len();
        for stored in &block {
            let (doc, mut lookup) = (stored.object()?, NoLookup);
            let named = [("objectId".to_owned(), Value::Text(stored.id.0.to_string()))];
            let cx = Context { named: &named, ..Context::new(&doc, &mut lookup, now) };
            for clause in &mut tried {
                clause.look(&cx, stored.name());
            }
        }
    }
    Ok(tried.into_iter().map(|t| t.found).collect())
}

/// A clause both ways.
struct Tried {
    whole: Clause,
    part: Clause,
    found: Anchoring,
}

/// How many names are shown.
const NAMES: usize = 5;

impl Tried {
    fn of(group: &Group) -> Vec<Self> {
        let regex =
            |c: &&Clause| matches!(c.operator, ScopeOperator::RegexMatch | ScopeOperator::NotRegexMatch);
        let both = |clause: &Clause| {
            let text = format!("{} {} {}", clause.attribute, clause.operator, clause.values.join(", "));
            Some(Self {
                whole: clause.anchored(Anchor::Whole).ok()?,
                part: clause.anchored(Anchor::Part).ok()?,
                found: Anchoring {
                    group: group.title.clone(),
                    clause: text,
                    looked_at: 0,
                    differ: 0,
                    names: Vec::new(),
                },
            })
        };
        group.clauses.iter().filter(regex).filter_map(both).collect()
    }

    /// One that gives up on somebody's value differs from whatever the other says.
    fn look(&mut self, cx: &Context<'_>, name: &str) {
        self.found.looked_at += 1;
        let (whole, part) = (self.whole.holds(cx), self.part.holds(cx));
        if matches!((&whole, &part), (Ok(a), Ok(b)) if a == b) {
            return;
        }
        self.found.differ += 1;
        if self.found.names.len() < NAMES {
            self.found.names.push(name.to_owned());
        }
    }
}
