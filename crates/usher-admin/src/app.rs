//! Applications.

mod attribute;
mod change;
mod describe;
mod explain;
mod filter;
mod group;
mod logs;
mod mapping;
mod moved;

use secrecy::SecretString;
use usher_api::{List, Secret};
use usher_directory::{Kind, config::Configs};
use usher_engine::{
    App, app as apps, assignment, leaver, limit, link, protected,
    quarantine::{self, Reset},
};
use usher_store::{Snapshot, Tx};

use crate::{
    Actor, Admin, AdminError, Answer, Outcome, Work, answer::Said, audit, directory, record, request,
};

pub use change::describe_impact;
pub(crate) use describe::{describe as show, status};
pub use describe::{describe_cycle, describe_plan};
pub use explain::describe_explanation;

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::App) -> Result<Outcome, AdminError> {
    use request::App as R;
    let now = admin.clock.now();
    match request {
        R::Add { .. } => add(admin, actor, request).map(Outcome::Done),
        R::List => admin.read(|on| {
            let items = apps::list(on)?.iter().map(|app| show(on, app)).collect::<Result<_, _>>()?;
            Ok(Outcome::Done(Answer::Apps(List::whole(items))))
        }),
        R::Show { name } => admin
            .read(move |on| find(on, &name).and_then(|app| show(on, &app)).map(Answer::App))
            .map(Outcome::Done),
        R::Status { name } => admin
            .read(move |on| find(on, &name).and_then(|app| status(on, &app, now)).map(Answer::Status))
            .map(Outcome::Done),
        R::Logs { .. } => logs::page(admin, request).map(Outcome::Done),
        R::Credentials { name, token, oauth, expires } => {
            let (token, actor) = (given(&token)?, actor.clone());
            let oauth = oauth.map(client).transpose()?;
            let expires = expires.map(|text| moved::expires(&text, now)).transpose()?;
            admin.read(move |on| {
                let app = Box::new(find(on, &name)?);
                let (token, oauth, actor) = (token.clone(), oauth.clone(), actor.clone());
                let expires = expires.unwrap_or_else(|| by_itself(&app, oauth.is_some(), now));
                Ok(Outcome::Work(Work::AppCredentials { app, token, oauth, expires, actor }))
            })
        }
        R::Move { name, url, accounts, token, oauth, expires } => {
            let (token, actor) = (given(&token)?, actor.clone());
            let oauth = oauth.map(client).transpose()?;
            let expires = expires.map(|text| moved::expires(&text, now)).transpose()?;
            let (url, accounts) = (apps::check_url(&url, false)?, moved::accounts(&accounts)?);
            admin.read(move |on| {
                let app = Box::new(find(on, &name)?);
                let (url, token, oauth, actor) = (url.clone(), token.clone(), oauth.clone(), actor.clone());
                let expires = expires.unwrap_or_else(|| by_itself(&app, oauth.is_some(), now));
                let to = request::Moved { url, accounts, token, oauth, expires };
                Ok(Outcome::Work(Work::AppMove { app, to, actor }))
            })
        }
        R::Test { name } => admin
            .read(move |on| find(on, &name).map(Box::new).map(|app| Outcome::Work(Work::AppTest { app }))),
        R::Plan { name, users } => admin.read(move |on| {
            let app = Box::new(find(on, &name)?);
            let mut keys = Vec::new();
            for user in &users {
                keys.push(assignment::find(on, app.directory, Kind::User, user)?.key);
            }
            Ok(Outcome::Work(Work::AppPlan { app, only: Some(keys).filter(|keys| !keys.is_empty()) }))
        }),
        R::Sync { name } => {
            let actor = actor.clone();
            admin.write(move |tx| {
                let app = Box::new(find(tx, &name)?);
                audit::note(tx, &actor, "app.sync", &app.name, &serde_json::json!({}), now)?;
                Ok(Outcome::Work(Work::AppSync { app }))
            })
        }
        R::Start { name, first } => {
            let actor = actor.clone();
            if first == Some(0) {
                return Err(AdminError::new("invalid_value", "--first takes a number from 1 on"));
            }
            admin.read(move |on| {
                let app = Box::new(find(on, &name)?);
                Ok(Outcome::Work(Work::AppStart { app, first, actor: actor.clone() }))
            })
        }
        R::FilterList { name } => admin.read(move |on| {
            let app = find(on, &name)?;
            Ok(Outcome::Done(Answer::Filters(List::whole(filter::list(&app)))))
        }),
        R::AttributeList { name } => admin.read(move |on| {
            let app = find(on, &name)?;
            Ok(Outcome::Done(Answer::Attributes(attribute::list(&app))))
        }),
        R::AttributeDiscover { name } => {
            let actor = actor.clone();
            admin.read(move |on| {
                let app = Box::new(find(on, &name)?);
                Ok(Outcome::Work(Work::AppDiscover { app, actor: actor.clone() }))
            })
        }
        R::Group { name, group, act } => group::handle(admin, actor, name, group, act),
        R::Link { name, kind, who, delete: false } => group::show(admin, name, kind, who).map(Outcome::Done),
        R::Provision { name, kind, who, dry_run } => {
            explain::provision(admin, actor, name, kind, who, dry_run)
        }
        R::Explain { name, kind, who } => explain::asked(admin, name, kind, who),
        R::MappingShow { name, kind } => {
            let kind = record::kind(&kind)?;
            admin.read(move |on| {
                let app = find(on, &name)?;
                Ok(Outcome::Done(Answer::Text(app.mapping(kind).to_toml().to_string())))
            })
        }
        R::MappingExport { name, format } => {
            let configs = admin.configs.clone();
            admin.read(move |on| {
                let app = find(on, &name)?;
                mapping::export(on, &configs, &app, &format).map(Answer::MappingExport).map(Outcome::Done)
            })
        }
        R::MappingTest { name } => {
            let configs = admin.configs.clone();
            admin.read(move |on| {
                let app = find(on, &name)?;
                mapping::test(on, &configs, &app).map(Answer::MappingCases).map(Outcome::Done)
            })
        }
        R::MappingImport { .. } => mapping::import(admin, actor, request),
        change => change::asked(admin, actor, change),
    }
}

