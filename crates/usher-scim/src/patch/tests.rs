use serde_json::json;

use super::*;
use crate::{
    Filter, ScimType,
    resource::schemas,
    schema::{self, CUSTOM_FIELDS_4ME, ENTERPRISE, USER},
};

mod properties;

fn users() -> ResourceType {
    ResourceType::user(schema::user(), vec![schema::enterprise_user_4me(), schema::custom_fields_4me()])
}
fn groups() -> ResourceType {
    ResourceType::group(schema::group_4me())
}
fn object(json: Value) -> Object {
    json.as_object().unwrap().clone()
}
fn ann() -> Object {
    object(json!({
        "userName": "ann", "active": true, "displayName": "Ann", "title": "Old",
        "name": {"givenName": "A", "familyName": "B", "formatted": "F"},
        "emails": [
            {"value": "w@x", "type": "work", "primary": true},
            {"value": "h@x", "type": "home"},
            {"value": "o@x", "type": "other"},
        ],
    }))
}
fn message(operations: Value) -> Object {
    object(json!({"schemas": [message::PATCH], "Operations": operations}))
}
fn patch(to: &Object, operations: Value, how: Tolerance) -> Result<Applied, ScimError> {
    Patch::parse(&message(operations), how, false)?.apply(&users(), to, how)
}
fn after(operations: Value) -> Value {
    Value::Object(patch(&ann(), operations, Tolerance::Tolerant).unwrap().object)
}
fn refused(operations: Value, how: Tolerance) -> ScimType {
    patch(&ann(), operations, how).unwrap_err().scim_type.unwrap()
}
fn members(operations: Value) -> Vec<MemberChange> {
    let group = object(json!({"displayName": "Sales"}));
    let applied = Patch::parse(&message(operations), Tolerance::Tolerant, false).unwrap();
    applied.apply(&groups(), &group, Tolerance::Tolerant).unwrap().members
}
fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|&i| i.to_owned()).collect()
}
fn email(value: &Value, kind: &str) -> Value {
    value["emails"].as_array().unwrap().iter().find(|e| e["type"] == kind).cloned().unwrap_or_default()
}

#[test]
fn p_02_p_04_messages() {
    let parse = |body: Value, how| Patch::parse(&object(body), how, false).map_err(|e| e.scim_type.unwrap());
    let syntax = Err(ScimType::InvalidSyntax);
    let add = json!({"op": "add", "path": "title", "value": "T"});
    assert_eq!(parse(json!({"Operations": [add]}), Tolerance::Tolerant), syntax);
    assert_eq!(parse(json!({"schemas": [message::PATCH]}), Tolerance::Tolerant), syntax);
    assert_eq!(parse(Value::Object(message(json!({}))), Tolerance::Tolerant), syntax);
    assert_eq!(parse(Value::Object(message(json!([]))), Tolerance::Strict), syntax);
    for op in [
        json!({"op": "move"}),
        json!({}),
        json!([]),
        json!({"op": "delete"}),
        json!({"op": 1}),
        json!({"op": "add", "OP": "add"}),
    ] {
        assert_eq!(parse(Value::Object(message(json!([op]))), Tolerance::Tolerant), syntax);
    }
    let lower = json!({"schemas": [message::PATCH], "operations": [{"op": "Add", "path": "", "value": {}}]});
    let read = parse(lower, Tolerance::Tolerant).unwrap();
    assert_eq!(read.notes.iter().map(|n| n.id()).collect::<Vec<_>>(), ["P-03", "P-04", "P-08"]);
}

#[test]
fn p_06_all_or_nothing_n_13() {
    let operations =
        json!([{"op": "add", "path": "nickName", "value": "N"}, {"op": "remove", "path": "userName"}]);
    assert_eq!(refused(operations, Tolerance::Tolerant), ScimType::Mutability);
}

