//! A plan: the decisions and differences of a cycle for everybody, with a sink that writes nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::json;
use usher_client::{Client, ClientError};
use usher_directory::{Key, Kind, object};
use usher_scim::Object;
use usher_store::Snapshot;

use super::{
    Engine,
    batch::{NotChosen, choose},
    endpoint,
    failure::{self, At, Trouble, sort},
    outcome::maps_members,
};
use crate::{
    app::App,
    cycle::{Counts, pump::rules},
    decide::{Act, Entitled, Linked, Reason, decide},
    diff::Difference,
    error::EngineError,
    leaver,
    link::{self, State},
    log::Failure,
    members,
    plan::{Action, Item, Plan},
    reference::Resolved,
    scope,
    task::{self, Find, For, Task, Todo, Verb, take_over},
    unique::Reserved,
};

/// Objects looked at together.
const BLOCK: usize = 200;

pub(super) struct Planner<'e> {
    engine: &'e Engine,
    app: Arc<App>,
    client: Client,
    now: Timestamp,
    plan: Plan,
    /// Leavers in the plan: by position.
    leavers: Vec<usize>,
    /// Targets that an object of this plan takes over.
    claimed: HashSet<(Kind, String)>,
    /// How many returners a group gets again.
    returning: HashMap<Key, u64>,
    /// Values chosen for creates of this plan.
    reserved: Reserved,
}

/// A block as prepared.
struct Prepared {
    tasks: Vec<Task>,
    /// Those of the awaited who will have a target after the cycle.
    coming: HashSet<Key>,
    held: HashSet<Key>,
    members: HashMap<Key, (u64, u64)>,
    /// Groups of those who come back.
    returning: Vec<Key>,
}

impl<'e> Planner<'e> {
    pub(super) fn new(engine: &'e Engine, app: Arc<App>, client: Client) -> Self {
        let now = engine.clock.now();
        Self {
            engine,
            app,
            client,
            now,
            plan: Plan { at: now, counts: Counts::default(), items: Vec::new() },
            leavers: Vec::new(),
            claimed: HashSet::new(),
            returning: HashMap::new(),
            reserved: Reserved::new(),
        }
    }

    pub(super) async fn run(mut self, only: Option<&[Key]>) -> Result<Plan, EngineError> {
        if let Some(keys) = only {
            for block in keys.chunks(BLOCK) {
                self.block(block.to_vec()).await?;
            }
        } else {
            for kind in [Kind::User, Kind::Group] {
                self.walk(kind).await?;
            }
            self.purged().await?;
        }
        self.hold_back().await?;
        Ok(self.plan)
    }

    async fn walk(&mut self, kind: Kind) -> Result<(), EngineError> {
        let mut after = None;
        loop {
            let app = self.app.clone();
            let keys: Vec<Key> = self
                .engine
                .read(move |on| {
                    let block = object::walk(on, app.directory, kind, after, BLOCK, true)?;
                    Ok(block.into_iter().map(|o| o.key).collect())
                })
                .await?;
            let full = keys.len() == BLOCK;
            after = keys.last().copied();
            self.block(keys).await?;
            if !full {
                return Ok(());
            }
        }
    }

    /// Linked objects that the directory no longer has.
    async fn purged(&mut self) -> Result<(), EngineError> {
        let mut after = Key(-1);
        loop {
            let app = self.app.clone();
            let (linked, gone): (Vec<Key>, Vec<Key>) = self
                .engine
                .read(move |on| {
                    let linked = link::after(on, app.id, after, BLOCK)?;
                    let there: HashSet<Key> =
                        object::by_keys(on, app.directory, &linked)?.into_iter().map(|o| o.key).collect();
                    let gone = linked.iter().copied().filter(|k| !there.contains(k)).collect();
                    Ok((linked, gone))
                })
                .await?;
            self.block(gone).await?;
            match linked.last() {
                Some(last) if linked.len() == BLOCK => after = *last,
                _ => return Ok(()),
            }
        }
    }

