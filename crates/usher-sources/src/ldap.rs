//! LDAP entries as people and groups: which are, what tells them apart, and their mapping.
use jiff::Timestamp;
use serde_json::Value as Json;
use usher_directory::Kind;
use usher_mapping::{
    Context, NoLookup, ObjectMapping, Value,
    mapping::{From, Mapped, Moment, When},
};
use usher_scim::{Object, ResourceType, prepare};

use crate::{
    dn::{Dn, normalise, squeeze, without_uid},
    entry::{self, Anchor, Entry, Found, Name, Reference, Values, fit, is_manager, name_digest},
    file::FileError,
    ldif::{Record, Value as Raw},
    run::EntryError,
    secret::is_secret,
};

pub(crate) mod settings;

/// The mapping of people and groups as it comes with Usher (`mappings/ldif.toml`).
const DEFAULT: &str = include_str!("../mappings/ldif.toml");

/// What tells entries apart, the best first; after these the normalised DN.
const ANCHORS: [&str; 5] = ["entryUUID", "objectGUID", "nsUniqueId", "ipaUniqueID", "uid"];

/// What is asked of a server beside what the mappings name: what kind an entry is, whom it names, whether it is locked, which
/// state of it this is.
const NEEDED: [&str; 15] = [
    "objectClass",
    "uid",
    "mail",
    "ou",
    "cn",
    "member",
    "uniqueMember",
    "memberUid",
    "memberOf",
    "nsAccountLock",
    "userAccountControl",
    "pwdAccountLockedTime",
    "entryCSN",
    "modifyTimestamp",
    "manager",
];

/// Names that expressions see and no server has.
const COMPUTED: [&str; 4] = ["dn", "locked", "unit", "members"];

/// Entries that are known, by entryUUID: the place in the ledger, and the mark.
pub(crate) type Marks = std::collections::HashMap<uuid::Uuid, (usize, entry::Digest)>;

/// Functions whose value depends on the time (`FormatDateTime` takes what is missing of a date from it).
const TIMELY: [&str; 2] = ["Now", "FormatDateTime"];

/// Maps entries.
pub(crate) struct Ldap {
    user: Mapping,
    group: Mapping,
    now: Timestamp,
    /// What marks begin with; none where the mapping looks at the clock.
    seed: Option<entry::Digest>,
}

struct Mapping {
    rows: ObjectMapping,
    target: ResourceType,
    /// Whether a create may write more than an update.
    twofold: bool,
}

impl Mapping {
    fn new(table: &toml::Table, name: &str, target: ResourceType) -> Result<Self, FileError> {
        let wrong = |error: String| FileError::whole(format!("the mapping of {name}: {error}"));
        let table = table.get(name).and_then(toml::Value::as_table).ok_or_else(|| wrong("missing".into()))?;
        let rows = ObjectMapping::from_toml(table).map_err(|error| wrong(error.to_string()))?;
        let twofold = rows.rows.iter().any(|row| row.when == When::OnCreate || row.default.is_some());
        Ok(Self { rows, target, twofold })
    }
}

impl Mapping {
    /// Whether the same entry always comes out the same.
    fn is_timeless(&self) -> bool {
        let mut rows = self.rows.rows.iter();
        rows.all(|row| match &row.from {
            From::Expression(expression) => !TIMELY.iter().any(|name| expression.calls(name)),
            _ => true,
        })
    }
}

impl Ldap {
    /// With a mapping of one's own, or the one that comes with Usher; `now` is what `Now()` gives.
    pub(crate) fn new(now: Timestamp, mapping: Option<&str>) -> Result<Self, FileError> {
        let table: toml::Table = mapping
            .unwrap_or(DEFAULT)
            .parse()
            .map_err(|error| FileError::whole(format!("the mapping: {error}")))?;
        let (user, group) = (
            Mapping::new(&table, "users", entry::user_type())?,
            Mapping::new(&table, "groups", entry::group_type())?,
        );
        let version = env!("CARGO_PKG_VERSION").as_bytes();
        let timeless = user.is_timeless() && group.is_timeless();
        let seed = timeless.then(|| entry::digest(&[version, mapping.unwrap_or(DEFAULT).as_bytes()]));
        Ok(Self { user, group, now, seed })
    }

