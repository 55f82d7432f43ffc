//! A small CSV file as a whole, whatever it holds: encoding and separator are found as for a source's files.

use std::path::Path;

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use crate::{
    csv::{Form, Table, plain},
    file::{FileError, Meter},
};

/// The most rows that are read at once.
pub const ROWS: usize = 100_000;

/// A table: column names, and the rows below them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// Column names as written, without outer blanks.
    pub header: Vec<String>,
    /// Rows that are not blank.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The line at which it begins, from 1.
    pub line: u64,
    /// Its fields without outer blanks; it may have fewer or more than the header.
    pub cells: Vec<String>,
}

impl Sheet {
    /// Reads a file.
    ///
    /// # Errors
    /// [`FileError`] with the line, where one is at fault; more than [`ROWS`] rows are an error too.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let mut table = Table::open(path, Form::default(), &Meter::default())?;
        let (mut record, mut rows) = (StringRecord::new(), Vec::new());
        while table.next(&mut record)? {
            if rows.len() == ROWS {
                return Err(FileError::whole(format!(
                    "it has more than {ROWS} rows; make several files of it"
                )));
            }
            let cells = record.iter().map(|cell| cell.trim().to_owned()).collect();
            rows.push(Row { line: table.line, cells });
        }
        Ok(Self { header: table.header, rows })
    }

    /// Where a column stands, its name compared without case, blanks, `_` and `-`.
    pub fn column(&self, name: &str) -> Option<usize> {
        let wanted = plain(name);
        self.header.iter().position(|column| plain(column) == wanted)
    }
}

impl Row {
    /// A field that is there and not empty.
    pub fn cell(&self, column: usize) -> Option<&str> {
        self.cells.get(column).map(String::as_str).filter(|cell| !cell.is_empty())
    }
}

/// Yes or no as people write it, in a few languages; `None`: neither.
pub fn boolean(text: &str) -> Option<bool> {
    crate::entry::boolean(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Sheet, FileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("units.csv");
        std::fs::write(&path, bytes).unwrap();
        Sheet::read(&path)
    }

    #[test]
    fn a_spreadsheets_file_is_read_as_it_is_saved() {
        // As a German Excel saves it: semicolons, Windows-1252.
        let sheet = read(b"Name;Dis abled\r\n\"K\xf6ln; Dom\"; nein \r\n\r\n Bonn\r\n").unwrap();
        assert_eq!(sheet.header, ["Name", "Dis abled"]);
        assert_eq!(
            (sheet.column("name"), sheet.column("disabled"), sheet.column("x")),
            (Some(0), Some(1), None)
        );
        let rows: Vec<_> = sheet.rows.iter().map(|row| (row.line, row.cell(0), row.cell(1))).collect();
        assert_eq!(rows, [(2, Some("Köln; Dom"), Some("nein")), (4, Some("Bonn"), None)]);
        assert_eq!((boolean("Nein"), boolean("1"), boolean("maybe")), (Some(false), Some(true), None));
        assert!(read(b"").is_err() && read(b"name\n\"open").is_err());
    }
}
