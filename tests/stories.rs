//! What happens to people, each as a story of its own: provisioned by the engine with the wire profiles of Entra ID (on SQLite)
//! and Okta (on PostgreSQL) into an account with profile 4me, and seen as the app sees it.

use serde_json::{Value, json};

use crate::{
    http,
    place::{Place, Server, until},
};

/// A company of the built-in directory, provisioned into the account `acme` of the same server.
struct Story {
    place: Place,
    server: Server,
    /// The identity provider that is played.
    provider: &'static str,
}

/// Tells a story with each identity provider.
fn each(story: impl Fn(&Story)) {
    story(&Story::begin(Place::sqlite(), "entra", "entra-062020"));
    story(&Story::begin(Place::postgres(), "okta", "okta"));
}

fn mail(who: &str) -> String {
    format!("{who}@example.com")
}

impl Story {
    fn begin(place: Place, provider: &'static str, wire_profile: &str) -> Self {
        place.ok(&["directory", "create", "company"]);
        place.ok(&["account", "create", "acme", "--profile", "4me"]);
        let token = place.ok(&["token", "issue", "acme", "--provider", provider]);
        place.ok(&["organization", "create", "acme", "Sales"]);
        let server = place.serve();
        place.app("app", "4me", &server.base(), token.trim());
        place.ok(&["app", "set", "app", &format!("wire_profile={wire_profile}")]);
        place.ok(&["app", "mapping", "set", "app", "userType", "[userType]"]);
        place.ok(&["app", "mapping", "set", "app", "locale", "[locale]"]);
        place.ok(&["app", "scope", "app", "all"]);
        Self { place, server, provider }
    }

    fn joins(&self, who: &str, more: &[&str]) {
        let (name, address) = (format!("userName={}", mail(who)), format!("mail={}", mail(who)));
        let (display, given) = (format!("displayName={who}"), format!("name.givenName={who}"));
        let mut words = vec!["user", "create", "company"];
        for set in [name.as_str(), &address, &display, &given, "name.familyName=Test"].iter().chain(more) {
            words.extend(["--set", set]);
        }
        self.place.ok(&words);
    }

    fn set(&self, who: &str, set: &str) {
        self.place.ok(&["user", "set", "company", &mail(who), "--set", set]);
    }

    fn group(&self, name: &str, members: &[&str]) {
        self.place.ok(&["group", "create", "company", "--set", &format!("displayName={name}")]);
        for member in members {
            self.place.ok(&["group", "add", "company", name, &mail(member)]);
        }
    }

    /// A cycle in which nothing fails.
    #[track_caller]
    fn sync(&self) {
        let counts = self.place.json(&["app", "sync", "app"])["counts"].clone();
        assert_eq!(counts["failed"], 0, "{}: {counts}", self.provider);
    }

