//! What an import would do, without doing it: counts, and the first people and groups as they would become.
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use usher_directory::{Kind, ObjectId};
use usher_scim::Object;

use super::{Sources, SyncError, write::fill};
use crate::{
    check::usable,
    entry::{Entry, Found, group_type, user_type},
    file::Meter,
    ledger::{Ledger, Seen, Taken},
    reader::Job,
    rows::{self, State},
    run::{EntryError, Findings},
    source::Source,
};

/// What an import would do. Counts are of people and groups.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Preview {
    /// Entries or rows read.
    pub read: u64,
    /// People among them.
    pub people: u64,
    /// Groups among them.
    pub groups: u64,
    /// They would be made.
    pub create: u64,
    /// Their attributes would be written; those that are the same anyway too, where they were last written otherwise.
    pub update: u64,
    /// They would come back.
    pub restore: u64,
    /// Their attributes would stay as they are.
    pub unchanged: u64,
    /// They would leave.
    pub leave: u64,
    /// They would leave, and the safeguard would hold them.
    pub held: u64,
    /// Entries that can't be taken.
    pub errors: u64,
    /// The first of those.
    pub first_errors: Vec<EntryError>,
    /// The first people and groups.
    pub first: Vec<Previewed>,
    /// What the safeguard would say.
    pub message: Option<String>,
}

/// Somebody as they would become; managers and members are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Previewed {
    /// Its DN, or key in the file.
    pub entry: String,
    /// `User` or `Group`.
    pub kind: String,
    /// `create`, `update`, `restore`, `unchanged`, or `error`.
    pub change: String,
    /// Its attributes.
    pub resource: Object,
}

/// A look under way.
struct Look {
    ledger: Ledger,
    findings: Findings,
    preview: Preview,
    most: usize,
}

impl Sources {
    /// Reads a source as an import would, and says what that would do. Writes nothing.
    ///
    /// # Errors
    /// [`SyncError`]: the import would fail as well.
    pub async fn preview(&self, source: &Source, most: usize) -> Result<Preview, SyncError> {
        let mut look = Look {
            ledger: Ledger::default(),
            findings: Findings::default(),
            preview: Preview::default(),
            most,
        };
        let (id, mut after) = (source.id, None);
        loop {
            let block = self.read(move |on| rows::entries(on, id, after)).await?;
            let Some(last) = block.last() else { break };
            after = Some(last.object);
            block.into_iter().for_each(|row| look.ledger.know(row));
        }
        let look = match source.settings.files() {
            Some(files) => {
                let now = self.clock.now();
                let job = Job { kind: source.kind, files: files.clone(), bound: source.anchor.clone(), now };
                let reading = tokio::task::spawn_blocking(move || {
                    let read = job.read(&Meter::default(), &mut |found| {
                        look.take(found);
                        ControlFlow::Continue(())
                    });
                    read.map(|()| look)
                });
                reading
                    .await
                    .unwrap_or_else(|error| Err(format!("reading stopped: {error}")))
                    .map_err(SyncError::File)?
            }
            None => {
                let mut found = self.read_whole(source).await?;
                while let Some(batch) = found.batches.recv().await {
                    batch.into_iter().for_each(|found| look.take(found));
                }
                found.ended().await?;
                look
            }
        };
        look.end(source)
    }
}

impl Look {
    fn take(&mut self, found: Found) {
        let shown = match &found {
            Found::Entry(entry) if self.preview.first.len() < self.most => shown(entry),
            _ => None,
        };
        let change = match self.ledger.take(found, ObjectId(uuid::Uuid::nil())) {
            Taken::Nothing => "unchanged",
            Taken::Refused(error) => {
                self.findings.error(error);
                "error"
            }
            Taken::Stage(staged) => {
                let stored = self.ledger.items.get(staged.n).and_then(|item| item.stored.as_ref());
                match stored.map(|row| row.state) {
                    None => {
                        self.preview.create += 1;
                        "create"
                    }
                    Some(State::Vanished) => {
                        self.preview.restore += 1;
                        "restore"
                    }
                    Some(_) => {
                        self.preview.update += 1;
                        "update"
                    }
                }
            }
        };
        self.preview.first.extend(shown.map(|shown| Previewed { change: change.into(), ..shown }));
    }

    fn end(mut self, source: &Source) -> Result<Preview, SyncError> {
        self.ledger.end();
        usable(&self.ledger, source).map_err(SyncError::File)?;
        let leavers = self.ledger.judge(&source.settings.safeguard, 0);
        let fine = self.ledger.items.iter().filter(|item| item.seen == Seen::Fine).count() as u64;
        let written = self.preview.create + self.preview.update + self.preview.restore;
        Ok(Preview {
            read: self.ledger.read,
            people: self.ledger.seen(Kind::User),
            groups: self.ledger.seen(Kind::Group),
            unchanged: fine.saturating_sub(written),
            leave: leavers.go.len() as u64,
            held: leavers.held.len() as u64,
            errors: self.findings.errors,
            first_errors: self.findings.first(),
            message: leavers.message,
            ..self.preview
        })
    }
}

fn shown(entry: &Entry) -> Option<Previewed> {
    let (of, kind) = if entry.kind == Kind::User { (user_type(), "User") } else { (group_type(), "Group") };
    let mut resource = Object::new();
    let values = entry.values.set.iter().chain(&entry.values.fresh).filter(|(_, value)| !value.is_null());
    fill(&of, &mut resource, values).ok()?;
    Some(Previewed { entry: entry.label.clone(), kind: kind.into(), change: String::new(), resource })
}
