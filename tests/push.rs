//! A directory as a SCIM service of its own: an identity provider pushes in, Usher provisions on.

use serde_json::{Value, json};

use crate::{
    http::{self, Answer},
    place::{Place, Server, until},
};

struct Client<'c> {
    server: &'c Server,
    token: String,
    door: &'static str,
}

impl Client<'_> {
    fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        http::send(self.server.address, method, &format!("{}{path}", self.door), &self.token, &body).unwrap()
    }

    #[track_caller]
    fn ok(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.send(method, path, body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// As Entra ID sends a new user.
    fn user(&self, name: &str, given: &str) -> String {
        let body = json!({
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:User",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            ],
            "externalId": format!("x-{given}"),
            "userName": name,
            "active": true,
            "displayName": given,
            "emails": [{"primary": true, "type": "work", "value": name}],
            "meta": {"resourceType": "User"},
            "name": {"formatted": given, "givenName": given, "familyName": "Test"},
        });
        self.ok("POST", "/Users", &body)["id"].as_str().unwrap().to_owned()
    }

    fn patch(&self, path: &str, operations: Value) -> Answer {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        self.send("PATCH", path, &json!({"schemas": schemas, "Operations": operations}))
    }
}

fn counts(place: &Place) -> Value {
    place.json(&["app", "sync", "app"])["counts"].clone()
}

fn person(place: &Place, mail: &str, n: usize) -> Value {
    place.people("acme", n).into_iter().find(|person| person["primary_email"] == mail).unwrap()
}

#[test]
fn joiner_mover_and_leaver_pushed_in_are_provisioned_on() {
    for place in Place::both() {
        place.ok(&["directory", "create", "company"]);
        let token =
            place.ok(&["directory", "token", "issue", "company", "--provider", "entra"]).trim().to_owned();
        let account = place.account("acme", "standard");
        let server = place.serve();
        place.app("app", "scim", &server.base(), &account);
        let entra = Client { server: &server, token, door: "/d/company/scim/v2" };

        let found = entra.ok("GET", "/Users?filter=userName+eq+%22ann@example.com%22", &Value::Null);
        assert_eq!(found["totalResults"], 0);
        let (ann, bob) = (entra.user("ann@example.com", "Ann"), entra.user("bob@example.com", "Bob"));
        let group = entra.ok(
            "POST",
            "/Groups",
            &json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                "externalId": "g-1", "displayName": "Staff", "members": [],
            }),
        );
        let group = format!("/Groups/{}", group["id"].as_str().unwrap());
        place.ok(&["app", "assign", "app", "--group", "Staff"]);
        for id in [&ann, &bob] {
            let added =
                entra.patch(&group, json!([{"op": "Add", "path": "members", "value": [{"value": id}]}]));
            assert_eq!(added.status, 204, "{}", added.body);
        }
        assert_eq!(counts(&place)["create"], 3, "two people and the group");
        until("two people", || place.people("acme", 2).len() == 2);
        assert_eq!(place.json(&["directory", "show", "company"])["users"], 2);

        // A mover: attributes and the manager, in Entra's spelling.
        let moved = entra.patch(&format!("/Users/{bob}"), json!([
            {"op": "Replace", "path": "title", "value": "Boss"},
            {"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": ann},
        ]));
        assert_eq!(moved.status, 200, "{}", moved.body);
        assert_eq!(counts(&place)["update"], 1);
        until("the title", || person(&place, "bob@example.com", 2)["job_title"] == "Boss");
        until("the manager", || person(&place, "bob@example.com", 2)["manager"]["name"] == json!("Ann"));

        // Leavers: one is disabled, one is deleted.
        let off = entra
            .patch(&format!("/Users/{bob}"), json!([{"op": "Replace", "path": "active", "value": "False"}]));
        assert_eq!(off.status, 200, "{}", off.body);
        assert_eq!(counts(&place)["disable"], 1);
        until("bob's end", || person(&place, "bob@example.com", 2)["access"] == false);
        assert_eq!(entra.send("DELETE", &format!("/Users/{ann}"), &Value::Null).status, 204);
        let gone = counts(&place);
        assert_eq!(gone["disable"].as_u64().unwrap() + gone["delete"].as_u64().unwrap(), 1, "{gone}");
        until("ann's end", || person(&place, "ann@example.com", 2)["access"] == false);
        assert!(server.stop());
    }
}

