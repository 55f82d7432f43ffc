//! Leavers, returners, the safeguard, errors, and runs that fail.
use usher_sources::{RunState, check, run};

use super::*;

#[test]
fn who_vanishes_is_soft_deleted_and_restored_on_return() {
    both(SourceKind::Ldif, |house| {
        house.import(staff(0..5) + &team("Team", 0..3));
        let before = house.user("p2@x.example");
        let report = house.import(staff([0, 1, 3, 4]) + &team("Team", 0..3));
        assert_eq!((report.counts.disabled, report.counts.held), (1, 0));
        let gone = house.user("p2@x.example");
        assert!(gone.deleted.is_some() && !gone.active);
        assert_eq!(house.members("Team"), ["p0@x.example", "p1@x.example"]);

        let report = house.import(staff(0..5) + &team("Team", 0..3));
        assert_eq!((report.counts.restored, report.counts.created), (1, 0));
        let back = house.user("p2@x.example");
        assert_eq!((back.id, back.deleted, back.active), (before.id, None, true));
        assert_eq!(house.members("Team"), ["p0@x.example", "p1@x.example", "p2@x.example"]);
        assert_eq!(house.manager("p2@x.example").as_deref(), Some("p0@x.example"));
    });
}

#[test]
fn after_thirty_days_who_vanished_is_removed() {
    both(SourceKind::Ldif, |house| {
        house.import(staff(0..5));
        house.import(staff(0..4));
        house.clock.advance(Duration::from_secs(29 * 86400));
        assert_eq!(house.sync().counts.removed, 0);
        house.clock.advance(Duration::from_secs(2 * 86400));
        assert_eq!(house.sync().counts.removed, 1);
        assert_eq!(house.all(Kind::User).len(), 4);
        // Somebody who returns after that is a new person.
        assert_eq!(house.import(staff(0..5)).counts.created, 1);
    });
}

#[test]
fn too_many_leavers_are_held_while_joiners_go_through() {
    both(SourceKind::Ldif, |house| {
        house.import(staff(0..20) + &team("Team", [0, 18, 19]) + &team("Other", [1]));
        let report = house.import(staff((0..15).chain([30])).replace("cn: Person 3\n", "cn: Changed\n"));
        assert_eq!((report.counts.held, report.counts.disabled), (7, 0));
        assert_eq!((report.counts.created, report.counts.updated), (1, 1));
        assert!(report.message.as_deref().is_some_and(|text| text.contains("5 of 20 people")), "{report:?}");
        assert!(house.user("p19@x.example").active && house.user("p30@x.example").active);
        assert_eq!(house.members("Team"), ["p0@x.example", "p18@x.example", "p19@x.example"]);
        let notes = house.read(move |on| run::notes(on, report.run, 0));
        assert!(notes.iter().any(|note| note.entry == "p19@x.example"), "{notes:?}");

        // Still held the next time; then allowed.
        house.changes();
        assert_eq!(house.sync().counts.held, 7);
        assert_eq!(house.changes(), []);
        let report = house.runtime.block_on(house.sources.allow(&house.source, &mut |_| {})).unwrap();
        assert_eq!((report.counts.held, report.counts.disabled), (0, 7));
        assert_eq!((house.present(Kind::User).len(), house.present(Kind::Group).len()), (16, 0));
    });
}

#[test]
fn references_to_those_who_are_held_stay() {
    both(SourceKind::Ldif, |house| {
        house.import(staff(0..20) + &team("Team", 0..20));
        // The manager of all is among the missing; the group is there and names them still.
        let report =
            house.import(staff(6..20).replace("cn: Person 7\n", "cn: Changed\n") + &team("Team", 0..20));
        assert_eq!((report.counts.held, report.counts.updated), (6, 1));
        assert_eq!(house.manager("p7@x.example").as_deref(), Some("p0@x.example"));
        assert_eq!(house.manager("p8@x.example").as_deref(), Some("p0@x.example"));
        assert_eq!(house.members("Team").len(), 20);
        // They return: nothing was lost, nothing is to do.
        let report =
            house.import(staff(0..20).replace("cn: Person 7\n", "cn: Changed\n") + &team("Team", 0..20));
        assert_eq!((report.counts.held, report.counts.unchanged), (0, 21));
    });
}

