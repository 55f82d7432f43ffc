//! Requests that break servers: long addresses, conditions that say nothing, odd texts.

use axum::body::Body;
use http::Request;
use serde_json::json;
use usher_service::Settings;

use crate::world::{BULK, ENTERPRISE, PATCH, SEARCH, filter, with, with_settings};

#[test]
fn a_url_that_is_too_long_is_414() {
    let small = Settings { url_bytes: 300, ..Settings::default() };
    with_settings("standard", &small, async |w| {
        let long = format!("userName eq \"{}\"", "x".repeat(300));
        let refused = w.get(&format!("/Users?{}", filter(&long))).await.refused(414, None);
        assert!(refused.body["detail"].as_str().unwrap().contains("300 bytes"));
        // It is a limit of size: looked at before the token.
        let path = format!("/scim/v2/{}", "x".repeat(300));
        w.raw(Request::get(path).body(Body::empty()).unwrap()).await.refused(414, None);
        let search = json!({"schemas": [SEARCH], "filter": long});
        w.post("/Users/.search", search).await.expect(200);
    });
    with("standard", async |w| {
        // The longest filter that is read fits in.
        let longest = format!("userName eq \"{}\"", "-".repeat(9_986));
        assert_eq!(longest.len(), 10_000);
        let found = w.get(&format!("/Users?{}", filter(&longest))).await.expect(200);
        assert_eq!(found.body["totalResults"], json!(0));
    });
}

#[test]
fn e_33_a_condition_is_never_passed_over() {
    with("standard", async |w| {
        let id = w.user("ann").await;
        let path = format!("/Users/{id}");
        let title = |title: &str| json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": title}]});
        for nothing in ["", " , ", "1", "W/1", "\"1", "'1'"] {
            for name in ["if-match", "if-none-match"] {
                let refused = w.send("PATCH", &path, &[(name, nothing)], Some(title("x"))).await;
                refused.refused(400, Some("invalidValue"));
            }
        }
        for excluded in ["*", "W/\"1\"", "\"7\", \"1\""] {
            for (method, body) in [("PATCH", Some(title("x"))), ("DELETE", None)] {
                w.send(method, &path, &[("if-none-match", excluded)], body).await.refused(412, None);
            }
        }
        for version in [json!(1), json!(""), json!("1"), json!(["W/\"1\""])] {
            let operation = json!({"method": "PATCH", "path": path, "version": version, "data": title("x")});
            let body = json!({"schemas": [BULK], "Operations": [operation]});
            let answer = w.post("/Bulk", body).await.expect(200).body["Operations"][0].clone();
            assert_eq!(answer["status"], json!("400"), "{answer}");
        }
        assert_eq!(w.get(&path).await.header("etag"), "W/\"1\"", "nothing was changed");
        w.send("PATCH", &path, &[("if-none-match", "\"7\"")], Some(title("T"))).await.expect(200);
        w.send("PATCH", &path, &[("if-match", "\"2\"")], Some(title("U"))).await.expect(200);
        let nobody = "/Users/0192f0c1-2345-7abc-8def-0123456789ab";
        w.send("PATCH", nobody, &[("if-match", "\"2\"")], Some(title("V"))).await.refused(404, None);
    });
}

#[test]
fn x_17_n_09_texts_of_every_script_come_back_and_are_found() {
    with("standard", async |w| {
        for (n, text) in
            ["a+b@x.com", "Ünïcödé 漢字", "مرحبا", "👩‍🚀 \"q\" \\ / ' % _", "tab\tand\nline"].iter().enumerate()
        {
            let body = json!({"userName": format!("u{n}"), "displayName": text, "externalId": text});
            let made = w.post("/Users", body).await.expect(201);
            let read = w.get(&format!("/Users/{}", made.id())).await.expect(200).body;
            assert_eq!((&read["displayName"], &read["externalId"]), (&json!(text), &json!(text)));
            for attribute in ["displayName", "externalId"] {
                let by = filter(&format!("{attribute} eq {}", json!(text)));
                let found = w.get(&format!("/Users?{by}")).await.expect(200).body;
                assert_eq!(found["Resources"][0]["id"], read["id"], "{attribute} {text}");
            }
        }
        // A raw plus is a space, which nobody has there, and no error.
        let raw = w.get("/Users?filter=displayName+eq+%22a+b@x.com%22").await.expect(200).body;
        assert_eq!(raw["totalResults"], json!(0));
        w.post("/Users", json!({"userName": "long", "title": "x".repeat(64 * 1024 + 1)}))
            .await
            .refused(400, Some("invalidValue"));
    });
}

