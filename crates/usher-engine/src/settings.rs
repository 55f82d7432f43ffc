//! An app's settings: one struct, every key with its default; `set` is the only way in.

use std::{fmt, str::FromStr};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use usher_client::Wire;

use crate::{
    decide::Cause,
    error::{EngineError, nearest},
};

/// What happens to a user who leaves, by cause. As text: `disable`, `delete`, `delete_after=30d`, `nothing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Leaving {
    /// `active=false` (the mapping rows that speak of `IsSoftDeleted`).
    Disable,
    /// DELETE; where the app can't, disabled.
    Delete,
    /// Disabled, and so many days later deleted, unless they are back by then; where the app can't delete, disabled.
    DeleteAfter(u16),
    /// Left as it is.
    Nothing,
}

impl fmt::Display for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disable => f.write_str("disable"),
            Self::Delete => f.write_str("delete"),
            Self::DeleteAfter(days) => write!(f, "delete_after={days}d"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

impl FromStr for Leaving {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let after = || {
            let days = text.strip_prefix("delete_after=")?;
            days.strip_suffix('d').unwrap_or(days).parse().ok().filter(|days| (1..=3_650).contains(days))
        };
        match text {
            "disable" => Ok(Self::Disable),
            "delete" => Ok(Self::Delete),
            "nothing" => Ok(Self::Nothing),
            _ => after().map(Self::DeleteAfter).ok_or_else(|| {
                format!("takes disable, delete, delete_after=30d (1 to 3650 days) or nothing, not {text}")
            }),
        }
    }
}

impl From<Leaving> for String {
    fn from(leaving: Leaving) -> Self {
        leaving.to_string()
    }
}

impl TryFrom<String> for Leaving {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The leaver policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeaverPolicy {
    /// No assignment any longer.
    pub unassigned: Leaving,
    /// A scoping filter no longer holds.
    pub filtered_out: Leaving,
    /// Inactive in the directory.
    pub disabled: Leaving,
    /// Soft-deleted in the directory.
    pub deleted: Leaving,
    /// Gone from the directory for good.
    pub purged: Leaving,
}

impl Default for LeaverPolicy {
    fn default() -> Self {
        Self {
            unassigned: Leaving::Disable,
            filtered_out: Leaving::Disable,
            disabled: Leaving::Disable,
            deleted: Leaving::Disable,
            purged: Leaving::Delete,
        }
    }
}

impl LeaverPolicy {
    /// What it says of a cause.
    pub fn of(self, cause: Cause) -> Leaving {
        match cause {
            Cause::Unassigned => self.unassigned,
            Cause::FilteredOut => self.filtered_out,
            Cause::Disabled => self.disabled,
            Cause::Deleted => self.deleted,
            Cause::Purged => self.purged,
        }
    }

