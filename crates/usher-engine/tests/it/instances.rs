//! Two instances on one PostgreSQL: one that is killed in the midst of a cycle is gone on with by the other, and not before its lease
//! ran out.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use usher_engine::EngineError;
use usher_store::testing;

use crate::{
    history::{History, found, quiet},
    rig::{Fault, Rig, TABLES, runtime},
};

#[test]
fn of_two_instances_one_dies_in_the_midst_of_a_cycle_and_the_other_finishes() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let store = testing::postgres(TABLES);
    let rig = Rig::new(&store, "scim", "standard");
    let mut history = History::new(&rig);
    history.rescope(&rig);
    let mut chance = StdRng::seed_from_u64(2);
    let mut killed = 0;
    for round in 0..testing::times(10, 100) {
        let beside = store.instance();
        let instances = [rig.instance(&rig.store), rig.instance(&beside)];
        let ((dying, wire), (other, others)) = (&instances[round % 2], &instances[(round + 1) % 2]);
        for _ in 0..15 {
            history.change(&rig, &mut chance);
        }
        let (at, after) = (chance.random_range(0..8), chance.random_bool(0.5));
        let count = AtomicUsize::new(0);
        wire.rule(move |_| {
            let here = count.fetch_add(1, Ordering::SeqCst) == at;
            here.then_some(if after { Fault::HangAfter } else { Fault::HangBefore })
        });
        runtime.block_on(async {
            let died = tokio::select! {
                _ = dying.sync(rig.app, &|_| {}) => false,
                () = wire.notify.notified() => true,
            };
            if died {
                killed += 1;
                let early = other.sync(rig.app, &|_| {}).await;
                assert!(matches!(early, Err(EngineError::Busy)), "round {round}: before the lease ran out");
                assert!(others.seen().is_empty(), "round {round}: it sent something");
                rig.clock.advance(Duration::from_secs(91));
            }
            other.sync(rig.app, &|_| {}).await.unwrap();
            quiet(&rig).await.unwrap();
        });
        let (accounts, groups) = found(&rig);
        history.company.judge(&accounts, &groups).unwrap_or_else(|e| panic!("round {round}: {e}"));
        history.company.remember(true);
        beside.close();
    }
    assert!(killed >= 5, "only {killed} were in the midst of one");
}
