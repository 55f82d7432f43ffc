//! Made-up people: the same number is the same person, on every server.

use serde_json::{Value, json};

/// How much of a person a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// With the enterprise extension, some 630 bytes.
    Full,
    /// Without the extension.
    Core,
}

/// Another number of seven digits for each below ten million, far from its neighbours': whoever is new comes somewhere among
/// those who are there, as people do, and not at an index's end.
fn scattered(n: usize) -> usize {
    n * 3_141_593 % 10_000_000
}

/// `1946906.{prefix}@example.com` for number 42.
pub fn user_name(prefix: &str, n: usize) -> String {
    format!("{:07}.{prefix}@example.com", scattered(n))
}

/// A user as a client sends it.
pub fn user(prefix: &str, n: usize, shape: Shape) -> Value {
    let name = user_name(prefix, n);
    let mut user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "externalId": format!("{:07}.{prefix}", scattered(n)),
        "name": {"givenName": format!("Given{n}"), "familyName": format!("Family{n}")},
        "displayName": format!("Given{n} Family{n}"),
        "title": "Engineer",
        "preferredLanguage": "en-GB",
        "active": true,
        "emails": [{"value": name, "type": "work", "primary": true}],
        "phoneNumbers": [{"value": format!("+49 30 {n:07}"), "type": "work"}],
    });
    if shape == Shape::Full {
        const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        user["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]);
        user[ENTERPRISE] = json!({"employeeNumber": n.to_string(), "department": format!("Department {}", n % 50), "costCenter": "4711"});
    }
    user
}

/// A group with members by id.
pub fn group(name: &str, members: &[&str]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": name,
        "members": members_json(members),
    })
}

/// `[{"value": id}, …]`
pub fn members_json(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({"value": id})).collect()
}

/// A PATCH of one operation; `value` null: none.
pub fn patch(op: &str, path: &str, value: &Value) -> Value {
    let mut operation = json!({"op": op, "path": path});
    if !value.is_null() {
        operation["value"] = value.clone();
    }
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]})
}
