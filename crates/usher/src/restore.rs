//! `usher restore`: a backup becomes the database of a data folder that has none.

use std::{
    fs::File,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, bail};

use crate::{owner, print::Printer, settings::Settings, system::System};

/// What a SQLite database begins with.
const HEADER: &[u8; 16] = b"SQLite format 3\0";
/// What a folder holds that has been used. A trail is of the database beside it, and a backup has none.
const FILES: [&str; 6] =
    ["usher.db", "usher.db-wal", "usher.db-shm", "trail.db", "trail.db-wal", "trail.db-shm"];

pub(crate) async fn run(file: &Path, settings: &Settings, printer: Printer) -> anyhow::Result<()> {
    if !settings.database_url.is_empty() {
        bail!("PostgreSQL restores its own backups: pg_restore into an empty database");
    }
    let folder = &settings.data;
    let Some(_owner) = owner::own(folder)? else {
        bail!(
            "another usher process is using {}; stop it, or name another folder with --data",
            folder.display()
        );
    };
    for name in FILES {
        let there = folder.join(name);
        if there.exists() {
            bail!("{} is there already; move it away, or name another folder with --data", there.display());
        }
    }
    put(file, folder)?;
    let opened = settings.clone();
    let system = match tokio::task::spawn_blocking(move || System::open(&opened, 1)).await? {
        Ok(system) => system,
        Err(error) => {
            for name in FILES {
                // It may not have got so far.
                let _ = std::fs::remove_file(folder.join(name));
            }
            return Err(error.context(format!("{} can't be used", file.display())));
        }
    };
    let lost = tokio::task::spawn_blocking(move || {
        let lost = system.admin.lost_secrets();
        system.close();
        lost
    })
    .await??;
    let mut text = format!("{} is restored to {}", file.display(), folder.display());
    if !lost.is_empty() {
        text.push_str("\nthe key is another than it was, so these secrets have to be entered again:\n");
        text.push_str(&lost.join("\n"));
    }
    printer.either(&serde_json::json!({"restored": folder, "lost_secrets": lost}), &text)
}

/// Copies it beside its place, and gives it its name when it is whole.
fn put(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let unreadable = || format!("{} can't be read", file.display());
    let mut from = File::open(file).with_context(unreadable)?;
    let mut header = [0; HEADER.len()];
    if from.read_exact(&mut header).is_err() || header != *HEADER {
        bail!("{} is no backup: it is not a SQLite database", file.display());
    }
    let (part, at) = (folder.join("usher.db.part"), folder.join("usher.db"));
    let unwritable = || format!("{} can't be written", part.display());
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut to = options.open(&part).with_context(unwritable)?;
    to.write_all(&header).with_context(unwritable)?;
    std::io::copy(&mut from, &mut to).with_context(unwritable)?;
    to.sync_all().with_context(unwritable)?;
    std::fs::rename(&part, &at).with_context(unwritable)?;
    File::open(folder)?.sync_all().with_context(unwritable)
}
