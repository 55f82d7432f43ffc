//! The ledger of a run: every entry known from before and every one seen now, and what follows from the two. In memory: about
//! 300 bytes an entry, and no values. Where little changed it holds only the part that this touches ([`part`]).
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use usher_directory::{Kind, ObjectId};

pub(crate) mod part;

use self::part::Beside;
use crate::{
    entry::{Digest, Entry, Found, Kept, MANAGER, Name, Reference, key_digest, name_digest},
    ldap::Marks,
    rows::{EntryRow, Staged, State},
    run::EntryError,
    source::Safeguard,
};

/// What is known of an entry's object from before, or since it was written.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    /// The object's id; of a new one, the id it will have.
    pub(crate) id: ObjectId,
    /// What stands in the directory.
    pub(crate) stored: Option<EntryRow>,
    pub(crate) seen: Seen,
    pub(crate) line: u64,
    pub(crate) manager: Reference,
    pub(crate) active: Option<bool>,
    /// A leaver who may not leave in this run.
    pub(crate) held: bool,
    /// Something was written for it.
    pub(crate) touched: bool,
    /// Its manager and members are to be looked at. Not where nothing of them can have changed ([`part`]).
    pub(crate) linked: bool,
    /// How it was read, where that is kept ([`Ledger::keeping`]).
    pub(crate) kept: Option<Kept>,
    /// Its anchor and userName as others would name it.
    plain: [Option<Digest>; 2],
}

/// Whether an entry was in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It was not.
    No,
    /// It was, and could be taken.
    Fine,
    /// It was, and could not: it stays as it is.
    Refused,
    /// It was not looked for: it stands as before, and is here because others name it ([`part`]).
    Aside,
}

impl Item {
    /// Whether its object is in the directory, not soft-deleted.
    pub(crate) fn stands(&self) -> bool {
        self.stored.as_ref().is_some_and(|row| row.state != State::Vanished)
    }
    fn was_active(&self) -> bool {
        self.stands() && self.stored.as_ref().is_some_and(|row| row.active)
    }
    fn state(&self) -> Option<State> {
        self.stored.as_ref().map(|row| row.state)
    }
    /// Known, and not in the file any more.
    pub(crate) fn vanishes(&self) -> bool {
        self.seen == Seen::No && self.stands()
    }
    /// In the file, and inactive there for the first time.
    fn ends(&self) -> bool {
        self.seen == Seen::Fine && self.active == Some(false) && self.was_active()
    }
}

/// Who a name means.
#[derive(Debug, Clone, Copy)]
struct Meant {
    rank: u8,
    /// `None`: more than one, so nobody.
    item: Option<usize>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) items: Vec<Item>,
    by_key: HashMap<Digest, usize>,
    names: HashMap<Digest, Meant>,
    user_names: HashMap<Digest, usize>,
    /// Members of the groups seen, by name.
    pub(crate) members: HashMap<usize, Vec<Digest>>,
    /// What may be somebody's key, in rows whose own can't be told.
    perhaps: HashSet<Digest>,
    /// What people were told apart by.
    anchors: BTreeSet<String>,
    /// The attributes that entries of each kind write.
    written: BTreeMap<Kind, BTreeSet<String>>,
    pub(crate) read: u64,
    /// Groups that others say to be in, by group: who says so.
    pub(crate) said: HashMap<Digest, Vec<usize>>,
    /// Whether to keep how entries were read.
    keeping: bool,
    /// Those who stand and are not in here.
    pub(crate) beside: Beside,
    /// Not all that was read was mapped, since it was as before.
    pub(crate) remembered: bool,
}

/// What to do about an entry that was read.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Nothing: it is as it was, or it is none of ours.
    Nothing,
    /// To be written once the whole file is read.
    Stage(Box<Staged>),
    /// It can't be taken.
    Refused(EntryError),
}

/// Who leaves, and who may not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Leavers {
    /// They go: not in the file any more.
    pub(crate) go: Vec<usize>,
    /// They are held, newly or still.
    pub(crate) held: Vec<usize>,
    /// They were held or allowed to go, and are no leavers any more.
    pub(crate) back: Vec<usize>,
    /// How many of those who go had been held, and were let go.
    pub(crate) allowed: u64,
    /// What is held and why, for people to read.
    pub(crate) message: Option<String>,
}

impl Ledger {
    /// One that keeps how entries were read, for runs that read changes alone.
    pub(crate) fn keeping() -> Self {
        Self { keeping: true, ..Self::default() }
    }

