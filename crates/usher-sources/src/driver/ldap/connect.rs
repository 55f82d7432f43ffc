//! A connection to an LDAP server, made step by step so that what fails can be named: address, TCP, TLS, bind.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, StdStream};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinHandle;
use url::Url;
use usher_client::AddressPolicy;

use super::search::explained;
use crate::ldap::settings::{LdapBind, LdapSettings};

/// How long each step of connecting may take, and a short question.
const PATIENCE: Duration = Duration::from_secs(15);

/// A step of connecting that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {message}")]
pub(super) struct Broken {
    /// `address`, `TCP`, `TLS`, `bind`.
    pub(super) step: &'static str,
    /// What went wrong and what to do.
    pub(super) message: String,
}

/// Bound, and ready for searches. Closed when dropped.
pub(super) struct Session {
    pub(super) ldap: Ldap,
    driving: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driving.abort();
    }
}

/// Who is told of each step that went well.
pub(super) type Told<'t> = &'t mut (dyn FnMut(&'static str, String) + Send);

/// Connects and binds.
pub(super) async fn open(
    settings: &LdapSettings,
    secret: Option<&SecretString>,
    policy: AddressPolicy,
    told: Told<'_>,
) -> Result<Session, Broken> {
    let broken = |step: &'static str| move |message: String| Broken { step, message };
    let url = settings.address().map_err(broken("address"))?;
    let found = resolved(settings, &url, policy).await.map_err(broken("address"))?;
    told("address", found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    let stream = tcp(&found).await.map_err(broken("TCP"))?;
    told("TCP", "the server takes the connection".into());
    let (session, tls) = tls(settings, &url, stream).await.map_err(broken("TLS"))?;
    told("TLS", tls.into());
    let mut session = session;
    let who = bind(&mut session.ldap, settings, secret).await.map_err(broken("bind"))?;
    told("bind", who);
    Ok(session)
}

/// Judged by where the name leads to now, and connected to exactly these.
async fn resolved(
    settings: &LdapSettings,
    url: &Url,
    policy: AddressPolicy,
) -> Result<Vec<SocketAddr>, String> {
    let (_, host, port) = settings.server().ok_or("there is no host in the address")?;
    let plain = host.trim_matches(['[', ']']).to_owned();
    let all: Vec<SocketAddr> = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((plain, port)))
        .await
        .map_err(|_| format!("{host} is not found in time"))?
        .map_err(|error| format!("{host} is not found: {error}"))?
        .collect();
    let mut good: Vec<SocketAddr> = all.iter().copied().filter(|at| policy.allows(at.ip())).collect();
    good.dedup();
    if good.is_empty() {
        let where_to = all.first().map_or_else(|| "nowhere".into(), |at| at.ip().to_string());
        return Err(format!(
            "{url} leads to {where_to}, which sources may not connect to (private addresses: the setting private_addresses)"
        ));
    }
    Ok(good)
}

async fn tcp(addresses: &[SocketAddr]) -> Result<std::net::TcpStream, String> {
    let mut last = String::from("there is no address");
    for address in addresses {
        match tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect(address)).await {
            Ok(Ok(stream)) => match stream.into_std() {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.to_string(),
            },
            Ok(Err(error)) => {
                last = format!("{address}: {error}; is the server running, and the port right?")
            }
            Err(_) => last = format!("{address} does not answer; does a firewall stand between?"),
        }
    }
    Err(last)
}

async fn tls(
    settings: &LdapSettings,
    url: &Url,
    stream: std::net::TcpStream,
) -> Result<(Session, &'static str), String> {
    let mut how = LdapConnSettings::new()
        .set_std_stream(StdStream::Tcp(stream))
        .set_conn_timeout(PATIENCE)
        .set_starttls(settings.start_tls);
    let tls = settings.is_tls(url);
    if tls {
        how = how.set_config(Arc::new(config(settings)?));
    }
    // In a task: the library panics at what is no LDAP.
    let url = url.clone();
    let connecting = tokio::spawn(async move { LdapConnAsync::from_url_with_settings(how, &url).await });
    let (connection, ldap) = match connecting.await {
        Ok(Ok(pair)) => pair,
        Ok(Err(error)) => return Err(tls_error(&error)),
        Err(_) => return Err("what answers there is no LDAP server".into()),
    };
    let driving = tokio::spawn(async move {
        if let Err(error) = connection.drive().await {
            tracing::debug!(%error, "an LDAP connection ended");
        }
    });
    let said = match (tls, settings.start_tls) {
        (true, true) => "StartTLS; the certificate is trusted",
        (true, false) => "the certificate is trusted",
        (false, _) => "none: what is said can be read on the way",
    };
    Ok((Session { ldap, driving }, said))
}

fn config(settings: &LdapSettings) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match &settings.ca_file {
        Some(path) => {
            let shown = path.display();
            for certificate in CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| format!("the authorities in {shown} can't be read: {error}"))?
            {
                roots.add(certificate).map_err(|error| format!("an authority in {shown}: {error}"))?;
            }
            if roots.is_empty() {
                return Err(format!("there is no certificate in {shown} (PEM, BEGIN CERTIFICATE)"));
            }
        }
        None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let (Some(chain), Some(key)) = (&settings.cert_file, &settings.key_file) else {
        return Ok(builder.with_no_client_auth());
    };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("the certificate {} can't be read: {error}", chain.display()))?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("the private key {} can't be read: {error}", key.display()))?;
    builder
        .with_client_auth_cert(certificates, key)
        .map_err(|error| format!("certificate and private key do not fit: {error}"))
}

