//! People, rules, organizations and sites.

use serde::{Deserialize, Serialize};

/// People.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum People {
    /// `ungoverned`: only those whom provisioning made or found and no record governs any more.
    List {
        account: String,
        environment: String,
        ungoverned: bool,
        filter: PeopleFilter,
        after: Option<String>,
        limit: Option<usize>,
    },
    /// By id or primary e-mail.
    Show { account: String, environment: String, person: String },
    /// Fields as rules spell them.
    Create { account: String, environment: String, fields: Vec<(String, String)> },
    /// Of a CSV text whose head names fields. All lines or none.
    Import { account: String, environment: String, csv: String },
    /// `disabled`: access ends; else it is given back.
    Disable { account: String, environment: String, person: String, disabled: bool },
    /// Whether provisioning may end the person's access.
    Protect { account: String, environment: String, person: String, protected: bool },
    /// Where each field's value is from.
    Explain { account: String, environment: String, person: String },
}

/// Which people a list is of; what is absent filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleFilter {
    /// Primary e-mail address, whole, ignoring case: one person at most.
    pub email: Option<String>,
    /// Organization, by id or name.
    pub organization: Option<String>,
    /// Site, by id or name.
    pub site: Option<String>,
    /// Manager, by id or primary e-mail address.
    pub manager: Option<String>,
    /// Whether the person is disabled.
    pub disabled: Option<bool>,
}

/// Automation rules of an account's environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Rule {
    pub account: String,
    pub environment: String,
    pub act: RuleAct,
}

/// What to do with rules. `kind` is `users` or `groups`, otherwise both.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RuleAct {
    List {
        kind: Option<String>,
    },
    Show {
        name: String,
        kind: Option<String>,
    },
    Export {
        kind: Option<String>,
    },
    /// Without `save`, a dry run over everybody. With it, written if the rules still are of `revision` (none: whatever they are).
    Change {
        change: RuleChange,
        save: bool,
        revision: Option<i64>,
    },
}

/// A change of rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RuleChange {
    /// One rule or several, as TOML, in place of those of the same name; else after the last or at `position`, from 1.
    Set { toml: String, position: Option<usize> },
    /// Those of a file in place of all of their kind.
    Import { toml: String, kind: Option<String> },
    /// Without the last of a kind its default ones are back.
    Delete { name: String, kind: Option<String> },
    /// The default ones.
    Reset { kind: Option<String> },
    /// Those of the other environment (`qa` into `production`).
    Promote { from: String, kind: Option<String> },
}

/// Organizations and sites.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub struct Unit {
    /// `organization` or `site`.
    pub kind: String,
    pub account: String,
    pub environment: String,
    pub act: UnitAct,
}

/// What to do with an organization or site.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum UnitAct {
    Create {
        name: String,
    },
    /// `name`: only the one of that name, whole, ignoring case.
    List {
        name: Option<String>,
        disabled: Option<bool>,
        after: Option<String>,
        limit: Option<usize>,
    },
    /// By id or name, as the next two.
    Show {
        name: String,
    },
    Disable {
        name: String,
    },
    Enable {
        name: String,
    },
    /// All rows of a table with a column `name`, and `disabled` where some are or are not to be; or none of them.
    /// `dry_run`: only what would be done.
    Import {
        sheet: usher_sources::sheet::Sheet,
        dry_run: bool,
    },
}
