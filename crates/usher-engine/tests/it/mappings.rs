//! Mappings saved and at work: golden cases, what an app cannot do, groups in filters, tables, added values, what is hidden.

use serde_json::{Value, json};
use usher_directory::{Kind, object::MemberOp};
use usher_engine::{EngineError, app, app::Scope, log, mapping};
use usher_mapping::ObjectMapping;

use crate::rig::{Rig, both, both_as};

/// The mapping of users with TOML put at its end.
fn with(rig: &Rig, more: &str) -> ObjectMapping {
    let text = format!("{}\n{more}", toml::to_string(&rig.app().users.to_toml()).unwrap());
    ObjectMapping::from_toml(&text.parse().unwrap()).unwrap_or_else(|e| panic!("{e}"))
}

fn save(rig: &Rig, users: &ObjectMapping, force: bool) -> Result<(), EngineError> {
    let (app, configs, directory, users) = (rig.app(), rig.configs.clone(), rig.directory, users.clone());
    rig.write(move |tx| {
        let config = configs.get(tx, directory).unwrap().unwrap();
        let save = if force { app::force_mapping } else { app::set_mapping };
        save(tx, &app, &config, Kind::User, &users)
    })
}

#[test]
fn a_failing_golden_case_refuses_the_mapping_unless_forced() {
    both(|rig| async move {
        let case = |title: &str| {
            format!(
                "[[case]]\nname = \"Ann\"\nobject = {{ userName = \"ann\", jobTitle = \"Head\" }}\nexpect = {{ title = \"{title}\" }}"
            )
        };
        let before = rig.app();
        let wrong = with(&rig, &case("head"));
        let error = save(&rig, &wrong, false).unwrap_err().to_string();
        assert_eq!(error, "case “Ann”: title is \"Head\", expected \"head\"");
        assert_eq!(rig.app().version, before.version, "nothing is changed");
        save(&rig, &with(&rig, &case("Head")), false).unwrap();
        assert_eq!(rig.app().users.cases.len(), 1);
        save(&rig, &wrong, true).unwrap();
        assert_eq!(rig.app().users.cases, wrong.cases);
    });
}

#[test]
fn a_mapping_is_refused_for_what_the_app_cannot_do() {
    both_as("4me", "4me", |rig| async move {
        let mut users = rig.app().users;
        for row in &mut users.rows {
            row.matching = (row.target.to_string() == "title").then_some(1);
        }
        let error = save(&rig, &users, true).unwrap_err().to_string();
        assert!(
            error.contains("title can't be a matching property") && error.contains("userName, externalId"),
            "{error}"
        );
        users.rows.iter_mut().for_each(|row| row.matching = None);
        let error = save(&rig, &users, true).unwrap_err().to_string();
        assert!(error.contains("no row is a matching property"), "{error}");
        let unknown = with(&rig, "[[mapping]]\ntarget = \"nickNam\"\nconstant = \"x\"");
        let error = save(&rig, &unknown, true).unwrap_err().to_string();
        assert_eq!(error, "unknown target attribute nickNam (did you mean nickName?)");
    });
}

#[test]
fn a_scoping_filter_by_group_follows_memberships() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let sales = rig.group("Sales", &[&ann]);
        let clause = |operator: &str| {
            format!(
                "[[mapping]]\ntarget = \"userType\"\nsource = '[groups.display]'\n\
                 [[scoping]]\ntitle = \"by group\"\nclause = [{{operator = \"{operator}\", value = \"Sales\"}}]"
            )
        };
        save(&rig, &with(&rig, &clause("IsMemberOf")), false).unwrap();
        rig.sync().await;
        assert_eq!(rig.active_there(), ["ann"]);
        assert_eq!(rig.user_there("ann").2["userType"], "Sales");
        // Joining and leaving.
        rig.members(&sales, MemberOp::Add(vec![bob.id]));
        rig.members(&sales, MemberOp::Remove(vec![ann.id]));
        assert_eq!(rig.plan().await.counts.disable, 1);
        rig.sync().await;
        assert_eq!(rig.active_there(), ["bob"]);
        // A rename takes the group's name from its members, and gives it back.
        rig.edit(&sales, json!({"displayName": "Trade"}));
        rig.sync().await;
        assert!(rig.active_there().is_empty());
        rig.edit(&sales, json!({"displayName": "Sales"}));
        rig.sync().await;
        assert_eq!(rig.active_there(), ["bob"]);
        // The group goes: who was in it is no longer, and without it nobody is.
        rig.purge(&sales);
        rig.sync().await;
        assert!(rig.active_there().is_empty());
    });
}

