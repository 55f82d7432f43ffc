//! An LDIF reader of the tests' own: what an import is judged by shares no code with it.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};

/// An entry: attributes in lower case with their values, and the normalised name as `dn`.
pub(crate) type Entry = BTreeMap<String, Vec<String>>;

/// Distinguished names compare without blanks around commas and ignoring case.
pub(crate) fn plain(dn: &str) -> String {
    dn.split(',').map(|part| part.trim().to_lowercase()).collect::<Vec<_>>().join(",")
}

/// Every entry of a file.
pub(crate) fn read(text: &str) -> Vec<Entry> {
    let unfolded = text.replace("\r\n", "\n").replace("\n ", "");
    let mut entries = vec![Entry::new()];
    for line in unfolded.lines() {
        if line.is_empty() {
            entries.push(Entry::new());
        } else if let Some((name, value)) = line.split_once(':').filter(|_| !line.starts_with('#')) {
            let value = match value.strip_prefix(':') {
                Some(encoded) => String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).unwrap()).unwrap(),
                None => value.trim().to_owned(),
            };
            let value = if name == "dn" { plain(&value) } else { value };
            entries.last_mut().unwrap().entry(name.to_lowercase()).or_default().push(value);
        }
    }
    entries.retain(|entry| entry.contains_key("dn"));
    entries
}

/// Whether an entry has an object class.
pub(crate) fn is(entry: &Entry, class: &str) -> bool {
    entry.get("objectclass").is_some_and(|classes| classes.iter().any(|is| is.eq_ignore_ascii_case(class)))
}

/// An attribute's first value, or nothing.
pub(crate) fn first<'e>(entry: &'e Entry, name: &str) -> &'e str {
    entry.get(name).map_or("", |values| &values[0])
}

/// A directory in short.
#[derive(Debug, Default)]
pub(crate) struct Company {
    /// E-mail by distinguished name.
    pub(crate) people: BTreeMap<String, String>,
    /// Manager's e-mail by e-mail.
    pub(crate) managers: BTreeMap<String, String>,
    /// E-mails of the members by group.
    pub(crate) groups: BTreeMap<String, Vec<String>>,
    /// Every password.
    pub(crate) passwords: Vec<String>,
}

/// People, managers and groups of a file.
pub(crate) fn company(text: &str) -> Company {
    let entries = read(text);
    let mut company = Company::default();
    for entry in entries.iter().filter(|entry| is(entry, "person")) {
        company.people.insert(first(entry, "dn").to_owned(), first(entry, "mail").to_owned());
        company.passwords.extend(entry.get("userpassword").cloned().unwrap_or_default());
    }
    for entry in &entries {
        if let Some(manager) = entry.get("manager").filter(|_| is(entry, "person")) {
            let manager = company.people[&plain(&manager[0])].clone();
            company.managers.insert(first(entry, "mail").to_owned(), manager);
        }
        if is(entry, "groupOfUniqueNames") || is(entry, "groupOfNames") {
            let members =
                entry.get("uniquemember").or_else(|| entry.get("member")).cloned().unwrap_or_default();
            let mut emails: Vec<_> = members.iter().map(|dn| company.people[&plain(dn)].clone()).collect();
            emails.sort();
            company.groups.insert(first(entry, "cn").to_owned(), emails);
        }
    }
    company
}
