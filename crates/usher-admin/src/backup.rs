//! Copies of the database, and what one does not hold: the key that opens its secrets.

use std::path::PathBuf;

use usher_engine::{EngineError, app as apps};
use usher_sources::source as sources;
use usher_store::{Backend, StoreError};

use crate::{Actor, Admin, AdminError, Outcome, Work, audit};

pub(crate) fn handle(admin: &Admin, actor: &Actor, file: PathBuf) -> Result<Outcome, AdminError> {
    if admin.store.backend() == Backend::Postgres {
        return Err(AdminError::new("not_on_postgresql", "PostgreSQL makes its own backups").hint(
            "pg_dump --format custom --file FILE DATABASE-URL; and pg_restore into an empty database",
        ));
    }
    if !file.is_absolute() {
        return Err(AdminError::new("invalid_value", "the file is named from the root"));
    }
    let (actor, name, now) = (actor.clone(), file.display().to_string(), admin.clock.now());
    admin.write(move |tx| Ok(audit::note(tx, &actor, "backup", &name, &serde_json::json!({}), now)?))?;
    Ok(Outcome::Work(Work::Backup { file }))
}

impl Admin {
    /// Apps and sources whose secret the present key does not open, each with the command that gives it a new one: after a restore
    /// without the key that was.
    ///
    /// # Errors
    /// What the store says.
    pub fn lost_secrets(&self) -> Result<Vec<String>, AdminError> {
        let store = self.store.clone();
        self.read(move |on| {
            let mut lost = Vec::new();
            for app in apps::list(on)? {
                // The value is there, but sealed with another key.
                if let Err(EngineError::Store(StoreError::Unavailable(_))) = apps::secret(on, &store, &app) {
                    lost.push(format!(
                        "app {0}: usher app credentials {0} --secret-token-file FILE",
                        app.name
                    ));
                }
            }
            let mut after = String::new();
            loop {
                let block = sources::list(on, &after)?;
                let Some(last) = block.last() else { return Ok(lost) };
                after = last.name.clone();
                for source in &block {
                    if let Err(StoreError::Unavailable(_)) = sources::secret(on, &store, source.id) {
                        lost.push(format!(
                            "source {0}: usher source set {0} --bind-password-file FILE",
                            source.name
                        ));
                    }
                }
            }
        })
    }
}
