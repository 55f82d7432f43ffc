//! Resources: what a client may send, made canonical; what it gets back; reading and writing by path.

use crate::{AttributePath, Note, Object, ResourceType, ScimError, Tolerance};

/// A body taken in: schema spelling of names, read-only and unknown attributes dropped (with a note), nulls and empty
/// arrays taken as unassigned, types checked, `password` dropped with a note, `schemas` and `meta` removed, `id` removed.
/// Base attributes at the root, extensions in containers named by URN. A group's `members` stay in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The canonical resource.
    pub object: Object,
    /// Attributes that came explicitly empty (`null`, `""`, `[]`): a merging PUT clears them.
    pub cleared: Vec<AttributePath>,
    /// Tolerances applied.
    pub notes: Vec<Note>,
}

/// Takes a POST or PUT body in (RFC 7643 §2, §3; RFC 7644 §3.3, §3.5.1).
pub fn accept(_of: &ResourceType, _body: &Object, _how: Tolerance) -> Result<Accepted, ScimError> {
    todo!()
}

/// Checks what must hold of a whole resource before it is stored: required attributes, one primary, and so on.
pub fn check(_of: &ResourceType, _object: &Object) -> Result<(), ScimError> {
    todo!()
}

/// A PUT that merges into what is there (profile `4me`): absent = kept, cleared = removed.
pub fn merge(_of: &ResourceType, _there: &Object, _with: Accepted) -> Object {
    todo!()
}

/// The URNs for `schemas`: the base schema and each extension that has a value.
pub fn schemas(_of: &ResourceType, _object: &Object) -> Vec<String> {
    todo!()
}

/// Which attributes a client asked for (RFC 7644 §3.9).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// `attributes`; empty = the default set.
    pub attributes: Vec<AttributePath>,
    /// `excludedAttributes`.
    pub excluded: Vec<AttributePath>,
}

/// Cuts a complete resource (with `schemas`, `id`, `meta`, …) to what is returned: `returned` characteristic, then the selection.
pub fn project(_of: &ResourceType, _resource: Object, _selection: &Selection) -> Object {
    todo!()
}

/// Values a path names, flat; with a filter only the matching ones. Names compare ignoring case.
pub fn read<'o>(_of: &ResourceType, _object: &'o Object, _path: &AttributePath) -> Vec<&'o serde_json::Value> {
    todo!()
}

/// Writes one value at a path, making containers, complex values and filtered elements that aren't there
/// (`emails[type eq "work"].value` makes `{"type":"work","value":…}`). `Null` removes. `false`: nothing changed.
pub fn write(
    _of: &ResourceType,
    _object: &mut Object,
    _path: &AttributePath,
    _value: serde_json::Value,
) -> Result<bool, ScimError> {
    todo!()
}

/// Equality as the schema sees it: `caseExact`, order of multi-valued attributes does not matter, null = absent.
pub fn same(_of: &ResourceType, _path: &AttributePath, _a: &serde_json::Value, _b: &serde_json::Value) -> bool {
    todo!()
}
