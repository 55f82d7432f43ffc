//! One object by name: provisioned on demand, and explained.

use serde_json::{Value, json};
use usher_directory::{Kind, object::MemberOp};
use usher_engine::{
    app::Scope,
    explain::{Detail, Explanation, StepName},
    log::Status,
    plan::Action,
};

use crate::rig::{Fault, Rig, both, both_as, managed_by};

async fn provision(rig: &Rig, of: &usher_directory::object::Stored) -> Explanation {
    rig.engine.provision(rig.app, of.key, "local:ann").await.unwrap()
}

async fn explain(rig: &Rig, of: &usher_directory::object::Stored) -> Explanation {
    rig.engine.explain(rig.app, of.key).await.unwrap()
}

fn stage(found: &Explanation, step: StepName) -> &usher_engine::explain::Stage {
    found.steps.iter().find(|s| s.step == step).unwrap_or_else(|| panic!("no {step:?} in {found:#?}"))
}

/// The conditions of the scope, each with what was seen and whether it holds.
fn conditions(found: &Explanation) -> Vec<(String, String, bool)> {
    let details = &stage(found, StepName::Scope).details;
    details
        .iter()
        .map(|detail| match detail {
            Detail::Condition { title, seen, holds, .. } => {
                (title.clone(), seen.clone().unwrap_or_default(), *holds)
            }
            other => panic!("{other:?} is no condition"),
        })
        .collect()
}

/// What differs: attribute, old, new, rule.
fn differences(found: &Explanation) -> Vec<(String, Value, Value, String)> {
    let stage = found.steps.iter().find(|s| s.step == StepName::Difference);
    stage
        .into_iter()
        .flat_map(|s| &s.details)
        .map(|detail| match detail {
            Detail::Changed { attribute, old, new, rule } => {
                (attribute.clone(), old.clone(), new.clone(), rule.clone())
            }
            other => panic!("{other:?} is no difference"),
        })
        .collect()
}

#[test]
fn one_user_is_provisioned_on_demand_and_nobody_else() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({"title": "Head"}));
        rig.user("bob", json!({}));
        // What is said beforehand is what is then done.
        let said = explain(&rig, &ann).await;
        assert_eq!((said.verdict.action, said.verdict.code.as_str()), (Action::Create, "EntryExportAdd"));
        assert!(!said.sent && !said.failed());
        assert_eq!(rig.wire.take().1, 0, "explaining writes nothing");

        let done = provision(&rig, &ann).await;
        assert!(done.sent && !done.failed(), "{done:#?}");
        assert_eq!(done.verdict.action, Action::Create);
        assert_eq!(rig.wire.take().1, 1);
        assert_eq!(rig.active_there(), ["ann"]);
        let (id, _, there) = rig.user_there("ann");
        assert_eq!(done.target, Some(id.0.to_string()));
        assert_eq!(differences(&done), differences(&said));
        let title = ("title".to_owned(), Value::Null, json!("Head"), "[jobTitle]".to_owned());
        assert!(differences(&done).contains(&title), "{:?}", differences(&done));
        assert_eq!(there["title"], "Head");
        let steps: Vec<&str> = done.steps.iter().map(|s| s.step.as_str()).collect();
        assert_eq!(steps, ["import", "scope", "match", "map", "difference", "action"]);
        let looked_for: Vec<_> = stage(&done, StepName::Match).details.clone();
        assert!(
            matches!(&looked_for[0], Detail::Matching { attribute, value, hits: 0 } if attribute == "userName" && value == "ann"),
            "{looked_for:?}"
        );

        // The first cycle begins all the same and finds her in sync.
        let counts = rig.sync().await.counts;
        assert_eq!((counts.create, counts.in_sync), (1, 1));
        let again = provision(&rig, &ann).await;
        assert_eq!((again.verdict.action, again.verdict.code.as_str()), (Action::None, "RedundantExport"));
        rig.edit(&ann, json!({"title": "Chief"}));
        let done = provision(&rig, &ann).await;
        assert_eq!(done.verdict.action, Action::Update);
        assert_eq!(
            differences(&done),
            [("title".to_owned(), json!("Head"), json!("Chief"), "[jobTitle]".to_owned())]
        );
        assert_eq!(rig.user_there("ann").2["title"], "Chief");
    });
}

