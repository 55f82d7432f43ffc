//! Long work, run on the drivers of engine and sources.

use std::path::PathBuf;

use usher_admin::request::{GroupAct, Moved};
use usher_admin::{
    AdminError, Answer, Work, describe_cycle, describe_explanation, describe_impact, describe_plan,
    describe_preview, describe_run, describe_test,
};
use usher_api::{
    List,
    directory::{Step, Test},
};
use usher_client::Diagnosis;
use usher_sources::Progress as Reading;

use usher_admin::answer::Said;

use crate::{owner::Progress, system::System};

/// Runs it to its end.
pub(crate) async fn run(
    system: &System,
    work: Work,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Answer, AdminError> {
    match work {
        Work::SourceTest { source } => Ok(Answer::Test(describe_test(&system.sources.test(&source).await))),
        Work::SourcePreview { source, first } => {
            let found = system.sources.preview(&source, first).await?;
            Ok(Answer::Preview(describe_preview(&source, &found)))
        }
        Work::SourceSync { source, allow, changes } => {
            let name = source.name.clone();
            let mut follow = |reading| progress(step(&name, reading));
            let report = if allow {
                system.sources.allow(&source, &mut follow).await?
            } else if changes {
                system.sources.update(&source, &mut follow).await?
            } else {
                system.sources.sync(&source, &mut follow).await?
            };
            Ok(Answer::Run(describe_run(&source, &report)))
        }
        Work::AppTest { app } => Ok(Answer::Test(test(&system.engine.test(app.id, None).await?))),
        Work::AppCredentials { app, token, oauth, expires, actor } => {
            let secret = secrecy::SecretString::from(token.0.clone());
            let credentials = usher_engine::app::Credentials { oauth: oauth.clone(), secret };
            let tested = test(&system.engine.test_with(app.id, Some(credentials)).await?);
            if !tested.ok {
                return Ok(Answer::Test(tested));
            }
            blocking(system, move |admin| admin.replace_token(&actor, &app, &token, oauth, expires)).await
        }
        Work::AppMove { app, to, actor } => moved(system, app, to, actor).await,
        Work::AppChange { changed, request, actor } => change(system, changed, *request, actor).await,
        Work::AppDiscover { app, actor } => {
            let (found, left_out) = system.engine.discover(app.id).await?;
            blocking(system, move |admin| admin.add_attributes(&actor, &app, &found, left_out)).await
        }
        Work::AppPlan { app, only } => {
            let plan = system.engine.plan(app.id, only.as_deref()).await?;
            Ok(Answer::Plan(describe_plan(&app, &plan)))
        }
        Work::AppProvision { app, object, actor } => {
            let found = system.engine.provision(app.id, object, &actor.name).await?;
            Ok(Answer::Explanation(Box::new(describe_explanation(&app, found))))
        }
        Work::AppExplain { app, object } => {
            let found = system.engine.explain(app.id, object).await?;
            Ok(Answer::Explanation(Box::new(describe_explanation(&app, found))))
        }
        Work::AppsExplain { of } => {
            let mut items = Vec::with_capacity(of.len());
            for (app, object) in of {
                let found = system.engine.explain(app.id, object).await?;
                items.push(describe_explanation(&app, found));
            }
            Ok(Answer::Explanations(List::whole(items)))
        }
        Work::AppStart { app, first, actor } => start(system, app, first, actor).await,
        Work::AppGroup { app, group, name, act, actor } => {
            let message = of_group(system, &app, group, &name, act, &actor.name).await?;
            Ok(Answer::Said(Said { message }))
        }
        Work::AppSync { app } => {
            let follow = |cycle: &usher_engine::cycle::Cycle| {
                progress(Progress { what: app.name.clone(), done: cycle.done, of: cycle.planned });
            };
            let cycle = system.engine.sync(app.id, &follow).await?;
            Ok(Answer::Cycle(describe_cycle(&cycle)))
        }
        Work::Backup { file } => back_up(system, file, progress).await,
    }
}

/// An app whose filter finds somebody for a value that nobody has would have people linked to others' accounts. One that can't be
/// reached is started all the same, and says so in its status.
async fn start(
    system: &System,
    app: Box<usher_engine::App>,
    first: Option<u64>,
    actor: usher_admin::Actor,
) -> Result<Answer, AdminError> {
    let diagnosis = match system.engine.test(app.id, None).await {
        Ok(diagnosis) => Some(diagnosis),
        Err(usher_engine::EngineError::NoSecret(_)) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(step) = diagnosis.filter(|d| d.ignores_filter).and_then(|d| d.steps.last().cloned()) {
        return Err(AdminError::new("ignores_filter", step.text).hint(format!(
            "{} stays off. `usher app mapping set` chooses another matching property.",
            app.name
        )));
    }
    blocking(system, move |admin| admin.start(&actor, &app, first)).await
}

/// A use case on a plain thread.
async fn blocking(
    system: &System,
    work: impl FnOnce(&usher_admin::Admin) -> Result<Answer, AdminError> + Send + 'static,
) -> Result<Answer, AdminError> {
    let admin = system.admin.clone();
    tokio::task::spawn_blocking(move || work(&admin))
        .await
        .map_err(|error| AdminError::new("internal", error.to_string()))?
}

/// Saves a change that touches nobody; otherwise whom it touches is the answer.
async fn change(
    system: &System,
    changed: Box<usher_engine::App>,
    request: usher_admin::request::App,
    actor: usher_admin::Actor,
) -> Result<Answer, AdminError> {
    let impact = system.engine.impact(&changed).await.map_err(|error| {
        AdminError::new("impact_unknown", format!("nobody can say whom the change would touch: {error}"))
            .hint("Nothing is changed. --yes saves it nevertheless.")
    })?;
    if impact.touches_anybody() {
        return Ok(Answer::Impact(describe_impact(&changed, &impact)));
    }
    let version = changed.version;
    blocking(system, move |admin| admin.save_change(&actor, request, version)).await
}

/// Another tenant URL: it has to work there, and where the accounts are said to be the same, they have to be there.
async fn moved(
    system: &System,
    app: Box<usher_engine::App>,
    to: Moved,
    actor: usher_admin::Actor,
) -> Result<Answer, AdminError> {
    let secret = secrecy::SecretString::from(to.token.0.clone());
    let credentials = usher_engine::app::Credentials { oauth: to.oauth.clone(), secret };
    let found = system.engine.at(app.id, to.url.clone(), credentials).await?;
    if !found.diagnosis.ok() {
        return Ok(Answer::Test(test(&found.diagnosis)));
    }
    if to.accounts == usher_engine::app::Accounts::Same && !found.missing.is_empty() {
        return Err(AdminError::new(
            "accounts_missing",
            format!(
                "{} of {} accounts and groups that were looked for are not at {}: {}",
                found.missing.len(),
                found.looked_for,
                to.url,
                found.missing.join(", ")
            ),
        )
        .hint("Nothing is changed. If it is another tenant, --accounts other forgets the links."));
    }
    blocking(system, move |admin| admin.move_app(&actor, &app, &to, found.looked_for)).await
}

async fn of_group(
    system: &System,
    app: &usher_engine::App,
    group: usher_directory::Key,
    name: &str,
    act: GroupAct,
    by: &str,
) -> Result<String, AdminError> {
    let to = &app.name;
    Ok(match act {
        GroupAct::PushNow => {
            let (added, removed) = system.engine.push_now(app.id, group, by).await?;
            format!("{name} is pushed to {to}: {added} members added, {removed} taken out")
        }
        GroupAct::Link { to: id, rename } => {
            let theirs = system.engine.link_group(app.id, group, &id, rename).await?;
            format!("{name} is linked to the group {theirs} of {to}; the next cycle brings it in step")
        }
        GroupAct::Unlink { delete } => {
            system.engine.unlink_group(app.id, group, delete, by).await?;
            let what = if delete { "is deleted there" } else { "stays there as it is" };
            format!("{name} is not pushed to {to} any longer; the group {what}")
        }
        GroupAct::Push | GroupAct::Pause | GroupAct::Resume | GroupAct::Rename { .. } => {
            return Err(AdminError::new("internal", "this is no work for the engine"));
        }
    })
}

async fn back_up(
    system: &System,
    file: PathBuf,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Answer, AdminError> {
    let (tell, mut hear) = tokio::sync::mpsc::unbounded_channel();
    let (store, to) = (system.store.clone(), file.clone());
    let copying = tokio::task::spawn_blocking(move || {
        store.block_backup(&to, |copied| {
            // Whoever followed it has gone away; the copy is made all the same.
            let _ = tell.send(copied);
        })
    });
    while let Some(copied) = hear.recv().await {
        progress(Progress { what: "copying the database".into(), done: copied.pages, of: copied.of });
    }
    copying.await.map_err(|error| AdminError::new("internal", error.to_string()))??;
    let message = format!(
        "the database is copied to {}; the key that opens its secrets is not in it: keep a copy of that elsewhere",
        file.display()
    );
    Ok(Answer::Said(Said { message }))
}

fn step(source: &str, reading: Reading) -> Progress {
    let (what, done, of) = match reading {
        Reading::Reading { done, of } => ("reading", done, of),
        Reading::Writing { done, of } => ("writing people and groups of", done, of),
        Reading::Linking { done, of } => ("linking managers and members of", done, of),
    };
    Progress { what: format!("{what} {source}"), done, of }
}

fn test(diagnosis: &Diagnosis) -> Test {
    Test {
        ok: diagnosis.ok(),
        steps: diagnosis
            .steps
            .iter()
            .map(|step| Step { name: step.name.into(), ok: step.ok, text: step.text.clone() })
            .collect(),
        works_instead: diagnosis.works_instead.clone(),
    }
}
