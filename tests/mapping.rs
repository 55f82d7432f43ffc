//! Mappings as an administrator moves them: out, in, refused, back.

use serde_json::{Value, json};

use crate::place::Place;

const PEOPLE: &str = "userName,mail,displayName,employeeNumber\nann@example.com,ann@example.com,Ann Lee,42\nbob@example.com,bob@example.com,Bob Poe,4242\n";

fn place() -> Place {
    let place = Place::sqlite();
    let file = place.file("people.csv", PEOPLE);
    place.directory(&file);
    place.app("crm", "scim", "http://127.0.0.1:9/scim/v2", "a-token");
    place
}

/// A synchronization schema with these rows and this scope.
fn schema(rows: Value, scope: Value) -> String {
    json!({"synchronizationRules": [{"priority": 1, "objectMappings": [{
        "name": "users", "enabled": true, "flowTypes": "Add, Update", "sourceObjectName": "User",
        "targetObjectName": "User", "scope": scope, "attributeMappings": rows,
    }]}]})
    .to_string()
}

fn row(target: &str, source: &str) -> Value {
    json!({"targetAttributeName": target, "matchingPriority": u32::from(target == "userName"), "flowType": "Always",
        "source": {"type": "Attribute", "name": source, "expression": format!("[{source}]"), "parameters": []}})
}

fn clause(operator: &str, value: &str) -> Value {
    json!({"groups": [{"name": "asked", "clauses": [
        {"sourceOperandName": "employeeId", "operatorName": operator, "targetOperand": {"values": [value]}}]}]})
}

#[test]
fn a_mapping_goes_out_and_comes_back() {
    let place = place();
    let show = || {
        place.ok(&["app", "mapping", "show", "crm"])
            + &place.ok(&["app", "mapping", "show", "crm", "--kind", "groups"])
    };
    let before = show();
    for format in ["entra", "toml"] {
        let file = place.file("mapping", "");
        place.ok(&["app", "mapping", "export", "crm", "--format", format, "--output", &file]);
        let report = place.json(&["app", "mapping", "import", "crm", &file, "--dry-run"]);
        assert_eq!((&report["format"], &report["saved"]), (&json!(format), &json!(false)), "{report}");
        for list in ["refusals", "changed", "not_understood", "failed_cases"] {
            assert_eq!(report[list], json!([]), "{report}");
        }
        assert_eq!(place.json(&["app", "mapping", "import", "crm", &file])["saved"], true);
        assert_eq!(show(), before, "{format}");
    }
    let file = place.file("mapping", "");
    place.ok(&["app", "mapping", "export", "crm", "--format", "entra", "--output", &file]);
    let report = place.json(&["app", "mapping", "import", "crm", &file, "--kind", "groups", "--dry-run"]);
    assert_eq!(
        (&report["kinds"], report["taken"].as_array().unwrap().len()),
        (&json!(["groups"]), 3),
        "{report}"
    );
    // Rows set one by one, and back to the gallery's.
    let set = |words: &[&str]| place.ok(&[&["app", "mapping", "set", "crm"], words].concat());
    set(&["nickName", "--constant", "x", "--when", "on_create"]);
    set(&["locale", "--default", "en-US"]);
    set(&["title", "--remove"]);
    set(&["displayName", "--match", "3", "--nulls", "clear"]);
    let after = place.ok(&["app", "mapping", "show", "crm"]);
    assert!(after.contains("nickName") && after.contains("on_create") && after.contains("en-US"), "{after}");
    assert!(!after.contains("[jobTitle]") && after.contains("match = 3"), "{after}");
    let said = place.fails(&["app", "mapping", "set", "crm", "userName", "--match", "3"]);
    assert!(said.contains("two rows match with precedence 3"), "{said}");
    place.ok(&["app", "mapping", "reset", "crm"]);
    assert_eq!(show(), before);
}

