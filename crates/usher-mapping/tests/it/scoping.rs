//! Every operator of scoping filters, with its null rule, on single and several values.

use serde_json::{Value as Json, json};
use usher_mapping::scoping::{Anchor, ScopeOperator};
use usher_mapping::{Context, NoLookup, ScopingFilter};

fn filter(clauses: &str) -> Result<ScopingFilter, String> {
    let text = format!("title = \"s\"\nclause = [{clauses}]");
    ScopingFilter::from_toml(&[toml::Value::Table(text.parse().unwrap())]).map_err(|e| e.to_string())
}

fn clause(operator: &str, value: &str) -> String {
    format!("{{attribute = \"a\", operator = \"{operator}\"{value}}}")
}

fn holds(filter: &ScopingFilter, a: &Json) -> bool {
    let object = json!({ "a": a }).as_object().unwrap().clone();
    let mut lookup = NoLookup;
    let cx = Context::new(&object, &mut lookup, jiff::Timestamp::UNIX_EPOCH);
    let decision = filter.judge(&cx);
    assert_eq!(filter.holds(&cx), Ok(decision.holds));
    assert_eq!(decision.problem, None);
    decision.holds
}

/// operator, its value in TOML, what holds, what does not.
fn rows() -> Vec<(&'static str, &'static str, Vec<Json>, Vec<Json>)> {
    vec![
        (
            "EQUALS",
            "'Sales'",
            vec![json!("Sales"), json!(["Board", "Sales"])],
            vec![json!("sales"), json!("Sale")],
        ),
        ("EQUALS", "'01'", vec![json!("01")], vec![json!("1"), json!(1)]),
        ("EQUALS", "7", vec![json!(7), json!("7")], vec![json!(8)]),
        ("EQUALS", "'true'", vec![json!(true)], vec![json!(false)]),
        (
            "NOT EQUALS",
            "'Sales'",
            vec![json!("sales"), json!(["Board"])],
            vec![json!("Sales"), json!(["Board", "Sales"])],
        ),
        ("IS NOT NULL", "", vec![json!("x"), json!(0), json!(false), json!(["", "x"])], vec![]),
        (
            "IS TRUE",
            "",
            vec![json!(true), json!("True"), json!("true")],
            vec![json!(false), json!("yes"), json!(1)],
        ),
        ("IS FALSE", "", vec![json!(false), json!("FALSE")], vec![json!(true), json!("no"), json!(0)]),
        // The samples of Entra's documentation: an address, and 1000000–1999999.
        ("REGEX MATCH", "'.*\\@domain.com'", vec![json!("a@domain.com")], vec![json!("a@domain.company")]),
        (
            "REGEX MATCH",
            "'(1[0-9][0-9][0-9][0-9][0-9][0-9])'",
            vec![json!("1234567"), json!(1234567)],
            vec![json!("12345678")],
        ),
        ("REGEX MATCH", "'a|ab'", vec![json!("a"), json!("ab")], vec![json!("abc"), json!("A")]),
        ("REGEX MATCH", "'(?!.*test).*'", vec![json!("anna")], vec![json!("my-test-1")]),
        ("REGEX MATCH", "'b', anchor = 'part'", vec![json!("abc")], vec![json!("ac")]),
        (
            "NOT REGEX MATCH",
            "'x.*'",
            vec![json!("anna"), json!(["anna", "ben"])],
            vec![json!("xaver"), json!(["anna", "xaver"])],
        ),
        ("Includes", "'ale'", vec![json!("Sales"), json!(["x", "male"])], vec![json!("SALES")]),
        ("NOT Includes", "'ale'", vec![json!("SALES")], vec![json!("Sales"), json!(["x", "male"])]),
        ("STARTS_WITH", "'Sa'", vec![json!("Sales")], vec![json!("sales"), json!("a Sales")]),
        ("NOT STARTS_WITH", "'Sa'", vec![json!("sales")], vec![json!("Sales")]),
        ("ENDS_WITH", "'@a.de'", vec![json!("b@a.de")], vec![json!("b@a.de.com"), json!("b@A.de")]),
        ("NOT ENDS_WITH", "'@a.de'", vec![json!("b@a.com")], vec![json!("b@a.de")]),
        (
            "Greater_Than",
            "9",
            vec![json!(10), json!("10"), json!(["1", "10"])],
            vec![json!(9), json!("nine"), json!(9.5)],
        ),
        (
            "NOT Greater_Than",
            "'9'",
            vec![json!(9), json!("-1")],
            vec![json!(10), json!("nine"), json!(["1", "nine"])],
        ),
        ("Greater_Than_OR_EQUALS", "9", vec![json!(9), json!("10")], vec![json!(8), json!(true)]),
        ("NOT Greater_Than_OR_EQUALS", "9", vec![json!(8)], vec![json!(9), json!("x")]),
        (
            "IN",
            "['Germany', 'Austria']",
            vec![json!("Austria"), json!(["France", "Germany"])],
            vec![json!("austria"), json!("Germany, Austria")],
        ),
        (
            "NOT IN",
            "['Germany', 'Austria']",
            vec![json!("France")],
            vec![json!("Austria"), json!(["France", "Germany"])],
        ),
        (
            "BEFORE",
            "'2026-01-31'",
            vec![json!("2026-01-30T23:59:59Z"), json!("1/30/2026")],
            vec![json!("2026-01-31"), json!("soon")],
        ),
        (
            "NOT BEFORE",
            "'2026-01-31'",
            vec![json!("2026-01-31"), json!("2026-02-01")],
            vec![json!("2026-01-30"), json!("soon")],
        ),
        (
            "AFTER",
            "'2026-01-31T08:00:00Z'",
            vec![json!("2026-01-31T09:00:00Z")],
            vec![json!("2026-01-31T09:00:00+02:00")],
        ),
        ("NOT AFTER", "'2026-01-31'", vec![json!("2026-01-31")], vec![json!("2026-02-01"), json!("never")]),
    ]
}

