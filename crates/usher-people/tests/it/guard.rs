//! What the guard against mass loss holds, from the side of people: they keep what they have until it ends, and each way in which
//! it ends.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use usher_directory::{
    Key, Kind, ObjectId, account,
    config::DirectoryConfig,
    loss::{self, Decision, Held, LossSettings, Scale},
    object::{self, Cause, Draft, MemberOp, PutError},
};
use usher_jobs::mail;
use usher_people::record::{self, RecordState};
use usher_store::{StoreError, Tx};
use uuid::Uuid;

use crate::rig::{Rig, both_still, name};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A guard that holds whatever it is told of.
pub(crate) fn strict(rig: &Rig, time: Option<SignedDuration>) -> DirectoryConfig {
    let loss = LossSettings { count: 0, percent: 0, time, ..LossSettings::default() };
    DirectoryConfig { loss: Some(loss), ..(*rig.config).clone() }
}

pub(crate) fn open(
    tx: &mut Tx<'_>,
    config: &DirectoryConfig,
    request: Uuid,
    now: Timestamp,
) -> Result<Scale, StoreError> {
    Ok(Scale::open(tx, config, Uuid::nil(), request, now)?.unwrap())
}

/// What a client does to a user, weighed as its requests are.
fn weighed(rig: &Rig, id: ObjectId, draft: Draft, time: Option<SignedDuration>) {
    let (config, request, now) = (strict(rig, time), rig.clock.id(), rig.clock.now());
    let key = rig.stored(id).unwrap().key;
    rig.write::<_, PutError>(move |tx| {
        let mut scale = open(tx, &config, request, now)?;
        scale.access(tx, key)?;
        object::put(tx, config.id, &draft)
    });
}

pub(crate) fn held_off(rig: &Rig, id: ObjectId, time: Option<SignedDuration>) {
    let draft = Draft::deactivate(&rig.config, &rig.stored(id).unwrap(), rig.clock.now()).unwrap();
    weighed(rig, id, draft, time);
}

fn held_removal(rig: &Rig, id: ObjectId) {
    let draft = Draft::remove(&rig.config, &rig.stored(id).unwrap(), rig.clock.now()).unwrap();
    weighed(rig, id, draft, Some(SignedDuration::from_hours(24)));
}

pub(crate) fn held_out(rig: &Rig, group: ObjectId, user: ObjectId) {
    let (config, request, now) = (strict(rig, None), rig.clock.id(), rig.clock.now());
    let key = rig.stored(group).unwrap().key;
    rig.write::<_, PutError>(move |tx| {
        let mut scale = open(tx, &config, request, now)?;
        let ops = [MemberOp::Remove(vec![user])];
        object::weighed_members(tx, config.id, key, None, &ops, Cause::default(), now, Some(&mut scale))
    });
}

/// The client sets the user active again, as its requests do.
fn back_on(rig: &Rig, id: ObjectId) {
    let (directory, key) = (rig.directory, rig.stored(id).unwrap().key);
    rig.write::<_, StoreError>(move |tx| loss::cancel(tx, directory, key));
    rig.change(id, json!({"active": true}));
}

pub(crate) fn release(rig: &Rig, users: Option<Vec<Key>>) {
    let (directory, now) = (rig.directory, rig.clock.now());
    rig.write::<_, StoreError>(move |tx| loss::release(tx, directory, users.as_deref(), now));
}

fn reject(rig: &Rig) {
    let (directory, at) = (rig.directory, rig.clock.now());
    let decision = Decision { who: "local:ops".into(), at, why: Some("a broken import".into()) };
    rig.write::<_, StoreError>(move |tx| loss::reject(tx, directory, None, &decision));
}

pub(crate) fn held(rig: &Rig) -> Vec<Held> {
    let directory = rig.directory;
    rig.read::<_, StoreError>(move |on| loss::list(on, directory, None, 100)).0
}

/// What one sees of Ann: may she sign in, is she held, and her record's state (`None`: the record is gone).
#[derive(Debug, PartialEq)]
pub(crate) struct Seen(bool, bool, Option<RecordState>);

pub(crate) fn seen(rig: &Rig, ann: ObjectId) -> Seen {
    let person = rig.person("ann@example.com");
    let directory = rig.directory;
    let detail = rig.read(move |on| record::show(on, directory, ann));
    Seen(person.access, person.held, detail.map(|detail| detail.record.state))
}

const IN_ORDER: Seen = Seen(true, false, Some(RecordState::InOrder));
pub(crate) const HELD: Seen = Seen(true, true, Some(RecordState::Held));
const DIVERGED: Seen = Seen(true, false, Some(RecordState::Diverged));
const OUT: Seen = Seen(false, false, Some(RecordState::InOrder));
const GONE: Seen = Seen(false, false, None);

/// What happens to Ann, one after the other.
#[derive(Debug, Clone, Copy)]
enum Step {
    Off,
    Delete,
    On,
    Release,
    Reject,
    Day,
    /// An update of somebody who is held.
    Title,
}

