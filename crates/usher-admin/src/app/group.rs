//! A group's push, and the link of one user or group.

use usher_api::app as shape;
use usher_directory::Kind;
use usher_engine::{App, assignment, link, pushed};
use usher_store::Tx;

use super::{describe::word, find};
use crate::{
    Actor, Admin, AdminError, Answer, Outcome, Work, answer::Said, audit, record, request::GroupAct,
};

/// What concerns the database alone is done; what speaks to the app is noted and comes back as work.
pub(super) fn handle(
    admin: &Admin,
    actor: &Actor,
    name: String,
    group: String,
    act: GroupAct,
) -> Result<Outcome, AdminError> {
    let (actor, now) = (actor.clone(), admin.clock.now());
    admin.write(move |tx| {
        let app = find(tx, &name)?;
        let found = assignment::find(tx, app.directory, Kind::Group, &group)?;
        let details = serde_json::json!({"group": group, "act": act});
        audit::note(tx, &actor, "app.group", &app.name, &details, now)?;
        let message = match &act {
            GroupAct::PushNow | GroupAct::Link { .. } | GroupAct::Unlink { .. } => {
                let work = Work::AppGroup {
                    app: Box::new(app),
                    group: found.key,
                    name: group.clone(),
                    act: act.clone(),
                    actor: actor.clone(),
                };
                return Ok(Outcome::Work(work));
            }
            other => done(tx, &app, found.key, &group, other)?,
        };
        Ok(Outcome::Done(Answer::Said(Said { message })))
    })
}

fn done(
    tx: &mut Tx<'_>,
    app: &App,
    group: usher_directory::Key,
    name: &str,
    act: &GroupAct,
) -> Result<String, AdminError> {
    let next = format!("the next cycle of {} sees to it", app.name);
    let refused = |code: &str, what: &str| AdminError::new(code, format!("{name} {what} {}", app.name));
    match act {
        GroupAct::Push => {
            pushed::push(tx, app, group)?;
            Ok(format!("{name} is pushed; {next}"))
        }
        GroupAct::Pause if pushed::pause(tx, app, group)? => {
            Ok(format!("the push of {name} is paused: nothing of it is sent until it is resumed"))
        }
        GroupAct::Pause => Err(refused("not_pushed", "is not pushed to")),
        GroupAct::Resume if pushed::resume(tx, app, group)? => Ok(format!("{name} is pushed again; {next}")),
        GroupAct::Resume => Err(refused("not_paused", "is not paused in")),
        GroupAct::Rename { on } => {
            pushed::rename(tx, app, group, *on)?;
            let what = if *on { "gets the directory's name" } else { "keeps the name it has there" };
            Ok(format!("{name} in {} {what}", app.name))
        }
        GroupAct::PushNow | GroupAct::Link { .. } | GroupAct::Unlink { .. } => {
            Err(AdminError::new("internal", "this is work for the engine"))
        }
    }
}

/// The link of a user or group.
pub(super) fn show(admin: &Admin, name: String, kind: String, who: String) -> Result<Answer, AdminError> {
    let kind = record::kind(&kind)?;
    admin.read(move |on| {
        let app = find(on, &name)?;
        let object = assignment::find(on, app.directory, kind, &who)?;
        let pushed = pushed::get(on, app.id, object.key)?;
        let Some(link) = link::get(on, app.id, object.key)? else {
            return Err(AdminError::new("not_linked", format!("{who} is linked to nothing in {name}"))
                .hint(format!("`usher app explain {name} --{} {who}` says why.", word(kind))));
        };
        Ok(Answer::Link(Box::new(shape::Link {
            app: app.name,
            kind: word(kind).into(),
            id: object.id.0.to_string(),
            name: object.name().to_owned(),
            target_id: link.target,
            state: match link.state {
                link::State::Noted => "noted",
                link::State::Active => "active",
                link::State::Left => "left",
                link::State::Loose => "loose",
            }
            .into(),
            written: serde_json::Value::Object(link.sent),
            push: pushed.map(|p| p.state.as_str().to_owned()),
            renames: pushed.map(|p| p.renames),
        })))
    })
}
