//! Lists: filter, order, pages (RFC 7644 §3.4.2, RFC 9865; checklist Q-01…Q-66).

use axum::response::Response;
use http::header;
use serde_json::{Value, json};
use usher_directory::{
    Kind,
    object::Stored,
    query::{Listed, Listing, QueryError, Sort, Start},
};
use usher_scim::{AttributePath, Deviation, Filter, Note, Object, ScimType, message};
use usher_store::{Snapshot, StoreError};

use crate::{
    cursor::Cursor,
    problem::Problem,
    read::set,
    render::{Links, Piece, View},
    request::Context,
    search,
    walk::Place,
};

/// How the client pages.
#[derive(Debug, Clone, PartialEq)]
enum Paging {
    /// From this position.
    Index(u64),
    /// `None`: the first page.
    Cursor(Option<Cursor>),
}

/// What of a collection is asked for.
struct Asked {
    paging: Paging,
    count: u32,
    listing: Listing,
    /// What decides which objects come in which order: a cursor's, and the walk's memory.
    identity: String,
    sorted: bool,
}

/// GET of a collection; `None`: of all resource types.
pub(crate) async fn list(cx: &Context, kind: Option<Kind>) -> Result<Response, Problem> {
    let asked = asked(cx, kind)?;
    let views = Views::new(cx, kind)?;
    let start = start(cx, &asked);
    let (page, links) = match read(cx, &asked, &views, start).await {
        Err(QueryError::Store(StoreError::TooSlow)) => return Err(asked.listing.too_many().into()),
        found => found?,
    };
    if let (Paging::Index(start), Some(mark), false) = (&asked.paging, &page.next, asked.sorted) {
        let next = start + page.objects.len() as u64;
        let place = Place { token: cx.caller.token, query: asked.identity.clone(), start: next };
        cx.service.0.walks.remember(place, mark.clone(), cx.now);
    }
    respond(cx, &views, &asked, page, links)
}

/// A page, and what belongs to its objects.
async fn read(
    cx: &Context,
    asked: &Asked,
    views: &Views,
    start: Start,
) -> Result<(Listed, Vec<Links>), QueryError> {
    let (store, limit) = (&cx.service.0.store, cx.settings().query);
    let (config, listing, views, count) =
        (cx.caller.config.clone(), asked.listing.clone(), views.clone(), asked.count);
    if listing.finds_few() {
        // A statement each: on PostgreSQL they need no transaction.
        let page = store.read(limit, move |on| listing.page(on, &config, &start, count)).await?;
        let objects = page.objects.clone();
        if objects.is_empty() {
            return Ok((page, Vec::new()));
        }
        let links = store.read(limit, move |on| views.links(on, &objects)).await?;
        return Ok((page, links));
    }
    let found = store.read(limit, move |on| -> Result<_, QueryError> {
        let page = listing.page(on, &config, &start, count)?;
        let links = views.links(on, &page.objects)?;
        Ok((page, links))
    });
    found.await
}

/// The same, asked by a message (RFC 7644 §3.4.3); what stands in the URL does not count.
pub(crate) async fn search(cx: Context, kind: Option<Kind>, body: &Object) -> Result<Response, Problem> {
    let query = search::query(body)?;
    list(&Context { query, ..cx }, kind).await
}

fn asked(cx: &Context, kind: Option<Kind>) -> Result<Asked, Problem> {
    let config = &cx.caller.config;
    let filter = match cx.query.get("filter") {
        None => None,
        Some(text) => {
            let (filter, notes) = Filter::read(text, cx.tolerance()).map_err(usher_scim::ScimError::from)?;
            cx.note(&notes);
            if config.profile.few_filters && !filter.is_plain() {
                let said = "the filter has more than eq, ne, lt, gt, and, or; it was answered all the same";
                cx.note(&[Note::new(Deviation::UndocumentedFilter, said)]);
            }
            Some(filter)
        }
    };
    let sort = if config.profile.sort { sort(cx)? } else { None };
    let listing = match kind {
        Some(kind) => Listing::of_type(config, kind, filter.as_ref(), sort.as_ref())?,
        None => Listing::of_all(config, filter.as_ref(), sort.as_ref())?,
    };
    cx.note(listing.notes());
    // The identity is the filter as read, not as spelled: a client may encode the next page's otherwise.
    let identity = json!([
        config.id.0,
        kind.map(Kind::name),
        filter.map(|filter| filter.to_string()),
        sort.as_ref().map(|sort| (sort.by.to_string().to_ascii_lowercase(), sort.descending)),
    ])
    .to_string();
    let (paging, count) = paging(cx, &identity)?;
    Ok(Asked { paging, count, listing, identity, sorted: sort.is_some() })
}

