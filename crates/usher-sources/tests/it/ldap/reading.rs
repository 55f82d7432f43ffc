//! Everything is read; looked at step by step; previewed.
use usher_sources::{LdapBind, LdapSettings, Reads, check::Checked};

use super::*;
use crate::slapd::{Kind as Server, PASSWORD, Slapd, group, people, person};

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
fn a_part_of_the_entries_is_never_taken_for_all() {
    let slapd = Slapd::of(Server { size_limit: Some(10), ..Server::default() }, &people(0..30));
    // The limit is for others than the server's administrator.
    let reader = LdapBind::Simple("cn=reader,dc=x".into());
    let house = House::of_server(
        usher_store::testing::sqlite(TABLES),
        LdapSettings { bind: reader, page_size: 0, ..settings(&slapd) },
    );
    house.password("reads-only-31c\n");
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
