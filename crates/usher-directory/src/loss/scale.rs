//! Weighing a write: who would lose something by it, and whether that is too much for an hour.

use jiff::{SignedDuration, Timestamp};
use usher_store::{Snapshot, Sql, StoreError, Tx, args, list};
use uuid::Uuid;

use super::LossSettings;
use crate::{DirectoryId, Key, config::DirectoryConfig};

/// What is counted together.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The most counts that went stale and are removed at once.
const STALE: i64 = 5000;

/// A token's count of the last hour, locked until the transaction ends.
///
/// Opened before anything else of the transaction is locked: all who may take something away by one token wait for each
/// other there, and nowhere later.
#[derive(Debug)]
pub struct Scale {
    settings: LossSettings,
    directory: DirectoryId,
    token: Uuid,
    request: Uuid,
    now: Timestamp,
    /// How many users were active when the hour began, as far as that matters.
    active: i64,
    held: u64,
}

/// A user who has something to lose: active, or inactive while that is held.
macro_rules! loser {
    () => {
        "o.kind = 1 and o.deleted is null and (o.active or exists (
           select 1 from held h where h.directory = o.directory and h.object = o.key and h.grp = 0))"
    };
}

/// Statements over the users concerned: `$1` directory, `$2` token, `$3` the group.
macro_rules! counted {
    ($key:expr, $i:literal, $b:literal, $from:expr, $tail:expr) => {
        concat!(
            "insert into loss (directory, token, object, at) select $1",
            $i,
            ", $2",
            $b,
            ", ",
            $key,
            ", $4",
            $i,
            " ",
            $from,
            " and ",
            loser!(),
            $tail,
            " on conflict (directory, token, object) do update set at = excluded.at"
        )
    };
}
macro_rules! waiting {
    ($grp:literal, $since:literal, $i:literal, $b:literal, $from:expr) => {
        concat!(
            "insert into held (directory, token, grp, object, id, name, since, request, at, until, due, told, state)
             select $1", $i, ", $2", $b, ", ", $grp, ", o.key, o.id, o.label, ", $since, ", $6", $b, ", $4", $i, ", $7", $i, ",
               $4", $i, ", 0, 1 ", $from, " and ", loser!(),
            " and ($8 or exists (select 1 from held h where h.directory = o.directory and h.object = o.key))
             order by o.key
             on conflict (directory, object, grp) do update set since = held.since where held.state = 1"
        )
    };
}

/// Statements for one way in which users lose something.
///
/// What is held already stays as it is. The update that changes nothing locks its row (whatever its state), so that a batch of
/// rules that saw the user back in the group waits for this transaction, and finds it out again ([`super::rejoined`]).
struct Way {
    count: Sql,
    hold: Sql,
}

