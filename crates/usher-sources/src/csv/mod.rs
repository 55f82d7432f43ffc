//! CSV files of people, and of memberships: encoding and separator found or named, a header required, quoted line ends taken.
mod columns;
mod text;

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use csv::StringRecord;
use serde_json::Value as Json;
use usher_directory::Kind;
use usher_scim::{ResourceType, prepare};

use crate::{
    entry::{self, Anchor, Entry, Found, Name, Reference, Values, boolean, fit, name_digest},
    file::{self, FileError, Meter, Metered},
    run::EntryError,
};
pub(crate) use columns::plain;
use columns::{Column, Columns, listed};

/// What is said of a file rather than found in it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Form {
    pub(crate) encoding: Option<&'static encoding_rs::Encoding>,
    pub(crate) separator: Option<u8>,
}

/// A row may be this long.
const ROW_MOST: usize = 16 << 20;

type Rows = csv::Reader<text::Followed<text::Decoded<Box<dyn Read + Send>>>>;

/// A CSV file's rows after its header.
pub(crate) struct Table {
    pub(crate) header: Vec<String>,
    rows: Rows,
    shape: Arc<Mutex<text::Shape>>,
    /// The line at which the present row begins.
    pub(crate) line: u64,
}

impl Table {
    pub(crate) fn open(path: &Path, form: Form, meter: &Meter) -> Result<Self, FileError> {
        let (mut file, size) = file::open(path)?;
        if size == 0 {
            return Err(FileError::whole("the file is empty"));
        }
        let encoding = text::encoding_of(&mut file, form.encoding).map_err(|error| FileError::io(&error))?;
        let (found, skip) = separator(&file, encoding)?;
        let separator = form.separator.unwrap_or(found);
        file.seek(SeekFrom::Start(0)).map_err(|error| FileError::io(&error))?;
        let raw: Box<dyn Read + Send> = Box::new(BufReader::new(Metered::new(file, meter.clone())));
        let shape = Arc::new(Mutex::new(text::Shape::default()));
        let followed = text::Followed::new(text::Decoded::new(raw, encoding), separator, Arc::clone(&shape));
        let rows = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .from_reader(followed);
        let mut table = Self { header: Vec::new(), rows, shape, line: 0 };
        let mut record = StringRecord::new();
        for _ in 0..=usize::from(skip) {
            if !table.next(&mut record)? {
                return Err(FileError::whole("the file is empty"));
            }
        }
        table.header = record.iter().map(|name| name.trim().to_owned()).collect();
        Ok(table)
    }

    /// The next row that is not blank; `false`: no more.
    pub(crate) fn next(&mut self, record: &mut StringRecord) -> Result<bool, FileError> {
        loop {
            let more = self.rows.read_record(record).map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    FileError::at(self.line + 1, format!("after this line {error}"))
                }
                csv::ErrorKind::Io(error) => FileError::io(&error),
                _ => FileError::at(self.line + 1, "this row can't be read"),
            })?;
            let mut shape = self.shape.lock().unwrap_or_else(PoisonError::into_inner);
            if !more && shape.open {
                return Err(FileError::at(
                    self.line,
                    "a quoted field that begins in this row never ends: the file was cut off, or a quote is missing",
                ));
            }
            if !more {
                return Ok(false);
            }
            self.line = shape.rows.pop_front().unwrap_or(self.line);
            if record.as_slice().len() > ROW_MOST {
                return Err(FileError::at(self.line, "a row of more than 16 MiB; is a quote left open?"));
            }
            if record.iter().any(|field| !field.trim().is_empty()) {
                return Ok(true);
            }
        }
    }
}

