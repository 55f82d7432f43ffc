//! A group's memberships: what is to be added and removed at the app, from what was last written, block by block.

use std::collections::{HashMap, HashSet};

use usher_directory::{Key, object};
use usher_store::{Column, Snapshot, Sql, StoreError, Tx, list};

use crate::{
    app::{App, AppId},
    error::EngineError,
    link::{self, State},
};

/// A block of a pass.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Block {
    /// Members to add, with their ids at the app.
    pub(crate) add: Vec<(Key, String)>,
    /// Memberships to remove; without an id there is nothing to send.
    pub(crate) remove: Vec<(Key, Option<String>)>,
    /// Members without an account in the app: they follow when they get one.
    pub(crate) without: Vec<Key>,
    /// All that was looked at, to be taken off the list.
    pub(crate) seen: Vec<Key>,
    /// Where to go on; `None`: the pass is at its end.
    pub(crate) next: Option<Key>,
}

impl Block {
    /// Whom it sends.
    fn sent(&self) -> impl Iterator<Item = Key> {
        self.add.iter().map(|(member, _)| *member).chain(self.remove.iter().map(|(member, _)| *member))
    }
}

const WRITTEN: Sql = Sql::each(
    "select member from link_member where app = $1 and grp = $2 and member in (select value from json_each($3))",
    "select member from link_member where app = $1 and grp = $2 and member in \
     (select value::bigint from json_array_elements_text($3::text::json))",
);
const WRITTEN_AFTER: Sql = Sql::same(
    "select member from link_member where app = $1 and grp = $2 and member > $3 order by member limit $4",
);
const DELTAS: Sql =
    Sql::same("select member from delta where app = $1 and grp = $2 order by member limit $3");
const WRITE: Sql = Sql::each(
    "insert into link_member (app, grp, member) values ($1, $2, $3) on conflict (app, grp, member) do nothing",
    "insert into link_member (app, grp, member) select $1::bigint, $2::bigint, unnest($3::bigint[])
     on conflict (app, grp, member) do nothing",
);
const UNWRITE: Sql = Sql::each(
    "delete from link_member where app = $1 and grp = $2 and member = $3",
    "delete from link_member where app = $1 and grp = $2 and member = any($3::bigint[])",
);
const SEEN: Sql = Sql::each(
    "delete from delta where app = $1 and grp = $2 and member in (select value from json_each($3))",
    "delete from delta where app = $1 and grp = $2 and member in \
     (select value::bigint from json_array_elements_text($3::text::json))",
);

fn written(
    on: &mut Snapshot<'_>,
    app: AppId,
    group: Key,
    members: &[Key],
) -> Result<HashSet<Key>, StoreError> {
    let rows: Vec<(i64,)> = on.all(
        &WRITTEN,
        &[app.0.into(), group.0.into(), list::numbers(members.iter().copied())],
        members.len(),
    )?;
    Ok(rows.into_iter().map(|(k,)| Key(k)).collect())
}

/// Which of the group's members are not written yet.
pub(crate) fn additions(
    on: &mut Snapshot<'_>,
    app: &App,
    group: Key,
    after: Option<Key>,
    most: usize,
) -> Result<Block, EngineError> {
    let members: Vec<Key> =
        object::members_of(on, app.directory, group, after, most)?.into_iter().map(|m| m.key).collect();
    let mut block = Block {
        next: (members.len() == most).then(|| members.last().copied()).flatten(),
        ..Block::default()
    };
    sort_in(on, app, group, &members, false, &mut block)?;
    Ok(block)
}

fn sort_in(
    on: &mut Snapshot<'_>,
    app: &App,
    group: Key,
    members: &[Key],
    again: bool,
    block: &mut Block,
) -> Result<(), EngineError> {
    let there = if again { HashSet::new() } else { written(on, app.id, group, members)? };
    let mut links: HashMap<Key, link::Link> =
        link::of(on, app.id, members)?.into_iter().map(|l| (l.object, l)).collect();
    for member in members.iter().filter(|m| !there.contains(m)) {
        match links.remove(member) {
            Some(link::Link { state: State::Active, target: Some(target), .. }) => {
                block.add.push((*member, target))
            }
            _ => block.without.push(*member),
        }
    }
    Ok(())
}

/// Which written memberships are none any longer.
pub(crate) fn removals(
    on: &mut Snapshot<'_>,
    app: &App,
    group: Key,
    after: Option<Key>,
    most: usize,
) -> Result<Block, EngineError> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let from = after.map_or(-1, |k| k.0);
    let rows: Vec<(i64,)> =
        on.all(&WRITTEN_AFTER, &[app.id.0.into(), group.0.into(), from.into(), limit.into()], most)?;
    let there: Vec<Key> = rows.into_iter().map(|(k,)| Key(k)).collect();
    let mut block =
        Block { next: (there.len() == most).then(|| there.last().copied()).flatten(), ..Block::default() };
    let present = present(on, app, group, &there)?;
    let gone: Vec<Key> = there.into_iter().filter(|m| !present.contains(m)).collect();
    remove(on, app, &gone, &mut block)?;
    Ok(block)
}