/// One user, `$5`; the group is 0.
const ACCESS: Way = Way {
    count: Sql::each(
        counted!("o.key", "", "", "from object o where +o.directory = $1 and o.key = $5 and $3 = 0", ""),
        counted!(
            "o.key",
            "::bigint",
            "::bytea",
            "from object o where o.directory = $1 and o.key = $5 and $3::bigint = 0",
            ""
        ),
    ),
    hold: Sql::each(
        waiting!("$3", "0", "", "", "from object o where +o.directory = $1 and o.key = $5"),
        waiting!(
            "$3::bigint",
            "0",
            "::bigint",
            "::bytea",
            "from object o where o.directory = $1 and o.key = $5"
        ),
    ),
};
/// These members, `$5`.
const MEMBERS: Way = Way {
    count: Sql::each(
        counted!("o.key", "", "", "from member m join object o on o.key = m.member where +o.directory = $1 and m.grp = $3
                  and m.member in (select value from json_each($5))", ""),
        counted!("o.key", "::bigint", "::bytea", "from member m join object o on o.key = m.member where o.directory = $1
                  and m.grp = $3 and m.member = any(array(select value::bigint from json_array_elements_text($5::text::json)))", ""),
    ),
    hold: Sql::each(
        waiting!("$3", "m.since", "", "", "from member m join object o on o.key = m.member where +o.directory = $1 and m.grp = $3
                  and m.member in (select value from json_each($5))"),
        waiting!("$3::bigint", "m.since", "::bigint", "::bytea", "from member m join object o on o.key = m.member
                  where o.directory = $1 and m.grp = $3
                  and m.member = any(array(select value::bigint from json_array_elements_text($5::text::json)))"),
    ),
};
/// All members but those, `$5`. Of a large group no more are counted than make too many.
const EMPTIED: Way = Way {
    count: Sql::each(
        counted!("o.key", "", "", "from member m join object o on o.key = m.member where +o.directory = $1 and m.grp = $3
                  and m.member not in (select value from json_each($5))", " limit $6"),
        counted!("o.key", "::bigint", "::bytea", "from member m join object o on o.key = m.member where o.directory = $1
                  and m.grp = $3 and m.member not in (select value::bigint from json_array_elements_text($5::text::json))",
                  " limit $6"),
    ),
    hold: Sql::each(
        waiting!("$3", "m.since", "", "", "from member m join object o on o.key = m.member where +o.directory = $1 and m.grp = $3
                  and m.member not in (select value from json_each($5))"),
        waiting!("$3::bigint", "m.since", "::bigint", "::bytea", "from member m join object o on o.key = m.member
                  where o.directory = $1 and m.grp = $3
                  and m.member not in (select value::bigint from json_array_elements_text($5::text::json))"),
    ),
};

impl Scale {
    /// Locks the token's count. `None`: the guard is off here.
    pub fn open(
        tx: &mut Tx<'_>,
        config: &DirectoryConfig,
        token: Uuid,
        request: Uuid,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        // The update that changes nothing locks the row, whoever made it.
        const LOCK: Sql = Sql::same(
            "insert into loss_scale (directory, token, active, since) values ($1, $2, 0, 0)
             on conflict (directory, token) do update set active = loss_scale.active returning active, since",
        );
        const BEGIN: Sql =
            Sql::same("update loss_scale set active = $3, since = $4 where directory = $1 and token = $2");
        const PRUNE: Sql = Sql::same(
            "delete from loss where directory = $1 and token = $2 and object in (
               select object from loss where directory = $1 and token = $2 and at <= $3 order by at limit $4)",
        );
        let Some(settings) = config.loss else { return Ok(None) };
        let directory = config.id;
        let row = tx.one::<(i64, Timestamp)>(&LOCK, args![directory, token])?;
        let (mut active, since) = row.unwrap_or((0, Timestamp::UNIX_EPOCH));
        if now.duration_since(since) >= HOUR {
            active = active_users(tx, directory, settings.enough())?;
            tx.exec(&BEGIN, args![directory, token, active, now])?;
            tx.exec(&PRUNE, args![directory, token, ago(now), STALE])?;
        }
        Ok(Some(Self { settings, directory, token, request, now, active, held: 0 }))
    }

    /// A user is to become inactive, or to go. Whether that waits.
    pub fn access(&mut self, tx: &mut Tx<'_>, user: Key) -> Result<bool, StoreError> {
        let before = self.held;
        self.weigh(tx, &ACCESS, Key(0), user.into(), None)?;
        Ok(self.held > before)
    }

    /// These users are to be no members any more.
    pub fn members(&mut self, tx: &mut Tx<'_>, group: Key, users: &[Key]) -> Result<(), StoreError> {
        if users.is_empty() {
            return Ok(());
        }
        self.weigh(tx, &MEMBERS, group, list::numbers(users.iter().copied()), None)
    }

    /// All members but those are to be none any more.
    pub fn emptied(&mut self, tx: &mut Tx<'_>, group: Key, keep: &[Key]) -> Result<(), StoreError> {
        let most = i64::from(self.settings.count) + 1;
        self.weigh(tx, &EMPTIED, group, list::numbers(keep.iter().copied()), Some(most))
    }

    /// How many losses of this transaction wait.
    pub fn held(&self) -> u64 {
        self.held
    }

    fn weigh(
        &mut self,
        tx: &mut Tx<'_>,
        way: &Way,
        group: Key,
        who: usher_store::Value,
        most: Option<i64>,
    ) -> Result<(), StoreError> {
        let Self { directory, token, request, now, settings, .. } = *self;
        let mut arguments = args![directory, token, group, now, who].to_vec();
        let mut counting = arguments.clone();
        counting.extend(most.map(usher_store::Value::from));
        if tx.exec(&way.count, &counting)? == 0 {
            return Ok(());
        }
        let people = lost_lately(tx, directory, token, now, i64::from(settings.count) + 1)?;
        let hold = settings.too_many(people.unsigned_abs(), self.active.unsigned_abs());
        let until = settings.time.and_then(|time| now.checked_add(time).ok());
        arguments.extend_from_slice(args![request, until, hold]);
        self.held += tx.exec(&way.hold, &arguments)?;
        Ok(())
    }
}

fn ago(now: Timestamp) -> Timestamp {
    now.checked_sub(HOUR).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// How many people lost something by this token in the last hour, counted up to `most`.
fn lost_lately(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    token: Uuid,
    now: Timestamp,
    most: i64,
) -> Result<i64, StoreError> {
    const COUNT: Sql = Sql::same(
        "select count(*) from (select 1 from loss where directory = $1 and token = $2 and at > $3 limit $4) as lately",
    );
    Ok(on.one::<(i64,)>(&COUNT, args![directory, token, ago(now), most])?.map_or(0, |(n,)| n))
}

/// How many users are active, counted up to `most`.
fn active_users(on: &mut Snapshot<'_>, directory: DirectoryId, most: i64) -> Result<i64, StoreError> {
    const COUNT: Sql = Sql::same(
        "select count(*) from (select 1 from object where directory = $1 and kind = 1 and deleted is null and active
         limit $2) as active",
    );
    Ok(on.one::<(i64,)>(&COUNT, args![directory, most])?.map_or(0, |(n,)| n))
}
