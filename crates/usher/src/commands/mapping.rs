//! `usher mapping …`: expressions tried out; no data folder is opened.

use anyhow::Context;

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
    },
    /// All functions.
    Functions,
}

impl Command {
    pub(crate) fn run(self, printer: &Printer) -> anyhow::Result<()> {
        match self {
            Self::Eval { expression, object, trace } => {
                let object = match object {
                    Some(file) => serde_json::from_str(&super::read(&file)?)
                        .with_context(|| format!("{file} holds no JSON object"))?,
                    None => serde_json::Map::new(),
                };
                let now = usher_jobs::clock::Clock::real().now();
                let (evaluated, printed) = usher_admin::mapping::eval(&expression, &object, now, trace)?;
                let text = format!("{}{printed}", evaluated.trace.as_deref().unwrap_or_default());
                printer.either(&serde_json::to_value(&evaluated)?, &text)
            }
            Self::Functions => {
                let functions = usher_admin::mapping::functions();
                let rows = functions.iter().map(|function| {
                    vec![format!("{}{}", function.name, function.parameters), function.doc.clone()]
                });
                let table = crate::print::table(&["function", "what it does"], rows);
                printer.either(&serde_json::to_value(usher_api::List::whole(functions))?, &table)
            }
        }
    }
}
