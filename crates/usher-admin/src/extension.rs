//! An account's own extension schemas and indexed attributes: the same in both environments.

use std::sync::Arc;

use usher_api::{
    List,
    account::{ExtensionSchema, IndexedAttribute},
};
use usher_directory::{
    Kind,
    account::Account,
    config::{Configs, DirectoryConfig},
    extension::{self, Extension},
    indexing::{self, Index},
};
use usher_store::Snapshot;

use crate::{
    Actor, Admin, AdminError, Answer, account, audit, record,
    request::{IndexAct, SchemaAct},
};

pub(crate) fn schema(
    admin: &Admin,
    actor: Actor,
    name: String,
    act: SchemaAct,
) -> Result<Answer, AdminError> {
    let now = admin.clock.now();
    match act {
        SchemaAct::List => admin.read(move |on| {
            let account = account::find(on, &name)?;
            schemas(on, &account)
        }),
        SchemaAct::Add { kind, document } => {
            let kind = record::kind(&kind)?;
            admin.write(move |tx| {
                let account = account::find(tx, &name)?;
                let (schema, new) = extension::add(tx, &account, kind, &document, now)?;
                let details = serde_json::json!({"urn": schema.id, "kind": word(kind), "new": new});
                audit::note(tx, &actor, "account.schema.add", &account.name, &details, now)?;
                schemas(tx, &account)
            })
        }
        SchemaAct::Remove { urn } => admin.write(move |tx| {
            let account = account::find(tx, &name)?;
            let removed = extension::remove(tx, &account, &urn)?;
            let details = serde_json::json!({"urn": removed.schema.id});
            audit::note(tx, &actor, "account.schema.remove", &account.name, &details, now)?;
            schemas(tx, &account)
        }),
    }
}

pub(crate) fn index(admin: &Admin, actor: Actor, name: String, act: IndexAct) -> Result<Answer, AdminError> {
    let (now, configs) = (admin.clock.now(), admin.configs.clone());
    match act {
        IndexAct::List => admin.read(move |on| {
            let account = account::find(on, &name)?;
            indexed(on, &account)
        }),
        IndexAct::Add { kind, attribute } => {
            let kind = record::kind(&kind)?;
            admin.write(move |tx| {
                let account = account::find(tx, &name)?;
                let mut path = String::new();
                for config in both(tx, &configs, &account)? {
                    path = indexing::add(tx, &config, kind, &attribute, now)?.path;
                }
                let details = serde_json::json!({"attribute": path, "kind": word(kind)});
                audit::note(tx, &actor, "account.index.add", &account.name, &details, now)?;
                indexed(tx, &account)
            })
        }
        IndexAct::Remove { kind, attribute } => {
            let kind = record::kind(&kind)?;
            admin.write(move |tx| {
                let account = account::find(tx, &name)?;
                let mut path = String::new();
                for config in both(tx, &configs, &account)? {
                    path = indexing::remove(tx, &config, kind, &attribute)?.path;
                }
                let details = serde_json::json!({"attribute": path, "kind": word(kind)});
                audit::note(tx, &actor, "account.index.remove", &account.name, &details, now)?;
                indexed(tx, &account)
            })
        }
    }
}

/// The configurations of production and qa.
fn both(
    on: &mut Snapshot<'_>,
    configs: &Configs,
    account: &Account,
) -> Result<[Arc<DirectoryConfig>; 2], AdminError> {
    let mut one = |directory| {
        configs.get(on, directory)?.ok_or_else(|| {
            AdminError::new("account_not_found", format!("there is no account {}", account.name))
        })
    };
    Ok([one(account.production)?, one(account.qa)?])
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "user",
        Kind::Group => "group",
    }
}

fn schemas(on: &mut Snapshot<'_>, account: &Account) -> Result<Answer, AdminError> {
    let describe = |extension: &Extension| ExtensionSchema {
        urn: extension.schema.id.clone(),
        kind: word(extension.kind).into(),
        schema: extension.schema.to_json().into(),
        created_at: extension.created.into(),
    };
    let items = extension::list(on, account.id)?.iter().map(describe).collect();
    Ok(Answer::Extensions(List::whole(items)))
}

fn indexed(on: &mut Snapshot<'_>, account: &Account) -> Result<Answer, AdminError> {
    let mut items = Vec::new();
    for (environment, directory) in [("production", account.production), ("qa", account.qa)] {
        let describe = |index: Index| IndexedAttribute {
            attribute: index.path,
            kind: word(index.kind).into(),
            environment: environment.into(),
            state: index.state.word().into(),
            unique: index.unique,
            created_at: index.created.into(),
        };
        items.extend(indexing::list(on, directory)?.into_iter().map(describe));
    }
    items.sort_by(|a, b| (&a.attribute, &a.kind).cmp(&(&b.attribute, &b.kind)));
    Ok(Answer::Indexed(List::whole(items)))
}
