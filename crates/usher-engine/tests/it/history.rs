//! Made-up histories of a company: joiners, movers, leavers, returners, teams, assignments, scope, filter, mapping, restarts. Each change
//! is made in the directory and told to the oracle.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use usher_directory::{
    Kind,
    object::{self, MemberOp, Stored},
};
use usher_engine::{
    EngineError,
    app::{self, Scope},
    quarantine::{self, Reset},
    status,
};
use usher_mapping::{Expression, ObjectMapping, ScopingFilter, mapping};
use usher_scim::schema::ENTERPRISE;
use usher_store::StoreError;

use crate::{
    oracle::{Account, Company, Group, Person, Team},
    rig::Rig,
};

const TITLES: [Option<&str>; 4] = [Some("Staff"), Some("Staff"), Some("Head"), None];

/// A company, in the directory of a rig and as the oracle knows it.
pub(crate) struct History {
    pub(crate) company: Company,
    people: Vec<Stored>,
    teams: Vec<Stored>,
    /// Names are given once, but for those of people who are gone.
    names: usize,
}

impl History {
    /// Nobody is there yet; the app empties what the directory has no value for.
    pub(crate) fn new(rig: &Rig) -> Self {
        // Everybody may leave at once here; what holds leavers back has tests of its own.
        rig.set("deletion_threshold", "off");
        rig.set("deletion_threshold_percent", "off");
        map(rig, |users| {
            for row in &mut users.rows {
                if ["title", MANAGER].contains(&&*row.target.to_string()) {
                    row.nulls = mapping::Nulls::Clear;
                }
            }
        });
        Self { company: Company::default(), people: Vec::new(), teams: Vec::new(), names: 0 }
    }

    /// One change.
    pub(crate) fn change(&mut self, rig: &Rig, chance: &mut StdRng) {
        let kinds: [fn(&mut Self, &Rig, &mut StdRng); 21] = [
            Self::hire,
            Self::hire,
            Self::hire,
            Self::retitle,
            Self::retitle,
            Self::manage,
            Self::manage,
            Self::disable,
            Self::enable,
            Self::delete,
            Self::restore,
            Self::purge,
            Self::found_team,
            Self::join,
            Self::join,
            Self::join,
            Self::quit,
            Self::assign,
            Self::assign,
            Self::unassign,
            Self::rare,
        ];
        if let Some(kind) = kinds.choose(chance) {
            kind(self, rig, chance);
        }
        self.company.remember(false);
    }

    fn rare(&mut self, rig: &Rig, chance: &mut StdRng) {
        let kinds: [fn(&mut Self, &Rig, &mut StdRng); 7] = [
            Self::scoped,
            Self::refilter,
            Self::remap,
            Self::restart,
            Self::rename_team,
            Self::delete_team,
            Self::purge_team,
        ];
        if let Some(kind) = kinds.choose(chance) {
            kind(self, rig, chance);
        }
    }

    /// Somebody of whom this holds.
    fn who(&self, chance: &mut StdRng, holds: impl Fn(&Person) -> bool) -> Option<usize> {
        let found: Vec<usize> = (0..self.people.len()).filter(|n| holds(&self.company.people[*n])).collect();
        found.choose(chance).copied()
    }

    fn team(&self, chance: &mut StdRng, holds: impl Fn(&Team) -> bool) -> Option<usize> {
        let found: Vec<usize> = (0..self.teams.len()).filter(|n| holds(&self.company.teams[*n])).collect();
        found.choose(chance).copied()
    }

    fn hire(&mut self, rig: &Rig, chance: &mut StdRng) {
        // A name of somebody who is gone may be given again.
        let gone = self.who(chance, |p| p.purged).map(|n| self.company.people[n].name.clone());
        let taken = |name: &String| self.company.people.iter().any(|p| !p.purged && p.name == *name);
        let name = gone.filter(|name| !taken(name)).unwrap_or_else(|| {
            self.names += 1;
            format!("p{}", self.names)
        });
        let title = *TITLES.choose(chance).unwrap_or(&None);
        let manager = self.who(chance, |p| !p.purged).filter(|_| chance.random_bool(0.5));
        let mut doc = json!({});
        if let Some(title) = title {
            doc["title"] = title.into();
        }
        if let Some(manager) = manager {
            doc[ENTERPRISE] = json!({"manager": {"value": self.company.people[manager].id}});
        }
        let stored = rig.user(&name, doc);
        let id = stored.id.0.to_string();
        self.people.push(stored);
        self.company.people.push(Person { id, name, title, manager, ..Person::default() });
    }

