//! Target paths: value paths, extensions of the app's own, what can't be written.

use serde_json::{Value as Json, json};
use usher_mapping::mapping::{Moment, document};
use usher_mapping::{Context, Known, NoLookup, ObjectMapping};
use usher_scim::{Object, ResourceType, schema};

use crate::{now, user_type};

fn app() -> ResourceType {
    ResourceType::user(schema::user(), vec![schema::enterprise_user()])
}

/// What a mapping makes, or why it can't be saved.
fn made(text: &str) -> Result<Json, String> {
    let mapping = ObjectMapping::from_toml(&text.parse().unwrap()).map_err(|e| e.to_string())?;
    let (user, app) = (user_type(), app());
    let types = [&user];
    mapping.check(&Known { types: &types, ..Known::default() }, &app).map_err(|e| e.to_string())?;
    let (object, mut lookup) = (Object::new(), NoLookup);
    let mapped = mapping.apply(&mut Context::new(&object, &mut lookup, now()), Moment::Create).unwrap();
    Ok(Json::Object(document(&mapping.target(&app), &mapped).unwrap()))
}

fn rows(rows: &[(&str, &str)]) -> String {
    rows.iter()
        .map(|(target, value)| format!("[[mapping]]\ntarget = '{target}'\nconstant = {value}\n"))
        .collect()
}

#[test]
fn value_paths_make_their_values() {
    let text = rows(&[
        ("name.givenName", "\"Ann\""),
        (r#"emails[type eq "work"].value"#, "\"ann@example.com\""),
        (r#"emails[type eq "work"].primary"#, "\"True\""),
        (r#"emails[type eq "other"].value"#, "\"a@example.org\""),
        (r#"addresses[type eq "work"].locality"#, "\"Berlin\""),
        (r#"roles[primary eq "True"].value"#, "\"Admin\""),
        (r#"roles[primary eq "True"].display"#, "\"Administrator\""),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "\"Sales\""),
    ]);
    assert_eq!(
        made(&text).unwrap(),
        json!({
            "name": {"givenName": "Ann"},
            "emails": [
                {"type": "work", "value": "ann@example.com", "primary": true},
                {"type": "other", "value": "a@example.org"}
            ],
            "addresses": [{"type": "work", "locality": "Berlin"}],
            "roles": [{"primary": true, "value": "Admin", "display": "Administrator"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"}
        })
    );
}

#[test]
fn an_apps_own_attributes_are_added_beside_the_rows() {
    const ACME: &str = "urn:ietf:params:scim:schemas:extension:acme:2.0:User";
    let text = format!(
        "{}[[attribute]]\nname = \"{ACME}:badge\"\ntype = \"integer\"\n[[attribute]]\nname = \"{ACME}:tags\"\nmulti_valued = true\n\
         [[attribute]]\nname = \"shoeSize\"\n",
        rows(&[
            (&format!("{ACME}:badge"), "\"7\""),
            (&format!("{ACME}:tags"), "[\"a\", \"b\"]"),
            ("shoeSize", "43"),
        ])
    );
    assert_eq!(made(&text).unwrap(), json!({ACME: {"badge": 7, "tags": ["a", "b"]}, "shoeSize": "43"}));
    let unknown = made(&rows(&[(&format!("{ACME}:badge"), "1")])).unwrap_err();
    assert!(unknown.starts_with("unknown target attribute urn:"), "{unknown}");
    let had = made("[[attribute]]\nname = \"title\"").unwrap_err();
    assert_eq!(had, "attribute title: the app has it already; leave it out");
    let wrong = made("[[attribute]]\nname = \"badge\"\ntype = \"text\"").unwrap_err();
    assert!(wrong.contains("the type text is none of string, boolean"), "{wrong}");
    let hollow = made("[[attribute]]\nname = \"desk\"\ntype = \"complex\"").unwrap_err();
    assert!(hollow.contains("says what it is made of"), "{hollow}");
    let filtered = made("[[attribute]]\nname = 'badges[type eq \"x\"]'").unwrap_err();
    assert!(filtered.contains("neither filter nor"), "{filtered}");
}

#[test]
fn a_path_that_nothing_can_be_written_to_is_refused_when_saved() {
    let refused = |target: &str| made(&rows(&[(target, "\"x\"")])).unwrap_err();
    assert!(
        refused(r#"emails[typ eq "work"].value"#)
            .starts_with(r#"emails[typ eq "work"].value can't be written"#)
    );
    assert!(refused(r#"emails[type ne "work"].value"#).contains("can't be written"));
    assert!(refused(r#"name[givenName eq "x"].familyName"#).contains("one value only"));
    assert!(refused("emails.valu").contains("did you mean emails.value?"));
    assert!(refused("id").contains("read-only"));
    let row = |target: &str| {
        made(&format!("[[mapping]]\ntarget = '{target}'\nconstant = \"x\"\nwhen = \"add_values\"")).map(drop)
    };
    assert_eq!(row("roles"), Ok(()));
    assert!(row("title").unwrap_err().contains("add_values is for a multi-valued attribute"));
    assert!(row(r#"emails[type eq "work"].value"#).unwrap_err().contains("add_values"));
    let zero = made("[[mapping]]\ntarget = \"title\"\nconstant = \"x\"\nmatch = 0").unwrap_err();
    assert_eq!(zero, "title: precedences begin with 1");
}
