//! Everybody's rules at work: somebody who leaves meanwhile has no access with the next read, and a server that is killed in the
//! midst of it leaves people as the rules say.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    http,
    people::{Client, becomes, person, served},
    place::{Place, Server, times, until, until_within},
};

const PEOPLE: &str = "/api/v1/accounts/acme/production/people";
/// A pass over everybody of a proof, on a slow machine.
const LONG: Duration = Duration::from_secs(1_800);

/// Makes users by the thousand.
fn fill(server: &Server, token: &str, users: usize) {
    for start in (0..users).step_by(1_000) {
        let operation = |n: usize| {
            json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("user{n}"),
                "displayName": format!("User {n}"), "title": "Buyer", "active": true,
                "emails": [{"value": format!("user{n}@example.com"), "type": "work", "primary": true}],
            }})
        };
        let operations: Vec<Value> = (start..users.min(start + 1_000)).map(operation).collect();
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
        let answer = http::send(server.address, "POST", "/scim/v2/Bulk", token, &body.to_string()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let made = answer.json();
        assert!(made["Operations"].as_array().unwrap().iter().all(|it| it["status"] == "201"), "{made}");
    }
}

/// What is left of a pass; null: nothing.
fn left(place: &Place) -> Value {
    place.json(&["rule", "list", "acme"])["reprocessing"].clone()
}

/// How many people there are of a kind, counted at the read API.
fn counted(server: &Server, api: &str, query: &str) -> usize {
    let (mut count, mut after) = (0, String::new());
    loop {
        let path = format!("{PEOPLE}?limit=1000{query}{after}");
        let page = http::send(server.address, "GET", &path, api, "").unwrap().json();
        count += page["items"].as_array().unwrap_or_else(|| panic!("{page}")).len();
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return count,
        }
    }
}

/// F44.
#[test]
fn who_is_set_inactive_has_no_access_with_the_next_read_while_everybody_is_run_again() {
    let (users, leavers) = (times(3_000, 100_000), times(60, 300));
    for place in Place::both() {
        let token = place.account("acme", "standard");
        // More leave than a guard lets pass.
        place.ok(&["account", "set", "acme", "guard=off"]);
        let api = place.ok(&["token", "issue", "acme", "--api"]).trim().to_owned();
        let server = place.serve_with(&[("USHER_API_REQUESTS_PER_SECOND", "0")]);
        fill(&server, &token, users);
        until_within(LONG, "a first pass", || left(&place).is_null() && counted(&server, &api, "") == users);
        let rule = place.file(
            "rule.toml",
            "[[rule]]\nname = \"Room\"\nkind = \"user\"\ncondition = 'IsPresent([person])'\n\
             actions = [{ set = \"location\", to = '\"Room 1\"' }]\n",
        );
        place.ok(&["rule", "set", "acme", &rule, "--yes"]);
        let client = Client { server: &server, token: token.clone() };
        let mut seen_left = Value::Null;
        for n in 0..leavers {
            // From both ends of the pass and its middle.
            let who = (n * 7_919) % users;
            let email = format!("user{who}@example.com");
            let by_email = format!("{PEOPLE}?email={email}");
            let read = |path: &str| http::send(server.address, "GET", path, &api, "").unwrap().json();
            let before = read(&by_email)["items"][0].clone();
            assert_eq!(before["access"], true, "{before}");
            let off = json!({"op": "replace", "path": "active", "value": false});
            let more = match n % 3 {
                0 => vec![],
                1 => vec![json!({"op": "replace", "path": "title", "value": "x".repeat(500)})],
                _ => vec![json!({"op": "remove", "path": "emails"})],
            };
            let operations: Vec<Value> = [off].into_iter().chain(more).collect();
            let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
            let id = before["source_id"].as_str().unwrap();
            client.send(
                "PATCH",
                &format!("/Users/{id}"),
                &json!({"schemas": schemas, "Operations": operations}),
            );
            let after = read(&by_email)["items"][0].clone();
            assert_eq!((&after["id"], &after["access"]), (&before["id"], &json!(false)), "{n}: {after}");
            if n == 0 {
                seen_left = left(&place);
            }
        }
        assert!(!seen_left.is_null(), "nothing was left to run when the first one left");
        until_within(LONG, "the pass", || left(&place).is_null());
        assert_eq!(counted(&server, &api, ""), users);
        assert_eq!(counted(&server, &api, "&disabled=true"), leavers);
        // Who was set inactive meanwhile may come after the pass.
        for who in [0, users / 2, users - 1] {
            becomes(&place, &format!("user{who}@example.com"), "location", &json!("Room 1"));
        }
        let database = if place.is_sqlite() { "SQLite" } else { "PostgreSQL" };
        let remaining = &seen_left["left"];
        println!(
            "proof: | {database} | {leavers} set inactive while {users} records are run again | each without access with the next read; {remaining} were to run at the first |"
        );
        assert!(server.stop());
    }
}

#[test]
fn killed_in_the_middle_of_updates_people_are_what_the_rules_say() {
    for place in Place::both() {
        let (server, token) = served(&place);
        let client = Client { server: &server, token: token.clone() };
        let people = 40;
        let ids: Vec<String> = (0..people)
            .map(|n| {
                client.post(
                    "/Users",
                    &json!({"userName": format!("u{n}@example.com"), "displayName": format!("U{n}")}),
                )
            })
            .collect();
        let updates = times(400, 10_000);
        let title = |update: usize| format!("Title {update}");
        let mut server = Some(server);
        let mut last = vec![String::new(); people];
        for update in 0..updates {
            let at = update % people;
            let running = server.as_ref().unwrap();
            Client { server: running, token: token.clone() }.replace(
                &ids[at],
                "title",
                &json!(title(update)),
            );
            last[at] = title(update);
            // Twice in the middle.
            if update == updates / 3 || update == 2 * updates / 3 {
                server.take().unwrap().kill();
                server = Some(place.serve());
            }
        }
        // On PostgreSQL the lease of the killed one is waited for.
        until_within(Duration::from_secs(240), "the rules go on", || {
            person(&place, "u0@example.com")["job_title"] == json!(last[0])
        });
        for (n, title) in last.iter().enumerate() {
            becomes(&place, &format!("u{n}@example.com"), "job_title", &json!(title));
        }
        until("nothing is left", || place.json(&["rule", "list", "acme"])["reprocessing"].is_null());
        let records = place.json(&["records", "acme", "--limit", "1000"]);
        assert!(
            records["items"].as_array().unwrap().iter().all(|record| record["state"] == "in_order"),
            "{records}"
        );
        assert_eq!(place.people("acme", people).len(), people);
        assert!(server.unwrap().stop());
        let database = if place.is_sqlite() { "SQLite" } else { "PostgreSQL" };
        println!(
            "proof: | {database} | kill -9 twice in {updates} updates, rules at work | {people} people, each what the rules say |"
        );
    }
}
