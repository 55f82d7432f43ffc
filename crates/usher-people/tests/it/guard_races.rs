//! Holds that begin, end and begin again while the rules are at work, and rules that are tried while something is held.

use std::{sync::mpsc, time::Duration};

use jiff::SignedDuration;
use serde_json::json;
use usher_directory::{
    Key, ObjectId, loss,
    object::{self, Cause, MemberOp, PutError},
};
use usher_people::{driver, record::RecordState};
use usher_store::{Lane, StoreError};

use crate::{
    guard::{HELD, held, held_off, held_out, open, release, seen, strict},
    rig::{Rig, both_still},
};

const DAY: Option<SignedDuration> = Some(SignedDuration::from_hours(24));

/// Runs the rules and does something at the nth moment at which they wait for the database. `false`: there were not so many.
fn at_moment(rig: &Rig, nth: usize, mut act: impl FnMut()) -> bool {
    let (mut moments, mut acted) = (0, false);
    rig.block_on(async {
        let mut work = std::pin::pin!(driver::catch_up(&rig.people, rig.directory));
        std::future::poll_fn(|cx| {
            let ended = work.as_mut().poll(cx);
            if ended.is_pending() {
                if moments == nth {
                    act();
                    acted = true;
                }
                moments += 1;
            }
            ended
        })
        .await
    })
    .unwrap();
    acted
}

fn key(rig: &Rig, id: ObjectId) -> Key {
    rig.stored(id).unwrap().key
}

/// More moments than the rules have for one record.
const ENOUGH: usize = 200;

#[test]
fn taken_out_again_at_any_moment_at_which_the_rules_say_back_it_stays_held() {
    both_still("standard", |rig| {
        let sales = rig.group("Sales", &[]);
        for nth in 0..ENOUGH {
            let user = rig.plain(&format!("u{nth}@example.com"), "U");
            rig.members(sales, MemberOp::Add(vec![user]));
            rig.catch_up();
            held_out(rig, sales, user);
            rig.catch_up();
            rig.members(sales, MemberOp::Add(vec![user]));
            let acted = at_moment(rig, nth, || held_out(rig, sales, user));
            rig.catch_up();
            if !acted {
                assert!(nth > 3, "the rules were done at once");
                assert_eq!(held(rig), [], "nobody took it out again");
                return;
            }
            let held = held(rig);
            assert_eq!((held.len(), held[0].object), (1, key(rig, user)), "moment {nth}");
            assert_eq!(rig.record(user).state, RecordState::Held, "moment {nth}");
            release(rig, None);
            rig.catch_up();
        }
        panic!("the rules don't end");
    });
}

#[test]
fn a_hold_that_begins_at_any_moment_of_a_run_takes_nothing_away() {
    both_still("standard", |rig| {
        for nth in 0..ENOUGH {
            let ann = rig.plain("ann@example.com", "Ann");
            rig.catch_up();
            rig.change(ann, json!({"title": format!("Title {nth}")}));
            let acted = at_moment(rig, nth, || {
                held_off(rig, ann, DAY);
                assert!(rig.person("ann@example.com").access, "moment {nth}");
            });
            assert!(rig.person("ann@example.com").access, "moment {nth}");
            rig.catch_up();
            let title = rig.person("ann@example.com").job_title;
            assert_eq!(title, Some(format!("Title {nth}")), "what else came is carried over");
            if !acted {
                assert!(nth > 3, "the rules were done at once");
                return;
            }
            assert_eq!(seen(rig, ann), HELD, "moment {nth}");
            release(rig, None);
            rig.catch_up();
            rig.remove(ann);
            rig.catch_up();
        }
        panic!("the rules don't end");
    });
}

#[test]
fn whoever_is_not_back_stays_held_whatever_the_rules_saw() {
    both_still("standard", |rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        let sales = rig.group("Sales", &[ann]);
        rig.catch_up();
        held_out(rig, sales, ann);
        let (directory, back) = (rig.directory, [(key(rig, ann), key(rig, sales))]);
        let says_back =
            |rig: &Rig| rig.write::<_, StoreError>(move |tx| loss::rejoined(tx, directory, &back));
        says_back(rig);
        assert_eq!(held(rig).len(), 1);
        rig.members(sales, MemberOp::Add(vec![ann]));
        says_back(rig);
        assert_eq!(held(rig), []);
    });
}

#[test]
fn the_rules_wait_for_a_client_that_is_taking_somebody_out_again() {
    both_still("standard", |rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        let sales = rig.group("Sales", &[ann]);
        rig.catch_up();
        held_out(rig, sales, ann);
        rig.members(sales, MemberOp::Add(vec![ann]));
        let (directory, back) = (rig.directory, [(key(rig, ann), key(rig, sales))]);
        let (config, request, now) = (strict(rig, None), rig.clock.id(), rig.clock.now());
        let (begun, wait) = mpsc::channel();
        std::thread::scope(|scope| {
            let client = scope.spawn(move || {
                rig.store.block_write::<_, PutError>(Lane::Now, move |tx| {
                    let mut scale = open(tx, &config, request, now)?;
                    let ops = [MemberOp::Remove(vec![ann])];
                    let (group, cause) = (back[0].1, Cause::default());
                    object::weighed_members(tx, directory, group, None, &ops, cause, now, Some(&mut scale))?;
                    // It has written and not committed: on PostgreSQL nobody else sees it yet.
                    let _ = begun.send(());
                    std::thread::sleep(Duration::from_millis(300));
                    Ok(())
                })
            });
            wait.recv().unwrap();
            rig.write::<_, StoreError>(move |tx| loss::rejoined(tx, directory, &back));
            client.join().unwrap().unwrap();
        });
        assert_eq!(held(rig).len(), 1, "she is out of the group, and that is held");
        rig.catch_up();
        assert_eq!(rig.record(ann).state, RecordState::Held);
    });
}

#[test]
fn rules_that_are_tried_see_who_is_held_with_all_it_has() {
    both_still("standard", |rig| {
        rig.organization("Sales");
        let (ann, ben) = (rig.plain("ann@example.com", "Ann"), rig.plain("ben@example.com", "Ben"));
        let sales = rig.group("Sales", &[ben]);
        rig.catch_up();
        held_off(rig, ann, DAY);
        held_out(rig, sales, ben);
        rig.catch_up();
        let rule = "[[rule]]\nname = \"R\"\nkind = \"user\"\ncondition = 'IsPresent([person])'\n\
            actions = [{ set = \"location\", to = '\"L\"' }]\n";
        let told = rig.dry_run(&rig.current().set(rule, None).unwrap());
        assert_eq!((told.updated, told.disabled, told.failures), (2, 0, 0), "{told:?}");
        for change in &told.changes {
            assert_eq!(change.fields, [("location".to_owned(), json!(null), json!("L"))], "{told:?}");
        }
        // Let go, the same rules tell otherwise.
        release(rig, None);
        rig.catch_up();
        assert!(!rig.person("ann@example.com").access);
        assert_eq!(rig.record(ann).state, RecordState::InOrder);
    });
}
