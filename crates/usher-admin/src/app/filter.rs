//! Scoping filters, group by group.

use usher_api::app as shape;
use usher_directory::Kind;
use usher_engine::App;
use usher_mapping::{
    ObjectMapping,
    scoping::{Anchor, Clause, Group},
};

use crate::{AdminError, record};

/// The groups of both filters.
pub(super) fn list(app: &App) -> Vec<shape::FilterGroup> {
    let of = |kind: Kind| {
        let group = |group: &Group| shape::FilterGroup {
            kind: record::word(kind).to_owned(),
            title: group.title.clone(),
            clauses: group.clauses.iter().map(text).collect(),
        };
        app.mapping(kind).scoping.groups.iter().map(group).collect::<Vec<_>>()
    };
    [of(Kind::User), of(Kind::Group)].concat()
}

/// A clause as it is read.
fn text(clause: &Clause) -> String {
    let values = clause.values.join(", ");
    let text = format!("{} {} {values}", clause.attribute, clause.operator).trim_end().to_owned();
    match clause.anchor {
        Anchor::Part => format!("{text} (a part of the value)"),
        Anchor::Whole => text,
    }
}

/// The mapping with a group more, or with another one in place of that of the same title.
pub(super) fn with_group(
    mapping: &ObjectMapping,
    title: &str,
    clauses: &[String],
    anchor: Option<&str>,
) -> Result<ObjectMapping, AdminError> {
    let wrong = |text: String| AdminError::new("invalid_filter", text);
    let title = title.trim();
    if title.is_empty() {
        return Err(wrong("a group of a scoping filter needs a title".to_owned()));
    }
    if clauses.is_empty() {
        return Err(wrong("a group has at least one clause: --clause 'department EQUALS Sales'".to_owned()));
    }
    let anchor = match anchor {
        None | Some("whole") => Anchor::Whole,
        Some("part") => Anchor::Part,
        Some(other) => return Err(AdminError::word("the anchor", other, &["whole", "part"])),
    };
    let clauses =
        clauses.iter().map(|text| Clause::parse(text, anchor).map_err(wrong)).collect::<Result<_, _>>()?;
    let group = Group { title: title.to_owned(), clauses };
    let mut mapping = mapping.clone();
    match mapping.scoping.groups.iter_mut().find(|group| group.title.eq_ignore_ascii_case(title)) {
        Some(there) => *there = group,
        None => mapping.scoping.groups.push(group),
    }
    Ok(mapping)
}

/// The mapping without a group.
pub(super) fn without_group(mapping: &ObjectMapping, title: &str) -> Result<ObjectMapping, AdminError> {
    let mut mapping = mapping.clone();
    let before = mapping.scoping.groups.len();
    let titles: Vec<String> = mapping.scoping.groups.iter().map(|group| group.title.clone()).collect();
    mapping.scoping.groups.retain(|group| !group.title.eq_ignore_ascii_case(title.trim()));
    if mapping.scoping.groups.len() == before {
        return Err(AdminError::missing(
            "filter group",
            title,
            titles.iter().map(String::as_str),
            "usher app filter add NAME TITLE --clause 'department EQUALS Sales'",
        ));
    }
    Ok(mapping)
}
