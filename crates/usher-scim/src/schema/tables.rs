//! The schemas of RFC 7643 §8.7 with errata (checklist §1.6), 4me's variant, and Usher's own extension.

use std::sync::LazyLock;

use super::{
    Attribute, CUSTOM_FIELDS_4ME, DIRECTORY_USER, ENTERPRISE, GROUP, Mutability, Returned, Schema, Type,
    USER, Uniqueness,
};

/// A single-valued attribute with its description.
fn one(name: &str, kind: Type, description: &str) -> Attribute {
    Attribute { description: description.to_owned(), ..Attribute::new(name, kind) }
}
fn text(name: &str, description: &str) -> Attribute {
    one(name, Type::String, description)
}
fn exact(name: &str, description: &str) -> Attribute {
    Attribute { case_exact: true, ..text(name, description) }
}
fn reference(name: &str, to: &[&str], description: &str) -> Attribute {
    Attribute { reference_types: owned(to), ..one(name, Type::Reference, description) }
}
fn complex(name: &str, description: &str, sub_attributes: Vec<Attribute>) -> Attribute {
    Attribute { sub_attributes, ..one(name, Type::Complex, description) }
}
fn canonical(attribute: Attribute, values: &[&str]) -> Attribute {
    Attribute { canonical_values: owned(values), ..attribute }
}
fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&t| t.to_owned()).collect()
}
/// The attribute and its sub-attributes with another mutability.
fn with(mutability: Mutability, mut attribute: Attribute) -> Attribute {
    attribute.mutability = mutability;
    for sub in &mut attribute.sub_attributes {
        sub.mutability = mutability;
    }
    attribute
}
/// `value`, `display`, `type`, `primary` (RFC 7643 §2.4).
fn plural(name: &str, description: &str, value: Attribute, types: &[&str]) -> Attribute {
    let mut subs = vec![value, text("display", "A human-readable name, for display only.")];
    subs.extend(kind_and_primary(types));
    complex(name, description, subs).multi()
}
fn kind_and_primary(types: &[&str]) -> [Attribute; 2] {
    [
        canonical(text("type", "A label for what the value is for."), types),
        one("primary", Type::Boolean, "Whether this is the preferred value; at most one is."),
    ]
}

/// The attributes common to all resources: `schemas`, `id`, `externalId`, `meta` (RFC 7643 §3.1).
pub fn common() -> &'static [Attribute] {
    static COMMON: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
        let mut schemas =
            reference("schemas", &["uri"], "The URIs of the schemas the resource has attributes of.").multi();
        schemas.required = true;
        schemas.case_exact = false;
        schemas.returned = Returned::Always;
        let mut id = exact("id", "The service's identifier of the resource.");
        id.mutability = Mutability::ReadOnly;
        id.returned = Returned::Always;
        id.uniqueness = Uniqueness::Server;
        let meta = vec![
            exact("resourceType", "The name of the resource's type."),
            one("created", Type::DateTime, "When the resource was made."),
            one("lastModified", Type::DateTime, "When the resource was last changed."),
            reference("location", &["uri"], "The resource's URI."),
            exact("version", "The resource's version, as in its ETag."),
        ];
        vec![
            schemas,
            id,
            exact("externalId", "The provisioning client's identifier of the resource."),
            with(
                Mutability::ReadOnly,
                complex("meta", "What the service knows about the resource itself.", meta),
            ),
        ]
    });
    &COMMON
}

/// RFC 7643 §4.1, §8.7.1 with errata.
pub fn user() -> Schema {
    let mut attributes = singular();
    attributes.extend(plurals());
    Schema {
        id: USER.into(),
        name: "User".into(),
        description: "User account".into(),
        attributes,
        open: false,
    }
}

