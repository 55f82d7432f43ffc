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

impl Selection {
    /// From query parameters (comma-separated). Both at once: `invalidValue` (checklist Q-56). Names that are no
    /// paths are left out, as unknown names are.
    pub fn parse(_attributes: Option<&str>, _excluded: Option<&str>) -> Result<Self, ScimError> {
        todo!()
    }
}

/// A selection made ready for one resource type.
#[derive(Debug, Clone)]
pub struct Projection(());

impl Projection {
    /// Resolves the selection's names once.
    pub fn new(_of: &ResourceType, _selection: &Selection) -> Self {
        todo!()
    }
    /// Whether something of a base attribute would be returned, so that `members` or `groups` need not be read if not.
    pub fn wants(&self, _attribute: &str) -> bool {
        todo!()
    }
    /// Cuts a complete resource.
    pub fn cut(&self, _resource: Object) -> Object {
        todo!()
    }
}

/// A path made ready for one resource type, for reading many objects.
#[derive(Debug, Clone)]
pub struct Place(());

impl Place {
    /// `invalidPath` for a path the type does not have.
    pub fn new(_of: &ResourceType, _path: &AttributePath) -> Result<Self, ScimError> {
        todo!()
    }
    /// As [`read`].
    pub fn read<'o>(&self, _object: &'o Object) -> Vec<&'o serde_json::Value> {
        todo!()
    }
}

/// Whether two canonical objects hold the same, the order of multi-valued attributes aside (case of text counts): what
/// a PUT or PATCH that changes nothing is told by (checklist E-28, P-42).
pub fn unchanged(_before: &Object, _after: &Object) -> bool {
    todo!()
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
