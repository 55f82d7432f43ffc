//! Changes of a group's members: what a request says, made ready outside and carried out inside the transaction, without
//! reading the members that stay.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use usher_directory::{
    DirectoryId, Key, ObjectId, Version,
    config::DirectoryConfig,
    loss::Scale,
    object::{self, Cause, Link, MemberOp, Stored},
};
use usher_scim::{
    AttributePath, Deviation, Note, Object, ScimError, ScimType, patch::MemberChange, resource::Place,
};
use usher_store::Tx;

use crate::{change::WriteError, problem::Problem, read::parse_id, render::BLOCK};

/// Members that a filter other than on `value` may look through.
const LOOKED_THROUGH: usize = 10_000;

/// What is to happen, in order.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    steps: Vec<Step>,
    added: HashSet<ObjectId>,
    /// Refuse where an added id is nobody's.
    known_only: bool,
    /// The names of kinds, as `members.type` has them.
    kinds: [String; 2],
}

#[derive(Debug, Clone)]
enum Step {
    Op(MemberOp),
    /// Those go whom a filter on `type` or `display` names.
    Matching(Place),
}

impl Members {
    /// From the changes of a PATCH or of a body. `None`: there are none.
    pub(crate) fn prepare(
        config: &DirectoryConfig,
        changes: &[MemberChange],
        most: usize,
    ) -> Result<(Option<Self>, Vec<Note>), Problem> {
        let mut plan = Self {
            steps: Vec::new(),
            added: HashSet::new(),
            known_only: !config.profile.unknown_members_skipped,
            kinds: [config.user.name.clone(), config.group.name.clone()],
        };
        let mut notes = Vec::new();
        for change in changes {
            let step = match change {
                MemberChange::Add(ids) => Step::Op(MemberOp::Add(plan.joining(ids, most, &mut notes)?)),
                MemberChange::Replace(ids) => {
                    Step::Op(MemberOp::Replace(plan.joining(ids, most, &mut notes)?))
                }
                MemberChange::Remove(ids) => {
                    limit(ids.len(), most)?;
                    Step::Op(MemberOp::Remove(ids.iter().filter_map(|id| parse_id(id)).collect()))
                }
                MemberChange::RemoveWhere(filter) => {
                    let path = AttributePath {
                        schema: None,
                        name: "members".into(),
                        filter: Some(Box::new(filter.clone())),
                        sub: None,
                    };
                    Step::Matching(Place::new(&config.group, &path)?)
                }
                MemberChange::Clear => Step::Op(MemberOp::Clear),
            };
            plan.steps.push(step);
        }
        Ok(((!plan.steps.is_empty()).then_some(plan), notes))
    }

    fn joining(
        &mut self,
        ids: &[String],
        most: usize,
        notes: &mut Vec<Note>,
    ) -> Result<Vec<ObjectId>, Problem> {
        limit(ids.len(), most)?;
        let (known, strangers): (Vec<_>, Vec<_>) =
            ids.iter().map(|id| (id, parse_id(id))).partition(|(_, id)| id.is_some());
        if let Some((first, _)) = strangers.first() {
            if self.known_only {
                return Err(unknown(&[(*first).clone()]).into());
            }
            notes.push(skipped(strangers.iter().map(|(id, _)| (*id).clone())));
        }
        let ids: Vec<ObjectId> = known.into_iter().filter_map(|(_, id)| id).collect();
        self.added.extend(&ids);
        Ok(ids)
    }

