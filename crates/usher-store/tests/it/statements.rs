//! Arguments, types, constraints and savepoints: the same on both databases.

use jiff::Timestamp;
use usher_store::{Column, Lane, Sql, StoreError, Tx, Value, args, testing};
use uuid::Uuid;

use crate::{ADD, COUNT, LIMIT, TABLES, add, count, names};

fn write<T: Send + 'static>(
    store: &testing::TestStore,
    work: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    store.block_write(Lane::Now, work)
}

#[test]
fn arguments_bind_by_number_not_by_appearance() {
    const SWAPPED: Sql = Sql::same("select cast($2 as bigint), cast($1 as bigint), cast($2 as bigint)");
    testing::both(&[TABLES], |store| {
        let row = store.block_read(LIMIT, |on| on.one::<(i64, i64, i64)>(&SWAPPED, args![1, 2])).unwrap();
        assert_eq!(row, Some((2, 1, 2)));
        for wrong in [args![1].to_vec(), args![1, 2, 3].to_vec()] {
            let error =
                store.block_read(LIMIT, move |on| on.one::<(i64, i64, i64)>(&SWAPPED, &wrong)).unwrap_err();
            assert!(matches!(error, StoreError::Bug(_)), "{error}");
        }
    });
}

type Everything = (i64, Option<i64>, Option<i16>, Option<i32>, Option<bool>, Option<String>, Option<Vec<u8>>);
const INTO: Sql = Sql::same(
    "insert into everything (id, big, small, whole, yes, words, bytes) values ($1, $2, $3, $4, $5, $6, $7)",
);
const OUT: Sql =
    Sql::same("select id, big, small, whole, yes, words, bytes from everything order by id limit 100");

