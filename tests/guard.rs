//! The guard against mass loss as an administrator meets it: an identity provider takes too much away, the mail, the list, and
//! what is said to it.

use serde_json::{Value, json};

use crate::{
    http,
    place::{Place, until},
    smtp::Smtp,
};

const OFF: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}"#;
const ON: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":true}]}"#;

fn user(name: &str) -> String {
    let core = "urn:ietf:params:scim:schemas:core:2.0:User";
    json!({"schemas": [core], "userName": format!("{name}@example.com"), "displayName": name}).to_string()
}

fn state(place: &Place, name: &str) -> (Value, Value) {
    let person = place.json(&["people", "show", "acme", &format!("{name}@example.com")]);
    (person["access"].clone(), person["held"].clone())
}

#[test]
fn too_much_is_taken_away_and_an_administrator_decides() {
    for place in Place::both() {
        let smtp = Smtp::start();
        let port = smtp.port.to_string();
        let token = place.account("acme", "standard");
        let server = place.serve_with(&[
            ("USHER_SMTP_HOST", "localhost"),
            ("USHER_SMTP_PORT", &port),
            ("USHER_SMTP_SECURITY", "none"),
            ("USHER_SMTP_FROM", "Usher <usher@example.com>"),
        ]);
        let send = |method: &str, path: &str, body: &str| {
            http::send(server.address, method, &format!("/scim/v2{path}"), &token, body).unwrap()
        };
        let said = place.fails(&["account", "set", "acme", "owner=nobody"]);
        assert!(said.contains("nobody is no e-mail address"), "{said}");
        for (wrong, hint) in [
            ("guard=maybe", "hold or off"),
            ("guard_count=-1", "whole number"),
            ("guard_hold=soon", "24h"),
            ("guard_hold=0h", "24h"),
            ("gaurd_count=3", "guard_count"),
        ] {
            let said = place.fails(&["account", "set", "acme", wrong]);
            assert!(said.contains(hint), "{wrong}: {said}");
        }
        for setting in
            ["owner=ops@example.com", "guard_count=1", "guard_percent=0", "guard_hold=2h", "qa.guard=off"]
        {
            place.ok(&["account", "set", "acme", setting]);
        }
        let account = place.json(&["account", "show", "acme"]);
        assert_eq!(account["owner"], "ops@example.com");
        let guard = |n: usize| account["environments"][n]["guard"].clone();
        assert_eq!(
            guard(0),
            json!({"mode": "hold", "count": 1, "percent": 0, "hold_seconds": 7200, "held": 0, "diverged": 0})
        );
        assert_eq!(guard(1)["mode"], "off");

        let mut ids = Vec::new();
        for name in ["ann", "ben", "cem", "dee", "eve"] {
            let made = send("POST", "/Users", &user(name));
            assert_eq!(made.status, 201, "{}", made.body);
            ids.push(made.json()["id"].as_str().unwrap().to_owned());
        }
        place.people("acme", 5);
        for id in &ids {
            let answer = send("PATCH", &format!("/Users/{id}"), OFF);
            assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(false)));
        }
        until("ann without access", || state(&place, "ann") == (json!(false), json!(false)));
        for name in ["ben", "cem", "dee", "eve"] {
            assert_eq!(state(&place, name), (json!(true), json!(true)), "{name}");
        }
        until("a mail", || !smtp.arrived().is_empty());
        let mail = smtp.arrived().remove(0);
        assert!(mail.contains("To: ops@example.com") && mail.contains("usher guard acme release"), "{mail}");

        let list = place.json(&["guard", "acme", "list"]);
        assert_eq!((&list["total"], list["items"].as_array().unwrap().len()), (&json!(4), 4));
        let first = &list["items"][0];
        assert_eq!(
            (&first["user"], &first["loses"], &first["state"], &first["token"]["provider"]),
            (
                &json!({"id": ids[1], "name": "ben@example.com"}),
                &json!("access"),
                &json!("held"),
                &json!("other")
            )
        );
        let request = first["request_id"].as_str().unwrap();
        until("the request in the trail", || {
            place.json(&["trail", "acme", "--request", request])["items"][0]["deviations"][0]["name"]
                == "held"
        });
        let page = place.json(&["guard", "acme", "list", "--limit", "3"]);
        let next = page["next"].as_str().unwrap();
        let rest = place.json(&["guard", "acme", "list", "--after", next]);
        assert_eq!(rest["items"][0]["user"]["name"], "eve@example.com");
        let said = place.ok(&["guard", "acme", "list"]);
        assert!(said.contains("ben@example.com") && said.contains("access"), "{said}");
        assert!(place.fails(&["guard", "acme", "list", "--after", "x"]).contains("no place in this list"));
        assert_eq!(place.json(&["guard", "acme", "list", "--environment", "qa"])["items"], json!([]));

        // One goes, one stays, one comes back by itself, and a name that is not held changes nothing.
        let said = place.fails(&["guard", "acme", "release", "--user", "ben@example.com", "--user", "zoe"]);
        assert!(said.contains("nothing of zoe is held") && said.contains("usher guard acme list"), "{said}");
        assert_eq!(state(&place, "ben"), (json!(true), json!(true)));
        assert_eq!(
            place.json(&["guard", "acme", "release", "--user", "ben@example.com"]),
            json!({"losses": 1})
        );
        until("ben without access", || state(&place, "ben") == (json!(false), json!(false)));
        place.ok(&["guard", "acme", "reject", "--user", &ids[2], "--why", "not leaving"]);
        until("cem not held", || state(&place, "cem") == (json!(true), json!(false)));
        let listed = place.json(&["guard", "acme", "list"]);
        let cem = listed["items"].as_array().unwrap().iter().find(|held| held["user"]["id"] == json!(ids[2]));
        let cem = cem.unwrap();
        assert_eq!((&cem["state"], &cem["rejected"]["why"]), (&json!("diverged"), &json!("not leaving")));
        until("a diverged record", || {
            place.json(&["records", "acme", "show", &ids[2]])["state"] == "diverged"
        });
        assert_eq!(send("PATCH", &format!("/Users/{}", ids[3]), ON).status, 200);
        until("dee not held", || state(&place, "dee") == (json!(true), json!(false)));

        // Deleted while it is held; then all that waits is let go, and what was rejected is not.
        assert_eq!(send("DELETE", &format!("/Users/{}", ids[4]), "").status, 204);
        assert_eq!(send("GET", &format!("/Users/{}", ids[4]), "").status, 404);
        assert_eq!(state(&place, "eve"), (json!(true), json!(true)));
        place.ok(&["guard", "acme", "release"]);
        until("eve without access", || state(&place, "eve") == (json!(false), json!(false)));
        assert_eq!(state(&place, "cem"), (json!(true), json!(false)));
        place.ok(&["guard", "acme", "release", "--user", "cem@example.com"]);
        until("cem without access", || state(&place, "cem") == (json!(false), json!(false)));
        assert_eq!(place.json(&["guard", "acme", "release"]), json!({"losses": 0}));
        assert_eq!(place.ok(&["guard", "acme", "release"]).trim(), "nothing waits");
    }
}
