//! Executions: a batch of work rows through the rules, in two steps. *Access* first, in a transaction of its own: it needs
//! only the link between record and person, and nothing later undoes it. Then the *profile* with the end of the work
//! row. Each execution is a savepoint: one that fails is recorded on its record and does not hold up others.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use usher_directory::{
    DirectoryId, Key, Kind,
    loss::Holding,
    object::{self, Link, Stored},
};
use usher_jobs::work::{self, Item, Queue};
use usher_mapping::Value;
use usher_scim::Object;
use usher_store::{StoreError, Tx};
use uuid::Uuid;

use crate::{
    PeopleError,
    group::GroupTarget,
    guard,
    record::{self, Execution, RecordState},
    row::{self, PersonRow, Saved},
    rules::{Rule, Rules},
    run::{Fault, Memo, Run, Target},
    unit,
    user::{self, UserTarget},
    world::{self, Groups, Standing, World},
};

/// A work row with the ids its execution may need, made before the transaction.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) item: Item,
    /// For a person, organization or site that a rule makes.
    pub(crate) fresh: Uuid,
    pub(crate) execution: Uuid,
}

/// Work rows of a directory to be executed together.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) rules: Arc<Rules>,
    pub(crate) directory: DirectoryId,
    pub(crate) queue: Queue,
    pub(crate) jobs: Vec<Job>,
    pub(crate) now: Timestamp,
}

/// What the first step did for a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accessed {
    trace: Vec<serde_json::Value>,
    refused: Option<String>,
    stale: bool,
}

impl Batch {
    fn objects(&self, tx: &mut Tx<'_>) -> Result<(HashMap<Key, Stored>, HashMap<Key, Holding>), StoreError> {
        let keys: Vec<Key> = self.jobs.iter().map(|job| Key(job.item.object)).collect();
        guard::objects(tx, self.directory, &keys)
    }

    /// The first step: who has access. One entry a job.
    pub(crate) fn access(&self, tx: &mut Tx<'_>) -> Result<Vec<Accessed>, StoreError> {
        let (objects, held) = self.objects(tx)?;
        let mut done = Vec::with_capacity(self.jobs.len());
        for job in &self.jobs {
            let key = Key(job.item.object);
            done.push(match objects.get(&key) {
                Some(stored) if stored.kind == Kind::User => {
                    self.access_of(tx, job, &guard::seen(stored, held.get(&key)))?
                }
                Some(_) => Accessed::default(),
                None if held.get(&key).is_some_and(|holding| holding.access) => Accessed::default(),
                None => Accessed { stale: !self.end_access(tx, key)?, ..Accessed::default() },
            });
        }
        Ok(done)
    }

    /// The SCIM user is gone: its person is disabled, nothing of it is lost. `false`: changed meanwhile.
    fn end_access(&self, tx: &mut Tx<'_>, record: Key) -> Result<bool, StoreError> {
        let Some(loaded) = row::by_record(tx, self.directory, record.0)? else { return Ok(true) };
        let before = loaded.row;
        let mut row = PersonRow { disabled: true, ..before.clone() };
        match row::save(tx, self.directory, Some(&before), &mut row, self.now)? {
            Saved::Unchanged => {}
            Saved::Changed => user::tell(tx, self.directory, Some(record), Some(&before), &row)?,
            Saved::Stale => return Ok(false),
        }
        Ok(true)
    }

    fn access_of(&self, tx: &mut Tx<'_>, job: &Job, stored: &Stored) -> Result<Accessed, StoreError> {
        let Some(person) = row::by_record(tx, self.directory, stored.key.0)? else {
            return Ok(Accessed::default());
        };
        let object = world::user_object(tx, self.directory, stored, &[], &mut Groups::default())?;
        let mut target = UserTarget::new(stored, Some(person), job.fresh, Value::Null, self.now);
        let mut memo = Memo::default();
        let outcome = self.attempt(tx, &self.rules.access, &object, stored, &mut target, &mut memo)?;
        Ok(match outcome {
            Outcome::Done => Accessed { trace: memo.trace, ..Accessed::default() },
            Outcome::Refused(reason) => {
                Accessed { trace: memo.trace, refused: Some(reason), ..Accessed::default() }
            }
            Outcome::Stale => Accessed { stale: true, ..Accessed::default() },
        })
    }

    /// The second step: everything else, the record's state, the execution, and the end of the work rows. How many executions.
    pub(crate) fn profile(&self, tx: &mut Tx<'_>, accessed: &[Accessed]) -> Result<u64, StoreError> {
        let (objects, held) = self.objects(tx)?;
        let users: Vec<Key> =
            objects.values().filter(|stored| stored.kind == Kind::User).map(|stored| stored.key).collect();
        let memberships = object::groups_of(tx, self.directory, &users)?;
        let account = world::account_value(tx, self.directory)?;
        let mut groups = Groups::default();
        let mut executions = 0;
        for (job, accessed) in self.jobs.iter().zip(accessed) {
            let key = Key(job.item.object);
            let finished = match objects.get(&key) {
                _ if accessed.stale => false,
                None if held.get(&key).is_some_and(|holding| holding.access) => {
                    record::set_state(tx, self.directory, key, guard::state(&held[&key]))?;
                    true
                }
                None => match record::release(tx, self.directory, key, record::Leaving::Disabled, self.now) {
                    Ok(()) => true,
                    Err(PeopleError::Store(error)) => return Err(error),
                    Err(_) => false,
                },
                Some(stored) => {
                    let of_user: Vec<&Link> = memberships
                        .iter()
                        .filter(|(user, link)| *user == key && link.kind == Kind::Group)
                        .map(|(_, link)| link)
                        .collect();
                    let mut holding = held.get(&key).cloned();
                    let before = guard::groups(tx, self.directory, key, &mut holding, &of_user)?;
                    let of_user = before.as_ref().map_or(of_user, |links| links.iter().collect());
                    let seen = guard::seen(stored, holding.as_ref());
                    let guarded = holding.as_ref().map(guard::state);
                    let done =
                        self.profile_of(tx, job, &seen, accessed, &of_user, &mut groups, &account, guarded)?;
                    executions += u64::from(done);
                    done
                }
            };
            if finished {
                work::done(tx, self.queue, &job.item)?;
            } else {
                self.again(tx, &job.item)?;
            }
        }
        Ok(executions)
    }

