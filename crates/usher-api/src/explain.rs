//! Why somebody is in or out of an app: the steps from directory to app for one user or group.

use serde::{Deserialize, Serialize};

use crate::{Time, plan::Object};

/// The way of one user or group into one app, as looked at or as gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Who or what.
    pub object: Object,
    /// The app.
    pub app: String,
    /// When it was looked at.
    pub at: Time,
    /// Its id at the app; `null`: it has none, or none is known.
    pub target_id: Option<String>,
    /// What comes of it.
    pub verdict: Verdict,
    /// The steps, as far as they go.
    pub steps: Vec<Step>,
    /// Whether it was done; `false`: only looked at.
    pub sent: bool,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// `create`, `update`, `disable`, `enable`, `delete`, `link` or `none`.
    pub action: String,
    /// The field's code, e.g. `NotEffectivelyEntitled`.
    pub code: String,
    /// For people.
    pub text: String,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `test`, `import`, `scope`, `match`, `map`, `difference` or `action`.
    pub step: String,
    /// `success`, `warning`, `failure` or `skipped`.
    pub result: String,
    /// For people.
    pub text: String,
    /// The values and conditions behind it.
    pub details: Vec<Detail>,
}

/// A value or condition, by the step it stands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Detail {
    /// `scope`: a condition.
    Condition {
        /// What people call it.
        title: String,
        /// The attribute a clause looks at.
        attribute: Option<String>,
        /// Its operator.
        operator: Option<String>,
        /// What it compares with.
        value: Option<String>,
        /// What the object has.
        seen: Option<String>,
        /// Whether it holds.
        holds: bool,
    },
    /// `match`: a matching property.
    Matching {
        /// The target attribute.
        attribute: String,
        /// The value looked for.
        value: String,
        /// Accounts found.
        hits: u64,
    },
    /// `map`: a row of the mapping.
    Mapped {
        /// The target attribute.
        target: String,
        /// Its expression.
        expression: String,
        /// Its value.
        value: serde_json::Value,
        /// How the expression came to it, as an indented tree; `null`: it is taken as it is.
        trace: Option<String>,
    },
    /// `difference`: an attribute that differs.
    Changed {
        /// The target attribute.
        attribute: String,
        /// What was last written, or was found there.
        old: serde_json::Value,
        /// What is to be there.
        new: serde_json::Value,
        /// The expression that says so.
        rule: String,
    },
    /// `action`: a reference that has to wait.
    Awaited {
        /// The target attribute.
        attribute: String,
        /// Who has no account in the app yet.
        awaits: String,
    },
    /// `import`: an attribute that was read.
    Attribute {
        /// As the mapping names it.
        attribute: String,
        /// Its value.
        value: serde_json::Value,
    },
}
