//! Candidates to the evaluator, in key order, a bounded number of them.

use serde_json::{Value, json};
use usher_scim::{AttributePath, Filter, Object};
use usher_store::{Snapshot, StoreError};

use super::{
    From, PAGE_BYTES, Page, QueryError, QueryPlan, documents,
    sort::{Sorted, place},
};
use crate::{
    Key, Kind,
    config::DirectoryConfig,
    index::Named,
    object::{self, Link, Stored},
};

/// So many documents are read at once.
const BLOCK: usize = 200;

/// What a filter looks at that is in no document.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LooksAt {
    members: bool,
    groups: bool,
}

impl LooksAt {
    pub(super) fn of(config: &DirectoryConfig, kind: Kind, filter: &Filter) -> Self {
        let of = config.resource_type(kind);
        let looks = |name: &str, path: &AttributePath| {
            let bare = AttributePath { filter: None, sub: None, ..path.clone() };
            Named::of(of, &bare).is_some_and(|named| named.extension.is_none() && named.attribute == name)
        };
        let paths = filter.paths();
        Self {
            members: kind == Kind::Group && paths.iter().any(|path| looks("members", path)),
            groups: kind == Kind::User && paths.iter().any(|path| looks("groups", path)),
        }
    }
}

/// Goes through the candidates of a plan.
struct Scan<'s, 'c> {
    on: &'s mut Snapshot<'c>,
    config: &'s DirectoryConfig,
    plan: &'s QueryPlan,
    /// How many more documents and members it may look at.
    budget: usize,
}

impl Scan<'_, '_> {
    /// Keys of candidates after `after`, one more than the budget at most.
    fn candidates(&mut self, after: Key) -> Result<Vec<Key>, StoreError> {
        let most = self.budget + 1;
        let (statement, arguments) =
            self.plan.keys(self.config.id, From::After { key: after, total: 0 }, most);
        let keys: Vec<(Key,)> = self.on.all(&statement, &arguments, most)?;
        Ok(keys.into_iter().map(|(key,)| key).collect())
    }

    /// Which of a block match, with the resources that were looked at.
    fn matching(&mut self, keys: &[Key]) -> Result<Vec<(Stored, Object)>, QueryError> {
        self.budget = self.budget.saturating_sub(keys.len());
        let of = self.config.resource_type(self.plan.kind);
        let mut block = Vec::with_capacity(keys.len());
        for stored in object::by_keys(self.on, self.config.id, keys)? {
            let resource = stored.resource(of)?;
            block.push((stored, resource));
        }
        if self.plan.looks_at.groups {
            self.add_groups(keys, &mut block)?;
        }
        if self.plan.looks_at.members {
            self.add_members(&mut block)?;
        }
        if let Some(evaluator) = &self.plan.evaluator {
            block.retain(|(_, resource)| evaluator.matches(resource));
        }
        Ok(block)
    }

    fn add_groups(&mut self, keys: &[Key], block: &mut [(Stored, Object)]) -> Result<(), StoreError> {
        let groups = object::all_groups_of(self.on, self.config.id, keys)?;
        for (stored, resource) in block {
            let mine = groups.iter().filter(|(key, ..)| *key == stored.key);
            let values: Vec<Value> = mine
                .map(|(_, group, direct)| {
                    let kind = if *direct { "direct" } else { "indirect" };
                    json!({"value": group.id.to_string(), "display": group.name, "type": kind})
                })
                .collect();
            if !values.is_empty() {
                resource.insert("groups".to_owned(), values.into());
            }
        }
        Ok(())
    }

    fn add_members(&mut self, block: &mut [(Stored, Object)]) -> Result<(), QueryError> {
        for (stored, resource) in block {
            let most = self.budget + 1;
            let members = object::members_of(self.on, self.config.id, stored.key, None, most)?;
            if members.len() > self.budget {
                return Err(self.plan.too_many().into());
            }
            self.budget -= members.len();
            let value = |link: &Link| json!({"value": link.id.to_string(), "display": link.name, "type": link.kind.name()});
            if !members.is_empty() {
                let values: Vec<Value> = members.iter().map(value).collect();
                resource.insert("members".to_owned(), values.into());
            }
        }
        Ok(())
    }
}

