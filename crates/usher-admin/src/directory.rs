//! Directories of the provisioning side, and who is in them.

use usher_api::{List, directory::Directory};
use usher_directory::{DirectoryId, Key, Kind, ObjectId, account as accounts, object};
use usher_store::Snapshot;

use crate::{Actor, Admin, AdminError, Answer, PAGE, audit, record, request};

pub(crate) fn handle(
    admin: &Admin,
    actor: &Actor,
    request: request::Directory,
) -> Result<Answer, AdminError> {
    let (actor, now) = (actor.clone(), admin.clock.now());
    match request {
        request::Directory::Create { name } => admin.write(move |tx| {
            accounts::create_directory(tx, &name, now)?;
            audit::note(tx, &actor, "directory.create", &name, &serde_json::json!({}), now)?;
            show(tx, &name).map(Answer::Directory)
        }),
        request::Directory::List => admin.read(|on| {
            let names: Vec<String> =
                accounts::list_directories(on)?.into_iter().map(|(_, name, _)| name).collect();
            let items = names.iter().map(|name| show(on, name)).collect::<Result<_, _>>()?;
            Ok(Answer::Directories(List::whole(items)))
        }),
        request::Directory::Show { name } => admin.read(move |on| show(on, &name).map(Answer::Directory)),
        request::Directory::Objects { directory, kind, after, limit } => {
            let kind = record::kind(&kind)?;
            let configs = admin.configs.clone();
            admin.read(move |on| {
                let id = find(on, &directory)?;
                let config = configs.get(on, id)?.ok_or_else(|| gone(&directory))?;
                let after = after.as_deref().map(key).transpose()?;
                let most = limit.unwrap_or(PAGE);
                let found = object::walk(on, id, kind, after, most, true)?;
                let next =
                    (found.len() == most).then(|| found.last().map(|last| last.key.0.to_string())).flatten();
                let total = object::count(on, id, kind)?.unsigned_abs();
                let items = found
                    .iter()
                    .map(|stored| {
                        let mut resource = stored.resource(config.resource_type(kind))?;
                        if let Some(deleted) = stored.deleted {
                            resource.insert("deleted".into(), usher_api::Time(deleted).to_string().into());
                        }
                        Ok(resource.into())
                    })
                    .collect::<Result<_, AdminError>>()?;
                Ok(Answer::Objects(List { items, next, total: Some(total) }))
            })
        }
        request::Directory::Object { directory, kind, name } => {
            let kind = record::kind(&kind)?;
            let configs = admin.configs.clone();
            admin.read(move |on| {
                let id = find(on, &directory)?;
                let config = configs.get(on, id)?.ok_or_else(|| gone(&directory))?;
                let stored = find_object(on, id, kind, &name)?;
                let mut resource = stored.resource(config.resource_type(kind))?;
                let links = match kind {
                    Kind::User => {
                        object::groups_of(on, id, &[stored.key])?.into_iter().map(|(_, link)| link).collect()
                    }
                    Kind::Group => object::members_of(on, id, stored.key, None, 1_000)?,
                };
                let links = links
                    .into_iter()
                    .map(|link| serde_json::json!({"value": link.id.0, "display": link.name}))
                    .collect::<Vec<_>>();
                let word = if kind == Kind::User { "groups" } else { "members" };
                resource.insert(word.into(), links.into());
                Ok(Answer::Object(resource.into()))
            })
        }
    }
}

fn key(text: &str) -> Result<Key, AdminError> {
    text.parse()
        .map(Key)
        .map_err(|_| AdminError::new("invalid_cursor", "that is no cursor of this list; begin without one"))
}

fn gone(name: &str) -> AdminError {
    AdminError::new("directory_not_found", format!("there is no directory {name}"))
}

/// The directory of that name.
pub(crate) fn find(on: &mut Snapshot<'_>, name: &str) -> Result<DirectoryId, AdminError> {
    if let Some(id) = accounts::directory_by_name(on, name)? {
        return Ok(id);
    }
    let all = accounts::list_directories(on)?;
    Err(AdminError::missing(
        "directory",
        name,
        all.iter().map(|(_, name, _)| name.as_str()),
        "usher directory create NAME",
    ))
}

/// A user or group by id, or by userName or displayName.
pub(crate) fn find_object(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: Kind,
    name: &str,
) -> Result<object::Stored, AdminError> {
    let by_id = match name.parse() {
        Ok(id) => object::get(on, directory, ObjectId(id))?.filter(|found| found.kind == kind),
        Err(_) => None,
    };
    let found = match by_id {
        Some(found) => Some(found),
        None => object::by_name(on, directory, kind, name)?,
    };
    let word = if kind == Kind::User { "user" } else { "group" };
    found.ok_or_else(|| {
        AdminError::new(&format!("{word}_not_found"), format!("there is no {word} {name} in this directory"))
            .hint(format!("usher {word} list --directory NAME shows them."))
    })
}

fn show(on: &mut Snapshot<'_>, name: &str) -> Result<Directory, AdminError> {
    let id = find(on, name)?;
    let (_, name, created) = accounts::list_directories(on)?
        .into_iter()
        .find(|(found, _, _)| *found == id)
        .ok_or_else(|| gone(name))?;
    Ok(Directory {
        name,
        users: object::count(on, id, Kind::User)?.unsigned_abs(),
        groups: object::count(on, id, Kind::Group)?.unsigned_abs(),
        sources: crate::source::names_of(on, id)?,
        created_at: created.into(),
    })
}
