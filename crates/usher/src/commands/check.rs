//! `usher check`: the checklist of SCIM against anybody's server.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use usher_client::{AddressPolicy, HttpTransport};
use usher_conformance::{Choice, Fixture, Format, Profile, Target, cases, run};

use super::read;
use crate::{Bar, owner::Progress, print::Printer};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The service root of the server, such as https://example.com/scim/v2.
    url: String,
    /// A file with the bearer token; `-` reads standard input.
    #[arg(long)]
    token_file: String,
    /// Only what a client relies on (entra, okta), or what the RFCs say (rfc); otherwise everything.
    #[arg(long, value_parser = ["rfc", "entra", "okta"])]
    profile: Option<String>,
    /// Only these cases: S-01,P-06.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only cases that write nothing.
    #[arg(long)]
    read_only: bool,
    #[arg(long, default_value = "text", value_parser = ["text", "json", "junit"])]
    format: String,
    /// Write the report to a file instead of standard output.
    #[arg(long)]
    output: Option<PathBuf>,
    /// A folder for all requests and answers, a file a case; tokens are left out.
    #[arg(long)]
    transcripts: Option<PathBuf>,
    /// A file with a token of another tenant of the same server, for cases about tenants.
    #[arg(long)]
    other_token_file: Option<String>,
    /// A file with a token that has expired or was revoked.
    #[arg(long)]
    dead_token_file: Option<String>,
    /// A file with a token of a tenant that refuses the dialects of clients.
    #[arg(long)]
    strict_token_file: Option<String>,
    /// A file with a token of the same tenant that may read and not write.
    #[arg(long)]
    reader_token_file: Option<String>,
    /// A filter on users that asks for more than the server will look at or send, for cases about tooMany.
    #[arg(long)]
    broad_filter: Option<String>,
    /// The server limits requests: read from it until it answers 429, with up to 20,000 requests. Whoever else uses the token
    /// is refused meanwhile.
    #[arg(long)]
    rate_limited: bool,
    /// The most bytes of a request body, for cases about 413.
    #[arg(long)]
    body_limit: Option<usize>,
}

impl Arguments {
    /// Runs the cases; fails when something required does.
    pub(crate) async fn run(self, printer: &Printer) -> anyhow::Result<ExitCode> {
        let choice = Choice {
            profile: self.profile.as_deref().and_then(Profile::by_name),
            only: self.only.clone(),
            read_only: self.read_only,
        };
        let unknown = choice.unknown();
        if !unknown.is_empty() {
            bail!("no case is called {}; docs/conformance-cases.md lists them all", unknown.join(", "));
        }
        let target = self.target()?;
        let (bar, of) = (Bar::new(), cases().count() as u64);
        let mut done = 0;
        let report = run(&target, &choice, |outcome| {
            done += 1;
            bar.show(&Progress { done, of, what: outcome.id.to_owned() });
        })
        .await?;
        drop(bar);
        if let Some(folder) = &self.transcripts {
            std::fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
            for (name, text) in report.transcripts() {
                let path = folder.join(name);
                std::fs::write(&path, text)
                    .with_context(|| format!("{} can't be written", path.display()))?;
            }
        }
        let format = if printer.json { Some(Format::Json) } else { Format::by_name(&self.format) };
        let text = report.print(format.unwrap_or(Format::Text));
        match &self.output {
            Some(path) => {
                std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))?;
            }
            None => printer.text(&text)?,
        }
        Ok(if report.ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn target(&self) -> anyhow::Result<Target> {
        let token = |file: &Option<String>| file.as_deref().map(secret).transpose();
        // Standard input is read once.
        let own = secret(&self.token_file)?;
        let root = self.url.trim().trim_end_matches('/');
        let fixture = Fixture {
            other_token: token(&self.other_token_file)?,
            dead_token: token(&self.dead_token_file)?,
            strict_token: token(&self.strict_token_file)?,
            slow: self.rate_limited.then(|| (root.to_owned(), own.clone())),
            broad: self.broad_filter.clone().map(|filter| (root.to_owned(), own.clone(), filter)),
            reader_token: token(&self.reader_token_file)?,
            body_bytes: self.body_limit,
        };
        // Whoever asks at the shell may reach what the machine reaches.
        let transport = HttpTransport::new(AddressPolicy { private: true }, Duration::from_secs(10))?;
        Ok(Target::new(&self.url, &own, Arc::new(transport))?.with(fixture))
    }
}

/// A token as a file holds it, without what stands around it, and without `Bearer`.
fn secret(file: &str) -> anyhow::Result<String> {
    let text = read(file)?;
    let text = text.trim();
    Ok(text.strip_prefix("Bearer ").unwrap_or(text).trim().to_owned())
}
