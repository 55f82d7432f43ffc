//! Users and groups of a directory: found by any of their names, listed, shown. What changes them stands in `user` and `group`.

use std::sync::Arc;

use usher_api::List;
use usher_directory::{
    DirectoryId, Key, Kind, ObjectId,
    config::{Configs, DirectoryConfig},
    object::{self, Stored},
    query::{self, From, QueryPlan},
};
use usher_scim::{Filter, Tolerance, filter::Unknown};
use usher_store::Snapshot;

use crate::{Actor, Admin, AdminError, Answer, PAGE, directory, group, record, request, user};

/// A directory made ready for a request.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) config: Arc<DirectoryConfig>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

impl Place {
    /// The directory of that name.
    pub(crate) fn find(
        on: &mut Snapshot<'_>,
        configs: &Configs,
        name: &str,
        kind: Kind,
    ) -> Result<Self, AdminError> {
        let (id, name) = directory::named(on, name)?;
        let config = configs.get(on, id)?.ok_or_else(|| directory::gone(&name))?;
        Ok(Self { config, name, kind })
    }

    pub(crate) fn id(&self) -> DirectoryId {
        self.config.id
    }

    /// `user` or `group`.
    pub(crate) fn word(&self) -> &'static str {
        word(self.kind)
    }
}

/// `user` or `group`.
pub(crate) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "user",
        Kind::Group => "group",
    }
}

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::Object) -> Result<Answer, AdminError> {
    use request::ObjectAct as A;
    let kind = record::kind(&request.kind)?;
    let (configs, directory) = (admin.configs.clone(), request.directory);
    match request.act {
        A::List { filter, deleted, after, limit } => admin.read(move |on| {
            let place = Place::find(on, &configs, &directory, kind)?;
            let after = after.as_deref().map(cursor).transpose()?;
            let most = limit.unwrap_or(PAGE);
            match (&filter, deleted) {
                (None, false) => all(on, &place, after, most),
                (Some(filter), false) => filtered(on, &place, filter, after, most),
                (filter, true) => gone(on, &place, filter.as_deref(), after, most),
            }
        }),
        A::Show { name } => admin.read(move |on| {
            let place = Place::find(on, &configs, &directory, kind)?;
            let stored = find(on, &place, &name, Which::Any)?;
            shown(on, &place, &stored).map(Answer::Object)
        }),
        A::Members { name, after, limit } => admin.read(move |on| {
            let place = Place::find(on, &configs, &directory, kind)?;
            group::members(on, &place, &name, after.as_deref().map(cursor).transpose()?, limit)
        }),
        A::AddMembers { name, members } => {
            group::change(admin, actor, (directory, kind), name, members, true)
        }
        A::RemoveMembers { name, members } => {
            group::change(admin, actor, (directory, kind), name, members, false)
        }
        A::Protect { name, off } => user::protect(admin, actor, directory, kind, (name, off)),
        act => user::change(admin, actor, directory, kind, act),
    }
}

pub(crate) fn cursor(text: &str) -> Result<Key, AdminError> {
    text.parse()
        .map(Key)
        .map_err(|_| AdminError::new("invalid_cursor", "that is no cursor of this list; begin without one"))
}

/// A page of resources; the cursor is the last one's key where more may follow.
fn page(
    place: &Place,
    found: &[Stored],
    next: Option<Key>,
    total: Option<u64>,
) -> Result<Answer, AdminError> {
    let items = found.iter().map(|stored| resource(place, stored)).collect::<Result<_, _>>()?;
    Ok(Answer::Objects(List { items, next: next.map(|key| key.0.to_string()), total }))
}

fn last(found: &[Stored], most: usize) -> Option<Key> {
    found.last().filter(|_| found.len() == most).map(|last| last.key)
}

fn all(on: &mut Snapshot<'_>, place: &Place, after: Option<Key>, most: usize) -> Result<Answer, AdminError> {
    let found = object::walk(on, place.id(), place.kind, after, most, true)?;
    let total = object::count(on, place.id(), place.kind)?.unsigned_abs();
    page(place, &found, last(&found, most), Some(total))
}

fn parse(filter: &str) -> Result<Filter, AdminError> {
    let read = Filter::read(filter, Tolerance::Tolerant);
    read.map(|(filter, _)| filter).map_err(|error| {
        AdminError::new("invalid_filter", format!("the filter {filter} can't be read: {error}"))
            .hint("A filter is, for example, title eq \"Boss\" and active eq true")
    })
}

