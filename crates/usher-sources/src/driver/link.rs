//! Managers and members: once all entries stand, whoever names whom.
use std::collections::{BTreeSet, HashSet};

use usher_directory::{
    Key, Kind, ObjectId,
    object::{self, Cause, MemberOp, PutError},
};
use usher_store::Lane;

use super::{Run, SyncError, Watcher, WriteError, ldap::uuid_in, write::Task};
use crate::{
    entry::{Digest, Reference, digest},
    ledger::{Item, Seen},
    rows,
    run::{EntryError, Progress},
};

/// Managers in a transaction; members in one.
const MANAGERS: usize = 100;
const MEMBERS: usize = 500;
/// Members read at once.
const READ: usize = 1000;
/// How often a group is tried again when it moved meanwhile.
const TRIES: usize = 3;

impl Run<'_> {
    /// Writes managers and members that are not as the source has them.
    pub(super) async fn link_all(&mut self, progress: Watcher<'_>) -> Result<(), SyncError> {
        let managers = self.managers();
        let groups: Vec<usize> =
            self.ledger.items.iter().enumerate().filter(|(_, item)| is_group(item)).map(|(n, _)| n).collect();
        let said = self.ledger.sayers();
        let of = (managers.len() + groups.len()) as u64;
        let mut done = 0;
        for block in managers.chunks(MANAGERS) {
            self.block(block.to_vec(), &mut Vec::new()).await?;
            done += block.len() as u64;
            progress(Progress::Linking { done, of });
        }
        for n in groups {
            self.group(n, said.get(&n).map(Vec::as_slice).unwrap_or_default()).await?;
            done += 1;
            progress(Progress::Linking { done, of });
        }
        Ok(())
    }

    /// People whose manager is another than the one written.
    fn managers(&mut self) -> Vec<Task> {
        let mut tasks = Vec::new();
        let mut unresolved = Vec::new();
        for (n, item) in self.ledger.items.iter().enumerate().filter(|(_, item)| is_linked(item)) {
            let Some(row) = item.stored.as_ref().filter(|_| item.stands()) else { continue };
            let wanted = match item.manager {
                Reference::Omitted => continue,
                Reference::Nobody => None,
                Reference::Named(name) => {
                    let found = self
                        .ledger
                        .meant(name)
                        .filter(|(_, other)| other.kind == Kind::User && other.stands());
                    let found = found.map(|(_, other)| other.id);
                    if found.is_none() {
                        unresolved.push((item.line, item.id));
                    }
                    // A manager who is missing because leavers are held is none of the changes to make.
                    found.or(row.manager.filter(|id| self.held.contains(id)))
                }
            };
            if wanted != row.manager {
                tasks.push(Task::Manager(n, wanted));
            }
        }
        self.counts.unresolved += unresolved.len() as u64;
        for (line, id) in unresolved {
            let message = "its manager is not in the source".to_owned();
            self.findings.note(EntryError { line, entry: called(line, id), message });
        }
        tasks
    }

    /// Brings a group's members to what the source says. `said`: who say to be in it (`memberOf`). They count where the group itself
    /// lists nobody, for servers add the members of groups within groups there.
    async fn group(&mut self, n: usize, said: &[usize]) -> Result<(), SyncError> {
        let Some((item, row)) = self.ledger.items.get(n).and_then(|item| Some((item, item.stored.as_ref()?)))
        else {
            return Ok(());
        };
        let (key, line, written, called) = (row.object, item.line, row.members, called(item.line, item.id));
        let named = self.ledger.members.get(&n).map(Vec::as_slice).unwrap_or_default();
        let mut wanted = BTreeSet::new();
        let mut missing = HashSet::new();
        for name in named {
            match self.ledger.meant(*name).filter(|(_, other)| other.stands()) {
                Some((other, _)) if other == n => {}
                Some((_, other)) => _ = wanted.insert(other.id),
                None => _ = missing.insert(*name),
            }
        }
        if named.is_empty() {
            let others = said.iter().filter(|other| **other != n).filter_map(|n| self.ledger.items.get(*n));
            wanted.extend(others.filter(|item| item.stands()).map(|item| item.id));
        }
        if !missing.is_empty() {
            self.counts.unresolved += missing.len() as u64;
            let message = format!("{} of its members are not in the source", missing.len());
            self.findings.note(EntryError {
                line,
                entry: if line == 0 { format!("group {called}") } else { format!("group in {called}") },
                message,
            });
        }
        if written == Some(members_digest(&wanted)) {
            self.counts.memberships += wanted.len() as u64;
            return Ok(());
        }
        let present = self.present(key).await?;
        wanted.extend(present.iter().filter(|id| self.held.contains(id)));
        self.counts.memberships += wanted.len() as u64;
        let add: Vec<ObjectId> = wanted.difference(&present).copied().collect();
        let remove: Vec<ObjectId> = present.difference(&wanted).copied().collect();
        let ops = add
            .chunks(MEMBERS)
            .map(|ids| MemberOp::Add(ids.to_vec()))
            .chain(remove.chunks(MEMBERS).map(|ids| MemberOp::Remove(ids.to_vec())));
        for op in ops.collect::<Vec<_>>() {
            if !self.members(key, op).await? {
                return self.unfinished(n, key).await;
            }
        }
        let (id, members) = (self.source.id, members_digest(&wanted));
        self.write(move |tx| rows::save_members(tx, id, key, Some(members))).await?;
        if let Some(item) = self.ledger.items.get_mut(n).filter(|_| !add.is_empty() || !remove.is_empty()) {
            self.counts.updated += u64::from(!item.touched);
            item.touched = true;
        }
        Ok(())
    }

    /// The next run looks at a group again whose members could not all be written.
    async fn unfinished(&mut self, n: usize, group: Key) -> Result<(), SyncError> {
        let anchor = self.ledger.items.get(n).and_then(|item| item.stored.as_ref()).map(|row| &row.anchor);
        self.pending.extend(anchor.and_then(|anchor| uuid_in(anchor)));
        let id = self.source.id;
        self.write(move |tx| rows::save_members(tx, id, group, None)).await
    }

    async fn present(&self, group: Key) -> Result<BTreeSet<ObjectId>, SyncError> {
        let (directory, mut after, mut all) = (self.source.directory, None, BTreeSet::new());
        loop {
            let block = self.of.read(move |on| object::members_of(on, directory, group, after, READ)).await?;
            let Some(last) = block.last() else { return Ok(all) };
            after = Some(last.key);
            all.extend(block.iter().map(|member| member.id));
        }
    }

    /// `false`: they were not written. A group that is gone from the directory is forgotten here, so that the next run makes it again.
    async fn members(&self, group: Key, op: MemberOp) -> Result<bool, SyncError> {
        let cause = Cause { run: Some(self.number), ..Cause::default() };
        for _ in 0..TRIES {
            let (lease, directory, op, now) =
                (self.lease.clone(), self.source.directory, op.clone(), self.of.clock.now());
            let written = self.of.store.write(Lane::Bulk, move |tx| {
                if !lease.check(tx)? {
                    return Err(WriteError::Lost);
                }
                object::members(tx, directory, group, None, std::slice::from_ref(&op), cause, now).map_err(
                    |error| match error {
                        PutError::Store(error) => WriteError::Store(error),
                        other => WriteError::Put(other),
                    },
                )
            });
            match written.await {
                Ok(_) => return Ok(true),
                Err(WriteError::Put(PutError::Gone)) => {
                    let id = self.source.id;
                    self.write(move |tx| rows::forget(tx, id, &[group])).await?;
                    return Ok(false);
                }
                Err(WriteError::Put(PutError::Stale)) => {}
                Err(error) => return Err(error.of(&self.source)),
            }
        }
        Ok(false)
    }
}

fn called(line: u64, id: ObjectId) -> String {
    if line == 0 { id.to_string() } else { format!("line {line}") }
}

fn is_linked(item: &Item) -> bool {
    item.linked && item.seen == Seen::Fine && !item.held
}

fn is_group(item: &Item) -> bool {
    item.kind == Kind::Group && is_linked(item) && item.stands()
}

fn members_digest(members: &BTreeSet<ObjectId>) -> Digest {
    let parts: Vec<&[u8]> = members.iter().map(|id| id.0.as_bytes().as_slice()).collect();
    digest(&parts)
}
