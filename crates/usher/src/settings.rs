//! Settings: one typed struct, one table that describes it. A flag wins over the environment, that over the file, that
//! over the default. `docs/configuration.md` is written from [`KEYS`], and a test keeps the two and the struct in step.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// What kind of value a key takes, for reading it from the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Switch,
    /// Separated by commas in the environment.
    List,
}

/// A key as documented.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) doc: &'static str,
}

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, doc }
}

/// Every key, in the order of the documentation. The environment variable is `USHER_` and the name in capitals.
pub(crate) const KEYS: &[Key] = &[
    key(
        "data",
        Kind::Text,
        "The data folder: the SQLite database, the key, the socket. One process owns it at a time.",
    ),
    key(
        "database_url",
        Kind::Text,
        "A PostgreSQL address (`postgres://…`) instead of SQLite in the data folder; any number of instances may share it.",
    ),
    key(
        "database_connections",
        Kind::Number,
        "Connections of a server to PostgreSQL, each a thread; a command takes four at most.",
    ),
    key(
        "key_file",
        Kind::Text,
        "A file with the key that seals secrets (64 hex digits; `usher key generate` makes one). Without it SQLite uses `DATA/key`, made at first; on PostgreSQL a key is required. The key itself may stand in the environment variable `USHER_KEY`.",
    ),
    key("listen", Kind::List, "Addresses that `serve` listens on."),
    key(
        "public_url",
        Kind::Text,
        "The address clients reach this server by, for `meta.location`; without it the request's Host is used.",
    ),
    key(
        "trusted_proxies",
        Kind::List,
        "Proxies (addresses or ranges) whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.",
    ),
    key("tls_cert", Kind::Text, "A PEM file with the certificate chain, to serve HTTPS; needs `tls_key`."),
    key("tls_key", Kind::Text, "The PEM file with the certificate's private key."),
    key(
        "log",
        Kind::Text,
        "What is logged, as `tracing` filters say it: `info`, `usher_service=debug,info`.",
    ),
    key(
        "scim_requests_per_second",
        Kind::Number,
        "SCIM requests a second for each token, with bursts of five seconds' worth; an operation of a bulk request counts as one; 0 switches the limit off.",
    ),
    key("scim_request_seconds", Kind::Number, "How long one SCIM request may take."),
    key(
        "scim_url_bytes",
        Kind::Number,
        "How long the URL of a SCIM request may be, path and query together; longer queries go by POST to `.search`.",
    ),
    key(
        "scim_bulk_operations",
        Kind::Number,
        "Operations that one SCIM bulk request may have, where the account's profile has bulk.",
    ),
    key("scim_bulk_bytes", Kind::Number, "How large a SCIM bulk request may be."),
    key("scim_cursor_seconds", Kind::Number, "How long a cursor of a SCIM list leads to the next page."),
    key(
        "api_requests_per_second",
        Kind::Number,
        "Requests a second at `/api/v1` for each API token, with bursts of five seconds' worth; 0 switches the limit off.",
    ),
    key(
        "trail_days",
        Kind::Number,
        "How many days the trail of SCIM requests is kept (`usher trail`); 0 keeps none.",
    ),
    key(
        "provisioning_log_days",
        Kind::Number,
        "How many days the provisioning log is kept; 0 keeps it for ever.",
    ),
    key(
        "watch_settle_seconds",
        Kind::Number,
        "How long a source's file must stand still before a server imports it by itself, once it has been imported by hand; 0: files are not watched.",
    ),
    key(
        "smtp_host",
        Kind::Text,
        "The server that notification e-mails are sent by; without it they wait in the outbox.",
    ),
    key("smtp_port", Kind::Number, "Its port; 0: 587, with `smtp_security = \"tls\"` 465, with `none` 25."),
    key(
        "smtp_security",
        Kind::Text,
        "`starttls`: nothing is sent before the connection is encrypted; `tls`: it is from the first byte; `none`: for a server on this machine.",
    ),
    key("smtp_user", Kind::Text, "The user to sign in as; empty: nobody signs in."),
    key(
        "smtp_password_file",
        Kind::Text,
        "A file with that user's password. The password itself may stand in the environment variable `USHER_SMTP_PASSWORD`.",
    ),
    key("smtp_from", Kind::Text, "The sender, e.g. `Usher <usher@example.com>`."),
    key(
        "smtp_ca",
        Kind::Text,
        "A PEM file with the authority of the server's certificate, where this machine does not know it.",
    ),
    key(
        "private_addresses",
        Kind::Switch,
        "Whether apps and sources may lie at loopback and private addresses. Switch it off where people you do not trust add apps.",
    ),
];

