//! `usher app …`

mod attribute;
mod filter;
mod mapping;

use anyhow::{Context, bail};
use usher_admin::{
    Request,
    request::{App, GroupAct, LogFilter, OAuth, Terms},
};
use usher_api::Secret;

use self::{attribute::Attribute, filter::Filter, mapping::Mapping};
use super::read;
use crate::print::log::Listing;

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
    /// Replace the secret token, or the OAuth 2 client that fetches tokens. Tested first; if it does not work, the old one stays.
    Credentials {
        name: String,
        #[command(flatten)]
        secrets: Secrets,
    },
    /// Move to a tenant URL at another host. Tested first.
    Move {
        name: String,
        url: String,
        /// same: the accounts there are the ones that are linked, and some are looked for first. other: another tenant; the links are
        /// forgotten, and the app is off until it is started.
        #[arg(long, value_parser = ["same", "other"])]
        accounts: String,
        #[command(flatten)]
        secrets: Secrets,
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
        /// Members of the groups in the group get accounts too, at any depth.
        #[arg(long, requires = "group")]
        nested: bool,
        /// ATTRIBUTE=VALUE of the app, where the mapping gives none; can be repeated.
        #[arg(long = "set", value_name = "ATTRIBUTE=VALUE")]
        values: Vec<String>,
        /// The values win over the mapping's.
        #[arg(long = "override", requires = "values")]
        overrides: bool,
        /// Among groups that set the same attribute, the smaller number wins [default: 100]; one's own assignment beats groups
        #[arg(long, hide_default_value = true)]
        priority: Option<i64>,
    },
    /// Push a group, its object and membership, whether or not its members are assigned.
    #[command(subcommand)]
    Group(Group),
    /// Which account or group of the app stands for a user or group.
    #[command(subcommand)]
    Link(Link),
    /// Never disable, delete or empty a user in the app; the attempt is an error with a mail.
    Protect {
        name: String,
        #[arg(long)]
        user: String,
        /// No longer.
        #[arg(long)]
        off: bool,
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
        /// Whomever it touches.
        #[arg(long)]
        yes: bool,
    },
    /// The scoping filters: who of them in scope is provisioned.
    #[command(subcommand)]
    Filter(Filter),
    /// The mapping of users or groups.
    #[command(subcommand)]
    Mapping(Mapping),
    /// The attributes that users and groups of the app can have.
    #[command(subcommand)]
    Attribute(Attribute),
    /// Let cycles run by themselves.
    Start {
        name: String,
        /// Stop after so many accounts and groups were made or taken over; the next start goes on.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        first: Option<u64>,
    },
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
        #[arg(long, conflicts_with = "user")]
        group: Option<String>,
        /// create, update, disable, delete, stageddelete or other.
        #[arg(long)]
        action: Option<String>,
        /// An error code, e.g. DuplicateTargetEntries.
        #[arg(long)]
        code: Option<String>,
        /// Not before, e.g. 2026-11-02T08:00:00Z.
        #[arg(long)]
        since: Option<String>,
        /// Before.
        #[arg(long)]
        until: Option<String>,
        /// Where the answer before ended.
        #[arg(long)]
        after: Option<String>,
        /// table, json or csv (a row for each modified property).
        #[arg(long, default_value = "table", value_parser = ["table", "json", "csv"])]
        format: String,
        /// Go on printing what comes, the oldest first, until it is interrupted.
        #[arg(short, long)]
        follow: bool,
        /// success, failure, skipped or warning.
        #[arg(long)]
        status: Option<String>,
        #[arg(long)]
        cycle: Option<String>,
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: Option<u32>,
    },
    /// Let the leavers go that the deletion threshold holds.
    AllowDeletes {
        name: String,
        /// Only these users or groups: a name or an id; can be repeated.
        #[arg(long)]
        only: Vec<String>,
    },
    /// Let those be made whom the setting creates_max holds.
    AllowCreates { name: String },
}

/// What opens an app.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("secret").required(true))]
pub(crate) struct Secrets {
    /// A file that holds the secret token, or - for standard input.
    #[arg(long, group = "secret")]
    secret_token_file: Option<String>,
    /// When the token expires: 30d, a date, a time or never; otherwise as the gallery says.
    #[arg(long)]
    token_expires: Option<String>,
    /// A file that holds the OAuth client's secret, or - for standard input.
    #[arg(long, group = "secret", requires_all = ["oauth_token_url", "oauth_client_id"])]
    oauth_client_secret_file: Option<String>,
    /// Where tokens are fetched, e.g. https://login.example.com/oauth2/token.
    #[arg(long, requires = "oauth_client_secret_file")]
    oauth_token_url: Option<String>,
    #[arg(long, requires = "oauth_client_secret_file")]
    oauth_client_id: Option<String>,
    /// Names with blanks between them.
    #[arg(long, requires = "oauth_client_secret_file")]
    oauth_scope: Option<String>,
}

impl Secrets {
    /// The secret, the client whose secret it is, and when it expires.
    fn parts(self) -> anyhow::Result<(Secret, Option<OAuth>, Option<String>)> {
        let file = self.secret_token_file.or(self.oauth_client_secret_file);
        let oauth = self.oauth_token_url.zip(self.oauth_client_id);
        let scope = self.oauth_scope;
        let oauth = oauth.map(|(token_url, client_id)| OAuth { token_url, client_id, scope });
        Ok((Secret(read(&file.context("name a file with the secret")?)?), oauth, self.token_expires))
    }
}

