//! What differs between what the mapping wants and what is there: row by row, as the app's schema compares.

use serde_json::Value as Json;
use usher_client::Change;
use usher_mapping::{ObjectMapping, mapping::Mapped};
use usher_scim::{AttributePath, Object, ResourceType, ScimError, resource};

use crate::{
    flaw::{self, Flaw},
    reference,
};

/// One attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The target attribute.
    pub path: AttributePath,
    /// What was last written, or found there; null: nothing.
    pub old: Json,
    /// What is to be there; null: to be removed.
    pub new: Json,
    /// Of a multi-valued attribute that is only added to, what is new; `None`: the whole value is written.
    pub added: Option<Json>,
    /// Nothing is there that the path's filter would find.
    pub new_entry: bool,
    /// Both are hidden in logs.
    pub redacted: bool,
}

impl Difference {
    /// As the client sends it.
    pub fn change(&self) -> Change {
        if let Some(added) = &self.added {
            return Change {
                path: self.path.clone(),
                value: Some(added.clone()),
                there: false,
                new_entry: false,
            };
        }
        Change {
            path: self.path.clone(),
            value: (!self.new.is_null()).then(|| self.new.clone()),
            there: !self.old.is_null(),
            new_entry: self.new_entry,
        }
    }
}

/// The differences between the mapped values, written as the document `wanted`, and `there`. A null leaves what is there,
/// or clears it where the row says so.
pub fn against(target: &ResourceType, mapped: &[Mapped], wanted: &Object, there: &Object) -> Vec<Difference> {
    compare(target, mapped, wanted, there, false)
}

/// The same where it is not certain that `there` is there, since a write of it never came to an end: everything is written again.
pub fn anew(target: &ResourceType, mapped: &[Mapped], wanted: &Object, there: &Object) -> Vec<Difference> {
    compare(target, mapped, wanted, there, true)
}

fn compare(
    target: &ResourceType,
    mapped: &[Mapped],
    wanted: &Object,
    there: &Object,
    unsure: bool,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for row in mapped {
        let mut new = at(target, wanted, &row.target);
        let old = at(target, there, &row.target);
        let added = if row.add_only { add_to(target, row, &old, &mut new) } else { None };
        let differs = match (new.is_null(), old.is_null()) {
            (true, true) => unsure && row.clear,
            (true, false) => row.clear && !flaw::is_on(Flaw::EmptiedValueKept),
            (false, true) => true,
            (false, false) => {
                !row.only_if_empty
                    && ((unsure && !row.add_only) || !resource::same(target, &row.target, &new, &old))
            }
        };
        if differs {
            let (path, redacted) = (row.target.clone(), row.redacted);
            let new_entry = lacks_entry(target, there, &path);
            found.push(Difference { path, old, new, added, new_entry, redacted });
        }
    }
    found
}

/// Makes `new` what is there together with what is new; gives what is new.
fn add_to(target: &ResourceType, row: &Mapped, old: &Json, new: &mut Json) -> Option<Json> {
    let (Json::Array(there), Json::Array(wanted)) = (old, &*new) else { return None };
    let one = |value: &Json| Json::Array(vec![value.clone()]);
    let is_there =
        |value: &&Json| there.iter().any(|old| resource::same(target, &row.target, &one(old), &one(value)));
    let added: Vec<Json> = wanted.iter().filter(|value| !is_there(value)).cloned().collect();
    *new = there.iter().chain(&added).cloned().collect();
    (!added.is_empty()).then_some(Json::Array(added))
}

/// The value at a path: of a whole multi-valued attribute its values as an array, of a reference its `value` alone.
pub fn at(target: &ResourceType, object: &Object, path: &AttributePath) -> Json {
    let values = resource::read(target, object, path);
    let many = path.filter.is_none()
        && path.sub.is_none()
        && target.resolve(path).and_then(|r| r.attribute).is_some_and(|a| a.multi_valued);
    if many {
        return if values.is_empty() {
            Json::Null
        } else {
            Json::Array(values.into_iter().cloned().collect())
        };
    }
    let Some(value) = values.first() else { return Json::Null };
    if reference::is(target, path) {
        return reference::bare(value);
    }
    (*value).clone()
}

/// Whether nothing is there that the path's filter would find.
pub fn lacks_entry(target: &ResourceType, there: &Object, path: &AttributePath) -> bool {
    let entry = AttributePath { sub: None, ..path.clone() };
    path.filter.is_some() && resource::read(target, there, &entry).is_empty()
}

