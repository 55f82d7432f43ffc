//! An app in quarantine as an administrator meets it: the mail, the status, the restart.

use serde_json::json;

use crate::{
    place::{Place, until},
    smtp::Smtp,
};

const PEOPLE: &str = "userName,mail,displayName\nann@example.com,ann@example.com,Ann Lee\nbob@example.com,bob@example.com,Bob Poe\n";

#[test]
fn an_app_in_quarantine_says_why_by_mail_and_in_its_status() {
    for place in Place::both() {
        let smtp = Smtp::start();
        let port = smtp.port.to_string();
        place.directory(&place.file("people.csv", PEOPLE));
        let token = place.account("acme", "standard");
        let server = place.serve_with(&[
            ("USHER_WATCH_SETTLE_SECONDS", "0"),
            ("USHER_SMTP_HOST", "localhost"),
            ("USHER_SMTP_PORT", &port),
            ("USHER_SMTP_SECURITY", "none"),
            ("USHER_SMTP_FROM", "Usher <usher@example.com>"),
        ]);
        place.app("wiki", "scim", &server.base(), "usher_not-the-token");
        let said = place.fails(&["app", "set", "wiki", "notify_email=nobody"]);
        assert!(said.contains("nobody is no e-mail address"), "{said}");
        place.ok(&["app", "set", "wiki", "notify_email=ops@example.com", "notify_on_failure=true"]);
        place.ok(&["app", "scope", "wiki", "all"]);
        place.ok(&["app", "start", "wiki"]);
        until("a mail", || !smtp.arrived().is_empty());
        let mail = smtp.arrived().remove(0);
        for line in ["Subject: [Usher] wiki: in quarantine", "To: ops@example.com"] {
            assert!(mail.lines().any(|l| l == line), "no {line} in {mail}");
        }
        assert!(mail.contains("Request: GET /scim/v2/Users") && mail.contains("Answer: 401"), "{mail}");
        let status = place.json(&["app", "status", "wiki"]);
        let rests = &status["quarantine"];
        assert_eq!(
            (&status["state"], &rests["reason"], &rests["request"]),
            (&json!("quarantine"), &json!("EncounteredQuarantineException"), &json!("GET /scim/v2/Users")),
            "{status}"
        );
        let said = place.ok(&["app", "status", "wiki"]);
        assert!(said.contains("wiki rests since") && said.contains("next at"), "{said}");

        // The right token: it leaves by itself, at once.
        place.ok(&["app", "credentials", "wiki", "--secret-token-file", &place.file("new.token", &token)]);
        place.people("acme", 2);
        assert_eq!(place.json(&["app", "status", "wiki"])["state"], "on");

        // Begun anew: everybody is matched again, and nobody is there twice.
        let said = place.ok(&["app", "restart", "wiki", "--reset", "links"]);
        assert!(said.contains("2 links are forgotten"), "{said}");
        until("an initial cycle", || {
            let last = &place.json(&["app", "status", "wiki"])["last_cycle"];
            last["kind"] == "initial" && last["counts"]["in_sync"] == 2
        });
        assert_eq!(place.people("acme", 2).len(), 2);
        let said = place.fails(&["app", "restart", "wiki", "--reset", "everything"]);
        assert!(said.contains("watermark, escrows, quarantine, links or all"), "{said}");
        assert_eq!(smtp.arrived().len(), 1, "one mail an hour of one topic");
    }
}
