//! Lists: filter, order, pages (RFC 7644 §3.4.2; checklist Q-01…Q-63).

use axum::response::Response;
use http::header;
use serde_json::json;
use usher_directory::{
    Kind,
    query::{self, From, Page, QueryError, QueryPlan, Sort},
};
use usher_scim::{AttributePath, Filter, ScimType, message};
use usher_store::StoreError;

use crate::{
    problem::Problem,
    read::set,
    render::{Links, Piece, View},
    request::Context,
    walk::Place,
};

/// What of a collection is asked for.
struct Asked {
    start: u64,
    count: u32,
    plan: QueryPlan,
    /// What decides which objects come in which order, for the walk's memory.
    identity: String,
    sorted: bool,
}

/// GET of a collection.
pub(crate) async fn list(cx: &Context, kind: Kind) -> Result<Response, Problem> {
    let asked = asked(cx, kind)?;
    let view = View::new(&cx.caller.config, kind, &cx.base, &cx.selection()?);
    let walks = &cx.service.0.walks;
    let place = |start| Place { token: cx.caller.token, query: asked.identity.clone(), start };
    let known = (asked.start > 1 && !asked.sorted).then(|| walks.find(&place(asked.start), cx.now)).flatten();
    let from = known.map_or(From::Index(asked.start), |(key, total)| From::After { key, total });

    let (config, plan, reading, count) =
        (cx.caller.config.clone(), asked.plan.clone(), view.clone(), asked.count);
    let found = cx.service.0.store.read(cx.settings().query, move |on| -> Result<_, QueryError> {
        let page = query::page(on, &config, &plan, from, count)?;
        let links = reading.links(on, &page.objects)?;
        Ok((page, links))
    });
    let (page, links) = match found.await {
        Err(QueryError::Store(StoreError::TooSlow)) => return Err(asked.plan.too_many().into()),
        found => found?,
    };
    if let Some(last) = page.last.filter(|_| page.more && !asked.sorted) {
        let next = asked.start + page.objects.len() as u64;
        walks.remember(place(next), last, page.total, cx.now);
    }
    respond(cx, &view, asked.start, page, links)
}

fn asked(cx: &Context, kind: Kind) -> Result<Asked, Problem> {
    let config = &cx.caller.config;
    if cx.query.get("cursor").is_some() {
        let detail = "paging by cursor is not served (see ServiceProviderConfig); use startIndex and count";
        return Err(Problem::bad(ScimType::InvalidCursor, detail));
    }
    let start = cx.query.number("startIndex")?.unwrap_or(1).max(1).unsigned_abs();
    let most = config.profile.page_most;
    let count = match cx.query.number("count")? {
        None => config.profile.page_default,
        Some(count) => u32::try_from(count.max(0)).unwrap_or(u32::MAX).min(most),
    };
    let filter = match cx.query.get("filter") {
        None => None,
        Some(text) => {
            let (filter, notes) = Filter::read(text, cx.tolerance()).map_err(usher_scim::ScimError::from)?;
            cx.note(&notes);
            Some(filter)
        }
    };
    let mut plan = QueryPlan::new(config, kind, filter.as_ref())?;
    cx.note(plan.notes());
    let sort = if config.profile.sort { sort(cx)? } else { None };
    if let Some(sort) = &sort {
        plan = plan.sorted(config, sort)?;
    }
    // The identity is the filter as read, not as spelled: a client may encode the next page's otherwise.
    let filter = filter.map(|f| f.to_string()).unwrap_or_default();
    let identity = format!("{}/{}/{filter}", config.id.0, kind as i32);
    Ok(Asked { start, count, plan, identity, sorted: sort.is_some() })
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

fn respond(
    cx: &Context,
    view: &View,
    start: u64,
    page: Page,
    links: Vec<Links>,
) -> Result<Response, Problem> {
    let head = format!(
        "{{\"schemas\":[{}],\"totalResults\":{},\"startIndex\":{start},\"itemsPerPage\":{},\"Resources\":[",
        json!(message::LIST),
        page.total,
        page.objects.len()
    );
    let mut pieces = vec![Piece::Ready(head.into_bytes())];
    for (n, (stored, links)) in page.objects.iter().zip(links).enumerate() {
        if n > 0 {
            pieces.push(Piece::Ready(b",".to_vec()));
        }
        pieces.extend(view.pieces(stored, links)?);
    }
    pieces.push(Piece::Ready(b"]}".to_vec()));
    let mut response = Response::new(view.body(&cx.service.0.store, pieces));
    set(&mut response, header::CONTENT_TYPE, cx.media);
    Ok(response)
}
