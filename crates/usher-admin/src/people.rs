//! People, as the app sees them.

use usher_api::{
    List, Named,
    people::{self as shape, PeopleImport},
};
use usher_directory::DirectoryId;
use usher_people::{
    PeopleError,
    hand::{self, Made, NewPerson},
    origin::Origin,
    person, search,
};
use usher_store::Snapshot;

use crate::{Actor, Admin, AdminError, Answer, PAGE, account, audit, request};

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::People) -> Result<Answer, AdminError> {
    match request {
        request::People::List { account, environment, ungoverned: true, after, limit, .. } => {
            admin.read(move |on| {
                let directory = account::directory(on, &account, &environment)?;
                let page = person::ungoverned(on, directory, after.as_deref(), limit.unwrap_or(PAGE))?;
                let items = page.items.into_iter().map(describe).collect();
                Ok(Answer::People(List { items, next: page.next, total: None }))
            })
        }
        request::People::List { account, environment, ungoverned: false, filter, after, limit } => {
            let request::PeopleFilter { email, organization, site, manager, disabled } = filter;
            let filter = search::Filter { email, organization, site, manager, disabled };
            admin.read(move |on| {
                let directory = account::directory(on, &account, &environment)?;
                let page = search::list(on, directory, &filter, after.as_deref(), limit.unwrap_or(PAGE))?;
                // Counted once a walk: it looks at everybody.
                let total = match filter.is_empty() && after.is_none() {
                    true => Some(person::figures(on, directory)?.total.unsigned_abs()),
                    false => None,
                };
                let items = page.items.into_iter().map(describe).collect();
                Ok(Answer::People(List { items, next: page.next, total }))
            })
        }
        request::People::Show { account, environment, person } => admin.read(move |on| {
            let directory = account::directory(on, &account, &environment)?;
            shown(on, directory, &person)
        }),
        request::People::Create { account, environment, fields } => {
            create(admin, actor, account, environment, fields)
        }
        request::People::Import { account, environment, csv } => {
            import(admin, actor, account, environment, &csv)
        }
        request::People::Disable { account, environment, person, disabled } => {
            let operation = if disabled { "people.disable" } else { "people.enable" };
            change(admin, actor, account, environment, person, operation)
        }
        request::People::Protect { account, environment, person, protected } => {
            let operation = if protected { "people.protect" } else { "people.unprotect" };
            change(admin, actor, account, environment, person, operation)
        }
        request::People::Explain { account, environment, person } => admin.read(move |on| {
            let directory = account::directory(on, &account, &environment)?;
            Ok(Answer::PersonExplanation(Box::new(explained(hand::explain(on, directory, &person)?))))
        }),
    }
}

fn shown(on: &mut Snapshot<'_>, directory: DirectoryId, person: &str) -> Result<Answer, AdminError> {
    let found = person::show(on, directory, person)?;
    let found = found.ok_or_else(|| PeopleError::UnknownPerson(person.to_owned()))?;
    Ok(Answer::Person(Box::new(describe(found))))
}

fn create(
    admin: &Admin,
    actor: &Actor,
    account: String,
    environment: String,
    fields: Vec<(String, String)>,
) -> Result<Answer, AdminError> {
    let (actor, now, id) = (actor.clone(), admin.clock.now(), admin.clock.id());
    let new = NewPerson { fields };
    admin.write(move |tx| {
        let directory = account::directory(tx, &account, &environment)?;
        match hand::create(tx, directory, &new, id, &actor.name, now)? {
            Made::New(id) => {
                let details = serde_json::json!({"environment": environment, "person": id});
                audit::note(tx, &actor, "people.create", &account, &details, now)?;
                shown(tx, directory, &id.to_string())
            }
            Made::There(id) => {
                Err(AdminError::new("taken", format!("somebody has this address already: person {id}"))
                    .hint(format!("usher people show {account} {id}")))
            }
        }
    })
}

/// Lines that are wrong are all told; none is imported then.
fn import(
    admin: &Admin,
    actor: &Actor,
    account: String,
    environment: String,
    csv: &str,
) -> Result<Answer, AdminError> {
    let people = lines(csv)?;
    let ids: Vec<uuid::Uuid> = people.iter().map(|_| admin.clock.id()).collect();
    let (actor, now) = (actor.clone(), admin.clock.now());
    admin.write(move |tx| {
        let directory = account::directory(tx, &account, &environment)?;
        let mut done = PeopleImport { created: 0, there: 0 };
        let mut wrong = Vec::new();
        for ((line, person), id) in people.iter().zip(&ids) {
            match hand::create(tx, directory, person, *id, &actor.name, now) {
                Ok(Made::New(_)) => done.created += 1,
                Ok(Made::There(_)) => done.there += 1,
                Err(PeopleError::Store(error)) => return Err(error.into()),
                Err(error) => wrong.push(format!("line {line}: {error}")),
            }
        }
        if !wrong.is_empty() {
            return Err(AdminError::new("invalid_file", wrong.join("\n"))
                .hint("Nobody was imported. Correct these lines and repeat."));
        }
        let details = serde_json::json!({"environment": environment, "created": done.created});
        audit::note(tx, &actor, "people.import", &account, &details, now)?;
        Ok(Answer::PeopleImport(done))
    })
}