#[test]
fn every_type_comes_back_as_it_went_in() {
    testing::both(&[TABLES], |store| {
        let rows: Vec<Everything> = vec![
            (
                1,
                Some(i64::MAX),
                Some(i16::MIN),
                Some(i32::MAX),
                Some(true),
                Some("grün '$1' \u{1F600}".to_owned()),
                Some(vec![0, 255, 0]),
            ),
            (2, Some(i64::MIN), Some(0), Some(-1), Some(false), Some(String::new()), Some(Vec::new())),
            (3, None, None, None, None, None, None),
        ];
        let put = rows.clone();
        write(store, move |tx| {
            for (id, big, small, whole, yes, words, bytes) in &put {
                tx.exec(&INTO, args![id, big, small, whole, yes, words, bytes])?;
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(store.block_read(LIMIT, |on| on.all::<Everything>(&OUT, &[], 3)).unwrap(), rows);
    });
}

#[test]
fn times_and_ids_come_back_as_they_went_in() {
    const PUT: Sql =
        Sql::same("insert into everything (id, big, bytes) values (1, $1, $2) returning big, bytes");
    testing::both(&[TABLES], |store| {
        let (time, id) = (Timestamp::from_millisecond(-1).unwrap(), Uuid::now_v7());
        let back = write(store, move |tx| tx.one::<(Timestamp, Uuid)>(&PUT, args![time, id])).unwrap();
        assert_eq!(back, Some((time, id)));
    });
}

#[test]
fn sums_are_whole_numbers() {
    const SUM: Sql = Sql::same("select sum(big), count(*), max(small) from everything");
    testing::both(&[TABLES], |store| {
        let sum = |numbers: &'static [i64]| {
            write(store, move |tx| {
                tx.exec(&Sql::same("delete from everything"), &[])?;
                for (id, number) in (0_i64..).zip(numbers) {
                    tx.exec(
                        &Sql::same("insert into everything (id, big) values ($1, $2)"),
                        args![id, number],
                    )?;
                }
                tx.one::<(Option<i64>, i64, Option<i16>)>(&SUM, &[])
            })
            .unwrap()
            .unwrap()
        };
        for numbers in [
            &[][..],
            &[0],
            &[9_999, 1],
            &[-10_000],
            &[123_456_789_012_345, 1],
            &[1_000_000_000_000, -1_000_000_000_000],
            &[i64::MAX - 1, 1],
            &[i64::MIN],
        ] {
            let expected = if numbers.is_empty() { None } else { Some(numbers.iter().sum()) };
            let length = i64::try_from(numbers.len()).unwrap();
            assert_eq!(sum(numbers), (expected, length, None), "{numbers:?}");
        }
    });
}

#[test]
fn a_wrong_type_is_our_mistake_and_said() {
    testing::both(&[TABLES], |store| {
        write(store, |tx| {
            tx.exec(&Sql::same("insert into everything (id, big, words) values (1, 70000, 'x')"), &[])
        })
        .unwrap();
        let bugs = [
            write(store, |tx| tx.one::<(String,)>(&Sql::same("select big from everything"), &[]).map(|_| ())),
            write(store, |tx| tx.one::<(i64,)>(&Sql::same("select words from everything"), &[]).map(|_| ())),
            write(store, |tx| tx.one::<(i64,)>(&Sql::same("select small from everything"), &[]).map(|_| ())),
            write(store, |tx| tx.one::<(i16,)>(&Sql::same("select big from everything"), &[]).map(|_| ())),
            write(store, |tx| {
                tx.one::<(i64,)>(&Sql::same("select id, big from everything"), &[]).map(|_| ())
            }),
            write(store, |tx| tx.one::<(bool,)>(&Sql::same("select big from everything"), &[]).map(|_| ())),
            write(store, |tx| tx.exec(&Sql::same("selec 1"), &[]).map(|_| ())),
            write(store, |tx| {
                tx.all::<(i64,)>(&Sql::same("select 1 union all select 2"), &[], 1).map(|_| ())
            }),
        ];
        for (n, bug) in bugs.into_iter().enumerate() {
            assert!(matches!(bug, Err(StoreError::Bug(_))), "{n}: {bug:?}");
        }
    });
}

#[test]
fn conflicts_are_named_alike() {
    testing::both(&[TABLES], |store| {
        add(store, "a").unwrap();
        write(store, |tx| tx.exec(&Sql::same("insert into pair (a, b, text) values (1, 1, 'x')"), &[]))
            .unwrap();
        let refused = |text: &'static str| match write(store, move |tx| tx.exec(&Sql::same(text), &[])) {
            Err(StoreError::Conflict { constraint }) => constraint,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(refused("insert into note (name) values ('a')"), "note_name");
        assert_eq!(refused("insert into note (id, name) values (1, 'b')"), "note_pkey");
        assert_eq!(refused("insert into pair (a, b) values (1, 1)"), "pair_pkey");
        assert_eq!(refused("insert into pair (a, b, text) values (2, 2, 'x')"), "pair_text_key");
        let foreign = refused("insert into note (name, of) values ('c', 99)");
        assert_eq!(foreign, if store.is_postgres() { "note_of_fkey" } else { "foreign_key" });
        let foreign = {
            write(store, |tx| tx.exec(&Sql::same("insert into note (name, of) values ('child', 1)"), &[]))
                .unwrap();
            refused("delete from note where name = 'a'")
        };
        assert_eq!(foreign, if store.is_postgres() { "note_of_fkey" } else { "foreign_key" });
        // A missing value is no conflict that a caller could meet.
        assert!(matches!(
            write(store, |tx| tx.exec(&Sql::same("insert into note (name) values (null)"), &[])),
            Err(StoreError::Bug(_))
        ));
    });
}

#[test]
fn after_a_failed_statement_nothing_stands_unless_it_was_in_a_savepoint() {
    testing::both(&[TABLES], |store| {
        add(store, "a").unwrap();
        let swallowed = write(store, |tx| {
            tx.exec(&ADD, args!["b"])?;
            let _ = tx.exec(&ADD, args!["a"]);
            Ok(())
        });
        assert!(swallowed.unwrap_err().is_conflict("note_name"));
        let went_on = write(store, |tx| {
            let _ = tx.exec(&ADD, args!["a"]);
            tx.exec(&ADD, args!["c"]).map_err(|_| StoreError::Bug("as it should".to_owned()))
        });
        assert_eq!(went_on, Err(StoreError::Bug("as it should".to_owned())));
        assert_eq!(names(store), ["a"]);

        write(store, |tx| {
            tx.exec(&ADD, args!["b"])?;
            let refused = tx.savepoint(|tx| {
                tx.exec(&ADD, args!["gone"])?;
                tx.exec(&ADD, args!["a"])
            });
            assert!(refused.unwrap_err().is_conflict("note_name"));
            tx.exec(&ADD, args!["c"]).map(|_| ())
        })
        .unwrap();
        assert_eq!(names(store), ["a", "b", "c"]);
    });
}

#[test]
fn savepoints_nest_and_undo_what_is_theirs() {
    testing::both(&[TABLES], |store| {
        write(store, |tx| {
            tx.savepoint(|tx| {
                tx.exec(&ADD, args!["outer"])?;
                let inner = tx.savepoint(|tx| {
                    tx.exec(&ADD, args!["inner"])?;
                    tx.savepoint(|tx| tx.exec(&ADD, args!["innermost"]))?;
                    Err::<(), _>(StoreError::Full)
                });
                assert_eq!(inner, Err(StoreError::Full));
                tx.savepoint(|tx| tx.exec(&ADD, args!["second"]))
            })?;
            // Swallowing inside a savepoint does not save it.
            let swallowed = tx.savepoint(|tx| {
                tx.exec(&ADD, args!["swallowed"])?;
                let _ = tx.exec(&ADD, args!["outer"]);
                Ok::<_, StoreError>(())
            });
            assert!(swallowed.unwrap_err().is_conflict("note_name"));
            for n in 0..50 {
                tx.savepoint(|tx| tx.exec(&ADD, args![format!("z{n:02}")]))?;
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(names(store)[..3], ["outer", "second", "z00"]);
        assert_eq!(count(store), 52);
    });
}

#[test]
fn many_rows_are_one_statement() {
    const MANY: Sql = Sql::each(
        "insert into everything (id, yes, words, bytes, small) values ($1, $2, $3, $4, $5)",
        "insert into everything (id, yes, words, bytes, small)
         select *, $5 from unnest($1::bigint[], $2::boolean[], $3::text[], $4::bytea[])",
    );
    testing::both(&[TABLES], |store| {
        let (touched, statements) = write(store, |tx| {
            let columns: [Column; 5] = [
                (0..300_i64).collect(),
                (0..300).map(|n| (n % 3 != 0).then_some(n % 2 == 0)).collect(),
                (0..300).map(|n| (n != 7).then(|| n.to_string())).collect(),
                (0..300).map(|n: i32| n.to_be_bytes().to_vec()).collect(),
                Column::Same(Value::from(9)),
            ];
            Ok((tx.exec_many(&MANY, &columns)?, tx.statements()))
        })
        .unwrap();
        assert_eq!((touched, statements), (300, 1));
        let rows = store.block_read(LIMIT, |on| on.all::<Everything>(&OUT, &[], 100)).unwrap();
        assert_eq!(rows[7], (7, None, Some(9), None, Some(false), None, Some(vec![0, 0, 0, 7])));
        assert_eq!(rows[9].4, None);
        let none = write(store, |tx| {
            let empty = || Column::Int(Vec::new());
            tx.exec_many(&Sql::same("insert into pair (a, b) values ($1, $2)"), &[empty(), empty()])
        });
        assert_eq!(none, Ok(0));
        let uneven = write(store, |tx| {
            tx.exec_many(
                &Sql::same("insert into pair (a, b) values ($1, $2)"),
                &[(0..2_i64).collect(), (0..3_i64).collect()],
            )
        });
        assert!(matches!(uneven, Err(StoreError::Bug(_))));
    });
}

#[test]
fn a_reading_view_writes_nothing() {
    testing::both(&[TABLES], |store| {
        for _ in 0..2 {
            let written = store.block_read(LIMIT, |on| {
                on.one::<(i64,)>(&COUNT, &[])?;
                on.one::<(i64,)>(&Sql::same("insert into note (name) values ('x') returning id"), &[])
            });
            assert!(matches!(written, Err(StoreError::Bug(_))), "{written:?}");
            let written = store.block_read(LIMIT, |on| {
                on.one::<(i64,)>(&Sql::same("insert into note (name) values ('y') returning id"), &[])
            });
            assert!(matches!(written, Err(StoreError::Bug(_))), "{written:?}");
        }
        assert_eq!(count(store), 0);
    });
}

#[test]
fn sealed_values_open_after_the_store_was_opened_again_with_its_key() {
    for mut store in testing::stores(&[TABLES]) {
        let sealed = store.seal("note", 1, "name", b"s3cret");
        assert!(!sealed.windows(6).any(|window| window == b"s3cret"));
        store.reopen();
        assert_eq!(store.unseal("note", 1, "name", &sealed).unwrap(), b"s3cret");
        assert!(store.unseal("note", 2, "name", &sealed).is_err(), "moved to another row");
        assert!(store.is_sealed_with_current_key(&sealed));
    }
}

#[test]
fn every_connection_to_postgresql_has_its_settings() {
    let store = testing::postgres(&[TABLES]);
    for (name, value) in [("jit", "off"), ("TimeZone", "UTC"), ("default_transaction_read_only", "on")] {
        let set = store.block_read(LIMIT, move |on| {
            on.one::<(String,)>(&Sql::same("select current_setting($1)"), args![name])
        });
        assert_eq!(set.unwrap(), Some((value.to_owned(),)), "{name}");
    }
}
