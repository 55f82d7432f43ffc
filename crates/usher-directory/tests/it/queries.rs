use std::collections::BTreeSet;

use serde_json::json;
use usher_directory::{
    Key, Kind, ObjectId,
    config::DirectoryConfig,
    object::{self, Draft, MemberOp, Stored},
    query::{self, From, Page, QueryError, QueryPlan, Sort, Way},
};
use usher_scim::{AttributePath, Filter, ScimType};
use usher_store::Lane;

use crate::{House, both, doc, later, now, write};

pub(crate) fn page(house: &House, plan: &QueryPlan, from: From, count: u32) -> Result<Page, QueryError> {
    page_of(house, &house.config, plan, from, count)
}

fn page_of(
    house: &House,
    config: &DirectoryConfig,
    plan: &QueryPlan,
    from: From,
    count: u32,
) -> Result<Page, QueryError> {
    let (config, plan) = (config.clone(), plan.clone());
    house.store.block_read(crate::PATIENCE, move |on| query::page(on, &config, &plan, from, count))
}

pub(crate) fn plan(house: &House, kind: Kind, filter: &str) -> QueryPlan {
    let filter = Filter::parse(filter).expect("a filter");
    QueryPlan::new(&house.config, kind, Some(&filter)).expect("a plan")
}

pub(crate) fn keys(page: &Page) -> Vec<Key> {
    page.objects.iter().map(|object| object.key).collect()
}

fn found(house: &House, kind: Kind, filter: &str) -> Vec<String> {
    let page = page(house, &plan(house, kind, filter), From::Index(1), 100).expect("a page");
    assert_eq!(page.total, page.objects.len() as u64);
    page.objects.into_iter().map(|object| object.label).collect()
}

/// People and groups with what is hard about them: cases, scripts, long values, none at all, several.
pub(crate) fn fill(house: &House) {
    let names = ["anna", "ANNE", "bob", "Ångström", "ｗｉｄｅ", "zoë", "a.b", "straße", "o'hara", "日本"];
    let long = |end: &str| format!("{}{end}", "L".repeat(130));
    let directory = house.id();
    let mut users = Vec::new();
    for n in 0..40_usize {
        let name =
            format!("{}{}", names[n % names.len()], if n < 10 { String::new() } else { n.to_string() });
        let title = ["Boss", "boss", "Clerk"][n % 3];
        let mut user = json!({"userName": name, "active": n % 3 != 0, "title": title});
        if n % 4 == 0 {
            user["externalId"] = json!(&["E-1", "e-1", "E-12", &long("x"), &long("y")][n / 4 % 5]);
        }
        if n % 2 == 0 {
            let address =
                |n: usize| format!("{}@Example.com", ["Anna", "bob", "X", &long(&n.to_string())][n % 4]);
            user["emails"] =
                json!([{"value": address(n), "type": "work"}, {"value": address(n / 2), "type": "home"}]);
        }
        let at = later((n as i64 * 7) % 20);
        let draft = Draft::create(&house.config, Kind::User, ObjectId::new(at), &doc(user), at).expect("fit");
        users.push(house.put(draft).expect("stored"));
    }
    for n in 0..8_usize {
        let (a, b) = (long("a"), long("b"));
        let name = ["Sales", "sales", "Ops", &a, &b, "日本", "x", "y"][n];
        let group = house.add(Kind::Group, json!({"displayName": name})).expect("stored");
        let ids = users.iter().skip(n).step_by(n + 1).map(|user| user.id).collect();
        house.members(&group, vec![MemberOp::Add(ids)]).expect("added");
    }
    // One that no query finds.
    let draft = Draft::mark_deleted(&users[1], Some(later(30)), later(30));
    write(house.store, move |tx| object::put(tx, directory, &draft)).expect("deleted");
}

