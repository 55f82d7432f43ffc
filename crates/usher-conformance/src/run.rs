//! Runs cases against a server.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::{
    case::{Case, Check, Level, Profile},
    cases::{self, cases},
    probe::Probe,
    target::{Capabilities, Target, TargetError},
    verdict::{Halt, Outcome, Report, Verdict},
};

/// Which cases are run.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Whose view counts; `None`: every case.
    pub profile: Option<Profile>,
    /// Only these ids; empty: all.
    pub only: Vec<String>,
    /// Only cases that write nothing.
    pub read_only: bool,
}

impl Choice {
    fn holds(&self, case: &Case) -> bool {
        let named = self.only.is_empty() || self.only.iter().any(|id| id.eq_ignore_ascii_case(case.id));
        named && self.profile.is_none_or(|profile| cases::is_of(profile, case.id))
    }

    /// Ids that were asked for and are none of the checklist.
    pub fn unknown(&self) -> Vec<&str> {
        let known = |id: &&String| !cases().any(|case| id.eq_ignore_ascii_case(case.id));
        self.only.iter().filter(known).map(String::as_str).collect()
    }
}

/// Runs the chosen cases one after the other; `progress` hears of each.
pub async fn run(
    target: &Target,
    choice: &Choice,
    mut progress: impl FnMut(&Outcome),
) -> Result<Report, TargetError> {
    let run = uuid::Uuid::now_v7().simple().to_string()[20..].to_owned();
    let can = Arc::new(ask(target).await?);
    let mut outcomes = Vec::new();
    for case in cases().filter(|case| choice.holds(case)) {
        let outcome = one(target, &can, case, &run, choice).await;
        progress(&outcome);
        outcomes.push(outcome);
    }
    Ok(Report { server: target.base.clone(), profile: choice.profile, outcomes })
}

/// What the server says of itself; what it does not tell counts as not announced.
async fn ask(target: &Target) -> Result<Capabilities, TargetError> {
    let mut probe = Probe::new(target, Arc::default(), "config", "");
    let mut read = async |path: &str| match probe.send("GET", path, &[], Bytes::new()).await {
        Ok(answer) if answer.status == 200 => Ok(answer.json),
        Ok(_) | Err(Halt::Skip(_)) => Ok(Value::Null),
        Err(Halt::Fail(failure)) => Err(TargetError::Unreachable(failure.seen)),
    };
    let config = read("/ServiceProviderConfig").await?;
    let schemas = read("/Schemas").await?;
    Ok(Capabilities::read(config, &schemas))
}

async fn one(target: &Target, can: &Arc<Capabilities>, case: &Case, run: &str, choice: &Choice) -> Outcome {
    let missing = case.needs.iter().find(|need| !need.met(can));
    let skipped = |why: String| (Verdict::Skipped { why }, Vec::new(), Vec::new());
    let (verdict, left, transcript) = match (case.check, missing) {
        (Check::NotOverHttp(why), _) => skipped(format!("HTTP does not show it: {why}")),
        (_, Some(need)) => skipped(format!("the server does not announce {}", need.name())),
        (Check::Over(_), None) if choice.read_only && !cases::reads_only(case.id) => {
            skipped("it writes, and only reading was asked for".into())
        }
        (Check::Over(steps), None) => {
            let mut probe = Probe::new(target, can.clone(), case.id, run);
            let verdict = match steps(&mut probe).await {
                Ok(()) => Verdict::Pass,
                Err(Halt::Fail(failure)) => Verdict::Fail(case.advise(failure)),
                Err(Halt::Skip(why)) => Verdict::Skipped { why },
            };
            let (left, transcript) = probe.end().await;
            (verdict, left, transcript)
        }
    };
    let required =
        case.level == Level::Must || matches!(choice.profile, Some(Profile::Entra | Profile::Okta));
    Outcome {
        id: case.id,
        level: case.level,
        reference: case.reference,
        title: case.title,
        restates: case.restates,
        verdict,
        required,
        left,
        transcript,
    }
}
