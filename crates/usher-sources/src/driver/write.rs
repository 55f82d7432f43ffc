//! Writing people and groups: prepared outside, a block to a transaction.
use std::collections::HashMap;

use jiff::Timestamp;
use usher_directory::{
    Key, Kind, ObjectId,
    object::{self, Cause, Draft, PutError, Stored},
};
use usher_scim::{AttributePath, Object, ResourceType, ScimError, resource};
use usher_store::Lane;

use super::{Run, SyncError, Watcher, WriteError, ldap::uuid_in, running::KEPT};
use crate::{
    entry::{MANAGER, Reference},
    ledger::{Item, Seen},
    rows::{self, EntryRow, Staged, State},
    run::{EntryError, Progress},
};

/// Objects in a transaction: about 20 ms of the writer.
const BLOCK: usize = 100;
/// How often a change is prepared again when the object moved meanwhile.
const TRIES: usize = 3;

/// The id of `manager`, as written.
const MANAGER_ID: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";

/// Something to be done for an entry.
#[derive(Debug, Clone)]
pub(super) enum Task {
    /// Write what was read.
    Put(Box<Staged>),
    /// Write another manager (or none).
    Manager(usize, Option<ObjectId>),
    /// Soft-delete.
    Vanish(usize),
    /// Remove for good.
    Purge(usize),
}

impl Task {
    fn n(&self) -> usize {
        match self {
            Self::Put(staged) => staged.n,
            Self::Manager(n, _) | Self::Vanish(n) | Self::Purge(n) => *n,
        }
    }
}

/// What was done, for the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Nothing,
    Created,
    Updated,
    Disabled,
    Restored,
    Removed,
}

/// A task, ready to be written.
#[derive(Debug, Clone)]
struct Ready {
    n: usize,
    /// In order; a returner is restored first.
    drafts: Vec<Draft>,
    row: After,
    effect: Effect,
}

/// What becomes of the entry's row.
#[derive(Debug, Clone)]
enum After {
    /// With the object's key once it has one. Boxed: it is the large one.
    Save(Box<EntryRow>),
    Forget(Key),
}

