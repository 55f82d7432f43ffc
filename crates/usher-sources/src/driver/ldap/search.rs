//! Searches: page by page, each entry as the records that LDIF files hold too.
use std::{ops::ControlFlow, time::Duration};

use ldap3::{
    LdapError, LdapResult, ResultEntry, Scope, SearchStream,
    asn1::StructureTag,
    controls::{Control, ControlType, PagedResults, RawControl},
};
use uuid::Uuid;

use super::connect::Session;
use crate::{
    ldif::{Record, Value},
    secret::is_secret,
};

/// How long a server may take for the next entry.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What a library's error means for people.
pub(super) fn explained(error: &LdapError) -> String {
    match error {
        LdapError::LdapResult { result } => result_text(result),
        LdapError::Timeout { .. } => "the server does not answer in time".into(),
        LdapError::EndOfStream
        | LdapError::OpSend { .. }
        | LdapError::ResultRecv { .. }
        | LdapError::IdScrubSend { .. } => "the server ended the connection".into(),
        other => other.to_string(),
    }
}

/// A result that is no success, in words.
pub(super) fn result_text(result: &LdapResult) -> String {
    let what = match result.rc {
        1 => "operations error: does the server want a bind first?",
        3 => "the server's time limit ended the search; ask for a higher one for this account",
        4 => {
            "the server gives this account only a part of its entries (size limit): use pages, or ask for a higher limit"
        }
        8 | 13 => "the server wants TLS or a stronger bind first",
        10 => "the server refers to another one: name that one",
        11 => "the server's administrative limit ended the search; ask for a higher one for this account",
        12 => {
            "the server does not know a control that this needs (sync replication: --sync timestamps does without; paged results: --page-size 0)"
        }
        32 => "the server has no such entry: is the base right, and may this account read it?",
        34 => "the base is no name the server knows",
        50 => "this account may not do that; ask for the right to read",
        51 | 52 => "the server is busy or not ready; try again later",
        53 => "the server is unwilling",
        _ => "the server refuses",
    };
    let detail = if result.text.is_empty() { String::new() } else { format!("; it says: {}", result.text) };
    format!("{what} (LDAP result {}{detail})", result.rc)
}

/// What to search.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) base: String,
    pub(super) filter: String,
    pub(super) attributes: Vec<String>,
    /// 0: without pages.
    pub(super) page: u32,
}

/// Entries page after page, asked for as they are taken. Referrals to other servers are not followed.
pub(super) struct Pages {
    ldap: ldap3::Ldap,
    query: Query,
    cookie: Vec<u8>,
    stream: Option<SearchStream<'static, String, Vec<String>>>,
    ended: bool,
}

impl Pages {
    /// Nothing is asked yet.
    pub(super) fn new(session: &Session, query: &Query) -> Self {
        Self {
            ldap: session.ldap.clone(),
            query: query.clone(),
            cookie: Vec::new(),
            stream: None,
            ended: false,
        }
    }

    /// The next entry; `None`: that was all of them. After an error nothing of what came may be taken for all there is.
    pub(super) async fn next(&mut self) -> Result<Option<Record>, String> {
        while !self.ended {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let asked = self.ask().await?;
                    self.stream.insert(asked)
                }
            };
            match stream.next().await.map_err(|error| explained(&error))? {
                Some(entry) if is_entry(&entry) => return record_of(entry.0).map(Some),
                Some(_) => {}
                None => {
                    let result = stream.finish().await;
                    self.stream = None;
                    if result.rc != 0 {
                        return Err(result_text(&result));
                    }
                    self.cookie = page_of(&result.ctrls).unwrap_or_default();
                    self.ended = self.cookie.is_empty();
                }
            }
        }
        Ok(None)
    }

    async fn ask(&mut self) -> Result<SearchStream<'static, String, Vec<String>>, String> {
        self.ldap.with_timeout(PATIENCE);
        if self.query.page > 0 {
            let size = i32::try_from(self.query.page).unwrap_or(i32::MAX);
            let mut control =
                RawControl::from(PagedResults { size, cookie: std::mem::take(&mut self.cookie) });
            control.crit = true;
            self.ldap.with_controls(vec![control]);
        }
        let Query { base, filter, attributes, .. } = &self.query;
        self.ldap
            .streaming_search(base, Scope::Subtree, filter, attributes.clone())
            .await
            .map_err(|error| explained(&error))
    }
}

/// Gives each entry out. `Break`: enough.
pub(super) async fn each(
    session: &Session,
    query: &Query,
    mut take: impl FnMut(Record) -> ControlFlow<()> + Send,
) -> Result<(), String> {
    let mut pages = Pages::new(session, query);
    while let Some(record) = pages.next().await? {
        if take(record).is_break() {
            break;
        }
    }
    Ok(())
}

fn page_of(controls: &[Control]) -> Option<Vec<u8>> {
    let raw = controls.iter().find(|control| matches!(control.0, Some(ControlType::PagedResults)))?;
    raw.1.val.as_ref()?;
    Some(raw.1.parse::<PagedResults>().cookie)
}

/// The entry that a message holds; attributes of secrets are dropped here, should a server send them unasked.
pub(super) fn record_of(tag: StructureTag) -> Result<Record, String> {
    parts_of(tag).ok_or_else(|| "the server sent an entry that is no LDAP".into())
}

fn parts_of(tag: StructureTag) -> Option<Record> {
    let mut parts = tag.match_id(4)?.expect_constructed()?.into_iter();
    let name = parts.next()?.expect_primitive()?;
    let mut record = Record { line: 0, dn: String::new(), values: Vec::new(), problem: None };
    record.dn = String::from_utf8(name).unwrap_or_else(|error| {
        record.problem = Some((0, "its name is no UTF-8 text: rename it".into()));
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    });
    for attribute in parts.next()?.expect_constructed()? {
        let mut attribute = attribute.expect_constructed()?.into_iter();
        let name = String::from_utf8(attribute.next()?.expect_primitive()?).ok()?;
        if is_secret(&name) {
            continue;
        }
        for value in attribute.next()?.expect_constructed()? {
            let value = match String::from_utf8(value.expect_primitive()?) {
                Ok(text) => Value::Text(text),
                Err(error) => Value::Binary(error.into_bytes()),
            };
            record.values.push((name.clone(), value));
        }
    }
    Some(record)
}

/// The entry's entryUUID.
pub(super) fn uuid_of(record: &Record) -> Option<Uuid> {
    record.text("entryUUID").and_then(|text| Uuid::parse_str(text).ok())
}

/// Entries by their ids, some at a time; those that are not there any more are not in it.
pub(super) async fn by_ids(
    session: &Session,
    query: &Query,
    ids: &[Uuid],
    mut take: impl FnMut(Record) + Send,
) -> Result<(), String> {
    for block in ids.chunks(100) {
        let any: String = block.iter().map(|id| format!("(entryUUID={id})")).collect();
        let query = Query { filter: format!("(&{}(|{any}))", query.filter), page: 0, ..query.clone() };
        each(session, &query, |record| {
            take(record);
            ControlFlow::Continue(())
        })
        .await?;
    }
    Ok(())
}

/// A message of a search that goes on.
pub(super) fn is_entry(entry: &ResultEntry) -> bool {
    !entry.is_ref() && !entry.is_intermediate()
}
