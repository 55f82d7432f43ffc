//! An account's own extension schemas, from the side of clients: made, validated, found, sorted, patched, announced; and attributes
//! indexed for them while they go on.

use serde_json::{Map, Value, json};
use usher_directory::{
    Kind,
    account::Account,
    config::Configs,
    extension::{self, ExtensionError},
    indexing::{self, Index, IndexError, IndexState},
    query::{QueryPlan, Way},
};
use usher_scim::Filter;
use usher_store::{Lane, Sql, StoreError, args};

use crate::world::{World, filter, unlimited, with, with_two};

const HR: &str = "urn:example:hr:1.0:User";
const LIMIT: std::time::Duration = std::time::Duration::from_secs(5);

fn hr() -> Value {
    json!({
        "id": HR, "name": "HR", "description": "What human resources know.",
        "attributes": [
            {"name": "badge", "type": "string", "uniqueness": "server", "caseExact": true},
            {"name": "level", "type": "integer"},
            {"name": "remote", "type": "boolean"},
            {"name": "hired", "type": "dateTime", "mutability": "immutable"},
            {"name": "kind", "type": "string", "canonicalValues": ["staff", "guest"]},
            {"name": "skills", "type": "string", "multiValued": true},
            {"name": "desk", "type": "complex", "subAttributes": [
                {"name": "room", "type": "string"}, {"name": "floor", "type": "integer", "required": true}]},
        ],
    })
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

async fn add(w: &World, kind: Kind, schema: Value) -> Result<bool, ExtensionError> {
    let (account, schema, now): (Account, _, _) = (w.account.clone(), object(schema), w.now());
    w.store
        .write(Lane::Now, move |tx| extension::add(tx, &account, kind, &schema, now).map(|(_, new)| new))
        .await
}

async fn remove(w: &World, urn: &'static str) -> Result<(), ExtensionError> {
    let account = w.account.clone();
    w.store.write(Lane::Now, move |tx| extension::remove(tx, &account, urn).map(drop)).await
}

fn user(name: &str, hr: Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", HR], "userName": name, HR: hr})
}

async fn names(w: &World, text: &str) -> Vec<String> {
    let found = w.get(&format!("/Users?{}", filter(text))).await.expect(200).body;
    let mut names: Vec<String> = found["Resources"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|user| user["userName"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_schema_of_ones_own_is_honoured_everywhere() {
    with_two("standard", &unlimited(), async |w, other| {
        w.post("/Users", user("before", json!({"badge": "B0"}))).await.expect(201);
        assert!(add(w, Kind::User, hr()).await.unwrap(), "a new one");
        // Announced, with the next request, on every instance.
        for instance in [w, other] {
            let of = instance.get("/ResourceTypes/User").await.expect(200).body;
            let extensions = of["schemaExtensions"].as_array().unwrap();
            assert!(extensions.contains(&json!({"schema": HR, "required": false})), "{of}");
            let schema = instance.get(&format!("/Schemas/{HR}")).await.expect(200).body;
            assert_eq!(schema["attributes"].as_array().unwrap().len(), 7, "{schema}");
            assert_eq!(schema["attributes"][6]["subAttributes"][1]["required"], true);
            assert_eq!(schema["meta"]["resourceType"], "Schema");
        }
        // Validated.
        let values = json!({"badge": "b-1", "level": 3, "remote": true, "hired": "2026-01-05T00:00:00Z", "kind": "staff",
                            "skills": ["rust", "sql"], "desk": {"room": "Blue", "floor": 2}});
        let made = other.post("/Users", user("ann", values)).await.expect(201);
        let ann = format!("/Users/{}", made.id());
        assert_eq!(made.body[HR]["desk"], json!({"room": "Blue", "floor": 2}));
        assert!(made.body["schemas"].as_array().unwrap().contains(&json!(HR)));
        for (wrong, kind) in [
            (json!({"level": "three"}), "invalidValue"),
            (json!({"remote": "perhaps"}), "invalidValue"),
            (json!({"hired": "yesterday"}), "invalidValue"),
            (json!({"desk": {"room": "Blue"}}), "invalidValue"),
        ] {
            w.post("/Users", user("wrong", wrong)).await.refused(400, Some(kind));
        }
        w.post("/Users", user("twin", json!({"badge": "b-1"}))).await.refused(409, Some("uniqueness"));
        w.post("/Users", user("ben", json!({"badge": "B-1", "level": 1, "skills": ["SQL"]})))
            .await
            .expect(201);
        w.post("/Users", user("cem", json!({"badge": "C", "level": 2}))).await.expect(201);
        // Found, by URN and by bare name, and what was ignored before the schema was there stayed ignored.
        assert_eq!(names(w, &format!("{HR}:badge eq \"b-1\"")).await, ["ann"]);
        assert_eq!(names(w, "level gt 1").await, ["ann", "cem"]);
        assert_eq!(names(w, &format!("{HR}:skills eq \"sql\"")).await, ["ann", "ben"]);
        assert_eq!(names(w, &format!("{HR}:desk.room sw \"bl\" and not (remote eq false)")).await, ["ann"]);
        assert_eq!(names(w, "badge pr").await, ["ann", "ben", "cem"]);
        assert_eq!(names(w, "badge eq \"B0\"").await, [""; 0]);
        // Sorted, and projected.
        let sorted = w
            .get(&format!("/Users?sortBy={HR}:level&sortOrder=descending&filter=level+pr"))
            .await
            .expect(200)
            .body;
        let order: Vec<&str> = sorted["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["userName"].as_str().unwrap())
            .collect();
        assert_eq!(order, ["ann", "cem", "ben"]);
        let part = w.get(&format!("{ann}?attributes={HR}:level")).await.expect(200).body;
        assert_eq!((&part[HR], part.get("userName")), (&json!({"level": 3}), None));
        // Patched.
        let patch = |op: &str, path: &str, value: Value| json!([{"op": op, "path": format!("{HR}:{path}"), "value": value}]);
        let body = w.patch(&ann, patch("replace", "desk.floor", json!(5))).await.expect(200).body;
        assert_eq!(body[HR]["desk"]["floor"], 5);
        let body = w.patch(&ann, patch("add", "skills", json!(["tla"]))).await.expect(200).body;
        assert_eq!(body[HR]["skills"], json!(["rust", "sql", "tla"]));
        w.patch(&ann, patch("replace", "hired", json!("2027-01-01T00:00:00Z")))
            .await
            .refused(400, Some("mutability"));
        w.patch(&ann, patch("replace", "level", json!("x"))).await.refused(400, Some("invalidValue"));
        let body =
            w.patch(&ann, json!([{"op": "remove", "path": format!("{HR}:level")}])).await.expect(200).body;
        assert_eq!(body[HR].get("level"), None);
        w.patch(&ann, patch("replace", "badge", json!("C"))).await.refused(409, Some("uniqueness"));
        // A badge that is given back is free.
        w.patch(&ann, patch("replace", "badge", json!("D"))).await.expect(200);
        w.post("/Users", user("dee", json!({"badge": "b-1"}))).await.expect(201);
        // Another account knows nothing of it.
        let tenant = w.tenant("umbrella", "standard", true).await;
        tenant.get(&format!("/Schemas/{HR}")).await.refused(404, None);
        tenant.post("/Users", user("eve", json!({"badge": "b-9"}))).await.refused(400, Some("invalidSyntax"));
    });
}

#[test]
fn groups_have_schemas_of_ones_own_too() {
    with("standard", async |w| {
        let urn = "urn:example:hr:1.0:Group";
        let schema = json!({"id": urn, "attributes": [{"name": "costCenter"}]});
        add(w, Kind::Group, schema).await.unwrap();
        let group = json!({"displayName": "Sales", urn: {"costCenter": "4711"}});
        let made = w.post("/Groups", group).await.expect(201);
        assert_eq!(made.body[urn]["costCenter"], "4711");
        let found = w.get(&format!("/Groups?{}", filter("costCenter eq \"4711\""))).await.expect(200).body;
        assert_eq!(found["totalResults"], 1);
    });
}

#[test]
fn what_would_make_stored_data_invalid_or_names_unclear_is_refused() {
    with("standard", async |w| {
        add(w, Kind::User, hr()).await.unwrap();
        w.post("/Users", user("ann", json!({"badge": "1", "level": 3}))).await.expect(201);
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut schema = hr();
            change(&mut schema);
            schema
        };
        #[allow(clippy::type_complexity)]
        let incompatible: [(&str, &dyn Fn(&mut Value)); 9] = [
            ("is gone", &|s| drop(s["attributes"].as_array_mut().unwrap().remove(1))),
            ("has another type", &|s| s["attributes"][1]["type"] = json!("string")),
            ("is multi-valued", &|s| s["attributes"][1]["multiValued"] = json!(true)),
            ("has another caseExact", &|s| s["attributes"][0]["caseExact"] = json!(false)),
            ("has another uniqueness", &|s| s["attributes"][0]["uniqueness"] = json!("none")),
            ("is required now", &|s| s["attributes"][1]["required"] = json!(true)),
            ("allows fewer values", &|s| s["attributes"][4]["canonicalValues"] = json!(["staff"])),
            ("is new and required", &|s| {
                s["attributes"].as_array_mut().unwrap().push(json!({"name": "new", "required": true}));
            }),
            ("is new and required", &|s| {
                let subs = s["attributes"][6]["subAttributes"].as_array_mut().unwrap();
                subs.push(json!({"name": "seat", "required": true}));
            }),
        ];
        for (why, change) in incompatible {
            let refused = add(w, Kind::User, changed(change)).await.unwrap_err();
            assert!(matches!(refused, ExtensionError::Incompatible { .. }), "{refused}");
            assert!(refused.to_string().contains(why), "{why}: {refused}");
        }
        // What widens it is taken.
        let wider = changed(&|s| {
            s["description"] = json!("More.");
            s["attributes"][4]["canonicalValues"] = json!(["staff", "guest", "robot"]);
            s["attributes"].as_array_mut().unwrap().push(json!({"name": "nick"}));
        });
        assert!(!add(w, Kind::User, wider).await.unwrap(), "no new one");
        let ann = w.get(&format!("/Users?{}", filter("nick eq \"a\""))).await.expect(200).body;
        assert_eq!(ann["totalResults"], 0, "it is known");
        // Names that are taken, in whatever case, and URNs that are not one's own.
        let one = |id: &str, name: &str| json!({"id": id, "attributes": [{"name": name}]});
        for (schema, code) in [
            (one("urn:example:a:User", "DEPARTMENT"), "enterprise:2.0:User already"),
            (one("urn:example:a:User", "badge"), "urn:example:hr:1.0:User already"),
            (one("urn:ietf:params:scim:schemas:core:2.0:User", "x"), "no URN of your own"),
            (one("URN:IETF:params:scim:schemas:extension:a:2.0:User", "x"), "no URN of your own"),
            (one("urn:usher:directory:1.0:User", "x"), "no URN of your own"),
            (one("badge", "x"), "must be a URN"),
            (json!({"id": "urn:example:a:User", "attributes": []}), "needs \"attributes\""),
            (
                json!({"id": "urn:example:a:User", "attributes": [{"name": "x", "mutability": "writeOnly"}]}),
                "writeOnly",
            ),
            (
                json!({"id": "urn:example:a:User", "attributes": [{"name": "x", "type": "integer", "uniqueness": "server"}]}),
                "only texts",
            ),
        ] {
            let refused = add(w, Kind::User, schema).await.unwrap_err().to_string();
            assert!(refused.contains(code), "{code}: {refused}");
        }
        let other = add(w, Kind::Group, one(HR, "y")).await.unwrap_err();
        assert!(matches!(other, ExtensionError::Known(_)), "{other}");
        // One that is used stays; one that is not goes, and its name is free.
        let used = remove(w, HR).await.unwrap_err();
        assert!(matches!(&used, ExtensionError::InUse { environment: "production", .. }), "{used}");
        let ann = names(w, "badge pr").await;
        assert_eq!(ann, ["ann"]);
        let id = w.get(&format!("/Users?{}", filter("userName eq \"ann\""))).await.body["Resources"][0]["id"]
            .clone();
        let clear = json!([{"op": "remove", "path": HR}]);
        w.patch(&format!("/Users/{}", id.as_str().unwrap()), clear).await.expect(200);
        remove(w, "URN:EXAMPLE:HR:1.0:USER").await.unwrap();
        w.get(&format!("/Schemas/{HR}")).await.refused(404, None);
        assert!(matches!(remove(w, HR).await.unwrap_err(), ExtensionError::Unknown(_)));
        assert!(add(w, Kind::User, one("urn:example:b:User", "badge")).await.unwrap());
        for n in 0..49 {
            add(w, Kind::User, one(&format!("urn:example:n{n}:User"), &format!("x{n}"))).await.unwrap();
        }
        let many = add(w, Kind::User, one("urn:example:last:User", "last")).await.unwrap_err();
        assert!(matches!(many, ExtensionError::TooMany), "{many}");
    });
}

async fn index(w: &World, path: &'static str) -> Result<Index, IndexError> {
    let (directory, now) = (w.account.production, w.now());
    let configs = Configs::default();
    w.store
        .write(Lane::Now, move |tx| {
            let config = configs.get(tx, directory)?.unwrap();
            indexing::add(tx, &config, Kind::User, path, now)
        })
        .await
}

async fn unindex(w: &World, path: &'static str) -> Result<Index, IndexError> {
    let directory = w.account.production;
    let configs = Configs::default();
    w.store
        .write(Lane::Now, move |tx| {
            let config = configs.get(tx, directory)?.unwrap();
            indexing::remove(tx, &config, Kind::User, path)
        })
        .await
}

/// One block by whoever comes; whether there is more.
async fn step(w: &World, index: &Index, most: usize) -> bool {
    let index = index.clone();
    let configs = Configs::default();
    let done: Result<bool, StoreError> =
        w.store.write(Lane::Bulk, move |tx| indexing::step(tx, &configs, &index, most)).await;
    done.unwrap()
}

async fn state(w: &World) -> Vec<IndexState> {
    let directory = w.account.production;
    let listed: Result<Vec<Index>, StoreError> =
        w.store.read(LIMIT, move |on| indexing::list(on, directory)).await;
    listed.unwrap().iter().filter(|index| !index.unique).map(|index| index.state).collect()
}

/// How a filter would be answered by whoever asks next.
async fn way(w: &World, text: &str) -> Way {
    let (directory, parsed) = (w.account.production, Filter::parse(text).unwrap());
    let config: Result<_, StoreError> =
        w.store.read(LIMIT, move |on| Configs::default().get(on, directory)).await;
    QueryPlan::new(&config.unwrap().unwrap(), Kind::User, Some(&parsed)).unwrap().way()
}

/// The rows of an index: how many.
async fn rows(w: &World, index: &Index) -> i64 {
    const COUNT: Sql = Sql::same("select count(*) from search where directory = $1 and attribute = $2");
    let (directory, number) = (w.account.production, index.number);
    let counted: Result<Option<(i64,)>, StoreError> =
        w.store.read(LIMIT, move |on| on.one(&COUNT, args![directory, number])).await;
    counted.unwrap().unwrap().0
}

#[test]
fn an_attribute_is_indexed_while_clients_go_on() {
    with_two("standard", &unlimited(), async |w, other| {
        add(w, Kind::User, hr()).await.unwrap();
        let mut ids = Vec::new();
        for n in 0..20 {
            ids.push(
                w.post("/Users", user(&format!("u{n:02}"), json!({"kind": format!("K{}", n % 4)})))
                    .await
                    .expect(201)
                    .id(),
            );
        }
        let wanted = format!("{HR}:kind eq \"k1\"");
        let before = names(w, &wanted).await;
        assert_eq!(before, ["u01", "u05", "u09", "u13", "u17"]);
        assert_eq!(way(w, &wanted).await, Way::Scan);
        let made = index(w, "URN:example:hr:1.0:user:KIND").await.unwrap();
        assert_eq!(made.path, format!("{HR}:kind"), "as the schema spells it");
        assert_eq!(state(w).await, [IndexState::Building]);
        // Six of twenty are done when the instance dies; another goes on, while clients change what is behind it and before it.
        assert!(step(w, &made, 3).await);
        assert!(step(w, &made, 3).await);
        assert_eq!((way(w, &wanted).await, names(w, &wanted).await), (Way::Scan, before));
        let set = |value: &str| json!([{"op": "replace", "path": format!("{HR}:kind"), "value": value}]);
        w.patch(&format!("/Users/{}", ids[1]), set("K9")).await.expect(200);
        other.patch(&format!("/Users/{}", ids[2]), set("K1")).await.expect(200);
        w.patch(&format!("/Users/{}", ids[17]), set("K9")).await.expect(200);
        other.patch(&format!("/Users/{}", ids[18]), set("K1")).await.expect(200);
        w.delete(&format!("/Users/{}", ids[5])).await.expect(204);
        other.delete(&format!("/Users/{}", ids[13])).await.expect(204);
        w.post("/Users", user("late", json!({"kind": "K1"}))).await.expect(201);
        let expected = ["late", "u02", "u09", "u18"];
        assert_eq!(names(w, &wanted).await, expected, "filters stay right while it is built");
        while step(other, &made, 3).await {}
        assert_eq!(state(w).await, [IndexState::Ready]);
        for instance in [w, other] {
            assert_eq!(names(instance, &wanted).await, expected, "with the next request, on every instance");
        }
        assert_eq!(way(w, &wanted).await, Way::Exact);
        let total = w.get("/Users?count=0").await.body["totalResults"].as_i64().unwrap();
        assert_eq!(rows(w, &made).await, total, "a row for each user there is, and none of old values");
        // Asked for twice, for what every account has, and for what holds no text.
        assert!(matches!(index(w, "kind").await.unwrap_err(), IndexError::Known(_)));
        for path in ["userName", "emails", "emails.value", "externalId"] {
            assert!(matches!(index(w, path).await.unwrap_err(), IndexError::Always(_)), "{path}");
        }
        for path in ["level", "nothing", "urn:example:hr:1.0:User:desk", "a b"] {
            assert!(matches!(index(w, path).await.unwrap_err(), IndexError::Path(_)), "{path}");
        }
        // Taken away: hidden at once, its rows go in blocks, and it can be had again.
        unindex(w, "kind").await.unwrap();
        assert_eq!(way(w, &wanted).await, Way::Scan);
        assert_eq!(names(w, &wanted).await, expected);
        assert!(matches!(unindex(w, "kind").await.unwrap_err(), IndexError::Unknown(_)));
        let again = index(w, "kind").await.unwrap();
        while step(w, &made, 3).await {}
        assert_eq!(rows(w, &made).await, 0);
        while step(w, &again, 100).await {}
        assert_eq!(state(w).await, [IndexState::Ready]);
        assert_eq!(names(w, &wanted).await, expected);
    });
}

#[test]
fn it_waits_for_those_who_write_by_the_configuration_before() {
    with("standard", async |w| {
        let made = index(w, "title").await.unwrap();
        let unfinished = async |before| {
            let found: Result<Vec<Index>, StoreError> =
                w.store.read(LIMIT, move |on| indexing::unfinished(on, before)).await;
            found.unwrap().len()
        };
        assert_eq!(unfinished(w.now()).await, 0, "not yet");
        w.advance(60);
        assert_eq!(unfinished(w.now()).await, 1);
        while step(w, &made, 100).await {}
        assert_eq!(unfinished(w.now()).await, 0);
        assert_eq!(way(w, "title eq \"x\"").await, Way::Exact);
    });
}
