//! Mails through a real SMTP server (aiosmtpd), on both databases.

use std::time::Duration;

use usher_jobs::{
    TABLES,
    mail::{self, Mail, Mailer, Security, SmtpSettings},
};
use usher_store::{Lane, Store, testing};

use crate::{clock, smtp::Smtp, wait};

fn put(store: &Store, clock: &usher_jobs::Clock, topic: &str, subject: &str) {
    let mail = Mail {
        topic: format!("app/7/{topic}"),
        to: "ops@example.com".into(),
        subject: subject.into(),
        text: "What happened.\n.\nWas heißt das?\n".into(),
    };
    let now = clock.now();
    store.block_write(Lane::Now, move |tx| mail::put(tx, &mail, now)).unwrap();
}

fn waiting(store: &Store) -> mail::Waiting {
    store.block_read(Duration::from_secs(10), |on| mail::waiting(on, "app/7/")).unwrap()
}

fn subjects(mails: &[String]) -> Vec<String> {
    let subject = |mail: &String| {
        mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned()
    };
    mails.iter().map(subject).collect()
}

#[test]
fn a_mail_arrives_as_it_was_put() {
    testing::both(&[TABLES], |store| {
        let (smtp, clock) = (Smtp::start(), clock());
        let mailer = Mailer::new((**store).clone(), clock.clone(), &smtp.settings()).unwrap();
        assert_eq!(wait(mailer.flush()).unwrap(), 0, "nothing to send");
        put(store, &clock, "quarantine", "[Usher] crm: in quarantine");
        assert_eq!(waiting(store).count, 1);
        assert_eq!(wait(mailer.flush()).unwrap(), 1);
        assert_eq!(waiting(store).count, 0);
        let mails = smtp.arrived();
        assert_eq!(mails.len(), 1);
        for line in [
            "X-From: usher@example.com",
            "X-To: ops@example.com",
            "From: Usher <usher@example.com>",
            "To: ops@example.com",
            "Subject: [Usher] crm: in quarantine",
        ] {
            assert!(mails[0].lines().any(|l| l == line), "no {line} in {}", mails[0]);
        }
        assert!(mails[0].lines().any(|l| l.starts_with("Message-ID: <usher-")), "{}", mails[0]);
        assert!(
            mails[0].lines().any(|l| l == "." || l == "=2E"),
            "a line of one dot is a line: {}",
            mails[0]
        );
        assert_eq!(wait(mailer.flush()).unwrap(), 0, "once");
    });
}

#[test]
fn of_a_topic_the_newest_goes_and_once_an_hour() {
    testing::both(&[TABLES], |store| {
        let (smtp, clock) = (Smtp::start(), clock());
        let mailer = Mailer::new((**store).clone(), clock.clone(), &smtp.settings()).unwrap();
        put(store, &clock, "quarantine", "begins");
        wait(mailer.flush()).unwrap();
        // To and fro, a hundred times within the hour.
        for n in 0..100 {
            clock.advance(Duration::from_secs(30));
            put(store, &clock, "quarantine", &format!("change {n}"));
            put(store, &clock, "staged", &format!("staged {n}"));
            wait(mailer.flush()).unwrap();
        }
        assert_eq!(subjects(&smtp.arrived()), ["begins", "staged 0"]);
        clock.advance(Duration::from_secs(3_600));
        wait(mailer.flush()).unwrap();
        let mut sent = subjects(&smtp.arrived())[2..].to_vec();
        sent.sort();
        assert_eq!(sent, ["change 99", "staged 99"], "then how it stands");
        clock.advance(Duration::from_secs(7_200));
        wait(mailer.flush()).unwrap();
        assert_eq!(smtp.arrived().len(), 4);
        // After a quiet time the next goes at once.
        put(store, &clock, "quarantine", "begins again");
        wait(mailer.flush()).unwrap();
        assert_eq!(smtp.arrived().len(), 5);
    });
}

