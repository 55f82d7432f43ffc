//! Schemas and resource types as `/Schemas` and `/ResourceTypes` serve them (RFC 7643 §6, §7).

use serde_json::{Value, json};

use super::{Attribute, Mutability, ResourceType, Returned, Schema, Type, Uniqueness, is_name};
use crate::{
    Object, ScimError,
    error::invalid_value,
    prepare::{fold, same_name},
};

/// The most attributes of a custom schema, and of sub-attributes of one attribute.
const ATTRIBUTES: usize = 500;

impl Type {
    /// Its keyword.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Decimal => "decimal",
            Self::Integer => "integer",
            Self::DateTime => "dateTime",
            Self::Binary => "binary",
            Self::Reference => "reference",
            Self::Complex => "complex",
        }
    }
    const ALL: [Self; 8] = [
        Self::String,
        Self::Boolean,
        Self::Decimal,
        Self::Integer,
        Self::DateTime,
        Self::Binary,
        Self::Reference,
        Self::Complex,
    ];
}
impl Mutability {
    /// Its keyword.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "readOnly",
            Self::ReadWrite => "readWrite",
            Self::Immutable => "immutable",
            Self::WriteOnly => "writeOnly",
        }
    }
    const ALL: [Self; 4] = [Self::ReadOnly, Self::ReadWrite, Self::Immutable, Self::WriteOnly];
}
impl Returned {
    /// Its keyword.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Default => "default",
            Self::Request => "request",
        }
    }
    const ALL: [Self; 4] = [Self::Always, Self::Never, Self::Default, Self::Request];
}
impl Uniqueness {
    /// Its keyword.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Server => "server",
            Self::Global => "global",
        }
    }
    const ALL: [Self; 3] = [Self::None, Self::Server, Self::Global];
}

impl Schema {
    /// As served at `/Schemas`, without `meta`.
    pub fn to_json(&self) -> Object {
        let attributes: Vec<Value> = self.attributes.iter().map(attribute_json).collect();
        object(json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": self.id, "name": self.name, "description": self.description, "attributes": attributes,
        }))
    }
    /// Reads the form of `/Schemas` (a custom extension), checking it: `invalidValue` names the attribute at fault.
    pub fn from_json(json: &Object) -> Result<Self, ScimError> {
        let id = text(json, "id")?.ok_or_else(|| invalid_value("a schema needs an \"id\", its URN"))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if !id.get(..4).is_some_and(|u| same_name(u, "urn:")) || id.len() > 250 || !id.chars().all(plain) {
            return Err(invalid_value(format!(
                "the schema id \"{id}\" must be a URN such as urn:example:hr:1.0:User"
            )));
        }
        let name = text(json, "name")?.unwrap_or_else(|| id.rsplit(':').next().unwrap_or(&id).to_owned());
        let attributes = attributes(json, "attributes", true)?;
        if attributes.is_empty() {
            return Err(invalid_value("a schema needs \"attributes\""));
        }
        Ok(Self {
            description: text(json, "description")?.unwrap_or_default(),
            id,
            name,
            attributes,
            open: false,
        })
    }
}

impl ResourceType {
    /// As served at `/ResourceTypes`, without `meta` (RFC 7643 §6).
    pub fn to_json(&self) -> Object {
        let extensions: Vec<Value> = self
            .extensions
            .iter()
            .map(|(e, required)| json!({"schema": e.id, "required": required}))
            .collect();
        let mut json = object(json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": self.name, "name": self.name, "description": self.schema.description,
            "endpoint": self.endpoint, "schema": self.schema.id,
        }));
        if !extensions.is_empty() {
            json.insert("schemaExtensions".into(), extensions.into());
        }
        json
    }
}

