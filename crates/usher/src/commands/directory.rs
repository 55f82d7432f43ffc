//! `usher directory …`, `usher user …`, `usher group …`

use usher_admin::{Request, request::Directory};

use super::Paging;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a directory that sources fill and apps are provisioned from.
    Create { name: String },
    /// All directories.
    List,
    /// One directory.
    Show { name: String },
}

impl Command {
    pub(crate) fn request(self) -> Request {
        Request::Directory(match self {
            Self::Create { name } => Directory::Create { name },
            Self::List => Directory::List,
            Self::Show { name } => Directory::Show { name },
        })
    }
}

/// Users or groups of a directory.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Objects {
    /// All of a directory, soft-deleted ones too.
    List {
        #[arg(long)]
        directory: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// One, by id, userName or displayName.
    Show {
        name: String,
        #[arg(long)]
        directory: String,
    },
}

impl Objects {
    /// `kind`: `users` or `groups`.
    pub(crate) fn request(self, kind: &str) -> Request {
        let kind = kind.into();
        Request::Directory(match self {
            Self::List { directory, paging } => {
                Directory::Objects { directory, kind, limit: paging.limit(), after: paging.after }
            }
            Self::Show { name, directory } => Directory::Object { directory, kind, name },
        })
    }
}