impl Run<'_> {
    /// Leavers first, then everything that was staged.
    pub(super) async fn write_all(
        &mut self,
        leavers: &[usize],
        progress: Watcher<'_>,
    ) -> Result<(), SyncError> {
        for block in leavers.chunks(BLOCK) {
            self.block(block.iter().map(|n| Task::Vanish(*n)).collect(), &mut Vec::new()).await?;
        }
        let of = self.ledger.items.iter().filter(|item| item.seen == Seen::Fine).count() as u64;
        let (mut after, mut taken) = (-1, Vec::new());
        loop {
            let id = self.source.id;
            let block = self.of.read(move |on| rows::staged(on, id, after, BLOCK)).await?;
            let Some(last) = block.last() else { break };
            after = i64::try_from(last.n).unwrap_or(i64::MAX);
            let wanted = |staged: &Staged| {
                self.ledger.items.get(staged.n).is_some_and(|item| item.seen == Seen::Fine && !item.held)
            };
            let tasks = block.into_iter().filter(wanted).map(|staged| Task::Put(Box::new(staged))).collect();
            self.block(tasks, &mut taken).await?;
            let done = u64::try_from(after).unwrap_or(0) + 1;
            progress(Progress::Writing { done: done.min(of), of });
        }
        // A name that another gave up in this run is free now; that one's name may be the next one's.
        loop {
            let before = taken.len();
            for task in std::mem::take(&mut taken) {
                self.single(task, Some(&mut taken)).await?;
            }
            if taken.len() == before {
                break;
            }
        }
        for task in taken {
            self.single(task, None).await?;
        }
        Ok(())
    }

    /// Removes for good what vanished long ago.
    pub(super) async fn purge(&mut self) -> Result<(), SyncError> {
        for block in self.ledger.vanished_before(self.started - KEPT).chunks(BLOCK) {
            self.block(block.iter().map(|n| Task::Purge(*n)).collect(), &mut Vec::new()).await?;
        }
        Ok(())
    }

    /// Writes a block in one transaction; if the directory refuses any of it, each on its own. What it refuses for a name in
    /// use goes into `taken`, to be tried again.
    pub(super) async fn block(&mut self, tasks: Vec<Task>, taken: &mut Vec<Task>) -> Result<(), SyncError> {
        if tasks.is_empty() {
            return Ok(());
        }
        let ready = self.prepare(&tasks).await?;
        match self.commit(ready).await {
            Ok(()) => Ok(()),
            Err(WriteError::Put(_)) => {
                for task in tasks {
                    self.single(task, Some(taken)).await?;
                }
                Ok(())
            }
            Err(error) => Err(error.of(&self.source)),
        }
    }

    /// Writes one. Without `taken` a name in use is its error.
    async fn single(&mut self, task: Task, taken: Option<&mut Vec<Task>>) -> Result<(), SyncError> {
        for _ in 0..TRIES {
            let ready = self.prepare(std::slice::from_ref(&task)).await?;
            match self.commit(ready).await {
                Ok(()) => return Ok(()),
                Err(WriteError::Put(PutError::Stale | PutError::Gone)) => {}
                Err(WriteError::Put(error @ PutError::Taken { .. })) => {
                    match taken {
                        Some(taken) => taken.push(task),
                        None => self.refuse(&task, &format!("{error} in the directory")),
                    }
                    return Ok(());
                }
                Err(error) => return Err(error.of(&self.source)),
            }
        }
        self.refuse(&task, "it was being changed by somebody else all the time; the next run tries again");
        Ok(())
    }

    fn refuse(&mut self, task: &Task, message: &str) {
        let n = task.n();
        if let Some(item) = self.ledger.items.get_mut(n) {
            item.seen = Seen::Refused;
            item.kept.iter_mut().for_each(|kept| kept.mark = None);
            let entry = match task {
                Task::Put(staged) => staged.label.clone(),
                _ => item.id.to_string(),
            };
            let anchor = match (task, &item.stored) {
                (Task::Put(staged), _) => Some(staged.anchor.as_str()),
                (_, Some(row)) => Some(row.anchor.as_str()),
                _ => None,
            };
            self.pending.extend(anchor.and_then(uuid_in));
            self.findings.error(EntryError { line: item.line, entry, message: message.to_owned() });
        }
    }

    /// Reads the objects as they are, and makes the drafts.
    async fn prepare(&mut self, tasks: &[Task]) -> Result<Vec<Ready>, SyncError> {
        let key = |task: &Task| self.ledger.items.get(task.n())?.stored.as_ref().map(|row| row.object);
        let keys: Vec<Key> = tasks.iter().filter_map(key).collect();
        let directory = self.source.directory;
        let objects = self.of.read(move |on| object::by_keys(on, directory, &keys)).await?;
        let objects: HashMap<Key, Stored> = objects.into_iter().map(|object| (object.key, object)).collect();
        let now = self.of.clock.now();
        let mut ready = Vec::with_capacity(tasks.len());
        for task in tasks {
            let Some(item) = self.ledger.items.get(task.n()) else { continue };
            let object = item.stored.as_ref().and_then(|row| objects.get(&row.object));
            match self.ready(task, item, object, now) {
                Ok(Some(one)) => ready.push(one),
                Ok(None) => {}
                Err(error) => self.refuse(task, &error.detail),
            }
        }
        Ok(ready)
    }

    fn ready(
        &self,
        task: &Task,
        item: &Item,
        object: Option<&Stored>,
        now: Timestamp,
    ) -> Result<Option<Ready>, ScimError> {
        let config = &*self.config;
        let cause = Cause { run: Some(self.number), ..Cause::default() };
        let n = task.n();
        let made = match (task, &item.stored, object) {
            (Task::Put(staged), _, None) => Some(self.created(staged, item, now)?),
            (Task::Put(staged), Some(row), Some(object)) => {
                Some(self.changed(staged, item, row, object, now)?)
            }
            (Task::Manager(_, manager), Some(row), Some(object)) => {
                let mut doc = parsed(object)?;
                write_manager(&config.user, &mut doc, *manager)?;
                let draft = Draft::replace(config, object, &doc, now)?;
                let effect = if draft.changes() { Effect::Updated } else { Effect::Nothing };
                let row = EntryRow { manager: *manager, ..row.clone() };
                Some(Ready { n, drafts: vec![draft], row: After::Save(Box::new(row)), effect })
            }
            (Task::Vanish(_), Some(row), Some(object)) => {
                let draft = Draft::mark_deleted(object, Some(now), now);
                let row = EntryRow { state: State::Vanished, since: Some(now), ..row.clone() };
                Some(Ready {
                    n,
                    drafts: vec![draft],
                    row: After::Save(Box::new(row)),
                    effect: Effect::Disabled,
                })
            }
            (Task::Purge(_), Some(row), Some(object)) => {
                let draft = Draft::remove(config, object, now)?;
                Some(Ready {
                    n,
                    drafts: vec![draft],
                    row: After::Forget(row.object),
                    effect: Effect::Removed,
                })
            }
            // Somebody removed the object by hand: the source has nothing there any more.
            (Task::Vanish(_) | Task::Purge(_) | Task::Manager(..), Some(row), None) => {
                Some(Ready { n, drafts: Vec::new(), row: After::Forget(row.object), effect: Effect::Nothing })
            }
            _ => None,
        };
        Ok(made.map(|ready| Ready {
            drafts: ready.drafts.into_iter().map(|draft| draft.because(cause)).collect(),
            ..ready
        }))
    }

    fn created(&self, staged: &Staged, item: &Item, now: Timestamp) -> Result<Ready, ScimError> {
        // An object that was removed by hand is made again, as another one.
        let id = if item.stored.is_some() { ObjectId(self.of.clock.id()) } else { item.id };
        let of = self.config.resource_type(item.kind);
        let mut doc = Object::new();
        fill(of, &mut doc, staged.values.set.iter().chain(&staged.values.fresh))?;
        let manager = self.manager(item);
        if manager.is_some() {
            write_manager(of, &mut doc, manager)?;
        }
        let draft = Draft::create(&self.config, item.kind, id, &doc, now)?;
        let active = draft.next().active;
        let row = row(staged, item, id, active, manager);
        Ok(Ready {
            n: staged.n,
            drafts: vec![draft],
            row: After::Save(Box::new(row)),
            effect: Effect::Created,
        })
    }

    fn changed(
        &self,
        staged: &Staged,
        item: &Item,
        was: &EntryRow,
        object: &Stored,
        now: Timestamp,
    ) -> Result<Ready, ScimError> {
        let of = self.config.resource_type(item.kind);
        let restore = object.deleted.is_some().then(|| Draft::mark_deleted(object, None, now));
        let base = restore.as_ref().map_or(object, Draft::next);
        let mut doc = parsed(object)?;
        fill(of, &mut doc, &staged.values.set)?;
        let manager = match item.manager {
            Reference::Omitted => was.manager,
            _ if !item.linked => was.manager,
            // A manager who is missing because leavers are held is no change to make.
            _ => self.manager(item).or(was.manager.filter(|id| self.held.contains(id))),
        };
        if manager != was.manager {
            write_manager(of, &mut doc, manager)?;
        }
        let draft = Draft::replace(&self.config, base, &doc, now)?;
        let active = draft.next().active;
        let effect = match (&restore, draft.changes()) {
            (Some(_), _) => Effect::Restored,
            (None, false) => Effect::Nothing,
            (None, true) if was.active && !active => Effect::Disabled,
            (None, true) => Effect::Updated,
        };
        let row = EntryRow { object: was.object, ..row(staged, item, object.id, active, manager) };
        let drafts = restore.into_iter().chain([draft]).collect();
        Ok(Ready { n: staged.n, drafts, row: After::Save(Box::new(row)), effect })
    }

    /// Who the manager is, or will be at the end of the run if all goes well; [`super::link`] looks again.
    fn manager(&self, item: &Item) -> Option<ObjectId> {
        let Reference::Named(name) = item.manager else { return None };
        let (_, manager) = self.ledger.meant(name)?;
        let comes = manager.stands() || (manager.seen == Seen::Fine && !manager.held);
        (manager.kind == Kind::User && comes).then_some(manager.id)
    }

    /// One transaction; then the ledger knows.
    async fn commit(&mut self, ready: Vec<Ready>) -> Result<(), WriteError> {
        if ready.is_empty() {
            return Ok(());
        }
        let (lease, directory, source) = (self.lease.clone(), self.source.directory, self.source.id);
        let work = ready.clone();
        let keys = self
            .of
            .store
            .write(Lane::Bulk, move |tx| {
                if !lease.check(tx)? {
                    return Err(WriteError::Lost);
                }
                let drafts: Vec<&Draft> = work.iter().flat_map(|one| &one.drafts).collect();
                let mut put = object::put_all(tx, directory, &drafts).map_err(put_error)?.into_iter();
                let mut keys = Vec::with_capacity(work.len());
                let (mut saved, mut forgotten) = (Vec::new(), Vec::new());
                for one in &work {
                    let key = put.by_ref().take(one.drafts.len()).last().map(|stored| stored.key);
                    match &one.row {
                        After::Save(row) => {
                            saved.push(EntryRow { object: key.unwrap_or(row.object), ..(**row).clone() })
                        }
                        After::Forget(object) => forgotten.push(*object),
                    }
                    keys.push(key);
                }
                rows::save(tx, source, &saved)?;
                rows::forget(tx, source, &forgotten)?;
                Ok(keys)
            })
            .await?;
        for (one, key) in ready.into_iter().zip(keys) {
            self.written(one, key);
        }
        Ok(())
    }

    fn written(&mut self, one: Ready, key: Option<Key>) {
        let Some(item) = self.ledger.items.get_mut(one.n) else { return };
        let before = item.touched;
        let known = item.stored.as_ref().map(|row| row.object);
        item.touched |= one.effect != Effect::Nothing;
        item.stored = match one.row {
            After::Save(mut row) => {
                row.object = key.unwrap_or(row.object);
                item.id = row.id;
                // Its object was removed by hand and is made again: the next run links what was not looked at in this one.
                if !item.linked && known != Some(row.object) {
                    self.pending.extend(uuid_in(&row.anchor));
                }
                // Members are written elsewhere: the row keeps what it had, unless the object is a new one.
                row.members =
                    item.stored.as_ref().filter(|old| old.object == row.object).and_then(|old| old.members);
                Some(*row)
            }
            After::Forget(_) => None,
        };
        match one.effect {
            Effect::Nothing => {}
            Effect::Created => self.counts.created += 1,
            Effect::Updated if before => {}
            Effect::Updated => self.counts.updated += 1,
            Effect::Disabled => self.counts.disabled += 1,
            Effect::Restored => self.counts.restored += 1,
            Effect::Removed => self.counts.removed += 1,
        }
    }
}

