//! Tokens that come to their end: whose owner is to be told, 14, 7 and 1 days before.

use jiff::{SignedDuration, Timestamp};
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, args};
use uuid::Uuid;

use super::{Read, Token};
use crate::AccountId;

/// So many days before a token's end its account's owner is told.
const DAYS: [i64; 3] = [14, 7, 1];
/// The most tokens told of in one go.
const MOST: usize = 1000;

/// A token of an account that has somebody to be told of its end.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Expiring {
    pub token: Token,
    pub account: AccountId,
    /// When it ends: by its own expiry, or because it was rotated.
    pub end: Timestamp,
    /// Which of the three times it is, from 1.
    pub time: u32,
}

/// A token's row with what else is to be known of it.
struct Ending {
    read: Read,
    account: AccountId,
    told: u32,
    /// When the newest token of the same integration was made.
    newest: Timestamp,
}

impl FromRow for Ending {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            read: Read::from_row(row)?,
            account: row.get(12)?,
            told: row.get(13)?,
            newest: row.get(14)?,
        })
    }
}

/// Live tokens whose end the owner is to be told of now. One that was rotated is told of only where it is still in use: else
/// nobody misses it.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn expiring(on: &mut Snapshot<'_>, now: Timestamp) -> Result<Vec<Expiring>, StoreError> {
    const READ: Sql = Sql::same(concat!(
        "select ",
        columns!(),
        ", d.account, t.told,
           (select max(n.created) from token n where n.directory = t.directory and n.provider = t.provider)
         from token t join directory d on d.id = t.directory join account a on a.id = d.account
         where t.revoked is null and t.told < 3 and a.owner is not null
         and coalesce(t.ends, t.expires) > $1 and coalesce(t.ends, t.expires) <= $2
         order by coalesce(t.ends, t.expires), t.id limit $3"
    ));
    let last = now.saturating_add(SignedDuration::from_hours(24 * DAYS[0])).unwrap_or(Timestamp::MAX);
    let rows: Vec<Ending> = on.all(&READ, args![now, last, MOST as i64], MOST)?;
    Ok(rows.into_iter().filter_map(|row| due(row, now)).collect())
}

fn due(row: Ending, now: Timestamp) -> Option<Expiring> {
    let token = row.read.at(now);
    let end = token.ends.or(token.expires)?;
    let used = token.last_used.as_ref().is_some_and(|(at, ..)| *at >= row.newest);
    let time = time(token.created, end, now);
    let due = time > row.told && (token.ends.is_none() || used);
    due.then_some(Expiring { token, account: row.account, end, time })
}

/// How many of the three times are over. One before the token was made is none: who makes one for three days knows.
fn time(created: Timestamp, end: Timestamp, now: Timestamp) -> u32 {
    let mut last = 0;
    for (time, days) in (1..).zip(DAYS) {
        let at = end.saturating_sub(SignedDuration::from_hours(24 * days)).unwrap_or(end);
        if at > created && at <= now {
            last = time;
        }
    }
    last
}

/// Its owner is told now. `false`: another was first.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn told(tx: &mut Tx<'_>, token: Uuid, time: u32) -> Result<bool, StoreError> {
    const TOLD: Sql = Sql::same("update token set told = $2 where id = $1 and told < $2");
    Ok(tx.exec(&TOLD, args![token, time])? == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_times_and_none_before_the_token_was_there() {
        let day = |n: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * n);
        let second = SignedDuration::from_secs(1);
        for (now, expected) in [
            (day(86) - second, 0),
            (day(86), 1),
            (day(93) - second, 1),
            (day(93), 2),
            (day(99) - second, 2),
            (day(99), 3),
            (day(100), 3),
        ] {
            assert_eq!(time(day(0), day(100), now), expected, "{now}");
        }
        assert_eq!(time(day(0), day(10), day(0)), 0, "made for ten days");
        assert_eq!(time(day(0), day(10), day(3)), 2);
        assert_eq!(time(day(0), day(1), day(1)), 0, "made for a day");
    }
}
