//! What a batch says about the app as a whole: failures that may be its own, accounts that are gone, pauses it asks for.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use usher_store::Lane;

use super::{
    batch::{Batch, Health},
    cycle::Worker,
    job::{End, Job},
    probe::exchange,
};
use crate::{
    cycle::{Cycle, run},
    error::EngineError,
    log::Status,
};

impl Worker<'_> {
    /// What was attempted, and what of it failed.
    pub(super) fn note(&mut self, jobs: &[Job]) {
        for job in jobs {
            match &job.end {
                Some(End::Failed(failure) | End::Suspect(failure)) => {
                    self.tried.attempts += 1;
                    self.tried.failed += 1;
                    self.last = Some(format!("{}: {}", failure.code, failure.reason));
                }
                Some(End::Done(done)) if done.status == Status::Success && done.logged => {
                    self.tried.attempts += 1;
                }
                _ => {}
            }
        }
    }

    /// Failures that may be the whole app's: a probe decides. If the app is at fault, nothing of it counts against an object.
    pub(super) async fn judge_suspects(
        &self,
        mut jobs: Vec<Job>,
        health: &mut Health,
        batch: &Batch<'_>,
    ) -> Result<Vec<Job>, EngineError> {
        if !health.suspect || health.credentials.is_some() {
            return Ok(jobs);
        }
        let probed = self.engine.probe_or_stop(&batch.app, &batch.client, self.lease).await;
        if matches!(probed, Ok(None)) {
            return Ok(jobs);
        }
        for job in jobs.iter_mut().filter(|job| matches!(job.end, Some(End::Suspect(_)))) {
            job.end = Some(End::Untouched);
        }
        let error = match probed {
            // Nobody knows before the pause is over.
            Ok(wait) => {
                health.wait = wait.map(|wait| health.wait.flatten().max(wait));
                return Ok(jobs);
            }
            Err(error) => error,
        };
        // What went well before it broke is written down all the same.
        let mut cycle = self.present_cycle().await?;
        if let Some(cycle) = &mut cycle {
            self.engine.write_down(Lane::Bulk, &self.app, self.lease, &jobs, health.answered, cycle).await?;
        }
        Err(error)
    }

    /// What the app says it no longer has, though a probe of it worked, is matched again if few are gone; else the app rests.
    pub(super) async fn judge_missing(
        &mut self,
        mut jobs: Vec<Job>,
        health: &Health,
        cycle: &mut Cycle,
    ) -> Result<Vec<Job>, EngineError> {
        let gone = self.missing.note(&jobs);
        if gone.is_empty() || health.credentials.is_some() {
            return Ok(jobs);
        }
        if self.missing.few() {
            self.engine.match_again(&self.app, self.lease, &mut jobs, &gone).await?;
            return Ok(jobs);
        }
        for n in gone {
            if let Some(job) = jobs.get_mut(n) {
                job.end = Some(End::Untouched);
            }
        }
        self.engine.write_down(Lane::Bulk, &self.app, self.lease, &jobs, health.answered, cycle).await?;
        let why = self.missing.why(exchange(&self.client));
        Err(self.engine.rest(&self.app, self.lease, why).await?)
    }

    async fn present_cycle(&self) -> Result<Option<Cycle>, EngineError> {
        let id = self.app.id;
        self.engine.read(move |on| Ok(run::get(on, id)?.cycle)).await
    }

    /// Bad credentials end the cycle; a pause is waited for.
    pub(super) async fn heed(&mut self, health: Health) -> Result<bool, EngineError> {
        if let Some(detail) = health.credentials {
            let text = format!("the app refused the secret token: {detail}; enter a valid one");
            return Err(self.engine.stop(&self.app, &self.client, self.lease, text).await?);
        }
        let Some(asked) = health.wait else {
            self.pauses = 0;
            return Ok(true);
        };
        let pause = asked.unwrap_or_else(|| Duration::from_secs((30 << self.pauses.min(4)).min(300)));
        self.pauses += 1;
        let now = self.engine.clock.now();
        let until = now.saturating_add(SignedDuration::try_from(pause).unwrap_or_default()).unwrap_or(now);
        let (id, lease) = (self.app.id, self.lease.clone());
        self.engine
            .write(Lane::Now, move |tx| {
                if !lease.check(tx)? {
                    return Err(EngineError::LeaseLost);
                }
                Ok(run::pause(tx, id, until)?)
            })
            .await?;
        Ok(self.wait_until(until).await)
    }

    /// Waits; `false`: the run loop does not wait here but comes back.
    pub(super) async fn wait_until(&self, until: Timestamp) -> bool {
        let left = until.duration_since(self.engine.clock.now());
        let Ok(left) = Duration::try_from(left) else { return true };
        if self.stop.is_some() {
            return false;
        }
        tokio::time::sleep(left).await;
        true
    }
}
