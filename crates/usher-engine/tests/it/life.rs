//! An app's life between its cycles: the heartbeat and what is told, limits on creates, another tenant, credentials that expire.

use std::time::Duration;

use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::json;
use tokio::{sync::watch, task::JoinHandle};
use usher_engine::{
    EngineError,
    app::{self, Accounts, Credentials, Scope},
    limit, protected,
    status::{self, Status},
};
use usher_jobs::mail;

use crate::rig::{Fault, Rig, both, start, until};

const HOUR: Duration = Duration::from_secs(3_600);

fn status(rig: &Rig) -> Status {
    let (app, now) = (rig.app(), rig.clock.now());
    rig.read(move |on| status::get(on, &app, now))
}

/// Topic and subject of each mail that waits.
fn mails(rig: &Rig) -> Vec<(String, String)> {
    let found = rig.read(|on| mail::outbox(on, "app/", 100));
    found.into_iter().map(|mail| (mail.topic.rsplit('/').next().unwrap().to_owned(), mail.subject)).collect()
}

fn has_mail(rig: &Rig, topic: &str) -> bool {
    mails(rig).iter().any(|(of, _)| of == topic)
}

fn start_app(rig: &Rig, first: Option<u64>) {
    let app = rig.app();
    rig.write(move |tx| app::start(tx, &app, first).unwrap());
}

/// The run loop, until it is told to stop.
struct Serving(watch::Sender<bool>, JoinHandle<Result<(), EngineError>>);

impl Serving {
    fn new(rig: &Rig) -> Self {
        let (stop, stopping) = watch::channel(false);
        let engine = rig.engine.clone();
        Self(stop, tokio::spawn(async move { engine.serve(stopping).await }))
    }

    async fn end(self) {
        self.0.send(true).unwrap();
        self.1.await.unwrap().unwrap();
    }
}

#[test]
fn an_idle_app_is_proven_reachable_every_six_hours_and_sends_nothing_else() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.user("ann", json!({}));
        start_app(&rig, None);
        let serving = Serving::new(&rig);
        until(&rig, |rig| status(rig).last_cycle.is_some()).await;
        let first = status(&rig).reachable.unwrap();
        rig.wire.take();
        // Cycles by their interval, with nothing to do.
        for _ in 0..5 {
            let before = status(&rig).last_cycle.unwrap().id;
            rig.clock.advance(HOUR);
            until(&rig, |rig| status(rig).last_cycle.unwrap().id != before).await;
        }
        assert_eq!(rig.wire.take(), (0, 0), "an idle cycle sends nothing");
        assert_eq!(status(&rig).reachable, Some(first));
        rig.clock.advance(HOUR);
        until(&rig, |rig| status(rig).reachable.unwrap() > first).await;
        let (requests, writes) = rig.wire.take();
        assert!(requests > 0 && writes == 0, "the connection test alone");
        serving.end().await;
    });
}

#[test]
fn a_heartbeat_that_fails_twice_is_told_once_and_one_that_works_ends_it() {
    both(|rig| async move {
        rig.set("notify_email", "ops@example.com");
        rig.scope(Scope::All);
        rig.user("ann", json!({}));
        start_app(&rig, None);
        let serving = Serving::new(&rig);
        until(&rig, |rig| status(rig).last_cycle.is_some()).await;
        rig.wire.rule(|_| Some(Fault::Refused));
        rig.clock.advance(6 * HOUR);
        until(&rig, |rig| status(rig).heart.failed == 1).await;
        assert!(!has_mail(&rig, "heartbeat"), "once may be chance");
        rig.clock.advance(Duration::from_secs(301));
        until(&rig, |rig| status(rig).heart.failed == 2).await;
        assert_eq!(mails(&rig), [("heartbeat".into(), "[Usher] app: can't be reached".into())]);
        assert!(status(&rig).heart.text.unwrap().contains("connection refused"));
        assert_eq!(status(&rig).state.as_str(), "on", "nothing was to be sent, so nothing rests");
        rig.wire.heal();
        rig.clock.advance(6 * HOUR);
        until(&rig, |rig| status(rig).heart.failed == 0).await;
        serving.end().await;
    });
}

