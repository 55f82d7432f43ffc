//! Sync replication held open (RFC 4533, refreshAndPersist): the server tells of each change, and a run takes it in at once.
use std::time::Duration;

use ldap3::Scope;
use tokio::{sync::watch, time::Instant};

use super::{
    Mode, Way,
    connect::Session,
    query,
    search::explained,
    sync::{self, Delta, Event, MOST},
    way,
};
use crate::{SyncError, driver::Sources, ldap::Ldap, source::Source, state};

/// Changes that come one after the other are taken in together once none came for this long …
const QUIET: Duration = Duration::from_millis(30);
/// … or the first has waited this long.
const LONGEST: Duration = Duration::from_millis(300);
/// A connection on which nothing came for this long is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(60);
/// How long it may take to say so.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a source is tried again that another run holds.
const AGAIN: Duration = Duration::from_millis(200);

/// Why the changes of a source are not followed any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::driver) enum Stopped {
    /// Told to.
    Asked,
    /// Something of the schedule is due.
    Due,
    /// The server or the settings do not serve it.
    NotServed,
    /// Everything has to be read.
    Reload,
    /// Another instance follows this source.
    Elsewhere,
    /// The connection broke, or a run failed.
    Broken(String),
}

impl Sources {
    /// Takes in changes as the server tells of them, until `due`.
    pub(in crate::driver) async fn follow(
        &self,
        source: &Source,
        due: Duration,
        stop: &mut watch::Receiver<bool>,
    ) -> Stopped {
        let lease = match self.leases.take(&format!("source-live/{}", source.id.0)).await {
            Ok(Some(lease)) => lease,
            Ok(None) => return Stopped::Elsewhere,
            Err(error) => return Stopped::Broken(error.to_string()),
        };
        let due = Instant::now() + due;
        let stopped = tokio::select! {
            () = self.leases.keep(&lease) => Stopped::Elsewhere,
            stopped = self.followed(source, due, stop) => stopped.unwrap_or_else(Stopped::Broken),
        };
        if let Err(error) = self.leases.give_back(lease).await {
            tracing::warn!(source = source.name, %error, "the lease of a source could not be given back");
        }
        stopped
    }

    async fn followed(
        &self,
        source: &Source,
        due: Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Stopped, String> {
        let settings = source.settings.ldap().ok_or("this source reads no server")?;
        let id = source.id;
        let before = self.read(move |on| state::get(on, id)).await.map_err(|error| error.to_string())?;
        let session = self.session(source, &mut |_, _| {}).await.map_err(|broken| broken.to_string())?;
        if way(&session, settings).await? != Way::Sync {
            return Ok(Stopped::NotServed);
        }
        let Some(cookie) = before.cookie.filter(|_| before.by_uuid && before.full.is_some()) else {
            // Without entryUUID changes can't be told one by one: then the schedule has to do.
            return Ok(if before.full.is_some() { Stopped::NotServed } else { Stopped::Reload });
        };
        let ldap =
            Ldap::new(self.clock.now(), settings.mapping.as_deref()).map_err(|error| error.to_string())?;
        let mut events = sync::follow(&session, &query(settings, &ldap), Some(cookie), true);
        let mut batch = Batch::default();
        tracing::info!(source = source.name, "following the server's changes");
        loop {
            let wait = if batch.is_ready() { QUIET } else { PROBE };
            let event = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(Stopped::Asked),
                () = tokio::time::sleep_until(due), if batch.delta.is_empty() => return Ok(Stopped::Due),
                event = tokio::time::timeout(wait, events.recv()) => event,
            };
            let quiet = event.is_err();
            match event {
                Err(_) if !batch.is_ready() => alive(&session).await?,
                Err(_) => {}
                Ok(None) => return Err("the server ended the connection".into()),
                Ok(Some(event)) => {
                    if let Some(stopped) = batch.take(event)? {
                        return Ok(stopped);
                    }
                }
            }
            if batch.is_due(quiet) {
                let delta = std::mem::take(&mut batch.delta);
                batch.since = None;
                if !self.taken_in(source, delta, stop).await? {
                    return Ok(Stopped::Asked);
                }
            }
        }
    }

    /// A run with what the server said. `false`: told to stop before it could begin; the next one begins at the old cookie.
    async fn taken_in(
        &self,
        source: &Source,
        delta: Delta,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<bool, String> {
        let lease = loop {
            let taken = self.leases.take(&format!("source/{}", source.id.0)).await;
            if let Some(lease) = taken.map_err(|error| error.to_string())? {
                break lease;
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(false),
                () = tokio::time::sleep(AGAIN) => {}
            }
        };
        let run = self.leased(source, lease, Mode::Pushed(Box::new(delta)), &mut |_| {}).await;
        let report = run.map_err(|error: SyncError| error.to_string())?;
        tracing::info!(source = source.name, run = report.run, counts = ?report.counts, "changes taken in");
        Ok(true)
    }
}

/// Changes that came and are not taken in yet.
#[derive(Default)]
struct Batch {
    delta: Delta,
    /// Since when the first of them waits.
    since: Option<Instant>,
    /// What changed before the connection was made is told.
    refreshed: bool,
}

impl Batch {
    /// Takes an event in; `Some`: this ends the following.
    fn take(&mut self, event: Event) -> Result<Option<Stopped>, String> {
        match event {
            Event::Reload => return Ok(Some(Stopped::Reload)),
            Event::Unserved => return Ok(Some(Stopped::NotServed)),
            Event::End => return Err("the server ended the search".into()),
            Event::Broken(message) => return Err(message),
            event => {
                self.refreshed |= matches!(event, Event::Refreshed(_));
                self.delta.take(event);
            }
        }
        if !self.delta.is_empty() {
            self.since.get_or_insert_with(Instant::now);
        }
        // So much at once is read page by page.
        Ok((self.delta.changed.len() > MOST).then_some(Stopped::Reload))
    }

    fn is_ready(&self) -> bool {
        self.refreshed && !self.delta.is_empty()
    }

    fn is_due(&self, quiet: bool) -> bool {
        self.is_ready() && (quiet || self.since.is_some_and(|since| since.elapsed() >= LONGEST))
    }
}

/// Whether a connection on which nothing comes is one still.
async fn alive(session: &Session) -> Result<(), String> {
    let mut ldap = session.ldap.clone();
    ldap.with_timeout(PATIENCE);
    ldap.search("", Scope::Base, "(objectClass=*)", vec!["1.1"])
        .await
        .and_then(ldap3::SearchResult::success)
        .map(drop)
        .map_err(|error| explained(&error))
}
