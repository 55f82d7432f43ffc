//! Crashes: the engine is dropped at a request, before or after the app has done it, and another one goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use usher_engine::{EngineError, app::Scope};
use usher_store::testing;

use crate::rig::{Fault, Rig, TABLES, both, managed_by, runtime};

/// Lets the `nth` request hang, drops the engine there; `false`: the cycle ended before.
async fn crash_at(rig: &Rig, nth: usize, after: bool) -> bool {
    let count = Arc::new(AtomicUsize::new(0));
    rig.wire.rule(move |_| {
        let here = count.fetch_add(1, Ordering::SeqCst) == nth;
        here.then_some(if after { Fault::HangAfter } else { Fault::HangBefore })
    });
    let engine = rig.another();
    let crashed = tokio::select! {
        cycle = engine.sync(rig.app, &|_| {}) => { cycle.unwrap(); false }
        () = rig.wire.notify.notified() => true,
    };
    rig.wire.heal();
    crashed
}

/// Another instance: it finds the lease held, and takes it when its beat has stood still.
async fn go_on(rig: &Rig) {
    let engine = rig.another();
    assert!(matches!(engine.sync(rig.app, &|_| {}).await, Err(EngineError::Busy)));
    rig.clock.advance(Duration::from_secs(91));
    engine.sync(rig.app, &|_| {}).await.unwrap();
}

/// A boss, her report, and his, in a group; a crash at one request; another instance. `false`: there are fewer requests.
async fn crash_and_go_on(rig: Rig, nth: usize, after: bool) -> bool {
    rig.scope(Scope::All);
    let boss = rig.user("boss", json!({}));
    let ann = rig.user("ann", managed_by(&boss));
    let bob = rig.user("bob", managed_by(&ann));
    rig.group("Team", &[&ann, &bob, &boss]);
    if !crash_at(&rig, nth, after).await {
        return false;
    }
    go_on(&rig).await;
    assert_eq!(rig.active_there(), ["ann", "bob", "boss"], "request {nth}, after: {after}");
    assert_eq!(rig.manager_there("ann"), Some("boss".into()), "request {nth}, after: {after}");
    assert_eq!(rig.manager_there("bob"), Some("ann".into()), "request {nth}, after: {after}");
    let groups: Vec<_> = rig.groups_there().into_iter().collect();
    let members = ["ann", "bob", "boss"].map(str::to_owned).to_vec();
    assert_eq!(groups, [("Team".to_owned(), members)], "request {nth}, after: {after}");
    rig.wire.take();
    rig.another().sync(rig.app, &|_| {}).await.unwrap();
    assert_eq!(rig.wire.take().1, 0, "and then nothing is left to write");
    true
}

#[test]
fn a_crash_at_any_request_makes_no_duplicate_and_loses_nothing() {
    let runtime = runtime();
    let _inside = runtime.enter();
    for after in [false, true] {
        let mut nth = 0;
        loop {
            let store = testing::sqlite(TABLES);
            let rig = Rig::new(&store, "scim", "standard");
            if !runtime.block_on(crash_and_go_on(rig, nth, after)) {
                break;
            }
            nth += 1;
        }
        assert!(nth > 10, "a cycle has more than {nth} requests");
    }
}

#[test]
fn a_crash_on_postgresql_is_gone_on_with_too() {
    let runtime = runtime();
    let _inside = runtime.enter();
    for (nth, after) in [(4, true), (9, false), (9, true), (13, true)] {
        let store = testing::postgres(TABLES);
        let rig = Rig::new(&store, "scim", "standard");
        runtime.block_on(crash_and_go_on(rig, nth, after));
    }
}

/// Polls a cycle so many times and drops it: a crash at any await, also between two requests. `false`: it ended before.
async fn crash_after_polls(rig: &Rig, polls: usize) -> bool {
    let engine = rig.another();
    let mut cycle = Box::pin(engine.sync(rig.app, &|_| {}));
    let mut left = polls;
    std::future::poll_fn(|cx| {
        use std::task::Poll;
        if left == 0 {
            return Poll::Ready(true);
        }
        left -= 1;
        match cycle.as_mut().poll(cx) {
            Poll::Ready(ended) => {
                ended.unwrap();
                Poll::Ready(false)
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[test]
fn a_crash_at_any_await_is_gone_on_with() {
    let runtime = runtime();
    let _inside = runtime.enter();
    // How often a cycle is polled depends on how soon the storage threads answer: whoever comes to its end begins again.
    let (mut crashes, mut polls, mut whole) = (0, 0, 0);
    while crashes < 20 {
        let store = testing::sqlite(TABLES);
        let rig = Rig::new(&store, "scim", "standard");
        let crashed = runtime.block_on(async {
            rig.scope(Scope::All);
            let boss = rig.user("boss", json!({}));
            let ann = rig.user("ann", managed_by(&boss));
            rig.group("Team", &[&ann, &boss]);
            if !crash_after_polls(&rig, polls).await {
                return false;
            }
            // Whether the lease was taken before the crash depends on where it was.
            let first = rig.another();
            if matches!(first.sync(rig.app, &|_| {}).await, Err(EngineError::Busy)) {
                rig.clock.advance(Duration::from_secs(91));
                first.sync(rig.app, &|_| {}).await.unwrap();
            }
            assert_eq!(rig.active_there(), ["ann", "boss"], "after {polls} polls");
            assert_eq!(rig.manager_there("ann"), Some("boss".into()), "after {polls} polls");
            assert_eq!(rig.groups_there()["Team"], ["ann", "boss"], "after {polls} polls");
            rig.wire.take();
            rig.another().sync(rig.app, &|_| {}).await.unwrap();
            assert_eq!(rig.wire.take().1, 0, "after {polls} polls");
            true
        });
        if crashed {
            crashes += 1;
            polls += 2;
        } else {
            whole += 1;
            polls = 1;
        }
        assert!(whole < 20, "a cycle is hardly ever awaited");
    }
}

/// As after a process stood still, and nobody was there to take over.
#[test]
fn whose_lease_ran_out_sends_nothing_more_and_blames_nobody() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.set("concurrency", "1");
        for n in 0..30 {
            rig.user(&format!("u{n:02}"), json!({}));
        }
        let (clock, posts) = (rig.clock.clone(), AtomicUsize::new(0));
        rig.wire.rule(move |request| {
            if request.method() == "POST" && posts.fetch_add(1, Ordering::SeqCst) == 4 {
                clock.advance(Duration::from_secs(91));
            }
            None
        });
        let ended = rig.engine.sync(rig.app, &|_| {}).await;
        assert!(matches!(ended, Err(EngineError::LeaseLost)), "{ended:?}");
        assert_eq!(rig.users_there().len(), 5);
        let (app, now) = (rig.app(), rig.clock.now());
        let status = rig.read(move |on| usher_engine::status::get(on, &app, now));
        assert!(status.stopped.is_none() && status.escrows == 0, "{status:?}");
        assert!(rig.logged().iter().all(|entry| entry.1 != "failure"), "{:?}", rig.logged());
        rig.wire.heal();
        assert_eq!(rig.sync().await.counts.failed, 0);
        assert_eq!(rig.active_there().len(), 30);
    });
}

#[test]
fn two_instances_never_work_on_one_app_at_once() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.user("ann", json!({}));
        assert!(crash_at(&rig, 0, false).await);
        let other = rig.another().sync(rig.app, &|_| {}).await;
        assert!(matches!(other, Err(EngineError::Busy)));
    });
}