#[test]
fn every_way_that_a_hold_goes() {
    use Step::{Day, Delete, Off, On, Reject, Release, Title};
    let table: &[(&[Step], Seen)] = &[
        (&[], IN_ORDER),
        (&[Off], HELD),
        (&[Off, Off], HELD),
        (&[Off, Delete], HELD),
        (&[Off, On], IN_ORDER),
        (&[Off, Title], HELD),
        (&[Off, Release], OUT),
        (&[Off, Release, On], IN_ORDER),
        (&[Off, Release, Reject], OUT),
        (&[Off, Day], OUT),
        (&[Off, Day, On], IN_ORDER),
        (&[Off, On, Day], IN_ORDER),
        (&[Off, On, Release], IN_ORDER),
        (&[Off, Reject], DIVERGED),
        (&[Off, Reject, Title], DIVERGED),
        (&[Off, Reject, Day], DIVERGED),
        (&[Off, Reject, Reject], DIVERGED),
        (&[Off, Reject, Delete], DIVERGED),
        (&[Off, Reject, On], IN_ORDER),
        (&[Off, Reject, Release], DIVERGED),
        (&[Off, Reject, On, Off], HELD),
        (&[Delete], HELD),
        (&[Delete, Release], GONE),
        (&[Delete, Day], GONE),
        (&[Delete, Reject], DIVERGED),
        (&[Delete, Reject, Day], DIVERGED),
        (&[Off, Delete, Release], GONE),
    ];
    both_still("standard", |rig| {
        for (steps, expected) in table {
            let ann = rig.plain("ann@example.com", "Ann");
            rig.catch_up();
            for step in *steps {
                match step {
                    Off => held_off(rig, ann, Some(SignedDuration::from_hours(24))),
                    Delete => held_removal(rig, ann),
                    On => back_on(rig, ann),
                    Release => release(rig, None),
                    Reject => reject(rig),
                    Day => rig.clock.advance(DAY),
                    Title => rig.change(ann, json!({"title": "Buyer"})),
                }
                let person = rig.person("ann@example.com");
                rig.catch_up();
                if matches!(step, Off | Delete) {
                    assert!(person.access, "{steps:?}: not for a moment");
                }
                if matches!(step, Title) {
                    let title = rig.person("ann@example.com").job_title;
                    assert_eq!(title.as_deref(), Some("Buyer"), "{steps:?}: what else comes flows on");
                }
            }
            assert_eq!(seen(rig, ann), *expected, "{steps:?}");
            // The next row begins with nobody.
            let keys: Vec<Key> = held(rig).iter().map(|held| held.object).collect();
            release(rig, Some(keys));
            rig.catch_up();
            assert_eq!(held(rig), [], "{steps:?}: whatever it was, somebody can let go of it");
            if rig.stored(ann).is_some() {
                rig.remove(ann);
            }
            rig.catch_up();
            assert_eq!(rig.person("ann@example.com").record, None);
        }
    });
}

#[test]
fn a_hold_says_why_and_lists_and_counts() {
    both_still("standard", |rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        let ben = rig.plain("ben@example.com", "Ben");
        rig.plain("cem@example.com", "Cem");
        rig.catch_up();
        held_off(rig, ann, Some(SignedDuration::from_hours(24)));
        held_removal(rig, ben);
        rig.catch_up();
        let directory = rig.directory;
        let wrong = record::Query { errors: true, ..record::Query::default() };
        let names = |rig: &Rig| -> Vec<(String, RecordState)> {
            let page = rig.read(move |on| record::list(on, directory, wrong, None, 10));
            let mut all: Vec<_> = page.items.into_iter().map(|one| (one.name, one.state)).collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        let (ann_s, ben_s) = ("ann@example.com".to_owned(), "ben@example.com".to_owned());
        assert_eq!(
            names(rig),
            [(ann_s.clone(), RecordState::Held), (ben_s.clone(), RecordState::Held)],
            "be its SCIM user there or gone"
        );
        let reason = rig.record(ann).reason.unwrap();
        assert!(reason.contains("guard") && reason.contains("2026-11-03T09:00:00Z"), "{reason}");
        let figures = rig.read(move |on| record::figures(on, directory, Some(Kind::User)));
        assert_eq!((figures.in_order, figures.held, figures.diverged), (1, 2, 0));
        reject(rig);
        rig.catch_up();
        assert_eq!(names(rig), [(ann_s, RecordState::Diverged), (ben_s, RecordState::Diverged)]);
        let reason = rig.record(ann).reason.unwrap();
        assert!(reason.contains("local:ops") && reason.contains("a broken import"), "{reason}");
        let figures = rig.read(move |on| record::figures(on, directory, Some(Kind::User)));
        assert_eq!((figures.in_order, figures.held, figures.diverged), (1, 0, 2));
    });
}

