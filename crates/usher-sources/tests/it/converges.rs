//! Whatever the files before, whatever broke a run: in the end the directory is what the last file says.
use std::collections::BTreeSet;

use proptest::{prelude::*, test_runner::TestRunner};
use usher_sources::Safeguard;
use usher_store::testing;

use super::*;

/// A person of the model; its number is its key.
#[derive(Debug, Clone)]
struct Person {
    /// Which of its addresses it has: its userName.
    mail: u8,
    title: Option<u8>,
    manager: Option<u8>,
    locked: bool,
    /// Its entry lies elsewhere, under another name.
    moved: bool,
}

/// A group: its members (from 10 on: groups), and whether it has its other name.
#[derive(Debug, Clone)]
struct Team {
    members: BTreeSet<u8>,
    renamed: bool,
}

/// All that a source says: people and groups by number.
#[derive(Debug, Clone)]
struct File {
    people: BTreeMap<u8, Person>,
    groups: BTreeMap<u8, Team>,
}

impl File {
    fn group_name(&self, n: u8) -> String {
        format!("{}{n}", if self.groups.get(&n).is_some_and(|team| team.renamed) { "h" } else { "g" })
    }

    fn dn(&self, n: u8) -> String {
        match self.people.get(&n) {
            _ if n >= 10 => format!("cn={},dc=x", self.group_name(n - 10)),
            Some(person) if person.moved => format!("cn=Person {n},ou=elsewhere,dc=x"),
            _ => format!("uid=p{n},dc=x"),
        }
    }

    fn ldif(&self) -> String {
        let mut text = String::new();
        for (n, person) in &self.people {
            text += &format!("dn: {}\nobjectClass: person\nuid: p{n}\nsn: {n}\n", self.dn(*n));
            text += &format!(
                "entryUUID: 00000000-0000-4000-8000-0000000000{n:02}\nmail: p{n}.{}@x\n",
                person.mail
            );
            text += &person.title.map(|title| format!("title: {title}\n")).unwrap_or_default();
            text += &person.manager.map(|n| format!("manager: {}\n", self.dn(n))).unwrap_or_default();
            text += if person.locked { "nsAccountLock: true\n\n" } else { "\n" };
        }
        for (n, team) in &self.groups {
            let n = n + 10;
            text +=
                &format!("dn: {}\nobjectClass: groupOfNames\ncn: {}\n", self.dn(n), self.group_name(n - 10));
            text += &format!("entryUUID: 00000000-0000-4000-8000-0000000000{n}\n");
            text += &team.members.iter().map(|n| format!("member: {}\n", self.dn(*n))).collect::<String>();
            text += "\n";
        }
        text
    }

    /// People, and memberships.
    fn csv(&self) -> [String; 2] {
        let mut people = "id,mail,title,manager,active\n".to_owned();
        for (n, person) in &self.people {
            let number = |n: Option<u8>| n.map(|n| n.to_string()).unwrap_or_default();
            let (title, manager) = (number(person.title), number(person.manager));
            people += &format!("{n},p{n}.{}@x,{title},{manager},{}\n", person.mail, !person.locked);
        }
        let mut groups = "group,member\n".to_owned();
        for (n, team) in &self.groups {
            let name = self.group_name(*n);
            groups += &format!("{name},\n");
            for n in &team.members {
                let member = if *n >= 10 { self.group_name(n - 10) } else { n.to_string() };
                groups += &format!("{name},{member}\n");
            }
        }
        [people, groups]
    }

    fn put(&self, house: &House) {
        match house.source.kind {
            SourceKind::Csv => {
                let [people, groups] = self.csv();
                house.put(people);
                std::fs::write(house.path("groups.csv"), groups).unwrap();
            }
            _ => house.put(self.ldif()),
        }
    }
}

fn file() -> impl Strategy<Value = File> {
    let person = (
        0..2_u8,
        prop::option::of(0..3_u8),
        prop::option::of(0..8_u8),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.3),
    );
    let person = person.prop_map(|(mail, title, manager, locked, moved)| Person {
        mail,
        title,
        manager,
        locked,
        moved,
    });
    let members = prop::collection::btree_set(prop_oneof![0..8_u8, 10..13_u8], 0..5);
    let team = (members, prop::bool::weighted(0.3)).prop_map(|(members, renamed)| Team { members, renamed });
    (prop::collection::btree_map(0..8_u8, person, 1..8), prop::collection::btree_map(0..3_u8, team, 0..4))
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
    for kind in [SourceKind::Ldif, SourceKind::Csv] {
        let mut runner = TestRunner::new(ProptestConfig { cases: 8, ..ProptestConfig::default() });
        runner
            .run(&prop::collection::vec(file(), 2..5), |files| {
                for make in [testing::sqlite as fn(&[Tables]) -> TestStore, testing::postgres] {
                    let house = House::new(make(TABLES), kind).without_safeguard();
                    for file in &files {
                        file.put(&house);
                        house.sync();
                    }
                    let fresh = House::new(testing::sqlite(TABLES), kind);
                    files.last().into_iter().for_each(|last| last.put(&fresh));
                    fresh.sync();
                    prop_assert_eq!(house.picture(), fresh.picture());
                    house.changes();
                    house.sync();
                    prop_assert_eq!(house.changes(), []);
                }
                Ok(())
            })
            .unwrap();
    }
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
