//! The default user rule, row by row (F45): what a SCIM user makes of a person.

use serde_json::json;
use usher_people::{
    person::{AddressLabel, ContactKind},
    record::RecordState,
    unit::{self, UnitKind},
};

use crate::rig::{ENTERPRISE, both, name};

#[test]
fn row_1_primary_email_is_the_user_name_if_it_is_an_address() {
    both(|rig| {
        let person = rig.made(json!({
            "userName": "Ann@Example.com", "displayName": "Ann",
            "emails": [{"value": "other@example.com", "primary": true}],
        }));
        assert_eq!(person.primary_email, "Ann@Example.com");
        assert_eq!(rig.person("ann@example.COM").id, person.id, "addresses are compared ignoring case");
    });
}

#[test]
fn row_1_else_the_address_flagged_primary_else_the_first() {
    both(|rig| {
        let flagged = rig.made(json!({
            "userName": "ann", "displayName": "Ann",
            "emails": [{"value": "first@example.com"}, {"value": "main@example.com", "primary": true}],
        }));
        assert_eq!(flagged.primary_email, "main@example.com");
        let first = rig.made(json!({
            "userName": "ben", "displayName": "Ben",
            "emails": [{"value": "b1@example.com"}, {"value": "b2@example.com"}],
        }));
        assert_eq!(first.primary_email, "b1@example.com");
    });
}

#[test]
fn rows_2_and_12_other_addresses_and_telephones_are_contacts_from_provisioning() {
    both(|rig| {
        let id = rig.user(json!({
            "userName": "ann@example.com", "displayName": "Ann",
            "emails": [
                {"value": "ANN@example.com", "type": "work"}, {"value": "ann@home.example", "type": "home"},
            ],
            "phoneNumbers": [{"value": "+31 20 1234567", "type": "mobile"}, {"value": "+31 20 7654321"}],
        }));
        rig.catch_up();
        let seen = |email: &str| {
            let mut list: Vec<_> = rig
                .person(email)
                .contacts
                .iter()
                .map(|contact| {
                    assert!(contact.integration);
                    (contact.kind == ContactKind::Email, contact.label.clone(), contact.value.clone())
                })
                .collect();
            list.sort();
            list
        };
        assert_eq!(
            seen("ann@example.com"),
            [
                (false, None, "+31 20 7654321".to_owned()),
                (false, Some("mobile".to_owned()), "+31 20 1234567".to_owned()),
                (true, Some("home".to_owned()), "ann@home.example".to_owned()),
            ]
        );
        // Replaced by each run.
        rig.change(id, json!({"emails": null, "phoneNumbers": [{"value": "112", "type": "work"}]}));
        rig.catch_up();
        assert_eq!(seen("ann@example.com"), [(false, Some("work".to_owned()), "112".to_owned())]);
    });
}

#[test]
fn row_3_name() {
    both(|rig| {
        let cases = [
            (
                json!({"userName": "a1@example.com", "displayName": "Shown", "name": {"formatted": "Formatted"}}),
                "Shown",
            ),
            (
                json!({"userName": "Nick", "emails": [{"value": "a2@example.com"}], "name": {"formatted": "Formatted"}}),
                "Nick",
            ),
            (
                json!({"userName": "a3@example.com", "name": {"formatted": "Formatted", "givenName": "G"}}),
                "Formatted",
            ),
            (
                json!({"userName": "a4@example.com", "name": {"givenName": "Ann", "familyName": "Lee"}}),
                "Ann Lee",
            ),
            (json!({"userName": "a5@example.com", "name": {"familyName": "Lee"}}), "Lee"),
        ];
        for (doc, expected) in cases {
            assert_eq!(rig.made(doc.clone()).name, expected, "{doc}");
        }
    });
}

#[test]
fn row_3_a_name_that_is_no_longer_sent_stays() {
    both(|rig| {
        let id = rig.plain("ann@example.com", "Ann Lee");
        rig.catch_up();
        rig.change(id, json!({"displayName": null}));
        rig.catch_up();
        assert_eq!(rig.person("ann@example.com").name, "Ann Lee");
        assert_eq!(rig.record(id).state, RecordState::InOrder);
    });
}

#[test]
fn rows_4_and_7_a_blank_keeps_what_is_there() {
    both(|rig| {
        let id = rig.user(json!({
            "userName": "ann@example.com", "displayName": "Ann", "title": "Buyer",
            ENTERPRISE: {"location": "Room 7", "employeeNumber": "E-1", "supportID": "S-1"},
        }));
        rig.catch_up();
        let texts = || {
            let person = rig.person("ann@example.com");
            [person.job_title, person.location, person.employee_id, person.support_id].map(Option::unwrap)
        };
        assert_eq!(texts(), ["Buyer", "Room 7", "E-1", "S-1"]);
        rig.change(id, json!({"title": " ", ENTERPRISE: {"location": "Room 8"}}));
        rig.catch_up();
        assert_eq!(texts(), ["Buyer", "Room 8", "E-1", "S-1"]);
    });
}

