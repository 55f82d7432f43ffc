//! A PostgreSQL server of a test's own, to be treated badly.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Stopped and removed when dropped.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    port: u16,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { folder, port };
        if rustix::process::getuid().is_root() {
            // PostgreSQL refuses to run as root.
            let owner = Command::new("chown").arg("postgres").arg(cluster.folder.path()).status().unwrap();
            assert!(owner.success());
        }
        let data = cluster.data();
        cluster.ok("initdb", &["-D", &data, "-U", "usher", "-A", "trust", "-E", "UTF8", "--locale", "C"]);
        let settings = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c max_connections=60",
            cluster.folder.path().display()
        );
        cluster.ok("pg_ctl", &["-D", &data, "-l", &cluster.path("log"), "-w", "-o", &settings, "start"]);
        cluster
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://usher@127.0.0.1:{}/postgres", self.port)
    }

    /// As a crash does it: all connections end in the middle of what they do, and the server recovers.
    pub(crate) fn crash_and_start(&self) {
        self.ok("pg_ctl", &["-D", &self.data(), "-l", &self.path("log"), "-w", "-m", "immediate", "restart"]);
    }

    /// As an administrator does it.
    pub(crate) fn restart(&self) {
        self.ok("pg_ctl", &["-D", &self.data(), "-l", &self.path("log"), "-w", "-m", "fast", "restart"]);
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn data(&self) -> String {
        self.path("data")
    }

    fn run(&self, program: &str, words: &[&str]) -> bool {
        let program = programs().join(program);
        let mut command = if rustix::process::getuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // Not by pipes, which pg_ctl's server would keep open.
        let said = std::fs::File::create(self.path("said")).unwrap();
        command.args(words).current_dir("/").stdin(Stdio::null());
        command.stdout(said.try_clone().unwrap()).stderr(said).status().unwrap().success()
    }

    fn ok(&self, program: &str, words: &[&str]) {
        let ended = self.run(program, words);
        let said = std::fs::read_to_string(self.path("said")).unwrap();
        assert!(ended, "{program} {words:?}: {said}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // If it does not stop it is gone already.
        let _ = self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
    }
}

/// Where PostgreSQL's programs lie: `USHER_TEST_POSTGRES_BIN`, else the newest of Debian's.
fn programs() -> PathBuf {
    if let Some(named) = std::env::var_os("USHER_TEST_POSTGRES_BIN") {
        return named.into();
    }
    let versions = std::fs::read_dir(Path::new("/usr/lib/postgresql")).expect("PostgreSQL's programs");
    let newest = versions.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let newest = newest.expect("a version of PostgreSQL");
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))
}
