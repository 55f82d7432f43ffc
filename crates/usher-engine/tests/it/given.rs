//! Values that come with an assignment, and roles.

use std::collections::BTreeMap;

use serde_json::json;
use usher_directory::{Kind, object::MemberOp};
use usher_engine::assignment::{self, Terms};

use crate::rig::{Rig, both};

fn terms(priority: i64, overrides: bool, values: &[(&str, &str)]) -> Terms {
    let values: BTreeMap<String, String> =
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Terms { priority, overrides, values, ..Terms::default() }
}

fn title(rig: &Rig, name: &str) -> Option<String> {
    rig.user_there(name).2.get("title").and_then(|v| v.as_str()).map(str::to_owned)
}

#[test]
fn a_group_gives_values_where_the_mapping_gives_none_and_one_that_overrides_wins() {
    both(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({"title": "Head"})), rig.user("bob", json!({})));
        let team = rig.group("Team", &[&ann, &bob]);
        let locale = ("locale", "de-DE");
        rig.grant(&team, terms(100, false, &[("title", "Staff"), locale]));
        rig.sync().await;
        assert_eq!(
            (title(&rig, "ann").as_deref(), title(&rig, "bob").as_deref()),
            (Some("Head"), Some("Staff"))
        );
        assert_eq!(rig.user_there("bob").2["locale"], "de-DE", "no row maps it");
        rig.wire.take();
        assert_eq!(rig.sync().await.counts.update, 0);

        rig.grant(&team, terms(100, true, &[("title", "Staff"), locale]));
        rig.sync().await;
        assert_eq!(title(&rig, "ann").as_deref(), Some("Staff"));

        // The mapping decides again when it ends; its row skips nulls, so bob's stays.
        rig.assign(&ann);
        rig.assign(&bob);
        rig.unassign(&team);
        rig.sync().await;
        assert_eq!(
            (title(&rig, "ann").as_deref(), title(&rig, "bob").as_deref()),
            (Some("Head"), Some("Staff"))
        );
    });
}

#[test]
fn a_value_that_went_with_its_assignment_is_cleared_where_the_row_says_so() {
    both(|rig| async move {
        rig.mapping(Kind::User, |mapping| {
            let rows = mapping["mapping"].as_array_mut().unwrap();
            let row = rows.iter_mut().find(|row| row["target"].as_str() == Some("title")).unwrap();
            row.as_table_mut().unwrap().insert("nulls".into(), "clear".into());
        });
        let bob = rig.user("bob", json!({}));
        let team = rig.group("Team", &[&bob]);
        rig.grant(&team, terms(100, false, &[("title", "Staff")]));
        rig.sync().await;
        assert_eq!(title(&rig, "bob").as_deref(), Some("Staff"));
        rig.grant(&team, terms(100, false, &[]));
        rig.sync().await;
        assert_eq!(title(&rig, "bob"), None);
    });
}

#[test]
fn ones_own_assignment_beats_groups_and_the_smaller_priority_the_larger() {
    both(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let (late, early) = (rig.group("Late", &[&ann, &bob]), rig.group("Early", &[&ann, &bob]));
        rig.grant(&late, terms(20, false, &[("title", "late"), ("locale", "fr-FR")]));
        rig.grant(&early, terms(10, false, &[("title", "early")]));
        rig.grant(&ann, terms(900, false, &[("title", "own")]));
        rig.sync().await;
        assert_eq!(
            (title(&rig, "ann").as_deref(), title(&rig, "bob").as_deref()),
            (Some("own"), Some("early"))
        );
        assert_eq!(rig.user_there("ann").2["locale"], "fr-FR", "each attribute by itself");
        // Out of the one group, the other's holds.
        rig.members(&early, MemberOp::Remove(vec![bob.id]));
        rig.sync().await;
        assert_eq!(title(&rig, "bob").as_deref(), Some("late"));
    });
}

#[test]
fn a_leaver_is_not_given_anything() {
    both(|rig| async move {
        let ann = rig.user("ann", json!({}));
        rig.grant(&ann, terms(100, true, &[("title", "Staff")]));
        rig.sync().await;
        rig.grant(&ann, terms(100, true, &[("title", "Other")]));
        rig.edit(&ann, json!({"active": false}));
        rig.sync().await;
        assert!(rig.active_there().is_empty());
        assert_eq!(title(&rig, "ann").as_deref(), Some("Staff"));
    });
}

#[test]
fn what_cannot_be_given_is_refused_with_the_nearest_name() {
    both(|rig| async move {
        let app = rig.app();
        let refused = |name: &str| terms(1, false, &[(name, "x")]).check(&app).unwrap_err().to_string();
        assert!(refused("titel").contains("did you mean title?"), "{}", refused("titel"));
        assert!(refused("userName").contains("matching property"), "{}", refused("userName"));
        assert!(refused("groups").contains("read-only"), "{}", refused("groups"));
        assert!(refused("a b").contains("no attribute path"), "{}", refused("a b"));
        terms(1, false, &[("emails[type eq \"work\"].value", "x@example.com")]).check(&app).unwrap();
        let (app, key, now) = (rig.app(), rig.user("ann", json!({})).key, rig.clock.now());
        let refused = rig.write(move |tx| {
            let terms = terms(1, false, &[("titel", "x")]);
            assignment::assign_on(tx, &app, (key, Kind::User), "Default Access", &terms, now).is_err()
        });
        assert!(refused);
    });
}
