//! Looking at a source's file, step by step, without writing anything.
use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use usher_directory::{Kind, ObjectId};

use crate::{
    file::{self, Meter},
    ledger::{Ledger, Taken},
    reader::Job,
    run::{EntryError, Findings},
    source::{Source, SourceKind},
};

/// One step and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `open`, `read`, `people`; of a server `address`, `TCP`, `TLS`, `bind`, `base`, `announced`, `entries`, `ids`, `attributes`,
    /// `sample`.
    pub step: String,
    /// Whether it did.
    pub ok: bool,
    /// What was found; or what went wrong and what to do.
    pub text: String,
}

/// What a look at a source's file found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checked {
    /// The steps, ending with the first that failed.
    pub steps: Vec<Step>,
    /// Entries (LDIF) or rows (CSV).
    pub read: u64,
    /// People in the file.
    pub people: u64,
    /// Groups in the file.
    pub groups: u64,
    /// Memberships in the file whose member is in it too.
    pub memberships: u64,
    /// How many entries an import would refuse.
    pub errors: u64,
    /// The first of them, at most 20.
    pub first_errors: Vec<EntryError>,
}

impl Checked {
    /// Whether an import would run. Single entries may have errors all the same.
    pub fn ok(&self) -> bool {
        self.steps.iter().all(|step| step.ok)
    }

    pub(crate) fn step(&mut self, step: &str, result: Result<String, String>) -> bool {
        let ok = result.is_ok();
        let text = result.unwrap_or_else(|error| error);
        self.steps.push(Step { step: step.into(), ok, text });
        ok
    }
}

/// Looks at a source's file as an import at `now` would. Blocking: reads the whole file.
pub fn file(source: &Source, now: Timestamp) -> Checked {
    let mut checked = Checked::default();
    let Some(files) = source.settings.files() else {
        checked.step("open", Err(format!("a source of kind {} reads no file", source.kind)));
        return checked;
    };
    let job = Job { kind: source.kind, files: files.clone(), bound: source.anchor.clone(), now };
    for path in files.paths() {
        let opened = file::open(&path)
            .map(|(_, size)| format!("{}: {size} bytes", path.display()))
            .map_err(|error| format!("{}: {error}", path.display()));
        if !checked.step("open", opened) {
            return checked;
        }
    }
    let (mut ledger, mut findings) = (Ledger::default(), Findings::default());
    let result = job.read(&Meter::default(), &mut |found| {
        if let Taken::Refused(error) = ledger.take(found, ObjectId(uuid::Uuid::nil())) {
            findings.error(error);
        }
        ControlFlow::Continue(())
    });
    ledger.end();
    checked.read = ledger.read;
    checked.people = ledger.seen(Kind::User);
    checked.groups = ledger.seen(Kind::Group);
    let in_file = |name: &&crate::entry::Digest| ledger.meant(**name).is_some();
    checked.memberships = ledger.members.values().flatten().filter(in_file).count() as u64;
    checked.errors = findings.errors;
    checked.first_errors = findings.first();
    let read = result.map(|()| format!("{} {} read", ledger.read, what(source.kind)));
    if checked.step("read", read) {
        let people = usable(&ledger, source).map(|()| {
            format!(
                "{} people, {} groups, {} memberships; {} entries can't be taken",
                checked.people, checked.groups, checked.memberships, checked.errors
            )
        });
        checked.step("people", people);
    }
    checked
}

fn what(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Ldif | SourceKind::Ldap => "entries",
        SourceKind::Csv => "rows",
    }
}

/// Whether what was read may be taken for all there is: a file without a person, or with other keys than those its people are
/// known by, would make everybody a leaver.
pub(crate) fn usable(ledger: &Ledger, source: &Source) -> Result<(), String> {
    let place = match source.settings.files() {
        Some(files) => files.file.display().to_string(),
        None => source.settings.place(),
    };
    if ledger.seen(Kind::User) == 0 {
        return Err(match source.kind {
            SourceKind::Ldif => format!(
                "{place}: none of the {} entries is a person (object class inetOrgPerson, organizationalPerson, person or user)",
                ledger.read
            ),
            SourceKind::Csv => format!("{place}: there is no row of a person under the header"),
            SourceKind::Ldap => format!(
                "{place}: there is no person whom this account may read; look at the base, the user filter, and what the account may read"
            ),
        });
    }
    match &source.anchor {
        Some(anchor) if !ledger.uses(anchor) => Err(format!(
            "{place}: nobody in it has {anchor}, by which the people of this source are known; {}",
            if source.kind == SourceKind::Ldap {
                "let the account read it"
            } else {
                "export it with that attribute"
            }
        )),
        _ => Ok(()),
    }
}
