//! Filters over a directory: planned as exact, narrowed or scan; the index narrows, the evaluator decides.
//!
//! What the database can answer alone (eq, sw and ranges of prepared names, external ids, ids, times, indexed attributes,
//! members, and `and`/`or` of them) is *exact*. What it can answer in part is *narrowed*: its candidates go to the evaluator.
//! The rest is a *scan*. Both look at a bounded number of documents, else the answer is `400 tooMany`.

mod predicate;
mod scan;
mod sort;
mod translate;
mod walk;

use usher_scim::{
    Filter, ScimError, ScimType,
    filter::{Compiled, Unknown},
};
use usher_store::{Snapshot, Sql, StoreError, Value, args, list, with_keys};

use crate::{
    DirectoryId, Key, Kind,
    config::DirectoryConfig,
    object::{self, Stored},
};
use predicate::{Predicate, Where};
use sort::Order;

pub use sort::{Sort, Sorted};
pub use walk::{Listed, Listing, Mark, Start};

/// How a filter will be answered.
#[derive(Debug, Clone)]
pub struct QueryPlan {
    kind: Kind,
    /// What every match fulfils, as far as the database can tell.
    predicates: Vec<Predicate>,
    /// What decides, where the predicates don't.
    evaluator: Option<Compiled>,
    /// Whether the filter looks at `members` or `groups`, which are in no document.
    looks_at: scan::LooksAt,
    order: Order,
    /// The attribute to index, should this plan turn out to look at too much.
    blame: Option<String>,
    helps: String,
    notes: Vec<usher_scim::Note>,
}

/// For tests and `docs`: which way a plan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Way {
    Exact,
    Narrowed,
    Scan,
}

/// Where a page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum From {
    /// 1-based position.
    Index(u64),
    /// Right after this key; `total` as the walk began.
    After { key: Key, total: u64 },
}

/// A page.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Page {
    pub objects: Vec<Stored>,
    /// Exact number of matches at this moment; of a walk that goes on, the larger of the first and the present one, as far as that is cheap.
    pub total: u64,
    /// Where to go on, for [`From::After`]: the last key handed out (or looked at, where a scan ended early).
    pub last: Option<Key>,
    /// Whether more may follow; `false`: this was the last page.
    pub more: bool,
}

