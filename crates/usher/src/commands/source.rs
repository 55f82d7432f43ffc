//! `usher source …`

use std::path::PathBuf;

use anyhow::{Context, bail};
use usher_admin::{
    Request,
    request::{SafeguardChange, ScheduleChange, Source, SourceFrom},
};
use usher_api::Secret;
use usher_sources::{LdapBind, LdapChange, LdapSettings, LdapSync};

use super::{duration, read};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Add a file or a server that fills a directory.
    Add {
        name: String,
        #[arg(long)]
        directory: String,
        /// ldif, csv or ldap.
        #[arg(long)]
        kind: String,
        /// The file of an LDIF or CSV source.
        #[arg(long)]
        file: Option<String>,
        /// CSV: a second file with the columns group and member.
        #[arg(long)]
        memberships: Option<String>,
        /// CSV: its encoding (windows-1252, utf-16le); otherwise it is found.
        #[arg(long)]
        encoding: Option<String>,
        /// CSV: what separates two fields; otherwise it is found.
        #[arg(long)]
        separator: Option<char>,
        #[command(flatten)]
        ldap: Box<Ldap>,
        #[command(flatten)]
        schedule: Schedule,
        /// A TOML file with the settings of an LDAP source; flags win over it.
        #[arg(long)]
        settings: Option<String>,
    },
    /// Change settings; those that are not given stay. The next run reads everything.
    Set {
        name: String,
        #[command(flatten)]
        ldap: Box<Ldap>,
        #[command(flatten)]
        schedule: Schedule,
        #[command(flatten)]
        safeguard: Safeguard,
    },
    /// All sources.
    List,
    /// One source with its last run.
    Show { name: String },
    /// Look at its file or server step by step; nothing is changed.
    Test { name: String },
    /// What an import would do, and the first people and groups as they would become; nothing is changed.
    Preview {
        name: String,
        /// How many of them.
        #[arg(long, default_value_t = 5)]
        first: usize,
    },
    /// Import it.
    Sync {
        name: String,
        /// Only what changed since the last run, where the source can tell.
        #[arg(long)]
        changes: bool,
    },
    /// Its latest runs.
    Runs {
        name: String,
        /// How many at most.
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: Option<u16>,
    },
    /// Let the leavers go that the safeguard holds, and import again.
    Allow { name: String },
    /// Forget it; its people and groups stay as they are.
    Remove { name: String },
}

/// Where an LDAP source reads, as whom, and how.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "LDAP")]
pub(crate) struct Ldap {
    /// ldaps://host or ldap://host.
    #[arg(long)]
    url: Option<String>,
    /// The entry below which people and groups are read.
    #[arg(long)]
    base: Option<String>,
    /// As whom to bind.
    #[arg(long, conflicts_with = "external")]
    bind_dn: Option<String>,
    /// A file that holds the password, or - for standard input. It is kept sealed.
    #[arg(long)]
    bind_password_file: Option<String>,
    /// Bind by SASL EXTERNAL, as the certificate says.
    #[arg(long)]
    external: bool,
    /// StartTLS on ldap://.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    start_tls: Option<bool>,
    /// Let ldap:// go without TLS to another machine.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    plain: Option<bool>,
    /// A PEM file with the authorities to trust instead of the system's.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// A PEM file with the certificate to show.
    #[arg(long)]
    cert_file: Option<PathBuf>,
    /// The PEM file with its private key.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Which entries are people.
    #[arg(long)]
    user_filter: Option<String>,
    /// Which entries are groups.
    #[arg(long)]
    group_filter: Option<String>,
    /// Entries on a page; 0: without pages.
    #[arg(long)]
    page_size: Option<u32>,
    /// How changes are found: auto, syncrepl, timestamps, full.
    #[arg(long)]
    sync: Option<LdapSync>,
    /// A TOML file with another mapping, [users] and [groups].
    #[arg(long)]
    mapping_file: Option<String>,
}

/// When a server reads a source by itself.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Schedule")]
pub(crate) struct Schedule {
    /// How often changes are read: 5m, 1h, never [default: 5m of a server, never of files].
    #[arg(long, value_parser = seconds)]
    every: Option<u64>,
    /// How often everything is read: 12h, never; in place of a time of day.
    #[arg(long, value_parser = seconds, conflicts_with = "full_at")]
    full_every: Option<u64>,
    /// The time of day at which everything is read: 02:30, "02:30 Europe/Berlin" [default: 02:00 where the server stands].
    #[arg(long)]
    full_at: Option<String>,
}

impl From<Schedule> for ScheduleChange {
    fn from(Schedule { every, full_every, full_at }: Schedule) -> Self {
        Self { every, full_every, full_at }
    }
}

