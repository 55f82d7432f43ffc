//! Entra's names: source attributes, functions, and the keys of their parameters.

use crate::alias;
use crate::functions::{self, Function};

/// Source attributes of Entra's users and groups that Usher can read.
const ATTRIBUTES: &[&str] = &[
    "objectId",
    "userPrincipalName",
    "accountEnabled",
    "mailNickname",
    "displayName",
    "givenName",
    "surname",
    "mail",
    "otherMails",
    "telephoneNumber",
    "mobile",
    "facsimileTelephoneNumber",
    "streetAddress",
    "city",
    "state",
    "postalCode",
    "country",
    "physicalDeliveryOfficeName",
    "jobTitle",
    "companyName",
    "department",
    "employeeId",
    "manager",
    "preferredLanguage",
    "members",
    "IsSoftDeleted",
    "appRoleAssignments",
    "extensionAttribute1",
    "extensionAttribute2",
    "extensionAttribute3",
    "extensionAttribute4",
    "extensionAttribute5",
    "extensionAttribute6",
    "extensionAttribute7",
    "extensionAttribute8",
    "extensionAttribute9",
    "extensionAttribute10",
    "extensionAttribute11",
    "extensionAttribute12",
    "extensionAttribute13",
    "extensionAttribute14",
    "extensionAttribute15",
];

/// Functions that Entra has, in its app provisioning, its cloud sync or its older lists.
const FUNCTIONS: &[&str] = &[
    "Append",
    "AppRoleAssignments",
    "AppRoleAssignmentsComplex",
    "AssertiveAppRoleAssignmentsComplex",
    "BitAnd",
    "CBool",
    "CDate",
    "CStr",
    "Coalesce",
    "ConvertFromBase64",
    "ConvertToBase64",
    "ConvertToUTF8Hex",
    "Count",
    "DNComponent",
    "DateAdd",
    "DateDiff",
    "DateFromNum",
    "DefaultDomain",
    "Error",
    "FormatDateTime",
    "Guid",
    "IIF",
    "IgnoreFlowIfNullOrEmpty",
    "InStr",
    "IsNothing",
    "IsNull",
    "IsNullOrEmpty",
    "IsPresent",
    "IsString",
    "Item",
    "Join",
    "Left",
    "Len",
    "Mid",
    "NormalizeDiacritics",
    "Not",
    "Now",
    "NumFromDate",
    "PCase",
    "Prepend",
    "RandomString",
    "Redact",
    "RemoveDuplicates",
    "Replace",
    "SelectUniqueValue",
    "SingleAppRoleAssignment",
    "Split",
    "StringFromSid",
    "StripSpaces",
    "Switch",
    "ToLower",
    "ToUpper",
    "Trim",
    "Word",
];

/// The keys that Entra registers for parameters; the last may be one that repeats. Those of other functions are not published, and
/// ours stand for them.
const KEYS: &[(&str, &[&str], Option<&str>)] = &[
    ("Append", &["source", "suffix"], None),
    ("Join", &["separator"], Some("source")),
    ("Mid", &["source", "start", "length"], None),
    ("Not", &["source"], None),
    ("Prepend", &["prefix", "source"], None),
    (
        "Replace",
        &[
            "source",
            "Find",
            "RegularExpression",
            "RegularExpressionGroupName",
            "Replacement",
            "ReplacementPropertyName",
            "Template",
        ],
        None,
    ),
    ("SingleAppRoleAssignment", &["source"], None),
    ("Split", &["source", "delimiter"], None),
    ("StripSpaces", &["source"], None),
    ("Switch", &["source", "defaultValue"], Some("switchValue")),
];

/// Entra's name of a source attribute, which may be written as a SCIM path or by LDAP's name.
pub(super) fn attribute(name: &str) -> Option<&'static str> {
    if let Some(exact) = ATTRIBUTES.iter().find(|known| **known == name) {
        return Some(exact);
    }
    let path = alias::path(name).unwrap_or(name);
    let leads = |known: &&&str| alias::path(known).unwrap_or(known).eq_ignore_ascii_case(path);
    ATTRIBUTES.iter().find(leads).copied()
}

/// Whether Entra has a function of that name.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// The keys of a function's parameters, by position.
pub(super) struct Keys {
    fixed: Vec<String>,
    repeated: Option<String>,
}

impl Keys {
    pub(super) fn of(function: &Function) -> Self {
        if let Some((_, fixed, repeated)) = KEYS.iter().find(|(name, ..)| *name == function.name) {
            return Self {
                fixed: fixed.iter().map(|&key| key.to_owned()).collect(),
                repeated: repeated.map(str::to_owned),
            };
        }
        let listed = function.parameters.trim_matches(['(', ')']);
        let name = |part: &str| part.trim().trim_end_matches('?').trim_matches('"').to_owned();
        let mut fixed: Vec<String> = listed.split(',').map(name).filter(|name| !name.is_empty()).collect();
        let mut repeated = None;
        if fixed.last().is_some_and(|last| last == "…") {
            fixed.pop();
            let base = |name: &String| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
            repeated = fixed.last().map(base);
            fixed.retain(|name| Some(base(name)) != repeated);
        }
        Self { fixed, repeated }
    }

    /// The key of the argument at a position.
    pub(super) fn at(&self, position: usize) -> &str {
        let repeated = || self.repeated.as_deref().unwrap_or("value");
        self.fixed.get(position).map_or_else(repeated, String::as_str)
    }

    /// The position of a key; `None`: one that repeats, or an unknown one.
    pub(super) fn position(&self, key: &str) -> Option<usize> {
        self.fixed.iter().position(|known| known.eq_ignore_ascii_case(key))
    }

    /// How many stand before those that repeat.
    pub(super) fn fixed(&self) -> usize {
        self.fixed.len()
    }
}

/// The same of a function that is known by name only; an unknown one takes everything in its order.
pub(super) fn keys(function: &str) -> Keys {
    functions::named(function).map_or_else(|| Keys { fixed: Vec::new(), repeated: None }, Keys::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_known_to_the_alias_table_or_is_a_name_of_its_own() {
        assert_eq!(attribute("sn"), Some("surname"));
        assert_eq!(attribute("name.familyName"), Some("surname"));
        assert_eq!(attribute("surname"), Some("surname"));
        assert_eq!(attribute(r#"emails[type eq "work"].value"#), Some("mail"));
        assert_eq!(attribute("userName"), Some("userPrincipalName"));
        assert_eq!(
            attribute("urn:usher:directory:1.0:User:extensionAttribute3"),
            Some("extensionAttribute3")
        );
        assert_eq!(attribute("nickName"), None);
    }

    #[test]
    fn keys_are_entras_where_it_registers_them() {
        let replace = keys("Replace");
        assert_eq!((replace.at(2), replace.position("template")), ("RegularExpression", Some(6)));
        let switch = keys("Switch");
        assert_eq!(
            (switch.at(1), switch.at(2), switch.at(5)),
            ("defaultValue", "switchValue", "switchValue")
        );
        let coalesce = keys("Coalesce");
        assert_eq!((coalesce.fixed(), coalesce.at(0), coalesce.at(3)), (0, "source", "source"));
        assert_eq!(keys("IIF").at(1), "then");
        for function in functions::all() {
            for position in 0..8 {
                assert!(!keys(function.name).at(position).is_empty(), "{}", function.name);
            }
        }
    }
}
