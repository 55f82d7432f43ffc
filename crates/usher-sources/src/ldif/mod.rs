//! LDIF (RFC 2849), read record by record in bounded memory.
//!
//! Taken as met in the wild: raw UTF-8 in values, `dn` with blanks, `ldapsearch`'s closing `search:` / `result:` lines (a
//! result other than 0 means that the export is incomplete, and is an error), a last `-` that is missing. Refused: values by URL
//! (`:<`), critical controls that ask for something, a file that ends in the middle of a line.
//!
//! Change records are read as [`Change`]s; [`contents`] is what they leave.
mod change;
pub mod contents;

use std::io::BufRead;

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};

use crate::{file::FileError, secret::is_secret};

pub use change::{Act, Change, Modification, Op};

/// A line with its continuations, and a record, may be this long.
const LINE_MOST: usize = 32 << 20;
const RECORD_MOST: usize = 128 << 20;

/// A value as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// UTF-8 text.
    Text(String),
    /// Other bytes, from base64.
    Binary(Vec<u8>),
}

/// An entry. Attributes that hold secrets are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The line of its `dn`, from 1.
    pub line: u64,
    /// Its distinguished name, as spelled.
    pub dn: String,
    /// Attributes with their options (`cn;lang-fr`), as spelled, in the order of the file.
    pub values: Vec<(String, Value)>,
    /// Something in it can't be read (its line, and what): the rest of the file can.
    pub problem: Option<(u64, String)>,
}

impl Record {
    /// The values of an attribute, ignoring the case of its name; those with options are other attributes.
    pub fn all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r Value> + 'r {
        self.values.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
    /// Its text values that are not blank, outer blanks cut.
    pub fn texts<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> + 'r {
        self.all(name).filter_map(|value| match value {
            Value::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            Value::Binary(_) => None,
        })
    }
    /// The first of them.
    pub fn text<'r>(&'r self, name: &'r str) -> Option<&'r str> {
        self.texts(name).next()
    }
    /// Whether it has an object class, ignoring case.
    pub fn is_a(&self, class: &str) -> bool {
        self.texts("objectClass").any(|c| c.eq_ignore_ascii_case(class))
    }
}

/// What a record of a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An entry, exported or added.
    Entry(Record),
    /// A change to an entry.
    Change(Change),
}

/// Reads records; ends after the first error.
pub struct Reader<R> {
    input: R,
    /// Lines read so far.
    line: u64,
    /// The logical line being looked at.
    buffer: Vec<u8>,
    began: bool,
    ended: bool,
}

/// A logical line: where it begins, and what it is.
enum Line {
    Blank,
    Text(u64),
    End,
}

/// A line taken apart.
struct Spec<'l> {
    name: &'l str,
    value: Raw<'l>,
}

