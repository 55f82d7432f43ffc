//! A small app: an axum router on a loopback port, and what it received.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use serde_json::{Value, json};
use usher_client::{AddressPolicy, Client, HttpTransport, Settings, Wire};

/// A request as the app saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query, as sent.
    pub(crate) target: String,
    pub(crate) authorization: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) body: Value,
}

type Answer = Arc<dyn Fn(&Seen) -> Response<Body> + Send + Sync>;

/// An app that answers each request by a function and keeps what it saw.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl App {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let answer: Answer = Arc::new(answer);
        let router = Router::new().fallback(receive).with_state((app.clone(), answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        app
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        url::Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        client(self.url("/scim/v2"))
    }
}

async fn receive(State((app, answer)): State<(App, Answer)>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let seen = Seen {
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().unwrap().to_string(),
        authorization: parts.headers.get("authorization").map(|v| v.to_str().unwrap().to_owned()),
        agent: parts.headers.get("user-agent").map(|v| v.to_str().unwrap().to_owned()),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    app.seen.lock().unwrap().push(seen.clone());
    answer(&seen)
}

pub(crate) fn settings(url: url::Url) -> Settings {
    Settings {
        tenant_url: url,
        token: "secret".into(),
        wire: Wire::Rfc,
        connect: Duration::from_secs(5),
        request: Duration::from_secs(5),
        rate: None,
    }
}

pub(crate) fn transport() -> Arc<HttpTransport> {
    Arc::new(HttpTransport::new(AddressPolicy { private: true }, Duration::from_secs(5)).unwrap())
}

pub(crate) fn client(url: url::Url) -> Client {
    with(settings(url))
}

pub(crate) fn with(settings: Settings) -> Client {
    Client::new(settings, transport())
}

pub(crate) fn answer(status: u16, kind: &str, body: impl Into<Body>) -> Response<Body> {
    Response::builder().status(status).header("content-type", kind).body(body.into()).unwrap()
}

pub(crate) fn scim(status: u16, body: &Value) -> Response<Body> {
    answer(status, "application/scim+json", body.to_string())
}

pub(crate) fn list(resources: &[Value]) -> Response<Body> {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"];
    scim(200, &json!({"schemas": schemas, "totalResults": resources.len(), "Resources": resources}))
}

pub(crate) fn path(text: &str) -> usher_scim::AttributePath {
    text.parse().unwrap()
}

pub(crate) fn object(value: Value) -> usher_scim::Object {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}
