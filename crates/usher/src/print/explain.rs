//! The way of one user or group into an app, as text.

use usher_api::explain::{Detail, Explanation, Step};

pub(super) fn text(found: &Explanation) -> String {
    let object = &found.object;
    let mut text = format!("{}: {} {}\n", found.app, object.kind, object.name);
    for step in &found.steps {
        text.push_str(&self::step(step));
    }
    let said = if found.sent { "done" } else { "would be done" };
    let verdict = &found.verdict;
    text.push_str(&format!(
        "{said}: {} ({}): {} {}\n",
        verdict.action, verdict.code, object.name, verdict.text
    ));
    text
}

fn step(step: &Step) -> String {
    let mut text = format!("{:<11}{:<8} {}\n", step.step, step.result, step.text);
    for detail in &step.details {
        text.push_str(&self::detail(detail));
    }
    text
}

fn detail(detail: &Detail) -> String {
    match detail {
        // What somebody does not have says nothing here.
        Detail::Attribute { value: serde_json::Value::Null, .. }
        | Detail::Mapped { value: serde_json::Value::Null, .. } => String::new(),
        Detail::Attribute { attribute, value } => format!("    {attribute} = {value}\n"),
        Detail::Condition { title, seen, holds, .. } => {
            let seen = seen.as_deref().unwrap_or("nothing");
            format!("    {} {title}: {seen}\n", if *holds { "yes" } else { "no " })
        }
        Detail::Matching { attribute, value, hits } => {
            format!("    {attribute} eq \"{value}\": {hits} found\n")
        }
        Detail::Mapped { target, expression, value, trace } => {
            let tree: String = trace
                .iter()
                .flat_map(|trace| trace.lines())
                .map(|line| format!("        {line}\n"))
                .collect();
            format!("    {target} = {value}   by {expression}\n{tree}")
        }
        Detail::Changed { attribute, old, new, rule } => {
            format!("    {attribute}: {old} → {new}   by {rule}\n")
        }
        Detail::Awaited { attribute, awaits } => {
            format!("    {attribute}: waits until {awaits} has an account in the app\n")
        }
    }
}
