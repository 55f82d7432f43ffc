//! Executions: a batch of work rows through the rules, evaluated outside of any transaction over what was read at once
//! ([`Known`]), in two steps. *Access* first, and committed first: it needs only the link between record and person, and
//! nothing later undoes it. Then the *profile* with the end of the work row.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
};

use jiff::Timestamp;
use usher_directory::{
    DirectoryId, Key, Kind, ObjectId,
    object::{self, Link, Stored},
};
use usher_jobs::work::Item;
use usher_mapping::Value;
use usher_scim::Object;
use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, list, with_keys};
use uuid::Uuid;

use crate::{
    asked::{self, Question},
    group::{GroupTarget, State},
    guard::Guarded,
    known::{Ask, Known},
    origin::{self, Origin},
    record::{Execution, RecordState},
    row::{Change, PersonRow, UnitRef},
    rules::{Rule, Rules},
    run::{Memo, Run, Target},
    setting,
    unit::UnitKind,
    user::UserTarget,
    world::{self, Groups, Standing, World},
};

/// A work row with the ids its execution may need, made before the transaction.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) item: Item,
    /// For a person, organization or site that a rule makes.
    pub(crate) fresh: Uuid,
    pub(crate) execution: Uuid,
}

/// Records of a directory to be run together.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) directory: DirectoryId,
    pub(crate) jobs: Vec<Job>,
    pub(crate) now: Timestamp,
}

/// What is to be written.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What rules see beside the directory was at this version; it is to be so still.
    pub(crate) version: i64,
    /// The first step: who has access.
    pub(crate) access: Vec<(Change, usize)>,
    /// The second.
    pub(crate) people: Vec<(Change, usize)>,
    /// Organizations and sites as they were (none: new), as they are to be, and the run that made them so.
    pub(crate) units: Vec<(Option<UnitRef>, UnitRef, usize)>,
    /// One for each record that is there.
    pub(crate) executed: Vec<Executed>,
    /// Records whose SCIM object is gone.
    pub(crate) gone: Vec<i64>,
    /// Records whose SCIM user is gone too, but the guard holds that: what they are to say, and why.
    pub(crate) kept: Vec<(i64, RecordState, String)>,
}

/// A record's run, with what was known of it before.
#[derive(Debug)]
pub(crate) struct Executed {
    /// Its number in the batch.
    pub(crate) run: usize,
    pub(crate) key: i64,
    pub(crate) id: ObjectId,
    pub(crate) kind: Kind,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) standing: Standing,
    pub(crate) execution: Execution,
    /// The guard's word over the execution's, where it holds something of this user.
    pub(crate) guarded: Option<(RecordState, String)>,
    /// Groups that the client put the user back into: what was held of them is over.
    pub(crate) back: Vec<Key>,
    /// The execution's rules, as they are kept.
    pub(crate) rules: Vec<u8>,
    pub(crate) digest: i64,
    pub(crate) asked: BTreeSet<Question>,
    pub(crate) before: Option<Before>,
    pub(crate) asked_before: BTreeSet<Question>,
}

/// What a record's last run left.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    state: i64,
    reason: Option<String>,
    failed: bool,
    pub(crate) standing: Standing,
    updated: Timestamp,
    pub(crate) digest: i64,
}

impl Executed {
    /// Whether its last run failed.
    pub(crate) fn failed_before(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.failed)
    }

    /// What the record is to say.
    pub(crate) fn state(&self) -> RecordState {
        self.guarded.as_ref().map_or(self.execution.result, |(state, _)| *state)
    }

    /// And why.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.guarded.as_ref().map_or(self.execution.reason.as_deref(), |(_, reason)| Some(reason))
    }

    /// Whether the row of the record is as it is to be.
    pub(crate) fn as_before(&self) -> bool {
        self.before.as_ref().is_some_and(|before| {
            before.state == self.state() as i64
                && before.reason.as_deref() == self.reason()
                && before.standing == self.standing
                && before.updated == self.modified
        })
    }
}

