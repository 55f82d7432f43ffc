//! `usher app mapping …`

use usher_admin::request::{App, RowChange};

use crate::commands::read;

/// `usher app mapping …`
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Mapping {
    /// Print it as TOML.
    Show {
        name: String,
        #[arg(long, default_value = "users")]
        kind: String,
    },
    /// Set what one target attribute gets, e.g. title 'Coalesce([jobTitle], "Staff")'.
    Set {
        name: String,
        target: String,
        expression: Option<String>,
        /// A text, instead of an expression.
        #[arg(long, conflicts_with = "expression")]
        constant: Option<String>,
        /// In place of a null when somebody is created; empty for none.
        #[arg(long)]
        default: Option<String>,
        /// The precedence as a matching property, from 1; 0: it is none.
        #[arg(long = "match")]
        matching: Option<u32>,
        /// add_values takes nothing away from a multi-valued attribute.
        #[arg(long, value_parser = ["always", "on_create", "add_values"])]
        when: Option<String>,
        /// What a null does to somebody who is there.
        #[arg(long, value_parser = ["skip", "clear"])]
        nulls: Option<String>,
        /// Map the attribute no longer.
        #[arg(long, conflicts_with_all = ["expression", "constant", "default", "matching", "when", "nulls"])]
        remove: bool,
        #[arg(long, default_value = "users")]
        kind: String,
        /// Although golden cases fail.
        #[arg(long)]
        force: bool,
        /// Whomever it touches.
        #[arg(long)]
        yes: bool,
    },
    /// Replace it by a file's (- for standard input): TOML, or a synchronization schema downloaded from Entra ID.
    Import {
        name: String,
        file: String,
        /// users or groups; otherwise all that the file has.
        #[arg(long)]
        kind: Option<String>,
        /// Otherwise by the file's content.
        #[arg(long, value_parser = ["toml", "entra"])]
        format: Option<String>,
        /// Whether regular expressions in scoping filters must match the whole value or a part of it.
        #[arg(long, value_parser = ["whole", "part"])]
        anchor: Option<String>,
        /// Only say what would become of it.
        #[arg(long)]
        dry_run: bool,
        /// Although golden cases fail or not all of a scoping filter is understood.
        #[arg(long)]
        force: bool,
        /// Whomever it touches.
        #[arg(long)]
        yes: bool,
    },
    /// Write it, for users and groups.
    Export {
        name: String,
        #[arg(long, default_value = "toml", value_parser = ["toml", "entra"])]
        format: String,
        /// A file; otherwise standard output.
        #[arg(short, long)]
        output: Option<String>,
    },
    /// Run the golden cases that stand beside it.
    Test { name: String },
    /// Go back to the gallery's; golden cases and added attributes stay.
    Reset {
        name: String,
        #[arg(long, default_value = "users")]
        kind: String,
        /// Although golden cases fail.
        #[arg(long)]
        force: bool,
        /// Whomever it touches.
        #[arg(long)]
        yes: bool,
    },
}

impl Mapping {
    pub(super) fn request(self) -> anyhow::Result<App> {
        Ok(match self {
            Self::Show { name, kind } => App::MappingShow { name, kind },
            Self::Set {
                name,
                target,
                expression,
                constant,
                default,
                matching,
                when,
                nulls,
                remove,
                kind,
                force,
                yes,
            } => {
                let change = RowChange { expression, constant, default, matching, when, nulls, remove };
                App::MappingSet { name, kind, target, change, force, yes }
            }
            Self::Import { name, file, kind, format, anchor, dry_run, force, yes } => {
                App::MappingImport { name, kind, text: read(&file)?, format, anchor, dry_run, force, yes }
            }
            Self::Export { name, format, .. } => App::MappingExport { name, format },
            Self::Test { name } => App::MappingTest { name },
            Self::Reset { name, kind, force, yes } => App::MappingReset { name, kind, force, yes },
        })
    }
}