/// How many may leave in one run.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Safeguard")]
pub(crate) struct Safeguard {
    /// Percent of the active people; 100: no percentage.
    #[arg(long)]
    safeguard_percent: Option<u32>,
    /// The percentage counts from so many people on.
    #[arg(long)]
    safeguard_from: Option<u64>,
    /// Leavers in one run.
    #[arg(long)]
    safeguard_count: Option<u64>,
}

fn seconds(text: &str) -> Result<u64, String> {
    let given = duration(text)?.map_or(0, |duration| duration.as_secs());
    u64::try_from(given).map_err(|_| format!("{text:?} is no time like 5m"))
}

impl Ldap {
    fn parts(self) -> anyhow::Result<(LdapChange, Option<Secret>)> {
        let bind = match (self.bind_dn, self.external) {
            (Some(name), _) => Some(LdapBind::Simple(name)),
            (None, true) => Some(LdapBind::External),
            (None, false) => None,
        };
        let password = self.bind_password_file.map(|file| read(&file).map(Secret)).transpose()?;
        let change = LdapChange {
            url: self.url,
            base: self.base,
            bind,
            start_tls: self.start_tls,
            plain: self.plain,
            ca_file: self.ca_file,
            cert_file: self.cert_file,
            key_file: self.key_file,
            user_filter: self.user_filter,
            group_filter: self.group_filter,
            page_size: self.page_size,
            sync: self.sync,
            mapping: self.mapping_file.map(|file| read(&file)).transpose()?,
        };
        Ok((change, password))
    }
}

impl Command {
    pub(crate) fn request(self) -> anyhow::Result<Request> {
        Ok(Request::Source(match self {
            Self::Add {
                name,
                directory,
                kind,
                file,
                memberships,
                encoding,
                separator,
                ldap,
                schedule,
                settings,
            } => {
                let files = Files { file, memberships, encoding, separator };
                let from = from(&kind, files, *ldap, settings)?;
                Source::Add { name, directory, kind, from, schedule: schedule.into() }
            }
            Self::Set { name, ldap, schedule, safeguard } => {
                let (change, bind_password) = ldap.parts()?;
                Source::Set {
                    name,
                    ldap: Box::new(change),
                    bind_password,
                    schedule: schedule.into(),
                    safeguard: SafeguardChange {
                        percent: safeguard.safeguard_percent,
                        from: safeguard.safeguard_from,
                        count: safeguard.safeguard_count,
                    },
                }
            }
            Self::List => Source::List,
            Self::Show { name } => Source::Show { name },
            Self::Test { name } => Source::Test { name },
            Self::Preview { name, first } => Source::Preview { name, first },
            Self::Sync { name, changes } => Source::Sync { name, changes },
            Self::Runs { name, limit } => Source::Runs { name, limit: limit.map(usize::from) },
            Self::Allow { name } => Source::Allow { name },
            Self::Remove { name } => Source::Remove { name },
        }))
    }
}

/// What a source of files is told.
struct Files {
    file: Option<String>,
    memberships: Option<String>,
    encoding: Option<String>,
    separator: Option<char>,
}

fn from(kind: &str, files: Files, ldap: Ldap, settings: Option<String>) -> anyhow::Result<SourceFrom> {
    let Files { file, memberships, encoding, separator } = files;
    let (change, bind_password) = ldap.parts()?;
    if kind != "ldap" {
        if !change.is_empty() || bind_password.is_some() || settings.is_some() {
            bail!("the settings of a server belong to a source of kind ldap");
        }
        let file = file.with_context(|| format!("a source of kind {kind} needs --file"))?;
        return Ok(SourceFrom::Files { file, memberships, encoding, separator });
    }
    if file.is_some() || memberships.is_some() || encoding.is_some() || separator.is_some() {
        bail!("a source of kind ldap reads a server, not a file: an LDIF file is of kind ldif");
    }
    let mut whole = match settings {
        Some(file) => LdapSettings::from_toml(&read(&file)?)
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("in {file}"))?,
        None => {
            let needed = |given: &Option<String>| {
                given.clone().context("a source of kind ldap needs --url and --base")
            };
            LdapSettings::of(needed(&change.url)?, needed(&change.base)?)
        }
    };
    change.apply(&mut whole);
    if matches!(whole.bind, LdapBind::Simple(_)) && bind_password.is_none() {
        bail!("a name to bind as needs its password: --bind-password-file FILE, or - for standard input");
    }
    Ok(SourceFrom::Ldap { settings: Box::new(whole), bind_password })
}
