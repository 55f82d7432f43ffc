//! An entry of a source, mapped: what a directory user or group gets from it, and by which names others mean it.
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use usher_directory::Kind;
use usher_scim::{AttributePath, ResourceType, prepare::fold, schema};

use crate::run::EntryError;

/// A short hash that stands for a name, a key or a set: 128 bits of SHA-256.
pub(crate) type Digest = [u8; 16];

/// Bytes of a digest, and of a name with its rank.
const DIGEST: usize = 16;
const NAME: usize = 1 + DIGEST;

/// Hashes parts so that no two lists of parts meet.
pub(crate) fn digest(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let whole = hash.finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&whole[..16]);
    short
}

/// What tells an entry from all others of its source and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// The attribute or column: `entryUUID`, `uid`, `dn`, `employeeNumber`, ….
    pub(crate) by: String,
    /// Its value.
    pub(crate) value: String,
}

impl Anchor {
    /// What the database keeps: attribute and value; a hash of what is long, or holds U+0000, which PostgreSQL's text does not.
    pub(crate) fn key(&self) -> String {
        let key = format!("{}={}", self.by, self.value);
        if key.len() <= 512 && !key.contains('\0') {
            return key;
        }
        let hash: String = Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}=sha256:{hash}", self.by)
    }
}

/// The digest of an entry's key within its source.
pub(crate) fn key_digest(kind: Kind, key: &str) -> Digest {
    digest(&[&[kind as u8], key.as_bytes()])
}

/// A name by which a manager or member is meant; a lower rank wins over a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) digest: Digest,
    pub(crate) rank: u8,
}

/// The digest of a name: `space` keeps DNs, uids and keys apart.
pub(crate) fn name_digest(space: &str, text: &str) -> Digest {
    digest(&[space.as_bytes(), fold(text.trim()).as_bytes()])
}

/// Another entry, as this one names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reference {
    /// The source says nothing: what is there stays.
    #[default]
    Omitted,
    /// The source says: nobody.
    Nobody,
    /// By a name.
    Named(Digest),
}

/// What an entry writes. `Null` clears. `fresh` is for a new object alone.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Values {
    pub(crate) set: Vec<(String, Json)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fresh: Vec<(String, Json)>,
}

/// An entry, mapped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) line: u64,
    /// Its DN or key, for people to read.
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) anchor: Anchor,
    pub(crate) names: Vec<Name>,
    pub(crate) values: Values,
    /// userName; of a group, nothing.
    pub(crate) user_name: Option<String>,
    /// Whether the source calls the person active, if it says.
    pub(crate) active: Option<bool>,
    pub(crate) manager: Reference,
    /// Members of a group, by name; with repeats as they come.
    pub(crate) members: Vec<Digest>,
    /// Groups that it says to be in (`memberOf`), by name. They count where the group itself lists nobody.
    pub(crate) groups: Vec<Digest>,
    /// Which state of the entry this is, where the source says (`entryCSN`, `modifyTimestamp`).
    pub(crate) stamp: Option<Digest>,
    /// Of all that was read of it and how that is mapped ([`crate::ldap::Ldap::mark`]).
    pub(crate) mark: Option<Digest>,
}

/// How an entry was read, kept so that a later run need not read it again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Kept {
    /// How others name it.
    pub(crate) names: Vec<Name>,
    /// Its manager.
    pub(crate) manager: Reference,
    /// A group's members.
    pub(crate) members: Vec<Digest>,
    /// The groups that it says to be in.
    pub(crate) groups: Vec<Digest>,
    /// Which state of it was read.
    pub(crate) stamp: Option<Digest>,
    /// Of all that was read of it, and how that is mapped. None where not all that follows from it was written.
    pub(crate) mark: Option<Digest>,
}

/// Whom an entry names, as [`Kept::bytes`] keeps it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Refs<'b> {
    pub(crate) manager: Reference,
    members: &'b [u8],
    groups: &'b [u8],
}

impl<'b> Refs<'b> {
    /// Members by name.
    pub(crate) fn members(&self) -> impl Iterator<Item = Digest> + use<'b> {
        digests(self.members)
    }
    /// Groups by name.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Digest> + use<'b> {
        digests(self.groups)
    }
}

