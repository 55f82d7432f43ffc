//! People made by hand, protected, disabled, explained (F51, F53, F73); what changes beside the rules while they run.

use serde_json::json;
use usher_people::{PeopleError, hand, person, record::RecordState, unit::UnitKind};
use usher_store::Lane;

use crate::rig::{Rig, both, name};

fn protect(rig: &Rig, email: &'static str, protected: bool) {
    let (directory, now) = (rig.directory, rig.clock.now());
    rig.write(move |tx| hand::set_protected(tx, directory, email, protected, "ben", now));
}

#[test]
fn provisioning_finds_who_was_made_by_hand() {
    both(|rig| {
        rig.organization("Sales");
        rig.unit(UnitKind::Site, "Delft");
        rig.by_hand(&[("name", "Boss"), ("primary_email", "boss@example.com")]).unwrap();
        let made = rig.by_hand(&[
            ("name", "Ann"),
            ("primary_email", "Ann@example.com"),
            ("job_title", "Buyer"),
            ("organization", "sales"),
            ("site", "Delft"),
            ("manager", "boss@example.com"),
            ("vip", "yes"),
            ("custom_fields.badge", "7"),
            ("location", " "),
        ]);
        let hand::Made::New(id) = made.unwrap() else { panic!("somebody new") };
        let before = rig.person("ann@example.com");
        assert_eq!((before.id, before.vip, before.access, before.source.as_deref()), (id, true, true, None));
        assert_eq!((name(&before.organization), name(&before.site)), (Some("Sales"), Some("Delft")));
        assert_eq!(before.manager.unwrap().name, "Boss");
        assert_eq!(before.custom_fields["badge"], "7");
        let again = rig.by_hand(&[("name", "Other"), ("primary_email", "ANN@example.com")]).unwrap();
        assert_eq!(again, hand::Made::There(id));
        // Provisioning takes it over and changes what it says, nothing else.
        let record = rig.plain("ann@example.com", "Ann Lee");
        rig.catch_up();
        let after = rig.person("ann@example.com");
        assert_eq!((after.id, after.name.as_str(), after.record), (id, "Ann Lee", Some(record)));
        assert_eq!((after.job_title.as_deref(), name(&after.organization)), (Some("Buyer"), Some("Sales")));
    });
}

#[test]
fn what_a_field_can_not_take_is_told() {
    both(|rig| {
        for (fields, said) in [
            (vec![("name", "Ann")], "primary_email is needed"),
            (vec![("primary_email", "ann@example.com")], "name is needed"),
            (vec![("name", "Ann"), ("primary_email", "ann")], "no e-mail address"),
            (vec![("nmae", "Ann")], "nmae is no field"),
            (vec![("vip", "maybe")], "vip is true or false"),
            (vec![("organization", "Nowhere")], "no organization \"Nowhere\""),
            (vec![("manager", "x@example.com")], "no person x@example.com"),
            (vec![("locale", "nl-NL-x")], "locale has 7 characters"),
            (vec![("disabled", "true")], "is no field"),
        ] {
            let error = rig.by_hand(&fields).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    });
}

#[test]
fn who_is_protected_keeps_access_whatever_provisioning_says() {
    both(|rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        let ben = rig.plain("ben@example.com", "Ben");
        rig.catch_up();
        protect(rig, "ann@example.com", true);
        protect(rig, "ben@example.com", true);
        rig.change(ann, json!({"active": false, "title": "Buyer"}));
        assert!(rig.person("ann@example.com").access, "before the rules have run too");
        rig.remove(ben);
        rig.catch_up();
        let person = rig.person("ann@example.com");
        assert!(person.access && person.protected && !person.disabled);
        assert_eq!(person.job_title.as_deref(), Some("Buyer"), "the rest is carried over");
        let record = rig.record(ann);
        assert_eq!(record.state, RecordState::Incomplete);
        assert_eq!(record.reason.unwrap(), "Ann is protected, so access was not ended");
        assert!(rig.person("ben@example.com").access, "its record is gone");
        // By hand neither.
        let (directory, now) = (rig.directory, rig.clock.now());
        let refused = rig.store.block_write(Lane::Now, move |tx| {
            hand::set_disabled(tx, directory, "ann@example.com", true, "ben", now)
        });
        assert!(matches!(refused, Err(PeopleError::Protected(_))));
        // When that ends, what was held off is carried out.
        protect(rig, "ann@example.com", false);
        assert!(!rig.person("ann@example.com").access);
        rig.catch_up();
        assert!(rig.person("ann@example.com").disabled);
        assert_eq!(rig.record(ann).state, RecordState::InOrder);
    });
}

