//! What changed, taken in: of what a server did not tell only as much is looked at as the changes touch.
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::ControlFlow,
};

use jiff::SignedDuration;
use usher_directory::{Key, Kind};
use uuid::Uuid;

use super::{
    Run, SyncError, Way,
    connect::Session,
    key_of, query,
    search::{self, Query},
    stamps,
    sync::{self, Delta},
    uuid_in, way,
};
use crate::{
    entry::Digest,
    ldap::{Ldap, Marks, kind_of, settings::LdapSettings},
    ldif::Record,
    ledger::{Ledger, part::Wanted},
    rows::{self, EntryRow, Link},
    run, state,
};

/// Rows asked for by name at once.
const BLOCK: usize = 500;
/// All entries are looked at this often at least: who vanished long ago is removed then.
const WHOLLY: SignedDuration = SignedDuration::from_hours(24);

/// The groups that changed and list nobody.
pub(super) fn silent(delta: &Delta) -> impl Iterator<Item = (&Uuid, &Record)> {
    let lists = |record: &Record| {
        ["member", "uniqueMember", "memberUid"].into_iter().any(|name| record.all(name).next().is_some())
    };
    delta.changed.iter().filter(move |(_, record)| kind_of(record) == Some(Kind::Group) && !lists(record))
}

impl Run<'_> {
    /// What changed since the last run, and the entries that could not be taken then. `None`: everything has to be read.
    pub(super) async fn changes(
        &self,
        session: &Session,
        settings: &LdapSettings,
        ldap: &Ldap,
        before: &state::State,
    ) -> Result<Option<Delta>, String> {
        let query = query(settings, ldap);
        let delta = match (way(session, settings).await?, &before.cookie) {
            (Way::Full, _) => None,
            (Way::Sync, Some(cookie)) => sync::refresh(session, &query, cookie.clone()).await?,
            // Announced, but not served below this base: the last full import found no cookie.
            (Way::Sync | Way::Stamps, _) => {
                let known = self.stamps().await.map_err(|error| error.to_string())?;
                stamps::changes(session, &query, &known).await?
            }
        };
        let Some(mut delta) = delta else { return Ok(None) };
        self.ask_again(session, &query, &mut delta, before).await?;
        Ok(Some(delta))
    }

    /// Adds the entries that could not be taken before.
    async fn ask_again(
        &self,
        session: &Session,
        query: &Query,
        delta: &mut Delta,
        before: &state::State,
    ) -> Result<(), String> {
        let told = |id: &&Uuid| !delta.changed.contains_key(*id) && !delta.gone.contains(*id);
        let pending: Vec<Uuid> = before.pending.iter().filter(told).copied().collect();
        let mut found = Vec::new();
        search::by_ids(session, query, &pending, |record| {
            found.extend(search::uuid_of(&record).map(|id| (id, record)));
        })
        .await?;
        delta.gone.extend(pending.iter().filter(|id| !found.iter().any(|(there, _)| there == *id)));
        delta.changed.extend(found);
        Ok(())
    }

    /// Adds those who are, or were, in a group that lists nobody: a server changes their `memberOf` without telling of it.
    pub(super) async fn ask_who_is_in(
        &self,
        session: &Session,
        query: &Query,
        delta: &mut Delta,
    ) -> Result<(), String> {
        let groups: HashMap<String, String> =
            silent(delta).map(|(id, record)| (key_of(*id), record.dn.clone())).collect();
        let mut names: HashSet<Digest> = HashSet::new();
        let mut found: Vec<Record> = Vec::new();
        for dn in groups.values() {
            let within = format!("(&{}(memberOf={}))", query.filter, ldap3::ldap_escape(dn.as_str()));
            let query = Query { filter: within, ..query.clone() };
            search::each(session, &query, |record| {
                found.push(record);
                ControlFlow::Continue(())
            })
            .await?;
        }
        let known = |error: SyncError| error.to_string();
        let of_these = |link: &Link| groups.contains_key(&link.anchor);
        self.each_link(|link| names.extend(link.names().filter(|_| of_these(link)))).await.map_err(known)?;
        let mut were: Vec<Uuid> = Vec::new();
        let says = |link: &Link| link.refs().groups().any(|name| names.contains(&name));
        self.each_link(|link| were.extend(uuid_in(&link.anchor).filter(|_| says(link))))
            .await
            .map_err(known)?;
        were.retain(|id| !found.iter().any(|record| search::uuid_of(record) == Some(*id)));
        search::by_ids(session, query, &were, |record| found.push(record)).await?;
        for record in found {
            if let Some(id) = search::uuid_of(&record).filter(|id| !delta.gone.contains(id)) {
                delta.changed.entry(id).or_insert(record);
            }
        }
        Ok(())
    }

    /// The stamps of what stands in the directory.
    async fn stamps(&self) -> Result<HashMap<Uuid, Option<Digest>>, SyncError> {
        let mut known = HashMap::new();
        self.each_link(|link| known.extend(uuid_in(&link.anchor).map(|id| (id, link.stamp)))).await?;
        Ok(known)
    }

    /// Everybody who stands.
    async fn each_link(&self, mut each: impl FnMut(&Link)) -> Result<(), SyncError> {
        let (id, mut after) = (self.source.id, None);
        loop {
            let block = self.of.read(move |on| rows::links(on, id, after)).await?;
            let Some(last) = block.last() else { return Ok(()) };
            after = Some(last.object);
            block.iter().for_each(&mut each);
        }
    }

    /// Takes in what changed; `false`: that does not tell all, and everything has to be read.
    pub(super) async fn take_delta(
        &mut self,
        mut delta: Delta,
        ldap: &Ldap,
        before: &state::State,
    ) -> Result<bool, SyncError> {
        self.ledger = Ledger::keeping();
        if let Some(present) = delta.present.take() {
            let is_there = |id: &Uuid| present.contains(id) || delta.changed.contains_key(id);
            let mut gone = Vec::new();
            self.each_link(|link| gone.extend(uuid_in(&link.anchor).filter(|id| !is_there(id)))).await?;
            delta.gone.extend(gone);
        }
        let wholly = self.wholly(before).await?;
        if wholly {
            self.know().await?
        } else {
            self.know_these(&delta).await?
        }
        if !self.tells_all(&delta, before) {
            return Ok(false);
        }
        self.counts.incremental = true;
        let said = self.take_changed(&mut delta, ldap).await?;
        if wholly {
            self.ledger.replay(|row: &EntryRow| uuid_in(&row.anchor).is_some_and(|id| said.contains(&id)));
        } else {
            self.look_around().await?;
        }
        self.pending.extend(before.pending.iter().filter(|id| !said.contains(*id)));
        self.state = state::State {
            full: before.full,
            looked: if wholly { Some(self.started) } else { before.looked },
            cookie: delta.cookie.or_else(|| before.cookie.clone()),
            by_uuid: true,
            ..state::State::default()
        };
        Ok(true)
    }

    /// Whether all that is known has to be looked at: now and then, and after a run that broke off, which may have left anything
    /// half written.
    async fn wholly(&self, before: &state::State) -> Result<bool, SyncError> {
        let lately = |at| self.started.duration_since(at).abs() < WHOLLY;
        let (id, number) = (self.source.id, self.number);
        let ended = self.of.read(move |on| run::last_ended(on, id, number)).await?;
        Ok(!ended || !before.looked.is_some_and(lately))
    }

    /// Reads what stands in the directory of those who are told of.
    async fn know_these(&mut self, delta: &Delta) -> Result<(), SyncError> {
        let keys: Vec<String> = delta.changed.keys().chain(&delta.gone).map(|id| key_of(*id)).collect();
        for block in keys.chunks(BLOCK) {
            let (id, block) = (self.source.id, block.to_vec());
            let rows = self.of.read(move |on| rows::by_anchors(on, id, &block)).await?;
            rows.into_iter().for_each(|row| self.ledger.know(row));
        }
        Ok(())
    }

    /// Whether a delta says all: the renaming or leaving of what holds entries changes those below it unsaid.
    fn tells_all(&self, delta: &Delta, before: &state::State) -> bool {
        let known = |id: &Uuid| before.pending.contains(id) || self.ledger.knows(&key_of(*id));
        let entries_only = delta.changed.values().all(|record| kind_of(record).is_some());
        entries_only && delta.gone.iter().all(known)
    }

    /// Takes in the entries that changed; who is told of, those who are gone too.
    async fn take_changed(&mut self, delta: &mut Delta, ldap: &Ldap) -> Result<BTreeSet<Uuid>, SyncError> {
        let bound = self.source.anchor.clone();
        let mut changed: Vec<(Uuid, Record)> = std::mem::take(&mut delta.changed).into_iter().collect();
        // Of two with one userName the one that was there first keeps it.
        changed.sort_by_key(|(id, _)| (!self.ledger.knows(&key_of(*id)), *id));
        let mut staged = Vec::new();
        let none = Marks::new();
        let said = changed.iter().map(|(id, _)| *id).chain(delta.gone.iter().copied()).collect();
        let records = changed.into_iter().map(|(_, record)| record);
        let found = records.map(|record| ldap.found_new(record, bound.as_deref(), &none)).collect();
        self.take(found, &mut staged)?;
        self.stage(staged).await?;
        Ok(said)
    }

    /// Looks for those whom the changes touch, and for those whom these name.
    async fn look_around(&mut self) -> Result<(), SyncError> {
        let touched = self.ledger.touched();
        self.meet(&touched, true).await?;
        let needed = self.ledger.needed();
        self.meet(&needed, false).await?;
        let id = self.source.id;
        let all = self.of.read(move |on| rows::standing(on, id)).await?;
        self.ledger.rest(&all, self.source.anchor.as_deref());
        Ok(())
    }

    async fn meet(&mut self, wanted: &Wanted, touched: bool) -> Result<(), SyncError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let mut found: HashSet<Key> = HashSet::new();
        self.each_link(|link| found.extend(wanted.finds(link).then_some(link.object))).await?;
        for block in self.ledger.strangers(&found, touched).chunks(BLOCK) {
            let (id, block) = (self.source.id, block.to_vec());
            let rows = self.of.read(move |on| rows::by_objects(on, id, &block)).await?;
            rows.into_iter().for_each(|row| self.ledger.meet(row, touched));
        }
        Ok(())
    }
}
