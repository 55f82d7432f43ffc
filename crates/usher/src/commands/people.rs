//! `usher people …`

use anyhow::Context;
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
        /// Only those whom provisioning made or found, and whom no record governs any more.
        #[arg(long)]
        ungoverned: bool,
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
    /// Make a person by hand; provisioning finds it by its e-mail address.
    Create {
        account: String,
        primary_email: String,
        name: String,
        /// A further field, e.g. job_title=Buyer, organization=Sales, manager=ann@example.com, custom_fields.badge=7.
        #[arg(long = "set", value_name = "FIELD=VALUE")]
        set: Vec<String>,
        #[command(flatten)]
        environment: Environment,
    },
    /// Make people of a CSV file whose first line names fields; who is there already is left alone.
    Import {
        account: String,
        /// - for standard input.
        file: String,
        #[command(flatten)]
        environment: Environment,
    },
    /// End a person's access, whatever is provisioned, until `enable` or until its client sets it inactive and active again.
    Disable {
        account: String,
        person: String,
        #[command(flatten)]
        environment: Environment,
    },
    /// Give a person access back.
    Enable {
        account: String,
        person: String,
        #[command(flatten)]
        environment: Environment,
    },
    /// Protect a person: provisioning does not end its access.
    Protect {
        account: String,
        person: String,
        /// End the protection.
        #[arg(long)]
        off: bool,
        #[command(flatten)]
        environment: Environment,
    },
    /// Which record, rule and expression gave each field its value, or whose hand.
    Explain {
        account: String,
        person: String,
        #[command(flatten)]
        environment: Environment,
    },
}

impl Command {
    pub(crate) fn request(self) -> anyhow::Result<Request> {
        Ok(Request::People(match self {
            Self::List { account, environment, ungoverned, filter, paging } => People::List {
                account,
                environment: environment.environment,
                ungoverned,
                filter: filter.into(),
                limit: paging.limit(),
                after: paging.after,
            },
            Self::Show { account, person, environment } => {
                People::Show { account, environment: environment.environment, person }
            }
            Self::Create { account, primary_email, name, set, environment } => {
                let mut fields = vec![("primary_email".to_owned(), primary_email), ("name".to_owned(), name)];
                for pair in set {
                    let (field, value) =
                        pair.split_once('=').with_context(|| format!("{pair} is no FIELD=VALUE"))?;
                    fields.push((field.to_owned(), value.to_owned()));
                }
                People::Create { account, environment: environment.environment, fields }
            }
            Self::Import { account, file, environment } => {
                People::Import { account, environment: environment.environment, csv: super::read(&file)? }
            }
            Self::Disable { account, person, environment } => {
                People::Disable { account, environment: environment.environment, person, disabled: true }
            }
            Self::Enable { account, person, environment } => {
                People::Disable { account, environment: environment.environment, person, disabled: false }
            }
            Self::Protect { account, person, off, environment } => {
                People::Protect { account, environment: environment.environment, person, protected: !off }
            }
            Self::Explain { account, person, environment } => {
                People::Explain { account, environment: environment.environment, person }
            }
        }))
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