#[test]
fn an_app_that_asks_to_wait_is_there() {
    both(|rig| async move {
        rig.scope(Scope::All);
        start_app(&rig, None);
        let serving = Serving::new(&rig);
        until(&rig, |rig| status(rig).last_cycle.is_some()).await;
        let first = status(&rig).reachable.unwrap();
        rig.wire.rule(|_| Some(Fault::Answer(429, vec![("retry-after", "7".into())], String::new())));
        rig.clock.advance(6 * HOUR);
        until(&rig, |rig| status(rig).reachable.unwrap() > first).await;
        assert_eq!(status(&rig).heart.failed, 0);
        serving.end().await;
    });
}

#[test]
fn the_heartbeat_can_be_switched_off() {
    both(|rig| async move {
        rig.set("heartbeat", "off");
        rig.scope(Scope::All);
        start_app(&rig, None);
        let serving = Serving::new(&rig);
        until(&rig, |rig| status(rig).last_cycle.is_some()).await;
        rig.wire.take();
        let before = status(&rig).last_cycle.unwrap().id;
        rig.clock.advance(100 * HOUR);
        until(&rig, |rig| status(rig).last_cycle.unwrap().id != before).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(rig.wire.take(), (0, 0));
        serving.end().await;
    });
}

#[test]
fn no_cycle_that_ends_for_three_intervals_is_told_once() {
    both(|rig| async move {
        rig.set("notify_email", "ops@example.com");
        rig.set("interval", "10");
        rig.scope(Scope::All);
        rig.user("ann", json!({}));
        // The first cycle's write never comes back.
        rig.wire.rule(|r| (r.method() == "POST").then_some(Fault::HangBefore));
        start_app(&rig, None);
        let (stop, stopping) = watch::channel(false);
        let engine = rig.engine.clone();
        let serving = tokio::spawn(async move { engine.serve(stopping).await });
        rig.wire.notify.notified().await;
        // A clock that jumps is a machine that slept, so it goes by steps; the loop comes round once a second at least.
        for _ in 0..7 {
            rig.clock.advance(Duration::from_secs(4 * 60));
            tokio::time::sleep(Duration::from_millis(1_200)).await;
        }
        assert!(mails(&rig).is_empty());
        rig.clock.advance(Duration::from_secs(4 * 60));
        until(&rig, |rig| !mails(rig).is_empty()).await;
        assert_eq!(mails(&rig), [("silence".into(), "[Usher] app: no cycle ends".into())]);
        serving.abort();
        drop(stop);
    });
}

#[test]
fn credentials_that_expire_are_told_a_week_and_a_day_before() {
    both(|rig| async move {
        rig.set("notify_email", "ops@example.com");
        let app = rig.app();
        let at = start() + SignedDuration::from_hours(24 * 30);
        rig.write(move |tx| app::set_expires(tx, app.id, Some(at)).unwrap());
        assert_eq!(status(&rig).expires, Some(at));
        start_app(&rig, None);
        let serving = Serving::new(&rig);
        until(&rig, |rig| status(rig).last_cycle.is_some()).await;
        rig.clock.advance(22 * 24 * HOUR);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!has_mail(&rig, "credentials"));
        rig.clock.advance(25 * HOUR);
        until(&rig, |rig| has_mail(rig, "credentials")).await;
        let subject = |rig: &Rig| mails(rig).into_iter().find(|(of, _)| of == "credentials").unwrap().1;
        assert_eq!(subject(&rig), "[Usher] app: the credentials expire soon");
        rig.clock.advance(7 * 24 * HOUR);
        until(&rig, |rig| subject(rig) == "[Usher] app: the credentials have expired").await;
        serving.end().await;
    });
}

