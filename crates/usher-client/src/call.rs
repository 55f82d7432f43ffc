//! The calls of a client.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::{HeaderValue, Method, header};
use secrecy::ExposeSecret;
use serde_json::Value;
use usher_scim::{AttributePath, Object, ResourceType, prepare, resource, schema};

use crate::{
    Change, ClientError, Endpoint, Page, Settings, Transport, TransportError,
    answer::{Answer, header_text},
    base,
    oauth::Tokens,
    wire::{Wire, put_members, put_whole},
};

/// The client of one app. Cheap to clone; clones share the rate limit and the counts.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    limit: Option<Arc<dyn Fn() -> Duration + Send + Sync>>,
}

struct Shared {
    settings: Settings,
    authorization: Authorization,
    tokens: Option<Arc<Tokens>>,
    transport: Arc<dyn Transport>,
    rate: Option<DefaultDirectRateLimiter>,
    sent: AtomicU64,
    changing: AtomicU64,
    refused: Mutex<Option<Exchange>>,
}

/// A request and what came of it, as an administrator may see it: no query, no body, no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Method and path.
    pub request: String,
    /// Status and the app's own words; or why there was no answer.
    pub answer: String,
}

enum Authorization {
    Bearer(HeaderValue),
    /// A blank token is never sent: an app that lets anybody in would seem to be well configured.
    Blank,
    /// Line breaks or the like inside.
    Unsendable,
}

/// One request in the making.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) segment: &'a str,
    pub(crate) id: Option<&'a str>,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<&'a Object>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(segment: &'a str, id: Option<&'a str>, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { method: Method::GET, segment, id, query, body: None }
    }
}

impl Client {
    /// A client over a transport.
    pub fn new(settings: Settings, transport: Arc<dyn Transport>) -> Self {
        let rate = settings.rate.and_then(NonZeroU32::new).map(|n| RateLimiter::direct(Quota::per_second(n)));
        let authorization = authorization(settings.token.expose_secret());
        let (sent, changing) = (AtomicU64::new(0), AtomicU64::new(0));
        let refused = Mutex::new(None);
        let shared =
            Shared { settings, authorization, tokens: None, transport, rate, sent, changing, refused };
        Self { shared: Arc::new(shared), limit: None }
    }

    /// A client whose token comes from a token endpoint; [`Settings::token`] is not used.
    pub fn with_oauth(settings: Settings, transport: Arc<dyn Transport>, tokens: Arc<Tokens>) -> Self {
        let mut client = Self::new(settings, transport);
        if let Some(shared) = Arc::get_mut(&mut client.shared) {
            shared.tokens = Some(tokens);
        }
        client
    }

    /// The same client, each of whose requests may take no longer than `limit` says when it is sent: what is left of a lease, say.
    /// When nothing is left, none is sent ([`TransportError::Timeout`]).
    #[must_use]
    pub fn within(&self, limit: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { shared: self.shared.clone(), limit: Some(Arc::new(limit)) }
    }

    fn limit(&self) -> Duration {
        let most = self.shared.settings.request;
        self.limit.as_ref().map_or(most, |limit| limit().min(most))
    }

    /// Requests sent so far, and those of them that change something (POST, PUT, PATCH, DELETE).
    pub fn sent(&self) -> (u64, u64) {
        (self.shared.sent.load(Ordering::Relaxed), self.shared.changing.load(Ordering::Relaxed))
    }

    /// `filter=path eq "value"`, escaped; groups without their members. At most a page.
    ///
    /// Each hit is checked against the filter as far as it shows the attribute: an app that ignores a filter would have
    /// the wrong person linked, so that is [`ClientError::Refused`] with status 200.
    pub async fn find(
        &self,
        at: Endpoint,
        path: &AttributePath,
        value: &str,
    ) -> Result<Vec<Object>, ClientError> {
        let filter = equals(path, value);
        let query = self.wire().look(at, &filter);
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = self.call(Call::get(at.segment(), None, &query)).await?;
        if let Some(failure) = answer.failure(false) {
            return Err(failure);
        }
        let (_, found) = answer.list()?;
        match found.iter().find(|resource| differs(at, resource, path, value)) {
            None => Ok(found),
            Some(other) => Err(ClientError::Refused {
                status: 200,
                scim_type: None,
                detail: format!(
                    "asked for {filter}, it answered the resource {} with another value; it does not filter by {path}, \
                     choose another matching property",
                    other.get("id").and_then(Value::as_str).unwrap_or_default()
                ),
            }),
        }
    }

