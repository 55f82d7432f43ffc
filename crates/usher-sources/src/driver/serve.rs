//! Sources read by themselves: on their schedule, and at once where a server tells of its changes.
use std::{collections::HashMap, time::Duration};

use tokio::{sync::watch, task::JoinHandle};

use super::{Sources, SyncError, ldap::Stopped};
use crate::{
    source::{self, Schedule, Settings, Source, SourceId, SourceKind},
    state::{self, State},
};

/// How often the list of sources is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Between two runs that read changes of an LDAP server that does not tell of them.
const EVERY: u64 = 300;
/// A source that failed is tried again after this long, then twice as long each time …
const AGAIN: Duration = Duration::from_secs(5);
/// … up to this.
const AGAIN_MOST: Duration = Duration::from_secs(300);
/// How often to look whether another instance that follows a source still does.
const ELSEWHERE: Duration = Duration::from_secs(30);

/// A task that keeps one source in step.
struct Tended {
    settings: Settings,
    has_secret: bool,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What is to be done next for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Read everything, now.
    Full,
    /// Read what changed, now.
    Changes,
    /// Nothing for so long.
    In(Duration),
    /// Never.
    Never,
}

impl Sources {
    /// Keeps all sources in step until told to stop; runs under way come to their end.
    pub async fn serve(&self, mut stop: watch::Receiver<bool>) {
        let mut tended: HashMap<SourceId, Tended> = HashMap::new();
        loop {
            match self.all().await {
                Ok(all) => self.tend_all(&all, &mut tended),
                Err(error) => tracing::warn!(%error, "sources can't be looked at; tried again"),
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        for one in tended.values() {
            one.stop.send_replace(true);
        }
        for (_, one) in tended {
            let _ = one.task.await;
        }
    }

    async fn all(&self) -> Result<Vec<Source>, usher_store::StoreError> {
        let mut all: Vec<Source> = Vec::new();
        loop {
            let after = all.last().map(|source| source.name.clone()).unwrap_or_default();
            let block = self.read(move |on| source::list(on, &after)).await?;
            if block.is_empty() {
                return Ok(all);
            }
            all.extend(block);
        }
    }

    /// One task a source; one with other settings ends, and begins anew.
    fn tend_all(&self, all: &[Source], tended: &mut HashMap<SourceId, Tended>) {
        let known: HashMap<SourceId, &Source> = all.iter().map(|source| (source.id, source)).collect();
        tended.retain(|id, one| {
            let same = known
                .get(id)
                .is_some_and(|source| source.settings == one.settings && source.has_secret == one.has_secret);
            if !same {
                one.stop.send_replace(true);
            }
            !one.task.is_finished()
        });
        for source in all {
            if !tended.contains_key(&source.id)
                && next_of(source, &State::default(), jiff::Timestamp::UNIX_EPOCH) != Next::Never
            {
                let (stop, stopping) = watch::channel(false);
                let (sources, of) = (self.clone(), source.clone());
                let task = tokio::spawn(async move { sources.tend(of, stopping).await });
                let (settings, has_secret) = (source.settings.clone(), source.has_secret);
                tended.insert(source.id, Tended { settings, has_secret, stop, task });
            }
        }
    }

    /// Keeps a source in step until told to stop.
    async fn tend(&self, source: Source, mut stop: watch::Receiver<bool>) {
        let (mut failures, mut followed) = (0_u32, source.kind == SourceKind::Ldap);
        while !*stop.borrow() {
            let id = source.id;
            let state = match self.read(move |on| state::get(on, id)).await {
                Ok(state) => state,
                Err(error) => {
                    tracing::warn!(source = source.name, %error, "a source can't be looked at; tried again");
                    rest(AGAIN, &mut stop).await;
                    continue;
                }
            };
            let next = next_of(&source, &state, self.clock.now());
            let result = match next {
                Next::Full => self
                    .sync(&source, &mut |_| {})
                    .await
                    .map(drop)
                    .map_err(|error| (error.to_string(), busy(&error))),
                Next::Changes if !followed || !state.pending.is_empty() => self
                    .update(&source, &mut |_| {})
                    .await
                    .map(drop)
                    .map_err(|error| (error.to_string(), busy(&error))),
                Next::Changes | Next::In(_) if followed => {
                    // Entries that could not be taken are looked at again as often as if nobody told of changes.
                    let due = if state.pending.is_empty() {
                        until_full(&source, &state, self.clock.now())
                    } else {
                        wait_of(next)
                    };
                    match self.follow(&source, due, &mut stop).await {
                        Stopped::Asked => return,
                        Stopped::Due => Ok(()),
                        Stopped::NotServed => {
                            followed = false;
                            Ok(())
                        }
                        Stopped::Reload => self
                            .sync(&source, &mut |_| {})
                            .await
                            .map(drop)
                            .map_err(|error| (error.to_string(), busy(&error))),
                        Stopped::Elsewhere => {
                            rest(ELSEWHERE, &mut stop).await;
                            Ok(())
                        }
                        Stopped::Broken(message) => Err((message, false)),
                    }
                }
                Next::In(wait) => {
                    rest(wait, &mut stop).await;
                    Ok(())
                }
                Next::Changes | Next::Never => return,
            };
            match result {
                Ok(()) => failures = 0,
                Err((message, busy)) => {
                    let factor = 2_u32.saturating_pow(failures);
                    let wait =
                        AGAIN.saturating_mul(factor).min(AGAIN_MOST).mul_f64(1.0 + self.clock.jitter(0.2));
                    if !busy {
                        failures = (failures + 1).min(10);
                        tracing::warn!(
                            source = source.name,
                            "{message}; tried again in {} s",
                            wait.as_secs()
                        );
                    }
                    rest(if busy { AGAIN } else { wait }, &mut stop).await;
                }
            }
        }
    }
}

fn busy(error: &SyncError) -> bool {
    matches!(error, SyncError::Running(_) | SyncError::TakenOver(_))
}

async fn rest(wait: Duration, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = tokio::time::sleep(wait) => {}
    }
}

fn wait_of(next: Next) -> Duration {
    match next {
        Next::In(wait) => wait,
        _ => Duration::ZERO,
    }
}

fn until_full(source: &Source, state: &State, now: jiff::Timestamp) -> Duration {
    left(state.full, full_every(source), now).unwrap_or(Duration::from_secs(86_400))
}

fn full_every(source: &Source) -> u64 {
    match (source.kind, source.settings.schedule) {
        // Files are read whole each time.
        (SourceKind::Ldif | SourceKind::Csv, _) => 0,
        (SourceKind::Ldap, Schedule { full_every, .. }) => full_every,
    }
}

fn every(source: &Source) -> u64 {
    source.settings.schedule.every.unwrap_or(if source.kind == SourceKind::Ldap { EVERY } else { 0 })
}

/// How long until `seconds` after a moment; never having been is now. `None`: `seconds` is 0, never.
fn left(since: Option<jiff::Timestamp>, seconds: u64, now: jiff::Timestamp) -> Option<Duration> {
    if seconds == 0 {
        return None;
    }
    let Some(since) = since else { return Some(Duration::ZERO) };
    // A clock that was set back does not make it wait longer than that.
    let gone = u64::try_from(now.duration_since(since).as_secs()).unwrap_or(seconds);
    Some(Duration::from_secs(seconds.saturating_sub(gone)))
}

fn next_of(source: &Source, state: &State, now: jiff::Timestamp) -> Next {
    let full = left(state.full, full_every(source), now);
    let changes = left(state.last, every(source), now);
    match (full, changes) {
        (Some(Duration::ZERO), _) => Next::Full,
        (_, Some(Duration::ZERO)) if state.full.is_none() => Next::Full,
        (_, Some(Duration::ZERO)) => Next::Changes,
        (Some(full), Some(changes)) => Next::In(full.min(changes)),
        (Some(wait), None) | (None, Some(wait)) => Next::In(wait),
        (None, None) => Next::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LdapSettings, source::Reads};

    fn source(kind: SourceKind, every: Option<u64>, full_every: u64) -> Source {
        let mut settings = match kind {
            SourceKind::Ldap => Settings::of(Reads::Ldap(Box::new(LdapSettings::of("ldaps://x", "dc=x")))),
            _ => Settings::of_file("x"),
        };
        settings.schedule = Schedule { every, full_every };
        Source {
            id: SourceId(1),
            name: "x".into(),
            directory: usher_directory::DirectoryId(1),
            kind,
            settings,
            anchor: None,
            created: jiff::Timestamp::UNIX_EPOCH,
            has_secret: false,
        }
    }

    #[test]
    fn an_ldap_source_is_read_whole_at_first_then_its_changes_and_whole_each_day() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let ldap = source(SourceKind::Ldap, None, 86_400);
        let now = at("2026-11-02T09:00:00Z");
        assert_eq!(next_of(&ldap, &State::default(), now), Next::Full);
        let state =
            |full: &str, last: &str| State { full: Some(at(full)), last: Some(at(last)), ..State::default() };
        let read = state("2026-11-02T08:00:00Z", "2026-11-02T08:58:00Z");
        assert_eq!(next_of(&ldap, &read, now), Next::In(Duration::from_secs(180)));
        assert_eq!(next_of(&ldap, &read, at("2026-11-02T09:03:00Z")), Next::Changes);
        assert_eq!(next_of(&ldap, &read, at("2026-11-03T08:00:00Z")), Next::Full);
        // The clock was set back by a day: it is read rather now than in a day.
        assert_eq!(next_of(&ldap, &read, at("2026-11-01T09:00:00Z")), Next::Full);
        let never = source(SourceKind::Ldap, Some(0), 0);
        assert_eq!(next_of(&never, &State::default(), now), Next::Never);
    }

    #[test]
    fn files_are_read_by_themselves_only_where_that_is_set() {
        let now = "2026-11-02T09:00:00Z".parse().unwrap();
        assert_eq!(next_of(&source(SourceKind::Ldif, None, 86_400), &State::default(), now), Next::Never);
        assert_eq!(next_of(&source(SourceKind::Csv, Some(60), 86_400), &State::default(), now), Next::Full);
    }
}
