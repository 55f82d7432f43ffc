//! What clients do, and whether what came back is right.

use std::{borrow::Cow, collections::HashSet, path::Path, sync::atomic::AtomicUsize, sync::atomic::Ordering};

use anyhow::{Context, ensure};
use http::Method;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    caller::{Answer, Call, Caller},
    made_up::{self, Shape},
};

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// POST of a user.
    Create,
    /// GET of a user by id.
    Get,
    /// GET of the list with `userName eq`.
    Filter,
    /// PATCH of a user: one attribute replaced.
    Patch,
    /// PATCH of a group: one member added, then the same one removed, and so on.
    Member,
    /// PATCH of a group: another member added with each.
    Add,
    /// GET of a page of the list from a position in its last tenth.
    Jump,
    /// GET of whatever is there: status alone is checked.
    Bare,
}

/// People whom a server has, in the order they were made: `n` is their number.
#[derive(Debug, Default)]
pub struct People {
    prefix: String,
    text: String,
    ends: Vec<usize>,
}

impl People {
    /// Those with these ids.
    pub fn new(prefix: &str, ids: impl IntoIterator<Item = String>) -> Self {
        let mut people = Self { prefix: prefix.to_owned(), ..Self::default() };
        for id in ids {
            people.text.push_str(&id);
            people.ends.push(people.text.len());
        }
        people
    }

    /// From a file that [`People::write`] made.
    ///
    /// # Errors
    /// When it can't be read, or says nothing.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let mut lines = text.lines();
        let prefix = lines.next().context("the file of people is empty")?;
        Ok(Self::new(prefix, lines.map(str::to_owned)))
    }

    /// Into a file: the suffix of their names, then an id a line.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut text = format!("{}\n", self.prefix);
        for n in 0..self.len() {
            text.push_str(self.id(n));
            text.push('\n');
        }
        std::fs::write(file, text).with_context(|| file.display().to_string())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The id of number `n`; nothing for a number that nobody has.
    pub fn id(&self, n: usize) -> &str {
        let from = if n == 0 { 0 } else { self.ends.get(n - 1).copied().unwrap_or(0) };
        self.ends.get(n).and_then(|to| self.text.get(from..*to)).unwrap_or_default()
    }

    /// The userName of number `n`.
    pub fn name(&self, n: usize) -> String {
        made_up::user_name(&self.prefix, n)
    }
}

/// What all clients of a run share.
#[derive(Debug)]
pub struct Plan {
    /// What they do.
    pub kind: Kind,
    /// How many they are.
    pub clients: usize,
    /// Whom the server has.
    pub people: People,
    /// How users are sent.
    pub shape: Shape,
    /// Stands in the names of users that are made.
    pub prefix: String,
    /// The attribute that a PATCH replaces.
    pub replace: String,
    /// The group that members are added to.
    pub group: String,
    /// Its members are the first so many of `people`.
    pub members: usize,
    /// Users in a page, and in the whole list.
    pub count: usize,
    /// See `count`.
    pub total: usize,
    /// Numbers given out to who makes or adds.
    pub next: AtomicUsize,
}

/// One client of a run.
#[derive(Debug)]
pub struct Client<'p> {
    plan: &'p Plan,
    number: usize,
    random: StdRng,
    turn: usize,
    /// Whether this client's own person is in the group.
    inside: bool,
    /// Whom this client added to the group.
    added: Vec<usize>,
}

/// What a right answer shows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expected {
    Made { name: String },
    Person { n: usize },
    Found { n: usize },
    Patched { n: usize, value: Value },
    Page { from: usize },
    Done,
    Anything,
}

/// A request with what is expected of its answer.
#[derive(Debug)]
pub struct Step {
    /// The request.
    pub call: Call,
    /// What it is counted as.
    pub label: &'static str,
    expected: Expected,
}

/// What of a resource is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "userName")]
    user_name: Option<Cow<'a, str>>,
}

/// What of a list is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct SeenList<'a> {
    #[serde(rename = "totalResults")]
    pub(crate) total: Option<usize>,
    #[serde(borrow, default, rename = "nextCursor")]
    pub(crate) next_cursor: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "Resources")]
    pub(crate) resources: Vec<Seen<'a>>,
}

