//! `usher directory …`

use anyhow::Context;
use usher_admin::{
    Request,
    request::{Directory, DirectoryToken},
};

use super::token::{Lives, lives};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a directory that sources, commands or a SCIM client fill, and apps are provisioned from.
    Create { name: String },
    /// All directories.
    List,
    /// One directory.
    Show { name: String },
    /// Remove for good whoever was deleted more than 30 days ago; a server does it by itself.
    Purge { name: String },
    /// The secrets that identity providers push into a directory with, at /d/DIRECTORY/scim/v2.
    #[command(subcommand)]
    Token(Token),
}

/// Tokens of a directory.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Token {
    /// Make a token for an identity provider and print it, once.
    Issue {
        directory: String,
        /// entra, okta, onelogin, google or other.
        #[arg(long, default_value = "other")]
        provider: String,
        /// How long it lives (30d, never); otherwise 365 days.
        #[arg(long, value_parser = lives)]
        expires: Option<Lives>,
    },
    /// Make a new token and print it, once; the old one works on for a while.
    Rotate {
        directory: String,
        /// Which token; otherwise the newest live one of the only integration.
        #[arg(long)]
        token: Option<String>,
        /// How long the old one works on; 0 ends it now.
        #[arg(long, default_value = "30d", value_parser = lives)]
        overlap: Lives,
        /// How long the new one lives.
        #[arg(long, value_parser = lives)]
        expires: Option<Lives>,
    },
    /// All tokens of a directory, with their last use.
    List { directory: String },
    /// End a token at once.
    Revoke { directory: String, token: String },
}

impl Command {
    pub(crate) fn request(self) -> anyhow::Result<Request> {
        Ok(Request::Directory(match self {
            Self::Create { name } => Directory::Create { name },
            Self::List => Directory::List,
            Self::Show { name } => Directory::Show { name },
            Self::Purge { name } => Directory::Purge { name },
            Self::Token(token) => {
                let (name, act) = token.act()?;
                Directory::Token { name, act }
            }
        }))
    }
}

impl Token {
    /// The directory, and what to do there.
    fn act(self) -> anyhow::Result<(String, DirectoryToken)> {
        Ok(match self {
            Self::Issue { directory, provider, expires } => {
                (directory, DirectoryToken::Issue { provider, expires: expires.map(|lives| lives.0) })
            }
            Self::Rotate { directory, token, overlap, expires } => {
                let overlap = overlap.0.context("an overlap ends: give 30d, 12h or 0")?;
                let expires = expires.map(|lives| lives.0);
                (directory, DirectoryToken::Rotate { token, overlap, expires })
            }
            Self::List { directory } => (directory, DirectoryToken::List),
            Self::Revoke { directory, token } => (directory, DirectoryToken::Revoke { token }),
        })
    }
}
