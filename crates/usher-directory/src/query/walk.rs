//! Lists over one type or both, and walks through them: by position, or from a mark that says which object came last.
//!
//! Over both types users come first, then groups, each in the order of creation; a sorted list mixes them.

use usher_scim::{Filter, ScimError, ScimType};
use usher_store::{Snapshot, Sql, StoreError};

use super::{
    From, Page, QueryError, QueryPlan, Sort, Sorted, Way, documents, matches, page, scan,
    sort::{Order, place},
};
use crate::{Key, Kind, config::DirectoryConfig, object::Stored};

/// A query over one type or both.
#[derive(Debug, Clone)]
pub struct Listing {
    /// One a type; users before groups.
    plans: Vec<QueryPlan>,
    sorted: bool,
}

/// The place of an object in a list, to go on from: who exists throughout is then met once, whoever comes or goes.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Mark {
    pub kind: Kind,
    pub key: Key,
    /// What it sorts by, of a sorted list; `None`: it has no value.
    pub value: Option<Sorted>,
    /// The number of matches as the walk began.
    pub total: u64,
}

/// Where a page starts.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// 1-based position.
    Index(u64),
    /// Right after this place.
    After(Mark),
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Listed {
    pub objects: Vec<Stored>,
    /// See [`Page::total`].
    pub total: u64,
    /// Where to go on; `None`: this was the last page (or one without objects).
    pub next: Option<Mark>,
}

impl Listing {
    /// Plans a query over one type.
    pub fn of_type(
        config: &DirectoryConfig,
        kind: Kind,
        filter: Option<&Filter>,
        sort: Option<&Sort>,
    ) -> Result<Self, ScimError> {
        let mut plan = QueryPlan::new(config, kind, filter)?;
        if let Some(sort) = sort {
            plan = plan.sorted(config, sort)?;
        }
        Ok(Self { plans: vec![plan], sorted: sort.is_some() })
    }

    /// Plans a query over users and groups (RFC 7644 §3.4.2.1): what a type does not have is absent in it.
    pub fn of_all(
        config: &DirectoryConfig,
        filter: Option<&Filter>,
        sort: Option<&Sort>,
    ) -> Result<Self, ScimError> {
        let mut plans = Vec::new();
        let mut known = false;
        for kind in [Kind::User, Kind::Group] {
            let mut plan = QueryPlan::among_types(config, kind, filter)?;
            if let Some(sort) = sort {
                // Even where a column has the value: those of several types compare as documents have them.
                let order = Order::by_documents(config, kind, sort)?;
                known |= order.is_some();
                plan.blame = Some(sort.by.to_string());
                plan.order = order.unwrap_or(Order::Created);
            }
            plans.push(plan);
        }
        if let (Some(sort), false) = (sort, known) {
            return Err(ScimError::bad(
                ScimType::InvalidValue,
                format!("there is no sorting by {}", sort.by),
            ));
        }
        Ok(Self { plans, sorted: sort.is_some() })
    }

    /// Whether an index leads to few objects, as a rule to one.
    pub fn finds_few(&self) -> bool {
        matches!(self.plans.as_slice(), [plan] if !self.sorted && plan.finds_few())
    }

    /// Tolerances applied in reading the filter.
    pub fn notes(&self) -> &[usher_scim::Note] {
        self.plans.first().map(QueryPlan::notes).unwrap_or_default()
    }

    /// See [`QueryPlan::too_many`].
    pub fn too_many(&self) -> ScimError {
        let looking = self.plans.iter().find(|plan| plan.way() != Way::Exact).or(self.plans.first());
        looking.map_or_else(|| ScimError::bad(ScimType::TooMany, "add a filter"), QueryPlan::too_many)
    }