#[test]
fn p_11_bad_paths() {
    for path in ["emails[0].value", "shoeSize", "emails.shoe", "name[givenName eq \"A\"]", "emails[type eq"] {
        assert_eq!(
            refused(json!([{"op": "add", "path": path, "value": "x"}]), Tolerance::Tolerant),
            ScimType::InvalidPath,
            "{path}"
        );
    }
    let unknown = json!([{"op": "add", "path": "emails[shoe eq \"x\"].value", "value": "x"}]);
    assert_eq!(refused(unknown, Tolerance::Tolerant), ScimType::InvalidFilter);
}

#[test]
fn p_10_p_09_extensions() {
    let set = json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "D"}]);
    let one = patch(&ann(), set, Tolerance::Strict).unwrap();
    assert_eq!(schemas(&users(), &one.object), [USER, ENTERPRISE]);
    let whole = json!([{"op": "replace", "path": ENTERPRISE, "value": {"costCenter": "7", "MANAGER": {"value": "m"}}}]);
    let two = patch(&one.object, whole, Tolerance::Strict).unwrap();
    assert_eq!(
        two.object[ENTERPRISE],
        json!({"department": "D", "costCenter": "7", "manager": {"value": "m"}})
    );
    let gone = patch(&two.object, json!([{"op": "remove", "path": ENTERPRISE}]), Tolerance::Strict).unwrap();
    assert_eq!(schemas(&users(), &gone.object), [USER]);
    let fields = json!([{"op": "add", "path": format!("{CUSTOM_FIELDS_4ME}:payroll_id"), "value": 7}]);
    let fields = patch(&ann(), fields, Tolerance::Strict).unwrap();
    assert_eq!(fields.object[CUSTOM_FIELDS_4ME], json!({"payroll_id": 7}));
}

