//! `usher user …`, and what users and groups have in common.

use anyhow::Context;
use usher_admin::{
    Request,
    request::{Edit, Object, ObjectAct},
};

use super::{Paging, read};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Any(Any),
    /// End a user's access to every app; nothing is lost.
    Disable { directory: String, user: String },
    /// Give a disabled user the accounts back.
    Enable { directory: String, user: String },
    /// Never disable, delete or empty a user in any app; the attempt is an error with a mail.
    Protect {
        directory: String,
        user: String,
        /// No longer.
        #[arg(long)]
        off: bool,
    },
}

/// What can be done with a user or a group. A name is an id, a userName (displayName) or an externalId.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Any {
    /// Make one.
    Create {
        directory: String,
        #[command(flatten)]
        edit: Values,
    },
    /// Change attributes.
    Set {
        directory: String,
        name: String,
        #[command(flatten)]
        edit: Values,
    },
    /// One with groups or members, as SCIM JSON: usher user show DIRECTORY NAME.
    Show {
        #[arg(required = true, num_args = 1..=2, value_names = ["DIRECTORY", "NAME"])]
        words: Vec<String>,
        /// The directory, where it is not named first.
        #[arg(long = "directory", hide = true)]
        within: Option<String>,
    },
    /// All of a directory, deleted ones too.
    List {
        #[arg(required_unless_present = "within", conflicts_with = "within")]
        directory: Option<String>,
        #[arg(long = "directory", hide = true)]
        within: Option<String>,
        /// Only those a SCIM filter finds, e.g. 'title eq "Boss"'; deleted ones are left out.
        #[arg(long)]
        filter: Option<String>,
        /// Only deleted ones.
        #[arg(long)]
        deleted: bool,
        #[command(flatten)]
        paging: Paging,
    },
    /// Delete: inactive everywhere at once, removed after 30 days.
    Delete {
        directory: String,
        name: String,
        /// Remove for good, now.
        #[arg(long)]
        hard: bool,
    },
    /// Bring back who was deleted, with all accounts.
    Restore {
        directory: String,
        name: String,
        #[command(flatten)]
        edit: Values,
    },
}

/// Attributes with their values.
#[derive(Debug, clap::Args)]
pub(crate) struct Values {
    /// ATTRIBUTE=VALUE, a SCIM path or a name such as mail; without a value it is cleared. May be given several times.
    #[arg(long)]
    set: Vec<String>,
    /// A file with a SCIM resource in JSON, or - for standard input; what it leaves out stays.
    #[arg(long)]
    file: Option<String>,
}

impl Values {
    fn edit(self) -> anyhow::Result<Edit> {
        let mut set = Vec::with_capacity(self.set.len());
        for one in self.set {
            // Filters within a path are spelled with `eq`: the first `=` ends the path.
            let at = one.find('=').with_context(|| format!("--set takes ATTRIBUTE=VALUE, not {one:?}"))?;
            set.push((one[..at].trim().to_owned(), one[at + 1..].to_owned()));
        }
        let document = match &self.file {
            Some(file) => {
                let text = read(file)?;
                Some(serde_json::from_str(&text).with_context(|| format!("{file} holds no JSON object"))?)
            }
            None => None,
        };
        Ok(Edit { document, set })
    }

    /// At least one.
    fn some(self) -> anyhow::Result<Edit> {
        anyhow::ensure!(
            !self.set.is_empty() || self.file.is_some(),
            "say what to write: --set ATTRIBUTE=VALUE or --file FILE"
        );
        self.edit()
    }
}

impl Any {
    /// `kind`: `users` or `groups`.
    pub(crate) fn request(self, kind: &str) -> anyhow::Result<Request> {
        let (directory, act) = match self {
            Self::Create { directory, edit } => (directory, ObjectAct::Create { edit: edit.some()? }),
            Self::Set { directory, name, edit } => (directory, ObjectAct::Set { name, edit: edit.some()? }),
            Self::Show { words, within } => {
                let mut words = words.into_iter();
                let (first, second) = (words.next(), words.next());
                match (first, second, within) {
                    (Some(directory), Some(name), None) => (directory, ObjectAct::Show { name }),
                    (Some(name), None, Some(directory)) => (directory, ObjectAct::Show { name }),
                    _ => anyhow::bail!("name a directory and who in it: show DIRECTORY NAME"),
                }
            }
            Self::List { directory, within, filter, deleted, paging } => {
                let directory = directory.or(within).context("name a directory: list DIRECTORY")?;
                let limit = paging.limit();
                (directory, ObjectAct::List { filter, deleted, after: paging.after, limit })
            }
            Self::Delete { directory, name, hard } => (directory, ObjectAct::Delete { name, hard }),
            Self::Restore { directory, name, edit } => {
                (directory, ObjectAct::Restore { name, edit: edit.edit()? })
            }
        };
        Ok(Request::Object(Object { directory, kind: kind.into(), act }))
    }
}

impl Command {
    pub(crate) fn request(self) -> anyhow::Result<Request> {
        let (directory, name, active) = match self {
            Self::Any(any) => return any.request("users"),
            Self::Disable { directory, user } => (directory, user, false),
            Self::Enable { directory, user } => (directory, user, true),
            Self::Protect { directory, user, off } => {
                let act = ObjectAct::Protect { name: user, off };
                return Ok(Request::Object(Object { directory, kind: "users".into(), act }));
            }
        };
        Ok(Request::Object(Object {
            directory,
            kind: "users".into(),
            act: ObjectAct::Activate { name, active },
        }))
    }
}
