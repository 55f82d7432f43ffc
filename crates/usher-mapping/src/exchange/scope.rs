//! Scoping filters: Entra's `scope` to and from groups and clauses.

use serde_json::{Value as Json, json};

use super::{Report, ScopeTaken, names};
use crate::scoping::{Anchor, Clause, Group, ScopeOperator};
use crate::{AttributeName, Known, ScopingFilter};

/// Reads a `scope`. A group with a clause that is not understood is left out whole: without the clause it would let more through.
pub(super) fn read(
    scope: &Json,
    at: &str,
    source: &Known<'_>,
    report: &mut Report,
) -> (ScopingFilter, ScopeTaken) {
    let mut filter = ScopingFilter::default();
    let mut lost = false;
    for (n, group) in array(&scope["groups"]).iter().enumerate() {
        let at = format!("{at}.groups[{n}]");
        let title = match group["name"].as_str().map(str::trim) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("scoping filter {}", n + 1),
        };
        let mut clauses = Vec::new();
        let mut whole = true;
        for (n, json) in array(&group["clauses"]).iter().enumerate() {
            let at = format!("{at}.clauses[{n}]");
            let what = described(json);
            match clause(json, source) {
                Ok((clause, None)) => {
                    report.took(&at, what);
                    clauses.push(clause);
                }
                Ok((clause, Some(changed))) => {
                    report.change(&at, what, changed);
                    clauses.push(clause);
                }
                Err(why) => {
                    whole = false;
                    report.leave_out(&at, what, why);
                }
            }
        }
        if !whole {
            lost = true;
            report.leave_out(
                &at,
                title,
                "without that clause the group would let more people through, so it is left out whole",
            );
        } else if !clauses.is_empty() {
            filter.groups.push(Group { title, clauses });
        }
    }
    for (key, what) in [
        ("inputFilterGroups", "filters that drop objects without deprovisioning them"),
        ("categoryFilterGroups", "filters that choose between mappings"),
    ] {
        if !array(&scope[key]).is_empty() {
            lost = true;
            report.leave_out(&format!("{at}.{key}"), key, format!("Usher has no {what}"));
        }
    }
    let taken = match (lost, filter.groups.is_empty()) {
        (false, _) => ScopeTaken::Whole,
        (true, false) => ScopeTaken::Narrower,
        (true, true) => ScopeTaken::Lost,
    };
    (filter, taken)
}

fn array(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn described(json: &Json) -> String {
    let text = |key: &str| json[key].as_str().unwrap_or("?");
    let values = values(json).join(", ");
    format!("{} {} {values}", text("sourceOperandName"), text("operatorName")).trim_end().to_owned()
}

fn values(json: &Json) -> Vec<String> {
    let text = |value: &Json| match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    array(&json["targetOperand"]["values"]).iter().map(text).collect()
}

/// The clause, and what had to be changed of it.
fn clause(json: &Json, source: &Known<'_>) -> Result<(Clause, Option<String>), String> {
    let name = json["sourceOperandName"].as_str().ok_or("it names no attribute")?;
    let attribute = AttributeName::parse(name)
        .and_then(|attribute| attribute.check(source).map(|()| attribute))
        .map_err(|e| e.hint.map_or(e.message.clone(), |hint| format!("{} ({hint})", e.message)))?;
    let written = json["operatorName"].as_str().unwrap_or_default();
    let operator = match (written.trim(), ScopeOperator::named(written)) {
        ("&" | "!&", _) => {
            return Err(format!(
                "what Entra's {written} does is documented too vaguely to decide about anybody's access"
            ));
        }
        (_, Some(operator)) => operator,
        _ => return Err(format!("there is no operator “{written}”")),
    };
    let mut values = values(json);
    let (operator, changed) = match operator {
        ScopeOperator::IsNull | ScopeOperator::IsNotNull | ScopeOperator::IsTrue | ScopeOperator::IsFalse => {
            values.clear();
            (operator, None)
        }
        ScopeOperator::Equals if values.len() > 1 => {
            (ScopeOperator::In, Some("it has several values, so it is IN".to_owned()))
        }
        ScopeOperator::NotEquals if values.len() > 1 => {
            (ScopeOperator::NotIn, Some("it has several values, so it is NOT IN".to_owned()))
        }
        other => (other, None),
    };
    Clause::new(None, attribute, operator, values, Anchor::default()).map(|clause| (clause, changed))
}

/// Writes a filter; the names of attributes it uses are added. `None`: nothing of it can be said, so everybody would pass.
pub(super) fn write(
    filter: &ScopingFilter,
    at: &str,
    report: &mut Report,
    attributes: &mut Vec<&'static str>,
) -> Option<Json> {
    if filter.groups.is_empty() {
        return Some(Json::Null);
    }
    let groups: Vec<Json> =
        filter.groups.iter().filter_map(|group| write_group(group, at, report, attributes)).collect();
    if groups.is_empty() {
        return None;
    }
    Some(json!({ "groups": groups, "inputFilterGroups": [], "categoryFilterGroups": [] }))
}

fn write_group(
    group: &Group,
    at: &str,
    report: &mut Report,
    attributes: &mut Vec<&'static str>,
) -> Option<Json> {
    let at = format!("{at} “{}”", group.title);
    let mut clauses = Vec::new();
    for clause in &group.clauses {
        let what = format!("{} {} {}", clause.attribute, clause.operator, clause.values.join(", "));
        let what = what.trim_end();
        let refuse = if !clause.operator.is_entras() {
            Some(format!("Entra has no operator {}", clause.operator))
        } else if names::attribute(clause.attribute.text()).is_none() {
            Some(format!("Entra has no source attribute {}", clause.attribute))
        } else {
            None
        };
        let Some(name) = names::attribute(clause.attribute.text()).filter(|_| refuse.is_none()) else {
            let why = refuse.unwrap_or_default();
            report.leave_out(
                &at,
                what,
                format!("{why}; without that clause more people would pass, so its group is left out whole"),
            );
            return None;
        };
        let mut changed = Vec::new();
        if name != clause.attribute.text() {
            changed.push(format!("the attribute is {name} there"));
        }
        if clause.title.is_some() {
            changed.push("clauses have no titles there".to_owned());
        }
        if clause.anchor == Anchor::Part {
            changed.push("Entra does not say whether the whole value or a part must match".to_owned());
        }
        if changed.is_empty() {
            report.took(&at, what);
        } else {
            report.change(&at, what, changed.join("; "));
        }
        if !attributes.contains(&name) {
            attributes.push(name);
        }
        clauses.push(json!({
            "operatorName": clause.operator.as_str(),
            "sourceOperandName": name,
            "targetOperand": { "values": clause.values },
        }));
    }
    Some(json!({ "clauses": clauses, "name": group.title }))
}
