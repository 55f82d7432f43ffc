//! `usher people …`

use usher_admin::{Request, request::People};

use super::{Environment, Paging};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// The people of an account.
    List {
        account: String,
        #[command(flatten)]
        environment: Environment,
        #[command(flatten)]
        paging: Paging,
    },
    /// One person, by id or primary e-mail address.
    Show {
        account: String,
        person: String,
        #[command(flatten)]
        environment: Environment,
    },
}

impl Command {
    pub(crate) fn request(self) -> Request {
        Request::People(match self {
            Self::List { account, environment, paging } => People::List {
                account,
                environment: environment.environment,
                limit: paging.limit(),
                after: paging.after,
            },
            Self::Show { account, person, environment } => {
                People::Show { account, environment: environment.environment, person }
            }
        })
    }
}
