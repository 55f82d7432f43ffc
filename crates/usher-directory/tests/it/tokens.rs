use jiff::{SignedDuration, Timestamp};
use usher_directory::{
    Environment,
    account::{self, AccountError},
    token::{self, Presented, SecretToken, State, Token, TokenError},
};
use usher_store::{Lane, Store};

use crate::{House, at_once, both, later, now, read};

const DAY: i64 = 86_400;

fn issue(
    store: &Store,
    house: &House,
    provider: &'static str,
    at: Timestamp,
) -> Result<(Token, SecretToken), TokenError> {
    let secret = SecretToken::generate();
    let (account, kept) = (house.account.id, secret.clone());
    let expires = Some(at + SignedDuration::from_hours(24 * 30));
    let issued = store.block_write(Lane::Now, move |tx| {
        token::issue(tx, account, Environment::Production, provider, expires, &secret, at)
    })?;
    Ok((issued, kept))
}

fn rotate(
    house: &House,
    old: Option<uuid::Uuid>,
    overlap: i64,
    at: Timestamp,
) -> Result<(Token, SecretToken), TokenError> {
    let secret = SecretToken::generate();
    let (account, kept) = (house.account.id, secret.clone());
    let expires = Some(at + SignedDuration::from_hours(24 * 30));
    let overlap = SignedDuration::from_secs(overlap);
    let issued = house.store.block_write(Lane::Now, move |tx| {
        token::rotate(tx, account, Environment::Production, old, overlap, expires, &secret, at)
    })?;
    Ok((issued, kept))
}

fn present(house: &House, secret: &SecretToken, at: Timestamp) -> Presented {
    let text = secret.reveal().to_owned();
    read(house.store, move |on| token::authenticate(on, &text, "", at))
}

fn is_valid(house: &House, secret: &SecretToken, at: Timestamp) -> bool {
    matches!(present(house, secret, at), Presented::Valid { .. })
}

fn state_of(house: &House, id: uuid::Uuid, at: Timestamp) -> State {
    let account = house.account.id;
    let listed = read(house.store, move |on| token::list(on, account, at));
    listed.into_iter().find(|token| token.id == id).expect("listed").state
}

#[test]
fn a_token_opens_its_directory_until_it_expires() {
    both("4me", |house| {
        let (issued, secret) = issue(house.store, house, "entra", now()).expect("issued");
        assert!(secret.reveal().ends_with(&issued.last4));
        let Presented::Valid { directory, account, environment, .. } = present(house, &secret, now()) else {
            panic!("it is valid");
        };
        assert_eq!((directory, account), (house.id(), house.account.id));
        assert_eq!(environment, Environment::Production);
        assert!(is_valid(house, &secret, later(30 * DAY - 1)));
        assert!(
            matches!(present(house, &secret, later(30 * DAY)), Presented::Over { why, .. } if why.contains("expired"))
        );
        assert_eq!(state_of(house, issued.id, later(30 * DAY)), State::Expired);
        assert_eq!(present(house, &SecretToken::generate(), now()), Presented::Unknown);
        assert_eq!(
            read(house.store, |on| token::authenticate(on, "Bearer x", "", now())),
            Presented::Unknown
        );
    });
}

#[test]
fn a_rotated_token_ends_with_its_overlap_and_a_dead_one_stays_dead() {
    both("4me", |house| {
        let (old, old_secret) = issue(house.store, house, "entra", now()).expect("issued");
        // One day before its own end it is rotated: the overlap holds all the same.
        let (new, new_secret) = rotate(house, None, 30 * DAY, later(29 * DAY)).expect("rotated");
        assert_ne!(old.id, new.id);
        assert_eq!(state_of(house, old.id, later(31 * DAY)), State::Overlap);
        assert!(is_valid(house, &old_secret, later(59 * DAY - 1)));
        assert!(is_valid(house, &new_secret, later(59 * DAY - 1)));
        assert!(!is_valid(house, &old_secret, later(59 * DAY)));
        assert_eq!(state_of(house, old.id, later(59 * DAY)), State::Expired);

        let (leaked, leaked_secret) = issue(house.store, house, "okta", now()).expect("issued");
        let (next, _) = rotate(house, Some(leaked.id), 0, now()).expect("rotated");
        assert_eq!(next.provider, "okta");
        assert!(!is_valid(house, &leaked_secret, now()));
        rotate(house, Some(leaked.id), 30 * DAY, later(1)).expect("a new one all the same");
        assert!(!is_valid(house, &leaked_secret, later(1)), "what is dead stays dead");
    });
}