fn object(json: Value) -> Object {
    match json {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

/// Every characteristic that a type has is stated, none that it has not (checklist D-11).
fn attribute_json(a: &Attribute) -> Value {
    let mut json = object(json!({
        "name": a.name, "type": a.kind.as_str(), "multiValued": a.multi_valued, "description": a.description,
        "required": a.required, "mutability": a.mutability.as_str(), "returned": a.returned.as_str(),
    }));
    let textual = matches!(a.kind, Type::String | Type::Reference | Type::Binary);
    if textual {
        json.insert("caseExact".into(), a.case_exact.into());
    }
    if textual || (a.kind != Type::Complex && a.uniqueness != Uniqueness::None) {
        json.insert("uniqueness".into(), a.uniqueness.as_str().into());
    }
    if !a.canonical_values.is_empty() {
        json.insert("canonicalValues".into(), json!(a.canonical_values));
    }
    if a.kind == Type::Reference {
        json.insert("referenceTypes".into(), json!(a.reference_types));
    }
    if a.kind == Type::Complex {
        json.insert("subAttributes".into(), a.sub_attributes.iter().map(attribute_json).collect());
    }
    Value::Object(json)
}

fn attributes(json: &Object, key: &str, complex_allowed: bool) -> Result<Vec<Attribute>, ScimError> {
    let values = match member(json, key) {
        None => return Ok(Vec::new()),
        Some(Value::Array(values)) => values,
        Some(_) => return Err(invalid_value(format!("\"{key}\" must be an array"))),
    };
    if values.len() > ATTRIBUTES {
        return Err(invalid_value(format!("\"{key}\" has more than {ATTRIBUTES} entries")));
    }
    let mut seen = std::collections::HashSet::new();
    let mut attributes = Vec::with_capacity(values.len());
    for value in values {
        let value = value.as_object().ok_or_else(|| invalid_value(format!("\"{key}\" must hold objects")))?;
        let attribute = attribute(value, complex_allowed)?;
        if !seen.insert(fold(&attribute.name)) {
            return Err(invalid_value(format!("the attribute \"{}\" is defined twice", attribute.name)));
        }
        attributes.push(attribute);
    }
    Ok(attributes)
}

fn attribute(json: &Object, complex_allowed: bool) -> Result<Attribute, ScimError> {
    let name = text(json, "name")?.ok_or_else(|| invalid_value("an attribute needs a \"name\""))?;
    if !is_name(&name) || (name == "$ref" && complex_allowed) {
        return Err(invalid_value(format!(
            "\"{name}\" is no attribute name: a letter, then letters, digits, \"-\", \"_\" and \"$\""
        )));
    }
    let kind = keyword(json, "type", &Type::ALL, Type::as_str)?.unwrap_or(Type::String);
    let mut attribute = Attribute::new(&name, kind);
    attribute.multi_valued = flag(json, "multiValued")?.unwrap_or(false);
    attribute.required = flag(json, "required")?.unwrap_or(false);
    attribute.case_exact = flag(json, "caseExact")?.unwrap_or(attribute.case_exact);
    attribute.description = text(json, "description")?.unwrap_or_default();
    attribute.canonical_values = texts(json, "canonicalValues")?;
    attribute.reference_types = texts(json, "referenceTypes")?;
    if let Some(mutability) = keyword(json, "mutability", &Mutability::ALL, Mutability::as_str)? {
        attribute.mutability = mutability;
    }
    if let Some(returned) = keyword(json, "returned", &Returned::ALL, Returned::as_str)? {
        attribute.returned = returned;
    }
    if let Some(uniqueness) = keyword(json, "uniqueness", &Uniqueness::ALL, Uniqueness::as_str)? {
        attribute.uniqueness = uniqueness;
    }
    match (kind == Type::Complex, complex_allowed) {
        (true, false) => {
            return Err(invalid_value(format!("the sub-attribute \"{name}\" cannot be complex")));
        }
        (true, true) => attribute.sub_attributes = attributes(json, "subAttributes", false)?,
        (false, _) => {}
    }
    if (kind == Type::Complex) == attribute.sub_attributes.is_empty() {
        return Err(invalid_value(format!("the complex attribute \"{name}\" needs \"subAttributes\"")));
    }
    Ok(attribute)
}

/// A member whatever its case; `null` is none.
fn member<'o>(json: &'o Object, key: &str) -> Option<&'o Value> {
    json.iter().find(|(k, _)| same_name(k, key)).map(|(_, v)| v).filter(|v| !v.is_null())
}
fn text(json: &Object, key: &str) -> Result<Option<String>, ScimError> {
    match member(json, key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid_value(format!("\"{key}\" must be text"))),
    }
}
fn flag(json: &Object, key: &str) -> Result<Option<bool>, ScimError> {
    match member(json, key) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(invalid_value(format!("\"{key}\" must be true or false"))),
    }
}
fn texts(json: &Object, key: &str) -> Result<Vec<String>, ScimError> {
    let wrong = || invalid_value(format!("\"{key}\" must be an array of texts"));
    match member(json, key) {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => {
            values.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}
fn keyword<T: Copy>(
    json: &Object,
    key: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Option<T>, ScimError> {
    let Some(given) = text(json, key)? else {
        return Ok(None);
    };
    match all.iter().find(|&&t| same_name(name(t), &given)) {
        Some(&found) => Ok(Some(found)),
        None => {
            let names: Vec<&str> = all.iter().map(|&t| name(t)).collect();
            Err(invalid_value(format!("\"{key}\" is one of {}, not \"{given}\"", names.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{enterprise_user, enterprise_user_4me, group, group_4me, user};
    use super::*;

    fn refused(json: Value) -> String {
        Schema::from_json(&object(json)).unwrap_err().detail
    }

    #[test]
    fn d_11_round_trip() {
        for schema in [user(), enterprise_user(), enterprise_user_4me(), group(), group_4me()] {
            assert_eq!(Schema::from_json(&schema.to_json()).unwrap(), schema);
        }
    }

    #[test]
    fn d_11_characteristics_stand_where_they_belong() {
        let json = Value::Object(user().to_json());
        let emails = json["attributes"].as_array().unwrap().iter().find(|a| a["name"] == "emails").unwrap();
        assert!(emails.get("caseExact").is_none() && emails.get("uniqueness").is_none());
        assert_eq!(emails["subAttributes"][0]["caseExact"], json!(false));
        assert!(emails["subAttributes"][3].get("caseExact").is_none());
        let password =
            json["attributes"].as_array().unwrap().iter().find(|a| a["name"] == "password").unwrap();
        assert_eq!((&password["returned"], &password["mutability"]), (&json!("never"), &json!("writeOnly")));
    }

    #[test]
    fn s_20_defaults() {
        let schema = json!({"id": "urn:example:hr:1.0:User", "attributes": [{"name": "badge"}]});
        let schema = Schema::from_json(&object(schema)).unwrap();
        assert_eq!(
            (schema.name.as_str(), &schema.attributes[0]),
            ("User", &Attribute::new("badge", Type::String))
        );
    }

    #[test]
    fn s_21_no_complex_sub_attribute() {
        let sub = json!({"name": "b", "type": "complex", "subAttributes": [{"name": "c"}]});
        let schema = json!({"id": "urn:x:y", "attributes": [{"name": "a", "type": "complex", "subAttributes": [sub]}]});
        assert!(refused(schema).contains("cannot be complex"));
    }

    #[test]
    fn s_19_names() {
        for name in ["1a", "a b", "", "$ref", "é", "a.b"] {
            refused(json!({"id": "urn:x:y", "attributes": [{"name": name}]}));
        }
        assert!(
            refused(json!({"id": "urn:x:y", "attributes": [{"name": "a"}, {"name": "A"}]})).contains("twice")
        );
        assert!(refused(json!({"id": "x", "attributes": [{"name": "a"}]})).contains("URN"));
        assert!(
            refused(json!({"id": "urn:x:y", "attributes": [{"name": "a", "type": "text"}]}))
                .contains("string")
        );
    }

    #[test]
    fn d_06_resource_types() {
        let json = ResourceType::user(user(), vec![enterprise_user()]).to_json();
        assert_eq!(json["endpoint"], "/Users");
        assert_eq!(
            json["schemaExtensions"],
            json!([{"schema": super::super::ENTERPRISE, "required": false}])
        );
    }
}
