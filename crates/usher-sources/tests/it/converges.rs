//! Whatever the files before, whatever broke a run: in the end the directory is what the last file says.
use std::collections::BTreeSet;

use proptest::{prelude::*, test_runner::TestRunner};
use usher_sources::Safeguard;
use usher_store::testing;

use super::*;

/// A person of the model; its number is its uid.
#[derive(Debug, Clone)]
struct Person {
    title: Option<u8>,
    manager: Option<u8>,
    locked: bool,
}

/// A file: people by number, groups by number with their members (from 10 on: groups).
#[derive(Debug, Clone)]
struct File {
    people: BTreeMap<u8, Person>,
    groups: BTreeMap<u8, BTreeSet<u8>>,
}

impl File {
    fn text(&self) -> String {
        let dn = |n: u8| if n < 10 { format!("uid=p{n},dc=x") } else { format!("cn=g{},dc=x", n - 10) };
        let mut text = String::new();
        for (n, person) in &self.people {
            text += &format!("dn: {}\nobjectClass: person\nuid: p{n}\nsn: {n}\n", dn(*n));
            text += &person.title.map(|title| format!("title: {title}\n")).unwrap_or_default();
            text += &person.manager.map(|manager| format!("manager: {}\n", dn(manager))).unwrap_or_default();
            text += if person.locked { "nsAccountLock: true\n\n" } else { "\n" };
        }
        for (n, members) in &self.groups {
            text += &format!("dn: {}\nobjectClass: groupOfNames\ncn: g{n}\n", dn(n + 10));
            text += &members.iter().map(|member| format!("member: {}\n", dn(*member))).collect::<String>();
            text += "\n";
        }
        text
    }
}

fn file() -> impl Strategy<Value = File> {
    let person = (prop::option::of(0..3_u8), prop::option::of(0..8_u8), prop::bool::weighted(0.2))
        .prop_map(|(title, manager, locked)| Person { title, manager, locked });
    let members = prop::collection::btree_set(prop_oneof![0..8_u8, 10..13_u8], 0..5);
    (prop::collection::btree_map(0..8_u8, person, 1..8), prop::collection::btree_map(0..3_u8, members, 0..4))
        .prop_map(|(people, groups)| File { people, groups })
}

impl House {
    fn without_safeguard(self) -> Self {
        let source = self.source.clone();
        self.write(move |tx| {
            let safeguard = Safeguard { percent: 100, from: 10, count: 1_000_000 };
            source::set(tx, &source, &Settings { safeguard, ..source.settings.clone() }).expect("set");
            Ok(())
        });
        self
    }

    /// Everything that stands, by names.
    fn picture(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for name in self.present(Kind::User) {
            let mut doc = self.doc(&name);
            let manager = doc.contains_key(ENTERPRISE).then(|| self.manager(&name)).flatten();
            doc.remove(ENTERPRISE);
            lines.push(format!("{name}: {} manager {manager:?}", serde_json::to_string(&doc).unwrap()));
        }
        let groups = self.present(Kind::Group);
        // Soft-deleted groups keep their place in others until these are written again.
        lines.extend(groups.iter().map(|group| format!("{group}: {:?}", self.members(group))));
        lines
    }
}

#[test]
fn any_sequence_of_files_ends_as_its_last_one() {
    let mut runner = TestRunner::new(ProptestConfig { cases: 8, ..ProptestConfig::default() });
    runner
        .run(&prop::collection::vec(file(), 2..5), |files| {
            for make in [testing::sqlite as fn(&[Tables]) -> TestStore, testing::postgres] {
                let house = House::new(make(TABLES), SourceKind::Ldif).without_safeguard();
                files.iter().for_each(|file| drop(house.import(file.text())));
                let last = files.last().map(File::text).unwrap_or_default();
                let fresh = House::new(testing::sqlite(TABLES), SourceKind::Ldif);
                fresh.import(&last);
                prop_assert_eq!(house.picture(), fresh.picture());
                house.changes();
                house.import(&last);
                prop_assert_eq!(house.changes(), []);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_run_that_dies_anywhere_is_simply_run_again() {
    both(SourceKind::Ldif, |house| {
        let file = staff(0..250) + &team("Team", 0..250);
        house.put(&file);
        let mut deaths = 0;
        loop {
            let mut told = 0;
            let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                house.runtime.block_on(house.sources.sync(&house.source, &mut |_| {
                    told += 1;
                    assert!(told <= deaths, "the process dies here");
                }))
            }));
            if run.is_ok() {
                break;
            }
            deaths += 1;
            // Nobody gave the lease back: it is free once its beat has stood still long enough.
            assert!(matches!(house.try_sync(), Err(SyncError::Running(_))));
            house.clock.advance(Duration::from_secs(100));
        }
        assert!(deaths > 2, "it dies while reading, writing and linking");
        let report = house.sync();
        assert_eq!(report.counts.errors, 0);
        assert_eq!(house.present(Kind::User).len(), 250);
        assert_eq!(house.members("Team").len(), 250);
        assert_eq!(house.manager("p249@x.example").as_deref(), Some("p0@x.example"));
        house.changes();
        house.sync();
        assert_eq!(house.changes(), []);
    });
}
