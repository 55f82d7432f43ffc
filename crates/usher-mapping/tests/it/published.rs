//! Expressions as administrators publish them for real apps.

use serde::Deserialize;
use usher_mapping::Expression;

use crate::{eval_in, object};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    from: String,
    expression: String,
    given: toml::Table,
    gives: String,
}

#[test]
fn published_expressions_give_what_their_authors_meant() {
    let file: File = toml::from_str(include_str!("published.toml")).unwrap();
    assert!(file.case.len() >= 60, "{}", file.case.len());
    let mut wrong = Vec::new();
    for case in &file.case {
        let text = case.expression.trim();
        let given = object(serde_json::to_value(&case.given).unwrap());
        let got =
            eval_in(text, &given, &[]).map_or_else(|e| format!("error: {e}"), |value| value.to_string());
        if got != case.gives {
            wrong.push(format!("{}\n  {text}\n  gives    {got}\n  expected {}", case.from, case.gives));
        }
        // What is stored in another spelling means the same.
        let canonical = Expression::parse(text).unwrap().canonical();
        if !text.contains("Random") {
            assert_eq!(
                eval_in(&canonical, &given, &[]).map(|v| v.to_string()).ok(),
                Some(got),
                "{canonical}"
            );
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
