//! From a path to what is meant, and the order of checks (checklist E-08).
//!
//! Paths are read here and not by axum's router, since an unknown route is to be refused *after* the token and in SCIM's
//! words, a method after the route, and a URN may stand in a path.

use std::{panic::AssertUnwindSafe, time::Instant};

use axum::{Router, body::Body, extract::State, response::Response, routing::any};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, header};
use percent_encoding::percent_decode_str;
use tracing::Instrument;
use usher_directory::{Kind, profile::Profile};
use usher_scim::{Object, ScimType};
use uuid::Uuid;

use crate::{
    auth::{self, Door},
    bulk, change, discovery,
    heard::{self, Answered, Heard},
    kept::Kept,
    media,
    problem::Problem,
    query, read,
    request::{Context, Query, client_address, discard, host, origin, read_body, too_large},
    serve::Connection,
    service::Service,
};

/// The routes of a service: `/scim/v2`, `/t/{account}/scim/v2` and `/d/{directory}/scim/v2`, each also without its `/v2`, and all
/// that is below them.
pub fn router(service: Service) -> Router {
    let mut router = Router::new();
    for mount in ["/scim", "/t/{account}/scim", "/d/{directory}/scim"] {
        for tail in ["", "/", "/{*rest}"] {
            router = router.route(&format!("{mount}{tail}"), any(handle));
        }
    }
    router.with_state(service)
}

/// What a path below a mount names.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Collection(Kind),
    Resource(Kind, String),
    Config,
    Types,
    Type(String),
    Schemas,
    Schema(String),
    /// All resource types; a query at the root.
    Root,
    /// A query as a message; `None`: over all types.
    Search(Option<Kind>),
    Bulk,
    Me,
}

impl Route {
    /// `None`: no SCIM at all.
    fn of(segments: &[String]) -> Option<Self> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        Some(match segments[..] {
            ["Users"] => Self::Collection(Kind::User),
            ["Groups"] => Self::Collection(Kind::Group),
            [] => Self::Root,
            [".search"] => Self::Search(None),
            ["Users", ".search"] => Self::Search(Some(Kind::User)),
            ["Groups", ".search"] => Self::Search(Some(Kind::Group)),
            ["Users", id] => Self::Resource(Kind::User, id.to_owned()),
            ["Groups", id] => Self::Resource(Kind::Group, id.to_owned()),
            ["ServiceProviderConfig"] => Self::Config,
            ["ResourceTypes"] => Self::Types,
            ["ResourceTypes", name] => Self::Type(name.to_owned()),
            ["Schemas"] => Self::Schemas,
            ["Schemas", urn] => Self::Schema(urn.to_owned()),
            ["Bulk"] => Self::Bulk,
            ["Me"] => Self::Me,
            _ => return None,
        })
    }

    fn methods(&self) -> &'static [Method] {
        const READ: &[Method] = &[Method::GET, Method::HEAD];
        const POST: &[Method] = &[Method::POST];
        const COLLECTION: &[Method] = &[Method::GET, Method::HEAD, Method::POST];
        const RESOURCE: &[Method] = &[Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE];
        match self {
            Self::Collection(_) => COLLECTION,
            Self::Resource(..) => RESOURCE,
            Self::Search(_) | Self::Bulk => POST,
            _ => READ,
        }
    }
}

/// A path, taken apart.
struct Target {
    /// What comes before the endpoint, as the client wrote it: `/scim/v2`, `/t/acme/scim`.
    mount: String,
    door: Door,
    /// Decoded once, a slash at the end ignored (E-04, E-05).
    segments: Vec<String>,
    /// A protocol version that is not 2 (E-03).
    version: Option<String>,
}

impl Target {
    fn of(path: &str) -> Option<Self> {
        let raw: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let decoded = |s: &&str| percent_decode_str(s).decode_utf8().ok().map(String::from);
        let (door, from) = match *raw.first()? {
            "t" => (Door::Account(decoded(raw.get(1)?)?), 3),
            "d" => (Door::Directory(decoded(raw.get(1)?)?), 3),
            _ => (Door::Any, 1),
        };
        let mut rest = raw.get(from..)?;
        let (mut mounted, mut version) = (from, None);
        if let Some(first) = rest.first()
            && first.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        {
            if *first == "v2" {
                mounted += 1;
            } else {
                version = Some((*first).to_owned());
            }
            rest = &rest[1..];
        }
        let mut segments = rest.iter().map(decoded).collect::<Option<Vec<_>>>()?;
        while segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        Some(Self { mount: format!("/{}", raw[..mounted].join("/")), door, segments, version })
    }
}

