//! Accounts (the app's tenant) with their two environments, and directories of the provisioning side.
use jiff::Timestamp;
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, args};

use crate::{AccountId, DirectoryId, Environment, Kind, config, profile};

/// The most accounts or directories that are listed.
const MOST: usize = 100_000;

/// An account.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    /// `standard`, `4me`, `elium`.
    pub profile: String,
    pub strict: bool,
    /// Whom mails about the account go to: addresses with commas between them.
    pub owner: Option<String>,
    pub created: Timestamp,
    pub production: DirectoryId,
    pub qa: DirectoryId,
}

/// Why an account or directory can't be made or found.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum AccountError {
    #[error("there is an account or directory named {0} already")]
    Taken(String),
    #[error("a name is 1 to 64 letters, digits, - and _, beginning with a letter or digit: {0}")]
    Name(String),
    #[error("there is no profile {0}; there are standard, 4me, elium")]
    Profile(String),
    #[error("{0} is no host name; write it without scheme and port, as in api.example.com")]
    Host(String),
    #[error("the host {0} belongs to another environment; take it away there first")]
    HostTaken(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes an account with both environments. `profile`: `standard`, `4me`, `elium`.
pub fn create(tx: &mut Tx<'_>, name: &str, profile: &str, now: Timestamp) -> Result<Account, AccountError> {
    const CREATE: Sql = Sql::same(
        "insert into account (name, folded, profile, strict, created) values ($1, $2, $3, $4, $5)
         on conflict do nothing returning id",
    );
    let folded = folded(name)?;
    if profile == DIRECTORY || profile::by_name(profile).is_none() {
        return Err(AccountError::Profile(profile.to_owned()));
    }
    let Some((id,)) = tx.one::<(AccountId,)>(&CREATE, args![name, folded, profile, false, now])? else {
        return Err(AccountError::Taken(name.to_owned()));
    };
    let mut directory =
        |environment: Environment| open_directory(tx, Some((id, environment)), None, profile, now);
    let production = directory(Environment::Production)?;
    let qa = directory(Environment::Qa)?;
    Ok(Account {
        id,
        name: name.to_owned(),
        profile: profile.to_owned(),
        strict: false,
        owner: None,
        created: now,
        production,
        qa,
    })
}

const DIRECTORY: &str = "directory";

/// Checks a name and gives it as it is compared.
fn folded(name: &str) -> Result<String, AccountError> {
    let good = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if good { Ok(name.to_ascii_lowercase()) } else { Err(AccountError::Name(name.to_owned())) }
}

/// A directory with its counts. The name is of the provisioning side, the environment of the app side.
fn open_directory(
    tx: &mut Tx<'_>,
    of: Option<(AccountId, Environment)>,
    name: Option<(&str, &str)>,
    profile: &str,
    now: Timestamp,
) -> Result<DirectoryId, AccountError> {
    const OPEN: Sql = Sql::same(
        "insert into directory (account, environment, name, folded, profile, epoch, seq, floor, created)
         values ($1, $2, $3, $4, $5, 1, 0, 0, $6) on conflict do nothing returning id",
    );
    const COUNT: Sql = Sql::same("insert into amount (directory, kind, n) values ($1, $2, 0)");
    let (account, environment) = of.unzip();
    let (spelled, folded) = name.unzip();
    let Some((id,)) =
        tx.one::<(DirectoryId,)>(&OPEN, args![account, environment, spelled, folded, profile, now])?
    else {
        return Err(AccountError::Taken(spelled.unwrap_or_default().to_owned()));
    };
    for kind in [Kind::User, Kind::Group] {
        tx.exec(&COUNT, args![id, kind])?;
    }
    Ok(id)
}

macro_rules! read {
    ($tail:literal) => {
        Sql::same(concat!(
            "select a.id, a.name, a.profile, a.strict, a.created, p.id, q.id, a.owner from account a
             join directory p on p.account = a.id and p.environment = 0
             join directory q on q.account = a.id and q.environment = 1 ",
            $tail
        ))
    };
}

impl FromRow for Account {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            profile: row.get(2)?,
            strict: row.get(3)?,
            created: row.get(4)?,
            production: row.get(5)?,
            qa: row.get(6)?,
            owner: row.get(7)?,
        })
    }
}

/// By key.
pub fn by_id(on: &mut Snapshot<'_>, id: AccountId) -> Result<Option<Account>, StoreError> {
    const READ: Sql = read!("where a.id = $1");
    on.one(&READ, args![id])
}

