//! Tokens of an account, and of a directory. The text of a token is in the answer that makes it and nowhere else.

use jiff::{SignedDuration, Timestamp};
use usher_api::{
    List, Secret,
    account::{IssuedToken, LastUsed, Token},
};
use usher_directory::{
    profile,
    token::{self, SecretToken, State},
};

use crate::{Actor, Admin, AdminError, Answer, account, audit, request};

/// The providers a token may be for.
const PROVIDERS: &[&str] = &["entra", "okta", "onelogin", "google", "other"];

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::Token) -> Result<Answer, AdminError> {
    let (actor, now) = (actor.clone(), admin.clock.now());
    match request {
        request::Token::Issue { account, environment, provider, expires } => {
            check_provider(&provider)?;
            let environment = account::environment(&environment)?;
            let secret = SecretToken::generate();
            admin.write(move |tx| {
                let account = account::find(tx, &account)?;
                let expires = expiry(&account.profile, expires, now)?;
                let token = token::issue(tx, account.id, environment, &provider, expires, &secret, now)?;
                let details = serde_json::json!({"token": token.id, "provider": provider});
                audit::note(tx, &actor, "token.issue", &account.name, &details, now)?;
                Ok(issued(Owner::Account(&account.name), token, &secret))
            })
        }
        request::Token::IssueApi { account, environment, expires } => {
            let environment = account::environment(&environment)?;
            let secret = SecretToken::generate();
            admin.write(move |tx| {
                let account = account::find(tx, &account)?;
                let expires = expiry(&account.profile, expires, now)?;
                let token = token::issue(tx, account.id, environment, token::API, expires, &secret, now)?;
                let details =
                    serde_json::json!({"token": token.id, "environment": account::word(environment)});
                audit::note(tx, &actor, "token.issue_api", &account.name, &details, now)?;
                Ok(issued(Owner::Account(&account.name), token, &secret))
            })
        }
        request::Token::Rotate { account, environment, token, overlap, expires } => {
            let environment = account::environment(&environment)?;
            let old =
                token.as_deref().map(|token| parse_id(token, "usher token list ACCOUNT")).transpose()?;
            let secret = SecretToken::generate();
            admin.write(move |tx| {
                let account = account::find(tx, &account)?;
                let expires = expiry(&account.profile, expires, now)?;
                let token = token::rotate(tx, account.id, environment, old, overlap, expires, &secret, now)?;
                let details =
                    serde_json::json!({"token": token.id, "old": old, "overlap_seconds": overlap.as_secs()});
                audit::note(tx, &actor, "token.rotate", &account.name, &details, now)?;
                Ok(issued(Owner::Account(&account.name), token, &secret))
            })
        }
        request::Token::List { account } => admin.read(move |on| {
            let account = account::find(on, &account)?;
            let items = token::list(on, account.id, now)?
                .into_iter()
                .map(|token| describe(Owner::Account(&account.name), token))
                .collect();
            Ok(Answer::Tokens(List::whole(items)))
        }),
        request::Token::Revoke { account, token } => {
            let id = parse_id(&token, "usher token list ACCOUNT")?;
            admin.write(move |tx| {
                let account = account::find(tx, &account)?;
                let token = token::revoke(tx, account.id, id, now)?;
                audit::note(
                    tx,
                    &actor,
                    "token.revoke",
                    &account.name,
                    &serde_json::json!({"token": id}),
                    now,
                )?;
                Ok(Answer::Token(describe(Owner::Account(&account.name), token)))
            })
        }
    }
}

/// Whose a token is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner<'o> {
    Account(&'o str),
    Directory(&'o str),
}

pub(crate) fn check_provider(provider: &str) -> Result<(), AdminError> {
    if PROVIDERS.contains(&provider) {
        return Ok(());
    }
    Err(AdminError::word("the provider", provider, PROVIDERS))
}

/// `list`: the command that shows the ids.
pub(crate) fn parse_id(text: &str, list: &str) -> Result<uuid::Uuid, AdminError> {
    text.parse().map_err(|_| {
        AdminError::new("token_not_found", format!("{text} is no token's id"))
            .hint(format!("{list} shows the ids."))
    })
}

/// When a token ends that is issued now; `None`: never.
pub(crate) fn expiry(
    profile: &str,
    asked: Option<Option<SignedDuration>>,
    now: Timestamp,
) -> Result<Option<Timestamp>, AdminError> {
    let lives = match asked {
        Some(None) => return Ok(None),
        Some(Some(lives)) => lives,
        None => {
            let days = profile::by_name(profile).map_or(365, |profile| profile.token_days);
            SignedDuration::from_hours(24 * i64::from(days))
        }
    };
    now.checked_add(lives)
        .map(Some)
        .map_err(|_| AdminError::new("invalid_value", "the token would outlive the calendar"))
}

pub(crate) fn issued(owner: Owner<'_>, token: token::Token, secret: &SecretToken) -> Answer {
    Answer::IssuedToken(IssuedToken {
        secret: Secret(secret.reveal().to_owned()),
        authorization: Secret(format!("Bearer {}", secret.reveal())),
        token: describe(owner, token),
    })
}

pub(crate) fn describe(owner: Owner<'_>, token: token::Token) -> Token {
    let (account, directory) = match owner {
        Owner::Account(name) => (Some(name.to_owned()), None),
        Owner::Directory(name) => (None, Some(name.to_owned())),
    };
    Token {
        id: token.id.to_string(),
        account,
        environment: token.environment.map(|environment| account::word(environment).into()),
        directory,
        provider: token.provider,
        last4: token.last4,
        created_at: token.created.into(),
        expires_at: token.expires.map(Into::into),
        ends_at: token.ends.map(Into::into),
        last_used: token.last_used.map(|(at, address, agent)| LastUsed { at: at.into(), address, agent }),
        state: match token.state {
            State::Active => "active",
            State::Overlap => "overlap",
            State::Expired => "expired",
            State::Revoked => "revoked",
        }
        .into(),
    }
}
