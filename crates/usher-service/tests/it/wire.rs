//! What identity providers send, replayed: `tests/fixtures`, one file a request.

use std::{collections::BTreeMap, path::Path};

use base64::Engine;
use serde::Deserialize;
use serde_json::{Value, json};
use usher_directory::trail::Query;
use usher_scim::Deviation;

use crate::world::{World, with};

const PROFILES: [&str; 3] = ["standard", "4me", "elium"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    what: String,
    about: String,
    #[serde(default)]
    profiles: Vec<String>,
    #[serde(default)]
    sign_in: Option<String>,
    #[serde(default)]
    given: Vec<Given>,
    request: Sent,
    expect: Expected,
    #[serde(default)]
    state: Vec<State>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    user: Option<String>,
    group: Option<String>,
    body: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    line: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: By<u16>,
    body: Option<String>,
    #[serde(default)]
    read: By<Vec<String>>,
    /// What is read where it is strict and taken all the same.
    strict_read: Option<Vec<String>>,
    strict: Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    status: u16,
    scim_type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    get: String,
    status: Option<u16>,
    body: Option<String>,
    #[serde(default)]
    profiles: Vec<String>,
    strict: Option<bool>,
}

/// The same for all profiles, or by profile.
#[derive(Deserialize)]
#[serde(untagged)]
enum By<T> {
    One(T),
    Each(BTreeMap<String, T>),
}

impl<T: Default> Default for By<T> {
    fn default() -> Self {
        Self::One(T::default())
    }
}

impl<T> By<T> {
    fn of(&self, profile: &str) -> &T {
        match self {
            Self::One(it) => it,
            Self::Each(all) => all.get(profile).or_else(|| all.get("all")).expect("a value for each profile"),
        }
    }
}

fn on(profiles: &[String], profile: &str) -> bool {
    profiles.is_empty() || profiles.iter().any(|name| name == profile)
}

/// The files of a folder, by name.
fn fixtures(folder: &str) -> Vec<(String, Fixture)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let mut all: Vec<(String, Fixture)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let fixture = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), fixture)
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// A tenant, the names of what is there, and what they stand for.
struct Replay<'f> {
    world: World,
    name: String,
    fixture: &'f Fixture,
    profile: &'static str,
    strict: bool,
    ids: BTreeMap<String, String>,
}

impl Replay<'_> {
    fn filled(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }

    fn json(&self, text: &str) -> Value {
        let text = self.filled(text);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}: {text}", self.name))
    }

    async fn give(&mut self, given: &Given) {
        let (path, name, schema, default) = match (&given.user, &given.group) {
            (Some(user), None) => ("/Users", user, "User", json!({"userName": user})),
            (None, Some(group)) => ("/Groups", group, "Group", json!({"displayName": group})),
            _ => panic!("{}: a user or a group is given", self.name),
        };
        let mut body = given.body.as_ref().map_or(default, |body| self.json(body));
        body["schemas"] = json!([format!("urn:ietf:params:scim:schemas:core:2.0:{schema}")]);
        if schema == "User" && body.as_object().unwrap().keys().any(|key| key.contains("enterprise")) {
            body["schemas"].as_array_mut().unwrap().push(json!(crate::world::ENTERPRISE));
        }
        let id = self.world.post(path, body).await.expect(201).id();
        self.ids.insert(name.clone(), id);
    }

    /// Everything there is, to see whether anything changed.
    async fn everything(&self) -> Value {
        let all = async |path: &str| self.world.get(path).await.expect(200).body["Resources"].clone();
        json!([all("/Users").await, all("/Groups").await])
    }

    async fn run(mut self) {
        for given in &self.fixture.given {
            self.give(given).await;
        }
        let before = self.everything().await;
        let Expected { status, body, read, strict, strict_read } = &self.fixture.expect;
        let reply = self.send().await;
        let refusal = strict.as_ref().filter(|_| self.strict);
        let wanted = refusal.map_or(*status.of(self.profile), |refusal| refusal.status);
        assert_eq!(reply.status, wanted, "{}: {reply:#?}", self.name);
        let mut read: Vec<&str> = read.of(self.profile).iter().map(String::as_str).collect();
        if let Some(refusal) = refusal {
            assert_eq!(reply.body["scimType"], json!(refusal.scim_type), "{}: {reply:#?}", self.name);
        } else if let Some(body) = body.as_ref().filter(|_| wanted != 204) {
            let wanted = self.json(body);
            assert!(fits(&wanted, &reply.body), "{}: {wanted:#}\n{reply:#?}", self.name);
        }
        if wanted >= 400 {
            assert_eq!(self.everything().await, before, "{}: what is refused changes nothing", self.name);
        }
        if let (true, Some(strictly)) = (self.strict, strict_read) {
            read = strictly.iter().map(String::as_str).collect();
        } else if self.strict {
            assert!(
                strict.is_some() || !read.iter().any(|name| deviation(name).is_refused()),
                "{}: strict refuses what is read here; [expect.strict] says how",
                self.name
            );
            read.retain(|name| !deviation(name).is_refused());
        }
        // What is refused may have been refused before all of it was read.
        if refusal.is_none() && wanted != 401 {
            self.was_read(&read, reply.header("x-request-id")).await;
        }
        if refusal.is_none() {
            self.look().await;
        }
    }

    async fn send(&self) -> crate::world::Reply {
        let Sent { line, headers, body } = &self.fixture.request;
        let line = self.filled(line);
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = http::Request::builder().method(method).uri(format!("/scim/v2{path}"));
        let sign_in = match self.fixture.sign_in.as_deref() {
            None => format!("Bearer {}", self.world.token),
            Some("basic") => {
                let pair = format!("usher:{}", self.world.token);
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
            Some(other) => panic!("{}: sign_in {other}", self.name),
        };
        request = request.header("host", "scim.example.com").header("authorization", sign_in);
        if body.is_some() && !headers.contains_key("content-type") {
            request = request.header("content-type", "application/scim+json");
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let body = body.as_ref().map(|body| self.filled(body)).unwrap_or_default();
        self.world.raw(request.body(body.into()).unwrap()).await
    }

    /// The trail says what was read otherwise than it came, and the request as it came.
    async fn was_read(&self, names: &[&str], id: &str) {
        let query = Query { request: Some(id.parse().unwrap()), ..Query::default() };
        let [entry] = &self.world.trail(&query).await[..] else { panic!("{}: not in the trail", self.name) };
        let mut read: Vec<&str> = entry.deviations.iter().map(|met| met.name.as_str()).collect();
        read.dedup();
        let mut found = read.clone();
        found.sort_unstable();
        let mut wanted = names.to_vec();
        wanted.sort_unstable();
        found.dedup();
        assert_eq!(found, wanted, "{}: {entry:#?}", self.name);
        for met in &entry.deviations {
            assert_eq!(met.id, deviation(&met.name).id());
            assert!(met.text.len() > 10, "{}: {met:?}", self.name);
        }
        let line = self.filled(&self.fixture.request.line);
        assert_eq!(format!("{} {}", entry.method, entry.path), line.replacen(' ', " /scim/v2", 1));
        let kept = entry.body.clone().unwrap_or_default();
        assert!(!kept.contains("not-kept"), "{}: {kept}", self.name);
        assert_eq!(entry.body.is_some(), self.fixture.request.body.is_some(), "{}", self.name);
    }

    async fn look(&self) {
        for state in &self.fixture.state {
            if !on(&state.profiles, self.profile) || state.strict.is_some_and(|strict| strict != self.strict)
            {
                continue;
            }
            let reply = self.world.get(&self.filled(&state.get)).await;
            assert_eq!(reply.status, state.status.unwrap_or(200), "{}: {reply:#?}", self.name);
            if let Some(body) = &state.body {
                let wanted = self.json(body);
                assert!(fits(&wanted, &reply.body), "{}: {wanted:#}\n{reply:#?}", self.name);
            }
        }
    }
}

fn deviation(name: &str) -> Deviation {
    let found = Deviation::ALL.iter().find(|deviation| deviation.name() == name);
    *found.unwrap_or_else(|| panic!("there is no deviation {name}"))
}

/// Whether a value is there as far as it is asked for: `null` is absent, arrays are as long and in any order.
fn fits(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().all(|(key, value)| match found.get(key) {
                None => value.is_null(),
                Some(there) => fits(value, there),
            })
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().all(|one| found.iter().any(|other| fits(one, other)))
        }
        (wanted, found) => wanted == found,
    }
}

