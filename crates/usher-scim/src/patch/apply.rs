//! Operations applied to a document, one after the other, all or nothing.

use serde_json::Value;

use super::{Applied, MemberChange, Op, Operation, Patch, members};
use crate::{
    Attribute, AttributePath, Deviation, Object, ResourceType, ScimError, ScimType, Tolerance,
    error::{invalid_path, invalid_value, mutability},
    prepare::same_name,
    resource::{
        self,
        edit::{Change, Target},
        place,
        take::{From, Taker},
    },
    schema::{GROUP, Mutability, Resolved, is_name},
};

pub(super) fn apply(
    patch: &Patch,
    of: &ResourceType,
    to: &Object,
    how: Tolerance,
) -> Result<Applied, ScimError> {
    let taker = Taker { notes: patch.notes.clone(), ..Taker::new(how, From::Patch) };
    let mut work = Work { of, object: to.clone(), members: Vec::new(), taker };
    for operation in &patch.operations {
        work.operation(operation)?;
    }
    let Work { mut object, members, taker, .. } = work;
    resource::keep_immutable(of, to, &mut object)?;
    resource::check(of, &object)?;
    // Values in another order are the same values: the version stays (checklist P-42).
    let changed = !resource::unchanged(to, &object);
    let object = if changed { object } else { to.clone() };
    Ok(Applied { object, changed, members, notes: taker.notes })
}

struct Work<'t> {
    of: &'t ResourceType,
    object: Object,
    members: Vec<MemberChange>,
    taker: Taker,
}

