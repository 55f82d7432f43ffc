//! What is asked for of a pushed group by name: linked by its id, pushed anew whole, unlinked. Under the app's lease, at once.

use std::{collections::HashSet, sync::Arc};

use serde_json::json;
use usher_client::{Client, Endpoint};
use usher_directory::{Key, Kind, object};
use usher_jobs::lease::Lease;
use usher_store::{Lane, StoreError};

use super::{Engine, failure, under};
use crate::{
    app::{App, AppId},
    diff::{self, Difference},
    error::EngineError,
    link::{self, Link, State},
    log::{self, Status},
    members::{self, Block},
    pushed,
};

/// Members looked at, and written down, together.
const BLOCK: usize = 500;

impl Engine {
    /// Links a group of the directory to the app's group with that id, which keeps the members it has; `renames`: it gets the
    /// directory's name. From the next cycle on it is kept in step. The name it has in the app.
    ///
    /// # Errors
    /// [`EngineError::Setting`]: the app has no such group, or it is linked to another group of the directory.
    pub async fn link_group(
        &self,
        app: AppId,
        group: Key,
        target: &str,
        renames: bool,
    ) -> Result<String, EngineError> {
        let app = self.app(app).await?;
        let client = self.client(&app, None).await?;
        let there = client.get(Endpoint::Groups, target).await?.ok_or_else(|| {
            EngineError::Setting(format!(
                "{} has no group with the id {target}; nothing was linked",
                app.name
            ))
        })?;
        let name = there.get("displayName").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let sent = diff::mapped_part(app.target.of(Kind::Group), app.mapping(Kind::Group), &[], &there)
            .map_err(|e| EngineError::Setting(e.detail))?;
        let lease = self.patiently(&app).await?;
        let (held, reads, target, now) = (lease.clone(), app.clone(), target.to_owned(), self.clock.now());
        let linked = self
            .write(Lane::Now, move |tx| {
                if !held.check(tx)? {
                    return Err(EngineError::LeaseLost);
                }
                let stored = object::by_keys(tx, reads.directory, &[group])?
                    .pop()
                    .ok_or_else(|| EngineError::NoObject(format!("object {}", group.0)))?;
                pushed::link_to(tx, &reads, &stored, &target, sent.clone(), renames, now)
            })
            .await;
        self.leases.give_back(lease).await?;
        match linked {
            Ok(()) => Ok(name),
            Err(EngineError::Store(StoreError::Conflict { .. })) => Err(EngineError::Setting(format!(
                "that group of {} is linked to another group of the directory already; unlink that first",
                app.name
            ))),
            Err(error) => Err(error),
        }
    }

    /// Ends a group's push. `delete`: the group is deleted in the app, else it stays as it is. Nobody's account is touched.
    ///
    /// # Errors
    /// [`EngineError::Client`]: the app refuses to delete it; then nothing changes.
    pub async fn unlink_group(
        &self,
        app: AppId,
        group: Key,
        delete: bool,
        by: &str,
    ) -> Result<(), EngineError> {
        let app = self.app(app).await?;
        let client = if delete { Some(self.client(&app, None).await?) } else { None };
        let lease = self.patiently(&app).await?;
        let ended = self.unlinked(&app, client.as_ref(), group, by, &lease).await;
        self.leases.give_back(lease).await?;
        ended
    }

    async fn unlinked(
        &self,
        app: &Arc<App>,
        client: Option<&Client>,
        group: Key,
        by: &str,
        lease: &Lease,
    ) -> Result<(), EngineError> {
        let reads = app.clone();
        let link = self.read(move |on| Ok(link::get(on, reads.id, group)?)).await?;
        let target = link.as_ref().and_then(|l| l.target.clone());
        let mut entry = None;
        if let (Some(client), Some(link), Some(id)) = (client, &link, &target) {
            under(client, app, lease).delete(Endpoint::Groups, id).await?;
            entry = Some(self.entry(link, log::Action::Delete, Vec::new(), by));
        }
        let (app, held) = (app.clone(), lease.clone());
        self.write(Lane::Now, move |tx| {
            if !held.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            pushed::unlink(tx, &app, group)?;
            Ok(log::write(tx, &app, entry.as_slice())?)
        })
        .await
    }

    /// Provisions a group now and overwrites its membership in the app: who is no member in the directory is taken out, also whom the
    /// app added by itself. How many were added and taken out.
    ///
    /// # Errors
    /// [`EngineError::Setting`]: the group isn't in step with the app, with the reason.
    pub async fn push_now(&self, app: AppId, group: Key, by: &str) -> Result<(u64, u64), EngineError> {
        let found = self.provision(app, group, by).await?;
        let app = self.app(app).await?;
        let reads = app.clone();
        let link = self.read(move |on| Ok(link::get(on, reads.id, group)?)).await?;
        let failed = found.steps.iter().any(|step| step.result == Status::Failure);
        let link = link.filter(|l| l.state == State::Active && !failed).ok_or_else(|| {
            EngineError::Setting(format!("{} was not pushed: it {}", found.name, found.verdict.text))
        })?;
        let client = self.client(&app, None).await?;
        let lease = self.patiently(&app).await?;
        let result = tokio::select! {
            result = self.overwrite(&app, &client, &link, by, &lease) => result,
            () = self.leases.keep(&lease) => Err(EngineError::LeaseLost),
        };
        self.leases.give_back(lease).await?;
        result
    }

