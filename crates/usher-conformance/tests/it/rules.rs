//! Our service with one rule switched off, each by a wrapper that undoes what the rule does.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    response::Response,
};
use bytes::Bytes;
use http::{Method, StatusCode, header, request::Parts};
use serde_json::{Value, json};
use tower::ServiceExt;

/// The service behind a wrapper, with a request as the wrapper sees it.
#[derive(Clone)]
struct Behind {
    app: Router,
}

impl Behind {
    async fn send(&self, parts: &Parts, body: impl Into<Bytes>) -> Response {
        let bytes: Bytes = body.into();
        let mut request = Request::new(Body::from(bytes));
        request.headers_mut().clone_from(&parts.headers);
        request.headers_mut().remove(header::CONTENT_LENGTH);
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.extensions_mut() = parts.extensions.clone();
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn read(&self, parts: &Parts) -> Response {
        let mut parts = parts.clone();
        parts.method = Method::GET;
        parts.headers.remove(header::IF_MATCH);
        self.send(&parts, Bytes::new()).await
    }
}

/// A router whose every request goes through `rule`.
fn wrapped<F>(app: Router, rule: impl Fn(Behind, Parts, Bytes) -> F + Clone + Send + Sync + 'static) -> Router
where
    F: Future<Output = Response> + Send + 'static,
{
    let behind = Behind { app };
    Router::new().fallback(move |request: Request| {
        let (behind, rule) = (behind.clone(), rule.clone());
        async move {
            let (parts, body) = request.into_parts();
            match to_bytes(body, 64 * 1024 * 1024).await {
                Ok(bytes) => rule(behind, parts, bytes).await,
                Err(_) => Response::new(Body::empty()),
            }
        }
    })
}

fn is_patch(parts: &Parts) -> bool {
    parts.method == Method::PATCH
}

/// The operations of a PATCH body; empty when it is none.
fn operations(bytes: &[u8]) -> Vec<Value> {
    let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
    body["Operations"].as_array().cloned().unwrap_or_default()
}

fn patch(operations: &[Value]) -> String {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
        .to_string()
}

/// P-06: operations are carried out one by one, and what came before a failure stays.
pub(crate) fn patch_one_by_one(app: Router) -> Router {
    wrapped(app, async |behind: Behind, parts: Parts, bytes: Bytes| {
        let all = operations(&bytes);
        let whole =
            is_patch(&parts) && all.len() > 1 && all.len() < 10 && parts.headers.get("if-match").is_none();
        if !whole {
            return behind.send(&parts, bytes).await;
        }
        let mut last = None;
        for operation in all {
            let answer = behind.send(&parts, patch(&[operation])).await;
            if !answer.status().is_success() {
                return answer;
            }
            last = Some(answer);
        }
        last.unwrap()
    })
}

/// P-30: a remove of members with a value is read as one without.
pub(crate) fn remove_with_value_empties(app: Router) -> Router {
    wrapped(app, async |behind: Behind, parts: Parts, bytes: Bytes| {
        let mut all = operations(&bytes);
        let mut meant = false;
        for operation in &mut all {
            let remove = operation["op"].as_str().is_some_and(|op| op.eq_ignore_ascii_case("remove"));
            if remove && operation["path"] == "members" && !operation["value"].is_null() {
                meant = operation.as_object_mut().unwrap().remove("value").is_some();
            }
        }
        if is_patch(&parts) && meant {
            return behind.send(&parts, patch(&all)).await;
        }
        behind.send(&parts, bytes).await
    })
}

/// S-42: whoever looks while another creates sees nobody, and both are made.
pub(crate) fn both_creators_win(app: Router) -> Router {
    let under_way: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    wrapped(app, move |behind: Behind, parts: Parts, bytes: Bytes| {
        let under_way = under_way.clone();
        async move {
            let mut body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let name = body["userName"].as_str().map(str::to_owned);
            let Some(name) =
                name.filter(|_| parts.method == Method::POST && parts.uri.path().ends_with("/Users"))
            else {
                return behind.send(&parts, bytes).await;
            };
            let before = {
                let mut all = under_way.lock().unwrap();
                let count = all.entry(name.clone()).or_default();
                *count += 1;
                *count - 1
            };
            // Long enough for who comes at the same time.
            tokio::time::sleep(Duration::from_millis(30)).await;
            let sent = if before == 0 {
                bytes
            } else {
                body["userName"] = json!(format!("{name}-{before}"));
                body.to_string().into()
            };
            let answer = behind.send(&parts, sent).await;
            if let Some(count) = under_way.lock().unwrap().get_mut(&name) {
                *count -= 1;
            }
            answer
        }
    })
}

/// E-35: If-Match is compared first, and the write follows without it.
pub(crate) fn check_then_write(app: Router) -> Router {
    wrapped(app, async |behind: Behind, mut parts: Parts, bytes: Bytes| {
        let Some(wanted) = parts.headers.get(header::IF_MATCH).cloned() else {
            return behind.send(&parts, bytes).await;
        };
        let read = behind.read(&parts).await;
        let tag = read.headers().get(header::ETAG).cloned();
        let plain =
            |tag: &http::HeaderValue| tag.to_str().unwrap_or_default().trim_start_matches("W/").to_owned();
        if tag.is_some_and(|tag| plain(&tag) == plain(&wanted)) {
            // Long enough for the others to compare as well.
            tokio::time::sleep(Duration::from_millis(50)).await;
            parts.headers.remove(header::IF_MATCH);
        }
        behind.send(&parts, bytes).await
    })
}

/// a write to an id that this tenant does not have goes to whoever has it.
pub(crate) fn tenants_are_one(app: Router) -> Router {
    let first: Arc<Mutex<Option<http::HeaderValue>>> = Arc::default();
    wrapped(app, move |behind: Behind, mut parts: Parts, bytes: Bytes| {
        let first = first.clone();
        async move {
            let own = {
                let mut first = first.lock().unwrap();
                let sent = parts.headers.get(header::AUTHORIZATION).cloned();
                if first.is_none() {
                    first.clone_from(&sent);
                }
                first.clone()
            };
            let answer = behind.send(&parts, bytes.clone()).await;
            let write = parts.method == Method::PUT || parts.method == Method::DELETE;
            if answer.status() != StatusCode::NOT_FOUND || !write {
                return answer;
            }
            if let Some(own) = own {
                parts.headers.insert(header::AUTHORIZATION, own);
            }
            behind.send(&parts, bytes).await
        }
    })
}

/// C-01: a text where a boolean belongs is passed over, and the answer says that all went well.
pub(crate) fn text_booleans_are_swallowed(app: Router) -> Router {
    wrapped(app, async |behind: Behind, parts: Parts, bytes: Bytes| {
        let mut all = operations(&bytes);
        let before = all.len();
        let known = |value: &Value| {
            value
                .as_str()
                .is_some_and(|text| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"))
        };
        all.retain(|operation| operation["path"] != "active" || !known(&operation["value"]));
        if !is_patch(&parts) || all.len() == before {
            return behind.send(&parts, bytes).await;
        }
        if all.is_empty() { behind.read(&parts).await } else { behind.send(&parts, patch(&all)).await }
    })
}

/// C-05: keys of a value that are paths are no attributes, and are ignored.
pub(crate) fn dotted_keys_are_dropped(app: Router) -> Router {
    wrapped(app, async |behind: Behind, parts: Parts, bytes: Bytes| {
        let mut all = operations(&bytes);
        let mut dropped = false;
        for operation in all.iter_mut().filter(|operation| operation["path"].is_null()) {
            if let Some(value) = operation["value"].as_object_mut() {
                let before = value.len();
                value.retain(|key, _| !key.contains('.') || key.starts_with("urn:"));
                dropped |= value.len() != before;
            }
        }
        if is_patch(&parts) && dropped {
            return behind.send(&parts, patch(&all)).await;
        }
        behind.send(&parts, bytes).await
    })
}

/// N-08: times are stored finer than they are printed, so that what was printed lies before what is stored.
pub(crate) fn times_are_finer_than_printed(app: Router) -> Router {
    wrapped(app, async |behind: Behind, mut parts: Parts, bytes: Bytes| {
        let uri = parts.uri.to_string();
        // `meta.lastModified le`, percent-encoded as the cases send it.
        let finer = uri.replace("meta%2ElastModified%20le%20", "meta%2ElastModified%20lt%20");
        if finer != uri {
            parts.uri = finer.parse().unwrap();
        }
        behind.send(&parts, bytes).await
    })
}

/// N-15: whether members changed is told by whether there are any, so that a removal by filters which leaves some is answered
/// well and not carried out.
pub(crate) fn filtered_removals_are_lost(app: Router) -> Router {
    wrapped(app, async |behind: Behind, parts: Parts, bytes: Bytes| {
        let named: Vec<Option<String>> = operations(&bytes).iter().map(removed_by_filter).collect();
        if !is_patch(&parts) || named.is_empty() || named.contains(&None) {
            return behind.send(&parts, bytes).await;
        }
        let group = to_bytes(behind.read(&parts).await.into_body(), 64 * 1024 * 1024).await.unwrap();
        let group: Value = serde_json::from_slice(&group).unwrap_or_default();
        let stays = |member: &Value| !named.iter().flatten().any(|id| member["value"] == id.as_str());
        if group["members"].as_array().is_some_and(|members| members.iter().any(stays)) {
            return behind.read(&parts).await;
        }
        behind.send(&parts, bytes).await
    })
}

/// The id in `remove` of `members[value eq "…"]`.
fn removed_by_filter(operation: &Value) -> Option<String> {
    let path = operation["path"].as_str().filter(|_| operation["op"] == "remove")?;
    Some(path.strip_prefix("members[value eq \"")?.strip_suffix("\"]")?.to_owned())
}

/// a cursor is a number of rows, so that who is deleted before it shifts the rest.
pub(crate) fn cursors_are_row_numbers(app: Router) -> Router {
    wrapped(app, async |behind: Behind, mut parts: Parts, bytes: Bytes| {
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let pairs: Vec<(&str, &str)> =
            query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        let value = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let count = value("count").and_then(|count| count.parse::<usize>().ok());
        let rest: Vec<String> = pairs
            .iter()
            .filter(|(key, _)| !matches!(*key, "cursor" | "count"))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        // A cursor belongs to its query and tenant, here too.
        let mut hasher = DefaultHasher::new();
        (parts.uri.path(), &rest, parts.headers.get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes))
            .hash(&mut hasher);
        let seal = format!("-{:x}", hasher.finish());
        let row = match value("cursor").map(|cursor| cursor.replace("%2D", "-")) {
            Some(cursor) if cursor.is_empty() => Some(0),
            Some(cursor) => {
                cursor.strip_prefix('o').and_then(|c| c.strip_suffix(&seal)).and_then(|row| row.parse().ok())
            }
            None => None,
        };
        let (Some(row), Some(count), None) = (row, count.filter(|count| *count > 0), value("startIndex"))
        else {
            return behind.send(&parts, bytes).await;
        };
        let row: usize = row;
        let all = format!("{}?{}&startIndex=1&count=1000", parts.uri.path(), rest.join("&"));
        parts.uri = all.parse().unwrap();
        let (head, body) = behind.send(&parts, bytes).await.into_parts();
        let mut list: Value =
            serde_json::from_slice(&to_bytes(body, 64 * 1024 * 1024).await.unwrap()).unwrap_or_default();
        let Some(found) = list["Resources"].as_array().cloned() else {
            return Response::from_parts(head, Body::from(list.to_string()));
        };
        let page: Vec<Value> = found.iter().skip(row).take(count).cloned().collect();
        if row + page.len() < found.len() {
            list["nextCursor"] = json!(format!("o{}{seal}", row + page.len()));
        }
        list["itemsPerPage"] = json!(page.len());
        list["Resources"] = json!(page);
        list.as_object_mut().unwrap().remove("startIndex");
        Response::from_parts(without_length(head), Body::from(list.to_string()))
    })
}

fn without_length(mut head: http::response::Parts) -> http::response::Parts {
    head.headers.remove(header::CONTENT_LENGTH);
    head
}
