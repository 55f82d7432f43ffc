//! An OpenLDAP server of a test's own: in a temporary folder, on free loopback ports, with certificates of its own authority.
use std::{
    io::Write,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// Whom the tests bind as.
pub(crate) const ADMIN: &str = "cn=admin,dc=x";
pub(crate) const PASSWORD: &str = "only-for-tests-7f2a";

fn given(variable: &str, usual: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| usual.to_owned())
}

/// A server; stopped when dropped.
pub(crate) struct Slapd {
    folder: tempfile::TempDir,
    child: Option<Child>,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
}

/// Which overlays it has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kind {
    /// Without sync replication.
    pub(crate) without_sync: bool,
    /// At most so many entries an answer.
    pub(crate) size_limit: Option<u32>,
    /// Nobody but the administrator may read `member`.
    pub(crate) members_hidden: bool,
}

impl Slapd {
    /// One that serves sync replication, with this LDIF in it.
    pub(crate) fn with(ldif: &str) -> Self {
        Self::of(Kind::default(), ldif)
    }

    pub(crate) fn of(kind: Kind, ldif: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, tls_port) = (free(), free());
        let mut slapd = Self { folder, child: None, port, tls_port };
        std::fs::create_dir(slapd.path("db")).unwrap();
        slapd.certificates();
        let schema = given("USHER_TEST_LDAP_SCHEMA", "/etc/ldap/schema");
        let modules = given("USHER_TEST_LDAP_MODULES", "/usr/lib/ldap");
        let at = |name: &str| slapd.path(name).display().to_string();
        let overlays = if kind.without_sync {
            String::new()
        } else {
            "overlay syncprov\nsyncprov-checkpoint 1 1\n".to_owned()
        };
        let hidden = if kind.members_hidden { "access to attrs=member by * none\n" } else { "" };
        let config = format!(
            "include {schema}/core.schema\ninclude {schema}/cosine.schema\ninclude {schema}/inetorgperson.schema\n\
             include {schema}/nis.schema\nmodulepath {modules}\nmoduleload back_mdb\nmoduleload syncprov\nmoduleload memberof\n\
             pidfile {}\nTLSCACertificateFile {}\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\nTLSVerifyClient try\n\
             authz-regexp \"cn=usher-client\" \"cn=reader,dc=x\"\n{}\
             database mdb\nsuffix dc=x\nrootdn {ADMIN}\nrootpw {PASSWORD}\ndirectory {}\nmaxsize 1073741824\ndbnosync\n\
             index objectClass,entryUUID,entryCSN,uid eq\n\
             access to attrs=userPassword by anonymous auth by * none\n{hidden}access to * by dn.base=\"cn=reader,dc=x\" read by anonymous auth by * none\n\
             overlay memberof\nmemberof-refint FALSE\n{overlays}",
            at("pid"),
            at("ca.pem"),
            at("server.pem"),
            at("server.key"),
            kind.size_limit.map(|most| format!("sizelimit {most}\n")).unwrap_or_default(),
            at("db"),
        );
        std::fs::write(slapd.path("slapd.conf"), config).unwrap();
        slapd.load(ldif);
        slapd.start();
        slapd
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    pub(crate) fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }
    pub(crate) fn tls_url(&self) -> String {
        format!("ldaps://localhost:{}", self.tls_port)
    }

    fn certificates(&self) {
        let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority.distinguished_name.push(DnType::CommonName, "tests' authority");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(self.path("ca.pem"), authority.pem()).unwrap();
        for (name, usage) in
            [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let mut one = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            one.extended_key_usages = vec![usage];
            let common = if name == "client" { "usher-client" } else { "localhost" };
            one.distinguished_name.push(DnType::CommonName, common);
            let key = KeyPair::generate().unwrap();
            let certificate = one.signed_by(&key, &authority).unwrap();
            std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        }
    }

    fn load(&self, ldif: &str) {
        std::fs::write(self.path("in.ldif"), format!("{TOP}{ldif}")).unwrap();
        let output = Command::new(given("USHER_TEST_SLAPADD", "/usr/sbin/slapadd"))
            .args(["-q", "-f"])
            .arg(self.path("slapd.conf"))
            .args(["-b", "dc=x", "-l"])
            .arg(self.path("in.ldif"))
            .output()
            .expect("slapadd (Debian's package slapd): run ./usher test");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts it (again) on its ports, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let child = Command::new(given("USHER_TEST_SLAPD", "/usr/sbin/slapd"))
            .arg("-f")
            .arg(self.path("slapd.conf"))
            .args(["-d", "0", "-h"])
            .arg(format!("ldap://127.0.0.1:{} ldaps://127.0.0.1:{}", self.port, self.tls_port))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("slapd (Debian's package slapd): run ./usher test");
        self.child = Some(child);
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "slapd does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Changes it, as `ldapmodify` does.
    pub(crate) fn modify(&self, changes: &str) {
        self.tool("ldapmodify", changes);
    }
    /// Adds entries.
    pub(crate) fn add(&self, ldif: &str) {
        self.tool("ldapadd", ldif);
    }
    pub(crate) fn delete(&self, dn: &str) {
        self.modify(&format!("dn: {dn}\nchangetype: delete\n"));
    }
    pub(crate) fn replace(&self, dn: &str, attribute: &str, value: &str) {
        self.modify(&format!("dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"));
    }
    /// Gives an entry another name, perhaps elsewhere.
    pub(crate) fn rename(&self, dn: &str, to: &str, below: Option<&str>) {
        let below = below.map(|below| format!("newsuperior: {below}\n")).unwrap_or_default();
        self.modify(&format!("dn: {dn}\nchangetype: modrdn\nnewrdn: {to}\ndeleteoldrdn: 1\n{below}"));
    }

    /// Makes of these changes those that can be made.
    pub(crate) fn try_modify(&self, changes: &str) {
        drop(self.output("ldapmodify", &["-c"], changes));
    }

    fn tool(&self, name: &str, input: &str) {
        let output = self.output(name, &[], input);
        assert!(output.status.success(), "{input}{}", String::from_utf8_lossy(&output.stderr));
    }

    fn output(&self, name: &str, words: &[&str], input: &str) -> std::process::Output {
        let mut child = Command::new(name)
            .args(words)
            .args(["-x", "-H", &self.url(), "-D", ADMIN, "-w", PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Debian's package ldap-utils: run ./usher test");
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The top of the tree, two places for people, and whom the tests' client certificate means.
const TOP: &str = "dn: dc=x\nobjectClass: organization\nobjectClass: dcObject\no: X\ndc: x\n\n\
    dn: cn=reader,dc=x\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: reads-only-31c\n\n\
    dn: ou=people,dc=x\nobjectClass: organizationalUnit\nou: people\n\n\
    dn: ou=elsewhere,dc=x\nobjectClass: organizationalUnit\nou: elsewhere\n\n";

/// People `uid=pN,ou=people,dc=x`, all with the first as their manager.
pub(crate) fn people(numbers: impl IntoIterator<Item = u32>) -> String {
    numbers.into_iter().map(|n| person(n, "")).collect()
}

/// One of them with more lines.
pub(crate) fn person(n: u32, more: &str) -> String {
    format!(
        "dn: uid=p{n},ou=people,dc=x\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: Person {n}\nsn: {n}\nmail: p{n}@x.example\n\
         manager: uid=p0,ou=people,dc=x\nuserPassword: hidden-{n}\n{more}\n"
    )
}

/// A group of them.
pub(crate) fn group(name: &str, numbers: impl IntoIterator<Item = u32>) -> String {
    let members: String = numbers.into_iter().map(|n| format!("member: uid=p{n},ou=people,dc=x\n")).collect();
    format!("dn: cn={name},dc=x\nobjectClass: groupOfNames\ncn: {name}\n{members}\n")
}
