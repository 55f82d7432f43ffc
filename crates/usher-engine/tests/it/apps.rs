//! Gallery, apps, settings, the log.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use usher_directory::Kind;
use usher_engine::{
    EngineError,
    app::{self, NewApp, Scope},
    assignment, gallery, log, mapping,
};
use usher_mapping::Known;

use crate::rig::{both, both_as};

#[test]
fn every_gallery_file_can_be_used_as_it_is() {
    both(|rig| async move {
        let (configs, directory) = (rig.configs.clone(), rig.directory);
        let config = rig.read(move |on| configs.get(on, directory)).unwrap();
        let templates = gallery::list().unwrap();
        assert_eq!(templates.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["4me", "elium", "scim"]);
        for template in templates {
            let target = template.target();
            for kind in [Kind::User, Kind::Group] {
                let mapping = if kind == Kind::User { &template.users } else { &template.groups };
                let known =
                    Known { types: &[config.resource_type(kind)], named: app::NAMED, ..Known::default() };
                mapping.check(&known, target.of(kind)).unwrap_or_else(|e| panic!("{}: {e}", template.name));
                mapping::check(template, &config, kind, mapping)
                    .unwrap_or_else(|e| panic!("{}: {e}", template.name));
                assert!(!mapping.cases.is_empty(), "{} has no golden case for {kind:?}", template.name);
                assert_eq!(mapping::failed_cases(template, &config, kind, mapping), [], "{}", template.name);
                assert_eq!(mapping.matchers()[0].matching, Some(1));
                // What is stored of it reads back as the same.
                let again = usher_mapping::ObjectMapping::from_toml(&mapping.to_toml()).unwrap();
                assert_eq!(again.to_toml(), mapping.to_toml());
            }
        }
        let scim = gallery::get("scim").unwrap();
        assert_eq!(scim.users.rows.len(), 17);
        let unknown = gallery::get("4mee").unwrap_err().to_string();
        assert!(unknown.contains("did you mean 4me?"), "{unknown}");
    });
}

#[test]
fn an_app_is_kept_with_its_secret_sealed() {
    both(|rig| async move {
        let new = NewApp {
            name: "second".into(),
            template: "4me".into(),
            directory: rig.directory,
            tenant_url: "https://api.4me.qa/scim/v2".into(),
            secret: SecretString::from("very secret\n".to_owned()),
            plain_http: false,
        };
        let (store, now, again) = (rig.store.clone(), rig.clock.now(), new.clone());
        let added = rig.write(move |tx| app::add(tx, &store, &new, now).unwrap());
        assert!(added.has_secret && !added.enabled);
        assert_eq!((added.scope, added.settings.rate_limit), (Scope::Assigned, Some(10)));
        let (store, app) = (rig.store.clone(), added.clone());
        let secret = rig.read(move |on| app::secret(on, &store, &app));
        assert_eq!(secret.expose_secret(), "very secret");

        let store = rig.store.clone();
        let taken = rig.write(move |tx| app::add(tx, &store, &again, now).unwrap_err());
        assert!(matches!(taken, EngineError::AppTaken(_)));

        // Another path keeps the secret, another host does not.
        let app = added.clone();
        rig.write(move |tx| app::set_tenant_url(tx, &app, "https://api.4me.qa/scim", false).unwrap());
        assert!(rig.read(|on| app::by_name(on, "second")).has_secret);
        let app = added.clone();
        rig.write(move |tx| app::set_tenant_url(tx, &app, "https://api.4me.com/scim/v2", false).unwrap());
        assert!(!rig.read(|on| app::by_name(on, "second")).has_secret);
        let error = rig.engine.sync(added.id, &|_| {}).await.unwrap_err();
        assert!(matches!(error, EngineError::NoSecret(_)), "{error}");

        let app = added.clone();
        rig.write(move |tx| app::remove(tx, &app).unwrap());
        assert!(matches!(rig.try_read(|on| app::by_name(on, "second")), Err(EngineError::NoApp(_))));
    });
}

#[test]
fn a_tenant_url_is_https_or_loopback() {
    for good in
        ["https://x.example/scim", "http://localhost:8080/scim", "http://127.0.0.1/", "http://[::1]/s"]
    {
        assert!(app::check_url(good, false).is_ok(), "{good}");
    }
    for bad in
        ["http://x.example/scim", "ftp://x.example", "x.example/scim", "https://u:p@x.example/", "https://"]
    {
        assert!(app::check_url(bad, false).is_err(), "{bad}");
    }
    assert!(app::check_url("http://x.example/scim", true).is_ok());
}

#[test]
fn roles_come_from_the_template() {
    both_as("4me", "4me", |rig| async move {
        let app = rig.app();
        assert_eq!(assignment::role(&app, None).unwrap(), "User");
        assert_eq!(assignment::role(&app, Some("Default Access")).unwrap(), "Default Access");
        let error = assignment::role(&app, Some("Admin")).unwrap_err().to_string();
        assert!(error.contains("there are: User"), "{error}");
    });
    both(|rig| async move {
        assert_eq!(assignment::role(&rig.app(), None).unwrap(), "Default Access");
    });
}

#[test]
fn the_log_is_in_entras_schema_and_can_be_asked() {
    both(|rig| async move {
        rig.scope(Scope::All);
        let ann = rig.user("ann", json!({}));
        rig.user("bob", json!({}));
        let first = rig.sync().await;
        rig.edit(&ann, json!({"title": "Head"}));
        rig.sync().await;
        let app = rig.app;
        let ask = |query: log::Query| rig.read(move |on| log::page(on, app, &query, 100));
        assert_eq!(ask(log::Query::default()).len(), 3);
        assert_eq!(ask(log::Query { cycle: Some(first.id), ..Default::default() }).len(), 2);
        assert_eq!(ask(log::Query { status: Some("failure".into()), ..Default::default() }).len(), 0);
        let of_ann = ask(log::Query { source: Some(ann.id), newest_first: true, ..Default::default() });
        assert_eq!(of_ann.len(), 2);
        let entry = &of_ann[0].document;
        assert_eq!(entry["provisioningAction"], "update");
        assert_eq!(entry["servicePrincipal"]["displayName"], "app");
        assert_eq!(entry["sourceIdentity"]["id"], ann.id.0.to_string());
        assert_eq!(entry["targetIdentity"]["id"], rig.user_there("ann").0.0.to_string());
        assert_eq!(
            entry["modifiedProperties"],
            json!([{"displayName": "title", "oldValue": null, "newValue": "Head"}])
        );
        let steps: Vec<_> =
            entry["provisioningSteps"].as_array().unwrap().iter().map(|s| s["name"].clone()).collect();
        assert_eq!(steps, ["EntryImport", "EntrySynchronizationScoping", "EntryExportUpdate"]);
    });
}
