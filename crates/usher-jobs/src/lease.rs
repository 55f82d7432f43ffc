//! Leases: at most one instance does a job; a dead one's job is taken over. See storage.md's rule in docs/architecture.md.
use usher_store::{Store, StoreError, Tx};

/// A held lease. Dropping it without [`Lease::give_back`] lets it run out.
#[derive(Debug, Clone)]
pub struct Lease {
    /// What is leased, e.g. `app/7`.
    pub name: String,
    /// Rises with every holder; every write of the job checks it with [`Lease::check`].
    pub fence: i64,
}

/// This process as a holder of leases: remembers the beats it saw, by its own monotonic clock.
pub struct Leases(());

impl Leases {
    /// A new holder with a random name of its own.
    pub fn new(_store: Store) -> Self {
        todo!()
    }
    /// Takes `name` if it is free, given back, or its beat has stood still for 90 s of our monotonic clock. `None`: another holds it.
    pub async fn take(&self, _name: &str) -> Result<Option<Lease>, StoreError> {
        todo!()
    }
    /// Raises the beat (call every 10 s); `false`: it was lost, stop.
    pub async fn beat(&self, _lease: &Lease) -> Result<bool, StoreError> {
        todo!()
    }
    /// Free for the next one at once.
    pub async fn give_back(&self, _lease: Lease) -> Result<(), StoreError> {
        todo!()
    }
}

impl Lease {
    /// Locks the lease's row and says whether we still hold it. Every write of a leased job calls it first.
    pub fn check(&self, _tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        todo!()
    }
}
