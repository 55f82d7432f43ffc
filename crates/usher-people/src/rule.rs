//! Automation rules as administrators see them: read, written, restored. An environment runs the default ones of a kind until
//! somebody edits that kind; from then on its rules are rows, and when the last of them is taken away the default ones are
//! back.
//!
//! Whoever changes rules reads [`Current`] first, makes a [`Draft`] of it, shows what it would do
//! ([`crate::dry_run`]), and [`save`]s it; where somebody else was faster that is [`PeopleError::Stale`].

pub(crate) mod text;

use jiff::Timestamp;
use similar::TextDiff;
use usher_directory::{DirectoryId, Kind};
use usher_scim::prepare::fold;
use usher_store::{Column, Snapshot, Sql, StoreError, Tx};

use crate::{
    PeopleError,
    rules::Rules,
    setting,
    walk::{self, Walk},
};
use text::{RuleText, Step};

/// The most rules of one kind.
const MOST: usize = 200;

const READ: Sql =
    Sql::same("select kind, body from rule where directory = $1 order by kind, position limit 401");
const CLEAR: Sql = Sql::same("delete from rule where directory = $1 and kind = $2");
const WRITE: Sql = Sql::each(
    "insert into rule (directory, kind, position, folded, name, body, updated) \
     values ($1, $2, $3, $4, $5, $6, $7)",
    "insert into rule (directory, kind, position, folded, name, body, updated) \
     select $1, $2, d.position, d.folded, d.name, d.body, $7 \
     from unnest($3::bigint[], $4::bytea[], $5::text[], $6::text[]) as d (position, folded, name, body)",
);

/// A rule, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its name, one of its kind.
    pub name: String,
    /// For SCIM users or SCIM groups.
    pub kind: Kind,
    /// Its place in the order of its kind and step, from 1.
    pub position: usize,
    /// `access` or `profile`.
    pub step: &'static str,
    /// It is kept and does not run.
    pub disabled: bool,
    /// What it is for, in the administrator's words.
    pub description: Option<String>,
    /// It is one of the default rules, which nobody has edited.
    pub default: bool,
    /// As TOML.
    pub text: String,
}

/// The rules of an environment as they are now.
#[derive(Debug, Clone, PartialEq)]
pub struct Current {
    users: Vec<RuleText>,
    groups: Vec<RuleText>,
    /// Whether the rules of this kind were edited.
    edited: [bool; 2],
    /// Moves with every change.
    revision: i64,
}

/// Rules that are to be: checked and compiled.
#[derive(Debug, Clone)]
pub struct Draft {
    users: Vec<RuleText>,
    groups: Vec<RuleText>,
    edited: [bool; 2],
    /// Of what it was made from.
    was: i64,
}

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Of this kind.
    Of(Kind),
    /// Of both.
    Both,
}

impl Which {
    /// Whether a kind is meant.
    pub fn has(self, kind: Kind) -> bool {
        self == Self::Both || self == Self::Of(kind)
    }
}

const KINDS: [Kind; 2] = [Kind::User, Kind::Group];