#[test]
fn many_accounts_locked_at_once_are_held_too() {
    both(SourceKind::Ldif, |house| {
        house.import(staff(0..12));
        let locked = staff(0..12).replace("uid: p1", "nsAccountLock: true\nuid: p1");
        let report = house.import(&locked);
        assert_eq!((report.counts.held, report.counts.disabled), (3, 0));
        let report = house.runtime.block_on(house.sources.allow(&house.source, &mut |_| {})).unwrap();
        assert_eq!((report.counts.held, report.counts.disabled), (0, 3));
        assert!(!house.user("p11@x.example").active && house.user("p2@x.example").active);
        // Unlocked again, without a safeguard.
        assert_eq!(house.import(staff(0..12)).counts.updated, 3);
        assert!(house.user("p11@x.example").active);
    });
}

#[test]
fn a_file_cut_in_a_line_changes_nothing() {
    both(SourceKind::Ldif, |house| {
        let whole = staff(0..20);
        house.import(&whole);
        house.changes();
        for cut in [whole.len() - 2, whole.len() / 2, 5] {
            let cut = whole.as_bytes()[..cut].iter().rposition(|byte| *byte != b'\n').unwrap_or(0) + 1;
            house.put(&whole[..cut]);
            let error = house.try_sync().unwrap_err().to_string();
            assert!(
                error.contains("ends in the middle of a line (line ")
                    && error.ends_with("nothing was imported"),
                "{error}"
            );
        }
        assert_eq!(house.changes(), []);
        let source = house.source.id;
        let runs = house.read(move |on| run::list(on, source, 10));
        assert_eq!(runs.len(), 4);
        assert_eq!(runs[0].state, RunState::Failed);
        assert!(runs[0].message.as_deref().is_some_and(|text| text.contains("line")));
        assert_eq!(house.import(&whole).counts.unchanged, 20);
    });
}

#[test]
fn a_file_cut_between_entries_holds_its_leavers() {
    both(SourceKind::Ldif, |house| {
        let whole = staff(0..20) + &team("Team", 0..20);
        house.import(&whole);
        let cut = whole.find("dn: uid=p12").unwrap();
        let report = house.import(&whole[..cut]);
        assert_eq!((report.counts.held, report.counts.disabled), (9, 0));
        assert_eq!(house.present(Kind::User).len(), 20);
        assert_eq!(house.members("Team").len(), 20);
    });
}

#[test]
fn files_that_are_no_import_say_so_and_change_nothing() {
    both(SourceKind::Ldif, |house| {
        house.import(staff(0..5));
        house.changes();
        for (bytes, part) in [
            ("", "none of the 0 entries is a person"),
            ("dn: ou=x\nobjectClass: organizationalUnit\nou: x\n", "none of the 1 entries is a person"),
            ("userName,mail\na,b\n", "name: value"),
            ("dn: uid=p0,dc=x\nchangetype: delete\n", "change record"),
        ] {
            house.put(bytes);
            let error = house.try_sync().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("people: "), "{error}");
            let checked = check::file(&house.source, now());
            assert!(
                !checked.ok() && checked.steps.iter().any(|step| step.text.contains(part)),
                "{checked:?}"
            );
        }
        std::fs::remove_file(house.path("people")).unwrap();
        assert!(house.try_sync().unwrap_err().to_string().contains("there is no such file"));
        assert_eq!(house.changes(), []);
    });
}

