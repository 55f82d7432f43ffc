//! `usher app filter …`

use usher_admin::request::App;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Filter {
    /// The groups of clauses. Who passes one group passes; without any everybody does.
    List { name: String },
    /// Add a group of clauses that must all hold, or replace the one of that title.
    Add {
        name: String,
        /// What people call it.
        title: String,
        /// ATTRIBUTE OPERATOR VALUE, e.g. 'department EQUALS Sales' or 'startDate BEFORE now+7d'; can be repeated.
        #[arg(long = "clause", required = true)]
        clauses: Vec<String>,
        /// Whether regular expressions must match the whole value or a part of it [default: whole]
        #[arg(long, value_parser = ["whole", "part"])]
        anchor: Option<String>,
        #[arg(long, default_value = "users")]
        kind: String,
        /// Whomever it touches.
        #[arg(long)]
        yes: bool,
    },
    /// Take a group of clauses away.
    Remove {
        name: String,
        title: String,
        #[arg(long, default_value = "users")]
        kind: String,
        /// Whomever it touches.
        #[arg(long)]
        yes: bool,
    },
}

impl Filter {
    pub(super) fn request(self) -> App {
        match self {
            Self::List { name } => App::FilterList { name },
            Self::Add { name, title, clauses, anchor, kind, yes } => {
                App::FilterAdd { name, kind, title, clauses, anchor, yes }
            }
            Self::Remove { name, title, kind, yes } => App::FilterRemove { name, kind, title, yes },
        }
    }
}