#[test]
fn what_cannot_be_sent_says_why_and_is_tried_again() {
    testing::both(&[TABLES], |store| {
        let (smtp, clock) = (Smtp::start(), clock());
        let mailer = Mailer::new((**store).clone(), clock.clone(), &smtp.settings()).unwrap();
        std::fs::write(smtp.refuses(), "").unwrap();
        put(store, &clock, "quarantine", "a");
        wait(mailer.flush()).unwrap();
        let seen = waiting(store);
        assert!(seen.count == 1 && seen.error.as_ref().is_some_and(|e| e.contains("not now")), "{seen:?}");
        assert_eq!(wait(mailer.flush()).unwrap(), 0, "not at once again");
        std::fs::remove_file(smtp.refuses()).unwrap();
        clock.advance(Duration::from_secs(80));
        wait(mailer.flush()).unwrap();
        assert_eq!((waiting(store).count, smtp.arrived().len()), (0, 1));

        // Nobody listens.
        let nowhere = SmtpSettings { port: 9, ..smtp.settings() };
        let mailer = Mailer::new((**store).clone(), clock.clone(), &nowhere).unwrap();
        put(store, &clock, "staged", "b");
        wait(mailer.flush()).unwrap();
        let error = waiting(store).error.unwrap();
        assert!(error.contains("localhost"), "{error}");
    });
}

#[test]
fn starttls_and_sign_in() {
    let (smtp, clock) = (Smtp::private(), clock());
    testing::both(&[TABLES], |store| {
        let before = smtp.arrived().len();
        put(store, &clock, "quarantine", "a secret");
        let fails = |settings: SmtpSettings| {
            let mailer = Mailer::new((**store).clone(), clock.clone(), &settings).unwrap();
            clock.advance(Duration::from_secs(6 * 3_600));
            assert_eq!(wait(mailer.flush()).unwrap(), 1);
            waiting(store).error.unwrap()
        };
        let error = fails(SmtpSettings { authority: None, ..smtp.settings() });
        assert!(error.to_lowercase().contains("certificate"), "{error}");
        let error = fails(SmtpSettings { user: Some(("usher".into(), "guess".into())), ..smtp.settings() });
        assert!(error.contains("535"), "{error}");
        // In the clear nothing is sent, whatever the server would take.
        let error = fails(SmtpSettings { security: Security::None, user: None, ..smtp.settings() });
        assert!(error.contains("STARTTLS") || error.contains("530"), "{error}");
        assert_eq!(smtp.arrived().len(), before);

        let mailer = Mailer::new((**store).clone(), clock.clone(), &smtp.settings()).unwrap();
        clock.advance(Duration::from_secs(8 * 3_600));
        wait(mailer.flush()).unwrap();
        assert_eq!((waiting(store).count, smtp.arrived().len()), (0, before + 1));
    });
}

#[test]
fn two_instances_send_a_mail_once() {
    testing::both(&[TABLES], |store| {
        let (smtp, clock) = (Smtp::start(), clock());
        let mailer = |store: Store| Mailer::new(store, clock.clone(), &smtp.settings()).unwrap();
        let (first, second) = (mailer(store.instance()), mailer(store.instance()));
        for round in 0..10 {
            put(store, &clock, &format!("topic-{round}"), "a");
            wait(async { tokio::join!(first.flush(), second.flush()) }).0.unwrap();
        }
        wait(first.flush()).unwrap();
        assert_eq!((waiting(store).count, smtp.arrived().len()), (0, 10));
    });
}

#[test]
fn an_address_that_is_none_is_refused() {
    for good in ["ops@example.com", "Ops <ops@example.com>, a.b+c@example.com"] {
        mail::check_addresses(good).unwrap();
    }
    for bad in ["", " , ", "ops", "ops@", "a@example.com\nBcc: b@example.com", "a@example.com b@example.com"]
    {
        assert!(mail::check_addresses(bad).is_err(), "{bad}");
    }
}
