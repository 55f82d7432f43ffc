//! A directory, an app and the engine between them, in one store.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use usher_client::{Answering, InProcess, Transport, TransportError};
use usher_directory::{
    DirectoryId, Environment, Key, Kind, ObjectId, account,
    config::Configs,
    object::{self, Cause, Draft, MemberOp, Stored},
    token::{self, SecretToken},
};
use usher_engine::{
    AppId, Engine, EngineError,
    app::{self, NewApp, Scope},
    assignment,
    cycle::Cycle,
    log,
    plan::Plan,
};
use usher_jobs::clock::Clock;
use usher_scim::Object;
use usher_store::{Lane, Snapshot, Store, StoreError, Tables, Tx, testing};

/// Every table that both sides need.
pub(crate) const TABLES: &[Tables] = &[usher_directory::TABLES, usher_jobs::TABLES, usher_engine::TABLES];

/// What happens to a request on its way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// The app never sees it; this comes back.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The app does it; the answer is lost.
    Lost,
    /// Nothing ever comes back, and the app never sees it.
    HangBefore,
    /// The app does it; nothing ever comes back.
    HangAfter,
    /// Nobody listens at the app's address.
    Refused,
    /// The app gets it late.
    Late(Duration),
    /// Nothing comes back in time; the app never sees it, or does it.
    Timeout { done: bool },
    /// The app does it; of its answer the first half comes back.
    Half,
    /// The app gets it twice, and answers the second time.
    Twice,
}

type Rule = Box<dyn Fn(&http::Request<Bytes>) -> Option<Fault> + Send + Sync>;

/// Between engine and app: counts, and makes faults by rule.
pub(crate) struct Wire {
    inner: Arc<dyn Transport>,
    rule: Mutex<Rule>,
    seen: Mutex<Vec<(String, String)>>,
    /// How many requests hang.
    pub(crate) hung: AtomicUsize,
    pub(crate) notify: tokio::sync::Notify,
}

impl Transport for Wire {
    fn send<'a>(&'a self, request: http::Request<Bytes>, limit: Duration) -> Answering<'a> {
        self.seen.lock().unwrap().push((request.method().to_string(), request.uri().to_string()));
        let fault = (self.rule.lock().unwrap())(&request);
        Box::pin(async move {
            match fault {
                None => self.inner.send(request, limit).await,
                Some(Fault::Answer(status, headers, body)) => {
                    let mut answer = http::Response::builder().status(status);
                    for (name, value) in headers {
                        answer = answer.header(name, value);
                    }
                    Ok(answer.body(Bytes::from(body)).unwrap())
                }
                Some(Fault::Lost) => {
                    self.inner.send(request, limit).await?;
                    Err(TransportError::Broken("the answer was lost".into()))
                }
                Some(Fault::Refused) => {
                    Err(TransportError::Connect("localhost".into(), "connection refused".into()))
                }
                Some(Fault::Late(by)) => {
                    tokio::time::sleep(by).await;
                    self.inner.send(request, limit).await
                }
                Some(Fault::Timeout { done }) => {
                    if done {
                        self.inner.send(request, limit).await?;
                    }
                    tokio::time::sleep(limit).await;
                    Err(TransportError::Timeout(limit))
                }
                Some(Fault::Half) => {
                    let answer = self.inner.send(request, limit).await?;
                    Ok(answer.map(|body| body.slice(..body.len() / 2)))
                }
                Some(Fault::Twice) => {
                    self.inner.send(request.clone(), limit).await?;
                    self.inner.send(request, limit).await
                }
                Some(Fault::HangBefore) => self.hang().await,
                Some(Fault::HangAfter) => {
                    self.inner.send(request, limit).await?;
                    self.hang().await
                }
            }
        })
    }
}

