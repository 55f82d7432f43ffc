//! The automation rules: a first pass over everybody, a pass after a change of rules, the time from a SCIM change to the person,
//! a deactivation under a pass, and reading a person, in process and over HTTP.
//!
//! Each user has a name, a title, a telephone number, a manager and a group that stands for an organization; 1 in 100 groups.
//! Everything is durable. `cargo bench -p usher-bench --bench people [-- USERS]` (100,000), on SQLite; on PostgreSQL too where
//! `USHER_BENCH_POSTGRES` names an empty database.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::runtime::Runtime;
use usher_admin::{ALL_TABLES, Admin};
use usher_console::Console;
use usher_directory::{
    DirectoryId, Environment, Kind, ObjectId, account,
    config::{Configs, DirectoryConfig},
    object::{self, Cause, Draft, MemberOp, PutError},
    token::{self, SecretToken, TokenError},
    trail,
};
use usher_jobs::clock::Clock;
use usher_people::{
    People, driver, person, rule,
    unit::{self, UnitKind},
};
use usher_store::{Lane, SealingKey, Store, StoreError, StoreUrl};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const LIMIT: Duration = Duration::from_secs(60);
/// Updates a second while the time to the person is measured, and for how long.
const RATE: u32 = 500;
const LENGTH: Duration = Duration::from_secs(10);

fn main() {
    let users = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    measure("SQLite", &StoreUrl::Sqlite(folder.path().to_owned()), users);
    if let Ok(url) = std::env::var("USHER_BENCH_POSTGRES") {
        measure("PostgreSQL", &StoreUrl::Postgres(url), users);
    }
}

struct Bench {
    store: Store,
    clock: Clock,
    people: People,
    directory: DirectoryId,
    config: Arc<DirectoryConfig>,
    ids: Vec<ObjectId>,
}

