//! Who should have what in the app, said once more and in another way: plain maps, and none of the code that is judged by it.
//!
//! The mapping it knows is a fixed simple one: userName, externalId, active, a display name of one of two forms, a title and a manager
//! that are emptied when the directory has none. An account of somebody who is not entitled keeps what it had, so of it only the
//! activity is judged; and what was never to be there for longer than a cut-off cycle may be there, disabled, or not.

use std::collections::BTreeSet;

#[derive(Debug, Clone, Default)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) title: Option<&'static str>,
    pub(crate) manager: Option<usize>,
    pub(crate) disabled: bool,
    pub(crate) deleted: bool,
    pub(crate) purged: bool,
    /// Was entitled at some moment; and when everything was in step.
    pub(crate) ever: bool,
    pub(crate) settled: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Team {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) members: BTreeSet<usize>,
    pub(crate) deleted: bool,
    pub(crate) purged: bool,
    pub(crate) ever: bool,
    pub(crate) settled: bool,
}

/// The directory, and what the app is told to take of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Company {
    pub(crate) people: Vec<Person>,
    pub(crate) teams: Vec<Team>,
    pub(crate) assigned: BTreeSet<usize>,
    pub(crate) assigned_teams: BTreeSet<usize>,
    /// The scope is everybody, not who is assigned.
    pub(crate) everybody: bool,
    /// A scoping filter lets only those pass whose title is Staff.
    pub(crate) staff_only: bool,
    /// The display name is mapped the second way.
    pub(crate) dashed: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) external: String,
    pub(crate) name: String,
    pub(crate) display: String,
    pub(crate) title: Option<String>,
    pub(crate) manager: Option<String>,
    pub(crate) active: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) external: String,
    pub(crate) name: String,
    /// Ids of accounts.
    pub(crate) members: BTreeSet<String>,
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}")) }
}

impl Company {
    pub(crate) fn entitled(&self, n: usize) -> bool {
        let person = &self.people[n];
        let by_team = |t: &usize| {
            let team = &self.teams[*t];
            !team.deleted && !team.purged && team.members.contains(&n)
        };
        !(person.disabled || person.deleted || person.purged)
            && (self.everybody || self.assigned.contains(&n) || self.assigned_teams.iter().any(by_team))
            && (!self.staff_only || person.title == Some("Staff"))
    }

    fn pushed(&self, n: usize) -> bool {
        let team = &self.teams[n];
        !team.deleted && !team.purged && (self.everybody || self.assigned_teams.contains(&n))
    }

    /// To be called after each change, and (`settled`) when everything was judged to be in step.
    pub(crate) fn remember(&mut self, settled: bool) {
        for n in 0..self.people.len() {
            let entitled = self.entitled(n);
            self.people[n].ever |= entitled;
            self.people[n].settled |= entitled && settled;
        }
        for n in 0..self.teams.len() {
            let pushed = self.pushed(n);
            self.teams[n].ever |= pushed;
            self.teams[n].settled = (self.teams[n].settled || pushed && settled)
                && !(self.teams[n].deleted || self.teams[n].purged);
        }
    }

    /// What may never be seen, not even in the midst of a fault: somebody twice, or an account that is nobody's.
    pub(crate) fn never_wrong(&self, accounts: &[Account], groups: &[Group]) -> Result<(), String> {
        let known: BTreeSet<&str> = self.people.iter().map(|p| p.id.as_str()).collect();
        let mut seen = BTreeSet::new();
        for account in accounts {
            same(&format!("{} is somebody's", account.name), known.contains(&*account.external), true)?;
            same(&format!("{} is there once", account.name), seen.insert(&account.external), true)?;
        }
        let teams = groups.iter().map(|g| &g.external).collect::<BTreeSet<_>>().len();
        same("groups are there once", groups.len(), teams)
    }

    /// What is to be true when everything is in step.
    pub(crate) fn judge(&self, accounts: &[Account], groups: &[Group]) -> Result<(), String> {
        self.never_wrong(accounts, groups)?;
        let of = |n: usize| accounts.iter().find(|a| a.external == self.people[n].id);
        for (n, person) in self.people.iter().enumerate() {
            let (name, entitled) = (&person.name, self.entitled(n));
            let Some(account) = of(n) else {
                let needed = entitled || (person.settled && !person.purged);
                same(&format!("{name} may be without an account"), !needed, true)?;
                continue;
            };
            same(&format!("{name} may have an account"), person.ever && !person.purged, true)?;
            same(&format!("{name} is active"), account.active, entitled)?;
            if !entitled {
                continue;
            }
            let display = if self.dashed { format!("{name}-x") } else { name.to_uppercase() };
            same("the name", &account.name, name)?;
            same(&format!("{name}'s display name"), &account.display, &display)?;
            same(&format!("{name}'s title"), account.title.as_deref(), person.title)?;
            match person.manager {
                None => same(&format!("{name}'s manager"), &account.manager, &None)?,
                Some(m) if self.entitled(m) => {
                    same(&format!("{name}'s manager"), account.manager.as_ref(), of(m).map(|a| &a.id))?;
                }
                // One who has no account (any longer): what stood there may stay.
                Some(_) => {}
            }
        }
        for (n, team) in self.teams.iter().enumerate() {
            let Some(group) = groups.iter().find(|g| g.external == team.id) else {
                same(&format!("{} may be missing", team.name), self.pushed(n) || team.settled, false)?;
                continue;
            };
            let may = team.ever && !team.deleted && !team.purged;
            same(&format!("{} may be there", team.name), may, true)?;
            if self.pushed(n) {
                same("the group's name", &group.name, &team.name)?;
                // Whoever lost access may be a member still: that is the app's affair.
                let active = |id: &&String| accounts.iter().any(|a| a.active && a.id == **id);
                let found: BTreeSet<&String> = group.members.iter().filter(active).collect();
                let members = team.members.iter().filter(|m| self.entitled(**m));
                let expected = members.filter_map(|m| of(*m)).map(|a| &a.id).collect();
                same(&format!("{}'s members", team.name), found, expected)?;
            }
        }
        Ok(())
    }
}