impl Plan {
    /// A client; its number is below [`Plan::clients`].
    pub fn client(&self, number: usize) -> Client<'_> {
        let inside = self.kind == Kind::Member && self.own_person(number) < self.members;
        let random = StdRng::seed_from_u64(number as u64);
        Client { plan: self, number, random, turn: 0, inside, added: Vec::new() }
    }

    /// Whom a client adds and removes: the last ones, so that they are in no group but the largest.
    fn own_person(&self, client: usize) -> usize {
        self.people.len().saturating_sub(1 + client)
    }
}

impl Client<'_> {
    /// A person at random, and no other client's, so that no two change the same one.
    fn someone(&mut self) -> usize {
        let (all, clients) = (self.plan.people.len(), self.plan.clients);
        let mine = (all.saturating_sub(self.number)).div_ceil(clients).max(1);
        self.random.random_range(0..mine) * clients + self.number
    }

    /// The next request. `None`: there is nobody left to add.
    pub fn step(&mut self) -> Option<Step> {
        let plan = self.plan;
        self.turn += 1;
        let users = |id: &str| format!("/Users/{id}");
        let (call, label, expected) = match plan.kind {
            Kind::Create => {
                let n = plan.next.fetch_add(1, Ordering::Relaxed);
                let user = made_up::user(&plan.prefix, n, plan.shape);
                let name = made_up::user_name(&plan.prefix, n);
                (Call::with(Method::POST, "/Users", user.to_string()), "POST user", Expected::Made { name })
            }
            Kind::Get => {
                let n = self.someone();
                (Call::get(users(plan.people.id(n))), "GET user by id", Expected::Person { n })
            }
            Kind::Filter => {
                let n = self.someone();
                let name = plan.people.name(n).replace('@', "%40");
                let path = format!("/Users?filter=userName%20eq%20%22{name}%22");
                (Call::get(path), "GET userName eq", Expected::Found { n })
            }
            Kind::Patch => {
                let n = self.someone();
                let value = if plan.replace == "active" {
                    Value::Bool(self.turn.is_multiple_of(2))
                } else {
                    format!("Changed {} {}", self.number, self.turn).into()
                };
                let body = made_up::patch("replace", &plan.replace, &value).to_string();
                let call = Call::with(Method::PATCH, users(plan.people.id(n)), body);
                (call, "PATCH user", Expected::Patched { n, value })
            }
            Kind::Member => {
                let id = plan.people.id(plan.own_person(self.number));
                let (op, path, value, label) = if self.inside {
                    ("remove", format!("members[value eq \"{id}\"]"), Value::Null, "PATCH remove 1 member")
                } else {
                    ("add", "members".to_owned(), made_up::members_json(&[id]), "PATCH add 1 member")
                };
                self.inside = !self.inside;
                (self.group_patch(op, &path, &value), label, Expected::Done)
            }
            Kind::Add => {
                let n = plan.members + plan.next.fetch_add(1, Ordering::Relaxed);
                if n >= plan.people.len() {
                    return None;
                }
                self.added.push(n);
                let value = made_up::members_json(&[plan.people.id(n)]);
                (self.group_patch("add", "members", &value), "PATCH add 1 member", Expected::Done)
            }
            Kind::Jump => {
                let last = plan.total.saturating_sub(plan.count) + 1;
                let from = self.random.random_range((last - last / 10)..=last);
                let path = format!("/Users?startIndex={from}&count={}", plan.count);
                (Call::get(path), "GET page by position", Expected::Page { from })
            }
            Kind::Bare => (Call::get("/"), "200 OK of the bare server", Expected::Anything),
        };
        Some(Step { call, label, expected })
    }

    fn group_patch(&self, op: &str, path: &str, value: &Value) -> Call {
        let body = made_up::patch(op, path, value).to_string();
        Call::with(Method::PATCH, format!("/Groups/{}", self.plan.group), body)
    }

    /// Whether an answer is right; why not.
    ///
    /// # Errors
    /// In words.
    pub fn check(&self, step: &Step, answer: &Answer) -> Result<(), String> {
        let wrong = |what: &str| {
            let body = String::from_utf8_lossy(answer.body.get(..300).unwrap_or(&answer.body)).into_owned();
            Err(format!("{} {}: {what}; {} {body}", step.call.method, step.call.path, answer.status))
        };
        let people = &self.plan.people;
        match &step.expected {
            Expected::Anything => {
                if answer.status == 200 {
                    Ok(())
                } else {
                    wrong("not 200")
                }
            }
            Expected::Made { name } => match (answer.status, seen(answer)) {
                (201, Some(Seen { id: Some(_), user_name: Some(found) })) if found == *name => Ok(()),
                _ => wrong("not 201 with an id and the userName sent"),
            },
            Expected::Person { n } => match (answer.status, seen(answer)) {
                (200, Some(found)) if is(&found, people, *n) => Ok(()),
                _ => wrong("not the user asked for"),
            },
            Expected::Found { n } => match (answer.status, list(answer)) {
                (200, Some(SeenList { total: Some(1), resources, .. }))
                    if resources.len() == 1 && is(&resources[0], people, *n) =>
                {
                    Ok(())
                }
                _ => wrong("not exactly the one user asked for"),
            },
            Expected::Patched { n, value } => match answer.status {
                204 => Ok(()),
                200 => {
                    let shown: Option<Value> = serde_json::from_slice(&answer.body).ok();
                    let is_it = shown.is_some_and(|shown| {
                        shown["id"].as_str() == Some(people.id(*n)) && shown[&self.plan.replace] == *value
                    });
                    if is_it { Ok(()) } else { wrong("not the user with its new value") }
                }
                _ => wrong("neither 200 nor 204"),
            },
            Expected::Page { from } => match (answer.status, list(answer)) {
                (200, Some(found))
                    if found.resources.len() == self.plan.count.min(self.plan.total + 1 - from) =>
                {
                    Ok(())
                }
                _ => wrong("not a page of as many as asked for"),
            },
            Expected::Done => {
                if matches!(answer.status, 200 | 204) {
                    Ok(())
                } else {
                    wrong("neither 200 nor 204")
                }
            }
        }
    }

    /// Whether the group holds at the end whom this client put there; what is wrong, in words.
    ///
    /// # Errors
    /// When the server can't be asked.
    pub async fn check_group(&self, caller: &mut Caller) -> anyhow::Result<Vec<String>> {
        /// Groups up to this size are read whole; of larger ones it is asked who holds a member.
        const WHOLE: usize = 20_000;
        let plan = self.plan;
        let mut wanted: Vec<(usize, bool)> = self.added.iter().map(|n| (*n, true)).collect();
        if plan.kind == Kind::Member {
            wanted.push((plan.own_person(self.number), self.inside));
        }
        let mut wrong = Vec::new();
        if plan.members <= WHOLE {
            let answer = caller.call(Call::get(format!("/Groups/{}", plan.group))).await?;
            let group: Value = serde_json::from_slice(&answer.body).context("a group that is no JSON")?;
            let all = group["members"].as_array().cloned().unwrap_or_default();
            let members: HashSet<&str> = all.iter().filter_map(|member| member["value"].as_str()).collect();
            for (n, inside) in wanted {
                if members.contains(plan.people.id(n)) != inside {
                    wrong.push(format!("member {n} of a group of {}: expected {inside}", members.len()));
                }
            }
            return Ok(wrong);
        }
        for (n, inside) in wanted {
            let id = plan.people.id(n);
            let filter = format!("/Groups?attributes=id&filter=members%20eq%20%22{id}%22");
            let answer = caller.call(Call::get(filter)).await?;
            let found = list(&answer).context("a list of groups that is none")?;
            let is_in = found.resources.iter().any(|group| group.id.as_deref() == Some(&plan.group));
            if is_in != inside {
                wrong.push(format!("member {n} of a large group: expected {inside}"));
            }
        }
        Ok(wrong)
    }

    /// The plan's checks of groups make sense for it.
    pub fn is_of_group(&self) -> bool {
        matches!(self.plan.kind, Kind::Member | Kind::Add)
    }
}

