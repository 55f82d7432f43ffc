//! What PATCH operations mean for a group's members, which stand outside of the document.

use serde_json::Value;

use super::Op;
use crate::{
    Attribute, AttributePath, Deviation, Filter, ScimError, ScimType,
    error::{invalid_value, mutability},
    filter::{
        Operator,
        compile::{Compiler, Scope},
    },
    resource::take::Taker,
};

/// A change of a group's members, in the order of the request. Members are rows of their own, never in the document.
/// Ids stand in the order they were sent in, each once.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberChange {
    /// These ids become members.
    Add(Vec<String>),
    /// These ids are no members any longer.
    Remove(Vec<String>),
    /// Members matching a filter over `value`, `type`, `display` go (`members[type eq "Group"]`).
    RemoveWhere(Filter),
    /// Exactly these.
    Replace(Vec<String>),
    /// None.
    Clear,
}

/// One operation on `members`, whose filter and sub-attribute (if any) stand in `path`.
pub(super) fn change(
    op: Op,
    path: &AttributePath,
    members: &Attribute,
    value: Option<&Value>,
    taker: &mut Taker,
) -> Result<Option<MemberChange>, ScimError> {
    if let Some(sub) = &path.sub {
        return Err(mutability(format!(
            "a member's \"{sub}\" cannot be changed; remove the member and add another"
        )));
    }
    match path.filter.as_deref() {
        Some(filter) => filtered(op, filter, members, value, taker),
        None => whole(op, members, value, taker),
    }
}

fn whole(
    op: Op,
    members: &Attribute,
    value: Option<&Value>,
    taker: &mut Taker,
) -> Result<Option<MemberChange>, ScimError> {
    let value = match (op, value) {
        (Op::Remove, None | Some(Value::Null)) => return Ok(Some(MemberChange::Clear)),
        (_, None) => return Err(invalid_value("the operation on \"members\" needs a \"value\"")),
        (_, Some(value)) => value,
    };
    if op == Op::Remove {
        let refused =
            invalid_value("a remove has no \"value\"; name the member in the path: members[value eq \"…\"]");
        taker.tolerate(
            Deviation::RemovedByValue,
            "members were removed by \"value\" instead of a filter in the path",
            refused,
        )?;
    }
    let ids = ids(members, value, taker)?;
    Ok(match op {
        Op::Add => (!ids.is_empty()).then_some(MemberChange::Add(ids)),
        Op::Remove => (!ids.is_empty()).then_some(MemberChange::Remove(ids)),
        Op::Replace if ids.is_empty() => Some(MemberChange::Clear),
        Op::Replace => Some(MemberChange::Replace(ids)),
    })
}

fn filtered(
    op: Op,
    filter: &Filter,
    members: &Attribute,
    value: Option<&Value>,
    taker: &mut Taker,
) -> Result<Option<MemberChange>, ScimError> {
    let mut compiler = Compiler { how: taker.how, notes: Vec::new() };
    compiler.node(filter, Scope::Element(None, members))?;
    taker.notes.append(&mut compiler.notes);
    let named = values(filter);
    match op {
        Op::Remove => {
            Ok(Some(named.map_or_else(|| MemberChange::RemoveWhere(filter.clone()), MemberChange::Remove)))
        }
        Op::Add | Op::Replace => {
            let value =
                value.ok_or_else(|| invalid_value("the operation on \"members\" needs a \"value\""))?;
            let ids = ids(members, value, taker)?;
            match named {
                // The member says its own id again: nothing to change, and with add nothing to lack.
                Some(named) if named == ids && op == Op::Add => Ok(Some(MemberChange::Add(ids))),
                Some(named) if named == ids => Ok(None),
                Some(_) => Err(mutability("a member cannot become another; remove it and add the other")),
                None => {
                    Err(ScimError::bad(ScimType::NoTarget, "the filter must name a member: value eq \"…\""))
                }
            }
        }
    }
}

/// The ids that a filter of `value eq` terms joined by `or` names.
fn values(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Compare(path, Operator::Eq, Value::String(id))
            if crate::prepare::same_name(&path.name, "value") =>
        {
            Some(vec![id.clone()])
        }
        Filter::Or(terms) => {
            let all: Vec<Vec<String>> = terms.iter().map(values).collect::<Option<_>>()?;
            Some(once(all.into_iter().flatten()))
        }
        _ => None,
    }
}

/// The ids in a value: one element or an array of them.
fn ids(members: &Attribute, value: &Value, taker: &mut Taker) -> Result<Vec<String>, ScimError> {
    let elements = match taker.attribute(members, value)? {
        Some(Value::Array(elements)) => elements,
        _ => Vec::new(),
    };
    let mut ids = Vec::with_capacity(elements.len());
    for mut element in elements {
        match element.get_mut("value").map(Value::take) {
            Some(Value::String(id)) if !id.is_empty() => ids.push(id),
            _ => return Err(invalid_value("each of \"members\" needs a \"value\", the member's id")),
        }
    }
    Ok(once(ids.into_iter()))
}

/// Each once, in order.
fn once(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    ids.filter(|id| seen.insert(id.clone())).collect()
}