#[test]
fn every_operator_judges() {
    let mut seen = vec!["IS NULL"];
    for (operator, value, hold, fail) in rows() {
        seen.push(operator);
        let value = if value.is_empty() { String::new() } else { format!(", value = {value}") };
        let filter = filter(&clause(operator, &value)).unwrap();
        for a in hold {
            assert!(holds(&filter, &a), "{operator} {value}: {a}");
        }
        for a in fail {
            assert!(!holds(&filter, &a), "{operator} {value}: {a}");
        }
    }
    // Of groups, not of a value: `membership_is_by_name_id_or_distinguished_name`.
    seen.extend(["IsMemberOf", "NOT IsMemberOf"]);
    for operator in ScopeOperator::all() {
        assert!(seen.contains(&operator.as_str()), "{operator} has no row");
    }
}

#[test]
fn only_is_null_holds_on_nothing() {
    let empty = [json!(null), json!(""), json!([]), json!(["", null])];
    for (operator, value, ..) in rows() {
        let value = if value.is_empty() { String::new() } else { format!(", value = {value}") };
        for a in &empty {
            assert!(!holds(&filter(&clause(operator, &value)).unwrap(), a), "{operator} {value}: {a}");
        }
    }
    let is_null = filter(&clause("IS NULL", "")).unwrap();
    assert!(empty.iter().all(|a| holds(&is_null, a)));
    assert!(!holds(&is_null, &json!("x")) && !holds(&is_null, &json!(false)) && !holds(&is_null, &json!(0)));
}

#[test]
fn a_filter_is_written_as_it_was_read() {
    for (operator, value, ..) in rows() {
        let value = if value.is_empty() { String::new() } else { format!(", value = {value}") };
        let read = filter(&clause(operator, &value)).unwrap();
        let written = read.to_toml();
        assert_eq!(ScopingFilter::from_toml(&written).unwrap(), read, "{operator} {value}");
        assert_eq!(written[0]["clause"][0]["operator"].as_str(), Some(operator));
    }
    let loose = filter(&clause("greater than or equals", ", value = 1")).unwrap();
    assert_eq!(loose.groups[0].clauses[0].operator, ScopeOperator::GreaterThanOrEquals);
}

#[test]
fn what_cannot_be_used_is_refused() {
    let wrong = |operator: &str, value: &str| filter(&clause(operator, value)).unwrap_err();
    for (operator, value, said) in [
        ("LIKE", ", value = 'x'", "there is no operator LIKE; there are EQUALS"),
        ("IS NULL", ", value = 'x'", "IS NULL takes no value"),
        ("IS TRUE", ", value = 'true'", "IS TRUE takes no value"),
        ("EQUALS", "", "EQUALS needs a value"),
        ("Includes", ", value = ''", "Includes needs a value"),
        ("IN", ", value = []", "IN needs a value"),
        ("EQUALS", ", value = ['a', 'b']", "EQUALS takes one value; IN takes several"),
        ("Greater_Than", ", value = 'ten'", "compares whole numbers, “ten” is none"),
        ("BEFORE", ", value = 'tomorrow'", "needs a date such as 2026-01-31"),
        ("REGEX MATCH", ", value = 'a)|(b'", "the regular expression is wrong"),
        ("EQUALS", ", value = 'a', anchor = 'part'", "anchor belongs to REGEX MATCH"),
    ] {
        let error = wrong(operator, value);
        assert!(error.contains(said), "{operator}{value}: {error}");
    }
}

