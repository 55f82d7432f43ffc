//! Whatever way a filter is answered, it finds the same: the database alone (*exact*), the database's candidates before the evaluator
//! (*narrowed*), all documents before the evaluator (*scan*), and the evaluator over resources as a client would see them.

use std::collections::BTreeSet;

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use usher_directory::{
    Key, Kind, ObjectId,
    object::{self, Draft, MemberOp, Stored},
    query::{From, QueryPlan, Way},
};
use usher_scim::{Filter, Object, filter::Unknown};
use usher_store::testing::{proved, times};

use crate::{
    House, both, doc, later, now,
    queries::{fill, keys, page, plan},
    read,
};

/// Texts that filters name, some of which are somebody's.
fn texts() -> Vec<String> {
    let texts = [
        "anna",
        "ANNA",
        "A",
        "a",
        "bob",
        "ang",
        "Å",
        "zo",
        "straße",
        "wide",
        "E-1",
        "e-1",
        "E-",
        "anna@example.com",
        "sales",
        "boss",
        "日本",
        "日",
        "",
        "work",
        "home",
    ];
    let mut texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
    for end in ["x", "y", "a", "2@example.com", ""] {
        texts.push(format!("{}{end}", "L".repeat(130)));
        texts.push(format!("{}{end}", "l".repeat(127)));
    }
    texts
}

/// Comparisons over what there is, and over what there is not.
fn leaf(kind: Kind, ids: Vec<String>) -> BoxedStrategy<String> {
    let texts = texts();
    let paths: &[&str] = match kind {
        Kind::User => {
            &["userName", "externalId", "emails", "emails.value", "title", "emails.type", "displayName"]
        }
        Kind::Group => &["displayName", "externalId"],
    };
    let operators: &[&str] = &["eq", "eq", "eq", "sw", "sw", "ge", "lt", "gt", "le", "ne", "co", "ew"];
    let text =
        (prop::sample::select(paths), prop::sample::select(operators), prop::sample::select(texts.clone()))
            .prop_map(|(path, operator, value)| format!("{path} {operator} {}", json!(value)));
    let time = (
        prop::sample::select(&["meta.created", "meta.lastModified"][..]),
        prop::sample::select(&["eq", "ne", "gt", "ge", "lt", "le"][..]),
        0..22_i64,
    )
        .prop_map(|(path, operator, at)| format!("{path} {operator} \"{}\"", later(at)));
    let id = (prop::sample::select(&["eq", "ne"][..]), prop::sample::select(ids.clone()))
        .prop_map(|(operator, id)| format!("id {operator} \"{id}\""));
    match kind {
        Kind::User => {
            let active = (
                prop::sample::select(&["eq", "ne"][..]),
                prop::sample::select(&["true", "false", "\"False\""][..]),
            )
                .prop_map(|(operator, value)| format!("active {operator} {value}"));
            let element = (
                prop::sample::select(&["eq", "sw", "co", "gt"][..]),
                prop::sample::select(texts.clone()),
                any::<bool>(),
            )
                .prop_map(|(operator, value, path)| {
                    let value = json!(value);
                    if path {
                        format!("emails[type eq \"work\"].value {operator} {value}")
                    } else {
                        format!("emails[type eq \"home\" and value {operator} {value}]")
                    }
                });
            let group = prop::sample::select(ids).prop_map(|id| format!("groups.value eq \"{id}\""));
            let present =
                prop::sample::select(&["emails pr", "externalId pr", "groups pr", "userName pr"][..])
                    .prop_map(str::to_owned);
            prop_oneof![6 => text, 2 => time, 1 => id, 1 => active, 2 => element, 1 => group, 1 => present]
                .boxed()
        }
        Kind::Group => {
            let member = (
                prop::sample::select(
                    &["members eq", "members.value eq", "members.value ne", "members.display sw"][..],
                ),
                prop::sample::select(ids.clone()),
            )
                .prop_map(|(comparison, id)| format!("{comparison} \"{id}\""));
            let element = prop::sample::select(ids).prop_map(|id| format!("members[value eq \"{id}\"]"));
            prop_oneof![3 => text, 1 => time, 1 => id, 2 => member, 1 => element, 1 => Just("members pr".to_owned())].boxed()
        }
    }
}

fn filter(kind: Kind, ids: Vec<String>) -> impl Strategy<Value = String> {
    let single = leaf(kind, ids.clone());
    let nested = leaf(kind, ids).prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    });
    prop_oneof![single, nested]
}

