//! `usher admin …`

use usher_admin::{Request, request::Role};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Who may do what in an account.
    #[command(subcommand)]
    Role(RoleCommand),
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum RoleCommand {
    /// Give a person a role, in place of the one they have there.
    Grant {
        /// The person, as an e-mail address.
        who: String,
        /// owner (tokens, and who else has a role) or administrator (records, rules, people, organizations, sites).
        role: String,
        /// In which account.
        #[arg(long)]
        account: String,
    },
    /// Take a person's role away.
    Revoke {
        who: String,
        /// In which account.
        #[arg(long)]
        account: String,
    },
    /// Who has which role.
    List {
        /// In which account.
        #[arg(long)]
        account: String,
    },
}

impl Command {
    pub(crate) fn request(self) -> Request {
        let Self::Role(command) = self;
        Request::Role(match command {
            RoleCommand::Grant { who, role, account } => Role::Grant { account, who, role },
            RoleCommand::Revoke { who, account } => Role::Revoke { account, who },
            RoleCommand::List { account } => Role::List { account },
        })
    }
}
