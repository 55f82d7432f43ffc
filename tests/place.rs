//! A place to run usher in: a data folder, or a schema of the tests' PostgreSQL; and servers started there.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use usher_store::{SealingKey, Store, StoreUrl};

/// The same in each place of a test: it only has to be the same key.
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// What the tests need of their surroundings.
pub(crate) fn given(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run ./usher test"))
}

/// A place of its own, gone when dropped.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    schema: Option<Schema>,
    /// Everything usher printed here.
    pub(crate) printed: Arc<Mutex<String>>,
}

/// A schema of a PostgreSQL database.
struct Schema {
    name: String,
    /// The database's.
    base: String,
    /// With the schema in it.
    url: String,
}

/// How often something is done: `few` times by `./usher test`, `many` by `./usher proof` (which sets `USHER_PROOF`).
pub(crate) fn times(few: usize, many: usize) -> usize {
    if std::env::var_os("USHER_PROOF").is_some() { many } else { few }
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::new(None)
    }

    fn new(schema: Option<Schema>) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), schema, printed: Arc::default() }
    }

    pub(crate) fn postgres() -> Self {
        Self::on(given("USHER_TEST_POSTGRES"))
    }

    /// In a schema of that PostgreSQL database.
    pub(crate) fn on(base: String) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("e2e_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let mut client = postgres::Client::connect(&base, postgres::NoTls).unwrap();
        client.batch_execute(&format!("create schema {name}")).unwrap();
        let url = format!("{base}?options=-csearch_path%3D{name}");
        Self::new(Some(Schema { name, base, url }))
    }

    /// A place on each database.
    pub(crate) fn both() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where usher's own files lie.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.schema.is_none()
    }

    /// Writes a file beside the data.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
        command.env_remove("USHER_DATA").env("USHER_LOG", "debug").current_dir(self.folder());
        match &self.schema {
            None => command.env("USHER_DATA", self.data()),
            Some(schema) => command.env("USHER_DATABASE_URL", &schema.url).env("USHER_KEY", KEY),
        };
        command.args(words);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let output = self.command(words).stdin(Stdio::null()).output().unwrap();
        let mut printed = self.printed.lock().unwrap();
        printed.push_str(&String::from_utf8_lossy(&output.stdout));
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Runs a command that must succeed; what it printed.
    #[track_caller]
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(
            output.status.success(),
            "usher {}: {}{}",
            words.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command with `--json`.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let text = self.ok(&[words, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in {text}"))
    }

    /// Runs a command that must fail with status 1; what it said on stderr (or, for tests, on stdout).
    #[track_caller]
    pub(crate) fn fails(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "usher {}: {said}", words.join(" "));
        assert!(!said.trim().is_empty() && !said.contains("panicked"), "{said}");
        said
    }

    /// Starts a command that goes on by itself.
    pub(crate) fn start(&self, words: &[&str]) -> Running {
        let command =
            self.command(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Running(command.unwrap())
    }

    /// Starts a server on a free port and waits until it listens. It imports no file by itself.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[("USHER_WATCH_SETTLE_SECONDS", "0")])
    }

    /// The same with these settings.
    pub(crate) fn serve_with(&self, settings: &[(&str, &str)]) -> Server {
        self.serve_as("all", settings)
    }

    /// The same with this part of the work.
    pub(crate) fn serve_as(&self, role: &str, settings: &[(&str, &str)]) -> Server {
        let mut child = self
            .command(&["serve", "--role", role, "--listen", "127.0.0.1:0", "--json"])
            .env("USHER_SCIM_REQUESTS_PER_SECOND", "0")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stderr, printed) = (child.stderr.take().unwrap(), Arc::clone(&self.printed));
        std::thread::spawn(move || {
            let mut text = [0; 8192];
            while let Ok(read @ 1..) = stderr.read(&mut text) {
                printed.lock().unwrap().push_str(&String::from_utf8_lossy(&text[..read]));
            }
        });
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("no server: {line}{}", self.printed.lock().unwrap()));
        let address = said["listening"][0].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
        Server { child: Running(child), _out: out, address }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(Schema { name, base, .. }) = &self.schema
            && let Ok(mut client) = postgres::Client::connect(base, postgres::NoTls)
        {
            // What can't be dropped goes with the whole cluster.
            let _ = client.batch_execute(&format!("drop schema {name} cascade"));
        }
    }
}

