//! What a plan names is what the app receives: each request of a sync, as the app's own trail has it, against the plan before it. No request
//! more, none less, with those values.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::place::{Place, until};

/// Attribute paths as the plan names them, with what is written there.
type Values = BTreeMap<String, Value>;

/// Method and path of each request that writes, with its values. What is sent to one resource in several requests is put together.
type Requests = BTreeMap<(String, String), Values>;

/// People and two groups; `later`: a joiner, movers, leavers, changed memberships.
fn ldif(later: bool) -> String {
    let mut text = String::from("version: 1\n");
    let mut person = |name: &str, more: &[&str]| {
        text.push_str(&format!(
            "\ndn: uid={name},ou=People,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name} Test\n\
             givenName: {name}\nsn: Test\nmail: {name}@example.org\n"
        ));
        for line in more {
            text.push_str(line);
            text.push('\n');
        }
    };
    let boss = "manager: uid=boss,ou=People,dc=example,dc=org";
    person("boss", &["title: Head"]);
    for n in 0..8 {
        person(&format!("p{n}"), &[boss, "title: Clerk", "departmentNumber: Sales"]);
    }
    if later {
        person("ann", &["title: Chief", boss]);
        person("bob", &["telephoneNumber: +49 30 1", "l: Berlin", boss]);
        person("cid", &["nsAccountLock: true"]);
        person("joe", &["manager: uid=ann,ou=People,dc=example,dc=org"]);
    } else {
        person("ann", &["title: Staff", "telephoneNumber: +49 30 7"]);
        person("bob", &[]);
        person("cid", &[]);
        person("dan", &[]);
    }
    let groups = if later {
        [("Sales", vec!["bob", "joe", "p1"]), ("Board", vec!["boss"])]
    } else {
        [("Sales", vec!["ann", "bob", "p1"]), ("Board", vec!["boss", "ann"])]
    };
    for (name, members) in groups {
        text.push_str(&format!(
            "\ndn: cn={name},ou=Groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: {name}\n"
        ));
        for member in members {
            text.push_str(&format!("member: uid={member},ou=People,dc=example,dc=org\n"));
        }
    }
    text
}

/// A resource's values by their paths.
fn flat(at: &str, value: &Value, into: &mut Values) {
    match value {
        Value::Object(object) if !at.ends_with("manager") => {
            for (name, value) in object {
                let path = match at {
                    "" => name.clone(),
                    urn if urn.starts_with("urn:") => format!("{urn}:{name}"),
                    at => format!("{at}.{name}"),
                };
                flat(&path, value, into);
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                let mut entry = entry.as_object().unwrap().clone();
                let kind = entry.remove("type").unwrap();
                flat(&format!("{at}[type eq {kind}]"), &Value::Object(entry), into);
            }
        }
        value => drop(into.insert(at.to_owned(), value.clone())),
    }
}

/// The requests that write in the app's trail from the `known`th on, and the ids that it gave, by name.
fn received(trail: &[Value], ids: &mut BTreeMap<String, String>) -> Requests {
    let mut requests = Requests::new();
    for one in trail {
        let (method, path) = (one["method"].as_str().unwrap(), one["path"].as_str().unwrap());
        assert!((200..300).contains(&one["status"].as_u64().unwrap()), "{one}");
        let body = &one["body"];
        let mut values = Values::new();
        let mut path = path.to_owned();
        match method {
            "POST" => {
                let name = body["userName"].as_str().or(body["displayName"].as_str()).unwrap();
                ids.insert(name.to_owned(), one["records"][0].as_str().unwrap().to_owned());
                path = format!("{path} {name}");
                let mut body: Map<String, Value> = body.as_object().unwrap().clone();
                body.remove("schemas");
                flat("", &Value::Object(body), &mut values);
            }
            "PATCH" => body["Operations"].as_array().unwrap().iter().for_each(|op| patched(op, &mut values)),
            _ => {}
        }
        let before = requests.entry((method.to_owned(), path.clone())).or_default();
        for (at, value) in values {
            let is_count = at.starts_with("members ");
            match before.get_mut(&at) {
                Some(count) if is_count => *count = json!(count.as_u64().unwrap() + value.as_u64().unwrap()),
                Some(twice) => panic!("{method} {path} writes {at} twice: {twice}, {value}"),
                None => drop(before.insert(at, value)),
            }
        }
    }
    requests
}

