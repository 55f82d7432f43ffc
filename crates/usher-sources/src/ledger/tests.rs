use jiff::Timestamp;
use usher_directory::Key;

use super::*;
use crate::entry::{Anchor, Values};

fn id(n: u128) -> ObjectId {
    ObjectId(uuid::Uuid::from_u128(n))
}

fn person(n: u32) -> Entry {
    Entry {
        line: n.into(),
        label: format!("p{n}"),
        kind: Kind::User,
        anchor: Anchor { by: "uid".into(), value: format!("p{n}") },
        names: vec![Name { digest: name_digest("key", &format!("p{n}")), rank: 0 }],
        values: Values { set: vec![("userName".into(), format!("p{n}@x").into())], fresh: Vec::new() },
        user_name: Some(format!("p{n}@x")),
        active: None,
        manager: Reference::Omitted,
        members: Vec::new(),
        groups: Vec::new(),
        stamp: None,
        mark: None,
    }
}

fn known(n: u32, state: State) -> EntryRow {
    let entry = person(n);
    EntryRow {
        object: Key(n.into()),
        kind: entry.kind,
        anchor: entry.anchor.key(),
        id: id(n.into()),
        name: entry.user_name.as_deref().map(|name| name_digest("key", name)),
        hash: entry.hash(),
        state,
        since: (state == State::Vanished).then_some(Timestamp::UNIX_EPOCH),
        active: true,
        manager: None,
        members: None,
        kept: None,
    }
}

/// A ledger that knows `before` people and sees those `now`.
fn ledger(before: std::ops::Range<u32>, now: impl IntoIterator<Item = u32>) -> Ledger {
    let mut ledger = Ledger::default();
    before.for_each(|n| ledger.know(known(n, State::Present)));
    for n in now {
        let _ = ledger.take(Found::Entry(Box::new(person(n))), id(n.into()));
    }
    ledger.end();
    ledger
}

#[test]
fn what_is_as_it_was_is_not_written() {
    let mut ledger = ledger(0..2, []);
    assert!(matches!(ledger.take(Found::Entry(Box::new(person(1))), id(9)), Taken::Nothing));
    let mut moved = person(0);
    moved.values.set.push(("title".into(), "Chief".into()));
    assert!(matches!(ledger.take(Found::Entry(Box::new(moved)), id(9)), Taken::Stage(_)));
    let Taken::Stage(new) = ledger.take(Found::Entry(Box::new(person(7))), id(9)) else { panic!() };
    assert_eq!(ledger.items[new.n].id, id(9));
}

#[test]
fn too_many_leavers_are_held_and_the_allowed_go() {
    assert_eq!(ledger(0..20, 4..20).judge(&Safeguard::default(), 0).go.len(), 4);
    let mut over = ledger(0..20, 5..30);
    let leavers = over.judge(&Safeguard::default(), 0);
    assert_eq!((leavers.go.len(), leavers.held.len()), (0, 5));
    assert!(leavers.message.is_some_and(|text| text.contains("5 of 20 people")));
    assert!(over.held_ids().contains(&id(4)) && !over.held_ids().contains(&id(5)));

    let mut allowed = Ledger::default();
    (0..20).for_each(|n| allowed.know(known(n, if n < 5 { State::Allowed } else { State::Present })));
    (6..20).for_each(|n| drop(allowed.take(Found::Entry(Box::new(person(n))), id(0))));
    let leavers = allowed.judge(&Safeguard::default(), 0);
    assert_eq!((leavers.go.len(), leavers.held.len()), (6, 0));
}

#[test]
fn an_account_that_ends_counts_as_a_leaver() {
    let mut ledger = ledger(0..20, 5..20);
    for n in 0..5 {
        let ended = Entry { active: Some(false), ..person(n) };
        let _ = ledger.take(Found::Entry(Box::new(ended)), id(0));
    }
    assert_eq!(ledger.judge(&Safeguard::default(), 0).held, [0, 1, 2, 3, 4]);
}