/// Of a document found at the app, what the mapping (and `mapped`, which may have more) writes: what is kept as *last written* when it is taken over.
pub fn mapped_part(
    target: &ResourceType,
    mapping: &ObjectMapping,
    mapped: &[Mapped],
    there: &Object,
) -> Result<Object, ScimError> {
    let mut part = Object::new();
    let beyond =
        mapped.iter().map(|row| &row.target).filter(|path| mapping.rows.iter().all(|r| r.target != **path));
    for path in
        mapping.rows.iter().map(|row| &row.target).chain(beyond).filter(|path| !reference::is_members(path))
    {
        let value = at(target, there, path);
        if !value.is_null() {
            resource::write(target, &mut part, path, value)?;
        }
    }
    Ok(part)
}

/// `sent` after these differences were written.
pub fn applied(
    target: &ResourceType,
    sent: &Object,
    differences: &[Difference],
) -> Result<Object, ScimError> {
    let mut after = sent.clone();
    for d in differences {
        resource::write(target, &mut after, &d.path, d.new.clone())?;
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use usher_mapping::{Context, NoLookup, mapping::Moment};

    use super::*;
    use crate::gallery;

    fn object(json: Json) -> Object {
        match json {
            Json::Object(o) => o,
            other => panic!("{other}"),
        }
    }

    fn found(source: Json, there: Json, nulls: &str) -> Vec<(String, Json, Json)> {
        let template = gallery::get("scim").unwrap();
        let target = template.target();
        let mut table = template.users.to_toml();
        for row in table["mapping"].as_array_mut().unwrap() {
            row.as_table_mut().unwrap().insert("nulls".into(), nulls.into());
        }
        let mapping = ObjectMapping::from_toml(&table).unwrap();
        let source = object(source);
        let named = [("IsSoftDeleted".to_owned(), usher_mapping::Value::Boolean(false))];
        let mut lookup = NoLookup;
        let mut cx =
            Context { named: &named, ..Context::new(&source, &mut lookup, jiff::Timestamp::UNIX_EPOCH) };
        let rows = mapping.apply(&mut cx, Moment::Update).unwrap();
        let wanted = mapping.writer(&target.user).document(&target.user, &rows).unwrap();
        against(&target.user, &rows, &wanted, &object(there))
            .into_iter()
            .map(|d| (d.path.to_string(), d.old, d.new))
            .collect()
    }

    #[test]
    fn what_the_schema_calls_equal_is_no_difference() {
        let source =
            json!({"userName": "Ann", "title": "Head", "emails": [{"type": "work", "value": "a@b.c"}]});
        let there = json!({
            "userName": "ann", "active": true, "title": "HEAD",
            "emails": [{"type": "home", "value": "x@y.z"}, {"type": "work", "primary": true, "value": "A@B.C"}],
        });
        assert_eq!(found(source, there, "skip"), []);
    }

    #[test]
    fn a_difference_names_both_values_by_its_path() {
        let source = json!({"userName": "ann", "emails": [{"type": "work", "value": "new@b.c"}]});
        let there =
            json!({"userName": "ann", "active": false, "emails": [{"type": "work", "value": "old@b.c"}]});
        let expected = [
            ("active".to_owned(), json!(false), json!(true)),
            ("emails[type eq \"work\"].value".to_owned(), json!("old@b.c"), json!("new@b.c")),
        ];
        assert_eq!(found(source, there, "skip"), expected);
    }

    #[test]
    fn a_null_leaves_what_is_there_or_clears_it_by_its_row() {
        let source = json!({"userName": "ann"});
        let there = json!({"userName": "ann", "active": true, "title": "Head"});
        assert_eq!(found(source.clone(), there.clone(), "skip"), []);
        assert_eq!(found(source, there, "clear"), [("title".to_owned(), json!("Head"), Json::Null)]);
    }

    #[test]
    fn a_reference_is_compared_by_its_value_alone() {
        let target = gallery::get("scim").unwrap().target();
        let path = AttributePath::parse(&format!("{}:manager", usher_scim::schema::ENTERPRISE)).unwrap();
        assert!(reference::is(&target.user, &path));
        let shown = json!({ (usher_scim::schema::ENTERPRISE): {
            "manager": {"value": "7", "$ref": "https://x/Users/7", "displayName": "Boss"} } });
        assert_eq!(at(&target.user, &object(shown), &path), json!({"value": "7"}));
        let title = AttributePath::parse("title").unwrap();
        assert!(!reference::is(&target.user, &title));
    }
}
