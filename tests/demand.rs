//! One person at the command line: explained, tried dry, provisioned; and the app that rests, restarted.

use serde_json::{Value, json};

use crate::place::Place;

const PEOPLE: &str = "userName,mail,displayName,title\nann@example.com,ann@example.com,Ann Lee,Head\nbob@example.com,bob@example.com,Bob Poe,Clerk\n";

fn step<'a>(found: &'a Value, name: &str) -> &'a Value {
    let steps = found["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no {name} in {found}"))
}

#[test]
fn on_demand_and_explained_at_the_command_line() {
    for place in Place::both() {
        place.directory(&place.file("people.csv", PEOPLE));
        let token = place.account("acme", "4me");
        let server = place.serve();
        place.app("4me", "4me", &server.base(), &token);
        place.app("wiki", "scim", &server.base(), &token);
        let ann = ["--user", "ann@example.com"];
        let found = place.json(&[&["app", "explain", "4me"], &ann[..]].concat());
        assert_eq!(found["verdict"]["code"], "NotEffectivelyEntitled", "{found}");
        let assigned = &step(&found, "scope")["details"][1];
        assert_eq!(assigned["title"], "Assigned to application");
        assert_eq!((&assigned["holds"], &assigned["seen"]), (&json!(false), &json!("not assigned")));

        place.ok(&[&["app", "assign", "4me"], &ann[..]].concat());
        place.ok(&["app", "assign", "4me", "--user", "bob@example.com"]);
        let dry = place.json(&[&["app", "provision", "4me", "--dry-run"], &ann[..]].concat());
        assert_eq!((&dry["sent"], &dry["verdict"]["action"]), (&json!(false), &json!("create")), "{dry}");
        let said = place.ok(&[&["app", "provision", "4me"], &ann[..]].concat());
        assert!(said.contains("done: create") && said.contains("title: null → \"Head\""), "{said}");
        assert_eq!(place.people("acme", 1)[0]["name"], "Ann Lee");
        let log = place.json(&["app", "logs", "4me"]);
        assert_eq!(log["items"].as_array().unwrap().len(), 1, "nobody else: {log}");
        assert_eq!(log["items"][0]["initiatedBy"]["initiatorType"], "user");

        // Without a name: every app of the directory.
        let all = place.json(&[&["app", "explain"], &ann[..]].concat());
        let verdicts: Vec<_> =
            all["items"].as_array().unwrap().iter().map(|a| (&a["app"], &a["verdict"]["code"])).collect();
        assert_eq!(
            verdicts,
            [(&json!("4me"), &json!("RedundantExport")), (&json!("wiki"), &json!("NotEffectivelyEntitled"))]
        );
        let said = place.fails(&["app", "explain", "--user", "nobody@example.com"]);
        assert!(said.contains("nobody@example.com"), "{said}");
    }
}

#[test]
fn an_app_that_cannot_be_reached_is_shown_so_and_nobody_is_touched() {
    let place = Place::sqlite();
    place.directory(&place.file("people.csv", PEOPLE));
    place.app("crm", "scim", "http://127.0.0.1:9/scim/v2", "a-token");
    place.ok(&["app", "scope", "crm", "all"]);
    let said = place.fails(&["app", "provision", "crm", "--user", "ann@example.com"]);
    assert!(said.contains("no connection to 127.0.0.1:9"), "{said}");
    // What needs no answer of the app is told all the same.
    let said = place.fails(&["app", "explain", "crm", "--user", "ann@example.com"]);
    assert!(said.contains("yes Scope sync all") && said.contains("match      failure"), "{said}");
}
