//! What is noted of a request while it is under way, for the trail.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, Uri, header};
use jiff::Timestamp;
use usher_directory::{
    DirectoryId, ObjectId,
    trail::{Entry, Met},
};
use usher_scim::Note;
use uuid::Uuid;

use crate::{kept::Kept, limit::Level};

/// The most deviations noted of one request; a PATCH may have a thousand operations with one each.
const NOTES: usize = 50;
/// The most bytes of a URL and of a `User-Agent` that are kept.
const URL: usize = 4 * 1024;
const AGENT: usize = 200;

/// Shared by all who work on a request. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// Whose token it is, be it valid or over.
    from: Option<(DirectoryId, Uuid)>,
    address: Option<IpAddr>,
    agent: String,
    notes: Vec<Note>,
    /// How many losses the guard holds of it.
    held: u64,
    objects: Vec<ObjectId>,
    body: Option<Kept>,
    size: Option<u64>,
    /// What the token has left of its rate.
    level: Option<Level>,
}

impl Heard {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the token has left.
    pub(crate) fn left(&self, level: Option<Level>) {
        self.inner().level = level;
    }

    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds since 1970), where the token's rate is limited.
    pub(crate) fn rate_headers(&self, headers: &mut HeaderMap) {
        let Some(Level { limit, remaining, reset }) = self.inner().level else { return };
        for (name, value) in
            [("x-ratelimit-limit", limit), ("x-ratelimit-remaining", remaining), ("x-ratelimit-reset", reset)]
        {
            headers.insert(HeaderName::from_static(name), value.into());
        }
    }

    /// Where it came from.
    pub(crate) fn arrived(&self, address: Option<IpAddr>, headers: &HeaderMap) {
        let mut inner = self.inner();
        inner.address = address;
        inner.agent = agent(headers);
    }

    /// Whose it is. What nobody known sent is in nobody's trail.
    pub(crate) fn from(&self, directory: DirectoryId, token: Uuid) {
        self.inner().from = Some((directory, token));
    }

    /// How a deviation was read; said once, however often the request was prepared.
    pub(crate) fn note(&self, note: &Note) {
        let mut inner = self.inner();
        if inner.notes.len() < NOTES && !inner.notes.contains(note) {
            inner.notes.push(note.clone());
        }
    }

    /// That the guard against mass loss holds some of what it takes away.
    pub(crate) fn held(&self, losses: u64) {
        self.inner().held += losses;
    }

    /// That a write is about this one.
    pub(crate) fn about(&self, object: ObjectId) {
        let mut inner = self.inner();
        if !inner.objects.contains(&object) {
            inner.objects.push(object);
        }
    }

    /// How large the body was.
    pub(crate) fn size(&self, bytes: usize) {
        self.inner().size = Some(bytes as u64);
    }

    /// What of the body is kept.
    pub(crate) fn body(&self, body: Kept) {
        self.inner().body = Some(body);
    }

    /// The entry of an answered request; `None`: nobody known sent it.
    pub(crate) fn entry(&self, answered: Answered) -> Option<Entry> {
        let mut inner = self.inner();
        let (directory, token) = inner.from?;
        let body = inner.body.take();
        Some(Entry {
            at: answered.at,
            request: answered.id,
            directory,
            token,
            method: answered.method,
            path: answered.path,
            status: answered.status,
            took: u32::try_from(answered.took.as_millis()).unwrap_or(u32::MAX),
            address: inner.address.map(|address| address.to_string()).unwrap_or_default(),
            agent: std::mem::take(&mut inner.agent),
            detail: answered.detail,
            deviations: inner.notes.iter().map(Met::from).chain(held(inner.held)).collect(),
            objects: std::mem::take(&mut inner.objects),
            cut: body.as_ref().is_some_and(|body| body.cut),
            body: body.map(|body| body.text),
            size: inner.size,
            erased: false,
        })
    }
}

/// What the trail says of held losses, beside how the request was read.
fn held(losses: u64) -> Option<Met> {
    let text = format!(
        "the guard against mass loss holds what {losses} people would lose by this request (usher guard ACCOUNT list)"
    );
    (losses > 0).then(|| Met { name: "held".into(), id: "guard".into(), text })
}

/// What a request was, and what became of it.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) at: Timestamp,
    pub(crate) id: Uuid,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    /// Why it was refused.
    pub(crate) detail: Option<String>,
}

/// Path and query as they came, but for a token, and not longer than is useful.
pub(crate) fn path(uri: &Uri) -> String {
    let whole = uri.path_and_query().map_or("/", |path| path.as_str());
    let (path, query) = whole.split_once('?').map_or((whole, None), |(path, query)| (path, Some(query)));
    let Some(query) = query else { return cut(path, URL) };
    let shown = query.split('&').map(|part| match part.split_once('=') {
        Some(("access_token", _)) => "access_token=(removed)",
        _ => part,
    });
    cut(&format!("{path}?{}", shown.collect::<Vec<_>>().join("&")), URL)
}

/// The `User-Agent`, as it may be kept.
pub(crate) fn agent(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    cut(agent, AGENT)
}

fn cut(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_the_url_is_not_kept() {
        let kept = |uri: &str| path(&uri.parse().unwrap());
        assert_eq!(
            kept("/scim/v2/Users?a=1&access_token=usher_x&b"),
            "/scim/v2/Users?a=1&access_token=(removed)&b"
        );
        assert_eq!(kept("/scim/v2/Users"), "/scim/v2/Users");
        assert_eq!(kept(&format!("/scim/v2/Users?filter={}", "x".repeat(9_000))).len(), URL);
    }
}