#[test]
fn row_5_organization_by_name_else_by_the_oldest_membership_else_as_it_is() {
    both(|rig| {
        for organization in ["Widgets", "Sales", "Buyers"] {
            rig.organization(organization);
        }
        let named = rig.user(json!({
            "userName": "named@example.com", "displayName": "N", ENTERPRISE: {"organization": " wIDGETS "},
        }));
        let unknown = rig.user(json!({
            "userName": "unknown@example.com", "displayName": "U", ENTERPRISE: {"organization": "Nobody"},
        }));
        let grouped = rig.plain("grouped@example.com", "G");
        rig.group("Buyers", &[grouped, unknown, named]);
        rig.group("Sales", &[grouped]);
        rig.catch_up();
        let organization = |email: &str| name(&rig.person(email).organization).map(str::to_owned);
        assert_eq!(organization("named@example.com").as_deref(), Some("Widgets"));
        assert_eq!(organization("unknown@example.com").as_deref(), Some("Buyers"));
        assert_eq!(organization("grouped@example.com").as_deref(), Some("Buyers"));
        // A disabled one is ignored: the next membership counts.
        rig.disable_unit(UnitKind::Organization, "Buyers", true);
        rig.catch_up();
        assert_eq!(organization("grouped@example.com").as_deref(), Some("Sales"));
        // Nothing enabled is left for this one: it stays.
        assert_eq!(organization("unknown@example.com").as_deref(), Some("Buyers"));
        assert_eq!(rig.record(unknown).state, RecordState::InOrder);
    });
}

#[test]
fn row_5_the_default_organization_is_for_new_people() {
    both(|rig| {
        rig.organization("Acme");
        let before = rig.plain("before@example.com", "Before");
        rig.catch_up();
        let directory = rig.directory;
        rig.write(move |tx| unit::set_default_organization(tx, directory, Some("acme")));
        rig.plain("after@example.com", "After");
        rig.change(before, json!({"title": "Buyer"}));
        rig.catch_up();
        assert_eq!(rig.person("before@example.com").organization, None);
        assert_eq!(name(&rig.person("after@example.com").organization), Some("Acme"));
    });
}

#[test]
fn row_6_site_alike_without_a_default() {
    both(|rig| {
        rig.unit(UnitKind::Site, "Delft");
        rig.unit(UnitKind::Site, "Gent");
        rig.user(json!({"userName": "named@example.com", "displayName": "N", ENTERPRISE: {"site": "delft"}}));
        let grouped = rig.plain("grouped@example.com", "G");
        rig.group("Gent", &[grouped]);
        rig.plain("none@example.com", "None");
        rig.catch_up();
        assert_eq!(name(&rig.person("named@example.com").site), Some("Delft"));
        assert_eq!(name(&rig.person("grouped@example.com").site), Some("Gent"));
        assert_eq!(rig.person("none@example.com").site, None);
    });
}

#[test]
fn rows_9_and_10_locale_and_time_zone_only_when_new() {
    both(|rig| {
        let id = rig.user(json!({
            "userName": "ann@example.com", "displayName": "Ann", "locale": "nl", "timezone": "Europe/Amsterdam",
        }));
        rig.catch_up();
        rig.change(id, json!({"locale": "en-US", "timezone": "Europe/Berlin", "title": "Buyer"}));
        rig.catch_up();
        let person = rig.person("ann@example.com");
        assert_eq!(person.job_title.as_deref(), Some("Buyer"));
        assert_eq!(person.locale.as_deref(), Some("nl"));
        assert_eq!(person.time_zone.as_deref(), Some("Europe/Amsterdam"));
    });
}

#[test]
fn row_11_vip_from_the_user_type() {
    both(|rig| {
        let id =
            rig.user(json!({"userName": "ann@example.com", "displayName": "Ann", "userType": "Board VIP"}));
        rig.catch_up();
        assert!(rig.person("ann@example.com").vip);
        rig.change(id, json!({"userType": null}));
        rig.catch_up();
        assert!(rig.person("ann@example.com").vip, "a blank changes nothing");
        rig.change(id, json!({"userType": "vip"}));
        rig.catch_up();
        assert!(!rig.person("ann@example.com").vip, "case counts");
    });
}

#[test]
fn row_13_addresses_are_replaced_each_run() {
    both(|rig| {
        let id = rig.user(json!({
            "userName": "ann@example.com", "displayName": "Ann",
            "addresses": [
                {"type": "work", "streetAddress": "Main St 1", "locality": "Delft", "region": "ZH", "postalCode": "2611", "country": "nl"},
                {"type": "home", "formatted": "Somewhere 2, Gent"},
            ],
        }));
        rig.catch_up();
        let addresses = rig.person("ann@example.com").addresses;
        assert_eq!(addresses.len(), 2);
        assert!(addresses.iter().all(|address| address.integration));
        assert_eq!(addresses[0].label, AddressLabel::Mailing);
        assert_eq!(addresses[0].address.as_deref(), Some("Main St 1"));
        assert_eq!(addresses[0].zip.as_deref(), Some("2611"));
        assert_eq!(addresses[0].country.as_deref(), Some("NL"));
        assert_eq!(addresses[1].label, AddressLabel::Home);
        assert_eq!(addresses[1].address.as_deref(), Some("Somewhere 2, Gent"));
        rig.change(id, json!({"addresses": null}));
        rig.catch_up();
        assert_eq!(rig.person("ann@example.com").addresses, []);
    });
}