    /// As it is for somebody who left so long ago: whose days are over is to be deleted.
    pub(crate) fn after(self, gone: SignedDuration) -> Self {
        let now = |leaving| match leaving {
            Leaving::DeleteAfter(days) if gone >= days_long(days) => Leaving::Delete,
            other => other,
        };
        Self {
            unassigned: now(self.unassigned),
            filtered_out: now(self.filtered_out),
            disabled: now(self.disabled),
            deleted: now(self.deleted),
            purged: now(self.purged),
        }
    }
}

/// So many days of 24 hours.
pub(crate) fn days_long(days: u16) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

/// Settings of an app, as stored (JSON) and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Minutes between scheduled cycles.
    pub interval: u32,
    /// Where notifications go; several addresses have commas between them.
    pub notify_email: Option<String>,
    /// Whether they go about quarantine, too.
    pub notify_on_failure: bool,
    /// Whether a digest of what failed goes once a day, when something did.
    pub notify_digest: bool,
    /// More creates than this in a cycle are held back; `None`: no such limit.
    pub creates_max: Option<u32>,
    /// Hours after which an idle app is probed; `None`: never.
    pub heartbeat: Option<u32>,
    /// More leavers than this in a batch and the last 24 hours are staged; `None`: no such limit.
    pub deletion_threshold: Option<u32>,
    /// More than this share of the app's active accounts (when at least 10 leave) is staged too; `None`: no such limit.
    pub deletion_threshold_percent: Option<u32>,
    /// What happens to leavers.
    pub leaver: LeaverPolicy,
    /// Requests a second; `None`: no limit of ours.
    pub rate_limit: Option<u32>,
    /// How requests are spelled: a name of [`Wire`].
    pub wire_profile: String,
    /// Whether holders of *Default Access* alone are left out (apps with roles only).
    pub exclude_default_access: bool,
    /// What `DefaultDomain()` gives: the domain of the directory's e-mail addresses.
    pub default_domain: Option<String>,
    /// Requests under way at once.
    pub concurrency: u32,
    /// Seconds a request may take.
    pub request_timeout: u32,
    /// Seconds a connection may take.
    pub connect_timeout: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: 40,
            notify_email: None,
            notify_on_failure: false,
            notify_digest: false,
            creates_max: None,
            heartbeat: Some(6),
            deletion_threshold: Some(500),
            deletion_threshold_percent: Some(20),
            leaver: LeaverPolicy::default(),
            rate_limit: None,
            wire_profile: "rfc".into(),
            exclude_default_access: false,
            default_domain: None,
            concurrency: 8,
            request_timeout: 60,
            connect_timeout: 10,
        }
    }
}

const KEYS: &[&str] = &[
    "interval",
    "notify_email",
    "notify_on_failure",
    "notify_digest",
    "creates_max",
    "heartbeat",
    "deletion_threshold",
    "deletion_threshold_percent",
    "leaver.unassigned",
    "leaver.filtered_out",
    "leaver.disabled",
    "leaver.deleted",
    "leaver.purged",
    "rate_limit",
    "wire_profile",
    "exclude_default_access",
    "default_domain",
    "concurrency",
    "request_timeout",
    "connect_timeout",
];

impl Settings {
    /// How requests are spelled.
    pub fn wire(&self) -> Wire {
        // Only names that parse get in.
        self.wire_profile.parse().unwrap_or_default()
    }

    /// The keys that [`Settings::set`] takes.
    pub fn keys() -> &'static [&'static str] {
        KEYS
    }

    /// Sets one key from text; `off` switches a limit or an address off.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), EngineError> {
        match key {
            "interval" => self.interval = number(key, value, 1, 10_080)?,
            "notify_email" => {
                self.notify_email = if value == "off" { None } else { Some(addresses(key, value)?) }
            }
            "notify_on_failure" => self.notify_on_failure = yes_no(key, value)?,
            "notify_digest" => self.notify_digest = yes_no(key, value)?,
            "creates_max" => self.creates_max = number_or_off(key, value, 1, 1_000_000)?,
            "heartbeat" => self.heartbeat = number_or_off(key, value, 1, 168)?,
            "deletion_threshold" => self.deletion_threshold = number_or_off(key, value, 1, 1_000_000)?,
            "deletion_threshold_percent" => {
                self.deletion_threshold_percent = number_or_off(key, value, 1, 100)?
            }
            "leaver.unassigned" => self.leaver.unassigned = leaving(key, value)?,
            "leaver.filtered_out" => self.leaver.filtered_out = leaving(key, value)?,
            "leaver.disabled" => self.leaver.disabled = leaving(key, value)?,
            "leaver.deleted" => self.leaver.deleted = leaving(key, value)?,
            "leaver.purged" => self.leaver.purged = leaving(key, value)?,
            "rate_limit" => self.rate_limit = number_or_off(key, value, 0, 100_000)?.filter(|n| *n > 0),
            "wire_profile" => {
                let wire: Wire = value.parse().map_err(|e| EngineError::Setting(format!("{e}")))?;
                self.wire_profile = wire.as_str().to_owned();
            }
            "exclude_default_access" => self.exclude_default_access = yes_no(key, value)?,
            "default_domain" => {
                self.default_domain = if value == "off" { None } else { Some(domain(key, value)?) }
            }
            "concurrency" => self.concurrency = number(key, value, 1, 64)?,
            "request_timeout" => self.request_timeout = number(key, value, 1, 600)?,
            "connect_timeout" => self.connect_timeout = number(key, value, 1, 60)?,
            _ => {
                let hint = nearest(key, KEYS.iter().copied()).map(|k| format!(" (did you mean {k}?)"));
                return Err(EngineError::Setting(format!(
                    "an app has no setting {key}{}; there are: {}",
                    hint.unwrap_or_default(),
                    KEYS.join(", ")
                )));
            }
        }
        Ok(())
    }
}

