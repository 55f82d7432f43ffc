//! OAuth 2 client credentials (RFC 6749 §4.4): a token fetched from a token endpoint, kept until shortly before it expires.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    ClientError, Transport,
    answer::{Answer, Body},
};

/// How a client presents itself at a token endpoint.
#[derive(Debug, Clone)]
pub struct OAuth {
    /// The token endpoint.
    pub token_url: url::Url,
    /// The client's identifier.
    pub client_id: String,
    /// Its secret; never printed.
    pub client_secret: SecretString,
    /// What is asked for, names with blanks between them; `None`: what the server gives by default.
    pub scope: Option<String>,
}

/// Tokens of one client at one endpoint. Shared by all clients of an app, so that a token is fetched once.
pub struct Tokens {
    oauth: OAuth,
    transport: Arc<dyn Transport>,
    held: Mutex<Option<Held>>,
}

struct Held {
    bearer: HeaderValue,
    /// From then on another is fetched; `None`: it does not say when it expires, so a 401 will.
    until: Option<Instant>,
}

/// A token is not used in its last minute, or the last tenth of a short life.
const SPARE: Duration = Duration::from_secs(60);

impl Tokens {
    /// None is fetched before the first request.
    pub fn new(oauth: OAuth, transport: Arc<dyn Transport>) -> Self {
        Self { oauth, transport, held: Mutex::new(None) }
    }

    /// The `Authorization` of a request: the kept token, or a fetched one.
    pub(crate) async fn bearer(&self, limit: Duration) -> Result<HeaderValue, ClientError> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|h| h.until.is_none_or(|until| Instant::now() < until)) {
            return Ok(held.bearer.clone());
        }
        let fetched = self.fetch(limit).await?;
        let bearer = fetched.bearer.clone();
        *held = Some(fetched);
        Ok(bearer)
    }

    /// The app refused this one: it is not used again. Another that took its place meanwhile is.
    pub(crate) async fn refused(&self, bearer: &HeaderValue) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|h| h.bearer == *bearer) {
            *held = None;
        }
    }

    /// The endpoint's host, for people.
    pub(crate) fn host(&self) -> String {
        self.oauth.token_url.host_str().unwrap_or_default().to_owned()
    }

    /// The client's secret goes into the header, as every server has to take it (RFC 6749 §2.3.1); into the body where one does not.
    async fn fetch(&self, limit: Duration) -> Result<Held, ClientError> {
        let answer = self.ask(true, limit).await?;
        let answer = match answer.status {
            400 | 401 => self.ask(false, limit).await?,
            _ => answer,
        };
        self.read(&answer)
    }

    async fn ask(&self, in_header: bool, limit: Duration) -> Result<Answer, ClientError> {
        let secret = self.oauth.client_secret.expose_secret().trim();
        let mut request = http::Request::builder()
            .method(Method::POST)
            .uri(self.oauth.token_url.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if in_header {
            let encoded =
                |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encoded(&self.oauth.client_id), encoded(secret));
            let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
            let mut basic = HeaderValue::from_str(&basic).map_err(|_| self.unusable())?;
            basic.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, basic);
        }
        let request = request.body(Bytes::from(self.form(!in_header))).map_err(|_| self.unusable())?;
        Ok(Answer::read(self.transport.send(request, limit).await?))
    }

    fn form(&self, with_secret: bool) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.oauth.scope {
            form.append_pair("scope", scope);
        }
        if with_secret {
            form.append_pair("client_id", &self.oauth.client_id);
            form.append_pair("client_secret", self.oauth.client_secret.expose_secret().trim());
        }
        form.finish()
    }

    fn unusable(&self) -> ClientError {
        ClientError::NotScim(format!("the token endpoint {} can't be called", self.host()))
    }

    fn read(&self, answer: &Answer) -> Result<Held, ClientError> {
        let host = self.host();
        let said = answer.detail();
        if !answer.is_success() {
            return Err(match (answer.status, answer.failure(false)) {
                (_, Some(wait @ ClientError::Wait { .. })) => wait,
                (400 | 401 | 403, _) => ClientError::Credentials {
                    status: 401,
                    detail: format!(
                        "the token endpoint {host} gave no token: {}",
                        self.explained(answer, &said)
                    ),
                },
                (404, _) => ClientError::Credentials {
                    status: 401,
                    detail: format!("there is no token endpoint at {host} (404); check --oauth-token-url"),
                },
                (status, _) => ClientError::Refused {
                    status,
                    scim_type: None,
                    detail: format!("the token endpoint {host} failed: {said}"),
                },
            });
        }
        let wrong = |what: &str| ClientError::Credentials {
            status: 401,
            detail: format!("the token endpoint {host} answered {what}; check --oauth-token-url"),
        };
        let Body::Json(json) = &answer.body else { return Err(wrong("no JSON")) };
        let token = json.get("access_token").and_then(Value::as_str).map(str::trim).unwrap_or_default();
        if token.is_empty() {
            return Err(wrong("no access_token"));
        }
        let kind = json.get("token_type").and_then(Value::as_str).unwrap_or("Bearer");
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(wrong(&format!("a token of the type {kind}, and only Bearer is spoken")));
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| wrong("a token that can't be sent"))?;
        bearer.set_sensitive(true);
        let seconds = match json.get("expires_in") {
            Some(Value::Number(n)) => n.as_u64(),
            Some(Value::String(s)) => s.trim().parse().ok(),
            _ => None,
        };
        let until = seconds.and_then(|s| {
            let life = Duration::from_secs(s);
            Instant::now().checked_add(life.saturating_sub(SPARE.min(life / 10)))
        });
        Ok(Held { bearer, until })
    }

    /// RFC 6749 §5.2's codes, with what to do.
    fn explained(&self, answer: &Answer, said: &str) -> String {
        let Body::Json(json) = &answer.body else { return said.to_owned() };
        let code = json.get("error").and_then(Value::as_str).unwrap_or_default();
        let advice = match code {
            "invalid_client" => "it does not know this client id and secret; check both",
            "unauthorized_client" => "the client may not use client credentials; allow that grant for it",
            "invalid_scope" => "it does not know the scope; check --oauth-scope",
            "unsupported_grant_type" => "it has no client credentials; use a secret token",
            "invalid_request" => "it misses something in the request; it may want a scope",
            _ => return said.to_owned(),
        };
        if said == code { format!("{code}: {advice}") } else { format!("{code} ({said}): {advice}") }
    }
}
