//! Sync replication (RFC 4533): a server says what changed since a cookie, and, where it is let, goes on saying so.
use std::collections::{HashMap, HashSet};

use ldap3::{
    ResultEntry, Scope,
    controls::{
        Control, ControlType, EntryState, RawControl, RefreshMode, SyncDone, SyncInfo, SyncRequest,
        SyncState, parse_syncinfo,
    },
};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    connect::Session,
    search::{Query, explained, is_entry, record_of, result_text},
};
use crate::ldif::Record;

/// The cookie is too old, or was never this server's: everything has to be read.
const REFRESH_REQUIRED: u32 = 4096;
/// When more changed than this, everything is read, page by page.
pub(super) const MOST: usize = 20_000;
/// The control is not served here (RFC 4511, unavailableCriticalExtension).
const UNSERVED: u32 = 12;
/// Messages that wait to be taken in.
const WAITING: usize = 1000;

/// Entries that hold people and groups: when one is renamed, the names of all below it change, which a server does not say of each.
const CONTAINERS: &str = "(objectClass=organizationalUnit)(objectClass=organization)(objectClass=domain)(objectClass=country)\
    (objectClass=locality)(objectClass=container)(objectClass=dcObject)";

/// What a server said.
#[derive(Debug)]
pub(super) enum Event {
    /// An entry that is new or changed.
    Changed(Uuid, Box<Record>),
    /// Entries that are as they were.
    Present(Vec<Uuid>),
    /// Entries that are gone, or not among those asked for any more.
    Gone(Vec<Uuid>),
    /// Up to here.
    Cookie(Vec<u8>),
    /// What changed before is told. `true`: who was not mentioned is as before; `false`: who was not mentioned is gone.
    Refreshed(bool),
    /// Everything has to be read.
    Reload,
    /// The server does not serve this part of its tree so, whatever it announces.
    Unserved,
    /// The search ended.
    End,
    /// The connection broke.
    Broken(String),
}

/// What changed since an earlier run.
#[derive(Debug, Default)]
pub(in crate::driver) struct Delta {
    pub(super) changed: HashMap<Uuid, Record>,
    pub(super) gone: HashSet<Uuid>,
    /// Where said: everybody who is there still, those in `changed` apart.
    pub(super) present: Option<HashSet<Uuid>>,
    pub(super) cookie: Option<Vec<u8>>,
    mentioned: HashSet<Uuid>,
}

