//! Roles granted to people in accounts. A person is a name, as an e-mail address; how somebody proves to be that person is the
//! business of whoever makes the [`Actor`].

use jiff::Timestamp;
use usher_api::{List, account::RoleGrant};
use usher_directory::AccountId;
use usher_scim::prepare::fold;
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, args};

use crate::{Actor, Admin, AdminError, Answer, account, answer::Said, audit, request, rights::Role};

/// Who has which role in an account: one each.
pub(crate) const TABLE: &str = "
create table role_grant (
  account bigint not null references account, folded {bytes} not null, who {text} not null, role smallint not null,
  granted bigint not null, primary key (account, folded));
";

/// The most that are listed.
const MOST: usize = 10_000;
/// The longest name.
const NAME: usize = 254;

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::Role) -> Result<Answer, AdminError> {
    let (actor, now) = (actor.clone(), admin.clock.now());
    match request {
        request::Role::Grant { account, who, role } => {
            let (who, role) = (person(&who)?, parse(&role)?);
            admin.write(move |tx| {
                const GRANT: Sql = Sql::same(
                    "insert into role_grant (account, folded, who, role, granted) values ($1, $2, $3, $4, $5)
                     on conflict (account, folded) do update
                     set who = excluded.who, role = excluded.role, granted = excluded.granted",
                );
                let account = account::find(tx, &account)?;
                let before = held(tx, account.id, &who)?;
                tx.exec(&GRANT, args![account.id, folded(&who), who.as_str(), number(role), now])?;
                let before = before.map(|found| found.role.word());
                let details = serde_json::json!({"who": who, "role": role.word(), "before": before});
                audit::note(tx, &actor, "role.grant", &account.name, &details, now)?;
                let granted = Granted { who: who.clone(), role, granted: now };
                Ok(Answer::Role(describe(&account.name, granted)))
            })
        }
        request::Role::Revoke { account, who } => admin.write(move |tx| {
            const REVOKE: Sql = Sql::same("delete from role_grant where account = $1 and folded = $2");
            let account = account::find(tx, &account)?;
            let Some(had) = held(tx, account.id, &who)? else {
                return Err(AdminError::new(
                    "role_not_found",
                    format!("{} has no role in {}", who.trim(), account.name),
                )
                .hint(format!("usher admin role list {} shows who has one.", account.name)));
            };
            tx.exec(&REVOKE, args![account.id, folded(&who)])?;
            let details = serde_json::json!({"who": had.who, "before": had.role.word()});
            audit::note(tx, &actor, "role.revoke", &account.name, &details, now)?;
            let message = format!("{} is {} of {} no more", had.who, had.role.word(), account.name);
            Ok(Answer::Said(Said { message }))
        }),
        request::Role::List { account } => admin.read(move |on| {
            const LIST: Sql =
                Sql::same("select who, role, granted from role_grant where account = $1 order by folded");
            let account = account::find(on, &account)?;
            let found: Vec<Granted> = on.all(&LIST, args![account.id], MOST)?;
            let items = found.into_iter().map(|granted| describe(&account.name, granted)).collect();
            Ok(Answer::Roles(List::whole(items)))
        }),
    }
}

/// A grant as it is stored.
struct Granted {
    who: String,
    role: Role,
    granted: Timestamp,
}

impl FromRow for Granted {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self { who: row.get(0)?, role: role(row.get(1)?)?, granted: row.get(2)? })
    }
}

/// The role of somebody in an account; none, too, where there is no such account.
pub(crate) fn of(on: &mut Snapshot<'_>, account: &str, who: &str) -> Result<Option<Role>, AdminError> {
    let Some(account) = usher_directory::account::by_name(on, account)? else { return Ok(None) };
    Ok(held(on, account.id, who)?.map(|granted| granted.role))
}

fn held(on: &mut Snapshot<'_>, account: AccountId, who: &str) -> Result<Option<Granted>, StoreError> {
    const HELD: Sql =
        Sql::same("select who, role, granted from role_grant where account = $1 and folded = $2");
    on.one(&HELD, args![account, folded(who)])
}

/// How people are compared: ignoring case and outer blanks.
fn folded(who: &str) -> Vec<u8> {
    fold(who.trim()).into_bytes()
}

/// A name that can be granted something.
fn person(who: &str) -> Result<String, AdminError> {
    let who = who.trim();
    let good = !who.is_empty()
        && who.chars().count() <= NAME
        && !who.chars().any(|c| c.is_control() || c.is_whitespace());
    // A name of the machine or of a token would not be looked up here.
    if good && !who.contains(':') {
        return Ok(who.to_owned());
    }
    Err(AdminError::new("invalid_name", format!("\"{}\" names no person", who.escape_debug()))
        .hint("Give an e-mail address: 1 to 254 characters without blanks and colons."))
}

fn parse(word: &str) -> Result<Role, AdminError> {
    let found = Role::GRANTED.into_iter().find(|role| role.word() == word);
    found.ok_or_else(|| AdminError::word("the role", word, &Role::GRANTED.map(Role::word)))
}

fn number(role: Role) -> i64 {
    match role {
        Role::Reader => 1,
        Role::Administrator => 2,
        Role::Owner => 3,
    }
}

fn role(number: i64) -> Result<Role, StoreError> {
    match number {
        2 => Ok(Role::Administrator),
        3 => Ok(Role::Owner),
        _ => Err(StoreError::Bug(format!("a column holds {number}, which is no role"))),
    }
}

fn describe(account: &str, granted: Granted) -> RoleGrant {
    RoleGrant {
        account: account.to_owned(),
        who: granted.who,
        role: granted.role.word().into(),
        granted_at: granted.granted.into(),
    }
}
