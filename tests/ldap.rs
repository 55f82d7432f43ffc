//! From an LDAP server to an app, by a running server alone: nobody asks for anything, no interval passes.

use std::time::Instant;

use crate::{
    http,
    place::{Place, Server, until},
    slapd::{ADMIN, PASSWORD, Slapd, group, people},
};

fn add(place: &Place, slapd: &Slapd) {
    let password = place.file("password", &format!("{PASSWORD}\n"));
    place.ok(&["directory", "create", "company"]);
    place.ok(&[
        "source",
        "add",
        "ldap",
        "--directory",
        "company",
        "--kind",
        "ldap",
        "--url",
        &slapd.url(),
        "--base",
        "dc=x",
        "--bind-dn",
        ADMIN,
        "--bind-password-file",
        &password,
        "--every",
        "never",
    ]);
}

/// Whether the app has this person, and calls it active.
fn active(server: &Server, token: &str, name: &str) -> Option<bool> {
    let path = format!("/scim/v2/Users?filter=userName%20eq%20%22{name}%22");
    let list = http::send(server.address, "GET", &path, token, "").unwrap().json();
    list["Resources"].as_array()?.first()?["active"].as_bool()
}

#[test]
fn a_leaver_of_an_ldap_server_loses_access_by_itself() {
    for place in Place::both() {
        let slapd = Slapd::with(&(people(0..12) + &group("team", [1, 2])));
        add(&place, &slapd);
        let tested = place.json(&["source", "test", "ldap"]);
        assert_eq!(tested["ok"], true, "{tested}");
        let found = place.json(&["source", "preview", "ldap", "--first", "1"]);
        assert_eq!(
            (found["create"].as_u64(), found["first"][0]["resource"]["userName"].as_str()),
            (Some(13), Some("p0@x.example"))
        );
        let token = place.account("acme", "standard");
        let server = place.serve();
        place.app("acme", "scim", &server.base(), &token);
        place.ok(&["app", "scope", "acme", "all"]);
        place.ok(&["app", "start", "acme"]);
        until("everybody has an account", || active(&server, &token, "p11@x.example") == Some(true));
        slapd.delete("uid=p2,ou=people,dc=x");
        let began = Instant::now();
        until("the leaver is disabled", || active(&server, &token, "p2@x.example") == Some(false));
        println!("time to lose access: {:?} (with the engine's rest between cycles)", began.elapsed());
        assert_eq!(active(&server, &token, "p1@x.example"), Some(true));
        let runs = place.json(&["source", "runs", "ldap"]);
        let newest = &runs["items"][0];
        assert_eq!(
            (newest["incremental"].as_bool(), newest["disabled"].as_u64()),
            (Some(true), Some(1)),
            "{runs}"
        );
        assert!(server.stop());
        assert!(!place.printed.lock().unwrap().contains(PASSWORD));
    }
}