    fn retitle(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(n) = self.who(chance, |p| !p.purged && !p.deleted) else { return };
        let title = *TITLES.choose(chance).unwrap_or(&None);
        self.company.people[n].title = title;
        rig.edit(&self.people[n], json!({ "title": title }));
    }

    fn manage(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(n) = self.who(chance, |p| !p.purged && !p.deleted) else { return };
        let manager = self.who(chance, |p| !p.purged).filter(|m| *m != n && chance.random_bool(0.8));
        self.company.people[n].manager = manager;
        let value = manager.map(|m| json!({"value": self.company.people[m].id}));
        rig.edit(&self.people[n], json!({ (ENTERPRISE): { "manager": value } }));
    }

    fn disable(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(n) = self.who(chance, |p| !p.purged && !p.deleted && !p.disabled) else { return };
        self.company.people[n].disabled = true;
        rig.edit(&self.people[n], json!({"active": false}));
    }

    fn enable(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(n) = self.who(chance, |p| !p.purged && !p.deleted && p.disabled) else { return };
        self.company.people[n].disabled = false;
        rig.edit(&self.people[n], json!({"active": true}));
    }

    fn delete(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(n) = self.who(chance, |p| !p.purged && !p.deleted) else { return };
        self.company.people[n].deleted = true;
        rig.mark_deleted(&self.people[n], true);
    }

    fn restore(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(n) = self.who(chance, |p| !p.purged && p.deleted) else { return };
        self.company.people[n].deleted = false;
        rig.mark_deleted(&self.people[n], false);
    }

    fn purge(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(n) = self.who(chance, |p| !p.purged) else { return };
        self.company.people[n].purged = true;
        self.company.assigned.remove(&n);
        self.company.teams.iter_mut().for_each(|team| team.members.retain(|member| *member != n));
        rig.purge(&self.people[n]);
    }

    fn found_team(&mut self, rig: &Rig, _: &mut StdRng) {
        self.names += 1;
        let name = format!("t{}", self.names);
        let stored = rig.group(&name, &[]);
        let id = stored.id.0.to_string();
        self.teams.push(stored);
        self.company.teams.push(Team { id, name, ..Team::default() });
    }

    fn join(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(t) = self.team(chance, |t| !t.purged && !t.deleted) else { return };
        let Some(n) = self.who(chance, |p| !p.purged && !p.deleted) else { return };
        self.company.teams[t].members.insert(n);
        rig.members(&self.teams[t], MemberOp::Add(vec![self.people[n].id]));
    }

    fn quit(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(t) = self.team(chance, |t| !t.purged && !t.deleted && !t.members.is_empty()) else { return };
        let members: Vec<usize> = self.company.teams[t].members.iter().copied().collect();
        let Some(n) = members.choose(chance) else { return };
        self.company.teams[t].members.remove(n);
        rig.members(&self.teams[t], MemberOp::Remove(vec![self.people[*n].id]));
    }

    fn assign(&mut self, rig: &Rig, chance: &mut StdRng) {
        if chance.random_bool(0.5) {
            let Some(n) = self.who(chance, |p| !p.purged && !p.deleted) else { return };
            if self.company.assigned.insert(n) {
                rig.assign(&self.people[n]);
            }
        } else {
            let Some(t) = self.team(chance, |t| !t.purged && !t.deleted) else { return };
            if self.company.assigned_teams.insert(t) {
                rig.assign(&self.teams[t]);
            }
        }
    }

    fn unassign(&mut self, rig: &Rig, chance: &mut StdRng) {
        let people: Vec<usize> = self.company.assigned.iter().copied().collect();
        let teams: Vec<usize> = self.company.assigned_teams.iter().copied().collect();
        match (people.choose(chance), teams.choose(chance)) {
            (Some(n), _) if chance.random_bool(0.5) => {
                self.company.assigned.remove(n);
                rig.unassign(&self.people[*n]);
            }
            (_, Some(t)) => {
                self.company.assigned_teams.remove(t);
                rig.unassign(&self.teams[*t]);
            }
            _ => {}
        }
    }

    fn scoped(&mut self, rig: &Rig, _: &mut StdRng) {
        self.rescope(rig);
    }

    /// From everybody to the assigned, or back; at first it is the assigned.
    pub(crate) fn rescope(&mut self, rig: &Rig) {
        self.company.everybody = !self.company.everybody;
        rig.scope(if self.company.everybody { Scope::All } else { Scope::Assigned });
    }

