use usher_directory::{
    Environment,
    account::{self, AccountError},
    config::Configs,
};
use usher_scim::Tolerance;
use usher_store::Lane;

use crate::{account_error, at_once, both, now, read};

#[test]
fn an_account_has_two_environments_and_its_name_is_its_own() {
    both("4me", |house| {
        assert_ne!(house.account.production, house.account.qa);
        let found = read(house.store, |on| account::by_name(on, "ACME"));
        assert_eq!(found.as_ref(), Some(&house.account));
        let qa = house.account.qa;
        let (of, environment) =
            read(house.store, move |on| account::of_directory(on, qa)).expect("it is one");
        assert_eq!((of, environment), (house.account.clone(), Environment::Qa));
        let create = |name: &'static str, profile: &'static str| {
            house.store.block_write(Lane::Now, move |tx| account::create(tx, name, profile, now()))
        };
        assert!(matches!(account_error(create("Acme", "4me")), AccountError::Taken(_)));
        assert!(matches!(account_error(create("a b", "4me")), AccountError::Name(_)));
        assert!(matches!(account_error(create("", "4me")), AccountError::Name(_)));
        assert!(matches!(account_error(create("b", "directory")), AccountError::Profile(_)));
        create("Beta", "standard").expect("another");
        let names: Vec<String> =
            read(house.store, account::list).into_iter().map(|account| account.name).collect();
        assert_eq!(names, ["acme", "Beta"]);
    });
}

#[test]
fn of_two_racing_accounts_of_one_name_one_is_made() {
    both("standard", |house| {
        let made = at_once(house, 4, |_, store| {
            store.block_write(Lane::Now, |tx| account::create(tx, "new", "elium", now())).is_ok()
        });
        assert_eq!(made.into_iter().filter(|made| *made).count(), 1);
    });
}

#[test]
fn a_directory_of_the_provisioning_side_has_a_name_and_no_account() {
    both("standard", |house| {
        let make = || house.store.block_write(Lane::Now, |tx| account::create_directory(tx, "acme", now()));
        let id = make().expect("a directory");
        assert!(matches!(make(), Err(AccountError::Taken(_))));
        assert_eq!(read(house.store, |on| account::directory_by_name(on, "Acme")), Some(id));
        assert_eq!(read(house.store, move |on| account::of_directory(on, id)), None);
        let listed = read(house.store, account::list_directories);
        assert_eq!(listed, [(id, "acme".to_owned(), now())]);
        let config = crate::config(house.store, id);
        assert!(
            config.user.extensions.iter().any(|(schema, _)| schema.id == usher_scim::schema::DIRECTORY_USER)
        );
    });
}

#[test]
fn a_changed_configuration_holds_from_the_next_read_on() {
    both("standard", |house| {
        let configs = Configs::default();
        let get = || {
            let (configs, id) = (configs.clone(), house.id());
            read(house.store, move |on| configs.get(on, id)).expect("there")
        };
        let before = get();
        assert_eq!(before.tolerance, Tolerance::Tolerant);
        assert!(std::sync::Arc::ptr_eq(&before, &get()), "compiled once");
        let id = house.account.id;
        house.store.block_write(Lane::Now, move |tx| account::set_strict(tx, id, true)).expect("set");
        let after = get();
        assert_eq!(after.tolerance, Tolerance::Strict);
        assert!(after.epoch > before.epoch);
    });
}
