//! The guard against mass loss: it stands between what a client writes and the people it concerns.
//!
//! It counts, for each token in a rolling hour, the active users who would lose something: set inactive, deleted, or taken out
//! of a group. Beyond the limits what was written stands (the client's answer stays true), but a row of `held` says that its
//! effect on people is to wait. [`Scale`] weighs, in the writer's own transaction and under the lock of the token's row, so
//! that two instances cannot let through more than one could; [`Held`] is what waits, and how it ends.

mod held;
mod scale;

use jiff::SignedDuration;
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, args};

use crate::{DirectoryId, config};

pub use held::{
    Decision, Figures, Held, HeldState, Holding, Loss, Notice, Place, as_before, cancel, due,
    due_directories, figures, find, forget, list, notices, of_objects, reject, rejoined, release,
};
pub use scale::Scale;

/// The guard's settings in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossSettings {
    /// Whether it holds anything.
    pub hold: bool,
    /// Above so many people in an hour it holds.
    pub count: u32,
    /// Above so many percent of the users who were active at the hour's start, and ten people at least; 0: no such limit.
    pub percent: u32,
    /// How long it holds before it lets go by itself; `None`: until somebody decides.
    pub time: Option<SignedDuration>,
}

impl Default for LossSettings {
    fn default() -> Self {
        Self { hold: true, count: 100, percent: 10, time: Some(SignedDuration::from_hours(24)) }
    }
}

/// Below so many people the percentage says nothing.
pub const FEW: u32 = 10;

impl LossSettings {
    /// Whether so many people, of so many who were active, are too many.
    pub fn too_many(&self, people: u64, active: u64) -> bool {
        let share = u128::from(people) * 100 > u128::from(active) * u128::from(self.percent);
        people > u64::from(self.count) || (self.percent > 0 && people >= u64::from(FEW) && share)
    }

    /// So many active users are enough to know: were there more, the count would trip first.
    fn enough(&self) -> i64 {
        match self.percent {
            0 => 0,
            percent => i64::from(self.count) * 100 / i64::from(percent) + 1,
        }
    }
}

impl FromRow for LossSettings {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let narrow = |number: i64| {
            u32::try_from(number).map_err(|_| StoreError::Bug(format!("a limit of the guard is {number}")))
        };
        Ok(Self {
            hold: row.get(0)?,
            count: narrow(row.get(1)?)?,
            percent: narrow(row.get(2)?)?,
            time: row.get::<Option<i64>>(3)?.map(SignedDuration::from_secs),
        })
    }
}

/// The settings as they hold for an environment.
pub fn settings(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<LossSettings, StoreError> {
    const READ: Sql = Sql::same("select hold, most, percent, seconds from loss_setting where directory = $1");
    Ok(on.one(&READ, args![directory])?.unwrap_or_default())
}

/// Changes them; they hold from the next request on, on every instance. What is held already stays as it is.
pub fn set(tx: &mut Tx<'_>, directory: DirectoryId, to: LossSettings) -> Result<(), StoreError> {
    const SET: Sql = Sql::same(
        "insert into loss_setting (directory, hold, most, percent, seconds) values ($1, $2, $3, $4, $5)
         on conflict (directory) do update set hold = excluded.hold, most = excluded.most, percent = excluded.percent,
         seconds = excluded.seconds",
    );
    let seconds = to.time.map(|time| time.as_secs());
    tx.exec(&SET, args![directory, to.hold, i64::from(to.count), i64::from(to.percent), seconds])?;
    config::bump(tx, directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_at_and_past_their_edges() {
        let it = LossSettings::default();
        for (people, active, too_many) in [
            (99, 1_000_000, false),
            (100, 1_000_000, false),
            (101, 1_000_000, true),
            // Ten people at least, and more than ten percent.
            (9, 9, false),
            (10, 99, true),
            (10, 100, false),
            (11, 110, false),
            (11, 109, true),
            (50, 500, false),
            (51, 500, true),
            (0, 0, false),
        ] {
            assert_eq!(it.too_many(people, active), too_many, "{people} of {active}");
        }
        assert!(!LossSettings { percent: 0, ..it }.too_many(100, 100), "0 percent: the count alone");
        assert!(LossSettings { count: 0, ..it }.too_many(1, 1_000_000));
        assert!(LossSettings { percent: u32::MAX, count: u32::MAX, ..it }.enough() > 0);
    }

    /// Counting no further than [`LossSettings::enough`] never changes the answer.
    #[test]
    fn more_active_users_than_are_counted_change_nothing() {
        for count in [0, 5, 9, 10, 37, 100] {
            for percent in [1, 3, 10, 33, 100, 250] {
                let it = LossSettings { count, percent, ..LossSettings::default() };
                let enough = it.enough().unsigned_abs();
                for people in 0..=u64::from(count) + 2 {
                    for active in [enough, enough + 1, enough + 1000] {
                        assert_eq!(
                            it.too_many(people, active),
                            it.too_many(people, enough),
                            "{it:?} {people} {active}"
                        );
                    }
                }
            }
        }
    }
}