impl Wire {
    fn over(inner: Arc<dyn Transport>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            rule: Mutex::new(Box::new(|_| None)),
            seen: Mutex::default(),
            hung: AtomicUsize::new(0),
            notify: tokio::sync::Notify::new(),
        })
    }

    async fn hang(&self) -> Result<http::Response<Bytes>, TransportError> {
        self.hung.fetch_add(1, Ordering::SeqCst);
        self.notify.notify_one();
        std::future::pending().await
    }
    /// From now on faults come by this rule.
    pub(crate) fn rule(&self, rule: impl Fn(&http::Request<Bytes>) -> Option<Fault> + Send + Sync + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }
    pub(crate) fn heal(&self) {
        self.rule(|_| None);
    }
    /// (all requests, those that write) since the last call.
    pub(crate) fn take(&self) -> (usize, usize) {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        (seen.len(), seen.iter().filter(|(method, _)| method != "GET").count())
    }
    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().clone()
    }
}

/// The shared transport as one of the client's own.
struct Shared(Arc<Wire>);
impl Transport for Shared {
    fn send<'a>(&'a self, request: http::Request<Bytes>, limit: Duration) -> Answering<'a> {
        self.0.send(request, limit)
    }
}

pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) configs: Configs,
    pub(crate) clock: Clock,
    pub(crate) wire: Arc<Wire>,
    pub(crate) engine: Engine,
    pub(crate) directory: DirectoryId,
    pub(crate) there: DirectoryId,
    pub(crate) app: AppId,
}

