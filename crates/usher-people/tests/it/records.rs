//! Records and lists (F39, F40, F42).

use serde_json::json;
use usher_directory::Kind;
use usher_people::{
    PeopleError, person,
    record::{self, Query, RecordState, Sort},
    unit::{self, UnitKind},
};

use crate::rig::{Rig, both, descending};

fn all(rig: &Rig, query: Query, most: usize) -> Vec<record::Record> {
    let (directory, mut after, mut found) = (rig.directory, None::<String>, Vec::new());
    loop {
        let cursor = after.clone();
        let page = rig.read(move |on| record::list(on, directory, query, cursor.as_deref(), most));
        assert!(page.items.len() <= most);
        found.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

#[test]
fn records_are_listed_page_by_page_newest_first() {
    both(|rig| {
        for n in 0..7 {
            rig.user(json!({"userName": format!("u{n}@example.com"), "displayName": "U", "externalId": format!("x{n}")}));
            if n % 3 == 0 {
                rig.group(&format!("g{n}"), &[]);
            }
        }
        rig.catch_up();
        let records = all(rig, Query::default(), 3);
        assert_eq!(records.len(), 10);
        let times: Vec<_> = records.iter().map(|record| record.provisioned).collect();
        assert!(descending(&times));
        let users = all(rig, Query { kind: Some(Kind::User), ..Query::default() }, 2);
        let names: Vec<_> =
            users.iter().map(|record| (record.name.as_str(), record.external_id.as_deref())).collect();
        assert_eq!(names[0], ("u6@example.com", Some("x6")));
        assert_eq!(names.len(), 7);
    });
}

#[test]
fn by_updated_and_only_those_not_in_order() {
    both(|rig| {
        let old = rig.plain("old@example.com", "Old");
        rig.plain("new@example.com", "New");
        rig.user(json!({"userName": "nobody"}));
        rig.catch_up();
        std::thread::sleep(std::time::Duration::from_millis(2));
        rig.change(old, json!({"title": "Buyer"}));
        rig.catch_up();
        let by_updated = all(rig, Query { sort: Sort::Updated, ..Query::default() }, 10);
        assert_eq!(by_updated[0].id, old);
        assert!(by_updated[0].updated > by_updated[0].provisioned);
        let wrong = all(rig, Query { errors: true, ..Query::default() }, 10);
        let names: Vec<_> = wrong.iter().map(|record| record.name.as_str()).collect();
        assert_eq!(names, ["nobody"]);
        let directory = rig.directory;
        let figures = rig.read(move |on| record::figures(on, directory, None));
        assert_eq!((figures.in_order, figures.incomplete, figures.error), (2, 1, 0));
    });
}

#[test]
fn an_execution_shows_every_expression() {
    both(|rig| {
        let id = rig
            .user(json!({"userName": "ann@example.com", "name": {"givenName": "Ann", "familyName": "Lee"}}));
        rig.catch_up();
        let detail = rig.detail(id);
        let execution = detail.last.unwrap();
        assert_eq!(execution.id, detail.record.last_execution.id);
        assert_eq!(execution.result, RecordState::InOrder);
        let rule = execution.rules.as_array().unwrap().iter().find(|rule| rule["rule"] == "Person").unwrap();
        assert_eq!(rule["condition"], true);
        assert_eq!(rule["expressions"]["full_name"], "Ann Lee");
        assert!(
            rule["actions"].as_array().unwrap().contains(&json!({"action": "set name", "value": "Ann Lee"}))
        );
        assert_eq!(detail.last_failed, None);
    });
}

#[test]
fn people_are_listed_in_order_of_creation() {
    both(|rig| {
        for n in 0..5 {
            rig.plain(&format!("u{n}@example.com"), &format!("U{n}"));
            rig.catch_up();
        }
        let directory = rig.directory;
        let first = rig.read(move |on| person::list(on, directory, None, 3));
        let next = first.next.clone();
        let second = rig.read(move |on| person::list(on, directory, next.as_deref(), 3));
        let names: Vec<_> =
            first.items.iter().chain(&second.items).map(|person| person.name.as_str()).collect();
        assert_eq!(names, ["U0", "U1", "U2", "U3", "U4"]);
        assert_eq!(second.next, None);
        let figures = rig.read(move |on| person::figures(on, directory));
        assert_eq!((figures.total, figures.disabled), (5, 0));
        let wrong = rig
            .store
            .block_read(crate::rig::testing_limit(), move |on| person::list(on, directory, Some("x"), 3));
        assert!(matches!(wrong, Err(PeopleError::Cursor(_))));
    });
}

#[test]
fn units_have_one_name_each_and_are_found_by_it() {
    both(|rig| {
        rig.organization("Sales");
        rig.unit(UnitKind::Site, "Sales");
        let (directory, id, now) = (rig.directory, rig.clock.id(), rig.clock.now());
        let twice = rig.store.block_write(usher_store::Lane::Now, move |tx| {
            unit::create(tx, directory, UnitKind::Organization, " SALES", id, now)
        });
        assert!(matches!(twice, Err(PeopleError::Taken { .. })), "{twice:?}");
        // The same one again, as after a commit whose outcome was unknown.
        for _ in 0..2 {
            let made = rig.store.block_write(usher_store::Lane::Now, move |tx| {
                unit::create(tx, directory, UnitKind::Organization, "Buyers", id, now)
            });
            assert_eq!(made.unwrap().id, id);
        }
        let blank = rig.store.block_write(usher_store::Lane::Now, move |tx| {
            unit::create(tx, directory, UnitKind::Organization, "  ", id, now)
        });
        assert!(matches!(blank, Err(PeopleError::Name { .. })));
        let found = rig.read(move |on| unit::show(on, directory, UnitKind::Organization, "sales")).unwrap();
        let same =
            rig.read(move |on| unit::show(on, directory, UnitKind::Organization, &found.id.to_string()));
        assert_eq!(same.unwrap().name, "Sales");
        let unknown = rig.store.block_write(usher_store::Lane::Now, move |tx| {
            unit::set_disabled(tx, directory, UnitKind::Site, "Nowhere", true, now)
        });
        assert!(matches!(unknown, Err(PeopleError::UnknownUnit { .. })));
    });
}

#[test]
fn another_environment_sees_nothing_of_it() {
    both(|rig| {
        rig.organization("Sales");
        let ann = rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        let id = rig.person("ann@example.com").id.to_string();
        let directory = rig.directory;
        let qa = rig.read::<_, usher_store::StoreError>(move |on| {
            Ok(usher_directory::account::of_directory(on, directory)?.unwrap().0.qa)
        });
        for key in ["ann@example.com".to_owned(), id] {
            assert_eq!(rig.read(move |on| person::show(on, qa, &key)), None);
        }
        assert_eq!(rig.read(move |on| record::show(on, qa, ann)), None);
        assert_eq!(rig.read(move |on| unit::show(on, qa, UnitKind::Organization, "Sales")), None);
        assert_eq!(rig.read(move |on| person::list(on, qa, None, 10)).items, []);
        assert_eq!(rig.read(move |on| record::list(on, qa, Query::default(), None, 10)).items, []);
    });
}
