//! `SelectUniqueValue` and `DefaultDomain`: values that only the app knows to be free.

use serde_json::json;
use usher_directory::Kind;
use usher_engine::app::{self, Scope};
use usher_mapping::{Expression, ObjectMapping, mapping::AttributeMapping, mapping::From, mapping::When};
use usher_scim::AttributePath;

use crate::rig::{Rig, both};

/// nickName is the first letter and last name, else both names, else an error.
const RULES: &str = r#"SelectUniqueValue(
    ToLower(Append(Left([givenName], 1), [surname])),
    ToLower(Join(".", [givenName], [surname])) & "@" & DefaultDomain())"#;

fn with_row(rig: &Rig, when: When, matching: Option<u32>) -> ObjectMapping {
    let mut users = rig.app().users;
    let mut row = AttributeMapping::new(
        AttributePath::parse("nickName").unwrap(),
        From::Expression(Expression::parse(RULES).unwrap()),
    );
    (row.when, row.matching) = (when, matching);
    users.rows.push(row);
    users
}

fn set(rig: &Rig, users: ObjectMapping) -> Result<(), String> {
    let (configs, directory, app) = (rig.configs.clone(), rig.directory, rig.app());
    rig.write(move |tx| {
        let config = configs.get(tx, directory).unwrap().unwrap();
        app::set_mapping(tx, &app, &config, Kind::User, &users).map_err(|e| e.to_string())
    })
}

fn named(given: &str, family: &str) -> serde_json::Value {
    json!({"name": {"givenName": given, "familyName": family}})
}

#[test]
fn the_first_value_that_the_app_does_not_have_is_written_and_a_plan_says_which() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.set("default_domain", "contoso.com");
        set(&rig, with_row(&rig, When::OnCreate, None)).unwrap();
        rig.account_there(json!({"userName": "other", "active": true, "nickName": "BDOE"}));
        // Three who want "alee", of whom the third finds nothing left; one whose first value the app has.
        let users = [("u1", "Ann", "Lee"), ("u2", "Amy", "Lee"), ("u3", "AMY", "Lee"), ("u4", "Bob", "Doe")];
        let stored = users.map(|(name, given, family)| rig.user(name, named(given, family)));
        let nick = |name: &str| rig.user_there(name).2["nickName"].clone();
        let plan = rig.plan().await;
        let planned = |name: &str| {
            let item = plan.items.iter().find(|item| item.name == name).unwrap();
            item.changes.iter().find(|c| c.path.to_string() == "nickName").map(|c| c.new.clone())
        };
        assert_eq!(planned("u1"), Some(json!("alee")));
        assert_eq!(planned("u2"), Some(json!("amy.lee@contoso.com")));
        assert_eq!(planned("u4"), Some(json!("bob.doe@contoso.com")));
        assert_eq!((plan.counts.create, plan.counts.failed), (3, 1));

        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.failed), (3, 1));
        assert_eq!(nick("u1"), json!("alee"));
        assert_eq!(nick("u2"), json!("amy.lee@contoso.com"));
        assert_eq!(nick("u4"), json!("bob.doe@contoso.com"));
        let logged = rig.logged();
        assert!(logged.iter().any(|entry| entry.3 == "AttributeMappingFailed"), "{logged:?}");

        // What was chosen once stays, whatever the names become.
        rig.edit(&stored[0], named("Zoe", "Lee"));
        assert_eq!(rig.sync().await.counts.update, 1);
        assert_eq!(nick("u1"), json!("alee"));
    });
}

#[test]
fn a_row_that_chooses_acts_on_create_only_and_matches_nobody() {
    both(|rig| async move {
        for (when, matching, said) in [
            (When::Always, None, "nickName: a row with SelectUniqueValue needs when = \"on_create\""),
            (When::OnCreate, Some(7), "nickName: a row with SelectUniqueValue cannot be a matching property"),
        ] {
            assert_eq!(set(&rig, with_row(&rig, when, matching)).unwrap_err(), said);
        }
    });
}

#[test]
fn without_a_default_domain_the_object_waits_and_says_what_to_set() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let mut users = rig.app().users;
        users.rows.push(AttributeMapping::new(
            AttributePath::parse("nickName").unwrap(),
            From::Expression(Expression::parse(r#""x@" & DefaultDomain()"#).unwrap()),
        ));
        set(&rig, users).unwrap();
        rig.user("ann", json!({}));
        let plan = rig.plan().await;
        assert_eq!(plan.counts.failed, 1);
        assert!(plan.items[0].reason.1.contains("set the app's default_domain"), "{:?}", plan.items[0]);
        rig.set("default_domain", "contoso.com");
        assert_eq!(rig.plan().await.counts.create, 1);
    });
}