#[test]
fn a_revoked_token_is_refused_from_the_next_request_on() {
    both("standard", |house| {
        let (issued, secret) = issue(house.store, house, "okta", now()).expect("issued");
        let revoke = |id| {
            let account = house.account.id;
            house.store.block_write(Lane::Now, move |tx| token::revoke(tx, account, id, later(1)))
        };
        assert_eq!(revoke(issued.id).expect("revoked").state, State::Revoked);
        assert!(
            matches!(present(house, &secret, now()), Presented::Over { why, .. } if why.contains("revoked"))
        );
        assert!(matches!(revoke(uuid::Uuid::now_v7()), Err(TokenError::Unknown(_))));
        assert!(matches!(rotate(house, None, 0, now()), Err(TokenError::NoneLive)));
    });
}

#[test]
fn three_live_tokens_an_integration_also_when_many_issue_at_once() {
    both("standard", |house| {
        let issued = at_once(house, 6, |_, store| issue(store, house, "okta", now()));
        let refused: Vec<_> = issued.iter().filter_map(|result| result.as_ref().err()).collect();
        assert_eq!(issued.iter().filter(|result| result.is_ok()).count(), 3);
        assert!(refused.iter().all(|error| matches!(error, TokenError::TooMany(provider, idle) if provider == "okta" && idle.contains("never used"))), "{refused:?}");
        // Another integration has its own three, and so has the time after they are over.
        issue(house.store, house, "entra", now()).expect("issued");
        assert!(matches!(rotate(house, None, 0, now()), Err(TokenError::Which(_))));
        issue(house.store, house, "okta", later(31 * DAY)).expect("the others have expired");
    });
}

#[test]
fn an_issue_run_again_after_an_unknown_commit_finds_its_own() {
    both("standard", |house| {
        let secret = SecretToken::generate();
        let run = || {
            let (account, secret) = (house.account.id, secret.clone());
            house.store.block_write(Lane::Now, move |tx| {
                token::issue(tx, account, Environment::Qa, "other", None, &secret, now())
            })
        };
        assert_eq!(run().expect("issued"), run().expect("the same"));
        let account = house.account.id;
        assert_eq!(read(house.store, move |on| token::list(on, account, now())).len(), 1);
    });
}

#[test]
fn the_last_use_is_kept_once_a_minute() {
    both("standard", |house| {
        let (issued, secret) = issue(house.store, house, "okta", now()).expect("issued");
        let used = |at, address: &'static str| {
            house
                .store
                .block_write(Lane::Now, move |tx| {
                    token::used(tx, issued.id, at, address, "Okta SCIM Client 1.0.0")
                })
                .expect("noted");
            let Presented::Valid { last_used, .. } = present(house, &secret, at) else {
                panic!("it is valid")
            };
            last_used
        };
        assert_eq!(used(now(), "192.0.2.1"), Some(now()));
        assert_eq!(used(later(59), "192.0.2.2"), Some(now()));
        assert_eq!(used(later(60), "192.0.2.3\n"), Some(later(60)));
        let account = house.account.id;
        let listed = read(house.store, move |on| token::list(on, account, now()));
        let (at, address, agent) = listed[0].last_used.clone().expect("used");
        assert_eq!(
            (at, address.as_str(), agent.as_str()),
            (later(60), "192.0.2.3", "Okta SCIM Client 1.0.0")
        );
    });
}

