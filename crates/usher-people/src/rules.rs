//! Automation rules as data: named expressions, a condition, actions. The default ones are `rules/default.toml`.

use usher_mapping::{Expression, Known};
use usher_scim::{ResourceType, schema};

use crate::{
    PeopleError, limits,
    person::ContactKind,
    rule::text::{ActionText, RuleText, Step},
    unit::UnitKind,
};

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
    /// It does not run.
    pub(crate) disabled: bool,
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    Text(TextField),
    Organization,
    Site,
    Manager,
    Vip,
    Disabled,
    /// One of the app's own, by name.
    Custom(String),
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

/// Before the name of a field of the app's own.
const CUSTOM: &str = "custom_fields.";

/// A name that a field of the app's own may have: a letter, then letters, digits and `_`.
pub(crate) fn custom_name(name: &str) -> bool {
    name.len() <= limits::CUSTOM_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Field {
    fn may_be_empty(&self) -> bool {
        !matches!(self, Self::Text(TextField::Name | TextField::PrimaryEmail) | Self::Vip | Self::Disabled)
    }
    /// As rules and answers spell it.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Text(text) => text.word().into(),
            Self::Organization => "organization".into(),
            Self::Site => "site".into(),
            Self::Manager => "manager".into(),
            Self::Vip => "vip".into(),
            Self::Disabled => "disabled".into(),
            Self::Custom(name) => format!("{CUSTOM}{name}"),
        }
    }
    /// By [`Field::word`].
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        if let Some(name) = word.strip_prefix(CUSTOM) {
            return custom_name(name).then(|| Self::Custom(name.to_owned()));
        }
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

impl Rules {
    /// The default rules, as they are from an account's creation.
    #[cfg(test)]
    pub(crate) fn default_ones() -> Result<Self, PeopleError> {
        let (users, groups) = crate::rule::text::default_ones()?;
        Self::compile(&users, &groups)
    }

    /// Compiles; an error names the rule and draws a caret under the wrong part.
    pub(crate) fn compile(users: &[RuleText], groups: &[RuleText]) -> Result<Self, PeopleError> {
        let mut rules = Self { access: Vec::new(), user: Vec::new(), group: Vec::new() };
        for text in users {
            let list = if text.step == Step::Access { &mut rules.access } else { &mut rules.user };
            list.push(compile(text, true)?);
        }
        for text in groups {
            if text.step == Step::Access {
                return Err(wrong(&text.name, "only rules for users have the step access"));
            }
            rules.group.push(compile(text, false)?);
        }
        Ok(rules)
    }
}

fn wrong(rule: &str, what: impl std::fmt::Display) -> PeopleError {
    PeopleError::Rules(format!("rule \"{rule}\": {what}"))
}

/// What named expressions of a rule may not be called: these names are given.
const GIVEN: [&str; 5] = ["person", "organization", "site", "account", "IsNew"];

fn compile(text: &RuleText, on_user: bool) -> Result<Rule, PeopleError> {
    let name = text.name.clone();
    let mut names: Vec<&str> = GIVEN.to_vec();
    let of_user = ResourceType::user(
        schema::user(),
        vec![schema::enterprise_user_4me(), schema::custom_fields_4me(), schema::directory_user(Vec::new())],
    );
    let of_group = ResourceType::group(schema::group_4me());
    let types = [if on_user { &of_user } else { &of_group }];
    let parse = |source: &str, names: &[&str]| {
        let parsed = Expression::parse(source).map_err(|error| wrong(&name, error.caret(source)))?;
        let known = Known { types: &types, keys: &["id", "custom_fields"], named: names, ..Known::default() };
        parsed.check(&known).map_err(|error| wrong(&name, error.caret(source)))?;
        Ok::<_, PeopleError>(parsed)
    };
    let mut expressions = Vec::with_capacity(text.expressions.len());
    for named in &text.expressions {
        if names.contains(&named.name.as_str()) {
            return Err(wrong(&name, format!("there is an expression \"{}\" already", named.name)));
        }
        expressions.push((named.name.clone(), parse(&named.value, &names)?));
        names.push(&named.name);
    }
    let optional = |source: Option<&String>| source.map(|source| parse(source, &names)).transpose();
    let mut actions = Vec::with_capacity(text.actions.len());
    for action in &text.actions {
        let act = act(action).filter(|act| act.on_user() == on_user);
        let act = act.ok_or_else(|| wrong(&name, format!("no such action: {}", action.spelled())))?;
        if text.step == Step::Access && !matches!(act, Act::Set(Field::Disabled)) {
            return Err(wrong(
                &name,
                format!("the step access is for `set disabled` alone: {}", action.spelled()),
            ));
        }
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
    let condition = parse(&text.condition, &names)?;
    let otherwise = optional(text.otherwise.as_ref())?;
    Ok(Rule { expressions, condition, otherwise, actions, name: text.name.clone(), disabled: text.disabled })
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
    fn on_user(&self) -> bool {
        !matches!(self, Self::LinkUnit(_) | Self::CreateUnit(_) | Self::Classify | Self::Name(_))
    }
    fn needs_value(&self) -> bool {
        !matches!(self, Self::CreatePerson | Self::Clear(_) | Self::ClearContacts | Self::ClearAddresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::text;

    fn error(text: &str) -> String {
        let parsed = text::parse(text).and_then(|(users, groups)| Rules::compile(&users, &groups));
        match parsed {
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
