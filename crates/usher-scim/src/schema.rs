//! Schemas as data with all characteristics (RFC 7643 §2.2, §7, §8.7).

use std::sync::Arc;

use crate::{AttributePath, Object};

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
    pub fn user(_schema: Schema, _extensions: Vec<Schema>) -> Self {
        todo!()
    }
    /// `Group` at `/Groups`.
    pub fn group(_schema: Schema) -> Self {
        todo!()
    }
    /// As served at `/ResourceTypes`, without `meta` (RFC 7643 §6).
    pub fn to_json(&self) -> Object {
        todo!()
    }
    /// Resolves a path, ignoring the case of names and URNs. `None`: unknown. Bare names of enterprise attributes
    /// (`department`, `manager`) are found too when no base attribute has the name (checklist C- ids).
    pub fn resolve(&self, _path: &AttributePath) -> Option<Resolved<'_>> {
        todo!()
    }
}

impl Attribute {
    /// A single-valued attribute with the defaults of RFC 7643 §2.2.
    pub fn new(_name: &str, _kind: Type) -> Self {
        todo!()
    }
    /// The same, multi-valued.
    pub fn multi(self) -> Self {
        todo!()
    }
}

/// The attributes common to all resources: `schemas`, `id`, `externalId`, `meta` (RFC 7643 §3.1).
pub fn common() -> &'static [Attribute] {
    todo!()
}
/// RFC 7643 §4.1, §8.7.1 with errata.
pub fn user() -> Schema {
    todo!()
}
/// RFC 7643 §4.3.
pub fn enterprise_user() -> Schema {
    todo!()
}
/// The enterprise extension as 4me has it: with `site`, `location` and `supportID`.
pub fn enterprise_user_4me() -> Schema {
    todo!()
}
/// 4me's custom fields: open, nothing listed.
pub fn custom_fields_4me() -> Schema {
    todo!()
}
/// Group as 4me has it: with `groupType`.
pub fn group_4me() -> Schema {
    todo!()
}
/// Usher's open extension of directory users with the attributes a directory declares.
pub fn directory_user(_declared: Vec<Attribute>) -> Schema {
    todo!()
}
/// RFC 7643 §4.2; `displayName` required (erratum 5368).
pub fn group() -> Schema {
    todo!()
}

impl Schema {
    /// As served at `/Schemas`, without `meta`.
    pub fn to_json(&self) -> Object {
        todo!()
    }
    /// Reads the form of `/Schemas` (a custom extension), checking it.
    pub fn from_json(_json: &Object) -> Result<Self, crate::ScimError> {
        todo!()
    }
}
