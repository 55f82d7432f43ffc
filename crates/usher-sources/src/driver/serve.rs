//! Sources read by themselves: on their schedule, and at once where a server tells of its changes.
use std::{collections::HashMap, time::Duration};

use tokio::{sync::watch, task::JoinHandle};

use super::{Sources, SyncError, ldap::Stopped};
use crate::{
    schedule::{self, Next},
    source::{self, Settings, Source, SourceId, SourceKind},
    state::{self, State},
};

/// How often the list of sources is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A source that failed is tried again after this long, then twice as long each time …
const AGAIN: Duration = Duration::from_secs(5);
/// … up to this.
const AGAIN_MOST: Duration = Duration::from_secs(300);
/// A server that is followed and never read whole is connected to anew this often.
const FOLLOW: Duration = Duration::from_secs(86_400);
/// How often to look whether another instance that follows a source still does.
const ELSEWHERE: Duration = Duration::from_secs(30);

/// A task that keeps one source in step.
struct Tended {
    settings: Settings,
    has_secret: bool,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
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
                && schedule::next(source.kind, &source.settings, &State::default(), self.clock.now())
                    != Next::Never
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
            match self.step(&source, &mut followed, &mut stop).await {
                Ok(Step::Ended) => return,
                Ok(Step::Done) => failures = 0,
                Err(Failed::Busy) => rest(AGAIN, &mut stop).await,
                Err(Failed::Message(message)) => {
                    let factor = 2_u32.saturating_pow(failures);
                    let wait =
                        AGAIN.saturating_mul(factor).min(AGAIN_MOST).mul_f64(1.0 + self.clock.jitter(0.2));
                    failures = (failures + 1).min(10);
                    tracing::warn!(source = source.name, "{message}; tried again in {} s", wait.as_secs());
                    rest(wait, &mut stop).await;
                }
            }
        }
    }

    /// Does what is next for a source: reads it, follows it, or waits.
    async fn step(
        &self,
        source: &Source,
        followed: &mut bool,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Step, Failed> {
        let id = source.id;
        let state = self.read(move |on| state::get(on, id)).await.map_err(SyncError::Store)?;
        let now = self.clock.now();
        let next = schedule::next(source.kind, &source.settings, &state, now);
        match next {
            Next::Full => _ = self.sync(source, &mut |_| {}).await?,
            // Entries that could not be taken are looked at again as often as if nobody told of changes.
            Next::Changes if !*followed || !state.pending.is_empty() => {
                self.update(source, &mut |_| {}).await?;
            }
            Next::Changes | Next::In(_) if *followed => {
                let due = match next {
                    Next::In(wait) if !state.pending.is_empty() => wait,
                    _ => schedule::until_full(source.kind, &source.settings, &state, now).unwrap_or(FOLLOW),
                };
                match self.follow(source, due, stop).await {
                    Stopped::Asked => return Ok(Step::Ended),
                    Stopped::Due => {}
                    Stopped::NotServed => *followed = false,
                    Stopped::Reload => _ = self.sync(source, &mut |_| {}).await?,
                    Stopped::Elsewhere => rest(ELSEWHERE, stop).await,
                    Stopped::Broken(message) => return Err(Failed::Message(message)),
                }
            }
            Next::In(wait) => rest(wait, stop).await,
            Next::Changes | Next::Never => return Ok(Step::Ended),
        }
        Ok(Step::Done)
    }
}

/// How a step ended that went well.
enum Step {
    Done,
    /// There is nothing more to do for this source as it is set.
    Ended,
}

/// Why a step did not go well.
enum Failed {
    /// Another run has the source.
    Busy,
    Message(String),
}

impl From<SyncError> for Failed {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Running(_) | SyncError::TakenOver(_) => Self::Busy,
            error => Self::Message(error.to_string()),
        }
    }
}

async fn rest(wait: Duration, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = tokio::time::sleep(wait) => {}
    }
}
