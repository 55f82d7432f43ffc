//! Organizations and sites.

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
        request::UnitAct::List { after, limit } => admin.read(move |on| {
            let directory = account::directory(on, &account, &environment)?;
            let page = unit::list(on, directory, kind, after.as_deref(), limit.unwrap_or(PAGE))?;
            let items =
                page.items.into_iter().map(|unit| describe(on, directory, unit)).collect::<Result<_, _>>()?;
            Ok(Answer::Units(List { items, next: page.next, total: None }))
        }),
        request::UnitAct::Disable { name } => {
            switch(admin, actor, (word, kind), account, environment, name, true)
        }
        request::UnitAct::Enable { name } => {
            switch(admin, actor, (word, kind), account, environment, name, false)
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

fn describe(on: &mut Snapshot<'_>, directory: DirectoryId, found: unit::Unit) -> Result<Unit, AdminError> {
    let default = found.kind == UnitKind::Organization
        && unit::default_organization(on, directory)?.is_some_and(|default| default.id == found.id);
    Ok(Unit {
        id: found.id.to_string(),
        name: found.name,
        disabled: found.disabled,
        default,
        source_id: found.group.map(|id| id.0.to_string()),
        created_at: found.created.into(),
        updated_at: found.updated.into(),
    })
}
