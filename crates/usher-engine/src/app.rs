//! Applications: what is configured of them, with the secret sealed.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;
use usher_directory::{DirectoryId, Kind, feed};
use usher_jobs::{
    mail,
    work::{self, Queue},
};
use usher_mapping::{
    ObjectMapping,
    mapping::{Mapped, Writer},
    scoping::GROUPS,
};
use usher_scim::{Object, ScimError};
use usher_store::{FromRow, Row, Snapshot, Sql, Store, StoreError, Tx, Value};

use crate::{
    cycle::walk,
    error::EngineError,
    gallery::{self, Target, Template},
    heart, limit,
    settings::Settings,
};

mod access;

pub use self::access::{
    Accounts, Credentials, OAuthClient, move_to, secret, set_credentials, set_expires, set_secret,
    set_tenant_url,
};
pub use crate::mapping::{force_mapping, set_mapping};

/// An app's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(pub i64);

/// Who is provisioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Assigned users and groups, and members of assigned groups.
    Assigned = 1,
    /// Everybody in the directory.
    All = 2,
}

impl std::str::FromStr for Scope {
    type Err = EngineError;
    fn from_str(text: &str) -> Result<Self, EngineError> {
        match text {
            "assigned" => Ok(Self::Assigned),
            "all" => Ok(Self::All),
            _ => Err(EngineError::Setting(format!("the scope is assigned or all, not {text}"))),
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Assigned => "assigned",
            Self::All => "all",
        })
    }
}

/// An app, ready to use.
#[derive(Debug, Clone)]
pub struct App {
    /// Its key.
    pub id: AppId,
    /// Its name in commands.
    pub name: String,
    /// The gallery app it was made from.
    pub template: Arc<Template>,
    /// Its resource types, with what its mappings add.
    pub target: Arc<Target>,
    /// Where its users and groups come from.
    pub directory: DirectoryId,
    /// Its queue of work.
    pub queue: Queue,
    /// When it was added.
    pub created: Timestamp,
    /// Rises with each change of its configuration.
    pub version: i64,
    /// Whether cycles run by themselves.
    pub enabled: bool,
    /// Who is provisioned.
    pub scope: Scope,
    /// Base URL of its SCIM endpoint.
    pub tenant_url: Url,
    /// Whether a secret token is kept (sealed; [`secret`] opens it).
    pub has_secret: bool,
    /// The OAuth client whose secret is kept; `None`: the secret is a token itself.
    pub oauth: Option<OAuthClient>,
    /// When the secret token expires, as the gallery's token lifetime or whoever gave it says; `None`: not known.
    pub expires: Option<Timestamp>,
    /// Settings.
    pub settings: Settings,
    /// Mapping of users.
    pub users: ObjectMapping,
    /// Mapping of groups.
    pub groups: ObjectMapping,
    /// The rows of both, made ready to write.
    writers: Arc<[Writer; 2]>,
}

impl App {
    /// The mapping of a kind.
    pub fn mapping(&self, kind: Kind) -> &ObjectMapping {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
        }
    }
    /// What is to be there, as a document of the app's type: values that [`App::mapping`] gave. Errors as
    /// [`usher_mapping::mapping::document`].
    pub fn document(&self, kind: Kind, mapped: &[Mapped]) -> Result<Object, ScimError> {
        let [users, groups] = &*self.writers;
        let writer = match kind {
            Kind::User => users,
            Kind::Group => groups,
        };
        writer.document(self.target.of(kind), mapped)
    }
    /// The app as it would be with another mapping of a kind; nothing is saved.
    #[must_use]
    pub fn with_mapping(&self, kind: Kind, mapping: ObjectMapping) -> Self {
        let (users, groups) = match kind {
            Kind::User => (mapping, self.groups.clone()),
            Kind::Group => (self.users.clone(), mapping),
        };
        let (target, writers) = ready(&self.template, &users, &groups);
        Self { target, users, groups, writers, ..self.clone() }
    }
    /// The app as it would be with another scope; nothing is saved.
    #[must_use]
    pub fn with_scope(&self, scope: Scope) -> Self {
        Self { scope, ..self.clone() }
    }
    /// When a token given now expires, as the gallery says how long the app's tokens live.
    pub fn token_expires(&self, now: Timestamp) -> Option<Timestamp> {
        expiry(&self.template, now)
    }
    /// Whether the mapping or scoping filter of a kind reads the groups that an object is in.
    pub fn reads_groups(&self, kind: Kind) -> bool {
        self.mapping(kind).mentions(GROUPS)
    }
    /// The name of its place in the directory's feed and of its queue and lease.
    pub fn consumer(&self) -> String {
        consumer(self.id)
    }
}

