//! An app's life at the command line: whom a change touches, how many are made, its attributes, another address, protected users.

use serde_json::{Value, json};

use crate::place::{Place, Server};

const PEOPLE: &str = "userName,mail,displayName,title\nann@example.com,ann@example.com,Ann Lee,Head\nbob@example.com,bob@example.com,Bob Poe,Clerk\ncleo@example.com,cleo@example.com,Cleo Day,Clerk\n";

/// An app `crm` here against an account of that profile there.
fn both_ends(here: &Place, there: &Place, profile: &str) -> Server {
    let token = there.account("acme", profile);
    let server = there.serve();
    here.directory(&here.file("people.csv", PEOPLE));
    here.app("crm", "scim", &server.base(), &token);
    here.ok(&["app", "set", "crm", "deletion_threshold_percent=off"]);
    server
}

fn names(impact: &Value) -> Vec<(&str, &str)> {
    fn text(value: &Value) -> &str {
        value.as_str().unwrap()
    }
    impact["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| (text(&i["action"]), text(&i["object"]["name"])))
        .collect()
}

/// Runs a change that has to be agreed to; what it would do.
#[track_caller]
fn shown(place: &Place, words: &[&str]) -> Value {
    let output = place.run(&[words, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--yes"));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_change_that_touches_somebody_is_shown_and_not_made() {
    for here in Place::both() {
        let there = Place::sqlite();
        let _server = both_ends(&here, &there, "standard");
        // It never began: nobody is asked.
        here.ok(&["app", "filter", "add", "crm", "clerks", "--clause", "title EQUALS Nobody"]);
        here.ok(&["app", "filter", "remove", "crm", "clerks"]);
        here.ok(&["app", "scope", "crm", "all"]);
        assert_eq!(here.json(&["app", "sync", "crm"])["counts"]["create"], 3);
        let before = here.ok(&["app", "mapping", "show", "crm"]);

        let clerks = ["app", "filter", "add", "crm", "clerks", "--clause", "title EQUALS Clerk"];
        let impact = shown(&here, &clerks);
        assert_eq!(names(&impact), [("disable", "ann@example.com")], "{impact}");
        assert_eq!(impact["items"][0]["reason"]["text"], "does not pass the scoping filter any longer");
        let louder = ["app", "mapping", "set", "crm", "title", "Append([jobTitle], \"!\")"];
        assert_eq!(shown(&here, &louder)["counts"]["update"], 3);
        let said = here.fails(&["app", "scope", "crm", "assigned"]);
        assert!(said.contains("3 disable") && said.contains("disable user bob@example.com"), "{said}");
        assert_eq!(here.ok(&["app", "mapping", "show", "crm"]), before, "nothing is changed");
        assert_eq!(here.json(&["app", "sync", "crm"])["counts"]["disable"], 0);
        // What touches nobody is saved at once; what somebody agreed to, too.
        here.ok(&["app", "mapping", "set", "crm", "title", "Coalesce([jobTitle])"]);
        here.ok(&[&clerks[..], &["--yes"]].concat());
        let listed = here.json(&["app", "filter", "list", "crm"]);
        assert_eq!(
            listed["items"],
            json!([{"kind": "users", "title": "clerks", "clauses": ["title EQUALS Clerk"]}])
        );
        assert_eq!(here.json(&["app", "sync", "crm"])["counts"]["disable"], 1);
        // By a running server as well.
        if here.is_sqlite() {
            let server = here.serve();
            let back = shown(&here, &["app", "filter", "remove", "crm", "Clerks"]);
            assert_eq!(names(&back), [("enable", "ann@example.com")]);
            let file = here.file("mapping.toml", &before);
            assert_eq!(names(&shown(&here, &["app", "mapping", "import", "crm", &file])).len(), 1);
            assert_eq!(here.json(&["app", "mapping", "import", "crm", &file, "--yes"])["saved"], true);
            assert!(server.stop());
        }
    }
}

#[test]
fn an_app_that_cannot_be_asked_can_not_say_whom_a_change_touches() {
    let (here, there) = (Place::sqlite(), Place::sqlite());
    let server = both_ends(&here, &there, "standard");
    here.ok(&["app", "scope", "crm", "all"]);
    here.ok(&["app", "filter", "add", "crm", "clerks", "--clause", "title EQUALS Clerk"]);
    here.ok(&["app", "sync", "crm"]);
    assert!(server.stop());
    let said = here.fails(&["app", "filter", "remove", "crm", "clerks"]);
    assert!(said.contains("--yes"), "{said}");
    here.ok(&["app", "filter", "remove", "crm", "clerks", "--yes"]);
    let said = here.fails(&["app", "filter", "remove", "crm", "clerks"]);
    assert!(said.contains("there is no filter group clerks"), "{said}");
    let said = here.fails(&["app", "filter", "add", "crm", "x", "--clause", "title is Clerk"]);
    assert!(said.contains("EQUALS") && said.contains("title is Clerk"), "{said}");
    let said = here.fails(&["app", "filter", "add", "crm", "x", "--clause", "titel EQUALS Clerk"]);
    assert!(said.contains("did you mean"), "{said}");
}

#[test]
fn a_start_with_the_first_stops_and_says_so() {
    let (here, there) = (Place::sqlite(), Place::sqlite());
    let _server = both_ends(&here, &there, "standard");
    here.ok(&["app", "scope", "crm", "all"]);
    here.ok(&["app", "start", "crm", "--first", "2"]);
    assert_eq!(here.json(&["app", "sync", "crm"])["counts"]["create"], 2);
    let status = here.json(&["app", "status", "crm"]);
    assert_eq!((&status["state"], &status["counts"]["create"]), (&json!("off"), &json!(2)), "{status}");
    assert!(status["last_reachable_at"].is_string() && status["held"]["text"].is_string(), "{status}");
    let said = here.ok(&["app", "status", "crm"]);
    assert!(said.contains("the first 2 are provisioned") && said.contains("last proven reachable"), "{said}");
    here.ok(&["app", "start", "crm"]);
    assert_eq!(here.json(&["app", "sync", "crm"])["counts"]["create"], 1);
    assert_eq!(here.json(&["app", "status", "crm"])["held"], Value::Null);

    here.ok(&["app", "set", "crm", "creates_max=1"]);
    for name in ["dan", "eve"] {
        here.ok(&["user", "create", "company", "--set", &format!("userName={name}@example.com")]);
    }
    let counts = here.json(&["app", "sync", "crm"])["counts"].clone();
    assert_eq!((&counts["create"], &counts["held"]), (&json!(1), &json!(1)));
    let said = here.ok(&["app", "allow-creates", "crm"]);
    assert!(said.contains("1 users"), "{said}");
    assert_eq!(here.json(&["app", "sync", "crm"])["counts"]["create"], 1);
}

#[test]
fn attributes_are_listed_added_and_discovered() {
    for here in Place::both() {
        let there = Place::sqlite();
        let _server = both_ends(&here, &there, "4me");
        let list = || here.json(&["app", "attribute", "list", "crm"])["items"].as_array().unwrap().clone();
        let named = |name: &str| list().into_iter().find(|attribute| attribute["name"] == name);
        let user_name = named("userName").unwrap();
        assert_eq!((&user_name["required"], &user_name["mapped"]), (&json!(true), &json!(true)));
        assert_eq!(named("emails").unwrap()["multi_valued"], true);
        const SITE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:site";
        assert_eq!(named(SITE), None);
        let said = here.fails(&["app", "mapping", "set", "crm", SITE, "[city]"]);
        assert!(said.contains("unknown target attribute"), "{said}");

        let found = here.json(&["app", "attribute", "discover", "crm"]);
        assert!(found["added"].as_array().unwrap().iter().any(|added| added["name"] == SITE), "{found}");
        assert_eq!(named(SITE).unwrap()["added"], true);
        assert_eq!(here.json(&["app", "attribute", "discover", "crm"])["added"], json!([]), "nothing is new");
        here.ok(&["app", "mapping", "set", "crm", SITE, "[city]"]);
        let said = here.fails(&["app", "attribute", "remove", "crm", SITE]);
        assert!(said.contains("is mapped"), "{said}");
        // They are the app's, whatever becomes of the mapping.
        here.ok(&["app", "mapping", "reset", "crm"]);
        assert_eq!(named(SITE).unwrap()["mapped"], false);
        here.ok(&["app", "attribute", "remove", "crm", SITE]);
        assert_eq!(named(SITE), None);

        let badge = "urn:example:hr:2.0:User:badge";
        let add = ["app", "attribute", "add", "crm", badge];
        here.ok(&[&add[..], &["--type", "integer", "--mutability", "immutable", "--required"]].concat());
        let shown = named(badge).unwrap();
        assert_eq!(
            (&shown["type"], &shown["mutability"], &shown["required"]),
            (&json!("integer"), &json!("immutable"), &json!(true))
        );
        let said = here.fails(&add);
        assert!(said.contains("has it already"), "{said}");
        here.ok(&[
            "app",
            "attribute",
            "add",
            "crm",
            "urn:example:hr:2.0:User:desk",
            "--sub",
            "floor",
            "--sub",
            "seat:integer",
        ]);
        here.ok(&["app", "mapping", "set", "crm", "urn:example:hr:2.0:User:desk.floor", "[city]"]);
        assert_eq!(named("urn:example:hr:2.0:User:desk.seat").unwrap()["type"], "integer");
        let said = here.fails(&["app", "attribute", "add", "crm", "shoe", "--type", "text"]);
        assert!(said.contains("none of string"), "{said}");
        let said = here.fails(&["app", "attribute", "remove", "crm", "userName"]);
        assert!(said.contains("was not added"), "{said}");
    }
}

#[test]
fn an_app_with_links_moves_only_when_somebody_says_whose_the_accounts_are() {
    let (here, there) = (Place::sqlite(), Place::sqlite());
    let server = both_ends(&here, &there, "standard");
    here.ok(&["app", "scope", "crm", "all"]);
    here.ok(&["app", "sync", "crm"]);
    let elsewhere = server.base().replace("127.0.0.1", "localhost");
    let said = here.fails(&["app", "set", "crm", &format!("tenant_url={elsewhere}")]);
    assert!(said.contains("--accounts same") && said.contains("--accounts other"), "{said}");
    let token = here.folder().join("crm.token");
    let token = token.to_str().unwrap();
    let with = ["--secret-token-file", token, "--token-expires", "2099-01-31"];
    let said = here.ok(&[&["app", "move", "crm", &elsewhere, "--accounts", "same"], &with[..]].concat());
    assert!(said.contains("3 of its accounts and groups were looked for"), "{said}");
    assert_eq!(here.json(&["app", "sync", "crm"])["writes"], 0);
    let status = here.json(&["app", "status", "crm"]);
    assert_eq!(status["credential_expires_at"], "2099-01-31T00:00:00.000Z");

    // Another tenant of the same server: the accounts are not there.
    there.printed.lock().unwrap().clear();
    let other = there.account("other", "standard");
    let other = here.file("other.token", other.trim());
    let with = ["--secret-token-file", &other];
    let said =
        here.fails(&[&["app", "move", "crm", &server.base(), "--accounts", "same"], &with[..]].concat());
    assert!(said.contains("3 of 3"), "{said}");
    here.ok(&[&["app", "move", "crm", &server.base(), "--accounts", "other"], &with[..]].concat());
    let status = here.json(&["app", "status", "crm"]);
    assert_eq!((&status["state"], &status["linked_users"]), (&json!("off"), &json!(0)));
    assert_eq!(here.json(&["app", "sync", "crm"])["counts"]["create"], 3);
}

#[test]
fn a_user_is_protected_in_every_app_of_the_directory() {
    for here in Place::both() {
        let there = Place::sqlite();
        let _server = both_ends(&here, &there, "standard");
        here.ok(&["app", "scope", "crm", "all"]);
        here.ok(&["app", "sync", "crm"]);
        here.ok(&["user", "protect", "company", "ann@example.com"]);
        let rest: Vec<_> = PEOPLE.lines().filter(|line| !line.contains("ann@")).collect();
        here.file("people.csv", &rest.join("\n"));
        here.ok(&["source", "sync", "people"]);
        here.fails(&["app", "sync", "crm"]);
        let log = here.json(&["app", "logs", "crm", "--code", "ProtectedUser"]);
        assert_eq!(log["items"].as_array().unwrap().len(), 1, "{log}");
        here.ok(&["user", "protect", "company", "ann@example.com", "--off"]);
        assert_eq!(here.json(&["app", "sync", "crm"])["counts"]["disable"], 1);
    }
}
