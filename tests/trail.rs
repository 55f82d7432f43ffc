//! The trail as an administrator meets it: what a client sent, found and erased, beside a running server.

use serde_json::{Value, json};

use crate::{
    http,
    place::{Place, until},
};

const PATCH: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"},{"op":"add","path":"password","value":"never-kept"}]}"#;

fn user(name: &str) -> String {
    let core = "urn:ietf:params:scim:schemas:core:2.0:User";
    json!({"schemas": [core], "userName": name, "displayName": name.split_once('@').unwrap().0, "password": "never-kept"}).to_string()
}

fn items(place: &Place, words: &[&str]) -> Vec<Value> {
    place.json(&[&["trail", "acme"], words].concat())["items"].as_array().unwrap().clone()
}

#[test]
fn what_a_client_sent_is_found_and_erased() {
    for place in Place::both() {
        let server = place.serve();
        let token = place.account("acme", "standard");
        let send = |method: &str, path: &str, body: &str| {
            http::send(server.address, method, &format!("/scim/v2{path}"), &token, body).unwrap()
        };
        let made = send("POST", "/Users", &user("ann@example.com"));
        assert_eq!(made.status, 201, "{}", made.body);
        let ann = made.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(send("POST", "/Users", &user("ben@example.com")).status, 201);
        assert_eq!(send("PATCH", &format!("/Users/{ann}"), PATCH).status, 200);
        assert_eq!(send("GET", "/Users?filter=userName+eq+%22ann@example.com%22", "").status, 200);
        assert_eq!(send("DELETE", "/Users/nobody", "").status, 404);
        until("five requests in the trail", || items(&place, &[]).len() == 5);

        let all = items(&place, &[]);
        let what: Vec<String> =
            all.iter().map(|one| format!("{} {}", one["method"].as_str().unwrap(), one["status"])).collect();
        assert_eq!(what, ["DELETE 404", "GET 200", "PATCH 200", "POST 201", "POST 201"], "the newest first");
        assert!(!json!(all).to_string().contains("never-kept"));
        assert_eq!(items(&place, &["--errors"]), [all[0].clone()]);
        assert_eq!(items(&place, &["--record", &ann]), [all[2].clone(), all[4].clone()]);
        assert_eq!(items(&place, &["--limit", "2"]), all[..2]);
        assert_eq!(all[2]["token"]["provider"], json!("other"));
        assert_eq!(all[2]["deviations"][1]["name"], json!("boolean_as_text"));
        assert_eq!(all[2]["body"]["Operations"][0]["value"], json!("False"));
        let id = all[2]["id"].as_str().unwrap();
        let whole = place.ok(&["trail", "acme", "--request", id]);
        for said in ["PATCH /scim/v2/Users/", "was read as false", "\"Replace\"", "(removed)"] {
            assert!(whole.contains(said), "{said}: {whole}");
        }
        let lines = place.ok(&["trail", "acme"]);
        assert!(lines.contains("boolean_as_text") && lines.contains("there is no resource"), "{lines}");
        assert!(items(&place, &["--environment", "qa"]).is_empty());

        until("a record", || place.json(&["records", "acme"])["items"].as_array().unwrap().len() == 2);
        let shown = place.json(&["records", "acme", "show", &ann]);
        assert_eq!(shown["trail"], json!([all[2], all[4]]));
        until("nobody but ben", || {
            place.json(&["people", "list", "acme"]).to_string().contains("\"disabled\":true")
        });

        place.ok(&["records", "acme", "delete", &ann, "--erase"]);
        let left = items(&place, &[]);
        assert!(!json!(left).to_string().contains("ann@example"), "{left:#?}");
        let erased: Vec<bool> = left.iter().map(|one| one["erased"] == true).collect();
        assert_eq!(erased, [false, true, true, false, true], "ben is left alone");
        assert_eq!(left[2]["id"], json!(id));
        assert_eq!((&left[2]["body"], &left[2]["records"]), (&Value::Null, &json!([ann])));
        let people = place.json(&["people", "list", "acme"]).to_string();
        assert!(people.contains("(erased)") && !people.contains("ann@example"), "{people}");
        assert!(people.contains("ben@example.com"), "{people}");
        assert!(server.stop());
        assert_eq!(place.data().join("trail.db").exists(), place.is_sqlite());
    }
}