#[test]
fn what_clients_ask_needs_no_scan() {
    both("standard", |house| {
        let id = ObjectId::new(now());
        let way = |kind, filter: &str| plan(house, kind, filter).way();
        for filter in [
            "userName eq \"a\"",
            "USERNAME sw \"a\"",
            "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"a\"",
            "externalId eq \"a\"",
            &format!("id eq \"{id}\""),
            "emails.value eq \"a@x\"",
            "emails eq \"a@x\"",
            "active eq true",
            "meta.lastModified ge \"2026-01-01T00:00:00Z\" and meta.lastModified lt \"2027-01-01T00:00:00Z\"",
            "meta.created gt \"2026-01-01T00:00:00Z\"",
            "userName eq \"a\" and active eq \"true\"",
            "userName eq \"a\" or emails.value eq \"b\"",
        ] {
            assert_eq!(way(Kind::User, filter), Way::Exact, "{filter}");
        }
        for filter in [
            "displayName eq \"a\"",
            &format!("members eq \"{id}\""),
            &format!("members.value eq \"{id}\""),
            &format!("members[value eq \"{id}\"]"),
            &format!("id eq \"{id}\" and members eq \"{id}\""),
        ] {
            assert_eq!(way(Kind::Group, filter), Way::Exact, "{filter}");
        }
        for filter in [
            "emails[type eq \"work\"].value eq \"a\"",
            "emails[type eq \"work\" and value eq \"a\"]",
            &format!("id eq \"{id}\" and manager eq \"{id}\""),
            "userName sw \"a\" and title co \"x\"",
            &format!("externalId eq \"{}\"", "x".repeat(200)),
        ] {
            assert_eq!(way(Kind::User, filter), Way::Narrowed, "{filter}");
        }
        for filter in ["title eq \"a\"", "not (userName eq \"a\")", "userName eq \"a\" or title eq \"b\""] {
            assert_eq!(way(Kind::User, filter), Way::Scan, "{filter}");
        }
    });
}

#[test]
fn a_query_that_looks_at_too_much_names_what_to_index() {
    both("standard", |house| {
        fill(house);
        let mut config = DirectoryConfig::clone(&house.config);
        config.scan_limit = 10;
        let ask = |filter: &str, from| page_of(house, &config, &plan(house, Kind::User, filter), from, 100);
        let Err(QueryError::Scim(error)) = ask("userName pr and title eq \"boss\"", From::Index(1)) else {
            panic!("it is too much")
        };
        assert_eq!((error.status, error.scim_type), (400, Some(ScimType::TooMany)));
        assert!(error.detail.contains("title") || error.detail.contains("userName"), "{}", error.detail);
        ask("userName eq \"anna\" and title eq \"boss\"", From::Index(1)).expect("narrowed to one");
        ask("active eq true", From::Index(1)).expect("told by the database alone");
        // A walk by key goes on in portions.
        let (mut from, mut seen, mut pages) = (From::After { key: Key(0), total: 0 }, 0, 0);
        loop {
            let page = ask("title eq \"boss\"", from).expect("a portion");
            seen += page.objects.len();
            pages += 1;
            if !page.more {
                break;
            }
            from = From::After { key: page.last.expect("where to go on"), total: 0 };
        }
        assert_eq!(seen, found(house, Kind::User, "title eq \"boss\"").len());
        assert!(pages >= 3, "{pages}");
    });
}

#[test]
fn a_walk_by_key_sees_everybody_who_stays_once() {
    both("standard", |house| {
        for filter in [None, Some("userName sw \"stays\""), Some("title eq \"x\"")] {
            let tag = filter.map_or(0, str::len);
            let make = |name: String| {
                house.add(Kind::User, json!({"userName": name, "title": "x"})).expect("stored")
            };
            let stay: BTreeSet<Key> = (0..25).map(|n| make(format!("stays-{tag}-{n}")).key).collect();
            let mut go: Vec<Stored> = (0..12).map(|n| make(format!("stays-goes-{tag}-{n}"))).collect();
            let plan = filter.map_or_else(
                || QueryPlan::new(&house.config, Kind::User, None).expect("a plan"),
                |filter| plan(house, Kind::User, filter),
            );
            let mut seen = Vec::new();
            let mut from = From::Index(1);
            for round in 0.. {
                let page = page(house, &plan, from, 7).expect("a page");
                seen.extend(keys(&page));
                // Others come and go meanwhile, in front of the walk and behind it.
                if let Some(gone) = go.pop() {
                    house.put(Draft::remove(&house.config, &gone, now()).expect("fit")).expect("removed");
                    make(format!("stays-comes-{tag}-{round}"));
                }
                if !page.more {
                    break;
                }
                from = From::After { key: page.last.expect("a last"), total: page.total };
            }
            let once: BTreeSet<Key> = seen.iter().copied().collect();
            assert_eq!(once.len(), seen.len(), "nobody twice");
            assert!(stay.is_subset(&once), "nobody left out");
        }
    });
}