    async fn block(&mut self, keys: Vec<Key>) -> Result<(), EngineError> {
        if keys.is_empty() {
            return Ok(());
        }
        let (app, now) = (self.app.clone(), self.now);
        let prepared = self.engine.read(move |on| prepare(on, &app, &keys, now)).await?;
        for group in &prepared.returning {
            *self.returning.entry(*group).or_default() += 1;
        }
        let width = self.app.settings.concurrency.max(1) as usize;
        let client = &self.client;
        let found: Vec<(Task, Option<Looked>)> = stream::iter(prepared.tasks)
            .map(|task| async move {
                let found = match &task.todo {
                    Todo::Find(find) => Some(look(client, task.kind, find).await),
                    _ => None,
                };
                (task, found)
            })
            .buffered(width)
            .collect()
            .await;
        for (task, found) in found {
            let members = prepared.members.get(&task.key).copied().unwrap_or_default();
            let held = prepared.held.contains(&task.key);
            match found {
                Some(Err(FindError::App(error))) => return Err(*error),
                Some(Err(FindError::Object(failure))) => self.failed(&task, &failure),
                Some(Ok(found)) => self.provision(task, found, members, &prepared.coming).await?,
                None => self.known(task, members, &prepared.coming, held),
            }
        }
        Ok(())
    }

    /// Not linked yet.
    async fn provision(
        &mut self,
        task: Task,
        found: Option<Object>,
        members: (u64, u64),
        coming: &HashSet<Key>,
    ) -> Result<(), EngineError> {
        let Todo::Find(find) = &task.todo else { return Ok(()) };
        let id = found.as_ref().and_then(|o| o.get("id")).and_then(|v| v.as_str()).map(str::to_owned);
        match (found, id) {
            (Some(there), Some(id)) => {
                let (app, kind, target) = (self.app.clone(), task.kind, id.clone());
                let holder =
                    self.engine.read(move |on| Ok(link::by_target(on, app.id, kind, &target)?)).await?;
                let other = holder.is_some_and(|l| l.object != task.key);
                if other || !self.claimed.insert((task.kind, id.clone())) {
                    self.failed(&task, &failure::claimed(&id));
                    return Ok(());
                }
                match take_over(&self.app, task.kind, &find.update, &there) {
                    Ok((_, mut changes)) => {
                        changes.extend(pending(&find.pending, coming));
                        let differs = !changes.is_empty() || members.0 > 0;
                        let action = if differs { Action::Update } else { Action::Link };
                        let reason =
                            ("EntryExportUpdate", "an account with its matching property is taken over");
                        self.add(&task, action, reason, changes, members);
                    }
                    Err(failure) => self.failed(&task, &failure),
                }
            }
            _ => match &find.create {
                Some(create) => {
                    let mut create = create.clone();
                    let of = self.app.target.of(task.kind);
                    match choose(&self.client, of, task.kind, &mut create, &mut self.reserved).await {
                        Ok(()) => {}
                        Err(NotChosen::Object(failure)) => {
                            self.failed(&task, &failure);
                            return Ok(());
                        }
                        Err(NotChosen::App(error)) => {
                            let Trouble::Object(failure) = sort(error.clone(), At::Collection) else {
                                return Err(error.into());
                            };
                            self.failed(&task, &failure);
                            return Ok(());
                        }
                    }
                    let mut changes = create.differences;
                    changes.extend(pending(&find.pending, coming));
                    let reason = ("EntryExportAdd", "is in scope and has no account in the app");
                    self.add(&task, Action::Create, reason, changes, members);
                }
                None => self.plan.counts.out_of_scope += 1,
            },
        }
        Ok(())
    }