/// A rig over each database, with an app of that template against an account of that profile.
pub(crate) fn rigs(template: &str, profile: &str) -> Vec<(testing::TestStore, Rig)> {
    testing::stores(TABLES)
        .into_iter()
        .map(|store| {
            let rig = Rig::new(&store, template, profile);
            (store, rig)
        })
        .collect()
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a test on both databases, with the generic template against the standard profile.
pub(crate) fn both<F: Future<Output = ()>>(test: impl Fn(Rig) -> F) {
    both_as("scim", "standard", test);
}

pub(crate) fn both_as<F: Future<Output = ()>>(template: &str, profile: &str, test: impl Fn(Rig) -> F) {
    let runtime = runtime();
    let _inside = runtime.enter();
    for (store, rig) in rigs(template, profile) {
        runtime.block_on(test(rig));
        drop(store);
    }
}

pub(crate) fn start() -> Timestamp {
    "2026-11-02T08:00:00Z".parse().unwrap()
}

impl Rig {
    pub(crate) fn new(store: &Store, template: &str, profile: &str) -> Self {
        Self::with_clock(store, template, profile, Clock::simulated(start(), 7))
    }

    /// With a clock, and so chance, of the test's own.
    pub(crate) fn with_clock(store: &Store, template: &str, profile: &str, clock: Clock) -> Self {
        Self::built(store, template, profile, clock, |app| (app, "http://localhost/scim/v2".to_owned()))
    }

    /// With another way to the app: `way` is given the app in process, and gives what the engine speaks to and the tenant URL.
    pub(crate) fn built(
        store: &Store,
        template: &str,
        profile: &str,
        clock: Clock,
        way: impl FnOnce(Box<dyn Transport>) -> (Box<dyn Transport>, String),
    ) -> Self {
        let (store, configs) = (store.clone(), Configs::default());
        let (of, ids) = (clock.clone(), clock.clone());
        let service = usher_service::Service::new(
            store.clone(),
            configs.clone(),
            usher_service::Clock::new(move || of.now(), move || ids.id()),
            usher_service::Settings { rate: 0, ..usher_service::Settings::default() },
        );
        let (inner, tenant_url) = way(Box::new(InProcess(usher_service::router(service))));
        let token = SecretToken::generate();
        let secret = SecretString::from(token.reveal().to_owned());
        let (now, template, profile) = (clock.now(), template.to_owned(), profile.to_owned());
        let sealing = store.clone();
        let (directory, there, app) = store
            .block_write(Lane::Now, move |tx| {
                let directory = account::create_directory(tx, "corp", now).unwrap();
                let acme = account::create(tx, "acme", &profile, now).unwrap();
                token::issue(tx, acme.id, Environment::Production, "other", None, &token, now).unwrap();
                let new = NewApp {
                    name: "app".into(),
                    template: template.clone(),
                    directory,
                    tenant_url: tenant_url.clone(),
                    secret: secret.clone(),
                    plain_http: false,
                };
                let app = app::add(tx, &sealing, &new, now)?;
                // Limits of ours would only make tests slow.
                app::set(tx, &app, &[("rate_limit".into(), "off".into())])?;
                Ok::<_, EngineError>((directory, acme.production, app.id))
            })
            .unwrap();
        let wire = Wire::over(inner.into());
        let engine = engine(&store, &configs, &clock, &wire);
        Self { store, configs, clock, wire, engine, directory, there, app }
    }

    /// An engine as another instance has it: with connections, caches and a wire of its own.
    pub(crate) fn instance(&self, store: &Store) -> (Engine, Arc<Wire>) {
        let wire = Wire::over(Arc::clone(&self.wire.inner));
        (engine(store, &Configs::default(), &self.clock, &wire), wire)
    }

    /// The way to the app itself, past what counts and what goes wrong.
    pub(crate) fn to_the_app(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.wire.inner)
    }

    /// Another instance, or this one after a crash.
    pub(crate) fn another(&self) -> Engine {
        engine(&self.store, &self.configs, &self.clock, &self.wire)
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Tx<'_>) -> T + Send + 'static,
    ) -> T {
        let work = move |tx: &mut Tx<'_>| Ok::<T, EngineError>(work(tx));
        blocking(|| self.store.block_write(Lane::Now, work)).unwrap()
    }
    /// A read goes by errors: the store may run it again where one statement was not enough.
    pub(crate) fn read<T: Send + 'static, E: Into<EngineError>>(
        &self,
        mut work: impl FnMut(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
    ) -> T {
        self.try_read(move |on| work(on).map_err(Into::into)).unwrap()
    }
    pub(crate) fn try_read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Snapshot<'_>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        blocking(|| self.store.block_read(Duration::from_secs(10), work))
    }

    pub(crate) async fn sync(&self) -> Cycle {
        self.engine.sync(self.app, &|_| {}).await.unwrap()
    }
    pub(crate) async fn plan(&self) -> Plan {
        self.engine.plan(self.app, None).await.unwrap()
    }

    // The directory's side.

    pub(crate) fn user(&self, name: &str, more: Value) -> Stored {
        let mut doc = json!({
            "userName": name, "active": true, "displayName": name.to_uppercase(),
            "name": {"givenName": name, "familyName": "Test"},
            "emails": [{"type": "work", "value": format!("{name}@example.com")}],
        });
        merge(&mut doc, more);
        self.put(Kind::User, doc)
    }

    /// So many users at once, in one transaction.
    pub(crate) fn many_users(&self, most: usize) {
        let (directory, configs, now) = (self.directory, self.configs.clone(), self.clock.now());
        self.write(move |tx| {
            let config = configs.get(tx, directory).unwrap().unwrap();
            for n in 0..most {
                let Value::Object(doc) = json!({"userName": format!("many{n:05}"), "active": true}) else {
                    panic!()
                };
                let id = ObjectId(uuid::Uuid::now_v7());
                let draft = Draft::create(&config, Kind::User, id, &doc, now).unwrap();
                object::put(tx, directory, &draft).unwrap();
            }
        });
    }

    pub(crate) fn group(&self, name: &str, members: &[&Stored]) -> Stored {
        let group = self.put(Kind::Group, json!({"displayName": name}));
        self.members(&group, MemberOp::Add(members.iter().map(|m| m.id).collect()));
        group
    }

    fn put(&self, kind: Kind, doc: Value) -> Stored {
        let (directory, configs, now) = (self.directory, self.configs.clone(), self.clock.now());
        let Value::Object(doc) = doc else { panic!("an object") };
        let id = ObjectId(self.clock.id());
        self.write(move |tx| {
            let config = configs.get(tx, directory).unwrap().unwrap();
            let draft = Draft::create(&config, kind, id, &doc, now).unwrap();
            object::put(tx, directory, &draft).unwrap()
        })
    }

    pub(crate) fn edit(&self, what: &Stored, change: Value) -> Stored {
        let (directory, configs, now, id) = (self.directory, self.configs.clone(), self.clock.now(), what.id);
        self.write(move |tx| {
            let config = configs.get(tx, directory).unwrap().unwrap();
            let was = object::get(tx, directory, id).unwrap().unwrap();
            let mut doc = Value::Object(was.object().unwrap());
            merge(&mut doc, change.clone());
            let Value::Object(doc) = doc else { panic!("an object") };
            object::put(tx, directory, &Draft::replace(&config, &was, &doc, now).unwrap()).unwrap()
        })
    }

    pub(crate) fn mark_deleted(&self, what: &Stored, deleted: bool) {
        let (directory, now, id) = (self.directory, self.clock.now(), what.id);
        self.write(move |tx| {
            let was = object::get(tx, directory, id).unwrap().unwrap();
            let draft = Draft::mark_deleted(&was, deleted.then_some(now), now);
            object::put(tx, directory, &draft).unwrap();
        });
    }

    pub(crate) fn purge(&self, what: &Stored) {
        let (directory, configs, now, id) = (self.directory, self.configs.clone(), self.clock.now(), what.id);
        self.write(move |tx| {
            let config = configs.get(tx, directory).unwrap().unwrap();
            let was = object::get(tx, directory, id).unwrap().unwrap();
            object::put(tx, directory, &Draft::remove(&config, &was, now).unwrap()).unwrap();
        });
    }

    pub(crate) fn members(&self, group: &Stored, op: MemberOp) {
        let (directory, key, now) = (self.directory, group.key, self.clock.now());
        self.write(move |tx| {
            object::members(tx, directory, key, None, std::slice::from_ref(&op), Cause::default(), now)
                .unwrap();
        });
    }

    // The app's configuration.

    pub(crate) fn app(&self) -> app::App {
        let id = self.app;
        self.read(move |on| app::get(on, id)).unwrap()
    }
    pub(crate) fn scope(&self, scope: Scope) {
        let app = self.app();
        self.write(move |tx| app::set_scope(tx, &app, scope).unwrap());
    }
    pub(crate) fn set(&self, key: &str, value: &str) {
        let (app, pair) = (self.app(), (key.to_owned(), value.to_owned()));
        self.write(move |tx| drop(app::set(tx, &app, std::slice::from_ref(&pair)).unwrap()));
    }
    pub(crate) fn assign(&self, what: &Stored) {
        self.assign_as(what, None);
    }
    pub(crate) fn assign_as(&self, what: &Stored, role: Option<&str>) {
        let (app, key, kind, now) = (self.app(), what.key, what.kind, self.clock.now());
        let role = assignment::role(&app, role).unwrap();
        self.write(move |tx| assert!(assignment::assign(tx, &app, key, kind, &role, now).unwrap()));
    }
    /// Assigns with the app's default role and these terms.
    pub(crate) fn grant(&self, what: &Stored, terms: assignment::Terms) {
        let (app, of, now) = (self.app(), (what.key, what.kind), self.clock.now());
        let role = assignment::role(&app, None).unwrap();
        self.write(move |tx| assert!(assignment::assign_on(tx, &app, of, &role, &terms, now).unwrap()));
    }
    /// Changes a mapping, as its TOML table.
    pub(crate) fn mapping(&self, kind: Kind, change: impl FnOnce(&mut toml::Table)) {
        let (app, configs, directory) = (self.app(), self.configs.clone(), self.directory);
        let mut table = app.mapping(kind).to_toml();
        change(&mut table);
        let mapping = usher_mapping::ObjectMapping::from_toml(&table).unwrap();
        self.write(move |tx| {
            let config = configs.get(tx, directory).unwrap().unwrap();
            app::set_mapping(tx, &app, &config, kind, &mapping).unwrap();
        });
    }
    pub(crate) fn unassign(&self, what: &Stored) {
        let (app, key, kind) = (self.app(), what.key, what.kind);
        self.write(move |tx| assert!(assignment::unassign(tx, &app, key, kind, None).unwrap()));
    }

    // What stands in the app.

    /// The app's users by userName.
    pub(crate) fn users_there(&self) -> BTreeMap<String, (ObjectId, bool, Object)> {
        let there = self.there;
        self.read(move |on| {
            let users = object::walk(on, there, Kind::User, None, 1_000, true)?;
            Ok::<_, StoreError>(
                users
                    .into_iter()
                    .map(|o| (o.name().to_owned(), (o.id, o.active, o.object().unwrap())))
                    .collect(),
            )
        })
    }
    pub(crate) fn user_there(&self, name: &str) -> (ObjectId, bool, Object) {
        self.users_there().remove(name).unwrap_or_else(|| panic!("no {name} in the app"))
    }
    pub(crate) fn active_there(&self) -> Vec<String> {
        self.users_there().into_iter().filter(|(_, (_, active, _))| *active).map(|(name, _)| name).collect()
    }
    /// The app's groups with their members' userNames.
    pub(crate) fn groups_there(&self) -> BTreeMap<String, Vec<String>> {
        let there = self.there;
        self.read(move |on| {
            let groups = object::walk(on, there, Kind::Group, None, 1_000, true)?;
            let mut found = BTreeMap::new();
            for group in groups {
                let members = object::members_of(on, there, group.key, None, 1_000)?;
                let mut names: Vec<String> = members.into_iter().map(|m| m.name).collect();
                names.sort();
                found.insert(group.name().to_owned(), names);
            }
            Ok::<_, StoreError>(found)
        })
    }
    /// The userName of whom the app has as somebody's manager.
    pub(crate) fn manager_there(&self, name: &str) -> Option<String> {
        let users = self.users_there();
        let (_, _, doc) = &users[name];
        let manager =
            doc.get(usher_scim::schema::ENTERPRISE)?.get("manager")?.get("value")?.as_str()?.to_owned();
        users.iter().find(|(_, (id, ..))| id.0.to_string() == manager).map(|(name, _)| name.clone())
    }
    /// Puts an account into the app behind the engine's back.
    pub(crate) fn account_there(&self, doc: Value) -> ObjectId {
        let (there, configs, now) = (self.there, self.configs.clone(), self.clock.now());
        let Value::Object(doc) = doc else { panic!("an object") };
        let id = ObjectId(uuid::Uuid::now_v7());
        self.write(move |tx| {
            let config = configs.get(tx, there).unwrap().unwrap();
            object::put(tx, there, &Draft::create(&config, Kind::User, id, &doc, now).unwrap()).unwrap();
        });
        id
    }

    /// The log, oldest first: (action, status, whose, error code).
    pub(crate) fn logged(&self) -> Vec<(String, String, String, String)> {
        let app = self.app;
        let entries = self.read(move |on| log::page(on, app, &log::Query::default(), 10_000));
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        entries
            .into_iter()
            .map(|e| {
                let d = e.document;
                (
                    text(&d["provisioningAction"]),
                    text(&d["provisioningStatusInfo"]["status"]),
                    text(&d["sourceIdentity"]["displayName"]),
                    text(&d["provisioningStatusInfo"]["errorInformation"]["errorCode"]),
                )
            })
            .collect()
    }
    pub(crate) fn keys(&self, of: &[&Stored]) -> Vec<Key> {
        of.iter().map(|s| s.key).collect()
    }
}

