//! What an LDIF file's entries become.
use serde_json::json;

use super::*;

const FIRM: &str = include_str!("firm.ldif");

#[test]
fn a_firm_as_it_is_exported() {
    both(SourceKind::Ldif, |house| {
        let report = house.import(FIRM);
        let counts = &report.counts;
        assert_eq!((counts.read, counts.created, counts.groups, counts.memberships), (9, 7, 3, 6));
        assert_eq!((counts.unchanged, counts.unresolved, counts.errors), (0, 2, 0));
        assert_eq!(
            house.present(Kind::User),
            ["ada@firm.example", "grace@firm.example", "linus", "zoe@firm.example"]
        );

        let ada = house.doc("ada@firm.example");
        assert_eq!(ada["displayName"], "Ada Lovelace");
        assert_eq!(ada["name"], json!({"givenName": "Ada", "familyName": "Lovelace"}));
        assert_eq!(ada["emails"], json!([{"type": "work", "value": "ada@firm.example"}]));
        assert_eq!(ada["phoneNumbers"], json!([{"type": "work", "value": "+44 20 5550 0001"}]));
        assert_eq!(ada["addresses"], json!([{"type": "work", "locality": "London"}]));
        assert_eq!((&ada["title"], &ada["active"]), (&json!("Analyst"), &json!(true)));
        assert_eq!(
            (&ada[ENTERPRISE]["department"], &ada[ENTERPRISE]["employeeNumber"]),
            (&json!("Research"), &json!("7"))
        );

        let zoe = house.doc("zoe@firm.example");
        assert_eq!((text(&zoe["displayName"]), text(&zoe["name"]["givenName"])), ("Zoë Müller", "Zoë"));
        assert_eq!(
            (&zoe[ENTERPRISE]["department"], &zoe[OPEN]["departmentNumber"]),
            (&json!("4711"), &json!("4711"))
        );
        assert_eq!(zoe["preferredLanguage"], "de");
        assert!(!house.user("linus").active);
    });
}

#[test]
fn managers_and_members_by_every_spelling_of_their_names() {
    both(SourceKind::Ldif, |house| {
        house.import(FIRM);
        assert_eq!(house.manager("ada@firm.example").as_deref(), Some("grace@firm.example"));
        assert_eq!(house.manager("zoe@firm.example").as_deref(), Some("grace@firm.example"));
        assert!(house.doc("linus").get(ENTERPRISE).is_none_or(|values| values.get("manager").is_none()));
        assert_eq!(house.members("Research"), ["ada@firm.example", "grace@firm.example"]);
        assert_eq!(house.members("unix"), ["ada@firm.example", "zoe@firm.example"]);
        assert_eq!(house.members("All, of us"), ["Research", "linus"]);
    });
}

#[test]
fn the_same_again_writes_nothing() {
    both(SourceKind::Ldif, |house| {
        house.import(FIRM);
        let first = house.changes();
        assert_eq!(first.len(), 7 + 6);
        let report = house.sync();
        assert_eq!((report.counts.unchanged, report.counts.created, report.counts.updated), (7, 0, 0));
        assert_eq!(house.changes(), []);
        // Attributes that nothing maps, passwords among them, are no change either.
        let other = FIRM.replace("oPensesame-ada", "another").replace("gidNumber: 100", "gidNumber: 101");
        house.import(other.replace('\n', "\r\n"));
        assert_eq!(house.changes(), []);
    });
}

#[test]
fn only_what_changed_is_written() {
    both(SourceKind::Ldif, |house| {
        house.import(FIRM);
        house.changes();
        let changed = FIRM
            .replace("title: Analyst\n", "")
            .replace("telephoneNumber: +44 20 5550 0001\n", "")
            .replace("memberUid: ada", "memberUid: grace")
            .replace(
                "manager: UID=Grace , OU=people,DC=Firm,DC=Example",
                "manager: uid=ada,ou=people,dc=firm,dc=example",
            );
        let report = house.import(changed);
        assert_eq!((report.counts.updated, report.counts.unchanged), (3, 4));
        let ada = house.doc("ada@firm.example");
        assert_eq!((ada.get("title"), ada.get("phoneNumbers")), (None, None));
        assert_eq!(house.manager("zoe@firm.example").as_deref(), Some("ada@firm.example"));
        assert_eq!(house.members("unix"), ["grace@firm.example", "zoe@firm.example"]);
        // Two people, and two memberships of one group.
        let (people, members): (Vec<_>, Vec<_>) =
            house.changes().into_iter().partition(|(_, member)| member.is_none());
        assert_eq!((people.len(), members.len()), (2, 2));
    });
}

