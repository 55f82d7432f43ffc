//! Apps that are left alone: what puts them there, what they say, who goes all the same, what leaves it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::sync::watch;
use usher_engine::{
    EngineError,
    app::{self, Scope},
    cycle::CycleKind,
    quarantine::{self, Reset, Restarted},
    status::{self, Status},
};
use usher_jobs::mail;

use crate::rig::{Fault, Rig, both, until};

fn refusal(status: u16, detail: &str) -> Fault {
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(),
        "detail": detail});
    Fault::Answer(status, vec![("content-type", "application/scim+json".into())], body.to_string())
}

/// Creates of the first so many fail.
fn fail_the_first(rig: &Rig, most: usize) {
    rig.wire.rule(move |r| {
        let body = String::from_utf8_lossy(r.body()).into_owned();
        let fails = (0..most).any(|n| body.contains(&format!("\"u{n:03}\"")));
        (r.method() == "POST" && fails).then(|| refusal(400, "no seats left"))
    });
}

fn dead(rig: &Rig) {
    rig.wire.rule(|_| Some(Fault::Answer(502, vec![("content-type", "text/html".into())], "<html>".into())));
}

fn people(rig: &Rig, most: usize) -> Vec<usher_directory::object::Stored> {
    (0..most).map(|n| rig.user(&format!("u{n:03}"), json!({}))).collect()
}

fn status(rig: &Rig) -> Status {
    let (app, now) = (rig.app(), rig.clock.now());
    rig.read(move |on| status::get(on, &app, now))
}

async fn stopped(rig: &Rig) -> String {
    match rig.engine.sync(rig.app, &|_| {}).await {
        Err(EngineError::Stopped { code, .. }) => code,
        other => panic!("not in quarantine: {other:?}"),
    }
}

/// What waits to be sent, by topic and subject.
fn mails(rig: &Rig) -> Vec<(String, String)> {
    let found = rig.read(|on| mail::outbox(on, "app/", 100));
    found.into_iter().map(|mail| (mail.topic.rsplit('/').next().unwrap().to_owned(), mail.subject)).collect()
}

fn told(rig: &Rig) {
    rig.set("notify_email", "ops@example.com");
    rig.set("notify_on_failure", "true");
}

#[test]
fn too_large_a_share_of_failures_stops_the_cycle_and_names_the_request() {
    both(|rig| async move {
        rig.scope(Scope::All);
        told(&rig);
        people(&rig, 70);
        fail_the_first(&rig, 25);
        assert_eq!(stopped(&rig).await, quarantine::PROPORTION);
        // Of the first fifty, half failed; nobody else was tried.
        assert_eq!(rig.users_there().len(), 25);
        let seen = status(&rig);
        assert_eq!(seen.state.as_str(), "quarantine");
        let rests = seen.stopped.unwrap();
        assert!(rests.text.contains("25 of 50 attempts failed"), "{}", rests.text);
        assert!(rests.text.contains("no seats left"), "{}", rests.text);
        assert_eq!(rests.request.as_deref(), Some("POST /scim/v2/Users"));
        assert_eq!(rests.answer.as_deref(), Some("400 no seats left"));
        assert_eq!(mails(&rig), [("quarantine".into(), "[Usher] app: in quarantine".into())]);

        // Tried again and no better: it stays, for longer, and no mail says so again.
        rig.clock.advance(Duration::from_secs(301));
        assert_eq!(stopped(&rig).await, quarantine::PROPORTION);
        assert_eq!(rig.users_there().len(), 45, "who was not tried before is");
        let again = status(&rig).stopped.unwrap();
        assert_eq!((again.since, again.tries), (rests.since, 1));
        assert!(again.next > rests.next);
        assert_eq!(mails(&rig).len(), 1);

        // Better: it leaves by itself.
        rig.wire.heal();
        rig.clock.advance(Duration::from_secs(901));
        rig.sync().await;
        assert_eq!(rig.users_there().len(), 70);
        assert_eq!(status(&rig).stopped, None);
        assert_eq!(mails(&rig), [("quarantine".into(), "[Usher] app: out of quarantine".into())]);
    });
}

#[test]
fn a_few_failures_are_no_quarantine() {
    both(|rig| async move {
        rig.scope(Scope::All);
        told(&rig);
        people(&rig, 45);
        fail_the_first(&rig, 44);
        assert_eq!(rig.sync().await.counts.failed, 44);
        assert_eq!(status(&rig).stopped, None);
        // A pause that the app asks for counts as no failure.
        rig.clock.advance(Duration::from_secs(120));
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        rig.wire.rule(move |r| {
            let first = r.method() == "POST" && count.fetch_add(1, Ordering::SeqCst) < 60;
            first.then(|| Fault::Answer(429, vec![("retry-after", "0".into())], String::new()))
        });
        rig.sync().await;
        assert_eq!((status(&rig).stopped, mails(&rig)), (None, vec![]));
        assert_eq!(rig.users_there().len(), 45);
    });
}

