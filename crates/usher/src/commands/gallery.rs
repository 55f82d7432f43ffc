//! `usher gallery …`

use usher_admin::{Request, request::Gallery};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// All apps that can be added.
    List,
    /// One, with its mappings.
    Show { name: String },
}

impl Command {
    pub(crate) fn request(self) -> Request {
        Request::Gallery(match self {
            Self::List => Gallery::List,
            Self::Show { name } => Gallery::Show { name },
        })
    }
}