#[test]
fn doubles_are_refused_and_nobody_leaves_for_it() {
    let mut ledger = ledger(0..12, 0..12);
    let Taken::Refused(error) = ledger.take(Found::Entry(Box::new(Entry { line: 99, ..person(3) })), id(0))
    else {
        panic!()
    };
    assert_eq!((error.line, error.message.contains("line 3")), (99, true));
    let double = Entry { anchor: Anchor { by: "uid".into(), value: "other".into() }, ..person(4) };
    let Taken::Refused(error) = ledger.take(Found::Entry(Box::new(double)), id(0)) else { panic!() };
    assert!(error.message.contains("the same userName as line 4"), "{}", error.message);
    assert_eq!(ledger.judge(&Safeguard::default(), 0), Leavers::default());
    assert_eq!(ledger.items[3].seen, Seen::Refused);
}

#[test]
fn a_row_whose_key_cannot_be_told_makes_nobody_leave() {
    let mut ledger = ledger(0..3, [1]);
    let error = EntryError { line: 2, entry: String::new(), message: String::new() };
    let perhaps = vec!["x".into(), "P2@X ".into()];
    let _ = ledger.take(Found::Refused { error, who: None, perhaps, names: Vec::new() }, id(0));
    ledger.end();
    assert_eq!(ledger.judge(&Safeguard::default(), 0).go, [0]);
}

#[test]
fn a_name_of_two_means_nobody_and_a_better_one_wins() {
    let mut ledger = Ledger::default();
    let name = |text: &str, rank| Name { digest: name_digest("key", text), rank };
    for (n, names) in [
        (0, vec![name("7", 0), name("shared@x", 2)]),
        (1, vec![name("8", 0), name("shared@x", 2)]),
        (2, vec![name("9", 0), name("7", 1)]),
    ] {
        let _ = ledger.take(Found::Entry(Box::new(Entry { names, ..person(n) })), id(n.into()));
    }
    let meant = |text: &str| ledger.meant(name_digest("key", text)).map(|(n, _)| n);
    assert_eq!((meant("7"), meant("9"), meant("shared@x"), meant("nobody")), (Some(0), Some(2), None, None));
}

#[test]
fn most_groups_gone_at_once_are_held() {
    let group = |n: u32, state| EntryRow { kind: Kind::Group, ..known(n, state) };
    for (gone, held) in [(1, 0), (2, 0), (3, 3), (4, 4)] {
        let mut ledger = Ledger::default();
        (0..4).for_each(|n| ledger.know(group(n, State::Present)));
        for n in gone..4 {
            let _ = ledger.take(Found::Entry(Box::new(Entry { kind: Kind::Group, ..person(n) })), id(0));
        }
        assert_eq!(ledger.judge(&Safeguard::default(), 0).held.len(), held, "{gone}");
    }
}

#[test]
fn one_that_is_as_before_stays_unless_another_took_its_name() {
    let anchor = |n: u32| format!("entryUUID={}", uuid::Uuid::from_u128(n.into()));
    let mut ledger = Ledger::keeping();
    for n in 0..3 {
        let kept = Kept { names: person(n).names, mark: Some([7; 16]), ..Kept::default() };
        ledger.know(EntryRow { anchor: anchor(n), kept: Some(kept), ..known(n, State::Present) });
    }
    assert_eq!(ledger.marks().len(), 3);
    let same = |n: usize| Found::Same { n, label: format!("p{n}") };
    assert!(matches!(ledger.take(same(0), id(9)), Taken::Nothing));
    // Another one has the userName of the third now.
    let Some((by, value)) = anchor(1).split_once('=').map(|(by, value)| (by.to_owned(), value.to_owned()))
    else {
        return;
    };
    let taker = Entry { anchor: Anchor { by, value }, user_name: Some("p2@x".into()), ..person(1) };
    assert!(!matches!(ledger.take(Found::Entry(Box::new(taker)), id(9)), Taken::Refused(_)));
    let Taken::Refused(error) = ledger.take(same(2), id(9)) else { panic!("two of one userName") };
    assert!(error.message.contains("same userName"), "{error:?}");
    ledger.end();
    assert_eq!(
        ledger.items.iter().map(|item| item.seen).collect::<Vec<_>>(),
        [Seen::Fine, Seen::Fine, Seen::Refused]
    );
    assert!(ledger.remembered, "what is written cannot be told from this run alone");
}