    /// Of all that is read of an entry, and how it is mapped: where it is as before, so is what [`Ldap::found`] makes of it. `None`:
    /// that depends on the time as well. Before people are bound to an anchor they are told apart by the first there is, as afterwards.
    pub(crate) fn mark(&self, record: &Record, bound: Option<&str>) -> Option<entry::Digest> {
        let seed = self.seed.as_ref()?;
        let mut parts: Vec<&[u8]> = vec![seed, bound.unwrap_or(ANCHORS[0]).as_bytes(), record.dn.as_bytes()];
        for (name, value) in &record.values {
            parts.push(name.as_bytes());
            parts.push(match value {
                Raw::Text(text) => text.as_bytes(),
                Raw::Binary(bytes) => bytes,
            });
        }
        record.problem.is_none().then(|| entry::digest(&parts))
    }

    /// Maps an entry, unless it is as `known` says: by entryUUID, the place in the ledger and the mark.
    pub(crate) fn found_new(&self, record: Record, bound: Option<&str>, known: &Marks) -> Found {
        let mark = self.mark(&record, bound);
        let id = record.text("entryUUID").and_then(|text| uuid::Uuid::parse_str(text).ok());
        match id.and_then(|id| known.get(&id)) {
            Some((n, before)) if Some(*before) == mark => Found::Same { n: *n, label: record.dn },
            _ => match self.found(&record, bound) {
                Found::Entry(mut entry) => {
                    entry.mark = mark;
                    Found::Entry(entry)
                }
                found => found,
            },
        }
    }

    /// The attributes to ask a server for: those that the mappings name, and what tells entries apart, links them and says whether
    /// they changed. Never those of secrets.
    pub(crate) fn attributes(&self) -> Vec<String> {
        let mapped = self.mapped_attributes();
        let needed = NEEDED.iter().chain(&ANCHORS).map(|name| (*name).to_owned());
        let mut names: Vec<String> = Vec::new();
        for name in needed.chain(mapped) {
            let plain = name.split(['.', '[']).next().unwrap_or_default().trim().to_owned();
            let is_name = !plain.is_empty()
                && plain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ';' | '_'));
            if is_name && !is_secret(&plain) && !names.iter().any(|known| known.eq_ignore_ascii_case(&plain))
            {
                names.push(plain);
            }
        }
        names
    }

    /// The attributes that the mappings name.
    pub(crate) fn mapped_attributes(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for mapping in [&self.user.rows, &self.group.rows] {
            for row in &mapping.rows {
                if let From::Expression(expression) = &row.from {
                    names.extend(expression.attributes().into_iter().map(str::to_owned));
                }
            }
            let clauses = mapping.scoping.groups.iter().flat_map(|group| &group.clauses);
            names.extend(clauses.map(|clause| clause.attribute.text().to_owned()));
        }
        names.retain(|name| !COMPUTED.iter().any(|computed| computed.eq_ignore_ascii_case(name)));
        names
    }

    /// Maps an entry. `bound`: what tells people of this source apart, as an earlier import found.
    pub(crate) fn found(&self, record: &Record, bound: Option<&str>) -> Found {
        let Some(kind) = kind_of(record) else { return Found::Other };
        let anchor = anchor_of(record, bound);
        let names = names_of(record, kind);
        let refused = |line: u64, message: String| Found::Refused {
            error: EntryError { line, entry: record.dn.clone(), message },
            who: Some((kind, anchor.clone())),
            perhaps: perhaps_of(record),
            names: names.clone(),
        };
        if let Some((line, problem)) = &record.problem {
            return refused(*line, problem.clone());
        }
        let mapping = if kind == Kind::User { &self.user } else { &self.group };
        if let Some(bound) = bound.filter(|bound| kind == Kind::User && *bound != "dn" && anchor.by != *bound)
        {
            return refused(
                record.line,
                format!("it has no {bound}, by which the people of this source are known"),
            );
        }
        match self.mapped(mapping, kind, record) {
            Ok(None) => Found::Other,
            Err(message) => refused(record.line, message),
            Ok(Some(parts)) => Found::Entry(Box::new(Entry {
                line: record.line,
                label: record.dn.clone(),
                kind,
                anchor,
                names,
                values: parts.values,
                user_name: parts.user_name,
                active: parts.active,
                manager: parts.manager,
                members: parts.members,
                groups: groups_of(record),
                stamp: stamp_of(record),
                mark: None,
            })),
        }
    }

    fn mapped(&self, mapping: &Mapping, kind: Kind, record: &Record) -> Result<Option<Parts>, String> {
        let object = object_of(record);
        let named = named_of(record, kind)?;
        let mut lookup = NoLookup;
        let mut context = Context::new(&object, &mut lookup, self.now);
        context.named = &named;
        context.ignore_case = true;
        if !mapping.rows.scoping.holds(&context)? {
            return Ok(None);
        }
        let mut apply = |moment| {
            mapping.rows.apply(&mut context, moment).map_err(|(row, error)| {
                let target = mapping.rows.rows.get(row).map(|row| row.target.to_string()).unwrap_or_default();
                format!("{target}: {error}")
            })
        };
        let mut parts = Parts::of(&mapping.target, apply(Moment::Update)?)?;
        if mapping.twofold {
            let fresh = Parts::of(&mapping.target, apply(Moment::Create)?)?.values.set;
            parts.values.fresh =
                fresh.into_iter().filter(|value| !parts.values.set.contains(value)).collect();
        }
        let needed = if kind == Kind::User { "userName" } else { "displayName" };
        let given = parts
            .values
            .set
            .iter()
            .chain(&parts.values.fresh)
            .any(|(p, value)| p == needed && !value.is_null());
        if !given {
            let from = if kind == Kind::User { "it has neither mail nor uid" } else { "it has no cn" };
            return Err(format!("no {needed}: {from}"));
        }
        if let Some(name) = &parts.user_name {
            prepare::user_name(name).map_err(|error| error.to_string())?;
        }
        Ok(Some(parts))
    }
}

