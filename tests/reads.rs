//! The app's own side: who may do what, what an app reads at sign-in, organizations and sites from files, Elium's way in.

use serde_json::{Value, json};

use crate::{
    http,
    place::{Place, Server, until},
};

const PRODUCTION: &str = "/api/v1/accounts/acme/production";

fn user(email: &str, name: &str, active: bool) -> String {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": email, "displayName": name, "active": active,
        "emails": [{"value": email, "type": "work", "primary": true}]
    })
    .to_string()
}

/// Sends a SCIM request that must go well; the resource.
#[track_caller]
fn scim(server: &Server, token: &str, method: &str, path: &str, body: &Value) -> Value {
    let answer =
        http::send(server.address, method, &format!("/scim/v2{path}"), token, &body.to_string()).unwrap();
    assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.body);
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

fn get(server: &Server, token: &str, path: &str) -> http::Answer {
    http::send(server.address, "GET", path, token, "").unwrap()
}

fn create(server: &Server, token: &str, email: &str, name: &str) -> String {
    let body = serde_json::from_str(&user(email, name, true)).unwrap();
    scim(server, token, "POST", "/Users", &body)["id"].as_str().unwrap().to_owned()
}

/// The people that a read finds by an address.
fn by_email(server: &Server, api: &str, email: &str) -> Vec<Value> {
    let answer = get(server, api, &format!("{PRODUCTION}/people?email={email}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["items"].as_array().unwrap().clone()
}

/// F51, F73's reading half: what an app asks when somebody signs in.
#[test]
fn an_app_reads_at_sign_in_who_may_use_it() {
    for place in Place::both() {
        let token = place.account("acme", "4me");
        let api = place.ok(&["token", "issue", "acme", "--api"]).trim().to_owned();
        let qa = place.ok(&["token", "issue", "acme", "--api", "--environment", "qa"]).trim().to_owned();
        let server = place.serve();
        let id = create(&server, &token, "ann@example.com", "Ann Lee");
        until("a person", || by_email(&server, &api, "ANN@example.com").len() == 1);
        let person = by_email(&server, &api, "ann@example.com").remove(0);
        assert_eq!((&person["name"], &person["access"]), (&json!("Ann Lee"), &json!(true)));
        assert_eq!(
            place.json(&["people", "show", "acme", "ann@example.com"]),
            person,
            "as the command prints it"
        );
        let path = format!("{PRODUCTION}/people/{}", person["id"].as_str().unwrap());
        assert_eq!(get(&server, &api, &path).json(), person);

        // The next read after the answer knows that access has ended.
        let leave = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "value": {"active": false}}]
        });
        scim(&server, &token, "PATCH", &format!("/Users/{id}"), &leave);
        assert_eq!(get(&server, &api, &path).json()["access"], false);

        // Neither token opens the other's door, and none another environment.
        assert_eq!(get(&server, &api, "/scim/v2/Users").status, 401);
        assert_eq!(get(&server, &token, &path).status, 401);
        let refused = get(&server, &qa, &path);
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("forbidden")));
        assert!(refused.head.to_lowercase().contains("application/problem+json"), "{}", refused.head);
        assert_eq!(get(&server, &api, "/api/v1/openapi.json").json()["info"]["title"], "Usher");
        let listed = place.json(&["token", "list", "acme"]);
        let providers: Vec<&Value> =
            listed["items"].as_array().unwrap().iter().map(|token| &token["provider"]).collect();
        assert_eq!(providers, ["api", "api", "other"]);
        assert!(server.stop());
    }
}