/// What is read of a batch before its rules run.
struct Input {
    objects: HashMap<i64, Stored>,
    documents: HashMap<i64, Object>,
    memberships: HashMap<i64, Vec<Link>>,
    before: HashMap<i64, Before>,
    asked: HashMap<i64, BTreeSet<Question>>,
    guarded: Guarded,
    account: Value,
}

/// A batch that asks anew so many times asks without end.
const PASSES: usize = 50;

struct BeforeRow(i64, Before);

impl FromRow for BeforeRow {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let classification: Option<i64> = row.get(3)?;
        let classification = classification.map(UnitKind::from_number).transpose()?;
        let standing = Standing { classification, unit: row.get(4)? };
        let before = Before {
            state: row.get(1)?,
            reason: row.get(2)?,
            standing,
            updated: row.get(5)?,
            digest: row.get(6)?,
            failed: row.get::<i64>(7)? == RecordState::Error as i64,
        };
        Ok(Self(row.get(0)?, before))
    }
}

const BEFORE: Sql = with_keys!(
    "select r.object, r.state, r.reason, r.classification, u.id, r.updated, e.digest, e.result from record r \
     join execution e on e.directory = r.directory and e.object = r.object and e.slot = 0 \
     left join unit u on u.key = r.unit where r.directory = $1 and r.object",
    "$2",
    ""
);

impl Batch {
    fn keys(&self) -> Vec<i64> {
        self.jobs.iter().map(|job| job.item.object).collect()
    }

    /// Runs the rules; nothing is written. `None`: the rules ask without end, or are not those that were compiled.
    pub(crate) fn run(
        &self,
        on: &mut Snapshot<'_>,
        rules: &Rules,
        revision: i64,
    ) -> Result<Option<Outcome>, StoreError> {
        let setting = setting::read(on, self.directory)?;
        if setting.rules != revision {
            return Ok(None);
        }
        let mut known = Known::default();
        self.run_in(on, rules, &mut known)
            .map(|outcome| outcome.map(|outcome| Outcome { version: setting.version, ..outcome }))
    }

    /// [`Batch::run`] over what is known already.
    pub(crate) fn run_in(
        &self,
        on: &mut Snapshot<'_>,
        rules: &Rules,
        known: &mut Known,
    ) -> Result<Option<Outcome>, StoreError> {
        let input = self.read(on, known)?;
        let mut memos = vec![Memo::default(); self.jobs.len()];
        let mut access = Vec::new();
        if !rules.access.is_empty()
            || self.jobs.iter().any(|job| !input.objects.contains_key(&job.item.object))
        {
            let Some(ran) = self.pass(on, known, |known| self.access(&input, rules, known))? else {
                return Ok(None);
            };
            memos = ran;
            access = known.changed_people();
            known.stored(access.clone());
        }
        let ran = self.pass(on, known, |known| self.profile(&input, rules, known, &memos))?;
        let Some(executed) = ran else { return Ok(None) };
        let mut input = input;
        let executed =
            executed.into_iter().map(|ran| self.executed(ran, &mut input)).collect::<Result<_, _>>()?;
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        for key in self.keys().into_iter().filter(|key| !input.objects.contains_key(key)) {
            match input.guarded.word(Key(key)).filter(|_| input.guarded.keeps(Key(key))) {
                Some((state, reason)) => kept.push((key, state, reason)),
                None => gone.push(key),
            }
        }
        let (people, units) = (known.changed_people(), known.changed_units());
        Ok(Some(Outcome { version: 0, access, people, units, executed, gone, kept }))
    }

    /// Runs until every question is answered.
    fn pass<T>(
        &self,
        on: &mut Snapshot<'_>,
        known: &mut Known,
        mut run: impl FnMut(&mut Known) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        for _ in 0..PASSES {
            let made = run(known)?;
            if !known.answer(on, self.directory)? {
                return Ok(Some(made));
            }
            known.begin_anew();
        }
        Ok(None)
    }