    /// Takes in what stands in the directory.
    pub(crate) fn know(&mut self, row: EntryRow) {
        let plain = row.anchor.split_once('=').map(|(_, value)| name_digest("key", value));
        self.by_key.insert(key_digest(row.kind, &row.anchor), self.items.len());
        self.items.push(Item {
            kind: row.kind,
            id: row.id,
            plain: [plain, row.name],
            stored: Some(row),
            seen: Seen::No,
            line: 0,
            manager: Reference::Omitted,
            active: None,
            held: false,
            touched: false,
            linked: true,
            kept: None,
        });
    }

    /// Takes in what was read; `id` is for a new object.
    pub(crate) fn take(&mut self, found: Found, id: ObjectId) -> Taken {
        self.read += 1;
        match found {
            Found::Other => Taken::Nothing,
            Found::Same { n, label } => self.same(n, label),
            Found::Refused { error, who, perhaps, names } => {
                let key = who.map(|(kind, anchor)| (kind, key_digest(kind, &anchor.key())));
                if key.is_none_or(|(_, key)| !self.by_key.contains_key(&key)) {
                    self.perhaps.extend(perhaps.iter().map(|text| name_digest("key", text)));
                }
                if let Some((kind, key)) = key {
                    let n = self.item(kind, key, id);
                    self.see(n, Seen::Refused, error.line);
                    self.name(n, &names);
                    if let Some(item) = self.items.get_mut(n).filter(|_| self.keeping) {
                        // By name it is known anew; its stamp is not, so that it is looked at again.
                        let before =
                            item.stored.as_ref().and_then(|row| row.kept.clone()).unwrap_or_default();
                        item.kept = Some(Kept { names, stamp: None, mark: None, ..before });
                    }
                }
                Taken::Refused(error)
            }
            Found::Entry(entry) => self.entry(*entry, id),
        }
    }

    fn entry(&mut self, entry: Entry, id: ObjectId) -> Taken {
        let refused = |message: String| {
            Taken::Refused(EntryError { line: entry.line, entry: entry.label.clone(), message })
        };
        let anchor = entry.anchor.key();
        let n = self.item(entry.kind, key_digest(entry.kind, &anchor), id);
        if let Some(item) = self.items.get(n).filter(|item| item.seen != Seen::No) {
            let message = format!("the same {} as {}; neither is taken", entry.anchor.by, place(item.line));
            self.see(n, Seen::Refused, entry.line);
            return refused(message);
        }
        self.name(n, &entry.names);
        let name = entry.user_name.as_deref().map(|name| name_digest("key", name));
        if let Some(other) =
            name.and_then(|name| self.user_names.get(&name)).and_then(|other| self.items.get(*other))
        {
            let message = format!("the same userName as {}", place(other.line));
            self.see(n, Seen::Refused, entry.line);
            return refused(message);
        }
        if let Some(name) = name {
            self.user_names.insert(name, n);
        }
        if entry.kind == Kind::User {
            self.anchors.insert(entry.anchor.by.clone());
        }
        self.see(n, Seen::Fine, entry.line);
        self.note_written(&entry);
        let hash = entry.hash();
        let Some(item) = self.items.get_mut(n) else { return Taken::Nothing };
        item.manager = entry.manager;
        item.active = entry.active;
        if self.keeping {
            item.kept = Some(Kept {
                names: entry.names,
                manager: entry.manager,
                members: entry.members.clone(),
                groups: entry.groups.clone(),
                stamp: entry.stamp,
                mark: entry.mark,
            });
        }
        if entry.kind == Kind::Group {
            self.members.insert(n, entry.members);
        }
        for group in entry.groups {
            self.said.entry(group).or_default().push(n);
        }
        match &item.stored {
            Some(row) if row.hash == hash && row.state != State::Vanished => Taken::Nothing,
            _ => Taken::Stage(Box::new(Staged {
                n,
                label: entry.label,
                anchor,
                name,
                hash,
                values: entry.values,
            })),
        }
    }

    /// One that is as it was read before: so is what follows from it, unless another has taken its userName meanwhile.
    fn same(&mut self, n: usize, label: String) -> Taken {
        let Some(item) = self.items.get(n) else { return Taken::Nothing };
        let name = item.stored.as_ref().and_then(|row| row.name);
        let other = name.and_then(|name| self.user_names.get(&name)).and_then(|other| self.items.get(*other));
        let message = match other {
            _ if item.seen != Seen::No => format!("the same entry as {}; neither is taken", place(item.line)),
            Some(other) => format!("the same userName as {}", place(other.line)),
            None => {
                self.recall(n, Seen::Fine);
                self.remembered = true;
                return Taken::Nothing;
            }
        };
        let names = item.stored.as_ref().and_then(|row| row.kept.as_ref()).map(|kept| kept.names.clone());
        self.name(n, &names.unwrap_or_default());
        self.see(n, Seen::Refused, 0);
        Taken::Refused(EntryError { line: 0, entry: label, message })
    }

