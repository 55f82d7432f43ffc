//! How the way of one object came out, in the words of an explanation.

use super::{
    batch::Health,
    failure::Trouble,
    job::{Done, End, Job},
    plan::Hit,
};
use crate::{
    app::App,
    cycle::{Cycle, run::Counted},
    explain::{self, Detail, Explanation, Seen, Stage, StepName, Verdict},
    log::{self, Failure, Status},
    plan::Action,
    task::Todo,
};

/// How the way ends: everything after scope and mapping.
pub(super) struct Way {
    pub(super) matching: Option<Stage>,
    pub(super) differences: Vec<Detail>,
    pub(super) awaited: Vec<Detail>,
    pub(super) result: Status,
    pub(super) verdict: Verdict,
    pub(super) target: Option<String>,
}

impl Way {
    pub(super) fn none() -> Self {
        Self {
            matching: None,
            differences: Vec::new(),
            awaited: Vec::new(),
            result: Status::Success,
            verdict: verdict(Action::None, "EntrySynchronizationSkipped", "needs nothing"),
            target: None,
        }
    }
}

pub(super) fn verdict(action: Action, code: &str, text: &str) -> Verdict {
    Verdict { action, code: code.to_owned(), text: text.to_owned() }
}

pub(super) fn held_verdict(why: &str) -> Verdict {
    let text = format!(
        "{why}; more leave at once than the deletion threshold allows, so it waits for `usher app allow-deletes`"
    );
    verdict(Action::None, "TooManyDeletes", &text)
}

pub(super) fn matching(hits: Vec<Hit>, result: Status, text: String) -> Stage {
    let details = hits
        .into_iter()
        .map(|(attribute, value, hits)| Detail::Matching { attribute, value, hits })
        .collect();
    Stage { step: StepName::Match, result, text, details }
}

pub(super) fn failed_way(hits: Vec<Hit>, failure: &Failure) -> Way {
    let text = format!("{} {}", sentence(&failure.reason), failure.action);
    Way {
        matching: (!hits.is_empty()).then(|| matching(hits, Status::Success, "looked for in the app".into())),
        result: Status::Failure,
        verdict: verdict(Action::None, failure.code, &text),
        ..Way::none()
    }
}

/// The app could not be asked, so nobody knows.
pub(super) fn refused_way(hits: Vec<Hit>, code: &str, text: String) -> Way {
    Way {
        matching: Some(matching(hits, Status::Failure, text.clone())),
        result: Status::Failure,
        verdict: verdict(Action::None, code, &text),
        ..Way::none()
    }
}

fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

/// The connection test failed: nothing else was tried.
pub(super) fn untested(seen: Seen, at: jiff::Timestamp, text: String) -> Explanation {
    let stage =
        Stage { step: StepName::Test, result: Status::Failure, text: text.clone(), details: Vec::new() };
    Explanation {
        at,
        kind: seen.task.kind,
        id: seen.task.source,
        name: seen.task.name.clone(),
        target: seen.task.link.and_then(|link| link.target),
        verdict: verdict(Action::None, "EncounteredQuarantineException", &text),
        steps: vec![stage],
        sent: false,
    }
}

