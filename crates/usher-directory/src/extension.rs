//! An account's own extension schemas (RFC 7643 §3.3): beside those of its profile, in both environments, from the next request on.

use jiff::Timestamp;
use usher_scim::{
    Attribute, Object, Schema, ScimError,
    schema::{Mutability, Type, Uniqueness},
};
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, Tx, args};

use crate::{
    AccountId, DirectoryId, Kind, ObjectId,
    account::Account,
    config::{self, DirectoryConfig},
    indexing, profile,
};

/// The most extensions of an account.
const MOST: usize = 50;

/// An extension of users or groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Extension {
    /// What it extends.
    pub kind: Kind,
    /// The schema.
    pub schema: Schema,
    /// Since when.
    pub created: Timestamp,
}

/// Why a schema is not taken, or not taken away.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs)]
pub enum ExtensionError {
    #[error("{}", .0.detail)]
    Schema(#[from] ScimError),
    #[error(
        "{0} is no URN of your own: urn:ietf:… and urn:usher:… are defined elsewhere; take one such as urn:example:hr:1.0:User"
    )]
    Reserved(String),
    #[error("{0} is a schema of this account already")]
    Known(String),
    #[error(
        "the attribute \"{attribute}\" is one of {other} already, and clients that name it without a URN would not be understood any more; give it another name"
    )]
    Clash { attribute: String, other: String },
    #[error(
        "\"{attribute}\" {why}, so what is stored might not be valid any more; make a schema with another URN, or remove this one first"
    )]
    Incompatible { attribute: String, why: String },
    #[error("\"{attribute}\": {why}")]
    Unfit { attribute: String, why: String },
    #[error(
        "{urn} is in use by {count} of {environment}, {id} first; have its values cleared (by the identity provider's mapping, or PATCH with {{\"op\": \"remove\", \"path\": \"{urn}\"}}), then remove it"
    )]
    InUse {
        urn: String,
        /// `3 users`, `more than 1000 groups`.
        count: String,
        /// The oldest of them.
        id: String,
        environment: &'static str,
    },
    #[error("an account has {MOST} extension schemas at most")]
    TooMany,
    #[error("there is no extension schema {0} in this account")]
    Unknown(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Stored(i64, Vec<u8>, Timestamp);

impl FromRow for Stored {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self(row.get(0)?, row.get(1)?, row.get(2)?))
    }
}

impl Stored {
    fn extension(&self) -> Result<Extension, StoreError> {
        let broken = |error: String| StoreError::Bug(format!("a stored schema can't be read: {error}"));
        let json: Object = serde_json::from_slice(&self.1).map_err(|error| broken(error.to_string()))?;
        Ok(Extension {
            kind: if self.0 == Kind::Group as i64 { Kind::Group } else { Kind::User },
            schema: Schema::from_json(&json).map_err(|error| broken(error.detail))?,
            created: self.2,
        })
    }
}

/// All of an account, by URN.
pub fn list(on: &mut Snapshot<'_>, account: AccountId) -> Result<Vec<Extension>, StoreError> {
    const LIST: Sql =
        Sql::same("select kind, doc, created from extension where account = $1 order by urn limit 100");
    let rows: Vec<Stored> = on.all(&LIST, args![account], 100)?;
    rows.iter().map(Stored::extension).collect()
}

/// Those that hold in a directory.
pub(crate) fn of_directory(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
) -> Result<Vec<Extension>, StoreError> {
    const LIST: Sql = Sql::same(
        "select e.kind, e.doc, e.created from extension e join directory d on d.account = e.account
         where d.id = $1 order by e.urn limit 100",
    );
    let rows: Vec<Stored> = on.all(&LIST, args![directory], 100)?;
    rows.iter().map(Stored::extension).collect()
}