/// The resource types with what the mappings add, and the rows made ready to write.
fn ready(
    template: &Template,
    users: &ObjectMapping,
    groups: &ObjectMapping,
) -> (Arc<Target>, Arc<[Writer; 2]>) {
    let of = template.target();
    let target = Target { user: users.target(&of.user), group: groups.target(&of.group) };
    let writers = Arc::new([users.writer(&target.user), groups.writer(&target.group)]);
    (Arc::new(target), writers)
}

fn expiry(template: &Template, now: Timestamp) -> Option<Timestamp> {
    let days = jiff::SignedDuration::from_hours(24 * i64::from(template.token_days?));
    now.checked_add(days).ok()
}

pub(crate) fn consumer(id: AppId) -> String {
    format!("app/{}", id.0)
}

/// An app to add. Checked by [`NewApp::check`] before the transaction.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// Its name.
    pub name: String,
    /// `--from`.
    pub template: String,
    /// Its directory.
    pub directory: DirectoryId,
    /// Base URL.
    pub tenant_url: String,
    /// The secret token.
    pub secret: SecretString,
    /// Whether `http://` may name other hosts than loopback ones.
    pub plain_http: bool,
}

/// What brackets find beside the directory object's own attributes.
pub const NAMED: &[&str] = &["objectId", "IsSoftDeleted", "appRoleAssignments", ORIGINAL_NAME, GROUPS];

/// The user name as the directory has it: of a guest it differs from `[userPrincipalName]` ([`crate::scope`]).
pub const ORIGINAL_NAME: &str = "originalUserPrincipalName";

struct Raw {
    id: i64,
    name: String,
    template: String,
    directory: i64,
    queue: i64,
    created: Timestamp,
    version: i64,
    enabled: bool,
    scope: i64,
    tenant_url: String,
    has_secret: bool,
    settings: String,
    users: String,
    groups: String,
    oauth: Option<String>,
    expires: Option<Timestamp>,
}

impl FromRow for Raw {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            template: row.get(2)?,
            directory: row.get(3)?,
            queue: row.get(4)?,
            created: row.get(5)?,
            version: row.get(6)?,
            enabled: row.get(7)?,
            scope: row.get(8)?,
            tenant_url: row.get(9)?,
            has_secret: row.get(10)?,
            settings: row.get(11)?,
            users: row.get(12)?,
            groups: row.get(13)?,
            oauth: row.get(14)?,
            expires: row.get(15)?,
        })
    }
}

impl Raw {
    fn read(self) -> Result<App, EngineError> {
        let template = gallery::get(&self.template)?;
        let broken = |what: &str, e: String| {
            StoreError::Bug(format!("app {}: its {what} can't be read: {e}", self.id))
        };
        let settings = serde_json::from_str(&self.settings).map_err(|e| broken("settings", e.to_string()))?;
        let tenant_url = Url::parse(&self.tenant_url).map_err(|e| broken("tenant URL", e.to_string()))?;
        let users = parse_mapping(&self.users)?;
        let groups = parse_mapping(&self.groups)?;
        let (target, writers) = ready(&template, &users, &groups);
        Ok(App {
            id: AppId(self.id),
            name: self.name,
            target,
            template,
            directory: DirectoryId(self.directory),
            queue: Queue(self.queue),
            created: self.created,
            version: self.version,
            enabled: self.enabled,
            scope: if self.scope == Scope::All as i64 { Scope::All } else { Scope::Assigned },
            tenant_url,
            has_secret: self.has_secret,
            oauth: self.oauth.map(|text| serde_json::from_str(&text)).transpose().map_err(|e| {
                StoreError::Bug(format!("app {}: its OAuth client can't be read: {e}", self.id))
            })?,
            expires: self.expires,
            settings,
            users,
            groups,
            writers,
        })
    }
}

fn parse_mapping(text: &str) -> Result<ObjectMapping, EngineError> {
    let table: toml::Table =
        toml::from_str(text).map_err(|e| usher_mapping::mapping::MappingError::Toml(e.to_string()))?;
    Ok(ObjectMapping::from_toml(&table)?)
}

