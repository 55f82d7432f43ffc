//! What rules do for a SCIM group: it stands for an organization or site, and keeps its name in step.

use usher_mapping::Value;
use uuid::Uuid;

use crate::{
    asked::Question,
    limits,
    row::UnitRef,
    rules::{Act, Action},
    run::{By, Fault, Target},
    unit::UnitKind,
    world::{self, Standing, World},
};

/// A SCIM group and what it stands for.
#[derive(Debug)]
pub(crate) struct GroupTarget {
    /// Its key.
    pub(crate) group: i64,
    pub(crate) account: Value,
    pub(crate) now: State,
    /// As the rule that runs found it.
    before: State,
    /// For an organization or site that a rule makes.
    pub(crate) fresh: Uuid,
}

/// What a group stands for, with the unit as it is to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) classification: Option<UnitKind>,
    pub(crate) unit: Option<UnitRef>,
}

impl State {
    /// In short.
    pub(crate) fn standing(&self) -> Standing {
        Standing { classification: self.classification, unit: self.unit.as_ref().map(|unit| unit.id) }
    }
}

impl GroupTarget {
    /// With what the group stands for.
    pub(crate) fn new(group: i64, state: State, account: Value, fresh: Uuid) -> Self {
        Self { group, account, now: state.clone(), before: state, fresh }
    }

    fn link(&mut self, world: &mut World<'_>, kind: UnitKind, value: &Value) -> Result<(), Fault> {
        let Some(id) = world::id_of(value) else { return Ok(()) };
        if self.now.unit.as_ref().is_some_and(|unit| unit.id == id) {
            return Ok(());
        }
        let unit = world.known.unit(id).filter(|unit| unit.kind == kind).cloned();
        self.now.unit = Some(unit.ok_or_else(|| Fault(format!("there is no {} {id}", kind.word())))?);
        Ok(())
    }

    fn create(
        &mut self,
        world: &mut World<'_>,
        kind: UnitKind,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<(), Fault> {
        let Some(name) = name(kind, value, left_out) else { return Ok(()) };
        world.asked.insert(Question::unit(kind, &name));
        if world.known.by_name(kind, &name).is_some() {
            return Err(taken(kind, &name));
        }
        self.now.unit = Some(UnitRef { kind, id: self.fresh, name, disabled: false });
        Ok(())
    }

    fn rename(
        &mut self,
        world: &mut World<'_>,
        kind: UnitKind,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<(), Fault> {
        let Some(unit) = self.now.unit.as_mut().filter(|unit| unit.kind == kind) else {
            return Err(Fault(format!("the group is linked to no {}", kind.word())));
        };
        let Some(name) = name(kind, value, left_out).filter(|name| *name != unit.name) else {
            return Ok(());
        };
        if let Some(other) = world.known.other_group(unit.id, self.group) {
            return Err(Fault(format!(
                "{} \"{}\" is linked to group {other} too, so this group can't rename it to \"{name}\"",
                kind.word(),
                unit.name
            )));
        }
        world.asked.insert(Question::unit(kind, &name));
        if world.known.by_name(kind, &name).is_some_and(|other| other.id != unit.id) {
            return Err(taken(kind, &name));
        }
        unit.name = name;
        Ok(())
    }
}

fn taken(kind: UnitKind, name: &str) -> Fault {
    Fault(crate::PeopleError::Taken { kind, name: name.to_owned() }.to_string())
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

impl Target for GroupTarget {
    fn named(&self, _: &World<'_>) -> Vec<(String, Value)> {
        let linked = |kind| {
            let unit = self.now.unit.as_ref().filter(|unit| unit.kind == kind);
            unit.map_or(Value::Null, world::unit_value)
        };
        vec![
            ("organization".into(), linked(UnitKind::Organization)),
            ("site".into(), linked(UnitKind::Site)),
            ("account".into(), self.account.clone()),
        ]
    }

    fn act(
        &mut self,
        world: &mut World<'_>,
        _: By<'_>,
        action: &Action,
        value: &Value,
        left_out: &mut Vec<String>,
    ) -> Result<bool, Fault> {
        match &action.act {
            Act::LinkUnit(kind) => self.link(world, *kind, value)?,
            Act::CreateUnit(kind) => self.create(world, *kind, value, left_out)?,
            Act::Name(kind) => self.rename(world, *kind, value, left_out)?,
            Act::Classify => {
                if let Some(word) = value.text() {
                    let kind = UnitKind::from_word(&word);
                    let unknown = || Fault(format!("there is no classification \"{word}\""));
                    self.now.classification = Some(kind.ok_or_else(unknown)?);
                }
                return Ok(false);
            }
            _ => return Err(Fault(format!("{} is no action for a group", action.spelled))),
        }
        Ok(true)
    }

    /// What the group stands for is in its record; its members take it over in runs of their own.
    fn finish(&mut self, world: &mut World<'_>, _: &mut Vec<String>) -> Result<(), Fault> {
        if let Some(unit) = &self.now.unit
            && self.before.unit.as_ref() != Some(unit)
            && world.known.known_unit(unit.id) != Some(unit)
        {
            world.known.put_unit(unit.clone(), world.run);
        }
        if self.now.standing() != self.before.standing() {
            world.known.put_standing(self.group, self.now.standing());
        }
        self.before = self.now.clone();
        Ok(())
    }

    fn undo(&mut self) {
        self.now = self.before.clone();
    }
}