fn replayed(folder: &'static str) {
    let all = fixtures(folder);
    assert!(!all.is_empty());
    for profile in PROFILES {
        with(profile, async |world| {
            for (name, fixture) in &all {
                assert!(!fixture.what.is_empty() && !fixture.about.is_empty(), "{name}");
                for strict in [false, true] {
                    if !on(&fixture.profiles, profile) {
                        continue;
                    }
                    let how = if strict { "strict" } else { "tolerant" };
                    let tenant = format!("{}-{how}", name.replace('.', "-"));
                    let world = world.tenant(&tenant, profile, strict).await;
                    let name = format!("{folder}/{name} ({profile}, {how})");
                    let ids = BTreeMap::new();
                    Replay { world, name, fixture, profile, strict, ids }.run().await;
                }
            }
        });
    }
}

#[test]
fn what_okta_sends_is_read_as_meant() {
    replayed("okta");
}

#[test]
fn what_entra_sends_is_read_as_meant() {
    replayed("entra");
}

#[test]
fn what_others_send_is_read_as_meant() {
    replayed("others");
}

#[test]
fn every_request_of_the_facts_has_a_file_and_every_deviation_an_example() {
    let all: Vec<(String, Fixture)> = ["okta", "entra", "others"].into_iter().flat_map(fixtures).collect();
    let about: Vec<&str> = all.iter().flat_map(|(_, f)| f.about.split(", ")).collect();
    let okta = (1..=17).map(|n| format!("O-{n}"));
    let entra = ["entra 4.2", "entra 4.3", "entra 4.4", "entra 4.5", "entra 4.7"].map(str::to_owned);
    let clients = (25..=28).map(|n| format!("C-{n}"));
    for row in okta.chain(entra).chain(clients) {
        assert!(about.contains(&row.as_str()), "{row} has no file");
    }
    for wire in ["legacy", "062020", "rfc"] {
        assert!(all.iter().any(|(name, _)| name.ends_with(wire)), "{wire}");
    }
    let read: Vec<&str> = all
        .iter()
        .flat_map(|(_, fixture)| match &fixture.expect.read {
            By::One(names) => names.iter().collect::<Vec<_>>(),
            By::Each(each) => each.values().flatten().collect(),
        })
        .map(String::as_str)
        .collect();
    for deviation in Deviation::ALL {
        assert!(read.contains(&deviation.name()), "{deviation} has no example");
    }
}

#[test]
fn what_fits_and_what_does_not() {
    let found = json!({"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}]});
    for wanted in [json!({}), json!({"x": null}), json!({"b": [{"c": 3}, {"c": 1}]})] {
        assert!(fits(&wanted, &found), "{wanted}");
    }
    for wanted in
        [json!({"a": null}), json!({"a": 2}), json!({"b": [{"c": 3}]}), json!({"b": [{"c": 3}, {"c": 4}]})]
    {
        assert!(!fits(&wanted, &found), "{wanted}");
    }
}
