//! How long to wait after a failure.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;

/// A schedule of pauses between tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// 1, 5, 15, 60 minutes, then every 6 hours.
    Escrow,
    /// Somebody who is to lose access: 15 seconds, doubling to 5 minutes, for ever.
    Leaver,
}

const MINUTE: u64 = 60;
/// Pauses differ by this much, so that what failed together does not come back together.
const SPREAD: f64 = 0.2;

impl Backoff {
    /// The pause after the `tries`-th failure (from 1), before jitter.
    pub fn pause(self, tries: i64) -> Duration {
        Duration::from_secs(match (self, tries) {
            (Self::Escrow, ..=1) => MINUTE,
            (Self::Escrow, 2) => 5 * MINUTE,
            (Self::Escrow, 3) => 15 * MINUTE,
            (Self::Escrow, 4) => 60 * MINUTE,
            (Self::Escrow, _) => 6 * 60 * MINUTE,
            (Self::Leaver, ..=1) => 15,
            (Self::Leaver, 2) => 30,
            (Self::Leaver, 3) => 60,
            (Self::Leaver, 4) => 120,
            (Self::Leaver, 5) => 240,
            (Self::Leaver, _) => 5 * MINUTE,
        })
    }

    /// Whether so many failures are enough: an escrow after 28 days, a leaver never.
    pub fn is_over(self, tries: i64) -> bool {
        // Four tries in the first 81 minutes, then four a day.
        const TRIES: i64 = 4 + 28 * 4;
        self == Self::Escrow && tries >= TRIES
    }

    /// When to try again after the `tries`-th failure (from 1), ±20 %.
    pub fn next(self, tries: i64, clock: &Clock) -> Timestamp {
        let pause = self.pause(tries).mul_f64(clock.jitter(SPREAD));
        let pause = Duration::from_millis(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
        clock.now().checked_add(pause).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(schedule: Backoff) -> Vec<u64> {
        (1..=7).map(|tries| schedule.pause(tries).as_secs()).collect()
    }

    #[test]
    fn schedules_are_as_documented() {
        assert_eq!(seconds(Backoff::Escrow), [60, 300, 900, 3600, 21_600, 21_600, 21_600]);
        assert_eq!(seconds(Backoff::Leaver), [15, 30, 60, 120, 240, 300, 300]);
    }

    #[test]
    fn an_escrow_is_over_after_28_days_and_a_leaver_never() {
        let last = (1..).find(|tries| Backoff::Escrow.is_over(*tries)).unwrap_or_default();
        let waited: Duration = (1..last).map(|tries| Backoff::Escrow.pause(tries)).sum();
        let days = waited.as_secs_f64() / 86_400.0;
        assert!((27.5..28.5).contains(&days), "{days} days");
        assert!(!Backoff::Leaver.is_over(i64::MAX));
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let clock = Clock::still("2026-11-22T08:00:00Z".parse().unwrap(), 1);
        let pauses: Vec<i64> = (0..100)
            .map(|_| Backoff::Escrow.next(1, &clock).as_millisecond() - clock.now().as_millisecond())
            .collect();
        assert!(pauses.iter().all(|pause| (48_000..=72_000).contains(pause)), "{pauses:?}");
        assert!(pauses.iter().max().unwrap() - pauses.iter().min().unwrap() > 15_000);
    }
}
