//! The only async module: cycles, plans, tests and the run loop over a store and apps' transports.

mod batch;
mod cycle;
mod demand;
mod failure;
mod groups;
mod job;
mod judge;
mod missing;
mod moved;
mod outcome;
mod plan;
mod probe;
mod pushed;
mod serve;
mod tend;
mod way;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use usher_client::{
    AddressPolicy, Client, Diagnosis, Endpoint, HttpTransport, OAuth, Settings, Tokens, Transport,
};
use usher_directory::{Key, Kind, config::Configs};
use usher_jobs::{
    clock::Clock,
    lease::{Lease, Leases},
};
use usher_mapping::mapping::TargetAttribute;
use usher_scim::AttributePath;
use usher_store::{Lane, Snapshot, Store, Tx};

use crate::{
    app::{self, App, AppId, Credentials},
    attribute,
    cycle::Cycle,
    error::EngineError,
    impact::{self, Impact},
    plan::Plan,
};

pub use moved::Elsewhere;

/// Gives the way to an app's server: the real one shares an [`HttpTransport`] ([`over_http`]); tests call a router in process.
pub type Transports = Arc<dyn Fn(&App) -> Result<Arc<dyn Transport>, EngineError> + Send + Sync>;

/// The real way to apps: one pool of connections for all, to addresses that the policy allows.
///
/// # Errors
/// [`EngineError::Client`]: the pool can't be made (no trusted certificates, say).
pub fn over_http(policy: AddressPolicy, connect: Duration) -> Result<Transports, EngineError> {
    let shared: Arc<dyn Transport> =
        Arc::new(HttpTransport::new(policy, connect).map_err(usher_client::ClientError::from)?);
    Ok(Arc::new(move |_: &App| Ok(shared.clone())))
}

/// What a short read may take.
const READ: Duration = Duration::from_secs(10);

/// The access tokens of each app, by the version of its configuration.
type OfApps = HashMap<AppId, (i64, Arc<Tokens>)>;

/// The engine: everything it needs to work on apps. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    configs: Configs,
    clock: Clock,
    transports: Transports,
    leases: Arc<Leases>,
    /// Tokens of apps with an OAuth client, by the version of the app's configuration: a token is fetched once for many cycles.
    tokens: Arc<Mutex<OfApps>>,
    /// How many in this process wait for an app that a cycle works on.
    awaited: Arc<Mutex<HashMap<AppId, u32>>>,
}

/// Somebody waits for an app, as long as this lives: a cycle lets them in between two batches.
struct Awaiting<'e>(&'e Engine, AppId);

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        let mut all = self.0.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = all.get_mut(&self.1) {
            *n = n.saturating_sub(1);
        }
    }
}

impl Engine {
    /// An engine as one instance: it takes leases in its own name.
    pub fn new(store: Store, configs: Configs, clock: Clock, transports: Transports) -> Self {
        let leases = Arc::new(Leases::with_clock(store.clone(), clock.clone()));
        Self { store, configs, clock, transports, leases, tokens: Arc::default(), awaited: Arc::default() }
    }

    /// The directories' configurations that it was given.
    pub fn configs(&self) -> &Configs {
        &self.configs
    }

    /// Tests the connection with the app's kept (or, if given, another) secret token; changes nothing.
    pub async fn test(&self, app: AppId, instead: Option<SecretString>) -> Result<Diagnosis, EngineError> {
        self.test_with(app, instead.map(|secret| Credentials { oauth: None, secret })).await
    }

    /// The same with other credentials of either kind.
    pub async fn test_with(
        &self,
        app: AppId,
        instead: Option<Credentials>,
    ) -> Result<Diagnosis, EngineError> {
        let app = self.app(app).await?;
        let client = self.client(&app, instead).await?;
        Ok(self.probe(&app, &client).await)
    }

    /// What a cycle would do now, for everybody or only these; reads from the app, writes nothing anywhere.
    pub async fn plan(&self, app: AppId, only: Option<&[Key]>) -> Result<Plan, EngineError> {
        let app = self.app(app).await?;
        let client = self.client(&app, None).await?;
        plan::Planner::new(self, app, client).run(only).await
    }

    /// The attributes that an app announces and nobody knew of, and what of them can't be taken, with the reason. Changes nothing.
    ///
    /// # Errors
    /// [`EngineError::Client`]: the app has no `/Schemas`, or can't be asked.
    pub async fn discover(
        &self,
        app: AppId,
    ) -> Result<(Vec<(Kind, TargetAttribute)>, Vec<String>), EngineError> {
        let app = self.app(app).await?;
        let discovered = self.client(&app, None).await?.discover().await?;
        Ok(attribute::news(&app, &discovered))
    }

