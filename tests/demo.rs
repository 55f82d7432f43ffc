//! `usher demo`: its figures recomputed from the file it imported, by a reader of the tests' own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    ldif,
    place::{Place, until},
};

/// What the story must come to: everybody of the two largest groups, a joiner more, one leaver without access.
fn recomputed(company: &ldif::Company) -> (u64, u64, u64) {
    let mut groups: Vec<(&String, &Vec<String>)> =
        company.groups.iter().filter(|(_, members)| !members.is_empty()).collect();
    groups.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(b.0)));
    groups.truncate(2);
    let inside: BTreeSet<&String> = if groups.is_empty() {
        company.people.values().collect()
    } else {
        groups.iter().flat_map(|(_, members)| members.iter()).collect()
    };
    let managed = inside
        .iter()
        .filter(|person| company.managers.get(**person).is_some_and(|m| inside.contains(m)))
        .count();
    (inside.len() as u64, managed as u64, groups.len() as u64)
}

fn check(place: &Place, words: &[&str], file: &str) {
    let figures = place.json(&[&["demo", "--exit"], words].concat());
    let company = ldif::company(&std::fs::read_to_string(place.folder().join(file)).unwrap());
    let (inside, managed, groups) = recomputed(&company);
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(number(&figures["users"]), company.people.len() as u64);
    assert_eq!(number(&figures["groups"]), company.groups.len() as u64);
    assert_eq!(number(&figures["plan"]["create"]), inside + groups);
    let cycles = figures["cycles"].as_array().unwrap();
    let kinds: Vec<&str> = cycles.iter().map(|cycle| cycle["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["initial", "incremental", "incremental"]);
    let count = |cycle: usize, what: &str| number(&cycles[cycle]["counts"][what]);
    assert_eq!(count(0, "create"), inside + groups);
    assert_eq!((count(1, "create"), count(1, "disable"), count(1, "enable")), (1, 2, 0));
    // The mover, and the groups whose members changed.
    assert!((1..=1 + groups).contains(&count(1, "update")), "{figures}");
    assert_eq!((count(2, "create"), count(2, "disable"), count(2, "enable")), (0, 0, 1));
    for cycle in 0..3 {
        assert_eq!((count(cycle, "failed"), count(cycle, "delete"), count(cycle, "staged")), (0, 0, 0));
    }
    let people = &figures["people"];
    assert_eq!(number(&people["total"]), inside + 1);
    assert_eq!(number(&people["disabled"]), 1);
    assert_eq!(number(&figures["records"]["in_order"]), inside + 1 + groups);
    assert_eq!((number(&figures["records"]["incomplete"]), number(&figures["records"]["error"])), (0, 0));
    if groups > 0 {
        assert_eq!(number(&people["with_organization"]), inside + 1);
    }
    // The joiner has the mover's manager, where that one is in the app.
    assert!([managed, managed + 1].contains(&number(&people["with_manager"])), "{figures} {managed}");
    assert_eq!(figures["ok"], true);
}

#[test]
fn demo_figures_are_recomputed() {
    for users in ["7", "300"] {
        for place in Place::both() {
            let data = place.data();
            if place.is_sqlite() {
                check(&place, &["--users", users], "data/demo/people.ldif");
            } else {
                // The file lies in the data folder also where the database does not.
                check(&place, &["--users", users], "usher-data/demo/people.ldif");
                assert!(!data.exists());
            }
        }
    }
}

#[test]
fn demo_from_a_real_file() {
    let place = Place::sqlite();
    let example = std::fs::read_to_string(crate::place::given("USHER_TEST_EXAMPLE_LDIF")).unwrap();
    let file = place.file("example.ldif", &example);
    check(&place, &["--from", &file], "example.ldif");

    let place = Place::sqlite();
    let mut rows = String::from("userName,givenName,surname,mail,jobTitle,manager\n");
    let mut people = BTreeMap::new();
    for n in 0..12 {
        let manager = if n == 0 { String::new() } else { "p0@example.org".into() };
        rows.push_str(&format!("p{n}@example.org,Given{n},Family{n},p{n}@example.org,Worker,{manager}\n"));
        people.insert(n, manager);
    }
    let file = place.file("people.csv", &rows);
    let figures = place.json(&["demo", "--exit", "--from", &file]);
    assert_eq!(figures["users"], 12);
    assert_eq!(figures["cycles"][0]["counts"]["create"], 12, "{figures}");
    assert_eq!((figures["people"]["total"].as_u64(), figures["ok"].as_bool()), (Some(13), Some(true)));
    assert_eq!(figures["people"]["with_manager"], 12, "{figures}");
}

#[test]
fn the_demo_serves_on_and_takes_commands() {
    let place = Place::sqlite();
    let demo = place.start(&["demo", "--users", "7"]);
    until("the demo owns its folder", || place.data().join("demo/people.ldif").exists());
    until("commands beside the demo", || {
        let listed = place.run(&["people", "list", "acme", "--json"]);
        // Before the account is there, or while the story is still being told, a command fails or waits.
        listed.status.success()
            && serde_json::from_slice::<Value>(&listed.stdout)
                .is_ok_and(|people| people["total"].as_u64() > Some(1))
    });
    assert_eq!(place.json(&["app", "status", "4me"])["state"], "on");
    assert!(demo.stop(), "Ctrl-C ends it well");
}
