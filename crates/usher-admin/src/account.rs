//! Accounts.

use usher_api::{
    List,
    account::{Account, EnvironmentCounts, GuardSettings},
};
use usher_directory::{DirectoryId, Environment, Kind, account as accounts, loss, object};
use usher_store::{Snapshot, Tx};

use crate::{Actor, Admin, AdminError, Answer, audit, extension, request, span};

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::Account) -> Result<Answer, AdminError> {
    let (actor, now) = (actor.clone(), admin.clock.now());
    match request {
        request::Account::Create { name, profile } => admin.write(move |tx| {
            let account = accounts::create(tx, &name, &profile, now)?;
            audit::note(
                tx,
                &actor,
                "account.create",
                &account.name,
                &serde_json::json!({"profile": profile}),
                now,
            )?;
            describe(tx, &account).map(Answer::Account)
        }),
        request::Account::List => admin.read(|on| {
            let all = accounts::list(on)?;
            let items = all.iter().map(|account| describe(on, account)).collect::<Result<_, _>>()?;
            Ok(Answer::Accounts(List::whole(items)))
        }),
        request::Account::Show { name } => admin.read(move |on| {
            let account = find(on, &name)?;
            describe(on, &account).map(Answer::Account)
        }),
        request::Account::Schema { name, act } => extension::schema(admin, actor, name, act),
        request::Account::Index { name, act } => extension::index(admin, actor, name, act),
        request::Account::Set { name, key, value } => admin.write(move |tx| {
            let account = find(tx, &name)?;
            set(tx, &account, &key, &value)?;
            let details = serde_json::json!({"key": key, "value": value});
            audit::note(tx, &actor, "account.set", &account.name, &details, now)?;
            let account = find(tx, &name)?;
            describe(tx, &account).map(Answer::Account)
        }),
    }
}

const KEYS: &[&str] = &[
    "strict",
    "owner",
    "hosts",
    "qa.hosts",
    "default_organization",
    "qa.default_organization",
    "guard",
    "qa.guard",
    "guard_count",
    "qa.guard_count",
    "guard_percent",
    "qa.guard_percent",
    "guard_hold",
    "qa.guard_hold",
];

/// One of the guard's settings.
fn set_guard(tx: &mut Tx<'_>, directory: DirectoryId, key: &str, value: &str) -> Result<(), AdminError> {
    let mut settings = loss::settings(tx, directory)?;
    let number = || {
        value.parse::<u32>().map_err(|_| {
            AdminError::new("invalid_value", format!("{key} is a whole number from 0, not {value}"))
        })
    };
    match key {
        "guard" => {
            settings.hold = match value {
                "hold" => true,
                "off" => false,
                _ => return Err(AdminError::word("guard", value, &["hold", "off"])),
            }
        }
        "guard_count" => settings.count = number()?,
        "guard_percent" => settings.percent = number()?,
        _ => {
            settings.time = match value {
                "never" => None,
                time => Some(span(time).filter(|span| !span.is_zero()).ok_or_else(|| {
                    let message = format!("{key} is a time like 24h, 90m, 3d, or never, not {value}");
                    AdminError::new("invalid_value", message)
                })?),
            }
        }
    }
    Ok(loss::set(tx, directory, settings)?)
}

fn set(tx: &mut Tx<'_>, account: &accounts::Account, key: &str, value: &str) -> Result<(), AdminError> {
    match key {
        "strict" => {
            let strict = match value {
                "true" | "on" => true,
                "false" | "off" => false,
                _ => return Err(AdminError::word("strict", value, &["true", "false"])),
            };
            accounts::set_strict(tx, account.id, strict)?;
        }
        "hosts" | "qa.hosts" => {
            let directory = if key.starts_with("qa.") { account.qa } else { account.production };
            let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
            accounts::set_hosts(tx, directory, &names.map(str::to_owned).collect::<Vec<_>>())?;
        }
        "default_organization" | "qa.default_organization" => {
            let directory = if key.starts_with("qa.") { account.qa } else { account.production };
            let name = Some(value).filter(|name| !name.is_empty());
            usher_people::unit::set_default_organization(tx, directory, name)?;
        }
        "owner" => {
            let owner = Some(value.trim()).filter(|value| !value.is_empty());
            if let Some(owner) = owner {
                usher_jobs::mail::check_addresses(owner)
                    .map_err(|error| AdminError::new("invalid_value", format!("owner: {error}")))?;
            }
            accounts::set_owner(tx, account.id, owner)?;
        }
        key if KEYS.contains(&key) => {
            let qa = key.strip_prefix("qa.");
            let directory = if qa.is_some() { account.qa } else { account.production };
            set_guard(tx, directory, qa.unwrap_or(key), value)?;
        }
        _ => return Err(AdminError::missing("setting of an account", key, KEYS.iter().copied(), "")),
    }
    Ok(())
}

/// The account of that name.
pub(crate) fn find(on: &mut Snapshot<'_>, name: &str) -> Result<accounts::Account, AdminError> {
    if let Some(account) = accounts::by_name(on, name)? {
        return Ok(account);
    }
    let all = accounts::list(on)?;
    Err(AdminError::missing(
        "account",
        name,
        all.iter().map(|account| account.name.as_str()),
        "usher account create NAME",
    ))
}

/// The directory of an account's environment.
pub(crate) fn directory(
    on: &mut Snapshot<'_>,
    account: &str,
    environment: &str,
) -> Result<DirectoryId, AdminError> {
    let account = find(on, account)?;
    Ok(match self::environment(environment)? {
        Environment::Production => account.production,
        Environment::Qa => account.qa,
    })
}

/// `production` or `qa`.
pub(crate) fn environment(word: &str) -> Result<Environment, AdminError> {
    match word {
        "production" => Ok(Environment::Production),
        "qa" => Ok(Environment::Qa),
        _ => Err(AdminError::word("the environment", word, &["production", "qa"])),
    }
}

/// The word of an environment.
pub(crate) fn word(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "production",
        Environment::Qa => "qa",
    }
}

fn guard_settings(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<GuardSettings, AdminError> {
    let (settings, figures) = (loss::settings(on, directory)?, loss::figures(on, directory)?);
    Ok(GuardSettings {
        mode: if settings.hold { "hold" } else { "off" }.into(),
        count: settings.count,
        percent: settings.percent,
        hold_seconds: settings.time.map(|time| time.as_secs().unsigned_abs()),
        held: figures.held.unsigned_abs(),
        diverged: figures.diverged.unsigned_abs(),
    })
}

fn describe(on: &mut Snapshot<'_>, account: &accounts::Account) -> Result<Account, AdminError> {
    let mut environments = Vec::new();
    for (environment, directory) in [("production", account.production), ("qa", account.qa)] {
        environments.push(EnvironmentCounts {
            environment: environment.into(),
            hosts: accounts::hosts(on, directory)?,
            users: object::count(on, directory, Kind::User)?.unsigned_abs(),
            groups: object::count(on, directory, Kind::Group)?.unsigned_abs(),
            guard: guard_settings(on, directory)?,
            people: usher_people::person::figures(on, directory)?.total.unsigned_abs(),
        });
    }
    Ok(Account {
        name: account.name.clone(),
        profile: account.profile.clone(),
        strict: account.strict,
        owner: account.owner.clone(),
        created_at: account.created.into(),
        environments,
    })
}