    /// By id (a group without members); `None`: 404.
    pub async fn get(&self, at: Endpoint, id: &str) -> Result<Option<Object>, ClientError> {
        let query = [("excludedAttributes", "members")];
        let query = if at == Endpoint::Groups { &query[..] } else { &[] };
        let answer = self.call(Call::get(at.segment(), Some(id), query)).await?;
        match answer.failure(true) {
            Some(ClientError::Gone) => Ok(None),
            Some(failure) => Err(failure),
            None => answer.resource().map(Some),
        }
    }

    /// The ids of a group's members; `None`: 404. An app that never shows members gives none.
    pub async fn members_of(&self, id: &str) -> Result<Option<Vec<String>>, ClientError> {
        let whole = match self.whole(Endpoint::Groups, id).await {
            Err(ClientError::Gone) => return Ok(None),
            whole => whole?,
        };
        let members = whole.get("members").and_then(Value::as_array).into_iter().flatten();
        let id = |member: &Value| match member.get("value") {
            Some(Value::String(id)) => Some(id.clone()),
            Some(Value::Number(id)) => Some(id.to_string()),
            _ => None,
        };
        Ok(Some(members.filter_map(id).collect()))
    }

    /// POST; the resource as answered, with a text `id` at least (from the body, or from `Location` when there is none).
    pub async fn create(&self, at: Endpoint, resource: &Object) -> Result<Object, ClientError> {
        let body = self.wire().created(at, resource);
        let call =
            Call { method: Method::POST, segment: at.segment(), id: None, query: &[], body: Some(&body) };
        let answer = self.call(call).await?;
        if let Some(failure) = answer.failure(false) {
            return Err(failure);
        }
        let located = header_text(&answer.headers, header::LOCATION.as_str()).and_then(|l| located_id(at, l));
        match (answer.resource(), located) {
            (Err(_), Some(id)) => Ok([("id".to_owned(), Value::String(id))].into_iter().collect()),
            (resource, _) => resource,
        }
    }

    /// PATCH with these changes (with `okta-wizard` GET and PUT); the resource when the app answers one. No changes send nothing.
    pub async fn update(
        &self,
        at: Endpoint,
        id: &str,
        changes: &[Change],
    ) -> Result<Option<Object>, ClientError> {
        if changes.is_empty() {
            return Ok(None);
        }
        if self.wire().puts() {
            let whole = self.whole(at, id).await?;
            let body = put_whole(resource_type(at), whole, changes)?;
            return self.change(Method::PUT, at, id, &body).await;
        }
        let tenant = self.tenant();
        let address = |user: &str| {
            let segment = Endpoint::Users.segment();
            let mut url = base::address(tenant, segment, Some(user), &[], false)?;
            url.set_query(None);
            Some(url.to_string())
        };
        let body = self.wire().changes(at, id, changes, address);
        self.change(Method::PATCH, at, id, &body).await
    }

    /// The resource with everything it has, to be put back.
    async fn whole(&self, at: Endpoint, id: &str) -> Result<Object, ClientError> {
        let answer = self.call(Call::get(at.segment(), Some(id), &[])).await?;
        match answer.failure(true) {
            Some(failure) => Err(failure),
            None => answer.resource(),
        }
    }

    /// Membership deltas, at most 100 to a PATCH. Repeating them after a failure in between is harmless.
    pub async fn members(&self, id: &str, add: &[String], remove: &[String]) -> Result<(), ClientError> {
        if self.wire().puts() {
            if !add.is_empty() || !remove.is_empty() {
                let whole = self.whole(Endpoint::Groups, id).await?;
                let body = put_members(whole, add, remove);
                self.change(Method::PUT, Endpoint::Groups, id, &body).await?;
            }
            return Ok(());
        }
        for body in self.wire().members(add, remove) {
            self.change(Method::PATCH, Endpoint::Groups, id, &body).await?;
        }
        Ok(())
    }

