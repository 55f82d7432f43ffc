//! Whether an app can be worked with at all: probes before a cycle and in doubt, and what follows from them.

use std::{sync::Arc, time::Duration};

use usher_client::{Client, Diagnosis};
use usher_jobs::lease::Lease;
use usher_store::Lane;

use super::Engine;
use crate::{
    app::App,
    cycle::run::{self, Run},
    error::EngineError,
    quarantine::{self, Why},
};

impl Engine {
    /// Before an app's first cycle, and while it rests, a probe says whether it can be worked with at all. One that rested because it
    /// could not be is out of quarantine then; one at which too much failed, when its cycle went better.
    pub(super) async fn probe_first(
        &self,
        app: &Arc<App>,
        client: &Client,
        run: &Run,
        lease: &Lease,
    ) -> Result<Option<Option<Duration>>, EngineError> {
        let first = run.last.is_none() && run.reachable.is_none();
        if !first && run.stopped.is_none() {
            return Ok(None);
        }
        if let Some(wait) = self.probe_or_stop(app, client, lease).await? {
            return Ok(Some(wait));
        }
        if run.stopped.as_ref().is_none_or(|stop| stop.code != quarantine::EXCEPTION) {
            return Ok(None);
        }
        let (app, lease, now) = (app.clone(), lease.clone(), self.clock.now());
        self.write(Lane::Now, move |tx| {
            if !lease.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            quarantine::leave(tx, &app, now)
        })
        .await?;
        Ok(None)
    }

    /// Probes; an app that can't be worked with goes into quarantine, with the reason. One that asks to wait is no worse for it: how long,
    /// where it says so.
    pub(super) async fn probe_or_stop(
        &self,
        app: &Arc<App>,
        client: &Client,
        lease: &Lease,
    ) -> Result<Option<Option<Duration>>, EngineError> {
        let diagnosis = self.probe(app, client).await;
        match (failure(&diagnosis), diagnosis.wait) {
            (None, _) => self.reached(app, lease).await.map(|()| None),
            (Some(_), Some(wait)) => Ok(Some(wait)),
            (Some(text), None) => Err(self.stop(app, client, lease, text).await?),
        }
    }

    async fn reached(&self, app: &Arc<App>, lease: &Lease) -> Result<(), EngineError> {
        let (id, lease, now) = (app.id, lease.clone(), self.clock.now());
        self.write(Lane::Now, move |tx| {
            if !lease.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            Ok(run::reached(tx, id, now)?)
        })
        .await
    }

    /// It can't be worked with: writes down why and when it is tried again; the error to answer with.
    pub(super) async fn stop(
        &self,
        app: &Arc<App>,
        client: &Client,
        lease: &Lease,
        text: String,
    ) -> Result<EngineError, EngineError> {
        let why = Why { code: quarantine::EXCEPTION.to_owned(), text, exchange: exchange(client) };
        self.rest(app, lease, why).await
    }

    pub(super) async fn rest(
        &self,
        app: &Arc<App>,
        lease: &Lease,
        why: Why,
    ) -> Result<EngineError, EngineError> {
        // Whoever may send nothing any more can't say what an app is like.
        if lease.request_limit(Duration::MAX).is_zero() {
            return Err(EngineError::LeaseLost);
        }
        let error = EngineError::Stopped { code: why.code.clone(), text: why.text.clone() };
        let (app, now, lease) = (app.clone(), self.clock.now(), lease.clone());
        self.write(Lane::Now, move |tx| {
            if !lease.check(tx)? {
                return Err(EngineError::LeaseLost);
            }
            quarantine::enter(tx, &app, &why, now)
        })
        .await?;
        Ok(error)
    }
}

/// The last request that failed, and its answer.
pub(super) fn exchange(client: &Client) -> Option<(String, String)> {
    client.refused().map(|exchange| (exchange.request, exchange.answer))
}

/// Why the app can't be worked with; `None`: it can.
pub(super) fn failure(diagnosis: &Diagnosis) -> Option<String> {
    if diagnosis.ok() {
        return None;
    }
    let failed = diagnosis.steps.iter().rfind(|s| !s.ok);
    let mut text = failed.map_or_else(
        || "the connection test found nothing that works".to_owned(),
        |s| format!("{}: {}", s.name, s.text),
    );
    if let Some(url) = &diagnosis.works_instead {
        text.push_str(&format!("; {url} works"));
    }
    Some(text)
}
