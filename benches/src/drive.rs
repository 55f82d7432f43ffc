//! A closed loop: so many clients, each sends its next request when the last one is answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    caller::{Caller, Server},
    figures::{Figures, Tally},
    work::{Client, Plan},
};

/// How long a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// Before it is measured.
    pub warm: Duration,
    /// While it is.
    pub measured: Duration,
    /// So many requests end it before its time.
    pub requests: Option<usize>,
}

/// Runs a plan; figures by kind of request.
///
/// # Errors
/// When the server can't be reached at all. A wrong answer is counted, not an error.
pub async fn drive(server: &Server, plan: Arc<Plan>, length: Length) -> anyhow::Result<Vec<Figures>> {
    let begins = Instant::now() + length.warm;
    let left = Arc::new(AtomicUsize::new(length.requests.unwrap_or(usize::MAX)));
    let mut clients = JoinSet::new();
    for number in 0..plan.clients {
        let (plan, left, caller) = (plan.clone(), left.clone(), Caller::new(server.clone()));
        clients.spawn(async move {
            let client = plan.client(number);
            run(client, caller, begins, begins + length.measured, &left).await
        });
    }
    let mut all: Vec<(&'static str, Tally)> = Vec::new();
    while let Some(ended) = clients.join_next().await {
        for (label, tally) in ended?? {
            of(&mut all, label).add(tally);
        }
    }
    let seconds = begins.elapsed().as_secs_f64();
    all.sort_by_key(|(label, _)| *label);
    Ok(all.into_iter().map(|(label, tally)| tally.figures(label, plan.clients, seconds)).collect())
}

fn of<'t>(all: &'t mut Vec<(&'static str, Tally)>, label: &'static str) -> &'t mut Tally {
    let at = all.iter().position(|(known, _)| *known == label).unwrap_or_else(|| {
        all.push((label, Tally::default()));
        all.len() - 1
    });
    &mut all[at].1
}

async fn run(
    mut client: Client<'_>,
    mut caller: Caller,
    begins: Instant,
    ends: Instant,
    left: &AtomicUsize,
) -> anyhow::Result<Vec<(&'static str, Tally)>> {
    let mut tallies = Vec::new();
    while Instant::now() < ends {
        let took = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let Some(step) = took.is_ok().then(|| client.step()).flatten() else { break };
        let began = Instant::now();
        let outcome = caller.call(step.call.clone()).await;
        let duration = began.elapsed();
        let checked = match &outcome {
            Ok(answer) => client.check(&step, answer).map(|()| answer.body.len()),
            Err(error) => Err(format!("{} {}: {error:#}", step.call.method, step.call.path)),
        };
        let tally = of(&mut tallies, step.label);
        match checked {
            // A wrong answer counts whenever it came.
            Err(why) => tally.wrong(why),
            Ok(bytes) if began >= begins => tally.right(duration, bytes),
            Ok(_) => {}
        }
    }
    if client.is_of_group() {
        for wrong in client.check_group(&mut caller).await? {
            of(&mut tallies, "PATCH add 1 member").wrong(wrong);
        }
    }
    Ok(tallies)
}