fn addresses(key: &str, value: &str) -> Result<String, EngineError> {
    usher_jobs::mail::check_addresses(value).map_err(|why| EngineError::Setting(format!("{key}: {why}")))?;
    Ok(value.trim().to_owned())
}

fn number(key: &str, value: &str, least: u32, most: u32) -> Result<u32, EngineError> {
    value.parse().ok().filter(|n| (least..=most).contains(n)).ok_or_else(|| {
        EngineError::Setting(format!("{key} takes a whole number from {least} to {most}, not {value}"))
    })
}

fn number_or_off(key: &str, value: &str, least: u32, most: u32) -> Result<Option<u32>, EngineError> {
    if value == "off" { Ok(None) } else { number(key, value, least, most).map(Some) }
}

fn yes_no(key: &str, value: &str) -> Result<bool, EngineError> {
    match value {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err(EngineError::Setting(format!("{key} takes true or false, not {value}"))),
    }
}

fn domain(key: &str, value: &str) -> Result<String, EngineError> {
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    if value.contains('.') && value.split('.').all(label) {
        return Ok(value.to_owned());
    }
    Err(EngineError::Setting(format!("{key} takes a domain such as contoso.com, or off, not {value}")))
}

fn leaving(key: &str, value: &str) -> Result<Leaving, EngineError> {
    value.parse().map_err(|why| EngineError::Setting(format!("{key} {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_can_be_set_and_a_typo_names_the_nearest() {
        let mut s = Settings::default();
        for key in KEYS {
            let value = match *key {
                "notify_email" => "ops@example.com",
                "wire_profile" => "entra-legacy",
                "default_domain" => "contoso.com",
                k if k.starts_with("leaver.") => "nothing",
                "notify_on_failure" | "notify_digest" | "exclude_default_access" => "true",
                _ => "7",
            };
            s.set(key, value).unwrap();
        }
        assert_eq!(s.leaver.purged, Leaving::Nothing);
        assert_eq!(s.interval, 7);
        let error = s.set("intervall", "5").unwrap_err().to_string();
        assert!(error.contains("did you mean interval?"), "{error}");
        s.set("deletion_threshold", "off").unwrap();
        assert_eq!(s.deletion_threshold, None);
        assert!(s.set("deletion_threshold", "-1").is_err());
        assert!(s.set("default_domain", "@contoso.com").is_err());
        assert!(s.set("notify_email", "nobody").is_err() && s.set("wire_profile", "azure").is_err());
        s.set("notify_email", "a@example.com, Ops <b@example.com>").unwrap();
        s.set("default_domain", "off").unwrap();
        assert_eq!(s.default_domain, None);
    }

    #[test]
    fn settings_survive_their_json() {
        let mut s = Settings::default();
        s.set("leaver.purged", "disable").unwrap();
        s.set("leaver.unassigned", "delete_after=30d").unwrap();
        assert_eq!(s.leaver.unassigned, Leaving::DeleteAfter(30));
        for wrong in ["delete_after", "delete_after=0d", "delete_after=30w", "delete_after=-1", "keep"] {
            let said = s.set("leaver.unassigned", wrong).unwrap_err().to_string();
            assert!(said.contains("delete_after=30d"), "{said}");
        }
        let json = serde_json::to_string(&s).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), s);
        // A row written before a key was added still reads.
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
    }
}