    /// Reads a page; errors as [`page`] does.
    pub fn page(
        &self,
        on: &mut Snapshot<'_>,
        config: &DirectoryConfig,
        start: &Start,
        count: u32,
    ) -> Result<Listed, QueryError> {
        match self.plans.as_slice() {
            [plan] if self.sorted => sorted(on, config, plan, start, count),
            [plan] => Ok(Listed::of(plan.kind, in_order(on, config, plan, start, count)?)),
            plans if self.sorted => mixed(on, config, plans, start, count),
            plans => one_after_the_other(on, config, plans, start, count),
        }
    }
}

impl Listed {
    fn of(kind: Kind, page: Page) -> Self {
        let next = page.last.filter(|_| page.more);
        let next = next.map(|key| Mark { kind, key, value: None, total: page.total });
        Self { objects: page.objects, total: page.total, next }
    }
}

fn in_order(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    start: &Start,
    count: u32,
) -> Result<Page, QueryError> {
    let from = match start {
        Start::Index(start) => From::Index(*start),
        Start::After(mark) => From::After { key: mark.key, total: mark.total },
    };
    page(on, config, plan, from, count)
}

/// Users, and when they are at their end, groups.
fn one_after_the_other(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plans: &[QueryPlan],
    start: &Start,
    count: u32,
) -> Result<Listed, QueryError> {
    let mut listed = Listed { objects: Vec::new(), total: 0, next: None };
    // Where the next type begins: after what of the position this one has taken.
    let mut start = start.clone();
    let mut waits = false;
    for plan in plans {
        let rest = count - u32::try_from(listed.objects.len()).unwrap_or(count).min(count);
        // Where the page has ended, by number or by size, what follows is only counted.
        let ended = waits || (rest == 0 && count > 0);
        let from = match &start {
            Start::After(mark) if mark.kind > plan.kind => continue,
            _ if ended => From::Index(1),
            Start::Index(start) => From::Index(*start),
            Start::After(mark) if mark.kind == plan.kind => From::After { key: mark.key, total: 0 },
            Start::After(_) => From::After { key: Key(0), total: 0 },
        };
        let found = page(on, config, plan, from, if ended { 0 } else { rest })?;
        listed.total += found.total;
        if let Start::Index(start) = &mut start {
            *start = start.saturating_sub(found.total).max(1);
        }
        let at_end = Mark { kind: plan.kind, key: Key(0), value: None, total: 0 };
        match (ended, found.last.filter(|_| found.more)) {
            // There are more of this type: so far it goes, and the next page begins here.
            (false, Some(key)) => {
                listed.next = Some(Mark { key, ..at_end });
                waits = true;
            }
            // The page was full before this type; it begins with it.
            (true, _) if found.more && listed.next.is_none() => listed.next = Some(at_end),
            _ => {}
        }
        listed.objects.extend(found.objects);
    }
    if let Start::After(mark) = &start {
        listed.total = mark.total;
    }
    if count == 0 {
        listed.next = None;
    }
    let total = listed.total;
    listed.next = listed.next.map(|mark| Mark { total, ..mark });
    Ok(listed)
}

/// One type in an order of its own.
fn sorted(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    start: &Start,
    count: u32,
) -> Result<Listed, QueryError> {
    let found = match start {
        _ if plan.order.in_memory() || plan.evaluator.is_some() => {
            return mixed(on, config, std::slice::from_ref(plan), start, count);
        }
        Start::Index(start) => page(on, config, plan, From::Index(*start), count)?,
        Start::After(mark) => after_in_column(on, config, plan, mark, count)?,
    };
    marked(config, plan, found)
}

fn marked(config: &DirectoryConfig, plan: &QueryPlan, found: Page) -> Result<Listed, QueryError> {
    let (more, total) = (found.more, found.total);
    let next = match found.objects.last().filter(|_| more) {
        Some(last) => {
            let value = plan.order.value(last, &last.resource(config.resource_type(last.kind))?);
            Some(Mark { kind: last.kind, key: last.key, value, total })
        }
        None => None,
    };
    Ok(Listed { objects: found.objects, total, next })
}

