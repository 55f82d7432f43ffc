//! `usher app …`

use anyhow::{Context, bail};
use usher_admin::{
    Request,
    request::{App, RowChange},
};
use usher_api::Secret;

use super::read;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Add an app from the gallery. It is off at first.
    Add {
        name: String,
        /// A name of `usher gallery list`.
        #[arg(long = "from")]
        template: String,
        #[arg(long)]
        directory: String,
        /// Where the app's SCIM service is, e.g. https://api.example.com/scim/v2.
        #[arg(long)]
        tenant_url: String,
        /// A file that holds the secret token, or - for standard input.
        #[arg(long)]
        secret_token_file: String,
    },
    /// All apps.
    List,
    /// One app with its assignments and settings.
    Show { name: String },
    /// Forget an app with its links and log; the accounts in it stay as they are.
    Remove { name: String },
    /// Set KEY=VALUE; `usher app show` has the keys.
    Set {
        name: String,
        #[arg(required = true)]
        settings: Vec<String>,
    },
    /// Replace the secret token. The new one is tested first; if the app refuses it, the old one stays.
    Credentials {
        name: String,
        /// A file that holds the secret token, or - for standard input.
        #[arg(long)]
        secret_token_file: String,
    },
    /// Test the connection step by step; nothing is changed.
    Test { name: String },
    /// Assign a user or a group.
    Assign {
        name: String,
        #[command(flatten)]
        who: Who,
        /// The app role; otherwise the app's default.
        #[arg(long)]
        role: Option<String>,
    },
    /// Take an assignment away.
    Unassign {
        name: String,
        #[command(flatten)]
        who: Who,
    },
    /// Who is provisioned: assigned users and groups, or all.
    Scope {
        name: String,
        #[arg(value_parser = ["assigned", "all"])]
        scope: String,
    },
    /// The mapping of users or groups.
    #[command(subcommand)]
    Mapping(Mapping),
    /// Let cycles run by themselves.
    Start { name: String },
    /// No more cycles by themselves; what was reached is kept.
    Stop { name: String },
    /// Begin anew: everybody is looked at again. Accounts stay as they are.
    Restart {
        name: String,
        /// What is forgotten: watermark, escrows, quarantine, links, all; several with commas [default: watermark,escrows,quarantine]
        #[arg(long, default_value = "", hide_default_value = true)]
        reset: String,
    },
    /// What a cycle would do; nothing is changed. Exit status 3: it would change something.
    Plan {
        name: String,
        /// Only these users.
        #[arg(long = "user")]
        users: Vec<String>,
    },
    /// Run a cycle now.
    Sync { name: String },
    /// Provision one user or group now, step by step, whether or not the app is on. Nobody else is touched.
    Provision {
        name: String,
        #[command(flatten)]
        who: Who,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Why a user or group is in or out, what would change, and by which rule. Without NAME: of every app.
    Explain {
        name: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Where it stands.
    Status { name: String },
    /// The provisioning log, the newest first.
    Logs {
        name: String,
        #[arg(long)]
        user: Option<String>,
        /// success, failure, skipped or warning.
        #[arg(long)]
        status: Option<String>,
        #[arg(long)]
        cycle: Option<String>,
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: Option<u32>,
    },
    /// Let the leavers go that the deletion threshold holds.
    AllowDeletes { name: String },
}

/// A user or a group.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Who {
    /// userName or id.
    #[arg(long)]
    user: Option<String>,
    /// displayName or id.
    #[arg(long)]
    group: Option<String>,
}

impl Who {
    fn parts(self) -> anyhow::Result<(String, String)> {
        match (self.user, self.group) {
            (Some(user), _) => Ok(("user".into(), user)),
            (_, Some(group)) => Ok(("group".into(), group)),
            _ => bail!("say who, with --user or --group"),
        }
    }
}