    fn known(&mut self, task: Task, members: (u64, u64), coming: &HashSet<Key>, held: bool) {
        match &task.todo {
            Todo::Nothing(reason) => {
                let seen = matches!(reason, Reason::NotEntitled(_) | Reason::Inactive);
                if task.link.is_none() && seen && !task.deleted() {
                    self.plan.counts.out_of_scope += 1;
                }
            }
            Todo::NoMatcher => {
                let reason = ("ImportSkipped", "has no value for any matching property");
                self.add(&task, Action::None, reason, Vec::new(), (0, 0));
            }
            Todo::Write(write) => {
                let mut changes = write.differences.clone();
                if !matches!(write.verb, Verb::Disable(_)) {
                    changes.extend(pending(&write.pending, coming));
                }
                let again = self.returning.get(&task.key).copied().unwrap_or_default();
                let members = (members.0 + again, members.1);
                if changes.is_empty() && members == (0, 0) {
                    self.plan.counts.in_sync += 1;
                    return;
                }
                let (action, reason) = match write.verb {
                    Verb::Update => {
                        (Action::Update, ("EntryExportUpdate", "differs from what was last written"))
                    }
                    Verb::Enable => (Action::Enable, ("EntryExportUpdate", "is in scope and active again")),
                    Verb::Disable(cause) => (Action::Disable, ("EntryExportUpdate", cause.text())),
                };
                self.add(&task, action, reason, changes, members);
                if action == Action::Disable {
                    self.leaver(held);
                }
            }
            Todo::Delete(cause) => {
                self.add(&task, Action::Delete, ("EntryExportDelete", cause.text()), Vec::new(), (0, 0));
                self.leaver(held);
            }
            Todo::LetGo(cause) => {
                self.add(&task, Action::None, ("SkipOutOfScopeDeletions", cause.text()), Vec::new(), (0, 0));
            }
            Todo::Failed(failure) => self.failed(&task, failure),
            Todo::Find(_) | Todo::Forget | Todo::Uncounted(_) => {}
        }
    }

    fn add(
        &mut self,
        task: &Task,
        action: Action,
        (code, text): (&str, &str),
        changes: Vec<Difference>,
        members: (u64, u64),
    ) {
        let counts = &mut self.plan.counts;
        match action {
            Action::Create => counts.create += 1,
            Action::Update => counts.update += 1,
            Action::Disable => counts.disable += 1,
            Action::Enable => counts.enable += 1,
            Action::Delete => counts.delete += 1,
            Action::Link => counts.in_sync += 1,
            Action::None => {}
        }
        self.plan.items.push(Item {
            key: task.key,
            kind: task.kind,
            id: task.source,
            name: task.name.clone(),
            action,
            reason: (code.to_owned(), text.to_owned()),
            target: task.link.as_ref().and_then(|l| l.target.clone()),
            changes,
            members,
            warnings: Vec::new(),
        });
    }

    fn failed(&mut self, task: &Task, failure: &Failure) {
        self.add(task, Action::None, (failure.code, &failure.reason), Vec::new(), (0, 0));
        self.plan.counts.failed += 1;
        if let Some(item) = self.plan.items.last_mut() {
            item.warnings.push(failure.action.to_owned());
        }
    }

    fn leaver(&mut self, held: bool) {
        let position = self.plan.items.len().saturating_sub(1);
        if held {
            self.stage(position);
        } else {
            self.leavers.push(position);
        }
    }

    fn stage(&mut self, position: usize) {
        let Some(item) = self.plan.items.get_mut(position) else { return };
        match item.action {
            Action::Disable => self.plan.counts.disable -= 1,
            _ => self.plan.counts.delete -= 1,
        }
        self.plan.counts.staged += 1;
        item.warnings.push("held back by the deletion threshold until `usher app allow-deletes`".to_owned());
    }

    /// As a cycle does: all leavers of the batch go, or none.
    async fn hold_back(&mut self) -> Result<(), EngineError> {
        let (app, now) = (self.app.clone(), self.now);
        let (went, active) = self
            .engine
            .read(move |on| {
                Ok((leaver::recent(on, app.id, now)?, link::count_active(on, app.id, Kind::User)?))
            })
            .await?;
        let count = self.leavers.len() as u64;
        if count > 0 && leaver::beyond(&self.app, count + went, active + went) {
            for position in std::mem::take(&mut self.leavers) {
                self.stage(position);
            }
        }
        Ok(())
    }
}

/// References that can't be written yet but will be in the same cycle.
fn pending(resolved: &Resolved, coming: &HashSet<Key>) -> Vec<Difference> {
    resolved
        .awaited
        .iter()
        .filter(|(_, key, _)| coming.contains(key))
        .map(|(path, _, name)| Difference {
            path: path.clone(),
            old: serde_json::Value::Null,
            new: json!(name),
            added: None,
            new_entry: false,
            redacted: false,
        })
        .collect()
}