/// Mapped values sorted into what is written at once and what is linked later.
struct Parts {
    values: Values,
    user_name: Option<String>,
    active: Option<bool>,
    manager: Reference,
    members: Vec<entry::Digest>,
}

impl Parts {
    fn of(target: &ResourceType, mapped: Vec<Mapped>) -> Result<Self, String> {
        let mut parts = Self {
            values: Values::default(),
            user_name: None,
            active: None,
            manager: Reference::Omitted,
            members: Vec::new(),
        };
        for Mapped { target: path, value, clear, .. } in mapped {
            if path.name == "members" && target.name == "Group" {
                parts.members = member_names(&value.to_json());
                continue;
            }
            let value = if is_manager(target, &path) {
                first(value.to_json())
            } else {
                fit(target, &path, value.to_json())?
            };
            if value.is_null() && !clear {
                continue;
            }
            if is_manager(target, &path) {
                parts.manager = value
                    .as_str()
                    .map_or(Reference::Nobody, |dn| Reference::Named(name_digest("dn", &normalise(dn))));
                continue;
            }
            match (path.name.as_str(), &value) {
                ("userName", Json::String(name)) => parts.user_name = Some(name.clone()),
                ("active", Json::Bool(active)) => parts.active = Some(*active),
                _ => {}
            }
            parts.values.set.push((path.to_string(), value));
        }
        Ok(parts)
    }
}

fn first(value: Json) -> Json {
    match value {
        Json::Array(values) => values.into_iter().next().unwrap_or(Json::Null),
        other => other,
    }
}

/// Which state of an entry this is.
pub(crate) fn stamp_of(record: &Record) -> Option<entry::Digest> {
    let stamp = record.text("entryCSN").or_else(|| record.text("modifyTimestamp"))?;
    Some(entry::digest(&[stamp.as_bytes()]))
}

