use proptest::prelude::*;

use super::*;

fn items(text: impl AsRef<[u8]>) -> Result<Vec<Item>, FileError> {
    Reader::new(text.as_ref()).collect()
}
/// Of a file without changes.
fn read(text: impl AsRef<[u8]>) -> Result<Vec<Record>, FileError> {
    let entry = |item| match item {
        Item::Entry(record) => record,
        Item::Change(change) => panic!("{change:?}"),
    };
    Ok(items(text)?.into_iter().map(entry).collect())
}
fn fails(text: impl AsRef<[u8]>) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn folding_base64_comments_options_and_line_ends() {
    let records = read(
        "\u{feff}version: 1\r\n# a comment\r\n that goes on\r\ndn: uid=anna,\r\n  dc=x\r\ncn: Anna\r\ncn;lang-fr: Anne\r\n\
         sn:: TcO8bGxlcg==\r\njpegPhoto:: /9j/\r\nempty:\r\n\r\n\r\ndn:: dWlkPWLDuA==\r\nUID:b\u{f8}\r\n",
    )
    .unwrap();
    assert_eq!(records.len(), 2);
    let anna = &records[0];
    assert_eq!((anna.line, anna.dn.as_str()), (4, "uid=anna, dc=x"));
    assert_eq!(anna.texts("CN").collect::<Vec<_>>(), ["Anna"]);
    assert_eq!(anna.text("cn;lang-fr"), Some("Anne"));
    assert_eq!(anna.text("sn"), Some("Müller"));
    assert_eq!(anna.all("jpegphoto").next(), Some(&Value::Binary(vec![0xFF, 0xD8, 0xFF])));
    assert_eq!(anna.text("empty"), None);
    assert_eq!((records[1].dn.as_str(), records[1].text("uid")), ("uid=bø", Some("bø")));
}

#[test]
fn passwords_never_leave_the_reader() {
    let records = read(
        "dn: uid=a\nuserPassword: sesame\nuserpassword;x-old:: c2VzYW1l\nsambaNTPassword: ses\n ame\n\
         unicodePwd:: c2VzYW1l\nuid: a\n",
    )
    .unwrap();
    assert_eq!(records[0].values, [("uid".to_owned(), Value::Text("a".into()))]);
    for broken in ["dn: uid=a\nuserPassword: ses\name\n", "dn: uid=a\nuserPassword: sesame"] {
        let message = fails(broken);
        assert!(!message.contains("ses") && !message.contains("ame\""), "{message}");
    }
}

#[test]
fn a_cut_line_is_an_error_that_names_it() {
    let message = fails("dn: uid=a\nuid: a\n\ndn: uid=b\nmail: b@exam");
    assert!(message.contains("ends in the middle of a line (line 5)"), "{message}");
    assert_eq!(read("dn: uid=a\nuid: a\n").unwrap().len(), 1);
    assert!(fails("dn: uid=a\nuid: a\n b").contains("line 3"));
}

#[test]
fn what_is_no_export_of_entries_is_refused() {
    for (text, part) in [
        ("dn: uid=a\nreplace: sn\nsn: x\n-\n", "line 4: a \"-\" ends a change"),
        ("dn: uid=a\njpegPhoto:< file:///etc/passwd\n", "line 2: jpegPhoto stands in another file"),
        ("version: 2\ndn: uid=a\n", "version"),
        ("userName,mail\n", "name: value"),
        ("name: x\n", "begins with \"dn:\""),
        ("dn: a=b\nuid:: !\n", "line 2: uid is not base64, as \"::\" says at character 1 of the value"),
        ("dn: a=b\nuid: x\ndn: c=d\n", "line 3"),
        ("dn: a=b\nuid: x\n\nsearch: 2\nresult: 4 Size limit exceeded\n", "result 4 Size limit exceeded"),
    ] {
        let message = fails(text);
        assert!(message.contains(part), "{text:?}: {message}");
    }
    assert!(fails([0xFF, 0xFE, b'd', 0, b'\n', 0]).contains("UTF-16"));
}

#[test]
fn added_entries_and_the_end_of_ldapsearch_are_taken() {
    let records = read(
        "dn: uid=a\nchangetype: add\nuid: a\n\nref: ldap://other/\n\ndn: uid=b\nuid: b\n\nsearch: 2\nresult: 0 Success\n\n# numEntries: 2\n",
    )
    .unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].values.len(), 1);
}

