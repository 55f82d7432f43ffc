//! Whom a change touches, before it is saved; who turns when time passes; guests; what was written and not heard of.

use std::time::Duration;

use serde_json::json;
use usher_directory::Kind;
use usher_engine::{app::Scope, impact::Impact, plan::Action};
use usher_mapping::ObjectMapping;

use crate::rig::{Fault, Rig, both};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The mapping of users with this row's expression.
fn with_row(rig: &Rig, target: &str, source: &str) -> ObjectMapping {
    let mut table = rig.app().users.to_toml();
    let rows = table["mapping"].as_array_mut().unwrap();
    let row = rows.iter_mut().find(|row| row["target"].as_str() == Some(target)).unwrap();
    row.as_table_mut().unwrap().insert("source".into(), source.into());
    ObjectMapping::from_toml(&table).unwrap()
}

fn with_filter(rig: &Rig, attribute: &str, operator: &str, value: &str) -> ObjectMapping {
    let mut table = rig.app().users.to_toml();
    let mut scoping = toml::Table::from_iter([("title".to_owned(), "asked".into())]);
    let clause = toml::Table::from_iter(
        [("attribute", attribute), ("operator", operator), ("value", value)]
            .map(|(name, value)| (name.to_owned(), value.into())),
    );
    scoping.insert("clause".into(), vec![clause].into());
    table.insert("scoping".into(), vec![scoping].into());
    ObjectMapping::from_toml(&table).unwrap()
}

fn names(impact: &Impact) -> Vec<(&str, Action)> {
    impact.items.iter().map(|item| (item.name.as_str(), item.action)).collect()
}

#[test]
fn a_change_says_whom_it_touches_and_of_an_app_that_never_began_nobody() {
    both(|rig| async move {
        rig.user("ann", json!({"title": "Head"}));
        let bob = rig.user("bob", json!({"title": "Clerk"}));
        let all = rig.app().with_scope(Scope::All);
        assert!(!rig.engine.impact(&all).await.unwrap().touches_anybody());
        assert_eq!(rig.wire.take(), (0, 0));

        rig.scope(Scope::All);
        rig.sync().await;
        rig.wire.take();
        let app = rig.app();
        // Nothing is another value.
        let same = app.with_mapping(Kind::User, with_row(&rig, "title", "Coalesce([jobTitle])"));
        assert!(!rig.engine.impact(&same).await.unwrap().touches_anybody());
        let louder = app.with_mapping(Kind::User, with_row(&rig, "title", r#"Append([jobTitle], "!")"#));
        let impact = rig.engine.impact(&louder).await.unwrap();
        assert_eq!(names(&impact), [("ann", Action::Update), ("bob", Action::Update)]);
        assert_eq!(impact.items[0].changes[0].new, "Head!");
        let heads = app.with_mapping(Kind::User, with_filter(&rig, "jobTitle", "EQUALS", "Head"));
        let impact = rig.engine.impact(&heads).await.unwrap();
        assert_eq!(names(&impact), [("bob", Action::Disable)]);
        assert_eq!(impact.counts.disable, 1);
        let assigned = app.with_scope(Scope::Assigned);
        assert_eq!(rig.engine.impact(&assigned).await.unwrap().counts.disable, 2);
        assert_eq!(rig.wire.take().1, 0, "nothing is written");
        // What waits anyway is not the change's doing.
        rig.edit(&bob, json!({"active": false}));
        rig.user("cleo", json!({"title": "Clerk"}));
        let impact = rig.engine.impact(&louder).await.unwrap();
        assert_eq!(names(&impact), [("ann", Action::Update), ("cleo", Action::Create)]);
        assert!(!rig.engine.impact(&same).await.unwrap().touches_anybody());
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.disable, counts.update), (1, 1, 0), "and nothing was saved");
    });
}

#[test]
fn somebody_comes_into_scope_and_leaves_it_when_the_date_says_so() {
    both(|rig| async move {
        // 2026-11-02T08:00:00Z
        rig.scope(Scope::All);
        let filter = with_filter(&rig, "extensionAttribute1", "BEFORE", "now+7d");
        rig.mapping(Kind::User, |table| *table = filter.to_toml());
        let starts = |at: &str| json!({ "urn:usher:directory:1.0:User": { "extensionAttribute1": at } });
        rig.user("ann", starts("2026-11-20T00:00:00Z"));
        rig.user("bob", starts("2026-11-05T00:00:00Z"));
        rig.sync().await;
        assert_eq!(rig.active_there(), ["bob"]);
        rig.clock.advance(11 * DAY - Duration::from_secs(9 * 3_600));
        rig.sync().await;
        assert_eq!(rig.active_there(), ["bob"], "an hour before");
        rig.wire.take();
        rig.clock.advance(Duration::from_secs(2 * 3_600));
        assert_eq!(rig.sync().await.counts.create, 1);
        assert_eq!(rig.active_there(), ["ann", "bob"]);

        // And out of it again: a leaver like any other.
        let filter = with_filter(&rig, "extensionAttribute1", "AFTER", "now-1d");
        rig.mapping(Kind::User, |table| *table = filter.to_toml());
        rig.sync().await;
        assert_eq!(rig.active_there(), ["ann"]);
        rig.clock.advance(10 * DAY);
        assert_eq!(rig.sync().await.counts.disable, 1);
        assert!(rig.active_there().is_empty());
    });
}

