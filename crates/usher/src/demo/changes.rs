//! People come, move, leave and return: edits of the demo's directory, and whether the app followed.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use usher_directory::{
    DirectoryId, Key, Kind, ObjectId,
    config::DirectoryConfig,
    object::{self, Cause, Draft, MemberOp, PutError, Stored},
};
use usher_people::person;
use usher_scim::{Object, schema::ENTERPRISE};
use usher_store::{Lane, Snapshot, StoreError, Tx};

use crate::system::System;

/// Why the demo can't go on.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Put(#[from] PutError),
    #[error(transparent)]
    Scim(#[from] usher_scim::ScimError),
    #[error("{0}")]
    People(String),
    #[error("{0}")]
    Demo(&'static str),
}

impl From<usher_people::PeopleError> for Failed {
    fn from(error: usher_people::PeopleError) -> Self {
        match error {
            usher_people::PeopleError::Store(store) => Self::Store(store),
            other => Self::People(other.to_string()),
        }
    }
}

/// A group of the directory.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) key: Key,
    pub(super) id: ObjectId,
    pub(super) name: String,
    members: i64,
}

/// Somebody, by key and e-mail.
type Somebody = (Key, String);

/// Who was changed.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    pub(super) joiner: Somebody,
    pub(super) mover: Somebody,
    /// What moved, for people.
    pub(super) moved: String,
    pub(super) leaver: Somebody,
    pub(super) returner: Somebody,
    /// The organization the mover should end in.
    organization: Option<String>,
}

const TITLE: &str = "Principal Wayfinder";
const LIMIT: Duration = Duration::from_secs(30);

/// The `most` groups with the most members, the largest first; groups without members are none.
pub(super) async fn largest(
    system: &System,
    directory: DirectoryId,
    most: usize,
) -> Result<Vec<Group>, Failed> {
    system
        .store
        .read(LIMIT, move |on| {
            let mut groups = Vec::new();
            for group in all(on, directory, Kind::Group)? {
                let members = object::member_count(on, directory, group.key)?;
                if members > 0 {
                    groups.push(Group { key: group.key, id: group.id, name: group.label, members });
                }
            }
            groups.sort_by(|a, b| b.members.cmp(&a.members).then_with(|| a.name.cmp(&b.name)));
            groups.truncate(most);
            Ok(groups)
        })
        .await
}

fn all(on: &mut Snapshot<'_>, directory: DirectoryId, kind: Kind) -> Result<Vec<Stored>, StoreError> {
    let mut found = Vec::new();
    loop {
        let block =
            object::walk(on, directory, kind, found.last().map(|last: &Stored| last.key), 500, false)?;
        let ended = block.len() < 500;
        found.extend(block);
        if ended {
            return Ok(found);
        }
    }
}

/// Picks four people of the largest group (or of the directory) who manage nobody, and lets them join, move and leave.
pub(super) async fn joiner_mover_leavers(
    system: &System,
    directory: DirectoryId,
    largest: &[Group],
) -> Result<Changed, Failed> {
    let (configs, largest) = (system.configs.clone(), largest.to_vec());
    let (now, id) = (system.clock.now(), ObjectId(system.clock.id()));
    system
        .store
        .write(Lane::Now, move |tx| {
            let config = configs.get(tx, directory)?.ok_or(Failed::Demo("the directory is gone"))?;
            let [mover, leaver, returner] = pick(tx, directory, largest.first())?;
            let mut doc = mover.object()?;
            doc.insert("title".into(), TITLE.into());
            put(tx, directory, &Draft::replace(&config, &mover, &doc, now)?)?;
            let joiner = join(tx, &config, &mover, id, largest.first(), now)?;
            let mut moved = format!("now {TITLE}");
            if let [from, to] = largest.as_slice() {
                moved.push_str(&format!(", from {} to {}", from.name, to.name));
                let (out, into) = (MemberOp::Remove(vec![mover.id]), MemberOp::Add(vec![mover.id]));
                object::members(tx, directory, from.key, None, &[out], Cause::default(), now)?;
                object::members(tx, directory, to.key, None, &[into], Cause::default(), now)?;
            }
            for leaver in [&leaver, &returner] {
                put(tx, directory, &Draft::mark_deleted(leaver, Some(now), now))?;
            }
            Ok(Changed {
                joiner,
                mover: somebody(&mover)?,
                moved,
                leaver: somebody(&leaver)?,
                returner: somebody(&returner)?,
                organization: largest.get(1).map(|group| group.name.clone()),
            })
        })
        .await
}

