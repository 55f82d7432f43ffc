//! With the directory of another account nothing is reached: every function that takes one is called with a foreign one.

use serde_json::json;
use usher_directory::{
    Kind, Seq, feed,
    object::{self, Cause, Draft, MemberOp, PutError},
    query::{self, From, QueryPlan},
    token::{self, SecretToken, TokenError},
};
use usher_scim::Filter;
use usher_store::{Lane, Snapshot, StoreError};

use crate::{both, doc, now, read, write};

type Reached = Box<dyn FnMut(&mut Snapshot<'_>) -> Result<usize, StoreError> + Send>;

#[test]
fn a_foreign_directory_reaches_nothing() {
    both("standard", |house| {
        let value = json!({"userName": "anna", "externalId": "x", "emails": [{"value": "a@x"}]});
        let user = house.add(Kind::User, value).expect("stored");
        let group = house.group("g");
        house.members(&group, vec![MemberOp::Add(vec![user.id])]).expect("added");
        let foreign = house.account.qa;
        let config = crate::config(house.store, foreign);
        let (id, key, grp) = (user.id, user.key, group.key);
        let page = move |filter: &'static str, kind| -> Reached {
            let config = config.clone();
            Box::new(move |on| {
                let filter = Filter::parse(filter).expect("a filter");
                let plan = QueryPlan::new(&config, kind, Some(&filter)).expect("a plan");
                Ok(query::page(on, &config, &plan, From::Index(1), 10).expect("a page").total as usize)
            })
        };
        let member: &'static str = Box::leak(format!("members eq \"{id}\"").into_boxed_str());
        let reads: Vec<(&str, Reached)> = vec![
            ("get", Box::new(move |on| Ok(object::get(on, foreign, id)?.iter().len()))),
            (
                "get_with_groups",
                Box::new(move |on| Ok(object::get_with_groups(on, foreign, id)?.iter().len())),
            ),
            ("by_keys", Box::new(move |on| Ok(object::by_keys(on, foreign, &[key])?.len()))),
            ("by_ids", Box::new(move |on| Ok(object::by_ids(on, foreign, &[id].into())?.len()))),
            ("links", Box::new(move |on| Ok(object::links(on, foreign, &[key])?.len()))),
            (
                "by_name",
                Box::new(move |on| Ok(object::by_name(on, foreign, Kind::User, "anna")?.iter().len())),
            ),
            (
                "by group name",
                Box::new(move |on| Ok(object::by_name(on, foreign, Kind::Group, "g")?.iter().len())),
            ),
            (
                "external",
                Box::new(move |on| Ok(object::objects_with_external(on, foreign, Kind::User, "x")?.len())),
            ),
            ("by_email", Box::new(move |on| Ok(object::by_email(on, foreign, "a@x")?.len()))),
            ("walk", Box::new(move |on| Ok(object::walk(on, foreign, Kind::User, None, 9, true)?.len()))),
            ("members_of", Box::new(move |on| Ok(object::members_of(on, foreign, grp, None, 9)?.len()))),
            ("member_count", Box::new(move |on| Ok(object::member_count(on, foreign, grp)? as usize))),
            ("groups_of", Box::new(move |on| Ok(object::groups_of(on, foreign, &[key])?.len()))),
            ("all_groups_of", Box::new(move |on| Ok(object::all_groups_of(on, foreign, &[key])?.len()))),
            ("count", Box::new(move |on| Ok(object::count(on, foreign, Kind::User)? as usize))),
            ("name", page("userName eq \"anna\"", Kind::User)),
            ("search", page("emails.value eq \"a@x\"", Kind::User)),
            ("or", page("userName eq \"anna\" or emails.value eq \"a@x\"", Kind::User)),
            ("scan", page("emails.value co \"a\"", Kind::User)),
            ("members", page(member, Kind::Group)),
        ];
        for (name, mut reached) in reads {
            assert_eq!(read(house.store, move |on| reached(on)), 0, "{name}");
        }

        let put = |draft: Draft| write(house.store, move |tx| object::put(tx, foreign, &draft));
        let config = &house.config;
        let changed = doc(json!({"userName": "evil"}));
        for (name, draft) in [
            ("replace", Draft::replace(config, &user, &changed, now()).expect("fit")),
            ("the same", Draft::replace(config, &user, &user.object().expect("doc"), now()).expect("fit")),
            ("soft delete", Draft::mark_deleted(&user, Some(now()), now())),
            ("remove", Draft::remove(config, &user, now()).expect("fit")),
        ] {
            assert!(matches!(put(draft), Err(PutError::Gone)), "{name}");
        }
        let change = write(house.store, move |tx| {
            object::members(tx, foreign, grp, None, &[MemberOp::Clear], Cause::default(), now())
        });
        assert!(matches!(change, Err(PutError::Gone)));
        let said = house
            .store
            .block_write(Lane::Now, move |tx| feed::changes(tx, foreign, Seq(0), 10))
            .expect("a feed");
        assert!(said.rows.is_empty());
        assert_eq!(house.fresh(&user), user);
        assert_eq!(house.member_ids(&group), [user.id]);
    });
}

#[test]
fn a_foreign_account_reaches_no_token() {
    both("standard", |house| {
        let (account, secret) = (house.account.id, SecretToken::generate());
        let issued = house
            .store
            .block_write(Lane::Now, move |tx| {
                token::issue(
                    tx,
                    account,
                    usher_directory::Environment::Production,
                    "okta",
                    None,
                    &secret,
                    now(),
                )
            })
            .expect("issued");
        let other = house
            .store
            .block_write(Lane::Now, |tx| usher_directory::account::create(tx, "other", "standard", now()))
            .expect("another")
            .id;
        assert!(read(house.store, move |on| token::list(on, other, now())).is_empty());
        let revoked =
            house.store.block_write(Lane::Now, move |tx| token::revoke(tx, other, issued.id, now()));
        assert!(matches!(revoked, Err(TokenError::Unknown(_))));
        let next = SecretToken::generate();
        let rotated = house.store.block_write(Lane::Now, move |tx| {
            let production = usher_directory::Environment::Production;
            token::rotate(
                tx,
                other,
                production,
                Some(issued.id),
                jiff::SignedDuration::ZERO,
                None,
                &next,
                now(),
            )
        });
        assert!(matches!(rotated, Err(TokenError::Unknown(_))));
        assert_eq!(
            read(house.store, move |on| token::list(on, account, now()))[0].state,
            token::State::Active
        );
    });
}