/// The rules as they are now.
///
/// # Errors
/// [`PeopleError::Rules`] where a row can't be read; the database.
pub fn current(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<Current, PeopleError> {
    let revision = setting::read(on, directory)?.rules;
    let rows: Vec<(i64, String)> = on.all(&READ, &[directory.0.into()], 2 * MOST + 1)?;
    let (mut users, mut groups) = text::default_ones()?;
    let (mut edited_users, mut edited_groups) = (false, false);
    for (kind, list, edited) in
        [(Kind::User, &mut users, &mut edited_users), (Kind::Group, &mut groups, &mut edited_groups)]
    {
        let bodies: Vec<&str> =
            rows.iter().filter(|(of, _)| *of == kind as i64).map(|(_, body)| body.as_str()).collect();
        if !bodies.is_empty() {
            let (of_users, of_groups) = text::parse(&bodies.join("\n"))?;
            *list = if kind == Kind::User { of_users } else { of_groups };
            *edited = true;
        }
    }
    Ok(Current { users, groups, edited: [edited_users, edited_groups], revision })
}

impl Current {
    fn of(&self, kind: Kind) -> &[RuleText] {
        if kind == Kind::User { &self.users } else { &self.groups }
    }

    /// Compiled, for the worker.
    pub(crate) fn compile(&self) -> Result<Rules, PeopleError> {
        Rules::compile(&self.users, &self.groups)
    }

    /// The number of these rules; it moves with every change.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// All rules in their order.
    pub fn described(&self) -> Vec<Described> {
        let mut all = Vec::new();
        for (kind, edited) in KINDS.into_iter().zip(self.edited) {
            for (at, rule) in self.of(kind).iter().enumerate() {
                all.push(Described {
                    name: rule.name.clone(),
                    kind,
                    position: at + 1,
                    step: if rule.step == Step::Access { "access" } else { "profile" },
                    disabled: rule.disabled,
                    description: rule.description.clone(),
                    default: !edited,
                    text: text::render(std::slice::from_ref(rule)),
                });
            }
        }
        all
    }

    /// As TOML.
    pub fn export(&self, which: Which) -> String {
        let texts: Vec<String> = KINDS
            .into_iter()
            .filter(|kind| which.has(*kind))
            .map(|kind| text::render(self.of(kind)))
            .collect();
        texts.join("\n")
    }

    /// These rules in place of those of the kinds that the text has rules of.
    ///
    /// # Errors
    /// [`PeopleError::Rules`] names the rule and draws a caret under what is wrong.
    pub fn import(&self, toml: &str, which: Which) -> Result<Draft, PeopleError> {
        let (users, groups) = text::parse(toml)?;
        let mut draft = self.draft();
        for (kind, rules) in KINDS.into_iter().zip([users, groups]) {
            if !rules.is_empty() && which.has(kind) {
                draft.put(kind, rules);
            }
        }
        draft.checked()
    }

    /// One rule (or several) in place of those of the same name and kind, or added as the last ones; at `position` (from 1), if given.
    ///
    /// # Errors
    /// [`PeopleError::Rules`] names the rule and draws a caret under what is wrong.
    pub fn set(&self, toml: &str, position: Option<usize>) -> Result<Draft, PeopleError> {
        let (users, groups) = text::parse(toml)?;
        if users.is_empty() && groups.is_empty() {
            return Err(PeopleError::Rules("there is no [[rule]] in it".into()));
        }
        let mut draft = self.draft();
        for (kind, rules) in KINDS.into_iter().zip([users, groups]) {
            if rules.is_empty() {
                continue;
            }
            let mut list = self.of(kind).to_vec();
            for rule in rules {
                let there = list.iter().position(|other| folded(&other.name) == folded(&rule.name));
                if let Some(there) = there {
                    list.remove(there);
                }
                let at = position.map(|position| position.saturating_sub(1)).or(there).unwrap_or(list.len());
                list.insert(at.min(list.len()), rule);
            }
            draft.put(kind, list);
        }
        draft.checked()
    }

    /// Without one rule; without any of a kind its default ones are back.
    ///
    /// # Errors
    /// [`PeopleError::Rules`] where there is no such rule.
    pub fn without(&self, name: &str, which: Which) -> Result<Draft, PeopleError> {
        let mut draft = self.draft();
        let mut found = false;
        for kind in KINDS.into_iter().filter(|kind| which.has(*kind)) {
            let mut list = self.of(kind).to_vec();
            list.retain(|rule| folded(&rule.name) != folded(name));
            if list.len() < self.of(kind).len() {
                found = true;
                draft.put(kind, list);
            }
        }
        if !found {
            return Err(PeopleError::UnknownRule(name.to_owned()));
        }
        draft.checked()
    }

    /// The default rules.
    ///
    /// # Errors
    /// None but for a binary whose own rules are wrong.
    pub fn reset(&self, which: Which) -> Result<Draft, PeopleError> {
        let mut draft = self.draft();
        for kind in KINDS.into_iter().filter(|kind| which.has(*kind)) {
            draft.put(kind, Vec::new());
        }
        draft.checked()
    }

    /// The rules of another environment in place of these.
    ///
    /// # Errors
    /// [`PeopleError::Rules`] where they can't be compiled.
    pub fn promoted(&self, from: &Current, which: Which) -> Result<Draft, PeopleError> {
        let mut draft = self.draft();
        for (at, kind) in KINDS.into_iter().enumerate() {
            if which.has(kind) {
                // Default rules are promoted as what they are: none of one's own.
                draft.put(kind, if from.edited[at] { from.of(kind).to_vec() } else { Vec::new() });
            }
        }
        draft.checked()
    }

    fn draft(&self) -> Draft {
        Draft {
            users: self.users.clone(),
            groups: self.groups.clone(),
            edited: self.edited,
            was: self.revision,
        }
    }
}

impl Draft {
    fn put(&mut self, kind: Kind, rules: Vec<RuleText>) {
        let (list, at) = if kind == Kind::User { (&mut self.users, 0) } else { (&mut self.groups, 1) };
        self.edited[at] = !rules.is_empty();
        *list = rules;
    }

    fn checked(mut self) -> Result<Self, PeopleError> {
        let (users, groups) = text::default_ones()?;
        for (list, edited, default) in
            [(&mut self.users, self.edited[0], users), (&mut self.groups, self.edited[1], groups)]
        {
            if !edited {
                *list = default;
            }
            if list.len() > MOST {
                return Err(PeopleError::Rules(format!(
                    "there are {} rules of a kind, more than {MOST}",
                    list.len()
                )));
            }
            for (at, rule) in list.iter().enumerate() {
                let name = rule.name.trim();
                if name.is_empty() || name.chars().count() > 128 {
                    return Err(PeopleError::Rules("a rule's name is 1 to 128 characters".into()));
                }
                if list[..at].iter().any(|other| folded(&other.name) == folded(name)) {
                    return Err(PeopleError::Rules(format!("there are two rules \"{name}\" of one kind")));
                }
            }
        }
        self.compile()?;
        Ok(self)
    }

    /// Compiled, for a dry run.
    pub(crate) fn compile(&self) -> Result<Rules, PeopleError> {
        Rules::compile(&self.users, &self.groups)
    }

    /// As TOML.
    pub fn export(&self, which: Which) -> String {
        let as_current = Current {
            users: self.users.clone(),
            groups: self.groups.clone(),
            edited: self.edited,
            revision: 0,
        };
        as_current.export(which)
    }

    /// As a unified diff, what it takes away (`-`) and adds (`+`); empty: nothing.
    pub fn difference(&self, current: &Current) -> String {
        let (before, after) = (current.export(Which::Both), self.export(Which::Both));
        let lines = TextDiff::from_lines(&before, &after);
        let diff = lines.unified_diff().context_radius(2).to_string();
        if diff.is_empty() && self.edited != current.edited {
            return "the same rules, kept as the account's own or as the default ones\n".into();
        }
        diff
    }
}

/// Names of rules are compared ignoring case and outer blanks.
fn folded(name: &str) -> Vec<u8> {
    fold(name.trim()).into_bytes()
}

/// Writes the rules; every SCIM user and group runs through them from now on.
///
/// # Errors
/// [`PeopleError::Stale`]: somebody else changed the rules since the draft was made.
pub fn save(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    draft: &Draft,
    now: Timestamp,
) -> Result<(), PeopleError> {
    setting::rules_moved(tx, directory)?;
    if setting::read(tx, directory)?.rules != draft.was + 1 {
        return Err(PeopleError::Stale);
    }
    let lists = [(Kind::User, &draft.users, draft.edited[0]), (Kind::Group, &draft.groups, draft.edited[1])];
    for (kind, rules, edited) in lists {
        tx.exec(&CLEAR, &[directory.0.into(), (kind as i64).into()])?;
        if edited {
            write(tx, directory, kind, rules, now)?;
        }
    }
    for walk in [Walk::Groups, Walk::Users] {
        walk::begin(tx, directory, &walk)?;
    }
    Ok(())
}

fn write(
    tx: &mut Tx<'_>,
    directory: DirectoryId,
    kind: Kind,
    rules: &[RuleText],
    now: Timestamp,
) -> Result<(), StoreError> {
    let columns = [
        Column::Same(directory.0.into()),
        Column::Same((kind as i64).into()),
        (1..=i64::try_from(rules.len()).unwrap_or(i64::MAX)).collect(),
        rules.iter().map(|rule| folded(&rule.name)).collect(),
        rules.iter().map(|rule| rule.name.clone()).collect(),
        rules.iter().map(|rule| text::render(std::slice::from_ref(rule))).collect(),
        Column::Same(now.into()),
    ];
    tx.exec_many(&WRITE, &columns).map(drop)
}
