//! The lanes of a directory's rules, served in this order, and why a record is on work.

use usher_directory::{Kind, object::Head};

/// Access ends: before everything else.
pub(crate) const DEACTIVATION: i16 = 0;
/// A changed group, before the users that it gives an organization or site to.
pub(crate) const GROUP: i16 = 1;
/// Other changed users, and those whose membership or answers changed.
pub(crate) const USER: i16 = 2;
/// Users of a pass over everything.
pub(crate) const REPROCESS: i16 = 3;

/// The record changed.
pub(crate) const CHANGED: i16 = 1;
/// A group it belongs to changed, or it was added or removed.
pub(crate) const MEMBERSHIP: i16 = 2;
/// Something it asked for has another answer now.
pub(crate) const ANSWER: i16 = 3;
/// A pass over everything.
pub(crate) const PASS: i16 = 4;

/// The lane of a changed object.
pub(crate) fn of_change(head: &Head) -> i16 {
    match head.kind {
        Kind::Group => GROUP,
        Kind::User if head.counts() => USER,
        Kind::User => DEACTIVATION,
    }
}

/// The lane of an object in a pass over everything.
pub(crate) fn of_pass(head: &Head) -> i16 {
    match of_change(head) {
        USER => REPROCESS,
        lane => lane,
    }
}
