//! Mails to the owners of accounts whose tokens come to their end.

use usher_directory::{
    account,
    token::{self, Expiring},
};
use usher_jobs::mail::{self, Mail};
use usher_store::Tx;

use crate::{Admin, AdminError, account::word};

impl Admin {
    /// Tells owners of tokens that end in 14, 7 or 1 days, each time once on any number of instances. How many mails were put
    /// into the outbox. Blocks.
    ///
    /// # Errors
    /// The database.
    pub fn tell_of_expiry(&self) -> Result<usize, AdminError> {
        let now = self.clock.now();
        let due = self.read(move |on| Ok(token::expiring(on, now)?))?;
        let mut told = 0;
        for expiring in due {
            let sent = self.write(move |tx| {
                if !token::told(tx, expiring.token.id, expiring.time)? {
                    return Ok(false);
                }
                let Some(mail) = mail_of(tx, &expiring, now)? else { return Ok(false) };
                mail::put(tx, &mail, now)?;
                Ok(true)
            })?;
            told += usize::from(sent);
        }
        Ok(told)
    }
}

/// `None`: nobody is the owner any more.
fn mail_of(tx: &mut Tx<'_>, expiring: &Expiring, now: jiff::Timestamp) -> Result<Option<Mail>, AdminError> {
    let Expiring { token, end, .. } = expiring;
    let Some(account) = account::by_id(tx, expiring.account)? else { return Ok(None) };
    let (Some(to), Some(environment)) = (account.owner, token.environment) else { return Ok(None) };
    let (name, environment) = (&account.name, word(environment));
    let left = end.duration_since(now);
    let left = match left.as_hours() {
        hours @ 48.. => format!("{} days", (hours + 12) / 24),
        hours @ 2.. => format!("{hours} hours"),
        _ => format!("{} minutes", left.as_mins().max(1)),
    };
    let (whose, who, loss) = match token.provider.as_str() {
        token::API => ("the app itself".to_owned(), "the app".to_owned(), ""),
        provider => (
            provider.to_owned(),
            format!("the identity provider ({provider})"),
            ": whoever joins gets no access, and whoever leaves keeps it",
        ),
    };
    let why = if token.ends.is_some() {
        format!("It was rotated, and {who} still uses it. Enter the newest token there.")
    } else {
        format!(
            "Make a new one and enter it with {who}:\n\n    usher token rotate {name} --token {}",
            token.id
        )
    };
    let text = format!(
        "The token ending in {} of {whose} ({name}, {environment}) ends at {end}.\n\
         From then on {who} is refused{loss}.\n\n{why}\n\n\
         Which tokens there are, and which are in use:\n\n    usher token list {name}\n\nAt: {now}\n",
        token.last4,
    );
    let subject = format!("[Usher] {name}: a token of {whose} ({environment}) ends in {left}");
    Ok(Some(Mail { topic: format!("token/{}", token.id), to, subject, text }))
}
