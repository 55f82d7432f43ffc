//! What each wire profile sends: the very requests, written down from the vendors' pages before the code.

use serde_json::{Value, json};
use usher_client::{Change, Client, Endpoint, Wire};

use crate::app::{App, list, object, path, scim, settings};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn ann() -> Value {
    json!({
        "schemas": [CORE, ENTERPRISE], "id": "u1", "userName": "ann@example.com", "active": true, "displayName": "Ann Lee",
        "name": {"givenName": "Ann", "familyName": "Lee"}, "meta": {"resourceType": "User"},
        "emails": [{"type": "work", "value": "ann@example.com"}], (ENTERPRISE): {"department": "Sales"},
        "groups": [{"value": "g1"}],
    })
}

/// An app that has Ann and a group with two members.
async fn app() -> App {
    App::start(|seen| match (seen.method.as_str(), seen.target.contains('?')) {
        ("GET", true) => list(&[]),
        ("GET", false) if seen.target.contains("/Groups") => scim(
            200,
            &json!({"schemas": [GROUP], "id": "g1", "displayName": "Sales",
                "members": [{"value": "u1", "display": "Ann"}, {"value": "u2"}]}),
        ),
        ("GET", false) => scim(200, &ann()),
        ("POST", _) => scim(201, &json!({"id": "u1"})),
        _ => scim(200, &json!({"id": "u1"})),
    })
    .await
}

fn client(app: &App, wire: Wire) -> Client {
    let settings = usher_client::Settings { wire, ..settings(app.url("/scim/v2")) };
    crate::app::with(settings)
}

fn change(at: &str, value: Value, there: bool) -> Change {
    Change { path: path(at), value: (!value.is_null()).then_some(value), there, new_entry: false }
}

/// Everything that an update may hold.
fn update() -> Vec<Change> {
    vec![
        change("displayName", json!("Ann Roy"), true),
        change("name.familyName", json!("Roy"), true),
        change("nickName", json!("Annie"), false),
        change("emails[type eq \"work\"].value", json!("roy@example.com"), true),
        change(&format!("{ENTERPRISE}:employeeNumber"), json!("7020"), true),
        change(&format!("{ENTERPRISE}:manager"), json!({"value": "u9"}), false),
        change("title", Value::Null, true),
        change("active", json!(false), true),
    ]
}

async fn sent_by_update(wire: Wire) -> (String, Value, usize) {
    let app = app().await;
    client(&app, wire).update(Endpoint::Users, "u1", &update()).await.unwrap();
    let seen = app.seen();
    let last = seen.last().unwrap();
    (format!("{} {}", last.method, last.target), last.body.clone(), seen.len())
}

async fn operations(wire: Wire) -> Value {
    let (request, body, requests) = sent_by_update(wire).await;
    assert_eq!((request.as_str(), requests), ("PATCH /scim/v2/Users/u1", 1));
    assert_eq!(body["schemas"], json!([PATCH]));
    body["Operations"].clone()
}

#[tokio::test]
async fn rfc_updates_by_an_operation_an_attribute() {
    assert_eq!(
        operations(Wire::Rfc).await,
        json!([
            {"op": "replace", "path": "displayName", "value": "Ann Roy"},
            {"op": "replace", "path": "name.familyName", "value": "Roy"},
            {"op": "add", "path": "nickName", "value": "Annie"},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "roy@example.com"},
            {"op": "replace", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7020"},
            {"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": {"value": "u9"}},
            {"op": "remove", "path": "title"},
            {"op": "replace", "path": "active", "value": false},
        ])
    );
}

#[tokio::test]
async fn entra_legacy_writes_capitals_and_booleans_as_text() {
    let app = app().await;
    client(&app, Wire::EntraLegacy).update(Endpoint::Users, "u1", &update()).await.unwrap();
    let boss = format!("http://{}/scim/v2/Users/u9", app.address);
    assert_eq!(
        app.seen()[0].body["Operations"],
        json!([
            {"op": "Replace", "path": "displayName", "value": "Ann Roy"},
            {"op": "Replace", "path": "name.familyName", "value": "Roy"},
            {"op": "Add", "path": "nickName", "value": "Annie"},
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "roy@example.com"},
            {"op": "Replace", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7020"},
            {"op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": [{"$ref": boss, "value": "u9"}]},
            {"op": "Remove", "path": "title"},
            {"op": "Replace", "path": "active", "value": "False"},
        ])
    );
}

#[tokio::test]
async fn entra_with_the_flag_merges_single_values_without_a_path() {
    assert_eq!(
        operations(Wire::Entra062020).await,
        json!([
            {"op": "replace", "value": {
                "displayName": "Ann Roy", "name.familyName": "Roy",
                (format!("{ENTERPRISE}:employeeNumber")): "7020", "active": false}},
            {"op": "add", "value": {"nickName": "Annie"}},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "roy@example.com"},
            {"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": "u9"},
            {"op": "remove", "path": "title"},
        ])
    );
}

