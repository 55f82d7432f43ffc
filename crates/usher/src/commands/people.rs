//! `usher people …`

use usher_admin::{
    Request,
    request::{People, PeopleFilter},
};

use super::{Environment, Paging};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// The people of an account.
    List {
        account: String,
        #[command(flatten)]
        environment: Environment,
        #[command(flatten)]
        filter: Filter,
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
            Self::List { account, environment, filter, paging } => People::List {
                account,
                environment: environment.environment,
                filter: filter.into(),
                limit: paging.limit(),
                after: paging.after,
            },
            Self::Show { account, person, environment } => {
                People::Show { account, environment: environment.environment, person }
            }
        })
    }
}

/// Which people a list is of: all of these hold.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Filter {
    /// Primary e-mail address, whole.
    #[arg(long)]
    email: Option<String>,
    /// Organization, by id or name.
    #[arg(long)]
    organization: Option<String>,
    /// Site, by id or name.
    #[arg(long)]
    site: Option<String>,
    /// Manager, by id or primary e-mail address.
    #[arg(long)]
    manager: Option<String>,
    /// Only disabled people (true), or only the others (false).
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    disabled: Option<bool>,
}

impl From<Filter> for PeopleFilter {
    fn from(filter: Filter) -> Self {
        let Filter { email, organization, site, manager, disabled } = filter;
        Self { email, organization, site, manager, disabled }
    }
}
