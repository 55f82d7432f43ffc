//! The trail: what an account's clients sent, and how it was read.

use std::collections::HashMap;

use jiff::Timestamp;
use usher_api::{
    List,
    trail::{Deviation, Entry, Sender},
};
use usher_directory::{
    DirectoryId, ObjectId,
    token::{self, Token},
    trail::{self, Found, Mark, Marks, Query},
};
use usher_store::{Lane, Snapshot, StoreError};
use uuid::Uuid;

use crate::{Admin, AdminError, Answer, PAGE, READ, account, record, request};

/// Entries looked through in one transaction when a person is erased.
const BLOCK: usize = 500;
/// Writes shown with a record.
const SHOWN: usize = 5;

/// Who sent what, by token.
pub(crate) struct Senders(HashMap<Uuid, Token>);

pub(crate) fn handle(admin: &Admin, request: request::Trail) -> Result<Answer, AdminError> {
    let now = admin.clock.now();
    let query = Query {
        object: request.record.as_deref().map(record::parse_id).transpose()?,
        request: request.request.as_deref().map(request_id).transpose()?,
        token: request
            .token
            .as_deref()
            .map(|id| crate::token::parse_id(id, "usher token list ACCOUNT"))
            .transpose()?,
        failed: request.errors,
    };
    let after = request.after.as_deref().map(mark).transpose()?;
    let (directory, senders) = admin.read(move |on| {
        let directory = account::directory(on, &request.account, &request.environment)?;
        Ok((directory, senders(on, &request.account, now)?))
    })?;
    let found = find(admin, directory, &query, after, request.limit.unwrap_or(PAGE))?;
    if let (Some(id), true) = (query.request, found.entries.is_empty()) {
        return Err(AdminError::new("request_not_found", format!("the trail has no request {id}")).hint(
            "It may be older than the setting trail_days, of the other environment, or without a known token.",
        ));
    }
    let items = found.entries.iter().map(|entry| describe(entry, &senders)).collect();
    Ok(Answer::Trail(List { items, next: found.next.map(|mark| mark.to_string()), total: None }))
}

/// The last writes about a record.
pub(crate) fn of_record(
    admin: &Admin,
    directory: DirectoryId,
    senders: &Senders,
    id: ObjectId,
) -> Result<Vec<Entry>, AdminError> {
    let query = Query { object: Some(id), ..Query::default() };
    let found = find(admin, directory, &query, None, SHOWN)?;
    Ok(found.entries.iter().map(|entry| describe(entry, senders)).collect())
}

/// The tokens of an account, to say who sent a request.
pub(crate) fn senders(on: &mut Snapshot<'_>, account: &str, now: Timestamp) -> Result<Senders, AdminError> {
    let account = account::find(on, account)?;
    let tokens = token::list(on, account.id, now)?;
    Ok(Senders(tokens.into_iter().map(|token| (token.id, token)).collect()))
}

/// Takes a person out of the trail from a mark on; where it ended, so that what came meanwhile can be done too.
pub(crate) fn erase(
    admin: &Admin,
    directory: DirectoryId,
    person: &Marks,
    from: Option<Mark>,
) -> Result<Option<Mark>, AdminError> {
    let mut at = from;
    loop {
        let (person, after) = (person.clone(), at);
        let erased: Result<_, StoreError> =
            admin.trail.block_write(Lane::Bulk, move |tx| trail::erase(tx, directory, &person, after, BLOCK));
        match erased? {
            Some(mark) => at = Some(mark),
            None => return Ok(at),
        }
    }
}

fn find(
    admin: &Admin,
    directory: DirectoryId,
    query: &Query,
    after: Option<Mark>,
    most: usize,
) -> Result<Found, AdminError> {
    let query = query.clone();
    let found: Result<Found, StoreError> =
        admin.trail.block_read(READ, move |on| trail::find(on, directory, &query, after, most));
    Ok(found?)
}

fn request_id(text: &str) -> Result<Uuid, AdminError> {
    text.parse().map_err(|_| {
        AdminError::new("request_not_found", format!("{text} is no request's id"))
            .hint("It is the X-Request-Id of an answer.")
    })
}

fn mark(text: &str) -> Result<Mark, AdminError> {
    text.parse().map_err(|()| {
        AdminError::new("invalid_value", format!("{text} is no place in the trail"))
            .hint("Give --after what \"next\" of the page before says.")
    })
}

fn describe(entry: &trail::Entry, senders: &Senders) -> Entry {
    let token = senders.0.get(&entry.token);
    let body = entry.body.as_ref().map(|text| {
        let whole = if entry.cut { None } else { serde_json::from_str(text).ok() };
        whole.unwrap_or_else(|| text.clone().into())
    });
    Entry {
        id: entry.request.to_string(),
        at: entry.at.into(),
        method: entry.method.clone(),
        path: entry.path.clone(),
        status: entry.status,
        duration_ms: entry.took,
        token: Sender {
            id: entry.token.to_string(),
            provider: token.map(|token| token.provider.clone()),
            last4: token.map(|token| token.last4.clone()),
        },
        address: entry.address.clone(),
        agent: entry.agent.clone(),
        detail: entry.detail.clone(),
        deviations: entry
            .deviations
            .iter()
            .map(|met| Deviation { name: met.name.clone(), id: met.id.clone(), text: met.text.clone() })
            .collect(),
        records: entry.objects.iter().map(ToString::to_string).collect(),
        body,
        body_bytes: entry.size,
        body_cut: entry.cut,
        erased: entry.erased,
    }
}