/// The separator: what stands most often outside quotes in the header (`,` if none), or what Excel's first line `sep=;` says
/// (then that line is skipped).
fn separator(file: &File, encoding: &'static encoding_rs::Encoding) -> Result<(u8, bool), FileError> {
    let mut head = String::new();
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::InvalidData => FileError::whole(error.to_string()),
        _ => FileError::io(&error),
    };
    let mut bytes = Vec::new();
    text::Decoded::new(file, encoding).take(1 << 16).read_to_end(&mut bytes).map_err(io)?;
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(FileError::whole("this is an Excel workbook or a zip archive; save it as CSV"));
    }
    if bytes.contains(&0) {
        return Err(FileError::whole("this is no text file"));
    }
    head.push_str(&String::from_utf8_lossy(&bytes));
    let line = head.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if let Some(mark) = line.strip_prefix("sep=").filter(|mark| mark.len() == 1) {
        return Ok((mark.as_bytes()[0], true));
    }
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    for byte in line.bytes() {
        quoted ^= byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(separator, _)| !quoted && *separator == byte) {
            *count += 1;
        }
    }
    let best = counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(separator, _)| *separator);
    Ok((best, false))
}

/// Reads a file of people. `bound`: the column that an earlier import told them apart by.
pub(crate) fn people(
    path: &Path,
    form: Form,
    bound: Option<&str>,
    meter: &Meter,
    each: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Result<(), FileError> {
    let mut table = Table::open(path, form, meter)?;
    let user = entry::user_type();
    let people = People { columns: Columns::of(&table.header, bound, &user)?, user };
    let mut record = StringRecord::new();
    while table.next(&mut record)? {
        if each(people.found(&record, table.line)).is_break() {
            break;
        }
    }
    Ok(())
}

struct People {
    columns: Columns,
    user: ResourceType,
}

impl People {
    fn found(&self, row: &StringRecord, line: u64) -> Found {
        let cell = |at: usize| row.get(at).map(str::trim).filter(|text| !text.is_empty());
        let label = cell(self.columns.anchor)
            .or_else(|| self.columns.user_name.and_then(cell))
            .or_else(|| self.columns.mail.and_then(cell))
            .map_or_else(|| format!("line {line}"), str::to_owned);
        let expected = self.columns.all.len();
        let anchor = cell(self.columns.anchor)
            .filter(|_| row.len() == expected)
            .map(|value| Anchor { by: self.columns.anchor_name.clone(), value: prepare::fold(value) });
        let refused = |message: String| Found::Refused {
            error: EntryError { line, entry: label.clone(), message },
            who: anchor.clone().map(|anchor| (Kind::User, anchor)),
            perhaps: if anchor.is_none() {
                row.iter().map(|text| text.trim().to_owned()).collect()
            } else {
                Vec::new()
            },
            names: self.names(&cell),
        };
        if row.len() != expected {
            return refused(format!("a row of {} fields under a header of {expected}", row.len()));
        }
        let Some(anchor) = anchor.clone() else {
            return refused(format!("no {}, by which people are told apart", self.columns.anchor_name));
        };
        match self.entry(line, label.clone(), anchor, &cell) {
            Ok(entry) => Found::Entry(Box::new(entry)),
            Err(message) => refused(message),
        }
    }

    fn entry<'r>(
        &self,
        line: u64,
        label: String,
        anchor: Anchor,
        cell: &impl Fn(usize) -> Option<&'r str>,
    ) -> Result<Entry, String> {
        let mut entry = Entry {
            line,
            label,
            kind: Kind::User,
            anchor,
            names: self.names(cell),
            values: Values::default(),
            user_name: self
                .columns
                .user_name
                .and_then(cell)
                .or_else(|| self.columns.mail.and_then(cell))
                .map(str::to_owned),
            active: None,
            manager: Reference::Omitted,
            members: Vec::new(),
            groups: Vec::new(),
            stamp: None,
            mark: None,
        };
        let name = entry.user_name.as_deref().ok_or("no userName and no mail")?;
        prepare::user_name(name).map_err(|error| error.to_string())?;
        entry.values.set.push(("userName".into(), name.into()));
        for (at, column) in self.columns.all.iter().enumerate() {
            let text = cell(at);
            match column {
                Column::Ignored | Column::Id => {}
                Column::Manager => {
                    entry.manager =
                        text.map_or(Reference::Nobody, |text| Reference::Named(name_digest("key", text)));
                }
                Column::Value(path) if path.name == "active" && path.schema.is_none() => {
                    // An empty cell says nothing: a new person is active, a known one stays as it is.
                    let Some(text) = text else { continue };
                    let active =
                        boolean(text).ok_or_else(|| format!("active is true or false, not \"{text}\""))?;
                    entry.active = Some(active);
                    entry.values.set.push(("active".into(), active.into()));
                }
                Column::Value(path) if path.name == "userName" => {}
                Column::Value(path) => {
                    let value = text.map_or(Json::Null, Json::from);
                    entry.values.set.push((path.to_string(), fit(&self.user, path, value)?));
                }
            }
        }
        Ok(entry)
    }

    fn names<'r>(&self, cell: &impl Fn(usize) -> Option<&'r str>) -> Vec<Name> {
        let columns = &self.columns;
        [(Some(columns.anchor), 0), (columns.user_name, 1), (columns.mail, 2)]
            .into_iter()
            .filter_map(|(at, rank)| Some(Name { digest: name_digest("key", cell(at?)?), rank }))
            .collect()
    }
}