impl Work<'_> {
    fn operation(&mut self, operation: &Operation) -> Result<(), ScimError> {
        let Operation { op, path, value } = operation;
        match (path, op, value) {
            (Some(path), ..) => self.at(*op, path, value.as_ref(), false),
            (None, Op::Remove, _) => Err(ScimError::bad(ScimType::NoTarget, "a remove needs a \"path\"")),
            (None, _, Some(Value::Object(value))) => self.pathless(*op, value),
            (None, ..) => {
                Err(invalid_value("an operation without \"path\" needs an object of attributes as \"value\""))
            }
        }
    }

    /// Each attribute of the object on its own (checklist P-16, P-31, C-05, C-18).
    fn pathless(&mut self, op: Op, value: &Object) -> Result<(), ScimError> {
        crate::body::no_key_twice(value)?;
        for (key, value) in value {
            match self.of.schema_named(key) {
                Some((schema, true)) => {
                    let path = AttributePath::attribute("").within(&schema.id);
                    self.at(op, &path, Some(value), true)?;
                }
                Some((_, false)) => match value {
                    Value::Object(wrapped) => self.pathless(op, wrapped)?,
                    _ => return Err(invalid_value(format!("\"{key}\" must be an object"))),
                },
                None => self.named(op, key, value)?,
            }
        }
        Ok(())
    }

    /// One key of a path-less value; Entra writes paths there.
    fn named(&mut self, op: Op, key: &str, value: &Value) -> Result<(), ScimError> {
        let path = match is_name(key) {
            true => AttributePath::attribute(key),
            false => match AttributePath::parse(key) {
                Ok(path) => path,
                Err(_) => return self.taker.unknown(key),
            },
        };
        if self.of.resolve(&path).is_none() {
            return self.taker.unknown_with(key, value);
        }
        if !is_name(key) {
            let refused =
                invalid_path(format!("\"{path}\" is a path; send it as the \"path\" of an operation"));
            self.taker.tolerate(
                Deviation::PathAsKey,
                format!("the key \"{path}\" was read as a path"),
                refused,
            )?;
        }
        self.at(op, &path, Some(value), true)
    }

    /// One operation at a path; `said_within`: it was a key of a path-less value, where what is read-only is passed over
    /// (checklist P-38).
    fn at(
        &mut self,
        op: Op,
        path: &AttributePath,
        value: Option<&Value>,
        said_within: bool,
    ) -> Result<(), ScimError> {
        let resolved = place::resolve(self.of, path)?;
        if let (Some(attribute), None) = (resolved.attribute, resolved.schema)
            && attribute.name == "schemas"
        {
            return if said_within { Ok(()) } else { self.schemas(op, path, value) };
        }
        let parts = || [resolved.attribute, resolved.sub].into_iter().flatten();
        if parts().any(|a| a.mutability == Mutability::ReadOnly) {
            return match said_within {
                true => Ok(()),
                false => Err(mutability(format!("\"{path}\" is read-only"))),
            };
        }
        if parts().any(|a| a.mutability == Mutability::WriteOnly) {
            self.taker
                .note(Deviation::PasswordDropped, format!("\"{path}\" was dropped: it cannot be set here"));
            return Ok(());
        }
        if let Some(attribute) = resolved.attribute.filter(|a| a.name == "members")
            && resolved.schema.is_some_and(|s| same_name(&s.id, GROUP))
        {
            let change = members::change(op, path, attribute, value, &mut self.taker)?;
            self.members.extend(change);
            return Ok(());
        }
        self.attribute(op, path, &resolved, value)
    }

    fn attribute(
        &mut self,
        op: Op,
        path: &AttributePath,
        at: &Resolved<'_>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let change = match (op, value) {
            (Op::Remove, value) => self.removal(path, at, value.filter(|v| !v.is_null()))?,
            (_, None) => return Err(invalid_value(format!("the operation on \"{path}\" needs a \"value\""))),
            (Op::Add, Some(value)) => Change::Add(value.clone()),
            (Op::Replace, Some(value)) => Change::Replace(value.clone()),
        };
        let mut target = Target::patched(self.of, path, self.taker.how)?;
        target.apply(&mut self.object, change)?;
        self.taker.notes.append(&mut target.into_notes());
        Ok(())
    }

    fn removal(
        &mut self,
        path: &AttributePath,
        at: &Resolved<'_>,
        value: Option<&Value>,
    ) -> Result<Change, ScimError> {
        let named: Option<&Attribute> = at.sub.or(at.attribute);
        let kept = |a: &Attribute| a.required || a.mutability == Mutability::Immutable;
        if path.filter.is_none() && named.is_some_and(kept) {
            return Err(mutability(format!("\"{path}\" is required or immutable and cannot be removed")));
        }
        let Some(value) = value else {
            return Ok(Change::Remove);
        };
        let whole = path.filter.is_none() && path.sub.is_none();
        if whole && (at.open || at.attribute.is_some_and(|a| a.multi_valued)) {
            let refused =
                invalid_value("a remove has no \"value\"; name what to remove by a filter in the path");
            self.taker.tolerate(
                Deviation::RemovedByValue,
                format!("values of \"{path}\" were removed by \"value\""),
                refused,
            )?;
            // An open attribute of one value has nothing to choose from.
            let list = !at.open || resource::read(self.of, &self.object, path).len() > 1 || value.is_array();
            return Ok(if list { Change::RemoveValues(value.clone()) } else { Change::Remove });
        }
        let refused = invalid_value("a remove has no \"value\"");
        self.taker.tolerate(
            Deviation::NeedlessValue,
            format!("the \"value\" of a remove at \"{path}\" was ignored"),
            refused,
        )?;
        Ok(Change::Remove)
    }

    /// `schemas` follows from what a resource has; taking an extension out takes its values (checklist P-41).
    fn schemas(&mut self, op: Op, path: &AttributePath, value: Option<&Value>) -> Result<(), ScimError> {
        let base = &self.of.schema.id;
        let keeps_base = || mutability(format!("\"schemas\" must keep {base}"));
        let urns: Vec<&str> = match value {
            Some(Value::Array(urns)) => urns.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(urn)) => vec![urn],
            _ => Vec::new(),
        };
        let known = |urn: &str| self.of.schema_named(urn).map(|(schema, _)| schema.id.clone());
        let given: Vec<String> = urns.iter().filter_map(|urn| known(urn)).collect();
        if op != Op::Remove && given.len() < urns.len() {
            let refused =
                invalid_value(format!("\"schemas\" holds a schema that is not one of {}'s", self.of.name));
            self.taker.tolerate(Deviation::UnknownSchema, "an unknown schema was ignored", refused)?;
        }
        let own = resource::schemas(self.of, &self.object);
        let gone: Vec<String> = match (op, path.filter.as_deref()) {
            (Op::Add, _) => Vec::new(),
            (Op::Replace, _) => own.into_iter().filter(|urn| !given.contains(urn)).collect(),
            (Op::Remove, None) if urns.is_empty() => return Err(keeps_base()),
            (Op::Remove, None) => given,
            (Op::Remove, Some(_)) => {
                let mut holder = Object::new();
                holder.insert("schemas".into(), own.into_iter().map(Value::String).collect());
                let chosen = place::Place::new(self.of, path)?;
                chosen.read(&holder).into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
        };
        if gone.contains(base) {
            return Err(keeps_base());
        }
        for urn in gone {
            self.object.remove(&urn);
        }
        Ok(())
    }
}