    /// The entryUUID of one that is known.
    pub(crate) fn uuid_of(&self, n: usize) -> Option<uuid::Uuid> {
        let row = self.items.get(n)?.stored.as_ref()?;
        uuid::Uuid::parse_str(row.anchor.strip_prefix("entryUUID=")?).ok()
    }

    /// What is known of those who stand as the source says, for [`Found::Same`].
    pub(crate) fn marks(&self) -> Marks {
        let marks = self.items.iter().enumerate().filter_map(|(n, item)| {
            let row = item.stored.as_ref()?;
            Some((self.uuid_of(n)?, (n, row.kept.as_ref()?.mark.filter(|_| row.state == State::Present)?)))
        });
        marks.collect()
    }

    fn note_written(&mut self, entry: &Entry) {
        let written = self.written.entry(entry.kind).or_default();
        let beside = match entry.kind {
            Kind::User => Some(MANAGER).filter(|_| entry.manager != Reference::Omitted),
            Kind::Group => Some("members"),
        };
        for path in entry.values.set.iter().map(|(path, _)| path.as_str()).chain(beside) {
            if !written.contains(path) {
                written.insert(path.to_owned());
            }
        }
    }

    /// The attributes that the entries seen write, by kind.
    pub(crate) fn written(&self) -> &BTreeMap<Kind, BTreeSet<String>> {
        &self.written
    }

    fn item(&mut self, kind: Kind, key: Digest, id: ObjectId) -> usize {
        *self.by_key.entry(key).or_insert_with(|| {
            self.items.push(Item {
                kind,
                id,
                stored: None,
                seen: Seen::No,
                line: 0,
                manager: Reference::Omitted,
                active: None,
                held: false,
                touched: false,
                linked: true,
                kept: None,
                plain: [None, None],
            });
            self.items.len() - 1
        })
    }

    fn see(&mut self, n: usize, seen: Seen, line: u64) {
        if let Some(item) = self.items.get_mut(n) {
            item.seen = seen;
            item.line = line;
        }
    }

    fn name(&mut self, n: usize, names: &[Name]) {
        for name in names {
            let meant = self.names.entry(name.digest).or_insert(Meant { rank: name.rank, item: Some(n) });
            if name.rank < meant.rank {
                *meant = Meant { rank: name.rank, item: Some(n) };
            } else if name.rank == meant.rank && meant.item != Some(n) {
                meant.item = None;
            }
        }
    }

    /// Everybody who was not read, and is not `gone`, is as when last read. Told after the last entry that was read.
    pub(crate) fn replay(&mut self, gone: impl Fn(&EntryRow) -> bool) {
        for n in 0..self.items.len() {
            let Some(item) = self.items.get(n).filter(|item| item.seen == Seen::No) else { continue };
            let stays = |row: &EntryRow| row.state == State::Present && !gone(row);
            if item.stored.as_ref().is_some_and(stays) {
                self.recall(n, Seen::Fine);
            }
        }
    }

    /// Sees one as it was read last.
    fn recall(&mut self, n: usize, seen: Seen) {
        let Some(item) = self.items.get_mut(n) else { return };
        let Some(row) = &item.stored else { return };
        let Some(kept) = row.kept.clone() else {
            item.seen = Seen::Aside;
            return;
        };
        let name = row.name;
        if let Some((by, _)) = row.anchor.split_once('=').filter(|_| item.kind == Kind::User)
            && !self.anchors.contains(by)
        {
            self.anchors.insert(by.to_owned());
        }
        item.seen = seen;
        item.manager = kept.manager;
        if let Some(name) = name {
            self.user_names.entry(name).or_insert(n);
        }
        self.name(n, &kept.names);
        kept.groups.iter().for_each(|group| self.said.entry(*group).or_default().push(n));
        if self.items.get(n).is_some_and(|item| item.kind == Kind::Group) {
            self.members.insert(n, kept.members);
        }
    }

    /// Whether an anchor is known, of a person or a group.
    pub(crate) fn knows(&self, anchor: &str) -> bool {
        [Kind::User, Kind::Group].into_iter().any(|kind| self.by_key.contains_key(&key_digest(kind, anchor)))
    }

