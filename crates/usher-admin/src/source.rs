//! Sources: what fills a directory.

use std::path::PathBuf;

use secrecy::SecretString;
use usher_api::directory::{EntryError, Preview, Previewed, Run, Source, Step, Test};
use usher_api::{List, Secret};
use usher_directory::{DirectoryId, account as accounts};
use usher_sources::{
    LdapChange, LdapSettings, Reads, RunReport, RunState, Settings, SourceKind, check, run, source,
};
use usher_store::Snapshot;

use crate::{
    Actor, Admin, AdminError, Answer, Outcome, Work,
    answer::Said,
    audit, directory,
    request::{self, SourceFrom},
};

pub(crate) fn handle(admin: &Admin, actor: &Actor, request: request::Source) -> Result<Outcome, AdminError> {
    let (actor, now) = (actor.clone(), admin.clock.now());
    match request {
        request::Source::Add { name, directory, kind, from, schedule: when } => {
            let kind: SourceKind = kind.parse().map_err(AdminError::from)?;
            let (mut settings, secret) = match from {
                SourceFrom::Files { file, memberships, encoding, separator } => {
                    let memberships = memberships.map(absolute).transpose()?;
                    let files = source::Files { file: absolute(file)?, memberships, encoding, separator };
                    (Settings::of(Reads::Files(files)), None)
                }
                SourceFrom::Ldap { settings, bind_password } => {
                    (Settings::of(Reads::Ldap(Box::new(whole(*settings)?))), secret(bind_password))
                }
            };
            schedule(&mut settings, &when)?;
            let store = admin.store.clone();
            admin.write(move |tx| {
                let id = directory::find(tx, &directory)?;
                let mut made = source::add(tx, &name, id, kind, &settings, now)?;
                if let Some(secret) = &secret {
                    source::set_secret(tx, &store, made.id, secret)?;
                    made.has_secret = true;
                }
                let details = serde_json::json!({"directory": directory, "kind": kind, "settings": settings});
                audit::note(tx, &actor, "source.add", &name, &details, now)?;
                describe(tx, &made).map(Answer::Source).map(Outcome::Done)
            })
        }
        request::Source::Set { name, ldap, bind_password, schedule: when, safeguard } => {
            let (store, secret) = (admin.store.clone(), secret(bind_password));
            admin.write(move |tx| {
                let source = find(tx, &name)?;
                let mut settings = source.settings.clone();
                changed(&mut settings, (*ldap).clone(), &safeguard, secret.is_some())?;
                schedule(&mut settings, &when)?;
                let mut made = source::set(tx, &source, &settings)?;
                if let Some(secret) = &secret {
                    source::set_secret(tx, &store, made.id, secret)?;
                    made.has_secret = true;
                }
                let details = serde_json::json!({"settings": settings, "bind_password": secret.is_some()});
                audit::note(tx, &actor, "source.set", &name, &details, now)?;
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
            Ok(match source.settings.ldap() {
                Some(_) => Outcome::Work(Work::SourceTest { source: Box::new(source) }),
                None => Outcome::Done(Answer::Test(describe_test(&check::file(&source, now)))),
            })
        }
        request::Source::Preview { name, first } => admin.read(move |on| {
            let source = Box::new(find(on, &name)?);
            Ok(Outcome::Work(Work::SourcePreview { source, first }))
        }),
        request::Source::Sync { name, changes } => admin.read(move |on| {
            let source = Box::new(find(on, &name)?);
            Ok(Outcome::Work(Work::SourceSync { source, allow: false, changes }))
        }),
        request::Source::Runs { name, limit } => admin.read(move |on| {
            let source = find(on, &name)?;
            let runs = run::list(on, source.id, limit.unwrap_or(RUNS))?;
            let items = runs.iter().map(|report| describe_run(&source, report)).collect();
            Ok(Outcome::Done(Answer::Runs(List::whole(items))))
        }),
        request::Source::Allow { name } => admin.write(move |tx| {
            let source = Box::new(find(tx, &name)?);
            audit::note(tx, &actor, "source.allow", &name, &serde_json::json!({}), now)?;
            Ok(Outcome::Work(Work::SourceSync { source, allow: true, changes: false }))
        }),
    }
}

/// How many runs are shown when not asked for more.
const RUNS: usize = 20;

fn secret(given: Option<Secret>) -> Option<SecretString> {
    given.map(|secret| SecretString::from(secret.0))
}

fn schedule(settings: &mut Settings, change: &request::ScheduleChange) -> Result<(), AdminError> {
    let schedule = &mut settings.schedule;
    schedule.every = change.every.or(schedule.every);
    if let Some(seconds) = change.full_every {
        (schedule.full_every, schedule.full_at) = (Some(seconds), None);
    }
    if let Some(text) = &change.full_at {
        let at = text.parse().map_err(|error: String| AdminError::new("invalid_value", error))?;
        (schedule.full_every, schedule.full_at) = (None, Some(at));
    }
    Ok(())
}

fn changed(
    settings: &mut Settings,
    change: LdapChange,
    guard: &request::SafeguardChange,
    secret: bool,
) -> Result<(), AdminError> {
    let only =
        |what: &str| AdminError::new("invalid_value", format!("{what} belongs to a source of kind ldap"));
    match &mut settings.reads {
        Reads::Ldap(ldap) => {
            change.apply(ldap);
            **ldap = whole((**ldap).clone())?;
        }
        Reads::Files(_) if secret => return Err(only("a bind password")),
        Reads::Files(_) if !change.is_empty() => return Err(only("that setting")),
        Reads::Files(_) => {}
    }
    let safeguard = &mut settings.safeguard;
    safeguard.percent = guard.percent.unwrap_or(safeguard.percent);
    safeguard.from = guard.from.unwrap_or(safeguard.from);
    safeguard.count = guard.count.unwrap_or(safeguard.count);
    Ok(())
}

/// With its files named whole.
fn whole(mut settings: LdapSettings) -> Result<LdapSettings, AdminError> {
    for file in [&mut settings.ca_file, &mut settings.cert_file, &mut settings.key_file].into_iter().flatten()
    {
        *file = absolute(file.display().to_string())?;
    }
    Ok(settings)
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
        incremental: counts.incremental,
        first_errors: report.first_errors.iter().map(entry_error).collect(),
        message: report.message.clone(),
    }
}

/// What an import would do, in the shape that is printed.
#[must_use]
pub fn describe_preview(source: &source::Source, found: &usher_sources::Preview) -> Preview {
    Preview {
        source: source.name.clone(),
        read: found.read,
        people: found.people,
        groups: found.groups,
        create: found.create,
        update: found.update,
        restore: found.restore,
        unchanged: found.unchanged,
        leave: found.leave,
        held: found.held,
        errors: found.errors,
        first_errors: found.first_errors.iter().map(entry_error).collect(),
        message: found.message.clone(),
        first: found
            .first
            .iter()
            .map(|one| Previewed {
                entry: one.entry.clone(),
                kind: one.kind.clone(),
                change: one.change.clone(),
                resource: one.resource.clone().into(),
            })
            .collect(),
    }
}

fn entry_error(error: &usher_sources::EntryError) -> EntryError {
    EntryError { line: error.line, entry: error.entry.clone(), message: error.message.clone() }
}

/// A look at a source, step by step, in the shape that is printed.
#[must_use]
pub fn describe_test(checked: &check::Checked) -> Test {
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
