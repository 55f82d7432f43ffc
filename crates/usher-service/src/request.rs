//! A request under way, past its door: who asks, what was asked besides path and body.

use std::{net::IpAddr, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use usher_directory::{DirectoryId, object::Cause};
use usher_scim::{Note, Object, ScimType, Tolerance, resource::Selection};
use uuid::Uuid;

use crate::{
    auth::Caller, heard::Heard, problem::Problem, serve::Connection, service::Service, settings::Settings,
};

/// Everything a handler needs. Cheap to clone, but for the headers.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) service: Service,
    /// The request's id, in the answer's header, the log and the change feed.
    pub(crate) id: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) caller: Caller,
    /// The base of `meta.location` and `$ref`, mount included: `https://scim.example.com/scim/v2`.
    pub(crate) base: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    /// The media type of the answer.
    pub(crate) media: &'static str,
    /// What the trail is told.
    pub(crate) heard: Heard,
}

impl Context {
    pub(crate) fn directory(&self) -> DirectoryId {
        self.caller.config.id
    }

    pub(crate) fn tolerance(&self) -> Tolerance {
        self.caller.config.tolerance
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.service.0.settings
    }

    pub(crate) fn cause(&self) -> Cause {
        Cause { request: Some(self.id), token: Some(self.caller.token), ..Cause::default() }
    }

    /// `attributes` and `excludedAttributes`.
    pub(crate) fn selection(&self) -> Result<Selection, Problem> {
        Ok(Selection::parse(self.query.get("attributes"), self.query.get("excludedAttributes"))?)
    }

    /// Each deviation that was met, for the administrator who asks why something was read as it was.
    pub(crate) fn note(&self, notes: &[Note]) {
        for note in notes {
            tracing::debug!(deviation = note.deviation.name(), "{}", note.text);
            self.heard.note(note);
        }
    }
}

/// The parameters of a query string, or of a search request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c`: `+` and `%20` are a space (checklist Q-19), empty parts are nothing (E-04).
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let decode = |part: &str| {
            let spaced = part.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8().map(String::from).map_err(|_| {
                Problem::bad(
                    ScimType::InvalidValue,
                    "the query string is not UTF-8; percent-encode it as UTF-8",
                )
            })
        };
        let pairs = text.split('&').filter(|part| !part.is_empty());
        let read = pairs.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decode(name)?, decode(value)?))
        });
        read.collect::<Result<_, _>>().map(Self)
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A whole number; one below `i64` counts as its limit.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.get(name).map(str::trim).filter(|t| !t.is_empty()) else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Problem::bad(
                ScimType::InvalidValue,
                format!("{name} must be a whole number, not {text}"),
            )),
        }
    }
}

/// The body as a JSON object, within the limit; the length was looked at before, this holds for chunked bodies too.
pub(crate) async fn read_body(mut body: Body, most: usize, heard: &Heard) -> Result<Object, Problem> {
    let bytes: Bytes = match Limited::new(&mut body, most).collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body).await;
            return Err(too_large(most));
        }
        Err(_) => {
            return Err(Problem::bad(ScimType::InvalidSyntax, "the body broke off; send the request again"));
        }
    };
    heard.size(bytes.len());
    Ok(usher_scim::body::parse(&bytes)?)
}

/// Reads on and keeps nothing, within bounds: a client that is still sending takes no answer, and would only see the
/// connection break.
pub(crate) async fn discard(mut body: Body) {
    const MOST: usize = 64 * 1024 * 1024;
    const LONGEST: Duration = Duration::from_secs(5);
    let all = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > MOST {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LONGEST, all).await;
}

/// 413.
pub(crate) fn too_large(most: usize) -> Problem {
    Problem::status(
        413,
        format!("the body is larger than {most} bytes; send fewer members or attributes at once"),
    )
}

