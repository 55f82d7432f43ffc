//! Negative controls of the oracle: each of the four deliberate bugs, in the smallest story that it spoils, is found by the very difference it
//! makes; without the bug the same story is judged to be in step.

use std::time::Duration;

use serde_json::json;
use usher_directory::object::Stored;
use usher_engine::{
    app::Scope,
    flaw::{self, Flaw},
};
use usher_jobs::clock::Clock;
use usher_store::Store;

use crate::{
    history::{History, found, quiet},
    oracle::{Company, Person},
    rig::{Fault, Rig, TABLES, managed_by, start},
};

/// Somebody as the oracle knows them.
fn person(stored: &Stored) -> Person {
    Person { id: stored.id.0.to_string(), name: stored.name().to_owned(), ..Person::default() }
}

fn everybody(people: Vec<Person>) -> Company {
    let mut company = Company { people, everybody: true, ..Company::default() };
    company.remember(false);
    company
}

/// Somebody in step is disabled.
async fn leaver(rig: &Rig) -> Company {
    rig.scope(Scope::All);
    let ann = rig.user("ann", json!({}));
    let mut company = everybody(vec![person(&ann)]);
    rig.sync().await;
    rig.edit(&ann, json!({"active": false}));
    company.people[0].disabled = true;
    company
}

/// Somebody loses her title.
async fn emptied(rig: &Rig) -> Company {
    rig.scope(Scope::All);
    let ann = rig.user("ann", json!({"title": "Staff"}));
    rig.sync().await;
    rig.edit(&ann, json!({"title": null}));
    everybody(vec![person(&ann)])
}

/// A manager gets an account after her report.
async fn late(rig: &Rig) -> Company {
    let boss = rig.user("boss", json!({}));
    let ann = rig.user("ann", managed_by(&boss));
    rig.assign(&ann);
    rig.sync().await;
    rig.assign(&boss);
    let people = vec![person(&boss), Person { manager: Some(0), ..person(&ann) }];
    let mut company = Company { people, assigned: [0, 1].into(), ..Company::default() };
    company.remember(false);
    company
}

/// The app asks to wait, and the engine goes down meanwhile.
async fn untried(rig: &Rig) -> Company {
    rig.scope(Scope::All);
    let ann = rig.user("ann", json!({}));
    rig.wire.rule(|request| {
        let wait = vec![("retry-after", "60".to_owned())];
        (request.method() == "POST").then(|| Fault::Answer(429, wait, String::new()))
    });
    let engine = rig.another();
    let cut = tokio::time::timeout(Duration::from_secs(30), engine.sync(rig.app, &|_| {})).await;
    assert!(cut.is_err(), "it waits");
    rig.wire.heal();
    // Nobody gives the lease back.
    rig.clock.advance(Duration::from_secs(91));
    everybody(vec![person(&ann)])
}

/// What the oracle says when all is quiet after a story.
fn judged<F: Future<Output = Company>>(story: impl Fn(&'static Rig) -> F + Copy) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let store = Store::stepwise(TABLES);
        let rig = Rig::with_clock(&store, "scim", "standard", Clock::simulated(start(), 1));
        let rig: &'static Rig = Box::leak(Box::new(rig));
        History::new(rig);
        let company = story(rig).await;
        quiet(rig).await?;
        let (accounts, groups) = found(rig);
        company.judge(&accounts, &groups)
    })
}

fn spoils<F: Future<Output = Company>>(
    bug: Flaw,
    story: impl Fn(&'static Rig) -> F + Copy,
    difference: &str,
) {
    judged(story).unwrap();
    let said = flaw::with(bug, || judged(story)).unwrap_err();
    assert!(said.starts_with(difference), "{said}");
}

#[test]
fn a_leaver_who_is_overlooked_keeps_access() {
    spoils(Flaw::LeaverLost, leaver, "ann is active: true, not false");
}

#[test]
fn a_value_that_is_not_emptied_is_still_there() {
    spoils(Flaw::EmptiedValueKept, emptied, "ann's title: Some(\"Staff\"), not None");
}

#[test]
fn a_reference_that_nobody_follows_up_stays_empty() {
    spoils(Flaw::ReferenceForgotten, late, "ann's manager: None, not Some(");
}

#[test]
fn a_row_that_is_done_untried_leaves_somebody_without_an_account() {
    spoils(Flaw::UntriedIsDone, untried, "ann may be without an account: false, not true");
}
