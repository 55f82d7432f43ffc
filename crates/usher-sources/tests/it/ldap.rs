//! A live LDAP server as a source: OpenLDAP, started by each test.
use std::time::Instant;

use proptest::{prelude::*, test_runner::TestRunner};
use secrecy::SecretString;
use tokio::sync::watch;
use usher_sources::{
    LdapBind, LdapSettings, LdapSync, Reads, RunState, Safeguard, Schedule, check::Checked, run,
};

use super::*;
use crate::slapd::{ADMIN, Kind as Server, PASSWORD, Slapd, group, people, person};

/// Settings of the tests' server.
fn settings(slapd: &Slapd) -> LdapSettings {
    LdapSettings {
        bind: LdapBind::Simple(ADMIN.into()),
        page_size: 7,
        ..LdapSettings::of(slapd.url(), "dc=x")
    }
}

impl House {
    fn of_server(store: TestStore, settings: LdapSettings) -> Self {
        let mut house = Self::new(store, SourceKind::Ldif);
        house.source = house.add("ldap", settings);
        house
    }

    fn add(&self, name: &'static str, settings: LdapSettings) -> Source {
        let (store, directory) = ((*self.store).clone(), self.directory);
        self.write(move |tx| {
            let settings = Settings::of(Reads::Ldap(Box::new(settings.clone())));
            let source =
                source::add(tx, name, directory, SourceKind::Ldap, &settings, now()).expect("a source");
            source::set_secret(tx, &store, source.id, &SecretString::from(PASSWORD)).expect("sealed");
            Ok(source::get(tx, source.id)?.expect("it is there"))
        })
    }

    fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.source.settings.clone();
        change(&mut settings);
        let source = self.source.clone();
        self.source = self.write(move |tx| Ok(source::set(tx, &source, &settings).expect("set")));
    }
    fn without_a_safeguard(mut self) -> Self {
        self.set(|s| s.safeguard = Safeguard { percent: 100, from: 10, count: 1_000_000 });
        self
    }
    fn try_update(&self) -> Result<RunReport, SyncError> {
        self.clock.advance(Duration::from_secs(1));
        self.runtime.block_on(self.sources.update(&self.source, &mut |_| {}))
    }
    /// Reads what changed, and nothing else.
    #[track_caller]
    fn update(&self) -> RunReport {
        let report = self.try_update().expect("a run");
        assert!(report.counts.incremental, "{report:?}");
        report
    }
    fn look(&self) -> Checked {
        self.runtime.block_on(self.sources.test(&self.source))
    }
    /// Everything that stands, by names, managers and members too.
    fn standing(&self) -> Vec<String> {
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

fn houses(settings: &LdapSettings, test: impl Fn(House)) {
    for store in stores(TABLES) {
        test(House::of_server(store, settings.clone()));
    }
}

fn mail(n: u32) -> String {
    format!("p{n}@x.example")
}
fn dn(n: u32) -> String {
    format!("uid=p{n},ou=people,dc=x")
}

#[test]
fn a_whole_server_comes_page_by_page_and_no_password_with_it() {
    let photo = "jpegPhoto:: /9j/4AAQSkZJRgABAQD/\n";
    let ldif = people(1..40)
        + &person(
            0,
            &format!(
                "title: Chef\ntelephoneNumber: +49 1\ntelephoneNumber: +49 2\ncn;lang-fr: Élodie Müller-Łódź\n{photo}"
            ),
        )
        + &group("team", 0..20)
        + "dn: cn=posix,dc=x\nobjectClass: posixGroup\ncn: posix\ngidNumber: 7\nmemberUid: p3\nmemberUid: p4\n\n"
        + "dn: cn=unique,dc=x\nobjectClass: groupOfUniqueNames\ncn: unique\nuniqueMember: uid=p5,ou=people,dc=x\n\n"
        + "dn: cn=all,dc=x\nobjectClass: groupOfNames\ncn: all\nmember: cn=team,dc=x\nmember: uid=p39,ou=people,dc=x\n\n";
    let slapd = Slapd::with(&ldif);
    houses(&settings(&slapd), |house| {
        let report = house.sync();
        assert_eq!(
            (report.counts.created, report.counts.groups, report.counts.errors),
            (44, 4, 0),
            "{report:?}"
        );
        assert!(!report.counts.incremental);
        // Managers stand before and after those they manage; the first is its own.
        assert_eq!(house.manager(&mail(39)).as_deref(), Some("p0@x.example"));
        assert_eq!(house.members("team").len(), 20);
        assert_eq!(house.members("posix"), [mail(3), mail(4)]);
        assert_eq!(house.members("unique"), [mail(5)]);
        assert_eq!(house.members("all"), ["p39@x.example", "team"]);
        let again = house.sync();
        assert_eq!(
            (again.counts.created, again.counts.updated, again.counts.unchanged),
            (0, 0, 44),
            "{again:?}"
        );
        for user in house.all(Kind::User).values() {
            assert!(!String::from_utf8_lossy(&user.doc).contains("hidden-"));
        }
    });
}

#[test]
fn values_come_whole_by_a_mapping_of_ones_own() {
    let slapd = Slapd::with(&person(
        0,
        "cn;lang-fr: Élodie Müller-Łódź\njpegPhoto:: /9j/4AAQSkZJRgABAQD/\ntelephoneNumber: +49 1\ntelephoneNumber: +49 2\n",
    ));
    let row =
        |target: &str, source: &str| format!("[[users.mapping]]\ntarget = '{target}'\nsource = '{source}'\n");
    let mapping = format!(
        "[users]\n{}{}{}{}{}[groups]\n[[groups.mapping]]\ntarget = 'displayName'\nsource = '[cn]'\n",
        row("userName", "[uid]"),
        row("displayName", "[cn;lang-fr]"),
        row("title", "[jpegPhoto]"),
        row("nickName", "Join(\",\", [telephoneNumber], [sn])"),
        row("locale", "[userPassword]"),
    );
    let settings = LdapSettings { mapping: Some(mapping), ..settings(&slapd) };
    houses(&settings, |house| {
        house.sync();
        let doc = house.doc("p0");
        assert_eq!(text(&doc["displayName"]), "Élodie Müller-Łódź");
        assert_eq!(text(&doc["title"]), "/9j/4AAQSkZJRgABAQD/");
        assert_eq!(text(&doc["nickName"]), "+49 1,+49 2,0");
        assert!(!doc.contains_key("locale"), "{doc:?}");
    });
}

#[test]
fn changes_come_by_sync_replication() {
    changes_come(LdapSync::Syncrepl, Server::default());
}

#[test]
fn changes_come_by_stamps_where_there_is_no_sync_replication() {
    changes_come(LdapSync::Auto, Server { without_sync: true, ..Server::default() });
}

fn changes_come(sync: LdapSync, server: Server) {
    for make in [usher_store::testing::sqlite as fn(&[Tables]) -> TestStore, usher_store::testing::postgres] {
        let slapd = Slapd::of(server, &(people(0..30) + &group("team", 0..10) + &group("others", [11, 12])));
        let house = House::of_server(make(TABLES), LdapSettings { sync, ..settings(&slapd) });
        house.sync();
        house.changes();
        assert_eq!(house.update().counts.read, 0);
        assert_eq!(house.changes(), []);
        // A joiner, a mover, a leaver, one renamed, one moved elsewhere, a group with another member.
        slapd.add(&people([40]));
        slapd.replace(&dn(1), "title", "Chef");
        slapd.delete(&dn(2));
        slapd.rename(&dn(11), "uid=renamed", None);
        slapd.rename(&dn(3), "uid=p3", Some("ou=elsewhere,dc=x"));
        slapd.modify("dn: cn=team,dc=x\nchangetype: modify\nadd: member\nmember: uid=p20,ou=people,dc=x\n");
        let report = house.update();
        assert_eq!(
            (report.counts.created, report.counts.disabled, report.counts.errors),
            (1, 1, 0),
            "{report:?}"
        );
        assert_eq!(text(&house.doc(&mail(1))["title"]), "Chef");
        assert!(!house.present(Kind::User).contains(&mail(2)));
        assert_eq!(house.manager(&mail(40)).as_deref(), Some("p0@x.example"));
        // Whoever is renamed is in the group no more, as the group names nobody of that name; nor is who was moved.
        assert_eq!(house.members("others"), [mail(12)]);
        assert!(house.members("team").contains(&mail(20)) && !house.members("team").contains(&mail(3)));
        // Renamed back: the group, which is not read again, means the same entry as before.
        slapd.rename("uid=renamed,ou=people,dc=x", "uid=p11", None);
        house.update();
        assert_eq!(house.members("others"), [mail(11), mail(12)]);
        // The manager of everybody leaves.
        slapd.delete(&dn(0));
        house.update();
        assert_eq!(house.manager(&mail(1)), None);
        house.changes();
        house.sync();
        assert_eq!(house.changes(), [], "reading everything finds nothing that was missed");
    }
}

#[test]
fn an_entry_that_holds_others_is_renamed() {
    let slapd = Slapd::with(
        &(people(0..12)
            + "dn: cn=boss,dc=x\nobjectClass: inetOrgPerson\nuid: boss\ncn: boss\nsn: b\nmail: boss@x.example\nmanager: uid=p1,ou=staff,dc=x\n\n"),
    );
    houses(&settings(&slapd), |house| {
        house.sync();
        assert_eq!(house.manager("boss@x.example"), None);
        slapd.rename("ou=people,dc=x", "ou=staff", None);
        let report = house.try_update().unwrap();
        assert!(!report.counts.incremental, "everything is read");
        assert_eq!(house.manager("boss@x.example").as_deref(), Some("p1@x.example"));
        slapd.rename("ou=staff,dc=x", "ou=people", None);
    });
}

#[test]
fn half_of_the_directory_is_gone() {
    let slapd = Slapd::with(&people(0..40));
    houses(&settings(&slapd), |house| {
        house.sync();
        (20..40).for_each(|n| slapd.delete(&dn(n)));
        slapd.add(&people([50]));
        let report = house.try_update().unwrap();
        assert_eq!(
            (report.counts.held, report.counts.created, report.counts.disabled),
            (20, 1, 0),
            "{report:?}"
        );
        assert!(report.message.as_deref().unwrap().contains("safeguard"), "{report:?}");
        assert_eq!(house.present(Kind::User).len(), 41);
        // Held, they are looked at in each run; joiners go through.
        slapd.add(&people([51]));
        let report = house.try_update().unwrap();
        assert_eq!((report.counts.held, report.counts.created), (20, 1), "{report:?}");
        house.clock.advance(Duration::from_secs(1));
        let report = house.runtime.block_on(house.sources.allow(&house.source, &mut |_| {})).unwrap();
        assert_eq!((report.counts.disabled, report.counts.held), (20, 0), "{report:?}");
        assert_eq!(house.present(Kind::User).len(), 22);
        assert!(house.update().message.is_none());
        let runs = house.read({
            let id = house.source.id;
            move |on| run::list(on, id, 10)
        });
        assert_eq!(runs.len(), 5);
        slapd.add(&people(20..40));
        [50, 51].iter().for_each(|n| slapd.delete(&dn(*n)));
    });
}

#[test]
fn leavers_that_come_one_by_one_are_counted_together() {
    let slapd = Slapd::with(&people(0..40));
    let house = House::of_server(usher_store::testing::sqlite(TABLES), settings(&slapd));
    house.sync();
    let mut held = 0;
    for n in 20..40 {
        slapd.delete(&dn(n));
        held = house.try_update().unwrap().counts.held;
    }
    assert_eq!(house.present(Kind::User).len(), 32, "20 percent of 40 went");
    assert_eq!(held, 12);
}

#[test]
fn an_entry_that_cannot_be_mapped_stays_and_is_looked_at_again() {
    let slapd = Slapd::with(&people(0..12));
    houses(&settings(&slapd), |house| {
        house.sync();
        // Without mail and uid nobody knows its userName.
        let bare = "dn: cn=bare,dc=x\nobjectClass: person\ncn: bare\nsn: Bare\n\n";
        slapd.add(bare);
        slapd.modify(&format!("dn: {}\nchangetype: modify\nreplace: mail\nmail: p6@x.example\n", dn(5)));
        let report = house.try_update().unwrap();
        assert_eq!((report.counts.errors, report.counts.disabled), (2, 0), "{report:?}");
        assert!(
            report.first_errors.iter().any(|e| e.entry == "cn=bare,dc=x" && e.message.contains("userName"))
        );
        assert!(
            report.first_errors.iter().any(|e| e.message.contains("taken") || e.message.contains("in use")),
            "{report:?}"
        );
        assert!(house.present(Kind::User).contains(&mail(5)), "it stays as it was");
        // The other gives the name up: nothing of the first is changed, and it is taken all the same.
        slapd.replace(&dn(6), "mail", "six@x.example");
        let report = house.update();
        assert_eq!(report.counts.errors, 1, "{report:?}");
        assert!(house.present(Kind::User).contains(&"six@x.example".to_owned()));
        assert_eq!(text(&house.doc(&mail(6))["displayName"]), "Person 5");
        slapd.delete("cn=bare,dc=x");
        assert_eq!(house.update().counts.errors, 0);
        slapd.replace(&dn(5), "mail", &mail(5));
        slapd.replace(&dn(6), "mail", &mail(6));
    });
}

#[test]
fn the_server_dies_in_the_middle_and_comes_back() {
    let mut slapd = Slapd::with(&people(0..6000));
    let house = House::of_server(
        usher_store::testing::sqlite(TABLES),
        LdapSettings { page_size: 5, ..settings(&slapd) },
    );
    let mut killed = false;
    let (sources, source) = (house.sources.clone(), house.source.clone());
    let result = house.runtime.block_on(async {
        let dying = &mut slapd;
        sources
            .sync(&source, &mut |_| {
                if !killed {
                    killed = true;
                    dying.kill();
                }
            })
            .await
    });
    let error = result.unwrap_err().to_string();
    assert!(error.contains("the server ended the connection; nothing was imported"), "{error}");
    assert_eq!(house.all(Kind::User).len(), 0);
    slapd.start();
    let report = house.sync();
    assert_eq!((report.counts.created, report.counts.errors), (6000, 0), "{report:?}");
    slapd.kill();
    let error = house.try_update().unwrap_err().to_string();
    assert!(error.contains("is the server running"), "{error}");
    slapd.start();
    slapd.replace(&dn(7), "title", "Chef");
    house.update();
    assert_eq!(text(&house.doc(&mail(7))["title"]), "Chef");
}

#[test]
fn the_servers_clock_jumps_back() {
    // Stamps of the future stand in it: whatever is changed later has an earlier one.
    let later = "createTimestamp: 20990101000000Z\nmodifyTimestamp: 20990101000000Z\nentryCSN: 20990101000000.000000Z#000000#000#000000\n";
    let all: String = (0..12).map(|n| person(n, later)).collect();
    let slapd = Slapd::of(Server { without_sync: true, ..Server::default() }, &all);
    let house = House::of_server(usher_store::testing::sqlite(TABLES), settings(&slapd));
    house.sync();
    slapd.replace(&dn(3), "title", "Chef");
    let report = house.update();
    assert_eq!(report.counts.updated, 1, "{report:?}");
    assert_eq!(text(&house.doc(&mail(3))["title"]), "Chef");
}

#[test]
fn a_part_of_the_entries_is_never_taken_for_all() {
    let slapd = Slapd::of(Server { size_limit: Some(10), ..Server::default() }, &people(0..30));
    // The limit is for others than the server's administrator.
    let reader = LdapBind::Simple("cn=reader,dc=x".into());
    let house = House::of_server(
        usher_store::testing::sqlite(TABLES),
        LdapSettings { bind: reader, page_size: 0, ..settings(&slapd) },
    );
    let (store, id) = ((*house.store).clone(), house.source.id);
    house.write(move |tx| {
        source::set_secret(tx, &store, id, &SecretString::from("reads-only-31c\n")).expect("sealed");
        Ok(())
    });
    let error = house.try_sync().unwrap_err().to_string();
    assert!(error.contains("size limit"), "{error}");
    assert_eq!(house.all(Kind::User).len(), 0);
}

#[test]
fn tls_with_an_authority_of_ones_own_and_a_certificate_to_bind() {
    let slapd = Slapd::with(&people(0..5));
    let ca = Some(slapd.path("ca.pem"));
    let house = House::of_server(usher_store::testing::sqlite(TABLES), settings(&slapd));
    let check = |settings: LdapSettings| {
        let mut source = house.source.clone();
        source.settings = Settings::of(Reads::Ldap(Box::new(settings)));
        house.runtime.block_on(house.sources.test(&source))
    };
    let last = |checked: &Checked| {
        checked.steps.last().map(|step| (step.step.clone(), step.ok, step.text.clone())).unwrap()
    };
    let ldaps = LdapSettings { url: slapd.tls_url(), ca_file: ca.clone(), ..settings(&slapd) };
    assert!(check(ldaps.clone()).ok(), "{:?}", check(ldaps.clone()));
    let start =
        LdapSettings { url: format!("ldap://localhost:{}", slapd.port), start_tls: true, ..ldaps.clone() };
    assert!(check(start.clone()).ok(), "{:?}", check(start));
    let external = LdapSettings {
        bind: LdapBind::External,
        cert_file: Some(slapd.path("client.pem")),
        key_file: Some(slapd.path("client.key")),
        ..ldaps.clone()
    };
    let checked = check(external.clone());
    assert!(checked.ok(), "{checked:?}");
    assert_eq!(checked.people, 5, "as the reader that the certificate names");
    let (step, ok, said) = last(&check(LdapSettings { ca_file: None, ..ldaps.clone() }));
    assert_eq!((step.as_str(), ok), ("TLS", false), "{said}");
    assert!(said.contains("--ca-file"), "{said}");
    let other_name = LdapSettings { url: format!("ldaps://127.0.0.1:{}", slapd.tls_port), ..ldaps };
    let (step, ok, said) = last(&check(other_name));
    assert_eq!((step.as_str(), ok), ("TLS", false), "{said}");
}

#[test]
fn a_look_names_the_step_that_fails() {
    let slapd = Slapd::with(&(people(0..5) + &group("team", [1])));
    let mut house = House::of_server(usher_store::testing::sqlite(TABLES), settings(&slapd));
    let checked = house.look();
    assert!(checked.ok(), "{checked:?}");
    let steps: Vec<&str> = checked.steps.iter().map(|step| step.step.as_str()).collect();
    assert_eq!(
        steps,
        ["address", "TCP", "TLS", "bind", "base", "announced", "entries", "ids", "attributes", "sample"]
    );
    assert!(checked.steps.iter().any(|step| step.text.contains("sync replication")));
    assert!(checked.steps.last().unwrap().text.contains("userName = \"p0@x.example\""), "{checked:?}");
    assert_eq!((checked.people, checked.groups, checked.errors), (5, 1, 0));
    let fails = |step: &str, word: &str, change: &dyn Fn(&mut LdapSettings)| {
        let mut source = house.source.clone();
        let mut wrong = settings(&slapd);
        change(&mut wrong);
        source.settings = Settings::of(Reads::Ldap(Box::new(wrong)));
        let checked = house.runtime.block_on(house.sources.test(&source));
        let last = checked.steps.last().unwrap();
        assert_eq!((last.step.as_str(), last.ok), (step, false), "{checked:?}");
        assert!(last.text.contains(word), "{checked:?}");
    };
    fails("address", "not found", &|s| {
        s.url = "ldaps://nobody.invalid".into();
    });
    fails("TCP", "is the server running", &|s| s.url = "ldap://127.0.0.1:1".into());
    fails("bind", "invalid credentials", &|s| s.bind = LdapBind::Simple("cn=nobody,dc=x".into()));
    fails("base", "no such entry", &|s| s.base = "ou=nowhere,dc=x".into());
    fails("entries", "finds nobody", &|s| s.user_filter = Some("(uid=nobody)".into()));
    fails("settings", "no LDAP filter", &|s| s.user_filter = Some("(uid=".into()));
    // Link-local addresses lead to metadata services: nobody connects to them.
    fails("address", "may not connect", &|s| {
        s.url = "ldaps://169.254.169.254".into();
    });
    let guarded = house.sources.clone().with_addresses(usher_client::AddressPolicy { private: false });
    let checked = house.runtime.block_on(guarded.test(&house.source));
    assert!(checked.steps.last().unwrap().text.contains("private_addresses"), "{checked:?}");
    // Another server: the password was not given for that one.
    house.set(|s| {
        s.reads = Reads::Ldap(Box::new(LdapSettings {
            url: format!("ldap://localhost:{}", slapd.port),
            ..settings(&slapd)
        }))
    });
    assert!(!house.source.has_secret);
    let checked = house.look();
    assert!(checked.steps.last().unwrap().text.contains("--bind-password-file"), "{checked:?}");
}

#[test]
fn a_preview_says_what_an_import_would_do_and_does_nothing() {
    let slapd = Slapd::with(&(people(0..20) + &group("team", [1, 2])));
    houses(&settings(&slapd), |house| {
        let look = |house: &House| house.runtime.block_on(house.sources.preview(&house.source, 2)).unwrap();
        let found = look(&house);
        assert_eq!((found.create, found.people, found.groups, found.leave), (21, 20, 1, 0), "{found:?}");
        assert_eq!(found.first.len(), 2);
        assert_eq!(text(&found.first[0].resource["userName"]), mail(0));
        assert_eq!(house.all(Kind::User).len(), 0);
        house.sync();
        slapd.delete(&dn(1));
        slapd.replace(&dn(2), "title", "Chef");
        let found = look(&house);
        assert_eq!((found.create, found.update, found.unchanged, found.leave), (0, 1, 19, 1), "{found:?}");
        assert!(house.present(Kind::User).contains(&mail(1)));
        slapd.add(&people([1]));
        slapd.modify(&format!("dn: {}\nchangetype: modify\ndelete: title\n", dn(2)));
    });
}

#[test]
fn the_password_is_sealed_and_never_shown() {
    let slapd = Slapd::with(&people(0..3));
    let house = House::of_server(usher_store::testing::sqlite(TABLES), settings(&slapd));
    house.sync();
    assert!(house.source.has_secret && !format!("{:?}", house.source).contains(PASSWORD));
    let usher_store::StoreUrl::Sqlite(folder) = house.store.url() else { panic!("SQLite") };
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert!(files > 0, "the database lies in {folder:?}");
    let found =
        std::process::Command::new("grep").args(["-r", "-l", PASSWORD]).arg(&folder).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

/// A change of the model.
#[derive(Debug, Clone)]
enum Change {
    Add(u32),
    Delete(u32),
    Title(u32, u8),
    Manager(u32, u32),
    Rename(u32),
    Back(u32),
    Join(u32),
    Part(u32),
    Run,
    Whole,
}

fn change() -> impl Strategy<Value = Change> {
    let who = 1..8_u32;
    prop_oneof![
        who.clone().prop_map(Change::Add),
        who.clone().prop_map(Change::Delete),
        (who.clone(), 0..3_u8).prop_map(|(n, t)| Change::Title(n, t)),
        (who.clone(), 0..8_u32).prop_map(|(n, m)| Change::Manager(n, m)),
        who.clone().prop_map(Change::Rename),
        who.clone().prop_map(Change::Back),
        who.clone().prop_map(Change::Join),
        who.prop_map(Change::Part),
        Just(Change::Run),
        Just(Change::Run),
        Just(Change::Whole),
    ]
}

/// Makes a change where it can be made: the server itself says whether.
fn make(slapd: &Slapd, change: &Change) {
    let member = |n: u32, what: &str| {
        format!("dn: cn=team,dc=x\nchangetype: modify\n{what}: member\nmember: {}\n", dn(n))
    };
    let set = |n: u32, name: &str, value: &str| {
        format!("dn: {}\nchangetype: modify\nreplace: {name}\n{name}: {value}\n", dn(n))
    };
    let input = match change {
        Change::Add(n) => people([*n]).replacen("objectClass", "changetype: add\nobjectClass", 1),
        Change::Delete(n) => format!("dn: {}\nchangetype: delete\n", dn(*n)),
        Change::Title(n, title) => set(*n, "title", &format!("T{title}")),
        Change::Manager(n, manager) => set(*n, "manager", &dn(*manager)),
        Change::Rename(n) => {
            format!("dn: {}\nchangetype: modrdn\nnewrdn: uid=q{n}\ndeleteoldrdn: 1\n", dn(*n))
        }
        Change::Back(n) => {
            format!("dn: uid=q{n},ou=people,dc=x\nchangetype: modrdn\nnewrdn: uid=p{n}\ndeleteoldrdn: 1\n")
        }
        Change::Join(n) => member(*n, "add"),
        Change::Part(n) => member(*n, "delete"),
        Change::Run | Change::Whole => return,
    };
    slapd.try_modify(&input);
}

#[test]
fn any_sequence_of_changes_and_runs_ends_as_a_fresh_import() {
    for (sync, server) in [
        (LdapSync::Syncrepl, Server::default()),
        (LdapSync::Timestamps, Server { without_sync: true, ..Server::default() }),
    ] {
        let mut runner = TestRunner::new(ProptestConfig { cases: 6, ..ProptestConfig::default() });
        runner
            .run(&prop::collection::vec(change(), 5..25), |changes| {
                let slapd = Slapd::of(server, &(people([0, 1, 2, 3]) + &group("team", [0, 1, 2])));
                let settings = LdapSettings { sync, ..settings(&slapd) };
                let house = House::of_server(usher_store::testing::sqlite(TABLES), settings.clone())
                    .without_a_safeguard();
                house.sync();
                for change in &changes {
                    make(&slapd, change);
                    match change {
                        Change::Run => drop(house.try_update().unwrap()),
                        Change::Whole => drop(house.try_sync().unwrap()),
                        _ => {}
                    }
                }
                house.try_update().unwrap();
                let fresh = House::of_server(usher_store::testing::sqlite(TABLES), settings);
                fresh.try_sync().unwrap();
                prop_assert_eq!(house.standing(), fresh.standing());
                house.changes();
                house.try_update().unwrap();
                house.try_sync().unwrap();
                prop_assert_eq!(house.changes(), []);
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_server_that_tells_is_followed_without_an_interval() {
    let mut slapd = Slapd::with(&(people(0..20) + &group("team", [1, 2, 3])));
    let mut house = House::of_server(usher_store::testing::sqlite(TABLES), settings(&slapd));
    house.set(|s| s.schedule = Schedule { every: Some(0), full_every: 86_400 });
    let clock = Clock::real();
    let leases = Leases::with_clock((*house.store).clone(), clock.clone());
    let sources = Sources::new((*house.store).clone(), Configs::default(), clock, leases);
    let (stop, stopping) = watch::channel(false);
    let serving = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(sources.serve(stopping));
    });
    let until = |what: &str, ready: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !ready() {
            assert!(began.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
        began.elapsed()
    };
    // The first import comes by itself.
    until("the first import", &|| house.present(Kind::User).len() == 20 && house.members("team").len() == 3);
    slapd.delete(&dn(2));
    let took = until("a leaver", &|| !house.present(Kind::User).contains(&mail(2)));
    eprintln!("a leaver is out of the directory {took:?} after the server had it");
    slapd.add(&people([30]));
    until("a joiner", &|| house.present(Kind::User).contains(&mail(30)));
    slapd.rename(&dn(3), "uid=x3", Some("ou=elsewhere,dc=x"));
    until("one who was moved", &|| house.members("team") == [mail(1)]);
    // The server is restarted, with a change while nobody listened.
    slapd.kill();
    slapd.start();
    slapd.replace(&dn(1), "title", "Chef");
    until("a change after a restart", &|| {
        text(house.doc(&mail(1)).get("title").unwrap_or(&Value::Null)) == "Chef"
    });
    stop.send_replace(true);
    serving.join().unwrap();
    let id = house.source.id;
    let runs = house.read(move |on| run::list(on, id, 100));
    assert!(runs.iter().all(|run| run.state == RunState::Done || run.message.is_some()), "{runs:?}");
    assert_eq!(
        runs.iter().filter(|run| !run.counts.incremental && run.state == RunState::Done).count(),
        1,
        "{runs:?}"
    );
}
