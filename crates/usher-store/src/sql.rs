//! Statements, in one spelling or two.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use crate::Backend;

/// A statement, in one spelling or two. Arguments are `$1`, `$2`, … in both.
#[derive(Debug, Clone)]
pub struct Sql {
    lite: Cow<'static, str>,
    pg: Cow<'static, str>,
}

impl Sql {
    /// The same text on both databases.
    pub const fn same(text: &'static str) -> Self {
        Self { lite: Cow::Borrowed(text), pg: Cow::Borrowed(text) }
    }

    /// A spelling each.
    pub const fn each(lite: &'static str, pg: &'static str) -> Self {
        Self { lite: Cow::Borrowed(lite), pg: Cow::Borrowed(pg) }
    }

    /// Built at run time: only the search planner of `usher-directory` does this. Never holds user text.
    pub fn built(text: String) -> Self {
        Self { lite: text.clone().into(), pg: text.into() }
    }

    /// The spelling for a database, arguments still as `$n`.
    pub fn text(&self, backend: Backend) -> &str {
        match backend {
            Backend::Sqlite => &self.lite,
            Backend::Postgres => &self.pg,
        }
    }
}

/// Statements as SQLite takes them: constant ones are spelled anew once, not with each run.
#[derive(Debug, Default)]
pub(crate) struct Spelled(HashMap<(usize, usize), Arc<str>>);

impl Spelled {
    /// `$n` as `?n`.
    pub(crate) fn of(&mut self, sql: &Sql) -> Arc<str> {
        match &sql.lite {
            // A constant is told by its place.
            Cow::Borrowed(text) => {
                let place = (text.as_ptr().addr(), text.len());
                Arc::clone(self.0.entry(place).or_insert_with(|| numbered(text).into()))
            }
            Cow::Owned(text) => numbered(text).into(),
        }
    }
}

/// Spells `$n` as `?n`, outside of literals, names and comments.
///
/// SQLite numbers `$2, $1` by first appearance, silently, as if `$2` were a name; `?2` is the second argument.
fn numbered(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        at = match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => after(bytes, at + 1, |rest| rest[0] == quote, 1),
            b'-' if bytes[at..].starts_with(b"--") => after(bytes, at, |rest| rest[0] == b'\n', 1),
            b'/' if bytes[at..].starts_with(b"/*") => after(bytes, at + 2, |rest| rest.starts_with(b"*/"), 2),
            b'$' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                out.push_str(&text[copied..at]);
                out.push('?');
                copied = at + 1;
                at + 1
            }
            _ => at + 1,
        };
    }
    out.push_str(&text[copied..]);
    out
}

/// The place `past` bytes after the first place from `from` on where `ends` holds, or the end. A doubled quote
/// ends one literal and begins the next, which comes to the same.
fn after(bytes: &[u8], from: usize, ends: impl Fn(&[u8]) -> bool, past: usize) -> usize {
    (from..bytes.len()).find(|&at| ends(&bytes[at..])).map_or(bytes.len(), |at| (at + past).min(bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::{Spelled, Sql, numbered};

    #[test]
    fn statements_are_told_apart_by_their_text_also_where_one_begins_another() {
        const WHOLE: &str = "select $1, $2";
        let mut spelled = Spelled::default();
        let mut of = |text: &'static str| spelled.of(&Sql::same(text)).to_string();
        assert_eq!((of(WHOLE), of(&WHOLE[..9])), ("select ?1, ?2".into(), "select ?1".into()));
        assert_eq!((of(WHOLE), of(&WHOLE[..9])), ("select ?1, ?2".into(), "select ?1".into()));
        assert_eq!(&*spelled.of(&Sql::built("select $2".to_owned())), "select ?2");
    }

    #[test]
    fn arguments_are_numbered_and_nothing_else_is_touched() {
        assert_eq!(numbered("select $2, $1, $12"), "select ?2, ?1, ?12");
        assert_eq!(numbered("select '$1''$2' , \"$3\", $4"), "select '$1''$2' , \"$3\", ?4");
        assert_eq!(numbered("select $1 -- $2\n, $3 /* $4 */ + $5"), "select ?1 -- $2\n, ?3 /* $4 */ + ?5");
        assert_eq!(numbered("select 'grün $1', $1 /*"), "select 'grün $1', ?1 /*");
        assert_eq!(numbered("select 'open $1"), "select 'open $1");
    }
}
