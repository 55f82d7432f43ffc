//! Provisioning log entries: Entra's `provisioningObjectSummary`, in its names and case, plus `attempt`.

use serde::{Deserialize, Serialize};

use crate::Time;

/// One change (or attempt) of one object in one cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The entry's id.
    pub id: String,
    /// When.
    pub activity_date_time: Time,
    /// The app (Entra: the job).
    pub job_id: String,
    /// The cycle.
    pub cycle_id: String,
    /// The change of one object within it.
    pub change_id: String,
    /// `create`, `update`, `delete`, `stageddelete`, `disable` or `other`.
    pub provisioning_action: String,
    /// How long it took.
    pub duration_in_milliseconds: u64,
    /// The object in the directory.
    pub source_identity: Identity,
    /// The object at the app.
    pub target_identity: Option<Identity>,
    /// The directory.
    pub source_system: System,
    /// The app.
    pub target_system: System,
    /// What was done, in order.
    pub provisioning_steps: Vec<Step>,
    /// Old and new values; those under `Redact` as `[Redact]`.
    pub modified_properties: Vec<Property>,
    /// How it came out.
    pub provisioning_status_info: StatusInfo,
    /// Which try this was, from 1.
    pub attempt: u64,
}

/// A user or group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Its id in that system.
    pub id: String,
    /// userName or displayName.
    pub display_name: String,
    /// `User` or `Group`.
    pub identity_type: String,
}

/// A directory or an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct System {
    /// Its id.
    pub id: String,
    /// Its name.
    pub display_name: String,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// E.g. `EntryImport`, `EntrySynchronizationScoping`, `EntryExportAdd`.
    pub name: String,
    /// `import`, `scoping`, `matching`, `processing`, `referenceResolution` or `export`.
    pub provisioning_step_type: String,
    /// `success`, `warning`, `failure` or `skipped`.
    pub status: String,
    /// A sentence.
    pub description: String,
    /// Key and value pairs.
    #[serde(default)]
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// A changed attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// The target attribute.
    pub display_name: String,
    /// Before, as text.
    pub old_value: Option<String>,
    /// After, as text.
    pub new_value: Option<String>,
}

/// How it came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusInfo {
    /// `success`, `failure`, `skipped` or `warning`.
    pub status: String,
    /// Why it failed.
    pub error_information: Option<ErrorInformation>,
}

/// Why it failed and what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorInformation {
    /// Entra's code, e.g. `DuplicateTargetEntries`.
    pub error_code: String,
    /// A sentence.
    pub reason: String,
    /// What to do.
    pub recommended_action: Option<String>,
    /// `failure`, `nonServiceFailure` or `success`.
    pub error_category: String,
}
