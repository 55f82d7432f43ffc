//! A made-up company as an LDIF file: the same for the same number and seed.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Given names with their spelling in e-mail addresses.
const GIVEN: &[(&str, &str)] = &[
    ("Amélie", "amelie"),
    ("Björn", "bjoern"),
    ("Chloé", "chloe"),
    ("Dmytro", "dmytro"),
    ("Élise", "elise"),
    ("Fatima", "fatima"),
    ("Grzegorz", "grzegorz"),
    ("Hana", "hana"),
    ("İpek", "ipek"),
    ("Jürgen", "juergen"),
    ("Kwame", "kwame"),
    ("Łucja", "lucja"),
    ("Mei", "mei"),
    ("Niamh", "niamh"),
    ("Ólafur", "olafur"),
    ("Priya", "priya"),
    ("Quentin", "quentin"),
    ("Ródhán", "rodhan"),
    ("Søren", "soeren"),
    ("Tomás", "tomas"),
    ("Ulla", "ulla"),
    ("Věra", "vera"),
    ("Wanjiru", "wanjiru"),
    ("Ximena", "ximena"),
    ("Yuki", "yuki"),
    ("Zoë", "zoe"),
];

/// Family names likewise.
const FAMILY: &[(&str, &str)] = &[
    ("Ångström", "angstroem"),
    ("Brontë", "bronte"),
    ("Çelik", "celik"),
    ("D'Souza", "dsouza"),
    ("Eriksen", "eriksen"),
    ("Fernández", "fernandez"),
    ("García-López", "garcia-lopez"),
    ("Horváth", "horvath"),
    ("Iversen", "iversen"),
    ("Jiménez", "jimenez"),
    ("Kovač", "kovac"),
    ("Lindqvist", "lindqvist"),
    ("Müller", "mueller"),
    ("Nguyễn", "nguyen"),
    ("O'Connor", "oconnor"),
    ("Popović", "popovic"),
    ("Quist", "quist"),
    ("Rossi", "rossi"),
    ("Strauß", "strauss"),
    ("Tanaka", "tanaka"),
    ("Ueda", "ueda"),
    ("van den Berg", "vandenberg"),
    ("Wójcik", "wojcik"),
    ("Ximenes", "ximenes"),
    ("Yılmaz", "yilmaz"),
    ("Zhang", "zhang"),
];

/// Departments, the larger ones first, with their titles.
const DEPARTMENTS: &[(&str, u32, &[&str])] = &[
    ("Engineering", 30, &["Engineer", "Senior Engineer", "Architect"]),
    ("Sales", 22, &["Account Manager", "Sales Representative"]),
    ("Support", 16, &["Support Specialist", "Support Engineer"]),
    ("Operations", 12, &["Operator", "Planner"]),
    ("Marketing", 8, &["Designer", "Editor"]),
    ("Finance", 6, &["Accountant", "Controller"]),
    ("People", 4, &["Recruiter", "People Partner"]),
    ("Legal", 2, &["Counsel"]),
];

const SITES: &[&str] = &["Bruxelles", "København", "Kraków", "São Paulo", "Zürich"];

/// The base of all distinguished names.
const BASE: &str = "dc=example,dc=com";

/// The file's text: `users` people (4 at least), departments as groups, a head of each who reports to the first person.
pub(crate) fn ldif(users: u32, seed: u64) -> String {
    let mut chance = StdRng::seed_from_u64(seed);
    let departments = &DEPARTMENTS[..(users / 10).clamp(2, 8) as usize];
    let mut members = vec![Vec::new(); departments.len()];
    let mut text = String::from("version: 1\n");
    entry(&mut text, BASE, &[("objectClass", "top"), ("objectClass", "domain"), ("dc", "example")]);
    for unit in ["People", "Groups"] {
        let dn = format!("ou={unit},{BASE}");
        entry(&mut text, &dn, &[("objectClass", "top"), ("objectClass", "organizationalUnit"), ("ou", unit)]);
    }
    for n in 0..users {
        let department = place(&mut chance, departments, n);
        let manager = match members[department].first() {
            Some(head) => Some(*head),
            None => (n > 0).then_some(0),
        };
        person(&mut text, &mut chance, n, &departments[department], members[department].is_empty(), manager);
        members[department].push(n);
    }
    for ((name, _, _), members) in departments.iter().zip(&members) {
        let dns: Vec<String> = members.iter().map(|n| dn(*n)).collect();
        let mut attributes = vec![("objectClass", "top"), ("objectClass", "groupOfNames"), ("cn", *name)];
        attributes.extend(dns.iter().map(|dn| ("member", dn.as_str())));
        entry(&mut text, &format!("cn={name},ou=Groups,{BASE}"), &attributes);
    }
    text
}

