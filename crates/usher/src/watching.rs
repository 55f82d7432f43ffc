//! Sources whose files changed are imported by a server, once nobody is writing to them any more.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use usher_sources::{
    Source, SyncError,
    watch::{FileState, Look, Watch, watched},
};

use crate::{serve::ended, system::System};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// One read of the sources.
const READ: Duration = Duration::from_secs(10);

/// Runs until told to stop. `settle`: how long a file must stand still; zero: files are not watched.
pub(crate) async fn run(system: System, settle: Duration, stopping: watch::Receiver<bool>) {
    if settle.is_zero() {
        return;
    }
    let mut watch = Watch::new(settle);
    loop {
        for source in changed(&system, &mut watch).await {
            import(&system, &source).await;
            if *stopping.borrow() {
                return;
            }
        }
        tokio::select! {
            () = ended(stopping.clone()) => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn changed(system: &System, watch: &mut Watch) -> Vec<Source> {
    let sources = match system.store.read(READ, watched).await {
        Ok(sources) => sources,
        Err(error) => {
            tracing::warn!(%error, "files of sources could not be looked at");
            return Vec::new();
        }
    };
    // A folder that hangs (NFS) must not hold up everybody else.
    let states = tokio::task::spawn_blocking(move || {
        let present = |source: &Source| {
            FileState::of(source.settings.files().into_iter().flat_map(usher_sources::source::Files::paths))
        };
        sources.into_iter().map(|(source, imported)| (present(&source), imported, source)).collect::<Vec<_>>()
    });
    let Ok(states) = states.await else { return Vec::new() };
    let now = Instant::now();
    let is_due = |(present, imported, source): (FileState, FileState, Source)| {
        (watch.look(source.id, present, &imported, now) == Look::Changed).then_some(source)
    };
    states.into_iter().filter_map(is_due).collect()
}

async fn import(system: &System, source: &Source) {
    let name = &source.name;
    match system.sources.sync(source, &mut |_| {}).await {
        Ok(report) => {
            let counts = &report.counts;
            tracing::info!(
                source = name,
                created = counts.created,
                updated = counts.updated,
                disabled = counts.disabled,
                held = counts.held,
                errors = counts.errors,
                "a file changed and was imported"
            );
        }
        // Somebody else is at it, here or on another instance; the next look tells whether it was this very file.
        Err(SyncError::Running(_)) => {}
        Err(error) => tracing::warn!(source = name, %error, "a file changed and could not be imported"),
    }
}
