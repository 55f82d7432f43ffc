//! `usher records ACCOUNT …`

use usher_admin::{Request, request::Record};

use super::{Environment, Paging};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = false)]
pub(crate) struct Command {
    account: String,
    #[command(flatten)]
    environment: Environment,
    /// users or groups; otherwise both.
    #[arg(long)]
    kind: Option<String>,
    /// provisioned or updated: the newest first.
    #[arg(long, default_value = "provisioned")]
    sort: String,
    /// Only those that are not in order.
    #[arg(long)]
    errors: bool,
    #[command(flatten)]
    paging: Paging,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// One record with what the rules did.
    Show { id: String },
    /// Delete a record, so that the identity provider makes it anew; the person stays.
    Delete {
        id: String,
        /// End the person's access as well.
        #[arg(long)]
        disable: bool,
        /// End the person's access, and take whoever it was out of everything that is kept, the trail included.
        #[arg(long)]
        erase: bool,
    },
}

impl Command {
    pub(crate) fn request(self) -> Request {
        let (account, environment) = (self.account, self.environment.environment);
        Request::Record(match self.act {
            Some(Act::Show { id }) => Record::Show { account, environment, id },
            Some(Act::Delete { id, disable, erase }) => {
                Record::Delete { account, environment, id, disable, erase }
            }
            None => Record::List {
                account,
                environment,
                kind: self.kind,
                sort: self.sort,
                errors: self.errors,
                limit: self.paging.limit(),
                after: self.paging.after,
            },
        })
    }
}
