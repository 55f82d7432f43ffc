//! A CSV file's text: the encoding found, and decoded to UTF-8 as it is read.
use std::{
    collections::VecDeque,
    io::{self, Read, Seek, SeekFrom},
    sync::{Arc, Mutex, PoisonError},
};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How much is looked at to tell UTF-16 without a byte order mark.
const HEAD: usize = 4096;

/// The encoding of a file: by its byte order mark; else the one that was `named`; else UTF-16 by its zero bytes; UTF-8 if all of it
/// is valid; else what its letters are likeliest to be. The file stands at its beginning again afterwards.
pub(super) fn encoding_of(
    file: &mut (impl Read + Seek),
    named: Option<&'static Encoding>,
) -> io::Result<&'static Encoding> {
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let marked = Encoding::for_bom(&head).map(|(encoding, _)| encoding);
    let found = match marked.or(named).or_else(|| utf16(&head)) {
        Some(encoding) => encoding,
        None if is_utf8(&head, file)? => UTF_8,
        None => {
            file.seek(SeekFrom::Start(0))?;
            likeliest(file)?
        }
    };
    file.seek(SeekFrom::Start(0))?;
    Ok(found)
}

/// What the letters of a file that is not UTF-8 are likeliest to be.
fn likeliest(file: &mut impl Read) -> io::Result<&'static Encoding> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let mut block = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut block)?;
        detector.feed(&block[..count], count == 0);
        if count == 0 {
            return Ok(detector.guess(None, Utf8Detection::Deny));
        }
    }
}

/// Latin text in UTF-16 has a zero in nearly every second byte.
fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let pairs = head.len() / 2;
    match (zeros(0), zeros(1)) {
        (0, odd) if pairs > 0 && odd * 2 > pairs => Some(UTF_16LE),
        (even, 0) if pairs > 0 && even * 2 > pairs => Some(UTF_16BE),
        _ => None,
    }
}