/// The app of that name.
fn find(on: &mut Snapshot<'_>, name: &str) -> Result<App, AdminError> {
    if let Ok(app) = apps::by_name(on, name) {
        return Ok(app);
    }
    let all = apps::list(on)?;
    Err(AdminError::missing(
        "app",
        name,
        all.iter().map(|app| app.name.as_str()),
        "usher app add NAME --from TEMPLATE --directory D --tenant-url URL --secret-token-file FILE",
    ))
}

/// When a token given now expires, where nobody says so. What an OAuth client's secret lives nobody knows.
fn by_itself(app: &App, oauth: bool, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
    app.token_expires(now).filter(|_| !oauth)
}

/// A token without the newline that a file ends in; an empty one is a mistake.
fn given(token: &Secret) -> Result<Secret, AdminError> {
    match token.0.trim() {
        "" => Err(AdminError::new("invalid_value", "the secret token is empty")
            .hint("Give the file that holds it with --secret-token-file, or - for standard input.")),
        token => Ok(Secret(token.to_owned())),
    }
}

/// An OAuth client whose token endpoint can be called.
fn client(asked: request::OAuth) -> Result<apps::OAuthClient, AdminError> {
    let token_url = apps::check_url(&asked.token_url, false).map_err(|error| {
        AdminError::new("invalid_value", error.to_string().replace("tenant URL", "token endpoint"))
            .hint("Give the address with --oauth-token-url, e.g. https://login.example.com/oauth2/token.")
    })?;
    if asked.client_id.trim().is_empty() {
        return Err(AdminError::new(
            "invalid_value",
            "the client id is empty; give it with --oauth-client-id",
        ));
    }
    let scope = asked.scope.map(|scope| scope.trim().to_owned()).filter(|scope| !scope.is_empty());
    Ok(apps::OAuthClient { token_url, client_id: asked.client_id.trim().to_owned(), scope })
}

