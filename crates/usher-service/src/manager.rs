//! A user's manager as it is shown: the document holds the id, the rest is read from the manager (RFC 7643 §4.3; checklist
//! S-57).

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use usher_directory::{
    DirectoryId, Kind, ObjectId,
    object::{self, Stored},
};
use usher_scim::{Object, ResourceType, resource::Projection, schema::ENTERPRISE};
use usher_store::{Snapshot, StoreError};

use crate::read::{is_here, parse_id};

/// Who is a user's manager.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Manager {
    /// A user that is there.
    Here { id: ObjectId, display: Option<String> },
    /// An id that is nobody's, or nobody's any more: not shown (checklist S-55).
    Gone,
}

/// Whether users have managers here.
pub(crate) fn is_known(of: &ResourceType) -> bool {
    of.extensions.iter().any(|(schema, _)| schema.id == ENTERPRISE && schema.attribute("manager").is_some())
}

/// Whether a projection leaves something of a manager that is not in the document.
pub(crate) fn is_wanted(projection: Option<&Projection>) -> bool {
    let Some(projection) = projection else { return true };
    let manager = serde_json::json!({"$ref": "", "displayName": ""});
    let whole = Object::from_iter([(ENTERPRISE.to_owned(), serde_json::json!({ "manager": manager }))]);
    projection.cut(whole).contains_key(ENTERPRISE)
}

/// The id of the manager in a document. Most documents have none, and are not read for it.
pub(crate) fn id_in(doc: &[u8]) -> Option<ObjectId> {
    const KEY: &[u8] = b"\"manager\":";
    if !doc.windows(KEY.len()).any(|bytes| bytes == KEY) {
        return None;
    }
    let object: Object = serde_json::from_slice(doc).ok()?;
    object.get(ENTERPRISE)?.get("manager")?.get("value")?.as_str().and_then(parse_id)
}

/// The manager of each of these users that names one by an id.
pub(crate) fn of(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    users: &[&Stored],
) -> Result<Vec<Option<Manager>>, StoreError> {
    let named: Vec<Option<ObjectId>> = users.iter().map(|user| id_in(&user.doc)).collect();
    let ids: BTreeSet<ObjectId> = named.iter().copied().flatten().collect();
    let mut found = HashMap::new();
    for stored in object::by_ids(on, directory, &ids)?.iter().filter(|stored| is_here(stored, Kind::User)) {
        let display = stored.object()?.get("displayName").and_then(Value::as_str).map(str::to_owned);
        found.insert(stored.id, Manager::Here { id: stored.id, display });
    }
    Ok(named.into_iter().map(|id| Some(found.get(&id?).cloned().unwrap_or(Manager::Gone))).collect())
}

impl Manager {
    /// Says in the user's document where the manager is (users are below `users`) and what it is called, or takes it out.
    pub(crate) fn show(self, user: &mut Object, users: &str) {
        let Some(extension) = user.get_mut(ENTERPRISE).and_then(Value::as_object_mut) else { return };
        match self {
            Self::Here { id, display } => {
                let Some(manager) = extension.get_mut("manager").and_then(Value::as_object_mut) else {
                    return;
                };
                manager.insert("$ref".into(), format!("{users}/{}", id.0).into());
                if let Some(display) = display {
                    manager.insert("displayName".into(), display.into());
                }
            }
            Self::Gone => {
                extension.remove("manager");
                if extension.is_empty() {
                    user.remove(ENTERPRISE);
                }
            }
        }
    }
}
