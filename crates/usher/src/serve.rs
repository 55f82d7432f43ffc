//! `usher serve`: the SCIM service, the rules, the cycles, and the socket that commands come by.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, UnixListener, UnixStream},
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use usher_console::Console;
use usher_scim::ScimError;
use usher_service::{Listening, Service, Trail};

use crate::{
    keeping,
    owner::{self, Call, Line},
    print::{Printer, news},
    settings::Settings,
    system::System,
    watching,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen, host:port; may be given several times. Port 0 takes a free one.
    #[arg(long)]
    listen: Vec<String>,
    /// What this instance does: all, service (SCIM and what apps read), engine (cycles and rules).
    #[arg(long, default_value = "all", value_parser = ["all", "service", "engine"])]
    role: String,
}

pub(crate) async fn run(
    arguments: Arguments,
    mut settings: Settings,
    printer: Printer,
) -> anyhow::Result<()> {
    if !arguments.listen.is_empty() {
        settings.listen = arguments.listen;
    }
    let on_sqlite = settings.database_url.is_empty();
    let owner = if on_sqlite { Some(take(&settings.data)?) } else { None };
    // Before the database is opened: an address in use is the commonest mistake.
    let listeners = if arguments.role == "engine" { Vec::new() } else { bind(&settings).await? };
    let tls = tls(&settings)?;
    let opened = settings.clone();
    let system =
        tokio::task::spawn_blocking(move || System::open(&opened, opened.database_connections)).await??;
    let (stop, stopping) = watch::channel(false);
    let mut parts = JoinSet::new();
    let mut addresses = Vec::new();
    let trail = trail(&system, &settings);
    for listener in listeners {
        let scheme = if tls.is_some() { "https" } else { "http" };
        addresses.push(format!("{scheme}://{}", listener.local_addr()?));
        let router = router(&system, &settings, trail.clone())?;
        let ended = ended(stopping.clone());
        parts.spawn(usher_service::serve(listener, router, tls.clone(), Listening::default(), ended));
    }
    if !on_sqlite {
        parts.spawn(keeping::number(system.clone(), stopping.clone()));
    }
    if arguments.role != "service" {
        work(&system, &stopping, &mut parts);
        let kept =
            keeping::Kept { log_days: settings.provisioning_log_days, trail_days: settings.trail_days };
        parts.spawn(keeping::run(system.clone(), kept, stopping.clone()));
        let request = Duration::from_secs(settings.scim_request_seconds);
        parts.spawn(keeping::index(system.clone(), request, stopping.clone()));
        if let Some(mailer) = system.mailer.clone() {
            let stopping = stopping.clone();
            parts.spawn(async move { mailer.run(stopping).await });
        }
        let settle = Duration::from_secs(settings.watch_settle_seconds);
        parts.spawn(watching::run(system.clone(), settle, stopping.clone()));
    }
    if on_sqlite {
        take_commands(&settings.data, &system, &stopping, &mut parts)?;
    }
    let said =
        addresses.iter().map(|address| format!("Usher listens on {address}/scim/v2")).collect::<Vec<_>>();
    printer.either(&serde_json::json!({"listening": addresses}), &said.join("\n"))?;
    signals(&stop).await?;
    while parts.join_next().await.is_some() {}
    if let Some(trail) = trail {
        trail.flush().await;
    }
    tokio::task::spawn_blocking(move || system.close()).await?;
    drop(owner);
    Ok(())
}

/// Where SCIM requests are noted, unless nothing of them is to be kept.
pub(crate) fn trail(system: &System, settings: &Settings) -> Option<Trail> {
    (settings.trail_days > 0).then(|| Trail::start(system.trail.clone()))
}

fn take(folder: &Path) -> anyhow::Result<owner::Owner> {
    let Some(owner) = owner::own(folder)? else {
        bail!(
            "another usher process is using {}; stop it, or name another folder with --data",
            folder.display()
        );
    };
    Ok(owner)
}

