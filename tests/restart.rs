//! The database is restarted, and crashes, under a server that goes on.

use std::time::Duration;

use crate::{
    cluster::Cluster,
    load::{self, Load, Told},
    place::{Place, times},
};

#[test]
fn a_database_that_crashes_and_restarts_loses_nothing_acknowledged() {
    let cluster = Cluster::start();
    let place = Place::on(cluster.url());
    let (token, group) = load::tenant(&place);
    let server = place.serve();
    let (mut told, restarts) = (Told::default(), times(4, 40));
    for round in 0..restarts {
        let load = Load::start(server.address, &token, &group, round);
        load.go_on(rand::random_range(1..80));
        std::thread::sleep(Duration::from_millis(rand::random_range(0..20)));
        if round % 2 == 0 {
            cluster.crash_and_start();
        } else {
            cluster.restart();
        }
        // The same server finds its way back by itself.
        load.go_on(20);
        told.join(load.stop());
        load::check(server.address, &token, &group, &told);
    }
    let users = load::listed(server.address, &token, "Users").len();
    // The rules' worker is the same all the time, and lost its connections in the middle of its work.
    load::everybody_has_a_record(&place, "acme", users);
    assert!(server.stop());
    load::tables_agree(&place);
    let writes = told.writes;
    println!(
        "proof: | PostgreSQL | the database crashes or restarts, {restarts} times | {writes} writes acknowledged, {users} users at the end |"
    );
}
