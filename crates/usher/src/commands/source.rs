//! `usher source …`

use usher_admin::{Request, request::Source};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Add a file that fills a directory.
    Add {
        name: String,
        #[arg(long)]
        directory: String,
        /// ldif or csv.
        #[arg(long)]
        kind: String,
        #[arg(long)]
        file: String,
        /// CSV: a second file with the columns group and member.
        #[arg(long)]
        memberships: Option<String>,
        /// CSV: its encoding (windows-1252, utf-16le); otherwise it is found.
        #[arg(long)]
        encoding: Option<String>,
        /// CSV: what separates two fields; otherwise it is found.
        #[arg(long)]
        separator: Option<char>,
    },
    /// All sources.
    List,
    /// One source with its last run.
    Show { name: String },
    /// Look at its file step by step; nothing is changed.
    Test { name: String },
    /// Import it.
    Sync { name: String },
    /// Let the leavers go that the safeguard holds, and import again.
    Allow { name: String },
    /// Forget it; its people and groups stay as they are.
    Remove { name: String },
}

impl Command {
    pub(crate) fn request(self) -> Request {
        Request::Source(match self {
            Self::Add { name, directory, kind, file, memberships, encoding, separator } => {
                Source::Add { name, directory, kind, file, memberships, encoding, separator }
            }
            Self::List => Source::List,
            Self::Show { name } => Source::Show { name },
            Self::Test { name } => Source::Test { name },
            Self::Sync { name } => Source::Sync { name },
            Self::Allow { name } => Source::Allow { name },
            Self::Remove { name } => Source::Remove { name },
        })
    }
}
