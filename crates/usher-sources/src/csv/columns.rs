//! What a CSV file's columns mean.
use usher_mapping::alias::{ALIASES, DIRECTORY_EXTENSION};
use usher_scim::{AttributePath, ResourceType, schema};

use crate::{entry::is_manager, file::FileError, secret::is_secret};

/// Names that are neither a SCIM path nor in the alias table: LDAP's, and what people write. In lower case, without blanks,
/// `_` and `-`.
const NAMES: &[(&str, &str)] = &[
    ("username", "userName"),
    ("login", "userName"),
    ("email", r#"emails[type eq "work"].value"#),
    ("emailaddress", r#"emails[type eq "work"].value"#),
    ("mail", r#"emails[type eq "work"].value"#),
    ("cn", "displayName"),
    ("name", "displayName"),
    ("fullname", "displayName"),
    ("firstname", "name.givenName"),
    ("givenname", "name.givenName"),
    ("lastname", "name.familyName"),
    ("surname", "name.familyName"),
    ("familyname", "name.familyName"),
    ("sn", "name.familyName"),
    ("telephonenumber", r#"phoneNumbers[type eq "work"].value"#),
    ("phone", r#"phoneNumbers[type eq "work"].value"#),
    ("workphone", r#"phoneNumbers[type eq "work"].value"#),
    ("officephone", r#"phoneNumbers[type eq "work"].value"#),
    ("businessphone", r#"phoneNumbers[type eq "work"].value"#),
    ("cellphone", r#"phoneNumbers[type eq "mobile"].value"#),
    ("workemail", r#"emails[type eq "work"].value"#),
    ("forename", "name.givenName"),
    ("upn", "userName"),
    ("samaccountname", "urn:usher:directory:1.0:User:sAMAccountName"),
    ("zip", r#"addresses[type eq "work"].postalCode"#),
    ("zipcode", r#"addresses[type eq "work"].postalCode"#),
    ("company", ENTERPRISE_ORGANIZATION),
    ("organisation", ENTERPRISE_ORGANIZATION),
    ("personnelnumber", ENTERPRISE_NUMBER),
    ("language", "preferredLanguage"),
    ("mobile", r#"phoneNumbers[type eq "mobile"].value"#),
    ("mobilephone", r#"phoneNumbers[type eq "mobile"].value"#),
    ("facsimiletelephonenumber", r#"phoneNumbers[type eq "fax"].value"#),
    ("fax", r#"phoneNumbers[type eq "fax"].value"#),
    ("l", r#"addresses[type eq "work"].locality"#),
    ("city", r#"addresses[type eq "work"].locality"#),
    ("country", r#"addresses[type eq "work"].country"#),
    ("jobtitle", "title"),
    ("employeeid", ENTERPRISE_NUMBER),
    ("employeenumber", ENTERPRISE_NUMBER),
    ("accountenabled", "active"),
];

const ENTERPRISE_NUMBER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber";

const ENTERPRISE_ORGANIZATION: &str =
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization";

/// What tells people apart: the first of these columns.
const ANCHORS: [&str; 6] = ["id", "externalid", "employeenumber", "uid", "username", "mail"];

/// What a column is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Column {
    /// Nothing: no name, or it holds secrets.
    Ignored,
    /// `id`: the source's own key, which no attribute keeps.
    Id,
    /// Whose manager is named here.
    Manager,
    /// A value.
    Value(AttributePath),
}

/// A header, understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    /// One for each column of the file.
    pub(super) all: Vec<Column>,
    /// The column that tells people apart, and its name.
    pub(super) anchor: usize,
    pub(super) anchor_name: String,
    pub(super) user_name: Option<usize>,
    pub(super) mail: Option<usize>,
}

impl Columns {
    /// Understands a header. `bound`: the column that an earlier import told people apart by.
    pub(super) fn of(header: &[String], bound: Option<&str>, user: &ResourceType) -> Result<Self, FileError> {
        distinct(header)?;
        let mut all: Vec<Column> = header.iter().map(|name| column(name, user)).collect::<Result<_, _>>()?;
        one_meaning_each(header, &mut all);
        let target = |wanted: &str| {
            all.iter().position(|column| matches!(column, Column::Value(path) if path.to_string().eq_ignore_ascii_case(wanted)))
        };
        let user_name = target("userName");
        let mail = target(r#"emails[type eq "work"].value"#);
        if user_name.is_none() && mail.is_none() {
            return Err(unknown(header));
        }
        let by = |key: &str| match key {
            "id" => all.iter().position(|column| *column == Column::Id),
            "externalid" => target("externalId"),
            "employeenumber" => target(ENTERPRISE_NUMBER),
            "uid" => header.iter().position(|name| plain(name) == "uid"),
            "username" => user_name,
            _ => mail,
        };
        let found = match bound {
            Some(key) => by(key).map(|at| (at, key)).ok_or_else(|| {
                FileError::whole(format!(
                    "no column {key}, by which the people of this source are known; the columns are {}",
                    listed(header)
                ))
            })?,
            None => {
                ANCHORS.iter().find_map(|key| by(key).map(|at| (at, *key))).ok_or_else(|| unknown(header))?
            }
        };
        Ok(Self { anchor: found.0, anchor_name: found.1.to_owned(), user_name, mail, all })
    }
}

fn unknown(header: &[String]) -> FileError {
    FileError::at(
        1,
        format!(
            "the first row is no header of people: it needs a column userName or mail; the columns found are {}",
            listed(header)
        ),
    )
}

/// Columns for a message; what may be a row of values is cut short.
pub(super) fn listed(header: &[String]) -> String {
    const MOST: usize = 12;
    let short = |name: &String| match name.char_indices().nth(40) {
        Some((at, _)) => format!("\"{}…\"", name[..at].escape_debug()),
        None => format!("\"{}\"", name.escape_debug()),
    };
    let mut text = header.iter().take(MOST).map(short).collect::<Vec<_>>().join(", ");
    if header.len() > MOST {
        text.push_str(&format!(" and {} more", header.len() - MOST));
    }
    text
}

fn distinct(header: &[String]) -> Result<(), FileError> {
    let mut seen = std::collections::HashMap::new();
    for (at, name) in header.iter().enumerate().filter(|(_, name)| !name.trim().is_empty()) {
        if let Some(first) = seen.insert(plain(name), at) {
            return Err(FileError::at(
                1,
                format!("two columns with the name {}: columns {} and {}", name.trim(), first + 1, at + 1),
            ));
        }
    }
    Ok(())
}

/// Of several columns that mean one attribute the one with the attribute's own name has it, else the first; the others keep
/// their values in the open extension.
fn one_meaning_each(header: &[String], all: &mut [Column]) {
    let own = |at: usize| match &all[at] {
        Column::Value(path) => plain(&header[at]) == plain(&path.to_string()),
        _ => false,
    };
    let (mut holders, mut losers) = (Vec::new(), Vec::new());
    for (at, column) in all.iter().enumerate().filter(|(_, column)| **column != Column::Ignored) {
        match holders.iter_mut().find(|holder| all[**holder] == *column) {
            None => holders.push(at),
            Some(holder) if own(at) && !own(*holder) => losers.push(std::mem::replace(holder, at)),
            Some(_) => losers.push(at),
        }
    }
    for loser in losers {
        let elsewhere = open(&header[loser]).map_or(Column::Ignored, Column::Value);
        all[loser] = if all.contains(&elsewhere) { Column::Ignored } else { elsewhere };
    }
}

/// A name as it is compared: lower case, without blanks, `_` and `-`.
pub(crate) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

fn column(name: &str, user: &ResourceType) -> Result<Column, FileError> {
    let name = name.trim();
    let key = plain(name);
    if name.is_empty() || is_secret(name) {
        return Ok(Column::Ignored);
    }
    match key.as_str() {
        "id" | "objectid" => return Ok(Column::Id),
        "manager" | "managerid" | "managerusername" | "manageremail" | "managermail" => {
            return Ok(Column::Manager);
        }
        _ => {}
    }
    let alias = ALIASES.iter().find(|alias| alias.name.eq_ignore_ascii_case(name)).map(|alias| alias.path);
    let known = NAMES.iter().find(|(known, _)| *known == key).map(|(_, path)| *path);
    let path = known.or(alias).unwrap_or(name);
    let parsed = AttributePath::parse(path).ok().and_then(|path| writable(path, user));
    match parsed {
        Some(path) if is_manager(user, &path) => Ok(Column::Manager),
        Some(path) => Ok(Column::Value(path)),
        None => Ok(open(name).map_or(Column::Ignored, Column::Value)),
    }
}

/// A path that a cell can fill: `emails` and `emails.value` mean the one of type work.
fn writable(path: AttributePath, user: &ResourceType) -> Option<AttributePath> {
    let found = user.resolve(&path)?;
    if found.open {
        return Some(path);
    }
    let attribute = found.attribute?;
    if attribute.mutability == schema::Mutability::ReadOnly
        || found.sub.is_some_and(|sub| sub.kind == schema::Type::Complex)
    {
        return None;
    }
    let complex = attribute.kind == schema::Type::Complex;
    match (complex, attribute.multi_valued, path.sub.is_some(), path.filter.is_some()) {
        (false, ..) | (true, _, true, true) | (true, false, true, _) => Some(path),
        (true, true, _, false) => {
            let sub = path.sub.as_deref().unwrap_or("value");
            AttributePath::parse(&format!("{}[type eq \"work\"].{sub}", attribute.name)).ok()
        }
        (true, true, false, true) => AttributePath::parse(&format!("{path}.value")).ok(),
        (true, false, false, _) => None,
    }
}

/// A column that nothing knows goes to the open extension under its own name, made a legal one (`Cost center` is
/// `costCenter`). `None`: no letter to begin with.
fn open(name: &str) -> Option<AttributePath> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(legal);
    let name = if good { name.to_owned() } else { camel(name) };
    name.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| AttributePath {
        schema: Some(DIRECTORY_EXTENSION.to_owned()),
        name,
        filter: None,
        sub: None,
    })
}

fn camel(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut made = String::new();
    for word in words {
        let (first, rest) = word.split_at(1);
        made.push_str(&if made.is_empty() { first.to_ascii_lowercase() } else { first.to_ascii_uppercase() });
        made.push_str(rest);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::user_type;

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }
    fn path(name: &str) -> String {
        match column(name, &user_type()).unwrap() {
            Column::Value(path) => path.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn scim_graph_ldap_and_everyday_names() {
        for (name, wanted) in [
            ("userName", "userName"),
            ("USER NAME", "userName"),
            ("userPrincipalName", "userName"),
            ("mail", r#"emails[type eq "work"].value"#),
            ("E-Mail", r#"emails[type eq "work"].value"#),
            ("emails", r#"emails[type eq "work"].value"#),
            (r#"emails[type eq "home"].value"#, r#"emails[type eq "home"].value"#),
            ("sn", "name.familyName"),
            ("first_name", "name.givenName"),
            ("name.givenName", "name.givenName"),
            ("active", "active"),
            ("Account Enabled", "active"),
            ("objectId", "Id"),
            ("manager", "Manager"),
            ("userPassword", "Ignored"),
            ("", "Ignored"),
            ("Cost centre (new)", "urn:usher:directory:1.0:User:costCentreNew"),
            ("extensionAttribute1", "urn:usher:directory:1.0:User:extensionAttribute1"),
        ] {
            assert_eq!(path(name), wanted, "{name}");
        }
        assert!(path("department").ends_with(":User:department") || path("department") == "department");
    }

    #[test]
    fn the_anchor_is_the_first_of_its_list_and_stays() {
        let of = |names: &[&str], bound| Columns::of(&header(names), bound, &user_type());
        assert_eq!(of(&["mail", "uid", "Employee ID"], None).unwrap().anchor_name, "employeenumber");
        assert_eq!(of(&["mail", "userName"], None).unwrap().anchor, 1);
        assert_eq!(of(&["id", "mail"], Some("mail")).unwrap().anchor, 1);
        let error = of(&["id", "mail"], Some("uid")).unwrap_err().to_string();
        assert!(error.contains("no column uid") && error.contains("\"id\", \"mail\""), "{error}");
    }

    #[test]
    fn a_file_without_a_header_is_told_what_was_found() {
        let error =
            Columns::of(&header(&["anna@x.com", "Anna"]), None, &user_type()).unwrap_err().to_string();
        assert!(error.contains("userName or mail") && error.contains("\"anna@x.com\", \"Anna\""), "{error}");
        let error =
            Columns::of(&header(&["mail", "e_mail", "Mail "]), None, &user_type()).unwrap_err().to_string();
        assert!(error.contains("columns 1 and 3"), "{error}");
    }
}
