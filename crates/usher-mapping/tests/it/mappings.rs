//! Mappings and scoping filters from TOML to documents and decisions.

use serde_json::json;
use usher_mapping::mapping::{MappingError, Moment, document};
use usher_mapping::{Context, Known, NoLookup, ObjectMapping, Value};

use crate::{now, object, sample, user_type};

const USERS: &str = r#"
actions = ["create", "update"]
[[mapping]]
target = "userName"
source = "[userPrincipalName]"
match = 1
[[mapping]]
target = "externalId"
source = "[objectId]"
match = 2
[[mapping]]
target = "active"
source = "Not([IsSoftDeleted])"
[[mapping]]
target = "name.formatted"
source = 'Join(" ", [givenName], [surname])'
[[mapping]]
target = 'emails[type eq "work"].value'
source = "[mail]"
[[mapping]]
target = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"
source = "[department]"
nulls = "clear"
[[mapping]]
target = "nickName"
source = "[nickName]"
default = "none"
[[mapping]]
target = "userType"
constant = "Employee"
when = "on_create"
[[mapping]]
target = "locale"
default = "en-US"
[[mapping]]
target = "title"
source = "IgnoreFlowIfNullOrEmpty([jobTitle])"
nulls = "clear"
[[mapping]]
target = "password"
source = "Redact(RandomString(12, 2, 2, 2, 2))"
when = "on_create"
[[scoping]]
title = "Sales in Germany"
[[scoping.clause]]
attribute = "department"
operator = "EQUALS"
value = "Sales"
[[scoping.clause]]
title = "has a number"
attribute = "employeeId"
operator = "IS NOT NULL"
[[scoping]]
title = "no country"
[[scoping.clause]]
attribute = "country"
operator = "IS NULL"
"#;

fn mapping(text: &str) -> ObjectMapping {
    ObjectMapping::from_toml(&text.parse().unwrap()).unwrap_or_else(|e| panic!("{e}"))
}

fn named() -> Vec<(String, Value)> {
    vec![("IsSoftDeleted".to_owned(), Value::Boolean(false))]
}