/// Whether dialects of clients are refused; holds for both environments at once.
pub fn set_strict(tx: &mut Tx<'_>, account: AccountId, strict: bool) -> Result<(), StoreError> {
    const SET: Sql = Sql::same("update account set strict = $2 where id = $1");
    const DIRECTORIES: Sql = Sql::same("select id from directory where account = $1 order by id");
    tx.exec(&SET, args![account, strict])?;
    for (id,) in tx.all::<(DirectoryId,)>(&DIRECTORIES, args![account], 2)? {
        config::bump(tx, id)?;
    }
    Ok(())
}
/// Whom mails about the account go to: addresses with commas between them, checked by the caller; `None`: nobody.
pub fn set_owner(tx: &mut Tx<'_>, account: AccountId, owner: Option<&str>) -> Result<(), StoreError> {
    const SET: Sql = Sql::same("update account set owner = $2 where id = $1");
    tx.exec(&SET, args![account, owner]).map(drop)
}
/// The host names of an environment, in place of those it had. At one of them only its tokens work; elsewhere they work as
/// before.
pub fn set_hosts(tx: &mut Tx<'_>, directory: DirectoryId, names: &[String]) -> Result<(), AccountError> {
    const CLEAR: Sql = Sql::same("delete from host where directory = $1");
    const ADD: Sql =
        Sql::same("insert into host (name, directory) values ($1, $2) on conflict (name) do nothing");
    const WHOSE: Sql = Sql::same("select directory from host where name = $1");
    tx.exec(&CLEAR, args![directory])?;
    for name in names {
        let host = name.to_ascii_lowercase();
        let good = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if host.is_empty() || host.len() > 253 || !host.chars().all(good) {
            return Err(AccountError::Host(name.clone()));
        }
        if tx.exec(&ADD, args![&host, directory])? == 0
            && tx.one::<(DirectoryId,)>(&WHOSE, args![&host])? != Some((directory,))
        {
            return Err(AccountError::HostTaken(name.clone()));
        }
    }
    Ok(())
}
/// The host names of an environment, by name.
pub fn hosts(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<Vec<String>, StoreError> {
    const READ: Sql = Sql::same("select name from host where directory = $1 order by name");
    let names: Vec<(String,)> = on.all(&READ, args![directory], MOST)?;
    Ok(names.into_iter().map(|(name,)| name).collect())
}
/// By name, ignoring case.
pub fn by_name(on: &mut Snapshot<'_>, name: &str) -> Result<Option<Account>, StoreError> {
    const READ: Sql = read!("where a.folded = $1");
    on.one(&READ, args![name.to_ascii_lowercase()])
}
/// All, by name.
pub fn list(on: &mut Snapshot<'_>) -> Result<Vec<Account>, StoreError> {
    const READ: Sql = read!("order by a.folded");
    on.all(&READ, args![], MOST)
}
/// The account and environment a directory belongs to; `None` for a directory of the provisioning side.
pub fn of_directory(
    on: &mut Snapshot<'_>,
    id: DirectoryId,
) -> Result<Option<(Account, Environment)>, StoreError> {
    const READ: Sql = read!("where p.id = $1 or q.id = $1");
    let account: Option<Account> = on.one(&READ, args![id])?;
    Ok(account.map(|account| {
        let environment = if account.production == id { Environment::Production } else { Environment::Qa };
        (account, environment)
    }))
}
/// Makes a directory of the provisioning side (profile `directory`: standard plus the open extension).
pub fn create_directory(tx: &mut Tx<'_>, name: &str, now: Timestamp) -> Result<DirectoryId, AccountError> {
    open_directory(tx, None, Some((name, &folded(name)?)), DIRECTORY, now)
}
/// A directory of the provisioning side by name, ignoring case.
pub fn directory_by_name(on: &mut Snapshot<'_>, name: &str) -> Result<Option<DirectoryId>, StoreError> {
    const READ: Sql = Sql::same("select id from directory where folded = $1");
    Ok(on.one::<(DirectoryId,)>(&READ, args![name.to_ascii_lowercase()])?.map(|(id,)| id))
}
/// Directories of the provisioning side, by name.
pub fn list_directories(on: &mut Snapshot<'_>) -> Result<Vec<(DirectoryId, String, Timestamp)>, StoreError> {
    const READ: Sql =
        Sql::same("select id, name, created from directory where folded is not null order by folded");
    on.all(&READ, args![], MOST)
}
