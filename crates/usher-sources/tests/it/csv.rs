//! CSV files of people and memberships.
use serde_json::json;

use super::*;

const PEOPLE: &str = "Employee ID;E-Mail;First name;Last name;Department;Manager;Cost centre;Active;Password\r\n\
    1;ann@x.example;Ann;Ångström;IT;;A 1;yes;oPensesame-ann\r\n\
    2;bob@x.example;Bob;\"O\"\"Neil\r\nJr\";IT;ann@x.example;;;oPensesame-bob\r\n\
    3;cy@x.example;Cy;Young;;2;B 2;no;oPensesame-cy\r\n";

impl House {
    fn groups(&self, text: &str) {
        std::fs::write(self.path("groups.csv"), text).unwrap();
    }
}

#[test]
fn people_managers_and_memberships() {
    both(SourceKind::Csv, |house| {
        house.groups("group,member\nIT,1\nIT,bob@x.example\nAll,IT\nAll,CY@x.example\nAll,nobody\n");
        let report = house.import(PEOPLE);
        assert_eq!((report.counts.created, report.counts.groups, report.counts.memberships), (5, 2, 4));
        assert_eq!(report.counts.unresolved, 1);
        let ann = house.doc("ann@x.example");
        assert_eq!(ann["name"], json!({"givenName": "Ann", "familyName": "Ångström"}));
        assert_eq!(ann[ENTERPRISE], json!({"employeeNumber": "1", "department": "IT"}));
        assert_eq!(ann[OPEN], json!({"costCentre": "A 1"}));
        assert_eq!(house.doc("bob@x.example")["name"]["familyName"], "O\"Neil\r\nJr");
        assert_eq!(house.manager("bob@x.example").as_deref(), Some("ann@x.example"));
        assert_eq!(house.manager("cy@x.example").as_deref(), Some("bob@x.example"));
        assert!(house.user("bob@x.example").active && !house.user("cy@x.example").active);
        assert_eq!(house.members("IT"), ["ann@x.example", "bob@x.example"]);
        assert_eq!(house.members("All"), ["IT", "cy@x.example"]);
        assert_eq!(house.sync().counts.unchanged, 5);
    });
}

#[test]
fn what_a_column_leaves_out_stays_and_an_empty_cell_clears() {
    both(SourceKind::Csv, |house| {
        house.import("id,mail,title,department,active\n1,a@x,Chief,IT,false\n2,b@x,,,\n");
        house.import("id,mail,department\n1,a@x,\n2,b@x,HR\n");
        let doc = house.doc("a@x");
        assert_eq!(
            (&doc["title"], doc.get(ENTERPRISE), &doc["active"]),
            (&json!("Chief"), None, &json!(false))
        );
        assert_eq!(house.doc("b@x")[ENTERPRISE]["department"], "HR");
        assert!(house.user("b@x").active);
    });
}