/// The client's address, as far as proxies may be believed.
pub(crate) fn client_address(
    settings: &Settings,
    connection: Option<Connection>,
    headers: &HeaderMap,
) -> Option<IpAddr> {
    let peer = connection?.peer.ip();
    let is_trusted = |ip: IpAddr| settings.trusted_proxies.iter().any(|n| n.contains(ip));
    if !is_trusted(peer) {
        return Some(peer);
    }
    let forwarded =
        headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    let hops: Vec<IpAddr> = forwarded.filter_map(|hop| hop.trim().parse().ok()).collect();
    // The last hop that is no proxy of ours; what stands before it anybody may have written.
    Some(hops.into_iter().rev().find(|ip| !is_trusted(*ip)).unwrap_or(peer))
}

/// The host by which the client came, in lower case and without a port; empty where it is not said. `public_url` has no say in it.
pub(crate) fn host(
    settings: &Settings,
    connection: Option<Connection>,
    uri: &Uri,
    headers: &HeaderMap,
) -> String {
    let origin = came_by(settings, connection, uri, headers);
    let authority: Option<http::uri::Authority> =
        origin.split_once("://").and_then(|(_, authority)| authority.parse().ok());
    authority.map(|authority| authority.host().to_ascii_lowercase()).unwrap_or_default()
}

/// Scheme, host and port as clients see them, without a slash at the end.
pub(crate) fn origin(
    settings: &Settings,
    connection: Option<Connection>,
    uri: &Uri,
    headers: &HeaderMap,
) -> String {
    match &settings.public_url {
        Some(public) => public.trim_end_matches('/').to_owned(),
        None => came_by(settings, connection, uri, headers),
    }
}

/// The same by the request alone.
fn came_by(settings: &Settings, connection: Option<Connection>, uri: &Uri, headers: &HeaderMap) -> String {
    let trusted =
        connection.is_some_and(|c| settings.trusted_proxies.iter().any(|n| n.contains(c.peer.ip())));
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let forwarded =
        |name: &str| text(name).filter(|_| trusted).and_then(|v| v.split(',').next()).map(str::trim);
    let scheme = match forwarded("x-forwarded-proto") {
        Some(scheme @ ("http" | "https")) => scheme,
        _ if connection.is_some_and(|c| c.tls) => "https",
        _ => "http",
    };
    let host = forwarded("x-forwarded-host")
        .or_else(|| text(header::HOST.as_str()))
        .or_else(|| uri.authority().map(|a| a.as_str()));
    let plain = |host: &&str| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))
    };
    format!("{scheme}://{}", host.filter(plain).unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_is_a_space_and_an_encoded_one_a_plus() {
        let query = Query::parse("filter=userName+eq%20%22a%2Bb%22&&count=5&flag").unwrap();
        assert_eq!(query.get("filter"), Some("userName eq \"a+b\""));
        assert_eq!(query.number("count").unwrap(), Some(5));
        assert_eq!((query.get("flag"), query.get("x")), (Some(""), None));
        assert!(Query::parse("filter=%ff").is_err());
        assert!(Query::parse("count=1.5").unwrap().number("count").is_err());
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let connection = |ip: &str| Some(Connection { peer: format!("{ip}:1").parse().unwrap(), tls: false });
        let settings =
            Settings { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Settings::default() };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.0.0.2".parse().unwrap());
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        headers.insert("host", "scim.example.com".parse().unwrap());
        let uri = Uri::from_static("/scim/v2/Users");
        let seen = |c| client_address(&settings, c, &headers).unwrap().to_string();
        assert_eq!(seen(connection("10.0.0.1")), "203.0.113.9");
        assert_eq!(seen(connection("198.51.100.7")), "198.51.100.7");
        assert_eq!(origin(&settings, connection("10.0.0.1"), &uri, &headers), "https://scim.example.com");
        assert_eq!(origin(&settings, connection("198.51.100.7"), &uri, &headers), "http://scim.example.com");
        let host = |name: &'static str, c| {
            let mut headers = headers.clone();
            headers.insert("host", name.parse().unwrap());
            host(&settings, c, &uri, &headers)
        };
        assert_eq!(host("SCIM.example.com:8443", None), "scim.example.com");
        assert_eq!(host("[::1]:80", None), "[::1]");
        headers.insert("host", "a\"/b".parse().unwrap());
        assert_eq!(origin(&settings, None, &uri, &headers), "http://localhost");
    }
}