/// Evaluates every candidate, since the total is exact.
fn all(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    mut each: impl FnMut(Stored, Object),
) -> Result<(), QueryError> {
    let mut scan = Scan { on, config, plan, budget: config.scan_limit };
    let keys = scan.candidates(Key(0))?;
    if keys.len() > config.scan_limit {
        return Err(plan.too_many().into());
    }
    for block in keys.chunks(BLOCK) {
        for (stored, resource) in scan.matching(block)? {
            each(stored, resource);
        }
    }
    Ok(())
}

/// From a 1-based position.
pub(super) fn from_index(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    start: u64,
    count: u32,
) -> Result<Page, QueryError> {
    let (mut total, mut bytes, mut objects, mut more) = (0_u64, 0, Vec::new(), false);
    all(on, config, plan, |stored, _| {
        total += 1;
        if total < start || more {
            return;
        }
        let fits = objects.is_empty() || bytes + stored.doc.len() <= PAGE_BYTES;
        if objects.len() < count as usize && fits {
            bytes += stored.doc.len();
            objects.push(stored);
        } else {
            more = true;
        }
    })?;
    let last = objects.last().map(|object: &Stored| object.key);
    Ok(Page { objects, total, last, more })
}

/// Right after a key, until the page is full or the budget is used up: then the page ends early, and the next goes on.
pub(super) fn after(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    key: Key,
    total: u64,
    count: u32,
) -> Result<Page, QueryError> {
    let mut page = Page { objects: Vec::new(), total, last: Some(key), more: true };
    let mut scan = Scan { on, config, plan, budget: config.scan_limit };
    let mut keys = scan.candidates(key)?;
    let rest = keys.len() > config.scan_limit;
    keys.truncate(config.scan_limit);
    let mut bytes = 0;
    for block in keys.chunks(BLOCK) {
        for (stored, _) in scan.matching(block)? {
            let fits = page.objects.is_empty() || bytes + stored.doc.len() <= PAGE_BYTES;
            if page.objects.len() >= count as usize || !fits {
                return Ok(page);
            }
            bytes += stored.doc.len();
            page.last = Some(stored.key);
            page.objects.push(stored);
        }
        if !page.objects.is_empty() && page.objects.len() == count as usize {
            // The page is full; whether more follow, the next blocks would tell: look on, but hand out nothing.
            continue;
        }
        page.last = block.last().copied();
    }
    page.more = rest;
    Ok(page)
}

/// The sort keys of all matches, in no order; their documents are not held.
pub(super) fn sort_keys(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
) -> Result<Vec<(Option<Sorted>, Key)>, QueryError> {
    let mut found = Vec::new();
    all(on, config, plan, |stored, resource| found.push((plan.order.value(&stored, &resource), stored.key)))?;
    Ok(found)
}

/// In an order that the database can't give, or of matches that it can't tell.
pub(super) fn sorted(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    start: u64,
    count: u32,
) -> Result<Page, QueryError> {
    let mut found = sort_keys(on, config, plan)?;
    let descending = plan.order.descending();
    found.sort_by(|(a, a_key), (b, b_key)| place(descending, (a, *a_key), (b, *b_key)));
    let skipped = usize::try_from(start - 1).unwrap_or(usize::MAX).min(found.len());
    let wanted: Vec<Key> = found[skipped..].iter().take(count as usize).map(|(_, key)| *key).collect();
    let (objects, cut) = documents(on, config.id, &wanted)?;
    let last = objects.last().map(|object| object.key);
    let more = cut || skipped + wanted.len() < found.len();
    Ok(Page { objects, total: found.len() as u64, last, more })
}