fn measure(name: &str, at: &StoreUrl, users: usize) {
    let tables = [ALL_TABLES, &[trail::TABLES]].concat();
    let store = Store::open(at, &tables, SealingKey::generate().0).unwrap();
    let clock = Clock::real();
    let now = clock.now();
    let account = store.block_write(Lane::Now, move |tx| account::create(tx, "acme", "4me", now)).unwrap();
    let directory = account.production;
    let configs = Configs::default();
    let config =
        store.block_read(LIMIT, move |on| Ok::<_, StoreError>(configs.get(on, directory)?.unwrap())).unwrap();
    let people = People::new(store.clone(), clock.clone());
    let mut bench = Bench { store, clock, people, directory, config, ids: Vec::new() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    bench.fill(users);

    let began = Instant::now();
    runtime.block_on(driver::catch_up(&bench.people, directory)).unwrap();
    told(name, "first pass", users, began.elapsed());
    for round in 0..3 {
        bench.change_rules(round);
        let began = Instant::now();
        runtime.block_on(driver::catch_up(&bench.people, directory)).unwrap();
        told(name, "pass after a change of rules, same people", users, began.elapsed());
    }
    bench.change_a_field();
    let began = Instant::now();
    runtime.block_on(driver::catch_up(&bench.people, directory)).unwrap();
    told(name, "pass after a change of rules, each person another", users, began.elapsed());

    let mut reads: Vec<f64> = (0..5_000).map(|at| bench.read(at * 7919 % users)).collect();
    percentiles(name, "a person by e-mail address, ms", &mut reads);
    let mut reads = bench.over_http(&runtime, &account, users);
    percentiles(name, "a person by e-mail address over HTTP, one client, ms", &mut reads);

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let serving = runtime.spawn(driver::run(bench.people.clone(), stopped));
    let mut lags = bench.follow(users);
    percentiles(name, "SCIM commit to person at 500 updates a second, ms", &mut lags);
    bench.change_rules(3);
    let mut seen = 0;
    let began = Instant::now();
    for at in 0..100 {
        bench.deactivate(at * 97 % users, at);
        seen += usize::from(!bench.access(at * 97 % users));
    }
    let busy = bench.left();
    println!(
        "{name}: {seen} of 100 deactivations under a pass seen by the next read, {:.2} ms each with it; {busy} records were still to run",
        began.elapsed().as_secs_f64() * 10.0
    );
    stop.send(true).unwrap();
    runtime.block_on(serving).unwrap();
}

fn told(name: &str, what: &str, records: usize, took: Duration) {
    println!(
        "{name}: {what}: {:.0} records/s ({:.2} s)",
        records as f64 / took.as_secs_f64(),
        took.as_secs_f64()
    );
}

fn percentiles(name: &str, what: &str, values: &mut [f64]) {
    values.sort_by(f64::total_cmp);
    let of = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    println!(
        "{name}: {what}: p50 {:.3}, p95 {:.3}, p99 {:.3}, n {}",
        of(0.5),
        of(0.95),
        of(0.99),
        values.len()
    );
}

/// An answer that says how long it is.
fn answer(stream: &mut TcpStream) -> String {
    let (mut text, mut bytes) = (Vec::new(), [0; 16_384]);
    loop {
        let read = stream.read(&mut bytes).unwrap();
        assert!(read > 0, "the connection ended");
        text.extend_from_slice(&bytes[..read]);
        let so_far = String::from_utf8_lossy(&text);
        let Some((head, body)) = so_far.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(usize::MAX) {
            return so_far.into_owned();
        }
    }
}

fn email(at: usize) -> String {
    format!("user{at}@example.com")
}

impl Bench {
    fn fill(&mut self, users: usize) {
        let directory = self.directory;
        let groups = (users / 100).max(1);
        for group in 0..groups {
            let (id, now, name) = (self.clock.id(), self.clock.now(), format!("Organization {group}"));
            self.store
                .block_write(Lane::Now, move |tx| {
                    unit::create(tx, directory, UnitKind::Organization, &name, id, now)
                })
                .unwrap();
        }
        for start in (0..users).step_by(500) {
            let mut drafts = Vec::new();
            for at in start..users.min(start + 500) {
                let id = ObjectId(self.clock.id());
                let mut doc = json!({
                    "userName": email(at), "displayName": format!("User {at}"), "title": "Buyer", "active": true,
                    "name": {"givenName": "User", "familyName": at.to_string()},
                    "phoneNumbers": [{"type": "work", "value": format!("+31 {at}")}],
                });
                if at > 0 {
                    doc[ENTERPRISE] = json!({"manager": {"value": self.ids[at / 10].0.to_string()}, "employeeNumber": at.to_string()});
                }
                self.ids.push(id);
                let doc = doc.as_object().unwrap().clone();
                drafts.push(Draft::create(&self.config, Kind::User, id, &doc, self.clock.now()).unwrap());
            }
            self.store
                .block_write(Lane::Now, move |tx| {
                    let drafts: Vec<&Draft> = drafts.iter().collect();
                    object::put_all(tx, directory, &drafts)
                })
                .unwrap();
        }
        for group in 0..groups {
            let (id, now) = (ObjectId(self.clock.id()), self.clock.now());
            let doc = json!({"displayName": format!("Organization {group}")}).as_object().unwrap().clone();
            let draft = Draft::create(&self.config, Kind::Group, id, &doc, now).unwrap();
            let members: Vec<ObjectId> = self.ids.iter().copied().skip(group).step_by(groups).collect();
            let op = MemberOp::Add(members);
            self.store
                .block_write(Lane::Now, move |tx| {
                    let key = object::put(tx, directory, &draft)?.key;
                    object::members(
                        tx,
                        directory,
                        key,
                        None,
                        std::slice::from_ref(&op),
                        Cause::default(),
                        now,
                    )
                })
                .unwrap();
        }
    }

    /// A change of rules that changes nobody.
    fn change_rules(&self, round: usize) {
        self.rules(&format!(
            "[[rule]]\nname = \"Nobody\"\nkind = \"user\"\ndescription = \"{round}\"\ncondition = 'false'\nactions = []\n"
        ));
    }

    /// One that gives everybody a value.
    fn change_a_field(&self) {
        self.rules(
            "[[rule]]\nname = \"Everybody\"\nkind = \"user\"\ncondition = 'true'\n\
             actions = [{ set = \"location\", to = '[employeeNumber]' }]\n"
                .replace("[employeeNumber]", &format!("[{ENTERPRISE}:employeeNumber]"))
                .as_str(),
        );
    }

    fn rules(&self, toml: &str) {
        let (directory, now, toml) = (self.directory, self.clock.now(), toml.to_owned());
        self.store
            .block_write(Lane::Now, move |tx| {
                let draft = rule::current(tx, directory)?.set(&toml, None)?;
                rule::save(tx, directory, &draft, now)
            })
            .unwrap();
    }

    fn show(&self, at: usize) -> person::Person {
        let (directory, email) = (self.directory, email(at));
        self.store.block_read(LIMIT, move |on| person::show(on, directory, &email)).unwrap().unwrap()
    }

    fn read(&self, at: usize) -> f64 {
        let began = Instant::now();
        self.show(at);
        began.elapsed().as_secs_f64() * 1e3
    }

    /// Reads of one client that keeps its connection, as an app asks when somebody signs in.
    fn over_http(&self, runtime: &Runtime, account: &account::Account, users: usize) -> Vec<f64> {
        let (secret, id, now) = (SecretToken::generate(), account.id, self.clock.now());
        let kept = secret.clone();
        self.store
            .block_write::<_, TokenError>(Lane::Now, move |tx| {
                token::issue(tx, id, Environment::Production, token::API, None, &kept, now)
            })
            .unwrap();
        let admin =
            Admin::new(self.store.clone(), self.store.clone(), Configs::default(), self.clock.clone());
        let limits = usher_service::Settings { rate: 0, ..usher_service::Settings::default() };
        let router = usher_console::router(Console::new(admin, limits));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_nodelay(true).unwrap();
        let listening = usher_service::Listening::default();
        let serving =
            runtime.spawn(usher_service::serve(listener, router, None, listening, std::future::pending()));
        let reads = (0..5_000)
            .map(|at| {
                let email = email(at * 7919 % users);
                let request = format!(
                    "GET /api/v1/accounts/acme/production/people?email={email} HTTP/1.1\r\nHost: bench\r\n\
                     Authorization: Bearer {}\r\n\r\n",
                    secret.reveal()
                );
                let began = Instant::now();
                stream.write_all(request.as_bytes()).unwrap();
                let answer = answer(&mut stream);
                let took = began.elapsed().as_secs_f64() * 1e3;
                assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(&email), "{answer}");
                took
            })
            .collect();
        serving.abort();
        reads
    }

    /// Whether this person may use the app now.
    fn access(&self, at: usize) -> bool {
        self.show(at).access
    }

    fn left(&self) -> u64 {
        let (directory, now) = (self.directory, self.clock.now());
        let left = self.store.block_read(LIMIT, move |on| usher_people::progress(on, directory, now));
        left.unwrap().map_or(0, |at| at.left)
    }

    fn change(&self, at: usize, changes: serde_json::Value) {
        let (directory, id) = (self.directory, self.ids[at]);
        let was = self.store.block_read(LIMIT, move |on| object::get(on, directory, id)).unwrap().unwrap();
        let mut doc = was.object().unwrap();
        doc.extend(changes.as_object().unwrap().clone());
        let draft = Draft::replace(&self.config, &was, &doc, self.clock.now()).unwrap();
        self.store
            .block_write::<_, PutError>(Lane::Now, move |tx| object::put(tx, directory, &draft).map(drop))
            .unwrap();
    }

    /// PATCH active=false, with a title that breaks its limit in every other.
    fn deactivate(&self, at: usize, round: usize) {
        match round % 2 {
            0 => self.change(at, json!({"active": false, "title": "x".repeat(500)})),
            _ => self.change(at, json!({"active": false})),
        }
    }

    /// Updates at a steady rate by four writers; of some of them, how long until the person shows it.
    fn follow(&self, users: usize) -> Vec<f64> {
        let began = Instant::now();
        let writers = 4;
        let gap = Duration::from_secs(1) * writers / RATE;
        let mut lags = Vec::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..writers as usize)
                .map(|writer| {
                    scope.spawn(move || {
                        let mut lags = Vec::new();
                        let mut next = began;
                        let mut at = writer;
                        for turn in 0_usize.. {
                            let now = Instant::now();
                            if now.duration_since(began) >= LENGTH {
                                break;
                            }
                            std::thread::sleep(next.saturating_duration_since(now));
                            next += gap;
                            at = (at + 7919) % users;
                            let title = format!("Title {writer} {turn}");
                            self.change(at, json!({"title": title}));
                            // Every eighth is waited for: meanwhile this writer falls behind, and catches up after it.
                            if turn % 8 == 0 {
                                let committed = Instant::now();
                                while self.show(at).job_title.as_deref() != Some(title.as_str()) {
                                    std::thread::sleep(Duration::from_micros(500));
                                    assert!(committed.elapsed() < LIMIT, "the person never came");
                                }
                                lags.push(committed.elapsed().as_secs_f64() * 1e3);
                            }
                        }
                        lags
                    })
                })
                .collect();
            for thread in threads {
                lags.extend(thread.join().unwrap());
            }
        });
        lags
    }
}
