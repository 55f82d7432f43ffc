//! The `usher` command: automatic user provisioning, both halves, in one binary.

mod commands;
mod company;
mod demo;
#[cfg(test)]
mod guides;
mod keeping;
mod mailing;
mod owner;
mod print;
mod restore;
mod serve;
mod settings;
mod system;
mod watching;
mod work;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::EnvFilter;
use usher_admin::{Actor, Answer, Request, request::Authority};

use crate::{commands as c, owner::Reach, print::Printer, settings::Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Automatic user provisioning: keeps the accounts of people in every app in step with a directory.
#[derive(Debug, Parser)]
#[command(name = "usher", version, arg_required_else_help = true)]
struct Arguments {
    /// The data folder [default: ./usher-data]
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// A PostgreSQL address instead of SQLite in the data folder
    #[arg(long, global = true)]
    database_url: Option<String>,
    /// A TOML file with settings; docs/configuration.md lists them
    #[arg(long, global = true, env = "USHER_CONFIG")]
    config: Option<PathBuf>,
    /// Print results and errors as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Act as this person, with the roles granted to that name and no other right
    // No command has an argument of this name: clap would take the one for the other.
    #[arg(long = "as", global = true, value_name = "PERSON")]
    acting_as: Option<String>,
    /// Say more on stderr; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the server: the SCIM service, automation rules, and the cycles of apps.
    Serve(serve::Arguments),
    /// Show the whole job end to end on a made-up company, or on your own file.
    Demo(demo::Arguments),
    /// Where every app stands.
    Status,
    /// Apps' tenants that identity providers provision into.
    #[command(subcommand)]
    Account(c::account::Command),
    /// The secrets that identity providers sign in with.
    #[command(subcommand)]
    Token(c::token::Command),
    /// SCIM users and groups as they came, and what the rules made of them.
    Records(c::records::Command),
    /// What identity providers sent, and how it was read.
    Trail(c::trail::Command),
    /// What the guard against mass loss holds.
    Guard(c::guard::Command),
    /// People, as the app sees them.
    #[command(subcommand)]
    People(c::people::Command),
    /// Automation rules: what becomes of SCIM users and groups.
    #[command(subcommand)]
    Rule(c::rule::Command),
    /// Organizations of an account.
    #[command(subcommand)]
    Organization(c::unit::Command),
    /// Sites of an account.
    #[command(subcommand)]
    Site(c::unit::Command),
    /// Who administers what.
    #[command(subcommand)]
    Admin(c::admin::Command),
    /// Directories that apps are provisioned from.
    #[command(subcommand)]
    Directory(c::directory::Command),
    /// Files and servers that fill a directory.
    #[command(subcommand)]
    Source(c::source::Command),
    /// Users of a directory.
    #[command(subcommand)]
    User(c::user::Command),
    /// Groups of a directory.
    #[command(subcommand)]
    Group(c::group::Command),
    /// Apps that can be added.
    #[command(subcommand)]
    Gallery(c::gallery::Command),
    /// Apps that are provisioned.
    #[command(subcommand)]
    App(c::app::Command),
    /// Check a SCIM server, anybody's, against the whole checklist.
    Check(c::check::Arguments),
    /// Try out expressions.
    #[command(subcommand)]
    Mapping(c::mapping::Command),
    /// The key that seals secrets.
    #[command(subcommand)]
    Key(c::key::Command),
    /// The settings as they hold here.
    Settings,
    /// Bring the database to this version's tables; done by itself at each start.
    Migrate,
    /// Copy the database to a new file, also under a running server.
    Backup {
        /// The file to make.
        file: PathBuf,
    },
    /// Begin a data folder with a backup.
    Restore {
        /// What `usher backup` made.
        file: PathBuf,
    },
}

impl Command {
    /// Whether it is a request to [`usher_admin::Admin`], which knows who may.
    fn asks(&self) -> bool {
        !matches!(
            self,
            Self::Serve(_)
                | Self::Demo(_)
                | Self::Check(_)
                | Self::Mapping(_)
                | Self::Key(_)
                | Self::Settings
                | Self::Migrate
                | Self::Restore { .. }
        )
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let printer = Printer { json: arguments.json };
    let ended = settings(&arguments).and_then(|settings| {
        // Whether somebody said where the data shall lie: a demo else takes a temporary folder.
        let chosen = arguments.data.is_some()
            || std::env::var_os("USHER_DATA").is_some()
            || !settings.database_url.is_empty();
        log(&settings, arguments.verbose, &arguments.command);
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(
            arguments.command,
            settings,
            chosen,
            actor(arguments.acting_as),
            printer,
        ))
    });
    match ended {
        Ok(code) => code,
        Err(error) => {
            printer.failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn settings(arguments: &Arguments) -> anyhow::Result<Settings> {
    let mut settings = Settings::load(arguments.config.as_deref(), |name| std::env::var(name).ok())?;
    if let Some(data) = &arguments.data {
        settings.data.clone_from(data);
        // A folder named on the command line is meant, whatever the environment says.
        settings.database_url.clear();
    }
    if let Some(url) = &arguments.database_url {
        settings.database_url.clone_from(url);
    }
    Ok(settings)
}

/// Text on a terminal, JSON otherwise. A server says what it does, a command only what goes wrong, a demo tells its story.
fn log(settings: &Settings, verbose: u8, command: &Command) {
    let server = matches!(command, Command::Serve(_));
    let level = match (verbose, command) {
        (0, Command::Serve(_)) => settings.log.as_str(),
        (0, Command::Demo(_)) => "error",
        (0, _) => "warn",
        (1, _) => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() || !server {
        builder.without_time().with_target(false).init();
    } else {
        builder.json().init();
    }
}

async fn run(
    command: Command,
    settings: Settings,
    chosen: bool,
    actor: Actor,
    printer: Printer,
) -> anyhow::Result<ExitCode> {
    let output = match &command {
        Command::App(command) => command.output(),
        _ => None,
    };
    if matches!(actor.authority, Authority::Granted { .. }) && !command.asks() {
        anyhow::bail!(
            "--as goes with commands that read or change what Usher keeps; this one is the machine's own"
        );
    }
    let header = matches!(&command, Command::Token(command) if command.header());
    let listing = match &command {
        Command::App(command) => command.listing(),
        _ => None,
    };
    let requests = match command {
        Command::Serve(arguments) => {
            serve::run(arguments, settings, printer).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Demo(arguments) => return demo::run(arguments, settings, chosen, printer).await,
        Command::Check(arguments) => return arguments.run(&printer).await,
        Command::Mapping(command) => {
            command.run(&printer)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Key(command) => {
            command.run(&printer)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Settings => {
            let (table, values) = settings.shown()?;
            printer.either(&values, &table)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Migrate => {
            Reach::find(&settings).await?;
            printer.either(&serde_json::json!({"migrated": true}), "the database is up to date")?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Restore { file } => {
            restore::run(&file, &settings, printer).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Backup { file } => vec![Request::Backup { file: std::path::absolute(file)? }],
        Command::Status => vec![Request::Status],
        Command::Account(command) => vec![command.request()?],
        Command::Token(command) => vec![command.request()?],
        Command::Records(command) => vec![command.request()],
        Command::Trail(command) => vec![command.request()],
        Command::Guard(command) => vec![command.request()],
        Command::People(command) => vec![command.request()?],
        Command::Rule(command) => {
            let reach = Reach::find(&settings).await?;
            let done = command.run(&reach, &actor, &printer).await?;
            return Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Organization(command) => vec![command.request("organization")?],
        Command::Site(command) => vec![command.request("site")?],
        Command::Admin(command) => vec![command.request()],
        Command::Directory(command) => vec![command.request()?],
        Command::Source(command) => vec![command.request()?],
        Command::User(command) => vec![command.request()?],
        Command::Group(command) => vec![command.request()?],
        Command::Gallery(command) => vec![command.request()],
        Command::App(command) => command.requests()?,
    };
    let reach = Reach::find(&settings).await?;
    if let Some(listing) = listing {
        for request in requests {
            print::log::run(&reach, &actor, request, &listing, printer).await?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut last = None;
    for request in requests {
        let agreed = match &request {
            Request::App(app) => app.agreed(),
            _ => None,
        };
        let mut answer = call(&reach, &actor, request).await?;
        // Whom a change touches is seen before it is made.
        if let (Answer::Impact(_), Some(agreed)) = (&answer, agreed) {
            printer.answer(&answer)?;
            if !c::agreed("Change it?")? {
                return Ok(ExitCode::FAILURE);
            }
            answer = call(&reach, &actor, Request::App(Box::new(agreed))).await?;
        }
        last = Some(answer);
    }
    let Some(answer) = last else { return Ok(ExitCode::SUCCESS) };
    match (&answer, output) {
        (Answer::MappingExport(export), Some(file)) => {
            std::fs::write(&file, &export.document)
                .map_err(|error| anyhow::anyhow!("{file} can't be written: {error}"))?;
            printer.either(&answer.to_json()?, &format!("{} is written", file))?;
        }
        (Answer::IssuedToken(issued), _) if header => {
            printer.either(&answer.to_json()?, &issued.authorization.0)?;
        }
        _ => printer.answer(&answer)?,
    }
    if let (Answer::MappingExport(export), false) = (&answer, printer.json) {
        print::news(&print::answer::not_exported(export));
    }
    Ok(exit(&answer))
}

/// Has a request done, with a progress bar.
async fn call(reach: &Reach, actor: &Actor, request: Request) -> anyhow::Result<Answer> {
    let bar = Bar::new();
    reach.call(actor.clone(), request, &|progress| bar.show(&progress)).await
}

/// 1: something failed; 3: a plan found changes.
fn exit(answer: &Answer) -> ExitCode {
    match answer {
        Answer::Plan(plan) if plan.counts.failed > 0 => ExitCode::FAILURE,
        Answer::Plan(plan) if !plan.items.is_empty() => ExitCode::from(3),
        Answer::Impact(_) => ExitCode::FAILURE,
        Answer::Cycle(cycle) if cycle.counts.failed > 0 => ExitCode::FAILURE,
        Answer::Test(test) if !test.ok => ExitCode::FAILURE,
        Answer::MappingCases(cases) if !cases.failed.is_empty() => ExitCode::FAILURE,
        Answer::Explanation(found) if found.steps.iter().any(|step| step.result == "failure") => {
            ExitCode::FAILURE
        }
        Answer::Run(run) if run.state == "failed" || run.held > 0 => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

/// Who acts at the shell: whoever has the machine, or a person as that one says.
pub(crate) fn actor(person: Option<String>) -> Actor {
    let name = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| rustix::process::getuid().as_raw().to_string());
    match person {
        None => Actor::machine(format!("local:{name}")),
        Some(who) => Actor { name: format!("local:{name} as {who}"), ..Actor::person(who) },
    }
}

/// A progress bar on a terminal; nothing elsewhere.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(crate) fn show(&self, progress: &owner::Progress) {
        self.0.set_length(progress.of);
        self.0.set_position(progress.done);
        self.0.set_message(progress.what.clone());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    /// What is given for one would be taken for the other.
    #[test]
    fn no_command_has_an_argument_by_the_name_of_one_of_all_commands() {
        fn clashes(command: &clap::Command, of_all: &[&str], found: &mut Vec<String>) {
            for below in command.get_subcommands() {
                let names = below.get_arguments().map(|argument| argument.get_id().as_str());
                let same = names.filter(|name| of_all.contains(name));
                found.extend(same.map(|name| format!("{} {name}", below.get_name())));
                clashes(below, of_all, found);
            }
        }
        let command = Arguments::command();
        let of_all: Vec<&str> = command
            .get_arguments()
            .filter(|argument| argument.is_global_set())
            .map(|argument| argument.get_id().as_str())
            .collect();
        assert!(of_all.contains(&"acting_as"), "{of_all:?}");
        let mut found = Vec::new();
        clashes(&command, &of_all, &mut found);
        assert_eq!(found, Vec::<String>::new());
        command.debug_assert();
    }
}
