//! What an app reads of its people, organizations and sites.

use serde_json::{Value, json};
use usher_admin::request::{People, PeopleFilter, Request};
use usher_api::{
    List,
    people::{Person, Unit},
};
use usher_directory::Environment;

use crate::{ACME, Fields, both};

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect()
}

#[test]
fn a_person_is_read_by_address_and_by_id() {
    both(|world| {
        let sales = world.unit("organization", "Sales");
        let ann = world.person("Ann", Fields { organization: Some(sales), ..Fields::default() });
        world.person("Qa", Fields { environment: Some(Environment::Qa), ..Fields::default() });
        let found = world.get("/people?email=ANN%40example.com").ok();
        assert_eq!((names(&found), &found["next"]), (vec!["Ann"], &Value::Null));
        let person = &found["items"][0];
        assert_eq!(person["organization"], json!({"id": sales.to_string(), "name": "Sales"}));
        assert_eq!((&person["access"], &person["disabled"]), (&json!(true), &json!(false)));
        for name in [ann.to_string(), "ann@EXAMPLE.com".into()] {
            assert_eq!(&world.get(&format!("/people/{name}")).ok(), person);
        }
        // Nobody of another environment; nobody who is not there.
        assert_eq!(names(&world.get("/people?email=qa@example.com").ok()), Vec::<&str>::new());
        for missing in ["qa@example.com", "0190b6a2-0000-7000-8000-000000000001"] {
            let said = world.get(&format!("/people/{missing}")).refused(404, "person_not_found");
            assert!(said.contains(missing), "{said}");
        }
        let qa = format!("Bearer {}", world.issue("acme", "qa"));
        let found = world.send("GET", "/api/v1/accounts/Acme/qa/people", Some(&qa)).ok();
        assert_eq!((names(&found), &found["total"]), (vec!["Qa"], &json!(1)));
    });
}

#[test]
fn people_are_narrowed_by_every_condition_together() {
    both(|world| {
        let (sales, buyers) = (world.unit("organization", "Sales"), world.unit("organization", "Buyers"));
        let delft = world.unit("site", "Delft");
        let boss = world.person("Boss", Fields { organization: Some(sales), ..Fields::default() });
        let of = |organization, site, manager, disabled| Fields {
            organization: Some(organization),
            site,
            manager,
            disabled,
            ..Fields::default()
        };
        world.person("Ann", of(sales, Some(delft), Some(boss), false));
        world.person("Ben", of(sales, None, Some(boss), true));
        world.person("Cy", of(buyers, Some(delft), Some(boss), false));
        for (query, expected) in [
            ("organization=sales", vec!["Boss", "Ann", "Ben"]),
            (&format!("organization={buyers}"), vec!["Cy"]),
            ("site=Delft", vec!["Ann", "Cy"]),
            ("manager=boss@example.com", vec!["Ann", "Ben", "Cy"]),
            (&format!("manager={boss}&organization=Sales"), vec!["Ann", "Ben"]),
            ("organization=Sales&site=delft&manager=Boss@example.com&disabled=false", vec!["Ann"]),
            ("disabled=true", vec!["Ben"]),
            ("site=Delft&disabled=true", vec![]),
            ("email=ann@example.com&organization=Sales", vec!["Ann"]),
            ("email=ann@example.com&organization=Buyers", vec![]),
            ("email=ben@example.com&disabled=false", vec![]),
            ("", vec!["Boss", "Ann", "Ben", "Cy"]),
        ] {
            assert_eq!(names(&world.get(&format!("/people?{query}")).ok()), expected, "{query}");
        }
        world.get("/people?organization=Slaes").refused(404, "organization_not_found");
        world.get("/people?site=Sales").refused(404, "site_not_found");
        world.get("/people?manager=nobody@example.com").refused(404, "person_not_found");
    });
}

#[test]
fn lists_go_on_where_a_page_ended() {
    both(|world| {
        let sales = world.unit("organization", "Sales");
        let all: Vec<String> = (0..7).map(|n| format!("P{n}")).collect();
        for name in &all {
            world.person(name, Fields { organization: Some(sales), ..Fields::default() });
        }
        for filter in ["", "&organization=Sales"] {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let page = world.get(&format!("/people?limit=3{filter}{after}")).ok();
                seen.extend(names(&page).into_iter().map(str::to_owned));
                let Some(next) = page["next"].as_str() else { break };
                after = format!("&after={next}");
            }
            assert_eq!(seen, all);
        }
        for name in ["Alpha", "Beta", "Gamma"] {
            world.unit("site", name);
        }
        let page = world.get("/sites?limit=2").ok();
        assert_eq!(names(&page), ["Alpha", "Beta"]);
        let rest = world.get(&format!("/sites?limit=2&after={}", page["next"].as_str().unwrap())).ok();
        assert_eq!((names(&rest), &rest["next"]), (vec!["Gamma"], &Value::Null));
        world.get("/people?after=x").refused(400, "invalid_cursor");
        for wrong in [
            "/people?limit=0",
            "/people?limit=1001",
            "/sites?limit=x",
            "/people?disabled=perhaps",
            "/people?emial=x",
        ] {
            world.get(wrong).refused(400, "invalid_parameter");
        }
        assert!(world.get("/people?emial=x").refused(400, "invalid_parameter").contains("email"));
    });
}

