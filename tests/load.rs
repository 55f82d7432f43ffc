//! Clients that write all the time and note what was acknowledged; and what must then be there.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use usher_store::{Sql, StoreError};

use crate::{
    http::{self, Answer},
    place::{Place, until_within},
};

const CLIENTS: usize = 4;
/// Names that two of them want.
const SHARED: &str = "shared";

/// What clients were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Users, id by name.
    pub(crate) users: BTreeMap<String, String>,
    /// Titles that were given, by id.
    titles: BTreeMap<String, String>,
    /// Ids that were added to the group.
    members: BTreeSet<String>,
    deleted: BTreeSet<String>,
    /// Deletions that nobody answered: done or not.
    maybe_deleted: BTreeSet<String>,
    /// Creations that nobody answered.
    unanswered: usize,
    /// Answers, of all kinds of writes.
    pub(crate) writes: usize,
}

impl Told {
    /// What other clients were told too. No name was given twice.
    pub(crate) fn join(&mut self, other: Self) {
        for (name, id) in other.users {
            assert_eq!(self.users.insert(name.clone(), id), None, "{name} was acknowledged twice");
        }
        self.titles.extend(other.titles);
        self.members.extend(other.members);
        self.deleted.extend(other.deleted);
        self.maybe_deleted.extend(other.maybe_deleted);
        self.unanswered += other.unanswered;
        self.writes += other.writes;
    }

    /// What others were told may be there or not.
    pub(crate) fn perhaps(&mut self, other: &Self) {
        self.unanswered += other.users.len() + other.unanswered;
    }
}

/// Clients at work, until told to stop.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    /// Writes acknowledged so far.
    written: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Told>>,
}

impl Load {
    /// Four clients, two of which want the same names. Each creates a user, adds it to the group, gives some a title, deletes some.
    /// `round`: another one has other names.
    pub(crate) fn start(address: SocketAddr, token: &str, group: &str, round: usize) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..CLIENTS)
            .map(|number| {
                let stop = Arc::clone(&stop);
                let (token, group, written) = (token.to_owned(), group.to_owned(), Arc::clone(&written));
                let client = Client { address, token, group, written };
                let who = if number < 2 { SHARED.to_owned() } else { format!("c{number}") };
                std::thread::spawn(move || {
                    let mut told = Told::default();
                    for n in 0_usize.. {
                        if stop.load(Ordering::SeqCst) {
                            break;
                        }
                        client.life(n, &format!("{who}-{round}-{n}@example.com"), &mut told);
                    }
                    told
                })
            })
            .collect();
        Self { stop, written, clients }
    }

    /// Waits until so many writes more are acknowledged, two minutes at most.
    pub(crate) fn go_on(&self, writes: usize) {
        let (began, from) = (Instant::now(), self.written.load(Ordering::SeqCst));
        while self.written.load(Ordering::SeqCst) < from + writes {
            assert!(began.elapsed() < Duration::from_secs(120), "nothing is acknowledged any more");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends it; what all were told.
    pub(crate) fn stop(self) -> Told {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Told::default();
        for client in self.clients {
            all.join(client.join().unwrap());
        }
        all
    }
}

struct Client {
    address: SocketAddr,
    token: String,
    group: String,
    written: Arc<AtomicUsize>,
}

impl Client {
    /// The answer, unless there was none, or one that says that it was not done or is not known.
    fn send(&self, method: &str, path: &str, body: &Value) -> Option<Answer> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = http::send(self.address, method, &format!("/scim/v2{path}"), &self.token, &body).ok();
        if answer.is_none() {
            // The server is away; it is not helped by more of us.
            std::thread::sleep(Duration::from_millis(5));
        }
        let answer = answer.filter(|answer| answer.status != 503);
        if answer.is_some() {
            self.written.fetch_add(1, Ordering::SeqCst);
        }
        answer
    }

    fn patch(&self, path: &str, operation: &Value) -> Option<Answer> {
        let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        self.send("PATCH", path, &json!({"schemas": [schema], "Operations": [operation]}))
    }

    fn life(&self, n: usize, name: &str, told: &mut Told) {
        let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "displayName": name});
        let Some(made) = self.send("POST", "/Users", &user) else {
            told.unanswered += 1;
            return;
        };
        told.writes += 1;
        if made.status == 409 {
            return;
        }
        assert_eq!(made.status, 201, "{}", made.body);
        let id = made.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(told.users.insert(name.to_owned(), id.clone()), None, "{name} was acknowledged twice");

        let add = json!({"op": "add", "path": "members", "value": [{"value": id}]});
        if let Some(added) = self.patch(&format!("/Groups/{}", self.group), &add) {
            assert_eq!(added.status, 204, "{}", added.body);
            told.members.insert(id.clone());
            told.writes += 1;
        }
        let path = format!("/Users/{id}");
        if n.is_multiple_of(3)
            && let Some(titled) =
                self.patch(&path, &json!({"op": "add", "path": "title", "value": format!("T{n}")}))
        {
            assert_eq!(titled.status, 200, "{}", titled.body);
            told.titles.insert(id.clone(), format!("T{n}"));
            told.writes += 1;
        }
        // Not a name that two want: once it is free, the other may have it too.
        if n.is_multiple_of(5) && !name.starts_with(SHARED) {
            match self.send("DELETE", &path, &Value::Null) {
                Some(gone) => {
                    assert_eq!(gone.status, 204, "{}", gone.body);
                    told.deleted.insert(id);
                    told.writes += 1;
                }
                None => drop(told.maybe_deleted.insert(id)),
            }
        }
    }
}

