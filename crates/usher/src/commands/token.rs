//! `usher token …`

use anyhow::Context;
use usher_admin::{Request, request::Token};

use super::{Environment, duration};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token for an identity provider and print it, once.
    Issue {
        account: String,
        #[command(flatten)]
        environment: Environment,
        /// entra, okta, onelogin, google or other.
        #[arg(long, default_value = "other")]
        provider: String,
        /// A token of the app itself instead: it reads people, organizations and sites at /api/v1, and is no SCIM token.
        #[arg(long, conflicts_with = "provider")]
        api: bool,
        /// Print it as the value of the Authorization header, for clients that want the whole of it.
        #[arg(long)]
        header: bool,
        /// How long it lives (30d, never); otherwise as the account's profile says.
        #[arg(long, value_parser = lives)]
        expires: Option<Lives>,
    },
    /// Make a new token and print it, once; the old one works on for a while.
    Rotate {
        account: String,
        #[command(flatten)]
        environment: Environment,
        /// Which token; otherwise the newest live one of the only integration.
        #[arg(long)]
        token: Option<String>,
        /// How long the old one works on; 0 ends it now.
        #[arg(long, default_value = "30d", value_parser = lives)]
        overlap: Lives,
        /// How long the new one lives.
        #[arg(long, value_parser = lives)]
        expires: Option<Lives>,
        /// Print it as the value of the Authorization header.
        #[arg(long)]
        header: bool,
    },
    /// All tokens of an account, with their last use.
    List { account: String },
    /// End a token at once.
    Revoke { account: String, token: String },
}

/// A life span; `None`: never ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lives(pub(crate) Option<jiff::SignedDuration>);

pub(crate) fn lives(text: &str) -> Result<Lives, String> {
    duration(text).map(Lives)
}

impl Command {
    /// Whether a new token is to be printed as the whole header.
    pub(crate) fn header(&self) -> bool {
        matches!(self, Self::Issue { header: true, .. } | Self::Rotate { header: true, .. })
    }

    pub(crate) fn request(self) -> anyhow::Result<Request> {
        Ok(Request::Token(match self {
            Self::Issue { account, environment, api: true, expires, .. } => Token::IssueApi {
                account,
                environment: environment.environment,
                expires: expires.map(|lives| lives.0),
            },
            Self::Issue { account, environment, provider, expires, .. } => Token::Issue {
                account,
                environment: environment.environment,
                provider,
                expires: expires.map(|lives| lives.0),
            },
            Self::Rotate { account, environment, token, overlap, expires, .. } => Token::Rotate {
                account,
                environment: environment.environment,
                token,
                overlap: overlap.0.context("an overlap ends: give 30d, 12h or 0")?,
                expires: expires.map(|lives| lives.0),
            },
            Self::List { account } => Token::List { account },
            Self::Revoke { account, token } => Token::Revoke { account, token },
        }))
    }
}
