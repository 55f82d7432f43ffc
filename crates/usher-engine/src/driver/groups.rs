//! A group's memberships against the app: block by block, each written down when it was sent.

use usher_directory::Key;
use usher_store::Lane;

use super::{
    batch::Batch,
    failure::{At, Trouble, sort},
    job::Job,
    outcome::again,
};
use crate::{
    cycle::{
        Cycle,
        run::{self, Counted},
    },
    diff::Difference,
    error::EngineError,
    link::{self, Link},
    log::{self, Failure, Status},
    members::{self, Block},
};

/// Members looked at in a block; the client sends them in requests of its own size.
const BLOCK: usize = 500;

#[derive(Clone, Copy)]
enum Pass {
    Additions,
    Removals,
    Deltas,
}

/// How a group's memberships came out.
enum Passed {
    Sent(u64, u64),
    Trouble(Trouble, u64, u64),
}

impl Batch<'_> {
    /// Brings a group's memberships in step and ends its row; a trouble of the whole app is the answer.
    pub(super) async fn memberships(
        &self,
        job: &Job,
        cycle: &mut Cycle,
    ) -> Result<Option<Trouble>, EngineError> {
        let (app, key) = (self.app.clone(), job.task.key);
        let found = self.engine.read(move |on| Ok(link::get(on, app.id, key)?)).await?;
        let Some(link) = found else { return Ok(None) };
        match self.passes(&link).await? {
            Passed::Sent(added, removed) => {
                self.end(job, link, cycle, (added, removed), None).await?;
                Ok(None)
            }
            Passed::Trouble(Trouble::Object(failure), added, removed)
            | Passed::Trouble(Trouble::Suspect(failure), added, removed) => {
                self.end(job, link, cycle, (added, removed), Some(failure)).await?;
                Ok(None)
            }
            Passed::Trouble(trouble, ..) => Ok(Some(trouble)),
        }
    }

    async fn passes(&self, link: &Link) -> Result<Passed, EngineError> {
        let (mut added, mut removed) = (0, 0);
        let passes: &[Pass] =
            if link.whole { &[Pass::Additions, Pass::Removals, Pass::Deltas] } else { &[Pass::Deltas] };
        for pass in passes {
            let mut after = None;
            loop {
                let block = self.block(*pass, link, after).await?;
                if let Some(trouble) = self.send_block(link, &block).await? {
                    return Ok(Passed::Trouble(trouble, added, removed));
                }
                added += block.add.len() as u64;
                removed += block.remove.len() as u64;
                match block.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(Passed::Sent(added, removed))
    }

    async fn block(&self, pass: Pass, link: &Link, after: Option<Key>) -> Result<Block, EngineError> {
        let (app, group, whole) = (self.app.clone(), link.object, link.whole);
        self.engine
            .read(move |on| match pass {
                Pass::Additions => members::additions(on, &app, group, after, BLOCK),
                Pass::Removals => members::removals(on, &app, group, after, BLOCK),
                Pass::Deltas => members::deltas(on, &app, group, whole, BLOCK),
            })
            .await
    }

    async fn send_block(&self, link: &Link, block: &Block) -> Result<Option<Trouble>, EngineError> {
        let Some(id) = &link.target else { return Ok(None) };
        let add: Vec<String> = block.add.iter().map(|(_, id)| id.clone()).collect();
        let remove: Vec<String> = block.remove.iter().filter_map(|(_, id)| id.clone()).collect();
        if !add.is_empty() || !remove.is_empty() {
            self.note_block(link.object, block).await?;
            if let Err(error) = self.client.members(id, &add, &remove).await {
                return Ok(Some(sort(error, At::Resource)));
            }
        }
        if add.is_empty() && block.remove.is_empty() && block.seen.is_empty() {
            return Ok(None);
        }
        let (app, lease, block, group) = (self.app.clone(), self.lease.clone(), block.clone(), link.object);
        self.engine
            .write(Lane::Bulk, move |tx| {
                if !lease.check(tx)? {
                    return Err(EngineError::LeaseLost);
                }
                Ok(members::keep(tx, &app, group, &block)?)
            })
            .await?;
        Ok(None)
    }

    /// Before it is sent, since nobody may hear whether it was done.
    async fn note_block(&self, group: Key, block: &Block) -> Result<(), EngineError> {
        let (app, lease, block) = (self.app.clone(), self.lease.clone(), block.clone());
        self.engine
            .write(Lane::Bulk, move |tx| {
                if !lease.check(tx)? {
                    return Err(EngineError::LeaseLost);
                }
                Ok(members::note(tx, &app, group, &block)?)
            })
            .await
    }

    async fn end(
        &self,
        job: &Job,
        link: Link,
        cycle: &mut Cycle,
        (added, removed): (u64, u64),
        failure: Option<Failure>,
    ) -> Result<(), EngineError> {
        let now = self.engine.clock.now();
        let due = again(&job.item, &self.engine.clock);
        let entry = entry(job, &link, cycle, self.engine.clock.id(), (added, removed), failure.clone(), now);
        let (app, lease, item, before) =
            (self.app.clone(), self.lease.clone(), job.item.clone(), cycle.clone());
        let after = self
            .engine
            .write(Lane::Bulk, move |tx| {
                if !lease.check(tx)? {
                    return Err(EngineError::LeaseLost);
                }
                let mut cycle = before.clone();
                let counted =
                    if link.counted.0 == Some(cycle.id) { link.counted.1 } else { Counted::Nothing };
                let now_counts = match (&failure, added + removed) {
                    (Some(_), _) => Counted::Failed,
                    (None, 0) => Counted::InSync,
                    (None, _) => Counted::Update,
                };
                let as_what = cycle.counts.count(counted, now_counts);
                link::count_as(tx, app.id, link.object, cycle.id, as_what)?;
                if failure.is_some() || added + removed > 0 {
                    log::write(tx, &app, std::slice::from_ref(&entry))?;
                }
                cycle.done += 1;
                match &failure {
                    Some(failure) => {
                        let text = format!("{}: {}", failure.code, failure.reason);
                        usher_jobs::work::failed(tx, app.queue, &item, due, &text)?;
                    }
                    None => {
                        link::whole(tx, app.id, link.object, false)?;
                        usher_jobs::work::done(tx, app.queue, &item)?;
                    }
                }
                run::progress(tx, app.id, &cycle)?;
                Ok(cycle)
            })
            .await?;
        *cycle = after;
        Ok(())
    }
}

fn entry(
    job: &Job,
    link: &Link,
    cycle: &Cycle,
    change: uuid::Uuid,
    (added, removed): (u64, u64),
    failure: Option<Failure>,
    now: jiff::Timestamp,
) -> log::Entry {
    let modified = usher_scim::AttributePath::parse("members").ok().map(|path| Difference {
        path,
        old: serde_json::Value::Null,
        new: serde_json::json!(format!("{added} added, {removed} removed")),
        added: None,
        new_entry: false,
        redacted: false,
    });
    log::Entry {
        at: now,
        cycle: cycle.id,
        change,
        kind: job.task.kind,
        source: link.source,
        name: link.name.clone(),
        target: link.target.clone(),
        action: log::Action::Update,
        status: if failure.is_some() { Status::Failure } else { Status::Success },
        steps: Vec::new(),
        modified: modified.into_iter().collect(),
        failure,
        note: None,
        milliseconds: u64::try_from(now.duration_since(job.began).as_millis()).unwrap_or_default(),
        attempt: job.item.tries + 1,
        by: job.by.clone(),
    }
}
