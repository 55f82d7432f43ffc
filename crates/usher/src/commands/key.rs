//! `usher key …`

use crate::print::Printer;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print a new key for the setting key_file.
    Generate,
}

impl Command {
    pub(crate) fn run(self, printer: &Printer) -> anyhow::Result<()> {
        match self {
            Self::Generate => {
                let (_, text) = usher_store::SealingKey::generate();
                printer.either(&serde_json::json!({"key": text}), &text)
            }
        }
    }
}