#[test]
fn another_reason_is_told_and_after_28_days_the_app_is_switched_off() {
    both(|rig| async move {
        rig.scope(Scope::All);
        told(&rig);
        people(&rig, 60);
        let app = rig.app();
        rig.write(move |tx| app::set_enabled(tx, &app, true).unwrap());
        fail_the_first(&rig, 40);
        assert_eq!(stopped(&rig).await, quarantine::PROPORTION);
        dead(&rig);
        rig.clock.advance(Duration::from_secs(301));
        assert_eq!(stopped(&rig).await, quarantine::EXCEPTION);
        assert_eq!(mails(&rig)[0].1, "[Usher] app: in quarantine for another reason");
        let since = status(&rig).stopped.unwrap().since;
        let mut tries = 0;
        while status(&rig).state.as_str() == "quarantine" {
            let next = status(&rig).stopped.unwrap().next;
            let left = next.duration_since(rig.clock.now());
            rig.clock.advance(Duration::try_from(left).unwrap_or_default());
            stopped(&rig).await;
            tries += 1;
        }
        assert!((120..160).contains(&tries), "{tries}");
        let seen = status(&rig);
        assert_eq!((seen.state.as_str(), seen.next_run), ("stopped", None));
        let after = seen.stopped.unwrap().ended.unwrap().duration_since(since);
        assert!(after.as_hours() >= 28 * 24 && after.as_hours() < 28 * 24 + 7, "{after}");
        assert!(!rig.app().enabled);
        assert_eq!(mails(&rig)[0].1, "[Usher] app: switched off after 28 days of quarantine");
        // Begun again by hand.
        rig.wire.heal();
        let app = rig.app();
        rig.write(move |tx| app::set_enabled(tx, &app, true).unwrap());
        assert_eq!(status(&rig).state.as_str(), "on");
        rig.sync().await;
    });
}

#[test]
fn who_is_to_lose_access_does_so_in_quarantine_too_and_nothing_else_is_sent() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.sync().await;
        let app = rig.app();
        rig.write(move |tx| app::set_enabled(tx, &app, true).unwrap());
        people(&rig, 50);
        fail_the_first(&rig, 50);
        assert_eq!(stopped(&rig).await, quarantine::PROPORTION);
        rig.wire.take();
        let (stop, stopping) = watch::channel(false);
        let engine = rig.engine.clone();
        let serving = tokio::spawn(async move { engine.serve(stopping).await });
        rig.user("new", json!({}));
        rig.edit(&ann, json!({"active": false}));
        until(&rig, |rig| {
            rig.clock.advance(Duration::from_millis(5));
            rig.active_there().is_empty()
        })
        .await;
        stop.send(true).unwrap();
        serving.await.unwrap().unwrap();
        assert_eq!(rig.wire.seen().iter().filter(|(method, _)| method == "POST").count(), 0);
        assert_eq!(status(&rig).state.as_str(), "quarantine");
        assert!(rig.logged().iter().any(|e| e.0 == "disable" && e.1 == "success"));
    });
}

#[test]
fn an_app_that_comes_back_gets_its_leavers_first_however_much_else_waits() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.sync().await;
        let (id, ..) = rig.user_there("ann");
        dead(&rig);
        rig.edit(&ann, json!({"title": "X"}));
        assert_eq!(stopped(&rig).await, quarantine::EXCEPTION);
        // More than a cycle puts ahead of its workers, and the leaver last of all.
        rig.many_users(2_300);
        rig.edit(&ann, json!({"active": false}));
        rig.wire.heal();
        rig.wire.take();
        let writes = Arc::new(AtomicUsize::new(0));
        let count = writes.clone();
        rig.wire.rule(move |r| {
            let later = r.method() != "GET" && count.fetch_add(1, Ordering::SeqCst) > 60;
            later.then(|| refusal(401, "enough seen"))
        });
        stopped(&rig).await;
        let first: Vec<_> = rig.wire.seen().into_iter().filter(|(method, _)| method != "GET").collect();
        let place = first.iter().position(|(_, url)| url.contains(&id.0.to_string()));
        assert!(
            place.is_some_and(|place| place < 50),
            "in the first batch, not at {place:?} of {}",
            first.len()
        );
        assert!(!rig.active_there().contains(&"ann".to_owned()));
    });
}

#[test]
fn leavers_of_an_app_that_cannot_be_reached_are_tried_by_their_own_schedule() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.sync().await;
        let app = rig.app();
        rig.write(move |tx| app::set_enabled(tx, &app, true).unwrap());
        dead(&rig);
        rig.edit(&ann, json!({"active": false}));
        assert_eq!(stopped(&rig).await, quarantine::EXCEPTION);
        assert_eq!(stopped(&rig).await, quarantine::EXCEPTION);
        assert_eq!(stopped(&rig).await, quarantine::EXCEPTION);
        let rests = status(&rig).stopped.unwrap();
        assert!(rests.next.duration_since(rig.clock.now()).as_mins() >= 59, "the app has an hour's rest");
        let (stop, stopping) = watch::channel(false);
        let engine = rig.engine.clone();
        let serving = tokio::spawn(async move { engine.serve(stopping).await });
        // Tried in vain first.
        until(&rig, |rig| {
            rig.clock.advance(Duration::from_millis(50));
            status(rig).stopped.is_some_and(|stop| stop.leavers.tries > rests.leavers.tries)
        })
        .await;
        rig.wire.heal();
        // Within minutes of the app's coming back, not within an hour.
        let back = rig.clock.now();
        until(&rig, |rig| {
            rig.clock.advance(Duration::from_millis(100));
            rig.active_there().is_empty()
        })
        .await;
        assert!(rig.clock.now().duration_since(back).as_mins() < 10);
        until(&rig, |rig| status(rig).stopped.is_none()).await;
        stop.send(true).unwrap();
        serving.await.unwrap().unwrap();
    });
}