#[test]
fn p_12_p_14_n_21_filters_hold_any_text() {
    let odd = r#"a]b"c.d\e"#;
    let mut with = ann();
    with.insert("emails".into(), json!([{"value": "1@x", "type": odd}, {"value": "2@x", "type": "b"}]));
    let named = r#"emails[type eq "a]b\"c.d\\e"]"#;
    let gone = patch(&with, json!([{"op": "remove", "path": named}]), Tolerance::Strict).unwrap();
    assert_eq!(gone.object["emails"], json!([{"value": "2@x", "type": "b"}]));
    let set = json!([{"op": "replace", "path": format!("{named}.value"), "value": "3@x"}]);
    let set = patch(&with, set, Tolerance::Strict).unwrap();
    assert_eq!(set.object["emails"][0], json!({"value": "3@x", "type": odd}));
    let several = json!([{"op": "remove", "path": "emails[type eq \"b\" and value ew \"@x\"]"}]);
    assert_eq!(
        patch(&with, several, Tolerance::Strict).unwrap().object["emails"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn p_21_p_28_what_is_read_only_or_required_stays() {
    for (path, value) in
        [("id", json!("x")), ("meta.created", json!("2026-01-01T00:00:00Z")), ("groups", json!([]))]
    {
        for op in ["add", "replace"] {
            let operations = json!([{"op": op, "path": path, "value": value}]);
            assert_eq!(refused(operations, Tolerance::Tolerant), ScimType::Mutability, "{op} {path}");
        }
    }
    let group = object(json!({"displayName": "Sales"}));
    let nameless = message(json!([{"op": "remove", "path": "displayName"}]));
    let nameless = Patch::parse(&nameless, Tolerance::Tolerant, false).unwrap();
    let error = nameless.apply(&groups(), &group, Tolerance::Tolerant).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::Mutability));
}

#[test]
fn x_19_a_text_has_its_limit() {
    let title = |length: usize| json!([{"op": "add", "path": "title", "value": "x".repeat(length)}]);
    assert!(patch(&ann(), title(64 * 1024), Tolerance::Tolerant).is_ok());
    assert_eq!(refused(title(64 * 1024 + 1), Tolerance::Tolerant), ScimType::InvalidValue);
}

#[test]
fn p_15_p_17_p_18_add() {
    assert_eq!(refused(json!([{"op": "add", "path": "title"}]), Tolerance::Tolerant), ScimType::InvalidValue);
    let value = after(json!([{"op": "add", "value": {"title": "T", "name": {"middleName": "M"}}}]));
    assert_eq!(value["title"], "T");
    assert_eq!(
        value["name"],
        json!({"givenName": "A", "familyName": "B", "formatted": "F", "middleName": "M"})
    );
}

#[test]
fn p_19_p_20_adding_values() {
    let value = after(json!([{"op": "add", "path": "emails", "value": {"value": "n@x", "type": "other"}}]));
    assert_eq!(value["emails"].as_array().unwrap().len(), 4);
    let same = json!([{"op": "add", "path": "emails", "value": [{"value": "H@x", "type": "HOME"}]}]);
    let same = patch(&ann(), same, Tolerance::Strict).unwrap();
    assert_eq!((same.changed, &same.object), (false, &ann()), "the same in another case changes nothing");
    let more = json!([{"op": "add", "path": "emails", "value": [{"value": "H@x", "display": "Home"}]}]);
    let more = patch(&ann(), more, Tolerance::Strict).unwrap();
    assert_eq!(more.object["emails"][1], json!({"value": "h@x", "type": "home", "display": "Home"}));
    let again = json!([{"op": "add", "path": "emails", "value": [{"value": "h@x", "type": "home"}]}]);
    assert!(!patch(&ann(), again, Tolerance::Strict).unwrap().changed);
}

#[test]
fn p_22_add_makes_the_element_n_17() {
    let home =
        object(json!({"userName": "a", "emails": [{"value": "h@x", "type": "home", "primary": true}]}));
    let operations = json!([
        {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "w@x"},
        {"op": "Add", "path": "emails[type eq \"work\"].primary", "value": true},
    ]);
    let done = patch(&home, operations, Tolerance::Strict).unwrap().object;
    assert_eq!(
        done["emails"],
        json!([
            {"value": "h@x", "type": "home", "primary": false}, {"value": "w@x", "type": "work", "primary": true}
        ])
    );
    let vague =
        json!([{"op": "add", "path": "emails[type ne \"a\" and value sw \"zzz\"].value", "value": "w@x"}]);
    assert_eq!(refused(vague, Tolerance::Tolerant), ScimType::NoTarget);
}

#[test]
fn p_23_null_adds_nothing() {
    for value in [json!(null), json!([])] {
        let same = json!([{"op": "add", "path": "emails", "value": value}, {"op": "add", "path": "title", "value": null}]);
        assert!(!patch(&ann(), same, Tolerance::Strict).unwrap().changed);
    }
    assert_eq!(
        refused(json!([{"op": "add", "path": "emails", "value": [null]}]), Tolerance::Tolerant),
        ScimType::InvalidValue
    );
    assert_eq!(
        refused(json!([{"op": "add", "path": "title", "value": 5}]), Tolerance::Tolerant),
        ScimType::InvalidValue
    );
    assert_eq!(
        refused(json!([{"op": "add", "path": "title", "value": "a\u{0}b"}]), Tolerance::Tolerant),
        ScimType::InvalidValue
    );
}

#[test]
fn p_24_to_p_29_remove() {
    assert_eq!(refused(json!([{"op": "remove"}]), Tolerance::Tolerant), ScimType::NoTarget);
    let value = after(
        json!([{"op": "remove", "path": "title"}, {"op": "remove", "path": "emails[type eq \"home\"]"}]),
    );
    assert_eq!((value.get("title"), email(&value, "home")), (None, Value::Null));
    assert_eq!(after(json!([{"op": "remove", "path": "emails"}])).get("emails"), None);
    assert_eq!(after(json!([{"op": "remove", "path": "emails[value pr]"}])).get("emails"), None);
    assert_eq!(
        email(&after(json!([{"op": "remove", "path": "emails[type eq \"work\"].value"}])), "work"),
        Value::Null
    );
    assert_eq!(
        after(json!([{"op": "remove", "path": "name.givenName"}]))["name"],
        json!({"familyName": "B", "formatted": "F"})
    );
    for path in ["userName", "id", "meta", "groups", "schemas"] {
        assert_eq!(
            refused(json!([{"op": "remove", "path": path}]), Tolerance::Tolerant),
            ScimType::Mutability,
            "{path}"
        );
    }
    for path in ["nickName", "emails[type eq \"x\"]", "emails[type eq \"x\"].value", "phoneNumbers"] {
        assert!(
            !patch(&ann(), json!([{"op": "remove", "path": path}]), Tolerance::Strict).unwrap().changed,
            "{path}"
        );
    }
}

#[test]
fn p_30_remove_with_a_value() {
    let by_value = json!([{"op": "Remove", "path": "emails", "value": [{"value": "h@x"}]}]);
    assert_eq!(refused(by_value.clone(), Tolerance::Strict), ScimType::InvalidValue);
    let value = after(by_value);
    assert_eq!(value["emails"].as_array().unwrap().len(), 2);
    assert_eq!(email(&value, "home"), Value::Null);
}

#[test]
fn p_33_p_34_replace_n_18() {
    let value = after(json!([{"op": "replace", "path": "emails", "value": [{"value": "n@x"}]}]));
    assert_eq!(value["emails"], json!([{"value": "n@x"}]));
    for empty in [json!([]), json!(null)] {
        assert_eq!(after(json!([{"op": "replace", "path": "emails", "value": empty}])).get("emails"), None);
    }
    for operation in [
        json!({"op": "replace", "path": "name", "value": {"familyName": "C"}}),
        json!({"op": "replace", "value": {"name": {"familyName": "C"}}}),
    ] {
        assert_eq!(
            after(json!([operation]))["name"],
            json!({"givenName": "A", "familyName": "C", "formatted": "F"})
        );
    }
    let cleared = after(json!([{"op": "replace", "value": {"name": {"givenName": null}}}]));
    assert_eq!(cleared["name"], json!({"familyName": "B", "formatted": "F"}));
}

#[test]
fn p_35_p_36_replace_at_a_filter() {
    let value = after(
        json!([{"op": "replace", "path": "emails[type eq \"home\"]", "value": {"value": "n@x", "type": "other"}}]),
    );
    assert_eq!(value["emails"][1], json!({"value": "n@x", "type": "other"}));
    let missing = json!([{"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "1"}]);
    assert_eq!(refused(missing.clone(), Tolerance::Strict), ScimType::NoTarget);
    let made = patch(&ann(), missing, Tolerance::Tolerant).unwrap();
    assert_eq!(made.object["phoneNumbers"], json!([{"type": "work", "value": "1"}]));
    assert_eq!(made.notes[0].id(), "C-03");
}

#[test]
fn p_37_unassigning_what_is_required() {
    assert_eq!(
        refused(json!([{"op": "replace", "path": "userName", "value": null}]), Tolerance::Tolerant),
        ScimType::InvalidValue
    );
    assert_eq!(
        refused(json!([{"op": "replace", "path": "userName", "value": ""}]), Tolerance::Tolerant),
        ScimType::InvalidValue
    );
    assert_eq!(
        refused(json!([{"op": "replace", "path": "title"}]), Tolerance::Tolerant),
        ScimType::InvalidValue
    );
}

#[test]
fn p_38_read_only_keys_are_passed_over() {
    let value = json!({"id": "1", "meta": {}, "schemas": [USER], "groups": [], "title": "T"});
    let done = after(json!([{"op": "replace", "value": value}]));
    assert_eq!((&done["title"], done.get("id"), done.get("groups")), (&json!("T"), None, None));
    assert_eq!(
        refused(json!([{"op": "replace", "path": "groups", "value": []}]), Tolerance::Tolerant),
        ScimType::Mutability
    );
}

#[test]
fn p_39_p_40_one_primary_n_20() {
    let primaries = |v: &Value| -> Vec<bool> {
        v["emails"].as_array().unwrap().iter().map(|e| e["primary"] == true).collect()
    };
    let home = json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true});
    assert_eq!(primaries(&after(json!([home]))), [false, true, false]);
    let off = json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": false});
    assert_eq!(primaries(&after(json!([home, off]))), [false, false, false]);
    let added = after(json!([{"op": "add", "path": "emails", "value": [{"value": "n@x", "primary": true}]}]));
    assert_eq!(primaries(&added), [false, false, false, true]);
    for two in [
        json!({"op": "replace", "path": "emails.primary", "value": true}),
        json!({"op": "add", "path": "emails", "value": [{"value": "1", "primary": true}, {"value": "2", "primary": true}]}),
        json!({"op": "replace", "path": "emails", "value": [{"value": "1", "primary": true}, {"value": "2", "primary": true}]}),
    ] {
        assert_eq!(refused(json!([two]), Tolerance::Tolerant), ScimType::InvalidValue);
    }
}

#[test]
fn p_41_schemas() {
    let mut with = ann();
    with.insert(ENTERPRISE.into(), json!({"department": "D"}));
    let gone = |operation: Value| {
        patch(&with, json!([operation]), Tolerance::Strict).map(|a| schemas(&users(), &a.object))
    };
    assert_eq!(
        gone(json!({"op": "remove", "path": format!("schemas[value eq \"{ENTERPRISE}\"]")})).unwrap(),
        [USER]
    );
    assert_eq!(gone(json!({"op": "replace", "path": "schemas", "value": [USER]})).unwrap(), [USER]);
    assert_eq!(
        gone(json!({"op": "add", "path": "schemas", "value": [ENTERPRISE]})).unwrap(),
        [USER, ENTERPRISE]
    );
    let base = gone(json!({"op": "remove", "path": format!("schemas[value eq \"{USER}\"]")})).unwrap_err();
    assert_eq!(base.scim_type, Some(ScimType::Mutability));
}

#[test]
fn p_42_twice_is_once() {
    let operations = json!([
        {"op": "replace", "value": {"title": "T", "emails": [{"value": "n@x", "type": "work"}]}},
        {"op": "add", "path": "phoneNumbers[type eq \"work\"].value", "value": "1"},
    ]);
    let once = patch(&ann(), operations.clone(), Tolerance::Tolerant).unwrap();
    assert!(once.changed);
    let twice = patch(&once.object, operations, Tolerance::Tolerant).unwrap();
    assert_eq!((twice.changed, twice.object), (false, once.object));
}

#[test]
fn c_01_booleans_as_text_n_23() {
    for (text, flag) in [("False", false), ("false", false), ("True", true), ("true", true)] {
        let operations = json!([{"op": "Replace", "path": "active", "value": text}]);
        let done = patch(&ann(), operations.clone(), Tolerance::Tolerant).unwrap();
        assert_eq!(done.object["active"], flag);
        assert!(done.notes.iter().any(|n| n.id() == "C-01" && n.text.contains("read as")));
        assert_eq!(refused(operations, Tolerance::Strict), ScimType::InvalidValue);
    }
    for bad in [json!("no"), json!("FALSE"), json!(0)] {
        assert_eq!(
            refused(json!([{"op": "Replace", "path": "active", "value": bad}]), Tolerance::Tolerant),
            ScimType::InvalidValue
        );
    }
}

#[test]
fn c_05_paths_as_keys_n_19() {
    let value = json!({
        "displayName": "B", "name.givenName": "K", format!("{ENTERPRISE}:department"): "D",
        "emails[type eq \"work\"].value": "n@x", ENTERPRISE: {"division": "V"},
    });
    let done =
        patch(&ann(), json!([{"op": "replace", "value": value.clone()}]), Tolerance::Tolerant).unwrap();
    assert_eq!(done.object["name"]["givenName"], "K");
    assert_eq!(done.object[ENTERPRISE], json!({"department": "D", "division": "V"}));
    assert_eq!(email(&Value::Object(done.object.clone()), "work")["value"], "n@x");
    assert!(done.object.keys().all(|k| !k.contains('.') || k == ENTERPRISE));
    assert!(done.notes.iter().any(|n| n.id() == "C-05"));
    assert_eq!(refused(json!([{"op": "replace", "value": value}]), Tolerance::Strict), ScimType::InvalidPath);
}

#[test]
fn c_06_managers_n_22() {
    let urn = format!("{ENTERPRISE}:manager");
    for (path, value) in [
        ("manager", json!([{"$ref": "https://h/Users/M", "value": "M"}])),
        ("manager", json!("M")),
        (urn.as_str(), json!("M")),
        (urn.as_str(), json!({"value": "M", "displayName": "ignored"})),
        (urn.as_str(), json!({"$ref": "https://h/v2/Users/M"})),
        (&format!("{urn}.value"), json!("M")),
    ] {
        for op in ["Add", "Replace"] {
            let done = after(json!([{"op": op, "path": path, "value": value}]));
            assert_eq!(done[ENTERPRISE], json!({"manager": {"value": "M"}}), "{path} {value}");
        }
    }
    let mut managed = ann();
    managed.insert(ENTERPRISE.into(), json!({"manager": {"value": "M"}}));
    for value in [json!(""), json!(null), json!({"value": ""}), json!({"value": null}), json!([])] {
        let none = json!([{"op": "replace", "path": urn, "value": value}]);
        let none = patch(&managed, none, Tolerance::Tolerant).unwrap().object;
        assert_eq!(schemas(&users(), &none), [USER], "{value}");
    }
    let name = json!([{"op": "replace", "path": format!("{urn}.displayName"), "value": "X"}]);
    assert_eq!(refused(name, Tolerance::Tolerant), ScimType::Mutability);
    assert_eq!(
        refused(json!([{"op": "add", "path": "manager", "value": {"value": "M"}}]), Tolerance::Strict),
        ScimType::InvalidPath
    );
}

#[test]
fn c_11_app_roles() {
    let single = after(json!([{"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "Admin"}]));
    assert_eq!(single["roles"], json!([{"primary": true, "value": "Admin"}]));
    let text = r#"{"id":"1","value":"Admin","displayName":"Administrators"}"#;
    let packed = after(json!([{"op": "Add", "path": "roles", "value": [{"value": text}]}]));
    assert_eq!(packed["roles"], json!([{"value": "Admin", "display": "Administrators"}]));
}

#[test]
fn c_18_okta_deactivates() {
    let done =
        patch(&ann(), json!([{"op": "replace", "value": {"active": false}}]), Tolerance::Strict).unwrap();
    let mut wanted = ann();
    wanted.insert("active".into(), json!(false));
    assert_eq!((done.object, done.changed), (wanted, true));
}

#[test]
fn c_20_ids_in_values() {
    let rename = |id: &str| message(json!([{"op": "replace", "value": {"id": id, "displayName": "New"}}]));
    let patch = Patch::parse(&rename("g"), Tolerance::Strict, false).unwrap();
    assert!(patch.check_id("g").is_ok() && !patch.touches_members());
    assert_eq!(patch.check_id("h").unwrap_err().scim_type, Some(ScimType::Mutability));
    let done = patch.apply(&groups(), &object(json!({"displayName": "Old"})), Tolerance::Strict).unwrap();
    assert_eq!((done.members, &done.object["displayName"]), (vec![], &json!("New")));
}

#[test]
fn x_11_passwords_are_dropped() {
    let done =
        patch(&ann(), json!([{"op": "replace", "value": {"password": "x7"}}]), Tolerance::Strict).unwrap();
    assert_eq!((done.changed, done.notes[0].id()), (false, "X-11"));
    assert!(!format!("{:?}", done.notes).contains("x7"));
}

#[test]
fn n_14_replace_without_members_keeps_them() {
    assert_eq!(members(json!([{"op": "replace", "value": {"externalId": "e"}}])), []);
    assert_eq!(members(json!([{"op": "replace", "path": "displayName", "value": "N"}])), []);
}

#[test]
fn n_15_c_04_members() {
    let add = json!({"op": "Add", "path": "members", "value": [{"$ref": null, "value": "u1"}, {"$ref": null, "value": "u2"}, {"value": "u1"}]});
    assert_eq!(members(json!([add])), [MemberChange::Add(ids(&["u1", "u2"]))]);
    let by_value = json!({"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "u2"}]});
    let by_filter = json!({"op": "remove", "path": "members[value eq \"u2\"]"});
    for one in [by_value, by_filter] {
        assert_eq!(members(json!([one])), [MemberChange::Remove(ids(&["u2"]))]);
    }
    assert_eq!(members(json!([{"op": "Remove", "path": "members", "value": []}])), []);
    assert_eq!(members(json!([{"op": "remove", "path": "members"}])), [MemberChange::Clear]);
    let groups = Filter::parse("type eq \"Group\"").unwrap();
    assert_eq!(
        members(json!([{"op": "remove", "path": "members[type eq \"Group\"]"}])),
        [MemberChange::RemoveWhere(groups)]
    );
    assert_eq!(
        members(json!([{"op": "remove", "path": "members[value eq \"a]b\\\"c.d\" or value eq \"2\"]"}])),
        [MemberChange::Remove(ids(&["a]b\"c.d", "2"]))]
    );
}

#[test]
fn c_14_c_21_more_forms_of_members() {
    assert_eq!(
        members(json!([{"op": "add", "path": "members", "value": "u1"}])),
        [MemberChange::Add(ids(&["u1"]))]
    );
    assert_eq!(
        members(json!([
            {"op": "remove", "path": "members[value eq \"a\"]"},
            {"op": "add", "path": "members", "value": [{"value": "b", "display": "b@x"}]},
        ])),
        [MemberChange::Remove(ids(&["a"])), MemberChange::Add(ids(&["b"]))]
    );
    assert_eq!(members(json!([{"op": "replace", "path": "members", "value": []}])), [MemberChange::Clear]);
    assert_eq!(
        members(json!([{"op": "replace", "value": {"members": [], "id": "g", "displayName": "S"}}])),
        [MemberChange::Clear]
    );
    assert_eq!(
        members(json!([{"op": "add", "value": {"members": [{"value": "a"}]}}])),
        [MemberChange::Add(ids(&["a"]))]
    );
    assert_eq!(
        members(json!([{"op": "replace", "path": "members", "value": [{"value": "a"}]}])),
        [MemberChange::Replace(ids(&["a"]))]
    );
}

#[test]
fn s_52_members_do_not_become_others() {
    let apply = |operation: Value, how| {
        let group = object(json!({"displayName": "Sales"}));
        Patch::parse(&message(json!([operation])), how, false)?.apply(&groups(), &group, how)
    };
    for operation in [
        json!({"op": "replace", "path": "members[value eq \"a\"].value", "value": "b"}),
        json!({"op": "replace", "path": "members[value eq \"a\"]", "value": {"value": "b"}}),
    ] {
        assert_eq!(apply(operation, Tolerance::Tolerant).unwrap_err().scim_type, Some(ScimType::Mutability));
    }
    let strict = json!({"op": "remove", "path": "members", "value": [{"value": "a"}]});
    assert_eq!(apply(strict, Tolerance::Strict).unwrap_err().scim_type, Some(ScimType::InvalidValue));
    for bad in [json!([{"display": "x"}]), json!([7]), json!([{"value": "a", "operation": "delete"}])] {
        assert!(apply(json!({"op": "add", "path": "members", "value": bad}), Tolerance::Tolerant).is_err());
    }
}

#[test]
fn the_own_body_of_4me() {
    let body = object(json!({
        "displayName": "New", "groupType": "Site",
        "members": [{"value": "a"}, {"value": "b", "operation": "delete"}, {"value": "c", "operation": "add"}],
    }));
    assert!(Patch::parse(&body, Tolerance::Tolerant, false).is_err());
    let patch = Patch::parse(&body, Tolerance::Strict, true).unwrap();
    let done = patch.apply(&groups(), &object(json!({"displayName": "Old"})), Tolerance::Strict).unwrap();
    assert_eq!(done.members, [MemberChange::Remove(ids(&["b"])), MemberChange::Add(ids(&["a", "c"]))]);
    assert_eq!(Value::Object(done.object), json!({"displayName": "New", "groupType": "Site"}));

    let body = object(json!({"title": "", "name": {"givenName": ""}, "emails": []}));
    let done = Patch::parse(&body, Tolerance::Strict, true)
        .unwrap()
        .apply(&users(), &ann(), Tolerance::Strict)
        .unwrap();
    assert_eq!((done.object.get("title"), done.object.get("emails")), (None, None));
    assert_eq!(done.object["name"], json!({"familyName": "B", "formatted": "F"}));
}
