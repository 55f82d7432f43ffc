//! How to reach a server, and what is asked of it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use ::postgres::{
    Client, Config, NoTls,
    config::{Host, SslMode},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors;
use crate::StoreError;

const CONNECT: Duration = Duration::from_secs(10);
/// A server that vanished is noticed after this, not after the hours of TCP's defaults.
const SILENCE: Duration = Duration::from_secs(30);

/// Settings of every connection. Reads that are one statement run without a transaction, so reading is the default. Nothing is
/// compiled (`jit`): while a table has no statistics PostgreSQL takes a look-up of a millisecond for a long one, and spends half a
/// second on compiling it.
const SETTINGS: &str = "\
    set default_transaction_read_only = on; \
    set default_transaction_isolation = 'read committed'; \
    set statement_timeout = 30000; \
    set lock_timeout = 10000; \
    set idle_in_transaction_session_timeout = 60000; \
    set client_min_messages = warning; \
    set timezone = 'UTC'; \
    set jit = off; \
    set standard_conforming_strings = on; \
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";

/// A connection string, understood.
#[derive(Clone)]
pub(super) struct Server {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Server {
    /// TLS is used when `sslmode` asks for it (`require`, `verify-ca` or `verify-full`), and then the server's certificate
    /// is always verified, by the system's roots or those in `sslrootcert=FILE`.
    pub(super) fn new(url: &str) -> Result<Self, StoreError> {
        let (url, roots) = understood(url);
        // The error of the parser never repeats the password, but may name a parameter.
        let mut config: Config = url
            .parse()
            .map_err(|error| StoreError::Unavailable(format!("the database URL can't be read: {error}")))?;
        config.application_name("usher").keepalives_idle(SILENCE).tcp_user_timeout(SILENCE);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(MakeRustlsConnect::new(verified(roots.as_deref())?)),
            _ => {
                if !config.get_hosts().iter().all(is_local) {
                    tracing::warn!(
                        "the connection to PostgreSQL is not encrypted; add sslmode=require to the database URL"
                    );
                }
                config.ssl_mode(SslMode::Disable);
                None
            }
        };
        Ok(Self { config, tls })
    }

    pub(super) fn connect(&self) -> Result<Client, StoreError> {
        let connected = match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        };
        let mut client = connected.map_err(|error| {
            StoreError::Unavailable(format!("PostgreSQL can't be reached: {}", errors::text(&error)))
        })?;
        client.batch_execute(SETTINGS).map_err(|error| {
            StoreError::Unavailable(format!(
                "PostgreSQL does not take our settings: {}",
                errors::text(&error)
            ))
        })?;
        Ok(client)
    }
}

/// Whether this server can be used at all.
pub(super) fn check(client: &mut Client) -> Result<(), StoreError> {
    let mut show = |name: &str| {
        client
            .query_one("select current_setting($1)", &[&name])
            .and_then(|row| row.try_get::<_, String>(0))
            .map_err(|error| errors::failure(&error, name).error)
    };
    let encoding = show("server_encoding")?;
    if encoding != "UTF8" {
        return Err(StoreError::Unavailable(format!(
            "the PostgreSQL database is encoded in {encoding}; make one with `encoding 'UTF8'`"
        )));
    }
    let version = show("server_version_num")?;
    if version.parse::<u32>().is_ok_and(|version| version < 130_000) {
        let version = show("server_version")?;
        return Err(StoreError::Unavailable(format!("PostgreSQL {version} is too old; 13 is needed")));
    }
    Ok(())
}

/// The parameters of libpq that the `postgres` crate does not know: `sslmode=verify-full` and `sslrootcert`.
fn understood(url: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let mut roots = None;
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslrootcert", file)) => roots = Some(file.replace("%2F", "/").replace("%2f", "/")),
            Some(("sslmode", "verify-ca" | "verify-full")) => kept.push("sslmode=require"),
            Some(("sslmode", "allow")) => kept.push("sslmode=disable"),
            _ => kept.push(pair),
        }
    }
    let url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
    (url, roots)
}

fn verified(file: Option<&str>) -> Result<ClientConfig, StoreError> {
    let failed =
        |error: &dyn std::fmt::Display| StoreError::Unavailable(format!("TLS to PostgreSQL: {error}"));
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            let certificates = CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| failed(&error))?;
                roots.add(certificate).map_err(|error| failed(&error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(failed(&"no root certificates; install the system's, or name a file with sslrootcert"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libpqs_words_for_tls_are_understood() {
        assert_eq!(understood("postgres://h/db"), ("postgres://h/db".to_owned(), None));
        assert_eq!(
            understood("postgres://h/db?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&connect_timeout=3"),
            ("postgres://h/db?sslmode=require&connect_timeout=3".to_owned(), Some("/etc/ca.pem".to_owned()))
        );
        assert_eq!(
            understood("postgres://h/db?sslrootcert=a"),
            ("postgres://h/db".to_owned(), Some("a".to_owned()))
        );
    }

    #[test]
    fn a_password_is_not_repeated() {
        let Err(error) = Server::new("postgres://u:geheim@h:port/db") else { panic!("accepted") };
        assert!(!error.to_string().contains("geheim"), "{error}");
    }

    #[test]
    fn tls_is_used_when_asked_for_only() {
        assert!(Server::new("postgres://127.0.0.1/db").unwrap().tls.is_none());
        let Err(error) = Server::new("postgres://h/db?sslmode=require&sslrootcert=/nowhere.pem") else {
            panic!("accepted")
        };
        assert!(error.to_string().contains("TLS"), "{error}");
    }
}