fn restart(rig: &Rig, what: &[Reset]) -> Restarted {
    let (app, now, what) = (rig.app(), rig.clock.now(), what.to_vec());
    rig.write(move |tx| quarantine::restart(tx, &app, &what, now).unwrap())
}

#[test]
fn a_restart_forgets_what_it_is_told_to() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let users = people(&rig, 5);
        fail_the_first(&rig, 1);
        rig.sync().await;
        assert_eq!(status(&rig).escrows, 1);
        // Escrows alone: the failure is gone, and nobody is looked at again.
        assert_eq!(restart(&rig, &[Reset::Escrows]).escrows, 1);
        assert_eq!(status(&rig).escrows, 0);
        rig.wire.heal();
        rig.wire.take();
        rig.clock.advance(Duration::from_secs(3_600));
        rig.sync().await;
        assert_eq!(rig.wire.take(), (0, 0));
        // With the watermark everybody is.
        restart(&rig, &Reset::DEFAULT);
        let cycle = rig.sync().await;
        assert_eq!((cycle.kind, cycle.counts.create, cycle.counts.in_sync), (CycleKind::Initial, 1, 4));

        // A leaver who fails is never forgotten.
        rig.edit(&users[1], json!({"active": false}));
        rig.wire.rule(|r| (r.method() == "PATCH").then(|| refusal(500, "not now")));
        assert_eq!(rig.sync().await.counts.failed, 1);
        let done = restart(&rig, &[Reset::Escrows]);
        assert_eq!((done.escrows, done.leavers), (0, 1));
        rig.wire.heal();
        assert_eq!(rig.sync().await.counts.disable, 1);

        // The quarantine alone.
        dead(&rig);
        rig.edit(&users[2], json!({"title": "X"}));
        rig.clock.advance(Duration::from_secs(86_400));
        stopped(&rig).await;
        restart(&rig, &[Reset::Quarantine]);
        assert_eq!(status(&rig).stopped, None);
    });
}

#[test]
fn links_that_are_forgotten_are_found_again_and_leavers_with_them() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let users = people(&rig, 12);
        let sales = rig.group("Sales", &[&users[3], &users[4]]);
        rig.sync().await;
        rig.edit(&users[0], json!({"active": false}));
        rig.sync().await;
        let before = rig.users_there();
        // One leaves, and one is gone for good, unseen by any cycle.
        rig.edit(&users[1], json!({"active": false}));
        rig.purge(&users[2]);
        assert_eq!(restart(&rig, &[Reset::Links]).links, 11, "ten users in step and the group");
        rig.wire.take();
        let cycle = rig.sync().await;
        assert_eq!(
            (cycle.kind, cycle.counts.create, cycle.counts.failed),
            (CycleKind::Initial, 0, 0),
            "{cycle:?}"
        );
        let after = rig.users_there();
        assert!(after.keys().eq(before.keys().filter(|name| *name != "u002")), "nobody twice, {after:?}");
        assert!(!after["u001"].1 && !after["u000"].1);
        assert_eq!(rig.active_there().len(), 9);
        let mut members = rig.groups_there().remove("Sales").unwrap();
        members.sort();
        assert_eq!(members, ["u003", "u004"]);
        // Known again: a change is one request.
        rig.edit(&users[5], json!({"title": "X"}));
        rig.wire.take();
        assert_eq!(rig.sync().await.counts.update, 1);
        assert_eq!(rig.wire.take(), (1, 1));
        let _ = sales;
    });
}

#[test]
fn leavers_held_back_are_told_once() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.set("notify_email", "ops@example.com, boss@example.com");
        let users = people(&rig, 30);
        rig.sync().await;
        for user in &users[..12] {
            rig.edit(user, json!({"active": false}));
        }
        assert_eq!(rig.sync().await.counts.staged, 12);
        for user in &users[12..24] {
            rig.edit(user, json!({"active": false}));
        }
        assert_eq!(rig.sync().await.counts.staged, 12);
        // One mail for each address, the newest, also without the check box.
        let found = rig.read(|on| mail::outbox(on, "app/", 100));
        let mut to: Vec<_> = found.iter().map(|mail| (mail.to.as_str(), mail.subject.as_str())).collect();
        to.sort_unstable();
        let subject = "[Usher] app: 24 leavers are held back";
        assert_eq!(to, [("boss@example.com", subject), ("ops@example.com", subject)]);
        assert!(found[0].text.contains("usher app allow-deletes app"), "{}", found[0].text);
    });
}