impl Admin {
    /// Lets cycles of an app run by themselves; it stops after the `first` that are made or taken over.
    ///
    /// # Errors
    /// [`AdminError`]: the app is gone, or the database.
    pub fn start(&self, actor: &Actor, app: &App, first: Option<u64>) -> Result<Answer, AdminError> {
        let (actor, now, name) = (actor.clone(), self.clock.now(), app.name.clone());
        self.write(move |tx| {
            let app = find(tx, &name)?;
            apps::start(tx, &app, first)?;
            audit::note(tx, &actor, "app.start", &app.name, &serde_json::json!({"first": first}), now)?;
            let app = find(tx, &name)?;
            show(tx, &app).map(Answer::App)
        })
    }

    /// Keeps a secret token that the app has accepted in place of the one before; cycles that it had stopped go on.
    ///
    /// # Errors
    /// [`AdminError`]: the app is gone, or the database.
    pub fn replace_token(
        &self,
        actor: &Actor,
        app: &App,
        token: &Secret,
        oauth: Option<apps::OAuthClient>,
        expires: Option<jiff::Timestamp>,
    ) -> Result<Answer, AdminError> {
        let (actor, now, store, name) =
            (actor.clone(), self.clock.now(), self.store.clone(), app.name.clone());
        let credentials = apps::Credentials { oauth, secret: SecretString::from(token.0.clone()) };
        self.write(move |tx| {
            let app = find(tx, &name)?;
            apps::set_credentials(tx, &store, app.id, &credentials)?;
            apps::set_expires(tx, app.id, expires)?;
            if app.enabled {
                apps::set_enabled(tx, &app, true)?;
            }
            let details = serde_json::json!({"oauth": credentials.oauth});
            audit::note(tx, &actor, "app.credentials", &app.name, &details, now)?;
            let what =
                if credentials.oauth.is_some() { "token of the OAuth client" } else { "new secret token" };
            let message = format!("{name} accepts the {what}; it has replaced what was there before");
            Ok(Answer::Said(Said { message }))
        })
    }
}

fn add(admin: &Admin, actor: &Actor, request: request::App) -> Result<Answer, AdminError> {
    let request::App::Add { name, template, directory, tenant_url, token } = request else {
        return Err(AdminError::new("internal", "not a request to add an app"));
    };
    let token = given(&token)?;
    let (actor, now, store) = (actor.clone(), admin.clock.now(), admin.store.clone());
    let secret = SecretString::from(token.0);
    admin.write(move |tx| {
        let new = apps::NewApp {
            name: name.clone(),
            template: template.clone(),
            directory: directory::find(tx, &directory)?,
            tenant_url: tenant_url.clone(),
            secret: secret.clone(),
            plain_http: false,
        };
        let app = apps::add(tx, &store, &new, now)?;
        let details = serde_json::json!({"from": template, "directory": directory, "tenant_url": tenant_url});
        audit::note(tx, &actor, "app.add", &app.name, &details, now)?;
        show(tx, &app).map(Answer::App)
    })
}

/// What changes one app: looked up, changed, noted, shown, in one transaction. `version`: the app is still of that one, or nothing is done.
fn change(
    admin: &Admin,
    actor: &Actor,
    request: request::App,
    version: Option<i64>,
) -> Result<Answer, AdminError> {
    let (actor, now, configs) = (actor.clone(), admin.clock.now(), admin.configs.clone());
    admin.write(move |tx| {
        let (name, operation, details) = describe::noted(&request);
        let app = find(tx, name)?;
        if version.is_some_and(|version| version != app.version) {
            return Err(usher_engine::EngineError::Stale.into());
        }
        let said = act(tx, &configs, &app, &request, now)?;
        audit::note(tx, &actor, operation, &app.name, &details, now)?;
        match said {
            Some(message) => Ok(Answer::Said(Said { message })),
            None => {
                let app = find(tx, name)?;
                show(tx, &app).map(Answer::App)
            }
        }
    })
}