#[test]
fn a_value_of_another_encoding_is_the_entrys_problem() {
    let records = read(b"dn: uid=a\nsn: M\xFCller\nuid: a\n\ndn: uid=b\nuid: b\n").unwrap();
    assert_eq!(records[0].problem, Some((2, "sn is not UTF-8 text".into())));
    assert_eq!(records[0].text("uid"), Some("a"));
    assert_eq!(records[1].problem, None);
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = items(bytes);
    }
    #[test]
    fn never_panics_on_near_misses(text in "(dn:{1,2} ?[a-z=, ]{0,9}\n|[a-zA-Z;-]{1,6}:[:<]? ?[ -~]{0,9}\r?\n| [a-z]{0,4}\n|\n|-\n|#x\n){0,12}[a-z]{0,3}") {
        let _ = items(text);
    }
    /// However a value is folded, it is read as it was.
    #[test]
    fn folding_is_undone(value in "[a-z][ -~]{0,60}[a-z]", width in 1usize..20) {
        let line = format!("cn: {value}");
        let folded: Vec<&str> = line.as_bytes().chunks(width + 3).map(|c| std::str::from_utf8(c).unwrap()).collect();
        let records = read(format!("dn: uid=a\n{}\n", folded.join("\n "))).unwrap();
        prop_assert_eq!(records[0].text("cn"), Some(value.as_str()));
    }
}

fn left(text: &str) -> Result<Vec<Record>, FileError> {
    contents::contents(Reader::new(text.as_bytes()))
}

const BASE: &str = "version: 1\n\ndn: ou=people,dc=x\nobjectClass: organizationalUnit\nou: people\n\n\
    dn: uid=a, ou=people,dc=x\nuid: a\ncn: Anna\nmail: a@x\nmail: anna@x\nuserPassword: sesame\n\n";

#[test]
fn changes_are_applied_to_what_the_file_added_before() {
    let records = left(&format!(
        "{BASE}# a modification\ndn: UID=A,ou=People, dc=x\ncontrol: 2.16.840.1.113730.3.4.2 true\nchangetype: modify\n\
         add: title\ntitle: Boss\ntitle: Boss\n-\ndelete: mail\nmail: A@X\n-\nreplace: cn\ncn:: QW5uZQ==\n-\n\
         replace: userPassword\nuserPassword: sesame\n-\nreplace: sn\nsn: Mü\n ller\n-\ndelete: nothing\n\n\
         dn: uid=b,ou=people,dc=x\ncontrol: 1.2.3.4 false: x\nchangetype: add\nuid: b\n\n\
         dn: uid=b,ou=people,dc=x\nchangetype: modrdn\nnewrdn: uid=c\ndeleteoldrdn: 1\n\n\
         dn: uid=d,dc=x\nchangetype: add\nuid: d\n\ndn: uid=d,dc=x\nchangetype: delete\n"
    ))
    .unwrap();
    assert_eq!(records.len(), 3);
    let anna = &records[1];
    assert_eq!((anna.text("title"), anna.all("title").count()), (Some("Boss"), 1));
    assert_eq!(anna.texts("mail").collect::<Vec<_>>(), ["anna@x"]);
    assert_eq!((anna.text("cn"), anna.text("sn")), (Some("Anne"), Some("Müller")));
    assert!(!format!("{records:?}").contains("sesame"));
    assert_eq!((records[2].dn.as_str(), records[2].text("uid")), ("uid=c,ou=people,dc=x", Some("c")));
}

#[test]
fn a_renaming_takes_what_is_below_along() {
    let records = left(&format!(
        "{BASE}dn: ou=people,dc=x\nchangetype: moddn\nnewrdn: ou=staff\ndeleteoldrdn: 0\nnewsuperior: o=firm,dc=x\n\n\
         dn: uid=a,ou=staff,o=firm,dc=x\nchangetype: modify\nreplace: cn\ncn: found\n"
    ))
    .unwrap();
    assert_eq!(records[0].texts("ou").collect::<Vec<_>>(), ["people", "staff"]);
    assert_eq!(
        (records[1].dn.as_str(), records[1].text("cn")),
        ("uid=a,ou=staff,o=firm,dc=x", Some("found"))
    );
    let gone = left(&format!(
        "{BASE}dn: ou=people,dc=x\ncontrol: 1.2.840.113556.1.4.805 true\nchangetype: delete\n"
    ));
    assert_eq!(gone.unwrap(), []);
}

