//! Mails about tokens that come to their end.

use std::time::Duration;

use usher_admin::{
    Request,
    request::{Account, Token},
};
use usher_jobs::mail::{self, Mail};

use crate::{House, both};

const DAY: u64 = 24 * 3600;

fn set(house: &House, key: &str, value: &str) {
    let (name, key, value) = ("acme".to_owned(), key.to_owned(), value.to_owned());
    house.ask(Request::Account(Account::Set { name, key, value })).unwrap();
}

fn issue(house: &House, days: i64) -> serde_json::Value {
    let (account, environment) = ("acme".to_owned(), "production".to_owned());
    let expires = Some(Some(jiff::SignedDuration::from_hours(24 * days)));
    let request = Token::Issue { account, environment, provider: "okta".into(), expires };
    house.ask(Request::Token(request)).unwrap().to_json().unwrap()
}

fn outbox(house: &House) -> Vec<Mail> {
    house.store.block_read(Duration::from_secs(10), |on| mail::outbox(on, "token/", 10)).unwrap()
}

/// Moves to so many days after the beginning; how many mails are put then.
fn on_day(house: &House, at: &mut u64, day: u64) -> usize {
    house.clock.advance(Duration::from_secs((day - *at) * DAY));
    *at = day;
    house.admin.tell_of_expiry().unwrap()
}

#[test]
fn the_owner_hears_14_7_and_1_days_before_a_token_ends() {
    both(|house| {
        let create = Account::Create { name: "acme".into(), profile: "4me".into() };
        house.ask(Request::Account(create)).unwrap();
        let token = issue(house, 30);
        let (id, last4) = (token["token"]["id"].as_str().unwrap(), token["token"]["last4"].as_str().unwrap());
        let mut at = 0;
        assert_eq!(on_day(house, &mut at, 17), 0, "nobody is the owner");
        set(house, "owner", "ops@example.com");
        assert_eq!(on_day(house, &mut at, 17), 1, "now somebody is");
        let told = outbox(house).remove(0);
        assert_eq!(
            (told.to.as_str(), told.subject.as_str()),
            ("ops@example.com", "[Usher] acme: a token of okta (production) ends in 13 days")
        );
        for part in [last4, &format!("usher token rotate acme --token {id}"), "2026-12-02T09:00:00Z"] {
            assert!(told.text.contains(part), "no {part} in {}", told.text);
        }
        let secret = token["secret"].as_str().unwrap();
        assert!(!told.text.contains(secret));
        for (day, mails) in [(18, 0), (22, 0), (23, 1), (24, 0), (28, 0), (29, 1), (29, 0), (31, 0)] {
            assert_eq!(on_day(house, &mut at, day), mails, "day {day}");
        }
        assert_eq!(outbox(house).len(), 1, "the newest of a token stands for those before");
        assert!(outbox(house)[0].subject.ends_with("ends in 24 hours"), "{:?}", outbox(house));
    });
}

#[test]
fn a_rotated_token_is_told_of_only_while_somebody_uses_it() {
    both(|house| {
        let create = Account::Create { name: "acme".into(), profile: "standard".into() };
        house.ask(Request::Account(create)).unwrap();
        set(house, "owner", "ops@example.com");
        let old = issue(house, 100);
        let id: uuid::Uuid = old["token"]["id"].as_str().unwrap().parse().unwrap();
        let mut at = 0;
        assert_eq!(on_day(house, &mut at, 99), 1, "one mail for all three times that are over");
        let rotate = Token::Rotate {
            account: "acme".into(),
            environment: "production".into(),
            token: None,
            overlap: jiff::SignedDuration::from_hours(24 * 30),
            expires: None,
        };
        house.ask(Request::Token(rotate)).unwrap();
        assert_eq!(on_day(house, &mut at, 120), 0, "nobody uses it any more");
        house.admin.note_use(id, "192.0.2.7", "Okta").unwrap();
        assert_eq!(on_day(house, &mut at, 121), 1);
        let told = outbox(house).remove(0);
        assert!(told.text.contains("still uses it") && told.subject.ends_with("ends in 8 days"), "{told:?}");
        let revoke = Token::Revoke { account: "acme".into(), token: id.to_string() };
        house.ask(Request::Token(revoke)).unwrap();
        assert_eq!(on_day(house, &mut at, 128), 0, "it is over already");
    });
}

#[test]
fn a_token_made_for_a_few_days_is_no_news() {
    both(|house| {
        let create = Account::Create { name: "acme".into(), profile: "standard".into() };
        house.ask(Request::Account(create)).unwrap();
        set(house, "owner", "ops@example.com");
        issue(house, 1);
        assert_eq!(house.admin.tell_of_expiry().unwrap(), 0);
        house.clock.advance(Duration::from_secs(DAY - 1));
        assert_eq!(house.admin.tell_of_expiry().unwrap(), 0);
    });
}
