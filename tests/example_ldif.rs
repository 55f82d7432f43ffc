//! Real input: `Example.ldif` of 389 Directory Server into an account, judged by a reader of the tests' own.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    http, ldif,
    place::{Place, Server, given, until},
    proxy::Proxy,
};

fn example() -> (String, ldif::Company) {
    let path = given("USHER_TEST_EXAMPLE_LDIF");
    let company = ldif::company(&std::fs::read_to_string(&path).unwrap());
    assert_eq!((company.people.len(), company.passwords.len(), company.groups.len()), (150, 150, 5));
    (path, company)
}

/// Members of the account's SCIM groups as e-mail addresses.
fn groups(server: &Server, token: &str) -> BTreeMap<String, Vec<String>> {
    let get = |path: &str| http::send(server.address, "GET", path, token, "").unwrap().json();
    let list = get("/scim/v2/Groups?count=25");
    let mut groups = BTreeMap::new();
    for group in list["Resources"].as_array().unwrap() {
        let group = get(&format!("/scim/v2/Groups/{}", group["id"].as_str().unwrap()));
        let members = group["members"].as_array().cloned().unwrap_or_default();
        let mut emails: Vec<String> = members
            .iter()
            .map(|member| get(&format!("/scim/v2/Users/{}", member["value"].as_str().unwrap())))
            .map(|user| user["userName"].as_str().unwrap().to_owned())
            .collect();
        emails.sort();
        groups.insert(group["displayName"].as_str().unwrap().to_owned(), emails);
    }
    groups
}

fn managers(people: &[Value]) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    people
        .iter()
        .filter(|person| person["manager"].is_object())
        .map(|person| (text(&person["primary_email"]), text(&person["manager"]["primary_email"])))
        .collect()
}

#[test]
fn example_ldif_into_4me() {
    let (file, company) = example();
    for place in Place::both() {
        place.directory(&file);
        let token = place.account("acme", "4me");
        let server = place.serve();
        let proxy = Proxy::before(server.address);
        place.app("4me", "4me", &format!("http://{}/scim/v2", proxy.address), &token);
        place.ok(&["app", "test", "4me"]);
        place.ok(&["app", "scope", "4me", "all"]);
        let planned = place.run(&["app", "plan", "4me", "--json"]);
        assert_eq!(planned.status.code(), Some(3), "a plan that would change something ends with 3");
        let planned: Value = serde_json::from_slice(&planned.stdout).unwrap();
        let before = proxy.counted();
        let cycle = place.json(&["app", "sync", "4me"]);
        assert_eq!(cycle["counts"]["create"], 155, "{cycle}");
        assert_eq!(planned["counts"]["create"], 155, "the plan said what the cycle did");
        assert!(proxy.counted().1 > before.1);

        let people = place.people("acme", 150);
        let emails: Vec<&str> =
            people.iter().map(|person| person["primary_email"].as_str().unwrap()).collect();
        assert!(company.people.values().all(|email| emails.contains(&email.as_str())));
        assert_eq!(company.managers.len(), 149);
        until("149 managers", || managers(&place.people("acme", 150)).len() == 149);
        assert_eq!(managers(&place.people("acme", 150)), company.managers);
        let found = groups(&server, &token);
        assert_eq!(found, company.groups);
        assert_eq!(found.values().map(Vec::len).sum::<usize>(), 11);

        let before = proxy.counted();
        let cycle = place.json(&["app", "sync", "4me"]);
        assert_eq!(cycle["kind"], "incremental");
        assert_eq!(proxy.counted().1, before.1, "the second sync wrote something");
        let restarted = place.json(&["source", "sync", "people"]);
        assert_eq!((restarted["updated"].as_u64(), restarted["unchanged"].as_u64()), (Some(0), Some(155)));
        place.json(&["app", "sync", "4me"]);
        assert_eq!(proxy.counted().1, before.1, "an import without a difference wrote something");

        let log = place.json(&["app", "logs", "4me", "--limit", "1000"]);
        let created = |entry: &&Value| entry["provisioningAction"] == "create";
        assert_eq!(log["items"].as_array().unwrap().iter().filter(created).count(), 155);
        let records = place.json(&["records", "acme", "--kind", "users", "--limit", "1000"]);
        assert_eq!(records["items"].as_array().unwrap().len(), 150);
        for record in records["items"].as_array().unwrap() {
            assert_eq!(record["state"], "in_order", "{record}");
            assert!(record["provisioned_at"].as_str().unwrap() <= record["updated_at"].as_str().unwrap());
        }
        assert!(server.stop());
        no_password_anywhere(&place, &file, &company);
    }
}

#[test]
fn example_ldif_assigned_groups_only() {
    let (file, company) = example();
    let mut expected: Vec<&String> = company.groups.values().flatten().collect();
    expected.sort();
    expected.dedup();
    assert_eq!(expected.len(), 10);
    for place in Place::both() {
        place.directory(&file);
        let token = place.account("second", "4me");
        let server = place.serve();
        let proxy = Proxy::before(server.address);
        place.app("4me", "4me", &format!("http://{}/scim/v2", proxy.address), &token);
        for group in company.groups.keys() {
            place.ok(&["app", "assign", "4me", "--group", group]);
        }
        let cycle = place.json(&["app", "sync", "4me"]);
        assert_eq!(cycle["counts"]["create"], 15, "{cycle}");
        let mut emails: Vec<String> = place
            .people("second", 10)
            .iter()
            .map(|person| person["primary_email"].as_str().unwrap().to_owned())
            .collect();
        emails.sort();
        assert_eq!(emails.iter().collect::<Vec<_>>(), expected);
        assert_eq!(groups(&server, &token), company.groups);
        let before = proxy.counted();
        place.json(&["app", "sync", "4me"]);
        assert_eq!(proxy.counted().1, before.1, "the second sync wrote something");
    }
}

/// None of the file's passwords stands in a stored value, in what was printed, or in a log.
fn no_password_anywhere(place: &Place, file: &str, company: &ldif::Company) {
    let text = std::fs::read_to_string(file).unwrap();
    let elsewhere: String =
        text.lines().filter(|line| !line.to_lowercase().starts_with("userpassword:")).collect();
    // Some passwords are words that usher itself knows ("express" is in "expression"): these count only as whole words.
    let usher = std::fs::read(env!("CARGO_BIN_EXE_usher")).unwrap();
    let usher = String::from_utf8_lossy(&usher);
    assert!(!company.passwords.iter().any(|password| elsewhere.contains(password.as_str())));
    let mut kept = vec![place.printed.lock().unwrap().clone().into_bytes()];

    if place.is_sqlite() {
        for entry in std::fs::read_dir(place.data()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                kept.push(std::fs::read(path).unwrap());
            }
        }
    } else {
        kept.extend(place.stored());
    }
    let kept: Vec<_> = kept.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
    assert!(kept.iter().any(|text| text.contains("kvaughan")), "the search finds what is there");
    assert!(word("an express train", "express") && !word("an expression", "express"));
    for password in &company.passwords {
        let known = usher.contains(password.as_str());
        let found = |text: &str| if known { word(text, password) } else { text.contains(password.as_str()) };
        assert!(!kept.iter().any(|text| found(text)), "the password {password} was kept");
    }
}

/// Whether a word stands in a text with no letter beside it.
fn word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphabetic)
    })
}
