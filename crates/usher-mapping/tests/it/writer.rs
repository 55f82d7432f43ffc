//! Fast writing writes what slow writing writes.

use proptest::prelude::*;
use usher_mapping::mapping::{AttributeMapping, From, Mapped, Nulls, ObjectMapping, Tables, When, document};
use usher_mapping::{ScopingFilter, Value};
use usher_scim::AttributePath;

use crate::user_type;

/// Plain places, and places of every kind that are not.
const TARGETS: [&str; 24] = [
    "userName",
    "active",
    "title",
    "name.givenName",
    "name.familyName",
    "name",
    r#"emails[type eq "work"].value"#,
    r#"emails[type eq "WORK"].value"#,
    r#"emails[type eq "home"].value"#,
    r#"emails[type eq "work"].primary"#,
    r#"emails[type eq "work" and primary eq true].value"#,
    r#"emails[primary eq true].value"#,
    r#"emails[type eq "work"].type"#,
    "emails",
    "emails.value",
    r#"phoneNumbers[type eq "é"].value"#,
    r#"addresses[type eq "work"].locality"#,
    r#"roles[primary eq "True"].value"#,
    "roles",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    "urn:usher:directory:1.0:User:badge",
];

fn mapping() -> ObjectMapping {
    let row = |target: &&str| AttributeMapping {
        target: AttributePath::parse(target).unwrap(),
        from: From::None,
        default: None,
        matching: None,
        when: When::Always,
        nulls: Nulls::Skip,
    };
    ObjectMapping {
        enabled: true,
        create: true,
        update: true,
        delete: true,
        rows: TARGETS.iter().map(row).collect(),
        scoping: ScopingFilter::default(),
        attributes: Vec::new(),
        tables: Tables::default(),
        cases: Vec::new(),
    }
}

fn value() -> impl Strategy<Value = Value> {
    let json = |json| Value::from_json(&json);
    prop_oneof![
        4 => "[a-zé]{1,4}".prop_map(Value::from),
        1 => Just(Value::from("")),
        1 => Just(Value::from("a\0b")),
        1 => Just(Value::from("work")),
        1 => Just(Value::from("True")),
        1 => any::<bool>().prop_map(Value::Boolean),
        1 => Just(Value::Integer(7)),
        1 => Just(Value::Null),
        1 => Just(Value::list([Value::from("a"), Value::from("b")])),
        1 => Just(json(serde_json::json!({"value": "x", "type": "work"}))),
        1 => Just(json(serde_json::json!([{"value": "x", "type": "work"}, {"value": "y", "primary": true}]))),
        1 => Just(Value::from(r#"{"value":"r"}"#)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn a_writer_writes_what_the_schema_says(values in prop::collection::vec((0..TARGETS.len(), value()), 1..8)) {
        let (of, mapping) = (user_type(), mapping());
        let mapped: Vec<Mapped> = values
            .into_iter()
            .map(|(row, value)| Mapped {
                row,
                target: mapping.rows[row].target.clone(),
                value,
                clear: false,
                only_if_empty: false,
                add_only: false,
                redacted: false,
                trace: Vec::new(),
            })
            .collect();
        let (fast, slow) = (mapping.writer(&of).document(&of, &mapped), document(&of, &mapped));
        match (fast, slow) {
            (Ok(fast), Ok(slow)) => prop_assert_eq!(fast, slow),
            (fast, slow) => prop_assert_eq!(fast.map_err(|e| e.detail), slow.map_err(|e| e.detail)),
        }
    }
}
