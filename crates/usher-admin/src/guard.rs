//! The guard against mass loss: what it holds, and what becomes of it.

use usher_api::{
    List,
    guard::{Decision, Held, Loss, Named, Released},
    trail::Sender,
};
use usher_directory::{
    DirectoryId, Key, Kind,
    loss::{self, HeldState, Place},
    object, token,
};
use usher_store::{Snapshot, Tx};

use crate::{
    Actor, Admin, AdminError, Answer, PAGE, account, audit,
    request::{self, GuardAct},
};

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::Guard) -> Result<Answer, AdminError> {
    let request::Guard { account, environment, act } = request;
    let (actor, now) = (actor.clone(), admin.clock.now());
    match act {
        GuardAct::List { after, limit } => {
            let after = after.as_deref().map(place).transpose()?;
            admin.read(move |on| {
                let owner = account::find(on, &account)?;
                let directory = account::directory(on, &account, &environment)?;
                let tokens = token::list(on, owner.id, now)?;
                let (rows, next) = loss::list(on, directory, after, limit.unwrap_or(PAGE))?;
                let figures = loss::figures(on, directory)?;
                let items = rows.iter().map(|row| describe(row, &tokens)).collect();
                let total = Some((figures.held + figures.diverged).unsigned_abs());
                Ok(Answer::Held(List { items, next: next.map(cursor), total }))
            })
        }
        GuardAct::Release { users } => admin.write(move |tx| {
            let directory = account::directory(tx, &account, &environment)?;
            let keys = keys(tx, directory, &account, &users)?;
            let losses = loss::release(tx, directory, keys.as_deref(), now)?;
            let details = serde_json::json!({"environment": environment, "users": users, "losses": losses});
            audit::note(tx, &actor, "guard.release", &account, &details, now)?;
            Ok(Answer::Released(Released { losses }))
        }),
        GuardAct::Reject { users, why } => admin.write(move |tx| {
            let directory = account::directory(tx, &account, &environment)?;
            let keys = keys(tx, directory, &account, &users)?;
            let decision = loss::Decision { who: actor.name.clone(), at: now, why: why.clone() };
            let losses = loss::reject(tx, directory, keys.as_deref(), &decision)?;
            let details =
                serde_json::json!({"environment": environment, "users": users, "why": why, "losses": losses});
            audit::note(tx, &actor, "guard.reject", &account, &details, now)?;
            Ok(Answer::Released(Released { losses }))
        }),
    }
}

/// The users named; `None`: nobody is, so all are meant.
fn keys(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    account: &str,
    users: &[String],
) -> Result<Option<Vec<Key>>, AdminError> {
    if users.is_empty() {
        return Ok(None);
    }
    let mut keys = Vec::with_capacity(users.len());
    for user in users {
        let found = find(tx, directory, user)?;
        if found.is_empty() {
            return Err(AdminError::new("held_not_found", format!("nothing of {user} is held in {account}"))
                .hint(format!(
                    "usher guard {account} list shows whom the guard holds; nobody was changed."
                )));
        }
        keys.extend(found);
    }
    Ok(Some(keys))
}

fn find(on: &mut Snapshot<'_>, directory: DirectoryId, user: &str) -> Result<Vec<Key>, AdminError> {
    let mut found = loss::find(on, directory, user)?;
    if found.is_empty()
        && let Some(stored) = object::by_name(on, directory, Kind::User, user)?
        && loss::of_objects(on, directory, &[stored.key])?.contains_key(&stored.key)
    {
        found.push(stored.key);
    }
    Ok(found)
}

/// A cursor: `TIME.OBJECT.GROUP`.
fn cursor((at, object, group): Place) -> String {
    format!("{}.{}.{group}", at.as_millisecond(), object.0)
}

fn place(text: &str) -> Result<Place, AdminError> {
    let wrong = || {
        AdminError::new("invalid_value", format!("{text} is no place in this list"))
            .hint("Give --after what \"next\" of the page before says.")
    };
    let numbers: Vec<i64> = text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    let [at, object, group] = numbers[..] else { return Err(wrong()) };
    let at = jiff::Timestamp::from_millisecond(at).map_err(|_| wrong())?;
    Ok((at, Key(object), group))
}

fn describe(held: &loss::Held, tokens: &[token::Token]) -> Held {
    let token = tokens.iter().find(|token| token.id == held.token);
    Held {
        user: Named { id: held.id.to_string(), name: held.name.clone() },
        loses: match &held.loss {
            loss::Loss::Access => Loss::Access,
            loss::Loss::Group(group) => {
                Loss::Group(group.clone().map(|(id, name)| Named { id: id.to_string(), name }))
            }
        },
        state: match held.state {
            HeldState::Held => "held",
            HeldState::Diverged => "diverged",
        }
        .into(),
        since: held.at.into(),
        until: held.until.map(Into::into),
        token: Sender {
            id: held.token.to_string(),
            provider: token.map(|token| token.provider.clone()),
            last4: token.map(|token| token.last4.clone()),
        },
        request_id: held.request.to_string(),
        rejected: held.decision.as_ref().map(|decision| Decision {
            by: decision.who.clone(),
            at: decision.at.into(),
            why: decision.why.clone(),
        }),
    }
}
