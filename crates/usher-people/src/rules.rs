//! Automation rules as data: named expressions, a condition, actions. The default ones are `rules/default.toml`.

use serde::Deserialize;
use usher_mapping::Expression;

use crate::{PeopleError, limits, person::ContactKind, unit::UnitKind};

/// The rules of an environment, in order.
#[derive(Debug)]
pub(crate) struct Rules {
    /// For SCIM users, in a transaction of their own before the others: who has access.
    pub(crate) access: Vec<Rule>,
    /// For SCIM users.
    pub(crate) user: Vec<Rule>,
    /// For SCIM groups.
    pub(crate) group: Vec<Rule>,
}

/// A rule, compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) expressions: Vec<(String, Expression)>,
    pub(crate) condition: Expression,
    /// Why the record is incomplete where the condition does not hold; null: it isn't.
    pub(crate) otherwise: Option<Expression>,
    pub(crate) actions: Vec<Action>,
}

/// An action, compiled.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) act: Act,
    /// As the file has it, for messages and executions: `set job_title`.
    pub(crate) spelled: String,
    /// The value; none for `clear` and for making a person.
    pub(crate) to: Option<Expression>,
    pub(crate) when: Option<Expression>,
}

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Links the SCIM user to a person that is there.
    LinkPerson,
    /// Makes a person and links the SCIM user to it.
    CreatePerson,
    /// Links the SCIM group to an organization or site that is there.
    LinkUnit(UnitKind),
    /// Makes an organization or site of that name and links the SCIM group to it.
    CreateUnit(UnitKind),
    /// Writes a person's field; null keeps it.
    Set(Field),
    /// Empties a person's field.
    Clear(Field),
    /// Adds to a person's contacts.
    AddContacts(ContactKind),
    /// Takes away contacts that came from provisioning.
    ClearContacts,
    /// Adds to a person's addresses.
    AddAddresses,
    /// Takes away addresses that came from provisioning.
    ClearAddresses,
    /// Says what a SCIM group stands for; null keeps it.
    Classify,
    /// Names the linked organization or site.
    Name(UnitKind),
}

/// A field of a person that rules write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Text(TextField),
    Organization,
    Site,
    Manager,
    Vip,
    Disabled,
}

/// A text of a person, with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextField {
    Name,
    PrimaryEmail,
    JobTitle,
    Location,
    EmployeeId,
    SupportId,
    Locale,
    TimeZone,
}

impl TextField {
    const ALL: [(&'static str, Self, usize); 8] = [
        ("name", Self::Name, 128),
        ("primary_email", Self::PrimaryEmail, 128),
        ("job_title", Self::JobTitle, 80),
        ("location", Self::Location, 80),
        ("employee_id", Self::EmployeeId, 128),
        ("support_id", Self::SupportId, 50),
        ("locale", Self::Locale, 5),
        ("time_zone", Self::TimeZone, limits::TIME_ZONE),
    ];
    /// As rules and answers spell it.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, field, _)| *field == self).map_or("", |(word, ..)| word)
    }
    /// The most characters it may have.
    pub(crate) fn limit(self) -> usize {
        Self::ALL.iter().find(|(_, field, _)| *field == self).map_or(0, |(.., limit)| *limit)
    }
}

