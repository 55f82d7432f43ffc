//! The alias table: Graph's and LDAP's names for SCIM paths (`mail`, `givenName`, `surname`, `objectId`, …).

/// One name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    /// E.g. `userPrincipalName`.
    pub name: &'static str,
    /// E.g. `userName`, `emails[type eq "work"].value`.
    pub path: &'static str,
}

/// The open extension of directory users.
pub const DIRECTORY_EXTENSION: &str = "urn:usher:directory:1.0:User";

macro_rules! aliases {
    ($($name:literal => $path:expr),* $(,)?) => { &[$(Alias { name: $name, path: $path }),*] };
}
macro_rules! enterprise {
    ($attribute:literal) => {
        concat!("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:", $attribute)
    };
}
macro_rules! directory {
    ($attribute:literal) => {
        concat!("urn:usher:directory:1.0:User:", $attribute)
    };
}

/// All of them; `usher mapping functions` prints it. Names that are SCIM's own (`displayName`, `title`, and the bare
/// `department`, `costCenter`, … of extensions) need no row. `IsSoftDeleted` and `appRoleAssignments` are computed by the engine.
pub const ALIASES: &[Alias] = aliases! {
    // Identity
    "objectId" => "id",
    "userPrincipalName" => "userName",
    "uid" => "userName",
    "accountEnabled" => "active",
    "mailNickname" => directory!("mailNickname"),
    // Names
    "givenName" => "name.givenName",
    "surname" => "name.familyName",
    "sn" => "name.familyName",
    "middleName" => "name.middleName",
    "cn" => "displayName",
    // Reaching them
    "mail" => r#"emails[type eq "work"].value"#,
    "otherMails" => r#"emails[type eq "other"].value"#,
    "telephoneNumber" => r#"phoneNumbers[type eq "work"].value"#,
    "businessPhones" => r#"phoneNumbers[type eq "work"].value"#,
    "mobile" => r#"phoneNumbers[type eq "mobile"].value"#,
    "mobilePhone" => r#"phoneNumbers[type eq "mobile"].value"#,
    "facsimileTelephoneNumber" => r#"phoneNumbers[type eq "fax"].value"#,
    "faxNumber" => r#"phoneNumbers[type eq "fax"].value"#,
    "homePhone" => r#"phoneNumbers[type eq "home"].value"#,
    "pager" => r#"phoneNumbers[type eq "pager"].value"#,
    // Where they are
    "streetAddress" => r#"addresses[type eq "work"].streetAddress"#,
    "street" => r#"addresses[type eq "work"].streetAddress"#,
    "city" => r#"addresses[type eq "work"].locality"#,
    "l" => r#"addresses[type eq "work"].locality"#,
    "state" => r#"addresses[type eq "work"].region"#,
    "st" => r#"addresses[type eq "work"].region"#,
    "postalCode" => r#"addresses[type eq "work"].postalCode"#,
    "country" => r#"addresses[type eq "work"].country"#,
    "c" => r#"addresses[type eq "work"].country"#,
    "physicalDeliveryOfficeName" => r#"addresses[type eq "other"].formatted"#,
    "officeLocation" => r#"addresses[type eq "other"].formatted"#,
    // Work
    "jobTitle" => "title",
    "companyName" => enterprise!("organization"),
    "o" => enterprise!("organization"),
    "department" => enterprise!("department"),
    "employeeId" => enterprise!("employeeNumber"),
    "employeeNumber" => enterprise!("employeeNumber"),
    "manager" => enterprise!("manager.value"),
    "employeeType" => "userType",
    "departmentNumber" => directory!("departmentNumber"),
    // On-premises Active Directory's free attributes
    "extensionAttribute1" => directory!("extensionAttribute1"),
    "extensionAttribute2" => directory!("extensionAttribute2"),
    "extensionAttribute3" => directory!("extensionAttribute3"),
    "extensionAttribute4" => directory!("extensionAttribute4"),
    "extensionAttribute5" => directory!("extensionAttribute5"),
    "extensionAttribute6" => directory!("extensionAttribute6"),
    "extensionAttribute7" => directory!("extensionAttribute7"),
    "extensionAttribute8" => directory!("extensionAttribute8"),
    "extensionAttribute9" => directory!("extensionAttribute9"),
    "extensionAttribute10" => directory!("extensionAttribute10"),
    "extensionAttribute11" => directory!("extensionAttribute11"),
    "extensionAttribute12" => directory!("extensionAttribute12"),
    "extensionAttribute13" => directory!("extensionAttribute13"),
    "extensionAttribute14" => directory!("extensionAttribute14"),
    "extensionAttribute15" => directory!("extensionAttribute15"),
};

/// The path a name stands for; Graph's names match exactly.
pub fn path(name: &str) -> Option<&'static str> {
    ALIASES.iter().find(|alias| alias.name == name).map(|alias| alias.path)
}

/// The same, ignoring case: LDAP's attribute types, the headers of a CSV file.
pub fn path_ignoring_case(name: &str) -> Option<&'static str> {
    ALIASES.iter().find(|alias| alias.name.eq_ignore_ascii_case(name)).map(|alias| alias.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_even_ignoring_case() {
        let mut names: Vec<String> = ALIASES.iter().map(|a| a.name.to_lowercase()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ALIASES.len());
    }

    #[test]
    fn names_stand_for_paths() {
        assert_eq!(path("surname"), Some("name.familyName"));
        assert_eq!(path("SURNAME"), None);
        assert_eq!(path_ignoring_case("SURNAME"), Some("name.familyName"));
        assert_eq!(path("extensionAttribute15"), Some("urn:usher:directory:1.0:User:extensionAttribute15"));
        assert!(path("extensionAttribute15").unwrap().starts_with(DIRECTORY_EXTENSION));
    }
}
