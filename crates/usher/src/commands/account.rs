//! `usher account …`

use anyhow::Context;
use usher_admin::{Request, request::Account};

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
    /// default_organization=NAME, qa.default_organization=NAME.
    Set { name: String, setting: String },
}

impl Command {
    pub(crate) fn request(self) -> anyhow::Result<Request> {
        Ok(Request::Account(match self {
            Self::Create { name, profile } => Account::Create { name, profile },
            Self::List => Account::List,
            Self::Show { name } => Account::Show { name },
            Self::Set { name, setting } => {
                let (key, value) = setting.split_once('=').context("a setting is KEY=VALUE")?;
                Account::Set { name, key: key.into(), value: value.into() }
            }
        }))
    }
}
