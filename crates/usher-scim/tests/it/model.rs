//! PATCH as done by hand over plain maps: RFC 7644 §3.5.2 and docs/conformance.md. It shares no code with what it judges.

use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::patch::{Op, Step};

/// Parts of a complex value.
pub(crate) type Parts = BTreeMap<String, Value>;

/// To be refused.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused;

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) plain: Parts,
    pub(crate) whole: BTreeMap<&'static str, Parts>,
    pub(crate) emails: Vec<Parts>,
}

impl Model {
    pub(crate) fn apply(&mut self, op: Op, step: &Step, strict: bool) -> Result<(), Refused> {
        match step {
            Step::Plain(name, value) => set(&mut self.plain, op, name, value),
            Step::Whole(name, _) if op == Op::Remove => _ = self.whole.remove(name),
            Step::Whole(name, parts) => {
                let whole = self.whole.entry(name).or_default();
                parts.iter().for_each(|(part, value)| set(whole, op, part, value));
            }
            Step::Part(name, part, value) => set(self.whole.entry(name).or_default(), op, part, value),
            Step::Emails(_) if op == Op::Remove => self.emails.clear(),
            Step::Emails(new) if op == Op::Replace => self.emails = new.clone(),
            Step::Emails(new) => self.add(new)?,
            Step::Chosen(kind, with) => self.chosen(op, kind, with, strict)?,
            Step::ChosenPart(kind, part, value) => self.chosen_part(op, *kind, part, value, strict)?,
        }
        self.whole.retain(|_, parts| !parts.is_empty());
        // One value of one type stands once.
        let mut seen = Vec::new();
        for one in std::mem::take(&mut self.emails).into_iter().rev() {
            seen.retain(|other| *other != one);
            seen.push(one);
        }
        self.emails = seen.into_iter().rev().collect();
        Ok(())
    }

    /// Elements with the same value (and type, if one is said) are one.
    fn add(&mut self, new: &[Parts]) -> Result<(), Refused> {
        let mut touched = Vec::new();
        for (n, one) in new.iter().enumerate() {
            if new[..n].contains(one) {
                continue;
            }
            let same = |old: &Parts| {
                old.get("value") == one.get("value")
                    && (one.get("type").is_none() || old.get("type") == one.get("type"))
            };
            let at = self.emails.iter().position(same).unwrap_or(self.emails.len());
            if at == self.emails.len() {
                self.emails.push(Parts::new());
            }
            self.emails[at].extend(one.clone());
            touched.push(at);
        }
        self.one_primary(&touched)
    }

    fn chosen(&mut self, op: Op, kind: &str, with: &Parts, strict: bool) -> Result<(), Refused> {
        if op == Op::Remove {
            self.emails.retain(|e| e.get("type") != Some(&json!(kind)));
            return Ok(());
        }
        let (touched, made) = self.having(op, Some(kind), strict)?;
        for at in &touched {
            if op == Op::Replace && !made {
                self.emails[*at].clear();
            }
            self.emails[*at].extend(with.clone());
        }
        self.one_primary(&touched)
    }

    fn chosen_part(
        &mut self,
        op: Op,
        kind: Option<&str>,
        part: &str,
        value: &Value,
        strict: bool,
    ) -> Result<(), Refused> {
        match (op, value) {
            (Op::Add, Value::Null) => return Ok(()),
            (Op::Remove, _) | (_, Value::Null) => {
                for email in &mut self.emails {
                    let hit = kind.is_none_or(|kind| email.get("type") == Some(&json!(kind)));
                    // What is left without a value says only what kind of value there was.
                    if hit && email.remove(part).is_some() && !email.contains_key("value") {
                        email.clear();
                    }
                }
                self.emails.retain(|e| !e.is_empty());
                return Ok(());
            }
            _ => {}
        }
        let (touched, _) = self.having(op, kind, strict)?;
        touched.iter().for_each(|at| _ = self.emails[*at].insert(part.to_owned(), value.clone()));
        self.one_primary(&touched)
    }

    /// Which elements are of a kind; where there is none, one is made (`true`).
    fn having(&mut self, op: Op, kind: Option<&str>, strict: bool) -> Result<(Vec<usize>, bool), Refused> {
        let is = |at: &usize| kind.is_none_or(|kind| self.emails[*at].get("type") == Some(&json!(kind)));
        let found: Vec<usize> = (0..self.emails.len()).filter(is).collect();
        match found.is_empty() {
            false => Ok((found, false)),
            true if strict && op == Op::Replace && kind.is_some() => Err(Refused),
            true => {
                self.emails.push(kind.map(|kind| ("type".to_owned(), json!(kind))).into_iter().collect());
                Ok((vec![self.emails.len() - 1], true))
            }
        }
    }

    /// A value just made primary is the only one.
    fn one_primary(&mut self, touched: &[usize]) -> Result<(), Refused> {
        let primary = |e: &Parts| e.get("primary") == Some(&json!(true));
        let mut set: Vec<usize> = touched.iter().copied().filter(|at| primary(&self.emails[*at])).collect();
        set.sort_unstable();
        set.dedup();
        match set[..] {
            [] => Ok(()),
            [one] => {
                for (at, email) in self.emails.iter_mut().enumerate() {
                    if at != one && primary(email) {
                        email.insert("primary".into(), json!(false));
                    }
                }
                Ok(())
            }
            _ => Err(Refused),
        }
    }
}

fn set(parts: &mut Parts, op: Op, name: &str, value: &Value) {
    match op {
        Op::Add if value.is_null() => {}
        Op::Add | Op::Replace if !value.is_null() => _ = parts.insert(name.to_owned(), value.clone()),
        _ => _ = parts.remove(name),
    }
}
