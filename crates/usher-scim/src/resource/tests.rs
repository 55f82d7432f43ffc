use serde_json::json;

use super::*;
use crate::{
    ScimType, Tolerance,
    schema::{self, Attribute, CUSTOM_FIELDS_4ME, ENTERPRISE, Mutability, Returned, USER},
};

fn users() -> ResourceType {
    let mut secret = Attribute::new("hint", Type::String);
    secret.returned = Returned::Request;
    let mut badge = Attribute::new("badge", Type::String);
    badge.mutability = Mutability::Immutable;
    let mut hr = schema::directory_user(vec![secret, badge, Attribute::new("level", Type::Integer)]);
    hr.open = false;
    hr.id = "urn:example:hr:1.0:User".into();
    ResourceType::user(schema::user(), vec![schema::enterprise_user_4me(), schema::custom_fields_4me(), hr])
}
const HR: &str = "urn:example:hr:1.0:User";

fn object(json: Value) -> Object {
    json.as_object().unwrap().clone()
}
fn take(mut body: Value, how: Tolerance) -> Result<Accepted, ScimError> {
    if body.get("schemas").is_none() {
        body["schemas"] = json!([USER]);
    }
    accept(&users(), &object(body), how)
}
fn taken(body: Value) -> Value {
    Value::Object(take(body, Tolerance::Tolerant).unwrap().object)
}
fn refused(body: Value, how: Tolerance) -> ScimType {
    take(body, how).unwrap_err().scim_type.unwrap()
}
fn noted(body: Value) -> Vec<&'static str> {
    take(body, Tolerance::Tolerant).unwrap().notes.iter().map(|n| n.id()).collect()
}
fn path(text: &str) -> AttributePath {
    AttributePath::parse(text).unwrap()
}

