//! Looking at an LDAP server step by step, without writing anything.
use std::{collections::BTreeMap, ops::ControlFlow};

use super::{
    connect::{Broken, announced},
    query,
    search::{Query, each, uuid_of},
};
use crate::{
    check::Checked,
    driver::Sources,
    entry::Found,
    ldap::{Ldap, settings::LdapSettings},
    ldif::Record,
    source::Source,
};

/// As many people, and as many groups, are looked at.
const SAMPLE: usize = 25;

impl Sources {
    /// Looks at an LDAP source as an import would: each step named, ending with the first that fails. Writes nothing.
    pub async fn test(&self, source: &Source) -> Checked {
        let mut checked = Checked::default();
        let Some(settings) = source.settings.ldap() else {
            checked.step("server", Err(format!("a source of kind {} reads a file", source.kind)));
            return checked;
        };
        if let Err(message) = settings.check() {
            checked.step("settings", Err(message));
            return checked;
        }
        let mut steps = Vec::new();
        let opened = self.session(source, &mut |step, text| steps.push((step, text))).await;
        for (step, text) in steps {
            checked.step(step, Ok(text));
        }
        let session = match opened {
            Ok(session) => session,
            Err(Broken { step, message }) => {
                checked.step(step, Err(message));
                return checked;
            }
        };
        if let Err((step, message)) = self.searched(source, settings, &session, &mut checked).await {
            checked.step(step, Err(message));
        }
        checked
    }

    async fn searched(
        &self,
        source: &Source,
        settings: &LdapSettings,
        session: &super::Session,
        checked: &mut Checked,
    ) -> Result<(), (&'static str, String)> {
        let at = |step: &'static str| move |message: String| (step, message);
        let ldap = Ldap::new(self.clock.now(), settings.mapping.as_deref())
            .map_err(|error| ("mapping", error.to_string()))?;
        let all = query(settings, &ldap);
        let base = some(
            session,
            &Query {
                filter: "(objectClass=*)".into(),
                attributes: vec!["1.1".into()],
                page: 0,
                ..all.clone()
            },
            1,
        )
        .await
        .map_err(at("base"))?;
        let first = base.first().map_or_else(|| "nothing below it".to_owned(), |entry| entry.dn.clone());
        checked.step("base", Ok(format!("{} is there; it begins with {first}", settings.base)));
        let has = announced(session).await.map_err(at("announced"))?;
        let by = match (settings.sync, has.sync()) {
            (crate::LdapSync::Full, _) => "everything is read each time, as set",
            (crate::LdapSync::Timestamps, _) | (crate::LdapSync::Auto, false) => {
                "changes are found by ids and stamps of all entries"
            }
            (_, true) => "changes are told by sync replication",
            (crate::LdapSync::Syncrepl, false) => {
                return Err(("announced", "the server does not announce sync replication to this account: --sync auto takes what there is".into()));
            }
        };
        if settings.page_size > 0 && !has.pages() {
            return Err((
                "announced",
                "the server does not announce paged results: --page-size 0 does without".into(),
            ));
        }
        let pages = if has.pages() { "pages" } else { "no pages" };
        checked.step("announced", Ok(format!("{pages}; {by}")));
        let people =
            some(session, &Query { filter: settings.users().into(), page: 0, ..all.clone() }, SAMPLE)
                .await
                .map_err(at("user filter"))?;
        let groups = some(session, &Query { filter: settings.groups().into(), page: 0, ..all }, SAMPLE)
            .await
            .map_err(at("group filter"))?;
        if people.is_empty() {
            return Err((
                "entries",
                format!("{} finds nobody below the base whom this account may read", settings.users()),
            ));
        }
        let names: Vec<&str> = people.iter().chain(&groups).take(5).map(|entry| entry.dn.as_str()).collect();
        checked.step("entries", Ok(names.join("; ")));
        checked.step("ids", ids(&people));
        checked.step("attributes", Ok(attributes(&ldap, &people, &groups)));
        sample(checked, &ldap, source, people.iter().chain(&groups));
        Ok(())
    }
}

async fn some(session: &super::Session, query: &Query, most: usize) -> Result<Vec<Record>, String> {
    let mut found = Vec::new();
    each(session, query, |record| {
        found.push(record);
        if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .await?;
    Ok(found)
}

fn ids(people: &[Record]) -> Result<String, String> {
    let with = people.iter().filter(|entry| uuid_of(entry).is_some()).count();
    Ok(if with == people.len() {
        "entries are told apart by entryUUID".into()
    } else {
        "this account may not read entryUUID of everybody: entries are told apart by what else they have, and every run reads everything"
            .into()
    })
}

/// Which attributes of the mapping some entry has, and which none.
fn attributes(ldap: &Ldap, people: &[Record], groups: &[Record]) -> String {
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    for name in ldap.mapped_attributes() {
        let is_there = people.iter().chain(groups).any(|entry| entry.all(&name).next().is_some());
        *found.entry(name).or_default() |= is_there;
    }
    let named = |wanted: bool| {
        let names: Vec<&str> =
            found.iter().filter(|(_, there)| **there == wanted).map(|(name, _)| name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    format!(
        "mapped and there: {}; mapped and in none of the first {}: {}",
        named(true),
        people.len(),
        named(false)
    )
}

/// The first person as it would become, and how many of the sample can't be taken.
fn sample<'r>(
    checked: &mut Checked,
    ldap: &Ldap,
    source: &Source,
    entries: impl Iterator<Item = &'r Record>,
) {
    let mut first = None;
    for record in entries {
        checked.read += 1;
        match ldap.found(record, source.anchor.as_deref()) {
            Found::Entry(entry) => {
                let count = if entry.kind == usher_directory::Kind::User {
                    &mut checked.people
                } else {
                    &mut checked.groups
                };
                *count += 1;
                first.get_or_insert(entry);
            }
            Found::Refused { error, .. } => {
                checked.errors += 1;
                checked.first_errors.push(error);
            }
            Found::Same { .. } | Found::Other => {}
        }
    }
    let result = match (first, checked.first_errors.first()) {
        (Some(entry), _) => {
            let values: Vec<String> = entry
                .values
                .set
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(path, value)| format!("{path} = {value}"))
                .collect();
            Ok(format!(
                "{}: {}; {} of the first {} can't be taken",
                entry.label,
                values.join(", "),
                checked.errors,
                checked.read
            ))
        }
        (None, Some(error)) => Err(format!("{}: {}", error.entry, error.message)),
        (None, None) => Err("none of the entries is in the mapping's scope".into()),
    };
    checked.step("sample", result);
}
