//! Organizations and sites.

mod import;

use usher_api::{List, people::Unit};
use usher_directory::DirectoryId;
use usher_people::unit::{self, UnitKind};
use usher_store::Snapshot;

use crate::{Actor, Admin, AdminError, Answer, PAGE, account, audit, request};

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::Unit) -> Result<Answer, AdminError> {
    let (actor, now, id) = (actor.clone(), admin.clock.now(), admin.clock.id());
    let request::Unit { kind: word, account, environment, act } = request;
    let kind = match word.as_str() {
        "organization" => UnitKind::Organization,
        "site" => UnitKind::Site,
        _ => return Err(AdminError::word("the kind", &word, &["organization", "site"])),
    };
    match act {
        request::UnitAct::Create { name } => admin.write(move |tx| {
            let directory = account::directory(tx, &account, &environment)?;
            let made = unit::create(tx, directory, kind, &name, id, now)?;
            let details = serde_json::json!({"name": made.name, "environment": environment});
            audit::note(tx, &actor, &format!("{word}.create"), &account, &details, now)?;
            describe(tx, directory, made).map(Answer::Unit)
        }),
        request::UnitAct::List { name, disabled, after, limit } => admin.read(move |on| {
            let directory = account::directory(on, &account, &environment)?;
            let page = match &name {
                Some(name) => {
                    let found = unit::by_its_name(on, directory, kind, name)?;
                    let found = found.filter(|unit| disabled.is_none_or(|wanted| wanted == unit.disabled));
                    usher_people::Page { items: found.into_iter().collect(), next: None }
                }
                None => {
                    unit::list_of(on, directory, kind, disabled, after.as_deref(), limit.unwrap_or(PAGE))?
                }
            };
            let default = default(on, directory, kind)?;
            let items = page.items.into_iter().map(|unit| shape(unit, default)).collect();
            Ok(Answer::Units(List { items, next: page.next, total: None }))
        }),
        request::UnitAct::Show { name } => admin.read(move |on| {
            let directory = account::directory(on, &account, &environment)?;
            let found = unit::show(on, directory, kind, &name)?
                .ok_or_else(|| usher_people::PeopleError::UnknownUnit { kind, name: name.clone() })?;
            describe(on, directory, found).map(Answer::Unit)
        }),
        request::UnitAct::Disable { name } => {
            switch(admin, actor, (word, kind), account, environment, name, true)
        }
        request::UnitAct::Enable { name } => {
            switch(admin, actor, (word, kind), account, environment, name, false)
        }
        request::UnitAct::Import { sheet, dry_run } => {
            let wanted = import::read(&sheet, || admin.clock.id())?;
            admin.write(move |tx| {
                let directory = account::directory(tx, &account, &environment)?;
                let done = import::carry_out(tx, directory, kind, &wanted, dry_run, now)?;
                if !dry_run && !done.changes.is_empty() {
                    let details = serde_json::json!({"environment": environment, "changes": done.changes});
                    audit::note(tx, &actor, &format!("{word}.import"), &account, &details, now)?;
                }
                Ok(Answer::UnitImport(done))
            })
        }
    }
}

fn switch(
    admin: &Admin,
    actor: Actor,
    (word, kind): (String, UnitKind),
    account: String,
    environment: String,
    name: String,
    disabled: bool,
) -> Result<Answer, AdminError> {
    let now = admin.clock.now();
    admin.write(move |tx| {
        let directory = account::directory(tx, &account, &environment)?;
        let unit = unit::set_disabled(tx, directory, kind, &name, disabled, now)?;
        let operation = format!("{word}.{}", if disabled { "disable" } else { "enable" });
        let details = serde_json::json!({"name": unit.name, "environment": environment});
        audit::note(tx, &actor, &operation, &account, &details, now)?;
        describe(tx, directory, unit).map(Answer::Unit)
    })
}

/// The account's default organization, where organizations are meant.
fn default(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: UnitKind,
) -> Result<Option<uuid::Uuid>, AdminError> {
    Ok(match kind {
        UnitKind::Organization => unit::default_organization(on, directory)?.map(|unit| unit.id),
        UnitKind::Site => None,
    })
}

fn describe(on: &mut Snapshot<'_>, directory: DirectoryId, found: unit::Unit) -> Result<Unit, AdminError> {
    let default = default(on, directory, found.kind)?;
    Ok(shape(found, default))
}

fn shape(found: unit::Unit, default: Option<uuid::Uuid>) -> Unit {
    Unit {
        id: found.id.to_string(),
        default: default == Some(found.id),
        name: found.name,
        disabled: found.disabled,
        source_id: found.group.map(|id| id.0.to_string()),
        created_at: found.created.into(),
        updated_at: found.updated.into(),
    }
}