/// The answer to one request, whatever happens: in time, with an id, and no panic gets out.
async fn handle(State(service): State<Service>, request: Request<Body>) -> Response {
    let id = service.0.clock.id();
    let limit = service.0.settings.request;
    let (method, path) = (request.method().clone(), heard::path(request.uri()));
    let (at, began, heard) = (service.0.clock.now(), Instant::now(), Heard::default());
    let span = tracing::info_span!("scim", request = %id);
    let work = answer(service.clone(), id, request, heard.clone());
    let work = AssertUnwindSafe(tokio::time::timeout(limit, work)).catch_unwind();
    let answered = match work.instrument(span.clone()).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(_)) => {
            let detail = format!(
                "the request took longer than {} s and may have been carried out; read the resource before sending it again",
                limit.as_secs()
            );
            Err(Problem::later(5, detail))
        }
        Err(_) => Err(span.in_scope(|| Problem::internal(&"a panic"))),
    };
    let detail = answered.as_ref().err().map(|problem| problem.error.detail.clone());
    let mut response = answered.unwrap_or_else(Problem::into_response);
    heard.rate_headers(response.headers_mut());
    let status = response.status().as_u16();
    span.in_scope(|| tracing::debug!(%method, path = path_alone(&path), status, "answered"));
    if let Some(trail) = service.0.trail.get() {
        let method = method.to_string();
        let answered = Answered { at, id, method, path, status, took: began.elapsed(), detail };
        if let Some(entry) = heard.entry(answered) {
            trail.offer(entry);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    response
}

/// Without the query, which may name people.
fn path_alone(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

async fn answer(
    service: Service,
    id: Uuid,
    request: Request<Body>,
    heard: Heard,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let settings = &service.0.settings;
    let length =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if parts.uri.path_and_query().is_some_and(|url| url.as_str().len() > settings.url_bytes) {
        let detail = format!(
            "the URL is longer than {} bytes; send a long query as a POST to /.search, /Users/.search or /Groups/.search",
            settings.url_bytes
        );
        return Err(Problem::status(414, detail));
    }
    let target = Target::of(parts.uri.path());
    let most = match &target {
        Some(target) if target.segments == ["Bulk"] => settings.bulk_bytes,
        _ => settings.body_bytes,
    };
    if length.is_some_and(|length: u64| length > most as u64) {
        discard(body).await;
        return Err(too_large(most));
    }
    let now = service.0.clock.now();
    let connection = parts.extensions.get::<Connection>().copied();
    let door = target.as_ref().map_or(&Door::Any, |target| &target.door);
    let address = client_address(settings, connection, &parts.headers);
    let host = host(settings, connection, &parts.uri, &parts.headers);
    auth::check_url(parts.uri.query(), &parts.headers)?;
    let caller = auth::authenticate(&service.0, &parts.headers, door, address, now, &host, &heard).await?;

    let (target, route) = routed(target, &parts.method, caller.config.profile)?;
    let has_body = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
    if has_body {
        media::check_content_type(&parts.headers)?;
    }
    let cx = Context {
        id,
        now,
        caller,
        base: format!("{}{}", origin(settings, connection, &parts.uri, &parts.headers), target.mount),
        query: Query::parse(parts.uri.query().unwrap_or_default())?,
        media: media::answer_type(&parts.headers)?,
        headers: parts.headers,
        service: service.clone(),
        heard,
    };
    let body = if has_body { Some(read_body(body, most, &cx.heard).await?) } else { None };
    if let (Some(body), false, Some(_)) = (&body, matches!(route, Route::Search(_)), service.0.trail.get()) {
        cx.heard.body(Kept::of(&cx.caller.config, body));
    }
    carry_out(cx, route, parts.method, body).await
}

/// Route, then method: 404, 400 `invalidVers`, 501, 405.
fn routed(target: Option<Target>, method: &Method, profile: &Profile) -> Result<(Target, Route), Problem> {
    let unknown = || {
        let detail = "there is no such endpoint; the tenant URL ends with /scim/v2, and below it are /Users, /Groups, \
                      /ServiceProviderConfig, /ResourceTypes and /Schemas";
        Problem::status(404, detail)
    };
    let target = target.ok_or_else(unknown)?;
    if let Some(version) = &target.version {
        let detail = format!("SCIM {version} is not spoken here; use /scim/v2");
        return Err(Problem::bad(ScimType::InvalidVers, detail));
    }
    let route = Route::of(&target.segments).ok_or_else(unknown)?;
    match route {
        Route::Me => {
            return Err(Problem::status(
                501,
                "/Me is not served; a token stands for a client, not for a person",
            ));
        }
        Route::Bulk if !profile.bulk && method == Method::POST => {
            return Err(Problem::status(
                501,
                "bulk operations are not served; send one request an operation",
            ));
        }
        _ => {}
    }
    if !route.methods().contains(method) {
        let allow = route.methods().iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let detail = format!("{method} is not possible here; allowed: {allow}");
        return Err(Problem::status(405, detail).with(header::ALLOW, &allow));
    }
    Ok((target, route))
}

async fn carry_out(
    cx: Context,
    route: Route,
    method: Method,
    body: Option<Object>,
) -> Result<Response, Problem> {
    match (route, method, body) {
        (Route::Search(kind), _, Some(body)) => query::search(cx, kind, &body).await,
        (Route::Bulk, _, Some(body)) => bulk::carry_out(&cx, body).await,
        (route, method, body) => carry_out_one(&cx, route, method, body).await,
    }
}

async fn carry_out_one(
    cx: &Context,
    route: Route,
    method: Method,
    body: Option<Object>,
) -> Result<Response, Problem> {
    match (route, method, body) {
        (Route::Collection(kind), Method::POST, Some(body)) => change::create(cx, kind, body).await,
        (Route::Resource(kind, id), Method::PUT, Some(body)) => change::replace(cx, kind, &id, body).await,
        (Route::Resource(kind, id), Method::PATCH, Some(body)) => change::patch(cx, kind, &id, body).await,
        (Route::Resource(kind, id), Method::DELETE, _) => change::delete(cx, kind, &id).await,
        (Route::Resource(kind, id), ..) => read::one(cx, kind, &id).await,
        (Route::Collection(kind), ..) => query::list(cx, Some(kind)).await,
        (Route::Root, ..) => query::list(cx, None).await,
        (Route::Config, ..) => discovery::config(cx),
        (Route::Types, ..) => discovery::types(cx),
        (Route::Type(name), ..) => discovery::one_type(cx, &name),
        (Route::Schemas, ..) => discovery::schemas(cx),
        (Route::Schema(urn), ..) => discovery::schema(cx, &urn),
        // Refused by their methods before.
        (Route::Search(_) | Route::Bulk | Route::Me, ..) => {
            Err(Problem::status(405, "this is not possible here; see /ServiceProviderConfig"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> (String, Door, Vec<String>, Option<String>) {
        let t = Target::of(path).unwrap();
        (t.mount, t.door, t.segments, t.version)
    }

    #[test]
    fn mounts_tenants_versions_and_slashes() {
        let s = |v: &[&str]| v.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(parts("/scim/v2/Users/"), ("/scim/v2".into(), Door::Any, s(&["Users"]), None));
        assert_eq!(parts("/scim/Users/a%20b"), ("/scim".into(), Door::Any, s(&["Users", "a b"]), None));
        assert_eq!(
            parts("/t/acme/scim/v2/Groups"),
            ("/t/acme/scim/v2".into(), Door::Account("acme".into()), s(&["Groups"]), None)
        );
        assert_eq!(
            parts("/d/firm/scim/Users"),
            ("/d/firm/scim".into(), Door::Directory("firm".into()), s(&["Users"]), None)
        );
        assert_eq!(parts("/scim/v1/Users"), ("/scim".into(), Door::Any, s(&["Users"]), Some("v1".into())));
        assert_eq!(parts("/scim"), ("/scim".into(), Door::Any, s(&[]), None));
        let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
        assert_eq!(parts(&format!("/scim/v2/Schemas/{urn}")).2, s(&["Schemas", urn]));
    }

    #[test]
    fn what_scim_knows_is_told_from_what_it_does_not() {
        let of = |v: &[&str]| Route::of(&v.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["Users"]), Some(Route::Collection(Kind::User)));
        assert_eq!(of(&["users"]), None);
        assert_eq!(of(&["nope"]), None);
        assert_eq!(of(&["Users", "1", "2"]), None);
        assert_eq!(of(&["Users", ".search"]), Some(Route::Search(Some(Kind::User))));
        assert_eq!(of(&["Me", "x"]), None);
    }
}