    fn read(&self, on: &mut Snapshot<'_>, known: &mut Known) -> Result<Input, StoreError> {
        let directory = self.directory;
        let keys = self.keys();
        let all: Vec<Key> = keys.iter().copied().map(Key).collect();
        let mut guarded = Guarded::read(on, directory, &all)?;
        let stored = object::by_keys(on, directory, &all)?;
        let stored: Vec<Stored> = stored.into_iter().map(|stored| guarded.seen(stored)).collect();
        let users: Vec<Key> =
            stored.iter().filter(|stored| stored.kind == Kind::User).map(|stored| stored.key).collect();
        let mut memberships: HashMap<i64, Vec<Link>> = HashMap::new();
        for (user, link) in object::groups_of(on, directory, &users)? {
            if link.kind == Kind::Group {
                memberships.entry(user.0).or_default().push(link);
            }
        }
        guarded.groups(on, directory, &mut memberships)?;
        let mut documents = HashMap::with_capacity(stored.len());
        for stored in &stored {
            let object = if stored.kind == Kind::User {
                world::user_object(stored)?
            } else {
                world::group_object(stored)?
            };
            documents.insert(stored.key.0, object);
        }
        let numbers = list::numbers(keys.iter().copied());
        let rows: Vec<BeforeRow> = on.all(&BEFORE, &[directory.0.into(), numbers], keys.len())?;
        let before = rows.into_iter().map(|BeforeRow(key, before)| (key, before)).collect();
        let asked = asked::of(on, directory, &keys)?;
        let groups = memberships.values().flatten().map(|link| link.key.0);
        let of_kind = |kind: Kind| stored.iter().filter(move |stored| stored.kind == kind).map(|s| s.key.0);
        known.ask(groups.chain(of_kind(Kind::Group)).map(Ask::Standing));
        let there: BTreeSet<i64> = stored.iter().map(|stored| stored.key.0).collect();
        let gone = keys.iter().copied().filter(|key| !there.contains(key));
        known.ask(of_kind(Kind::User).chain(gone).map(Ask::Record));
        // What a record asked the last time it will ask again.
        known.ask(asked.values().flatten().filter_map(Question::ask));
        known.answer(on, directory)?;
        let account = world::account_value(on, directory)?;
        let objects = stored.into_iter().map(|stored| (stored.key.0, stored)).collect();
        Ok(Input { objects, documents, memberships, before, asked, guarded, account })
    }

    /// The first step: who has access. One memo a job.
    fn access(&self, input: &Input, rules: &Rules, known: &mut Known) -> Result<Vec<Memo>, StoreError> {
        let mut memos = Vec::with_capacity(self.jobs.len());
        for (at, job) in self.jobs.iter().enumerate() {
            let key = job.item.object;
            let mut memo = Memo::default();
            let person = known.by_record(key).cloned();
            match (input.objects.get(&key), person) {
                (Some(stored), Some(person)) if stored.kind == Kind::User => {
                    let mut target =
                        UserTarget::new(stored, Some(person), job.fresh, &input.account, self.now);
                    self.rules(
                        known,
                        at,
                        &rules.access,
                        &input.documents[&key],
                        stored,
                        &mut target,
                        &mut memo,
                    );
                }
                // The SCIM user is gone: nothing of its person is lost.
                (None, Some(person)) if !person.protected && !input.guarded.keeps(Key(key)) => {
                    known.put_person(gone(person, self.now), at);
                }
                _ => {}
            }
            memos.push(memo);
        }
        Ok(memos)
    }