fn digests(bytes: &[u8]) -> impl Iterator<Item = Digest> {
    bytes.chunks_exact(DIGEST).filter_map(|one| one.try_into().ok())
}

impl Kept {
    /// As two values of the database: names (rank and digest each); and manager (a byte, and a digest where it is 2), number of
    /// members (four bytes), members and groups.
    pub(crate) fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        let names = self.names.iter().flat_map(|name| [name.rank].into_iter().chain(name.digest)).collect();
        let others = self.members.len() + self.groups.len();
        let mut refs = Vec::with_capacity(5 + DIGEST * (1 + others));
        match self.manager {
            Reference::Omitted => refs.push(0),
            Reference::Nobody => refs.push(1),
            Reference::Named(digest) => {
                refs.push(2);
                refs.extend(digest);
            }
        }
        refs.extend(u32::try_from(self.members.len()).unwrap_or(u32::MAX).to_be_bytes());
        refs.extend(self.members.iter().chain(&self.groups).flatten());
        (names, refs)
    }

    /// Back from there; what has not the form is as if nothing had been kept.
    pub(crate) fn read(
        names: &[u8],
        refs: &[u8],
        stamp: Option<Digest>,
        mark: Option<Digest>,
    ) -> Option<Self> {
        let whole = names.len().is_multiple_of(NAME);
        let refs = Self::refs_in(refs).filter(|_| whole)?;
        Some(Self {
            names: Self::names_in(names).collect(),
            manager: refs.manager,
            members: refs.members().collect(),
            groups: refs.groups().collect(),
            stamp,
            mark,
        })
    }

    /// The names in what [`Kept::bytes`] made of them.
    pub(crate) fn names_in(bytes: &[u8]) -> impl Iterator<Item = Name> {
        bytes.chunks_exact(NAME).filter_map(|one| {
            let (rank, digest) = one.split_first()?;
            Some(Name { rank: *rank, digest: digest.try_into().ok()? })
        })
    }

    /// Whom it names, in what [`Kept::bytes`] made of it.
    pub(crate) fn refs_in(bytes: &[u8]) -> Option<Refs<'_>> {
        let (tag, rest) = bytes.split_first()?;
        let (manager, rest) = match tag {
            0 => (Reference::Omitted, rest),
            1 => (Reference::Nobody, rest),
            _ => (Reference::Named(rest.get(..DIGEST)?.try_into().ok()?), rest.get(DIGEST..)?),
        };
        let (count, rest) = rest.split_first_chunk()?;
        let members = DIGEST.checked_mul(usize::try_from(u32::from_be_bytes(*count)).ok()?)?;
        let (members, groups) = rest.split_at_checked(members)?;
        groups.len().is_multiple_of(DIGEST).then_some(Refs { manager, members, groups })
    }
}

/// What a reader found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// A person or group.
    Entry(Box<Entry>),
    /// One that is known, by its place in the ledger, and is to the last byte as when it was read and mapped before. With its DN.
    Same { n: usize, label: String },
    /// Neither (an organizational unit, say), or out of scope.
    Other,
    /// A person or group that can't be taken: it stays as it is, and is no leaver.
    Refused {
        error: EntryError,
        /// Who it is, where that can be told.
        who: Option<(Kind, Anchor)>,
        /// Where it can't, or nobody is known by that: every text that may be somebody's key or userName.
        perhaps: Vec<String>,
        /// Names by which others mean it.
        names: Vec<Name>,
    },
}

impl Entry {
    /// Of what it would write; managers and members apart.
    pub(crate) fn hash(&self) -> Digest {
        // Text of JSON values: the writer is ours, and prints the same value the same way.
        let text = serde_json::to_vec(&self.values).unwrap_or_default();
        digest(&[&[self.kind as u8], &text])
    }
}

/// `manager`, as written.
pub(crate) const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

/// Directory users as every source knows them: core, enterprise and the open extension.
pub(crate) fn user_type() -> ResourceType {
    ResourceType::user(schema::user(), vec![schema::enterprise_user(), schema::directory_user(Vec::new())])
}