#[test]
fn a_deletion_that_waits_hides_nobody_who_comes_back_before_it() {
    both(|rig| async move {
        // 2026-11-02T08:00:00Z
        rig.set("leaver.filtered_out", "delete_after=30d");
        rig.scope(Scope::All);
        let filter = with_filter(&rig, "extensionAttribute1", "BEFORE", "now+7d");
        rig.mapping(Kind::User, |table| *table = filter.to_toml());
        let starts = |at: &str| json!({ "urn:usher:directory:1.0:User": { "extensionAttribute1": at } });
        let ann = rig.user("ann", starts("2026-11-05T00:00:00Z"));
        rig.sync().await;
        assert_eq!(rig.active_there(), ["ann"]);
        rig.edit(&ann, starts("2026-11-12T00:00:00Z"));
        assert_eq!(rig.sync().await.counts.disable, 1);
        rig.clock.advance(4 * DAY);
        rig.sync().await;
        assert_eq!(rig.active_there(), ["ann"]);
    });
}

#[test]
fn a_value_that_reads_the_time_is_written_when_it_turns() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let mapping = with_row(
            &rig,
            "title",
            r#"IIF(DateDiff("d", Now(), [extensionAttribute1]) > 0, "starts soon", "here")"#,
        );
        rig.mapping(Kind::User, |table| *table = mapping.to_toml());
        rig.user(
            "ann",
            json!({ "urn:usher:directory:1.0:User": { "extensionAttribute1": "2026-12-01T00:00:00Z" } }),
        );
        rig.sync().await;
        assert_eq!(rig.user_there("ann").2["title"], "starts soon");
        rig.clock.advance(20 * DAY);
        assert_eq!(rig.sync().await.counts.update, 0);
        rig.clock.advance(9 * DAY);
        assert_eq!(rig.sync().await.counts.update, 1);
        assert_eq!(rig.user_there("ann").2["title"], "here");
        rig.wire.take();
        rig.clock.advance(DAY);
        rig.sync().await;
        assert_eq!(rig.wire.take(), (0, 0), "it has turned");
    });
}

#[test]
fn the_run_loop_sees_to_whoever_turns() {
    both(|rig| async move {
        rig.set("interval", "10080");
        rig.scope(Scope::All);
        let filter = with_filter(&rig, "extensionAttribute1", "BEFORE", "now");
        rig.mapping(Kind::User, |table| *table = filter.to_toml());
        rig.user(
            "ann",
            json!({ "urn:usher:directory:1.0:User": { "extensionAttribute1": "2026-11-02T10:00:00Z" } }),
        );
        rig.sync().await;
        assert!(rig.active_there().is_empty());
        let app = rig.app();
        rig.write(move |tx| usher_engine::app::start(tx, &app, None).unwrap());
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let engine = rig.engine.clone();
        let serving = tokio::spawn(async move { engine.serve(stopping).await });
        rig.clock.advance(Duration::from_secs(2 * 3_600 + 2));
        crate::rig::until(&rig, |rig| rig.active_there() == ["ann"]).await;
        stop.send(true).unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn a_guest_is_offered_by_the_name_of_home() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let mapping = with_row(&rig, "title", "[originalUserPrincipalName]");
        rig.mapping(Kind::User, |table| *table = mapping.to_toml());
        rig.user("ann_contoso.com#EXT#@fabrikam.onmicrosoft.com", json!({"emails": null}));
        rig.user("bob@fabrikam.com", json!({"emails": null}));
        rig.sync().await;
        assert_eq!(rig.active_there(), ["ann@contoso.com", "bob@fabrikam.com"]);
        let title = |name| rig.user_there(name).2["title"].clone();
        assert_eq!(title("ann@contoso.com"), "ann_contoso.com#EXT#@fabrikam.onmicrosoft.com");
        assert_eq!(title("bob@fabrikam.com"), "bob@fabrikam.com");
    });
}

#[test]
fn a_rename_that_was_done_and_not_heard_of_is_taken_back_with_the_directory() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let team = rig.group("Team", &[]);
        rig.sync().await;
        rig.edit(&team, json!({"displayName": "Crew"}));
        rig.wire.rule(|r| (r.method() == "PATCH").then_some(Fault::Lost));
        rig.sync().await;
        assert_eq!(rig.groups_there().into_keys().collect::<Vec<_>>(), ["Crew"]);
        rig.wire.heal();
        // Meanwhile the directory has turned back.
        rig.edit(&team, json!({"displayName": "Team"}));
        rig.sync().await;
        assert_eq!(rig.groups_there().into_keys().collect::<Vec<_>>(), ["Team"]);
        rig.wire.take();
        rig.sync().await;
        assert_eq!(rig.wire.take().1, 0);
    });
}

#[test]
fn a_group_that_was_made_and_not_heard_of_is_found_under_its_name_of_then() {
    both(|rig| async move {
        rig.scope(Scope::All);
        // By its name alone.
        rig.mapping(Kind::Group, |table| {
            let rows = table["mapping"].as_array_mut().unwrap();
            rows.retain(|row| row["target"].as_str() != Some("externalId"));
        });
        let team = rig.group("Team", &[]);
        rig.wire.rule(|r| (r.method() == "POST").then_some(Fault::Lost));
        rig.sync().await;
        rig.wire.heal();
        rig.edit(&team, json!({"displayName": "Crew"}));
        rig.sync().await;
        assert_eq!(rig.groups_there().into_keys().collect::<Vec<_>>(), ["Crew"], "no second one");
    });
}
