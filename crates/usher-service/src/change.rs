//! POST, PUT, PATCH, DELETE: prepared outside, compared and swapped inside (RFC 7644 §3.3, §3.5, §3.6).

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use usher_directory::{
    DirectoryId, Kind, ObjectId, Version,
    config::DirectoryConfig,
    guard::{Guard, Intent},
    loss::{self, Scale},
    object::{self, Draft, PutError, Stored},
    profile::UserDelete,
};
use usher_scim::{
    Deviation, Note, Object, ScimError, ScimType, Tolerance,
    patch::{MemberChange, Patch},
    resource::{self, Accepted, Selection},
};
use usher_store::{Lane, Snapshot, StoreError, Tx};

use crate::{
    condition,
    members::{self, Members},
    problem::Problem,
    read::{self, Shown, is_here, no_content},
    request::Context,
};

/// How often a change is prepared: once, and three times more when others were faster.
const TRIES: u32 = 4;

/// Why a write did not stand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Put(#[from] PutError),
    #[error(transparent)]
    Scim(#[from] ScimError),
    /// It is somebody else's: why, and what to do instead.
    #[error("{0}")]
    Held(String),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Put(error.into())
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Put(error) => error.into(),
            WriteError::Scim(error) => error.into(),
            WriteError::Held(why) => Self::bad(ScimType::Mutability, why),
        }
    }
}

impl WriteError {
    /// Whether another change came between, so that preparing again from the present state helps.
    fn is_overtaken(&self) -> bool {
        matches!(self, Self::Put(PutError::Stale | PutError::Store(StoreError::Conflict { .. })))
    }
}

/// A change made ready.
struct Prepared {
    /// The object as it was read; `None`: a new one.
    was: Option<Stored>,
    draft: Option<Draft>,
    members: Option<Members>,
    /// A version that must still hold when only members change (If-Match).
    expected: Option<Version>,
}

/// POST (RFC 7644 §3.3).
pub(crate) async fn create(cx: &Context, kind: Kind, body: Object) -> Result<Response, Problem> {
    let selection = cx.selection()?;
    let stored = created(cx, kind, body).await?;
    read::answer(cx, &selection, stored, StatusCode::CREATED, Shown::Whole).await
}

/// Makes a resource of a body.
pub(crate) async fn created(cx: &Context, kind: Kind, body: Object) -> Result<Stored, Problem> {
    let config = &cx.caller.config;
    let accepted = resource::accept(config.resource_type(kind), &body, cx.tolerance())?;
    cx.note(&accepted.notes);
    let mut document = accepted.object;
    let joining = document.remove("members").filter(|_| kind == Kind::Group);
    let (members, notes) = match &joining {
        Some(list) => {
            Members::prepare(config, &[MemberChange::Add(members::ids(list))], cx.settings().members)?
        }
        None => (None, Vec::new()),
    };
    cx.note(&notes);
    if kind == Kind::User {
        // Said outright, so that a record that is revived becomes active too.
        document.entry("active").or_insert(Value::Bool(true));
    }
    resource::check(config.resource_type(kind), &document)?;
    let id = ObjectId(cx.service.0.clock.id());
    let draft = Draft::create(config, kind, id, &document, cx.now)?.because(cx.cause());
    for _ in 0..TRIES {
        let prepared =
            Prepared { was: None, draft: Some(draft.clone()), members: members.clone(), expected: None };
        let stored = match write(cx, prepared).await {
            Ok(stored) => stored,
            Err(WriteError::Put(PutError::Taken { attribute, value })) => {
                match revive(cx, kind, &document).await? {
                    Some(stored) => stored,
                    None => return Err(PutError::Taken { attribute, value }.into()),
                }
            }
            // The id was made before: if it is there, our own commit stood after all.
            Err(WriteError::Put(PutError::Store(StoreError::Unknown))) => {
                match read::stored(cx, kind, &id.0.to_string()).await {
                    Ok(stored) => stored,
                    Err(_) => continue,
                }
            }
            Err(error) if error.is_overtaken() => continue,
            Err(error) => return Err(error.into()),
        };
        cx.heard.about(stored.id);
        return Ok(stored);
    }
    Err(PutError::Stale.into())
}

