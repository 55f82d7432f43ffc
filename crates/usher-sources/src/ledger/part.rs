//! A part of a ledger: what changed, whom that touches, and those whom these name. Everybody else stands beside it, counted.
//!
//! A change touches others by names alone: who is named by a name that came or went, and which groups people say to be in. So of
//! the entries that nobody told of only those are looked for, first whom the change touches, then whom the touched ones name.
use std::collections::HashSet;

use usher_directory::{Key, Kind};

use super::{Item, Ledger, Seen};
use crate::{
    entry::{Digest, Kept, Reference},
    rows::{EntryRow, Link},
};

/// How many stand who are not in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Beside {
    /// People.
    pub(crate) people: u64,
    /// Active ones among them.
    pub(crate) active: u64,
    /// Groups.
    pub(crate) groups: u64,
}

impl Beside {
    /// Of a kind.
    pub(crate) fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::User => self.people,
            Kind::Group => self.groups,
        }
    }
}

/// Which entries to look for among those that nobody told of.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    /// Those with one of these names.
    named: HashSet<Digest>,
    /// Those whose manager or member has one of these.
    naming: HashSet<Digest>,
    /// Those who say to be in one of these groups.
    saying: HashSet<Digest>,
}

impl Wanted {
    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.naming.is_empty() && self.saying.is_empty()
    }

    /// Whether this is one of them.
    pub(crate) fn finds(&self, link: &Link) -> bool {
        let refs = link.refs();
        let manager = match refs.manager {
            Reference::Named(name) => Some(name),
            Reference::Omitted | Reference::Nobody => None,
        };
        any(&self.named, link.names())
            || any(&self.naming, refs.members().chain(manager))
            || any(&self.saying, refs.groups())
    }
}

fn any(of: &HashSet<Digest>, mut names: impl Iterator<Item = Digest>) -> bool {
    !of.is_empty() && names.any(|name| of.contains(&name))
}

/// How an item is named and whom it names, as they stood before, and as they will.
fn sides(item: &Item) -> [Option<&Kept>; 2] {
    let before = item.stored.as_ref().filter(|_| item.stands()).and_then(|row| row.kept.as_ref());
    let after = item.kept.as_ref().filter(|_| matches!(item.seen, Seen::Fine | Seen::Refused));
    [before, after]
}

impl Ledger {
    /// Whom the changes touch that were read: told after the last of them, and before anybody else is known. Of those whose
    /// references are as they were nothing is linked, unless somebody touches them.
    pub(crate) fn touched(&mut self) -> Wanted {
        let mut wanted = Wanted::default();
        for item in &mut self.items {
            let [before, after] = sides(item);
            let (stood, stands) = (before.is_some(), after.is_some());
            let names = |kept: Option<&Kept>| kept.map(|kept| kept.names.clone()).unwrap_or_default();
            let refs = |kept: Option<&Kept>| {
                kept.map(|kept| (kept.manager, kept.members.clone(), kept.groups.clone()))
            };
            let both = |of: fn(&Kept) -> Vec<Digest>| before.into_iter().chain(after).flat_map(of);
            if stood != stands || names(before) != names(after) {
                let all: Vec<Digest> =
                    both(|kept| kept.names.iter().map(|name| name.digest).collect()).collect();
                wanted.naming.extend(&all);
                wanted.named.extend(all);
            }
            let same = stood == stands && refs(before) == refs(after);
            if !same {
                wanted.named.extend(both(|kept| kept.groups.clone()));
            }
            // What could not be written before is tried again.
            let written = item.stored.as_ref().is_some_and(|row| match (item.kind, item.manager) {
                (Kind::Group, _) => row.members.is_some(),
                (Kind::User, Reference::Named(_)) => row.manager.is_some(),
                (Kind::User, _) => true,
            });
            item.linked = !(same && written);
        }
        wanted
    }

    /// Whom those name that are to be linked.
    pub(crate) fn needed(&self) -> Wanted {
        let mut wanted = Wanted::default();
        let linked = self.items.iter().enumerate().filter(|(_, item)| item.seen == Seen::Fine && item.linked);
        for (n, item) in linked {
            if let Reference::Named(name) = item.manager {
                wanted.named.insert(name);
            }
            if item.kind == Kind::User {
                continue;
            }
            match self.members.get(&n) {
                Some(members) if !members.is_empty() => wanted.named.extend(members),
                _ => {
                    let [_, after] = sides(item);
                    let kept = after.or_else(|| item.stored.as_ref().and_then(|row| row.kept.as_ref()));
                    let names = kept.into_iter().flat_map(|kept| &kept.names).map(|name| name.digest);
                    names.for_each(|name| {
                        wanted.named.insert(name);
                        wanted.saying.insert(name);
                    });
                }
            }
        }
        wanted
    }

    /// Those of these objects that are not in here; the others are to be linked where `touched`.
    pub(crate) fn strangers(&mut self, objects: &HashSet<Key>, touched: bool) -> Vec<Key> {
        let mut strangers = objects.clone();
        for item in &mut self.items {
            if item.stored.as_ref().is_some_and(|row| strangers.remove(&row.object)) {
                item.linked |= touched;
            }
        }
        strangers.into_iter().collect()
    }

    /// Takes in one that nobody told of: as it was read last, to be linked where `touched`.
    pub(crate) fn meet(&mut self, row: EntryRow, touched: bool) {
        let n = self.items.len();
        self.know(row);
        self.recall(n, if touched { Seen::Fine } else { Seen::Aside });
    }

    /// Counts those who are not in here. `anchor`: what they are told apart by.
    pub(crate) fn rest(&mut self, all: &[(Kind, u64, u64)], anchor: Option<&str>) {
        let mut beside = Beside::default();
        for (kind, standing, active) in all {
            let here = self.items.iter().filter(|item| item.kind == *kind && item.stands());
            let rest = standing.saturating_sub(here.clone().count() as u64);
            match kind {
                Kind::User => {
                    let here = here.filter(|item| item.was_active()).count() as u64;
                    (beside.people, beside.active) = (rest, active.saturating_sub(here));
                }
                Kind::Group => beside.groups = rest,
            }
        }
        if beside.people > 0 {
            self.anchors.extend(anchor.map(str::to_owned));
        }
        self.beside = beside;
    }
}
