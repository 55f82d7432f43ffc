//! kill -9, of the server at random moments under a load of writes and of running cycles: nothing acknowledged is lost, nothing
//! stands twice, no event is skipped.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    http,
    load::{self, Load, Told},
    place::{Place, Server, times, until},
};

fn killed(place: &Place) {
    let (token, group) = load::tenant(place);
    let (mut told, kills) = (Told::default(), times(10, 100));
    for round in 0..kills {
        let server = place.serve();
        load::check(server.address, &token, &group, &told);
        let load = Load::start(server.address, &token, &group, round);
        load.go_on(rand::random_range(1..80));
        std::thread::sleep(Duration::from_millis(rand::random_range(0..20)));
        server.kill();
        told.join(load.stop());
    }
    let server = place.serve();
    load::check(server.address, &token, &group, &told);
    let users = load::listed(server.address, &token, "Users").len();
    if place.is_sqlite() {
        // Whoever held the rules' lease is known to be gone, so they go on at once; elsewhere it is waited for.
        load::everybody_has_a_record(place, "acme", users);
        let body = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann@example.com","displayName":"Ann Lee"}"#;
        assert_eq!(http::send(server.address, "POST", "/scim/v2/Users", &token, body).unwrap().status, 201);
        let ann = ["people", "show", "acme", "ann@example.com"];
        until("Ann is a person", || place.run(&ann).status.success());
    }
    assert!(server.stop());
    load::tables_agree(place);
    let database = if place.is_sqlite() { "SQLite" } else { "PostgreSQL" };
    let writes = told.writes;
    println!(
        "proof: | {database} | kill -9 of the server, {kills} times | {writes} writes acknowledged, {users} users at the end |"
    );
}

#[test]
fn killed_ten_times_under_load_on_sqlite() {
    killed(&Place::sqlite());
}

#[test]
fn killed_ten_times_under_load_on_postgresql() {
    killed(&Place::postgres());
}

/// How many users the account has.
fn total(server: &Server, token: &str) -> usize {
    let page = http::send(server.address, "GET", "/scim/v2/Users?count=0", token, "").unwrap().json();
    usize::try_from(page["totalResults"].as_u64().unwrap()).unwrap()
}

#[test]
fn cycles_killed_ten_times_lose_nobody_and_make_nobody_twice() {
    const PEOPLE: usize = 1_200;
    let app = Place::sqlite();
    let token = app.account("acme", "standard");
    let there = app.serve();
    let place = Place::sqlite();
    let mut csv = "userName,mail,displayName,manager\n".to_owned();
    for n in 0..PEOPLE {
        let boss = if n == 0 { String::new() } else { format!("u{}@example.com", n / 7) };
        csv.push_str(&format!("u{n}@example.com,u{n}@example.com,Person {n},{boss}\n"));
    }
    place.directory(&place.file("people.csv", &csv));
    place.app("wiki", "scim", &there.base(), &token);
    place.ok(&["app", "scope", "wiki", "all"]);
    let mut cut = 0;
    for _ in 0..10 {
        let before = total(&there, &token);
        let running = place.start(&["app", "sync", "wiki"]);
        until("more users", || {
            let now = total(&there, &token);
            now > before || now == PEOPLE
        });
        // kill -9.
        drop(running);
        cut += usize::from(total(&there, &token) < PEOPLE);
    }
    assert!(cut >= 5, "only {cut} of ten were in the midst of it");
    place.ok(&["app", "sync", "wiki"]);
    assert_eq!(total(&there, &token), PEOPLE);
    let mut names = BTreeMap::new();
    while names.len() < PEOPLE {
        let path = format!("/scim/v2/Users?startIndex={}&count=500", names.len() + 1);
        let page = http::send(there.address, "GET", &path, &token, "").unwrap().json();
        for user in page["Resources"].as_array().unwrap() {
            let name = user["userName"].as_str().unwrap().to_owned();
            let manager =
                user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"]["value"]
                    .clone();
            assert_eq!(manager.is_string(), name != "u0@example.com", "{user}");
            assert_eq!(names.insert(name, user["id"].clone()), None, "twice: {user}");
        }
    }
    assert!((0..PEOPLE).all(|n| names.contains_key(&format!("u{n}@example.com"))));
    // Nothing is left to write.
    let cycle = place.json(&["app", "sync", "wiki"]);
    assert_eq!(cycle["writes"], 0, "{cycle}");
    assert!(there.stop());
}
