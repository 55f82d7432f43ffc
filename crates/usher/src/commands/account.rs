//! `usher account …`

use anyhow::Context;
use usher_admin::{
    Request,
    request::{Account, IndexAct, SchemaAct},
};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make an account (an app's tenant) with a production and a qa environment.
    Create {
        name: String,
        /// How its SCIM service behaves: standard, 4me or elium.
        #[arg(long, default_value = "standard")]
        profile: String,
    },
    /// All accounts.
    List,
    /// One account.
    Show { name: String },
    /// Set strict=true|false, hosts=NAME,… and qa.hosts=NAME,… (host names at which only that environment's tokens work),
    /// default_organization=NAME, qa.default_organization=NAME, owner=ADDRESS,… (whom mails go to). The guard against mass loss:
    /// guard=hold|off, guard_count=N, guard_percent=N, guard_hold=24h|never, and the same with qa. before them.
    Set { name: String, setting: String },
    /// Extension schemas of its own, beside those of its profile.
    #[command(subcommand)]
    Schema(Schema),
    /// Attributes that filters find without looking at every document.
    #[command(subcommand)]
    Index(Index),
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Schema {
    /// All of an account.
    List { name: String },
    /// Add a schema, or change it where what is stored stays valid.
    Add {
        name: String,
        /// JSON in the form of `/Schemas` (RFC 7643, section 7); - for standard input.
        file: String,
        /// What it extends: users or groups.
        #[arg(long, default_value = "users")]
        kind: String,
    },
    /// Take a schema away that nothing stored has values of.
    Remove { name: String, urn: String },
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Index {
    /// All of an account, with how far they are.
    List { name: String },
    /// Have an attribute indexed: a path such as title or urn:example:hr:1.0:User:badge.
    Add {
        name: String,
        attribute: String,
        /// Of users or groups.
        #[arg(long, default_value = "users")]
        kind: String,
    },
    /// Have it indexed no more.
    Remove {
        name: String,
        attribute: String,
        /// Of users or groups.
        #[arg(long, default_value = "users")]
        kind: String,
    },
}

impl Command {
    pub(crate) fn request(self) -> anyhow::Result<Request> {
        Ok(Request::Account(match self {
            Self::Create { name, profile } => Account::Create { name, profile },
            Self::List => Account::List,
            Self::Show { name } => Account::Show { name },
            Self::Schema(command) => command.request()?,
            Self::Index(command) => command.request(),
            Self::Set { name, setting } => {
                let (key, value) = setting.split_once('=').context("a setting is KEY=VALUE")?;
                Account::Set { name, key: key.into(), value: value.into() }
            }
        }))
    }
}

impl Schema {
    fn request(self) -> anyhow::Result<Account> {
        Ok(match self {
            Self::List { name } => Account::Schema { name, act: SchemaAct::List },
            Self::Add { name, file, kind } => {
                let text = super::read(&file)?;
                let document = serde_json::from_str(&text).with_context(|| {
                    format!("{file} is no JSON object; it takes a schema as /Schemas serves it")
                })?;
                Account::Schema { name, act: SchemaAct::Add { kind, document } }
            }
            Self::Remove { name, urn } => Account::Schema { name, act: SchemaAct::Remove { urn } },
        })
    }
}

impl Index {
    fn request(self) -> Account {
        match self {
            Self::List { name } => Account::Index { name, act: IndexAct::List },
            Self::Add { name, attribute, kind } => {
                Account::Index { name, act: IndexAct::Add { kind, attribute } }
            }
            Self::Remove { name, attribute, kind } => {
                Account::Index { name, act: IndexAct::Remove { kind, attribute } }
            }
        }
    }
}
