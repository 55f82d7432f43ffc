//! An app that ignores filters: people would be linked to others' accounts. The connection test says so, and the app can't be started.

use serde_json::json;

use crate::{
    http,
    place::{Place, until},
    proxy::Proxy,
};

const PEOPLE: &str = "userName,mail,displayName\nann@example.com,ann@example.com,Ann Lee\n";

#[test]
fn an_app_that_ignores_filters_is_not_started_and_nothing_is_written_to_it() {
    for place in Place::both() {
        let app = Place::sqlite();
        let token = app.account("acme", "standard");
        let there = app.serve();
        let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "somebody@example.com"});
        assert_eq!(
            http::send(there.address, "POST", "/scim/v2/Users", &token, &user.to_string()).unwrap().status,
            201
        );
        // Every list is the whole list.
        let deaf = Proxy::rewriting(there.address, |line| match line.split_once('?') {
            Some((path, _)) => format!("{path} HTTP/1.1\r\n"),
            None => line.to_owned(),
        });
        place.directory(&place.file("people.csv", PEOPLE));
        place.app("wiki", "scim", &format!("http://{}/scim/v2", deaf.address), &token);
        place.ok(&["app", "scope", "wiki", "all"]);

        let said = place.fails(&["app", "test", "wiki"]);
        assert!(
            said.contains("ignores the filter on userName") && said.contains("matching property"),
            "{said}"
        );
        let said = place.fails(&["app", "start", "wiki"]);
        assert!(said.contains("ignores the filter") && said.contains("wiki stays off"), "{said}");
        assert!(said.contains("usher app mapping set"), "{said}");
        assert_eq!(place.json(&["app", "status", "wiki"])["state"], "off");
        // Nor does a cycle by hand do anything, nor a server.
        assert!(place.fails(&["app", "sync", "wiki"]).contains("ignores the filter"));
        assert_eq!(deaf.counted().1, 0, "nothing was written");

        // One that hears filters is started.
        place.ok(&["app", "set", "wiki", &format!("tenant_url={}", there.base())]);
        let secret = place.file("again.token", &token);
        place.ok(&["app", "credentials", "wiki", "--secret-token-file", &secret]);
        place.ok(&["app", "start", "wiki"]);
        let server = place.serve();
        until("ann has an account", || {
            let path = "/scim/v2/Users?filter=userName%20eq%20%22ann@example.com%22";
            http::send(there.address, "GET", path, &token, "").unwrap().json()["totalResults"] == 1
        });
        assert!(server.stop() && there.stop());
    }
}
