//! The API through its router, on SQLite and PostgreSQL, with a clock that moves when told.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails a test")]

mod reads;
mod sign_in;

use std::time::Duration;

use axum::{Router, body::Body};
use http::{HeaderMap, Request, header};
use serde_json::Value;
use tower::ServiceExt;
use usher_admin::{
    ALL_TABLES, Actor, Admin, Answer, Outcome,
    request::{self, Account, Token, Unit, UnitAct},
};
use usher_console::{Console, router};
use usher_directory::{DirectoryId, Environment, account, config::Configs, token, trail};
use usher_jobs::clock::Clock;
use usher_service::Settings;
use usher_store::{
    Lane, Sql, Store, StoreError, args,
    testing::{self, TestStore},
};
use uuid::Uuid;

/// An account `acme` and a program that reads its production environment.
pub(crate) struct World {
    pub(crate) admin: Admin,
    pub(crate) clock: Clock,
    pub(crate) token: String,
    store: Store,
    app: Router,
    runtime: tokio::runtime::Runtime,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body of an answer that went well.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!((self.status, self.header("content-type")), (200, "application/json"), "{self:?}");
        self.json()
    }

    /// Asserts a problem of this status and code, whole.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> String {
        let problem: usher_api::Problem = serde_json::from_str(&self.text).unwrap();
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!((self.status, problem.status, problem.code.as_str()), (status, status, code), "{self:?}");
        assert!(problem.detail.len() > 10 && !problem.title.is_empty(), "{problem:?}");
        assert!(Uuid::try_parse(self.header("x-request-id")).is_ok(), "{self:?}");
        problem.detail
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub(crate) fn both(test: impl Fn(&World)) {
    with(&Settings { rate: 0, bad_tokens: 0, ..Settings::default() }, test);
}

pub(crate) fn with(settings: &Settings, test: impl Fn(&World)) {
    let tables = [ALL_TABLES, &[trail::TABLES]].concat();
    testing::both(&tables, |store: &TestStore| test(&World::new(Store::clone(store), settings.clone())));
}

impl World {
    fn new(store: Store, settings: Settings) -> Self {
        let clock = Clock::still("2026-11-02T09:00:00Z".parse().unwrap(), 7);
        let admin = Admin::new(store.clone(), store.clone(), Configs::default(), clock.clone());
        let app = router(Console::new(admin.clone(), settings));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut world = Self { admin, clock, token: String::new(), store, app, runtime };
        let create = |name: &str| Account::Create { name: name.into(), profile: "4me".into() };
        world.ask(request::Request::Account(create("acme")));
        world.ask(request::Request::Account(create("globex")));
        world.token = world.issue("acme", "production");
        world
    }

    /// Does something at the machine.
    pub(crate) fn ask(&self, request: request::Request) -> Answer {
        match self.admin.handle(&Actor::machine("local:tester"), request).unwrap() {
            Outcome::Done(answer) => answer,
            Outcome::Work(work) => panic!("{work:?}"),
        }
    }

    pub(crate) fn issue(&self, account: &str, environment: &str) -> String {
        let request =
            Token::IssueApi { account: account.into(), environment: environment.into(), expires: None };
        match self.ask(request::Request::Token(request)) {
            Answer::IssuedToken(issued) => issued.secret.0,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn unit(&self, kind: &str, name: &str) -> Uuid {
        let act = UnitAct::Create { name: name.into() };
        let unit = Unit { kind: kind.into(), account: "acme".into(), environment: "production".into(), act };
        match self.ask(request::Request::Unit(unit)) {
            Answer::Unit(unit) => unit.id.parse().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn directory(&self, environment: Environment) -> DirectoryId {
        let account = self
            .store
            .block_read::<_, StoreError>(Duration::from_secs(10), |on| account::by_name(on, "acme"));
        let account = account.unwrap().unwrap();
        match environment {
            Environment::Production => account.production,
            Environment::Qa => account.qa,
        }
    }

    /// Writes a person as the rules leave one, governed by no record.
    pub(crate) fn person(&self, name: &str, fields: Fields) -> Uuid {
        const INSERT: Sql = Sql::same(
            "insert into person (directory, id, version, name, email, email_folded, organization, site, manager, \
             vip, disabled, contacts, addresses, created, updated) values ($1, $2, 1, $3, $4, $5, \
             (select key from unit where id = $6), (select key from unit where id = $7), \
             (select key from person where id = $8), $9, $10, $11, $11, $12, $12)",
        );
        let (id, now) = (self.clock.id(), self.clock.now());
        let directory = self.directory(fields.environment.unwrap_or(Environment::Production));
        let (name, email) = (name.to_owned(), format!("{name}@example.com"));
        self.store
            .block_write(Lane::Now, move |tx| {
                let folded = email.to_ascii_lowercase().into_bytes();
                let empty = b"[]".to_vec();
                tx.exec(
                    &INSERT,
                    args![
                        directory,
                        id,
                        name.as_str(),
                        email.as_str(),
                        folded,
                        fields.organization,
                        fields.site,
                        fields.manager,
                        false,
                        fields.disabled,
                        empty,
                        now
                    ],
                )
            })
            .unwrap();
        id
    }

    pub(crate) fn send(&self, method: &str, path: &str, authorization: Option<&str>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Body::empty()).unwrap();
        self.runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            Reply { status: parts.status.as_u16(), headers: parts.headers, text }
        })
    }

    /// Reads below the account's production environment.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", &format!("{ACME}{path}"), Some(&format!("Bearer {}", self.token)))
    }
}

/// Where `acme`'s production environment is read.
pub(crate) const ACME: &str = "/api/v1/accounts/acme/production";

/// What a person has; by default little.
#[derive(Default)]
pub(crate) struct Fields {
    pub(crate) environment: Option<Environment>,
    pub(crate) organization: Option<Uuid>,
    pub(crate) site: Option<Uuid>,
    pub(crate) manager: Option<Uuid>,
    pub(crate) disabled: bool,
}

/// A client's token for the SCIM service, and its id.
pub(crate) fn scim_token(world: &World) -> String {
    let request = Token::Issue {
        account: "acme".into(),
        environment: "production".into(),
        provider: "okta".into(),
        expires: None,
    };
    match world.ask(request::Request::Token(request)) {
        Answer::IssuedToken(issued) => issued.secret.0,
        other => panic!("{other:?}"),
    }
}

/// The provider of API tokens, as lists of tokens have it.
pub(crate) const API: &str = token::API;