/// A running command, killed when dropped.
pub(crate) struct Running(Child);

impl Running {
    /// SIGTERM, and whether it ended well.
    pub(crate) fn stop(mut self) -> bool {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.0.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server, killed when dropped.
pub(crate) struct Server {
    child: Running,
    _out: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn base(&self) -> String {
        format!("http://{}/scim/v2", self.address)
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
    }

    /// SIGTERM, and whether it ended well.
    pub(crate) fn stop(self) -> bool {
        self.child.stop()
    }
}

/// Waits until a condition holds, a minute at most.
#[track_caller]
pub(crate) fn until(what: &str, holds: impl FnMut() -> bool) {
    until_within(Duration::from_secs(60), what, holds);
}

/// The same with another patience.
#[track_caller]
pub(crate) fn until_within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < patience, "{what} did not come true in {patience:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Place {
    /// A directory `company` with a source `people` of that file, imported.
    pub(crate) fn directory(&self, file: &str) {
        let kind = if file.ends_with(".csv") { "csv" } else { "ldif" };
        self.ok(&["directory", "create", "company"]);
        self.ok(&["source", "add", "people", "--directory", "company", "--kind", kind, "--file", file]);
        self.ok(&["source", "sync", "people"]);
    }

    /// An account with a production token.
    pub(crate) fn account(&self, name: &str, profile: &str) -> String {
        self.ok(&["account", "create", name, "--profile", profile]);
        self.ok(&["token", "issue", name]).trim().to_owned()
    }

    /// An app of the directory `company`, unlimited.
    pub(crate) fn app(&self, name: &str, template: &str, url: &str, token: &str) {
        let secret = self.file(&format!("{name}.token"), token);
        self.ok(&[
            "app",
            "add",
            name,
            "--from",
            template,
            "--directory",
            "company",
            "--tenant-url",
            url,
            "--secret-token-file",
            &secret,
        ]);
        self.ok(&["app", "set", name, "rate_limit=0"]);
    }

    /// All people of an account, once there are so many.
    pub(crate) fn people(&self, account: &str, expected: usize) -> Vec<Value> {
        let list = || {
            self.json(&["people", "list", account, "--limit", "1000"])["items"].as_array().unwrap().clone()
        };
        until(&format!("{expected} people"), || list().len() == expected);
        list()
    }
}

impl Place {
    /// The database itself, opened beside usher (on SQLite only where no server runs).
    pub(crate) fn store(&self) -> Store {
        let key = SealingKey::parse(KEY).unwrap();
        let at = match &self.schema {
            None => StoreUrl::Sqlite(self.data()),
            Some(schema) => StoreUrl::Postgres(schema.url.clone()),
        };
        let mut tables = usher_admin::ALL_TABLES.to_vec();
        if !self.is_sqlite() {
            tables.push(usher_directory::trail::TABLES);
        }
        Store::open(&at, &tables, key).unwrap()
    }

    /// Every value of every table, on PostgreSQL.
    pub(crate) fn stored(&self) -> Vec<Vec<u8>> {
        let Some(Schema { name, url, .. }) = &self.schema else { return Vec::new() };
        let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
        let columns = client
            .query(
                "select table_name, column_name, data_type from information_schema.columns where table_schema = $1",
                &[name],
            )
            .unwrap();
        let mut values = Vec::new();
        for column in columns {
            let (table, name, kind): (String, String, String) = (column.get(0), column.get(1), column.get(2));
            let value = if kind == "bytea" {
                format!("\"{name}\"")
            } else {
                format!("convert_to(\"{name}\"::text, 'UTF8')")
            };
            let rows = client
                .query(&format!("select {value} from \"{table}\" where \"{name}\" is not null"), &[])
                .unwrap();
            values.extend(rows.iter().map(|row| row.get::<_, Vec<u8>>(0)));
        }
        values
    }
}