/// By position unless a cursor is sent, an empty one for the first page (checklist Q-42…Q-52).
fn paging(cx: &Context, identity: &str) -> Result<(Paging, u32), Problem> {
    let profile = cx.caller.config.profile;
    let bounded = |count: i64| u32::try_from(count.max(0)).unwrap_or(u32::MAX).min(profile.page_most);
    let Some(cursor) = cx.query.get("cursor") else {
        let start = cx.query.number("startIndex")?.unwrap_or(1).max(1).unsigned_abs();
        let count = cx.query.number("count")?.map_or(profile.page_default, bounded);
        return Ok((Paging::Index(start), count));
    };
    if cx.query.get("startIndex").is_some() {
        let detail = "startIndex and cursor exclude each other; page by one of them";
        return Err(Problem::bad(ScimType::InvalidValue, detail));
    }
    let bad_count = |detail: String| Problem::bad(ScimType::InvalidCount, detail);
    let count = cx.query.number("count").map_err(|problem| bad_count(problem.error.detail))?.map(bounded);
    if cursor.is_empty() {
        return Ok((Paging::Cursor(None), count.unwrap_or(profile.page_default)));
    }
    let cursor = Cursor::open(cx, identity, cursor)?;
    if count.is_some_and(|count| count != cursor.count) {
        let detail =
            format!("the first page asked for {} resources; keep that count for the next", cursor.count);
        return Err(bad_count(detail));
    }
    let count = cursor.count;
    Ok((Paging::Cursor(Some(cursor)), count))
}

/// Where in the list the page starts; a position that a walk has reached goes on from the object it was reached by.
fn start(cx: &Context, asked: &Asked) -> Start {
    match &asked.paging {
        Paging::Cursor(None) => Start::Index(1),
        Paging::Cursor(Some(cursor)) => Start::After(cursor.mark.clone()),
        Paging::Index(start) => {
            let place = Place { token: cx.caller.token, query: asked.identity.clone(), start: *start };
            let walks = &cx.service.0.walks;
            let known = (*start > 1 && !asked.sorted).then(|| walks.find(&place, cx.now)).flatten();
            known.map_or(Start::Index(*start), Start::After)
        }
    }
}

fn sort(cx: &Context) -> Result<Option<Sort>, Problem> {
    let Some(by) = cx.query.get("sortBy").map(str::trim).filter(|by| !by.is_empty()) else { return Ok(None) };
    let by = AttributePath::parse(by)
        .map_err(|e| Problem::bad(ScimType::InvalidValue, format!("sortBy: {}", e.detail)))?;
    let descending = match cx.query.get("sortOrder").unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "ascending" => false,
        "descending" => true,
        other => {
            let detail = format!("sortOrder is ascending or descending, not {other}");
            return Err(Problem::bad(ScimType::InvalidValue, detail));
        }
    };
    Ok(Some(Sort { by, descending }))
}

/// How the resources of a list are shown.
#[derive(Clone)]
struct Views {
    user: Option<View>,
    group: Option<View>,
}

impl Views {
    fn new(cx: &Context, kind: Option<Kind>) -> Result<Self, Problem> {
        let selection = cx.selection()?;
        let view = |of: Kind| {
            let wanted = kind.is_none_or(|kind| kind == of);
            wanted.then(|| View::new(&cx.caller.config, of, &cx.base, &selection))
        };
        Ok(Self { user: view(Kind::User), group: view(Kind::Group) })
    }

    fn of(&self, kind: Kind) -> Option<&View> {
        match kind {
            Kind::User => self.user.as_ref(),
            Kind::Group => self.group.as_ref(),
        }
    }

    /// What belongs to the objects, in their order: each type's is read together.
    fn links(&self, on: &mut Snapshot<'_>, objects: &[Stored]) -> Result<Vec<Links>, StoreError> {
        let mut all: Vec<Links> = objects.iter().map(|_| Links::None).collect();
        for kind in [Kind::User, Kind::Group] {
            let Some(view) = self.of(kind) else { continue };
            let mine = || objects.iter().enumerate().filter(|(_, stored)| stored.kind == kind);
            let stored: Vec<&Stored> = mine().map(|(_, stored)| stored).collect();
            for ((at, _), links) in mine().zip(view.links(on, &stored)?) {
                all[at] = links;
            }
        }
        Ok(all)
    }
}

fn respond(
    cx: &Context,
    views: &Views,
    asked: &Asked,
    page: Listed,
    links: Vec<Links>,
) -> Result<Response, Problem> {
    let place = match &asked.paging {
        Paging::Index(start) => format!("\"startIndex\":{start}"),
        Paging::Cursor(_) => match page.next {
            Some(mark) => {
                let next = Cursor { count: asked.count, mark }.seal(cx, &asked.identity);
                format!("\"nextCursor\":{}", Value::from(next))
            }
            None => String::new(),
        },
    };
    let comma = if place.is_empty() { "" } else { "," };
    let head = format!(
        "{{\"schemas\":[{}],\"totalResults\":{}{comma}{place},\"itemsPerPage\":{},\"Resources\":[",
        json!(message::LIST),
        page.total,
        page.objects.len()
    );
    let mut pieces = vec![Piece::Ready(head.into_bytes())];
    for (n, (stored, links)) in page.objects.iter().zip(links).enumerate() {
        if n > 0 {
            pieces.push(Piece::Ready(b",".to_vec()));
        }
        if let Some(view) = views.of(stored.kind) {
            pieces.extend(view.pieces(stored, links)?);
        }
    }
    pieces.push(Piece::Ready(b"]}".to_vec()));
    // Members are what is streamed, so where groups may be, theirs is the view.
    let body = match views.group.as_ref().or(views.user.as_ref()) {
        Some(view) => view.body(&cx.service.0.store, pieces),
        None => return Err(Problem::internal(&"a list of no type")),
    };
    let mut response = Response::new(body);
    set(&mut response, header::CONTENT_TYPE, cx.media);
    Ok(response)
}