/// `usher app mapping …`
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Mapping {
    /// Print it as TOML.
    Show {
        name: String,
        #[arg(long, default_value = "users")]
        kind: String,
    },
    /// Set what one target attribute gets, e.g. title 'Coalesce([jobTitle], "Staff")'.
    Set {
        name: String,
        target: String,
        expression: Option<String>,
        /// A text, instead of an expression.
        #[arg(long, conflicts_with = "expression")]
        constant: Option<String>,
        /// In place of a null when somebody is created; empty for none.
        #[arg(long)]
        default: Option<String>,
        /// The precedence as a matching property, from 1; 0: it is none.
        #[arg(long = "match")]
        matching: Option<u32>,
        /// add_values takes nothing away from a multi-valued attribute.
        #[arg(long, value_parser = ["always", "on_create", "add_values"])]
        when: Option<String>,
        /// What a null does to somebody who is there.
        #[arg(long, value_parser = ["skip", "clear"])]
        nulls: Option<String>,
        /// Map the attribute no longer.
        #[arg(long, conflicts_with_all = ["expression", "constant", "default", "matching", "when", "nulls"])]
        remove: bool,
        #[arg(long, default_value = "users")]
        kind: String,
        /// Although golden cases fail.
        #[arg(long)]
        force: bool,
    },
    /// Replace it by a file's (- for standard input): TOML, or a synchronization schema downloaded from Entra ID.
    Import {
        name: String,
        file: String,
        /// users or groups; otherwise all that the file has.
        #[arg(long)]
        kind: Option<String>,
        /// Otherwise by the file's content.
        #[arg(long, value_parser = ["toml", "entra"])]
        format: Option<String>,
        /// Whether regular expressions in scoping filters must match the whole value or a part of it.
        #[arg(long, value_parser = ["whole", "part"])]
        anchor: Option<String>,
        /// Only say what would become of it.
        #[arg(long)]
        dry_run: bool,
        /// Although golden cases fail or not all of a scoping filter is understood.
        #[arg(long)]
        force: bool,
    },
    /// Write it, for users and groups.
    Export {
        name: String,
        #[arg(long, default_value = "toml", value_parser = ["toml", "entra"])]
        format: String,
        /// A file; otherwise standard output.
        #[arg(short, long)]
        output: Option<String>,
    },
    /// Run the golden cases that stand beside it.
    Test { name: String },
    /// Go back to the gallery's; golden cases stay.
    Reset {
        name: String,
        #[arg(long, default_value = "users")]
        kind: String,
        /// Although golden cases fail.
        #[arg(long)]
        force: bool,
    },
}

impl Command {
    /// The file that the answer goes to.
    pub(crate) fn output(&self) -> Option<String> {
        match self {
            Self::Mapping(Mapping::Export { output, .. }) => output.clone(),
            _ => None,
        }
    }

    /// One request, or one a setting.
    pub(crate) fn requests(self) -> anyhow::Result<Vec<Request>> {
        let request = match self {
            Self::Set { name, settings } => {
                return settings
                    .iter()
                    .map(|setting| {
                        let (key, value) = setting.split_once('=').context("a setting is KEY=VALUE")?;
                        let set = App::Set { name: name.clone(), key: key.into(), value: value.into() };
                        Ok(Request::App(Box::new(set)))
                    })
                    .collect();
            }
            Self::Add { name, template, directory, tenant_url, secret_token_file } => {
                App::Add { name, template, directory, tenant_url, token: Secret(read(&secret_token_file)?) }
            }
            Self::List => App::List,
            Self::Show { name } => App::Show { name },
            Self::Remove { name } => App::Remove { name },
            Self::Credentials { name, secret_token_file } => {
                App::Credentials { name, token: Secret(read(&secret_token_file)?) }
            }
            Self::Test { name } => App::Test { name },
            Self::Assign { name, who, role } => {
                let (kind, who) = who.parts()?;
                App::Assign { name, kind, who, role }
            }
            Self::Unassign { name, who } => {
                let (kind, who) = who.parts()?;
                App::Unassign { name, kind, who }
            }
            Self::Scope { name, scope } => App::Scope { name, scope },
            Self::Mapping(mapping) => mapping.request()?,
            Self::Start { name } => App::Start { name },
            Self::Stop { name } => App::Stop { name },
            Self::Restart { name, reset } => App::Restart { name, reset },
            Self::Plan { name, users } => App::Plan { name, users },
            Self::Sync { name } => App::Sync { name },
            Self::Provision { name, who, dry_run } => {
                let (kind, who) = who.parts()?;
                App::Provision { name, kind, who, dry_run }
            }
            Self::Explain { name, who } => {
                let (kind, who) = who.parts()?;
                App::Explain { name, kind, who }
            }
            Self::Status { name } => App::Status { name },
            Self::Logs { name, user, status, cycle, limit } => {
                App::Logs { name, user, status, cycle, limit: limit.map(|limit| limit as usize) }
            }
            Self::AllowDeletes { name } => App::AllowDeletes { name },
        };
        Ok(vec![Request::App(Box::new(request))])
    }
}

impl Mapping {
    fn request(self) -> anyhow::Result<App> {
        Ok(match self {
            Self::Show { name, kind } => App::MappingShow { name, kind },
            Self::Set {
                name,
                target,
                expression,
                constant,
                default,
                matching,
                when,
                nulls,
                remove,
                kind,
                force,
            } => {
                let change = RowChange { expression, constant, default, matching, when, nulls, remove };
                App::MappingSet { name, kind, target, change, force }
            }
            Self::Import { name, file, kind, format, anchor, dry_run, force } => {
                App::MappingImport { name, kind, text: read(&file)?, format, anchor, dry_run, force }
            }
            Self::Export { name, format, .. } => App::MappingExport { name, format },
            Self::Test { name } => App::MappingTest { name },
            Self::Reset { name, kind, force } => App::MappingReset { name, kind, force },
        })
    }
}