    /// DELETE; `false`: 404, it was not there. A page for people that says 200 has deleted nobody: [`ClientError::NotScim`].
    pub async fn delete(&self, at: Endpoint, id: &str) -> Result<bool, ClientError> {
        let call =
            Call { method: Method::DELETE, segment: at.segment(), id: Some(id), query: &[], body: None };
        let answer = self.call(call).await?;
        match answer.failure(true) {
            None if answer.is_strange() => Err(answer.not_scim("an answer to DELETE")),
            None => Ok(true),
            Some(ClientError::Gone) => Ok(false),
            Some(failure) => Err(failure),
        }
    }

    /// A page (groups without members); go on at `start + resources.len()`.
    pub async fn page(&self, at: Endpoint, start: u64, count: u32) -> Result<Page, ClientError> {
        let (start_text, count) = (start.to_string(), count.to_string());
        let query = [("startIndex", &*start_text), ("count", &*count), ("excludedAttributes", "members")];
        let query = if at == Endpoint::Groups { &query[..] } else { &query[..2] };
        let answer = self.call(Call::get(at.segment(), None, query)).await?;
        if let Some(failure) = answer.failure(false) {
            return Err(failure);
        }
        let (total, resources) = answer.list()?;
        Ok(Page { total, start, resources })
    }

    async fn change(
        &self,
        method: Method,
        at: Endpoint,
        id: &str,
        body: &Object,
    ) -> Result<Option<Object>, ClientError> {
        use crate::answer::Body;
        let call = Call { method, segment: at.segment(), id: Some(id), query: &[], body: Some(body) };
        let answer = self.call(call).await?;
        if let Some(failure) = answer.failure(true) {
            return Err(failure);
        }
        match &answer.body {
            Body::Empty => Ok(None),
            // Some apps answer `{}` or a message of their own; what was asked was done all the same.
            Body::Json(_) => Ok(answer.resource().ok()),
            Body::Html | Body::Other(_) => Err(answer.not_scim("204 or the resource")),
        }
    }

    /// Sends one call under the tenant URL.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Answer, ClientError> {
        let tenant = self.shared.settings.tenant_url.clone();
        self.call_at(&tenant, call).await
    }

    /// Sends one call under another base address of the same host (the diagnosis tries some).
    pub(crate) async fn call_at(&self, base: &url::Url, call: Call<'_>) -> Result<Answer, ClientError> {
        let wire = self.wire();
        let address = base::address(base, call.segment, call.id, call.query, wire.plus_for_blank())
            .ok_or_else(|| ClientError::NotScim(format!("\"{}\" is no id", call.id.unwrap_or_default())))?;
        let mut request = http::Request::builder().method(call.method.clone()).uri(address.as_str());
        for (name, value) in &wire.headers(call.body.is_some()) {
            request = request.header(name, value);
        }
        match &self.shared.authorization {
            _ if self.shared.tokens.is_some() => {}
            Authorization::Bearer(value) => request = request.header(header::AUTHORIZATION, value),
            Authorization::Blank => {}
            Authorization::Unsendable => {
                let detail =
                    "the secret token holds characters that can't be sent; enter it again".to_owned();
                return Err(ClientError::Credentials { status: 401, detail });
            }
        }
        let body = match call.body {
            Some(body) => serde_json::to_vec(body).map_err(|e| ClientError::NotScim(e.to_string()))?.into(),
            None => Bytes::new(),
        };
        let request = request
            .body(body)
            .map_err(|e| ClientError::NotScim(format!("the tenant URL can't be called: {e}")))?;
        let Some(tokens) = &self.shared.tokens else {
            return self.sent_once(&call.method, &address, request).await;
        };
        let bearer = tokens.bearer(self.limit()).await?;
        let with = |bearer: &HeaderValue| {
            let mut request = request.clone();
            request.headers_mut().insert(header::AUTHORIZATION, bearer.clone());
            request
        };
        let answer = self.sent_once(&call.method, &address, with(&bearer)).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        // It may have been taken back before its time; one that is new and refused too is no good.
        tokens.refused(&bearer).await;
        let bearer = tokens.bearer(self.limit()).await?;
        self.sent_once(&call.method, &address, with(&bearer)).await
    }

    async fn sent_once(
        &self,
        method: &Method,
        address: &url::Url,
        request: http::Request<Bytes>,
    ) -> Result<Answer, ClientError> {
        if let Some(rate) = &self.shared.rate {
            rate.until_ready().await;
        }
        let limit = self.limit();
        if limit.is_zero() {
            return Err(TransportError::Timeout(limit).into());
        }
        self.shared.sent.fetch_add(1, Ordering::Relaxed);
        if *method != Method::GET {
            self.shared.changing.fetch_add(1, Ordering::Relaxed);
        }
        let answer = self.shared.transport.send(request, limit).await;
        tracing::debug!(
            %method,
            path = address.path(),
            status = answer.as_ref().map_or(0, |a| a.status().as_u16()),
            "sent to the app"
        );
        let answer = answer.map(Answer::read);
        self.remember(method, address, &answer);
        Ok(answer?)
    }

    fn remember(&self, method: &Method, address: &url::Url, answer: &Result<Answer, TransportError>) {
        let said = match answer {
            Ok(answer) if answer.is_success() && !answer.is_strange() => return,
            Ok(answer) => format!("{} {}", answer.status, answer.detail()),
            Err(error) => error.to_string(),
        };
        let exchange = Exchange { request: format!("{method} {}", address.path()), answer: said };
        *self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(exchange);
    }

    /// The last request that did not come out as it should.
    pub fn refused(&self) -> Option<Exchange> {
        self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn wire(&self) -> Wire {
        self.shared.settings.wire
    }

    pub(crate) fn tenant(&self) -> &url::Url {
        &self.shared.settings.tenant_url
    }

    pub(crate) fn tokens(&self) -> Option<(&Tokens, Duration)> {
        self.shared.tokens.as_deref().map(|tokens| (tokens, self.limit()))
    }

    pub(crate) fn has_token(&self) -> bool {
        self.shared.tokens.is_some() || !matches!(self.shared.authorization, Authorization::Blank)
    }
}

