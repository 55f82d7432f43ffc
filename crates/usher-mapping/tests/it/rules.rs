//! The default rules of the app side can be said: facts of 4me's SCIM user rule, row by row.

use serde_json::json;
use usher_mapping::{Context, EvalError, Expression, Lookup, Value};
use usher_scim::Object;

use crate::{now, object};

/// Two organizations and one person.
struct App;

impl Lookup for App {
    fn find(&mut self, kind: &str, key: &str) -> Result<Value, EvalError> {
        Ok(match (kind, key.to_lowercase().as_str()) {
            ("organization", "sales") => {
                Value::from_json(&json!({"id": "o1", "name": "Sales", "disabled": false}))
            }
            ("organization", "closed") => {
                Value::from_json(&json!({"id": "o2", "name": "Closed", "disabled": true}))
            }
            _ => Value::Null,
        })
    }
    fn person_of(&mut self, scim_user: &str) -> Result<Value, EvalError> {
        Ok(match scim_user {
            "u7" => Value::from_json(&json!({"id": "p7", "disabled": false})),
            _ => Value::Null,
        })
    }
    fn table(&mut self, _: &str, _: &str) -> Result<Option<Value>, EvalError> {
        Ok(None)
    }
}

fn eval(text: &str, record: &Object, named: &[(String, Value)]) -> Value {
    let mut app = App;
    let mut cx = Context { named, ..Context::new(record, &mut app, now()) };
    let expression = Expression::parse(text).unwrap_or_else(|e| panic!("{}", e.caret(text)));
    expression.eval(&mut cx).unwrap_or_else(|e| panic!("{e}"))
}

const EMAIL: &str = r#"IIF(IsEmail([userName]), [userName], Coalesce(First([emails[primary eq true].value]), First([emails.value])))"#;
const NAME: &str = r#"Coalesce([displayName], IIF(IsEmail([userName]), null, [userName]), [name.formatted],
    Join(" ", [name.givenName], [name.familyName]), [person.name])"#;
const ORGANIZATION: &str = r#"Coalesce(
    Reject(Find("organization", [organization]), "disabled"),
    First(Reject([groups[classification eq "organization"].organization], "disabled")),
    [person.organization])"#;

fn ann() -> Object {
    object(json!({
        "id": "u1",
        "userName": "ann",
        "name": {"givenName": "Ann", "familyName": "Lee"},
        "emails": [{"value": "a@x.org"}, {"value": "b@x.org", "primary": true}],
        "userType": "VIP guest",
        "groups": [
            {"classification": "organization", "organization": {"id": "o2", "disabled": true}},
            {"classification": "organization", "organization": {"id": "o1", "disabled": false}}
        ],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"organization": " closed ", "manager": {"value": "u7"}}
    }))
}

#[test]
fn email_and_name() {
    let record = ann();
    assert_eq!(eval(EMAIL, &record, &[]).to_string(), r#""b@x.org""#);
    assert_eq!(eval(NAME, &record, &[]).to_string(), r#""ann""#);
    let email = [("email".to_owned(), eval(EMAIL, &record, &[]))];
    assert_eq!(
        eval(r#"Map(Reject([emails], "value", [email], "ignoreCase"), "value")"#, &record, &email)
            .to_string(),
        r#"["a@x.org"]"#
    );
    let other = object(json!({"userName": "ann@x.org", "name": {"givenName": "Ann", "familyName": "Lee"}}));
    assert_eq!(eval(EMAIL, &other, &[]).to_string(), r#""ann@x.org""#);
    assert_eq!(eval(NAME, &other, &[]).to_string(), r#""Ann Lee""#);
    let bare = object(json!({"userName": "ann@x.org"}));
    let person = [("person".to_owned(), Value::from_json(&json!({"name": "Old name"})))];
    assert_eq!(eval(NAME, &bare, &person).to_string(), r#""Old name""#);
    assert!(eval("IsPresent([email]) and IsPresent([name])", &bare, &[]) == Value::Boolean(false));
}

#[test]
fn organization_manager_and_vip() {
    let record = ann();
    assert_eq!(eval(ORGANIZATION, &record, &[]).to_string(), r#"{"disabled":false,"id":"o1"}"#);
    let sales = object(json!({"organization": "SALES"}));
    assert_eq!(eval(&format!("Map({ORGANIZATION}, \"id\")"), &sales, &[]).to_string(), r#"["o1"]"#);
    let person = [("person".to_owned(), Value::from_json(&json!({"organization": {"id": "o9"}})))];
    assert_eq!(eval(ORGANIZATION, &object(json!({})), &person).to_string(), r#"{"id":"o9"}"#);

    assert_eq!(eval("[manager.value]", &record, &[]), Value::from("u7"));
    assert_eq!(eval("PersonOf([manager])", &record, &[]).to_string(), r#"{"disabled":false,"id":"p7"}"#);
    assert_eq!(eval("PersonOf([manager])", &object(json!({})), &[]), Value::Null);

    let vip = r#"IIF(IsNullOrEmpty([userType]), null, Contains([userType], "VIP"))"#;
    assert_eq!(eval(vip, &record, &[]), Value::Boolean(true));
    assert_eq!(eval(vip, &object(json!({"userType": "vip"})), &[]), Value::Boolean(false));
    assert_eq!(eval(vip, &object(json!({})), &[]), Value::Null);
    let new = [("IsNew".to_owned(), Value::Boolean(true))];
    assert_eq!(
        eval("IIF(IsNew(), [locale], null)", &object(json!({"locale": "de"})), &new),
        Value::from("de")
    );
    assert_eq!(eval("IIF(IsNew(), [locale], null)", &object(json!({"locale": "de"})), &[]), Value::Null);
}