/// The words of a command that somebody does with their own rights.
fn acting<'w>(who: &'w str, words: &[&'w str]) -> Vec<&'w str> {
    [&["--as", who], words].concat()
}

/// F23, F76.
#[test]
fn tokens_are_the_owners_and_records_the_administrators() {
    for place in Place::both() {
        place.account("acme", "4me");
        place.account("globex", "4me");
        let role = |words: &[&str]| place.ok(&[&["admin", "role"], words].concat());
        role(&["grant", "olga@example.com", "owner", "--account", "acme"]);
        // The owner appoints the administrator.
        place.ok(&acting(
            "olga@example.com",
            &["admin", "role", "grant", "adam@example.com", "administrator", "--account", "acme"],
        ));
        let secret =
            place.ok(&acting("olga@example.com", &["token", "issue", "acme", "--provider", "entra"]));
        assert!(secret.trim().starts_with("usher_"), "{secret}");
        place.ok(&acting("olga@example.com", &["token", "list", "acme"]));
        for refused in [
            &["token", "issue", "acme"][..],
            &["token", "issue", "acme", "--api"],
            &["token", "rotate", "acme"],
            &["token", "list", "acme"],
            &["admin", "role", "grant", "adam@example.com", "owner", "--account", "acme"],
        ] {
            let said = place.fails(&acting("adam@example.com", refused));
            assert!(said.contains("adam@example.com is administrator of acme"), "{said}");
            assert!(said.contains("It takes the role owner"), "{said}");
        }
        // What an administrator may, in the own account alone.
        place.ok(&acting("adam@example.com", &["records", "acme"]));
        place.ok(&acting("adam@example.com", &["people", "list", "acme"]));
        place.ok(&acting("adam@example.com", &["organization", "create", "acme", "Sales"]));
        place.ok(&acting("adam@example.com", &["account", "set", "acme", "default_organization=Sales"]));
        let said = place.fails(&acting("adam@example.com", &["account", "set", "acme", "strict=true"]));
        assert!(said.contains("adam@example.com may not do that: account.set"), "{said}");
        place.ok(&acting("adam@example.com", &["admin", "role", "list", "--account", "acme"]));
        for elsewhere in [&["records", "globex"][..], &["people", "list", "globex"], &["records", "initech"]]
        {
            assert!(
                place.fails(&acting("adam@example.com", elsewhere)).contains("has no role in"),
                "{elsewhere:?}"
            );
        }
        // What is the installation's, neither may.
        for machine in
            [&["account", "list"][..], &["directory", "create", "company"], &["app", "list"], &["status"]]
        {
            assert!(
                place
                    .fails(&acting("olga@example.com", machine))
                    .contains("olga@example.com may not do that"),
                "{machine:?}"
            );
        }
        assert!(place.fails(&acting("olga@example.com", &["migrate"])).contains("--as goes with"));
        role(&["revoke", "Olga@Example.com", "--account", "acme"]);
        assert!(
            place
                .fails(&acting("olga@example.com", &["token", "list", "acme"]))
                .contains("has no role in acme")
        );
        let left = place.json(&["admin", "role", "list", "--account", "acme"]);
        assert_eq!(left["items"].as_array().unwrap().len(), 1, "{left}");
        assert_eq!(left["items"][0]["role"], "administrator");
    }
}

/// F77.
#[test]
fn a_token_comes_bare_or_as_the_whole_header() {
    let place = Place::sqlite();
    let bare = place.account("acme", "4me");
    assert!(bare.starts_with("usher_") && !bare.contains(' '), "{bare}");
    let header = place.ok(&["token", "issue", "acme", "--header"]).trim().to_owned();
    let header_of_rotated = place.ok(&["token", "rotate", "acme", "--header"]).trim().to_owned();
    let both = place.json(&["token", "issue", "acme", "--environment", "qa", "--header"]);
    let secret = both["secret"].as_str().unwrap();
    assert_eq!(both["authorization"], format!("Bearer {secret}"));
    let server = place.serve();
    for whole in [header, header_of_rotated, both["authorization"].as_str().unwrap().to_owned()] {
        let headers = format!("Authorization: {whole}\r\n");
        let answer = http::request(server.address, "GET", "/scim/v2/Users", &headers, "").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// F48, F52, F80: organizations and sites are there beforehand, from a file; groups of their names are linked and rename them.
#[test]
fn organizations_and_sites_come_from_files_and_follow_their_groups() {
    for place in Place::both() {
        let token = place.account("acme", "4me");
        let api = place.ok(&["token", "issue", "acme", "--api"]).trim().to_owned();
        // As a spreadsheet saves it.
        let organizations =
            place.file("organizations.csv", "Name;Disabled\nSales;\nClosed;yes\nHead office;no\n");
        let would = place.json(&["organization", "import", "acme", &organizations, "--dry-run"]);
        assert_eq!((&would["created"], &would["dry_run"]), (&json!(3), &json!(true)));
        assert_eq!(place.json(&["organization", "list", "acme"])["items"], json!([]));
        let said = place.ok(&["organization", "import", "acme", &organizations]);
        assert!(said.contains("3 made") && said.contains("Head office"), "{said}");
        assert!(place.ok(&["organization", "import", "acme", &organizations]).starts_with("0 made"));
        let sites = place.file("sites.csv", "name\nDelft\n");
        place.ok(&["site", "import", "acme", &sites]);
        let broken = place.file("broken.csv", "name,disabled\nNew,\nSales,maybe\n,no\n");
        let said = place.fails(&["organization", "import", "acme", &broken]);
        assert!(
            said.contains("line 3") && said.contains("line 4") && said.contains("Nothing was imported"),
            "{said}"
        );
        place.ok(&["account", "set", "acme", "default_organization=Head office"]);
        assert_eq!(place.json(&["organization", "list", "acme", "--disabled"])["items"][0]["name"], "Closed");

        let server = place.serve();
        let of = |email: &str| by_email(&server, &api, email).pop().unwrap_or_default();
        let organization = |email: &str| of(email)["organization"]["name"].clone();
        let ann = create(&server, &token, "ann@example.com", "Ann");
        let ben = create(&server, &token, "ben@example.com", "Ben");
        until("a default for the new", || organization("ann@example.com") == "Head office");
        let group = |name: &str, members: &[&str]| {
            let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
            let body = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                "displayName": name, "members": members
            });
            scim(&server, &token, "POST", "/Groups", &body)["id"].as_str().unwrap().to_owned()
        };
        group("Closed", &[&ann]);
        let sales = group("sales", &[&ann, &ben]);
        group("Delft", &[&ann]);
        group("Chess club", &[&ben]);
        until("the enabled one", || organization("ann@example.com") == "sales");
        until("a site", || of("ann@example.com")["site"]["name"] == "Delft");
        // A group that matches nothing is kept and left.
        let records = place.json(&["records", "acme", "--kind", "groups"]);
        let chess = records["items"].as_array().unwrap().iter().find(|record| record["name"] == "Chess club");
        assert_eq!(chess.unwrap()["classification"], Value::Null);
        // Its group renames it, for everybody in it; the name of another it can't take.
        let rename = |name: &str| {
            let body = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "replace", "path": "displayName", "value": name}]
            });
            scim(&server, &token, "PATCH", &format!("/Groups/{sales}"), &body);
        };
        rename("Sales EU");
        until("the new name", || organization("ben@example.com") == "Sales EU");
        let linked = get(&server, &api, &format!("{PRODUCTION}/organizations/Sales%20EU")).json();
        assert_eq!(linked["source_id"], sales);
        rename("Head office");
        let state = || place.json(&["records", "acme", "show", &sales]);
        until("an error", || state()["state"] == "error");
        assert!(state()["reason"].as_str().unwrap().contains("Head office"), "{}", state());
        assert_eq!(organization("ben@example.com"), "Sales EU");
        // A deleted group leaves its organization, and whoever has it.
        scim(&server, &token, "DELETE", &format!("/Groups/{sales}"), &Value::Null);
        until("no group", || {
            get(&server, &api, &format!("{PRODUCTION}/organizations/Sales%20EU")).json()["source_id"]
                .is_null()
        });
        assert_eq!(organization("ben@example.com"), "Sales EU");
        assert_eq!(
            get(&server, &api, &format!("{PRODUCTION}/people?organization=Sales%20EU")).json()["items"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        assert!(server.stop());
    }
}

