//! Automation rules: shown, tried on everybody, written.

use usher_api::rule as shape;
use usher_directory::{DirectoryId, Kind};
use usher_people::{
    dry_run::{self, Report},
    rule::{self, Current, Described, Draft, Which},
};
use usher_store::Snapshot;

use crate::{
    Actor, Admin, AdminError, Answer, account, audit, record,
    request::{self, RuleAct, RuleChange},
};

/// How many people a dry run tells one by one.
const TOLD: usize = 100;

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::Rule) -> Result<Answer, AdminError> {
    let request::Rule { account, environment, act } = request;
    match act {
        RuleAct::List { kind } => {
            let (which, now) = (which(kind.as_deref())?, admin.clock.now());
            admin.read(move |on| {
                let directory = account::directory(on, &account, &environment)?;
                let items = described(on, directory, which)?;
                let progress = usher_people::progress(on, directory, now)?;
                let reprocessing = progress.map(|at| shape::Reprocessing { left: at.left, total: at.total });
                Ok(Answer::Rules(shape::Rules { items, reprocessing }))
            })
        }
        RuleAct::Show { name, kind } => {
            let which = which(kind.as_deref())?;
            admin.read(move |on| {
                let directory = account::directory(on, &account, &environment)?;
                let rules = described(on, directory, which)?;
                let same = |rule: &&shape::Rule| rule.name.to_lowercase() == name.trim().to_lowercase();
                let found = rules.iter().find(same).cloned().map(Answer::Rule);
                found.ok_or_else(|| {
                    let known = rules.iter().map(|rule| rule.name.as_str());
                    AdminError::missing("rule", &name, known, "usher rule set ACCOUNT FILE")
                })
            })
        }
        RuleAct::Export { kind } => {
            let which = which(kind.as_deref())?;
            admin.read(move |on| {
                let directory = account::directory(on, &account, &environment)?;
                Ok(Answer::Text(rule::current(on, directory)?.export(which)))
            })
        }
        RuleAct::Change { change, save, revision } => {
            let asked = Asked { account, environment, change, revision };
            if save { asked.save(admin, actor) } else { asked.try_out(admin) }
        }
    }
}

/// A change that is asked for.
#[derive(Debug, Clone)]
struct Asked {
    account: String,
    environment: String,
    change: RuleChange,
    revision: Option<i64>,
}

impl Asked {
    /// The rules as they are, and as they are to be.
    fn draft(&self, on: &mut Snapshot<'_>) -> Result<(DirectoryId, Current, Draft), AdminError> {
        let directory = account::directory(on, &self.account, &self.environment)?;
        let current = rule::current(on, directory)?;
        if self.revision.is_some_and(|revision| revision != current.revision()) {
            return Err(usher_people::PeopleError::Stale.into());
        }
        let draft = match &self.change {
            RuleChange::Set { toml, position } => current.set(toml, *position)?,
            RuleChange::Import { toml, kind } => current.import(toml, which(kind.as_deref())?)?,
            RuleChange::Delete { name, kind } => current.without(name, which(kind.as_deref())?)?,
            RuleChange::Reset { kind } => current.reset(which(kind.as_deref())?)?,
            RuleChange::Promote { from, kind } => {
                let source = account::directory(on, &self.account, from)?;
                if source == directory {
                    return Err(AdminError::new(
                        "invalid_value",
                        "rules are promoted from one environment to the other",
                    ));
                }
                current.promoted(&rule::current(on, source)?, which(kind.as_deref())?)?
            }
        };
        Ok((directory, current, draft))
    }

    fn try_out(self, admin: &Admin) -> Result<Answer, AdminError> {
        let (directory, current, draft) = admin.read(move |on| self.draft(on))?;
        let diff = draft.difference(&current);
        let report = match diff.is_empty() {
            true => Report::default(),
            false => dry_run::dry_run(&admin.store, &admin.clock, directory, &draft, TOLD)?,
        };
        let (impact, revision) = (Some(impact(report)), current.revision());
        Ok(Answer::RuleChange(shape::RuleChange { diff, saved: false, revision, impact }))
    }

    fn save(self, admin: &Admin, actor: &Actor) -> Result<Answer, AdminError> {
        let (actor, now) = (actor.clone(), admin.clock.now());
        admin.write(move |tx| {
            let (directory, current, draft) = self.draft(tx)?;
            let diff = draft.difference(&current);
            let saved = !diff.is_empty();
            let mut revision = current.revision();
            if saved {
                rule::save(tx, directory, &draft, now)?;
                let details = serde_json::json!({"environment": self.environment, "diff": diff});
                audit::note(tx, &actor, self.operation(), &self.account, &details, now)?;
                revision = rule::current(tx, directory)?.revision();
            }
            Ok(Answer::RuleChange(shape::RuleChange { diff, saved, revision, impact: None }))
        })
    }

    fn operation(&self) -> &'static str {
        match self.change {
            RuleChange::Set { .. } => "rule.set",
            RuleChange::Import { .. } => "rule.import",
            RuleChange::Delete { .. } => "rule.delete",
            RuleChange::Reset { .. } => "rule.reset",
            RuleChange::Promote { .. } => "rule.promote",
        }
    }
}

fn which(kind: Option<&str>) -> Result<Which, AdminError> {
    Ok(match kind {
        None => Which::Both,
        Some(word) => Which::Of(record::kind(word)?),
    })
}

fn described(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    which: Which,
) -> Result<Vec<shape::Rule>, AdminError> {
    let rules = rule::current(on, directory)?.described();
    Ok(rules.into_iter().filter(|rule| which.has(rule.kind)).map(describe).collect())
}

fn describe(rule: Described) -> shape::Rule {
    let kind = if rule.kind == Kind::User { "user" } else { "group" };
    shape::Rule {
        name: rule.name,
        kind: kind.into(),
        position: rule.position,
        step: rule.step.into(),
        disabled: rule.disabled,
        description: rule.description,
        default: rule.default,
        text: rule.text,
    }
}

fn impact(report: Report) -> shape::Impact {
    shape::Impact {
        records: report.records,
        counts: shape::ImpactCounts {
            create: report.created,
            update: report.updated,
            disable: report.disabled,
            enable: report.enabled,
            failing: report.failures,
        },
        units: report
            .units
            .into_iter()
            .map(|unit| shape::UnitImpact {
                kind: unit.kind.word().into(),
                old: unit.before,
                new: unit.after,
            })
            .collect(),
        changes: report.changes.into_iter().map(person).collect(),
        failing: report
            .failing
            .into_iter()
            .map(|(id, reason)| shape::FailingRecord { id: id.to_string(), reason })
            .collect(),
    }
}

fn person(change: dry_run::PersonChange) -> shape::PersonImpact {
    let field = |(field, old, new)| shape::FieldImpact { field, old, new };
    shape::PersonImpact {
        id: change.person.map(|id| id.to_string()),
        name: change.name,
        primary_email: change.primary_email,
        action: change.what.word().into(),
        changes: change.fields.into_iter().map(field).collect(),
    }
}