#[test]
fn a_token_opens_its_own_door_alone() {
    for place in Place::both() {
        place.ok(&["directory", "create", "company"]);
        place.ok(&["directory", "create", "other"]);
        let token = place.ok(&["directory", "token", "issue", "company"]).trim().to_owned();
        let account = place.account("acme", "standard");
        let server = place.serve();
        let get = |door: &str, token: &str| {
            http::send(server.address, "GET", &format!("{door}/Users"), token, "").unwrap()
        };
        assert_eq!(get("/d/company/scim/v2", &token).status, 200);
        assert_eq!(get("/d/COMPANY/scim", &token).status, 200);
        let unknown = get("/scim/v2", "usher_nobody");
        assert_eq!(unknown.status, 401);
        let wrong = [
            ("/scim/v2", &token),
            ("/t/acme/scim/v2", &token),
            ("/d/other/scim/v2", &token),
            ("/d/acme/scim/v2", &token),
            ("/d/nowhere/scim/v2", &token),
            ("/d/company/scim/v2", &account),
            ("/d/acme/scim/v2", &account),
        ];
        for (door, token) in wrong {
            let refused = get(door, token);
            assert_eq!((refused.status, &refused.body), (401, &unknown.body), "{door}");
        }
        assert_eq!(get("/scim/v2", &account).status, 200);

        // Rotated, listed with its use, revoked.
        let listed = place.json(&["directory", "token", "list", "company"]);
        assert_eq!(
            (&listed["items"][0]["directory"], listed["items"][0].get("account")),
            (&json!("company"), None)
        );
        let new = place.ok(&["directory", "token", "rotate", "company", "--overlap", "0"]).trim().to_owned();
        let old = get("/d/company/scim/v2", &token);
        assert!(old.status == 401 && old.body.contains("overlap ended"), "{}", old.body);
        assert_eq!(get("/scim/v2", &token).body, unknown.body, "and no word of it elsewhere");
        assert_eq!(get("/d/company/scim/v2", &new).status, 200);
        let listed = place.json(&["directory", "token", "list", "company"]);
        let live =
            listed["items"].as_array().unwrap().iter().find(|token| token["state"] == "active").unwrap();
        place.ok(&["directory", "token", "revoke", "company", live["id"].as_str().unwrap()]);
        assert_eq!(get("/d/company/scim/v2", &new).status, 401);
    }
}

#[test]
fn what_a_source_says_wins_over_what_is_pushed_in() {
    for place in Place::both() {
        let file = place.file("people.csv", "userName,title\nann@example.com,Clerk\n");
        place.directory(&file);
        let token = place.ok(&["directory", "token", "issue", "company"]).trim().to_owned();
        let server = place.serve();
        let client = Client { server: &server, token, door: "/d/company/scim/v2" };
        let ann = client.ok("GET", "/Users?filter=userName+eq+%22ann@example.com%22", &Value::Null);
        let ann = format!("/Users/{}", ann["Resources"][0]["id"].as_str().unwrap());
        let title =
            |value: &str| client.patch(&ann, json!([{"op": "replace", "path": "title", "value": value}]));
        let refused = title("Boss");
        assert_eq!(
            (refused.status, &refused.json()["scimType"]),
            (400, &json!("mutability")),
            "{}",
            refused.body
        );
        assert!(refused.json()["detail"].as_str().unwrap().contains("the source people"), "{}", refused.body);
        assert_eq!(title("Clerk").status, 200, "what is so already is no change");
        let gone = client.send("DELETE", &ann, &Value::Null);
        assert_eq!((gone.status, &gone.json()["scimType"]), (400, &json!("mutability")), "{}", gone.body);
        // What the source does not speak of is the client's.
        let nick = client.patch(&ann, json!([{"op": "replace", "path": "nickName", "value": "Annie"}]));
        assert_eq!((nick.status, &nick.json()["nickName"]), (200, &json!("Annie")), "{}", nick.body);
        place.ok(&["source", "sync", "people"]);
        assert_eq!(client.ok("GET", &ann, &Value::Null)["nickName"], "Annie");
        // Others are the client's own.
        let bob = client.user("bob@example.com", "Bob");
        assert_eq!(client.send("DELETE", &format!("/Users/{bob}"), &Value::Null).status, 204);
    }
}
