//! `usher group …`

use usher_admin::{
    Request,
    request::{Object, ObjectAct},
};

use super::{Paging, user::Any};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Any(Any),
    /// Add users (or groups) to a group.
    Add {
        directory: String,
        group: String,
        #[arg(required = true)]
        users: Vec<String>,
    },
    /// Take users (or groups) out of a group.
    Remove {
        directory: String,
        group: String,
        #[arg(required = true)]
        users: Vec<String>,
    },
    /// The members of a group.
    Members {
        directory: String,
        group: String,
        #[command(flatten)]
        paging: Paging,
    },
}

impl Command {
    pub(crate) fn request(self) -> anyhow::Result<Request> {
        let (directory, act) = match self {
            Self::Any(any) => return any.request("groups"),
            Self::Add { directory, group, users } => {
                (directory, ObjectAct::AddMembers { name: group, members: users })
            }
            Self::Remove { directory, group, users } => {
                (directory, ObjectAct::RemoveMembers { name: group, members: users })
            }
            Self::Members { directory, group, paging } => {
                let limit = paging.limit();
                (directory, ObjectAct::Members { name: group, after: paging.after, limit })
            }
        };
        Ok(Request::Object(Object { directory, kind: "groups".into(), act }))
    }
}
