//! An app at another tenant URL, and when its credentials expire.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use secrecy::SecretString;
use url::Url;
use usher_engine::{
    App,
    app::{self as apps, Accounts},
};
use usher_store::Tx;

use super::find;
use crate::{Actor, Admin, AdminError, Answer, answer::Said, audit, request::Moved, span};

/// Reads when credentials expire: `30d`, `12h`, a date, a time, or `never`.
pub(super) fn expires(text: &str, now: Timestamp) -> Result<Option<Timestamp>, AdminError> {
    let text = text.trim();
    let wrong = || {
        AdminError::new(
            "invalid_value",
            format!("{text} is no time like 30d, 12h, 2026-12-31, 2026-12-31T08:00:00Z or never"),
        )
    };
    if text == "never" {
        return Ok(None);
    }
    if let Some(away) = span(text) {
        return now.checked_add(away).map(Some).map_err(|_| wrong());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Some(at));
    }
    let day: Date = text.parse().map_err(|_| wrong())?;
    day.to_zoned(TimeZone::UTC).map(|at| Some(at.timestamp())).map_err(|_| wrong())
}

/// Whether the accounts there are the same.
pub(super) fn accounts(text: &str) -> Result<Accounts, AdminError> {
    match text {
        "same" => Ok(Accounts::Same),
        "other" => Ok(Accounts::Other),
        other => Err(AdminError::word("accounts", other, &["same", "other"])),
    }
}

/// Another path at the same host is set at once; of an app with links another host is another question.
pub(super) fn set_url(tx: &mut Tx<'_>, app: &App, text: &str) -> Result<(), AdminError> {
    let url = apps::check_url(text, false)?;
    let place = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    if place(&url) != place(&app.tenant_url) && usher_engine::link::any(tx, app.id)? {
        let name = &app.name;
        return Err(AdminError::new(
            "which_accounts",
            format!(
                "{name} has links to accounts at {}; are they the same ones at {url}, or is it another tenant?",
                app.tenant_url
            ),
        )
        .hint(format!(
            "The same: usher app move {name} {url} --accounts same --secret-token-file FILE (some of them are looked for there \
             first). Another tenant: --accounts other (the links are forgotten and {name} is off until you have seen a plan and start it)."
        )));
    }
    Ok(apps::set_tenant_url(tx, app, text, false)?)
}

impl Admin {
    /// Keeps another tenant URL with credentials that the app has accepted there.
    ///
    /// # Errors
    /// [`AdminError`]: the app is gone, or the database.
    pub fn move_app(
        &self,
        actor: &Actor,
        app: &App,
        to: &Moved,
        looked_for: usize,
    ) -> Result<Answer, AdminError> {
        let (actor, now, store, name) =
            (actor.clone(), self.clock.now(), self.store.clone(), app.name.clone());
        let to = to.clone();
        self.write(move |tx| {
            let app = find(tx, &name)?;
            let secret = SecretString::from(to.token.0.clone());
            let credentials = apps::Credentials { oauth: to.oauth.clone(), secret };
            apps::move_to(tx, &store, &app, &to.url, &credentials, to.accounts)?;
            apps::set_expires(tx, app.id, to.expires)?;
            let same = to.accounts == Accounts::Same;
            let details = serde_json::json!({"from": app.tenant_url.as_str(), "to": to.url.as_str(), "same": same});
            audit::note(tx, &actor, "app.move", &name, &details, now)?;
            let message = match to.accounts {
                Accounts::Same => format!(
                    "{name} is at {} now; {looked_for} of its accounts and groups were looked for there and found, and all links are kept",
                    to.url
                ),
                Accounts::Other => format!(
                    "{name} is at {} now, another tenant: its links are forgotten, and it is off. `usher app plan {name}` shows what a cycle \
                     would do there, `usher app start {name}` begins",
                    to.url
                ),
            };
            Ok(Answer::Said(Said { message }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_time_or_never() {
        let now: Timestamp = "2026-11-02T08:00:00Z".parse().unwrap();
        let read = |text| expires(text, now).unwrap().map(|at| at.to_string());
        assert_eq!(read("30d").as_deref(), Some("2026-12-02T08:00:00Z"));
        assert_eq!(read("2026-12-31").as_deref(), Some("2026-12-31T00:00:00Z"));
        assert_eq!(read("2026-12-31T08:00:00+01:00").as_deref(), Some("2026-12-31T07:00:00Z"));
        assert_eq!(read("never"), None);
        for wrong in ["soon", "30", "-3d", "2026-13-01", ""] {
            assert!(expires(wrong, now).is_err(), "{wrong}");
        }
    }
}