impl Delta {
    /// Takes an event in; `false`: it is none of a delta's.
    pub(super) fn take(&mut self, event: Event) -> bool {
        match event {
            Event::Changed(id, record) => {
                self.gone.remove(&id);
                self.changed.insert(id, *record);
            }
            Event::Present(ids) => self.mentioned.extend(ids),
            Event::Gone(ids) => {
                for id in ids {
                    self.changed.remove(&id);
                    self.gone.insert(id);
                }
            }
            Event::Cookie(cookie) => self.cookie = Some(cookie),
            Event::Refreshed(false) => {
                self.present.get_or_insert_default().extend(self.mentioned.drain());
            }
            Event::Refreshed(true) => self.mentioned.clear(),
            Event::Reload | Event::Unserved | Event::End | Event::Broken(_) => return false,
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty() && self.present.is_none()
    }
}

/// Asks for what changed since `cookie` (`None`: everything). Events come until [`Event::End`], [`Event::Reload`] or
/// [`Event::Broken`]; with `persist` the search goes on after [`Event::Refreshed`].
pub(super) fn follow(
    session: &Session,
    query: &Query,
    cookie: Option<Vec<u8>>,
    persist: bool,
) -> mpsc::Receiver<Event> {
    let (to, events) = mpsc::channel(WAITING);
    let mut ldap = session.ldap.clone();
    let query = query.clone();
    let mode = if persist { RefreshMode::RefreshAndPersist } else { RefreshMode::RefreshOnly };
    let pump = {
        let to = to.clone();
        async move {
            let mut control = RawControl::from(SyncRequest { mode, cookie, reload_hint: false });
            control.crit = true;
            ldap.with_controls(vec![control]);
            let filter = format!("(|{}{CONTAINERS})", query.filter);
            let mut stream = ldap
                .streaming_search(&query.base, Scope::Subtree, &filter, query.attributes)
                .await
                .map_err(|e| explained(&e))?;
            while let Some(entry) = stream.next().await.map_err(|e| explained(&e))? {
                for event in events_of(entry)? {
                    if to.send(event).await.is_err() {
                        return Ok(());
                    }
                }
            }
            let result = stream.finish().await;
            match result.rc {
                0 => {
                    for event in done(&result.ctrls) {
                        let _ = to.send(event).await;
                    }
                }
                REFRESH_REQUIRED => _ = to.send(Event::Reload).await,
                UNSERVED => _ = to.send(Event::Unserved).await,
                _ => return Err(result_text(&result)),
            }
            Ok(())
        }
    };
    // In a task of its own: the library panics at what is no LDAP.
    tokio::spawn(async move {
        let ended = match tokio::spawn(pump).await {
            Ok(Ok(())) => Event::End,
            Ok(Err(message)) => Event::Broken(message),
            Err(_) => Event::Broken("the server sent what is no sync replication".into()),
        };
        let _ = to.send(ended).await;
    });
    events
}

fn events_of(entry: ResultEntry) -> Result<Vec<Event>, String> {
    if entry.is_intermediate() {
        return Ok(info(parse_syncinfo(entry)));
    }
    if !is_entry(&entry) {
        return Ok(Vec::new());
    }
    let state = control(&entry.1, |kind| matches!(kind, ControlType::SyncState))
        .ok_or("the server sent an entry without its state (RFC 4533)")?
        .parse::<SyncState>();
    let id = Uuid::from_slice(&state.entry_uuid)
        .map_err(|_| "the server sent an id that is no UUID".to_owned())?;
    let mut events = vec![match state.state {
        EntryState::Present => Event::Present(vec![id]),
        EntryState::Add | EntryState::Modify => Event::Changed(id, Box::new(record_of(entry.0)?)),
        EntryState::Delete => Event::Gone(vec![id]),
    }];
    events.extend(state.cookie.map(Event::Cookie));
    Ok(events)
}

fn info(info: SyncInfo) -> Vec<Event> {
    let (event, cookie) = match info {
        SyncInfo::NewCookie(cookie) => (None, Some(cookie)),
        SyncInfo::RefreshDelete { cookie, refresh_done } => {
            (refresh_done.then_some(Event::Refreshed(true)), cookie)
        }
        // After it a phase of deletions may follow: then whoever was not mentioned before is gone all the same.
        SyncInfo::RefreshPresent { cookie, .. } => (Some(Event::Refreshed(false)), cookie),
        SyncInfo::SyncIdSet { cookie, refresh_deletes, sync_uuids } => {
            let ids = sync_uuids.iter().filter_map(|id| Uuid::from_slice(id).ok()).collect();
            (Some(if refresh_deletes { Event::Gone(ids) } else { Event::Present(ids) }), cookie)
        }
    };
    event.into_iter().chain(cookie.map(Event::Cookie)).collect()
}

fn done(controls: &[Control]) -> Vec<Event> {
    let Some(raw) =
        control(controls, |kind| matches!(kind, ControlType::SyncDone)).filter(|raw| raw.val.is_some())
    else {
        return vec![Event::Refreshed(true)];
    };
    let done = raw.parse::<SyncDone>();
    std::iter::once(Event::Refreshed(done.refresh_deletes)).chain(done.cookie.map(Event::Cookie)).collect()
}

fn control(controls: &[Control], wanted: impl Fn(ControlType) -> bool) -> Option<&RawControl> {
    controls.iter().find(|control| control.0.is_some_and(&wanted)).map(|control| &control.1)
}

/// What changed since a cookie, all of it. `None`: everything has to be read.
pub(super) async fn refresh(
    session: &Session,
    query: &Query,
    cookie: Vec<u8>,
) -> Result<Option<Delta>, String> {
    let mut events = follow(session, query, Some(cookie), false);
    let mut delta = Delta::default();
    while let Some(event) = events.recv().await {
        match event {
            Event::End => return Ok(Some(delta)),
            Event::Reload | Event::Unserved => return Ok(None),
            Event::Broken(message) => return Err(message),
            event => _ = delta.take(event),
        }
        if delta.changed.len() > MOST {
            return Ok(None);
        }
    }
    Err("the server ended the connection".into())
}

/// The cookie of this moment, and how many entries there are: a refresh from the beginning that asks for no attribute. `None`: this
/// is not served.
pub(super) async fn cookie_now(session: &Session, query: &Query) -> Result<Option<(Vec<u8>, u64)>, String> {
    let query = Query { attributes: vec!["1.1".into()], ..query.clone() };
    let mut events = follow(session, &query, None, false);
    let (mut cookie, mut count) = (None, 0);
    while let Some(event) = events.recv().await {
        match event {
            Event::Changed(..) => count += 1,
            Event::Cookie(new) => cookie = Some(new),
            Event::End => return Ok(cookie.map(|cookie| (cookie, count))),
            Event::Unserved => return Ok(None),
            Event::Broken(message) => return Err(message),
            _ => {}
        }
    }
    Err("the server ended the connection".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(id: u128) -> Event {
        let record = Record { line: 0, dn: "dc=x".into(), values: Vec::new(), problem: None };
        Event::Changed(Uuid::from_u128(id), Box::new(record))
    }
    fn ids(ids: &[u128]) -> Vec<Uuid> {
        ids.iter().map(|id| Uuid::from_u128(*id)).collect()
    }

    #[test]
    fn the_last_word_about_an_entry_counts() {
        let mut delta = Delta::default();
        assert!(delta.is_empty());
        for event in [changed(1), Event::Gone(ids(&[1, 2])), changed(2), Event::Cookie(vec![7])] {
            assert!(delta.take(event));
        }
        assert_eq!(delta.gone, ids(&[1]).into_iter().collect());
        assert_eq!(delta.changed.keys().copied().collect::<Vec<_>>(), ids(&[2]));
        assert_eq!(delta.cookie, Some(vec![7]));
        assert!(delta.present.is_none());
        assert!(!delta.take(Event::End));
    }

    #[test]
    fn who_is_not_mentioned_in_a_phase_of_those_present_is_gone() {
        let mut delta = Delta::default();
        for event in [changed(1), Event::Present(ids(&[2, 3])), Event::Refreshed(false)] {
            delta.take(event);
        }
        assert_eq!(delta.present, Some(ids(&[2, 3]).into_iter().collect()));
        // A phase of deletions after it adds to it.
        delta.take(Event::Gone(ids(&[4])));
        delta.take(Event::Refreshed(true));
        assert!(delta.present.is_some() && delta.gone.contains(&Uuid::from_u128(4)));
    }
}
