//! `usher backup` under load, and what is restored from it.

use serde_json::json;

use crate::{
    http,
    load::{self, Load, Told},
    place::Place,
};

#[test]
fn a_backup_under_load_ends_and_what_is_restored_from_it_is_the_same() {
    let place = Place::sqlite();
    let (token, group) = load::tenant(&place);
    let server = place.serve();
    let load = Load::start(server.address, &token, &group, 0);
    load.go_on(60);
    let first = place.folder().join("first.db");
    let first = first.to_str().unwrap();
    let mut before = load.stop();
    let load = Load::start(server.address, &token, &group, 1);
    load.go_on(1);
    // Over the socket of the running server.
    let said = place.ok(&["backup", first]);
    assert!(said.contains(first) && said.contains("key"), "{said}");
    let during = load.stop();
    assert!(during.writes > 0);
    let second = place.folder().join("second.db");
    let second = second.to_str().unwrap();
    place.ok(&["backup", second]);
    assert!(place.fails(&["backup", second]).contains("exists already"));
    let users = load::listed(server.address, &token, "Users");
    let groups = load::listed(server.address, &token, "Groups");
    assert!(server.stop());

    // Under load: what was acknowledged before is in it, whatever of the rest is.
    let restored = Place::sqlite();
    let said = restored.json(&["restore", first]);
    assert_eq!(said["lost_secrets"], json!([]));
    let copy = restored.serve();
    before.perhaps(&during);
    load::check(copy.address, &token, &group, &before);
    assert!(copy.stop());
    load::tables_agree(&restored);

    // At rest: the same, and it is used on.
    let restored = Place::sqlite();
    restored.ok(&["restore", second]);
    assert!(restored.fails(&["restore", second]).contains("already"));
    let copy = restored.serve();
    // The address is another.
    let elsewhere = |text: String| text.replace(&copy.address.to_string(), &server_address(&users));
    assert_eq!(
        elsewhere(json!(load::listed(copy.address, &token, "Users")).to_string()),
        json!(users).to_string()
    );
    assert_eq!(
        elsewhere(json!(load::listed(copy.address, &token, "Groups")).to_string()),
        json!(groups).to_string()
    );
    load::everybody_has_a_record(&restored, "acme", users.len());
    let mut told = Told::default();
    let load = Load::start(copy.address, &token, &group, 2);
    load.go_on(10);
    told.join(load.stop());
    assert!(copy.stop());
    load::tables_agree(&restored);
}

/// Where the resources were served.
fn server_address(users: &[serde_json::Value]) -> String {
    let location = users[0]["meta"]["location"].as_str().unwrap();
    location.trim_start_matches("http://").split('/').next().unwrap().to_owned()
}

#[test]
fn what_is_no_backup_is_not_restored_and_secrets_of_another_key_are_named() {
    let place = Place::sqlite();
    let token = place.account("acme", "standard");
    place.directory(&place.file("people.csv", "id,userName\n1,ann@example.com\n"));
    let server = place.serve();
    place.app("acme-app", "scim", &server.base(), &token);
    let copy = place.folder().join("copy.db");
    let copy = copy.to_str().unwrap();
    place.ok(&["backup", copy]);
    assert!(server.stop());

    let empty = Place::sqlite();
    assert!(empty.fails(&["restore", &place.file("text", "not at all")]).contains("no backup"));
    let damaged = [b"SQLite format 3\0".as_slice(), &[0; 200]].concat();
    let file = place.folder().join("damaged");
    std::fs::write(&file, damaged).unwrap();
    empty.fails(&["restore", file.to_str().unwrap()]);
    assert!(!empty.data().join("usher.db").exists());
    let said = empty.json(&["restore", copy]);
    assert_eq!(
        said["lost_secrets"],
        json!(["app acme-app: usher app credentials acme-app --secret-token-file FILE"])
    );

    // With the key that was, nothing is lost.
    let whole = Place::sqlite();
    std::fs::create_dir(whole.data()).unwrap();
    std::fs::copy(place.data().join("key"), whole.data().join("key")).unwrap();
    assert_eq!(whole.json(&["restore", copy])["lost_secrets"], json!([]));

    let postgres = Place::postgres();
    assert!(postgres.fails(&["backup", copy]).contains("pg_dump"));
    assert!(postgres.fails(&["restore", copy]).contains("pg_restore"));
    // A token is in the backup as its hash alone: it works.
    let copy = whole.serve();
    assert_eq!(http::send(copy.address, "GET", "/scim/v2/Users", &token, "").unwrap().status, 200);
}
