//! A user as it is shown: with its groups.

use usher_store::{FromRow, Row, Snapshot, Sql, StoreError, args};
use uuid::Uuid;

use super::{Link, Stored, all_groups_of, columns};
use crate::{DirectoryId, Key, Kind, ObjectId};

/// An object, and on PostgreSQL its groups as JSON.
struct Read(Stored, Option<String>);

impl FromRow for Read {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self(Stored::from_row(row)?, row.get(11)?))
    }
}

/// By SCIM id (soft-deleted ones too), with the groups as [`all_groups_of`] gives them. On PostgreSQL, where each statement is a
/// round trip and several need a transaction round them, this is one.
pub fn get_with_groups(
    on: &mut Snapshot<'_>,
    directory: DirectoryId,
    id: ObjectId,
) -> Result<Option<(Stored, Vec<(Link, bool)>)>, StoreError> {
    const GET: Sql = Sql::each(
        concat!("select ", columns!(), ", null from object o where o.directory = $1 and o.id = $2"),
        concat!(
            "select ",
            columns!(),
            ", (with recursive above(grp) as (
                  select m.grp from member m where m.member = o.key
                  union select m.grp from above join member m on m.member = above.grp)
                select coalesce(json_agg(json_build_array(g.key, encode(g.id, 'hex'), g.label, d.since is not null)
                                         order by d.since, g.key), '[]')::text
                from above join object g on g.key = above.grp
                left join member d on d.grp = above.grp and d.member = o.key
                where g.directory = o.directory and g.deleted is null and g.key <> o.key)
              from object o where o.directory = $1 and o.id = $2"
        ),
    );
    let Some(Read(stored, groups)) = on.one::<Read>(&GET, args![directory, id])? else { return Ok(None) };
    let groups = match groups {
        Some(text) => parse(&text)?,
        None => {
            let found = all_groups_of(on, directory, &[stored.key])?;
            found.into_iter().map(|(_, group, direct)| (group, direct)).collect()
        }
    };
    Ok(Some((stored, groups)))
}

fn parse(text: &str) -> Result<Vec<(Link, bool)>, StoreError> {
    let groups: Vec<(i64, Uuid, String, bool)> = serde_json::from_str(text)
        .map_err(|error| StoreError::Bug(format!("a user's groups can't be read: {error}")))?;
    let link =
        |(key, id, name, direct)| (Link { key: Key(key), id: ObjectId(id), kind: Kind::Group, name }, direct);
    Ok(groups.into_iter().map(link).collect())
}
