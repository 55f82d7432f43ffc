use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    ScimType,
    schema::{self, Attribute, Type},
};

fn users() -> ResourceType {
    let level = Attribute::new("level", Type::Integer);
    let directory = schema::directory_user(vec![level, Attribute::new("badge", Type::String).multi()]);
    ResourceType::user(schema::user(), vec![schema::enterprise_user(), directory])
}

fn object(json: Value) -> Object {
    json.as_object().unwrap().clone()
}

fn ann() -> Object {
    object(json!({
        "schemas": [schema::USER, schema::ENTERPRISE],
        "id": "2819c223", "externalId": "Ann", "userName": "Ann@Ex.org", "active": false, "title": "",
        "name": {"givenName": "Ann", "familyName": "say \"hi\" \\ bye"},
        "emails": [{"value": "b@x.com", "type": "work", "primary": true}, {"value": "a@x.com", "type": "home"}],
        "meta": {"created": "2024-01-01T10:00:00.000Z", "lastModified": "2024-05-01T10:00:00.123Z"},
        schema::ENTERPRISE: {"employeeNumber": "7", "department": "Sales", "manager": {"value": "M1"}},
        schema::DIRECTORY_USER: {"level": 5, "badge": ["A", "b"], "extra": "Kept", "deep": {"Part": 1}, "score": 1.5},
    }))
}

fn matches(filter: &str) -> bool {
    let compiled = Filter::parse(filter).unwrap().compile(&users(), Unknown::Refused, Tolerance::Tolerant);
    compiled.unwrap_or_else(|e| panic!("{filter}: {e}")).matches(&ann())
}
fn holds(filters: &[&str]) {
    filters.iter().for_each(|f| assert!(matches(f), "{f}"));
}
fn fails(filters: &[&str]) {
    filters.iter().for_each(|f| assert!(!matches(f), "{f}"));
}
fn refused(filter: &str) -> String {
    let error = match Filter::parse(filter) {
        Err(error) => ScimError::from(error),
        Ok(filter) => {
            filter.compile(&users(), Unknown::Refused, Tolerance::Tolerant).map(|_| filter).unwrap_err()
        }
    };
    assert_eq!(error.scim_type, Some(ScimType::InvalidFilter), "{filter}");
    error.detail
}

#[test]
fn q_07_names_and_operators_ignore_case() {
    holds(&[
        "USERNAME Eq \"ann@ex.org\"",
        "title EQ \"\" AND NOT (nickName PR)",
        "userName sw \"a\" Or id pr",
    ]);
}

#[test]
fn q_08_precedence_n_01() {
    let text = "userName eq \"x\" or title pr and active eq true";
    assert_eq!(Filter::parse(text), Filter::parse("userName eq \"x\" or (title pr and active eq true)"));
    holds(&["id pr or id pr and active eq true", "id pr or (id pr and active eq true)"]);
    fails(&["(id pr or id pr) and active eq true"]);
}
#[test]
fn q_09_not_needs_parentheses_n_02() {
    holds(&[
        "not (title pr)",
        "not(title pr)",
        "not (emails co \"x.net\") and id pr",
        "id pr and not (emails co \"x.net\")",
    ]);
    assert!(refused("not title pr").contains("parentheses"));
}

#[test]
fn q_10_values_are_json_n_03() {
    holds(&[
        r#"name.familyName eq "say \"hi\" \\ bye""#,
        r#"userName eq "\u0061nn@ex.org""#,
        "id eq\"2819c223\"",
    ]);
    fails(&["name.familyName eq \"OR\"", "name.familyName eq \"a and b\""]);
}

#[test]
fn q_11_what_is_no_filter() {
    for text in [
        "",
        " ",
        "userName",
        "userName eq",
        "userName eq \"a\" and",
        "userName eq \"a\" and ",
        "(userName pr",
        "userName pr)",
        "userName eq 'a'",
        "userName eq \"a\" x",
        "emails[type pr",
        "emails[]",
        "and",
        "userName eq \"a",
        "userName eq \"\\x\"",
        "userName  ",
        "userName eq [1]",
        "userName eq {}",
        "userName pr userName pr",
        "()",
        "emails[type pr].",
        "a[b pr]c eq 1",
        "userName eq True",
        "urn:x:2.0 pr",
        "userName eq 1e999",
    ] {
        refused(text);
    }
}