/// Why not.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum QueryError {
    #[error(transparent)]
    Scim(#[from] ScimError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// So many are read at once, where as a rule one is found.
const FEW: usize = 16;
/// A page ends early above so many bytes of documents (RFC 7644 §3.4.2.4 allows fewer than `count`).
const PAGE_BYTES: usize = 1 << 20;

impl QueryPlan {
    /// Plans; `None` = all objects of the kind. Errors with `invalidFilter` as [`Filter::compile`] does; unknown attributes are refused.
    pub fn new(config: &DirectoryConfig, kind: Kind, filter: Option<&Filter>) -> Result<Self, ScimError> {
        Self::plan(config, kind, filter, Unknown::Refused)
    }

    /// The same for a query over several resource types: an attribute that this kind does not have is absent (checklist Q-05).
    pub fn among_types(
        config: &DirectoryConfig,
        kind: Kind,
        filter: Option<&Filter>,
    ) -> Result<Self, ScimError> {
        Self::plan(config, kind, filter, Unknown::Absent)
    }

    fn plan(
        config: &DirectoryConfig,
        kind: Kind,
        filter: Option<&Filter>,
        unknown: Unknown,
    ) -> Result<Self, ScimError> {
        let mut plan = Self {
            kind,
            predicates: Vec::new(),
            evaluator: None,
            looks_at: scan::LooksAt::default(),
            order: Order::Created,
            blame: None,
            helps: translate::indexed_names(config, kind),
            notes: Vec::new(),
        };
        if let Some(filter) = filter {
            let compiled = filter.compile(config.resource_type(kind), unknown, config.tolerance)?;
            let translated = translate::translate(config, kind, filter);
            plan.notes = compiled.notes().to_vec();
            plan.predicates = translated.predicates;
            plan.looks_at = scan::LooksAt::of(config, kind, filter);
            plan.blame = translate::first_unindexed(config, kind, filter);
            plan.evaluator = (!translated.exact).then_some(compiled);
        }
        Ok(plan)
    }

    /// Sorted, ties by creation; `400 invalidValue` for a complex or unknown attribute. A sorted page takes [`From::Index`] only.
    pub fn sorted(self, config: &DirectoryConfig, sort: &Sort) -> Result<Self, ScimError> {
        let order = Order::new(config, self.kind, sort)?;
        let blame = if order.in_memory() { Some(sort.by.to_string()) } else { self.blame };
        Ok(Self { order, blame, ..self })
    }

    /// The error for a query that ran over the scan limit or its time: `400 tooMany` naming the attribute to index.
    pub fn too_many(&self) -> ScimError {
        let way_out = match &self.blame {
            Some(attribute) => {
                format!("have the attribute {attribute} indexed, or add a condition on one of: ")
            }
            None => "add a condition on one of: ".to_owned(),
        };
        let kind = self.kind.name();
        let detail =
            format!("this query has to look at too many {kind}s one by one; {way_out}{}", self.helps);
        ScimError::bad(ScimType::TooMany, detail)
    }

    /// Tolerances applied in reading the filter.
    pub fn notes(&self) -> &[usher_scim::Note] {
        &self.notes
    }

    /// Which way it goes.
    pub fn way(&self) -> Way {
        if self.evaluator.is_none() && !self.order.in_memory() {
            Way::Exact
        } else if self.predicates.iter().any(Predicate::is_pointed) {
            Way::Narrowed
        } else {
            Way::Scan
        }
    }

    /// The same plan with the evaluator asked about each candidate, also where the database alone can tell.
    pub fn narrowing(self, config: &DirectoryConfig, filter: &Filter) -> Result<Self, ScimError> {
        let compiled = filter.compile(config.resource_type(self.kind), Unknown::Absent, config.tolerance)?;
        Ok(Self { evaluator: Some(compiled), ..self })
    }

    /// The same plan with all work given to the evaluator: what [`Way::Exact`] is tested against.
    pub fn scanning(self, config: &DirectoryConfig, filter: &Filter) -> Result<Self, ScimError> {
        Ok(Self { predicates: Vec::new(), ..self.narrowing(config, filter)? })
    }

    /// Whether an index leads to few, and the database alone can tell.
    fn finds_few(&self) -> bool {
        self.way() == Way::Exact
            && !self.order.is_chosen()
            && self.predicates.iter().any(Predicate::finds_few)
    }

    /// The condition of the statements, with its arguments.
    fn condition(&self, directory: DirectoryId) -> Where {
        Where::new(directory, self.kind, &self.predicates)
    }

    /// The key in conditions and orders. A walk in key order has an index of its own; where another index leads to a few, that one
    /// would be wrong, hence the `+`.
    fn key(&self) -> &'static str {
        if self.predicates.iter().any(Predicate::is_pointed) { "+o.key" } else { "o.key" }
    }

    /// Selects the keys of the objects that fulfil the predicates, at most `most`.
    pub(crate) fn keys(&self, directory: DirectoryId, from: From, most: usize) -> (Sql, Vec<Value>) {
        let mut condition = self.condition(directory);
        let limit = condition.argument(most as i64);
        let statement = match from {
            From::Index(start) => {
                let order = self.order.columns(self.key());
                let offset = condition.argument(i64::try_from(start.max(1) - 1).unwrap_or(i64::MAX));
                format!(
                    "select o.key from object o where {condition} order by {order} limit {limit} offset {offset}"
                )
            }
            From::After { key: after, .. } => {
                let (key, after) = (self.key(), condition.argument(after));
                format!(
                    "select o.key from object o where {condition} and {key} > {after} order by {key} limit {limit}"
                )
            }
        };
        (Sql::built(statement), condition.arguments)
    }

    /// Selects whole objects, the oldest `most` first.
    pub(crate) fn few(&self, directory: DirectoryId, most: usize) -> (Sql, Vec<Value>) {
        let mut condition = self.condition(directory);
        let limit = condition.argument(most as i64);
        let (columns, key) = (object::columns!(), self.key());
        let statement =
            format!("select {columns} from object o where {condition} order by {key} limit {limit}");
        (Sql::built(statement), condition.arguments)
    }

    /// The same for a page by position: of the second half in the order of creation it is counted off from the end. `total` is the
    /// number of matches in the same snapshot.
    fn keys_at(
        &self,
        on: &mut Snapshot<'_>,
        directory: DirectoryId,
        (start, total): (u64, u64),
        most: usize,
    ) -> Result<Vec<(Key,)>, StoreError> {
        let before = start.max(1) - 1;
        if self.order.is_chosen() || before <= total / 2 {
            let (statement, arguments) = self.keys(directory, From::Index(start), most);
            return on.all(&statement, &arguments, most);
        }
        let rest = total.saturating_sub(before);
        let most = most.min(usize::try_from(rest).unwrap_or(usize::MAX));
        let (statement, arguments) = self.keys_from_end(directory, rest - most as u64, most);
        let mut keys: Vec<(Key,)> = on.all(&statement, &arguments, most)?;
        keys.reverse();
        Ok(keys)
    }

    /// The keys in the order of creation, the newest first, without the newest `skipped`.
    pub(crate) fn keys_from_end(
        &self,
        directory: DirectoryId,
        skipped: u64,
        most: usize,
    ) -> (Sql, Vec<Value>) {
        let mut condition = self.condition(directory);
        let limit = condition.argument(most as i64);
        let offset = condition.argument(i64::try_from(skipped).unwrap_or(i64::MAX));
        let key = self.key();
        let statement = format!(
            "select o.key from object o where {condition} order by {key} desc limit {limit} offset {offset}"
        );
        (Sql::built(statement), condition.arguments)
    }

    /// Counts them.
    pub(crate) fn count(&self, directory: DirectoryId) -> (Sql, Vec<Value>) {
        let condition = self.condition(directory);
        (Sql::built(format!("select count(*) from object o where {condition}")), condition.arguments)
    }
}

