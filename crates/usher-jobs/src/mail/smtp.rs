//! The sender: over SMTP (RFC 5321), with TLS from the first byte or by STARTTLS (RFC 3207), signed in where a user is given.

use std::{sync::Arc, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{authentication::Credentials, client::Tls, client::TlsParameters},
};
use tokio::sync::watch;
use usher_store::{Lane, Store, StoreError};

use super::{Row, failed, prune, sent, take};
use crate::{Backoff, Clock, Lease, Leases};

/// The lease of whoever sends.
const LEASE: &str = "mail";
/// How often the outbox is looked at when nobody announced anything.
const LOOK: Duration = Duration::from_secs(5);
/// Mails sent in one go.
const MOST: usize = 20;
/// What a short read may take.
const READ: Duration = Duration::from_secs(10);
/// What one mail may take.
const LIMIT: Duration = Duration::from_secs(30);

/// How the connection is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (port 465).
    Tls,
    /// STARTTLS, and nothing is sent without it (port 587).
    StartTls,
    /// Nothing is: for a server on this machine alone.
    None,
}

impl std::str::FromStr for Security {
    type Err = MailError;
    fn from_str(text: &str) -> Result<Self, MailError> {
        match text {
            "tls" => Ok(Self::Tls),
            "starttls" => Ok(Self::StartTls),
            "none" => Ok(Self::None),
            _ => Err(MailError::Setting(format!("smtp_security is starttls, tls or none, not {text}"))),
        }
    }
}

/// Where and as whom mail is sent.
#[derive(Clone)]
pub struct SmtpSettings {
    /// The server's name.
    pub host: String,
    /// Its port; 0: 465 with TLS, 587 with STARTTLS, else 25.
    pub port: u16,
    /// How the connection is kept private.
    pub security: Security,
    /// The user and password to sign in with.
    pub user: Option<(String, String)>,
    /// The sender's address, `Usher <usher@example.com>`.
    pub from: String,
    /// A PEM file with the authority of the server's certificate, beside the machine's own.
    pub authority: Option<Vec<u8>>,
}

/// Why mail can't be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// A setting that can't be used.
    #[error("{0}")]
    Setting(String),
    /// The server refused it, or could not be reached.
    #[error("{0}")]
    Server(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Empties the outbox. Cheap to clone; on any number of instances one sends at a time.
#[derive(Clone)]
pub struct Mailer {
    store: Store,
    clock: Clock,
    leases: Arc<Leases>,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    host: String,
}

impl Mailer {
    /// A mailer over a store that was opened with this crate's tables.
    ///
    /// # Errors
    /// [`MailError::Setting`]: an address or certificate that can't be read.
    pub fn new(store: Store, clock: Clock, settings: &SmtpSettings) -> Result<Self, MailError> {
        let from: Mailbox = settings
            .from
            .parse()
            .map_err(|error| MailError::Setting(format!("smtp_from {}: {error}", settings.from)))?;
        let leases = Arc::new(Leases::with_clock(store.clone(), clock.clone()));
        let transport = transport(settings)?;
        Ok(Self { store, clock, leases, transport, from, host: settings.host.clone() })
    }

    /// Sends what is due until told to stop.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut announced = self.store.announced();
        while !*stop.borrow() {
            match self.flush().await {
                // A full round: perhaps there is more.
                Ok(n) if n == MOST => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the outbox can't be looked at; tried again"),
            }
            tokio::select! {
                _ = stop.changed() => {}
                changed = announced.changed() => {
                    // Not with each of many commits.
                    tokio::time::sleep(Duration::from_millis(if changed.is_ok() { 200 } else { 5_000 })).await;
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Sends what is due now, at most 20 mails; how many were tried. What can't be sent waits for another time.
    ///
    /// # Errors
    /// [`MailError::Store`] alone.
    pub async fn flush(&self) -> Result<usize, MailError> {
        let now = self.clock.now();
        let due = self.store.read(READ, move |on| take(on, now, MOST)).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let Some(lease) = self.leases.take(LEASE).await? else { return Ok(0) };
        let tried = self.send_all(&lease).await;
        self.leases.give_back(lease).await?;
        tried
    }

    async fn send_all(&self, lease: &Lease) -> Result<usize, MailError> {
        // Read again: another instance may just have sent them.
        let now = self.clock.now();
        let due = self.store.read(READ, move |on| take(on, now, MOST)).await?;
        let count = due.len();
        for row in due {
            let limit = lease.request_limit(LIMIT);
            if limit.is_zero() {
                break;
            }
            let outcome = tokio::time::timeout(limit, self.send(&row)).await.unwrap_or_else(|_| {
                Err(MailError::Server(format!("{} gave no answer within {} s", self.host, limit.as_secs())))
            });
            self.keep(lease, row, outcome).await?;
        }
        Ok(count)
    }

    async fn keep(&self, lease: &Lease, row: Row, outcome: Result<(), MailError>) -> Result<(), MailError> {
        let (lease, now) = (lease.clone(), self.clock.now());
        let due = Backoff::Escrow.next(row.tries + 1, &self.clock);
        let error = outcome.err().map(|error| error.to_string());
        if let Some(error) = &error {
            tracing::warn!(error, "a mail could not be sent; tried again");
        }
        self.store
            .write(Lane::Now, move |tx| {
                if !lease.check(tx)? {
                    return Ok(());
                }
                match &error {
                    None => sent(tx, &row, now)?,
                    Some(error) => failed(tx, &row, due, error)?,
                }
                prune(tx, now)
            })
            .await
            .map_err(MailError::Store)
    }

    async fn send(&self, row: &Row) -> Result<(), MailError> {
        let server = |error: String| MailError::Server(format!("{}: {error}", self.host));
        let to: Mailbox = row.to.parse().map_err(|_| server(format!("{} is no e-mail address", row.to)))?;
        // The same each time this very mail is sent, so that a repeated one can be told.
        let domain = self.from.email.domain();
        let id = format!("<usher-{}-{}-{}@{domain}>", row.created.as_millisecond(), row.id, row.version);
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&row.subject)
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .body(row.text.clone())
            .map_err(|error| server(error.to_string()))?;
        self.transport.send(message).await.map(drop).map_err(|error| server(said(&error)))
    }
}

/// The error with what is behind it.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

fn transport(settings: &SmtpSettings) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let wrong = |error: lettre::transport::smtp::Error| MailError::Setting(format!("smtp: {error}"));
    let mut tls = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.authority {
        let certificate = lettre::transport::smtp::client::Certificate::from_pem(pem).map_err(wrong)?;
        tls = tls.add_root_certificate(certificate);
    }
    let (security, port) = match settings.security {
        Security::Tls => (Tls::Wrapper(tls.build().map_err(wrong)?), 465),
        Security::StartTls => (Tls::Required(tls.build().map_err(wrong)?), 587),
        Security::None => (Tls::None, 25),
    };
    let port = if settings.port == 0 { port } else { settings.port };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
        .port(port)
        .tls(security)
        .timeout(Some(LIMIT));
    if let Some((user, password)) = &settings.user {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}
