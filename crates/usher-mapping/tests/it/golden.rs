//! Golden cases and look-up tables beside a mapping.

use serde_json::json;
use usher_mapping::mapping::{Failed, Moment};
use usher_mapping::{Context, Known, NoLookup, ObjectMapping, Value};

use crate::{now, object, user_type};

fn mapping(cases: &str) -> ObjectMapping {
    let text = format!(
        r#"
        [[mapping]]
        target = "userName"
        source = "Coalesce([mail], [userPrincipalName])"
        match = 1
        [[mapping]]
        target = "active"
        source = "Not([IsSoftDeleted])"
        [[mapping]]
        target = "title"
        source = "[jobTitle]"
        default = "Staff"
        [[mapping]]
        target = 'addresses[type eq "work"].region'
        source = 'Lookup("regions", [city], "elsewhere")'
        [[mapping]]
        target = "nickName"
        source = "Redact([surname])"
        [[mapping]]
        target = 'phoneNumbers[type eq "work"].value'
        source = "Now()"
        [[mapping]]
        target = "locale"
        constant = "de"
        when = "on_create"
        [[scoping]]
        title = "Sales"
        [[scoping.clause]]
        operator = "IsMemberOf"
        value = "Sales"
        [table.regions]
        Berlin = "BE"
        Munich = "BY"
        {cases}
        "#
    );
    ObjectMapping::from_toml(&text.parse().unwrap()).unwrap_or_else(|e| panic!("{e}"))
}

fn run(mapping: &ObjectMapping) -> Vec<Failed> {
    let user = user_type();
    let types = [&user];
    let source = Known { types: &types, named: &["IsSoftDeleted", "groups"], ..Known::default() };
    let named = [("IsSoftDeleted".to_owned(), Value::Boolean(false)), ("groups".to_owned(), Value::Null)];
    mapping.failed_cases(&source, &named, &user)
}

fn said(cases: &str) -> Vec<String> {
    run(&mapping(cases)).iter().map(ToString::to_string).collect()
}

const GOOD: &str = r#"
[[case]]
name = "by aliases"
object = { userPrincipalName = "ann@example.com", city = "Berlin", groups = [{ value = "1", display = "Sales" }] }
expect = { userName = "ann@example.com", active = true, title = "Staff", locale = "de", 'addresses[type eq "work"].region' = "BE" }
absent = ["nickName"]
in_scope = true
[[case]]
name = "as SCIM has it"
object = { userName = "x", emails = [{ type = "work", value = "bob@example.com" }], IsSoftDeleted = true, title = "Head" }
expect = { userName = "bob@example.com", active = false, title = "Head", 'addresses[type eq "work"].region' = "elsewhere" }
in_scope = false
[[case]]
name = "later"
now = 2026-03-01T00:00:00Z
object = { userPrincipalName = "ann@example.com" }
expect = { 'phoneNumbers[type eq "work"].value' = "3/1/2026 12:00:00 AM" }
[[case]]
name = "on any day"
object = { userPrincipalName = "ann@example.com" }
expect = { 'phoneNumbers[type eq "work"].value' = "1/1/2026 12:00:00 AM" }
[[case]]
name = "on update"
on = "update"
object = { userPrincipalName = "ann@example.com" }
absent = ["title", "locale"]
"#;

#[test]
fn cases_that_hold_say_nothing() {
    let mapping = mapping(GOOD);
    assert_eq!(run(&mapping), []);
    assert_eq!(ObjectMapping::from_toml(&mapping.to_toml()).unwrap(), mapping);
}

#[test]
fn a_failing_case_says_what_was_expected_and_what_came() {
    let wrong =
        |object: &str, rest: &str| said(&format!("[[case]]\nname = \"c\"\nobject = {{ {object} }}\n{rest}"));
    assert_eq!(
        wrong("userName = \"ann\", jobTitle = \"Head\"", "expect = { title = \"head\", active = true }"),
        ["case “c”: title is \"Head\", expected \"head\""]
    );
    assert_eq!(
        wrong("userName = \"ann\", jobTitle = \"Head\"", "absent = [\"title\"]"),
        ["case “c”: title is \"Head\", expected absent"]
    );
    assert_eq!(
        wrong("userName = \"ann\"", "in_scope = true"),
        ["case “c”: scope is out of scope, expected in scope"]
    );
    assert_eq!(
        wrong("userName = \"ann\"", "expect = { titel = \"x\" }"),
        ["case “c”: titel is no attribute of the app (did you mean title?), expected an attribute"]
    );
    let unknown = wrong("departement = \"x\"", "absent = [\"title\"]");
    assert!(unknown[0].contains("did you mean [department]?"), "{unknown:?}");
    let hidden = wrong("userName = \"ann\", surname = \"Secret\"", "expect = { nickName = \"Sesame\" }");
    assert_eq!(hidden, ["case “c”: nickName is [Redact], expected [Redact]"]);
    let refuse = |text: &str| ObjectMapping::from_toml(&text.parse().unwrap()).unwrap_err().to_string();
    assert_eq!(
        refuse("[[case]]\nname = \"c\"\nobject = { userName = \"a\" }"),
        "case “c”: expects nothing: give it expect, absent or in_scope"
    );
}

#[test]
fn a_table_answers_and_a_missing_one_is_refused_when_saved() {
    let user = user_type();
    let of = object(json!({"addresses": [{"type": "work", "locality": "Munich"}]}));
    let mut lookup = NoLookup;
    let mut cx = Context::new(&of, &mut lookup, now());
    let mapped = mapping("").apply(&mut cx, Moment::Create).unwrap();
    assert_eq!(mapped[3].value, Value::from("BY"));
    let types = [&user];
    let source = Known { types: &types, named: &["IsSoftDeleted", "groups"], ..Known::default() };
    mapping("").check(&source, &user).unwrap();
    let missing =
        "[[mapping]]\ntarget = \"title\"\nsource = 'Lookup(\"region\", [city])'\n[table.regions]\nx = 1";
    let missing = ObjectMapping::from_toml(&missing.parse().unwrap()).unwrap();
    let error = missing.check(&source, &user).unwrap_err().to_string();
    assert_eq!(
        error,
        "title: there is no table \"region\"\n  Lookup(\"region\", [city])\n         ^^^^^^^^\n  hint: did you mean \"regions\"?"
    );
}
