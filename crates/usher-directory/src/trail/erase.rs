//! Taking a person out of the trail, leaving that there was a request.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use usher_scim::Object;
use usher_store::{Column, Snapshot, Sql, StoreError, Tx, args};

use super::{Entry, Mark, columns};
use crate::{DirectoryId, ObjectId};

/// Texts shorter than this mark nobody.
const SHORTEST: usize = 3;

/// What a person is known by: the texts by which requests about others, searches above all, may name them.
#[derive(Debug, Clone, PartialEq)]
pub struct Marks {
    object: ObjectId,
    /// In lower case, as JSON spells them, without quotes.
    texts: Vec<String>,
}

impl Marks {
    /// Those of a resource: id, userName, externalId, displayName, full name, e-mail addresses and telephone numbers, of three
    /// characters at least. `more`: other texts that the person is known by.
    pub fn of(object: ObjectId, resource: &Object, more: &[String]) -> Self {
        let mut texts = vec![object.to_string()];
        texts.extend(more.iter().map(|text| folded(text)));
        let mut add = |value: Option<&Value>| texts.extend(value.and_then(Value::as_str).map(folded));
        for name in ["userName", "externalId", "displayName"] {
            add(resource.get(name));
        }
        add(resource.get("name").and_then(|name| name.get("formatted")));
        for name in ["emails", "phoneNumbers"] {
            for value in resource.get(name).and_then(Value::as_array).into_iter().flatten() {
                add(value.get("value"));
            }
        }
        texts.retain(|text| text.chars().count() >= SHORTEST);
        Self { object, texts }
    }

    fn are_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        // A whole word or words: "Ann" is not in "planning".
        let alone = |at: usize, mark: &str| {
            let before = text[..at].chars().next_back();
            let after = text[at + mark.len()..].chars().next();
            ![before, after].into_iter().flatten().any(char::is_alphanumeric)
        };
        self.texts.iter().any(|mark| text.match_indices(mark.as_str()).any(|(at, _)| alone(at, mark)))
    }

    /// Whether an entry tells of the person.
    fn concern(&self, entry: &Entry) -> bool {
        entry.objects.contains(&self.object)
            || self.are_in(&decoded(&entry.path))
            || [&entry.body, &entry.detail].into_iter().flatten().any(|text| self.are_in(text))
            || entry.deviations.iter().any(|met| self.are_in(&met.text))
    }

    /// A path without the person: no query, and nothing at all where the path itself names them by more than the id.
    fn without(&self, path: &str) -> String {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let named = decoded(path).replace(&self.object.to_string(), "");
        match (self.are_in(&named), query) {
            (true, _) => "(erased)".into(),
            (false, Some(_)) => format!("{path}?(erased)"),
            (false, None) => path.into(),
        }
    }
}

/// As it stands in JSON, in lower case.
fn folded(text: &str) -> String {
    let json = Value::from(text).to_string();
    json[1..json.len() - 1].to_lowercase()
}

/// A path and query as text; quotes as JSON has them within a text.
fn decoded(path: &str) -> String {
    percent_decode_str(&path.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Takes a person out of at most `most` entries after a mark, the oldest first: bodies, queries, details and what was read how go;
/// time, method, status, id and the ids of what was written stay. Gives where to go on; `None`: that was all.
///
/// # Errors
/// What the store says.
pub fn erase(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    person: &Marks,
    after: Option<Mark>,
    most: usize,
) -> Result<Option<Mark>, StoreError> {
    const ERASE: Sql = Sql::each(
        "update trail set path = $3, detail = null, deviations = null, body = null, erased = $4
         where request = $2 and at = $1",
        "update trail t set path = r.path, detail = null, deviations = null, body = null, erased = $4::boolean
         from unnest($1::bigint[], $2::bytea[], $3::text[]) as r(at, request, path)
         where t.request = r.request and t.at = r.at",
    );
    let entries = block(tx, directory, after, most)?;
    let found: Vec<&Entry> = entries.iter().filter(|entry| !entry.erased && person.concern(entry)).collect();
    let columns: [Column; 4] = [
        found.iter().map(|entry| entry.at).collect(),
        found.iter().map(|entry| entry.request).collect(),
        found.iter().map(|entry| person.without(&entry.path)).collect(),
        Column::Same(true.into()),
    ];
    tx.exec_many(&ERASE, &columns)?;
    let last = entries.last().filter(|_| entries.len() == most);
    Ok(last.map(|entry| Mark { at: entry.at, request: entry.request }))
}

fn block(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    after: Option<Mark>,
    most: usize,
) -> Result<Vec<Entry>, StoreError> {
    const READ: Sql = Sql::same(concat!(
        "select ",
        columns!(),
        " from trail t where t.directory = $1 and (t.at, t.request) > ($2, $3) order by t.at, t.request limit $4"
    ));
    let (at, request) =
        after.map_or((i64::MIN, uuid::Uuid::nil()), |mark| (mark.at.as_millisecond(), mark.request));
    on.all(&READ, args![directory, at, request, i64::try_from(most).unwrap_or(i64::MAX)], most)
}
