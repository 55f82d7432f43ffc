//! Leavers, returners, and two records that name one person.

use serde_json::json;
use usher_people::record::{self, Leaving, RecordState};

use crate::rig::{Rig, both, name};

fn delete(rig: &Rig, id: usher_directory::ObjectId, person: Leaving) {
    let (config, now) = (rig.config.clone(), rig.clock.now());
    rig.write(move |tx| record::delete(tx, &config, id, person, now));
}

#[test]
fn a_leaver_has_no_access_at_once_even_before_the_rules_run() {
    both(|rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        let ben = rig.plain("ben@example.com", "Ben");
        rig.catch_up();
        assert!(rig.person("ann@example.com").access);
        rig.change(ann, json!({"active": false}));
        rig.remove(ben);
        for email in ["ann@example.com", "ben@example.com"] {
            let person = rig.person(email);
            assert!(!person.access, "{email}");
            assert!(!person.disabled, "the rules have not run yet");
        }
        rig.catch_up();
        for email in ["ann@example.com", "ben@example.com"] {
            let person = rig.person(email);
            assert!(person.disabled && !person.access, "{email}");
        }
    });
}

#[test]
fn access_ends_whatever_else_comes_with_it() {
    both(|rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        rig.plain("ben@example.com", "Ben");
        rig.catch_up();
        // A title that is too long, and the address of somebody else: the profile fails, access does not.
        rig.change(ann, json!({"active": false, "userName": "ben@example.com2", "title": "x".repeat(500)}));
        rig.change(ann, json!({"userName": "x", "emails": [{"value": "ben@example.com"}]}));
        rig.catch_up();
        assert!(rig.person("ann@example.com").disabled);
        assert_eq!(rig.record(ann).state, RecordState::Error);
    });
}

#[test]
fn a_returner_is_the_same_person_with_everything_it_had() {
    both(|rig| {
        rig.organization("Sales");
        let ann = rig.plain("ann@example.com", "Ann");
        rig.group("Sales", &[ann]);
        rig.catch_up();
        let before = rig.person("ann@example.com");
        rig.deactivate(ann);
        rig.catch_up();
        assert!(rig.person("ann@example.com").disabled);
        rig.change(ann, json!({"active": true}));
        rig.catch_up();
        let after = rig.person("ann@example.com");
        assert_eq!(after.id, before.id);
        assert!(after.access);
        assert_eq!(name(&after.organization), Some("Sales"));
    });
}

#[test]
fn a_new_record_with_the_address_of_a_leaver_is_the_same_person() {
    both(|rig| {
        let first = rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        let before = rig.person("ann@example.com");
        rig.remove(first);
        rig.catch_up();
        assert_eq!(rig.person("ann@example.com").record, None);
        let second = rig.plain("ann@example.com", "Ann Lee");
        rig.catch_up();
        let after = rig.person("ann@example.com");
        assert_eq!((after.id, after.name.as_str(), after.access), (before.id, "Ann Lee", true));
        assert_eq!(after.record, Some(second));
    });
}

#[test]
fn a_removal_and_a_return_in_one_go() {
    both(|rig| {
        let first = rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        let before = rig.person("ann@example.com");
        rig.remove(first);
        let second = rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        let after = rig.person("ann@example.com");
        assert_eq!((after.id, after.record, after.access), (before.id, Some(second), true));
    });
}

#[test]
fn two_active_records_of_one_address_are_an_error_on_the_second() {
    both(|rig| {
        let first = rig.plain("ann@example.com", "Ann");
        let second = rig.user(json!({
            "userName": "ann2", "displayName": "Impostor", "emails": [{"value": "Ann@example.com"}],
        }));
        rig.catch_up();
        let person = rig.person("ann@example.com");
        assert_eq!((person.name.as_str(), person.record), ("Ann", Some(first)));
        let record = rig.record(second);
        assert_eq!((record.state, record.person), (RecordState::Error, None));
        assert_eq!(record.reason.unwrap(), format!("Ann is already provisioned by record {}", first.0),);
        assert_eq!(rig.record(first).state, RecordState::InOrder);
        // When the first leaves, the second takes over.
        rig.change(first, json!({"active": false}));
        rig.catch_up();
        let after = rig.person("ann@example.com");
        assert_eq!((after.id, after.name.as_str(), after.access), (person.id, "Impostor", true));
        assert_eq!(after.record, Some(second));
        assert_eq!(rig.record(second).state, RecordState::InOrder);
    });
}

#[test]
fn an_address_changed_to_that_of_another_person_is_an_error_until_it_is_free() {
    both(|rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        let ben = rig.plain("ben@example.com", "Ben");
        rig.catch_up();
        let id = rig.person("ann@example.com").id;
        rig.change(
            ann,
            json!({"userName": "annie", "emails": [{"value": "ben@example.com"}], "title": "Buyer"}),
        );
        rig.catch_up();
        let record = rig.record(ann);
        assert_eq!(record.state, RecordState::Error);
        assert!(record.reason.unwrap().contains("Ben is already provisioned by record"));
        assert_eq!(rig.person("ann@example.com").job_title, None, "nothing of it was carried over");
        rig.change(ben, json!({"userName": "ben@elsewhere.example"}));
        rig.catch_up();
        assert_eq!(rig.person("ben@example.com").id, id);
        assert_eq!(rig.person("ben@elsewhere.example").name, "Ben");
        assert_eq!(rig.record(ann).state, RecordState::InOrder);
    });
}

#[test]
fn a_changed_address_is_the_same_person() {
    both(|rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        let id = rig.person("ann@example.com").id;
        rig.change(ann, json!({"userName": "ann.lee@example.com"}));
        rig.catch_up();
        assert!(rig.find("ann@example.com").is_none());
        assert_eq!(rig.person("ann.lee@example.com").id, id);
    });
}

#[test]
fn an_administrator_deletes_a_record_and_the_person_stays() {
    both(|rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        let ben = rig.plain("ben@example.com", "Ben");
        rig.catch_up();
        let id = rig.person("ann@example.com").id;
        delete(rig, ann, Leaving::Stays);
        delete(rig, ben, Leaving::Disabled);
        rig.catch_up();
        let person = rig.person("ann@example.com");
        assert_eq!((person.record, person.access), (None, true), "governed by no record");
        assert!(rig.person("ben@example.com").disabled);
        assert!(rig.stored(ann).is_none());
        // The client makes it anew.
        let again = rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        let person = rig.person("ann@example.com");
        assert_eq!((person.id, person.record), (id, Some(again)));
    });
}
