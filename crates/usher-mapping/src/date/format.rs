//! .NET's date formats in the invariant culture, as `FormatDateTime` has them: what there is, and how a text is read as one.

/// A custom specifier of .NET's, as documented.
#[derive(Debug, Clone, Copy)]
pub struct Specifier {
    /// As written: `dd`, `fff`.
    pub name: &'static str,
    /// What it stands for, and how it is read.
    pub what: &'static str,
    /// Why Usher refuses it, where it does.
    pub refused: Option<&'static str>,
}

const fn row(name: &'static str, what: &'static str) -> Specifier {
    Specifier { name, what, refused: None }
}

/// Every custom specifier; `docs/functions.md` lists them.
pub const SPECIFIERS: &[Specifier] = &[
    row("d", "day of the month, 1 to 31; `%d` when alone"),
    row("dd", "day of the month in two digits"),
    row("ddd", "day of the week: Mon; when read it must be the date's own"),
    row("dddd", "day of the week in full: Monday (also with more d)"),
    row("f … fffffff", "that many digits of the second's fraction"),
    Specifier {
        name: "ffffffff",
        what: "more than seven f or F",
        refused: Some("a fraction has at most seven digits"),
    },
    row(
        "F … FFFFFFF",
        "as f without zeros at the end; a point before it goes with it; read, up to that many digits",
    ),
    row("g, gg", "the era: A.D."),
    row("h, hh", "hour of 1 to 12; hh in two digits (also with more h)"),
    row("H, HH", "hour of 0 to 23; HH in two digits (also with more H)"),
    row("K", "time zone: nothing, Z, or as zzz"),
    row("m, mm", "minute; mm in two digits (also with more m)"),
    row("M, MM", "month as a number; MM in two digits"),
    row("MMM", "month: Jun"),
    row("MMMM", "month in full: June (also with more M)"),
    row("s, ss", "second; ss in two digits (also with more s)"),
    row("t, tt", "A or P; AM or PM (also with more t)"),
    row("y, yy", "year of the century; 50 to 99 are read as 1950 to 1999, 00 to 49 as 2000 to 2049"),
    row("yyy, yyyy, yyyyy …", "year in at least that many digits; read, exactly that many"),
    row("z, zz, zzz", "hours, two digits of hours, hours and minutes from UTC: +2, +02, +02:00"),
    row(":, /", "themselves, the invariant culture's separators"),
    row("\"text\", 'text'", "the text"),
    row("\\", "the next character as itself"),
    row("%", "the next letter is a custom specifier; for one that stands alone"),
    row("any other", "itself"),
];

/// The standard formats: one letter, and the custom format it stands for.
pub const STANDARD: &[(char, &str)] = &[
    ('d', "MM/dd/yyyy"),
    ('D', "dddd, dd MMMM yyyy"),
    ('f', "dddd, dd MMMM yyyy HH:mm"),
    ('F', "dddd, dd MMMM yyyy HH:mm:ss"),
    ('g', "MM/dd/yyyy HH:mm"),
    ('G', "MM/dd/yyyy HH:mm:ss"),
    ('M', "MMMM dd"),
    ('m', "MMMM dd"),
    ('O', "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK"),
    ('o', "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK"),
    ('R', "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'"),
    ('r', "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'"),
    ('s', "yyyy'-'MM'-'dd'T'HH':'mm':'ss"),
    ('t', "HH:mm"),
    ('T', "HH:mm:ss"),
    ('u', "yyyy'-'MM'-'dd HH':'mm':'ss'Z'"),
    ('U', "dddd, dd MMMM yyyy HH:mm:ss"),
    ('Y', "yyyy MMMM"),
    ('y', "yyyy MMMM"),
];

/// A part of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Literal(char),
    Day(usize),
    WeekDay { full: bool },
    Fraction { digits: usize, optional: bool },
    Era,
    Hour12(usize),
    Hour24(usize),
    Zone,
    Minute(usize),
    Month(usize),
    MonthName { full: bool },
    Second(usize),
    HalfDay { full: bool },
    Year(usize),
    Offset(usize),
}

/// A format, read.
#[derive(Debug, Clone)]
pub(crate) struct Format {
    pub(super) tokens: Vec<Token>,
    /// `U`: what is written is in UTC, and what is read was.
    pub(super) universal: bool,
}

impl Format {
    /// Reads a standard or custom format. Errors say in words what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (None, _) => Err("the format is empty".to_owned()),
            (Some(letter), None) => {
                let custom =
                    STANDARD.iter().find(|(standard, _)| *standard == letter).map(|(_, custom)| custom);
                let Some(custom) = custom else {
                    return Err(format!(
                        "{letter} is no standard format of .NET's; a single letter of a custom format is written %{letter}"
                    ));
                };
                Ok(Self { tokens: tokens(custom)?, universal: letter == 'U' })
            }
            _ => Ok(Self { tokens: tokens(text)?, universal: false }),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        at += 1;
        match letter {
            '\'' | '"' => at = quoted(&letters, at, letter, &mut tokens)?,
            '\\' => {
                let next = letters.get(at).ok_or("a \\ stands at its end")?;
                tokens.push(Token::Literal(*next));
                at += 1;
            }
            '%' => match letters.get(at) {
                Some('%') => return Err("%% means nothing".to_owned()),
                Some(_) => {}
                None => return Err("a % stands at its end".to_owned()),
            },
            _ => {
                let run = letters[at..].iter().take_while(|next| **next == letter).count();
                match specifier(letter, run + 1)? {
                    Some(token) => {
                        tokens.push(token);
                        at += run;
                    }
                    None => tokens.push(Token::Literal(letter)),
                }
            }
        }
    }
    Ok(tokens)
}

