//! An SMTP server of a test's own (aiosmtpd), on a free loopback port.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use usher_jobs::mail::{Security, SmtpSettings};

/// A server; stopped when dropped. Its mails are files of the folder.
pub(crate) struct Smtp {
    folder: tempfile::TempDir,
    child: Child,
    pub(crate) port: u16,
    authority: Option<Vec<u8>>,
}

impl Smtp {
    pub(crate) fn start() -> Self {
        Self::with(tempfile::tempdir().unwrap(), None)
    }

    /// One that wants STARTTLS and a sign-in, with a certificate of an authority of its own.
    pub(crate) fn private() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = server.signed_by(&key, &authority).unwrap();
        std::fs::write(folder.path().join("server.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("server.key"), key.serialize_pem()).unwrap();
        Self::with(folder, Some(authority.pem().into_bytes()))
    }

    fn with(folder: tempfile::TempDir, authority: Option<Vec<u8>>) -> Self {
        let python = std::env::var("USHER_TEST_AIOSMTPD")
            .unwrap_or_else(|_| panic!("USHER_TEST_AIOSMTPD is not set: run ./usher test"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/smtp.py");
        let mut command = Command::new(python);
        command.arg(script).arg(folder.path());
        if authority.is_some() {
            command.arg(folder.path().join("server.pem")).arg(folder.path().join("server.key"));
            command.args(["usher", "secret"]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { folder, child, port: line.trim().parse().unwrap(), authority }
    }

    pub(crate) fn settings(&self) -> SmtpSettings {
        SmtpSettings {
            host: "localhost".into(),
            port: self.port,
            security: if self.authority.is_some() { Security::StartTls } else { Security::None },
            user: self.authority.is_some().then(|| ("usher".into(), "secret".into())),
            from: "Usher <usher@example.com>".into(),
            authority: self.authority.clone(),
        }
    }

    /// While this file is there, every mail is refused.
    pub(crate) fn refuses(&self) -> PathBuf {
        self.folder.path().join("refuse")
    }

    /// What arrived, in order.
    pub(crate) fn arrived(&self) -> Vec<String> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|e| e == "eml"));
        files.sort();
        files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
