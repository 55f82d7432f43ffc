//! PATCH (RFC 7644 §3.5.2) and what real clients send instead.

use crate::{Note, Object, ResourceType, ScimError, Tolerance};

/// A change of a group's members, in the order of the request. Members are rows of their own, never in the document.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberChange {
    /// These ids become members.
    Add(Vec<String>),
    /// These ids are no members any longer.
    Remove(Vec<String>),
    /// Members matching a filter over `value`, `type`, `display` go (`members[type eq "Group"]`).
    RemoveWhere(crate::Filter),
    /// Exactly these.
    Replace(Vec<String>),
    /// None.
    Clear,
}

/// What a PATCH does to a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The document after it (still canonical as [`crate::resource::accept`] makes it).
    pub object: Object,
    /// Whether the document changed.
    pub changed: bool,
    /// Member changes, for groups.
    pub members: Vec<MemberChange>,
    /// Tolerances applied.
    pub notes: Vec<Note>,
}

/// A parsed PATCH request.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// In order.
    pub operations: Vec<Operation>,
    /// Tolerances applied while reading.
    pub notes: Vec<Note>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What to do.
    pub op: Op,
    /// Where; `None` = the resource.
    pub path: Option<crate::AttributePath>,
    /// With what.
    pub value: Option<serde_json::Value>,
}

/// RFC 7644 §3.5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Add,
    Remove,
    Replace,
}

impl Patch {
    /// Reads the message; `own_body` = 4me's pre-RFC form (attributes at the root, members with `"operation":"delete"`) is taken too.
    pub fn parse(_body: &Object, _how: Tolerance, _own_body: bool) -> Result<Self, ScimError> {
        todo!()
    }
    /// Refuses (`mutability`) a path-less value whose `id` is another than the resource's (checklist C-20).
    pub fn check_id(&self, _id: &str) -> Result<(), ScimError> {
        todo!()
    }
    /// Whether an operation may change a group's members.
    pub fn touches_members(&self) -> bool {
        todo!()
    }
    /// Applies all or nothing to a canonical document (as [`crate::resource::accept`] makes it, without `members`).
    pub fn apply(&self, _of: &ResourceType, _to: &Object, _how: Tolerance) -> Result<Applied, ScimError> {
        todo!()
    }
}
