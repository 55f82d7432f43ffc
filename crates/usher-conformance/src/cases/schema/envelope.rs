//! S-01 to S-16: what stands around a resource.

use serde_json::json;

use crate::{
    case::{Case, Need::Etag, may, must, practice, should},
    verdict::ensure,
};
use usher_scim::schema::{GROUP, USER};

pub(in crate::cases) const CASES: &[Case] = &[must(
    "S-01",
    "RFC 7643 §3",
    "Everything the server sends names its schemas: URIs, each once, at least one",
    |p| {
        Box::pin(async move {
            let user = p.user_with(json!({})).await?;
            let group = p.group_with(json!({})).await?;
            let list = p.get("/Users?count=1").await?.expect(200)?;
            let config = p.get("/ServiceProviderConfig").await?.expect(200)?;
            let error = p.get("/Users/nobody-has-this-id").await?.expect(404)?;
            for answer in [user, group, list, config, error] {
                let schemas = answer.schemas();
                let mut once = schemas.clone();
                once.dedup();
                let good = !schemas.is_empty()
                    && once.len() == answer.all("/schemas").len()
                    && schemas.iter().all(|urn| urn.starts_with("urn:"));
                answer.ensure(good, "name the schemas: URIs, each once, at least one")?;
            }
            Ok(())
        })
    },
)];
