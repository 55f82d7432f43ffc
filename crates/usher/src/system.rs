//! Everything wired together over one store.

use std::{
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};
use usher_admin::{ALL_TABLES, Admin};
use usher_client::AddressPolicy;
use usher_directory::{config::Configs, trail};
use usher_engine::Engine;
use usher_jobs::{clock::Clock, lease::Leases, mail::Mailer};
use usher_people::People;
use usher_sources::Sources;
use usher_store::{Lane, SealingKey, Store, StoreUrl};

use crate::settings::Settings;

/// How long connecting to an app may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The parts of one process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct System {
    pub(crate) store: Store,
    /// Where the trail lies: a file of its own beside SQLite's, the same database on PostgreSQL.
    pub(crate) trail: Store,
    pub(crate) configs: Configs,
    pub(crate) clock: Clock,
    pub(crate) admin: Admin,
    pub(crate) engine: Engine,
    pub(crate) people: People,
    pub(crate) sources: Sources,
    /// `None`: no SMTP server is set, and mails wait.
    pub(crate) mailer: Option<Mailer>,
}

impl System {
    /// Opens the store that the settings name and wires everything over it. On SQLite the caller owns the folder; on PostgreSQL
    /// `connections` are opened. Blocks.
    pub(crate) fn open(settings: &Settings, connections: usize) -> anyhow::Result<Self> {
        let trail_tables = [trail::TABLES];
        if settings.database_url.is_empty() {
            make_folder(&settings.data)?;
            let key = key(settings)?;
            let store = Store::open(&StoreUrl::Sqlite(settings.data.clone()), ALL_TABLES, key.clone())?;
            // The folder is ours alone: whoever held a lease here is gone.
            store.block_write(Lane::Now, usher_jobs::lease::free_all)?;
            let trail = Store::open_sqlite(&settings.data, "trail", &trail_tables, key)?;
            Self::over(store, trail, settings)
        } else {
            let Some(key) = given_key(settings)? else {
                bail!(
                    "PostgreSQL needs the key that seals secrets, the same for every instance: make one with \
                     `usher key generate`, keep it in a file, and name that with the setting key_file"
                );
            };
            let tables = [ALL_TABLES, &trail_tables].concat();
            let store = Store::open_postgres(&settings.database_url, connections, &tables, key)?;
            Self::over(store.clone(), store, settings)
        }
    }

    /// Ends what the stores do. Blocks.
    pub(crate) fn close(self) {
        self.trail.close();
        self.store.close();
    }

    /// Wires everything over open stores.
    fn over(store: Store, trail: Store, settings: &Settings) -> anyhow::Result<Self> {
        let (configs, clock) = (Configs::default(), Clock::real());
        let policy = AddressPolicy { private: settings.private_addresses };
        let transports = usher_engine::driver::over_http(policy, CONNECT)?;
        let engine = Engine::new(store.clone(), configs.clone(), clock.clone(), transports);
        let people = People::new(store.clone(), clock.clone());
        let leases = Leases::new(store.clone());
        let sources =
            Sources::new(store.clone(), configs.clone(), clock.clone(), leases).with_addresses(policy);
        let admin = Admin::new(store.clone(), trail.clone(), configs.clone(), clock.clone());
        let mailer = crate::mailing::mailer(&store, &clock, settings)?;
        Ok(Self { store, trail, configs, clock, admin, engine, people, sources, mailer })
    }
}

/// The data folder, readable by its owner alone.
pub(crate) fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
        format!("the data folder {} can't be made; name another with --data", folder.display())
    })
}

/// The key that was given by file or environment.
fn given_key(settings: &Settings) -> anyhow::Result<Option<SealingKey>> {
    if let Ok(text) = std::env::var("USHER_KEY") {
        return Ok(Some(SealingKey::parse(&text).context("the environment variable USHER_KEY")?));
    }
    if settings.key_file.is_empty() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&settings.key_file)
        .with_context(|| format!("the key file {} can't be read", settings.key_file))?;
    Ok(Some(SealingKey::parse(&text).with_context(|| format!("the key file {}", settings.key_file))?))
}

/// The key that was given, else the one in the data folder, made at first.
fn key(settings: &Settings) -> anyhow::Result<SealingKey> {
    if let Some(key) = given_key(settings)? {
        return Ok(key);
    }
    let path = settings.data.join("key");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(SealingKey::parse(&text).with_context(|| path.display().to_string())?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let (key, text) = SealingKey::generate();
            let unwritable = || {
                format!(
                    "the data folder {} can't be written; name another with --data",
                    settings.data.display()
                )
            };
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .with_context(unwritable)?;
            std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes()).with_context(unwritable)?;
            file.sync_all()?;
            tracing::warn!(
                "made {}: without it the secrets in the database are lost, so keep a copy elsewhere",
                path.display()
            );
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("the key {} can't be read", path.display())),
    }
}
