//! Two engines on one PostgreSQL, both of which want to work on all apps all the time: never both on one.
//!
//! Who sends what is noted at the apps' door. A run of a cycle is a session; what a session sends for an app is never mixed with what
//! another sends. Leases change hands all the time, and are taken over from an engine that stands still in the midst of a cycle and then
//! goes on as if nothing had been: of it no request may come any more.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use secrecy::SecretString;
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};
use usher_client::{Answering, Transport, TransportError};
use usher_directory::{
    DirectoryId, Environment, Kind, account,
    config::Configs,
    object::{self, Stored},
    token::{self, SecretToken},
};
use usher_engine::{
    AppId, Engine, EngineError,
    app::{self, App, NewApp, Scope},
};
use usher_store::{Store, testing};

use crate::rig::{Rig, TABLES, runtime};

tokio::task_local! {
    static SESSION: usize;
}

/// Where all requests to all apps come by.
#[derive(Default)]
struct Door(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Of each app: (session, instance), in the order in which they began to send.
    sessions: BTreeMap<AppId, Vec<(usize, usize)>>,
    /// (app, session, instance) of each request that is not answered yet.
    under_way: Vec<(AppId, usize, usize)>,
    wrong: Vec<String>,
}

impl Door {
    fn enter(self: &Arc<Self>, app: AppId, session: usize, instance: usize) -> Inside {
        let mut seen = self.0.lock().unwrap();
        let mut wrong = Vec::new();
        for (_, other, by) in seen.under_way.iter().filter(|(of, other, _)| *of == app && *other != session) {
            wrong.push(format!(
                "{app:?}: {instance} sends in session {session} while a request of {by}'s session {other} is under way"
            ));
        }
        let order = seen.sessions.entry(app).or_default();
        match order.iter().position(|(known, _)| *known == session) {
            None => order.push((session, instance)),
            Some(at) => wrong.extend(order.get(at + 1).map(|(next, by)| {
                format!("{app:?}: {instance}'s session {session} goes on after {by}'s session {next} began")
            })),
        }
        seen.under_way.push((app, session, instance));
        seen.wrong.append(&mut wrong);
        Inside { door: Arc::clone(self), request: (app, session, instance) }
    }

    /// How many requests of an instance are under way.
    fn of(&self, instance: usize) -> usize {
        self.0.lock().unwrap().under_way.iter().filter(|(_, _, by)| *by == instance).count()
    }
}

struct Inside {
    door: Arc<Door>,
    request: (AppId, usize, usize),
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut seen = self.door.0.lock().unwrap();
        let at = seen.under_way.iter().position(|request| *request == self.request).unwrap();
        seen.under_way.swap_remove(at);
    }
}

/// An instance's way to an app.
struct Way {
    app: AppId,
    instance: usize,
    door: Arc<Door>,
    still: watch::Receiver<bool>,
    inner: Arc<dyn Transport>,
}

impl Transport for Way {
    fn send<'a>(&'a self, request: http::Request<Bytes>, limit: Duration) -> Answering<'a> {
        let session = SESSION.get();
        let mut still = self.still.clone();
        Box::pin(async move {
            let stands = *still.borrow();
            if stands {
                // It never left. When the instance goes on, its time has run out.
                let _ = still.wait_for(|still| !still).await;
                return Err(TransportError::Timeout(limit));
            }
            let _inside = self.door.enter(self.app, session, self.instance);
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.inner.send(request, limit).await
        })
    }
}

struct Instance {
    number: usize,
    engine: Engine,
    still: watch::Sender<bool>,
}

impl Instance {
    fn new(number: usize, store: &Store, rig: &Rig, door: &Arc<Door>) -> Arc<Self> {
        let (still, stands) = watch::channel(false);
        let (door, inner) = (Arc::clone(door), rig.to_the_app());
        let transports = Arc::new(move |app: &App| {
            let (door, inner, still) = (Arc::clone(&door), Arc::clone(&inner), stands.clone());
            let way: Arc<dyn Transport> = Arc::new(Way { app: app.id, instance: number, door, still, inner });
            Ok(way)
        });
        let engine = Engine::new(store.clone(), Configs::default(), rig.clock.clone(), transports);
        Arc::new(Self { number, engine, still })
    }

