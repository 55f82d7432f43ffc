//! Making, changing, disabling, deleting and restoring users and groups by hand.
//!
//! What a source says wins: attributes that it writes, and objects that it has, are refused here, naming the source. The change
//! feed carries the rest to every app, as it carries an import.

use jiff::Timestamp;
use usher_directory::{
    Kind, ObjectId,
    guard::{Guard, Intent},
    object::{self, Draft, PutError, Stored},
};
use usher_mapping::alias;
use usher_scim::{
    AttributePath, Deviation, Object, ResourceType, Tolerance, resource,
    schema::{Mutability, Type},
};
use usher_sources::held::SourcesFirst;
use usher_store::{Snapshot, Tx};

use crate::{
    Actor, Admin, AdminError, Answer,
    answer::Said,
    audit,
    object::{Place, Which, find, shown},
    request::{Edit, ObjectAct},
};

/// Not written by hand: kept elsewhere, computed, or kept nowhere.
const ELSEWHERE: [(&str, &str); 6] = [
    ("members", "members are changed with usher group add and usher group remove"),
    ("groups", "a user's groups are changed with usher group add and usher group remove"),
    ("password", "Usher keeps no passwords"),
    ("id", "the id is given by the directory and never changes"),
    ("meta", "meta is the directory's own"),
    ("schemas", "schemas follow from the attributes"),
];

pub(crate) fn change(
    admin: &Admin,
    actor: &Actor,
    directory: String,
    kind: Kind,
    act: ObjectAct,
) -> Result<Answer, AdminError> {
    let (actor, now, id) = (actor.clone(), admin.clock.now(), ObjectId(admin.clock.id()));
    let configs = admin.configs.clone();
    admin.change(move |tx| {
        let place = Place::find(tx, &configs, &directory, kind)?;
        let (operation, paths) = noted(&act);
        let was = match &act {
            ObjectAct::Create { .. } => None,
            ObjectAct::Restore { name, .. } => Some(find(tx, &place, name, Which::Gone)?),
            ObjectAct::Delete { name, hard: true } => Some(find(tx, &place, name, Which::Any)?),
            act => Some(find(tx, &place, name_of(act), Which::Live)?),
        };
        let drafts = drafts(tx, &place, &act, was.as_ref(), id, now)?;
        let mut stored = was.clone();
        for draft in &drafts {
            stored = Some(object::put(tx, place.id(), draft).map_err(|error| taken(&place, &act, error))?);
        }
        let stored = stored.ok_or_else(|| AdminError::new("internal", "nothing was to be done"))?;
        let details = serde_json::json!({"directory": place.name, "id": stored.id.0, "attributes": paths});
        let operation = format!("{}.{operation}", place.word());
        audit::note(tx, &actor, &operation, stored.name(), &details, now)?;
        match act {
            ObjectAct::Delete { hard, .. } => Ok(said(&place, &stored, hard)),
            _ => shown(tx, &place, &stored).map(Answer::Object),
        }
    })
}

/// Keeps every app of the directory from disabling, deleting or emptying a user; `off`: no longer.
pub(crate) fn protect(
    admin: &Admin,
    actor: &Actor,
    directory: String,
    kind: Kind,
    (name, off): (String, bool),
) -> Result<Answer, AdminError> {
    if kind == Kind::Group {
        return Err(AdminError::new("invalid_value", "only users can be protected"));
    }
    let (actor, now, configs) = (actor.clone(), admin.clock.now(), admin.configs.clone());
    admin.write(move |tx| {
        let place = Place::find(tx, &configs, &directory, kind)?;
        let found = find(tx, &place, &name, Which::Any)?;
        usher_engine::protected::set_everywhere(tx, place.id(), found.key, !off, now)?;
        let details = serde_json::json!({"directory": place.name, "id": found.id.0, "off": off});
        audit::note(tx, &actor, "user.protect", found.name(), &details, now)?;
        let text = match off {
            true => "is protected no longer, but in apps where it was protected by itself",
            false => "is never disabled, deleted or emptied in any app",
        };
        Ok(Answer::Said(Said { message: format!("{} {text}", found.name()) }))
    })
}

fn name_of(act: &ObjectAct) -> &str {
    match act {
        ObjectAct::Set { name, .. }
        | ObjectAct::Activate { name, .. }
        | ObjectAct::Delete { name, .. }
        | ObjectAct::Restore { name, .. }
        | ObjectAct::Show { name }
        | ObjectAct::Members { name, .. }
        | ObjectAct::AddMembers { name, .. }
        | ObjectAct::RemoveMembers { name, .. }
        | ObjectAct::Protect { name, .. } => name,
        ObjectAct::List { .. } | ObjectAct::Create { .. } => "",
    }
}

