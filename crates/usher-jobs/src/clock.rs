//! Time and randomness come from here, so that a test can decide both.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use tokio::time::Instant;
use uuid::Uuid;

/// The time of day, cut to milliseconds, and randomness. Cheap to clone; clones of a simulated clock are one clock.
#[derive(Clone)]
pub struct Clock {
    began: Instant,
    simulated: Option<Arc<Simulated>>,
}

struct Simulated {
    start: Timestamp,
    /// Whether it also moves with tokio's clock.
    moves: bool,
    state: Mutex<State>,
}

struct State {
    advanced: Duration,
    random: StdRng,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.simulated.is_some() { "Clock(simulated)" } else { "Clock" })
    }
}

impl Simulated {
    /// Valid between any two statements, also after a panic elsewhere.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock {
    /// The machine's clock and randomness.
    pub fn real() -> Self {
        Self { began: Instant::now(), simulated: None }
    }

    /// Starts at `at` and moves with tokio's (possibly paused) clock and by [`Clock::advance`]; randomness from `seed`.
    pub fn simulated(at: Timestamp, seed: u64) -> Self {
        Self::of(at, seed, true)
    }

    /// Stands at `at` and moves by [`Clock::advance`] alone; randomness from `seed`. For tests without a runtime.
    pub fn still(at: Timestamp, seed: u64) -> Self {
        Self::of(at, seed, false)
    }

    fn of(start: Timestamp, seed: u64, moves: bool) -> Self {
        let state = Mutex::new(State { advanced: Duration::ZERO, random: StdRng::seed_from_u64(seed) });
        Self { began: Instant::now(), simulated: Some(Arc::new(Simulated { start, moves, state })) }
    }

    /// Now, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        let now = match &self.simulated {
            None => Timestamp::now(),
            // Outside of what a timestamp can hold only if a test starts there.
            Some(simulated) => simulated.start.checked_add(self.monotonic()).unwrap_or(Timestamp::MAX),
        };
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Time since this clock was made; never goes back, and no setting of the machine's clock changes it.
    pub fn monotonic(&self) -> Duration {
        match &self.simulated {
            None => self.began.elapsed(),
            Some(simulated) => {
                let moved = if simulated.moves { self.began.elapsed() } else { Duration::ZERO };
                moved + simulated.state().advanced
            }
        }
    }

    /// Moves a simulated clock on; nothing on a real one.
    pub fn advance(&self, by: Duration) {
        if let Some(simulated) = &self.simulated {
            simulated.state().advanced += by;
        }
    }

    /// A new UUIDv7 (RFC 9562) of this clock's time.
    pub fn id(&self) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(self.now().as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// `length` random bytes.
    pub fn bytes(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }

    /// A factor of 1 ± `spread` (0.2 = ±20 %), for jitter.
    pub fn jitter(&self, spread: f64) -> f64 {
        let chance: f64 = match &self.simulated {
            None => rand::rng().random(),
            Some(simulated) => simulated.state().random.random(),
        };
        1.0 + spread * (2.0 * chance - 1.0)
    }

    fn fill(&self, bytes: &mut [u8]) {
        match &self.simulated {
            None => rand::rng().fill_bytes(bytes),
            Some(simulated) => simulated.state().random.fill_bytes(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-11-22T08:00:00.0009Z".parse().unwrap()
    }

    #[test]
    fn a_still_clock_moves_only_when_told() {
        let clock = Clock::still(start(), 1);
        assert_eq!(clock.now().to_string(), "2026-11-22T08:00:00Z");
        clock.clone().advance(Duration::from_millis(90_005));
        assert_eq!(clock.now().to_string(), "2026-11-22T08:01:30.005Z");
        assert_eq!(clock.monotonic(), Duration::from_millis(90_005));
    }

    #[test]
    fn one_seed_is_one_course_of_things() {
        let course = |seed| {
            let clock = Clock::still(start(), seed);
            (clock.id(), clock.bytes(40), clock.jitter(0.2).to_bits())
        };
        assert_eq!(course(1), course(1));
        assert_ne!(course(1), course(2));
        assert_ne!(Clock::real().bytes(16), Clock::real().bytes(16));
    }

    #[test]
    fn ids_carry_the_clocks_time_and_sort_by_it() {
        let clock = Clock::still(start(), 1);
        let first = clock.id();
        assert_eq!(first.get_version_num(), 7);
        let (seconds, nanos) = first.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (u64::try_from(start().as_second()).unwrap(), 0));
        clock.advance(Duration::from_millis(1));
        assert!(clock.id() > first);
    }

    #[test]
    fn jitter_stays_within_its_spread_and_reaches_for_its_ends() {
        let clock = Clock::still(start(), 1);
        let factors: Vec<f64> = (0..1000).map(|_| clock.jitter(0.2)).collect();
        assert!(factors.iter().all(|factor| (0.8..=1.2).contains(factor)));
        assert!(factors.iter().any(|factor| *factor < 0.82) && factors.iter().any(|factor| *factor > 1.18));
    }
}