/// The settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) database_url: String,
    pub(crate) database_connections: usize,
    pub(crate) key_file: String,
    pub(crate) listen: Vec<String>,
    pub(crate) public_url: String,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) tls_cert: String,
    pub(crate) tls_key: String,
    pub(crate) log: String,
    pub(crate) scim_requests_per_second: u32,
    pub(crate) scim_request_seconds: u64,
    pub(crate) scim_url_bytes: usize,
    pub(crate) scim_bulk_operations: usize,
    pub(crate) scim_bulk_bytes: usize,
    pub(crate) scim_cursor_seconds: u64,
    pub(crate) api_requests_per_second: u32,
    pub(crate) trail_days: u32,
    pub(crate) provisioning_log_days: u32,
    pub(crate) watch_settle_seconds: u64,
    pub(crate) smtp_host: String,
    pub(crate) smtp_port: u16,
    pub(crate) smtp_security: String,
    pub(crate) smtp_user: String,
    pub(crate) smtp_password_file: String,
    pub(crate) smtp_from: String,
    pub(crate) smtp_ca: String,
    pub(crate) private_addresses: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: "./usher-data".into(),
            database_url: String::new(),
            database_connections: 16,
            key_file: String::new(),
            listen: vec!["127.0.0.1:8080".into()],
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            tls_cert: String::new(),
            tls_key: String::new(),
            log: "info".into(),
            scim_requests_per_second: 200,
            scim_request_seconds: 30,
            scim_url_bytes: 32 * 1024,
            scim_bulk_operations: 1_000,
            scim_bulk_bytes: 16 * 1024 * 1024,
            scim_cursor_seconds: 600,
            api_requests_per_second: 1_000,
            trail_days: 14,
            provisioning_log_days: 30,
            watch_settle_seconds: 2,
            smtp_host: String::new(),
            smtp_port: 0,
            smtp_security: "starttls".into(),
            smtp_user: String::new(),
            smtp_password_file: String::new(),
            smtp_from: String::new(),
            smtp_ca: String::new(),
            private_addresses: true,
        }
    }
}

impl Settings {
    /// Reads the file (if one is named) and the environment.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let mut table = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("the configuration file {} can't be read", path.display()))?;
                text.parse::<toml::Table>().with_context(|| format!("{} is not TOML", path.display()))?
            }
            None => toml::Table::new(),
        };
        for name in table.keys() {
            known(name).with_context(|| format!("in {}", file.unwrap_or(Path::new("")).display()))?;
        }
        for key in KEYS {
            let variable = format!("USHER_{}", key.name.to_uppercase());
            if let Some(text) = environment(&variable) {
                table.insert(key.name.into(), value(key.kind, &text).with_context(|| variable.clone())?);
            }
        }
        let settings: Self = table.try_into().map_err(|e: toml::de::Error| {
            anyhow::anyhow!("a setting has a value of the wrong kind: {}", e.message())
        })?;
        if settings.database_connections == 0 {
            bail!("database_connections is 1 at least");
        }
        if settings.tls_cert.is_empty() != settings.tls_key.is_empty() {
            bail!("tls_cert and tls_key belong together: set both or neither");
        }
        Ok(settings)
    }
}

