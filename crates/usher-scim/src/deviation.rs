//! What clients send otherwise than RFC 7643 and 7644 say, by name: each way in which a request was read as it was meant.

use std::fmt;

macro_rules! deviations {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $id:literal, $strict:ident;)*) => {
        /// A deviation that is read as meant, and noted. Those that are [`Deviation::is_refused`] get an error instead where
        /// the account is strict.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Deviation {
            $($(#[$doc])* $variant,)*
        }

        impl Deviation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// For programs, e.g. `boolean_as_text`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The requirement it is about, e.g. `C-01`, as docs/conformance.md lists them.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }

            /// Whether it is refused where the account is strict.
            pub fn is_refused(self) -> bool {
                match self {
                    $(Self::$variant => deviations!(@ $strict),)*
                }
            }
        }
    };
    (@ refused) => { true };
    (@ taken) => { false };
}

deviations! {
    /// `"active": "False"`: the text of a boolean, in any of its four spellings.
    BooleanAsText, "boolean_as_text", "C-01", refused;
    /// `replace` at a filter that nothing matches makes the value.
    MissingValueMade, "missing_value_made", "C-03", refused;
    /// `remove` with a `value` takes those values away, and no others.
    RemovedByValue, "removed_by_value", "C-04", refused;
    /// `"name.givenName": …` as a key of a value is a path.
    PathAsKey, "path_as_key", "C-05", refused;
    /// One value as an array of one.
    ArrayOfOne, "array_of_one", "C-06", refused;
    /// A complex value (a manager) as plain text.
    TextAsValue, "text_as_value", "C-06", refused;
    /// A path to an extension's attribute without the extension's URN.
    UrnLeftOut, "urn_left_out", "C-06", refused;
    /// An attribute that no schema has, but without a value.
    UnknownNull, "unknown_null", "C-07", refused;
    /// A role as JSON text; strictly the text is the value.
    RoleAsJson, "role_as_json", "C-11", taken;
    /// Values of a multi-valued attribute (members) as plain texts.
    BareValues, "bare_values", "C-14", refused;
    /// A schema's URN from before the RFC.
    OldSchema, "old_schema", "C-25", refused;
    /// 4me's PATCH from before the RFC, where the profile knows it.
    OwnPatchBody, "own_patch_body", "C-30", taken;
    /// An attribute that no schema has.
    UnknownAttribute, "unknown_attribute", "E-15", refused;
    /// A PUT whose `id` is another than the address's.
    OtherId, "other_id", "E-22", refused;
    /// `Operations` in another case.
    OperationsSpelled, "operations_spelled", "P-03", taken;
    /// An empty list of operations.
    NoOperations, "no_operations", "P-03", refused;
    /// `"op": "Replace"`.
    OpSpelled, "op_spelled", "P-04", taken;
    /// An empty path is none.
    EmptyPath, "empty_path", "P-08", refused;
    /// `remove` with a `value` that it does not need.
    NeedlessValue, "needless_value", "P-30", refused;
    /// A filter's text without quotes.
    UnquotedText, "unquoted_text", "Q-13", refused;
    /// An extension's attribute in a filter without the extension's URN.
    UrnLeftOutInFilter, "urn_left_out_in_filter", "Q-15", refused;
    /// A boolean compared with its text.
    BooleanAsTextInFilter, "boolean_as_text_in_filter", "Q-30", refused;
    /// No `schemas` in a body.
    NoSchemas, "no_schemas", "S-03", refused;
    /// A schema that is none of the resource's.
    UnknownSchema, "unknown_schema", "S-06", refused;
    /// An id of a member that names nobody, where the profile passes it over.
    UnknownMember, "unknown_member", "S-54", taken;
    /// A password, which is dropped.
    PasswordDropped, "password_dropped", "X-11", taken;
    /// A filter that the profile's app does not document.
    UndocumentedFilter, "undocumented_filter", "F32", taken;
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A deviation as it was met: what came and how it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Which.
    pub deviation: Deviation,
    /// E.g. `"active" came as the text "False" and was read as false`.
    pub text: String,
}

impl Note {
    /// A note.
    pub fn new(deviation: Deviation, text: impl Into<String>) -> Self {
        Self { deviation, text: text.into() }
    }

    /// As [`Deviation::id`].
    pub fn id(&self) -> &'static str {
        self.deviation.id()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The rows of docs/conformance.md's table of tolerances: id and name, and whether strict refuses.
    fn documented() -> HashSet<(String, bool)> {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md");
        let text = std::fs::read_to_string(page).unwrap();
        let (_, after) = text.split_once("## Tolerant and strict").unwrap();
        let (section, _) = after.split_once("\n## ").unwrap();
        let mut rows = HashSet::new();
        for line in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, _, _, strict, id] = cells[..] else { panic!("not five cells: {line}") };
            if name != "name" {
                rows.insert((format!("{id} {}", name.trim_matches('`')), !strict.starts_with("taken")));
            }
        }
        rows
    }

    #[test]
    fn every_deviation_is_documented_with_what_strict_makes_of_it() {
        let known: HashSet<(String, bool)> =
            Deviation::ALL.iter().map(|d| (format!("{} {}", d.id(), d.name()), d.is_refused())).collect();
        assert_eq!(known.len(), Deviation::ALL.len(), "names differ");
        assert_eq!(known, documented());
    }
}