#[test]
fn never_waits_until_somebody_decides() {
    both_still("standard", |rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        held_off(rig, ann, None);
        rig.clock.advance(DAY * 400);
        rig.catch_up();
        assert_eq!(seen(rig, ann), HELD);
        release(rig, None);
        rig.catch_up();
        assert_eq!(seen(rig, ann), OUT);
    });
}

#[test]
fn made_anew_while_held_it_is_the_same_person_and_nothing_is_held() {
    both_still("standard", |rig| {
        let first = rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        let before = rig.person("ann@example.com").id;
        held_removal(rig, first);
        rig.catch_up();
        let second = rig.plain("ann@example.com", "Ann Lee");
        rig.catch_up();
        let after = rig.person("ann@example.com");
        assert_eq!((after.id, after.record, after.held, after.access), (before, Some(second), false, true));
        assert_eq!(held(rig), []);
        let directory = rig.directory;
        assert_eq!(rig.read(move |on| record::show(on, directory, first)), None, "the old record is gone");
        rig.clock.advance(DAY);
        rig.catch_up();
        assert!(rig.person("ann@example.com").access);
    });
}

#[test]
fn rules_see_a_member_where_it_was_until_that_ends() {
    both_still("standard", |rig| {
        rig.organization("Sales");
        rig.organization("Ops");
        let ann = rig.plain("ann@example.com", "Ann");
        let sales = rig.group("Sales", &[ann]);
        rig.clock.advance(Duration::from_secs(1));
        rig.group("Ops", &[ann]);
        rig.catch_up();
        let organization = |rig: &Rig| name(&rig.person("ann@example.com").organization).map(str::to_owned);
        assert_eq!(organization(rig).as_deref(), Some("Sales"));
        held_out(rig, sales, ann);
        rig.change(ann, json!({"title": "Buyer"}));
        rig.catch_up();
        let person = rig.person("ann@example.com");
        assert_eq!(organization(rig).as_deref(), Some("Sales"), "the oldest membership is the first still");
        assert_eq!((person.job_title.as_deref(), person.held, person.access), (Some("Buyer"), true, true));
        assert_eq!(rig.record(ann).state, RecordState::Held);
        release(rig, None);
        rig.catch_up();
        assert_eq!(organization(rig).as_deref(), Some("Ops"));
        assert_eq!(rig.record(ann).state, RecordState::InOrder);
        // Added again while it is held: cancelled.
        let ops = rig.group("Support", &[ann]);
        held_out(rig, ops, ann);
        rig.catch_up();
        assert_eq!(rig.record(ann).state, RecordState::Held);
        rig.members(ops, MemberOp::Add(vec![ann]));
        rig.catch_up();
        assert_eq!(held(rig), []);
        rig.catch_up();
        assert_eq!(rig.record(ann).state, RecordState::InOrder);
    });
}

#[test]
fn the_owner_hears_at_once_and_at_half_time() {
    both_still("standard", |rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        let ben = rig.plain("ben@example.com", "Ben");
        rig.catch_up();
        let mails = |rig: &Rig| {
            rig.read::<_, StoreError>(|on| mail::outbox(on, "people/", 10))
                .into_iter()
                .map(|mail| (mail.to, mail.subject))
                .collect::<Vec<_>>()
        };
        held_off(rig, ann, Some(SignedDuration::from_hours(24)));
        rig.catch_up();
        assert_eq!(mails(rig), [], "nobody is the owner");
        let directory = rig.directory;
        rig.write::<_, StoreError>(move |tx| {
            let (account, _) = account::of_directory(tx, directory)?.unwrap();
            account::set_owner(tx, account.id, Some("ops@example.com"))
        });
        held_off(rig, ben, Some(SignedDuration::from_hours(24)));
        rig.catch_up();
        let told = mails(rig);
        assert_eq!(told[0].0, "ops@example.com");
        assert!(told[0].1.contains("acme") && told[0].1.contains("2 people would lose is held"), "{told:?}");
        rig.clock.advance(DAY / 2 - Duration::from_secs(1));
        rig.catch_up();
        assert_eq!(mails(rig), told, "not before half time");
        rig.clock.advance(Duration::from_secs(1));
        rig.catch_up();
        let told = mails(rig);
        assert!(told[0].1.contains("still held"), "{told:?}");
        let text = rig.read::<_, StoreError>(|on| mail::outbox(on, "people/", 10)).remove(0).text;
        assert!(text.contains("usher guard acme release") && text.contains("2026-11-03T09:00:00Z"), "{text}");
        assert!(!text.contains("Ann") && !text.contains("ann@"), "no names by mail: {text}");
    });
}

#[test]
fn a_worker_that_is_another_instances_goes_on_with_what_ends() {
    both_still("standard", |rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        rig.catch_up();
        held_off(rig, ann, Some(SignedDuration::from_hours(24)));
        rig.catch_up();
        rig.clock.advance(DAY);
        let other = rig.other_instance();
        rig.block_on(usher_people::driver::catch_up(&other, rig.directory)).unwrap();
        assert_eq!(seen(rig, ann), OUT);
    });
}