/// Adds a schema in the form of `/Schemas`, or changes the one of that URN in ways that leave what is stored valid. `true`: it is
/// a new one.
pub fn add(
    tx: &mut Tx<'_>,
    account: &Account,
    kind: Kind,
    json: &Object,
    now: Timestamp,
) -> Result<(Schema, bool), ExtensionError> {
    // Whoever changes schemas of an account waits here for whoever else does.
    const LOCK: Sql = Sql::same("update account set strict = strict where id = $1");
    const PUT: Sql = Sql::same(
        "insert into extension (account, urn, kind, doc, created) values ($1, $2, $3, $4, $5)
         on conflict (account, urn) do update set doc = excluded.doc",
    );
    let schema = Schema::from_json(json)?;
    let urn = schema.id.to_ascii_lowercase();
    if urn.starts_with("urn:ietf:") || urn.starts_with("urn:usher:") || urn.starts_with("urn:scim:") {
        return Err(ExtensionError::Reserved(schema.id));
    }
    for attribute in &schema.attributes {
        fit(attribute)?;
    }
    tx.exec(&LOCK, args![account.id])?;
    let all = list(tx, account.id)?;
    let known = all.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(&schema.id));
    match known {
        Some(known) if known.kind != kind => return Err(ExtensionError::Known(schema.id)),
        Some(known) => compatible(&known.schema, &schema)?,
        None if all.len() >= MOST => return Err(ExtensionError::TooMany),
        None => {}
    }
    let others = all.iter().filter(|it| it.kind == kind && !it.schema.id.eq_ignore_ascii_case(&schema.id));
    let others: Vec<Schema> = others.map(|extension| extension.schema.clone()).collect();
    clashes(account, kind, &schema, others)?;
    // The first spelling of the URN stays: it stands in what is stored.
    let schema = Schema { id: known.map_or(schema.id, |known| known.schema.id.clone()), ..schema };
    let doc = serde_json::to_vec(&schema.to_json())
        .map_err(|error| StoreError::Bug(format!("a schema is no JSON: {error}")))?;
    tx.exec(&PUT, args![account.id, urn, kind, doc, now])?;
    for directory in [account.production, account.qa] {
        for path in unique_paths(&schema) {
            indexing::hold_unique(tx, directory, kind, &path, now)?;
        }
        config::bump(tx, directory)?;
    }
    let new = known.is_none();
    Ok((schema, new))
}

/// Users or groups with values that are counted before it is said that there are more.
const COUNTED: usize = 1000;

/// Takes a schema away, where nothing that is stored has values of it.
pub fn remove(tx: &mut Tx<'_>, account: &Account, urn: &str) -> Result<Extension, ExtensionError> {
    const REMOVE: Sql = Sql::same("delete from extension where account = $1 and urn = $2");
    // A document begins each container with its URN as written in the schema.
    const USED: Sql = Sql::each(
        "select id from object where directory = $1 and kind = $2 and instr(doc, $3) > 0 order by key limit $4",
        "select id from object where directory = $1 and kind = $2 and position($3 in doc) > 0 order by key limit $4",
    );
    let all = list(tx, account.id)?;
    let found = all.into_iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(urn));
    let found = found.ok_or_else(|| ExtensionError::Unknown(urn.to_owned()))?;
    tx.exec(&REMOVE, args![account.id, found.schema.id.to_ascii_lowercase()])?;
    let key = format!("\"{}\":{{", found.schema.id).into_bytes();
    for (environment, directory) in [("production", account.production), ("qa", account.qa)] {
        let most = COUNTED as i64 + 1;
        let used: Vec<(ObjectId,)> = tx.all(&USED, args![directory, found.kind, &key, most], COUNTED + 1)?;
        if let Some((first,)) = used.first() {
            let kind = found.kind.name().to_lowercase();
            let count = match used.len() {
                many if many > COUNTED => format!("more than {COUNTED} {kind}s"),
                1 => format!("1 {kind}"),
                some => format!("{some} {kind}s"),
            };
            let id = first.to_string();
            return Err(ExtensionError::InUse { urn: found.schema.id, count, id, environment });
        }
        indexing::remove_under(tx, directory, &found.schema.id)?;
        config::bump(tx, directory)?;
    }
    Ok(found)
}

