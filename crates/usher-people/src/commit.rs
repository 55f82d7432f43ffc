//! Writing what a batch's runs made, and who has to run again for it: all in one transaction with the end of the work rows.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use usher_directory::{DirectoryId, Key, Kind, loss};
use usher_jobs::work::{self, Item, Put, Queue};
use usher_store::{StoreError, Tx};

use crate::{
    PeopleError,
    asked::{self, Question},
    execute::{Batch, Executed, Outcome},
    lane, record,
    row::{self, Change, Saved},
    setting, unit, user,
    walk::{self, Walk},
};

/// Writes the first step. Nothing stands where something was changed meanwhile.
///
/// # Errors
/// [`PeopleError::Stale`]: read and run again.
pub(crate) fn access(
    tx: &mut Tx<'_>,
    batch: &Batch,
    queue: Queue,
    outcome: &Outcome,
) -> Result<(), PeopleError> {
    let (directory, now) = (batch.directory, batch.now);
    if !setting::hold(tx, directory, outcome.version)? {
        return Err(PeopleError::Stale);
    }
    people(tx, directory, &outcome.access, now)?;
    let mut changed = Changed::default();
    changed.people(&outcome.access);
    // The second step of this batch knows all of it.
    let runs = batch.jobs.iter().map(|job| (job.item.object, usize::MAX)).collect();
    changed.tell(tx, directory, queue, &runs, now)
}

/// Writes the second step and ends the work rows.
///
/// What the guard against mass loss holds is not compared again, and nobody loses anything by that. A hold begins in the
/// transaction that takes something away, and so with a row in the feed: a batch that was evaluated before saw the user as
/// it was with all it has, writes that, and the user is on work again. One that ends puts the user on work too, in the
/// transaction in which it ends, and the work rows of this batch don't outlast that ([`work::done_all`] compares the stamp). A
/// person's access in between is computed when it is read, from the user and the hold of that moment. That a user is back in a
/// group ends a hold only if it still is so ([`loss::rejoined`]).
///
/// # Errors
/// [`PeopleError::Stale`]: read and run again.
pub(crate) fn profile(
    tx: &mut Tx<'_>,
    batch: &Batch,
    queue: Queue,
    outcome: &Outcome,
) -> Result<u64, PeopleError> {
    let (directory, now) = (batch.directory, batch.now);
    if !setting::hold(tx, directory, outcome.version)? {
        return Err(PeopleError::Stale);
    }
    let units = |new: bool| {
        let units = outcome.units.iter().filter(|(before, ..)| before.is_none() == new);
        units.map(|(_, unit, _)| unit).collect::<Vec<_>>()
    };
    unit::save_all(tx, directory, &units(true), &units(false), now).map_err(stale)?;
    people(tx, directory, &outcome.people, now)?;
    asked::remember(tx, directory, &outcome.executed)?;
    record::executed(tx, directory, &outcome.executed)?;
    record::kept(tx, directory, &outcome.kept)?;
    record::forget_all(tx, directory, &outcome.gone)?;
    made_anew(tx, directory, &outcome.people)?;
    let back = |run: &Executed| run.back.iter().map(|group| (Key(run.key), *group)).collect::<Vec<_>>();
    loss::rejoined(tx, directory, &outcome.executed.iter().flat_map(back).collect::<Vec<_>>())?;
    let mut changed = Changed::default();
    changed.people(&outcome.people);
    changed.units(&outcome.units);
    let runs = outcome.executed.iter().map(|executed| (executed.key, executed.run)).collect();
    changed.tell(tx, directory, queue, &runs, now)?;
    for executed in &outcome.executed {
        let before = executed.before.as_ref().map(|before| before.standing.clone()).unwrap_or_default();
        if executed.kind == Kind::Group && executed.standing != before {
            walk::begin(tx, directory, &Walk::Members(Key(executed.key)))?;
        }
    }
    let items: Vec<&Item> = batch.jobs.iter().map(|job| &job.item).collect();
    work::done_all(tx, queue, &items)?;
    Ok(outcome.executed.len() as u64)
}

fn people(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    changes: &[(Change, usize)],
    now: Timestamp,
) -> Result<(), PeopleError> {
    let changes: Vec<Change> = changes.iter().map(|(change, _)| change.clone()).collect();
    match row::save_all(tx, directory, &changes, now).map_err(stale)? {
        Saved::Done => Ok(()),
        Saved::Stale => Err(PeopleError::Stale),
    }
}

/// Where the client made a user anew, what was to be lost with the old one is not, and the old record, which governs nobody
/// any more, runs again: if its user is gone, so is it.
fn made_anew(tx: &mut Tx<'_>, directory: DirectoryId, changes: &[(Change, usize)]) -> Result<(), StoreError> {
    let old = |(change, _): &(Change, usize)| {
        let record = change.before.as_ref()?.record?;
        change.after.record.filter(|now| *now != record).map(|_| Key(record))
    };
    let old: Vec<Key> = changes.iter().filter_map(old).collect();
    for record in loss::forget(tx, directory, &old)? {
        walk::begin(tx, directory, &Walk::Record(record))?;
    }
    Ok(())
}

/// Another writer was first with a name or address: run again, and find it.
fn stale(error: StoreError) -> PeopleError {
    match error {
        StoreError::Conflict { .. } => PeopleError::Stale,
        error => error.into(),
    }
}

/// Something changed while it ran, again and again: once more, more and more slowly.
pub(crate) fn again(tx: &mut Tx<'_>, queue: Queue, item: &Item, now: Timestamp) -> Result<(), StoreError> {
    let wait = match item.tries {
        0..3 => SignedDuration::ZERO,
        tries => SignedDuration::from_secs(1 << tries.min(6)),
    };
    let due = now.checked_add(wait).unwrap_or(now);
    work::failed(tx, queue, item, due, "changed meanwhile")
}

/// Questions that have another answer now, and the run that made it so.
#[derive(Default)]
struct Changed(BTreeMap<Question, usize>);

impl Changed {
    fn note(&mut self, question: Question, run: usize) {
        let last = self.0.entry(question).or_insert(run);
        *last = run.max(*last);
    }

    fn people(&mut self, changes: &[(Change, usize)]) {
        for (change, run) in changes {
            for question in user::answers(change.before.as_ref(), &change.after) {
                self.note(question, *run);
            }
        }
    }

    fn units(&mut self, changes: &[(Option<row::UnitRef>, row::UnitRef, usize)]) {
        for (before, after, run) in changes {
            for unit in before.iter().chain([after]) {
                self.note(Question::unit(unit.kind, &unit.name), *run);
            }
        }
    }

    /// Whoever asked runs again, except those of this batch whose run came after the change, or made it.
    fn tell(
        &self,
        tx: &mut Tx<'_>,
        directory: DirectoryId,
        queue: Queue,
        runs: &HashMap<i64, usize>,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        let questions: Vec<&Question> = self.0.keys().collect();
        let Some(asking) = asked::askers(tx, directory, &questions)? else {
            for question in questions {
                asked::changed(tx, directory, question)?;
            }
            return Ok(());
        };
        let knew = |question: &Question, object: i64| {
            let changed = self.0.get(question).copied().unwrap_or_default();
            runs.get(&object).is_some_and(|run| *run >= changed)
        };
        let objects = asking.into_iter().filter(|(question, object)| !knew(question, *object));
        let put = |(_, object)| Put { object, lane: lane::USER, due: now, reason: lane::ANSWER };
        work::put(tx, queue, &objects.map(put).collect::<Vec<_>>())?;
        Ok(())
    }
}
