//! People that fulfil conditions, page by page: what an app shows in its own lists.

use usher_directory::DirectoryId;
use usher_store::Snapshot;
use uuid::Uuid;

use crate::{
    Page, PeopleError, cursor,
    person::{self, Person},
    row::{self, Narrowed},
    unit::{self, UnitKind},
};

/// Conditions, all of which hold; what is absent says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Primary e-mail address, whole, ignoring case: one person at most.
    pub email: Option<String>,
    /// Organization, by id or name.
    pub organization: Option<String>,
    /// Site, by id or name.
    pub site: Option<String>,
    /// Manager, by id or primary e-mail address.
    pub manager: Option<String>,
    /// Whether the person is disabled.
    pub disabled: Option<bool>,
}

impl Filter {
    /// Whether it is fulfilled by everybody.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A page of those who fulfil it, in the order of creation.
///
/// # Errors
/// [`PeopleError::UnknownUnit`] and [`PeopleError::UnknownPerson`] for an organization, site or manager that is not there,
/// [`PeopleError::Cursor`].
pub fn list(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    filter: &Filter,
    after: Option<&str>,
    most: usize,
) -> Result<Page<Person>, PeopleError> {
    let narrowed = Narrowed {
        organization: unit_key(on, directory, UnitKind::Organization, filter.organization.as_deref())?,
        site: unit_key(on, directory, UnitKind::Site, filter.site.as_deref())?,
        manager: manager_key(on, directory, filter.manager.as_deref())?,
        disabled: filter.disabled,
    };
    let after = cursor::key(after)?;
    let mut rows = match &filter.email {
        Some(email) => {
            let found = row::by_email(on, directory, email)?;
            found.into_iter().filter(|found| found.row.key > after && narrowed.holds(found)).collect()
        }
        None => row::narrowed(on, directory, &narrowed, after, most)?,
    };
    let next = cursor::cut(&mut rows, most, |loaded| loaded.row.key.to_string());
    Ok(Page { items: person::people(on, directory, rows)?, next })
}

fn unit_key(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    kind: UnitKind,
    name_or_id: Option<&str>,
) -> Result<Option<(i64, Uuid)>, PeopleError> {
    let Some(name) = name_or_id else { return Ok(None) };
    match unit::find(on, directory, kind, name)? {
        Some(found) => Ok(Some((found.key, found.unit.id))),
        None => Err(PeopleError::UnknownUnit { kind, name: name.to_owned() }),
    }
}

fn manager_key(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    email_or_id: Option<&str>,
) -> Result<Option<(i64, Uuid)>, PeopleError> {
    let Some(name) = email_or_id else { return Ok(None) };
    let found = match Uuid::try_parse(name) {
        Ok(id) => row::by_id(on, directory, id)?,
        Err(_) => row::by_email(on, directory, name)?,
    };
    match found {
        Some(found) => Ok(Some((found.row.key, found.row.id))),
        None => Err(PeopleError::UnknownPerson(name.to_owned())),
    }
}