pub(crate) fn seen(answer: &Answer) -> Option<Seen<'_>> {
    serde_json::from_slice(&answer.body).ok()
}

pub(crate) fn list(answer: &Answer) -> Option<SeenList<'_>> {
    serde_json::from_slice(&answer.body).ok()
}

fn is(found: &Seen<'_>, people: &People, n: usize) -> bool {
    found.id.as_deref() == Some(people.id(n)) && found.user_name.as_deref() == Some(people.name(n).as_str())
}

/// Says what a plan lacks.
///
/// # Errors
/// In words for whoever called the command.
pub fn fits(plan: &Plan) -> anyhow::Result<()> {
    let needs_people = matches!(plan.kind, Kind::Get | Kind::Filter | Kind::Patch | Kind::Member | Kind::Add);
    ensure!(
        !needs_people || plan.people.len() >= plan.clients,
        "name a file with more --people than clients"
    );
    let needs_group = matches!(plan.kind, Kind::Member | Kind::Add);
    ensure!(!needs_group || !plan.group.is_empty(), "name the --group");
    ensure!(
        plan.kind != Kind::Jump || plan.total > plan.count,
        "a list of --total users, longer than a page"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(kind: Kind) -> Plan {
        Plan {
            kind,
            clients: 3,
            people: People::new("p", ["a", "bb", "ccc", "d"].map(String::from)),
            shape: Shape::Full,
            prefix: "new".into(),
            replace: "displayName".into(),
            group: "g".into(),
            members: 2,
            count: 10,
            total: 100,
            next: AtomicUsize::new(0),
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.to_owned().into() }
    }

    #[test]
    fn people_are_kept_in_a_file() {
        let people = plan(Kind::Get).people;
        assert_eq!((people.id(0), people.id(1), people.id(3), people.id(4)), ("a", "bb", "d", ""));
        let file = tempfile::NamedTempFile::new().unwrap();
        people.write(file.path()).unwrap();
        let again = People::read(file.path()).unwrap();
        assert_eq!((again.len(), again.id(2), again.name(2)), (4, "ccc", "6283186.p@example.com".into()));
    }

    #[test]
    fn clients_have_people_of_their_own() {
        let plan = plan(Kind::Get);
        for number in 0..3 {
            let mut client = plan.client(number);
            for _ in 0..50 {
                let n = client.someone();
                assert!(n < 4 && n % 3 == number, "{n}");
            }
        }
    }

    #[test]
    fn a_wrong_answer_is_told() {
        let plan = plan(Kind::Get);
        let mut client = plan.client(1);
        let step = client.step().unwrap();
        assert_eq!(step.call.path, "/Users/bb");
        let right = r#"{"meta":{},"id":"bb","userName":"3141593.p@example.com"}"#;
        assert_eq!(client.check(&step, &answer(200, right)), Ok(()));
        for (status, body) in [(404, right), (200, "{}"), (200, r#"{"id":"bb","userName":"x"}"#), (200, "")] {
            assert!(client.check(&step, &answer(status, body)).is_err(), "{status} {body}");
        }
        let plan = self::plan(Kind::Filter);
        let mut client = plan.client(1);
        let step = client.step().unwrap();
        let page = |inner: &str, total: usize| format!(r#"{{"totalResults":{total},"Resources":[{inner}]}}"#);
        assert_eq!(client.check(&step, &answer(200, &page(right, 1))), Ok(()));
        for body in [page(right, 2), page("", 0), page(&format!("{right},{right}"), 1)] {
            assert!(client.check(&step, &answer(200, &body)).is_err(), "{body}");
        }
        let plan = self::plan(Kind::Patch);
        let mut client = plan.client(1);
        let step = client.step().unwrap();
        assert_eq!(client.check(&step, &answer(204, "")), Ok(()));
        assert_eq!(client.check(&step, &answer(200, r#"{"id":"bb","displayName":"Changed 1 1"}"#)), Ok(()));
        assert!(client.check(&step, &answer(200, r#"{"id":"bb","displayName":"old"}"#)).is_err());
    }

    #[test]
    fn members_come_and_go_in_turn() {
        let plan = plan(Kind::Member);
        let mut client = plan.client(0);
        assert_eq!(client.step().unwrap().label, "PATCH add 1 member");
        assert_eq!(client.step().unwrap().label, "PATCH remove 1 member");
        // Who is among the first `members` is in already.
        assert_eq!(plan.client(2).step().unwrap().label, "PATCH remove 1 member");
        let plan = self::plan(Kind::Add);
        let mut client = plan.client(0);
        assert!(client.step().is_some() && client.step().is_some() && client.step().is_none());
        assert_eq!(client.added, [2, 3]);
    }
}
