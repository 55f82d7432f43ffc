//! Request rates: one leaky bucket a key, in memory, bounded.

use std::{collections::HashMap, hash::Hash, sync::Mutex};

use jiff::Timestamp;

/// Keys remembered at most; full buckets are forgotten first (they are as good as new ones).
const KEYS: usize = 100_000;

/// How much a key has had: the time at which its bucket is empty again, in microseconds (the generic cell rate algorithm).
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    /// Microseconds that a request costs; 0 = no limit.
    cost: i64,
    /// Microseconds that may be owed.
    most: i64,
    until: Mutex<HashMap<K, i64>>,
}

impl<K: Eq + Hash> Buckets<K> {
    /// `rate` requests in `per_seconds`, `burst` at once; a rate of 0 limits nothing.
    pub(crate) fn new(rate: u32, per_seconds: u32, burst: u32) -> Self {
        let cost = if rate == 0 { 0 } else { i64::from(per_seconds) * 1_000_000 / i64::from(rate) };
        Self { cost, most: cost * i64::from(burst.max(1)), until: Mutex::default() }
    }

    /// Takes one request, if one is left.
    pub(crate) fn take(&self, key: K, now: Timestamp) -> Taken {
        if self.cost == 0 {
            return Taken { wait: None, level: None };
        }
        let now = now.as_microsecond();
        self.change(key, now, |end| {
            let next = (*end).max(now).saturating_add(self.cost);
            let seconds = |micros: i64| micros.unsigned_abs().div_ceil(1_000_000).max(1);
            let wait = (next - now > self.most).then(|| seconds(next - now - self.most));
            if wait.is_none() {
                *end = next;
            }
            let level = Level {
                limit: (self.most / self.cost).unsigned_abs(),
                remaining: ((self.most - (*end - now)).max(0) / self.cost).unsigned_abs(),
                reset: seconds(*end),
            };
            Taken { wait, level: Some(level) }
        })
    }

    /// Counts requests that pass whatever the rate says; those after them wait until it holds again.
    pub(crate) fn owe(&self, key: K, requests: usize, now: Timestamp) {
        if self.cost == 0 || requests == 0 {
            return;
        }
        let (now, owed) = (now.as_microsecond(), i64::try_from(requests).unwrap_or(i64::MAX));
        self.change(key, now, |end| {
            *end = (*end).max(now).saturating_add(self.cost.saturating_mul(owed));
        });
    }

    /// Changes when a key's bucket is empty again.
    fn change<T>(&self, key: K, now: i64, change: impl FnOnce(&mut i64) -> T) -> T {
        let mut until = self.until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if until.len() >= KEYS && !until.contains_key(&key) {
            until.retain(|_, end| *end > now);
            if until.len() >= KEYS {
                until.clear();
            }
        }
        change(until.entry(key).or_insert(now))
    }
}

/// What became of a request for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// `Some`: none was left; after how many whole seconds the next one passes.
    pub(crate) wait: Option<u64>,
    /// `None`: nothing is limited.
    pub(crate) level: Option<Level>,
}

/// How full a bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    /// How many a full one holds.
    pub(crate) limit: u64,
    /// How many are left.
    pub(crate) remaining: u64,
    /// When it is full again, in whole seconds since 1970.
    pub(crate) reset: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds_for_each_key_alone() {
        let buckets = Buckets::new(2, 1, 3);
        for _ in 0..3 {
            assert_eq!(buckets.take("a", at(0)).wait, None);
        }
        assert_eq!(buckets.take("a", at(0)).wait, Some(1));
        assert_eq!(buckets.take("b", at(0)).wait, None);
        let taken = buckets.take("a", at(500));
        assert_eq!((taken.wait, taken.level), (None, Some(Level { limit: 3, remaining: 0, reset: 2 })));
        assert_eq!(buckets.take("a", at(500)).wait, Some(1));
        let later = buckets.take("a", at(60_000)).level;
        assert_eq!(later, Some(Level { limit: 3, remaining: 2, reset: 61 }));
        let slow = Buckets::new(20, 60, 1);
        assert_eq!((slow.take(1, at(0)).wait, slow.take(1, at(0)).wait), (None, Some(3)));
    }

    #[test]
    fn what_is_owed_is_waited_for() {
        let buckets = Buckets::new(2, 1, 4);
        assert_eq!(buckets.take("a", at(0)).wait, None);
        buckets.owe("a", 9, at(0));
        // Ten cost 5 s, of which 2 s may be owed.
        let taken = buckets.take("a", at(0));
        assert_eq!((taken.wait, taken.level.map(|level| level.remaining)), (Some(4), Some(0)));
        assert_eq!(buckets.take("a", at(3_000)).wait, Some(1));
        assert_eq!(buckets.take("a", at(3_500)).wait, None);
        assert_eq!(buckets.take("b", at(0)).wait, None);
        buckets.owe("b", 0, at(0));
        buckets.owe("c", usize::MAX, at(0));
        assert!(buckets.take("c", at(0)).wait.is_some());
    }

    #[test]
    fn a_rate_of_zero_limits_nothing() {
        let buckets = Buckets::new(0, 1, 1);
        buckets.owe((), 1_000, at(0));
        assert!((0..1000).all(|_| buckets.take((), at(0)) == Taken { wait: None, level: None }));
    }
}