    /// Whom a change of mapping, filter or scope would touch: `changed` is the app as it would be. Reads from the app, writes nothing
    /// anywhere. What is to be done anyway is no part of it, and of an app that never began nobody is.
    ///
    /// # Errors
    /// [`EngineError::Client`]: the app can't be asked whom it has already.
    pub async fn impact(&self, changed: &App) -> Result<Impact, EngineError> {
        let present = self.app(changed.id).await?;
        let reads = present.clone();
        if !self.read(move |on| impact::has_begun(on, &reads)).await? {
            return Ok(Impact::default());
        }
        let client = self.client(&present, None).await?;
        let after = plan::Planner::new(self, Arc::new(changed.clone()), client.clone()).run(None).await?;
        let touched: Vec<Key> = after.items.iter().map(|item| item.key).collect();
        let before = plan::Planner::new(self, present, client).run(Some(&touched)).await?;
        Ok(Impact::between(before, after))
    }

    /// Runs a cycle to its end (goes on with one that was cut off); `progress` sees it after each batch. Objects that fail are in its
    /// counts and are tried again by later cycles. [`EngineError::Stopped`]: the app can't be worked with.
    pub async fn sync(
        &self,
        app: AppId,
        progress: &(dyn Fn(&Cycle) + Send + Sync),
    ) -> Result<Cycle, EngineError> {
        self.leased(app, progress, None).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Snapshot<'_>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.store.read(READ, work).await
    }

    async fn write<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.store.write(lane, work).await
    }

    async fn app(&self, id: AppId) -> Result<Arc<App>, EngineError> {
        let found = self.read(move |on| app::get(on, id)).await?;
        found.map(Arc::new).ok_or_else(|| EngineError::NoApp(id.0.to_string()))
    }

    async fn client(&self, app: &Arc<App>, instead: Option<Credentials>) -> Result<Client, EngineError> {
        let kept = instead.is_none();
        let credentials = match instead {
            Some(credentials) => credentials,
            None => {
                let (reads, store) = (app.clone(), self.store.clone());
                let secret = self.read(move |on| app::secret(on, &store, &reads)).await?;
                Credentials { oauth: app.oauth.clone(), secret }
            }
        };
        let settings = Settings {
            tenant_url: app.tenant_url.clone(),
            token: credentials.secret.clone(),
            wire: app.settings.wire(),
            connect: Duration::from_secs(app.settings.connect_timeout.into()),
            request: Duration::from_secs(app.settings.request_timeout.into()),
            rate: app.settings.rate_limit,
        };
        let transport = (self.transports)(app)?;
        let Some(oauth) = credentials.oauth else { return Ok(Client::new(settings, transport)) };
        let fresh = || {
            let oauth = OAuth {
                token_url: oauth.token_url.clone(),
                client_id: oauth.client_id.clone(),
                client_secret: credentials.secret.clone(),
                scope: oauth.scope.clone(),
            };
            Arc::new(Tokens::new(oauth, transport.clone()))
        };
        let tokens = if kept { self.tokens_of(app, fresh) } else { fresh() };
        Ok(Client::with_oauth(settings, transport, tokens))
    }

    /// The client for whoever holds this lease: none of its requests is under way when a successor may begin.
    async fn client_under(&self, app: &Arc<App>, lease: &Lease) -> Result<Client, EngineError> {
        Ok(under(&self.client(app, None).await?, app, lease))
    }

    fn tokens_of(&self, app: &App, fresh: impl FnOnce() -> Arc<Tokens>) -> Arc<Tokens> {
        let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(&app.id) {
            Some((version, tokens)) if *version == app.version => tokens.clone(),
            _ => {
                let tokens = fresh();
                all.insert(app.id, (app.version, tokens.clone()));
                tokens
            }
        }
    }

    fn awaiting(&self, app: AppId) -> Awaiting<'_> {
        *self.awaited.lock().unwrap_or_else(PoisonError::into_inner).entry(app).or_default() += 1;
        Awaiting(self, app)
    }

    fn is_awaited(&self, app: AppId) -> bool {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).get(&app).is_some_and(|n| *n > 0)
    }

    /// The connection test on the matching properties of what is mapped.
    async fn probe(&self, app: &App, client: &Client) -> Diagnosis {
        let first = |kind: Kind, fallback: &str| {
            let path = app.mapping(kind).matchers().first().map(|m| m.target.clone());
            path.or_else(|| AttributePath::parse(fallback).ok())
        };
        let users = first(Kind::User, "userName");
        let groups = if app.groups.enabled { first(Kind::Group, "displayName") } else { None };
        match users {
            Some(users) => client.test(&users, groups.as_ref()).await,
            // Both fall-backs parse; a diagnosis without steps would call everything well.
            None => Diagnosis::empty(),
        }
    }
}

fn under(client: &Client, app: &App, lease: &Lease) -> Client {
    let (lease, most) = (lease.clone(), Duration::from_secs(app.settings.request_timeout.into()));
    client.within(move || lease.request_limit(most))
}

fn endpoint(kind: Kind) -> Endpoint {
    match kind {
        Kind::User => Endpoint::Users,
        Kind::Group => Endpoint::Groups,
    }
}