#[test]
fn organizations_and_sites_are_found_by_name_and_state() {
    both(|world| {
        let sales = world.unit("organization", "Sales");
        world.unit("organization", "Buyers");
        world.unit("site", "Delft");
        let unit: Unit = serde_json::from_value(world.get(&format!("/organizations/{sales}")).ok()).unwrap();
        assert_eq!((unit.name.as_str(), unit.disabled, unit.default), ("Sales", false, false));
        assert_eq!(world.get("/organizations/SALES").ok()["id"], sales.to_string());
        assert_eq!(names(&world.get("/organizations?name=buyers").ok()), ["Buyers"]);
        assert_eq!(names(&world.get("/organizations?name=buyers&disabled=true").ok()), Vec::<&str>::new());
        assert_eq!(names(&world.get("/organizations?disabled=false").ok()), ["Sales", "Buyers"]);
        assert_eq!(names(&world.get("/sites").ok()), ["Delft"]);
        assert_eq!(world.get("/sites/delft").ok()["name"], "Delft");
        world.get("/sites/Sales").refused(404, "site_not_found");
    });
}

/// The command line prints what [`usher_admin::Answer::to_json`] gives.
#[test]
fn bodies_are_the_bytes_that_the_command_line_prints() {
    both(|world| {
        world.person("Ann", Fields::default());
        let (account, environment) = ("acme".to_owned(), "production".to_owned());
        let filter = PeopleFilter::default();
        let list = People::List { account, environment, ungoverned: false, filter, after: None, limit: None };
        let printed = world.ask(Request::People(list)).to_json().unwrap().to_string();
        let reply = world.get("/people");
        assert_eq!(reply.text, printed);
        assert_eq!(reply.header("cache-control"), "no-store");
        let typed: List<Person> = serde_json::from_str(&reply.text).unwrap();
        assert_eq!(serde_json::to_value(typed).unwrap(), reply.json());
    });
}

#[test]
fn the_description_names_every_route_and_its_shapes() {
    both(|world| {
        let document = world.send("GET", "/api/v1/openapi.json", None).ok();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        let place = "/api/v1/accounts/{account}/{environment}";
        let expected = [
            "organizations",
            "organizations/{organization}",
            "people",
            "people/{person}",
            "sites",
            "sites/{site}",
        ]
        .map(|path| format!("{place}/{path}"));
        assert_eq!(paths, expected.iter().collect::<Vec<_>>());
        // Each is there, and takes a token.
        for (path, item) in document["paths"].as_object().unwrap() {
            assert_eq!(item["get"]["security"], json!([{"api_token": []}]), "{path}");
            let path = path.replace("{account}", "acme").replace("{environment}", "production");
            let path = path.replace("{person}", "x").replace("{organization}", "x").replace("{site}", "x");
            world.send("GET", &path, None).refused(401, "invalid_token");
        }
        // A person is as described: no field more, none less.
        world.person("Ann", Fields::default());
        let person = world.get("/people/ann@example.com").ok();
        let schema = &document["components"]["schemas"]["Person"];
        let described: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let mut has: Vec<&String> = person.as_object().unwrap().keys().collect();
        has.sort();
        let mut sorted = described.clone();
        sorted.sort();
        assert_eq!(has, sorted);
        assert_eq!(schema["properties"]["created_at"]["$ref"], "#/components/schemas/Time");
        assert_eq!(document["components"]["schemas"]["Time"]["format"], "date-time");
    });
}

#[test]
fn what_is_not_there_is_a_problem_too() {
    both(|world| {
        for path in ["/api", "/api/v1/nothing", "/api/v2/accounts"] {
            world.send("GET", path, None).refused(404, "route_not_found");
        }
        let reply = world.send("DELETE", &format!("{ACME}/people"), Some(&format!("Bearer {}", world.token)));
        reply.refused(405, "method_not_allowed");
        assert!(reply.header("allow").contains("GET"), "{reply:?}");
    });
}
