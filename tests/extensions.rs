//! Extension schemas and indexed attributes as an administrator meets them, beside a running server that is killed while it builds.

use serde_json::{Value, json};

use crate::{
    http,
    place::{Place, until},
};

const HR: &str = "urn:example:hr:1.0:User";

fn states(place: &Place) -> Vec<(String, String)> {
    let list = place.json(&["account", "index", "list", "acme"]);
    let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    let all = list["items"].as_array().unwrap();
    all.iter()
        .filter(|item| item["unique"] == false)
        .map(|item| (text(item, "environment"), text(item, "state")))
        .collect()
}

#[test]
fn an_account_gets_a_schema_and_an_index_of_its_own() {
    for place in Place::both() {
        let token = place.account("acme", "standard");
        let quick = [("USHER_SCIM_REQUEST_SECONDS", "1")];
        let server = place.serve_with(&quick);
        let file = place.file(
            "hr.json",
            &json!({"id": HR, "name": "HR", "attributes": [
                {"name": "badge", "type": "string", "uniqueness": "server"}, {"name": "team", "type": "string"}]})
            .to_string(),
        );
        let broken = place.file("broken.json", "{");
        assert!(place.fails(&["account", "schema", "add", "acme", &broken]).contains("is no JSON object"));
        let core = place.file(
            "core.json",
            &json!({"id": "urn:ietf:params:scim:schemas:core:2.0:User", "attributes": [{"name": "x"}]})
                .to_string(),
        );
        assert!(place.fails(&["account", "schema", "add", "acme", &core]).contains("no URN of your own"));
        let listed = place.json(&["account", "schema", "add", "acme", &file]);
        assert_eq!((&listed["items"][0]["urn"], &listed["items"][0]["kind"]), (&json!(HR), &json!("user")));
        let said = place.ok(&["account", "schema", "list", "acme"]);
        assert!(said.contains(HR) && said.contains("badge, team"), "{said}");

        // With the next request, at a server that was running before.
        let base = "/scim/v2/Users";
        for n in 0..5 {
            let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", HR], "userName": format!("u{n}"),
                              HR: {"badge": n.to_string(), "team": if n < 2 { "Blue" } else { "Red" }}});
            let made = http::send(server.address, "POST", base, &token, &user.to_string()).unwrap();
            assert_eq!(
                (made.status, &made.json()[HR]["badge"]),
                (201, &json!(n.to_string())),
                "{}",
                made.body
            );
        }
        let used = place.fails(&["account", "schema", "remove", "acme", HR]);
        let told = format!("{HR} is in use by 5 users of production");
        assert!(used.contains(&told) && used.contains("have its values cleared"), "{used}");
        assert!(
            place
                .fails(&["account", "schema", "remove", "acme", "urn:example:no"])
                .contains("no extension schema")
        );

        assert!(
            place
                .fails(&["account", "index", "add", "acme", "userName"])
                .contains("indexed in every account")
        );
        place.ok(&["account", "index", "add", "acme", &format!("{HR}:team")]);
        assert!(place.fails(&["account", "index", "add", "acme", "team"]).contains("indexed already"));
        // Killed while it builds (or before it began): the next one goes on.
        server.kill();
        let server = place.serve_with(&quick);
        let ready =
            |word: &str| vec![("production".to_owned(), word.to_owned()), ("qa".to_owned(), word.to_owned())];
        until("an index that is ready", || states(&place) == ready("ready"));
        let filter = format!("{base}?filter=team+eq+%22BLUE%22");
        let found = http::send(server.address, "GET", &filter, &token, "").unwrap();
        assert_eq!((found.status, &found.json()["totalResults"]), (200, &json!(2)), "{}", found.body);
        let said = place.ok(&["account", "index", "list", "acme"]);
        assert!(said.contains("ready") && said.contains("uniqueness"), "{said}");
        place.ok(&["account", "index", "remove", "acme", "team"]);
        until("an index that is gone", || states(&place).is_empty());
        let found = http::send(server.address, "GET", &filter, &token, "").unwrap();
        assert_eq!(found.json()["totalResults"], json!(2));
    }
}
