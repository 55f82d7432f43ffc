//! What differs between what the mapping wants and what is there: row by row, as the app's schema compares.

use serde_json::Value as Json;
use usher_client::Change;
use usher_mapping::{
    ObjectMapping,
    mapping::{Mapped, document},
};
use usher_scim::{AttributePath, Object, ResourceType, ScimError, resource};

use crate::reference;

/// One attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The target attribute.
    pub path: AttributePath,
    /// What was last written, or found there; null: nothing.
    pub old: Json,
    /// What is to be there; null: to be removed.
    pub new: Json,
    /// Both are hidden in logs.
    pub redacted: bool,
}

impl Difference {
    /// As the client sends it.
    pub fn change(&self) -> Change {
        Change {
            path: self.path.clone(),
            value: (!self.new.is_null()).then(|| self.new.clone()),
            there: !self.old.is_null(),
        }
    }
}

/// What is to be there, as a document of the app's type.
pub fn desired(target: &ResourceType, mapped: &[Mapped]) -> Result<Object, ScimError> {
    document(target, mapped)
}

/// The differences between the mapped values and `there`. A null leaves what is there, or clears it where the row says so.
pub fn against(
    target: &ResourceType,
    mapped: &[Mapped],
    there: &Object,
) -> Result<Vec<Difference>, ScimError> {
    let wanted = desired(target, mapped)?;
    let mut found = Vec::new();
    for row in mapped {
        let new = at(target, &wanted, &row.target);
        let old = at(target, there, &row.target);
        let differs = match (new.is_null(), old.is_null()) {
            (true, true) => false,
            (true, false) => row.clear,
            (false, true) => true,
            (false, false) => !row.only_if_empty && !resource::same(target, &row.target, &new, &old),
        };
        if differs {
            found.push(Difference { path: row.target.clone(), old, new, redacted: row.redacted });
        }
    }
    Ok(found)
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

/// Of a document found at the app, what the mapping writes: what is kept as *last written* when it is taken over.
pub fn mapped_part(
    target: &ResourceType,
    mapping: &ObjectMapping,
    there: &Object,
) -> Result<Object, ScimError> {
    let mut part = Object::new();
    for row in mapping.rows.iter().filter(|r| !reference::is_members(&r.target)) {
        let value = at(target, there, &row.target);
        if !value.is_null() {
            resource::write(target, &mut part, &row.target, value)?;
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
