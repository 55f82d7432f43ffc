//! Through a whole list by pages, each timed, with the first page again and again between them: what a page costs far
//! from the beginning is compared with the first one under the same conditions.

use std::{collections::HashSet, time::Instant};

use anyhow::{Context, ensure};

use crate::{
    caller::{Call, Caller, Server},
    figures::{Figures, Tally},
    work::{SeenList, list},
};

/// How a client pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// RFC 9865.
    Cursor,
    /// `startIndex`, each page going on where the last one ended.
    Index,
}

/// After so many pages the first one is read again.
const FIRST_AGAIN: usize = 10;

/// Walks; figures of the first page and of each tenth of the walk. Also whether everybody was seen exactly once.
///
/// # Errors
/// When a page is none, or somebody is missing or there twice.
pub async fn walk(server: &Server, by: By, count: usize) -> anyhow::Result<Vec<Figures>> {
    let mut caller = Caller::new(server.clone());
    let start = match by {
        By::Cursor => format!("/Users?count={count}&cursor="),
        By::Index => format!("/Users?count={count}&startIndex=1"),
    };
    let mut first = Tally::default();
    let mut tenths = vec![Tally::default(); 10];
    let mut seen: HashSet<String> = HashSet::new();
    let mut next = Some(start.clone());
    let (mut pages, mut met, mut total) = (0, 0_usize, 0);
    let began = Instant::now();
    while let Some(path) = next.take() {
        let asked = Instant::now();
        let answer = caller.call(Call::get(path.clone())).await?;
        let took = asked.elapsed();
        let page: SeenList<'_> =
            list(&answer).with_context(|| format!("{path}: {} and no list", answer.status))?;
        total = page.total.context("a list without totalResults")?;
        let tenth = (met * 10).checked_div(total).unwrap_or(0).min(9);
        tenths[tenth].right(took, answer.body.len());
        met += page.resources.len();
        for resource in &page.resources {
            let id = resource.id.as_deref().context("a resource without an id")?;
            ensure!(seen.insert(id.to_owned()), "{id} came twice");
        }
        next = match (by, &page.next_cursor) {
            (By::Cursor, Some(cursor)) => Some(format!("/Users?count={count}&cursor={cursor}")),
            (By::Index, _) if met < total && !page.resources.is_empty() => {
                Some(format!("/Users?count={count}&startIndex={}", met + 1))
            }
            _ => None,
        };
        pages += 1;
        if pages % FIRST_AGAIN == 0 {
            let asked = Instant::now();
            let answer = caller.call(Call::get(start.clone())).await?;
            ensure!(answer.status == 200, "the first page again: {}", answer.status);
            first.right(asked.elapsed(), answer.body.len());
        }
    }
    ensure!(met == total, "{met} of {total} were met");
    let seconds = began.elapsed().as_secs_f64();
    let mut all = vec![first.figures("the first page", 1, seconds)];
    for (n, tally) in tenths.into_iter().enumerate().filter(|(_, tally)| !tally.is_empty()) {
        all.push(tally.figures(&format!("pages, tenth {}", n + 1), 1, seconds));
    }
    Ok(all)
}
