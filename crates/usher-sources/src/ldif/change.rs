//! Change records (RFC 2849 §3, `ldif-change-record`): what they say. What they do is [`super::contents`]'s.
use std::io::BufRead;

use super::{Item, Line, Raw, Reader, Value, take_apart, text_of, value_of};
use crate::{file::FileError, secret::is_secret};

/// A change to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The line of its `dn`, from 1.
    pub line: u64,
    /// Whose.
    pub dn: String,
    /// Which.
    pub act: Act,
}

/// What a change record does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// `changetype: delete`.
    Delete {
        /// With everything below it (the control 1.2.840.113556.1.4.805).
        tree: bool,
    },
    /// `changetype: modify`, in the order of the file; what concerns secrets is left out.
    Modify(Vec<Modification>),
    /// `changetype: modrdn` or `moddn`.
    Rename {
        /// `newrdn`.
        rdn: String,
        /// `deleteoldrdn`: whether the values of the old name go.
        delete_old: bool,
        /// `newsuperior`.
        superior: Option<String>,
    },
}

/// One change of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modification {
    /// What is done.
    pub op: Op,
    /// The attribute with its options, as spelled.
    pub attribute: String,
    /// The values it is done with.
    pub values: Vec<Value>,
    /// One of them can't be read (its line, and what).
    pub problem: Option<(u64, String)>,
}

/// What is done to an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// These values come.
    Add,
    /// These values go; none given: all.
    Delete,
    /// These values stand in place of all others; none given: none.
    Replace,
}

/// Controls that ask nothing of somebody who reads a file: to treat referrals as entries, and to delete what is below.
const MANAGE_REFERRALS: &str = "2.16.840.1.113730.3.4.2";
const DELETE_TREE: &str = "1.2.840.113556.1.4.805";

impl<R: BufRead> Reader<R> {
    /// What comes under a `dn:`: an entry or a change.
    pub(super) fn named(&mut self, begin: u64, dn: String) -> Result<Item, FileError> {
        let (mut tree, mut controlled) = (false, false);
        loop {
            let next = self.next_line()?;
            let Line::Text(line) = next else {
                if controlled {
                    return Err(no_change(begin));
                }
                return self.entry(begin, dn, next).map(Item::Entry);
            };
            if self.buffer == b"-" {
                return self.entry(begin, dn, next).map(Item::Entry);
            }
            let spec = take_apart(&self.buffer, line)?;
            match spec.name.to_ascii_lowercase().as_str() {
                "control" => {
                    controlled = true;
                    tree |= control(spec.value, line)? == DELETE_TREE;
                }
                "changetype" => {
                    let kind = text_of(spec.value, line)?;
                    return self.changed(begin, dn, &kind, line, tree);
                }
                _ if controlled => return Err(no_change(line)),
                _ => return self.entry(begin, dn, next).map(Item::Entry),
            }
        }
    }

    fn changed(
        &mut self,
        begin: u64,
        dn: String,
        kind: &str,
        line: u64,
        tree: bool,
    ) -> Result<Item, FileError> {
        let act = match kind.to_ascii_lowercase().as_str() {
            "add" => {
                let next = self.next_line()?;
                return self.entry(begin, dn, next).map(Item::Entry);
            }
            "delete" => match self.next_line()? {
                Line::Text(line) => {
                    return Err(FileError::at(
                        line,
                        "nothing comes under \"changetype: delete\"; a blank line is missing",
                    ));
                }
                Line::Blank | Line::End => Act::Delete { tree },
            },
            "modify" => Act::Modify(self.modifications(begin)?),
            "modrdn" | "moddn" => self.rename(line)?,
            _ => {
                return Err(FileError::at(
                    line,
                    format!("changetype is add, delete, modify, modrdn or moddn, not {kind}"),
                ));
            }
        };
        Ok(Item::Change(Change { line: begin, dn, act }))
    }

