//! Housekeeping of a server: what is kept for a time (the provisioning log, the trail, deleted users) goes after it, and changes that nobody reads are numbered all the same.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use usher_admin::Actor;
use usher_directory::{feed, indexing, trail};
use usher_engine::log;
use usher_store::{Lane, StoreError};

use crate::{serve::ended, system::System};

/// How often changes that nobody reads are looked for (PostgreSQL; on SQLite there are none).
const NUMBER: Duration = Duration::from_secs(1);
/// How often it is looked for indexes that are to be made or taken away.
const INDEX: Duration = Duration::from_secs(1);
/// How often it is looked for what has been kept for its time.
const PRUNE: Duration = Duration::from_secs(3_600);
/// As much as one transaction of bulk work may take away.
const BLOCK: usize = 500;

/// Blocks of an index in one round: another index gets its turn, and a server that is told to stop does.
const ROUND: u32 = 20;

/// For how many days what is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    /// The provisioning log; 0: for ever.
    pub(crate) log_days: u32,
    /// The trail; 0: nothing of it.
    pub(crate) trail_days: u32,
}

/// Removes what has been kept for its time, and tells of what comes to its end, until told to stop.
pub(crate) async fn run(system: System, kept: Kept, stopping: watch::Receiver<bool>) {
    loop {
        if kept.log_days > 0
            && let Err(error) = pruned(&system, kept.log_days).await
        {
            tracing::warn!(%error, "old log entries could not be removed");
        }
        if let Err(error) = trail_pruned(&system, kept.trail_days).await {
            tracing::warn!(%error, "old requests could not be removed from the trail");
        }
        purged(&system).await;
        told_of_expiry(&system).await;
        if !waited(PRUNE, &stopping).await {
            return;
        }
    }
}

/// Numbers changes that nobody reads, until told to stop. Each instance that takes changes does: a count adds up what has no number.
pub(crate) async fn number(system: System, stopping: watch::Receiver<bool>) {
    loop {
        if let Err(error) = numbered(&system).await {
            tracing::warn!(%error, "changes could not be numbered");
        }
        if !waited(NUMBER, &stopping).await {
            return;
        }
    }
}

/// Goes on with indexes that are to be made or taken away, until told to stop. `request` is how long a SCIM request may take.
pub(crate) async fn index(system: System, request: Duration, stopping: watch::Receiver<bool>) {
    loop {
        if let Err(error) = indexed(&system, request).await {
            tracing::warn!(%error, "an index could not be gone on with");
        }
        if !waited(INDEX, &stopping).await {
            return;
        }
    }
}

/// Whether the time is over, and not the server's life.
async fn waited(time: Duration, stopping: &watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = ended(stopping.clone()) => false,
        () = tokio::time::sleep(time) => true,
    }
}

async fn numbered(system: &System) -> Result<(), StoreError> {
    for directory in system.store.read(Duration::from_secs(1), feed::unnumbered).await? {
        while system.store.write(Lane::Bulk, move |tx| feed::number(tx, directory)).await? > 0 {}
    }
    Ok(())
}

/// Makes the rows of attributes that were chosen to be indexed, and takes away those of others. Nobody writes by the configuration before
/// once twice the time of a request is over.
async fn indexed(system: &System, request: Duration) -> Result<(), StoreError> {
    let wait = SignedDuration::try_from(request * 2).unwrap_or(SignedDuration::MAX);
    let Ok(before) = system.clock.now().checked_sub(wait) else { return Ok(()) };
    for index in system.store.read(Duration::from_secs(1), move |on| indexing::unfinished(on, before)).await?
    {
        for _ in 0..ROUND {
            let (index, configs) = (index.clone(), system.configs.clone());
            if !system.store.write(Lane::Bulk, move |tx| indexing::step(tx, &configs, &index, BLOCK)).await? {
                break;
            }
        }
    }
    Ok(())
}

/// Removes for good whoever was deleted more than 30 days ago.
async fn purged(system: &System) {
    let admin = system.admin.clone();
    let actor = Actor::machine("usher");
    match tokio::task::spawn_blocking(move || admin.purge(&actor, None)).await {
        Ok(Ok(0)) => {}
        Ok(Ok(removed)) => {
            tracing::info!(removed, "users and groups deleted 30 days ago are removed for good");
        }
        Ok(Err(error)) => tracing::warn!(%error, "users deleted long ago could not be removed"),
        Err(error) => tracing::warn!(%error, "users deleted long ago could not be removed"),
    }
}

/// Tells owners of accounts of tokens that come to their end.
async fn told_of_expiry(system: &System) {
    let admin = system.admin.clone();
    match tokio::task::spawn_blocking(move || admin.tell_of_expiry()).await {
        Ok(Ok(0)) => {}
        Ok(Ok(mails)) => tracing::info!(mails, "owners are told of tokens that come to their end"),
        Ok(Err(error)) => tracing::warn!(%error, "owners could not be told of tokens that come to their end"),
        Err(error) => tracing::warn!(%error, "owners could not be told of tokens that come to their end"),
    }
}

async fn pruned(system: &System, days: u32) -> Result<(), StoreError> {
    let age = SignedDuration::from_hours(24 * i64::from(days));
    let Ok(before) = system.clock.now().checked_sub(age) else { return Ok(()) };
    while system.store.write(Lane::Bulk, move |tx| log::prune(tx, before, BLOCK)).await? > 0 {}
    Ok(())
}

async fn trail_pruned(system: &System, days: u32) -> Result<(), StoreError> {
    let age = SignedDuration::from_hours(24 * i64::from(days));
    let Ok(before) = system.clock.now().checked_sub(age) else { return Ok(()) };
    while system.trail.write(Lane::Bulk, move |tx| trail::prune(tx, before, BLOCK)).await? > 0 {}
    Ok(())
}
