//! Mapping and scoping: the 17 rows of the generic SCIM app over 100,000 users, a filter of ten clauses over 1,000,000.
//!
//! What is measured is the thread's time on a processor: the promises are for one core, whoever else uses the machine.
//!
//! `cargo bench -p usher-bench --bench mapping`; figures: docs/benchmarks.md.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use usher_mapping::mapping::Moment;
use usher_mapping::{Context, NoLookup, ObjectMapping, Value};
use usher_scim::{Object, ResourceType, schema};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Users that differ; the rest are they again. A cycle maps a document right after it was read, while it is in the caches:
/// so are these.
const DIFFERENT: usize = 100;
const MAPPED: usize = 100_000;
const FILTERED: usize = 1_000_000;

/// Time on a processor, as Linux counts it; elsewhere time by the clock on the wall.
struct CpuTime;

static WALL: WallTime = WallTime;

impl CpuTime {
    fn now() -> Duration {
        let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanoseconds = counted.and_then(|text| text.split(' ').next()?.parse().ok());
        nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
    }
}

static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }
    fn end(&self, start: Duration) -> Duration {
        Self::now().saturating_sub(start)
    }
    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }
    fn zero(&self) -> Duration {
        Duration::ZERO
    }
    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        WALL.formatter()
    }
}

const SCIM: &str = include_str!("../../gallery/scim.toml");

/// Every clause holds, so every clause is judged.
const FILTER: &str = r#"
[[scoping]]
title = "ten clauses"
[[scoping.clause]]
attribute = "department"
operator = "IN"
value = ["Sales", "Research", "Operations"]
[[scoping.clause]]
attribute = "country"
operator = "EQUALS"
value = "Germany"
[[scoping.clause]]
attribute = "accountEnabled"
operator = "IS TRUE"
[[scoping.clause]]
attribute = "mail"
operator = "ENDS_WITH"
value = "@example.org"
[[scoping.clause]]
attribute = "employeeId"
operator = "Greater_Than"
value = 99
[[scoping.clause]]
attribute = "jobTitle"
operator = "IS NOT NULL"
[[scoping.clause]]
attribute = "userName"
operator = "NOT STARTS_WITH"
value = "test-"
[[scoping.clause]]
attribute = "surname"
operator = "NOT EQUALS"
value = "Nobody"
[[scoping.clause]]
attribute = "displayName"
operator = "Includes"
value = " "
[[scoping.clause]]
attribute = "employeeId"
operator = "REGEX MATCH"
value = "[1-9][0-9]+"
"#;

/// A made-up user with a value for each of the 17 rows.
fn user(n: usize) -> Object {
    let given = ["Ann", "Björn", "Chloé", "Dmitri", "Eva"][n % 5];
    let family = format!("{}{n}", ["Lee", "Müller", "Øster", "Novák"][n % 4]);
    let made = json!({
        "id": format!("00000000-0000-4000-8000-{n:012}"),
        "userName": format!("user{n}@example.org"),
        "displayName": format!("{given} {family}"),
        "name": {"givenName": given, "familyName": family},
        "title": (["Developer", "Clerk", "Head of Sales"][n % 3]),
        "active": true,
        "preferredLanguage": "de-DE",
        "emails": [
            {"type": "work", "primary": true, "value": format!("user{n}@example.org")},
            {"type": "home", "value": format!("user{n}@home.example")}
        ],
        "phoneNumbers": [
            {"type": "work", "value": format!("+49 30 555{n:05}")},
            {"type": "mobile", "value": format!("+49 170 555{n:05}")}
        ],
        "addresses": [{"type": "work", "locality": "Berlin", "country": "Germany"}],
        (schema::ENTERPRISE): {
            "department": (["Sales", "Research", "Operations"][n % 3]),
            "employeeNumber": (100 + n).to_string(),
            "manager": {"value": format!("00000000-0000-4000-8000-{:012}", n / 10)}
        }
    });
    made.as_object().unwrap().clone()
}

fn users() -> Vec<Object> {
    (0..DIFFERENT).map(user).collect()
}

fn target() -> ResourceType {
    ResourceType::user(schema::user(), vec![schema::enterprise_user()])
}

fn scim() -> ObjectMapping {
    let file: toml::Table = SCIM.parse().unwrap();
    ObjectMapping::from_toml(file["users"].as_table().unwrap()).unwrap()
}

fn named() -> Vec<(String, Value)> {
    vec![("IsSoftDeleted".to_owned(), Value::Boolean(false))]
}

fn mapping(c: &mut Criterion<CpuTime>) {
    let (users, target, mapping, named) = (users(), target(), scim(), named());
    assert_eq!(mapping.rows.len(), 17);
    let writer = mapping.writer(&target);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut group = c.benchmark_group("mapping");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .throughput(Throughput::Elements(MAPPED as u64));
    group.bench_function("evaluate 17 rows, 100,000 users", |b| {
        b.iter(|| {
            for n in 0..MAPPED {
                let mut lookup = NoLookup;
                let mut cx =
                    Context { named: &named, ..Context::new(&users[n % DIFFERENT], &mut lookup, now) };
                black_box(mapping.apply(&mut cx, Moment::Create).unwrap());
            }
        });
    });
    group.bench_function("evaluate and write 17 rows, 100,000 users", |b| {
        b.iter(|| {
            for n in 0..MAPPED {
                let mut lookup = NoLookup;
                let mut cx =
                    Context { named: &named, ..Context::new(&users[n % DIFFERENT], &mut lookup, now) };
                let mapped = mapping.apply(&mut cx, Moment::Create).unwrap();
                black_box(writer.document(&target, &mapped).unwrap());
            }
        });
    });
    group.finish();
}

fn filter(c: &mut Criterion<CpuTime>) {
    let (users, named) = (users(), named());
    let file: toml::Table = FILTER.parse().unwrap();
    let filter = usher_mapping::ScopingFilter::from_toml(file["scoping"].as_array().unwrap()).unwrap();
    assert_eq!(filter.groups[0].clauses.len(), 10);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut group = c.benchmark_group("scoping");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .throughput(Throughput::Elements(FILTERED as u64));
    group.bench_function("10 clauses, 1,000,000 users", |b| {
        b.iter(|| {
            let passed = (0..FILTERED).filter(|n| {
                let mut lookup = NoLookup;
                let cx = Context { named: &named, ..Context::new(&users[n % DIFFERENT], &mut lookup, now) };
                filter.holds(&cx).unwrap()
            });
            assert_eq!(black_box(passed.count()), FILTERED);
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = mapping, filter
}
criterion_main!(benches);