/// In a simulation there is one thread, and its store answers at once.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let handle = tokio::runtime::Handle::current();
    match handle.runtime_flavor() {
        tokio::runtime::RuntimeFlavor::CurrentThread => work(),
        _ => tokio::task::block_in_place(work),
    }
}

fn engine(store: &Store, configs: &Configs, clock: &Clock, wire: &Arc<Wire>) -> Engine {
    let wire = wire.clone();
    let transports = Arc::new(move |_: &app::App| {
        let transport: Arc<dyn Transport> = Arc::new(Shared(wire.clone()));
        Ok(transport)
    });
    Engine::new(store.clone(), configs.clone(), clock.clone(), transports)
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                if value.is_null() {
                    into.remove(&name);
                } else {
                    merge(into.entry(name).or_insert(Value::Null), value);
                }
            }
        }
        (into, more) => *into = more,
    }
}

/// As [`Rig::user`]'s third argument: a manager.
pub(crate) fn managed_by(manager: &Stored) -> Value {
    json!({ (usher_scim::schema::ENTERPRISE): { "manager": { "value": manager.id.0.to_string() } } })
}

/// Waits until something holds, half a minute at most.
pub(crate) async fn until(rig: &Rig, holds: impl Fn(&Rig) -> bool) {
    for _ in 0..3_000 {
        if holds(rig) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to hold");
}
