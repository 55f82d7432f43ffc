//! Rules as data (F42, F43, F44, F53, F54, F79): written, tried on everybody, restored; what one does when it fails.

use serde_json::json;
use usher_directory::Kind;
use usher_people::{
    PeopleError,
    dry_run::What,
    record::RecordState,
    rule::{self, Which},
};
use usher_store::Lane;

use crate::rig::{Rig, both, name};

const FAMILY_FIRST: &str = r#"
[[rule]]
name = "Family name first"
kind = "user"
condition = 'IsPresent([person]) and IsPresent([name.familyName]) and IsPresent([name.givenName])'
actions = [{ set = "name", to = 'Join(", ", [name.familyName], [name.givenName])' }]
"#;

fn ann(rig: &Rig) -> usher_directory::ObjectId {
    rig.user(json!({
        "userName": "ann@example.com", "displayName": "Ann Lee", "title": "Buyer",
        "name": {"givenName": "Ann", "familyName": "Lee"},
    }))
}

#[test]
fn the_default_rules_are_there_from_the_beginning_and_become_rows_when_first_edited() {
    both(|rig| {
        let names = |rig: &Rig| -> Vec<(String, bool)> {
            rig.current().described().into_iter().map(|rule| (rule.name, rule.default)).collect()
        };
        let default =
            |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), true)).collect::<Vec<_>>();
        assert_eq!(names(rig), default(&["Access", "Person", "Organization", "Site"]));
        rig.rules(FAMILY_FIRST);
        let edited = names(rig);
        assert_eq!(edited[2], ("Family name first".into(), false));
        assert!(edited[..3].iter().all(|(_, default)| !default), "all of their kind are rows now");
        assert!(edited[3..].iter().all(|(_, default)| *default), "those of the other kind are not");
        // Taken away one by one: with the last the default ones are back.
        for name in ["Family name first", "person", " ACCESS "] {
            let (directory, now) = (rig.directory, rig.clock.now());
            rig.write(move |tx| {
                let draft = rule::current(tx, directory)?.without(name, Which::Of(Kind::User))?;
                rule::save(tx, directory, &draft, now)
            });
        }
        assert_eq!(names(rig), default(&["Access", "Person", "Organization", "Site"]));
    });
}

#[test]
fn changed_rules_run_over_everybody_and_a_dry_run_tells_before() {
    both(|rig| {
        ann(rig);
        rig.plain("ben@example.com", "Ben");
        rig.catch_up();
        let draft = rig.current().set(FAMILY_FIRST, None).unwrap();
        let told = rig.dry_run(&draft);
        assert_eq!((told.records, told.updated, told.created, told.disabled), (2, 1, 0, 0));
        assert_eq!(told.changes[0].what, What::Update);
        assert_eq!(told.changes[0].fields, [("name".into(), json!("Ann Lee"), json!("Lee, Ann"))]);
        assert_eq!(rig.person("ann@example.com").name, "Ann Lee", "nothing was changed by it");
        rig.rules(FAMILY_FIRST);
        assert!(rig.catch_up() >= 2, "everybody runs");
        assert_eq!(rig.person("ann@example.com").name, "Lee, Ann");
        assert_eq!(rig.person("ben@example.com").name, "Ben");
        assert!(rig.dry_run(&rig.current().set(FAMILY_FIRST, None).unwrap()).is_empty());
        // And back.
        let back = rig.current().reset(Which::Both).unwrap();
        assert_eq!(rig.dry_run(&back).updated, 1);
        let (directory, now) = (rig.directory, rig.clock.now());
        rig.write(move |tx| rule::save(tx, directory, &back, now));
        rig.catch_up();
        assert_eq!(rig.person("ann@example.com").name, "Ann Lee");
    });
}

#[test]
fn a_dry_run_of_group_rules_tells_of_organizations_and_of_their_people() {
    both(|rig| {
        let id = ann(rig);
        rig.group("Sales", &[id]);
        rig.catch_up();
        let makes = "[[rule]]\nname = \"Make\"\nkind = \"group\"\n\
            condition = 'not IsPresent([organization]) and not IsPresent([site])'\n\
            actions = [{ create = \"organization\", to = '[displayName]' }, { set = \"classification\", to = '\"organization\"' }]\n";
        let told = rig.dry_run(&rig.current().set(makes, None).unwrap());
        assert_eq!((told.units.len(), told.units[0].after.as_str()), (1, "Sales"));
        assert_eq!(told.units[0].before, None);
        assert_eq!(told.changes[0].fields, [("organization".into(), json!(null), json!("Sales"))]);
        assert_eq!(name(&rig.person("ann@example.com").organization), None);
        rig.rules(makes);
        rig.catch_up();
        assert_eq!(name(&rig.person("ann@example.com").organization), Some("Sales"));
    });
}

#[test]
fn custom_fields_come_from_rules() {
    both(|rig| {
        const FIELDS: &str = "urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields";
        let id = rig.user(json!({
            "userName": "ann@example.com", "displayName": "Ann", FIELDS: {"payroll_id": "P7", "badge": ""},
        }));
        rig.rules(
            "[[rule]]\nname = \"Fields\"\nkind = \"user\"\ncondition = 'IsPresent([person])'\nactions = [\n\
             { set = \"custom_fields.payroll_id\", to = '[custom_fields.payroll_id]' },\n\
             { set = \"custom_fields.badge\", to = '[custom_fields.badge]' },\n]\n",
        );
        rig.catch_up();
        let fields = rig.person("ann@example.com").custom_fields;
        assert_eq!(serde_json::Value::Object(fields), json!({"payroll_id": "P7"}));
        // A value over its limit is left out and told; what was there stays.
        rig.change(id, json!({FIELDS: {"payroll_id": "x".repeat(5000)}}));
        rig.catch_up();
        let record = rig.record(id);
        assert_eq!(record.state, RecordState::Incomplete);
        assert!(record.reason.unwrap().contains("custom_fields.payroll_id has 5002 characters"));
        assert_eq!(rig.person("ann@example.com").custom_fields["payroll_id"], "P7");
    });
}

