//! What an app is reached with: its tenant URL, its secret token or OAuth client, and when that expires.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use usher_directory::feed;
use usher_jobs::work;
use usher_store::{Snapshot, Sql, Store, StoreError, Tx};

use super::{App, AppId, check_url, json, set_enabled};
use crate::{
    cycle::{run, walk},
    error::EngineError,
    heart, link,
};

/// An OAuth 2 client (RFC 6749 §4.4) by which tokens of the app are fetched; its secret is kept where a secret token is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OAuthClient {
    /// The token endpoint.
    #[serde(with = "address")]
    pub token_url: Url,
    /// The client's identifier.
    pub client_id: String,
    /// What is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// An address as text.
mod address {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use url::Url;

    pub(super) fn serialize<S: Serializer>(url: &Url, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(url.as_str())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Url, D::Error> {
        Url::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// What opens an app: a secret token, or the secret of an OAuth client.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The client; `None`: the secret is a token.
    pub oauth: Option<OAuthClient>,
    /// The secret; never printed.
    pub secret: SecretString,
}

const SECRET: Sql = Sql::same("select secret from app where id = $1");
const SET_SECRET: Sql =
    Sql::same("update app set secret = $2, oauth = $3, version = version + 1 where id = $1");
const SET_URL: Sql = Sql::same("update app set tenant_url = $2, version = version + 1 where id = $1");
const SET_EXPIRES: Sql = Sql::same("update app set expires = $2 where id = $1");
const FORGET_SECRET: Sql = Sql::same("update app set secret = null where id = $1");

/// Opens the secret token.
pub fn secret(on: &mut Snapshot<'_>, store: &Store, app: &App) -> Result<SecretString, EngineError> {
    let sealed = on.one::<(Option<Vec<u8>>,)>(&SECRET, &[app.id.0.into()])?.and_then(|(s,)| s);
    let sealed = sealed.ok_or_else(|| EngineError::NoSecret(app.name.clone()))?;
    let plain = store.unseal("app", app.id.0, "secret", &sealed)?;
    let text = String::from_utf8(plain).map_err(|_| StoreError::Bug("the secret token is no text".into()))?;
    Ok(SecretString::from(text))
}

/// Replaces the secret token; lifts a stop, which was most likely the old one's.
pub fn set_secret(
    tx: &mut Tx<'_>,
    store: &Store,
    id: AppId,
    secret: &SecretString,
) -> Result<(), EngineError> {
    set_credentials(tx, store, id, &Credentials { oauth: None, secret: secret.clone() })
}

/// The same with a secret token or an OAuth client, whichever there was before.
///
/// # Errors
/// [`EngineError::Store`].
pub fn set_credentials(
    tx: &mut Tx<'_>,
    store: &Store,
    id: AppId,
    credentials: &Credentials,
) -> Result<(), EngineError> {
    // A token pasted from a file ends in a newline more often than not.
    let secret = credentials.secret.expose_secret().trim();
    let sealed = store.seal("app", id.0, "secret", secret.as_bytes());
    let oauth = credentials.oauth.as_ref().map(json).transpose()?;
    tx.exec(&SET_SECRET, &[id.0.into(), sealed.into(), oauth.into()])?;
    // When the one before expired says nothing of this one.
    set_expires(tx, id, None)?;
    heart::forget(tx, id)?;
    run::lift(tx, id)?;
    tx.announce();
    Ok(())
}

/// Keeps when the secret token expires; `None`: nobody knows.
pub fn set_expires(tx: &mut Tx<'_>, id: AppId, expires: Option<Timestamp>) -> Result<(), EngineError> {
    tx.exec(&SET_EXPIRES, &[id.0.into(), expires.into()])?;
    Ok(())
}

/// An app's accounts at another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounts {
    /// They are the same ones: links are kept.
    Same,
    /// It is another tenant: links are forgotten, and the app is off until it is started.
    Other,
}

/// Moves an app to another tenant URL with credentials that were tested there. Whether its accounts are the same there is the caller's
/// to know ([`crate::Engine::at`]).
pub fn move_to(
    tx: &mut Tx<'_>,
    store: &Store,
    app: &App,
    url: &Url,
    credentials: &Credentials,
    accounts: Accounts,
) -> Result<(), EngineError> {
    tx.exec(&SET_URL, &[app.id.0.into(), url.as_str().into()])?;
    set_credentials(tx, store, app.id, credentials)?;
    if accounts == Accounts::Other {
        link::forget_all(tx, app.id)?;
        walk::forget(tx, app.id)?;
        work::clear(tx, app.queue)?;
        feed::forget(tx, app.directory, &app.consumer())?;
        set_enabled(tx, app, false)?;
    }
    Ok(())
}

/// Sets the base URL; another scheme, host or port forgets the secret token (it was given for the old one).
pub fn set_tenant_url(tx: &mut Tx<'_>, app: &App, text: &str, plain_http: bool) -> Result<(), EngineError> {
    let url = check_url(text, plain_http)?;
    if url.origin() != app.tenant_url.origin() {
        tx.exec(&FORGET_SECRET, &[app.id.0.into()])?;
    }
    tx.exec(&SET_URL, &[app.id.0.into(), url.as_str().into()])?;
    Ok(())
}