    /// Something changed while it ran: at once again, a few times, then more slowly.
    fn again(&self, tx: &mut Tx<'_>, item: &Item) -> Result<(), StoreError> {
        let wait = match item.tries {
            0..3 => SignedDuration::ZERO,
            tries => SignedDuration::from_secs(1 << tries.min(6)),
        };
        let due = self.now.checked_add(wait).unwrap_or(self.now);
        work::failed(tx, self.queue, item, due, "changed meanwhile")
    }

    /// One execution. `false`: it must run again.
    #[allow(clippy::too_many_arguments)]
    fn profile_of(
        &self,
        tx: &mut Tx<'_>,
        job: &Job,
        stored: &Stored,
        accessed: &Accessed,
        groups_of_user: &[&Link],
        groups: &mut Groups,
        account: &Value,
        guarded: Option<(RecordState, String)>,
    ) -> Result<bool, StoreError> {
        let mut memo = Memo { trace: accessed.trace.clone(), ..Memo::default() };
        let (outcome, standing) = match stored.kind {
            Kind::User => {
                let object = world::user_object(tx, self.directory, stored, groups_of_user, groups)?;
                let person = row::by_record(tx, self.directory, stored.key.0)?;
                let mut target = UserTarget::new(stored, person, job.fresh, account.clone(), self.now);
                let outcome = self.attempt(tx, &self.rules.user, &object, stored, &mut target, &mut memo)?;
                (outcome, Standing { classification: None, unit: None })
            }
            Kind::Group => {
                groups.forget(stored.key);
                let object = world::group_object(stored)?;
                let before = world::standing(tx, self.directory, stored.key)?;
                let mut target = self.group_target(tx, job, stored.key, before.clone(), account)?;
                let outcome = self.attempt(tx, &self.rules.group, &object, stored, &mut target, &mut memo)?;
                let standing = if matches!(outcome, Outcome::Done) { target.standing() } else { before };
                (outcome, standing)
            }
        };
        let refused = match outcome {
            Outcome::Stale => return Ok(false),
            Outcome::Done => accessed.refused.clone(),
            Outcome::Refused(reason) => Some(reason),
        };
        crate::asked::remember(tx, self.directory, stored.key, &memo.asked)?;
        let (result, reason) = match refused {
            Some(reason) => (RecordState::Error, Some(reason)),
            None if memo.left_out.is_empty() => (RecordState::InOrder, None),
            None => (RecordState::Incomplete, Some(memo.left_out.join("; "))),
        };
        let rules = serde_json::Value::Array(memo.trace);
        let execution = Execution { id: job.execution, at: self.now, result, reason, rules };
        record::executed(tx, self.directory, stored, &standing, &execution, guarded)?;
        Ok(true)
    }

    fn group_target(
        &self,
        tx: &mut Tx<'_>,
        job: &Job,
        group: Key,
        before: Standing,
        account: &Value,
    ) -> Result<GroupTarget, StoreError> {
        let unit = match before.unit {
            Some(key) => unit::by_key(tx, self.directory, key)?,
            None => None,
        };
        Ok(GroupTarget {
            group,
            account: account.clone(),
            classification: before.classification,
            before,
            unit,
            fresh: job.fresh,
            now: self.now,
        })
    }

    /// Runs rules in a savepoint: where they fail, nothing of them stands.
    fn attempt(
        &self,
        tx: &mut Tx<'_>,
        rules: &[Rule],
        object: &Object,
        stored: &Stored,
        target: &mut dyn Target,
        memo: &mut Memo,
    ) -> Result<Outcome, StoreError> {
        let Memo { asked, trace, left_out } = memo;
        let run = tx.savepoint(|tx| {
            let world = World { tx, directory: self.directory, asked, failed: None };
            let mut run = Run { world, object, now: self.now, seed: stored.id.0.as_bytes(), trace, left_out };
            run.rules(rules, target)
        });
        match run {
            Ok(()) => Ok(Outcome::Done),
            Err(Fault::Refused(reason)) => Ok(Outcome::Refused(reason)),
            Err(Fault::Stale) => Ok(Outcome::Stale),
            Err(Fault::Store(StoreError::Bug(text))) => {
                tracing::error!(record = %stored.id.0, "an execution failed: {text}");
                Ok(Outcome::Refused("internal error, see the server's log".into()))
            }
            Err(Fault::Store(error)) => Err(error),
        }
    }
}

enum Outcome {
    Done,
    Refused(String),
    Stale,
}