fn tls_error(error: &LdapError) -> String {
    let text = error.to_string();
    let to_do = if text.contains("UnknownIssuer") {
        ": its certificate is signed by nobody who is trusted here; name its authority with --ca-file"
    } else if text.contains("NotValidForName") {
        ": its certificate is for another name; use the name that stands in it"
    } else if text.contains("Expired") {
        ": its certificate has expired"
    } else if matches!(error, LdapError::LdapResult { .. }) {
        ": the server refuses StartTLS; try ldaps://"
    } else {
        ""
    };
    format!("{}{to_do}", explained(error))
}

async fn bind(
    ldap: &mut Ldap,
    settings: &LdapSettings,
    secret: Option<&SecretString>,
) -> Result<String, String> {
    ldap.with_timeout(PATIENCE);
    let (result, who) = match &settings.bind {
        LdapBind::Anonymous => (ldap.simple_bind("", "").await, "as nobody".to_owned()),
        LdapBind::Simple(name) => {
            let secret = secret.ok_or(
                "there is no bind password (a changed address forgets it): give it with usher source set NAME --bind-password-file FILE",
            )?;
            (ldap.simple_bind(name, secret.expose_secret()).await, format!("as {name}"))
        }
        LdapBind::External => (ldap.sasl_external_bind().await, "as the certificate says".to_owned()),
    };
    match result.and_then(ldap3::LdapResult::success) {
        Ok(_) => Ok(who),
        Err(LdapError::LdapResult { result }) if result.rc == 49 => {
            Err(format!("{who}: the server knows no such name and password (invalid credentials)"))
        }
        Err(error) => Err(format!("{who}: {}", explained(&error))),
    }
}

/// What a server says of itself (its root DSE).
#[derive(Debug, Clone, Default)]
pub(super) struct Announced {
    controls: Vec<String>,
}

impl Announced {
    /// Sync replication, RFC 4533.
    pub(super) fn sync(&self) -> bool {
        self.has("1.3.6.1.4.1.4203.1.9.1.1")
    }
    /// Paged results, RFC 2696.
    pub(super) fn pages(&self) -> bool {
        self.has("1.2.840.113556.1.4.319")
    }
    fn has(&self, oid: &str) -> bool {
        self.controls.iter().any(|control| control == oid)
    }
}

/// Asks for it.
pub(super) async fn announced(session: &Session) -> Result<Announced, String> {
    let mut ldap = session.ldap.clone();
    ldap.with_timeout(PATIENCE);
    let (found, _) = ldap
        .search("", Scope::Base, "(objectClass=*)", vec!["supportedControl"])
        .await
        .and_then(ldap3::SearchResult::success)
        .map_err(|error| explained(&error))?;
    let entry = found.into_iter().next().filter(|entry| !entry.is_ref() && !entry.is_intermediate());
    let controls =
        entry.map(SearchEntry::construct).and_then(|mut entry| entry.attrs.remove("supportedControl"));
    Ok(Announced { controls: controls.unwrap_or_default() })
}