#[test]
fn changes_that_can_not_be_made_name_their_line() {
    for (text, part) in [
        (
            "dn: uid=z,dc=x\nchangetype: delete\n",
            "line 14: a change record for uid=z,dc=x, which no record before",
        ),
        ("dn: uid=a,ou=people,dc=x\nuid: a\n", "line 14: uid=a,ou=people,dc=x is added a second time"),
        (
            "dn: ou=people,dc=x\nchangetype: delete\n",
            "line 14: ou=people,dc=x is deleted while 1 entries are below",
        ),
        ("dn: uid=a,ou=people,dc=x\nchangetype: delete\nuid: a\n", "line 16: nothing comes under"),
        ("dn: uid=a,ou=people,dc=x\nchangetype: modify\nuid: a\n", "line 16: a modification begins with"),
        (
            "dn: uid=a,ou=people,dc=x\nchangetype: modify\nadd: cn\nsn: x\n",
            "line 17: sn under a change of cn",
        ),
        ("dn: uid=a,ou=people,dc=x\nchangetype: modify\nincrement: n\nn: 1\n", "line 16: increment"),
        ("dn: uid=a,ou=people,dc=x\nchangetype: modrdn\nnewrdn: uid=b\n", "line 15: a renaming needs"),
        (
            "dn: uid=a,ou=people,dc=x\nchangetype: modrdn\nnewrdn: uid=b\ndeleteoldrdn: 2\n",
            "line 17: a renaming is",
        ),
        (
            "dn: uid=a,ou=people,dc=x\nchangetype: modrdn\nnewrdn: ou=people\ndeleteoldrdn: 0\nnewsuperior: dc=x\n",
            "which is there already",
        ),
        (
            "dn: uid=a,ou=people,dc=x\ncontrol: 1.2.3 true\nchangetype: delete\n",
            "line 15: the control 1.2.3 must",
        ),
        ("dn: uid=a,ou=people,dc=x\ncontrol: 1.2.3\nuid: a\n", "line 16: a control: belongs to a change"),
        ("dn: uid=a,ou=people,dc=x\nchangetype: rename\n", "line 15: changetype is add, delete"),
        (
            "dn: uid=a,ou=people,dc=x\nchangetype: modify\nadd: jpegPhoto\njpegPhoto:< file:///x\n",
            "which is not followed",
        ),
    ] {
        let message = left(&format!("{BASE}{text}")).unwrap_err().to_string();
        assert!(message.contains(part), "{text:?}: {message}");
    }
}

/// A step of the model: people by number, each with a title.
#[derive(Debug, Clone)]
enum Step {
    Add(u8, u8),
    Retitle(u8, u8),
    Rename(u8, u8),
    Delete(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6_u8, 0..4_u8).prop_map(|(n, title)| Step::Add(n, title)),
        (0..6_u8, 0..4_u8).prop_map(|(n, title)| Step::Retitle(n, title)),
        (0..6_u8, 0..6_u8).prop_map(|(n, other)| Step::Rename(n, other)),
        (0..6_u8).prop_map(Step::Delete),
    ]
}

proptest! {
    /// Whatever the changes, what they leave is what a plain map says.
    #[test]
    fn a_sequence_of_changes_leaves_what_a_map_says(steps in proptest::collection::vec(step(), 0..30)) {
        let mut model: std::collections::BTreeMap<u8, u8> = std::collections::BTreeMap::new();
        let mut text = String::from("dn: dc=x\ndc: x\n\n");
        for step in steps {
            match step {
                Step::Add(n, title) if !model.contains_key(&n) => {
                    model.insert(n, title);
                    text += &format!("dn: uid=p{n},dc=x\nchangetype: add\nuid: p{n}\ntitle: {title}\n\n");
                }
                Step::Retitle(n, title) if model.contains_key(&n) => {
                    model.insert(n, title);
                    text += &format!("dn: uid=p{n},dc=x\nchangetype: modify\nreplace: title\ntitle: {title}\n-\n\n");
                }
                Step::Rename(n, other) if model.contains_key(&n) && !model.contains_key(&other) => {
                    let title = model.remove(&n).unwrap();
                    model.insert(other, title);
                    text += &format!("dn: uid=p{n},dc=x\nchangetype: modrdn\nnewrdn: uid=p{other}\ndeleteoldrdn: 1\n\n");
                }
                Step::Delete(n) if model.remove(&n).is_some() => {
                    text += &format!("dn: uid=p{n},dc=x\nchangetype: delete\n\n");
                }
                _ => {}
            }
        }
        let records = left(&text).unwrap();
        let mut found: Vec<(String, String)> = records[1..]
            .iter()
            .map(|record| (record.text("uid").unwrap().to_owned(), record.text("title").unwrap().to_owned()))
            .collect();
        found.sort();
        let wanted: Vec<(String, String)> =
            model.iter().map(|(n, title)| (format!("p{n}"), title.to_string())).collect();
        prop_assert_eq!(found, wanted);
    }
}
