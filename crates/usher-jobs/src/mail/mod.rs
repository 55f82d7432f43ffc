//! Mail: an outbox whose rows are put in the sender's own transaction, and one sender that empties it ([`Mailer`]).
//!
//! A mail is about a topic (`app/7/quarantine`). Of a topic at most one waits for a recipient, the newest: it takes the place of
//! the one before. Between two of a topic lies [`GAP`] at least. So somebody learns at once that something happened, and
//! afterwards how it stands, but a state that goes to and fro never floods anybody.

mod smtp;

use jiff::{SignedDuration, Timestamp};
use lettre::message::Mailbox;
use usher_store::{Snapshot, Sql, StoreError, Tx, args};

pub use smtp::{MailError, Mailer, Security, SmtpSettings};

/// Between two mails of one topic to one recipient.
pub const GAP: SignedDuration = SignedDuration::from_hours(1);
/// How long a mail that could not be sent is tried.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 28);

/// A mail to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// What it is about: the newest of a topic is the one that counts.
    pub topic: String,
    /// One address, or several with commas between them; each gets a mail of its own.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// What waits in the outbox of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// How many mails.
    pub count: u64,
    /// Why the last try failed; `None`: none was tried.
    pub error: Option<String>,
}

/// Checks what [`Mail::to`] takes.
///
/// # Errors
/// What is wrong, in words.
pub fn check_addresses(text: &str) -> Result<(), String> {
    let addresses: Vec<&str> = addresses(text).collect();
    if addresses.is_empty() {
        return Err("there is no e-mail address".to_owned());
    }
    for address in addresses {
        address.parse::<Mailbox>().map_err(|error| format!("{address} is no e-mail address: {error}"))?;
    }
    Ok(())
}

fn addresses(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// A row as taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: i64,
    /// Rises each time a newer mail takes its place.
    pub(crate) version: i64,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) created: Timestamp,
    pub(crate) tries: i64,
}

const LAST: Sql = Sql::same("select max(sent) from mail where topic = $1 and recipient = $2");
const PUT: Sql = Sql::same(
    "insert into mail (topic, recipient, subject, body, created, due, tries, version) values ($1, $2, $3, $4, $5, $6, 0, 1)
     on conflict (topic, recipient) where sent is null do update set
       subject = excluded.subject, body = excluded.body, created = excluded.created, version = mail.version + 1",
);
const TAKE: Sql = Sql::same(
    "select id, version, recipient, subject, body, created, tries from mail
     where sent is null and due <= $1 order by due, id limit $2",
);
const SENT: Sql = Sql::same("update mail set sent = $3, error = null where id = $1 and version = $2");
const LATER: Sql = Sql::same("update mail set due = $2, tries = 0, error = null where id = $1");
const FAILED: Sql =
    Sql::same("update mail set tries = tries + 1, due = $2, error = $3 where id = $1 and sent is null");
const PRUNE: Sql =
    Sql::same("delete from mail where (sent is not null and sent <= $1) or (sent is null and created <= $2)");
const WAITING: Sql =
    Sql::same("select count(*), max(error) from mail where sent is null and topic >= $1 and topic < $2");
const FORGET: Sql = Sql::same("delete from mail where topic >= $1 and topic < $2");

/// Puts a mail into the outbox. It is sent at once, or when the gap since the last one of its topic is over.
///
/// # Errors
/// [`StoreError`] of the statements.
pub fn put(tx: &mut Tx<'_>, mail: &Mail, now: Timestamp) -> Result<(), StoreError> {
    for to in addresses(&mail.to) {
        let last = tx.one::<(Option<Timestamp>,)>(&LAST, args![mail.topic.as_str(), to])?;
        let free = last.and_then(|(at,)| at).map_or(now, |at| at.saturating_add(GAP).unwrap_or(now));
        let due = free.max(now);
        let (topic, subject, text) = (mail.topic.as_str(), mail.subject.as_str(), mail.text.as_str());
        tx.exec(&PUT, args![topic, to, subject, text, now, due])?;
    }
    tx.announce();
    Ok(())
}

/// What waits of the topics that begin so.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn waiting(on: &mut Snapshot<'_>, topics: &str) -> Result<Waiting, StoreError> {
    let end = format!("{topics}\u{10ffff}");
    let row = on.one::<(i64, Option<String>)>(&WAITING, args![topics, end])?;
    let (count, error) = row.unwrap_or_default();
    Ok(Waiting { count: u64::try_from(count).unwrap_or_default(), error })
}

const OUTBOX: Sql = Sql::same(
    "select topic, recipient, subject, body from mail where sent is null and topic >= $1 and topic < $2 order by id limit $3",
);

/// The mails that wait, of the topics that begin so.
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn outbox(on: &mut Snapshot<'_>, topics: &str, most: usize) -> Result<Vec<Mail>, StoreError> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let end = format!("{topics}\u{10ffff}");
    let rows: Vec<(String, String, String, String)> = on.all(&OUTBOX, args![topics, end, limit], most)?;
    Ok(rows.into_iter().map(|(topic, to, subject, text)| Mail { topic, to, subject, text }).collect())
}

/// Forgets the topics that begin so (whatever they were about is gone).
///
/// # Errors
/// [`StoreError`] of the statement.
pub fn forget(tx: &mut Tx<'_>, topics: &str) -> Result<(), StoreError> {
    let end = format!("{topics}\u{10ffff}");
    tx.exec(&FORGET, args![topics, end]).map(drop)
}

/// Those that are due, the oldest first.
pub(crate) fn take(on: &mut Snapshot<'_>, now: Timestamp, most: usize) -> Result<Vec<Row>, StoreError> {
    type Taken = (i64, i64, String, String, String, Timestamp, i64);
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<Taken> = on.all(&TAKE, args![now, limit], most)?;
    let row = |(id, version, to, subject, text, created, tries)| Row {
        id,
        version,
        to,
        subject,
        text,
        created,
        tries,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// It went. If a newer one took its place meanwhile, that waits for its time.
pub(crate) fn sent(tx: &mut Tx<'_>, row: &Row, now: Timestamp) -> Result<(), StoreError> {
    if tx.exec(&SENT, args![row.id, row.version, now])? == 0 {
        let due = now.saturating_add(GAP).unwrap_or(now);
        tx.exec(&LATER, args![row.id, due])?;
    }
    Ok(())
}

/// It could not be sent.
pub(crate) fn failed(tx: &mut Tx<'_>, row: &Row, due: Timestamp, error: &str) -> Result<(), StoreError> {
    tx.exec(&FAILED, args![row.id, due, error]).map(drop)
}

/// Forgets what was sent longer than a day ago, and what could not be sent for 28 days.
pub(crate) fn prune(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    let day = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(now);
    let long = now.saturating_sub(KEPT).unwrap_or(now);
    tx.exec(&PRUNE, args![day, long]).map(drop)
}