#[tokio::test]
async fn okta_replaces_without_a_path_by_a_nested_value() {
    assert_eq!(
        operations(Wire::Okta).await,
        json!([
            {"op": "replace", "value": {
                "displayName": "Ann Roy", "name": {"familyName": "Roy"}, "nickName": "Annie", "active": false,
                (ENTERPRISE): {"employeeNumber": "7020", "manager": {"value": "u9"}}}},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "roy@example.com"},
            {"op": "remove", "path": "title"},
        ])
    );
    let app = app().await;
    let okta = client(&app, Wire::Okta);
    okta.update(Endpoint::Users, "u1", &[change("active", json!(false), true)]).await.unwrap();
    okta.update(Endpoint::Groups, "g1", &[change("displayName", json!("Sales DE"), true)]).await.unwrap();
    let seen = app.seen();
    assert_eq!(seen[0].body["Operations"], json!([{"op": "replace", "value": {"active": false}}]));
    assert_eq!(
        seen[1].body["Operations"],
        json!([{"op": "replace", "value": {"id": "g1", "displayName": "Sales DE"}}])
    );
}

#[tokio::test]
async fn oktas_wizard_reads_and_puts_the_whole() {
    let (request, body, requests) = sent_by_update(Wire::OktaWizard).await;
    assert_eq!((request.as_str(), requests), ("PUT /scim/v2/Users/u1", 2));
    assert_eq!(
        body,
        json!({
            "schemas": [CORE, ENTERPRISE], "id": "u1", "userName": "ann@example.com", "active": false,
            "displayName": "Ann Roy", "name": {"givenName": "Ann", "familyName": "Roy"}, "nickName": "Annie",
            "meta": {"resourceType": "User"}, "emails": [{"type": "work", "value": "roy@example.com"}],
            (ENTERPRISE): {"department": "Sales", "employeeNumber": "7020", "manager": {"value": "u9"}},
            "groups": [{"value": "g1"}],
        })
    );
}

/// What the app has no entry for: a filter there finds nothing, and strict apps refuse it (RFC 7644 §3.5.2.3, `noTarget`).
#[tokio::test]
async fn an_entry_that_is_not_there_is_added_to_its_list() {
    let new = |at: &str, value: &str| Change { new_entry: true, ..change(at, json!(value), false) };
    let changes = [
        new("addresses[type eq \"work\"].locality", "Berlin"),
        change("title", json!("Head"), true),
        new("addresses[type eq \"work\"].country", "Germany"),
        new("phoneNumbers[type eq \"work\"].value", "+49 30 1"),
    ];
    let address = json!([{"type": "work", "locality": "Berlin", "country": "Germany"}]);
    let phone = json!([{"type": "work", "value": "+49 30 1"}]);
    for (wire, title) in [
        (Wire::Rfc, json!({"op": "replace", "path": "title", "value": "Head"})),
        (Wire::Okta, json!({"op": "replace", "value": {"title": "Head"}})),
    ] {
        let app = app().await;
        client(&app, wire).update(Endpoint::Users, "u1", &changes).await.unwrap();
        let added = |list: &str, values: &Value| json!({"op": "add", "path": list, "value": values});
        assert_eq!(
            app.seen()[0].body["Operations"],
            json!([title, added("addresses", &address), added("phoneNumbers", &phone)]),
            "{wire}"
        );
    }
    // Entra's own form, whatever an app says to it.
    let app = app().await;
    client(&app, Wire::EntraLegacy).update(Endpoint::Users, "u1", &changes[3..]).await.unwrap();
    let path = "phoneNumbers[type eq \"work\"].value";
    assert_eq!(app.seen()[0].body["Operations"], json!([{"op": "Add", "path": path, "value": "+49 30 1"}]));
}

#[tokio::test]
async fn a_user_is_made_as_each_vendor_makes_one() {
    let made = object(json!({
        "schemas": [CORE, ENTERPRISE, "urn:example:hr:2.0:User"], "userName": "ann@example.com", "active": true,
        "emails": [{"type": "work", "value": "ann@example.com"}], "urn:example:hr:2.0:User": {"badge": "7"},
    }));
    let mut bodies = Vec::new();
    for wire in Wire::ALL {
        let app = app().await;
        client(&app, wire).create(Endpoint::Users, &made).await.unwrap();
        bodies.push(app.seen()[0].body.clone());
    }
    assert_eq!(bodies[0], Value::Object(made.clone()));
    let entra = json!({
        "schemas": [CORE, ENTERPRISE], "userName": "ann@example.com", "active": true, "roles": [],
        "emails": [{"type": "work", "value": "ann@example.com", "primary": true}],
        "urn:example:hr:2.0:User": {"badge": "7"}, "meta": {"resourceType": "User"},
    });
    assert_eq!((&bodies[1], &bodies[2]), (&entra, &entra));
    let okta = json!({
        "schemas": [CORE], "userName": "ann@example.com", "active": true, "groups": [],
        "emails": [{"type": "work", "value": "ann@example.com"}], "urn:example:hr:2.0:User": {"badge": "7"},
    });
    assert_eq!((&bodies[3], &bodies[4]), (&okta, &okta));
}

