//! Other people's servers, and Usher's own, as the app, with each wire profile: users who are made, changed, disabled, come back and go;
//! groups that are found, made, renamed, joined and left. Where a server refuses what a profile has to send, that very refusal is expected:
//! the object fails with it in the log, and nothing else does.
//!
//! scim2-server of PyPI takes RFC 7644 at its word; scimmy-routers of npm has no enterprise extension. `./usher test` installs them. On
//! SQLite alone: what differs between the databases has tests of its own.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use secrecy::SecretString;
use serde_json::{Value, json};
use usher_client::{AddressPolicy, HttpTransport, Wire};
use usher_directory::object::{MemberOp, Stored};
use usher_engine::{
    app::{self, Scope},
    log,
};
use usher_jobs::clock::Clock;
use usher_scim::schema::{ENTERPRISE, GROUP};
use usher_store::testing;

use crate::{
    rig::{Rig, TABLES, managed_by, runtime, start},
    there::There,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Peer {
    Usher,
    Scim2Server,
    Scimmy,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Users,
    Update,
    Telephone,
    Manager,
    NewGroup,
    Rename,
    Join,
    Quit,
    Disable,
    Return,
    Purge,
}

/// How a step comes out.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Comes {
    Done,
    /// Refused with this in the server's words.
    Refused(&'static str),
    /// The server says that it did it, and did not.
    Dropped,
}

/// What is not simply done.
fn expected(peer: Peer, wire: Wire, step: Step) -> Comes {
    use {Comes::*, Peer::*, Step::*};
    let entra = matches!(wire, Wire::EntraLegacy | Wire::Entra062020);
    match (peer, wire, step) {
        // Entra names a schema of its own with each group.
        (Scim2Server, _, NewGroup) if entra => Refused("Unknown extension schemas"),
        // A manager as a list of one, or as a bare id.
        (Scim2Server, _, Manager) if entra => Refused("Input should be a valid dictionary"),
        // A filter that finds nothing has no target.
        (Scim2Server, _, Telephone) if entra => Refused("matches the path filter"),
        (Scim2Server, Wire::EntraLegacy, Quit) => Refused("a remove operation carries no value"),
        (Scimmy, _, Telephone) if entra => Refused("does not match any values"),
        // The texts "True" and "False".
        (Scimmy, Wire::EntraLegacy, Disable) => {
            Refused("expected value type 'boolean' but found type 'string'")
        }
        // It has no enterprise extension. In a whole that is put it passes over it.
        (Scimmy, Wire::OktaWizard, Manager) => Dropped,
        (Scimmy, _, Manager) => {
            Refused("Invalid path 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")
        }
        _ => Done,
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn given(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run ./usher test"))
}

/// A server and its base URL.
fn started(peer: Peer) -> (Server, String) {
    let spawned = |command: &mut Command| command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    if peer == Peer::Scimmy {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/scimmy.mjs");
        let mut command = Command::new("node");
        command.args([script, &given("USHER_TEST_SCIMMY")]).stdout(Stdio::piped());
        let mut child = spawned(&mut command);
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        return (Server(child), format!("http://{}/scim/v2", line.trim()));
    }
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(given("USHER_TEST_SCIM2_SERVER"));
    command.args(["--port", &address.port().to_string(), "--bearer-token", "a-token"]).stdout(Stdio::null());
    let server = Server(spawned(&mut command));
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "scim2-server does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    (server, format!("http://{address}/v2"))
}

/// A rig before that server.
fn rig(store: &testing::TestStore, peer: Peer) -> (Rig, Option<Server>, String) {
    if peer == Peer::Usher {
        let url = "http://localhost/scim/v2".to_owned();
        return (Rig::new(store, "scim", "standard"), None, url);
    }
    let (server, url) = started(peer);
    let tenant = url.clone();
    let rig = Rig::built(store, "scim", "standard", Clock::simulated(start(), 7), |_| {
        let policy = AddressPolicy { private: true };
        (Box::new(HttpTransport::new(policy, Duration::from_secs(5)).unwrap()), tenant)
    });
    let (sealing, id) = (rig.store.clone(), rig.app);
    rig.write(move |tx| {
        app::set_secret(tx, &sealing, id, &SecretString::from("a-token".to_owned())).unwrap();
    });
    (rig, Some(server), url)
}

struct Story<'r> {
    there: There<'r>,
    peer: Peer,
    wire: Wire,
}

impl Story<'_> {
    /// A cycle after a step about somebody. Whether what was to be done is to be seen in the app.
    async fn cycle(&self, step: Step, whom: &str) -> bool {
        let (rig, case) = (self.there.rig(), format!("{:?}, {}, {step:?}", self.peer, self.wire));
        let before = failures(rig).len();
        let cycle = rig.sync().await;
        let failed = failures(rig).split_off(before);
        let comes = expected(self.peer, self.wire, step);
        match comes {
            Comes::Done | Comes::Dropped => assert_eq!((cycle.counts.failed, failed), (0, vec![]), "{case}"),
            Comes::Refused(words) => {
                assert_eq!((cycle.counts.failed, failed.len()), (1, 1), "{case}: {failed:?}");
                let (name, error) = &failed[0];
                assert_eq!(
                    (name.as_str(), &error["errorCode"]),
                    (whom, &json!("UnprocessableEntity")),
                    "{case}"
                );
                let reason = error["reason"].as_str().unwrap();
                assert!(reason.contains(words), "{case}: {reason}");
                assert!(error["recommendedAction"].as_str().unwrap().contains("mapping"), "{case}: {error}");
            }
        }
        comes == Comes::Done
    }
}

/// Of whom the log says that something failed, and what.
fn failures(rig: &Rig) -> Vec<(String, Value)> {
    let app = rig.app;
    let entries = rig.read(move |on| log::page(on, app, &log::Query::default(), 1_000));
    let status = |d: &Value| d["provisioningStatusInfo"]["status"].clone();
    let failed = entries.into_iter().map(|e| e.document).filter(|d| status(d) == "failure");
    failed
        .map(|d| {
            let name = d["sourceIdentity"]["displayName"].as_str().unwrap_or_default().to_owned();
            (name, d["provisioningStatusInfo"]["errorInformation"].clone())
        })
        .collect()
}

fn provisions_into(peer: Peer, wire: Wire) {
    let runtime = runtime();
    let _inside = runtime.enter();
    let store = testing::sqlite(TABLES);
    let (rig, _server, url) = rig(&store, peer);
    rig.scope(Scope::All);
    rig.set("wire_profile", wire.as_str());
    rig.set("deletion_threshold_percent", "off");
    runtime.block_on(async {
        let there = There::at(&rig, url);
        there.post("Groups", &json!({"schemas": [GROUP], "displayName": "Sales"})).await;
        let story = Story { there, peer, wire };
        let people = ["boss", "ann", "bob", "cid", "dan"].map(|name| rig.user(name, json!({})));
        story.users(&rig, &people).await;
        story.groups(&rig, &people).await;
        story.leavers(&rig, &people).await;
        rig.wire.take();
        rig.sync().await;
        assert_eq!(rig.wire.take().1, 0, "and then nothing is left to write");
    });
}

impl Story<'_> {
    async fn users(&self, rig: &Rig, [boss, ann, _, cid, dan]: &[Stored; 5]) {
        let there = &self.there;
        assert!(self.cycle(Step::Users, "").await);
        for name in ["boss", "ann", "bob", "cid", "dan"] {
            let user = there.user(name).await.unwrap();
            assert_eq!((&user["active"], &user["displayName"]), (&json!(true), &json!(name.to_uppercase())));
            assert_eq!(user["emails"][0]["value"], format!("{name}@example.com"));
        }
        let roy = json!({"title": "Head", "name": {"familyName": "Roy"},
            "emails": [{"type": "work", "value": "roy@example.com"}]});
        rig.edit(ann, roy);
        assert!(self.cycle(Step::Update, "ann").await);
        let user = there.user("ann").await.unwrap();
        assert_eq!((&user["title"], &user["name"]["familyName"]), (&json!("Head"), &json!("Roy")));
        assert_eq!((&user["name"]["givenName"], &user["displayName"]), (&json!("ann"), &json!("ANN")));
        let mails = user["emails"].as_array().unwrap();
        assert_eq!((mails.len(), &mails[0]["value"]), (1, &json!("roy@example.com")));

        rig.edit(dan, json!({"phoneNumbers": [{"type": "work", "value": "+49 30 1"}]}));
        let shown = self.cycle(Step::Telephone, "dan").await;
        let phones = there.user("dan").await.unwrap()["phoneNumbers"].as_array().cloned().unwrap_or_default();
        assert_eq!(phones.len(), usize::from(shown));
        if let Some(phone) = phones.first() {
            assert_eq!((&phone["type"], &phone["value"]), (&json!("work"), &json!("+49 30 1")));
        }

        rig.edit(cid, managed_by(boss));
        let shown = self.cycle(Step::Manager, "cid").await;
        let manager = there.user("cid").await.unwrap()[ENTERPRISE]["manager"]["value"].clone();
        assert_eq!(manager, if shown { json!(there.id("boss").await) } else { Value::Null });
    }

    async fn groups(&self, rig: &Rig, [boss, ann, bob, ..]: &[Stored; 5]) {
        let there = &self.there;
        rig.group("Crew", &[boss]);
        let shown = self.cycle(Step::NewGroup, "Crew").await;
        let crew = there.group("Crew").await.map(|(_, members)| members);
        assert_eq!(crew, if shown { Some(vec![there.id("boss").await]) } else { None });

        // One that is there already is taken over, and renamed.
        let (id, _) = there.group("Sales").await.unwrap();
        let sales = rig.group("Sales", &[]);
        rig.sync().await;
        rig.edit(&sales, json!({"displayName": "Sellers"}));
        assert!(self.cycle(Step::Rename, "Sellers").await);
        assert_eq!(there.group("Sellers").await, Some((id.clone(), vec![])));
        assert_eq!(there.group("Sales").await, None);

        let (anns, bobs) = (there.id("ann").await, there.id("bob").await);
        rig.members(&sales, MemberOp::Add(vec![ann.id, bob.id]));
        assert!(self.cycle(Step::Join, "Sellers").await);
        let mut both = vec![anns, bobs.clone()];
        both.sort();
        assert_eq!(there.group("Sellers").await.unwrap().1, both);
        rig.members(&sales, MemberOp::Remove(vec![ann.id]));
        let shown = self.cycle(Step::Quit, "Sellers").await;
        assert_eq!(there.group("Sellers").await.unwrap().1, if shown { vec![bobs] } else { both });
    }

    async fn leavers(&self, rig: &Rig, [_, _, bob, ..]: &[Stored; 5]) {
        let there = &self.there;
        let id = there.id("bob").await;
        rig.edit(bob, json!({"active": false}));
        let shown = self.cycle(Step::Disable, "bob").await;
        let user = there.user("bob").await.unwrap();
        assert_eq!((&user["active"], &user["displayName"]), (&json!(!shown), &json!("BOB")));
        rig.edit(bob, json!({"active": true}));
        assert!(self.cycle(Step::Return, "bob").await);
        let user = there.user("bob").await.unwrap();
        assert_eq!((&user["active"], &user["id"]), (&json!(true), &json!(id)), "the same account");
        rig.purge(bob);
        assert!(self.cycle(Step::Purge, "bob").await);
        match there.user("bob").await {
            None => assert!(self.wire.deletes_users()),
            // Okta deletes nobody.
            Some(user) => assert_eq!((self.wire.deletes_users(), &user["active"]), (false, &json!(false))),
        }
    }
}