#[test]
fn a_rule_that_fails_is_undone_whole_and_access_and_the_rules_before_it_stand() {
    both(|rig| {
        let id = ann(rig);
        rig.catch_up();
        rig.rules(
            "[[rule]]\nname = \"Broken\"\nkind = \"user\"\ncondition = 'true'\nactions = [\n\
             { set = \"location\", to = '\"Nowhere\"' },\n\
             { set = \"employee_id\", to = '[emails]' },\n]\n\
             [[rule]]\nname = \"After\"\nkind = \"user\"\ncondition = 'true'\n\
             actions = [{ set = \"support_id\", to = '\"7\"' }]\n",
        );
        rig.change(
            id,
            json!({"title": "Seller", "active": false, "emails": [{"value": "a@example.com"}, {"value": "b@example.com"}]}),
        );
        rig.catch_up();
        let person = rig.person("ann@example.com");
        assert!(person.disabled, "access ended");
        assert_eq!(person.job_title.as_deref(), Some("Seller"), "the rule before it stands");
        assert_eq!((person.location, person.employee_id, person.support_id), (None, None, None));
        let record = rig.record(id);
        assert_eq!(record.state, RecordState::Error);
        assert!(record.reason.unwrap().contains("employee_id can't take several values"));
        let failed = rig.detail(id).last_failed.unwrap();
        assert!(failed.rules.to_string().contains("\"Broken\""));
    });
}

#[test]
fn a_disabled_rule_does_not_run_and_order_is_kept() {
    both(|rig| {
        ann(rig);
        let set = |name: &str, value: &str| {
            format!(
                "[[rule]]\nname = \"{name}\"\nkind = \"user\"\ncondition = 'IsPresent([person])'\n\
                 actions = [{{ set = \"location\", to = '\"{value}\"' }}]\n"
            )
        };
        rig.rules(&(set("One", "first") + &set("Two", "second")));
        rig.catch_up();
        assert_eq!(rig.person("ann@example.com").location.as_deref(), Some("second"));
        rig.rules(&set("Two", "second").replace("condition", "disabled = true\ncondition"));
        rig.catch_up();
        assert_eq!(rig.person("ann@example.com").location.as_deref(), Some("first"));
    });
}

#[test]
fn what_is_wrong_with_rules_is_told_and_nothing_is_written() {
    both(|rig| {
        let current = rig.current();
        let rule =
            |rest: &str| format!("[[rule]]\nname = \"R\"\nkind = \"user\"\ncondition = 'true'\n{rest}");
        for (text, said) in [
            (rule("actions = [{ set = \"vip\", to = '[usertipe]' }]"), "usertipe"),
            (rule("actions = [{ set = \"vip\", to = 'Contains([userType]' }]"), "^"),
            (rule("step = \"access\"\nactions = [{ set = \"name\", to = '[title]' }]"), "set disabled"),
            (rule("actions = [{ set = \"custom_fields.no way\", to = '[title]' }]"), "no such action"),
            (
                rule(
                    "actions = []\n[[rule]]\nname = \"r \"\nkind = \"user\"\ncondition = 'true'\nactions = []",
                ),
                "two rules",
            ),
            (String::new(), "no [[rule]]"),
        ] {
            match current.import(&text, Which::Both).and_then(|_| current.set(&text, None)) {
                Err(PeopleError::Rules(told)) => assert!(told.contains(said), "{told}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert_eq!(rig.current(), current);
    });
}

#[test]
fn of_two_who_change_rules_at_once_the_second_is_told() {
    both(|rig| {
        let first = rig.current().set(FAMILY_FIRST, None).unwrap();
        let second = rig.current().reset(Which::Both).unwrap();
        let (directory, now) = (rig.directory, rig.clock.now());
        rig.write(move |tx| rule::save(tx, directory, &first, now));
        let told = rig.store.block_write(Lane::Now, move |tx| rule::save(tx, directory, &second, now));
        assert!(matches!(told, Err(PeopleError::Stale)), "{told:?}");
        assert_eq!(rig.current().described()[2].name, "Family name first");
    });
}

#[test]
fn an_export_is_an_import_and_a_difference_is_told_line_by_line() {
    both(|rig| {
        rig.rules(FAMILY_FIRST);
        let current = rig.current();
        let same = current.import(&current.export(Which::Both), Which::Both).unwrap();
        assert!(!same.difference(&current).contains("\n+ "), "{}", same.difference(&current));
        let other = current.export(Which::Of(Kind::User)).replace("Join(\", \"", "Join(\"; \"");
        let draft = current.import(&other, Which::Of(Kind::User)).unwrap();
        let diff = draft.difference(&current);
        assert!(
            diff.contains("-  { set = \"name\", to = 'Join(\", \"")
                && diff.contains("+  { set = \"name\", to = 'Join(\"; \""),
            "{diff}"
        );
    });
}