/// Directory groups.
pub(crate) fn group_type() -> ResourceType {
    ResourceType::group(schema::group())
}

/// Whether a path is the enterprise extension's manager, or its `value`.
pub(crate) fn is_manager(of: &ResourceType, path: &AttributePath) -> bool {
    of.resolve(path).is_some_and(|found| {
        found.schema.is_some_and(|schema| schema.id.eq_ignore_ascii_case(schema::ENTERPRISE))
            && found.attribute.is_some_and(|attribute| attribute.name.eq_ignore_ascii_case("manager"))
            && found.sub.is_none_or(|sub| sub.name == "value")
    })
}

/// Makes a value fit its place: the first of several where one is wanted, text as boolean or number where the schema says
/// so. Blank text is null.
pub(crate) fn fit(of: &ResourceType, path: &AttributePath, value: Json) -> Result<Json, String> {
    let found = of.resolve(path);
    let leaf = found.as_ref().and_then(|found| found.sub.or(found.attribute));
    let many = leaf.is_none_or(|leaf| leaf.multi_valued);
    let mut value = trimmed(value);
    if !many && let Json::Array(values) = value {
        value = values.into_iter().next().unwrap_or(Json::Null);
    }
    let Some(leaf) = leaf else { return Ok(value) };
    let wrong = |text: &str, wanted: &str| Err(format!("{path} is {wanted}, not \"{text}\""));
    match (&value, leaf.kind) {
        (Json::String(text), schema::Type::Boolean) => match boolean(text) {
            Some(truth) => Ok(truth.into()),
            None => wrong(text, "true or false"),
        },
        (Json::String(text), schema::Type::Integer) => match text.parse::<i64>() {
            Ok(number) => Ok(number.into()),
            Err(_) => wrong(text, "a whole number"),
        },
        (Json::Number(number), schema::Type::String) => Ok(number.to_string().into()),
        (Json::Bool(truth), schema::Type::String) => Ok(truth.to_string().into()),
        _ => Ok(value),
    }
}

/// Outer blanks cut, blank text and empty lists null.
fn trimmed(value: Json) -> Json {
    match value {
        Json::String(text) => match text.trim() {
            "" => Json::Null,
            same if same.len() == text.len() => Json::String(text),
            shorter => shorter.into(),
        },
        Json::Array(values) => {
            let values: Vec<Json> =
                values.into_iter().map(trimmed).filter(|value| !value.is_null()).collect();
            if values.is_empty() { Json::Null } else { Json::Array(values) }
        }
        other => other,
    }
}

/// Yes and no as files say them.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match fold(text.trim()).as_str() {
        "true" | "t" | "yes" | "y" | "1" | "on" | "active" | "enabled" | "ja" | "oui" | "si" | "sí" => {
            Some(true)
        }
        "false" | "f" | "no" | "n" | "0" | "off" | "inactive" | "disabled" | "nein" | "nee" | "non" => {
            Some(false)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_entry_comes_back() {
        let names = vec![Name { digest: [1; 16], rank: 0 }, Name { digest: [2; 16], rank: 1 }];
        for manager in [Reference::Omitted, Reference::Nobody, Reference::Named([3; 16])] {
            for (members, groups) in [(vec![], vec![[4; 16]]), (vec![[4; 16], [5; 16]], vec![[6; 16]])] {
                let kept = Kept {
                    names: names.clone(),
                    manager,
                    members,
                    groups,
                    stamp: Some([7; 16]),
                    mark: Some([8; 16]),
                };
                let (names, refs) = kept.bytes();
                assert_eq!(Kept::read(&names, &refs, Some([7; 16]), Some([8; 16])), Some(kept));
            }
        }
        assert_eq!(Kept::read(&[1, 2], &[0, 0, 0, 0, 0], None, None), None);
        assert_eq!(Kept::read(&[], &[2, 1], None, None), None);
        assert_eq!(Kept::read(&[], &[0, 0, 0, 0, 1, 7], None, None), None);
        assert_eq!(Kept::read(&[], &[0, 255, 255, 255, 255], None, None), None);
        assert_eq!(Kept::read(&[], &[], None, None), None);
    }
}
