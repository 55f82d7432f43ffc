//! How an LDAP source is set up, and what of it is refused before anybody connects.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::dn::Dn;

/// Which entries are people, unless it is said otherwise. Computers, which are users for Active Directory, are left out later: where a
/// server does not know an object class, `(!(objectClass=…))` finds nobody.
const USERS: &str =
    "(|(objectClass=inetOrgPerson)(objectClass=organizationalPerson)(objectClass=person)(objectClass=user))";
/// Which are groups.
const GROUPS: &str = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))";
/// Entries on a page.
const PAGE: u32 = 500;

/// Where an LDAP source reads, as whom, and how. Also the form of the TOML file of `usher source add --settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdapSettings {
    /// `ldaps://host`, or `ldap://host` with `start_tls`; a port where it is not 636 or 389.
    pub url: String,
    /// The entry below which people and groups are read.
    pub base: String,
    /// As whom.
    #[serde(default)]
    pub bind: LdapBind,
    /// StartTLS on `ldap://`, before anything else is said.
    #[serde(default)]
    pub start_tls: bool,
    /// Lets `ldap://` go without TLS to another machine too: names and the bind password can be read on the way.
    #[serde(default)]
    pub plain: bool,
    /// A PEM file with the authorities to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the certificate to show for [`LdapBind::External`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// The PEM file with its private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Which entries are people; those with the usual object classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_filter: Option<String>,
    /// Which are groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_filter: Option<String>,
    /// Entries on a page; 500. 0: without pages.
    #[serde(default = "page")]
    pub page_size: u32,
    /// How changes are found.
    #[serde(default)]
    pub sync: LdapSync,
    /// Another mapping than the one that comes with Usher, as TOML with `[users]` and `[groups]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<String>,
}

/// As whom a source binds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LdapBind {
    /// As nobody.
    #[default]
    Anonymous,
    /// A name and a password; the password is kept sealed, apart from the settings.
    Simple(String),
    /// SASL EXTERNAL: as the TLS certificate says.
    External,
}

/// How changes are found between two full imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LdapSync {
    /// By sync replication where the server announces it, else by timestamps.
    #[default]
    Auto,
    /// By sync replication (RFC 4533).
    Syncrepl,
    /// By modifyTimestamp, and all ids for who is gone.
    Timestamps,
    /// Not: every run reads everything.
    Full,
}

/// Some settings, the others left as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "as in LdapSettings")]
pub struct LdapChange {
    pub url: Option<String>,
    pub base: Option<String>,
    pub bind: Option<LdapBind>,
    pub start_tls: Option<bool>,
    pub plain: Option<bool>,
    pub ca_file: Option<PathBuf>,
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub user_filter: Option<String>,
    pub group_filter: Option<String>,
    pub page_size: Option<u32>,
    pub sync: Option<LdapSync>,
    pub mapping: Option<String>,
}

impl LdapChange {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Makes the change.
    pub fn apply(self, to: &mut LdapSettings) {
        fn set<T>(to: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *to = value;
            }
        }
        set(&mut to.url, self.url);
        set(&mut to.base, self.base);
        set(&mut to.bind, self.bind);
        set(&mut to.start_tls, self.start_tls);
        set(&mut to.plain, self.plain);
        set(&mut to.page_size, self.page_size);
        set(&mut to.sync, self.sync);
        set(&mut to.ca_file, self.ca_file.map(Some));
        set(&mut to.cert_file, self.cert_file.map(Some));
        set(&mut to.key_file, self.key_file.map(Some));
        set(&mut to.user_filter, self.user_filter.map(Some));
        set(&mut to.group_filter, self.group_filter.map(Some));
        set(&mut to.mapping, self.mapping.map(Some));
    }
}

impl std::str::FromStr for LdapSync {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "auto" => Self::Auto,
            "syncrepl" => Self::Syncrepl,
            "timestamps" => Self::Timestamps,
            "full" => Self::Full,
            _ => return Err(format!("{text:?} is none of auto, syncrepl, timestamps, full")),
        })
    }
}

fn page() -> u32 {
    PAGE
}

