//! LDIF (RFC 2849), read record by record in bounded memory.
//!
//! Taken as met in the wild: raw UTF-8 in values, `dn` with blanks, `ldapsearch`'s closing `search:` / `result:` lines (a
//! result other than 0 means that the export is incomplete, and is an error). Refused: change records other than
//! `changetype: add`, values by URL (`:<`), a file that ends in the middle of a line.
use std::io::BufRead;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{file::FileError, secret::is_secret};

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

    fn record(&mut self) -> Result<Option<Record>, FileError> {
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
                    return self.rest_of_record(line, dn).map(Some);
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

    fn rest_of_record(&mut self, begin: u64, dn: String) -> Result<Record, FileError> {
        let mut record = Record { line: begin, dn, values: Vec::new(), problem: None };
        let mut size = 0;
        while let Line::Text(line) = self.next_line()? {
            size += self.buffer.len();
            if size > RECORD_MOST {
                return Err(FileError::at(begin, "an entry of more than 128 MiB"));
            }
            if self.buffer == b"-" {
                return Err(changes(line));
            }
            let spec = take_apart(&self.buffer, line)?;
            if is_secret(spec.name) {
                continue;
            }
            match (spec.name.to_ascii_lowercase().as_str(), record.values.is_empty()) {
                ("changetype", true) => {
                    if !text_of(spec.value, line)?.eq_ignore_ascii_case("add") {
                        return Err(changes(line));
                    }
                    continue;
                }
                ("control", true) => return Err(changes(line)),
                ("dn", _) => {
                    return Err(FileError::at(
                        line,
                        "a second \"dn:\" in one entry; a blank line is missing before it",
                    ));
                }
                _ => {}
            }
            let name = spec.name.to_owned();
            match value_of(spec, line)? {
                Ok(value) => record.values.push((name, value)),
                Err(problem) => record.problem = record.problem.or(Some((line, problem))),
            }
        }
        Ok(record)
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
    type Item = Result<Record, FileError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.record().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

fn changes(line: u64) -> FileError {
    FileError::at(
        line,
        "a change record (changetype: modify, delete or modrdn); export the entries themselves, \
         not the changes to them",
    )
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
            let bytes = STANDARD
                .decode(text)
                .map_err(|_| FileError::at(line, format!("{name} is not base64, as \"::\" says")))?;
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<Vec<Record>, FileError> {
        Reader::new(text.as_ref()).collect()
    }
    fn fails(text: impl AsRef<[u8]>) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn folding_base64_comments_options_and_line_ends() {
        let records = read(
            "\u{feff}version: 1\r\n# a comment\r\n that goes on\r\ndn: uid=anna,\r\n  dc=x\r\ncn: Anna\r\ncn;lang-fr: Anne\r\n\
             sn:: TcO8bGxlcg==\r\njpegPhoto:: /9j/\r\nempty:\r\n\r\n\r\ndn:: dWlkPWLDuA==\r\nUID:b\u{f8}\r\n",
        )
        .unwrap();
        assert_eq!(records.len(), 2);
        let anna = &records[0];
        assert_eq!((anna.line, anna.dn.as_str()), (4, "uid=anna, dc=x"));
        assert_eq!(anna.texts("CN").collect::<Vec<_>>(), ["Anna"]);
        assert_eq!(anna.text("cn;lang-fr"), Some("Anne"));
        assert_eq!(anna.text("sn"), Some("Müller"));
        assert_eq!(anna.all("jpegphoto").next(), Some(&Value::Binary(vec![0xFF, 0xD8, 0xFF])));
        assert_eq!(anna.text("empty"), None);
        assert_eq!((records[1].dn.as_str(), records[1].text("uid")), ("uid=bø", Some("bø")));
    }

    #[test]
    fn passwords_never_leave_the_reader() {
        let records = read(
            "dn: uid=a\nuserPassword: sesame\nuserpassword;x-old:: c2VzYW1l\nsambaNTPassword: ses\n ame\n\
             unicodePwd:: c2VzYW1l\nuid: a\n",
        )
        .unwrap();
        assert_eq!(records[0].values, [("uid".to_owned(), Value::Text("a".into()))]);
        for broken in ["dn: uid=a\nuserPassword: ses\name\n", "dn: uid=a\nuserPassword: sesame"] {
            let message = fails(broken);
            assert!(!message.contains("ses") && !message.contains("ame\""), "{message}");
        }
    }

    #[test]
    fn a_cut_line_is_an_error_that_names_it() {
        let message = fails("dn: uid=a\nuid: a\n\ndn: uid=b\nmail: b@exam");
        assert!(message.contains("ends in the middle of a line (line 5)"), "{message}");
        assert_eq!(read("dn: uid=a\nuid: a\n").unwrap().len(), 1);
        assert!(fails("dn: uid=a\nuid: a\n b").contains("line 3"));
    }

    #[test]
    fn what_is_no_export_of_entries_is_refused() {
        for (text, part) in [
            ("dn: uid=a\nchangetype: modify\nreplace: sn\nsn: x\n-\n", "line 2: a change record"),
            ("dn: uid=a\nreplace: sn\nsn: x\n-\n", "line 4: a change record"),
            ("dn: uid=a\nchangetype: delete\n", "a change record"),
            ("dn: uid=a\njpegPhoto:< file:///etc/passwd\n", "line 2: jpegPhoto stands in another file"),
            ("version: 2\ndn: uid=a\n", "version"),
            ("userName,mail\n", "name: value"),
            ("name: x\n", "begins with \"dn:\""),
            ("dn: a=b\nuid:: !\n", "line 2: uid is not base64"),
            ("dn: a=b\nuid: x\ndn: c=d\n", "line 3"),
            ("dn: a=b\nuid: x\n\nsearch: 2\nresult: 4 Size limit exceeded\n", "result 4 Size limit exceeded"),
        ] {
            let message = fails(text);
            assert!(message.contains(part), "{text:?}: {message}");
        }
        assert!(fails([0xFF, 0xFE, b'd', 0, b'\n', 0]).contains("UTF-16"));
    }

    #[test]
    fn added_entries_and_the_end_of_ldapsearch_are_taken() {
        let records = read(
            "dn: uid=a\nchangetype: add\nuid: a\n\nref: ldap://other/\n\ndn: uid=b\nuid: b\n\nsearch: 2\nresult: 0 Success\n\n# numEntries: 2\n",
        )
        .unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].values.len(), 1);
    }

    #[test]
    fn a_value_of_another_encoding_is_the_entrys_problem() {
        let records = read(b"dn: uid=a\nsn: M\xFCller\nuid: a\n\ndn: uid=b\nuid: b\n").unwrap();
        assert_eq!(records[0].problem, Some((2, "sn is not UTF-8 text".into())));
        assert_eq!(records[0].text("uid"), Some("a"));
        assert_eq!(records[1].problem, None);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(bytes);
        }
        #[test]
        fn never_panics_on_near_misses(text in "(dn:{1,2} ?[a-z=, ]{0,9}\n|[a-zA-Z;-]{1,6}:[:<]? ?[ -~]{0,9}\r?\n| [a-z]{0,4}\n|\n|-\n|#x\n){0,12}[a-z]{0,3}") {
            let _ = read(text);
        }
        /// However a value is folded, it is read as it was.
        #[test]
        fn folding_is_undone(value in "[a-z][ -~]{0,60}[a-z]", width in 1usize..20) {
            let line = format!("cn: {value}");
            let folded: Vec<&str> = line.as_bytes().chunks(width + 3).map(|c| std::str::from_utf8(c).unwrap()).collect();
            let records = read(format!("dn: uid=a\n{}\n", folded.join("\n "))).unwrap();
            prop_assert_eq!(records[0].text("cn"), Some(value.as_str()));
        }
    }
}
