//! How the databases go about the statements that would hurt if they chose badly: SQLite has no statistics to go by, and PostgreSQL
//! has none of a table that was filled just now.

use usher_scim::{AttributePath, Filter, Tolerance};
use usher_store::{Backend, Lane, Sql, Store, StoreError, Value};

use crate::{
    DirectoryId, Key, Kind, TABLES,
    config::DirectoryConfig,
    feed, object, profile,
    query::{From, QueryPlan, Sort},
};

/// The steps, one a line.
fn steps(store: &Store, sql: &Sql) -> String {
    let text = sql.text(Backend::Sqlite).to_owned();
    let arguments = (1..20).rev().find(|n| text.contains(&format!("${n}"))).unwrap_or(0);
    let explain = Sql::built(format!("explain query plan {text}"));
    let steps: Vec<(i64, i64, i64, String)> = store
        .block_write(Lane::Now, move |tx| tx.all(&explain, &vec![Value::Null; arguments], 100))
        .unwrap_or_else(|error: StoreError| panic!("{error}: {text}"));
    steps.into_iter().map(|(.., step)| step + "\n").collect()
}

fn assert_goes_by(store: &Store, sql: &Sql, index: &str) {
    let steps = steps(store, sql);
    let scans = steps.lines().any(|step| step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE"));
    assert!(steps.contains(index) && !scans, "{}\n{steps}", sql.text(Backend::Sqlite));
}

#[test]
fn given_keys_lead() {
    let store = Store::inline(&[TABLES]);
    for (sql, index) in [
        (&object::BY_KEYS, "SEARCH o USING INTEGER PRIMARY KEY"),
        (&object::HEADS, "SEARCH o USING INTEGER PRIMARY KEY"),
        (&object::BY_IDS, "SEARCH o USING INDEX object_id (directory=? AND id=?)"),
        (&object::RESOLVE, "SEARCH o USING INDEX object_id (directory=? AND id=?)"),
        (&object::BY_GROUP_NAME, "INDEX object_group (directory=? AND kind=? AND name=?)"),
        (&object::WALK_LIVE, "INDEX object_walk (directory=? AND kind=? AND key>?)"),
        (&object::WALK_ALL, "INDEX object_walk (directory=? AND kind=? AND key>?)"),
        (&object::GROUPS_OF_ONE, "SEARCH m USING INDEX member_of (member=?)"),
        (&feed::BUMP_GROUPS, "SEARCH object USING INTEGER PRIMARY KEY"),
    ] {
        assert_goes_by(&store, sql, index);
    }
}

#[test]
fn each_predicate_goes_by_its_index() {
    let store = Store::inline(&[TABLES]);
    let standard = profile::by_name("standard").unwrap();
    let config = DirectoryConfig::new(DirectoryId(1), 1, standard, Tolerance::Tolerant).unwrap();
    let id = "019a0000-0000-7000-8000-000000000000";
    let time = "\"2026-01-01T00:00:00Z\"";
    let after = From::After { key: Key(1), total: 0 };
    for (kind, filter, index) in [
        (Kind::User, "userName eq \"a\"".to_owned(), "object_name (directory=? AND name=?)"),
        (
            Kind::User,
            "userName sw \"a\" and active eq true".to_owned(),
            "object_name (directory=? AND name>? AND name<?)",
        ),
        (
            Kind::User,
            "userName sw \"a\" and title eq \"b\"".to_owned(),
            "object_name (directory=? AND name>? AND name<?)",
        ),
        (
            Kind::User,
            "externalId eq \"a\"".to_owned(),
            "object_external (directory=? AND kind=? AND external=?)",
        ),
        (Kind::User, format!("id eq \"{id}\""), "object_id (directory=? AND id=?)"),
        (
            Kind::User,
            format!("meta.lastModified gt {time}"),
            "object_modified (directory=? AND kind=? AND modified>?)",
        ),
        (
            Kind::User,
            "emails.value eq \"a\"".to_owned(),
            "search_1 (directory=? AND attribute=? AND value=?)",
        ),
        (
            Kind::User,
            "emails sw \"a\"".to_owned(),
            "search_1 (directory=? AND attribute=? AND value>? AND value<?)",
        ),
        (
            Kind::User,
            "userName eq \"a\" or emails eq \"a\"".to_owned(),
            "object_name (directory=? AND name=?)",
        ),
        (Kind::User, "active eq false".to_owned(), "COVERING INDEX object_walk (directory=? AND kind=?"),
        (Kind::User, format!("meta.created gt {time}"), "COVERING INDEX object_walk (directory=? AND kind=?"),
        (Kind::Group, "displayName eq \"a\"".to_owned(), "object_group (directory=? AND kind=? AND name=?)"),
        (Kind::Group, format!("members eq \"{id}\""), "member_of (member=?)"),
        (Kind::Group, format!("id eq \"{id}\" and members eq \"{id}\""), "object_id (directory=? AND id=?)"),
    ] {
        let parsed = Filter::parse(&filter).unwrap();
        let plan = QueryPlan::new(&config, kind, Some(&parsed)).unwrap();
        for from in [From::Index(1), after] {
            assert_goes_by(&store, &plan.keys(config.id, from, 10).0, index);
        }
        assert_goes_by(&store, &plan.count(config.id).0, index);
        if !index.contains("object_walk") && !index.contains("member_of") {
            assert_goes_by(&store, &plan.few(config.id, 10).0, index);
        }
    }
    let all = QueryPlan::new(&config, Kind::User, None).unwrap();
    for from in [From::Index(900_000), after] {
        let walk = all.keys(config.id, from, 100).0;
        assert_goes_by(&store, &walk, "COVERING INDEX object_walk (directory=? AND kind=?");
        assert!(!steps(&store, &walk).contains("TEMP B-TREE"));
    }
    let walk = all.keys_from_end(config.id, 100_000, 100).0;
    assert_goes_by(&store, &walk, "COVERING INDEX object_walk (directory=? AND kind=?");
    assert!(!steps(&store, &walk).contains("TEMP B-TREE"));
    let sort = Sort { by: AttributePath::parse("meta.lastModified").unwrap(), descending: true };
    let sorted = all.sorted(&config, &sort).unwrap().keys(config.id, From::Index(1), 100).0;
    assert_goes_by(&store, &sorted, "INDEX object_modified (directory=? AND kind=?)");
}

#[test]
fn on_postgresql_nothing_is_read_whole_for_want_of_statistics() {
    const OBJECTS: Sql = Sql::same(
        "insert into object (directory, kind, id, version, active, created, modified, name, label, doc)
         select 1, case when n <= 50 then 2 else 1 end, decode(lpad(to_hex(n), 32, '0'), 'hex'), 1, true, 0, 0,
                convert_to(n::text, 'UTF8'), n::text, convert_to('{}', 'UTF8') from generate_series(1, 20000) n",
    );
    const MEMBERS: Sql = Sql::same(
        "insert into member (grp, member, kind, since)
         select g.key, u.key, 1, 0 from object g join object u on u.kind = 1 where g.kind = 2 and g.label::int <= 3",
    );
    let store = usher_store::testing::postgres(&[TABLES]);
    let filled = store.block_write(Lane::Now, |tx| {
        tx.exec(&OBJECTS, &[])?;
        tx.exec(&MEMBERS, &[])
    });
    filled.unwrap_or_else(|error: StoreError| panic!("{error}"));
    let (key, keys) = (Value::Int(100), Value::Text("[100,101]".to_owned()));
    let (id, ids) = (Value::Bytes(vec![7; 16]), Value::Text(format!("[\"{}\"]", "07".repeat(16))));
    let all = Value::Int(1);
    let mut statements = vec![
        (object::ALL_OF_ONE, vec![all.clone(), key.clone()]),
        (object::GROUPS_OF, vec![all.clone(), keys.clone()]),
        (object::GROUPS_BELOW, vec![all.clone(), keys.clone()]),
        (object::BY_KEYS, vec![all.clone(), keys]),
        (object::WITH_GROUPS, vec![all.clone(), id]),
        (object::BY_IDS, vec![all.clone(), ids]),
        (object::MEMBERS_OF, vec![all, Value::Int(2), key, Value::Int(1000)]),
    ];
    let standard = profile::by_name("standard").unwrap();
    let config = DirectoryConfig::new(DirectoryId(1), 1, standard, Tolerance::Tolerant).unwrap();
    for (kind, filter) in [
        (Kind::User, "userName eq \"100\""),
        (Kind::User, "emails.value eq \"a\""),
        (Kind::User, "externalId eq \"a\" or emails eq \"a\""),
        (Kind::Group, "displayName eq \"7\""),
        (Kind::Group, "members eq \"019a0000-0000-7000-8000-000000000000\""),
    ] {
        let plan = QueryPlan::new(&config, kind, Some(&Filter::parse(filter).unwrap())).unwrap();
        statements.push(plan.few(config.id, 17));
        statements.push(plan.keys(config.id, From::Index(1), 100));
        statements.push(plan.count(config.id));
    }
    let walk = QueryPlan::new(&config, Kind::User, None).unwrap();
    statements.push(walk.keys(config.id, From::After { key: Key(9_000), total: 0 }, 100));
    for (sql, arguments) in statements {
        let text = sql.text(Backend::Postgres).to_owned();
        let explain = Sql::built(format!("explain {text}"));
        let steps = store.block_read(std::time::Duration::from_secs(10), move |on| {
            on.all::<(String,)>(&explain, &arguments, 200)
        });
        let steps = steps.unwrap_or_else(|error: StoreError| panic!("{error}: {text}"));
        let steps: Vec<&str> = steps.iter().map(|(step,)| step.as_str()).collect();
        assert!(!steps.iter().any(|step| step.contains("Seq Scan")), "{text}\n{}", steps.join("\n"));
    }
}
