//! `usher mapping …`: expressions tried out; no data folder is opened.

use anyhow::Context;

use usher_admin::mapping::Trial;

use crate::print::Printer;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print what an expression gives for an object.
    Eval {
        expression: String,
        /// A JSON file with the object, or - for standard input; otherwise an empty one.
        #[arg(long)]
        object: Option<String>,
        /// Show each call with its arguments and result.
        #[arg(long)]
        trace: bool,
        /// What DefaultDomain() gives.
        #[arg(long)]
        default_domain: Option<String>,
        /// A value that the app has, for SelectUniqueValue; may be given several times.
        #[arg(long)]
        taken: Vec<String>,
    },
    /// All functions, and the names of attributes.
    Functions,
}

impl Command {
    pub(crate) fn run(self, printer: &Printer) -> anyhow::Result<()> {
        match self {
            Self::Eval { expression, object, trace, default_domain, taken } => {
                let object = match object {
                    Some(file) => serde_json::from_str(&super::read(&file)?)
                        .with_context(|| format!("{file} holds no JSON object"))?,
                    None => serde_json::Map::new(),
                };
                let now = usher_jobs::clock::Clock::real().now();
                let trial = Trial { default_domain, taken, trace };
                let (evaluated, printed) = usher_admin::mapping::eval(&expression, &object, now, &trial)?;
                let text = format!("{}{printed}", evaluated.trace.as_deref().unwrap_or_default());
                printer.either(&serde_json::to_value(&evaluated)?, &text)
            }
            Self::Functions => {
                let functions = usher_admin::mapping::functions();
                let rows = functions.iter().map(|function| {
                    vec![format!("{}{}", function.name, function.parameters), function.doc.clone()]
                });
                let table = crate::print::table(&["function", "what it does"], rows);
                let names = usher_admin::mapping::names();
                let rows = names.iter().map(|name| vec![name.name.clone(), name.path.clone()]);
                let text = format!("{table}\n{}", crate::print::table(&["attribute", "stands for"], rows));
                let mut json = serde_json::to_value(usher_api::List::whole(functions))?;
                if let Some(list) = json.as_object_mut() {
                    list.insert("attributes".to_owned(), serde_json::to_value(names)?);
                }
                printer.either(&json, &text)
            }
        }
    }
}
