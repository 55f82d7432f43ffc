//! What the records of a file leave, one after the other: entries are added, and changes applied to those that are there.
//!
//! In memory, all of it: only files that hold changes are read this way.
use std::{
    collections::{BTreeMap, HashMap},
    io::BufRead,
};

use super::{Act, Change, Item, Modification, Op, Reader, Record, Value};
use crate::{
    dn::{self, normalise, squeeze},
    file::FileError,
};

/// Whether a file holds changes. Reads as far as the first of them.
///
/// # Errors
/// As the reader's.
pub fn has_changes<R: BufRead>(reader: Reader<R>) -> Result<bool, FileError> {
    for item in reader {
        if matches!(item?, Item::Change(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The entries that a file's records leave, in the order in which they were added.
///
/// # Errors
/// The reader's; a change to an entry that no earlier record of the file adds; an entry that is added twice.
pub fn contents<R: BufRead>(reader: Reader<R>) -> Result<Vec<Record>, FileError> {
    let mut contents = Contents::default();
    for item in reader {
        match item? {
            Item::Entry(record) => contents.add(record)?,
            Item::Change(change) => contents.change(change)?,
        }
    }
    Ok(contents.entries.into_values().collect())
}

#[derive(Debug, Default)]
struct Contents {
    entries: BTreeMap<u64, Record>,
    next: u64,
    /// By normalised name.
    by_name: HashMap<String, u64>,
    /// How many entries are right below a name, so that most renamings need not look for them.
    below: HashMap<String, usize>,
}

impl Contents {
    fn add(&mut self, record: Record) -> Result<(), FileError> {
        let name = normalise(&record.dn);
        if let Some(there) = self.by_name.get(&name).and_then(|number| self.entries.get(number)) {
            let detail = format!("{} is added a second time; it stands in line {}", record.dn, there.line);
            return Err(FileError::at(record.line, detail));
        }
        self.put(name, self.next, record);
        self.next += 1;
        Ok(())
    }

    fn put(&mut self, name: String, number: u64, record: Record) {
        *self.below.entry(parent(&record.dn)).or_default() += 1;
        self.by_name.insert(name, number);
        self.entries.insert(number, record);
    }

    fn take(&mut self, name: &str) -> Option<(u64, Record)> {
        let number = self.by_name.remove(name)?;
        let record = self.entries.remove(&number)?;
        if let Some(count) = self.below.get_mut(&parent(&record.dn)) {
            *count = count.saturating_sub(1);
        }
        Some((number, record))
    }

    fn change(&mut self, Change { line, dn, act }: Change) -> Result<(), FileError> {
        let name = normalise(&dn);
        let Some(number) = self.by_name.get(&name).copied() else {
            return Err(FileError::at(
                line,
                format!(
                    "a change record for {dn}, which no record before it adds: a source's file says everything that is there, \
                     so put the export of the entries first and the changes after it"
                ),
            ));
        };
        match act {
            Act::Modify(modifications) => {
                if let Some(record) = self.entries.get_mut(&number) {
                    modifications.into_iter().for_each(|one| modify(record, one));
                }
            }
            Act::Delete { tree } => self.delete(&name, &dn, tree, line)?,
            Act::Rename { rdn, delete_old, superior } => {
                self.rename(&name, &rdn, delete_old, superior.as_deref(), line)?;
            }
        }
        Ok(())
    }

    fn delete(&mut self, name: &str, dn: &str, tree: bool, line: u64) -> Result<(), FileError> {
        let below = self.names_below(name);
        if !tree && !below.is_empty() {
            let detail = format!("{dn} is deleted while {} entries are below it", below.len());
            return Err(FileError::at(line, detail));
        }
        for name in below.iter().map(String::as_str).chain([name]) {
            self.take(name);
        }
        Ok(())
    }

    fn names_below(&self, name: &str) -> Vec<String> {
        if self.below.get(name).is_none_or(|count| *count == 0) {
            return Vec::new();
        }
        self.by_name.keys().filter(|other| is_below(other, name)).cloned().collect()
    }

    fn rename(
        &mut self,
        name: &str,
        rdn: &str,
        delete_old: bool,
        superior: Option<&str>,
        line: u64,
    ) -> Result<(), FileError> {
        let below = self.names_below(name);
        let Some((number, mut record)) = self.take(name) else { return Ok(()) };
        let old = dn::rdns(&record.dn);
        let depth = old.len();
        let rest: Vec<String> = match superior {
            Some(superior) => dn::rdns(superior).into_iter().map(str::to_owned).collect(),
            None => old.iter().skip(1).map(|rdn| (*rdn).to_owned()).collect(),
        };
        let renamed = [&[rdn.to_owned()], rest.as_slice()].concat().join(",");
        if delete_old {
            for (attribute, value) in old.first().map(|rdn| dn::spelled(rdn)).unwrap_or_default() {
                remove(&mut record, &attribute, &Value::Text(value));
            }
        }
        for (attribute, value) in dn::spelled(rdn) {
            add(&mut record, &attribute, Value::Text(value));
        }
        let key = normalise(&renamed);
        if self.by_name.contains_key(&key) {
            let detail = format!("{} is renamed to {renamed}, which is there already", record.dn);
            return Err(FileError::at(line, detail));
        }
        record.dn.clone_from(&renamed);
        self.put(key, number, record);
        for name in below {
            let Some((number, mut record)) = self.take(&name) else { continue };
            let own = dn::rdns(&record.dn);
            let own = own.get(..own.len().saturating_sub(depth)).unwrap_or_default().join(",");
            record.dn = format!("{own},{renamed}");
            self.put(normalise(&record.dn), number, record);
        }
        Ok(())
    }
}

/// Of two normalised names, whether one is below the other. A comma within a value has a backslash before it.
fn is_below(name: &str, above: &str) -> bool {
    name.strip_suffix(above)
        .and_then(|rest| rest.strip_suffix(','))
        .is_some_and(|rest| rest.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 0)
}

/// The normalised name of what is above.
fn parent(dn: &str) -> String {
    normalise(&dn::rdns(dn).get(1..).unwrap_or_default().join(","))
}

fn modify(record: &mut Record, one: Modification) {
    if let Some(problem) = one.problem {
        record.problem = record.problem.take().or(Some(problem));
    }
    let named = |name: &str| name.eq_ignore_ascii_case(&one.attribute);
    if one.op == Op::Replace || (one.op == Op::Delete && one.values.is_empty()) {
        record.values.retain(|(name, _)| !named(name));
    }
    for value in one.values {
        match one.op {
            Op::Add | Op::Replace => add(record, &one.attribute, value),
            Op::Delete => remove(record, &one.attribute, &value),
        }
    }
}

/// A value that is there already is not there twice.
fn add(record: &mut Record, attribute: &str, value: Value) {
    let there =
        record.values.iter().any(|(name, other)| name.eq_ignore_ascii_case(attribute) && *other == value);
    if !there {
        record.values.push((attribute.to_owned(), value));
    }
}

/// The value as spelled; else the one that LDAP would call equal.
fn remove(record: &mut Record, attribute: &str, value: &Value) {
    let before = record.values.len();
    record.values.retain(|(name, other)| !(name.eq_ignore_ascii_case(attribute) && other == value));
    if record.values.len() == before {
        record.values.retain(|(name, other)| !(name.eq_ignore_ascii_case(attribute) && equal(other, value)));
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => squeeze(a) == squeeze(b) || normalise(a) == normalise(b),
        _ => a == b,
    }
}