/// The audit log's word, and which attributes are written. Their values are the people's own and stay out of it.
fn noted(act: &ObjectAct) -> (&'static str, Vec<String>) {
    let paths = |edit: &Edit| {
        let named = edit.document.iter().flatten().map(|(name, _)| name.clone());
        named.chain(edit.set.iter().map(|(path, _)| path.clone())).collect()
    };
    match act {
        ObjectAct::Create { edit } => ("create", paths(edit)),
        ObjectAct::Set { edit, .. } => ("set", paths(edit)),
        ObjectAct::Activate { active: true, .. } => ("enable", Vec::new()),
        ObjectAct::Activate { active: false, .. } => ("disable", Vec::new()),
        ObjectAct::Delete { hard: false, .. } => ("delete", Vec::new()),
        ObjectAct::Delete { hard: true, .. } => ("remove", Vec::new()),
        ObjectAct::Restore { edit, .. } => ("restore", paths(edit)),
        _ => ("read", Vec::new()),
    }
}

/// What is to be stored, in order.
fn drafts(
    tx: &mut Tx<'_>,
    place: &Place,
    act: &ObjectAct,
    was: Option<&Stored>,
    id: ObjectId,
    now: Timestamp,
) -> Result<Vec<Draft>, AdminError> {
    let config = &place.config;
    let of = config.resource_type(place.kind);
    let Some(was) = was else {
        let ObjectAct::Create { edit } = act else { return Ok(Vec::new()) };
        let document = edited(tx, place, Object::new(), edit)?;
        resource::check(of, &document)?;
        return Ok(vec![Draft::create(config, place.kind, id, &document, now)?]);
    };
    let write = |tx: &mut Tx<'_>, document: &Object| -> Result<Draft, AdminError> {
        resource::check(of, document)?;
        refuse(tx, place, was, Intent::Write(document))?;
        Ok(Draft::replace(config, was, document, now)?)
    };
    match act {
        ObjectAct::Set { edit, .. } => {
            let document = edited(tx, place, was.object()?, edit)?;
            Ok(vec![write(tx, &document)?])
        }
        ObjectAct::Activate { active, .. } if place.kind == Kind::User => {
            let mut document = was.object()?;
            document.insert("active".into(), (*active).into());
            Ok(vec![write(tx, &document)?])
        }
        ObjectAct::Activate { .. } => Err(AdminError::new(
            "invalid_value",
            "a group can't be disabled; delete it, or take its members out",
        )),
        ObjectAct::Delete { hard, .. } => {
            refuse(tx, place, was, Intent::Delete)?;
            Ok(vec![if *hard {
                Draft::remove(config, was, now)?
            } else {
                Draft::mark_deleted(was, Some(now), now)
            }])
        }
        ObjectAct::Restore { edit, .. } => {
            refuse(tx, place, was, Intent::Restore)?;
            let document = edited(tx, place, was.object()?, edit)?;
            let changed = write(tx, &document)?;
            let back = Draft::mark_deleted(changed.next(), None, now);
            Ok(vec![changed, back].into_iter().filter(Draft::changes).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// What a source says wins.
pub(crate) fn refuse(
    on: &mut Snapshot<'_>,
    place: &Place,
    was: &Stored,
    intent: Intent<'_>,
) -> Result<(), AdminError> {
    match SourcesFirst.refuses(on, &place.config, was, intent)? {
        Some(why) => Err(AdminError::new("held_by_source", why)),
        None => Ok(()),
    }
}

fn taken(place: &Place, act: &ObjectAct, error: PutError) -> AdminError {
    let told = AdminError::from(error.clone());
    match (error, act) {
        (PutError::Taken { attribute, .. }, ObjectAct::Restore { name, .. }) => told.hint(format!(
            "Somebody else has got it since. Restore under another: usher {} restore {} {name} --set {attribute}=…",
            place.word(),
            place.name
        )),
        _ => told,
    }
}

fn said(place: &Place, stored: &Stored, hard: bool) -> Answer {
    let (word, name, directory) = (place.word(), stored.name(), &place.name);
    let message = if hard {
        format!("{word} {name} of {directory} is removed for good")
    } else {
        format!(
            "{word} {name} of {directory} is deleted; for 30 days usher {word} restore {directory} {} brings it back",
            stored.id
        )
    };
    Answer::Said(Said { message })
}

/// The document with what is to be written.
fn edited(
    on: &mut Snapshot<'_>,
    place: &Place,
    mut document: Object,
    edit: &Edit,
) -> Result<Object, AdminError> {
    let of = place.config.resource_type(place.kind);
    if let Some(given) = &edit.document {
        document = merged(of, &document, given)?;
    }
    for (path, text) in &edit.set {
        set(on, place, &mut document, path, text)?;
    }
    Ok(document)
}

fn merged(of: &ResourceType, document: &Object, given: &Object) -> Result<Object, AdminError> {
    for (name, why) in ELSEWHERE.iter().take(3) {
        if given.keys().any(|key| key.eq_ignore_ascii_case(name)) {
            return Err(AdminError::new("invalid_value", *why).hint(format!("Leave {name} out of the file.")));
        }
    }
    let accepted = resource::accept(of, given, Tolerance::Tolerant)?;
    // Tolerance is for clients that can't be changed: a file can.
    if let Some(unknown) = accepted
        .notes
        .iter()
        .find(|note| matches!(note.deviation, Deviation::UnknownAttribute | Deviation::UnknownSchema))
    {
        let what = unknown.text.replace(" was ignored", " is not one of a directory");
        return Err(AdminError::new("invalid_value", what));
    }
    Ok(resource::merge(of, document, accepted))
}

/// Writes one attribute.
fn set(
    on: &mut Snapshot<'_>,
    place: &Place,
    document: &mut Object,
    name: &str,
    text: &str,
) -> Result<(), AdminError> {
    let of = place.config.resource_type(place.kind);
    let first = name.split(['.', '[']).next().unwrap_or(name);
    if let Some((_, why)) = ELSEWHERE.iter().find(|(known, _)| known.eq_ignore_ascii_case(first)) {
        return Err(AdminError::new("invalid_value", *why));
    }
    let path = path(of, name)?;
    let Some(found) = of.resolve(&path) else { return Err(unknown(of, name)) };
    let leaf = found.sub.or(found.attribute);
    if [found.attribute, found.sub].iter().flatten().any(|it| it.mutability == Mutability::ReadOnly) {
        return Err(AdminError::new(
            "invalid_value",
            format!("{name} is the directory's own and can't be set"),
        ));
    }
    let value = match leaf.map(|leaf| leaf.kind) {
        _ if text.is_empty() => serde_json::Value::Null,
        Some(Type::Reference | Type::String) if is_manager(&path) => manager(on, place, text)?,
        Some(Type::Complex) if is_manager(&path) => {
            return set(on, place, document, &format!("{path}.value"), text);
        }
        Some(Type::Boolean) => match text {
            "true" | "yes" => true.into(),
            "false" | "no" => false.into(),
            _ => return Err(AdminError::word(name, text, &["true", "false"])),
        },
        Some(Type::Complex) => json(name, text)?,
        Some(Type::Integer | Type::Decimal) => json(name, text)?,
        _ if leaf.is_some_and(|leaf| leaf.multi_valued) && text.starts_with('[') => json(name, text)?,
        _ => text.into(),
    };
    resource::write(of, document, &path, value)
        .map_err(|error| AdminError::new("invalid_value", error.detail))?;
    Ok(())
}

/// A path of SCIM, or a name that administrators know from elsewhere (`mail`, `department`, `jobTitle`).
fn path(of: &ResourceType, name: &str) -> Result<AttributePath, AdminError> {
    let fits =
        |path: &AttributePath| of.resolve(path).is_some_and(|found| found.attribute.is_some() || found.open);
    let given = AttributePath::parse(name).ok().filter(fits);
    let known =
        || alias::path_ignoring_case(name).and_then(|path| AttributePath::parse(path).ok()).filter(fits);
    given.or_else(known).ok_or_else(|| unknown(of, name))
}

fn unknown(of: &ResourceType, name: &str) -> AdminError {
    let own = of.schema.attributes.iter().map(|attribute| attribute.name.as_str());
    let extended = of.extensions.iter().flat_map(|(schema, _)| &schema.attributes);
    let known = own.chain(extended.map(|attribute| attribute.name.as_str()));
    let aliases = alias::ALIASES.iter().map(|alias| alias.name);
    AdminError::missing("attribute", name, known.chain(aliases), "")
}

fn json(name: &str, text: &str) -> Result<serde_json::Value, AdminError> {
    serde_json::from_str(text).map_err(|_| {
        AdminError::new("invalid_value", format!("{name} has parts: name one of them, or give JSON")).hint(
            format!(
                "For example {name}.PART=…, or {name}[type eq \"work\"].value=… where there are several."
            ),
        )
    })
}

fn is_manager(path: &AttributePath) -> bool {
    path.name.eq_ignore_ascii_case("manager")
        && path.sub.as_deref().is_none_or(|sub| sub.eq_ignore_ascii_case("value"))
}

/// A manager is named as any user is, and kept by id.
fn manager(on: &mut Snapshot<'_>, place: &Place, text: &str) -> Result<serde_json::Value, AdminError> {
    let users = Place { kind: Kind::User, ..place.clone() };
    Ok(find(on, &users, text, Which::Live)?.id.to_string().into())
}