#[test]
fn encodings_give_the_same_people() {
    both(SourceKind::Csv, |house| {
        let text = "mail\tdisplayName\ncz@x\tŽoë €\n";
        let report = house.import(text);
        assert_eq!(report.counts.created, 1);
        let utf16: Vec<u8> =
            [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let windows = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
        for bytes in [format!("\u{feff}{text}").into_bytes(), utf16, windows] {
            assert_eq!(house.import(bytes).counts.unchanged, 1);
        }
    });
}

#[test]
fn rows_with_errors_make_nobody_a_leaver() {
    both(SourceKind::Csv, |house| {
        house.import("id,mail,active\n1,a@x,1\n2,b@x,1\n3,c@x,1\n4,d@x,1\n");
        house.put("id,mail,active\n1,a@x,perhaps\n,b@x,1\n3,c@x\n4,d@x,1\n4,e@x,1\n");
        let report = house.try_sync().unwrap();
        assert_eq!((report.counts.errors, report.counts.disabled), (4, 0));
        assert!(report.first_errors.iter().any(|error| error.line == 6 && error.message.contains("line 5")));
        assert_eq!(house.present(Kind::User), ["a@x", "b@x", "c@x", "d@x"]);
    });
}

#[test]
fn a_file_without_a_header_or_with_other_keys_is_refused() {
    both(SourceKind::Csv, |house| {
        house.import("employeeId,mail\n1,a@x\n2,b@x\n");
        for (bytes, part) in [
            ("1,a@x\n2,b@x\n", "the columns found are \"1\", \"a@x\""),
            ("mail\na@x\nb@x\n", "no column employeenumber"),
            ("employeeId,mail\n", "no row of a person"),
        ] {
            house.put(bytes);
            let error = house.try_sync().unwrap_err().to_string();
            assert!(error.contains(part) && error.ends_with("nothing was imported"), "{error}");
        }
        house.put("employeeId,mail\n1,a@x\n2,b@x\n");
        house.groups("team,who\n");
        assert!(house.try_sync().unwrap_err().to_string().contains("needs the columns group and member"));
        assert_eq!(house.present(Kind::User).len(), 2);
    });
}

#[test]
fn a_folder_of_files_is_read_as_one() {
    both(SourceKind::Csv, |house| {
        let folder = house.path("folder");
        std::fs::create_dir(&folder).unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        let source = house.source.clone();
        let settings = Settings::of_file(&folder);
        let house_of_folder = house.write(move |tx| Ok(source::set(tx, &source, &settings).expect("set")));
        let sync = || {
            house.clock.advance(Duration::from_secs(1));
            house.runtime.block_on(house.sources.sync(&house_of_folder, &mut |_| {}))
        };
        assert!(sync().unwrap_err().to_string().contains("ends in .csv"));
        // Each with a form of its own; groups over two files.
        put("berlin.csv", "id,mail,title\n1,ann@x.example,Chef\n2,bob@x.example,\n");
        put("paris.CSV", "id;mail;manager\n3;cy@x.example;1\n");
        put("teams-1.csv", "group,member\nIT,1\nIT,3\n");
        put("teams-2.csv", "group,member\nIT,bob@x.example\nAll,IT\n");
        put(".half.csv", "id,mail\n9,nobody@x.example\n");
        put("readme.txt", "not a table");
        let report = sync().unwrap();
        assert_eq!(
            (report.counts.created, report.counts.memberships, report.counts.errors),
            (5, 4, 0),
            "{report:?}"
        );
        assert_eq!(house.members("IT"), ["ann@x.example", "bob@x.example", "cy@x.example"]);
        assert_eq!(house.manager("cy@x.example").as_deref(), Some("ann@x.example"));
        assert_eq!(sync().unwrap().counts.unchanged, 5);
        // An error names the file; one of two with the same key is in another file.
        put("rome.csv", "id,mail\n4,dee@x.example\n5\n3,eve@x.example\n");
        let report = sync().unwrap();
        assert_eq!((report.counts.created, report.counts.errors), (1, 2), "{report:?}");
        assert!(report.first_errors.iter().all(|error| error.entry.starts_with("rome.csv: ")), "{report:?}");
        // A file that goes takes its people along.
        std::fs::remove_file(folder.join("rome.csv")).unwrap();
        assert_eq!(sync().unwrap().counts.disabled, 1);
        put("teams-2.csv", "group\nIT\n");
        assert!(sync().unwrap_err().to_string().contains("teams-2.csv"));
    });
}

#[test]
fn a_folder_is_another_one_when_a_file_of_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let files = || Settings::of_file(folder.path()).files().unwrap().paths();
    std::fs::write(folder.path().join("a.csv"), "mail\n").unwrap();
    let before = usher_sources::watch::FileState::of(files());
    assert_eq!(usher_sources::watch::FileState::of(files()), before);
    std::fs::write(folder.path().join("b.csv"), "mail\n").unwrap();
    let with = usher_sources::watch::FileState::of(files());
    assert_ne!(with, before);
    std::fs::write(folder.path().join("b.csv"), "mail\na@x\n").unwrap();
    assert_ne!(usher_sources::watch::FileState::of(files()), with);
}
