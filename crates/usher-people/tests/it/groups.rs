//! The default group rules (F48, F52, F80): a group stands for the organization or site of its name.

use serde_json::json;
use usher_directory::object::MemberOp;
use usher_people::{
    record::RecordState,
    unit::{self, UnitKind},
};

use crate::rig::{Rig, both, name};

fn organization(rig: &Rig, email: &str) -> Option<String> {
    name(&rig.person(email).organization).map(str::to_owned)
}

fn units(rig: &Rig, kind: UnitKind) -> Vec<String> {
    let directory = rig.directory;
    let page = rig.read(move |on| unit::list(on, directory, kind, None, 100));
    page.items.into_iter().map(|unit| unit.name).collect()
}

#[test]
fn members_get_the_organization_of_their_group() {
    both(|rig| {
        rig.organization("Sales");
        let ann = rig.plain("ann@example.com", "Ann");
        let ben = rig.plain("ben@example.com", "Ben");
        rig.catch_up();
        assert_eq!(organization(rig, "ann@example.com"), None);
        let group = rig.group(" sales ", &[ann]);
        rig.catch_up();
        let record = rig.record(group);
        assert_eq!(record.classification, Some(UnitKind::Organization));
        assert_eq!(record.unit.map(|(kind, _)| kind), Some(UnitKind::Organization));
        assert_eq!(organization(rig, "ann@example.com").as_deref(), Some("sales"), "named as its group is");
        rig.members(group, MemberOp::Add(vec![ben]));
        rig.catch_up();
        assert_eq!(organization(rig, "ben@example.com").as_deref(), Some("sales"));
    });
}

#[test]
fn leaving_the_oldest_group_for_the_next() {
    both(|rig| {
        rig.organization("Sales");
        rig.organization("Buyers");
        let ann = rig.plain("ann@example.com", "Ann");
        let sales = rig.group("Sales", &[ann]);
        let buyers = rig.group("Buyers", &[ann]);
        rig.catch_up();
        assert_eq!(organization(rig, "ann@example.com").as_deref(), Some("Sales"));
        rig.members(sales, MemberOp::Remove(vec![ann]));
        rig.catch_up();
        assert_eq!(organization(rig, "ann@example.com").as_deref(), Some("Buyers"));
        // A deleted group leaves its organization, and those who have it.
        rig.remove(buyers);
        rig.catch_up();
        assert_eq!(organization(rig, "ann@example.com").as_deref(), Some("Buyers"));
        assert_eq!(units(rig, UnitKind::Organization), ["Sales", "Buyers"]);
    });
}

#[test]
fn a_renamed_group_renames_what_it_is_linked_to() {
    both(|rig| {
        rig.organization("Sales");
        rig.unit(UnitKind::Site, "Delft");
        let ann = rig.plain("ann@example.com", "Ann");
        let sales = rig.group("Sales", &[ann]);
        let delft = rig.group("Delft", &[ann]);
        rig.catch_up();
        rig.change(sales, json!({"displayName": "Sales & Marketing"}));
        rig.change(delft, json!({"displayName": "Rotterdam"}));
        rig.catch_up();
        assert_eq!(units(rig, UnitKind::Organization), ["Sales & Marketing"]);
        assert_eq!(units(rig, UnitKind::Site), ["Rotterdam"]);
        let person = rig.person("ann@example.com");
        assert_eq!(name(&person.organization), Some("Sales & Marketing"));
        assert_eq!(name(&person.site), Some("Rotterdam"));
    });
}

#[test]
fn renaming_to_the_name_of_another_is_an_error_and_changes_nothing() {
    both(|rig| {
        rig.organization("Sales");
        rig.organization("Buyers");
        let group = rig.group("Sales", &[]);
        rig.catch_up();
        rig.change(group, json!({"displayName": "BUYERS"}));
        rig.catch_up();
        let record = rig.record(group);
        assert_eq!(record.state, RecordState::Error);
        assert!(record.reason.unwrap().contains("an organization named \"BUYERS\" already"));
        assert_eq!(record.classification, Some(UnitKind::Organization));
        assert_eq!(units(rig, UnitKind::Organization), ["Sales", "Buyers"]);
        let failed = rig.detail(group).last_failed.unwrap();
        assert_eq!(failed.result, RecordState::Error);
        // It comes right with the name.
        rig.change(group, json!({"displayName": "Sales"}));
        rig.catch_up();
        assert_eq!(rig.record(group).state, RecordState::InOrder);
        assert_eq!(rig.detail(group).last_failed.unwrap().id, failed.id, "the last failure is kept");
    });
}

#[test]
fn a_group_that_matches_nothing_is_stored_and_left() {
    both(|rig| {
        let ann = rig.plain("ann@example.com", "Ann");
        let group = rig.group("Chess club", &[ann]);
        rig.catch_up();
        let record = rig.record(group);
        assert_eq!((record.state, record.unit, record.classification), (RecordState::InOrder, None, None));
        assert_eq!(organization(rig, "ann@example.com"), None);
        // Until there is an organization of its name.
        rig.organization("chess CLUB");
        rig.catch_up();
        assert_eq!(organization(rig, "ann@example.com").as_deref(), Some("Chess club"));
    });
}

#[test]
fn two_groups_of_one_organization_do_not_rename_it_against_each_other() {
    both(|rig| {
        rig.organization("Sales");
        let first = rig.group("Sales", &[]);
        rig.catch_up();
        rig.change(first, json!({"displayName": "Sales EU"}));
        rig.catch_up();
        let second = rig.group("sales eu ", &[]);
        rig.catch_up();
        assert_eq!(rig.record(second).state, RecordState::Error);
        assert_eq!(units(rig, UnitKind::Organization), ["Sales EU"]);
    });
}
