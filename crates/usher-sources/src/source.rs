//! Sources as configured: added, listed, changed, removed.
use std::path::PathBuf;

use encoding_rs::Encoding;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use usher_directory::DirectoryId;
use usher_store::{FromRow, Row, Snapshot, Sql, Store, StoreError, Tx, args};

use crate::{csv::Form, file, ldap::settings::LdapSettings, schedule::Schedule};

/// A source's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub i64);

/// What a source reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// An LDIF file (RFC 2849) of people and groups.
    Ldif,
    /// A CSV file of people, and perhaps one of memberships.
    Csv,
    /// An LDAP server.
    Ldap,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ldif, Self::Csv, Self::Ldap];

    /// As the command line spells it: `ldif`, `csv`, `ldap`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ldif => "ldif",
            Self::Csv => "csv",
            Self::Ldap => "ldap",
        }
    }
}

impl std::fmt::Display for SourceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for SourceKind {
    type Err = SourceError;
    fn from_str(text: &str) -> Result<Self, SourceError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| SourceError::Kind(text.into()))
    }
}

/// When a run's leavers are held instead of let go: more than `percent` of the people the source holds (only from `from` people
/// on), or more than `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Safeguard {
    /// Percent of the active people of this source before the run; 20. 100: no percentage.
    pub percent: u32,
    /// The percentage counts only from this many people on; 10.
    pub from: u64,
    /// Leavers in one run; 500.
    pub count: u64,
}

impl Default for Safeguard {
    fn default() -> Self {
        Self { percent: 20, from: 10, count: 500 }
    }
}

impl Safeguard {
    /// Whether this many of `before` may not leave without being allowed.
    pub fn holds(&self, leaving: u64, before: u64) -> bool {
        leaving > self.count
            || (before >= self.from
                && leaving.saturating_mul(100) > before.saturating_mul(self.percent.into()))
    }
}

/// How a source is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What it reads.
    #[serde(flatten)]
    pub reads: Reads,
    /// How many may leave in one run.
    #[serde(default)]
    pub safeguard: Safeguard,
    /// When a server reads it by itself.
    #[serde(default, skip_serializing_if = "Schedule::is_default")]
    pub schedule: Schedule,
}

/// What a source reads, by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reads {
    /// `ldif` and `csv`.
    Files(Files),
    /// `ldap`.
    Ldap(Box<LdapSettings>),
}

/// The files of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The file of people (LDIF: and groups); CSV: or a folder of such files, in which those with the columns `group` and `member` hold
    /// memberships.
    pub file: PathBuf,
    /// CSV only: a second file with the columns `group` and `member`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memberships: Option<PathBuf>,
    /// CSV only: the encoding by one of its names (`windows-1250`); otherwise it is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// CSV only: what separates two fields; otherwise it is found among `,` `;` `|` and tab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
}

impl Files {
    /// What is said about the text of CSV files.
    pub(crate) fn form(&self) -> Form {
        Form {
            encoding: self.encoding.as_deref().and_then(|name| Encoding::for_label(name.as_bytes())),
            separator: self.separator.and_then(|separator| u8::try_from(separator).ok()),
        }
    }

    /// Of a source of this kind; `Err`: what is wrong.
    fn check_form(&self, kind: SourceKind) -> Result<(), String> {
        if kind == SourceKind::Ldif && (self.encoding.is_some() || self.separator.is_some()) {
            return Err("encoding and separator are for csv; LDIF is UTF-8".into());
        }
        if let Some(name) = &self.encoding
            && Encoding::for_label(name.as_bytes()).is_none()
        {
            return Err(format!("there is no encoding {name}; examples are utf-8, windows-1252, iso-8859-2"));
        }
        match self.separator {
            Some(mark) if !(mark == '\t' || (mark.is_ascii_punctuation() && mark != '"')) => {
                Err(format!("a separator is one sign such as , ; | or a tab, not {mark:?}"))
            }
            _ => Ok(()),
        }
    }

