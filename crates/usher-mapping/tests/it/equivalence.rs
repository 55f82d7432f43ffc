//! `docs/rules.md`: how what is written in 4me's rules is written here. Each row with a result is evaluated over the page's own
//! record and account.

use serde_json::Value as Json;
use usher_mapping::{Context, EvalError, Expression, Lookup, Value};

use crate::now;

const PAGE: &str = include_str!("../../../../docs/rules.md");

/// What the page says an account holds: people by primary e-mail address, organizations and sites by name.
struct Account(Json);

impl Account {
    fn one(&self, kind: &str, field: &str, key: &str) -> Value {
        let same = |it: &&Json| it[field].as_str().is_some_and(|text| text.eq_ignore_ascii_case(key));
        let found = self.0[kind].as_array().unwrap_or_else(|| panic!("no {kind}")).iter().find(same);
        found.map_or(Value::Null, Value::from_json)
    }
}

impl Lookup for Account {
    fn find(&mut self, kind: &str, key: &str) -> Result<Value, EvalError> {
        Ok(self.one(kind, if kind == "person" { "primary_email" } else { "name" }, key))
    }
    fn person_of(&mut self, scim_user: &str) -> Result<Value, EvalError> {
        Ok(self.one("person", "scim_user", scim_user))
    }
    fn table(&mut self, _: &str, _: &str) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }
}

/// A block of JSON of the page.
fn block(name: &str) -> Json {
    let (_, rest) = PAGE.split_once(&format!("```json {name}\n")).unwrap();
    serde_json::from_str(rest.split_once("```").unwrap().0).unwrap()
}

fn code(cell: &str) -> &str {
    cell.strip_prefix('`')
        .and_then(|cell| cell.strip_suffix('`'))
        .unwrap_or_else(|| panic!("no code: {cell}"))
}

#[test]
fn what_4me_writes_has_an_equivalent_that_gives_the_same() {
    let record = block("record").as_object().unwrap().clone();
    let mut account = Account(block("account"));
    let named = [
        ("person".to_owned(), Value::from_json(&account.0["person"][0])),
        ("full_name".to_owned(), Value::from_json(&record["displayName"])),
    ];
    let section = PAGE.split_once("## Expressions").unwrap().1.split("\n## ").next().unwrap();
    let (mut equal, mut not) = (0, 0);
    for line in section.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, expression, gives] = cells[..] else { panic!("three cells: {line}") };
        if gives.starts_with("not, because ") {
            assert!(expression.is_empty(), "{line}");
            not += 1;
            continue;
        }
        let text = code(expression);
        let parsed = Expression::parse(text).unwrap_or_else(|error| panic!("{}", error.caret(text)));
        let mut context = Context { named: &named, ..Context::new(&record, &mut account, now()) };
        let value = parsed.eval(&mut context).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value.to_string(), code(gives), "{text}");
        equal += 1;
    }
    assert!(equal >= 40 && not == 4, "{equal} rows, {not} without an equivalent");
}
