//! Tending an app while nothing changes: alerts and digests, and the probe that proves that it can still be reached.

use std::time::Duration;

use jiff::Timestamp;
use usher_jobs::lease::Lease;
use usher_store::Lane;

use super::{Engine, probe};
use crate::{
    app::{self, AppId},
    cycle::run,
    error::EngineError,
    heart,
};

impl Engine {
    /// Tells what is to be told of an app, and probes it when that is due. `watched`: since when its cycles could have been run. `false`:
    /// somebody works on the app, so it was not probed.
    pub(super) async fn tend(&self, id: AppId, watched: Timestamp) -> Result<bool, EngineError> {
        let app = self.app(id).await?;
        let (told, now) = (app.clone(), self.clock.now());
        self.write(Lane::Now, move |tx| Ok(heart::tell(tx, &told, watched, now)?)).await?;
        let run = self.read(move |on| Ok(run::get(on, id)?)).await?;
        if !heart::due(&app, &run, watched, now).probe {
            return Ok(run.cycle.is_none());
        }
        let Some(lease) = self.leases.take(&app::consumer(id)).await? else { return Ok(false) };
        let beaten = tokio::select! {
            result = self.beat(id, watched, &lease) => result,
            () = self.leases.keep(&lease) => Err(EngineError::LeaseLost),
        };
        self.leases.give_back(lease).await?;
        beaten.map(|()| true)
    }

    async fn beat(&self, id: AppId, watched: Timestamp, lease: &Lease) -> Result<(), EngineError> {
        let app = self.app(id).await?;
        let run = self.read(move |on| Ok(run::get(on, id)?)).await?;
        if !heart::due(&app, &run, watched, self.clock.now()).probe {
            return Ok(());
        }
        let failure = match self.client_under(&app, lease).await {
            Ok(client) => {
                let diagnosis = self.probe(&app, &client).await;
                // An app that asks to wait is there.
                probe::failure(&diagnosis).filter(|_| diagnosis.wait.is_none())
            }
            Err(error @ EngineError::NoSecret(_)) => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        if lease.request_limit(Duration::MAX).is_zero() {
            return Err(EngineError::LeaseLost);
        }
        let (held, now) = (lease.clone(), self.clock.now());
        self.write(Lane::Now, move |tx| {
            if !held.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            Ok(heart::beat(tx, &app, failure.clone(), now)?)
        })
        .await
    }
}
