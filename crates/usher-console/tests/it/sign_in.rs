//! Who may read: a token of the account's app, for its environment, until it is over.

use std::time::Duration;

use serde_json::Value;
use usher_admin::request::{Request, Token};
use usher_service::Settings;

use crate::{ACME, API, Fields, World, both, scim_token, with};

fn tokens(world: &World) -> Vec<Value> {
    let list = world.ask(Request::Token(Token::List { account: "acme".into() })).to_json().unwrap();
    list["items"].as_array().unwrap().clone()
}

#[test]
fn only_a_token_of_the_app_opens_and_only_its_own_environment() {
    both(|world| {
        world.person("Ann", Fields::default());
        let people = format!("{ACME}/people");
        let reply = world.send("GET", &people, None);
        reply.refused(401, "invalid_token");
        assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"api\"");
        let scim = format!("Bearer {}", scim_token(world));
        for wrong in ["", "Bearer", "Bearer usher_x", "Basic YTpi", &scim] {
            let reply = world.send("GET", &people, Some(wrong));
            reply.refused(401, "invalid_token");
            assert!(reply.header("www-authenticate").contains("invalid_token"), "{reply:?}");
        }
        let own = format!("bearer  {}", world.token);
        world.send("GET", &people, Some(&own)).ok();
        // Others are refused in the same words, whether they are there or not.
        let said = |place: &str| {
            let path = format!("/api/v1/accounts/{place}/people");
            world.send("GET", &path, Some(&own)).refused(403, "forbidden")
        };
        let foreign = said("globex/production");
        assert_eq!(foreign, said("initech/production"));
        assert_eq!(foreign, said("acme/qa"));
        assert_eq!(foreign, said("acme/nowhere"));
        assert!(foreign.contains("acme, production"), "{foreign}");
    });
}

#[test]
fn a_revoked_token_is_refused_by_the_next_read() {
    both(|world| {
        world.get("/people").ok();
        let token = tokens(world).into_iter().find(|token| token["provider"] == API).unwrap();
        let id = token["id"].as_str().unwrap().to_owned();
        world.ask(Request::Token(Token::Revoke { account: "acme".into(), token: id }));
        let said = world.get("/people").refused(401, "invalid_token");
        assert!(said.contains("was revoked"), "{said}");
    });
}

#[test]
fn a_tokens_use_is_noted() {
    both(|world| {
        world.get("/people").ok();
        let used = || tokens(world).into_iter().find(|token| !token["last_used"].is_null());
        // It is written beside the request.
        let mut tries = 0;
        while used().is_none() {
            tries += 1;
            assert!(tries < 1_000, "the use is never noted");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(used().unwrap()["provider"], API);
    });
}

#[test]
fn a_token_that_asks_too_often_is_told_to_wait() {
    with(&Settings { rate: 1, burst: 2, ..Settings::default() }, |world| {
        world.get("/people").ok();
        world.get("/people").ok();
        let reply = world.get("/people");
        reply.refused(429, "too_many_requests");
        let wait: u64 = reply.header("retry-after").parse().unwrap();
        world.clock.advance(Duration::from_secs(wait));
        world.get("/people").ok();
    });
}
