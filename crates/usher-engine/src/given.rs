//! Attribute values that come with an assignment: default values for everybody whom it gives an account.
//!
//! A value is written where the mapping gives null or has no row for the attribute; one of an assignment that overrides wins over
//! the mapping too. When the assignment goes, the mapping's row decides again, by its null policy; without a row the app keeps what
//! it has.

use usher_mapping::{
    AttributeMapping, Known, ObjectMapping, Value,
    mapping::{From, Mapped, MappingError},
};
use usher_scim::AttributePath;

use crate::{app::App, assignment::Assignment, error::EngineError};

/// The `row` of a mapped value that no row of the mapping gave.
pub(crate) const NO_ROW: usize = usize::MAX;

/// A value for an attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The target attribute.
    pub path: AttributePath,
    /// Its value.
    pub value: String,
    /// Whether it wins over the mapping.
    pub overrides: bool,
}

/// A target attribute of the app's users that an assignment may set.
///
/// # Errors
/// [`EngineError::Mapping`]: it is none; the nearest is named.
pub(crate) fn path(app: &App, name: &str) -> Result<AttributePath, EngineError> {
    let path = AttributePath::parse(name)
        .map_err(|e| MappingError::Other(format!("{name:?} is no attribute path: {}", e.detail)))?;
    let row = AttributeMapping::new(path.clone(), From::Constant(Value::Text(String::new())));
    let alone = ObjectMapping {
        rows: vec![row],
        scoping: usher_mapping::ScopingFilter::default(),
        cases: Vec::new(),
        ..app.users.clone()
    };
    // What a mapping adds is looked for in the type without it.
    alone.check(&Known::default(), &app.template.target().user)?;
    Ok(path)
}

/// Of assignments in the order of their weight, the first value for each attribute.
pub(crate) fn first<'a>(assignments: impl IntoIterator<Item = &'a Assignment>) -> Vec<Given> {
    let mut given: Vec<Given> = Vec::new();
    for assignment in assignments {
        for (name, value) in &assignment.values {
            // They were checked when they were written; one that is no path any longer is nobody's.
            let Ok(path) = AttributePath::parse(name) else { continue };
            if !given.iter().any(|g| g.path == path) {
                given.push(Given { path, value: value.clone(), overrides: assignment.overrides });
            }
        }
    }
    given
}

/// Puts the values beside what the mapping gave.
pub(crate) fn apply(given: &[Given], mapped: &mut Vec<Mapped>) {
    for g in given {
        let value = Value::Text(g.value.clone());
        match mapped.iter_mut().find(|row| row.target == g.path) {
            Some(row) if g.overrides || row.value.is_empty() => {
                row.value = value;
                row.row = NO_ROW;
                (row.clear, row.only_if_empty) = (false, false);
            }
            Some(_) => {}
            None => mapped.push(Mapped {
                row: NO_ROW,
                target: g.path.clone(),
                value,
                clear: false,
                only_if_empty: false,
                add_only: false,
                redacted: false,
                trace: Vec::new(),
            }),
        }
    }
}