#[test]
fn shortly_before_credentials_expire_the_app_is_probed() {
    both(|rig| async move {
        rig.set("heartbeat", "168");
        let app = rig.app();
        let at = start() + SignedDuration::from_hours(24);
        rig.write(move |tx| app::set_expires(tx, app.id, Some(at)).unwrap());
        start_app(&rig, None);
        let serving = Serving::new(&rig);
        until(&rig, |rig| status(rig).last_cycle.is_some()).await;
        let first = status(&rig).reachable.unwrap();
        rig.clock.advance(23 * HOUR);
        until(&rig, |rig| status(rig).reachable.unwrap() > first).await;
        serving.end().await;
    });
}

#[test]
fn what_failed_is_told_once_a_day_where_that_is_asked_for() {
    both(|rig| async move {
        rig.set("notify_email", "ops@example.com");
        rig.scope(Scope::All);
        rig.user("ann", json!({}));
        rig.wire.rule(|r| {
            (r.method() == "POST").then(|| Fault::Answer(400, vec![], json!({"detail": "no"}).to_string()))
        });
        start_app(&rig, None);
        let serving = Serving::new(&rig);
        until(&rig, |rig| status(rig).escrows == 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(mails(&rig).is_empty(), "not asked for");
        rig.set("notify_digest", "true");
        rig.clock.advance(Duration::from_secs(11));
        until(&rig, |rig| has_mail(rig, "digest")).await;
        let found = rig.read(|on| mail::outbox(on, "app/", 100));
        let text = &found.iter().find(|mail| mail.topic.ends_with("digest")).unwrap().text;
        assert!(text.contains("UnprocessableEntity"), "{text}");
        serving.end().await;
    });
}

#[test]
fn the_first_cycle_stops_after_so_many_and_the_next_start_goes_on() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let users: Vec<_> = (0..120).map(|n| rig.user(&format!("u{n:03}"), json!({}))).collect();
        // One is there already: taken over, it counts too.
        rig.account_there(json!({"userName": "u000", "active": true}));
        start_app(&rig, Some(5));
        let cycle = rig.sync().await;
        assert_eq!(rig.users_there().len(), 5, "{cycle:?}");
        assert_eq!(cycle.counts.create, 4);
        let stopped = status(&rig);
        assert_eq!(stopped.state.as_str(), "off");
        assert!(stopped.held.clone().unwrap().1.contains("the first 5 are provisioned"), "{stopped:?}");
        // Nobody new is looked for; leavers go all the same.
        rig.edit(&users[1], json!({"active": false}));
        rig.wire.take();
        let cycle = rig.sync().await;
        assert_eq!((cycle.counts.create, cycle.counts.disable), (0, 1));
        assert_eq!(rig.users_there().len(), 5);

        start_app(&rig, None);
        let cycle = rig.sync().await;
        assert_eq!((rig.users_there().len(), cycle.counts.failed), (120, 0));
        assert_eq!((status(&rig).held, status(&rig).state.as_str()), (None, "on"));
    });
}

#[test]
fn a_first_that_is_never_reached_ends_with_the_cycle() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.user("ann", json!({}));
        start_app(&rig, Some(10));
        rig.sync().await;
        assert_eq!((status(&rig).held, status(&rig).state.as_str()), (None, "on"));
        for n in 0..20 {
            rig.user(&format!("u{n:02}"), json!({}));
        }
        rig.sync().await;
        assert_eq!(rig.users_there().len(), 21, "the limit was the first cycle's");
    });
}

#[test]
fn of_the_first_those_who_fail_do_not_count() {
    both(|rig| async move {
        rig.scope(Scope::All);
        for n in 0..30 {
            rig.user(&format!("u{n:02}"), json!({}));
        }
        rig.wire.rule(|r| {
            let refused = r.method() == "POST" && String::from_utf8_lossy(r.body()).contains("u00@");
            refused.then(|| Fault::Answer(400, vec![], String::new()))
        });
        start_app(&rig, Some(5));
        let cycle = rig.sync().await;
        assert_eq!((cycle.counts.failed, rig.users_there().len()), (1, 5));
    });
}

