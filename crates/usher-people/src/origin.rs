//! Where the value of each of a person's fields is from: which record, which rule, which expression, since when; or by whose
//! hand.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_store::StoreError;

/// Where a value is from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The rule that gave it; none: a hand, or (of `disabled`) that the record is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The expression in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The SCIM id of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Who, where it was a hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Since when the field has this value, in milliseconds since 1970.
    pub at: i64,
}

/// By field, as rules spell it.
pub(crate) type Origins = BTreeMap<String, Origin>;

/// As kept with the person.
pub(crate) fn read(kept: Option<&[u8]>) -> Result<Origins, StoreError> {
    let Some(bytes) = kept else { return Ok(Origins::new()) };
    serde_json::from_slice(bytes).map_err(|error| StoreError::Bug(format!("origins of a person: {error}")))
}

/// With others for some fields (none: it has no value any more). Origins that can't be read are begun anew.
pub(crate) fn changed(kept: Option<&[u8]>, fields: Vec<(String, Option<Origin>)>) -> Option<Vec<u8>> {
    let mut origins = read(kept).unwrap_or_default();
    for (field, origin) in fields {
        match origin {
            Some(origin) => origins.insert(field, origin),
            None => origins.remove(&field),
        };
    }
    // A map of texts and numbers always is JSON.
    serde_json::to_vec(&origins).ok()
}

/// Whose hand gave a field its value; `None`: no hand did.
pub(crate) fn hand(kept: Option<&[u8]>, field: &str) -> Option<String> {
    kept?;
    read(kept).unwrap_or_default().remove(field)?.actor
}

impl Origin {
    /// Its record is gone.
    pub(crate) fn gone(record: Option<String>, now: Timestamp) -> Self {
        Self { record, at: now.as_millisecond(), ..Self::default() }
    }
    /// By hand.
    pub(crate) fn hand(actor: &str, now: Timestamp) -> Self {
        Self {
            rule: None,
            expression: None,
            record: None,
            actor: Some(actor.to_owned()),
            at: now.as_millisecond(),
        }
    }
}
