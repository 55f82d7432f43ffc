//! How long fields may be, in characters: those of 4me's People and Addresses APIs, and our own where they name none. A
//! longer value is left out, never cut.

/// Name of an organization or site.
pub(crate) const UNIT_NAME: usize = 128;
/// A contact's value: as a primary e-mail address.
pub(crate) const CONTACT: usize = 128;
/// Street and number.
pub(crate) const STREET: usize = 1024;
/// City.
pub(crate) const CITY: usize = 128;
/// State or region.
pub(crate) const STATE: usize = 30;
/// Postal code.
pub(crate) const ZIP: usize = 20;
/// Name of a time zone: the longest of the IANA database has 32.
pub(crate) const TIME_ZONE: usize = 64;
/// A contact's label.
pub(crate) const LABEL: usize = 30;
/// A value of a custom field, as JSON.
pub(crate) const CUSTOM: usize = 4096;
/// The name of a custom field.
pub(crate) const CUSTOM_NAME: usize = 64;