/// The groups it says to be in.
fn groups_of(record: &Record) -> Vec<entry::Digest> {
    record.texts("memberOf").map(|dn| name_digest("dn", &normalise(dn))).collect()
}

/// Members are DNs; `memberUid`'s come with `uid:` before them (see [`named_of`]).
fn member_names(value: &Json) -> Vec<entry::Digest> {
    let one = |text: &str| match text.strip_prefix("uid:") {
        Some(uid) => name_digest("uid", uid),
        None => name_digest("dn", &normalise(without_uid(text))),
    };
    match value {
        Json::Array(values) => values.iter().filter_map(Json::as_str).map(one).collect(),
        Json::String(text) => vec![one(text)],
        _ => Vec::new(),
    }
}

pub(crate) fn kind_of(record: &Record) -> Option<Kind> {
    let is_any = |classes: &[&str]| classes.iter().any(|class| record.is_a(class));
    if is_any(&["groupOfNames", "groupOfUniqueNames", "posixGroup", "group"]) {
        Some(Kind::Group)
    } else if is_any(&["inetOrgPerson", "organizationalPerson", "person", "user"]) && !record.is_a("computer")
    {
        Some(Kind::User)
    } else {
        None
    }
}

fn anchor_of(record: &Record, bound: Option<&str>) -> Anchor {
    bound
        .into_iter()
        .chain(ANCHORS)
        .find_map(|by| anchor_by(record, by))
        .unwrap_or_else(|| Anchor { by: "dn".into(), value: normalise(&record.dn) })
}

fn anchor_by(record: &Record, by: &str) -> Option<Anchor> {
    let value = match record.all(by).next()? {
        // Active Directory prints its GUIDs mixed-endian.
        Raw::Binary(bytes) => uuid::Uuid::from_slice_le(bytes).ok()?.to_string(),
        Raw::Text(text) if by == "objectGUID" && text.len() == 16 => {
            uuid::Uuid::from_slice_le(text.as_bytes()).ok()?.to_string()
        }
        Raw::Text(text) => squeeze(text),
    };
    (!value.is_empty()).then(|| Anchor { by: by.into(), value })
}

/// What may have been the key or userName of an entry that can't be taken now.
fn perhaps_of(record: &Record) -> Vec<String> {
    let leaf = record.dn.split(',').next().and_then(|rdn| rdn.split_once('=')).map(|(_, value)| value);
    let known = ["uid", "mail"].into_iter().flat_map(|name| record.texts(name));
    known.chain(leaf).map(str::to_owned).chain([normalise(&record.dn)]).collect()
}

fn names_of(record: &Record, kind: Kind) -> Vec<Name> {
    let mut names = vec![Name { digest: name_digest("dn", &normalise(&record.dn)), rank: 0 }];
    if kind == Kind::User {
        names.extend(record.texts("uid").map(|uid| Name { digest: name_digest("uid", uid), rank: 1 }));
    }
    names
}

/// The entry as expressions see it: text, or a list of texts; binary values as base64.
fn object_of(record: &Record) -> Object {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut object = Object::new();
    let mut spelled: std::collections::HashMap<String, &str> = std::collections::HashMap::new();
    for (name, value) in &record.values {
        let text: Json = match value {
            Raw::Text(text) if text.trim().is_empty() => continue,
            Raw::Text(text) => text.trim().into(),
            Raw::Binary(bytes) => STANDARD.encode(bytes).into(),
        };
        let key = *spelled.entry(name.to_ascii_lowercase()).or_insert(name);
        match object.get_mut(key) {
            None => {
                object.insert(key.to_owned(), text);
            }
            Some(Json::Array(values)) => values.push(text),
            Some(one) => *one = Json::Array(vec![one.take(), text]),
        }
    }
    object
}

