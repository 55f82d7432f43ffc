//! The app side as its administrator sees it: rules, people, records at the command line; and the stories of joiners, movers, leavers
//! and returners, provisioned by the engine with the wire profiles of Entra ID and Okta.

use serde_json::{Value, json};

use crate::{
    http,
    place::{Place, Server, until},
};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

pub(crate) struct Client<'c> {
    pub(crate) server: &'c Server,
    pub(crate) token: String,
}

impl Client<'_> {
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let path = format!("/scim/v2{path}");
        let answer = http::send(self.server.address, method, &path, &self.token, &text).unwrap();
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> String {
        self.send("POST", path, body)["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn replace(&self, id: &str, path: &str, value: &Value) {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        let operations = json!([{"op": "replace", "path": path, "value": value}]);
        self.send("PATCH", &format!("/Users/{id}"), &json!({"schemas": schemas, "Operations": operations}));
    }
}

/// An account with rules served, and a client of its production environment.
pub(crate) fn served(place: &Place) -> (Server, String) {
    let token = place.account("acme", "4me");
    (place.serve(), token)
}

pub(crate) fn person(place: &Place, who: &str) -> Value {
    place.json(&["people", "show", "acme", who])
}

#[track_caller]
pub(crate) fn becomes(place: &Place, who: &str, field: &str, value: &Value) {
    let seen = || {
        let output = place.run(&["people", "show", "acme", who, "--json"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()[field].clone()
    };
    until(&format!("{field} of {who} {value}"), || seen() == *value);
}

const FAMILY_FIRST: &str = r#"
[[rule]]
name = "Family name first"
kind = "user"
description = "As on the badges"
condition = 'IsPresent([person]) and IsPresent([name.familyName])'
actions = [{ set = "name", to = 'Join(", ", [name.familyName], [name.givenName])' }]
"#;

#[test]
fn rules_are_changed_tried_restored_and_promoted_at_the_command_line() {
    for place in Place::both() {
        let (server, token) = served(&place);
        let client = Client { server: &server, token };
        client.post("/Users", &json!({
            "userName": "ann@example.com", "displayName": "Ann Lee", "name": {"givenName": "Ann", "familyName": "Lee"},
        }));
        becomes(&place, "ann@example.com", "name", &json!("Ann Lee"));
        let list = place.json(&["rule", "list", "acme"]);
        let rules = list["items"].as_array().unwrap();
        assert_eq!(rules.len(), 4);
        assert!(rules.iter().all(|rule| rule["default"] == true));
        assert!(
            place
                .ok(&["rule", "show", "acme", "person"])
                .contains("{ set = \"job_title\", to = \"[title]\" }")
        );

        // On qa nobody is there whom it would change: it is done at once.
        let file = place.file("family.toml", FAMILY_FIRST);
        let done = place.json(&["rule", "set", "acme", &file, "--environment", "qa"]);
        assert_eq!(done["saved"], true);
        // In production somebody would change: without anybody to agree it is only told.
        let tried = place.ok(&["rule", "dry-run", "acme", &file]);
        assert!(
            tried.contains("name: Ann Lee → Lee, Ann") && tried.contains("+name = \"Family name first\""),
            "{tried}"
        );
        let told = place.fails(&["rule", "promote", "acme", "--kind", "users"]);
        assert!(told.contains("name: Ann Lee → Lee, Ann") && told.contains("--yes"), "{told}");
        assert_eq!(person(&place, "ann@example.com")["name"], "Ann Lee");
        place.ok(&["rule", "promote", "acme", "--yes"]);
        becomes(&place, "ann@example.com", "name", &json!("Lee, Ann"));
        let same = place.ok(&["rule", "promote", "acme"]);
        assert!(same.contains("nothing is changed"), "{same}");

        // Out and in again, with a slip.
        let text = place.ok(&["rule", "export", "acme", "--kind", "users"]);
        let wrong = place.file("wrong.toml", &text.replace("[name.familyName]", "[name.famlyName]"));
        let refused = place.fails(&["rule", "import", "acme", &wrong]);
        assert!(refused.contains("famlyName") && refused.contains('^'), "{refused}");
        let fields = place.file("fields.toml", &(text.clone() + "\n[[rule]]\nname = \"Badge\"\nkind = \"user\"\n\
            condition = 'IsPresent([person])'\nactions = [{ set = \"custom_fields.badge\", to = '[nickName]' }]\n"));
        place.ok(&["rule", "import", "acme", &fields, "--yes"]);
        let ann = place.json(&["records", "acme", "--kind", "users"])["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        client.replace(&ann, "nickName", &json!("B7"));
        becomes(&place, "ann@example.com", "custom_fields", &json!({"badge": "B7"}));
        let executions = place.json(&["rule", "executions", "acme", "--record", &ann]);
        assert!(executions["execution"].to_string().contains("set custom_fields.badge"), "{executions}");

        // Taken away, restored.
        place.ok(&["rule", "delete", "acme", "badge", "--yes"]);
        place.fails(&["rule", "reset", "acme"]);
        place.ok(&["rule", "reset", "acme", "--yes"]);
        becomes(&place, "ann@example.com", "name", &json!("Ann Lee"));
        until("the end of the pass", || place.json(&["rule", "list", "acme"])["reprocessing"].is_null());
        assert!(
            place.json(&["rule", "list", "acme"])["items"]
                .as_array()
                .unwrap()
                .iter()
                .all(|rule| rule["default"] == true)
        );
        let unknown = place.fails(&["rule", "show", "acme", "persn"]);
        assert!(unknown.contains("Did you mean Person?"), "{unknown}");
        assert!(server.stop());
    }
}

#[test]
fn people_are_made_imported_disabled_protected_and_explained_at_the_command_line() {
    for place in Place::both() {
        let (server, token) = served(&place);
        let client = Client { server: &server, token };
        place.ok(&["organization", "create", "acme", "Sales"]);
        let made = place.json(&[
            "people",
            "create",
            "acme",
            "ann@example.com",
            "Ann",
            "--set",
            "organization=sales",
        ]);
        assert_eq!(
            (&made["access"], &made["organization"]["name"], &made["source"]),
            (&json!(true), &json!("Sales"), &Value::Null)
        );
        let file = place.file(
            "people.csv",
            "primary_email,name,job_title,manager,custom_fields.badge\nann@example.com,Other,,,\nben@example.com,Ben,Buyer,ann@example.com,7\n",
        );
        let imported = place.json(&["people", "import", "acme", &file]);
        assert_eq!(imported, json!({"created": 1, "there": 1}));
        let ben = person(&place, "ben@example.com");
        assert_eq!((&ben["manager"]["name"], &ben["custom_fields"]), (&json!("Ann"), &json!({"badge": "7"})));
        // One wrong line, and nobody is imported.
        let wrong = place.file(
            "wrong.csv",
            "primary_email,name,vip\ncas@example.com,Cas,\ndan,Dan,\neve@example.com,Eve,perhaps\n",
        );
        let told = place.fails(&["people", "import", "acme", &wrong]);
        assert!(
            told.contains("line 3: primary_email is no e-mail address")
                && told.contains("line 4: vip is true or false"),
            "{told}"
        );
        place.fails(&["people", "show", "acme", "cas@example.com"]);

        // Provisioning finds Ann and governs her from now on.
        let record = client.post(
            "/Users",
            &json!({"userName": "ann@example.com", "displayName": "Ann Lee", "title": "Buyer"}),
        );
        becomes(&place, "ann@example.com", "source_id", &json!(record));
        assert_eq!(person(&place, "ann@example.com")["id"], made["id"]);
        let why = place.json(&["people", "explain", "acme", "ann@example.com"]);
        let from = |field: &str| {
            why["fields"].as_array().unwrap().iter().find(|it| it["field"] == field).unwrap().clone()
        };
        assert_eq!(
            (&from("job_title")["rule"], &from("job_title")["expression"]),
            (&json!("Person"), &json!("[title]"))
        );
        assert_eq!(from("job_title")["record_id"], record);
        assert!(from("organization")["actor"].as_str().unwrap().starts_with("local:"));
        assert!(place.ok(&["people", "explain", "acme", "ann@example.com"]).contains("governed by record"));

        place.ok(&["people", "disable", "acme", "ben@example.com"]);
        assert_eq!(person(&place, "ben@example.com")["access"], false);
        place.ok(&["people", "enable", "acme", "ben@example.com"]);
        assert_eq!(person(&place, "ben@example.com")["access"], true);
        assert_eq!(place.json(&["people", "protect", "acme", "ann@example.com"])["protected"], true);
        assert!(place.fails(&["people", "disable", "acme", "ann@example.com"]).contains("--off"));
        client.replace(&record, "active", &json!(false));
        until("the reason", || {
            place.json(&["records", "acme", "--errors"])["items"][0]["reason"]
                == "Ann Lee is protected, so access was not ended"
        });
        assert_eq!(person(&place, "ann@example.com")["access"], true);
        place.ok(&["people", "protect", "acme", "ann@example.com", "--off"]);
        assert_eq!(person(&place, "ann@example.com")["access"], false);

        // A record that is deleted by the administrator leaves somebody whom no record governs.
        place.ok(&["records", "acme", "delete", &record]);
        let list = place.json(&["people", "list", "acme", "--ungoverned"]);
        assert_eq!(
            (list["items"].as_array().unwrap().len(), &list["items"][0]["name"]),
            (1, &json!("Ann Lee"))
        );
        assert!(server.stop());
    }
}

#[test]
fn each_row_of_the_default_rules_as_a_client_sends_it_and_an_app_sees_it() {
    let place = Place::sqlite();
    let (server, token) = served(&place);
    let client = Client { server: &server, token };
    place.ok(&["organization", "create", "acme", "Sales"]);
    place.ok(&["site", "create", "acme", "Delft"]);
    let boss = client.post("/Users", &json!({"userName": "boss@example.com", "displayName": "Boss"}));
    let ann = client.post("/Users", &json!({
        "userName": "ann@example.com", "displayName": "Ann Lee", "title": "Buyer", "userType": "VIP guest", "locale": "nl",
        "timezone": "Amsterdam", "phoneNumbers": [{"type": "work", "value": "+31 1"}],
        "emails": [{"value": "ann@example.com", "primary": true}, {"value": "a.lee@example.com", "type": "home"}],
        "addresses": [{"type": "work", "streetAddress": "Street 1", "locality": "Delft", "country": "nl"}],
        ENTERPRISE: {"organization": "Sales", "site": "delft", "location": "Room 1", "employeeNumber": "7", "supportID": "S7", "manager": {"value": boss}},
    }));
    becomes(&place, "ann@example.com", "source_id", &json!(ann));
    let seen = person(&place, "ann@example.com");
    for (field, value) in [
        ("name", json!("Ann Lee")),
        ("job_title", json!("Buyer")),
        ("vip", json!(true)),
        ("locale", json!("nl")),
        ("time_zone", json!("Amsterdam")),
        ("location", json!("Room 1")),
        ("employee_id", json!("7")),
        ("support_id", json!("S7")),
        ("source", json!("SCIM")),
        ("access", json!(true)),
    ] {
        assert_eq!(seen[field], value, "{field}");
    }
    assert_eq!((&seen["organization"]["name"], &seen["site"]["name"]), (&json!("Sales"), &json!("Delft")));
    assert_eq!(seen["manager"]["primary_email"], "boss@example.com");
    assert_eq!(
        seen["contacts"].as_array().unwrap().iter().filter(|contact| contact["integration"] == true).count(),
        2
    );
    assert_eq!(
        (&seen["addresses"][0]["label"], &seen["addresses"][0]["country"]),
        (&json!("mailing"), &json!("NL"))
    );
    // Locale only for new people; no longer a VIP; another title.
    client.replace(&ann, "locale", &json!("fr"));
    client.replace(&ann, "userType", &json!("guest"));
    client.replace(&ann, "title", &json!("Seller"));
    becomes(&place, "ann@example.com", "job_title", &json!("Seller"));
    becomes(&place, "ann@example.com", "vip", &json!(false));
    assert_eq!(person(&place, "ann@example.com")["locale"], "nl");
    // A second record with her address is told so, and changes nothing.
    let second = client.post(
        "/Users",
        &json!({"userName": "ann2", "displayName": "Impostor", "emails": [{"value": "Ann@example.com"}]}),
    );
    let reason = || place.json(&["records", "acme", "--errors"])["items"][0].clone();
    until("the error", || reason()["state"] == "error");
    assert_eq!(reason()["id"], second);
    assert_eq!(reason()["reason"], format!("Ann Lee is already provisioned by record {ann} from other"));
    assert!(server.stop());
}

#[test]
fn a_new_token_comes_bare_and_as_the_whole_header() {
    let place = Place::sqlite();
    place.ok(&["account", "create", "acme"]);
    let issued = place.json(&["token", "issue", "acme", "--provider", "okta"]);
    let secret = issued["secret"].as_str().unwrap();
    assert_eq!(issued["authorization"], format!("Bearer {secret}"));
    let server = place.serve();
    let answer = http::send(server.address, "GET", "/scim/v2/Users", secret, "").unwrap();
    assert_eq!(answer.status, 200);
}

/// A company of the built-in directory, provisioned to an account of the same server with a wire profile.
fn story(place: &Place, template: &str, wire_profile: &str) {
    place.ok(&["directory", "create", "company"]);
    let token = place.account("acme", template);
    let server = place.serve();
    place.ok(&["organization", "create", "acme", "Sales"]);
    place.app("app", template, &server.base(), &token);
    place.ok(&["app", "set", "app", &format!("wire_profile={wire_profile}")]);
    place.ok(&["app", "scope", "app", "all"]);
    let user = |who: &str, more: &[&str]| {
        let (name, mail) = (format!("userName={who}@example.com"), format!("mail={who}@example.com"));
        let (display, given) = (format!("displayName={who}"), format!("name.givenName={who}"));
        let mut words = vec!["user", "create", "company"];
        for set in [name.as_str(), &mail, &display, &given, "name.familyName=Test"].iter().chain(more) {
            words.extend(["--set", set]);
        }
        place.ok(&words);
    };
    let sync = || {
        let counts = place.json(&["app", "sync", "app"])["counts"].clone();
        assert_eq!(counts["failed"], 0, "{counts}");
    };
    let ann = "ann@example.com";

    // Joiners, one of them in a group that is an organization, one in a group that is none.
    user("boss", &[]);
    user("chief", &[]);
    user("ann", &["title=Buyer", "manager=boss@example.com"]);
    for (group, member) in [("Sales", ann), ("Chess", "boss@example.com")] {
        place.ok(&["group", "create", "company", "--set", &format!("displayName={group}")]);
        place.ok(&["group", "add", "company", group, member]);
    }
    sync();
    becomes(place, ann, "job_title", &json!("Buyer"));
    let id = person(place, ann)["id"].clone();
    let field = |field: &str, inner: &str| person(place, ann)[field][inner].clone();
    if template == "4me" {
        until("the organization", || field("organization", "name") == "Sales");
        until("the manager", || field("manager", "name") == "boss");
        assert_eq!(person(place, "boss@example.com")["organization"], Value::Null);
    }

    // A mover, with another manager; the group has another name.
    place.ok(&["user", "set", "company", ann, "--set", "title=Seller", "--set", "manager=chief@example.com"]);
    place.ok(&["group", "set", "company", "Sales", "--set", "displayName=Sales EU"]);
    sync();
    becomes(place, ann, "job_title", &json!("Seller"));
    if template == "4me" {
        until("the other manager", || field("manager", "name") == "chief");
        until("the other name", || field("organization", "name") == "Sales EU");
    }

    // A leaver, and a returner with everything there.
    place.ok(&["user", "disable", "company", ann]);
    sync();
    becomes(place, ann, "access", &json!(false));
    place.ok(&["user", "enable", "company", ann]);
    sync();
    becomes(place, ann, "access", &json!(true));
    becomes(place, ann, "disabled", &json!(false));
    let back = person(place, ann);
    assert_eq!((&back["id"], &back["job_title"]), (&id, &json!("Seller")));
    if template == "4me" {
        assert_eq!(back["organization"]["name"], "Sales EU");
    }
    assert!(server.stop());
}

#[test]
fn entras_story_against_a_4me_account() {
    story(&Place::sqlite(), "4me", "entra-062020");
    story(&Place::postgres(), "4me", "entra-legacy");
}

#[test]
fn oktas_story_against_a_4me_account() {
    story(&Place::sqlite(), "4me", "okta");
    story(&Place::sqlite(), "4me", "okta-wizard");
}

#[test]
fn a_story_against_an_elium_account() {
    story(&Place::sqlite(), "elium", "entra-062020");
}