#[test]
fn the_log_says_who_asked_for_it() {
    both(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        rig.assign(&ann);
        rig.assign(&bob);
        provision(&rig, &ann).await;
        rig.sync().await;
        let app = rig.app;
        let entries =
            rig.read(move |on| usher_engine::log::page(on, app, &usher_engine::log::Query::default(), 10));
        let by: Vec<_> = entries
            .iter()
            .map(|e| {
                (&e.document["sourceIdentity"]["displayName"], &e.document["initiatedBy"]["displayName"])
            })
            .collect();
        assert_eq!(by, [(&json!("ann"), &json!("local:ann")), (&json!("bob"), &json!("Usher"))]);
    });
}

#[test]
fn why_somebody_is_out_is_told_condition_by_condition() {
    both_as("4me", "4me", |rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({"active": false})));
        let found = explain(&rig, &ann).await;
        assert_eq!(found.verdict.code, "NotEffectivelyEntitled");
        assert_eq!(
            conditions(&found),
            [
                ("Active in source".into(), "active".into(), true),
                ("Assigned to application".into(), "not assigned".into(), false),
                ("User has required role".into(), "no role".into(), false),
            ]
        );
        rig.assign_as(&ann, Some("Default Access"));
        let found = explain(&rig, &ann).await;
        assert_eq!(found.verdict.action, Action::None);
        assert!(found.verdict.text.contains("Default Access"), "{}", found.verdict.text);
        assert_eq!(
            conditions(&found)[1..],
            [
                ("Assigned to application".into(), "itself as Default Access".into(), true),
                ("User has required role".into(), "Default Access".into(), false),
            ]
        );
        let sales = rig.group("Sales", &[&ann, &bob]);
        rig.assign(&sales);
        let found = explain(&rig, &ann).await;
        assert_eq!(found.verdict.action, Action::Create);
        assert_eq!(conditions(&found)[1].1, "itself as Default Access; by the group Sales as User");
        let found = explain(&rig, &bob).await;
        assert_eq!((found.verdict.code.as_str(), conditions(&found)[0].2), ("NotEffectivelyEntitled", false));
        assert_eq!(found.steps.last().unwrap().result, Status::Skipped);
        // Nothing is done about who is out.
        let done = provision(&rig, &bob).await;
        assert_eq!((done.verdict.action, done.sent), (Action::None, false));
        assert!(rig.users_there().is_empty());
    });
}

#[test]
fn a_scoping_filter_is_told_clause_by_clause() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({"title": "Head"}));
        crate::cycles::scope_by(&rig, &mut rig.app(), "EQUALS", "Chief");
        let found = explain(&rig, &ann).await;
        assert_eq!(found.verdict.code, "NotEffectivelyEntitled");
        let clause = stage(&found, StepName::Scope).details.last().unwrap();
        let Detail::Condition { attribute, operator, value, seen, holds, .. } = clause else { panic!() };
        assert_eq!(attribute.as_deref(), Some("title"));
        assert_eq!(operator.as_deref(), Some("EQUALS"));
        assert_eq!((value.as_deref(), seen.as_deref(), *holds), (Some("Chief"), Some("Head"), false));
    });
}

#[test]
fn a_leaver_asked_for_by_name_is_counted_like_every_other() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let users: Vec<_> = (0..20).map(|n| rig.user(&format!("u{n:02}"), json!({}))).collect();
        rig.sync().await;
        rig.set("deletion_threshold", "2");
        for user in &users[..3] {
            rig.edit(user, json!({"active": false}));
        }
        for user in &users[..2] {
            let said = explain(&rig, user).await;
            assert_eq!(said.verdict.action, Action::Disable, "{said:#?}");
            let done = provision(&rig, user).await;
            assert_eq!((done.verdict.action, done.failed()), (Action::Disable, false), "{done:#?}");
        }
        assert_eq!(rig.active_there().len(), 18);
        let said = explain(&rig, &users[2]).await;
        let done = provision(&rig, &users[2]).await;
        for found in [said, done] {
            assert_eq!((found.verdict.action, found.verdict.code.as_str()), (Action::None, "TooManyDeletes"));
        }
        assert_eq!(rig.active_there().len(), 18, "the third of a day is held back");
        assert_eq!(rig.logged().last().unwrap().0, "stageddelete");
        let app = rig.app;
        assert_eq!(rig.read(move |on| usher_engine::leaver::staged_count(on, app)), 1);
        // Allowed, it goes.
        rig.write(move |tx| usher_engine::leaver::allow(tx, app, None).unwrap());
        assert_eq!(provision(&rig, &users[2]).await.verdict.action, Action::Disable);
        assert_eq!(rig.active_there().len(), 17);
    });
}