#[test]
fn who_is_in_no_group_passes_a_negated_filter_once_the_group_is_gone() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.user("bob", json!({}));
        let guests = rig.group("Guests", &[&ann]);
        let clause = "[[scoping]]\ntitle = \"no guests\"\nclause = [{operator = \"NOT IsMemberOf\", value = \"Guests\"}]";
        save(&rig, &with(&rig, clause), false).unwrap();
        rig.sync().await;
        assert_eq!(rig.active_there(), ["bob"]);
        rig.purge(&guests);
        rig.sync().await;
        assert_eq!(rig.active_there(), ["ann", "bob"]);
    });
}

/// A user whose `extensionAttribute2` is this.
fn listed(text: &str) -> Value {
    json!({ "urn:usher:directory:1.0:User": { "extensionAttribute2": text } })
}

#[test]
fn values_are_only_added_where_the_row_says_so() {
    both(|rig| async move {
        rig.scope(Scope::All);
        rig.account_there(json!({"userName": "ann", "active": true, "roles": [{"value": "theirs"}]}));
        let row = "[[mapping]]\ntarget = \"roles\"\nsource = 'Split([extensionAttribute2], \",\")'\nwhen = \"add_values\"";
        save(&rig, &with(&rig, row), false).unwrap();
        let (ann, bob) = (rig.user("ann", listed("a,b")), rig.user("bob", listed("a")));
        let roles = |name: &str| -> Vec<String> {
            let (_, _, doc) = rig.user_there(name);
            let roles = doc["roles"].as_array().unwrap().iter();
            roles.map(|role| role["value"].as_str().unwrap().to_owned()).collect()
        };
        rig.sync().await;
        assert_eq!(
            (roles("ann"), roles("bob")),
            (vec!["theirs".into(), "a".into(), "b".into()], vec!["a".to_owned()])
        );
        rig.edit(&ann, listed("b,c"));
        rig.edit(&bob, json!({"urn:usher:directory:1.0:User": {"extensionAttribute2": null}}));
        rig.sync().await;
        assert_eq!(roles("ann"), ["theirs", "a", "b", "c"], "nothing is taken away");
        assert_eq!(roles("bob"), ["a"]);
        rig.edit(&ann, listed("c"));
        assert_eq!(rig.sync().await.counts.update, 0, "all of it is there");
    });
}

#[test]
fn a_table_beside_the_mapping_answers_in_a_cycle() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let rows = "[[mapping]]\ntarget = \"userType\"\nsource = 'Lookup(\"kinds\", [jobTitle], \"other\")'\n[table.kinds]\nHead = \"lead\"";
        save(&rig, &with(&rig, rows), false).unwrap();
        rig.user("ann", json!({"title": "Head"}));
        rig.user("bob", json!({"title": "Hand"}));
        rig.sync().await;
        assert_eq!(rig.user_there("ann").2["userType"], "lead");
        assert_eq!(rig.user_there("bob").2["userType"], "other");
    });
}

#[test]
fn redacted_values_stay_out_of_plan_and_log() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let row =
            "[[mapping]]\ntarget = \"nickName\"\nsource = 'Append(Redact([extensionAttribute2]), \"!\")'";
        save(&rig, &with(&rig, row), false).unwrap();
        let ann = rig.user("ann", listed("sesame-one"));
        let plan = rig.plan().await;
        let change = plan.items[0].changes.iter().find(|c| c.path.to_string() == "nickName").unwrap();
        assert!(change.redacted);
        rig.sync().await;
        rig.edit(&ann, listed("sesame-two"));
        rig.sync().await;
        assert_eq!(rig.user_there("ann").2["nickName"], "sesame-two!", "the value itself flows");
        let app = rig.app;
        let entries = rig.read(move |on| log::page(on, app, &log::Query::default(), 100));
        let text: String = entries.iter().map(|entry| entry.document.to_string()).collect();
        assert!(text.contains("[Redact]") && !text.contains("sesame"), "{text}");
    });
}

#[test]
fn whom_an_anchor_decides_about_is_counted() {
    both(|rig| async move {
        for (name, title) in [("ann", "42"), ("bob", "4242"), ("cid", "none"), ("dee", "x42")] {
            rig.user(name, json!({"title": title}));
        }
        let clause = "[[scoping]]\ntitle = \"numbered\"\nclause = [{attribute = \"jobTitle\", operator = \"REGEX MATCH\", value = \"[0-9][0-9]\"}]";
        let (users, app, now) = (with(&rig, clause), rig.app(), rig.clock.now());
        let found = rig.read(move |on| mapping::anchorings(on, &app, Kind::User, &users, 100, now));
        let [found] = found.as_slice() else { panic!("one clause") };
        assert_eq!((found.looked_at, found.differ), (4, 2));
        assert_eq!(found.names, ["bob", "dee"]);
        assert_eq!(found.clause, "jobTitle REGEX MATCH [0-9][0-9]");
    });
}