/// What Usher can't keep as the schema says.
fn fit(attribute: &Attribute) -> Result<(), ExtensionError> {
    let unfit =
        |why: &str| Err(ExtensionError::Unfit { attribute: attribute.name.clone(), why: why.to_owned() });
    if attribute.mutability == Mutability::WriteOnly {
        return unfit("what can be written and never read is not kept; leave mutability writeOnly out");
    }
    let textual = matches!(attribute.kind, Type::String | Type::Reference | Type::Binary);
    if attribute.uniqueness != Uniqueness::None && !textual {
        return unfit("only texts can be unique");
    }
    attribute.sub_attributes.iter().try_for_each(fit)
}

/// Whether all that is valid by the old schema is valid by the new one.
fn compatible(old: &Schema, new: &Schema) -> Result<(), ExtensionError> {
    for attribute in &old.attributes {
        same(attribute, new.attribute(&attribute.name), &attribute.name)?;
    }
    for attribute in &new.attributes {
        if attribute.required && old.attribute(&attribute.name).is_none() {
            return Err(incompatible(&attribute.name, "is new and required"));
        }
    }
    Ok(())
}

fn incompatible(attribute: &str, why: &str) -> ExtensionError {
    ExtensionError::Incompatible { attribute: attribute.to_owned(), why: why.to_owned() }
}

fn same(old: &Attribute, new: Option<&Attribute>, path: &str) -> Result<(), ExtensionError> {
    let Some(new) = new else { return Err(incompatible(path, "is gone")) };
    let tighter = new.canonical_values.len() < old.canonical_values.len()
        || !old.canonical_values.iter().all(|value| new.canonical_values.contains(value))
        || (old.canonical_values.is_empty() && !new.canonical_values.is_empty());
    let changed = [
        (old.name != new.name, "is spelled otherwise"),
        (old.kind != new.kind, "has another type"),
        (old.multi_valued != new.multi_valued, "is multi-valued where it was not, or the other way round"),
        (old.case_exact != new.case_exact, "has another caseExact"),
        (old.mutability != new.mutability, "has another mutability"),
        (old.uniqueness != new.uniqueness, "has another uniqueness"),
        (new.required && !old.required, "is required now"),
        (tighter, "allows fewer values"),
        (old.reference_types != new.reference_types, "refers to other types"),
    ];
    if let Some((_, why)) = changed.iter().find(|(changed, _)| *changed) {
        return Err(incompatible(path, why));
    }
    for sub in &old.sub_attributes {
        same(sub, new.sub(&sub.name), &format!("{path}.{}", sub.name))?;
    }
    for sub in &new.sub_attributes {
        if sub.required && old.sub(&sub.name).is_none() {
            return Err(incompatible(&format!("{path}.{}", sub.name), "is new and required"));
        }
    }
    Ok(())
}

/// A bare name means an extension's attribute where only one has it: so no two may.
fn clashes(
    account: &Account,
    kind: Kind,
    schema: &Schema,
    mut others: Vec<Schema>,
) -> Result<(), ExtensionError> {
    let profile = profile::by_name(&account.profile)
        .ok_or_else(|| StoreError::Bug(format!("the profile {} is gone", account.profile)))?;
    let base = DirectoryConfig::new(DirectoryId(0), 0, profile, usher_scim::Tolerance::Tolerant)?;
    let of = base.resource_type(kind);
    others.extend(of.extensions.iter().map(|(schema, _)| (**schema).clone()));
    for attribute in &schema.attributes {
        if let Some(other) = others.iter().find(|other| other.attribute(&attribute.name).is_some()) {
            let attribute = attribute.name.clone();
            return Err(ExtensionError::Clash { attribute, other: other.id.clone() });
        }
    }
    Ok(())
}

/// The paths of attributes that are declared unique.
fn unique_paths(schema: &Schema) -> Vec<String> {
    let unique = |attribute: &Attribute| attribute.uniqueness != Uniqueness::None;
    let mut paths = Vec::new();
    for attribute in &schema.attributes {
        let path = format!("{}:{}", schema.id, attribute.name);
        for sub in attribute.sub_attributes.iter().filter(|sub| unique(sub)) {
            paths.push(format!("{path}.{}", sub.name));
        }
        if attribute.kind != Type::Complex && unique(attribute) {
            paths.push(path);
        }
    }
    paths
}