fn present(on: &mut Snapshot<'_>, app: &App, group: Key, of: &[Key]) -> Result<HashSet<Key>, EngineError> {
    if of.is_empty() {
        return Ok(HashSet::new());
    }
    let groups = object::groups_of(on, app.directory, of)?;
    Ok(groups.into_iter().filter(|(_, g)| g.key == group).map(|(m, _)| m).collect())
}

fn remove(on: &mut Snapshot<'_>, app: &App, gone: &[Key], block: &mut Block) -> Result<(), EngineError> {
    let mut links: HashMap<Key, link::Link> =
        link::of(on, app.id, gone)?.into_iter().map(|l| (l.object, l)).collect();
    block.remove.extend(gone.iter().map(|m| (*m, links.remove(m).and_then(|l| l.target))));
    Ok(())
}

/// A block of the memberships that changed. `again`: nobody knows whether what is noted as written was done, so it is sent again.
pub(crate) fn deltas(
    on: &mut Snapshot<'_>,
    app: &App,
    group: Key,
    again: bool,
    most: usize,
) -> Result<Block, EngineError> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<(i64,)> = on.all(&DELTAS, &[app.id.0.into(), group.0.into(), limit.into()], most)?;
    let changed: Vec<Key> = rows.into_iter().map(|(k,)| Key(k)).collect();
    let mut block = Block::default();
    let present = present(on, app, group, &changed)?;
    let (here, absent): (Vec<Key>, Vec<Key>) = changed.iter().partition(|m| present.contains(m));
    sort_in(on, app, group, &here, again, &mut block)?;
    let there = written(on, app.id, group, &absent)?;
    let gone: Vec<Key> = absent.into_iter().filter(|m| there.contains(m)).collect();
    remove(on, app, &gone, &mut block)?;
    block.next = (changed.len() == most).then(|| changed.last().copied()).flatten();
    block.seen = changed;
    Ok(block)
}

/// What was written of a group's memberships is not known any longer.
pub(crate) fn forget(tx: &mut Tx<'_>, app: AppId, group: Key) -> Result<(), StoreError> {
    const WRITTEN: Sql = Sql::same("delete from link_member where app = $1 and grp = $2");
    const CHANGED: Sql = Sql::same("delete from delta where app = $1 and grp = $2");
    for sql in [&WRITTEN, &CHANGED] {
        tx.exec(sql, &[app.0.into(), group.0.into()])?;
    }
    Ok(())
}

const NOTE: Sql = Sql::each(
    "insert into delta (app, grp, member) values ($1, $2, $3) on conflict (app, grp, member) do nothing",
    "insert into delta (app, grp, member) select $1::bigint, $2::bigint, unnest($3::bigint[])
     on conflict (app, grp, member) do nothing",
);

/// One statement for these members of a group.
fn for_each(
    tx: &mut Tx<'_>,
    sql: &Sql,
    app: &App,
    group: Key,
    members: impl Iterator<Item = Key>,
) -> Result<u64, StoreError> {
    let members: Column = members.map(|member| member.0).collect();
    tx.exec_many(sql, &[Column::Same(app.id.0.into()), Column::Same(group.0.into()), members])
}

/// Notes what is about to be sent: whoever is added as written, so that they are taken out at the app if they are out of the group by
/// the next try; and all of them to be looked at again, so that what may not have been done is sent again, unless [`keep`] hears that
/// it was.
pub(crate) fn note(tx: &mut Tx<'_>, app: &App, group: Key, block: &Block) -> Result<(), StoreError> {
    for_each(tx, &WRITE, app, group, block.add.iter().map(|(member, _)| *member))?;
    for_each(tx, &NOTE, app, group, block.sent())?;
    link::whole(tx, app.id, group, true)
}

/// Writes down what a block sent.
pub(crate) fn keep(tx: &mut Tx<'_>, app: &App, group: Key, block: &Block) -> Result<(), StoreError> {
    for_each(tx, &UNWRITE, app, group, block.remove.iter().map(|(member, _)| *member))?;
    let seen: Vec<Key> = block.seen.iter().copied().chain(block.sent()).collect();
    if !seen.is_empty() {
        tx.exec(&SEEN, &[app.id.0.into(), group.0.into(), list::numbers(seen.iter().copied())])?;
    }
    Ok(())
}