/// The one leaver who comes back.
pub(super) async fn returner(
    system: &System,
    directory: DirectoryId,
    changed: &Changed,
) -> Result<(), Failed> {
    let (key, now) = (changed.returner.0, system.clock.now());
    system
        .store
        .write(Lane::Now, move |tx| {
            let found = object::by_keys(tx, directory, &[key])?;
            let back = found.first().ok_or(Failed::Demo("the returner is gone for good"))?;
            put(tx, directory, &Draft::mark_deleted(back, None, now))
        })
        .await
}

/// Whether the app's people are as the directory's changes say.
pub(super) async fn came_out(
    system: &System,
    production: DirectoryId,
    changed: &Changed,
) -> Result<bool, Failed> {
    let changed = changed.clone();
    system
        .store
        .read(LIMIT, move |on| {
            let mut access = Vec::new();
            for (_, email) in [&changed.joiner, &changed.mover, &changed.returner, &changed.leaver] {
                access.push(person::show(on, production, email)?.map(|person| person.access));
            }
            let mover = person::show(on, production, &changed.mover.1)?;
            let moved = mover.is_some_and(|mover| {
                let organization = mover.organization.map(|organization| organization.name);
                mover.job_title.as_deref() == Some(TITLE)
                    && (changed.organization.is_none() || organization == changed.organization)
            });
            Ok(access == [Some(true), Some(true), Some(true), Some(false)] && moved)
        })
        .await
}

fn put(tx: &mut Tx<'_>, directory: DirectoryId, draft: &Draft) -> Result<(), Failed> {
    object::put(tx, directory, draft)?;
    Ok(())
}

fn pick(tx: &mut Tx<'_>, directory: DirectoryId, group: Option<&Group>) -> Result<[Stored; 3], Failed> {
    let users = all(tx, directory, Kind::User)?;
    let mut managers = BTreeSet::new();
    for user in &users {
        managers.extend(manager(&user.object()?));
    }
    let inside: Option<BTreeSet<Key>> = match group {
        Some(group) => {
            let members = object::members_of(tx, directory, group.key, None, 1_000)?;
            Some(members.into_iter().map(|member| member.key).collect())
        }
        None => None,
    };
    let candidates = users
        .into_iter()
        .filter(|user| user.active && inside.as_ref().is_none_or(|inside| inside.contains(&user.key)));
    // People who manage nobody first: their leaving touches nobody else.
    let (mut chosen, bosses): (Vec<_>, Vec<_>) =
        candidates.partition(|user| !managers.contains(&user.id.0.to_string()));
    chosen.extend(bosses);
    let mut chosen = chosen.into_iter();
    match (chosen.next(), chosen.next(), chosen.next()) {
        (Some(mover), Some(leaver), Some(returner)) => Ok([mover, leaver, returner]),
        _ => Err(Failed::Demo("the largest group needs three people for the demo's story")),
    }
}

/// A new person at the mover's company, under the mover's manager, in the largest group.
fn join(
    tx: &mut Tx<'_>,
    config: &DirectoryConfig,
    beside: &Stored,
    id: ObjectId,
    group: Option<&Group>,
    now: Timestamp,
) -> Result<Somebody, Failed> {
    let (_, email) = somebody(beside)?;
    let domain = email.split_once('@').map_or("example.com", |(_, domain)| domain);
    let email = format!("joy.newcomer@{domain}");
    let mut doc: Object = json!({
        "userName": email,
        "displayName": "Joy Newcomer",
        "name": {"givenName": "Joy", "familyName": "Newcomer"},
        "emails": [{"type": "work", "value": email}],
        "title": "Trainee",
        "active": true,
    })
    .as_object()
    .cloned()
    .unwrap_or_default();
    if let Some(manager) = manager(&beside.object()?) {
        doc.insert(ENTERPRISE.into(), json!({"manager": {"value": manager}}));
    }
    let joiner = object::put(tx, config.id, &Draft::create(config, Kind::User, id, &doc, now)?)?;
    if let Some(group) = group {
        let add = MemberOp::Add(vec![id]);
        object::members(tx, config.id, group.key, None, &[add], Cause::default(), now)?;
    }
    Ok((joiner.key, email))
}

/// The id of a user's manager.
fn manager(user: &Object) -> Option<String> {
    user.get(ENTERPRISE)?.get("manager")?.get("value")?.as_str().map(str::to_owned)
}

/// Key and e-mail (as the app's mapping takes it: work address, else userName).
fn somebody(user: &Stored) -> Result<Somebody, Failed> {
    let doc = user.object()?;
    let work = doc.get("emails").and_then(Value::as_array).and_then(|emails| {
        emails.iter().find(|email| email["type"] == "work").and_then(|email| email["value"].as_str())
    });
    Ok((user.key, work.unwrap_or(user.name()).to_owned()))
}