fn patched(op: &Value, values: &mut Values) {
    let path = op["path"].as_str().unwrap();
    let mut more = |what: &str, by: usize| {
        let count = values.entry(format!("members {what}")).or_insert(json!(0));
        *count = json!(count.as_u64().unwrap() + by as u64);
    };
    match (op["op"].as_str().unwrap(), &op["value"]) {
        ("add", Value::Array(members)) if path == "members" => more("added", members.len()),
        ("remove", _) if path.starts_with("members[") => more("removed", 1),
        ("add", entries @ Value::Array(_)) => flat(path, entries, values),
        (_, value) => drop(values.insert(path.to_owned(), value.clone())),
    }
}

/// What a plan says will be sent. References to who has no account yet follow when it has one.
fn named(plan: &Value, ids: &BTreeMap<String, String>) -> Requests {
    let mut requests = Requests::new();
    for item in plan["items"].as_array().unwrap() {
        let name = item["object"]["name"].as_str().unwrap();
        let list = if item["object"]["kind"] == "user" { "Users" } else { "Groups" };
        let id = item["target_id"].as_str().unwrap_or_else(|| ids[name].as_str());
        let one = format!("/scim/v2/{list}/{id}");
        let (mut values, mut later) = (Values::new(), Values::new());
        for change in item["changes"].as_array().unwrap() {
            let (at, new) = (change["attribute"].as_str().unwrap().to_owned(), change["new"].clone());
            match &new {
                Value::String(awaited) if at.ends_with("manager") => {
                    later.insert(at, json!({ "value": ids[awaited] }));
                }
                _ => drop(values.insert(at, new)),
            }
        }
        for (what, count) in [("added", "add"), ("removed", "remove")] {
            if item["members"][count] != 0 {
                later.insert(format!("members {what}"), item["members"][count].clone());
            }
        }
        match item["action"].as_str().unwrap() {
            "create" => drop(requests.insert(("POST".into(), format!("/scim/v2/{list} {name}")), values)),
            "delete" => drop(requests.insert(("DELETE".into(), one.clone()), values)),
            "update" | "disable" | "enable" => later.append(&mut values),
            other => panic!("{other}: {item}"),
        }
        if !later.is_empty() {
            requests.insert(("PATCH".into(), one), later);
        }
    }
    requests
}

/// The writes of an account, the oldest first.
fn trail(app: &Place) -> Vec<Value> {
    let mut items = app.json(&["trail", "acme", "--limit", "1000"])["items"].as_array().unwrap().clone();
    items.retain(|one| one["method"] != "GET");
    items.reverse();
    items
}

#[test]
fn a_sync_sends_what_the_plan_before_it_named_and_nothing_else() {
    for place in Place::both() {
        let app = Place::sqlite();
        let token = app.account("acme", "standard");
        let there = app.serve();
        let file = place.file("people.ldif", &ldif(false));
        place.directory(&file);
        place.app("wiki", "scim", &there.base(), &token);
        place.ok(&["app", "scope", "wiki", "all"]);
        let mut ids = BTreeMap::new();
        let mut before = 0;
        for (later, creates, others) in [(false, 15, 0), (true, 1, 6), (true, 0, 0)] {
            place.file("people.ldif", &ldif(later));
            place.ok(&["source", "sync", "people"]);
            let planned = place.run(&["app", "plan", "wiki", "--json"]);
            let plan: Value = serde_json::from_slice(&planned.stdout).unwrap();
            let cycle = place.json(&["app", "sync", "wiki"]);
            let writes = usize::try_from(cycle["writes"].as_u64().unwrap()).unwrap();
            until("all of it in the trail", || trail(&app).len() == before + writes);
            let received = received(&trail(&app)[before..], &mut ids);
            before += writes;
            assert_eq!(received, named(&plan, &ids), "{plan:#}");
            let of = |method: &str| received.keys().filter(|(by, _)| by == method).count();
            assert_eq!(of("POST"), creates, "{plan:#}");
            assert!(creates > 0 || received.len() == others, "{received:#?}");
            assert!(of("PATCH") >= others, "{received:#?}");
            assert_eq!(planned.status.code(), Some(if writes > 0 { 3 } else { 0 }));
        }
        assert!(there.stop());
    }
}
