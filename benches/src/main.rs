//! `usher-bench`: drives any SCIM server, and measures what its figures are held against. See `docs/benchmarks.md`.

use std::{
    io::Write,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use clap::Parser;
use serde_json::{Value, json};
use usher_bench::{
    bare,
    caller::Server,
    disk,
    drive::{self, Length},
    figures::{self, Figures},
    limit, load,
    made_up::Shape,
    walk,
    work::{self, Kind, People, Plan},
};

/// As the server's: the limit is to be that of the same stack.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A load driver for SCIM servers: a closed loop over HTTP/1.1, every answer checked.
#[derive(Debug, Parser)]
#[command(name = "usher-bench", version, arg_required_else_help = true)]
struct Arguments {
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// A server to speak to.
#[derive(Debug, clap::Args)]
struct Whom {
    /// The tenant URL, e.g. http://127.0.0.1:8080/scim/v2
    #[arg(long)]
    url: String,
    /// A file with the bearer token
    #[arg(long)]
    token_file: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// One kind of request by so many clients for some seconds.
    Drive(Drive),
    /// Make people, and write their ids into a file.
    Load {
        #[command(flatten)]
        whom: Whom,
        /// How many.
        number: usize,
        /// The file for the ids.
        #[arg(long)]
        people: PathBuf,
        /// Stands in their names.
        #[arg(long, default_value = "bench")]
        prefix: String,
        #[arg(long, value_enum, default_value_t = Shape::Full)]
        shape: Shape,
        #[arg(long, default_value_t = 16)]
        clients: usize,
        /// Operations of a bulk request; 0: a POST each.
        #[arg(long, default_value_t = 0)]
        bulk: usize,
    },
    /// Make a group of the first people of a file; prints its id.
    Group {
        #[command(flatten)]
        whom: Whom,
        #[arg(long)]
        people: PathBuf,
        #[arg(long)]
        size: usize,
        #[arg(long)]
        name: String,
    },
    /// Walk through all users by pages.
    Walk {
        #[command(flatten)]
        whom: Whom,
        #[arg(long, value_enum)]
        by: walk::By,
        #[arg(long, default_value_t = 100)]
        count: usize,
    },
    /// The limit: a bare server of Usher's HTTP stack.
    Limit {
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: String,
        /// Bytes of the body it answers.
        #[arg(long, default_value_t = 1000)]
        bytes: usize,
    },
    /// How long the disk takes to make a write durable.
    Disk {
        folder: PathBuf,
        #[arg(long, default_value_t = 300)]
        times: usize,
    },
    /// A SCIM write's statements on SQLite, in a bare loop; no server may have the data folder.
    Bare {
        #[arg(long)]
        data: PathBuf,
        #[arg(long, value_enum)]
        write: bare::Write,
        /// Writes in a transaction.
        #[arg(long)]
        batch: usize,
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
    },
}

#[derive(Debug, clap::Args)]
struct Drive {
    #[command(flatten)]
    whom: Whom,
    #[arg(value_enum)]
    kind: Kind,
    #[arg(long, default_value_t = 16)]
    clients: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Seconds before it is measured.
    #[arg(long, default_value_t = 0.3)]
    warm: f64,
    /// Ends after so many requests.
    #[arg(long)]
    requests: Option<usize>,
    /// The file that `load` made.
    #[arg(long)]
    people: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Shape::Full)]
    shape: Shape,
    /// The attribute that a PATCH replaces; `active` gets true and false.
    #[arg(long, default_value = "displayName")]
    replace: String,
    /// The group that members are added to.
    #[arg(long, default_value = "")]
    group: String,
    /// Its members are the first so many people of the file.
    #[arg(long, default_value_t = 0)]
    members: usize,
    /// Users of a page.
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// Users of the whole list.
    #[arg(long, default_value_t = 0)]
    total: usize,
}

impl Whom {
    fn server(&self) -> anyhow::Result<Server> {
        let token = match &self.token_file {
            Some(file) => Some(
                std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?,
            ),
            None => None,
        };
        Server::new(&self.url, token.as_deref())
    }
}

impl Drive {
    async fn run(self) -> anyhow::Result<Vec<Figures>> {
        let server = self.whom.server()?;
        let people = match &self.people {
            Some(file) => People::read(file)?,
            None => People::default(),
        };
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let plan = Plan {
            kind: self.kind,
            clients: self.clients.max(1),
            people,
            shape: self.shape,
            // No two runs make the same people.
            prefix: format!("made{:x}-", began.as_micros()),
            replace: self.replace,
            group: self.group,
            members: self.members,
            count: self.count,
            total: self.total,
            next: AtomicUsize::new(0),
        };
        work::fits(&plan)?;
        let length = Length {
            warm: Duration::from_secs_f64(self.warm),
            measured: Duration::from_secs_f64(self.seconds),
            requests: self.requests,
        };
        drive::drive(&server, Arc::new(plan), length).await
    }
}

fn main() -> anyhow::Result<()> {
    let Arguments { json, command } = Arguments::parse();
    // The limit has as many threads as the server it stands for; the driver one, to leave the rest to the server.
    let mut runtime = match command {
        Command::Limit { .. } => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let (text, value) = runtime.enable_all().build()?.block_on(run(command))?;
    let mut stdout = std::io::stdout();
    if json {
        writeln!(stdout, "{value}")?
    } else {
        writeln!(stdout, "{}", text.trim_end())?
    }
    Ok(())
}

/// What is to be printed: as text, and as JSON.
async fn run(command: Command) -> anyhow::Result<(String, Value)> {
    let both = |all: Vec<Figures>| (figures::table(&all), json!(all));
    Ok(match command {
        Command::Drive(drive) => both(drive.run().await?),
        Command::Walk { whom, by, count } => both(walk::walk(&whom.server()?, by, count).await?),
        Command::Disk { folder, times } => both(vec![disk::measure(&folder, times)?]),
        Command::Load { whom, number, people, prefix, shape, clients, bulk } => {
            let order = load::Order { people: number, prefix, shape, clients, bulk };
            let (made, seconds) = load::people(&whom.server()?, &order).await?;
            made.write(&people)?;
            let rate = number as f64 / seconds;
            let text = format!("{number} people in {seconds:.1} s, {rate:.0} a second");
            (text, json!({"people": number, "seconds": seconds, "rate": rate}))
        }
        Command::Group { whom, people, size, name } => {
            let id = load::group(&whom.server()?, &name, &People::read(&people)?, size).await?;
            (id.clone(), json!({"id": id}))
        }
        Command::Limit { listen, bytes } => {
            limit::serve(&listen, bytes).await?;
            (String::new(), Value::Null)
        }
        Command::Bare { data, write, batch, seconds } => {
            let it = bare::measure(&data, write, batch, Duration::from_secs_f64(seconds))?;
            let text = format!(
                "{write:?}, {batch} in a transaction: {:.0} a second, {:.0} µs of processor and {:.0} bytes of log each",
                it.rate, it.cpu_us, it.wal_bytes
            );
            (text, json!(it))
        }
    })
}
