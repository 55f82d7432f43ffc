//! The built-in directory: users and groups by hand, and what apps get of them.

use serde_json::{Value, json};

use crate::place::{Place, until};

const ANN: [&str; 7] =
    ["user", "create", "company", "--set", "userName=ann@example.com", "--set", "name.givenName=Ann"];

/// A directory without a source, and an app of it that provisions everybody into an account.
fn company(place: &Place) -> crate::place::Server {
    place.ok(&["directory", "create", "company"]);
    let token = place.account("acme", "standard");
    let server = place.serve();
    place.app("app", "scim", &server.base(), &token);
    place.ok(&["app", "scope", "app", "all"]);
    server
}

fn counts(place: &Place) -> Value {
    place.json(&["app", "sync", "app"])["counts"].clone()
}

/// Waits until the account's only person may (or may not) sign in; that person's id.
fn access(place: &Place, expected: bool) -> String {
    let person = || place.people("acme", 1).remove(0);
    until(&format!("access {expected}"), || person()["access"] == expected);
    person()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_user_made_by_hand_gets_an_account_and_loses_it_and_gets_it_back() {
    for place in Place::both() {
        let server = company(&place);
        let made = place
            .json(&[&ANN[..], &["--set", "name.familyName=Lee", "--set", "mail=ann@example.com"]].concat());
        assert_eq!((&made["active"], &made["emails"][0]["type"]), (&json!(true), &json!("work")), "{made}");
        assert_eq!(counts(&place)["create"], 1);
        let person = access(&place, true);

        place.ok(&["user", "disable", "company", "ANN@example.com"]);
        assert_eq!(counts(&place)["disable"], 1);
        assert_eq!(access(&place, false), person);
        place.ok(&["user", "enable", "company", "ann@example.com"]);
        assert_eq!(counts(&place)["enable"], 1);
        assert_eq!(access(&place, true), person);

        let said = place.ok(&["user", "delete", "company", "ann@example.com"]);
        assert!(said.contains("user restore company"), "{said}");
        assert_eq!(counts(&place)["disable"], 1);
        access(&place, false);
        assert_eq!(
            place.json(&["user", "list", "company", "--deleted"])["items"].as_array().unwrap().len(),
            1
        );
        assert_eq!(place.json(&["directory", "show", "company"])["users"], 0);

        // Restored: the same account, the same person.
        let back = place.json(&["user", "restore", "company", "ann@example.com"]);
        assert_eq!((&back["id"], &back["active"]), (&made["id"], &json!(true)));
        assert_eq!(counts(&place)["enable"], 1);
        assert_eq!(access(&place, true), person);

        place.ok(&["user", "delete", "company", "ann@example.com", "--hard"]);
        let gone = counts(&place);
        assert_eq!(gone["delete"].as_u64().unwrap() + gone["disable"].as_u64().unwrap(), 1, "{gone}");
        access(&place, false);
        assert_eq!(place.json(&["user", "list", "company"])["items"], json!([]));
        assert!(server.stop());
    }
}

#[test]
fn attributes_are_set_cleared_and_read_from_a_file() {
    for place in Place::both() {
        place.ok(&["directory", "create", "company"]);
        place.ok(&ANN);
        let file = place.file(
            "bob.json",
            r#"{"userName":"bob@example.com","externalId":"7","title":"Clerk","emails":[{"type":"work","value":"bob@example.com"}]}"#,
        );
        let bob =
            place.json(&["user", "create", "company", "--file", &file, "--set", "manager=ann@example.com"]);
        let ann = place.json(&["user", "show", "company", "ann@example.com"]);
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        assert_eq!(bob[enterprise]["manager"]["value"], ann["id"]);
        // By externalId; an alias, an attribute of the open extension, and one that goes.
        let bob = place.json(&[
            "user",
            "set",
            "company",
            "7",
            "--set",
            "department=IT",
            "--set",
            "title=",
            "--set",
            "urn:usher:directory:1.0:User:badge=42",
            "--set",
            r#"phoneNumbers[type eq "mobile"].value=+1 555"#,
        ]);
        assert_eq!((&bob[enterprise]["department"], bob.get("title")), (&json!("IT"), None));
        assert_eq!(bob["urn:usher:directory:1.0:User"]["badge"], "42");
        assert_eq!(bob["phoneNumbers"][0]["value"], "+1 555");
        let found =
            place.json(&["user", "list", "company", "--filter", r#"emails.value eq "BOB@example.com""#]);
        assert_eq!((&found["total"], &found["items"][0]["id"]), (&json!(1), &bob["id"]));
        assert_eq!(
            place.json(&["user", "show", "bob@example.com", "--directory", "company"])["id"],
            bob["id"]
        );
        // A page at a time, in the order in which they were made.
        let first = place.json(&["user", "list", "company", "--filter", "active eq true", "--limit", "1"]);
        let after = first["next"].as_str().unwrap().to_owned();
        let second =
            place.json(&["user", "list", "company", "--filter", "active eq true", "--after", &after]);
        assert_eq!((&first["items"][0]["id"], &second["items"][0]["id"]), (&ann["id"], &bob["id"]));
    }
}

#[test]
fn groups_by_hand_assign_and_take_away() {
    for place in Place::both() {
        let _server = company(&place);
        place.ok(&["app", "scope", "app", "assigned"]);
        place.ok(&ANN);
        place.ok(&["group", "create", "company", "--set", "displayName=Sales"]);
        place.ok(&["group", "create", "company", "--set", "displayName=All"]);
        place.ok(&["app", "assign", "app", "--group", "Sales"]);
        assert_eq!(counts(&place)["create"], 1, "the group alone");
        let added = place.json(&["group", "add", "company", "Sales", "ann@example.com"]);
        assert_eq!((&added["added"], &added["members"]), (&json!(1), &json!(1)));
        let again = place.json(&["group", "add", "company", "sales", "ann@example.com"]);
        assert_eq!((&again["added"], &again["members"]), (&json!(0), &json!(1)));
        place.ok(&["group", "add", "company", "All", "Sales"]);
        let members = place.json(&["group", "members", "company", "All"]);
        assert_eq!((&members["items"][0]["kind"], &members["total"]), (&json!("group"), &json!(1)));
        assert_eq!(counts(&place)["create"], 1);
        access(&place, true);
        let out = place.json(&["group", "remove", "company", "Sales", "ann@example.com"]);
        assert_eq!((&out["removed"], &out["members"]), (&json!(1), &json!(0)));
        assert_eq!(counts(&place)["disable"], 1);
        // A deleted group gives nothing; restored, it has its members still.
        place.ok(&["group", "add", "company", "Sales", "ann@example.com"]);
        assert_eq!(counts(&place)["enable"], 1);
        place.ok(&["group", "delete", "company", "Sales"]);
        assert_eq!(counts(&place)["disable"], 1);
        let back = place.json(&["group", "restore", "company", "Sales"]);
        assert_eq!(back["members"][0]["display"], "ann@example.com");
        assert_eq!(counts(&place)["enable"], 1);
    }
}

#[test]
fn a_name_given_to_somebody_else_meanwhile_is_not_restored_over_them() {
    for place in Place::both() {
        place.ok(&["directory", "create", "company"]);
        let first = place.json(&ANN);
        place.ok(&["user", "delete", "company", "ann@example.com"]);
        let second = place.json(&ANN);
        assert_ne!(first["id"], second["id"]);
        let id = first["id"].as_str().unwrap();
        let said = place.fails(&["user", "restore", "company", id]);
        assert!(said.contains("already in use") && said.contains("--set userName="), "{said}");
        assert_eq!(place.json(&["user", "show", "company", "ann@example.com"])["id"], second["id"]);
        let back = place.json(&["user", "restore", "company", id, "--set", "userName=ann.lee@example.com"]);
        assert_eq!(
            (&back["id"], &back["userName"], back.get("deleted")),
            (&first["id"], &json!("ann.lee@example.com"), None)
        );
    }
}

#[test]
fn nonsense_by_hand_changes_nothing_and_says_what_to_do() {
    for place in Place::both() {
        place.ok(&["directory", "create", "company"]);
        place.ok(&ANN);
        place.ok(&["group", "create", "company", "--set", "displayName=Twins"]);
        let twin = place.json(&["group", "create", "company", "--set", "displayName=Twins"]);
        let before = place.json(&["user", "list", "company"]);
        let bad = place.file("bad.json", r#"{"userName":"x","shoeSize":7}"#);
        let broken = place.file("broken.json", "[]");
        let twin = twin["id"].as_str().unwrap();
        for (words, parts) in [
            (
                &["user", "show", "company", "anm@example.com"][..],
                &["there is no user", "Did you mean ann@example.com?"][..],
            ),
            (&["user", "show", "compani", "ann@example.com"], &["there is no directory", "company"]),
            (
                &["user", "set", "company", "ann@example.com", "--set", "tittle=x"],
                &["tittle", "Did you mean title?"],
            ),
            (&["user", "set", "company", "ann@example.com", "--set", "active=maybe"], &["true or false"]),
            (&["user", "set", "company", "ann@example.com", "--set", "userName="], &["userName"]),
            (
                &["user", "set", "company", "ann@example.com", "--set", "emails=x"],
                &["has parts", "emails[type eq"],
            ),
            (&["user", "set", "company", "ann@example.com", "--set", "id=7"], &["the id is given"]),
            (&["user", "set", "company", "ann@example.com", "--set", "password=sesame"], &["no passwords"]),
            (
                &["user", "set", "company", "ann@example.com", "--set", "manager=nobody"],
                &["there is no user nobody"],
            ),
            (&["user", "set", "company", "ann@example.com", "--set", "title"], &["ATTRIBUTE=VALUE"]),
            (&["user", "set", "company", "ann@example.com"], &["--set", "--file"]),
            (&["user", "create", "company", "--set", "userName=ANN@example.com"], &["already in use"]),
            (&["user", "create", "company", "--set", "title=Boss"], &["userName", "required"]),
            (&["user", "create", "company", "--file", &bad], &["shoeSize"]),
            (&["user", "create", "company", "--file", &broken], &["broken.json", "no JSON object"]),
            (&["user", "restore", "company", "ann@example.com"], &["is not deleted"]),
            (&["user", "list", "company", "--filter", "userName eq"], &["userName eq"]),
            (&["user", "list", "company", "--after", "x"], &["no cursor"]),
            (&["group", "add", "company", "Twins", "ann@example.com"], &["2 groups are called Twins", "id"]),
            (
                &["group", "add", "company", twin, "nobody@example.com"],
                &["there is no user nobody@example.com"],
            ),
            (&["group", "add", "company", twin, twin], &["no member of itself"]),
            (&["directory", "token", "revoke", "company", "7"], &["no token's id", "directory token list"]),
            (&["directory", "token", "issue", "company", "--provider", "enter"], &["entra or okta"]),
        ] {
            let said = place.fails(words);
            for part in parts {
                assert!(said.contains(part), "usher {}: {said}", words.join(" "));
            }
            assert!(!said.contains("sesame"), "{said}");
        }
        place.ok(&["user", "delete", "company", "ann@example.com"]);
        let said = place.fails(&["user", "set", "company", "ann@example.com", "--set", "title=Boss"]);
        assert!(said.contains("is deleted") && said.contains("user restore company"), "{said}");
        place.ok(&["user", "restore", "company", "ann@example.com"]);
        let mut after = place.json(&["user", "list", "company"]);
        after["items"][0]["meta"] = before["items"][0]["meta"].clone();
        assert_eq!(after, before);
    }
}

#[test]
fn what_a_source_says_wins_over_edits_by_hand() {
    for place in Place::both() {
        let file = place
            .file("people.csv", "userName,title,active\nann@example.com,Clerk,true\nbob@example.com,,true\n");
        place.directory(&file);
        for words in [
            &["user", "set", "company", "ann@example.com", "--set", "title=Boss"][..],
            &["user", "disable", "company", "ann@example.com"],
            &["user", "delete", "company", "ann@example.com"],
            &["user", "delete", "company", "ann@example.com", "--hard"],
        ] {
            let said = place.fails(words);
            assert!(said.contains("the source people"), "{said}");
        }
        // What the source says nothing of is free, and stays when it is imported again.
        place.ok(&["user", "set", "company", "ann@example.com", "--set", "nickName=Annie"]);
        place.file("people.csv", "userName,title,active\nann@example.com,Head,true\nbob@example.com,,true\n");
        place.ok(&["source", "sync", "people"]);
        let ann = place.json(&["user", "show", "company", "ann@example.com"]);
        assert_eq!(
            (&ann["nickName"], &ann["title"], &ann["sources"]),
            (&json!("Annie"), &json!("Head"), &json!(["people"]))
        );
        // Gone from the source: not brought back by hand, but removed if that is wished.
        place.file("people.csv", "userName,title,active\nann@example.com,Head,true\n");
        place.ok(&["source", "sync", "people"]);
        let said = place.fails(&["user", "restore", "company", "bob@example.com"]);
        assert!(said.contains("gone from the source people"), "{said}");
        place.ok(&["user", "delete", "company", "bob@example.com", "--hard"]);
        place.ok(&["source", "sync", "people"]);
        // Without the source the people are the directory's own.
        place.ok(&["source", "remove", "people"]);
        place.ok(&["user", "set", "company", "ann@example.com", "--set", "title=Boss"]);
        place.ok(&["user", "delete", "company", "ann@example.com"]);
    }
}

#[test]
fn a_file_that_changes_is_imported_by_a_server() {
    for place in Place::both() {
        let file = place.file("people.csv", "userName\nann@example.com\n");
        place.directory(&file);
        let server = place.serve_with(&[("USHER_WATCH_SETTLE_SECONDS", "1")]);
        let names = || {
            let list = place.json(&["user", "list", "company"]);
            let mut names: Vec<String> = list["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["userName"].as_str().unwrap().to_owned())
                .collect();
            names.sort();
            names
        };
        // Put in place by a rename, as a whole file is.
        let new = place.file("new.csv", "userName\nann@example.com\nbob@example.com\n");
        std::fs::rename(&new, &file).unwrap();
        until("an import", || names() == ["ann@example.com", "bob@example.com"]);
        // A broken one is tried once, told in the log, and changes nothing.
        place.file("people.csv", "userName,x\nann@example.com,\"cut");
        until("a failed run", || place.json(&["source", "show", "people"])["last_run"]["state"] == "failed");
        let run = place.json(&["source", "show", "people"])["last_run"]["id"].clone();
        assert_eq!(names().len(), 2);
        place.file("people.csv", "userName\nann@example.com\nbob@example.com\ncy@example.com\n");
        until("the next import", || names().len() == 3);
        let next = place.json(&["source", "show", "people"])["last_run"]["id"].clone();
        let number = |id: &Value| id.as_str().unwrap().parse::<i64>().unwrap();
        assert_eq!(number(&next), number(&run) + 1, "the broken file was tried again and again");
        assert!(server.stop());
    }
}