    /// A session: one run of a cycle.
    async fn run(&self, app: AppId) -> Result<u64, EngineError> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let session = NEXT.fetch_add(1, Ordering::SeqCst);
        SESSION.scope(session, self.engine.sync(app, &|_| {})).await.map(|cycle| cycle.writes)
    }
}

/// An app with an account of its own, for everybody in the directory.
fn another_app(rig: &Rig, number: usize) -> (AppId, DirectoryId) {
    let token = SecretToken::generate();
    let secret = SecretString::from(token.reveal().to_owned());
    let (now, directory, sealing) = (rig.clock.now(), rig.directory, rig.store.clone());
    rig.write(move |tx| {
        let account = account::create(tx, &format!("acme{number}"), "standard", now).unwrap();
        token::issue(tx, account.id, Environment::Production, "other", None, &token, now).unwrap();
        let new = NewApp {
            name: format!("app{number}"),
            template: "scim".into(),
            directory,
            tenant_url: "http://localhost/scim/v2".into(),
            secret: secret.clone(),
            plain_http: false,
        };
        let app = app::add(tx, &sealing, &new, now).unwrap();
        let off = |key: &str| (key.to_owned(), "off".to_owned());
        let limits = ["rate_limit", "deletion_threshold", "deletion_threshold_percent"].map(off);
        app::set(tx, &app, &limits).unwrap();
        app::set_scope(tx, &app, Scope::All).unwrap();
        (app.id, account.production)
    })
}

/// The directory's people, as they are to be in each app.
struct Staff(Vec<(Stored, u32, bool)>);

impl Staff {
    /// So many changes: somebody new, another title, somebody who goes or comes back.
    fn change(&mut self, rig: &Rig, chance: &mut StdRng, changes: usize) {
        for _ in 0..changes {
            let title = chance.random_range(0..1_000_000);
            if self.0.len() < 12 || chance.random_bool(0.2) {
                let stored = rig.user(&format!("p{}", self.0.len()), json!({"title": title.to_string()}));
                self.0.push((stored, title, true));
                continue;
            }
            let of = chance.random_range(0..self.0.len());
            let (stored, titled, active) = &mut self.0[of];
            if chance.random_bool(0.3) {
                *active = !*active;
                rig.edit(stored, json!({ "active": *active }));
            } else if *active {
                *titled = title;
                rig.edit(stored, json!({"title": title.to_string()}));
            }
        }
    }

    /// Everybody is there once, as they are to be. (Whoever was never active when a cycle came by may be missing.)
    fn judge(&self, rig: &Rig, there: DirectoryId) {
        let users = rig.read(move |on| object::walk(on, there, Kind::User, None, 10_000, true));
        let mut found = BTreeMap::new();
        for user in users {
            let title = user.object().unwrap()["title"].as_str().unwrap().to_owned();
            let before = found.insert(user.name().to_owned(), (title, user.active));
            assert_eq!(before, None, "{} is there twice", user.name());
        }
        for (stored, title, active) in &self.0 {
            match found.remove(stored.name()) {
                Some((found, is_active)) => {
                    assert_eq!(is_active, *active, "{}", stored.name());
                    assert!(!active || found == title.to_string(), "{}: {found}, not {title}", stored.name());
                }
                None => assert!(!active, "{} is missing", stored.name()),
            }
        }
        assert!(found.is_empty(), "nobody knows {found:?}");
    }
}