const COMPANY: &str = "id,userName,mail,givenName,surname,displayName,jobTitle,department\n\
    1,ann.lee@corp.example,ann@example.com,Ann,Lee,Ann Lee,Engineer,Research\n\
    2,ben.poe@corp.example,ben@example.com,Ben,Poe,Ben Poe,Buyer,Purchasing\n\
    3,cy.orr@corp.example,cy@example.com,Cy,Orr,Cy Orr,Chemist,Research\n";

/// F71, F72: Elium's address and template, users found again by what matches, and a scope.
#[test]
fn elium_gets_the_users_in_scope_and_knows_again_who_is_there() {
    for place in Place::both() {
        let file = place.file("people.csv", COMPANY);
        place.directory(&file);
        let token = place.account("elium", "elium");
        let server = place.serve();
        // Somebody who is there already, under the name that matches.
        let url = format!("http://{}/t/elium/scim/v2", server.address);
        let there = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "ann.lee@corp.example", "displayName": "A. Lee"
        });
        let answer =
            http::send(server.address, "POST", "/t/elium/scim/v2/Users", &token, &there.to_string()).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        let before = answer.json()["id"].clone();
        place.app("elium", "elium", &url, &token);
        place.ok(&["app", "test", "elium"]);
        let exported = place.ok(&["app", "mapping", "export", "elium"]);
        let scoped = format!(
            "{exported}\n[[users.scoping]]\ntitle = \"Research\"\n[[users.scoping.clause]]\nattribute = \"department\"\n\
             operator = \"EQUALS\"\nvalue = \"Research\"\n"
        );
        let scoped = place.file("elium.toml", &scoped);
        place.ok(&["app", "mapping", "import", "elium", &scoped]);
        place.ok(&["app", "scope", "elium", "all"]);
        let cycle = place.json(&["app", "sync", "elium"]);
        assert_eq!(
            (&cycle["counts"]["create"], &cycle["counts"]["failed"]),
            (&json!(1), &json!(0)),
            "{cycle}"
        );
        let list = get(&server, &token, "/t/elium/scim/v2/Users").json();
        let users: Vec<(&Value, &Value, &Value)> = list["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| (&user["userName"], &user["displayName"], &user["title"]))
            .collect();
        assert_eq!(
            users,
            [
                (&json!("ann.lee@corp.example"), &json!("Ann Lee"), &json!("Engineer")),
                (&json!("cy.orr@corp.example"), &json!("Cy Orr"), &json!("Chemist"))
            ]
        );
        assert_eq!(list["Resources"][0]["id"], before, "the same account as before");
        // Who leaves the scope loses access.
        place.file("people.csv", &COMPANY.replace("Chemist,Research", "Chemist,Purchasing"));
        place.ok(&["source", "sync", "people"]);
        let cycle = place.json(&["app", "sync", "elium"]);
        assert_eq!(cycle["counts"]["disable"], 1, "{cycle}");
        let people = place.people("elium", 2);
        let cy = people.iter().find(|person| person["name"] == "Cy Orr").unwrap()["primary_email"].clone();
        until("no access", || {
            place.json(&["people", "show", "elium", cy.as_str().unwrap()])["access"] == false
        });
        assert!(server.stop());
    }
}