fn filtered(
    on: &mut Snapshot<'_>,
    place: &Place,
    filter: &str,
    after: Option<Key>,
    most: usize,
) -> Result<Answer, AdminError> {
    let plan = QueryPlan::new(&place.config, place.kind, Some(&parse(filter)?))
        .map_err(|error| AdminError::new("invalid_filter", error.detail))?;
    let from = after.map_or(From::Index(1), |key| From::After { key, total: 0 });
    let count = u32::try_from(most).unwrap_or(u32::MAX);
    let found = query::page(on, &place.config, &plan, from, count)?;
    let next = found.last.filter(|_| found.more);
    page(place, &found.objects, next, after.is_none().then_some(found.total))
}

/// Soft-deleted ones, which no query finds.
fn gone(
    on: &mut Snapshot<'_>,
    place: &Place,
    filter: Option<&str>,
    mut after: Option<Key>,
    most: usize,
) -> Result<Answer, AdminError> {
    let of = place.config.resource_type(place.kind);
    let matching = match filter {
        Some(filter) => Some(
            parse(filter)?
                .compile(of, Unknown::Refused, Tolerance::Tolerant)
                .map_err(|error| AdminError::new("invalid_filter", error.detail))?,
        ),
        None => None,
    };
    let mut found = Vec::new();
    loop {
        let block = object::gone(on, place.id(), place.kind, after, PAGE)?;
        for stored in &block {
            let fits = match &matching {
                Some(matching) => matching.matches(&stored.resource(of)?),
                None => true,
            };
            if fits {
                found.push(stored.clone());
            }
            if found.len() == most {
                return page(place, &found, Some(stored.key), None);
            }
        }
        after = block.last().map(|last| last.key);
        if block.len() < PAGE {
            return page(place, &found, None, None);
        }
    }
}

/// The resource, with the time of a soft-deletion.
pub(crate) fn resource(place: &Place, stored: &Stored) -> Result<serde_json::Value, AdminError> {
    let mut resource = stored.resource(place.config.resource_type(stored.kind))?;
    if let Some(deleted) = stored.deleted {
        resource.insert("deleted".into(), usher_api::Time(deleted).to_string().into());
    }
    Ok(resource.into())
}

/// The resource with its groups or members (the first 1,000), and the sources it comes from.
pub(crate) fn shown(
    on: &mut Snapshot<'_>,
    place: &Place,
    stored: &Stored,
) -> Result<serde_json::Value, AdminError> {
    let links = match stored.kind {
        Kind::User => {
            object::groups_of(on, place.id(), &[stored.key])?.into_iter().map(|(_, link)| link).collect()
        }
        Kind::Group => object::members_of(on, place.id(), stored.key, None, 1_000)?,
    };
    let links: Vec<serde_json::Value> =
        links.into_iter().map(|link| serde_json::json!({"value": link.id.0, "display": link.name})).collect();
    let sources: Vec<String> = usher_sources::held::holders(on, place.id(), stored.key)?
        .into_iter()
        .map(|holder| holder.source)
        .collect();
    let mut resource = resource(place, stored)?;
    resource[if stored.kind == Kind::User { "groups" } else { "members" }] = links.into();
    if !sources.is_empty() {
        resource["sources"] = sources.into();
    }
    Ok(resource)
}

/// Among whom a name is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those who are there.
    Live,
    /// Those who are soft-deleted.
    Gone,
    /// Both; those who are there first.
    Any,
}

impl Which {
    fn has(self, stored: &Stored) -> bool {
        match self {
            Self::Live => stored.deleted.is_none(),
            Self::Gone => stored.deleted.is_some(),
            Self::Any => true,
        }
    }
}

/// A user or group by id, by userName or displayName, or by externalId, in this order.
pub(crate) fn find(
    on: &mut Snapshot<'_>,
    place: &Place,
    name: &str,
    which: Which,
) -> Result<Stored, AdminError> {
    match look_up(on, place, name, which)? {
        Some(found) => Ok(found),
        None => Err(missing(on, place, name, which)?),
    }
}