#[test]
fn usher_by_rfc() {
    provisions_into(Peer::Usher, Wire::Rfc);
}

#[test]
fn usher_by_entra_legacy() {
    provisions_into(Peer::Usher, Wire::EntraLegacy);
}

#[test]
fn usher_by_entra_062020() {
    provisions_into(Peer::Usher, Wire::Entra062020);
}

#[test]
fn usher_by_okta() {
    provisions_into(Peer::Usher, Wire::Okta);
}

#[test]
fn usher_by_oktas_wizard() {
    provisions_into(Peer::Usher, Wire::OktaWizard);
}

#[test]
fn scim2_server_by_rfc() {
    provisions_into(Peer::Scim2Server, Wire::Rfc);
}

#[test]
fn scim2_server_by_entra_legacy() {
    provisions_into(Peer::Scim2Server, Wire::EntraLegacy);
}

#[test]
fn scim2_server_by_entra_062020() {
    provisions_into(Peer::Scim2Server, Wire::Entra062020);
}

#[test]
fn scim2_server_by_okta() {
    provisions_into(Peer::Scim2Server, Wire::Okta);
}

#[test]
fn scim2_server_by_oktas_wizard() {
    provisions_into(Peer::Scim2Server, Wire::OktaWizard);
}

#[test]
fn scimmy_by_rfc() {
    provisions_into(Peer::Scimmy, Wire::Rfc);
}

#[test]
fn scimmy_by_entra_legacy() {
    provisions_into(Peer::Scimmy, Wire::EntraLegacy);
}

#[test]
fn scimmy_by_entra_062020() {
    provisions_into(Peer::Scimmy, Wire::Entra062020);
}

#[test]
fn scimmy_by_okta() {
    provisions_into(Peer::Scimmy, Wire::Okta);
}

#[test]
fn scimmy_by_oktas_wizard() {
    provisions_into(Peer::Scimmy, Wire::OktaWizard);
}