/// User's single-valued attributes.
fn singular() -> Vec<Attribute> {
    let mut user_name = text("userName", "The name the user signs in with; unique.");
    user_name.required = true;
    user_name.uniqueness = Uniqueness::Server;
    let name = vec![
        text("formatted", "The whole name, ready for display."),
        text("familyName", "The family name."),
        text("givenName", "The given name."),
        text("middleName", "The middle names."),
        text("honorificPrefix", "Titles before the name."),
        text("honorificSuffix", "Suffixes after the name."),
    ];
    let mut password =
        with(Mutability::WriteOnly, text("password", "Accepted for clients that send one, and dropped."));
    password.returned = Returned::Never;
    vec![
        user_name,
        complex("name", "The parts of the user's name.", name),
        text("displayName", "The name to show."),
        text("nickName", "What the user is called in everyday life."),
        reference("profileUrl", &["external"], "A page about the user."),
        text("title", "The job title."),
        text("userType", "How the user stands to the organization, such as Employee or Contractor."),
        text("preferredLanguage", "The preferred languages, as in an Accept-Language header."),
        text("locale", "The language tag that dates, numbers and money are shown in."),
        text("timezone", "The IANA time zone, such as Europe/Amsterdam."),
        one("active", Type::Boolean, "Whether the user may use the service."),
        password,
    ]
}

/// User's multi-valued attributes.
fn plurals() -> Vec<Attribute> {
    let mut addresses = vec![
        text("formatted", "The whole address, ready for display; may have several lines."),
        text("streetAddress", "Street, house number and the like; may have several lines."),
        text("locality", "City."),
        text("region", "State or region."),
        text("postalCode", "Postal code."),
        text("country", "ISO 3166-1 alpha-2 country code."),
    ];
    addresses.extend(kind_and_primary(&["work", "home", "other"]));
    let groups = vec![
        exact("value", "The group's id."),
        reference("$ref", &["Group"], "The group's URI."),
        text("display", "The group's displayName."),
        canonical(
            text("type", "Member itself (direct) or through another group (indirect)."),
            &["direct", "indirect"],
        ),
    ];
    let value = |description| text("value", description);
    vec![
        plural("emails", "E-mail addresses.", value("The address."), &["work", "home", "other"]),
        plural(
            "phoneNumbers",
            "Telephone numbers.",
            value("The number, as sent."),
            &["work", "home", "mobile", "fax", "pager", "other"],
        ),
        plural(
            "ims",
            "Instant messaging addresses.",
            value("The address."),
            &["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo", "other"],
        ),
        plural(
            "photos",
            "Photos.",
            reference("value", &["external"], "The photo's URL."),
            &["photo", "thumbnail"],
        ),
        complex("addresses", "Postal addresses.", addresses).multi(),
        with(Mutability::ReadOnly, complex("groups", "The groups the user belongs to.", groups).multi()),
        plural("entitlements", "What the user is entitled to.", value("The entitlement."), &[]),
        plural("roles", "The user's roles.", value("The role."), &[]),
        plural(
            "x509Certificates",
            "Certificates.",
            one("value", Type::Binary, "One certificate, base64 of its DER form."),
            &[],
        ),
    ]
}

/// RFC 7643 §4.3.
pub fn enterprise_user() -> Schema {
    let manager = vec![
        exact("value", "The id of the manager's user."),
        reference("$ref", &["User"], "The URI of the manager's user."),
        with(Mutability::ReadOnly, text("displayName", "The manager's displayName.")),
    ];
    Schema {
        id: ENTERPRISE.into(),
        name: "EnterpriseUser".into(),
        description: "Enterprise user".into(),
        attributes: vec![
            text("employeeNumber", "The number the organization knows the person by."),
            text("costCenter", "The cost center."),
            text("organization", "The organization."),
            text("division", "The division."),
            text("department", "The department."),
            complex("manager", "The user's manager.", manager),
        ],
        open: false,
    }
}

/// The enterprise extension as 4me has it: with `site`, `location` and `supportID`.
pub fn enterprise_user_4me() -> Schema {
    let mut schema = enterprise_user();
    schema.attributes.extend([
        text("site", "The site where the person works."),
        text("location", "Where at the site: building, floor, room."),
        text("supportID", "The number the person gives when asking for support."),
    ]);
    schema
}

/// 4me's custom fields: open, nothing listed.
pub fn custom_fields_4me() -> Schema {
    Schema {
        id: CUSTOM_FIELDS_4ME.into(),
        name: "CustomFields".into(),
        description: "Custom fields".into(),
        attributes: Vec::new(),
        open: true,
    }
}

