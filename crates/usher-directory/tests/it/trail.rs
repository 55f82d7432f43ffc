//! The trail: found, erased, and gone after its time.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use usher_directory::{
    DirectoryId, ObjectId,
    trail::{self, Entry, Mark, Marks, Met, Query, TABLES},
};
use usher_store::{
    Lane, Sql, Store, StoreError, args,
    testing::{self, TestStore},
};
use uuid::Uuid;

use crate::{now, read};

const HERE: DirectoryId = DirectoryId(7);

fn id(n: u64) -> Uuid {
    Uuid::from_u64_pair(0x0192_f0c1_0000_7000, 0x8000_0000_0000_0000 + n)
}

/// The n-th request: an hour after the one before, about the objects named.
fn entry(n: u64, objects: &[u64]) -> Entry {
    Entry {
        at: now() + SignedDuration::from_hours(n.try_into().unwrap_or(0)),
        request: id(n),
        directory: HERE,
        token: id(1_000),
        method: "PATCH".into(),
        path: "/scim/v2/Users".into(),
        status: 200,
        took: 3,
        address: "192.0.2.1".into(),
        agent: "Tester".into(),
        detail: None,
        deviations: Vec::new(),
        objects: objects.iter().map(|n| ObjectId(id(*n))).collect(),
        body: None,
        size: None,
        cut: false,
        erased: false,
    }
}

fn keep(store: &Store, entries: Vec<Entry>) {
    let kept: Result<(), StoreError> = store.block_write(Lane::Bulk, move |tx| trail::append(tx, &entries));
    kept.expect("kept");
}

fn found(store: &Store, query: &Query, after: Option<Mark>, most: usize) -> (Vec<Uuid>, Option<Mark>) {
    let query = query.clone();
    let found = read(store, move |on| trail::find(on, HERE, &query, after, most));
    (found.entries.iter().map(|entry| entry.request).collect(), found.next)
}

fn all(store: &Store, query: &Query) -> Vec<Uuid> {
    found(store, query, None, 1_000).0
}

fn both(test: impl Fn(&TestStore)) {
    testing::both(&[TABLES], test);
}

#[test]
fn an_entry_comes_back_as_it_was() {
    both(|store| {
        let whole = Entry {
            detail: Some("why".into()),
            deviations: vec![Met {
                name: "boolean_as_text".into(), id: "C-01".into(), text: "\"é\"".into()
            }],
            body: Some("{\"a\":\"\\u0000\"}".into()),
            size: Some(20_000),
            cut: true,
            ..entry(1, &[5, 6])
        };
        keep(store, vec![whole.clone(), entry(2, &[])]);
        let back = read(store, |on| trail::find(on, HERE, &Query::default(), None, 10));
        assert_eq!(back.entries, [entry(2, &[]), whole.clone()]);
        // A batch whose commit was not known comes twice, and is there once.
        keep(store, vec![whole]);
        assert_eq!(all(store, &Query { object: Some(ObjectId(id(6))), ..Query::default() }), [id(1)]);
        assert_eq!(all(store, &Query::default()), [id(2), id(1)]);
    });
}

#[test]
fn it_is_asked_by_record_request_token_and_failure_together() {
    both(|store| {
        let other = id(2_000);
        let entries = vec![
            entry(1, &[5]),
            Entry { status: 400, ..entry(2, &[5]) },
            Entry { token: other, ..entry(3, &[5, 6]) },
            Entry { token: other, status: 404, ..entry(4, &[6]) },
            Entry { directory: DirectoryId(8), ..entry(5, &[5]) },
        ];
        keep(store, entries);
        let record = |n: u64| Query { object: Some(ObjectId(id(n))), ..Query::default() };
        let failed = |query: Query| Query { failed: true, ..query };
        assert_eq!(all(store, &Query::default()), [id(4), id(3), id(2), id(1)]);
        assert_eq!(all(store, &failed(Query::default())), [id(4), id(2)]);
        assert_eq!(all(store, &record(5)), [id(3), id(2), id(1)]);
        assert_eq!(all(store, &failed(record(5))), [id(2)]);
        assert_eq!(all(store, &Query { token: Some(other), ..record(5) }), [id(3)]);
        assert_eq!(all(store, &Query { token: Some(other), ..Query::default() }), [id(4), id(3)]);
        assert_eq!(all(store, &Query { request: Some(id(2)), ..Query::default() }), [id(2)]);
        assert!(all(store, &Query { request: Some(id(2)), ..record(6) }).is_empty());
        let foreign = Query { request: Some(id(5)), ..Query::default() };
        assert!(all(store, &foreign).is_empty(), "another directory's");
        for (query, wanted) in [(Query::default(), vec![4, 3, 2, 1]), (record(5), vec![3, 2, 1])] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let (page, next) = found(store, &query, after, 2);
                seen.extend(page);
                let Some(next) = next else { break };
                after = Some(next.to_string().parse().expect("a mark"));
            }
            assert_eq!(seen, wanted.into_iter().map(id).collect::<Vec<_>>());
        }
        assert!("x".parse::<Mark>().is_err() && "1-2".parse::<Mark>().is_err());
    });
}