    async fn overwrite(
        &self,
        app: &Arc<App>,
        client: &Client,
        link: &Link,
        by: &str,
        lease: &Lease,
    ) -> Result<(u64, u64), EngineError> {
        let client = under(client, app, lease);
        let Some(id) = link.target.clone() else { return Ok((0, 0)) };
        let there: HashSet<String> = client
            .members_of(&id)
            .await?
            .ok_or_else(|| EngineError::Setting(failure::vanished(&link.name, &app.name)))?
            .into_iter()
            .collect();
        let wanted = self.wanted(app, link.object).await?;
        let ids: HashSet<&String> = wanted.iter().map(|(_, id)| id).collect();
        let add: Vec<String> =
            wanted.iter().map(|(_, id)| id).filter(|id| !there.contains(*id)).cloned().collect();
        let remove: Vec<String> = there.iter().filter(|id| !ids.contains(id)).cloned().collect();
        client.members(&id, &add, &remove).await?;
        let (added, removed) = (add.len() as u64, remove.len() as u64);
        let modified = usher_scim::AttributePath::parse("members").ok().map(|path| Difference {
            path,
            old: serde_json::Value::Null,
            new: json!(format!("{added} added, {removed} removed")),
            added: None,
            new_entry: false,
            redacted: false,
        });
        let entry = self.entry(link, log::Action::Update, modified.into_iter().collect(), by);
        self.written(app, lease, link.object, wanted, entry).await?;
        Ok((added, removed))
    }

    /// The members who have an account in the app, with its id.
    async fn wanted(&self, app: &Arc<App>, group: Key) -> Result<Vec<(Key, String)>, EngineError> {
        let (mut wanted, mut after) = (Vec::new(), None);
        loop {
            let reads = app.clone();
            let (found, last) = self
                .read(move |on| {
                    let members: Vec<Key> = object::members_of(on, reads.directory, group, after, BLOCK)?
                        .into_iter()
                        .map(|m| m.key)
                        .collect();
                    let last = members.last().copied().filter(|_| members.len() == BLOCK);
                    Ok((link::of(on, reads.id, &members)?, last))
                })
                .await?;
            let active = found.into_iter().filter(|l| l.state == State::Active);
            wanted.extend(active.filter_map(|l| l.target.map(|target| (l.object, target))));
            match last {
                Some(last) => after = Some(last),
                None => return Ok(wanted),
            }
        }
    }

    /// Keeps what was written, in blocks; if that is cut off, all members are looked at again.
    async fn written(
        &self,
        app: &Arc<App>,
        lease: &Lease,
        group: Key,
        wanted: Vec<(Key, String)>,
        entry: log::Entry,
    ) -> Result<(), EngineError> {
        let (reads, held) = (app.clone(), lease.clone());
        self.write(Lane::Now, move |tx| {
            if !held.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            link::whole(tx, reads.id, group, true)?;
            members::forget(tx, reads.id, group)?;
            Ok(log::write(tx, &reads, std::slice::from_ref(&entry))?)
        })
        .await?;
        for chunk in wanted.chunks(BLOCK) {
            let block = Block { add: chunk.to_vec(), ..Block::default() };
            let (reads, held) = (app.clone(), lease.clone());
            self.write(Lane::Bulk, move |tx| {
                if !held.check(tx)? {
                    return Err(EngineError::LeaseLost);
                }
                members::note(tx, &reads, group, &block)?;
                Ok(members::keep(tx, &reads, group, &block)?)
            })
            .await?;
        }
        let (id, held) = (app.id, lease.clone());
        self.write(Lane::Now, move |tx| {
            if !held.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            Ok(link::whole(tx, id, group, false)?)
        })
        .await
    }

    fn entry(&self, link: &Link, action: log::Action, modified: Vec<Difference>, by: &str) -> log::Entry {
        log::Entry {
            at: self.clock.now(),
            cycle: self.clock.id(),
            change: self.clock.id(),
            kind: link.kind,
            source: link.source,
            name: link.name.clone(),
            target: link.target.clone(),
            action,
            status: Status::Success,
            steps: Vec::new(),
            modified,
            failure: None,
            note: None,
            milliseconds: 0,
            attempt: 1,
            by: Some(by.into()),
        }
    }
}