/// The first people found the two largest departments, three and two strong; the rest falls by weight.
fn place(chance: &mut StdRng, departments: &[(&str, u32, &[&str])], n: u32) -> usize {
    match n {
        0 | 2 | 4 => return 0,
        1 | 3 => return 1,
        _ => {}
    }
    let mut left = chance.random_range(0..departments.iter().map(|(_, weight, _)| weight).sum::<u32>());
    for (index, (_, weight, _)) in departments.iter().enumerate() {
        if left < *weight {
            return index;
        }
        left -= weight;
    }
    0
}

fn uid(n: u32) -> String {
    format!("u{n:06}")
}

fn dn(n: u32) -> String {
    format!("uid={},ou=People,{BASE}", uid(n))
}

fn pick<'a, T>(chance: &mut StdRng, from: &'a [T]) -> &'a T {
    &from[chance.random_range(0..from.len())]
}

fn person(
    text: &mut String,
    chance: &mut StdRng,
    n: u32,
    (department, _, titles): &(&str, u32, &[&str]),
    head: bool,
    manager: Option<u32>,
) {
    let (given, family) = (pick(chance, GIVEN), pick(chance, FAMILY));
    let name = format!("{} {}", given.0, family.0);
    // The number keeps namesakes apart, as real companies do sooner or later.
    let mail = format!("{}.{}.{n}@example.com", given.1, family.1);
    let title = if head { format!("Head of {department}") } else { (*pick(chance, titles)).to_owned() };
    let phone = format!("+32 2 555 {:04}", n % 10_000);
    let site = *pick(chance, SITES);
    let (uid, number, manager) = (uid(n), format!("{}", 10_000 + n), manager.map(dn));
    let mut attributes = vec![
        ("objectClass", "top"),
        ("objectClass", "person"),
        ("objectClass", "organizationalPerson"),
        ("objectClass", "inetOrgPerson"),
        ("uid", uid.as_str()),
        ("cn", name.as_str()),
        ("sn", family.0),
        ("givenName", given.0),
        ("displayName", name.as_str()),
        ("mail", mail.as_str()),
        ("telephoneNumber", phone.as_str()),
        ("title", title.as_str()),
        ("employeeNumber", number.as_str()),
        ("departmentNumber", department),
        ("l", site),
        ("preferredLanguage", "en"),
    ];
    if let Some(manager) = &manager {
        attributes.push(("manager", manager));
    }
    entry(text, &dn(n), &attributes);
}

/// An entry; values that are not plain ASCII in base64, as RFC 2849 asks.
fn entry(text: &mut String, dn: &str, attributes: &[(&str, &str)]) {
    text.push('\n');
    for (name, value) in [("dn", dn)].iter().chain(attributes) {
        // Writing to a String can't fail.
        let _ = if value.is_ascii() {
            writeln!(text, "{name}: {value}")
        } else {
            writeln!(text, "{name}:: {}", STANDARD.encode(value))
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_company() {
        assert_eq!(ldif(50, 1), ldif(50, 1));
        assert_ne!(ldif(50, 1), ldif(50, 2));
    }

    #[test]
    fn as_many_people_as_asked_for_and_two_groups_at_least() {
        for users in [4, 7, 300] {
            let text = ldif(users, 1);
            assert_eq!(text.matches("\nobjectClass: inetOrgPerson\n").count(), users as usize);
            assert!(text.matches("\nobjectClass: groupOfNames\n").count() >= 2);
            assert_eq!(text.matches("\nmanager: ").count(), users as usize - 1);
        }
    }
}
