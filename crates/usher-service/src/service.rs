//! What a service is made of.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use jiff::Timestamp;
use usher_directory::{config::Configs, guard::Guard};
use usher_store::Store;
use uuid::Uuid;

use crate::{auth::LastUsed, limit::Buckets, settings::Settings, trail::Trail, walk::Walks};

/// Time and ids, given from outside so that a test or a simulation can decide both. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    id: Arc<dyn Fn() -> Uuid + Send + Sync>,
}

impl Clock {
    /// `now` in whole milliseconds; `id` makes a new UUIDv7.
    pub fn new(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        id: impl Fn() -> Uuid + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), id: Arc::new(id) }
    }

    /// The machine's clock and randomness.
    pub fn system() -> Self {
        let now = || {
            let now = Timestamp::now();
            Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
        };
        Self::new(now, Uuid::now_v7)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    pub(crate) fn id(&self) -> Uuid {
        (self.id)()
    }
}

/// The SCIM service over one store: every account's, every environment's. Cheap to clone.
#[derive(Clone)]
pub struct Service(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) configs: Configs,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) walks: Walks,
    pub(crate) rate: Buckets<Uuid>,
    pub(crate) bad_tokens: Buckets<IpAddr>,
    pub(crate) used: LastUsed,
    /// Asked before objects of a directory of the provisioning side change.
    pub(crate) guard: OnceLock<Arc<dyn Guard>>,
    pub(crate) trail: OnceLock<Trail>,
}

impl Service {
    /// A service; `configs` is the process's one cache.
    pub fn new(store: Store, configs: Configs, clock: Clock, settings: Settings) -> Self {
        let rate = Buckets::new(settings.rate, 1, settings.burst);
        let bad_tokens = Buckets::new(settings.bad_tokens, 60, settings.bad_tokens);
        let (walks, used) = (Walks::new(settings.walks), LastUsed::default());
        let (guard, trail) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Inner { store, configs, clock, settings, walks, rate, bad_tokens, used, guard, trail }))
    }

    /// With somebody who is asked before objects of a directory at `/d/{directory}` change. The first one counts.
    #[must_use]
    pub fn guarded(self, guard: Arc<dyn Guard>) -> Self {
        self.0.guard.get_or_init(|| guard);
        self
    }

    /// With a trail of every request. The first one counts.
    #[must_use]
    pub fn trailed(self, trail: Trail) -> Self {
        self.0.trail.get_or_init(|| trail);
        self
    }
}