    /// All of them; of a folder those that are in it now. Looks at the file system.
    pub fn paths(&self) -> Vec<PathBuf> {
        // A folder that can't be read has no files: reading it says why.
        let mut paths = if self.file.is_dir() {
            file::csv_files(&self.file).unwrap_or_default()
        } else {
            vec![self.file.clone()]
        };
        paths.extend(self.memberships.clone());
        paths
    }
}

impl Settings {
    /// With everything else as it is by default.
    pub fn of(reads: Reads) -> Self {
        Self { reads, safeguard: Safeguard::default(), schedule: Schedule::default() }
    }
    /// A file with everything else as it is by default.
    pub fn of_file(file: impl Into<PathBuf>) -> Self {
        Self::of_files(file, None)
    }
    /// A file of people and perhaps one of memberships.
    pub fn of_files(file: impl Into<PathBuf>, memberships: Option<PathBuf>) -> Self {
        Self::of(Reads::Files(Files { file: file.into(), memberships, encoding: None, separator: None }))
    }
    /// Its files; `None`: it reads none.
    pub fn files(&self) -> Option<&Files> {
        match &self.reads {
            Reads::Files(files) => Some(files),
            Reads::Ldap(_) => None,
        }
    }
    /// Its LDAP server, if it reads one.
    pub fn ldap(&self) -> Option<&LdapSettings> {
        match &self.reads {
            Reads::Ldap(ldap) => Some(ldap),
            Reads::Files(_) => None,
        }
    }
    /// What is read, in words for people: the file, or the server and its base.
    pub fn place(&self) -> String {
        match &self.reads {
            Reads::Files(files) => files.file.display().to_string(),
            Reads::Ldap(ldap) => format!("{} {}", ldap.url, ldap.base),
        }
    }
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its key.
    pub id: SourceId,
    /// Unique.
    pub name: String,
    /// The directory it fills.
    pub directory: DirectoryId,
    /// What it reads.
    pub kind: SourceKind,
    /// How.
    pub settings: Settings,
    /// By which attribute or column its people are told apart, set by the first import that used one alone.
    pub anchor: Option<String>,
    /// Since when it is there.
    pub created: Timestamp,
    /// Whether a bind password is kept for it.
    pub has_secret: bool,
}

/// Why a source can't be made, found or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// The name is in use.
    #[error("there is a source named {0} already")]
    Taken(String),
    /// The name has other characters.
    #[error("a source's name is 1 to 64 letters, digits, - and _, beginning with a letter: {0}")]
    Name(String),
    /// Not a kind there is.
    #[error("there is no kind of source named {0}; there are ldif, csv and ldap")]
    Kind(String),
    /// A setting does not fit the kind.
    #[error("{0}")]
    Setting(String),
    /// The directory is gone.
    #[error("there is no such directory")]
    NoDirectory,
    /// The database.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

const ADD: Sql = Sql::same(
    "insert into source (name, directory, kind, settings, created) values ($1, $2, $3, $4, $5)
     on conflict (name) do nothing returning id",
);
const BY_NAME: Sql = Sql::same(
    "select id, name, directory, kind, settings, anchor, created, secret is not null from source where name = $1",
);
const BY_ID: Sql = Sql::same(
    "select id, name, directory, kind, settings, anchor, created, secret is not null from source where id = $1",
);
const LIST: Sql = Sql::same(
    "select id, name, directory, kind, settings, anchor, created, secret is not null from source where name > $1 order by name limit 500",
);
/// How far it was read counts no more.
const SET: Sql = Sql::same("update source set settings = $2, state = null where id = $1");
const SECRET: Sql = Sql::same("select secret from source where id = $1");
const SET_SECRET: Sql = Sql::same("update source set secret = $2 where id = $1");
const BIND: Sql = Sql::same("update source set anchor = $2 where id = $1");
const REMOVE: Sql = Sql::same("delete from source where id = $1");

