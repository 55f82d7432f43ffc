//! What changed, by the stamps of entries (entryCSN, else modifyTimestamp): the ids and stamps of all entries are read and compared
//! with those of the last time. No clock is believed: another stamp is a change, whether it is later or earlier.
use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
};

use uuid::Uuid;

use super::{
    connect::Session,
    search::{Query, by_ids, each, uuid_of},
    sync::{Delta, Event, MOST},
};
use crate::{entry::Digest, ldap::stamp_of};

/// A timestamp has whole seconds: entries that were changed in the newest of them are read again, for they may have changed twice.
const WINDOW: jiff::SignedDuration = jiff::SignedDuration::from_secs(3);

/// What changed against `known`, the stamps of the last time. `None`: entries have no entryUUID, or so much changed that everything
/// has to be read.
pub(super) async fn changes(
    session: &Session,
    query: &Query,
    known: &HashMap<Uuid, Option<Digest>>,
) -> Result<Option<Delta>, String> {
    let ids = ["entryUUID", "entryCSN", "modifyTimestamp"].map(str::to_owned).to_vec();
    let sweep = Query { attributes: ids, ..query.clone() };
    let (mut changed, mut there, mut without) = (Vec::new(), HashSet::new(), false);
    // Entries without a CSN, by their times.
    let mut timed: Vec<(Uuid, jiff::Timestamp)> = Vec::new();
    each(session, &sweep, |record| {
        let Some(id) = uuid_of(&record) else {
            without = true;
            return ControlFlow::Break(());
        };
        there.insert(id);
        let stamp = stamp_of(&record);
        if stamp.is_none() || known.get(&id).is_none_or(|known| *known != stamp) {
            changed.push(id);
        } else if record.text("entryCSN").is_none()
            && let Some(time) = record.text("modifyTimestamp").and_then(time_of)
        {
            timed.push((id, time));
        }
        ControlFlow::Continue(())
    })
    .await?;
    if without || changed.len() > MOST {
        return Ok(None);
    }
    let newest = timed.iter().map(|(_, time)| *time).max();
    let again = |time: jiff::Timestamp| newest.is_some_and(|newest| newest.duration_since(time) <= WINDOW);
    changed.extend(timed.iter().filter(|(_, time)| again(*time)).map(|(id, _)| *id));
    let mut delta = Delta::default();
    delta.take(Event::Gone(known.keys().filter(|id| !there.contains(*id)).copied().collect()));
    let mut found = Vec::new();
    by_ids(session, query, &changed, |record| found.extend(uuid_of(&record).map(|id| (id, record)))).await?;
    for (id, record) in found {
        delta.take(Event::Changed(id, Box::new(record)));
    }
    // Gone between the two searches.
    let vanished = changed.iter().filter(|id| known.contains_key(*id) && !delta.changed.contains_key(*id));
    let vanished = vanished.copied().collect();
    delta.take(Event::Gone(vanished));
    Ok(Some(delta))
}

/// Generalized time (RFC 4517 §3.3.13), as servers write it: `20261102090000Z`, perhaps with a fraction.
fn time_of(text: &str) -> Option<jiff::Timestamp> {
    let digits = text.get(..14).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let part = |from: usize, to: usize| digits.get(from..to);
    format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    )
    .parse()
    .ok()
}

#[cfg(test)]
mod tests {
    use super::time_of;

    #[test]
    fn times_of_servers() {
        let at = Some("2026-11-02T09:00:01Z".parse().unwrap());
        assert_eq!(time_of("20261102090001Z"), at);
        assert_eq!(time_of("20261102090001.123456Z"), at);
        assert_eq!(time_of("2026"), None);
        assert_eq!(time_of("yesterday at nine"), None);
    }
}
