//! Sources: what fills a directory.

use std::path::PathBuf;

use usher_api::List;
use usher_api::directory::{EntryError, Run, Source, Step, Test};
use usher_directory::{DirectoryId, account as accounts};
use usher_sources::{RunReport, RunState, Settings, SourceKind, check, run, source};
use usher_store::Snapshot;

use crate::{Actor, Admin, AdminError, Answer, Outcome, Work, answer::Said, audit, directory, request};

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::Source) -> Result<Outcome, AdminError> {
    let (actor, now) = (actor.clone(), admin.clock.now());
    match request {
        request::Source::Add { name, directory, kind, file, memberships, encoding, separator } => {
            let kind: SourceKind = kind.parse().map_err(AdminError::from)?;
            let settings = Settings::of(source::Reads::Files(source::Files {
                file: absolute(file)?,
                memberships: memberships.map(absolute).transpose()?,
                encoding,
                separator,
            }));
            admin.write(move |tx| {
                let id = directory::find(tx, &directory)?;
                let made = source::add(tx, &name, id, kind, &settings, now)?;
                let details = serde_json::json!({"directory": directory, "kind": kind, "settings": settings});
                audit::note(tx, &actor, "source.add", &name, &details, now)?;
                describe(tx, &made).map(Answer::Source).map(Outcome::Done)
            })
        }
        request::Source::List => admin.read(|on| {
            let mut items = Vec::new();
            let mut after = String::new();
            loop {
                let block = source::list(on, &after)?;
                let Some(last) = block.last() else { break };
                after.clone_from(&last.name);
                for source in &block {
                    items.push(describe(on, source)?);
                }
            }
            Ok(Outcome::Done(Answer::Sources(List::whole(items))))
        }),
        request::Source::Show { name } => admin.read(move |on| {
            let source = find(on, &name)?;
            describe(on, &source).map(Answer::Source).map(Outcome::Done)
        }),
        request::Source::Remove { name } => admin.write(move |tx| {
            let source = find(tx, &name)?;
            source::remove(tx, source.id)?;
            audit::note(tx, &actor, "source.remove", &name, &serde_json::json!({}), now)?;
            let message = format!("source {name} is forgotten; its people and groups stay as they are");
            Ok(Outcome::Done(Answer::Said(Said { message })))
        }),
        request::Source::Test { name } => {
            let source = admin.read(move |on| find(on, &name))?;
            Ok(Outcome::Done(Answer::Test(test(&check::file(&source, now)))))
        }
        request::Source::Sync { name } => admin.read(move |on| {
            let source = Box::new(find(on, &name)?);
            Ok(Outcome::Work(Work::SourceSync { source, allow: false }))
        }),
        request::Source::Allow { name } => admin.write(move |tx| {
            let source = Box::new(find(tx, &name)?);
            audit::note(tx, &actor, "source.allow", &name, &serde_json::json!({}), now)?;
            Ok(Outcome::Work(Work::SourceSync { source, allow: true }))
        }),
    }
}

/// Sources are read again by other processes: their files are named whole.
fn absolute(file: String) -> Result<PathBuf, AdminError> {
    std::path::absolute(&file)
        .map_err(|error| AdminError::new("invalid_value", format!("{file:?} is no file name: {error}")))
}

/// The source of that name.
pub(crate) fn find(on: &mut Snapshot<'_>, name: &str) -> Result<source::Source, AdminError> {
    if let Some(source) = source::by_name(on, name)? {
        return Ok(source);
    }
    let all = source::list(on, "")?;
    Err(AdminError::missing(
        "source",
        name,
        all.iter().map(|source| source.name.as_str()),
        "usher source add NAME --directory D --kind ldif --file F",
    ))
}

/// Names of the sources that fill a directory.
pub(crate) fn names_of(on: &mut Snapshot<'_>, directory: DirectoryId) -> Result<Vec<String>, AdminError> {
    let all = source::list(on, "")?;
    Ok(all.into_iter().filter(|source| source.directory == directory).map(|source| source.name).collect())
}

fn describe(on: &mut Snapshot<'_>, source: &source::Source) -> Result<Source, AdminError> {
    let directory = accounts::list_directories(on)?
        .into_iter()
        .find(|(id, _, _)| *id == source.directory)
        .map_or_else(String::new, |(_, name, _)| name);
    let last_run = run::list(on, source.id, 1)?.first().map(|report| describe_run(source, report));
    Ok(Source {
        name: source.name.clone(),
        directory,
        kind: source.kind.to_string(),
        file: source.settings.place(),
        memberships: source
            .settings
            .files()
            .and_then(|files| files.memberships.as_ref())
            .map(|file| file.display().to_string()),
        last_run,
    })
}

/// A run in the shape that is printed.
#[must_use]
pub fn describe_run(source: &source::Source, report: &RunReport) -> Run {
    let counts = &report.counts;
    Run {
        id: report.run.to_string(),
        source: source.name.clone(),
        state: match report.state {
            RunState::Running => "running",
            RunState::Done => "done",
            RunState::Failed => "failed",
        }
        .into(),
        began_at: report.started.into(),
        ended_at: report.ended.map(Into::into),
        read: counts.read,
        created: counts.created,
        updated: counts.updated,
        unchanged: counts.unchanged,
        disabled: counts.disabled,
        restored: counts.restored,
        removed: counts.removed,
        held: counts.held,
        groups: counts.groups,
        memberships: counts.memberships,
        unresolved: counts.unresolved,
        errors: counts.errors,
        first_errors: report
            .first_errors
            .iter()
            .map(|error| EntryError {
                line: error.line,
                entry: error.entry.clone(),
                message: error.message.clone(),
            })
            .collect(),
        message: report.message.clone(),
    }
}

fn test(checked: &check::Checked) -> Test {
    Test {
        ok: checked.ok(),
        steps: checked
            .steps
            .iter()
            .map(|step| Step { name: step.step.clone(), ok: step.ok, text: step.text.clone() })
            .collect(),
        works_instead: None,
    }
}