fn disable(rig: &Rig, email: &'static str, disabled: bool) {
    let (directory, now) = (rig.directory, rig.clock.now());
    rig.write(move |tx| hand::set_disabled(tx, directory, email, disabled, "ops", now));
    rig.catch_up();
}

#[test]
fn who_was_disabled_by_hand_stays_so_until_a_hand_or_the_client_takes_it_back() {
    both(|rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        let access = |rig: &Rig| rig.person("ann@example.com").access;
        disable(rig, "ann@example.com", true);
        rig.change(ann, json!({"active": true, "title": "Buyer"}));
        rig.catch_up();
        assert!(!access(rig), "an update by the client");
        assert_eq!(
            rig.person("ann@example.com").job_title.as_deref(),
            Some("Buyer"),
            "the rest is carried over"
        );
        let record = rig.record(ann);
        assert_eq!(record.state, RecordState::Incomplete);
        assert_eq!(record.reason.unwrap(), "Ann was disabled by hand, by ops, so access was not given back");
        let rule = "[[rule]]\nname = \"R\"\nkind = \"user\"\ncondition = 'true'\nactions = []\n";
        assert!(rig.dry_run(&rig.current().set(rule, None).unwrap()).is_empty());
        rig.rules(rule);
        rig.catch_up();
        assert!(!access(rig), "other rules");
        // A hand gives it back.
        disable(rig, "ann@example.com", false);
        assert!(access(rig));
        assert_eq!(rig.record(ann).state, RecordState::InOrder);
        // The client ends it too, and gives it back: that is its word.
        disable(rig, "ann@example.com", true);
        rig.change(ann, json!({"active": false}));
        rig.catch_up();
        assert_eq!(rig.record(ann).state, RecordState::InOrder);
        rig.change(ann, json!({"active": true}));
        rig.catch_up();
        assert!(access(rig), "a returner");
        // The same where the record goes and comes.
        disable(rig, "ann@example.com", true);
        rig.remove(ann);
        rig.catch_up();
        let directory = rig.directory;
        let explained = rig.read(move |on| hand::explain(on, directory, "ann@example.com"));
        let (.., origin) = explained.fields.into_iter().find(|(field, ..)| field == "disabled").unwrap();
        let origin = origin.unwrap();
        assert_eq!((origin.record, origin.rule, origin.actor), (Some(ann.0.to_string()), None, None));
        rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        assert!(access(rig), "made anew");
    });
}

#[test]
fn who_was_made_and_disabled_by_hand_gets_no_access_by_being_provisioned() {
    both(|rig| {
        rig.by_hand(&[("name", "Ann"), ("primary_email", "ann@example.com")]).unwrap();
        disable(rig, "ann@example.com", true);
        let ann = rig.plain("ann@example.com", "Ann Lee");
        rig.catch_up();
        let person = rig.person("ann@example.com");
        assert_eq!((person.name.as_str(), person.record, person.access), ("Ann Lee", Some(ann), false));
        assert_eq!(rig.record(ann).state, RecordState::Incomplete);
    });
}