/// Line numbers as editors count them, and people.
fn lines(text: &str) -> Result<Vec<(u64, NewPerson)>, AdminError> {
    let refuse = |error: csv::Error| {
        AdminError::new("invalid_file", format!("this is no CSV file: {error}"))
            .hint(format!("The first line names columns: {}, custom_fields.NAME.", hand::FIELDS.join(", ")))
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let head: Vec<String> = reader.headers().map_err(refuse)?.iter().map(str::to_owned).collect();
    let mut people = Vec::new();
    for row in reader.records() {
        let row = row.map_err(refuse)?;
        let line = row.position().map_or(0, csv::Position::line);
        let fields = head.iter().cloned().zip(row.iter().map(str::to_owned)).collect();
        people.push((line, NewPerson { fields }));
    }
    Ok(people)
}

fn change(
    admin: &Admin,
    actor: &Actor,
    account: String,
    environment: String,
    person: String,
    operation: &'static str,
) -> Result<Answer, AdminError> {
    let (actor, now) = (actor.clone(), admin.clock.now());
    admin.change(move |tx| {
        let directory = account::directory(tx, &account, &environment)?;
        let id = match operation {
            "people.disable" | "people.enable" => {
                let disabled = operation == "people.disable";
                hand::set_disabled(tx, directory, &person, disabled, &actor.name, now)?
            }
            _ => {
                hand::set_protected(tx, directory, &person, operation == "people.protect", &actor.name, now)?
            }
        };
        let details = serde_json::json!({"environment": environment, "person": id});
        audit::note(tx, &actor, operation, &account, &details, now)?;
        shown(tx, directory, &id.to_string())
    })
}

fn explained(explained: hand::Explained) -> shape::PersonExplanation {
    let field = |(field, value, origin): (String, serde_json::Value, Option<Origin>)| {
        let at = origin.as_ref().and_then(|origin| jiff::Timestamp::from_millisecond(origin.at).ok());
        let origin = origin.unwrap_or_default();
        shape::FieldOrigin {
            field,
            value,
            rule: origin.rule,
            expression: origin.expression,
            record_id: origin.record,
            actor: origin.actor,
            at: at.map(Into::into),
        }
    };
    shape::PersonExplanation {
        record_id: explained.person.record.map(|id| id.0.to_string()),
        fields: explained.fields.into_iter().map(field).collect(),
        person: describe(explained.person),
    }
}

/// A person in the shape that is printed.
pub(crate) fn describe(person: person::Person) -> shape::Person {
    let named = |named: person::Named| Named { id: named.id.to_string(), name: named.name };
    shape::Person {
        id: person.id.to_string(),
        name: person.name,
        primary_email: person.primary_email,
        job_title: person.job_title,
        organization: person.organization.map(named),
        site: person.site.map(named),
        location: person.location,
        employee_id: person.employee_id,
        support_id: person.support_id,
        manager: person.manager.map(|manager| shape::PersonRef {
            id: manager.id.to_string(),
            name: manager.name,
            primary_email: manager.primary_email,
        }),
        locale: person.locale,
        time_zone: person.time_zone,
        vip: person.vip,
        disabled: person.disabled,
        access: person.access,
        held: person.held,
        protected: person.protected,
        contacts: person.contacts.into_iter().map(contact).collect(),
        addresses: person.addresses.into_iter().map(address).collect(),
        custom_fields: person.custom_fields,
        source: person.source,
        source_id: person.source_id,
        created_at: person.created.into(),
        updated_at: person.updated.into(),
    }
}

fn contact(contact: person::Contact) -> shape::Contact {
    shape::Contact {
        kind: match contact.kind {
            person::ContactKind::Email => "email",
            person::ContactKind::Phone => "phone",
        }
        .into(),
        label: contact.label,
        value: contact.value,
        integration: contact.integration,
    }
}

fn address(address: person::Address) -> shape::Address {
    shape::Address {
        label: match address.label {
            person::AddressLabel::Home => "home",
            person::AddressLabel::Mailing => "mailing",
        }
        .into(),
        address: address.address,
        city: address.city,
        state: address.state,
        zip: address.zip,
        country: address.country,
        integration: address.integration,
    }
}