/// Everybody of a list, walked by startIndex.
pub(crate) fn listed(address: SocketAddr, token: &str, kind: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let path = format!("/scim/v2/{kind}?startIndex={}&count=500", all.len() + 1);
        let page = http::send(address, "GET", &path, token, "").unwrap().json();
        let resources = page["Resources"].as_array().cloned().unwrap_or_default();
        if resources.is_empty() {
            assert_eq!(page["totalResults"], json!(all.len()), "the count of {kind}");
            return all;
        }
        all.extend(resources);
    }
}

/// What was acknowledged is there, and nothing twice.
pub(crate) fn check(address: SocketAddr, token: &str, group: &str, told: &Told) {
    let mut there = BTreeMap::new();
    for user in listed(address, token, "Users") {
        let name = user["userName"].as_str().unwrap().to_owned();
        assert!(there.insert(name.clone(), user).is_none(), "{name} stands twice");
    }
    let mut expected = 0;
    for (name, id) in &told.users {
        let found = there.get(name);
        if told.deleted.contains(id) {
            assert!(found.is_none(), "{name} was deleted and is there");
            continue;
        }
        if told.maybe_deleted.contains(id) {
            expected += usize::from(found.is_some());
            continue;
        }
        expected += 1;
        let found = found.unwrap_or_else(|| panic!("{name} was acknowledged and is lost"));
        assert_eq!(found["id"], json!(id), "{name} is another");
        if let Some(title) = told.titles.get(id) {
            assert_eq!(found["title"], json!(title), "the title of {name} is lost");
        }
    }
    // What was written and not acknowledged may be there or not.
    assert!(there.len() <= expected + told.unanswered, "{} and {expected}", there.len());

    let group = http::send(address, "GET", &format!("/scim/v2/Groups/{group}"), token, "").unwrap().json();
    let members: Vec<&str> = group["members"]
        .as_array()
        .map_or(Vec::new(), |all| all.iter().map(|member| member["value"].as_str().unwrap()).collect());
    let once: BTreeSet<&str> = members.iter().copied().collect();
    assert_eq!(once.len(), members.len(), "a member stands twice");
    let ids: BTreeSet<&str> = there.values().map(|user| user["id"].as_str().unwrap()).collect();
    assert!(once.is_subset(&ids), "a member is nobody");
    for id in &told.members {
        assert!(once.contains(id.as_str()) || !ids.contains(id.as_str()), "{id} was added and is no member");
    }
}

/// The rules have seen everybody: a record each, and one for the group. No event is skipped. Where the rules' lease was lost with the
/// database's connection, it is free again after 90 s.
pub(crate) fn everybody_has_a_record(place: &Place, account: &str, users: usize) {
    until_within(Duration::from_secs(240), "everybody has a record", || {
        let (mut records, mut after) = (0, None::<String>);
        loop {
            let mut words = vec!["records", account, "--limit", "1000"];
            if let Some(after) = &after {
                words.extend(["--after", after]);
            }
            let page = place.json(&words);
            records += page["items"].as_array().unwrap().len();
            match page["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => return records == users + 1,
            }
        }
    });
}

/// The tables agree with each other.
pub(crate) fn tables_agree(place: &Place) {
    const COUNTS: Sql = Sql::same(
        "select count(*) from amount a where a.n
           + coalesce((select sum(c.delta) from change c where c.directory = a.directory and c.kind = a.kind and c.seq is null), 0)
         <> (select count(*) from object o where o.directory = a.directory and o.kind = a.kind and o.deleted is null)",
    );
    const TWICE: Sql = Sql::same(
        "select count(*) from (select directory, seq from change where seq is not null group by directory, seq having count(*) > 1) t",
    );
    const AHEAD: Sql =
        Sql::same("select count(*) from change c join directory d on d.id = c.directory where c.seq > d.seq");
    const FOREIGN: Sql = Sql::each(
        "select count(*) from pragma_foreign_key_check",
        "select count(*) from member m where not exists (select 1 from object o where o.key = m.member)",
    );
    const WHOLE: Sql = Sql::each(
        "select count(*) from pragma_integrity_check where integrity_check <> 'ok'",
        "select 0::bigint",
    );
    let store = place.store();
    let wrong = store
        .block_read(Duration::from_secs(60), |on| {
            let mut wrong = Vec::new();
            for sql in [&COUNTS, &TWICE, &AHEAD, &FOREIGN, &WHOLE] {
                wrong.push(on.one::<(i64,)>(sql, &[])?.map_or(0, |(n,)| n));
            }
            Ok::<_, StoreError>(wrong)
        })
        .unwrap();
    assert_eq!(wrong, [0; 5], "counts, numbers given twice, numbers not given, members of nobody, damage");
    store.close();
}

/// An account with a token and a group.
pub(crate) fn tenant(place: &Place) -> (String, String) {
    let token = place.account("acme", "standard");
    // The load deletes more than a guard lets pass, and everybody deleted is to be gone.
    place.ok(&["account", "set", "acme", "guard=off"]);
    let server = place.serve();
    let group = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"everybody"}"#;
    let made = http::send(server.address, "POST", "/scim/v2/Groups", &token, group).unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(server.stop());
    (token, made.json()["id"].as_str().unwrap().to_owned())
}
