//! The app as anybody may see it: by SCIM.

use std::time::Duration;

use bytes::Bytes;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use usher_engine::app;

use crate::rig::Rig;

/// Reads from a rig's app, with its token and past all faults.
pub(crate) struct There<'r> {
    rig: &'r Rig,
    url: String,
}

impl<'r> There<'r> {
    /// Usher's own service.
    pub(crate) fn of(rig: &'r Rig) -> Self {
        Self::at(rig, "http://localhost/scim/v2".to_owned())
    }

    pub(crate) fn at(rig: &'r Rig, url: String) -> Self {
        Self { rig, url }
    }

    pub(crate) fn rig(&self) -> &'r Rig {
        self.rig
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Bytes::new()).await
    }

    /// Makes something behind the engine's back.
    pub(crate) async fn post(&self, list: &str, resource: &Value) -> Value {
        self.ask("POST", list, resource.to_string().into()).await
    }

    async fn ask(&self, method: &str, path: &str, body: Bytes) -> Value {
        let (sealing, app) = (self.rig.store.clone(), self.rig.app());
        let secret = self.rig.read(move |on| app::secret(on, &sealing, &app));
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.url))
            .header("authorization", format!("Bearer {}", secret.expose_secret()))
            .header("content-type", "application/scim+json")
            .body(body)
            .unwrap();
        let answer = self.rig.to_the_app().send(request, Duration::from_secs(20)).await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {answer:?}");
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// The one of that name.
    async fn one(&self, list: &str, attribute: &str, name: &str) -> Option<Value> {
        let found = self.get(&format!("{list}?filter={attribute}%20eq%20%22{name}%22")).await;
        let found = found["Resources"].as_array().cloned().unwrap_or_default();
        assert!(found.len() < 2, "{name} is there {} times", found.len());
        found.into_iter().next()
    }

    pub(crate) async fn user(&self, name: &str) -> Option<Value> {
        self.one("Users", "userName", name).await
    }

    pub(crate) async fn id(&self, name: &str) -> String {
        self.user(name).await.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// A group's id and the ids of its members, sorted.
    pub(crate) async fn group(&self, name: &str) -> Option<(String, Vec<String>)> {
        let group = self.one("Groups", "displayName", name).await?;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let members = group["members"].as_array().into_iter().flatten();
        let mut members: Vec<String> = members.map(|member| text(&member["value"])).collect();
        members.sort();
        Some((text(&group["id"]), members))
    }

    /// How many there are.
    pub(crate) async fn total(&self, list: &str) -> Value {
        let total = self.get(&format!("{list}?count=0")).await["totalResults"].clone();
        assert_ne!(total, json!(null));
        total
    }
}