async fn bind(settings: &Settings) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in &settings.listen {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            anyhow::anyhow!(
                "can't listen on {address}: {error}; choose another address with --listen host:port"
            )
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// The SCIM service and the API as the settings say, and an answer for what is neither.
pub(crate) fn router(
    system: &System,
    settings: &Settings,
    trail: Option<Trail>,
) -> anyhow::Result<axum::Router> {
    let elsewhere = || async {
        let error = ScimError::status(
            404,
            "nothing is here; the SCIM service is at /scim/v2, what apps read at /api/v1",
        );
        (
            http::StatusCode::NOT_FOUND,
            [(http::header::CONTENT_TYPE, "application/scim+json")],
            serde_json::Value::from(error.body()).to_string(),
        )
    };
    let mut service = service(system, settings)?;
    if let Some(trail) = trail {
        service = service.trailed(trail);
    }
    let api = usher_console::router(console(system, settings)?);
    Ok(usher_service::router(service).merge(api).fallback(elsewhere))
}

fn console(system: &System, settings: &Settings) -> anyhow::Result<Console> {
    let rate = settings.api_requests_per_second;
    let limits = usher_service::Settings {
        trusted_proxies: proxies(settings)?,
        rate,
        burst: rate.saturating_mul(5),
        ..usher_service::Settings::default()
    };
    Ok(Console::new(system.admin.clone(), limits))
}

fn proxies(settings: &Settings) -> anyhow::Result<Vec<usher_service::Network>> {
    settings.trusted_proxies.iter().map(|proxy| proxy.parse().context("trusted_proxies")).collect()
}

fn service(system: &System, settings: &Settings) -> anyhow::Result<Service> {
    let clocks = (system.clock.clone(), system.clock.clone());
    let clock = usher_service::Clock::new(move || clocks.0.now(), move || clocks.1.id());
    let rate = settings.scim_requests_per_second;
    let limits = usher_service::Settings {
        public_url: Some(settings.public_url.clone()).filter(|url| !url.is_empty()),
        trusted_proxies: proxies(settings)?,
        request: Duration::from_secs(settings.scim_request_seconds),
        rate,
        burst: rate.saturating_mul(5),
        url_bytes: settings.scim_url_bytes,
        bulk_operations: settings.scim_bulk_operations,
        bulk_bytes: settings.scim_bulk_bytes,
        cursor: Duration::from_secs(settings.scim_cursor_seconds),
        ..usher_service::Settings::default()
    };
    let service = Service::new(system.store.clone(), system.configs.clone(), clock, limits);
    Ok(service.guarded(Arc::new(usher_sources::held::SourcesFirst)))
}

/// The rules of all accounts, the cycles of all apps and the reading of all sources, until told to stop.
pub(crate) fn work(system: &System, stopping: &watch::Receiver<bool>, parts: &mut JoinSet<()>) {
    parts.spawn(usher_people::driver::run(system.people.clone(), stopping.clone()));
    let (sources, reading) = (system.sources.clone(), stopping.clone());
    parts.spawn(async move { sources.serve(reading).await });
    let (engine, stopping) = (system.engine.clone(), stopping.clone());
    parts.spawn(async move {
        if let Err(error) = engine.serve(stopping).await {
            tracing::error!(%error, "cycles have ended");
        }
    });
}

/// Commands that find the data folder taken come by its socket, until told to stop.
pub(crate) fn take_commands(
    folder: &Path,
    system: &System,
    stopping: &watch::Receiver<bool>,
    parts: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    parts.spawn(commands(socket(folder)?, system.clone(), stopping.clone()));
    Ok(())
}

/// Ends when told to stop.
pub(crate) async fn ended(mut stopping: watch::Receiver<bool>) {
    // An error means that the sender is gone: that is a stop too.
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn tls(settings: &Settings) -> anyhow::Result<Option<TlsAcceptor>> {
    if settings.tls_cert.is_empty() {
        return Ok(None);
    }
    let chain = CertificateDer::pem_file_iter(&settings.tls_cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("the certificate {} can't be read", settings.tls_cert))?;
    let key = PrivateKeyDer::from_pem_file(&settings.tls_key)
        .with_context(|| format!("the private key {} can't be read", settings.tls_key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("certificate and private key do not fit")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// The first signal drains, a second ends at once.
pub(crate) async fn signals(stop: &watch::Sender<bool>) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.send_replace(true);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        news("usher: ended at once");
        std::process::exit(1);
    });
    Ok(())
}

/// The socket of a data folder: whoever may open it may administer. What an earlier process left there is replaced; the lock
/// says that it is gone.
fn socket(folder: &Path) -> anyhow::Result<UnixListener> {
    let path = folder.join("usher.sock");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} can't be replaced", path.display()));
        }
        _ => {}
    }
    let listener =
        UnixListener::bind(&path).with_context(|| format!("the socket {} can't be made", path.display()))?;
    let owner_alone = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, owner_alone)?;
    Ok(listener)
}

/// Answers commands until told to stop.
async fn commands(listener: UnixListener, system: System, stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = ended(stopping.clone()) => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let system = system.clone();
                    tokio::spawn(async move {
                        if let Err(error) = command(stream, &system).await {
                            tracing::warn!("a command was cut off: {error:#}");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a command could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
}

/// One call: progress lines, then the answer.
async fn command(mut stream: UnixStream, system: &System) -> anyhow::Result<()> {
    let (reading, mut writing) = stream.split();
    let Some(line) = BufReader::new(reading).lines().next_line().await? else { return Ok(()) };
    let call: Call = serde_json::from_str(&line).context("it speaks another version of usher")?;
    let (progress, mut heard) = mpsc::unbounded_channel();
    let tell = move |how_far| {
        // A caller that has gone away hears nothing; the work goes on.
        let _ = progress.send(how_far);
    };
    let system = system.clone();
    // A task of its own: a caller that goes away does not stop what it began.
    let mut work = tokio::spawn(async move { owner::done(&system, call.actor, call.request, &tell).await });
    let ended = loop {
        tokio::select! {
            ended = &mut work => break ended?,
            Some(how_far) = heard.recv() => send(&mut writing, &Line::Progress(how_far)).await?,
        }
    };
    let line = match ended {
        Ok(answer) => Line::Answer(Box::new(answer)),
        Err(error) => Line::Error(error.0),
    };
    send(&mut writing, &line).await
}

async fn send(writing: &mut (impl AsyncWriteExt + Unpin), line: &Line) -> anyhow::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(writing.write_all(&bytes).await?)
}
