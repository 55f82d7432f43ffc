//! `usher organization …` and `usher site …`

use anyhow::Context;
use usher_admin::{
    Request,
    request::{Unit, UnitAct},
};
use usher_sources::sheet::Sheet;

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
        /// Only the one of that name, whole, ignoring case.
        #[arg(long)]
        name: Option<String>,
        /// Only disabled ones (true), or only the others (false).
        #[arg(long, num_args = 0..=1, default_missing_value = "true")]
        disabled: Option<bool>,
        #[command(flatten)]
        paging: Paging,
    },
    /// One of them, by id or name.
    Show {
        account: String,
        name: String,
        #[command(flatten)]
        environment: Environment,
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
    /// Make all that a CSV file names: column name, and disabled (true or false) where some are to be. All of it, or nothing.
    Import {
        account: String,
        /// The file; encoding and separator are found.
        file: std::path::PathBuf,
        #[command(flatten)]
        environment: Environment,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

impl Command {
    /// `kind`: `organization` or `site`.
    pub(crate) fn request(self, kind: &str) -> anyhow::Result<Request> {
        let (account, environment, act) = match self {
            Self::Create { account, name, environment } => (account, environment, UnitAct::Create { name }),
            Self::List { account, environment, name, disabled, paging } => {
                let act = UnitAct::List { name, disabled, limit: paging.limit(), after: paging.after };
                (account, environment, act)
            }
            Self::Show { account, name, environment } => (account, environment, UnitAct::Show { name }),
            Self::Disable { account, name, environment } => (account, environment, UnitAct::Disable { name }),
            Self::Enable { account, name, environment } => (account, environment, UnitAct::Enable { name }),
            Self::Import { account, file, environment, dry_run } => {
                let sheet = Sheet::read(&file).with_context(|| file.display().to_string())?;
                (account, environment, UnitAct::Import { sheet, dry_run })
            }
        };
        Ok(Request::Unit(Unit { kind: kind.into(), account, environment: environment.environment, act }))
    }
}