/// Reads a page in key (creation) order; over the scan limit: `400 tooMany` naming the attribute to index.
///
/// [`StoreError::TooSlow`] means the same: answer [`QueryPlan::too_many`].
pub fn page(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    from: From,
    count: u32,
) -> Result<Page, QueryError> {
    match (plan.way(), from) {
        (Way::Exact, _) => Ok(exact(on, config, plan, from, count)?),
        (_, From::Index(start)) if plan.order.is_chosen() => {
            scan::sorted(on, config, plan, start.max(1), count)
        }
        (_, From::Index(start)) => scan::from_index(on, config, plan, start.max(1), count),
        (_, From::After { key, total }) => scan::after(on, config, plan, key, total, count),
    }
}

fn exact(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    from: From,
    count: u32,
) -> Result<Page, StoreError> {
    if from == From::Index(1)
        && count > 0
        && let Some(page) = looked_up(on, config, plan, FEW.min(count as usize))?
    {
        return Ok(page);
    }
    let total = match from {
        From::Index(_) => matches(on, config, plan)?,
        From::After { total, .. } if plan.predicates.is_empty() => total.max(matches(on, config, plan)?),
        From::After { total, .. } => total,
    };
    if count == 0 {
        let last = match from {
            From::Index(_) => None,
            From::After { key, .. } => Some(key),
        };
        return Ok(Page { objects: Vec::new(), total, last, more: total > 0 });
    }
    let wanted = count as usize + 1;
    let keys: Vec<(Key,)> = match from {
        From::Index(start) => plan.keys_at(on, config.id, (start, total), wanted)?,
        From::After { .. } => {
            let (statement, arguments) = plan.keys(config.id, from, wanted);
            on.all(&statement, &arguments, wanted)?
        }
    };
    let mut keys: Vec<Key> = keys.into_iter().map(|(key,)| key).collect();
    let more = keys.len() > count as usize;
    keys.truncate(count as usize);
    let (objects, cut) = documents(on, config.id, &keys)?;
    let last = objects.last().map(|object| object.key);
    Ok(Page { objects, total, last, more: more || cut })
}

/// The question that clients ask most, who has this name: a statement answers it, count included. `None`: it is not that question, or
/// more than `most` were found.
fn looked_up(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    most: usize,
) -> Result<Option<Page>, StoreError> {
    if !plan.finds_few() {
        return Ok(None);
    }
    let (statement, arguments) = plan.few(config.id, most + 1);
    let objects: Vec<Stored> = on.all(&statement, &arguments, most + 1)?;
    if objects.len() > most {
        return Ok(None);
    }
    let last = objects.last().map(|object| object.key);
    Ok(Some(Page { total: objects.len() as u64, objects, last, more: false }))
}

/// The exact number of matches of an exact plan.
fn matches(on: &mut Snapshot<'_>, config: &DirectoryConfig, plan: &QueryPlan) -> Result<u64, StoreError> {
    if plan.predicates.is_empty() {
        return Ok(object::count(on, config.id, plan.kind)?.unsigned_abs());
    }
    let (statement, arguments) = plan.count(config.id);
    Ok(on.one::<(i64,)>(&statement, &arguments)?.map_or(0, |(n,)| n.unsigned_abs()))
}

/// The documents of these keys in this order, as many as fit a page; whether some did not. All there is was seen in the same
/// snapshot, so none is missing.
fn documents(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    keys: &[Key],
) -> Result<(Vec<Stored>, bool), StoreError> {
    const SIZES: Sql =
        with_keys!("select o.key, length(o.doc) from object o where +o.directory = $1 and o.key", "$2", "");
    // Sizes are asked first only where a page could be large at all.
    let mut fitting = keys.len();
    if keys.len() > PAGE_BYTES / (1 << 16) {
        let sizes: std::collections::HashMap<Key, i64> = on
            .all::<(Key, i64)>(&SIZES, args![directory, list::numbers(keys.iter().copied())], keys.len())?
            .into_iter()
            .collect();
        let mut bytes = 0;
        fitting = keys
            .iter()
            .take_while(|key| {
                bytes += sizes.get(key).copied().unwrap_or(0);
                bytes <= PAGE_BYTES as i64
            })
            .count()
            .max(1);
    }
    let mut read = object::by_keys(on, directory, &keys[..fitting])?;
    let place: std::collections::HashMap<Key, usize> =
        keys.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    read.sort_by_key(|object| place.get(&object.key).copied());
    Ok((read, fitting < keys.len()))
}