/// A user whose record is inactive by DELETE, created again, gets the old record back with the new values (profiles
/// whose DELETE deactivates). `None`: the name is simply taken.
async fn revive(cx: &Context, kind: Kind, document: &Object) -> Result<Option<Stored>, Problem> {
    let config = &cx.caller.config;
    let name = document.get("userName").and_then(Value::as_str).map(str::to_owned);
    let (Kind::User, UserDelete::Deactivates, Some(name)) = (kind, config.profile.user_delete, name) else {
        return Ok(None);
    };
    for _ in 0..TRIES {
        let (directory, name) = (cx.directory(), name.clone());
        let limit = cx.settings().request;
        let found: Option<Stored> =
            cx.service.0.store.read(limit, move |on| object::by_name(on, directory, kind, &name)).await?;
        let Some(was) = found.filter(|s| s.deactivated.is_some() && is_here(s, kind)) else {
            return Ok(None);
        };
        let draft = Draft::replace(config, &was, document, cx.now)?.because(cx.cause());
        match write(cx, Prepared { was: Some(was), draft: Some(draft), members: None, expected: None }).await
        {
            Ok(stored) => return Ok(Some(stored)),
            Err(error) if error.is_overtaken() => {}
            Err(WriteError::Put(PutError::Gone)) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Err(PutError::Stale.into())
}

/// PUT (RFC 7644 §3.5.1): replaces, or merges where the profile does.
pub(crate) async fn replace(cx: &Context, kind: Kind, id: &str, body: Object) -> Result<Response, Problem> {
    let selection = cx.selection()?;
    let stored = replaced(cx, kind, id, body).await?;
    read::answer(cx, &selection, stored, StatusCode::OK, Shown::Whole).await
}

/// Makes a resource what a body says.
pub(crate) async fn replaced(cx: &Context, kind: Kind, id: &str, body: Object) -> Result<Stored, Problem> {
    let config = &cx.caller.config;
    let of = config.resource_type(kind);
    let named = body.get("id").and_then(Value::as_str);
    // Judged once the resource and its version are known to be there (checklist E-08).
    change(cx, kind, id, |was| {
        if cx.tolerance() == Tolerance::Strict && named.is_some_and(|named| named != id) {
            let detail = "the body's id is another than the path's; an id never changes, leave it out";
            return Err(Problem::bad(ScimType::Mutability, detail));
        }
        if let Some(other) = named.filter(|named| *named != id) {
            let said = format!("the body's id {other} is another than the address's and was ignored");
            cx.note(&[Note::new(Deviation::OtherId, said)]);
        }
        let mut accepted = resource::accept(of, &body, cx.tolerance())?;
        cx.note(&accepted.notes);
        let members = if kind == Kind::Group { replaced_members(cx, &mut accepted) } else { None };
        let document = if config.profile.put_merges {
            resource::merge(of, &was.object()?, accepted)
        } else {
            // What is left out is cleared; a user's `active` alone stays (checklist E-24), which the draft sees to.
            accepted.object
        };
        resource::check(of, &document)?;
        prepared(cx, was, Draft::replace(config, was, &document, cx.now)?, members.as_slice())
    })
    .await
}

/// What a PUT says about members: those it names and no others; none named is none left, unless the profile merges.
fn replaced_members(cx: &Context, accepted: &mut Accepted) -> Option<MemberChange> {
    let is_members =
        |path: &usher_scim::AttributePath| path.name.eq_ignore_ascii_case("members") && path.sub.is_none();
    let cleared = accepted.cleared.iter().any(is_members);
    accepted.cleared.retain(|path| !is_members(path));
    match accepted.object.remove("members") {
        Some(list) => Some(MemberChange::Replace(members::ids(&list))),
        None if cleared || !cx.caller.config.profile.put_merges => Some(MemberChange::Clear),
        None => None,
    }
}

/// PATCH (RFC 7644 §3.5.2), all or nothing.
pub(crate) async fn patch(cx: &Context, kind: Kind, id: &str, body: Object) -> Result<Response, Problem> {
    let selection = cx.selection()?;
    let stored = patched(cx, kind, id, &body).await?;
    let (shown, answers) = match kind {
        Kind::User => (Shown::Whole, true),
        Kind::Group => (Shown::FewMembers, selection != Selection::default() || patch_answers(cx, kind)),
    };
    if answers {
        read::answer(cx, &selection, stored, StatusCode::OK, shown).await
    } else {
        Ok(no_content(cx, Some(&stored)))
    }
}

/// Whether a PATCH answers with the resource, where the client doesn't say which attributes it wants.
pub(crate) fn patch_answers(cx: &Context, kind: Kind) -> bool {
    kind == Kind::User || cx.caller.config.profile.group_patch_answers
}

/// Changes a resource as a PATCH says.
pub(crate) async fn patched(cx: &Context, kind: Kind, id: &str, body: &Object) -> Result<Stored, Problem> {
    let config = &cx.caller.config;
    let patch = Patch::parse(body, cx.tolerance(), config.profile.own_patch_body)?;
    cx.note(&patch.notes);
    let most = cx.settings().patch_operations;
    if patch.operations.len() > most {
        let detail = format!(
            "the PATCH has {} operations, at most {most} are taken; send several",
            patch.operations.len()
        );
        return Err(Problem::status(413, detail));
    }
    patch.check_id(id)?;
    let strict = cx.tolerance() == Tolerance::Strict && kind == Kind::User;
    let groups = if strict && patch.says_groups() { Some(read::groups(cx, id).await?) } else { None };
    change(cx, kind, id, |was| {
        let of = config.resource_type(kind);
        groups.as_ref().map_or(Ok(()), |groups| patch.check_groups(groups))?;
        let applied = patch.apply(of, &was.object()?, cx.tolerance())?;
        cx.note(&applied.notes);
        if !applied.changed {
            return with_members(cx, was, None, &applied.members);
        }
        resource::check(of, &applied.object)?;
        prepared(cx, was, Draft::patch(config, was, &applied.object, cx.now)?, &applied.members)
    })
    .await
}

/// DELETE (RFC 7644 §3.6): removes, or deactivates a user where the profile does.
pub(crate) async fn delete(cx: &Context, kind: Kind, id: &str) -> Result<Response, Problem> {
    let left = deleted(cx, kind, id).await?;
    Ok(no_content(cx, left.as_ref()))
}

/// Removes or deactivates a resource; what is left of it.
pub(crate) async fn deleted(cx: &Context, kind: Kind, id: &str) -> Result<Option<Stored>, Problem> {
    let config = &cx.caller.config;
    let hard =
        config.profile.hard_delete && cx.query.get("hard").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let deactivates = kind == Kind::User && config.profile.user_delete == UserDelete::Deactivates && !hard;
    let removal = change(cx, kind, id, |was| {
        let draft = if deactivates {
            Draft::deactivate(config, was, cx.now)?
        } else {
            Draft::remove(config, was, cx.now)?
        };
        Ok(Prepared {
            was: Some(was.clone()),
            draft: Some(draft.because(cx.cause())),
            members: None,
            expected: None,
        })
    });
    let stored = removal.await?;
    Ok(deactivates.then_some(stored))
}

/// A new document and changes of members, made ready.
fn prepared(cx: &Context, was: &Stored, draft: Draft, members: &[MemberChange]) -> Result<Prepared, Problem> {
    // A document that stays as it is takes no part in the write: then changes of members don't wait for each other.
    let draft = Some(draft.because(cx.cause())).filter(Draft::changes);
    with_members(cx, was, draft, members)
}

fn with_members(
    cx: &Context,
    was: &Stored,
    draft: Option<Draft>,
    members: &[MemberChange],
) -> Result<Prepared, Problem> {
    let config = &cx.caller.config;
    let (members, notes) = Members::prepare(config, members, cx.settings().members)?;
    cx.note(&notes);
    let guarded = draft.is_none() && condition::expects(config.profile, &cx.headers);
    Ok(Prepared { was: Some(was.clone()), draft, members, expected: guarded.then_some(was.version) })
}

/// Reads, checks the preconditions, prepares, writes; again when another change came between.
async fn change(
    cx: &Context,
    kind: Kind,
    id: &str,
    prepare: impl Fn(&Stored) -> Result<Prepared, Problem>,
) -> Result<Stored, Problem> {
    let mut overtaken = WriteError::from(PutError::Stale);
    for _ in 0..TRIES {
        let was = read::stored(cx, kind, id).await?;
        cx.heard.about(was.id);
        condition::check_match(cx.caller.config.profile, &cx.headers, &was)?;
        let prepared = prepare(&was)?;
        if prepared.draft.as_ref().is_none_or(|draft| !draft.changes()) && prepared.members.is_none() {
            return Ok(was);
        }
        match write(cx, prepared).await {
            Ok(stored) => return Ok(stored),
            Err(error) if error.is_overtaken() => overtaken = error,
            Err(WriteError::Put(PutError::Gone)) => return Err(Problem::no_resource(id)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(overtaken.into())
}

/// Whether whoever holds the object lets it change.
fn ask(
    guard: &dyn Guard,
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    was: &Stored,
    prepared: &Prepared,
) -> Result<(), WriteError> {
    let mut told = None;
    if let Some(draft) = &prepared.draft {
        told = if draft.removes() {
            guard.refuses(on, config, was, Intent::Delete)?
        } else {
            guard.refuses(on, config, was, Intent::Write(&draft.next().object()?))?
        };
    }
    if told.is_none() && prepared.members.is_some() {
        told = guard.refuses(on, config, was, Intent::Members)?;
    }
    told.map_or(Ok(()), |why| Err(WriteError::Held(why)))
}

/// One transaction: the object, then its members. A group's document may be older than its version when only members changed.
async fn write(cx: &Context, prepared: Prepared) -> Result<Stored, WriteError> {
    let (directory, because) = (cx.directory(), (cx.cause(), cx.now));
    let guard = cx.service.0.guard.get().filter(|_| cx.caller.guarded).cloned();
    let config = Arc::clone(&cx.caller.config);
    let (token, request) = (cx.caller.token, cx.id);
    let written = cx.service.0.store.write(Lane::Now, move |tx| -> Result<_, WriteError> {
        // First of all: whoever may take something away by this token waits here.
        let mut scale = match prepared.may_take_away() {
            true => Scale::open(tx, &config, token, request, because.1)?,
            false => None,
        };
        if let (Some(guard), Some(was)) = (&guard, &prepared.was) {
            ask(&**guard, tx, &config, was, &prepared)?;
        }
        if let Some(was) = &prepared.was {
            weigh(tx, scale.as_mut(), directory, was, prepared.draft.as_ref())?;
        }
        let mut stored = match (&prepared.draft, &prepared.was) {
            (Some(draft), _) => object::put(tx, directory, draft)?,
            (None, Some(was)) => was.clone(),
            (None, None) => return Err(PutError::Gone.into()),
        };
        let mut notes = Vec::new();
        if let Some(members) = &prepared.members {
            let version;
            (version, notes) =
                members.apply(tx, directory, &stored, prepared.expected, because, scale.as_mut())?;
            if version != stored.version {
                (stored.version, stored.modified) = (version, because.1);
            }
        }
        Ok((stored, notes, scale.map_or(0, |scale| scale.held())))
    });
    let (stored, notes, held) = written.await?;
    cx.note(&notes);
    if held > 0 {
        tracing::warn!(directory = directory.0, request = %request, held, "the guard against mass loss holds what this request takes away");
        cx.heard.held(held);
    }
    Ok(stored)
}

impl Prepared {
    /// Whether somebody may lose something by it: a user access, or somebody its place in a group.
    fn may_take_away(&self) -> bool {
        let members = self.members.as_ref().is_some_and(Members::may_remove);
        let (Some(draft), Some(was)) = (&self.draft, &self.was) else { return members };
        members || draft.removes() || (was.active && !draft.next().active)
    }
}

/// Puts on the scale what a document or a deletion takes away, and takes from it what it gives back.
fn weigh(
    tx: &mut Tx<'_>,
    scale: Option<&mut Scale>,
    directory: DirectoryId,
    was: &Stored,
    draft: Option<&Draft>,
) -> Result<(), StoreError> {
    let Some(draft) = draft else { return Ok(()) };
    let ends = draft.removes() || (was.active && !draft.next().active);
    match (was.kind, scale) {
        (Kind::User, Some(scale)) if ends => scale.access(tx, was.key).map(drop),
        (Kind::Group, Some(scale)) if draft.removes() => scale.emptied(tx, was.key, &[]),
        (Kind::User, _) if !was.active && draft.next().active => loss::cancel(tx, directory, was.key),
        _ => Ok(()),
    }
}
