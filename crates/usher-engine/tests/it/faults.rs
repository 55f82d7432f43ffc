//! Apps that fail, and objects that do.

use serde_json::json;
use usher_engine::{EngineError, app::Scope};

use crate::rig::{Fault, both};

fn error(status: u16, detail: &str) -> Fault {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(), "detail": detail,
    });
    Fault::Answer(status, vec![("content-type", "application/scim+json".into())], body.to_string())
}

fn body_has(request: &http::Request<bytes::Bytes>, text: &str) -> bool {
    String::from_utf8_lossy(request.body()).contains(text)
}

#[test]
fn an_app_that_asks_to_wait_is_waited_for_and_nothing_counts_as_failed() {
    both(|rig| async move {
        rig.scope(Scope::All);
        for n in 0..5 {
            rig.user(&format!("u{n}"), json!({}));
        }
        let refused = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = refused.clone();
        rig.wire.rule(move |request| {
            let first =
                request.method() == "POST" && count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2;
            first.then(|| Fault::Answer(429, vec![("retry-after", "1".into())], String::new()))
        });
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.failed), (5, 0));
        assert_eq!(rig.users_there().len(), 5);
        assert!(rig.logged().iter().all(|e| e.1 == "success"));
    });
}

#[test]
fn a_failing_object_waits_alone_and_is_tried_again() {
    both(|rig| async move {
        rig.scope(Scope::All);
        for name in ["ann", "bob", "cid"] {
            rig.user(name, json!({}));
        }
        rig.wire
            .rule(|r| (r.method() == "POST" && body_has(r, "bob")).then(|| error(500, "no room for bob")));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.failed), (2, 1));
        assert_eq!(rig.active_there(), ["ann", "cid"]);
        let failures: Vec<_> = rig.logged().into_iter().filter(|e| e.1 == "failure").collect();
        assert_eq!(
            failures,
            [("create".into(), "failure".into(), "bob".into(), "InternalServerError".into())]
        );

        // Not at once again: it has its minute.
        rig.wire.take();
        rig.sync().await;
        assert_eq!(rig.wire.take(), (0, 0));
        rig.clock.advance(std::time::Duration::from_secs(80));
        rig.wire.heal();
        assert_eq!(rig.sync().await.counts.create, 1);
        assert_eq!(rig.active_there(), ["ann", "bob", "cid"]);
    });
}

/// Removes these of the app's users for good, behind the engine's back.
fn remove_there(rig: &crate::rig::Rig, names: &[String]) {
    use usher_directory::object::{self, Draft};
    for name in names {
        let (there, id, configs, now) =
            (rig.there, rig.user_there(name).0, rig.configs.clone(), rig.clock.now());
        rig.write(move |tx| {
            let config = configs.get(tx, there).unwrap().unwrap();
            let was = object::get(tx, there, id).unwrap().unwrap();
            object::put(tx, there, &Draft::remove(&config, &was, now).unwrap()).unwrap();
        });
    }
}

#[test]
fn few_linked_accounts_that_are_gone_are_matched_again_and_made_anew() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let team = rig.group("Team", &[&ann]);
        rig.sync().await;
        remove_there(&rig, &["ann".into(), "bob".into()]);
        rig.edit(&ann, json!({"title": "X"}));
        rig.edit(&bob, json!({"active": false}));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.failed, counts.create), (0, 1), "bob left and is gone: nothing is to be done");
        assert_eq!(rig.active_there(), ["ann"]);
        assert_eq!(rig.user_there("ann").2["title"], "X");
        assert_eq!(rig.groups_there()["Team"], ["ann"], "and is a member again");
        assert_eq!(rig.sync().await.counts.failed, 0);
        assert_eq!(team.kind, usher_directory::Kind::Group);
    });
}

#[test]
fn many_linked_accounts_that_are_gone_stop_the_app_and_nothing_is_made_anew() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let users: Vec<_> = (0..30).map(|n| rig.user(&format!("u{n:02}"), json!({}))).collect();
        rig.sync().await;
        let names: Vec<String> = (0..11).map(|n| format!("u{n:02}")).collect();
        remove_there(&rig, &names);
        for user in &users {
            rig.edit(user, json!({"title": "X"}));
        }
        let stopped = rig.engine.sync(rig.app, &|_| {}).await.unwrap_err();
        assert!(
            matches!(&stopped, EngineError::Stopped { code, .. } if code == "TargetMissing"),
            "{stopped}"
        );
        assert!(stopped.to_string().contains("11 of 30") && stopped.to_string().contains("u00"), "{stopped}");
        assert_eq!(rig.users_there().len(), 19, "nothing was made anew");
        assert_eq!(rig.user_there("u20").2["title"], "X", "the others were written");
        let (app, now) = (rig.app(), rig.clock.now());
        let status = rig.read(move |on| usher_engine::status::get(on, &app, now));
        assert_eq!((status.state.as_str(), status.escrows), ("quarantine", 0));
        // Told to look for all anew, it does.
        let (app, now) = (rig.app(), rig.clock.now());
        rig.write(move |tx| {
            let what = [usher_engine::quarantine::Reset::Links, usher_engine::quarantine::Reset::Quarantine];
            usher_engine::quarantine::restart(tx, &app, &what, now).unwrap()
        });
        rig.sync().await;
        assert_eq!(rig.active_there().len(), 30);
    });
}

