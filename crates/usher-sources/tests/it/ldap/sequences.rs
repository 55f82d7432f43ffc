//! Whatever happens on a server, and whenever it is read: in the end the directory is as a fresh import makes it.
use proptest::{prelude::*, test_runner::TestRunner};
use usher_sources::{LdapSettings, LdapSync};

use super::*;
use crate::slapd::{Kind as Server, Slapd, group, people};

/// A change of the model. People are 0 to 7, groups 0 to 2; group 2 lists its members by uid.
#[derive(Debug, Clone)]
enum Change {
    Add(u32),
    Delete(u32),
    Title(u32, u8),
    Mail(u32, u8),
    Manager(u32, u32),
    NoManager(u32),
    /// Another name, in another place.
    Rename(u32, bool, bool),
    AddGroup(u32, u32),
    DeleteGroup(u32),
    RenameGroup(u32, bool),
    Join(u32, u32),
    Part(u32, u32),
    Nest(u32, u32),
    Run,
    Whole,
    /// A run that dies as soon as it tells how far it is.
    Dies(u8),
}

fn change() -> impl Strategy<Value = Change> {
    let (who, group) = (0..8_u32, 0..3_u32);
    prop_oneof![
        2 => who.clone().prop_map(Change::Add),
        2 => who.clone().prop_map(Change::Delete),
        1 => (who.clone(), 0..3_u8).prop_map(|(n, t)| Change::Title(n, t)),
        1 => (who.clone(), 0..3_u8).prop_map(|(n, m)| Change::Mail(n, m)),
        2 => (who.clone(), 0..8_u32).prop_map(|(n, m)| Change::Manager(n, m)),
        1 => who.clone().prop_map(Change::NoManager),
        4 => (who.clone(), any::<bool>(), any::<bool>()).prop_map(|(n, a, b)| Change::Rename(n, a, b)),
        1 => (group.clone(), who.clone()).prop_map(|(g, n)| Change::AddGroup(g, n)),
        1 => group.clone().prop_map(Change::DeleteGroup),
        2 => (group.clone(), any::<bool>()).prop_map(|(g, other)| Change::RenameGroup(g, other)),
        2 => (group.clone(), who.clone()).prop_map(|(g, n)| Change::Join(g, n)),
        2 => (group.clone(), who).prop_map(|(g, n)| Change::Part(g, n)),
        1 => (group.clone(), group).prop_map(|(a, b)| Change::Nest(a, b)),
        4 => Just(Change::Run),
        1 => Just(Change::Whole),
        1 => (0..4_u8).prop_map(Change::Dies),
    ]
}

/// Every name that a person may have.
fn names(n: u32) -> [String; 4] {
    [("p", "people"), ("q", "people"), ("p", "elsewhere"), ("q", "elsewhere")]
        .map(|(letter, place)| format!("uid={letter}{n},ou={place},dc=x"))
}

fn group_names(g: u32) -> [String; 2] {
    ["g", "h"].map(|letter| format!("cn={letter}{g},dc=x"))
}

fn posix() -> String {
    "dn: cn=g2,dc=x\nobjectClass: posixGroup\ncn: g2\ngidNumber: 2\nmemberUid: p1\nmemberUid: p2\n\n"
        .to_owned()
}

