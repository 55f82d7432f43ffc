//! How far a source was read, so that the next run reads only what is new; written with the end of each run.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_store::{Snapshot, Sql, StoreError, Tx, args};
use uuid::Uuid;

use crate::source::SourceId;

/// More entries than this are not looked at one by one: the next run reads everything.
pub(crate) const PENDING_MOST: usize = 1000;

/// See the module. Of settings that changed since, there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// When a run that read everything ended last.
    pub(crate) full: Option<Timestamp>,
    /// When any run did.
    pub(crate) last: Option<Timestamp>,
    /// When a run looked at all entries last, whether it read them or knew them from before.
    pub(crate) looked: Option<Timestamp>,
    /// Where sync replication (RFC 4533) goes on.
    pub(crate) cookie: Option<Vec<u8>>,
    /// Whether entries can be told by entryUUID and stamps, so that changes alone can be read.
    pub(crate) by_uuid: bool,
    /// Entries that could not be taken: looked at again in each run.
    pub(crate) pending: Vec<Uuid>,
}

/// Of a source; the default where nothing is known.
pub(crate) fn get(on: &mut Snapshot<'_>, source: SourceId) -> Result<State, StoreError> {
    const GET: Sql = Sql::same("select state from source where id = $1");
    let text = on.one::<(Option<String>,)>(&GET, args![source.0])?.and_then(|(text,)| text);
    // One that another version wrote otherwise is none: the next run reads everything.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Keeps it, unless the settings are not those that it was read with.
pub(crate) fn set(
    tx: &mut Tx<'_>,
    source: SourceId,
    settings: &str,
    state: &State,
) -> Result<(), StoreError> {
    const SET: Sql = Sql::same("update source set state = $3 where id = $1 and settings = $2");
    let text = serde_json::to_string(state).map_err(|error| StoreError::Bug(error.to_string()))?;
    tx.exec(&SET, args![source.0, settings, text]).map(drop)
}