    /// Null: there is no such person (yet).
    fn person(&self, who: &str) -> Value {
        let output = self.place.run(&["people", "show", "acme", &mail(who), "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// What a pointer into the person shows, when it has come.
    #[track_caller]
    fn becomes(&self, who: &str, pointer: &str, value: &Value) {
        let seen = || self.person(who).pointer(pointer).cloned().unwrap_or_default();
        until(&format!("{}: {pointer} of {who} {value}", self.provider), || seen() == *value);
    }

    fn records(&self, more: &[&str]) -> Vec<Value> {
        let list = self.place.json(&[&["records", "acme"], more].concat());
        list["items"].as_array().unwrap().clone()
    }
}

/// F41, F45, F48.
#[test]
fn story_of_a_joiner() {
    each(|story| {
        story.joins("boss", &[]);
        story.joins("ann", &["title=Buyer", "manager=boss@example.com"]);
        story.group("Sales", &["ann"]);
        story.sync();
        story.becomes("ann", "/job_title", &json!("Buyer"));
        story.becomes("ann", "/organization/name", &json!("Sales"));
        story.becomes("ann", "/manager/name", &json!("boss"));
        let ann = story.person("ann");
        assert_eq!((&ann["access"], &ann["source"]), (&json!(true), &json!("SCIM")), "{ann}");
        until("all in order", || story.records(&["--errors"]).is_empty());
        let record = story.records(&["--kind", "users"]).into_iter().find(|it| it["id"] == ann["source_id"]);
        assert_eq!(record.unwrap()["integration"], story.provider);
    });
}

/// F44, F48.
#[test]
fn story_of_a_mover() {
    each(|story| {
        story.place.ok(&["organization", "create", "acme", "Support"]);
        story.joins("ann", &["title=Buyer"]);
        story.group("Sales", &["ann"]);
        story.group("Support", &[]);
        story.sync();
        story.becomes("ann", "/organization/name", &json!("Sales"));
        let id = story.person("ann")["id"].clone();
        story.set("ann", "title=Agent");
        story.place.ok(&["group", "remove", "company", "Sales", "ann@example.com"]);
        story.place.ok(&["group", "add", "company", "Support", "ann@example.com"]);
        story.sync();
        story.becomes("ann", "/job_title", &json!("Agent"));
        story.becomes("ann", "/organization/name", &json!("Support"));
        assert_eq!(story.person("ann")["id"], id);
    });
}

/// F47.
#[test]
fn story_of_another_manager() {
    each(|story| {
        story.joins("boss", &[]);
        story.joins("chief", &[]);
        story.joins("ann", &["manager=boss@example.com"]);
        story.sync();
        story.becomes("ann", "/manager/name", &json!("boss"));
        story.set("ann", "manager=chief@example.com");
        story.sync();
        story.becomes("ann", "/manager/name", &json!("chief"));
        // A manager who leaves is nobody's manager.
        story.place.ok(&["user", "disable", "company", "chief@example.com"]);
        story.sync();
        story.becomes("chief", "/access", &json!(false));
        story.becomes("ann", "/manager", &Value::Null);
    });
}

/// F27, F51.
#[test]
fn story_of_a_leaver_who_returns_with_the_same_address() {
    each(|story| {
        story.joins("boss", &[]);
        story.joins("ann", &["title=Buyer", "userType=VIP", "manager=boss@example.com"]);
        story.group("Sales", &["ann"]);
        story.sync();
        story.becomes("ann", "/manager/name", &json!("boss"));
        story.becomes("ann", "/organization/name", &json!("Sales"));
        let before = story.person("ann");
        story.place.ok(&["user", "disable", "company", "ann@example.com"]);
        story.sync();
        story.becomes("ann", "/access", &json!(false));
        story.becomes("ann", "/disabled", &json!(true));
        let gone = story.person("ann");
        for kept in ["id", "organization", "manager", "job_title", "vip", "source_id"] {
            assert_eq!(gone[kept], before[kept], "{kept}: nothing is lost");
        }
        story.place.ok(&["user", "enable", "company", "ann@example.com"]);
        story.sync();
        story.becomes("ann", "/access", &json!(true));
        story.becomes("ann", "/disabled", &json!(false));
        let back = story.person("ann");
        for kept in ["id", "organization", "manager", "job_title", "vip", "source_id"] {
            assert_eq!(back[kept], before[kept], "{kept}: the same person");
        }
    });
}

/// F46.
#[test]
fn story_of_a_vip() {
    each(|story| {
        story.joins("ann", &["userType=VIP guest"]);
        story.joins("ben", &["userType=vip"]);
        story.sync();
        story.becomes("ann", "/vip", &json!(true));
        story.becomes("ben", "/vip", &json!(false));
        story.set("ann", "userType=Employee");
        story.sync();
        story.becomes("ann", "/vip", &json!(false));
    });
}

/// F52.
#[test]
fn story_of_a_group_that_gets_another_name() {
    each(|story| {
        story.joins("ann", &[]);
        story.group("Sales", &["ann"]);
        story.sync();
        story.becomes("ann", "/organization/name", &json!("Sales"));
        let id = story.person("ann")["organization"]["id"].clone();
        story.place.ok(&["group", "set", "company", "Sales", "--set", "displayName=Sales EU"]);
        story.sync();
        story.becomes("ann", "/organization/name", &json!("Sales EU"));
        assert_eq!(story.person("ann")["organization"]["id"], id, "the same organization");
        let organizations = story.place.json(&["organization", "list", "acme"]);
        assert_eq!(organizations["items"].as_array().unwrap().len(), 1, "{organizations}");
    });
}

/// F80.
#[test]
fn story_of_a_group_that_is_no_organization() {
    each(|story| {
        story.joins("ann", &["title=Buyer"]);
        story.group("Chess club", &["ann"]);
        story.sync();
        story.becomes("ann", "/job_title", &json!("Buyer"));
        until("a record of the group", || story.records(&["--kind", "groups"]).len() == 1);
        let group = story.records(&["--kind", "groups"]).remove(0);
        assert_eq!(
            (&group["name"], &group["state"], &group["classification"]),
            (&json!("Chess club"), &json!("in_order"), &Value::Null)
        );
        assert_eq!(story.person("ann")["organization"], Value::Null);
    });
}

/// F49.
#[test]
fn story_of_a_locale_that_counts_at_first_only() {
    each(|story| {
        story.joins("ann", &["locale=nl", "title=Buyer"]);
        story.sync();
        story.becomes("ann", "/locale", &json!("nl"));
        story.set("ann", "locale=fr");
        story.set("ann", "title=Seller");
        story.sync();
        story.becomes("ann", "/job_title", &json!("Seller"));
        assert_eq!(story.person("ann")["locale"], "nl");
    });
}

/// F39, F40.
#[test]
fn story_of_two_records_with_one_address() {
    each(|story| {
        story.joins("ann", &["title=Buyer"]);
        story.sync();
        story.becomes("ann", "/job_title", &json!("Buyer"));
        let before = story.person("ann");
        // Another identity provider sends somebody with her address.
        let token = story.place.ok(&["token", "issue", "acme", "--provider", "onelogin"]);
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann.two",
            "displayName": "Ann Two", "emails": [{"value": "Ann@example.com"}],
        });
        let path = "/scim/v2/Users";
        let made = http::send(story.server.address, "POST", path, token.trim(), &body.to_string()).unwrap();
        assert_eq!(made.status, 201, "{}", made.body);
        until("the error", || !story.records(&["--errors"]).is_empty());
        let wrong = story.records(&["--errors"]).remove(0);
        let first = before["source_id"].as_str().unwrap();
        let reason = format!("ann is already provisioned by record {first} from {}", story.provider);
        assert_eq!((&wrong["state"], &wrong["reason"]), (&json!("error"), &json!(reason)));
        assert_eq!(wrong["integration"], "onelogin");
        assert_eq!(story.person("ann"), before, "nothing of her is changed");
        // When the first leaves, the second governs the same person.
        story.place.ok(&["user", "disable", "company", "ann@example.com"]);
        story.sync();
        story.becomes("ann", "/source_id", &made.json()["id"]);
        let after = story.person("ann");
        assert_eq!(
            (&after["id"], &after["name"], &after["access"]),
            (&before["id"], &json!("Ann Two"), &json!(true))
        );
    });
}
