//! Which objects, and which of their attributes, are a source's own: edits by hand and over SCIM keep off them.
use std::collections::BTreeSet;

use usher_directory::{
    DirectoryId, Key, Kind,
    config::DirectoryConfig,
    guard::{Guard, Intent},
    object::Stored,
};
use usher_scim::{AttributePath, Object, ResourceType, resource};
use usher_store::{Column, Snapshot, Sql, StoreError, Tx, args};

use crate::{rows::State, source::SourceId};

/// The most attributes that a source writes: a CSV file's columns are as many.
const PATHS: usize = 10_000;
/// The most sources that hold one object.
const HOLDERS: usize = 100;

/// A source that an object is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The source's key.
    pub id: SourceId,
    /// Its name.
    pub source: String,
    /// Whether the source has the object still; `false`: it vanished from it, and was soft-deleted for that.
    pub present: bool,
}

/// The sources that an object is of, by name.
pub fn holders(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    object: Key,
) -> Result<Vec<Holder>, StoreError> {
    const HELD: Sql = Sql::same(
        "select s.id, s.name, e.state from entry e join source s on s.id = e.source
         where e.object = $1 and s.directory = $2 order by s.name",
    );
    let found: Vec<(i64, String, i64)> = on.all(&HELD, args![object, directory], HOLDERS)?;
    let holder =
        |(id, source, state)| Holder { id: SourceId(id), source, present: state != State::Vanished.number() };
    Ok(found.into_iter().map(holder).collect())
}

/// The attributes that a source writes in its objects of a kind, as its last full import found them.
pub fn paths(on: &mut Snapshot<'_>, source: SourceId, kind: Kind) -> Result<Vec<String>, StoreError> {
    const MAPPED: Sql = Sql::same("select path from mapped where source = $1 and kind = $2 order by path");
    let rows: Vec<(String,)> = on.all(&MAPPED, args![source.0, kind], PATHS)?;
    Ok(rows.into_iter().map(|(path,)| path).collect())
}

/// Notes the attributes that a source writes, as a run found them that read everything (`whole`) or only what changed; says nothing
/// where they are the same as before.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    source: SourceId,
    kind: Kind,
    found: &BTreeSet<String>,
    whole: bool,
) -> Result<(), StoreError> {
    const DROP: Sql = Sql::same("delete from mapped where source = $1 and kind = $2");
    const ADD: Sql = Sql::each(
        "insert into mapped (source, kind, path) values ($1, $2, $3)",
        "insert into mapped (source, kind, path) select $1::bigint, $2::smallint, * from unnest($3::text[])",
    );
    let before = paths(tx, source, kind)?;
    let mut wanted = found.clone();
    if !whole {
        wanted.extend(before.iter().cloned());
    }
    if found.is_empty() || before.iter().eq(&wanted) {
        return Ok(());
    }
    tx.exec(&DROP, args![source.0, kind])?;
    let columns = [
        Column::Same(source.0.into()),
        Column::Same(kind.into()),
        wanted.iter().take(PATHS).cloned().collect(),
    ];
    tx.exec_many(&ADD, &columns).map(drop)
}

/// Refuses what would be against a source's word.
#[derive(Debug, Clone, Copy, Default)]
pub struct SourcesFirst;

impl Guard for SourcesFirst {
    fn refuses(
        &self,
        on: &mut Snapshot<'_>,
        config: &DirectoryConfig,
        was: &Stored,
        intent: Intent<'_>,
    ) -> Result<Option<String>, StoreError> {
        for Holder { id, source, present } in holders(on, config.id, was.key)? {
            let of = config.resource_type(was.kind);
            let told = match intent {
                Intent::Delete if present => Some(format!(
                    "{} comes from the source {source}; take it out there, and the next import deletes it",
                    was.name()
                )),
                Intent::Restore if !present => Some(format!(
                    "{} is gone from the source {source}; it comes back when the source has it again",
                    was.name()
                )),
                Intent::Write(next) => changed(of, &was.object()?, next, &paths(on, id, was.kind)?)
                    .map(|path| written_by(&path, was.name(), &source)),
                Intent::Members if paths(on, id, was.kind)?.iter().any(|path| path == "members") => {
                    Some(written_by("members", was.name(), &source))
                }
                Intent::Delete | Intent::Restore | Intent::Members => None,
            };
            if told.is_some() {
                return Ok(told);
            }
        }
        Ok(None)
    }
}

fn written_by(path: &str, name: &str, source: &str) -> String {
    format!(
        "{path} of {name} is written by the source {source}; change it there, and the next import brings it"
    )
}

/// The first of these attributes that differs. Where none are known yet (no import has ended), all are taken for the source's.
fn changed(of: &ResourceType, before: &Object, after: &Object, paths: &[String]) -> Option<String> {
    if paths.is_empty() {
        return (!resource::unchanged(before, after)).then(|| "everything".to_owned());
    }
    let differs = |path: &&String| {
        AttributePath::parse(path)
            .is_ok_and(|path| resource::read(of, before, &path) != resource::read(of, after, &path))
    };
    paths.iter().find(differs).cloned()
}
