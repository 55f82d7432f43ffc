//! `usher guard ACCOUNT …`

use usher_admin::{
    Request,
    request::{Guard, GuardAct},
};

use super::{Environment, Paging};

#[derive(Debug, clap::Args)]
pub(crate) struct Command {
    account: String,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// What people would lose and do not for now, and what was rejected.
    List {
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        environment: Environment,
    },
    /// Let it happen: all that waits, or what is held (or was rejected) of these users.
    Release {
        /// A userName or SCIM id; may be given several times.
        #[arg(long = "user")]
        users: Vec<String>,
        #[command(flatten)]
        environment: Environment,
    },
    /// Refuse it: people keep what they have, and their records are listed as diverged.
    Reject {
        /// A userName or SCIM id; may be given several times.
        #[arg(long = "user")]
        users: Vec<String>,
        /// Why, for whoever looks at the record later.
        #[arg(long)]
        why: Option<String>,
        #[command(flatten)]
        environment: Environment,
    },
}

impl Command {
    pub(crate) fn request(self) -> Request {
        let (environment, act) = match self.act {
            Act::List { paging, environment } => {
                (environment, GuardAct::List { limit: paging.limit(), after: paging.after })
            }
            Act::Release { users, environment } => (environment, GuardAct::Release { users }),
            Act::Reject { users, why, environment } => (environment, GuardAct::Reject { users, why }),
        };
        Request::Guard(Guard { account: self.account, environment: environment.environment, act })
    }
}
