//! A live LDAP server as a source: OpenLDAP, started by each test.
mod changes;
mod reading;
mod sequences;

use secrecy::SecretString;
use usher_sources::{LdapBind, LdapSettings, Reads, Safeguard, check::Checked};

use super::*;
use crate::slapd::{ADMIN, PASSWORD, Slapd};

/// Settings of the tests' server.
pub(super) fn settings(slapd: &Slapd) -> LdapSettings {
    LdapSettings {
        bind: LdapBind::Simple(ADMIN.into()),
        page_size: 7,
        ..LdapSettings::of(slapd.url(), "dc=x")
    }
}

impl House {
    pub(super) fn of_server(store: TestStore, settings: LdapSettings) -> Self {
        let mut house = Self::new(store, SourceKind::Ldif);
        house.source = house.add("ldap", settings);
        house
    }

    pub(super) fn add(&self, name: &'static str, settings: LdapSettings) -> Source {
        let (store, directory) = ((*self.store).clone(), self.directory);
        self.write(move |tx| {
            let settings = Settings::of(Reads::Ldap(Box::new(settings.clone())));
            let source =
                source::add(tx, name, directory, SourceKind::Ldap, &settings, now()).expect("a source");
            source::set_secret(tx, &store, source.id, &SecretString::from(PASSWORD)).expect("sealed");
            Ok(source::get(tx, source.id)?.expect("it is there"))
        })
    }

    /// Another password to bind with.
    pub(super) fn password(&self, password: &'static str) {
        let (store, id) = ((*self.store).clone(), self.source.id);
        self.write(move |tx| {
            source::set_secret(tx, &store, id, &SecretString::from(password)).expect("sealed");
            Ok(())
        });
    }

    pub(super) fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.source.settings.clone();
        change(&mut settings);
        let source = self.source.clone();
        self.source = self.write(move |tx| Ok(source::set(tx, &source, &settings).expect("set")));
    }
    pub(super) fn without_a_safeguard(mut self) -> Self {
        self.set(|s| s.safeguard = Safeguard { percent: 100, from: 10, count: 1_000_000 });
        self
    }
    pub(super) fn try_update(&self) -> Result<RunReport, SyncError> {
        self.clock.advance(Duration::from_secs(1));
        self.runtime.block_on(self.sources.update(&self.source, &mut |_| {}))
    }
    /// Reads what changed, and nothing else.
    #[track_caller]
    pub(super) fn update(&self) -> RunReport {
        let report = self.try_update().expect("a run");
        assert!(report.counts.incremental, "{report:?}");
        report
    }
    pub(super) fn look(&self) -> Checked {
        self.runtime.block_on(self.sources.test(&self.source))
    }
    /// Everything that stands, by names, managers and members too.
    pub(super) fn standing(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for name in self.present(Kind::User) {
            let mut doc = self.doc(&name);
            let manager = doc.contains_key(ENTERPRISE).then(|| self.manager(&name)).flatten();
            doc.remove(ENTERPRISE);
            lines.push(format!("{name}: {} manager {manager:?}", serde_json::to_string(&doc).unwrap()));
        }
        for name in self.present(Kind::Group) {
            // A member that is soft-deleted is one until the group is written again: who stands counts.
            let present: Vec<String> =
                self.present(Kind::User).into_iter().chain(self.present(Kind::Group)).collect();
            let members: Vec<String> = self
                .members(&name)
                .into_iter()
                .filter(|m| present.iter().any(|p| p.eq_ignore_ascii_case(m)))
                .collect();
            lines.push(format!("{name}: {members:?}"));
        }
        lines
    }
}

pub(super) fn houses(settings: &LdapSettings, test: impl Fn(House)) {
    for store in stores(TABLES) {
        test(House::of_server(store, settings.clone()));
    }
}

pub(super) fn mail(n: u32) -> String {
    format!("p{n}@x.example")
}

pub(super) fn dn(n: u32) -> String {
    format!("uid=p{n},ou=people,dc=x")
}
