//! An account with a token, and a service to call.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::{Router, body::Body};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt;
use usher_directory::{
    Environment, TABLES,
    account::{self, Account},
    config::Configs,
    token::{self, SecretToken},
    trail::{self, Entry, Query},
};
use usher_service::{Clock, Service, Settings, Trail, router};
use usher_store::{
    Lane, Store,
    testing::{TestStore, both},
};

pub(crate) const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub(crate) const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
pub(crate) const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// An account `acme` with a production token.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) account: Account,
    pub(crate) token: String,
    pub(crate) app: Router,
    now: Arc<AtomicI64>,
    /// Milliseconds that pass each time the service looks at its clock.
    tick: Arc<AtomicI64>,
    trail: Trail,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|v| v.to_str().unwrap()).unwrap_or_default()
    }

    /// Asserts the status, showing the answer when it is another.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// Asserts a SCIM error of this status and kind, with something to do in it.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, scim_type: Option<&str>) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{self:#?}");
        assert_eq!(self.body["status"], json!(status.to_string()), "{self:#?}");
        assert_eq!(self.body["scimType"].as_str(), scim_type, "{self:#?}");
        assert!(self.body["detail"].as_str().is_some_and(|d| d.len() > 10), "{self:#?}");
        assert_eq!(self.header("content-type"), "application/scim+json");
        assert!(uuid::Uuid::try_parse(self.header("x-request-id")).is_ok(), "{self:#?}");
        self
    }
}

/// Runs a test on both databases, with an account of this profile.
pub(crate) fn with(profile: &str, test: impl AsyncFn(&World)) {
    with_settings(profile, &unlimited(), test);
}

pub(crate) fn with_settings(profile: &str, settings: &Settings, test: impl AsyncFn(&World)) {
    both(&[TABLES, trail::TABLES], |store: &TestStore| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let world = World::new(Store::clone(store), profile, settings.clone()).await;
            test(&world).await;
        });
    });
}

/// Runs a test on both databases, seen by two instances; on PostgreSQL the second has connections of its own.
pub(crate) fn with_two(profile: &str, settings: &Settings, test: impl AsyncFn(&World, &World)) {
    both(&[TABLES, trail::TABLES], |store: &TestStore| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let world = World::new(Store::clone(store), profile, settings.clone()).await;
            let other = world.over(store.instance(), settings.clone());
            test(&world, &other).await;
        });
    });
}

/// Settings under which nobody is told to slow down, nor that a search takes too long on a busy machine.
pub(crate) fn unlimited() -> Settings {
    Settings { rate: 0, query: std::time::Duration::from_secs(60), ..Settings::default() }
}

impl World {
    pub(crate) async fn new(store: Store, profile: &str, settings: Settings) -> Self {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let now = Arc::new(AtomicI64::new(start.as_millisecond()));
        let tick = Arc::new(AtomicI64::new(0));
        let trail = Trail::start(store.clone());
        let app = app(&store, &now, &tick, &trail, settings);
        let name = profile.to_owned();
        let account: Account =
            store.write(Lane::Now, move |tx| account::create(tx, "acme", &name, start)).await.unwrap();
        let mut world = Self { store, account, token: String::new(), app, now, tick, trail };
        world.token = world.issue("other", None).await;
        world
    }

    /// The same as another instance sees it.
    pub(crate) fn over(&self, store: Store, settings: Settings) -> Self {
        let app = app(&store, &self.now, &self.tick, &self.trail, settings);
        Self { store, app, ..self.clone() }
    }

    /// Another account with a production token, on the same service.
    pub(crate) async fn tenant(&self, name: &str, profile: &str, strict: bool) -> Self {
        let (named, profile, now) = (name.to_owned(), profile.to_owned(), self.now());
        let made = self.store.write(Lane::Now, move |tx| {
            let account = account::create(tx, &named, &profile, now)?;
            account::set_strict(tx, account.id, strict)?;
            Ok::<_, account::AccountError>(account)
        });
        let mut world = Self {
            store: self.store.clone(),
            account: made.await.unwrap(),
            token: String::new(),
            app: self.app.clone(),
            now: self.now.clone(),
            tick: self.tick.clone(),
            trail: self.trail.clone(),
        };
        world.token = world.issue("other", None).await;
        world
    }

    /// What the production environment's clients sent, the newest first.
    pub(crate) async fn trail(&self, query: &Query) -> Vec<Entry> {
        self.trail.flush().await;
        let (directory, query) = (self.account.production, query.clone());
        let limit = std::time::Duration::from_secs(5);
        let found = self.store.read(limit, move |on| trail::find(on, directory, &query, None, 100)).await;
        let found: Result<trail::Found, usher_store::StoreError> = found;
        found.unwrap().entries
    }

    /// A new production token.
    pub(crate) async fn issue(&self, provider: &str, expires: Option<Timestamp>) -> String {
        let (secret, account, now) = (SecretToken::generate(), self.account.id, self.now());
        let (kept, provider) = (secret.clone(), provider.to_owned());
        self.store
            .write(Lane::Now, move |tx| {
                token::issue(tx, account, Environment::Production, &provider, expires, &kept, now)
            })
            .await
            .unwrap();
        secret.reveal().to_owned()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now.load(Ordering::Relaxed)).unwrap()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// From here on this many seconds pass each time the service looks at its clock.
    pub(crate) fn tick(&self, seconds: i64) {
        self.tick.store(seconds * 1000, Ordering::Relaxed);
    }

    pub(crate) async fn raw(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&bytes)))
        };
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// A request below `/scim/v2` with these headers beside the token.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/scim/v2{path}"))
            .header("host", "scim.example.com")
            .header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/scim+json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.raw(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &[], Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.send("PUT", path, &[], Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, operations: Value) -> Reply {
        self.send("PATCH", path, &[], Some(json!({"schemas": [PATCH], "Operations": operations}))).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], None).await
    }

    /// A user that is there; its id.
    pub(crate) async fn user(&self, name: &str) -> String {
        let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name});
        self.post("/Users", body).await.expect(201).id()
    }

    /// A group that is there; its id.
    pub(crate) async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": members,
        });
        self.post("/Groups", body).await.expect(201).id()
    }

    /// The ids of a group's members, sorted.
    pub(crate) async fn members(&self, group: &str) -> Vec<String> {
        let reply = self.get(&format!("/Groups/{group}")).await.expect(200);
        let all = reply.body["members"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<String> = all.iter().map(|m| m["value"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    }
}

fn app(
    store: &Store,
    now: &Arc<AtomicI64>,
    tick: &Arc<AtomicI64>,
    trail: &Trail,
    settings: Settings,
) -> Router {
    let (time, step) = (now.clone(), tick.clone());
    let clock = Clock::new(
        move || {
            let passed = step.load(Ordering::Relaxed);
            Timestamp::from_millisecond(time.fetch_add(passed, Ordering::Relaxed)).unwrap()
        },
        uuid::Uuid::now_v7,
    );
    router(Service::new(store.clone(), Configs::default(), clock, settings).trailed(trail.clone()))
}

/// A filter as part of a path.
pub(crate) fn filter(text: &str) -> String {
    let encoded = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    format!("filter={encoded}")
}
