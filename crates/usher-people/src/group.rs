//! What rules do for a SCIM group: it stands for an organization or site, and keeps its name in step.

use jiff::Timestamp;
use usher_directory::Key;
use usher_mapping::Value;
use usher_store::Sql;
use uuid::Uuid;

use crate::{
    PeopleError, limits,
    rules::{Act, Action},
    run::{Fault, Target},
    unit::{self, UnitKind, UnitRow},
    walk::{self, Walk},
    world::{self, Standing, World},
};

/// A SCIM group and what it stands for.
pub(crate) struct GroupTarget {
    pub(crate) group: Key,
    pub(crate) account: Value,
    pub(crate) before: Standing,
    pub(crate) unit: Option<UnitRow>,
    pub(crate) classification: Option<UnitKind>,
    /// For an organization or site that a rule makes.
    pub(crate) fresh: Uuid,
    pub(crate) now: Timestamp,
}

const OTHER_GROUP: Sql = Sql::same("select id from record where unit = $1 and object <> $2 limit 1");

impl GroupTarget {
    /// What it stands for now.
    pub(crate) fn standing(&self) -> Standing {
        Standing { classification: self.classification, unit: self.unit.as_ref().map(|row| row.key) }
    }

    fn link(&mut self, world: &mut World<'_, '_>, kind: UnitKind, value: &Value) -> Result<(), Fault> {
        let Some(id) = world::id_of(value) else { return Ok(()) };
        if self.unit.as_ref().is_some_and(|row| row.unit.id == id) {
            return Ok(());
        }
        let row = unit::by_id(world.tx, world.directory, id)?.filter(|row| row.unit.kind == kind);
        self.unit = Some(row.ok_or_else(|| Fault::Refused(format!("there is no {} {id}", kind.word())))?);
        Ok(())
    }

    fn create(
        &mut self,
        world: &mut World<'_, '_>,
        kind: UnitKind,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<(), Fault> {
        let Some(name) = name(kind, value, left_out) else { return Ok(()) };
        unit::create(world.tx, world.directory, kind, &name, self.fresh, self.now).map_err(refused)?;
        self.unit = unit::by_id(world.tx, world.directory, self.fresh)?;
        Ok(())
    }

    fn rename(
        &mut self,
        world: &mut World<'_, '_>,
        kind: UnitKind,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<(), Fault> {
        let Some(row) = self.unit.as_mut().filter(|row| row.unit.kind == kind) else {
            return Err(Fault::Refused(format!("the group is linked to no {}", kind.word())));
        };
        let Some(name) = name(kind, value, left_out).filter(|name| *name != row.unit.name) else {
            return Ok(());
        };
        if let Some((other,)) =
            world.tx.one::<(Uuid,)>(&OTHER_GROUP, &[row.key.into(), self.group.0.into()])?
        {
            return Err(Fault::Refused(format!(
                "{} \"{}\" is linked to group {other} too, so this group can't rename it to \"{name}\"",
                kind.word(),
                row.unit.name
            )));
        }
        unit::rename(world.tx, world.directory, row, &name, self.now).map_err(refused)?;
        row.unit.name = name;
        Ok(())
    }
}

/// A name within the limit.
fn name(kind: UnitKind, value: &Value, left_out: &mut Vec<String>) -> Option<String> {
    let text = value.text()?;
    let name = text.trim();
    let length = name.chars().count();
    if length > limits::UNIT_NAME {
        let limit = limits::UNIT_NAME;
        left_out.push(format!("{}.name has {length} characters, more than {limit}", kind.word()));
        return None;
    }
    (!name.is_empty()).then(|| name.to_owned())
}

fn refused(error: PeopleError) -> Fault {
    match error {
        PeopleError::Store(error) => error.into(),
        other => Fault::Refused(other.to_string()),
    }
}

impl Target for GroupTarget {
    fn named(&self) -> Vec<(String, Value)> {
        let linked = |kind| {
            let row = self.unit.as_ref().filter(|row| row.unit.kind == kind);
            row.map_or(Value::Null, world::unit_value)
        };
        vec![
            ("organization".into(), linked(UnitKind::Organization)),
            ("site".into(), linked(UnitKind::Site)),
            ("account".into(), self.account.clone()),
        ]
    }

    fn act(
        &mut self,
        world: &mut World<'_, '_>,
        action: &Action,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<bool, Fault> {
        match action.act {
            Act::LinkUnit(kind) => self.link(world, kind, value)?,
            Act::CreateUnit(kind) => self.create(world, kind, value, left_out)?,
            Act::Name(kind) => self.rename(world, kind, value, left_out)?,
            Act::Classify => {
                if let Some(word) = value.text() {
                    let kind = UnitKind::from_word(&word);
                    let unknown = || Fault::Refused(format!("there is no classification \"{word}\""));
                    self.classification = Some(kind.ok_or_else(unknown)?);
                }
                return Ok(false);
            }
            _ => return Err(Fault::Refused(format!("{} is no action for a group", action.spelled))),
        }
        Ok(true)
    }

    /// What the group stands for is in its record; its members take it over in runs of their own.
    fn finish(&mut self, world: &mut World<'_, '_>, _: &mut Vec<String>) -> Result<(), Fault> {
        let now = self.standing();
        if now != self.before {
            walk::begin(world.tx, world.directory, &Walk::Members(self.group))?;
        }
        Ok(())
    }
}
