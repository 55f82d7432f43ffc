//! What was measured: how many, how fast, how long each took.

use serde::Serialize;

/// The figures of one kind of request in one run. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// What was done.
    pub work: String,
    /// Clients that did it.
    pub clients: usize,
    /// How long it was measured, in seconds.
    pub seconds: f64,
    /// Answers that were right.
    pub requests: usize,
    /// Answers that were not.
    pub errors: usize,
    /// The first of those, in words.
    pub first_error: Option<String>,
    /// Right answers a second.
    pub rate: f64,
    /// Half of the answers came within it.
    pub p50: f64,
    /// 95 of 100 did.
    pub p95: f64,
    /// 99 of 100 did.
    pub p99: f64,
    /// The slowest one.
    pub max: f64,
    /// Bytes of an answer's body, on average.
    pub bytes: u64,
}

/// Collects while it is measured.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Microseconds, one each.
    times: Vec<u32>,
    errors: usize,
    first_error: Option<String>,
    bytes: u64,
}

impl Tally {
    /// A right answer.
    pub fn right(&mut self, took: std::time::Duration, bytes: usize) {
        self.times.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        self.bytes += bytes as u64;
    }

    /// A wrong one.
    pub fn wrong(&mut self, why: String) {
        self.errors += 1;
        self.first_error.get_or_insert(why);
    }

    /// What another client collected, too.
    pub fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.bytes += other.bytes;
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty() && self.errors == 0
    }

    /// The figures.
    pub fn figures(mut self, work: &str, clients: usize, seconds: f64) -> Figures {
        self.times.sort_unstable();
        let requests = self.times.len();
        let at = |hundredths: usize| {
            // The nearest rank: of 100 times the 99th is the 99th percentile.
            let rank = (requests * hundredths).div_ceil(100).max(1) - 1;
            self.times.get(rank).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        Figures {
            work: work.to_owned(),
            clients,
            seconds,
            requests,
            errors: self.errors,
            rate: requests as f64 / seconds.max(f64::MIN_POSITIVE),
            p50: at(50),
            p95: at(95),
            p99: at(99),
            max: at(100),
            bytes: self.bytes / (requests as u64).max(1),
            first_error: self.first_error,
        }
    }
}

/// A table of them.
pub fn table(all: &[Figures]) -> String {
    let mut text = format!(
        "{:<28} {:>7} {:>9} {:>7} {:>11} {:>9} {:>9} {:>9}\n",
        "work", "clients", "requests", "errors", "a second", "p50 ms", "p95 ms", "p99 ms"
    );
    for f in all {
        text += &format!(
            "{:<28} {:>7} {:>9} {:>7} {:>11.1} {:>9.3} {:>9.3} {:>9.3}\n",
            f.work, f.clients, f.requests, f.errors, f.rate, f.p50, f.p95, f.p99
        );
        if let Some(error) = &f.first_error {
            text += &format!("    first error: {error}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let mut tally = Tally::default();
        for n in (1..=100).rev() {
            tally.right(Duration::from_millis(n), 10);
        }
        tally.wrong("late".into());
        tally.wrong("later".into());
        let f = tally.figures("w", 4, 2.0);
        assert_eq!((f.p50, f.p95, f.p99, f.max), (50.0, 95.0, 99.0, 100.0));
        assert_eq!((f.requests, f.errors, f.rate, f.bytes), (100, 2, 50.0, 10));
        assert_eq!(f.first_error.as_deref(), Some("late"));
        let none = Tally::default().figures("w", 1, 1.0);
        assert_eq!((none.p50, none.requests), (0.0, 0));
    }
}
