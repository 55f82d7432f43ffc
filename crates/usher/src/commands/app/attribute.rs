//! `usher app attribute …`

use usher_admin::request::{App, NewAttribute};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Attribute {
    /// All of users and groups, with what is mapped and what can be a matching property.
    List { name: String },
    /// Add one that the app has and nobody knows of.
    Add {
        name: String,
        /// With its schema's URN before it, where it is not of the core schema: urn:example:hr:2.0:User:badge.
        attribute: String,
        #[arg(long = "type", default_value = "string")]
        of: String,
        /// The app refuses an object without it.
        #[arg(long)]
        required: bool,
        /// It has several values.
        #[arg(long)]
        multi_valued: bool,
        /// Texts that differ in case alone differ.
        #[arg(long)]
        case_exact: bool,
        /// readWrite, immutable, writeOnly or readOnly.
        #[arg(long)]
        mutability: Option<String>,
        /// NAME:TYPE of what a complex attribute is made of; can be repeated.
        #[arg(long, value_name = "NAME:TYPE")]
        sub: Vec<String>,
        #[arg(long, default_value = "users")]
        kind: String,
    },
    /// Take one away that was added.
    Remove {
        name: String,
        attribute: String,
        #[arg(long, default_value = "users")]
        kind: String,
    },
    /// Add those that the app announces at /Schemas.
    Discover { name: String },
}

impl Attribute {
    pub(super) fn request(self) -> App {
        match self {
            Self::List { name } => App::AttributeList { name },
            Self::Add { name, attribute, of, required, multi_valued, case_exact, mutability, sub, kind } => {
                let pair = |sub: &String| {
                    let (name, of) = sub.split_once(':').unwrap_or((sub, "string"));
                    (name.to_owned(), of.to_owned())
                };
                let sub: Vec<_> = sub.iter().map(pair).collect();
                let of = if sub.is_empty() { of } else { "complex".into() };
                let attribute =
                    NewAttribute { name: attribute, of, required, multi_valued, case_exact, mutability, sub };
                App::AttributeAdd { name, kind, attribute }
            }
            Self::Remove { name, attribute, kind } => App::AttributeRemove { name, kind, attribute },
            Self::Discover { name } => App::AttributeDiscover { name },
        }
    }
}
