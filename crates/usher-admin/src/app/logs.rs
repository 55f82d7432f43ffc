//! The provisioning log, by what is asked of it.

use jiff::Timestamp;
use usher_api::List;
use usher_directory::Kind;
use usher_engine::{assignment, log};

use super::find;
use crate::{Admin, AdminError, Answer, PAGE, request};

const STATUSES: [&str; 4] = ["success", "failure", "skipped", "warning"];
const ACTIONS: [&str; 6] = ["create", "update", "disable", "delete", "stageddelete", "other"];

fn word(what: &str, word: Option<&String>, possible: &[&str]) -> Result<(), AdminError> {
    match word {
        Some(word) if !possible.contains(&word.as_str()) => Err(AdminError::word(what, word, possible)),
        _ => Ok(()),
    }
}

fn time(name: &str, text: Option<&String>) -> Result<Option<Timestamp>, AdminError> {
    let read = |text: &String| {
        text.parse().map_err(|_| {
            AdminError::new("invalid_value", format!("--{name} {text} is no time"))
                .hint("Write it as 2026-11-02T08:00:00Z.")
        })
    };
    text.map(read).transpose()
}

/// A page of entries.
pub(super) fn page(admin: &Admin, request: request::App) -> Result<Answer, AdminError> {
    let request::App::Logs { name, user, status, cycle, limit, more } = request else {
        return Err(AdminError::new("internal", "not a request for logs"));
    };
    word("the status", status.as_ref(), &STATUSES)?;
    word("the action", more.action.as_ref(), &ACTIONS)?;
    let cycle = cycle
        .map(|id| id.parse().map_err(|_| AdminError::new("invalid_value", format!("{id} is no cycle's id"))))
        .transpose()?;
    let from = more
        .after
        .as_ref()
        .map(|at| {
            at.parse().map_err(|_| AdminError::new("invalid_value", format!("{at} is no place in the log")))
        })
        .transpose()?;
    let (since, until) = (time("since", more.since.as_ref())?, time("until", more.until.as_ref())?);
    admin.read(move |on| {
        let app = find(on, &name)?;
        let who = match (&user, &more.group) {
            (Some(user), _) => Some((Kind::User, user)),
            (None, Some(group)) => Some((Kind::Group, group)),
            (None, None) => None,
        };
        let source = match who {
            Some((kind, who)) => Some(assignment::find(on, app.directory, kind, who)?.id),
            None => None,
        };
        let query = log::Query {
            source,
            cycle,
            status: status.clone(),
            action: more.action.clone(),
            code: more.code.clone(),
            since,
            until,
            from,
            newest_first: !more.oldest_first,
        };
        let most = limit.unwrap_or(PAGE);
        let found = log::page(on, app.id, &query, most)?;
        // Who follows goes on from where the log ends now.
        let last = found.last().map(|entry| entry.number.to_string());
        let next = match more.oldest_first {
            true => last.or_else(|| more.after.clone()),
            false => last.filter(|_| found.len() == most),
        };
        let items = found.into_iter().map(|entry| entry.document).collect();
        Ok(Answer::Log(List { items, next, total: None }))
    })
}