/// Usher's open extension of directory users with the attributes a directory declares.
pub fn directory_user(declared: Vec<Attribute>) -> Schema {
    Schema {
        id: DIRECTORY_USER.into(),
        name: "DirectoryUser".into(),
        description: "What sources give beside the standard attributes".into(),
        attributes: declared,
        open: true,
    }
}

/// RFC 7643 §4.2; `displayName` required (erratum 5368).
pub fn group() -> Schema {
    let mut display_name = text("displayName", "The group's name.");
    display_name.required = true;
    let members = vec![
        exact("value", "The member's id."),
        reference("$ref", &["User", "Group"], "The member's URI."),
        canonical(text("type", "What the member is."), &["User", "Group"]),
        text("display", "The member's name, which the service knows."),
    ];
    let mut members =
        with(Mutability::Immutable, complex("members", "The group's members.", members).multi());
    members.mutability = Mutability::ReadWrite;
    // What a client sends for it is not taken (checklist S-53), so it is not announced as if it were; and a client that reads
    // back what it wrote finds just that, unless it asks for the name.
    for display in members.sub_attributes.iter_mut().filter(|a| a.name == "display") {
        display.mutability = Mutability::ReadOnly;
        display.returned = Returned::Request;
    }
    Schema {
        id: GROUP.into(),
        name: "Group".into(),
        description: "Group".into(),
        attributes: vec![display_name, members],
        open: false,
    }
}

/// Group as 4me has it: with `groupType`.
pub fn group_4me() -> Schema {
    let mut schema = group();
    schema
        .attributes
        .push(text("groupType", "What the group stands for, such as Organization, Site or Team."));
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of the checklist's tables: `id|attribute|type|multi|required|caseExact|mutability|returned|uniqueness|values`.
    fn line(id: &str, name: &str, a: &Attribute) -> String {
        let yes = |flag: bool| if flag { "yes" } else { "no" };
        let textual = matches!(a.kind, Type::String | Type::Reference | Type::Binary);
        let values = match a.reference_types.as_slice() {
            _ if id.starts_with("AC") => String::new(),
            [] => a.canonical_values.join(", "),
            types => format!("→ {}", types.join(", ")),
        };
        let required = match name {
            _ if !id.starts_with("AC") || a.mutability == Mutability::ReadWrite => yes(a.required),
            "meta.version" => "if versioning",
            _ => "server-set",
        };
        format!(
            "{id}|{name}|{}|{}|{required}|{}|{}|{}|{}|{values}",
            a.kind.as_str(),
            yes(a.multi_valued),
            if textual { yes(a.case_exact) } else { "–" },
            a.mutability.as_str(),
            a.returned.as_str(),
            if textual { a.uniqueness.as_str() } else { "–" },
        )
    }

    #[test]
    fn d_13_tables_of_the_checklist() {
        let (user, group, enterprise) = (user(), group(), enterprise_user());
        let mut seen = 0;
        for wanted in include_str!("checklist.txt").lines() {
            let mut parts = wanted.split('|');
            let (id, name) = (parts.next().unwrap(), parts.next().unwrap());
            let attributes = match &id[..2] {
                "AC" => common(),
                "AU" => &user.attributes,
                "AG" => &group.attributes,
                _ => &enterprise.attributes,
            };
            let (parent, sub) = name.split_once('.').map_or((name, None), |(p, s)| (p, Some(s)));
            let parent = attributes.iter().find(|a| a.name == parent).unwrap_or_else(|| panic!("{name}"));
            let attribute = sub.map_or(parent, |s| parent.sub(s).unwrap_or_else(|| panic!("{name}")));
            assert_eq!(line(id, name, attribute), wanted);
            seen += 1;
        }
        let count =
            |attributes: &[Attribute]| attributes.iter().map(|a| 1 + a.sub_attributes.len()).sum::<usize>();
        assert_eq!(
            seen,
            count(common())
                + [&user, &group, &enterprise].map(|s| count(&s.attributes)).iter().sum::<usize>()
        );
    }
}