/// All resources of a kind with their groups and members, as a client would see them.
fn resources(house: &House, kind: Kind) -> Vec<(Stored, Object)> {
    let directory = house.id();
    let of = house.config.resource_type(kind).clone();
    read(house.store, move |on| {
        let mut all = Vec::new();
        for stored in object::walk(on, directory, kind, None, 1000, false)? {
            let mut resource = stored.resource(&of)?;
            let refer = |id: ObjectId, name: &str| json!({"value": id.to_string(), "display": name});
            // Those above its groups too.
            let (mut groups, mut known, mut next) = (Vec::new(), BTreeSet::new(), vec![stored.key]);
            while let Some(key) = next.pop() {
                for (_, group) in object::groups_of(on, directory, &[key])? {
                    if known.insert(group.key) {
                        groups.push(refer(group.id, &group.name));
                        next.push(group.key);
                    }
                }
            }
            let members: Vec<Value> = object::members_of(on, directory, stored.key, None, 1000)?
                .iter()
                .map(|link| refer(link.id, &link.name))
                .collect();
            match kind {
                Kind::User if !groups.is_empty() => drop(resource.insert("groups".to_owned(), groups.into())),
                Kind::Group if !members.is_empty() => {
                    drop(resource.insert("members".to_owned(), members.into()))
                }
                _ => {}
            }
            all.push((stored, resource));
        }
        Ok(all)
    })
}

/// Whether a filter finds the same by every way: which one was planned; `None` where it is refused.
fn agree(
    house: &House,
    kind: Kind,
    all: &[(Stored, Object)],
    text: &str,
) -> Result<Option<Way>, TestCaseError> {
    let filter = Filter::parse(text).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let Ok(compiled) =
        filter.compile(house.config.resource_type(kind), Unknown::Refused, house.config.tolerance)
    else {
        prop_assert!(QueryPlan::new(&house.config, kind, Some(&filter)).is_err());
        return Ok(None);
    };
    let expected: Vec<Key> =
        all.iter().filter(|(_, resource)| compiled.matches(resource)).map(|(stored, _)| stored.key).collect();
    let plan = plan(house, kind, text);
    let answer = page(house, &plan, From::Index(1), 1000).expect("a page");
    prop_assert_eq!(keys(&answer), expected.clone(), "{:?}: {}", plan.way(), text);
    prop_assert_eq!(answer.total, expected.len() as u64);
    prop_assert!(!answer.more);
    // A page in the middle, by position and by key.
    let by_position = page(house, &plan, From::Index(3), 4).expect("a page");
    let middle: Vec<Key> = expected.iter().copied().skip(2).take(4).collect();
    prop_assert_eq!(keys(&by_position), middle.clone());
    prop_assert_eq!(by_position.more, expected.len() > 6);
    if expected.len() > 2 {
        let after = From::After { key: expected[1], total: expected.len() as u64 };
        let by_key = page(house, &plan, after, 4).expect("a page");
        prop_assert_eq!(keys(&by_key), middle);
        prop_assert_eq!(by_key.more, expected.len() > 6);
    }
    for other in [
        plan.clone().narrowing(&house.config, &filter).expect("a plan"),
        plan.clone().scanning(&house.config, &filter).expect("a plan"),
    ] {
        let found = page(house, &other, From::Index(1), 1000).expect("a page");
        prop_assert_eq!(keys(&found), expected.clone(), "{:?}: {}", other.way(), text);
    }
    Ok(Some(plan.way()))
}

#[test]
fn what_the_database_tells_is_what_the_evaluator_says() {
    both("standard", |house| {
        fill(house);
        for kind in [Kind::User, Kind::Group] {
            let all = resources(house, kind);
            let mut ids: Vec<String> = [Kind::User, Kind::Group]
                .into_iter()
                .flat_map(|kind| resources(house, kind))
                .map(|(stored, _)| stored.id.to_string())
                .collect();
            ids.push("nobody".to_owned());
            ids.push(ids[0].to_uppercase());
            let ways = std::cell::RefCell::new([0; 3]);
            let mut runner = TestRunner::new(ProptestConfig {
                cases: 120,
                failure_persistence: None,
                ..ProptestConfig::default()
            });
            runner
                .run(&filter(kind, ids), |text| {
                    if let Some(way) = agree(house, kind, &all, &text)? {
                        ways.borrow_mut()[way as usize] += 1;
                    }
                    Ok(())
                })
                .expect("the property holds");
            assert!(ways.borrow().iter().all(|n| *n > 5), "all three ways were gone: {ways:?}");
        }
    });
}

/// A user as it is made, what it is made into later, and what becomes of it.
#[derive(Debug, Clone)]
struct Life {
    first: Value,
    second: Option<Value>,
    deleted: bool,
    since: i64,
}

