//! Linked accounts and groups that the app answers 404 for: matched again where the app is sound and few are gone; else the app rests,
//! and nothing is made anew. An app that was reset, or another tenant behind the same address, would be filled a second time.

use usher_jobs::lease::Lease;
use usher_store::Lane;

use super::{
    Engine,
    job::{End, Job},
};
use crate::{
    app::App,
    error::EngineError,
    link,
    quarantine::{self, Why},
};

/// So many may be gone whatever their share.
const FEW: u64 = 10;
/// The share in percent.
const SHARE: u64 = 5;
/// How many names are told.
const NAMES: usize = 10;

/// What a run touched of what is linked, and what of it is gone.
#[derive(Debug, Clone, Default)]
pub(super) struct Missing {
    touched: u64,
    gone: u64,
    names: Vec<String>,
}

/// Whether the app said that it has no such account or group. Each of these is a suspect: the app itself has been probed since.
fn is_gone(job: &Job) -> bool {
    matches!(&job.end, Some(End::Suspect(failure)) if failure.code == "InvalidAnchor")
}

impl Missing {
    /// Notes a batch; the places in it of those that are gone.
    pub(super) fn note(&mut self, jobs: &[Job]) -> Vec<usize> {
        let mut found = Vec::new();
        for (n, job) in jobs.iter().enumerate() {
            let answered = match &job.end {
                Some(End::Done(done)) => done.logged,
                Some(End::Failed(_) | End::Suspect(_)) => true,
                _ => false,
            };
            let linked = job.task.link.as_ref().is_some_and(|link| link.target.is_some());
            self.touched += u64::from(linked && answered);
            if is_gone(job) {
                found.push(n);
                self.gone += 1;
                if self.names.len() < NAMES {
                    self.names.push(job.task.name.clone());
                }
            }
        }
        found
    }

    /// Whether few enough are gone to be matched again.
    pub(super) fn few(&self) -> bool {
        self.gone <= FEW || self.gone * 100 <= self.touched * SHARE
    }

    /// Why the app rests.
    pub(super) fn why(&self, exchange: Option<(String, String)>) -> Why {
        let more = self.gone.saturating_sub(self.names.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!(
            "{} of {} linked accounts and groups that were touched are not in the app any longer: {}{more}. Nothing was made anew. Was the \
             app reset, or is the tenant URL another tenant's? If they are to be made again, `usher app restart --reset links` looks for all \
             anew",
            self.gone,
            self.touched,
            self.names.join(", ")
        );
        Why { code: quarantine::MISSING.to_owned(), text, exchange }
    }
}

impl Engine {
    /// These are looked for again as if a create had been noted: whoever matches is taken over, and made where nobody does; who is to
    /// leave has left.
    pub(super) async fn match_again(
        &self,
        app: &App,
        lease: &Lease,
        jobs: &mut [Job],
        gone: &[usize],
    ) -> Result<(), EngineError> {
        let mut keys = Vec::with_capacity(gone.len());
        for n in gone {
            if let Some(job) = jobs.get_mut(*n) {
                keys.push(job.task.key);
                job.end = Some(End::Again);
            }
        }
        let (id, held, now) = (app.id, lease.clone(), self.clock.now());
        self.write(Lane::Bulk, move |tx| {
            if !held.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            Ok(link::lose(tx, id, &keys, now)?)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_may_be_gone_and_of_many_one_in_twenty() {
        let few = |touched, gone| Missing { touched, gone, names: Vec::new() }.few();
        assert!(few(10, 10) && !few(11, 11) && !few(200, 11));
        assert!(few(220, 11) && few(1_000, 50) && !few(1_000, 51));
    }
}
