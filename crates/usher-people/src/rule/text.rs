//! Rules as text: the TOML that goes out and comes in, the same for files and for rows.

use serde::{Deserialize, Serialize};

use crate::{PeopleError, person::ContactKind};

/// A rule as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleText {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) step: Step,
    /// It is kept and does not run.
    #[serde(default)]
    pub(crate) disabled: bool,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) expressions: Vec<NamedText>,
    pub(crate) condition: String,
    #[serde(default)]
    pub(crate) otherwise: Option<String>,
    pub(crate) actions: Vec<ActionText>,
}

/// Whose records a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    User,
    Group,
}

/// When a rule runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    Access,
    #[default]
    Profile,
}

/// A named expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedText {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// An action: one verb with what it acts on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionText {
    pub(crate) set: Option<String>,
    pub(crate) add: Option<String>,
    pub(crate) clear: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) create: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) r#as: Option<ContactKind>,
    pub(crate) when: Option<String>,
}

impl ActionText {
    /// As the file has it, for messages and executions.
    pub(crate) fn spelled(&self) -> String {
        let words = [
            ("set", &self.set),
            ("add", &self.add),
            ("clear", &self.clear),
            ("link", &self.link),
            ("create", &self.create),
        ];
        let spelled = words.iter().filter_map(|(verb, what)| Some(format!("{verb} {}", what.as_ref()?)));
        spelled.collect::<Vec<_>>().join(", ")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<RuleText>,
}

/// Rules for users and rules for groups, each in their order.
pub(crate) type ByKind = (Vec<RuleText>, Vec<RuleText>);

/// The default rules.
pub(crate) fn default_ones() -> Result<ByKind, PeopleError> {
    parse(include_str!("../../rules/default.toml"))
}

/// Reads `[[rule]]` after `[[rule]]`; an error says where.
pub(crate) fn parse(text: &str) -> Result<ByKind, PeopleError> {
    let file: File = toml::from_str(text).map_err(|error| PeopleError::Rules(error.to_string()))?;
    Ok(file.rule.into_iter().partition(|rule| rule.kind == Kind::User))
}

/// Writes rules so that [`parse`] reads the same: a line an expression and a line an action, so that differences are seen.
pub(crate) fn render(rules: &[RuleText]) -> String {
    let mut out = String::new();
    for rule in rules {
        if !out.is_empty() {
            out.push('\n');
        }
        rule_text(&mut out, rule);
    }
    out
}

fn rule_text(out: &mut String, rule: &RuleText) {
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line("[[rule]]".into());
    line(format!("name = {}", quoted(&rule.name)));
    line(format!("kind = \"{}\"", if rule.kind == Kind::User { "user" } else { "group" }));
    if rule.step == Step::Access {
        line("step = \"access\"".into());
    }
    if rule.disabled {
        line("disabled = true".into());
    }
    if let Some(description) = &rule.description {
        line(format!("description = {}", quoted(description)));
    }
    if !rule.expressions.is_empty() {
        line("expressions = [".into());
        for NamedText { name, value } in &rule.expressions {
            line(format!("  {{ name = {}, value = {} }},", quoted(name), quoted(value)));
        }
        line("]".into());
    }
    line(format!("condition = {}", quoted(&rule.condition)));
    if let Some(otherwise) = &rule.otherwise {
        line(format!("otherwise = {}", quoted(otherwise)));
    }
    line("actions = [".into());
    for action in &rule.actions {
        let contact = action.r#as.map(|kind| match kind {
            ContactKind::Email => "email".to_owned(),
            ContactKind::Phone => "phone".to_owned(),
        });
        let parts = [
            ("set", &action.set),
            ("add", &action.add),
            ("clear", &action.clear),
            ("link", &action.link),
            ("create", &action.create),
            ("as", &contact),
            ("to", &action.to),
            ("when", &action.when),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter_map(|(word, value)| Some(format!("{word} = {}", quoted(value.as_ref()?))))
            .collect();
        line(format!("  {{ {} }},", parts.join(", ")));
    }
    line("]".into());
}

/// A TOML string on one line: literal where it can be, since expressions are full of quotes.
fn quoted(text: &str) -> String {
    if !text.contains('\'') && !text.chars().any(char::is_control) && text.contains('"') {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let (mut users, groups) = default_ones().unwrap();
        users[0].description = Some("a \"b\" 'c' \\ \n\t\u{1} é".into());
        users[0].disabled = true;
        assert_eq!(parse(&render(&users)).unwrap(), (users, Vec::new()));
        assert_eq!(parse(&render(&groups)).unwrap().1, groups);
        assert_eq!(parse("").unwrap(), (Vec::new(), Vec::new()));
    }
}