    /// After the last entry: whoever may be in a row whose key can't be told was seen.
    pub(crate) fn end(&mut self) {
        for item in self.items.iter_mut().filter(|item| item.seen == Seen::No) {
            if item.plain.iter().flatten().any(|name| self.perhaps.contains(name)) {
                item.seen = Seen::Refused;
            }
        }
    }

    /// People or groups in the file, refused ones too.
    pub(crate) fn seen(&self, kind: Kind) -> u64 {
        let here = self.items.iter().filter(|item| item.kind == kind && item.seen != Seen::No).count() as u64;
        here + self.beside.of(kind)
    }

    /// By what the people of the file were told apart, if by one thing alone.
    pub(crate) fn anchor(&self) -> Option<&str> {
        let mut anchors = self.anchors.iter();
        anchors.next().filter(|_| anchors.next().is_none()).map(String::as_str)
    }

    /// Whether any person was told apart by this.
    pub(crate) fn uses(&self, anchor: &str) -> bool {
        self.anchors.iter().any(|by| by.eq_ignore_ascii_case(anchor))
    }

    /// Who leaves, judged by the safeguard; marks those who are held. `recent`: how many left shortly before, to be counted with them.
    pub(crate) fn judge(&mut self, guard: &Safeguard, recent: u64) -> Leavers {
        let leaves = |item: &Item| item.vanishes() || item.ends();
        let counted = |item: &&Item| leaves(item) && item.state() != Some(State::Allowed);
        let of = |kind: Kind| self.items.iter().filter(move |item| item.kind == kind);
        let before = of(Kind::User).filter(|item| item.was_active()).count() as u64 + self.beside.active;
        let leaving = of(Kind::User).filter(|item| item.was_active()).filter(counted).count() as u64;
        let over = leaving > 0 && guard.holds(leaving + recent, before + recent);
        let groups = of(Kind::Group).filter(|item| item.stands()).count() as u64 + self.beside.groups;
        let gone = of(Kind::Group).filter(counted).count() as u64;
        // Groups give access too, and a source has too few of them for a percentage alone: most of them gone at once is a
        // file that was cut off.
        let most = guard.percent < 100 && gone > 1 && gone * 2 > groups;
        let groups_over = over || guard.holds(gone, groups) || most;
        let mut leavers = Leavers::default();
        for (n, item) in self.items.iter_mut().enumerate() {
            let over = if item.kind == Kind::User { over } else { groups_over };
            leavers.allowed += u64::from(leaves(item) && item.state() == Some(State::Allowed));
            match (leaves(item), item.state()) {
                (true, state) if over && state != Some(State::Allowed) => {
                    item.held = true;
                    leavers.held.push(n);
                }
                (true, _) if item.vanishes() => leavers.go.push(n),
                (false, Some(State::Held | State::Allowed)) => leavers.back.push(n),
                _ => {}
            }
        }
        if over {
            leavers.message = Some(format!(
                "{leaving} of {before} people would leave{}: more than the safeguard allows",
                if recent > 0 { format!(", after {recent} within the last hour") } else { String::new() }
            ));
        } else if groups_over {
            leavers.message =
                Some(format!("{gone} of {groups} groups would go: more than the safeguard allows"));
        }
        leavers
    }

    /// Who a name means.
    pub(crate) fn meant(&self, name: Digest) -> Option<(usize, &Item)> {
        let n = self.names.get(&name)?.item?;
        self.items.get(n).map(|item| (n, item))
    }

    /// People and groups by the group that they say to be in (`memberOf`).
    pub(crate) fn sayers(&self) -> HashMap<usize, Vec<usize>> {
        let mut sayers: HashMap<usize, Vec<usize>> = HashMap::new();
        for (name, others) in &self.said {
            if let Some((group, _)) = self.meant(*name) {
                sayers.entry(group).or_default().extend(others);
            }
        }
        sayers
    }

    /// The objects that are held, so that references to them stay.
    pub(crate) fn held_ids(&self) -> HashSet<ObjectId> {
        self.items.iter().filter(|item| item.held).map(|item| item.id).collect()
    }

    /// Entries that vanished before a moment.
    pub(crate) fn vanished_before(&self, moment: Timestamp) -> Vec<usize> {
        let old = |item: &Item| {
            item.seen == Seen::No
                && item.stored.as_ref().is_some_and(|row| {
                    row.state == State::Vanished && row.since.is_some_and(|since| since < moment)
                })
        };
        self.items.iter().enumerate().filter(|(_, item)| old(item)).map(|(n, _)| n).collect()
    }
}

fn place(line: u64) -> String {
    if line == 0 { "another entry".into() } else { format!("line {line}") }
}

#[cfg(test)]
mod tests;