    /// The second step: everything else.
    fn profile(
        &self,
        input: &Input,
        rules: &Rules,
        known: &mut Known,
        accessed: &[Memo],
    ) -> Result<Vec<Ran>, StoreError> {
        let mut groups = Groups::default();
        let mut all = Vec::with_capacity(self.jobs.len());
        for (at, (job, memo)) in self.jobs.iter().zip(accessed).enumerate() {
            let key = job.item.object;
            let Some(stored) = input.objects.get(&key) else {
                let kept = input.guarded.keeps(Key(key));
                if let Some(person) = known.by_record(key).filter(|_| !kept).cloned() {
                    known.put_person(PersonRow { record: None, ..person }, at);
                }
                continue;
            };
            let mut memo = memo.clone();
            let document = &input.documents[&key];
            let standing = match stored.kind {
                Kind::User => {
                    let of_user: Vec<&Link> = input.memberships.get(&key).into_iter().flatten().collect();
                    let mut document = document.clone();
                    document.insert("groups".into(), groups.of(known, &of_user));
                    let person = known.by_record(key).cloned();
                    let mut target = UserTarget::new(stored, person, job.fresh, &input.account, self.now);
                    self.rules(known, at, &rules.user, &document, stored, &mut target, &mut memo);
                    Standing::default()
                }
                Kind::Group => {
                    groups.forget(stored.key);
                    let standing = known.standing(key);
                    let unit = standing.unit.and_then(|id| known.unit(id)).cloned();
                    let state = State { classification: standing.classification, unit };
                    let mut target = GroupTarget::new(key, state, input.account.clone(), job.fresh);
                    self.rules(known, at, &rules.group, document, stored, &mut target, &mut memo);
                    groups.forget(stored.key);
                    target.now.standing()
                }
            };
            all.push(Ran { at, memo, standing });
        }
        Ok(all)
    }

    #[allow(clippy::too_many_arguments)]
    fn rules(
        &self,
        known: &mut Known,
        at: usize,
        rules: &[Rule],
        document: &Object,
        stored: &Stored,
        target: &mut dyn Target,
        memo: &mut Memo,
    ) {
        let Memo { asked, trace, left_out, refused } = memo;
        let world = World { known, asked, run: at };
        let mut run =
            Run { world, object: document, now: self.now, seed: stored.id.0.as_bytes(), trace, left_out };
        if let Some(reason) = run.rules(rules, target) {
            refused.get_or_insert(reason);
        }
    }

    fn executed(&self, ran: Ran, input: &mut Input) -> Result<Executed, StoreError> {
        let Ran { at, memo, standing } = ran;
        let job = &self.jobs[at];
        let key = job.item.object;
        let Some(stored) = input.objects.get(&key) else {
            return Err(StoreError::Bug("a run of a record that is gone".into()));
        };
        let (result, reason) = match memo.refused {
            Some(reason) => (RecordState::Error, Some(reason)),
            None if memo.left_out.is_empty() => (RecordState::InOrder, None),
            None => {
                let mut once = BTreeSet::new();
                let told: Vec<String> =
                    memo.left_out.into_iter().filter(|text| once.insert(text.clone())).collect();
                (RecordState::Incomplete, Some(told.join("; ")))
            }
        };
        let rules = serde_json::Value::Array(memo.trace);
        let bytes = rules.to_string().into_bytes();
        let mut hasher = DefaultHasher::new();
        (&bytes, result as i64, &reason).hash(&mut hasher);
        Ok(Executed {
            run: at,
            key,
            id: stored.id,
            kind: stored.kind,
            created: stored.created,
            modified: stored.modified,
            standing,
            digest: i64::from_ne_bytes(hasher.finish().to_ne_bytes()),
            rules: bytes,
            execution: Execution { id: job.execution, at: self.now, result, reason, rules },
            guarded: input.guarded.word(stored.key),
            back: input.guarded.back(stored.key),
            asked: memo.asked,
            before: input.before.remove(&key),
            asked_before: input.asked.remove(&key).unwrap_or_default(),
        })
    }
}

/// Whoever a record governed that is gone.
fn gone(person: PersonRow, now: Timestamp) -> PersonRow {
    let kept = person.origins.as_deref();
    if person.disabled && origin::hand(kept, "disabled").is_none() {
        return person;
    }
    let by = Origin::gone(person.source_id.clone(), now);
    let origins = origin::changed(kept, vec![("disabled".to_owned(), Some(by))]);
    PersonRow { disabled: true, origins, ..person }
}

/// A record's run.
struct Ran {
    at: usize,
    memo: Memo,
    standing: Standing,
}