#[test]
fn an_import_says_what_became_of_it_and_is_refused_where_it_would_harm() {
    let place = place();
    let before = place.ok(&["app", "mapping", "show", "crm"]);
    let refused = |text: &str, words: &[&str], said: &[&str]| {
        let file = place.file("schema.json", text);
        let printed = place.fails(&[&["app", "mapping", "import", "crm", &file], words].concat());
        for what in said {
            assert!(printed.contains(what), "{what}: {printed}");
        }
        assert_eq!(place.ok(&["app", "mapping", "show", "crm"]), before, "nothing is changed");
    };
    let rows =
        json!([row("userName", "userPrincipalName"), row("titel", "jobTitle"), row("title", "jobTitel")]);

    let file = place.file("schema.json", &schema(rows.clone(), Value::Null));
    let report = place.json(&["app", "mapping", "import", "crm", &file, "--dry-run"]);
    assert_eq!(report["not_understood"].as_array().unwrap().len(), 2, "{report}");
    assert_eq!(
        report["not_understood"][0]["at"],
        "$.synchronizationRules[0].objectMappings[0].attributeMappings[1]"
    );
    let text = place.ok(&["app", "mapping", "import", "crm", &file, "--dry-run"]);
    assert!(text.contains("did you mean title?") && text.contains("did you mean [jobTitle]?"), "{text}");
    assert_eq!(place.ok(&["app", "mapping", "show", "crm"]), before, "a dry run changes nothing");

    refused("<html>", &["--format", "entra"], &["no JSON document"]);
    refused("{\"synchronizationRules\": [", &[], &["no JSON document"]);
    refused("{}", &[], &["no synchronizationRules"]);
    refused("[users]\nmappings = 1", &[], &["mappings"]);
    refused(&" ".repeat(10_000_000), &[], &["larger than 8 MiB"]);
    refused(&"{\"a\":".repeat(100_000), &[], &["recursion limit"]);
    refused(
        &schema(json!([row("title", "jobTitle")]), Value::Null),
        &["--force"],
        &["no row is a matching property"],
    );
    refused(&schema(rows.clone(), clause("&", "1")), &["--force"], &["everybody would pass"]);
    let mut two = clause("&", "1");
    two["groups"]
        .as_array_mut()
        .unwrap()
        .extend(clause("EQUALS", "42")["groups"].as_array().unwrap().clone());
    refused(&schema(rows.clone(), two.clone()), &[], &["not understood whole", "--force"]);

    // Whole or part: Entra does not say, and here it decides about Bob.
    let regex = schema(rows.clone(), clause("REGEX MATCH", "([1-9][0-9])"));
    refused(&regex, &[], &["1 of 2: bob@example.com", "--anchor whole or --anchor part"]);
    let file = place.file("schema.json", &regex);
    let report = place.json(&["app", "mapping", "import", "crm", &file, "--anchor", "part"]);
    assert_eq!(report["regexes"][0]["names"], json!(["bob@example.com"]), "{report}");
    assert!(place.ok(&["app", "mapping", "show", "crm"]).contains("anchor = \"part\""));

    let file = place.file("schema.json", &schema(rows, two));
    assert_eq!(place.json(&["app", "mapping", "import", "crm", &file, "--force"])["saved"], true);
}

#[test]
fn golden_cases_are_run_on_every_save() {
    let place = place();
    let case = |title: &str| {
        place.ok(&["app", "mapping", "show", "crm"])
            + &format!(
                "\n[[case]]\nname = \"Ann\"\nobject = {{ userName = \"ann\", jobTitle = \"Head\" }}\nexpect = {{ title = \"{title}\" }}\n"
            )
    };
    let wrong = place.file("wrong.toml", &case("head"));
    let said = place.fails(&["app", "mapping", "import", "crm", &wrong]);
    assert!(
        said.contains("case “Ann”: title is \"Head\", expected \"head\"") && said.contains("--force"),
        "{said}"
    );
    assert!(place.ok(&["app", "mapping", "test", "crm"]).contains("there are no golden cases"));
    let right = place.file("right.toml", &case("Head"));
    place.ok(&["app", "mapping", "import", "crm", &right]);
    assert!(place.ok(&["app", "mapping", "test", "crm"]).contains("1 golden case holds"));
    let said = place.fails(&["app", "mapping", "set", "crm", "title", "ToUpper([jobTitle])"]);
    assert!(said.contains("title is \"HEAD\", expected \"Head\"") && said.contains("--force"), "{said}");
    place.ok(&["app", "mapping", "set", "crm", "title", "ToUpper([jobTitle])", "--force"]);
    let output = place.run(&["app", "mapping", "test", "crm", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let cases: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(cases["failed"][0]["got"], "\"HEAD\"", "{cases}");
    // What Entra cannot say stays with the app.
    let file = place.file(
        "schema.json",
        &schema(json!([row("userName", "userPrincipalName"), row("title", "jobTitle")]), Value::Null),
    );
    place.ok(&["app", "mapping", "import", "crm", &file]);
    assert!(place.ok(&["app", "mapping", "test", "crm"]).contains("1 golden case holds"));
}
