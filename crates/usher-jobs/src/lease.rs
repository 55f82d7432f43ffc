//! Leases: at most one instance does a job; a dead one's job is taken over.
//!
//! A lease is a row (name, owner, fence, beat). The holder raises the beat; whoever sees the same beat for
//! [`STANDSTILL`] of its own monotonic clock may take it. No wall clock is compared with another's. What the holder
//! writes carries the fence ([`Lease::check`]), so a holder that lost its lease without noticing changes nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use usher_store::{Lane, Sql, Store, StoreError, Tx, args};

use crate::clock::Clock;

/// The holder raises the beat this often.
pub const BEAT: Duration = Duration::from_secs(10);
/// A lease whose beat stands still this long may be taken.
pub const STANDSTILL: Duration = Duration::from_secs(90);
/// No outgoing request is under way this long before a successor may begin.
pub const MARGIN: Duration = Duration::from_secs(10);

const MAKE: Sql = Sql::same(
    "insert into lease (name, owner, fence, beat) values ($1, $2, 1, 0) on conflict (name) do nothing",
);
const LOOK: Sql = Sql::same("select owner, fence, beat from lease where name = $1");
const SUCCEED: Sql = Sql::same(
    "update lease set owner = $2, fence = fence + 1, beat = beat + 1 where name = $1 and fence = $3 and beat = $4",
);
const RAISE: Sql =
    Sql::same("update lease set beat = beat + 1 where name = $1 and fence = $2 and owner is not null");
const FREE: Sql = Sql::same("update lease set owner = null where name = $1 and fence = $2");
/// Shared: the holder's own transactions do not wait for each other, a successor's waits for them.
const HOLD: Sql = Sql::each(
    "select 1 from lease where name = $1 and fence = $2 and owner is not null",
    "select 1 from lease where name = $1 and fence = $2 and owner is not null for share",
);

const FREE_ALL: Sql = Sql::same("update lease set owner = null where owner is not null");

/// Frees every lease: for whoever knows that no other process works on this database (the owner of a SQLite folder at its start),
/// so that what an earlier one died with is taken up at once. How many there were.
pub fn free_all(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    tx.exec(&FREE_ALL, &[])
}

/// A held lease. Dropping it without [`Leases::give_back`] lets it run out.
#[derive(Debug, Clone)]
pub struct Lease {
    /// What is leased, e.g. `app/7`.
    pub name: String,
    /// Rises with every holder; every write of the job checks it with [`Lease::check`].
    pub fence: i64,
    clock: Clock,
    /// Before the last beat that arrived, on our monotonic clock.
    beaten: Arc<Mutex<Duration>>,
}

/// This process as a holder of leases: remembers the beats it saw, by its own monotonic clock. Cheap to clone.
#[derive(Clone)]
pub struct Leases {
    store: Store,
    clock: Clock,
    seen: Arc<Mutex<HashMap<String, Seen>>>,
    /// Who took, or did not take, a lease where the database did not say.
    unsure: Arc<Mutex<HashMap<String, uuid::Uuid>>>,
}

/// A beat of another's, and since when it has stood.
#[derive(Debug, Clone, Copy)]
struct Seen {
    fence: i64,
    beat: i64,
    since: Duration,
}

/// What taking found.
enum Found {
    Ours { fence: i64 },
    Held { fence: i64, beat: i64 },
}