#[test]
fn s_03_to_s_07_schemas() {
    let strict =
        |body: Value| accept(&users(), &object(body), Tolerance::Strict).map_err(|e| e.scim_type.unwrap());
    let tolerant = |body: Value| accept(&users(), &object(body), Tolerance::Tolerant);
    assert_eq!(strict(json!({"userName": "a"})), Err(ScimType::InvalidSyntax));
    assert_eq!(tolerant(json!({"userName": "a"})).unwrap().notes[0].id(), "S-03");
    for bad in [json!([schema::GROUP]), json!("x"), json!([1])] {
        let error = tolerant(json!({"schemas": bad})).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
    }
    let entra = json!({"schemas": [USER, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"]});
    assert_eq!(strict(entra.clone()), Err(ScimType::InvalidSyntax));
    assert_eq!(tolerant(entra).unwrap().notes[0].id(), "S-06");
    let onelogin =
        json!({"schemas": ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"]});
    assert_eq!(tolerant(onelogin).unwrap().notes[0].id(), "C-25");
    let unsaid = strict(json!({"schemas": [USER], ENTERPRISE: {"department": "D"}})).unwrap();
    assert_eq!(schemas(&users(), &unsaid.object), [USER, ENTERPRISE]);
    assert_eq!(taken(json!({USER: {"userName": "a"}})), json!({"userName": "a"}));
}

#[test]
fn s_08_s_33_s_37_unassigned() {
    let value = taken(json!({
        "userName": "a", "title": null, "emails": [], "name": {"givenName": null}, "phoneNumbers": [{}],
        ENTERPRISE: {"department": null, "manager": {}}, "addresses": null,
    }));
    assert_eq!(value, json!({"userName": "a"}));
    assert_eq!(refused(json!({"emails": [null]}), Tolerance::Tolerant), ScimType::InvalidValue);
}

#[test]
fn s_12_e_10_e_28_what_is_the_servers_is_passed_over() {
    let body = json!({"ID": "x", "meta": {"resourceType": "User"}, "userName": "a", "groups": [{"value": "g"}], "externalId": "e"});
    assert_eq!(
        take(body.clone(), Tolerance::Strict).unwrap().object,
        object(json!({"userName": "a", "externalId": "e"}))
    );
    assert!(noted(body).is_empty());
}

#[test]
fn s_17_spelling_becomes_the_schemas() {
    let body = json!({"USERNAME": "Ann", "Name": {"GIVENNAME": "A"}, "Emails": [{"VALUE": "x", "Type": "work"}], ENTERPRISE.to_lowercase(): {"DEPARTMENT": "D"}});
    let wanted = json!({"userName": "Ann", "name": {"givenName": "A"}, "emails": [{"value": "x", "type": "work"}], ENTERPRISE: {"department": "D"}});
    assert_eq!(taken(body), wanted);
}

#[test]
fn s_18_duplicate_keys() {
    for body in [
        json!({"title": "a", "TITLE": "b"}),
        json!({"name": {"givenName": "a", "givenname": "b"}}),
        json!({"emails": [{"type": "a", "Type": "b"}]}),
    ] {
        assert_eq!(refused(body, Tolerance::Tolerant), ScimType::InvalidSyntax);
    }
}

#[test]
fn s_22_to_s_28_types() {
    for body in [
        json!({"title": 5}),
        json!({"title": true}),
        json!({"title": {}}),
        json!({"title": ["a"]}),
        json!({"active": "yes"}),
        json!({"active": 1}),
        json!({"emails": "a@x"}),
        json!({"emails": {"value": "a"}}),
        json!({"name": "x"}),
        json!({"name": []}),
        json!({"x509Certificates": [{"value": "-----BEGIN"}]}),
        json!({HR: {"level": 1.0}}),
        json!({HR: {"level": 1e3}}),
        json!({HR: {"level": "1"}}),
        json!({ENTERPRISE: []}),
        json!({"title": "a\u{0}"}),
        json!({"emails": [{"value": ["a"]}]}),
    ] {
        if body == json!({"name": []}) {
            continue;
        }
        assert_eq!(refused(body.clone(), Tolerance::Tolerant), ScimType::InvalidValue, "{body}");
    }
    assert_eq!(refused(json!({"active": "True"}), Tolerance::Strict), ScimType::InvalidValue);
    assert_eq!(noted(json!({"active": "True"})), ["C-01"]);
    let kept = json!({"x509Certificates": [{"value": "MIIB"}, {"value": "AA"}], HR: {"level": i64::MAX}});
    assert_eq!(taken(kept.clone()), kept);
}

#[test]
fn s_47_s_48_forms_are_held_to_strictly_only() {
    // SEQUENCE { INTEGER 1 }, and the same twice.
    let (one, two) = (json!("MAMCAQE="), json!("MAMCAQEwAwIBAQ=="));
    for (body, fits) in [
        (json!({"addresses": [{"country": "NL"}]}), true),
        (json!({"addresses": [{"country": "USA"}]}), false),
        (json!({"x509Certificates": [{"value": one}]}), true),
        (json!({"x509Certificates": [{"value": two}]}), false),
    ] {
        assert_eq!(take(body.clone(), Tolerance::Strict).is_ok(), fits, "{body}");
        assert_eq!(taken(body.clone()), body);
    }
}

#[test]
fn x_19_many_values() {
    let many = |n: usize| -> Value { (0..n).map(|i| json!({"value": i.to_string()})).collect() };
    assert_eq!(refused(json!({"emails": many(1_001)}), Tolerance::Tolerant), ScimType::InvalidValue);
    assert_eq!(taken(json!({"emails": many(1_000)}))["emails"].as_array().unwrap().len(), 1_000);
    let body = object(json!({"schemas": [schema::GROUP], "displayName": "S", "members": many(5_000)}));
    assert!(accept(&ResourceType::group(schema::group()), &body, Tolerance::Strict).is_ok());
}

#[test]
fn s_29_s_30_primary_and_repeated() {
    let two = json!({"emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]});
    assert_eq!(refused(two, Tolerance::Tolerant), ScimType::InvalidValue);
    let repeated = json!({"emails": [{"value": "a", "type": "work"}, {"type": "work", "value": "a"}, {"value": "a", "type": "home"}]});
    assert_eq!(taken(repeated)["emails"].as_array().unwrap().len(), 2);
}

#[test]
fn e_15_unknown_attributes() {
    let body = json!({"userName": "a", "shoeSize": 9, "emails": [{"value": "x", "shoe": 1}], ENTERPRISE: {"shoe": 1}, "urn:x:y": {}});
    assert_eq!(noted(body.clone()), ["E-15"; 4]);
    assert_eq!(taken(body.clone()), json!({"userName": "a", "emails": [{"value": "x"}]}));
    assert_eq!(refused(body, Tolerance::Strict), ScimType::InvalidSyntax);
    assert_eq!(noted(json!({"userName": "a", "department": null, "manager": null})), ["C-07", "C-07"]);
}

#[test]
fn x_11_passwords_are_dropped_s_44() {
    let accepted = take(json!({"userName": "a", "password": "x7k2"}), Tolerance::Strict).unwrap();
    assert_eq!((accepted.object.len(), accepted.notes[0].id()), (1, "X-11"));
    assert!(!format!("{accepted:?}").contains("x7k2"));
}

#[test]
fn links_keep_their_value_only() {
    let body =
        json!({ENTERPRISE: {"manager": {"value": "M", "$ref": "https://h/Users/M", "displayName": "x"}}});
    assert_eq!(taken(body), json!({ENTERPRISE: {"manager": {"value": "M"}}}));
    let groups = ResourceType::group(schema::group());
    let body =
        |members: Value| object(json!({"schemas": [schema::GROUP], "displayName": "S", "members": members}));
    let accepted = accept(
        &groups,
        &body(json!([{"value": "u", "$ref": null}, {"$ref": "../Users/v"}, "w"])),
        Tolerance::Tolerant,
    )
    .unwrap();
    assert_eq!(accepted.object["members"], json!([{"value": "u"}, {"value": "v"}, {"value": "w"}]));
    for bad in
        [json!([{"display": "x"}]), json!([{"value": "u", "operation": "delete"}]), json!({"value": "u"})]
    {
        assert!(accept(&groups, &body(bad), Tolerance::Tolerant).is_err());
    }
}

#[test]
fn custom_fields_of_4me() {
    let flat = json!({CUSTOM_FIELDS_4ME: {"payroll_id": "7", "year": 1975}});
    assert_eq!(taken(flat.clone()), flat);
    let listed = json!({CUSTOM_FIELDS_4ME: {"custom_fields": [{"id": "payroll_id", "value": "7"}, {"id": "year", "value": 1975}]}});
    assert_eq!(taken(listed), flat);
    assert_eq!(noted(json!({CUSTOM_FIELDS_4ME: {"a b": 1}})), ["E-15"]);
}

#[test]
fn s_43_s_51_check() {
    let check_user = |body: Value| check(&users(), &object(body)).map_err(|e| e.scim_type.unwrap());
    let wrong = Err(ScimType::InvalidValue);
    assert_eq!(check_user(json!({"userName": "a"})), Ok(()));
    for bad in [json!({}), json!({"userName": ""}), json!({"userName": " a"}), json!({"userName": null})] {
        assert_eq!(check_user(bad), wrong);
    }
    let two =
        json!({"userName": "a", "roles": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]});
    assert_eq!(check_user(two), wrong);
    assert!(check(&ResourceType::group(schema::group()), &Object::new()).is_err());
    let mut required = users();
    required.extensions[0].1 = true;
    assert!(check(&required, &object(json!({"userName": "a"}))).is_err(), "S-09");
    assert!(check(&required, &object(json!({"userName": "a", ENTERPRISE: {"department": "D"}}))).is_ok());
}

#[test]
fn merging_put_of_4me() {
    let there = object(json!({
        "userName": "a", "title": "T", "nickName": "N", "name": {"givenName": "A", "familyName": "B"},
        "emails": [{"value": "x"}], "phoneNumbers": [{"value": "1"}],
        ENTERPRISE: {"department": "D", "site": "S", "manager": {"value": "M"}}, CUSTOM_FIELDS_4ME: {"a": 1, "b": 2},
    }));
    let with = take(
        json!({
            "title": "", "name": {"familyName": "C", "givenName": ""}, "emails": [], "phoneNumbers": [{"value": "2"}],
            ENTERPRISE: {"department": "E", "manager": null}, CUSTOM_FIELDS_4ME: {"b": null, "c": 3},
        }),
        Tolerance::Tolerant,
    )
    .unwrap();
    assert_eq!(
        Value::Object(merge(&users(), &there, with)),
        json!({
            "userName": "a", "nickName": "N", "name": {"familyName": "C"}, "phoneNumbers": [{"value": "2"}],
            ENTERPRISE: {"department": "E", "site": "S"}, CUSTOM_FIELDS_4ME: {"a": 1, "c": 3},
        })
    );
}

#[test]
fn e_23_immutable() {
    let before = object(json!({"userName": "a", HR: {"badge": "7"}}));
    let mut left_out = object(json!({"userName": "b"}));
    keep_immutable(&users(), &before, &mut left_out).unwrap();
    assert_eq!(left_out[HR], json!({"badge": "7"}));
    let mut other = object(json!({"userName": "b", HR: {"badge": "8"}}));
    assert_eq!(
        keep_immutable(&users(), &before, &mut other).unwrap_err().scim_type,
        Some(ScimType::Mutability)
    );
    let mut first = object(json!({"userName": "b", HR: {"badge": "8"}}));
    keep_immutable(&users(), &object(json!({"userName": "a"})), &mut first).unwrap();
}

fn complete() -> Object {
    object(json!({
        "schemas": [USER, ENTERPRISE], "id": "1", "externalId": "e", "userName": "a", "password": "p",
        "meta": {"resourceType": "User", "created": "2024-01-01T00:00:00Z"}, "name": {"givenName": "A", "familyName": "B"},
        "emails": [{"value": "x", "type": "work"}, {"type": "home"}],
        ENTERPRISE: {"department": "D", "manager": {"value": "M", "displayName": "Mo"}}, HR: {"hint": "h", "level": 1},
    }))
}
fn cut(attributes: Option<&str>, excluded: Option<&str>) -> Value {
    Value::Object(project(&users(), complete(), &Selection::parse(attributes, excluded).unwrap()))
}

#[test]
fn q_55_to_q_61_projection() {
    let all = cut(None, None);
    assert_eq!((all.get("password"), &all[HR]), (None, &json!({"level": 1})));
    assert_eq!(all[ENTERPRISE], complete()[ENTERPRISE]);
    let minimal = json!({"schemas": [USER, ENTERPRISE], "id": "1"});
    let plus = |more: Value| {
        let mut json = minimal.clone();
        json.as_object_mut().unwrap().extend(object(more));
        json
    };
    assert_eq!(cut(Some("password"), None), minimal);
    assert_eq!(
        cut(Some("USERNAME , name.givenName"), None),
        plus(json!({"userName": "a", "name": {"givenName": "A"}}))
    );
    assert_eq!(cut(Some("emails.value"), None), plus(json!({"emails": [{"value": "x"}]})));
    assert_eq!(
        cut(Some("emails[type eq \"a,b\"],shoeSize"), None),
        plus(json!({"emails": complete()["emails"]}))
    );
    assert_eq!(
        cut(Some(&format!("{ENTERPRISE}:manager.displayName")), None),
        plus(json!({ENTERPRISE: {"manager": {"displayName": "Mo"}}}))
    );
    assert_eq!(cut(Some(ENTERPRISE), None), plus(json!({ENTERPRISE: complete()[ENTERPRISE]})));
    assert_eq!(cut(Some(&format!("{HR}:hint")), None), plus(json!({HR: {"hint": "h"}})), "Q-57");
    assert_eq!(cut(Some("meta.created"), None), plus(json!({"meta": {"created": "2024-01-01T00:00:00Z"}})));
    let without = cut(None, Some(&format!("id,schemas,emails,name.givenName,{ENTERPRISE},name.nothing")));
    assert_eq!((&without["id"], without.get("emails"), without.get(ENTERPRISE)), (&json!("1"), None, None));
    assert_eq!(without["name"], json!({"familyName": "B"}));
    assert_eq!(cut(None, Some("name.givenName,name.familyName")).get("name"), None);
    assert_eq!(cut(Some(""), None), all, "Q-62");
}

#[test]
fn q_56_both_at_once() {
    assert_eq!(
        Selection::parse(Some("id"), Some("meta")).unwrap_err().scim_type,
        Some(ScimType::InvalidValue)
    );
}

#[test]
fn q_63_members_need_not_be_read() {
    let group = ResourceType::group(schema::group());
    let wants = |a, e| Projection::new(&group, &Selection::parse(a, e).unwrap()).wants("members");
    assert!(wants(None, None) && wants(Some("members.value"), None) && wants(None, Some("members.display")));
    assert!(!wants(None, Some("MEMBERS")) && !wants(Some("displayName"), None));
}

#[test]
fn reading_by_path() {
    let it = complete();
    let texts = |p: &str| -> Vec<String> {
        read(&users(), &it, &path(p)).into_iter().map(Value::to_string).collect()
    };
    assert_eq!(texts("USERNAME"), ["\"a\""]);
    assert_eq!(texts("emails.type"), ["\"work\"", "\"home\""]);
    assert_eq!(texts("emails[type eq \"WORK\"].value"), ["\"x\""]);
    assert_eq!(texts("emails").len(), 2);
    assert_eq!(texts("manager.value"), ["\"M\""]);
    assert_eq!(texts(&format!("{HR}:level")), ["1"]);
    assert_eq!(texts("meta.created").len(), 1);
    assert_eq!(texts("schemas").len(), 2);
    assert!(texts("nothing").is_empty() && texts("title").is_empty());
    assert_eq!(Place::new(&users(), &path("nothing")).unwrap_err().scim_type, Some(ScimType::InvalidPath));
}

#[test]
fn writing_by_path() {
    let mut it = Object::new();
    let mut put = |p: &str, value: Value| write(&users(), &mut it, &path(p), value).unwrap();
    assert!(put("userName", json!("a")) && !put("userName", json!("a")));
    assert!(put("name.givenName", json!("A")));
    assert!(
        put("emails[type eq \"work\"].value", json!("x"))
            && !put("emails[type eq \"work\"].value", json!("x"))
    );
    assert!(put("emails[type eq \"home\"].value", json!("y")));
    assert!(put("emails[type eq \"home\"].primary", json!("True")));
    assert!(put("roles[primary eq \"True\"].value", json!("Admin")));
    assert!(put("department", json!("D")) && put(&format!("{ENTERPRISE}:manager"), json!("M")));
    assert!(put("meta.created", json!("2024-01-01T00:00:00Z")) && put("id", json!("1")));
    assert!(put(&format!("{CUSTOM_FIELDS_4ME}:year"), json!(1975)));
    assert!(
        put("phoneNumbers", json!({"value": "1"})) && put("title", json!("T")) && put("title", json!(null))
    );
    assert!(put("groups", json!([{"value": "g", "$ref": "../Groups/g", "type": "direct"}])));
    assert_eq!(
        Value::Object(it.clone()),
        json!({
            "userName": "a", "name": {"givenName": "A"}, "id": "1", "meta": {"created": "2024-01-01T00:00:00Z"},
            "emails": [{"type": "work", "value": "x"}, {"type": "home", "value": "y", "primary": true}],
            "roles": [{"primary": true, "value": "Admin"}], "phoneNumbers": [{"value": "1"}],
            "groups": [{"value": "g", "$ref": "../Groups/g", "type": "direct"}],
            ENTERPRISE: {"department": "D", "manager": {"value": "M"}}, CUSTOM_FIELDS_4ME: {"year": 1975},
        })
    );
    let mut put = |p: &str, value: Value| write(&users(), &mut it, &path(p), value);
    assert!(
        put("department", Value::Null).unwrap()
            && put("manager", Value::Null).unwrap()
            && put("name.givenName", Value::Null).unwrap()
    );
    assert!(put("emails[type eq \"work\"].value", Value::Null).unwrap());
    assert_eq!(put("userName", json!(5)).unwrap_err().scim_type, Some(ScimType::InvalidValue));
    assert_eq!(put("shoeSize", json!(5)).unwrap_err().scim_type, Some(ScimType::InvalidPath));
    assert_eq!((it.get(ENTERPRISE), it.get("name"), it["emails"].as_array().unwrap().len()), (None, None, 1));
}

#[test]
fn s_33_s_38_equality() {
    let same = |p: &str, a: Value, b: Value| same(&users(), &path(p), &a, &b);
    assert!(same("userName", json!("ANN"), json!("ann")) && !same("externalId", json!("ANN"), json!("ann")));
    assert!(same("title", json!("École"), json!("e\u{301}cole")));
    assert!(same(
        "emails",
        json!([{"value": "A", "type": "work"}, {"value": "b"}]),
        json!([{"value": "b"}, {"value": "a", "type": "Work", "display": null}])
    ));
    assert!(!same(
        "emails",
        json!([{"value": "a"}, {"value": "a"}]),
        json!([{"value": "a"}, {"value": "b"}])
    ));
    assert!(same("emails", json!([]), json!(null)) && !same("title", json!(""), json!(null)));
    assert!(same("emails", json!({"value": "a"}), json!([{"value": "A"}])));
    assert!(same("meta.created", json!("2024-01-01T00:00:00Z"), json!("2024-01-01T01:00:00+01:00")));
    assert!(same(&format!("{HR}:level"), json!(5), json!(5.0)) && !same("active", json!(true), json!(false)));
    assert!(
        same("manager", json!({"value": "M"}), json!({"value": "M"}))
            && !same("manager.value", json!("M"), json!("m"))
    );
    assert!(same(ENTERPRISE, json!({"department": "d"}), json!({"department": "D", "manager": null})));
}

#[test]
fn e_28_p_42_unchanged() {
    let a = object(json!({"userName": "a", "emails": [{"value": "1"}, {"value": "2"}]}));
    let b = object(json!({"userName": "a", "emails": [{"value": "2"}, {"value": "1"}]}));
    assert!(unchanged(&a, &b));
    assert!(!unchanged(&a, &object(json!({"userName": "A", "emails": [{"value": "1"}, {"value": "2"}]}))));
    assert!(!unchanged(&a, &object(json!({"userName": "a"}))));
}
