//! The gallery: one TOML file an app, embedded. Adding an app is adding a file and a line in `FILES`.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use usher_client::Wire;
use usher_directory::Kind;
use usher_mapping::{
    ObjectMapping,
    mapping::{TargetAttribute, extended},
};
use usher_scim::{
    AttributePath, ResourceType,
    schema::{self, Mutability, Type},
};

use crate::error::{EngineError, nearest};

/// The files of `gallery/`, by name.
const FILES: &[(&str, &str)] = &[
    ("4me", include_str!("../../../gallery/4me.toml")),
    ("elium", include_str!("../../../gallery/elium.toml")),
    ("scim", include_str!("../../../gallery/scim.toml")),
];

/// What an app can't do, or does its own way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// DELETE really removes a user; where it does not, a purged user is disabled instead.
    pub delete_users: bool,
    /// DELETE removes a group.
    pub delete_groups: bool,
    /// The largest page, where it is known.
    pub page: Option<u32>,
    /// User attributes the app can filter on; empty: not known to be limited.
    pub filterable_users: Vec<String>,
    /// Group attributes the app can filter on; empty: not known to be limited.
    pub filterable_groups: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            delete_users: true,
            delete_groups: true,
            page: None,
            filterable_users: Vec::new(),
            filterable_groups: Vec::new(),
        }
    }
}

impl Limits {
    /// The attributes of a kind that the app can filter on; empty: not known to be limited.
    pub fn filterable(&self, kind: Kind) -> &[String] {
        match kind {
            Kind::User => &self.filterable_users,
            Kind::Group => &self.filterable_groups,
        }
    }
}

/// A target attribute that the app has beyond RFC 7643: a single text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraAttribute {
    /// `users` or `groups`.
    pub kind: String,
    /// The schema (extension) it stands in.
    pub schema: String,
    /// Its name.
    pub name: String,
}

impl ExtraAttribute {
    fn attribute(&self) -> TargetAttribute {
        TargetAttribute {
            path: AttributePath::attribute(&self.name).within(&self.schema),
            kind: Type::String,
            sub_attributes: Vec::new(),
            multi_valued: false,
            required: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    display_name: String,
    summary: String,
    documentation: String,
    tenant_url: String,
    tenant_url_test: Option<String>,
    authentication: String,
    token_days: Option<u32>,
    wire_profile: String,
    #[serde(default)]
    roles: Vec<String>,
    default_role: Option<String>,
    #[serde(default)]
    exclude_default_access: bool,
    rate_limit: Option<u32>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    attribute: Vec<ExtraAttribute>,
    users: toml::Table,
    groups: toml::Table,
}

/// An app as the gallery knows it.
#[derive(Debug, Clone)]
pub struct Template {
    /// As in `--from NAME`.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// One line.
    pub summary: String,
    /// The vendor's page.
    pub documentation: String,
    /// What a tenant URL looks like.
    pub tenant_url: String,
    /// The same for a test account.
    pub tenant_url_test: Option<String>,
    /// `bearer`.
    pub authentication: String,
    /// How long the app's tokens live.
    pub token_days: Option<u32>,
    /// A name of [`Wire`].
    pub wire_profile: String,
    /// App roles.
    pub roles: Vec<String>,
    /// The role of an assignment that names none.
    pub default_role: Option<String>,
    /// Whether holders of *Default Access* alone are left out.
    pub exclude_default_access: bool,
    /// Requests a second; `None`: no limit of ours.
    pub rate_limit: Option<u32>,
    /// What it can't do.
    pub limits: Limits,
    /// Attributes beyond RFC 7643.
    pub attributes: Vec<ExtraAttribute>,
    /// Default mapping of users.
    pub users: ObjectMapping,
    /// Default mapping of groups.
    pub groups: ObjectMapping,
}

/// All apps of the gallery, by name.
pub fn list() -> Result<&'static [Arc<Template>], EngineError> {
    static ALL: OnceLock<Result<Vec<Arc<Template>>, EngineError>> = OnceLock::new();
    ALL.get_or_init(|| FILES.iter().map(|(name, text)| read(name, text).map(Arc::new)).collect())
        .as_deref()
        .map_err(Clone::clone)
}

/// One app of the gallery.
pub fn get(name: &str) -> Result<Arc<Template>, EngineError> {
    let all = list()?;
    all.iter().find(|t| t.name == name).cloned().ok_or_else(|| EngineError::NoTemplate {
        name: name.to_owned(),
        hint: nearest(name, all.iter().map(|t| t.name.as_str())),
        known: all.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

fn read(name: &str, text: &str) -> Result<Template, EngineError> {
    let wrong = |text: String| EngineError::Gallery { file: format!("{name}.toml"), text };
    let file: File = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
    if file.name != name {
        return Err(wrong(format!("its name is {}", file.name)));
    }
    if file.wire_profile.parse::<Wire>().is_err() {
        return Err(wrong(format!("there is no wire profile {}", file.wire_profile)));
    }
    if let Some(role) = file.default_role.as_ref().filter(|r| !file.roles.contains(r)) {
        return Err(wrong(format!("the default role {role} is none of its roles")));
    }
    let users = ObjectMapping::from_toml(&file.users).map_err(|e| wrong(e.to_string()))?;
    let groups = ObjectMapping::from_toml(&file.groups).map_err(|e| wrong(e.to_string()))?;
    Ok(Template {
        name: file.name,
        display_name: file.display_name,
        summary: file.summary,
        documentation: file.documentation,
        tenant_url: file.tenant_url,
        tenant_url_test: file.tenant_url_test,
        authentication: file.authentication,
        token_days: file.token_days,
        wire_profile: file.wire_profile,
        roles: file.roles,
        default_role: file.default_role,
        exclude_default_access: file.exclude_default_access,
        rate_limit: file.rate_limit,
        limits: file.limits,
        attributes: file.attribute,
        users,
        groups,
    })
}

/// The app's own resource types: RFC 7643's User, Enterprise User and Group with the template's attributes.
#[derive(Debug, Clone)]
pub struct Target {
    /// Of its users.
    pub user: ResourceType,
    /// Of its groups.
    pub group: ResourceType,
}

impl Target {
    /// The resource type of a kind.
    pub fn of(&self, kind: Kind) -> &ResourceType {
        match kind {
            Kind::User => &self.user,
            Kind::Group => &self.group,
        }
    }
}

impl Template {
    /// The target's resource types.
    pub fn target(&self) -> Target {
        let added = |kind: &str| -> Vec<TargetAttribute> {
            self.attributes.iter().filter(|extra| extra.kind == kind).map(ExtraAttribute::attribute).collect()
        };
        let user = ResourceType::user(schema::user(), vec![schema::enterprise_user()]);
        Target {
            user: extended(&user, &added("users")),
            group: extended(&ResourceType::group(schema::group()), &added("groups")),
        }
    }
}
