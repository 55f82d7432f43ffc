//! The worker: it catches up, loses nothing, does nothing twice.

use std::task::Poll;

use serde_json::json;
use tokio::sync::watch;
use usher_people::{
    driver, person,
    record::{self, Figures},
};

use crate::rig::{ENTERPRISE, Rig, both};

fn figures(rig: &Rig) -> (Figures, person::Figures) {
    let directory = rig.directory;
    (
        rig.read(move |on| record::figures(on, directory, None)),
        rig.read(move |on| person::figures(on, directory)),
    )
}

/// A company of `n`: everybody's manager is the one before, all are in one group.
fn company(rig: &Rig, n: usize) {
    rig.organization("Everybody");
    let mut ids = Vec::new();
    for i in 0..n {
        let mut doc = json!({"userName": format!("u{i}@example.com"), "displayName": format!("U{i}")});
        if let Some(boss) = ids.last() {
            let boss: &usher_directory::ObjectId = boss;
            doc[ENTERPRISE] = json!({"manager": {"value": boss.0.to_string()}});
        }
        ids.push(rig.user(doc));
    }
    rig.group("Everybody", &ids);
}

fn assert_whole(rig: &Rig, n: i64) {
    let (records, people) = figures(rig);
    assert_eq!((records.in_order, records.incomplete, records.error), (n + 1, 0, 0));
    assert_eq!(people, person::Figures { total: n, disabled: 0, with_organization: n, with_manager: n - 1 });
}

#[test]
fn five_hundred_records_and_nothing_the_second_time() {
    both(|rig| {
        company(rig, 500);
        assert!(rig.catch_up() >= 501);
        assert_whole(rig, 500);
        let before = rig.person("u499@example.com");
        assert_eq!(rig.catch_up(), 0);
        assert_eq!(rig.person("u499@example.com"), before);
    });
}

#[test]
fn a_worker_that_dies_anywhere_loses_nothing() {
    both(|rig| {
        company(rig, 150);
        // Dropped when it has been woken once, twice, …: each time a new instance goes on, until one comes to the end.
        let mut died = 0;
        for wakes in (1..=7).cycle() {
            let people = rig.other_instance();
            let directory = rig.directory;
            let ended = rig.block_on(async {
                let mut work = std::pin::pin!(driver::catch_up(&people, directory));
                let mut polled = 0;
                std::future::poll_fn(|cx| {
                    polled += 1;
                    match work.as_mut().poll(cx) {
                        Poll::Ready(result) => Poll::Ready(result.map(|_| true)),
                        Poll::Pending if polled > wakes => Poll::Ready(Ok(false)),
                        Poll::Pending => Poll::Pending,
                    }
                })
                .await
            });
            if ended.unwrap() {
                break;
            }
            died += 1;
            rig.free_leases();
        }
        assert!(died > 0);
        assert_whole(rig, 150);
        assert_eq!(rig.catch_up(), 0);
    });
}

#[test]
fn a_leaver_overtakes_everything_else() {
    both(|rig| {
        let ids: Vec<_> = (0..200).map(|n| rig.plain(&format!("u{n}@example.com"), "U")).collect();
        rig.catch_up();
        for id in &ids {
            rig.change(*id, json!({"title": "Buyer"}));
        }
        rig.change(ids[199], json!({"active": false}));
        let untouched = |rig: &Rig| {
            let directory = rig.directory;
            let page = rig.read(move |on| person::list(on, directory, None, 200));
            page.items.iter().filter(|person| person.job_title.is_none()).count()
        };
        let mut left_at = None;
        rig.block_on(async {
            let mut work = std::pin::pin!(driver::catch_up(&rig.people, rig.directory));
            std::future::poll_fn(|cx| {
                let polled = work.as_mut().poll(cx);
                if left_at.is_none() && rig.person("u199@example.com").disabled {
                    left_at = Some(untouched(rig));
                }
                polled
            })
            .await
        })
        .unwrap();
        assert!(left_at.unwrap() > 100, "{left_at:?} had still to wait");
        assert_eq!(untouched(rig), 0);
    });
}

#[test]
fn two_instances_share_the_work_without_doing_it_twice() {
    both(|rig| {
        let (stop, stopped) = watch::channel(false);
        let one = rig.spawn(driver::run(rig.people.clone(), stopped.clone()));
        let two = rig.spawn(driver::run(rig.other_instance(), stopped));
        company(rig, 40);
        // Waits for both: returns when nothing is left, whoever did it.
        rig.catch_up();
        assert_whole(rig, 40);
        stop.send(true).unwrap();
        rig.block_on(one).unwrap();
        rig.block_on(two).unwrap();
        assert_eq!(rig.catch_up(), 0);
        assert_whole(rig, 40);
    });
}

#[test]
fn serving_follows_changes_by_itself_until_it_is_told_to_stop() {
    both(|rig| {
        let (stop, stopped) = watch::channel(false);
        let serving = rig.spawn(driver::run(rig.people.clone(), stopped));
        let ann = rig.plain("ann@example.com", "Ann");
        rig.wait_for(|rig| rig.find("ann@example.com").is_some());
        rig.change(ann, json!({"active": false}));
        rig.wait_for(|rig| rig.person("ann@example.com").disabled);
        rig.organization("Sales");
        rig.group("Sales", &[ann]);
        rig.wait_for(|rig| rig.person("ann@example.com").organization.is_some());
        stop.send(true).unwrap();
        rig.block_on(serving).unwrap();
        // Its leases are free: another goes on at once.
        rig.plain("ben@example.com", "Ben");
        rig.block_on(driver::catch_up(&rig.other_instance(), rig.directory)).unwrap();
        assert!(rig.find("ben@example.com").is_some());
    });
}

#[test]
fn catching_up_beside_a_server_waits_for_it() {
    both(|rig| {
        let (stop, stopped) = watch::channel(false);
        let serving = rig.spawn(driver::run(rig.other_instance(), stopped));
        for n in 0..20 {
            rig.plain(&format!("u{n}@example.com"), "U");
            rig.catch_up();
            assert!(rig.find(&format!("u{n}@example.com")).is_some());
        }
        stop.send(true).unwrap();
        rig.block_on(serving).unwrap();
    });
}

#[test]
fn a_first_pass_finds_what_was_there_and_what_is_gone() {
    both(|rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        rig.plain("ben@example.com", "Ben");
        rig.catch_up();
        // The place in the feed is lost (silent for too long), and so is what the feed said since.
        rig.remove(ann);
        rig.plain("cas@example.com", "Cas");
        let directory = rig.directory;
        rig.write(move |tx| usher_directory::feed::forget(tx, directory, usher_people::CONSUMER));
        rig.catch_up();
        assert!(rig.person("ann@example.com").disabled);
        assert!(rig.person("ben@example.com").access);
        assert!(rig.person("cas@example.com").access);
        let (records, _) = figures(rig);
        assert_eq!(records.in_order, 2);
    });
}
