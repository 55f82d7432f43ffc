//! kill -9, of a service under a write load and of running cycles: nothing acknowledged is lost, no name stands twice.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    http,
    place::{Place, Server, until},
};

/// Four clients create users, two of them racing for the same names, until told to stop; what was acknowledged, by name.
fn load(
    server: &Server,
    token: &str,
    round: usize,
    until: &Arc<AtomicBool>,
) -> Vec<std::thread::JoinHandle<Vec<(String, String)>>> {
    (0..4)
        .map(|client| {
            let (token, address, until) = (token.to_owned(), server.address, Arc::clone(until));
            std::thread::spawn(move || {
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    if until.load(Ordering::SeqCst) {
                        break;
                    }
                    let who = if client < 2 { "shared".to_owned() } else { format!("c{client}") };
                    let name = format!("{who}-{round}-{n}@example.com");
                    let body = format!(
                        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"{name}","active":true}}"#
                    );
                    match http::send(address, "POST", "/scim/v2/Users", &token, &body) {
                        Ok(answer) if answer.status == 201 => {
                            acknowledged.push((name, answer.json()["id"].as_str().unwrap().to_owned()));
                        }
                        Ok(answer) => assert_eq!(answer.status, 409, "{}", answer.body),
                        // The server was killed: not acknowledged.
                        Err(_) => {}
                    }
                }
                acknowledged
            })
        })
        .collect()
}

#[test]
fn killed_three_times_under_load() {
    for place in Place::both() {
        let token = place.account("acme", "standard");
        let mut acknowledged = BTreeMap::new();
        for round in 0..3 {
            let server = place.serve();
            let stop = Arc::new(AtomicBool::new(false));
            let clients = load(&server, &token, round, &stop);
            std::thread::sleep(Duration::from_millis(700));
            server.kill();
            stop.store(true, Ordering::SeqCst);
            for client in clients {
                for (name, id) in client.join().unwrap() {
                    assert_eq!(acknowledged.insert(name.clone(), id), None, "{name} was acknowledged twice");
                }
            }
        }
        assert!(acknowledged.len() > 30, "no load: {}", acknowledged.len());
        let server = place.serve();
        let mut there = BTreeMap::new();
        let mut start = 1;
        loop {
            let path = format!("/scim/v2/Users?startIndex={start}&count=500");
            let page = http::send(server.address, "GET", &path, &token, "").unwrap().json();
            let resources = page["Resources"].as_array().cloned().unwrap_or_default();
            if resources.is_empty() {
                break;
            }
            start += resources.len();
            for user in resources {
                let (name, id) = (user["userName"].as_str().unwrap(), user["id"].as_str().unwrap());
                assert_eq!(there.insert(name.to_owned(), id.to_owned()), None, "{name} stands twice");
            }
        }
        for (name, id) in &acknowledged {
            assert_eq!(there.get(name), Some(id), "{name} was acknowledged and is lost");
        }
        // One written but not acknowledged a client and round at most.
        assert!(there.len() <= acknowledged.len() + 12, "{} and {}", there.len(), acknowledged.len());
        if place.is_sqlite() {
            // The rules go on at once: whoever held their lease is known to be gone.
            let body = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann@example.com","displayName":"Ann Lee"}"#;
            assert_eq!(
                http::send(server.address, "POST", "/scim/v2/Users", &token, body).unwrap().status,
                201
            );
            let ann = ["people", "show", "acme", "ann@example.com"];
            until("Ann is a person", || place.run(&ann).status.success());
        }
    }
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
