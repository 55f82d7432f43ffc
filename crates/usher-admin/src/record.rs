//! Records: SCIM users and groups as they came, and what the rules made of them.

use usher_api::{
    List,
    account::{Execution, Record},
};
use usher_directory::{
    DirectoryId, Kind, ObjectId,
    config::Configs,
    object,
    trail::{Mark, Marks},
};
use usher_people::{
    record::{self, Leaving},
    unit::UnitKind,
};
use usher_store::Snapshot;

use crate::{Actor, Admin, AdminError, Answer, PAGE, account, answer::RecordDetail, audit, request, trail};

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::Record) -> Result<Answer, AdminError> {
    let (actor, now) = (actor.clone(), admin.clock.now());
    match request {
        request::Record::List { account, environment, kind, sort, errors, after, limit } => {
            let kind = kind.as_deref().map(self::kind).transpose()?;
            let sort = match sort.as_str() {
                "provisioned" => record::Sort::Provisioned,
                "updated" => record::Sort::Updated,
                _ => return Err(AdminError::word("the order", &sort, &["provisioned", "updated"])),
            };
            admin.read(move |on| {
                let directory = account::directory(on, &account, &environment)?;
                let query = record::Query { kind, sort, errors };
                let page = record::list(on, directory, query, after.as_deref(), limit.unwrap_or(PAGE))?;
                let items = page.items.iter().map(describe).collect();
                Ok(Answer::Records(List { items, next: page.next, total: None }))
            })
        }
        request::Record::Show { account, environment, id } => {
            let (configs, id) = (admin.configs.clone(), parse_id(&id)?);
            let (directory, senders, mut shown) = admin.read(move |on| {
                let directory = account::directory(on, &account, &environment)?;
                let senders = trail::senders(on, &account, now)?;
                let detail = record::show(on, directory, id)?.ok_or_else(|| missing(id))?;
                let resource = resource(on, &configs, directory, id)?;
                let rules = |execution: Option<record::Execution>| {
                    execution.map_or(serde_json::Value::Null, |execution| execution.rules)
                };
                let shown = RecordDetail {
                    record: describe(&detail.record),
                    resource,
                    execution: rules(detail.last),
                    failed: rules(detail.last_failed),
                    trail: Vec::new(),
                };
                Ok((directory, senders, shown))
            })?;
            shown.trail = trail::of_record(admin, directory, &senders, id)?;
            Ok(Answer::Record(Box::new(shown)))
        }
        request::Record::Delete { account, environment, id, disable, erase } => {
            let id = parse_id(&id)?;
            let person = match (erase, disable) {
                (true, _) => Leaving::Erased,
                (false, true) => Leaving::Disabled,
                (false, false) => Leaving::Stays,
            };
            // The trail first: without the record nobody would know any more whom to look for.
            let erased = match erase {
                true => Some(erase_from_trail(admin, &account, &environment, id)?),
                false => None,
            };
            let configs = admin.configs.clone();
            let answer = admin.write(move |tx| {
                let directory = account::directory(tx, &account, &environment)?;
                let config = configs.get(tx, directory)?.ok_or_else(|| missing(id))?;
                record::delete(tx, &config, id, person, now)?;
                let details = serde_json::json!({"record": id.0, "disable": disable, "erase": erase});
                audit::note(tx, &actor, "record.delete", &account, &details, now)?;
                let message = match person {
                    Leaving::Erased => format!(
                        "record {} is deleted and its person erased; provisioned again, it is somebody new",
                        id.0
                    ),
                    _ => format!("record {} is deleted; the identity provider will make it anew", id.0),
                };
                Ok(Answer::Said(crate::answer::Said { message }))
            })?;
            if let Some((directory, marks, end)) = erased {
                // What came meanwhile.
                trail::erase(admin, directory, &marks, end)?;
            }
            Ok(answer)
        }
    }
}

/// Takes whoever a record is about out of the trail; whom, and how far.
fn erase_from_trail(
    admin: &Admin,
    account: &str,
    environment: &str,
    id: ObjectId,
) -> Result<(DirectoryId, Marks, Option<Mark>), AdminError> {
    let (configs, account, environment) = (admin.configs.clone(), account.to_owned(), environment.to_owned());
    let (directory, marks) = admin.read(move |on| {
        let directory = account::directory(on, &account, &environment)?;
        let detail = record::show(on, directory, id)?.ok_or_else(|| missing(id))?;
        let person = match detail.record.person {
            Some(person) => usher_people::person::show(on, directory, &person.to_string())?,
            None => None,
        };
        // The person may be known by an address that the record no longer has.
        let known: Vec<String> =
            person.map(|person| vec![person.primary_email, person.name]).unwrap_or_default();
        let resource = resource(on, &configs, directory, id)?;
        let none = serde_json::Map::new();
        Ok((directory, Marks::of(id, resource.as_object().unwrap_or(&none), &known)))
    })?;
    let end = trail::erase(admin, directory, &marks, None)?;
    Ok((directory, marks, end))
}

/// As [`kind`] reads it.
pub(crate) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "users",
        Kind::Group => "groups",
    }
}

/// `users` or `groups`.
pub(crate) fn kind(word: &str) -> Result<Kind, AdminError> {
    match word {
        "users" | "user" => Ok(Kind::User),
        "groups" | "group" => Ok(Kind::Group),
        _ => Err(AdminError::word("the kind", word, &["users", "groups"])),
    }
}

pub(crate) fn parse_id(text: &str) -> Result<ObjectId, AdminError> {
    text.parse().map(ObjectId).map_err(|_| {
        AdminError::new("record_not_found", format!("{text} is no record's id"))
            .hint("usher records ACCOUNT shows the ids.")
    })
}

fn missing(id: ObjectId) -> AdminError {
    AdminError::new("record_not_found", format!("there is no record {}", id.0))
        .hint("usher records ACCOUNT lists them; --environment qa is another list.")
}

/// The SCIM resource as stored.
fn resource(
    on: &mut Snapshot<'_>,
    configs: &Configs,
    directory: DirectoryId,
    id: ObjectId,
) -> Result<serde_json::Value, AdminError> {
    let stored = object::get(on, directory, id)?.ok_or_else(|| missing(id))?;
    let config = configs.get(on, directory)?.ok_or_else(|| missing(id))?;
    Ok(stored.resource(config.resource_type(stored.kind))?.into())
}

fn describe(record: &record::Record) -> Record {
    let unit = |kind| record.unit.filter(|(is, _)| *is == kind).map(|(_, id)| id.to_string());
    let last = &record.last_execution;
    Record {
        id: record.id.0.to_string(),
        kind: match record.kind {
            Kind::User => "user",
            Kind::Group => "group",
        }
        .into(),
        name: record.name.clone(),
        external_id: record.external_id.clone(),
        active: record.active,
        state: record.state.word().into(),
        reason: record.reason.clone(),
        person_id: record.person.map(|id| id.to_string()),
        organization_id: unit(UnitKind::Organization),
        site_id: unit(UnitKind::Site),
        classification: record.classification.map(|kind| kind.word().into()),
        integration: record.integration.clone(),
        provisioned_at: record.provisioned.into(),
        updated_at: record.updated.into(),
        last_execution: Some(Execution {
            id: last.id.to_string(),
            result: last.result.word().into(),
            at: last.at.into(),
        }),
    }
}
