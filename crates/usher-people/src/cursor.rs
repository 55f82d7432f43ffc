//! Cursors of lists: where a page ended.

use usher_store::Value;

use crate::PeopleError;

/// The key a cursor stands for; none: before the first.
pub(crate) fn key(after: Option<&str>) -> Result<i64, PeopleError> {
    match after {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| PeopleError::Cursor(text.to_owned())),
    }
}

/// The two numbers a cursor of a sorted list stands for.
pub(crate) fn pair(after: Option<&str>) -> Result<Option<(i64, i64)>, PeopleError> {
    let Some(text) = after else { return Ok(None) };
    let numbers = text.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    numbers.map(Some).ok_or_else(|| PeopleError::Cursor(text.to_owned()))
}

/// One row more than asked for tells whether there is another page.
pub(crate) fn limit(most: usize) -> Value {
    Value::Int(i64::try_from(most).unwrap_or(i64::MAX - 1) + 1)
}

/// Cuts that one row off and gives the cursor of the last row kept.
pub(crate) fn cut<T>(rows: &mut Vec<T>, most: usize, cursor: impl Fn(&T) -> String) -> Option<String> {
    if rows.len() <= most {
        return None;
    }
    rows.truncate(most);
    rows.last().map(cursor)
}
