//! Imports, exports and golden cases of mappings as text for people.

use usher_api::mapping::{Cases, Export, FailedCase, Import, Note};

fn note(note: &Note) -> String {
    let why =
        note.why.as_deref().map(|why| format!(": {}", why.replace('\n', "\n      "))).unwrap_or_default();
    format!("  {}{why}\n    at {}\n", note.what, note.at)
}

fn case(failed: &FailedCase) -> String {
    let FailedCase { kind, case, what, expected, got } = failed;
    format!("  {kind}, “{case}”: {what} is {got}, expected {expected}\n")
}

fn section<T>(text: &mut String, head: &str, items: &[T], one: impl Fn(&T) -> String) {
    if !items.is_empty() {
        text.push_str(&format!("{head}:\n"));
        text.extend(items.iter().map(one));
    }
}

pub(super) fn import(import: &Import) -> String {
    let state = if import.saved { "is imported" } else { "would be imported" };
    let mut text = format!(
        "the mapping of {} {state} into {}: {} taken, {} changed, {} not understood\n",
        import.kinds.join(" and "),
        import.app,
        import.taken.len(),
        import.changed.len(),
        import.not_understood.len()
    );
    section(&mut text, "changed", &import.changed, note);
    section(&mut text, "not understood, and left out", &import.not_understood, note);
    section(&mut text, "regular expressions in scoping filters", &import.regexes, |regex| {
        let whom = match regex.differ {
            0 => format!("whole or part makes no difference for the {} looked at", regex.looked_at),
            n => format!("whole or part differs for {n} of {}: {}", regex.looked_at, regex.names.join(", ")),
        };
        format!("  {}, “{}”: {}: {whom}\n", regex.kind, regex.group, regex.clause)
    });
    section(&mut text, "golden cases that fail", &import.failed_cases, case);
    if !import.saved {
        section(&mut text, "it would be refused", &import.refusals, |why| format!("  {why}\n"));
    }
    text
}

pub(super) fn cases(cases: &Cases) -> String {
    let mut text = match (cases.cases, cases.failed.len()) {
        (0, _) => "there are no golden cases; add [[users.case]] to the mapping\n".to_owned(),
        (1, 0) => "1 golden case holds\n".to_owned(),
        (n, 0) => format!("{n} golden cases hold\n"),
        (n, _) => format!("of {n} golden cases some fail\n"),
    };
    text.extend(cases.failed.iter().map(case));
    text
}

/// What an export changed or left out; goes beside the document.
pub(crate) fn not_exported(export: &Export) -> String {
    let mut text = String::new();
    section(&mut text, "changed", &export.changed, note);
    section(&mut text, "not expressible there, and left out", &export.not_expressible, note);
    if text.is_empty() {
        text.push_str("everything is exported as it is");
    }
    text.trim_end().to_owned()
}