fn put_error(error: PutError) -> WriteError {
    match error {
        PutError::Store(error) => WriteError::Store(error),
        other => WriteError::Put(other),
    }
}

fn row(staged: &Staged, item: &Item, id: ObjectId, active: bool, manager: Option<ObjectId>) -> EntryRow {
    EntryRow {
        object: Key(0),
        kind: item.kind,
        anchor: staged.anchor.clone(),
        id,
        name: staged.name,
        hash: staged.hash,
        state: State::Present,
        since: None,
        active,
        manager,
        members: None,
        kept: item.kept.clone(),
    }
}

fn parsed(object: &Stored) -> Result<Object, ScimError> {
    object.object().map_err(|error| ScimError::status(500, error.to_string()))
}

pub(super) fn fill<'v>(
    of: &ResourceType,
    doc: &mut Object,
    values: impl IntoIterator<Item = &'v (String, serde_json::Value)>,
) -> Result<(), ScimError> {
    for (path, value) in values {
        resource::write(of, doc, &AttributePath::parse(path)?, value.clone())?;
    }
    Ok(())
}

fn write_manager(of: &ResourceType, doc: &mut Object, manager: Option<ObjectId>) -> Result<(), ScimError> {
    let (path, value) = match manager {
        Some(id) => (MANAGER_ID, id.to_string().into()),
        None => (MANAGER, serde_json::Value::Null),
    };
    resource::write(of, doc, &AttributePath::parse(path)?, value).map(drop)
}