#[test]
fn what_is_old_goes_and_by_whole_days_on_postgresql() {
    both(|store| {
        keep(store, (0..72).map(|n| entry(n, &[5])).collect());
        let before = now() + SignedDuration::from_hours(50);
        let prune = |before: Timestamp| -> u64 {
            let gone: Result<u64, StoreError> =
                store.block_write(Lane::Bulk, move |tx| trail::prune(tx, before, 7));
            gone.expect("pruned")
        };
        while prune(before) > 0 {}
        let left = all(store, &Query::default());
        assert_eq!(left, all(store, &Query { object: Some(ObjectId(id(5))), ..Query::default() }));
        let oldest = now() + SignedDuration::from_hours(72 - left.len() as i64);
        let day = |at: Timestamp| at.as_millisecond().div_euclid(86_400_000);
        if store.is_postgres() {
            assert_eq!(day(oldest), day(before), "the day that is not over stays whole");
            assert!(day(oldest - SignedDuration::from_hours(1)) < day(before));
            const TABLES_LEFT: Sql = Sql::same(
                "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where n.nspname = current_schema() and c.relname like 'trail_object\\_%' and c.relkind = 'r'",
            );
            let tables: Option<(i64,)> = read(store, |on| on.one(&TABLES_LEFT, args![]));
            let last = now() + SignedDuration::from_hours(71);
            assert_eq!(tables, Some((day(last) - day(before) + 1,)));
        } else {
            assert_eq!(oldest, before);
        }
        keep(store, vec![entry(200, &[])]);
        assert_eq!(all(store, &Query::default()).len(), left.len() + 1);
    });
}

#[test]
fn a_person_is_taken_out_and_the_request_stays() {
    both(|store| {
        let ann = ObjectId(id(5));
        let marks = json!({
            "userName": "ann@example.org", "displayName": "Ann", "emails": [{"value": "ann.lee@example.net"}],
            "name": {"formatted": "Ann \"Annie\" Lee"}, "title": "Clerk",
        });
        let marks = Marks::of(ann, marks.as_object().expect("an object"), &["old@example.org".into()]);
        let note = |text: &str| vec![Met { name: "n".into(), id: "i".into(), text: text.into() }];
        let body = |body: &str| Some(body.to_owned());
        let about: Vec<Entry> = vec![
            Entry { body: body("{\"x\":1}"), detail: Some("d".into()), ..entry(1, &[5]) },
            Entry {
                path: "/scim/v2/Users?filter=userName+eq+%22ANN%40example.org%22".into(),
                ..entry(2, &[])
            },
            Entry { body: body("{\"members\":[{\"display\":\"ann@example.org\"}]}"), ..entry(3, &[6]) },
            Entry { detail: Some("ann.lee@example.net is taken".into()), ..entry(4, &[]) },
            Entry { deviations: note("the value Ann came without quotes"), ..entry(5, &[]) },
            Entry { body: body("{\"name\":\"Ann \\\"Annie\\\" Lee\"}"), ..entry(6, &[]) },
            Entry { body: body("{\"x\":\"old@example.org\"}"), ..entry(7, &[]) },
            Entry { path: "/scim/v2/Users/ann@example.org".into(), ..entry(8, &[]) },
            Entry { path: format!("/scim/v2/Users/{}", ann.0), ..entry(9, &[5]) },
        ];
        let others = vec![
            Entry { body: body("{\"title\":\"planning\"}"), ..entry(20, &[6]) },
            Entry {
                body: body("{\"title\":\"Clerk\"}"),
                path: "/scim/v2/Users?count=1".into(),
                ..entry(21, &[])
            },
            Entry { body: body("{\"x\":\"joann@example.org\"}"), ..entry(22, &[]) },
            Entry { directory: DirectoryId(8), body: body("ann@example.org"), ..entry(23, &[5]) },
        ];
        keep(store, [about.clone(), others.clone()].concat());
        let mut after = None;
        loop {
            let marks = marks.clone();
            let next: Result<_, StoreError> =
                store.block_write(Lane::Bulk, move |tx| trail::erase(tx, HERE, &marks, after, 4));
            match next.expect("erased") {
                Some(mark) => after = Some(mark),
                None => break,
            }
        }
        let mut left = read(store, |on| trail::find(on, HERE, &Query::default(), None, 100)).entries;
        left.reverse();
        assert_eq!(&left[about.len()..], &others[..3], "others are left as they were");
        for (was, is) in about.iter().zip(&left) {
            let gone = Entry { path: is.path.clone(), ..is.clone() };
            let bare = Entry {
                body: None,
                detail: None,
                deviations: Vec::new(),
                erased: true,
                path: is.path.clone(),
                ..was.clone()
            };
            assert_eq!(gone, bare);
        }
        let paths: Vec<&str> = left.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths[1], "/scim/v2/Users?(erased)");
        assert_eq!(paths[7], "(erased)");
        assert_eq!(paths[8], format!("/scim/v2/Users/{}", ann.0), "the id stays");
        let elsewhere = read(store, |on| trail::find(on, DirectoryId(8), &Query::default(), None, 9)).entries;
        assert_eq!(elsewhere, [others[3].clone()]);
    });
}
