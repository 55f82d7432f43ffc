//! Filling a server with made-up people and groups.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, bail, ensure};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    caller::{Call, Caller, Server},
    made_up::{self, Shape},
    work::{People, seen},
};

/// Members in one request.
const MEMBERS: usize = 10_000;

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// How many people.
    pub people: usize,
    /// Stands in their names.
    pub prefix: String,
    /// How they are sent.
    pub shape: Shape,
    /// Who send at a time.
    pub clients: usize,
    /// Operations of a bulk request; 0: a POST each.
    pub bulk: usize,
}

/// Makes people; also how many seconds it took.
///
/// # Errors
/// With the first answer that is not a creation.
pub async fn people(server: &Server, order: &Order) -> anyhow::Result<(People, f64)> {
    let began = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let ids = Arc::new(Mutex::new(vec![String::new(); order.people]));
    let mut clients = JoinSet::new();
    for _ in 0..order.clients {
        let (order, next, ids) = (order.clone(), next.clone(), ids.clone());
        let mut caller = Caller::new(server.clone());
        clients.spawn(async move {
            let block = order.bulk.max(1);
            loop {
                let from = next.fetch_add(block, Ordering::Relaxed);
                if from >= order.people {
                    return anyhow::Ok(());
                }
                let to = (from + block).min(order.people);
                let made = if order.bulk == 0 {
                    vec![one(&mut caller, &order, from).await?]
                } else {
                    several(&mut caller, &order, from..to).await?
                };
                let mut ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
                for (n, id) in (from..to).zip(made) {
                    ids[n] = id;
                }
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let ids = std::mem::take(&mut *ids.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((People::new(&order.prefix, ids), seconds))
}

async fn one(caller: &mut Caller, order: &Order, n: usize) -> anyhow::Result<String> {
    let user = made_up::user(&order.prefix, n, order.shape).to_string();
    let answer = caller.call(Call::with(Method::POST, "/Users", user)).await?;
    match seen(&answer).and_then(|seen| seen.id) {
        Some(id) if answer.status == 201 => Ok(id.into_owned()),
        _ => bail!("POST of user {n}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)),
    }
}

/// By `/Bulk` (RFC 7644 §3.7).
async fn several(
    caller: &mut Caller,
    order: &Order,
    numbers: std::ops::Range<usize>,
) -> anyhow::Result<Vec<String>> {
    let operations: Vec<Value> = numbers
        .clone()
        .map(|n| {
            json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(),
                   "data": made_up::user(&order.prefix, n, order.shape)})
        })
        .collect();
    let bulk =
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let answer = caller.call(Call::with(Method::POST, "/Bulk", bulk.to_string())).await?;
    let shown: Value = serde_json::from_slice(&answer.body).context("a bulk answer that is no JSON")?;
    let done = shown["Operations"].as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(done.len() == numbers.len(), "a bulk request: {} {shown}", answer.status);
    let mut ids = vec![String::new(); numbers.len()];
    for operation in done {
        let number = operation["bulkId"].as_str().and_then(|n| n.parse::<usize>().ok());
        let id = operation["location"].as_str().and_then(|location| location.rsplit('/').next());
        let is_made = operation["status"].as_str() == Some("201");
        match (number, id) {
            (Some(n), Some(id)) if is_made && numbers.contains(&n) => ids[n - numbers.start] = id.to_owned(),
            _ => bail!("an operation of a bulk request: {operation}"),
        }
    }
    Ok(ids)
}

/// Makes a group of the first `size` people; its id.
///
/// # Errors
/// With the first answer that says no.
pub async fn group(server: &Server, name: &str, people: &People, size: usize) -> anyhow::Result<String> {
    let mut caller = Caller::new(server.clone());
    let ids: Vec<&str> = (0..size.min(people.len())).map(|n| people.id(n)).collect();
    let mut blocks = ids.chunks(MEMBERS);
    let first = made_up::group(name, blocks.next().unwrap_or_default()).to_string();
    let answer = caller.call(Call::with(Method::POST, "/Groups", first)).await?;
    let id = match seen(&answer).and_then(|seen| seen.id) {
        Some(id) if answer.status == 201 => id.into_owned(),
        _ => bail!("POST of a group: {} {}", answer.status, String::from_utf8_lossy(&answer.body)),
    };
    for block in blocks {
        let body = made_up::patch("add", "members", &made_up::members_json(block)).to_string();
        let answer = caller.call(Call::with(Method::PATCH, format!("/Groups/{id}"), body)).await?;
        ensure!(
            matches!(answer.status, 200 | 204),
            "PATCH of a group: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
    }
    Ok(id)
}