impl Field {
    fn may_be_empty(self) -> bool {
        !matches!(self, Self::Text(TextField::Name | TextField::PrimaryEmail) | Self::Vip | Self::Disabled)
    }
    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "organization" => Self::Organization,
            "site" => Self::Site,
            "manager" => Self::Manager,
            "vip" => Self::Vip,
            "disabled" => Self::Disabled,
            text => Self::Text(TextField::ALL.iter().find(|(word, ..)| *word == text)?.1),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: String,
    kind: KindText,
    #[serde(default)]
    step: StepText,
    #[serde(default)]
    expressions: Vec<NamedText>,
    condition: String,
    otherwise: Option<String>,
    actions: Vec<ActionText>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum KindText {
    User,
    Group,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum StepText {
    Access,
    #[default]
    Profile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedText {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionText {
    set: Option<String>,
    add: Option<String>,
    clear: Option<String>,
    link: Option<String>,
    create: Option<String>,
    to: Option<String>,
    r#as: Option<ContactKind>,
    when: Option<String>,
}

impl Rules {
    /// The default rules, as they are from an account's creation.
    pub(crate) fn default_ones() -> Result<Self, PeopleError> {
        Self::parse(include_str!("../rules/default.toml"))
    }

    /// Reads and compiles; an error names the rule and draws a caret under the wrong part.
    pub(crate) fn parse(text: &str) -> Result<Self, PeopleError> {
        let file: File = toml::from_str(text).map_err(|error| PeopleError::Rules(error.to_string()))?;
        let mut rules = Self { access: Vec::new(), user: Vec::new(), group: Vec::new() };
        for text in file.rule {
            let list = match (&text.kind, &text.step) {
                (KindText::User, StepText::Access) => &mut rules.access,
                (KindText::User, StepText::Profile) => &mut rules.user,
                (KindText::Group, StepText::Profile) => &mut rules.group,
                (KindText::Group, StepText::Access) => {
                    return Err(wrong(&text.name, "only rules for users have the step access"));
                }
            };
            let on_user = text.kind == KindText::User;
            list.push(compile(text, on_user)?);
        }
        Ok(rules)
    }
}

fn wrong(rule: &str, what: impl std::fmt::Display) -> PeopleError {
    PeopleError::Rules(format!("rule \"{rule}\": {what}"))
}

fn compile(text: RuleText, on_user: bool) -> Result<Rule, PeopleError> {
    let name = text.name;
    let parse = |source: &str| Expression::parse(source).map_err(|error| wrong(&name, error.caret(source)));
    let optional = |source: Option<&String>| source.map(|source| parse(source)).transpose();
    let mut expressions = Vec::with_capacity(text.expressions.len());
    for named in &text.expressions {
        expressions.push((named.name.clone(), parse(&named.value)?));
    }
    let mut actions = Vec::with_capacity(text.actions.len());
    for action in &text.actions {
        let act = act(action).filter(|act| act.on_user() == on_user);
        let act = act.ok_or_else(|| wrong(&name, format!("no such action: {}", action.spelled())))?;
        if act.needs_value() != action.to.is_some() {
            let need = if act.needs_value() { "needs" } else { "has no" };
            return Err(wrong(&name, format!("{} {need} `to`", action.spelled())));
        }
        actions.push(Action {
            act,
            spelled: action.spelled(),
            to: optional(action.to.as_ref())?,
            when: optional(action.when.as_ref())?,
        });
    }
    let condition = parse(&text.condition)?;
    let otherwise = optional(text.otherwise.as_ref())?;
    Ok(Rule { expressions, condition, otherwise, actions, name })
}

/// What the words of an action mean; `None`: nothing we know.
fn act(text: &ActionText) -> Option<Act> {
    let words = (
        text.set.as_deref(),
        text.add.as_deref(),
        text.clear.as_deref(),
        text.link.as_deref(),
        text.create.as_deref(),
    );
    if text.r#as.is_some() != matches!(words.1, Some("contacts")) {
        return None;
    }
    Some(match words {
        (Some("classification"), None, None, None, None) => Act::Classify,
        (Some("organization.name"), None, None, None, None) => Act::Name(UnitKind::Organization),
        (Some("site.name"), None, None, None, None) => Act::Name(UnitKind::Site),
        (Some(field), None, None, None, None) => Act::Set(Field::from_word(field)?),
        (None, Some("contacts"), None, None, None) => Act::AddContacts(text.r#as?),
        (None, Some("addresses"), None, None, None) => Act::AddAddresses,
        (None, None, Some("contacts"), None, None) => Act::ClearContacts,
        (None, None, Some("addresses"), None, None) => Act::ClearAddresses,
        (None, None, Some(field), None, None) => {
            Act::Clear(Field::from_word(field).filter(|field| field.may_be_empty())?)
        }
        (None, None, None, Some("person"), None) => Act::LinkPerson,
        (None, None, None, Some(kind), None) => Act::LinkUnit(UnitKind::from_word(kind)?),
        (None, None, None, None, Some("person")) => Act::CreatePerson,
        (None, None, None, None, Some(kind)) => Act::CreateUnit(UnitKind::from_word(kind)?),
        _ => return None,
    })
}

impl Act {
    /// On the person of a SCIM user; else on what a SCIM group stands for.
    fn on_user(self) -> bool {
        !matches!(self, Self::LinkUnit(_) | Self::CreateUnit(_) | Self::Classify | Self::Name(_))
    }
    fn needs_value(self) -> bool {
        !matches!(self, Self::CreatePerson | Self::Clear(_) | Self::ClearContacts | Self::ClearAddresses)
    }
}

impl ActionText {
    /// As the file has it, for messages and executions.
    fn spelled(&self) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        match Rules::parse(text) {
            Ok(_) => panic!("these rules should be refused"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_default_rules_compile() {
        let rules = Rules::default_ones().unwrap();
        assert_eq!((rules.access.len(), rules.user.len(), rules.group.len()), (1, 1, 2));
        assert_eq!(rules.access[0].actions[0].act, Act::Set(Field::Disabled));
    }

    #[test]
    fn an_error_names_the_rule_and_what_is_wrong() {
        let rule =
            |rest: &str| format!("[[rule]]\nname = \"R\"\nkind = \"user\"\ncondition = 'true'\n{rest}");
        let typo = error(&rule("actions = [{ set = \"vip\", to = 'Contians([userType], \"VIP\")' }]"));
        assert!(typo.contains("rule \"R\"") && typo.contains('^') && typo.contains("Contains"), "{typo}");
        for (actions, said) in [
            ("{ set = \"hair\", to = 'true' }", "no such action: set hair"),
            ("{ set = \"vip\" }", "set vip needs `to`"),
            ("{ clear = \"manager\", to = 'true' }", "clear manager has no `to`"),
            ("{ clear = \"name\" }", "no such action: clear name"),
            ("{ link = \"organization\", to = '[x]' }", "no such action: link organization"),
            ("{ add = \"contacts\", to = '[emails]' }", "no such action: add contacts"),
            ("{ set = \"vip\", clear = \"manager\" }", "no such action: set vip, clear manager"),
        ] {
            let told = error(&rule(&format!("actions = [{actions}]")));
            assert!(told.contains(said), "{told}");
        }
        assert!(error("[[rule]]\nnmae = \"R\"").contains("nmae"));
    }
}
