//! What brackets find, and what check knows.

use serde_json::json;
use usher_mapping::{Context, Expression, Known, NoLookup, Value};
use usher_scim::{ResourceType, schema};

use crate::{entry, eval_in, now, object, shown, user_type};

#[test]
fn scim_paths_and_aliases() {
    for (text, result) in [
        ("[userName]", r#""jdoe@contoso.com""#),
        ("[USERNAME]", r#""jdoe@contoso.com""#),
        ("[userPrincipalName]", r#""jdoe@contoso.com""#),
        ("[objectId]", r#""00aa00aa-bb11-cc22-dd33-44ee44ee44ee""#),
        ("[name.givenName]", r#""John""#),
        ("[givenName]", r#""John""#),
        ("[mail]", r#""John.Doe@contoso.com""#),
        (r#"[emails[type eq "work"].value]"#, r#""John.Doe@contoso.com""#),
        (r#"[emails[type eq "WORK"].value]"#, r#""John.Doe@contoso.com""#),
        (r#"[emails[not (type eq "work")].value]"#, r#""john@home.example""#),
        (r#"[emails[primary eq true].value]"#, r#""John.Doe@contoso.com""#),
        (r#"[emails[primary eq "True"].value]"#, r#""John.Doe@contoso.com""#),
        (r#"[emails[value co "HOME"].type]"#, r#""home""#),
        (r#"[emails[type pr].value]"#, r#"["John.Doe@contoso.com","john@home.example"]"#),
        ("[emails.value]", r#"["John.Doe@contoso.com","john@home.example"]"#),
        (r#"[emails[type eq "fax"].value]"#, "null"),
        ("[department]", r#""Sales""#),
        ("[urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department]", r#""Sales""#),
        ("[urn:ietf:params:scim:schemas:core:2.0:User:userName]", r#""jdoe@contoso.com""#),
        ("[employeeNumber]", r#""4711""#),
        ("[mail.nonsense]", "null"),
        ("[nickName]", "null"),
        ("[ title ]", r#""Developer""#),
    ] {
        assert_eq!(shown(text), result, "{text}");
    }
}

#[test]
fn a_source_entry_has_its_own_keys() {
    let of = |text: &str, ignore_case: bool| {
        let (entry, mut lookup) = (entry(), NoLookup);
        let mut cx = Context { ignore_case, ..Context::new(&entry, &mut lookup, now()) };
        Expression::parse(text).unwrap().eval(&mut cx).unwrap().to_string()
    };
    assert_eq!(of("[mail]", false), r#"["ann.lee@example.org","ann@example.org"]"#);
    assert_eq!(of("[MAIL]", true), r#"["ann.lee@example.org","ann@example.org"]"#);
    assert_eq!(of("First([mail])", true), r#""ann.lee@example.org""#);
    assert_eq!(of("[givenname]", true), r#""Ann""#);
    assert_eq!(of("[cn;lang-de]", true), r#"["Anne Lee"]"#);
    assert_eq!(of(r#"Join(" ", [givenName], [sn])"#, false), r#""Ann Lee""#);
    assert_eq!(of(r#"IIF([objectClass] = "person", "yes", "no")"#, false), r#""yes""#);
    assert_eq!(of("Coalesce([displayName], [cn])", true), r#"["Ann Lee"]"#);
}

#[test]
fn named_values_come_first_and_are_descended() {
    let named = [
        ("mail".to_owned(), Value::from("given@example.org")),
        (
            "person".to_owned(),
            Value::from_json(
                &json!({"name": "Ann", "organization": {"id": "o1", "name": "Sales"}, "contacts": [{"label": "work", "value": "1"}]}),
            ),
        ),
        (
            "groups".to_owned(),
            Value::from_json(&json!([
                {"classification": "site", "display": "Berlin"},
                {"classification": "Organization", "display": "Sales"},
                {"classification": "organization", "display": "Board"}
            ])),
        ),
    ];
    let of = |text: &str| eval_in(text, &object(json!({"groups": []})), &named).unwrap().to_string();
    assert_eq!(of("[mail]"), r#""given@example.org""#);
    assert_eq!(of("[person.organization]"), r#"{"id":"o1","name":"Sales"}"#);
    assert_eq!(of("[person.organization.name]"), r#""Sales""#);
    assert_eq!(of("[person.contacts.value]"), r#"["1"]"#);
    assert_eq!(of(r#"[person.contacts[label eq "WORK"].value]"#), r#""1""#);
    assert_eq!(of(r#"[groups[classification eq "site"].display]"#), r#""Berlin""#);
    assert_eq!(of(r#"[groups[classification eq "organization"].display]"#), r#"["Sales","Board"]"#);
    assert_eq!(
        of(r#"First([groups[classification eq "organization"]])"#),
        r#"{"classification":"Organization","display":"Sales"}"#
    );
    assert_eq!(of(r#"[groups[classification eq "none"]]"#), "null");
    assert_eq!(of("[person.manager.name]"), "null");
}

#[test]
fn check_knows_and_hints() {
    let user = user_type();
    let types = [&user];
    let known = Known { types: &types, named: &["IsSoftDeleted"], ..Known::default() };
    for text in [
        "[userPrincipalName]",
        "[mail]",
        "[department]",
        "[manager]",
        "[manager.value]",
        "[IsSoftDeleted]",
        "[extensionAttribute3]",
        r#"[emails[type eq "work" and primary eq true].value]"#,
        "[urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter]",
        "[costCenter]",
        "[externalId]",
        "[urn:usher:directory:1.0:User:shoeSize]",
    ] {
        Expression::parse(text).unwrap().check(&known).unwrap_or_else(|e| panic!("{}", e.caret(text)));
    }
    for (text, part, hint) in [
        ("Coalesce([mial], [mail])", "mial", "did you mean [mail]?"),
        ("(( [ mial ] )) & 1", "mial", "did you mean [mail]?"),
        ("[IsSoftDelete]", "IsSoftDelete", "did you mean [IsSoftDeleted]?"),
        ("[name.givnName]", "name.givnName", "did you mean [name.givenName]?"),
        (r#"[emails[typ eq "work"].value]"#, "typ", "did you mean type?"),
    ] {
        let error = Expression::parse(text).unwrap().check(&known).unwrap_err();
        assert_eq!((&text[error.span.clone()], error.hint.as_deref()), (part, Some(hint)), "{text}");
    }
    let group = ResourceType::group(schema::group());
    let error = Expression::parse("[mail]").unwrap().check(&Known { types: &[&group], ..Known::default() });
    assert!(error.is_err(), "a group has no mail");
}

#[test]
fn check_of_source_entries() {
    let keys = Known { keys: &["Mail", "First name"], ignore_case: true, ..Known::default() };
    let ok = |text: &str, known: &Known<'_>| Expression::parse(text).unwrap().check(known).is_ok();
    assert!(ok("[mail]", &keys));
    assert!(ok("[First Name]", &keys));
    assert!(!ok("[phone]", &keys));
    assert!(ok("[anything-at-all]", &Known { open: true, ..Known::default() }));
}

#[test]
fn mentions_and_attributes() {
    let expression = Expression::parse(r#"Join(" ", [surname], [manager.value], [surname])"#).unwrap();
    assert!(expression.mentions("manager"));
    assert!(expression.mentions("SURNAME"));
    assert!(expression.mentions("name.familyName"));
    assert!(!expression.mentions("givenName"));
    assert_eq!(expression.attributes(), ["surname", "manager.value"]);
    assert_eq!(Expression::parse("[mail]").unwrap().direct(), Some("mail"));
    assert_eq!(expression.direct(), None);
}
