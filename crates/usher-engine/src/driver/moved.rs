//! An app at another tenant URL: whether it can be worked with there, and whether its accounts are the same ones.

use std::sync::Arc;

use url::Url;
use usher_client::Diagnosis;

use super::{Engine, endpoint};
use crate::{
    app::{App, AppId, Credentials},
    error::EngineError,
    link,
};

/// So many linked accounts and groups are looked for.
const LOOKED_FOR: usize = 20;

/// What was found at another tenant URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The connection test there.
    pub diagnosis: Diagnosis,
    /// How many linked accounts and groups were looked for.
    pub looked_for: usize,
    /// The names of those that are not there.
    pub missing: Vec<String>,
}

impl Engine {
    /// Tests an app at another tenant URL with other credentials, and looks there for some of its linked accounts and groups by their ids.
    /// Changes nothing.
    ///
    /// # Errors
    /// [`EngineError::Client`]: a request after the connection test failed.
    pub async fn at(&self, app: AppId, url: Url, credentials: Credentials) -> Result<Elsewhere, EngineError> {
        let present = self.app(app).await?;
        let mut moved = App::clone(&present);
        moved.tenant_url = url;
        let moved = Arc::new(moved);
        let client = self.client(&moved, Some(credentials)).await?;
        let diagnosis = self.probe(&moved, &client).await;
        let mut found = Elsewhere { diagnosis, looked_for: 0, missing: Vec::new() };
        if !found.diagnosis.ok() {
            return Ok(found);
        }
        let links = self.read(move |on| Ok(link::sample(on, app, LOOKED_FOR)?)).await?;
        for link in links {
            let Some(id) = &link.target else { continue };
            found.looked_for += 1;
            if client.get(endpoint(link.kind), id).await?.is_none() {
                found.missing.push(link.name);
            }
        }
        Ok(found)
    }
}
