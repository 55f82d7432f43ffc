//! A token that comes to its end, as its account's owner meets it: the mail.

use usher_store::{Lane, Sql, StoreError};

use crate::{
    place::{Place, until},
    smtp::Smtp,
};

const OLDER: Sql = Sql::same("update token set created = created - 2592000000");

#[test]
fn the_owner_gets_a_mail_about_a_token_that_comes_to_its_end() {
    for place in Place::both() {
        let smtp = Smtp::start();
        let port = smtp.port.to_string();
        place.ok(&["account", "create", "acme", "--profile", "4me"]);
        place.ok(&["account", "set", "acme", "owner=ops@example.com"]);
        place.ok(&["token", "issue", "acme", "--provider", "okta", "--expires", "6d"]);
        // As if it had been made a month ago.
        let store = place.store();
        store.block_write::<_, StoreError>(Lane::Now, |tx| tx.exec(&OLDER, &[])).unwrap();
        store.close();
        let server = place.serve_with(&[
            ("USHER_SMTP_HOST", "localhost"),
            ("USHER_SMTP_PORT", &port),
            ("USHER_SMTP_SECURITY", "none"),
            ("USHER_SMTP_FROM", "Usher <usher@example.com>"),
        ]);
        until("a mail", || !smtp.arrived().is_empty());
        let mail = smtp.arrived().remove(0);
        for line in
            ["To: ops@example.com", "Subject: [Usher] acme: a token of okta (production) ends in 6 days"]
        {
            assert!(mail.lines().any(|l| l == line), "no {line} in {mail}");
        }
        assert!(mail.contains("usher token rotate acme --token"), "{mail}");
        assert!(server.stop());
    }
}