fn known<'a>(types: &'a [&'a usher_scim::ResourceType]) -> Known<'a> {
    Known { types, named: &["IsSoftDeleted"], ..Known::default() }
}

#[test]
fn toml_both_ways() {
    let read = mapping(USERS);
    assert!(read.enabled && read.create && read.update && !read.delete);
    let written = read.to_toml();
    assert_eq!(ObjectMapping::from_toml(&written).unwrap(), read);
    assert_eq!(ObjectMapping::from_toml(&toml::to_string(&written).unwrap().parse().unwrap()).unwrap(), read);
    let names: Vec<String> = read.matchers().iter().map(|row| row.target.to_string()).collect();
    assert_eq!(names, ["userName", "externalId"]);
    let user = user_type();
    read.check(&known(&[&user]), &user).unwrap();
}

#[test]
fn apply_and_write() {
    let (object, mut lookup, named) = (sample(), NoLookup, named());
    let mut cx = Context { named: &named, ..Context::new(&object, &mut lookup, now()) };
    let mapped = mapping(USERS).apply(&mut cx, Moment::Create).unwrap();
    assert_eq!(mapped.len(), 11);
    let password = mapped.last().unwrap();
    assert!(password.redacted);
    let mut made = document(&user_type(), &mapped).unwrap();
    assert_eq!(made.remove("password").unwrap().as_str().unwrap().len(), 12);
    assert_eq!(
        serde_json::Value::Object(made),
        json!({
            "userName": "jdoe@contoso.com",
            "externalId": "00aa00aa-bb11-cc22-dd33-44ee44ee44ee",
            "active": true,
            "name": {"formatted": "John Doe"},
            "emails": [{"type": "work", "value": "John.Doe@contoso.com"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"},
            "nickName": "none",
            "userType": "Employee",
            "locale": "en-US",
            "title": "Developer"
        })
    );
}

#[test]
fn update_skips_and_clears() {
    let (object, mut lookup, named) = (object(json!({"userName": "x"})), NoLookup, named());
    let mut cx = Context { named: &named, ..Context::new(&object, &mut lookup, now()) };
    let mapped = mapping(USERS).apply(&mut cx, Moment::Update).unwrap();
    let row = |target: &str| mapped.iter().find(|m| m.target.to_string().ends_with(target));
    assert!(row("userType").is_none() && row("password").is_none(), "only on create");
    let department = row("department").unwrap();
    assert!(department.clear && department.value.is_null());
    let title = row("title").unwrap();
    assert!(!title.clear && title.value.is_null(), "the flow is ignored even where nulls clear");
    assert!(!row("externalId").unwrap().clear);
    assert!(row("nickName").unwrap().value.is_null(), "a default is for a create");
    let locale = row("locale").unwrap();
    assert!(locale.only_if_empty && locale.value == Value::from("en-US"));
}

#[test]
fn values_take_the_targets_type() {
    let (object, mut lookup) = (crate::entry(), NoLookup);
    let mut cx = Context { ignore_case: true, ..Context::new(&object, &mut lookup, now()) };
    let rows = mapping(
        r#"
        [[mapping]]
        target = "userName"
        source = "[mail]"
        [[mapping]]
        target = "active"
        constant = "True"
        [[mapping]]
        target = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"
        constant = 4711
        [[mapping]]
        target = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
        constant = "m1"
        [[mapping]]
        target = "urn:usher:directory:1.0:User:departmentNumber"
        source = "[departmentNumber]"
        "#,
    );
    let made = document(&user_type(), &rows.apply(&mut cx, Moment::Create).unwrap()).unwrap();
    assert_eq!(made["userName"], "ann.lee@example.org", "the first of several");
    assert_eq!(made["active"], true);
    let enterprise = &made["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"];
    assert_eq!(enterprise["employeeNumber"], "4711");
    assert_eq!(enterprise["manager"]["value"], "m1");
    assert_eq!(made["urn:usher:directory:1.0:User"]["departmentNumber"], "42");
    let wrong = mapping("[[mapping]]\ntarget = \"active\"\nconstant = \"maybe\"");
    let error = document(&user_type(), &wrong.apply(&mut cx, Moment::Create).unwrap()).unwrap_err();
    assert_eq!(error.detail, "active takes a boolean value, which this is not");
}

#[test]
fn each_row_shows_its_trace_and_hides_what_is_redacted() {
    let (object, mut lookup, mut trace) = (sample(), NoLookup, Vec::new());
    let rows = mapping(
        r#"
        [[mapping]]
        target = "title"
        source = 'ToUpper(Coalesce([absent], [jobTitle], [displayName]))'
        [[mapping]]
        target = "nickName"
        source = 'Append(Redact(ToLower([givenName])), "!")'
        "#,
    );
    let mut cx = Context { trace: Some(&mut trace), ..Context::new(&object, &mut lookup, now()) };
    let mapped = rows.apply(&mut cx, Moment::Create).unwrap();
    let [upper] = mapped[0].trace.as_slice() else { panic!("one root") };
    assert_eq!(upper.value, Value::from("DEVELOPER"));
    let [coalesce] = upper.parts.as_slice() else { panic!("one argument") };
    assert_eq!(coalesce.text, "Coalesce([absent], [jobTitle], [displayName])");
    let parts: Vec<_> =
        coalesce.parts.iter().map(|part| (part.text.as_str(), part.value.to_string())).collect();
    assert_eq!(parts, [("[absent]", "null".to_owned()), ("[jobTitle]", "\"Developer\"".to_owned())]);
    assert_eq!(mapped[1].value, Value::from("john!"));
    assert!(!format!("{:?}", mapped[1].trace).to_lowercase().contains("\"john"), "{:?}", mapped[1].trace);
    assert!(trace.is_empty());

    let hidden =
        mapping("[[mapping]]\ntarget = \"title\"\nsource = 'Error(\"no badge: \" & Redact([givenName]))'");
    let mut cx = Context { trace: Some(&mut trace), ..Context::new(&object, &mut lookup, now()) };
    let (_, error) = hidden.apply(&mut cx, Moment::Create).unwrap_err();
    assert_eq!(error.message, "[Redact]");
    assert!(!format!("{trace:?}").contains("John"), "{trace:?}");
}

#[test]
fn what_is_wrong_is_said() {
    let wrong = |text: &str| ObjectMapping::from_toml(&text.parse().unwrap()).unwrap_err().to_string();
    assert_eq!(
        wrong("[[mapping]]\ntarget = \"title\"\nsource = \"Coalese([a])\""),
        "title: there is no function Coalese\n  Coalese([a])\n  ^^^^^^^\n  hint: did you mean Coalesce?"
    );
    assert!(wrong("[[mapping]]\ntarget = \"title\"\nsorce = \"[a]\"").contains("sorce"));
    assert_eq!(wrong("[[mapping]]\ntarget = \"title\""), "title: needs a source, a constant or a default");
    assert_eq!(
        wrong("[[scoping]]\ntitle = \"s\"\nclause = [{attribute = \"a\", operator = \"EQUALS\"}]"),
        "scoping filter “s”: EQUALS needs a value"
    );
    assert!(
        wrong("[[scoping]]\ntitle = \"s\"\nclause = [{attribute = \"a\", operator = \"LIKE\"}]")
            .contains("LIKE")
    );

    let user = user_type();
    let check = |text: &str| mapping(text).check(&known(&[&user]), &user).unwrap_err();
    let unknown = check("[[mapping]]\ntarget = \"titel\"\nconstant = 1");
    assert_eq!(unknown, MappingError::UnknownTarget { target: "titel".into(), hint: Some("title".into()) });
    assert_eq!(
        check("[[mapping]]\ntarget = \"id\"\nconstant = 1").to_string(),
        "id is read-only, the app sets it itself"
    );
    let twice =
        "[[mapping]]\ntarget = \"title\"\nconstant = 1\n[[mapping]]\ntarget = \"TITLE\"\nconstant = 2";
    assert_eq!(check(twice).to_string(), "TITLE is mapped twice");
    assert!(
        check("[[mapping]]\ntarget = \"title\"\nsource = \"[mial]\"")
            .to_string()
            .contains("did you mean [mail]?")
    );
    let scoped =
        "[[scoping]]\ntitle = \"s\"\nclause = [{attribute = \"departement\", operator = \"IS NULL\"}]";
    assert!(check(scoped).to_string().contains("did you mean [department]?"));
}

#[test]
fn scoping_decides_and_says_why() {
    let filter = mapping(USERS).scoping;
    let mut lookup = NoLookup;
    let user = sample();
    let decision = filter.judge(&Context::new(&user, &mut lookup, now()));
    assert!(decision.holds);
    let said: Vec<_> =
        decision.clauses.iter().map(|c| (c.title.as_str(), c.seen.as_deref(), c.holds)).collect();
    assert_eq!(
        said,
        [
            ("department EQUALS Sales", Some("Sales"), true),
            ("has a number", Some("4711"), true),
            ("country IS NULL", Some("Germany"), false)
        ]
    );
    let mut judge = |json: serde_json::Value| {
        let of = object(json);
        let cx = Context::new(&of, &mut lookup, now());
        assert_eq!(filter.holds(&cx), Ok(filter.judge(&cx).holds));
        filter.holds(&cx).unwrap()
    };
    assert!(judge(json!({})), "no country");
    let country = json!([{"type": "work", "country": "Germany"}]);
    assert!(!judge(json!({"addresses": country})), "a null is not equal to anything");
    assert!(!judge(json!({"addresses": country, "department": "sales", "employeeId": "1"})), "case counts");
    assert!(!judge(json!({"addresses": country, "department": "Sales", "employeeId": ""})), "empty is null");
    assert!(
        judge(json!({"addresses": country, "department": ["Board", "Sales"], "employeeId": "1"})),
        "one of several"
    );
}