impl FromRow for Source {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let kind: String = row.get(3)?;
        let settings: String = row.get(4)?;
        Ok(Self {
            id: SourceId(row.get(0)?),
            name: row.get(1)?,
            directory: DirectoryId(row.get(2)?),
            kind: kind.parse().map_err(|_| StoreError::Bug(format!("a source of unknown kind {kind}")))?,
            settings: serde_json::from_str(&settings)
                .map_err(|error| StoreError::Bug(format!("settings of a source: {error}")))?,
            anchor: row.get(5)?,
            created: row.get(6)?,
            has_secret: row.get(7)?,
        })
    }
}

/// Adds a source to a directory. Its file is not looked at: [`crate::check::file`] does that.
pub fn add(
    tx: &mut Tx<'_>,
    name: &str,
    directory: DirectoryId,
    kind: SourceKind,
    settings: &Settings,
    now: Timestamp,
) -> Result<Source, SourceError> {
    check_name(name)?;
    check_settings(kind, settings)?;
    let text = written(settings)?;
    match tx.one::<(i64,)>(&ADD, args![name, directory, kind.as_str(), text, now]) {
        Ok(Some((id,))) => Ok(Source {
            id: SourceId(id),
            name: name.into(),
            directory,
            kind,
            settings: settings.clone(),
            anchor: None,
            created: now,
            has_secret: false,
        }),
        Ok(None) => Err(SourceError::Taken(name.into())),
        Err(StoreError::Conflict { .. }) => Err(SourceError::NoDirectory),
        Err(error) => Err(error.into()),
    }
}

/// By name.
pub fn by_name(on: &mut Snapshot<'_>, name: &str) -> Result<Option<Source>, StoreError> {
    on.one(&BY_NAME, args![name])
}

/// By key.
pub fn get(on: &mut Snapshot<'_>, id: SourceId) -> Result<Option<Source>, StoreError> {
    on.one(&BY_ID, args![id.0])
}

/// By name, at most 500 after the name given (`""`: from the first).
pub fn list(on: &mut Snapshot<'_>, after: &str) -> Result<Vec<Source>, StoreError> {
    on.all(&LIST, args![after], 500)
}

/// Changes a source's settings; they hold from its next run on, which reads everything. Another scheme, host or port of an LDAP
/// server forgets the bind password: it was given for the old one.
pub fn set(tx: &mut Tx<'_>, source: &Source, settings: &Settings) -> Result<Source, SourceError> {
    check_settings(source.kind, settings)?;
    tx.exec(&SET, args![source.id.0, written(settings)?])?;
    let server = |settings: &Settings| settings.ldap().and_then(LdapSettings::server);
    let forget = source.has_secret && server(settings) != server(&source.settings);
    if forget {
        tx.exec(&SET_SECRET, args![source.id.0, None::<Vec<u8>>])?;
    }
    Ok(Source { settings: settings.clone(), has_secret: source.has_secret && !forget, ..source.clone() })
}

/// Keeps the bind password of an LDAP source, sealed. `store` is the one `tx` runs on.
pub fn set_secret(
    tx: &mut Tx<'_>,
    store: &Store,
    id: SourceId,
    secret: &SecretString,
) -> Result<(), SourceError> {
    // A password file ends in a newline more often than not.
    let plain = secret.expose_secret().trim_end_matches(['\r', '\n']);
    if plain.is_empty() {
        return Err(SourceError::Setting("the bind password is empty".into()));
    }
    let sealed = store.seal("source", id.0, "secret", plain.as_bytes());
    tx.exec(&SET_SECRET, args![id.0, sealed])?;
    Ok(())
}

/// Opens the bind password, where one is kept.
///
/// # Errors
/// [`StoreError::Unavailable`]: it was sealed with another key.
pub fn secret(
    on: &mut Snapshot<'_>,
    store: &Store,
    id: SourceId,
) -> Result<Option<SecretString>, StoreError> {
    let Some((Some(sealed),)) = on.one::<(Option<Vec<u8>>,)>(&SECRET, args![id.0])? else { return Ok(None) };
    let plain = store.unseal("source", id.0, "secret", &sealed)?;
    let text = String::from_utf8(plain).map_err(|_| StoreError::Bug("a bind password is no text".into()))?;
    Ok(Some(SecretString::from(text)))
}