#[tokio::test]
async fn a_group_is_made_as_each_vendor_makes_one() {
    let made = object(json!({"schemas": [GROUP], "displayName": "Sales", "externalId": "e1"}));
    let vendor = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    for (wire, more) in [
        (Wire::Rfc, json!({})),
        (Wire::EntraLegacy, json!({"schemas": [GROUP, vendor], "meta": {"resourceType": "Group"}})),
        (Wire::Entra062020, json!({"schemas": [GROUP, vendor], "meta": {"resourceType": "Group"}})),
        (Wire::Okta, json!({"members": []})),
        (Wire::OktaWizard, json!({"members": []})),
    ] {
        let app = app().await;
        client(&app, wire).create(Endpoint::Groups, &made).await.unwrap();
        let mut expected = Value::Object(made.clone());
        for (name, value) in more.as_object().unwrap() {
            expected[name] = value.clone();
        }
        assert_eq!(app.seen()[0].body, expected, "{wire}");
    }
}

#[tokio::test]
async fn memberships_go_as_each_vendor_sends_them() {
    let out = json!({"op": "remove", "path": "members[value eq \"u2\"]"});
    let value = |id: &str| json!({"$ref": null, "value": id});
    for (wire, expected) in [
        (Wire::Rfc, json!([[out, {"op": "add", "path": "members", "value": [{"value": "u3"}]}]])),
        (
            Wire::EntraLegacy,
            json!([
                [{"op": "Remove", "path": "members", "value": [value("u2")]}],
                [{"op": "Add", "path": "members", "value": [value("u3")]}],
            ]),
        ),
        (Wire::Entra062020, json!([[out], [{"op": "add", "path": "members", "value": [value("u3")]}]])),
        (Wire::Okta, json!([[out, {"op": "add", "path": "members", "value": [{"value": "u3"}]}]])),
    ] {
        let app = app().await;
        client(&app, wire).members("g1", &["u3".into()], &["u2".into()]).await.unwrap();
        let sent: Vec<Value> = app.seen().iter().map(|seen| seen.body["Operations"].clone()).collect();
        assert_eq!(Value::Array(sent), expected, "{wire}");
    }
    let app = app().await;
    client(&app, Wire::OktaWizard).members("g1", &["u3".into(), "u1".into()], &["u2".into()]).await.unwrap();
    let seen = app.seen();
    assert_eq!((seen.len(), seen[1].method.as_str()), (2, "PUT"));
    assert_eq!(
        seen[1].body,
        json!({"schemas": [GROUP], "id": "g1", "displayName": "Sales",
            "members": [{"value": "u1", "display": "Ann"}, {"value": "u3"}]})
    );
}

#[tokio::test]
async fn looking_for_somebody_asks_as_each_vendor_asks() {
    for (wire, users, groups) in [
        (
            Wire::Rfc,
            "filter=userName%20eq%20%22a%20b%22",
            "filter=displayName%20eq%20%22Sales%22&excludedAttributes=members",
        ),
        (
            Wire::EntraLegacy,
            "filter=userName+eq+%22a+b%22",
            "excludedAttributes=members&filter=displayName+eq+%22Sales%22",
        ),
        (
            Wire::Okta,
            "filter=userName%20eq%20%22a%20b%22&startIndex=1&count=100",
            "filter=displayName%20eq%20%22Sales%22&startIndex=1&count=100",
        ),
    ] {
        let app = app().await;
        let client = client(&app, wire);
        client.find(Endpoint::Users, &path("userName"), "a b").await.unwrap();
        client.find(Endpoint::Groups, &path("displayName"), "Sales").await.unwrap();
        let seen = app.seen();
        assert_eq!(seen[0].target, format!("/scim/v2/Users?{users}"), "{wire}");
        assert_eq!(seen[1].target, format!("/scim/v2/Groups?{groups}"), "{wire}");
        let agent = seen[0].agent.as_deref().unwrap_or_default();
        let expected = if wire == Wire::Okta { "Okta SCIM Client 1.0.0" } else { "Usher/" };
        assert!(agent.starts_with(expected), "{wire}: {agent}");
    }
}
