//! Runs over an LDAP server: everything, or only what changed. A run that reads only changes takes what it does not read as it was
//! read last (kept with each entry), so that both kinds end alike.
mod check;
mod connect;
mod delta;
mod live;
mod search;
mod stamps;
mod sync;

use secrecy::SecretString;
use tokio::{sync::mpsc, task::JoinHandle};
use uuid::Uuid;

pub(super) use self::live::Stopped;
use self::sync::Delta;
use self::{
    connect::{Broken, Session},
    search::Query,
};
use super::{Run, Sources, SyncError, Watcher};
use crate::{
    entry::Found,
    ldap::{
        Ldap, Marks,
        settings::{LdapSettings, LdapSync},
    },
    ldif::Record,
    ledger::Ledger,
    rows,
    run::Progress,
    source::{self, Source},
    state,
};

/// Entries handed over by the reading task at once.
const BATCH: usize = 500;

/// What a run reads.
#[derive(Debug)]
pub(super) enum Mode {
    /// Everything.
    Full,
    /// What changed, where that can be told.
    Changes,
    /// What the server just said.
    Pushed(Box<Delta>),
}

/// How changes are found, as settings and server allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Sync,
    Stamps,
    Full,
}

impl Sources {
    /// A session, with the bind password opened just for it.
    async fn session(&self, source: &Source, told: connect::Told<'_>) -> Result<Session, Broken> {
        let broken = |message: String| Broken { step: "bind", message };
        let settings = source.settings.ldap().ok_or_else(|| broken("this source reads no server".into()))?;
        let secret = self.bind_password(source).await.map_err(|error| broken(error.to_string()))?;
        connect::open(settings, secret.as_ref(), self.addresses, told).await
    }

    /// Reads all entries of a server.
    pub(super) async fn read_whole(&self, source: &Source) -> Result<Whole, SyncError> {
        let place = source.settings.place();
        let failed = |message: String| SyncError::File(format!("{place}: {message}"));
        let settings = source.settings.ldap().ok_or_else(|| failed("it is no server".into()))?;
        let ldap = Ldap::new(self.clock.now(), settings.mapping.as_deref())
            .map_err(|error| failed(error.to_string()))?;
        let session =
            self.session(source, &mut |_, _| {}).await.map_err(|broken| failed(broken.to_string()))?;
        let mut whole =
            Whole::begin(session, query(settings, &ldap), ldap, source.anchor.clone(), Marks::default());
        whole.place = place;
        Ok(whole)
    }

    async fn bind_password(&self, source: &Source) -> Result<Option<SecretString>, usher_store::StoreError> {
        let (store, id) = (self.store.clone(), source.id);
        self.read(move |on| source::secret(on, &store, id)).await
    }
}

/// What is searched for, of a source.
fn query(settings: &LdapSettings, ldap: &Ldap) -> Query {
    Query {
        base: settings.base.clone(),
        filter: settings.both(),
        attributes: ldap.attributes(),
        page: settings.page_size,
    }
}

async fn way(session: &Session, settings: &LdapSettings) -> Result<Way, String> {
    Ok(match settings.sync {
        LdapSync::Full => Way::Full,
        LdapSync::Timestamps => Way::Stamps,
        LdapSync::Syncrepl => Way::Sync,
        LdapSync::Auto if connect::announced(session).await?.sync() => Way::Sync,
        LdapSync::Auto => Way::Stamps,
    })
}

/// The entryUUID that an anchor's key holds.
pub(super) fn uuid_in(key: &str) -> Option<Uuid> {
    key.strip_prefix("entryUUID=").and_then(|id| Uuid::parse_str(id).ok())
}

fn key_of(id: Uuid) -> String {
    format!("entryUUID={id}")
}

