//! Commands beside a running server; tokens, environments, roles as an administrator meets them.

use crate::{
    http,
    place::{Place, until},
};

const USER: &str = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann@example.com","displayName":"Ann Lee","emails":[{"value":"ann@example.com","type":"work","primary":true}],"active":true}"#;

const PEOPLE: &str = "userName,mail,displayName\nann@example.com,ann@example.com,Ann Lee\nbob@example.com,bob@example.com,Bob Poe\n";

#[test]
fn commands_beside_a_running_server() {
    for place in Place::both() {
        let server = place.serve();
        let token = place.account("acme", "4me");
        let answer = http::send(server.address, "POST", "/scim/v2/Users", &token, USER).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        let people = place.people("acme", 1);
        assert_eq!(people[0]["name"], "Ann Lee");
        assert_eq!(place.json(&["account", "list"])["items"][0]["environments"][0]["people"], 1);
        // What a command changes holds at once.
        let listed = place.json(&["token", "list", "acme"]);
        let id = listed["items"][0]["id"].as_str().unwrap();
        place.ok(&["token", "revoke", "acme", id]);
        let refused = http::send(server.address, "GET", "/scim/v2/Users", &token, "").unwrap();
        assert_eq!(refused.status, 401);
        assert!(server.stop());
    }
}

#[test]
fn environments_are_apart() {
    for place in Place::both() {
        let production = place.account("acme", "standard");
        let qa = place.ok(&["token", "issue", "acme", "--environment", "qa"]).trim().to_owned();
        let server = place.serve();
        assert_eq!(http::send(server.address, "POST", "/scim/v2/Users", &qa, USER).unwrap().status, 201);
        let total = |token: &str| {
            http::send(server.address, "GET", "/scim/v2/Users", token, "").unwrap().json()["totalResults"]
                .clone()
        };
        assert_eq!((total(&production), total(&qa)), (0.into(), 1.into()));
        until("a person in qa", || {
            place.json(&["people", "list", "acme", "--environment", "qa"])["total"] == 1
        });
        assert_eq!(place.json(&["people", "list", "acme"])["total"], 0);
    }
}

#[test]
fn rotation_keeps_the_old_token_for_the_overlap() {
    for place in Place::both() {
        let old = place.account("acme", "4me");
        let new = place.ok(&["token", "rotate", "acme"]).trim().to_owned();
        let newest = place.ok(&["token", "rotate", "acme", "--overlap", "0"]).trim().to_owned();
        let server = place.serve();
        let status =
            |token: &str| http::send(server.address, "GET", "/scim/v2/Users", token, "").unwrap().status;
        assert_eq!((status(&old), status(&new), status(&newest)), (200, 401, 200));
    }
}

#[test]
fn start_and_stop() {
    for place in Place::both() {
        let file = place.file("people.csv", PEOPLE);
        place.directory(&file);
        let token = place.account("acme", "4me");
        let server = place.serve();
        place.app("4me", "4me", &server.base(), &token);
        place.ok(&["app", "scope", "4me", "all"]);
        place.ok(&["app", "start", "4me"]);
        // A started app is worked on by the server itself.
        assert_eq!(place.people("acme", 2).len(), 2);
        place.ok(&["app", "stop", "4me"]);
        assert_eq!(place.json(&["app", "status", "4me"])["state"], "off");
        assert_eq!(place.json(&["status"])["items"][0]["app"], "4me");
    }
}

#[test]
fn default_access_alone_is_out_where_the_app_has_roles() {
    let place = Place::sqlite();
    let file = place.file("people.csv", PEOPLE);
    place.directory(&file);
    let token = place.account("acme", "4me");
    let server = place.serve();
    place.app("4me", "4me", &server.base(), &token);
    place.ok(&["app", "assign", "4me", "--user", "ann@example.com", "--role", "Default Access"]);
    place.ok(&["app", "assign", "4me", "--user", "bob@example.com"]);
    let cycle = place.json(&["app", "sync", "4me"]);
    assert_eq!(cycle["counts"]["create"], 1, "{cycle}");
    assert_eq!(place.people("acme", 1)[0]["primary_email"], "bob@example.com");
    place.ok(&["app", "set", "4me", "exclude_default_access=false"]);
    let cycle = place.json(&["app", "sync", "4me"]);
    assert_eq!(cycle["counts"]["create"], 1, "{cycle}");
    place.people("acme", 2);
}

#[test]
fn the_key_is_the_owners_alone_and_asked_for_on_postgres() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::sqlite();
    place.ok(&["account", "list"]);
    let mode = |name: &str| std::fs::metadata(place.data().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("key")), (0o700, 0o600));
}

#[test]
fn a_secret_token_is_replaced_when_the_app_accepts_it() {
    for place in Place::both() {
        place.directory(&place.file("people.csv", PEOPLE));
        let old = place.account("acme", "4me");
        let server = place.serve();
        place.app("4me", "4me", &server.base(), &old);
        place.ok(&["app", "scope", "4me", "all"]);
        let new = place.ok(&["token", "rotate", "acme", "--overlap", "0"]);
        place.fails(&["app", "sync", "4me"]);
        let file = place.file("new.token", "usher_not-the-token");
        let said = place.fails(&["app", "credentials", "4me", "--secret-token-file", &file]);
        assert!(said.contains("401"), "{said}");
        place.file("new.token", &new);
        place.ok(&["app", "credentials", "4me", "--secret-token-file", &file]);
        assert_eq!(place.json(&["app", "sync", "4me"])["counts"]["create"], 2);
    }
}

#[test]
fn who_serves_scim_alone_numbers_what_it_takes() {
    let place = Place::postgres();
    let token = place.account("acme", "standard");
    let server = place.serve_as("service", &[]);
    for n in 0..3 {
        let user = format!(
            r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"u{n}@example.com"}}"#
        );
        let made = http::send(server.address, "POST", "/scim/v2/Users", &token, &user).unwrap();
        assert_eq!(made.status, 201, "{}", made.body);
    }
    let store = place.store();
    let second = std::time::Duration::from_secs(1);
    until("changes that nobody reads have numbers", || {
        store.block_read(second, usher_directory::feed::unnumbered).unwrap().is_empty()
    });
    assert!(server.stop());
    store.close();
}
