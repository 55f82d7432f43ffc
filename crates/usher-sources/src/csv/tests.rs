use proptest::prelude::*;

use super::*;

fn write(bytes: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

fn read(bytes: impl AsRef<[u8]>) -> Result<Vec<Found>, FileError> {
    let mut all = Vec::new();
    people(write(bytes).path(), Form::default(), None, &Meter::default(), &mut |found| {
        all.push(found);
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

fn entries(bytes: impl AsRef<[u8]>) -> Vec<Entry> {
    let taken = |found| match found {
        Found::Entry(entry) => *entry,
        other => panic!("{other:?}"),
    };
    read(bytes).unwrap().into_iter().map(taken).collect()
}

fn value(entry: &Entry, path: &str) -> Json {
    entry.values.set.iter().find(|(p, _)| p == path).map_or(Json::Null, |(_, value)| value.clone())
}

#[test]
fn separators_quotes_and_line_ends() {
    for separator in [",", ";", "\t", "|"] {
        let text = "userName^displayName^password^Site\r\nanna@x^\"Anna \"\"A\"\"^\nMüller\"^sesame^Köln\r\n\r\nbob@x^^geheim^\r\n";
        let people = entries(text.replace('^', separator));
        assert_eq!(people.len(), 2, "{separator:?}");
        assert_eq!(value(&people[0], "displayName"), format!("Anna \"A\"{separator}\nMüller"));
        assert_eq!(value(&people[0], "urn:usher:directory:1.0:User:Site"), "Köln");
        assert_eq!((people[1].line, people[1].user_name.as_deref()), (5, Some("bob@x")));
        assert!(!format!("{people:?}").contains("sesame"));
    }
    assert_eq!(entries("sep=;\nmail;x\na@x;1\n").len(), 1);
    let windows = encoding_rs::WINDOWS_1252.encode("mail;Ort\na@x;Köln\n").0;
    assert_eq!(value(&entries(windows)[0], "urn:usher:directory:1.0:User:Ort"), "Köln");
}

#[test]
fn encoding_and_separator_can_be_named() {
    let form = Form { encoding: Some(encoding_rs::WINDOWS_1250), separator: Some(b'|') };
    // By itself the header would be split at its commas.
    let text = encoding_rs::WINDOWS_1250.encode("mail|Name, first, last\na@x|Łuk\n").0.into_owned();
    let mut found = Vec::new();
    people(write(text).path(), form, None, &Meter::default(), &mut |one| {
        found.push(one);
        ControlFlow::Continue(())
    })
    .unwrap();
    let Found::Entry(entry) = &found[0] else { panic!("{found:?}") };
    assert_eq!(value(entry, "urn:usher:directory:1.0:User:nameFirstLast"), "Łuk");
    let broken = people(
        write(b"mail\na@x\n\xFF\xFF\n").path(),
        Form { encoding: Some(encoding_rs::UTF_8), ..form },
        None,
        &Meter::default(),
        &mut |_| ControlFlow::Continue(()),
    );
    let message = broken.unwrap_err().to_string();
    assert!(message.contains("not UTF-8 text") && message.contains("setting encoding"), "{message}");
}

#[test]
fn of_two_columns_of_one_meaning_the_attributes_own_name_wins_and_nothing_is_lost() {
    let people = entries("cn,displayName,uid,userName,e-mail,mail\nC,D,7,anna,x@x,y@x\n");
    let anna = &people[0];
    assert_eq!(
        (value(anna, "displayName"), value(anna, "urn:usher:directory:1.0:User:cn")),
        ("D".into(), "C".into())
    );
    assert_eq!((anna.user_name.as_deref(), anna.anchor.by.as_str()), (Some("anna"), "uid"));
    assert_eq!(value(anna, r#"emails[type eq "work"].value"#), "x@x");
    assert_eq!(value(anna, "urn:usher:directory:1.0:User:mail"), "y@x");
}

#[test]
fn active_and_managers() {
    let people = entries("id,mail,active,manager\n7,a@x,ja,8\n8,b@x,,\n9,c@x,No,a@x\n");
    assert_eq!(people.iter().map(|p| p.active).collect::<Vec<_>>(), [Some(true), None, Some(false)]);
    assert_eq!(people[0].manager, Reference::Named(name_digest("key", "8")));
    assert_eq!(people[1].manager, Reference::Nobody);
    assert!(people[1].names.iter().any(|name| name.digest == name_digest("key", "8")));
    assert_eq!(entries("mail\na@x\n")[0].manager, Reference::Omitted);
}

#[test]
fn rows_that_cannot_be_taken_are_refused_alone() {
    let found = read("id,mail,active\n7,a@x,maybe\n,b@x,true\n9,c@x\n10,d@x,true\n11,,true\n").unwrap();
    let messages: Vec<(u64, String)> = found
        .iter()
        .filter_map(|found| match found {
            Found::Refused { error, .. } => Some((error.line, error.message.clone())),
            _ => None,
        })
        .collect();
    let lines: Vec<u64> = messages.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 4, 6], "{messages:?}");
    let Found::Refused { who, perhaps, .. } = &found[1] else { panic!() };
    assert_eq!((who, perhaps.contains(&"b@x".to_owned())), (&None, true));
}

#[test]
fn what_is_no_csv_of_people_says_so() {
    for (bytes, part) in [
        (&b""[..], "empty"),
        (b"anna@x,Anna\nbob@x,Bob\n", "userName or mail"),
        (b"PK\x03\x04 and more\n", "Excel workbook"),
        (b"mail,x\na@x,\"open\nb@x,1\n", "never ends"),
        (b"mail,x\na@x,1\nb@x,\"cut", "line 3: a quoted field"),
        (b"mail\0,x\n", "no text file"),
    ] {
        let message = read(bytes).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let message = people(Path::new("/nowhere.csv"), Form::default(), None, &Meter::default(), &mut |_| {
        ControlFlow::Continue(())
    });
    assert!(message.unwrap_err().to_string().contains("no such file"));
}

#[test]
fn memberships_are_gathered_by_group() {
    let file = write("Group;Member\nSales;a@x\nIT;b@x\nsales;c@x\nAll;Sales\nEmpty;\n");
    let (mut gathered, mut groups) = (Groups::default(), Vec::new());
    gathered.read(file.path(), Form::default(), &Meter::default()).unwrap();
    gathered.give(&mut |found| {
        groups.push(found);
        ControlFlow::Continue(())
    });
    let sizes: Vec<(String, usize)> = groups
        .into_iter()
        .map(|found| match found {
            Found::Entry(entry) => (entry.label, entry.members.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sizes, [("Sales".into(), 2), ("IT".into(), 1), ("All".into(), 1), ("Empty".into(), 0)]);
    let bad = Groups::default().read(write("team,who\n").path(), Form::default(), &Meter::default());
    assert!(
        bad.unwrap_err().to_string().contains("group and member; the columns found are \"team\", \"who\"")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(bytes);
    }
    #[test]
    fn never_panics_behind_a_header(text in "[-a-zA-Z0-9,;\"\r\n\t é]{0,200}") {
        let _ = read(format!("id,mail,active,manager\n{text}"));
    }
}
