//! Schemas as data with all characteristics (RFC 7643 §2.2, §7, §8.7).

use std::sync::Arc;

use crate::{AttributePath, prepare::same_name};

mod json;
mod tables;

pub use tables::{
    common, custom_fields_4me, directory_user, enterprise_user, enterprise_user_4me, group, group_4me, user,
};

/// `urn:ietf:params:scim:schemas:core:2.0:User`
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// `urn:ietf:params:scim:schemas:core:2.0:Group`
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User`
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// 4me's custom fields, an open extension of users.
pub const CUSTOM_FIELDS_4ME: &str = "urn:ietf:params:scim:schemas:extension:4me:1.0:custom_fields";
/// Usher's open extension of directory users, for whatever a source maps there.
pub const DIRECTORY_USER: &str = "urn:usher:directory:1.0:User";

/// RFC 7643 §2.3 types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}
/// RFC 7643 §7 mutability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Mutability {
    ReadOnly,
    ReadWrite,
    Immutable,
    WriteOnly,
}
/// RFC 7643 §7 returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Returned {
    Always,
    Never,
    Default,
    Request,
}
/// RFC 7643 §7 uniqueness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Uniqueness {
    None,
    Server,
    Global,
}

/// An attribute or sub-attribute.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Attribute {
    pub name: String,
    pub kind: Type,
    pub multi_valued: bool,
    pub description: String,
    pub required: bool,
    pub canonical_values: Vec<String>,
    pub case_exact: bool,
    pub mutability: Mutability,
    pub returned: Returned,
    pub uniqueness: Uniqueness,
    pub reference_types: Vec<String>,
    pub sub_attributes: Vec<Attribute>,
}

impl Attribute {
    /// A single-valued attribute with the defaults of RFC 7643 §2.2 (references and binary are case-exact, §2.3.6-7).
    pub fn new(name: &str, kind: Type) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            multi_valued: false,
            description: String::new(),
            required: false,
            canonical_values: Vec::new(),
            case_exact: matches!(kind, Type::Reference | Type::Binary),
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            reference_types: Vec::new(),
            sub_attributes: Vec::new(),
        }
    }
    /// The same, multi-valued.
    pub fn multi(mut self) -> Self {
        self.multi_valued = true;
        self
    }
    /// The sub-attribute of a name, ignoring case.
    pub fn sub(&self, name: &str) -> Option<&Attribute> {
        self.sub_attributes.iter().find(|a| same_name(&a.name, name))
    }
    /// Whether it points at other SCIM resources (`manager`, `members`, `groups`): it has a `$ref` to one, which the
    /// server fills in from `value`.
    pub(crate) fn is_link(&self) -> bool {
        let to_resource = |types: &[String]| types.iter().any(|t| t != "external" && t != "uri");
        self.sub("$ref").is_some_and(|r| to_resource(&r.reference_types)) && self.sub("value").is_some()
    }
}

/// A schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Its URN.
    pub id: String,
    /// E.g. `User`.
    pub name: String,
    /// For people.
    pub description: String,
    /// In the order of the RFC.
    pub attributes: Vec<Attribute>,
    /// Whether attributes not listed are kept as they come (Usher's own `urn:usher:directory:1.0:User` and 4me's custom fields).
    pub open: bool,
}

impl Schema {
    /// The attribute of a name, ignoring case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| same_name(&a.name, name))
    }
}

/// A resource type: base schema and extensions, names resolved ignoring case.
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// `User`, `Group`.
    pub name: String,
    /// `/Users`, `/Groups`.
    pub endpoint: String,
    /// Base schema.
    pub schema: Arc<Schema>,
    /// Extensions; `true` = required.
    pub extensions: Vec<(Arc<Schema>, bool)>,
}

/// What a path names in a resource type.
#[derive(Debug, Clone, Copy)]
pub struct Resolved<'s> {
    /// The schema; `None` for `id`, `externalId`, `meta`, `schemas`, which are described by [`common`].
    pub schema: Option<&'s Schema>,
    /// Whether `schema` is an extension (its values stand in a container named by its URN).
    pub extension: bool,
    /// The attribute; `None` when the path names a whole extension.
    pub attribute: Option<&'s Attribute>,
    /// The sub-attribute, if named.
    pub sub: Option<&'s Attribute>,
    /// The path names an attribute that an open schema does not list: `attribute` and `sub` are `None`, the path's own
    /// names are the keys.
    pub open: bool,
}

impl ResourceType {
    /// `User` at `/Users` with these extensions, none required.
    pub fn user(schema: Schema, extensions: Vec<Schema>) -> Self {
        Self {
            name: "User".into(),
            endpoint: "/Users".into(),
            schema: Arc::new(schema),
            extensions: extensions.into_iter().map(|e| (Arc::new(e), false)).collect(),
        }
    }
    /// `Group` at `/Groups`.
    pub fn group(schema: Schema) -> Self {
        Self {
            name: "Group".into(),
            endpoint: "/Groups".into(),
            schema: Arc::new(schema),
            extensions: Vec::new(),
        }
    }
    /// The base schema or extension of a URN, ignoring case; `true`: an extension. Pre-standard spellings of the core
    /// and enterprise URNs (checklist C-25) name the same schemas.
    pub fn schema_named(&self, urn: &str) -> Option<(&Schema, bool)> {
        let urn = match urn {
            _ if same_name(urn, "urn:scim:schemas:core:2.0")
                || same_name(urn, "urn:scim:schemas:core:1.0") =>
            {
                &self.schema.id
            }
            _ if same_name(urn, "urn:scim:schemas:extension:enterprise:2.0")
                || same_name(urn, "urn:scim:schemas:extension:enterprise:1.0") =>
            {
                ENTERPRISE
            }
            _ => urn,
        };
        if same_name(urn, &self.schema.id) {
            return Some((&self.schema, false));
        }
        self.extensions.iter().find(|(e, _)| same_name(urn, &e.id)).map(|(e, _)| (&**e, true))
    }
    /// Resolves a path, ignoring the case of names and URNs. `None`: unknown. Bare names of enterprise attributes
    /// (`department`, `manager`) are found too when no base attribute has the name (checklist C- ids).
    pub fn resolve(&self, path: &AttributePath) -> Option<Resolved<'_>> {
        let sub = path.sub.as_deref();
        let Some(urn) = path.schema.as_deref() else {
            return self.bare(&path.name, sub);
        };
        let whole = if path.name.is_empty() { urn.to_owned() } else { format!("{urn}:{}", path.name) };
        if let Some((schema, extension)) = self.schema_named(&whole) {
            let bare = sub.is_none() && path.filter.is_none();
            let resolved =
                Resolved { schema: Some(schema), extension, attribute: None, sub: None, open: false };
            return bare.then_some(resolved);
        }
        match self.schema_named(urn)? {
            (_, false) => self.base(&path.name, sub),
            (schema, true) => within(schema, &path.name, sub),
        }
    }
    fn bare(&self, name: &str, sub: Option<&str>) -> Option<Resolved<'_>> {
        if self.schema.attribute(name).is_some() || common().iter().any(|a| same_name(&a.name, name)) {
            return self.base(name, sub);
        }
        let mut having = self.extensions.iter().filter(|(e, _)| e.attribute(name).is_some());
        match (having.next(), having.next()) {
            (Some((schema, _)), None) => within(schema, name, sub),
            _ => None,
        }
    }
    fn base(&self, name: &str, sub: Option<&str>) -> Option<Resolved<'_>> {
        let (schema, attribute) = match self.schema.attribute(name) {
            Some(attribute) => (Some(&*self.schema), attribute),
            None => (None, common().iter().find(|a| same_name(&a.name, name))?),
        };
        let sub = sub.map(|s| attribute.sub(s).ok_or(())).transpose().ok()?;
        Some(Resolved { schema, extension: false, attribute: Some(attribute), sub, open: false })
    }
}

/// A name inside an extension.
fn within<'s>(schema: &'s Schema, name: &str, sub: Option<&str>) -> Option<Resolved<'s>> {
    let open = Resolved { schema: Some(schema), extension: true, attribute: None, sub: None, open: true };
    let Some(attribute) = schema.attribute(name) else {
        return schema.open.then_some(open);
    };
    let sub = sub.map(|s| attribute.sub(s).ok_or(())).transpose().ok()?;
    Some(Resolved { attribute: Some(attribute), sub, open: false, ..open })
}

/// Whether a text is an attribute's name (RFC 7643 §2.1; `$ref` is the one that begins with `$`).
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    text == "$ref"
        || (chars.next().is_some_and(|c| c.is_ascii_alphabetic())
            && chars.all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> ResourceType {
        ResourceType::user(user(), vec![enterprise_user_4me(), custom_fields_4me()])
    }
    fn names(text: &str) -> Option<String> {
        let users = users();
        let r = users.resolve(&AttributePath::parse(text).unwrap())?;
        let mut name = r.schema.map_or("common", |s| s.name.as_str()).to_owned();
        for part in [r.attribute, r.sub].into_iter().flatten() {
            name += "/";
            name += &part.name;
        }
        Some(if r.open { name + " open" } else { name })
    }

    #[test]
    fn s_17_names_ignore_case() {
        assert_eq!(names("USERNAME").as_deref(), Some("User/userName"));
        assert_eq!(names("Name.GivenName").as_deref(), Some("User/name/givenName"));
        assert_eq!(names("emails.VALUE").as_deref(), Some("User/emails/value"));
        assert_eq!(names("META.lastmodified").as_deref(), Some("common/meta/lastModified"));
    }

    #[test]
    fn p_09_urns() {
        assert_eq!(names(&format!("{USER}:name.familyName")).as_deref(), Some("User/name/familyName"));
        assert_eq!(
            names(&format!("{}:Manager.value", ENTERPRISE.to_uppercase())).as_deref(),
            Some("EnterpriseUser/manager/value")
        );
        assert_eq!(names(ENTERPRISE).as_deref(), Some("EnterpriseUser"));
        assert_eq!(names(CUSTOM_FIELDS_4ME).as_deref(), Some("CustomFields"));
        assert_eq!(names(&format!("{CUSTOM_FIELDS_4ME}:payroll_id")).as_deref(), Some("CustomFields open"));
        assert_eq!(
            names("urn:scim:schemas:extension:enterprise:2.0:department").as_deref(),
            Some("EnterpriseUser/department")
        );
        assert_eq!(names("urn:example:2.0:User:department"), None);
        assert_eq!(names(&format!("{ENTERPRISE}:payroll_id")), None);
    }

    #[test]
    fn q_15_bare_names_of_extension_attributes() {
        assert_eq!(names("department").as_deref(), Some("EnterpriseUser/department"));
        assert_eq!(names("manager.displayName").as_deref(), Some("EnterpriseUser/manager/displayName"));
        assert_eq!(names("manager.nothing"), None);
        assert_eq!(names("payroll_id"), None);
    }
}