fn is_utf8(head: &[u8], rest: &mut impl Read) -> io::Result<bool> {
    let mut pending = head.to_vec();
    let mut block = vec![0; 1 << 16];
    loop {
        let valid = match std::str::from_utf8(&pending) {
            Ok(_) => pending.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        pending.drain(..valid);
        match rest.read(&mut block)? {
            0 => return Ok(pending.is_empty()),
            count => pending.extend_from_slice(&block[..count]),
        }
    }
}

/// Decodes to UTF-8 without a byte order mark.
pub(super) struct Decoded<R> {
    inner: R,
    encoding: &'static Encoding,
    decoder: Decoder,
    raw: Vec<u8>,
    /// Of `raw`, what is read and not yet decoded.
    pending: std::ops::Range<usize>,
    /// Decoded, not yet handed out.
    text: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            encoding,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; 1 << 14],
            pending: 0..0,
            text: vec![0; 1 << 16],
            given: 0,
            ended: false,
        }
        .emptied()
    }

    fn emptied(mut self) -> Self {
        self.text.clear();
        self
    }

    /// Decodes the next piece into `text`.
    fn refill(&mut self) -> io::Result<()> {
        self.given = 0;
        self.text.clear();
        while self.text.is_empty() && !self.ended {
            let mut last = false;
            if self.pending.is_empty() {
                let count = self.inner.read(&mut self.raw)?;
                self.pending = 0..count;
                last = count == 0;
            }
            self.text.resize(1 << 16, 0);
            let (result, read, written, broken) =
                self.decoder.decode_to_utf8(&self.raw[self.pending.clone()], &mut self.text, last);
            self.text.truncate(written);
            self.pending.start += read;
            self.ended = last && result == CoderResult::InputEmpty;
            if broken {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!(
                        "the file is not {} text as it seems to be; name its encoding with the source's setting encoding",
                        self.encoding.name()
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            self.refill()?;
        }
        let count = into.len().min(self.text.len() - self.given);
        into[..count].copy_from_slice(&self.text[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// What goes through to the CSV reader, which itself tells neither exact lines nor an open quote.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// The lines at which the next rows begin, from 1; blank lines are none.
    pub(super) rows: VecDeque<u64>,
    /// A quoted field is not closed yet.
    pub(super) open: bool,
}

/// Follows rows and quotes as the bytes go through.
pub(super) struct Followed<R> {
    inner: R,
    separator: u8,
    state: State,
    line: u64,
    returned: bool,
    shape: Arc<Mutex<Shape>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    RowStart,
    FieldStart,
    Bare,
    Quoted,
    /// Just after a quote within a quoted field: a second one is a quote, anything else ends it.
    Quote,
}

impl<R: Read> Followed<R> {
    pub(super) fn new(inner: R, separator: u8, shape: Arc<Mutex<Shape>>) -> Self {
        Self { inner, separator, state: State::RowStart, line: 1, returned: false, shape }
    }
}

impl<R: Read> Read for Followed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        let mut shape = self.shape.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in &into[..count] {
            let ends = matches!(byte, b'\n' | b'\r');
            if self.state == State::RowStart && !ends {
                shape.rows.push_back(self.line);
            }
            self.state = match (self.state, byte) {
                (State::Quoted, b'"') => State::Quote,
                (State::Quoted, _) | (State::Quote | State::FieldStart | State::RowStart, b'"') => {
                    State::Quoted
                }
                _ if ends => State::RowStart,
                (_, byte) if *byte == self.separator => State::FieldStart,
                _ => State::Bare,
            };
            // CR LF is one end of a line.
            self.line += u64::from(*byte == b'\r' || (*byte == b'\n' && !self.returned));
            self.returned = *byte == b'\r';
        }
        shape.open = self.state == State::Quoted;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8]) -> io::Result<String> {
        let mut file = Cursor::new(bytes);
        let encoding = encoding_of(&mut file, None)?;
        let mut text = String::new();
        Decoded::new(file, encoding).read_to_string(&mut text)?;
        Ok(text)
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    #[test]
    fn encodings_are_found() {
        let text = "userName;Ort\nzoë@x;Köln €\n";
        assert_eq!(decoded(text.as_bytes()).unwrap(), text);
        assert_eq!(decoded(format!("\u{feff}{text}").as_bytes()).unwrap(), text);
        for big in [false, true] {
            assert_eq!(decoded(&utf16(text, big)).unwrap(), text);
            assert_eq!(decoded(&utf16(&format!("\u{feff}{text}"), big)).unwrap(), text);
        }
        for (encoding, text) in [
            (encoding_rs::WINDOWS_1252, text),
            (encoding_rs::WINDOWS_1252, "mail;Ort\na@x;Köln\n"),
            (encoding_rs::WINDOWS_1250, "mail;Jméno\na@x;Jiří Dvořák\nb@x;Łukasz Żółć\n"),
            (encoding_rs::WINDOWS_1251, "mail;Имя\na@x;Анна Петрова\n"),
            (encoding_rs::SHIFT_JIS, "mail;名前\na@x;山田太郎、東京都\n"),
        ] {
            let (bytes, _, lost) = encoding.encode(text);
            assert!(!lost);
            assert_eq!(decoded(&bytes).unwrap(), text, "{}", encoding.name());
        }
        assert_eq!(decoded(b"").unwrap(), "");
    }

    #[test]
    fn a_named_encoding_is_taken_unless_the_file_says_another() {
        let of =
            |bytes: &[u8]| encoding_of(&mut Cursor::new(bytes), Some(encoding_rs::WINDOWS_1250)).unwrap();
        assert_eq!(of(b"mail\n"), encoding_rs::WINDOWS_1250);
        assert_eq!(of(b"\xEF\xBB\xBFmail\n"), UTF_8);
    }

    #[test]
    fn a_character_across_two_blocks_is_still_utf8() {
        for pad in 0..4 {
            let text = format!("{}{}", "x".repeat(pad), "€".repeat(100_000));
            assert_eq!(decoded(text.as_bytes()).unwrap(), text);
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decoded(&bytes);
        }
    }
}
