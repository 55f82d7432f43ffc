//! Accounts.

use usher_api::{
    List,
    account::{Account, EnvironmentCounts},
};
use usher_directory::{DirectoryId, Environment, Kind, account as accounts, object};
use usher_store::{Snapshot, Tx};

use crate::{Actor, Admin, AdminError, Answer, audit, request};

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

const KEYS: &[&str] = &["strict", "hosts", "qa.hosts", "default_organization", "qa.default_organization"];

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

fn describe(on: &mut Snapshot<'_>, account: &accounts::Account) -> Result<Account, AdminError> {
    let mut environments = Vec::new();
    for (environment, directory) in [("production", account.production), ("qa", account.qa)] {
        environments.push(EnvironmentCounts {
            environment: environment.into(),
            hosts: accounts::hosts(on, directory)?,
            users: object::count(on, directory, Kind::User)?.unsigned_abs(),
            groups: object::count(on, directory, Kind::Group)?.unsigned_abs(),
            people: usher_people::person::figures(on, directory)?.total.unsigned_abs(),
        });
    }
    Ok(Account {
        name: account.name.clone(),
        profile: account.profile.clone(),
        strict: account.strict,
        created_at: account.created.into(),
        environments,
    })
}