/// A matching property that was tried: target attribute, value, accounts found.
pub(super) type Hit = (String, String, usize);

/// Why an account could not be looked for.
pub(super) enum FindError {
    App(Box<EngineError>),
    Object(Failure),
}

/// The account that matches, if there is one.
pub(super) type Looked = Result<Option<Object>, FindError>;

async fn look(client: &Client, kind: Kind, find: &Find) -> Looked {
    search(client, kind, find, &mut Vec::new()).await
}

/// Looks for the account, and says which matching properties were tried.
pub(super) async fn search(client: &Client, kind: Kind, find: &Find, hits: &mut Vec<Hit>) -> Looked {
    for (path, value) in &find.matchers {
        let found = client.find(endpoint(kind), path, value).await;
        let mut found = found.map_err(|error: ClientError| match sort(error.clone(), At::Collection) {
            Trouble::Object(failure) => FindError::Object(failure),
            _ => FindError::App(Box::new(error.into())),
        })?;
        hits.push((path.to_string(), value.clone(), found.len()));
        match found.len() {
            0 => {}
            1 => return Ok(found.pop()),
            n => return Err(FindError::Object(failure::several(&path.to_string(), value, n))),
        }
    }
    Ok(None)
}

fn prepare(on: &mut Snapshot<'_>, app: &App, keys: &[Key], now: Timestamp) -> Result<Prepared, EngineError> {
    let tasks = task::prepare(on, app, keys, For::Plan, now)?;
    let mut awaited = Vec::new();
    let mut back = Vec::new();
    for task in &tasks {
        match &task.todo {
            Todo::Find(f) => awaited.extend(f.pending.awaited.iter().map(|(_, k, _)| *k)),
            Todo::Write(w) => {
                awaited.extend(w.pending.awaited.iter().map(|(_, k, _)| *k));
                if w.verb == Verb::Enable {
                    back.push(task.key);
                }
            }
            _ => {}
        }
    }
    let coming = coming(on, app, &awaited, now)?;
    let held = leaver::held(on, app.id, keys)?.into_iter().collect();
    let mut members = HashMap::new();
    if maps_members(app) {
        for task in tasks.iter().filter(|t| t.kind == Kind::Group && t.stays()) {
            members.insert(task.key, count_members(on, app, task.key, now)?);
        }
    }
    let returning = object::groups_of(on, app.directory, &back)?.into_iter().map(|(_, g)| g.key).collect();
    Ok(Prepared { tasks, coming, held, members, returning })
}

/// Those of them who will have an account after the cycle.
fn coming(
    on: &mut Snapshot<'_>,
    app: &App,
    keys: &[Key],
    now: Timestamp,
) -> Result<HashSet<Key>, EngineError> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    let links: HashMap<Key, State> =
        link::of(on, app.id, &keys)?.into_iter().map(|l| (l.object, l.state)).collect();
    let mut coming = HashSet::new();
    for judged in scope::judge(on, app, &keys, now)? {
        let Some(stored) = &judged.stored else { continue };
        let linked = links.get(&judged.key).map_or(Linked::No, |s| s.linked());
        let act = decide(linked, judged.source, judged.entitled, &rules(app, stored.kind));
        if judged.entitled == Entitled::Yes && matches!(act, Act::Provision { create: true } | Act::Enable) {
            coming.insert(judged.key);
        }
    }
    Ok(coming)
}

pub(super) fn count_members(
    on: &mut Snapshot<'_>,
    app: &App,
    group: Key,
    now: Timestamp,
) -> Result<(u64, u64), EngineError> {
    let (mut add, mut remove) = (0, 0);
    let mut after = None;
    loop {
        let block = members::additions(on, app, group, after, 1_000)?;
        add += block.add.len() as u64 + coming(on, app, &block.without, now)?.len() as u64;
        match block.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    after = None;
    loop {
        let block = members::removals(on, app, group, after, 1_000)?;
        remove += block.remove.len() as u64;
        match block.next {
            Some(next) => after = Some(next),
            None => return Ok((add, remove)),
        }
    }
}
