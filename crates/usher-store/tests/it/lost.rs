//! Connections that are lost.

use std::sync::atomic::{AtomicBool, Ordering};

use usher_store::{
    Lane, SealingKey, Sql, Store, StoreError, StoreUrl, args,
    testing::{self, Cut},
};

use crate::{ADD, COUNT, LIMIT, TABLES, add, count, names};

/// Ends its own connection, and is long enough to notice.
const END: Sql =
    Sql::same("select count(*) from pg_terminate_backend(pg_backend_pid()), generate_series(1, 100000000)");

#[test]
fn a_write_whose_connection_is_lost_before_its_commit_is_run_again() {
    let store = testing::postgres(&[TABLES]);
    let lost = AtomicBool::new(false);
    store
        .block_write(Lane::Now, move |tx| {
            tx.exec(&ADD, args!["once"])?;
            if !lost.swap(true, Ordering::Relaxed) {
                tx.one::<(i64,)>(&END, &[])?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(names(&store), ["once"]);
}

#[test]
fn a_read_whose_connection_is_lost_is_run_again() {
    let store = testing::postgres(&[TABLES]);
    add(&store, "a").unwrap();
    let lost = AtomicBool::new(false);
    let found = store.block_read(LIMIT, move |on| {
        if lost.swap(true, Ordering::Relaxed) {
            on.one::<(i64,)>(&COUNT, &[])
        } else {
            on.one::<(i64,)>(&END, &[])
        }
    });
    assert_eq!(found, Ok(Some((1,))));
}

#[test]
fn a_connection_that_is_lost_during_commit_leaves_the_outcome_unknown() {
    let store = testing::postgres(&[TABLES]);
    store
        .block_write(Lane::Now, |tx| {
            tx.exec(
                &Sql::same(
                    "create function die() returns trigger language plpgsql as
                     $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$",
                ),
                &[],
            )?;
            tx.exec(
                &Sql::same(
                    "create constraint trigger die after insert on note deferrable initially deferred
                     for each row when (new.name = 'fatal') execute function die()",
                ),
                &[],
            )
        })
        .unwrap();
    assert_eq!(add(&store, "fatal"), Err(StoreError::Unknown));
    assert_eq!(count(&store), 0, "the next one finds a connection");
    add(&store, "harmless").unwrap();
}

#[test]
fn a_wire_that_breaks_at_the_commit_leaves_the_outcome_unknown_whichever_it_is() {
    let near = testing::postgres(&[TABLES]);
    let (far, wire) = near.over_wire();
    for (cut, name, there) in [(Cut::Before, "lost", 0), (Cut::After, "kept", 1)] {
        let before = count(&near);
        wire.cut_next(cut);
        assert_eq!(add(&far, name), Err(StoreError::Unknown), "{cut:?}");
        assert!(wire.was_cut());
        // What was on its way when the wire broke is there, or is not, for good.
        assert_eq!(count(&far) - before, there, "{cut:?}");
    }
    add(&far, "lost").unwrap();
    assert!(add(&far, "kept").unwrap_err().is_conflict("note_name"));
    assert_eq!(names(&near), ["kept", "lost"]);
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let at = StoreUrl::Postgres("postgres://usher:geheim@127.0.0.1:1/usher".to_owned());
    let error = Store::open(&at, &[TABLES], SealingKey::generate().0).unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("can't be reached")), "{error}");
    assert!(!format!("{error:?} {at:?}").contains("geheim"));
}
