//! Time and randomness come from here, so that a test can decide both.

use jiff::Timestamp;

/// The time of day, cut to milliseconds, and randomness. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(());

impl Clock {
    /// The machine's clock and randomness.
    pub fn real() -> Self {
        todo!()
    }
    /// Starts at `at` and moves with tokio's (possibly paused) clock or by [`Clock::advance`]; randomness from `seed`.
    pub fn simulated(_at: Timestamp, _seed: u64) -> Self {
        todo!()
    }
    /// Now, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        todo!()
    }
    /// Moves a simulated clock on; nothing on a real one.
    pub fn advance(&self, _by: std::time::Duration) {
        todo!()
    }
    /// A new UUIDv7 (RFC 9562) of this clock's time.
    pub fn id(&self) -> uuid::Uuid {
        todo!()
    }
    /// `length` random bytes.
    pub fn bytes(&self, _length: usize) -> Vec<u8> {
        todo!()
    }
    /// A factor of 1 ± `spread` (0.2 = ±20 %), for jitter.
    pub fn jitter(&self, _spread: f64) -> f64 {
        todo!()
    }
}
