//! Members of groups, by hand.

use usher_api::{
    List,
    directory::{Member, Membership},
};
use usher_directory::{
    Key, Kind, ObjectId,
    guard::Intent,
    object::{self, Cause, MemberOp},
};
use usher_store::Snapshot;

use crate::{
    Actor, Admin, AdminError, Answer, PAGE, audit,
    object::{Place, Which, find, look_up, word},
    user::refuse,
};

/// A page of a group's members, oldest first.
pub(crate) fn members(
    on: &mut Snapshot<'_>,
    place: &Place,
    name: &str,
    after: Option<Key>,
    limit: Option<usize>,
) -> Result<Answer, AdminError> {
    groups_alone(place.kind)?;
    let group = find(on, place, name, Which::Any)?;
    let most = limit.unwrap_or(PAGE);
    let found = object::members_of(on, place.id(), group.key, after, most)?;
    let next = found.last().filter(|_| found.len() == most).map(|last| last.key.0.to_string());
    let total = object::member_count(on, place.id(), group.key)?.unsigned_abs();
    let items = found
        .into_iter()
        .map(|member| Member { id: member.id.to_string(), kind: word(member.kind).into(), name: member.name })
        .collect();
    Ok(Answer::Members(List { items, next, total: Some(total) }))
}

/// Adds or removes members.
pub(crate) fn change(
    admin: &Admin,
    actor: &Actor,
    (directory, kind): (String, Kind),
    name: String,
    members: Vec<String>,
    add: bool,
) -> Result<Answer, AdminError> {
    groups_alone(kind)?;
    let (actor, now, configs) = (actor.clone(), admin.clock.now(), admin.configs.clone());
    admin.change(move |tx| {
        let place = Place::find(tx, &configs, &directory, kind)?;
        let group = find(tx, &place, &name, Which::Live)?;
        refuse(tx, &place, &group, Intent::Members)?;
        let ids = members.iter().map(|name| member(tx, &place, name, add)).collect::<Result<Vec<_>, _>>()?;
        if ids.contains(&group.id) {
            return Err(AdminError::new("invalid_value", "a group is no member of itself"));
        }
        let op = if add { MemberOp::Add(ids.clone()) } else { MemberOp::Remove(ids.clone()) };
        let put = object::members(tx, place.id(), group.key, None, &[op], Cause::default(), now)?;
        let operation = if add { "group.add" } else { "group.remove_members" };
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let details = serde_json::json!({"directory": place.name, "id": group.id.0, "members": ids});
        audit::note(tx, &actor, operation, group.name(), &details, now)?;
        let members = object::member_count(tx, place.id(), group.key)?.unsigned_abs();
        Ok(Answer::Membership(Membership {
            id: group.id.to_string(),
            group: group.name().to_owned(),
            added: put.added,
            removed: put.removed,
            members,
        }))
    })
}

fn groups_alone(kind: Kind) -> Result<(), AdminError> {
    match kind {
        Kind::Group => Ok(()),
        Kind::User => Err(AdminError::new("invalid_value", "only groups have members")),
    }
}

/// A user, or a group where no user has that name. Those who are deleted can only be taken out.
fn member(on: &mut Snapshot<'_>, groups: &Place, name: &str, add: bool) -> Result<ObjectId, AdminError> {
    let which = if add { Which::Live } else { Which::Any };
    let users = Place { kind: Kind::User, ..groups.clone() };
    if let Some(user) = look_up(on, &users, name, which)? {
        return Ok(user.id);
    }
    match look_up(on, groups, name, which)? {
        Some(group) => Ok(group.id),
        None => find(on, &users, name, which).map(|user| user.id),
    }
}