fn life() -> impl Strategy<Value = Life> {
    let user = || {
        let text =
            || prop::sample::select(texts()).prop_filter("a visible text", |text| !text.trim().is_empty());
        let email =
            (text(), prop::option::of(prop::sample::select(&["work", "home", "Work"][..])), any::<bool>());
        let simple = (prop::option::of(text()), prop::option::of(text()), prop::option::of(text()));
        (text(), any::<bool>(), simple, prop::collection::vec(email, 0..4)).prop_map(
            |(name, active, (external, title, shown), emails)| {
                let mut user = json!({"userName": name, "active": active});
                for (name, value) in [("externalId", external), ("title", title), ("displayName", shown)] {
                    if let Some(value) = value {
                        user[name] = json!(value);
                    }
                }
                let emails: Vec<Value> = emails
                    .into_iter()
                    .map(|(value, kind, primary)| match kind {
                        Some(kind) => json!({"value": value, "type": kind, "primary": primary}),
                        None => json!({"value": value}),
                    })
                    .collect();
                if !emails.is_empty() {
                    user["emails"] = emails.into();
                }
                user
            },
        )
    };
    (user(), prop::option::of(user()), prop::bool::weighted(0.1), 0..20_i64)
        .prop_map(|(first, second, deleted, since)| Life { first, second, deleted, since })
}

/// A directory's contents: users, and groups by name with the places of their members (groups come after users).
type Data = (Vec<Life>, Vec<(String, Vec<usize>)>);

fn data() -> impl Strategy<Value = Data> {
    let name = prop::sample::select(texts()).prop_filter("a visible text", |text| !text.trim().is_empty());
    let group = (name, prop::collection::vec(0..PLACES, 0..8));
    (prop::collection::vec(life(), 0..USERS), prop::collection::vec(group, 0..PLACES - USERS))
}

const USERS: usize = 14;
const PLACES: usize = 18;

/// Known before anything is made, so that filters can name them.
fn id(place: usize) -> ObjectId {
    ObjectId(uuid::Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + place as u128))
}

/// Makes it so. A name that is taken already is not made again.
fn make(house: &House, (users, groups): &Data) {
    let mut there = Vec::new();
    for (place, life) in users.iter().enumerate() {
        let at = later(life.since);
        let draft =
            Draft::create(&house.config, Kind::User, id(place), &doc(life.first.clone()), at).expect("fit");
        let Ok(mut user) = house.put(draft) else { continue };
        if let Some(second) = &life.second {
            let draft = Draft::replace(&house.config, &user, &doc(second.clone()), later(life.since + 1))
                .expect("fit");
            if let Ok(changed) = house.put(draft) {
                user = changed;
            }
        }
        if life.deleted {
            house.put(Draft::mark_deleted(&user, Some(later(30)), later(30))).expect("deleted");
        }
        there.push(place);
    }
    let groups: Vec<_> = groups
        .iter()
        .enumerate()
        .map(|(n, (name, members))| {
            let place = USERS + n;
            let value = doc(json!({"displayName": name}));
            let draft = Draft::create(&house.config, Kind::Group, id(place), &value, now()).expect("fit");
            there.push(place);
            (house.put(draft).expect("stored"), members)
        })
        .collect();
    for (group, members) in groups {
        let members: Vec<ObjectId> = members
            .iter()
            .filter(|place| there.contains(place) && id(**place) != group.id)
            .map(|place| id(*place))
            .collect();
        house.members(&group, vec![MemberOp::Add(members)]).expect("added");
    }
}

#[test]
fn every_way_finds_the_same_in_generated_directories() {
    let ids = || {
        let mut ids: Vec<String> = (0..PLACES).map(|place| id(place).to_string()).collect();
        ids.push("nobody".to_owned());
        ids.push(ids[1].to_uppercase());
        ids
    };
    both("standard", |house| {
        let made = std::cell::Cell::new(0);
        let ways = std::cell::RefCell::new([0; 3]);
        let mut runner = TestRunner::new(ProptestConfig {
            cases: u32::try_from(times(12, 300)).expect("not so many"),
            failure_persistence: None,
            max_shrink_iters: 200,
            ..ProptestConfig::default()
        });
        let filters = |kind| prop::collection::vec(filter(kind, ids()), 12);
        runner
            .run(&(data(), filters(Kind::User), filters(Kind::Group)), |(data, of_users, of_groups)| {
                made.set(made.get() + 1);
                let house = house.another(&format!("made-{}", made.get()));
                make(&house, &data);
                for (kind, filters) in [(Kind::User, of_users), (Kind::Group, of_groups)] {
                    let all = resources(&house, kind);
                    for text in filters {
                        if let Some(way) = agree(&house, kind, &all, &text)? {
                            ways.borrow_mut()[way as usize] += 1;
                        }
                    }
                }
                Ok(())
            })
            .expect("the property holds");
        assert!(ways.borrow().iter().all(|n| *n > 5), "all three ways were gone: {ways:?}");
        let [exact, narrowed, scan] = ways.into_inner();
        let figures = format!(
            "{} directories: {exact} filters exact, {narrowed} narrowed, {scan} scans, all as the evaluator",
            made.get()
        );
        proved(house.store.backend(), "generated directories and filters", &figures);
    });
}