/// `usher app group …`
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Group {
    /// Keep the group in step; made in the app, or matched by its name.
    Push(OneGroup),
    /// Send nothing of it until it is resumed.
    Pause(OneGroup),
    /// Go on, with what changed meanwhile.
    Resume(OneGroup),
    /// Provision it now and overwrite its membership in the app.
    PushNow(OneGroup),
    /// Whether the group in the app gets the directory's name.
    Rename {
        #[command(flatten)]
        group: OneGroup,
        #[arg(value_parser = ["on", "off"])]
        to: String,
    },
    /// Link it to a group of the app by its id there. Who is in it stays.
    Link {
        #[command(flatten)]
        group: OneGroup,
        /// The id in the app.
        #[arg(long)]
        to: String,
        /// Give it the directory's name.
        #[arg(long)]
        rename: bool,
    },
    /// Push it no longer. Accounts are not touched.
    #[command(group = clap::ArgGroup::new("end").required(true))]
    Unlink {
        #[command(flatten)]
        group: OneGroup,
        /// The group stays in the app.
        #[arg(long, group = "end")]
        leave: bool,
        /// The group is deleted in the app.
        #[arg(long, group = "end")]
        delete: bool,
    },
}

/// A group in an app.
#[derive(Debug, clap::Args)]
pub(crate) struct OneGroup {
    /// The app.
    name: String,
    /// displayName or id.
    #[arg(long)]
    group: String,
}

impl Group {
    fn request(self) -> App {
        let (one, act) = match self {
            Self::Push(one) => (one, GroupAct::Push),
            Self::Pause(one) => (one, GroupAct::Pause),
            Self::Resume(one) => (one, GroupAct::Resume),
            Self::PushNow(one) => (one, GroupAct::PushNow),
            Self::Rename { group, to } => (group, GroupAct::Rename { on: to == "on" }),
            Self::Link { group, to, rename } => (group, GroupAct::Link { to, rename }),
            Self::Unlink { group, delete, .. } => (group, GroupAct::Unlink { delete }),
        };
        App::Group { name: one.name, group: one.group, act }
    }
}

/// `usher app link …`
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Link {
    /// The account or group, its state, and what was last written.
    Show {
        name: String,
        #[command(flatten)]
        who: Who,
    },
    /// Forget it; what it stood for stays in the app and is matched again by the next cycle.
    Delete {
        name: String,
        #[command(flatten)]
        who: Who,
    },
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

impl Command {
    /// The file that the answer goes to.
    pub(crate) fn output(&self) -> Option<String> {
        match self {
            Self::Mapping(Mapping::Export { output, .. }) => output.clone(),
            _ => None,
        }
    }

    /// How the log is printed, where it is asked for.
    pub(crate) fn listing(&self) -> Option<Listing> {
        match self {
            Self::Logs { format, follow, .. } => Some(Listing { format: format.clone(), follow: *follow }),
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
            Self::Credentials { name, secrets } => {
                let (token, oauth, expires) = secrets.parts()?;
                App::Credentials { name, token, oauth, expires }
            }
            Self::Move { name, url, accounts, secrets } => {
                let (token, oauth, expires) = secrets.parts()?;
                App::Move { name, url, accounts, token, oauth, expires }
            }
            Self::Test { name } => App::Test { name },
            Self::Assign { name, who, role, nested, values, overrides, priority } => {
                let (kind, who) = who.parts()?;
                let pair = |set: &String| {
                    let (name, value) = set.split_once('=').context("--set takes ATTRIBUTE=VALUE")?;
                    Ok::<_, anyhow::Error>((name.trim().to_owned(), value.to_owned()))
                };
                let values = values.iter().map(pair).collect::<Result<_, _>>()?;
                App::Assign { name, kind, who, role, terms: Terms { nested, priority, overrides, values } }
            }
            Self::Group(group) => group.request(),
            Self::Link(Link::Show { name, who }) => {
                let (kind, who) = who.parts()?;
                App::Link { name, kind, who, delete: false }
            }
            Self::Link(Link::Delete { name, who }) => {
                let (kind, who) = who.parts()?;
                App::Link { name, kind, who, delete: true }
            }
            Self::Protect { name, user, off } => App::Protect { name, user, off },
            Self::Unassign { name, who } => {
                let (kind, who) = who.parts()?;
                App::Unassign { name, kind, who }
            }
            Self::Scope { name, scope, yes } => App::Scope { name, scope, yes },
            Self::Filter(filter) => filter.request(),
            Self::Mapping(mapping) => mapping.request()?,
            Self::Attribute(attribute) => attribute.request(),
            Self::Start { name, first } => App::Start { name, first },
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
            Self::Logs {
                name,
                user,
                group,
                status,
                action,
                code,
                cycle,
                since,
                until,
                after,
                limit,
                follow,
                ..
            } => {
                let limit = limit.map(|limit| limit as usize);
                // What comes from now on, unless a beginning is named.
                let now = || jiff::Timestamp::now().to_string();
                let since = since.or_else(|| (follow && after.is_none()).then(now));
                let more = LogFilter { group, action, code, since, until, oldest_first: follow, after };
                App::Logs { name, user, status, cycle, limit, more: Box::new(more) }
            }
            Self::AllowDeletes { name, only } => App::AllowDeletes { name, only },
            Self::AllowCreates { name } => App::AllowCreates { name },
        };
        Ok(vec![Request::App(Box::new(request))])
    }
}
