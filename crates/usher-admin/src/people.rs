//! People, as the app sees them.

use usher_api::{List, Named, people as shape};
use usher_people::person;

use crate::{Admin, AdminError, Answer, PAGE, account, request};

pub(crate) fn handle(admin: &Admin, request: request::People) -> Result<Answer, AdminError> {
    match request {
        request::People::List { account, environment, after, limit } => admin.read(move |on| {
            let directory = account::directory(on, &account, &environment)?;
            let page = person::list(on, directory, after.as_deref(), limit.unwrap_or(PAGE))?;
            let total = person::figures(on, directory)?.total.unsigned_abs();
            let items = page.items.into_iter().map(describe).collect();
            Ok(Answer::People(List { items, next: page.next, total: Some(total) }))
        }),
        request::People::Show { account, environment, person } => admin.read(move |on| {
            let directory = account::directory(on, &account, &environment)?;
            let found = person::show(on, directory, &person)?.ok_or_else(|| {
                AdminError::new("person_not_found", format!("there is no person {person} in {account}"))
                    .hint("Give an id or a primary e-mail address; usher people list ACCOUNT shows them.")
            })?;
            Ok(Answer::Person(Box::new(describe(found))))
        }),
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
        protected: false,
        contacts: person.contacts.into_iter().map(contact).collect(),
        addresses: person.addresses.into_iter().map(address).collect(),
        custom_fields: serde_json::Map::new(),
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