impl Run<'_> {
    /// Reads people and groups into the ledger. `false`: nothing changed, so there is nothing more to do.
    pub(super) async fn read_ldap(&mut self, mode: Mode, progress: Watcher<'_>) -> Result<bool, SyncError> {
        let settings = self
            .source
            .settings
            .ldap()
            .cloned()
            .ok_or_else(|| SyncError::File("it reads no server".into()))?;
        let mapping = settings.mapping.as_deref();
        let ldap = Ldap::new(self.started, mapping).map_err(|error| SyncError::File(error.to_string()))?;
        let place = self.source.settings.place();
        let failed = |message: String| SyncError::File(format!("{place}: {message}"));
        let id = self.source.id;
        let (before, held) =
            self.of.read(move |on| Ok((state::get(on, id)?, rows::any_held(on, id)?))).await?;
        self.state = state::State { full: before.full, ..state::State::default() };
        let known = before.by_uuid && before.full.is_some() && before.looked.is_some();
        let partly = !held && known && before.pending.len() <= state::PENDING_MOST;
        let mut session = None;
        let delta = match mode {
            Mode::Full => None,
            Mode::Pushed(delta) => partly.then_some(*delta),
            Mode::Changes if partly => {
                let open = session.insert(self.open(&failed).await?);
                self.changes(open, &settings, &ldap, &before).await.map_err(&failed)?
            }
            Mode::Changes => None,
        };
        if let Some(mut delta) = delta {
            if delta.is_empty() {
                self.pending.extend(&before.pending);
                self.state = state::State { cookie: delta.cookie.or(before.cookie.clone()), ..before };
                self.counts.incremental = true;
                return Ok(false);
            }
            if delta::silent(&delta).next().is_some() {
                let open = match &session {
                    Some(open) => open,
                    None => session.insert(self.open(&failed).await?),
                };
                self.ask_who_is_in(open, &query(&settings, &ldap), &mut delta).await.map_err(&failed)?;
            }
            if self.take_delta(delta, &ldap, &before).await? {
                return Ok(true);
            }
        }
        let session = match session {
            Some(session) => session,
            None => self.open(&failed).await?,
        };
        self.everything(session, &settings, ldap, progress).await.map_err(|error| match error {
            Reading::Server(message) => failed(message),
            Reading::Run(error) => error,
        })?;
        Ok(true)
    }

    async fn open(&self, failed: &impl Fn(String) -> SyncError) -> Result<Session, SyncError> {
        self.of.session(&self.source, &mut |_, _| {}).await.map_err(|broken| failed(broken.to_string()))
    }

    /// Reads everything, page by page.
    async fn everything(
        &mut self,
        session: Session,
        settings: &LdapSettings,
        ldap: Ldap,
        progress: Watcher<'_>,
    ) -> Result<(), Reading> {
        (self.state.full, self.state.looked) = (Some(self.started), Some(self.started));
        let query = query(settings, &ldap);
        let (mut of, sync) = (0, way(&session, settings).await? == Way::Sync);
        // Before the first page: what changes while they are read is told by the next run.
        let cookie = async { if sync { sync::cookie_now(&session, &query).await } else { Ok(None) } };
        self.ledger = Ledger::keeping();
        let (known, cookie) = tokio::join!(self.know(), cookie);
        known.map_err(Reading::Run)?;
        if sync {
            match cookie? {
                Some((cookie, count)) => (self.state.cookie, of) = (Some(cookie), count),
                None if settings.sync == LdapSync::Auto => {}
                None => {
                    return Err(Reading::Server(
                        "the server does not serve sync replication below this base: --sync auto does without".into(),
                    ));
                }
            }
        }
        let marks = self.ledger.marks();
        let mut whole = Whole::begin(session, query, ldap, self.source.anchor.clone(), marks);
        let (mut staged, mut done) = (Vec::new(), 0_u64);
        while let Some(batch) = whole.batches.recv().await {
            done += batch.len() as u64;
            self.take(batch, &mut staged).map_err(Reading::Run)?;
            if staged.len() >= BATCH {
                self.stage(std::mem::take(&mut staged)).await.map_err(Reading::Run)?;
            }
            progress(Progress::Reading { done, of: of.max(done) });
        }
        whole.message().await?;
        self.stage(staged).await.map_err(Reading::Run)?;
        self.state.by_uuid = self.source.anchor.as_deref().is_none_or(|by| by == "entryUUID")
            && self.ledger.anchor() == Some("entryUUID");
        Ok(())
    }
}

/// Why not everything was read.
enum Reading {
    Server(String),
    Run(SyncError),
}

impl From<String> for Reading {
    fn from(message: String) -> Self {
        Self::Server(message)
    }
}

/// All entries of a server, as they come.
pub(super) struct Whole {
    pub(super) batches: mpsc::Receiver<Vec<Found>>,
    reading: JoinHandle<Result<(), String>>,
    place: String,
}

impl Whole {
    fn begin(session: Session, query: Query, ldap: Ldap, bound: Option<String>, marks: Marks) -> Self {
        let (to, batches) = mpsc::channel(2);
        // In a task of its own: the library panics at what is no LDAP.
        let reading = tokio::spawn(read_all(session, query, ldap, bound, marks, to));
        Self { batches, reading, place: String::new() }
    }

    async fn message(self) -> Result<(), String> {
        self.reading.await.unwrap_or_else(|_| Err("what the server sends is no LDAP".into()))
    }

    /// Whether that was all: an error means that nothing of it may be taken for the whole.
    pub(super) async fn ended(self) -> Result<(), SyncError> {
        let place = self.place.clone();
        self.message().await.map_err(|message| SyncError::File(format!("{place}: {message}")))
    }
}

async fn read_all(
    session: Session,
    query: Query,
    ldap: Ldap,
    bound: Option<String>,
    marks: Marks,
    to: mpsc::Sender<Vec<Found>>,
) -> Result<(), String> {
    let (page, mut pages) = mpsc::channel::<Vec<Record>>(2);
    let searching = tokio::spawn(async move {
        let mut batch = Vec::with_capacity(BATCH);
        let mut entries = search::Pages::new(&session, &query);
        while let Some(record) = entries.next().await? {
            batch.push(record);
            if batch.len() == BATCH && page.send(std::mem::take(&mut batch)).await.is_err() {
                return Ok(());
            }
        }
        let _ = page.send(batch).await;
        Ok::<(), String>(())
    });
    while let Some(records) = pages.recv().await {
        let found =
            records.into_iter().map(|record| ldap.found_new(record, bound.as_deref(), &marks)).collect();
        if to.send(found).await.is_err() {
            break;
        }
    }
    searching.await.unwrap_or_else(|_| Err("what the server sends is no LDAP".into()))
}