const INSERT: Sql = Sql::same(
    "insert into app (name, template, directory, queue, created, version, enabled, scope, tenant_url, secret, settings, \
     user_map, group_map) values ($1, $2, $3, $4, $5, 1, $6, $7, $8, null, $9, $10, $11) \
     on conflict (name) do nothing returning id",
);
const INSERT_RUN: Sql =
    Sql::same("insert into run (app, kind, planned, done, counts) values ($1, 0, 0, 0, '{}')");
macro_rules! select {
    ($which:literal) => {
        Sql::same(concat!(
            "select id, name, template, directory, queue, created, version, enabled, scope, tenant_url, secret is not null, \
             settings, user_map, group_map, oauth, expires from app ",
            $which
        ))
    };
}
const BY_ID: Sql = select!("where id = $1");
const BY_NAME: Sql = select!("where name = $1");
const LIST: Sql = select!("order by name limit 10000");
const SET_ENABLED: Sql = Sql::same("update app set enabled = $2, version = version + 1 where id = $1");
const SET_SCOPE: Sql = Sql::same("update app set scope = $2, version = version + 1 where id = $1");
const SET_SETTINGS: Sql =
    Sql::same("update app set settings = $3, version = version + 1 where id = $1 and version = $2");

impl NewApp {
    /// Everything that can be wrong with it and needs no database.
    pub fn check(&self) -> Result<(), EngineError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty()
            || self.name.len() > 64
            || !self.name.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !self.name.chars().all(plain)
        {
            return Err(EngineError::AppName(self.name.clone()));
        }
        gallery::get(&self.template)?;
        check_url(&self.tenant_url, self.plain_http).map(drop)
    }
}