impl LdapSettings {
    /// A server and a base, with everything else as it is by default.
    pub fn of(url: impl Into<String>, base: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            base: base.into(),
            bind: LdapBind::Anonymous,
            start_tls: false,
            plain: false,
            ca_file: None,
            cert_file: None,
            key_file: None,
            user_filter: None,
            group_filter: None,
            page_size: PAGE,
            sync: LdapSync::Auto,
            mapping: None,
        }
    }

    /// Reads the TOML form.
    ///
    /// # Errors
    /// What is wrong and where, in words.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// What can be told to be wrong without the server.
    pub(crate) fn check(&self) -> Result<(), String> {
        let url = self.address()?;
        if self.start_tls && url.scheme() == "ldaps" {
            return Err("StartTLS is for ldap://; ldaps:// is TLS from the first byte on".into());
        }
        let tls = self.is_tls(&url);
        if !tls && !self.plain && !is_loopback(&url) {
            return Err(format!(
                "{url} would send people's data (and the bind password) in the clear: use ldaps://, or --start-tls; --plain allows it all the same"
            ));
        }
        if self.base.trim().is_empty() || Dn::parse(&self.base).is_none() {
            return Err(format!("the base {:?} is no distinguished name (dc=example,dc=com)", self.base));
        }
        if let LdapBind::Simple(name) = &self.bind
            && (name.trim().is_empty() || Dn::parse(name).is_none() && !name.contains(['@', '\\']))
        {
            return Err(format!("{name:?} is no name to bind as (cn=usher,ou=services,dc=example,dc=com)"));
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            return Err("a certificate and its private key belong together".into());
        }
        if self.bind == LdapBind::External && !(tls && self.cert_file.is_some()) {
            return Err(
                "SASL EXTERNAL needs TLS and a certificate to show: --cert-file and --key-file".into()
            );
        }
        for (which, filter) in [("user", self.users()), ("group", self.groups())] {
            if ldap3::parse_filter(filter).is_err() {
                return Err(format!(
                    "the {which} filter {filter} is no LDAP filter (RFC 4515), as (objectClass=person)"
                ));
            }
        }
        if self.page_size > 10_000 {
            return Err("a page has 10,000 entries at most".into());
        }
        super::Ldap::new(jiff::Timestamp::UNIX_EPOCH, self.mapping.as_deref())
            .map(drop)
            .map_err(|error| error.to_string())
    }

    /// The address, parsed.
    pub(crate) fn address(&self) -> Result<Url, String> {
        let wrong =
            |why: &str| format!("{:?} is no address of an LDAP server (ldaps://host): {why}", self.url);
        let url = Url::parse(&self.url).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "ldap" | "ldaps") {
            return Err(wrong("it begins with ldaps:// or ldap://"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("there is no host in it"));
        }
        if !matches!(url.path(), "" | "/")
            || url.query().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(wrong(
                "only a host and perhaps a port belong into it; the base has a setting of its own, and secrets are files",
            ));
        }
        Ok(url)
    }

    /// Scheme, host and port: another one is another server, which the bind password was not given for.
    pub(crate) fn server(&self) -> Option<(String, String, u16)> {
        let url = self.address().ok()?;
        let port = url.port().unwrap_or(if url.scheme() == "ldaps" { 636 } else { 389 });
        Some((url.scheme().to_owned(), url.host_str()?.to_ascii_lowercase(), port))
    }

    /// Which entries are people.
    pub(crate) fn users(&self) -> &str {
        self.user_filter.as_deref().unwrap_or(USERS)
    }
    /// Which are groups.
    pub(crate) fn groups(&self) -> &str {
        self.group_filter.as_deref().unwrap_or(GROUPS)
    }
    /// Both.
    pub(crate) fn both(&self) -> String {
        format!("(|{}{})", self.users(), self.groups())
    }

    /// Whether nothing is said before TLS stands.
    pub(crate) fn is_tls(&self, url: &Url) -> bool {
        url.scheme() == "ldaps" || self.start_tls
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str().map(|host| host.trim_matches(['[', ']'])) {
        Some(host) => {
            host.eq_ignore_ascii_case("localhost")
                || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(change: impl FnOnce(&mut LdapSettings)) -> String {
        let mut settings = LdapSettings::of("ldaps://ldap.example.com", "dc=example,dc=com");
        change(&mut settings);
        settings.check().err().unwrap_or_default()
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_to_do() {
        assert_eq!(why(|_| {}), "");
        assert_eq!(why(|s| s.url = "ldap://localhost:389".into()), "");
        assert_eq!(why(|s| s.url = "ldap://127.0.0.1:389".into()), "");
        assert!(why(|s| s.url = "ldap://ldap.example.com".into()).contains("--start-tls"));
        assert_eq!(
            why(|s| {
                s.url = "ldap://ldap.example.com".into();
                s.start_tls = true;
            }),
            ""
        );
        assert!(why(|s| s.start_tls = true).contains("ldap://"));
        assert!(why(|s| s.url = "https://x".into()).contains("ldaps://"));
        assert!(why(|s| s.url = "ldaps://u:p@x".into()).contains("secrets are files"));
        assert!(why(|s| s.url = "ldaps://x/dc=x".into()).contains("base has a setting"));
        assert!(why(|s| s.base = "example.com".into()).contains("distinguished name"));
        assert!(why(|s| s.base = String::new()).contains("distinguished name"));
        assert!(why(|s| s.bind = LdapBind::External).contains("--cert-file"));
        assert!(why(|s| s.bind = LdapBind::Simple("me".into())).contains("bind"));
        assert_eq!(why(|s| s.bind = LdapBind::Simple("usher@example.com".into())), "");
        assert!(why(|s| s.user_filter = Some("objectClass=*)(".into())).contains("user filter"));
        assert!(why(|s| s.group_filter = Some("(cn=".into())).contains("group filter"));
        assert!(why(|s| s.mapping = Some("[users]".into())).contains("mapping"));
    }

    #[test]
    fn a_file_of_settings_names_what_it_does_not_know() {
        let text = "url = 'ldaps://x'\nbase = 'dc=x'\nbind = { simple = 'cn=a,dc=x' }\nsync = 'timestamps'\n";
        let settings = LdapSettings::from_toml(text).unwrap();
        assert_eq!(settings.bind, LdapBind::Simple("cn=a,dc=x".into()));
        assert_eq!(settings.sync, LdapSync::Timestamps);
        assert!(
            LdapSettings::from_toml("url='ldaps://x'\nbase='dc=x'\nbnd='x'").unwrap_err().contains("bnd")
        );
    }
}