/// The literal from behind an opening quote; gives the place behind the closing one.
fn quoted(letters: &[char], from: usize, quote: char, tokens: &mut Vec<Token>) -> Result<usize, String> {
    let mut at = from;
    loop {
        match letters.get(at) {
            None => return Err(format!("the quote {quote} is not closed")),
            Some(c) if *c == quote => return Ok(at + 1),
            Some('\\') => {
                let next = letters.get(at + 1).ok_or("a \\ stands at its end")?;
                tokens.push(Token::Literal(*next));
                at += 2;
            }
            Some(c) => {
                tokens.push(Token::Literal(*c));
                at += 1;
            }
        }
    }
}

/// What a run of one letter means; `None`: itself.
fn specifier(letter: char, run: usize) -> Result<Option<Token>, String> {
    Ok(Some(match (letter, run) {
        ('d', 1 | 2) => Token::Day(run),
        ('d', _) => Token::WeekDay { full: run > 3 },
        ('f' | 'F', 8..) => {
            let name: String = std::iter::repeat_n(letter, run).collect();
            return Err(format!("{name} is no format of .NET's: a fraction has at most seven digits"));
        }
        ('f' | 'F', _) => Token::Fraction { digits: run, optional: letter == 'F' },
        ('g', _) => Token::Era,
        ('h', _) => Token::Hour12(run.min(2)),
        ('H', _) => Token::Hour24(run.min(2)),
        // Each K is one by itself, but no time has two zones.
        ('K', 1) => Token::Zone,
        ('K', _) => return Err("K stands once".to_owned()),
        ('m', _) => Token::Minute(run.min(2)),
        ('M', 1 | 2) => Token::Month(run),
        ('M', _) => Token::MonthName { full: run > 3 },
        ('s', _) => Token::Second(run.min(2)),
        ('t', _) => Token::HalfDay { full: run > 1 },
        ('y', 1..=9) => Token::Year(run),
        ('y', _) => return Err("a year has at most nine digits".to_owned()),
        ('z', _) => Token::Offset(run.min(3)),
        _ => return Ok(None),
    }))
}

/// How a text is read: .NET's `DateTimeStyles`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Styles {
    pub(super) leading_white: bool,
    pub(super) trailing_white: bool,
    pub(super) inner_white: bool,
    pub(super) no_current_date: bool,
    pub(super) to_universal: bool,
    pub(super) assume: Option<Assume>,
    pub(super) roundtrip: bool,
}

/// What a time without a zone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assume {
    /// The service's own zone, which is UTC.
    Local,
    Universal,
}

/// The names of the styles.
pub const STYLES: &[&str] = &[
    "None",
    "AllowLeadingWhite",
    "AllowTrailingWhite",
    "AllowInnerWhite",
    "AllowWhiteSpaces",
    "NoCurrentDateDefault",
    "AdjustToUniversal",
    "AssumeLocal",
    "AssumeUniversal",
    "RoundtripKind",
];

impl Styles {
    /// What holds where none are given.
    const DEFAULT: Self = Self {
        leading_white: true,
        trailing_white: true,
        inner_white: false,
        no_current_date: false,
        to_universal: false,
        assume: None,
        roundtrip: true,
    };

    /// Reads names with commas or `|` between. Errors say which are there, or which exclude each other.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::DEFAULT);
        }
        let mut styles = Self::default();
        for name in text.split([',', '|']).map(str::trim) {
            match name {
                "None" => {}
                "AllowLeadingWhite" => styles.leading_white = true,
                "AllowTrailingWhite" => styles.trailing_white = true,
                "AllowInnerWhite" => styles.inner_white = true,
                "AllowWhiteSpaces" => {
                    (styles.leading_white, styles.trailing_white, styles.inner_white) = (true, true, true);
                }
                "NoCurrentDateDefault" => styles.no_current_date = true,
                "AdjustToUniversal" => styles.to_universal = true,
                "AssumeLocal" if styles.assume != Some(Assume::Universal) => {
                    styles.assume = Some(Assume::Local);
                }
                "AssumeUniversal" if styles.assume != Some(Assume::Local) => {
                    styles.assume = Some(Assume::Universal);
                }
                "AssumeLocal" | "AssumeUniversal" => {
                    return Err("AssumeLocal and AssumeUniversal exclude each other".to_owned());
                }
                "RoundtripKind" => styles.roundtrip = true,
                other => {
                    return Err(format!("there is no style {other}; there are {}", STYLES.join(", ")));
                }
            }
        }
        if styles.roundtrip && (styles.assume.is_some() || styles.to_universal) {
            return Err(
                "RoundtripKind goes with none of AssumeLocal, AssumeUniversal, AdjustToUniversal".to_owned()
            );
        }
        Ok(styles)
    }
}