#[test]
fn each_field_tells_where_its_value_is_from() {
    both(|rig| {
        rig.by_hand(&[("name", "Ann"), ("primary_email", "ann@example.com"), ("location", "Room 1")])
            .unwrap();
        let record =
            rig.user(json!({"userName": "ann@example.com", "displayName": "Ann Lee", "title": "Buyer"}));
        rig.catch_up();
        let explain = |rig: &Rig| {
            let directory = rig.directory;
            rig.read(move |on| hand::explain(on, directory, "ann@example.com"))
        };
        let explained = explain(rig);
        let of = |field: &str| explained.fields.iter().find(|(name, ..)| name == field).cloned().unwrap();
        let (_, value, origin) = of("job_title");
        let origin = origin.unwrap();
        assert_eq!(value, "Buyer");
        assert_eq!((origin.rule.as_deref(), origin.expression.as_deref()), (Some("Person"), Some("[title]")));
        assert_eq!(origin.record, Some(record.0.to_string()));
        let by_hand = of("location").2.unwrap();
        assert_eq!((by_hand.actor.as_deref(), by_hand.rule), (Some("ann"), None));
        // A run that gives the same leaves it as it was.
        rig.change(record, json!({"nickName": "A"}));
        rig.catch_up();
        assert_eq!(explain(rig).fields, explained.fields);
        let directory = rig.directory;
        let nobody =
            rig.store.block_read(crate::rig::testing_limit(), move |on| hand::explain(on, directory, "x"));
        assert!(matches!(nobody, Err(PeopleError::UnknownPerson(_))));
    });
}

#[test]
fn whom_no_record_governs_any_more_is_listed() {
    both(|rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        rig.plain("ben@example.com", "Ben");
        rig.by_hand(&[("name", "Cas"), ("primary_email", "cas@example.com")]).unwrap();
        rig.catch_up();
        let ungoverned = |rig: &Rig| -> Vec<String> {
            let directory = rig.directory;
            let page = rig.read(move |on| person::ungoverned(on, directory, None, 10));
            page.items.into_iter().map(|person| person.name).collect()
        };
        assert!(ungoverned(rig).is_empty());
        rig.remove(ann);
        rig.catch_up();
        assert_eq!(ungoverned(rig), ["Ann"]);
    });
}

#[test]
fn two_people_change_addresses_with_each_other() {
    both(|rig| {
        let user = |address: &str, n: &str| {
            rig.user(json!({"userName": n, "displayName": n, "emails": [{"value": address}]}))
        };
        let (ann, ben) = (user("a@example.com", "Ann"), user("b@example.com", "Ben"));
        rig.catch_up();
        let ids = (rig.person("a@example.com").id, rig.person("b@example.com").id);
        rig.change(ben, json!({"emails": [{"value": "c@example.com"}]}));
        rig.change(ann, json!({"emails": [{"value": "b@example.com"}]}));
        rig.catch_up();
        assert_eq!(rig.person("b@example.com").id, ids.0);
        assert_eq!(rig.person("c@example.com").id, ids.1);
        for id in [ann, ben] {
            assert_eq!(rig.record(id).state, RecordState::InOrder);
        }
    });
}

#[test]
fn a_deactivation_is_seen_at_once_while_everybody_is_run_again() {
    both(|rig| {
        let ids: Vec<_> = (0..300).map(|n| rig.plain(&format!("u{n}@example.com"), "U")).collect();
        rig.catch_up();
        rig.rules(
            "[[rule]]\nname = \"R\"\nkind = \"user\"\ncondition = 'true'\nactions = [{ set = \"location\", to = '\"L\"' }]\n",
        );
        let mut polled = 0;
        rig.block_on(async {
            let mut work = std::pin::pin!(usher_people::driver::catch_up(&rig.people, rig.directory));
            std::future::poll_fn(|cx| {
                let ended = work.as_mut().poll(cx);
                if polled < ids.len() && ended.is_pending() {
                    // Half of them with a title that breaks its limit, some without the address they had.
                    let changes = match polled % 3 {
                        0 => json!({"active": false}),
                        1 => json!({"active": false, "title": "x".repeat(500)}),
                        _ => json!({"active": false, "userName": format!("gone{polled}")}),
                    };
                    rig.change(ids[polled], changes);
                    assert!(!rig.person(&format!("u{polled}@example.com")).access);
                    polled += 1;
                }
                ended
            })
            .await
        })
        .unwrap();
        assert!(polled > 3, "it was over at once");
        rig.catch_up();
        for (n, _) in ids.iter().enumerate() {
            let person = rig.person(&format!("u{n}@example.com"));
            assert_eq!((person.disabled, person.location.as_deref()), (n < polled, Some("L")), "{n}");
        }
    });
}