#[test]
fn rows_14_and_15_disabled_and_source() {
    both(|rig| {
        let id = rig.user(json!({"userName": "ann@example.com", "displayName": "Ann", "active": false}));
        rig.catch_up();
        let person = rig.person("ann@example.com");
        assert!(person.disabled);
        assert_eq!(person.source.as_deref(), Some("SCIM"));
        assert_eq!(person.source_id, Some(id.0.to_string()));
        rig.change(id, json!({"active": true}));
        rig.catch_up();
        assert!(rig.person("ann@example.com").access);
    });
}

#[test]
fn without_an_address_or_a_name_no_person_is_made_and_the_record_says_why() {
    both(|rig| {
        let nameless = rig.user(json!({"userName": "nameless@example.com"}));
        let unreachable = rig.user(json!({"userName": "nobody"}));
        rig.catch_up();
        assert!(rig.find("nameless@example.com").is_none());
        for (id, missing) in [(nameless, "name"), (unreachable, "e-mail address")] {
            let record = rig.record(id);
            assert_eq!(record.state, RecordState::Incomplete);
            assert!(record.reason.unwrap().contains(missing));
        }
        rig.change(nameless, json!({"name": {"givenName": "Ann"}}));
        rig.catch_up();
        assert_eq!(rig.person("nameless@example.com").name, "Ann");
        assert_eq!(rig.record(nameless).state, RecordState::InOrder);
    });
}

#[test]
fn a_value_over_its_limit_is_left_out_and_the_rest_is_carried_over() {
    both(|rig| {
        let id = rig.user(json!({"userName": "ann@example.com", "displayName": "Ann", "title": "Buyer"}));
        rig.catch_up();
        rig.change(id, json!({"title": "x".repeat(81), "displayName": "Ann Lee", "userType": "VIP"}));
        rig.catch_up();
        let person = rig.person("ann@example.com");
        assert_eq!((person.name.as_str(), person.vip), ("Ann Lee", true));
        assert_eq!(person.job_title.as_deref(), Some("Buyer"), "the current one is kept");
        let record = rig.record(id);
        assert_eq!(record.state, RecordState::Incomplete);
        assert!(record.reason.unwrap().contains("job_title has 81 characters, more than 80"));
        // 80 characters, not bytes.
        rig.change(id, json!({"title": "é".repeat(80)}));
        rig.catch_up();
        assert_eq!(rig.person("ann@example.com").job_title, Some("é".repeat(80)));
        assert_eq!(rig.record(id).state, RecordState::InOrder);
    });
}

#[test]
fn a_manager_is_the_person_of_a_scim_user_before_or_after() {
    both(|rig| {
        let boss = rig.plain("boss@example.com", "Boss");
        rig.catch_up();
        let under = json!({"manager": {"value": boss.0.to_string()}});
        rig.user(json!({"userName": "ann@example.com", "displayName": "Ann", ENTERPRISE: under}));
        rig.catch_up();
        let manager = || rig.person("ann@example.com").manager.map(|manager| manager.primary_email);
        assert_eq!(manager().as_deref(), Some("boss@example.com"));
        // Disabled: cleared, without a new word about Ann.
        rig.change(boss, json!({"active": false}));
        rig.catch_up();
        assert_eq!(manager(), None);
        rig.change(boss, json!({"active": true}));
        rig.catch_up();
        assert_eq!(manager().as_deref(), Some("boss@example.com"));
    });
}

#[test]
fn a_manager_who_gets_a_person_later_is_taken_over_then() {
    both(|rig| {
        let boss = rig.user(json!({"userName": "boss@example.com"}));
        let under = json!({"manager": {"value": boss.0.to_string()}});
        let ann = rig.user(json!({"userName": "ann@example.com", "displayName": "Ann", ENTERPRISE: under}));
        rig.catch_up();
        assert_eq!(rig.person("ann@example.com").manager, None);
        assert_eq!(rig.record(ann).state, RecordState::InOrder);
        rig.change(boss, json!({"displayName": "Boss"}));
        rig.catch_up();
        let manager = rig.person("ann@example.com").manager.unwrap();
        assert_eq!((manager.name.as_str(), manager.id), ("Boss", rig.person("boss@example.com").id));
        // Another one, and then none at all: the last one stays (no manager found).
        let other = rig.plain("other@example.com", "Other");
        rig.change(ann, json!({ENTERPRISE: {"manager": {"value": other.0.to_string()}}}));
        rig.catch_up();
        assert_eq!(rig.person("ann@example.com").manager.unwrap().name, "Other");
        rig.change(ann, json!({ENTERPRISE: null}));
        rig.catch_up();
        assert_eq!(rig.person("ann@example.com").manager.unwrap().name, "Other");
    });
}
