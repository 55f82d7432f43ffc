//! Reading one resource, and answering with one.

use std::time::Duration;

use axum::{body::Body, response::Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use usher_directory::{
    Kind, ObjectId,
    object::{self, Stored},
};
use usher_scim::resource::Selection;
use usher_store::StoreError;
use uuid::Uuid;

use crate::{
    condition, manager,
    problem::Problem,
    render::{BLOCK, Links, Piece, View},
    request::Context,
};

const READ: Duration = Duration::from_secs(5);

/// A SCIM id as text: a UUID in lower case; any other text is nobody's id (checklist E-05).
pub(crate) fn parse_id(text: &str) -> Option<ObjectId> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(ObjectId(id))
}

/// GET of one (RFC 7644 §3.4.1).
pub(crate) async fn one(cx: &Context, kind: Kind, id: &str) -> Result<Response, Problem> {
    let view = View::new(&cx.caller.config, kind, &cx.base, &cx.selection()?);
    let missing = || Problem::no_resource(id);
    let id = parse_id(id).ok_or_else(missing)?;
    let found = match kind {
        Kind::User if view.shows_links() => user_with_groups(cx, &view, id).await?,
        _ => with_links(cx, &view, id).await?,
    };
    let (stored, links) = found.filter(|(stored, _)| is_here(stored, kind)).ok_or_else(missing)?;
    if condition::has_it(cx.caller.config.profile, &cx.headers, &stored)? {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        set(&mut response, header::ETAG, &stored.etag());
        return Ok(response);
    }
    respond(cx, &view, &stored, links, StatusCode::OK)
}

async fn with_links(cx: &Context, view: &View, id: ObjectId) -> Result<Option<(Stored, Links)>, StoreError> {
    let (directory, view) = (cx.directory(), view.clone());
    let found = cx.service.0.store.read(READ, move |on| -> Result<_, StoreError> {
        let Some(stored) = object::get(on, directory, id)? else { return Ok(None) };
        let links = view.links(on, &[&stored])?;
        Ok(Some((stored, links.into_iter().next().unwrap_or(Links::None))))
    });
    found.await
}

/// The request that comes most: two short reads, since few users have a manager and the rest need no transaction on PostgreSQL then.
async fn user_with_groups(
    cx: &Context,
    view: &View,
    id: ObjectId,
) -> Result<Option<(Stored, Links)>, StoreError> {
    let (store, directory) = (&cx.service.0.store, cx.directory());
    let found = store.read(READ, move |on| object::get_with_groups(on, directory, id)).await?;
    let Some((stored, groups)) = found else { return Ok(None) };
    if !view.shows_manager_of(&stored) {
        return Ok(Some((stored, Links::User(groups, None))));
    }
    let user = stored.clone();
    let manager = store.read(READ, move |on| manager::of(on, directory, &[&user])).await?;
    Ok(Some((stored, Links::User(groups, manager.into_iter().next().flatten()))))
}

/// Whether an object is one that this service shows: of the kind, and not soft-deleted.
pub(crate) fn is_here(stored: &Stored, kind: Kind) -> bool {
    stored.kind == kind && stored.deleted.is_none()
}

/// One by the id of a path.
pub(crate) async fn stored(cx: &Context, kind: Kind, id: &str) -> Result<Stored, Problem> {
    let missing = || Problem::no_resource(id);
    let (directory, id) = (cx.directory(), parse_id(id).ok_or_else(missing)?);
    let found: Option<Stored> =
        cx.service.0.store.read(READ, move |on| object::get(on, directory, id)).await?;
    found.filter(|stored| is_here(stored, kind)).ok_or_else(missing)
}

/// The ids of the groups of a user, as they are shown.
pub(crate) async fn groups(cx: &Context, id: &str) -> Result<Vec<String>, Problem> {
    let user = stored(cx, Kind::User, id).await?;
    let directory = cx.directory();
    let found =
        cx.service.0.store.read(READ, move |on| -> Result<_, StoreError> {
            object::all_groups_of(on, directory, &[user.key])
        });
    Ok(found.await?.into_iter().map(|(_, group, _)| group.id.0.to_string()).collect())
}

/// How the answer to a write shows its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Whole.
    Whole,
    /// A group's members are left out above a block of them.
    FewMembers,
}

/// Answers with a resource as it stands after a write.
pub(crate) async fn answer(
    cx: &Context,
    selection: &Selection,
    stored: Stored,
    status: StatusCode,
    shown: Shown,
) -> Result<Response, Problem> {
    let kind = stored.kind;
    let view = View::new(&cx.caller.config, kind, &cx.base, selection);
    // A user shows nothing but itself where groups are not asked for, and no groups where it was just made.
    let alone = status == StatusCode::CREATED || !view.shows_links();
    if kind == Kind::User && alone && !view.shows_manager_of(&stored) {
        return respond(cx, &view, &stored, Links::None, status);
    }
    let (reading, directory) = (view.clone(), cx.directory());
    let found = cx.service.0.store.read(READ, move |on| -> Result<_, StoreError> {
        let mut stored = stored.clone();
        // Another request may have changed a group between reading it and changing its members.
        if kind == Kind::Group
            && let Some(present) = object::get(on, directory, stored.id)?
        {
            stored = present;
        }
        let links = reading.links(on, &[&stored])?;
        Ok((stored, links))
    });
    let (stored, links) = found.await?;
    let links = match links.into_iter().next() {
        Some(Links::Members(members)) if shown == Shown::FewMembers && members.len() >= BLOCK => Links::None,
        Some(links) => links,
        None => Links::None,
    };
    respond(cx, &view, &stored, links, status)
}

/// Nothing but headers: 204.
pub(crate) fn no_content(cx: &Context, stored: Option<&Stored>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Some(stored) = stored.filter(|_| cx.caller.config.profile.etag) {
        set(&mut response, header::ETAG, &stored.etag());
    }
    response
}

fn respond(
    cx: &Context,
    view: &View,
    stored: &Stored,
    links: Links,
    status: StatusCode,
) -> Result<Response, Problem> {
    let pieces: Vec<Piece> = view.pieces(stored, links)?;
    let mut response = Response::new(view.body(&cx.service.0.store, pieces));
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, cx.media);
    set(&mut response, header::LOCATION, &view.location(stored.id));
    if cx.caller.config.profile.etag {
        set(&mut response, header::ETAG, &stored.etag());
    }
    Ok(response)
}

/// Sets a header whose text is ours.
pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_compared_exactly() {
        assert!(parse_id("0192f0c1-2345-7abc-8def-0123456789ab").is_some());
        for other in
            ["0192F0C1-2345-7ABC-8DEF-0123456789AB", "0192f0c123457abc8def0123456789ab", "42", "", "{}"]
        {
            assert!(parse_id(other).is_none(), "{other}");
        }
    }
}
