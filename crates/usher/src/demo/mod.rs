//! `usher demo`: the whole job end to end, by the same requests that the commands send.

mod changes;
mod story;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use usher_admin::{
    Answer, Request,
    request::{Account, App, Directory, ScheduleChange, Source, SourceFrom, Terms, Token, Unit, UnitAct},
};
use usher_api::{Secret, app::Counts, demo as shape, directory::Test};
use usher_directory::{DirectoryId, account as accounts};
use usher_service::Listening;

use crate::{actor, company, owner, print::Printer, serve, settings::Settings, system::System};

use self::story::Story;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many people the made-up company has.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(5..=200_000))]
    users: u32,
    /// A real file instead of a made-up company: .ldif or .csv.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Another company of the same size.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End after the story instead of serving on.
    #[arg(long)]
    exit: bool,
}

/// Runs it. `chosen`: somebody said where the data shall lie; else it is a temporary folder.
pub(crate) async fn run(
    arguments: Arguments,
    mut settings: Settings,
    chosen: bool,
    printer: Printer,
) -> anyhow::Result<ExitCode> {
    let temporary = if chosen { None } else { Some(tempfile::tempdir()?) };
    if let Some(folder) = &temporary {
        settings.data = folder.path().to_owned();
    }
    let _owner = match owner::own(&settings.data)? {
        Some(owner) => owner,
        None => bail!("another usher process is using {}", settings.data.display()),
    };
    // What the demo asks of itself is no stranger's traffic.
    settings.scim_requests_per_second = 0;
    let opened = settings.clone();
    let system =
        tokio::task::spawn_blocking(move || System::open(&opened, opened.database_connections)).await??;
    let (stop, stopping) = watch::channel(false);
    let mut parts = JoinSet::new();
    let listener = listen(&settings, arguments.exit).await?;
    let address = listener.local_addr()?;
    let trail = serve::trail(&system, &settings);
    let router = serve::router(&system, &settings, trail.clone())?;
    let until = serve::ended(stopping.clone());
    parts.spawn(usher_service::serve(listener, router, None, Listening::default(), until));

    let story = Story::new(printer);
    let mut demo = Demo { system: system.clone(), story, base: format!("http://{address}/scim/v2") };
    let outcome = demo.tell(&arguments, &settings).await;
    if let Ok(figures) = &outcome {
        demo.story.end(figures)?;
        if !arguments.exit && figures.ok {
            demo.start().await?;
            serve::work(&system, &stopping, &mut parts);
            if settings.database_url.is_empty() {
                serve::take_commands(&settings.data, &system, &stopping, &mut parts)?;
            }
            demo.story.serving(&demo.base, &settings.data);
            serve::signals(&stop).await?;
        }
    }
    stop.send_replace(true);
    while parts.join_next().await.is_some() {}
    drop(demo);
    if let Some(trail) = trail {
        trail.flush().await;
    }
    tokio::task::spawn_blocking(move || system.close()).await?;
    Ok(if outcome?.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The usual address when the demo serves on and nobody has it; else any free one.
async fn listen(settings: &Settings, exit: bool) -> anyhow::Result<TcpListener> {
    if !exit
        && let Some(address) = settings.listen.first()
        && let Ok(listener) = TcpListener::bind(address).await
    {
        return Ok(listener);
    }
    TcpListener::bind("127.0.0.1:0").await.context("no free port on 127.0.0.1")
}

struct Demo {
    system: System,
    story: Story,
    base: String,
}

/// The names the demo uses.
const DIRECTORY: &str = "company";
const ACCOUNT: &str = "acme";
const APP: &str = "4me";

impl Demo {
    async fn tell(&mut self, arguments: &Arguments, settings: &Settings) -> anyhow::Result<shape::Demo> {
        let file = self.company(arguments, settings)?;
        let directory = self.directory(&file).await?;
        let largest = self.account(directory).await?;
        self.app(&largest).await?;
        let plan = self.plan().await?;

        self.story.chapter("The initial cycle");
        let mut cycles = vec![self.sync().await?];
        self.story.chapter("A joiner, a mover, two leavers");
        let changed = changes::joiner_mover_leavers(&self.system, directory.id, &largest).await?;
        self.story.changed(&changed);
        cycles.push(self.sync().await?);
        self.story.chapter("One of the leavers returns");
        changes::returner(&self.system, directory.id, &changed).await?;
        self.story.said(&format!("{} is back", changed.returner.1));
        cycles.push(self.sync().await?);

        let (log, people) = (self.log().await?, self.people().await?);
        self.story.log(&log);
        self.story.people(&people);
        let figures = self.figures(directory, plan, cycles).await?;
        let as_it_should = changes::came_out(&self.system, self.production().await?, &changed).await?;
        let records = figures.records;
        let ok = as_it_should
            && records.error + records.incomplete == 0
            && figures.cycles.iter().all(|cycle| cycle.counts.failed + cycle.counts.staged == 0);
        Ok(shape::Demo { ok, ..figures })
    }

    async fn call(&self, request: Request) -> anyhow::Result<Answer> {
        let bar = crate::Bar::new();
        Ok(owner::done(&self.system, actor(None), request, &|progress| bar.show(&progress)).await?)
    }

    /// The file to import: the one given, or a made-up one in the data folder.
    fn company(&self, arguments: &Arguments, settings: &Settings) -> anyhow::Result<PathBuf> {
        self.story.chapter("A directory, filled from a file");
        if let Some(file) = &arguments.from {
            return Ok(file.clone());
        }
        let folder = settings.data.join("demo");
        std::fs::create_dir_all(&folder)?;
        let file = folder.join("people.ldif");
        std::fs::write(&file, company::ldif(arguments.users, arguments.seed))
            .with_context(|| format!("{} can't be written", file.display()))?;
        self.story.said(&format!("made up a company of {} people: {}", arguments.users, file.display()));
        Ok(file)
    }

    async fn directory(&self, file: &std::path::Path) -> anyhow::Result<Filled> {
        let kind = match file.extension().and_then(|ending| ending.to_str()) {
            Some("ldif") => "ldif",
            Some("csv") => "csv",
            _ => bail!("{} ends neither in .ldif nor in .csv", file.display()),
        };
        let path = file.display().to_string();
        self.story.command(&format!("directory create {DIRECTORY}"));
        let made = self.call(Request::Directory(Directory::Create { name: DIRECTORY.into() })).await;
        made.context("the demo wants a fresh data folder; name another with --data")?;
        self.story.command(&format!("source add people --directory {DIRECTORY} --kind {kind} --file {path}"));
        self.call(Request::Source(Source::Add {
            name: "people".into(),
            directory: DIRECTORY.into(),
            kind: kind.into(),
            from: SourceFrom::Files { file: path, memberships: None, encoding: None, separator: None },
            schedule: ScheduleChange::default(),
        }))
        .await?;
        self.story.command("source sync people");
        let answer =
            self.call(Request::Source(Source::Sync { name: "people".into(), changes: false })).await?;
        self.story.answer(&answer);
        let answer = self.call(Request::Directory(Directory::Show { name: DIRECTORY.into() })).await?;
        let Answer::Directory(shown) = answer else { bail!("the directory is not there") };
        let id = self.read(|on| Ok(accounts::directory_by_name(on, DIRECTORY)?)).await?;
        Ok(Filled { id: id.context("the directory is not there")?, users: shown.users, groups: shown.groups })
    }

    async fn account(&self, directory: Filled) -> anyhow::Result<Vec<changes::Group>> {
        self.story.chapter("An account of the app, with tokens");
        self.story.command(&format!("account create {ACCOUNT} --profile 4me"));
        self.call(Request::Account(Account::Create { name: ACCOUNT.into(), profile: "4me".into() })).await?;
        let largest = changes::largest(&self.system, directory.id, 2).await?;
        for group in &largest {
            self.story.command(&format!("organization create {ACCOUNT} '{}'", group.name));
            let act = UnitAct::Create { name: group.name.clone() };
            let unit = Unit {
                kind: "organization".into(),
                account: ACCOUNT.into(),
                environment: "production".into(),
                act,
            };
            self.call(Request::Unit(unit)).await?;
        }
        self.token("qa").await?;
        Ok(largest)
    }

    async fn token(&self, environment: &str) -> anyhow::Result<Secret> {
        self.story.command(&format!("token issue {ACCOUNT} --environment {environment} --provider entra"));
        let issue = Token::Issue {
            account: ACCOUNT.into(),
            environment: environment.into(),
            provider: "entra".into(),
            expires: None,
        };
        let Answer::IssuedToken(issued) = self.call(Request::Token(issue)).await? else {
            bail!("no token came back")
        };
        self.story.said(&format!("usher_…{} (shown whole only once)", issued.token.last4));
        Ok(issued.secret)
    }

    async fn app(&self, largest: &[changes::Group]) -> anyhow::Result<()> {
        let token = self.token("production").await?;
        self.story.chapter("The app, added from the gallery");
        let tenant_url = self.base.clone();
        self.story.command(&format!(
            "app add {APP} --from 4me --directory {DIRECTORY} --tenant-url {tenant_url} --secret-token-file -"
        ));
        let name = || APP.to_owned();
        let add =
            App::Add { name: name(), template: "4me".into(), directory: DIRECTORY.into(), tenant_url, token };
        self.call(Request::App(Box::new(add))).await?;
        // The demo's own server needs no sparing.
        let set = App::Set { name: name(), key: "rate_limit".into(), value: "0".into() };
        self.call(Request::App(Box::new(set))).await?;
        self.story.command(&format!("app test {APP}"));
        let tested = self.call(Request::App(Box::new(App::Test { name: name() }))).await?;
        self.story.answer(&tested);
        if let Answer::Test(Test { ok: false, .. }) = tested {
            bail!("the connection to the demo's own account failed");
        }
        for group in largest {
            self.story.command(&format!("app assign {APP} --group '{}'", group.name));
            let who = group.id.0.to_string();
            let assign =
                App::Assign { name: name(), kind: "group".into(), who, role: None, terms: Terms::default() };
            self.call(Request::App(Box::new(assign))).await?;
        }
        if largest.is_empty() {
            self.story.command(&format!("app scope {APP} all"));
            let scope = App::Scope { name: name(), scope: "all".into(), yes: false };
            self.call(Request::App(Box::new(scope))).await?;
        }
        Ok(())
    }

    async fn plan(&self) -> anyhow::Result<Counts> {
        self.story.chapter("What a cycle would do");
        self.story.command(&format!("app plan {APP}"));
        let plan = App::Plan { name: APP.into(), users: Vec::new() };
        let Answer::Plan(plan) = self.call(Request::App(Box::new(plan))).await? else {
            bail!("no plan came back")
        };
        self.story.plan(&plan);
        Ok(plan.counts)
    }

    /// A cycle, and the rules after it.
    async fn sync(&self) -> anyhow::Result<shape::Cycle> {
        self.story.command(&format!("app sync {APP}"));
        let answer = self.call(Request::App(Box::new(App::Sync { name: APP.into() }))).await?;
        self.story.answer(&answer);
        let production = self.production().await?;
        usher_people::driver::catch_up(&self.system.people, production).await?;
        let Answer::Cycle(cycle) = answer else { bail!("no cycle came back") };
        Ok(shape::Cycle { kind: cycle.kind, counts: cycle.counts })
    }

    async fn log(&self) -> anyhow::Result<Answer> {
        let logs = App::Logs {
            name: APP.into(),
            user: None,
            status: None,
            cycle: None,
            limit: Some(12),
            more: Box::default(),
        };
        self.call(Request::App(Box::new(logs))).await
    }

    async fn people(&self) -> anyhow::Result<Answer> {
        let list = usher_admin::request::People::List {
            ungoverned: false,
            filter: usher_admin::request::PeopleFilter::default(),
            account: ACCOUNT.into(),
            environment: "production".into(),
            after: None,
            limit: Some(12),
        };
        self.call(Request::People(list)).await
    }

    async fn start(&self) -> anyhow::Result<()> {
        self.call(Request::App(Box::new(App::Start { name: APP.into(), first: None }))).await.map(drop)
    }

    async fn production(&self) -> anyhow::Result<DirectoryId> {
        let account = self.read(|on| Ok(accounts::by_name(on, ACCOUNT)?)).await?;
        Ok(account.context("the account is not there")?.production)
    }

    async fn figures(
        &self,
        directory: Filled,
        plan: Counts,
        cycles: Vec<shape::Cycle>,
    ) -> anyhow::Result<shape::Demo> {
        let production = self.production().await?;
        let (records, people) = self
            .read(move |on| {
                let records = usher_people::record::figures(on, production, None)?;
                Ok((records, usher_people::person::figures(on, production)?))
            })
            .await?;
        Ok(shape::Demo {
            users: directory.users,
            groups: directory.groups,
            plan,
            cycles,
            records: shape::Records {
                in_order: records.in_order.unsigned_abs(),
                incomplete: records.incomplete.unsigned_abs(),
                error: records.error.unsigned_abs(),
            },
            people: shape::People {
                total: people.total.unsigned_abs(),
                disabled: people.disabled.unsigned_abs(),
                with_organization: people.with_organization.unsigned_abs(),
                with_manager: people.with_manager.unsigned_abs(),
            },
            ok: false,
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut usher_store::Snapshot<'_>) -> Result<T, changes::Failed> + Send + 'static,
    ) -> anyhow::Result<T> {
        Ok(self.system.store.read(std::time::Duration::from_secs(10), work).await?)
    }
}

/// The directory after the import.
#[derive(Debug, Clone, Copy)]
struct Filled {
    id: DirectoryId,
    users: u64,
    groups: u64,
}
