//! Who owns the data: nobody (a command does its work itself), or a server (it is asked over its socket).

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};
use usher_admin::{Actor, AdminError, Answer, Outcome, Request};

use crate::{settings::Settings, system::System, work};

/// How long a command waits for another command to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// As many connections to PostgreSQL as a command can use.
const CONNECTIONS: usize = 4;

/// The data folder is ours while this lives.
#[derive(Debug)]
pub(crate) struct Owner(#[allow(dead_code, reason = "the lock ends with the file")] File);

/// How far long work is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// E.g. `reading people.ldif`.
    pub(crate) what: String,
    pub(crate) done: u64,
    pub(crate) of: u64,
}

/// A line of the socket, from the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Progress(Progress),
    Answer(Box<Answer>),
    Error(usher_api::FailureBody),
}

/// A line of the socket, to the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) actor: Actor,
    pub(crate) request: Request,
}

/// Whom to ask.
pub(crate) enum Reach {
    /// We do it ourselves; the data folder is ours meanwhile.
    Here { system: Box<System>, _owner: Option<Owner> },
    /// The server that owns the data folder.
    There(PathBuf),
}

impl Reach {
    /// Finds out. On PostgreSQL commands always go to the database.
    pub(crate) async fn find(settings: &Settings) -> anyhow::Result<Self> {
        if !settings.database_url.is_empty() {
            return Ok(Self::Here { system: Box::new(open(settings).await?), _owner: None });
        }
        let began = Instant::now();
        loop {
            if let Some(owner) = own(&settings.data)? {
                let system = Box::new(open(settings).await?);
                return Ok(Self::Here { system, _owner: Some(owner) });
            }
            let socket = settings.data.join("usher.sock");
            if UnixStream::connect(&socket).await.is_ok() {
                return Ok(Self::There(socket));
            }
            if began.elapsed() > PATIENCE {
                bail!(
                    "another usher process is using {}; wait for it to end, or name another folder with --data",
                    settings.data.display()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Has a request done; `progress` hears of long work.
    pub(crate) async fn call(
        &self,
        actor: Actor,
        request: Request,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> anyhow::Result<Answer> {
        match self {
            Self::Here { system, .. } => {
                let ended = done(system, actor, request, progress).await;
                // What it had to tell goes now: no server may be there to send it later.
                if let Some(mailer) = &system.mailer
                    && let Err(error) = mailer.flush().await
                {
                    tracing::warn!(%error, "mails wait in the outbox");
                }
                Ok(ended?)
            }
            Self::There(socket) => ask(socket, actor, request, progress).await,
        }
    }
}

async fn open(settings: &Settings) -> anyhow::Result<System> {
    let settings = settings.clone();
    tokio::task::spawn_blocking(move || System::open(&settings, CONNECTIONS)).await?
}

/// Takes the data folder, making it if need be; `None`: another process has it.
pub(crate) fn own(folder: &Path) -> anyhow::Result<Option<Owner>> {
    crate::system::make_folder(folder)?;
    let path = folder.join("owner.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).with_context(|| {
        format!("the data folder {} can't be written; name another with --data", folder.display())
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Owner(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} can't be locked", path.display()))
        }
    }
}

/// Does a request here: the use case on a plain thread, its work on the drivers.
pub(crate) async fn done(
    system: &System,
    actor: Actor,
    request: Request,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Answer, AdminError> {
    let admin = system.admin.clone();
    let outcome = tokio::task::spawn_blocking(move || admin.handle(&actor, request))
        .await
        .map_err(|error| AdminError::new("internal", error.to_string()))??;
    match outcome {
        Outcome::Done(answer) => Ok(answer),
        Outcome::Work(work) => work::run(system, work, progress).await,
    }
}

/// Sends a request to the server and follows it.
async fn ask(
    socket: &Path,
    actor: Actor,
    request: Request,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> anyhow::Result<Answer> {
    let mut stream = UnixStream::connect(socket)
        .await
        .with_context(|| format!("the server at {} does not answer", socket.display()))?;
    let (reading, mut writing) = stream.split();
    let mut line = serde_json::to_vec(&Call { actor, request })?;
    line.push(b'\n');
    writing.write_all(&line).await?;
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line).context("the server speaks another version of usher")? {
            Line::Progress(how_far) => progress(how_far),
            Line::Answer(answer) => return Ok(*answer),
            Line::Error(error) => return Err(AdminError(error).into()),
        }
    }
    bail!("the server ended before it had answered; look at its log")
}