/// `None`: nobody has that name.
pub(crate) fn look_up(
    on: &mut Snapshot<'_>,
    place: &Place,
    name: &str,
    which: Which,
) -> Result<Option<Stored>, AdminError> {
    if let Ok(id) = name.parse()
        && let Some(found) =
            object::get(on, place.id(), ObjectId(id))?.filter(|found| found.kind == place.kind)
        && which.has(&found)
    {
        return Ok(Some(found));
    }
    let mut found = Vec::new();
    if which != Which::Gone {
        found = live_by_name(on, place, name)?;
    }
    if which != Which::Live && found.is_empty() {
        found = object::gone_by_name(on, place.id(), place.kind, name)?;
    }
    if found.is_empty() {
        found = object::objects_with_external(on, place.id(), place.kind, name)?;
        found.retain(|stored| which.has(stored));
        if which == Which::Any && found.iter().any(|stored| stored.deleted.is_none()) {
            found.retain(|stored| stored.deleted.is_none());
        }
    }
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        several => Err(ambiguous(place, name, several)),
    }
}

fn live_by_name(on: &mut Snapshot<'_>, place: &Place, name: &str) -> Result<Vec<Stored>, AdminError> {
    match place.kind {
        Kind::User => Ok(object::by_name(on, place.id(), place.kind, name)?.into_iter().collect()),
        // Several groups may have one displayName.
        Kind::Group => by_filter(on, place, "displayName", "eq", name, 10),
    }
}

fn by_filter(
    on: &mut Snapshot<'_>,
    place: &Place,
    attribute: &str,
    operator: &str,
    value: &str,
    most: u32,
) -> Result<Vec<Stored>, AdminError> {
    let Ok(filter) = Filter::parse(&format!("{attribute} {operator} {}", serde_json::Value::from(value)))
    else {
        return Ok(Vec::new());
    };
    let plan = QueryPlan::new(&place.config, place.kind, Some(&filter))?;
    Ok(query::page(on, &place.config, &plan, From::Index(1), most)?.objects)
}

fn ambiguous(place: &Place, name: &str, several: &[Stored]) -> AdminError {
    let ids: Vec<String> =
        several.iter().take(10).map(|stored| format!("{} ({})", stored.id, stored.name())).collect();
    AdminError::new("ambiguous", format!("{} {}s are called {name}", several.len(), place.word()))
        .hint(format!("Say which by its id: {}", ids.join(", ")))
}

/// There is nobody of that name; says who is nearest, or that it is the other kind of there.
fn missing(on: &mut Snapshot<'_>, place: &Place, name: &str, which: Which) -> Result<AdminError, AdminError> {
    let (word, directory) = (place.word(), &place.name);
    let other = match which {
        Which::Live => look_up(on, place, name, Which::Gone).ok().flatten(),
        Which::Gone => look_up(on, place, name, Which::Live).ok().flatten(),
        Which::Any => None,
    };
    match (which, other) {
        (Which::Live, Some(gone)) => Ok(AdminError::new(
            &format!("{word}_deleted"),
            format!("{word} {name} of {directory} is deleted"),
        )
        .hint(format!("usher {word} restore {directory} {} brings it back.", gone.id))),
        (Which::Gone, Some(_)) => {
            Ok(AdminError::new("not_deleted", format!("{word} {name} of {directory} is not deleted")))
        }
        _ => {
            let nearest = nearest(on, place, name, which)?;
            let make = match which {
                Which::Gone => format!("{word} list {directory} --deleted"),
                _ => format!("{word} create {directory} --set …"),
            };
            Ok(AdminError::missing(word, name, nearest.iter().map(Stored::name), &format!("usher {make}")))
        }
    }
}

/// Some whose names may have been meant: those that begin alike, and the first.
fn nearest(
    on: &mut Snapshot<'_>,
    place: &Place,
    name: &str,
    which: Which,
) -> Result<Vec<Stored>, AdminError> {
    if which == Which::Gone {
        return Ok(object::gone(on, place.id(), place.kind, None, PAGE)?);
    }
    let attribute = if place.kind == Kind::User { "userName" } else { "displayName" };
    let beginning: String = name.chars().take(2).collect();
    let mut found = match beginning.trim() {
        "" => Vec::new(),
        beginning => by_filter(on, place, attribute, "sw", beginning, 500)?,
    };
    found.extend(object::walk(on, place.id(), place.kind, None, PAGE, false)?);
    Ok(found)
}
