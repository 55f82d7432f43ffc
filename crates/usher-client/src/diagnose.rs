//! The connection test: which step fails, and what to do.

use std::time::Duration;

use usher_scim::AttributePath;

use crate::{
    Client, ClientError, Endpoint, TransportError,
    answer::{Answer, Body},
    base,
    call::{Call, equals},
};

/// A step of a connection test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `token` (with OAuth), `address`, `connect`, `tls`, `credentials`, `scim`, `filter`, `groups`, `service provider config`.
    pub name: &'static str,
    /// Whether it went well.
    pub ok: bool,
    /// What was found, and what to do when it failed.
    pub text: String,
}

/// What a connection test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// In order, up to and including the one that failed.
    pub steps: Vec<Step>,
    /// Another base URL that works (`/scim/v2`, `/scim`, bare host), when the given one does not.
    pub works_instead: Option<String>,
    /// A filter for a value that nobody has found somebody: provisioning would link people to others' accounts.
    pub ignores_filter: bool,
    /// The app asked to be left alone for a while (429, or 503 with Retry-After), for so long where it said: it is there, and nothing
    /// else is known of it.
    pub wait: Option<Option<Duration>>,
}

impl Diagnosis {
    /// Nothing found yet.
    pub fn empty() -> Self {
        Self { steps: Vec::new(), works_instead: None, ignores_filter: false, wait: None }
    }

    /// All went well.
    pub fn ok(&self) -> bool {
        self.steps.iter().all(|s| s.ok)
    }

    fn good(&mut self, name: &'static str, text: impl Into<String>) {
        self.steps.push(Step { name, ok: true, text: text.into() });
    }

    fn bad(&mut self, name: &'static str, text: impl Into<String>) {
        self.steps.push(Step { name, ok: false, text: text.into() });
    }

    fn asked_to_wait(&mut self, error: &ClientError) {
        if let ClientError::Wait { retry_after } = error {
            self.wait = Some(*retry_after);
        }
    }
}

impl Client {
    /// The connection test: a filter on the matching property for a random value must give an empty list; groups too when
    /// asked, by their matching property; then what ServiceProviderConfig says, if there is one. Changes nothing.
    ///
    /// When nothing answers SCIM at the tenant URL, `/scim/v2`, `/scim` and the bare path are tried at the same host, and
    /// the one that works is named.
    pub async fn test(&self, matching: &AttributePath, groups: Option<&AttributePath>) -> Diagnosis {
        let mut diagnosis = Diagnosis::empty();
        let tenant = self.tenant().clone();
        if let Some((tokens, limit)) = self.tokens() {
            match tokens.bearer(limit).await {
                Ok(_) => {
                    diagnosis.good("token", format!("the token endpoint {} gives a token", tokens.host()))
                }
                Err(ClientError::Credentials { detail, .. }) => {
                    diagnosis.bad("token", detail);
                    return diagnosis;
                }
                Err(error) => {
                    diagnosis.asked_to_wait(&error);
                    let text = format!("no token from {}: {error}; check --oauth-token-url", tokens.host());
                    diagnosis.bad("token", text);
                    return diagnosis;
                }
            }
        }
        let answer = match self.probe(&tenant, Endpoint::Users, matching).await {
            Ok(answer) => answer,
            Err(error) => {
                self.unreachable(&mut diagnosis, &error);
                return diagnosis;
            }
        };
        self.reached(&mut diagnosis);
        if let Err(elsewhere) = judge_users(&mut diagnosis, answer, matching, self.has_token()) {
            if elsewhere {
                self.look_elsewhere(&mut diagnosis, matching).await;
            }
            return diagnosis;
        }
        if let Some(path) = groups {
            let answer = self.probe(&tenant, Endpoint::Groups, path).await;
            if !judge_groups(&mut diagnosis, answer, path) {
                return diagnosis;
            }
        }
        let config = self.call(Call::get("ServiceProviderConfig", None, &[])).await;
        judge_config(&mut diagnosis, config);
        diagnosis
    }

