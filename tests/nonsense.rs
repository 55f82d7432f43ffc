//! Nonsense as input: one clear line that says what to do, exit status 1, nothing lost.

use std::net::TcpListener;

use serde_json::Value;

use crate::{
    http,
    place::{Place, Server},
};

/// Twelve people and a group, ended by a newline.
fn people() -> String {
    let mut text = String::from("version: 1\n");
    for n in 0..12 {
        text.push_str(&format!(
            "\ndn: uid=p{n},ou=People,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: Person {n}\nsn: {n}\nmail: p{n}@example.org\n"
        ));
    }
    text
}

fn users(place: &Place) -> Value {
    let mut list = place.json(&["user", "list", "--directory", "company"]);
    list["items"].as_array_mut().unwrap().sort_by_key(|user| user["id"].to_string());
    list
}

#[test]
fn an_ldif_cut_in_the_middle_of_a_line() {
    for place in Place::both() {
        let file = place.file("people.ldif", &people());
        place.directory(&file);
        let before = users(&place);
        place.file("people.ldif", &people()[..400]);
        let said = place.fails(&["source", "sync", "people"]);
        assert!(said.contains("middle of a line") && said.contains("line "), "{said}");
        assert_eq!(users(&place), before);
    }
}

#[test]
fn an_ldif_cut_between_entries_holds_its_leavers() {
    for place in Place::both() {
        let file = place.file("people.ldif", &people());
        place.directory(&file);
        let before = users(&place);
        let whole = people();
        let cut = whole.find("\ndn: uid=p5,").unwrap();
        place.file("people.ldif", &whole[..cut]);
        let said = place.fails(&["source", "sync", "people"]);
        assert!(said.contains("usher source allow people"), "{said}");
        assert_eq!(users(&place), before, "held leavers stay as they were");
        // Meant after all: seven leave.
        place.ok(&["source", "allow", "people"]);
        let gone = users(&place)["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|user| user["deleted"].is_string())
            .count();
        assert_eq!(gone, 7);
    }
}

#[test]
fn a_csv_without_a_header() {
    let place = Place::sqlite();
    let file = place.file("people.csv", "ann@example.com,Ann,Lee\nbob@example.com,Bob,Poe\n");
    place.ok(&["directory", "create", "company"]);
    place.ok(&["source", "add", "people", "--directory", "company", "--kind", "csv", "--file", &file]);
    let said = place.fails(&["source", "sync", "people"]);
    assert!(said.contains("ann@example.com") && said.contains("userName"), "{said}");
    assert_eq!(users(&place)["total"], 0);
    let said = place.fails(&["source", "test", "people"]);
    assert!(said.contains("userName"), "{said}");
}

fn app(place: &Place, url: &str, token: &str) {
    let file = place.file("people.ldif", &people());
    place.directory(&file);
    place.app("app", "scim", url, token);
    place.ok(&["app", "scope", "app", "all"]);
}

#[test]
fn a_wrong_token() {
    for place in Place::both() {
        place.account("acme", "standard");
        let server = place.serve();
        app(&place, &server.base(), "usher_not-the-token");
        let said = place.fails(&["app", "test", "app"]);
        assert!(said.contains("401") && said.contains("token"), "{said}");
        let said = place.fails(&["app", "sync", "app"]);
        assert!(said.contains("401") && said.contains("token"), "{said}");
        assert_eq!(place.json(&["app", "status", "app"])["state"], "quarantine");
    }
}

#[test]
fn a_tenant_url_that_answers_html() {
    let page = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = page.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in page.incoming().flatten() {
            use std::io::{Read, Write};
            let mut request = [0; 4096];
            let _ = (&stream).read(&mut request);
            let body = "<!doctype html><title>Sign in</title>";
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
            let _ = write!(&stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    let place = Place::sqlite();
    app(&place, &format!("http://{address}/scim/v2"), "a-token");
    for words in [["app", "test", "app"], ["app", "sync", "app"]] {
        let said = place.fails(&words);
        assert!(said.contains("HTML") && said.contains("tenant URL"), "{said}");
    }
}

#[test]
fn a_port_in_use_and_a_folder_in_use() {
    let place = Place::sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = place.fails(&["serve", "--listen", &address]);
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
    let _server = place.serve();
    let said = place.fails(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("another usher process") && said.contains("--data"), "{said}");
}

#[test]
fn a_data_folder_that_can_not_be_written() {
    let place = Place::sqlite();
    let file = place.file("no-folder", "");
    let said = place.fails(&["account", "list", "--data", &format!("{file}/data")]);
    assert!(said.contains("no-folder/data") && said.contains("--data"), "{said}");
    // Also read-only for root: a file system that nobody can write.
    let said = place.fails(&["account", "list", "--data", "/proc/usher"]);
    assert!(said.contains("/proc/usher") && said.contains("--data"), "{said}");
}

#[test]
fn an_unknown_setting() {
    let place = Place::sqlite();
    let config = place.file("usher.toml", "listn = [\"127.0.0.1:1\"]\n");
    let said = place.fails(&["account", "list", "--config", &config]);
    assert!(said.contains("listn") && said.contains("did you mean listen"), "{said}");
    app(&place, "http://127.0.0.1:9/scim/v2", "a-token");
    let said = place.fails(&["app", "set", "app", "intervall=5"]);
    assert!(said.contains("intervall") && said.contains("interval"), "{said}");
    let said = place.fails(&["app", "show", "ap"]);
    assert!(said.contains("there is no app ap") && said.contains("Did you mean app?"), "{said}");
}

#[test]
fn an_expression_with_a_typo() {
    let place = Place::sqlite();
    let object = place.file("ann.json", r#"{"userName":"ann@example.com","displayName":null}"#);
    let eval = |expression: &str| place.run(&["mapping", "eval", expression, "--object", &object]);
    assert_eq!(
        String::from_utf8(eval("Coalesce([displayName], [userName])").stdout).unwrap(),
        "ann@example.com\n"
    );
    let json = place.json(&["mapping", "eval", "[userName]", "--object", &object]);
    assert_eq!(json, serde_json::json!({"value": "ann@example.com"}));
    for (typo, hint) in
        [("Coalesc([displayName])", "Coalesce"), ("[usrName]", "userName"), ("Join(\" \", [userName]", ")")]
    {
        let said = place.fails(&["mapping", "eval", typo, "--object", &object]);
        assert!(said.contains(typo) && said.contains('^') && said.contains(hint), "{said}");
    }
    app(&place, "http://127.0.0.1:9/scim/v2", "a-token");
    let before = place.ok(&["app", "mapping", "show", "app"]);
    let said = place.fails(&["app", "mapping", "set", "app", "title", "ToUper([jobTitle])"]);
    assert!(said.contains('^') && said.contains("ToUpper"), "{said}");
    let said = place.fails(&["app", "mapping", "set", "app", "titel", "[jobTitle]"]);
    assert!(said.contains("titel") && said.contains("title"), "{said}");
    assert_eq!(place.ok(&["app", "mapping", "show", "app"]), before);
}

fn post(server: &Server, token: &str, body: &str) -> http::Answer {
    http::send(server.address, "POST", "/scim/v2/Users", token, body).unwrap()
}

#[test]
fn nonsense_by_http() {
    for place in Place::both() {
        let token = place.account("acme", "standard");
        let server = place.serve();
        for (body, kind) in [
            ("", "invalidSyntax"),
            ("{\"userName\":", "invalidSyntax"),
            ("[]", "invalidSyntax"),
            (r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]}"#, "invalidValue"),
            (r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":7}"#, "invalidValue"),
            (
                r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"x"}"#,
                "invalidSyntax",
            ),
        ] {
            let answer = post(&server, &token, body);
            assert_eq!(
                (answer.status, answer.json()["scimType"].as_str()),
                (400, Some(kind)),
                "{body}: {}",
                answer.body
            );
            assert!(answer.json()["detail"].as_str().unwrap().len() > 10);
        }
        let unauthorized = post(&server, "wrong", "{}");
        assert_eq!((unauthorized.status, unauthorized.json()["status"].as_str()), (401, Some("401")));
        assert!(unauthorized.head.to_lowercase().contains("www-authenticate: bearer"));
        let get = |path: &str| http::send(server.address, "GET", path, &token, "").unwrap();
        assert_eq!(get("/scim/v2/Users?filter=userName%20eq").json()["scimType"], "invalidFilter");
        for unknown in ["/scim/v2/Nothing", "/scim/v2/Users/7", "/elsewhere"] {
            assert_eq!((get(unknown).status, get(unknown).json()["status"].as_str()), (404, Some("404")));
        }
        let list = get("/scim/v2/Users");
        assert_eq!((list.status, list.json()["totalResults"].as_u64()), (200, Some(0)));
        assert_eq!(get("/scim/Users").json()["totalResults"], 0);
    }
}