/// Whether a file is one of memberships, as those of a folder are told apart: it has the columns `group` and `member`.
pub(crate) fn has_memberships(path: &Path, form: Form) -> Result<bool, FileError> {
    let header = Table::open(path, form, &Meter::default())?.header;
    let has = |names: &[&str]| header.iter().any(|name| names.contains(&plain(name).as_str()));
    Ok(has(&["group", "groupname", "groupdisplayname"]) && has(&["member", "memberid"]))
}

/// Groups with their members, from one file or several: a group for each name in the column `group`, its members named by key,
/// userName or mail; a group's name makes it a group in a group.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: Vec<Entry>,
    known: HashMap<String, usize>,
}

impl Groups {
    /// Reads a file of memberships.
    pub(crate) fn read(&mut self, path: &Path, form: Form, meter: &Meter) -> Result<(), FileError> {
        let mut table = Table::open(path, form, meter)?;
        let at = |names: &[&str]| table.header.iter().position(|name| names.contains(&plain(name).as_str()));
        let group = at(&["group", "groupname", "groupdisplayname"]);
        let member = at(&["member", "memberid", "username", "user", "mail", "email"]);
        let (Some(group), Some(member)) = (group, member) else {
            return Err(FileError::at(
                1,
                format!(
                    "a file of memberships needs the columns group and member; the columns found are {}",
                    listed(&table.header)
                ),
            ));
        };
        let mut record = StringRecord::new();
        while table.next(&mut record)? {
            let cell = |at: usize| record.get(at).map(str::trim).filter(|text| !text.is_empty());
            let Some(name) = cell(group) else {
                // Whose membership this is can't be told, so the file can't say who is no longer a member.
                return Err(FileError::at(table.line, "a row without a group"));
            };
            let index = *self.known.entry(prepare::fold(name)).or_insert_with(|| {
                self.groups.push(group_entry(name, table.line));
                self.groups.len() - 1
            });
            // A group alone: it has no members yet.
            if let (Some(text), Some(entry)) = (cell(member), self.groups.get_mut(index)) {
                entry.members.push(name_digest("key", text));
            }
        }
        Ok(())
    }

    /// Gives them out.
    pub(crate) fn give(self, each: &mut dyn FnMut(Found) -> ControlFlow<()>) {
        let _ = self.groups.into_iter().try_for_each(|entry| each(Found::Entry(Box::new(entry))));
    }
}

fn group_entry(name: &str, line: u64) -> Entry {
    Entry {
        line,
        label: name.to_owned(),
        kind: Kind::Group,
        anchor: Anchor { by: "group".into(), value: prepare::fold(name) },
        names: vec![Name { digest: name_digest("key", name), rank: 3 }],
        values: Values { set: vec![("displayName".into(), name.into())], fresh: Vec::new() },
        user_name: None,
        active: None,
        manager: Reference::Omitted,
        members: Vec::new(),
        groups: Vec::new(),
        stamp: None,
        mark: None,
    }
}

#[cfg(test)]
mod tests;