impl Settings {
    /// Every key with its value and what it does, as a table and as JSON. A database's password is left out.
    pub(crate) fn shown(&self) -> anyhow::Result<(String, serde_json::Value)> {
        let mut shown = self.clone();
        if let Some((scheme, rest)) = self.database_url.split_once("://")
            && let Some((user, host)) = rest.rsplit_once('@')
        {
            let user = user.split(':').next().unwrap_or_default();
            shown.database_url = format!("{scheme}://{user}@{host}");
        }
        let values = serde_json::to_value(&shown)?;
        let rows = KEYS
            .iter()
            .map(|key| vec![key.name.to_owned(), values[key.name].to_string(), key.doc.to_owned()]);
        Ok((crate::print::table(&["key", "value", "what it does"], rows), values))
    }
}

/// Refuses an unknown key, naming the nearest.
fn known(name: &str) -> anyhow::Result<()> {
    if KEYS.iter().any(|key| key.name == name) {
        return Ok(());
    }
    let nearest = KEYS
        .iter()
        .map(|key| (strsim::jaro_winkler(key.name, name), key.name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or("", |(_, name)| name);
    bail!("unknown setting {name:?}; did you mean {nearest}? All settings: docs/configuration.md")
}

fn value(kind: Kind, text: &str) -> anyhow::Result<toml::Value> {
    Ok(match kind {
        Kind::Text => text.into(),
        Kind::Number => {
            text.trim().parse::<i64>().map_err(|_| anyhow::anyhow!("{text:?} is not a whole number"))?.into()
        }
        Kind::Switch => match text.trim() {
            "true" | "1" | "on" | "yes" => true.into(),
            "false" | "0" | "off" | "no" => false.into(),
            _ => bail!("{text:?} is neither true nor false"),
        },
        Kind::List => text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>().into(),
    })
}

/// `docs/configuration.md`.
#[cfg(test)]
fn documentation() -> String {
    use std::fmt::Write;
    let defaults = toml::Table::try_from(Settings::default()).unwrap();
    let mut text = String::from(
        "# Settings\n\nA TOML file (`--config FILE`, or the environment variable `USHER_CONFIG`); each key is also an environment variable, \
         `USHER_` and its name in capitals. A flag wins over the environment, the environment over the file, the file over the default. \
         An unknown key is an error that names the nearest.\n\nThis page is written from the code (`UPDATE_DOCS=1 cargo test -p usher settings`).\n\n\
         | key | default | what it does |\n| --- | --- | --- |\n",
    );
    for key in KEYS {
        let default = defaults[key.name].to_string();
        let default = if default == "\"\"" { String::new() } else { format!("`{default}`") };
        writeln!(text, "| `{}` | {default} | {} |", key.name, key.doc).unwrap();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_the_struct_and_the_page_agree() {
        let fields: Vec<String> =
            toml::Table::try_from(Settings::default()).unwrap().keys().cloned().collect();
        let mut names: Vec<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();
        names.sort();
        let mut sorted = fields;
        sorted.sort();
        assert_eq!(sorted, names);
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&page, documentation()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(page).unwrap(), documentation());
    }

    #[test]
    fn an_unknown_setting_names_the_nearest() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "listn = [\"127.0.0.1:1\"]").unwrap();
        let error = format!("{:#}", Settings::load(Some(file.path()), |_| None).unwrap_err());
        assert!(error.contains("unknown setting \"listn\"; did you mean listen?"), "{error}");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "log = \"debug\"\nscim_requests_per_second = 7").unwrap();
        let settings =
            Settings::load(Some(file.path()), |name| (name == "USHER_LOG").then(|| "warn".into())).unwrap();
        assert_eq!((settings.log.as_str(), settings.scim_requests_per_second), ("warn", 7));
        let wrong =
            Settings::load(None, |name| (name == "USHER_SCIM_REQUEST_SECONDS").then(|| "soon".into()));
        assert!(format!("{:#}", wrong.unwrap_err()).contains("\"soon\" is not a whole number"));
    }
}
