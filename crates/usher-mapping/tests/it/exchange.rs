//! Entra's synchronization schema: what an import takes, changes and leaves, and what an export writes.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use usher_mapping::exchange::{self, ExchangeError, Format, Import, Note, Report, ScopeTaken, Side};
use usher_mapping::{Known, ObjectMapping};
use usher_scim::{ResourceType, schema};

use crate::user_type;

const SCHEMA: &str = include_str!("exchange/schema.json");
const USERS: &str = include_str!("exchange/users.toml");
const EXPORTED: &str = include_str!("exchange/exported.json");

const NAMED: &[&str] = &["objectId", "IsSoftDeleted", "appRoleAssignments", "groups"];

/// A directory's types and an app's.
struct Types {
    user: ResourceType,
    group: ResourceType,
    app_user: ResourceType,
}

impl Types {
    fn new() -> Self {
        Self {
            user: user_type(),
            group: ResourceType::group(schema::group()),
            app_user: ResourceType::user(schema::user(), vec![schema::enterprise_user()]),
        }
    }

    fn import(&self, text: &str) -> Result<Import, ExchangeError> {
        self.sides(|users, groups| exchange::import(text, users, groups))
    }

    fn export(&self, users: &ObjectMapping, groups: &ObjectMapping) -> (Json, Report) {
        self.sides(|us, gs| exchange::export(users, groups, us, gs))
    }

    fn sides<T>(&self, run: impl FnOnce(&Side<'_>, &Side<'_>) -> T) -> T {
        let (user, group) = ([&self.user], [&self.group]);
        let known = |types| Known { types, named: NAMED, ..Known::default() };
        run(
            &Side { source: known(&user), target: &self.app_user },
            &Side { source: known(&group), target: &self.group },
        )
    }
}

fn mapping(text: &str) -> ObjectMapping {
    ObjectMapping::from_toml(&text.parse().unwrap()).unwrap_or_else(|e| panic!("{e}"))
}

fn groups() -> ObjectMapping {
    mapping("[[mapping]]\ntarget = \"displayName\"\nsource = \"[displayName]\"\nmatch = 1")
}

#[track_caller]
fn why<'n>(notes: &'n [Note], what: &str) -> &'n str {
    let note = notes.iter().find(|note| note.what == what).unwrap_or_else(|| panic!("{what} in {notes:#?}"));
    note.why.as_deref().unwrap_or_default()
}

#[test]
fn a_whole_schema_is_imported_with_a_report() {
    let Import { users, groups, report } = Types::new().import(SCHEMA).unwrap();
    let users = users.unwrap();
    assert_eq!(
        toml::to_string(&users.mapping.to_toml()).unwrap(),
        toml::to_string(&mapping(USERS).to_toml()).unwrap()
    );
    assert_eq!(users.scope, ScopeTaken::Whole);
    let groups = groups.unwrap().mapping;
    assert!(!groups.enabled && groups.delete && groups.rows.len() == 3);

    let taken: Vec<_> = report.taken.iter().map(|note| (note.at.as_str(), note.what.as_str())).collect();
    assert!(
        taken.contains(&("$.synchronizationRules[0].objectMappings[0].attributeMappings[0]", "userName"))
    );
    assert!(taken.contains(&(
        "$.synchronizationRules[0].objectMappings[0].scope.groups[0].clauses[1]",
        "employeeId IS NOT NULL"
    )));
    assert!(taken.contains(&(
        "$.directories[1].objects[0].attributes[3]",
        "urn:ietf:params:scim:schemas:extension:acme:2.0:User:spare"
    )));
    assert!(why(&report.changed, "emails[type eq \"work\"].value").contains("FlowAlways"));
    assert!(why(&report.changed, "displayName").contains("MultiValueAddOnly"));
    let title = why(&report.changed, "title");
    assert!(
        title.contains("the text is taken") && title.contains("precedence 1 is taken, so it is 3"),
        "{title}"
    );
    assert_eq!(report.changed.len(), 3, "{:#?}", report.changed);

    assert!(why(&report.left_out, "entitlements").contains("SingleAppRoleAssignment"));
    assert!(why(&report.left_out, "photo").contains("unknown target attribute photo (did you mean photos?)"));
    assert!(why(&report.left_out, "profileUrl").contains("did you mean [surname]?"));
    assert!(why(&report.left_out, "Service principals").contains("users and groups, not serviceprincipal"));
    assert_eq!(report.left_out.len(), 4, "{:#?}", report.left_out);
}

