//! Attributes that an open schema does not list: any JSON, edited by its own shape.

use serde_json::Value;

use super::{Change, Target, into_elements, into_object};
use crate::{Object, ScimError, ScimType, prepare::same_name};

impl Target<'_> {
    pub(super) fn edit_open(
        &mut self,
        now: Option<Value>,
        change: Change,
    ) -> Result<Option<Value>, ScimError> {
        if self.filter.is_some() {
            return self.edit_open_elements(now, change);
        }
        let Some(sub) = self.path.sub.clone() else {
            return self.edit_open_whole(now, change);
        };
        let mut object = into_object(now);
        self.edit_open_sub(&sub, &mut object, change)?;
        Ok((!object.is_empty()).then_some(Value::Object(object)))
    }

    fn edit_open_whole(&mut self, now: Option<Value>, change: Change) -> Result<Option<Value>, ScimError> {
        let name = self.path.name.as_str();
        match change {
            Change::Remove => Ok(None),
            Change::Write(value) | Change::Replace(value) => self.taker.open(name, &value),
            Change::RemoveValues(value) => {
                let gone = into_elements(self.taker.open(name, &value)?);
                let mut elements = into_elements(now);
                elements.retain(|e| !gone.contains(e));
                Ok((!elements.is_empty()).then_some(Value::Array(elements)))
            }
            Change::Add(value) => match (now, self.taker.open(name, &value)?) {
                (Some(Value::Array(mut elements)), new) => {
                    for element in into_elements(new) {
                        if !elements.contains(&element) {
                            elements.push(element);
                        }
                    }
                    Ok(Some(Value::Array(elements)))
                }
                (Some(Value::Object(mut old)), Some(Value::Object(new))) => {
                    old.extend(new);
                    Ok(Some(Value::Object(old)))
                }
                (now, new) => Ok(new.or(now)),
            },
        }
    }

    fn edit_open_sub(&mut self, sub: &str, object: &mut Object, change: Change) -> Result<(), ScimError> {
        let key = object.keys().find(|k| same_name(k, sub)).map_or(sub, |k| k).to_owned();
        let (value, added) = match change {
            Change::Remove | Change::RemoveValues(_) => (None, false),
            Change::Add(value) => (self.taker.open(&key, &value)?, true),
            Change::Write(value) | Change::Replace(value) => (self.taker.open(&key, &value)?, false),
        };
        match value {
            Some(value) => _ = object.insert(key, value),
            None if added => {}
            None => _ = object.remove(&key),
        }
        Ok(())
    }

    fn edit_open_elements(&mut self, now: Option<Value>, change: Change) -> Result<Option<Value>, ScimError> {
        let removes = matches!(change, Change::Remove | Change::RemoveValues(_));
        let (mut kept, mut found) = (Vec::new(), false);
        for element in into_elements(now) {
            if !self.selects(&element) {
                kept.push(element);
                continue;
            }
            found = true;
            match (self.path.sub.clone(), &change) {
                (Some(sub), change) => {
                    let mut object = into_object(Some(element));
                    self.edit_open_sub(&sub, &mut object, change.clone())?;
                    kept.extend((!object.is_empty()).then_some(Value::Object(object)));
                }
                (None, Change::Write(value) | Change::Replace(value) | Change::Add(value)) => {
                    kept.extend(self.taker.open(&self.path.name, value)?);
                }
                (None, Change::Remove | Change::RemoveValues(_)) => {}
            }
        }
        if !found && !removes {
            return Err(ScimError::bad(ScimType::NoTarget, format!("nothing matches \"{}\"", self.path)));
        }
        Ok((!kept.is_empty()).then_some(Value::Array(kept)))
    }
}
