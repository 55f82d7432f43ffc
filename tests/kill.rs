//! kill -9 under a write load: nothing acknowledged is lost, no name stands twice.

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