#[test]
fn q_12_unknown_operators_are_named() {
    assert!(refused("userName regex \"a\"").contains("regex"));
    let error = Filter::parse("userName in \"a\"").unwrap_err();
    assert_eq!(error.span, 9..11);
    assert!(error.to_string().ends_with("at position 10"));
}

#[test]
fn q_13_unquoted_values() {
    assert!(Filter::parse("userName eq Ann@ex.org").is_err());
    let (filter, notes) = Filter::read(
        "(userName eq Ann@ex.org) and meta.created gt 2015-10-10T00:00:00Z",
        Tolerance::Tolerant,
    )
    .unwrap();
    assert!(filter.matches(&users(), &ann()).unwrap());
    assert_eq!(notes.iter().map(|n| n.id()).collect::<Vec<_>>(), ["Q-13", "Q-13"]);
    assert!(Filter::read("userName eq 'ann'", Tolerance::Tolerant).is_err());
}

#[test]
fn q_14_urns_n_04() {
    holds(&[
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq \"7\"",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:USER:manager.value eq \"M1\"",
        "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"ann@ex.org\"",
        "urn:usher:directory:1.0:User:LEVEL gt 4 and urn:usher:directory:1.0:User:extra eq \"kept\"",
        "urn:usher:directory:1.0:User:deep.part eq 1 and urn:usher:directory:1.0:User:badge eq \"a\"",
        "urn:usher:directory:1.0:User:score lt 2 and urn:usher:directory:1.0:User:score gt 1",
        "schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"",
    ]);
    fails(&["urn:usher:directory:1.0:User:nothing pr"]);
}

#[test]
fn q_15_bare_extension_attributes_c_10() {
    holds(&["department eq \"sales\"", "id eq \"2819c223\" and manager eq \"M1\""]);
    fails(&["manager eq \"m1\""]);
    let strict =
        Filter::parse("department pr").unwrap().compile(&users(), Unknown::Refused, Tolerance::Strict);
    assert!(strict.unwrap_err().detail.contains(schema::ENTERPRISE));
}

#[test]
fn q_16_value_paths_do_not_nest() {
    refused("emails[addresses[type eq \"a\"]]");
    holds(&["emails[type eq \"work\" and (value sw \"x\" or not (value sw \"a\"))]"]);
}

#[test]
fn q_17_entras_value_paths_n_05() {
    holds(&[
        "emails[type eq \"work\"].value eq \"b@x.com\"",
        "emails.type eq \"work\" and emails.value eq \"a@x.com\"",
    ]);
    fails(&[
        "emails[type eq \"work\"].value eq \"a@x.com\"",
        "emails[type eq \"work\" and value eq \"a@x.com\"]",
    ]);
    holds(&["emails[primary eq true].type eq \"work\"", "emails[primary eq \"True\"].type pr"]);
}

#[test]
fn q_18_limits() {
    let terms = |n| vec!["id pr"; n].join(" and ");
    assert!(Filter::parse(&terms(200)).is_ok());
    assert!(Filter::parse(&terms(201)).is_err());
    let nested = |n| format!("{}id pr{}", "(".repeat(n), ")".repeat(n));
    assert!(Filter::parse(&nested(64)).is_ok());
    assert!(Filter::parse(&nested(65)).is_err());
    assert!(Filter::parse(&nested(9_000)).is_err());
    assert!(Filter::parse(&format!("id eq \"{}\"", "x".repeat(10_000))).is_err());
}

#[test]
fn q_20_case() {
    holds(&[
        "externalId eq \"Ann\"",
        "userName co \"@EX\"",
        "emails.type eq \"WORK\"",
        "userName eq \"ａnn@ex.org\"",
    ]);
    fails(&["externalId eq \"ann\"", "id eq \"2819C223\""]);
}

#[test]
fn q_21_dates_by_instant_n_08() {
    holds(&[
        "meta.lastModified ge \"2024-05-01T10:00:00.123Z\"",
        "meta.lastModified eq \"2024-05-01T12:00:00.123+02:00\"",
        "meta.created lt \"2024-01-01T10:00:00.001Z\"",
    ]);
    fails(&["meta.lastModified gt \"2024-05-01T10:00:00.123Z\""]);
}