/// Written by `UPDATE_GOLDEN=1`, then read by a person.
#[test]
fn an_export_is_what_it_was() {
    let types = Types::new();
    let imported = types.import(SCHEMA).unwrap();
    let (document, report) =
        types.export(&imported.users.unwrap().mapping, &imported.groups.unwrap().mapping);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/exchange/exported.json");
        std::fs::write(path, serde_json::to_string_pretty(&document).unwrap() + "\n").unwrap();
        return;
    }
    assert_eq!(document, serde_json::from_str::<Json>(EXPORTED).unwrap());
    assert_eq!((report.changed, report.left_out), (vec![], vec![]));
    // Entra's registered keys, and constants as texts.
    let rows = &document["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    let replace =
        rows.as_array().unwrap().iter().find(|row| row["targetAttributeName"] == "nickName").unwrap();
    let keys: Vec<_> = replace["source"]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["source", "RegularExpression", "Replacement"]);
    let again = types.import(&document.to_string()).unwrap();
    assert_eq!(again.users.unwrap().mapping.to_toml(), mapping(USERS).to_toml());
    assert_eq!((again.report.changed, again.report.left_out), (vec![], vec![]));
}

#[test]
fn what_entra_cannot_say_is_left_out_and_named() {
    let users = mapping(
        r##"
        [[mapping]]
        target = "userName"
        source = "[userName]"
        match = 1
        [[mapping]]
        target = "title"
        source = 'IIF([country] = "Germany", [jobTitle], "none")'
        [[mapping]]
        target = "displayName"
        source = '[givenName] & " " & [surname]'
        [[mapping]]
        target = "nickName"
        source = 'IIF([city] = "Berlin" and [country] = "Germany", "a", "b")'
        [[mapping]]
        target = "userType"
        source = '[country] = "Germany"'
        [[mapping]]
        target = "preferredLanguage"
        source = 'Lookup("languages", [country], "en")'
        [[mapping]]
        target = "locale"
        source = "[costCenter]"
        nulls = "clear"
        [[mapping]]
        target = "timezone"
        source = "[preferredLanguage]   # for now"
        nulls = "clear"
        [[mapping]]
        target = "active"
        constant = true
        [[mapping]]
        target = "externalId"
        source = "Mid([objectId], 1, 8)"
        [[scoping]]
        title = "kept"
        [[scoping.clause]]
        title = "has one"
        attribute = "title"
        operator = "REGEX MATCH"
        value = "a+"
        anchor = "part"
        [[scoping]]
        title = "ours"
        clause = [{attribute = "country", operator = "IN", value = ["a", "b"]}, {attribute = "city", operator = "IS NULL"}]
        [table.languages]
        Germany = "de"
        [[case]]
        name = "a case"
        object = { userName = "ann" }
        expect = { userName = "ann" }
        "##,
    );
    let types = Types::new();
    let (document, report) = types.export(&users, &groups());
    let left = &report.left_out;
    assert!(why(left, "displayName").contains("Join"));
    assert!(why(left, "nickName").contains("no operators and, or"));
    assert!(why(left, "userType").contains("only as the condition of IIF"));
    assert!(why(left, "preferredLanguage").contains("Lookup is Usher's own function"));
    assert!(why(left, "locale").contains("no source attribute [costCenter]"));
    assert!(why(left, "country IN a, b").contains("no operator IN"));
    assert!(why(left, "languages").contains("no look-up tables"));
    assert!(why(left, "a case").contains("no golden cases"));
    assert_eq!(left.len(), 8, "{left:#?}");
    let changed = &report.changed;
    assert!(why(changed, "userName").contains("[userName] is [userPrincipalName] there"));
    assert!(why(changed, "timezone").contains("nothing is cleared"));
    assert!(why(changed, "active").contains("texts"));
    let clause = why(changed, "title REGEX MATCH a+");
    assert!(clause.contains("jobTitle") && clause.contains("titles") && clause.contains("part"), "{clause}");

    let again = types.import(&document.to_string()).unwrap().users.unwrap().mapping;
    let names: Vec<String> = again.rows.iter().map(|row| row.target.to_string()).collect();
    assert_eq!(names, ["userName", "title", "timezone", "active", "externalId"]);
    assert_eq!(again.scoping.groups.len(), 1);
    let mid = &document["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][4]["source"];
    assert_eq!(mid["expression"], "Mid([objectId], 1, 8)");
    assert_eq!(
        mid["parameters"][2],
        json!({"key": "length", "value": {"type": "Constant", "name": "8", "expression": "\"8\"", "parameters": []}})
    );
}

#[test]
fn a_filter_that_cannot_be_said_lets_nobody_through_unseen() {
    let users = mapping(
        "[[mapping]]\ntarget = \"userName\"\nsource = \"[mail]\"\n[[scoping]]\ntitle = \"s\"\n\
         clause = [{operator = \"IsMemberOf\", value = \"Sales\"}]",
    );
    let (document, report) = Types::new().export(&users, &groups());
    assert_eq!(document["synchronizationRules"][0]["objectMappings"][0]["enabled"], false);
    assert!(why(&report.changed, "enabled").contains("everybody would pass"));
}

/// The scope of a made-up document with these clauses in one group, and one group beside it.
fn scoped(clauses: Json, beside: bool) -> Json {
    let kept = json!({"name": "kept", "clauses": [
        {"sourceOperandName": "city", "operatorName": "EQUALS", "targetOperand": {"values": ["Berlin"]}}]});
    let mut groups = vec![json!({"name": "asked", "clauses": clauses})];
    groups.extend(beside.then_some(kept));
    json!({"synchronizationRules": [{"objectMappings": [{"sourceObjectName": "User", "attributeMappings": [
        {"targetAttributeName": "userName", "matchingPriority": 1,
         "source": {"type": "Attribute", "name": "userPrincipalName"}}],
        "scope": {"groups": groups}}]}]})
}

#[test]
fn a_clause_that_is_not_understood_takes_its_group_with_it() {
    let types = Types::new();
    let clause = |operator: &str, attribute: &str, values: Json| {
        json!([{"sourceOperandName": "country", "operatorName": "IS NOT NULL", "targetOperand": {"values": []}},
               {"sourceOperandName": attribute, "operatorName": operator, "targetOperand": {"values": values}}])
    };
    for (clauses, said) in [
        (clause("&", "department", json!(["1"])), "too vaguely"),
        (clause("!&", "department", json!(["1"])), "too vaguely"),
        (clause("LIKE", "department", json!(["x"])), "no operator “LIKE”"),
        (clause("EQUALS", "departement", json!(["x"])), "did you mean [department]?"),
        (clause("REGEX MATCH", "department", json!(["("])), "regular expression"),
        (clause("EQUALS", "department", json!([])), "needs a value"),
    ] {
        let import = types.import(&scoped(clauses.clone(), true).to_string()).unwrap();
        let users = import.users.unwrap();
        assert_eq!(users.scope, ScopeTaken::Narrower);
        assert_eq!(
            users.mapping.scoping.groups.iter().map(|g| g.title.as_str()).collect::<Vec<_>>(),
            ["kept"]
        );
        let said_of: Vec<_> = import.report.left_out.iter().filter_map(|n| n.why.as_deref()).collect();
        assert!(said_of[0].contains(said), "{said}: {said_of:?}");
        assert!(why(&import.report.left_out, "asked").contains("left out whole"));
        let alone = types.import(&scoped(clauses, false).to_string()).unwrap().users.unwrap();
        assert_eq!((alone.scope, alone.mapping.scoping.groups.len()), (ScopeTaken::Lost, 0));
    }
    let several =
        types.import(&scoped(clause("EQUALS", "city", json!(["Berlin", "Rome"])), true).to_string()).unwrap();
    assert_eq!(several.users.unwrap().mapping.scoping.groups[0].clauses[1].operator.as_str(), "IN");
    assert!(why(&several.report.changed, "city EQUALS Berlin, Rome").contains("IN"));
    let mut early = scoped(json!([]), false);
    early["synchronizationRules"][0]["objectMappings"][0]["scope"] =
        json!({"groups": [], "inputFilterGroups": [{"name": "x"}]});
    let early = types.import(&early.to_string()).unwrap();
    assert_eq!(early.users.unwrap().scope, ScopeTaken::Lost);
    assert!(why(&early.report.left_out, "inputFilterGroups").contains("without deprovisioning"));
}

#[test]
fn nonsense_is_refused_in_words() {
    let types = Types::new();
    let refused = |text: &str| types.import(text).unwrap_err().to_string();
    assert!(refused("").starts_with("this is no JSON document"));
    assert!(refused("<html>").starts_with("this is no JSON document"));
    assert!(refused(&SCHEMA[..SCHEMA.len() / 2]).contains("line"), "a truncated document says where it ends");
    assert!(refused("[1, 2]").contains("no JSON object"));
    assert!(refused("{}").contains("synchronizationRules"));
    assert!(refused(r#"{"synchronizationRules": []}"#).contains("empty"));
    assert!(
        refused(r#"{"synchronizationRules": [{"objectMappings": [{"sourceObjectName": "Device"}]}]}"#)
            .contains("none of its")
    );
    let secrets = r#"{"value": [{"key": "SecretToken", "value": "do not print me"}]}"#;
    let said = refused(secrets);
    assert!(said.contains("secrets") && !said.contains("do not print me"), "{said}");
    assert_eq!(types.import(&" ".repeat(10_000_000)).unwrap_err(), ExchangeError::TooLarge);
    let deep = "[".repeat(100_000);
    assert!(refused(&deep).contains("recursion limit"));
    // Every value of another kind than expected, anywhere, is answered.
    for nonsense in ["7", "null", "\"x\"", "[]", "{}", "[null]", "[{}]", "[7]", "true"] {
        for key in [
            "synchronizationRules",
            "objectMappings",
            "attributeMappings",
            "source",
            "scope",
            "groups",
            "clauses",
            "parameters",
            "targetOperand",
            "directories",
            "objects",
            "attributes",
            "flowTypes",
            "matchingPriority",
        ] {
            let mut document: Json = serde_json::from_str(SCHEMA).unwrap();
            replace(&mut document, key, &serde_json::from_str(nonsense).unwrap());
            let _ = types.import(&document.to_string());
        }
    }
}

fn replace(json: &mut Json, key: &str, by: &Json) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| replace(item, key, by)),
        Json::Object(object) => {
            for (name, value) in object {
                if name == key { *value = by.clone() } else { replace(value, key, by) }
            }
        }
        _ => {}
    }
}

#[test]
fn formats_are_told_apart_by_content() {
    for json in ["{\"a\": 1}", "  \n{", "\u{feff}{}", "[{}]", "[\"x\"]", "[]"] {
        assert_eq!(Format::of(json), Format::Entra, "{json}");
    }
    for toml in ["", "[users]", "[[users.mapping]]", "# {\nenabled = true", "enabled = true"] {
        assert_eq!(Format::of(toml), Format::Toml, "{toml}");
    }
}

/// Mappings that both forms can say.
fn common() -> impl Strategy<Value = String> {
    const TARGETS: [&str; 12] = [
        "userName",
        "displayName",
        "title",
        "externalId",
        "name.givenName",
        "nickName",
        "active",
        "userType",
        "locale",
        r#"emails[type eq "work"].value"#,
        r#"addresses[type eq "work"].streetAddress"#,
        "urn:ietf:params:scim:schemas:extension:acme:2.0:User:badge",
    ];
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "[mail]",
            "[userPrincipalName]",
            "[extensionAttribute7]",
            "[displayName]",
            "[employeeId]"
        ])
        .prop_map(str::to_owned),
        "\"[a-zäß @.,0-9]{0,8}\"",
        "[0-9]{1,4}",
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("Append({a}, {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("Join({a},{b}, {c})")),
            inner.clone().prop_map(|a| format!("ToUpper({a}, )")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("IIF({a} <> {b}, {c}, )")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("Switch({a}, , \"k\\\"\", {b})")),
            inner.clone().prop_map(|a| format!("Replace({a}, , \"\\\\d+\", , \"\", , )")),
            inner.prop_map(|a| format!("Coalesce({a}, \"\")")),
        ]
    });
    let source = prop_oneof![
        value
            .prop_filter("an expression is an attribute or a call", |text| !text.starts_with('"')
                && !text.starts_with(char::is_numeric))
            .prop_map(|text| format!("source = '''{text}'''")),
        "[a-zA-Z ]{1,9}".prop_map(|text| format!("constant = \"{text}\"")),
        Just("default = \"only\"".to_owned()),
    ];
    let row = (source, prop::option::of("[a-z]{1,5}"), any::<bool>(), any::<bool>());
    let clause = prop_oneof![
        (
            prop::sample::select(vec![
                "EQUALS",
                "NOT EQUALS",
                "Includes",
                "ENDS_WITH",
                "REGEX MATCH",
                "NOT REGEX MATCH"
            ]),
            "[a-z]{1,6}"
        )
            .prop_map(|(o, v)| format!(
                "{{attribute = \"department\", operator = \"{o}\", value = \"{v}\"}}"
            )),
        (prop::sample::select(vec!["Greater_Than", "Greater_Than_OR_EQUALS"]), 0..99u32).prop_map(
            |(o, v)| format!("{{attribute = \"employeeId\", operator = \"{o}\", value = \"{v}\"}}")
        ),
        prop::sample::select(vec!["IS NULL", "IS NOT NULL", "IS TRUE", "IS FALSE"])
            .prop_map(|o| format!("{{attribute = \"accountEnabled\", operator = \"{o}\"}}")),
    ];
    let groups = prop::collection::vec(("[A-Za-z]{1,8}", prop::collection::vec(clause, 1..4)), 0..3);
    let actions = prop::sample::subsequence(vec!["\"create\"", "\"update\"", "\"delete\""], 0..=3);
    (prop::collection::vec(row, 1..12), groups, any::<bool>(), actions, prop::sample::subsequence(TARGETS.to_vec(), 12))
        .prop_map(|(rows, groups, enabled, actions, targets)| {
            let mut text = format!("enabled = {enabled}\nactions = [{}]\n", actions.join(", "));
            for (n, ((source, default, once, matching), target)) in rows.into_iter().zip(targets).enumerate() {
                text.push_str(&format!("[[mapping]]\ntarget = '{target}'\n{source}\n"));
                if !source.starts_with("default") {
                    text.extend(default.map(|default| format!("default = \"{default}\"\n")));
                }
                text.push_str(if once { "when = \"on_create\"\n" } else { "" });
                text.push_str(&if matching { format!("match = {}\n", n + 1) } else { String::new() });
            }
            for (title, clauses) in groups {
                text.push_str(&format!("[[scoping]]\ntitle = \"{title}\"\nclause = [{}]\n", clauses.join(", ")));
            }
            text.push_str(
                "[[attribute]]\nname = \"urn:ietf:params:scim:schemas:extension:acme:2.0:User:badge\"\ntype = \"integer\"\n",
            );
            text
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// TOML, JSON and TOML again: nothing is lost of what both can say, and nothing is reported as changed.
    #[test]
    fn the_common_part_goes_both_ways(text in common()) {
        let types = Types::new();
        let before = mapping(&text);
        let (document, report) = types.export(&before, &groups());
        prop_assert_eq!((report.changed, report.left_out), (vec![], vec![]));
        let import = types.import(&document.to_string()).unwrap();
        prop_assert_eq!((&import.report.changed, &import.report.left_out), (&vec![], &vec![]));
        prop_assert_eq!(import.users.unwrap().mapping.to_toml(), before.to_toml());
        prop_assert_eq!(import.groups.unwrap().mapping.to_toml(), groups().to_toml());
    }

    /// Cut or garbled anywhere, a document is answered.
    #[test]
    fn a_garbled_document_is_answered(at in 0..SCHEMA.len(), by in "[\\[\\]{}\",:a1 ]{0,3}") {
        prop_assume!(SCHEMA.is_char_boundary(at));
        let text = format!("{}{by}{}", &SCHEMA[..at], &SCHEMA[at + usize::from(at < SCHEMA.len())..]);
        let _ = Types::new().import(&text);
    }
}
