//! Only what changed is read.
use std::time::Instant;

use tokio::sync::watch;
use usher_sources::{LdapBind, LdapSettings, LdapSync, RunState, Schedule, run};

use super::*;
use crate::slapd::{Kind as Server, Slapd, group, people, person};

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
fn a_server_that_tells_is_followed_without_an_interval() {
    let mut slapd = Slapd::with(&(people(0..20) + &group("team", [1, 2, 3])));
    let mut house = House::of_server(usher_store::testing::sqlite(TABLES), settings(&slapd));
    house.set(|s| s.schedule = Schedule { every: Some(0), full_every: Some(86_400), full_at: None });
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

#[test]
fn member_of_counts_where_groups_list_nobody() {
    let server = Server { members_hidden: true, ..Server::default() };
    let slapd = Slapd::of(server, &people(0..12));
    // The overlay keeps memberOf for what is added while it runs.
    slapd.add(&(group("team", [1, 2, 3]) + &group("others", [4])));
    slapd.add("dn: cn=all,dc=x\nobjectClass: groupOfNames\ncn: all\nmember: cn=team,dc=x\nmember: uid=p5,ou=people,dc=x\n\n");
    let reader = LdapBind::Simple("cn=reader,dc=x".into());
    houses(&LdapSettings { bind: reader, ..settings(&slapd) }, |house| {
        house.password("reads-only-31c");
        let report = house.sync();
        assert_eq!((report.counts.groups, report.counts.memberships), (3, 6), "{report:?}");
        assert_eq!(house.members("team"), [mail(1), mail(2), mail(3)]);
        assert_eq!(house.members("all"), ["p5@x.example", "team"], "a group in a group says so as well");
        house.changes();
        house.sync();
        assert_eq!(house.changes(), []);
        // One more, one less; the group alone is told of, and lists nobody.
        slapd.modify("dn: cn=team,dc=x\nchangetype: modify\nadd: member\nmember: uid=p6,ou=people,dc=x\n-\ndelete: member\nmember: uid=p1,ou=people,dc=x\n");
        house.update();
        assert_eq!(house.members("team"), [mail(2), mail(3), mail(6)]);
        // A member leaves, another changes otherwise.
        slapd.delete(&dn(4));
        slapd.replace(&dn(2), "title", "Chef");
        house.update();
        assert_eq!(house.members("others"), Vec::<String>::new());
        assert_eq!(house.members("team"), [mail(2), mail(3), mail(6)]);
        house.changes();
        house.sync();
        assert_eq!(house.changes(), [], "reading everything finds nothing that was missed");
        slapd.add(&people([4]));
        slapd.modify("dn: cn=team,dc=x\nchangetype: modify\nadd: member\nmember: uid=p1,ou=people,dc=x\n-\ndelete: member\nmember: uid=p6,ou=people,dc=x\n");
        slapd.modify("dn: cn=others,dc=x\nchangetype: modify\nreplace: member\nmember: cn=all,dc=x\n-\nadd: member\nmember: uid=p4,ou=people,dc=x\n-\ndelete: member\nmember: cn=all,dc=x\n");
    });
}

#[test]
fn a_run_of_changes_that_dies_is_made_up_for() {
    let slapd = Slapd::with(&(people(0..12) + &group("team", [1, 2, 3])));
    let house = House::of_server(usher_store::testing::sqlite(TABLES), settings(&slapd));
    house.sync();
    for (dies, n) in (0..4).zip(3..) {
        slapd.rename(&format!("uid=p{n},ou=people,dc=x"), &format!("uid=r{n}"), None);
        slapd.modify(&format!(
            "dn: cn=team,dc=x\nchangetype: modify\nadd: member\nmember: uid=r{n},ou=people,dc=x\n"
        ));
        slapd.modify(&format!(
            "dn: {}\nchangetype: modify\nreplace: manager\nmanager: uid=r{n},ou=people,dc=x\n",
            dn(10)
        ));
        house.die(dies);
        house.try_update().unwrap();
        assert!(house.members("team").contains(&mail(n)), "{n}");
        assert_eq!(house.manager(&mail(10)), Some(mail(n)));
    }
    house.changes();
    house.sync();
    assert_eq!(house.changes(), []);
}
