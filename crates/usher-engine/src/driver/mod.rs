//! The only async module: cycles, plans, tests and the run loop over a store and apps' transports.

use std::sync::Arc;

use tokio::sync::watch;
use usher_client::{Diagnosis, Transport};
use usher_directory::{Key, config::Configs};
use usher_jobs::clock::Clock;
use usher_store::Store;

use crate::{
    app::{App, AppId},
    cycle::Cycle,
    error::EngineError,
    plan::Plan,
};

/// Gives the way to an app's server: the real one shares an [`usher_client::HttpTransport`]; tests call a router in process.
pub type Transports = Arc<dyn Fn(&App) -> Result<Arc<dyn Transport>, EngineError> + Send + Sync>;

/// The engine: everything it needs to work on apps. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    #[allow(dead_code)]
    store: Store,
    #[allow(dead_code)]
    configs: Configs,
    #[allow(dead_code)]
    clock: Clock,
    #[allow(dead_code)]
    transports: Transports,
}

impl Engine {
    /// An engine as one instance: it takes leases in its own name.
    pub fn new(store: Store, configs: Configs, clock: Clock, transports: Transports) -> Self {
        Self { store, configs, clock, transports }
    }

    /// Tests the connection with the app's kept (or, if given, another) secret token; changes nothing.
    pub async fn test(
        &self,
        _app: AppId,
        _instead: Option<secrecy::SecretString>,
    ) -> Result<Diagnosis, EngineError> {
        todo!()
    }

    /// What a cycle would do now, for everybody or only these; reads from the app, writes nothing anywhere.
    pub async fn plan(&self, _app: AppId, _only: Option<&[Key]>) -> Result<Plan, EngineError> {
        todo!()
    }

    /// Runs a cycle to its end (goes on with one that was cut off); `progress` sees it after each batch. Objects that fail are in its
    /// counts and are tried again by later cycles. [`EngineError::Stopped`]: the app can't be worked with.
    pub async fn sync(
        &self,
        _app: AppId,
        _progress: &(dyn Fn(&Cycle) + Send + Sync),
    ) -> Result<Cycle, EngineError> {
        todo!()
    }

    /// One user or group now, on the same path; leavers among them are counted as always.
    pub async fn provision(&self, _app: AppId, _object: Key) -> Result<Cycle, EngineError> {
        todo!()
    }

    /// Runs cycles of all started apps until `stop` says true: when the feed moves (10 s apart at least), when something is due,
    /// and by each app's interval. Ends after the batches under way; leases are given back.
    pub async fn serve(&self, _stop: watch::Receiver<bool>) -> Result<(), EngineError> {
        todo!()
    }
}
