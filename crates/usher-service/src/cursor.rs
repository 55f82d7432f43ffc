//! Cursors (RFC 9865): where a walk goes on, sealed with the store's key so that nobody makes or changes one, and bound to
//! the directory, the token and the query it was given for.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use usher_directory::query::Mark;
use usher_scim::ScimType;

use crate::{problem::Problem, request::Context};

/// What a cursor holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cursor {
    /// The objects asked for in a page of this walk.
    pub(crate) count: u32,
    /// Where the last page ended.
    pub(crate) mark: Mark,
}

/// The associated data: what is true of every page of a walk.
fn walk(cx: &Context, identity: &str) -> String {
    format!("{}/{identity}", cx.caller.token)
}

impl Cursor {
    /// The text for `nextCursor`, in letters, digits, `-` and `_`.
    pub(crate) fn seal(&self, cx: &Context, identity: &str) -> String {
        let life = i64::try_from(cx.settings().cursor.as_millis()).unwrap_or(i64::MAX);
        let ends = cx.now.as_millisecond().saturating_add(life);
        let plain = [&ends.to_be_bytes()[..], &self.count.to_be_bytes(), &self.mark.to_bytes()].concat();
        let sealed = cx.service.0.store.seal("cursor", cx.directory().0, &walk(cx, identity), &plain);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Reads a cursor that came back.
    pub(crate) fn open(cx: &Context, identity: &str, text: &str) -> Result<Self, Problem> {
        let wrong = || {
            let detail = "the cursor is not one of this list: send it as it came, with the same filter and order, by the \
                          same token; or begin anew with an empty cursor";
            Problem::bad(ScimType::InvalidCursor, detail)
        };
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let plain = cx
            .service
            .0
            .store
            .unseal("cursor", cx.directory().0, &walk(cx, identity), &sealed)
            .map_err(|_| wrong())?;
        let (ends, rest) = plain.split_first_chunk().ok_or_else(wrong)?;
        let (count, mark) = rest.split_first_chunk().ok_or_else(wrong)?;
        let ends = Timestamp::from_millisecond(i64::from_be_bytes(*ends)).map_err(|_| wrong())?;
        if cx.now > ends {
            let detail = format!(
                "the cursor is older than {} s; begin anew with an empty cursor",
                cx.settings().cursor.as_secs()
            );
            return Err(Problem::bad(ScimType::ExpiredCursor, detail));
        }
        let mark = Mark::from_bytes(mark).ok_or_else(wrong)?;
        Ok(Self { count: u32::from_be_bytes(*count), mark })
    }
}