/// A regular expression that gives up decides nothing, unless another clause decides without it.
#[test]
fn a_regex_that_gives_up_decides_nothing() {
    let hostile = clause("REGEX MATCH", r#", value = '(?=(a+)+$)(a|aa)+\1c'"#);
    let object = json!({ "a": "a".repeat(60), "b": "x" }).as_object().unwrap().clone();
    let mut lookup = NoLookup;
    let cx = Context::new(&object, &mut lookup, jiff::Timestamp::UNIX_EPOCH);
    let alone = filter(&hostile).unwrap();
    let decision = alone.judge(&cx);
    assert!(
        decision.problem.as_ref().is_some_and(|p| p.contains("“s”") && p.contains("too long")),
        "{decision:?}"
    );
    assert!(!decision.holds && decision.clauses[0].problem.is_some());
    assert!(alone.holds(&cx).is_err());

    let fails = filter(&format!("{hostile}, {{attribute = \"b\", operator = \"IS NULL\"}}")).unwrap();
    assert_eq!((fails.holds(&cx), fails.judge(&cx).problem), (Ok(false), None));
    let mut either = alone;
    either.groups.extend(filter("{attribute = \"b\", operator = \"EQUALS\", value = \"x\"}").unwrap().groups);
    assert_eq!((either.holds(&cx), either.judge(&cx).problem), (Ok(true), None));
}

#[test]
fn membership_is_by_name_id_or_distinguished_name() {
    let sales = json!([{"value": "7", "display": "Sales"}, {"value": "8", "display": "All"}]);
    let entry = json!(["cn=Sales\\, Germany,ou=groups,dc=example,dc=com", "CN=All,dc=example,dc=com"]);
    let judge = |clause: &str, key: &str, groups: &Json| {
        let filter = filter(clause).unwrap();
        let object = json!({ key: groups }).as_object().unwrap().clone();
        let mut lookup = NoLookup;
        let cx = Context::new(&object, &mut lookup, jiff::Timestamp::UNIX_EPOCH);
        let decision = filter.judge(&cx);
        assert_eq!(filter.holds(&cx), Ok(decision.holds));
        (decision.holds, decision.clauses[0].seen.clone())
    };
    let of = |value: &str| format!("{{operator = \"IsMemberOf\", value = {value}}}");
    let not = |value: &str| format!("{{operator = \"NOT IsMemberOf\", value = {value}}}");
    for (value, is) in
        [("'Sales'", true), ("'7'", true), ("'sales'", false), ("['Board', 'All']", true), ("'Board'", false)]
    {
        let (holds, seen) = judge(&of(value), "groups", &sales);
        assert_eq!((holds, seen.as_deref()), (is, Some("Sales, All")), "{value}");
        assert_eq!(judge(&not(value), "groups", &sales).0, !is, "{value}");
    }
    for (value, is) in [
        ("'Sales, Germany'", true),
        ("'All'", true),
        ("'cn=all,DC=example,dc=com'", true),
        ("'Sales'", false),
        ("'groups'", false),
    ] {
        assert_eq!(judge(&of(value), "memberOf", &entry).0, is, "{value}");
    }
    // Who is in no group is not a member.
    for nobody in [json!(null), json!([])] {
        assert_eq!(judge(&of("'Sales'"), "groups", &nobody), (false, None));
        assert_eq!(judge(&not("'Sales'"), "groups", &nobody), (true, None));
    }
    assert!(filter("{operator = \"IsMemberOf\"}").unwrap_err().contains("needs a value"));
    assert!(filter("{operator = \"EQUALS\", value = \"x\"}").unwrap_err().contains("needs an attribute"));
    let read = filter(&of("\"Sales\"")).unwrap();
    assert_eq!(ScopingFilter::from_toml(&read.to_toml()).unwrap(), read);
    assert!(read.mentions("groups") && !read.mentions("title"));
}

#[test]
fn an_anchor_can_be_set_afterwards() {
    let part = filter("{attribute = \"a\", operator = \"REGEX MATCH\", value = \"a+\"}").unwrap();
    assert!(!holds(&part, &json!("baab")));
    let part = part.anchored(Anchor::Part).unwrap();
    assert!(holds(&part, &json!("baab")));
    assert_eq!(ScopingFilter::from_toml(&part.to_toml()).unwrap(), part);
}