#[test]
fn a_directorys_token_opens_that_directory_alone() {
    both("standard", |house| {
        let make = |name: &'static str| {
            house
                .store
                .block_write(Lane::Now, move |tx| account::create_directory(tx, name, now()))
                .expect("a directory")
        };
        let (firm, other) = (make("firm"), make("other"));
        let at = |directory, secret: &SecretToken, at: Timestamp| {
            let text = secret.reveal().to_owned();
            read(house.store, move |on| token::authenticate_in(on, directory, &text, "", at))
        };
        let (first, second) = (SecretToken::generate(), SecretToken::generate());
        let (one, two) = (first.clone(), second.clone());
        house
            .store
            .block_write(Lane::Now, move |tx| token::issue_in(tx, firm, "entra", None, &one, now()))
            .expect("issued");
        assert!(
            matches!(at(firm, &first, now()), Presented::Directory { directory, .. } if directory == firm)
        );
        // Neither another directory's door, nor that of the accounts; nor an account's token at this one.
        assert_eq!(at(other, &first, now()), Presented::Unknown);
        assert_eq!(present(house, &first, now()), Presented::Unknown);
        let (_, account) = issue(house.store, house, "entra", now()).expect("issued");
        assert_eq!(at(firm, &account, now()), Presented::Unknown);
        assert_eq!(at(house.id(), &account, now()), Presented::Unknown);

        let zero = SignedDuration::ZERO;
        let rotated = house
            .store
            .block_write(Lane::Now, move |tx| token::rotate_in(tx, firm, None, zero, None, &two, now()))
            .expect("rotated");
        assert!(
            matches!(at(firm, &first, later(1)), Presented::Over { why, .. } if why.contains("overlap ended"))
        );
        assert_eq!(present(house, &first, later(1)), Presented::Unknown);
        let states: Vec<State> = read(house.store, move |on| token::list_in(on, firm, later(1)))
            .iter()
            .map(|it| it.state)
            .collect();
        assert_eq!(states.len(), 2);
        assert!(states.contains(&State::Active) && states.contains(&State::Expired));
        let id = rotated.id;
        let elsewhere =
            house.store.block_write(Lane::Now, move |tx| token::revoke_in(tx, other, id, later(1)));
        assert!(matches!(elsewhere, Err(TokenError::Unknown(_))));
        house
            .store
            .block_write(Lane::Now, move |tx| token::revoke_in(tx, firm, id, later(1)))
            .expect("revoked");
        assert!(
            matches!(at(firm, &second, later(1)), Presented::Over { why, .. } if why.contains("revoked"))
        );
    });
}

#[test]
fn at_a_host_of_an_environment_only_its_tokens_are_known() {
    both("standard", |house| {
        let issue = |environment| {
            let (secret, account) = (SecretToken::generate(), house.account.id);
            let kept = secret.clone();
            let issued = house.store.block_write(Lane::Now, move |tx| {
                token::issue(tx, account, environment, "okta", None, &secret, now())
            });
            issued.expect("issued");
            kept
        };
        let (qa, production) = (issue(Environment::Qa), issue(Environment::Production));
        let set = |directory, names: &'static [&'static str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            house.store.block_write(Lane::Now, move |tx| account::set_hosts(tx, directory, &names))
        };
        let known = |secret: &SecretToken, host: &'static str| {
            let text = secret.reveal().to_owned();
            let presented = read(house.store, move |on| token::authenticate(on, &text, host, now()));
            matches!(presented, Presented::Valid { .. })
        };
        set(house.account.qa, &["API.example.qa", "api.example.qa", "other.example.qa"]).expect("set");
        set(house.account.production, &["api.example.com"]).expect("set");
        for (host, of_qa, of_production) in [
            ("api.example.qa", true, false),
            ("other.example.qa", true, false),
            ("api.example.com", false, true),
            ("elsewhere.example", true, true),
            ("", true, true),
        ] {
            assert_eq!((known(&qa, host), known(&production, host)), (of_qa, of_production), "{host}");
        }
        let hosts = |directory| read(house.store, move |on| account::hosts(on, directory));
        assert_eq!(hosts(house.account.qa), ["api.example.qa", "other.example.qa"]);
        let taken = set(house.account.production, &["new.example.com", "api.example.qa"]);
        assert!(matches!(taken, Err(AccountError::HostTaken(_))), "{taken:?}");
        assert_eq!(hosts(house.account.production), ["api.example.com"], "nothing was changed");
        for wrong in [&["https://api.example.com"][..], &["a:443"], &[""]] {
            assert!(matches!(set(house.account.production, wrong), Err(AccountError::Host(_))));
        }
        set(house.account.qa, &[]).expect("set");
        assert!(known(&production, "api.example.qa"));
    });
}