#[test]
fn pages_by_position_are_exact_and_end_early_when_large() {
    both("standard", |house| {
        for n in 0..5 {
            house
                .add(Kind::User, json!({"userName": n.to_string(), "title": "x".repeat(60_000)}))
                .expect("stored");
        }
        let all = QueryPlan::new(&house.config, Kind::User, None).expect("a plan");
        let ask = |start, count| {
            let page = page(house, &all, From::Index(start), count).expect("a page");
            let names: Vec<String> = page.objects.iter().map(|object| object.label.clone()).collect();
            (names.concat(), page.total, page.more)
        };
        assert_eq!(ask(1, 2), ("01".to_owned(), 5, true));
        assert_eq!(ask(0, 2), ("01".to_owned(), 5, true));
        assert_eq!(ask(4, 2), ("34".to_owned(), 5, false));
        assert_eq!(ask(6, 2), (String::new(), 5, false));
        assert_eq!(ask(u64::MAX, 2), (String::new(), 5, false));
        assert_eq!(ask(1, 0), (String::new(), 5, true));
        for n in 5..60 {
            house
                .add(Kind::User, json!({"userName": n.to_string(), "title": "x".repeat(60_000)}))
                .expect("stored");
        }
        for plan in [all, plan(house, Kind::User, "title sw \"x\"")] {
            let mut seen = 0;
            let mut from = From::Index(1);
            loop {
                let page = page(house, &plan, from, 1000).expect("a page");
                assert!(page.objects.iter().map(|object| object.doc.len()).sum::<usize>() <= 1 << 20);
                seen += page.objects.len();
                if !page.more {
                    break;
                }
                assert_eq!(page.total, 60);
                from = From::After { key: page.last.expect("a last"), total: page.total };
            }
            assert_eq!(seen, 60);
        }
    });
}

#[test]
fn sorted_by_columns_and_by_what_documents_say() {
    both("standard", |house| {
        for (name, external, title, emails) in [
            ("b", "2", "Y", json!([{"value": "m@x"}, {"value": "a@x", "primary": true}])),
            ("C", "1", "x", json!([{"value": "b@x"}])),
            ("a", "3", "", json!([])),
        ] {
            let mut value = json!({"userName": name, "externalId": external, "emails": emails});
            if !title.is_empty() {
                value["title"] = json!(title);
            }
            house.add(Kind::User, value).expect("stored");
        }
        house.add(Kind::User, json!({"userName": "d"})).expect("stored");
        let by = |by: &str, descending, start, count| {
            let sort = Sort { by: AttributePath::parse(by).expect("a path"), descending };
            let plan = QueryPlan::new(&house.config, Kind::User, None)
                .expect("a plan")
                .sorted(&house.config, &sort)
                .expect("sorts");
            let page = page(house, &plan, From::Index(start), count).expect("a page");
            assert_eq!(page.total, 4);
            page.objects.iter().map(|object| object.label.clone()).collect::<Vec<_>>().concat()
        };
        assert_eq!(by("userName", false, 1, 10), "abCd");
        assert_eq!(by("userName", true, 2, 2), "Cb");
        assert_eq!(by("externalId", false, 1, 10), "Cbad", "none comes last");
        assert_eq!(by("externalId", true, 1, 10), "dabC", "and first when descending");
        assert_eq!(by("title", false, 1, 10), "Cbad");
        assert_eq!(by("title", true, 1, 10), "adbC");
        assert_eq!(by("emails", false, 1, 10), "bCad", "the primary one counts");
        assert_eq!(by("emails.value", false, 2, 1), "C");
        assert_eq!(by("meta.created", false, 1, 10), "bCad");
        let refused = |by: &str| {
            let sort = Sort { by: AttributePath::parse(by).expect("a path"), descending: false };
            QueryPlan::new(&house.config, Kind::User, None)
                .expect("a plan")
                .sorted(&house.config, &sort)
                .expect_err("no")
                .scim_type
        };
        assert_eq!(refused("name"), Some(ScimType::InvalidValue));
        assert_eq!(refused("nothing"), Some(ScimType::InvalidValue));
    });
}

#[test]
fn who_is_deleted_softly_is_found_by_nobody_and_who_is_inactive_by_everybody() {
    both("4me", |house| {
        let (anna, bob) = (house.user("anna"), house.user("bob"));
        house.put(Draft::deactivate(&house.config, &anna, now()).expect("fit")).expect("inactive");
        assert_eq!(found(house, Kind::User, "userName eq \"anna\""), ["anna"]);
        assert_eq!(found(house, Kind::User, "active ne \"true\""), ["anna"]);
        house.put(Draft::mark_deleted(&bob, Some(now()), now())).expect("deleted");
        assert!(found(house, Kind::User, "userName eq \"bob\"").is_empty());
        assert!(found(house, Kind::User, "active eq false and userName eq \"bob\"").is_empty());
        assert!(found(house, Kind::User, "title ne \"x\" and userName co \"bo\"").is_empty());
        let directory = house.id();
        let said = house.store.block_write(Lane::Now, move |tx| usher_directory::feed::head(tx, directory));
        said.expect("a head");
    });
}
