//! Other people's servers: the checklist finds the faults that they are known to have. `./usher test` installs them.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use usher_conformance::{Choice, Report, Target, Verdict, run};

use crate::service::transport;

struct Theirs(Child);

impl Drop for Theirs {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn given(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run ./usher test"))
}

fn checked(base: &str, token: &str) -> Report {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let target = Target::new(base, token, transport()).unwrap();
        run(&target, &Choice::default(), |_| ()).await.unwrap()
    })
}

/// Asserts that each of these cases fails, for the reason that is known.
fn finds(report: &Report, known: &[(&str, &str)]) {
    let said: Vec<String> = report
        .failed()
        .filter_map(|outcome| match &outcome.verdict {
            Verdict::Fail(failure) => {
                Some(format!("{}: {} / {}", outcome.id, failure.expected, failure.seen))
            }
            _ => None,
        })
        .collect();
    for (id, reason) in known {
        let found = said.iter().find(|line| line.starts_with(&format!("{id}: ")));
        assert!(
            found.is_some_and(|line| line.contains(reason)),
            "{id} was to fail with {reason:?}, but {found:?}; all that failed:\n{}",
            said.join("\n")
        );
    }
}

#[test]
fn the_known_faults_of_scim2_server_are_found() {
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = Command::new(given("USHER_TEST_SCIM2_SERVER"))
        .args(["--port", &address.port().to_string(), "--bearer-token", "a-token"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _theirs = Theirs(child);
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "scim2-server does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    let report = checked(&format!("http://{address}/v2"), "a-token");
    assert!(report.passed().count() > 100, "{}", report.print(usher_conformance::Format::Text));
    finds(&report, SCIM2_SERVER);
}

#[test]
fn the_known_faults_of_scimmy_routers_are_found() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/scimmy.mjs");
    let mut child = Command::new("node")
        .args([script, &given("USHER_TEST_SCIMMY")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _theirs = Theirs(child);
    let report = checked(&format!("http://{}/scim/v2", line.trim()), "a-token");
    assert!(report.passed().count() > 80, "{}", report.print(usher_conformance::Format::Text));
    finds(&report, SCIMMY);
}

/// scim2-server 0.8.3: references are not looked after, passwords can be searched.
const SCIM2_SERVER: &[(&str, &str)] = &[
    ("S-46", "as direct"),
    ("S-54", "show nothing at /members"),
    ("S-55", "value of each of /members"),
    ("Q-33", "→ 200"),
    ("P-02", "→ 204"),
    ("B-10", "is \"bulkId:b\""),
    ("N-16", "value of each of /members"),
];

/// scimmy-routers 1.3.2 with scimmy 1.3.5: pages are not what was asked for, a list says that it holds 20 whatever it holds,
/// 404 where 405 belongs, 201 without Location, a filter that is none is an internal error.
const SCIMMY: &[(&str, &str)] = &[
    ("E-02", "/meta/location"),
    ("E-07", "DELETE /Users → 404"),
    ("E-09", "send a Location with 201"),
    ("D-12", "→ 404"),
    ("Q-11", "→ 500"),
    ("Q-42", "/itemsPerPage is 2 / 20"),
    ("Q-43", "at most count"),
    ("P-31", "n@example.com"),
    ("S-29", "→ 201"),
    ("R-40", "WWW-Authenticate"),
];