#[test]
fn a_group_goes_with_its_members_who_are_there() {
    both(|rig| async move {
        let (ann, bob) = (rig.user("ann", json!({})), rig.user("bob", json!({})));
        let sales = rig.group("Sales", &[&ann, &bob]);
        rig.assign(&sales);
        provision(&rig, &ann).await;
        let said = explain(&rig, &sales).await;
        assert_eq!(said.verdict.action, Action::Create);
        let done = provision(&rig, &sales).await;
        assert_eq!((done.verdict.action, done.kind), (Action::Create, Kind::Group), "{done:#?}");
        assert_eq!(rig.groups_there()["Sales"], ["ann"]);
        provision(&rig, &bob).await;
        let done = provision(&rig, &sales).await;
        assert_eq!(done.verdict.action, Action::Update, "{done:#?}");
        let mut members = rig.groups_there().remove("Sales").unwrap();
        members.sort();
        assert_eq!(members, ["ann", "bob"]);
        rig.members(&sales, MemberOp::Remove(vec![bob.id]));
        rig.sync().await;
        assert_eq!(rig.groups_there()["Sales"], ["ann"]);
    });
}

#[test]
fn a_manager_without_an_account_is_awaited() {
    both(|rig| async move {
        let boss = rig.user("boss", json!({}));
        let ann = rig.user("ann", managed_by(&boss));
        rig.assign(&ann);
        for found in [explain(&rig, &ann).await, provision(&rig, &ann).await] {
            let details = &found.steps.last().unwrap().details;
            assert!(matches!(&details[..], [Detail::Awaited { name, .. }] if name == "boss"), "{details:?}");
        }
        rig.assign(&boss);
        provision(&rig, &boss).await;
        rig.sync().await;
        assert_eq!(rig.manager_there("ann").as_deref(), Some("boss"));
    });
}

#[test]
fn what_fails_is_a_step_that_failed_and_is_tried_again() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "400",
            "detail": "no seats left"});
        rig.wire.rule(move |r| {
            let headers = vec![("content-type", "application/scim+json".into())];
            (r.method() == "POST").then(|| Fault::Answer(400, headers, body.to_string()))
        });
        let done = provision(&rig, &ann).await;
        assert!(done.failed() && done.sent, "{done:#?}");
        assert!(done.verdict.text.contains("no seats left"), "{}", done.verdict.text);
        assert_eq!(done.verdict.code, "UnprocessableEntity");
        assert!(!differences(&done).is_empty(), "what was attempted is shown");
        assert_eq!(rig.logged().last().unwrap().1, "failure");
        rig.wire.heal();
        rig.clock.advance(std::time::Duration::from_secs(80));
        assert_eq!(rig.sync().await.counts.create, 1);

        // An app that can't be reached at all: only that is shown, and nothing is tried.
        rig.wire
            .rule(|_| Some(Fault::Answer(200, vec![("content-type", "text/html".into())], "<html>".into())));
        rig.edit(&ann, json!({"title": "X"}));
        rig.wire.take();
        let done = provision(&rig, &ann).await;
        assert_eq!(done.steps.len(), 1, "{done:#?}");
        assert_eq!((done.steps[0].step, done.steps[0].result), (StepName::Test, Status::Failure));
        assert_eq!(rig.wire.take().1, 0);
        let app = rig.app();
        assert!(!app.enabled);
    });
}

#[test]
fn an_account_that_is_another_ones_is_not_taken() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        let there = rig.account_there(json!({"userName": "ann", "active": true, "title": "Old"}));
        let said = explain(&rig, &ann).await;
        assert_eq!((said.verdict.action, said.target.clone()), (Action::Update, Some(there.0.to_string())));
        let done = provision(&rig, &ann).await;
        assert_eq!(done.verdict.action, Action::Update, "{done:#?}");
        assert_eq!(rig.users_there().len(), 1);
    });
}
