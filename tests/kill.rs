//! kill -9 of the server at random moments under a load of writes: nothing acknowledged is lost, nothing stands twice, no event is
//! skipped.

use std::time::Duration;

use crate::{
    http,
    load::{self, Load, Told},
    place::{Place, times, until},
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