#[test]
fn more_creates_than_allowed_are_held_back_until_somebody_lets_them() {
    both(|rig| async move {
        rig.set("notify_email", "ops@example.com");
        rig.set("creates_max", "10");
        rig.scope(Scope::All);
        let users: Vec<_> = (0..8).map(|n| rig.user(&format!("u{n:02}"), json!({}))).collect();
        assert_eq!(rig.sync().await.counts.create, 8, "within the limit");
        rig.many_users(30);
        rig.edit(&users[0], json!({"title": "Head"}));
        rig.edit(&users[1], json!({"active": false}));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.held, counts.update, counts.disable), (10, 20, 1, 1));
        assert_eq!(mails(&rig), [("held".into(), "[Usher] app: creates are held back".into())]);
        let held = status(&rig);
        assert_eq!(held.counts.held, 20);
        assert!(held.held.unwrap().1.contains("allow-creates app"));
        // It stays so, cycle by cycle, without a request; everything else goes on.
        rig.wire.take();
        assert_eq!(rig.sync().await.counts.create, 0);
        assert_eq!(rig.wire.take(), (0, 0));
        rig.edit(&users[0], json!({"title": "Chief"}));
        assert_eq!(rig.sync().await.counts.update, 1);

        let app = rig.app();
        assert_eq!(rig.write(move |tx| limit::allow(tx, &app).unwrap()), 20);
        assert_eq!(rig.sync().await.counts.create, 20);
        assert_eq!((status(&rig).held, status(&rig).counts.held), (None, 0));
        // The limit holds again.
        rig.user("one", json!({}));
        assert_eq!(rig.sync().await.counts.create, 1);
    });
}

#[test]
fn without_the_limit_who_was_held_back_is_made() {
    both(|rig| async move {
        rig.set("creates_max", "1");
        rig.scope(Scope::All);
        rig.many_users(5);
        assert_eq!(rig.sync().await.counts.held, 4);
        rig.set("creates_max", "off");
        assert_eq!(rig.sync().await.counts.create, 4);
        assert_eq!(status(&rig).held, None);
    });
}

#[test]
fn somebody_protected_everywhere_is_protected_in_an_app_that_knows_nothing_of_it() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let (directory, key, now) = (rig.directory, ann.key, rig.clock.now());
        rig.write(move |tx| protected::set_everywhere(tx, directory, key, true, now).unwrap());
        rig.sync().await;
        rig.edit(&ann, json!({"active": false}));
        rig.edit(&bob, json!({"active": false}));
        assert_eq!(rig.sync().await.counts.failed, 1);
        assert_eq!(rig.active_there(), ["ann"]);
        assert_eq!(rig.logged().pop().unwrap().3, "ProtectedUser");
        rig.write(move |tx| protected::set_everywhere(tx, directory, key, false, now).unwrap());
        rig.sync().await;
        assert!(rig.active_there().is_empty());
    });
}

fn credentials() -> Credentials {
    Credentials { oauth: None, secret: SecretString::from("another") }
}

#[test]
fn at_another_address_the_accounts_are_looked_for() {
    both(|rig| async move {
        rig.scope(Scope::All);
        for n in 0..50 {
            rig.user(&format!("u{n:02}"), json!({}));
        }
        rig.sync().await;
        let url = app::check_url("https://elsewhere.example.com/scim/v2", false).unwrap();
        // The rig's wire answers at every address, but knows no other token.
        let found = rig.engine.at(rig.app, url.clone(), credentials()).await.unwrap();
        assert!(!found.diagnosis.ok());
        let app = rig.app();
        let secret = {
            let (store, app) = (rig.store.clone(), app.clone());
            rig.read(move |on| app::secret(on, &store, &app))
        };
        let known = Credentials { oauth: None, secret };
        let found = rig.engine.at(rig.app, url.clone(), known.clone()).await.unwrap();
        assert!(found.diagnosis.ok() && found.missing.is_empty(), "{found:?}");
        assert!((15..=20).contains(&found.looked_for), "{}", found.looked_for);
        rig.wire.rule(|r| {
            let one = r.uri().path().contains("/Users/");
            one.then(|| Fault::Answer(404, vec![], String::new()))
        });
        let found = rig.engine.at(rig.app, url.clone(), known.clone()).await.unwrap();
        assert_eq!(found.missing.len(), found.looked_for);
        rig.wire.heal();

        // The same accounts: nothing is written. Another tenant: all are matched again, and it is off until it is started.
        let (store, same, to) = (rig.store.clone(), known.clone(), url.clone());
        let present = rig.app();
        rig.write(move |tx| app::move_to(tx, &store, &present, &to, &same, Accounts::Same).unwrap());
        rig.wire.take();
        rig.sync().await;
        assert_eq!(rig.wire.take().1, 0);
        let (store, present) = (rig.store.clone(), rig.app());
        rig.write(move |tx| app::move_to(tx, &store, &present, &url, &known, Accounts::Other).unwrap());
        assert_eq!((status(&rig).linked, status(&rig).state.as_str()), ((0, 0), "off"));
        let cycle = rig.sync().await;
        assert_eq!((cycle.counts.create, cycle.counts.failed), (0, 0));
        assert_eq!(status(&rig).linked.0, 50);
    });
}

