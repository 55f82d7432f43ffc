//! `usher rule …`

use usher_admin::{
    Actor, Answer, Request,
    request::{Record, Rule, RuleAct, RuleChange},
};

use super::{Environment, Paging};
use crate::{owner::Reach, print::Printer};

/// Which rules, and whether somebody is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    #[command(flatten)]
    environment: Environment,
    /// users or groups; otherwise both.
    #[arg(long)]
    kind: Option<String>,
    /// Do it without a dry run and without asking.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// The rules in their order, and how far everybody has run through them.
    List {
        account: String,
        #[command(flatten)]
        environment: Environment,
        /// users or groups; otherwise both.
        #[arg(long)]
        kind: Option<String>,
    },
    /// One rule, as TOML.
    Show {
        account: String,
        name: String,
        #[command(flatten)]
        environment: Environment,
        /// users or groups; otherwise both.
        #[arg(long)]
        kind: Option<String>,
    },
    /// Add a rule, or change the one of its name: a dry run is shown first.
    Set {
        account: String,
        /// A TOML file with one [[rule]] or several; - for standard input.
        file: String,
        /// Its place, from 1; otherwise it stays where it was, or becomes the last.
        #[arg(long)]
        position: Option<usize>,
        #[command(flatten)]
        change: Change,
    },
    /// Take a rule away; without the last of a kind its default ones are back.
    Delete {
        account: String,
        name: String,
        #[command(flatten)]
        change: Change,
    },
    /// Print all rules as TOML.
    Export {
        account: String,
        #[command(flatten)]
        environment: Environment,
        /// users or groups; otherwise both.
        #[arg(long)]
        kind: Option<String>,
    },
    /// Put the rules of a file in place of all of their kind: a dry run is shown first.
    Import {
        account: String,
        /// What `usher rule export` printed; - for standard input.
        file: String,
        #[command(flatten)]
        change: Change,
    },
    /// Restore the default rules: a dry run is shown first.
    Reset {
        account: String,
        #[command(flatten)]
        change: Change,
    },
    /// Show what rules would do to the people there are; nothing is changed.
    DryRun {
        account: String,
        /// A TOML file with one [[rule]] or several; - for standard input.
        file: String,
        /// They stand in place of all of their kind, as with import; otherwise of those of their names, as with set.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        environment: Environment,
    },
    /// What the rules did: the last execution of each record, or of one with every expression's value.
    Executions {
        account: String,
        /// This record, by its id, with the last execution that failed.
        #[arg(long)]
        record: Option<String>,
        /// Only of records that are not in order.
        #[arg(long)]
        errors: bool,
        #[command(flatten)]
        environment: Environment,
        #[command(flatten)]
        paging: Paging,
    },
    /// Put the rules of qa in place of production's: the difference and a dry run are shown first.
    Promote {
        account: String,
        /// users or groups; otherwise both.
        #[arg(long)]
        kind: Option<String>,
        /// Do it without a dry run and without asking.
        #[arg(long)]
        yes: bool,
    },
}

/// A change that is shown before it is made.
struct Asked {
    account: String,
    environment: String,
    change: RuleChange,
    yes: bool,
}

impl Command {
    /// Does it, and prints what came of it. `false`: nothing was changed, because nobody agreed.
    pub(crate) async fn run(self, reach: &Reach, actor: &Actor, printer: &Printer) -> anyhow::Result<bool> {
        let asked = match self {
            Self::List { account, environment, kind } => {
                let act = RuleAct::List { kind };
                return ask(reach, actor, printer, account, environment.environment, act).await;
            }
            Self::Show { account, name, environment, kind } => {
                let act = RuleAct::Show { name, kind };
                return ask(reach, actor, printer, account, environment.environment, act).await;
            }
            Self::Export { account, environment, kind } => {
                let act = RuleAct::Export { kind };
                return ask(reach, actor, printer, account, environment.environment, act).await;
            }
            Self::DryRun { account, file, all, environment } => {
                let toml = super::read(&file)?;
                let change = match all {
                    true => RuleChange::Import { toml, kind: None },
                    false => RuleChange::Set { toml, position: None },
                };
                let act = RuleAct::Change { change, save: false, revision: None };
                return ask(reach, actor, printer, account, environment.environment, act).await;
            }
            Self::Executions { account, record, errors, environment, paging } => {
                let environment = environment.environment;
                let request = match record {
                    Some(id) => Record::Show { account, environment, id },
                    None => Record::List {
                        account,
                        environment,
                        kind: None,
                        sort: "updated".into(),
                        errors,
                        limit: paging.limit(),
                        after: paging.after,
                    },
                };
                let answer = reach.call(actor.clone(), Request::Record(request), &|_| {}).await?;
                printer.answer(&answer)?;
                return Ok(true);
            }
            Self::Set { account, file, position, change } => {
                let rule = RuleChange::Set { toml: super::read(&file)?, position };
                Asked { account, environment: change.environment.environment, change: rule, yes: change.yes }
            }
            Self::Delete { account, name, change } => {
                let rule = RuleChange::Delete { name, kind: change.kind };
                Asked { account, environment: change.environment.environment, change: rule, yes: change.yes }
            }
            Self::Import { account, file, change } => {
                let rule = RuleChange::Import { toml: super::read(&file)?, kind: change.kind };
                Asked { account, environment: change.environment.environment, change: rule, yes: change.yes }
            }
            Self::Reset { account, change } => {
                let rule = RuleChange::Reset { kind: change.kind };
                Asked { account, environment: change.environment.environment, change: rule, yes: change.yes }
            }
            Self::Promote { account, kind, yes } => {
                let rule = RuleChange::Promote { from: "qa".into(), kind };
                Asked { account, environment: "production".into(), change: rule, yes }
            }
        };
        asked.run(reach, actor, printer).await
    }
}

async fn ask(
    reach: &Reach,
    actor: &Actor,
    printer: &Printer,
    account: String,
    environment: String,
    act: RuleAct,
) -> anyhow::Result<bool> {
    let request = Request::Rule(Rule { account, environment, act });
    printer.answer(&reach.call(actor.clone(), request, &|_| {}).await?)?;
    Ok(true)
}

impl Asked {
    async fn call(
        &self,
        reach: &Reach,
        actor: &Actor,
        save: bool,
        revision: Option<i64>,
    ) -> anyhow::Result<Answer> {
        let act = RuleAct::Change { change: self.change.clone(), save, revision };
        let (account, environment) = (self.account.clone(), self.environment.clone());
        reach.call(actor.clone(), Request::Rule(Rule { account, environment, act }), &|_| {}).await
    }

    /// A change that touches nobody is made at once; one that does is shown, and made when somebody agrees.
    async fn run(self, reach: &Reach, actor: &Actor, printer: &Printer) -> anyhow::Result<bool> {
        let mut revision = None;
        if !self.yes {
            let tried = self.call(reach, actor, false, None).await?;
            let Answer::RuleChange(change) = &tried else { return Ok(true) };
            revision = Some(change.revision);
            let touches = change.impact.as_ref().is_some_and(|impact| {
                let counts = &impact.counts;
                counts.create + counts.update + counts.disable + counts.enable + counts.failing > 0
                    || !impact.units.is_empty()
            });
            if change.diff.is_empty() || touches {
                printer.answer(&tried)?;
            }
            if change.diff.is_empty() {
                return Ok(true);
            }
            if touches && !super::agreed("Change the rules?")? {
                return Ok(false);
            }
        }
        printer.answer(&self.call(reach, actor, true, revision).await?)?;
        Ok(true)
    }
}