#[test]
fn q_22_substrings_n_10() {
    holds(&[
        "userName sw \"ann\"",
        "userName ew \"ORG\"",
        "userName co \"\"",
        "emails co \"x.com\"",
        "title co \"\"",
    ]);
    fails(&["userName sw \"%\"", "userName co \"_\"", "nickName co \"\"", "userName eq \"' or 1=1 --\""]);
    for text in ["active co \"t\"", "meta.created sw \"2024\"", "urn:usher:directory:1.0:User:level co 1"] {
        refused(text);
    }
}

#[test]
fn q_23_order() {
    holds(&["userName gt \"aaa\"", "userName lt \"B\"", "urn:usher:directory:1.0:User:level ge 5.0"]);
    refused("active gt true");
    refused("x509Certificates.value gt \"AA\"");
}

#[test]
fn q_24_presence_n_07() {
    holds(&["active pr", "name pr", "emails pr", "emails.type pr", "emails[type eq \"home\"] and id pr"]);
    fails(&["title pr", "phoneNumbers pr", "photos[type pr]"]);
    let mut bare = ann();
    bare.insert("name".into(), json!({}));
    bare.insert("emails".into(), json!([]));
    let is = |f: &str| Filter::parse(f).unwrap().matches(&users(), &bare).unwrap();
    assert!(
        !is("name pr")
            && !is("emails pr")
            && !is("emails[type ne \"work\"]")
            && is("not (emails[type eq \"work\"])")
    );
}

#[test]
fn q_26_q_27_ne() {
    holds(&["emails.type ne \"work\"", "nickName ne \"x\"", "active ne true", "active ne \"true\""]);
    fails(&[
        "not (emails.type eq \"work\")",
        "emails[type eq \"work\"].type ne \"work\"",
        "userName ne \"ANN@ex.org\"",
        "nickName lt \"x\"",
    ]);
}

#[test]
fn q_28_null() {
    holds(&["nickName eq null", "userName ne null", "title eq null"]);
    fails(&["userName eq null"]);
    refused("userName gt null");
}

#[test]
fn q_29_complex_attributes() {
    holds(&["emails eq \"a@x.com\""]);
    refused("name eq \"x\"");
    refused("addresses co \"x\"");
    refused("name[givenName eq \"Ann\"]");
}

#[test]
fn q_30_literals_fit_their_type() {
    holds(&["active eq \"False\"", "active eq false"]);
    for text in ["active eq \"yes\"", "meta.created gt \"soon\"", "userName eq 5", "active eq 0"] {
        refused(text);
    }
    let strict =
        Filter::parse("active eq \"False\"").unwrap().compile(&users(), Unknown::Refused, Tolerance::Strict);
    assert!(strict.is_err());
}

#[test]
fn q_32_unknown_attributes_q_05() {
    assert!(refused("shoeSize eq 1").contains("shoeSize"));
    refused("emails[shoeSize pr]");
    let is = |f: &str| Filter::parse(f).unwrap().matches(&users(), &ann()).unwrap();
    assert!(
        !is("shoeSize eq 1") && !is("shoeSize pr") && is("not (shoeSize eq 1)") && !is("shoes[size eq 1]")
    );
}

#[test]
fn q_33_passwords_are_no_oracle() {
    refused("password eq \"x\"");
    refused("password pr");
}

#[test]
fn paths_are_all_told() {
    let filter =
        Filter::parse("emails[type eq \"work\"].value pr and not (id eq \"1\") or groups[value pr]").unwrap();
    let names: Vec<&str> = filter.paths().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["emails", "type", "id", "groups", "value"]);
}

proptest! {
    /// What parses can be asked of anything.
    #[test]
    fn no_filter_panics(alike in "(userName|emails|\\[|\\]|\\(|\\)| |not|and|or|eq|pr|\"|\\\\|a|\\.|urn:|1|true){0,25}") {
        for how in [Tolerance::Strict, Tolerance::Tolerant] {
            if let Ok((filter, _)) = Filter::read(&alike, how) {
                let _ = filter.matches(&users(), &ann());
            }
        }
    }
}
