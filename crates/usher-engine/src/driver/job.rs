//! A task under way and how it ends.

use std::sync::Arc;

use jiff::Timestamp;
use usher_directory::Kind;
use usher_jobs::work;
use usher_scim::Object;
use uuid::Uuid;

use super::failure::Trouble;
use crate::{
    app::App,
    cycle::run::Counted,
    decide::{Cause, Reason},
    diff::Difference,
    link::{Link, State},
    log::{self, Failure, Status},
    task::{Find, Task, Todo, Verb, Write, take_over},
};

/// A task under way.
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) item: work::Item,
    /// The log's id of this change, made before anything is written.
    pub(super) change: Uuid,
    pub(super) began: Timestamp,
    /// Who asked for it by name; `None`: a cycle came by.
    pub(super) by: Option<Arc<str>>,
    pub(super) end: Option<End>,
}

/// How a task ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// Done.
    Done(Done),
    /// It failed and goes to escrow.
    Failed(Failure),
    /// It could not be tried; its row stays as it is.
    Untouched,
    /// Its state changed in a way that is to be looked at again at once.
    Again,
    /// Perhaps it failed, perhaps the app is at fault.
    Suspect(Failure),
    /// It is not tried, since no more may be made now.
    Held,
}

/// What was done.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) counted: Counted,
    pub(super) action: log::Action,
    pub(super) status: Status,
    pub(super) logged: bool,
    pub(super) differences: Vec<Difference>,
    pub(super) link: Links,
    pub(super) note: Option<(&'static str, String)>,
    /// It left: the threshold's count is told.
    pub(super) left: bool,
    /// A leaver to be counted first.
    pub(super) uncounted: Option<Cause>,
    /// Nothing of it is sent, its members neither.
    pub(super) rests: bool,
    /// It was disabled, and is to be looked at again then, to be deleted.
    pub(super) deletion: Option<Timestamp>,
}

/// What becomes of the link.
#[derive(Debug, Clone)]
pub(super) enum Links {
    Keep,
    Save {
        link: Box<Link>,
        /// It has a target that others may wait for.
        heals: bool,
        /// Its memberships are to be sent again.
        returned: bool,
    },
    Forget,
}

impl Done {
    pub(super) fn quiet(counted: Counted, link: Links) -> Self {
        Self {
            counted,
            action: log::Action::Other,
            status: Status::Skipped,
            logged: false,
            differences: Vec::new(),
            link,
            note: None,
            left: false,
            uncounted: None,
            rests: false,
            deletion: None,
        }
    }
    pub(super) fn sent(
        counted: Counted,
        action: log::Action,
        differences: Vec<Difference>,
        link: Links,
    ) -> Self {
        Self { action, status: Status::Success, logged: true, differences, ..Self::quiet(counted, link) }
    }
}

impl Job {
    /// An account was found: from here on it is a linked one that is written like any other.
    pub(super) fn found(&mut self, app: &App, find: &Find, there: &Object) -> Result<(), Trouble> {
        let Some(id) = there.get("id").and_then(|v| v.as_str()) else { return Ok(()) };
        let (sent, differences) =
            take_over(app, self.task.kind, &find.update, there).map_err(Trouble::Object)?;
        let mut link = self.blank_link();
        link.target = Some(id.to_owned());
        link.state = State::Active;
        link.sent = sent;
        link.whole = self.task.kind == Kind::Group;
        self.task.link = Some(link.clone());
        if find.leaving {
            // Linked now; it leaves in the next batch, by the same counted row.
            self.end = Some(End::Done(Done {
                ..Done::quiet(
                    Counted::Nothing,
                    Links::Save { link: Box::new(link), heals: false, returned: false },
                )
            }));
        } else {
            let pending = find.pending.clone();
            let write = Write { verb: Verb::Update, differences, pending };
            self.task.todo = Todo::Write(write);
            self.item.reason = FOUND;
        }
        Ok(())
    }

    /// Whether its target was found in this very batch.
    pub(super) fn fresh(&self) -> bool {
        self.item.reason == FOUND
    }

    /// The link to write before anything is sent: a noted create, or the target just found.
    pub(super) fn to_note(&self) -> Option<Link> {
        match &self.task.todo {
            Todo::Find(find) if self.task.link.is_none() => {
                // By what is sent it is found again even when its source is gone meanwhile.
                let create = find.create.as_ref()?;
                Some(Link { sent: create.document.clone(), ..self.blank_link() })
            }
            Todo::Write(_) if self.fresh() => self.task.link.clone(),
            _ => None,
        }
    }

    /// Whether it writes something to an account or group that is there.
    pub(super) fn updates(&self, kind: Kind) -> bool {
        let writes = matches!(&self.task.todo, Todo::Write(write) if !write.differences.is_empty());
        self.end.is_none() && self.task.kind == kind && writes
    }

    fn blank_link(&self) -> Link {
        self.task.link.clone().unwrap_or_else(|| Link {
            object: self.task.key,
            kind: self.task.kind,
            state: State::Noted,
            target: None,
            sent: Object::new(),
            source: self.task.source,
            name: self.task.name.clone(),
            whole: false,
            unsure: false,
            counted: (None, Counted::Nothing),
            version: 0,
            changed: self.began,
        })
    }
}

/// In a job's row in memory only: its target was found in this batch.
pub(super) const FOUND: i16 = -1;

/// Ends that need no request.
pub(super) fn settle_at_once(app: &App, job: &mut Job) {
    let end = match &job.task.todo {
        // A write with nothing to send too: its end is made where all writes' are.
        Todo::Find(_) | Todo::Delete(_) | Todo::Write(_) => None,
        Todo::Nothing(reason) => {
            let done = Done::quiet(Counted::Nothing, Links::Keep);
            Some(End::Done(Done { rests: *reason == Reason::Paused, ..done }))
        }
        Todo::NoMatcher => {
            let text = format!("{} has no value for any matching property of {}", job.task.name, app.name);
            let done = Done::quiet(Counted::Nothing, Links::Keep);
            Some(End::Done(Done { logged: true, note: Some(("ImportSkipped", text)), ..done }))
        }
        Todo::Forget => Some(End::Done(Done::quiet(Counted::Nothing, Links::Forget))),
        Todo::LetGo(cause) => Some(End::Done(let_go(app, &job.task, *cause))),
        Todo::Uncounted(cause) => {
            let done = Done::quiet(Counted::Nothing, Links::Keep);
            Some(End::Done(Done { uncounted: Some(*cause), ..done }))
        }
        Todo::Failed(failure) => Some(End::Failed(failure.clone())),
    };
    job.end = end;
}

fn let_go(app: &App, task: &Task, cause: Cause) -> Done {
    let text = format!("{} {}; it is left in {} as it is", task.name, cause.text(), app.name);
    let links = match (&task.link, cause) {
        (Some(_), Cause::Purged) | (None, _) => Links::Forget,
        (Some(link), _) => {
            let link = Link { state: State::Loose, ..link.clone() };
            Links::Save { link: Box::new(link), heals: false, returned: false }
        }
    };
    let done = Done::quiet(Counted::Nothing, links);
    Done { logged: true, note: Some(("SkipOutOfScopeDeletions", text)), ..done }
}