#[test]
fn bad_credentials_stop_the_cycle_with_the_reason_and_lose_nothing() {
    both(|rig| async move {
        rig.scope(Scope::All);
        for n in 0..60 {
            rig.user(&format!("u{n:02}"), json!({}));
        }
        rig.wire.rule(|r| (r.method() == "POST" && body_has(r, "u30")).then(|| error(401, "token expired")));
        let stopped = rig.engine.sync(rig.app, &|_| {}).await.unwrap_err();
        assert!(matches!(&stopped, EngineError::Stopped { .. }), "{stopped}");
        assert!(stopped.to_string().contains("token expired"), "{stopped}");
        let (app, now) = (rig.app(), rig.clock.now());
        let status = rig.read(move |on| usher_engine::status::get(on, &app, now));
        assert_eq!(status.state.as_str(), "quarantine");
        assert_eq!(status.stopped.unwrap().code, "EncounteredQuarantineException");
        assert_eq!(status.escrows, 0, "the app's fault is no object's");
        rig.wire.heal();
        let counts = rig.sync().await.counts;
        assert_eq!(counts.failed, 0);
        assert_eq!(rig.users_there().len(), 60);
    });
}

#[test]
fn an_app_that_answers_html_is_said_so_and_nothing_is_sent() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.user("ann", json!({}));
        rig.wire.rule(|_| {
            Some(Fault::Answer(200, vec![("content-type", "text/html".into())], "<html>Hi</html>".into()))
        });
        let stopped = rig.engine.sync(rig.app, &|_| {}).await.unwrap_err();
        assert!(matches!(stopped, EngineError::Stopped { .. }), "{stopped}");
        assert_eq!(rig.wire.take().1, 0);
        assert!(!rig.engine.test(rig.app, None).await.unwrap().ok());
        rig.wire.heal();
        let found = rig.engine.test(rig.app, None).await.unwrap();
        assert!(found.ok(), "{found:?}");
    });
}

#[test]
fn an_app_that_dies_in_the_middle_is_gone_on_with() {
    both(|rig| async move {
        rig.scope(Scope::All);
        for n in 0..120 {
            rig.user(&format!("u{n:03}"), json!({}));
        }
        let left = std::sync::Arc::new(std::sync::atomic::AtomicIsize::new(150));
        let count = left.clone();
        rig.wire.rule(move |_| {
            let dead = count.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) <= 0;
            dead.then(|| Fault::Answer(502, vec![("content-type", "text/html".into())], "<html>".into()))
        });
        rig.engine.sync(rig.app, &|_| {}).await.unwrap_err();
        let before = rig.users_there().len();
        assert!(before > 0 && before < 120, "{before}");
        rig.wire.heal();
        rig.sync().await;
        assert_eq!(rig.users_there().len(), 120);
    });
}

#[test]
fn a_lost_answer_to_a_create_makes_no_second_account() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.user("ann", json!({}));
        rig.wire.rule(|r| (r.method() == "POST").then_some(Fault::Lost));
        let cycle = rig.sync().await;
        assert_eq!(cycle.counts.failed, 1);
        rig.wire.heal();
        rig.clock.advance(std::time::Duration::from_secs(80));
        rig.wire.take();
        rig.sync().await;
        assert_eq!(rig.users_there().len(), 1);
        let (_, writes) = rig.wire.take();
        assert_eq!(writes, 0, "what was found is ours and as it should be");
    });
}

#[test]
fn two_sources_never_share_a_target() {
    both(|rig| async move {
        rig.scope(Scope::All);
        // The first is linked; then its account gets the other's name behind our back.
        let ann = rig.user("ann", json!({}));
        rig.sync().await;
        let (there, id, configs, now) =
            (rig.there, rig.user_there("ann").0, rig.configs.clone(), rig.clock.now());
        rig.write(move |tx| {
            use usher_directory::object::{self, Draft};
            let config = configs.get(tx, there).unwrap().unwrap();
            let was = object::get(tx, there, id).unwrap().unwrap();
            let mut doc = was.object().unwrap();
            doc.insert("userName".into(), "bob".into());
            object::put(tx, there, &Draft::replace(&config, &was, &doc, now).unwrap()).unwrap();
        });
        rig.user("bob", json!({"title": "another person"}));
        let counts = rig.sync().await.counts;
        assert_eq!((counts.failed, counts.update, counts.create), (1, 0, 0));
        assert_eq!(rig.logged().last().unwrap().3, "DuplicateSourceEntries");
        assert_eq!(rig.user_there("bob").2.get("title"), None, "the account is not written for him");
        let _ = ann;
    });
}