    /// Whether anybody may be a member before it and not after it.
    pub(crate) fn may_remove(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step, Step::Op(MemberOp::Add(_))))
    }

    /// Carries it out; the group's version after it, and what was passed over. Who goes is put on the scale.
    pub(crate) fn apply(
        &self,
        tx: &mut Tx<'_>,
        directory: DirectoryId,
        group: &Stored,
        was: Option<Version>,
        because: (Cause, Timestamp),
        mut scale: Option<&mut Scale>,
    ) -> Result<(Version, Vec<Note>), WriteError> {
        let (mut version, mut expected) = (group.version, was);
        let mut strangers = Vec::new();
        let mut ops: Vec<MemberOp> = Vec::new();
        let mut steps = self.steps.iter().peekable();
        while let Some(step) = steps.next() {
            match step {
                Step::Op(op) => ops.push(op.clone()),
                // Whom it names depends on what came before, so that is done by now: ops are flushed at each such step.
                Step::Matching(place) => {
                    ops.push(MemberOp::Remove(self.matching(tx, directory, group.key, place)?))
                }
            }
            if matches!(steps.peek(), Some(Step::Op(_))) {
                continue;
            }
            let (cause, now) = because;
            let scale = scale.as_deref_mut();
            let done = object::weighed_members(tx, directory, group.key, expected, &ops, cause, now, scale)?;
            version = done.version;
            expected = was.map(|_| version);
            strangers.extend(done.unknown.into_iter().filter(|id| self.added.contains(id)));
            ops.clear();
        }
        if strangers.is_empty() {
            return Ok((version, Vec::new()));
        }
        let strangers: Vec<String> = strangers.iter().map(|id| id.0.to_string()).collect();
        if self.known_only {
            return Err(unknown(&strangers).into());
        }
        Ok((version, vec![skipped(strangers)]))
    }

    fn matching(
        &self,
        tx: &mut Tx<'_>,
        directory: DirectoryId,
        group: Key,
        place: &Place,
    ) -> Result<Vec<ObjectId>, WriteError> {
        let (mut found, mut after, mut seen) = (Vec::new(), None, 0);
        loop {
            let block: Vec<Link> = object::members_of(tx, directory, group, after, BLOCK)?;
            seen += block.len();
            if seen > LOOKED_THROUGH {
                let detail = format!(
                    "the group has more than {LOOKED_THROUGH} members, too many for this filter; remove members by \
                     members[value eq \"id\"]"
                );
                return Err(ScimError::bad(ScimType::TooMany, detail).into());
            }
            let all: Vec<Value> = block.iter().map(|link| self.member(link)).collect();
            let mut holder = Object::new();
            holder.insert("members".into(), Value::Array(all));
            let hits =
                place.read(&holder).into_iter().filter_map(|m| m.get("value")?.as_str().and_then(parse_id));
            found.extend(hits);
            match block.last() {
                Some(last) if block.len() >= BLOCK => after = Some(last.key),
                _ => return Ok(found),
            }
        }
    }

    fn member(&self, link: &Link) -> Value {
        let [user, group] = &self.kinds;
        let kind = if link.kind == usher_directory::Kind::User { user } else { group };
        json!({"value": link.id.0, "type": kind, "display": link.name})
    }
}

/// The ids of a body's `members`; elements without a value are nobody.
pub(crate) fn ids(members: &Value) -> Vec<String> {
    let one =
        |member: &Value| member.get("value").or(Some(member)).and_then(Value::as_str).map(str::to_owned);
    members.as_array().map(|all| all.iter().filter_map(one).collect()).unwrap_or_default()
}

fn limit(named: usize, most: usize) -> Result<(), Problem> {
    if named <= most {
        return Ok(());
    }
    let detail =
        format!("{named} members are named at once, at most {most} are taken; send them in several requests");
    Err(Problem::status(413, detail))
}

fn unknown(ids: &[String]) -> ScimError {
    let shown = ids.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let detail =
        format!("members: there is no user or group with the id {shown}; provision it before adding it");
    ScimError::bad(ScimType::InvalidValue, detail)
}

fn skipped(ids: impl IntoIterator<Item = String>) -> Note {
    let shown = ids.into_iter().take(20).collect::<Vec<_>>().join(", ");
    Note::new(Deviation::UnknownMember, format!("members without a resource here were passed over: {shown}"))
}