#[test]
fn r_43_a_token_in_the_url_counts_for_nothing() {
    with("standard", async |w| {
        let alone =
            Request::get(format!("/scim/v2/Users?access_token={}", w.token)).body(Body::empty()).unwrap();
        w.raw(alone).await.refused(401, None);
        let both = w.get("/Users?count=1&access_token=x").await.refused(400, None);
        assert!(both.header("www-authenticate").contains("error=\"invalid_request\""));
        w.get("/Users?foo=access_token&&attributes=userName").await.expect(200);
    });
}

#[test]
fn r_30_a_compressed_body_is_refused_with_what_to_send() {
    with("standard", async |w| {
        let send = async |coding: &str| {
            let body = json!({"userName": "ann"});
            w.send("POST", "/Users", &[("content-encoding", coding)], Some(body)).await
        };
        for coding in ["gzip", "deflate, identity", "br"] {
            let refused = send(coding).await.refused(415, None);
            assert_eq!(refused.header("accept-encoding"), "identity");
            assert!(refused.body["detail"].as_str().unwrap().contains("uncompressed"));
        }
        send("Identity").await.expect(201);
    });
}

#[test]
fn s_46_groups_in_a_circle_are_each_shown_once() {
    with("standard", async |w| {
        let user = w.user("ann").await;
        let inner = w.group("Inner", &[&user]).await;
        let outer = w.group("Outer", &[&inner]).await;
        let closing = json!([{"op": "add", "path": "members", "value": [{"value": outer}]}]);
        w.patch(&format!("/Groups/{inner}"), closing).await.expect(204);
        let read = w.get(&format!("/Users/{user}")).await.expect(200).body;
        let mut groups: Vec<(&str, &str)> = Vec::new();
        for group in read["groups"].as_array().unwrap() {
            groups.push((group["display"].as_str().unwrap(), group["type"].as_str().unwrap()));
        }
        groups.sort_unstable();
        assert_eq!(groups, [("Inner", "direct"), ("Outer", "indirect")]);
        let itself = json!([{"op": "add", "path": "members", "value": [{"value": outer}]}]);
        w.patch(&format!("/Groups/{outer}"), itself).await.refused(400, Some("invalidValue"));
        w.delete(&format!("/Groups/{outer}")).await.expect(204);
        let read = w.get(&format!("/Users/{user}")).await.expect(200).body;
        assert_eq!(read["groups"].as_array().unwrap().len(), 1);
        assert_eq!(w.members(&inner).await, [user]);
    });
}

#[test]
fn e_07_m_01_methods_that_are_not_there_say_which_are() {
    with("standard", async |w| {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let body = (method != "GET").then(|| json!({}));
            w.send(method, "/Me", &[], body).await.refused(501, None);
        }
        w.get("/Me/groups").await.refused(404, None);
        for (path, allowed) in [
            ("/Users", "GET, HEAD, POST"),
            ("/Groups", "GET, HEAD, POST"),
            ("/Bulk", "POST"),
            ("/.search", "POST"),
            ("/Schemas", "GET, HEAD"),
        ] {
            for method in ["OPTIONS", "TRACE", "LINK"] {
                let refused = w.send(method, path, &[], None).await.refused(405, None);
                assert_eq!(refused.header("allow"), allowed, "{method} {path}");
            }
        }
    });
}

#[test]
fn s_11_an_external_id_is_the_clients_alone() {
    with("standard", async |w| {
        let body = |name: &str| json!({"userName": name, "externalId": "E1"});
        let (a, b) =
            (w.post("/Users", body("a")).await.expect(201), w.post("/Users", body("b")).await.expect(201));
        let by = async |value: &str| {
            let found =
                w.get(&format!("/Users?{}", filter(&format!("externalId eq \"{value}\"")))).await.expect(200);
            let all = found.body["Resources"].as_array().unwrap().clone();
            all.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(by("E1").await, [a.id(), b.id()]);
        assert!(by("e1").await.is_empty(), "case counts");
        let made = w.post("/Users", json!({"userName": "c"})).await.expect(201);
        assert!(made.body.get("externalId").is_none(), "nobody invents one");
    });
}

#[test]
fn c_07_what_is_null_was_not_said() {
    with("standard", async |w| {
        let body = json!({
            "userName": "ann", "active": null, "title": null, "emails": [], "name": {"givenName": null},
            "department": null, "manager": null, "addresses": null, ENTERPRISE: {"manager": null, "department": null},
        });
        let made = w.post("/Users", body).await.expect(201).body;
        assert_eq!(made["active"], json!(true));
        assert_eq!(made["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User"]));
        let mut keys: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["active", "id", "meta", "schemas", "userName"]);
        let group = json!({"displayName": null, "members": []});
        w.post("/Groups", group).await.refused(400, Some("invalidValue"));
    });
}