/// How it went.
pub(super) fn ended_way(
    app: &App,
    job: &Job,
    health: &Health,
    trouble: Option<Trouble>,
    cycle: &Cycle,
) -> Way {
    let hits = hits(job);
    let looked = !hits.is_empty();
    let target = match &job.end {
        Some(End::Done(Done { link: super::job::Links::Save { link, .. }, .. })) => link.target.clone(),
        _ => job.task.link.as_ref().and_then(|link| link.target.clone()),
    };
    let text = match (&target, looked) {
        (_, true) => "looked for in the app".to_owned(),
        (Some(id), false) => format!("it is linked to the account {id}"),
        (None, false) => "not looked for".to_owned(),
    };
    let mut way = Way {
        matching: (looked || target.is_some()).then(|| matching(hits, Status::Success, text)),
        target,
        ..Way::none()
    };
    way.differences = explain::changed(app, job.task.kind, attempted(&job.task.todo));
    match &job.end {
        Some(End::Done(done)) => {
            if !done.differences.is_empty() {
                way.differences = explain::changed(app, job.task.kind, &done.differences);
            }
            way.awaited = match &job.task.todo {
                Todo::Find(find) => explain::awaited(&find.pending),
                Todo::Write(write) => explain::awaited(&write.pending),
                _ => Vec::new(),
            };
            way.verdict = done_verdict(done, cycle);
        }
        Some(End::Failed(failure) | End::Suspect(failure)) => {
            let differences = way.differences;
            way = Way { differences, target: way.target, ..failed_way(self::hits(job), failure) };
        }
        Some(End::Again) => way.verdict = verdict(Action::None, "EntryConflict", "is looked at once more"),
        Some(End::Untouched | End::Held) | None => {
            let why = match (&health.credentials, &health.wait) {
                (Some(detail), _) => format!("the app refused the secret token: {detail}"),
                (_, Some(Some(wait))) => format!("the app asks to wait {} s", wait.as_secs()),
                _ => "the app asks to wait".to_owned(),
            };
            way.result = Status::Failure;
            way.verdict = verdict(Action::None, "NotReachable", &why);
        }
    }
    match trouble {
        Some(Trouble::Credentials(text)) => {
            way.result = Status::Failure;
            way.verdict = verdict(way.verdict.action, "Unauthorized", &text);
        }
        Some(Trouble::Wait(_)) => {
            way.result = Status::Warning;
            way.verdict.text.push_str("; its members follow, since the app asks to wait");
        }
        _ if cycle.counts.failed > 0 => way.result = Status::Failure,
        _ => {}
    }
    way
}

fn attempted(todo: &Todo) -> &[crate::diff::Difference] {
    match todo {
        Todo::Find(find) => find.create.as_ref().map_or(&[], |create| create.differences.as_slice()),
        Todo::Write(write) => &write.differences,
        _ => &[],
    }
}

/// The matching properties tried, as the steps of the log have them.
fn hits(job: &Job) -> Vec<Hit> {
    let matched = job.task.steps.iter().filter(|step| step.kind == log::StepType::Matching);
    matched
        .map(|step| {
            let text = |name: &str| step.details[name].as_str().unwrap_or_default().to_owned();
            let hits =
                step.details["Hits"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
            (text("MatchingProperty"), text("MatchingValue"), hits)
        })
        .collect()
}

fn done_verdict(done: &Done, cycle: &Cycle) -> Verdict {
    match done.counted {
        Counted::Create => verdict(Action::Create, "EntryExportAdd", "was created in the app"),
        Counted::Update => verdict(Action::Update, "EntryExportUpdate", "was updated in the app"),
        Counted::Enable => verdict(Action::Enable, "EntryExportUpdate", "was enabled in the app"),
        Counted::Disable => verdict(Action::Disable, "EntryExportUpdate", "was disabled in the app"),
        Counted::Delete => verdict(Action::Delete, "EntryExportDelete", "was deleted in the app"),
        // Its memberships alone.
        _ if cycle.counts.update > 0 => {
            verdict(Action::Update, "EntryExportUpdate", "was updated in the app: its members")
        }
        Counted::InSync => verdict(Action::None, "RedundantExport", "is in sync"),
        Counted::Nothing | Counted::Failed => match &done.note {
            Some((code, text)) => verdict(Action::None, code, text),
            None => verdict(Action::None, "EntrySynchronizationSkipped", "needs nothing"),
        },
    }
}

pub(super) fn explanation(seen: Seen, way: Way, at: jiff::Timestamp, sent: bool) -> Explanation {
    let mut steps = vec![seen.import, seen.scope];
    steps.extend(way.matching);
    steps.extend(seen.map);
    if !way.differences.is_empty() {
        let text = format!("{} attributes differ", way.differences.len());
        let step = StepName::Difference;
        steps.push(Stage { step, result: Status::Success, text, details: way.differences });
    }
    let mut text = format!("{} {}", seen.task.name, way.verdict.text);
    if !way.awaited.is_empty() {
        text.push_str("; who has no account in the app yet is linked as soon as they have");
    }
    steps.push(Stage { step: StepName::Action, result: way.result, text, details: way.awaited });
    Explanation {
        at,
        kind: seen.task.kind,
        id: seen.task.source,
        name: seen.task.name,
        target: way.target,
        verdict: way.verdict,
        steps,
        sent,
    }
}
