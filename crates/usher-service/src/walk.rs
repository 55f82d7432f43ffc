//! What a walk by startIndex remembers: where the last page ended, so that the next one goes on from that object and
//! nobody is lost or seen twice when others create and delete meanwhile (storage.md, *Counts and walks*).

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use usher_directory::query::Mark;
use uuid::Uuid;

const LIFE: SignedDuration = SignedDuration::from_mins(5);

/// One place: who walks what, and the startIndex that goes on from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) token: Uuid,
    /// Endpoint, filter and whatever else decides which objects come in which order.
    pub(crate) query: String,
    pub(crate) start: u64,
}

#[derive(Debug)]
pub(crate) struct Walks {
    inner: Mutex<Inner>,
    /// Places remembered at most, of all walks; the oldest is forgotten first, and such a walk goes on by position.
    most: usize,
}

#[derive(Debug, Default)]
struct Inner {
    places: HashMap<Place, (Mark, Timestamp)>,
    order: VecDeque<(Place, Timestamp)>,
}

impl Walks {
    pub(crate) fn new(most: usize) -> Self {
        Self { inner: Mutex::default(), most }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last object handed out, and the total as the walk knew it.
    pub(crate) fn find(&self, place: &Place, now: Timestamp) -> Option<Mark> {
        let inner = self.inner();
        let (mark, at) = inner.places.get(place)?;
        (now.duration_since(*at) <= LIFE).then(|| mark.clone())
    }

    /// Remembers where a page ended.
    pub(crate) fn remember(&self, place: Place, last: Mark, now: Timestamp) {
        let mut inner = self.inner();
        inner.places.insert(place.clone(), (last, now));
        inner.order.push_back((place, now));
        while let Some((_, at)) = inner.order.front() {
            if inner.order.len() <= self.most && now.duration_since(*at) <= LIFE {
                break;
            }
            let Some((place, at)) = inner.order.pop_front() else { break };
            // A place set again meanwhile has a younger entry behind this one.
            if inner.places.get(&place).is_some_and(|(_, set)| *set == at) {
                inner.places.remove(&place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use usher_directory::{Key, Kind};

    use super::*;

    #[test]
    fn places_are_found_for_five_minutes_and_bounded() {
        let walks = Walks::new(10);
        let at = |s: i64| Timestamp::from_second(s).unwrap();
        let place = |start| Place { token: Uuid::nil(), query: "q".into(), start };
        let mark = Mark { kind: Kind::User, key: Key(7), value: None, total: 90 };
        walks.remember(place(26), mark.clone(), at(0));
        assert_eq!(walks.find(&place(26), at(300)), Some(mark.clone()));
        assert_eq!(walks.find(&place(26), at(301)), None);
        assert_eq!(walks.find(&place(27), at(0)), None);
        for n in 0..15 {
            walks.remember(place(n), mark.clone(), at(1));
        }
        assert_eq!(walks.inner().places.len(), 10);
        assert_eq!(walks.inner().order.len(), 10);
        let off = Walks::new(0);
        off.remember(place(26), mark, at(0));
        assert_eq!(off.find(&place(26), at(0)), None);
    }
}