/// Both run every app again and again while the directory changes; leases are given back and taken.
async fn contest(
    rig: &Rig,
    both: &[Arc<Instance>; 2],
    apps: &[AppId],
    staff: &mut Staff,
    chance: &mut StdRng,
) {
    let over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for instance in both {
        for app in apps {
            let (instance, app, over) = (Arc::clone(instance), *app, Arc::clone(&over));
            tasks.spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    match instance.run(app).await {
                        Ok(_) | Err(EngineError::Busy) => tokio::time::sleep(Duration::from_millis(1)).await,
                        Err(error) => panic!("{}: {error}", instance.number),
                    }
                }
            });
        }
    }
    for _ in 0..5 {
        staff.change(rig, chance, 4);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    over.store(true, Ordering::SeqCst);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

/// One stands still in the midst of its cycles for so long that the other takes them over, and goes on while that one is at work. How many
/// apps were taken over.
async fn takeover(
    rig: &Rig,
    door: &Door,
    still: &Arc<Instance>,
    other: &Arc<Instance>,
    apps: &[AppId],
) -> usize {
    let mut tasks = JoinSet::new();
    let start = |tasks: &mut JoinSet<_>, instance: &Arc<Instance>| {
        for app in apps {
            let (instance, app) = (Arc::clone(instance), *app);
            tasks.spawn(async move { (instance.number, instance.run(app).await) });
        }
    };
    start(&mut tasks, still);
    wait_for(|| door.of(still.number) > 0).await;
    still.still.send_replace(true);
    wait_for(|| door.of(still.number) == 0).await;
    let mut held = 0;
    for app in apps {
        match other.run(*app).await {
            Err(EngineError::Busy) => held += 1,
            ended => {
                ended.unwrap();
            }
        }
    }
    rig.clock.advance(Duration::from_secs(91));
    start(&mut tasks, other);
    wait_for(|| door.of(other.number) > 0).await;
    still.still.send_replace(false);
    while let Some(ended) = tasks.join_next().await {
        match ended.unwrap() {
            (_, Ok(_) | Err(EngineError::Busy)) => {}
            // The one that stood still finds out that its lease is another's.
            (by, Err(EngineError::LeaseLost)) if by == still.number => {}
            (by, Err(error)) => panic!("{by}: {error}"),
        }
    }
    held
}

/// A second at most: it may also have come and gone.
async fn wait_for(holds: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
}

#[test]
fn two_engines_never_work_on_one_app_at_once() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let store = testing::postgres(TABLES);
    let beside = store.instance();
    let rig = Rig::new(&store, "scim", "standard");
    let (apps, theirs): (Vec<AppId>, Vec<DirectoryId>) = (0..3).map(|n| another_app(&rig, n)).unzip();
    let door = Arc::new(Door::default());
    let both = [Instance::new(0, &store, &rig, &door), Instance::new(1, &beside, &rig, &door)];
    let (mut staff, mut chance, mut taken) = (Staff(Vec::new()), StdRng::seed_from_u64(7), 0);
    let rounds = testing::times(8, 100);
    runtime.block_on(async {
        for round in 0..rounds {
            contest(&rig, &both, &apps, &mut staff, &mut chance).await;
            staff.change(&rig, &mut chance, 25);
            let (still, other) = (&both[round % 2], &both[(round + 1) % 2]);
            taken += takeover(&rig, &door, still, other, &apps).await;
            let wrong = std::mem::take(&mut door.0.lock().unwrap().wrong);
            assert!(wrong.is_empty(), "round {round}: {wrong:#?}");
        }
        for (app, there) in apps.iter().zip(&theirs) {
            both[0].run(*app).await.unwrap();
            assert_eq!(both[1].run(*app).await.unwrap(), 0, "and then nothing is left to write");
            staff.judge(&rig, *there);
        }
    });
    assert!(taken >= rounds, "only {taken} apps were taken over in {rounds} rounds");
    let seen = door.0.lock().unwrap();
    for app in &apps {
        for instance in [0, 1] {
            let worked = seen.sessions[app].iter().filter(|(_, by)| *by == instance).count();
            // How the two share is chance.
            assert!(worked > 0, "{app:?}: {instance} never worked on it");
        }
    }
    drop(seen);
    drop(both);
    beside.close();
}

/// A negative control: what the door calls mixed, and what not.
#[test]
fn the_door_tells_when_two_are_mixed() {
    let mixed = |order: &[usize]| {
        let door = Arc::new(Door::default());
        order.iter().for_each(|session| drop(door.enter(AppId(1), *session, *session)));
        door.0.lock().unwrap().wrong.len()
    };
    assert_eq!((mixed(&[1, 1, 2, 2, 3]), mixed(&[1, 2, 1]), mixed(&[1, 2, 2, 1, 1])), (0, 1, 2));
    let door = Arc::new(Door::default());
    let first = door.enter(AppId(1), 1, 0);
    drop((door.enter(AppId(2), 2, 1), door.enter(AppId(1), 1, 0)));
    assert!(door.0.lock().unwrap().wrong.is_empty(), "another app, and more of the same session");
    drop((door.enter(AppId(1), 2, 1), first));
    assert_eq!(door.0.lock().unwrap().wrong.len(), 1, "two at once");
}
