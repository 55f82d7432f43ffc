//! Asking the trail.

use jiff::Timestamp;
use usher_store::{Snapshot, Sql, StoreError, args};
use uuid::Uuid;

use super::{Entry, columns};
use crate::{DirectoryId, ObjectId};

/// What is asked for; everything together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Writes about this user or group.
    pub object: Option<ObjectId>,
    /// This request.
    pub request: Option<Uuid>,
    /// Requests with this token.
    pub token: Option<Uuid>,
    /// Only those that were refused: a status of 400 or more.
    pub failed: bool,
}

/// A place in the trail, for the next page: the last entry of the page before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its time.
    pub at: Timestamp,
    /// Its id.
    pub request: Uuid,
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.at.as_millisecond(), self.request.simple())
    }
}

impl std::str::FromStr for Mark {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, request) = text.split_once('-').ok_or(())?;
        let at = at.parse().ok().and_then(|at| Timestamp::from_millisecond(at).ok()).ok_or(())?;
        Ok(Self { at, request: Uuid::try_parse(request).map_err(|_| ())? })
    }
}

/// A page of the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<Mark>,
}

macro_rules! page {
    ($from:literal) => {
        Sql::same(concat!(
            "select ",
            columns!(),
            $from,
            " and t.status >= $5 and (t.at, t.request) < ($2, $3) order by t.at desc, t.request desc limit $4"
        ))
    };
}

/// What a directory's clients sent, at most `most` entries after a mark.
///
/// # Errors
/// What the store says.
pub fn find(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    query: &Query,
    after: Option<Mark>,
    most: usize,
) -> Result<Found, StoreError> {
    const ALL: Sql = page!(" from trail t where t.directory = $1");
    const FAILED: Sql = page!(" from trail t where t.directory = $1 and t.status >= 400");
    const BY_TOKEN: Sql = page!(" from trail t where t.directory = $1 and t.token = $6");
    const BY_REQUEST: Sql =
        page!(" from trail t where t.directory = $1 and t.request = $6 and (t.token = $7 or $7 is null)");
    const BY_OBJECT: Sql = page!(
        " from trail_object o join trail t on t.at = o.at and t.request = o.request
          where o.directory = $1 and t.directory = $1 and o.object = $6 and (t.token = $7 or $7 is null)
          and (t.request = $8 or $8 is null) and (o.at, o.request) < ($2, $3)"
    );
    let after = after.unwrap_or(Mark { at: Timestamp::MAX, request: Uuid::max() });
    let at = after.at.as_millisecond();
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let status = if query.failed { 400 } else { 0 };
    let Query { object, request, token, .. } = *query;
    let rows = most.saturating_add(1);
    let common = args![directory, at, after.request, limit, status];
    let with = |more: &[usher_store::Value]| [common, more].concat();
    let mut entries: Vec<Entry> = match (object, request, token) {
        (Some(object), ..) => on.all(&BY_OBJECT, &with(args![object, token, request]), rows)?,
        (None, Some(request), _) => on.all(&BY_REQUEST, &with(args![request, token]), rows)?,
        (None, None, Some(token)) => on.all(&BY_TOKEN, &with(args![token]), rows)?,
        (None, None, None) if query.failed => on.all(&FAILED, common, rows)?,
        (None, None, None) => on.all(&ALL, common, rows)?,
    };
    let more = entries.len() > most;
    entries.truncate(most);
    let last = entries.last().filter(|_| more);
    let next = last.map(|entry| Mark { at: entry.at, request: entry.request });
    Ok(Found { entries, next })
}