enum Raw<'l> {
    Plain(&'l [u8]),
    Base64(&'l [u8]),
    Url,
}

impl<R: BufRead> Reader<R> {
    /// Over bytes.
    pub fn new(input: R) -> Self {
        Self { input, line: 0, buffer: Vec::new(), began: false, ended: false }
    }

    fn item(&mut self) -> Result<Option<Item>, FileError> {
        loop {
            let line = match self.next_line()? {
                Line::End => return Ok(None),
                Line::Blank => continue,
                Line::Text(line) => line,
            };
            let first = !std::mem::replace(&mut self.began, true);
            let spec = take_apart(&self.buffer, line)?;
            match spec.name.to_ascii_lowercase().as_str() {
                "version" if first => check_version(&spec, line)?,
                "dn" => {
                    let dn = text_of(spec.value, line)?;
                    return self.named(line, dn).map(Some);
                }
                "search" | "result" | "ref" => self.trailer(line)?,
                _ => {
                    return Err(FileError::at(
                        line,
                        "an entry begins with \"dn:\"; is this an LDIF file (RFC 2849)?",
                    ));
                }
            }
        }
    }

    /// An entry's attributes, the first line of which may be in the buffer.
    fn entry(&mut self, begin: u64, dn: String, mut next: Line) -> Result<Record, FileError> {
        let mut record = Record { line: begin, dn, values: Vec::new(), problem: None };
        let mut size = 0;
        while let Line::Text(line) = next {
            self.within(begin, &mut size)?;
            if self.buffer == b"-" {
                return Err(FileError::at(
                    line,
                    "a \"-\" ends a change; a change record says \"changetype: modify\" under its \"dn:\"",
                ));
            }
            let spec = take_apart(&self.buffer, line)?;
            if spec.name.eq_ignore_ascii_case("dn") {
                return Err(FileError::at(
                    line,
                    "a second \"dn:\" in one entry; a blank line is missing before it",
                ));
            }
            if !is_secret(spec.name) {
                let name = spec.name.to_owned();
                match value_of(spec, line)? {
                    Ok(value) => record.values.push((name, value)),
                    Err(problem) => record.problem = record.problem.or(Some((line, problem))),
                }
            }
            next = self.next_line()?;
        }
        Ok(record)
    }

    /// Counts the line in the buffer to its record.
    fn within(&self, begin: u64, size: &mut usize) -> Result<(), FileError> {
        *size += self.buffer.len();
        if *size > RECORD_MOST {
            return Err(FileError::at(begin, "an entry of more than 128 MiB"));
        }
        Ok(())
    }

    /// What `ldapsearch` prints after (and, for referrals, between) the entries.
    fn trailer(&mut self, line: u64) -> Result<(), FileError> {
        let mut line = line;
        loop {
            let spec = take_apart(&self.buffer, line)?;
            if spec.name.eq_ignore_ascii_case("result") {
                let result = text_of(spec.value, line)?;
                if result.split_whitespace().next() != Some("0") {
                    return Err(FileError::at(
                        line,
                        format!(
                            "the search that made this file ended with result {result}: the export is not complete"
                        ),
                    ));
                }
            }
            match self.next_line()? {
                Line::Text(next) => line = next,
                _ => return Ok(()),
            }
        }
    }

    /// The next logical line into the buffer: unfolded, comments left out.
    fn next_line(&mut self) -> Result<Line, FileError> {
        loop {
            self.buffer.clear();
            let begin = self.line + 1;
            if !self.physical(0)? {
                return Ok(Line::End);
            }
            if begin == 1 {
                self.drop_mark()?;
            }
            while self.peek()? == Some(b' ') {
                let end = self.buffer.len();
                self.physical(end)?;
                self.buffer.remove(end);
            }
            match self.buffer.first() {
                None => return Ok(Line::Blank),
                Some(b'#') => {}
                Some(_) => return Ok(Line::Text(begin)),
            }
        }
    }

    /// Appends a line without its end to the buffer at `from`; `false`: the file has ended.
    fn physical(&mut self, from: usize) -> Result<bool, FileError> {
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other.map_err(|error| FileError::io(&error))?,
            };
            if chunk.is_empty() {
                if self.buffer.len() == from {
                    return Ok(false);
                }
                // The text stays out of the message: it may be the half of a password.
                return Err(FileError::whole(format!(
                    "the file ends in the middle of a line (line {}): the export was cut off",
                    self.line + 1
                )));
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |at| at + 1);
            self.buffer.extend_from_slice(&chunk[..end.unwrap_or(taken)]);
            self.input.consume(taken);
            if self.buffer.len() > LINE_MOST {
                return Err(FileError::at(self.line + 1, "a value of more than 32 MiB"));
            }
            if end.is_some() {
                if self.buffer.len() > from && self.buffer.last() == Some(&b'\r') {
                    self.buffer.pop();
                }
                self.line += 1;
                return Ok(true);
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, FileError> {
        loop {
            match self.input.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FileError::io(&error)),
                Ok(chunk) => return Ok(chunk.first().copied()),
            }
        }
    }

    /// A byte order mark at the beginning: UTF-8's is dropped, UTF-16's is refused.
    fn drop_mark(&mut self) -> Result<(), FileError> {
        if self.buffer.starts_with(&[0xEF, 0xBB, 0xBF]) {
            self.buffer.drain(..3);
        }
        if self.buffer.starts_with(&[0xFF, 0xFE]) || self.buffer.starts_with(&[0xFE, 0xFF]) {
            return Err(FileError::whole(
                "the file is UTF-16; LDIF is UTF-8 (export again without the Unicode option: ldifde without -u)",
            ));
        }
        Ok(())
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Item, FileError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.item().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

fn check_version(spec: &Spec<'_>, line: u64) -> Result<(), FileError> {
    match spec.value {
        Raw::Plain(b"1") => Ok(()),
        _ => Err(FileError::at(line, "LDIF of another version than 1")),
    }
}

/// `name: value`, `name:: base64` or `name:< url`. What a message quotes of the line is never its value.
fn take_apart(line: &[u8], number: u64) -> Result<Spec<'_>, FileError> {
    let bad =
        || FileError::at(number, "not of the form \"name: value\"; a line that goes on begins with a blank");
    let colon = line.iter().position(|byte| *byte == b':').ok_or_else(bad)?;
    let name = std::str::from_utf8(&line[..colon]).map_err(|_| bad())?.trim_end();
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';' | '_' | '=' | '*');
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(good) {
        return Err(bad());
    }
    let rest = &line[colon + 1..];
    let value = match rest.first() {
        Some(b':') => Raw::Base64(rest[1..].trim_ascii()),
        Some(b'<') => Raw::Url,
        _ => Raw::Plain(&rest[rest.iter().take_while(|byte| **byte == b' ').count()..]),
    };
    Ok(Spec { name, value })
}

/// The value; or what is wrong with it alone.
fn value_of(spec: Spec<'_>, line: u64) -> Result<Result<Value, String>, FileError> {
    let name = spec.name;
    match spec.value {
        Raw::Url => Err(FileError::at(
            line,
            format!("{name} stands in another file or at a URL (\":<\"), which is not followed"),
        )),
        Raw::Base64(text) => {
            let bytes = STANDARD.decode(text).map_err(|error| {
                let place = match error {
                    DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol { offset: at, .. } => {
                        format!(" at character {} of the value", at + 1)
                    }
                    DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => String::new(),
                };
                FileError::at(line, format!("{name} is not base64, as \"::\" says{place}"))
            })?;
            Ok(Ok(
                String::from_utf8(bytes).map_or_else(|error| Value::Binary(error.into_bytes()), Value::Text)
            ))
        }
        Raw::Plain(bytes) => Ok(std::str::from_utf8(bytes)
            .map(|text| Value::Text(text.to_owned()))
            .map_err(|_| format!("{name} is not UTF-8 text"))),
    }
}

fn text_of(value: Raw<'_>, line: u64) -> Result<String, FileError> {
    let spec = Spec { name: "the value", value };
    match value_of(spec, line)? {
        Ok(Value::Text(text)) => Ok(text.trim().to_owned()),
        _ => Err(FileError::at(line, "not UTF-8 text")),
    }
}

#[cfg(test)]
mod tests;
