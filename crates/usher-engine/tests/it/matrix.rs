//! Each fault of an app × (initial cycle, incremental cycle, leavers), over real HTTP: nobody is linked wrong, nothing is there twice,
//! status and log name the fault and what to do, and when it is over the app becomes what the oracle says.
//!
//! On SQLite alone: what is stored of a fault is stored by the same statements as in the tests beside this.

use std::time::Duration;

use serde_json::{Value, json};
use usher_client::{AddressPolicy, HttpTransport};
use usher_directory::object::{MemberOp, Stored};
use usher_engine::{EngineError, app::Scope, log, status};
use usher_jobs::clock::Clock;
use usher_store::{Store, testing};

use crate::{
    history::{found, quiet},
    oracle::{Company, Person, Team},
    rig::{Rig, TABLES, managed_by, runtime, start},
    server::{Server, To, Wrong},
};

/// When the fault is there.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Initial,
    Incremental,
    Leaver,
}

/// What an administrator is told while it is there.
enum Told {
    /// Nothing: it is dealt with.
    Nothing,
    /// The app rests, for this reason.
    Rests(&'static str),
    /// Objects failed with this code.
    Failed(&'static str),
}

struct Staff {
    company: Company,
    stored: Vec<Stored>,
    team: Stored,
}

impl Staff {
    /// A boss, two who report to her, and their team.
    fn new(rig: &Rig) -> Self {
        rig.scope(Scope::All);
        let boss = rig.user("boss", json!({"title": "Head"}));
        let ann = rig.user("ann", managed_by(&boss));
        let bob = rig.user("bob", managed_by(&boss));
        let team = rig.group("Team", &[&ann, &bob]);
        let person = |stored: &Stored, title, manager| Person {
            id: stored.id.0.to_string(),
            name: stored.name().to_owned(),
            title,
            manager,
            ..Person::default()
        };
        let people =
            vec![person(&boss, Some("Head"), None), person(&ann, None, Some(0)), person(&bob, None, Some(0))];
        let the_team = Team {
            id: team.id.0.to_string(),
            name: "Team".into(),
            members: [1, 2].into(),
            ..Team::default()
        };
        let mut company = Company { people, teams: vec![the_team], everybody: true, ..Company::default() };
        company.remember(false);
        Self { company, stored: vec![boss, ann, bob], team }
    }

    /// A joiner, a mover, a change of members.
    fn moves(&mut self, rig: &Rig) {
        let cid = rig.user("cid", managed_by(&self.stored[1]));
        rig.edit(&self.stored[1], json!({"title": "Staff"}));
        rig.members(&self.team, MemberOp::Add(vec![cid.id]));
        rig.members(&self.team, MemberOp::Remove(vec![self.stored[2].id]));
        let id = cid.id.0.to_string();
        self.company.people.push(Person { id, name: "cid".into(), manager: Some(1), ..Person::default() });
        self.company.people[1].title = Some("Staff");
        self.company.teams[0].members = [1, 3].into();
        self.stored.push(cid);
        self.company.remember(false);
    }

    /// One is disabled, one is gone for good.
    fn leave(&mut self, rig: &Rig) {
        rig.edit(&self.stored[2], json!({"active": false}));
        rig.purge(&self.stored[1]);
        self.company.people[2].disabled = true;
        self.company.people[1].purged = true;
        self.company.teams[0].members.remove(&1);
        self.company.remember(false);
    }
}

/// Runs a fault through all three; `told`: what is said while it is there.
fn faulty(how: Wrong, to: To, told: impl Fn(When) -> Told) {
    let runtime = runtime();
    let _inside = runtime.enter();
    for when in [When::Initial, When::Incremental, When::Leaver] {
        let store = testing::sqlite(TABLES);
        let (rig, server) = behind(&store);
        runtime.block_on(one(&rig, &server, how, to, when, &told(when)));
    }
}

/// An app whose ids are numbers from the first day on.
fn numbered() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let store = testing::sqlite(TABLES);
    let (rig, server) = behind(&store);
    server.goes_wrong(Wrong::Numbers, To::All);
    runtime.block_on(async {
        let mut staff = Staff::new(&rig);
        for step in 0..3 {
            match step {
                0 => {}
                1 => staff.moves(&rig),
                _ => {
                    rig.edit(&staff.stored[2], json!({"active": false}));
                    staff.company.people[2].disabled = true;
                }
            }
            let cycle = rig.sync().await;
            assert_eq!(cycle.counts.failed, 0, "{:?}", rig.logged());
            let (accounts, groups) = found(&rig);
            staff.company.judge(&accounts, &groups).unwrap();
            staff.company.remember(true);
            assert_eq!(rig.sync().await.writes, 0);
        }
    });
}

/// A rig whose app is behind a fault server.
fn behind(store: &Store) -> (Rig, Server) {
    let mut server = None;
    let rig = Rig::built(store, "scim", "standard", Clock::simulated(start(), 7), |app| {
        let (before, url) = Server::before(app);
        server = Some(before);
        let policy = AddressPolicy { private: true };
        (Box::new(HttpTransport::new(policy, Duration::from_secs(5)).unwrap()), url)
    });
    (rig, server.unwrap())
}

async fn one(rig: &Rig, server: &Server, how: Wrong, to: To, when: When, told: &Told) {
    let case = format!("{how:?} to {to:?}, {when:?}");
    rig.set("request_timeout", "1");
    let mut staff = Staff::new(rig);
    if when != When::Initial {
        rig.sync().await;
        staff.company.remember(true);
        match when {
            When::Leaver => staff.leave(rig),
            _ => staff.moves(rig),
        }
    }
    server.goes_wrong(how, to);
    let ended = rig.engine.sync(rig.app, &|_| {}).await;
    let (accounts, groups) = found(rig);
    staff.company.never_wrong(&accounts, &groups).unwrap_or_else(|e| panic!("{case}: {e}"));
    said(rig, &case, told, ended.map(|cycle| cycle.counts.failed));

    server.heals();
    quiet(rig).await.unwrap_or_else(|e| panic!("{case}: {e}"));
    let (accounts, groups) = found(rig);
    staff.company.judge(&accounts, &groups).unwrap_or_else(|e| panic!("{case}: {e}"));
    assert_eq!(rig.sync().await.writes, 0, "{case}: and then nothing is left to write");
}

/// Whether status and log say what they are to say.
fn said(rig: &Rig, case: &str, told: &Told, ended: Result<u64, EngineError>) {
    let (app, now) = (rig.app(), rig.clock.now());
    let id = app.id;
    let status = rig.read(move |on| status::get(on, &app, now));
    let entries = rig.read(move |on| log::page(on, id, &log::Query::default(), 1_000));
    let failures: Vec<Value> = entries
        .into_iter()
        .filter(|entry| entry.document["provisioningStatusInfo"]["status"] == "failure")
        .map(|entry| entry.document["provisioningStatusInfo"]["errorInformation"].clone())
        .collect();
    match told {
        Told::Nothing => {
            assert!(matches!(ended, Ok(0)), "{case}: {ended:?}");
            assert!(failures.is_empty() && status.stopped.is_none(), "{case}: {failures:?}, {status:?}");
        }
        Told::Rests(text) => {
            assert!(matches!(ended, Err(EngineError::Stopped { .. })), "{case}: {ended:?}");
            let stop = status.stopped.unwrap_or_else(|| panic!("{case}: it does not rest"));
            assert!(stop.text.contains(text), "{case}: {stop:?}");
            // It is the app's fault and no object's.
            assert_eq!((status.escrows, failures), (0, vec![]), "{case}");
        }
        Told::Failed(code) => {
            assert!(matches!(ended, Ok(1..)), "{case}: {ended:?}");
            assert!(status.escrows > 0 && !failures.is_empty(), "{case}: {status:?}");
            for failure in &failures {
                assert_eq!(failure["errorCode"], *code, "{case}: {failure}");
                let action = failure["recommendedAction"].as_str().unwrap_or_default();
                assert!(!action.is_empty() && failure["reason"] != "", "{case}: {failure}");
            }
        }
    }
}

#[test]
fn too_many_requests_with_seconds() {
    faulty(Wrong::TooMany(2), To::Writes, |_| Told::Nothing);
}

#[test]
fn too_many_requests_until_a_date() {
    faulty(Wrong::TooManyUntil(2), To::Writes, |_| Told::Nothing);
}

#[test]
fn an_error_to_everything() {
    faulty(Wrong::Error, To::All, |_| Told::Rests("out of order"));
}

#[test]
fn an_error_to_each_write() {
    faulty(Wrong::Error, To::Writes, |_| Told::Failed("InternalServerError"));
}

#[test]
fn a_page_for_people() {
    faulty(Wrong::Html, To::All, |_| Told::Rests("HTML"));
}

#[test]
fn half_a_body_to_everything() {
    faulty(Wrong::Half, To::All, |_| Told::Rests("expected a ListResponse"));
}

#[test]
fn half_a_body_to_each_write() {
    let code = "SystemForCrossDomainIdentityManagementServiceIncompatible";
    faulty(Wrong::Half, To::Writes, |_| Told::Failed(code));
}

#[test]
fn a_connection_that_ends_in_the_middle_of_answers() {
    faulty(Wrong::Cut, To::All, |_| Told::Rests(" broke: "));
    faulty(Wrong::Cut, To::Writes, |_| Told::Failed("WebExceptionProtocolError"));
}

#[test]
fn an_app_that_dies_before_it_does_anything() {
    faulty(Wrong::DiesBefore, To::All, |_| Told::Rests(" broke: "));
    faulty(Wrong::DiesBefore, To::Writes, |_| Told::Failed("WebExceptionProtocolError"));
}

#[test]
fn an_app_that_dies_when_it_has_done_it() {
    faulty(Wrong::DiesAfter, To::Writes, |_| Told::Failed("WebExceptionProtocolError"));
}

#[test]
fn an_app_that_never_answers() {
    faulty(Wrong::Slow, To::All, |_| Told::Rests("no answer within 1 s"));
    faulty(Wrong::Slow, To::Writes, |_| Told::Failed("Timeout"));
}

#[test]
fn nothing_is_found_at_the_address() {
    faulty(Wrong::NotFound, To::All, |_| Told::Rests("404"));
}

#[test]
fn an_app_that_ignores_filters() {
    faulty(Wrong::NoFilters, To::All, |when| match when {
        // Nobody is there yet whom a filter could confuse with somebody else.
        When::Initial => Told::Nothing,
        // The matching finds somebody else.
        When::Incremental => Told::Rests("filter"),
        // Who is linked is not looked for.
        When::Leaver => Told::Nothing,
    });
}

#[test]
fn pages_of_seven_and_ids_as_numbers_are_no_fault() {
    faulty(Wrong::SevenAPage, To::All, |_| Told::Nothing);
    numbered();
}