/// Valid between any two statements, also after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Leases {
    /// A new holder.
    pub fn new(store: Store) -> Self {
        Self::with_clock(store, Clock::real())
    }

    /// With a clock of a test's own; only its monotonic time is used.
    pub fn with_clock(store: Store, clock: Clock) -> Self {
        Self { store, clock, seen: Arc::default(), unsure: Arc::default() }
    }

    /// Takes `name` if it is free, given back, or its beat has stood still for 90 s of our monotonic clock. `None`:
    /// another holds it.
    ///
    /// # Errors
    /// [`StoreError`], when it is not known who holds it; ask again.
    pub async fn take(&self, name: &str) -> Result<Option<Lease>, StoreError> {
        // Another name for each attempt: after a commit whose outcome is unknown it tells our own row. Where even asking
        // again failed, the next attempt asks once more, lest we wait for ourselves; it alone has that name.
        let unsure = lock(&self.unsure).remove(name);
        let owner = unsure.unwrap_or_else(|| uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)));
        let began = self.clock.monotonic();
        let stood = lock(&self.seen)
            .get(name)
            .filter(|seen| began.saturating_sub(seen.since) >= STANDSTILL)
            .map(|seen| (seen.fence, seen.beat));
        let attempt = || {
            let name = name.to_owned();
            self.store.write(Lane::Now, move |tx| try_take(tx, &name, owner, stood))
        };
        let found = match attempt().await {
            Err(StoreError::Unknown) => attempt().await,
            found => found,
        };
        let found = found.inspect_err(|_| {
            lock(&self.unsure).insert(name.to_owned(), owner);
        })?;
        match found {
            Found::Ours { fence } => {
                lock(&self.seen).remove(name);
                let (clock, beaten) = (self.clock.clone(), Arc::new(Mutex::new(began)));
                Ok(Some(Lease { name: name.to_owned(), fence, clock, beaten }))
            }
            Found::Held { fence, beat } => {
                let since = self.clock.monotonic();
                let mut seen = lock(&self.seen);
                let last = seen.entry(name.to_owned()).or_insert(Seen { fence, beat, since });
                if (last.fence, last.beat) != (fence, beat) {
                    *last = Seen { fence, beat, since };
                }
                Ok(None)
            }
        }
    }

    /// Raises the beat (call every 10 s, or let [`Leases::keep`]); `false`: it was lost, stop.
    ///
    /// # Errors
    /// [`StoreError`]: the beat may not have arrived. The lease holds as long as [`Lease::left`] says.
    pub async fn beat(&self, lease: &Lease) -> Result<bool, StoreError> {
        let began = self.clock.monotonic();
        let (name, fence) = (lease.name.clone(), lease.fence);
        let held = self
            .store
            .write(Lane::Now, move |tx| Ok::<_, StoreError>(tx.exec(&RAISE, args![&name, fence])? == 1))
            .await?;
        if held {
            *lock(&lease.beaten) = began;
        }
        Ok(held)
    }

    /// Beats every 10 s, and returns when the lease is lost. To be run beside the work, which ends when this returns:
    /// `tokio::select! { () = leases.keep(&lease) => …, done = work => … }`.
    pub async fn keep(&self, lease: &Lease) {
        loop {
            tokio::time::sleep(BEAT).await;
            match self.beat(lease).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(lease = lease.name, %error, "the beat of a lease could not be written");
                    if lease.left() <= MARGIN {
                        return;
                    }
                }
            }
        }
    }

    /// Free for the next one at once. Nothing if it was lost before.
    ///
    /// # Errors
    /// [`StoreError`]: then it runs out by itself.
    pub async fn give_back(&self, lease: Lease) -> Result<(), StoreError> {
        self.store
            .write(Lane::Now, move |tx| tx.exec(&FREE, args![&lease.name, lease.fence]).map(|_| ()))
            .await
    }
}

fn try_take(
    tx: &mut Tx<'_>,
    name: &str,
    owner: uuid::Uuid,
    stood: Option<(i64, i64)>,
) -> Result<Found, StoreError> {
    if tx.exec(&MAKE, args![name, owner])? == 1 {
        return Ok(Found::Ours { fence: 1 });
    }
    let Some((held_by, fence, beat)) = tx.one::<(Option<Vec<u8>>, i64, i64)>(&LOOK, args![name])? else {
        return Err(StoreError::Bug(format!("the lease {name} vanished; leases are never deleted")));
    };
    if held_by.as_deref() == Some(owner.as_bytes()) {
        return Ok(Found::Ours { fence });
    }
    let free = held_by.is_none() || stood == Some((fence, beat));
    if free && tx.exec(&SUCCEED, args![name, owner, fence, beat])? == 1 {
        return Ok(Found::Ours { fence: fence + 1 });
    }
    Ok(Found::Held { fence, beat })
}

impl Lease {
    /// Locks the lease's row (against a successor, not against each other) and says whether we still hold it. Every
    /// write of a leased job calls it first.
    ///
    /// # Errors
    /// [`StoreError`] of the statement.
    pub fn check(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        Ok(tx.one::<(i64,)>(&HOLD, args![&self.name, self.fence])?.is_some())
    }

    /// How long nobody else can take it, even if no beat arrives any more.
    pub fn left(&self) -> Duration {
        STANDSTILL.saturating_sub(self.clock.monotonic().saturating_sub(*lock(&self.beaten)))
    }

    /// The limit of an outgoing request: the smaller of its setting and what is left of the lease less 10 s, so that none
    /// is under way when a successor begins. Zero: send nothing any more.
    pub fn request_limit(&self, setting: Duration) -> Duration {
        setting.min(self.left().saturating_sub(MARGIN))
    }
}
