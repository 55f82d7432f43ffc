//! `usher organization …` and `usher site …`

use usher_admin::{
    Request,
    request::{Unit, UnitAct},
};

use super::{Environment, Paging};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make one. A SCIM group of its name is linked to it.
    Create {
        account: String,
        name: String,
        #[command(flatten)]
        environment: Environment,
    },
    /// All of an account.
    List {
        account: String,
        #[command(flatten)]
        environment: Environment,
        #[command(flatten)]
        paging: Paging,
    },
    /// Disable one: it is chosen for nobody any more.
    Disable {
        account: String,
        name: String,
        #[command(flatten)]
        environment: Environment,
    },
    /// Enable it again.
    Enable {
        account: String,
        name: String,
        #[command(flatten)]
        environment: Environment,
    },
}

impl Command {
    /// `kind`: `organization` or `site`.
    pub(crate) fn request(self, kind: &str) -> Request {
        let (account, environment, act) = match self {
            Self::Create { account, name, environment } => (account, environment, UnitAct::Create { name }),
            Self::List { account, environment, paging } => {
                (account, environment, UnitAct::List { limit: paging.limit(), after: paging.after })
            }
            Self::Disable { account, name, environment } => (account, environment, UnitAct::Disable { name }),
            Self::Enable { account, name, environment } => (account, environment, UnitAct::Enable { name }),
        };
        Request::Unit(Unit { kind: kind.into(), account, environment: environment.environment, act })
    }
}