/// The change itself; a sentence where there is no app to show afterwards.
fn act(
    tx: &mut Tx<'_>,
    configs: &Configs,
    app: &App,
    request: &request::App,
    now: jiff::Timestamp,
) -> Result<Option<String>, AdminError> {
    use request::App as R;
    match request {
        R::Remove { name } => {
            apps::remove(tx, app)?;
            return Ok(Some(format!("app {name} is removed; the accounts in it stay as they are")));
        }
        R::Set { key, value, .. } if key == "tenant_url" => moved::set_url(tx, app, value)?,
        R::Set { key, value, .. } => {
            apps::set(tx, app, &[(key.clone(), value.clone())])?;
        }
        R::Assign { kind, who, role, terms, .. } => {
            let kind = record::kind(kind)?;
            let object = assignment::find(tx, app.directory, kind, who)?;
            let role = assignment::role(app, role.as_deref())?;
            let given = assignment::Terms {
                nested: terms.nested,
                priority: terms.priority.unwrap_or(assignment::Terms::default().priority),
                overrides: terms.overrides,
                values: terms.values.clone(),
            };
            assignment::assign_on(tx, app, (object.key, kind), &role, &given, now)?;
        }
        R::Unassign { kind, who, .. } => {
            let kind = record::kind(kind)?;
            let object = assignment::find(tx, app.directory, kind, who)?;
            if !assignment::unassign(tx, app, object.key, kind, None)? {
                return Err(AdminError::new(
                    "not_assigned",
                    format!("{who} is not assigned to {}", app.name),
                ));
            }
        }
        R::Scope { scope, .. } => apps::set_scope(tx, app, scope.parse()?)?,
        R::Stop { .. } => apps::set_enabled(tx, app, false)?,
        R::Restart { name, reset } => {
            let what = Reset::list(reset)?;
            let done = quarantine::restart(tx, app, &what, now)?;
            return Ok(Some(describe::restarted(name, app.enabled, &what, &done)));
        }
        R::Link { kind, who, name, .. } => {
            let kind = record::kind(kind)?;
            let object = assignment::find(tx, app.directory, kind, who)?;
            if !link::remove(tx, app, object.key)? {
                return Err(AdminError::new("not_linked", format!("{who} is linked to nothing in {name}")));
            }
            return Ok(Some(format!(
                "the link of {who} is forgotten; what it stood for in {name} stays, and is matched again by the next cycle"
            )));
        }
        R::Protect { name, user, off } => {
            let object = assignment::find(tx, app.directory, Kind::User, user)?;
            protected::set(tx, app, object.key, !off, now)?;
            let text = if *off { "is protected no longer" } else { "is never disabled, deleted or emptied" };
            return Ok(Some(format!("{user} {text} in {name}")));
        }
        R::AllowDeletes { name, only } => {
            let mut keys = Vec::with_capacity(only.len());
            for who in only {
                keys.push(leaver::find(tx, app, who)?);
            }
            let allowed = leaver::allow(tx, app.id, Some(keys.as_slice()).filter(|keys| !keys.is_empty()))?;
            return Ok(Some(format!("{allowed} staged leavers may go; the next cycle of {name} lets them")));
        }
        R::AllowCreates { name } => {
            let waited = limit::allow(tx, app)?;
            return Ok(Some(format!(
                "{waited} users and groups may be made; the next cycle of {name} makes them"
            )));
        }
        R::AttributeAdd { kind, attribute, .. } => {
            return attribute::add(tx, configs, app, record::kind(kind)?, attribute).map(Some);
        }
        R::AttributeRemove { kind, attribute, .. } => {
            return attribute::remove(tx, configs, app, record::kind(kind)?, attribute).map(Some);
        }
        R::FilterAdd { kind, title, clauses, anchor, .. } => {
            let kind = record::kind(kind)?;
            let mapping = filter::with_group(app.mapping(kind), title, clauses, anchor.as_deref())?;
            mapping::save(tx, configs, app, kind, &mapping, true)?;
        }
        R::FilterRemove { kind, title, .. } => {
            let kind = record::kind(kind)?;
            let mapping = filter::without_group(app.mapping(kind), title)?;
            mapping::save(tx, configs, app, kind, &mapping, true)?;
        }
        R::MappingSet { kind, target, change, force, .. } => {
            let kind = record::kind(kind)?;
            let mapping = mapping::with_row(app.mapping(kind), target, change)?;
            mapping::save(tx, configs, app, kind, &mapping, *force)?;
        }
        R::MappingReset { kind, force, .. } => {
            let kind = record::kind(kind)?;
            mapping::save(tx, configs, app, kind, &mapping::of_gallery(app, kind), *force)?;
        }
        _ => return Err(AdminError::new("internal", "this request changes no app")),
    }
    Ok(None)
}