#[test]
fn a_manager_who_comes_later_is_linked_then() {
    both(SourceKind::Ldif, |house| {
        house.import(staff([1, 2]));
        assert_eq!(house.manager_or_none("p1@x.example"), None);
        let report = house.import(staff([1, 2, 0]));
        assert_eq!((report.counts.created, report.counts.updated), (1, 2));
        assert_eq!(house.manager("p1@x.example").as_deref(), Some("p0@x.example"));
        // She leaves: she is nobody's manager any more.
        house.import(staff([1, 2]));
        assert_eq!(house.manager_or_none("p2@x.example"), None);
    });
}

impl House {
    fn manager_or_none(&self, name: &str) -> Option<Value> {
        self.doc(name).get(ENTERPRISE)?.get("manager").cloned()
    }
}

#[test]
fn a_rename_keeps_the_person() {
    both(SourceKind::Ldif, |house| {
        house.import(staff([0, 1]));
        let before = house.user("p1@x.example");
        house.import(
            staff([0, 1])
                .replace("p1@x.example", "new@x.example")
                .replace("uid=p1,dc=x", "uid=p1,ou=moved,dc=x"),
        );
        let after = house.user("new@x.example");
        assert_eq!((before.id, after.active), (after.id, true));
        assert_eq!(house.present(Kind::User).len(), 2);
    });
}

#[test]
fn names_can_be_passed_on_within_one_import() {
    both(SourceKind::Ldif, |house| {
        house.import(staff([0, 1, 2]));
        let ids = ["p0", "p1", "p2"].map(|name| house.user(&format!("{name}@x.example")).id);
        let moved = staff([0, 1, 2])
            .replace("mail: p2@", "mail: p3@")
            .replace("mail: p1@", "mail: p2@")
            .replace("mail: p0@", "mail: p1@");
        house.import(moved);
        assert_eq!(["p1", "p2", "p3"].map(|name| house.user(&format!("{name}@x.example")).id), ids);
    });
}

#[test]
fn uuids_tell_people_apart_once_they_did() {
    both(SourceKind::Ldif, |house| {
        let uuid = |n: u32| format!("entryUUID: 0198c4c2-0000-7000-8000-00000000000{n}\nuid: p{n}\n");
        let numbered = staff([0, 1]).replace("uid: p0\n", &uuid(0)).replace("uid: p1\n", &uuid(1));
        house.import(&numbered);
        house.put(staff([0, 1]));
        let error = house.try_sync().unwrap_err().to_string();
        assert!(
            error.contains("nobody in it has entryUUID") && error.contains("nothing was imported"),
            "{error}"
        );
        assert_eq!(house.present(Kind::User).len(), 2);
        house.import(&numbered);
    });
}

#[test]
fn changes_under_an_export_are_imported_as_if_it_had_been_made_after_them() {
    both(SourceKind::Ldif, |house| {
        house.import(staff(0..4) + &team("Team", 0..4));
        house.changes();
        let changes = "dn: uid=p1,dc=x\nchangetype: modify\nreplace: title\ntitle: Boss\n-\n\n\
                       dn: uid=p3,dc=x\nchangetype: delete\n\n\
                       dn: cn=Team,dc=x\nchangetype: modify\ndelete: member\nmember: UID=p2, dc=x\n-\n\n\
                       dn: uid=p9,dc=x\nchangetype: add\nobjectClass: person\nuid: p9\nsn: 9\nmail: p9@x.example\n\n";
        let report = house.import(staff(0..4) + &team("Team", 0..4) + changes);
        assert_eq!((report.counts.created, report.counts.updated, report.counts.disabled), (1, 2, 1));
        assert_eq!(house.doc("p1@x.example")["title"], "Boss");
        assert_eq!(house.members("Team"), ["p0@x.example", "p1@x.example"]);
        assert!(house.user("p3@x.example").deleted.is_some());
        // The export that the server would give now says the same.
        let fresh = staff(0..3).replace("uid: p1\n", "uid: p1\ntitle: Boss\n")
            + "dn: uid=p9,dc=x\nobjectClass: person\nuid: p9\nsn: 9\nmail: p9@x.example\n\n"
            + &team("Team", 0..2);
        house.changes();
        house.import(fresh);
        assert_eq!(house.changes(), []);
        // One that can't be applied changes nothing at all.
        house.put(staff(0..3) + "dn: uid=p7,dc=x\nchangetype: modify\nreplace: sn\nsn: x\n-\n");
        let error = house.try_sync().unwrap_err().to_string();
        assert!(
            error.contains("a change record for uid=p7,dc=x") && error.ends_with("nothing was imported"),
            "{error}"
        );
        assert_eq!(house.changes(), []);
    });
}
