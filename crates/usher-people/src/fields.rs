//! From a rule's value to a person's field: blanks keep what is there, and a value over its limit is left out and told.

use usher_mapping::Value;
use usher_scim::Object;

use crate::{
    limits,
    person::{Address, AddressLabel, Contact, ContactKind},
    row::PersonRow,
    rules::TextField,
    run::Fault,
    user::changes,
};

/// The text for a field; `None`: keep what is there.
pub(crate) fn text(
    field: TextField,
    value: &Value,
    left_out: &mut Vec<String>,
) -> Result<Option<String>, Fault> {
    if matches!(value, Value::List(_) | Value::Object(_)) {
        let what = if matches!(value, Value::List(_)) { "several values" } else { "a complex value" };
        return Err(Fault(format!("{} can't take {what}", field.word())));
    }
    let text = value.text().unwrap_or_default();
    Ok(within(field.word(), text.trim(), field.limit(), left_out))
}

/// A text that is not blank and not too long.
fn within(name: &str, text: &str, limit: usize, left_out: &mut Vec<String>) -> Option<String> {
    let length = text.chars().count();
    if length > limit {
        left_out.push(format!("{name} has {length} characters, more than {limit}, and was left out"));
        return None;
    }
    (length > 0).then(|| text.to_owned())
}

/// Writes a field, except the address, whose uniqueness is the caller's care; whether it had another value.
pub(crate) fn write(row: &mut PersonRow, field: TextField, text: Option<String>) -> bool {
    let place = match field {
        TextField::Name => return changes(&mut row.name, text.unwrap_or_default()),
        TextField::PrimaryEmail => return changes(&mut row.email, text.unwrap_or_default()),
        TextField::JobTitle => &mut row.job_title,
        TextField::Location => &mut row.location,
        TextField::EmployeeId => &mut row.employee_id,
        TextField::SupportId => &mut row.support_id,
        TextField::Locale => &mut row.locale,
        TextField::TimeZone => &mut row.time_zone,
    };
    changes(place, text)
}

/// The value for a field of the app's own; `None`: keep what is there.
pub(crate) fn custom(name: &str, value: &Value, left_out: &mut Vec<String>) -> Option<serde_json::Value> {
    if value.is_null() || value.text().is_some_and(|text| text.trim().is_empty()) {
        return None;
    }
    let value = value.to_json();
    let length = value.to_string().chars().count();
    if length > limits::CUSTOM {
        let limit = limits::CUSTOM;
        left_out.push(format!(
            "custom_fields.{name} has {length} characters, more than {limit}, and was left out"
        ));
        return None;
    }
    Some(value)
}

/// The elements of a value: one or several.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::List(list) => list,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

fn part(object: &Object, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Adds SCIM's `emails` or `phoneNumbers` (or bare texts), flagged as from provisioning. The same value twice is once.
pub(crate) fn contacts(
    there: &mut Vec<Contact>,
    kind: ContactKind,
    value: &Value,
    left_out: &mut Vec<String>,
) {
    for element in elements(value) {
        let (text, label) = match element {
            Value::Object(object) => (part(object, "value"), part(object, "type")),
            other => (other.text(), None),
        };
        let Some(text) = text.and_then(|text| within("a contact", text.trim(), limits::CONTACT, left_out))
        else {
            continue;
        };
        let label = label.and_then(|label| within("a contact's label", &label, limits::LABEL, left_out));
        let contact = Contact { kind, label, value: text, integration: true };
        if !there.contains(&contact) {
            there.push(contact);
        }
    }
}

/// Adds SCIM's `addresses`, flagged as from provisioning. The type home stays home, every other becomes mailing.
pub(crate) fn addresses(there: &mut Vec<Address>, value: &Value, left_out: &mut Vec<String>) {
    for element in elements(value) {
        let Value::Object(object) = element else { continue };
        let home = part(object, "type").is_some_and(|label| label.eq_ignore_ascii_case("home"));
        let mut limited = |names: &[&str], field: &str, limit: usize| {
            let text = names.iter().find_map(|name| part(object, name))?;
            within(field, &text, limit, left_out)
        };
        let mut address = Address {
            label: if home { AddressLabel::Home } else { AddressLabel::Mailing },
            address: limited(&["streetAddress"], "address", limits::STREET),
            city: limited(&["locality"], "city", limits::CITY),
            state: limited(&["region"], "state", limits::STATE),
            zip: limited(&["postalCode"], "zip", limits::ZIP),
            country: None,
            integration: true,
        };
        if address.address.is_none() && address.city.is_none() {
            address.address = limited(&["formatted"], "address", limits::STREET);
        }
        if let Some(country) = part(object, "country") {
            if country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                address.country = Some(country.to_ascii_uppercase());
            } else {
                left_out.push(format!("country \"{country}\" is no two-letter code and was left out"));
            }
        }
        let empty = Address { label: address.label, ..nothing() };
        if address != empty && !there.contains(&address) {
            there.push(address);
        }
    }
}

fn nothing() -> Address {
    Address {
        label: AddressLabel::Mailing,
        address: None,
        city: None,
        state: None,
        zip: None,
        country: None,
        integration: true,
    }
}
