//! Rules, and what a change of them would do, as text.

use usher_api::{
    people::PersonExplanation,
    rule::{Impact, RuleChange, Rules},
};

use super::table;

pub(super) fn rules(rules: &Rules) -> String {
    let rows = rules.items.iter().map(|rule| {
        let state = match (rule.disabled, rule.default) {
            (true, _) => "disabled",
            (false, true) => "default",
            (false, false) => "",
        };
        vec![
            rule.kind.clone(),
            rule.position.to_string(),
            rule.name.clone(),
            rule.step.clone(),
            state.to_owned(),
            rule.description.clone().unwrap_or_default(),
        ]
    });
    let text = table(&["kind", "place", "rule", "step", "", "what for"], rows);
    match &rules.reprocessing {
        Some(at) => format!("{text}\n{} of {} records are still to run through them", at.left, at.total),
        None => text,
    }
}

pub(super) fn change(change: &RuleChange) -> String {
    if change.diff.is_empty() {
        return "the rules are so already; nothing is changed".into();
    }
    let mut text = change.diff.clone();
    if let Some(impact) = &change.impact {
        text.push('\n');
        text.push_str(&self::impact(impact));
    }
    if change.saved {
        text.push_str(
            "\nthe rules are changed; every record runs through them now (usher rule list shows how far)",
        );
    }
    text
}

fn impact(impact: &Impact) -> String {
    let counts = &impact.counts;
    let mut lines = vec![format!(
        "of {} records: {} people would be created, {} updated, {} disabled, {} enabled; {} records would begin to fail",
        impact.records, counts.create, counts.update, counts.disable, counts.enable, counts.failing
    )];
    for unit in &impact.units {
        lines.push(match &unit.old {
            Some(old) => format!("{} {old} would be renamed {}", unit.kind, unit.new),
            None => format!("{} {} would be created", unit.kind, unit.new),
        });
    }
    for person in &impact.changes {
        lines.push(format!("{} {} <{}>", person.action, person.name, person.primary_email));
        for field in &person.changes {
            lines.push(format!("    {}: {} → {}", field.field, value(&field.old), value(&field.new)));
        }
    }
    for record in &impact.failing {
        lines.push(format!("record {} would fail: {}", record.id, record.reason));
    }
    lines.join("\n")
}

fn value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "-".into(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) fn explanation(found: &PersonExplanation) -> String {
    let rows = found.fields.iter().map(|field| {
        let from = match (&field.rule, &field.actor) {
            (Some(rule), _) => format!("rule {rule}: {}", field.expression.as_deref().unwrap_or_default()),
            (None, Some(actor)) => format!("by hand, {actor}"),
            (None, None) if field.record_id.is_some() => "its record is gone".into(),
            (None, None) => String::new(),
        };
        let at = field.at.map(super::answer::day).unwrap_or_default();
        vec![field.field.clone(), value(&field.value), from, field.record_id.clone().unwrap_or_default(), at]
    });
    let table = table(&["field", "value", "from", "record", "since"], rows);
    let governed = match &found.record_id {
        Some(record) => format!("governed by record {record}"),
        None => "governed by no record".into(),
    };
    format!("{} <{}>, {governed}\n{table}", found.person.name, found.person.primary_email)
}
