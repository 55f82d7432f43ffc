//! Text. Positions and lengths count characters, from 1.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::{Function, Run, joined};
use crate::expression::eval::{Call, Text};
use crate::{EvalError, Value};

type Answer = Result<Value, EvalError>;

pub(super) const TABLE: &[Function] = &[
    Function::new("Append", "(source, suffix)", (2, Some(2)), Run::Eager(|c| joined("", c.from(0))))
        .sees_null()
        .each()
        .doc("Both texts joined; null is nothing.", &[
            (r#"Append([userPrincipalName], ".test")"#, r#""jdoe@contoso.com.test""#),
            (r#"Append(Mid("John",1,3), Mid("Doe",1,5))"#, r#""JohDoe""#),
            (r#"Append(null, "x")"#, r#""x""#),
        ]),
    Function::new("Prepend", "(prefix, source)", (2, Some(2)), Run::Eager(|c| joined("", c.from(0))))
        .sees_null()
        .doc("Both texts joined; null is nothing.", &[(r#"Prepend("t-", "ann")"#, r#""t-ann""#)]),
    Function::new("Join", "(separator, source1, source2, …)", (2, None), Run::Eager(join))
        .sees_null()
        .may_be_empty(&[1])
        .doc("The texts with a separator between; null and \"\" are left out, a list gives each value; null when all are null.", &[
            (r#"Join(" ", "Ann", "Lee")"#, r#""Ann Lee""#),
            (r#"Join(", ", "", "Doe", "John")"#, r#""Doe, John""#),
            (r#"Join("", "a", [absent], 1)"#, r#""a1""#),
            (r#"Join("; ", [emails.value])"#, r#""John.Doe@contoso.com; john@home.example""#),
            (r#"Join(" ", [absent], null)"#, "null"),
        ]),
    Function::new("Trim", "(source)", (1, Some(1)), Run::Eager(|c| Ok(c.text(0)?.trim().into())))
        .each()
        .doc("Without white space before and behind.", &[(r#"Trim(" Test ")"#, r#""Test""#)]),
    Function::new("StripSpaces", "(source)", (1, Some(1)), Run::Eager(|c| Ok(c.text(0)?.replace(' ', "").into())))
        .each()
        .doc("Without any blank.", &[(r#"StripSpaces(" a b ")"#, r#""ab""#)]),
    Function::new("ToLower", "(source, culture?)", (1, Some(2)), Run::Eager(|c| change_case(c, lower)))
        .each()
        .doc("In small letters, each letter by itself; culture e.g. tr-TR.", &[
            (r#"ToLower("John.Smith@Contoso.com")"#, r#""john.smith@contoso.com""#),
            (r#"ToLower("DİŞ I", "tr-TR")"#, r#""diş ı""#),
        ]),
    Function::new("ToUpper", "(source, culture?)", (1, Some(2)), Run::Eager(|c| change_case(c, upper)))
        .each()
        .doc("In capital letters, each letter by itself (ß stays ß); culture e.g. tr-TR.", &[
            (r#"ToUpper("straße")"#, r#""STRAßE""#),
            (r#"ToUpper("diş ı", "tr-TR")"#, r#""DİŞ I""#),
        ]),
    Function::new("Left", "(source, length)", (2, Some(2)), Run::Eager(left))
        .sees_null()
        .each()
        .doc("The first characters; all of them for a negative length, \"\" for null.", &[
            (r#"Left("John Doe", 3)"#, r#""Joh""#),
            (r#"Left("John", 0)"#, r#""""#),
            (r#"Left("John", -1)"#, r#""John""#),
            (r#"Left("John", 9)"#, r#""John""#),
            ("Left(null, 3)", r#""""#),
        ]),
    Function::new("Mid", "(source, start, length)", (3, Some(3)), Run::Eager(mid)).each().doc(
        "Characters from a position on.",
        &[(r#"Mid("userPrincipal", 1, 8)"#, r#""userPrin""#), (r#"Mid("Doe", 1, 5)"#, r#""Doe""#), (r#"Mid("Doe", 9, 5)"#, r#""""#)],
    ),
    Function::new("Substring", "(source, start, length?)", (2, Some(3)), Run::Eager(mid)).each().doc(
        "As `Mid`; without a length to the end.",
        &[(r#"Substring("K-4711", 3)"#, r#""4711""#)],
    ),
    Function::new("Len", "(source)", (1, Some(1)), Run::Eager(length))
        .each()
        .doc("The number of characters.", &[(r#"Len("Doe")"#, "3"), ("Len(null)", "null")]),
    Function::new("Length", "(source)", (1, Some(1)), Run::Eager(length))
        .each()
        .doc("The same as `Len`.", &[(r#"Length("Zoë")"#, "3")]),
    Function::new("InStr", "(source, part, start?, compareType?)", (2, Some(4)), Run::Eager(in_str)).doc(
        "Where the part stands, 0 if nowhere; vbTextCompare ignores case, vbBinaryCompare (the default) does not.",
        &[
            (r#"InStr("The quick brown fox", "quick")"#, "5"),
            (r#"InStr("repEated", "e", 3, vbBinaryCompare)"#, "7"),
            (r#"InStr("repEated", "e", 3, vbTextCompare)"#, "4"),
            (r#"InStr("abc", "x")"#, "0"),
        ],
    ),
    Function::new("Word", "(source, number, delimiters)", (3, Some(3)), Run::Eager(word)).sees_null().each().doc(
        "The n-th word, where any character of the delimiters parts words; \"\" if there is none.",
        &[
            (r#"Word("The quick brown fox", 3, " ")"#, r#""brown""#),
            (r#"Word("This,string!has&many separators", 3, ",!&#")"#, r#""has""#),
            (r#"Word("one two", 3, " ")"#, r#""""#),
            (r#"Word(null, 1, " ")"#, r#""""#),
        ],
    ),
    Function::new("PCase", "(source, wordSeparators?)", (1, Some(2)), Run::Eager(pcase)).each().doc(
        "The first letter of each word capital, the others small. Without separators a word ends where .NET's ToTitleCase says: at anything but letters, digits and apostrophes.",
        &[
            (r#"PCase("PABLO GONSALVES (SECOND)")"#, r#""Pablo Gonsalves (Second)""#),
            (r#"PCase("JOHN O'BRIEN-SMITH")"#, r#""John O'brien-Smith""#),
            (r#"PCase("PINTO-DE'SILVA", " '-")"#, r#""Pinto-De'Silva""#),
            (r#"PCase(Join(" ", "GREGORY", "JAMES"))"#, r#""Gregory James""#),
        ],
    ),
    Function::new("NormalizeDiacritics", "(source)", (1, Some(1)), Run::Eager(|c| Ok(plain(&c.text(0)?).into()))).each().doc(
        "Latin letters without their marks: ä→a, ø→oe, ß→ss; other characters stay.",
        &[
            (r#"NormalizeDiacritics("Zoë")"#, r#""Zoe""#),
            (r#"NormalizeDiacritics("Łukasz Müßig Søren İnci")"#, r#""Lukasz Mussig Soeren Inci""#),
            (r#"NormalizeDiacritics("Ελλάς")"#, r#""Ελλάς""#),
        ],
    ),
    Function::new("TransliterateAscii", "(source)", (1, Some(1)), Run::Eager(|c| Ok(super::transliterate::ascii(&c.text(0)?).into())))
        .each()
        .doc("Latin, Greek and Cyrillic letters and common signs in ASCII; what has no spelling there is left out.", &[
            (r#"TransliterateAscii("Łukasz Müßig Жанна")"#, r#""Lukasz Mussig Zhanna""#),
        ]),
    Function::new("Format", "(template, value1, value2, …)", (1, None), Run::Eager(format)).doc(
        "The template with {0}, {1}, … replaced by the values; null is nothing; {{ and }} are braces.",
        &[
            (r#"Format("{1}, {0}", "John", "Doe")"#, r#""Doe, John""#),
            (r#"Format("{{{0}}}", null)"#, r#""{}""#),
        ],
    ),
];

fn join(call: &mut Call<'_, '_, '_>) -> Answer {
    let separator = call.text(0)?;
    joined(&separator, call.from(1))
}

fn change_case(call: &mut Call<'_, '_, '_>, change: fn(char) -> char) -> Answer {
    let culture = call.text(1)?;
    let turkish =
        ["tr", "az"].iter().any(|t| culture.split('-').next().is_some_and(|c| c.eq_ignore_ascii_case(t)));
    let upper_case = change('a') == 'A';
    let one = |c: char| match (turkish, upper_case, c) {
        (true, true, 'i') => 'İ',
        (true, false, 'I') => 'ı',
        (true, false, 'İ') => 'i',
        // Without a culture .NET leaves the two Turkish letters alone.
        (false, _, 'ı' | 'İ') => c,
        _ => change(c),
    };
    Ok(call.text(0)?.chars().map(one).collect::<String>().into())
}

/// One to one, as .NET does: a letter that would become several stays.
fn lower(c: char) -> char {
    single(c, c.to_lowercase())
}

fn upper(c: char) -> char {
    single(c, c.to_uppercase())
}

fn single(c: char, mut changed: impl ExactSizeIterator<Item = char>) -> char {
    if changed.len() == 1 { changed.next().unwrap_or(c) } else { c }
}

fn left(call: &mut Call<'_, '_, '_>) -> Answer {
    let (text, length) = (call.text(0)?, call.whole(1)?);
    Ok(match usize::try_from(length) {
        Ok(length) => text.chars().take(length).collect::<String>().into(),
        Err(_) => text.into_owned().into(),
    })
}

fn mid(call: &mut Call<'_, '_, '_>) -> Answer {
    let start = call.whole(1)?;
    let Some(skip) = start.checked_sub(1).and_then(|s| usize::try_from(s).ok()) else {
        return Err(call.wrong(1, "is less than 1"));
    };
    let length = match call.given(2) {
        true => usize::try_from(call.whole(2)?).map_err(|_| call.wrong(2, "is negative"))?,
        false => usize::MAX,
    };
    Ok(call.text(0)?.chars().skip(skip).take(length).collect::<String>().into())
}

fn length(call: &mut Call<'_, '_, '_>) -> Answer {
    Ok(Value::Integer(call.text(0)?.chars().count() as i64))
}

fn in_str(call: &mut Call<'_, '_, '_>) -> Answer {
    let skip = match call.given(2) {
        true => usize::try_from(call.whole(2)? - 1).map_err(|_| call.wrong(2, "is less than 1"))?,
        false => 0,
    };
    let ignore_case = match call.text(3)?.as_ref() {
        "" | "vbBinaryCompare" => false,
        "vbTextCompare" => true,
        _ => return Err(call.wrong(3, "is neither vbTextCompare nor vbBinaryCompare")),
    };
    let letters = |text: &str| if ignore_case { text.chars().map(lower).collect() } else { text.to_owned() };
    let (source, part) = (letters(&call.text(0)?), letters(&call.text(1)?));
    let Some((from, _)) = source.char_indices().nth(skip) else { return Ok(Value::Integer(0)) };
    let position = source[from..].find(&part).map_or(0, |at| source[..from + at].chars().count() + 1);
    Ok(Value::Integer(position as i64))
}

fn word(call: &mut Call<'_, '_, '_>) -> Answer {
    let (text, number, delimiters) = (call.text(0)?, call.whole(1)?, call.text(2)?);
    let Some(skip) = number.checked_sub(1).and_then(|n| usize::try_from(n).ok()) else {
        return Ok("".into());
    };
    // No delimiter: no words.
    if delimiters.is_empty() {
        return Ok("".into());
    }
    let word = text.split(|c| delimiters.contains(c)).filter(|word| !word.is_empty()).nth(skip);
    Ok(word.unwrap_or_default().into())
}

fn pcase(call: &mut Call<'_, '_, '_>) -> Answer {
    let (text, separators) = (call.text(0)?, call.text(1)?);
    if separators.is_empty() {
        return Ok(title_case(&text).into());
    }
    let mut begins = true;
    let cased = text.chars().map(|c| {
        let cased = if begins { upper(c) } else { lower(c) };
        begins = separators.contains(c);
        cased
    });
    Ok(cased.collect::<String>().into())
}

/// .NET's ToTitleCase after small letters: a word begins with a letter and goes on through letters, digits, marks and
/// apostrophes.
fn title_case(text: &str) -> String {
    let mut in_word = false;
    let cased = text.chars().map(|c| {
        if c.is_alphabetic() {
            let begins = !std::mem::replace(&mut in_word, true);
            return if begins { upper(c) } else { lower(c) };
        }
        in_word &= c == '\'' || c.is_numeric() || is_combining_mark(c);
        c
    });
    cased.collect()
}

/// Entra's table as a rule: the letters it lists lose their marks, a few become two letters.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_letter = false;
    for c in text.chars() {
        let several = match c {
            'æ' | 'ǣ' | 'ǽ' => "ae",
            'Æ' | 'Ǣ' | 'Ǽ' => "AE",
            'ø' | 'ǿ' | 'œ' => "oe",
            'Ø' | 'Ǿ' | 'Œ' => "OE",
            'ß' => "ss",
            'ı' => "i",
            'ł' => "l",
            'Ł' => "L",
            'đ' => "d",
            'Đ' => "D",
            _ => "",
        };
        if !several.is_empty() {
            out.push_str(several);
            after_letter = true;
            continue;
        }
        if is_combining_mark(c) && after_letter {
            continue;
        }
        let base = c.nfd().next().unwrap_or(c);
        after_letter = "acdegilnorstuyz".contains(base.to_ascii_lowercase());
        out.push(if after_letter { base } else { c });
    }
    out
}

fn format(call: &mut Call<'_, '_, '_>) -> Answer {
    let template = call.text(0)?;
    let mut out = Text::default();
    let mut rest = template.as_ref();
    while let Some(at) = rest.find(['{', '}']) {
        out.push(&rest[..at])?;
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push(brace)?;
            rest = after;
            continue;
        }
        let number = if brace == "{" { rest.split_once('}') } else { None };
        let Some((number, after)) = number else {
            return Err(call.wrong(0, "has a brace without its other"));
        };
        let value = number.parse::<usize>().ok().and_then(|n| call.from(1).get(n));
        let Some(value) = value else {
            return Err(call.wrong(0, "has a place for a value that is not given"));
        };
        if !value.is_null() {
            out.push(&value.as_text().ok_or_else(|| EvalError::new("a list or an object has no text"))?)?;
        }
        rest = after;
    }
    out.push(rest)?;
    Ok(out.done())
}