fn authorization(token: &str) -> Authorization {
    let token = token.trim();
    let bare = match token.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim(),
        _ => token,
    };
    if bare.is_empty() || bare.eq_ignore_ascii_case("bearer") {
        return Authorization::Blank;
    }
    match HeaderValue::from_str(&format!("Bearer {bare}")) {
        Ok(mut value) => {
            value.set_sensitive(true);
            Authorization::Bearer(value)
        }
        Err(_) => Authorization::Unsendable,
    }
}

/// `path eq "value"` with JSON's escapes (RFC 7644 §3.4.2.2).
pub(crate) fn equals(path: &AttributePath, value: &str) -> String {
    format!("{path} eq {}", Value::from(value))
}

/// Whether a hit shows the attribute, and shows another value than was asked for.
fn differs(at: Endpoint, resource: &Object, path: &AttributePath, value: &str) -> bool {
    let mut shown = resource::read(resource_type(at), resource, path).into_iter().filter_map(|v| match v {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Object(o) => o.get("value").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    });
    let Some(first) = shown.next() else { return false };
    let asked = forms(value);
    !std::iter::once(first).chain(shown).any(|s| forms(&s).iter().any(|f| asked.contains(f)))
}

/// The ways an app may compare a text: ignoring case, or as user names are prepared.
fn forms(text: &str) -> Vec<String> {
    let text = text.trim();
    [Some(prepare::fold(text)), prepare::user_name(text).ok()].into_iter().flatten().collect()
}

pub(crate) fn resource_type(at: Endpoint) -> &'static ResourceType {
    static TYPES: LazyLock<HashMap<Endpoint, ResourceType>> = LazyLock::new(|| {
        let make = |at: Endpoint, name: &str, schema, extensions| {
            (
                at,
                ResourceType {
                    name: name.into(),
                    endpoint: format!("/{}", at.segment()),
                    schema,
                    extensions,
                },
            )
        };
        HashMap::from([
            make(
                Endpoint::Users,
                "User",
                Arc::new(schema::user()),
                vec![(Arc::new(schema::enterprise_user()), false)],
            ),
            make(Endpoint::Groups, "Group", Arc::new(schema::group()), vec![]),
        ])
    });
    &TYPES[&at]
}

/// The last segment of a `Location` that lies under the endpoint.
fn located_id(at: Endpoint, location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?.trim_end_matches('/');
    let (before, id) = path.rsplit_once('/')?;
    let id = percent_encoding::percent_decode_str(id).decode_utf8().ok()?;
    (before.ends_with(at.segment()) && !id.trim().is_empty()).then(|| id.into_owned())
}