#[test]
fn what_all_cycles_wrote_is_counted_to_date() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.sync().await;
        rig.edit(&ann, json!({"title": "Head"}));
        rig.sync().await;
        rig.edit(&ann, json!({"title": "Chief"}));
        rig.sync().await;
        let counts = status(&rig).counts;
        assert_eq!((counts.create, counts.update, counts.in_sync), (1, 2, 1));
    });
}

#[test]
fn a_connection_test_that_is_asked_to_wait_is_no_reason_for_quarantine() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.user("ann", json!({}));
        let asks = |r: &http::Request<bytes::Bytes>| {
            let probe = r.method() == "GET";
            probe.then(|| Fault::Answer(429, vec![("retry-after", "20".into())], String::new()))
        };
        rig.wire.rule(asks);
        start_app(&rig, None);
        let serving = Serving::new(&rig);
        until(&rig, |rig| status(rig).paused.is_some()).await;
        assert_eq!((status(&rig).stopped, status(&rig).state.as_str()), (None, "on"));
        rig.wire.heal();
        rig.clock.advance(Duration::from_secs(21));
        until(&rig, |rig| rig.active_there() == ["ann"]).await;
        // In doubt about a failure too: an error to the write, and a pause to the probe.
        rig.user("bob", json!({}));
        rig.wire.rule(move |r| match r.method() == "POST" {
            true => Some(Fault::Answer(500, vec![], String::new())),
            false => asks(r).filter(|_| !r.uri().query().unwrap_or_default().contains("bob")),
        });
        rig.clock.advance(Duration::from_secs(11));
        until(&rig, |rig| status(rig).paused.is_some()).await;
        assert_eq!((status(&rig).stopped, status(&rig).escrows), (None, 0));
        rig.wire.heal();
        rig.clock.advance(Duration::from_secs(21));
        until(&rig, |rig| rig.active_there() == ["ann", "bob"]).await;
        serving.end().await;
    });
}

#[test]
fn who_is_provisioned_by_name_is_let_in_while_a_cycle_works() {
    both(|rig| async move {
        rig.scope(Scope::All);
        for n in 0..300 {
            rig.user(&format!("u{n:03}"), json!({}));
        }
        let last = rig.user("zoe", json!({}));
        rig.wire.rule(|r| (r.method() == "POST").then_some(Fault::Late(Duration::from_millis(30))));
        let engine = rig.engine.clone();
        let id = rig.app;
        let cycle = tokio::spawn(async move { engine.sync(id, &|_| {}).await });
        until(&rig, |rig| !rig.users_there().is_empty()).await;
        let done = rig.engine.provision(rig.app, last.key, "test").await.unwrap();
        assert_eq!(done.verdict.action, usher_engine::plan::Action::Create, "{done:#?}");
        assert!(rig.users_there().len() < 250, "the cycle was not waited for");
        assert!(!cycle.is_finished());
        let ended = cycle.await.unwrap().unwrap();
        assert_eq!((rig.users_there().len(), ended.counts.failed), (301, 0));
        assert_eq!(ended.counts.create, 300, "one cycle, and it goes on where it was");
    });
}