/// Reads a tenant URL: `https`, or `http` to a loopback host (or anywhere, with `plain_http`).
pub fn check_url(text: &str, plain_http: bool) -> Result<Url, EngineError> {
    let wrong = |why: &str| EngineError::TenantUrl { url: text.to_owned(), why: why.to_owned() };
    let url =
        Url::parse(text.trim()).map_err(|e| wrong(&format!("{e}; it looks like https://host/scim/v2")))?;
    let host = url.host().ok_or_else(|| wrong("it names no host"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it holds a user or password; the secret token is given apart"));
    }
    let loopback = match host {
        url::Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        url::Host::Ipv4(ip) => ip.is_loopback(),
        url::Host::Ipv6(ip) => ip.is_loopback(),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback || plain_http => Ok(url),
        "http" => Err(wrong("http:// would send the secret token in the clear; use https://")),
        other => Err(wrong(&format!("{other}:// is not https://"))),
    }
}

/// Adds an app, off, with the template's mappings and its secret sealed. `store` is the one `tx` runs on.
pub fn add(tx: &mut Tx<'_>, store: &Store, new: &NewApp, now: Timestamp) -> Result<App, EngineError> {
    new.check()?;
    let url = check_url(&new.tenant_url, new.plain_http)?;
    let template = gallery::get(&new.template)?;
    let settings = Settings {
        rate_limit: template.rate_limit,
        wire_profile: template.wire_profile.clone(),
        exclude_default_access: template.exclude_default_access,
        ..Settings::default()
    };
    let queue = work::queue(tx, &format!("app/{}", new.name))?;
    let args = [
        Value::from(new.name.as_str()),
        template.name.as_str().into(),
        new.directory.0.into(),
        queue.0.into(),
        now.into(),
        false.into(),
        (Scope::Assigned as i64).into(),
        url.as_str().into(),
        json(&settings)?.into(),
        fresh(&template.users).into(),
        fresh(&template.groups).into(),
    ];
    let Some((id,)) = tx.one::<(i64,)>(&INSERT, &args)? else {
        return Err(EngineError::AppTaken(new.name.clone()));
    };
    tx.exec(&INSERT_RUN, &[id.into()])?;
    set_secret(tx, store, AppId(id), &new.secret)?;
    set_expires(tx, AppId(id), expiry(&template, now))?;
    get(tx, AppId(id))?.ok_or_else(|| EngineError::NoApp(new.name.clone()))
}

/// A template's mapping for a new app. The gallery's golden cases are of the gallery's rows; an app has its own.
fn fresh(mapping: &ObjectMapping) -> String {
    ObjectMapping { cases: Vec::new(), ..mapping.clone() }.to_toml().to_string()
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, EngineError> {
    Ok(serde_json::to_string(value).map_err(|e| StoreError::Bug(e.to_string()))?)
}

/// By key.
pub fn get(on: &mut Snapshot<'_>, id: AppId) -> Result<Option<App>, EngineError> {
    on.one::<Raw>(&BY_ID, &[id.0.into()])?.map(Raw::read).transpose()
}

/// By name; an error names what to do.
pub fn by_name(on: &mut Snapshot<'_>, name: &str) -> Result<App, EngineError> {
    on.one::<Raw>(&BY_NAME, &[name.into()])?.ok_or_else(|| EngineError::NoApp(name.to_owned()))?.read()
}

/// All apps, by name.
pub fn list(on: &mut Snapshot<'_>) -> Result<Vec<App>, EngineError> {
    on.all::<Raw>(&LIST, &[], 10_000)?.into_iter().map(Raw::read).collect()
}

/// Sets settings: all of them or, on the first wrong one, none.
pub fn set(tx: &mut Tx<'_>, app: &App, pairs: &[(String, String)]) -> Result<Settings, EngineError> {
    let mut settings = app.settings.clone();
    for (key, value) in pairs {
        settings.set(key, value)?;
    }
    if tx.exec(&SET_SETTINGS, &[app.id.0.into(), app.version.into(), json(&settings)?.into()])? == 0 {
        return Err(EngineError::Stale);
    }
    if settings.exclude_default_access != app.settings.exclude_default_access {
        walk::everything(tx, app.id)?;
        tx.announce();
    }
    if settings.creates_max != app.settings.creates_max {
        limit::anew(tx, app)?;
    }
    Ok(settings)
}

/// Sets who is provisioned; everybody is looked at again.
pub fn set_scope(tx: &mut Tx<'_>, app: &App, scope: Scope) -> Result<(), EngineError> {
    if scope == app.scope {
        return Ok(());
    }
    tx.exec(&SET_SCOPE, &[app.id.0.into(), (scope as i64).into()])?;
    walk::everything(tx, app.id)?;
    tx.announce();
    Ok(())
}

/// Starts an app; it stops by itself after the `first` accounts and groups that are made or taken over, where that is asked for. Whoever
/// waited since an earlier start stopped so goes on.
pub fn start(tx: &mut Tx<'_>, app: &App, first: Option<u64>) -> Result<(), EngineError> {
    limit::start(tx, app, first)?;
    heart::forget(tx, app.id)?;
    set_enabled(tx, app, true)
}

/// Starts (also lifts a stop, e.g. after bad credentials) or stops cycles that run by themselves; what was reached is kept.
pub fn set_enabled(tx: &mut Tx<'_>, app: &App, enabled: bool) -> Result<(), EngineError> {
    tx.exec(&SET_ENABLED, &[app.id.0.into(), enabled.into()])?;
    if enabled {
        crate::cycle::run::lift(tx, app.id)?;
    }
    tx.announce();
    Ok(())
}

const REMOVE: &[Sql] = &[
    Sql::same("delete from assignment where app = $1"),
    Sql::same("delete from pushed where app = $1"),
    Sql::same("delete from protected where app = $1"),
    Sql::same("delete from run where app = $1"),
    Sql::same("delete from walk where app = $1"),
    Sql::same("delete from turn where app = $1"),
    Sql::same("delete from link_member where app = $1"),
    Sql::same("delete from delta where app = $1"),
    Sql::same("delete from waiting where app = $1"),
    Sql::same("delete from leaver where app = $1"),
    Sql::same("delete from link where app = $1"),
    Sql::same("delete from provisioning where app = $1"),
    Sql::same("delete from app where id = $1"),
];

/// Removes an app with its links and log; the accounts in the app stay as they are.
pub fn remove(tx: &mut Tx<'_>, app: &App) -> Result<(), EngineError> {
    work::clear(tx, app.queue)?;
    mail::forget(tx, &crate::notify::topics(app))?;
    feed::forget(tx, app.directory, &app.consumer())?;
    for sql in REMOVE {
        tx.exec(sql, &[app.id.0.into()])?;
    }
    Ok(())
}