    fn modifications(&mut self, begin: u64) -> Result<Vec<Modification>, FileError> {
        let (mut all, mut size) = (Vec::new(), 0);
        loop {
            let Line::Text(line) = self.next_line()? else { return Ok(all) };
            self.within(begin, &mut size)?;
            let what = "a modification begins with add:, delete: or replace: and the name of an attribute";
            if self.buffer == b"-" {
                return Err(FileError::at(line, what));
            }
            let spec = take_apart(&self.buffer, line)?;
            let op = match spec.name.to_ascii_lowercase().as_str() {
                "add" => Op::Add,
                "delete" => Op::Delete,
                "replace" => Op::Replace,
                "increment" => {
                    return Err(FileError::at(line, "increment: is not known here; write replace: instead"));
                }
                _ => return Err(FileError::at(line, what)),
            };
            let attribute = text_of(spec.value, line)?;
            let mut one = Modification { op, attribute, values: Vec::new(), problem: None };
            let more = self.values(&mut one, begin, &mut size)?;
            if !is_secret(&one.attribute) {
                all.push(one);
            }
            if !more {
                return Ok(all);
            }
        }
    }

    /// The values of a modification up to its `-`; `false`: the record ended.
    fn values(&mut self, of: &mut Modification, begin: u64, size: &mut usize) -> Result<bool, FileError> {
        loop {
            let Line::Text(line) = self.next_line()? else { return Ok(false) };
            self.within(begin, size)?;
            if self.buffer == b"-" {
                return Ok(true);
            }
            let spec = take_apart(&self.buffer, line)?;
            if !spec.name.eq_ignore_ascii_case(&of.attribute) {
                return Err(FileError::at(
                    line,
                    format!(
                        "{} under a change of {}; a \"-\" is missing before the next change",
                        spec.name, of.attribute
                    ),
                ));
            }
            if is_secret(spec.name) {
                continue;
            }
            match value_of(spec, line)? {
                Ok(value) => of.values.push(value),
                Err(problem) => of.problem = of.problem.take().or(Some((line, problem))),
            }
        }
    }

    /// `newrdn`, `deleteoldrdn` and perhaps `newsuperior`.
    fn rename(&mut self, at: u64) -> Result<Act, FileError> {
        let (mut rdn, mut delete_old, mut superior) = (None, None, None);
        while let Line::Text(line) = self.next_line()? {
            let wrong = || {
                FileError::at(line, "a renaming is newrdn:, deleteoldrdn: 0 or 1, and perhaps newsuperior:")
            };
            if self.buffer == b"-" {
                return Err(wrong());
            }
            let spec = take_apart(&self.buffer, line)?;
            let name = spec.name.to_ascii_lowercase();
            let text = text_of(spec.value, line)?;
            match (name.as_str(), text.as_str()) {
                ("newrdn", _) if rdn.is_none() && !text.is_empty() => rdn = Some(text),
                ("deleteoldrdn", "0" | "1") if delete_old.is_none() => delete_old = Some(text == "1"),
                ("newsuperior", _) if superior.is_none() => superior = Some(text),
                _ => return Err(wrong()),
            }
        }
        match (rdn, delete_old) {
            (Some(rdn), Some(delete_old)) => Ok(Act::Rename { rdn, delete_old, superior }),
            _ => Err(FileError::at(at, "a renaming needs newrdn: and deleteoldrdn: (0 or 1)")),
        }
    }
}

fn no_change(line: u64) -> FileError {
    FileError::at(line, "a control: belongs to a change; \"changetype:\" is missing under it")
}

/// A control's OID; refuses what is critical and not known.
fn control(value: Raw<'_>, line: u64) -> Result<String, FileError> {
    let text = text_of(value, line)?;
    let (oid, rest) = match text.find(|c: char| !(c.is_ascii_digit() || c == '.')) {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    let critical = rest.trim_start().to_ascii_lowercase().starts_with("true");
    if critical && oid != MANAGE_REFERRALS && oid != DELETE_TREE {
        return Err(FileError::at(
            line,
            format!(
                "the control {oid} must be honoured, and a file is only read; leave the change out, or the control"
            ),
        ));
    }
    Ok(oid.to_owned())
}