/// What to tell the server; it says itself what of it can be done.
fn said(change: &Change) -> String {
    let modify = |names: &[String], what: &str| -> String {
        names.iter().map(|dn| format!("dn: {dn}\nchangetype: modify\n{what}\n")).collect()
    };
    let set =
        |n: u32, name: &str, value: String| modify(&names(n), &format!("replace: {name}\n{name}: {value}\n"));
    let member = |g: u32, what: &str, n: u32| match g {
        2 => modify(&group_names(g), &format!("{what}: memberUid\nmemberUid: p{n}\n")),
        // As somebody spells it who looks at the first two of the names.
        _ => names(n)[..2]
            .iter()
            .map(|dn| modify(&group_names(g), &format!("{what}: member\nmember: {dn}\n")))
            .collect(),
    };
    match change {
        Change::Add(n) => people([*n]).replacen("objectClass", "changetype: add\nobjectClass", 1),
        Change::Delete(n) => names(*n).iter().map(|dn| format!("dn: {dn}\nchangetype: delete\n\n")).collect(),
        Change::Title(n, title) => set(*n, "title", format!("T{title}")),
        Change::Mail(n, mail) => set(*n, "mail", format!("p{n}.{mail}@x.example")),
        Change::Manager(n, manager) => set(*n, "manager", dn(*manager)),
        Change::NoManager(n) => modify(&names(*n), "delete: manager\n"),
        Change::Rename(n, other, moved) => {
            let to = if *other { "q" } else { "p" };
            let below = if *moved { "elsewhere" } else { "people" };
            let rename = |dn: &String| {
                format!(
                    "dn: {dn}\nchangetype: modrdn\nnewrdn: uid={to}{n}\ndeleteoldrdn: 1\nnewsuperior: ou={below},dc=x\n\n"
                )
            };
            names(*n).iter().map(rename).collect()
        }
        Change::AddGroup(2, _) => posix().replacen("objectClass", "changetype: add\nobjectClass", 1),
        Change::AddGroup(g, n) => {
            group(&format!("g{g}"), [*n]).replacen("objectClass", "changetype: add\nobjectClass", 1)
        }
        Change::DeleteGroup(g) => {
            group_names(*g).iter().map(|dn| format!("dn: {dn}\nchangetype: delete\n\n")).collect()
        }
        Change::RenameGroup(g, other) => {
            let to = if *other { "h" } else { "g" };
            let rename = |dn: &String| {
                format!("dn: {dn}\nchangetype: modrdn\nnewrdn: cn={to}{g}\ndeleteoldrdn: 1\n\n")
            };
            group_names(*g).iter().map(rename).collect()
        }
        Change::Join(g, n) => member(*g, "add", *n),
        Change::Part(g, n) => member(*g, "delete", *n),
        Change::Nest(outer, inner) => {
            modify(&group_names(*outer), &format!("add: member\nmember: {}\n", group_names(*inner)[0]))
        }
        Change::Run | Change::Whole | Change::Dies(_) => String::new(),
    }
}

impl House {
    /// A run of what changed, whose process dies when it has told so many times how far it is; then time goes by.
    pub(super) fn die(&self, after: u8) {
        let mut told = 0;
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.runtime.block_on(self.sources.update(&self.source, &mut |_| {
                told += 1;
                assert!(told <= after, "the process dies here");
            }))
        }));
        drop(run);
        self.clock.advance(Duration::from_secs(100));
        // The first look at a dead one's lease is the beginning of the wait.
        drop(self.try_update());
        self.clock.advance(Duration::from_secs(100));
    }
}

#[test]
fn any_sequence_of_changes_and_runs_ends_as_a_fresh_import() {
    for (sync, server) in [
        (LdapSync::Syncrepl, Server::default()),
        (LdapSync::Timestamps, Server { without_sync: true, ..Server::default() }),
    ] {
        let mut runner = TestRunner::new(ProptestConfig { cases: 12, ..ProptestConfig::default() });
        runner
            .run(&prop::collection::vec(change(), 10..40), |changes| {
                let first = people([0, 1, 2, 3]) + &group("g0", [0, 1, 2]) + &group("g1", [3]) + &posix();
                let slapd = Slapd::of(server, &first);
                let settings = LdapSettings { sync, ..settings(&slapd) };
                let house = House::of_server(usher_store::testing::sqlite(TABLES), settings.clone())
                    .without_a_safeguard();
                house.sync();
                let mut untold = String::new();
                for change in &changes {
                    untold += &said(change);
                    if matches!(change, Change::Run | Change::Whole | Change::Dies(_)) {
                        slapd.try_modify(&std::mem::take(&mut untold));
                    }
                    match change {
                        Change::Run => drop(house.try_update()),
                        Change::Whole => drop(house.try_sync()),
                        Change::Dies(after) => house.die(*after),
                        _ => {}
                    }
                }
                // Somebody is there in the end: an empty directory would be refused.
                slapd.try_modify(&(untold + &said(&Change::Add(9))));
                // OpenLDAP tells a change only up to the oldest operation under way. One that failed counts as under way for a
                // moment after its answer, and so may keep back what came after it until the next write: this one.
                slapd.try_modify(&said(&Change::Title(9, 1)));
                house.try_update().unwrap();
                let fresh = House::of_server(usher_store::testing::sqlite(TABLES), settings);
                fresh.try_sync().unwrap();
                prop_assert_eq!(house.standing(), fresh.standing());
                house.changes();
                house.try_update().unwrap();
                house.try_sync().unwrap();
                prop_assert_eq!(house.changes(), []);
                Ok(())
            })
            .unwrap();
    }
}