/// What expressions see beside the entry's own attributes.
fn named_of(record: &Record, kind: Kind) -> Result<Vec<(String, Value)>, String> {
    let mut named = vec![("dn".to_owned(), Value::Text(record.dn.clone()))];
    match kind {
        Kind::User => {
            named.push(("locked".into(), Value::Boolean(locked(record))));
            named
                .push(("unit".into(), unit(record).map_or(Value::Null, |unit| Value::Text(unit.to_owned()))));
        }
        Kind::Group => {
            let cut = |(name, _): &&(String, Raw)| name.to_ascii_lowercase().starts_with("member;range=");
            if record.values.iter().any(|value| cut(&value)) {
                return Err("its members are cut into ranges (member;range=…): export them whole".into());
            }
            let dns =
                ["member", "uniqueMember"].into_iter().flat_map(|name| record.texts(name)).map(str::to_owned);
            let uids = record.texts("memberUid").map(|uid| format!("uid:{uid}"));
            named.push(("members".into(), Value::List(dns.chain(uids).map(Value::Text).collect())));
        }
    }
    Ok(named)
}

/// A temporary lock-out after wrong passwords is no leave: only the permanent lock of `pwdAccountLockedTime` counts
/// (draft-behera-ldap-password-policy §5.3.3).
fn locked(record: &Record) -> bool {
    let control = record.text("userAccountControl").and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    record.text("nsAccountLock").is_some_and(|text| text.eq_ignore_ascii_case("true"))
        || control & 0x2 != 0
        || record.text("pwdAccountLockedTime") == Some("000001010000Z")
}

fn unit(record: &Record) -> Option<&str> {
    let dn = Dn::parse(&record.dn);
    record.texts("ou").find(|unit| dn.as_ref().is_none_or(|dn| !dn.has("ou", unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_for_what_is_used_and_never_for_passwords() {
        let ldap = Ldap::new(Timestamp::UNIX_EPOCH, None).unwrap();
        let asked = ldap.attributes();
        for name in ["entryUUID", "mail", "departmentNumber", "memberUid", "memberOf", "entryCSN"] {
            assert!(asked.iter().any(|a| a == name), "{name} in {asked:?}");
        }
        assert!(!asked.iter().any(|a| ["*", "+", "dn", "locked", "unit", "members"].contains(&a.as_str())));
        let own = "[users]\n[[users.mapping]]\ntarget = 'userName'\nsource = 'Coalesce([cn;lang-fr], [userPassword], [sambaNTPassword])'\n\
                   [groups]\n[[groups.mapping]]\ntarget = 'displayName'\nsource = '[cn]'\n";
        let asked = Ldap::new(Timestamp::UNIX_EPOCH, Some(own)).unwrap().attributes();
        assert!(asked.contains(&"cn;lang-fr".to_owned()));
        assert!(!asked.iter().any(|name| is_secret(name)), "{asked:?}");
    }

    #[test]
    fn a_mark_is_of_the_entry_and_of_its_mapping() {
        let record = |title: &str| Record {
            line: 0,
            dn: "uid=a,dc=x".into(),
            values: vec![("uid".into(), Raw::Text("a".into())), ("title".into(), Raw::Text(title.into()))],
            problem: None,
        };
        let own = |title: &str| {
            format!(
                "[users]\n[[users.mapping]]\ntarget = 'userName'\nsource = '[uid]'\n[[users.mapping]]\ntarget = 'title'\nsource = '{title}'\n\
                 [groups]\n[[groups.mapping]]\ntarget = 'displayName'\nsource = '[cn]'\n"
            )
        };
        let mark = |mapping: Option<&str>, title: &str, bound| {
            Ldap::new(Timestamp::UNIX_EPOCH, mapping).unwrap().mark(&record(title), bound)
        };
        let (plain, upper) = (own("[title]"), own("ToUpper([title])"));
        let first = mark(Some(&plain), "Chef", None);
        assert!(first.is_some());
        assert_eq!(mark(Some(&plain), "Chef", None), first);
        let others = [
            mark(Some(&plain), "Boss", None),
            mark(Some(&upper), "Chef", None),
            mark(Some(&plain), "Chef", Some("uid")),
        ];
        assert!(!others.contains(&first) && !others.contains(&None));
        assert_eq!(
            mark(Some(&own("Join(\" \", [title], Now())")), "Chef", None),
            None,
            "it depends on the time"
        );
    }
}