/// Forgets a source with its runs. Its people and groups stay in the directory as they are.
pub fn remove(tx: &mut Tx<'_>, id: SourceId) -> Result<bool, StoreError> {
    Ok(tx.exec(&REMOVE, args![id.0])? > 0)
}

/// Notes by which attribute or column people are told apart.
pub(crate) fn bind(tx: &mut Tx<'_>, id: SourceId, anchor: &str) -> Result<(), StoreError> {
    tx.exec(&BIND, args![id.0, anchor]).map(|_| ())
}

/// As the database keeps them.
pub(crate) fn written(settings: &Settings) -> Result<String, SourceError> {
    serde_json::to_string(settings)
        .map_err(|_| SourceError::Setting("a file's name must be UTF-8 text".into()))
}

fn check_name(name: &str) -> Result<(), SourceError> {
    let good = (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if good { Ok(()) } else { Err(SourceError::Name(name.into())) }
}

fn check_settings(kind: SourceKind, settings: &Settings) -> Result<(), SourceError> {
    let wrong = |text: String| Err(SourceError::Setting(text));
    match (&settings.reads, kind) {
        (Reads::Files(files), SourceKind::Ldif | SourceKind::Csv) => {
            if files.file.as_os_str().is_empty() {
                return wrong(format!("a source of kind {kind} needs a file"));
            }
            if kind == SourceKind::Ldif && files.memberships.is_some() {
                return wrong(
                    "a file of memberships belongs to a source of kind csv; an LDIF file holds its groups itself"
                        .into(),
                );
            }
            files.check_form(kind).map_err(SourceError::Setting)?;
        }
        (Reads::Ldap(ldap), SourceKind::Ldap) => ldap.check().map_err(SourceError::Setting)?,
        (Reads::Files(_), SourceKind::Ldap) => {
            return wrong("a source of kind ldap needs --url and --base".into());
        }
        (Reads::Ldap(_), _) => return wrong(format!("a source of kind {kind} reads a file, not a server")),
    }
    if settings.safeguard.percent > 100 {
        return wrong("the safeguard's percentage is 0 to 100".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safeguard_counts_percent_only_from_ten_people_on() {
        let guard = Safeguard::default();
        assert!(!guard.holds(9, 9));
        assert!(!guard.holds(2, 10));
        assert!(guard.holds(3, 10));
        assert!(!guard.holds(500, 100_000));
        assert!(guard.holds(501, 100_000));
    }

    #[test]
    fn names_and_settings_are_checked() {
        assert!(check_name("hr-file_2").is_ok());
        for bad in ["", "2nd", "a b", "ä"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        let settings = Settings::of_file("people.ldif");
        assert!(check_settings(SourceKind::Ldif, &settings).is_ok());
        assert!(check_settings(SourceKind::Ldap, &settings).is_err());
        let settings = Settings::of_files("people.csv", Some("groups.csv".into()));
        assert!(check_settings(SourceKind::Ldif, &settings).is_err());
        assert!(check_settings(SourceKind::Csv, &settings).is_ok());
        let with = |encoding: Option<&str>, separator| {
            let files = Files {
                encoding: encoding.map(str::to_owned),
                separator,
                ..Settings::of_file("x").files().unwrap().clone()
            };
            check_settings(SourceKind::Csv, &Settings::of(Reads::Files(files)))
                .map_err(|error| error.to_string())
        };
        assert!(with(Some("windows-1250"), Some('|')).is_ok());
        assert!(with(Some("utf-9"), None).unwrap_err().contains("no encoding utf-9"));
        assert!(with(None, Some('"')).is_err() && with(None, Some('ä')).is_err());
        let kept = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&kept).unwrap(), settings);
        // As the first release wrote it.
        let old = r#"{"file":"people.ldif","safeguard":{"percent":20,"from":10,"count":500}}"#;
        assert_eq!(serde_json::from_str::<Settings>(old).unwrap(), Settings::of_file("people.ldif"));
        assert!("sql".parse::<SourceKind>().is_err());
    }
}
