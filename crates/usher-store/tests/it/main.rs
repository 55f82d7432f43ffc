//! The store through its door, on both databases.
#[test]
fn smoke() {
    use usher_store::*;
    const T: Tables = Tables {
        owner: "t",
        migrations: &[
            "create table note (id {key}, name {text} not null); create unique index note_name on note (name);",
        ],
    };
    const ADD: Sql = Sql::same("insert into note (name) values ($1) returning id");
    testing::both(&[T], |store| {
        let id = store.block_write(Lane::Now, |tx| tx.one::<(i64,)>(&ADD, args!["a"])).unwrap();
        assert_eq!(id, Some((1,)));
        let error = store.block_write(Lane::Now, |tx| tx.one::<(i64,)>(&ADD, args!["a"])).unwrap_err();
        assert!(error.is_conflict("note_name"), "{error}");
        let n = store
            .block_read(std::time::Duration::from_secs(1), |s| {
                s.one::<(i64,)>(&Sql::same("select count(*) from note"), &[])
            })
            .unwrap();
        assert_eq!(n, Some((1,)));
    });
}