    fn refilter(&mut self, rig: &Rig, _: &mut StdRng) {
        self.company.staff_only = !self.company.staff_only;
        let text = "[[scoping]]\ntitle = \"staff\"\nclause = [{attribute = \"title\", operator = \"EQUALS\", value = \"Staff\"}]";
        let groups = text.parse::<toml::Table>().unwrap()["scoping"].as_array().unwrap().clone();
        let filter = ScopingFilter::from_toml(if self.company.staff_only { &groups } else { &[] }).unwrap();
        map(rig, |users| users.scoping = filter.clone());
    }

    fn remap(&mut self, rig: &Rig, _: &mut StdRng) {
        self.company.dashed = !self.company.dashed;
        let text = if self.company.dashed { r#"Join("-", [userName], "x")"# } else { "[displayName]" };
        map(rig, |users| {
            let row = users.rows.iter_mut().find(|row| row.target.to_string() == "displayName").unwrap();
            row.from = mapping::From::Expression(Expression::parse(text).unwrap());
        });
    }

    fn restart(&mut self, rig: &Rig, chance: &mut StdRng) {
        let mut what = Reset::DEFAULT.to_vec();
        if chance.random_bool(0.5) {
            what.push(Reset::Links);
        }
        let (app, now) = (rig.app(), rig.clock.now());
        rig.write(move |tx| quarantine::restart(tx, &app, &what, now).unwrap());
    }

    fn rename_team(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(t) = self.team(chance, |t| !t.purged && !t.deleted) else { return };
        self.names += 1;
        let name = format!("t{}", self.names);
        rig.edit(&self.teams[t], json!({ "displayName": name }));
        self.company.teams[t].name = name;
    }

    fn delete_team(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(t) = self.team(chance, |t| !t.purged) else { return };
        let deleted = !self.company.teams[t].deleted;
        self.company.teams[t].deleted = deleted;
        rig.mark_deleted(&self.teams[t], deleted);
    }

    fn purge_team(&mut self, rig: &Rig, chance: &mut StdRng) {
        let Some(t) = self.team(chance, |t| !t.purged) else { return };
        self.company.teams[t].purged = true;
        self.company.assigned_teams.remove(&t);
        rig.purge(&self.teams[t]);
    }
}

const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

fn map(rig: &Rig, change: impl Fn(&mut ObjectMapping)) {
    let mut app = rig.app();
    change(&mut app.users);
    let (configs, directory, users) = (rig.configs.clone(), rig.directory, app.users.clone());
    rig.write(move |tx| {
        let config = configs.get(tx, directory).unwrap().unwrap();
        app::set_mapping(tx, &app, &config, Kind::User, &users).unwrap();
    });
}

/// What stands in the app.
pub(crate) fn found(rig: &Rig) -> (Vec<Account>, Vec<Group>) {
    let there = rig.there;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    rig.read(move |on| {
        let (mut accounts, mut groups) = (Vec::new(), Vec::new());
        for user in object::walk(on, there, Kind::User, None, 1_000, true)? {
            let doc = user.object()?;
            accounts.push(Account {
                id: user.id.0.to_string(),
                external: text(doc.get("externalId")).unwrap_or_default(),
                name: user.name().to_owned(),
                display: text(doc.get("displayName")).unwrap_or_default(),
                title: text(doc.get("title")),
                manager: text(doc.get(ENTERPRISE).and_then(|e| e.pointer("/manager/value"))),
                active: user.active,
            });
        }
        for group in object::walk(on, there, Kind::Group, None, 1_000, true)? {
            let members = object::members_of(on, there, group.key, None, 1_000)?;
            groups.push(Group {
                external: text(group.object()?.get("externalId")).unwrap_or_default(),
                name: group.name().to_owned(),
                members: members.into_iter().map(|m| m.id.0.to_string()).collect(),
            });
        }
        Ok::<_, StoreError>((accounts, groups))
    })
}

/// Cycles until none has failed and nothing waits.
pub(crate) async fn quiet(rig: &Rig) -> Result<(), String> {
    let engine = rig.another();
    for _ in 0..60 {
        let ended = engine.sync(rig.app, &|_| {}).await;
        let (app, now) = (rig.app(), rig.clock.now());
        let status = rig.read(move |on| status::get(on, &app, now));
        match ended {
            Ok(_) if status.escrows == 0 && status.stopped.is_none() => return Ok(()),
            Err(EngineError::Busy) => rig.clock.advance(Duration::from_secs(91)),
            Ok(_) | Err(EngineError::Stopped { .. }) => rig.clock.advance(Duration::from_secs(8 * 3_600)),
            Err(error) => return Err(error.to_string()),
        }
    }
    let failed: Vec<_> = rig.logged().into_iter().filter(|e| e.1 == "failure").collect();
    Err(format!("it does not come to rest: {:?}", failed.last()))
}
