//! The twelve requests of Okta's SCIM 2.0 SPEC test, made again as it makes them, with all that it asserts.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    http::{self, Answer},
    place::Place,
};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// Okta's side: where the service is, and the whole Authorization value.
struct Okta {
    to: SocketAddr,
    auth: String,
}

impl Okta {
    fn get_as(&self, auth: &str, path: &str) -> Answer {
        let headers = format!(
            "Accept: application/scim+json\r\nAccept-Charset: utf-8\r\n\
             Content-Type: application/scim+json; charset=utf-8\r\nUser-Agent: OKTA SCIM Integration\r\n\
             Authorization: {auth}\r\n"
        );
        http::request(self.to, "GET", &format!("/scim/v2{path}"), &headers, "").unwrap()
    }
    fn get(&self, path: &str) -> Answer {
        self.get_as(&self.auth, path)
    }
    fn post(&self, body: &Value) -> Answer {
        let headers = format!(
            "Accept: application/scim+json; charset=utf-8\r\nContent-Type: application/json\r\nAuthorization: {}\r\n",
            self.auth
        );
        http::request(self.to, "POST", "/scim/v2/Users", &headers, &body.to_string()).unwrap()
    }
}

fn by_user_name(name: &str) -> String {
    format!("/Users?filter=userName%20eq%20%22{}%22", name.replace('@', "%40"))
}

/// The JSON of an answer with that status whose `schemas` hold that URN.
#[track_caller]
fn body(answer: &Answer, status: u16, schema: &str) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    let body = answer.json();
    assert!(body["schemas"].as_array().unwrap().contains(&json!(schema)), "{body}");
    body
}

#[track_caller]
fn is_filled(value: &Value) {
    assert!(value.as_str().is_some_and(|text| !text.is_empty()) || value.is_boolean(), "{value} is empty");
}

#[track_caller]
fn is_a_whole_user(user: &Value) {
    for at in ["/id", "/name/familyName", "/name/givenName", "/userName", "/active", "/emails/0/value"] {
        is_filled(user.pointer(at).unwrap_or_else(|| panic!("no {at} in {user}")));
    }
}

/// 1 to 5: what is there, and what is not.
fn reads(okta: &Okta, email: &str) {
    let first = body(&okta.get("/Users?count=1&startIndex=1"), 200, LIST);
    for number in ["itemsPerPage", "startIndex", "totalResults"] {
        assert!(first[number].is_number(), "{first}");
    }
    is_a_whole_user(&first["Resources"][0]);
    let id = first["Resources"][0]["id"].as_str().unwrap();

    let one = body(&okta.get(&format!("/Users/{id}")), 200, USER);
    assert_eq!(one["id"], id);
    is_a_whole_user(&one);

    let nobody = body(&okta.get(&by_user_name("abcdefgh@atko.com")), 200, LIST);
    assert_eq!(nobody["totalResults"], 0);

    let missing = body(&okta.get("/Users/010101001010101011001010101011"), 404, ERROR);
    is_filled(&missing["detail"]);

    let not_yet = body(&okta.get(&by_user_name(email)), 200, LIST);
    assert_eq!(not_yet["totalResults"], 0);
}

/// 6 to 9: a user is made, found, refused a second time, and found in capitals.
fn makes(okta: &Okta, email: &str, given: &str, family: &str) {
    let user = json!({
        "schemas": [USER],
        "userName": email,
        "name": {"givenName": given, "familyName": family},
        "emails": [{"primary": true, "value": email, "type": "work"}],
        "displayName": format!("{given} {family}"),
        "active": true,
    });
    let made = body(&okta.post(&user), 201, USER);
    is_filled(&made["id"]);
    let same = |answered: &Value| {
        assert_eq!(answered["name"]["givenName"], given);
        assert_eq!(answered["name"]["familyName"], family);
        // As sent, capitals and all.
        assert_eq!(answered["userName"], email);
    };
    assert_eq!((&made["active"], &made["emails"][0]["value"]), (&json!(true), &json!(email)));
    same(&made);

    same(&body(&okta.get(&format!("/Users/{}", made["id"].as_str().unwrap())), 200, USER));
    assert_eq!(okta.post(&user).status, 409);

    let capitals = body(&okta.get(&by_user_name(&email.to_uppercase())), 200, LIST);
    // Okta looks at the status alone; what it is after is the user.
    assert_eq!(capitals["Resources"][0]["id"], made["id"]);
}

/// 10 to 12: groups, and errors that say so.
fn refuses(okta: &Okta, email: &str) {
    let mut took = Duration::MAX;
    // Okta asks for 600 ms. The machine may be busy with something else, but not every time.
    for _ in 0..20 {
        let began = Instant::now();
        let groups = body(&okta.get("/Groups"), 200, LIST);
        took = took.min(began.elapsed());
        assert!(groups["totalResults"] == 0 || groups["Resources"].is_array(), "{groups}");
        if took < Duration::from_millis(600) {
            break;
        }
    }
    assert!(took < Duration::from_millis(600), "GET /Groups never took less than {took:?}");

    let refused = body(&okta.get_as("non-token", &by_user_name(email)), 401, ERROR);
    is_filled(&refused["detail"]);
    assert_eq!(refused["status"], "401");

    let missing = body(&okta.get("/Users/00919288221112222"), 404, ERROR);
    is_filled(&missing["detail"]);
    assert_eq!(missing["status"], "404");
}

#[test]
fn okta_spec_suite_passes_on_each_profile() {
    for place in Place::both() {
        let tokens: Vec<(&str, String)> =
            ["standard", "4me", "elium"].map(|p| (p, place.account(&format!("okta-{p}"), p))).into();
        let server = place.serve();
        for (profile, token) in tokens {
            let okta = Okta { to: server.address, auth: format!("Bearer {token}") };
            // The suite wants somebody to be there already.
            let there = json!({
                "schemas": [USER], "userName": "there@atko.com", "name": {"givenName": "T", "familyName": "Here"},
                "emails": [{"value": "there@atko.com", "type": "work"}], "active": true,
            });
            assert_eq!(okta.post(&there).status, 201, "{profile}");
            let (given, family) = ("Runscope417", "Qhtbwkzrm583");
            let email = format!("{given}{family}@atko.com");
            reads(&okta, &email);
            makes(&okta, &email, given, family);
            refuses(&okta, &email);
        }
    }
}
