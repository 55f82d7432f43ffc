//! What may be asked. The command line, the socket of a running server and later the admin API send the same values.

mod account;
mod app;
mod directory;
mod people;
mod work;

use serde::{Deserialize, Serialize};

pub use self::account::{Account, Guard, GuardAct, IndexAct, Record, SchemaAct, Token, Trail};
pub use self::app::{App, Gallery, GroupAct, LogFilter, NewAttribute, OAuth, RowChange, Terms};
pub use self::directory::{
    Directory, DirectoryToken, Edit, Object, ObjectAct, SafeguardChange, ScheduleChange, Source, SourceFrom,
};
pub use self::people::{People, PeopleFilter, Rule, RuleAct, RuleChange, Unit, UnitAct};
pub use self::work::{Moved, Work};

/// Who asks, and by what right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// As the audit log has it: `local:UNIXUSER` at the shell, a person's name, `token:ID`.
    pub name: String,
    /// What the table of [`crate::rights`] is asked with.
    pub authority: Authority,
}

impl Actor {
    /// Somebody who has the machine, and so every right.
    pub fn machine(name: impl Into<String>) -> Self {
        Self { name: name.into(), authority: Authority::Machine }
    }

    /// A person, with the rights granted to that name.
    pub fn person(who: impl Into<String>) -> Self {
        let who = who.into();
        Self { name: who.clone(), authority: Authority::Granted { who } }
    }
}

/// By what right somebody acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// Whoever may open the data (the shell of the machine, Usher's own timers): everything.
    Machine,
    /// A person: what is granted to this name at the moment of asking.
    Granted {
        /// As in [`Role::Grant`].
        who: String,
    },
    /// A program with an account's API token: it reads one environment.
    Reader {
        /// The account's name.
        account: String,
        /// `production` or `qa`.
        environment: String,
    },
}

/// A use case, by noun.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Request {
    Account(Account),
    Token(Token),
    Record(Record),
    Trail(Trail),
    Guard(Guard),
    People(People),
    Rule(Rule),
    Unit(Unit),
    Role(Role),
    Directory(Directory),
    Object(Object),
    Source(Source),
    Gallery(Gallery),
    App(Box<App>),
    Status,
    /// A copy of the database.
    Backup {
        /// A new file, from the root; on the machine where the database lies.
        file: std::path::PathBuf,
    },
}

/// Who may do what in an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Role {
    /// `role`: `owner` or `administrator`; it takes the place of what the person had there.
    Grant {
        account: String,
        who: String,
        role: String,
    },
    Revoke {
        account: String,
        who: String,
    },
    List {
        account: String,
    },
}