#[test]
fn entries_with_errors_stay_as_they_are() {
    both(SourceKind::Ldif, |house| {
        house.import(staff(0..4));
        house.changes();
        let nameless = staff([0]).replace("mail: p0@x.example\n", "").replace("uid: p0\n", "");
        let latin = staff([1]).replace("sn: 1\n", "sn: M?ller\n").replace('?', "\u{1}");
        let mut bytes = (nameless + &latin + &staff([2, 3, 3]) + &staff([9])).into_bytes();
        bytes.iter_mut().filter(|byte| **byte == 1).for_each(|byte| *byte = 0xFC);
        house.put(bytes);
        let report = house.try_sync().unwrap();
        let messages: Vec<&str> = report.first_errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(report.counts.errors, 3, "{messages:?}");
        assert!(messages.iter().any(|text| text.contains("it has no uid, by which")), "{messages:?}");
        assert!(messages.iter().any(|text| text.contains("sn is not UTF-8")), "{messages:?}");
        assert!(messages.iter().any(|text| text.contains("the same uid as line")), "{messages:?}");
        assert_eq!(house.present(Kind::User).len(), 5);
        assert_eq!(report.counts.disabled, 0);
        assert!(house.user("p1@x.example").active && house.user("p3@x.example").active);
    });
}

#[test]
fn a_name_that_somebody_else_has_is_that_entrys_error() {
    both(SourceKind::Ldif, |house| {
        let directory = house.directory;
        let id = usher_directory::ObjectId(house.clock.id());
        house.write(move |tx| {
            let config = Configs::default().get(tx, directory)?.expect("a directory");
            let mut doc = Object::new();
            doc.insert("userName".into(), "P1@X.example".into());
            let draft = object::Draft::create(&config, Kind::User, id, &doc, now()).expect("a draft");
            object::put(tx, directory, &draft).expect("put");
            Ok(())
        });
        house.put(staff(0..3));
        let report = house.try_sync().unwrap();
        assert_eq!((report.counts.created, report.counts.errors), (2, 1));
        assert!(report.first_errors[0].message.contains("already in use in the directory"), "{report:?}");
        assert!(report.first_errors[0].entry.contains("uid=p1"));
        assert_eq!(house.present(Kind::User).len(), 3);
    });
}

#[test]
fn odd_keys_fail_at_most_their_own_entry() {
    both(SourceKind::Ldif, |house| {
        let odd = |uid: &str, n: u32| {
            format!("dn: cn=o{n},dc=x\nobjectClass: person\nuid{uid}\nmail: o{n}@x\ntitle:: AGE=\n\n")
        };
        let long = format!(": {}", "x".repeat(3000));
        house.put(staff([0]) + &odd(":: YQBi", 1) + &odd(&long, 2) + &odd(": a\u{7}b", 3));
        let report = house.try_sync().unwrap();
        assert_eq!(report.counts.created + report.counts.errors, 4, "{report:?}");
        assert!(house.user("p0@x.example").active);
        let again = house.try_sync().unwrap();
        assert_eq!((again.counts.created, again.counts.errors), (0, report.counts.errors));
    });
}

#[test]
fn one_run_of_a_source_at_a_time() {
    both(SourceKind::Ldif, |house| {
        house.put(staff(0..2));
        let leases = Leases::new((*house.store).clone());
        let name = format!("source/{}", house.source.id.0);
        let lease = house.runtime.block_on(leases.take(&name)).unwrap().expect("a lease");
        assert!(matches!(house.try_sync(), Err(SyncError::Running(_))));
        house.runtime.block_on(leases.give_back(lease)).unwrap();
        assert_eq!(house.sync().counts.created, 2);
    });
}

#[test]
fn sources_are_listed_changed_and_removed() {
    both(SourceKind::Ldif, |house| {
        house.import(staff(0..2));
        let (directory, source) = (house.directory, house.source.clone());
        house.write(move |tx| {
            let again = source::add(tx, "hr", directory, SourceKind::Csv, &source.settings, now());
            assert!(matches!(again, Err(source::SourceError::Taken(_))));
            let mut settings = source.settings.clone();
            settings.safeguard.count = 3;
            source::set(tx, &source, &settings).expect("set");
            Ok(())
        });
        let found = house.read(|on| source::by_name(on, "hr")).expect("a source");
        assert_eq!((found.settings.safeguard.count, found.anchor.as_deref()), (3, Some("uid")));
        assert_eq!(house.read(|on| source::list(on, "")).len(), 1);
        let id = found.id;
        assert!(house.write(move |tx| source::remove(tx, id)));
        assert_eq!(house.present(Kind::User).len(), 2);
        assert!(matches!(house.try_sync(), Err(SyncError::Gone(_))));
    });
}