    async fn probe(
        &self,
        base: &url::Url,
        at: Endpoint,
        path: &AttributePath,
    ) -> Result<Answer, ClientError> {
        let filter = equals(path, &uuid::Uuid::now_v7().to_string());
        let query = self.wire().look(at, &filter);
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.call_at(base, Call::get(at.segment(), None, &query)).await
    }

    fn host(&self) -> String {
        let url = self.tenant();
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    fn reached(&self, diagnosis: &mut Diagnosis) {
        let host = self.host();
        diagnosis.good("address", format!("{host} is known and may be connected to"));
        diagnosis.good("connect", format!("{host} answers"));
        if self.tenant().scheme() == "https" {
            diagnosis.good("tls", "the connection is encrypted and the certificate is valid");
        }
    }

    fn unreachable(&self, diagnosis: &mut Diagnosis, error: &ClientError) {
        let host = self.host();
        let ClientError::Transport(error) = error else {
            diagnosis.bad("address", error.to_string());
            return;
        };
        let named = |d: &mut Diagnosis| d.good("address", format!("{host} is known and may be connected to"));
        match error {
            TransportError::Dns(name) => {
                diagnosis.bad(
                    "address",
                    format!("the name {name} is unknown; check the tenant URL's spelling and DNS"),
                );
            }
            TransportError::Address(_) => {
                diagnosis.bad(
                    "address",
                    format!("{error}; check the tenant URL, or allow private addresses in the settings"),
                );
            }
            TransportError::Connect(_, why) => {
                named(diagnosis);
                diagnosis.bad(
                    "connect",
                    format!(
                        "no connection to {host}: {why}; check the port, firewalls and that the app is up"
                    ),
                );
            }
            TransportError::Tls(_, why) => {
                named(diagnosis);
                diagnosis.good("connect", format!("{host} accepts connections"));
                diagnosis.bad("tls", format!("{why}; the app needs a certificate for {host} from an authority that this machine trusts"));
            }
            TransportError::Timeout(limit) => {
                named(diagnosis);
                diagnosis.bad(
                    "connect",
                    format!(
                        "{host} gave no answer within {} s; try again, or ask the app's operator",
                        limit.as_secs()
                    ),
                );
            }
            TransportError::Broken(why) => {
                named(diagnosis);
                diagnosis.bad("connect", format!("the connection to {host} broke: {why}"));
            }
        }
    }

    async fn look_elsewhere(&self, diagnosis: &mut Diagnosis, matching: &AttributePath) {
        for base in base::alternatives(self.tenant()) {
            let Ok(answer) = self.probe(&base, Endpoint::Users, matching).await else { continue };
            if answer.is_success() && answer.list().is_ok() {
                if let Some(last) = diagnosis.steps.last_mut() {
                    last.text.push_str(&format!("; SCIM answers at {base}, enter that as tenant URL"));
                }
                diagnosis.works_instead = Some(base.to_string());
                return;
            }
        }
    }
}

/// Credentials, SCIM and filter. `Err(true)`: nothing speaks SCIM there, another address may.
fn judge_users(
    diagnosis: &mut Diagnosis,
    answer: Answer,
    matching: &AttributePath,
    has_token: bool,
) -> Result<(), bool> {
    if let Some(failure) = answer.failure(false) {
        return Err(judge_refusal(diagnosis, &answer, &failure, matching, has_token));
    }
    if matches!(answer.body, Body::Html) {
        diagnosis.bad("scim", "HTML instead of SCIM (a sign-in page?); check the tenant URL's path");
        return Err(true);
    }
    match answer.list() {
        Err(error) => {
            diagnosis.bad("scim", format!("{error}; check the tenant URL's path"));
            Err(true)
        }
        Ok((total, found)) => {
            let accepted = if has_token { "the secret token is accepted" } else { "the app asks for none" };
            diagnosis.good("credentials", accepted);
            diagnosis.good("scim", "/Users answers as SCIM 2.0");
            if found.is_empty() && total == 0 {
                diagnosis.good("filter", format!("a filter on {matching} works"));
                return Ok(());
            }
            let text = format!(
                "the app ignores the filter on {matching}: a random value still returned {total} users; choose another \
                 matching property, or people would be linked to the wrong accounts"
            );
            diagnosis.ignores_filter = true;
            diagnosis.bad("filter", text);
            Err(false)
        }
    }
}

/// What a refusal means; whether another address may do better.
fn judge_refusal(
    diagnosis: &mut Diagnosis,
    answer: &Answer,
    failure: &ClientError,
    matching: &AttributePath,
    has_token: bool,
) -> bool {
    let (status, detail) = (answer.status, answer.detail());
    diagnosis.asked_to_wait(failure);
    let (step, text, elsewhere) = match (failure, status) {
        (ClientError::Credentials { .. }, 401) => {
            let what =
                if has_token { "the app refused the secret token" } else { "the app wants a secret token" };
            ("credentials", format!("{what} (401: {detail}); enter a new one from the app's settings"), false)
        }
        (ClientError::Credentials { .. }, _) => {
            let text = format!(
                "the app took the request but does not allow it ({status}: {detail}); check the token's rights, and that \
                 no firewall of the app's keeps this server out"
            );
            ("credentials", text, false)
        }
        (ClientError::Wait { retry_after }, _) => {
            let when = retry_after.map(|d| format!(" in {} s", d.as_secs())).unwrap_or_default();
            ("scim", format!("the app is busy ({status}); try again{when}"), false)
        }
        (_, 404) => {
            ("scim", "there is nothing at this address (404); check the tenant URL's path".to_owned(), true)
        }
        (_, 300..400) => ("scim", format!("no SCIM here ({status}): {detail}"), true),
        _ if matches!(answer.body, Body::Html) => {
            let text =
                format!("the app answered {status} with HTML instead of SCIM; check the tenant URL's path");
            ("scim", text, true)
        }
        (_, 400..500) => {
            diagnosis.good(
                "credentials",
                if has_token { "the secret token is accepted" } else { "the app asks for none" },
            );
            let text = format!(
                "the app does not take a filter on {matching} ({status}: {detail}); choose another matching property"
            );
            ("filter", text, false)
        }
        _ => ("scim", format!("the app failed ({status}: {detail}); ask its operator"), false),
    };
    diagnosis.bad(step, text);
    elsewhere
}

fn judge_groups(
    diagnosis: &mut Diagnosis,
    answer: Result<Answer, ClientError>,
    path: &AttributePath,
) -> bool {
    let listed = answer.and_then(|answer| match answer.failure(false) {
        Some(failure) => Err(failure),
        None => answer.list(),
    });
    match listed {
        Ok((0, found)) if found.is_empty() => {
            diagnosis.good("groups", format!("/Groups answers, and a filter on {path} works"));
            true
        }
        Ok((total, _)) => {
            diagnosis.ignores_filter = true;
            diagnosis.bad("groups", format!(
                "the app ignores the filter on {path}: a random value still returned {total} groups; choose another \
                 matching property for groups"
            ));
            false
        }
        Err(error) => {
            diagnosis.asked_to_wait(&error);
            diagnosis
                .bad("groups", format!("{error}; if the app has no groups, switch the group mapping off"));
            false
        }
    }
}

/// An app without ServiceProviderConfig, or with one that can't be read, is no failure: RFC 7644 is assumed.
fn judge_config(diagnosis: &mut Diagnosis, answer: Result<Answer, ClientError>) {
    const NAME: &str = "service provider config";
    let config = match answer {
        Ok(Answer { status: 200, body: Body::Json(config), .. }) if config.get("patch").is_some() => config,
        _ => return diagnosis.good(NAME, "the app has none; RFC 7644 is assumed"),
    };
    let says =
        |feature: &str| config.pointer(&format!("/{feature}/supported")).and_then(serde_json::Value::as_bool);
    if says("patch") == Some(false) {
        return diagnosis
            .good(NAME, "the app announces no PATCH: updates, and changes of group members, may be refused");
    }
    let most = config.pointer("/filter/maxResults").and_then(serde_json::Value::as_u64);
    let pages = most.map(|n| format!(", pages of at most {n}")).unwrap_or_default();
    let bulk = if says("bulk") == Some(true) { ", bulk" } else { "" };
    diagnosis.good(NAME, format!("the app takes PATCH{bulk}{pages}"));
}