fn after_in_column(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    mark: &Mark,
    count: u32,
) -> Result<Page, StoreError> {
    let mut condition = plan.condition(config.id);
    let after = plan.order.after(&mut condition, mark.value.as_ref(), mark.key);
    let wanted = count as usize + 1;
    let limit = condition.argument(wanted as i64);
    let order = plan.order.columns("o.key");
    let statement =
        format!("select o.key from object o where {condition} and {after} order by {order} limit {limit}");
    let keys: Vec<(Key,)> = on.all(&Sql::built(statement), &condition.arguments, wanted)?;
    let mut keys: Vec<Key> = keys.into_iter().map(|(key,)| key).collect();
    let more = keys.len() > count as usize;
    keys.truncate(count as usize);
    let (objects, cut) = documents(on, config.id, &keys)?;
    let last = objects.last().map(|object| object.key);
    Ok(Page { objects, total: matches(on, config, plan)?, last, more: more || cut })
}

/// Sorted by what documents say, of one type or both: the sort keys of all matches are held, their documents are not.
fn mixed(
    on: &mut Snapshot<'_>,
    config: &DirectoryConfig,
    plans: &[QueryPlan],
    start: &Start,
    count: u32,
) -> Result<Listed, QueryError> {
    let mut found: Vec<(Option<Sorted>, Key)> = Vec::new();
    let mut descending = false;
    for plan in plans {
        found.extend(scan::sort_keys(on, config, plan)?);
        descending |= plan.order.descending();
    }
    found.sort_by(|(a, a_key), (b, b_key)| place(descending, (a, *a_key), (b, *b_key)));
    let total = found.len() as u64;
    let skipped = match start {
        Start::Index(start) => usize::try_from(start.saturating_sub(1)).unwrap_or(usize::MAX),
        Start::After(mark) => found.partition_point(|(value, key)| {
            place(descending, (value, *key), (&mark.value, mark.key)).is_le()
        }),
    };
    let rest = found.get(skipped..).unwrap_or_default();
    let wanted: Vec<Key> = rest.iter().take(count as usize).map(|(_, key)| *key).collect();
    let (objects, _) = documents(on, config.id, &wanted)?;
    let next = match (objects.last(), objects.len()) {
        (Some(last), shown) if shown < rest.len() => rest.get(shown - 1).map(|(value, _)| Mark {
            kind: last.kind,
            key: last.key,
            value: value.clone(),
            total,
        }),
        _ => None,
    };
    Ok(Listed { objects, total, next })
}

impl Mark {
    /// As bytes, for a cursor.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind as u8];
        bytes.extend_from_slice(&self.key.0.to_be_bytes());
        bytes.extend_from_slice(&self.total.to_be_bytes());
        match &self.value {
            None => bytes.push(0),
            Some(Sorted::Number(number)) => {
                bytes.push(1);
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            Some(Sorted::Text(text)) => {
                bytes.push(2);
                bytes.extend_from_slice(text);
            }
        }
        bytes
    }

    /// What [`Mark::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (total, rest) = rest.split_first_chunk()?;
        let (sort, value) = rest.split_first()?;
        let kind = match kind {
            1 => Kind::User,
            2 => Kind::Group,
            _ => return None,
        };
        let value = match sort {
            0 if value.is_empty() => None,
            1 => Some(Sorted::Number(f64::from_be_bytes(value.try_into().ok()?))),
            2 => Some(Sorted::Text(value.to_vec())),
            _ => return None,
        };
        let (key, total) = (Key(i64::from_be_bytes(*key)), u64::from_be_bytes(*total));
        Some(Self { kind, key, value, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_written() {
        let values = [None, Some(Sorted::Number(-1.5)), Some(Sorted::Text(b"a\0b".to_vec()))];
        for value in values {
            let mark = Mark { kind: Kind::Group, key: Key(7), value, total: 9 };
            let bytes = mark.to_bytes();
            assert_eq!(Mark::from_bytes(&bytes), Some(mark));
            assert_eq!(Mark::from_bytes(&bytes[..10]), None);
        }
        assert_eq!(Mark::from_bytes(&[]), None);
    }
}
